//! The files of Notation as they lie in its configuration directory, and as a policy names them.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use super::{Signer, Stage, payload};
use crate::{
    draft::Format,
    pki::{Certificate, Key},
    scratch::MANIFEST,
};

fn statement(name: &str, scope: &str, stores: &[&str]) -> Value {
    json!({
        "name": name,
        "registryScopes": [scope],
        "signatureVerification": { "level": "strict" },
        "trustStores": stores,
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Acme"],
    })
}

fn document(statements: &[Value]) -> String {
    format!("{:#}", json!({ "version": "1.0", "trustPolicies": statements }))
}

fn policy(trust_policy: &str) -> String {
    format!(
        "apiVersion: countersign.dev/v1\nkind: ImagePolicy\nspec:\n  notationTrustPolicy: {trust_policy}\n"
    )
}

/// A signed image, and a configuration directory that trusts who signed it.
fn stage() -> Option<Stage> {
    let stage = Stage::new()?;
    let signer = Signer::new(Key::p256("leaf"));
    stage.image(|image| {
        let digest = countersign::reference::Digest::sha256(image).to_string();
        signer.envelope(Format::Jws, &payload(MANIFEST, &digest, image.len()))
    });
    let statements = [statement("acme", "*", &["ca:acme"])];
    stage.0.write("notation/trustpolicy.json", document(&statements));
    stage.0.write("notation/truststore/x509/ca/acme/root.crt", signer.root.self_signed());
    Some(stage)
}

fn other() -> Certificate {
    Certificate::authority("other", Key::p256("other"))
}

#[test]
fn a_configuration_directory_stands_for_a_policy() {
    let Some(stage) = stage() else { return };
    let layout = stage.layout();
    let code = |more: &str| stage.verdict(&format!("verify {more} {layout}")).code;
    let verify = || code("--notation-config notation");
    assert_eq!(verify(), "allow");
    // Both names of the document, the newer first.
    let others = [statement("others", "*", &["ca:others"])];
    stage.0.write("notation/trustpolicy.oci.json", document(&others));
    stage.0.write("notation/truststore/x509/ca/others/a.pem", super::pem(&other().self_signed()));
    assert_eq!(verify(), "authenticity.untrusted");
    fs::rename(
        stage.0.path().join("notation/trustpolicy.oci.json"),
        stage.0.path().join("notation/trustpolicy.blob.json"),
    )
    .unwrap();
    // The other kind of document is another matter, as are stores that nobody names.
    stage.0.write("notation/trustpolicy.blob.json", "{");
    stage.0.write("notation/truststore/x509/ca/unused/broken.crt", "no certificate");
    assert_eq!(verify(), "allow");
    let scoped = [statement("acme", "registry.acme.test/app", &["ca:acme"])];
    stage.0.write("notation/trustpolicy.json", document(&scoped));
    assert_eq!(verify(), "image.unmatched");
    assert_eq!(code("--notation-config notation --image registry.acme.test/app"), "allow");
    assert_eq!(code("--notation-config notation --image registry.acme.test/ap"), "image.unmatched");
}

#[test]
fn a_policy_names_the_directory_or_its_parts() {
    let Some(stage) = stage() else { return };
    stage.0.write("truststore/tsa/root.pem", "");
    let layout = stage.layout();
    let code = |trust_policy: &str| {
        stage.0.write("deploy/policy.yaml", policy(trust_policy));
        let verdict = stage.verdict(&format!("verify --policy deploy/policy.yaml {layout}"));
        assert!(!verdict.code.is_empty(), "{trust_policy}: {}", verdict.said);
        verdict.code
    };
    let store = "../notation/truststore/x509/ca/acme";
    for good in [
        "{ directory: ../notation }".to_owned(),
        "{ directory: ../notation, profile: compat, maxEvidenceAge: 7d }".to_owned(),
        format!(
            "{{ document: {{ file: ../notation/trustpolicy.json }}, \
             stores: {{ directory: {store}/../.. }} }}"
        ),
        format!(
            "{{ document: {{ file: ../notation/trustpolicy.json }}, \
             stores: {{ ca: {{ acme: {{ directory: {store} }} }} }} }}"
        ),
        format!(
            "{{ document: {{ file: ../notation/trustpolicy.json }}, \
             stores: {{ ca: {{ acme: [ {{ file: {store}/root.crt }} ] }} }} }}"
        ),
    ] {
        assert_eq!(code(&good), "allow", "{good}");
    }
    let absolute = stage.0.path().join("notation").display().to_string();
    assert_eq!(code(&format!("{{ directory: {absolute} }}")), "allow");
    // A directory without what the document names trusts nobody, as `compat` has it.
    fs::remove_dir_all(stage.0.path().join("notation/truststore")).unwrap();
    assert_eq!(code("{ directory: ../notation, profile: compat }"), "authenticity.untrusted");
}

/// The native words take directories and files too, of PEM and of DER, with several in one.
#[test]
fn a_native_trust_store_is_read_from_files_and_directories() {
    let Some(stage) = stage() else { return };
    let (root, other) = (Signer::new(Key::p256("leaf")).root.self_signed(), other().self_signed());
    stage.0.write("both.der", [other.clone(), root.clone()].concat());
    let text = format!("caf\u{e9}\n{}{}", super::pem(&other), super::pem(&root));
    stage.0.write("both.pem", text.replace('\u{e9}', "e"));
    let latin = [&b"caf\xe9\n"[..], super::pem(&root).as_bytes()].concat();
    stage.0.write("store/1.crt", latin);
    stage.0.write("store/2.crt", &other);
    stage.0.write("others/1.crt", &other);
    let layout = stage.layout();
    let code = |store: &str| {
        let policy = format!(
            "apiVersion: countersign.dev/v1\nkind: ImagePolicy\nspec:\n  trust: {{ t: {{ notation: \
             {{ ca: {store} }} }} }}\n  authorities: {{ a: {{ notation: {{ trust: t, \
             trustedIdentities: ['*'] }} }} }}\n  rules: [ {{ images: ['**'], require: a }} ]\n"
        );
        stage.0.write("policy.yaml", policy);
        let verdict = stage.verdict(&format!("verify --policy policy.yaml {layout}"));
        assert!(!verdict.code.is_empty(), "{store}: {}", verdict.said);
        verdict.code
    };
    for good in [
        "[ { file: both.der } ]",
        "[ { file: both.pem } ]",
        "{ directory: store }",
        "[ { directory: others }, { file: store/1.crt } ]",
        "[ { directory: others }, { directory: store } ]",
    ] {
        assert_eq!(code(good), "allow", "{good}");
    }
    assert_eq!(code("{ directory: others }"), "authenticity.untrusted");
    assert_eq!(code("[ { file: store/2.crt } ]"), "authenticity.untrusted");
}

#[test]
fn what_is_wrong_is_said_with_its_file_and_place() {
    let Some(stage) = stage() else { return };
    let layout = stage.layout();
    let leaf = Signer::new(Key::p256("leaf"));
    let leaf = leaf.leaf.issued_by(&leaf.root);
    stage.0.write("leaf/ca/acme/leaf.crt", leaf);
    stage.0.write("junk/ca/acme/1.txt", "no certificate");
    stage
        .0
        .write("key/ca/acme/key.pem", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----");
    stage.0.write("nested/ca/acme/deeper/root.crt", "");
    fs::create_dir_all(stage.0.path().join("empty/ca/acme")).unwrap();
    fs::create_dir_all(stage.0.path().join("link/ca/acme")).unwrap();
    let root = stage.0.path().join("notation/truststore/x509/ca/acme/root.crt");
    symlink(root, stage.0.path().join("link/ca/acme/root.crt")).unwrap();
    fs::create_dir_all(stage.0.path().join("linked/ca")).unwrap();
    let acme = stage.0.path().join("notation/truststore/x509/ca/acme");
    symlink(acme, stage.0.path().join("linked/ca/acme")).unwrap();
    let twice = "{\n  \"version\": \"1.0\",\n  \"version\": \"1.0\"\n}\n";
    stage.0.write("twice.json", twice);
    stage.0.write("yaml.json", "version: '1.0'\n");
    stage.0.write("lax.json", "{ version: '1.0', trustPolicies: [] }\n");
    let mut typo = statement("acme", "*", &["ca:acme"]);
    typo["signatureVerification"]["overide"] = json!({});
    stage.0.write("typo.json", document(&[typo]));
    let absent = [statement("acme", "*", &["ca:acme", "ca:absent"])];
    stage.0.write("absent.json", document(&absent));
    let refusal = |trust_policy: &str| {
        stage.0.write("policy.yaml", policy(trust_policy));
        stage.refusal(&format!("verify --policy policy.yaml {layout}"))
    };
    let with_store = |directory: &str| {
        let document = "{ file: notation/trustpolicy.json }";
        refusal(&format!("{{ document: {document}, stores: {{ directory: {directory} }} }}"))
    };
    let with_document = |file: &str| {
        let stores = "{ directory: notation/truststore/x509 }";
        refusal(&format!("{{ document: {{ file: {file} }}, stores: {stores} }}"))
    };
    let mut wrong = Vec::new();
    for (said, expected) in [
        (refusal("{ directory: none }"), "policy.yaml:4:26: `none` has no trustpolicy.oci.json"),
        (refusal("{ directory: 7 }"), "policy.yaml:4:26: `directory` is a path"),
        (
            refusal("{ directory: notation, stores: {} }"),
            "policy.yaml:4:26: `directory` stands for `document`, `blobDocument` and `stores`",
        ),
        (refusal("{ directory: notation, x: 1 }"), "policy.yaml:4:47: "),
        (refusal("{ document: { file: none.json } }"), "policy.yaml:4:26: `none.json` cannot be"),
        (refusal("{ document: { file: 7 } }"), "policy.yaml:4:26: `file` stands alone, and is a"),
        (with_document("twice.json"), "twice.json:3:3: the key `version` is there twice"),
        (with_document("yaml.json"), "yaml.json:1:1: "),
        (with_document("lax.json"), "lax.json:1:3: "),
        (with_document("typo.json"), "typo.json:10:9: "),
        (with_document("absent.json"), "absent.json:13:9: `stores.ca` has no `absent`"),
        (with_store("none"), "policy.yaml:4:73: `none` is not a directory"),
        (with_store("junk"), "`junk/ca/acme/1.txt` is neither PEM nor DER of certificates"),
        (with_store("key"), "policy.yaml:4:73 (key/ca/acme/key.pem): a PEM block with another"),
        (with_store("nested"), "`nested/ca/acme/deeper` is not a regular file, and links are not"),
        (with_store("empty"), "`empty/ca/acme` has no certificates"),
        (with_store("link"), "`link/ca/acme/root.crt` is not a regular file, and links are not"),
        (with_store("linked"), "`linked/ca/acme` is not a directory, and links are not followed"),
        (with_store("leaf"), "policy.yaml:4:73 (leaf/ca/acme): certificate with subject"),
        (
            refusal("{ document: {}, stores: { ca: { acme: { directory: a, file: b } } } }"),
            "stands alone, and is a path",
        ),
    ] {
        if !said.contains(expected) {
            wrong.push(format!("{said:?} lacks {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Without a policy the files speak for themselves.
    stage.0.write("notation/trustpolicy.json", twice);
    let said = stage.refusal(&format!("verify --notation-config notation {layout}"));
    assert!(said.contains("notation/trustpolicy.json:3:3: "), "{said}");
    stage.0.write("notation/trustpolicy.json", document(&absent));
    let said = stage.refusal(&format!("verify --notation-config notation {layout}"));
    assert!(said.contains("notation/trustpolicy.json:13:9: `stores.ca` has no"), "{said}");
    stage.0.write("notation/trustpolicy.json", document(&[statement("a", "*", &["ca:acme"])]));
    stage.0.write("notation/truststore/x509/ca/acme/key.pem", "-----BEGIN X-----\n-----END X-----");
    let said = stage.refusal(&format!("verify --notation-config notation {layout}"));
    let expected = "notation/truststore/x509/ca/acme/key.pem: a PEM block with another label";
    assert!(said.starts_with(expected), "{said}");
    for (arguments, expected) in [
        (format!("verify {layout}"), "--notation-config"),
        (format!("verify --notation-config a --policy b {layout}"), "--policy"),
        (format!("verify --notation-config none {layout}"), "none: has no trustpolicy.oci.json"),
    ] {
        let said = stage.refusal(&arguments);
        assert!(said.contains(expected), "{said}");
    }
}

/// A list of a store is as long as its files make it: what comes after a directory keeps its place.
#[test]
fn what_stands_after_a_directory_is_found_where_the_policy_has_it() {
    let Some(stage) = stage() else { return };
    for name in ["1.crt", "2.crt", "3.crt"] {
        stage.0.write(&format!("store/{name}"), other().self_signed());
    }
    let policy = "\
apiVersion: countersign.dev/v1
kind: ImagePolicy
spec:
  trust:
    t:
      notation:
        ca:
          - directory: store
          - no PEM
  rules: [ { images: ['**'], static: allow } ]
";
    stage.0.write("policy.yaml", policy);
    let said = stage.refusal(&format!("verify --policy policy.yaml {}", stage.layout()));
    assert!(said.starts_with("policy.yaml:9:13: no PEM block"), "{said}");
}

/// In `compat` the module reads the text itself, as Go's decoder does.
#[test]
fn a_document_is_read_as_leniently_as_its_profile() {
    let Some(stage) = stage() else { return };
    let document = fs::read_to_string(stage.0.path().join("notation/trustpolicy.json")).unwrap();
    let lenient = document.replace("trustStores", "TrustStores").replace("version", "Version");
    stage.0.write("notation/trustpolicy.json", lenient + "\nand more");
    stage.0.write("policy.yaml", policy("{ directory: notation, profile: compat }"));
    let arguments = format!("verify --policy policy.yaml {}", stage.layout());
    let verdict = stage.verdict(&arguments);
    assert_eq!(verdict.code, "allow", "{}", verdict.said);
    stage.0.write("policy.yaml", policy("{ directory: notation }"));
    let said = stage.refusal(&arguments);
    assert!(said.contains("notation/trustpolicy.json:21:1: trailing characters"), "{said}");
}
