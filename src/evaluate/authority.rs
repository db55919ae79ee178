//! One authority, tried on every candidate that may be its own.

use super::{
    Judgement,
    requirement::{Judge, Purpose, Scope},
};
use crate::{
    crypto::Spend,
    discovery::{Candidate, Claim, Content},
    policy::{Authority, CosignAuthority},
    verdict::{Code, Reason, most_specific},
    verify::{Accepted, Rejected, Verification, cosign, notation},
    wire::{Kind, Mark, Node},
};

impl<'a> Judge<'a> {
    pub(super) fn authority(&mut self, name: &str, scope: &Scope<'_>, counted: bool) -> Judgement {
        let Some(authority) = self.policy.authorities.get(name) else {
            // Names were checked when the policy was read.
            let reason = Reason::of(Code::Internal);
            return judgement(Node::refuse(Kind::Authority, name, reason.clone()), Some(reason));
        };
        if let Authority::NotationSkip(_) = authority {
            return skipped(name);
        }
        let spend = self
            .spends
            .remove(name)
            .unwrap_or_else(|| Spend::new(self.budget.signatures, self.memo.clone()))
            .capped(self.operations);
        let used = spend.used();
        let mut nodes = Vec::new();
        let mut reasons = Vec::new();
        let mut alternatives = Vec::new();
        let mut weakened = Vec::new();
        let mut signers = Vec::new();
        let mut passed = false;
        let mut made = None;
        // What carries much comes last: it must not use up what the others need.
        let mut candidates: Vec<_> = scope
            .candidates
            .iter()
            .filter(|c| is_relevant(authority, c.claim, scope.purpose))
            .collect();
        candidates.sort_by_key(|c| c.weight());
        for candidate in candidates {
            self.candidates = self.candidates.saturating_add(1);
            let verified = self.candidate(authority, candidate, scope, &spend);
            match verified.and_then(|accepted| self.unblocked(accepted)) {
                Ok(accepted) => {
                    passed = true;
                    let mut node = Node::pass(Kind::Candidate, candidate.name.clone())
                        .children(accepted.checks);
                    if let Some(signer) = accepted.signer {
                        made = made.max(signer.made);
                        node = node.detail(format!("signed by {}", signer.name));
                        signers.push(signer.name);
                        alternatives.push(signer.ids);
                    }
                    nodes.push(node);
                    weakened.extend(accepted.weakened);
                    if !counted {
                        break;
                    }
                }
                Err(rejected) => {
                    let node = Node::refuse(
                        Kind::Candidate,
                        candidate.name.clone(),
                        rejected.reason.clone(),
                    )
                    .children(rejected.checks);
                    nodes.push(node);
                    let exhausted = rejected.reason.code == Code::BudgetSignatures;
                    reasons.push(rejected.reason);
                    if exhausted {
                        break;
                    }
                }
            }
        }
        self.operations = self.operations.saturating_sub(spend.used().saturating_sub(used));
        self.spends.insert(name.to_owned(), spend);
        if passed {
            // So that an empty set of signers never counts as somebody.
            alternatives.retain(|ids| !ids.is_empty());
            alternatives.sort();
            alternatives.dedup();
            signers.dedup();
            let node = Node::pass(Kind::Authority, name).children(nodes);
            let node = if signers.is_empty() {
                node.detail("nobody in particular: authenticity is not enforced")
            } else {
                node.detail(signers.join(", "))
            };
            return Judgement { node, reason: None, alternatives, weakened, made };
        }
        for problem in scope.problems {
            if problem.hides.iter().any(|claim| is_relevant(authority, *claim, scope.purpose)) {
                nodes.push(Node::refuse(
                    Kind::Candidate,
                    problem.name.clone(),
                    problem.reason.clone(),
                ));
                reasons.push(problem.reason.clone());
            }
        }
        let unknown = reasons.iter().filter(|r| r.code.is_undetermined());
        let reason = most_specific(unknown)
            .or_else(|| most_specific(&reasons))
            .cloned()
            .unwrap_or_else(|| none(scope.purpose));
        judgement(Node::refuse(Kind::Authority, name, reason.clone()).children(nodes), Some(reason))
    }

    fn context<'c>(
        &self,
        authority: &'c CosignAuthority,
        scope: &'c Scope<'_>,
    ) -> cosign::Context<'c>
    where
        'a: 'c,
    {
        let Scope { target, reference, .. } = scope;
        cosign::Context { authority, target, reference: *reference, now: self.now }
    }

    /// Whoever is on the block list has not signed.
    fn unblocked(&self, accepted: Accepted) -> Verification {
        let blocked = accepted.signer.as_ref().and_then(|s| self.policy.block.blocks(s));
        match blocked {
            Some(what) => Err(Rejected {
                reason: Reason::of(Code::SignerBlocked).found(what),
                checks: accepted.checks,
            }),
            None => Ok(accepted),
        }
    }

    fn candidate(
        &self,
        authority: &Authority,
        candidate: &Candidate,
        scope: &Scope<'_>,
        spend: &Spend,
    ) -> Verification {
        let content =
            candidate.content.as_ref().map_err(|reason| Rejected::from(reason.clone()))?;
        match (authority, content, scope.purpose) {
            (
                Authority::Cosign(authority),
                Content::SimpleSigning { payload, signature, annotations },
                Purpose::Signature,
            ) => cosign::simple_signing(
                &cosign::SimpleSigning { payload, signature, annotations },
                &self.context(authority, scope),
                spend,
            ),
            (Authority::Cosign(authority), Content::Bundle(bundle), Purpose::Signature) => {
                let context = self.context(authority, scope);
                cosign::bundle_signature(bundle, &context, spend)
            }
            (
                Authority::Cosign(authority),
                Content::Bundle(bundle),
                Purpose::Statement(predicate_type),
            ) => {
                let context = self.context(authority, scope);
                let wanted = cosign::Wanted { predicate_type };
                cosign::bundle_attestation(bundle, &wanted, &context, spend)
            }
            (
                Authority::Cosign(authority),
                Content::Attestation { envelope, annotations },
                Purpose::Statement(predicate_type),
            ) => cosign::dsse_attestation(
                &cosign::DsseAttestation { envelope, annotations },
                &cosign::Wanted { predicate_type },
                &self.context(authority, scope),
                spend,
            ),
            (
                Authority::Notation(authority),
                Content::Notation { envelope, media_type },
                Purpose::Signature,
            ) => {
                let road = self.fetched.road();
                let target = scope.target;
                notation::verify(envelope, media_type, target, authority, self.now, &road, spend)
            }
            (
                Authority::Notation(authority),
                Content::NotationOfBlob { envelope, media_type },
                Purpose::Signature,
            ) => {
                let (road, blob) = (self.fetched.road(), scope.target);
                notation::verify_blob(envelope, media_type, blob, authority, self.now, &road, spend)
            }
            _ => Err(Reason::of(Code::CandidateOtherFamily).into()),
        }
    }
}

/// Whether a candidate of this claim can satisfy the authority at all.
fn is_relevant(authority: &Authority, claim: Claim, purpose: Purpose<'_>) -> bool {
    matches!(
        (authority, claim, purpose),
        (Authority::Cosign(_), Claim::SimpleSigning, Purpose::Signature)
            | (Authority::Cosign(_), Claim::Attestation, Purpose::Statement(_))
            | (Authority::Cosign(_), Claim::Bundle, _)
            | (Authority::Notation(_), Claim::Notation, Purpose::Signature)
    )
}

/// spec: Notation's trust policy specification §Signature Verification "If `signatureVerification` level
/// is set to `skip` in the trust policy, return success."
fn skipped(name: &str) -> Judgement {
    let reason = Reason::of(Code::VerificationSkipped);
    let check = Node::skip(Kind::Check, "verification", reason.clone());
    let node = Node::pass(Kind::Authority, name).children(vec![check]);
    Judgement { weakened: vec![reason], ..judgement(node.detail("nobody: level `skip`"), None) }
}

fn none(purpose: Purpose<'_>) -> Reason {
    Reason::of(match purpose {
        Purpose::Signature => Code::SignaturesNone,
        Purpose::Statement(_) => Code::AttestationsNone,
    })
}

/// What holds without anybody.
pub(super) fn nothing() -> Judgement {
    judgement(Node::pass(Kind::Tree, ""), None)
}

pub(super) fn judgement(node: Node, reason: Option<Reason>) -> Judgement {
    debug_assert_eq!(node.mark == Mark::Pass, reason.is_none());
    Judgement { node, reason, alternatives: Vec::new(), weakened: Vec::new(), made: None }
}
