//! `countersign verify-blob` and `verify-bundle`: files, signatures in files of their own, policies
//! with files beside them. What the suite of Sigstore says of bundles is in `conformance.rs`.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{corpora::corpora, road::embeds_a_module, scratch::Scratch};

/// What was signed, `openssl dgst -sha256 -sign` and `openssl pkeyutl -sign -rawin`.
const RELEASE: &str = "the release\n";
const RELEASE_DIGEST: &str =
    "sha256:f406618d666ff07cf9d4495e096098b9c095ee1f15420609a1da227d69b10958";
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq+jwh2UTWBmF6m9nmXtXJ+GBF9zW
tz1z9KpWUXNPplg2z0Zf2s5S0CbAx4gtoHqZhsykBCyBVm+ikoxTYta6vQ==
-----END PUBLIC KEY-----
";
const BY_P256: &str = "MEYCIQCDGLcK8CanjkOg0vmdF/mwswi043QbrL1Qll58jbJIBAIhAMRNwE/4mrbHjP2rFV7JZgIwxUdqWawKaGqJH+eIdb9s";
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAgRaFXSLy/D1euuUhDCCWLhZ2ZzWczYKJdS6OjBB4VRo=
-----END PUBLIC KEY-----
";
const BY_ED25519: &str =
    "64Kpgu//sLijK0EZ4mZ8PibUBeuVM4rFPzJRl4krW1jcHbDKaDwWe3KHsUDMPfrZAQvG2FEQQQ5iESPYoQ7fBg==";

/// The files of a release, and the command run among them.
struct Stage(Scratch);

fn stage() -> Option<Stage> {
    if !embeds_a_module() {
        return None;
    }
    let scratch = Scratch::new();
    for (name, text) in [
        ("app", RELEASE),
        ("other", "another release\n"),
        ("p256.pub", P256),
        ("p256.sig", BY_P256),
        ("ed25519.pub", ED25519),
        ("ed25519.sig", BY_ED25519),
    ] {
        scratch.write(name, text);
    }
    Some(Stage(scratch))
}

impl Stage {
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn code(&self, arguments: &str) -> i32 {
        self.run(arguments).status.code().unwrap()
    }

    /// The words of a command that exits with 3.
    fn refusal(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments}: {said}");
        assert!(output.stdout.is_empty(), "{arguments}");
        said
    }
}

#[test]
fn a_signature_in_a_file_of_its_own_is_as_good_as_its_key() {
    let Some(stage) = stage() else { return };
    let by = |key: &str, signature: &str, artifact: &str| {
        stage.code(&format!(
            "verify-blob --insecure-ignore-tlog --key {key}.pub --signature {signature}.sig {artifact}"
        ))
    };
    assert_eq!(by("p256", "p256", "app"), 0);
    assert_eq!(by("p256", "p256", RELEASE_DIGEST), 0);
    assert_eq!(by("p256", "p256", "other"), 1);
    assert_eq!(by("ed25519", "p256", "app"), 1);
    stage.0.write("junk.sig", "not a signature");
    assert_eq!(by("p256", "junk", "app"), 1);
    assert_eq!(by("ed25519", "ed25519", "app"), 0);
    // Ed25519 signs the bytes, and a digest is not those.
    assert_eq!(by("ed25519", "ed25519", RELEASE_DIGEST), 2);
}

#[test]
fn a_log_entry_is_asked_for_unless_it_is_ignored_by_name() {
    let Some(stage) = stage() else { return };
    let output = stage.run("verify-blob --key p256.pub --signature p256.sig app");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with(&format!("DENY app@{RELEASE_DIGEST}\n")), "{said}");
    assert!(said.contains("(logEntry.absent)"), "{said}");
    let with_tsa = "verify-blob --insecure-ignore-tlog --use-tsa --key p256.pub \
                    --signature p256.sig --output json app";
    let report: Value = serde_json::from_slice(&stage.run(with_tsa).stdout).unwrap();
    assert_eq!(report["apiVersion"], "countersign.dev/verify/v1");
    assert_eq!(report["results"][0]["reference"], "app");
    let blob = &report["results"][0]["decision"]["blobs"][0];
    assert_eq!(blob["reason"]["code"], "timestamp.absent");
    assert_eq!(blob["digest"], RELEASE_DIGEST);
}

#[test]
fn an_attestation_that_is_asked_for_is_not_a_signature() {
    let Some(stage) = stage() else { return };
    let arguments = "verify-blob --insecure-ignore-tlog --key p256.pub --signature p256.sig \
                     --predicate-type https://slsa.dev/provenance/v1 app";
    let output = stage.run(arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("payload.notAttestation"));
}

#[test]
fn the_artifact_may_come_from_standard_input() {
    let Some(stage) = stage() else { return };
    for (text, code) in [(RELEASE, 0), ("x", 1)] {
        let arguments = "verify-blob --insecure-ignore-tlog --key p256.pub --signature p256.sig -";
        let mut child = stage
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn one_good_bundle_of_several_is_enough() {
    let Some(stage) = stage() else { return };
    let bundle = |signature: &str| {
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "" } },
            "messageSignature": { "signature": signature },
        });
        bundle.to_string()
    };
    stage.0.write("good.json", bundle(BY_P256));
    stage.0.write("bad.json", bundle("MAA="));
    stage.0.write("old.json", json!({ "base64Signature": BY_P256 }).to_string());
    stage.0.write("none.json", "{}");
    let with = |bundles: &str| {
        stage.code(&format!("verify-blob --insecure-ignore-tlog --key p256.pub {bundles} app"))
    };
    assert_eq!(with("--bundle good.json"), 0);
    assert_eq!(with("--bundle bad.json --bundle none.json --bundle good.json"), 0);
    assert_eq!(with("--bundle old.json"), 0, "as cosign wrote it before");
    assert_eq!(with("--bundle bad.json --bundle none.json"), 1);
    let protocol = "verify-bundle --insecure-ignore-tlog --key p256.pub --bundle";
    assert_eq!(stage.code(&format!("{protocol} good.json app")), 0);
    assert_eq!(stage.code(&format!("{protocol} bad.json app")), 1);
    assert_eq!(stage.code(&format!("{protocol} old.json app")), 1, "not a Sigstore bundle");
}

/// A bundle that cosign wrote, keyless, with Rekor v2 and a timestamp, over the manifest of an image.
#[test]
fn a_keyless_bundle_is_verified_against_its_trusted_root() {
    let Some((stage, corpora)) = stage().zip(corpora()) else { return };
    let blobs = corpora.join("layouts/c-mock-rekor2/blobs/sha256");
    let blob = |name: &str| blobs.join(name).display().to_string();
    let bundle = blob("1ef1b0b80e6ca7ec9bf3522b4b2aed714720e8a5ccad21292608c2880b4cb9ca");
    let hex = "4e01cb3c15d917679712c818fb9351dd19615478a77953b573858a3e4e8a932e";
    let root = corpora.join("trust/mock_trusted_root.json").display().to_string();
    let workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/";
    let issuer = "https://token.actions.githubusercontent.com";
    let with = |more: &str, artifact: &str| {
        let fixed = "--now 2026-11-21T03:00:00Z --bundle";
        stage.code(&format!("verify-bundle {fixed} {bundle} {more} {artifact}"))
    };
    let exact = |branch: &str, issuer: &str| {
        format!("--certificate-identity {workflow}{branch} --certificate-oidc-issuer {issuer}")
    };
    let good = format!("{} --trusted-root {root}", exact("main", issuer));
    assert_eq!(with(&good, &blob(hex)), 0);
    assert_eq!(with(&good, &format!("sha256:{hex}")), 0);
    assert_eq!(with(&format!("{good} --use-tsa"), &blob(hex)), 0);
    assert_eq!(with(&format!("{good} --use-tsa --insecure-ignore-tlog"), &blob(hex)), 0);
    assert_eq!(with(&format!("{good} --portable"), &blob(hex)), 0);
    assert_eq!(with(&good, "app"), 1);
    assert_eq!(with(&exact("main", issuer), &blob(hex)), 1, "not of the public-good instance");
    assert_eq!(with(&format!("{} --staging", exact("main", issuer)), &blob(hex)), 1);
    for (branch, issuer) in [("other", issuer), ("main", "https://accounts.google.com")] {
        let other = format!("{} --trusted-root {root}", exact(branch, issuer));
        assert_eq!(with(&other, &blob(hex)), 1, "{branch} {issuer}");
    }
    for (identity, issuer, code) in
        [("https://github[.]com/acme/.+", "https://.+", 0), ("acme/.+", "https://.+", 1)]
    {
        let pattern = format!(
            "--trusted-root {root} --certificate-identity-regexp {identity} \
             --certificate-oidc-issuer-regexp {issuer}"
        );
        assert_eq!(with(&pattern, &blob(hex)), code, "{identity}");
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_with_its_option() {
    let Some(stage) = stage() else { return };
    stage.0.write("root.json", "{\n  \"mediaType\": 7\n}\n");
    let cases = [
        ("verify-bundle --key p256.pub app", "--bundle"),
        ("verify-bundle --bundle p256.sig app", "--key"),
        ("verify-blob --key p256.pub app", "--signature"),
        ("verify-blob --signature p256.sig app", "--policy"),
        (
            "verify-blob --signature p256.sig --certificate-identity a app",
            "--certificate-oidc-issuer",
        ),
        (
            "verify-blob --signature p256.sig --certificate-oidc-issuer a app",
            "--certificate-identity",
        ),
        ("verify-blob --signature p256.sig --key p256.pub --policy x app", "'--policy"),
        ("verify-blob --signature p256.sig --key p256.pub --name x app", "--policy"),
        (
            "verify-blob --signature p256.sig --insecure-ignore-tlog --certificate-identity a \
             --certificate-oidc-issuer b app",
            "--use-tsa",
        ),
        ("verify-blob --signature p256.sig --key none.pub app", "--key none.pub: cannot be read"),
        ("verify-blob --signature none.sig --key p256.pub app", "--signature none.sig: cannot"),
        ("verify-blob --signature p256.sig --key p256.pub none", "none: cannot be read"),
        ("verify-blob --signature p256.sig --key app app", "--key app: not one PEM block"),
        (
            "verify-blob --signature p256.sig --certificate-identity-regexp a( \
             --certificate-oidc-issuer b app",
            "--certificate-identity-regexp a(: not a regular expression",
        ),
        (
            "verify-blob --signature p256.sig --key p256.pub --predicate-type x app",
            "--predicate-type x: `x` is neither",
        ),
        (
            "verify-blob --signature p256.sig --key p256.pub --trusted-root root.json app",
            "root.json:2:3: expected a string",
        ),
    ];
    for (arguments, expected) in cases {
        let said = stage.refusal(arguments);
        assert!(said.contains(expected), "{arguments}: {said}");
    }
}

#[test]
fn a_policy_decides_by_the_blobs_name() {
    let Some(stage) = stage() else { return };
    let policy = "\
apiVersion: countersign.dev/v1
kind: ImagePolicy
spec:
  authorities:
    release: { cosign: { keys: [ { file: p256.pub } ] } }
  rules:
    - { blobs: [ app ], require: release }
";
    stage.0.write("deploy/policy.yaml", policy);
    stage.0.write("deploy/p256.pub", P256);
    let with = "verify-blob --signature p256.sig --policy deploy/policy.yaml";
    assert_eq!(stage.code(&format!("{with} app")), 0, "the file is beside the policy");
    assert_eq!(stage.code(&format!("{with} --name other app")), 1, "no rule matches");
    assert_eq!(stage.code(&format!("{with} --name app other")), 1);
    assert_eq!(stage.code(&format!("{with} --name app {RELEASE_DIGEST}")), 0);
}

#[test]
fn a_file_of_the_policy_is_named_with_the_place_of_what_is_wrong() {
    let Some(stage) = stage() else { return };
    stage.0.write("root.json", "{\n  \"mediaType\": \"x\"\n}\n");
    stage.0.write("twice.json", "{\n  \"a\": 1,\n  \"a\": 2\n}\n");
    let refusal = |trust: &str, keys: &str| {
        stage.0.write(
            "policy.yaml",
            format!(
                "apiVersion: countersign.dev/v1\nkind: ImagePolicy\nspec:\n  trust:\n    {trust}\n  \
                 authorities:\n    a: {{ cosign: {{ keys: [ {keys} ] }} }}\n  rules: \
                 [ {{ blobs: [ '**' ], require: a }} ]\n"
            ),
        );
        stage.refusal("verify-blob --signature p256.sig --policy policy.yaml app")
    };
    let good = "{ file: p256.pub }";
    let cases = [
        (refusal("{}", "{ file: none.pub }"), "policy.yaml:7:28: `none.pub` cannot be read"),
        (refusal("{}", "{ file: app }"), "policy.yaml:7:28 (app): not one PEM block"),
        (refusal("{}", "{ file: p256.pub, x: 1 }"), "policy.yaml:7:28: `file` stands alone"),
        (refusal("{}", "{ file: 7 }"), "policy.yaml:7:28: `file` stands alone"),
        (
            refusal("t: { sigstore: { trustedRoot: { file: root.json } } }", good),
            "root.json:2:3: `x` is not the media type of a trusted root",
        ),
        (
            refusal("t: { sigstore: { trustedRoot: { file: none.json } } }", good),
            "policy.yaml:5:22: `none.json` cannot be read",
        ),
        (
            refusal("t: { sigstore: { trustedRoot: { file: twice.json } } }", good),
            "twice.json:3:3: the key `a` is there twice",
        ),
        (
            refusal("t: { x509: { roots: [ { file: p256.pub } ] } }", good),
            "policy.yaml:5:27 (p256.pub): ",
        ),
    ];
    for (said, expected) in cases {
        assert!(said.contains(expected), "{said:?} lacks {expected:?}");
    }
}

#[test]
fn help_says_what_the_exit_codes_are() {
    for command in ["verify-blob", "verify-bundle"] {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args([command, "--help"])
            .output()
            .unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains("Exit codes:"));
    }
}
