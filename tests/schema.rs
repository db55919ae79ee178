//! The published schemas say what the parser and the evaluation do.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files; tests of it do"
)]

mod support;

use std::collections::BTreeSet;

use countersign::{
    evidence::Budget,
    policy::Policy,
    trust::sigstore::PUBLIC_GOOD,
    verdict::ALL_CODES,
    wire::{
        BeginRequest, EvidenceItem, PrepareRequest, PrepareResponse, ResumeRequest, STEP_VERSION,
        StepRequest, StepResponse,
    },
    x509::fulcio,
};
use jsonschema::Validator;
use serde_json::{Value, json};

fn document(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn policy_schema() -> Validator {
    jsonschema::validator_for(&document("policy.v1.schema.json")).unwrap()
}

/// One of the definitions of the step schema.
fn step_schema(name: &str) -> Validator {
    let mut schema = document("step.v1.schema.json");
    let root = schema.as_object_mut().unwrap();
    root.remove("oneOf");
    root.insert("$ref".into(), json!(format!("#/$defs/{name}")));
    jsonschema::validator_for(&schema).unwrap()
}

fn codes(policy: &Value) -> BTreeSet<String> {
    let errors = Policy::parse(policy).err().unwrap_or_default();
    errors.into_iter().map(|e| e.code).collect()
}

fn case(id: &str) -> Value {
    let found = support::cases().into_iter().find(|case| case.id == id);
    found.unwrap_or_else(|| panic!("no case {id}")).policy
}

/// A certificate for code signing, with a name.
fn leaf() -> String {
    std::fs::read_to_string(support::corpora().join("trust/ca-leaf.pem")).unwrap()
}

/// A policy that uses every field of this build.
fn whole() -> Value {
    let pem = |id: &str, path: &str| case(id).pointer(path).unwrap().clone();
    let roots = pem("cosign-a-own-ca", "/spec/trust/ca/x509/roots");
    let root = &roots[0];
    let keys = pem("cosign-a-unsigned", "/spec/authorities/signer/cosign/keys");
    let key = &keys[0];
    let always = json!({ "start": "2021-01-12T11:53:27Z" });
    let period = json!({ "start": "2021-01-12T11:53:27.000Z", "end": "2041-01-12T11:53:27Z" });
    let public_good: Value = serde_json::from_str(PUBLIC_GOOD).unwrap();
    let zeros = "0".repeat(64);
    let sha256 = format!("sha256:{zeros}");
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "metadata": { "name": "whole", "labels": { "a": "b" }, "annotations": { "c": "d" } },
        "spec": {
            "trust": {
                "ca": { "x509": { "roots": roots, "intermediates": roots } },
                "notary": { "notation": {
                    "ca": pem("notation-unsigned", "/spec/trust/n/notation/ca"),
                    "signingAuthority": [],
                    "tsa": pem("notation-jws-tsa", "/spec/trust/n/notation/tsa"),
                } },
                "public-good": { "sigstore": { "trustedRoot": "embedded" } },
                "github": { "sigstore": { "trustedRoot": "github" } },
                "staging": { "sigstore": { "trustedRoot": "staging" } },
                "inline": { "sigstore": { "trustedRoot": public_good } },
                "private": { "sigstore": {
                    "certificateAuthorities": [root, { "certChain": root, "validFor": period }],
                    "ctlogs": [key],
                    "timestampAuthorities": [{ "certChain": root }],
                    "tlogs": [
                        key,
                        { "publicKey": key },
                        { "publicKey": key, "baseUrl": "https://rekor.acme.test", "validFor": always },
                    ],
                } },
                "no-logs": { "sigstore": {
                    "certificateAuthorities": [root],
                    "timestampAuthorities": [root],
                    "tlogs": [],
                } },
            },
            "authorities": {
                "key": { "cosign": {
                    "keys": keys,
                    "annotations": { "env": "prod" },
                    "boundTo": "repository",
                    "timestamp": "optional",
                    "transparencyLog": "ignore",
                } },
                "corp": { "cosign": { "trust": "ca", "certificate": { "subject": "a@acme.test" } } },
                "team": { "cosign": {
                    "trust": "ca",
                    "certificate": { "subjectRegExp": ".*@acme[.]test" },
                    "boundTo": { "to": "reference", "remaps": [{ "from": "mirror.acme.test/hub", "to": "docker.io" }] },
                } },
                "logged": { "cosign": { "keys": keys, "trust": "public-good", "transparencyLog": "required" } },
                "watched": { "cosign": { "keys": keys, "trust": "public-good", "transparencyLog": "ifPresent" } },
                "pinned": { "cosign": { "trust": ["ca", "public-good"], "certificate": { "pem": leaf() } } },
                "pinned-alone": { "cosign": { "certificate": { "pem": leaf() } } },
                "name": { "cosign": {
                    "trust": ["ca", "private"],
                    "certificate": { "distinguishedName": "CN=signer,O=acme,C=DE", "issuer": "https://acme.test" },
                    "transparencyLog": { "atLeast": 1 },
                    "timestamp": "required",
                } },
                "names": { "cosign": {
                    "trust": ["ca"],
                    "certificate": { "distinguishedNameRegExp": ".*,O=acme,C=DE", "issuerRegExp": ".*" },
                } },
                "ci": { "cosign": {
                    "trust": ["public-good", "private"],
                    "keyless": [
                        {
                            "issuer": "https://token.actions.githubusercontent.com",
                            "subjectRegExp": "https://github[.]com/acme/.*",
                            "githubWorkflow": {
                                "repository": "acme/app",
                                "ref": "refs/heads/main",
                                "shaRegExp": "[0-9a-f]{40}",
                                "trigger": "push",
                                "name": "release",
                            },
                            "runnerEnvironment": "github-hosted",
                            "sourceRepositoryRefRegExp": "refs/(heads/main|tags/.*)",
                        },
                        { "issuerRegExp": ".*", "subject": "signer@acme.test" },
                    ],
                    "timestamp": "optional",
                } },
                "stamped": { "cosign": {
                    "trust": "github",
                    "keyless": [{ "issuer": "https://acme.test", "subject": "signer@acme.test" }],
                    "transparencyLog": "ignore",
                    "timestamp": { "atLeast": 1 },
                } },
                "unlogged": { "cosign": {
                    "trust": "no-logs",
                    "keyless": [{ "issuer": "https://acme.test", "subject": "signer@acme.test" }],
                    "transparencyLog": "ignore",
                } },
                "actions": { "github": {
                    "repository": "acme/app",
                    "ref": "refs/heads/main",
                    "signerWorkflow": "acme/ci/.github/workflows/build.yml",
                    "visibility": "private",
                } },
                "all-actions": { "github": { "owner": "acme" } },
                "notary": { "notation": {
                    "trust": "notary",
                    "level": "strict",
                    "override": {
                        "authenticity": "enforce",
                        "authenticTimestamp": "log",
                        "expiry": "log",
                        "revocation": "skip",
                    },
                    "verifyTimestamp": "afterCertExpiry",
                    "tsaRevocation": "skip",
                    "maxEvidenceAge": "7d",
                    "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
                    "userMetadata": { "env": "prod" },
                    "profile": "spec",
                } },
                "nobody": { "notation": { "level": "skip", "profile": "spec" } },
            },
            "rules": [
                {
                    "name": "ours",
                    "images": ["ghcr.io/acme/**", "!ghcr.io/acme/sandbox/**"],
                    "subject": "resolved",
                    "require": { "all": [
                        "key",
                        ["corp"],
                        { "cosign": { "keys": keys } },
                        { "github": { "owner": "acme" } },
                        { "subject": "both", "any": ["team", { "atLeast": 2, "of": ["corp", "notary"] }] },
                        { "attestation": { "type": "vuln", "signedBy": { "any": ["key", { "cosign": { "keys": keys } }] }, "select": "any" } },
                        { "attestation": { "type": "https://acme.test/report/v1", "signedBy": "key" } },
                        { "attestation": { "artifactType": "application/spdx+json", "signedBy": ["notary"] } },
                        { "attestation": { "type": "*", "signedBy": "actions" } },
                    ] },
                },
                { "images": ["registry.k8s.io/**"], "static": "allow" },
                { "images": ["docker.io/library/*"], "static": "deny" },
                { "blobs": ["*.tar.gz", "!old */**"], "require": "ci" },
                { "images": ["ghcr.io/acme/**"], "blobs": ["**"], "require": "key" },
                { "images": ["ghcr.io/acme/unsigned/**"], "require": "nobody" },
                attested(),
                {
                    "name": "guarded",
                    "images": ["ghcr.io/acme/**"],
                    "match": {
                        "references": ["ghcr.io/acme/*:v?"],
                        "kinds": ["Pod", "apps/Deployment"],
                        "namespaces": ["prod-*", "!prod-test"],
                        "labels": { "matchLabels": { "team": "a" } },
                        "namespaceLabels": { "matchExpressions": [
                            { "key": "env", "operator": "In", "values": ["prod"] },
                            { "key": "env", "operator": "NotIn", "values": ["dev"] },
                            { "key": "env", "operator": "Exists" },
                            { "key": "sandbox", "operator": "DoesNotExist" },
                        ] },
                        "cel": "request.operation == 'CREATE' && image.registry == 'ghcr.io'",
                    },
                    "require": "key",
                    "mode": "audit",
                    "undetermined": "warn",
                },
            ],
            "notationTrustPolicy": {
                "document": {
                    "version": "1.0",
                    "trustPolicies": [
                        {
                            "name": "acme",
                            "registryScopes": ["registry.acme.io/app", "registry.acme.io/web"],
                            "signatureVerification": {
                                "level": "strict",
                                "override": { "revocation": "skip", "expiry": "log" },
                                "verifyTimestamp": "afterCertExpiry",
                            },
                            "trustStores": ["ca:acme", "tsa:stamps"],
                            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
                        },
                        {
                            "name": "unsigned",
                            "registryScopes": ["registry.acme.io/unsigned"],
                            "signatureVerification": { "level": "skip" },
                        },
                    ],
                },
                "blobDocument": r#"{"version":"1.0","trustPolicies":[{"name":"notes","globalPolicy":true,"signatureVerification":{"level":"permissive","override":{"revocation":"skip"}},"trustStores":["ca:acme"],"trustedIdentities":["*"]}]}"#,
                "stores": {
                    "ca": { "acme": pem("notation-unsigned", "/spec/trust/n/notation/ca") },
                    "signingAuthority": {},
                    "tsa": { "stamps": pem("notation-jws-tsa", "/spec/trust/n/notation/tsa") },
                },
                "tsaRevocation": "log",
                "maxEvidenceAge": "36h",
                "profile": "spec",
            },
            "unmatched": "deny",
            "mode": "enforce",
            "undetermined": "deny",
            "digests": { "pin": "pods", "require": "auto" },
            "trustHost": ["imageConfig", "index"],
            "evidence": {
                "configMaps": { "namespace": "countersign" }, "repository": "ghcr.io/acme/evidence",
                "timeout": "10s",
            },
            "updates": "changed",
            "block": {
                "digests": [sha256],
                "keys": [zeros, sha256],
                "certificates": [zeros, { "issuer": "CN=ca,O=acme,C=DE", "serial": "0A:0b" }],
                "identities": [
                    { "issuer": "https://acme.test", "subjectRegExp": ".*@acme[.]test" },
                    { "subject": "a@acme.test" },
                ],
                "since": "2026-01-01",
            },
            "exceptions": [
                {
                    "images": ["ghcr.io/acme/**", "!ghcr.io/acme/app", sha256, format!("ghcr.io/acme/app@{sha256}")],
                    "namespaces": ["team-a"],
                    "rules": ["ours"],
                    "waive": ["key", "scan", "vuln", "application/spdx+json", "signatures.none"],
                    "until": "2026-12-31",
                    "owner": "team-a",
                    "reason": "moving",
                },
                { "images": ["ghcr.io/nobody/**"], "waive": ["*"], "until": "2026-12-31T12:00:00Z", "owner": "a", "reason": "b" },
            ],
            "ignoreKinds": ["Widget", "acme.test/Gadget"],
            "resources": [
                { "group": "acme.test", "kind": "App", "images": ["/spec/image", "/spec/steps/*/image"] },
                { "group": "", "kind": "ConfigMap", "images": ["/data/image"], "optional": true },
            ],
        },
    })
}

/// A rule with every field of attestations.
fn attested() -> Value {
    json!({
        "name": "attested",
        "images": ["ghcr.io/acme/**"],
        "require": { "all": [
            { "attestation": {
                "name": "scan",
                "type": "vuln",
                "signedBy": "key",
                "maxAge": "7d",
                "select": "latest",
                "vulnerabilities": { "allowUpTo": "high", "vex": { "signedBy": "corp", "maxAge": "4w" } },
                "conditions": [
                    { "cel": "predicate.scanner.uri != ''", "message": "no scanner" },
                    { "cel": "size(attestations.build) > 0 && now > timestamp('2026-01-01T00:00:00Z')" },
                ],
            } },
            { "attestation": {
                "name": "build",
                "type": "slsaprovenance1",
                "signedBy": "key",
                "select": "all",
                "maxAge": "90s",
                "provenance": { "builder": "https://acme.test/*" },
            } },
            {
                "subject": { "platforms": ["linux/amd64", "linux/arm/v7"] },
                "attestation": { "type": "spdx", "signedBy": "key", "sbom": { "minComponents": 2 } },
            },
            { "attestation": {
                "type": "spdx", "signedBy": "key", "maxAge": "30d",
                "sbom": { "deny": { "licenses": ["AGPL-3.0-only"] } },
            } },
            { "attestation": { "type": "vsa", "signedBy": "key", "vsa": { "verifier": "https://acme.test" } } },
            { "attestation": { "type": "custom", "signedBy": "key", "subject": "platforms", "approvals": { "atLeast": 2 } } },
        ] },
        "conditions": [{ "cel": "attestations.scan.all(s, s.predicate.metadata != null)" }],
    })
}

/// `whole` with the value at `path` replaced or added; a null removes it.
fn with(path: &str, value: &Value) -> Value {
    let mut policy = whole();
    if path.is_empty() {
        return value.clone();
    }
    let (parent, name) = path.rsplit_once('/').unwrap();
    let slot = policy.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    match slot {
        Value::Object(map) if value.is_null() => {
            map.remove(name).unwrap_or_else(|| panic!("no {path}"));
        }
        Value::Object(map) => {
            map.insert(name.to_owned(), value.clone());
        }
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value.clone(),
        _ => panic!("{parent} has no members"),
    }
    policy
}

#[test]
fn a_policy_with_every_field_is_accepted_by_both() {
    let policy = whole();
    assert_eq!(codes(&policy), BTreeSet::new());
    let errors: Vec<_> = policy_schema()
        .iter_errors(&policy)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_policies_of_the_corpora_are_accepted_by_both_or_by_neither() {
    let schema = policy_schema();
    let (mut accepted, mut later) = (0, 0);
    for case in support::cases() {
        let codes = codes(&case.policy);
        assert_eq!(codes.is_empty(), schema.is_valid(&case.policy), "{}: {codes:?}", case.id);
        if codes.is_empty() {
            accepted += 1;
        } else {
            assert_eq!(
                codes.into_iter().collect::<Vec<_>>(),
                ["policy.notImplemented"],
                "{}",
                case.id
            );
            later += 1;
        }
    }
    println!("policies of the corpora: {accepted} accepted, {later} not implemented");
    assert!(accepted > 0);
}

#[test]
fn broken_policies_are_refused_by_both() {
    let rule = "/spec/rules/0";
    let require = "/spec/rules/0/require";
    let key_pem = whole().pointer("/spec/trust/private/sigstore/tlogs/0").cloned().unwrap();
    let table: Vec<(String, Value, &str)> = [
        ("", json!([]), VALUE),
        ("", json!("policy"), VALUE),
        ("", json!({}), MISSING),
        ("/extra", json!(1), UNKNOWN),
        ("/apiVersion", json!(null), MISSING),
        ("/apiVersion", json!("countersign.dev/v2"), VALUE),
        ("/apiVersion", json!(1), VALUE),
        ("/kind", json!(null), MISSING),
        ("/kind", json!("imagePolicy"), VALUE),
        ("/metadata", json!([]), VALUE),
        ("/metadata/namespace", json!("x"), UNKNOWN),
        ("/metadata/name", json!(""), VALUE),
        ("/metadata/labels", json!({ "a": 1 }), VALUE),
        ("/spec", json!(null), MISSING),
        ("/spec/rule", json!([]), UNKNOWN),
        ("/spec/rules", json!([]), VALUE),
        ("/spec/notationTrustPolicy/document", json!(7), VALUE),
        ("/spec/notationTrustPolicy/documents", json!({}), UNKNOWN),
        ("/spec/notationTrustPolicy/profile", json!("strict"), VALUE),
        ("/spec/notationTrustPolicy", json!({ "stores": {} }), MISSING),
        ("/spec/notationTrustPolicy/stores/crl", json!({}), UNKNOWN),
        ("/spec/notationTrustPolicy/stores/ca/acme", json!([]), VALUE),
        ("/spec/notationTrustPolicy/stores/ca/acme", json!(["not PEM"]), VALUE),
        ("/spec/notationTrustPolicy/stores/ca/ac me", json!([]), VALUE),
        ("/spec/rules", json!([]), VALUE),
        ("/spec/rules", json!({}), VALUE),
        ("/spec/unmatched", json!("Deny"), VALUE),
        ("/spec/mode", json!("monitor"), VALUE),
        ("/spec/undetermined", json!("allow"), VALUE),
        ("/spec/digests/pin", json!("pod"), VALUE),
        ("/spec/digests/require", json!("always"), VALUE),
        ("/spec/updates", json!("none"), VALUE),
        ("/spec/rules/7/match/references", json!([]), VALUE),
        ("/spec/rules/7/match/references", json!([""]), VALUE),
        ("/spec/rules/7/match/references", json!(["a".repeat(1025)]), VALUE),
        ("/spec/rules/7/blobs", json!(["*"]), VALUE),
        ("/spec/authorities/pinned/cosign/certificate/pem", json!("not PEM"), VALUE),
        ("/spec/authorities/pinned/cosign/certificate/issuer", json!("https://acme.test"), VALUE),
        ("/spec/authorities/pinned/cosign/certificate/subject", json!("a@acme.test"), VALUE),
        ("/spec/authorities/pinned-alone/cosign/transparencyLog", json!("ifPresent"), MISSING),
        ("/spec/authorities/logged/cosign/transparencyLog", json!("optional"), VALUE),
        ("/spec/digests/tag", json!(true), UNKNOWN),
        ("/spec/trustHost", json!([]), VALUE),
        ("/spec/trustHost", json!("index"), VALUE),
        ("/spec/trustHost", json!(["signatures"]), VALUE),
        ("/spec/evidence", json!([]), VALUE),
        ("/spec/evidence/pack", json!("a"), UNKNOWN),
        ("/spec/evidence/configMaps", json!({}), MISSING),
        ("/spec/evidence/configMaps/namespace", json!("Evidence"), VALUE),
        ("/spec/evidence/configMaps/namespace", json!("a-"), VALUE),
        ("/spec/evidence/repository", json!(""), VALUE),
        ("/spec/evidence/timeout", json!(10), VALUE),
        ("/spec/evidence/timeout", json!("soon"), VALUE),
        ("/spec/trust/ca", json!({}), MISSING),
        ("/spec/trust/ca/notation", json!({ "ca": ["x"] }), VALUE),
        ("/spec/trust/ca", json!({ "sigstore": {} }), MISSING),
        ("/spec/trust/ca/sigstore", json!({ "trustedRoot": "embedded" }), VALUE),
        ("/spec/trust/private/sigstore/trustedRoot", json!("embedded"), VALUE),
        ("/spec/trust/public-good/sigstore/trustedRoot", json!("public"), VALUE),
        ("/spec/trust/public-good/sigstore/trustedRoot", json!({}), MISSING),
        ("/spec/trust/public-good/sigstore/trustedRoot", json!(["embedded"]), VALUE),
        ("/spec/trust/public-good/sigstore/root", json!("embedded"), UNKNOWN),
        ("/spec/trust/private/sigstore/tlogs", json!("x"), VALUE),
        ("/spec/trust/private/sigstore/tlogs", json!(["not PEM"]), VALUE),
        ("/spec/trust/private/sigstore/tlogs/1", json!({ "baseUrl": "https://a" }), MISSING),
        ("/spec/trust/private/sigstore/tlogs/1/baseUrl", json!(""), VALUE),
        ("/spec/trust/private/sigstore/tlogs/1/logId", json!("x"), UNKNOWN),
        ("/spec/trust/private/sigstore/tlogs/1/validFor", json!({}), MISSING),
        ("/spec/trust/private/sigstore/tlogs", json!(vec![&key_pem; 101]), VALUE),
        ("/spec/trust/private/sigstore/certificateAuthorities/0", json!("not PEM"), VALUE),
        ("/spec/trust/private/sigstore/certificateAuthorities/1/certChain", json!(null), MISSING),
        ("/spec/trust/private/sigstore/certificateAuthorities/1/operator", json!("x"), UNKNOWN),
        ("/spec/trust/inline/sigstore/trustedRoot/mediaType", json!("a/b"), VALUE),
        ("/spec/trust/inline/sigstore/trustedRoot/mediaType", json!(null), MISSING),
        ("/spec/trust/inline/sigstore/trustedRoot/extra", json!([]), UNKNOWN),
        ("/spec/trust/inline/sigstore/trustedRoot/timestampAuthorities/0/certChain", json!(null), MISSING),
        ("/spec/trust/inline/sigstore/trustedRoot/timestampAuthorities/0/certChain/certificates", json!([]), VALUE),
        ("/spec/trust/inline/sigstore/trustedRoot/timestampAuthorities/0/certChain/certificates/0/rawBytes", json!("!"), VALUE),
        ("/spec/trust/inline/sigstore/trustedRoot/timestampAuthorities/0/validFor/start", json!(null), MISSING),
        ("/spec/trust/inline/sigstore/trustedRoot/timestampAuthorities/0/extra", json!(1), UNKNOWN),
        ("/spec/trust/inline/sigstore/trustedRoot/tlogs/0/publicKey/validFor", json!(null), MISSING),
        ("/spec/trust/inline/sigstore/trustedRoot/tlogs/0/publicKey/keyDetails", json!(null), MISSING),
        ("/spec/trust/inline/sigstore/trustedRoot/tlogs/0/logId", json!(null), MISSING),
        ("/spec/trust/inline/sigstore/trustedRoot/tlogs/0/logId/keyId", json!("!"), VALUE),
        ("/spec/trust/ca/x509/roots", json!(null), MISSING),
        ("/spec/trust/ca/x509/roots", json!([]), VALUE),
        ("/spec/trust/ca/x509/roots", json!(["not PEM"]), VALUE),
        ("/spec/trust/ca/x509/root", json!([]), UNKNOWN),
        ("/spec/trust/notary/notation/ca", json!([]), MISSING),
        ("/spec/trust/notary/notation/crl", json!([]), UNKNOWN),
        ("/spec/authorities/key", json!({}), MISSING),
        ("/spec/authorities/key/notation", json!({}), VALUE),
        ("/spec/authorities/key/cosign/keys", json!(null), MISSING),
        ("/spec/authorities/key/cosign/keys", json!([]), VALUE),
        ("/spec/authorities/key/cosign/keys", json!(["not PEM"]), VALUE),
        ("/spec/authorities/key/cosign/key", json!("x"), UNKNOWN),
        ("/spec/authorities/key/github", json!({ "owner": "acme" }), VALUE),
        ("/spec/authorities/key/cosign/trust", json!([]), VALUE),
        ("/spec/authorities/key/cosign/trust", json!({ "name": "ca" }), VALUE),
        ("/spec/authorities/key/cosign/keyless", json!([{ "issuer": "a", "subject": "b" }]), VALUE),
        ("/spec/authorities/key/cosign/transparencyLog", json!("required"), MISSING),
        ("/spec/authorities/key/cosign/timestamp", json!({ "atLeast": 1 }), MISSING),
        ("/spec/authorities/ci/cosign/trust", json!(null), MISSING),
        ("/spec/authorities/ci/cosign/keyless", json!([]), VALUE),
        ("/spec/authorities/ci/cosign/keyless", json!({ "issuer": "a", "subject": "b" }), VALUE),
        ("/spec/authorities/ci/cosign/keyless/1/subject", json!(null), MISSING),
        ("/spec/authorities/ci/cosign/keyless/1/issuerRegExp", json!(null), MISSING),
        ("/spec/authorities/ci/cosign/keyless/1/issuer", json!("a"), VALUE),
        ("/spec/authorities/ci/cosign/keyless/1/subjectRegExp", json!("a"), VALUE),
        ("/spec/authorities/ci/cosign/keyless/0/sourceRepositoryRef", json!("a"), VALUE),
        ("/spec/authorities/ci/cosign/keyless/0/sourceRepositoryRefs", json!("a"), UNKNOWN),
        ("/spec/authorities/ci/cosign/keyless/0/runnerEnvironment", json!(1), VALUE),
        ("/spec/authorities/ci/cosign/keyless/0/githubWorkflow/sha", json!("a"), VALUE),
        ("/spec/authorities/ci/cosign/keyless/0/githubWorkflow/branch", json!("a"), UNKNOWN),
        ("/spec/authorities/ci/cosign/timestamp", json!("ignore"), VALUE),
        ("/spec/authorities/ci/cosign/transparencyLog", json!("optional"), VALUE),
        ("/spec/authorities/ci/cosign/transparencyLog", json!({}), MISSING),
        ("/spec/authorities/ci/cosign/transparencyLog", json!({ "atLeast": 0 }), VALUE),
        ("/spec/authorities/ci/cosign/transparencyLog", json!({ "atLeast": 9 }), VALUE),
        ("/spec/authorities/ci/cosign/transparencyLog", json!({ "atLeast": 1, "of": [] }), UNKNOWN),
        ("/spec/authorities/names/cosign/certificate/issuer", json!("a"), VALUE),
        ("/spec/authorities/names/cosign/certificate/subject", json!("a"), VALUE),
        ("/spec/authorities/actions/github", json!({}), MISSING),
        ("/spec/authorities/actions/github/owner", json!("acme"), VALUE),
        ("/spec/authorities/actions/github/repository", json!("app"), VALUE),
        ("/spec/authorities/actions/github/repository", json!("acme/app/x"), VALUE),
        ("/spec/authorities/actions/github/repository", json!("acme/"), VALUE),
        ("/spec/authorities/actions/github/visibility", json!("internal"), VALUE),
        ("/spec/authorities/actions/github/workflow", json!("x"), UNKNOWN),
        ("/spec/authorities/all-actions/github/owner", json!("acme/app"), VALUE),
        ("/spec/authorities/key/cosign/annotations", json!({ "env": true }), VALUE),
        ("/spec/authorities/key/cosign/certificate", json!({ "subject": "a" }), VALUE),
        ("/spec/authorities/key/cosign/timestamp", json!("never"), VALUE),
        ("/spec/authorities/corp/cosign/trust", json!(null), MISSING),
        ("/spec/authorities/corp/cosign/certificate", json!({}), MISSING),
        ("/spec/authorities/corp/cosign/certificate/subjectRegExp", json!("a"), VALUE),
        ("/spec/authorities/corp/cosign/certificate/subjects", json!([]), UNKNOWN),
        ("/spec/authorities/notary/notation/trust", json!(null), MISSING),
        ("/spec/authorities/notary/notation/trustedIdentities", json!(null), MISSING),
        ("/spec/authorities/notary/notation/trustedIdentities", json!([]), VALUE),
        ("/spec/authorities/notary/notation/level", json!("Strict"), VALUE),
        ("/spec/authorities/notary/notation/level", json!("skip"), VALUE),
        ("/spec/authorities/nobody/notation/trust", json!("notary"), VALUE),
        ("/spec/authorities/notary/notation/verifyTimestamp", json!("never"), VALUE),
        ("/spec/authorities/notary/notation/tsaRevocation", json!("always"), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!("7"), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!(7), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!("0d"), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!("07d"), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!("+7d"), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!("7d "), VALUE),
        ("/spec/authorities/notary/notation/maxEvidenceAge", json!("7w"), VALUE),
        ("/spec/authorities/nobody/notation/maxEvidenceAge", json!("7d"), VALUE),
        ("/spec/notationTrustPolicy/maxEvidenceAge", json!(""), VALUE),
        ("/spec/notationTrustPolicy/tsaRevocation", json!("always"), VALUE),
        ("/spec/authorities/notary/notation/profile", json!("strict"), VALUE),
        ("/spec/authorities/notary/notation/overide", json!({}), UNKNOWN),
        ("/spec/authorities/notary/notation/override/integrity", json!("log"), UNKNOWN),
        ("/spec/authorities/notary/notation/override/expiry", json!("skip"), VALUE),
        ("/spec/authorities/notary/notation/override/revocation", json!("never"), VALUE),
        ("/spec/authorities/notary/notation/userMetadata", json!({ "a": 1 }), VALUE),
        ("/spec/rules/1/require", json!("key"), VALUE),
        ("/spec/rules/1/static", json!(null), MISSING),
        ("/spec/rules/1/static", json!("warn"), VALUE),
        ("/spec/rules/3/blobs", json!(null), MISSING),
        ("/spec/rules/3/blobs", json!([]), VALUE),
        ("/spec/rules/3/blobs", json!("**"), VALUE),
        ("/spec/rules/3/blobs", json!(["!**"]), VALUE),
        ("/spec/rules/3/blobs", json!(["**", "!"]), VALUE),
        ("/spec/rules/3/images", json!([]), VALUE),
    ]
    .into_iter()
    .chain(broken_matches())
    .chain(broken_lists())
    .map(|(path, value, code)| (path.to_owned(), value, code))
    .chain(broken_attestations())
    .chain(
        [
            ("/images", json!(null), MISSING),
            ("/images", json!([]), VALUE),
            ("/images", json!("ghcr.io/acme/**"), VALUE),
            ("/images", json!(["!ghcr.io/acme/**"]), VALUE),
            ("/images", json!(["ghcr.io/acme/{a,b}"]), VALUE),
            ("/images", json!(["ghcr.io/acme/app@sha256:00"]), VALUE),
            ("/name", json!(""), VALUE),
            ("/requires", json!("key"), UNKNOWN),
        ]
        .map(|(path, value, code)| (format!("{rule}{path}"), value, code)),
    )
    .chain(
        [
            (json!(7), VALUE),
            (json!([]), VALUE),
            (json!({}), MISSING),
            (json!({ "any": [] }), VALUE),
            (json!({ "all": "key" }), VALUE),
            (json!({ "any": ["key"], "all": ["key"] }), VALUE),
            (json!({ "one": ["key"] }), UNKNOWN),
            (json!({ "atLeast": 1 }), MISSING),
            (json!({ "atLeast": 0, "of": ["key"] }), VALUE),
            (json!({ "atLeast": -1, "of": ["key"] }), VALUE),
            (json!({ "atLeast": "1", "of": ["key"] }), VALUE),
            (json!({ "atLeast": 1.5, "of": ["key"] }), VALUE),
            (json!({ "any": ["key"], "of": ["key"] }), VALUE),
            (json!({ "attestation": "vuln" }), VALUE),
            (json!({ "attestation": {} }), MISSING),
            (json!({ "attestation": { "type": "vuln" } }), MISSING),
            (json!({ "attestation": { "signedBy": "key" } }), MISSING),
            (json!({ "attestation": { "type": "", "signedBy": "key" } }), VALUE),
            (json!({ "attestation": { "type": "vulns", "signedBy": "key" } }), VALUE),
            (json!({ "attestation": { "type": "https://sigstore.dev/cosign/sign/v1", "signedBy": "key" } }), VALUE),
            (json!({ "attestation": { "type": "vuln", "artifactType": "a/b", "signedBy": "key" } }), VALUE),
            (json!({ "attestation": { "type": "vuln", "signedBy": [] } }), VALUE),
            (json!({ "attestation": { "type": "vuln", "signedBy": "key", "select": "first" } }), VALUE),
            (json!({ "attestation": { "type": "vuln", "signedBy": { "attestation": { "type": "vuln", "signedBy": "key" } } } }), VALUE),
            (json!({ "attestation": { "type": "vuln", "signedBy": "key", "signed": "key" } }), UNKNOWN),
        ]
        .map(|(value, code)| (require.to_owned(), value, code)),
    )
    .collect();
    assert!(table.len() >= 200);
    let schema = policy_schema();
    let mut wrong = Vec::new();
    for (path, value, code) in &table {
        let policy = with(path, value);
        let (codes, valid) = (codes(&policy), schema.is_valid(&policy));
        if !codes.contains(*code) || valid {
            wrong.push(format!(
                "{path} {value}: {codes:?} instead of {code}, schema accepts: {valid}"
            ));
        }
    }
    println!("broken policies: {}", table.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const UNKNOWN: &str = "policy.unknownField";
const MISSING: &str = "policy.missingField";
const VALUE: &str = "policy.invalidValue";

type Broken = (&'static str, Value, &'static str);

fn broken_matches() -> Vec<Broken> {
    let labels = "/spec/rules/7/match/labels";
    let term = |term: Value| json!({ "matchExpressions": [term] });
    vec![
        ("/spec/rules/7/mode", json!("monitor"), VALUE),
        ("/spec/rules/7/undetermined", json!("allow"), VALUE),
        ("/spec/rules/7/match", json!({}), VALUE),
        ("/spec/rules/7/match", json!(["Pod"]), VALUE),
        ("/spec/rules/7/match/kind", json!(["Pod"]), UNKNOWN),
        ("/spec/rules/7/match/kinds", json!([]), VALUE),
        ("/spec/rules/7/match/kinds", json!(["pod"]), VALUE),
        ("/spec/rules/7/match/kinds", json!(["apps/v1/Deployment"]), VALUE),
        ("/spec/rules/7/match/kinds", json!(["/Pod"]), VALUE),
        ("/spec/rules/7/match/kinds", json!(["Po*"]), VALUE),
        ("/spec/rules/7/match/namespaces", json!([]), VALUE),
        ("/spec/rules/7/match/namespaces", json!("prod"), VALUE),
        ("/spec/rules/7/match/namespaces", json!(["!prod"]), VALUE),
        ("/spec/rules/7/match/cel", json!(""), VALUE),
        ("/spec/rules/7/match/cel", json!({}), VALUE),
        (labels, json!({}), VALUE),
        (labels, json!({ "matchLabels": {} }), VALUE),
        (labels, json!({ "matchLabels": { "a": 1 } }), VALUE),
        (labels, json!({ "team": "a" }), UNKNOWN),
        (labels, json!({ "matchExpressions": [] }), VALUE),
        (labels, term(json!({ "key": "a" })), MISSING),
        (labels, term(json!({ "operator": "Exists" })), MISSING),
        (labels, term(json!({ "key": "a", "operator": "exists" })), VALUE),
        (labels, term(json!({ "key": "a", "operator": "In" })), MISSING),
        (labels, term(json!({ "key": "a", "operator": "In", "values": [] })), VALUE),
        (labels, term(json!({ "key": "a", "operator": "Exists", "values": ["b"] })), VALUE),
    ]
}

fn broken_attestations() -> Vec<(String, Value, &'static str)> {
    let many = vec![json!({ "cel": "true" }); 65];
    let scan = [
        ("name", json!(""), VALUE),
        ("maxAge", json!(7), VALUE),
        ("maxAge", json!("7"), VALUE),
        ("maxAge", json!("0d"), VALUE),
        ("maxAge", json!("1d12h"), VALUE),
        ("maxAge", json!("7 d"), VALUE),
        ("maxAge", json!(null), MISSING),
        ("select", json!("newest"), VALUE),
        ("conditions", json!([]), VALUE),
        ("conditions", json!({}), VALUE),
        ("conditions", json!(many), VALUE),
        ("conditions/0", json!("true"), VALUE),
        ("conditions/0", json!({}), MISSING),
        ("conditions/0", json!({ "message": "a" }), MISSING),
        ("conditions/0", json!({ "cel": true }), VALUE),
        ("conditions/0", json!({ "cel": "true", "name": "a" }), UNKNOWN),
        ("vulnerabilities/vex", json!({ "signedBy": "key" }), MISSING),
        ("vulnerabilities/vex", json!({ "maxAge": "7d" }), MISSING),
    ]
    .map(|(field, value, code)| (format!("0/attestation/{field}"), value, code));
    let others = [1, 3].map(|child| (format!("{child}/attestation/maxAge"), json!(null), MISSING));
    let all = scan.into_iter().chain(others);
    all.map(|(path, value, code)| (format!("/spec/rules/6/require/all/{path}"), value, code))
        .collect()
}

fn broken_lists() -> Vec<Broken> {
    vec![
        ("/spec/rules/6/conditions", json!([{ "cel": "" }]), VALUE),
        ("/spec/rules/0/subject", json!("platform"), VALUE),
        ("/spec/rules/0/subject", json!({}), MISSING),
        ("/spec/rules/0/subject", json!({ "platforms": [] }), VALUE),
        ("/spec/rules/0/subject", json!({ "platforms": ["linux"] }), VALUE),
        ("/spec/rules/0/subject", json!({ "platforms": ["Linux/amd64"] }), VALUE),
        ("/spec/rules/0/subject", json!({ "platforms": ["a/b/c/d"] }), VALUE),
        ("/spec/rules/0/require", json!({ "all": ["key"], "subject": "all" }), VALUE),
        ("/spec/rules/0/require", json!({ "cosign": {} }), MISSING),
        (
            "/spec/rules/0/require",
            json!({ "github": { "owner": "a" }, "subject": "both" }),
            UNKNOWN,
        ),
        ("/spec/authorities/key/cosign/boundTo", json!("repo"), VALUE),
        ("/spec/authorities/key/cosign/boundTo", json!({ "to": "repository" }), MISSING),
        (
            "/spec/authorities/key/cosign/boundTo",
            json!({ "remaps": [{ "from": "a.b", "to": "c.d" }] }),
            MISSING,
        ),
        ("/spec/authorities/team/cosign/boundTo/to", json!("digest"), VALUE),
        ("/spec/authorities/team/cosign/boundTo/remaps", json!([]), VALUE),
        ("/spec/authorities/team/cosign/boundTo/remaps/0/from", json!("hub"), VALUE),
        ("/spec/authorities/team/cosign/boundTo/remaps/0/from", json!("a.test/"), VALUE),
        ("/spec/authorities/team/cosign/boundTo/remaps/0/to", json!("a.test/*"), VALUE),
        ("/spec/authorities/team/cosign/boundTo/remaps/0/to", json!(null), MISSING),
        ("/spec/rules/1/conditions", json!([{ "cel": "true" }]), VALUE),
        ("/spec/block", json!([]), VALUE),
        ("/spec/block/digest", json!([]), UNKNOWN),
        ("/spec/block/digests", json!(["sha256:00"]), VALUE),
        ("/spec/block/digests", json!("sha256:00"), VALUE),
        ("/spec/block/keys", json!(["A".repeat(64)]), VALUE),
        ("/spec/block/keys", json!([format!("sha512:{}", "0".repeat(64))]), VALUE),
        ("/spec/block/certificates", json!(["0".repeat(63)]), VALUE),
        ("/spec/block/certificates", json!([{ "issuer": "CN=a" }]), MISSING),
        ("/spec/block/certificates", json!([{ "issuer": "CN=a", "serial": "0x1" }]), VALUE),
        ("/spec/block/certificates", json!([{ "issuer": "CN=a", "serial": ":" }]), VALUE),
        ("/spec/block/identities", json!([{}]), MISSING),
        ("/spec/block/identities", json!([{ "subject": "a", "subjectRegExp": "b" }]), VALUE),
        ("/spec/block/identities", json!([{ "email": "a" }]), UNKNOWN),
        ("/spec/block/since", json!("yesterday"), VALUE),
        ("/spec/block/since", json!(2026), VALUE),
        ("/spec/exceptions", json!({}), VALUE),
        ("/spec/exceptions/0", json!({}), MISSING),
        ("/spec/exceptions/0/images", json!([]), VALUE),
        ("/spec/exceptions/0/images", json!(["!ghcr.io/acme/**"]), VALUE),
        ("/spec/exceptions/0/images", json!(null), MISSING),
        ("/spec/exceptions/0/waive", json!(null), MISSING),
        ("/spec/exceptions/0/waive", json!([]), VALUE),
        ("/spec/exceptions/0/waive", json!(["image.blocked"]), VALUE),
        ("/spec/exceptions/0/waive", json!(["image.staticDeny"]), VALUE),
        ("/spec/exceptions/0/waive", json!(["signer.blocked"]), VALUE),
        ("/spec/exceptions/0/waive", json!(["key", "digest.unpinned"]), VALUE),
        ("/spec/exceptions/0/until", json!(null), MISSING),
        ("/spec/exceptions/0/until", json!("31.12.2026"), VALUE),
        ("/spec/exceptions/0/owner", json!(null), MISSING),
        ("/spec/exceptions/0/reason", json!(null), MISSING),
        ("/spec/exceptions/0/reason", json!(""), VALUE),
        ("/spec/exceptions/0/image", json!(["**"]), UNKNOWN),
        ("/spec/exceptions/0/namespaces", json!([]), VALUE),
        ("/spec/ignoreKinds", json!("Widget"), VALUE),
        ("/spec/ignoreKinds", json!(["widgets"]), VALUE),
        ("/spec/resources", json!([]), VALUE),
        ("/spec/resources/0/group", json!(null), MISSING),
        ("/spec/resources/0/group", json!(1), VALUE),
        ("/spec/resources/0/kind", json!(""), VALUE),
        ("/spec/resources/0/images", json!([]), VALUE),
        ("/spec/resources/0/images", json!(["spec.image"]), VALUE),
        ("/spec/resources/0/images", json!(["/"]), VALUE),
        ("/spec/resources/0/optional", json!("yes"), VALUE),
        ("/spec/resources/0/path", json!("/a"), UNKNOWN),
    ]
}

/// Fields and values that belong to the language and not to this build.
#[test]
fn what_is_not_in_this_build_is_refused_by_both() {
    let schema = policy_schema();
    let table = [
        ("/spec/trust/inline/sigstore/trustedRoot", json!({ "tuf": "https://tuf.acme.test" })),
        ("/spec/authorities/key", json!({ "static": "pass" })),
        ("/spec/rules/6/conditions", json!([{ "rego": "package a" }])),
    ];
    for (path, value) in table {
        let policy = with(path, &value);
        let codes = codes(&policy);
        assert!(codes.contains("policy.notImplemented"), "{path} {value}: {codes:?}");
        assert!(!schema.is_valid(&policy), "{path} {value}: the schema accepts it");
    }
}

/// Revocation has three words and a default at each level.
#[test]
fn words_of_revocation_are_accepted_by_both() {
    let schema = policy_schema();
    let authority = "/spec/authorities/notary/notation";
    let verification =
        "/spec/notationTrustPolicy/document/trustPolicies/0/signatureVerification/override";
    let mut table = vec![(format!("{authority}/override"), json!(null))];
    for field in [
        format!("{authority}/override/revocation"),
        format!("{authority}/tsaRevocation"),
        format!("{verification}/revocation"),
        "/spec/notationTrustPolicy/tsaRevocation".to_owned(),
    ] {
        for word in [json!(null), json!("enforce"), json!("log"), json!("skip")] {
            table.push((field.clone(), word));
        }
    }
    for age in [json!(null), json!("1s"), json!("90m"), json!("12h"), json!("36500d")] {
        table.push((format!("{authority}/maxEvidenceAge"), age));
    }
    for (path, value) in table {
        let policy = with(&path, &value);
        assert_eq!(codes(&policy), BTreeSet::new(), "{path} {value}");
        assert!(schema.is_valid(&policy), "{path} {value}: the schema refuses it");
    }
}

/// What a schema cannot say, so that nobody takes it for the whole check.
#[test]
fn what_the_schema_cannot_see_the_parser_refuses() {
    let schema = policy_schema();
    let broken_pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let mut deep = json!("key");
    for _ in 0..20 {
        deep = json!({ "any": [deep] });
    }
    for (path, value, code) in [
        ("/spec/rules/0/require", json!("kye"), "policy.unknownName"),
        ("/spec/rules/0/require", json!({ "atLeast": 2, "of": ["key"] }), "policy.invalidValue"),
        ("/spec/rules/0/require", deep, "policy.invalidValue"),
        ("/spec/rules/0/images", json!(["nginx"]), "policy.invalidValue"),
        ("/spec/rules/0/images", json!(["ghcr.io/acme/app:1"]), "policy.invalidValue"),
        ("/spec/rules/6/conditions", json!([{ "cel": "1 +" }]), "policy.invalidValue"),
        ("/spec/rules/6/conditions", json!([{ "cel": "predicate.a" }]), "policy.invalidValue"),
        (
            "/spec/rules/6/conditions",
            json!([{ "cel": "attestations[image.name] == []" }]),
            "policy.invalidValue",
        ),
        (
            "/spec/rules/6/conditions",
            json!([{ "cel": "attestations.scna == []" }]),
            "policy.unknownName",
        ),
        ("/spec/rules/7/match/cel", json!("now > 1"), "policy.invalidValue"),
        ("/spec/rules/6/require/all/1/attestation/name", json!("scan"), "policy.invalidValue"),
        ("/spec/rules/6/require/all/0/attestation/maxAge", json!("523w"), "policy.invalidValue"),
        ("/spec/block/since", json!("2026-02-30"), "policy.invalidValue"),
        ("/spec/block/identities", json!([{ "subjectRegExp": "(" }]), "policy.invalidValue"),
        ("/spec/exceptions/0/waive", json!(["scna"]), "policy.unknownName"),
        ("/spec/exceptions/0/rules", json!(["our"]), "policy.unknownName"),
        ("/spec/exceptions/0/until", json!("2026-13-01"), "policy.invalidValue"),
        ("/spec/authorities/corp/cosign/trust", json!("notary"), "policy.invalidValue"),
        ("/spec/authorities/corp/cosign/trust", json!("nobody"), "policy.unknownName"),
        // The command reads files; the module does not.
        (
            "/spec/trust/inline/sigstore/trustedRoot",
            json!({ "file": "trusted_root.json" }),
            "policy.notImplemented",
        ),
        (
            "/spec/trust/inline/sigstore/trustedRoot",
            json!({ "tuf": "acme" }),
            "policy.notImplemented",
        ),
        ("/spec/trust/ca/x509/roots", json!([{ "file": "ca.pem" }]), "policy.invalidValue"),
        (
            "/spec/trust/ca/x509/roots",
            json!([{ "secret": "shop/ca", "key": "ca.crt" }]),
            "policy.invalidValue",
        ),
        ("/spec/trust/ca/x509/roots", json!([{ "configMap": "shop/ca" }]), "policy.invalidValue"),
        ("/spec/trust/ca/x509/roots", json!(["k8s://shop/ca"]), "policy.invalidValue"),
        ("/spec/trust/private/sigstore/tlogs", json!([]), "policy.invalidValue"),
        ("/spec/trust/private/sigstore/timestampAuthorities", json!([]), "policy.invalidValue"),
        ("/spec/trust/no-logs/sigstore/timestampAuthorities", json!([]), "policy.invalidValue"),
        ("/spec/trust/no-logs/sigstore/certificateAuthorities", json!([]), "policy.invalidValue"),
        ("/spec/authorities/key/cosign/trust", json!("ca"), "policy.invalidValue"),
        ("/spec/authorities/ci/cosign/trust", json!("ca"), "policy.invalidValue"),
        ("/spec/authorities/ci/cosign/trust", json!(["public-good", "ca"]), "policy.invalidValue"),
        ("/spec/authorities/ci/cosign/transparencyLog", json!("ignore"), "policy.invalidValue"),
        ("/spec/authorities/names/cosign/timestamp", json!("required"), "policy.missingField"),
        (
            "/spec/authorities/ci/cosign/keyless/0/githubWorkflow/shaRegExp",
            json!("("),
            "policy.invalidValue",
        ),
        (
            "/spec/authorities/team/cosign/certificate/subjectRegExp",
            json!("("),
            "policy.invalidValue",
        ),
        ("/spec/authorities/key/cosign/keys", json!([broken_pem]), "policy.invalidValue"),
        (
            "/spec/authorities/notary/notation/trustedIdentities",
            json!(["x509.subject: C=US"]),
            "policy.invalidValue",
        ),
        (
            "/spec/authorities/notary/notation/trustedIdentities",
            json!(["*", "x509.subject: C=US, ST=WA, O=acme"]),
            "policy.invalidValue",
        ),
        (
            "/spec/authorities/notary/notation/override/authenticity",
            json!("log"),
            "policy.invalidValue",
        ),
        // Level `skip`: for every image, beside others, where a signer counts.
        ("/spec/rules/5/images", json!(["**"]), "policy.invalidValue"),
        ("/spec/rules/5/require", json!({ "any": ["nobody", "key"] }), "policy.invalidValue"),
        (
            "/spec/rules/5/require",
            json!({ "attestation": { "type": "vuln", "signedBy": "nobody" } }),
            "policy.invalidValue",
        ),
    ] {
        let policy = with(path, &value);
        let codes = codes(&policy);
        assert!(codes.contains(code), "{path} {value}: {codes:?} instead of {code}");
        assert!(schema.is_valid(&policy), "{path} {value}: the schema sees it after all");
    }
}

fn assert_valid(schema: &Validator, instance: &Value, what: &str) {
    if let Some(error) = schema.iter_errors(instance).next() {
        panic!("{what}: {}: {error}", error.instance_path());
    }
}

#[test]
fn every_step_of_the_corpora_is_in_the_schema() {
    let requests = step_schema("StepRequest");
    let responses = step_schema("StepResponse");
    let (mut steps, mut decisions) = (0, 0);
    for case in support::cases() {
        let layout = support::open(&case.reference);
        let mut request = StepRequest {
            api_version: STEP_VERSION.to_owned(),
            policy: case.policy.clone(),
            request: support::request(layout.reference()),
            evidence: Vec::new(),
            now: case.now.clone(),
            budget: None,
        };
        for round in 0..=support::MOST_ROUNDS {
            assert!(round < support::MOST_ROUNDS, "{}: no decision", case.id);
            let what = format!("{} round {round}", case.id);
            let asked = serde_json::to_value(&request).unwrap();
            assert_valid(&requests, &asked, &what);
            let answered = countersign::step_json(&serde_json::to_vec(&asked).unwrap());
            let answered: Value = serde_json::from_slice(&answered).unwrap();
            assert_valid(&responses, &answered, &what);
            steps += 1;
            let response: StepResponse = serde_json::from_value(answered).unwrap();
            let Some(needs) = response.need else {
                decisions += 1;
                break;
            };
            request.evidence.extend(needs.into_iter().map(|fetch| {
                let answer = layout.answer(&fetch);
                EvidenceItem { fetch, answer }
            }));
        }
    }
    println!("steps: {steps}, decisions: {decisions}");
    assert_eq!(decisions, support::cases().len());
}

/// What comes of requests that are no good, of every kind of answer, of patches and warnings.
#[test]
fn the_rarer_parts_of_a_step_are_in_the_schema_too() {
    let requests = step_schema("StepRequest");
    let responses = step_schema("StepResponse");
    let ask = |bytes: &[u8]| -> Value {
        let answered = serde_json::from_slice(&countersign::step_json(bytes)).unwrap();
        assert_valid(&responses, &answered, &String::from_utf8_lossy(bytes));
        answered
    };
    for bytes in
        [&b""[..], b"{}", br#"{"apiVersion":"x","policy":{},"request":{"images":[]},"now":"x"}"#]
    {
        assert!(ask(bytes).pointer("/decision/errors/0/code").is_some());
    }

    let budget = json!({ "manifestBytes": 1 });
    let mut policy = whole();
    // Without digests that are blocked, what is static needs no evidence.
    policy["spec"]["block"]["digests"] = json!([]);
    let request = |images: Value, evidence: Value| {
        json!({
            "apiVersion": STEP_VERSION,
            "policy": policy,
            "request": {
                "images": images,
                "canPatch": true,
                "group": "",
                "kind": "Pod",
                "name": "app",
                "namespace": "prod-a",
                "namespaceLabels": { "env": "prod" },
                "object": { "metadata": {} },
                "oldObject": {},
                "operation": "UPDATE",
                "userInfo": { "username": "a" },
            },
            "evidence": evidence,
            "now": "2026-11-21T03:00:00Z",
            "budget": budget,
        })
    };
    let step = |images: Value, evidence: Value| {
        let asked = request(images, evidence);
        assert_valid(&requests, &asked, "request");
        ask(&serde_json::to_vec(&asked).unwrap())
    };
    for (reference, outcome) in [
        ("registry.k8s.io/pause:3", "allow"),
        ("nginx", "deny"),
        ("quay.io/a/b:1", "deny"),
        ("not a reference", "deny"),
    ] {
        let answered = step(json!([{ "reference": reference, "path": "/spec/x" }]), json!([]));
        assert_eq!(answered.pointer("/decision/outcome"), Some(&json!(outcome)), "{reference}");
    }
    let resolve = json!({ "resolve": { "reference": "ghcr.io/acme/app:1" } });
    let images = json!([{ "reference": "ghcr.io/acme/app:1" }]);
    for fetch in [
        json!({ "ocsp": { "url": "http://o/", "request": "MA==", "maxBytes": 20480 } }),
        json!({ "crl": { "url": "http://c/1.crl", "maxBytes": 1 } }),
    ] {
        let answered =
            step(images.clone(), json!([{ "fetch": fetch, "answer": { "absent": {} } }]));
        assert!(answered.get("need").is_some(), "{fetch}");
    }
    for answer in [
        json!({ "absent": {} }),
        json!({ "denied": { "message": "no" } }),
        json!({ "unavailable": { "reason": "garbled" } }),
        json!({ "unavailable": { "reason": "tooLarge" } }),
        json!({ "unavailable": { "reason": "transport", "message": "down" } }),
        json!({ "unavailable": { "reason": "unsupported" } }),
        json!({ "unavailable": { "reason": "deadline" } }),
        json!({ "unavailable": { "reason": "notPacked" } }),
        json!({ "partial": { "bytes": "e30=", "reason": "unsupported", "message": "a part" } }),
        json!({ "partial": { "bytes": "e30=", "reason": "denied" } }),
        json!({ "found": { "bytes": "e30=", "mediaType": "a/b", "reserialised": true } }),
        json!({ "resolved": { "digest": "sha256:0" } }),
    ] {
        let answered = step(images.clone(), json!([{ "fetch": resolve, "answer": answer }]));
        assert!(answered.pointer("/decision/images/0/reason").is_some(), "{answer}");
    }
    let mut pinned = false;
    let unpinned = support::cases()
        .into_iter()
        .find(|c| c.id.starts_with("cosign-a-cosign-p256") && c.expect == "allow");
    let case = unpinned.unwrap();
    let layout = support::open(&case.reference);
    let tagged = layout.reference().split('@').next().unwrap().to_owned();
    let mut evidence = Vec::new();
    for _ in 0..support::MOST_ROUNDS {
        let asked = json!({
            "apiVersion": STEP_VERSION,
            "policy": case.policy,
            "request": { "images": [{ "reference": tagged, "path": "/spec/containers/0/image" }], "canPatch": true, "kind": "Pod" },
            "evidence": evidence,
            "now": case.now,
        });
        assert_valid(&requests, &asked, "pin");
        let answered = ask(&serde_json::to_vec(&asked).unwrap());
        let Some(needs) = answered.get("need").and_then(Value::as_array) else {
            pinned = answered.pointer("/decision/patches/0/new").is_some();
            break;
        };
        for fetch in needs {
            let answer = layout.answer(&serde_json::from_value(fetch.clone()).unwrap());
            let answer = serde_json::to_value(answer).unwrap();
            evidence.push(json!({ "fetch": fetch, "answer": answer }));
        }
    }
    assert!(pinned, "no patch for {tagged}");
}

#[test]
fn blobs_are_in_the_schema() {
    let requests = step_schema("StepRequest");
    let responses = step_schema("StepResponse");
    let ask = |request: Value| -> (bool, Value) {
        let asked = json!({
            "apiVersion": STEP_VERSION,
            "policy": whole(),
            "request": request,
            "now": "2026-11-21T03:00:00Z",
        });
        let answered = countersign::step_json(&serde_json::to_vec(&asked).unwrap());
        let answered = serde_json::from_slice(&answered).unwrap();
        assert_valid(&responses, &answered, &asked["request"].to_string());
        (requests.is_valid(&asked), answered)
    };
    let sha256 = format!("sha256:{}", "0".repeat(64));
    let sha512 = format!("sha512:{}", "0".repeat(128));
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "content": "e30=",
    });
    for blob in [
        json!({ "name": "a.tar.gz", "digests": [sha256, sha512], "signatures": [bundle] }),
        json!({ "name": "a.tar.gz", "content": "YQ==", "signatures": [{ "mediaType": "a/b", "content": "" }] }),
        json!({ "name": "a", "content": "" }),
    ] {
        let (valid, answered) = ask(json!({ "blobs": [blob] }));
        assert!(valid, "the schema refuses {blob}");
        assert_eq!(answered.pointer("/decision/blobs/0/outcome"), Some(&json!("deny")), "{blob}");
        assert_eq!(answered.pointer("/decision/blobs/0/explanation/kind"), Some(&json!("blob")));
        assert!(answered.pointer("/decision/blobs/0/digest").is_some(), "{blob}");
    }
    for blob in [
        json!({ "name": "", "content": "" }),
        json!({ "name": "a" }),
        json!({ "name": "a", "digests": [] }),
        json!({ "name": "a", "content": "", "digests": [sha256] }),
        json!({ "name": "a", "digests": [sha512] }),
        json!({ "name": "a", "digests": [sha256.to_uppercase()] }),
        json!({ "name": "a", "digests": ["sha256:00"] }),
    ] {
        let (valid, answered) = ask(json!({ "blobs": [blob] }));
        assert!(!valid, "the schema accepts {blob}");
        let code = answered.pointer("/decision/errors/0/code");
        assert_eq!(code, Some(&json!("request.malformed")), "{blob}");
    }
}

/// Both lists are of one file: a new extension of Fulcio is one more name in the policy.
/// What `countersign evidence pack` writes; the host's tests compare the example with what is written.
#[test]
fn packs_are_in_their_schema() {
    let schema = jsonschema::validator_for(&document("pack.v1.schema.json")).unwrap();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let example = std::fs::read(example.join("evidence-pack.json")).unwrap();
    let mut pack: Value = serde_json::from_slice(&example).unwrap();
    for part in ["manifests", "tags", "referrers", "blobs", "notFound"] {
        assert!(pack.get(part).is_some(), "{part}");
    }
    pack["created"] = "2026-11-21T03:00:00Z".into();
    pack["ocsp"] = json!([{ "url": "http://a.test", "request": "AA==", "content": "AA==" }]);
    pack["crls"] = json!([{ "url": "http://a.test", "content": "AA==" }]);
    assert_valid(&schema, &pack, "the example");
    for (path, value) in [
        ("/apiVersion", json!("countersign.dev/pack/v2")),
        ("/subject", json!("sha256:0")),
        ("/tags/0/name", json!("../x")),
        ("/blobs/0/content", json!("*")),
        ("/manifests/0", json!({ "digest": pack["subject"] })),
        ("/notFound/tags", json!([1])),
    ] {
        let mut bad = pack.clone();
        *bad.pointer_mut(path).unwrap() = value;
        assert!(!schema.is_valid(&bad), "{path}");
    }
    pack["other"] = 1.into();
    assert!(!schema.is_valid(&pack));
}

#[test]
fn the_schema_names_every_extension_of_fulcio() {
    let schema = document("policy.v1.schema.json");
    let listed = schema.pointer("/$defs/identity/properties").and_then(Value::as_object).unwrap();
    let mut expected: BTreeSet<String> =
        ["githubWorkflow", "issuer", "issuerRegExp", "subject", "subjectRegExp"]
            .map(str::to_owned)
            .into();
    for name in fulcio::names() {
        expected.extend([name.to_owned(), format!("{name}RegExp")]);
    }
    assert_eq!(listed.keys().cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn documents_outside_of_the_step_schema_are_refused_by_both() {
    let requests = step_schema("StepRequest");
    let beginnings = step_schema("BeginRequest");
    let good = json!({
        "apiVersion": STEP_VERSION,
        "policy": {},
        "request": { "images": [] },
        "now": "2026-11-21T03:00:00Z",
    });
    assert_valid(&requests, &good, "good");
    serde_json::from_value::<StepRequest>(good.clone()).unwrap();
    let without_policy = |document: &Value| {
        let mut document = document.clone();
        document.as_object_mut().unwrap().remove("policy");
        document
    };
    let begin = without_policy(&good);
    assert_valid(&beginnings, &begin, "good");
    serde_json::from_value::<BeginRequest<'_>>(begin).unwrap();
    assert!(!beginnings.is_valid(&good), "its policy is that of the instance");
    assert!(serde_json::from_value::<BeginRequest<'_>>(good.clone()).is_err());
    let item = |fetch: Value, answer: Value| json!([{ "fetch": fetch, "answer": answer }]);
    let resolve = json!({ "resolve": { "reference": "a" } });
    for (name, value) in [
        ("extra", json!(1)),
        ("request", json!("images")),
        ("request", json!({ "images": [], "objects": {} })),
        ("request", json!({ "images": [], "namespace": 1 })),
        ("request", json!({ "images": [], "group": {} })),
        ("request", json!({ "images": [], "name": [] })),
        ("request", json!({ "images": [], "operation": true })),
        ("request", json!({ "images": [{}] })),
        ("request", json!({ "images": [{ "reference": "a", "digest": "b" }] })),
        ("request", json!({ "blobs": [{}] })),
        ("request", json!({ "blobs": [{ "name": "a", "content": "", "path": "b" }] })),
        ("request", json!({ "blobs": [{ "name": "a", "content": "a b" }] })),
        ("request", json!({ "blobs": [{ "name": "a", "content": "", "signatures": [{}] }] })),
        (
            "request",
            json!({ "blobs": [{ "name": "a", "content": "", "signatures": [{ "mediaType": "a/b" }] }] }),
        ),
        ("evidence", json!({})),
        ("evidence", item(json!({}), json!({ "absent": {} }))),
        ("evidence", item(json!({ "fetch": {} }), json!({ "absent": {} }))),
        ("evidence", item(json!({ "resolve": {} }), json!({ "absent": {} }))),
        (
            "evidence",
            item(json!({ "resolve": { "reference": "a", "url": "b" } }), json!({ "absent": {} })),
        ),
        ("evidence", item(resolve.clone(), json!({}))),
        ("evidence", item(resolve.clone(), json!("absent"))),
        ("evidence", item(resolve.clone(), json!({ "found": {} }))),
        ("evidence", item(resolve.clone(), json!({ "found": { "bytes": "a b" } }))),
        ("evidence", item(resolve.clone(), json!({ "found": { "bytes": "", "trusted": true } }))),
        ("evidence", item(resolve, json!({ "unavailable": { "reason": "tired" } }))),
        ("budget", json!({ "fuel": 1 })),
        ("budget", json!({ "images": -1 })),
        ("now", json!(1)),
    ] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().insert(name.to_owned(), value);
        assert!(!requests.is_valid(&bad), "the schema accepts {bad}");
        assert!(serde_json::from_value::<StepRequest>(bad.clone()).is_err(), "serde accepts {bad}");
        let bad = without_policy(&bad);
        assert!(!beginnings.is_valid(&bad), "the schema accepts {bad}");
        let read = serde_json::from_value::<BeginRequest<'_>>(bad.clone());
        assert!(read.is_err(), "serde accepts {bad}");
    }
}

#[test]
fn the_documents_of_an_instance_that_keeps_its_policy_are_in_the_schema() {
    type Reads = fn(Value) -> bool;
    let item = json!({ "fetch": { "resolve": { "reference": "a" } }, "answer": { "absent": {} } });
    let error = json!({ "code": "policy.malformed", "path": "/spec", "message": "no" });
    let cases: [(&str, Reads, &str, Value, Value); 3] = [
        (
            "PrepareRequest",
            |v| serde_json::from_value::<PrepareRequest<'_>>(v).is_ok(),
            "policy",
            json!({}),
            Value::Null,
        ),
        (
            "PrepareResponse",
            |v| serde_json::from_value::<PrepareResponse>(v).is_ok(),
            "errors",
            json!([error]),
            json!([{ "code": 1 }]),
        ),
        (
            "ResumeRequest",
            |v| serde_json::from_value::<ResumeRequest<'_>>(v).is_ok(),
            "evidence",
            json!([item]),
            json!([{}]),
        ),
    ];
    for (name, reads, member, good, bad) in cases {
        let schema = step_schema(name);
        let document = json!({ "apiVersion": STEP_VERSION, member: good });
        assert_valid(&schema, &document, name);
        assert!(reads(document.clone()), "{document}");
        let mut more = document.clone();
        more["extra"] = json!(1);
        let mut without = document.clone();
        without.as_object_mut().unwrap().remove(member);
        let mut other = document;
        other[member] = bad.clone();
        // Anything may stand where a policy should: what is wrong with it is said.
        let documents =
            if bad.is_null() { vec![more, without] } else { vec![more, without, other] };
        for document in documents {
            assert!(!schema.is_valid(&document), "the schema accepts {document}");
            assert!(!reads(document.clone()), "serde accepts {document}");
        }
    }
}

#[test]
fn the_schema_lists_every_reason_code() {
    let schema = document("step.v1.schema.json");
    let mut listed: Vec<_> = schema
        .pointer("/$defs/Code/enum")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    let mut codes: Vec<_> = ALL_CODES.iter().map(|code| code.as_str()).collect();
    listed.sort_unstable();
    codes.sort_unstable();
    assert_eq!(listed, codes);
}

#[test]
fn the_schema_says_the_limits_of_the_budget() {
    let schema = document("step.v1.schema.json");
    let budget = serde_json::to_value(Budget::default()).unwrap();
    let listed = schema.pointer("/$defs/Budget/properties").unwrap();
    assert_eq!(listed.as_object().unwrap().len(), budget.as_object().unwrap().len());
    for (name, limit) in budget.as_object().unwrap() {
        assert_eq!(listed.pointer(&format!("/{name}/default")), Some(limit));
    }
}
