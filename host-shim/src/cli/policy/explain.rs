//! `countersign policy explain`.

mod authority;
mod requirement;

use clap::Args;
use countersign::{
    evidence::Budget,
    policy::{Action, Matched, Mode, Policy, Rule, Undetermined, Unmatched, spellings},
    reference::Reference,
    time::Time,
    wire::{ImageRequest, Request},
};
use serde::Serialize;
use serde_json::Value;

use super::super::{
    Exit,
    clock::{self, Clock},
    explanation::clean,
    output::{note, print},
    report::{Format, complaint, refuse, word},
};
use crate::{policy::Document, record::describe};
use authority::Authorities;

const API_VERSION: &str = "countersign.dev/explain/v1";
const HELP: &str = "\
Nothing is fetched and nothing is decided: this is what the policy asks, and what would be fetched first.

Exit codes:
  0  explained
  3  the file is no policy, or the reference is none

Examples:
  countersign policy explain policy.yaml
  countersign policy explain policy.yaml --image ghcr.io/acme/app:1.0 --kind Pod --namespace shop";

/// Says in plain words what a policy asks
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Explain {
    /// The policy, YAML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Which rules are for this image, and what would be fetched
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// In this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// In an object of this kind, such as `Pod` or `apps/Deployment`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// As of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    now: Option<Time>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// A sentence, and what belongs to it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Said {
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Self>,
}

impl Said {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), children: Vec::new() }
    }

    pub(super) fn with(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    policy: Option<String>,
    said: Vec<Said>,
}

impl Explain {
    pub(super) fn run(self) -> Exit {
        match self.explain() {
            Ok(exit) => exit,
            Err(e) => refuse(&e),
        }
    }

    fn explain(&self) -> Result<Exit, String> {
        let document = Document::load_policy(&self.file).map_err(|e| e.to_string())?;
        // The same reader as the module's, of the same commit; no decision is made here.
        let policy = match Policy::parse(&document.value) {
            Ok(policy) => policy,
            Err(errors) => {
                for error in &errors {
                    note(&complaint(error, &self.file, &|pointer| document.locate(pointer)));
                }
                return Ok(Exit::BadInput);
            }
        };
        let image = match &self.image {
            Some(text) => Some(
                Reference::parse(text)
                    .map_err(|e| format!("`{text}` is not an image reference: {e}"))?,
            ),
            None => None,
        };
        let request = self.request();
        let mut said = self.rules(&document.value, &policy, image.as_ref(), &request);
        said.extend(around(&policy));
        said.extend(image.as_ref().map(|_| self.needs(&policy, &request)));
        let report = Report { api_version: API_VERSION, policy: policy.name, said };
        let text = match self.output {
            Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
            Format::Text => report.said.iter().map(|said| lines(said, 0)).collect(),
        };
        print(&text).map_err(|e| format!("it cannot be written: {e}"))?;
        Ok(Exit::Allow)
    }

    fn request(&self) -> Request {
        let kind = self.kind.as_deref().map(|k| k.rsplit_once('/').unwrap_or(("", k)));
        let images = self.image.iter();
        let images = images.map(|i| ImageRequest { reference: i.clone(), path: None }).collect();
        Request {
            images,
            kind: kind.map(|(_, kind)| kind.to_owned()),
            group: kind.map(|(group, _)| group.to_owned()),
            namespace: self.namespace.clone(),
            ..Request::default()
        }
    }

    fn rules(
        &self,
        document: &Value,
        policy: &Policy,
        image: Option<&Reference>,
        request: &Request,
    ) -> Vec<Said> {
        let written = document["spec"]["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
        let authorities = Authorities { policy, document };
        let mut said = Vec::new();
        for (i, rule) in policy.rules.iter().enumerate() {
            let written = written.get(i);
            let matched = |image| match (written, &self.image) {
                (None, Some(text)) => statement(policy, i, text, image),
                (_, Some(text)) if !names(rule, text, image) => {
                    Said::new(format!("is not for {text}"))
                }
                _ => matches(rule, image, request),
            };
            let mut children: Vec<_> = image.map(matched).into_iter().collect();
            children.extend(written.map(scope).unwrap_or_default());
            children.push(match (&rule.action, written) {
                (Action::StaticAllow, _) => Said::new("allows them, without any evidence"),
                (Action::StaticDeny, _) => Said::new("denies them, whatever else says so"),
                (Action::Require(_), Some(written)) => {
                    let at = format!("/spec/rules/{i}/require");
                    let tree = requirement::say(&authorities, &written["require"], &at);
                    Said::new("requires:").with(vec![tree])
                }
                // A statement of a trust policy of the Notary Project.
                (Action::Require(_), None) => {
                    Said::new("requires:").with(vec![authorities.say(&rule.name)])
                }
            });
            children.extend(requirement::conditions(
                written.map_or(&Value::Null, |w| &w["conditions"]),
            ));
            children.extend(rule.mode.map(|mode| Said::new(in_mode(mode))));
            if rule.undetermined == Some(Undetermined::Warn) {
                children.push(Said::new("lets pass what the registry could not be asked about"));
            }
            said.push(Said::new(format!("rule {} ({})", i + 1, rule.name)).with(children));
        }
        said
    }

    fn needs(&self, policy: &Policy, request: &Request) -> Said {
        let now = Clock::new(self.now).now;
        match countersign::evaluate(policy, request, &[], now, Budget::default()) {
            countersign::Step::Need(needs) => {
                let needs = needs.iter().map(|fetch| Said::new(describe(fetch))).collect();
                Said::new("would be fetched first:").with(needs)
            }
            countersign::Step::Decision(decision) => {
                let reason = decision.images.first().and_then(|image| image.reason.as_ref());
                let reason = reason.map(|r| format!(": {} ({})", r.message, r.code));
                let (outcome, reason) = (word(decision.outcome), reason.unwrap_or_default());
                Said::new(format!("nothing would be fetched: {outcome}{reason}"))
            }
        }
    }
}

/// Whether a rule is for a reference, as far as it looks at more of it than the repository.
fn names(rule: &Rule, text: &str, image: &Reference) -> bool {
    rule.matching.as_ref().is_none_or(|m| m.is_for(&spellings(text, image)))
}

/// Whether a rule is for an image.
fn matches(rule: &Rule, image: &Reference, request: &Request) -> Said {
    let repository = image.repository();
    if !rule.matches(&repository) {
        return Said::new(format!("is not for {repository}"));
    }
    let Some(matching) = &rule.matching else {
        return Said::new(format!("is for {repository}"));
    };
    Said::new(match matching.of(request) {
        Matched::No => format!("is not for {repository} in such an object"),
        Matched::Unknown(what) => {
            format!("is for {repository} as far as can be told: {what} would tell")
        }
        Matched::Yes if matching.cel.is_some() => {
            format!("is for {repository} where its expression agrees")
        }
        Matched::Yes => format!("is for {repository}"),
    })
}

/// Whether a statement of a trust policy of the Notary Project is for an image.
fn statement(policy: &Policy, rule: usize, text: &str, image: &Reference) -> Said {
    let is = policy.notation.for_image(text, image) == Some(rule);
    Said::new(format!("is {}for {}", if is { "" } else { "not " }, image.repository()))
}

/// What a rule is for.
fn scope(rule: &Value) -> Vec<Said> {
    let list = |value: &Value| {
        let texts: Vec<_> =
            value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        texts.join(" ")
    };
    let mut said = Vec::new();
    for (field, what) in [("images", "images"), ("blobs", "files")] {
        if rule.get(field).is_some() {
            said.push(Said::new(format!("{what}: {}", list(&rule[field]))));
        }
    }
    for (field, value) in rule["match"].as_object().into_iter().flatten() {
        let value = if value.is_array() { list(value) } else { requirement::compact(value) };
        said.push(Said::new(format!("only where {field}: {value}")));
    }
    said.extend(rule.get("subject").map(requirement::subject));
    said
}

/// What holds for the document as a whole.
fn around(policy: &Policy) -> Vec<Said> {
    let mut said = Vec::new();
    said.push(Said::new(match policy.unmatched {
        Unmatched::Deny => "what no rule is for is denied",
        Unmatched::Allow => "what no rule is for is allowed, unverified",
        Unmatched::Warn => "what no rule is for is allowed, unverified, with a warning",
    }));
    if policy.undetermined == Undetermined::Warn {
        said.push(Said::new("what the registry could not be asked about passes with a warning"));
    }
    if !policy.block.is_empty() {
        said.push(Said::new("what `block` names is denied before all rules"));
    }
    if !policy.exceptions.is_empty() {
        let each = policy.exceptions.iter().map(|e| Said::new(e.describe())).collect();
        said.push(Said::new("exceptions:").with(each));
    }
    if !policy.require_digests {
        said.push(Said::new("a Pod may name a tag, which is verified and may move before it runs"));
    }
    said.push(Said::new(in_mode(policy.mode)));
    said
}

fn in_mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "mode enforce: an admission front refuses what is not allowed",
        Mode::Warn => "mode warn: an admission front lets pass what is not allowed, with a warning",
        Mode::Audit => {
            "mode audit: an admission front lets pass what is not allowed, and records it"
        }
    }
}

fn lines(said: &Said, depth: usize) -> String {
    let mut text = format!("{}{}\n", "  ".repeat(depth), clean(&said.text));
    text.extend(said.children.iter().map(|child| lines(child, depth + 1)));
    text
}
