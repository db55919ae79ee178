//! Integrity: an envelope whose parts fit together, and its signatures
//! (trust store and trust policy §Steps 3).

use super::{plugin, reason};
use crate::{
    crypto::{HashAlgorithm, KeyKind, PublicKey, Scheme, Spend},
    envelope::{
        cose, jws,
        notation::{Algorithm, Label, NotationEnvelope, PAYLOAD, Reading},
    },
    trust::identity::subject_line,
    verdict::{Code, Reason},
    verify::Signer,
    x509::{
        Certificate,
        notation_profile::{self as profile, Profile},
    },
};

/// An envelope whose parts fit together, before any signature was checked.
pub(super) struct Opened {
    pub(super) envelope: NotationEnvelope,
    pub(super) chain: Vec<Certificate>,
    pub(super) key: PublicKey,
    pub(super) leaf: Certificate,
}

/// spec: TP §Steps 3 "Validate Integrity", without the signature itself.
pub(super) fn open(bytes: &[u8], layer_media_type: &str, mode: Profile) -> Result<Opened, Reason> {
    // "validate that signature envelope can be parsed successfully based on the signature envelope
    // type specified in the `blobs[0].mediaType` attribute"
    let envelope = match layer_media_type {
        jws::MEDIA_TYPE => jws::read(bytes, mode.into()),
        cose::MEDIA_TYPE => cose::read(bytes, mode.into()),
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
pub(super) fn signatures(opened: &Opened, spend: &Spend) -> Result<(), Reason> {
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
        profile::verify_link(certificate, &key, spend)?
            .map_err(|_| reason::of_chain(profile::ChainError::NotIssuedBy { position }))?;
    }
    Ok(())
}

pub(super) fn signer(opened: &Opened) -> Signer {
    if let Some(plugin) = plugin::built_in(opened) {
        return (plugin.signer)(opened);
    }
    let name = subject_line(opened.leaf.subject());
    let travelled = opened.chain.get(1..).unwrap_or_default();
    Signer { name, ..Signer::certificate(&opened.leaf, &opened.key).with_chain(travelled) }
}

pub(super) fn detail(opened: &Opened) -> String {
    let attributes = &opened.envelope.attributes;
    let mut detail = format!(
        "{}, {}, {} certificates",
        opened.envelope.algorithm,
        attributes.scheme,
        opened.chain.len()
    );
    let plugin = plugin::built_in(opened);
    let is_ignored = |label: &&Label| plugin.is_none_or(|plugin| !plugin.processes(label));
    let ignored: Vec<&Label> = attributes.extended.keys().filter(is_ignored).collect();
    if !ignored.is_empty() {
        let names: Vec<String> = ignored.into_iter().map(|label| format!("`{label}`")).collect();
        detail.push_str(&format!(", ignored {}", names.join(" ")));
    }
    detail
}

impl From<Profile> for Reading {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Spec => Self::Strict,
            Profile::Compat => Self::NotationGo,
        }
    }
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
pub(super) const fn hash_of(algorithm: Algorithm) -> HashAlgorithm {
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

#[cfg(test)]
mod tests {
    use super::*;

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
