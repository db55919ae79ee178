//! Whether to believe an OCSP response, and what it then says
//! ([RFC 6960 §3.2 and §4.2.2.2](https://www.rfc-editor.org/rfc/rfc6960#section-3.2); requirements 101
//! and 102).

use der::{
    Decode, Encode,
    asn1::{GeneralizedTime, ObjectIdentifier},
};

use super::{
    Outcome, Pair, Revocation, RevocationError, Stop, Terms,
    cert_id::key_bits,
    elements::{Extension, INVALIDITY_DATE, generalized, value_of},
    response::{ResponderId, Response, SingleResponse, SingleStatus},
};
use crate::{
    crypto::{PublicKey, Spend, sha1_name},
    x509::{Certificate, path},
};

/// id-kp-OCSPSigning, RFC 6960 §4.2.2.2.
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// id-pkix-ocsp-nocheck, §4.2.2.2.1.
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// Seconds that a certificate may be valid to count as short-lived, which nobody has to be able to
/// revoke: CA/Browser Forum, Baseline Requirements §1.6.1, from 2026-03-15 on.
const SHORT_LIVED: i64 = 7 * 86_400;

/// What a response says.
pub(super) struct Checked {
    pub(super) outcome: Outcome,
    /// The responder, where a CRL must say that its certificate was not revoked.
    pub(super) delegate: Option<Certificate>,
}

/// What the response `der` says of `pair`.
pub(super) fn check(
    pair: Pair<'_>,
    der: &[u8],
    terms: &Terms<'_>,
    spend: &Spend,
) -> Result<Checked, Stop> {
    let response = Response::parse(der)?;
    let single = answer(&response, pair, terms)?;
    // §4.4: "If unrecognized, the response must be rejected": none that is critical is understood.
    no_critical(&single.extensions)?;
    if terms.strict() {
        no_critical(&response.extensions)?;
    }
    let delegate = match terms.strict() {
        true => signer(&response, pair, terms, spend)?,
        false => any_signer(&response, pair, spend)?,
    };
    terms.check_times(single.this_update, single.next_update)?;
    terms.check_age(single.this_update)?;
    let outcome = match single.status {
        SingleStatus::Good => Outcome::Good,
        SingleStatus::Unknown => return Err(RevocationError::StatusUnknown.into()),
        SingleStatus::Revoked(revocation) => revoked(revocation, &single, terms),
    };
    Ok(Checked { outcome, delegate })
}

/// §3.2: "The certificate identified in a received response corresponds to the certificate that was
/// identified in the corresponding request".
fn answer<'a>(
    response: &Response<'a>,
    pair: Pair<'_>,
    terms: &Terms<'_>,
) -> Result<SingleResponse<'a>, RevocationError> {
    let mut found = None;
    for single in response.singles() {
        let single = single?;
        // D10: notation-go takes the first answer with the serial number, of whatever issuer.
        let ours = match terms.strict() {
            true => single.id.names(pair)?,
            false => found.is_none() && single.id.has_serial_of(pair.certificate),
        };
        if ours && found.replace(single).is_some() {
            return Err(RevocationError::Ambiguous);
        }
    }
    let found = found.ok_or(RevocationError::NotAboutThis)?;
    if !found.id.has_known_hash() {
        return Err(RevocationError::UnsupportedAlgorithm(found.id.algorithm.oid.to_string()));
    }
    Ok(found)
}

fn no_critical(extensions: &[Extension<'_>]) -> Result<(), RevocationError> {
    match extensions.iter().find(|extension| extension.critical) {
        Some(extension) => Err(RevocationError::CriticalExtension(extension.id.to_string())),
        None => Ok(()),
    }
}

/// §4.2.2.2: the response is signed by the certificate's issuer itself, or by a responder with a
/// certificate that this issuer made for it, and the responder is the one that the response names.
/// Returns the responder, where a CRL must say that it was not revoked.
fn signer(
    response: &Response<'_>,
    pair: Pair<'_>,
    terms: &Terms<'_>,
    spend: &Spend,
) -> Result<Option<Certificate>, Stop> {
    let issuer = pair.issuer;
    let issuer_key = public_key(issuer)?;
    if is_named(&response.responder, issuer)? && signed_by(response, &issuer_key, spend)? {
        return Ok(None);
    }
    let mut delegates = response.certificates().flatten();
    let delegate = delegates
        .find(|delegate| delegate != issuer && is_named(&response.responder, delegate) == Ok(true));
    let delegate = delegate.ok_or(RevocationError::SignatureInvalid)?;
    fit(&delegate, issuer, response, terms)?;
    if delegate.verify_signed_by(&issuer_key, spend)?.is_err()
        || !signed_by(response, &public_key(&delegate)?, spend)?
    {
        return Err(RevocationError::SignatureInvalid.into());
    }
    Ok(needs_crl(&delegate).then_some(delegate))
}

/// As notation-go has it (D10): the first certificate that travels with the response signed it, and
/// the issuer signed that, for whatever purpose and time; without a certificate, the issuer signed
/// the response.
fn any_signer(
    response: &Response<'_>,
    pair: Pair<'_>,
    spend: &Spend,
) -> Result<Option<Certificate>, Stop> {
    let issuer_key = public_key(pair.issuer)?;
    let good = match response.certificates().next() {
        None => signed_by(response, &issuer_key, spend)?,
        Some(None) => return Err(RevocationError::Malformed("the responder's certificate").into()),
        Some(Some(delegate)) => {
            delegate.verify_signed_by(&issuer_key, spend)?.is_ok()
                && signed_by(response, &public_key(&delegate)?, spend)?
        }
    };
    if good { Ok(None) } else { Err(RevocationError::SignatureInvalid.into()) }
}

/// What of a delegate costs no public-key operation.
fn fit(
    delegate: &Certificate,
    issuer: &Certificate,
    response: &Response<'_>,
    terms: &Terms<'_>,
) -> Result<(), RevocationError> {
    // "OCSP signing delegation SHALL be designated by the inclusion of id-kp-OCSPSigning in an
    // extended key usage certificate extension included in the OCSP response signer's certificate.
    // This certificate MUST be issued directly by the CA that is identified in the request."
    if delegate.issuer_der() != issuer.subject_der() {
        return Err(RevocationError::Responder("is of another issuer"));
    }
    if !delegate.extended_key_usage().is_some_and(|usage| usage.purposes.contains(&OCSP_SIGNING)) {
        return Err(RevocationError::Responder("lacks the purpose OCSPSigning"));
    }
    if delegate.key_usage().is_some_and(|usage| !usage.digital_signature) {
        return Err(RevocationError::Responder("is not for signatures"));
    }
    let valid_now = terms.now.is_within(delegate.not_before(), delegate.not_after());
    if !valid_now || path::validity(delegate, response.produced_at).is_err() {
        return Err(RevocationError::Responder("is not valid at the time"));
    }
    Ok(())
}

/// Requirement 101, trust policy specification §Revocation Checking with OCSP, 4: "If
/// id-pkix-ocsp-nocheck extension is not present on the OCSP signing certificate then revocation
/// checking must be performed using CRLs for the OCSP signing certificate."
fn needs_crl(delegate: &Certificate) -> bool {
    let lifetime = delegate.not_after().unix().saturating_sub(delegate.not_before().unix());
    delegate.extension(&NO_CHECK).is_none() && lifetime > SHORT_LIVED
}

fn is_named(id: &ResponderId<'_>, certificate: &Certificate) -> Result<bool, RevocationError> {
    match id {
        ResponderId::Name(name) => {
            let name =
                name.to_der().map_err(|_| RevocationError::Malformed("the responder's name"))?;
            Ok(name == certificate.subject_der())
        }
        ResponderId::Key(hash) => Ok(sha1_name(key_bits(certificate)?) == *hash.as_bytes()),
    }
}

fn signed_by(response: &Response<'_>, key: &PublicKey, spend: &Spend) -> Result<bool, Stop> {
    let checked = spend.verify_once(key, response.scheme, &response.signed, response.signature)?;
    Ok(checked.is_ok())
}

/// A certificate's key, where it is one that is accepted.
pub(super) fn public_key(certificate: &Certificate) -> Result<PublicKey, RevocationError> {
    certificate
        .public_key()
        .map_err(|error| RevocationError::UnsupportedAlgorithm(error.to_string()))
}

/// Requirement 102. A time in the future is no excuse, and an invalidity date that cannot be read is
/// none either.
fn revoked(revocation: Revocation, single: &SingleResponse<'_>, terms: &Terms<'_>) -> Outcome {
    let invalidity = value_of(&single.extensions, &INVALIDITY_DATE)
        .and_then(|value| GeneralizedTime::from_der(value).ok());
    if terms.spares(invalidity.as_ref().map(generalized)) {
        return Outcome::Good;
    }
    Outcome::Revoked(revocation)
}
