//! Targets about Notation's signatures: envelopes, and who may sign.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
};

use countersign::{
    crypto::{HexDigests, Memo, Spend},
    envelope::{cose, jws, notation::MOST_CERTIFICATES},
    revocation::{Answer, Evidence},
    time::Time,
    trust::{
        TrustedIdentity,
        identity::{IdentityError, check_overlap, subject_line},
    },
    verify::{
        Target,
        notation::{
            Known, Level, NotationAuthority, Profile, Revocation, RevocationRoad, VerifyTimestamp,
            verify,
        },
    },
    x509::Certificate,
};

/// When the seeds are verified: an hour after they were signed.
const NOW: i64 = 1_795_230_000;

/// What the seeds are about.
const DIGEST: &str = "sha256:73c803930ea3ba1e54bc25c2bdc53edd0284c62ed651fe7b00369da519a3c333";

/// Executions that share what they know of signatures.
const SHARED: u32 = 4096;

/// Much of what a mutation leaves as it was is a CA's signature; a pure function is remembered.
pub(crate) fn memo() -> Memo {
    thread_local! {
        static MEMO: RefCell<Memo> = RefCell::default();
        static USES: Cell<u32> = const { Cell::new(0) };
    }
    USES.set(USES.get().wrapping_add(1));
    if USES.get().is_multiple_of(SHARED) {
        MEMO.take();
    }
    MEMO.with_borrow(Clone::clone)
}

/// An envelope has certificates.
pub fn cose(data: &[u8]) {
    if let Ok(envelope) = cose::parse(data) {
        assert!((1..=MOST_CERTIFICATES).contains(&envelope.chain.len()));
        assert!(envelope.signing_input.ends_with(&envelope.payload));
    }
    verified(data, cose::MEDIA_TYPE);
}

/// An envelope has certificates, and what is signed are its own two texts.
pub fn jws(data: &[u8]) {
    if let Ok(envelope) = jws::parse(data) {
        assert!((1..=MOST_CERTIFICATES).contains(&envelope.chain.len()));
        let dots = envelope.signing_input.iter().filter(|b| **b == b'.');
        assert_eq!(dots.count(), 1);
    }
    verified(data, jws::MEDIA_TYPE);
}

/// Nobody is reached.
struct Nobody;

impl Evidence for Nobody {
    fn ocsp(&self, _: &str, _: &[u8]) -> Answer<'_> {
        Answer::Unavailable(String::new())
    }

    fn crl(&self, _: &str) -> Answer<'_> {
        Answer::Unavailable(String::new())
    }
}

/// What a stricter level accepts, a laxer one accepts; and a strict one needs somebody to trust.
fn verified(envelope: &[u8], media_type: &str) {
    for profile in [Profile::Spec, Profile::Compat] {
        let good = |level, authority: &NotationAuthority| {
            let authority = NotationAuthority { profile, actions: level, ..authority.clone() };
            accepted(envelope, media_type, &authority)
        };
        let trusting = authority(envelope);
        let audit = good(Level::Audit.actions(), &trusting);
        let strict = good(Level::Strict.actions(), &trusting);
        assert!(audit || !strict);
        if strict {
            assert!(good(Level::Permissive.actions(), &trusting));
            let nobody =
                NotationAuthority { ca: Vec::new(), signing_authority: Vec::new(), ..trusting };
            assert!(!good(Level::Strict.actions(), &nobody));
        }
    }
}

/// True at the level `strict`.
pub fn is_accepted(envelope: &[u8], media_type: &str) -> bool {
    accepted(envelope, media_type, &authority(envelope))
}

/// Whom the seeds are by. A timestamp that is there must be good.
fn authority(envelope: &[u8]) -> NotationAuthority {
    let name = b"timestampSignature";
    let is_stamped = envelope.windows(name.len()).any(|part| part == name);
    thread_local!(static TRUSTED: OnceCell<[Certificate; 2]> = const { OnceCell::new() });
    let [root, tsa] = TRUSTED.with(|trusted| {
        let read = |der: &[u8]| Certificate::from_der(der).unwrap();
        let made =
            || [read(include_bytes!("signer_root.der")), read(include_bytes!("tsa_root.der"))];
        trusted.get_or_init(made).clone()
    });
    let identity = TrustedIdentity::parse("x509.subject: C=US, ST=WA, O=Acme").unwrap();
    NotationAuthority {
        ca: vec![root.clone()],
        signing_authority: vec![root],
        tsa: if is_stamped { vec![tsa] } else { Vec::new() },
        verify_timestamp: VerifyTimestamp::Always,
        actions: Level::Strict.actions(),
        revocation: Revocation::Log,
        tsa_revocation: Revocation::Log,
        max_evidence_age: None,
        trusted_identities: vec![identity],
        user_metadata: BTreeMap::new(),
        profile: Profile::Spec,
    }
}

fn accepted(envelope: &[u8], media_type: &str, authority: &NotationAuthority) -> bool {
    let target = Target {
        digest: DIGEST.to_owned(),
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        size: Some(16_724),
        bytes: None,
        digests: HexDigests::default(),
    };
    let (needed, known) = (RefCell::default(), Known::default());
    let road = RevocationRoad { evidence: &Nobody, needed: &needed, known: &known };
    let (now, spend) = (Time::from_unix(NOW), Spend::new(100, memo()));
    verify(envelope, media_type, &target, authority, now.into(), &road, &spend).is_ok()
}

/// One identity on the first line, another on the rest, and after a zero byte a subject in DER.
///
/// An identity is what it prints; two overlap in either order; and a subject that can
/// be written as an identity is this identity.
pub fn distinguished_name(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let text = parts.next().and_then(|text| std::str::from_utf8(text).ok());
    let Some(certificate) = parts.next().map_or_else(|| Some(template()), with_subject) else {
        return;
    };
    let itself = subject_line(certificate.subject());
    if let Ok(identity) = TrustedIdentity::parse(&format!("x509.subject:{itself}")) {
        assert!(identity.matches(&certificate, Profile::Spec), "{itself}");
    }
    let Some(text) = text else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    for profile in [Profile::Spec, Profile::Compat] {
        if let [Some(one), Some(other)] = [one, other].map(|text| identity(text, profile)) {
            compared(&one, &other, profile, &certificate);
        }
    }
}

/// Printed and read again it is itself.
fn identity(text: &str, profile: Profile) -> Option<TrustedIdentity> {
    let identity = TrustedIdentity::parse_as(text, profile).ok()?;
    let again = TrustedIdentity::parse_as(&identity.to_string(), profile);
    assert_eq!(again.as_ref(), Ok(&identity));
    Some(identity)
}

fn compared(
    one: &TrustedIdentity,
    other: &TrustedIdentity,
    profile: Profile,
    certificate: &Certificate,
) {
    let [mine, its] = [one, other].map(|identity| identity.matches(certificate, profile));
    let overlap =
        |a: &TrustedIdentity, b: &TrustedIdentity| check_overlap(&[a.clone(), b.clone()], profile);
    match (overlap(one, other), overlap(other, one)) {
        (Ok(()), Ok(())) => assert!(profile == Profile::Compat || one != other),
        (Err(IdentityError::AnyAmongOthers), Err(IdentityError::AnyAmongOthers)) => {
            assert!(mine || its);
        }
        // An empty value, which is of `compat`, includes what has none.
        (Err(IdentityError::Overlap(..)), Err(IdentityError::Overlap(..))) => {}
        other => panic!("{other:?}"),
    }
}

fn template() -> Certificate {
    Certificate::from_der(include_bytes!("revocable.der")).unwrap()
}

/// A certificate about somebody else, that nobody has signed.
pub fn with_subject(subject: &[u8]) -> Option<Certificate> {
    const HEAD: usize = 4;
    let template = template();
    let (der, name) = (template.der(), template.subject_der());
    let at = der.windows(name.len()).position(|part| part == name)?;
    let length = usize::from(u16::from_be_bytes([der[HEAD + 2], der[HEAD + 3]]));
    let (signed, rest) = der[HEAD..].split_at(HEAD + length);
    let at = at - HEAD;
    let signed = sequence(&[&signed[HEAD..at], subject, &signed[at + name.len()..]].concat())?;
    Certificate::from_der(&sequence(&[&signed, rest].concat())?).ok()
}

fn sequence(content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    Some([&[0x30, 0x82, high, low], content].concat())
}
