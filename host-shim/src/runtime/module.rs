//! A loaded module, and calls into it.

use std::{fs, path::Path, ptr::NonNull, sync::Arc};

use countersign::crypto::{hex, sha256};
use wasmtime::{ExternType, InstancePre, Linker};

use super::{
    Engine, HostCallbacks, Limits, LoadError, Profile, RuntimeError, guest::Guest, in_place, wapc,
    wasi,
};

/// The two builds of the module that the command carries. Their decisions are equal to the byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct Modules {
    /// For hosts with wide arithmetic, such as this one.
    pub wide: Embedded,
    /// For every host.
    pub portable: Embedded,
}

impl Modules {
    /// The build for a profile.
    pub fn get(self, profile: Profile) -> Embedded {
        match profile {
            Profile::Portable => self.portable,
            Profile::Wide => self.wide,
        }
    }
}

/// A module that a build carries, if it does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embedded {
    /// The module's bytes.
    pub wasm: Option<&'static [u8]>,
    /// What [`precompile`] made of them.
    pub compiled: Option<Compiled>,
    /// The build has seen that `compiled` was made of `wasm`: it needs not be found out at each start.
    pub matched: bool,
}

/// Code that is run as it is. At the start of a page it is run where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Compiled(&'static [u8]);

impl Compiled {
    /// Vouches for the code.
    ///
    /// # Safety
    /// The bytes must come from [`precompile`] by a way on which nobody could change them, such as
    /// `include_bytes!`, and must never be written to: they are run by this process, without a
    /// sandbox. A file that somebody else may write to is no such way.
    #[expect(unsafe_code, reason = "whoever calls it vouches for the code")]
    pub const unsafe fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }
}

impl Embedded {
    /// `sha256:…` of the module, if there is one.
    pub fn digest(&self) -> Option<String> {
        self.hash().map(digest_of)
    }

    fn hash(&self) -> Option<[u8; 32]> {
        let made_from = self.compiled.filter(|_| self.matched);
        made_from
            .and_then(|compiled| compiled.0.last_chunk().copied())
            .or_else(|| self.wasm.map(sha256))
    }
}

/// Code for this architecture, before the digest of the module that it was made from.
pub fn precompile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let code = engine
        .wasmtime
        .precompile_module(wasm)
        .map_err(|e| LoadError::Malformed(format!("{e:#}")))?;
    let mut out = code;
    out.extend_from_slice(&sha256(wasm));
    Ok(out)
}

/// A module, linked and ready to be called any number of times, from any thread.
#[derive(Clone)]
pub struct Module {
    pub(super) pre: InstancePre<Guest>,
    /// Bytes of linear memory that the engine has for an instance.
    pub(super) most_memory: usize,
    digest: String,
}

/// One call, on an instance of its own.
#[derive(Clone)]
pub struct Call<'a> {
    /// The waPC operation, such as `evaluate`.
    pub operation: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// What the guest's clock says, in nanoseconds since the Unix epoch.
    pub now: u64,
    /// What the call may spend.
    pub limits: Limits,
    /// What the guest may ask back.
    pub callbacks: Arc<dyn HostCallbacks>,
}

/// An answer and what it cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The guest's answer.
    pub response: Vec<u8>,
    /// Units of fuel that were used.
    pub fuel: u64,
    /// Bytes of linear memory at the most.
    pub memory: usize,
    /// What the guest printed.
    pub log: String,
}

impl From<Vec<u8>> for Outcome {
    fn from(response: Vec<u8>) -> Self {
        Self { response, ..Self::default() }
    }
}

impl Module {
    /// The module that this build carries. The second value is a note for the user where the code
    /// compiled ahead of time could not be used.
    pub fn embedded(
        engine: &Engine,
        embedded: Embedded,
    ) -> Result<(Self, Option<String>), LoadError> {
        let wasm = embedded.wasm.ok_or(LoadError::Absent)?;
        let Some(compiled) = embedded.compiled else {
            let note = "this build carries no precompiled module: compiling it now";
            return Ok((Self::compile(engine, wasm)?, Some(note.to_owned())));
        };
        let hash = embedded.hash().unwrap_or_default();
        match Self::precompiled(engine, hash, compiled) {
            Ok(module) => Ok((module, None)),
            Err(e) => {
                let note = format!("the precompiled module does not fit ({e}): compiling it now");
                Ok((Self::compile(engine, wasm)?, Some(note)))
            }
        }
    }

    /// A module from a file, compiled now.
    pub fn open(engine: &Engine, path: &Path) -> Result<Self, LoadError> {
        let wasm = fs::read(path)
            .map_err(|e| LoadError::Unreadable(format!("`{}`: {e}", path.display())))?;
        Self::compile(engine, &wasm)
    }

    /// A module from its bytes, compiled now.
    pub fn compile(engine: &Engine, wasm: &[u8]) -> Result<Self, LoadError> {
        // Binary only: the text format is not compiled in, and a clear message beats a parse error.
        let module = wasmtime::Module::from_binary(&engine.wasmtime, wasm)
            .map_err(|e| LoadError::Malformed(format!("{e:#}")))?;
        Self::link(engine, &module, digest(wasm))
    }

    fn precompiled(engine: &Engine, wasm: [u8; 32], compiled: Compiled) -> Result<Self, LoadError> {
        let Some((code, made_from)) = compiled.0.split_last_chunk::<32>() else {
            return Err(LoadError::Malformed("it is cut short".to_owned()));
        };
        if *made_from != wasm {
            return Err(LoadError::Malformed("it was made from another module".to_owned()));
        }
        let in_place = in_place::claim(code);
        // SAFETY: whoever made a `Compiled` has vouched that it is the output of `precompile`, and is
        // never written to; it lives as long as the process. Code for another architecture, version or configuration of wasmtime is
        // refused when it is read.
        #[expect(unsafe_code, reason = "there is no other way to load code compiled ahead of time")]
        let module = unsafe {
            match in_place {
                true => wasmtime::Module::deserialize_raw(&engine.wasmtime, NonNull::from(code)),
                false => wasmtime::Module::deserialize(&engine.wasmtime, code),
            }
        }
        .map_err(|e| LoadError::Malformed(format!("{e:#}")))?;
        Self::link(engine, &module, digest_of(wasm))
    }

    fn link(engine: &Engine, module: &wasmtime::Module, digest: String) -> Result<Self, LoadError> {
        for (name, present) in [
            ("memory", matches!(module.get_export("memory"), Some(ExternType::Memory(_)))),
            (
                "__guest_call",
                matches!(module.get_export("__guest_call"), Some(ExternType::Func(_))),
            ),
        ] {
            if !present {
                return Err(LoadError::MissingExport(name));
            }
        }
        let mut linker = Linker::new(&engine.wasmtime);
        wapc::link(&mut linker)
            .and_then(|()| wasi::link(&mut linker))
            .map_err(|e| LoadError::Engine(e.to_string()))?;
        let pre = linker.instantiate_pre(module).map_err(|e| {
            let unknown = e.downcast_ref::<wasmtime::UnknownImportError>();
            match unknown {
                Some(u) => LoadError::Import { name: format!("{}.{}", u.module(), u.name()) },
                None => LoadError::Malformed(format!("{e:#}")),
            }
        })?;
        Ok(Self { pre, most_memory: engine.most_memory, digest })
    }

    /// `sha256:…` of the module.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Calls an operation on a fresh instance.
    pub fn call(&self, call: &Call<'_>) -> Result<Outcome, RuntimeError> {
        let mut instance = self.instantiate(call.limits, call.now, call.callbacks.clone())?;
        instance.call(call.operation, call.payload)
    }
}

fn digest(wasm: &[u8]) -> String {
    digest_of(sha256(wasm))
}

fn digest_of(hash: [u8; 32]) -> String {
    format!("sha256:{}", hex(&hash))
}
