//! What a Sigstore instance proves about a signature: when it was made, that it was logged, and
//! whose short-lived certificate it is.
//!
//! Source: [Sigstore client spec §4](https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification).

mod certificate;
mod log;
mod timestamp;

pub use certificate::identity;

use crate::{
    crypto::{PublicKey, Scheme, Spend},
    envelope::{bundle::Version, log_entry::LogEntry},
    policy::Instance,
    time::{Now, Time},
    transparency::{Artifact, Material, Verifier},
    verdict::{Code, Reason},
    wire::{Kind, Node},
    x509::Certificate,
};

/// How far a clock may be behind: design §2.9.
const SKEW_SECONDS: i64 = 300;

/// One signature and what travels with it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// What is signed.
    pub artifact: Artifact<'a>,
    /// The signature.
    pub signature: &'a [u8],
    /// Log entries, or why they cannot be read.
    pub entries: Result<&'a [LogEntry], &'a Reason>,
    /// RFC 3161 timestamps over the signature, or why they cannot be read.
    pub timestamps: Result<&'a [Vec<u8>], &'a Reason>,
    /// The bundle's version; `None` for Cosign's annotations.
    pub version: Option<Version>,
}

/// Whose signature it is.
#[derive(Clone, Copy)]
pub enum Holder<'a> {
    /// A certificate's.
    Certificate {
        /// The certificate.
        leaf: &'a Certificate,
        /// Its key.
        key: &'a PublicKey,
    },
    /// A long-lived key's.
    Key(&'a PublicKey),
}

/// What an instance has proven about a signature.
#[derive(Debug)]
pub struct Proof<'a> {
    /// Verified times at which the signature existed, ascending.
    pub times: Vec<Time>,
    /// Why a timestamp did not count.
    untrusted: Option<Reason>,
    /// What the policy did not ask for.
    pub weakened: Vec<Reason>,
    version: Option<Version>,
    now: Now<'a>,
    /// Entries whose inclusion is still to be checked.
    entries: Vec<log::Bound>,
}

impl<'a> Evidence<'a> {
    fn material(&self, holder: &Holder<'a>) -> Material<'a> {
        let verifier = match holder {
            Holder::Certificate { leaf, key } => Verifier::Certificate { der: leaf.der(), key },
            Holder::Key(key) => Verifier::Key(key),
        };
        Material { artifact: self.artifact, signature: self.signature, verifier }
    }
}

/// Establishes the times of a signature, and that the logs' entries are about it.
///
/// spec: client-spec §4.2 "First, establish a time for the signature. This timestamp is required to
/// validate the certificate chain, so this step comes first."
pub fn times<'n>(
    evidence: &Evidence<'_>,
    holder: &Holder<'_>,
    instance: &Instance,
    now: Now<'n>,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<Proof<'n>, Reason> {
    // What costs nothing comes first.
    let mut entries = log::bound(evidence, holder, instance)?;
    let mut times = log::promised(&mut entries, spend)?;
    if !times.is_empty() {
        let detail = times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        checks.push(Node::pass(Kind::Check, "signed entry timestamp").detail(detail));
    }
    let (signed, untrusted) = timestamp::verified(evidence, instance, spend, checks)?;
    times.extend(signed);
    times.sort();
    times.dedup();
    if let Some(future) = times.iter().find(|time| is_future(now, **time)) {
        return Err(Reason::of(Code::TimeFuture)
            .expected(format!("at most {}", latest(now)))
            .found(future.to_string()));
    }
    log::in_use(&mut entries, &times, now)?;
    let mut weakened = Vec::new();
    if instance.logs == 0 && !instance.logs_if_present && !instance.root.logs.is_empty() {
        weakened.push(Reason::of(Code::LogIgnored));
    }
    let version = evidence.version;
    Ok(Proof { times, untrusted, weakened, version, now, entries })
}

/// Nothing was signed after this.
fn latest(now: Now<'_>) -> Time {
    now.time().plus(SKEW_SECONDS)
}

/// True where nothing can have been signed yet.
fn is_future(now: Now<'_>, time: Time) -> bool {
    !now.has_reached(time.minus(SKEW_SECONDS))
}

/// Checks that the signature is good in the way in which the logs have verified it.
pub fn hash(proof: &Proof<'_>, scheme: Scheme) -> Result<(), Reason> {
    for entry in &proof.entries {
        if let Some(hash) = entry.hash.filter(|hash| scheme.hash() != Some(*hash)) {
            return Err(Reason::new(
                Code::LogEntryMismatch,
                "the entry of the transparency log is for another hash of the artifact",
            )
            .expected(scheme.hash().map_or_else(|| "none".to_owned(), |h| h.to_string()))
            .found(hash.to_string()));
        }
        if let Some(logged) = entry.scheme.filter(|logged| *logged != scheme) {
            return Err(Reason::new(
                Code::LogEntryMismatch,
                "the entry of the transparency log is for another signature algorithm",
            )
            .expected(format!("{scheme:?}"))
            .found(format!("{logged:?}")));
        }
    }
    Ok(())
}

/// Checks that the entries are in their logs.
///
/// spec: client-spec §4.4, rekor-v2-spec §6.1.4
pub fn inclusion(proof: &Proof<'_>, spend: &Spend, checks: &mut Vec<Node>) -> Result<(), Reason> {
    log::included(&proof.entries, spend, checks)
}

/// Checks the path of a Fulcio certificate at every verified time, and its transparency.
///
/// spec: client-spec §4.3 "If both are available, the Verifier performs path validation twice. If
/// either fails, verification fails."
pub fn certificate(
    leaf: &Certificate,
    travelled: &[Certificate],
    proof: &Proof<'_>,
    instance: &Instance,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<(), Reason> {
    if proof.times.is_empty() {
        let unproven = || Reason::of(Code::TimeUnproven);
        return Err(proof.untrusted.clone().unwrap_or_else(unproven));
    }
    // spec: sigstore_bundle.proto, X509CertificateChain. Cosign's chain annotation has the root.
    let has_root = travelled.iter().any(|c| c.subject_der() == c.issuer_der());
    if proof.version.is_some() && has_root {
        return Err(Reason::new(
            Code::CertificateProfile,
            "the bundle carries a root certificate, which only the policy can give",
        ));
    }
    // spec: sigstore_bundle.proto "When used in a `0.3` bundle with the PGI and "keyless" signing,
    // form (3) MUST be used": a certificate alone. sigstore-go asks it of every instance.
    if proof.version == Some(Version::V03) && !travelled.is_empty() {
        return Err(Reason::new(
            Code::CertificateProfile,
            "a bundle of version 0.3 carries a chain where it has the leaf alone",
        ));
    }
    let travelled = &certificate::unlisted(travelled, instance);
    certificate::path(leaf, travelled, &proof.times, instance, spend)?;
    checks.push(
        Node::pass(Kind::Check, "certificate chain").detail(format!("trust `{}`", instance.name)),
    );
    certificate::transparency(leaf, travelled, proof.now, instance, spend, checks)
}
