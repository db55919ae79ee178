//! Which trusted roots and keys a decision rests on, beside what stands in the policy.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use countersign::time::Time;

use super::{explanation::clean, output::note, trust::store};
use crate::{
    policy::{Document, References},
    trust::{Instance, ObjectFiles, Report, StandIn, from_file, stand_ins},
};

/// Bytes of a trusted root.
const MOST_ROOT: u64 = 1 << 20;

#[derive(Debug, Args)]
#[command(next_help_heading = "Trusted roots and keys that the policy names")]
pub(super) struct Believed {
    /// Where `countersign trust update` keeps trusted roots, instead of
    /// $XDG_DATA_HOME/countersign/trust
    #[arg(long = "trust-dir", value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Believe the trusted roots that the module carries, and no newer ones
    #[arg(long)]
    embedded_roots: bool,
    /// Secrets and ConfigMaps in files, as `kubectl get -o yaml` writes them
    #[arg(long, value_name = "DIR")]
    kubernetes_objects: Option<PathBuf>,
}

impl Believed {
    /// Where a policy's references lead.
    pub(super) fn references(&self) -> Result<References, String> {
        let mut references = References::of_user();
        if self.directory.is_some() {
            references.trust = store(self.directory.as_deref()).ok();
        }
        if let Some(directory) = &self.kubernetes_objects {
            let objects = ObjectFiles::open(directory);
            let objects = objects.map_err(|e| format!("--kubernetes-objects: {e}"))?;
            references.objects = Some(Arc::new(objects));
        }
        Ok(references)
    }

    /// Puts newer trusted roots in the place of the module's, and says so. `file` is the user's own in
    /// place of the public-good one.
    pub(super) fn renew(
        &self,
        document: &mut Document,
        file: Option<&str>,
        now: Time,
    ) -> Result<Vec<Report>, String> {
        let words = document.trusted_root_words();
        let mut newer: Vec<StandIn> = Vec::new();
        if let Some(path) = file {
            let bytes = super::signed_by::bytes(path, MOST_ROOT, "--trusted-root")?;
            let text = String::from_utf8(bytes).map_err(|_| format!("{path}: is not UTF-8"))?;
            newer.push(from_file(path, &text).map_err(|e| e.to_string())?);
            if !words.iter().any(|word| word == "embedded") {
                let nothing = "the policy nowhere says `trustedRoot: embedded`";
                return Err(format!("--trusted-root {path}: {nothing}"));
            }
        }
        newer.extend(self.kept(&words, file.is_some(), now));
        let used = document.renew(&newer);
        for stand_in in &used {
            note(&format!("note: {}", clean(&stand_in.note)));
        }
        Ok(used.into_iter().map(|stand_in| stand_in.report.clone()).collect())
    }

    fn kept(&self, words: &[String], own: bool, now: Time) -> Vec<StandIn> {
        if self.embedded_roots {
            return Vec::new();
        }
        // Without a home nothing was ever kept.
        let Ok(store) = store(self.directory.as_deref()) else { return Vec::new() };
        let mut instances = Instance::known();
        instances.retain(|instance| {
            let word = instance.embedded.map(|embedded| embedded.word).unwrap_or_default();
            words.iter().any(|w| w == word) && !(own && word == "embedded")
        });
        let mut remarks = Vec::new();
        let found = stand_ins(&store, &instances, now, &mut remarks);
        for remark in remarks {
            note(&format!("note: {}", clean(&remark)));
        }
        found
    }
}
