//! Rules over one image or blob, and the verdict that they come to.

use std::collections::BTreeMap;

use super::{
    Judgement,
    requirement::{Judge, Scope},
    revocation::Fetched,
};
use crate::{
    crypto::Memo,
    evidence::Budget,
    policy::{Action, Policy, Rule, Unmatched},
    reference::Digest,
    time::Time,
    verdict::{Code, Reason, most_specific},
    wire::{Kind, Mark, Node, Outcome, Usage},
};

/// The verdict on an image or a blob, before pinning.
pub(super) struct Verdict {
    pub(super) digest: Option<Digest>,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    pub(super) explanation: Node,
    pub(super) warnings: Vec<String>,
    /// True where no requirement was made, so that nothing was verified to be pinned.
    pub(super) unverified: bool,
}

/// What every judgement of one decision shares.
pub(super) struct Shared<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Time,
    pub(super) budget: &'a Budget,
    pub(super) memo: &'a Memo,
    pub(super) fetched: &'a Fetched<'a>,
    pub(super) usage: &'a mut Usage,
}

/// Judges the rules that match, into `verdict`. All must hold.
pub(super) fn judge(
    shared: &mut Shared<'_>,
    rules: &[&Rule],
    scope: &Scope<'_>,
    verdict: &mut Verdict,
) {
    let spent = shared.usage.signature_operations;
    let mut judge = Judge {
        policy: shared.policy,
        now: shared.now,
        budget: shared.budget,
        spends: BTreeMap::new(),
        memo: shared.memo.clone(),
        fetched: shared.fetched,
        operations: shared.budget.decision_signatures().saturating_sub(spent),
        candidates: 0,
    };
    let name = verdict.explanation.name.clone();
    let mut nodes = Vec::new();
    let mut reasons = Vec::new();
    for rule in rules {
        let Action::Require(tree) = &rule.action else {
            nodes.push(Node::pass(Kind::Rule, rule.name.clone()).detail("static: allow"));
            continue;
        };
        let Judgement { node, reason, weakened, .. } = judge.requirement(tree, scope, false);
        // That revocation is skipped is a warning of the policy itself.
        for reason in weakened.iter().filter(|r| r.code != Code::RevocationSkipped) {
            verdict.warnings.push(format!("{name}: {}: {}", reason.code, reason.message));
        }
        let node = Node { mark: node.mark, ..Node::pass(Kind::Rule, rule.name.clone()) }
            .children(vec![node]);
        reasons.extend(reason.map(|r| (node.mark, r)));
        nodes.push(node);
    }
    let usage = &mut *shared.usage;
    usage.candidates = usage.candidates.saturating_add(judge.candidates);
    for spend in judge.spends.values() {
        usage.signature_operations = usage.signature_operations.saturating_add(spend.used());
    }
    // A failure outweighs what could not be told.
    let worst = |mark| reasons.iter().filter(move |(m, _)| *m == mark).map(|(_, r)| r);
    let reason = most_specific(worst(Mark::Fail)).or_else(|| most_specific(worst(Mark::Unknown)));
    match reason {
        None => verdict.explanation.children = nodes,
        Some(reason) => {
            verdict.refuse(reason.clone(), nodes);
            if reasons.iter().any(|(mark, _)| *mark == Mark::Fail) {
                verdict.outcome = Outcome::Deny;
                verdict.explanation.mark = Mark::Fail;
            }
        }
    }
}

impl Verdict {
    /// Nothing against it yet.
    pub(super) fn new(kind: Kind, name: &str) -> Self {
        Self {
            digest: None,
            outcome: Outcome::Allow,
            reason: None,
            explanation: Node::pass(kind, name),
            warnings: Vec::new(),
            unverified: false,
        }
    }

    pub(super) fn refuse(&mut self, reason: Reason, nodes: Vec<Node>) {
        self.outcome =
            if reason.code.is_undetermined() { Outcome::Undetermined } else { Outcome::Deny };
        let name = std::mem::take(&mut self.explanation.name);
        self.explanation =
            Node::refuse(self.explanation.kind, name, reason.clone()).children(nodes);
        self.reason = Some(reason);
    }

    /// `static: deny`.
    pub(super) fn denied_by(&mut self, rule: &Rule) {
        let reason = Reason::of(Code::ImageStaticDeny).found(format!("rule `{}`", rule.name));
        let node = Node::refuse(Kind::Rule, rule.name.clone(), reason.clone());
        self.refuse(reason, vec![node]);
    }

    /// No rule matches.
    pub(super) fn unmatched(&mut self, policy: &Policy) {
        let reason = Reason::of(Code::ImageUnmatched);
        match policy.unmatched {
            Unmatched::Deny => self.refuse(reason, Vec::new()),
            Unmatched::Allow => {
                self.unverified = true;
                self.explanation.detail = Some("no rule matches; `unmatched: allow`".into());
            }
            Unmatched::Warn => {
                self.unverified = true;
                let name = &self.explanation.name;
                self.warnings.push(format!("{name}: {}: {}", reason.code, reason.message));
                self.explanation.mark = Mark::Logged;
                self.explanation.reason = Some(reason);
            }
        }
    }
}
