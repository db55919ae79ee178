//! `attestation.vsa`.

use serde_json::Value;

use super::texts;
use crate::{
    policy::reader::{Cursor, Object, Reader},
    predicate::{Glob, Vsa, provenance::MOST_LEVEL, vsa::Level},
    verdict::Code,
};

const FIELDS: &[&str] = &["dependencyLevel", "level", "levels", "policy", "resource", "verifier"];

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Vsa> {
    let object = r.object(at, FIELDS, &[])?;
    let verifier = object.need(r, "verifier");
    let (policies, policy_digest) = policy(r, &object);
    let most = u32::from(MOST_LEVEL);
    let dependency = object.get("dependencyLevel");
    let vsa = Vsa {
        verifiers: texts::globs(r, &object, "verifier"),
        resources: texts::globs(r, &object, "resource"),
        policies,
        policy_digest,
        levels: levels(r, &object),
        dependency_level: dependency.and_then(|at| texts::number(r, &at, 1, most)),
    };
    verifier.map(|_| vsa)
}

fn levels(r: &mut Reader, object: &Object<'_>) -> Vec<Level> {
    let mut levels = Vec::new();
    if let Some(at) = object.get("level") {
        let number = texts::number(r, &at, 1, u32::from(MOST_LEVEL));
        levels.extend(number.map(|number| Level::Track { track: "BUILD".to_owned(), number }));
    }
    if let Some(at) = object.get("levels") {
        for (text, at) in texts::some(r, &at) {
            let level = Level::parse(text);
            if text.starts_with("SLSA_") && matches!(level, Level::Word(_)) {
                let message = format!("`{text}` is not `SLSA_<track>_LEVEL_<number>`");
                r.error(Code::PolicyInvalidValue, &at.path, message);
            }
            levels.push(level);
        }
    }
    levels
}

type Digest = (String, String);

/// The policy's URI, or an object with it and its digest.
fn policy(r: &mut Reader, object: &Object<'_>) -> (Vec<Glob>, Option<Digest>) {
    let Some(at) = object.get("policy") else {
        return (Vec::new(), None);
    };
    if !matches!(at.value, Value::Object(_)) {
        return (texts::globs(r, object, "policy"), None);
    }
    let Some(policy) = r.object(&at, &["digest", "uri"], &[]) else {
        return (Vec::new(), None);
    };
    if policy.get("digest").is_none() && policy.get("uri").is_none() {
        r.error(Code::PolicyMissingField, &at.path, "`uri` or `digest` is missing");
    }
    let digest = policy.get("digest").and_then(|at| digest(r, &at));
    (texts::globs(r, &policy, "uri"), digest)
}

fn digest(r: &mut Reader, at: &Cursor<'_>) -> Option<Digest> {
    let text = r.text(at)?;
    let hexadecimal = |hex: &str| {
        hex.len() >= 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts = text.split_once(':').filter(|(name, hex)| !name.is_empty() && hexadecimal(hex));
    if parts.is_none() {
        let message = "a digest is `sha256:` and its lower-case hexadecimal digits";
        r.error(Code::PolicyInvalidValue, &at.path, message);
    }
    parts.map(|(name, hex)| (name.to_owned(), hex.to_owned()))
}
