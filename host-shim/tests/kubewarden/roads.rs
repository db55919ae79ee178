//! The other roads of a stock host: single envelopes, the workload, the cluster; and what is asked of
//! the cluster besides.

use std::sync::Arc;

use countersign_host::pack::Pack;
use serde_json::{Value, json};

use crate::{packs::Case, pod, stock::Stock};

/// Nothing but the image itself and its evidence tag.
pub(crate) fn only_the_image(tag: &str) -> bool {
    tag.starts_with("sha256-") && !tag.ends_with(".evidence")
}

fn bare(case: &Case) -> Stock {
    Stock { hidden: only_the_image, ..case.host() }
}

/// The one envelope that a layout's image has, as a signer wrote it.
fn envelope(pack: &Pack) -> Value {
    let parsed = pack.blobs.iter().filter_map(|b| serde_json::from_slice(&b.content.0).ok());
    let mut envelopes = parsed.filter(|v: &Value| {
        v["mediaType"].as_str().is_some_and(|t| t.contains("bundle")) || v["protected"].is_string()
    });
    envelopes.next().expect("an envelope in JSON")
}

pub(crate) fn with_annotation(image: &str, evidence: &Value) -> Value {
    let mut pod = pod(image);
    pod["object"]["metadata"]["annotations"] =
        json!({ "countersign.dev/evidence": evidence.to_string() });
    pod
}

fn roads(answer: &Value) -> String {
    answer["audit_annotations"]["images"].as_str().unwrap_or_default().to_owned()
}

const ENVELOPES: &[&str] = &["cosign-b-rsa2048-right-key", "keyless-exact"];

#[test]
fn a_manifest_whose_configuration_is_the_envelope_brings_it() {
    for id in ENVELOPES {
        let case = Case::of(id);
        let mut host = bare(&case);
        let envelope = envelope(&host.pack());
        host.push(envelope.to_string());
        let host = Arc::new(host);
        let answer = case.validate(&host);
        assert_eq!(answer["accepted"], json!(true), "{id}: {answer}");
        assert!(host.asked().len() <= 5, "{id}: {:?}", host.asked());
        let mut broken = bare(&case);
        broken.push(tampered(&envelope).to_string());
        let answer = case.validate(&Arc::new(broken));
        assert_eq!(answer["accepted"], json!(false), "{id}: {answer}");
    }
}

/// Another signature, or none that can be read.
fn tampered(envelope: &Value) -> Value {
    let text = envelope.to_string();
    let at = text.find("\"sig\":\"").or_else(|| text.find("\"signature\":\"")).unwrap();
    let start = at + text[at..].find(":\"").unwrap() + 22;
    let old = &text[start..=start];
    let new = if old == "A" { "B" } else { "A" };
    serde_json::from_str(&format!("{}{new}{}", &text[..start], &text[start + 1..])).unwrap()
}

#[test]
fn the_workload_carries_its_own_evidence() {
    for id in ENVELOPES {
        let case = Case::of(id);
        let host = Arc::new(bare(&case));
        let envelope = envelope(&host.pack());
        let answer = case.validate_pod(&with_annotation(&host.image(), &envelope), &host);
        assert_eq!(answer["accepted"], json!(true), "{id}: {answer}");
        assert_eq!(host.asked().len(), 2, "{id}: {:?}", host.asked());
        let said = roads(&answer);
        assert!(said.contains("evidence: annotation `countersign.dev/evidence`"), "{said}");
        let forged = with_annotation(&host.image(), &tampered(&envelope));
        let answer = case.validate_pod(&forged, &Arc::new(bare(&case)));
        assert_eq!(answer["accepted"], json!(false), "{id}: {answer}");
    }
    // Notation signs the size of the image's manifest: whole packs bring its bytes.
    let case = Case::of("notation-cose-p256");
    let host = Arc::new(bare(&case));
    let pack: Value = serde_json::from_str(&host.pack().to_json()).unwrap();
    let answer = case.validate_pod(&with_annotation(&host.image(), &pack), &host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(host.asked().len(), 1, "{:?}", host.asked());
    let case = Case::of("notation-jws-p256");
    let host = Arc::new(bare(&case));
    let jws = envelope(&host.pack());
    let answer = case.validate_pod(&with_annotation(&host.image(), &jws), &host);
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("undetermined"), "{message}");
    assert!(message.contains("run `countersign evidence push"), "{message}");
}

#[test]
fn what_a_workload_says_of_absence_is_not_believed() {
    // The scan that counts is the latest, and who wrote the Pod cannot leave it out.
    let mut case = Case::of("attestation-b-sc-vuln");
    case.select_latest();
    let host = Arc::new(bare(&case));
    let pack: Value = serde_json::from_str(&host.pack().to_json()).unwrap();
    let answer = case.validate_pod(&with_annotation(&host.image(), &pack), &host);
    let live = Arc::new(case.host().packed());
    let from_pack = case.validate(&live);
    // The registry's pack may speak for the registry, after its tags were looked at.
    assert_eq!(from_pack["accepted"], json!(true), "{from_pack}");
    assert!(live.asked().len() > 2, "{:?}", live.asked());
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("undetermined"), "{answer}");
}

#[test]
fn a_pack_says_nothing_of_images_in_other_repositories() {
    // The scan that counts is the latest. Who can push a pack of his own image, which stands beside
    // another in a request, says of that one that nothing else is there.
    let mut case = Case::of("attestation-b-sc-vuln");
    case.select_latest();
    let mut host = bare(&case);
    let other = format!("sha256:{}", "a".repeat(64));
    let mut pack = host.pack();
    pack.subject.clone_from(&other);
    host.configs.insert(format!("{}.evidence", other.replace(':', "-")), pack.to_json().into());
    let images = [format!("127.0.0.1:5001/mallory/side@{other}"), host.image()];
    let answer = case.validate_pod(&json!({ "images": images }), &Arc::new(host));
    let decision = answer["audit_annotations"]["decision"].as_str().unwrap();
    let decision: Value = serde_json::from_str(decision).unwrap();
    assert_eq!(decision["images"][1]["outcome"], json!("undetermined"), "{decision}");
}

#[test]
fn the_cluster_keeps_evidence_in_config_maps() {
    let mut case = Case::of("notation-jws-p256");
    case.policy["spec"]["evidence"] = json!({ "configMaps": { "namespace": "evidence" } });
    let with = |data: Value| {
        let mut host = bare(&case);
        let name = host.evidence_tag();
        host.put("ConfigMap", "evidence", &name, json!({ "data": data }));
        host
    };
    let pack = case.host().pack().to_json();
    let host = Arc::new(with(json!({ "pack": pack })));
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(host.asked().len(), 2, "{:?}", host.asked());
    assert!(roads(&answer).contains("ConfigMap evidence/sha256-….evidence"), "{answer}");
    for (host, words) in [
        (bare(&case), "ConfigMap evidence/sha256-….evidence (none)"),
        (with(json!({})), "no text is in its `data`"),
        (with(json!({ "pack": "{}" })), "neither an evidence pack nor an envelope"),
        (
            Stock { refused: ["ConfigMap"].into(), ..bare(&case) },
            "the policy is not granted `contextAwareResources: v1 ConfigMap`",
        ),
    ] {
        let answer = case.validate(&Arc::new(host));
        assert_eq!(answer["accepted"], json!(false), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(words), "{words}: {answer}");
    }
}

#[test]
fn packs_may_lie_in_a_repository_of_their_own() {
    let mut case = Case::of("notation-jws-p256");
    case.policy["spec"]["evidence"] = json!({ "repository": "registry.test/evidence" });
    let host = Arc::new(case.host().packed());
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    let asked = &host.asked()[1];
    assert!(asked.contains("oci_manifest_config registry.test/evidence:sha256-"), "{asked}");
}

#[test]
fn the_hosts_word_for_a_configuration_is_taken_where_the_policy_says_so() {
    let mut case = Case::of("cosign-a-cosign-p256-right-key");
    case.policy["spec"]["rules"][0]["conditions"] = json!([{ "cel": "size(imageConfig) > 0" }]);
    let answer = case.validate(&Arc::new(case.host()));
    assert!(answer["message"].as_str().unwrap().contains("(evidence.hostAsserted)"), "{answer}");
    let packed = case.validate(&Arc::new(case.host().packed()));
    assert_eq!(packed["accepted"], json!(true), "{packed}");
    case.policy["spec"]["trustHost"] = json!(["imageConfig"]);
    let host = Arc::new(case.host());
    let answer = case.validate(&host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert!(answer["warnings"].to_string().contains("imageConfig (trustHost)"), "{answer}");
    assert!(host.asked().len() <= 10, "{:?}", host.asked());
    let packed = case.validate(&Arc::new(case.host().packed()));
    assert!(!packed["warnings"].to_string().contains("trustHost"), "{packed}");
}

#[test]
fn the_labels_of_the_namespace_are_asked_for_where_a_rule_needs_them() {
    let mut case = Case::of("cosign-a-unsigned");
    let rule = &mut case.policy["spec"]["rules"][0];
    rule["match"] = json!({ "namespaceLabels": { "matchLabels": { "env": "prod" } } });
    case.policy["spec"]["unmatched"] = json!("allow");
    let namespace = |labels: Value| json!({ "metadata": { "name": "default", "labels": labels } });
    for (labels, accepted) in [
        (json!({ "env": "prod" }), false),
        (json!({ "env": "test" }), true),
        (json!({}), true),
        (json!(null), true),
    ] {
        let mut host = case.host();
        host.put("Namespace", "", "default", namespace(labels.clone()));
        let host = Arc::new(host);
        let answer = case.validate(&host);
        assert_eq!(answer["accepted"], json!(accepted), "{labels}: {answer}");
        let asked = host.asked();
        assert_eq!(asked[0], "get_resource Namespace/default", "{asked:?}");
        assert_eq!(asked.iter().filter(|q| q.starts_with("get_resource")).count(), 1);
    }
    // Who cannot ask takes the rule to be for it, and says why.
    let host = Stock { refused: ["Namespace"].into(), ..case.host() };
    let answer = case.validate(&Arc::new(host));
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("contextAwareResources: v1 Namespace"), "{warnings}");
    // Nobody asks for what no rule of the image looks at.
    let other = Case::of("cosign-a-unsigned");
    let host = Arc::new(other.host());
    other.validate(&host);
    assert!(!host.asked().iter().any(|q| q.starts_with("get_resource")), "{:?}", host.asked());
}

#[test]
fn a_raw_request_has_images_and_gets_their_digests_and_the_decision() {
    let case = Case::of("keyless-exact");
    let host = Arc::new(case.host().packed());
    for image in [json!(host.image()), json!({ "reference": host.image() })] {
        let answer = case.validate_pod(&json!({ "images": [image] }), &host);
        assert_eq!(answer["accepted"], json!(true), "{answer}");
        let pinned = answer["mutated_object"]["images"][0].to_string();
        assert!(pinned.contains(&format!("{}@{}", host.image(), host.digest())), "{pinned}");
        let decision = answer["audit_annotations"]["decision"].as_str().unwrap();
        let decision: Value = serde_json::from_str(decision).unwrap();
        assert_eq!(decision["images"][0]["outcome"], json!("allow"));
    }
    let mut unpinned = Case::of("keyless-exact");
    unpinned.policy["spec"]["digests"] = json!({ "pin": "none" });
    let answer = unpinned.validate_pod(&json!({ "images": [host.image()] }), &host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(answer.get("mutated_object"), None);
    let refused = Case::of("keyless-wrong-subject");
    let answer = refused.validate_pod(&json!({ "images": [host.image()] }), &host);
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    assert_eq!(answer.get("mutated_object"), None);
    for bad in [json!({ "images": [] }), json!({ "images": [3] }), json!({ "images": "a" })] {
        let answer = case.validate_pod(&bad, &host);
        assert_eq!(answer["accepted"], json!(false), "{bad}: {answer}");
    }
}

#[test]
fn an_audit_of_what_runs_is_judged_as_it_is_and_changes_nothing_of_the_verdict() {
    // As Kubewarden's audit scanner asks: a creation without a user, of an object with a status.
    let case = Case::of("notation-jws-p256");
    let host = Arc::new(case.host().packed());
    let mut request = pod(&format!("{}@{}", host.image(), host.digest()));
    request["object"]["status"] = json!({ "phase": "Running" });
    request["object"]["metadata"]["resourceVersion"] = json!("7");
    request["dryRun"] = json!(false);
    let answer = case.validate_pod(&request, &host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(answer.get("mutated_object"), None);
    let mut audit = Case::of("cosign-a-unsigned");
    audit.policy["spec"]["mode"] = json!("audit");
    let answer = audit.validate(&Arc::new(audit.host().packed()));
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert!(answer["warnings"].to_string().contains("would be refused"), "{answer}");
    assert!(roads(&answer).contains("denied"), "{answer}");
}
