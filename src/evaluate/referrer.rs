//! Referrers that count as attestations: of the image, and of such referrers in turn.

use std::collections::VecDeque;

use crate::{
    crypto::HexDigests,
    discovery::{self, Artifact, Claim, Discovered, Problem, Roads, manifest},
    evidence::{Evidence, Share},
    reference::{Digest, Reference},
    time::Time,
    verdict::{Code, Reason},
    verify::Target,
};

/// A referrer that counts as an attestation where it is signed itself.
pub(super) struct Referrer {
    pub(super) artifact: Artifact,
    pub(super) target: Target,
    /// What signs it.
    pub(super) discovered: Discovered,
    /// What it holds, where the policy looks at that.
    pub(super) document: Option<Result<Vec<u8>, Reason>>,
}

impl Referrer {
    /// `org.opencontainers.image.created`: signed with the manifest.
    pub(super) fn created(&self) -> Option<Time> {
        let (manifest, _) = manifest::parse(&self.artifact.bytes).ok()?;
        Time::parse(manifest.annotation(manifest::CREATED)?)
    }
}

/// The referrers of the image that the policy names by type; those that refer to one of these, such as
/// the scan of an SBOM; and so on. Each names what it is about in bytes that were hashed here, so that
/// whoever has signed the last has signed the whole way to the image.
///
/// The image's own are bounded by type; all below them, however deep, by [`Budget::referrers`]. What is
/// hidden below one is hidden from the image.
///
/// [`Budget::referrers`]: crate::evidence::Budget::referrers
pub(super) fn follow(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    discovered: &mut Discovered,
    roads: &Roads,
    nested: Roads,
) -> Vec<Referrer> {
    let nested = Roads { artifact_types: roads.artifact_types.clone(), ..nested };
    let mut queue: VecDeque<Artifact> = discovered.artifacts.iter().cloned().collect();
    let mut left = evidence.budget().referrers;
    let mut found = Vec::new();
    while let Some(artifact) = queue.pop_front() {
        let mut below = discovery::discover(evidence, reference, &artifact.digest, &nested);
        for deeper in below.artifacts.drain(..) {
            let Some(fewer) = left.checked_sub(1) else {
                discovered.problems.push(over_budget(&artifact, evidence));
                break;
            };
            left = fewer;
            queue.push_back(deeper);
        }
        let hides = |problem: &&Problem| problem.hides.contains(&Claim::Artifact);
        let hidden = below.problems.iter().filter(hides);
        discovered.problems.extend(
            hidden.map(|problem| Problem { hides: vec![Claim::Artifact], ..problem.clone() }),
        );
        let wanted = roads.documents.contains(&artifact.artifact_type);
        let document = wanted.then(|| document(evidence, reference, &artifact));
        let target = target(&artifact);
        found.push(Referrer { artifact, target, discovered: below, document });
    }
    found
}

fn over_budget(above: &Artifact, evidence: &Evidence<'_>) -> Problem {
    let most = evidence.budget().referrers;
    Problem {
        hides: vec![Claim::Artifact],
        name: format!("referrers of {}", above.digest),
        reason: Reason::of(Code::BudgetCandidates)
            .expected(format!("at most {most} referrers of referrers")),
    }
}

fn target(artifact: &Artifact) -> Target {
    let media_type = manifest::parse(&artifact.bytes).ok().and_then(|(m, _)| m.media_type);
    Target {
        digest: artifact.digest.to_string(),
        media_type: Some(media_type.unwrap_or_else(|| manifest::OCI_MANIFEST.to_owned())),
        size: Some(artifact.bytes.len() as u64),
        bytes: Some(artifact.bytes.clone()),
        digests: HexDigests::default(),
    }
}

/// The one layer of a referrer.
fn document(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    artifact: &Artifact,
) -> Result<Vec<u8>, Reason> {
    let malformed = |what: &str| Reason::new(Code::PredicateMalformed, what.to_owned());
    let (manifest, _) = manifest::parse(&artifact.bytes)
        .map_err(|e| malformed(&format!("the referrer's manifest: {e}")))?;
    let layers = manifest.layers.or(manifest.blobs).unwrap_or_default();
    let [layer] = layers.as_slice() else {
        return Err(malformed(&format!("the referrer has {} layers, not one", layers.len())));
    };
    let digest = Digest::parse(&layer.digest)
        .ok_or_else(|| malformed("the referrer's layer has no valid digest"))?;
    match evidence.blob(&reference.repository(), &digest, layer.size(), Share::Attestations) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(miss) => {
            let absent = Reason::of(Code::LayerUnexpected).expected(digest.to_string());
            // Asked for; what is still pending is not judged.
            Err(miss.reason(absent).unwrap_or_else(|| Reason::of(Code::Internal)))
        }
    }
}
