//! Whether to believe a CRL and its delta, and what they then say of a certificate
//! ([RFC 5280 §5 and §6.3](https://www.rfc-editor.org/rfc/rfc5280#section-6.3); requirements 105 to
//! 108).

use der::{
    AnyRef, Decode,
    asn1::{GeneralizedTime, ObjectIdentifier},
};

use super::{
    Outcome, Pair, Reason, Revocation, RevocationError, Stop, Terms,
    elements::{Elements, Extension, INVALIDITY_DATE, extensions, generalized, time, value_of},
    list::{Entry, List},
    ocsp::public_key,
    response::enumerated,
};
use crate::crypto::Spend;

/// reasonCode, RFC 5280 §5.3.1.
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

/// What entries say of one certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Revoked for good.
    permanent: Option<Revocation>,
    /// The latest of the entries that put it on hold or release it.
    temporary: Option<Revocation>,
    /// An entry says that signatures of our time are good.
    spared: bool,
}

impl Listing {
    /// Reads every entry of `list`, which was checked: 100,000 are a walk over 4 MiB.
    pub(super) fn read(
        &mut self,
        list: &List<'_>,
        pair: Pair<'_>,
        terms: &Terms<'_>,
    ) -> Result<(), RevocationError> {
        for entry in list.entries() {
            let entry = entry?;
            if entry.serial.as_bytes() == pair.certificate.serial() {
                // notation-go stops at the first entry that decides.
                if terms.strict() || (self.permanent.is_none() && !self.spared) {
                    self.add(&entry, terms)?;
                }
            } else if let Some(elements) = entry.extensions {
                no_unknown_critical(elements, terms)?;
            }
        }
        Ok(())
    }

    /// Requirement 108.
    fn add(&mut self, entry: &Entry<'_>, terms: &Terms<'_>) -> Result<(), RevocationError> {
        let extensions = extensions(entry.extensions)?;
        understood(&extensions)?;
        let invalidity = value_of(&extensions, &INVALIDITY_DATE)
            .map(GeneralizedTime::from_der)
            .transpose()
            .map_err(|_| RevocationError::Malformed("invalidityDate"))?;
        if terms.spares(invalidity.as_ref().map(generalized)) {
            self.spared = true;
            return Ok(());
        }
        let revocation = Revocation { at: time(entry.at), reason: reason(&extensions)? };
        match revocation.reason {
            Reason::CERTIFICATE_HOLD | Reason::REMOVE_FROM_CRL => {
                // Of two at the same time, the base's stays.
                if self.temporary.is_none_or(|known| known.at < revocation.at) {
                    self.temporary = Some(revocation);
                }
            }
            _ => self.permanent = self.permanent.or(Some(revocation)),
        }
        Ok(())
    }

    /// Revoked for good, which neither a newer CRL nor a delta takes back.
    pub(super) fn permanent(&self) -> Option<Outcome> {
        self.permanent.map(Outcome::Revoked)
    }

    /// What all of the entries say together.
    pub(super) fn outcome(&self, terms: &Terms<'_>) -> Outcome {
        if self.spared && !terms.strict() {
            return Outcome::Good;
        }
        let held = self.temporary.filter(|entry| entry.reason == Reason::CERTIFICATE_HOLD);
        self.permanent.or(held).map_or(Outcome::Good, Outcome::Revoked)
    }
}

/// Requirements 105 and 106 but for the times and the scope: the issuer's own signature, and nothing
/// critical that is not understood.
pub(super) fn check(
    list: &List<'_>,
    pair: Pair<'_>,
    terms: &Terms<'_>,
    spend: &Spend,
) -> Result<(), Stop> {
    list.no_unknown_critical()?;
    // §6.3.3 (b)(1); notation-go looks at the signature only.
    if terms.strict() && list.issuer != pair.issuer.subject_der() {
        return Err(RevocationError::IssuerMismatch.into());
    }
    // §6.3.3 (f): "If a key usage extension is present in the CRL issuer's certificate, verify that
    // the cRLSign bit is set."
    if !pair.issuer.is_ca() || pair.issuer.key_usage().is_some_and(|usage| !usage.crl_sign) {
        return Err(RevocationError::IssuerMayNotSign.into());
    }
    let key = public_key(pair.issuer)?;
    spend
        .verify_once(&key, list.scheme, list.signed, list.signature)?
        .map_err(|_| RevocationError::SignatureInvalid)?;
    Ok(())
}

/// Requirement 107: whether `delta` goes with `base`; both were checked.
pub(super) fn check_delta(
    base: &List<'_>,
    delta: &List<'_>,
    terms: &Terms<'_>,
) -> Result<(), RevocationError> {
    let least = delta.base_number().ok_or(RevocationError::Delta("it is no delta"))?;
    let (Some(base_number), Some(number)) = (base.number(), delta.number()) else {
        return Err(RevocationError::Delta("a number is missing"));
    };
    // §5.2.4 (d): "The CRL number of the complete CRL is less than the CRL number of the delta CRL."
    if !less(base_number, number) {
        return Err(RevocationError::Delta("it is not newer"));
    }
    // (c): "The CRL number of the complete CRL is equal to or greater than the BaseCRLNumber".
    if less(base_number, least) {
        return Err(RevocationError::Delta("it is for a newer base"));
    }
    // (b), which notation-go does not look at.
    if terms.strict() && !delta.has_scope_of(base) {
        return Err(RevocationError::Delta("it has another scope"));
    }
    Ok(())
}

/// Of two numbers without leading zeros.
fn less(one: &[u8], other: &[u8]) -> bool {
    (one.len(), one) < (other.len(), other)
}

fn reason(extensions: &[Extension<'_>]) -> Result<Reason, RevocationError> {
    let Some(value) = value_of(extensions, &REASON_CODE) else {
        return Ok(Reason::UNSPECIFIED);
    };
    let reason = AnyRef::from_der(value).ok().and_then(enumerated).map(Reason);
    reason.ok_or(RevocationError::Malformed("reasonCode"))
}

/// Requirement 108: an entry about our certificate with what is not understood has no meaning.
fn understood(extensions: &[Extension<'_>]) -> Result<(), RevocationError> {
    extensions.iter().try_for_each(is_understood)
}

/// §5.3: "If a CRL contains a critical CRL entry extension that the application cannot process, then
/// the application MUST NOT use that CRL to determine the status of any certificates": nobody's
/// entry may have one, such as the certificateIssuer of an indirect CRL. notation-go looks at ours
/// only.
fn no_unknown_critical(elements: Elements<'_>, terms: &Terms<'_>) -> Result<(), RevocationError> {
    elements.each::<Extension<'_>>().try_for_each(|extension| {
        let extension = extension.map_err(|_| RevocationError::Malformed("extensions"))?;
        if terms.strict() { is_understood(&extension) } else { Ok(()) }
    })
}

fn is_understood(extension: &Extension<'_>) -> Result<(), RevocationError> {
    if extension.critical && extension.id != INVALIDITY_DATE {
        return Err(RevocationError::CriticalExtension(extension.id.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_are_compared() {
        assert!(less(&[5], &[6]) && less(&[0xff], &[1, 0]) && less(&[1, 0], &[1, 1]));
        assert!(!less(&[5], &[5]) && !less(&[1, 0], &[0xff]));
    }
}
