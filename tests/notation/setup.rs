//! One good signature, of which each case spoils one thing.

use std::{cell::RefCell, collections::BTreeMap};

use countersign::{
    crypto::{Memo, Spend},
    revocation::Answer,
    time::{Horizon, Now, Time},
    trust::TrustedIdentity,
    verdict::Code,
    verify::{
        Target, Verification,
        notation::{self, Level, NotationAuthority, Profile, VerifyTimestamp},
    },
    x509,
};

use crate::{
    draft::{Draft, Format},
    pki::{Certificate, Key},
};

/// A host without a road to responders.
pub(crate) struct Nobody;

impl countersign::revocation::Evidence for Nobody {
    fn ocsp(&self, _: &str, _: &[u8]) -> Answer<'_> {
        Answer::Unavailable("nobody to ask".into())
    }

    fn crl(&self, _: &str) -> Answer<'_> {
        Answer::Unavailable("nobody to ask".into())
    }
}

/// 2026-11-21T03:00:00Z.
pub(crate) const NOW: i64 = 1_795_230_000;
pub(crate) const SIGNED_AT: i64 = NOW - 3600;

pub(crate) const BOTH: &[Format] = &[Format::Jws, Format::Cose];
pub(crate) const JWS: &[Format] = &[Format::Jws];
pub(crate) const COSE: &[Format] = &[Format::Cose];

/// One case: requirement number, name, formats, expected, what is changed.
pub(crate) type Case =
    (&'static str, &'static str, &'static [Format], Result<(), Code>, fn(&mut Setup));

/// Everything that [`notation::verify`] takes.
pub(crate) struct Setup {
    pub(crate) draft: Draft,
    pub(crate) root: Certificate,
    pub(crate) intermediate: Certificate,
    pub(crate) leaf: Certificate,
    pub(crate) authority: NotationAuthority,
    pub(crate) target: Target,
    pub(crate) now: i64,
    pub(crate) media_type: &'static str,
    pub(crate) operations: u64,
}

pub(crate) const DIGEST: &str =
    "sha256:73c803930ea3ba1e54bc25c2bdc53edd0284c62ed651fe7b00369da519a3c333";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const PAYLOAD: &str = r#"{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:73c803930ea3ba1e54bc25c2bdc53edd0284c62ed651fe7b00369da519a3c333","size":16724,"annotations":{"io.wabbit-networks.buildId":"123"}}}"#;

pub(crate) fn parse(der: &[u8]) -> x509::Certificate {
    x509::Certificate::from_der(der).expect("the test PKI makes certificates that parse")
}

impl Setup {
    pub(crate) fn new(format: Format) -> Self {
        Self::signed_by(format, Key::p256("leaf"))
    }

    pub(crate) fn signed_by(format: Format, key: Key) -> Self {
        let root = Certificate::authority("root", Key::p256("root"));
        let intermediate = Certificate::authority("intermediate", Key::p256("intermediate"));
        let leaf = Certificate::leaf("leaf", key.clone());
        let mut setup = Self {
            draft: Draft::new(format, key, Vec::new(), PAYLOAD.as_bytes(), SIGNED_AT),
            root,
            intermediate,
            leaf,
            authority: NotationAuthority {
                revocation: notation::Revocation::Skip,
                tsa_revocation: notation::Revocation::Skip,
                max_evidence_age: None,
                ca: Vec::new(),
                signing_authority: Vec::new(),
                tsa: Vec::new(),
                verify_timestamp: VerifyTimestamp::Always,
                actions: Level::Strict.actions(),
                trusted_identities: vec![TrustedIdentity::Any],
                user_metadata: BTreeMap::new(),
                profile: Profile::Spec,
            },
            target: Target {
                digest: DIGEST.into(),
                media_type: Some(MANIFEST.into()),
                size: Some(16_724),
                bytes: None,
                digests: countersign::crypto::HexDigests::default(),
            },
            now: NOW,
            media_type: match format {
                Format::Jws => "application/jose+json",
                Format::Cose => "application/cose",
            },
            operations: 100,
        };
        setup.issue();
        setup
    }

    /// DER of leaf, intermediate and root as they are described now.
    pub(crate) fn certificates(&self) -> [Vec<u8>; 3] {
        [
            self.leaf.issued_by(&self.intermediate),
            self.intermediate.issued_by(&self.root),
            self.root.self_signed(),
        ]
    }

    /// Puts the certificates as they are described now into the envelope, and the root into the
    /// store of the scheme that envelopes have at first.
    pub(crate) fn issue(&mut self) {
        let chain = self.certificates();
        self.authority.ca = vec![parse(&chain[2])];
        self.draft.chain(chain.to_vec());
    }

    pub(crate) fn identities(&mut self, texts: &[&str]) {
        self.authority.trusted_identities =
            texts.iter().map(|t| TrustedIdentity::parse(t).unwrap()).collect();
    }

    pub(crate) fn level(&mut self, level: Level) {
        self.authority.actions = level.actions();
    }

    /// As [`Draft::by_authority`], with the root in the other store.
    pub(crate) fn by_signing_authority(&mut self, time: i64) {
        self.draft.by_authority(time);
        self.authority.signing_authority = std::mem::take(&mut self.authority.ca);
    }

    pub(crate) fn verify(&self) -> (Verification, u64) {
        self.verify_bytes(&self.draft.build())
    }

    /// What comes of it, and what that cost. It stays so until the first instant that was looked at.
    pub(crate) fn verify_bytes(&self, envelope: &[u8]) -> (Verification, u64) {
        let (horizon, now) = (Horizon::default(), Time::from_unix(self.now));
        let spend = Spend::new(self.operations, Memo::default());
        let answer = self.verify_at(envelope, Now::new(now, &horizon), &spend);
        let last = horizon.first().map_or_else(|| now.plus(3_200_000_000), |first| first.minus(1));
        let code = |answer: &Verification| answer.as_ref().err().map(|r| r.reason.code);
        for time in [last, now.plus(600).min(last)] {
            let spend = Spend::new(self.operations, Memo::default());
            let later = self.verify_at(envelope, Now::alone(time), &spend);
            assert_eq!(code(&later), code(&answer), "at {time}, made at {now}");
        }
        (answer, spend.used())
    }

    fn verify_at(&self, envelope: &[u8], now: Now<'_>, spend: &Spend) -> Verification {
        let (needed, known) = (RefCell::default(), notation::Known::default());
        let road = notation::RevocationRoad { evidence: &Nobody, needed: &needed, known: &known };
        let Self { media_type, target, authority, .. } = self;
        notation::verify(envelope, media_type, target, authority, now, &road, spend)
    }
}

/// Runs a table, and says of all cases which are wrong.
pub(crate) fn run(table: &str, cases: &[Case]) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (requirement, name, formats, expected, make) in cases {
        for format in *formats {
            let mut setup = Setup::new(*format);
            make(&mut setup);
            count += 1;
            let found = match setup.verify().0 {
                Ok(_) => Ok(()),
                Err(rejected) => {
                    let said = rejected.checks.last().is_some_and(|n| n.reason.is_some());
                    assert!(said, "{requirement} {name}: a rejection has its check");
                    Err((rejected.reason.code, rejected.reason.message))
                }
            };
            if found.as_ref().map_err(|(code, _)| *code) != expected.as_ref().map_err(|c| *c) {
                wrong.push(format!(
                    "{requirement} {name} ({format:?}): {found:?}, not {expected:?}"
                ));
            }
        }
    }
    println!("{table}: {} cases, {count} envelopes", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
