//! Attacks by who can push to the repository, by the registry, and by who writes the workload.
//! Each is named by what must hold.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]
#![allow(dead_code, reason = "each attack takes what it needs")]

#[path = "support/notation_draft.rs"]
mod draft;
#[path = "support/notation_pki.rs"]
mod pki;
mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    Step,
    admission::{self, Admission},
    evaluate,
    evidence::Budget,
    policy::{Glob, Policy},
    reference::{Digest, Reference},
    time::Time,
    verdict::Code,
    wire::{
        Answer, Bytes, Decision, EvidenceItem, Fetch, ImageRequest, Outcome, Request,
        UnavailableReason,
    },
};
use pki::{Certificate, Form, Key, der};
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T03:00:00Z";
const REPOSITORY: &str = "ghcr.io/acme/app";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// A registry with one repository, whatever name it is asked by.
#[derive(Clone, Default)]
struct World {
    objects: BTreeMap<String, Vec<u8>>,
    tags: BTreeMap<String, Vec<u8>>,
    /// Descriptors by subject; without the API where `None`.
    referrers: BTreeMap<String, Vec<Value>>,
    /// Layers of `.sig` and `.att`.
    layers: BTreeMap<String, Vec<Value>>,
}

impl World {
    /// With an image under the tag `1`.
    fn new() -> (Self, String) {
        Self::with_image("an image")
    }

    fn with_image(name: &str) -> (Self, String) {
        let mut world = Self::default();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(name.as_bytes()), "size": 2 },
            "layers": [],
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = world.put(&bytes);
        world.tags.insert("1".into(), bytes);
        (world, digest)
    }

    fn put(&mut self, bytes: &[u8]) -> String {
        let digest = digest_of(bytes);
        self.objects.insert(digest.clone(), bytes.to_vec());
        digest
    }

    fn layer(&mut self, image: &str, suffix: &str, layer: Value) {
        let tag = format!("{}.{suffix}", image.replace(':', "-"));
        let layers = self.layers.entry(tag.clone()).or_default();
        layers.push(layer);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "digest": digest_of(b"{}"), "size": 2 }, "layers": layers,
        });
        self.tags.insert(tag, manifest.to_string().into_bytes());
    }

    /// A legacy signature.
    fn simple_signing(&mut self, image: &str, payload: &[u8], signature: &[u8], more: &Value) {
        let digest = self.put(payload);
        let mut annotations = json!({
            "dev.cosignproject.cosign/signature": STANDARD.encode(signature) });
        if let (Some(all), Some(more)) = (annotations.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        let layer = json!({ "mediaType": SIMPLE_SIGNING, "digest": digest,
            "size": payload.len(), "annotations": annotations });
        self.layer(image, "sig", layer);
    }

    /// A legacy attestation.
    fn attestation(&mut self, image: &str, envelope: &Value) {
        let bytes = envelope.to_string().into_bytes();
        let digest = self.put(&bytes);
        let layer = json!({ "mediaType": DSSE, "digest": digest, "size": bytes.len() });
        self.layer(image, "att", layer);
    }

    /// A referrer with one layer.
    fn refer(&mut self, image: &str, artifact_type: &str, media_type: &str, blob: &[u8]) -> String {
        let layer = self.put(blob);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": digest_of(b"{}"), "size": 2 },
            "layers": [{ "mediaType": media_type, "digest": layer, "size": blob.len() }],
            "subject": { "mediaType": MANIFEST, "digest": image, "size": 1 },
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = self.put(&bytes);
        self.referrers.entry(image.to_owned()).or_default().push(json!({
            "mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": artifact_type }));
        digest
    }

    fn bundle(&mut self, image: &str, bundle: &Value) -> String {
        self.refer(image, BUNDLE, BUNDLE, bundle.to_string().as_bytes())
    }

    fn answer(&self, fetch: &Fetch) -> Answer {
        let found = |bytes: Option<&Vec<u8>>| match bytes {
            Some(bytes) => found(bytes.clone()),
            None => Answer::Absent { message: String::new() },
        };
        match fetch {
            Fetch::Resolve { reference } => {
                match reference.rsplit_once(':').and_then(|(_, tag)| self.tags.get(tag)) {
                    Some(bytes) => Answer::Resolved { digest: digest_of(bytes) },
                    None => Answer::Absent { message: String::new() },
                }
            }
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => {
                found(self.objects.get(digest))
            }
            Fetch::Tag { tag, .. } => found(self.tags.get(tag)),
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => Answer::Absent { message: String::new() },
            Fetch::Referrers { digest, .. } => {
                let list = self.referrers.get(digest).cloned().unwrap_or_default();
                let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": list });
                found(Some(&index.to_string().into_bytes()))
            }
        }
    }

    fn decide(&self, policy: &Policy, request: &Request) -> Decision {
        support::decide(policy, request, NOW, |fetch| self.answer(fetch)).0
    }

    /// The decision on the image by digest.
    fn judge(&self, spec: &Value, image: &str) -> Decision {
        let request = support::request(&format!("{REPOSITORY}@{image}"));
        self.decide(&policy(spec), &request)
    }
}

fn found(bytes: Vec<u8>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
}

fn digest_of(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

fn policy(spec: &Value) -> Policy {
    let document = json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy",
        "spec": spec });
    Policy::parse(&document).unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn keyed(key: &Key) -> Value {
    json!({ "cosign": { "keys": [pem("PUBLIC KEY", &key.spki())] } })
}

/// All images need `tree`.
fn needs(authorities: &Value, tree: &Value) -> Value {
    json!({ "authorities": authorities, "rules": [{ "images": ["**"], "require": tree }] })
}

fn by_signer(key: &Key) -> Value {
    needs(&json!({ "signer": keyed(key) }), &json!("signer"))
}

fn code(decision: &Decision) -> String {
    let reason = decision.images.first().and_then(|i| i.reason.as_ref());
    reason.map(|r| r.code.to_string()).unwrap_or_default()
}

fn payload(image: &str) -> Vec<u8> {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"{REPOSITORY}"}},"image":{{"docker-manifest-digest":"{image}"}},"type":"cosign container image signature"}},"optional":null}}"#
    )
    .into_bytes()
}

fn form_of(key: &Key) -> Form {
    if matches!(key, Key::Rsa(_)) { Form::Pkcs1 } else { Form::Der }
}

fn statement(image: &str, predicate_type: &str) -> Value {
    let hex = image.split_once(':').unwrap().1;
    json!({ "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "x", "digest": { "sha256": hex } }],
        "predicateType": predicate_type, "predicate": {} })
}

fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn envelope(payload: &[u8], key: &Key) -> Value {
    let signature = key.sign(&pae(IN_TOTO, payload), form_of(key));
    json!({ "payloadType": IN_TOTO, "payload": STANDARD.encode(payload),
        "signatures": [{ "sig": STANDARD.encode(signature) }] })
}

fn dsse_bundle(envelope: &Value) -> Value {
    json!({ "mediaType": BUNDLE, "verificationMaterial": { "publicKey": { "hint": "" } },
        "dsseEnvelope": envelope })
}

fn message_bundle(message: &[u8], key: &Key) -> Value {
    json!({ "mediaType": BUNDLE, "verificationMaterial": { "publicKey": { "hint": "" } },
        "messageSignature": { "signature": STANDARD.encode(key.sign(message, form_of(key))) } })
}

/// A message signature with a certificate chain.
fn certified_bundle(message: &[u8], key: &Key, chain: &[Vec<u8>]) -> Value {
    let certificates: Vec<Value> =
        chain.iter().map(|c| json!({ "rawBytes": STANDARD.encode(c) })).collect();
    let mut bundle = message_bundle(message, key);
    bundle["verificationMaterial"] =
        json!({ "x509CertificateChain": { "certificates": certificates } });
    bundle
}

/// subjectAltName with one name: 0x81 for an e-mail address, 0x82 for DNS, 0x86 for a URI.
fn san(tag: u8, name: &str) -> (&'static str, bool, Vec<u8>) {
    ("2.5.29.17", false, der::sequence(&[der::tlv(tag, name.as_bytes())]))
}

fn leaf(key: &Key, name: (&'static str, bool, Vec<u8>)) -> Certificate {
    Certificate { extensions: vec![name], ..Certificate::leaf("leaf", key.clone()) }
}

/// An own CA whose leaf for `release@acme.example` signs.
fn own_ca(roots: &[Vec<u8>], subject: &Value) -> Value {
    let roots: Vec<String> = roots.iter().map(|r| pem("CERTIFICATE", r)).collect();
    json!({
        "trust": { "ca": { "x509": { "roots": roots } } },
        "authorities": { "signer": { "cosign": { "trust": "ca", "certificate": subject } } },
        "rules": [{ "images": ["**"], "require": "signer" }],
    })
}

const RELEASE: &str = "release@acme.example";

fn release() -> Value {
    json!({ "subject": RELEASE })
}

fn pod(references: &[&str]) -> Value {
    let containers: Vec<Value> = references
        .iter()
        .enumerate()
        .map(|(i, image)| json!({ "name": format!("c{i}"), "image": image }))
        .collect();
    json!({ "operation": "CREATE", "kind": { "kind": "Pod" },
        "object": { "kind": "Pod", "spec": { "containers": containers } } })
}

fn asked(request: &Value) -> Request {
    match admission::read(request, &admission::Kinds::default(), true) {
        Ok(Admission::Judge(request)) => *request,
        other => panic!("{other:?}"),
    }
}

mod references {
    use super::*;

    /// What a host, a node or a patch reads out of the normal form is what was judged.
    #[test]
    fn the_normal_form_read_again_is_the_same_repository() {
        let mut wrong = Vec::new();
        for text in [
            "nginx",
            "acme/app:1",
            "ACME/app:1",
            "Acme/app:1",
            "acme:443/app:1",
            "docker.io:443/nginx",
            "INDEX.docker.io/acme/app",
            "LOCALHOST/app:1",
            "localhost:443/app:1",
            "GHCR.io:443/a/b",
            "[::1]:443/app",
        ] {
            let Ok(read) = Reference::parse(text) else {
                continue;
            };
            let again = Reference::parse(&read.to_string());
            if again.as_ref() != Ok(&read) {
                wrong.push(format!("{text} -> {read} -> {again:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// What admission lets run matches the rules of its own name.
    #[test]
    fn a_pinned_image_is_judged_by_the_rules_of_its_name() {
        let (lax, strict) = (Key::p256("lax"), Key::p256("strict"));
        let (mut world, image) = World::new();
        world.simple_signing(
            &image,
            &payload(&image),
            &lax.sign(&payload(&image), Form::Der),
            &json!({}),
        );
        let policy = policy(&json!({
            "authorities": { "lax": keyed(&lax), "strict": keyed(&strict) },
            "rules": [
                { "images": ["**"], "require": "lax" },
                { "images": ["docker.io/**"], "require": "strict" },
                { "images": ["docker.io/acme/**"], "require": "strict" },
            ],
        }));
        for text in ["acme/app:1", "ACME/app:1", "acme:443/app:1"] {
            let request = pod(&[text]);
            if Reference::parse(text).is_err() {
                continue;
            }
            let decision = world.decide(&policy, &asked(&request));
            if decision.outcome == Outcome::Allow {
                let runs = admission::patched(&request["object"], &decision.patches).unwrap();
                let runs = runs.pointer("/spec/containers/0/image").unwrap().as_str().unwrap();
                let name = Reference::parse(runs).unwrap();
                assert_ne!(name.registry, "docker.io", "{text}: {runs} runs without `strict`");
            }
        }
    }

    #[test]
    fn a_glob_over_docker_hub_covers_all_of_it() {
        for name in ["docker.io/library/nginx", "docker.io/acme/app"] {
            for glob in ["docker.io/**", "index.docker.io/**", "docker.io/**/*"] {
                assert!(Glob::parse(glob).unwrap().matches(name), "{glob} {name}");
            }
        }
    }

    #[test]
    fn a_denial_of_docker_hub_denies_all_of_it() {
        let (world, image) = World::new();
        let policy = policy(&json!({ "rules": [
            { "images": ["**"], "static": "allow" },
            { "images": ["docker.io/**"], "static": "deny" },
        ] }));
        for name in ["nginx", "acme/app", "docker.io/acme/app", "index.docker.io/acme/app"] {
            let decision = world.decide(&policy, &support::request(&format!("{name}@{image}")));
            assert_eq!(decision.outcome, Outcome::Deny, "{name}");
        }
    }

    /// `0443` is 443 to every client.
    #[test]
    fn a_port_has_one_spelling() {
        for text in ["ghcr.io:0443/a/b", "ghcr.io:00443/a/b", "ghcr.io:0/a/b", "ghcr.io:65979/a/b"]
        {
            if let Ok(read) = Reference::parse(text) {
                assert_eq!(read.registry, "ghcr.io", "{text}");
            }
        }
        let one = Reference::parse("localhost:5000/a").unwrap();
        let read = Reference::parse("localhost:05000/a");
        assert!(read.is_err() || read == Ok(one), "{read:?}");
    }

    #[test]
    fn an_ipv6_address_has_one_spelling() {
        let one = Reference::parse("[::1]:5000/a").unwrap();
        for text in ["[0:0:0:0:0:0:0:1]:5000/a", "[::0001]:5000/a", "[0::1]:5000/a"] {
            let read = Reference::parse(text);
            assert!(read.is_err() || read == Ok(one.clone()), "{text}: {read:?}");
        }
    }

    #[test]
    fn what_a_node_would_read_in_another_way_is_refused() {
        let image = digest_of(b"x");
        for text in [
            " ghcr.io/acme/app",
            "ghcr.io/acme/app ",
            "ghcr.io/acme/app\n",
            "ghcr.io./acme/app",
            "https://ghcr.io/acme/app",
            "user@ghcr.io/acme/app",
            "ghcr.io/acme/app?x",
            "ghcr.io/acme/%61pp",
            "ghcr.io/acme/../evil/app",
            "ghcr.io//acme/app",
            "ghcr.io/acme/app/",
            "ghcr.io/ACME/app",
            "ghcr.io/acme/app:1:2",
            "ghcr.io/acme/\u{430}pp",
            "",
            ":",
            "@",
        ] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
        for digest in [
            image.to_uppercase(),
            image.replace("sha256", "SHA256"),
            image.replace("sha256", "sha512"),
            image.replace("sha256", "md5"),
            format!("{image}0"),
            format!("sha256:../{}", "0".repeat(61)),
            format!("{image}@{image}"),
        ] {
            assert!(Reference::parse(&format!("ghcr.io/a/b@{digest}")).is_err(), "{digest}");
        }
    }

    /// Short names, aliases, case and default ports are one image.
    #[test]
    fn no_alias_escapes_a_rule() {
        let (world, image) = World::new();
        let policy = policy(&json!({ "unmatched": "allow", "rules": [
            { "images": ["docker.io/library/*"], "static": "deny" },
            { "images": ["ghcr.io/acme/**"], "static": "deny" },
        ] }));
        for name in [
            "nginx",
            "library/nginx",
            "docker.io/nginx",
            "DOCKER.IO/nginx",
            "docker.io:443/nginx",
            "index.docker.io/library/nginx",
            "registry-1.docker.io/nginx",
            "ghcr.io/acme/app",
            "GHCR.IO/acme/app",
            "ghcr.io:443/acme/a/b",
        ] {
            for text in [format!("{name}:1@{image}"), format!("{name}@{image}"), name.into()] {
                let decision = world.decide(&policy, &support::request(&text));
                assert_eq!(decision.outcome, Outcome::Deny, "{text}");
            }
        }
    }
}

mod types {
    use super::*;

    /// The good ones are good, so that the others fail for their own reason.
    #[test]
    fn a_signature_of_each_kind_is_accepted() {
        let key = Key::p256("k");
        let spec = by_signer(&key);
        let (world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let mut legacy = world.clone();
        let payload = payload(&image);
        legacy.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &json!({}));
        let mut dsse = world.clone();
        let signed = statement(&image, SIGN).to_string();
        dsse.bundle(&image, &dsse_bundle(&envelope(signed.as_bytes(), &key)));
        let mut message = world;
        message.bundle(&image, &message_bundle(&manifest, &key));
        for world in [legacy, dsse, message] {
            assert_eq!(world.judge(&spec, &image).outcome, Outcome::Allow);
        }
    }

    #[test]
    fn a_signature_counts_for_its_own_image_only() {
        let key = Key::p256("k");
        let spec = by_signer(&key);
        let (other_world, other) = World::with_image("another image");
        let (mut world, image) = World::new();
        let payload = payload(&other);
        world.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &json!({}));
        let signed = statement(&other, SIGN).to_string();
        world.bundle(&image, &dsse_bundle(&envelope(signed.as_bytes(), &key)));
        world.bundle(&image, &message_bundle(&other_world.objects[&other], &key));
        let decision = world.judge(&spec, &image);
        assert_eq!(decision.outcome, Outcome::Deny);
    }

    #[test]
    fn an_attestation_is_no_signature_and_a_signature_no_attestation() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let said = statement(&image, VULN).to_string();
        world.attestation(&image, &envelope(said.as_bytes(), &key));
        world.bundle(&image, &dsse_bundle(&envelope(said.as_bytes(), &key)));
        assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Deny);

        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let signed = statement(&image, SIGN).to_string();
        world.attestation(&image, &envelope(signed.as_bytes(), &key));
        world.bundle(&image, &dsse_bundle(&envelope(signed.as_bytes(), &key)));
        world.bundle(&image, &message_bundle(&manifest, &key));
        let payload = payload(&image);
        world.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &json!({}));
        for kind in ["vuln", "spdx", "https://sigstore.dev/cosign/sign/v2"] {
            let tree = json!({ "attestation": { "type": kind, "signedBy": "signer" } });
            let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
            assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny, "{kind}");
        }
    }

    #[test]
    fn an_attestation_of_another_type_does_not_count() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let said = statement(&image, VULN).to_string();
        world.attestation(&image, &envelope(said.as_bytes(), &key));
        world.bundle(&image, &dsse_bundle(&envelope(said.as_bytes(), &key)));
        let wants = |kind: &str| {
            let tree = json!({ "attestation": { "type": kind, "signedBy": "signer" } });
            needs(&json!({ "signer": keyed(&key) }), &tree)
        };
        assert_eq!(world.judge(&wants("vuln"), &image).outcome, Outcome::Allow);
        let decision = world.judge(&wants("spdx"), &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Deny, "attestation.type".into()));
    }

    /// Each of these is signed well by the right key.
    #[test]
    fn what_is_signed_well_and_is_not_what_it_should_be_does_not_count() {
        let key = Key::p256("k");
        let (world, image) = World::new();
        let hex = image.split_once(':').unwrap().1.to_owned();
        let good = String::from_utf8(payload(&image)).unwrap();
        let kind = "cosign container image signature";
        let other = "0".repeat(64);
        let payloads = [
            good.replace(kind, "atomic container signature"),
            good.replace(kind, ""),
            good.replace(kind, "Cosign container image signature"),
            good.replace(&hex, &hex.to_uppercase()),
            good.replace(&hex, &other),
            good.replace("\"optional\":null", "\"optional\":null,\"critical\":{}"),
            good.replace(
                "\"docker-manifest-digest\"",
                &format!(
                    "\"docker-manifest-digest\":\"sha256:{other}\",\"docker-manifest-digest\""
                ),
            ),
            good.replace(
                "\"docker-manifest-digest\"",
                &format!(
                    "\"docker-manifest-digest\":\"sha256:{other}\",\"docker-manifest-d\\u0069gest\""
                ),
            ),
            format!("{good} {{}}"),
            format!("\u{feff}{good}"),
            good.replace("\"critical\"", "\"Critical\""),
            format!("[{good}]"),
        ];
        for payload in payloads {
            let mut world = world.clone();
            let signature = key.sign(payload.as_bytes(), Form::Der);
            world.simple_signing(&image, payload.as_bytes(), &signature, &json!({}));
            let decision = world.judge(&by_signer(&key), &image);
            assert_eq!(decision.outcome, Outcome::Deny, "{payload}");
        }
        let good = statement(&image, VULN).to_string();
        let statements = [
            good.replace("Statement/v1", "Statement/v2"),
            good.replace("Statement/v1", "statement/v1"),
            good.replace(&hex, &other),
            good.replace(&hex, &hex.to_uppercase()),
            good.replace("\"sha256\"", "\"sha256\":\"00\",\"sha256\""),
            good.replace("\"sha256\"", "\"SHA256\""),
            good.replace("\"sha256\"", &format!("\"sha512\":\"{other}{other}\",\"sha256\"")),
            good.replace("\"predicateType\"", "\"predicateType\":\"x:y\",\"predicateType\""),
            good.replace("\"subject\"", "\"subjects\""),
            format!("{good}\n{good}"),
        ];
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        for said in statements {
            let mut world = world.clone();
            world.attestation(&image, &envelope(said.as_bytes(), &key));
            world.bundle(&image, &dsse_bundle(&envelope(said.as_bytes(), &key)));
            assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny, "{said}");
        }
    }

    #[test]
    fn the_payload_type_is_signed_and_only_one_is_a_statement() {
        let key = Key::p256("k");
        let (world, image) = World::new();
        let said = statement(&image, VULN).to_string();
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        for (signed_as, written_as) in [
            ("application/vnd.in-toto+json; charset=utf-8", None),
            ("application/json", Some(IN_TOTO)),
            ("application/json", None),
            ("Application/vnd.in-toto+json", None),
            ("", Some(IN_TOTO)),
        ] {
            let signature = key.sign(&pae(signed_as, said.as_bytes()), Form::Der);
            let envelope = json!({ "payloadType": written_as.unwrap_or(signed_as),
                "payload": STANDARD.encode(&said),
                "signatures": [{ "sig": STANDARD.encode(signature) }] });
            let mut world = world.clone();
            world.attestation(&image, &envelope);
            world.bundle(&image, &dsse_bundle(&envelope));
            assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny, "{signed_as}");
        }
        // The raw statement, not its encoding, was signed.
        let signature = key.sign(said.as_bytes(), Form::Der);
        let envelope = json!({ "payloadType": IN_TOTO, "payload": STANDARD.encode(&said),
            "signatures": [{ "sig": STANDARD.encode(signature) }] });
        let mut world = world;
        world.attestation(&image, &envelope);
        assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny);
    }

    #[test]
    fn a_forged_attestation_among_the_referrers_is_refused() {
        let (key, mallory) = (Key::p256("k"), Key::p256("mallory"));
        let (mut world, image) = World::new();
        let said = statement(&image, VULN).to_string();
        let mut forged = envelope(said.as_bytes(), &mallory);
        world.bundle(&image, &dsse_bundle(&forged));
        forged["signatures"][0]["sig"] = json!(STANDARD.encode([0; 70]));
        world.bundle(&image, &dsse_bundle(&forged));
        forged["signatures"][0]["sig"] = json!("");
        world.attestation(&image, &forged);
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let decision = world.judge(&spec, &image);
        assert_eq!(
            (decision.outcome, code(&decision)),
            (Outcome::Deny, "signature.invalid".into())
        );
    }

    #[test]
    fn a_claimed_message_digest_must_be_right() {
        let key = Key::p256("k");
        let (world, image) = World::new();
        let manifest = world.objects[&image].clone();
        for (algorithm, digest) in [
            ("SHA2_256", vec![0; 32]),
            ("SHA2_512", digest_of(&manifest).into_bytes()),
            ("SHA2_256", Vec::new()),
        ] {
            let mut bundle = message_bundle(&manifest, &key);
            bundle["messageSignature"]["messageDigest"] =
                json!({ "algorithm": algorithm, "digest": STANDARD.encode(&digest) });
            let mut world = world.clone();
            world.bundle(&image, &bundle);
            assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Deny);
        }
    }

    /// A label that names no hash function says nothing that can be enforced.
    #[test]
    fn a_message_digest_of_an_unknown_algorithm_is_refused() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let mut bundle = message_bundle(&manifest, &key);
        bundle["messageSignature"]["messageDigest"] =
            json!({ "algorithm": "MD5", "digest": STANDARD.encode([0; 16]) });
        world.bundle(&image, &bundle);
        assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Deny);
    }

    #[test]
    fn a_document_that_could_be_two_images_is_refused() {
        let key = Key::p256("k");
        let (mut world, _) = World::new();
        for text in [
            json!({ "mediaType": MANIFEST, "config": { "digest": "x" }, "layers": [],
                "manifests": [] })
            .to_string(),
            json!({ "mediaType": INDEX, "config": { "digest": "x" }, "layers": [] }).to_string(),
            r#"{"config":{"digest":"x"},"layers":[],"layers":[]}"#.to_owned(),
            "<html></html>".to_owned(),
        ] {
            let image = world.put(text.as_bytes());
            world.bundle(&image, &message_bundle(text.as_bytes(), &key));
            let decision = world.judge(&by_signer(&key), &image);
            assert_eq!(
                (decision.outcome, code(&decision)),
                (Outcome::Deny, "image.malformed".into()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_referrer_counts_by_its_own_bytes_and_its_own_signature() {
        let key = Key::p256("k");
        let kind = "application/spdx+json";
        let tree = json!({ "attestation": { "artifactType": kind, "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let sign = |world: &mut World, artifact: &str| {
            let payload = payload(artifact);
            world.simple_signing(artifact, &payload, &key.sign(&payload, Form::Der), &json!({}));
        };
        let (mut good, image) = World::new();
        let artifact = good.refer(&image, kind, kind, b"{}");
        // Unsigned, and with the image's own signature only.
        assert_eq!(good.judge(&spec, &image).outcome, Outcome::Deny);
        sign(&mut good, &image);
        assert_eq!(good.judge(&spec, &image).outcome, Outcome::Deny);
        sign(&mut good, &artifact);
        assert_eq!(good.judge(&spec, &image).outcome, Outcome::Allow);
        // Of another image, listed among ours.
        let (_, other) = World::with_image("another image");
        let (mut world, image) = World::new();
        let artifact = world.refer(&other, kind, kind, b"{}");
        sign(&mut world, &artifact);
        world.referrers.insert(
            image.clone(),
            vec![json!({ "mediaType": MANIFEST, "digest": artifact, "artifactType": kind })],
        );
        assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny);
        // Of another type, listed as the wanted one.
        let (mut world, image) = World::new();
        let artifact = world.refer(&image, "application/other", "application/other", b"{}");
        sign(&mut world, &artifact);
        world.referrers.get_mut(&image).unwrap()[0]["artifactType"] = json!(kind);
        assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny);
    }

    #[test]
    fn annotations_count_only_where_they_are_signed() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let payload = payload(&image);
        let loose = json!({ "env": "prod", "optional": "{\"env\":\"prod\"}" });
        world.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &loose);
        let mut signed = statement(&image, SIGN);
        signed["annotations"] = json!({ "env": "prod" });
        signed["predicate"] = json!({ "env": "prod" });
        let signed = signed.to_string();
        world.bundle(&image, &dsse_bundle(&envelope(signed.as_bytes(), &key)));
        let mut authority = keyed(&key);
        authority["cosign"]["annotations"] = json!({ "env": "prod" });
        let spec = needs(&json!({ "signer": authority }), &json!("signer"));
        let decision = world.judge(&spec, &image);
        assert_eq!(
            (decision.outcome, code(&decision)),
            (Outcome::Deny, "annotation.mismatch".into())
        );
    }
}

mod chains {
    use super::*;

    /// The verdict on a message signature with this chain, under these roots.
    fn judged(roots: &[Vec<u8>], subject: &Value, key: &Key, chain: &[Vec<u8>]) -> Decision {
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &certified_bundle(&manifest, key, chain));
        world.judge(&own_ca(roots, subject), &image)
    }

    fn root() -> Certificate {
        Certificate::authority("root", Key::p256("root"))
    }

    fn middle() -> Certificate {
        Certificate {
            purposes: vec!["1.3.6.1.5.5.7.3.3"],
            ..Certificate::authority("middle", Key::p256("middle"))
        }
    }

    /// RFC 5280 §4.2.1.12: a CA without the extension is not restricted.
    #[test]
    fn an_intermediate_needs_no_extended_key_usage() {
        let (root, key) = (root(), Key::p256("leaf"));
        let middle = Certificate { purposes: Vec::new(), ..middle() };
        let chain = [leaf(&key, san(0x81, RELEASE)).issued_by(&middle), middle.issued_by(&root)];
        let decision = judged(&[root.self_signed()], &release(), &key, &chain);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    #[test]
    fn only_a_path_to_the_policys_root_counts() {
        let (root, key) = (root(), Key::p256("leaf"));
        let good = leaf(&key, san(0x81, RELEASE));
        let roots = [root.self_signed()];
        let ok = |key: &Key, chain: &[Vec<u8>]| judged(&roots, &release(), key, chain).outcome;
        assert_eq!(ok(&key, &[good.issued_by(&root)]), Outcome::Allow);
        assert_eq!(ok(&key, &[good.issued_by(&root), root.self_signed()]), Outcome::Allow);

        // A root of the same name with another key, which travels along.
        let fake = Certificate::authority("root", Key::p256("fake"));
        assert_eq!(ok(&key, &[good.issued_by(&fake), fake.self_signed()]), Outcome::Deny);
        // Self-signed, with the root's name.
        let mut own = leaf(&key, san(0x81, RELEASE));
        own.subject = root.subject.clone();
        assert_eq!(ok(&key, &[own.self_signed()]), Outcome::Deny);
        // The leaf of somebody else as an issuer.
        let middle = leaf(&Key::p256("middle"), san(0x81, "evil@acme.example"));
        let chain = [good.issued_by(&middle), middle.issued_by(&root)];
        assert_eq!(ok(&key, &chain), Outcome::Deny);
        // An intermediate without cA, without keyCertSign, past its path length, or expired.
        let mut middle = self::middle();
        let chain = |middle: &Certificate| [good.issued_by(middle), middle.issued_by(&root)];
        assert_eq!(ok(&key, &chain(&middle)), Outcome::Allow);
        middle.basic_constraints = None;
        assert_eq!(ok(&key, &chain(&middle)), Outcome::Deny);
        middle.basic_constraints = Some((true, false, None));
        assert_eq!(ok(&key, &chain(&middle)), Outcome::Deny);
        middle.basic_constraints = Some((true, true, None));
        middle.key_usage = Some((true, pki::CRL_SIGN | pki::DIGITAL_SIGNATURE));
        assert_eq!(ok(&key, &chain(&middle)), Outcome::Deny);
        middle.key_usage = Some((true, pki::KEY_CERT_SIGN));
        middle.not_after = "261001000000Z".into();
        assert_eq!(ok(&key, &chain(&middle)), Outcome::Deny);
        middle.not_after = "360101000000Z".into();
        middle.purposes = vec!["1.3.6.1.5.5.7.3.1"];
        assert_eq!(ok(&key, &chain(&middle)), Outcome::Deny);
        middle.purposes = vec!["1.3.6.1.5.5.7.3.3"];
        let lower = Certificate { subject: pki::name("lower"), ..middle.clone() };
        let long = [good.issued_by(&lower), lower.issued_by(&middle), middle.issued_by(&root)];
        assert_eq!(ok(&key, &long), Outcome::Allow);
        middle.basic_constraints = Some((true, true, Some(0)));
        let long = [good.issued_by(&lower), lower.issued_by(&middle), middle.issued_by(&root)];
        assert_eq!(ok(&key, &long), Outcome::Deny);
    }

    #[test]
    fn a_leaf_must_be_one_for_signing_code() {
        let (root, key) = (root(), Key::p256("leaf"));
        let roots = [root.self_signed()];
        let faults: [fn(&mut Certificate); 8] = [
            |c| c.purposes = Vec::new(),
            |c| c.purposes = vec!["2.5.29.37.0"],
            |c| c.purposes = vec!["1.3.6.1.5.5.7.3.1"],
            |c| c.key_usage = None,
            |c| c.key_usage = Some((true, pki::KEY_AGREEMENT)),
            |c| c.basic_constraints = Some((true, true, None)),
            |c| c.not_after = "261120000000Z".into(),
            |c| c.extensions.push(("1.2.3.4", true, vec![5, 0])),
        ];
        for (i, fault) in faults.iter().enumerate() {
            let mut leaf = leaf(&key, san(0x81, RELEASE));
            fault(&mut leaf);
            let chain = [leaf.issued_by(&root)];
            let decision = judged(&roots, &release(), &key, &chain);
            assert_eq!(decision.outcome, Outcome::Deny, "{i}");
        }
    }

    #[test]
    fn an_expired_root_anchors_nothing() {
        let key = Key::p256("leaf");
        let mut root = root();
        root.not_after = "261001000000Z".into();
        let chain = [leaf(&key, san(0x81, RELEASE)).issued_by(&root)];
        let decision = judged(&[root.self_signed()], &release(), &key, &chain);
        assert_eq!(decision.outcome, Outcome::Deny);
    }

    #[test]
    fn the_identity_is_the_leafs_and_whole() {
        let (root, key) = (root(), Key::p256("leaf"));
        let roots = [root.self_signed()];
        for name in [
            "release@acme.example.evil",
            "xrelease@acme.example",
            "Release@acme.example",
            "release@acme.example\n",
            "release@acme.example\0",
            "release@acme.example@evil",
            "",
        ] {
            let chain = [leaf(&key, san(0x81, name)).issued_by(&root)];
            for subject in [release(), json!({ "subjectRegExp": "release@acme\\.example|x" })] {
                let decision = judged(&roots, &subject, &key, &chain);
                assert_eq!(decision.outcome, Outcome::Deny, "{name:?} {subject}");
            }
        }
        // The name in an intermediate, or in the subject, is not the leaf's alternative name.
        let middle = Certificate {
            extensions: vec![san(0x81, RELEASE)],
            ..Certificate::authority("middle", Key::p256("middle"))
        };
        let mut plain = Certificate::leaf("leaf", key.clone());
        plain.subject = pki::name(RELEASE);
        let chain = [plain.issued_by(&middle), middle.issued_by(&root)];
        assert_eq!(judged(&roots, &release(), &key, &chain).outcome, Outcome::Deny);
        let chain = [
            leaf(&key, san(0x81, "evil@acme.example")).issued_by(&root),
            leaf(&Key::p256("other"), san(0x81, RELEASE)).issued_by(&root),
        ];
        assert_eq!(judged(&roots, &release(), &key, &chain).outcome, Outcome::Deny);
    }

    /// nameConstraints with permitted names of one form.
    fn permitted(tag: u8, base: &str) -> (&'static str, bool, Vec<u8>) {
        let subtree = der::sequence(&[der::tlv(tag, base.as_bytes())]);
        ("2.5.29.30", true, der::sequence(&[der::tlv(0xa0, &subtree)]))
    }

    #[test]
    fn a_name_outside_of_the_cas_constraints_is_refused() {
        let (root, key) = (root(), Key::p256("leaf"));
        for (constraint, name) in [
            (permitted(0x81, "evil.example"), san(0x81, RELEASE)),
            (permitted(0x82, "evil.example"), san(0x82, "ci.acme.example")),
            (permitted(0x86, "evil.example"), san(0x86, "https://ci.acme.example/x")),
        ] {
            let subject = String::from_utf8(name.2[4..].to_vec()).unwrap();
            let subject = json!({ "subject": subject });
            let middle = Certificate { extensions: vec![constraint.clone()], ..middle() };
            let chain = [leaf(&key, name.clone()).issued_by(&middle), middle.issued_by(&root)];
            let decision = judged(&[root.self_signed()], &subject, &key, &chain);
            assert_eq!(code(&decision), "certificate.profile", "{subject}");
            let free = self::middle();
            let chain = [leaf(&key, name.clone()).issued_by(&free), free.issued_by(&root)];
            let decision = judged(&[root.self_signed()], &subject, &key, &chain);
            assert_eq!(decision.outcome, Outcome::Allow, "{subject} without the constraint");
            // The same in the anchor.
            let root = Certificate { extensions: vec![constraint], ..root.clone() };
            let chain = [leaf(&key, name).issued_by(&root)];
            let decision = judged(&[root.self_signed()], &subject, &key, &chain);
            assert_eq!(code(&decision), "certificate.profile", "{subject} by the root");
        }
    }

    /// A CA that may name mail addresses of one domain does not get to name others as URIs.
    #[test]
    fn a_mail_address_is_not_a_uri_that_reads_the_same() {
        let (root, key) = (root(), Key::p256("leaf"));
        let middle = Certificate { extensions: vec![permitted(0x81, "evil.example")], ..middle() };
        for form in [0x82, 0x86] {
            let chain =
                [leaf(&key, san(form, RELEASE)).issued_by(&middle), middle.issued_by(&root)];
            let decision = judged(&[root.self_signed()], &release(), &key, &chain);
            assert_eq!(decision.outcome, Outcome::Deny, "{form:#x}");
        }
    }

    #[test]
    fn a_chain_that_branches_everywhere_is_cut_off() {
        let (root, key) = (root(), Key::p256("leaf"));
        // CAs of two names with one key: each of one name may be issued by each of the other.
        let one = middle();
        let two = Certificate { subject: pki::name("two"), ..one.clone() };
        let mut chain = vec![leaf(&key, san(0x81, RELEASE)).issued_by(&one)];
        for serial in 2..7 {
            chain.push(Certificate { serial, ..one.clone() }.issued_by(&two));
            chain.push(Certificate { serial, ..two.clone() }.issued_by(&one));
        }
        chain.truncate(10);
        let start = Instant::now();
        let decision = judged(&[root.self_signed()], &release(), &key, &chain);
        assert_ne!(decision.outcome, Outcome::Allow);
        assert!(decision.usage.signature_operations <= 200);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn keys_that_are_no_keys_are_refused_and_do_not_trap() {
        let root = root();
        let rsa = |modulus: &[u8], exponent: &[u8]| {
            let key = der::sequence(&[der::tlv(2, modulus), der::tlv(2, exponent)]);
            let algorithm = der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::tlv(5, &[])]);
            der::sequence(&[algorithm, der::bits(&key)])
        };
        let mut modulus = vec![0xff; 257];
        modulus[0] = 0;
        let mut even = modulus.clone();
        *even.last_mut().unwrap() = 0xfe;
        for spki in [
            rsa(&even, &[1, 0, 1]),
            rsa(&modulus, &[0]),
            rsa(&modulus, &[1]),
            rsa(&modulus, &[2]),
            rsa(&modulus, &[0x7f; 200]),
            rsa(&[0], &[3]),
            rsa(&[0x80], &[3]),
        ] {
            let key = Key::Public(spki);
            let chain = [leaf(&key, san(0x81, RELEASE)).issued_by(&root)];
            let decision = judged(&[root.self_signed()], &release(), &key, &chain);
            assert_eq!(decision.outcome, Outcome::Deny);
        }
    }
}

mod thresholds {
    use super::*;

    fn two_of(names: &[&str]) -> Value {
        json!({ "atLeast": 2, "of": names })
    }

    #[test]
    fn one_key_twice_is_one_signer() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        let payload = payload(&image);
        world.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &json!({}));
        let spec = needs(&json!({ "a": keyed(&key), "b": keyed(&key) }), &two_of(&["a", "b"]));
        let decision = world.judge(&spec, &image);
        assert_eq!(
            (decision.outcome, code(&decision)),
            (Outcome::Deny, "threshold.sameSigner".into())
        );
        // One authority, named twice.
        let spec = needs(&json!({ "a": keyed(&key) }), &two_of(&["a", "a"]));
        assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny);
    }

    fn compressed(key: &Key) -> Vec<u8> {
        let Key::P256(key) = key else { panic!() };
        let point = key.verifying_key().to_sec1_point(true);
        let algorithm =
            der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid("1.2.840.10045.3.1.7")]);
        der::sequence(&[algorithm, der::bits(point.as_bytes())])
    }

    /// A key is the same however its point is written.
    #[test]
    fn one_key_in_two_encodings_is_one_signer() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        let other = json!({ "cosign": { "keys": [pem("PUBLIC KEY", &compressed(&key))] } });
        let document = json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy",
            "spec": needs(&json!({ "a": keyed(&key), "b": other }), &two_of(&["a", "b"])) });
        // Refusing the encoding would do as well.
        if let Ok(policy) = Policy::parse(&document) {
            let request = support::request(&format!("{REPOSITORY}@{image}"));
            assert_eq!(world.decide(&policy, &request).outcome, Outcome::Deny);
        }
    }

    /// The holder of a key, with a certificate for the same key in another encoding.
    #[test]
    fn a_key_and_a_certificate_for_it_are_one_signer() {
        let (root, key) = (Certificate::authority("root", Key::p256("root")), Key::p256("k"));
        for spki in [key.spki(), compressed(&key)] {
            let (mut world, image) = World::new();
            let manifest = world.objects[&image].clone();
            let leaf = leaf(&Key::Public(spki), san(0x81, RELEASE)).issued_by(&root);
            world.bundle(&image, &certified_bundle(&manifest, &key, &[leaf]));
            world.bundle(&image, &message_bundle(&manifest, &key));
            let mut spec = own_ca(&[root.self_signed()], &release());
            spec["authorities"]["keyed"] = keyed(&key);
            spec["rules"][0]["require"] = two_of(&["keyed", "signer"]);
            assert_eq!(world.judge(&spec, &image).outcome, Outcome::Deny);
        }
    }

    #[test]
    fn one_name_under_two_roots_is_one_signer() {
        let (one, two) = (
            Certificate::authority("one", Key::p256("one")),
            Certificate::authority("two", Key::p256("two")),
        );
        let (a, b) = (Key::p256("a"), Key::p256("b"));
        let judged = |left: &Certificate, right: &Certificate, tree: &Value| {
            let (mut world, image) = World::new();
            let manifest = world.objects[&image].clone();
            world.bundle(&image, &certified_bundle(&manifest, &a, &[left.issued_by(&one)]));
            world.bundle(&image, &certified_bundle(&manifest, &b, &[right.issued_by(&two)]));
            let root = |r: &Certificate| {
                json!({ "x509": { "roots":
                [pem("CERTIFICATE", &r.self_signed())] } })
            };
            let any = json!({ "subjectRegExp": ".*" });
            let spec = json!({
                "trust": { "one": root(&one), "two": root(&two) },
                "authorities": {
                    "one": { "cosign": { "trust": "one", "certificate": any } },
                    "two": { "cosign": { "trust": "two", "certificate": any } },
                },
                "rules": [{ "images": ["**"], "require": tree }],
            });
            world.judge(&spec, &image).outcome
        };
        let tree = two_of(&["one", "two"]);
        let named = |key: &Key, common_name: &str, name: &str| Certificate {
            subject: pki::name(common_name),
            ..leaf(key, san(0x81, name))
        };
        let both = json!({ "all": ["one", "two"] });
        let (left, right) = (named(&a, "A", "a@x"), named(&b, "B", "b@x"));
        assert_eq!(judged(&left, &right, &tree), Outcome::Allow);
        assert_eq!(judged(&left, &named(&b, "B", "a@x"), &both), Outcome::Allow);
        assert_eq!(judged(&left, &named(&b, "B", "a@x"), &tree), Outcome::Deny);
        assert_eq!(judged(&left, &named(&b, "A", "b@x"), &tree), Outcome::Deny);
        // The same name as a URI.
        let uri = Certificate { subject: pki::name("B"), ..leaf(&b, san(0x86, "a@x")) };
        assert_eq!(judged(&left, &uri, &tree), Outcome::Deny);
    }

    /// Rule: the same alternative name under any root is the same signer, whatever the format.
    #[test]
    fn one_name_in_cosign_and_in_notation_is_one_signer() {
        let root = Certificate::authority("root", Key::p256("root"));
        let (a, b) = (Key::p256("a"), Key::p256("b"));
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let cosign = Certificate { subject: pki::name("A"), ..leaf(&a, san(0x81, RELEASE)) };
        world.bundle(&image, &certified_bundle(&manifest, &a, &[cosign.issued_by(&root)]));
        let notation = Certificate { subject: pki::name("B"), ..leaf(&b, san(0x81, RELEASE)) };
        let target = json!({ "targetArtifact":
            { "mediaType": MANIFEST, "digest": image, "size": manifest.len() } });
        let time = Time::parse(NOW).unwrap().unix() - 3600;
        let chain = vec![notation.issued_by(&root), root.self_signed()];
        let jws =
            draft::Draft::new(draft::Format::Jws, b, chain, target.to_string().as_bytes(), time);
        world.refer(&image, NOTATION, "application/jose+json", &jws.build());
        let root = pem("CERTIFICATE", &root.self_signed());
        let spec = |tree: &Value| {
            json!({
                "trust": { "ca": { "x509": { "roots": [root] } },
                    "n": { "notation": { "ca": [root] } } },
                "authorities": {
                    "cosign": { "cosign": { "trust": "ca", "certificate": release() } },
                    "notation": { "notation": { "trust": "n", "trustedIdentities": ["*"],
                        "override": { "revocation": "skip" } } },
                },
                "rules": [{ "images": ["**"], "require": tree }],
            })
        };
        let both = spec(&json!({ "all": ["cosign", "notation"] }));
        assert_eq!(world.judge(&both, &image).outcome, Outcome::Allow);
        let two = spec(&two_of(&["cosign", "notation"]));
        assert_eq!(world.judge(&two, &image).outcome, Outcome::Deny);
    }

    /// More good signatures never make it worse.
    #[test]
    fn a_threshold_that_is_met_is_met_however_often_each_has_signed() {
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let mut trust = json!({});
        let mut authorities = json!({});
        let names = ["a", "b", "c", "d", "e"];
        for name in names {
            let root = Certificate::authority(name, Key::p256(name));
            for i in 0..19 {
                let key = Key::p256(&format!("{name}{i}"));
                let leaf = Certificate {
                    subject: pki::name(&format!("signer {name}")),
                    ..leaf(&key, san(0x81, &format!("{name}@x")))
                };
                world.bundle(&image, &certified_bundle(&manifest, &key, &[leaf.issued_by(&root)]));
            }
            trust[name] = json!({ "x509": { "roots": [pem("CERTIFICATE", &root.self_signed())] } });
            authorities[name] = json!({ "cosign": { "trust": name,
                "certificate": { "subjectRegExp": ".*" } } });
        }
        let spec = json!({ "trust": trust, "authorities": authorities,
            "rules": [{ "images": ["**"], "require": { "atLeast": 4, "of": names } }] });
        let decision = world.judge(&spec, &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }
}

mod poison {
    use super::*;

    /// Descriptors whose digests come before `before`, for a flood of referrers.
    fn nonces(before: &str, make: impl Fn(u64) -> (String, Vec<u8>)) -> Vec<(String, Vec<u8>)> {
        (0..).map(make).filter(|(digest, _)| digest.as_str() < before).take(110).collect()
    }

    /// A flood of one family does not hide the other.
    #[test]
    fn a_flood_of_notation_signatures_does_not_hide_a_bundle() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let good = world.bundle(&image, &message_bundle(&manifest, &key));
        let flood = nonces(&good, |i| {
            let manifest = json!({ "mediaType": MANIFEST, "artifactType": NOTATION,
                "config": { "digest": "x" }, "layers": [], "annotations": { "n": i.to_string() } });
            let bytes = manifest.to_string().into_bytes();
            (digest_of(&bytes), bytes)
        });
        for (digest, bytes) in flood {
            world.put(&bytes);
            world.referrers.get_mut(&image).unwrap().push(json!({ "mediaType": MANIFEST,
                "digest": digest, "size": bytes.len(), "artifactType": NOTATION }));
        }
        let spec = by_signer(&key);
        assert_eq!(world.judge(&spec, &image).outcome, Outcome::Allow);
        // The policy knows both families.
        let root = Certificate::authority("root", Key::p256("root"));
        let mut spec = spec;
        spec["trust"] = json!({ "n": { "notation": { "ca":
            [pem("CERTIFICATE", &root.self_signed())] } } });
        spec["authorities"]["notation"] = json!({ "notation": { "trust": "n",
            "trustedIdentities": ["*"], "override": { "revocation": "skip" } } });
        spec["rules"][0]["require"] = json!({ "any": ["notation", "signer"] });
        let decision = world.judge(&spec, &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    /// Layers of a tag that anybody may have pushed do not hide the referrers.
    #[test]
    fn a_flood_of_legacy_layers_does_not_hide_a_bundle() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        for i in 0..100 {
            let layer = json!({ "mediaType": SIMPLE_SIGNING, "digest": format!("sha256:{i:064x}"),
                "size": 1 });
            world.layer(&image, "sig", layer);
        }
        let decision = world.judge(&by_signer(&key), &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    /// One envelope with many signatures costs no more than its share.
    #[test]
    fn one_envelope_does_not_use_up_the_signature_operations() {
        let keys = [Key::rsa(2048), Key::rsa(3072), Key::rsa(4096)];
        let pems: Vec<String> = keys.iter().map(|k| pem("PUBLIC KEY", &k.spki())).collect();
        let (mut world, image) = World::new();
        let said = statement(&image, VULN).to_string();
        world.attestation(&image, &envelope(said.as_bytes(), &keys[0]));
        let good = countersign::crypto::sha256(said.as_bytes());
        // Statements are taken in the order of their digests: one that comes before.
        let bad = (0..)
            .map(|i| {
                let mut said = statement(&image, VULN);
                said["predicate"] = json!({ "n": i });
                said.to_string()
            })
            .find(|said| countersign::crypto::sha256(said.as_bytes()) < good)
            .unwrap();
        let mut envelope = envelope(bad.as_bytes(), &Key::p256("mallory"));
        let garbage: Vec<Value> =
            (0..16).map(|i| json!({ "sig": STANDARD.encode([i; 256]) })).collect();
        envelope["signatures"] = json!(garbage);
        world.attestation(&image, &envelope);
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": { "cosign": { "keys": pems } } }), &tree);
        let decision = world.judge(&spec, &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    /// A list that names a referrer twice says no less than one that names it once.
    #[test]
    fn a_second_descriptor_does_not_hide_a_referrer() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let good = world.bundle(&image, &message_bundle(&manifest, &key));
        world.referrers.get_mut(&image).unwrap().push(json!({
            "mediaType": MANIFEST, "digest": good, "artifactType": "application/other" }));
        assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Allow);
    }

    #[test]
    fn broken_candidates_do_not_hide_a_good_one() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        for blob in [
            &b""[..],
            b"{",
            b"[]",
            &[0xff; 100],
            "[".repeat(100_000).as_bytes(),
            br#"{"mediaType":"x"}"#,
            message_bundle(b"another image", &key).to_string().as_bytes(),
            message_bundle(&manifest, &Key::p256("mallory")).to_string().as_bytes(),
        ] {
            world.refer(&image, BUNDLE, BUNDLE, blob);
        }
        let stray = json!({ "mediaType": MANIFEST, "digest": digest_of(b"nowhere"),
            "artifactType": BUNDLE });
        world.referrers.get_mut(&image).unwrap().push(stray);
        world.layer(&image, "sig", json!({ "mediaType": SIMPLE_SIGNING, "digest": "sha256:../x" }));
        world.layer(&image, "sig", json!({ "mediaType": 	"x/y", "digest": "" }));
        assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Deny);
        world.bundle(&image, &message_bundle(&manifest, &key));
        assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Allow);
    }

    /// cosign's keyed verification stumbles over a bundle with a certificate beside it.
    #[test]
    fn a_certificate_of_strangers_does_not_hide_a_keyed_signature() {
        let (key, mallory) = (Key::p256("k"), Key::p256("mallory"));
        let own = leaf(&mallory, san(0x81, RELEASE)).self_signed();
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        for _ in 0..20 {
            world
                .bundle(&image, &certified_bundle(&manifest, &mallory, std::slice::from_ref(&own)));
        }
        world.bundle(&image, &message_bundle(&manifest, &key));
        assert_eq!(world.judge(&by_signer(&key), &image).outcome, Outcome::Allow);
    }

    #[test]
    fn a_fallback_tag_that_is_the_image_itself_lists_nothing() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.tags.insert(image.replace(':', "-"), manifest);
        let policy = policy(&by_signer(&key));
        let request = support::request(&format!("{REPOSITORY}@{image}"));
        let answer = |fetch: &Fetch| match fetch {
            Fetch::Referrers { .. } => Answer::Absent { message: String::new() },
            fetch => world.answer(fetch),
        };
        let (decision, _) = support::decide(&policy, &request, NOW, answer);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Deny, "signatures.none".into()));
    }
}

mod resources {
    use super::*;

    /// Fifteen MiB of the smallest values: what would take all of the module's memory is malformed.
    #[test]
    fn a_bundle_full_of_empty_lists_is_malformed() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        let text = message_bundle(&manifest, &key).to_string().replace(
            "\"publicKey\"",
            &format!("\"tlogEntries\":[{}[]],\"publicKey\"", "[],".repeat(5 << 20)),
        );
        world.refer(&image, BUNDLE, BUNDLE, text.as_bytes());
        let decision = world.judge(&by_signer(&key), &image);
        let expected = (Outcome::Deny, "envelope.malformed".to_owned());
        assert_eq!((decision.outcome, code(&decision)), expected);
    }

    /// Twenty chains of certificates with thousands of extensions.
    #[test]
    fn chains_of_certificates_with_many_extensions_are_read_in_time() {
        let key = Key::p256("k");
        let certificate = Certificate { extensions: Vec::new(), ..leaf(&key, san(0x81, RELEASE)) };
        let encoded: Vec<u8> = (0..5_800_u32)
            .flat_map(|i| {
                let oid = [0x2a, ((i >> 7) + 1) as u8 | 0x80, (i & 0x7f) as u8];
                der::sequence(&[der::tlv(6, &oid), der::tlv(4, &[])])
            })
            .collect();
        let der = long_certificate(&certificate, &encoded);
        let (mut world, image) = World::new();
        let said = statement(&image, VULN).to_string();
        world.bundle(&image, &dsse_bundle(&envelope(said.as_bytes(), &key)));
        let chain: Vec<Value> = vec![json!({ "rawBytes": STANDARD.encode(der) }); 10];
        for n in 0..20 {
            let mut said = statement(&image, VULN);
            said["predicate"] = json!({ "n": n });
            let mut bundle = dsse_bundle(&envelope(said.to_string().as_bytes(), &key));
            bundle["dsseEnvelope"]["signatures"][0]["sig"] = json!("AAAA");
            bundle["verificationMaterial"] =
                json!({ "x509CertificateChain": { "certificates": chain } });
            world.bundle(&image, &bundle);
        }
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let decision =
            timed("200 certificates", Duration::from_secs(2), || world.judge(&spec, &image));
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    /// The dearest operations stay within what a host gives, however many authorities there are.
    #[test]
    fn garbage_for_the_dearest_keys_stays_within_the_operations_of_a_decision() {
        let key = Key::p521("k");
        let (mut world, image) = World::new();
        for i in 0..100_u8 {
            let mut text = payload(&image);
            text.extend(vec![b' '; usize::from(i) + 1]);
            world.simple_signing(&image, &text, &key.sign(&[i], Form::Der), &json!({}));
            world.bundle(&image, &message_bundle(&[i], &key));
        }
        let pems: Vec<String> =
            ["k", "l", "m"].map(|k| pem("PUBLIC KEY", &Key::p521(k).spki())).to_vec();
        let signer = json!({ "cosign": { "keys": pems } });
        let authorities = json!({ "a": signer, "b": signer, "c": signer });
        let decision = world.judge(&needs(&authorities, &json!(["a", "b", "c"])), &image);
        assert_eq!(decision.outcome, Outcome::Undetermined);
        assert!(decision.usage.signature_operations <= 500, "{:?}", decision.usage);
    }

    /// What layers claim without being there does not use up the bytes of the referrers.
    #[test]
    fn sizes_that_legacy_layers_claim_do_not_hide_a_bundle() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        for size in [16 << 20, 16 << 20 | 1, 8 << 20, 4 << 20] {
            let layer = json!({ "mediaType": SIMPLE_SIGNING, "digest": format!("sha256:{size:064x}"),
                "size": size,
                "annotations": { "dev.cosignproject.cosign/signature": "AAAA" } });
            world.layer(&image, "sig", layer);
        }
        let decision = world.judge(&by_signer(&key), &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    /// A layer that claims to be empty may be as large as its kind, so it comes after what says how
    /// large it is.
    #[test]
    fn a_layer_that_claims_to_be_empty_does_not_hide_a_large_bundle() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let mut large = statement(&image, VULN);
        large["predicate"]["text"] = json!("x".repeat(7 << 20));
        world.bundle(&image, &dsse_bundle(&envelope(large.to_string().as_bytes(), &key)));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE,
            "config": { "digest": digest_of(b"{}"), "size": 2 },
            "layers": [{ "mediaType": BUNDLE, "digest": world.put(b"{}"), "size": 0 }] });
        let bytes = manifest.to_string().into_bytes();
        let digest = world.put(&bytes);
        world.referrers.get_mut(&image).unwrap().push(json!({
            "mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": BUNDLE }));
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let decision = world.judge(&needs(&json!({ "signer": keyed(&key) }), &tree), &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    fn timed<T>(what: &str, most: Duration, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let out = run();
        let took = start.elapsed();
        assert!(took < most, "{what} took {took:?}");
        out
    }

    /// A certificate in an annotation, which is read whoever the authority is.
    #[test]
    fn a_certificate_with_many_extensions_is_read_in_time() {
        let key = Key::p256("k");
        let mut certificate = leaf(&key, san(0x81, RELEASE));
        let encoded: Vec<u8> = (0..60_000_u32)
            .flat_map(|i| {
                let arc = |n: u32, more: u32| ((n & 0x7f) | more) as u8;
                let oid = [0x2a, arc((i >> 14) + 1, 0x80), arc(i >> 7, 0x80), arc(i, 0)];
                der::sequence(&[der::tlv(6, &oid), der::tlv(4, &[])])
            })
            .collect();
        // The helper writes short lengths only: the whole is put together here.
        certificate.extensions.clear();
        let der = long_certificate(&certificate, &encoded);
        let (mut world, image) = World::new();
        let payload = payload(&image);
        let annotation = json!({ "dev.sigstore.cosign/certificate": pem("CERTIFICATE", &der) });
        world.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &annotation);
        let decision = timed("60,000 extensions", Duration::from_secs(2), || {
            world.judge(&by_signer(&key), &image)
        });
        assert_eq!(decision.outcome, Outcome::Allow);
    }

    fn long(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        [&[tag, 0x84][..], &length, content].concat()
    }

    /// DER with minimal lengths.
    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        match content.len() {
            0..0x1_0000 => der::tlv(tag, content),
            0x1_0000..0x100_0000 => {
                let [_, a, b, c] = (content.len() as u32).to_be_bytes();
                [&[tag, 0x83, a, b, c][..], content].concat()
            }
            _ => long(tag, content),
        }
    }

    /// A certificate of any size, with a signature that is none.
    fn long_certificate(like: &Certificate, extensions: &[u8]) -> Vec<u8> {
        let algorithm = der::sequence(&[der::oid("1.2.840.10045.4.3.2")]);
        let name = der::sequence(&[]);
        let validity = der::sequence(&[
            der::tlv(0x17, like.not_before.as_bytes()),
            der::tlv(0x17, like.not_after.as_bytes()),
        ]);
        let tbs = tlv(
            0x30,
            &[
                der::tlv(0xa0, &der::tlv(2, &[2])),
                der::tlv(2, &[1]),
                algorithm.clone(),
                name.clone(),
                validity,
                name,
                like.key.spki(),
                tlv(0xa3, &tlv(0x30, extensions)),
            ]
            .concat(),
        );
        tlv(0x30, &[tbs, algorithm, der::bits(&[0x30, 6, 2, 1, 1, 2, 1, 1])].concat())
    }

    /// An alternative name of megabytes under a regular expression.
    #[test]
    fn a_name_of_megabytes_is_matched_in_time() {
        let (root, key) = (Certificate::authority("root", Key::p256("root")), Key::p256("mallory"));
        let name = tlv(0x30, &tlv(0x81, "a.".repeat(3 << 20).as_bytes()));
        let extension = tlv(0x30, &[der::oid("2.5.29.17"), tlv(4, &name)].concat());
        let der = long_certificate(&leaf(&key, san(0x81, "")), &extension);
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &certified_bundle(&manifest, &key, &[der]));
        let subject =
            json!({ "subjectRegExp": r"([a-z]+\.)*[a-z0-9._-]{1,64}@(.*\.)?acme\.example" });
        let spec = own_ca(&[root.self_signed()], &subject);
        let decision =
            timed("6 MiB of name", Duration::from_secs(2), || world.judge(&spec, &image));
        assert_eq!(decision.outcome, Outcome::Deny);
    }

    /// What strangers wrote comes back in excerpts.
    #[test]
    fn a_decision_does_not_repeat_megabytes_of_strangers() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let said = statement(&image, &"\u{1}".repeat(1 << 20)).to_string();
        world.bundle(&image, &dsse_bundle(&envelope(said[..].as_bytes(), &key)));
        let tree = json!({ "all": [
            { "attestation": { "type": "vuln", "signedBy": "signer" } },
            { "attestation": { "type": "spdx", "signedBy": "signer" } },
        ] });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let decision = world.judge(&spec, &image);
        assert_eq!(decision.outcome, Outcome::Deny);
        let size = serde_json::to_vec(&decision).unwrap().len();
        assert!(size < 1 << 20, "{size} bytes of decision");
    }

    /// What is asked for in all stays within what may be read in all.
    #[test]
    fn nested_referrers_do_not_multiply_the_fetches() {
        let key = Key::p256("k");
        let kind = "application/spdx+json";
        let tree = json!({ "attestation": { "artifactType": kind, "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let (mut world, image) = World::new();
        for i in 0..40_u32 {
            let artifact = world.refer(&image, kind, kind, &i.to_be_bytes());
            for n in 0..40_u32 {
                let bundle = message_bundle(&[i.to_be_bytes(), n.to_be_bytes()].concat(), &key);
                world.bundle(&artifact, &bundle);
            }
        }
        let request = support::request(&format!("{REPOSITORY}@{image}"));
        let (_, evidence) =
            support::decide(&policy(&spec), &request, NOW, |fetch| world.answer(fetch));
        assert!(evidence.len() < 1000, "{} fetches", evidence.len());
    }

    /// A host that fetches what is asked for does not read far more than the budget.
    #[test]
    fn one_round_does_not_ask_for_more_bytes_than_the_budget_has() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        for i in 0..100_u32 {
            world.refer(&image, BUNDLE, BUNDLE, &i.to_be_bytes());
        }
        let policy = policy(&by_signer(&key));
        let request = support::request(&format!("{REPOSITORY}@{image}"));
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        let now = Time::parse(NOW).unwrap();
        while let Step::Need(needs) = evaluate(&policy, &request, &evidence, now, Budget::default())
        {
            let most: u64 = needs
                .iter()
                .map(|fetch| match fetch {
                    Fetch::Resolve { .. } => 0,
                    Fetch::Manifest { max_bytes, .. }
                    | Fetch::Tag { max_bytes, .. }
                    | Fetch::Referrers { max_bytes, .. }
                    | Fetch::Blob { max_bytes, .. }
                    | Fetch::Ocsp { max_bytes, .. }
                    | Fetch::Crl { max_bytes, .. } => *max_bytes,
                })
                .sum();
            assert!(most <= 10 * Budget::default().evidence_bytes, "{most} bytes in one round");
            for fetch in needs {
                let answer = world.answer(&fetch);
                evidence.push(EvidenceItem { fetch, answer });
            }
        }
    }

    #[test]
    fn a_bill_of_materials_of_ten_megabytes_is_read() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let mut said = statement(&image, "https://spdx.dev/Document");
        let packages: Vec<Value> = (0..22_000)
            .map(|i| json!({ "SPDXID": format!("SPDXRef-Package-npm-some-package-{i}"), "name": format!("some-package-{i}"),
                "versionInfo": "1.2.3", "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
                "licenseConcluded": "NOASSERTION", "licenseDeclared": "MIT", "copyrightText": "NOASSERTION",
                "externalRefs": [{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                    "referenceLocator": format!("pkg:npm/some-package-{i}@1.2.3") }] }))
            .collect();
        said["predicate"] = json!({ "packages": packages });
        let text = said.to_string();
        println!("{} bytes", text.len());
        world.bundle(&image, &dsse_bundle(&envelope(text.as_bytes(), &key)));
        let tree = json!({ "attestation": { "type": "spdxjson", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let decision = world.judge(&spec, &image);
        assert_eq!((decision.outcome, code(&decision)), (Outcome::Allow, String::new()));
    }

    #[test]
    fn ten_thousand_layers_are_cut_off() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let layers: Vec<Value> = (0..10_000)
            .map(|i| {
                json!({ "mediaType": SIMPLE_SIGNING, "digest": format!("sha256:{i:064x}"),
                "size": 200, "annotations": { "dev.cosignproject.cosign/signature": "AAAA" } })
            })
            .collect();
        let tag = format!("{}.sig", image.replace(':', "-"));
        let manifest = json!({ "config": { "digest": "x" }, "layers": layers });
        world.tags.insert(tag, manifest.to_string().into_bytes());
        let request = support::request(&format!("{REPOSITORY}@{image}"));
        let (decision, evidence) = timed("10,000 layers", Duration::from_secs(5), || {
            support::decide(&policy(&by_signer(&key)), &request, NOW, |f| world.answer(f))
        });
        assert_eq!(
            (decision.outcome, code(&decision)),
            (Outcome::Undetermined, "budget.candidates".into())
        );
        assert!(evidence.len() < 110);
    }

    #[test]
    fn a_statement_with_many_subjects_is_refused_in_time() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let mut said = statement(&image, VULN);
        let subject = said["subject"][0].clone();
        said["subject"] = json!(vec![subject; 100_000]);
        world.bundle(&image, &dsse_bundle(&envelope(said.to_string().as_bytes(), &key)));
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let decision =
            timed("100,000 subjects", Duration::from_secs(5), || world.judge(&spec, &image));
        assert_eq!(decision.outcome, Outcome::Deny);
    }

    /// Each subject claims a digest that has to be computed over the whole manifest.
    #[test]
    fn subjects_that_want_to_be_hashed_are_hashed_once() {
        let key = Key::p256("k");
        let mut world = World::default();
        let manifest = json!({ "mediaType": MANIFEST, "config": { "digest": "x" }, "layers": [],
            "annotations": { "pad": "x".repeat(3 << 20) } });
        let image = world.put(manifest.to_string().as_bytes());
        let mut said = statement(&image, VULN);
        let subject = json!({ "digest": { "sha384": "00", "sha512": "00" } });
        said["subject"] = json!(vec![subject; 1024]);
        for n in 0..3 {
            said["predicate"] = json!({ "n": n });
            world.bundle(&image, &dsse_bundle(&envelope(said.to_string().as_bytes(), &key)));
        }
        let tree = json!({ "attestation": { "type": "vuln", "signedBy": "signer" } });
        let spec = needs(&json!({ "signer": keyed(&key) }), &tree);
        let decision =
            timed("3 GiB to hash", Duration::from_secs(3), || world.judge(&spec, &image));
        assert_eq!(decision.outcome, Outcome::Deny);
    }

    #[test]
    fn one_image_in_many_containers_is_judged_once() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        let reference = format!("{REPOSITORY}@{image}");
        let policy = policy(&by_signer(&key));
        let one = world.decide(&policy, &asked(&pod(&[&reference])));
        let many = world.decide(&policy, &asked(&pod(&[reference.as_str(); 8])));
        assert_eq!(many.outcome, Outcome::Allow);
        assert_eq!(many.usage, one.usage);
    }
}

mod evidence {
    use super::*;

    /// Two answers for one tag, or bytes that are not the digest's, prove nothing.
    #[test]
    fn bytes_that_are_not_the_digests_are_not_used() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let (other_world, other) = World::with_image("another image");
        let manifest = other_world.objects[&other].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        world.objects.insert(image.clone(), manifest);
        let decision = world.judge(&by_signer(&key), &image);
        assert_eq!(decision.outcome, Outcome::Undetermined);
        assert_eq!(code(&decision), "evidence.digestMismatch");
    }

    #[test]
    fn an_answer_of_another_repository_is_not_used() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let payload = payload(&image);
        world.simple_signing(&image, &payload, &key.sign(&payload, Form::Der), &json!({}));
        let policy = policy(&by_signer(&key));
        let elsewhere = support::request(&format!("ghcr.io/evil/app@{image}"));
        let (_, evidence) = support::decide(&policy, &elsewhere, NOW, |fetch| world.answer(fetch));
        let here = support::request(&format!("{REPOSITORY}@{image}"));
        let now = Time::parse(NOW).unwrap();
        let step = evaluate(&policy, &here, &evidence, now, Budget::default());
        assert!(matches!(step, Step::Need(_)));
    }

    /// Nothing rests on the difference between the ways of not having something.
    #[test]
    fn whatever_is_missing_nothing_is_allowed() {
        let key = Key::p256("k");
        let (world, image) = World::new();
        let policy = policy(&by_signer(&key));
        let message = String::new;
        for missing in [
            Answer::Absent { message: message() },
            Answer::Denied { message: message() },
            Answer::Unavailable { reason: UnavailableReason::Transport, message: message() },
            Answer::Unavailable { reason: UnavailableReason::Unsupported, message: message() },
            Answer::Unavailable { reason: UnavailableReason::Garbled, message: message() },
            Answer::Unavailable { reason: UnavailableReason::TooLarge, message: message() },
            Answer::Resolved { digest: image.clone() },
            found(b"{}".to_vec()),
            found(Vec::new()),
        ] {
            for reference in [format!("{REPOSITORY}@{image}"), format!("{REPOSITORY}:1")] {
                let request = support::request(&reference);
                for keep in ["Resolve", "Manifest", "Referrers", "Tag", "none"] {
                    let answer = |fetch: &Fetch| {
                        if format!("{fetch:?}").starts_with(keep) {
                            world.answer(fetch)
                        } else {
                            missing.clone()
                        }
                    };
                    let (decision, _) = support::decide(&policy, &request, NOW, answer);
                    assert_ne!(decision.outcome, Outcome::Allow, "{missing:?} {keep}");
                }
            }
        }
    }

    #[test]
    fn an_undetermined_branch_never_turns_into_an_allowed_one() {
        let (key, other) = (Key::p256("k"), Key::p256("other"));
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        let authorities = json!({ "yes": keyed(&key), "no": keyed(&other) });
        let request = support::request(&format!("{REPOSITORY}@{image}"));
        let outcome = |tree: &Value| {
            let answer = |fetch: &Fetch| match fetch {
                Fetch::Tag { .. } => Answer::Unavailable {
                    reason: UnavailableReason::Transport,
                    message: String::new(),
                },
                fetch => world.answer(fetch),
            };
            support::decide(&policy(&needs(&authorities, tree)), &request, NOW, answer).0.outcome
        };
        for (tree, expected) in [
            (json!("yes"), Outcome::Allow),
            (json!("no"), Outcome::Undetermined),
            (json!({ "any": ["no", "yes"] }), Outcome::Allow),
            (json!({ "any": ["no", "no"] }), Outcome::Undetermined),
            (json!({ "all": ["no", "yes"] }), Outcome::Undetermined),
            (json!({ "atLeast": 1, "of": ["no", "yes"] }), Outcome::Allow),
            (json!({ "atLeast": 2, "of": ["no", "yes"] }), Outcome::Undetermined),
            (json!({ "atLeast": 2, "of": ["yes", "yes"] }), Outcome::Deny),
            (json!({ "atLeast": 2, "of": ["yes", "yes", "no"] }), Outcome::Undetermined),
        ] {
            assert_eq!(outcome(&tree), expected, "{tree}");
        }
    }
}

mod admissions {
    use super::*;

    #[test]
    fn every_image_of_a_pod_is_judged_whatever_its_list() {
        let (world, image) = World::new();
        let spec = json!({ "rules": [
            { "images": ["ghcr.io/good/**"], "static": "allow" },
            { "images": ["ghcr.io/evil/**"], "static": "deny" },
        ] });
        let (good, evil) = (format!("ghcr.io/good/a@{image}"), format!("ghcr.io/evil/a@{image}"));
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let mut request = pod(&[&good]);
            let mut entries = vec![json!({ "name": "a", "image": good }); 2];
            entries.push(json!({ "name": "a", "image": evil }));
            request["object"]["spec"][list] = json!(entries);
            for (operation, subresource) in
                [("CREATE", ""), ("UPDATE", "ephemeralcontainers"), ("UPDATE", "")]
            {
                request["operation"] = json!(operation);
                request["subResource"] = json!(subresource);
                request["object"]["metadata"] = json!({ "deletionTimestamp": NOW });
                let decision = world.decide(&policy(&spec), &asked(&request));
                assert_eq!(decision.outcome, Outcome::Deny, "{list} {operation}");
            }
        }
        let mut request = pod(&[&good]);
        request["object"]["spec"]["volumes"] = json!([{ "name": "v",
            "image": { "reference": evil } }]);
        assert_eq!(world.decide(&policy(&spec), &asked(&request)).outcome, Outcome::Deny);
    }

    /// The object's own kind does not say which images are looked for.
    #[test]
    fn the_kind_is_that_of_the_request() {
        let mut request = pod(&["a"]);
        request["object"]["kind"] = json!("ConfigMap");
        assert_eq!(asked(&request).images.len(), 1);
        let mut request = pod(&["a"]);
        request["kind"]["kind"] = json!("ConfigMap");
        assert!(admission::read(&request, &admission::Kinds::default(), true).is_err());
        for operation in ["CONNECT", "delete", "", "PATCH"] {
            let mut request = pod(&["a"]);
            request["operation"] = json!(operation);
            assert!(
                admission::read(&request, &admission::Kinds::default(), true).is_err(),
                "{operation}"
            );
        }
    }

    /// Each tag is replaced in its own place, by the digest that was judged.
    #[test]
    fn each_tag_is_pinned_to_what_was_judged() {
        let key = Key::p256("k");
        let (mut world, image) = World::new();
        let manifest = world.objects[&image].clone();
        world.bundle(&image, &message_bundle(&manifest, &key));
        let policy = policy(&by_signer(&key));
        let tag = format!("{REPOSITORY}:1");
        let digested = format!("{REPOSITORY}:2@{image}");
        let request = pod(&[&tag, &digested, &tag]);
        let decision = world.decide(&policy, &asked(&request));
        assert_eq!(decision.outcome, Outcome::Allow);
        let object = admission::patched(&request["object"], &decision.patches).unwrap();
        let images: Vec<&str> = object["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["image"].as_str().unwrap())
            .collect();
        let pinned = format!("{REPOSITORY}:1@{image}");
        assert_eq!(images, [pinned.as_str(), digested.as_str(), pinned.as_str()]);
        // Without a way to patch, a tag is not allowed.
        let mut asked = asked(&request);
        asked.can_patch = false;
        let decision = world.decide(&policy, &asked);
        assert_eq!(decision.outcome, Outcome::Deny);
        // One bad image: nothing is changed.
        let request = pod(&[&tag, "ghcr.io/acme/app:none"]);
        let decision = world.decide(&policy, &super::asked(&request));
        assert_ne!(decision.outcome, Outcome::Allow);
        assert!(decision.patches.is_empty());
    }

    /// An update spares an image in its own place, and nothing else.
    #[test]
    fn an_update_spares_only_what_stays_where_it_was() {
        let update = |old: &Value, new: &Value| {
            let request = json!({ "operation": "UPDATE", "kind": { "kind": "Pod" },
                "oldObject": { "spec": old }, "object": { "spec": new } });
            match admission::read(&request, &admission::Kinds::default(), true) {
                Ok(Admission::Pass) => 0,
                Ok(Admission::Judge(request)) => request.images.len(),
                Err(errors) => panic!("{errors:?}"),
            }
        };
        let one = |name: &str, image: &str| json!({ "name": name, "image": image });
        let old = json!({ "containers": [one("a", "x"), one("b", "y")] });
        assert_eq!(update(&old, &old), 0);
        for new in [
            json!({ "containers": [one("a", "y"), one("b", "y")] }),
            json!({ "containers": [one("a", "x"), one("b", "y"), one("c", "x")] }),
            json!({ "containers": [one("a", "x"), one("b", "y ")] }),
            json!({ "containers": [one("a", "x"), one("B", "y")] }),
            json!({ "containers": [one("a", "x"), one("b", "docker.io/library/y")] }),
            json!({ "containers": [one("a", "x")], "initContainers": [one("b", "y")] }),
            json!({ "containers": [one("a", "x")],
                "volumes": [{ "name": "b", "image": { "reference": "y" } }] }),
            json!({ "containers": [one("a", "x"), { "image": "y" }] }),
        ] {
            assert_eq!(update(&old, &new), 1, "{new}");
        }
    }

    #[test]
    fn a_request_that_names_no_image_or_too_many_is_refused() {
        let (world, _) = World::new();
        let policy = policy(&json!({ "unmatched": "allow",
            "rules": [{ "images": ["**"], "static": "allow" }] }));
        for count in [0, 257] {
            let image = ImageRequest { reference: "a".into(), path: None };
            let request = Request {
                images: vec![image; count],
                can_patch: true,
                kind: None,
                ..Request::default()
            };
            let decision = world.decide(&policy, &request);
            assert_eq!(decision.outcome, Outcome::Deny);
            assert!(!decision.errors.is_empty());
        }
    }
}

/// No reason that says "not known" is counted as a failure, and none the other way round.
#[test]
fn exhaustion_is_never_a_denial() {
    for code in [
        Code::BudgetBytes,
        Code::BudgetCandidates,
        Code::BudgetSearch,
        Code::BudgetSignatures,
        Code::EvidenceHostAsserted,
        Code::EvidenceUnavailable,
    ] {
        assert!(code.is_undetermined(), "{code}");
    }
}
