//! The registry as a command, for demos and scripts.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use loopback_registry::{Auth, Fault, Options, Registry, Tls, User, What};

/// An OCI registry on loopback, in memory, for tests and demos
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  loopback-registry --load layouts/app=acme/app --page-size 2"
)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Put what an OCI layout holds into a repository
    #[arg(long, value_name = "DIR=NAME")]
    load: Vec<String>,
    /// Have no referrers API
    #[arg(long)]
    no_referrers: bool,
    /// Show at most so many tags, repositories or referrers on a page
    #[arg(long, value_name = "N")]
    page_size: Option<usize>,
    /// Refuse to move a tag
    #[arg(long)]
    immutable_tags: bool,
    /// Refuse to delete
    #[arg(long)]
    no_delete: bool,
    /// Take manifests whose blobs are not there
    #[arg(long)]
    sparse: bool,
    /// Keep repositories as OCI layouts below this directory
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Append one JSON object a request to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Ask for this password, by HTTP Basic
    #[arg(long, value_name = "USER:PASSWORD")]
    basic: Option<String>,
    /// Ask for a token of its own token service, which wants this password
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "basic")]
    bearer: Option<String>,
    /// Serve HTTPS with this certificate and key (PEM)
    #[arg(long, value_name = "CERTIFICATE,KEY")]
    tls: Option<String>,
    /// Ask clients for a certificate of this CA (PEM)
    #[arg(long, value_name = "FILE", requires = "tls")]
    client_ca: Option<PathBuf>,
    /// Wait so long before each answer
    #[arg(long, value_name = "N")]
    delay_ms: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("loopback-registry: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let options = Options {
        listen: arguments.listen,
        referrers: !arguments.no_referrers,
        page_size: arguments.page_size,
        immutable_tags: arguments.immutable_tags,
        deletes: !arguments.no_delete,
        sparse: arguments.sparse,
        auth: auth(arguments)?,
        tls: tls(arguments)?,
        directory: arguments.directory.clone(),
        log_file: arguments.log.clone(),
        faults: arguments.delay_ms.map(delay).into_iter().collect(),
        ..Options::default()
    };
    let registry = Registry::try_start(options).map_err(|e| e.to_string())?;
    for load in &arguments.load {
        let (layout, name) = pair(load, '=', "--load")?;
        let loaded = registry.load(layout.as_ref(), name);
        let loaded = loaded.map_err(|e| format!("the layout `{layout}` cannot be loaded: {e}"))?;
        let (manifests, tags) = (loaded.manifests.len(), loaded.tags.len());
        eprintln!("loaded {name}: {manifests} manifests, {tags} tags");
    }
    println!("listening on {}", registry.host);
    registry.wait();
    Ok(())
}

fn delay(milliseconds: u64) -> Fault {
    Fault::new(What::Delay(Duration::from_millis(milliseconds)))
}

fn auth(arguments: &Arguments) -> Result<Auth, String> {
    let user = |text, option| {
        let (name, password) = pair(text, ':', option)?;
        Ok::<_, String>(vec![User::new(name, password)])
    };
    match (&arguments.basic, &arguments.bearer) {
        (Some(text), _) => Ok(Auth::Basic(user(text, "--basic")?)),
        (_, Some(text)) => {
            Ok(Auth::Bearer(loopback_registry::TokenService::new(user(text, "--bearer")?)))
        }
        _ => Ok(Auth::None),
    }
}

fn tls(arguments: &Arguments) -> Result<Option<Tls>, String> {
    let Some(files) = &arguments.tls else { return Ok(None) };
    let read = |path: &str| fs::read_to_string(path).map_err(|e| format!("`{path}`: {e}"));
    let (certificate, key) = pair(files, ',', "--tls")?;
    let tls = Tls::new(read(certificate)?, read(key)?);
    match &arguments.client_ca {
        Some(path) => Ok(Some(tls.client_ca(read(&path.to_string_lossy())?))),
        None => Ok(Some(tls)),
    }
}

fn pair<'a>(text: &'a str, joint: char, option: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once(joint).ok_or_else(|| format!("{option}: there is no `{joint}` in its value"))
}
