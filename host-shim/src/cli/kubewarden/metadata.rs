//! A policy's metadata, as Kubewarden has it
//! ([policy_metadata.rs](https://github.com/kubewarden/kubewarden-controller/blob/main/crates/policy-evaluator/src/policy_metadata.rs)).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The custom section in which Kubewarden looks for it.
pub(super) const SECTION: &str = "io.kubewarden.metadata";
/// Which `kwctl` has written it.
pub(super) const KWCTL: &str = "io.kubewarden.kwctl";
/// The metadata of this module.
pub(super) const OWN: &str = include_str!("../../../../metadata.yml");

/// In the order in which `kwctl annotate` writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) protocol_version: Option<String>,
    pub(super) rules: Vec<Rule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) mutating: bool,
    #[serde(default = "yes")]
    pub(super) background_audit: bool,
    #[serde(default)]
    pub(super) execution_mode: ExecutionMode,
    #[serde(default)]
    pub(super) policy_type: PolicyType,
    #[serde(default)]
    pub(super) context_aware_resources: BTreeSet<ContextAwareResource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host_capabilities: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) minimum_kubewarden_version: Option<String>,
}

/// Which requests a policy is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) api_groups: Vec<String>,
    pub(super) api_versions: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Operation {
    Create,
    Update,
    Delete,
    Connect,
    #[serde(rename = "*")]
    All,
}

/// How a module is run. This one speaks waPC.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) enum ExecutionMode {
    #[default]
    #[serde(rename = "kubewarden-wapc")]
    KubewardenWapc,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PolicyType {
    #[default]
    Kubernetes,
    Raw,
}

/// What of the cluster a policy may read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContextAwareResource {
    pub(super) api_version: String,
    pub(super) kind: String,
}

fn yes() -> bool {
    true
}

impl Metadata {
    /// Reads it, and refuses what Kubewarden would not read.
    pub(super) fn read(value: Value) -> Result<Self, String> {
        let metadata: Self = serde_json::from_value(value).map_err(|e| e.to_string())?;
        metadata.check()?;
        Ok(metadata)
    }

    /// That of this module.
    pub(super) fn own() -> Result<Self, String> {
        Self::read(crate::policy::parse_yaml(OWN)?)
    }

    fn check(&self) -> Result<(), String> {
        for (i, rule) in self.rules.iter().enumerate() {
            let operations: Vec<_> = rule
                .operations
                .iter()
                .map(|op| json!(op).as_str().unwrap_or_default().to_owned())
                .collect();
            for (name, list) in [
                ("apiGroups", &rule.api_groups),
                ("apiVersions", &rule.api_versions),
                ("resources", &rule.resources),
                ("operations", &operations),
            ] {
                if list.is_empty() {
                    return Err(format!("`rules[{i}].{name}` is empty"));
                }
                if name != "resources" && list.len() > 1 && list.iter().any(|item| item == "*") {
                    return Err(format!("`rules[{i}].{name}`: `*` stands alone"));
                }
            }
            if rule.resources.iter().any(String::is_empty) {
                return Err(format!("`rules[{i}].resources` has an empty one"));
            }
        }
        Ok(())
    }

    /// An annotation.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// An annotation that is needed.
    pub(super) fn need(&self, name: &str) -> Result<&str, String> {
        self.annotation(name).ok_or_else(|| format!("the annotation `{name}` is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Value {
        json!({ "mutating": true, "rules": [
            { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] },
        ] })
    }

    #[test]
    fn metadata_that_kubewarden_would_not_read_is_refused() {
        assert!(Metadata::read(good()).is_ok());
        for (pointer, value) in [
            ("/mutating", json!(null)),
            ("/rules", json!({})),
            ("/rules/0/resources", json!([])),
            ("/rules/0/resources", json!([""])),
            ("/rules/0/apiGroups", json!(["", "*"])),
            ("/rules/0/operations", json!(["create"])),
        ] {
            let mut bad = good();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(Metadata::read(bad).is_err(), "{pointer}");
        }
        let mut unknown = good();
        unknown["contextAware"] = json!(false);
        assert!(Metadata::read(unknown).unwrap_err().contains("contextAware"));
    }

    /// kwctl serialises a struct: the order of its fields, and what it leaves out.
    #[test]
    fn it_is_written_in_the_order_of_kwctl() {
        let mut value = good();
        value["annotations"] = json!({ "b": "2", "a": "1" });
        value["hostCapabilities"] = json!(["oci/v1/oci_manifest", "oci/v1/manifest_digest"]);
        value["protocolVersion"] = json!("v1");
        let text = serde_json::to_string(&Metadata::read(value).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"protocolVersion":"v1","rules":[{"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"operations":["CREATE"]}],"annotations":{"a":"1","b":"2"},"mutating":true,"backgroundAudit":true,"executionMode":"kubewarden-wapc","policyType":"kubernetes","contextAwareResources":[],"hostCapabilities":["oci/v1/manifest_digest","oci/v1/oci_manifest"]}"#
        );
    }

    #[test]
    fn the_modules_own_metadata_is_good() {
        let own = Metadata::own().unwrap();
        assert!(own.need("io.kubewarden.policy.ociUrl").is_ok());
    }
}
