//! Attestation requirements: a statement, or a signed referrer.
//!
//! Each goes through the same steps: signature, subject and type ([`source`]); who signed; how old
//! it is; which of those that are left are selected; what they say ([`content`]). What was not
//! verified never gets as far as the selection.

mod content;
mod source;

use super::{
    Judgement,
    authority::judgement,
    requirement::{Judge, Scope},
};
use crate::{
    policy::{Attestation, AttestationKind, Select},
    time::{Now, Time},
    verdict::{Code, Reason, most_specific},
    wire::{Kind, Mark, Node},
};
pub(super) use content::Content;
use source::Source;

/// How far clocks may disagree: what was made later than that says nothing of its age.
const CLOCK_SKEW: i64 = 5 * 60;

/// An attestation of an authority, young enough.
pub(super) struct Verified<'a> {
    source: Source<'a>,
    made: Option<Time>,
    judged: Judgement,
}

impl Verified<'_> {
    /// By time, and then by digest.
    pub(super) fn order(&self) -> (Option<Time>, String) {
        (self.made, self.source.name())
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> usize {
        self.source.bytes()
    }

    /// What it says.
    pub(super) fn content(&self) -> Result<Content, Reason> {
        self.source.content()
    }
}

/// What was seen of the attestations of one requirement.
struct Outcome<'a> {
    name: String,
    nodes: Vec<Node>,
    reasons: Vec<Reason>,
    verified: Vec<Verified<'a>>,
    passed: Option<Judgement>,
    /// VEX, once somebody has looked for it: it is the same for each of them.
    vex: Option<Vec<(Content, Option<Time>)>>,
}

impl Judge<'_> {
    pub(super) fn attestation(
        &mut self,
        wanted: &Attestation,
        scope: &Scope<'_>,
        counted: bool,
    ) -> Judgement {
        let mut outcome = Outcome::new(wanted);
        let sources = self.sources(wanted, scope, &mut outcome);
        let lazily = wanted.select == Select::Any;
        for source in sources {
            self.verify(wanted, source, scope, counted, &mut outcome);
            if lazily && let Some(verified) = outcome.verified.pop() {
                let holds = self.holds(wanted, verified, scope, &mut outcome);
                if holds && !counted {
                    break;
                }
            }
        }
        outcome.hidden(wanted, scope);
        if !lazily {
            self.selected(wanted, scope, &mut outcome);
        }
        let expected = match &wanted.kind {
            AttestationKind::Predicate { predicate_type, .. } => predicate_type,
            AttestationKind::Artifact(artifact_type) => artifact_type,
        };
        outcome.finish(Reason::of(Code::AttestationsNone).expected(expected))
    }

    /// Those that are verified and young enough, whatever they say. One that could not be looked
    /// at may be one of them: then it is not known.
    pub(super) fn selection<'s>(
        &mut self,
        wanted: &Attestation,
        scope: &Scope<'s>,
    ) -> Result<Vec<Verified<'s>>, Reason> {
        let mut outcome = Outcome::new(wanted);
        for source in self.sources(wanted, scope, &mut outcome) {
            self.verify(wanted, source, scope, false, &mut outcome);
        }
        outcome.hidden(wanted, scope);
        let unknown = outcome.reasons.iter().filter(|r| r.code.is_undetermined());
        if let Some(reason) = most_specific(unknown) {
            return Err(reason.clone());
        }
        outcome.select(wanted.select);
        Ok(outcome.verified)
    }

    fn sources<'s>(
        &mut self,
        wanted: &Attestation,
        scope: &Scope<'s>,
        outcome: &mut Outcome<'s>,
    ) -> Vec<Source<'s>> {
        match &wanted.kind {
            AttestationKind::Predicate { predicate_type, .. } => {
                let (sources, refused) = source::statements(scope, predicate_type);
                self.candidates = self.candidates.saturating_add(refused.len() as u64);
                for (name, reason) in refused {
                    outcome.refuse(name, reason);
                }
                sources
            }
            AttestationKind::Artifact(artifact_type) => source::referrers(scope, artifact_type),
        }
    }

    /// Who has signed it, and how old it is.
    fn verify<'s>(
        &mut self,
        wanted: &Attestation,
        source: Source<'s>,
        scope: &Scope<'s>,
        counted: bool,
        outcome: &mut Outcome<'s>,
    ) {
        // The youngest of several signatures says how old it is: all are looked at.
        let every = counted || wanted.max_age.is_some();
        let scope = source.scope(wanted, scope);
        let judged = self.requirement(&wanted.signed_by, &scope, every);
        if judged.mark() != Mark::Pass {
            let node = Node { mark: judged.mark(), ..Node::pass(Kind::Candidate, source.name()) };
            outcome.nodes.push(node.children(vec![judged.node]));
            outcome.reasons.extend(judged.reason);
            return;
        }
        let made = match source.made(wanted) {
            Ok(made) => made.or(judged.made),
            Err(reason) => return outcome.refuse_verified(&source, judged, reason),
        };
        if let Some(max_age) = wanted.max_age
            && let Err(reason) = age(made, max_age, self.now)
        {
            return outcome.refuse_verified(&source, judged, reason);
        }
        outcome.verified.push(Verified { source, made, judged });
    }

    /// Judges what is said by all those that are selected: every one must hold.
    fn selected<'s>(&mut self, wanted: &Attestation, scope: &Scope<'s>, outcome: &mut Outcome<'s>) {
        outcome.select(wanted.select);
        let others = std::mem::take(&mut outcome.reasons);
        // One that could not be looked at may be the one that counts.
        let unknown = others.iter().filter(|r| r.code.is_undetermined());
        let unknown = most_specific(unknown).cloned();
        let verified = std::mem::take(&mut outcome.verified);
        let mut all = true;
        for verified in verified {
            all &= self.holds(wanted, verified, scope, outcome);
        }
        if !all || unknown.is_some() {
            outcome.passed = None;
        }
        let known = |reason: &Reason| !reason.code.is_undetermined();
        match unknown {
            Some(reason) if all => outcome.reasons = vec![reason],
            // One of all that fails settles it, whatever the others say. One that is withheld may be
            // younger than the latest that is known.
            _ if wanted.select == Select::All && outcome.reasons.iter().any(known) => {
                outcome.reasons.retain(known);
            }
            _ => outcome.reasons.extend(others),
        }
    }

    /// Typed checks and conditions; true where all of them hold.
    fn holds<'s>(
        &mut self,
        wanted: &Attestation,
        verified: Verified<'s>,
        scope: &Scope<'s>,
        outcome: &mut Outcome<'s>,
    ) -> bool {
        let (nodes, reasons) = self.content(wanted, &verified, scope, &mut outcome.vex);
        let Verified { source, made, judged } = verified;
        let mark = worst(&reasons);
        let mut node = Node { mark, ..Node::pass(Kind::Candidate, source.name()) };
        if let Some(made) = made {
            node = node.detail(format!("made {made}"));
        }
        let mut children = vec![judged.node.clone()];
        children.extend(nodes);
        outcome.nodes.push(node.children(children));
        if mark != Mark::Pass {
            outcome.reasons.extend(reasons);
            return false;
        }
        match &mut outcome.passed {
            Some(passed) => {
                passed.alternatives.extend(judged.alternatives);
                passed.weakened.extend(judged.weakened);
                passed.made = passed.made.max(judged.made);
            }
            None => outcome.passed = Some(judged),
        }
        true
    }

    fn content<'s>(
        &mut self,
        wanted: &Attestation,
        verified: &Verified<'s>,
        scope: &Scope<'s>,
        vex: &mut Option<Vec<(Content, Option<Time>)>>,
    ) -> (Vec<Node>, Vec<Reason>) {
        if !wanted.has_content() {
            return (Vec::new(), Vec::new());
        }
        let content = match verified.source.content() {
            Ok(content) => content,
            Err(reason) => {
                let node = Node::refuse(Kind::Check, "content", reason.clone());
                return (vec![node], vec![reason]);
            }
        };
        let vex = vex.get_or_insert_with(|| self.vex(wanted, scope));
        let (mut nodes, mut reasons) = self.checks(wanted, &content, verified.made, vex, scope);
        let (more, failed) = self.conditions_on(wanted, &content, scope);
        nodes.extend(more);
        reasons.extend(failed);
        (nodes, reasons)
    }

    /// What verified VEX documents say. What is not verified helps nobody.
    fn vex(&mut self, wanted: &Attestation, scope: &Scope<'_>) -> Vec<(Content, Option<Time>)> {
        let Some(vex) = &wanted.vex else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for wanted in vex.attestations() {
            // What could not be told helps nobody either.
            for verified in self.selection(&wanted, scope).unwrap_or_default() {
                if let Ok(content) = verified.source.content() {
                    found.push((content, verified.made));
                }
            }
        }
        found
    }
}

fn worst(reasons: &[Reason]) -> Mark {
    if reasons.is_empty() {
        Mark::Pass
    } else if reasons.iter().all(|r| r.code.is_undetermined()) {
        Mark::Unknown
    } else {
        Mark::Fail
    }
}

fn age(made: Option<Time>, max_age: i64, now: Now<'_>) -> Result<(), Reason> {
    let oldest = now.time().minus(max_age);
    let Some(made) = made else {
        return Err(Reason::of(Code::AttestationUndated).expected(format!("made after {oldest}")));
    };
    if !now.has_reached(made.minus(CLOCK_SKEW)) {
        return Err(Reason::of(Code::AttestationFuture)
            .expected(format!("made before {now}"))
            .found(format!("made {made}")));
    }
    if now.has_passed(made.plus(max_age)) {
        return Err(Reason::of(Code::AttestationStale)
            .expected(format!("made after {oldest}"))
            .found(format!("made {made}")));
    }
    Ok(())
}

impl<'a> Outcome<'a> {
    fn new(wanted: &Attestation) -> Self {
        Self {
            name: wanted.describe(),
            nodes: Vec::new(),
            reasons: Vec::new(),
            verified: Vec::new(),
            passed: None,
            vex: None,
        }
    }

    fn refuse(&mut self, name: String, reason: Reason) {
        self.nodes.push(Node::refuse(Kind::Candidate, name, reason.clone()));
        self.reasons.push(reason);
    }

    fn refuse_verified(&mut self, source: &Source<'_>, judged: Judgement, reason: Reason) {
        let node = Node::refuse(Kind::Candidate, source.name(), reason.clone());
        self.nodes.push(node.children(vec![judged.node]));
        self.reasons.push(reason);
    }

    /// What could not be opened may be one of these.
    fn hidden(&mut self, wanted: &Attestation, scope: &Scope<'_>) {
        for problem in scope.problems {
            if problem.hides.iter().any(|claim| source::may_be(wanted, *claim)) {
                self.refuse(problem.name.clone(), problem.reason.clone());
            }
        }
    }

    /// Leaves those that count. Of several that are as young all must hold.
    fn select(&mut self, select: Select) {
        if select == Select::Latest {
            let latest = self.verified.iter().map(|v| v.made).max().flatten();
            let (kept, older): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.verified).into_iter().partition(|v| v.made == latest);
            self.verified = kept;
            for Verified { source, made, .. } in older {
                let when = made.map(|m| m.to_string()).unwrap_or_default();
                let reason = Reason::of(Code::AttestationOlder).found(format!("made {when}"));
                self.nodes.push(Node::skip(Kind::Candidate, source.name(), reason));
            }
        }
    }

    fn finish(self, none: Reason) -> Judgement {
        let Self { name, nodes, reasons, passed, .. } = self;
        if let Some(mut passed) = passed {
            passed.alternatives.sort();
            passed.alternatives.dedup();
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
