//! `countersign trust show`.

use clap::Args;
use countersign::{
    crypto::{hex, sha256},
    time::Time,
};
use serde_json::{Value, json};

use super::{Directory, update::roles};
use crate::{
    cli::{
        Exit,
        clock::{self, Clock},
        explanation::clean,
        output::print,
        report::{Format, refuse},
    },
    trust::{
        Choice, EMBEDDED_SINCE, Instance, Kept, Service, Standing, Store, TrustError, age, choose,
        embedded_since, read_trusted_root, said, services,
    },
};

const EXAMPLES: &str = "\
Examples:
  countersign trust show
  countersign trust show github
  countersign trust show --output json | jq -r '.instances[].warnings[]'";

const DAY: i64 = 24 * 60 * 60;

/// Shows which trusted roots are there, what is in them, and how old they are
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    /// Of this instance alone
    name: Option<String>,
    /// Warn where nothing was updated for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    max_age: u32,
    #[command(flatten)]
    directory: Directory,
    /// As of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    now: Option<Time>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

impl Show {
    pub(super) fn run(self) -> Exit {
        self.show().unwrap_or_else(|e| refuse(&e.to_string()))
    }

    fn show(&self) -> Result<Exit, TrustError> {
        let store = self.directory.store()?;
        let now = Clock::new(self.now).now;
        let mut names: Vec<String> = Instance::known().into_iter().map(|i| i.name).collect();
        names.extend(store.names()?.into_iter().filter(|n| Instance::by_name(n).is_none()));
        if let Some(only) = &self.name {
            names.retain(|name| name == only);
            if names.is_empty() {
                return Err(TrustError::NoInstance(only.clone()));
            }
        }
        let seen: Vec<_> = names.iter().map(|name| Seen::of(&store, name, now, self)).collect();
        let written = match self.output {
            Format::Text => print(&seen.iter().map(Seen::text).collect::<Vec<_>>().join("\n")),
            Format::Json => {
                let instances: Vec<_> = seen.iter().map(Seen::json).collect();
                let report = json!({ "apiVersion": "countersign.dev/trust/v1",
                    "now": now.to_string(), "directory": store.directory().display().to_string(),
                    "instances": instances });
                print(&format!("{report:#}\n"))
            }
        };
        match written {
            Ok(()) if seen.iter().any(|seen| seen.damaged) => Ok(Exit::BadInput),
            Ok(()) => Ok(Exit::Allow),
            Err(e) => Ok(refuse(&format!("what is there cannot be written: {e}"))),
        }
    }
}

/// One instance, as it is to be shown.
struct Seen {
    name: String,
    /// The module's digest and whether it counts.
    embedded: Option<String>,
    kept: Option<(Box<Kept>, Standing)>,
    path: String,
    /// `module`, `disk` or nothing.
    in_use: &'static str,
    /// Of the one that counts.
    services: Vec<Service>,
    warnings: Vec<String>,
    damaged: bool,
}

impl Seen {
    fn of(store: &Store, name: &str, now: Time, options: &Show) -> Self {
        let mut seen = Self {
            name: name.to_owned(),
            embedded: None,
            kept: None,
            path: store.copy(name).display().to_string(),
            in_use: "",
            services: Vec::new(),
            warnings: Vec::new(),
            damaged: false,
        };
        match Instance::by_name(name) {
            Some(known) => seen.known(store, &known, now, options),
            None => match own(store, name) {
                Ok(kept) => seen.use_kept(Box::new(kept), now, options),
                Err(e) => seen.damage(e.to_string()),
            },
        }
        seen
    }

    fn known(&mut self, store: &Store, instance: &Instance, now: Time, options: &Show) {
        let Some(embedded) = instance.embedded else { return };
        self.embedded = Some(format!("sha256:{}", hex(&sha256(embedded.text.as_bytes()))));
        match choose(store, instance) {
            Choice::Kept(kept) => return self.use_kept(kept, now, options),
            Choice::Embedded => {}
            Choice::EmbeddedDespite { why, kept: Some(kept) } => {
                let standing = kept.standing(now);
                self.kept = Some((kept, standing));
                self.warnings.push(why);
            }
            Choice::EmbeddedDespite { why, kept: None } => self.damage(why),
        }
        self.in_use = "module";
        // The core's tests read every one of them.
        if let Ok((_, root)) = read_trusted_root(embedded.text) {
            self.services = services(&root, now);
            if let Some(why) = age(&root, embedded_since(), now).warning() {
                let name = &instance.name;
                self.warnings.push(format!(
                    "the module's root: {why}: `countersign trust update --name {name}` fetches a \
                     newer one"
                ));
            }
        }
    }

    fn use_kept(&mut self, kept: Box<Kept>, now: Time, options: &Show) {
        self.in_use = "disk";
        self.services = services(&kept.contents, now);
        let standing = kept.standing(now);
        if standing != Standing::Fresh {
            self.warnings.push(said(&standing, &kept));
        }
        let days = now.unix().saturating_sub(kept.updated.unix()) / DAY;
        if days > i64::from(options.max_age) {
            self.warnings.push(format!("it was not updated for {days} days"));
        }
        if let Some(why) = age(&kept.contents, None, now).warning() {
            self.warnings
                .push(format!("{why}: see whether the instance has published a newer one"));
        }
        let newest = kept.record.roots.keys().next_back().copied().unwrap_or_default();
        if newest > kept.record.root {
            self.warnings.push(format!(
                "root metadata {newest} is known, and what is kept was signed under {}",
                kept.record.root
            ));
        }
        self.kept = Some((kept, standing));
    }

    fn damage(&mut self, why: String) {
        self.damaged = true;
        self.warnings.push(why);
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", clean(&self.name));
        let mark = |which: &str| if self.in_use == which { "in use" } else { "not in use" };
        if let Some(digest) = &self.embedded {
            text.push_str(&format!(
                "  module: {}, taken on {EMBEDDED_SINCE}, {digest}\n",
                mark("module")
            ));
        }
        if let Some((kept, standing)) = &self.kept {
            text.push_str(&format!(
                "  disk: {}, updated at {}, {}\n    {}\n    from {}\n",
                mark("disk"),
                kept.updated,
                kept.digest(),
                clean(&self.path),
                clean(&kept.record.origin)
            ));
            for role in &kept.roles {
                let (name, version, expires) = (role.role, role.version, role.expires);
                text.push_str(&format!("    {name} {version}, valid until {expires}\n"));
            }
            if matches!(standing, Standing::Fresh) && kept.checked != kept.updated {
                text.push_str(&format!("    tried at {}\n", kept.checked));
            }
        }
        for service in &self.services {
            text.push_str(&format!("  {}\n", line(service)));
        }
        for warning in &self.warnings {
            text.push_str(&format!("  warning: {}\n", clean(warning)));
        }
        text
    }

    fn json(&self) -> Value {
        let kept = self.kept.as_ref().map(|(kept, standing)| {
            let record = &kept.record;
            json!({
                "path": self.path, "digest": kept.digest(), "origin": record.origin,
                "mirror": record.mirror, "updated": record.updated, "checked": record.checked,
                "failure": record.failure, "roles": roles(&kept.roles),
                "standing": match standing {
                    Standing::Fresh => "fresh",
                    Standing::Stale { .. } => "stale",
                    Standing::Expired { .. } => "expired",
                },
            })
        });
        let embedded = self.embedded.as_ref();
        let embedded = embedded.map(|d| json!({ "digest": d, "taken": EMBEDDED_SINCE }));
        json!({
            "name": self.name, "inUse": self.in_use, "module": embedded, "disk": kept,
            "services": self.services, "warnings": self.warnings,
        })
    }
}

fn own(store: &Store, name: &str) -> Result<Kept, TrustError> {
    let found = Kept::find(store, name)?;
    let (instance, record) = found.ok_or_else(|| TrustError::NoInstance(name.to_owned()))?;
    Kept::open(&instance, record)
}

/// A service in one line.
fn line(service: &Service) -> String {
    let id: String = service.id.chars().take(12).collect();
    let start = service.start.as_deref().unwrap_or("always");
    let end = service.end.as_deref().unwrap_or("now on");
    let certificates = match &service.certificates_end {
        Some(end) => format!(", certificates until {end}"),
        None => String::new(),
    };
    let state = if service.in_use { "" } else { " (not in use)" };
    format!(
        "{}: {} {id}, {start} to {end}{certificates}{state}",
        service.kind.words(),
        clean(&service.name)
    )
}
