//! Limits of one decision. Every loop over what an attacker can write spends from here, so that a
//! native run and the module agree to the unit; fuel and deadline are backstops of the host.

use serde::{Deserialize, Serialize};

/// Limits; a host can lower them, never raise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Budget {
    /// Bytes of one manifest or index. OCI distribution-spec v1.1 §Pushing Manifests: registries
    /// should accept 4 MiB, and the common ones accept no more.
    pub manifest_bytes: u64,
    /// Bytes of one blob (envelope, bundle, payload). cosign reads 128 MiB
    /// (`COSIGN_MAX_ATTACHMENT_SIZE`), notation-go 32 MiB; the largest public SBOM attestations
    /// that we know are near 10 MiB.
    pub blob_bytes: u64,
    /// Bytes of evidence in all.
    pub evidence_bytes: u64,
    /// Images in one request. A Pod has at most a few dozen containers.
    pub images: u64,
    /// Candidates opened for one artifact on one road (tag or referrers). notation's `--max-signatures` defaults to 100.
    pub candidates: u64,
    /// Signed referrers of each type that are followed for one image, their own referrers in all, however
    /// deep, and candidates that are opened on each: an image has an SBOM, a scan or two, provenance.
    pub referrers: u64,
    /// Public-key operations for one authority on one image (webpki's `Budget::signatures` is 100
    /// for one chain; here are up to 100 candidates). A whole decision makes at most
    /// [`Budget::decision_signatures`].
    pub signatures: u64,
    /// Combinations of signers tried for one threshold.
    pub search: u64,
    /// Steps of all expressions of the policy. Kubernetes gives the expressions of one admission
    /// policy as many units of cost (`RuntimeCELCostBudget`).
    pub steps: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            manifest_bytes: 4 << 20,
            blob_bytes: 16 << 20,
            evidence_bytes: 48 << 20,
            images: 256,
            candidates: 100,
            referrers: 16,
            signatures: 300,
            search: 100_000,
            steps: 10_000_000,
        }
    }
}

impl Budget {
    /// Public-key operations of one decision: the dearest, on P-521, takes 0.08 billion units of
    /// the module's fuel, and a host gives 50.
    pub fn decision_signatures(&self) -> u64 {
        self.signatures.saturating_mul(5) / 3
    }

    /// The smaller of each limit and its default.
    #[must_use]
    pub fn capped(self) -> Self {
        let most = Self::default();
        Self {
            manifest_bytes: self.manifest_bytes.min(most.manifest_bytes),
            blob_bytes: self.blob_bytes.min(most.blob_bytes),
            evidence_bytes: self.evidence_bytes.min(most.evidence_bytes),
            images: self.images.min(most.images),
            candidates: self.candidates.min(most.candidates),
            referrers: self.referrers.min(most.referrers),
            signatures: self.signatures.min(most.signatures),
            search: self.search.min(most.search),
            steps: self.steps.min(most.steps),
        }
    }
}
