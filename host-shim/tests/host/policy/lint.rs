use std::path::Path;

use serde_json::Value;

use super::{NOW, code, err, out, run, text};
use crate::scratch::Scratch;

const KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMbng6ysV/Pi5BDUv7\
                   WF5i+FVYsm2\\ntPkBwgcOpjemc8GKMERLaUnvVHqx1lL7QBLCobII404wsRDcJy6GMGyDZg==\\n-----\
                   END PUBLIC KEY-----\\n";

/// A policy around what a table says, with a keyless authority `a` and a rule for it.
fn policy(spec: &str, authority: &str, rule: &str) -> String {
    let spec = if spec.is_empty() { String::new() } else { format!("  {spec}\n") };
    format!(
        "apiVersion: countersign.dev/v1\nkind: ImagePolicy\nspec:\n{spec}  \
         trust: {{ p: {{ sigstore: {{ trustedRoot: embedded }} }} }}\n  authorities:\n    \
         a: {{ cosign: {{ trust: p, {authority} }} }}\n  rules:\n    - {{ {rule} }}\n"
    )
}

const IDENTITY: &str = "keyless: [{ issuer: 'https://i.test', subject: me@acme.test }]";
const RULE: &str = "images: ['ghcr.io/**'], require: a";

fn findings(document: &str) -> Vec<(String, String, String)> {
    let scratch = Scratch::new();
    let path = scratch.write("p.yaml", document);
    let output = run(&["policy", "lint", "--now", NOW, "--output", "json", text(&path)]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let member = |f: &Value, name: &str| f[name].as_str().unwrap().to_owned();
    let of = |f: &Value| (member(f, "severity"), member(f, "code"), member(f, "path"));
    report["findings"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn errors_are_all_there_with_their_places_and_what_was_meant() {
    let scratch = Scratch::new();
    let document = "apiVersion: countersign.dev/v1\nkind: ImagePolicy\nspec:\n  rules:\n    \
                    - imagse: [a]\n      require: b\n  mode: enforced\n";
    let path = scratch.write("p.yaml", document);
    let output = run(&["policy", "lint", text(&path)]);
    assert_eq!((code(&output), err(&output).as_str()), (3, ""));
    let said = out(&output);
    for line in [
        ":5:7: error: unknown field `imagse` (policy.unknownField) at /spec/rules/0/imagse\n  did \
         you mean images?\n",
        ":5:7: error: `images` is missing",
        ":6:7: error: `spec.authorities` has no `b`",
        ":7:3: error: `enforced` is not one of",
        "did you mean enforce?\n",
        "1 file: 4 errors, 0 warnings, 0 notes\n",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    let broken = scratch.write("broken.yaml", "a: [\n");
    let output = run(&["policy", "lint", text(&broken), "/no/such"]);
    assert_eq!(code(&output), 3);
    assert!(out(&output).contains("broken.yaml:2:1: error: "), "{}", out(&output));
    assert!(out(&output).contains("2 files: 2 errors"), "{}", out(&output));
}

#[test]
fn warnings_exit_1_where_they_are_asked_to() {
    let scratch = Scratch::new();
    let clean = scratch.write("clean.yaml", policy("", IDENTITY, RULE));
    let output = run(&["policy", "lint", "--strict", text(&clean)]);
    assert_eq!(code(&output), 0);
    assert_eq!(out(&output), "1 file: 0 errors, 0 warnings, 0 notes\n");
    let weak = scratch.write("weak.yaml", policy("unmatched: allow", IDENTITY, RULE));
    assert_eq!(code(&run(&["policy", "lint", text(&weak)])), 0);
    let output = run(&["policy", "lint", "--strict", text(&weak)]);
    assert_eq!(code(&output), 1);
    assert!(
        out(&output).contains("weak.yaml:4:3: warning: `unmatched: allow`"),
        "{}",
        out(&output)
    );
    let noted = scratch.write("noted.yaml", policy("mode: warn", IDENTITY, RULE));
    assert_eq!(code(&run(&["policy", "lint", "--strict", text(&noted)])), 0);
}

#[test]
fn each_lint_is_found_where_it_stands() {
    let identity = |text: &str| format!("keyless: [{{ issuer: 'https://i.test', {text} }}]");
    let exception = |until: &str, images: &str, waive: &str| {
        format!(
            "exceptions: [{{ images: [{images}], waive: [{waive}], until: '{until}', owner: x, \
             reason: y }}]"
        )
    };
    let ignored = |until: &str| {
        format!(
            "images: ['ghcr.io/**'], require: {{ attestation: {{ type: vuln, signedBy: a, maxAge: \
             7d, vulnerabilities: {{ allowUpTo: high, ignore: [{{ id: CVE-2026-1, until: \
             '{until}', reason: x }}] }} }} }}"
        )
    };
    let log = format!("transparencyLog: ignore, timestamp: required, {IDENTITY}");
    let root = "/spec/authorities/a/cosign";
    let table: Vec<(String, &str, String)> = vec![
        (policy("mode: audit", IDENTITY, RULE), "mode", "/spec/mode".into()),
        (policy("unmatched: warn", IDENTITY, RULE), "unmatched", "/spec/unmatched".into()),
        (
            policy("undetermined: warn", IDENTITY, RULE),
            "undetermined.warn",
            "/spec/undetermined".into(),
        ),
        (policy("digests: { pin: none }", IDENTITY, RULE), "pin.none", "/spec/digests/pin".into()),
        (
            policy("", IDENTITY, "images: ['ghcr.io/a/**', '!ghcr.io/**'], require: a"),
            "glob.shadowed",
            "/spec/rules/0/images/0".into(),
        ),
        (
            policy("", IDENTITY, "images: ['*'], require: a"),
            "glob.never",
            "/spec/rules/0/images/0".into(),
        ),
        (
            policy("", IDENTITY, "images: ['ghcr.io/a', 'ghcr.io/a'], require: a"),
            "glob.twice",
            "/spec/rules/0/images/1".into(),
        ),
        (
            policy("", &identity("subjectRegExp: '.*'"), RULE),
            "regexp.anybody",
            format!("{root}/keyless/0/subjectRegExp"),
        ),
        (
            policy("", &identity("subjectRegExp: '^https://github.com/a$'"), RULE),
            "regexp.dot",
            format!("{root}/keyless/0/subjectRegExp"),
        ),
        (
            policy("", &identity("subjectRegExp: acme"), RULE),
            "regexp.whole",
            format!("{root}/keyless/0/subjectRegExp"),
        ),
        (
            policy(&exception("2026-11-20", "'ghcr.io/a'", "a"), IDENTITY, RULE),
            "exception.expired",
            "/spec/exceptions/0/until".into(),
        ),
        (
            policy(&exception("2026-12-01", "'ghcr.io/a'", "a"), IDENTITY, RULE),
            "exception.expiring",
            "/spec/exceptions/0/until".into(),
        ),
        (
            policy(&exception("2027-06-01", "'**'", "'*'"), IDENTITY, RULE),
            "exception.everything",
            "/spec/exceptions/0".into(),
        ),
        (
            policy("", IDENTITY, &ignored("2026-11-21")),
            "ignore.expired",
            "/spec/rules/0/require/attestation/vulnerabilities/ignore/0/until".into(),
        ),
        (
            policy("", IDENTITY, &ignored("2026-12-20")),
            "ignore.expiring",
            "/spec/rules/0/require/attestation/vulnerabilities/ignore/0/until".into(),
        ),
        (policy("", &log, RULE), "log.ignored", format!("{root}/transparencyLog")),
    ];
    let mut wrong = Vec::new();
    for (document, code, path) in table {
        let found = findings(&document);
        let is = |f: &(String, String, String)| f.1 == format!("lint.{code}") && f.2 == path;
        if !found.iter().any(is) {
            wrong.push(format!("{code} at {path}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for quiet in [
        policy(&exception("2027-06-01", "'ghcr.io/a'", "a"), IDENTITY, RULE),
        policy("", IDENTITY, &ignored("2027-06-01")),
        policy("", &identity("subjectRegExp: '^https://github[.]com/a/.*$'"), RULE),
    ] {
        assert_eq!(findings(&quiet), [], "{quiet}");
    }
}

#[test]
fn rules_that_ask_for_nothing_and_names_that_nobody_uses_are_said() {
    let found = findings(&policy("", IDENTITY, "images: ['**'], static: allow"));
    let codes: Vec<_> = found.iter().map(|(_, code, _)| code.as_str()).collect();
    assert_eq!(codes, ["lint.unused", "lint.static.everything", "lint.static.allow"]);
    let document = format!(
        "apiVersion: countersign.dev/v1\nkind: ImagePolicy\nspec:\n  authorities:\n    k: {{ cosign: \
         {{ keys: [\"{KEY}\"] }} }}\n  rules:\n    - {{ images: ['ghcr.io/**'], require: k }}\n"
    );
    let expected = ("warning", "lint.key.alone", "/spec/authorities/k");
    let found = findings(&document);
    let found: Vec<_> =
        found.iter().map(|(s, c, p)| (s.as_str(), c.as_str(), p.as_str())).collect();
    assert_eq!(found, [expected]);
}

#[test]
fn certificates_that_have_expired_are_found_in_the_files_that_hold_them() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let lint = |name: &str, now: &str| {
        let path = examples.join(name);
        out(&run(&["policy", "lint", "--now", now, text(&path)]))
    };
    for name in ["cosign-own-ca.yaml", "notation.yaml"] {
        assert!(!lint(name, NOW).contains("lint.certificate"), "{name}");
        let later = lint(name, "2060-01-01T00:00:00Z");
        assert!(later.contains("(lint.certificate.expired)"), "{name}: {later}");
    }
}

#[test]
fn notation_that_trusts_everybody_or_looks_at_nothing_is_said() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let mut wide = std::fs::read_to_string(examples.join("notation.yaml")).unwrap();
    let start = wide.find("        level: strict").unwrap();
    let end = wide.find("  rules:").unwrap();
    wide.replace_range(
        start..end,
        "        trustedIdentities: ['*']\n        override: { revocation: skip }\n        \
         level: permissive\n",
    );
    let found = findings(&wide);
    let codes: Vec<_> = found.iter().map(|(_, code, _)| code.as_str()).collect();
    for code in ["lint.identity.any", "lint.revocation.skipped", "lint.level.permissive"] {
        assert!(codes.contains(&code), "{code}: {found:?}\n{wide}");
    }
}

#[test]
fn schemas_are_printed_as_they_are_published() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
    for name in ["policy", "record", "step", "test"] {
        let output = run(&["policy", "schema", name]);
        let file = std::fs::read_to_string(root.join(format!("{name}.v1.schema.json"))).unwrap();
        assert_eq!(code(&output), 0, "{name}");
        assert!(out(&output) == file, "{name} is not as it is published");
    }
    assert_eq!(code(&run(&["policy", "schema", "nothing"])), 3);
}
