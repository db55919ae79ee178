//! What verified VEX documents say of what was found.
//!
//! A statement excuses a finding only if it is about this image, or about a package inside of it;
//! if it is the newest about both; and if it says why. Whatever cannot be told is no excuse.

mod cyclonedx;
mod openvex;
mod product;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    names::key,
    package::covers,
    report::Finding,
    shape::{Members, Read, object, shortened, unsupported},
};
use crate::{
    predicate::{Context, Document, purl::Purl},
    time::{Now, Time},
};

/// How much later than the decision a statement may say that it was made (design, §2.9).
const MOST_SKEW: i64 = 300;

/// Pairs of a name and a package, in all documents. A vendor's whole VEX of one product has some
/// ten thousand.
const MOST_ENTRIES: usize = 1 << 18;

/// Spellings of one version of one package, which differ in qualifiers.
const MOST_SPELLINGS: usize = 64;

/// Documents whose faults are told.
const MOST_NOTES: usize = 3;

/// One statement about one vulnerability.
pub(super) struct Statement<'a> {
    names: Vec<&'a str>,
    at: Option<Time>,
    helps: bool,
    scopes: Vec<Scope>,
}

/// What of the image a statement is about.
enum Scope {
    /// All of it.
    Image,
    /// One package.
    Package(Purl),
    /// Some part that cannot be told from others.
    Unclear,
}

/// The newest that was said.
#[derive(Clone, Copy, Debug)]
struct Said {
    at: i64,
    helps: bool,
}

/// All that was said of one vulnerability.
#[derive(Default)]
struct Bucket {
    /// Of the whole image.
    whole: Option<Said>,
    /// Of packages, by package and version.
    packages: BTreeMap<String, Vec<(Purl, Said)>>,
    /// The newest of these that does not help, for findings without a package URL.
    against: Option<Said>,
}

/// All statements that may be about the image.
#[derive(Default)]
pub(super) struct Vex {
    by_name: BTreeMap<String, Bucket>,
    entries: usize,
    /// What of the documents does not count, and why.
    pub(super) notes: Vec<String>,
    elsewhere: usize,
}

impl Vex {
    /// Reads the documents. One that cannot be read spoils no other; of one that can be read in
    /// part, nothing helps.
    pub(super) fn read(context: &Context<'_>) -> Self {
        let mut vex = Self::default();
        for document in context.vex {
            if let Err(reason) = vex.add_document(document, context) {
                vex.note(&reason.message);
            }
        }
        if vex.elsewhere > 0 {
            vex.notes.push(format!("{} VEX statements are not about this image", vex.elsewhere));
        }
        vex
    }

    fn note(&mut self, why: &str) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(format!("a VEX document does not count: {}", shortened(why)));
        }
    }

    fn add_document(&mut self, document: &Document<'_>, context: &Context<'_>) -> Read<()> {
        let members = object(Some(document.predicate), "the VEX document")?;
        if members.contains_key("bomFormat") {
            let bom = cyclonedx::Bom::read(members, document.made, context.digest)?;
            self.add_all(bom.statements()?, context.now, |item| bom.statement(item))
        } else if members.contains_key("@context") {
            let made = document.made;
            let items = openvex::statements(members)?;
            let read = |item| openvex::statement(members, item, made, context.digest).map(Some);
            self.add_all(items, context.now, read)
        } else {
            Err(unsupported("it is neither OpenVEX nor CycloneDX"))
        }
    }

    fn add_all<'a>(
        &mut self,
        items: &'a [Value],
        now: Now<'_>,
        read: impl Fn(&'a Members) -> Read<Option<Statement<'a>>>,
    ) -> Read<()> {
        let read = |item: &'a Value| read(object(Some(item), "a statement")?);
        let fault = items.iter().find_map(|item| read(item).err());
        for statement in items.iter().filter_map(|item| read(item).ok().flatten()) {
            self.add(&statement, now, fault.is_none())?;
        }
        fault.map_or(Ok(()), Err)
    }

    fn add(&mut self, statement: &Statement<'_>, now: Now<'_>, readable: bool) -> Read<()> {
        if statement.scopes.is_empty() {
            self.elsewhere += 1;
        }
        let has_come = |at: Time| now.has_reached(at.minus(MOST_SKEW));
        let said = match (statement.at, statement.helps) {
            (Some(at), true) if readable && has_come(at) => Said { at: at.unix(), helps: true },
            (_, true) => return Ok(()),
            // Nothing is known to be newer than what has no date.
            (at, false) => Said { at: at.map_or(i64::MAX, Time::unix), helps: false },
        };
        for name in &statement.names {
            for scope in &statement.scopes {
                self.entries += 1;
                if self.entries > MOST_ENTRIES {
                    return Err(unsupported(format!("more than {MOST_ENTRIES} VEX statements")));
                }
                self.by_name.entry(key(name)).or_default().add(scope, said);
            }
        }
        Ok(())
    }

    /// True where the newest statement about the finding excuses it.
    pub(super) fn excuses(&self, finding: &Finding<'_>) -> bool {
        if self.by_name.is_empty() || self.entries > MOST_ENTRIES {
            return false;
        }
        let purl = finding.package.purl.and_then(Purl::parse);
        let about = |name: &str| {
            let bucket = self.by_name.get(&key(name));
            bucket.into_iter().flat_map(|bucket| bucket.about(purl.as_ref()))
        };
        // Under a name that stands for less than the whole finding nothing is excused.
        let for_it = finding.names.whole().flat_map(about);
        let against_it = finding.names.all().flat_map(about).filter(|said| !said.helps);
        for_it.chain(against_it).reduce(Said::newer).is_some_and(|said| said.helps)
    }
}

impl Said {
    /// Of two at the same time, the one that does not help.
    fn newer(self, other: Self) -> Self {
        if (self.at, !self.helps) >= (other.at, !other.helps) { self } else { other }
    }
}

fn newest(known: &mut Option<Said>, said: Said) {
    *known = Some(known.map_or(said, |known| known.newer(said)));
}

impl Bucket {
    fn add(&mut self, scope: &Scope, said: Said) {
        match scope {
            Scope::Image => newest(&mut self.whole, said),
            Scope::Package(purl) => self.add_package(purl, said),
            Scope::Unclear if said.helps => {}
            Scope::Unclear => newest(&mut self.whole, said),
        }
    }

    fn add_package(&mut self, purl: &Purl, said: Said) {
        if !said.helps {
            newest(&mut self.against, said);
        }
        let version = purl.version.as_deref();
        let spellings = self.packages.entry(versioned(purl, version)).or_default();
        if let Some((_, known)) = spellings.iter_mut().find(|(known, _)| known == purl) {
            *known = known.newer(said);
        } else if spellings.len() < MOST_SPELLINGS {
            spellings.push((purl.clone(), said));
        } else {
            self.whole = Some(Said { at: i64::MAX, helps: false });
        }
    }

    fn about(&self, purl: Option<&Purl>) -> impl Iterator<Item = Said> {
        let versions = purl.into_iter().flat_map(|purl| {
            let exact = purl.version.as_deref().map(|v| versioned(purl, Some(v)));
            let of = move |key: String| {
                let spellings = self.packages.get(&key).into_iter().flatten();
                spellings.filter(|(known, _)| covers(known, purl)).map(|(_, said)| *said)
            };
            core::iter::once(versioned(purl, None)).chain(exact).flat_map(of)
        });
        let against = self.against.filter(|_| purl.is_none());
        versions.collect::<Vec<_>>().into_iter().chain(against).chain(self.whole)
    }
}

fn versioned(purl: &Purl, version: Option<&str>) -> String {
    format!("{}@{}", purl.package(), version.unwrap_or_default())
}
