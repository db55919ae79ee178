//! What an attestation says, and the checks that hold it against the policy.

use serde_json::Value;

use crate::{
    evaluate::requirement::{Judge, Scope},
    json,
    policy::Attestation,
    predicate::{self, Context, Document},
    time::Time,
    verdict::{Code, Reason},
    wire::{Kind, Node},
};

/// What a verified attestation says. It may be large: it is read when it is looked at, and let go.
pub(in crate::evaluate) struct Content {
    /// The whole document; of a statement, the statement.
    whole: Value,
    predicate_type: String,
    is_statement: bool,
    /// What stands in it as a text.
    opened: Option<Value>,
}

impl Content {
    /// A statement.
    pub(super) fn statement(payload: &[u8], predicate_type: &str) -> Result<Self, Reason> {
        let whole = json::parse(payload)
            .map_err(|e| Reason::new(Code::StatementMalformed, e.to_string()))?;
        Ok(Self::new(whole, predicate_type, true))
    }

    /// What a signed referrer holds.
    pub(super) fn document(bytes: &[u8], artifact_type: &str) -> Result<Self, Reason> {
        let whole = json::parse(bytes).map_err(|e| {
            Reason::new(Code::PredicateMalformed, format!("what the referrer holds: {e}"))
        })?;
        Ok(Self::new(whole, artifact_type, false))
    }

    fn new(whole: Value, predicate_type: &str, is_statement: bool) -> Self {
        let predicate_type = predicate_type.to_owned();
        let mut content = Self { whole, predicate_type, is_statement, opened: None };
        content.opened = predicate::opened(&content.predicate_type, content.predicate());
        content
    }

    /// The whole of it.
    pub(in crate::evaluate) fn whole(&self) -> &Value {
        &self.whole
    }

    /// As other conditions see it: a statement, or the members of one that a signed referrer has.
    pub(in crate::evaluate) fn into_statement(self) -> Value {
        if self.is_statement {
            return self.whole;
        }
        let mut members = serde_json::Map::new();
        members.insert("predicateType".to_owned(), Value::String(self.predicate_type));
        members.insert("predicate".to_owned(), self.whole);
        Value::Object(members)
    }

    fn predicate(&self) -> &Value {
        if self.is_statement {
            self.whole.get("predicate").unwrap_or(&Value::Null)
        } else {
            &self.whole
        }
    }

    /// For the checks.
    pub(in crate::evaluate) fn document_made(&self, made: Option<Time>) -> Document<'_> {
        let predicate_type = &self.predicate_type;
        let predicate = match &self.opened {
            Some(opened) => opened,
            None => predicate::unwrapped(predicate_type, self.predicate()),
        };
        Document { predicate_type, predicate, made }
    }

    /// When it says that it was made.
    pub(super) fn asserted_time(&self) -> Option<Time> {
        predicate::asserted_time(&self.predicate_type, self.predicate())
    }
}

impl Judge<'_> {
    /// Every typed check.
    pub(super) fn checks(
        &self,
        wanted: &Attestation,
        content: &Content,
        made: Option<Time>,
        vex: &[(Content, Option<Time>)],
        scope: &Scope<'_>,
    ) -> (Vec<Node>, Vec<Reason>) {
        let vex: Vec<_> = vex.iter().map(|(content, made)| content.document_made(*made)).collect();
        let repository = scope.image.map(|image| image.reference.repository()).unwrap_or_default();
        let context = Context {
            now: self.now,
            repository: &repository,
            digest: &scope.target.digest,
            vex: &vex,
        };
        let document = content.document_made(made);
        let (mut nodes, mut reasons) = (Vec::new(), Vec::new());
        for check in &wanted.checks {
            match check.check(&document, &context) {
                Ok(detail) => nodes.push(Node::pass(Kind::Check, check.name()).detail(detail)),
                Err(found) => {
                    for reason in found {
                        nodes.push(Node::refuse(Kind::Check, check.name(), reason.clone()));
                        reasons.push(reason);
                    }
                }
            }
        }
        (nodes, reasons)
    }
}
