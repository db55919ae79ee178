//! `countersign kubewarden artifacthub`: the package's description for Artifact Hub, as
//! `kwctl scaffold artifacthub` makes it of a policy's metadata.

use std::fs;

use clap::Args;
use countersign::time::Time;
use serde_json::{Map, Value, json};

use super::{
    super::{
        Exit,
        clock::{self, Clock},
        output::print,
        report::refuse,
    },
    emit,
    metadata::Metadata,
};
use crate::policy::Document;

/// The order of a package's fields.
const FIELDS: &[&str] = &[
    "version",
    "name",
    "displayName",
    "createdAt",
    "description",
    "license",
    "homeURL",
    "containersImages",
    "keywords",
    "links",
    "install",
    "maintainers",
    "provider",
    "recommendations",
    "annotations",
];
const CONTROLLER: &str = "https://artifacthub.io/packages/helm/kubewarden/kubewarden-controller";
const HELP: &str = "\
Exit codes:
  0  written
  3  bad input: metadata that lacks something

Examples:
  countersign kubewarden artifacthub --metadata-path metadata.yml --questions-path questions-ui.yml \\
      --created-at 2026-11-21T00:00:00Z > artifacthub-pkg.yml";

/// Print a package's description for Artifact Hub
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ArtifactHub {
    /// The metadata, YAML
    #[arg(long, short, value_name = "FILE")]
    metadata_path: String,
    /// The questions of Rancher's form, YAML
    #[arg(long, short, value_name = "FILE")]
    questions_path: Option<String>,
    /// When the package was made, instead of now
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    created_at: Option<Time>,
}

impl ArtifactHub {
    pub(super) fn run(self) -> Exit {
        match self.package() {
            Ok(text) => match print(&text) {
                Ok(()) => Exit::Allow,
                Err(e) => refuse(&format!("it cannot be written: {e}")),
            },
            Err(words) => refuse(&words),
        }
    }

    fn package(&self) -> Result<String, String> {
        let document = Document::load(&self.metadata_path).map_err(|e| e.to_string())?;
        let wrong = |e: String| format!("`{}`: {e}", self.metadata_path);
        let metadata = Metadata::read(document.value).map_err(wrong)?;
        let questions = match &self.questions_path {
            None => None,
            Some(path) => Some(questions(path)?),
        };
        let created = Clock::new(self.created_at).now.to_string();
        let package = package(&metadata, &created, questions).map_err(wrong)?;
        let mut text = String::from(
            "# Artifact Hub package of the policy, made of metadata.yml by\n#   countersign kubewarden artifacthub\n",
        );
        for field in FIELDS {
            if let Some(value) = package.get(*field) {
                text.push_str(&emit::yaml(&json!({ *field: value })));
            }
        }
        Ok(text)
    }
}

fn questions(path: &str) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("`{path}`: {e}"))?;
    match crate::policy::parse_yaml(&text) {
        Ok(value) if value["questions"].is_array() => Ok(text),
        Ok(_) => Err(format!("`{path}`: `questions` is missing")),
        Err(e) => Err(format!("`{path}`: {e}")),
    }
}

fn package(
    metadata: &Metadata,
    created: &str,
    questions: Option<String>,
) -> Result<Map<String, Value>, String> {
    let policy = |name: &str| metadata.annotation(&format!("io.kubewarden.policy.{name}"));
    let need = |name: &str| metadata.need(&format!("io.kubewarden.policy.{name}"));
    let version = need("version")?;
    if version.split('.').count() < 3 || !version.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{version}` is no semantic version"));
    }
    let image = format!("{}:v{version}", need("ociUrl")?);
    let mut package = Map::new();
    let mut say = |field: &str, value: Value| package.insert(field.to_owned(), value);
    say("version", json!(version));
    say("name", json!(need("title")?));
    say("displayName", json!(metadata.need("io.artifacthub.displayName")?));
    say("createdAt", json!(created));
    say("description", json!(need("description")?));
    for (field, annotation) in [("license", "license"), ("homeURL", "url")] {
        if let Some(value) = policy(annotation) {
            say(field, json!(value));
        }
    }
    say("containersImages", json!([{ "name": "policy", "image": image }]));
    if let Some(words) = metadata.annotation("io.artifacthub.keywords") {
        let words: Vec<_> = words.split(',').map(str::trim).collect();
        if words.iter().any(|word| word.is_empty()) {
            return Err("`io.artifacthub.keywords` has an empty one".to_owned());
        }
        say("keywords", json!(words));
    }
    if let Some(source) = policy("source") {
        let tag = metadata.annotation("com.github.release.tag").map(str::to_owned);
        let tag = tag.unwrap_or_else(|| format!("v{version}")).replace('/', "%2F");
        let download = format!("{source}/releases/download/{tag}/policy.wasm");
        let own = json!({ "name": "source", "url": source });
        say(
            "links",
            match source.starts_with("https://github.com/") {
                true => json!([{ "name": "policy", "url": download }, own]),
                false => json!([own]),
            },
        );
    }
    say("install", json!(install(&image)));
    if let Some(authors) = policy("author") {
        say("maintainers", json!(maintainers(authors)?));
    }
    say("provider", json!({ "name": "kubewarden" }));
    say("recommendations", json!([{ "url": CONTROLLER }]));
    say("annotations", json!(annotations(metadata, questions)));
    Ok(package)
}

fn install(image: &str) -> String {
    format!(
        "The policy can be obtained using [kwctl](https://docs.kubewarden.io/howtos/install-kwctl):\n\
         ```console\nkwctl pull {image}\n```\n\
         Then, generate the policy manifest and tune it to your liking. For example:\n\
         ```console\nkwctl scaffold manifest -t ClusterAdmissionPolicy registry://{image}\n```\n"
    )
}

/// `Name <address>, …`
fn maintainers(authors: &str) -> Result<Vec<Value>, String> {
    let one = |author: &str| {
        let (name, address) = author.trim().strip_suffix('>')?.split_once('<')?;
        let good = address.split_once('@').is_some_and(|(of, at)| !of.is_empty() && !at.is_empty());
        good.then(|| json!({ "name": name.trim(), "email": address }))
    };
    authors
        .split(',')
        .map(|author| one(author).ok_or_else(|| format!("`{author}` is not `Name <address>`")))
        .collect()
}

fn annotations(metadata: &Metadata, questions: Option<String>) -> Map<String, Value> {
    let mut annotations = Map::new();
    let mut say = |name: &str, value: String| {
        annotations.insert(format!("kubewarden/{name}"), json!(value));
    };
    say("mutation", metadata.mutating.to_string());
    say("rules", emit::yaml(&json!(metadata.rules)));
    if !metadata.context_aware_resources.is_empty() {
        say("contextAwareResources", emit::yaml(&json!(metadata.context_aware_resources)));
    }
    if let Some(questions) = questions {
        say("questions-ui", questions);
    }
    for (name, annotation) in
        [("hidden-ui", "io.kubewarden.hidden-ui"), ("resources", "io.artifacthub.resources")]
    {
        if let Some(value) = metadata.annotation(annotation) {
            say(name, value.to_owned());
        }
    }
    annotations
}
