//! A decision in Kubewarden's words.

use std::collections::BTreeMap;

use countersign::{
    verdict::{Code, Reason},
    wire::{Decision, ImageDecision, Outcome, PolicyError},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    gather::Gathered,
    image::{Image, Key},
};

/// Kubewarden's `ValidationResponse`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ValidationResponse {
    pub(crate) accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mutated_object: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) audit_annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// Bytes of one audit annotation: an API server keeps them in its log.
const MOST_ANNOTATION: usize = 4096;

impl ValidationResponse {
    /// Not accepted.
    pub(crate) fn refused(message: String) -> Self {
        Self { accepted: false, message: Some(message), code: Some(403), ..Self::default() }
    }
}

/// What the decision says, before anything of the object is changed.
pub(crate) fn respond(decision: &Decision, gathered: &Gathered) -> ValidationResponse {
    if !decision.errors.is_empty() {
        return ValidationResponse::refused(words(&decision.errors));
    }
    let warnings = decision.warnings.iter().chain(&gathered.warnings);
    let mut warnings: Vec<_> = warnings.map(|text| clean(text)).collect();
    let audit_annotations = audit(decision, gathered);
    if decision.outcome != Outcome::Allow {
        let message = reasons(decision, gathered);
        if decision.enforced() != Outcome::Allow {
            let refused = ValidationResponse::refused(message);
            return ValidationResponse { warnings, audit_annotations, ..refused };
        }
        warnings.push(format!("would be refused: {message}"));
    }
    ValidationResponse { accepted: true, warnings, audit_annotations, ..Default::default() }
}

/// For the audit log: what was judged, and by which roads its evidence came.
fn audit(decision: &Decision, gathered: &Gathered) -> BTreeMap<String, String> {
    let line = |image: &ImageDecision| {
        let found = gathered.image(&image.reference);
        let known = found.map(|(key, _)| key.digest.as_str()).or(image.digest.as_deref());
        let digest = known.unwrap_or("no digest");
        let text = format!("{} {digest} {}", image.reference, outcome(image.outcome));
        match found.map(|(_, image)| image.words()).filter(|words| !words.is_empty()) {
            Some(roads) => clean(&format!("{text}; evidence: {roads}")),
            None => clean(&text),
        }
    };
    let mut text = decision.images.iter().map(line).collect::<Vec<_>>().join("\n");
    if let Some((end, _)) = text.char_indices().find(|(i, _)| *i >= MOST_ANNOTATION) {
        text.truncate(end);
        text.push('…');
    }
    if text.is_empty() { BTreeMap::new() } else { BTreeMap::from([("images".to_owned(), text)]) }
}

/// One sentence an image that is not allowed.
fn reasons(decision: &Decision, gathered: &Gathered) -> String {
    let sentence = |image: &ImageDecision| {
        let reason = image.reason.as_ref().filter(|_| image.outcome != Outcome::Allow)?;
        let mut text = format!(
            "{} {}: {} ({})",
            image.reference,
            outcome(image.outcome),
            reason.message,
            reason.code
        );
        let found = gathered.image(&image.reference);
        let next = found.and_then(|(key, image)| next(key, image, reason));
        let next = next.or_else(|| reason.next.clone());
        let roads = found.map(|(_, image)| image.words()).filter(|words| !words.is_empty());
        for (word, value) in [
            ("expected", &reason.expected),
            ("found", &reason.found),
            ("evidence", &roads),
            ("next", &next),
        ] {
            if let Some(value) = value {
                text.push_str(&format!("; {word}: {value}"));
            }
        }
        Some(clean(&text))
    };
    decision.images.iter().filter_map(sentence).collect::<Vec<_>>().join("\n")
}

/// The one thing to do where a road is missing.
fn next(key: &Key, image: &Image, reason: &Reason) -> Option<String> {
    let is_missing = matches!(
        reason.code,
        Code::EvidenceUnsupported
            | Code::EvidenceHostAsserted
            | Code::PackStale
            | Code::PayloadUndeliverable
            | Code::BudgetTime
    );
    if let Some(what) = image.not_granted.as_ref().filter(|_| is_missing) {
        return Some(format!("{what}: grant it, as evidence is read with it"));
    }
    let command = format!("countersign evidence push {}@{}", key.repository, key.digest);
    match reason.code {
        Code::BudgetTime if !image.has_no_pack() => Some(
            "raise the policy's `timeoutEvalSeconds`, and `spec.evidence.timeout` with it"
                .to_owned(),
        ),
        _ if is_missing => Some(format!("run `{command}`")),
        Code::SignaturesNone | Code::AttestationsNone if image.is_packed() => {
            Some(format!("{}, then run `{command}`", reason.next.as_ref()?))
        }
        _ => None,
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allowed",
        Outcome::Deny => "denied",
        Outcome::Undetermined => "undetermined",
    }
}

/// Every error with its path.
pub(crate) fn words(errors: &[PolicyError]) -> String {
    let sentence = |error: &PolicyError| {
        let meant = error.suggestion.as_ref().map(|s| format!(", did you mean `{s}`?"));
        let path = if error.path.is_empty() { "/" } else { &error.path };
        format!("{path}: {} ({}){}", error.message, error.code, meant.unwrap_or_default())
    };
    errors.iter().map(sentence).map(|s| clean(&s)).collect::<Vec<_>>().join("; ")
}

/// What strangers wrote ends up on terminals: no control characters.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
