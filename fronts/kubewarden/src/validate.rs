//! Kubewarden's `validate` and `validate_settings`.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::{
    admission::{self, Admission},
    json,
    policy::{Pin, Policy},
    time::Time,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wapc_guest::CallResult;

use crate::{
    gather::{self, Own},
    host::{Host, WapcHost},
    image::ANNOTATION,
    raw,
    respond::{ValidationResponse, respond, words},
};

const NO_DECISION: &str = "no decision after all rounds of evidence";

#[derive(Deserialize)]
struct ValidationRequest {
    request: Value,
    settings: Value,
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
    let now = now()?;
    let errors = Policy::parse(&settings).map_or_else(|e| e, |p| p.untrusted(&settings, now));
    let message = (!errors.is_empty()).then(|| words(&errors));
    Ok(serde_json::to_vec(&SettingsValidationResponse { valid: message.is_none(), message })?)
}

/// Judges the images of an admission request.
pub(crate) fn validate(payload: &[u8]) -> CallResult {
    let host = WapcHost::start();
    let ValidationRequest { request, settings } =
        json::parse_as(payload).map_err(|e| e.to_string())?;
    Ok(serde_json::to_vec(&judge(&request, &settings, now()?, &host))?)
}

fn now() -> Result<Time, Box<dyn std::error::Error + Send + Sync>> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(Time::from_unix(i64::try_from(seconds)?))
}

fn judge(request: &Value, settings: &Value, now: Time, host: &impl Host) -> ValidationResponse {
    let refused = ValidationResponse::refused;
    let policy = match Policy::parse(settings) {
        Ok(policy) => policy,
        Err(errors) => return refused(format!("the settings are not valid: {}", words(&errors))),
    };
    if raw::is_raw(request) {
        return judge_raw(request, &policy, now, host);
    }
    let asked = match admission::read(request, &policy.kinds, true) {
        Ok(Admission::Judge(asked)) => asked,
        Ok(Admission::Pass) => {
            return ValidationResponse { accepted: true, ..Default::default() };
        }
        Err(errors) => return refused(words(&errors)),
    };
    let own = Own { annotation: annotation(request) };
    let gathered = gather::decide(&policy, *asked, &own, now, host);
    let Some(decision) = &gathered.decision else {
        return refused(NO_DECISION.to_owned());
    };
    let mut response = respond(decision, &gathered);
    // Also beside an image that is only watched: the others run as they were verified.
    if response.accepted && !decision.patches.is_empty() {
        let object = request.get("object").unwrap_or(&Value::Null);
        match admission::patched(object, &decision.patches) {
            Some(object) => response.mutated_object = Some(object),
            None => return refused("the object changed while it was judged".to_owned()),
        }
    }
    response
}

/// The same for whoever only has images.
fn judge_raw(request: &Value, policy: &Policy, now: Time, host: &impl Host) -> ValidationResponse {
    let refused = ValidationResponse::refused;
    let asked = match raw::read(request) {
        Ok(asked) => asked,
        Err(error) => return refused(format!("/request: {error} (request.malformed)")),
    };
    let gathered = gather::decide(policy, asked, &Own { annotation: None }, now, host);
    let Some(decision) = &gathered.decision else {
        return refused(NO_DECISION.to_owned());
    };
    let mut response = respond(decision, &gathered);
    response.audit_annotations.extend(raw::verdict(decision));
    if response.accepted && policy.pin != Pin::None {
        response.mutated_object = raw::pinned(request, decision);
    }
    response
}

/// Evidence that the object itself carries.
fn annotation(request: &Value) -> Option<&str> {
    request.pointer("/object/metadata/annotations")?.get(ANNOTATION)?.as_str()
}
