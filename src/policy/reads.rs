//! What of a request a policy looks at: what a decision must be asked for anew with.

use std::collections::BTreeSet;

use countersign_cel::Program;

use super::{Condition, Policy, Rule};
use crate::{
    reference::Reference,
    wire::{Request, RequestField},
};

impl Policy {
    /// The parts of a request on which a decision of this policy may depend, sorted. Whatever else is
    /// in the request, the decision is the same.
    pub fn reads(&self) -> Vec<RequestField> {
        let mut fields = BTreeSet::new();
        // A tag in a Pod is pinned, or refused.
        fields.insert(RequestField::Kind);
        if self.exceptions.iter().any(|exception| exception.is_for_namespaces()) {
            fields.insert(RequestField::Namespace);
        }
        for rule in &self.rules {
            rule.add_reads(&mut fields);
        }
        fields.into_iter().collect()
    }
}

impl Policy {
    /// The same of the rules that may be for these images.
    pub fn reads_for(&self, request: &Request) -> Vec<RequestField> {
        let images = request.images.iter().filter_map(|i| Reference::parse(&i.reference).ok());
        let repositories: BTreeSet<_> = images.map(|image| image.repository()).collect();
        let mut fields = BTreeSet::new();
        for rule in &self.rules {
            if repositories.iter().any(|repository| rule.matches(repository)) {
                rule.add_reads(&mut fields);
            }
        }
        fields.into_iter().collect()
    }
}

impl Rule {
    fn add_reads(&self, fields: &mut BTreeSet<RequestField>) {
        if let Some(matching) = &self.matching {
            matching.add_reads(fields);
        }
        for Condition { program, .. } in self.all_conditions() {
            add_program(program, fields);
        }
    }
}

/// What an expression looks at.
pub(super) fn add_program(program: &Program, fields: &mut BTreeSet<RequestField>) {
    for read in program.reads().filter(|read| read.variable == "request") {
        match read.field {
            // A field that no request has reads nothing.
            Some(field) => fields.extend(RequestField::of(field)),
            None => fields.extend(RequestField::ALL),
        }
    }
}
