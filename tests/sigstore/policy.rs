//! Policies that must not be accepted, each with one error, beside those that must.

use countersign::policy::Policy;
use serde_json::{Value, json};

use crate::{
    sigstore::{ISSUER, Sigstore, base64, keys::Key},
    world::{keyed, keyless, only_stamped, policy, v2},
};

/// The only error: its code, where it stands, and what it suggests or says.
struct Bad {
    name: &'static str,
    right: fn() -> Value,
    change: fn(&mut Value),
    code: &'static str,
    at: &'static str,
    says: &'static str,
}

const COSIGN: &str = "/spec/authorities/signer/cosign";
const ROOT: &str = "/spec/trust/test/sigstore/trustedRoot";

fn cosign(document: &mut Value) -> &mut Value {
    document.pointer_mut(COSIGN).unwrap()
}

fn root(document: &mut Value) -> &mut Value {
    document.pointer_mut(ROOT).unwrap()
}

fn identity(document: &mut Value) -> &mut Value {
    &mut cosign(document)["keyless"][0]
}

fn remove(value: &mut Value, name: &str) {
    value.as_object_mut().unwrap().remove(name).unwrap();
}

fn github() -> Value {
    policy(json!({
        "authorities": {"ci": {"github": {"repository": "acme/app"}}},
        "rules": [{"blobs": ["**"], "require": {"attestation": {"type": "*", "signedBy": "ci"}}}],
    }))
}

/// Keys and certificates by themselves, without a root document.
fn own() -> Value {
    let sigstore = Sigstore::new();
    let chain = |chain: Vec<Vec<u8>>| {
        let pem: String =
            chain.iter().map(|der| crate::sigstore::keys::pem("CERTIFICATE", der)).collect();
        json!(pem)
    };
    let mut document = keyless().document();
    document["spec"]["trust"]["test"]["sigstore"] = json!({
        "certificateAuthorities": [{"certChain": chain(sigstore.ca.chain())}],
        "tlogs": [sigstore.rekor1.key.public_pem(), {
            "publicKey": sigstore.rekor2.key.public_pem(),
            "baseUrl": sigstore.rekor2.base_url,
            "validFor": {"start": "2025-01-01T00:00:00Z"},
        }],
        "ctlogs": [sigstore.ct.key.public_pem()],
        "timestampAuthorities": [chain(sigstore.tsa.chain())],
    });
    document
}

const VALUE: &str = "policy.invalidValue";
const MISSING: &str = "policy.missingField";
const UNKNOWN: &str = "policy.unknownField";

fn all() -> Vec<Bad> {
    let right: fn() -> Value = || keyless().document();
    let bad = |name, change, code, at, says| Bad { name, right, change, code, at, says };
    let at = |name, right, change, code, at, says| Bad { name, right, change, code, at, says };
    vec![
        // What keyless needs.
        bad(
            "keyless without trust",
            |d| remove(cosign(d), "trust"),
            MISSING,
            COSIGN,
            "needs `trust`",
        ),
        bad(
            "trust that is not there",
            |d| cosign(d)["trust"] = json!("tset"),
            "policy.unknownName",
            "/spec/authorities/signer/cosign/trust",
            "test",
        ),
        bad(
            "no trust in a list of it",
            |d| cosign(d)["trust"] = json!([]),
            VALUE,
            "/spec/authorities/signer/cosign/trust",
            "empty",
        ),
        bad(
            "logs ignored, and no timestamp required",
            |d| {
                cosign(d)["transparencyLog"] = json!("ignore");
            },
            VALUE,
            COSIGN,
            "timestamp: required",
        ),
        at(
            "logs ignored, and a timestamp optional",
            || only_stamped().document(),
            |d| {
                cosign(d)["timestamp"] = json!("optional");
            },
            VALUE,
            COSIGN,
            "timestamp: required",
        ),
        bad(
            "neither logs nor timestamp authorities",
            |d| {
                root(d)["tlogs"] = json!([]);
                root(d)["timestampAuthorities"] = json!([]);
            },
            VALUE,
            COSIGN,
            "neither",
        ),
        bad(
            "an entry is required, and no logs",
            |d| {
                root(d)["tlogs"] = json!([]);
                cosign(d)["transparencyLog"] = json!("required");
            },
            VALUE,
            COSIGN,
            "lists no `tlogs`",
        ),
        bad(
            "a timestamp is required, and no authorities",
            |d| {
                root(d)["timestampAuthorities"] = json!([]);
                cosign(d)["timestamp"] = json!("required");
            },
            VALUE,
            COSIGN,
            "lists no `timestampAuthorities`",
        ),
        bad(
            "no certificate authorities",
            |d| root(d)["certificateAuthorities"] = json!([]),
            VALUE,
            COSIGN,
            "certificateAuthorities",
        ),
        at(
            "a key without trust, and an entry required",
            || {
                let mut document = keyed().document();
                remove(cosign(&mut document), "trust");
                document
            },
            |d| cosign(d)["transparencyLog"] = json!("required"),
            MISSING,
            COSIGN,
            "trust",
        ),
        at(
            "a key without trust, and a timestamp required",
            || {
                let mut document = keyed().document();
                remove(cosign(&mut document), "trust");
                document
            },
            |d| cosign(d)["timestamp"] = json!({"atLeast": 1}),
            MISSING,
            COSIGN,
            "trust",
        ),
        // Demands.
        bad(
            "no log at least",
            |d| cosign(d)["transparencyLog"] = json!({"atLeast": 0}),
            VALUE,
            "/spec/authorities/signer/cosign/transparencyLog/atLeast",
            "1 to 8",
        ),
        bad(
            "nine logs",
            |d| cosign(d)["transparencyLog"] = json!({"atLeast": 9}),
            VALUE,
            "/spec/authorities/signer/cosign/transparencyLog/atLeast",
            "1 to 8",
        ),
        bad(
            "two logs in words",
            |d| cosign(d)["transparencyLog"] = json!({"atLeast": "2"}),
            VALUE,
            "/spec/authorities/signer/cosign/transparencyLog/atLeast",
            "number",
        ),
        bad(
            "optional logs",
            |d| cosign(d)["transparencyLog"] = json!("optional"),
            VALUE,
            "/spec/authorities/signer/cosign/transparencyLog",
            "required",
        ),
        bad(
            "ignored timestamps",
            |d| cosign(d)["timestamp"] = json!("ignore"),
            VALUE,
            "/spec/authorities/signer/cosign/timestamp",
            "optional",
        ),
        bad(
            "logs by yes and no",
            |d| cosign(d)["transparencyLog"] = json!(true),
            VALUE,
            "/spec/authorities/signer/cosign/transparencyLog",
            "string",
        ),
        // CVE-2026-48815: what is not known is not dropped.
        bad(
            "an unknown demand",
            |d| cosign(d)["insecureIgnoreTlog"] = json!(true),
            UNKNOWN,
            "/spec/authorities/signer/cosign/insecureIgnoreTlog",
            "unknown",
        ),
        bad(
            "a demand that is spelled wrong",
            |d| cosign(d)["transparencylog"] = json!("required"),
            UNKNOWN,
            "/spec/authorities/signer/cosign/transparencylog",
            "transparencyLog",
        ),
        bad(
            "a subject that is spelled wrong",
            |d| identity(d)["subjectRegexp"] = json!(".*"),
            UNKNOWN,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegexp",
            "subjectRegExp",
        ),
        bad(
            "an extension that is spelled wrong",
            |d| {
                identity(d)["sourceRepositoryUri2"] = json!("x");
            },
            UNKNOWN,
            "/spec/authorities/signer/cosign/keyless/0/sourceRepositoryUri2",
            "sourceRepositoryURI",
        ),
        bad(
            "an extension in other letters",
            |d| {
                identity(d)["SourceRepositoryRef"] = json!("x");
            },
            UNKNOWN,
            "/spec/authorities/signer/cosign/keyless/0/SourceRepositoryRef",
            "sourceRepositoryRef",
        ),
        bad(
            "an extension by its number",
            |d| {
                identity(d)["1.3.6.1.4.1.57264.1.12"] = json!("x");
            },
            UNKNOWN,
            "/spec/authorities/signer/cosign/keyless/0/1.3.6.1.4.1.57264.1.12",
            "unknown",
        ),
        bad(
            "a workflow's field that is not known",
            |d| {
                identity(d)["githubWorkflow"] = json!({"branch": "main"});
            },
            UNKNOWN,
            "/spec/authorities/signer/cosign/keyless/0/githubWorkflow/branch",
            "unknown",
        ),
        // Identities.
        bad(
            "no identity",
            |d| cosign(d)["keyless"] = json!([]),
            VALUE,
            "/spec/authorities/signer/cosign/keyless",
            "empty",
        ),
        bad(
            "no issuer",
            |d| remove(identity(d), "issuer"),
            MISSING,
            "/spec/authorities/signer/cosign/keyless/0",
            "issuer",
        ),
        bad(
            "no subject",
            |d| remove(identity(d), "subject"),
            MISSING,
            "/spec/authorities/signer/cosign/keyless/0",
            "subject",
        ),
        bad(
            "an empty subject",
            |d| identity(d)["subject"] = json!(""),
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subject",
            "empty",
        ),
        bad(
            "an empty issuer",
            |d| identity(d)["issuer"] = json!(""),
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/issuer",
            "empty",
        ),
        bad(
            "a subject of null",
            |d| identity(d)["subject"] = Value::Null,
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subject",
            "null",
        ),
        bad(
            "two subjects",
            |d| identity(d)["subjectRegExp"] = json!(".*"),
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0",
            "more than one",
        ),
        bad(
            "two issuers",
            |d| identity(d)["issuerRegExp"] = json!(".*"),
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0",
            "more than one",
        ),
        bad(
            "an extension twice",
            |d| {
                identity(d)["runnerEnvironment"] = json!("github-hosted");
                identity(d)["runnerEnvironmentRegExp"] = json!(".*");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/runnerEnvironmentRegExp",
            "not both",
        ),
        bad(
            "a pattern that is none",
            |d| {
                remove(identity(d), "subject");
                identity(d)["subjectRegExp"] = json!("(");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegExp",
            "regular expression",
        ),
        bad(
            "a pattern that would close the group that anchors it",
            |d| {
                remove(identity(d), "subject");
                identity(d)["subjectRegExp"] = json!("x)|(?:.*");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegExp",
            "regular expression",
        ),
        bad(
            "a pattern whose comment would hide the end",
            |d| {
                remove(identity(d), "subject");
                identity(d)["subjectRegExp"] = json!("(?x) https://github\\.com/acme/ # .+");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegExp",
            "regular expression",
        ),
        bad(
            "a pattern that looks around",
            |d| {
                remove(identity(d), "subject");
                identity(d)["subjectRegExp"] = json!("(?=.*)x");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegExp",
            "regular expression",
        ),
        bad(
            "a pattern that refers back",
            |d| {
                remove(identity(d), "subject");
                identity(d)["subjectRegExp"] = json!("(a)\\1");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegExp",
            "regular expression",
        ),
        // CVE-2023-7279: no pattern that takes for ever.
        bad(
            "a pattern that is too large",
            |d| {
                remove(identity(d), "subject");
                identity(d)["subjectRegExp"] = json!("((a{1000}){1000}){1000}");
            },
            VALUE,
            "/spec/authorities/signer/cosign/keyless/0/subjectRegExp",
            "regular expression",
        ),
        bad(
            "keys and identities",
            |d| cosign(d)["keys"] = json!([Key::p256("x").public_pem()]),
            VALUE,
            COSIGN,
            "more than one",
        ),
        bad(
            "neither keys nor identities",
            |d| remove(cosign(d), "keyless"),
            MISSING,
            COSIGN,
            "none",
        ),
        // Keys.
        at(
            "a weak key",
            || keyed().document(),
            |d| {
                cosign(d)["keys"] = json!([Key::rsa(1024).public_pem()]);
            },
            "key.weak",
            "/spec/authorities/signer/cosign/keys/0",
            "RSA 1024",
        ),
        at(
            "a key of P-224",
            || keyed().document(),
            |d| {
                cosign(d)["keys"] = json!([Key::p224().public_pem()]);
            },
            "key.weak",
            "/spec/authorities/signer/cosign/keys/0",
            "P-224",
        ),
        at(
            "a key that is none",
            || keyed().document(),
            |d| {
                cosign(d)["keys"] = json!(["key"]);
            },
            VALUE,
            "/spec/authorities/signer/cosign/keys/0",
            "PEM",
        ),
        // GitHub.
        at(
            "a repository without an owner",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["repository"] = json!("app");
            },
            VALUE,
            "/spec/authorities/ci/github/repository",
            "owner/name",
        ),
        at(
            "a repository with a path",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["repository"] = json!("acme/app/x");
            },
            VALUE,
            "/spec/authorities/ci/github/repository",
            "owner/name",
        ),
        at(
            "a repository by its address",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["repository"] =
                    json!("https://github.com/acme/app");
            },
            VALUE,
            "/spec/authorities/ci/github/repository",
            "owner/name",
        ),
        at(
            "a repository as a pattern",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["repository"] = json!("acme/.*");
            },
            VALUE,
            "/spec/authorities/ci/github/repository",
            "owner/name",
        ),
        at(
            "a repository without a name",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["repository"] = json!("acme/");
            },
            VALUE,
            "/spec/authorities/ci/github/repository",
            "owner/name",
        ),
        at(
            "an owner that is a repository",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"] = json!({"owner": "acme/app"});
            },
            VALUE,
            "/spec/authorities/ci/github/owner",
            "owner",
        ),
        at(
            "an owner and a repository",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["owner"] = json!("acme");
            },
            VALUE,
            "/spec/authorities/ci/github",
            "more than one",
        ),
        at(
            "nobody",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"] = json!({});
            },
            MISSING,
            "/spec/authorities/ci/github",
            "none",
        ),
        at(
            "a visibility that is not known",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["visibility"] = json!("internal");
            },
            VALUE,
            "/spec/authorities/ci/github/visibility",
            "public",
        ),
        at(
            "a field of the preset that is not known",
            github,
            |d| {
                d["spec"]["authorities"]["ci"]["github"]["workflow"] = json!("x");
            },
            UNKNOWN,
            "/spec/authorities/ci/github/workflow",
            "unknown",
        ),
        // Trusted roots.
        bad(
            "a root without a media type",
            |d| remove(root(d), "mediaType"),
            MISSING,
            ROOT,
            "mediaType",
        ),
        bad(
            "a root of another media type",
            |d| root(d)["mediaType"] = json!("application/json"),
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/mediaType",
            "media type",
        ),
        bad(
            "an unknown member of a root",
            |d| root(d)["more"] = json!(1),
            UNKNOWN,
            "/spec/trust/test/sigstore/trustedRoot/more",
            "unknown",
        ),
        bad(
            "an unknown member of a log",
            |d| root(d)["tlogs"][0]["more"] = json!(1),
            UNKNOWN,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0/more",
            "unknown",
        ),
        bad(
            "a log without a period",
            |d| remove(&mut root(d)["tlogs"][0]["publicKey"], "validFor"),
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0/publicKey",
            "validFor",
        ),
        bad(
            "a log that was always in use",
            |d| {
                remove(&mut root(d)["tlogs"][0]["publicKey"]["validFor"], "start");
            },
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0/publicKey/validFor",
            "start",
        ),
        bad(
            "a CT log without a period",
            |d| remove(&mut root(d)["ctlogs"][0]["publicKey"], "validFor"),
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/ctlogs/0/publicKey",
            "validFor",
        ),
        bad(
            "an authority that was always in use",
            |d| {
                remove(&mut root(d)["certificateAuthorities"][0]["validFor"], "start");
            },
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/certificateAuthorities/0/validFor",
            "start",
        ),
        bad(
            "a timestamp authority that was always in use",
            |d| {
                remove(&mut root(d)["timestampAuthorities"][0]["validFor"], "start");
            },
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/timestampAuthorities/0/validFor",
            "start",
        ),
        bad(
            "a period that begins in words",
            |d| {
                root(d)["tlogs"][0]["publicKey"]["validFor"]["start"] = json!("yesterday");
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0/publicKey/validFor/start",
            "RFC 3339",
        ),
        bad(
            "a period without a time of day",
            |d| {
                root(d)["certificateAuthorities"][0]["validFor"]["end"] = json!("2030-01-01");
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/certificateAuthorities/0/validFor/end",
            "RFC 3339",
        ),
        bad(
            "a log without an id",
            |d| remove(&mut root(d)["tlogs"][0], "logId"),
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0",
            "logId",
        ),
        bad(
            "a log without a key",
            |d| remove(&mut root(d)["tlogs"][0], "publicKey"),
            MISSING,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0",
            "publicKey",
        ),
        bad(
            "a log's key that is none",
            |d| {
                root(d)["tlogs"][0]["publicKey"]["rawBytes"] = json!(base64(b"key"));
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0/publicKey",
            "key",
        ),
        bad(
            "a log's key that is not base64",
            |d| {
                root(d)["tlogs"][0]["publicKey"]["rawBytes"] = json!("*");
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/tlogs/0/publicKey/rawBytes",
            "base64",
        ),
        bad(
            "an authority without certificates",
            |d| {
                root(d)["certificateAuthorities"][0]["certChain"]["certificates"] = json!([]);
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/certificateAuthorities/0/certChain/certificates",
            "empty",
        ),
        bad(
            "an authority's certificate that is none",
            |d| {
                root(d)["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] =
                    json!(base64(b"x"));
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/certificateAuthorities/0/certChain/certificates/0/rawBytes",
            "certificate",
        ),
        bad(
            "a timestamp authority that is a leaf",
            |d| {
                let list = &mut root(d)["timestampAuthorities"][0]["certChain"]["certificates"];
                list.as_array_mut().unwrap().truncate(1);
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/timestampAuthorities/0/certChain/certificates",
            "CA",
        ),
        bad(
            "eleven certificates of an authority",
            |d| {
                let list = &mut root(d)["certificateAuthorities"][0]["certChain"]["certificates"];
                *list = json!(vec![list[0].clone(); 11]);
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/certificateAuthorities/0/certChain/certificates",
            "more than",
        ),
        bad(
            "a root that is not embedded",
            |d| *root(d) = json!("production"),
            VALUE,
            ROOT,
            "embedded",
        ),
        // What cannot be used must not be as if it was not there.
        bad(
            "logs of which none can be used",
            |d| {
                for log in root(d)["tlogs"].as_array_mut().unwrap() {
                    log["publicKey"]["keyDetails"] = json!("ML_DSA_65");
                }
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/tlogs",
            "can be used",
        ),
        bad(
            "CT logs of which none can be used",
            |d| {
                root(d)["ctlogs"][0]["hashAlgorithm"] = json!("SHA2_512");
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/ctlogs",
            "can be used",
        ),
        bad(
            "CT logs of which none has a key that is strong enough",
            |d| {
                root(d)["ctlogs"][0]["publicKey"]["rawBytes"] =
                    json!(base64(&Key::rsa(1024).spki()));
                root(d)["ctlogs"][0]["publicKey"]["keyDetails"] =
                    json!("PKIX_RSA_PKCS1V15_2048_SHA256");
            },
            VALUE,
            "/spec/trust/test/sigstore/trustedRoot/ctlogs",
            "can be used",
        ),
        // Keys by themselves.
        at(
            "a log's key by itself that is none",
            own,
            |d| {
                d["spec"]["trust"]["test"]["sigstore"]["tlogs"][0] = json!("key");
            },
            VALUE,
            "/spec/trust/test/sigstore/tlogs/0",
            "PEM",
        ),
        at(
            "a log's key by itself that is weak",
            own,
            |d| {
                d["spec"]["trust"]["test"]["sigstore"]["tlogs"][0] =
                    json!(Key::rsa(1024).public_pem());
            },
            VALUE,
            "/spec/trust/test/sigstore/tlogs/0",
            "RSA 1024",
        ),
        at(
            "a chain by itself that is none",
            own,
            |d| {
                d["spec"]["trust"]["test"]["sigstore"]["timestampAuthorities"][0] = json!("chain");
            },
            VALUE,
            "/spec/trust/test/sigstore/timestampAuthorities/0",
            "PEM",
        ),
        at(
            "a root and keys by themselves",
            own,
            |d| {
                d["spec"]["trust"]["test"]["sigstore"]["trustedRoot"] = json!("embedded");
            },
            VALUE,
            "/spec/trust/test/sigstore/certificateAuthorities",
            "either",
        ),
        at(
            "nothing to trust",
            own,
            |d| {
                d["spec"]["trust"]["test"]["sigstore"] = json!({});
            },
            MISSING,
            "/spec/trust/test/sigstore",
            "trustedRoot",
        ),
        // Requirements.
        bad(
            "an attestation of the signature's own type",
            |d| {
                d["spec"]["rules"][0]["require"] = json!({"attestation": {
                "type": "https://sigstore.dev/cosign/sign/v1", "signedBy": "signer"}});
            },
            VALUE,
            "/spec/rules/0/require/attestation/type",
            "image signatures",
        ),
        bad(
            "an attestation of a type that is not known",
            |d| {
                d["spec"]["rules"][0]["require"] =
                    json!({"attestation": {"type": "slsaprovenanc", "signedBy": "signer"}});
            },
            VALUE,
            "/spec/rules/0/require/attestation/type",
            "slsaprovenance",
        ),
        bad(
            "an attestation that nobody signs",
            |d| {
                d["spec"]["rules"][0]["require"] = json!({"attestation": {"type": "*"}});
            },
            MISSING,
            "/spec/rules/0/require/attestation",
            "signedBy",
        ),
        bad(
            "an authority that is not there",
            |d| d["spec"]["rules"][0]["require"] = json!("singer"),
            "policy.unknownName",
            "/spec/rules/0/require",
            "signer",
        ),
    ]
}

#[test]
fn a_policy_with_one_error_is_refused_with_where_it_stands_and_one_without_is_not() {
    let mut wrong = Vec::new();
    let all = all();
    for case in &all {
        let mut document = (case.right)();
        if let Err(errors) = Policy::parse(&document) {
            wrong.push(format!("{}: unspoilt: {errors:?}", case.name));
        }
        (case.change)(&mut document);
        match Policy::parse(&document) {
            Ok(_) => wrong.push(format!("{}: accepted", case.name)),
            Err(errors) => {
                let is_it = errors.iter().any(|error| {
                    let suggestion = error.suggestion.as_deref().unwrap_or_default();
                    error.code == case.code
                        && error.path == case.at
                        && (error.message.contains(case.says) || suggestion == case.says)
                });
                if !is_it {
                    let expected = (case.code, case.at, case.says);
                    wrong.push(format!("{}: {expected:?} expected, {errors:?}", case.name));
                }
            }
        }
    }
    println!("sigstore: {} errors of policies", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keys_and_certificates_by_themselves_are_an_instance() {
    for world in [keyless, v2] {
        let mut world = world();
        world.policy.set(|document| {
            document["spec"]["trust"] = own()["spec"]["trust"].clone();
        });
        let verdict = world.decide();
        assert!(verdict.is_allowed(), "{verdict:?}");
    }
}

#[test]
fn policies_of_every_form_are_accepted() {
    let mut forms = vec![github(), own(), keyless().document()];
    for (pointer, value) in [
        (ROOT, json!("embedded")),
        (ROOT, json!("github")),
        (ROOT, json!("staging")),
        ("/spec/authorities/signer/cosign/trust", json!(["test"])),
        (
            "/spec/authorities/signer/cosign/keyless/0",
            json!({
                "issuerRegExp": "https://.+", "subjectRegExp": "(?i).+@example\\.test",
                "githubWorkflow": {"repository": "acme/app", "refRegExp": "refs/tags/.+"},
                "sourceRepositoryVisibilityAtSigning": "public",
            }),
        ),
        ("/spec/authorities/signer/cosign/keyless/0/issuer", json!(ISSUER)),
    ] {
        let mut document = keyless().document();
        *document.pointer_mut(pointer).unwrap() = value;
        forms.push(document);
    }
    for (field, value) in [
        ("transparencyLog", json!("required")),
        ("transparencyLog", json!({"atLeast": 2})),
        ("timestamp", json!("required")),
        ("timestamp", json!("optional")),
        ("timestamp", json!({"atLeast": 1})),
    ] {
        let mut document = keyless().document();
        cosign(&mut document)[field] = value;
        forms.push(document);
    }
    for preset in [
        json!({"owner": "acme"}),
        json!({"repository": "acme/app", "ref": "refs/heads/main"}),
        json!({"repository": "acme/app", "visibility": "private"}),
        json!({"owner": "acme", "signerWorkflow": "acme/ci/.github/workflows/build.yml"}),
    ] {
        let mut document = github();
        document["spec"]["authorities"]["ci"]["github"] = preset;
        forms.push(document);
    }
    for form in forms {
        let parsed = Policy::parse(&form);
        assert!(parsed.is_ok(), "{:?}\n{form}", parsed.err());
    }
}
