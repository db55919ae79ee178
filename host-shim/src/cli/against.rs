//! A policy beside a command that shows things: what it makes of them.

use clap::{ArgGroup, Args};
use countersign::{
    time::Time,
    wire::{Decision, ImageDecision, ImageRequest, Request},
};

use super::{
    Exit,
    believed::Believed,
    clock::{self, Clock},
    module,
    output::note,
    report::complaint,
    revocation::{RevocationOptions, say_notes},
    verify::load,
};
use crate::{
    driver::{Judgement, Question, Warm, decide},
    policy::{Artifacts, Document},
    runtime::Modules,
    source::{EvidenceSource, Sources},
};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("rules").args(["policy", "notation_config"]))]
pub(super) struct Against {
    /// Decide by this policy, YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Notation's configuration directory in place of a policy
    #[arg(long, value_name = "DIR")]
    notation_config: Option<String>,
    /// Decide as of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse, requires = "rules")]
    now: Option<Time>,
    #[command(flatten)]
    module: module::Choice,
    #[command(flatten)]
    believed: Believed,
    #[command(flatten)]
    revocation: RevocationOptions,
}

/// A policy, and the module that decides by it.
pub(super) struct Bench {
    document: Document,
    evaluator: Warm,
    clock: Clock,
}

/// A decision on one image.
pub(super) struct Decided {
    pub(super) judgement: Judgement,
    /// Whether somebody else than the clock said what time it is.
    pub(super) overridden: bool,
}

impl Against {
    /// Reads the policy, if there is one, and loads the module.
    pub(super) fn bench(&self, modules: Modules) -> Result<Option<Bench>, String> {
        if self.policy.is_none() && self.notation_config.is_none() {
            return Ok(None);
        }
        let mut document =
            load(&self.policy, &self.notation_config, Artifacts::Images, &self.believed)?;
        let evaluator = self.module.load(modules).map_err(|e| e.to_string())?;
        let clock = Clock::new(self.now);
        self.believed.renew(&mut document, None, clock.now)?;
        Ok(Some(Bench { document, evaluator, clock }))
    }

    /// Decides with revocation from where certificates say.
    pub(super) fn decide(
        &self,
        bench: &Bench,
        images: &dyn EvidenceSource,
        reference: &str,
    ) -> Result<Decided, String> {
        let revocation = self.revocation.source();
        let decided = bench.decide(&Sources { images, revocation: &revocation }, reference)?;
        say_notes(&revocation);
        for error in &decided.decision().errors {
            let locate = |pointer: &str| bench.document.locate(pointer);
            note(&complaint(error, reference, &locate));
        }
        Ok(decided)
    }
}

impl Bench {
    /// Decides on an image.
    pub(super) fn decide(
        &self,
        source: &dyn EvidenceSource,
        reference: &str,
    ) -> Result<Decided, String> {
        let image = ImageRequest { reference: reference.to_owned(), path: None };
        let request = Request { images: vec![image], ..Request::default() };
        let now = self.clock.now.to_string();
        let policy = &self.document.value;
        let question = Question { policy, request: &request, now: &now, budget: None };
        let judgement = decide(&self.evaluator, source, &question).map_err(|e| e.to_string())?;
        Ok(Decided { judgement, overridden: self.clock.overridden })
    }
}

impl Decided {
    pub(super) fn decision(&self) -> &Decision {
        &self.judgement.decision
    }

    /// The verdict on the image; none where the policy itself is no good.
    pub(super) fn image(&self) -> Option<&ImageDecision> {
        let decision = self.decision();
        decision.images.first().filter(|_| decision.errors.is_empty())
    }

    /// What a command that only shows the verdict makes of it.
    pub(super) fn exit(&self) -> Exit {
        if self.decision().errors.is_empty() { Exit::Allow } else { Exit::BadInput }
    }
}
