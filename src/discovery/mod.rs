//! Finding the candidates of an artifact: tags `sha256-….sig` and `.att`, referrers, the fallback
//! tag. Nothing found here is trusted, and where something was found never matters.

mod candidate;
pub mod manifest;
mod referrers;
mod tag_scheme;

use std::collections::{BTreeMap, BTreeSet};

pub use candidate::{Candidate, Claim, Content};

use crate::{
    evidence::{Evidence, Miss},
    reference::{Digest, Reference},
    verdict::{Code, Reason},
};

/// Where an image's candidates may be, as far as the policy needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roads {
    /// `sha256-….sig`.
    pub signature_tag: bool,
    /// `sha256-….att`.
    pub attestation_tag: bool,
    /// Sigstore bundles among the referrers.
    pub bundles: bool,
    /// Notation signatures among the referrers.
    pub notation: bool,
    /// Referrers of these artifact types, signed themselves.
    pub artifact_types: BTreeSet<String>,
    /// Those of them whose content somebody looks at.
    pub documents: BTreeSet<String>,
    /// Annotations that the policy's authorities name, to rebuild payloads with.
    pub annotations: BTreeSet<BTreeMap<String, String>>,
    /// True for a referrer of the image, which has a smaller budget.
    pub nested: bool,
}

impl Roads {
    fn most(&self, evidence: &Evidence<'_>) -> usize {
        let budget = evidence.budget();
        let most = if self.nested { budget.referrers } else { budget.candidates };
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    fn most_artifacts(&self, evidence: &Evidence<'_>) -> usize {
        usize::try_from(evidence.budget().referrers).unwrap_or(usize::MAX)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovered {
    /// In a fixed order that does not depend on the order of the evidence.
    pub candidates: Vec<Candidate>,
    /// Roads that could not be taken.
    pub problems: Vec<Problem>,
    /// Referrers of the wanted artifact types.
    pub artifacts: Vec<Artifact>,
    /// Layers of the tag scheme that referrers have.
    referred_layers: usize,
}

/// A road that could not be taken.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which candidates it may have hidden.
    pub hides: Vec<Claim>,
    /// Which one.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

/// A referrer whose own manifest was hashed here and names our artifact as its subject.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// `artifactType`.
    pub artifact_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its manifest.
    pub bytes: Vec<u8>,
}

/// Finds the candidates of `digest`, each road up to the budget, so that what floods one hides
/// nothing of another. What is not there yet becomes a need.
pub fn discover(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    digest: &Digest,
    roads: &Roads,
) -> Discovered {
    let mut discovered = Discovered::default();
    if roads.signature_tag {
        tag_scheme::signatures(evidence, repository, digest, roads, &mut discovered);
    }
    if roads.attestation_tag {
        tag_scheme::attestations(evidence, repository, digest, roads, &mut discovered);
    }
    if roads.bundles || roads.notation || !roads.artifact_types.is_empty() {
        referrers::discover(evidence, repository, digest, roads, &mut discovered);
    }
    discovered
}

impl Discovered {
    fn problem(&mut self, name: &str, hides: &[Claim], reason: Reason) {
        self.problems.push(Problem { hides: hides.to_vec(), name: name.to_owned(), reason });
    }
}

fn over_budget(evidence: &Evidence<'_>) -> Reason {
    Reason::of(Code::BudgetCandidates)
        .expected(format!("at most {} candidates", evidence.budget().candidates))
}

/// The reason why listed content is not there; `None` while it is pending.
fn content_reason(miss: Miss) -> Option<Reason> {
    let what = "listed, but the registry does not have it";
    miss.reason(Reason::new(Code::LayerUnexpected, what))
}
