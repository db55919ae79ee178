//! Instances that are kept from decision to decision, each with a policy that it has read.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use countersign::{time::Time, wire::EvidenceItem};
use serde_json::Value;

use super::{
    Evaluator, Question, Rounds,
    session::{Prepared, Session},
};
use crate::runtime::{Call, Limits, Module, NoCallbacks, Outcome, RuntimeError};

/// What is kept, and for how long. A decision has the same bytes either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Instances at once, at work or not. A pooled engine needs as many slots.
    pub instances: usize,
    /// Of these, how many may wait for work.
    pub idle: usize,
    /// Bytes of linear memory: an instance that has grown beyond is not kept, since it never
    /// shrinks.
    pub memory: usize,
    /// Decisions that one instance makes.
    pub decisions: u32,
    /// How long a decision waits for an instance, where all are at work.
    pub wait: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            instances: 64,
            idle: 16,
            memory: 16 << 20,
            decisions: 10_000,
            wait: Duration::from_secs(10),
        }
    }
}

/// The module as an evaluator of many decisions: an instance that has read a policy makes the
/// next one under it. One that was stopped, or that gave a decision up, is thrown away.
pub struct Warm {
    module: Module,
    limits: Limits,
    keep: Keep,
    held: Mutex<Held>,
    returned: Condvar,
}

#[derive(Default)]
struct Held {
    /// Those that wait, the one that was used last at the end.
    idle: Vec<Kept>,
    /// How many decisions are being made.
    at_work: usize,
}

struct Kept {
    policy: Arc<Value>,
    prepared: Prepared,
    decisions: u32,
}

impl Warm {
    /// `limits` are those of each decision.
    pub fn new(module: Module, limits: Limits, keep: Keep) -> Self {
        Self { module, limits, keep, held: Mutex::default(), returned: Condvar::new() }
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// How many instances wait for work.
    pub fn idle(&self) -> usize {
        self.held().idle.len()
    }

    /// Waits for its turn. An instance of this policy comes with it, where there is one.
    fn enter(&self, policy: &Value) -> Result<(Permit<'_>, Option<Kept>), RuntimeError> {
        let known = self.known(policy);
        let full = |held: &mut Held| held.at_work >= self.keep.instances;
        let (mut held, _) = self
            .returned
            .wait_timeout_while(self.held(), self.keep.wait, full)
            .unwrap_or_else(PoisonError::into_inner);
        if full(&mut held) {
            let Keep { instances, wait, .. } = self.keep;
            let message = format!("all {instances} were at work for {wait:?}");
            return Err(RuntimeError::Busy(message));
        }
        held.at_work += 1;
        let permit = Permit(self);
        let same = |kept: &Kept| known.as_ref().is_some_and(|k| Arc::ptr_eq(k, &kept.policy));
        if let Some(i) = held.idle.iter().rposition(same) {
            return Ok((permit, Some(held.idle.remove(i))));
        }
        // One is to be made: what was not used for longest makes room.
        let room = self.keep.instances.saturating_sub(held.at_work);
        held.shrink(room);
        Ok((permit, None))
    }

    /// The policy of an instance that waits, if it is this one. Comparing takes a while, and is
    /// done without the lock.
    fn known(&self, policy: &Value) -> Option<Arc<Value>> {
        let mut policies: Vec<Arc<Value>> = Vec::new();
        for kept in self.held().idle.iter().rev() {
            if !policies.iter().any(|known| Arc::ptr_eq(known, &kept.policy)) {
                policies.push(kept.policy.clone());
            }
        }
        policies.into_iter().find(|known| **known == *policy)
    }

    fn fresh(&self, policy: &Value, now: u64) -> Result<Kept, RuntimeError> {
        let instance = self.module.instantiate(self.limits, now, Arc::new(NoCallbacks))?;
        let prepared = Prepared::new(instance, policy)?;
        Ok(Kept { policy: Arc::new(policy.clone()), prepared, decisions: 0 })
    }

    fn put(&self, kept: Kept) {
        let Keep { idle, memory, decisions, .. } = self.keep;
        if kept.decisions < decisions && kept.prepared.instance.memory() <= memory {
            let mut held = self.held();
            held.idle.push(kept);
            held.shrink(idle);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Leaves this many of those that wait.
    fn shrink(&mut self, most: usize) {
        let spare = self.idle.len().saturating_sub(most);
        self.idle.drain(..spare);
    }
}

impl Evaluator for Warm {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        let _permit = self.enter(&Value::Null)?;
        self.module.call(&Call {
            operation: "evaluate",
            payload: request,
            now: 0,
            limits: self.limits,
            callbacks: Arc::new(NoCallbacks),
        })
    }

    fn open<'a>(
        &'a self,
        question: &'a Question<'_>,
    ) -> Result<Option<Box<dyn Rounds + 'a>>, RuntimeError> {
        let now = nanoseconds(question.now);
        let (permit, kept) = self.enter(question.policy)?;
        let kept = match kept {
            Some(mut kept) => {
                kept.prepared.instance.renew(self.limits, now)?;
                kept
            }
            None => self.fresh(question.policy, now)?,
        };
        let Kept { policy, prepared, decisions } = kept;
        let session = Some(Session::new(prepared, question));
        Ok(Some(Box::new(AtWork { session, policy, decisions, permit })))
    }
}

/// A decision that is being made.
struct AtWork<'a> {
    /// Goes before the permit does.
    session: Option<Session<'a>>,
    policy: Arc<Value>,
    decisions: u32,
    permit: Permit<'a>,
}

impl Rounds for AtWork<'_> {
    fn next(&mut self, evidence: &[EvidenceItem], new: usize) -> Result<Outcome, RuntimeError> {
        match &mut self.session {
            Some(session) => session.next(evidence, new),
            None => Err(RuntimeError::Protocol("the decision was made".to_owned())),
        }
    }

    fn done(mut self: Box<Self>) {
        if let Some(session) = self.session.take() {
            let (policy, decisions) = (self.policy.clone(), self.decisions.saturating_add(1));
            self.permit.0.put(Kept { policy, prepared: session.into_prepared(), decisions });
        }
    }
}

/// The right to have one instance at work.
struct Permit<'a>(&'a Warm);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.at_work = held.at_work.saturating_sub(1);
        drop(held);
        self.0.returned.notify_one();
    }
}

/// The guest's clock for a decision as of then; `evaluate` does not look at it.
fn nanoseconds(now: &str) -> u64 {
    let seconds = Time::parse(now).and_then(|now| u64::try_from(now.unix()).ok()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000)
}
