//! Requirements 47 to 49: `countersign verify-blob` for signatures of Notation.

use countersign::crypto::{HashAlgorithm, hex};
use serde_json::{Value, json};

use super::{Signer, Stage, payload, policy};
use crate::{
    corpora::corpora,
    draft::Format,
    pki::{Certificate, Key},
};

const BLOB: &[u8] = b"the release\n";
const BOTH: [(Format, &str); 2] = [(Format::Jws, "jws"), (Format::Cose, "cose")];

fn about(blob: &[u8], algorithm: HashAlgorithm) -> Vec<u8> {
    let digest = format!("{}{}", algorithm.prefix(), hex(&algorithm.digest(blob)));
    payload("application/octet-stream", &digest, blob.len())
}

/// A blob trust policy with one statement for everything.
fn document(level: &str, stores: &[&str]) -> Value {
    json!({ "version": "1.0", "trustPolicies": [{
        "name": "all",
        "globalPolicy": true,
        "signatureVerification": { "level": level, "verifyTimestamp": "always" },
        "trustStores": stores,
        "trustedIdentities": ["*"],
    }] })
}

/// The blob, Notation's configuration for this signer, and a policy that says the same natively.
fn stage(signer: &Signer, level: &str, stores: &[&str]) -> Option<Stage> {
    let stage = Stage::new()?;
    stage.0.write("app.tar.gz", BLOB);
    stage.0.write("other.tar.gz", "another release\n");
    stage.0.write("notation/trustpolicy.blob.json", document(level, stores).to_string());
    stage.0.write("notation/truststore/x509/ca/acme/root.crt", signer.anchor());
    let stamps = Certificate::authority("stamps", Key::p256("stamps"));
    let stamps = super::pem(&stamps.self_signed());
    stage.0.write("notation/truststore/x509/tsa/stamps/root.crt", &stamps);
    let mut native = json!({ "ca": [signer.anchor()] });
    if stores.contains(&"tsa:stamps") {
        native["tsa"] = json!([stamps]);
    }
    let fields = json!({ "level": level, "verifyTimestamp": "always" });
    stage.0.write("policy.json", policy(native, fields));
    Some(stage)
}

const POLICIES: [&str; 2] = ["--notation-config notation", "--policy policy.json"];

#[test]
fn an_envelope_is_known_by_its_name_its_contents_or_as_it_is_told() {
    let signer = Signer::new(Key::p256("leaf"));
    let Some(stage) = stage(&signer, "strict", &["ca:acme"]) else { return };
    for (format, name) in BOTH {
        let envelope = signer.envelope(format, &about(BLOB, HashAlgorithm::Sha256));
        stage.0.write(&format!("app.tar.gz.{name}.sig"), &envelope);
        stage.0.write(&format!("{name}.signature"), &envelope);
        let other = if name == "jws" { "cose" } else { "jws" };
        stage.0.write(&format!("wrong.{other}.sig"), &envelope);
        for policy in POLICIES {
            let verdict = |signature: &str, artifact: &str| {
                let verdict = stage
                    .verdict(&format!("verify-blob {policy} --signature {signature} {artifact}"));
                (verdict.exit, verdict.code)
            };
            let allowed = || (0, "allow".to_owned());
            let denied = |code: &str| (1, code.to_owned());
            let file = format!("app.tar.gz.{name}.sig");
            assert_eq!(verdict(&file, "app.tar.gz"), allowed());
            assert_eq!(verdict(&file, "other.tar.gz"), denied("descriptor.mismatch"));
            assert_eq!(verdict(&format!("{file} --portable"), "app.tar.gz"), allowed());
            assert_eq!(verdict(&format!("{name}.signature"), "app.tar.gz"), allowed());
            let wrong = format!("wrong.{other}.sig");
            assert_eq!(verdict(&wrong, "app.tar.gz"), denied("envelope.malformed"));
            let told = format!("{wrong} --signature-format {name}");
            assert_eq!(verdict(&told, "app.tar.gz"), allowed());
            let told = format!("{file} --signature-format {other}");
            assert_eq!(verdict(&told, "app.tar.gz"), denied("envelope.malformed"));
        }
    }
}

/// The eight rows about blobs of `gold.txt`, what notation-go says to `blob.jws.sig` and
/// `blob.cose.sig`, whose certificates have expired, made anew with keys and a clock of our own; and
/// the third level and a `tsa` store beside them.
#[test]
fn levels_are_those_of_notation_go() {
    let mut signer = Signer::new(Key::rsa(2048));
    signer.leaf.not_after = "260102000000Z".into();
    for (level, stores, right, wrong) in [
        ("strict", &["ca:acme"][..], "authenticTimestamp.invalid", "authenticTimestamp.invalid"),
        ("permissive", &["ca:acme"], "allow", "descriptor.mismatch"),
        ("audit", &["ca:acme"], "allow", "descriptor.mismatch"),
        ("strict", &["ca:acme", "tsa:stamps"], "timestamp.absent", "timestamp.absent"),
        ("permissive", &["ca:acme", "tsa:stamps"], "allow", "descriptor.mismatch"),
        ("audit", &["ca:acme", "tsa:stamps"], "allow", "descriptor.mismatch"),
    ] {
        let Some(stage) = stage(&signer, level, stores) else { return };
        for (format, name) in BOTH {
            let envelope = signer.envelope(format, &about(BLOB, HashAlgorithm::Sha256));
            stage.0.write(&format!("app.{name}.sig"), envelope);
            for policy in POLICIES {
                for (artifact, expected) in [("app.tar.gz", right), ("other.tar.gz", wrong)] {
                    let arguments =
                        format!("verify-blob {policy} --signature app.{name}.sig {artifact}");
                    let verdict = stage.verdict(&arguments);
                    assert_eq!(verdict.code, expected, "{level} {stores:?} {arguments}");
                    assert_eq!(verdict.exit, i32::from(expected != "allow"));
                    // What is only logged is the same as at level `strict`.
                    let logged = if stores.len() == 1 { "authenticTimestamp" } else { "timestamp" };
                    let is_logged = verdict.warns_of(&format!(": {logged}."));
                    assert_eq!(is_logged, expected == "allow", "{}", verdict.text());
                }
            }
        }
    }
}

/// The digest is that of the signer's key: the host hashes a large file, and of a digest it knows no
/// other.
#[test]
fn the_digest_is_that_of_the_key() {
    let large = vec![7; (16 << 20) + 1];
    for (key, algorithm) in [
        (Key::rsa(2048), HashAlgorithm::Sha256),
        (Key::p384("leaf"), HashAlgorithm::Sha384),
        (Key::p521("leaf"), HashAlgorithm::Sha512),
    ] {
        let signer = Signer::new(key);
        let Some(stage) = stage(&signer, "strict", &["ca:acme"]) else { return };
        stage.0.write("large", &large);
        stage.0.write("app.sig", signer.envelope(Format::Jws, &about(BLOB, algorithm)));
        stage.0.write("large.sig", signer.envelope(Format::Cose, &about(&large, algorithm)));
        let code = |signature: &str, artifact: &str| {
            let arguments = "verify-blob --notation-config notation --signature";
            stage.verdict(&format!("{arguments} {signature} {artifact}")).code
        };
        assert_eq!(code("app.sig", "app.tar.gz"), "allow");
        assert_eq!(code("large.sig", "large"), "allow");
        assert_eq!(code("app.sig", "large"), "descriptor.mismatch");
        let digest = format!("sha256:{}", hex(&HashAlgorithm::Sha256.digest(BLOB)));
        let of_digest = code("app.sig", &digest);
        let known = algorithm == HashAlgorithm::Sha256;
        assert_eq!(of_digest, if known { "allow" } else { "evidence.hostAsserted" });
    }
}

/// What notation signed: the manifest of an image is a blob as well.
#[test]
fn envelopes_that_notation_wrote_are_read_as_those_of_blobs() {
    let Some((stage, corpora)) = Stage::new().zip(corpora()) else { return };
    let root = std::fs::read_to_string(corpora.join("trust/notation-root.pem")).unwrap();
    stage.0.write("policy.json", policy(json!({ "ca": [root] }), json!({})));
    for (layout, expected) in [
        ("d-p256-jws", "allow"),
        ("d-p256-cose", "allow"),
        ("d-rsa2048-jws", "allow"),
        ("d-rsa2048-cose", "allow"),
        // Signed as the image's, whose digest is SHA-256 whatever the key is.
        ("d-p384-jws", "descriptor.mismatch"),
        ("d-rsa4096-cose", "descriptor.mismatch"),
    ] {
        let blobs = corpora.join("layouts").join(layout).join("blobs/sha256");
        let read = |digest: &Value| -> (String, Value) {
            let name = digest.as_str().unwrap().trim_start_matches("sha256:");
            let path = blobs.join(name);
            let parsed = serde_json::from_slice(&std::fs::read(&path).unwrap());
            (path.display().to_string(), parsed.unwrap_or_default())
        };
        let index = corpora.join("layouts").join(layout).join("index.json");
        let index: Value = serde_json::from_slice(&std::fs::read(index).unwrap()).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        let all: Vec<_> = manifests.iter().map(|entry| read(&entry["digest"])).collect();
        let (_, signature) = all.iter().find(|(_, m)| m["subject"].is_object()).unwrap();
        let (signed, _) = read(&signature["subject"]["digest"]);
        let (envelope, _) = read(&signature["layers"][0]["digest"]);
        let arguments = format!("verify-blob --policy policy.json --signature {envelope} {signed}");
        assert_eq!(stage.verdict(&arguments).code, expected, "{layout}");
        let arguments =
            format!("verify-blob --policy policy.json --signature {envelope} {envelope}");
        assert_eq!(stage.verdict(&arguments).code, "descriptor.mismatch", "{layout}");
    }
}

/// Requirement 48: the statement that the user names, else the global one; and nobody else chooses.
#[test]
fn a_statement_is_chosen_by_the_user_and_not_by_the_files_name() {
    let signer = Signer::new(Key::p256("leaf"));
    let Some(stage) = stage(&signer, "strict", &["ca:acme"]) else { return };
    let mut named = document("strict", &["ca:acme"]);
    let statements = named["trustPolicies"].as_array_mut().unwrap();
    statements.push(json!({ "name": "lax", "signatureVerification": { "level": "skip" } }));
    statements.push(json!({
        "name": "others",
        "signatureVerification": { "level": "strict" },
        "trustStores": ["ca:others"],
        "trustedIdentities": ["*"],
    }));
    stage.0.write("notation/trustpolicy.blob.json", named.to_string());
    let other = Certificate::authority("other", Key::p256("other"));
    stage.0.write("notation/truststore/x509/ca/others/root.crt", other.self_signed());
    stage.0.write("app.sig", signer.envelope(Format::Jws, &about(BLOB, HashAlgorithm::Sha256)));
    for name in ["lax", "others", "unknown"] {
        stage.0.write(name, BLOB);
    }
    let fixed = "verify-blob --notation-config notation --signature app.sig";
    for (more, artifact, expected) in [
        ("", "app.tar.gz", "allow"),
        ("--name all", "app.tar.gz", "allow"),
        ("--name others", "app.tar.gz", "authenticity.untrusted"),
        // Requirement 49: notation-go panics.
        ("--name lax", "other.tar.gz", "allow"),
        ("--name all", "lax", "allow"),
        ("", "unknown", "allow"),
    ] {
        let verdict = stage.verdict(&format!("{fixed} {more} {artifact}"));
        assert_eq!(verdict.code, expected, "{more} {artifact}: {}", verdict.said);
        assert_eq!(verdict.warns_of("verification.skipped"), more == "--name lax");
    }
    for (more, artifact, expected) in [
        ("--name unknown", "app.tar.gz", "--name unknown: the blob trust policy in notation has"),
        ("", "lax", "lax: the file is called as a statement of the blob trust policy in notation"),
        ("", "others", "pass --name others if you mean that one"),
    ] {
        let said = stage.refusal(&format!("{fixed} {more} {artifact}"));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_said() {
    let signer = Signer::new(Key::p256("leaf"));
    let Some(stage) = stage(&signer, "strict", &["ca:acme"]) else { return };
    stage.0.write("app.sig", signer.envelope(Format::Jws, &about(BLOB, HashAlgorithm::Sha256)));
    stage.0.write("other.sig", "MEUCIQ==");
    stage.0.write("key.pub", "not read");
    let notation = "verify-blob --notation-config notation";
    for (arguments, expected) in [
        (format!("{notation} app.tar.gz"), "--signature"),
        (format!("{notation} --signature other.sig app.tar.gz"), "neither JWS nor COSE"),
        (format!("{notation} --signature none.sig app.tar.gz"), "--signature none.sig: cannot"),
        (format!("{notation} --policy policy.json --signature app.sig app.tar.gz"), "--policy"),
        (format!("{notation} --key key.pub --signature app.sig app.tar.gz"), "--key"),
        (format!("{notation} --staging --signature app.sig app.tar.gz"), "--staging"),
        (format!("{notation} --signature-format jws app.tar.gz"), "--signature"),
        (
            "verify-blob --key key.pub --signature app.sig --signature-format jws app.tar.gz"
                .to_owned(),
            "--signature-format is for --policy and --notation-config",
        ),
        (
            format!("{notation} --signature app.sig --certificate key.pub app.tar.gz"),
            "--certificate: a signature of Notation carries its own",
        ),
        (
            format!("{notation} --signature app.sig --rfc3161-timestamp key.pub app.tar.gz"),
            "--rfc3161-timestamp: a signature of Notation carries its own",
        ),
        (
            "verify-blob --notation-config none --signature app.sig app.tar.gz".to_owned(),
            "none: has no trustpolicy.blob.json",
        ),
    ] {
        let said = stage.refusal(&arguments);
        assert!(said.contains(expected), "{arguments}: {said}");
    }
}
