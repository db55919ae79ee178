//! Attestation requirements: a statement, or a signed referrer.

use std::collections::BTreeMap;

use super::{
    Judgement,
    authority::judgement,
    requirement::{Judge, Purpose, Scope},
};
use crate::{
    attestation::statement::{self, COSIGN_SIGN},
    crypto::{hex, sha256},
    discovery::{Candidate, Claim, Content},
    envelope::{bundle, dsse::Envelope},
    policy::{Attestation, AttestationKind},
    verdict::{Code, Reason, most_specific},
    wire::{Kind, Mark, Node},
};

impl Judge<'_> {
    pub(super) fn attestation(
        &mut self,
        wanted: &Attestation,
        scope: &Scope<'_>,
        counted: bool,
    ) -> Judgement {
        match &wanted.kind {
            AttestationKind::Predicate { alias, predicate_type } => {
                self.predicate(wanted, alias, predicate_type, scope, counted)
            }
            AttestationKind::Artifact(artifact_type) => {
                self.artifact(wanted, artifact_type, scope, counted)
            }
        }
    }

    /// Signatures over the same statement bytes are judged together.
    fn predicate(
        &mut self,
        wanted: &Attestation,
        alias: &str,
        predicate_type: &str,
        scope: &Scope<'_>,
        counted: bool,
    ) -> Judgement {
        let mut statements: BTreeMap<[u8; 32], Vec<&Candidate>> = BTreeMap::new();
        let mut outcome = Outcome::new(format!("attestation {alias}"));
        for candidate in &scope.candidates {
            if !matches!(candidate.claim, Claim::Attestation | Claim::Bundle) {
                continue;
            }
            match claimed(candidate, predicate_type) {
                Ok(payload) => statements.entry(sha256(payload)).or_default().push(candidate),
                Err(reason) => {
                    self.candidates = self.candidates.saturating_add(1);
                    outcome.refuse(&candidate.name, reason);
                }
            }
        }
        // What carries much comes last: it must not use up what the others need.
        let mut statements: Vec<_> = statements.into_iter().collect();
        statements.sort_by_key(|(_, of)| of.iter().map(|c| c.weight()).min());
        for (digest, candidates) in statements {
            let statement = Scope {
                target: scope.target,
                candidates,
                problems: &[],
                purpose: Purpose::Statement(predicate_type),
                image: None,
            };
            let judged = self.requirement(&wanted.signed_by, &statement, counted);
            if outcome.add(judged, format!("statement sha256:{}", hex(&digest))) && !counted {
                break;
            }
        }
        for problem in scope.problems {
            if problem.hides.iter().any(|c| matches!(c, Claim::Attestation | Claim::Bundle)) {
                outcome.refuse(&problem.name, problem.reason.clone());
            }
        }
        outcome.finish(Reason::of(Code::AttestationsNone).expected(predicate_type))
    }

    /// A referrer that was hashed here counts if its digest is signed.
    fn artifact(
        &mut self,
        wanted: &Attestation,
        artifact_type: &str,
        scope: &Scope<'_>,
        counted: bool,
    ) -> Judgement {
        let mut outcome = Outcome::new(format!("attestation {artifact_type}"));
        for (artifact, target, discovered) in scope.image.iter().flat_map(|i| &i.artifacts) {
            if artifact.artifact_type != artifact_type {
                continue;
            }
            let referrer = Scope {
                target,
                candidates: discovered.candidates.iter().collect(),
                problems: &discovered.problems,
                purpose: Purpose::Signature,
                image: None,
            };
            let judged = self.requirement(&wanted.signed_by, &referrer, counted);
            if outcome.add(judged, format!("referrer {}", artifact.digest)) && !counted {
                break;
            }
        }
        for problem in scope.problems {
            if problem.hides.contains(&Claim::Artifact) {
                outcome.refuse(&problem.name, problem.reason.clone());
            }
        }
        outcome.finish(Reason::of(Code::AttestationsNone).expected(artifact_type))
    }
}

/// The payload of a candidate that claims to be a statement of the wanted type. A cheap filter:
/// the verification reads the same bytes again.
fn claimed<'c>(candidate: &'c Candidate, wanted: &str) -> Result<&'c [u8], Reason> {
    let envelope: &Envelope = match candidate.content.as_ref().map_err(Clone::clone)? {
        Content::Attestation { envelope, .. } => envelope,
        Content::Bundle(bundle) => match &bundle.content {
            bundle::Content::Dsse(envelope) => envelope,
            bundle::Content::Message { .. } => {
                return Err(Reason::of(Code::PayloadNotAttestation));
            }
        },
        Content::SimpleSigning { .. }
        | Content::Notation { .. }
        | Content::NotationOfBlob { .. } => {
            return Err(Reason::of(Code::CandidateOtherFamily));
        }
    };
    let statement = statement::parse(&envelope.payload)
        .map_err(|e| Reason::new(Code::StatementMalformed, e.to_string()))?;
    match statement.predicate_type.as_str() {
        found if statement::is_type(found, wanted) => Ok(&envelope.payload),
        COSIGN_SIGN => {
            Err(Reason::of(Code::PayloadNotAttestation).expected(wanted).found(COSIGN_SIGN))
        }
        other => Err(Reason::of(Code::AttestationType).expected(wanted).found(other)),
    }
}

/// What was seen of the attestations of one requirement.
struct Outcome {
    name: String,
    nodes: Vec<Node>,
    reasons: Vec<Reason>,
    passed: Option<Judgement>,
}

impl Outcome {
    fn new(name: String) -> Self {
        Self { name, nodes: Vec::new(), reasons: Vec::new(), passed: None }
    }

    fn refuse(&mut self, name: &str, reason: Reason) {
        self.nodes.push(Node::refuse(Kind::Candidate, name, reason.clone()));
        self.reasons.push(reason);
    }

    /// Adds what was judged of one attestation; true where it passed.
    fn add(&mut self, judged: Judgement, name: String) -> bool {
        let mark = judged.mark();
        let node = Node { mark, ..Node::pass(Kind::Candidate, name) };
        self.nodes.push(node.children(vec![judged.node.clone()]));
        if mark == Mark::Pass {
            match &mut self.passed {
                Some(passed) => {
                    passed.alternatives.extend(judged.alternatives);
                    passed.weakened.extend(judged.weakened);
                }
                None => self.passed = Some(judged),
            }
            return true;
        }
        self.reasons.extend(judged.reason);
        false
    }

    fn finish(self, none: Reason) -> Judgement {
        let Self { name, nodes, reasons, passed } = self;
        if let Some(passed) = passed {
            let node =
                Node { detail: passed.node.detail.clone(), ..Node::pass(Kind::Attestation, name) };
            return Judgement { node: node.children(nodes), reason: None, ..passed };
        }
        let unknown = reasons.iter().filter(|r| r.code.is_undetermined());
        let reason =
            most_specific(unknown).or_else(|| most_specific(&reasons)).cloned().unwrap_or(none);
        judgement(
            Node::refuse(Kind::Attestation, name, reason.clone()).children(nodes),
            Some(reason),
        )
    }
}
