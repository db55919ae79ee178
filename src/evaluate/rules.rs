//! Rules over one image or blob, and the verdict that they come to.

use std::collections::BTreeMap;

use countersign_cel::Cost;
use serde_json::Value;

use super::{
    Judgement,
    authority::judgement,
    condition,
    requirement::{Judge, Scope},
    revocation::Fetched,
};
use crate::{
    crypto::Memo,
    evidence::Budget,
    policy::{Action, Exception, Mode, Policy, Requirement, Rule, Undetermined, Unmatched},
    reference::Digest,
    time::Now,
    verdict::{Code, Reason, most_specific},
    wire::{Kind, Mark, Node, Outcome, Request, Usage},
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
    /// The outcome before exceptions and `undetermined: warn`, where they made a difference.
    pub(super) raw: Option<Outcome>,
    /// The outcome of what is enforced.
    enforced: Outcome,
    /// The strictest mode of the rules that match.
    pub(super) mode: Mode,
}

/// What every judgement of one decision shares.
pub(super) struct Shared<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: &'a Request,
    /// The request, as conditions see it.
    pub(super) seen: &'a Value,
    /// What expressions have left.
    pub(super) steps: Cost,
    pub(super) now: Now<'a>,
    pub(super) budget: &'a Budget,
    pub(super) memo: &'a Memo,
    pub(super) fetched: &'a Fetched<'a>,
    pub(super) usage: &'a mut Usage,
}

/// Judges the rules that match, into `verdict`. All must hold. `scope` is where their signatures
/// are, or why nothing can be told of the image.
pub(super) fn judge<'a>(
    shared: &mut Shared<'a>,
    rules: &[&'a Rule],
    scope: Result<&Scope<'_>, &Reason>,
    exceptions: Vec<&'a Exception>,
    verdict: &mut Verdict,
) {
    let policy = shared.policy;
    let spent = shared.usage.signature_operations;
    let mut judge = Judge {
        policy,
        now: shared.now,
        budget: shared.budget,
        spends: BTreeMap::new(),
        memo: shared.memo.clone(),
        fetched: shared.fetched,
        operations: shared.budget.decision_signatures().saturating_sub(spent),
        candidates: 0,
        exceptions,
        rule: "",
        conditions: condition::Shared::of(shared.seen),
        steps: shared.steps.clone(),
    };
    verdict.mode = rules.iter().map(|r| mode(policy, r)).min().unwrap_or(policy.mode);
    let strictest = rules.iter().filter(|rule| mode(policy, rule) == verdict.mode);
    let mut actions = strictest.map(|rule| &rule.action);
    verdict.unverified = !actions.any(|action| matches!(action, Action::Require(_)));
    let mut found = Found::default();
    for rule in rules {
        let tree = match &rule.action {
            Action::Require(tree) => tree,
            Action::StaticAllow => {
                let node = Node::pass(Kind::Rule, rule.name.clone());
                found.nodes.push(node.detail("static: allow"));
                continue;
            }
            Action::StaticDeny => {
                found.deny(policy, rule);
                continue;
            }
        };
        judge.rule = &rule.name;
        judge.conditions.begin(tree);
        let judged = match scope {
            Ok(scope) => judge.rule(rule, tree, scope),
            Err(reason) => judge.failed(reason),
        };
        found.add(policy, rule, judged, verdict);
    }
    shared.steps = judge.steps.clone();
    let usage = &mut *shared.usage;
    usage.candidates = usage.candidates.saturating_add(judge.candidates);
    for spend in judge.spends.values() {
        usage.signature_operations = usage.signature_operations.saturating_add(spend.used());
    }
    found.conclude(verdict);
}

/// True where a `static: deny` settles it: no other rule is enforced more strictly.
pub(super) fn is_denied(policy: &Policy, rules: &[&Rule]) -> bool {
    let strictest = rules.iter().map(|rule| mode(policy, rule)).min();
    let denies = |rule: &&&Rule| matches!(rule.action, Action::StaticDeny);
    rules.iter().filter(denies).any(|rule| Some(mode(policy, rule)) == strictest)
}

/// A rule's mode, or the document's.
fn mode(policy: &Policy, rule: &Rule) -> Mode {
    rule.mode.unwrap_or(policy.mode)
}

/// What the rules have come to so far.
#[derive(Default)]
struct Found {
    nodes: Vec<Node>,
    /// What does not hold, and whether that is enforced.
    refused: Vec<(Mark, bool, Reason)>,
    raw: Option<Outcome>,
}

impl Found {
    fn add(&mut self, policy: &Policy, rule: &Rule, judged: Judgement, verdict: &mut Verdict) {
        let Judgement { node, reason, weakened, .. } = judged;
        let name = verdict.explanation.name.clone();
        for reason in &weakened {
            if reason.code == Code::ExceptionApplied {
                self.raw = self.raw.max(Some(Outcome::Deny));
            }
            // That revocation is skipped is a warning of the policy itself.
            if reason.code != Code::RevocationSkipped {
                let found = reason.found.as_ref().map(|f| format!(": {f}")).unwrap_or_default();
                let text = format!("{name}: {}: {}{found}", reason.code, reason.message);
                verdict.warnings.push(text);
            }
        }
        let mark = node.mark;
        let warns = rule.undetermined.unwrap_or(policy.undetermined) == Undetermined::Warn;
        let tolerated = warns && mark == Mark::Unknown && is_transport(&node, reason.as_ref());
        let shown = if tolerated { Mark::Logged } else { mark };
        let mut shown = Node { mark: shown, ..Node::pass(Kind::Rule, rule.name.clone()) };
        if let (true, Some(reason)) = (tolerated, &reason) {
            self.raw = self.raw.max(Some(Outcome::Undetermined));
            let text = format!("{name}: not verified: {}: {}", reason.code, reason.message);
            verdict.warnings.push(text);
            shown = shown.detail("undetermined: warn");
        } else if mark != Mark::Pass || reason.is_some() {
            // What does not pass always has a reason; one that is lost must not let anything in.
            let reason = reason.unwrap_or_else(|| Reason::of(Code::Internal));
            self.refused.push((mark, mode(policy, rule) == Mode::Enforce, reason));
        }
        self.nodes.push(shown.children(vec![node]));
    }

    /// `static: deny` of a rule that is only watched, beside others.
    fn deny(&mut self, policy: &Policy, rule: &Rule) {
        let reason = denied(rule);
        self.nodes.push(Node::refuse(Kind::Rule, rule.name.clone(), reason.clone()));
        self.refused.push((Mark::Fail, mode(policy, rule) == Mode::Enforce, reason));
    }

    /// A failure outweighs what could not be told.
    fn conclude(self, verdict: &mut Verdict) {
        let worst = |wanted| {
            let of = self.refused.iter().filter(move |(mark, ..)| *mark == wanted);
            most_specific(of.map(|(.., reason)| reason)).cloned()
        };
        let (failed, unknown) = (worst(Mark::Fail), worst(Mark::Unknown));
        match (&failed, unknown) {
            (None, None) => {
                verdict.explanation.children = self.nodes;
                verdict.raw = self.raw;
            }
            (Some(reason), _) => {
                verdict.refuse(reason.clone(), self.nodes);
                verdict.outcome = Outcome::Deny;
                verdict.explanation.mark = Mark::Fail;
            }
            (None, Some(reason)) => verdict.refuse(reason, self.nodes),
        }
        let enforced = self.refused.iter().filter(|(_, enforced, _)| *enforced);
        let outcome = |mark| if mark == Mark::Fail { Outcome::Deny } else { Outcome::Undetermined };
        verdict.enforced =
            enforced.map(|(mark, ..)| outcome(*mark)).max().unwrap_or(Outcome::Allow);
    }
}

fn denied(rule: &Rule) -> Reason {
    Reason::of(Code::ImageStaticDeny).found(format!("rule `{}`", rule.name))
}

/// True where nothing but a registry that could not be reached stands between a rule and its proof.
fn is_transport(node: &Node, reason: Option<&Reason>) -> bool {
    fn only(node: &Node) -> bool {
        let own = match (&node.reason, node.mark) {
            (Some(reason), Mark::Unknown) => reason.code == Code::EvidenceUnavailable,
            _ => true,
        };
        own && node.children.iter().all(only)
    }
    reason.is_some_and(|reason| reason.code == Code::EvidenceUnavailable) && only(node)
}

impl Judge<'_> {
    /// The tree of a rule, and then its conditions: they see what was verified.
    fn rule(&mut self, rule: &Rule, tree: &Requirement, scope: &Scope<'_>) -> Judgement {
        self.on(&rule.subject, scope, false, |judge, scope| judge.rule_on(rule, tree, scope))
    }

    fn rule_on(&mut self, rule: &Rule, tree: &Requirement, scope: &Scope<'_>) -> Judgement {
        let judged = self.requirement(tree, scope, false);
        if rule.conditions.is_empty() || judged.mark() != Mark::Pass {
            return judged;
        }
        let (nodes, mut reasons) = self.conditions(&rule.conditions, None, scope);
        let waiver = |reason: &Reason| self.waiver(reason, std::iter::empty);
        let waived = reasons.iter().find_map(|reason| Some((reason.clone(), waiver(reason)?)));
        reasons.retain(|reason| waiver(reason).is_none());
        let failed = reasons.iter().filter(|r| !r.code.is_undetermined());
        let worst = most_specific(failed).or_else(|| most_specific(&reasons)).cloned();
        let mut children = vec![judged.node.clone()];
        children.extend(nodes);
        let Some(reason) = worst else {
            let node = Node::pass(Kind::Tree, "all").children(children);
            let Some((reason, exception)) = waived else {
                return Judgement { node, ..judged };
            };
            let mut excepted =
                judgement(Node::refuse(Kind::Tree, "all", reason.clone()), Some(reason))
                    .excepted(exception);
            excepted.node.children = node.children;
            excepted.weakened.extend(judged.weakened);
            return excepted;
        };
        let node = Node::refuse(Kind::Tree, "all", reason.clone());
        let node = Node { reason: None, ..node }.children(children);
        judgement(node, Some(reason))
    }

    /// What a rule comes to where nothing can be told of the image.
    fn failed(&self, reason: &Reason) -> Judgement {
        let node = Node::refuse(Kind::Tree, "evidence", reason.clone());
        let judged = judgement(node, Some(reason.clone()));
        match self.waiver(reason, std::iter::empty) {
            Some(exception) => judged.excepted(exception),
            None => judged,
        }
    }
}

impl Verdict {
    /// Nothing against it yet.
    pub(super) fn new(kind: Kind, name: &str, mode: Mode) -> Self {
        Self {
            digest: None,
            outcome: Outcome::Allow,
            reason: None,
            explanation: Node::pass(kind, name),
            warnings: Vec::new(),
            unverified: false,
            raw: None,
            enforced: Outcome::Allow,
            mode,
        }
    }

    /// What a front does.
    pub(super) fn enforced(&self) -> Outcome {
        self.enforced
    }

    /// What a front does, where that is not the outcome.
    pub(super) fn effective(&self) -> Option<Outcome> {
        (self.enforced != self.outcome).then_some(self.enforced)
    }

    pub(super) fn refuse(&mut self, reason: Reason, nodes: Vec<Node>) {
        self.outcome =
            if reason.code.is_undetermined() { Outcome::Undetermined } else { Outcome::Deny };
        let name = std::mem::take(&mut self.explanation.name);
        self.explanation =
            Node::refuse(self.explanation.kind, name, reason.clone()).children(nodes);
        self.reason = Some(reason);
        self.enforced = if self.mode == Mode::Enforce { self.outcome } else { Outcome::Allow };
    }

    /// `static: deny`, of the rule whose mode is the strictest.
    pub(super) fn denied_by<'r>(&mut self, policy: &Policy, rules: impl Iterator<Item = &'r Rule>) {
        let denying = rules.filter(|rule| matches!(rule.action, Action::StaticDeny));
        let Some(rule) = denying.min_by_key(|rule| mode(policy, rule)) else {
            return;
        };
        self.mode = mode(policy, rule);
        let reason = denied(rule);
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
