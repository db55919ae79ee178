//! Errors of the rooms below, as reasons.

use crate::{
    crypto::SignatureError,
    envelope::notation::EnvelopeError,
    timestamp::TimestampError,
    verdict::{Code, Reason},
    verify::{key_code, timestamp_reason},
    x509::notation_profile::ChainError,
};

pub(super) fn of_envelope(error: EnvelopeError) -> Reason {
    let code = match &error {
        EnvelopeError::Algorithm(_) => Code::SignatureAlgorithm,
        EnvelopeError::AttributeForbidden(_)
        | EnvelopeError::AttributeInvalid(_)
        | EnvelopeError::AttributeMissing(_)
        | EnvelopeError::AttributeNotCritical(_)
        | EnvelopeError::CriticalAbsent(_)
        | EnvelopeError::CriticalMalformed
        | EnvelopeError::CriticalMisused(_) => Code::NotationAttribute,
        EnvelopeError::CertificatesMissing => Code::CertificateAbsent,
        EnvelopeError::Malformed(_) | EnvelopeError::Syntax(_) => Code::EnvelopeMalformed,
        EnvelopeError::PayloadMissing => Code::PayloadMalformed,
        EnvelopeError::Scheme(_) => Code::NotationScheme,
        EnvelopeError::SignatureMissing => Code::SignatureMissing,
        EnvelopeError::TooMany(_) => Code::EnvelopeUnsupported,
    };
    let reason = Reason::new(code, error.to_string());
    match error {
        EnvelopeError::Algorithm(name) | EnvelopeError::Scheme(name) => reason.found(name),
        _ => reason,
    }
}

pub(super) fn of_chain(error: ChainError) -> Reason {
    let code = match &error {
        ChainError::Empty => Code::CertificateAbsent,
        ChainError::Key { error, .. } => key_code(error),
        ChainError::KeySize { .. } => Code::KeyUnsupported,
        ChainError::WeakSignature { .. } => Code::CertificateWeak,
        ChainError::BasicConstraints { .. }
        | ChainError::ExtendedKeyUsage { .. }
        | ChainError::KeyUsage { .. }
        | ChainError::NotIssuedBy { .. }
        | ChainError::PathLength { .. }
        | ChainError::RootMissing
        | ChainError::SelfSigned { .. } => Code::CertificateProfile,
    };
    let reason = Reason::new(code, error.to_string());
    match error {
        ChainError::BasicConstraints { expected, .. } | ChainError::KeyUsage { expected, .. } => {
            reason.expected(expected)
        }
        ChainError::KeySize { kind } => reason
            .expected("RSA 2048, 3072 or 4096, or ECDSA P-256, P-384 or P-521")
            .found(kind.to_string()),
        _ => reason,
    }
}

pub(super) fn of_signature(error: SignatureError) -> Reason {
    Reason::of(match error {
        SignatureError::Invalid => Code::SignatureInvalid,
        SignatureError::Malformed => Code::SignatureMalformed,
        SignatureError::WrongKey => Code::SignatureAlgorithm,
    })
}

pub(super) fn of_timestamp(error: TimestampError) -> Reason {
    let reason = timestamp_reason(&error);
    match reason.code {
        Code::TimestampUntrusted => {
            reason.next("add the root of the timestamp authority to the `tsa` store")
        }
        _ => reason,
    }
}
