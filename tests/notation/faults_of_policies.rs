//! Requirements 42–45, 60–63, 68–86: what the policy asks for.

use countersign::{
    trust::TrustedIdentity,
    verdict::Code::{self, *},
    verify::notation::{Action, Level, Profile},
    wire::Mark,
};

use crate::{
    draft::{AUTHENTIC, EXPIRY, Format, SCHEME, Value, field},
    pki::{Certificate, Key},
    setup::{BOTH, Case, DIGEST, JWS, NOW, SIGNED_AT, Setup, parse, run},
};

const OK: Result<(), Code> = Ok(());

fn payload(s: &mut Setup, from: &str, to: &str) {
    let text = String::from_utf8(s.draft.payload.clone()).unwrap();
    assert!(text.contains(from), "{from} is not in the payload");
    s.draft.payload = text.replace(from, to).into_bytes();
}

fn metadata(s: &mut Setup, key: &str, value: &str) {
    s.authority.user_metadata.insert(key.into(), value.into());
}

fn expires(s: &mut Setup, time: i64) {
    s.draft.set(field(EXPIRY), Value::Time(time));
    s.draft.crit(&[SCHEME, EXPIRY]);
}

fn stranger() -> countersign::x509::Certificate {
    parse(&Certificate::authority("other", Key::p256("other")).self_signed())
}

fn subject(s: &mut Setup, more: &[(&str, &str)]) {
    s.leaf.subject.extend(more.iter().map(|(k, v)| vec![((*k).to_owned(), (*v).to_owned())]));
    s.issue();
}

#[test]
fn payload_and_metadata() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("42", "another digest", BOTH, Err(DescriptorMismatch), |s| s.target.digest = DIGEST.replace("73c8", "83c8")),
        ("42", "another media type", BOTH, Err(DescriptorMismatch), |s| payload(s, "oci.image.manifest", "oci.image.index")),
        ("42", "another size", BOTH, Err(DescriptorMismatch), |s| payload(s, "16724", "16725")),
        ("42", "members that are not needed", BOTH, OK, |s| payload(s, r#""size""#, r#""artifactType":"x","urls":["y"],"size""#)),
        ("42", "no size", BOTH, Err(PayloadMalformed), |s| payload(s, r#""size""#, r#""sizx""#)),
        ("42", "no target", BOTH, Err(PayloadMalformed), |s| payload(s, "targetArtifact", "targetArtifacT")),
        ("43", "the host says no media type", BOTH, Err(EvidenceHostAsserted), |s| s.target.media_type = None),
        ("43", "the host says no size", BOTH, Err(EvidenceHostAsserted), |s| s.target.size = None),
        ("43", "the host says no size, and the digest differs", BOTH, Err(DescriptorMismatch), |s| {
            s.target.size = None;
            s.target.digest = DIGEST.replace("73c8", "83c8");
        }),
        ("43", "the host says no size, and the media type differs", JWS, Err(DescriptorMismatch), |s| {
            s.target.size = None;
            s.target.media_type = Some("application/json".into());
        }),
        ("43,44", "the host says no size, and metadata differs", JWS, Err(MetadataMismatch), |s| {
            s.target.size = None;
            metadata(s, "io.wabbit-networks.buildId", "124");
        }),
        ("44", "metadata is there", BOTH, OK, |s| metadata(s, "io.wabbit-networks.buildId", "123")),
        ("44", "metadata differs", BOTH, Err(MetadataMismatch), |s| metadata(s, "io.wabbit-networks.buildId", "124")),
        ("44", "metadata is missing", BOTH, Err(MetadataMismatch), |s| metadata(s, "other", "123")),
        ("44", "metadata of another case", JWS, Err(MetadataMismatch), |s| metadata(s, "io.wabbit-networks.buildid", "123")),
        ("44", "metadata that is not text", JWS, Err(PayloadMalformed), |s| payload(s, r#""123""#, "123")),
        ("79", "another digest at audit", BOTH, Err(DescriptorMismatch), |s| {
            s.target.digest = DIGEST.replace("73c8", "83c8");
            s.level(Level::Audit);
        }),
        ("79", "metadata differs at audit", BOTH, Err(MetadataMismatch), |s| {
            metadata(s, "io.wabbit-networks.buildId", "124");
            s.level(Level::Audit);
        }),
        ("78", "payload changed after signing, at audit", BOTH, Err(SignatureInvalid), |s| {
            s.draft.payload_after = Some(b"{}".to_vec());
            s.level(Level::Audit);
        }),
    ];
    run("policies, payload", cases);
}

#[test]
fn trust_stores() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("60", "signing authority with the root in the ca store", BOTH, Err(AuthenticityUntrusted), |s| s.draft.by_authority(SIGNED_AT)),
        ("60", "notary.x509 with the root in the signingAuthority store", BOTH, Err(AuthenticityUntrusted), |s| {
            s.authority.signing_authority = std::mem::take(&mut s.authority.ca);
        }),
        ("62", "an empty store", BOTH, Err(AuthenticityUntrusted), |s| s.authority.ca.clear()),
        ("62", "an empty store at audit", BOTH, OK, |s| {
            s.authority.ca.clear();
            s.level(Level::Audit);
        }),
        ("63", "a store of strangers", BOTH, Err(AuthenticityUntrusted), |s| s.authority.ca = vec![stranger()]),
        ("63", "a store of strangers, permissive", BOTH, Err(AuthenticityUntrusted), |s| {
            s.authority.ca = vec![stranger()];
            s.level(Level::Permissive);
        }),
        ("63,68", "a store of strangers at audit", BOTH, OK, |s| {
            s.authority.ca = vec![stranger()];
            s.level(Level::Audit);
        }),
        ("63", "one of several is trusted", BOTH, OK, |s| s.authority.ca.insert(0, stranger())),
    ];
    run("policies, stores", cases);
}

#[test]
fn trusted_identities() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("71", "no identity", BOTH, Err(IdentityUntrusted), |s| s.authority.trusted_identities.clear()),
        ("74", "a part of the subject", BOTH, OK, |s| s.identities(&["x509.subject: C=US, ST=WA, O=Acme"])),
        ("72,74", "the whole subject", BOTH, OK, |s| s.identities(&["x509.subject:C=US,S=WA,O=Acme,CN=leaf"])),
        ("74", "one of two identities", BOTH, OK, |s| s.identities(&["x509.subject: C=DE, ST=WA, O=Acme", "x509.subject: C=US, ST=WA, O=Acme"])),
        ("74", "a value of another case", BOTH, Err(IdentityUntrusted), |s| s.identities(&["x509.subject: C=US, ST=WA, O=acme"])),
        ("74", "another value", BOTH, Err(IdentityUntrusted), |s| s.identities(&["x509.subject: C=US, ST=WA, O=Acme, CN=other"])),
        ("74", "an attribute that is not there", BOTH, Err(IdentityUntrusted), |s| s.identities(&["x509.subject: C=US, ST=WA, O=Acme, OU=build"])),
        ("72", "quotes are characters", BOTH, Err(IdentityUntrusted), |s| s.identities(&[r#"x509.subject: C=US, ST=WA, O="Acme""#])),
        ("72", "hexadecimal is decoded", BOTH, OK, |s| s.identities(&[r"x509.subject: C=US, ST=WA, O=Ac\6de"])),
        ("72", "semicolons separate", BOTH, OK, |s| s.identities(&["x509.subject: C=US; ST=WA; O=Acme"])),
        ("72", "escaped special characters", BOTH, OK, |s| {
            s.leaf.subject[2][0].1 = r#"Acme, Inc; "x" + \ <>"#.into();
            s.issue();
            s.identities(&[r#"x509.subject: C=US, ST=WA, O=Acme\, Inc\; \"x\" \+ \\ \<\>"#]);
        }),
        ("73", "two units, none named", BOTH, OK, |s| {
            subject(s, &[("2.5.4.11", "a"), ("2.5.4.11", "b")]);
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
        }),
        ("73", "two units, none named, compat", BOTH, Err(IdentityUntrusted), |s| {
            subject(s, &[("2.5.4.11", "a"), ("2.5.4.11", "b")]);
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
            s.authority.profile = Profile::Compat;
        }),
        ("73", "two units, one named", BOTH, Err(IdentityUntrusted), |s| {
            subject(s, &[("2.5.4.11", "a"), ("2.5.4.11", "b")]);
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme, OU=a"]);
        }),
        ("73", "two organizations", BOTH, Err(IdentityUntrusted), |s| {
            subject(s, &[("2.5.4.10", "Acme")]);
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
        }),
        ("73", "an e-mail address in the subject", BOTH, OK, |s| {
            subject(s, &[("1.2.840.113549.1.9.1", "a@b.c")]);
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme, emailAddress=a@b.c"]);
        }),
        ("73", "an e-mail address in the subject, compat", BOTH, Err(IdentityUntrusted), |s| {
            subject(s, &[("1.2.840.113549.1.9.1", "a@b.c")]);
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
            s.authority.profile = Profile::Compat;
        }),
        ("73", "an e-mail address in the subject, `*`, compat", BOTH, OK, |s| {
            subject(s, &[("1.2.840.113549.1.9.1", "a@b.c")]);
            s.authority.profile = Profile::Compat;
        }),
        ("73", "an attribute that no subject is read for, compat", BOTH, Err(IdentityUntrusted), |s| {
            let named = "x509.subject: C=US, ST=WA, O=Acme, CustomRDN=x";
            s.authority.trusted_identities = vec![TrustedIdentity::parse_as(named, Profile::Compat).unwrap()];
            s.authority.profile = Profile::Compat;
        }),
        ("73", "a subject without country", BOTH, Err(IdentityUntrusted), |s| {
            s.leaf.subject.remove(0);
            s.issue();
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
        }),
        ("73", "an organization in one RDN with another attribute", BOTH, Err(IdentityUntrusted), |s| {
            s.leaf.subject[2].push(("2.5.4.11".into(), "x".into()));
            s.issue();
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
        }),
        ("77", "the intermediate has the identity and the leaf has not", BOTH, Err(IdentityUntrusted), |s| {
            s.leaf.subject[2][0].1 = "Other".into();
            s.issue();
            s.identities(&["x509.subject: C=US, ST=WA, O=Acme"]);
        }),
        ("68", "another identity at audit", BOTH, OK, |s| {
            s.identities(&["x509.subject: C=US, ST=WA, O=Other"]);
            s.level(Level::Audit);
        }),
    ];
    run("policies, identities", cases);
}

#[test]
fn times() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("80", "one second before expiry", BOTH, OK, |s| expires(s, NOW + 1)),
        ("80", "at expiry", BOTH, Err(ExpiryExpired), |s| expires(s, NOW)),
        ("80", "after expiry", BOTH, Err(ExpiryExpired), |s| expires(s, NOW - 60)),
        ("68,80", "after expiry, permissive", BOTH, OK, |s| {
            expires(s, NOW - 60);
            s.level(Level::Permissive);
        }),
        ("67,80", "after expiry, logged by override", BOTH, OK, |s| {
            expires(s, NOW - 60);
            s.authority.actions.expiry = Action::Log;
        }),
        ("82", "the leaf has expired", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.leaf.not_after = "261121025959Z".into();
            s.issue();
        }),
        ("82", "the leaf's last second", BOTH, OK, |s| {
            s.leaf.not_after = "261121030000Z".into();
            s.issue();
        }),
        ("82", "the leaf is not valid yet", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.leaf.not_before = "261121030001Z".into();
            s.issue();
        }),
        ("82", "the leaf's first second", BOTH, OK, |s| {
            s.leaf.not_before = "261121030000Z".into();
            s.issue();
        }),
        ("82", "the root has expired", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.root.not_after = "261121025959Z".into();
            s.issue();
        }),
        ("68,82", "the leaf has expired, permissive", BOTH, OK, |s| {
            s.leaf.not_after = "261121025959Z".into();
            s.issue();
            s.level(Level::Permissive);
        }),
        ("82,83", "the leaf has expired, and there is a timestamp", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.leaf.not_after = "261121025959Z".into();
            s.issue();
            s.draft.set_open(field(crate::draft::TIMESTAMP), Value::Bytes(vec![0x30, 0]));
        }),
        ("81", "a signing authority's time inside an expired certificate", BOTH, OK, |s| {
            s.leaf.not_after = "261121025959Z".into();
            s.issue();
            s.by_signing_authority(SIGNED_AT);
        }),
        ("81", "a signing authority's time before the certificate", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.leaf.not_before = "261121025959Z".into();
            s.issue();
            s.by_signing_authority(SIGNED_AT);
        }),
        ("81", "a signing authority's time after the root", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.root.not_after = "261121015959Z".into();
            s.issue();
            s.by_signing_authority(SIGNED_AT);
        }),
        ("27", "a signing authority's clock a little ahead", BOTH, OK, |s| s.by_signing_authority(NOW + 300)),
        ("27", "a signing authority's time to come", BOTH, Err(AuthenticTimestampInvalid), |s| s.by_signing_authority(NOW + 301)),
        ("27", "a signing authority's time to come, compat", BOTH, OK, |s| {
            s.by_signing_authority(NOW + 301);
            s.authority.profile = Profile::Compat;
        }),
        ("80,81", "a signing authority's expired signature", BOTH, Err(ExpiryExpired), |s| {
            s.by_signing_authority(SIGNED_AT);
            s.draft.set(field(EXPIRY), Value::Time(NOW));
            s.draft.crit(&[SCHEME, AUTHENTIC, EXPIRY]);
        }),
    ];
    run("policies, times", cases);
}

fn marks(checks: &[countersign::wire::Node]) -> Vec<(&str, Mark)> {
    checks.iter().map(|n| (n.name.as_str(), n.mark)).collect()
}

/// 86: each validation has its result, and what was let pass is said.
#[test]
fn an_accepted_signature_shows_every_check() {
    use Mark::{Logged, Pass, Skipped};
    let mut setup = Setup::new(Format::Jws);
    metadata(&mut setup, "io.wabbit-networks.buildId", "123");
    let accepted = setup.verify().0.unwrap();
    assert_eq!(
        marks(&accepted.checks),
        [
            ("integrity", Pass),
            ("authenticity", Pass),
            ("trusted identity", Pass),
            ("expiry", Pass),
            ("authentic timestamp", Pass),
            ("descriptor", Pass),
            ("user metadata", Pass),
            ("revocation", Skipped),
        ]
    );
    let signer = accepted.signer.unwrap();
    assert_eq!(signer.name, "CN=leaf,O=Acme,ST=WA,C=US");
    assert!(signer.ids.contains("subject:CN=leaf,O=Acme,ST=WA,C=US"));
    assert!(signer.ids.iter().any(|id| id.starts_with("spki:") && id.len() == 5 + 64));
    let codes: Vec<_> = accepted.weakened.iter().map(|r| r.code).collect();
    assert_eq!(codes, [RevocationSkipped]);

    // 85: what is only logged is looked at all the same.
    setup.level(Level::Audit);
    setup.authority.ca.clear();
    setup.identities(&["x509.subject: C=US, ST=WA, O=Other"]);
    setup.leaf.not_after = "261121025959Z".into();
    setup.draft.chain(setup.certificates().to_vec());
    expires(&mut setup, NOW);
    let accepted = setup.verify().0.unwrap();
    assert_eq!(
        marks(&accepted.checks)[..6],
        [
            ("integrity", Pass),
            ("authenticity", Logged),
            ("trusted identity", Logged),
            ("expiry", Logged),
            ("authentic timestamp", Logged),
            ("descriptor", Pass),
        ]
    );
    assert!(accepted.signer.is_none(), "nobody in particular has signed");
    let codes: Vec<_> = accepted.weakened.iter().map(|r| r.code).collect();
    assert_eq!(
        codes,
        [AuthenticityLogged, ExpiryExpired, AuthenticTimestampInvalid, RevocationSkipped]
    );
}

#[test]
fn at_audit_an_authentic_signature_has_its_signer() {
    let mut setup = Setup::new(Format::Cose);
    setup.level(Level::Audit);
    assert!(setup.verify().0.unwrap().signer.is_some());
    setup.identities(&["x509.subject: C=US, ST=WA, O=Other"]);
    let accepted = setup.verify().0.unwrap();
    assert!(accepted.signer.is_none(), "the identity is a part of authenticity");
    assert_eq!(accepted.weakened[0].code, AuthenticityLogged);
}

#[test]
fn strangers_cost_no_signature_operation() {
    for format in BOTH {
        let mut setup = Setup::new(*format);
        setup.authority.ca = vec![stranger()];
        let (answer, operations) = setup.verify();
        let rejected = answer.unwrap_err();
        assert_eq!(operations, 0);
        assert_eq!(
            marks(&rejected.checks),
            [("integrity", Mark::Skipped), ("authenticity", Mark::Fail)]
        );
        assert_eq!(
            rejected.checks[0].detail.as_deref(),
            Some("not checked, as the signature would not count")
        );
    }
}

#[test]
fn forged_chains_of_a_trusted_root_cost_two_operations() {
    for format in BOTH {
        let mut setup = Setup::new(*format);
        let root = setup.root.self_signed();
        let mut chain = vec![root];
        let mut issuer = Certificate::authority("root", Key::p256("forger"));
        for i in 0..8 {
            let own = Certificate::authority(&format!("ca {i}"), Key::p256("forger"));
            chain.insert(0, own.issued_by(&issuer));
            issuer = own;
        }
        chain.insert(0, setup.leaf.issued_by(&issuer));
        setup.draft.chain(chain);
        let (answer, operations) = setup.verify();
        assert_eq!(answer.unwrap_err().reason.code, CertificateProfile);
        assert_eq!(operations, 2);
    }
}

#[test]
fn an_exhausted_budget_is_undetermined() {
    for format in BOTH {
        for operations in 0..4 {
            let mut setup = Setup::new(*format);
            setup.operations = operations;
            let (answer, used) = setup.verify();
            let rejected = answer.unwrap_err();
            assert_eq!(rejected.reason.code, BudgetSignatures);
            assert!(rejected.reason.code.is_undetermined());
            assert_eq!(used, operations);
            assert_eq!(marks(&rejected.checks), [("integrity", Mark::Unknown)]);
        }
    }
}

#[test]
fn a_descriptor_on_the_hosts_word_is_undetermined() {
    let mut setup = Setup::new(Format::Jws);
    setup.target.size = None;
    let rejected = setup.verify().0.unwrap_err();
    assert!(rejected.reason.code.is_undetermined());
    assert_eq!(
        rejected.checks.last().map(|n| (n.name.as_str(), n.mark)),
        Some(("descriptor", Mark::Unknown))
    );
}

/// A policy with one authority, with this trust and these fields beside.
fn policy(trust: &serde_json::Value, fields: &serde_json::Value) -> serde_json::Value {
    let mut authority = serde_json::json!({
        "trust": "n",
        "trustedIdentities": ["*"],
        "override": { "revocation": "skip" },
    });
    for (name, value) in fields.as_object().unwrap() {
        authority[name] = value.clone();
    }
    serde_json::json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "n": { "notation": trust } },
            "authorities": { "n": { "notation": authority } },
            "rules": [{ "images": ["**"], "require": "n" }],
        },
    })
}

fn pem(der: &[u8]) -> String {
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// Requirements 62, 84 and 96: what stores hold, and what a `tsa` store leads to.
#[test]
fn stores_of_policies() {
    use countersign::policy::Policy;
    use serde_json::json;
    let root = Certificate::authority("root", Key::p256("root"));
    let intermediate = Certificate::authority("intermediate", Key::p256("intermediate"));
    let leaf = Certificate::leaf("leaf", Key::p256("leaf"));
    let of_root = pem(&root.self_signed());
    let of_intermediate = pem(&intermediate.issued_by(&root));
    let of_leaf = pem(&leaf.issued_by(&intermediate));
    let self_signed = pem(&leaf.self_signed());
    let skip = json!({ "tsaRevocation": "skip" });
    let codes = |trust: &serde_json::Value, fields: &serde_json::Value| -> Vec<String> {
        let errors = Policy::parse(&policy(trust, fields)).err().unwrap_or_default();
        errors.into_iter().map(|e| e.code).collect()
    };
    for (certificate, ca, tsa) in [
        (&of_root, true, true),
        (&of_intermediate, true, false),
        (&self_signed, true, false),
        (&of_leaf, false, false),
    ] {
        for (store, good) in [("ca", ca), ("signingAuthority", ca), ("tsa", tsa)] {
            let mut trust = json!({ "ca": [of_root] });
            trust[store] = json!([certificate]);
            let expected: &[&str] = if good { &[] } else { &["policy.invalidValue"] };
            assert_eq!(codes(&trust, &skip), expected, "{store} {certificate}");
        }
    }
    let trust = json!({ "ca": [of_root], "tsa": [of_root] });
    for (fields, expected) in [
        (json!({}), &[][..]),
        (json!({ "tsaRevocation": "enforce" }), &[]),
        (json!({ "tsaRevocation": "log" }), &[]),
        (json!({ "tsaRevocation": "skip", "verifyTimestamp": "never" }), &["policy.invalidValue"]),
    ] {
        assert_eq!(codes(&trust, &fields), expected, "{fields}");
    }
    // Without a store nobody asks a TSA for anything.
    assert!(codes(&json!({ "ca": [of_root] }), &json!({})).is_empty());
    for (fields, warned) in [
        (skip, true),
        (json!({ "tsaRevocation": "skip", "verifyTimestamp": "always" }), false),
        (json!({ "tsaRevocation": "skip", "verifyTimestamp": "afterCertExpiry" }), false),
    ] {
        let warnings = Policy::parse(&policy(&trust, &fields)).unwrap().warnings;
        assert_eq!(warnings.iter().any(|w| w.contains("afterCertExpiry")), warned, "{fields}");
        assert!(warnings.iter().any(|w| w.contains("revocation of timestamp authorities")));
    }
}
