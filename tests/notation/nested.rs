//! Signatures on referrers of the image, and on referrers of these, as attestations: the scan that is
//! signed, and the scan of the SBOM that is signed, to any depth that the budget allows.

use countersign::{evidence::Budget, wire::Outcome};
use serde_json::{Value, json};

use crate::{
    host::{Decided, Host, IMAGE, MANIFEST, digest, draft_of, image, policy},
    made::World,
};

const SBOM: &str = "application/spdx+json";
const SCAN: &str = "application/vnd.acme.scan.v1+json";
const REPORT: &str = "application/vnd.acme.report.v1+json";

/// A rule that asks for these types, each signed with Notation.
fn wants(types: &[&str]) -> Value {
    let mut policy = policy(&World::new(), json!({}));
    let attestation =
        |kind: &&str| json!({ "attestation": { "artifactType": kind, "signedBy": "a" } });
    policy["spec"]["rules"][0]["require"] =
        json!({ "all": types.iter().map(attestation).collect::<Vec<_>>() });
    policy
}

fn unsigned() -> Host {
    Host::with(&[])
}

fn attach(host: &mut Host, kind: &str, content: &[u8], to: &[u8]) -> Vec<u8> {
    host.attach(kind, kind, content, MANIFEST, to)
}

fn sign(host: &mut Host, manifest: &[u8]) {
    let world = World::new();
    let envelope = draft_of(&world, &world.leaf(), MANIFEST, manifest).build();
    host.sign_of(&envelope, MANIFEST, manifest);
}

fn verdict(host: &Host, types: &[&str]) -> String {
    host.decide(&wants(types)).verdict()
}

#[test]
fn the_signed_scan_of_an_image_is_an_attestation() {
    let mut host = unsigned();
    let scan = attach(&mut host, SCAN, b"{}", IMAGE);
    assert_ne!(verdict(&host, &[SCAN]), "allow");
    // Only the image is signed.
    let world = World::new();
    host.sign(&draft_of(&world, &world.leaf(), MANIFEST, IMAGE).build());
    assert_ne!(verdict(&host, &[SCAN]), "allow");
    sign(&mut host, &scan);
    assert_eq!(verdict(&host, &[SCAN]), "allow");
    assert_eq!(verdict(&host, &[SBOM]), "attestations.none");
    assert_eq!(verdict(&host, &[SCAN, SBOM]), "attestations.none");
}

/// Image, SBOM, scan of the SBOM, report of the scan: each with its signature, or without.
fn tower(signed: [bool; 3]) -> Host {
    let mut host = unsigned();
    let mut below = IMAGE.to_vec();
    for (kind, signed) in [SBOM, SCAN, REPORT].into_iter().zip(signed) {
        below = attach(&mut host, kind, kind.as_bytes(), &below);
        if signed {
            sign(&mut host, &below);
        }
    }
    host
}

#[test]
fn what_refers_to_a_referrer_is_one_too() {
    for signed in 0..8_u8 {
        let signed = [0, 1, 2].map(|bit| signed & (1 << bit) != 0);
        let host = tower(signed);
        let all = verdict(&host, &[SBOM, SCAN, REPORT]) == "allow";
        assert_eq!(all, signed == [true; 3], "{signed:?}");
        // Nobody looks below what no rule names.
        assert_eq!(verdict(&host, &[SBOM]) == "allow", signed[0], "{signed:?}");
        assert_eq!(verdict(&host, &[SCAN]), "attestations.none", "{signed:?}");
    }
}

/// A rule of which one requirement decides, and that names the types on the way.
fn wants_one(kind: &str, way: &[&str]) -> Value {
    let attestation =
        |kind: &&str| json!({ "attestation": { "artifactType": kind, "signedBy": "nobody" } });
    let mut policy = wants(&[kind]);
    policy["spec"]["authorities"]["nobody"] = json!({ "notation": {
        "trust": "t",
        "trustedIdentities": ["x509.subject: C=XX, ST=XX, O=nobody"],
    } });
    let mut of: Vec<Value> = way.iter().map(attestation).collect();
    of.push(json!({ "attestation": { "artifactType": kind, "signedBy": "a" } }));
    policy["spec"]["rules"][0]["require"] = json!({ "any": of });
    policy
}

#[test]
fn what_stands_between_need_not_be_signed() {
    let host = tower([false, false, true]);
    assert_eq!(host.decide(&wants_one(REPORT, &[SBOM, SCAN])).verdict(), "allow");
    // A gap: nobody looks below a type that no rule names.
    for way in [&[SBOM][..], &[SCAN], &[]] {
        assert_eq!(host.decide(&wants_one(REPORT, way)).decision.outcome, Outcome::Deny);
    }
    let host = tower([true, true, false]);
    assert_eq!(host.decide(&wants_one(REPORT, &[SBOM, SCAN])).decision.outcome, Outcome::Deny);
}

/// The chain is one of digests: what refers to something else is not on the way.
#[test]
fn the_way_to_the_image_is_in_what_was_hashed() {
    let policy = wants_one(SCAN, &[SBOM]);
    let elsewhere = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"annotations":{"another":"image"}}"#;
    let mut host = unsigned();
    let sbom = attach(&mut host, SBOM, b"{}", IMAGE);
    let of_another = attach(&mut host, SBOM, b"{ }", elsewhere);
    let scan = attach(&mut host, SCAN, b"{}", &of_another);
    sign(&mut host, &scan);
    let listed = |bytes: &[u8], kind: &str| json!({ "mediaType": MANIFEST, "artifactType": kind, "digest": digest(bytes), "size": bytes.len() });
    // The registry lists the other image's scan below this image's SBOM, and its SBOM below this image.
    host.others.entry(digest(&sbom)).or_default().push(listed(&scan, SCAN));
    assert_eq!(host.decide(&policy).decision.outcome, Outcome::Deny);
    host.referrers.push(listed(&of_another, SBOM));
    assert_eq!(host.decide(&policy).decision.outcome, Outcome::Deny);
    host.referrers.push(listed(&scan, SCAN));
    assert_eq!(host.decide(&policy).decision.outcome, Outcome::Deny);
    // Its own is another matter.
    let own = attach(&mut host, SCAN, b"{ }", &sbom);
    sign(&mut host, &own);
    assert_eq!(host.decide(&policy).verdict(), "allow");
}

/// Referrers one on top of the other, of which the last is signed.
fn chain(length: u64) -> Host {
    let mut host = unsigned();
    // The list, its manifests.
    host.more_rounds = 2 * length as usize;
    let mut below = IMAGE.to_vec();
    for n in 0..length {
        below = attach(&mut host, SBOM, n.to_string().as_bytes(), &below);
    }
    sign(&mut host, &below);
    host
}

fn decide_within(host: &Host, referrers: u64) -> Decided {
    let budget = Budget { referrers, ..Budget::default() };
    host.decide_within(&wants(&[SBOM]), &image(), budget)
}

/// As deep as the budget has referrers of referrers, and no deeper; what is below is undetermined.
#[test]
fn the_budget_is_the_depth() {
    for referrers in [1, 2, 4] {
        for length in 1..=referrers + 3 {
            let decided = decide_within(&chain(length), referrers);
            // The first is the image's own.
            let expected = if length <= referrers + 1 { "allow" } else { "budget.candidates" };
            assert_eq!(decided.verdict(), expected, "{length} of {referrers}");
        }
    }
    let most = Budget::default().referrers;
    assert_eq!(decide_within(&chain(most + 1), most).verdict(), "allow");
    assert_eq!(decide_within(&chain(most + 2), most).verdict(), "budget.candidates");
}

/// Many on one level cost as much as many levels, and hide nothing of the image's own.
#[test]
fn width_spends_of_the_same_budget() {
    let mut host = unsigned();
    let sbom = attach(&mut host, SBOM, b"{}", IMAGE);
    for n in 0..100_u8 {
        attach(&mut host, SCAN, &[n], &sbom);
    }
    let signed = attach(&mut host, SCAN, b"{}", IMAGE);
    assert_eq!(host.decide(&wants_one(SCAN, &[SBOM])).verdict(), "budget.candidates");
    sign(&mut host, &signed);
    assert_eq!(host.decide(&wants_one(SCAN, &[SBOM])).verdict(), "allow");
}

/// A list that cannot be read may hide what is asked for.
#[test]
fn what_cannot_be_read_below_a_referrer_is_undetermined() {
    let mut host = unsigned();
    let sbom = attach(&mut host, SBOM, b"{}", IMAGE);
    host.others.insert(digest(&sbom), vec![json!({ "digest": 7 })]);
    // Both are: whether the SBOM is signed, and whether it has a scan.
    let decided = host.decide(&wants(&[SBOM, SCAN]));
    assert_eq!(decided.decision.outcome, Outcome::Undetermined, "{}", decided.verdict());
    host.others.clear();
    assert_eq!(host.decide(&wants(&[SBOM, SCAN])).decision.outcome, Outcome::Deny);
}
