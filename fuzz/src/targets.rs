//! The bodies of the fuzz targets: no panic, and what else can be said cheaply.
//!
//! `tests/fuzz_corpus.rs` replays the corpus through the same functions on stable.

#[path = "notation.rs"]
mod notation;

use std::cell::OnceCell;

use countersign::{
    Step,
    crypto::{Memo, Spend},
    discovery::manifest,
    envelope::{bundle, dsse, log_entry, simple_signing},
    evaluate,
    evidence::Budget,
    json, pem,
    policy::{Glob, Policy},
    reference::{Digest, Reference},
    revocation::{self, Answer, Evidence, Status, Terms},
    step_json,
    time::{Now, Time},
    timestamp::{self, Authority, Token},
    transparency::{LoggedEntry, checkpoint::Checkpoint, sct},
    wire::{Outcome, StepRequest, StepResponse},
    x509::{Certificate, notation_profile::Profile},
};

pub use notation::{cose, distinguished_name, is_accepted, jws, with_subject};

/// A target: its name, which is its corpus' too, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("annotation", annotation),
    ("bundle", bundle),
    ("certificate", certificate),
    ("checkpoint", checkpoint),
    ("cose", cose),
    ("crl", crl),
    ("distinguished_name", distinguished_name),
    ("dsse", dsse),
    ("glob", glob),
    ("json", json),
    ("jws", jws),
    ("log_entry", log_entry),
    ("manifest", manifest),
    ("ocsp", ocsp),
    ("pem", pem),
    ("policy", policy),
    ("reference", reference),
    ("sct", sct),
    ("simple_signing", simple_signing),
    ("statement", statement),
    ("step", step),
    ("timestamp", timestamp),
];

/// An entry in Cosign's annotation has a promise; its other annotation is a timestamp.
pub fn annotation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(entry) = log_entry::from_annotation(text) {
        assert!(entry.promise.is_some() && entry.proof.is_none());
    }
    if let Ok(token) = log_entry::timestamp_from_annotation(text) {
        timestamp(&token);
    }
}

/// A bundle has one signature.
pub fn bundle(data: &[u8]) {
    if let Ok(parsed) = bundle::parse(data)
        && let bundle::Content::Dsse(envelope) = parsed.content
    {
        assert_eq!(envelope.signatures.len(), 1);
    }
}

/// A certificate is kept to the byte.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(data) {
        assert_eq!(certificate.der(), data);
        if let Ok(key) = certificate.public_key() {
            let _ = certificate.verify_signed_by(&key, &Spend::new(1, Memo::default()));
        }
        let _ = certificate.fingerprint();
        let _ = certificate.subject().to_string();
    }
}

/// What is signed is the text before the signatures.
pub fn checkpoint(data: &[u8]) {
    if let Ok(note) = std::str::from_utf8(data)
        && let Ok(checkpoint) = Checkpoint::parse(note)
    {
        assert!(note.starts_with(&checkpoint.signed));
        assert!(checkpoint.signed.starts_with(&checkpoint.origin));
        assert!(!checkpoint.signatures.is_empty());
    }
}

/// A list at the address that a certificate names, and after it its delta.
pub fn crl(data: &[u8]) {
    revocation(&lists(data));
}

/// What the target `crl` fetches.
pub fn lists(data: &[u8]) -> Fetched<'_> {
    let (base, delta) = data.split_at(first_element(data));
    let delta = if delta.is_empty() { base } else { delta };
    let response = Answer::Unavailable(String::new());
    Fetched { response, list: Answer::Found(base), delta }
}

/// What is signed ends with the payload.
pub fn dsse(data: &[u8]) {
    if let Ok(envelope) = dsse::parse(data) {
        assert!((1..=16).contains(&envelope.signatures.len()));
        let signed = envelope.pre_authentication_encoding();
        assert!(signed.ends_with(&envelope.payload));
    }
}

/// A pattern on the first line, a name on the second. What has no star matches one name at most.
pub fn glob(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "ghcr.io/acme/app"));
    if let Ok(glob) = Glob::parse(pattern)
        && glob.matches(name)
        && !pattern.contains('*')
    {
        assert!(!glob.matches(&format!("{name}x")));
        assert!(!glob.matches(&format!("x{name}")));
    }
}

/// What is accepted is what another reader reads.
pub fn json(data: &[u8]) {
    if let Ok(value) = json::parse(data) {
        let other: serde_json::Value = serde_json::from_slice(data).unwrap();
        assert_eq!(value, other);
    }
}

/// An entry names what has signed, and is not about nothing.
pub fn log_entry(data: &[u8]) {
    if let Ok(entry) = LoggedEntry::parse(data, None) {
        assert!(!entry.signatures.is_empty());
        let _ = entry.signature_hash();
        let other = LoggedEntry::parse(data, Some(("hashedrekord", "9.9.9")));
        assert!(other.is_err());
    }
}

/// No document is two things.
pub fn manifest(data: &[u8]) {
    if let Ok((parsed, _)) = manifest::parse(data) {
        let lists = [parsed.layers.is_some(), parsed.manifests.is_some(), parsed.blobs.is_some()];
        assert!(lists.iter().filter(|there| **there).count() <= 1);
    }
}

/// A responder's answer, and after it a list for the responder's own certificate.
pub fn ocsp(data: &[u8]) {
    revocation(&answers(data));
}

/// What the target `ocsp` fetches.
pub fn answers(data: &[u8]) -> Fetched<'_> {
    let (response, list) = data.split_at(first_element(data));
    let list = match list {
        [] => Answer::Unavailable(String::new()),
        list => Answer::Found(list),
    };
    Fetched { response: Answer::Found(response), list, delta: &[] }
}

/// Bytes of the first element, where there are others; else of all.
fn first_element(der: &[u8]) -> usize {
    match der {
        [0x30, 0x82, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length < rest.len() { length + 4 } else { der.len() }
        }
        [0x30, 0x81, length, rest @ ..] if usize::from(*length) < rest.len() => {
            usize::from(*length) + 3
        }
        _ => der.len(),
    }
}

/// What responder and lists of a certificate are.
pub struct Fetched<'a> {
    response: Answer<'a>,
    list: Answer<'a>,
    delta: &'a [u8],
}

impl Evidence for Fetched<'_> {
    fn ocsp(&self, _: &str, _: &[u8]) -> Answer<'_> {
        self.response.clone()
    }

    fn crl(&self, url: &str) -> Answer<'_> {
        if url.ends_with("delta.crl") { Answer::Found(self.delta) } else { self.list.clone() }
    }
}

/// Both profiles are asked. What another key has signed is never known, and a time before which
/// nothing was invalid turns nothing that is good into bad.
fn revocation(fetched: &Fetched<'_>) {
    let hours = |hours: i64| Time::from_unix(NOW - hours * 3600);
    let memo = Memo::default();
    for profile in [Profile::Spec, Profile::Compat] {
        let terms = Terms { profile, ..TERMS };
        let status = |terms| status(fetched, false, &terms, &memo);
        let plain = status(terms);
        assert!(plain != Status::NonRevokable);
        let spared = status(Terms { signed_at: Some(hours(24)), ..terms });
        assert!(plain != Status::Ok || spared == Status::Ok);
        let _ = status(Terms { max_age: Some(1800), ..terms });
        assert!(matches!(self::status(fetched, true, &terms, &memo), Status::Unknown(_)));
    }
}

/// When the seeds are good.
const NOW: i64 = 1_795_230_000;

/// The strictest.
pub const TERMS: Terms<'static> = Terms {
    profile: Profile::Spec,
    now: Now::alone(Time::from_unix(NOW)),
    signed_at: None,
    max_age: None,
};

/// What is known of the certificate; or, `by_itself`, if its issuer had its own key.
pub fn status(fetched: &Fetched<'_>, by_itself: bool, terms: &Terms<'_>, memo: &Memo) -> Status {
    let (leaf, issuer) = revocable();
    let issuer = if by_itself { leaf.clone() } else { issuer };
    let spend = Spend::new(64, memo.clone());
    let mut report = revocation::evaluate(&[leaf, issuer], fetched, terms, &spend).unwrap();
    assert_eq!(report.findings.len(), 2);
    report.findings.remove(0).status
}

/// The certificate that the seeds are about, and its issuer.
fn revocable() -> (Certificate, Certificate) {
    thread_local!(static READ: OnceCell<(Certificate, Certificate)> = const { OnceCell::new() });
    let read = |der: &[u8]| Certificate::from_der(der).unwrap();
    let made = || (read(include_bytes!("revocable.der")), read(include_bytes!("revoker.der")));
    READ.with(|known| known.get_or_init(made).clone())
}

/// No more blocks than were asked for, and never none.
pub fn pem(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(blocks) = pem::blocks(text, "CERTIFICATE", 4)
    {
        assert!((1..=4).contains(&blocks.len()));
        for der in &blocks {
            certificate(der);
        }
    }
}

/// A refusal says where.
pub fn policy(data: &[u8]) {
    if let Ok(document) = serde_json::from_slice(data)
        && let Err(errors) = Policy::parse(&document)
    {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(error.path.is_empty() || error.path.starts_with('/'));
            assert!(!error.message.is_empty());
        }
    }
}

/// The normal form of a normal form is itself.
pub fn reference(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Digest::parse(text);
        if let Ok(reference) = Reference::parse(text) {
            assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }
    }
}

/// What is read is in a strict document.
pub fn simple_signing(data: &[u8]) {
    if simple_signing::parse(data).is_some() {
        assert!(json::parse(data).is_ok());
    }
}

/// A statement is about somebody, and not about just anybody.
pub fn statement(data: &[u8]) {
    use countersign::attestation::statement;
    if let Ok(statement) = statement::parse(data) {
        assert!(!statement.subjects.is_empty());
        let digest = Digest::sha256(b"an artifact that nothing is about");
        assert!(statement.subject_of(&digest, |_| None).is_none());
    }
}

/// Always one answer; and never `allow` by a policy whose key has signed nothing.
pub fn step(data: &[u8]) {
    let response: StepResponse = serde_json::from_slice(&step_json(data)).unwrap();
    assert_ne!(response.need.is_some(), response.decision.is_some());
    let Ok(request) = serde_json::from_slice::<StepRequest>(data) else {
        return;
    };
    let Some(now) = Time::parse(&request.now) else {
        return;
    };
    let policy = serde_json::from_str(include_str!("nobody.json")).unwrap();
    let policy = Policy::parse(&policy).unwrap();
    let budget = request.budget.unwrap_or_else(Budget::default);
    if let Step::Decision(decision) =
        evaluate(&policy, &request.request, &request.evidence, now, budget)
    {
        assert_ne!(decision.outcome, Outcome::Allow);
    }
}

/// A list of timestamps is not empty, and its precertificate can be made.
pub fn sct(data: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(data)
        && let Ok(scts) = sct::parse_list(&certificate)
    {
        assert!(!scts.is_empty());
        let _ = sct::Precertificate::of(&certificate, certificate.spki_der());
    }
}

/// Nobody's token is believed of nobody, nor of another message; its time is within its bounds.
pub fn timestamp(data: &[u8]) {
    let one = Token::parse(data);
    let each = Token::parse_each(data).unwrap_or_default();
    assert!(one.is_err() || each.len() == 1);
    for token in each.into_iter().flatten() {
        believed(&token);
        let bare = token.clone().without(|_| true);
        assert!(bare.certificates().is_empty());
    }
}

/// By how many of the two authorities that could be: the root, and each certificate by name.
pub fn believed(token: &Token) -> usize {
    let [leaf, intermediate, root] = stamper();
    let roots = [root];
    let known = Authority { leaf: None, intermediates: &[], roots: &roots };
    let named = Authority { leaf: Some(&leaf), intermediates: &[intermediate], roots: &roots };
    let nobody = Authority { leaf: None, intermediates: &[], roots: &[] };
    let verify = |message, authority| {
        timestamp::verify(token, message, authority, &Spend::new(64, notation::memo()))
    };
    assert!(verify(STAMPED, &nobody).is_err());
    let by = [&known, &named].map(|authority| {
        let timestamp = verify(STAMPED, authority).ok()?;
        assert!((timestamp.earliest..=timestamp.latest).contains(&timestamp.time));
        assert_eq!(timestamp.time, token.claimed_time());
        assert!(verify(b"another signature", authority).is_err());
        Some(timestamp)
    });
    by.iter().flatten().count()
}

/// What the seeds are about.
const STAMPED: &[u8] = b"a signature";

/// Who has made them: leaf, intermediate, root.
fn stamper() -> [Certificate; 3] {
    thread_local!(static READ: OnceCell<[Certificate; 3]> = const { OnceCell::new() });
    let read = |der: &[u8]| Certificate::from_der(der).unwrap();
    let made = || {
        [
            read(include_bytes!("tsa_leaf.der")),
            read(include_bytes!("tsa_intermediate.der")),
            read(include_bytes!("tsa_root.der")),
        ]
    };
    READ.with(|known| known.get_or_init(made).clone())
}
