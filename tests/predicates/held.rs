//! The typed checks of a policy, over documents.

use countersign::{
    policy::{Action, Policy, Requirement},
    predicate::{Check, Context, Document},
    time::Time,
    verdict::Reason,
    wire::PolicyError,
};
use jsonschema::Validator;
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-11-21T03:00:00Z";
pub(crate) const REPOSITORY: &str = "ghcr.io/acme/app";
pub(crate) const DIGEST: &str =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const OTHER_DIGEST: &str =
    "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Code, path and suggestion of an error of the policy.
pub(crate) type Fault = (String, String, Option<String>);

/// One check of a requirement for a type of attestations, or the errors of the policy.
pub(crate) fn read(kind: &str, check: &str, fields: &Value) -> Result<Check, Vec<PolicyError>> {
    let key = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
    let policy = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "authorities": { "key": { "cosign": { "keys": [key] } } },
            "rules": [{ "images": ["**"], "require": { "attestation": {
                "type": kind, "signedBy": "key", "maxAge": "7d", check: fields,
            } } }],
        },
    });
    let policy = Policy::parse(&policy)?;
    let Action::Require(Requirement::Attestation(attestation)) = &policy.rules[0].action else {
        panic!("not an attestation");
    };
    Ok(attestation.checks[0].clone())
}

/// The same for any type, with the errors as tables write them.
pub(crate) fn parse(check: &str, fields: &Value) -> Result<Check, Vec<Fault>> {
    let at = format!("/spec/rules/0/require/attestation/{check}");
    let fault = |e: PolicyError| {
        let path = e.path.strip_prefix(&at).map(str::to_owned).unwrap_or(e.path);
        (e.code, path, e.suggestion)
    };
    read("*", check, fields).map_err(|errors| errors.into_iter().map(fault).collect())
}

/// One check.
pub(crate) struct Held(Check);

pub(crate) fn held(check: &str, fields: Value) -> Held {
    Held(parse(check, &fields).unwrap_or_else(|errors| panic!("{fields}: {errors:?}")))
}

impl Held {
    pub(crate) fn run(
        &self,
        predicate_type: &str,
        predicate: &Value,
    ) -> Result<String, Vec<Reason>> {
        let context = Context {
            now: Time::parse(NOW).unwrap().into(),
            repository: REPOSITORY,
            digest: DIGEST,
            vex: &[],
        };
        self.0.check(&Document { predicate_type, predicate, made: None }, &context)
    }

    /// The codes of the reasons; none where it holds.
    pub(crate) fn codes(&self, predicate_type: &str, predicate: &Value) -> Vec<&'static str> {
        let reasons = self.run(predicate_type, predicate).err().unwrap_or_default();
        for reason in &reasons {
            assert!(reason.expected.is_some(), "{reason:?}");
        }
        reasons.iter().map(|reason| reason.code.as_str()).collect()
    }

    /// `expected` and `found` of the only reason.
    pub(crate) fn reason(&self, predicate_type: &str, predicate: &Value) -> (String, String) {
        let reasons = self.run(predicate_type, predicate).unwrap_err();
        let [reason] = reasons.as_slice() else {
            panic!("{reasons:?}");
        };
        (reason.expected.clone().unwrap_or_default(), reason.found.clone().unwrap_or_default())
    }
}

/// The value at a pointer replaced or added; a null removes it.
pub(crate) fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut document = document.clone();
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return value;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(members) if value.is_null() => {
            members.remove(&name).unwrap_or_else(|| panic!("no {pointer}"));
        }
        Value::Object(members) => {
            members.insert(name, value);
        }
        Value::Array(items) if value.is_null() => {
            items.remove(name.parse().unwrap());
        }
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => panic!("no {pointer}"),
    }
    document
}

/// The pointers to every value that is no list and no object.
pub(crate) fn leaves(document: &Value) -> Vec<String> {
    match document {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(value).into_iter().map(move |rest| format!("/{name}{rest}"))
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(i, value)| leaves(value).into_iter().map(move |r| format!("/{i}{r}")))
            .collect(),
        _ => vec![String::new()],
    }
}

/// The pointers to leaves whose change makes a check fail that held.
pub(crate) fn matters(held: &Held, predicate_type: &str, predicate: &Value) -> Vec<String> {
    assert_eq!(held.codes(predicate_type, predicate), [""; 0]);
    let mut found = leaves(predicate);
    found.retain(|pointer| {
        let others = [json!("other"), json!(7), json!({ "other": "other" }), Value::Null];
        let fails = |other: &Value| {
            // A null in the place of a value, not a value that is gone.
            let mut document = predicate.clone();
            *document.pointer_mut(pointer).unwrap() = other.clone();
            !held.codes(predicate_type, &document).is_empty()
        };
        fails(&others[0]) || others.iter().all(fails)
    });
    found
}

fn schema(check: &str) -> Validator {
    let mut schema: Value =
        serde_json::from_str(include_str!("../../schema/policy.v1.schema.json")).unwrap();
    let root = schema.as_object_mut().unwrap();
    for name in ["type", "properties", "required", "additionalProperties"] {
        root.remove(name);
    }
    root.insert("$ref".into(), json!(format!("#/$defs/{check}")));
    jsonschema::validator_for(&schema).unwrap()
}

/// Parser and schema accept all of these.
pub(crate) fn are_accepted(check: &str, policies: &[Value]) {
    let schema = schema(check);
    for fields in policies {
        let parsed = parse(check, fields);
        assert!(parsed.is_ok(), "{fields}: {:?}", parsed.err());
        let errors: Vec<_> = schema.iter_errors(fields).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{fields}: {errors:?}");
    }
}

/// Parser and schema refuse all of these, the parser with this code at this place.
pub(crate) fn are_refused(check: &str, policies: &[(Value, &str, &str)]) {
    let schema = schema(check);
    for (fields, code, path) in policies {
        let faults = parse(check, fields).err().unwrap_or_default();
        let found: Vec<_> = faults.iter().map(|(c, p, _)| (c.as_str(), p.as_str())).collect();
        assert_eq!(found, [(*code, *path)], "{fields}");
        assert!(!schema.is_valid(fields), "{fields}: the schema accepts it");
    }
}

pub(crate) const MISSING: &str = "policy.missingField";
pub(crate) const UNKNOWN: &str = "policy.unknownField";
pub(crate) const VALUE: &str = "policy.invalidValue";
