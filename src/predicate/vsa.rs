//! `vsa`: what a verifier has found, by
//! [SLSA verification summaries](https://slsa.dev/spec/v1.1/verification_summary).

mod resource;

use std::fmt;

use serde_json::Value;

use super::{Context, Document, few::Few, glob, glob::Glob, uri};
use crate::verdict::{Code, Reason};

/// `attestation.vsa`.
#[derive(Clone, Debug)]
pub struct Vsa {
    /// `verifier`: one of them. Never empty: a summary is worth what its verifier is worth.
    pub verifiers: Vec<Glob>,
    /// `resource`: one of them. Where it is empty, the image's own repository.
    pub resources: Vec<Glob>,
    /// `policy`, or its `uri`: one of them.
    pub policies: Vec<Glob>,
    /// `policy.digest`, as `sha256:…`.
    pub policy_digest: Option<(String, String)>,
    /// `level` and `levels`: all of them.
    pub levels: Vec<Level>,
    /// `dependencyLevel`: the least build level of every dependency.
    pub dependency_level: Option<u32>,
}

/// A level of a track, or any other property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// `SLSA_<track>_LEVEL_<number>`, which implies those below it.
    Track {
        /// `BUILD`, `SOURCE`; empty in SLSA v0.1.
        track: String,
        /// The number.
        number: u32,
    },
    /// Any other word, which implies nothing.
    Word(String),
}

/// What the members are called in v1, and what before.
struct Names {
    resource: &'static str,
    result: &'static str,
    levels: &'static str,
    dependencies: &'static str,
}

const V1: Names = Names {
    resource: "resourceUri",
    result: "verificationResult",
    levels: "verifiedLevels",
    dependencies: "dependencyLevels",
};
const V0: Names = Names {
    resource: "resource_uri",
    result: "verification_result",
    levels: "policy_level",
    dependencies: "dependency_levels",
};

impl Vsa {
    /// One line of what was seen, or everything that is wrong.
    pub fn check(
        &self,
        document: &Document<'_>,
        context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        let names = match document.predicate_type {
            uri::SUMMARY_1 => V1,
            uri::SUMMARY_0_1 | uri::SUMMARY_0_2 => V0,
            other => {
                return Err(vec![
                    Reason::of(Code::PredicateUnsupported)
                        .expected("a SLSA verification summary v1, v0.2 or v0.1")
                        .found(other),
                ]);
            }
        };
        let predicate = document.predicate;
        let mut reasons = Vec::new();
        // spec: VSA v1.1 §How to verify, steps 4 to 7
        reasons.extend(self.verifier(predicate));
        reasons.extend(self.resource(predicate, names.resource, context));
        reasons.extend(self.policy(predicate));
        reasons.extend(result(predicate, names.result));
        match levels(predicate, names.levels) {
            Ok(found) => reasons.extend(self.levels(&found)),
            Err(reason) => reasons.push(reason),
        }
        reasons.extend(self.dependencies(predicate, names.dependencies));
        if reasons.is_empty() {
            Ok(format!("passed by {}", string(predicate, "/verifier/id")))
        } else {
            Err(reasons)
        }
    }

    /// spec: VSA v1.1 §verifier "Consumers MUST accept only specific (signer, verifier) pairs."
    fn verifier(&self, predicate: &Value) -> Option<Reason> {
        let found = string(predicate, "/verifier/id");
        (found.is_empty() || !glob::any(&self.verifiers, found)).then(|| {
            Reason::of(Code::VsaVerifier).expected(glob::describe(&self.verifiers)).found(found)
        })
    }

    /// spec: VSA v1.1 §How to verify, step 5
    fn resource(&self, predicate: &Value, name: &str, context: &Context<'_>) -> Option<Reason> {
        let found = string(predicate, &format!("/{name}"));
        let reason = || Reason::of(Code::VsaResource).found(found);
        if !self.resources.is_empty() {
            let matches = !found.is_empty() && glob::any(&self.resources, found);
            return (!matches).then(|| reason().expected(glob::describe(&self.resources)));
        }
        if resource::is_image(found, context) {
            return None;
        }
        Some(
            reason()
                .expected(format!("{}@{}", context.repository, context.digest))
                .next("if the verifier names images otherwise, say how by `resource`"),
        )
    }

    fn policy(&self, predicate: &Value) -> Option<Reason> {
        let uri = string(predicate, "/policy/uri");
        if !self.policies.is_empty() && (uri.is_empty() || !glob::any(&self.policies, uri)) {
            let expected = glob::describe(&self.policies);
            return Some(Reason::of(Code::VsaPolicy).expected(expected).found(uri));
        }
        let (algorithm, wanted) = self.policy_digest.as_ref()?;
        let digest = predicate.pointer("/policy/digest").and_then(|d| d.get(algorithm));
        let found = digest.and_then(Value::as_str).unwrap_or("none");
        (found != wanted).then(|| {
            Reason::of(Code::VsaPolicy)
                .expected(format!("{algorithm}:{wanted}"))
                .found(format!("{algorithm}:{found}"))
        })
    }

    fn levels(&self, found: &[Level]) -> Option<Reason> {
        let missing: Vec<_> = self
            .levels
            .iter()
            .filter(|wanted| !found.iter().any(|found| found.implies(wanted)))
            .map(ToString::to_string)
            .collect();
        if missing.is_empty() {
            return None;
        }
        let mut shown = Few::default();
        found.iter().for_each(|level| shown.push(|| level.to_string()));
        Some(Reason::of(Code::VsaLevel).expected(missing.join(", ")).found(shown.to_string()))
    }

    /// spec: VSA v1.1 §dependencyLevels "an unset or null `dependencyLevels` means that the verifier
    /// makes no claims"
    fn dependencies(&self, predicate: &Value, name: &str) -> Option<Reason> {
        let least = self.dependency_level?;
        let reason = || {
            Reason::of(Code::VsaLevel)
                .expected(format!("every dependency of SLSA build level {least}"))
        };
        let Some(Value::Object(counts)) = predicate.get(name) else {
            return Some(reason().found(format!("no `{name}`")));
        };
        let mut below = Few::default();
        for (name, count) in counts {
            let enough = match Level::parse(name) {
                Level::Track { track, number } => track != "BUILD" || number >= least,
                Level::Word(_) => false,
            };
            if !enough && count.as_u64() != Some(0) {
                below.push(|| format!("{count} of {name}"));
            }
        }
        (!below.is_empty()).then(|| reason().found(below.to_string()))
    }
}

/// spec: VSA v1.1 §How to verify, step 6
fn result(predicate: &Value, name: &str) -> Option<Reason> {
    let found = string(predicate, &format!("/{name}"));
    (found != "PASSED").then(|| Reason::of(Code::VsaResult).expected("PASSED").found(found))
}

/// What was verified: a list in v1, one text before.
fn levels(predicate: &Value, name: &str) -> Result<Vec<Level>, Reason> {
    let malformed =
        || Reason::of(Code::PredicateMalformed).expected(format!("a list of texts at `/{name}`"));
    match predicate.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(level)) if name == V0.levels => Ok(vec![Level::parse(level)]),
        Some(Value::Array(items)) if name == V1.levels => {
            items.iter().map(|l| l.as_str().map(Level::parse).ok_or_else(malformed)).collect()
        }
        Some(_) => Err(malformed()),
    }
}

/// A text of the document, for comparison and for people; empty where there is none.
fn string<'a>(predicate: &'a Value, pointer: &str) -> &'a str {
    predicate.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Level {
    /// spec: VSA v1.1 §SlsaResult
    pub fn parse(text: &str) -> Self {
        let track = || {
            let (track, number) = text.strip_prefix("SLSA_")?.rsplit_once("LEVEL_")?;
            let is_number = number.bytes().all(|b| b.is_ascii_digit());
            let number = number.parse().ok().filter(|_| is_number)?;
            match track.strip_suffix('_') {
                Some(track) if !track.is_empty() => Some((track, number)),
                None if track.is_empty() => Some(("", number)),
                _ => None,
            }
        };
        match track() {
            Some((track, number)) => Self::Track { track: track.to_owned(), number },
            None => Self::Word(text.to_owned()),
        }
    }

    /// spec: VSA v1.1 §verifiedLevels "each SLSA level implies all levels below it"
    fn implies(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (
                Self::Track { track, number },
                Self::Track { track: wanted_track, number: wanted },
            ) => track == wanted_track && number >= wanted,
            (found, wanted) => found == wanted,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Track { track, number } if track.is_empty() => write!(f, "SLSA_LEVEL_{number}"),
            Self::Track { track, number } => write!(f, "SLSA_{track}_LEVEL_{number}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_implies_those_below_it_on_its_own_track() {
        for (found, wanted, expected) in [
            ("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_3", true),
            ("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2", true),
            ("SLSA_BUILD_LEVEL_10", "SLSA_BUILD_LEVEL_2", true),
            ("SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3", false),
            ("SLSA_SOURCE_LEVEL_3", "SLSA_BUILD_LEVEL_2", false),
            ("SLSA_LEVEL_3", "SLSA_LEVEL_2", true),
            ("SLSA_LEVEL_3", "SLSA_BUILD_LEVEL_2", false),
            ("SLSA_BUILD_LEVEL_+3", "SLSA_BUILD_LEVEL_2", false),
            ("SLSA_BUILD_LEVEL_", "SLSA_BUILD_LEVEL_2", false),
            ("SLSA_BUILD_LEVEL_99999999999", "SLSA_BUILD_LEVEL_2", false),
            ("ACME_GATE", "ACME_GATE", true),
            ("ACME_GATE_3", "ACME_GATE_2", false),
        ] {
            assert_eq!(
                Level::parse(found).implies(&Level::parse(wanted)),
                expected,
                "{found} {wanted}"
            );
            assert_eq!(Level::parse(found).to_string(), found);
        }
    }
}
