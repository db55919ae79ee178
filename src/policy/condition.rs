//! Conditions: expressions in CEL over what was verified.

use std::collections::BTreeMap;

use countersign_cel::{Limits, Program};

use super::{
    Attestation, Requirement, Rule,
    reader::{Cursor, Reader},
};
use crate::verdict::Code;

/// Conditions of one list.
const MOST_CONDITIONS: usize = 64;

/// Where a condition stands: what it may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In an attestation.
    Attestation,
    /// In a rule.
    Rule,
    /// In `match`, before any evidence is there.
    Match,
}

impl Place {
    const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Attestation => &[
                "attestations",
                "image",
                "imageConfig",
                "now",
                "predicate",
                "request",
                "statement",
            ],
            Self::Rule => &["attestations", "image", "imageConfig", "now", "request"],
            Self::Match => &["image", "request"],
        }
    }
}

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What is said where it does not hold.
    pub message: Option<String>,
    /// The expression.
    pub program: Program,
}

impl Condition {
    /// True where it names a variable.
    pub fn reads(&self, variable: &str) -> bool {
        self.program.reads().any(|read| read.variable == variable)
    }

    /// The attestations that it names.
    pub fn attestations(&self) -> impl Iterator<Item = &str> {
        let reads = self.program.reads().filter(|read| read.variable == "attestations");
        reads.filter_map(|read| read.field)
    }
}

/// `conditions`: a list of `{ cel }`, all of which must hold.
pub(super) fn read_list(r: &mut Reader, at: &Cursor<'_>, place: Place) -> Vec<Condition> {
    let items = r.list(at);
    if items.len() > MOST_CONDITIONS {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("more than {MOST_CONDITIONS} conditions"),
        );
        return Vec::new();
    }
    items.iter().filter_map(|item| read(r, item, place)).collect()
}

fn read(r: &mut Reader, at: &Cursor<'_>, place: Place) -> Option<Condition> {
    let object = r.object(at, &["cel", "message"], &["rego"])?;
    let message = object.get("message").and_then(|at| r.text(&at).map(str::to_owned));
    let program = object.need(r, "cel").and_then(|at| program(r, &at, place))?;
    Some(Condition { message, program })
}

/// An expression.
pub(super) fn program(r: &mut Reader, at: &Cursor<'_>, place: Place) -> Option<Program> {
    let text = r.text(at)?;
    let program = match Program::compile(text, place.variables(), Limits::default()) {
        Ok(program) => program,
        Err(error) => {
            let suggestion = error.suggestion().map(str::to_owned);
            let message = format!("not an expression: {error}");
            r.suggest(Code::PolicyInvalidValue, &at.path, message, suggestion);
            return None;
        }
    };
    if program.reads().any(|read| read.variable == "attestations" && read.field.is_none()) {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            "`attestations` is read by name, as in `attestations.scan`",
        );
        return None;
    }
    Some(program)
}

/// The attestations of a rule that have a name. A condition that reads others rests on all of them
/// being there, so each of those says how old it may be.
pub(super) fn check(r: &mut Reader, position: usize, rule: &Rule, tree: &Requirement) {
    let path = format!("/spec/rules/{position}");
    let mut named: BTreeMap<&str, &Attestation> = BTreeMap::new();
    for attestation in tree.attestations() {
        if let Some(name) = &attestation.name
            && named.insert(name, attestation).is_some()
        {
            let message = format!("two attestations of this rule are named `{name}`");
            r.error(Code::PolicyInvalidValue, &path, message);
        }
    }
    for name in rule.all_conditions().flat_map(Condition::attestations) {
        match named.get(name) {
            None => r.suggest(
                Code::PolicyUnknownName,
                &path,
                format!("a condition reads `attestations.{name}`, and no attestation of this rule has that `name`"),
                super::reader::nearest(name, named.keys().copied()),
            ),
            Some(attestation) if attestation.max_age.is_none() => r.error(
                Code::PolicyMissingField,
                &path,
                format!("a condition reads `attestations.{name}`, which then needs `maxAge`: what was withheld cannot be told from what never was"),
            ),
            Some(_) => {}
        }
    }
}
