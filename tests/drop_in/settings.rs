//! The shape of settings: what is documented is taken, everything else is an error with its place.

use countersign::policy::{Policy, kubewarden};
use serde_json::{Value, json};

use crate::sigstore::{
    ca::Ca,
    keys::{Key, pem},
};

fn key(name: &str) -> String {
    Key::p256(name).public_pem()
}

/// One of each, as the documentation of the old policy shows them.
fn documented() -> Value {
    let chain: Vec<_> = Ca::new("acme").chain().iter().map(|der| pem("CERTIFICATE", der)).collect();
    json!({
        "modifyImagesWithDigest": false,
        "signatures": [
            { "image": "ghcr.io/kubewarden/*", "githubActions": { "owner": "kubewarden", "repo": "app-example" } },
            { "image": "*", "githubActions": { "owner": "kubewarden" } },
            { "image": "ghcr.io/kubewarden/*", "keylessPrefix": [{
                "issuer": "https://token.actions.githubusercontent.com",
                "urlPrefix": "https://github.com/kubewarden/app-example/.github/workflows/ci.yml@refs/tags/",
            }] },
            { "image": "ghcr.io/kubewarden/*", "keyless": [{
                "issuer": "https://token.actions.githubusercontent.com", "subject": "kubewarden",
            }] },
            { "image": "ghcr.io/kubewarden/*", "pubKeys": [key("a"), key("b")], "annotations": { "env": "prod" } },
            {
                "image": "registry.acme.org/secure-project/*",
                "certificates": [crate::certificates::pem_of("acme", "alice"), crate::certificates::pem_of("acme", "bob")],
                "certificateChain": chain,
                "requireRekorBundle": true,
                "annotations": { "env": "prod" },
            },
        ],
    })
}

#[test]
fn what_is_documented_is_taken_and_is_a_policy_of_ours() {
    let settings = documented();
    assert!(kubewarden::is_settings(&settings));
    let policy = Policy::parse(&settings).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(policy.rules.len(), 6);
    assert_eq!(policy.warnings, Vec::<String>::new());
    let translation = kubewarden::translate(&settings).unwrap();
    let again = Policy::parse(&translation.document).unwrap();
    assert_eq!(format!("{again:?}"), format!("{policy:?}"));
    // Of its own, it is no policy of ours.
    assert!(!kubewarden::is_settings(&translation.document));
}

#[test]
fn every_part_of_the_policy_has_its_place_in_the_settings() {
    let settings = documented();
    let translation = kubewarden::translate(&settings).unwrap();
    for (ours, theirs) in translation.places() {
        assert!(translation.document.pointer(ours).is_some(), "{ours}");
        assert!(settings.pointer(theirs).is_some(), "{theirs}");
    }
    let authorities = "/spec/authorities/signatures[4].pubKeys[1]";
    assert_eq!(
        translation.place(&format!("{authorities}/cosign/keys/0")),
        "/signatures/4/pubKeys/1"
    );
    assert_eq!(translation.place("/spec/rules/2/match/references/0"), "/signatures/2/image");
    assert_eq!(translation.place("/spec/rules/2/require"), "/signatures/2");
    assert_eq!(translation.place("/spec/unmatched"), "");
}

/// What a form of Rancher's leaves behind says nothing.
#[test]
fn the_forms_own_fields_are_overlooked() {
    let mut settings = documented();
    settings["rule"] = json!("PublicKey");
    settings["description"] = json!(null);
    assert!(Policy::parse(&settings).is_ok());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let keys = json!([key("a")]);
    let bundle = |image: &str| json!({ "image": image, "pubKeys": keys });
    let one = |entry: Value| json!({ "signatures": [bundle("*"), entry] });
    let chained = |chain: Value| {
        one(json!({ "image": "*", "certificates": [crate::certificates::pem_of("acme", "alice")],
            "requireRekorBundle": true, "certificateChain": chain }))
    };
    let actions = |actions: Value| one(json!({ "image": "*", "githubActions": actions }));
    let prefix = |url: &str| {
        one(json!({ "image": "*", "keylessPrefix": [{ "issuer": "i", "urlPrefix": url }] }))
    };
    for (settings, path, code, words) in [
        (json!({ "modifyImagesWithDigest": true }), "", "policy.missingField", "`signatures`"),
        (json!({ "signatures": [] }), "/signatures", "policy.invalidValue", "empty"),
        (json!({ "signatures": null }), "/signatures", "policy.invalidValue", "a list"),
        (
            json!({ "signatures": [bundle("*")], "modifyImagesWithDigest": "no" }),
            "/modifyImagesWithDigest",
            "policy.invalidValue",
            "a boolean",
        ),
        (
            json!({ "signatures": [bundle("*")], "modifyImages": true }),
            "/modifyImages",
            "policy.unknownField",
            "unknown",
        ),
        (one(json!({ "image": "*" })), "/signatures/1", "policy.missingField", "exactly one"),
        (
            one(
                json!({ "image": "*", "pubKeys": keys, "keyless": [{ "issuer": "i", "subject": "s" }] }),
            ),
            "/signatures/1",
            "policy.invalidValue",
            "more than one",
        ),
        (one(json!({ "pubKeys": keys })), "/signatures/1", "policy.missingField", "`image`"),
        (one(bundle("")), "/signatures/1/image", "policy.invalidValue", "empty"),
        (
            one(json!({ "image": "*", "pubKeys": [] })),
            "/signatures/1/pubKeys",
            "policy.invalidValue",
            "empty",
        ),
        (
            one(json!({ "image": "*", "pubKeys": [key("a"), "hello"] })),
            "/signatures/1/pubKeys/1",
            "policy.invalidValue",
            "PEM",
        ),
        (
            one(json!({ "image": "*", "pubKeys": [pem("CERTIFICATE", b"x")] })),
            "/signatures/1/pubKeys/0",
            "policy.invalidValue",
            "PEM",
        ),
        (
            one(json!({ "image": "*", "keyless": [] })),
            "/signatures/1/keyless",
            "policy.invalidValue",
            "empty",
        ),
        (
            one(json!({ "image": "*", "keyless": [{ "issuer": "i" }] })),
            "/signatures/1/keyless/0",
            "policy.missingField",
            "`subject`",
        ),
        (
            one(json!({ "image": "*", "keyless": [{ "issuer": "i", "subject": "s", "x": 1 }] })),
            "/signatures/1/keyless/0/x",
            "policy.unknownField",
            "`x`",
        ),
        (
            one(json!({ "image": "*", "keylessPrefix": [] })),
            "/signatures/1/keylessPrefix",
            "policy.invalidValue",
            "empty",
        ),
        (
            prefix("github.com/acme"),
            "/signatures/1/keylessPrefix/0/urlPrefix",
            "policy.invalidValue",
            "scheme",
        ),
        (
            prefix("https://github.com/acme/../x"),
            "/signatures/1/keylessPrefix/0/urlPrefix",
            "policy.invalidValue",
            "`..`",
        ),
        (actions(json!({})), "/signatures/1/githubActions", "policy.missingField", "`owner`"),
        (
            actions(json!({ "owner": "" })),
            "/signatures/1/githubActions/owner",
            "policy.invalidValue",
            "empty",
        ),
        (
            actions(json!({ "owner": "a/b" })),
            "/signatures/1/githubActions/owner",
            "policy.invalidValue",
            "more than one",
        ),
        (
            actions(json!({ "owner": "a", "repo": "a/b" })),
            "/signatures/1/githubActions/repo",
            "policy.invalidValue",
            "more than one",
        ),
        (
            actions(json!({ "owner": "a", "repository": "b" })),
            "/signatures/1/githubActions/repository",
            "policy.unknownField",
            "unknown",
        ),
        (
            one(json!({ "image": "*", "certificates": [], "requireRekorBundle": true })),
            "/signatures/1/certificates",
            "policy.invalidValue",
            "empty",
        ),
        (
            one(
                json!({ "image": "*", "certificates": [crate::certificates::pem_of("acme", "a")] }),
            ),
            "/signatures/1",
            "policy.missingField",
            "`requireRekorBundle`",
        ),
        (chained(json!([])), "/signatures/1/certificateChain", "policy.invalidValue", "empty"),
        (chained(json!(["x"])), "/signatures/1/certificateChain/0", "policy.invalidValue", "PEM"),
        (
            chained(json!([pem("CERTIFICATE", b"x").repeat(2)])),
            "/signatures/1/certificateChain/0",
            "policy.invalidValue",
            "more than one",
        ),
        (
            one(json!({ "image": "*", "pubKeys": keys, "requireRekorBundle": true })),
            "/signatures/1/requireRekorBundle",
            "policy.invalidValue",
            "goes with `certificates`",
        ),
        (
            one(json!({ "image": "*", "pubKeys": keys, "annotations": { "a": 1 } })),
            "/signatures/1/annotations/a",
            "policy.invalidValue",
            "a string",
        ),
    ] {
        let errors = Policy::parse(&settings).err().unwrap_or_default();
        let found =
            errors.iter().any(|e| e.path == path && e.code == code && e.message.contains(words));
        assert!(found, "{path} {code} {words} for {settings}: {errors:#?}");
    }
}

#[test]
fn what_was_probably_meant_is_said() {
    let settings = json!({ "signatures": [{ "image": "*", "pubkeys": [key("a")] }] });
    let errors = Policy::parse(&settings).unwrap_err();
    let error = errors.iter().find(|e| e.path == "/signatures/0/pubkeys").unwrap();
    assert_eq!(error.suggestion.as_deref(), Some("pubKeys"));
}

#[test]
fn all_errors_are_said_at_once() {
    let settings = json!({ "signatures": [
        { "image": "*", "pubKeys": [] },
        { "image": "", "keyless": [{ "issuer": "i", "subject": "s" }] },
        { "image": "*", "githubActions": { "owner": "a", "x": 1 } },
    ] });
    let paths: Vec<_> = Policy::parse(&settings).unwrap_err().into_iter().map(|e| e.path).collect();
    for path in ["/signatures/0/pubKeys", "/signatures/1/image", "/signatures/2/githubActions/x"] {
        assert!(paths.iter().any(|p| p == path), "{path}: {paths:?}");
    }
}

#[test]
fn a_policy_of_ours_is_never_taken_for_settings() {
    for document in [
        json!({ "apiVersion": "countersign.dev/v1", "signatures": [] }),
        json!({ "kind": "ImagePolicy", "signatures": [] }),
        json!({ "spec": {}, "signatures": [] }),
        json!({}),
        json!([]),
        json!(null),
    ] {
        assert!(!kubewarden::is_settings(&document), "{document}");
        assert!(Policy::parse(&document).is_err(), "{document}");
    }
}
