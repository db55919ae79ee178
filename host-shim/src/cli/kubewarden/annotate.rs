//! `countersign kubewarden annotate`.

use std::{fs, path::PathBuf, sync::Arc};

use clap::Args;

use super::{
    super::{Exit, report::refuse},
    metadata::{KWCTL, Metadata, SECTION},
    wasm,
};
use crate::{
    policy::Document,
    runtime::{Call, Engine, Limits, Module, NoCallbacks, Profile},
};

/// The annotation with the text of `kwctl inspect`.
const USAGE: &str = "io.kubewarden.policy.usage";
const HELP: &str = "\
The section `io.kubewarden.metadata` is byte for byte what `kwctl annotate` writes, given its version. The rest of the
module is left as it is, where kwctl writes it anew.

Exit codes:
  0  annotated
  3  bad input: the metadata, the module, a module that is annotated already

Examples:
  countersign kubewarden annotate --metadata-path metadata.yml --usage-path README.md \\
      --output-path annotated-policy.wasm policy.wasm";

/// Write a policy's metadata into its module, as `kwctl annotate` does
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Annotate {
    /// The metadata, YAML
    #[arg(long, short, value_name = "FILE")]
    metadata_path: String,
    /// The text that `kwctl inspect` shows, Markdown
    #[arg(long, short, value_name = "FILE")]
    usage_path: Option<PathBuf>,
    /// Say that this version of kwctl has written it, as it says itself
    #[arg(long, value_name = "VERSION")]
    kwctl_version: Option<String>,
    /// Where to write the annotated module
    #[arg(long, short, value_name = "FILE")]
    output_path: PathBuf,
    /// The module
    #[arg(value_name = "WASM")]
    module: PathBuf,
}

impl Annotate {
    pub(super) fn run(self) -> Exit {
        match self.annotate() {
            Ok(()) => Exit::Allow,
            Err(message) => refuse(&message),
        }
    }

    fn annotate(&self) -> Result<(), String> {
        let document = Document::load(&self.metadata_path).map_err(|e| e.to_string())?;
        let mut metadata =
            Metadata::read(document.value).map_err(|e| format!("`{}`: {e}", self.metadata_path))?;
        let path = self.module.display();
        let mut wasm = fs::read(&self.module).map_err(|e| format!("`{path}`: {e}"))?;
        let sections =
            wasm::custom_sections(&wasm).ok_or_else(|| format!("`{path}` is not a wasm module"))?;
        if sections.iter().any(|(name, _)| name == SECTION) {
            return Err(format!("`{path}` is annotated already"));
        }
        metadata.protocol_version = Some(protocol_version(&wasm)?);
        let annotations = metadata.annotations.get_or_insert_default();
        // Who has not written it is not said to have.
        annotations.remove(KWCTL);
        annotations.extend(self.kwctl_version.iter().map(|v| (KWCTL.to_owned(), v.clone())));
        if let Some(path) = &self.usage_path {
            let usage =
                fs::read_to_string(path).map_err(|e| format!("`{}`: {e}", path.display()))?;
            annotations.insert(USAGE.to_owned(), usage);
        }
        let section = serde_json::to_vec(&metadata).map_err(|e| e.to_string())?;
        wasm::append(&mut wasm, SECTION, &section);
        fs::write(&self.output_path, wasm)
            .map_err(|e| format!("`{}`: {e}", self.output_path.display()))
    }
}

/// Asks the module itself.
fn protocol_version(wasm: &[u8]) -> Result<String, String> {
    let engine = Engine::new(Profile::Portable).map_err(|e| e.to_string())?;
    let module = Module::compile(&engine, wasm).map_err(|e| e.to_string())?;
    let call = Call {
        operation: "protocol_version",
        payload: b"",
        now: 0,
        limits: Limits::default(),
        callbacks: Arc::new(NoCallbacks),
    };
    let outcome = module.call(&call).map_err(|e| e.to_string())?;
    let version: String = serde_json::from_slice(&outcome.response).map_err(|e| e.to_string())?;
    if version == "v1" { Ok(version) } else { Err(format!("protocol version `{version}`")) }
}
