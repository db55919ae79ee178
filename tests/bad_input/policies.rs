//! Policies that are broken: each refused with a code, the place and what was probably meant.

use countersign::policy::Policy;
use serde_json::{Value, json};

use crate::support;

pub(crate) fn key(name: &str) -> Value {
    let path = support::corpora().join("trust").join(name);
    std::fs::read_to_string(path).unwrap().into()
}

fn weak(name: &str) -> Value {
    let path = support::corpora().join("../tests/cases/weak-keys").join(name);
    std::fs::read_to_string(path).unwrap().into()
}

fn good() -> Value {
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "metadata": { "name": "x" },
        "spec": {
            "trust": {
                "store": { "notation": { "ca": [key("notation-root.pem")] } },
                "own": { "x509": { "roots": [key("ca-root.pem")] } },
            },
            "authorities": {
                "key": { "cosign": { "keys": [key("cosign-p256.pub")], "annotations": { "a": "b" } } },
                "corp": { "cosign": { "trust": "own", "certificate": { "subject": "s@acme.test" } } },
                "notary": { "notation": {
                    "trust": "store",
                    "level": "strict",
                    "override": { "revocation": "skip" },
                    "trustedIdentities": ["*"],
                } },
            },
            "rules": [
                { "name": "r", "images": ["ghcr.io/acme/**"], "require": { "any": ["key", "notary"] } },
                { "images": ["**"], "require": { "attestation": { "type": "vuln", "signedBy": "key" } } },
            ],
            "unmatched": "deny",
            "mode": "enforce",
            "digests": { "pin": "pods", "require": "auto" },
        },
    })
}

/// Puts a value at a pointer, or removes what is there.
pub(crate) fn change(document: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        *document = value.unwrap();
        return;
    };
    match document.pointer_mut(parent).unwrap() {
        Value::Array(list) => {
            let at: usize = name.parse().unwrap();
            match value {
                Some(value) if at == list.len() => list.push(value),
                Some(value) => list[at] = value,
                None => drop(list.remove(at)),
            }
        }
        Value::Object(map) => drop(match value {
            Some(value) => map.insert(name.to_owned(), value),
            None => map.remove(name),
        }),
        other => panic!("{pointer}: {other}"),
    }
}

#[test]
fn the_good_policy_is_good() {
    assert!(Policy::parse(&good()).is_ok());
}

#[test]
fn broken_policies_are_refused_where_they_are_broken() {
    let unknown = "policy.unknownField";
    let missing = "policy.missingField";
    let invalid = "policy.invalidValue";
    let name = "policy.unknownName";
    let (rule, require) = ("/spec/rules/0", "/spec/rules/0/require");
    let (key_, notary) = ("/spec/authorities/key/cosign", "/spec/authorities/notary/notation");
    let corp = "/spec/authorities/corp/cosign";
    let set = |at: &str, value: Value| (at.to_owned(), Some(value));
    let put = |base: &str, at: &str, value: Value| (format!("{base}/{at}"), Some(value));
    let cut = |at: &str| (at.to_owned(), None);
    let deep = (0..40).fold(json!("key"), |tree, _| json!({ "all": [tree] }));
    let deep_at = format!("{require}{}", "/all/0".repeat(17));
    // Change, code, path, suggestion.
    type Row<'a> = ((String, Option<Value>), &'a str, &'a str, Option<&'a str>);
    let rows: Vec<Row<'_>> = vec![
        (set("", json!(null)), invalid, "", None),
        (set("", json!([])), invalid, "", None),
        (set("", json!("policy")), invalid, "", None),
        (set("", json!({})), missing, "", None),
        (cut("/apiVersion"), missing, "", None),
        (
            set("/apiVersion", json!("countersign.dev/v2")),
            invalid,
            "/apiVersion",
            Some("countersign.dev/v1"),
        ),
        (set("/apiVersion", json!("v1")), invalid, "/apiVersion", None),
        (cut("/kind"), missing, "", None),
        (set("/kind", json!("imagepolicy")), invalid, "/kind", Some("ImagePolicy")),
        (set("/metadata", json!([])), invalid, "/metadata", None),
        (set("/metadata/name", json!("")), invalid, "/metadata/name", None),
        (set("/metadata/nmae", json!("x")), unknown, "/metadata/nmae", Some("name")),
        (cut("/spec"), missing, "", None),
        (set("/spec", json!(1)), invalid, "/spec", None),
        (set("/Spec", json!(1)), unknown, "/Spec", Some("spec")),
        (set("/spec/rule", json!([])), unknown, "/spec/rule", Some("rules")),
        (set("/spec/autorities", json!({})), unknown, "/spec/autorities", Some("authorities")),
        (set("/spec/a~b~1c", json!({})), unknown, "/spec/a~0b~01c", None),
        (set("/spec/unmatched", json!("alow")), invalid, "/spec/unmatched", Some("allow")),
        (set("/spec/unmatched", json!(true)), invalid, "/spec/unmatched", None),
        (set("/spec/mode", json!("enforced")), invalid, "/spec/mode", Some("enforce")),
        (set("/spec/mode", json!("ENFORCE")), invalid, "/spec/mode", Some("enforce")),
        (set("/spec/undetermined", json!("allow")), invalid, "/spec/undetermined", None),
        (set("/spec/undetermined", json!("Warn")), invalid, "/spec/undetermined", Some("warn")),
        (set("/spec/digests/pin", json!("pod")), invalid, "/spec/digests/pin", Some("pods")),
        (set("/spec/digests/require", json!("always")), invalid, "/spec/digests/require", None),
        (
            set("/spec/evidence", json!({ "timeout": "1s" })),
            invalid,
            "/spec/evidence/timeout",
            None,
        ),
        (
            set("/spec/evidence", json!({ "repository": "ghcr.io/acme/evidence:1" })),
            invalid,
            "/spec/evidence/repository",
            None,
        ),
        (
            set("/spec/block", json!({ "digests": ["sha256:0"] })),
            invalid,
            "/spec/block/digests/0",
            None,
        ),
        (set("/spec/exceptions", json!([{}])), missing, "/spec/exceptions/0", None),
        (cut("/spec/rules"), missing, "/spec", None),
        (set("/spec/rules", json!([])), invalid, "/spec/rules", None),
        (set("/spec/rules", json!({})), invalid, "/spec/rules", None),
        (set("/spec/rules/0", json!("**")), invalid, rule, None),
        (cut("/spec/rules/0/images"), missing, rule, None),
        (put(rule, "images", json!([])), invalid, "/spec/rules/0/images", None),
        (put(rule, "images", json!("**")), invalid, "/spec/rules/0/images", None),
        (put(rule, "images", json!([""])), invalid, "/spec/rules/0/images/0", None),
        (put(rule, "images", json!(["!**"])), invalid, "/spec/rules/0/images", None),
        (
            put(rule, "images", json!(["**", "nginx"])),
            invalid,
            "/spec/rules/0/images/1",
            Some("docker.io/library/nginx"),
        ),
        (
            put(rule, "images", json!(["ghcr.io/acme/app:1"])),
            invalid,
            "/spec/rules/0/images/0",
            None,
        ),
        (
            put(rule, "images", json!(["ghcr.io/acme/app@sha256:0"])),
            invalid,
            "/spec/rules/0/images/0",
            None,
        ),
        (
            put(rule, "images", json!(["ghcr.io/acme/{a,b}"])),
            invalid,
            "/spec/rules/0/images/0",
            None,
        ),
        (
            put(rule, "images", json!(["ghcr.io/".repeat(100)])),
            invalid,
            "/spec/rules/0/images/0",
            None,
        ),
        (put(rule, "static", json!("allow")), invalid, rule, None),
        (cut(require), missing, rule, None),
        (put(rule, "requires", json!("key")), unknown, "/spec/rules/0/requires", Some("require")),
        (
            put(rule, "subject", json!("platform")),
            invalid,
            "/spec/rules/0/subject",
            Some("platforms"),
        ),
        (put(rule, "mode", json!("warning")), invalid, "/spec/rules/0/mode", None),
        (set(require, json!("kye")), name, require, Some("key")),
        (set(require, json!("Key")), name, require, Some("key")),
        (set(require, json!("release")), name, require, None),
        (set(require, json!(1)), invalid, require, None),
        (set(require, json!([])), invalid, require, None),
        (set(require, json!({})), missing, require, None),
        (set(require, json!({ "any": [] })), invalid, "/spec/rules/0/require/any", None),
        (set(require, json!({ "any": ["key"], "all": ["key"] })), invalid, require, None),
        (
            set(require, json!({ "any": ["key", "notray"] })),
            name,
            "/spec/rules/0/require/any/1",
            Some("notary"),
        ),
        (set(require, json!({ "not": "key" })), unknown, "/spec/rules/0/require/not", None),
        (set(require, json!({ "atLeast": 1 })), missing, require, None),
        (
            set(require, json!({ "atLeast": 0, "of": ["key"] })),
            invalid,
            "/spec/rules/0/require/atLeast",
            None,
        ),
        (
            set(require, json!({ "atLeast": 3, "of": ["key", "notary"] })),
            invalid,
            "/spec/rules/0/require/atLeast",
            None,
        ),
        (
            set(require, json!({ "atLeast": -1, "of": ["key"] })),
            invalid,
            "/spec/rules/0/require/atLeast",
            None,
        ),
        (
            set(require, json!({ "atLeast": 1.5, "of": ["key"] })),
            invalid,
            "/spec/rules/0/require/atLeast",
            None,
        ),
        (
            set(require, json!({ "atLeast": "2", "of": ["key", "notary"] })),
            invalid,
            "/spec/rules/0/require/atLeast",
            None,
        ),
        (
            set(require, json!({ "any": ["key"], "of": ["key"] })),
            invalid,
            "/spec/rules/0/require/of",
            None,
        ),
        (set(require, deep), invalid, &deep_at, None),
        (
            set(require, json!({ "attestation": {} })),
            missing,
            "/spec/rules/0/require/attestation",
            None,
        ),
        (
            set(require, json!({ "attestation": { "type": "vuln" } })),
            missing,
            "/spec/rules/0/require/attestation",
            None,
        ),
        (
            set(require, json!({ "attestation": { "type": "vlun", "signedBy": "key" } })),
            invalid,
            "/spec/rules/0/require/attestation/type",
            Some("vuln"),
        ),
        (
            set(
                require,
                json!({ "attestation": { "type": "https://sigstore.dev/cosign/sign/v1", "signedBy": "key" } }),
            ),
            invalid,
            "/spec/rules/0/require/attestation/type",
            None,
        ),
        (
            set(
                require,
                json!({ "attestation": { "type": "vuln", "artifactType": "a/b", "signedBy": "key" } }),
            ),
            invalid,
            "/spec/rules/0/require/attestation",
            None,
        ),
        (
            set(
                require,
                json!({ "attestation": { "type": "vuln", "signedBy": { "attestation": { "type": "vuln", "signedBy": "key" } } } }),
            ),
            invalid,
            "/spec/rules/0/require/attestation/signedBy",
            None,
        ),
        (
            set(
                require,
                json!({ "attestation": { "type": "vuln", "signedBy": "key", "select": "newest" } }),
            ),
            invalid,
            "/spec/rules/0/require/attestation/select",
            None,
        ),
        (
            set(
                require,
                json!({ "attestation": { "type": "vuln", "signedBy": "key", "maxAge": "7 days" } }),
            ),
            invalid,
            "/spec/rules/0/require/attestation/maxAge",
            None,
        ),
        (
            set(require, json!({ "attestation": { "type": "vuln", "signedby": "key" } })),
            unknown,
            "/spec/rules/0/require/attestation/signedby",
            Some("signedBy"),
        ),
        (set("/spec/authorities", json!([])), invalid, "/spec/authorities", None),
        (set("/spec/authorities/key", json!({})), missing, "/spec/authorities/key", None),
        (set("/spec/authorities/key/notation", json!({})), invalid, "/spec/authorities/key", None),
        (
            set("/spec/authorities/key/cosgin", json!({})),
            unknown,
            "/spec/authorities/key/cosgin",
            Some("cosign"),
        ),
        (put(key_, "keys", json!([])), invalid, "/spec/authorities/key/cosign/keys", None),
        (
            put(key_, "keys", key("cosign-p256.pub")),
            invalid,
            "/spec/authorities/key/cosign/keys",
            None,
        ),
        (put(key_, "keys", json!(["x"])), invalid, "/spec/authorities/key/cosign/keys/0", None),
        (
            put(key_, "keys", json!([key("ca-root.pem")])),
            invalid,
            "/spec/authorities/key/cosign/keys/0",
            None,
        ),
        (
            put(key_, "keys", json!([key("cosign-p256.pub"), weak("rsa1024.pub")])),
            "key.weak",
            "/spec/authorities/key/cosign/keys/1",
            None,
        ),
        (
            put(key_, "keys", json!([weak("p224.pub")])),
            "key.weak",
            "/spec/authorities/key/cosign/keys/0",
            None,
        ),
        (
            put(key_, "keys", json!([weak("rsa8192.pub")])),
            "key.unsupported",
            "/spec/authorities/key/cosign/keys/0",
            None,
        ),
        (
            put(key_, "keys", json!([weak("secp256k1.pub")])),
            "key.unsupported",
            "/spec/authorities/key/cosign/keys/0",
            None,
        ),
        (
            put(key_, "keys", json!([weak("ed448.pub")])),
            "key.unsupported",
            "/spec/authorities/key/cosign/keys/0",
            None,
        ),
        (
            put(key_, "keys", json!([weak("x25519.pub")])),
            "key.unsupported",
            "/spec/authorities/key/cosign/keys/0",
            None,
        ),
        (put(key_, "key", json!([])), unknown, "/spec/authorities/key/cosign/key", Some("keys")),
        (put(key_, "trust", json!("own")), invalid, key_, None),
        (
            put(key_, "annotations", json!({ "a": 1 })),
            invalid,
            "/spec/authorities/key/cosign/annotations/a",
            None,
        ),
        (put(key_, "transparencyLog", json!("required")), missing, key_, None),
        (
            put(key_, "transparencyLog", json!("none")),
            invalid,
            "/spec/authorities/key/cosign/transparencyLog",
            None,
        ),
        (
            put(corp, "trust", json!("onw")),
            name,
            "/spec/authorities/corp/cosign/trust",
            Some("own"),
        ),
        (put(corp, "trust", json!("store")), invalid, "/spec/authorities/corp/cosign/trust", None),
        (cut("/spec/authorities/corp/cosign/trust"), missing, corp, None),
        (
            put(corp, "certificate", json!({})),
            missing,
            "/spec/authorities/corp/cosign/certificate",
            None,
        ),
        (
            put(corp, "certificate", json!({ "subject": "a", "subjectRegExp": "b" })),
            invalid,
            "/spec/authorities/corp/cosign/certificate",
            None,
        ),
        (
            put(corp, "certificate", json!({ "subjectRegExp": "(" })),
            invalid,
            "/spec/authorities/corp/cosign/certificate/subjectRegExp",
            None,
        ),
        (
            put(corp, "certificate", json!({ "subjectRegExp": "a{1000}{1000}{1000}" })),
            invalid,
            "/spec/authorities/corp/cosign/certificate/subjectRegExp",
            None,
        ),
        (
            put(corp, "certificate", json!({ "subjectRegexp": "a" })),
            unknown,
            "/spec/authorities/corp/cosign/certificate/subjectRegexp",
            Some("subjectRegExp"),
        ),
        (
            put(notary, "level", json!("strickt")),
            invalid,
            "/spec/authorities/notary/notation/level",
            Some("strict"),
        ),
        (
            put(notary, "trustedIdentities", json!([])),
            invalid,
            "/spec/authorities/notary/notation/trustedIdentities",
            None,
        ),
        (
            put(notary, "trustedIdentities", json!(["CN=x"])),
            invalid,
            "/spec/authorities/notary/notation/trustedIdentities/0",
            None,
        ),
        (
            put(notary, "trustedIdentities", json!(["*", "x509.subject: C=US, ST=WA, O=acme"])),
            invalid,
            "/spec/authorities/notary/notation/trustedIdentities",
            None,
        ),
        (cut("/spec/authorities/notary/notation/trustedIdentities"), missing, notary, None),
        (cut("/spec/authorities/notary/notation/trust"), missing, notary, None),
        (
            put(notary, "trust", json!("own")),
            invalid,
            "/spec/authorities/notary/notation/trust",
            None,
        ),
        (
            put(notary, "override", json!({ "revocation": "none" })),
            invalid,
            "/spec/authorities/notary/notation/override/revocation",
            None,
        ),
        (
            put(notary, "override", json!({ "revocation": "skip", "integrity": "log" })),
            unknown,
            "/spec/authorities/notary/notation/override/integrity",
            None,
        ),
        (put(notary, "level", json!("audit")), invalid, "/spec/authorities/notary", None),
        (set("/spec/trust/own", json!({})), missing, "/spec/trust/own", None),
        (set("/spec/trust/own/x509/roots", json!([])), invalid, "/spec/trust/own/x509/roots", None),
        (
            set("/spec/trust/own/x509/roots", json!(["x"])),
            invalid,
            "/spec/trust/own/x509/roots/0",
            None,
        ),
        (
            set("/spec/trust/own/x509/roots", json!([key("cosign-p256.pub")])),
            invalid,
            "/spec/trust/own/x509/roots/0",
            None,
        ),
        (
            set("/spec/trust/own/x509/root", json!([])),
            unknown,
            "/spec/trust/own/x509/root",
            Some("roots"),
        ),
        (
            set("/spec/trust/store/notation/ca", json!([key("ca-leaf.pem")])),
            invalid,
            "/spec/trust/store/notation/ca",
            None,
        ),
        (set("/spec/trust/store/notation", json!({})), missing, "/spec/trust/store/notation", None),
    ];
    assert!(rows.len() >= 100, "{}", rows.len());
    let mut wrong = Vec::new();
    for ((pointer, value), code, path, suggestion) in rows {
        let mut document = good();
        let what = format!(
            "{pointer} = {:.60}",
            value.as_ref().map_or_else(|| "nothing".into(), Value::to_string)
        );
        change(&mut document, &pointer, value);
        let Err(errors) = Policy::parse(&document) else {
            wrong.push(format!("{what}: accepted"));
            continue;
        };
        let fits = errors
            .iter()
            .any(|e| e.code == code && e.path == path && e.suggestion.as_deref() == suggestion);
        let one_line = errors.iter().all(|e| !e.message.contains('\n') && !e.message.is_empty());
        if !fits || !one_line {
            let found: Vec<_> = errors
                .iter()
                .take(3)
                .map(|e| format!("{} {} {:?} {:.80}", e.code, e.path, e.suggestion, e.message))
                .collect();
            wrong.push(format!(
                "{what}: expected {code} {path} {suggestion:?}, found {}",
                found.join("; ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All errors are reported, not the first alone.
#[test]
fn every_error_of_a_policy_is_reported() {
    let mut document = good();
    change(&mut document, "/kind", Some(json!("Policy")));
    change(&mut document, "/spec/mode", Some(json!("x")));
    change(&mut document, "/spec/authorities/key/cosign/keys/0", Some(json!("x")));
    change(&mut document, "/spec/rules/1/images/0", Some(json!("nginx")));
    let errors = Policy::parse(&document).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|e| e.path.as_str()).collect();
    for path in
        ["/kind", "/spec/mode", "/spec/authorities/key/cosign/keys/0", "/spec/rules/1/images/0"]
    {
        assert!(paths.contains(&path), "{path} is not among {paths:?}");
    }
}
