//! What a registry can and cannot do, found out by asking it.

mod access;
mod connection;
mod lists;
mod push;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::registry::{Probe, Registry, RegistryError, Repository};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Not looked at, as something before it is not there.
    Skipped,
    /// Verification works; something else does not, or takes a detour.
    Warn,
    /// Verification cannot work, or not for all signatures.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Stable name: `referrers`.
    pub id: &'static str,
    /// How it came out.
    pub grade: Grade,
    /// What was seen. Parts of it are a stranger's.
    pub found: String,
    /// What that means, where it is not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<&'static str>,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What to look at.
#[derive(Clone, Debug)]
pub struct Patient {
    /// The repository.
    pub repository: Repository,
    /// A tag or digest in it; without one, a tag is taken from its list.
    pub reference: Option<String>,
    /// The time by this machine.
    pub now: SystemTime,
    /// Whether to write, and to delete what was written.
    pub push: bool,
}

/// Looks at everything, in order. Without `push` nothing is written.
pub fn examine(registry: &Registry, patient: &Patient) -> Vec<Check> {
    let mut exam = Exam { registry, patient, checks: Vec::new(), took: Vec::new() };
    if exam.connection() {
        let scheme = exam.access();
        let subject = exam.pull(scheme.as_ref());
        exam.tags();
        exam.referrers(subject.as_deref());
        if patient.push {
            exam.push();
        }
        exam.round_trips();
    }
    exam.checks
}

/// The worst of them.
pub fn worst(checks: &[Check]) -> Grade {
    checks.iter().map(|check| check.grade).max().unwrap_or(Grade::Ok)
}

/// An examination under way.
struct Exam<'a> {
    registry: &'a Registry,
    patient: &'a Patient,
    checks: Vec<Check>,
    took: Vec<Duration>,
}

impl Exam<'_> {
    fn probe(&mut self, path: &str) -> Result<Probe, RegistryError> {
        let probe = self.registry.probe(&self.patient.repository, path)?;
        self.took.push(probe.took);
        Ok(probe)
    }

    fn note(&mut self, id: &'static str, grade: Grade, found: impl Into<String>) -> &mut Check {
        let check = Check { id, grade, found: found.into(), means: None, next: None };
        self.checks.push(check);
        // The one that was just put there.
        let last = self.checks.len() - 1;
        &mut self.checks[last]
    }
}

impl Check {
    fn means(&mut self, means: &'static str) -> &mut Self {
        self.means = Some(means);
        self
    }

    fn next(&mut self, next: impl Into<String>) -> &mut Self {
        self.next = Some(next.into());
        self
    }
}

/// Milliseconds, for people.
fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
