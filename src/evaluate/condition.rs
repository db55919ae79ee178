//! Conditions, and what they see.

use std::{collections::BTreeMap, rc::Rc};

use countersign_cel::{Cause, Cost, EvaluateError, Scope as Variables, Timestamp, Value as Cel};
use serde_json::{Map, Value, json};

use super::{
    attestation::Content,
    requirement::{Judge, Scope},
};
use crate::{
    policy::{Attestation, Condition, Policy, Requirement, Rule},
    reference::Reference,
    verdict::{Code, Reason},
    wire::{Kind, Node, Request},
};

/// Bytes of the attestations that the conditions of one rule read of each other. They are kept as
/// JSON, which takes some six times that.
const MOST_JOINED: usize = 8 << 20;

/// What the conditions of one rule share.
pub(super) struct Shared<'a> {
    request: &'a Value,
    named: BTreeMap<&'a str, &'a Attestation>,
    /// By name, and by the digest of the subject.
    joined: BTreeMap<(&'a str, String), Result<Rc<Value>, Reason>>,
}

impl<'a> Shared<'a> {
    pub(super) fn of(request: &'a Value) -> Self {
        Self { request, named: BTreeMap::new(), joined: BTreeMap::new() }
    }

    /// Goes on to another rule.
    pub(super) fn begin(&mut self, tree: &'a Requirement) {
        self.named =
            tree.attestations().into_iter().filter_map(|a| Some((a.name.as_deref()?, a))).collect();
        self.joined.clear();
    }
}

/// `request`, as expressions see it: what an admission front knows. Blobs are large, and not among it.
pub(super) fn request(policy: &Policy, request: &Request) -> Value {
    if !policy.rules.iter().any(Rule::reads_request) {
        return Value::Null;
    }
    let context = Request {
        images: Vec::new(),
        blobs: Vec::new(),
        can_patch: false,
        kind: request.kind.clone(),
        group: request.group.clone(),
        name: request.name.clone(),
        operation: request.operation.clone(),
        object: request.object.clone(),
        old_object: request.old_object.clone(),
        user_info: request.user_info.clone(),
        namespace_labels: request.namespace_labels.clone(),
        namespace: request.namespace.clone(),
    };
    let mut seen = serde_json::to_value(context).unwrap_or_default();
    if let Some(members) = seen.as_object_mut() {
        members.remove("canPatch");
    }
    seen
}

/// `image`, as conditions see it: names as they are normalised, and the digest that is judged.
pub(super) fn image(reference: &Reference, digest: Option<&str>, platform: Option<&str>) -> Value {
    let mut image = Map::new();
    let repository = reference.repository();
    let (registry, path) = repository.split_once('/').unwrap_or(("", &repository));
    // A tag beside a digest names nothing: whoever writes it may write anything.
    let (name, tag) = match &reference.digest {
        Some(digest) => (format!("{repository}@{digest}"), None),
        None => (reference.to_string(), reference.tag.as_ref()),
    };
    image.insert("name".to_owned(), json!(name));
    image.insert("registry".to_owned(), json!(registry));
    image.insert("path".to_owned(), json!(path));
    image.insert("repository".to_owned(), json!(repository));
    if let Some(tag) = tag {
        image.insert("tag".to_owned(), json!(tag));
    }
    if let Some(digest) = digest {
        image.insert("digest".to_owned(), json!(digest));
    }
    if let Some(platform) = platform {
        image.insert("platform".to_owned(), json!(platform));
    }
    Value::Object(image)
}

impl Judge<'_> {
    /// The conditions of an attestation.
    pub(super) fn conditions_on(
        &mut self,
        wanted: &Attestation,
        content: &Content,
        scope: &Scope<'_>,
    ) -> (Vec<Node>, Vec<Reason>) {
        self.conditions(&wanted.conditions, Some(content), scope)
    }

    /// Conditions, each with its node.
    pub(super) fn conditions(
        &mut self,
        conditions: &[Condition],
        content: Option<&Content>,
        scope: &Scope<'_>,
    ) -> (Vec<Node>, Vec<Reason>) {
        let (mut nodes, mut reasons) = (Vec::new(), Vec::new());
        for condition in conditions {
            let name = one_line(condition.program.text());
            match self.condition(condition, content, scope) {
                Ok(()) => nodes.push(Node::pass(Kind::Check, "condition").detail(name)),
                Err(reason) => {
                    let reason = match (&condition.message, reason.code) {
                        (Some(message), Code::ConditionUnmet) => {
                            Reason::new(Code::ConditionUnmet, message.clone()).expected(name)
                        }
                        _ => reason.expected(name),
                    };
                    nodes.push(Node::refuse(Kind::Check, "condition", reason.clone()));
                    reasons.push(reason);
                }
            }
        }
        (nodes, reasons)
    }

    fn condition(
        &mut self,
        condition: &Condition,
        content: Option<&Content>,
        scope: &Scope<'_>,
    ) -> Result<(), Reason> {
        let mut joined = BTreeMap::new();
        for name in condition.attestations() {
            joined.insert(name, self.joined(name, scope)?);
        }
        let config = match scope.image.and_then(|image| image.config.as_ref()) {
            Some(Ok(config)) => Some(config),
            Some(Err(reason)) if condition.reads("imageConfig") => return Err(reason.clone()),
            Some(Err(_)) | None => None,
        };
        let nothing = Value::Null;
        let image = scope.described();
        let mut variables = Variables::new();
        if condition.reads("now")
            && let Some(now) = Timestamp::new(self.now.unwatched().unix(), 0)
        {
            variables.set("now", now);
        }
        if let Ok(attestations) = members(&joined) {
            variables.set("attestations", attestations);
        }
        variables.set("imageConfig", Cel::from(config.unwrap_or(&nothing)));
        variables.set("image", Cel::from(&image));
        variables.set("request", Cel::from(self.conditions.request));
        if let Some(content) = content {
            variables.set("statement", Cel::from(content.whole()));
            variables.set("predicate", Cel::from(content.document_made(None).predicate));
        }
        let result = condition.program.evaluate(&variables, &mut self.steps);
        holds(result, &self.steps)
    }

    /// The selected attestations of a name: what they say, by time and then by digest.
    fn joined(&mut self, name: &str, scope: &Scope<'_>) -> Result<Rc<Value>, Reason> {
        let Some((name, wanted)) = self.conditions.named.get_key_value(name).map(|(n, a)| (*n, *a))
        else {
            // Names were checked when the policy was read.
            return Err(Reason::of(Code::Internal));
        };
        let key = (name, scope.target.digest.clone());
        if let Some(known) = self.conditions.joined.get(&key) {
            return known.clone();
        }
        let joined = self.join(wanted, scope).map(Rc::new);
        self.conditions.joined.insert(key, joined.clone());
        joined
    }

    fn join(&mut self, wanted: &Attestation, scope: &Scope<'_>) -> Result<Value, Reason> {
        let mut selected = self.selection(wanted, scope)?;
        if selected.is_empty() {
            // What was withheld must not be good news: all of nothing holds.
            return Err(Reason::of(Code::AttestationsNone).expected(wanted.describe()));
        }
        selected.sort_by_key(|verified| verified.order());
        let mut bytes = 0_usize;
        let mut contents = Vec::new();
        for verified in &selected {
            bytes = bytes.saturating_add(verified.bytes());
            if bytes > MOST_JOINED {
                let most = format!("at most {MOST_JOINED} bytes that conditions join");
                return Err(Reason::of(Code::BudgetBytes).expected(most));
            }
            contents.push(verified.content()?.into_statement());
        }
        Ok(Value::Array(contents))
    }
}

/// A map of what is borrowed.
fn members<'c>(joined: &'c BTreeMap<&str, Rc<Value>>) -> Result<Cel<'c>, Cause> {
    Cel::map(joined.iter().map(|(name, value)| (*name, Cel::from(&**value))))
}

/// An error or anything but a truth fails.
pub(super) fn holds(result: Result<Cel<'_>, EvaluateError>, cost: &Cost) -> Result<(), Reason> {
    match result {
        Ok(Cel::Bool(true)) => Ok(()),
        Ok(Cel::Bool(false)) => Err(Reason::of(Code::ConditionUnmet)),
        Ok(other) => {
            Err(Reason::of(Code::ConditionError)
                .found(format!("{}, not a bool", other.kind().name())))
        }
        Err(_) if cost.left() == 0 => Err(Reason::of(Code::BudgetConditions)),
        Err(error) => Err(Reason::of(Code::ConditionError).found(error.to_string())),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
