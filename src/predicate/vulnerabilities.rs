//! `vulnerabilities`: what a scan has found, held against what the policy allows.
//!
//! Whatever is not known counts against the image: a report of another shape, a severity that
//! nobody has rated, a fix or a date that the format cannot tell.

mod cyclonedx;
mod grype;
mod in_toto;
mod names;
mod package;
mod report;
mod sarif;
mod scanner;
mod severity;
mod shape;
mod tally;
mod trivy;
mod vex;

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Document, purl::Purl};
use crate::{
    time::Time,
    verdict::{Code, Reason},
};
pub use names::key;
use report::Scan;
pub use scanner::{Scanner, Version};
pub use severity::{SEVERITIES, Severity};
use tally::Tally;
use vex::Vex;

/// How much newer than the scan a database may say that it is: clocks differ.
const MOST_SKEW: i64 = 300;

/// `attestation.vulnerabilities`.
#[derive(Clone, Debug)]
pub struct Vulnerabilities {
    /// The worst severity that is allowed.
    pub allow_up_to: Severity,
    /// Scanners of which one must have made the report; any, if there is none.
    pub scanners: Vec<Scanner>,
    /// How old the database may have been at the scan, in seconds.
    pub database_max_age: Option<i64>,
    /// What is never allowed, by [`key`].
    pub deny: BTreeSet<String>,
    /// What does not count for a while, by [`key`].
    pub ignore: BTreeMap<String, Vec<Ignore>>,
    /// Only what has a fix counts.
    pub only_fixed: bool,
    /// Seconds after which what has a fix counts; at once where there is no entry.
    pub fixed_leeway: BTreeMap<Severity, i64>,
    /// What the scanner was told to leave out counts too.
    pub count_suppressed: bool,
}

/// One of `ignore`, without its name.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// Where only; everywhere, if it is not said.
    pub package: Option<IgnoredPackage>,
    /// From then on it counts for nothing.
    pub until: Time,
    /// Why, for those who read the policy.
    pub reason: String,
}

/// One package: by the name in the report, or by package URL.
#[derive(Clone, Debug)]
pub struct IgnoredPackage(Wanted);

#[derive(Clone, Debug)]
enum Wanted {
    Name(String),
    Purl(Purl),
}

impl IgnoredPackage {
    /// Reads a name, or what begins like a package URL and is one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("pkg:") {
            package::pattern(text).map(|purl| Self(Wanted::Purl(purl)))
        } else {
            Some(Self(Wanted::Name(text.to_owned())))
        }
    }
}

impl Vulnerabilities {
    /// One line of what was seen, or everything that is wrong.
    pub fn check(
        &self,
        document: &Document<'_>,
        context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        let vex = Vex::read(context);
        let mut tally = Tally::new(self, context.now, &vex);
        let scan = report::read(document, &mut |finding| tally.add(&finding))
            .map_err(|reason| vec![reason])?;
        let scanned = scan.scanned.or(document.made).unwrap_or_else(|| {
            if let (Some(built), Some(most)) = (scan.database, self.database_max_age) {
                context.now.watch(built.minus(MOST_SKEW));
                context.now.watch(built.plus(most).plus(1));
            }
            context.now.time()
        });
        let wrong = [tally.reason(), self.database(&scan, scanned), self.scanner(&scan)];
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        if wrong.is_empty() {
            Ok(format!("{}: {}", described(&scan), tally.describe()))
        } else {
            Err(wrong)
        }
    }

    fn scanner(&self, scan: &Scan<'_>) -> Option<Reason> {
        let accepted = |tool| self.scanners.iter().any(|scanner| scanner.is(tool));
        if self.scanners.is_empty() || scan.tools.iter().any(accepted) {
            return None;
        }
        let wanted: Vec<_> = self.scanners.iter().map(Scanner::describe).collect();
        let reason = Reason::of(Code::VulnerabilityScanner);
        Some(reason.expected(wanted.join(" or ")).found(described(scan)))
    }

    fn database(&self, scan: &Scan<'_>, scanned: Time) -> Option<Reason> {
        let most = self.database_max_age?;
        let expected = format!("a database of at most {}", span(most));
        let Some(built) = scan.database else {
            let message = "the scan does not say how old the scanner's database is";
            let reason = Reason::new(Code::VulnerabilityDatabase, message);
            let next = "attest a report that has it: Grype's JSON, or `scanner.db.lastUpdate` of the \
                        record around it";
            return Some(reason.expected(expected).found("no date").next(next));
        };
        let age = scanned.unix().saturating_sub(built.unix());
        let found = format!("one of {built}, at a scan of {scanned}");
        if age < -MOST_SKEW {
            let message = "the scanner's database is newer than the scan";
            let reason = Reason::new(Code::VulnerabilityDatabase, message);
            return Some(reason.expected(expected).found(found));
        }
        (age > most)
            .then(|| Reason::of(Code::VulnerabilityDatabase).expected(expected).found(found))
    }

    /// What is allowed, for people.
    fn describe(&self) -> String {
        let fixed = if self.only_fixed { " that has a fix" } else { "" };
        let mut said = match self.allow_up_to {
            Severity::Unknown => "any severity".to_owned(),
            most => format!("nothing{fixed} above `{}`", most.as_str()),
        };
        if !self.deny.is_empty() {
            said.push_str(", and nothing of `deny`");
        }
        said
    }
}

/// Tools that a verdict names.
const MOST_TOOLS: usize = 3;

fn described(scan: &Scan<'_>) -> String {
    let tools: Vec<_> = scan.tools.iter().take(MOST_TOOLS).map(scanner::described).collect();
    match tools.as_slice() {
        [] => "an unnamed scanner".to_owned(),
        tools => tools.join(", "),
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
