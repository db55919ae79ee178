use std::process::{Command, Output};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::script;
use crate::{
    loopback::{Loopback, Reply},
    scratch::{MANIFEST, Scratch, image},
};

const POLICY: &str = r#"
apiVersion: countersign.dev/v1
kind: ImagePolicy
spec:
  authorities: { actions: { github: { repository: acme/app } } }
  rules: [ { images: [ "**" ], require: actions } ]
"#;

/// A registry with one image and no signature, for `u` with password `p`.
fn registry() -> Loopback {
    let manifest = image("a").to_string();
    let basic = format!("Basic {}", STANDARD.encode("u:p"));
    Loopback::start(move |incoming| {
        if incoming.header("authorization") != Some(&basic) {
            return Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"");
        }
        match incoming.path.as_str() {
            "/v2/app/manifests/1" => {
                Reply::new(200, manifest.clone()).with("Content-Type", MANIFEST)
            }
            _ => Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#),
        }
    })
}

/// Verifies the image, with an environment of its own.
fn verify(scratch: &Scratch, registry: &Loopback, options: &[&str], home: &str) -> Output {
    let policy = scratch.write("policy.yaml", POLICY);
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["verify", "--plain-http", "--policy", policy.to_str().unwrap()])
        .args(options)
        .arg(format!("{}/app:1", registry.host))
        .env_clear()
        .env("HOME", scratch.path().join(home))
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn the_command_takes_credentials_from_where_it_is_told() {
    let (scratch, registry) = (Scratch::new(), registry());
    let auths = json!({ "auths": { registry.host.clone(): { "username": "u", "password": "p" } } });
    let entry = |directory: &str, name: &str| {
        let path = scratch.write(&format!("{directory}/{name}"), auths.to_string());
        path.to_str().unwrap().to_owned()
    };
    let file = entry("given", "auth.json");
    let secret = entry("secret", ".dockerconfigjson");
    let directory = scratch.path().join("secret").to_str().unwrap().to_owned();
    entry("home/.docker", "config.json");
    let response = json!({
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Image",
        "auth": { registry.host.clone(): { "username": "u", "password": "p" } },
    });
    script(&scratch, "bin/provider", &format!("echo '{response}'"));
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [{
            "name": "provider",
            "matchImages": [registry.host],
            "defaultCacheDuration": "0s",
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        }],
    });
    let config = scratch.write("config.json", config.to_string());
    let programs = scratch.path().join("bin");
    let kubelet = [
        "--image-credential-provider-config",
        config.to_str().unwrap(),
        "--image-credential-provider-bin-dir",
        programs.to_str().unwrap(),
    ];
    for (options, home) in [
        (&["--authfile", &file][..], "empty"),
        (&["--pull-secret", &secret], "empty"),
        (&["--pull-secret", &directory, "--cloud", "none"], "empty"),
        (&kubelet, "empty"),
        (&[], "home"),
    ] {
        let output = verify(&scratch, &registry, options, home);
        assert_eq!(output.status.code(), Some(1), "{options:?} {}", said(&output));
    }
    // Without any, the registry's refusal is no verdict.
    let output = verify(&scratch, &registry, &[], "empty");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!registry.log().iter().any(|i| i.path.contains("u:p")));
}

#[test]
fn what_cannot_give_credentials_is_said_and_is_no_verdict() {
    let (scratch, registry) = (Scratch::new(), registry());
    let helpers = json!({ "credsStore": "absent", "auths": { "x": { "password": "hunter2" } } });
    let helpers = scratch.write("helpers.json", helpers.to_string());
    for (options, expected) in [
        (["--authfile", "/nowhere/auth.json"], "`/nowhere/auth.json`: is not there"),
        (["--authfile", helpers.to_str().unwrap()], "`docker-credential-absent`"),
        (["--pull-secret", "/nowhere"], "there is no `.dockerconfigjson`"),
        (["--service-account", "a/b"], "KUBERNETES_SERVICE_HOST"),
    ] {
        let output = verify(&scratch, &registry, &options, "empty");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{options:?} {said}");
        assert!(said.contains(expected) && !said.contains("hunter2"), "{options:?} {said}");
    }
    for bad in [
        ["--service-account", "alone"],
        ["--cloud", "clouds"],
        ["--image-credential-provider-config", "x"],
    ] {
        let output = verify(&scratch, &registry, &bad, "empty");
        assert_eq!(output.status.code(), Some(3), "{bad:?} {}", said(&output));
    }
}
