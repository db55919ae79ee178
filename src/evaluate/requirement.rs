//! Trees of requirements, in three-valued logic.

use std::collections::BTreeMap;

use countersign_cel::Cost;
use serde_json::Value;

use super::{
    Judgement, condition,
    image::Bundle,
    revocation::Fetched,
    signers::{self, Exceeded},
};
use crate::{
    crypto::{Memo, Spend},
    discovery::{Candidate, Problem},
    evidence::Budget,
    policy::{Exception, Policy, Requirement},
    reference::Reference,
    time::Now,
    verdict::{Code, Reason, most_specific},
    verify::Target,
    wire::{Kind, Mark, Node},
};

/// What judges one image.
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Now<'a>,
    pub(super) budget: &'a Budget,
    /// What each authority has left for this image.
    pub(super) spends: BTreeMap<String, Spend>,
    /// Signatures on certificates that were checked already.
    pub(super) memo: Memo,
    /// OCSP responses and CRLs.
    pub(super) fetched: &'a Fetched<'a>,
    /// What the decision has left for all of them.
    pub(super) operations: u64,
    /// Candidates opened.
    pub(super) candidates: u64,
    /// What may fail for this image.
    pub(super) exceptions: Vec<&'a Exception>,
    /// The rule that is judged.
    pub(super) rule: &'a str,
    /// What its conditions share.
    pub(super) conditions: condition::Shared<'a>,
    /// What expressions have left for the decision.
    pub(super) steps: Cost,
}

/// Among what an authority looks for its signature.
pub(super) struct Scope<'a> {
    pub(super) target: &'a Target,
    pub(super) candidates: Vec<&'a Candidate>,
    pub(super) problems: &'a [Problem],
    pub(super) purpose: Purpose<'a>,
    /// The image as a whole, for attestations.
    pub(super) image: Option<&'a Bundle>,
    /// The name by which the image was asked for.
    pub(super) reference: Option<&'a Reference>,
    /// The index that the image is a platform of.
    pub(super) parent: Option<&'a Bundle>,
}

/// What a signature is to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose<'a> {
    /// One of the target itself.
    Signature,
    /// One over a statement of this predicate type about the target.
    Statement(&'a str),
}

impl<'a> Scope<'a> {
    /// For conditions.
    pub(super) fn described(&self) -> Value {
        match self.image {
            Some(image) => {
                let digest = Some(self.target.digest.as_str());
                condition::image(&image.reference, digest, image.platform.as_deref())
            }
            None => Value::Null,
        }
    }

    pub(super) fn image(image: &'a Bundle) -> Self {
        Self {
            target: &image.target,
            candidates: image.discovered.candidates.iter().collect(),
            problems: &image.discovered.problems,
            purpose: Purpose::Signature,
            image: Some(image),
            reference: Some(&image.reference),
            parent: None,
        }
    }
}

impl<'a> Judge<'a> {
    /// Judges a tree. `counted` where a threshold above wants to know who signed.
    pub(super) fn requirement(
        &mut self,
        tree: &Requirement,
        scope: &Scope<'_>,
        counted: bool,
    ) -> Judgement {
        match tree {
            Requirement::Authority(name) => {
                let judgement = self.authority(name, scope, counted);
                self.excepted(judgement, scope, || [name.as_str()].into_iter())
            }
            Requirement::All(of) => self.all(of, scope, counted),
            Requirement::Any(of) => self.any(of, scope, counted),
            Requirement::AtLeast { count, of } => {
                let judgement = self.at_least(*count, of, scope, counted);
                self.excepted(judgement, scope, std::iter::empty)
            }
            Requirement::Attestation(attestation) => {
                let judgement = self.attestation(attestation, scope, counted);
                self.excepted(judgement, scope, || attestation.names())
            }
            Requirement::On { subject, of } => self
                .on(subject, scope, counted, |judge, scope| judge.requirement(of, scope, counted)),
        }
    }

    /// A requirement that an exception waives holds, and nobody has signed for it. Never who signs
    /// an attestation: that one would then be anybody's.
    fn excepted<'n, N: Iterator<Item = &'n str>>(
        &self,
        judgement: Judgement,
        scope: &Scope<'_>,
        names: impl Fn() -> N,
    ) -> Judgement {
        let Some(reason) = &judgement.reason else {
            return judgement;
        };
        if scope.image.is_none() {
            return judgement;
        }
        match self.waiver(reason, names) {
            Some(exception) => judgement.excepted(exception),
            None => judgement,
        }
    }

    /// The exception under which what has these names may fail for this reason.
    pub(super) fn waiver<'n, N: Iterator<Item = &'n str>>(
        &self,
        reason: &Reason,
        names: impl Fn() -> N,
    ) -> Option<&'a Exception> {
        self.exceptions.iter().find(|e| e.waives(self.rule, names(), reason.code)).copied()
    }

    fn children(&mut self, of: &[Requirement], scope: &Scope<'_>, counted: bool) -> Vec<Judgement> {
        of.iter().map(|child| self.requirement(child, scope, counted)).collect()
    }

    fn all(&mut self, of: &[Requirement], scope: &Scope<'_>, counted: bool) -> Judgement {
        let children = self.children(of, scope, counted);
        self.every("all", children, counted)
    }

    /// All of what was judged must hold.
    pub(super) fn every(&self, name: &str, children: Vec<Judgement>, counted: bool) -> Judgement {
        let mark = if children.iter().any(|c| c.mark() == Mark::Fail) {
            Mark::Fail
        } else if children.iter().any(|c| c.mark() == Mark::Unknown) {
            Mark::Unknown
        } else {
            Mark::Pass
        };
        let sets: Vec<_> = children.iter().map(|c| c.alternatives.clone()).collect();
        let reason = children
            .iter()
            .find(|c| c.mark() == mark && mark != Mark::Pass)
            .and_then(|c| c.reason.clone());
        let mut judgement = combine(name, mark, reason, children);
        if counted && mark == Mark::Pass {
            match signers::product(&sets, self.budget.search) {
                Ok(alternatives) => judgement.alternatives = alternatives,
                Err(Exceeded) => judgement = judgement.exceeded(),
            }
        }
        judgement
    }

    fn any(&mut self, of: &[Requirement], scope: &Scope<'_>, counted: bool) -> Judgement {
        let mut children = Vec::new();
        for child in of {
            let judgement = self.requirement(child, scope, counted);
            let passed = judgement.mark() == Mark::Pass;
            children.push(judgement);
            if passed && !counted {
                break;
            }
        }
        let has = |mark| children.iter().any(|c: &Judgement| c.mark() == mark);
        let mark = if has(Mark::Pass) {
            Mark::Pass
        } else if has(Mark::Unknown) {
            Mark::Unknown
        } else {
            Mark::Fail
        };
        let reason = (mark != Mark::Pass)
            .then(|| {
                let same = children.iter().filter(|c| c.mark() == mark);
                most_specific(same.filter_map(|c| c.reason.as_ref())).cloned()
            })
            .flatten();
        let mut alternatives: Vec<_> = children
            .iter()
            .filter(|c| c.mark() == Mark::Pass)
            .flat_map(|c| c.alternatives.iter().cloned())
            .collect();
        alternatives.sort();
        alternatives.dedup();
        Judgement { alternatives, ..combine("any", mark, reason, children) }
    }

    fn at_least(
        &mut self,
        count: usize,
        of: &[Requirement],
        scope: &Scope<'_>,
        counted: bool,
    ) -> Judgement {
        let children = self.children(of, scope, true);
        let name = format!("at least {count} of {}", of.len());
        let passing: Vec<_> = children
            .iter()
            .filter(|c| c.mark() == Mark::Pass)
            .map(|c| c.alternatives.clone())
            .collect();
        let unknown: Vec<_> = children.iter().filter(|c| c.mark() == Mark::Unknown).collect();
        let unknown_reason =
            most_specific(unknown.iter().filter_map(|c| c.reason.as_ref())).cloned();
        let (held, unknowns) = (passing.len(), unknown.len());
        let (best, unions) = match signers::distinct(&passing, count, counted, self.budget.search) {
            Ok(found) => found,
            Err(Exceeded) => {
                return combine(&name, Mark::Unknown, None, children).exceeded();
            }
        };
        if best >= count {
            let alternatives = if counted { unions } else { Vec::new() };
            return Judgement { alternatives, ..combine(&name, Mark::Pass, None, children) };
        }
        if best + unknowns >= count {
            let reason = unknown_reason.unwrap_or_else(|| Reason::of(Code::Internal));
            return combine(&name, Mark::Unknown, Some(reason), children);
        }
        let reason = if held >= count {
            Reason::of(Code::ThresholdSameSigner)
                .expected(format!("{count} distinct signers"))
                .found(format!("{best} among {held} requirements that hold"))
        } else {
            let failed = children.iter().filter(|c| c.mark() == Mark::Fail);
            let why: Vec<_> = failed
                .filter_map(|c| Some(format!("{}: {}", c.node.name, c.reason.as_ref()?.code)))
                .collect();
            Reason::of(Code::ThresholdUnmet)
                .expected(format!("{count} of {}", of.len()))
                .found(format!("{best} ({})", why.join("; ")))
        };
        combine(&name, Mark::Fail, Some(reason), children)
    }
}

fn combine(name: &str, mark: Mark, reason: Option<Reason>, children: Vec<Judgement>) -> Judgement {
    let mut nodes = Vec::new();
    let mut weakened = Vec::new();
    let mut made = None;
    for child in children {
        if child.mark() == Mark::Pass {
            weakened.extend(child.weakened);
            made = made.max(child.made);
        }
        nodes.push(child.node);
    }
    let node = Node { mark, reason: None, ..Node::pass(Kind::Tree, name) }.children(nodes);
    let node = match name {
        // What the children say needs no repetition.
        "all" | "any" | "platforms" => node,
        _ => Node { reason: reason.clone(), ..node },
    };
    Judgement { node, reason, alternatives: Vec::new(), weakened, made }
}

impl Judgement {
    /// As if it held.
    pub(super) fn excepted(self, exception: &Exception) -> Self {
        let why = Reason::of(Code::ExceptionApplied).found(exception.describe());
        let node = Node::pass(self.node.kind, self.node.name.clone());
        let node = node.detail(format!("exception {}", exception.describe()));
        Self {
            node: node.children(vec![self.node]),
            weakened: vec![why],
            ..super::authority::nothing()
        }
    }

    fn exceeded(mut self) -> Self {
        let reason = Reason::of(Code::BudgetSearch);
        self.node.mark = Mark::Unknown;
        self.node.reason = Some(reason.clone());
        self.reason = Some(reason);
        self
    }
}
