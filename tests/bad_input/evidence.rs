//! Evidence that is broken: the verdict and its reason.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    evidence::Budget,
    policy::Policy,
    reference::Digest,
    time::Time,
    wire::{Answer, Bytes, EvidenceItem, Fetch, Outcome, UnavailableReason},
};
use serde_json::{Value, json};

use crate::{
    support,
    world::{self, World, found},
};

/// A case that is allowed, with no more than it needs.
struct Base {
    policy: Policy,
    now: Time,
    world: World,
}

fn base(id: &str) -> Base {
    let case = support::cases().into_iter().find(|c| c.id == id).unwrap();
    let (policy, now, world) = World::of(&case).unwrap();
    let world = world.reduced(&policy, now);
    Base { policy, now, world }
}

/// A document of the evidence.
#[derive(Clone, Copy, Debug)]
enum Doc {
    Resolve,
    Image,
    /// The manifest under `.sig` or `.att`.
    Tagged,
    List,
    Manifest,
    Blob,
}

impl Base {
    fn at(&self, doc: Doc) -> usize {
        let image = self.world.image().map(str::to_owned);
        let is_it = |item: &EvidenceItem| match (&item.fetch, doc) {
            (Fetch::Resolve { .. }, Doc::Resolve) => true,
            (Fetch::Manifest { digest, .. }, Doc::Image) => Some(digest) == image.as_ref(),
            (Fetch::Manifest { digest, .. }, Doc::Manifest) => Some(digest) != image.as_ref(),
            (Fetch::Tag { tag, .. }, Doc::Tagged) => tag.ends_with(".sig") || tag.ends_with(".att"),
            (Fetch::Tag { tag, .. }, Doc::List) => {
                !(tag.ends_with(".sig") || tag.ends_with(".att")) && found(&item.answer).is_some()
            }
            (Fetch::Referrers { .. }, Doc::List) => found(&item.answer).is_some(),
            (Fetch::Blob { .. }, Doc::Blob) => true,
            _ => false,
        };
        self.world.items.iter().position(is_it).unwrap_or_else(|| panic!("no {doc:?}"))
    }

    fn bytes(&self, doc: Doc) -> &[u8] {
        found(&self.world.items[self.at(doc)].answer).unwrap()
    }

    fn json(&self, doc: Doc) -> Value {
        serde_json::from_slice(self.bytes(doc)).unwrap()
    }

    fn verdict(&self, world: &World) -> (Outcome, String) {
        let decision = world.decide(&self.policy, self.now);
        let reason = decision.images[0].reason.as_ref();
        (decision.outcome, reason.map_or_else(String::new, |r| r.code.to_string()))
    }

    fn answered(&self, doc: Doc, answer: Answer) -> World {
        let mut world = self.world.clone();
        let at = self.at(doc);
        world.items[at].answer = answer;
        world
    }

    fn edited(&self, doc: Doc, edit: impl FnOnce(&mut Value)) -> World {
        let mut document = self.json(doc);
        edit(&mut document);
        self.world.relinked(self.at(doc), document.to_string().into_bytes())
    }

    fn stored(&self, doc: Doc, bytes: impl Into<Vec<u8>>) -> World {
        self.world.relinked(self.at(doc), bytes.into())
    }

    /// With other bytes for the payload of an envelope.
    fn payload(&self, pointer: &str, edit: impl FnOnce(&mut Value)) -> World {
        self.edited(Doc::Blob, |envelope| {
            let slot = envelope.pointer_mut(pointer).unwrap();
            let bytes = STANDARD.decode(slot.as_str().unwrap()).unwrap();
            let mut payload: Value = serde_json::from_slice(&bytes).unwrap();
            edit(&mut payload);
            *slot = STANDARD.encode(payload.to_string()).into();
        })
    }
}

struct Table {
    wrong: Vec<String>,
    rows: usize,
}

impl Table {
    fn row(&mut self, base: &Base, name: &str, world: World, outcome: Outcome, code: &str) {
        self.rows += 1;
        let verdict = base.verdict(&world);
        if verdict != (outcome, code.to_owned()) {
            self.wrong.push(format!("{name}: expected {outcome:?} {code}, found {verdict:?}"));
        }
    }
}

use Outcome::{Deny, Undetermined};

fn words() -> String {
    "words of the registry".to_owned()
}

fn unavailable(reason: UnavailableReason) -> Answer {
    Answer::Unavailable { reason, message: words() }
}

fn asserted(bytes: &[u8]) -> Answer {
    Answer::Found { bytes: Bytes(bytes.to_vec()), media_type: None, reserialised: true }
}

fn image_rows(t: &mut Table, sig: &Base, jws: &Base) {
    let html = "<html><body>502 Bad Gateway</body></html>";
    let malformed = "image.malformed";
    for (name, edit) in [
        ("manifests and layers", json!({ "manifests": [] })),
        (
            "an index's media type",
            json!({ "mediaType": "application/vnd.oci.image.index.v1+json" }),
        ),
        ("a foreign media type", json!({ "mediaType": "application/json" })),
        ("layers that are no list", json!({ "layers": {} })),
        ("a layer without a digest", json!({ "layers": [{}] })),
        ("no config", json!({ "config": null })),
        ("blobs beside layers", json!({ "blobs": [] })),
    ] {
        let world = sig.edited(Doc::Image, |m| {
            m.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone())
        });
        t.row(sig, name, world, Deny, malformed);
    }
    let twice = String::from_utf8(sig.bytes(Doc::Image).to_vec()).unwrap();
    let twice = twice.replacen('{', "{\"layers\":[],", 1);
    t.row(sig, "layers twice", sig.stored(Doc::Image, twice), Deny, malformed);
    t.row(sig, "an image of HTML", sig.stored(Doc::Image, html), Deny, malformed);
    t.row(sig, "an empty image", sig.stored(Doc::Image, ""), Deny, malformed);
    t.row(
        sig,
        "an image of deep lists",
        sig.stored(Doc::Image, "[".repeat(100_000)),
        Deny,
        malformed,
    );
    let layers = vec![json!({ "digest": "sha256:0" }); 10_000];
    let world = sig.edited(Doc::Image, |m| m["layers"] = layers.clone().into());
    t.row(sig, "an image of 10,000 layers", world, Deny, "subject.mismatch");
    t.row(
        sig,
        "an image of 50 MB",
        sig.stored(Doc::Image, vec![b' '; 50 << 20]),
        Undetermined,
        "budget.bytes",
    );
    let mut other = sig.bytes(Doc::Image).to_vec();
    other.push(b' ');
    let world = sig.world.replaced(sig.at(Doc::Image), other);
    t.row(sig, "other bytes than the digest's", world, Undetermined, "evidence.digestMismatch");
    t.row(
        sig,
        "no image",
        sig.answered(Doc::Image, Answer::Absent { message: words() }),
        Deny,
        "evidence.absent",
    );
    t.row(
        sig,
        "a hidden image",
        sig.answered(Doc::Image, Answer::Denied { message: words() }),
        Undetermined,
        "evidence.denied",
    );
    for (reason, code) in [
        (UnavailableReason::Garbled, "evidence.garbled"),
        (UnavailableReason::TooLarge, "budget.bytes"),
        (UnavailableReason::Transport, "evidence.unavailable"),
        (UnavailableReason::Unsupported, "evidence.unsupported"),
    ] {
        t.row(
            sig,
            "image unavailable",
            sig.answered(Doc::Image, unavailable(reason)),
            Undetermined,
            code,
        );
        t.row(
            sig,
            "tag unavailable",
            sig.answered(Doc::Resolve, unavailable(reason)),
            Undetermined,
            code,
        );
    }
    for digest in ["", "sha256:1", "SHA256:00", "latest"] {
        let answer = Answer::Resolved { digest: digest.to_owned() };
        t.row(
            sig,
            "a tag of no digest",
            sig.answered(Doc::Resolve, answer),
            Undetermined,
            "evidence.garbled",
        );
    }
    t.row(
        sig,
        "no tag",
        sig.answered(Doc::Resolve, Answer::Absent { message: words() }),
        Deny,
        "evidence.absent",
    );
    let answer = asserted(jws.bytes(Doc::Image));
    t.row(
        jws,
        "an image on the host's word",
        jws.answered(Doc::Image, answer),
        Undetermined,
        "evidence.hostAsserted",
    );
}

fn legacy_rows(t: &mut Table, sig: &Base) {
    let html = "<html></html>";
    t.row(sig, "HTML under .sig", sig.stored(Doc::Tagged, html), Undetermined, "evidence.garbled");
    t.row(
        sig,
        "no bytes under .sig",
        sig.stored(Doc::Tagged, ""),
        Undetermined,
        "evidence.garbled",
    );
    t.row(
        sig,
        "an index under .sig",
        sig.stored(Doc::Tagged, r#"{"manifests":[]}"#),
        Deny,
        "signatures.none",
    );
    let image = sig.bytes(Doc::Image).to_vec();
    t.row(sig, "the image under .sig", sig.stored(Doc::Tagged, image), Deny, "layer.unexpected");
    t.row(
        sig,
        ".sig absent",
        sig.answered(Doc::Tagged, Answer::Absent { message: words() }),
        Deny,
        "signatures.none",
    );
    t.row(
        sig,
        ".sig hidden",
        sig.answered(Doc::Tagged, Answer::Denied { message: words() }),
        Undetermined,
        "evidence.denied",
    );
    t.row(
        sig,
        "no layers",
        sig.edited(Doc::Tagged, |m| m["layers"] = json!([])),
        Deny,
        "signatures.none",
    );
    let many: Vec<_> = (0..10_000)
        .map(|n| json!({ "mediaType": "a/b", "digest": format!("sha256:{n:064}"), "size": 1 }))
        .collect();
    let world = sig.edited(Doc::Tagged, |m| m["layers"].as_array_mut().unwrap().extend(many));
    t.row(sig, "10,000 layers before the signature", world, Undetermined, "budget.candidates");
    t.row(
        sig,
        "50 MB under .sig",
        sig.stored(Doc::Tagged, vec![b' '; 50 << 20]),
        Undetermined,
        "budget.bytes",
    );
    let signature = "/layers/0/annotations/dev.cosignproject.cosign~1signature";
    for (value, code) in [
        (json!(""), "signature.missing"),
        (json!(1), "signature.missing"),
        (json!("*"), "signature.malformed"),
        (json!("MEUCIDDR"), "signature.invalid"),
        (json!("A".repeat(1 << 20)), "signature.invalid"),
    ] {
        let world = sig.edited(Doc::Tagged, |m| *m.pointer_mut(signature).unwrap() = value);
        t.row(sig, "a signature annotation", world, Deny, code);
    }
    let world =
        sig.edited(Doc::Tagged, |m| m["layers"][0]["mediaType"] = json!("application/json"));
    t.row(sig, "a layer of another type", world, Deny, "layer.unexpected");
    let world = sig.edited(Doc::Tagged, |m| m["layers"][0]["digest"] = json!("sha256:0"));
    t.row(sig, "a layer of no digest", world, Deny, "manifest.malformed");
    let world =
        sig.edited(Doc::Tagged, |m| m["layers"][0]["digest"] = json!(format!("sha256:{:064}", 0)));
    t.row(sig, "a layer that is not there", world, Deny, "layer.unexpected");

    let text = String::from_utf8(sig.bytes(Doc::Blob).to_vec()).unwrap();
    let (malformed, other) = ("payload.malformed", format!("sha256:{:064}", 0));
    for (name, payload, code) in [
        ("critical twice", text.replacen('{', "{\"critical\":{},", 1), malformed),
        ("type twice", text.replace("\"type\":", "\"type\":\"x\",\"type\":"), malformed),
        ("an escaped duplicate", text.replacen('{', "{\"cr\\u0069tical\":{},", 1), malformed),
        ("no critical", text.replace("critical", "uncritical"), malformed),
        ("another type", text.replace("container image", "container"), "payload.type"),
        ("another image", text.replace(sig.world.image().unwrap(), &other), "subject.mismatch"),
        ("a list as optional", text.replace("null", "[]"), malformed),
        (
            "a statement",
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x"}"#
                .into(),
            malformed,
        ),
        ("an added annotation", text.replace("null", "{\"a\":\"b\"}"), "signature.invalid"),
        ("white space", format!("{text} "), "signature.invalid"),
        ("HTML", html.into(), malformed),
        ("nothing", String::new(), malformed),
    ] {
        t.row(sig, name, sig.stored(Doc::Blob, payload), Deny, code);
    }
    t.row(
        sig,
        "a payload of 50 MB",
        sig.stored(Doc::Blob, vec![b' '; 50 << 20]),
        Undetermined,
        "budget.bytes",
    );
}

fn attestation_rows(t: &mut Table, att: &Base) {
    let other = format!("{:064}", 0);
    let mismatch = "subject.mismatch";
    let subject = |value: Value| att.payload("/payload", |s| s["subject"] = value);
    t.row(
        att,
        "another subject",
        subject(json!([{ "digest": { "sha256": other } }])),
        Deny,
        mismatch,
    );
    t.row(att, "a subject without digests", subject(json!([{ "digest": {} }])), Deny, mismatch);
    t.row(
        att,
        "an unknown algorithm",
        subject(json!([{ "digest": { "gitCommit": other } }])),
        Deny,
        mismatch,
    );
    let ours = att.world.image().unwrap().trim_start_matches("sha256:").to_owned();
    t.row(
        att,
        "a conflicting digest",
        subject(json!([{ "digest": { "sha256": ours, "sha512": "0" } }])),
        Deny,
        mismatch,
    );
    t.row(
        att,
        "a subject in upper case",
        subject(json!([{ "digest": { "sha256": ours.to_uppercase() } }])),
        Deny,
        mismatch,
    );
    t.row(
        att,
        "ours, not signed",
        subject(json!([{ "digest": { "sha256": ours } }])),
        Deny,
        "signature.invalid",
    );
    let malformed = "statement.malformed";
    let many = vec![json!({ "digest": { "sha256": ours } }); 10_000];
    t.row(att, "10,000 subjects", subject(many.into()), Deny, malformed);
    t.row(att, "no subject", subject(json!([])), Deny, malformed);
    t.row(att, "subjects that are no list", subject(json!({})), Deny, malformed);
    let world = att.payload("/payload", |s| s["_type"] = json!("https://in-toto.io/Statement/v2"));
    t.row(att, "a statement of another version", world, Deny, malformed);
    let world = att
        .payload("/payload", |s| s["predicateType"] = json!("https://sigstore.dev/cosign/sign/v1"));
    t.row(att, "a signature posing as an attestation", world, Deny, "payload.notAttestation");
    let world = att.payload("/payload", |s| s["predicateType"] = json!("x:y"));
    t.row(att, "an attestation of another type", world, Deny, "attestation.type");
    let envelope = "envelope.malformed";
    let signature = att.json(Doc::Blob)["signatures"][0].clone();
    for (name, pointer, value, code) in [
        ("17 signatures", "signatures", vec![signature; 17].into(), envelope),
        ("no signature", "signatures", json!([]), envelope),
        ("a signature that is not base64", "signatures", json!([{ "sig": "*" }]), envelope),
        ("a payload that is not base64", "payload", json!("*"), envelope),
        ("an unknown member", "x", json!(1), envelope),
        ("another payload type", "payloadType", json!("text/plain"), "payload.type"),
        ("HTML as payload", "payload", json!(STANDARD.encode("<html>")), malformed),
    ] {
        let world = att.edited(Doc::Blob, |e| e[pointer] = value);
        t.row(att, name, world, Deny, code);
    }
    t.row(att, "an envelope of HTML", att.stored(Doc::Blob, "<html>"), Deny, envelope);
    let simple = r#"{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":""},"type":"cosign container image signature"},"optional":null}"#;
    t.row(
        att,
        "a simple-signing payload posing as an envelope",
        att.stored(Doc::Blob, simple),
        Deny,
        envelope,
    );
    let text = String::from_utf8(att.bytes(Doc::Blob).to_vec()).unwrap();
    let world = att.stored(Doc::Blob, text.replacen('{', "{\"payload\":\"AA==\",", 1));
    t.row(att, "payload twice", world, Deny, envelope);
}

fn bundle_rows(t: &mut Table, bundle: &Base) {
    let envelope = "envelope.malformed";
    let signature = bundle.json(Doc::Blob)["dsseEnvelope"]["signatures"][0].clone();
    for (name, pointer, value, code) in [
        ("two signatures", "/dsseEnvelope/signatures", json!([signature, signature]), envelope),
        ("no signature", "/dsseEnvelope/signatures", json!([]), envelope),
        (
            "an unknown version",
            "/mediaType",
            json!("application/vnd.dev.sigstore.bundle.v0.4+json"),
            envelope,
        ),
        ("no material", "/verificationMaterial", json!({}), envelope),
        ("two materials", "/verificationMaterial/certificate", json!({ "rawBytes": "" }), envelope),
        ("two contents", "/messageSignature", json!({ "signature": "AA==" }), envelope),
        ("an unknown member", "/x", json!(1), envelope),
        ("another payload type", "/dsseEnvelope/payloadType", json!("x"), "payload.type"),
    ] {
        let world = bundle.edited(Doc::Blob, |b| {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            b.pointer_mut(parent).unwrap()[member] = value;
        });
        t.row(bundle, name, world, Deny, code);
    }
    let payload = "/dsseEnvelope/payload";
    let world =
        bundle.payload(payload, |s| s["predicateType"] = json!("https://slsa.dev/provenance/v1"));
    t.row(bundle, "an attestation posing as a signature", world, Deny, "payload.notSignature");
    let world = bundle.payload(payload, |s| s["subject"][0]["digest"]["sha256"] = json!("0"));
    t.row(bundle, "another subject", world, Deny, "subject.mismatch");
    t.row(bundle, "a bundle of HTML", bundle.stored(Doc::Blob, "<html>"), Deny, envelope);
    t.row(
        bundle,
        "a bundle of 50 MB",
        bundle.stored(Doc::Blob, vec![b' '; 50 << 20]),
        Undetermined,
        "budget.bytes",
    );
    t.row(
        bundle,
        "no bundle",
        bundle.answered(Doc::Blob, Answer::Absent { message: words() }),
        Deny,
        "layer.unexpected",
    );
    list_rows(t, bundle);
    t.row(
        bundle,
        "no layer",
        bundle.edited(Doc::Manifest, |m| m["layers"] = json!([])),
        Deny,
        "layer.unexpected",
    );
    let layer = bundle.json(Doc::Manifest)["layers"][0].clone();
    let world = bundle.edited(Doc::Manifest, |m| m["layers"] = json!([layer, layer]));
    t.row(bundle, "two layers", world, Deny, "layer.unexpected");
    let world = bundle.edited(Doc::Manifest, |m| {
        m["mediaType"] = json!("application/vnd.oci.image.index.v1+json")
    });
    t.row(bundle, "an index's media type", world, Deny, "manifest.malformed");
}

fn list_rows(t: &mut Table, base: &Base) {
    let image = base.bytes(Doc::Image).to_vec();
    t.row(
        base,
        "the image as its own list",
        base.stored(Doc::List, image),
        Deny,
        "signatures.none",
    );
    t.row(
        base,
        "an empty list",
        base.stored(Doc::List, r#"{"manifests":[]}"#),
        Deny,
        "signatures.none",
    );
    for (name, text) in [
        ("HTML", "<html>"),
        ("nothing", ""),
        ("manifests and layers", r#"{"manifests":[],"layers":[],"config":{"digest":""}}"#),
        ("a list that is none", r#"{"manifests":{}}"#),
    ] {
        t.row(base, name, base.stored(Doc::List, text), Undetermined, "evidence.garbled");
    }
    let kind = base.json(Doc::List)["manifests"][0]["artifactType"].clone();
    let garbage = |count: usize| -> Vec<Value> {
        (0..count)
            .map(
                |n| json!({ "artifactType": kind, "digest": format!("sha256:{n:064}"), "size": 1 }),
            )
            .collect()
    };
    let world =
        base.edited(Doc::List, |l| l["manifests"].as_array_mut().unwrap().extend(garbage(20_000)));
    t.row(base, "20,000 referrers", world, Undetermined, "budget.candidates");
    let world =
        base.edited(Doc::List, |l| l["manifests"].as_array_mut().unwrap().extend(garbage(100_000)));
    t.row(base, "100,000 referrers", world, Undetermined, "budget.bytes");
    t.row(
        base,
        "a manifest of HTML",
        base.stored(Doc::Manifest, "<html>"),
        Deny,
        "manifest.malformed",
    );
    let mut other = base.bytes(Doc::Manifest).to_vec();
    other.push(b' ');
    let world = base.world.replaced(base.at(Doc::Manifest), other);
    t.row(
        base,
        "another manifest than the digest's",
        world,
        Undetermined,
        "evidence.digestMismatch",
    );
}

fn notation_rows(t: &mut Table, jws: &Base, cose: &Base) {
    list_rows(t, jws);
    let envelope = "envelope.malformed";
    t.row(
        jws,
        "no layer",
        jws.edited(Doc::Manifest, |m| m["layers"] = json!([])),
        Deny,
        "layer.unexpected",
    );
    let layer = jws.json(Doc::Manifest)["layers"][0].clone();
    let world = jws.edited(Doc::Manifest, |m| m["layers"] = json!([layer, layer]));
    t.row(jws, "two layers", world, Deny, "layer.unexpected");
    let world =
        jws.edited(Doc::Manifest, |m| m["layers"][0]["mediaType"] = json!("application/json"));
    t.row(jws, "another envelope", world, Deny, "envelope.unsupported");
    let world =
        jws.edited(Doc::Manifest, |m| m["layers"][0]["mediaType"] = json!("application/cose"));
    t.row(jws, "JWS posing as COSE", world, Deny, envelope);
    t.row(jws, "JWS of HTML", jws.stored(Doc::Blob, "<html>"), Deny, envelope);
    t.row(jws, "deep JWS", jws.stored(Doc::Blob, "{\"a\":".repeat(100_000)), Deny, envelope);
    let world = jws.edited(Doc::Blob, |e| e["signature"] = json!(""));
    t.row(jws, "an empty signature", world, Deny, "signature.missing");
    let world = jws.edited(Doc::Blob, |e| e["x"] = json!(1));
    t.row(jws, "an unknown member", world, Deny, envelope);
    let bytes = cose.bytes(Doc::Blob).to_vec();
    for cut in [0, 1, 2, bytes.len() / 2] {
        t.row(cose, "COSE cut off", cose.stored(Doc::Blob, &bytes[..cut]), Deny, envelope);
    }
    let longer = [&bytes[..], &[0]].concat();
    t.row(cose, "COSE with a tail", cose.stored(Doc::Blob, longer), Deny, envelope);
    let deep = [&b"\xd2\x84"[..], &vec![0x81; 100_000]].concat();
    t.row(cose, "deep COSE", cose.stored(Doc::Blob, deep), Deny, "envelope.unsupported");
    let huge = b"\xd2\x84\x5b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    t.row(cose, "COSE that claims to be huge", cose.stored(Doc::Blob, huge), Deny, envelope);
}

#[test]
fn broken_evidence_is_never_allowed() {
    let sig = base("cosign-a-cosign-p256-right-key");
    let att = base("attestation-a-att-vuln");
    let bundle = base("cosign-b-cosign-p256-right-key");
    let (jws, cose) = (base("notation-jws-p256"), base("notation-cose-p256"));
    let mut table = Table { wrong: Vec::new(), rows: 0 };
    image_rows(&mut table, &sig, &jws);
    legacy_rows(&mut table, &sig);
    attestation_rows(&mut table, &att);
    bundle_rows(&mut table, &bundle);
    notation_rows(&mut table, &jws, &cose);
    println!("bad input: {} rows of evidence", table.rows);
    assert!(table.rows >= 100);
    assert!(table.wrong.is_empty(), "{}", table.wrong.join("\n"));
}

/// In every case, every answer by digest with other bytes, and every answer of another kind.
#[test]
fn answers_that_do_not_fit_the_question_are_undetermined() {
    let mut rows = 0;
    for case in support::cases() {
        let Some((policy, now, world)) = World::of(&case) else {
            continue;
        };
        if !world.is_allowed(&policy, now) {
            continue;
        }
        let world = world.reduced(&policy, now);
        let base = Base { policy, now, world };
        for at in 0..base.world.items.len() {
            if !base.world.is_consumed(at, &base.policy, base.now) {
                continue;
            }
            let item = &base.world.items[at];
            if let (Some(_), Some(bytes)) = (world::digest(&item.fetch), found(&item.answer)) {
                let changed = base.world.replaced(at, [bytes, b"\n"].concat());
                let verdict = base.verdict(&changed);
                assert_eq!(
                    verdict,
                    (Undetermined, "evidence.digestMismatch".into()),
                    "{}",
                    case.id
                );
                rows += 1;
            }
            let mut other = base.world.clone();
            other.items[at].answer = match &item.fetch {
                Fetch::Resolve { .. } => asserted(b"{}"),
                _ => Answer::Resolved { digest: Digest::sha256(b"").to_string() },
            };
            let verdict = base.verdict(&other);
            assert_eq!(verdict, (Undetermined, "evidence.garbled".into()), "{} #{at}", case.id);
            rows += 1;
        }
    }
    println!("bad input: {rows} answers that do not fit");
    assert!(rows > 200);
}

/// However long the words of an attacker are, the answer is short.
#[test]
fn hostile_texts_are_cut_off() {
    let long = "x".repeat(1 << 20);
    let sig = base("cosign-a-cosign-p256-right-key");
    let att = base("attestation-a-att-vuln");
    let payload = String::from_utf8(sig.bytes(Doc::Blob).to_vec()).unwrap();
    for (base, world) in [
        (&sig, sig.stored(Doc::Blob, payload.replace("container image", &long))),
        (&sig, sig.edited(Doc::Tagged, |m| m["layers"][0]["digest"] = json!(long))),
        (&sig, sig.edited(Doc::Tagged, |m| m["layers"][0]["mediaType"] = json!(long))),
        (&sig, sig.edited(Doc::Image, |m| m["mediaType"] = json!(long))),
        (&sig, sig.answered(Doc::Image, Answer::Denied { message: long.clone() })),
        (&att, att.payload("/payload", |s| s["predicateType"] = json!(long))),
        (&att, att.payload("/payload", |s| s["_type"] = json!(long))),
        (&att, att.edited(Doc::Blob, |e| e["payloadType"] = json!(long))),
        (&att, att.edited(Doc::Blob, |e| e[long.as_str()] = json!(1))),
    ] {
        let decision = world.decide(&base.policy, base.now);
        assert_ne!(decision.outcome, Outcome::Allow);
        let bytes = serde_json::to_vec(&decision).unwrap().len();
        assert!(
            bytes < 100_000,
            "{bytes} bytes: {:.200}",
            decision.images[0].reason.as_ref().unwrap().message
        );
    }
}

/// A leaf of a good CA with a weak key that really signed; one with a good key is allowed.
#[test]
fn weak_keys_in_certificates_are_refused() {
    let read = |name: &str| {
        let path = support::corpora().join("../tests/cases/weak-keys").join(name);
        fs::read_to_string(path).unwrap()
    };
    let policy = Policy::parse(&json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "own": { "x509": { "roots": [read("root.pem")] } } },
            "authorities": { "corp": { "cosign": { "trust": "own", "certificate": { "subject": "signer@acme.test" } } } },
            "rules": [{ "images": ["**"], "require": "corp" }],
        },
    }))
    .unwrap();
    let (image, payload) = (read("image.json"), read("payload.json"));
    let digest = Digest::sha256(image.as_bytes());
    let layer = Digest::sha256(payload.as_bytes());
    let budget = Budget::default();
    let repository = "r.io/a".to_owned();
    let raw = |text: &str| Answer::Found {
        bytes: Bytes(text.as_bytes().to_vec()),
        media_type: None,
        reserialised: false,
    };
    for (name, expected) in [
        ("leaf-p256", (Outcome::Allow, String::new())),
        ("leaf-p224", (Deny, "key.weak".to_owned())),
        ("leaf-rsa1024", (Deny, "key.weak".to_owned())),
    ] {
        let manifest = json!({
            "schemaVersion": 2,
            "config": { "digest": layer.as_str() },
            "layers": [{
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": layer.as_str(),
                "annotations": {
                    "dev.cosignproject.cosign/signature": read(&format!("{name}.sig")),
                    "dev.sigstore.cosign/certificate": read(&format!("{name}.pem")),
                },
            }],
        });
        let world = World {
            request: support::request(&format!("r.io/a@{digest}")),
            items: vec![
                EvidenceItem {
                    fetch: Fetch::Manifest {
                        repository: repository.clone(),
                        digest: digest.to_string(),
                        max_bytes: budget.manifest_bytes,
                    },
                    answer: raw(&image),
                },
                EvidenceItem {
                    fetch: Fetch::Tag {
                        repository: repository.clone(),
                        tag: format!("{}.sig", digest.tag()),
                        max_bytes: budget.manifest_bytes,
                    },
                    answer: raw(&manifest.to_string()),
                },
                EvidenceItem {
                    fetch: Fetch::Blob {
                        repository: repository.clone(),
                        digest: layer.to_string(),
                        max_bytes: budget.blob_bytes,
                    },
                    answer: raw(&payload),
                },
            ],
        };
        let now = Time::parse("2027-01-01T00:00:00Z").unwrap();
        let decision = world.decide(&policy, now);
        let code = decision.images[0].reason.as_ref().map(|r| r.code.to_string());
        assert_eq!((decision.outcome, code.unwrap_or_default()), expected, "{name}");
    }
}
