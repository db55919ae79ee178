//! Evidence packs on a stock host: every family, in two callbacks.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use countersign::{
    json,
    pack::PackedList,
    time::Time,
    wire::{ImageRequest, Request},
};
use countersign_host::{
    driver::{Evaluator, Question, decide},
    pack::Pack,
    runtime::{HostCallbacks, Outcome, RuntimeError},
    source::{Layout, Selector},
};
use serde_json::{Value, json};

use crate::{
    call_at, corpora, module, pod,
    roads::{only_the_image, with_annotation},
    settings,
    stock::Stock,
};

/// A case of the corpora.
pub(crate) struct Case {
    id: String,
    pub(crate) policy: Value,
    now: String,
    expect: String,
    pub(crate) layout: String,
}

fn cases() -> Vec<Case> {
    let cases = fs::read(corpora().join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let read = |case: &Value| {
        let text = |member: &str| case[member].as_str().unwrap().to_owned();
        let reference = text("reference");
        let layout = reference.trim_start_matches("oci-layout:layouts/").split(':').next();
        Case {
            id: text("id"),
            policy: case["policy"].clone(),
            now: text("now"),
            expect: text("expect"),
            layout: layout.unwrap().to_owned(),
        }
    };
    cases.iter().map(read).collect()
}

/// The core without the module around it, over the layout itself.
struct Core;

impl Evaluator for Core {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        Ok(Outcome::from(countersign::step_json(request)))
    }
}

impl Case {
    pub(crate) fn of(id: &str) -> Self {
        cases().into_iter().find(|case| case.id == id).unwrap()
    }

    /// The reason code that a host has that fetches everything.
    fn reason(&self) -> Option<String> {
        let directory = corpora().join("layouts").join(&self.layout);
        let layout = Layout::open(&directory, Some(Selector::Tag("1".to_owned())), None).unwrap();
        let image = ImageRequest { reference: layout.reference().to_owned(), path: None };
        let request = Request { images: vec![image], ..Request::default() };
        let question =
            Question { policy: &self.policy, request: &request, now: &self.now, budget: None };
        let decision = decide(&Core, &layout, &question).unwrap().decision;
        Some(decision.images[0].reason.as_ref()?.code.to_string())
    }

    /// The host, with the image under the name that it was signed by.
    pub(crate) fn host(&self) -> Stock {
        let repository = format!("127.0.0.1:5001/{}", self.layout.replacen('-', "/", 1));
        Stock::new(&self.layout, Some(&repository))
    }

    pub(crate) fn validate(&self, host: &Arc<Stock>) -> Value {
        self.validate_pod(&pod(&host.image()), host)
    }

    pub(crate) fn validate_pod(&self, pod: &Value, host: &Arc<Stock>) -> Value {
        let now = Time::parse(&self.now).unwrap().unix();
        let now = u64::try_from(now).unwrap() * 1_000_000_000;
        let payload = json!({ "request": pod, "settings": self.policy });
        call_at(module(), "validate", &payload, host.clone(), now)
    }

    /// The attestation that counts is the youngest.
    pub(crate) fn select_latest(&mut self) {
        let require = &mut self.policy["spec"]["rules"][0]["require"];
        let attestation = find(require, "attestation").expect("an attestation");
        attestation["select"] = json!("latest");
        attestation["maxAge"] = json!("500w");
    }

    fn family(&self) -> &'static str {
        match self.id.split('-').collect::<Vec<_>>().as_slice() {
            ["cosign", "a", ..] => "Cosign, tags",
            ["cosign", "b", ..] | ["bundle", ..] => "Sigstore bundles",
            ["keyless", ..] => "keyless",
            ["attestation" | "provenance", "a", ..] => "attestations, tags",
            ["attestation" | "provenance", ..] => "attestations, bundles",
            _ => "Notation",
        }
    }
}

fn find<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(map) => {
            map.iter_mut().find_map(|(key, v)| if key == name { Some(v) } else { find(v, name) })
        }
        Value::Array(list) => list.iter_mut().find_map(|v| find(v, name)),
        _ => None,
    }
}

fn message(answer: &Value) -> &str {
    answer["message"].as_str().unwrap_or_default()
}

#[test]
fn every_case_has_its_verdict_from_its_pack_in_two_callbacks() {
    let mut table: BTreeMap<_, BTreeMap<usize, usize>> = BTreeMap::new();
    for case in cases() {
        let host = Arc::new(case.host().packed());
        let answer = case.validate(&host);
        let allowed = case.expect == "allow";
        assert_eq!(answer["accepted"], json!(allowed), "{}: {answer}", case.id);
        let asked = host.asked();
        if allowed {
            assert_eq!(asked.len(), 2, "{}: {asked:#?}", case.id);
            let roads = answer["audit_annotations"]["images"].as_str().unwrap();
            assert!(roads.ends_with("allowed; evidence: evidence pack"), "{}: {roads}", case.id);
        } else {
            assert!(asked.len() <= 6, "{}: {asked:#?}", case.id);
            let reason = case.reason().unwrap();
            assert!(message(&answer).contains(&format!("({reason})")), "{}: {answer}", case.id);
        }
        let key = (case.family(), if allowed { "allowed" } else { "refused" });
        *table.entry(key).or_default().entry(asked.len()).or_default() += 1;
    }
    println!("callbacks with a pack, and how many cases take so many: {table:#?}");
}

#[test]
fn without_a_pack_nothing_is_allowed_that_should_not_be_and_what_is_missing_is_named() {
    let mut table: BTreeMap<_, BTreeMap<usize, usize>> = BTreeMap::new();
    for case in cases() {
        let host = Arc::new(case.host());
        let answer = case.validate(&host);
        let accepted = answer["accepted"] == json!(true);
        assert!(!accepted || case.expect == "allow", "{}: {answer}", case.id);
        let asked = host.asked();
        assert!(asked.len() <= 10, "{}: {asked:#?}", case.id);
        for (i, question) in asked.iter().enumerate() {
            assert!(!asked[..i].contains(question), "{}: {question} twice", case.id);
        }
        if !accepted && case.expect == "allow" {
            let repository = host.image().rsplit_once(':').unwrap().0.to_owned();
            let command = format!("run `countersign evidence push {repository}@sha256:");
            assert!(message(&answer).contains(&command), "{}: {answer}", case.id);
            assert!(message(&answer).contains("undetermined"), "{}: {answer}", case.id);
            assert!(message(&answer).contains("evidence pack (none)"), "{}: {answer}", case.id);
        }
        let key = (case.family(), if accepted { "allowed" } else { "refused" });
        *table.entry(key).or_default().entry(asked.len()).or_default() += 1;
    }
    println!("callbacks without a pack, and how many cases take so many: {table:#?}");
}

/// Nothing but the image itself and its pack.
fn only_the_pack(tag: &str) -> bool {
    tag.starts_with("sha256-") && !tag.ends_with(".evidence")
}

#[test]
fn a_broken_byte_in_a_pack_breaks_the_verdict() {
    let mut tried = 0;
    for case in cases().iter().filter(|case| case.expect == "allow").step_by(3) {
        let whole = case.host().pack();
        // Cosign's payloads are rebuilt, and not taken from the pack.
        let is_rebuilt = case.family() == "Cosign, tags" || case.layout == "b-legacy";
        for part in usize::from(is_rebuilt)..2 {
            let mut pack = whole.clone();
            let flip = |bytes: &mut countersign::wire::Bytes| {
                let middle = bytes.0.len() / 2;
                bytes.0[middle] ^= 1;
            };
            pack.blobs.iter_mut().for_each(|blob| flip(&mut blob.content));
            // Alone they would be asked for by digest.
            if part == 1 {
                pack.manifests.iter_mut().for_each(|found| flip(&mut found.content));
            }
            let mut host = Stock { hidden: only_the_pack, ..case.host() };
            host.push(pack.to_json());
            let answer = case.validate(&Arc::new(host));
            assert_eq!(answer["accepted"], json!(false), "{} {part}: {answer}", case.id);
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn what_is_listed_and_not_packed_makes_the_pack_stale_and_is_no_denial() {
    let case = Case::of("cosign-b-cosign-p256-right-key");
    let mut host = case.host();
    // As it was before anybody signed.
    let mut pack = Pack::of(&host.digest(), []);
    let image = host.digest();
    pack.manifests = host.pack().manifests.into_iter().filter(|m| m.digest == image).collect();
    host.push(pack.to_json());
    let answer = case.validate(&Arc::new(host));
    let words = message(&answer);
    assert!(words.contains("undetermined") && words.contains("(pack.stale)"), "{answer}");
    assert!(words.contains("run `countersign evidence push "), "{answer}");
}

#[test]
fn an_old_pack_hides_no_signature_that_a_tag_has() {
    let case = Case::of("cosign-a-cosign-p256-right-key");
    let mut host = case.host();
    let mut pack = host.pack();
    pack.tags.clear();
    pack.blobs.clear();
    pack.not_found.tags = vec![format!("{}.sig", host.digest().replace(':', "-"))];
    host.push(pack.to_json());
    let host = Arc::new(host);
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(host.asked().len(), 4, "{:?}", host.asked());
}

#[test]
fn younger_packs_are_read_where_tags_do_not_move() {
    let case = Case::of("notation-jws-p256");
    let mut host = Stock { hidden: only_the_pack, ..case.host() };
    let mut old = host.pack();
    old.blobs.clear();
    host.push(old.to_json());
    let second = format!("{}.2", host.evidence_tag());
    host.configs.insert(second, host.pack().to_json().into_bytes());
    let host =
        Arc::new(Stock { hidden: |tag| only_the_pack(tag) && !tag.contains(".evidence."), ..host });
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    let roads = answer["audit_annotations"]["images"].as_str().unwrap();
    assert!(roads.ends_with("evidence pack, evidence pack 2"), "{roads}");
    assert_eq!(host.asked().len(), 4, "{:?}", host.asked());
}

#[test]
fn what_lies_under_the_first_tag_hides_no_younger_pack() {
    let case = Case::of("notation-jws-p256");
    for junk in ["{}", "[0, 0]", "null"] {
        let mut host = Stock { hidden: only_the_pack, ..case.host() };
        host.push(junk);
        let second = format!("{}.2", host.evidence_tag());
        host.configs.insert(second, host.pack().to_json().into_bytes());
        let hidden = |tag: &str| only_the_pack(tag) && !tag.contains(".evidence.");
        let answer = case.validate(&Arc::new(Stock { hidden, ..host }));
        assert_eq!(answer["accepted"], json!(true), "{junk}: {answer}");
    }
}

#[test]
fn an_old_pack_proves_no_absence_where_a_younger_one_cannot_be_read() {
    let mut case = Case::of("attestation-b-sc-vuln");
    case.select_latest();
    let host = || Stock { hidden: only_the_image, ..case.host().packed() };
    let answer = case.validate(&Arc::new(host()));
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    let down = |tag: &str| tag.ends_with(".evidence.2");
    let hidden = |tag: &str| only_the_image(tag) && !tag.contains(".evidence");
    let answer = case.validate(&Arc::new(Stock { hidden, down, ..host() }));
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    assert!(message(&answer).contains("the youngest evidence pack was not read"), "{answer}");
}

#[test]
fn a_fallback_tag_proves_no_absence() {
    // Whoever pushes with an old tool writes it, and a registry with the API lists more.
    let mut case = Case::of("attestation-b-sc-vuln");
    case.select_latest();
    let host = Arc::new(case.host());
    let pack: Value = serde_json::from_str(&host.pack().to_json()).unwrap();
    assert!(!pack["tags"].as_array().unwrap().is_empty(), "the layout has the tag");
    let answer = case.validate_pod(&with_annotation(&host.image(), &pack), &host);
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    assert!(message(&answer).contains("undetermined"), "{answer}");
}

#[test]
fn a_list_of_what_is_not_there_takes_no_callback_from_the_tags() {
    let case = Case::of("cosign-a-cosign-p256-right-key");
    let mut host = case.host();
    let entry = |n: usize| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{n:064}"), "size": 1000,
            "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        })
    };
    let list = json!({ "schemaVersion": 2, "manifests": (0..90).map(entry).collect::<Vec<_>>() });
    let mut pack = Pack::of(&host.digest(), []);
    let content = countersign::wire::Bytes(list.to_string().into_bytes());
    pack.referrers.push(PackedList { subject: host.digest(), content });
    host.push(pack.to_json());
    let host = Arc::new(host);
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert!(host.asked().len() <= 5, "{:?}", host.asked());
}

#[test]
fn a_tag_that_cannot_be_read_hides_nothing_for_sure() {
    let mut case = Case::of("attestation-a-att-vuln");
    let host = Arc::new(case.host().packed());
    let tag = format!("{}.att", host.digest().replace(':', "-"));
    let bytes =
        br#"{"schemaVersion":2,"config":{"mediaType":"m","digest":"d","size":0},"layers":[0]}"#;
    let digest = countersign_host::registry::sha256_of(bytes);
    let base64 = json!(countersign::wire::Bytes(bytes.to_vec()));
    let carried = json!({
        "apiVersion": "countersign.dev/pack/v1", "subject": host.digest(),
        "manifests": [{ "digest": digest, "content": base64 }],
        "tags": [{ "name": tag, "digest": digest }],
    });
    case.select_latest();
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    let answer = case.validate_pod(&with_annotation(&host.image(), &carried), &host);
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    assert!(message(&answer).contains("(evidence.garbled)"), "{answer}");
}

#[test]
fn the_workload_and_the_cluster_bring_every_family_too() {
    for case in cases().iter().filter(|case| case.expect == "allow") {
        let pack = case.host().pack().to_json();
        let host = Stock { hidden: only_the_pack, ..case.host() };
        let mut request = pod(&host.image());
        request["object"]["metadata"]["annotations"] = json!({ "countersign.dev/evidence": pack });
        let host = Arc::new(host);
        let answer = case.validate_pod(&request, &host);
        assert_eq!(answer["accepted"], json!(true), "{}: {answer}", case.id);
        assert_eq!(host.asked().len(), 1, "{}: {:?}", case.id, host.asked());
        let mut host = Stock { hidden: only_the_pack, ..case.host() };
        let name = host.evidence_tag();
        host.put("ConfigMap", "evidence", &name, json!({ "data": { "pack.json": pack } }));
        let mut case = Case::of(&case.id);
        case.policy["spec"]["evidence"] = json!({ "configMaps": { "namespace": "evidence" } });
        let host = Arc::new(host);
        let answer = case.validate(&host);
        assert_eq!(answer["accepted"], json!(true), "{}: {answer}", case.id);
        assert_eq!(host.asked().len(), 2, "{}: {:?}", case.id, host.asked());
    }
}

#[test]
fn what_is_not_its_digest_hides_nothing_that_a_tag_has() {
    let case = Case::of("cosign-a-cosign-p256-right-key");
    let mut host = case.host();
    let mut pack = host.pack();
    for found in &mut pack.manifests {
        found.content.0.push(b' ');
    }
    host.push(pack.to_json());
    let answer = case.validate(&Arc::new(host));
    assert_eq!(answer["accepted"], json!(true), "{answer}");
}

#[test]
fn a_pack_that_cannot_be_read_is_said_and_the_other_roads_are_taken() {
    let case = Case::of("cosign-a-cosign-p256-right-key");
    let other = case.validate(&Arc::new(Stock::new("a-unsigned", None).packed()));
    for (config, words) in [
        (&b"\xff"[..], "Cannot parse config as UTF-8 string"),
        (b"{}", "neither an evidence pack nor an envelope"),
        (b"{\"apiVersion\":\"countersign.dev/pack/v9\"", "EOF while parsing"),
        (b"<html>", "expected value"),
    ] {
        let mut host = case.host();
        host.push(config);
        let answer = case.validate(&Arc::new(host));
        assert_eq!(answer["accepted"], json!(true), "{words}: {answer}");
        let roads = answer["audit_annotations"]["images"].as_str().unwrap();
        assert!(roads.contains(words) && roads.contains("sha256-….sig"), "{roads}");
    }
    assert_eq!(other["accepted"], json!(false));
}

#[test]
fn a_policy_without_the_capability_is_told_which_to_grant() {
    let case = Case::of("notation-jws-p256");
    let mut host = case.host().packed();
    host.refused.insert("oci/v1/oci_manifest_config");
    let answer = case.validate(&Arc::new(host));
    let grant = "next: the policy is not granted `hostCapabilities: oci/v1/oci_manifest_config`";
    assert!(message(&answer).contains(grant), "{answer}");
}

#[test]
fn one_image_in_eight_containers_costs_as_much_as_in_one() {
    let case = Case::of("notation-cose-p256");
    let host = Arc::new(case.host().packed());
    let mut request = pod(&host.image());
    let one = request["object"]["spec"]["containers"][0].clone();
    let containers = (0..8).map(|i| {
        let mut container = one.clone();
        container["name"] = json!(format!("c{i}"));
        container
    });
    request["object"]["spec"]["containers"] = containers.collect();
    let answer = case.validate_pod(&request, &host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(host.asked().len(), 2, "{:?}", host.asked());
    let pinned = answer["mutated_object"]["spec"]["containers"].as_array().unwrap();
    assert!(pinned.iter().all(|c| c["image"].as_str().unwrap().contains("@sha256:")));
}

#[test]
fn an_image_by_digest_needs_one_callback() {
    let case = Case::of("keyless-exact");
    let host = Arc::new(case.host().packed());
    let image = format!("{}@{}", host.image(), host.digest());
    let answer = case.validate_pod(&pod(&image), &host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(host.asked().len(), 1, "{:?}", host.asked());
}

#[test]
fn a_slow_registry_leaves_time_for_two_callbacks_and_what_is_missing_is_said() {
    let case = Case::of("cosign-b-cosign-p256-right-key");
    let slow = |each, host: Stock| Stock { each: Duration::from_millis(each), ..host };
    // A cold cache and 100 ms a request: from the pack, and from the tag of a legacy signature.
    let host = Arc::new(slow(100, case.host().packed()));
    assert_eq!(case.validate(&host)["accepted"], json!(true));
    let legacy = Case::of("cosign-a-cosign-p256-right-key");
    let host = Arc::new(slow(100, legacy.host()));
    assert_eq!(legacy.validate(&host)["accepted"], json!(true), "{:?}", host.asked());
    // What cannot be finished is said, before policy-server's time is over.
    for (each, packed, next) in [
        (150, true, "allowed"),
        (200, true, "raise the policy's `timeoutEvalSeconds`"),
        (150, false, "countersign evidence push"),
    ] {
        let host = case.host();
        let host = Arc::new(slow(each, if packed { host.packed() } else { host }));
        let answer = case.validate(&host);
        assert!(host.elapsed() < Duration::from_millis(1_000), "{each}: {:?}", host.asked());
        if next == "allowed" {
            assert_eq!(answer["accepted"], json!(true), "{each}: {answer}");
            continue;
        }
        let words = message(&answer);
        assert!(words.contains("undetermined"), "{each}: {answer}");
        assert!(words.contains("(budget.time)") && words.contains(next), "{each}: {answer}");
    }
}

#[test]
fn an_instance_that_is_kept_remembers_nothing_of_the_last_request() {
    let good = settings("cosign-a-cosign-p256-right-key");
    let other = settings("cosign-a-cosign-p256-other-key");
    let host = Arc::new(Stock::new("a-cosign-p256", None).packed());
    let limits = countersign_host::runtime::Limits::default();
    let mut instance = module().instantiate(limits, crate::NOW, host.clone()).unwrap();
    let mut validate = |settings: &Value| {
        instance.renew(limits, crate::NOW).unwrap();
        let payload = json!({ "request": pod(&host.image()), "settings": settings }).to_string();
        match instance.call("validate", payload.as_bytes()) {
            Ok(outcome) => json::parse(&outcome.response).unwrap()["accepted"] == json!(true),
            Err(RuntimeError::Guest(_)) => false,
            Err(e) => panic!("{e}"),
        }
    };
    assert!(validate(&good));
    let first = host.asked().len();
    assert!(!validate(&other), "the settings have changed");
    // Neither is what the guest cannot read at all.
    assert!(!validate(&Value::String("x".repeat(9))));
    let before = host.asked().len();
    assert!(validate(&good));
    assert_eq!(host.asked().len() - before, first, "nothing is known of an earlier request");
}
