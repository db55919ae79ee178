//! `match`: for which objects a rule is, beside its images.

use std::collections::BTreeSet;

use countersign_cel::Program;
use serde_json::Value;

use super::{
    Glob, condition, matches,
    reader::{Cursor, Reader},
    reads,
    wildcard::Wildcard,
};
use crate::{
    verdict::Code,
    wire::{Request, RequestField},
};

/// What a rule asks of the reference, and of the object that holds the image. All that is there
/// must hold.
#[derive(Clone, Debug, Default)]
pub struct Match {
    references: Vec<Wildcard>,
    kinds: Vec<Kind>,
    namespaces: Vec<Glob>,
    labels: Option<Selector>,
    namespace_labels: Option<Selector>,
    /// An expression over `image` and `request`.
    pub cel: Option<Program>,
}

/// Whether a rule is for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// It is not.
    No,
    /// What would tell is not there.
    Unknown(&'static str),
    /// It is, as far as its expression agrees.
    Yes,
}

/// A kind of Kubernetes, of any group or of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    group: Option<String>,
    kind: String,
}

/// A label selector of Kubernetes.
#[derive(Clone, Debug)]
struct Selector(Vec<Term>);

#[derive(Clone, Debug)]
struct Term {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    DoesNotExist,
    Exists,
    In,
    NotIn,
}

impl Match {
    /// True where it looks at references.
    pub fn has_references(&self) -> bool {
        !self.references.is_empty()
    }

    /// True where it is for an image, of which these are the spellings.
    pub fn is_for(&self, spellings: &BTreeSet<String>) -> bool {
        let matches = |wildcard: &Wildcard| spellings.iter().any(|s| wildcard.matches(s));
        self.references.is_empty() || self.references.iter().any(matches)
    }

    /// All but the references and the expression.
    pub fn of(&self, request: &Request) -> Matched {
        let mut unknown = None;
        if !self.kinds.is_empty() {
            match &request.kind {
                Some(kind) => {
                    let group = request.group.as_deref();
                    if !self.kinds.iter().any(|k| k.is(group, kind)) {
                        return Matched::No;
                    }
                }
                None => unknown = Some("the kind"),
            }
        }
        if !self.namespaces.is_empty() {
            match &request.namespace {
                Some(namespace) if !matches(&self.namespaces, namespace) => return Matched::No,
                Some(_) => {}
                None => unknown = Some("the namespace"),
            }
        }
        if let Some(selector) = &self.labels {
            match request.object.as_ref() {
                Some(object) if !selector.selects(object.pointer("/metadata/labels")) => {
                    return Matched::No;
                }
                Some(_) => {}
                None => unknown = Some("the object's labels"),
            }
        }
        if let Some(selector) = &self.namespace_labels {
            match request.namespace_labels.as_ref() {
                Some(labels) if !selector.selects(Some(labels)) => return Matched::No,
                Some(_) => {}
                None => unknown = Some("the labels of the namespace"),
            }
        }
        unknown.map_or(Matched::Yes, Matched::Unknown)
    }

    /// True where it looks at the labels of the object.
    pub fn reads_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// True where it looks at what may change without the image, and of which nobody says what it was
    /// before: what its expression reads, and the labels of the namespace.
    pub fn reads_request(&self) -> bool {
        let reads = |cel: &Program| cel.reads().any(|read| read.variable == "request");
        self.namespace_labels.is_some() || self.cel.as_ref().is_some_and(reads)
    }
}

impl Match {
    /// Adds all that it looks at.
    pub(super) fn add_reads(&self, fields: &mut BTreeSet<RequestField>) {
        let Self { references: _, kinds, namespaces, labels, namespace_labels, cel } = self;
        if !kinds.is_empty() {
            fields.extend([RequestField::Group, RequestField::Kind]);
        }
        if !namespaces.is_empty() {
            fields.insert(RequestField::Namespace);
        }
        if labels.is_some() {
            fields.insert(RequestField::ObjectLabels);
        }
        if namespace_labels.is_some() {
            fields.insert(RequestField::NamespaceLabels);
        }
        if let Some(program) = cel {
            reads::add_program(program, fields);
        }
    }
}

impl Kind {
    fn is(&self, group: Option<&str>, kind: &str) -> bool {
        self.kind == kind && self.group.as_deref().is_none_or(|g| Some(g) == group)
    }
}

impl Selector {
    /// spec: Kubernetes, labels and selectors: a label that is absent satisfies `NotIn` and
    /// `DoesNotExist`.
    fn selects(&self, labels: Option<&Value>) -> bool {
        self.0.iter().all(|term| {
            let value = labels.and_then(|l| l.get(&term.key)).and_then(Value::as_str);
            let listed = value.is_some_and(|v| term.values.iter().any(|known| known == v));
            match term.operator {
                Operator::DoesNotExist => value.is_none(),
                Operator::Exists => value.is_some(),
                Operator::In => listed,
                Operator::NotIn => !listed,
            }
        })
    }
}

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Match> {
    let fields = ["cel", "kinds", "labels", "namespaceLabels", "namespaces", "references"];
    let object = r.object(at, &fields, &[])?;
    if fields.iter().all(|field| object.get(field).is_none()) {
        r.error(Code::PolicyInvalidValue, &at.path, "`match` says nothing");
    }
    let kinds = object.get("kinds").map(|at| kinds(r, &at)).unwrap_or_default();
    let mut namespaces = Vec::new();
    if let Some(at) = object.get("namespaces") {
        for (text, item) in r.texts(&at) {
            match Glob::parse_name(text) {
                Ok(glob) => namespaces.push(glob),
                Err(error) => r.error(
                    Code::PolicyInvalidValue,
                    &item.path,
                    format!("`{text}` is not a glob: {error}"),
                ),
            }
        }
        if !namespaces.is_empty() && namespaces.iter().all(|g| g.negated) {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                "only negative globs: add a positive one, such as `*`",
            );
        }
    }
    let references = object.get("references").map(|at| references(r, &at)).unwrap_or_default();
    let labels = object.get("labels").and_then(|at| selector(r, &at));
    let namespace_labels = object.get("namespaceLabels").and_then(|at| selector(r, &at));
    let cel = object.get("cel").and_then(|at| condition::program(r, &at, condition::Place::Match));
    Some(Match { references, kinds, namespaces, labels, namespace_labels, cel })
}

fn references(r: &mut Reader, at: &Cursor<'_>) -> Vec<Wildcard> {
    let mut wildcards = Vec::new();
    for (text, item) in r.texts(at) {
        match Wildcard::parse(text) {
            Some(wildcard) => wildcards.push(wildcard),
            None => r.error(Code::PolicyInvalidValue, &item.path, "longer than any reference"),
        }
    }
    wildcards
}

/// Kinds as `Pod`, `apps/Deployment`.
pub(super) fn kinds(r: &mut Reader, at: &Cursor<'_>) -> Vec<Kind> {
    let texts = r.texts(at);
    texts.iter().filter_map(|(text, item)| kind(r, item, text)).collect()
}

fn kind(r: &mut Reader, at: &Cursor<'_>, text: &str) -> Option<Kind> {
    let (group, kind) = match text.rsplit_once('/') {
        Some((group, kind)) => (Some(group), kind),
        None => (None, text),
    };
    let good = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric())
        && group.is_none_or(|g| !g.is_empty() && !g.contains('/'));
    if !good {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("`{text}` is not a kind such as `Pod` or `apps/Deployment`"),
        );
        return None;
    }
    Some(Kind { group: group.map(str::to_owned), kind: kind.to_owned() })
}

impl Kind {
    pub(super) fn into_pair(self) -> (Option<String>, String) {
        (self.group, self.kind)
    }
}

fn selector(r: &mut Reader, at: &Cursor<'_>) -> Option<Selector> {
    let object = r.object(at, &["matchExpressions", "matchLabels"], &[])?;
    let mut terms = Vec::new();
    if let Some(at) = object.get("matchLabels") {
        for (key, value) in r.map(&at) {
            if let Some(value) = r.text(&value) {
                let values = vec![value.to_owned()];
                terms.push(Term { key: key.to_owned(), operator: Operator::In, values });
            }
        }
    }
    if let Some(at) = object.get("matchExpressions") {
        for item in r.list(&at) {
            terms.extend(term(r, &item));
        }
    }
    if terms.is_empty() {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            "`matchLabels` or `matchExpressions` is needed",
        );
    }
    Some(Selector(terms))
}

fn term(r: &mut Reader, at: &Cursor<'_>) -> Option<Term> {
    let object = r.object(at, &["key", "operator", "values"], &[])?;
    let key = object.need(r, "key").and_then(|at| r.text(&at).map(str::to_owned));
    let operator = object.need(r, "operator").and_then(|at| {
        r.word(
            &at,
            &[
                ("In", Operator::In),
                ("NotIn", Operator::NotIn),
                ("Exists", Operator::Exists),
                ("DoesNotExist", Operator::DoesNotExist),
            ],
        )
    })?;
    let listed = matches!(operator, Operator::In | Operator::NotIn);
    let values = match object.get("values") {
        Some(at) if listed => r.texts(&at).iter().map(|(text, _)| (*text).to_owned()).collect(),
        Some(at) => {
            r.error(Code::PolicyInvalidValue, &at.path, "`values` go with `In` and `NotIn`");
            Vec::new()
        }
        None if listed => {
            r.error(Code::PolicyMissingField, &object.path, "`In` and `NotIn` need `values`");
            Vec::new()
        }
        None => Vec::new(),
    };
    Some(Term { key: key?, operator, values })
}
