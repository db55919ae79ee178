//! The native host of the Countersign module.
//!
//! **A decision is always made by the wasm module**: this crate runs it ([`runtime`]), fetches what
//! it asks for ([`source`]) and goes round until there is a verdict ([`driver`]).
//!
//! ```text
//! cli ──▶ driver ──▶ runtime (wasmtime, waPC, WASI: fuel, memory, deadline)
//!           │             ▲
//!           └──▶ source   └── kubewarden callbacks, where a front needs them
//!             registry (OCI distribution) ──▶ http
//!             (OCI layout, revocation)
//! ```
//!
//! A gateway, a controller or a scanner of one's own makes decisions so. The example compiles the module
//! from a file; the command runs the one that its build carries ([`runtime::Embedded`]).
//!
//! ```no_run
//! use std::path::Path;
//!
//! use countersign::wire::{ImageRequest, Outcome, Request};
//! use countersign_host::{
//!     auth::Environment,
//!     cache::{Ages, Cached, Content, ContentOptions},
//!     driver::{Keep, Question, Warm, decide},
//!     registry::{Options, Registry},
//!     runtime::{Engine, Limits, Module, Profile, Slots},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once a process: an engine, the module, instances of it that keep the policy, and the source of
//! // evidence. Registries are spoken to as podman on this machine is told to (mirrors, blocks,
//! // certificates); `Options::default()` reads none of that.
//! let engine = Engine::pooled(Profile::Portable, Slots::default())?;
//! let module = Module::open(&engine, Path::new("policy.wasm"))?;
//! let evaluator = Warm::new(module, Limits::default(), Keep::default());
//! let registry = Registry::new(&Options::of_this_machine(&Environment::process())?);
//! let content = Content::open(&ContentOptions::default());
//! let source = Cached::new(registry, Some(content.into()), Ages::default());
//!
//! // For each question.
//! let policy = serde_json::from_slice(&std::fs::read("policy.json")?)?;
//! let reference = "ghcr.io/acme/app:1.0".to_owned();
//! let images = vec![ImageRequest { reference, path: None }];
//! let request = Request { images, ..Request::default() };
//! let question =
//!     Question { policy: &policy, request: &request, now: "2026-11-21T03:00:00Z", budget: None };
//! // Who gets no decision must refuse.
//! let decision = decide(&evaluator, &source, &question)?.decision;
//! for image in &decision.images {
//!     // What is run is the digest that was judged, whatever the tag says a moment later.
//!     match (image.outcome, &image.digest) {
//!         (Outcome::Allow, Some(digest)) => println!("{digest} may run"),
//!         (outcome, _) => println!("{}: {outcome:?}: {:?}", image.reference, image.reason),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Two more of its kind: `examples/gateway` (a registry that hands out signed images only), and the
//! `countersign` command itself, which is made of nothing else.
//!
//! Beside it, without a verdict: [`copy`] brings images with all that is attached from one place to
//! another, and [`attach`] stores signatures that were made elsewhere.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod attach;
pub mod auth;
pub mod blob;
pub mod cache;
pub mod cli;
pub mod copy;
mod der;
pub mod doctor;
pub mod driver;
pub mod http;
pub mod object;
pub mod pack;
pub mod policy;
pub mod record;
pub mod registry;
pub mod runtime;
pub mod source;
pub mod trust;
pub mod walk;
