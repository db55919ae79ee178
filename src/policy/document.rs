//! The document as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Action, Exception, Glob, GlobError, Match, Mode, Pin, Policy, Requirement, Rule, Subjects,
    TrustPolicy, Undetermined, Unmatched,
    authority::{self, Trust},
    block, condition, evidence, exception, matching, notation,
    reader::{Cursor, Object, Reader},
    requirement, subject,
};
use crate::{
    admission::{self, Kinds, Resource},
    verdict::Code,
    wire::PolicyError,
};

/// Rules in one document; beyond it every image costs too much.
const MOST_RULES: usize = 10_000;

pub(super) fn parse(document: &Value) -> Result<Policy, Vec<PolicyError>> {
    let mut reader = Reader::default();
    let policy = read(&mut reader, document);
    match policy {
        Some(policy) if reader.errors.is_empty() => Ok(policy),
        _ => {
            if reader.errors.is_empty() {
                reader.error(Code::PolicyMalformed, "", "not a policy document");
            }
            Err(reader.errors)
        }
    }
}

fn read(r: &mut Reader, document: &Value) -> Option<Policy> {
    let root = Cursor { value: document, path: String::new() };
    let root = r.object(&root, &["apiVersion", "kind", "metadata", "spec"], &[])?;
    if let Some(at) = root.need(r, "apiVersion") {
        r.word(&at, &[("countersign.dev/v1", ())]);
    }
    if let Some(at) = root.need(r, "kind") {
        r.word(&at, &[("ImagePolicy", ())]);
    }
    let name = root.get("metadata").and_then(|at| metadata(r, &at));
    let spec = root.need(r, "spec")?;
    let spec = r.object(
        &spec,
        &[
            "authorities",
            "block",
            "digests",
            "evidence",
            "exceptions",
            "ignoreKinds",
            "mode",
            "notationTrustPolicy",
            "resources",
            "rules",
            "trust",
            "trustHost",
            "undetermined",
            "unmatched",
            "updates",
        ],
        &[],
    )?;
    let mut kinds = Kinds::default();
    if let Some(at) = spec.get("ignoreKinds")
        && at.value.as_array().is_none_or(|list| !list.is_empty())
    {
        let ignored = matching::kinds(r, &at);
        kinds.ignored = ignored.into_iter().map(matching::Kind::into_pair).collect();
    }
    if let Some(at) = spec.get("resources") {
        let items = r.list(&at);
        kinds.resources = items.iter().filter_map(|item| resource(r, item)).collect();
    }
    let block = spec.get("block").and_then(|at| block::read(r, &at)).unwrap_or_default();

    let mut warnings = Vec::new();
    let mut trust = BTreeMap::new();
    if let Some(at) = spec.get("trust") {
        for (name, at) in r.map(&at) {
            if let Some(material) = authority::trust(r, &at, name, &mut warnings) {
                trust.insert(name.to_owned(), material);
            }
        }
    }
    let trust: BTreeMap<String, Trust> = trust;

    let mut authorities = BTreeMap::new();
    let mut names = Vec::new();
    if let Some(at) = spec.get("authorities") {
        for (name, at) in r.map(&at) {
            names.push(name);
            if name.starts_with('/') {
                r.error(Code::PolicyInvalidValue, &at.path, "a name does not begin with `/`");
            }
            if let Some(authority) = authority::authority(r, &at, &trust, name, &mut warnings) {
                authorities.insert(name.to_owned(), authority);
            }
        }
    }
    // Each requirement looks its authority up.
    names.sort_unstable();

    let mut rules = Vec::new();
    let trust_policy = spec.get("notationTrustPolicy");
    let at = match &trust_policy {
        // Its statements are rules.
        Some(_) => spec.get("rules"),
        None => spec.need(r, "rules"),
    };
    if let Some(at) = at {
        let items = r.list(&at);
        if items.len() > MOST_RULES {
            r.error(Code::PolicyInvalidValue, &at.path, format!("more than {MOST_RULES} rules"));
            return None;
        }
        for item in items {
            if let Some(rule) = rule(r, &item, &names) {
                rules.push(rule);
            }
        }
    }
    for path in std::mem::take(&mut r.inline) {
        if let Some(value) = document.pointer(&path) {
            let at = Cursor { value, path: path.clone() };
            let authority = authority::authority(r, &at, &trust, &path, &mut warnings);
            authorities.extend(authority.map(|authority| (path, authority)));
        }
    }
    for (i, rule) in rules.iter().enumerate() {
        if let Some(requirement) = rule.tree() {
            requirement::check_weakened(r, requirement, &authorities);
            requirement::check_skipped(r, i, rule, requirement, &authorities);
            condition::check(r, i, rule, requirement);
        }
    }
    let mut notation = TrustPolicy::default();
    if let Some((policy, implied)) =
        trust_policy.and_then(|at| notation::trust_policy(r, &at, rules.len(), &mut warnings))
    {
        notation = policy;
        for implied in implied {
            let name = format!("notationTrustPolicy {}", implied.name);
            rules.push(Rule {
                name: name.clone(),
                images: Vec::new(),
                matching: None,
                subject: Subjects::Resolved,
                blobs: Vec::new(),
                action: Action::Require(Requirement::Authority(name.clone())),
                conditions: Vec::new(),
                mode: None,
                undetermined: None,
            });
            if authorities.insert(name.clone(), implied.authority).is_some() {
                r.error(
                    Code::PolicyInvalidValue,
                    &format!("/spec/authorities/{name}"),
                    "a statement of `notationTrustPolicy` has this name",
                );
            }
        }
    }

    let unmatched = spec.get("unmatched").and_then(|at| {
        r.word(
            &at,
            &[("deny", Unmatched::Deny), ("allow", Unmatched::Allow), ("warn", Unmatched::Warn)],
        )
    });
    let mode = spec.get("mode").and_then(|at| r.word(&at, MODES));
    let undetermined = spec.get("undetermined").and_then(|at| r.word(&at, UNDETERMINED));
    let exceptions = exceptions(r, &spec, &rules);
    let evidence = spec.get("evidence").and_then(|at| evidence::read(r, &at));
    let trust_host = spec.get("trustHost").map(|at| evidence::trust_host(r, &at));
    let all_updates = spec
        .get("updates")
        .and_then(|at| r.word(&at, &[("changed", false), ("all", true)]))
        .unwrap_or(false);
    reads(&mut kinds, &rules, all_updates || !block.is_empty());
    let (pin, require_digests) = spec.get("digests").map_or((None, None), |at| digests(r, &at));
    Some(Policy {
        name,
        authorities,
        rules,
        notation,
        block,
        exceptions,
        kinds,
        evidence: evidence.unwrap_or_default(),
        trust_host: trust_host.unwrap_or_default(),
        undetermined: undetermined.unwrap_or(Undetermined::Deny),
        unmatched: unmatched.unwrap_or(Unmatched::Deny),
        mode: mode.unwrap_or(Mode::Enforce),
        pin: pin.unwrap_or(Pin::Pods),
        require_digests: require_digests.unwrap_or(true),
        warnings,
    })
}

const MODES: &[(&str, Mode)] =
    &[("enforce", Mode::Enforce), ("warn", Mode::Warn), ("audit", Mode::Audit)];

const UNDETERMINED: &[(&str, Undetermined)] =
    &[("deny", Undetermined::Deny), ("warn", Undetermined::Warn)];

fn exceptions(r: &mut Reader, spec: &Object<'_>, rules: &[Rule]) -> Vec<Exception> {
    let at = match spec.get("exceptions") {
        Some(at) if at.value.as_array().is_none_or(|list| !list.is_empty()) => at,
        _ => return Vec::new(),
    };
    let trees = rules.iter().filter_map(Rule::tree);
    let names: Vec<_> = trees.flat_map(Requirement::names).collect();
    let rules: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let items = r.list(&at);
    items.iter().filter_map(|item| exception::read(r, item, &names, &rules)).collect()
}

/// Where a kind that is not built in keeps its images.
fn resource(r: &mut Reader, at: &Cursor<'_>) -> Option<Resource> {
    let object = r.object(at, &["group", "images", "kind", "optional"], &[])?;
    let group = object.need(r, "group");
    let group = group.and_then(|at| match at.value.as_str() {
        // The core group has no name.
        Some(text) => Some(text.to_owned()),
        None => {
            r.wrong_type(&at, "a string");
            None
        }
    });
    let kind = object.need(r, "kind").and_then(|at| r.text(&at).map(str::to_owned));
    let mut images = Vec::new();
    for (text, item) in object.need(r, "images").map(|at| r.texts(&at)).unwrap_or_default() {
        if text.starts_with('/') && text.len() > 1 {
            images.push(text.to_owned());
        } else {
            r.error(
                Code::PolicyInvalidValue,
                &item.path,
                format!("`{text}` is not a JSON pointer such as `/spec/steps/*/image`"),
            );
        }
    }
    let optional = object.get("optional").and_then(|at| match at.value.as_bool() {
        Some(optional) => Some(optional),
        None => {
            r.wrong_type(&at, "a boolean");
            None
        }
    });
    if let (Some(group), Some(kind)) = (&group, &kind)
        && admission::is_built_in(group, kind)
    {
        let message = format!("the images of a `{kind}` are found without being told");
        r.error(Code::PolicyInvalidValue, &at.path, message);
    }
    Some(Resource { group: group?, kind: kind?, images, optional: optional.unwrap_or(false) })
}

/// What decides whether an update may be spared.
fn reads(kinds: &mut Kinds, rules: &[Rule], all: bool) {
    kinds.judge_updates = all || rules.iter().any(Rule::reads_request);
    kinds.reads_labels =
        rules.iter().any(|rule| rule.matching.as_ref().is_some_and(Match::reads_labels));
}

fn metadata(r: &mut Reader, at: &Cursor<'_>) -> Option<String> {
    let metadata = r.object(at, &["annotations", "labels", "name"], &[])?;
    for field in ["annotations", "labels"] {
        if let Some(at) = metadata.get(field) {
            for (_, value) in r.map(&at) {
                r.text(&value);
            }
        }
    }
    let name = metadata.get("name")?;
    r.text(&name).map(str::to_owned)
}

/// What is pinned, and whether a tag that is not is refused.
fn digests(r: &mut Reader, at: &Cursor<'_>) -> (Option<Pin>, Option<bool>) {
    const PINS: &[(&str, Pin)] =
        &[("pods", Pin::Pods), ("workloads", Pin::Workloads), ("none", Pin::None)];
    let Some(digests) = r.object(at, &["pin", "require"], &[]) else {
        return (None, None);
    };
    let require = digests.get("require");
    let require = require.and_then(|at| r.word(&at, &[("auto", true), ("never", false)]));
    (digests.get("pin").and_then(|at| r.word(&at, PINS)), require)
}

fn rule(r: &mut Reader, at: &Cursor<'_>, names: &[&str]) -> Option<Rule> {
    let rule = r.object(
        at,
        &[
            "blobs",
            "conditions",
            "images",
            "match",
            "mode",
            "name",
            "require",
            "static",
            "subject",
            "undetermined",
        ],
        &[],
    )?;
    let subject = rule.get("subject").and_then(|at| subject::read(r, &at)).unwrap_or_default();
    let blobs = rule.get("blobs");
    let images = match &blobs {
        Some(_) => rule.get("images"),
        None => rule.need(r, "images"),
    };
    let images = images.map(|at| globs(r, &at, Glob::parse)).unwrap_or_default();
    let blobs = blobs.map(|at| globs(r, &at, Glob::parse_name)).unwrap_or_default();
    let texts: Vec<_> = images.iter().chain(&blobs).map(|g| g.text.as_str()).collect();
    let name = match rule.get("name") {
        Some(at) => r.text(&at)?.to_owned(),
        None => texts.join(" "),
    };
    let (field, at) = r.one_of(&rule, &["require", "static"])?;
    let action = if field == "static" {
        match r.word(&at, &[("allow", true), ("deny", false)])? {
            true => Action::StaticAllow,
            false => Action::StaticDeny,
        }
    } else {
        Action::Require(requirement::read(r, &at, names, 0)?)
    };
    if let Action::Require(tree) = &action
        && subject != Subjects::Resolved
        && requirement::has_subject(tree)
    {
        r.error(Code::PolicyInvalidValue, &rule.path, "a `subject` in a rule that has one already");
    }
    let mode = rule.get("mode").and_then(|at| r.word(&at, MODES));
    let undetermined = rule.get("undetermined").and_then(|at| r.word(&at, UNDETERMINED));
    let conditions = rule
        .get("conditions")
        .map(|at| condition::read_list(r, &at, condition::Place::Rule))
        .unwrap_or_default();
    if field == "static" && !conditions.is_empty() {
        let path = format!("{}/conditions", rule.path);
        r.error(Code::PolicyInvalidValue, &path, "`conditions` go with `require`");
    }
    let matching = rule.get("match").and_then(|at| matching::read(r, &at));
    if !blobs.is_empty() && matching.as_ref().is_some_and(Match::has_references) {
        let path = format!("{}/match/references", rule.path);
        r.error(Code::PolicyInvalidValue, &path, "`references` are of images, not of `blobs`");
    }
    Some(Rule { name, images, matching, subject, blobs, action, conditions, mode, undetermined })
}

fn globs(
    r: &mut Reader,
    at: &Cursor<'_>,
    parse: impl Fn(&str) -> Result<Glob, GlobError>,
) -> Vec<Glob> {
    let mut globs = Vec::new();
    for (text, item) in r.texts(at) {
        match parse(text) {
            Ok(glob) => globs.push(glob),
            Err(error) => {
                let suggestion = match &error {
                    GlobError::NoRegistry(meant) => Some(meant.clone()),
                    _ => None,
                };
                r.suggest(
                    Code::PolicyInvalidValue,
                    &item.path,
                    format!("`{text}` is not a glob: {error}"),
                    suggestion,
                );
            }
        }
    }
    if !globs.is_empty() && globs.iter().all(|g| g.negated) {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            "only negative globs: add a positive one, such as `**`",
        );
    }
    globs
}
