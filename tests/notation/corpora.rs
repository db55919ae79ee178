//! Our own images, signed by notation and by a signer with a timestamp authority.

use std::{collections::BTreeMap, fs};

use countersign::{
    crypto::{Memo, Spend},
    time::Time,
    trust::TrustedIdentity,
    verdict::Code::{self, *},
    verify::notation::{self, Level, NotationAuthority, Profile, VerifyTimestamp},
    x509::Certificate,
};

use crate::layout::{Signature, corpora, not_run, signatures};

/// A trust policy: level, identities, metadata.
type Policy = (Level, &'static [&'static str], &'static [(&'static str, &'static str)]);

const STRICT: Policy = (Level::Strict, &["*"], &[]);
const NOW: &str = "2026-11-21T03:00:00Z";
const SIGNER_P256: &[&str] = &["x509.subject: C=DE, ST=BE, O=acme, OU=build, CN=signer p256"];

/// Layout, policy, time, what every signature of the image comes to.
const EXPECTED: &[(&str, Policy, &str, Result<(), Code>)] = &[
    ("d-rsa2048", STRICT, NOW, Ok(())),
    ("d-rsa3072", STRICT, NOW, Ok(())),
    ("d-rsa4096", STRICT, NOW, Ok(())),
    ("d-p256", STRICT, NOW, Ok(())),
    ("d-p384", STRICT, NOW, Ok(())),
    ("d-p521", STRICT, NOW, Ok(())),
    ("d-self", STRICT, NOW, Ok(())),
    ("d-p256", (Level::Strict, SIGNER_P256, &[]), NOW, Ok(())),
    ("d-rsa2048", (Level::Strict, SIGNER_P256, &[]), NOW, Err(IdentityUntrusted)),
    ("d-meta", (Level::Strict, &["*"], &[("env", "prod")]), NOW, Ok(())),
    ("d-meta", (Level::Strict, &["*"], &[("env", "dev")]), NOW, Err(MetadataMismatch)),
    ("d-expiry", STRICT, NOW, Ok(())),
    ("d-expiry", STRICT, "2026-11-22T00:00:00Z", Err(ExpiryExpired)),
    ("d-expired", STRICT, NOW, Err(ExpiryExpired)),
    ("d-expired", (Level::Permissive, &["*"], &[]), NOW, Ok(())),
    ("d-expcert", STRICT, NOW, Err(AuthenticTimestampInvalid)),
    ("d-expcert", (Level::Permissive, &["*"], &[]), NOW, Ok(())),
    ("d-expcert", (Level::Audit, &["*"], &[]), NOW, Ok(())),
    // Without a `tsa` store a timestamp is not looked at.
    ("d-expcert-tsa", STRICT, NOW, Err(AuthenticTimestampInvalid)),
    ("d-tsa", STRICT, NOW, Ok(())),
    ("d-p256", STRICT, "2026-01-01T00:00:00Z", Err(AuthenticTimestampInvalid)),
    ("d-p256", STRICT, "2036-01-01T00:00:00Z", Err(AuthenticTimestampInvalid)),
    ("d-nested", STRICT, NOW, Ok(())),
];

/// Layouts without a counterpart in the other format, and how many signatures they have.
const SINGLE: &[(&str, usize)] = &[("d-both", 2), ("d-tagschema", 1), ("d-unsigned", 0)];

fn certificates(names: &[&str]) -> Vec<Certificate> {
    let trust = corpora().unwrap().join("trust");
    let read = |name: &&str| {
        let text = fs::read_to_string(trust.join(name)).unwrap();
        Certificate::from_pem_chain(&text, 16).unwrap()
    };
    names.iter().flat_map(read).collect()
}

fn verify(
    signature: &Signature,
    ca: &[Certificate],
    policy: Policy,
    now: &str,
) -> Result<(), Code> {
    verify_stamped(signature, ca, policy, now, (&[], VerifyTimestamp::Always))
}

fn verify_stamped(
    signature: &Signature,
    ca: &[Certificate],
    (level, identities, metadata): Policy,
    now: &str,
    (tsa, verify_timestamp): (&[Certificate], VerifyTimestamp),
) -> Result<(), Code> {
    let authority = NotationAuthority {
        revocation: notation::Revocation::Skip,
        tsa_revocation: notation::Revocation::Skip,
        max_evidence_age: None,
        ca: ca.to_vec(),
        signing_authority: Vec::new(),
        tsa: tsa.to_vec(),
        verify_timestamp,
        actions: level.actions(),
        trusted_identities: identities.iter().map(|t| TrustedIdentity::parse(t).unwrap()).collect(),
        user_metadata: metadata
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect::<BTreeMap<_, _>>(),
        profile: Profile::Spec,
    };
    let needed = std::cell::RefCell::default();
    let known = notation::Known::default();
    let road = notation::RevocationRoad {
        evidence: &crate::setup::Nobody,
        needed: &needed,
        known: &known,
    };
    notation::verify(
        &signature.envelope,
        &signature.media_type,
        &signature.target,
        &authority,
        Time::parse(now).unwrap().into(),
        &road,
        &Spend::new(20, Memo::default()),
    )
    .map(|_| ())
    .map_err(|rejected| rejected.reason.code)
}

#[test]
fn every_layout_comes_to_what_is_expected_in_both_formats() {
    let Some(corpora) = corpora() else {
        return not_run("the corpora are not there");
    };
    let roots = certificates(&["notation-root.pem", "notation-oldroot.pem", "notation-self.pem"]);
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, policy, now, expected) in EXPECTED {
        for (format, media_type) in [("jws", "application/jose+json"), ("cose", "application/cose")]
        {
            let found = signatures(&corpora.join("layouts").join(format!("{name}-{format}")));
            assert!(!found.is_empty(), "{name}-{format} has a signature");
            for signature in found {
                assert_eq!(signature.media_type, media_type);
                count += 1;
                let found = verify(&signature, &roots, *policy, now);
                if found != *expected {
                    wrong.push(format!("{name}-{format} at {now}: {found:?}, not {expected:?}"));
                }
                // What is good for one image is good for no other.
                let mut other = signature;
                other.target.digest = other.target.digest.replace(':', ":0");
                if verify(&other, &roots, *policy, now).is_ok() {
                    wrong.push(format!("{name}-{format}: good for another image"));
                }
            }
        }
    }
    for (name, signed) in SINGLE {
        let found = signatures(&corpora.join("layouts").join(name));
        assert_eq!(found.len(), *signed, "{name}");
        for signature in found {
            count += 1;
            if verify(&signature, &roots, STRICT, NOW) != Ok(()) {
                wrong.push((*name).to_owned());
            }
        }
    }
    println!("corpora: {count} signatures, {} rows", EXPECTED.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_notation_layout_has_a_row() {
    let Some(corpora) = corpora() else {
        return not_run("the corpora are not there");
    };
    for entry in fs::read_dir(corpora.join("layouts")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches("-jws").trim_end_matches("-cose");
        if name.starts_with("d-") {
            assert!(
                EXPECTED.iter().any(|(n, ..)| *n == stem) || SINGLE.iter().any(|(n, _)| *n == name),
                "{name}"
            );
        }
    }
}

#[test]
fn another_root_is_not_trusted() {
    let Some(corpora) = corpora() else {
        return not_run("the corpora are not there");
    };
    let roots = certificates(&["ca-root.pem", "notation-tsa-root.pem", "notation-self.pem"]);
    for format in ["jws", "cose"] {
        for signature in signatures(&corpora.join("layouts").join(format!("d-p256-{format}"))) {
            assert_eq!(verify(&signature, &roots, STRICT, NOW), Err(AuthenticityUntrusted));
        }
    }
}

#[test]
fn referrers_of_the_image_are_signed_themselves() {
    let Some(corpora) = corpora() else {
        return not_run("the corpora are not there");
    };
    for format in ["jws", "cose"] {
        let found = signatures(&corpora.join("layouts").join(format!("d-nested-{format}")));
        assert!(found.iter().any(|s| s.of_the_image));
        assert!(found.iter().any(|s| !s.of_the_image));
    }
}

/// Requirements 83, 84, 87 to 95: layout, level, `verifyTimestamp`, whether the right TSA is trusted.
#[test]
fn timestamps_are_verified_where_the_policy_asks_for_them() {
    use VerifyTimestamp::{AfterCertExpiry, Always};
    let Some(corpora) = corpora() else {
        return not_run("the corpora are not there");
    };
    let roots = certificates(&["notation-root.pem", "notation-oldroot.pem", "notation-self.pem"]);
    let tsa = certificates(&["notation-tsa-root.pem"]);
    let other = certificates(&["ca-root.pem"]);
    let later = "2036-11-17T00:00:00Z";
    for (name, level, when, tsa, now, expected) in [
        ("d-tsa", Level::Strict, Always, &tsa, NOW, Ok(())),
        ("d-tsa", Level::Strict, AfterCertExpiry, &tsa, NOW, Ok(())),
        ("d-tsa", Level::Strict, Always, &other, NOW, Err(TimestampUntrusted)),
        ("d-tsa", Level::Strict, AfterCertExpiry, &other, NOW, Ok(())),
        ("d-tsa", Level::Permissive, Always, &other, NOW, Ok(())),
        // The signer's certificate has expired since, and the TSA's with it.
        ("d-tsa", Level::Strict, AfterCertExpiry, &tsa, later, Ok(())),
        ("d-expcert-tsa", Level::Strict, Always, &tsa, NOW, Ok(())),
        ("d-expcert-tsa", Level::Strict, AfterCertExpiry, &tsa, NOW, Ok(())),
        ("d-expcert-tsa", Level::Strict, Always, &other, NOW, Err(TimestampUntrusted)),
        ("d-expcert", Level::Strict, Always, &tsa, NOW, Err(TimestampAbsent)),
        ("d-expcert", Level::Strict, AfterCertExpiry, &tsa, NOW, Err(TimestampAbsent)),
        ("d-p256", Level::Strict, Always, &tsa, NOW, Err(TimestampAbsent)),
        ("d-p256", Level::Permissive, Always, &tsa, NOW, Ok(())),
        ("d-p256", Level::Strict, AfterCertExpiry, &tsa, NOW, Ok(())),
    ] {
        for format in ["jws", "cose"] {
            for signature in signatures(&corpora.join("layouts").join(format!("{name}-{format}"))) {
                let policy = (level, &["*"][..], &[][..]);
                let found = verify_stamped(&signature, &roots, policy, now, (tsa, when));
                assert_eq!(found, expected, "{name}-{format} {level:?} {when:?} {now}");
            }
        }
    }
}
