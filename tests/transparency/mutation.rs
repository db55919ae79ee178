//! Every bit of what real logs made, flipped: never good again.

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    transparency::sct::{CtLog, Precertificate, parse_list},
    x509::Certificate,
};
use serde_json::Value;

use crate::data::{Case, bytes, case, included, not_run, number, spend, text};

const ABSENT: &str = "the conformance suite is not there";

fn entry(case: &Case) -> Value {
    case.bundle["verificationMaterial"]["tlogEntries"][0].clone()
}

/// Every document that differs in one bit of what the base64 at `path` says.
fn flipped<'v>(value: &'v Value, path: &'v str) -> impl Iterator<Item = Value> + 'v {
    let original = bytes(value, path);
    assert!(!original.is_empty(), "{path}");
    (0..original.len() * 8).map(move |bit| {
        let mut changed = original.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        with(value, path, STANDARD.encode(changed))
    })
}

fn with(value: &Value, path: &str, text: String) -> Value {
    let mut changed = value.clone();
    *changed.pointer_mut(path).unwrap() = text.into();
    changed
}

#[test]
fn every_bit_of_a_promise_counts() {
    let Some(case) = case("happy-path-v0.3") else { return not_run(ABSENT) };
    let entry = entry(&case);
    assert_eq!(case.promised(&entry), Ok(()));
    for path in ["/inclusionPromise/signedEntryTimestamp", "/logId/keyId"] {
        for changed in flipped(&entry, path) {
            assert!(case.promised(&changed).is_err(), "{path}");
        }
    }
    // A bit of every byte.
    for changed in flipped(&entry, "/canonicalizedBody").step_by(7) {
        assert!(case.promised(&changed).is_err());
    }
    for path in ["/integratedTime", "/logIndex"] {
        for bit in 0..63 {
            let other = (number(&entry, path) ^ (1 << bit)).to_string();
            assert!(case.promised(&with(&entry, path, other)).is_err(), "{path}");
        }
    }
}

#[test]
fn every_bit_of_a_proof_counts() {
    let Some(case) = case("happy-path-v0.3") else { return not_run(ABSENT) };
    let entry = entry(&case);
    let proof = "/inclusionProof";
    assert_eq!(included(&entry), Ok(()));
    let hashes = entry.pointer("/inclusionProof/hashes").unwrap().as_array().unwrap().len();
    let hashes = (0..hashes).map(|n| format!("{proof}/hashes/{n}"));
    let paths = hashes.chain([format!("{proof}/rootHash"), "/canonicalizedBody".to_owned()]);
    for path in paths {
        for changed in flipped(&entry, &path) {
            assert!(included(&changed).is_err(), "{path}");
        }
    }
    for bit in 0..64 {
        let path = format!("{proof}/logIndex");
        let other = (number(&entry, &path) ^ (1 << bit)).to_string();
        assert!(included(&with(&entry, &path, other)).is_err(), "bit {bit} of the index");
    }
    // A size that leaves the path to the leaf as it is does not matter to the proof alone. It is
    // the checkpoint that says the size.
    let path = format!("{proof}/treeSize");
    for bit in 0..64 {
        let other = (number(&entry, &path) ^ (1 << bit)).to_string();
        let changed = with(&entry, &path, other);
        assert!(case.checkpoint(&changed).is_err(), "bit {bit} of the size");
    }
}

#[test]
fn every_bit_of_a_checkpoint_counts() {
    let path = "/inclusionProof/checkpoint/envelope";
    for (name, version) in [("rekor2-happy-path", 2), ("happy-path-v0.3", 1)] {
        let Some(case) = case(name) else { return not_run(ABSENT) };
        let entry = entry(&case);
        assert_eq!(case.checkpoint(&entry), Ok(()));
        let note = text(&entry, path).to_owned();
        // Rekor v1 has no rule for the name of its key.
        let line = note.rfind('\u{2014}').unwrap();
        let name = line + "\u{2014} ".len()..note.rfind(' ').unwrap();
        for bit in 0..note.len() * 8 {
            let mut changed = note.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let good = case.checkpoint(&with(&entry, path, changed)).is_ok();
            let harmless = version == 1 && name.contains(&(bit / 8));
            assert!(!good || harmless, "version {version}, byte {}", bit / 8);
        }
    }
}

#[test]
fn every_bit_of_an_entry_counts() {
    for name in ["happy-path-v0.3", "rekor2-happy-path", "happy-path-intoto-in-dsse-v3"] {
        let Some(case) = case(name) else { return not_run(ABSENT) };
        let entry = entry(&case);
        assert_eq!(case.binds(&entry), Ok(()));
        // The digest of the envelope as it was sent is not compared; line ends of PEM and the case
        // of hexadecimal are no difference.
        let mut harmless = Vec::new();
        for (bit, changed) in flipped(&entry, "/canonicalizedBody").enumerate() {
            if case.binds(&changed).is_ok() {
                harmless.push(bit / 8);
            }
        }
        let body = String::from_utf8(bytes(&entry, "/canonicalizedBody")).unwrap();
        for at in harmless {
            let before = &body[..at];
            let envelope = before.rfind("\"envelopeHash\"");
            let in_envelope_hash = envelope.is_some_and(|e| !before[e..].contains("payloadHash"));
            let hex_letter = body.as_bytes()[at].is_ascii_lowercase()
                && before.rfind("\"value\":\"").is_some_and(|v| !before[v + 9..].contains('"'));
            let in_pem =
                before.rfind("\"LS0tLS1CRUdJTi").is_some_and(|p| !before[p + 1..].contains('"'));
            assert!(in_envelope_hash || hex_letter || in_pem, "{name}, byte {at}: {before}");
        }
    }
}

/// The log's signature is over the whole certificate but for the extension itself, in which every
/// bit counts too.
#[test]
fn every_bit_of_a_certificate_and_its_timestamp_counts() {
    for name in ["happy-path-v0.3", "bundle-with-sct-with-extensions"] {
        let Some(case) = case(name) else { return not_run(ABSENT) };
        let der = bytes(&case.bundle, "/verificationMaterial/certificate/rawBytes");
        let leaf = Certificate::from_der(&der).unwrap();
        assert_eq!(case.timestamped(&leaf), Ok(()));
        let issuer = case.root.authorities.iter().find(|a| {
            let key = a.public_key();
            key.is_ok_and(|key| leaf.verify_signed_by(&key, &spend()) == Ok(Ok(())))
        });
        let issuer = issuer.unwrap().spki_der();
        let good = |der: &[u8]| {
            let Ok(leaf) = Certificate::from_der(der) else { return false };
            let Ok(precertificate) = Precertificate::of(&leaf, issuer) else { return false };
            let Ok(scts) = parse_list(&leaf) else { return false };
            scts.iter().all(|sct| {
                let log = case.root.ct_logs.iter().find(|log| log.id == sct.log_id);
                log.is_some_and(|log| {
                    let by = CtLog { id: &log.id, key: &log.key };
                    sct.verify(&precertificate, by, &spend()) == Ok(Ok(()))
                })
            })
        };
        assert!(good(&der));
        // The outer header of four bytes, and everything up to the end of TBSCertificate.
        let tbs = 4 + 4 + usize::from(u16::from_be_bytes([der[6], der[7]]));
        let list = [0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
        let list = der.windows(list.len()).position(|bytes| bytes == list).unwrap();
        for bit in 0..tbs * 8 {
            // All bits of the extension, and of the other bytes each one of another place.
            if bit / 8 < list && bit % 8 != bit / 8 % 8 {
                continue;
            }
            let mut changed = der.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!good(&changed), "{name}: byte {}, bit {}", bit / 8, bit % 8);
        }
    }
}
