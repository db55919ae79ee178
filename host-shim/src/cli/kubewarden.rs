//! `countersign kubewarden`: packaging the module as Kubewarden's tools expect it.

use std::{fs, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Exit, output::note};
use crate::{
    policy::Document,
    runtime::{Call, Engine, Limits, Module, NoCallbacks, Profile},
};

/// The custom section in which Kubewarden looks for a policy's metadata.
const METADATA: &str = "io.kubewarden.metadata";
/// The custom section with the text of `kwctl inspect`.
const USAGE: &str = "io.kubewarden.usage";
/// What `kwctl annotate` reads of a metadata file.
const FIELDS: &[&str] = &[
    "annotations",
    "backgroundAudit",
    "contextAwareResources",
    "executionMode",
    "hostCapabilities",
    "labels",
    "minimumKubewardenVersion",
    "mutating",
    "policyType",
    "rules",
];

/// Package the module as a Kubewarden policy
#[derive(Debug, Args)]
pub(super) struct Kubewarden {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Annotate(Annotate),
}

/// Write a policy's metadata into its module, as `kwctl annotate` does
#[derive(Debug, Args)]
struct Annotate {
    /// The metadata, YAML
    #[arg(long, value_name = "FILE")]
    metadata_path: String,
    /// The text that `kwctl inspect` shows, Markdown
    #[arg(long, value_name = "FILE")]
    usage_path: Option<PathBuf>,
    /// Where to write the annotated module
    #[arg(long, value_name = "FILE")]
    output_path: PathBuf,
    /// The module
    #[arg(value_name = "WASM")]
    module: PathBuf,
}

impl Kubewarden {
    pub(super) fn run(self) -> Exit {
        let Command::Annotate(annotate) = self.command;
        match annotate.run() {
            Ok(()) => Exit::Allow,
            Err(message) => {
                note(&format!("error: {message}"));
                Exit::BadInput
            }
        }
    }
}

impl Annotate {
    fn run(&self) -> Result<(), String> {
        let mut metadata = Document::load(&self.metadata_path).map_err(|e| e.to_string())?.value;
        check(&metadata).map_err(|e| format!("`{}`: {e}", self.metadata_path))?;
        let path = self.module.display();
        let wasm = fs::read(&self.module).map_err(|e| format!("`{path}`: {e}"))?;
        metadata["protocolVersion"] = protocol_version(&wasm)?;
        let names =
            custom_sections(&wasm).ok_or_else(|| format!("`{path}` is not a wasm module"))?;
        if names.iter().any(|name| name == METADATA) {
            return Err(format!("`{path}` is annotated already"));
        }
        let mut annotated = wasm;
        append(&mut annotated, METADATA, metadata.to_string().as_bytes());
        if let Some(path) = &self.usage_path {
            let usage = fs::read(path).map_err(|e| format!("`{}`: {e}", path.display()))?;
            append(&mut annotated, USAGE, &usage);
        }
        fs::write(&self.output_path, annotated)
            .map_err(|e| format!("`{}`: {e}", self.output_path.display()))
    }
}

/// Refuses what Kubewarden would not read.
fn check(metadata: &Value) -> Result<(), String> {
    let Value::Object(members) = metadata else {
        return Err("not an object".to_owned());
    };
    if let Some(name) = members.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(format!("unknown field `{name}`"));
    }
    if !metadata["mutating"].is_boolean() {
        return Err("`mutating` is missing".to_owned());
    }
    let rules = metadata["rules"].as_array().ok_or("`rules` is missing")?;
    for (i, rule) in rules.iter().enumerate() {
        for name in ["apiGroups", "apiVersions", "operations", "resources"] {
            if rule[name].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("`rules[{i}].{name}` is missing or empty"));
            }
        }
    }
    Ok(())
}

/// Asks the module itself.
fn protocol_version(wasm: &[u8]) -> Result<Value, String> {
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
    let version = serde_json::from_slice(&outcome.response).map_err(|e| e.to_string())?;
    if version == json!("v1") { Ok(version) } else { Err(format!("protocol version {version}")) }
}

/// The names of the custom sections
/// ([binary format](https://webassembly.github.io/spec/core/binary/modules.html#custom-section)).
fn custom_sections(wasm: &[u8]) -> Option<Vec<String>> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    let mut names = Vec::new();
    while let [id, after @ ..] = rest {
        let (size, after) = read_u32(after)?;
        let (mut section, after) = after.split_at_checked(size)?;
        if *id == 0 {
            let (length, name) = read_u32(section)?;
            section = name.get(..length)?;
            names.push(String::from_utf8_lossy(section).into_owned());
        }
        rest = after;
    }
    Some(names)
}

fn append(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut section = Vec::new();
    write_u32(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    wasm.push(0);
    write_u32(wasm, section.len());
    wasm.extend_from_slice(&section);
}

/// LEB128.
fn write_u32(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_appended_and_found_again() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        append(&mut wasm, METADATA, &[b'x'; 300]);
        append(&mut wasm, USAGE, b"");
        assert_eq!(custom_sections(&wasm), Some(vec![METADATA.to_owned(), USAGE.to_owned()]));
        wasm.pop();
        assert_eq!(custom_sections(&wasm), None, "cut off");
        assert_eq!(custom_sections(b"\0asm\x0d\0\x01\0"), None, "a component");
    }

    #[test]
    fn metadata_that_kubewarden_would_not_read_is_refused() {
        let good = json!({ "mutating": true, "rules": [
            { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] },
        ] });
        assert_eq!(check(&good), Ok(()));
        for (pointer, value) in
            [("/mutating", json!(null)), ("/rules", json!({})), ("/rules/0/resources", json!([]))]
        {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(check(&bad).is_err(), "{pointer}");
        }
        let mut unknown = good;
        unknown["contextAware"] = json!(false);
        assert!(check(&unknown).unwrap_err().contains("contextAware"));
    }
}
