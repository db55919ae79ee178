//! `approvals`: who has approved, by name in one signed document.
//!
//! The signer vouches for the names. Approvals that each approver signs are a threshold of
//! authorities, not this.

mod path;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Context, Document, few::Few, glob, glob::Glob};
use crate::verdict::{Code, Reason};
pub use path::Path;

/// `attestation.approvals`.
#[derive(Clone, Debug)]
pub struct Approvals {
    /// `atLeast`: distinct approvers.
    pub at_least: usize,
    /// `from`: who counts; empty where everybody does.
    pub from: Vec<Glob>,
    /// `notAuthor`: the author does not count.
    pub not_author: bool,
    /// Where the document says it.
    pub places: Places,
}

/// Where approvals stand in a document.
#[derive(Clone, Debug)]
pub struct Places {
    /// `at`: each approval.
    pub approvals: Path,
    /// `approver`, from the approval on; an approval without it is the name itself.
    pub approver: Path,
    /// `when`, from the approval on: what it must say to count.
    pub when: Vec<(Path, Vec<Value>)>,
    /// Names that do not count, whoever they are: approvals that were dismissed.
    pub dismissed: Option<Path>,
    /// `author`, from the top.
    pub author: Path,
}

impl Places {
    /// Of a document that says nothing else: a list of names in `approvers`, as gittuf writes it,
    /// less those of `dismissedApprovers`, and the author's name in `author`.
    pub fn plain() -> Self {
        Self {
            approvals: Path::of(&["approvers", "*"]),
            approver: Path::of(&[]),
            when: Vec::new(),
            dismissed: Some(Path::of(&["dismissedApprovers", "*"])),
            author: Path::of(&["author"]),
        }
    }
}

impl Approvals {
    /// One line of what was seen, or everything that is wrong.
    pub fn check(
        &self,
        document: &Document<'_>,
        _context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        self.counted(document.predicate).map_err(|reason| vec![reason])
    }

    fn counted(&self, predicate: &Value) -> Result<String, Reason> {
        let mut out = self.excluded(predicate)?;
        let places = &self.places;
        let entries = places.approvals.values(predicate);
        if entries.is_empty() {
            return Err(Reason::of(Code::ApprovalsTooFew)
                .expected(self.wanted())
                .found(format!("nothing at `{}`", places.approvals))
                .next("if the document says it elsewhere, say where by `at`"));
        }
        let mut approvers = BTreeSet::new();
        let mut others = Few::default();
        for entry in entries {
            if !self.holds(entry) {
                continue;
            }
            let name = self.approver(entry)?;
            let known = folded(name);
            if out.contains(&known) || !(self.from.is_empty() || glob::any(&self.from, name)) {
                // Named once, however often they approved.
                if out.insert(known) {
                    others.push(|| name.to_owned());
                }
                continue;
            }
            approvers.insert(known);
        }
        let names: Vec<_> = approvers.iter().take(5).map(String::as_str).collect();
        let found = format!("{} approved: {}", approvers.len(), names.join(", "));
        if approvers.len() >= self.at_least {
            return Ok(found);
        }
        let found = match (approvers.is_empty(), others.is_empty()) {
            (true, true) => "0 approved".to_owned(),
            (true, false) => format!("0 approved; not counted: {others}"),
            (false, true) => found,
            (false, false) => format!("{found}; not counted: {others}"),
        };
        Err(Reason::of(Code::ApprovalsTooFew).expected(self.wanted()).found(found))
    }

    /// Those who do not count. An author who is asked for and not named cannot be told from an
    /// approver.
    fn excluded(&self, predicate: &Value) -> Result<BTreeSet<String>, Reason> {
        let mut excluded = BTreeSet::new();
        for value in self.places.dismissed.iter().flat_map(|path| path.values(predicate)) {
            excluded.insert(folded(text(value, "a name of a dismissed approver")?));
        }
        if self.not_author {
            let authors = self.places.author.values(predicate);
            if authors.is_empty() {
                let place = &self.places.author;
                return Err(malformed(&format!("the author at `{place}`")));
            }
            for author in authors {
                excluded.insert(folded(text(author, "the author's name")?));
            }
        }
        Ok(excluded)
    }

    fn holds(&self, entry: &Value) -> bool {
        self.places.when.iter().all(|(path, wanted)| {
            let found = path.values(entry);
            !found.is_empty() && found.iter().all(|value| wanted.contains(value))
        })
    }

    fn approver<'a>(&self, entry: &'a Value) -> Result<&'a str, Reason> {
        match self.places.approver.values(entry).as_slice() {
            [name] => text(name, "an approver's name"),
            _ => Err(malformed(&format!("one name at `{}`", self.places.approver))),
        }
    }

    fn wanted(&self) -> String {
        let from = match self.from.as_slice() {
            [] => String::new(),
            from => format!(" of {}", glob::describe(from)),
        };
        let author = if self.not_author { ", the author aside" } else { "" };
        format!("{} approvers{from}{author}", self.at_least)
    }
}

/// One person is one name in whatever case.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str, Reason> {
    value.as_str().filter(|text| !text.trim().is_empty()).ok_or_else(|| malformed(what))
}

fn malformed(expected: &str) -> Reason {
    Reason::of(Code::PredicateMalformed)
        .expected(expected)
        .next("say by `at`, `approver` and `author` where the document says it")
}
