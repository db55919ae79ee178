//! `provenance`: how an image was built, by SLSA provenance v0.1, v0.2 and v1.
//!
//! Whoever signs a provenance writes its builder: `signedBy` says who that may be, and the builder
//! is worth no more than that.

mod build;
mod level;
mod origin;
mod repository;

use std::fmt;

use serde_json::Value;

use super::{Context, Document, few::Few, glob, glob::Glob};
use crate::verdict::{Code, Reason};
use build::Build;
pub use level::MOST_LEVEL;
use origin::Origin;
pub use repository::Source;

/// `attestation.provenance`. What is empty is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// `builder`: one of them.
    pub builders: Vec<Glob>,
    /// `buildType`: one of them.
    pub build_types: Vec<Glob>,
    /// `source`: one of them.
    pub sources: Vec<Source>,
    /// `ref`: one of them.
    pub refs: Vec<Glob>,
    /// `commit`: one of them, in lower-case hexadecimal digits.
    pub commits: Vec<String>,
    /// `parameters`: all of them.
    pub parameters: Vec<Parameter>,
    /// `otherParameters: deny`.
    pub no_other_parameters: bool,
    /// `dependencies`: each of the build's is one of them.
    pub dependencies: Vec<Glob>,
    /// `level`.
    pub level: Option<u8>,
    /// `levels`: what the policy knows of builders.
    pub levels: Vec<(Glob, u8)>,
}

/// One of `parameters`.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As written.
    pub name: String,
    /// A JSON pointer into the parameters of the build.
    pub pointer: String,
    /// One of these.
    pub values: Vec<Value>,
}

impl Provenance {
    /// One line of what was seen, or everything that is wrong.
    pub fn check(
        &self,
        document: &Document<'_>,
        _context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        let build = Build::read(document.predicate_type, document.predicate)
            .map_err(|reason| vec![reason])?;
        let mut reasons = Vec::new();
        reasons.extend(self.builder(&build));
        reasons.extend(self.build_type(&build));
        let origin = self.origin(&build, &mut reasons);
        reasons.extend(self.parameters(&build));
        reasons.extend(self.other_parameters(&build));
        reasons.extend(self.level(&build));
        reasons.extend(self.dependencies(&build));
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let origin = origin.map(|o| format!(" from {o}")).unwrap_or_default();
        Ok(format!("built by {}{origin}", build.builder))
    }

    fn builder(&self, build: &Build<'_>) -> Option<Reason> {
        unless_any(&self.builders, build.builder, Code::ProvenanceBuilder)
    }

    fn build_type(&self, build: &Build<'_>) -> Option<Reason> {
        unless_any(&self.build_types, build.build_type, Code::ProvenanceBuildType)
    }

    /// Source, ref and commit. Where a build names several origins, each must be allowed.
    fn origin(&self, build: &Build<'_>, reasons: &mut Vec<Reason>) -> Option<Origin> {
        let asked = !self.sources.is_empty() || !self.refs.is_empty() || !self.commits.is_empty();
        let origins = match build.origins() {
            Ok(origins) => origins,
            Err(_) if !asked => return None,
            Err(reason) => {
                reasons.push(reason);
                return None;
            }
        };
        if asked {
            reasons.extend(self.source(&origins));
            reasons.extend(self.reference(&origins));
            reasons.extend(self.commit(&origins));
        }
        origins.into_iter().next()
    }

    fn source(&self, origins: &[Origin]) -> Option<Reason> {
        if self.sources.is_empty() {
            return None;
        }
        let wrong: Vec<_> = origins
            .iter()
            .filter(|origin| !self.sources.iter().any(|source| source.matches(origin)))
            .collect();
        // A repository that is right and a ref that is not is another fault.
        let repository = |origin: &&Origin| self.sources.iter().any(|s| s.is_repository_of(origin));
        let code = match wrong.as_slice() {
            [] => return None,
            wrong if wrong.iter().all(repository) => Code::ProvenanceRef,
            _ => Code::ProvenanceSource,
        };
        let expected: Vec<_> = self.sources.iter().map(|s| format!("`{s}`")).collect();
        Some(Reason::new(code, code.summary()).expected(expected.join(" or ")).found(all(wrong)))
    }

    fn reference(&self, origins: &[Origin]) -> Option<Reason> {
        if self.refs.is_empty() {
            return None;
        }
        // A second origin may be named without its ref; the build as a whole may not.
        let there = |o: &&Origin| o.reference.is_some();
        let right = |o: &Origin| o.reference.as_ref().is_some_and(|r| glob::any(&self.refs, r));
        let named: Vec<_> = origins.iter().filter(there).collect();
        if !named.is_empty() && named.iter().all(|o| right(o)) {
            return None;
        }
        let found = if named.is_empty() { "no ref".to_owned() } else { all(named) };
        Some(Reason::of(Code::ProvenanceRef).expected(glob::describe(&self.refs)).found(found))
    }

    fn commit(&self, origins: &[Origin]) -> Option<Reason> {
        if self.commits.is_empty() {
            return None;
        }
        let found: Vec<&str> = origins.iter().filter_map(|o| o.commit.as_deref()).collect();
        if !found.is_empty() && found.iter().all(|f| self.commits.iter().any(|c| c == f)) {
            return None;
        }
        let found = if found.is_empty() { "no commit".to_owned() } else { found.join(", ") };
        let expected = format!("commit {}", self.commits.join(" or "));
        Some(Reason::of(Code::ProvenanceRef).expected(expected).found(found))
    }

    fn parameters(&self, build: &Build<'_>) -> Option<Reason> {
        let (mut expected, mut found) = (Few::default(), Few::default());
        for parameter in &self.parameters {
            let value = build.parameters.pointer(&parameter.pointer);
            if value.is_some_and(|value| parameter.values.contains(value)) {
                continue;
            }
            expected.push(|| {
                let values: Vec<_> = parameter.values.iter().map(ToString::to_string).collect();
                format!("{} = {}", parameter.name, values.join(" or "))
            });
            found.push(|| match value {
                Some(value) => format!("{} = {}", parameter.name, brief(value)),
                None => format!("no {}", parameter.name),
            });
        }
        let wrong = !expected.is_empty();
        wrong.then(|| {
            Reason::of(Code::ProvenanceParameters)
                .expected(expected.to_string())
                .found(found.to_string())
        })
    }

    /// spec: SLSA v1.0 §Verifying artifacts, Step 2: Check expectations "the verifier SHOULD reject
    /// the artifact if … unrecognized external parameters"
    fn other_parameters(&self, build: &Build<'_>) -> Option<Reason> {
        if !self.no_other_parameters {
            return None;
        }
        let mut others = Few::default();
        for name in build.parameters.as_object().into_iter().flatten().map(|(name, _)| name) {
            let named = |p: &Parameter| {
                p.pointer.split('/').nth(1).is_some_and(|first| unescaped(first) == *name)
            };
            if !build.is_source_parameter(name) && !self.parameters.iter().any(named) {
                others.push(|| format!("`{name}`"));
            }
        }
        (!others.is_empty()).then(|| {
            Reason::of(Code::ProvenanceParameters)
                .expected("no parameters that the policy does not name")
                .found(others.to_string())
        })
    }

    fn level(&self, build: &Build<'_>) -> Option<Reason> {
        let wanted = self.level?;
        let found = level::of(build.builder, &self.levels);
        if found.is_some_and(|found| found >= wanted) {
            return None;
        }
        let reason =
            Reason::of(Code::ProvenanceLevel).expected(format!("SLSA build level {wanted}"));
        Some(match found {
            Some(found) => reason.found(format!("level {found}: {}", build.builder)),
            None => reason
                .found(format!("nothing is known of {}", build.builder))
                .next("name the builder and its level in `levels`"),
        })
    }

    fn dependencies(&self, build: &Build<'_>) -> Option<Reason> {
        if self.dependencies.is_empty() {
            return None;
        }
        let mut wrong = Few::default();
        for dependency in build.dependencies {
            match dependency.get("uri").and_then(Value::as_str) {
                Some(uri) if glob::any(&self.dependencies, uri) => {}
                Some(uri) => wrong.push(|| format!("`{uri}`")),
                None => wrong.push(|| "one without a `uri`".to_owned()),
            }
        }
        (!wrong.is_empty()).then(|| {
            Reason::new(Code::ProvenanceSource, "the build used what the policy does not list")
                .expected(glob::describe(&self.dependencies))
                .found(wrong.to_string())
        })
    }
}

fn unless_any(allowed: &[Glob], found: &str, code: Code) -> Option<Reason> {
    if allowed.is_empty() || glob::any(allowed, found) {
        return None;
    }
    Some(Reason::of(code).expected(glob::describe(allowed)).found(found))
}

fn all<T: fmt::Display>(items: Vec<T>) -> String {
    let mut few = Few::default();
    items.iter().for_each(|item| few.push(|| item.to_string()));
    few.to_string()
}

/// A value of the document, cut off where it is long.
fn brief(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(map) => format!("an object of {}", map.len()),
        Value::String(text) if text.len() > 200 => format!("a text of {} bytes", text.len()),
        other => other.to_string(),
    }
}

/// [RFC 6901 §4](https://www.rfc-editor.org/rfc/rfc6901#section-4)
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
