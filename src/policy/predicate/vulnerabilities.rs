//! `attestation.vulnerabilities`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    policy::{
        duration,
        reader::{Cursor, Object, Reader},
    },
    predicate::{
        Glob, Vulnerabilities,
        vulnerabilities::{Ignore, IgnoredPackage, SEVERITIES, Scanner, Severity, Version, key},
    },
    time::Time,
    verdict::Code,
};

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Vulnerabilities> {
    let known = [
        "allowUpTo",
        "countSuppressed",
        "databaseMaxAge",
        "deny",
        "fixedLeeway",
        "ignore",
        "onlyFixed",
        "scanners",
        // Read with the signers of the requirement.
        "vex",
    ];
    let object = r.object(at, &known, &[])?;
    let allow_up_to = object.need(r, "allowUpTo").and_then(|at| r.word(&at, SEVERITIES));
    let scanners = object.get("scanners").map(|at| scanners(r, &at)).unwrap_or_default();
    let database_max_age = object.get("databaseMaxAge").and_then(|at| duration::read(r, &at));
    let deny = object.get("deny").map(|at| deny(r, &at)).unwrap_or_default();
    let ignore = object.get("ignore").map(|at| ignore(r, &at, &deny)).unwrap_or_default();
    let fixed_leeway = object.get("fixedLeeway").map(|at| leeway(r, &at)).unwrap_or_default();
    Some(Vulnerabilities {
        scanners,
        database_max_age,
        deny,
        ignore,
        only_fixed: flag(r, &object, "onlyFixed"),
        fixed_leeway,
        count_suppressed: flag(r, &object, "countSuppressed"),
        allow_up_to: allow_up_to?,
    })
}

fn flag(r: &mut Reader, object: &Object<'_>, name: &str) -> bool {
    let Some(at) = object.get(name) else {
        return false;
    };
    if !at.value.is_boolean() {
        r.wrong_type(&at, "a boolean");
    }
    at.value == &Value::Bool(true)
}

/// A name or a URI, alone or with the oldest version.
fn scanners(r: &mut Reader, at: &Cursor<'_>) -> Vec<Scanner> {
    r.list(at).iter().filter_map(|at| scanner(r, at)).collect()
}

fn scanner(r: &mut Reader, at: &Cursor<'_>) -> Option<Scanner> {
    if at.value.is_string() {
        return pattern(r, at).map(|name| Scanner::new(name, None));
    }
    let object = r.object(at, &["minVersion", "name"], &[])?;
    let name = object.need(r, "name").and_then(|at| pattern(r, &at));
    let oldest = object.get("minVersion").and_then(|at| {
        let text = r.text(&at)?;
        let version = Version::parse(text);
        if version.is_none() {
            let message = format!("`{text}` is not a version such as `0.50` or `1.2.3`");
            r.error(Code::PolicyInvalidValue, &at.path, message);
        }
        version.map(|version| (text.to_owned(), version))
    });
    Some(Scanner::new(name?, oldest))
}

fn pattern(r: &mut Reader, at: &Cursor<'_>) -> Option<Glob> {
    let text = r.text(at)?;
    Glob::parse_any_case(text)
        .map_err(|e| r.error(Code::PolicyInvalidValue, &at.path, e.to_string()))
        .ok()
}

/// The name of a vulnerability, as databases write them.
fn id(r: &mut Reader, at: &Cursor<'_>) -> Option<String> {
    let text = r.text(at)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed) {
        return Some(key(text));
    }
    let message = format!("`{text}` is not the name of a vulnerability such as `CVE-2026-1234`");
    r.error(Code::PolicyInvalidValue, &at.path, message);
    None
}

fn deny(r: &mut Reader, at: &Cursor<'_>) -> BTreeSet<String> {
    r.list(at).iter().filter_map(|at| id(r, at)).collect()
}

fn ignore(
    r: &mut Reader,
    at: &Cursor<'_>,
    denied: &BTreeSet<String>,
) -> BTreeMap<String, Vec<Ignore>> {
    let mut ignore: BTreeMap<String, Vec<Ignore>> = BTreeMap::new();
    for at in r.list(at) {
        let Some((id, one)) = ignored(r, &at) else {
            continue;
        };
        if denied.contains(&id) {
            let message = format!("`{id}` stands in `deny`, and nothing waives that");
            r.error(Code::PolicyInvalidValue, &at.path, message);
        }
        ignore.entry(id).or_default().push(one);
    }
    ignore
}

fn ignored(r: &mut Reader, at: &Cursor<'_>) -> Option<(String, Ignore)> {
    let object = r.object(at, &["id", "package", "reason", "until"], &[])?;
    let id = object.need(r, "id").and_then(|at| id(r, &at));
    let until = object.need(r, "until").and_then(|at| until(r, &at));
    let reason = object.need(r, "reason").and_then(|at| r.text(&at).map(str::to_owned));
    let package = match object.get("package") {
        None => None,
        Some(at) => Some(package(r, &at)?),
    };
    Some((id?, Ignore { package, until: until?, reason: reason? }))
}

/// A bare date ends as it begins, at midnight UTC.
fn until(r: &mut Reader, at: &Cursor<'_>) -> Option<Time> {
    let text = r.text(at)?;
    let time = Time::parse_or_date(text);
    if time.is_none() {
        let message =
            format!("`{text}` is not a date such as `2027-01-31` or `2027-01-31T12:00:00Z`");
        r.error(Code::PolicyInvalidValue, &at.path, message);
    }
    time
}

fn package(r: &mut Reader, at: &Cursor<'_>) -> Option<IgnoredPackage> {
    let text = r.text(at)?;
    let package = IgnoredPackage::parse(text);
    if package.is_none() {
        let message = format!("`{text}` is not a package URL such as `pkg:deb/debian/curl`");
        r.error(Code::PolicyInvalidValue, &at.path, message);
    }
    package
}

/// One duration for every severity, or one for each.
fn leeway(r: &mut Reader, at: &Cursor<'_>) -> BTreeMap<Severity, i64> {
    if at.value.is_string() {
        let leeway = duration::read(r, at);
        let all = SEVERITIES.iter().map(|(_, severity)| *severity);
        return all.zip(core::iter::repeat(leeway)).filter_map(|(s, l)| Some((s, l?))).collect();
    }
    let words: Vec<_> = SEVERITIES.iter().map(|(word, _)| *word).collect();
    let Some(object) = r.object(at, &words, &[]) else {
        return BTreeMap::new();
    };
    let mut leeway = BTreeMap::new();
    for (word, severity) in SEVERITIES {
        if let Some(seconds) = object.get(word).and_then(|at| duration::read(r, &at)) {
            leeway.insert(*severity, seconds);
        }
    }
    leeway
}
