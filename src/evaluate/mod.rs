//! The stages in order: policy, references, rules, evidence, judgement.

mod attestation;
mod authority;
mod blob;
mod condition;
mod config;
mod image;
mod platforms;
mod referrer;
mod requirement;
mod revocation;
mod rules;
mod signers;
mod step;

use std::collections::BTreeMap;

use countersign_cel::Cost;

use crate::{
    crypto::Memo,
    evidence::{Budget, Evidence},
    policy::Policy,
    reference::Reference,
    time::{Horizon, Now, Time},
    verdict::{Code, Reason, shown},
    wire::{Decision, EvidenceItem, Fetch, ImageDecision, Outcome, PolicyError, Request, Usage},
};
use image::{Gathered, Subject};
use revocation::Fetched;
use rules::Shared;
pub use step::{step_json, step_with};

/// Need, or a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Fetch exactly these, in any order, and call again with all the answers so far.
    Need(Vec<Fetch>),
    /// The verdict.
    Decision(Box<Decision>),
}

/// Decides, or says what it needs to decide. A pure function: the same inputs give the same
/// answer on every host.
pub fn evaluate(
    policy: &Policy,
    request: &Request,
    evidence: &[EvidenceItem],
    now: Time,
    budget: Budget,
) -> Step {
    let budget = budget.capped();
    let most_images = usize::try_from(budget.images).unwrap_or(usize::MAX);
    let errors = check_request(request, most_images);
    if !errors.is_empty() {
        return refuse(errors, policy.mode.as_str(), now);
    }
    let mut evidence = Evidence::new(evidence, budget);
    let seen = condition::request(policy, request);
    let mut steps = Cost::new(budget.steps);
    let mut subjects: BTreeMap<&str, Subject> = BTreeMap::new();
    for asked in &request.images {
        let text = asked.reference.as_str();
        // check_request has parsed it already.
        if !subjects.contains_key(text)
            && let Some(subject) = Subject::of(policy, request, &seen, text, &mut steps)
        {
            subjects.insert(text, subject);
        }
    }
    // What is asked for twice, in whatever words, is judged once.
    let mut gathered: BTreeMap<image::Key<'_>, Gathered> = BTreeMap::new();
    for subject in subjects.values() {
        gathered
            .entry(subject.key())
            .or_insert_with(|| image::gather(policy, subject, &mut evidence));
    }
    if evidence.is_pending() {
        return Step::Need(evidence.take_needs());
    }
    let fetched = Fetched::new(evidence);

    let memo = Memo::default();
    let mut usage = Usage::default();
    let mut judged: BTreeMap<image::Key<'_>, rules::Verdict> = BTreeMap::new();
    let mut decision = Decision {
        outcome: Outcome::Allow,
        errors: Vec::new(),
        mode: policy.mode.as_str().to_owned(),
        effective: None,
        images: Vec::new(),
        blobs: Vec::new(),
        patches: Vec::new(),
        warnings: policy.warnings.clone(),
        now: now.to_string(),
        valid_until: None,
        usage: Usage::default(),
    };
    let horizon = Horizon::default();
    let mut shared = Shared {
        policy,
        request,
        seen: &seen,
        steps,
        now: Now::new(now, &horizon),
        budget: &budget,
        memo: &memo,
        fetched: &fetched,
        usage: &mut usage,
    };
    let mut enforced = Outcome::Allow;
    for asked in &request.images {
        let Some(subject) = subjects.get(asked.reference.as_str()) else {
            continue;
        };
        let Some(found) = gathered.get(&subject.key()) else {
            continue;
        };
        let verdict = judged.entry(subject.key()).or_insert_with(|| {
            let mark = fetched.mark();
            let verdict = image::judge(&mut shared, subject, found);
            // What a certificate names is only visited where a verdict hangs on it.
            if verdict.outcome == Outcome::Allow {
                fetched.forget_since(mark);
            }
            verdict
        });
        let mut image = ImageDecision {
            reference: asked.reference.clone(),
            path: asked.path.clone(),
            digest: verdict.digest.as_ref().map(ToString::to_string),
            outcome: verdict.outcome,
            raw: verdict.raw,
            effective: verdict.effective(),
            reason: verdict.reason.clone(),
            explanation: verdict.explanation.clone(),
        };
        decision.warnings.extend(verdict.warnings.iter().cloned());
        image::pin(policy, request, asked, verdict, &mut image, &mut decision);
        decision.outcome = decision.outcome.max(image.outcome);
        enforced = enforced.max(image.effective.unwrap_or(image.outcome));
        decision.images.push(image);
    }
    for asked in &request.blobs {
        let mark = fetched.mark();
        let (blob, warnings) = blob::judge(&mut shared, asked);
        if blob.outcome == Outcome::Allow {
            fetched.forget_since(mark);
        }
        decision.warnings.extend(warnings);
        decision.outcome = decision.outcome.max(blob.outcome);
        enforced = enforced.max(blob.effective.unwrap_or(blob.outcome));
        decision.blobs.push(blob);
    }
    decision.warnings.sort();
    decision.warnings.dedup();
    let needs = fetched.take_needs();
    if !needs.is_empty() {
        return Step::Need(needs);
    }
    usage.evidence_bytes = fetched.bytes();
    decision.usage = usage;
    decision.valid_until = horizon.first().map(|time| time.to_string());
    decision.effective = (enforced != decision.outcome).then_some(enforced);
    if enforced != Outcome::Allow {
        // What is not admitted is not changed either.
        decision.patches.clear();
    }
    Step::Decision(Box::new(decision))
}

fn check_request(request: &Request, most_images: usize) -> Vec<PolicyError> {
    if request.images.is_empty() && request.blobs.is_empty() {
        return vec![request_error("/request/images", "the request names no image".to_owned())];
    }
    let count = request.images.len().saturating_add(request.blobs.len());
    if count > most_images {
        return vec![PolicyError {
            code: Code::BudgetImages.as_str().to_owned(),
            path: "/request/images".to_owned(),
            message: format!("{count} images, at most {most_images} in one request"),
            suggestion: None,
        }];
    }
    let blobs = request.blobs.iter().enumerate().filter_map(|(i, blob)| {
        let message = blob::check(blob).err()?;
        Some(request_error(&format!("/request/blobs/{i}"), message))
    });
    request
        .images
        .iter()
        .enumerate()
        .filter_map(|(i, image)| {
            let error = Reference::parse(&image.reference).err()?;
            Some(PolicyError {
                code: Code::ReferenceInvalid.as_str().to_owned(),
                path: image.path.clone().unwrap_or_else(|| format!("/request/images/{i}")),
                message: shown(format!("`{}` is not an image reference: {error}", image.reference)),
                suggestion: None,
            })
        })
        .chain(blobs)
        .collect()
}

fn request_error(path: &str, message: String) -> PolicyError {
    PolicyError {
        code: Code::RequestMalformed.as_str().to_owned(),
        path: path.to_owned(),
        message: shown(message),
        suggestion: None,
    }
}

/// A bad policy or request: nothing is verified and nothing is allowed, in every mode.
fn refuse(errors: Vec<PolicyError>, mode: &str, now: Time) -> Step {
    Step::Decision(Box::new(Decision {
        outcome: Outcome::Deny,
        errors,
        mode: mode.to_owned(),
        effective: None,
        images: Vec::new(),
        blobs: Vec::new(),
        patches: Vec::new(),
        warnings: Vec::new(),
        now: now.to_string(),
        valid_until: None,
        usage: Usage::default(),
    }))
}

/// A judgement on a requirement: three-valued, with the signers that satisfy it.
struct Judgement {
    node: crate::wire::Node,
    /// The reason to report; absent where it passed.
    reason: Option<Reason>,
    /// Sets of signer identifiers, each of which alone satisfies the requirement. Only gathered
    /// where a threshold counts them.
    alternatives: Vec<signers::SignerSet>,
    /// What the policy let pass.
    weakened: Vec<Reason>,
    /// When the youngest of the signatures was made, where its certificate says so.
    made: Option<Time>,
}

impl Judgement {
    fn mark(&self) -> crate::wire::Mark {
        self.node.mark
    }
}
