//! What a decision promises about itself: until when it holds, and what of the request it rests on.
//! Every decision that a test makes is held against it.

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{Decision, EvidenceItem, Request},
};
use serde_json::Value;

/// Seconds after a decision at which it is made anew.
const LATER: [i64; 2] = [400, 3_200_000_000];

/// What a decision was made from.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) request: &'a Request,
    pub(crate) evidence: &'a [EvidenceItem],
    pub(crate) now: Time,
    pub(crate) budget: Budget,
}

impl Made<'_> {
    /// Before `validUntil` the same evidence leads to the same decision, and so does a request
    /// without what the policy does not read.
    pub(crate) fn holds(&self, decision: &Decision) {
        let until = decision.valid_until.as_deref().map(|text| Time::parse(text).unwrap());
        assert!(until.is_none_or(|until| until > self.now), "{until:?} is not after {}", self.now);
        let last = until.map(|until| until.minus(1)).filter(|last| *last > self.now);
        let later = LATER.iter().map(|seconds| self.now.plus(*seconds)).chain(last);
        for time in later.filter(|time| until.is_none_or(|until| *time < until)) {
            let again = self.at(time, self.request);
            assert_eq!(
                shape(decision),
                shape(&again),
                "valid from {} until {until:?}, and other at {time}",
                self.now
            );
        }
        let less = self.request.only(&self.policy.reads());
        if less != *self.request {
            let again = self.at(self.now, &less);
            assert_eq!(decision, &again, "the policy reads more than {:?}", self.policy.reads());
        }
    }

    /// The decision on the same evidence.
    pub(crate) fn at(&self, time: Time, request: &Request) -> Decision {
        match evaluate(self.policy, request, self.evidence, time, self.budget) {
            Step::Decision(decision) => *decision,
            Step::Need(needs) => panic!("at {time} more is needed: {needs:?}"),
        }
    }
}

/// A decision without the words, which may name its time.
pub(crate) fn shape(decision: &Decision) -> Value {
    let mut value = serde_json::to_value(decision).unwrap();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    const WORDS: [&str; 7] =
        ["detail", "expected", "found", "message", "next", "now", "validUntil"];
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !WORDS.contains(&name.as_str()));
            if let Some(Value::Array(warnings)) = members.get_mut("warnings") {
                warnings.fill(Value::Null);
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
