//! Cosign: simple signing, DSSE and Sigstore bundles, with keys or an own CA.
//!
//! Sources: [cosign SIGNATURE_SPEC](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md),
//! [BUNDLE_SPEC](https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md),
//! [Sigstore client spec](https://github.com/sigstore/architecture-docs/blob/main/client-spec.md).

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Accepted, Rejected, Signer, Target, Verification};
use crate::{
    attestation::statement::{self, COSIGN_SIGN, Statement},
    crypto::{HashAlgorithm, PublicKey, Scheme, Spend, hex},
    envelope::{
        bundle::{Bundle, Content, KeyMaterial},
        dsse::{self, Envelope},
        simple_signing,
    },
    policy::{CosignAuthority, CosignSigner, Subject},
    reference::Digest,
    time::Time,
    verdict::{Code, Reason},
    wire::{Kind, Node},
    x509::{
        Certificate, SubjectAltName,
        path::{self, PathError, Purpose},
    },
};

/// Everything that a check is made against.
pub struct Context<'a> {
    /// Whose signature counts.
    pub authority: &'a CosignAuthority,
    /// The artifact.
    pub target: &'a Target,
    /// The time of the decision.
    pub now: Time,
}

/// What an attestation requirement asks of a statement, before its signature is paid for.
pub struct Wanted<'a> {
    /// The predicate type, as a URI.
    pub predicate_type: &'a str,
}

/// One layer of a `.sig` manifest.
pub struct SimpleSigning<'a> {
    /// The payload, whose digest is the layer's.
    pub payload: &'a [u8],
    /// `dev.cosignproject.cosign/signature`.
    pub signature: &'a str,
    /// `dev.sigstore.cosign/certificate`.
    pub certificate: Option<&'a str>,
    /// `dev.sigstore.cosign/chain`.
    pub chain: Option<&'a str>,
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
    let signature = STANDARD.decode(candidate.signature.trim_ascii()).map_err(|_| {
        Rejected::from(Reason::new(Code::SignatureMalformed, "the signature is not base64"))
    })?;
    let certificates = annotated_certificates(candidate.certificate, candidate.chain);
    let signer =
        signed(candidate.payload, &[&signature], certificates, None, context, spend, &mut checks)?;
    annotations(&payload.optional, context.authority, &mut checks)?;
    Ok(Accepted { signer: Some(signer), checks, weakened: Vec::new() })
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
                    .found(statement.predicate_type)
                    .into());
            }
            let signer = signed_statement(
                envelope,
                &statement,
                bundle_material(bundle),
                context,
                spend,
                &mut checks,
            )?;
            let digest = Digest::parse(&context.target.digest);
            let subject =
                digest.as_ref().and_then(|d| statement.subject_of(d, |a| context.target.hash(a)));
            let found = subject.map(|s| s.annotations.clone()).unwrap_or_default();
            annotations(&found, context.authority, &mut checks)?;
            Ok(Accepted { signer: Some(signer), checks, weakened: Vec::new() })
        }
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
            attestation(envelope, bundle_material(bundle), wanted, context, spend)
        }
    }
}

/// One layer of an `.att` manifest.
pub struct DsseAttestation<'a> {
    /// The envelope.
    pub envelope: &'a Envelope,
    /// `dev.sigstore.cosign/certificate`.
    pub certificate: Option<&'a str>,
    /// `dev.sigstore.cosign/chain`.
    pub chain: Option<&'a str>,
}

/// A legacy attestation.
pub fn dsse_attestation(
    candidate: &DsseAttestation<'_>,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    let certificates = annotated_certificates(candidate.certificate, candidate.chain);
    let material = certificates.map(Material::Certificates);
    attestation(candidate.envelope, material, wanted, context, spend)
}

/// What stands beside a signature to find its key.
enum Material<'a> {
    /// Nothing but a hint.
    Hint(&'a str),
    /// A leaf, then its chain.
    Certificates(Vec<Certificate>),
}

fn bundle_material(bundle: &Bundle) -> Result<Material<'_>, Reason> {
    match &bundle.key {
        KeyMaterial::PublicKey { hint } => Ok(Material::Hint(hint)),
        KeyMaterial::Certificates(chain) => chain
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<_, _>>()
            .map(Material::Certificates)
            .map_err(|e| Reason::new(Code::CertificateMalformed, e.to_string())),
    }
}

/// The certificate and chain annotations. OpenSSL's text before a block is tolerated; a chain has
/// at most ten certificates (public PKIs have two to four).
fn annotated_certificates(
    certificate: Option<&str>,
    chain: Option<&str>,
) -> Result<Vec<Certificate>, Reason> {
    let read = |text: &str, most| {
        Certificate::from_pem_chain(text, most)
            .map_err(|e| Reason::new(Code::CertificateMalformed, e.to_string()))
    };
    let mut all = match certificate {
        Some(text) => read(text, 1)?,
        None => return Ok(Vec::new()),
    };
    if let Some(chain) = chain.filter(|text| !text.trim_ascii().is_empty()) {
        all.extend(read(chain, 10)?);
    }
    Ok(all)
}

fn message_signature(
    bundle: &Bundle,
    claimed: Option<&(HashAlgorithm, Vec<u8>)>,
    signature: &[u8],
    context: &Context<'_>,
    spend: &Spend,
) -> Verification {
    let mut checks = Vec::new();
    let Some(bytes) = &context.target.bytes else {
        return Err(Reason::new(
            Code::EvidenceHostAsserted,
            "a message signature is over the manifest's bytes, which this host does not deliver",
        )
        .into());
    };
    // spec: sigstore_common.proto, MessageSignature "message_digest … MUST NOT be considered
    // trusted": compared, never relied upon.
    if let Some((algorithm, claimed)) = claimed {
        let ours = algorithm.digest(bytes);
        if ours != *claimed {
            return Err(Reason::of(Code::SubjectMismatch)
                .expected(hex(&ours))
                .found(hex(claimed))
                .into());
        }
    }
    let signer = signed(
        bytes,
        &[signature],
        certificates_of(bundle_material(bundle)),
        hint_of(bundle),
        context,
        spend,
        &mut checks,
    )?;
    annotations(&BTreeMap::new(), context.authority, &mut checks)?;
    Ok(Accepted { signer: Some(signer), checks, weakened: Vec::new() })
}

fn hint_of(bundle: &Bundle) -> Option<&str> {
    match &bundle.key {
        KeyMaterial::PublicKey { hint } => Some(hint),
        KeyMaterial::Certificates(_) => None,
    }
}

fn certificates_of(material: Result<Material<'_>, Reason>) -> Result<Vec<Certificate>, Reason> {
    Ok(match material? {
        Material::Hint(_) => Vec::new(),
        Material::Certificates(chain) => chain,
    })
}

/// The statement that an envelope claims; nothing of it is believed before the signature is good.
/// It is parsed from the very bytes that are verified.
fn claimed_statement(envelope: &Envelope) -> Result<Statement, Reason> {
    if envelope.payload_type != dsse::IN_TOTO {
        return Err(Reason::of(Code::PayloadType)
            .expected(dsse::IN_TOTO)
            .found(envelope.payload_type.clone()));
    }
    statement::parse(&envelope.payload)
        .map_err(|e| Reason::new(Code::StatementMalformed, e.to_string()))
}

fn attestation(
    envelope: &Envelope,
    material: Result<Material<'_>, Reason>,
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
            .found(statement.predicate_type)
            .into());
    }
    let signer = signed_statement(envelope, &statement, material, context, spend, &mut checks)?;
    checks.push(Node::pass(Kind::Check, "predicate type").detail(statement.predicate_type));
    Ok(Accepted { signer: Some(signer), checks, weakened: Vec::new() })
}

/// Subject and signature of a statement.
fn signed_statement(
    envelope: &Envelope,
    statement: &Statement,
    material: Result<Material<'_>, Reason>,
    context: &Context<'_>,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<Signer, Rejected> {
    let digest = Digest::parse(&context.target.digest);
    let about_us =
        digest.as_ref().and_then(|d| statement.subject_of(d, |a| context.target.hash(a))).is_some();
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
    let (hint, certificates) = match material {
        Ok(Material::Hint(hint)) => (Some(hint), Ok(Vec::new())),
        Ok(Material::Certificates(chain)) => (None, Ok(chain)),
        Err(reason) => (None, Err(reason)),
    };
    signed(&message, &signatures, certificates, hint, context, spend, checks)
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

/// One good signature by the authority's keys or its CA's certificate.
fn signed(
    message: &[u8],
    signatures: &[&[u8]],
    certificates: Result<Vec<Certificate>, Reason>,
    hint: Option<&str>,
    context: &Context<'_>,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<Signer, Rejected> {
    let result = match &context.authority.signer {
        CosignSigner::Keys(keys) => by_key(message, signatures, keys, hint, spend),
        CosignSigner::Certificate { roots, intermediates, subject } => {
            certificates.and_then(|chain| {
                let ca = OwnCa { roots, intermediates, subject };
                by_certificate(message, signatures, &chain, &ca, context.now, spend, checks)
            })
        }
    };
    match result {
        Ok(signer) => {
            checks.push(Node::pass(Kind::Check, "signature").detail(signer.name.clone()));
            Ok(signer)
        }
        Err(reason) => Err(Rejected { reason, checks: std::mem::take(checks) }),
    }
}

fn by_key(
    message: &[u8],
    signatures: &[&[u8]],
    keys: &[PublicKey],
    hint: Option<&str>,
    spend: &Spend,
) -> Result<Signer, Reason> {
    let hinted = |key: &PublicKey| STANDARD.encode(key.spki_sha256());
    // Cosign's hint is the fingerprint of the key; other tools write what they like.
    let is_fingerprint = hint.is_some_and(|h| STANDARD.decode(h).is_ok_and(|b| b.len() == 32));
    let expected: Vec<_> =
        keys.iter().map(|k| format!("sha256:{}", hex(k.spki_sha256()))).collect();
    let mut tried = false;
    for key in keys {
        if is_fingerprint && hint != Some(&hinted(key)) {
            continue;
        }
        tried = true;
        for signature in signatures {
            for scheme in Scheme::candidates(key.kind()) {
                if spend.verify_signature(key, *scheme, message, signature)?.is_ok() {
                    return Ok(Signer::key(key));
                }
            }
        }
    }
    if !tried {
        return Err(Reason::of(Code::KeyHintMismatch).expected(expected.join(" or ")).found(
            hint.and_then(|h| STANDARD.decode(h).ok())
                .map_or_else(String::new, |h| format!("sha256:{}", hex(&h))),
        ));
    }
    Err(Reason::of(Code::SignatureInvalid)
        .expected(format!("a signature by key {}", expected.join(" or "))))
}

struct OwnCa<'a> {
    roots: &'a [Certificate],
    intermediates: &'a [Certificate],
    subject: &'a Subject,
}

fn by_certificate(
    message: &[u8],
    signatures: &[&[u8]],
    chain: &[Certificate],
    ca: &OwnCa<'_>,
    now: Time,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<Signer, Reason> {
    let [leaf, travelled @ ..] = chain else {
        return Err(Reason::of(Code::CertificateAbsent));
    };
    // The cheap check first: nothing is paid for a certificate of somebody else.
    let names = leaf.subject_alt_names().iter();
    let name = names.filter_map(SubjectAltName::text).find(|name| ca.subject.matches(name));
    let Some(name) = name else {
        let found: Vec<_> = leaf.subject_alt_names().iter().map(ToString::to_string).collect();
        let found = if found.is_empty() { "no name".to_owned() } else { found.join(", ") };
        return Err(Reason::of(Code::IdentityMismatch)
            .expected(ca.subject.describe())
            .found(found));
    };
    let intermediates: Vec<_> = travelled.iter().chain(ca.intermediates).cloned().collect();
    path::verify(leaf, &intermediates, ca.roots, now, Purpose::CodeSigning, spend)
        .map_err(|error| path_reason(error, leaf, ca, now))?;
    checks.push(
        Node::pass(Kind::Check, "certificate chain").detail(format!("issuer {}", leaf.issuer())),
    );
    checks.push(Node::pass(Kind::Check, "identity").detail(name.to_string()));
    let key = leaf.public_key().map_err(|e| Reason::new(Code::KeyUnsupported, e.to_string()))?;
    for signature in signatures {
        for scheme in Scheme::candidates(key.kind()) {
            if spend.verify_signature(&key, *scheme, message, signature)?.is_ok() {
                return Ok(Signer::certificate(leaf, &key));
            }
        }
    }
    Err(Reason::of(Code::SignatureInvalid)
        .expected(format!("a signature by the certificate of {name}")))
}

fn path_reason(error: PathError, leaf: &Certificate, ca: &OwnCa<'_>, now: Time) -> Reason {
    let period = || format!("leaf valid from {} to {}", leaf.not_before(), leaf.not_after());
    match error {
        PathError::Expired => {
            Reason::of(Code::CertificateExpired).expected(format!("valid at {now}")).found(period())
        }
        PathError::NotYetValid => Reason::of(Code::CertificateNotYetValid)
            .expected(format!("valid at {now}"))
            .found(period()),
        PathError::Profile(what) => Reason::new(Code::CertificateProfile, what),
        PathError::Untrusted => {
            let roots: Vec<_> = ca.roots.iter().map(|r| r.subject().to_string()).collect();
            Reason::of(Code::CertificateUntrusted)
                .expected(format!("a chain to {}", roots.join(" or ")))
                .found(format!("issuer {}", leaf.issuer()))
        }
        PathError::Budget => Reason::of(Code::BudgetSignatures),
    }
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
