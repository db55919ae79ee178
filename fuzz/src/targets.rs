//! The bodies of the fuzz targets: no panic, and what else can be said cheaply.
//!
//! `tests/fuzz_corpus.rs` replays the corpus through the same functions on stable.

use countersign::{
    Step,
    crypto::{Memo, Spend},
    discovery::manifest,
    envelope::{bundle, cose, dsse, jws, log_entry, notation::MOST_CERTIFICATES, simple_signing},
    evaluate,
    evidence::Budget,
    json, pem,
    policy::{Glob, Policy},
    reference::{Digest, Reference},
    revocation::{self, Answer, Evidence, Status, Terms},
    step_json,
    time::Time,
    timestamp::{self, Authority, Token},
    transparency::{LoggedEntry, checkpoint::Checkpoint, sct},
    wire::{Outcome, StepRequest, StepResponse},
    x509::{Certificate, notation_profile::Profile},
};

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

/// An envelope has certificates.
pub fn cose(data: &[u8]) {
    if let Ok(envelope) = cose::parse(data) {
        assert!((1..=MOST_CERTIFICATES).contains(&envelope.chain.len()));
        assert!(envelope.signing_input.ends_with(&envelope.payload));
    }
}

/// A list at the address that a certificate names.
pub fn crl(data: &[u8]) {
    revocation(Answer::Unavailable(String::new()), Answer::Found(data));
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

/// An envelope has certificates, and what is signed are its own two texts.
pub fn jws(data: &[u8]) {
    if let Ok(envelope) = jws::parse(data) {
        assert!((1..=MOST_CERTIFICATES).contains(&envelope.chain.len()));
        let dots = envelope.signing_input.iter().filter(|b| **b == b'.');
        assert_eq!(dots.count(), 1);
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

/// A responder's answer.
pub fn ocsp(data: &[u8]) {
    revocation(Answer::Found(data), Answer::Unavailable(String::new()));
}

/// What responder and list of a certificate are.
struct Fetched<'a>(Answer<'a>, Answer<'a>);

impl Evidence for Fetched<'_> {
    fn ocsp(&self, _: &str, _: &[u8]) -> Answer<'_> {
        self.0.clone()
    }

    fn crl(&self, _: &str) -> Answer<'_> {
        self.1.clone()
    }
}

/// Both profiles are asked; what another key has signed is never known, and `spec` never calls good
/// what `compat` does not.
fn revocation(response: Answer<'_>, list: Answer<'_>) {
    let read = |der: &[u8]| Certificate::from_der(der).unwrap();
    let leaf = read(include_bytes!("revocable.der"));
    let issuer = read(include_bytes!("revoker.der"));
    let fetched = Fetched(response, list);
    let status = |issuer: &Certificate, profile| {
        let now = Time::from_unix(1_795_230_000);
        let terms = Terms { profile, now, signed_at: None, max_age: None };
        let spend = Spend::new(8, Memo::default());
        let chain = [leaf.clone(), issuer.clone()];
        let mut report = revocation::evaluate(&chain, &fetched, &terms, &spend).unwrap();
        assert_eq!(report.findings.len(), 2);
        report.findings.remove(0).status
    };
    let strict = status(&issuer, Profile::Spec);
    let lax = status(&issuer, Profile::Compat);
    assert!(strict != Status::Ok || lax == Status::Ok);
    assert!(strict != Status::NonRevokable && lax != Status::NonRevokable);
    for profile in [Profile::Spec, Profile::Compat] {
        assert!(matches!(status(&leaf, profile), Status::Unknown(_)));
    }
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

/// Nobody's token is not believed.
pub fn timestamp(data: &[u8]) {
    if let Ok(token) = Token::parse(data) {
        let nobody = Authority { leaf: None, intermediates: &[], roots: &[] };
        let spend = Spend::new(4, Memo::default());
        assert!(timestamp::verify(&token, b"message", &nobody, &spend).is_err());
        let _ = token.claimed_time();
    }
}
