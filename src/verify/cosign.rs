//! Cosign: simple signing, DSSE and Sigstore bundles, with keys, an own CA or keyless.
//!
//! Sources: [cosign SIGNATURE_SPEC](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md),
//! [BUNDLE_SPEC](https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md),
//! [Sigstore client spec](https://github.com/sigstore/architecture-docs/blob/main/client-spec.md).

mod signer;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Accepted, Rejected, Signer, Target, Verification};
use crate::{
    attestation::statement::{self, COSIGN_SIGN, Statement},
    crypto::{HashAlgorithm, Spend, from_hex, hex},
    envelope::{
        bundle::{Bundle, Content, KeyMaterial, Version},
        dsse::{self, Envelope},
        layer::Annotations,
        log_entry::{self, LogEntry},
        simple_signing,
    },
    policy::CosignAuthority,
    reference::{Digest, Reference},
    time::Now,
    transparency::Artifact,
    verdict::{Code, Reason},
    wire::{Kind, Node},
    x509::Certificate,
};
use signer::{Message, Signed};

/// Everything that a check is made against.
pub struct Context<'a> {
    /// Whose signature counts.
    pub authority: &'a CosignAuthority,
    /// The artifact.
    pub target: &'a Target,
    /// The name by which it was asked for, where it has one.
    pub reference: Option<&'a Reference>,
    /// The time of the decision.
    pub now: Now<'a>,
}

/// What an attestation requirement asks of a statement, before its signature is paid for.
pub struct Wanted<'a> {
    /// The predicate type, as a URI, or `*`.
    pub predicate_type: &'a str,
}

/// What stands beside a signature. What cannot be read harms only who asks for it.
struct Material<'a> {
    /// A hint at the key.
    hint: Option<&'a str>,
    /// A leaf, then its chain.
    certificates: Result<Vec<Certificate>, Reason>,
    entries: Result<Vec<LogEntry>, Reason>,
    timestamps: Result<Vec<Vec<u8>>, Reason>,
    version: Option<Version>,
}

/// One layer of a `.sig` manifest.
pub struct SimpleSigning<'a> {
    /// The payload, whose digest is the layer's.
    pub payload: &'a [u8],
    /// `dev.cosignproject.cosign/signature`.
    pub signature: &'a str,
    /// The other annotations.
    pub annotations: &'a Annotations,
}

/// A legacy signature.
///
/// spec: SIGNATURE_SPEC §Payloads "critical.type … critical.image.docker-manifest-digest"
pub fn simple_signing(
    candidate: &SimpleSigning<'_>,
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    let mut checks = Vec::new();
    let payload = simple_signing::parse(candidate.payload).ok_or_else(|| {
        Reason::new(Code::PayloadMalformed, "the payload is not a simple-signing document")
    })?;
    if payload.kind != simple_signing::TYPE {
        return Err(Reason::of(Code::PayloadType)
            .expected(simple_signing::TYPE)
            .found(payload.kind)
            .into());
    }
    subject(&payload.digest, context.target, &mut checks)?;
    bound(Some(&payload.docker_reference), context, &mut checks)?;
    let signature = STANDARD.decode(candidate.signature.trim_ascii()).map_err(|_| {
        Rejected::from(Reason::new(Code::SignatureMalformed, "the signature is not base64"))
    })?;
    let material = Material::annotated(candidate.annotations);
    let digest = |algorithm: HashAlgorithm| Some(algorithm.digest(candidate.payload));
    let signed = Signed {
        message: &Message::bytes(candidate.payload),
        artifact: Artifact::Message(&digest),
        signatures: &[&signature],
        material: &material,
    };
    let (signer, weakened) = signed.by_authority(context, spend, &mut checks)?;
    annotations(&payload.optional, context.authority, &mut checks)?;
    Ok(Accepted { signer: Some(signer), checks, weakened })
}

/// An image signature in a Sigstore bundle: a message signature over the manifest's bytes, or DSSE
/// with Cosign's own predicate type.
pub fn bundle_signature(bundle: &Bundle, context: &Context<'_>, spend: &Spend) -> Verification {
    match &bundle.content {
        Content::Message { digest, signature } => {
            message_signature(bundle, digest.as_ref(), signature, context, spend)
        }
        Content::Dsse(envelope) => {
            let mut checks = Vec::new();
            let statement = claimed_statement(envelope)?;
            if statement.predicate_type != COSIGN_SIGN {
                return Err(Reason::of(Code::PayloadNotSignature)
                    .expected(COSIGN_SIGN)
                    .found(statement.predicate_type.clone())
                    .into());
            }
            let material = Material::of(bundle);
            let (signer, weakened) =
                signed_statement(envelope, statement, &material, context, spend, &mut checks)?;
            let digest = Digest::parse(&context.target.digest);
            let subject =
                digest.as_ref().and_then(|d| statement.subject_of(d, |a| context.target.hash(a)));
            let found = subject.map(|s| s.annotations.clone()).unwrap_or_default();
            annotations(&found, context.authority, &mut checks)?;
            Ok(Accepted { signer: Some(signer), checks, weakened })
        }
    }
}

/// The name that was signed. Of the formats some have none.
fn bound(
    signed: Option<&str>,
    context: &Context<'_>,
    checks: &mut Vec<Node>,
) -> Result<(), Rejected> {
    let Some(bound_to) = &context.authority.bound_to else {
        return Ok(());
    };
    let asked = context
        .reference
        .ok_or_else(|| Reason::of(Code::BoundElsewhere).found("an artifact that has no name"))?;
    match bound_to.check(signed, asked) {
        Ok(name) => {
            checks.push(Node::pass(Kind::Check, "signed name").detail(name));
            Ok(())
        }
        Err(reason) => Err(Rejected { reason, checks: checks.clone() }),
    }
}

/// An attestation in a Sigstore bundle.
pub fn bundle_attestation(
    bundle: &Bundle,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    match &bundle.content {
        Content::Message { .. } => Err(Reason::new(
            Code::PayloadNotAttestation,
            "a message signature is not an attestation",
        )
        .into()),
        Content::Dsse(envelope) => {
            attestation(envelope, || Material::of(bundle), wanted, context, spend)
        }
    }
}

/// One layer of an `.att` manifest.
pub struct DsseAttestation<'a> {
    /// The envelope.
    pub envelope: &'a Envelope,
    /// The layer's annotations.
    pub annotations: &'a Annotations,
}

/// A legacy attestation.
pub fn dsse_attestation(
    candidate: &DsseAttestation<'_>,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    let material = || Material::annotated(candidate.annotations);
    attestation(candidate.envelope, material, wanted, context, spend)
}

impl<'a> Material<'a> {
    fn of(bundle: &'a Bundle) -> Self {
        let (hint, chain) = match &bundle.key {
            KeyMaterial::PublicKey { hint } => (Some(hint.as_str()), &[][..]),
            KeyMaterial::Certificates(chain) => (None, chain.as_slice()),
        };
        let chain = chain.iter().map(|der| Certificate::from_der(der));
        let certificates = chain.collect::<Result<_, _>>();
        Self {
            hint,
            certificates: certificates
                .map_err(|e| Reason::new(Code::CertificateMalformed, e.to_string())),
            entries: Ok(bundle.entries.clone()),
            timestamps: Ok(bundle.timestamps.clone()),
            version: Some(bundle.version),
        }
    }

    /// OpenSSL's text before a PEM block is tolerated; a chain has at most ten certificates (public
    /// PKIs have two to four).
    fn annotated(annotations: &Annotations) -> Self {
        let read = |text: &str, most| {
            Certificate::from_pem_chain(text, most)
                .map_err(|e| Reason::new(Code::CertificateMalformed, e.to_string()))
        };
        let certificates = || {
            let Some(leaf) = &annotations.certificate else {
                return Ok(Vec::new());
            };
            let mut certificates = read(leaf, 1)?;
            if let Some(chain) = &annotations.chain {
                certificates.extend(read(chain, 10)?);
            }
            Ok(certificates)
        };
        let entry = annotations.bundle.as_deref().map(|text| {
            log_entry::from_annotation(text).map_err(|e| Reason::new(Code::LogEntryMalformed, e))
        });
        let timestamp = annotations.timestamp.as_deref().map(|text| {
            log_entry::timestamp_from_annotation(text)
                .map_err(|e| Reason::new(Code::TimestampMalformed, e))
        });
        Self {
            hint: None,
            certificates: certificates(),
            entries: entry.transpose().map(|e| e.into_iter().collect()),
            timestamps: timestamp.transpose().map(|t| t.into_iter().collect()),
            version: None,
        }
    }
}

fn message_signature(
    bundle: &Bundle,
    claimed: Option<&(HashAlgorithm, Vec<u8>)>,
    signature: &[u8],
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    bound(None, context, &mut Vec::new())?;
    let mut checks = Vec::new();
    let target = context.target;
    let digest = |algorithm: HashAlgorithm| from_hex(&target.hash(algorithm)?);
    if target.bytes.is_none() && target.digests.known(HashAlgorithm::Sha256).is_none() {
        return Err(Reason::new(
            Code::EvidenceHostAsserted,
            "a message signature is over the manifest's bytes, which this host does not deliver",
        )
        .into());
    }
    // spec: sigstore_common.proto, MessageSignature "message_digest … MUST NOT be considered
    // trusted": compared, never relied upon.
    if let Some((algorithm, claimed)) = claimed {
        let ours = digest(*algorithm).ok_or_else(|| signer::undigested(*algorithm))?;
        if ours != *claimed {
            return Err(Reason::of(Code::SubjectMismatch)
                .expected(format!("{algorithm} {}", hex(&ours)))
                .found(format!("{algorithm} {}", hex(claimed)))
                .into());
        }
    }
    let material = Material::of(bundle);
    let signed = Signed {
        message: &Message::target(target),
        artifact: Artifact::Message(&digest),
        signatures: &[signature],
        material: &material,
    };
    let (signer, weakened) = signed.by_authority(context, spend, &mut checks)?;
    annotations(&BTreeMap::new(), context.authority, &mut checks)?;
    Ok(Accepted { signer: Some(signer), checks, weakened })
}

/// The statement that an envelope claims; nothing of it is believed before the signature is good.
fn claimed_statement(envelope: &Envelope) -> Result<&Statement, Reason> {
    if envelope.payload_type != dsse::IN_TOTO {
        return Err(Reason::of(Code::PayloadType)
            .expected(dsse::IN_TOTO)
            .found(envelope.payload_type.clone()));
    }
    envelope.statement().map_err(|e| Reason::new(Code::StatementMalformed, e.to_string()))
}

fn attestation<'m>(
    envelope: &Envelope,
    material: impl FnOnce() -> Material<'m>,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    let mut checks = Vec::new();
    let statement = claimed_statement(envelope)?;
    if statement.predicate_type == COSIGN_SIGN {
        return Err(Reason::of(Code::PayloadNotAttestation)
            .expected(wanted.predicate_type)
            .found(COSIGN_SIGN)
            .into());
    }
    if !statement::is_type(&statement.predicate_type, wanted.predicate_type) {
        return Err(Reason::of(Code::AttestationType)
            .expected(wanted.predicate_type)
            .found(statement.predicate_type.clone())
            .into());
    }
    let (signer, weakened) =
        signed_statement(envelope, statement, &material(), context, spend, &mut checks)?;
    checks.push(Node::pass(Kind::Check, "predicate type").detail(statement.predicate_type.clone()));
    Ok(Accepted { signer: Some(signer), checks, weakened })
}

/// Subject and signature of a statement.
fn signed_statement(
    envelope: &Envelope,
    statement: &Statement,
    material: &Material<'_>,
    context: &Context<'_>,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<(Signer, Vec<Reason>), Rejected> {
    let digest = Digest::parse(&context.target.digest);
    let about_us =
        digest.as_ref().and_then(|d| statement.subject_of(d, |a| context.target.hash(a))).is_some();
    if let (Some(digest), true) = (&digest, about_us) {
        // Any of several subjects may be the one.
        let ours = statement.subjects_of(digest, |a| context.target.hash(a));
        let mut refused = None;
        let mut names = ours.map(|subject| subject.name.as_deref());
        let fits = names.any(|name| match bound(name, context, checks) {
            Ok(()) => true,
            Err(rejected) => {
                refused.get_or_insert(rejected);
                false
            }
        });
        if let (false, Some(rejected)) = (fits, refused) {
            return Err(rejected);
        }
    }
    if !about_us {
        let found: Vec<_> = statement
            .subjects
            .iter()
            .take(3)
            .flat_map(|s| s.digest.iter().take(2).map(|(a, d)| format!("{a}:{d}")))
            .collect();
        return Err(Reason::of(Code::SubjectMismatch)
            .expected(context.target.digest.clone())
            .found(found.join(", "))
            .into());
    }
    checks.push(Node::pass(Kind::Check, "subject").detail(context.target.digest.clone()));
    let message = envelope.pre_authentication_encoding();
    let signatures: Vec<&[u8]> = envelope.signatures.iter().map(Vec::as_slice).collect();
    let signed = Signed {
        message: &Message::bytes(&message),
        artifact: Artifact::Dsse {
            payload_type: &envelope.payload_type,
            payload: &envelope.payload,
            pae: &message,
            json: None,
        },
        signatures: &signatures,
        material,
    };
    signed.by_authority(context, spend, checks)
}

fn subject(claimed: &str, target: &Target, checks: &mut Vec<Node>) -> Result<(), Rejected> {
    if claimed != target.digest {
        return Err(Reason::of(Code::SubjectMismatch)
            .expected(target.digest.clone())
            .found(claimed)
            .into());
    }
    checks.push(Node::pass(Kind::Check, "subject").detail(target.digest.clone()));
    Ok(())
}

/// Every annotation that the policy names is among the signed ones, with that value.
fn annotations<'v>(
    signed: impl IntoIterator<Item = (&'v String, &'v Value)>,
    authority: &CosignAuthority,
    checks: &mut Vec<Node>,
) -> Result<(), Rejected> {
    if authority.annotations.is_empty() {
        return Ok(());
    }
    let signed: BTreeMap<_, _> = signed.into_iter().collect();
    for (name, wanted) in &authority.annotations {
        let found = signed.get(name);
        if found.and_then(|v| v.as_str()) != Some(wanted) {
            let reason = Reason::of(Code::AnnotationMismatch)
                .expected(format!("{name}={wanted}"))
                .found(found.map_or_else(|| format!("no `{name}`"), |v| format!("{name}={v}")));
            return Err(Rejected { reason, checks: std::mem::take(checks) });
        }
    }
    checks.push(Node::pass(Kind::Check, "annotations"));
    Ok(())
}
