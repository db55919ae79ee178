//! What all reports have in common, and which kind one is.

use serde_json::Value;

use super::{
    cyclonedx, grype, in_toto,
    names::Names,
    sarif,
    severity::Severity,
    shape::{Members, Read, object, unsupported},
    trivy,
};
use crate::{predicate::Document, time::Time};

/// Takes the findings one by one: a report may have more of them than should be held at once.
pub(super) type Each<'a, 'e> = dyn FnMut(Finding<'a>) + 'e;

/// One vulnerability in one package.
#[derive(Clone, Debug)]
pub(super) struct Finding<'a> {
    pub(super) names: Names<'a>,
    pub(super) severity: Severity,
    pub(super) package: Package<'a>,
    pub(super) fix: Fix<'a>,
    /// Since when there is a fix; else since when it is known.
    pub(super) since: Option<Time>,
    /// The scanner was told to leave it out, or leaves it out by itself.
    pub(super) suppressed: bool,
}

/// Where it is, as far as the report says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Package<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) purl: Option<&'a str>,
}

/// Whether there is a version without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fix<'a> {
    /// The scanner knows of none.
    Absent,
    /// There is one; its version, if the report has it.
    There(Option<&'a str>),
    /// The format cannot say.
    Unsaid,
}

/// A scanner, as a report names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool<'a> {
    /// A URI or a name.
    pub(super) name: &'a str,
    pub(super) version: Option<&'a str>,
}

/// What a report says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    /// When the scan ended; of several times the latest.
    pub(super) scanned: Option<Time>,
    /// When the database was made; of several the oldest.
    pub(super) database: Option<Time>,
}

impl Scan<'_> {
    pub(super) fn scanned_at(&mut self, time: Option<Time>) {
        self.scanned = self.scanned.max(time);
    }

    pub(super) fn database_of(&mut self, time: Option<Time>) {
        self.database = match (self.database, time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

type Reader = for<'a, 'e> fn(&'a Members, &mut Scan<'a>, &mut Each<'a, 'e>) -> Read<()>;

/// The member by which each kind is known.
const KINDS: &[(&str, Reader)] = &[
    ("SchemaVersion", trivy::read),
    ("bomFormat", cyclonedx::read),
    ("matches", grype::read),
    ("runs", sarif::read),
];

/// The member that cosign and in-toto have around a report.
const AROUND: &str = "scanner";

/// Reads a report of any kind.
pub(super) fn read<'a>(document: &Document<'a>, each: &mut Each<'a, '_>) -> Read<Scan<'a>> {
    let mut scan = Scan::default();
    let members = object(Some(document.predicate), "the predicate")?;
    if !members.contains_key(AROUND) {
        bare(members, &mut scan, each)?;
    } else if kinds(members).next().is_some() {
        return Err(ambiguous());
    } else {
        in_toto::read(document.predicate_type, members, &mut scan, each)?;
    }
    Ok(scan)
}

/// A report as its scanner has written it.
pub(super) fn bare<'a>(
    members: &'a Members,
    scan: &mut Scan<'a>,
    each: &mut Each<'a, '_>,
) -> Read<()> {
    let mut found = kinds(members);
    match (found.next(), found.next()) {
        (Some(read), None) => read(members, scan, each),
        (Some(_), Some(_)) => Err(ambiguous()),
        (None, _) => Err(unsupported("this is no report of a scanner that is known here").expected(
            "cosign's or in-toto's record of a scan, or JSON of Trivy, Grype, SARIF or CycloneDX",
        )),
    }
}

fn kinds(members: &Members) -> impl Iterator<Item = Reader> + '_ {
    KINDS.iter().filter(|(member, _)| members.contains_key(*member)).map(|(_, read)| *read)
}

fn ambiguous() -> crate::verdict::Reason {
    unsupported("the report may be of several kinds").expected("members of one kind of report")
}

/// A value as text, for messages about versions of formats.
pub(super) fn written(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| super::shape::shortened(&value.to_string()))
}
