//! [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), as scanners of
//! images write it. It has no fixed versions, no dates and no database, and packages only in words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    names::{MOST_SHARED, Names},
    report::{Each, Finding, Fix, Package, Scan, Tool, written},
    severity::Severity,
    shape::{
        Members, Read, list, list_if_there, needed, object, object_if_there, text, time,
        unsupported, wrong,
    },
};
use crate::verdict::{Code, Reason};

/// Tags of findings of the same scanners that are no vulnerabilities.
const OTHER_FINDINGS: &[&str] = &["license", "misconfiguration", "secret"];

/// Severities as Trivy tags them. In other cases a tag may be anything, a package's name too.
const TAGS: &[&str] = &["CRITICAL", "HIGH", "LOW", "MEDIUM"];

/// What a rule says of its results.
#[derive(Clone, Debug, Default)]
struct Rule<'a> {
    id: &'a str,
    others: Vec<&'a str>,
    rating: Option<Severity>,
    is_other: bool,
    is_vulnerability: bool,
}

/// The rules of a run: those of the driver in their order, and all by name.
struct Rules<'a> {
    in_order: Vec<Rule<'a>>,
    by_name: BTreeMap<&'a str, Rule<'a>>,
}

pub(super) fn read<'a>(
    report: &'a Members,
    scan: &mut Scan<'a>,
    each: &mut Each<'a, '_>,
) -> Read<()> {
    if text(report, "version")? != Some("2.1.0") {
        return Err(unsupported("the SARIF report is of another version")
            .expected("`version` 2.1.0")
            .found(written(report.get("version"))));
    }
    let runs = list(report.get("runs"), "`runs` of the SARIF report")?;
    if runs.is_empty() {
        return Err(wrong("`runs` of the SARIF report", "a list with a run", report.get("runs"))
            .found("an empty list"));
    }
    runs.iter().try_for_each(|run| read_run(object(Some(run), "a run")?, scan, each))
}

fn read_run<'a>(run: &'a Members, scan: &mut Scan<'a>, each: &mut Each<'a, '_>) -> Read<()> {
    let tool = object(run.get("tool"), "`tool` of a run")?;
    let driver = object(tool.get("driver"), "`tool.driver` of a run")?;
    let version = text(driver, "semanticVersion")?.or(text(driver, "version")?);
    scan.tools.push(Tool { name: needed(driver, "name")?, version });
    for invocation in list_if_there(run.get("invocations"), "`invocations` of a run")? {
        let invocation = object(Some(invocation), "an invocation")?;
        if invocation.get("executionSuccessful") == Some(&Value::Bool(false)) {
            return Err(Reason::new(Code::PredicateMalformed, "the scan did not succeed")
                .expected("`executionSuccessful`")
                .found("false"));
        }
        scan.scanned_at(time(invocation, "endTimeUtc")?);
    }
    let rules = Rules::read(tool, driver)?;
    // spec: SARIF §3.14.23: a run without this list is no scan; an empty list found nothing.
    for result in list(run.get("results"), "`results` of a run")? {
        let result = object(Some(result), "a result")?;
        if let Some(finding) = finding(result, &rules)? {
            each(finding);
        }
    }
    Ok(())
}

impl<'a> Rules<'a> {
    fn read(tool: &'a Members, driver: &'a Members) -> Read<Self> {
        let mut rules = Self { in_order: Vec::new(), by_name: BTreeMap::new() };
        for rule in list_if_there(driver.get("rules"), "`rules` of a run")? {
            let rule = Rule::read(object(Some(rule), "a rule")?)?;
            rules.add(&rule);
            rules.in_order.push(rule);
        }
        for extension in list_if_there(tool.get("extensions"), "`tool.extensions`")? {
            let extension = object(Some(extension), "an extension")?;
            for rule in list_if_there(extension.get("rules"), "`rules` of an extension")? {
                rules.add(&Rule::read(object(Some(rule), "a rule")?)?);
            }
        }
        Ok(rules)
    }

    /// Several rules of one name are as bad as the worst of them.
    fn add(&mut self, rule: &Rule<'a>) {
        let known = self.by_name.entry(rule.id).or_insert_with(|| rule.clone());
        known.rating = known.rating.max(rule.rating);
        known.is_other &= rule.is_other;
        known.is_vulnerability |= rule.is_vulnerability;
    }

    fn of(&self, result: &'a Members) -> Read<Option<(&'a str, Option<&Rule<'a>>)>> {
        let reference = object_if_there(result, "rule")?;
        let named = match text(result, "ruleId")? {
            Some(name) => Some(name),
            None => reference.map(|rule| text(rule, "id")).transpose()?.flatten(),
        };
        let index = result.get("ruleIndex").or_else(|| reference?.get("index"));
        let indexed = index
            .and_then(Value::as_u64)
            .and_then(|index| self.in_order.get(usize::try_from(index).ok()?));
        Ok(match named {
            Some(name) => Some((name, self.by_name.get(name).or(indexed))),
            None => indexed.map(|rule| (rule.id, Some(rule))),
        })
    }
}

impl<'a> Rule<'a> {
    fn read(rule: &'a Members) -> Read<Self> {
        let mut read = Self { id: needed(rule, "id")?, ..Self::default() };
        let others = list_if_there(rule.get("deprecatedIds"), "`deprecatedIds` of a rule")?;
        if others.len() > MOST_SHARED {
            return Err(unsupported(format!("a rule has more than {MOST_SHARED} names")));
        }
        read.others.extend(others.iter().filter_map(Value::as_str));
        if let Some(properties) = object_if_there(rule, "properties")? {
            read.rating = rating(properties)?;
            for tag in tags(properties)? {
                read.is_other |= OTHER_FINDINGS.contains(&tag);
                read.is_vulnerability |= tag == "vulnerability";
            }
        }
        Ok(read)
    }
}

fn finding<'a>(result: &'a Members, rules: &Rules<'a>) -> Read<Option<Finding<'a>>> {
    // spec: SARIF §3.27.9: these kinds say that there is nothing.
    if matches!(text(result, "kind")?, Some("notApplicable" | "pass")) {
        return Ok(None);
    }
    let Some((name, rule)) = rules.of(result)? else {
        return Err(wrong("`ruleId` of a result", "the name of a rule", result.get("ruleId")));
    };
    if rule.is_some_and(|rule| rule.is_other && !rule.is_vulnerability) {
        return Ok(None);
    }
    let own = object_if_there(result, "properties")?.map_or(Ok(None), rating)?;
    let (id, package) = name_and_package(name);
    Ok(Some(Finding {
        names: Names { id, others: rule.map(|rule| rule.others.clone()).unwrap_or_default() },
        severity: Severity::worst([own, rule.and_then(|rule| rule.rating)]),
        package: Package { name: package, ..Package::default() },
        fix: Fix::Unsaid,
        since: None,
        suppressed: is_suppressed(result)?,
    }))
}

/// A score of zero is how Trivy and Grype write that they do not know.
fn rating(properties: &Members) -> Read<Option<Severity>> {
    let score: Option<f64> = match properties.get("security-severity") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Number(number)) => number.as_f64(),
        _ => None,
    };
    let score = score.filter(|score| *score > 0.0).and_then(Severity::of_score);
    let tags = tags(properties)?.filter(|tag| TAGS.contains(tag)).map(Severity::of_word);
    Ok(tags.flatten().chain(score).max())
}

fn tags(properties: &Members) -> Read<impl Iterator<Item = &str>> {
    Ok(list_if_there(properties.get("tags"), "`tags`")?.iter().filter_map(Value::as_str))
}

/// spec: SARIF §3.27.23: suppressed unless one of them is under review or was rejected.
fn is_suppressed(result: &Members) -> Read<bool> {
    let suppressions = list_if_there(result.get("suppressions"), "`suppressions` of a result")?;
    let accepted = |one: &Value| {
        let status = one.get("status");
        one.is_object() && (status.is_none() || status.and_then(Value::as_str) == Some("accepted"))
    };
    Ok(!suppressions.is_empty() && suppressions.iter().all(accepted))
}

/// Grype's names of rules end in the package's, old ones of Trivy begin with the severity.
fn name_and_package(rule: &str) -> (&str, Option<&str>) {
    let name = rule.split_whitespace().next_back().unwrap_or(rule);
    let Some(length) = length_of_id(name) else {
        return (name, None);
    };
    match name.split_at_checked(length) {
        Some((id, "")) => (id, None),
        Some((id, rest)) => match rest.strip_prefix('-') {
            Some(package) => (id, Some(package)),
            None => (name, None),
        },
        None => (name, None),
    }
}

/// The length of `CVE-2026-1234` or `GHSA-xxxx-xxxx-xxxx` at the start of a name.
fn length_of_id(name: &str) -> Option<usize> {
    let mut parts = name.split('-');
    let prefix = parts.next()?;
    let count = match prefix {
        "CVE" => 2,
        "GHSA" => 3,
        _ => return None,
    };
    let mut length = prefix.len();
    for _ in 0..count {
        let part = parts.next()?;
        let digits = prefix != "CVE" || part.bytes().all(|b| b.is_ascii_digit());
        if part.is_empty() || !digits {
            return None;
        }
        length += 1 + part.len();
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rules_are_taken_apart() {
        for (rule, id, package) in [
            ("CVE-2026-1234", "CVE-2026-1234", None),
            ("CVE-2026-1234-busybox", "CVE-2026-1234", Some("busybox")),
            ("CVE-2026-1234-lib-a", "CVE-2026-1234", Some("lib-a")),
            (
                "GHSA-69cg-p879-7622-golang.org/x/net",
                "GHSA-69cg-p879-7622",
                Some("golang.org/x/net"),
            ),
            ("GHSA-69cg-p879-7622", "GHSA-69cg-p879-7622", None),
            ("[HIGH] CVE-2026-1234", "CVE-2026-1234", None),
            ("CVE-2026-x", "CVE-2026-x", None),
            ("CVE-2026", "CVE-2026", None),
            ("SNYK-DEBIAN-1", "SNYK-DEBIAN-1", None),
            ("é", "é", None),
        ] {
            assert_eq!(name_and_package(rule), (id, package), "{rule}");
        }
    }
}
