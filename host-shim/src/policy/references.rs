//! What a policy names beside files: trusted roots that are kept, keys in Kubernetes. The module
//! never asks anybody, so they are put in place here.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Document, DocumentError,
    files::{Files, Origin, PEM, TRUSTED_ROOT},
};
use crate::{
    auth::Environment,
    trust::{
        InCluster, Kept, KubernetesObjects, ObjectReference, StandIn, Store, TrustError,
        default_directory,
    },
};

/// Where a policy's references lead.
#[derive(Clone, Default)]
pub struct References {
    /// Trusted roots that `trust update` has fetched.
    pub trust: Option<Store>,
    /// Secrets and ConfigMaps.
    pub objects: Option<Arc<dyn KubernetesObjects>>,
}

impl References {
    /// The user's own directory of trust material, and the cluster of this process.
    pub fn of_user() -> Self {
        let objects = InCluster::of(&Environment::process());
        Self { trust: default_directory().map(Store::new), objects }
    }
}

/// Puts every reference in its place.
pub(super) fn inline(files: &mut Files<'_>, references: &References) -> Result<(), DocumentError> {
    for pattern in PEM {
        for pointer in files.places(pattern) {
            let Some(reference) = files.value(&pointer).and_then(ObjectReference::read) else {
                continue;
            };
            let reference = reference.map_err(|e| files.error(&pointer, e))?;
            files.count(&pointer)?;
            let text = key(&reference, references).map_err(|e| files.error(&pointer, e))?;
            files.put(pointer, Value::String(text), Origin::Named(reference.to_string()));
        }
    }
    for pointer in files.places(TRUSTED_ROOT) {
        let Some(name) = files.written(&pointer, "tuf")?.map(str::to_owned) else { continue };
        files.count(&pointer)?;
        let (document, from) =
            trusted_root(&name, references).map_err(|e| files.error(&pointer, e))?;
        files.put(pointer, document, Origin::Named(from));
    }
    Ok(())
}

fn key(reference: &ObjectReference, references: &References) -> Result<String, String> {
    let objects = references.objects.as_deref().ok_or_else(|| {
        format!(
            "{reference}: no cluster to read it from: run in a Pod, or pass --kubernetes-objects \
             with the object as `kubectl get -o yaml` writes it"
        )
    })?;
    reference.fetch(objects)
}

fn trusted_root(name: &str, references: &References) -> Result<(Value, String), String> {
    let store = references.trust.as_ref().ok_or("there is no directory of trust material")?;
    let found = Kept::find(store, name).map_err(|e| e.to_string())?;
    let (instance, record) =
        found.ok_or_else(|| TrustError::NoInstance(name.to_owned()).to_string())?;
    let kept = Kept::open(&instance, record).map_err(|e| format!("`{name}`: {e}"))?;
    Ok((kept.document, store.copy(name).display().to_string()))
}

impl Document {
    /// A policy that was made, and not read.
    pub fn made(name: &str, value: Value) -> Self {
        let positions = super::Positions::default();
        Self { name: name.to_owned(), value, positions, files: Vec::new() }
    }

    /// The words in `trustedRoot`, each of which is a trusted root that the module carries.
    pub fn trusted_root_words(&mut self) -> Vec<String> {
        let files = Files::new(self);
        let places = files.places(TRUSTED_ROOT);
        let words = places.iter().filter_map(|place| files.value(place)?.as_str());
        words.map(str::to_owned).collect()
    }

    /// Puts newer trusted roots in the place of the words for those that the module carries. The ones
    /// that the policy names are returned.
    pub fn renew<'s>(&mut self, stand_ins: &'s [StandIn]) -> Vec<&'s StandIn> {
        let mut files = Files::new(self);
        let mut used: Vec<&StandIn> = Vec::new();
        for pointer in files.places(TRUSTED_ROOT) {
            let word = files.value(&pointer).and_then(Value::as_str);
            let Some(stand_in) = stand_ins.iter().find(|s| Some(s.word) == word) else { continue };
            files.put(pointer, stand_in.document.clone(), Origin::Named(stand_in.from.clone()));
            if !used.iter().any(|other| other.word == stand_in.word) {
                used.push(stand_in);
            }
        }
        used
    }
}
