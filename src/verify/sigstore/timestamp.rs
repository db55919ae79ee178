//! RFC 3161 timestamps over a signature, by the timestamp authorities of an instance.

use std::collections::BTreeSet;

use super::Evidence;
use crate::{
    crypto::Spend,
    policy::Instance,
    time::Time,
    timestamp::{self, TimestampError, Token},
    verdict::{Code, Reason},
    verify::timestamp_reason,
    wire::{Kind, Node},
    x509::Certificate,
};

/// The verified times, and why a timestamp did not count. Those of authorities that the instance
/// does not list count for nothing; one that is not valid is a reason to stop.
///
/// spec: client-spec §4.2.1 "the Verifier MUST verify the timestamping response using the
/// Timestamping Service root key material […], with the raw bytes of the signature as the
/// timestamped data. […] If verification or timestamp parsing fails, the Verifier MUST abort."
pub(super) fn verified(
    evidence: &Evidence<'_>,
    instance: &Instance,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<(Vec<Time>, Option<Reason>), Reason> {
    if instance.root.timestamp_authorities.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut times = Vec::new();
    let mut operators = BTreeSet::new();
    let mut untrusted = None;
    for der in evidence.timestamps.map_err(Clone::clone)? {
        match one(der, evidence.signature, instance, spend) {
            Ok((time, operator)) => {
                times.push(time);
                operators.insert(operator);
            }
            Err(reason) if reason.code == Code::TimestampUntrusted => untrusted = Some(reason),
            Err(reason) => return Err(reason),
        }
    }
    if operators.len() < instance.timestamps {
        return Err(untrusted.unwrap_or_else(|| {
            Reason::of(Code::TimestampAbsent)
                .expected(format!(
                    "{} of the authorities of trust `{}`",
                    instance.timestamps, instance.name
                ))
                .found(operators.len().to_string())
        }));
    }
    if !times.is_empty() {
        let detail = times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        checks.push(Node::pass(Kind::Check, "timestamp").detail(detail));
    }
    Ok((times, untrusted))
}

/// The time of one timestamp, and who operates its authority: one for whom it is good is enough.
fn one(
    der: &[u8],
    signature: &[u8],
    instance: &Instance,
    spend: &Spend,
) -> Result<(Time, String), Reason> {
    // Certificates of the instance itself count as long as the instance says that they are in use:
    // those of a retired authority must not come back inside of a token.
    let listed = |certificate: &Certificate| {
        let mut own = instance
            .root
            .timestamp_authorities
            .iter()
            .flat_map(|a| a.leaf.iter().chain(&a.intermediates).chain(&a.anchor));
        own.any(|own| own.spki_der() == certificate.spki_der())
    };
    let token = Token::parse(der).map_err(|error| timestamp_reason(&error))?.without(listed);
    let claimed = token.claimed_time();
    let mut untrusted = Reason::of(Code::TimestampUntrusted)
        .expected(format!("an authority of trust `{}`", instance.name));
    let mut invalid = None;
    for authority in &instance.root.timestamp_authorities {
        let by = timestamp::Authority {
            leaf: authority.leaf.as_ref(),
            intermediates: &authority.intermediates,
            roots: &authority.anchor,
        };
        match timestamp::verify(&token, signature, &by, spend) {
            Ok(found) if authority.valid_for.contains(found.time) => {
                return Ok((found.time, authority.operator.clone()));
            }
            Ok(found) => {
                untrusted = Reason::new(
                    Code::TimestampUntrusted,
                    "the timestamp authority was not in use at that time",
                )
                .expected(authority.valid_for.to_string())
                .found(found.time.to_string());
            }
            Err(TimestampError::SignerUnknown | TimestampError::Untrusted) => {}
            Err(error @ TimestampError::Budget) => return Err(timestamp_reason(&error)),
            Err(error) => {
                let error = timestamp_reason(&error).found(format!("a timestamp of {claimed}"));
                invalid.get_or_insert(error);
            }
        }
    }
    Err(invalid.unwrap_or(untrusted))
}
