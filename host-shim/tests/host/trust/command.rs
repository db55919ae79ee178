//! `countersign trust`, and what `verify` makes of it.

use std::process::{Command, Output};

use countersign::time::Time;
use serde_json::{Value, json};

use super::{
    tuf::Tuf,
    update::{another_root, trusted_root},
};
use crate::{
    guest::answering,
    road::embeds_a_module,
    scratch::{Scratch, image, tag},
    sigstore::{
        ARTIFACT, IDENTITY, ISSUER, Sigstore,
        instant::{SIGNED, rfc3339},
        keys::Key,
    },
};

/// A directory of its own for each test; the user's is never looked at.
struct Stage(Scratch);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Stage {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn run(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        command.env("XDG_DATA_HOME", self.0.path().join("data"));
        for name in
            ["NO_COLOR", "CLICOLOR_FORCE", "http_proxy", "HTTP_PROXY", "KUBERNETES_SERVICE_HOST"]
        {
            command.env_remove(name);
        }
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    /// Runs what must succeed.
    fn good(&self, arguments: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments}: {}", ran.err);
        ran
    }
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

/// A repository that has not expired whenever this is run.
fn lasting(trusted_root: &[u8]) -> Tuf {
    let mut tuf = Tuf::unpublished(trusted_root);
    for expires in tuf.expires.values_mut() {
        *expires = Time::parse("2099-01-01T00:00:00Z").unwrap();
    }
    tuf.publish_root(None);
    tuf.publish();
    tuf
}

#[test]
fn a_private_repository_is_fetched_shown_and_fetched_again_by_its_name() {
    let stage = Stage::new();
    let mut tuf = lasting(&trusted_root());
    stage.0.write("root.json", tuf.initial(1));
    let server = tuf.serve();
    let first = stage.good(&format!(
        "trust update --name acme --root root.json --mirror http://{}",
        server.host
    ));
    for part in [
        "acme: fetched: sha256:",
        "root 1, timestamp 1, snapshot 1, targets 1",
        "valid until 2099-01-01T00:00:00Z",
        "data/countersign/trust/acme/trusted_root.json",
    ] {
        assert!(first.out.contains(part), "{}", first.out);
    }
    assert!(stage.good("trust update --name acme").out.contains("acme: is the newest"));
    tuf.advance(&another_root());
    let third = stage.good("trust update --name acme --output json").json();
    let result = &third["results"][0];
    assert_eq!(result["changed"], true);
    assert_eq!(result["roles"]["targets"]["version"], 2);
    assert_eq!(result["rolesBefore"]["targets"]["version"], 1);
    let shown = stage.good("trust show acme --output json").json();
    let acme = &shown["instances"][0];
    assert_eq!((&acme["inUse"], &acme["disk"]["standing"]), (&json!("disk"), &json!("fresh")));
    assert_eq!(acme["disk"]["digest"], result["digest"]);
    let kinds: Vec<_> =
        acme["services"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["certificateAuthority", "ctLog", "tlog", "timestampAuthority"]);
    let text = stage.good("trust show acme").out;
    assert!(text.contains("disk: in use") && text.contains("certificate authority: "), "{text}");
    let text = stage.good("trust show acme --now 2099-02-01T00:00:00Z").out;
    assert!(text.contains("warning: its root metadata expired at 2099-01-01"), "{text}");
    assert!(text.contains("warning: it was not updated for "), "{text}");
}

#[test]
fn each_failure_has_its_code_and_leaves_what_was_kept() {
    let stage = Stage::new();
    let tuf = lasting(&trusted_root());
    stage.0.write("root.json", tuf.initial(1));
    tuf.write(&stage.0, "copy");
    stage.good("trust update --name acme --root root.json --from copy");
    // Nobody knows where the repository is.
    let ran = stage.run("trust update --name acme");
    assert!(ran.code == 3 && ran.err.contains("pass --mirror URL, or --from"), "{}", ran.err);
    // Nobody is there.
    let ran = stage.run("trust update --name acme --mirror http://127.0.0.1:1");
    assert!(ran.code == 2 && ran.err.contains("could not be fetched"), "{} {}", ran.code, ran.err);
    assert!(ran.err.contains("note: acme: the trusted root of "), "{}", ran.err);
    // Tampered with.
    let mut newer = tuf.fork();
    newer.advance(&another_root());
    newer.tamper("2.targets.json", "1.0.31", "1.0.32");
    newer.write(&stage.0, "bad");
    let ran = stage.run("trust update --name acme --from bad --output json");
    assert_eq!(ran.code, 1, "{}", ran.err);
    let said = ran.json()["results"][0]["error"].as_str().unwrap().to_owned();
    assert!(said.contains("0 good signatures of the 2") && ran.err.contains(&said), "{said}");
    let shown = stage.good("trust show acme --output json").json();
    assert_eq!(shown["instances"][0]["disk"]["failure"], said);
    assert_eq!(shown["instances"][0]["disk"]["standing"], "stale");
    assert!(
        shown["instances"][0]["warnings"][0].as_str().unwrap().starts_with("not updated since")
    );
    for (arguments, says) in [
        ("trust update --root root.json", "call it something with --name"),
        ("trust update --root absent.json --name x --from copy", "cannot be read"),
        ("trust update --root root.json --name github --from copy", "give yours another name"),
        ("trust update --name nobody", "no trusted root `nobody` is kept here"),
        ("trust update --from nothing", "cannot be read"),
        ("trust update --mirror http://tuf.acme.test", "it is not https"),
        ("trust update --all --from copy", "cannot be used with"),
        ("trust show nobody", "no trusted root `nobody` is kept here"),
    ] {
        let ran = stage.run(arguments);
        assert!(ran.code == 3 && ran.err.contains(says), "{arguments}: {} {}", ran.code, ran.err);
    }
    // A stranger's repository in place of public-good's.
    let ran = stage.run("trust update --from copy");
    assert!(ran.code == 1 && ran.err.contains("belongs to another repository"), "{}", ran.err);
    assert!(stage.run("trust update --help").out.contains("Exit codes:"));
}

#[test]
fn what_the_module_carries_is_shown_with_its_age() {
    let stage = Stage::new();
    let warnings = |now: &str| {
        let shown = stage.good(&format!("trust show --output json --now {now}")).json();
        let instances = shown["instances"].as_array().unwrap().clone();
        let names: Vec<_> = instances.iter().map(|i| i["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["public-good", "github", "staging"]);
        assert!(instances.iter().all(|i| i["inUse"] == "module" && i["disk"].is_null()));
        instances.iter().map(|i| i["warnings"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(warnings("2026-12-13T00:00:00Z"), [json!([]), json!([]), json!([])]);
    let [public_good, github, staging] = &warnings("2026-12-14T00:00:00Z")[..] else { panic!() };
    assert_eq!((public_good, staging), (&json!([]), &json!([])));
    let said = github[0].as_str().unwrap();
    let expected = "the module's root: the last certificate authority ends at 2027-06-12T00:00:00Z: \
                    `countersign trust update --name github` fetches a newer one";
    assert_eq!(said, expected);
    let text = stage.good("trust show public-good --now 2026-11-21T03:00:00Z").out;
    assert!(
        text.contains("module: in use, taken on 2026-11-21, sha256:844a1c6de3986c9f"),
        "{text}"
    );
    assert!(text.contains("transparency log: log2025-1.rekor.sigstore.dev "), "{text}");
}

/// Who signs in these tests, for a policy.
fn policy(trusted_root: &Value) -> String {
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "instance": { "sigstore": { "trustedRoot": trusted_root } } },
            "authorities": { "ci": { "cosign": { "trust": "instance",
                "keyless": [{ "issuer": ISSUER, "subject": IDENTITY }] } } },
            "rules": [{ "blobs": ["**"], "images": ["**"], "require": "ci" }],
        },
    })
    .to_string()
}

#[test]
fn a_policy_names_a_kept_root_and_is_decided_by_it() {
    if !embeds_a_module() {
        return;
    }
    let stage = Stage::new();
    let sigstore = Sigstore::new();
    let bundle = sigstore.sign(&sigstore.signing(ARTIFACT)).json();
    stage.0.write("bundle.json", bundle);
    stage.0.write("app", ARTIFACT);
    stage.0.write("policy.json", policy(&json!({ "tuf": "acme" })));
    let now = rfc3339(SIGNED + 3600);
    let verify = format!("verify-blob --policy policy.json --bundle bundle.json --now {now} app");
    let ran = stage.run(&verify);
    assert!(
        ran.code == 3 && ran.err.contains("no trusted root `acme` is kept here"),
        "{}",
        ran.err
    );
    // Another instance's, which has not signed it.
    let mut tuf = lasting(&Sigstore::named("two").trusted_root().json());
    stage.0.write("root.json", tuf.initial(1));
    tuf.write(&stage.0, "copy");
    stage.good("trust update --name acme --root root.json --from copy");
    let ran = stage.run(&verify);
    assert_eq!(ran.code, 1, "{}", ran.err);
    // And its own.
    tuf.advance(&sigstore.trusted_root().json());
    tuf.write(&stage.0, "copy");
    stage.good("trust update --name acme --from copy");
    let ran = stage.good(&verify);
    assert!(ran.out.starts_with("ALLOW"), "{}", ran.out);
    // A directory of one's own.
    let ran = stage.run(&format!("{verify} --trust-dir elsewhere"));
    assert_eq!(ran.code, 3, "{}", ran.err);
    // What is on disk is verified each time.
    let state = stage.0.path().join("data/countersign/trust/acme/state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    std::fs::write(&state, text.replacen("1.0.31", "1.0.32", 1)).unwrap();
    assert_eq!(stage.run(&verify).code, 3);
}

#[test]
fn a_key_in_a_secret_is_as_good_as_one_in_a_file() {
    if !embeds_a_module() {
        return;
    }
    let stage = Stage::new();
    let key = Key::p256("release");
    let secret = json!({ "kind": "Secret", "metadata": { "name": "release", "namespace": "shop" },
        "stringData": { "cosign.pub": key.public_pem() } });
    stage.0.write("objects/release.json", secret.to_string());
    stage.0.write("app", ARTIFACT);
    stage.0.write("app.sig", key.sign(ARTIFACT));
    let policy = json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": {
        "authorities": { "release": { "cosign": { "keys": ["k8s://shop/release"] } } },
        "rules": [{ "blobs": ["**"], "require": "release" }] } });
    stage.0.write("policy.json", policy.to_string());
    let verify = "verify-blob --policy policy.json --signature app.sig app";
    let ran = stage.run(verify);
    assert!(ran.code == 3 && ran.err.contains("no cluster to read it from"), "{}", ran.err);
    stage.good(&format!("{verify} --kubernetes-objects objects"));
    stage.0.write("app", "something else");
    assert_eq!(stage.run(&format!("{verify} --kubernetes-objects objects")).code, 1);
}

#[test]
fn a_root_in_a_file_stands_in_for_the_modules_and_is_in_the_record() {
    let stage = Stage::new();
    let response = json!({ "apiVersion": "countersign.dev/step/v1", "decision": {
        "outcome": "allow", "mode": "enforce", "now": "2026-11-21T03:00:00Z", "images": [],
        "usage": { "evidenceBytes": 0, "candidates": 0, "signatureOperations": 0 } } });
    stage.0.write("guest.wasm", answering(response.to_string().as_bytes()));
    stage.0.index(&[stage.0.manifest(&image("a"), tag("1"))]);
    stage.0.write("policy.json", policy(&json!("embedded")));
    stage.0.write("trusted_root.json", trusted_root());
    let verify =
        "verify --policy policy.json --module guest.wasm --record record.json --output json";
    let plain = stage.good(&format!("{verify} oci-layout:."));
    assert!(plain.err.is_empty() && plain.json()["trustedRoots"].is_null(), "{}", plain.err);
    let root = || {
        let record = std::fs::read(stage.0.path().join("record.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        record.pointer("/policy/spec/trust/instance/sigstore/trustedRoot").cloned().unwrap()
    };
    assert_eq!(root(), "embedded");
    let ran = stage.good(&format!("{verify} --trusted-root trusted_root.json oci-layout:."));
    let expected: Value = serde_json::from_slice(&trusted_root()).unwrap();
    assert_eq!(root(), expected);
    let said = "note: trusted root `embedded`: in place of the module's trusted_root.json (sha256:";
    assert!(ran.err.starts_with(said), "{}", ran.err);
    let used = &ran.json()["trustedRoots"][0];
    assert_eq!((&used["word"], &used["from"]), (&json!("embedded"), &json!("trusted_root.json")));
    // A file that is none, and a policy that does not ask.
    stage.0.write("bad.json", "{}");
    let ran = stage.run(&format!("{verify} --trusted-root bad.json oci-layout:."));
    assert!(ran.code == 3 && ran.err.contains("bad.json: no trusted root"), "{}", ran.err);
    stage.0.write("policy.json", policy(&expected));
    let ran = stage.run(&format!("{verify} --trusted-root trusted_root.json oci-layout:."));
    assert!(
        ran.code == 3 && ran.err.contains("nowhere says `trustedRoot: embedded`"),
        "{}",
        ran.err
    );
}
