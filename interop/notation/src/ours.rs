//! What countersign says of a case, in notation-go's words.

use std::error::Error;

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    verdict::{Code, Reason},
    wire::{
        BlobRequest, BlobSignature, Decision, EvidenceItem, ImageRequest, Kind, Mark, Node,
        Outcome, Request,
    },
};
use serde_json::{Value, json};

use crate::{
    case::{Answer, Case, Failure},
    host::Host,
};

/// Rounds that no decision needs more of.
const MOST_ROUNDS: usize = 20;

const BLOB: &str = "blob";

/// The answer, and the reason code that stands for it.
pub fn judge(case: &Case) -> Result<(Answer, String), Box<dyn Error>> {
    let policy = match Policy::parse(&policy(case)?) {
        Ok(policy) => policy,
        Err(errors) => {
            let code = errors.first().map(|error| error.code.clone()).unwrap_or_default();
            let errors: Vec<_> = errors.into_iter().map(|error| error.message).collect();
            return Ok((failed("document", &errors.join("; ")), code));
        }
    };
    if case.only {
        return Ok((Answer { pass: true, ..Answer::default() }, String::new()));
    }
    let mut host = Host::new(case);
    let decision = decide(&policy, &request(case), case, &mut host)?;
    if !host.wrong.is_empty() {
        return Err(host.wrong.join(", ").into());
    }
    Ok(told(&decision))
}

fn request(case: &Case) -> Request {
    let Some(_) = &case.blob_digest else {
        let image = ImageRequest { reference: case.reference.clone(), path: None };
        return Request { images: vec![image], ..Request::default() };
    };
    let (media_type, content) = (case.layer.clone(), case.envelope.clone());
    let blob = BlobRequest {
        name: BLOB.to_owned(),
        digests: Vec::new(),
        content: Some(case.target.clone()),
        signatures: vec![BlobSignature { media_type, content }],
    };
    Request { blobs: vec![blob], ..Request::default() }
}

fn decide(
    policy: &Policy,
    request: &Request,
    case: &Case,
    host: &mut Host<'_>,
) -> Result<Decision, Box<dyn Error>> {
    let now = Time::parse(&case.now).ok_or("`now` is no time")?;
    let mut evidence: Vec<EvidenceItem> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        match evaluate(policy, request, &evidence, now, Budget::default()) {
            Step::Decision(decision) => return Ok(*decision),
            Step::Need(needs) => {
                for fetch in needs {
                    let answer = host.answer(&fetch);
                    evidence.push(EvidenceItem { fetch, answer });
                }
            }
        }
    }
    Err("no decision".into())
}

/// The document as it is; where a question is not one for such a document, its only statement in
/// other words.
fn policy(case: &Case) -> Result<Value, Box<dyn Error>> {
    let spec = if !case.metadata.is_empty() {
        native(case)?
    } else if case.blob_digest.is_some() {
        let mut document: Value = serde_json::from_str(&case.document)?;
        let statement = &mut document["trustPolicies"][0];
        statement["name"] = BLOB.into();
        statement["registryScopes"].take();
        json!({ "notationTrustPolicy": {
            "blobDocument": document, "stores": case.stores, "profile": "compat",
        } })
    } else {
        json!({ "notationTrustPolicy": {
            "document": case.document, "stores": case.stores, "profile": "compat",
        } })
    };
    Ok(json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": spec }))
}

/// User metadata is what notation-go's caller wants, and no part of its documents.
fn native(case: &Case) -> Result<Value, Box<dyn Error>> {
    let document: Value = serde_json::from_str(&case.document)?;
    let statement = &document["trustPolicies"][0];
    let mut stores = json!({});
    for name in statement["trustStores"].as_array().into_iter().flatten() {
        let (kind, name) = name.as_str().and_then(|name| name.split_once(':')).ok_or("a store")?;
        stores[kind] = json!(case.stores[kind][name]);
    }
    let verification = &statement["signatureVerification"];
    Ok(json!({
        "trust": { "stores": { "notation": stores } },
        "authorities": { "statement": { "notation": {
            "trust": "stores",
            "level": verification["level"],
            "trustedIdentities": statement["trustedIdentities"],
            "userMetadata": case.metadata,
            "profile": "compat",
        } } },
        "rules": [{ "images": ["**"], "require": "statement" }],
    }))
}

fn told(decision: &Decision) -> (Answer, String) {
    if let Some(error) = decision.errors.first() {
        return (failed("policy", &error.message), error.code.clone());
    }
    let (outcome, reason, explanation) = match (decision.images.first(), decision.blobs.first()) {
        (Some(image), _) => (image.outcome, &image.reason, &image.explanation),
        (None, Some(blob)) => (blob.outcome, &blob.reason, &blob.explanation),
        (None, None) => return (failed("nothing", "an empty decision"), String::new()),
    };
    let code = reason.as_ref().map(|reason| reason.code.as_str().to_owned()).unwrap_or_default();
    let mut answer = Answer { pass: outcome == Outcome::Allow, ..Answer::default() };
    checks(explanation, &mut answer.failed);
    if let (false, Some(reason)) = (answer.failed.iter().any(|f| !f.logged), reason) {
        answer.failed.push(failure(of_code(reason.code), reason, false));
    }
    (answer, code)
}

fn failed(check: &str, error: &str) -> Answer {
    let failure = Failure {
        check: check.to_owned(),
        logged: false,
        status: String::new(),
        subject: String::new(),
        error: error.to_owned(),
    };
    Answer { failed: vec![failure], ..Answer::default() }
}

/// The checks that failed, each once.
fn checks(node: &Node, into: &mut Vec<Failure>) {
    if node.kind == Kind::Check
        && let Some(reason) = &node.reason
        && matches!(node.mark, Mark::Fail | Mark::Unknown | Mark::Logged)
        && let Some(check) = of_check(&node.name)
        && !into.iter().any(|failure| failure.check == check)
    {
        into.push(failure(check, reason, node.mark == Mark::Logged));
    }
    node.children.iter().for_each(|child| checks(child, into));
}

/// notation-go has one validation where we have two.
fn of_check(name: &str) -> Option<&'static str> {
    Some(match name {
        "integrity" => "integrity",
        "verification plugin" => "plugin",
        "authenticity" | "trusted identity" => "authenticity",
        "expiry" => "expiry",
        "authentic timestamp" | "revocation of the timestamp authority" => "authenticTimestamp",
        "revocation" => "revocation",
        "descriptor" => "descriptor",
        "user metadata" => "metadata",
        _ => return None,
    })
}

/// Where there is no check to be shown.
fn of_code(code: Code) -> &'static str {
    match code {
        Code::ImageUnmatched => "policy",
        Code::SignaturesNone => "none",
        Code::EnvelopeUnsupported | Code::EnvelopeMalformed => "integrity",
        _ => "retrieval",
    }
}

fn failure(check: &str, reason: &Reason, logged: bool) -> Failure {
    let status = match reason.code {
        Code::RevocationRevoked => "revoked",
        Code::RevocationUnknown => "unknown",
        _ => "",
    };
    let subject = match status {
        "" => "",
        _ => reason.message.split('`').nth(1).unwrap_or_default(),
    };
    Failure {
        check: check.to_owned(),
        logged,
        status: status.to_owned(),
        subject: subject.to_owned(),
        error: reason.message.clone(),
    }
}
