//! A gateway in front of a registry that hands out signed images only. It asks nobody who he is, and
//! pulls with the credentials of this machine: let only those reach it who may read what they may.
//!
//! ```console
//! $ cargo run --release -p countersign-host --example gateway -- ghcr.io policy.json 127.0.0.1:5050 &
//! $ docker pull 127.0.0.1:5050/acme/app:1.0
//! Error response from daemon: denied: signature.none: no signatures found …
//! ```

mod gateway;

use std::{env, error::Error, fs, sync::Arc, time::SystemTime};

use countersign::time::Time;
use countersign_host::{
    auth::Environment,
    driver::{Keep, Warm},
    registry::{Options, Registry},
    runtime::{Embedded, Engine, Limits, Module, Modules, Profile, Slots},
};
use gateway::{Gateway, router};

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [upstream, policy, listen] = arguments.as_slice() else {
        return Err("usage: gateway UPSTREAM POLICY.json LISTEN".into());
    };
    let engine = Engine::pooled(Profile::Wide, Slots::default())?;
    let (module, _) = Module::embedded(&engine, MODULES.wide)?;
    let options = Options::of_this_machine(&Environment::process())?;
    let gateway = Gateway {
        upstream: upstream.clone(),
        policy: serde_json::from_slice(&fs::read(policy)?)?,
        evaluator: Box::new(Warm::new(module, Limits::default(), Keep::default())),
        registry: Registry::new(&Options { plain_http: true, ..options }),
        clock: now,
        known: std::sync::Mutex::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        eprintln!("listening on {}", listener.local_addr()?);
        axum::serve(listener, router(Arc::new(gateway))).await
    })?;
    Ok(())
}

fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Time::from_unix(seconds).to_string()
}
