//! The module that a command runs.

use std::path::PathBuf;

use clap::Args;

use super::output::note;
use crate::{
    driver::{Keep, Warm},
    runtime::{Engine, Limits, LoadError, Module, Modules, Profile},
};

/// Which module to run.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Run the module that every other host runs: the same verdicts, slower
    #[arg(long)]
    portable: bool,
    /// Run this module instead of the embedded one
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

impl Choice {
    /// Loads it, for decisions one after the other.
    pub(super) fn load(&self, modules: Modules) -> Result<Warm, LoadError> {
        let keep = Keep { idle: 1, ..Keep::default() };
        Ok(Warm::new(self.module(modules)?, Limits::default(), keep))
    }

    fn module(&self, modules: Modules) -> Result<Module, LoadError> {
        let profile = if self.portable { Profile::Portable } else { Profile::Wide };
        let embedded = modules.get(profile);
        if self.module.is_none() && embedded.wasm.is_none() {
            return Err(LoadError::Absent);
        }
        let engine = Engine::new(profile)?;
        if let Some(remark) = engine.remark() {
            note(&format!("note: {remark}"));
        }
        if let Some(path) = &self.module {
            return Module::open(&engine, path);
        }
        let (module, remark) = Module::embedded(&engine, embedded)?;
        if let Some(remark) = remark {
            note(&format!("note: {remark}"));
        }
        Ok(module)
    }
}
