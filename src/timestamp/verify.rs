//! Whether to believe a token.

use super::{TimestampError, cms::Token};
use crate::{
    crypto::{KeyError, PublicKey, Spend},
    time::Time,
    x509::{
        Certificate, TIME_STAMPING,
        path::{self, Purpose},
    },
};

/// Who may have made a token.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    /// The TSA's own certificate, where the trust material names it, as Sigstore's trusted root
    /// does; it must then be the signer, and `intermediates` its chain. Notation's trust stores hold
    /// roots only.
    pub leaf: Option<&'a Certificate>,
    /// May be part of a path.
    pub intermediates: &'a [Certificate],
    /// Trusted. Where every path ends.
    pub roots: &'a [Certificate],
}

/// A time at which the message existed. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// genTime, without its fraction.
    pub time: Time,
    /// genTime minus the TSA's accuracy, rounded down.
    pub earliest: Time,
    /// genTime plus the TSA's accuracy, rounded up.
    pub latest: Time,
    /// The TSA's certificate.
    pub leaf: Certificate,
    /// The path that was verified at `time`: the TSA's certificate first, the root last.
    pub chain: Vec<Certificate>,
}

/// Verifies that a TSA of `authority` made the token over `message`, the bytes that were hashed: for
/// signatures, their raw bytes (Sigstore's client specification §4.2.1, Notation's trust policy
/// specification §Timestamp).
///
/// The TSA's certificates must have been valid at the time that the token says, and may have expired
/// since.
pub fn verify(
    token: &Token,
    message: &[u8],
    authority: &Authority<'_>,
    spend: &Spend,
) -> Result<Timestamp, TimestampError> {
    let info = &token.info;
    // RFC 3161 §2.4.2: messageImprint is the hash of the datum.
    if info.hash.digest(message) != info.imprint {
        return Err(TimestampError::ImprintMismatch);
    }
    // RFC 5652 §5.4: the digest of the content is what the attributes, and so the signature, cover.
    if token.digest.digest(&token.content) != token.attributes.message_digest {
        return Err(TimestampError::SignatureInvalid);
    }
    let leaf = signer(token, authority)?;
    let key = profile(leaf)?;
    let path = chain(token, leaf, authority, info.time, spend)?;
    // A second time that the TSA signs; Notation's tools and Sigstore's hold it against the
    // validity of certificates too. The signatures of the path are known by now.
    if let Some(time) = token.attributes.signing_time.filter(|time| *time != info.time) {
        chain(token, leaf, authority, time, spend)?;
    }
    spend
        .verify_signature(&key, token.scheme, &token.attributes.der, &token.signature)?
        .map_err(|_| TimestampError::SignatureInvalid)?;
    Ok(Timestamp {
        time: info.time,
        earliest: info.earliest,
        latest: info.latest,
        leaf: leaf.clone(),
        chain: path,
    })
}

/// The certificate of whoever says to have signed: named both by the SignerInfo (RFC 5652 §5.3) and
/// by the signed identifier (RFC 3161 §2.4.2).
fn signer<'a>(
    token: &'a Token,
    authority: &Authority<'a>,
) -> Result<&'a Certificate, TimestampError> {
    let named = |certificate: &&Certificate| token.signer.names(certificate);
    let identified = |certificate: &&Certificate| token.attributes.certificate.names(certificate);
    if let Some(leaf) = authority.leaf {
        // A token that brings its signer's certificate brings this one.
        if !token.certificates.iter().filter(named).all(|certificate| certificate == leaf) {
            return Err(TimestampError::SignerUnknown);
        }
        return Some(leaf).filter(named).filter(identified).ok_or(TimestampError::SignerUnknown);
    }
    // Without a certificate that the trust material names, the identifier alone says which of
    // several certificates for one key it was. ESSCertID is made with SHA-1, which is not good
    // enough for that; Notation demands version 2 as well (signature specification, TSA
    // requirements). FreeTSA still writes version 1.
    if !token.attributes.certificate.has_hash() {
        return Err(TimestampError::WeakAlgorithm("SHA-1 for its certificate".to_owned()));
    }
    let known = token.certificates.iter().chain(authority.intermediates);
    known.filter(named).find(identified).ok_or(TimestampError::SignerUnknown)
}

/// RFC 3161 §2.3: "The corresponding certificate MUST contain only one instance of the extended key
/// usage field extension … with KeyPurposeID having value: id-kp-timeStamping. This extension MUST
/// be critical." The rest of the profile is the path's.
fn profile(leaf: &Certificate) -> Result<PublicKey, TimestampError> {
    let usage = leaf
        .extended_key_usage()
        .ok_or(TimestampError::CertificateProfile("the leaf has no extKeyUsage"))?;
    if usage.purposes != [TIME_STAMPING] {
        return Err(TimestampError::CertificateProfile(
            "the leaf's extKeyUsage is not timeStamping alone",
        ));
    }
    if !usage.critical {
        return Err(TimestampError::CertificateProfile("the leaf's extKeyUsage is not critical"));
    }
    leaf.public_key().map_err(|error| match error {
        KeyError::Weak { what } => TimestampError::WeakAlgorithm(what),
        KeyError::Unsupported { oid } => TimestampError::UnsupportedAlgorithm(oid),
        KeyError::Malformed | KeyError::NotPem => {
            TimestampError::CertificateProfile("the leaf's key is malformed")
        }
    })
}

/// RFC 5280 §6 at `time`, to the roots of the trust material. Certificates of the token only help to
/// get there, and are not needed where the trust material names the leaf and so the chain.
fn chain(
    token: &Token,
    leaf: &Certificate,
    authority: &Authority<'_>,
    time: Time,
    spend: &Spend,
) -> Result<Vec<Certificate>, TimestampError> {
    let embedded = if authority.leaf.is_some() { &[][..] } else { &token.certificates };
    let intermediates: Vec<_> = authority.intermediates.iter().chain(embedded).cloned().collect();
    let purpose = Purpose::TimeStamping;
    Ok(path::build(leaf, &intermediates, authority.roots, time, purpose, spend)?)
}
