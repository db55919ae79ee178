//! Notation: Notary Project signatures in JWS and COSE, with certificates.
//!
//! Sources: [trust store and trust policy](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/trust-store-trust-policy.md)
//! (TP below), [signature specification](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-specification.md)
//! (SIG below), [plugin extensibility](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/plugin-extensibility.md).
//!
//! Revocation comes last: it is the only check that may have to ask the world.

mod finding;
mod payload;
mod reason;
mod revocation;
mod timestamp;

use std::{cell::RefCell, collections::BTreeMap};

use super::{Accepted, Rejected, Signer, Target, Verification};
use crate::{
    crypto::{HashAlgorithm, KeyKind, PublicKey, Scheme, Spend},
    envelope::{
        cose, jws,
        notation::{Algorithm, NotationEnvelope, PAYLOAD},
    },
    revocation::Needed,
    time::Time,
    trust::{TrustedIdentity, identity::subject_line},
    verdict::{Code, Reason},
    wire::{Kind, Mark, Node},
    x509::{Certificate, notation_profile as profile},
};

pub use crate::x509::notation_profile::Profile;

use finding::Finding;
pub use revocation::{Known, NO_ROOM};

/// Whose signatures count, and how strictly.
#[derive(Clone, Debug)]
pub struct NotationAuthority {
    /// The `ca` trust store, for the scheme `notary.x509`.
    pub ca: Vec<Certificate>,
    /// The `signingAuthority` trust store, for the scheme `notary.x509.signingAuthority`.
    pub signing_authority: Vec<Certificate>,
    /// The `tsa` trust store: where it is empty, no timestamp is looked at.
    pub tsa: Vec<Certificate>,
    /// When a timestamp is asked for.
    pub verify_timestamp: VerifyTimestamp,
    /// What happens where a validation fails.
    pub actions: Actions,
    /// What happens where a certificate is revoked, or nobody can tell.
    pub revocation: Revocation,
    /// The same for the certificates of timestamp authorities, inside the authentic timestamp.
    pub tsa_revocation: Revocation,
    /// Seconds that the evidence of revocation may be old, against replay.
    pub max_evidence_age: Option<i64>,
    /// Who of the trust store may sign.
    pub trusted_identities: Vec<TrustedIdentity>,
    /// Signed annotations that must be there.
    pub user_metadata: BTreeMap<String, String>,
    /// Which reading of the specification holds.
    pub profile: Profile,
}

/// When a signature under `notary.x509` must have a timestamp, given a `tsa` store.
///
/// spec: TP §Trust Policy Properties, `verifyTimestamp`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyTimestamp {
    /// Always.
    #[default]
    Always,
    /// Once a certificate of its chain has expired.
    AfterCertExpiry,
}

/// What happens where a validation fails.
///
/// spec: TP §Signature Verification details "each of these validations is *enforced* or *logged*"
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The signature fails.
    Enforce,
    /// The failure is reported, and the signature counts.
    Log,
}

/// The validations that have two choices. Integrity is always enforced; revocation has three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions {
    /// The chain leads to the trust store, and the signer is a trusted identity.
    pub authenticity: Action,
    /// The certificates were valid when the signature was made.
    pub authentic_timestamp: Action,
    /// The signature is not past its best.
    pub expiry: Action,
}

/// What happens where a certificate is revoked, or nobody can tell.
///
/// spec: TP §Signature Verification details; for timestamp authorities "Revocation check … is always
/// enforced", and the rest is our extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The signature fails.
    Enforce,
    /// It is reported, and the signature counts.
    Log,
    /// Nobody is asked.
    Skip,
}

/// The road to OCSP responses and CRLs.
pub struct RevocationRoad<'a> {
    /// What was fetched.
    pub evidence: &'a dyn crate::revocation::Evidence,
    /// What is still to be fetched.
    pub needed: &'a RefCell<Vec<Needed>>,
    /// What was found already.
    pub known: &'a Known,
}

/// Verification levels, without `skip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `strict`.
    Strict,
    /// `permissive`.
    Permissive,
    /// `audit`.
    Audit,
}

impl Level {
    /// spec: TP §Signature Verification details, the table of levels.
    pub const fn actions(self) -> Actions {
        let (authenticity, time) = match self {
            Self::Strict => (Action::Enforce, Action::Enforce),
            Self::Permissive => (Action::Enforce, Action::Log),
            Self::Audit => (Action::Log, Action::Log),
        };
        Actions { authenticity, authentic_timestamp: time, expiry: time }
    }
}

/// An envelope whose parts fit together, before any signature was checked.
struct Opened {
    envelope: NotationEnvelope,
    chain: Vec<Certificate>,
    key: PublicKey,
    leaf: Certificate,
}

const INTEGRITY: &str = "integrity";
const REVOCATION: &str = "revocation";
const TSA_REVOCATION: &str = "revocation of the timestamp authority";
const DESCRIPTOR: &str = "descriptor";
const USER_METADATA: &str = "user metadata";

/// Verifies one envelope.
///
/// spec: TP §Signature Verification details "Implementations may change the ordering of these
/// validations based on efficiency, but all validation MUST be performed till the first critical
/// failure is encountered": what costs no public-key operation comes first, so that envelopes of
/// strangers cannot use up the budget.
pub fn verify(
    envelope_bytes: &[u8],
    layer_media_type: &str,
    target: &Target,
    authority: &NotationAuthority,
    now: Time,
    road: &RevocationRoad<'_>,
    spend: &Spend,
) -> Verification {
    let opened = open(envelope_bytes, layer_media_type, authority.profile).map_err(broken)?;
    validate(&opened, About::Artifact(target), &revocation::Asked { authority, now, road, spend })
}

/// Verifies one envelope that is about a blob: [`verify`], but for the descriptor.
///
/// spec: SIG §Blob Signatures "a detached signature envelope with a signature over the unique
/// representation of the blob (i.e. blob's digest)"
pub fn verify_blob(
    envelope_bytes: &[u8],
    media_type: &str,
    blob: &Target,
    authority: &NotationAuthority,
    now: Time,
    road: &RevocationRoad<'_>,
    spend: &Spend,
) -> Verification {
    let opened = open(envelope_bytes, media_type, authority.profile).map_err(broken)?;
    validate(&opened, About::Blob(blob), &revocation::Asked { authority, now, road, spend })
}

/// What a signature is to be about.
#[derive(Clone, Copy)]
enum About<'a> {
    /// An artifact of a registry: its manifest.
    Artifact(&'a Target),
    /// A blob.
    Blob(&'a Target),
}

fn validate(opened: &Opened, about: About<'_>, asked: &revocation::Asked<'_>) -> Verification {
    let revocation::Asked { authority, now, spend, .. } = *asked;
    let (mut findings, timestamps) = finding::all(opened, authority, now);
    if let Some(fatal) = findings.iter().position(Finding::is_fatal) {
        // Whatever the signature comes to; and so it is not paid for.
        let integrity = Node { mark: Mark::Skipped, ..Node::pass(Kind::Check, INTEGRITY) };
        let integrity = integrity.detail("not checked, as the signature would not count");
        return Err(rejected(integrity, findings, fatal));
    }
    signatures(opened, spend).map_err(broken)?;
    let integrity = Node::pass(Kind::Check, INTEGRITY).detail(integrity_detail(opened));
    let mut stamped = None;
    if !timestamps.is_empty() {
        let outcome = timestamp::verify(&timestamps, opened, authority, spend)
            .map(|found| stamped.insert(found).detail.clone());
        finding::settle(&mut findings, outcome);
        if let Some(fatal) = findings.iter().position(Finding::is_fatal) {
            return Err(rejected(integrity, findings, fatal));
        }
    }
    // Nobody is asked about the certificates of a signature that is not this artifact's.
    let mut binding = Vec::new();
    let bound = bound(opened, about, authority, &mut binding);
    let of_tsa = stamped.filter(|_| bound.is_ok()).map(|s| asked.about_tsa(&s.chain));
    // spec: TP §Steps 6 "Perform revocation check of the timestamping certificate chain", a part of
    // the authentic timestamp.
    if authority.tsa_revocation == Revocation::Enforce
        && let Some(Err(reason)) = of_tsa.as_ref()
        && is_about_status(reason)
    {
        finding::settle(&mut findings, Err(reason.clone()));
        if let Some(fatal) = findings.iter().position(Finding::is_fatal) {
            return Err(rejected(integrity, findings, fatal));
        }
    }
    let (mut result, is_trusted) = accepted(integrity, findings, opened);
    result.checks.append(&mut binding);
    if let Err(reason) = bound {
        return Err(Rejected { reason, checks: result.checks });
    }
    let anchor = finding::anchor(opened, authority).filter(|_| is_trusted);
    let of_signer = asked.about_signer(opened, anchor);
    // What is known for certain comes before what is still to be fetched.
    let of_tsa = of_tsa.map(|outcome| (TSA_REVOCATION, authority.tsa_revocation, outcome));
    let of_signer = (REVOCATION, authority.revocation, of_signer);
    let mut open = None;
    for (check, action, outcome) in of_tsa.into_iter().chain([of_signer]) {
        match revoked(check, action, outcome, &mut result) {
            Ok(()) => {}
            Err(reason) if reason.code == Code::RevocationPending => open = Some(reason),
            Err(reason) => return Err(Rejected { reason, checks: result.checks }),
        }
    }
    match open {
        Some(reason) => Err(Rejected { reason, checks: result.checks }),
        None => Ok(result),
    }
}

/// What the findings come to, none of which is fatal; and whether somebody in particular has signed.
fn accepted(integrity: Node, findings: Vec<Finding>, opened: &Opened) -> (Accepted, bool) {
    let mut result =
        Accepted { signer: Some(signer(opened)), checks: vec![integrity], weakened: Vec::new() };
    for finding in findings {
        if finding.outcome.is_err() && finding.is_authenticity() {
            result.signer = None;
        }
        if let Some(reason) = finding.weakness()
            && !result.weakened.iter().any(|other: &Reason| other.code == reason.code)
        {
            result.weakened.push(reason);
        }
        result.checks.push(finding.into_node());
    }
    let is_trusted = result.signer.is_some();
    (result, is_trusted)
}

/// One of the two questions about revocation: its node, and what the policy lets pass.
fn revoked(
    check: &str,
    action: Revocation,
    outcome: Result<Node, Reason>,
    result: &mut Accepted,
) -> Result<(), Reason> {
    let reason = match outcome {
        Ok(node) => {
            result.checks.push(node);
            return Ok(());
        }
        Err(reason) => reason,
    };
    if reason.code == Code::RevocationSkipped {
        result.checks.push(Node::skip(Kind::Check, check, reason.clone()));
    } else if is_about_status(&reason) && (action == Revocation::Log || check == TSA_REVOCATION) {
        // Enforced for a timestamp authority, it is the authentic timestamp's finding already.
        result.checks.push(logged(check, reason.clone()));
    } else {
        result.checks.push(Node::refuse(Kind::Check, check, reason.clone()));
        return Err(reason);
    }
    if !result.weakened.contains(&reason) {
        result.weakened.push(reason);
    }
    Ok(())
}

/// True for what a policy may only log; that something is still to be fetched, or that the budget is
/// spent, it may not.
fn is_about_status(reason: &Reason) -> bool {
    matches!(reason.code, Code::RevocationRevoked | Code::RevocationUnknown)
}

/// spec: TP §Steps 3 "Validate Integrity", without the signature itself.
fn open(bytes: &[u8], layer_media_type: &str, mode: Profile) -> Result<Opened, Reason> {
    // "validate that signature envelope can be parsed successfully based on the signature envelope
    // type specified in the `blobs[0].mediaType` attribute"
    let envelope = match layer_media_type {
        jws::MEDIA_TYPE => jws::parse(bytes),
        cose::MEDIA_TYPE => cose::parse(bytes),
        other => {
            return Err(Reason::new(
                Code::EnvelopeUnsupported,
                format!("signature envelopes of type `{other}` are not supported"),
            )
            .expected(format!("{} or {}", jws::MEDIA_TYPE, cose::MEDIA_TYPE))
            .found(other));
        }
    }
    .map_err(reason::of_envelope)?;
    let attributes = &envelope.attributes;
    // "Validate that the content type indicated by the `content type` signed attribute in the
    // signature envelope is supported."
    if attributes.content_type != PAYLOAD {
        return Err(Reason::of(Code::NotationContentType)
            .expected(PAYLOAD)
            .found(&attributes.content_type));
    }
    // spec: SIG §Extended attributes "unknown critical attributes MUST cause signature verification
    // to fail". Where a plugin is named they are the plugin's, and its absence fails anyway.
    if mode == Profile::Spec
        && attributes.plugin.is_none()
        && let Some(label) = attributes.unknown_critical().next()
    {
        return Err(Reason::new(
            Code::NotationCritical,
            format!("the critical attribute `{label}` is not understood"),
        )
        .found(label.to_string()));
    }
    let chain = envelope
        .chain
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Reason::new(Code::CertificateMalformed, error.to_string()))?;
    // spec: SIG §Certificate Requirements "These validations are independent of certificate chain
    // validation against a trust store."
    let key = profile::check(&chain, mode).map_err(reason::of_chain)?;
    // "Determine the signing algorithm(hash+encryption) from the signing certificate", and SIG
    // §Algorithm Selection; signature-envelope-jws "`alg` header value MUST be same as that of
    // signature algorithm identified using signing certificate's public key algorithm and size"
    let expected = algorithm_of(key.kind());
    if expected != Some(envelope.algorithm) {
        return Err(Reason::of(Code::SignatureAlgorithm)
            .expected(expected.map_or("none", Algorithm::jose_name))
            .found(envelope.algorithm.to_string()));
    }
    let leaf = chain.first().cloned().ok_or_else(|| Reason::of(Code::CertificateAbsent))?;
    Ok(Opened { envelope, chain, key, leaf })
}

/// spec: TP §Steps 3 "Using the public key of the signing certificate and signing algorithm
/// identified in the previous step, validate the integrity of the signature envelope.", then the
/// signatures of the chain.
fn signatures(opened: &Opened, spend: &Spend) -> Result<(), Reason> {
    let envelope = &opened.envelope;
    let scheme = scheme_of(envelope.algorithm);
    spend
        .verify_signature(&opened.key, scheme, &envelope.signing_input, &envelope.signature)?
        .map_err(reason::of_signature)?;
    for (position, certificate, issuer) in profile::links(&opened.chain) {
        let key = issuer.public_key().map_err(|error| {
            reason::of_chain(profile::ChainError::Key {
                position: position.saturating_add(1),
                error,
            })
        })?;
        certificate
            .verify_signed_by(&key, spend)?
            .map_err(|_| reason::of_chain(profile::ChainError::NotIssuedBy { position }))?;
    }
    Ok(())
}

/// spec: TP §Steps 3 "Verify the signature envelope's `payload` matches the source `payload` that
/// is getting verified", and last "verify the user provided metadata/custom annotations match the
/// signed attributes". No level waives them.
fn bound(
    opened: &Opened,
    about: About<'_>,
    authority: &NotationAuthority,
    checks: &mut Vec<Node>,
) -> Result<(), Reason> {
    let mut refuse = |check: &str, reason: &Reason| {
        checks.push(Node::refuse(Kind::Check, check, reason.clone()));
    };
    let artifact = payload::parse(&opened.envelope.payload)
        .inspect_err(|reason| refuse(DESCRIPTOR, reason))?;
    let mut unproven = None;
    let is_it = match about {
        About::Artifact(target) => artifact.is_target(target),
        About::Blob(blob) => artifact.is_blob(blob, hash_of(opened.envelope.algorithm)),
    };
    match is_it {
        Ok(()) => checks.push(Node::pass(Kind::Check, DESCRIPTOR).detail(artifact.digest.clone())),
        Err(reason) => {
            refuse(DESCRIPTOR, &reason);
            if !reason.code.is_undetermined() {
                return Err(reason);
            }
            unproven = Some(reason);
        }
    }
    if !authority.user_metadata.is_empty() {
        let metadata = artifact.has_metadata(&authority.user_metadata);
        checks.push(match &metadata {
            Ok(()) => Node::pass(Kind::Check, USER_METADATA),
            Err(reason) => Node::refuse(Kind::Check, USER_METADATA, reason.clone()),
        });
        metadata?;
    }
    // Reported last, so that what is certainly wrong is not hidden by what is not known.
    unproven.map_or(Ok(()), Err)
}

/// Without integrity nothing else was looked at.
fn broken(reason: Reason) -> Rejected {
    let checks = vec![Node::refuse(Kind::Check, INTEGRITY, reason.clone())];
    Rejected { reason, checks }
}

/// One finding is fatal, and what would have come after it is not shown.
fn rejected(integrity: Node, findings: Vec<Finding>, fatal: usize) -> Rejected {
    let mut checks = vec![integrity];
    let mut reason = Reason::of(Code::Internal);
    for finding in findings.into_iter().take(fatal.saturating_add(1)) {
        if let Err(found) = &finding.outcome {
            reason = found.clone();
        }
        checks.push(finding.into_node());
    }
    Rejected { reason, checks }
}

fn signer(opened: &Opened) -> Signer {
    let name = subject_line(opened.leaf.subject());
    Signer { name, ..Signer::certificate(&opened.leaf, &opened.key) }
}

fn integrity_detail(opened: &Opened) -> String {
    let attributes = &opened.envelope.attributes;
    let mut detail = format!(
        "{}, {}, {} certificates",
        opened.envelope.algorithm,
        attributes.scheme,
        opened.chain.len()
    );
    if !attributes.extended.is_empty() {
        let names: Vec<String> = attributes.extended.keys().map(|l| format!("`{l}`")).collect();
        detail.push_str(&format!(", ignored {}", names.join(" ")));
    }
    detail
}

/// spec: SIG §Algorithm Selection
const fn algorithm_of(kind: KeyKind) -> Option<Algorithm> {
    match kind {
        KeyKind::Rsa(2048) => Some(Algorithm::Ps256),
        KeyKind::Rsa(3072) => Some(Algorithm::Ps384),
        KeyKind::Rsa(4096) => Some(Algorithm::Ps512),
        KeyKind::P256 => Some(Algorithm::Es256),
        KeyKind::P384 => Some(Algorithm::Es384),
        KeyKind::P521 => Some(Algorithm::Es512),
        KeyKind::Rsa(_) | KeyKind::Ed25519 => None,
    }
}

/// spec: SIG §Algorithm Selection, the hash beside each signature algorithm.
const fn hash_of(algorithm: Algorithm) -> HashAlgorithm {
    match algorithm {
        Algorithm::Es256 | Algorithm::Ps256 => HashAlgorithm::Sha256,
        Algorithm::Es384 | Algorithm::Ps384 => HashAlgorithm::Sha384,
        Algorithm::Es512 | Algorithm::Ps512 => HashAlgorithm::Sha512,
    }
}

/// The salt of RSASSA-PSS may have any length: a named deviation from RFC 7518 §3.5 and RFC 8230
/// §2, as signers of the field write others.
const fn scheme_of(algorithm: Algorithm) -> Scheme {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    match algorithm {
        Algorithm::Es256 => Scheme::EcdsaRaw(Sha256),
        Algorithm::Es384 => Scheme::EcdsaRaw(Sha384),
        Algorithm::Es512 => Scheme::EcdsaRaw(Sha512),
        Algorithm::Ps256 => Scheme::RsaPss(Sha256),
        Algorithm::Ps384 => Scheme::RsaPss(Sha384),
        Algorithm::Ps512 => Scheme::RsaPss(Sha512),
    }
}

/// A node for a failure that the policy lets pass.
fn logged(check: &str, reason: Reason) -> Node {
    Node { mark: Mark::Logged, ..Node::refuse(Kind::Check, check, reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_specification() {
        use Action::{Enforce, Log};
        for (level, authenticity, time) in [
            (Level::Strict, Enforce, Enforce),
            (Level::Permissive, Enforce, Log),
            (Level::Audit, Log, Log),
        ] {
            let actions = Actions { authenticity, authentic_timestamp: time, expiry: time };
            assert_eq!(level.actions(), actions);
        }
    }

    #[test]
    fn a_key_has_one_algorithm_or_none() {
        let kinds = [2048, 3072, 4096].map(KeyKind::Rsa);
        let kinds = [KeyKind::P256, KeyKind::P384, KeyKind::P521].into_iter().chain(kinds);
        assert_eq!(kinds.filter_map(algorithm_of).collect::<Vec<_>>(), Algorithm::ALL);
        for kind in [KeyKind::Ed25519, KeyKind::Rsa(2047), KeyKind::Rsa(2560)] {
            assert_eq!(algorithm_of(kind), None);
        }
    }
}
