//! Requirements 47 to 49: signatures of blobs that no registry names.

use ::base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    Step,
    crypto::HashAlgorithm,
    evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    verify::Target,
    wire::{BlobRequest, BlobSignature, Bytes, Decision, Outcome, Request},
};
use serde_json::{Value, json};

use crate::support::promises::Made;
use crate::{
    draft::{Draft, Format},
    pki::{Certificate, Key},
    setup::{NOW, SIGNED_AT, Setup},
};

const BLOB: &[u8] = b"hello notation\n";

fn digest(bytes: &[u8], algorithm: HashAlgorithm) -> String {
    let target = Target {
        digest: String::new(),
        media_type: None,
        size: None,
        bytes: Some(bytes.to_vec()),
        digests: countersign::crypto::HexDigests::default(),
    };
    format!("{}{}", algorithm.prefix(), target.hash(algorithm).unwrap())
}

fn payload(digest: &str, size: usize, more: &str) -> String {
    format!(
        r#"{{"targetArtifact":{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}{more}}}}}"#
    )
}

/// An envelope about [`BLOB`] by a key of which the algorithm has this hash.
fn setup(format: Format, key: Key, algorithm: HashAlgorithm) -> Setup {
    let mut setup = Setup::signed_by(format, key);
    setup.draft.payload =
        payload(&digest(BLOB, algorithm), BLOB.len(), r#","annotations":{"build":"7"}"#)
            .into_bytes();
    setup
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

fn root() -> String {
    pem(&Certificate::authority("root", Key::p256("root")).self_signed())
}

/// Under an authority of this name, of a rule.
fn native(fields: Value) -> Value {
    let mut authority = json!({ "trust": "t", "trustedIdentities": ["*"] });
    authority.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "t": { "notation": { "ca": [root()] } } },
            "authorities": { "a": { "notation": authority } },
            "rules": [{ "blobs": ["*.txt"], "require": "a" }],
        },
    })
}

/// Under a blob trust policy document.
fn document() -> Value {
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": { "notationTrustPolicy": {
            "blobDocument": { "version": "1.0", "trustPolicies": [{
                "name": "a.txt",
                "signatureVerification": { "level": "strict" },
                "trustStores": ["ca:here"],
                "trustedIdentities": ["*"],
            }] },
            "stores": { "ca": { "here": [root()] } },
        } },
    })
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Jws => "application/jose+json",
        Format::Cose => "application/cose",
    }
}

fn blob(signatures: &[(&str, Vec<u8>)]) -> BlobRequest {
    let signature = |(media_type, bytes): &(&str, Vec<u8>)| BlobSignature {
        media_type: (*media_type).to_owned(),
        content: Bytes(bytes.clone()),
    };
    BlobRequest {
        name: "a.txt".into(),
        digests: Vec::new(),
        content: Some(Bytes(BLOB.to_vec())),
        signatures: signatures.iter().map(signature).collect(),
    }
}

fn decide(policy: &Value, blob: BlobRequest) -> Decision {
    let policy = Policy::parse(policy).unwrap();
    let request = Request { blobs: vec![blob], ..Request::default() };
    match evaluate(&policy, &request, &[], Time::from_unix(NOW), Budget::default()) {
        Step::Decision(decision) => {
            let (policy, request, now) = (&policy, &request, Time::from_unix(NOW));
            Made { policy, request, evidence: &[], now, budget: Budget::default() }
                .holds(&decision);
            *decision
        }
        Step::Need(needs) => panic!("{needs:?}"),
    }
}

fn verdict(policy: &Value, blob: BlobRequest) -> String {
    let decision = decide(policy, blob);
    match &decision.blobs[0].reason {
        Some(reason) => {
            assert_ne!(decision.outcome, Outcome::Allow);
            reason.code.as_str().to_owned()
        }
        None => {
            assert_eq!(decision.outcome, Outcome::Allow);
            "allow".to_owned()
        }
    }
}

#[test]
fn a_signature_of_a_blob_is_over_its_digest() {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    for format in [Format::Jws, Format::Cose] {
        for (key, own) in [
            (Key::p256("leaf"), Sha256),
            (Key::p384("leaf"), Sha384),
            (Key::p521("leaf"), Sha512),
            (Key::rsa(2048), Sha256),
            (Key::rsa(3072), Sha384),
            (Key::rsa(4096), Sha512),
        ] {
            for algorithm in [Sha256, Sha384, Sha512] {
                let envelope = setup(format, key.clone(), algorithm).draft.build();
                let asked = blob(&[(media_type(format), envelope)]);
                let expected = if algorithm == own { "allow" } else { "descriptor.mismatch" };
                for policy in
                    [native(json!({})), native(json!({ "profile": "compat" })), document()]
                {
                    assert_eq!(verdict(&policy, asked.clone()), expected, "{own} {algorithm}");
                }
                // The host has hashed it, and not sent it.
                let mut hashed = asked;
                hashed.content = None;
                hashed.digests = vec![digest(BLOB, Sha256)];
                let lacks = if own == Sha256 { expected } else { "evidence.hostAsserted" };
                assert_eq!(verdict(&native(json!({})), hashed.clone()), lacks);
                hashed.digests.extend([digest(BLOB, Sha384), digest(BLOB, Sha512)]);
                assert_eq!(verdict(&native(json!({})), hashed), expected);
            }
        }
    }
}

#[test]
fn what_is_not_the_blobs_is_refused() {
    let good = digest(BLOB, HashAlgorithm::Sha256);
    let other = digest(b"other", HashAlgorithm::Sha256);
    for (payload, content, expected) in [
        (payload(&good, BLOB.len(), ""), BLOB, "allow"),
        (payload(&other, BLOB.len(), ""), BLOB, "descriptor.mismatch"),
        (payload(&good, BLOB.len(), ""), b"other", "descriptor.mismatch"),
        (payload(&good, BLOB.len() + 1, ""), BLOB, "descriptor.mismatch"),
        (payload(&good.to_uppercase(), BLOB.len(), ""), BLOB, "descriptor.mismatch"),
        ("{}".to_owned(), BLOB, "payload.malformed"),
    ] {
        for format in [Format::Jws, Format::Cose] {
            let mut setup = Setup::new(format);
            setup.draft.payload = payload.clone().into_bytes();
            let mut asked = blob(&[(media_type(format), setup.draft.build())]);
            asked.content = Some(Bytes(content.to_vec()));
            // No level waives it.
            for fields in
                [json!({}), json!({ "level": "audit", "override": { "revocation": "skip" } })]
            {
                assert_eq!(verdict(&native(fields), asked.clone()), expected, "{payload}");
            }
        }
    }
}

#[test]
fn the_rest_of_a_signature_is_that_of_an_image() {
    let sha256 = HashAlgorithm::Sha256;
    let make = |change: fn(&mut Draft)| {
        let mut setup = setup(Format::Jws, Key::p256("leaf"), sha256);
        change(&mut setup.draft);
        setup.draft.build()
    };
    let jws = "application/jose+json";
    let good = || (jws, make(|_| {}));
    let metadata = |value: &str| native(json!({ "userMetadata": { "build": value } }));
    assert_eq!(verdict(&metadata("7"), blob(&[good()])), "allow");
    assert_eq!(verdict(&metadata("8"), blob(&[good()])), "metadata.mismatch");
    // The type is the host's word for the file's extension; nothing is guessed.
    let strict = native(json!({}));
    assert_eq!(verdict(&strict, blob(&[("application/cose", good().1)])), "envelope.malformed");
    assert_eq!(verdict(&strict, blob(&[("text/plain", good().1)])), "signatures.none");
    assert_eq!(verdict(&strict, blob(&[])), "signatures.none");
    // One that is broken harms no other.
    let broken = make(|draft| draft.payload_after = Some(b"{}".to_vec()));
    assert_eq!(verdict(&strict, blob(&[(jws, broken.clone())])), "signature.invalid");
    let all = [(jws, b"junk".to_vec()), ("text/plain", b"x".to_vec()), (jws, broken), good()];
    assert_eq!(verdict(&strict, blob(&all)), "allow");
    // Expired, and by nobody that is trusted.
    let expired = make(|draft| {
        use crate::draft::{EXPIRY, SCHEME, Value, field};
        draft.set(field(EXPIRY), Value::Time(SIGNED_AT + 1));
        draft.crit(&[SCHEME, EXPIRY]);
    });
    assert_eq!(verdict(&strict, blob(&[(jws, expired)])), "expiry.expired");
    let mut stranger = setup(Format::Jws, Key::p256("leaf"), sha256);
    stranger.root = Certificate::authority("root", Key::p256("stranger"));
    stranger.issue();
    assert_eq!(verdict(&strict, blob(&[(jws, stranger.draft.build())])), "authenticity.untrusted");
    // More than are looked at leave the question open.
    let many = vec![(jws, b"junk".to_vec()); 101];
    assert_eq!(verdict(&strict, blob(&many)), "budget.candidates");
}

/// A signature of a blob is none of an image, and the other way round, unless their bytes are the same.
#[test]
fn an_images_signature_is_not_a_blobs() {
    let image = Setup::new(Format::Jws).draft.build();
    let asked = blob(&[("application/jose+json", image)]);
    assert_eq!(verdict(&native(json!({})), asked), "descriptor.mismatch");
    let mut of_blob = setup(Format::Jws, Key::p256("leaf"), HashAlgorithm::Sha256);
    of_blob.target.digest = digest(BLOB, HashAlgorithm::Sha256);
    of_blob.target.size = Some(BLOB.len() as u64);
    let code = of_blob.verify().0.unwrap_err().reason.code;
    assert_eq!(code.as_str(), "descriptor.mismatch");
}

/// Requirement 62: notation-go reads none of the stores of a kind where one of them is not there. One for
/// timestamps would not be missed, as without any no timestamp is asked for.
#[test]
fn a_store_that_is_not_there_is_never_passed_over() {
    let envelope = setup(Format::Jws, Key::p256("leaf"), HashAlgorithm::Sha256).draft.build();
    let signed = blob(&[("application/jose+json", envelope)]);
    for (profile, stores, expected) in [
        ("compat", ["ca:here", "ca:here"], "allow"),
        ("compat", ["ca:here", "signingAuthority:gone"], "allow"),
        ("compat", ["ca:here", "ca:gone"], "authenticity.untrusted"),
        ("compat", ["ca:gone", "ca:here"], "authenticity.untrusted"),
        ("compat", ["ca:here", "tsa:gone"], "policy.unknownName"),
        ("spec", ["ca:here", "ca:gone"], "policy.unknownName"),
        ("spec", ["ca:here", "tsa:gone"], "policy.unknownName"),
    ] {
        let mut policy = document();
        let trust_policy = &mut policy["spec"]["notationTrustPolicy"];
        trust_policy["profile"] = profile.into();
        let statement = &mut trust_policy["blobDocument"]["trustPolicies"][0];
        statement["trustStores"] = json!(stores);
        let found = match Policy::parse(&policy) {
            Ok(_) => verdict(&policy, signed.clone()),
            Err(errors) => errors.into_iter().map(|error| error.code).collect(),
        };
        assert_eq!(found, expected, "{profile} {stores:?}");
    }
}
