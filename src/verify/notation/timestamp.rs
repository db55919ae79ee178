//! RFC 3161 countersignatures: a time at which the signature was there
//! (TP §Timestamp Countersignature Verification details).

use super::{NotationAuthority, Opened, Profile, VerifyTimestamp, reason};
use crate::{
    crypto::{KeyKind, Spend},
    envelope::notation::SigningScheme,
    time::Now,
    timestamp::{self, Timestamp, TimestampError, Token},
    trust::identity::subject_line,
    verdict::{Code, Reason},
    x509::{Certificate, KeyUsage},
};

/// A timestamp that holds: one line about the time, and who has made it.
pub(super) struct Stamped {
    pub(super) detail: String,
    pub(super) chain: Vec<Certificate>,
}

/// spec: TP §Timestamp Countersignature Verification details "Sufficient and necessary conditions to
/// trigger timestamp countersignature verification". Where they are not met, a token is not looked
/// at.
pub(super) fn is_asked_for(opened: &Opened, authority: &NotationAuthority, now: Now<'_>) -> bool {
    // "The signing scheme is `notary.x509`."
    opened.envelope.attributes.scheme == SigningScheme::X509
        // "`tsa` trust store type is configured"
        && !authority.tsa.is_empty()
        && match authority.verify_timestamp {
            VerifyTimestamp::Always => true,
            // "at least one certificate in the signing certificate chain has expired at the time of
            // verification"
            VerifyTimestamp::AfterCertExpiry => {
                opened.chain.iter().any(|certificate| now.has_passed(certificate.not_after()))
            }
        }
}

/// What can be said of the token without a public-key operation.
///
/// spec: TP §Steps 6 "Check the unsigned attribute `Timestamp Signature`, if not present or empty, fail
/// this step."
pub(super) fn tokens(opened: &Opened, profile: Profile) -> Result<Vec<Token>, Reason> {
    let der = match opened.envelope.timestamp.as_deref() {
        Some(der) if !der.is_empty() => der,
        _ => {
            return Err(Reason::new(
                Code::TimestampAbsent,
                "no timestamp countersignature is in the signature envelope",
            )
            .next(
                "sign again with a timestamp authority, or set `verifyTimestamp: afterCertExpiry`",
            ));
        }
    };
    match profile {
        Profile::Spec => Ok(vec![Token::parse(der).map_err(reason::of_timestamp)?]),
        // One good signer of several is enough; of those that are none, the first says why.
        Profile::Compat => {
            let mut error = None;
            let mut tokens = Vec::new();
            for token in Token::parse_each(der).map_err(reason::of_timestamp)? {
                match token {
                    Ok(token) => tokens.push(token),
                    Err(found) => error = error.or(Some(found)),
                }
            }
            match error {
                Some(error) if tokens.is_empty() => Err(reason::of_timestamp(error)),
                _ => Ok(tokens),
            }
        }
    }
}

/// spec: TP §Steps 6 "Verify the timestamp countersignature and validate the `TSTInfo` based on
/// RFC 3161 and RFC 5816" and what follows, but for revocation.
pub(super) fn verify(
    tokens: &[Token],
    opened: &Opened,
    authority: &NotationAuthority,
    spend: &Spend,
) -> Result<Stamped, Reason> {
    let store = timestamp::Authority { leaf: None, intermediates: &[], roots: &authority.tsa };
    // "Validate that the timestamp hash in `TSTInfo.messageImprint` matches the hash of the signature
    // to which the timestamp was applied": of its bytes, not of their encoding.
    let message = &opened.envelope.signature;
    let mut refused = Reason::of(Code::TimestampInvalid);
    for token in tokens {
        let verified = timestamp::verify(token, message, &store, spend)
            .map_err(|error| at_claimed(token, error))
            .and_then(|found| {
                profile(&found.chain, authority.profile).map_err(reason::of_timestamp)?;
                Ok(found)
            });
        match verified {
            Ok(found) => {
                let detail = within(&found, &opened.chain)?;
                return Ok(Stamped { detail, chain: found.chain });
            }
            Err(reason) if reason.code == Code::BudgetSignatures => return Err(reason),
            Err(reason) => refused = reason,
        }
    }
    Err(refused)
}

fn at_claimed(token: &Token, error: TimestampError) -> Reason {
    let reason = reason::of_timestamp(error);
    match reason.code {
        Code::BudgetSignatures => reason,
        _ => reason.found(format!("a timestamp of {}", token.claimed_time())),
    }
}

/// spec: TP §Steps 6 "Validate that the timestamp signing certificate satisfies certificate
/// requirements": SIG §Certificate Requirements. The leaf's purpose, the order and every signature but
/// the root's own were checked with the path.
fn profile(chain: &[Certificate], mode: Profile) -> Result<(), TimestampError> {
    let refuse = |what| Err(TimestampError::CertificateProfile(what));
    let [leaf, authorities @ ..] = chain else {
        return Err(TimestampError::SignerUnknown);
    };
    // "Any certificate in the certificate chain MUST NOT use SHA1WithRSA and ECDSAWithSHA1 signatures"
    if chain.iter().any(|certificate| certificate.signature_scheme().is_err()) {
        return refuse("one is signed with a weak algorithm");
    }
    let excluded = |u: KeyUsage| u.key_cert_sign || u.crl_sign || u.encipherment;
    if leaf.key_usage().is_none_or(|usage| !usage.digital_signature || excluded(usage)) {
        return refuse("the leaf's keyUsage is not that of a signer");
    }
    // "Validate that the timestamp signing algorithm satisfies algorithm requirements": one is defined
    // for these and no other.
    match leaf.public_key().map(|key| key.kind()) {
        Ok(KeyKind::Rsa(2048 | 3072 | 4096) | KeyKind::P256 | KeyKind::P384 | KeyKind::P521) => {}
        _ => return refuse("the leaf's key is of a type or size that Notation does not use"),
    }
    for (below, certificate) in authorities.iter().enumerate() {
        // "The `basicConstraints` extension MUST be present and MUST be marked as critical."
        let Some(basic) = certificate
            .basic_constraints()
            .filter(|basic| basic.ca && (basic.critical || mode == Profile::Compat))
        else {
            return refuse("basicConstraints of an authority is not critical, CA:TRUE");
        };
        if basic.path_len.is_some_and(|most| usize::from(most) < below) {
            return refuse("a path length is exceeded");
        }
        // "For timestamping certificate: the `keyUsage` extension MUST be present and SHOULD be
        // marked critical.", and "Bit positions for `keyCertSign` MUST be set."
        if certificate.key_usage().is_none_or(|usage| !usage.key_cert_sign) {
            return refuse("an authority's keyUsage lacks keyCertSign");
        }
    }
    match authorities.last().filter(|root| root.subject_der() == root.issuer_der()) {
        Some(_) => Ok(()),
        None => refuse("the path does not end with a root"),
    }
}

/// spec: TP §Steps 6 "Validate that the time range from `timeStampLowerLimit` to
/// `timeStampUpperLimit` is entirely within the signing certificate chain's validity period."
fn within(timestamp: &Timestamp, chain: &[Certificate]) -> Result<String, Reason> {
    let (earliest, latest) = (timestamp.earliest, timestamp.latest);
    for certificate in chain {
        let (from, to) = (certificate.not_before(), certificate.not_after());
        let state = if earliest < from {
            "not valid yet"
        } else if latest > to {
            "expired"
        } else {
            continue;
        };
        return Err(Reason::new(
            Code::AuthenticTimestampInvalid,
            format!(
                "certificate `{}` may have been {state} at the time of the timestamp",
                subject_line(certificate.subject())
            ),
        )
        .expected(format!("{from} to {to}"))
        .found(format!("{earliest} to {latest}")));
    }
    let name = subject_line(timestamp.leaf.subject());
    Ok(format!("{}, stamped by {name}", timestamp.time))
}
