//! Requirements 2, 48, 49, 61–76: trust policy documents, and level `skip`.
//!
//! Every row of notation-go's measured verdicts is made here again; where the profile `spec` differs,
//! the row says why.

use std::{collections::BTreeSet, fs};

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    reference::Reference,
    time::Time,
    wire::{BlobRequest, Bytes, Decision, ImageRequest, Outcome, PolicyError, Request},
};
use serde_json::{Value, json};

use crate::{
    layout::{not_run, vectors},
    pki::{Certificate, Key},
    setup::NOW,
};

/// As Go's `encoding/json`, `OCIDocument.Validate` and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Invalid,
    Malformed,
}

use Verdict::{Invalid, Malformed, Ok as Valid};

/// Name in `pol.txt`, document, notation-go's verdict, why `spec` refuses what notation-go takes.
struct Row {
    name: String,
    document: String,
    compat: Verdict,
    deviation: Option<&'static str>,
}

const STRICT: &str = r#"{"level":"strict"}"#;
const E2E: &str = "x509.subject: CN=e2e,O=Notary,L=Seattle,ST=WA,C=US";

/// A document of these statements.
fn document(statements: &[String]) -> String {
    format!(r#"{{"version":"1.0","trustPolicies":[{}]}}"#, statements.join(","))
}

/// A statement with these members; `level` is the whole of `signatureVerification`.
fn statement(
    name: &str,
    scopes: &[&str],
    level: &str,
    stores: &[&str],
    identities: &[&str],
) -> String {
    let list = |texts: &[&str]| serde_json::to_string(texts).unwrap();
    format!(
        r#"{{"name":"{name}","registryScopes":{},"signatureVerification":{level},"trustStores":{},"trustedIdentities":{}}}"#,
        list(scopes),
        list(stores),
        list(identities)
    )
}

fn one(scopes: &[&str], level: &str, stores: &[&str], identities: &[&str]) -> String {
    document(&[statement("e2e", scopes, level, stores, identities)])
}

fn identities(identities: &[&str]) -> String {
    one(&["*"], STRICT, &["ca:e2e"], identities)
}

fn scopes(scopes: &[&str]) -> String {
    one(scopes, STRICT, &["ca:e2e"], &["*"])
}

fn stores(stores: &[&str]) -> String {
    one(&["*"], STRICT, stores, &["*"])
}

fn level(level: &str) -> String {
    one(&["*"], level, &["ca:e2e"], &["*"])
}

fn two(first: (&str, &str), second: (&str, &str)) -> String {
    let of = |(name, scope): (&str, &str)| statement(name, &[scope], STRICT, &["ca:e2e"], &["*"]);
    document(&[of(first), of(second)])
}

const SKIP: &str =
    r#"{"name":"a","registryScopes":["*"],"signatureVerification":{"level":"skip"}}"#;
const D6: &str = "D6: `skip` is never for the global scope";
const STRICT_JSON: &str = "76: unknown members are refused, and names have one case";

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let integrity = r#"{"level":"permissive","override":{"integrity":"enforce","revocation":"enforce","expiry":"enforce","authenticTimestamp":"enforce","authenticity":"log"}}"#;
    let enforce = r#""override":{"revocation":"enforce","expiry":"enforce","authenticTimestamp":"enforce","authenticity":"enforce"}"#;
    let some = r#""override":{"revocation":"enforce","expiry":"enforce","authenticTimestamp":"enforce","authenticity":"log"}"#;
    let log = r#""override":{"revocation":"log","expiry":"log","authenticTimestamp":"log","authenticity":"log"}"#;
    let files = [
        ("any_registry_scope_trust_policy", scopes(&["*"]), Valid, None),
        ("audit_trustpolicy", level(r#"{"level":"audit"}"#), Valid, None),
        ("blob_trust_policy", document(&[
            r#"{"name":"a","signatureVerification":{"level":"strict"},"trustStores":["ca:a"],"trustedIdentities":["*"]}"#.into(),
            r#"{"name":"b","signatureVerification":{"level":"skip"}}"#.into(),
            r#"{"name":"c","globalPolicy":true,"signatureVerification":{"level":"audit"},"trustStores":["ca:a"],"trustedIdentities":["*"]}"#.into(),
        ]), Invalid, None),
        ("empty_registry_scope_trustpolicy", scopes(&[]), Invalid, None),
        ("empty_trusted_identity_trustpolicy", identities(&[""]), Invalid, None),
        ("generate_test_trustpolicy", stores(&["ca:sKey"]), Valid, None),
        ("invalid_format_trustpolicy", r#"{"version":"1.0","trustPolicies":[{"name":"e2e"}}"#.into(), Malformed, None),
        ("invalid_registry_scope_trustpolicy", scopes(&["localhost:5000/invalid-test-repo"]), Valid, None),
        ("invalid_trust_store_trustpolicy", stores(&["ca:invalid_store"]), Valid, Some("62: a store that is not there is an error of the policy, not of every signature")),
        ("invalid_trusted_identity_trustpolicy", identities(&["x509.subject: CN=e2e,O=Notary,L=Seattle,ST=WA,C=USB"]), Valid, None),
        ("malformed_registry_scope_trustpolicy", scopes(&["localhost:5000\\test-repo"]), Invalid, None),
        ("malformed_trust_store_trustpolicy", stores(&["ca:"]), Invalid, None),
        ("malformed_trusted_identity_trustpolicy", identities(&["x509.subject CN=e2e,O=Notary,L=Seattle,ST=WA,C=US"]), Invalid, None),
        ("missing_country_trusted_identity_trustpolicy", identities(&["x509.subject: CN=e2e,O=Notary,L=Seattle,ST=WA"]), Invalid, None),
        ("missing_organization_trusted_identity_trustpolicy", identities(&["x509.subject: CN=e2e,L=Seattle,ST=WA,C=US"]), Invalid, None),
        ("missing_state_trusted_identity_trustpolicy", identities(&["x509.subject: CN=e2e,O=Notary,L=Seattle,C=US"]), Invalid, None),
        ("multi_statements_with_multi_wildcard_registry_scope_trustpolicy", two(("e2e", "*"), ("e2e2", "*")), Invalid, None),
        ("multi_statements_with_the_same_name_trustpolicy", two(("e2e", "localhost:5000/a"), ("e2e", "localhost:5000/b")), Invalid, None),
        ("multi_statements_with_the_same_registry_scope_trustpolicy", two(("e2e", "localhost:5000/a"), ("e2e2", "localhost:5000/a")), Invalid, None),
        ("multi_statements_with_wildcard_registry_scope_trustpolicy", two(("e2e", "localhost:5000/a"), ("e2e2", "*")), Valid, None),
        ("multiple_registry_scope_trustpolicy", scopes(&["localhost:5000/a", "localhost:5000/b"]), Valid, None),
        ("multiple_trust_store_trustpolicy", stores(&["ca:e2e", "ca:e2e-new"]), Valid, None),
        ("multiple_trusted_identity_trustpolicy", identities(&[E2E, "x509.subject: O=Internet Widgits Pty Ltd,ST=Some-State,C=AU"]), Valid, None),
        ("overlapped_registry_scope_trustpolicy", scopes(&["localhost:5000/a", "localhost:5000/a"]), Invalid, None),
        ("overlapped_trust_store_trustpolicy", stores(&["ca:e2e", "ca:e2e"]), Valid, None),
        ("overlapped_trusted_identity_trustpolicy", identities(&[E2E, "x509.subject: CN=e2e,O=Notary,ST=WA,C=US"]), Invalid, None),
        ("override_audit_trustpolicy", level(&format!(r#"{{"level":"audit",{enforce}}}"#)), Valid, None),
        ("override_integrity_for_permissive_trustpolicy", level(integrity), Invalid, None),
        ("override_permissive_trustpolicy", level(&format!(r#"{{"level":"permissive",{some}}}"#)), Valid, None),
        ("override_strict_trustpolicy", level(&format!(r#"{{"level":"strict",{log}}}"#)), Valid, None),
        ("permissive_trustpolicy", level(r#"{"level":"permissive"}"#), Valid, None),
        ("quickstart_trustpolicy", stores(&["ca:wabbit-networks.io"]), Valid, None),
        ("registry_scope_trustpolicy", scopes(&["localhost:5000/test-repo"]), Valid, None),
        ("skip_trustpolicy", document(&[SKIP.into()]), Valid, Some(D6)),
        ("timestamp_after_cert_expiry_trustpolicy", one(&["*"], r#"{"level":"strict","verifyTimestamp":"afterCertExpiry"}"#, &["ca:e2e", "tsa:e2e"], &["*"]), Valid, None),
        ("timestamp_trustpolicy", one(&["*"], r#"{"level":"strict","verifyTimestamp":"always"}"#, &["ca:e2e", "tsa:e2e"], &["*"]), Valid, None),
        ("trustpolicy", level(STRICT), Valid, None),
        ("unset_trust_store_trustpolicy", stores(&[]), Invalid, None),
        ("unset_trusted_identity_trustpolicy", identities(&[]), Invalid, None),
        ("valid_trusted_identity_trustpolicy", identities(&[E2E]), Valid, None),
        ("wildcard_plus_other_registry_scope_trustpolicy", scopes(&["*", "localhost:5000/a"]), Invalid, None),
        ("wildcard_plus_other_trusted_identity_trustpolicy", identities(&["*", E2E]), Invalid, None),
        ("wildcard_trust_store_trustpolicy", stores(&["*"]), Invalid, None),
    ]
    .map(|(name, document, compat, deviation)| Row { name: format!("{name}.json"), document, compat, deviation });
    let good = statement("a", &["*"], STRICT, &["ca:a"], &["*"]);
    let made = [
        ("skip with global scope *", document(&[SKIP.into()]), Valid, Some(D6)),
        ("unknown top-level member", format!(r#"{{"version":"1.0","x":1,"trustPolicies":[{good}]}}"#), Valid, Some(STRICT_JSON)),
        ("trailing garbage", format!("{} garbage", document(std::slice::from_ref(&good))), Valid, Some("76: nothing comes after the document")),
        ("typo revocaton override", level(r#"{"level":"strict","override":{"revocaton":"skip"}}"#), Invalid, None),
        ("typo member 'overide' (ignored)", level(r#"{"level":"strict","overide":{"revocation":"skip"}}"#), Valid, Some(STRICT_JSON)),
        ("LEVEL upper-case key", level(r#"{"LEVEL":"strict"}"#), Valid, Some(STRICT_JSON)),
        ("only tsa store", stores(&["tsa:a"]), Valid, None),
        ("dup trust stores", stores(&["ca:a", "ca:a"]), Valid, None),
        ("same scope twice in one statement", scopes(&["r.io/a", "r.io/a"]), Invalid, None),
        ("skip + override", document(&[r#"{"name":"a","registryScopes":["r.io/a"],"signatureVerification":{"level":"skip","override":{"expiry":"log"}}}"#.into()]), Invalid, None),
        ("version 1", r#"{"version":"1","trustPolicies":[]}"#.into(), Invalid, None),
    ]
    .map(|(name, document, compat, deviation)| Row { name: name.into(), document, compat, deviation });
    let scoped = [
        ("docker.io/library/nginx", Valid, None),
        ("localhost/x", Valid, None),
        ("local/x", Valid, None),
        ("127.0.0.1:5000/x", Valid, None),
        ("[::1]:5000/x", Invalid, None),
        ("r.io/A", Invalid, None),
        ("r.io/a:tag", Invalid, None),
        ("r.io/a@sha256:00", Invalid, None),
        ("https://r.io/a", Invalid, None),
        ("r.io", Invalid, None),
        ("r.io/", Invalid, None),
        ("r.io/a//b", Invalid, None),
        ("r.io/a/", Invalid, None),
        ("R.IO/a", Valid, None),
        ("r_x.io/a", Invalid, None),
        ("r.io/a__b", Valid, None),
        ("r.io/a..b", Invalid, None),
        ("r.io:99999999/a", Valid, Some("65: no image has this port")),
        ("nginx", Invalid, None),
    ]
    .map(|(scope, compat, deviation)| Row { name: format!("scope {scope}"), document: scopes(&[scope]), compat, deviation });
    files.into_iter().chain(made).chain(scoped).collect()
}

fn pem() -> String {
    let der = Certificate::authority("root", Key::p256("root")).self_signed();
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// A policy of ours around a document.
fn around(document: &Value, profile: &str) -> Value {
    let pem = pem();
    let named = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| ((*name).to_owned(), json!([pem])))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": { "notationTrustPolicy": {
            "document": document,
            "stores": {
                "ca": named(&["a", "e2e", "e2e-new", "sKey", "wabbit-networks", "wabbit-networks.io"]),
                "tsa": named(&["a", "e2e"]),
            },
            "tsaRevocation": "skip",
            "profile": profile,
        } },
    })
}

/// What is only not built yet is nothing against a document.
fn verdict(policy: &Value) -> (Verdict, Vec<PolicyError>) {
    let mut errors = Policy::parse(policy).err().unwrap_or_default();
    errors.retain(|error| error.code != "policy.notImplemented");
    let verdict = match errors.as_slice() {
        [] => Valid,
        [first, ..] if first.code == "policy.malformed" => Malformed,
        _ => Invalid,
    };
    (verdict, errors)
}

#[test]
fn documents_are_valid_as_notation_go_says_or_by_a_named_deviation() {
    let rows = rows();
    let mut wrong = Vec::new();
    for row in &rows {
        let text = json!(row.document);
        let (compat, errors) = verdict(&around(&text, "compat"));
        if compat != row.compat {
            wrong.push(format!("{} in compat: {compat:?} {errors:?}", row.name));
        }
        let (spec, errors) = verdict(&around(&text, "spec"));
        let expected = match row.deviation {
            // Go's decoder does not see the garbage at all.
            Some(_) if row.name == "trailing garbage" => Malformed,
            Some(_) => Invalid,
            None => row.compat,
        };
        if spec != expected || (row.deviation.is_some() && row.compat != Valid) {
            wrong.push(format!("{} in spec: {spec:?} {errors:?}", row.name));
        }
        // Every error says where.
        for error in errors {
            assert!(error.path.starts_with("/spec/notationTrustPolicy"), "{}: {error:?}", row.name);
        }
        // An object is the same document as its text.
        if let Ok(document) = serde_json::from_str::<Value>(&row.document) {
            for profile in ["spec", "compat"] {
                let (by_object, _) = verdict(&around(&document, profile));
                assert_eq!(by_object, verdict(&around(&text, profile)).0, "{}", row.name);
            }
        }
    }
    assert_eq!(rows.len(), 43 + 11 + 19);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows above are those of the measured run, and the public files come to the same.
#[test]
fn rows_are_those_that_were_measured() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    let text = fs::read_to_string(vectors.join("verdicts/pol.txt")).unwrap();
    let rows = rows();
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with("applicable ")) {
        let row = rows
            .iter()
            .filter(|row| line.starts_with(&row.name))
            .max_by_key(|row| row.name.len())
            .unwrap_or_else(|| panic!("no row for {line}"));
        let measured = match line[row.name.len()..].split_whitespace().next() {
            Some("ok") => Valid,
            Some("INVALID") => Invalid,
            Some("MALFORMED") => Malformed,
            other => panic!("{other:?}"),
        };
        assert_eq!(row.compat, measured, "{line}");
        assert!(names.insert(row.name.clone()), "{line}");
        if row.name.ends_with(".json") {
            let file = fs::read_to_string(vectors.join("policies").join(&row.name)).unwrap();
            assert_eq!(verdict(&around(&json!(file), "compat")).0, measured, "{}", row.name);
        }
    }
    assert_eq!(names.len(), rows.len());
    println!("trust policies: {} rows", names.len());
}

/// The scope `r.io/a` and the global one, as in the measured run.
fn exact_and_global(profile: &str) -> Policy {
    let skipped = r#"{"level":"audit","override":{"revocation":"skip"}}"#;
    let strict = r#"{"level":"strict","override":{"revocation":"skip"}}"#;
    let text = document(&[
        statement("exact", &["r.io/a"], strict, &["ca:a"], &["*"]),
        statement("g", &["*"], skipped, &["ca:a"], &["*"]),
    ]);
    Policy::parse(&around(&json!(text), profile)).unwrap()
}

fn selected<'p>(policy: &'p Policy, text: &str) -> Option<&'p str> {
    let reference = Reference::parse(text).unwrap();
    let rule = policy.notation.for_image(text, &reference).map(|i| &policy.rules[i]);
    rule.and_then(|rule| rule.name.strip_prefix("notationTrustPolicy "))
}

/// Requirement 66.
#[test]
fn a_statement_is_selected_as_notation_go_does() {
    let digest = format!("@sha256:{}", "0".repeat(64));
    for (reference, compat, spec) in [
        ("r.io/a", "exact", "exact"),
        ("r.io/a/b", "g", "g"),
        // Images are named in their normal form: two spellings are one repository.
        ("R.io/a", "g", "exact"),
        ("r.io:443/a", "g", "exact"),
        ("docker.io/library/nginx", "g", "g"),
        // notation-go is never given a tag, or a name without a registry: its command resolves the
        // one and refuses the other. Pods have both.
        ("r.io/a:v1", "exact", "exact"),
        ("a", "g", "g"),
    ] {
        let reference = format!("{reference}{digest}");
        assert_eq!(selected(&exact_and_global("compat"), &reference), Some(compat), "{reference}");
        assert_eq!(selected(&exact_and_global("spec"), &reference), Some(spec), "{reference}");
    }
    for profile in ["compat", "spec"] {
        assert_eq!(selected(&exact_and_global(profile), "r.io/a:v1"), Some("exact"));
        assert_eq!(selected(&exact_and_global(profile), "r.io:5000/a:v1"), Some("g"));
    }
}

#[test]
fn scopes_are_no_prefixes_and_are_not_expanded() {
    let strict = r#"{"level":"strict","override":{"revocation":"skip"}}"#;
    let of = |scope: &str| {
        let text = one(&[scope], strict, &["ca:a"], &["*"]);
        Policy::parse(&around(&json!(text), "spec"))
    };
    for (scope, reference, expected) in [
        ("r.io/a", "r.io/ab", None),
        ("r.io/a", "r.io/a/b", None),
        ("r.io/a", "r.io:5000/a", None),
        ("r.io:443/a", "r.io/a", Some("e2e")),
        ("R.IO/a", "r.io/a", Some("e2e")),
        ("docker.io/library/nginx", "nginx", Some("e2e")),
        ("index.docker.io/library/nginx", "nginx", Some("e2e")),
        ("docker.io/acme/app", "acme/app", Some("e2e")),
        // The name of a layout on disk is no name at Docker Hub.
        ("acme/app", "acme/app", None),
    ] {
        let policy = of(scope).unwrap();
        assert_eq!(selected(&policy, reference), expected, "{scope} {reference}");
    }
    assert!(of("docker.io/nginx").is_err(), "no reference expansion");
    let text = document(&[
        statement("a", &["R.IO/a"], strict, &["ca:a"], &["*"]),
        statement("b", &["r.io/a"], strict, &["ca:a"], &["*"]),
    ]);
    assert_eq!(verdict(&around(&json!(text), "spec")).0, Invalid, "one repository, two statements");
    assert_eq!(verdict(&around(&json!(text), "compat")).0, Valid);
}

/// Requirements 61, 62, 67, 69 to 71 and 76, as far as the measured rows leave them out.
#[test]
fn other_faults_of_documents_have_their_place() {
    let level = |text: &str| one(&["*"], text, &["ca:e2e"], &["*"]);
    let statement_path = "/spec/notationTrustPolicy/document/trustPolicies/0";
    for (text, path) in [
        (
            r#"{"version":"1.0","trustPolicies":[]}"#.to_owned(),
            "/spec/notationTrustPolicy/document/trustPolicies",
        ),
        (r#"{"trustPolicies":[]}"#.to_owned(), "/spec/notationTrustPolicy/document"),
        ("[]".to_owned(), "/spec/notationTrustPolicy/document"),
        (document(&[statement("", &["*"], STRICT, &["ca:e2e"], &["*"])]), "/name"),
        (level(r#"{"level":"Strict"}"#), "/signatureVerification/level"),
        (level("{}"), "/signatureVerification"),
        (
            level(r#"{"level":"strict","override":{"expiry":"skip"}}"#),
            "/signatureVerification/override/expiry",
        ),
        (
            level(r#"{"level":"strict","override":{"authenticity":"skip"}}"#),
            "/signatureVerification/override/authenticity",
        ),
        (
            level(r#"{"level":"strict","override":{"revocation":"never"}}"#),
            "/signatureVerification/override/revocation",
        ),
        (
            level(r#"{"level":"strict","verifyTimestamp":"never"}"#),
            "/signatureVerification/verifyTimestamp",
        ),
        (level(r#"{"level":"skip"}"#), "/trustStores"),
        (stores(&["CA:e2e"]), "/trustStores/0"),
        (stores(&["ca:e2e", "tsa:e 2e"]), "/trustStores/1"),
        (stores(&["ca"]), "/trustStores/0"),
        (identities(&["x509.subject:"]), "/trustedIdentities/0"),
        (identities(&["x509.subject: C=US,ST=WA,O=a+OU=b"]), "/trustedIdentities/0"),
        (scopes(&["r.io/*"]), "/registryScopes/0"),
        (scopes(&["r.io/a", "*.io/a"]), "/registryScopes/1"),
    ] {
        let path = if path.starts_with("/spec") {
            path.to_owned()
        } else {
            format!("{statement_path}{path}")
        };
        for profile in ["spec", "compat"] {
            let (_, errors) = verdict(&around(&json!(text), profile));
            assert!(
                errors.iter().any(|e| e.path == path),
                "{profile} {text}: {errors:?}, not {path}"
            );
        }
    }
    // 71: an identity of another kind names nobody.
    let text = identities(&["aws.arn:x"]);
    assert_eq!(verdict(&around(&json!(text), "spec")).0, Invalid);
    assert_eq!(verdict(&around(&json!(text), "compat")).0, Valid);
    // 70: the empty text is the default of notation-go.
    let text = level(r#"{"level":"strict","verifyTimestamp":""}"#);
    assert_eq!(verdict(&around(&json!(text), "spec")).0, Invalid);
    assert_eq!(verdict(&around(&json!(text), "compat")).0, Valid);
    // A duplicate member is one too many, where the text is read here.
    let text = r#"{"version":"1.0","version":"1.0","trustPolicies":[]}"#;
    assert_eq!(verdict(&around(&json!(text), "spec")).0, Malformed);
}

fn decided(policy: &Value, request: &Request) -> Decision {
    let policy = Policy::parse(policy).unwrap();
    match evaluate(&policy, request, &[], Time::from_unix(NOW), Budget::default()) {
        Step::Decision(decision) => *decision,
        Step::Need(needs) => panic!("{needs:?}"),
    }
}

fn image(reference: &str) -> Request {
    let images = vec![ImageRequest { reference: reference.into(), path: None }];
    Request { images, ..Request::default() }
}

/// Requirement 2: nothing is fetched, nobody has signed, and the decision says so.
#[test]
fn level_skip_allows_without_evidence_and_says_so() {
    let skip =
        r#"{"name":"s","registryScopes":["r.io/a"],"signatureVerification":{"level":"skip"}}"#;
    let by_document = around(&json!(document(&[skip.into()])), "spec");
    let native = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "authorities": { "s": { "notation": { "level": "skip" } } },
            "rules": [{ "images": ["r.io/a"], "require": "s" }],
        },
    });
    for policy in [by_document, native] {
        let decision = decided(&policy, &image("r.io/a:1"));
        assert_eq!(decision.outcome, Outcome::Allow);
        assert!(
            decision.warnings.iter().any(|w| w.contains("verification.skipped")),
            "{decision:?}"
        );
        assert_eq!(decision.usage.evidence_bytes, 0);
        // What no statement is about is not allowed.
        let decision = decided(&policy, &image("r.io/b:1"));
        assert_eq!(decision.outcome, Outcome::Deny);
        let reason = decision.images[0].reason.as_ref().unwrap();
        assert_eq!(reason.code.as_str(), "image.unmatched");
    }
}

/// D6, and where a signer counts.
#[test]
fn level_skip_is_refused_where_it_would_undo_others() {
    let policy = |profile: &str, images: &str, require: Value| {
        let pem = pem();
        json!({
            "apiVersion": "countersign.dev/v1",
            "kind": "ImagePolicy",
            "spec": {
                "trust": { "n": { "notation": { "ca": [pem] } } },
                "authorities": {
                    "s": { "notation": { "level": "skip", "profile": profile } },
                    "n": { "notation": { "trust": "n", "trustedIdentities": ["*"], "override": { "revocation": "skip" } } },
                },
                "rules": [{ "images": [images], "require": require }],
            },
        })
    };
    let referrer = json!({ "attestation": { "artifactType": "a/b", "signedBy": "s" } });
    for (profile, images, require, good) in [
        ("spec", "r.io/**", json!("s"), true),
        ("spec", "r.io/**", json!({ "all": ["s", "n"] }), true),
        ("spec", "**", json!("s"), false),
        ("spec", "**/**", json!(["s"]), false),
        ("compat", "**", json!("s"), true),
        ("compat", "r.io/**", json!({ "any": ["s", "n"] }), false),
        ("compat", "r.io/**", json!({ "atLeast": 1, "of": ["s"] }), false),
        ("compat", "r.io/**", referrer, false),
    ] {
        let errors = Policy::parse(&policy(profile, images, require.clone())).err();
        let codes: Vec<_> = errors.iter().flatten().map(|e| e.code.as_str()).collect();
        let expected: &[&str] = if good { &[] } else { &["policy.invalidValue"] };
        assert_eq!(codes, expected, "{profile} {images} {require}");
    }
}

/// Requirements 48 and 49.
#[test]
fn blobs_fall_under_the_statement_of_their_name_or_the_global_one() {
    let strict = r#"{"level":"strict","override":{"revocation":"skip"}}"#;
    let named = |name: &str, level: &str, rest: &str| {
        format!(r#"{{"name":"{name}","signatureVerification":{level}{rest}}}"#)
    };
    let trust = r#","trustStores":["ca:a"],"trustedIdentities":["*"]"#;
    let policy = |statements: &[String], profile: &str| {
        let mut policy = around(&json!("{}"), profile);
        let inner = &mut policy["spec"]["notationTrustPolicy"];
        inner.as_object_mut().unwrap().remove("document");
        inner["blobDocument"] = json!(document(statements));
        policy
    };
    let statements = [
        named("notes.txt", r#"{"level":"skip"}"#, ""),
        named("g", strict, &format!(r#"{trust},"globalPolicy":true"#)),
    ];
    let blob = |name: &str| Request {
        blobs: vec![BlobRequest {
            name: name.into(),
            digests: Vec::new(),
            content: Some(Bytes(b"hello".to_vec())),
            signatures: Vec::new(),
        }],
        ..Request::default()
    };
    let decision = decided(&policy(&statements, "spec"), &blob("notes.txt"));
    assert_eq!(decision.outcome, Outcome::Allow);
    assert!(decision.warnings.iter().any(|w| w.contains("verification.skipped")));
    let decision = decided(&policy(&statements, "spec"), &blob("other.txt"));
    assert_eq!(decision.blobs[0].reason.as_ref().unwrap().code.as_str(), "signatures.none");
    let decision = decided(&policy(&statements[..1], "spec"), &blob("other.txt"));
    assert_eq!(decision.blobs[0].reason.as_ref().unwrap().code.as_str(), "image.unmatched");

    let global = r#","globalPolicy":true"#;
    for (statements, good) in [
        (vec![named("a", strict, trust)], true),
        (vec![named("a", r#"{"level":"skip"}"#, global)], false),
        (
            vec![
                named("a", strict, &format!("{trust}{global}")),
                named("b", strict, &format!("{trust}{global}")),
            ],
            false,
        ),
        (vec![named("a", strict, trust), named("a", strict, trust)], false),
        (vec![named("a", strict, "")], false),
        (vec![named("a", strict, &format!(r#"{trust},"globalPolicy":"yes""#))], false),
        (vec![], false),
    ] {
        for profile in ["spec", "compat"] {
            let (found, errors) = verdict(&policy(&statements, profile));
            assert_eq!(found == Valid, good, "{statements:?}: {errors:?}");
        }
    }
    // notation-go does not look at members of the other document.
    let scoped = vec![named("a", strict, &format!(r#"{trust},"registryScopes":["*"]"#))];
    assert_eq!(verdict(&policy(&scoped, "spec")).0, Invalid);
    assert_eq!(verdict(&policy(&scoped, "compat")).0, Valid);
}
