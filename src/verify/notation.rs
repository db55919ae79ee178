//! Notation: Notary Project signatures in JWS and COSE, with certificates.
//!
//! Sources: [trust store and trust policy](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/trust-store-trust-policy.md)
//! (TP below), [signature specification](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-specification.md)
//! (SIG below), [plugin extensibility](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/plugin-extensibility.md).
//!
//! Revocation comes last: it is the only check that may have to ask the world.

mod authority;
mod binding;
mod finding;
mod integrity;
mod payload;
mod plugin;
mod reason;
mod revocation;
mod timestamp;

use std::cell::RefCell;

use super::{Accepted, Rejected, Target, Verification};
use crate::{
    crypto::Spend,
    revocation::Needed,
    time::Now,
    verdict::{Code, Reason},
    wire::{Kind, Mark, Node},
};

pub use crate::x509::notation_profile::Profile;
pub use authority::{Action, Actions, Level, NotationAuthority, Revocation, VerifyTimestamp};
pub use revocation::{Known, NO_ROOM};

use binding::{About, bound};
use finding::Finding;
use integrity::{Opened, open, signatures};

/// The road to OCSP responses and CRLs.
pub struct RevocationRoad<'a> {
    /// What was fetched.
    pub evidence: &'a dyn crate::revocation::Evidence,
    /// What is still to be fetched.
    pub needed: &'a RefCell<Vec<Needed>>,
    /// What was found already.
    pub known: &'a Known,
}

const INTEGRITY: &str = "integrity";
const REVOCATION: &str = "revocation";
const TSA_REVOCATION: &str = "revocation of the timestamp authority";

/// Verifies one envelope.
///
/// spec: TP §Signature Verification details "Implementations may change the ordering of these
/// validations based on efficiency, but all validation MUST be performed till the first critical
/// failure is encountered": what costs no public-key operation comes first, so that envelopes of
/// strangers cannot use up the budget.
pub fn verify(
    envelope_bytes: &[u8],
    layer_media_type: &str,
    target: &Target,
    authority: &NotationAuthority,
    now: Now<'_>,
    road: &RevocationRoad<'_>,
    spend: &Spend,
) -> Verification {
    let opened = open(envelope_bytes, layer_media_type, authority.profile).map_err(broken)?;
    validate(&opened, About::Artifact(target), &revocation::Asked { authority, now, road, spend })
}

/// Verifies one envelope that is about a blob: [`verify`], but for the descriptor.
///
/// spec: SIG §Blob Signatures "a detached signature envelope with a signature over the unique
/// representation of the blob (i.e. blob's digest)"
pub fn verify_blob(
    envelope_bytes: &[u8],
    media_type: &str,
    blob: &Target,
    authority: &NotationAuthority,
    now: Now<'_>,
    road: &RevocationRoad<'_>,
    spend: &Spend,
) -> Verification {
    let opened = open(envelope_bytes, media_type, authority.profile).map_err(broken)?;
    validate(&opened, About::Blob(blob), &revocation::Asked { authority, now, road, spend })
}

fn validate(opened: &Opened, about: About<'_>, asked: &revocation::Asked<'_>) -> Verification {
    let revocation::Asked { authority, now, spend, .. } = *asked;
    let (mut findings, timestamps) = finding::all(opened, authority, now);
    if let Some(fatal) = findings.iter().position(Finding::is_fatal) {
        // Whatever the signature comes to; and so it is not paid for.
        let integrity = Node { mark: Mark::Skipped, ..Node::pass(Kind::Check, INTEGRITY) };
        let integrity = integrity.detail("not checked, as the signature would not count");
        return Err(rejected(integrity, findings, fatal));
    }
    signatures(opened, spend).map_err(broken)?;
    let integrity = Node::pass(Kind::Check, INTEGRITY).detail(integrity::detail(opened));
    let mut stamped = None;
    if !timestamps.is_empty() {
        let outcome = timestamp::verify(&timestamps, opened, authority, spend)
            .map(|found| stamped.insert(found).detail.clone());
        finding::settle(&mut findings, outcome);
        if let Some(fatal) = findings.iter().position(Finding::is_fatal) {
            return Err(rejected(integrity, findings, fatal));
        }
    }
    // Nobody is asked about the certificates of a signature that is not this artifact's.
    let mut binding = Vec::new();
    let bound = bound(opened, about, authority, &mut binding);
    let of_tsa = stamped.filter(|_| bound.is_ok()).map(|s| asked.about_tsa(&s.chain));
    // spec: TP §Steps 6 "Perform revocation check of the timestamping certificate chain", a part of
    // the authentic timestamp.
    if authority.tsa_revocation == Revocation::Enforce
        && let Some(Err(reason)) = of_tsa.as_ref()
        && is_about_status(reason)
    {
        finding::settle(&mut findings, Err(reason.clone()));
        if let Some(fatal) = findings.iter().position(Finding::is_fatal) {
            return Err(rejected(integrity, findings, fatal));
        }
    }
    let (mut result, is_trusted) = accepted(integrity, findings, opened);
    result.checks.append(&mut binding);
    if let Err(reason) = bound {
        return Err(Rejected { reason, checks: result.checks });
    }
    let anchor = finding::anchor(opened, authority).filter(|_| is_trusted);
    let of_signer = asked.about_signer(opened, anchor);
    // What is known for certain comes before what is still to be fetched.
    let of_tsa = of_tsa.map(|outcome| (TSA_REVOCATION, authority.tsa_revocation, outcome));
    let of_signer = (REVOCATION, authority.revocation, of_signer);
    let mut open = None;
    for (check, action, outcome) in of_tsa.into_iter().chain([of_signer]) {
        match revoked(check, action, outcome, &mut result) {
            Ok(()) => {}
            Err(reason) if reason.code == Code::RevocationPending => open = Some(reason),
            Err(reason) => return Err(Rejected { reason, checks: result.checks }),
        }
    }
    match open {
        Some(reason) => Err(Rejected { reason, checks: result.checks }),
        None => Ok(result),
    }
}

/// What the findings come to, none of which is fatal; and whether somebody in particular has signed.
fn accepted(integrity: Node, findings: Vec<Finding>, opened: &Opened) -> (Accepted, bool) {
    let mut result = Accepted {
        signer: Some(integrity::signer(opened)),
        checks: vec![integrity],
        weakened: Vec::new(),
    };
    for finding in findings {
        if finding.outcome.is_err() && finding.is_authenticity() {
            result.signer = None;
        }
        if let Some(reason) = finding.weakness()
            && !result.weakened.iter().any(|other: &Reason| other.code == reason.code)
        {
            result.weakened.push(reason);
        }
        result.checks.push(finding.into_node());
    }
    let is_trusted = result.signer.is_some();
    (result, is_trusted)
}

/// One of the two questions about revocation: its node, and what the policy lets pass.
fn revoked(
    check: &str,
    action: Revocation,
    outcome: Result<Node, Reason>,
    result: &mut Accepted,
) -> Result<(), Reason> {
    let reason = match outcome {
        Ok(node) => {
            result.checks.push(node);
            return Ok(());
        }
        Err(reason) => reason,
    };
    if reason.code == Code::RevocationSkipped {
        result.checks.push(Node::skip(Kind::Check, check, reason.clone()));
    } else if is_about_status(&reason) && (action == Revocation::Log || check == TSA_REVOCATION) {
        // Enforced for a timestamp authority, it is the authentic timestamp's finding already.
        result.checks.push(logged(check, reason.clone()));
    } else {
        result.checks.push(Node::refuse(Kind::Check, check, reason.clone()));
        return Err(reason);
    }
    if !result.weakened.contains(&reason) {
        result.weakened.push(reason);
    }
    Ok(())
}

/// True for what a policy may only log; that something is still to be fetched, or that the budget is
/// spent, it may not.
fn is_about_status(reason: &Reason) -> bool {
    matches!(
        reason.code,
        Code::RevocationPlugin | Code::RevocationRevoked | Code::RevocationUnknown
    )
}

/// Without integrity nothing else was looked at.
fn broken(reason: Reason) -> Rejected {
    let checks = vec![Node::refuse(Kind::Check, INTEGRITY, reason.clone())];
    Rejected { reason, checks }
}

/// One finding is fatal, and what would have come after it is not shown.
fn rejected(integrity: Node, findings: Vec<Finding>, fatal: usize) -> Rejected {
    let mut checks = vec![integrity];
    let mut reason = Reason::of(Code::Internal);
    for finding in findings.into_iter().take(fatal.saturating_add(1)) {
        if let Err(found) = &finding.outcome {
            reason = found.clone();
        }
        checks.push(finding.into_node());
    }
    Rejected { reason, checks }
}

/// A node for a failure that the policy lets pass.
fn logged(check: &str, reason: Reason) -> Node {
    Node { mark: Mark::Logged, ..Node::refuse(Kind::Check, check, reason) }
}
