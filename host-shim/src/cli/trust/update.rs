//! `countersign trust update`.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use countersign::time::Time;
use serde_json::{Value, json};

use super::Directory;
use crate::{
    cli::{
        Exit,
        clock::Clock,
        explanation::clean,
        output::{note, print},
        report::{Format, refuse},
    },
    http::{Options, Url},
    trust::{
        Instance, Kept, Local, Mirror, RepositoryFiles, RoleState, Store, TrustError, Updated,
        update,
    },
};

const EXAMPLES: &str = "\
Examples:
  countersign trust update
  countersign trust update --github
  countersign trust update --mirror https://tuf.acme.test --root root.json --name acme
  countersign trust update --name acme          # again, from where it was fetched
  countersign trust update --from sigstore-tuf.tar.gz
  countersign trust update --all

What is fetched is kept in $XDG_DATA_HOME/countersign/trust (~/.local/share/countersign/trust).
`countersign verify` takes it in place of the older roots of the module, and policies name an
instance of their own as `trustedRoot: { tuf: acme }`.

Exit codes:
  0  the newest trusted root is kept
  1  refused: tampered with, rolled back, expired, not signed as it must be
  2  the repository could not be reached; what was kept stays
  3  bad input: usage, root metadata, the directory";

/// Bytes of root metadata in a file: what TUF clients take.
const MOST_ROOT: u64 = 512_000;

/// Fetches the newest trusted root of a Sigstore instance by TUF
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Update {
    /// Of GitHub's instance, for attestations of private repositories
    #[arg(long, conflicts_with_all = ["staging", "all", "root", "name"])]
    github: bool,
    /// Of Sigstore's staging instance
    #[arg(long, conflicts_with_all = ["all", "root", "name"])]
    staging: bool,
    /// Of every instance that is kept, and of the public-good instance
    #[arg(long, conflicts_with_all = ["mirror", "from", "root", "name"])]
    all: bool,
    /// The instance's name: public-good, github, staging or one of your own; without it your own is
    /// called as the mirror's host
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where the repository is, or a mirror of it
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Root metadata of an instance of your own, any version of it
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// A copy of the repository instead: a directory, or a tar file, with gzip or without
    #[arg(long, value_name = "DIR_OR_ARCHIVE", conflicts_with = "mirror")]
    from: Option<PathBuf>,
    #[command(flatten)]
    directory: Directory,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

impl Update {
    pub(super) fn run(self) -> Exit {
        let wanted = self.directory.store().and_then(|store| {
            let instances = self.instances(&store)?;
            Ok((store, instances))
        });
        let (store, instances) = match wanted {
            Ok(wanted) => wanted,
            Err(e) => return refuse(&e.to_string()),
        };
        let now = Clock::new(None).now;
        let (mut exit, mut results) = (Exit::Allow, Vec::new());
        for instance in instances {
            let result =
                self.files(&instance).and_then(|files| update(&store, &instance, files, now));
            exit = exit.worst(result.as_ref().map_or_else(exit_of, |_| Exit::Allow));
            results.push((instance.name, result));
        }
        match self.say(&store, &results, now) {
            Ok(()) => exit,
            Err(e) => refuse(&format!("the result cannot be written: {e}")),
        }
    }

    fn instances(&self, store: &Store) -> Result<Vec<Instance>, TrustError> {
        if self.all {
            let mut names = store.names()?;
            if !names.iter().any(|name| name == "public-good") {
                names.insert(0, "public-good".to_owned());
            }
            return names.iter().map(|name| kept_or_known(store, name)).collect();
        }
        let known = |name| kept_or_known(store, name);
        let mut instance = match (&self.name, &self.root) {
            (name, Some(root)) => {
                let name = self.name_of(name.as_deref())?;
                Instance::own(&name, read_root(root)?, None)?
            }
            (Some(name), None) => known(name)?,
            (None, None) if self.github => known("github")?,
            (None, None) if self.staging => known("staging")?,
            (None, None) => known("public-good")?,
        };
        if let Some(mirror) = &self.mirror {
            instance.mirror = Some(mirror.clone());
        }
        Ok(vec![instance])
    }

    /// What an instance of one's own is called where nobody says.
    fn name_of(&self, name: Option<&str>) -> Result<String, TrustError> {
        if let Some(name) = name {
            return Ok(name.to_owned());
        }
        let host = self.mirror.as_deref().and_then(|mirror| Url::parse(mirror).ok());
        let host = host.and_then(|url| url.host_str().map(str::to_owned));
        host.ok_or_else(|| {
            TrustError::Usage(
                "--root is of an instance of your own: call it something with --name".to_owned(),
            )
        })
    }

    fn files(&self, instance: &Instance) -> Result<Arc<dyn RepositoryFiles>, TrustError> {
        if let Some(path) = &self.from {
            return Ok(Arc::new(Local::open(path)?));
        }
        let mirror = instance.mirror.as_deref().ok_or_else(|| {
            TrustError::Usage(format!(
                "nobody knows where the repository of `{}` is: pass --mirror URL, or --from with a \
                 copy of it",
                instance.name
            ))
        })?;
        Ok(Arc::new(Mirror::new(mirror, &Options::default())?))
    }

    fn say(
        &self,
        store: &Store,
        results: &[(String, Result<Updated, TrustError>)],
        now: Time,
    ) -> std::io::Result<()> {
        for (name, result) in results {
            if let Err(e) = result {
                note(&format!("error: {name}: {}", clean(&e.to_string())));
                if let Some(kept) = still_kept(store, name) {
                    note(&format!("note: {name}: {}", clean(&kept)));
                }
            }
        }
        if self.output == Format::Json {
            let entries: Vec<_> =
                results.iter().map(|(name, result)| entry(name, result)).collect();
            let report = json!({ "apiVersion": "countersign.dev/trust-update/v1",
                "now": now.to_string(), "results": entries });
            return print(&format!("{report:#}\n"));
        }
        let good = results.iter().filter_map(|(name, result)| Some((name, result.as_ref().ok()?)));
        print(&good.map(|(name, updated)| text(store, name, updated)).collect::<String>())
    }
}

/// What stays after a failure.
fn still_kept(store: &Store, name: &str) -> Option<String> {
    let record = store.load(name).ok()??;
    Some(format!("the trusted root of {} stays", record.updated))
}

/// What is kept knows where it came from.
fn kept_or_known(store: &Store, name: &str) -> Result<Instance, TrustError> {
    match Kept::find(store, name)? {
        Some((instance, record)) => {
            Ok(Instance { mirror: record.mirror.or(instance.mirror), ..instance })
        }
        None => Instance::by_name(name).ok_or_else(|| TrustError::NoInstance(name.to_owned())),
    }
}

fn read_root(path: &Path) -> Result<String, TrustError> {
    let disk = |why: String| TrustError::Disk { path: path.display().to_string(), why };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_ROOT + 1).read_to_end(&mut bytes))
        .map_err(|e| disk(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > MOST_ROOT {
        return Err(disk(format!("has more than {MOST_ROOT} bytes, and is no root metadata")));
    }
    String::from_utf8(bytes).map_err(|_| disk("is no root metadata: it is not UTF-8".to_owned()))
}

fn exit_of(error: &TrustError) -> Exit {
    match error {
        TrustError::Busy { .. } | TrustError::Denied { .. } | TrustError::Unavailable { .. } => {
            Exit::Undetermined
        }
        TrustError::Disk { .. }
        | TrustError::InitialRoot(_)
        | TrustError::NoInstance(_)
        | TrustError::Usage(_) => Exit::BadInput,
        _ => Exit::Deny,
    }
}

fn text(store: &Store, name: &str, updated: &Updated) -> String {
    let kept = &updated.kept;
    let what = match (updated.before.is_empty(), updated.changed) {
        (true, _) => "fetched",
        (false, true) => "updated",
        (false, false) => "is the newest",
    };
    let roles: Vec<_> = kept.roles.iter().map(|r| said(r, &updated.before)).collect();
    let expires = kept.expires().map(|r| format!("{} ({})", r.expires, r.role));
    format!(
        "{}: {what}: {}\n  from {}\n  {}\n  valid until {}\n  kept in {}\n",
        clean(name),
        kept.digest(),
        clean(&kept.record.origin),
        roles.join(", "),
        expires.unwrap_or_default(),
        clean(&store.copy(name).display().to_string()),
    )
}

/// `root 16 (before: 15)`
fn said(role: &RoleState, before: &[RoleState]) -> String {
    let old = before.iter().find(|b| b.role == role.role).filter(|b| b.version != role.version);
    let old = old.map(|old| format!(" (before: {})", old.version)).unwrap_or_default();
    format!("{} {}{old}", role.role, role.version)
}

fn entry(name: &str, result: &Result<Updated, TrustError>) -> Value {
    match result {
        Ok(updated) => json!({
            "name": name,
            "changed": updated.changed,
            "digest": updated.kept.digest(),
            "origin": updated.kept.record.origin,
            "roles": roles(&updated.kept.roles),
            "rolesBefore": roles(&updated.before),
        }),
        Err(e) => json!({ "name": name, "error": e.to_string(), "transient": e.is_transient() }),
    }
}

/// Versions and expiry by role.
pub(super) fn roles(roles: &[RoleState]) -> Value {
    let entry = |r: &RoleState| {
        (r.role.to_owned(), json!({ "version": r.version, "expires": r.expires.to_string() }))
    };
    roles.iter().map(entry).collect::<serde_json::Map<_, _>>().into()
}
