use serde_json::{Value, json};

use super::*;
use crate::crypto::KeyKind;

const ARTIFACT: &[u8] = b"artifact";
const PAYLOAD: &[u8] = b"{}";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const PAE: &[u8] = b"DSSEv1 28 application/vnd.in-toto+json 2 {}";
const SIGNATURE: &[u8] = b"signature";
const CERTIFICATE: &[u8] = b"certificate";

/// SubjectPublicKeyInfo of a key on P-256 or P-384.
fn spki(kind: KeyKind) -> Vec<u8> {
    match kind {
        KeyKind::P384 => {
            let point = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
            let point = point.verifying_key().to_sec1_point(false);
            let prefix = "3076301006072a8648ce3d020106052b81040022036200";
            [unhex(prefix), point.as_bytes().to_vec()].concat()
        }
        _ => {
            let point = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
            let point = point.verifying_key().to_sec1_point(false);
            let prefix = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
            [unhex(prefix), point.as_bytes().to_vec()].concat()
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn key() -> PublicKey {
    PublicKey::from_spki_der(&spki(KeyKind::P256)).unwrap()
}

fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn pem(label: &str, der: &[u8]) -> String {
    b64(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", b64(der)).as_bytes())
}

fn sha256_of(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex(&sha256(bytes))})
}

fn hash_output(bytes: &[u8]) -> Value {
    json!({"algorithm": "SHA2_256", "digest": b64(&sha256(bytes))})
}

fn verifier_002() -> Value {
    json!({
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "x509Certificate": {"rawBytes": b64(CERTIFICATE)}
    })
}

fn envelope_json() -> String {
    as_tools_write_it(PAYLOAD_TYPE, PAYLOAD, SIGNATURE)[0].clone()
}

/// A good body of each kind; the signer has a certificate.
fn body(kind: Kind) -> Value {
    let certificate = pem("CERTIFICATE", CERTIFICATE);
    let spec = match kind {
        Kind::HashedRekord001 => json!({
            "data": {"hash": sha256_of(ARTIFACT)},
            "signature": {"content": b64(SIGNATURE), "publicKey": {"content": certificate}}
        }),
        Kind::HashedRekord002 => json!({"hashedRekordV002": {
            "data": hash_output(ARTIFACT),
            "signature": {"content": b64(SIGNATURE), "verifier": verifier_002()}
        }}),
        Kind::Dsse001 => json!({
            "envelopeHash": sha256_of(b"as it was sent"),
            "payloadHash": sha256_of(PAYLOAD),
            "signatures": [{"signature": b64(SIGNATURE), "verifier": certificate}]
        }),
        Kind::Dsse002 => json!({"dsseV002": {
            "payloadHash": hash_output(PAYLOAD),
            "signatures": [{"content": b64(SIGNATURE), "verifier": verifier_002()}]
        }}),
        Kind::Intoto001 => json!({
            "content": {
                "hash": sha256_of(envelope_json().as_bytes()),
                "payloadHash": sha256_of(PAYLOAD)
            },
            "publicKey": certificate
        }),
        Kind::Intoto002 => json!({"content": {
            "envelope": {
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"publicKey": certificate, "sig": b64(b64(SIGNATURE).as_bytes())}]
            },
            "hash": sha256_of(b"as it was sent"),
            "payloadHash": sha256_of(PAYLOAD)
        }}),
    };
    let (kind, version) = names(kind);
    json!({"kind": kind, "apiVersion": version, "spec": spec})
}

fn names(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Dsse001 => ("dsse", "0.0.1"),
        Kind::Dsse002 => ("dsse", "0.0.2"),
        Kind::HashedRekord001 => ("hashedrekord", "0.0.1"),
        Kind::HashedRekord002 => ("hashedrekord", "0.0.2"),
        Kind::Intoto001 => ("intoto", "0.0.1"),
        Kind::Intoto002 => ("intoto", "0.0.2"),
    }
}

const KINDS: [Kind; 6] = [
    Kind::Dsse001,
    Kind::Dsse002,
    Kind::HashedRekord001,
    Kind::HashedRekord002,
    Kind::Intoto001,
    Kind::Intoto002,
];

fn parse(body: &Value) -> Result<LoggedEntry, EntryError> {
    LoggedEntry::parse(body.to_string().as_bytes(), None)
}

fn message(algorithm: HashAlgorithm) -> Option<Vec<u8>> {
    Some(algorithm.digest(ARTIFACT))
}

fn dsse() -> Artifact<'static> {
    Artifact::Dsse { payload_type: PAYLOAD_TYPE, payload: PAYLOAD, pae: PAE, json: None }
}

/// What the good body of a kind is about.
fn material<'a>(kind: Kind, key: &'a PublicKey) -> Material<'a> {
    let artifact = match kind {
        Kind::HashedRekord001 | Kind::HashedRekord002 => Artifact::Message(&message),
        _ => dsse(),
    };
    let verifier = Verifier::Certificate { der: CERTIFICATE, key };
    Material { artifact, signature: SIGNATURE, verifier }
}

fn differs(body: &Value, material: &Material<'_>) -> &'static str {
    match parse(body).unwrap().binds(material, &mut Digests::default()) {
        Ok(()) => "",
        Err(difference) => {
            assert_ne!(difference.expected, difference.found, "{difference}");
            difference.field
        }
    }
}

#[test]
fn each_kind_binds_what_it_is_about() {
    let key = key();
    for kind in KINDS {
        let entry = parse(&body(kind)).unwrap();
        assert_eq!(entry.kind, kind);
        assert_eq!(entry.binds(&material(kind, &key), &mut Digests::default()), Ok(()), "{kind}");
    }
}

#[test]
fn the_claimed_kind_must_be_the_bodys() {
    for kind in KINDS {
        let body = body(kind).to_string();
        for claimed in KINDS {
            let result = LoggedEntry::parse(body.as_bytes(), Some(names(claimed)));
            assert_eq!(result.is_ok(), claimed == kind, "{kind} as {claimed}");
            if claimed != kind {
                assert!(matches!(result, Err(EntryError::Kind { .. })));
            }
        }
    }
    let mut unknown = body(Kind::HashedRekord001);
    unknown["apiVersion"] = "0.0.3".into();
    assert_eq!(parse(&unknown), Err(EntryError::Unsupported("hashedrekord 0.0.3".into())));
    // The content of one kind under the name of another.
    for (name, content) in KINDS.iter().flat_map(|a| KINDS.iter().map(move |b| (*a, *b))) {
        let mut mixed = body(content);
        mixed["kind"] = names(name).0.into();
        mixed["apiVersion"] = names(name).1.into();
        assert_eq!(parse(&mixed).is_ok(), name == content, "{content} as {name}");
    }
}

#[test]
fn each_kind_is_about_one_artifact_signature_and_certificate() {
    let key = key();
    let other_key = PublicKey::from_spki_der(&spki(KeyKind::P384)).unwrap();
    let other_message = |algorithm: HashAlgorithm| Some(algorithm.digest(b"other"));
    for kind in KINDS {
        let body = body(kind);
        let good = material(kind, &key);
        let signed = matches!(kind, Kind::HashedRekord001 | Kind::HashedRekord002);

        let other = match good.artifact {
            Artifact::Message(_) => Artifact::Message(&other_message),
            Artifact::Dsse { .. } => Artifact::Dsse {
                payload_type: PAYLOAD_TYPE,
                payload: b"{ }",
                pae: b"DSSEv1 28 application/vnd.in-toto+json 3 { }",
                json: None,
            },
        };
        let field = if signed { "artifact digest" } else { "payload digest" };
        assert_eq!(differs(&body, &Material { artifact: other, ..good }), field, "{kind}");

        let field = if kind == Kind::Intoto001 { "envelope digest" } else { "signature" };
        assert_eq!(differs(&body, &Material { signature: b"other", ..good }), field, "{kind}");
        assert_eq!(differs(&body, &Material { signature: b"", ..good }), field, "{kind}");

        let verifier = Verifier::Certificate { der: b"other", key: &key };
        assert_eq!(differs(&body, &Material { verifier, ..good }), "certificate", "{kind}");
        let verifier = Verifier::Key(&key);
        assert_eq!(differs(&body, &Material { verifier, ..good }), "verifier", "{kind}");

        let verifier = Verifier::Certificate { der: CERTIFICATE, key: &other_key };
        let field = if kind.is_rekor_v2() { "key details" } else { "" };
        assert_eq!(differs(&body, &Material { verifier, ..good }), field, "{kind}");

        // A message is not logged as an envelope. An envelope may be logged by what is signed.
        let artifact = if signed { dsse() } else { Artifact::Message(&message) };
        let field = if signed { "envelope digest" } else { "kind" };
        assert_eq!(differs(&body, &Material { artifact, ..good }), field, "{kind}");
    }
}

#[test]
fn an_envelope_may_be_logged_by_the_hash_of_what_is_signed() {
    let key = key();
    let good = Material { artifact: dsse(), ..material(Kind::HashedRekord002, &key) };
    let mut entry = body(Kind::HashedRekord002);
    entry["spec"]["hashedRekordV002"]["data"] = hash_output(PAE);
    assert_eq!(differs(&entry, &good), "");
    entry["spec"]["hashedRekordV002"]["data"] = hash_output(PAYLOAD);
    assert_eq!(differs(&entry, &good), "envelope digest");
    let mut entry = body(Kind::HashedRekord001);
    entry["spec"]["data"]["hash"] = sha256_of(PAE);
    assert_eq!(differs(&entry, &good), "");
}

#[test]
fn keys_are_bound_by_their_encoding() {
    let key = key();
    let other = PublicKey::from_spki_der(&spki(KeyKind::P384)).unwrap();
    let raw = spki(KeyKind::P256);
    for kind in KINDS {
        let mut entry = body(kind);
        let spec = &mut entry["spec"];
        let text = Value::from(pem("PUBLIC KEY", &raw));
        let public_key = json!({
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "publicKey": {"rawBytes": b64(&raw)}
        });
        match kind {
            Kind::HashedRekord001 => spec["signature"]["publicKey"]["content"] = text,
            Kind::HashedRekord002 => {
                spec["hashedRekordV002"]["signature"]["verifier"] = public_key;
            }
            Kind::Dsse001 => spec["signatures"][0]["verifier"] = text,
            Kind::Dsse002 => spec["dsseV002"]["signatures"][0]["verifier"] = public_key,
            Kind::Intoto001 => spec["publicKey"] = text,
            Kind::Intoto002 => spec["content"]["envelope"]["signatures"][0]["publicKey"] = text,
        }
        let good = Material { verifier: Verifier::Key(&key), ..material(kind, &key) };
        assert_eq!(differs(&entry, &good), "", "{kind}");
        let bad = Material { verifier: Verifier::Key(&other), ..good };
        assert_eq!(differs(&entry, &bad), "public key", "{kind}");
        let bad = Material { verifier: Verifier::Certificate { der: &raw, key: &key }, ..good };
        assert_eq!(differs(&entry, &bad), "verifier", "{kind}");
    }
}

#[test]
fn labels_of_hashes_count() {
    let key = key();
    // The right digest in another algorithm is about the same artifact in Rekor v1, where the
    // label says what was signed; in Rekor v2 the key's label has to agree.
    let mut entry = body(Kind::HashedRekord001);
    let sha512 = HashAlgorithm::Sha512.digest(ARTIFACT);
    entry["spec"]["data"]["hash"] = json!({"algorithm": "sha512", "value": hex(&sha512)});
    assert_eq!(differs(&entry, &material(Kind::HashedRekord001, &key)), "");
    assert_eq!(parse(&entry).unwrap().signature_hash(), Some(HashAlgorithm::Sha512));

    let mut entry = body(Kind::HashedRekord002);
    entry["spec"]["hashedRekordV002"]["data"] =
        json!({"algorithm": "SHA2_512", "digest": b64(&sha512)});
    assert_eq!(differs(&entry, &material(Kind::HashedRekord002, &key)), "key details");

    // A digest that is not at hand in that algorithm.
    let only_sha512 = |algorithm| (algorithm == HashAlgorithm::Sha512).then(|| sha512.clone());
    let material = Material {
        artifact: Artifact::Message(&only_sha512),
        ..material(Kind::HashedRekord001, &key)
    };
    assert_eq!(differs(&body(Kind::HashedRekord001), &material), "hash algorithm");

    for (algorithm, value) in [
        ("sha512", hex(&sha256(ARTIFACT))),
        ("sha256", hex(&sha512)),
        ("sha256", hex(&sha256(ARTIFACT)[..31])),
        ("sha256", String::new()),
        ("sha256", "zz".repeat(32)),
        ("sha256", format!("{}0", hex(&sha256(ARTIFACT)))),
        ("sha1", "00".repeat(20)),
        ("SHA2_256", hex(&sha256(ARTIFACT))),
        ("SHA256", hex(&sha256(ARTIFACT))),
        ("", hex(&sha256(ARTIFACT))),
    ] {
        let mut entry = body(Kind::HashedRekord001);
        entry["spec"]["data"]["hash"] = json!({"algorithm": algorithm, "value": value});
        assert!(matches!(parse(&entry), Err(EntryError::Field(_))), "{algorithm} {value}");
    }
    for (algorithm, digest) in [
        ("SHA2_512", b64(&sha256(ARTIFACT))),
        ("SHA3_256", b64(&sha256(ARTIFACT))),
        ("sha256", b64(&sha256(ARTIFACT))),
        ("HASH_ALGORITHM_UNSPECIFIED", b64(&sha256(ARTIFACT))),
        ("SHA2_256", hex(&sha256(ARTIFACT))),
        ("SHA2_256", String::new()),
    ] {
        let mut entry = body(Kind::HashedRekord002);
        entry["spec"]["hashedRekordV002"]["data"] =
            json!({"algorithm": algorithm, "digest": digest});
        assert!(matches!(parse(&entry), Err(EntryError::Field(_))), "{algorithm} {digest}");
    }
}

#[test]
fn labels_of_keys_must_fit_the_key_and_the_hash() {
    let key = key();
    for (label, field) in [
        ("PKIX_ECDSA_P256_SHA_256", ""),
        ("PKIX_ECDSA_P384_SHA_384", "key details"),
        ("PKIX_ECDSA_P384_SHA_256", "key details"),
        ("PKIX_ED25519", "key details"),
        ("PKIX_RSA_PKCS1V15_2048_SHA256", "key details"),
    ] {
        let mut entry = body(Kind::HashedRekord002);
        entry["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] = label.into();
        assert_eq!(differs(&entry, &material(Kind::HashedRekord002, &key)), field, "{label}");
        let mut entry = body(Kind::Dsse002);
        entry["spec"]["dsseV002"]["signatures"][0]["verifier"]["keyDetails"] = label.into();
        assert_eq!(differs(&entry, &material(Kind::Dsse002, &key)), field, "{label}");
    }
    for label in ["", "PKCS1_RSA_PKCS1V5", "ML_DSA_65", "PUBLIC_KEY_DETAILS_UNSPECIFIED"] {
        let mut entry = body(Kind::HashedRekord002);
        entry["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] = label.into();
        assert_eq!(parse(&entry), Err(EntryError::Field("key details")), "{label}");
    }
    // P-384 signs with either hash, and the digest follows.
    let p384 = PublicKey::from_spki_der(&spki(KeyKind::P384)).unwrap();
    let verifier = Verifier::Certificate { der: CERTIFICATE, key: &p384 };
    for (label, algorithm, hash) in [
        ("PKIX_ECDSA_P384_SHA_384", "SHA2_384", HashAlgorithm::Sha384),
        ("PKIX_ECDSA_P384_SHA_256", "SHA2_256", HashAlgorithm::Sha256),
    ] {
        let mut entry = body(Kind::HashedRekord002);
        let spec = &mut entry["spec"]["hashedRekordV002"];
        spec["signature"]["verifier"]["keyDetails"] = label.into();
        spec["data"] = json!({"algorithm": algorithm, "digest": b64(&hash.digest(ARTIFACT))});
        let material = Material { verifier, ..material(Kind::HashedRekord002, &key) };
        assert_eq!(differs(&entry, &material), "", "{label}");
        assert_eq!(parse(&entry).unwrap().signature_hash(), Some(hash));
    }
}

#[test]
fn an_entry_has_exactly_one_signature() {
    let key = key();
    for (kind, list) in [
        (Kind::Dsse001, "/spec/signatures"),
        (Kind::Dsse002, "/spec/dsseV002/signatures"),
        (Kind::Intoto002, "/spec/content/envelope/signatures"),
    ] {
        let mut entry = body(kind);
        let one = entry.pointer(list).unwrap()[0].clone();
        *entry.pointer_mut(list).unwrap() = json!([one, one]);
        assert_eq!(differs(&entry, &material(kind, &key)), "number of signatures", "{kind}");
        *entry.pointer_mut(list).unwrap() = json!([]);
        assert_eq!(parse(&entry), Err(EntryError::Field("list of signatures")), "{kind}");
        *entry.pointer_mut(list).unwrap() = vec![one; 17].into();
        assert_eq!(parse(&entry), Err(EntryError::Field("list of signatures")), "{kind}");
    }
}

#[test]
fn an_entry_without_the_signature_binds_the_envelope_as_it_was_sent() {
    let key = key();
    let good = material(Kind::Intoto001, &key);
    let mut entry = body(Kind::Intoto001);
    let sent = b"{\"an envelope\": \"with other white space\"}";
    entry["spec"]["content"]["hash"] = sha256_of(sent);
    assert_eq!(differs(&entry, &good), "envelope digest");
    let with = |json| {
        let artifact = Artifact::Dsse {
            payload_type: PAYLOAD_TYPE,
            payload: PAYLOAD,
            pae: PAE,
            json: Some(json),
        };
        Material { artifact, ..good }
    };
    assert_eq!(differs(&entry, &with(sent)), "");
    assert_eq!(differs(&entry, &with(b"other")), "envelope digest");
    let without_key_id = as_tools_write_it(PAYLOAD_TYPE, PAYLOAD, SIGNATURE)[1].clone();
    entry["spec"]["content"]["hash"] = sha256_of(without_key_id.as_bytes());
    assert_eq!(differs(&entry, &good), "");
    // Old entries have no digest of the payload.
    entry["spec"]["content"].as_object_mut().unwrap().remove("payloadHash");
    assert_eq!(differs(&entry, &good), "");
    let other = Artifact::Dsse { payload_type: "x", payload: PAYLOAD, pae: PAE, json: None };
    assert_eq!(differs(&entry, &Material { artifact: other, ..good }), "envelope digest");
}

#[test]
fn a_logged_payload_type_counts() {
    let key = key();
    let mut entry = body(Kind::Intoto002);
    entry["spec"]["content"]["envelope"]["payloadType"] = "text/plain".into();
    assert_eq!(differs(&entry, &material(Kind::Intoto002, &key)), "payload type");
}

#[test]
fn bodies_that_are_not_whole_are_refused() {
    for kind in KINDS {
        let whole = body(kind);
        let mut paths = Vec::new();
        collect(&whole, String::new(), &mut paths);
        for path in paths {
            // Rekor made them, and nothing is compared with them.
            let optional = ["/spec/content/payloadHash", "/spec/content/hash"].contains(&&*path);
            let (parent, member) = path.rsplit_once('/').unwrap();
            let mut without = whole.clone();
            match without.pointer_mut(parent).unwrap() {
                Value::Object(map) => drop(map.remove(member)),
                Value::Array(list) => list.clear(),
                _ => unreachable!(),
            }
            if !optional {
                assert!(parse(&without).is_err(), "{kind} without {path}");
            }
            for wrong in [Value::Null, json!(1), json!({}), json!([]), json!(""), json!("*")] {
                let mut changed = whole.clone();
                *changed.pointer_mut(&path).unwrap() = wrong.clone();
                let harmless = path.ends_with("/payloadType") || (optional && wrong.is_null());
                assert!(parse(&changed).is_err() || harmless, "{kind} with {path} = {wrong}");
            }
        }
    }
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    let members: Vec<_> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => return,
    };
    for (name, member) in members {
        let path = format!("{path}/{name}");
        paths.push(path.clone());
        collect(member, path, paths);
    }
}

#[test]
fn bodies_are_strict_json_and_bounded() {
    let good = body(Kind::HashedRekord001).to_string();
    let twice = good.replacen('{', r#"{"kind":"hashedrekord","#, 1);
    let more = good.replacen('{', r#"{"more":1,"#, 1);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [&twice, &more, &deep, &format!("{good}x"), &String::new()] {
        let result = LoggedEntry::parse(text.as_bytes(), None);
        assert!(matches!(result, Err(EntryError::Json(_))), "{result:?}");
    }
    let large = " ".repeat((1 << 20) + 1);
    let result = LoggedEntry::parse(large.as_bytes(), None);
    assert_eq!(result, Err(EntryError::TooLarge((1 << 20) + 1)));
    // Unknown members: protobuf's reader refuses them, Rekor v1's does not.
    let mut entry = body(Kind::HashedRekord002);
    entry["spec"]["hashedRekordV002"]["data"]["more"] = json!(1);
    assert!(matches!(parse(&entry), Err(EntryError::Json(_))));
    let mut entry = body(Kind::HashedRekord002);
    entry["spec"]["dsseV002"] = body(Kind::Dsse002)["spec"]["dsseV002"].clone();
    assert!(matches!(parse(&entry), Err(EntryError::Json(_))), "two of one");
    let mut entry = body(Kind::HashedRekord001);
    entry["spec"]["data"]["more"] = json!(1);
    assert!(parse(&entry).is_ok());
}

#[test]
fn verifiers_of_rekor_v1_are_pem() {
    let with = |content: String| {
        let mut entry = body(Kind::HashedRekord001);
        entry["spec"]["signature"]["publicKey"]["content"] = content.into();
        parse(&entry)
    };
    let plain = |der: &[u8]| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", b64(der))
    };
    // The first of a chain is the signer's.
    let chain = plain(CERTIFICATE) + &plain(b"issuer");
    let entry = with(b64(chain.as_bytes())).unwrap();
    let first = LoggedVerifier::Certificate(CERTIFICATE.to_vec());
    assert_eq!(entry.signatures[0].verifier, first);
    for bad in [
        b64(CERTIFICATE),
        plain(CERTIFICATE),
        pem("PRIVATE KEY", CERTIFICATE),
        pem("RSA PUBLIC KEY", CERTIFICATE),
        b64(plain(CERTIFICATE).repeat(11).as_bytes()),
        b64(&[0xff, 0xfe]),
    ] {
        assert_eq!(with(bad.clone()), Err(EntryError::Field("verifier")), "{bad}");
    }
    let both = body(Kind::HashedRekord002);
    for verifier in [
        json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256"}),
        json!({
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "publicKey": {"rawBytes": "AAAA"},
            "x509Certificate": {"rawBytes": "AAAA"}
        }),
    ] {
        let mut entry = both.clone();
        entry["spec"]["hashedRekordV002"]["signature"]["verifier"] = verifier;
        assert_eq!(parse(&entry), Err(EntryError::Field("verifier")));
    }
}
