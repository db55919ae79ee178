//! Fulcio's certificates: identity, path, certificate transparency.

use crate::{
    crypto::Spend,
    policy::{Identity, Instance},
    time::{Now, Time},
    transparency::sct::{self, CtLog, Precertificate, SctError},
    trust::sigstore::Authority,
    verdict::{Code, Reason},
    verify::{meant_name, path_reason},
    wire::{Kind, Node},
    x509::{
        Certificate,
        fulcio::{self, IssuerError},
        path::{self, PathError, Purpose},
    },
};

/// The identity that the certificate claims, if it is one of those wanted: issuer and subject.
/// It costs no signature operation, and is not proven before the path is.
///
/// spec: client-spec §4.3 "The Verifier MUST then check the certificate against the verification
/// policy."
pub fn identity(leaf: &Certificate, wanted: &[Identity]) -> Result<(String, String), Reason> {
    let issuer = fulcio::issuer(leaf).map_err(|error| {
        let expected: Vec<_> = wanted.iter().map(|w| w.issuer.describe()).collect();
        let code = match error {
            IssuerError::Absent => Code::IssuerMismatch,
            IssuerError::Conflict(..) | IssuerError::Malformed => Code::CertificateProfile,
        };
        Reason::of(code).expected(expected.join(" or ")).found(error.to_string())
    })?;
    let mut closest: Option<Reason> = None;
    for identity in wanted {
        match one(leaf, &issuer, identity) {
            Ok(name) => return Ok((issuer, name)),
            Err(reason) => {
                if closest.as_ref().is_none_or(|c| reason.code > c.code) {
                    closest = Some(reason);
                }
            }
        }
    }
    Err(closest.unwrap_or_else(|| Reason::of(Code::IdentityMismatch)))
}

fn one(leaf: &Certificate, issuer: &str, wanted: &Identity) -> Result<String, Reason> {
    let name = meant_name(leaf, &wanted.subject)?;
    if !wanted.issuer.matches(issuer) {
        return Err(Reason::of(Code::IssuerMismatch)
            .expected(wanted.issuer.describe())
            .found(issuer));
    }
    for (extension, pattern) in &wanted.extensions {
        let found = fulcio::extension(leaf, extension);
        if !found.as_deref().is_some_and(|value| pattern.matches(value)) {
            return Err(Reason::of(Code::ExtensionMismatch)
                .expected(format!("{extension} {}", pattern.describe()))
                .found(found.unwrap_or_else(|| format!("no {extension}"))));
        }
    }
    Ok(name.to_owned())
}

/// The certificates of a chain that travels but for those of the instance itself, which count as
/// long as the instance says that they are in use: an intermediate of a retired authority must not
/// come back beside the signature.
pub(super) fn unlisted(travelled: &[Certificate], instance: &Instance) -> Vec<Certificate> {
    let listed = |certificate: &Certificate| {
        let authorities = instance.root.certificate_authorities.iter();
        let mut own = authorities.flat_map(|a| a.intermediates.iter().chain(&a.anchor));
        own.any(|own| own.spki_der() == certificate.spki_der())
    };
    travelled.iter().filter(|certificate| !listed(certificate)).cloned().collect()
}

/// The path to a certificate authority of the instance that was in use, at every time.
pub(super) fn path(
    leaf: &Certificate,
    travelled: &[Certificate],
    times: &[Time],
    instance: &Instance,
    spend: &Spend,
) -> Result<(), Reason> {
    for time in times {
        let in_use: Vec<&Authority> = instance
            .root
            .certificate_authorities
            .iter()
            .filter(|authority| authority.valid_for.contains(*time))
            .collect();
        let of = |certificates: fn(&Authority) -> &[Certificate]| -> Vec<Certificate> {
            in_use.iter().flat_map(|a| certificates(a)).cloned().collect()
        };
        let anchors = of(|a| &a.anchor);
        let mut intermediates = of(|a| &a.intermediates);
        intermediates.extend(travelled.iter().cloned());
        path::verify(leaf, &intermediates, &anchors, *time, Purpose::CodeSigning, spend).map_err(
            |error| match (error, anchors.is_empty()) {
                (PathError::Untrusted, true) => Reason::of(Code::CertificateUntrusted)
                    .expected(format!("an authority of trust `{}` in use at {time}", instance.name))
                    .found("none"),
                (error, _) => path_reason(error, leaf, &anchors, *time),
            },
        )?;
    }
    Ok(())
}

/// The certificate's signed certificate timestamps: one of a log of the instance is enough, and
/// none of such a log may be wrong.
///
/// spec: client-spec §4.3 "the Verifier MUST extract the `SignedCertificateTimestamp` embedded in
/// the leaf certificate, and verify it as in RFC 6962 §3.2"
pub(super) fn transparency(
    leaf: &Certificate,
    travelled: &[Certificate],
    now: Now<'_>,
    instance: &Instance,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<(), Reason> {
    if instance.root.ct_logs.is_empty() {
        return Ok(());
    }
    let scts = sct::parse_list(leaf).map_err(|error| {
        let code = match error {
            SctError::Absent => Code::SctAbsent,
            _ => Code::SctMalformed,
        };
        Reason::new(code, error.to_string())
    })?;
    let issuer = issuer(leaf, travelled, instance, spend)?;
    let precertificate = Precertificate::of(leaf, issuer.spki_der())
        .map_err(|error| Reason::new(Code::SctMalformed, error.to_string()))?;
    let mut good = false;
    let mut retired = None;
    for sct in &scts {
        let seconds = i64::try_from(sct.timestamp_ms / 1000).unwrap_or(i64::MAX);
        let time = Time::from_unix(seconds);
        for log in instance.root.ct_logs.iter().filter(|log| log.id == sct.log_id) {
            let by = CtLog { id: &log.id, key: &log.key };
            sct.verify(&precertificate, by, spend)?.map_err(|problem| {
                Reason::of(Code::SctInvalid).found(format!("{problem}, made at {time}"))
            })?;
            // spec: RFC 6962 §5.2 "clients MUST reject SCTs whose timestamp is in the future"
            if super::is_future(now, time) {
                return Err(Reason::new(
                    Code::SctInvalid,
                    "a signed certificate timestamp is of the future",
                )
                .expected(format!("at most {}", super::latest(now)))
                .found(time.to_string()));
            }
            if log.valid_for.contains(time) {
                good = true;
            } else {
                retired = Some(
                    Reason::new(
                        Code::SctAbsent,
                        "the certificate-transparency log was not in use at that time",
                    )
                    .expected(log.valid_for.to_string())
                    .found(time.to_string()),
                );
            }
        }
    }
    if good {
        checks.push(Node::pass(Kind::Check, "signed certificate timestamp"));
        return Ok(());
    }
    Err(retired.unwrap_or_else(|| {
        Reason::of(Code::SctAbsent)
            .expected(format!("of a log of trust `{}`", instance.name))
            .found(format!("{} of other logs", scts.len()))
    }))
}

/// The certificate that has signed the leaf; the path was checked with it.
fn issuer<'c>(
    leaf: &Certificate,
    travelled: &'c [Certificate],
    instance: &'c Instance,
    spend: &Spend,
) -> Result<&'c Certificate, Reason> {
    let trusted = instance.root.certificate_authorities.iter();
    let trusted = trusted.flat_map(|a| a.intermediates.iter().chain(&a.anchor));
    for candidate in trusted.chain(travelled) {
        if candidate.subject_der() != leaf.issuer_der() {
            continue;
        }
        if let Ok(key) = candidate.public_key()
            && leaf.verify_signed_by(&key, spend)?.is_ok()
        {
            return Ok(candidate);
        }
    }
    Err(Reason::of(Code::CertificateUntrusted))
}
