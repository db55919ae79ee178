//! Everything that is right is allowed, and each of the ends of a period is part of it.

use countersign::verdict::Code;
use serde_json::json;

use crate::{
    generator::{self, Case},
    sigstore::{
        ISSUER, Who,
        instant::{HOUR, SIGNED},
        keys::Form,
        trusted_root::Window,
    },
    world::{Verdict, World, keyless, v2},
};

/// The world of a happy path: what an oracle skips, the policy does not ask for.
pub(crate) fn world(case: &Case) -> World {
    let mut world = World::believing(case.root.clone(), case.plan.clone());
    if case.plan.who != Who::Key {
        *world.wanted() = json!({"issuer": ISSUER, "subject": case.identity});
    }
    if case.skip.contains("tlog") {
        world.cosign["transparencyLog"] = json!("ignore");
        world.cosign["timestamp"] = json!("required");
    }
    if case.skip.contains("sct") {
        world.root.ctlogs.clear();
    }
    world
}

/// Happy paths of other verifiers that are refused here, on purpose or on the safe side.
const REFUSED: &[(&str, Code)] = &[
    // webpki reads no constraints on e-mail addresses and URIs, and then "the application MUST
    // either process the constraint or reject the certificate" (RFC 5280 §4.2.1.10).
    ("ca-name-constraints", Code::CertificateProfile),
    // "The certificate identifier (ESSCertID) of the TSA certificate MUST be included as a
    // signerInfo attribute" (RFC 3161 §2.4.2).
    ("tsa-unnamed", Code::TimestampMalformed),
];

fn is_as_decided(case: &Case, verdict: &Verdict) -> bool {
    match (REFUSED.iter().find(|(name, _)| *name == case.name), verdict) {
        (None, verdict) => verdict.is_allowed(),
        (Some((_, expected)), Verdict::Refuse { code, .. }) => code == expected,
        (Some(_), _) => false,
    }
}

#[test]
fn every_happy_path_is_allowed() {
    let cases = generator::happy_paths();
    let mut refused = Vec::new();
    for case in &cases {
        let verdict = world(case).decide();
        if !is_as_decided(case, &verdict) {
            refused.push(format!("{}: {verdict:?}", case.name));
        }
    }
    println!("sigstore: {} happy paths", cases.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(cases.len() >= 84);
}

/// Whoever has the digest only has no bytes for pure Ed25519, and for nothing else a need of them.
#[test]
fn every_happy_path_is_allowed_by_digest() {
    for case in generator::happy_paths() {
        let mut world = world(&case);
        world.by_digest = true;
        // SHA-384 and SHA-512 of a blob are the host's to say.
        let other = case.plan.hash != crate::sigstore::keys::Hash::Sha256;
        let message = matches!(case.plan.content, crate::sigstore::signing::Content::Message);
        if other && message || case.plan.form == Form::Prehashed {
            continue;
        }
        let verdict = world.decide();
        assert!(is_as_decided(&case, &verdict), "{}: {verdict:?}", case.name);
    }
}

/// A change that leaves it right.
type Change = fn(&mut World);

#[test]
fn both_ends_of_a_period_are_part_of_it() {
    // The entry is of SIGNED + 5, the timestamp of SIGNED + 6, the SCT of SIGNED.
    let cases: [(&str, fn() -> World, Change); 12] = [
        ("log until", keyless, |w| w.root.tlogs[0].valid_for = Some(Window::until(SIGNED + 5))),
        ("log from", keyless, |w| w.root.tlogs[0].valid_for = Some(Window::from(SIGNED + 5))),
        ("CA until", keyless, |w| {
            w.root.certificate_authorities[0].valid_for = Some(Window::until(SIGNED + 5));
        }),
        ("CA from", keyless, |w| {
            w.root.certificate_authorities[0].valid_for = Some(Window::from(SIGNED + 5));
        }),
        ("CT log until", keyless, |w| w.root.ctlogs[0].valid_for = Some(Window::until(SIGNED))),
        ("CT log from", keyless, |w| w.root.ctlogs[0].valid_for = Some(Window::from(SIGNED))),
        ("TSA until", v2, |w| {
            w.root.timestamp_authorities[0].valid_for = Some(Window::until(SIGNED + 6));
        }),
        ("TSA from", v2, |w| {
            w.root.timestamp_authorities[0].valid_for = Some(Window::from(SIGNED + 6));
        }),
        ("certificate until", keyless, |w| w.plan.certificate.not_after = SIGNED + 5),
        ("certificate from", keyless, |w| w.plan.certificate.not_before = SIGNED + 5),
        ("certificate until, by timestamp", v2, |w| w.plan.certificate.not_after = SIGNED + 6),
        ("a clock that is behind by five minutes", keyless, |w| w.now = SIGNED + 5 - 300),
    ];
    for (name, right, change) in cases {
        let mut world = right();
        change(&mut world);
        let verdict = world.decide();
        assert!(verdict.is_allowed(), "{name}: {verdict:?}");
    }
}

#[test]
fn what_is_nobodys_business_changes_nothing() {
    let cases: [(&str, fn() -> World, Change); 9] = [
        ("an arbitrary key hint", crate::world::keyed, |w| {
            w.json.set(|b| {
                b["verificationMaterial"]["publicKey"]["hint"] = json!("the release key, 2025");
            });
        }),
        ("an entry of an unknown log beside", keyless, |w| {
            let other = crate::sigstore::Sigstore::named("other");
            w.plan.logs.push(other.rekor1.entry(w.plan.logs[0].kind));
        }),
        ("a timestamp of an unknown authority beside", v2, |w| {
            let other = crate::sigstore::Sigstore::named("other");
            w.plan.timestamps.push(other.tsa.stamp());
        }),
        ("an SCT of an unknown log beside", keyless, |w| {
            w.plan.scts.push(crate::sigstore::Sigstore::named("other").ct.sct());
        }),
        ("another bundle that is garbage", keyless, |w| w.more.push(b"garbage".to_vec())),
        ("a decision many years later", keyless, |w| w.now += 40_000 * HOUR),
        ("an entry twice", keyless, |w| w.plan.logs.push(w.plan.logs[0].clone())),
        ("no message digest", keyless, |w| {
            w.json.set(|b| {
                b["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
            });
        }),
        ("numbers as numbers", keyless, |w| {
            w.json.set(|b| {
                let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
                let index: i64 = entry["logIndex"].as_str().unwrap().parse().unwrap();
                entry["logIndex"] = json!(index);
            });
        }),
    ];
    for (name, right, change) in cases {
        let mut world = right();
        change(&mut world);
        let verdict = world.decide();
        assert!(verdict.is_allowed(), "{name}: {verdict:?}");
    }
}
