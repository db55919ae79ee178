//! Kubewarden's `validate` and `validate_settings`.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::{
    Step,
    admission::{self, Admission},
    evaluate,
    evidence::Budget,
    json,
    policy::Policy,
    time::Time,
    wire::{Decision, EvidenceItem, Outcome, PolicyError, Request},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wapc_guest::CallResult;

use crate::callbacks::{self, Host, WapcHost};

/// Rounds of needs: those of discovery and of revocation, at their most (docs/embedding.md). The host's
/// own limits end what takes too long.
const MOST_ROUNDS: usize = 157;

#[derive(Deserialize)]
struct ValidationRequest {
    request: Value,
    settings: Value,
}

/// Kubewarden's `ValidationResponse`.
#[derive(Debug, Default, Serialize)]
struct ValidationResponse {
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutated_object: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct SettingsValidationResponse {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Every error of the settings, with its path.
pub(crate) fn validate_settings(payload: &[u8]) -> CallResult {
    let settings: Value = json::parse(payload).map_err(|e| e.to_string())?;
    let message = Policy::parse(&settings).err().map(|errors| words(&errors));
    Ok(serde_json::to_vec(&SettingsValidationResponse { valid: message.is_none(), message })?)
}

/// Judges the images of an admission request.
pub(crate) fn validate(payload: &[u8]) -> CallResult {
    let ValidationRequest { request, settings } =
        json::parse_as(payload).map_err(|e| e.to_string())?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = Time::from_unix(i64::try_from(seconds)?);
    Ok(serde_json::to_vec(&respond(&request, &settings, now, &WapcHost))?)
}

fn respond(request: &Value, settings: &Value, now: Time, host: &impl Host) -> ValidationResponse {
    let policy = match Policy::parse(settings) {
        Ok(policy) => policy,
        Err(errors) => return refused(format!("the settings are not valid: {}", words(&errors))),
    };
    let asked = match admission::read(request, &policy.kinds, true) {
        Ok(Admission::Judge(asked)) => asked,
        Ok(Admission::Pass) => {
            return ValidationResponse { accepted: true, ..Default::default() };
        }
        Err(errors) => return refused(words(&errors)),
    };
    match decide(&policy, &asked, now, host) {
        Some(decision) => answer(request, &decision),
        None => refused(format!("no decision after {MOST_ROUNDS} rounds of evidence")),
    }
}

/// The contract: fetch exactly what is needed, and call again.
fn decide(policy: &Policy, asked: &Request, now: Time, host: &impl Host) -> Option<Decision> {
    let mut evidence: Vec<EvidenceItem> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        match evaluate(policy, asked, &evidence, now, Budget::default()) {
            Step::Decision(decision) => return Some(*decision),
            Step::Need(needs) => evidence.extend(needs.into_iter().map(|fetch| {
                let answer = callbacks::answer(host, &fetch);
                EvidenceItem { fetch, answer }
            })),
        }
    }
    None
}

fn answer(request: &Value, decision: &Decision) -> ValidationResponse {
    let warnings = decision.warnings.clone();
    if !decision.errors.is_empty() {
        return refused(words(&decision.errors));
    }
    let mut warnings = warnings;
    if decision.outcome != Outcome::Allow {
        let message = reasons(decision);
        if decision.enforced() != Outcome::Allow {
            return ValidationResponse { warnings, ..refused(message) };
        }
        warnings.push(format!("would be refused: {message}"));
    }
    // Also beside an image that is only watched: the others run as they were verified.
    let mutated_object = if decision.patches.is_empty() {
        None
    } else {
        let object = request.get("object").unwrap_or(&Value::Null);
        match admission::patched(object, &decision.patches) {
            Some(object) => Some(object),
            None => return refused("the object changed while it was judged".to_owned()),
        }
    };
    ValidationResponse { accepted: true, mutated_object, warnings, ..Default::default() }
}

fn refused(message: String) -> ValidationResponse {
    ValidationResponse {
        accepted: false,
        message: Some(message),
        code: Some(403),
        ..Default::default()
    }
}

/// One sentence an image that is not allowed.
fn reasons(decision: &Decision) -> String {
    let sentence = |image: &countersign::wire::ImageDecision| {
        let outcome = match image.outcome {
            Outcome::Allow => return None,
            Outcome::Deny => "denied",
            Outcome::Undetermined => "undetermined",
        };
        let reason = image.reason.as_ref()?;
        let mut text =
            format!("{} {outcome}: {} ({})", image.reference, reason.message, reason.code);
        for (word, value) in
            [("expected", &reason.expected), ("found", &reason.found), ("next", &reason.next)]
        {
            if let Some(value) = value {
                text.push_str(&format!("; {word}: {value}"));
            }
        }
        Some(text)
    };
    decision.images.iter().filter_map(sentence).map(|s| clean(&s)).collect::<Vec<_>>().join("\n")
}

fn words(errors: &[PolicyError]) -> String {
    let sentence = |error: &PolicyError| {
        let meant = error.suggestion.as_ref().map(|s| format!(", did you mean `{s}`?"));
        let path = if error.path.is_empty() { "/" } else { &error.path };
        format!("{path}: {} ({}){}", error.message, error.code, meant.unwrap_or_default())
    };
    errors.iter().map(sentence).map(|s| clean(&s)).collect::<Vec<_>>().join("; ")
}

/// What strangers wrote ends up on terminals: no control characters.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
