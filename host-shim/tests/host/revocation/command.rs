//! The options of the command.

use std::process::{Command, Output};

use serde_json::json;

use super::{fetch_crl, good_crl, only_file, serving, url};
use crate::{
    guest::answering,
    scratch::{Scratch, image, tag},
};

/// Runs a command on a module that needs this CRL and nothing else.
fn run(command: &str, url: &str, more: &[&str], environment: &[(&str, &str)]) -> Output {
    let scratch = Scratch::new();
    let need = json!({
        "apiVersion": "countersign.dev/step/v1",
        "need": [fetch_crl(url)],
    });
    let module = scratch.write("guest.wasm", answering(need.to_string().as_bytes()));
    let policy = scratch.write("policy.json", "{}");
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let layout = format!("oci-layout:{}", scratch.path().display());
    let target: Vec<&str> = match command {
        "verify" => vec![&layout],
        _ => vec!["--bundle", policy.to_str().unwrap(), policy.to_str().unwrap()],
    };
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args([command, "--policy", policy.to_str().unwrap()])
        .args(["--module", module.to_str().unwrap()])
        .args(more)
        .args(target)
        .env("XDG_CACHE_HOME", scratch.path().join("caches"))
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn the_command_asks_as_it_is_told() {
    let proxy = serving(good_crl());
    let through = format!("http://{}", proxy.host);
    let proxies = ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"];
    let proxies = proxies.map(|name| (name, through.as_str()));
    for command in ["verify", "verify-blob"] {
        let server = serving(good_crl());
        let host: &str = &server.host;
        for (more, requests) in [
            (&[][..], 0),
            (&["--revocation-host", "127.0.0.1:1"], 0),
            (&["--revocation-host", host], 1),
            (&["--revocation-host", "a", "--revocation-host", "127.0.0.1"], 2),
            (&["--revocation", "listed", "--revocation-host", host], 3),
            (&["--revocation", "offline", "--revocation-host", host], 3),
        ] {
            let output = run(command, &url(&server), more, &proxies);
            let said = String::from_utf8(output.stderr).unwrap();
            // The module asks again for what it has.
            assert!(said.contains("no progress"), "{said}");
            assert_eq!(server.log().len(), requests, "{command} {more:?}");
        }
    }
    assert_eq!(proxy.log().len(), 0);
}

#[test]
fn the_command_keeps_answers_where_it_is_told() {
    let server = serving(good_crl());
    let scratch = Scratch::new();
    let (given, home) = (scratch.path().join("given"), scratch.path().join("home"));
    let listed = ["--revocation-host", "127.0.0.1", "--revocation-cache"];
    let options = [&listed[..], &[given.to_str().unwrap()]].concat();
    for _ in 0..2 {
        run("verify", &url(&server), &options, &[]);
    }
    assert_eq!(server.log().len(), 1);
    let old = [&options[..], &["--revocation-cache-age", "0"]].concat();
    run("verify", &url(&server), &old, &[]);
    assert_eq!(server.log().len(), 2);
    only_file(&given);
    // The user's cache directory, where XDG names none that is absolute.
    let environment = [("XDG_CACHE_HOME", "here"), ("HOME", home.to_str().unwrap())];
    run("verify", &url(&server), &listed[..2], &environment);
    only_file(&home.join(".cache/countersign/revocation"));
}

#[test]
fn bad_options_are_refused() {
    for bad in [
        &["--revocation", "sometimes"][..],
        &["--revocation", "listed"],
        &["--revocation-host", "http://a"],
        &["--revocation-host", "a:b"],
        &["--revocation-cache-age", "1h"],
    ] {
        let output = run("verify", "http://a/", bad, &[]);
        assert_eq!(output.status.code(), Some(3), "{bad:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("--revocation"), "{said}");
        assert!(!said.contains("no progress"), "{said}");
    }
}
