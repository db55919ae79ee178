//! The key of one certificate that the policy itself has.

use super::{Context, Found, Signed};
use crate::{
    crypto::Spend,
    policy::{Instance, Pinned},
    time::{Now, Time},
    trust::identity::subject_line,
    verdict::{Code, Reason},
    verify::{
        Signer, path_reason,
        sigstore::{self, Evidence, Holder, Proof},
    },
    wire::{Kind, Node},
    x509::{
        Certificate,
        path::{self, PathError, Purpose},
    },
};

impl Signed<'_> {
    /// The certificate is held against its chain as of now, and is itself valid now and at each time
    /// that is proven: who stops to trust it, or lets it expire, takes its signatures back.
    pub(super) fn by_pinned(
        &self,
        pinned: &Pinned,
        context: &Context<'_>,
        spend: &Spend,
        checks: &mut Vec<Node>,
    ) -> Found {
        let Pinned { certificate: leaf, key, .. } = pinned;
        let name = subject_line(leaf.subject());
        let by = |signature: &[u8], instance: Option<&Instance>, checks: &mut Vec<Node>| -> Found {
            let evidence = self.evidence(signature);
            let proof = match instance {
                Some(instance) => {
                    Some(times(&evidence, pinned, instance, context.now, spend, checks)?)
                }
                None => None,
            };
            let times = proof.as_ref().map(|p| p.times.as_slice()).unwrap_or_default();
            if times.is_empty() && instance.is_some_and(|i| i.logs > 0) {
                return Err(Reason::of(Code::TimeUnproven));
            }
            let above = trusted(pinned, times, context.now, spend)?;
            checks.push(
                Node::pass(Kind::Check, "certificate")
                    .detail(format!("sha256:{}, {name}", leaf.fingerprint())),
            );
            let signer = Signer::certificate(leaf, key).with_chain(&above).proven(times);
            let weakened = self.signed_by_leaf(key, signature, proof, spend, checks, &name)?;
            Ok((signer, weakened))
        };
        Self::first_good(self.signatures, &context.authority.instances, checks, by)
    }
}

/// The times of a signature. A log has the certificate itself, or its key alone: that is how the
/// signer was told to sign.
fn times<'n>(
    evidence: &Evidence<'_>,
    pinned: &Pinned,
    instance: &Instance,
    now: Now<'n>,
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<Proof<'n>, Reason> {
    let holder = Holder::Certificate { leaf: &pinned.certificate, key: &pinned.key };
    match sigstore::times(evidence, &holder, instance, now, spend, checks) {
        Err(reason) if reason.code == Code::LogEntryMismatch => {
            let holder = Holder::Key(&pinned.key);
            let by_key = sigstore::times(evidence, &holder, instance, now, spend, checks);
            by_key.map_err(|by_key| match by_key.code {
                Code::LogEntryMismatch => reason,
                _ => by_key,
            })
        }
        result => result,
    }
}

/// What stands above the certificate, where the policy has a chain for it.
fn trusted(
    pinned: &Pinned,
    times: &[Time],
    now: Now<'_>,
    spend: &Spend,
) -> Result<Vec<Certificate>, Reason> {
    let Pinned { certificate: leaf, roots, intermediates, .. } = pinned;
    for certificate in intermediates.iter().chain(roots).chain([leaf]) {
        now.watch(certificate.not_before());
        now.watch(certificate.not_after().plus(1));
    }
    let at = now.time();
    for time in times.iter().chain([&at]) {
        let outside = if *time < leaf.not_before() {
            PathError::NotYetValid
        } else if *time > leaf.not_after() {
            PathError::Expired
        } else {
            continue;
        };
        return Err(path_reason(outside, leaf, roots, *time));
    }
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let path = path::build(leaf, intermediates, roots, at, Purpose::CodeSigning, spend)
        .map_err(|error| path_reason(error, leaf, roots, at))?;
    Ok(path.into_iter().skip(1).collect())
}
