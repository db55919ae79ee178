//! What a build was started from.
//!
//! A build has many dependencies and one source: that which the builder was told to build. Where it
//! stands is the build type's matter (SLSA provenance v1 §BuildDefinition), so a build type that is
//! not in the tables below has no source, and a policy that asks for one fails.

use std::fmt;

use serde_json::Value;

use super::{
    build::{Build, Version, malformed, text},
    repository::Named,
};
use crate::verdict::{Code, Reason};

/// A repository, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) repository: String,
    pub(super) reference: Option<String>,
    pub(super) commit: Option<String>,
}

/// How the build types of v1 say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `source.uri`, `configSource.uri` with their digest: a resource descriptor.
    Descriptor(&'static str),
    /// The first dependency, by slsa-github-generator's contract with its delegated builders; the
    /// workflow that called it must be of the same repository.
    FirstDependency,
    /// Tekton's inputs, which have a name.
    Inputs,
    /// A repository and a ref side by side; the commit is that of the dependency of that name.
    Repository { object: &'static str },
    /// The URL of a project; the commit is that of the dependency of that name.
    Project(&'static str),
}

/// spec: SLSA provenance v1 §BuildDefinition "buildType"
const WAYS: &[(&str, Way)] = &[
    ("https://actions.github.io/buildtypes/workflow/v1", Way::Repository { object: "workflow" }),
    (
        "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
        Way::Repository { object: "workflow" },
    ),
    (
        "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
        Way::Repository { object: "buildConfigSource" },
    ),
    ("https://slsa.dev/container-based-build/v0.1?draft", Way::Descriptor("source")),
    (
        "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
        Way::Descriptor("configSource"),
    ),
    (
        "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
        Way::FirstDependency,
    ),
    ("https://tekton.dev/chains/v2/slsa", Way::Inputs),
    ("https://tekton.dev/chains/v2/slsa-tekton", Way::Inputs),
];

const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator";
const GITLAB_RUNNER: &str = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/";

impl Build<'_> {
    fn way(&self) -> Option<Way> {
        if self.build_type.starts_with(GITLAB_RUNNER) {
            return Some(Way::Project("source"));
        }
        WAYS.iter().find(|(build_type, _)| *build_type == self.build_type).map(|(_, way)| *way)
    }

    /// Never empty: each of them must be what the policy asks for.
    pub(super) fn origins(&self) -> Result<Vec<Origin>, Reason> {
        match self.version {
            Version::V0_1 => self.origins_0_1(),
            Version::V0_2 => self.origins_0_2(),
            Version::V1 => self.origins_1(),
        }
    }

    /// True for a parameter that is looked at as the source.
    pub(super) fn is_source_parameter(&self, name: &str) -> bool {
        if self.version != Version::V1 {
            return false;
        }
        match self.way() {
            Some(Way::Descriptor(at) | Way::Project(at) | Way::Repository { object: at }) => {
                at == name
            }
            Some(Way::FirstDependency | Way::Inputs) | None => false,
        }
    }

    /// spec: SLSA provenance v0.1 §recipe.definedInMaterial. Google Cloud Build writes a text there,
    /// and its source first.
    fn origins_0_1(&self) -> Result<Vec<Origin>, Reason> {
        let index = match self.predicate.pointer("/recipe/definedInMaterial") {
            Some(Value::Number(index)) => index.as_u64().and_then(|i| usize::try_from(i).ok()),
            _ if self.builder.starts_with("https://cloudbuild.googleapis.com/") => Some(0),
            _ => None,
        };
        let material = index.and_then(|index| self.dependencies.get(index));
        let origin = material.and_then(described);
        Ok(vec![origin.ok_or_else(|| unnamed("/recipe/definedInMaterial"))?])
    }

    /// spec: SLSA provenance v0.2 §invocation.configSource "where the config file that kicked off
    /// the build came from". Tekton's is the pipeline's own repository: the source is among the
    /// materials, so all that come from git must be it.
    fn origins_0_2(&self) -> Result<Vec<Origin>, Reason> {
        if self.build_type.starts_with("tekton.dev/")
            || self.build_type.starts_with("https://tekton.dev/")
        {
            let is_git = |m: &&Value| uri(m).is_some_and(is_git);
            return each(self.dependencies.iter().filter(is_git), "/materials");
        }
        let config = self.predicate.pointer("/invocation/configSource");
        let origin = config.and_then(described);
        let mut origins = vec![origin.ok_or_else(|| unnamed("/invocation/configSource/uri"))?];
        if self.build_type.starts_with(GENERATOR) {
            let first = self.dependencies.first().and_then(described);
            origins.push(first.ok_or_else(|| unnamed("/materials/0/uri"))?);
        }
        Ok(origins)
    }

    fn origins_1(&self) -> Result<Vec<Origin>, Reason> {
        let Some(way) = self.way() else {
            return Err(Reason::new(
                Code::ProvenanceSource,
                "where this build type names its source is not known",
            )
            .expected("a build type of the table in docs/policy.md")
            .found(self.build_type)
            .next("ask for the source by `parameters`, and for the build type by `buildType`"));
        };
        match way {
            Way::Descriptor(at) => {
                let origin = self.parameters.get(at).and_then(described);
                Ok(vec![origin.ok_or_else(|| unnamed(&format!("{PARAMETERS}/{at}/uri")))?])
            }
            Way::FirstDependency => self.delegated(),
            Way::Inputs => {
                let input = |d: &&Value| {
                    let name = d.get("name").and_then(Value::as_str);
                    name == Some("inputs/result") && uri(d).is_some_and(is_git)
                };
                each(self.dependencies.iter().filter(input), DEPENDENCIES)
            }
            Way::Repository { object } => {
                let place = |name| format!("{PARAMETERS}/{object}/{name}");
                let repository = text(self.predicate, &place("repository"))?;
                let reference = text(self.predicate, &place("ref"))?;
                let origin =
                    Origin::named(repository).ok_or_else(|| unnamed(&place("repository")))?;
                Ok(self.with_commits(Origin { reference: Some(reference.to_owned()), ..origin }))
            }
            Way::Project(at) => {
                let place = format!("{PARAMETERS}/{at}");
                let project = text(self.predicate, &place)?;
                let origin = Origin::named(project).ok_or_else(|| unnamed(&place))?;
                Ok(self.with_commits(origin))
            }
        }
    }

    /// One for each commit that the dependencies name of it: if they disagree, all must be allowed.
    fn with_commits(&self, origin: Origin) -> Vec<Origin> {
        let same = |found: &Origin| {
            let reference = found.reference.is_none() || found.reference == origin.reference;
            found.repository == origin.repository && reference && found.commit.is_some()
        };
        let mut origins: Vec<Origin> = Vec::new();
        for found in self.dependencies.iter().filter_map(described).filter(same) {
            // The refs are equal, so is everything but the commit.
            if origins.last().is_none_or(|last| last.commit != found.commit) {
                origins.push(Origin { commit: found.commit, ..origin.clone() });
            }
        }
        if origins.is_empty() { vec![origin] } else { origins }
    }

    fn delegated(&self) -> Result<Vec<Origin>, Reason> {
        let place = "/buildDefinition/internalParameters/GITHUB_WORKFLOW_REF";
        let source = self.dependencies.first().and_then(described);
        let source = source.ok_or_else(|| unnamed(&format!("{DEPENDENCIES}/0/uri")))?;
        // `acme/app/.github/workflows/release.yml@refs/heads/main`
        let caller = text(self.predicate, place)?;
        let (path, reference) =
            caller.split_once('@').ok_or_else(|| malformed(place, "a workflow and its ref"))?;
        let mut parts = path.splitn(3, '/');
        let (Some(owner), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed(place, "a workflow and its ref"));
        };
        let caller = Origin::named(&format!("https://github.com/{owner}/{name}"));
        let caller = caller.ok_or_else(|| malformed(place, "a workflow and its ref"))?;
        Ok(vec![source, Origin { reference: Some(reference.to_owned()), ..caller }])
    }
}

const PARAMETERS: &str = "/buildDefinition/externalParameters";
const DEPENDENCIES: &str = "/buildDefinition/resolvedDependencies";

impl Origin {
    pub(super) fn named(uri: &str) -> Option<Self> {
        let Named { repository, reference } = Named::parse(uri)?;
        Some(Self { repository, reference, commit: None })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(reference) = &self.reference {
            write!(f, "@{reference}")?;
        }
        match &self.commit {
            Some(commit) => write!(f, " (commit {commit})"),
            None => Ok(()),
        }
    }
}

fn uri(descriptor: &Value) -> Option<&str> {
    descriptor.get("uri").and_then(Value::as_str)
}

fn is_git(uri: &str) -> bool {
    ["git+", "git:", "git@"].iter().any(|scheme| uri.starts_with(scheme))
        || uri.split(['@', '#']).next().is_some_and(|uri| uri.ends_with(".git"))
}

/// What a resource descriptor names. GitLab writes the commit as `sha256`.
fn described(descriptor: &Value) -> Option<Origin> {
    let mut origin = Origin::named(uri(descriptor)?)?;
    let digest = |name| descriptor.get("digest").and_then(|d| d.get(name)).and_then(Value::as_str);
    let commit = digest("gitCommit").or_else(|| digest("sha1")).or_else(|| digest("sha256"));
    let is_commit =
        |text: &&str| matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    // Without a digest, a ref may be the commit.
    let commit = commit.or(origin.reference.as_deref()).filter(is_commit);
    origin.commit = commit.map(str::to_ascii_lowercase);
    Some(origin)
}

/// All of them, at least one.
fn each<'a>(
    descriptors: impl Iterator<Item = &'a Value>,
    place: &str,
) -> Result<Vec<Origin>, Reason> {
    let origins: Option<Vec<_>> = descriptors.map(described).collect();
    origins.filter(|origins| !origins.is_empty()).ok_or_else(|| unnamed(place))
}

fn unnamed(place: &str) -> Reason {
    Reason::new(Code::ProvenanceSource, "the provenance does not name its source")
        .expected(format!("a repository at `{place}`"))
}
