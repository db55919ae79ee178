//! `countersign kubewarden push`.

use std::{fs, io::Cursor, path::PathBuf};

use clap::Args;
use countersign::reference::Reference;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        Exit,
        credentials::CredentialOptions,
        explanation::clean,
        output::{note, print},
        report::{Format, refuse},
        target,
    },
    metadata::{Metadata, SECTION},
    wasm,
};
use crate::registry::{Registry, RegistryError, Repository, sha256_of};

const API_VERSION: &str = "countersign.dev/kubewarden-push/v1";
/// As Kubewarden stores modules, and `kwctl push` writes them.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v1+json";
const LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
const SOURCE: &str = "io.kubewarden.policy.source";
const OCI_SOURCE: &str = "org.opencontainers.image.source";
/// The configuration says nothing.
const EMPTY: &[u8] = b"{}";
const HELP: &str = "\
The module must be annotated. Its annotations of one line become the manifest's. The same module gives the same manifest.

Exit codes:
  0  it is there
  2  the registry does not answer, does not let us, or does not take it
  3  bad input: usage, reference, a module that is not annotated

Examples:
  countersign kubewarden push annotated-policy.wasm ghcr.io/acme/policies/countersign:v0.1.0
  countersign kubewarden push --plain-http annotated-policy.wasm localhost:5000/countersign:dev";

/// Push an annotated module to a registry, as `kwctl push` does
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Push {
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The annotated module
    #[arg(value_name = "WASM")]
    module: PathBuf,
    /// Where to: `[registry://]HOST/REPO:TAG`
    #[arg(value_name = "REFERENCE")]
    reference: String,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pushed {
    api_version: &'static str,
    /// By digest: what a policy should name.
    reference: String,
    digest: String,
    tag: String,
    module: String,
}

impl Push {
    pub(super) fn run(self) -> Exit {
        let module = match self.read() {
            Ok(module) => module,
            Err(words) => return refuse(&words),
        };
        let (repository, name, tag) = match place(&self.reference) {
            Ok(place) => place,
            Err(words) => return refuse(&words),
        };
        let registry = match target::registry(self.plain_http, &self.credentials) {
            Ok(registry) => registry,
            Err(words) => return refuse(&words),
        };
        let pushed = push(&registry, &repository, &tag, &module);
        for remark in registry.notes() {
            note(&format!("note: {}", clean(&remark)));
        }
        match pushed {
            Ok(digest) => self.say(&Pushed {
                api_version: API_VERSION,
                reference: format!("registry://{name}@{digest}"),
                digest,
                tag,
                module: sha256_of(&module.wasm),
            }),
            Err(e) => {
                note(&format!("error: {}: {}", clean(&self.reference), clean(&e.to_string())));
                Exit::Undetermined
            }
        }
    }

    fn say(&self, pushed: &Pushed) -> Exit {
        let text = match self.output {
            Format::Json => serde_json::to_string_pretty(pushed).unwrap_or_default() + "\n",
            Format::Text => format!("{}\n", pushed.reference),
        };
        match print(&text) {
            Ok(()) => Exit::Allow,
            Err(e) => refuse(&format!("it cannot be written: {e}")),
        }
    }

    fn read(&self) -> Result<Module, String> {
        let path = self.module.display();
        let wasm = fs::read(&self.module).map_err(|e| format!("`{path}`: {e}"))?;
        let sections =
            wasm::custom_sections(&wasm).ok_or_else(|| format!("`{path}` is not a wasm module"))?;
        let Some((_, metadata)) = sections.iter().find(|(name, _)| name == SECTION) else {
            return Err(format!(
                "`{path}` is not annotated: `countersign kubewarden annotate` does"
            ));
        };
        let metadata = serde_json::from_slice(metadata).map_err(|e| e.to_string());
        let metadata =
            metadata.and_then(Metadata::read).map_err(|e| format!("`{path}`: {SECTION}: {e}"))?;
        Ok(Module { annotations: annotations(&metadata), wasm })
    }
}

struct Module {
    wasm: Vec<u8>,
    annotations: Map<String, Value>,
}

/// Repository, its name as people write it, and the tag.
fn place(text: &str) -> Result<(Repository, String, String), String> {
    let text = text.strip_prefix("registry://").unwrap_or(text);
    let reference =
        Reference::parse(text).map_err(|e| format!("`{text}` is not an image reference: {e}"))?;
    if reference.digest.is_some() {
        return Err(format!("`{text}`: a tag is needed, not a digest"));
    }
    let name = reference.repository();
    let repository =
        Repository::parse(&name).ok_or_else(|| format!("`{name}` is not a repository"))?;
    Ok((repository, name, reference.tag.unwrap_or_else(|| "latest".to_owned())))
}

/// Those of one line: others have no place in a manifest.
fn annotations(metadata: &Metadata) -> Map<String, Value> {
    let mut annotations = Map::new();
    for (name, value) in metadata.annotations.iter().flatten() {
        if value.lines().count() <= 1 {
            annotations.insert(name.clone(), json!(value.trim()));
        }
    }
    if let Some(source) = annotations.get(SOURCE).cloned() {
        annotations.entry(OCI_SOURCE).or_insert(source);
    }
    annotations
}

/// In the order of oci-client's structs, which kwctl serialises.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    #[serde(skip_serializing_if = "Map::is_empty")]
    annotations: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
}

impl Descriptor {
    fn of(media_type: &'static str, bytes: &[u8]) -> Self {
        Self { media_type, digest: sha256_of(bytes), size: bytes.len() }
    }
}

fn push(
    registry: &Registry,
    repository: &Repository,
    tag: &str,
    module: &Module,
) -> Result<String, RegistryError> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: Descriptor::of(CONFIG, EMPTY),
        layers: [Descriptor::of(LAYER, &module.wasm)],
        annotations: &module.annotations,
    };
    for bytes in [EMPTY, &module.wasm] {
        let (digest, size) = (sha256_of(bytes), bytes.len() as u64);
        registry.push_blob(repository, &digest, size, Cursor::new(bytes.to_vec()))?;
    }
    let bytes = serde_json::to_vec(&manifest).unwrap_or_default();
    registry.push_manifest(repository, tag, MANIFEST, &bytes)?;
    Ok(sha256_of(&bytes))
}
