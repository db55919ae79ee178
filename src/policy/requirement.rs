//! `require`, `signedBy`: trees of authorities and attestations.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Attestation, AttestationKind, Authority, Glob, Requirement, Rule, Select, Subjects, Vex,
    condition, duration, predicate,
    reader::{Cursor, Object, Reader, nearest},
    subject,
};
use crate::{attestation::statement, verdict::Code, verify::notation};

/// Trees that people write are two or three levels deep.
const MOST_DEPTH: usize = 16;

/// `names` are the authorities', in order.
pub(super) fn read(
    r: &mut Reader,
    at: &Cursor<'_>,
    names: &[&str],
    depth: usize,
) -> Option<Requirement> {
    if depth > MOST_DEPTH {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("more than {MOST_DEPTH} levels of requirements"),
        );
        return None;
    }
    match at.value {
        Value::String(name) => {
            if names.binary_search(&name.as_str()).is_ok() {
                return Some(Requirement::Authority(name.clone()));
            }
            r.suggest(
                Code::PolicyUnknownName,
                &at.path,
                format!("`spec.authorities` has no `{name}`"),
                nearest(name, names.iter().copied()),
            );
            None
        }
        Value::Array(_) => Some(Requirement::All(children(r, at, names, depth)?)),
        Value::Object(_) => object(r, at, names, depth),
        _ => {
            r.wrong_type(at, "an authority's name, a list or an object");
            None
        }
    }
}

fn object(r: &mut Reader, at: &Cursor<'_>, names: &[&str], depth: usize) -> Option<Requirement> {
    if ["cosign", "github", "notation"].iter().any(|family| at.value.get(family).is_some()) {
        // It is read when all trust material is known; where it stands is its name.
        r.inline.push(at.path.clone());
        return Some(Requirement::Authority(at.path.clone()));
    }
    let object = r.object(at, &["all", "any", "atLeast", "attestation", "of", "subject"], &[])?;
    let subject = object.get("subject").map(|at| subject::read(r, &at));
    let (field, at) = r.one_of(&object, &["all", "any", "atLeast", "attestation"])?;
    let of = object.get("of");
    if let (Some(of), true) = (&of, field != "atLeast") {
        r.error(Code::PolicyInvalidValue, &of.path, "`of` goes with `atLeast`");
        return None;
    }
    let of = match field {
        "all" => Some(Requirement::All(children(r, &at, names, depth)?)),
        "any" => Some(Requirement::Any(children(r, &at, names, depth)?)),
        "atLeast" => {
            let Some(of) = of else {
                r.error(Code::PolicyMissingField, &object.path, "`atLeast` needs `of`");
                return None;
            };
            let of = children(r, &of, names, depth)?;
            match at.value.as_u64().and_then(|n| usize::try_from(n).ok()) {
                Some(count) if (1..=of.len()).contains(&count) => {
                    Some(Requirement::AtLeast { count, of })
                }
                _ => {
                    r.error(
                        Code::PolicyInvalidValue,
                        &at.path,
                        format!("`atLeast` is a number from 1 to {} here", of.len()),
                    );
                    None
                }
            }
        }
        _ => attestation(r, &at, names, depth),
    };
    match subject {
        Some(subject) => on(r, &object.path, subject?, of?),
        None => of,
    }
}

/// A platform has no platforms.
fn on(r: &mut Reader, path: &str, subject: Subjects, of: Requirement) -> Option<Requirement> {
    if has_subject(&of) {
        r.error(Code::PolicyInvalidValue, path, "a `subject` in what has one already");
        return None;
    }
    Some(Requirement::On { subject, of: Box::new(of) })
}

fn children(
    r: &mut Reader,
    at: &Cursor<'_>,
    names: &[&str],
    depth: usize,
) -> Option<Vec<Requirement>> {
    let items = r.list(at);
    let count = items.len();
    let children: Vec<_> =
        items.iter().filter_map(|item| read(r, item, names, depth + 1)).collect();
    (count > 0 && children.len() == count).then_some(children)
}

fn attestation(
    r: &mut Reader,
    at: &Cursor<'_>,
    names: &[&str],
    depth: usize,
) -> Option<Requirement> {
    let mut known = vec![
        "artifactType",
        "conditions",
        "maxAge",
        "name",
        "select",
        "signedBy",
        "subject",
        "type",
    ];
    known.extend(predicate::FIELDS);
    let object = r.object(at, &known, &[])?;
    let subject = object.get("subject").map(|at| subject::read(r, &at));
    let name = object.get("name").and_then(|at| r.text(&at).map(str::to_owned));
    let signed_by = object.need(r, "signedBy").and_then(|at| signed_by(r, &at, names, depth));
    let checks = predicate::read(r, &object);
    let vex = vex(r, &object, names, depth);
    let conditions = object
        .get("conditions")
        .map(|at| condition::read_list(r, &at, condition::Place::Attestation))
        .unwrap_or_default();
    let max_age = object.get("maxAge").and_then(|at| duration::read(r, &at));
    let select = select(r, &object);
    let (field, at) = r.one_of(&object, &["type", "artifactType"])?;
    let text = r.text(&at)?;
    let kind = if field == "artifactType" {
        AttestationKind::Artifact(text.to_owned())
    } else {
        let predicate_type = statement::predicate_type(text);
        if predicate_type == statement::COSIGN_SIGN {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                "this is the type of image signatures: require the authority itself",
            );
            return None;
        }
        if !predicate_type.contains(':') && predicate_type != statement::ANY_TYPE {
            r.suggest(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`{text}` is neither a known alias nor a URI"),
                nearest(text, ALIASES.iter().copied()),
            );
            return None;
        }
        AttestationKind::Predicate {
            alias: text.to_owned(),
            predicate_type: predicate_type.to_owned(),
        }
    };
    let signed_by = Box::new(signed_by?);
    let attestation = Requirement::Attestation(Attestation {
        name,
        kind,
        signed_by,
        select,
        max_age,
        checks,
        vex,
        conditions,
    });
    match subject {
        Some(subject) => on(r, &object.path, subject?, attestation),
        None => Some(attestation),
    }
}

fn signed_by(r: &mut Reader, at: &Cursor<'_>, names: &[&str], depth: usize) -> Option<Requirement> {
    let tree = read(r, at, names, depth + 1)?;
    if has_attestation(&tree) {
        r.error(Code::PolicyInvalidValue, &at.path, "`signedBy` cannot hold an attestation");
        return None;
    }
    if has_subject(&tree) {
        r.error(Code::PolicyInvalidValue, &at.path, "`signedBy` cannot hold a `subject`");
        return None;
    }
    Some(tree)
}

/// An older scan or SBOM proves nothing of today: for checks that look for what must not be there
/// the youngest counts, unless the policy says otherwise.
fn select(r: &mut Reader, object: &Object<'_>) -> Select {
    let denies = object.get("sbom").is_some_and(|at| at.value.get("deny").is_some());
    let default = if denies || object.get("vulnerabilities").is_some() {
        Select::Latest
    } else {
        Select::Any
    };
    let words = [("any", Select::Any), ("all", Select::All), ("latest", Select::Latest)];
    let at = object.get("select");
    let select = at.as_ref().and_then(|at| r.word(at, &words)).unwrap_or(default);
    if select != Select::Any && object.get("maxAge").is_none() {
        let path = at.map_or_else(|| object.path.clone(), |at| at.path);
        let why = match select {
            Select::All => "`select: all`",
            _ => "`select: latest` (the default for `vulnerabilities` and `sbom.deny`)",
        };
        r.error(
            Code::PolicyMissingField,
            &path,
            format!("{why} needs `maxAge`: what was withheld cannot be told from what never was"),
        );
    }
    select
}

/// `vulnerabilities.vex`: whose, and how old. What it says is looked at by the check itself.
fn vex(r: &mut Reader, object: &Object<'_>, names: &[&str], depth: usize) -> Option<Vex> {
    let at = object.get("vulnerabilities")?;
    let vex = Cursor { value: at.value.get("vex")?, path: format!("{}/vex", at.path) };
    let vex = r.object(&vex, &["maxAge", "signedBy"], &[])?;
    let signed_by = vex.need(r, "signedBy").and_then(|at| signed_by(r, &at, names, depth))?;
    let max_age = vex.need(r, "maxAge").and_then(|at| duration::read(r, &at));
    Some(Vex { signed_by: Box::new(signed_by), max_age })
}

/// As `statement::predicate_type` knows them.
const ALIASES: &[&str] = &[
    "custom",
    "cyclonedx",
    "link",
    "openvex",
    "slsaprovenance",
    "slsaprovenance02",
    "slsaprovenance1",
    "spdx",
    "spdxjson",
    "vsa",
    "vuln",
];

pub(super) fn has_subject(tree: &Requirement) -> bool {
    tree.contains(&|part| matches!(part, Requirement::On { .. }))
}

fn has_attestation(tree: &Requirement) -> bool {
    tree.contains(&|part| matches!(part, Requirement::Attestation(_)))
}

/// An authority whose authenticity is only logged proves nobody: it may stand alone, and nowhere
/// where a signer counts or where it would make a stronger alternative moot.
pub(super) fn check_weakened(
    r: &mut Reader,
    tree: &Requirement,
    authorities: &BTreeMap<String, Authority>,
) {
    let mut names = Vec::new();
    weakened_in(tree, authorities, false, &mut names);
    for name in names {
        r.error(
            Code::PolicyInvalidValue,
            &if name.starts_with('/') {
                name.to_owned()
            } else {
                format!("/spec/authorities/{name}")
            },
            format!(
                "`{name}` does not enforce authenticity: it cannot stand under `atLeast`, \
                 `signedBy` or an `any` of several"
            ),
        );
    }
}

/// Notation's deviation D6: in the profile `spec` level `skip` is never for everything.
///
/// spec: trust-store-trust-policy §Signature Verification details "Note that `skip` cannot be used with
/// a global scope (`*`)."
pub(super) fn check_skipped(
    r: &mut Reader,
    position: usize,
    rule: &Rule,
    tree: &Requirement,
    authorities: &BTreeMap<String, Authority>,
) {
    let global = |glob: &Glob| !glob.negated && glob.text.bytes().all(|b| matches!(b, b'*' | b'/'));
    if rule.images.iter().any(global) && skips(tree, authorities) {
        r.error(
            Code::PolicyInvalidValue,
            &format!("/spec/rules/{position}/images"),
            "level `skip` of Notation cannot be used for every image",
        );
    }
}

fn skips(tree: &Requirement, authorities: &BTreeMap<String, Authority>) -> bool {
    tree.contains(&|part| match part {
        Requirement::Authority(name) => {
            matches!(authorities.get(name), Some(Authority::NotationSkip(notation::Profile::Spec)))
        }
        _ => false,
    })
}

fn weakened_in<'a>(
    tree: &'a Requirement,
    authorities: &BTreeMap<String, Authority>,
    counts: bool,
    found: &mut Vec<&'a str>,
) {
    match tree {
        Requirement::Authority(name) => {
            let logged = authorities.get(name).is_some_and(|a| match a {
                Authority::Notation(n) => n.actions.authenticity == notation::Action::Log,
                Authority::NotationSkip(_) => true,
                Authority::Cosign(_) => false,
            });
            if counts && logged && !found.contains(&name.as_str()) {
                found.push(name);
            }
        }
        Requirement::All(of) => {
            of.iter().for_each(|child| weakened_in(child, authorities, counts, found));
        }
        Requirement::Any(of) => {
            let counts = counts || of.len() > 1;
            of.iter().for_each(|child| weakened_in(child, authorities, counts, found));
        }
        Requirement::AtLeast { of, .. } => {
            of.iter().for_each(|child| weakened_in(child, authorities, true, found));
        }
        Requirement::Attestation(attestation) => {
            weakened_in(&attestation.signed_by, authorities, true, found);
        }
        Requirement::On { of, .. } => weakened_in(of, authorities, counts, found),
    }
}
