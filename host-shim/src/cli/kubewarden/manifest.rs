//! `countersign kubewarden manifest`.

use clap::Args;
use countersign::{
    policy::{Pin, Policy},
    wire::RequestField,
};
use serde_json::{Value, json};

use super::{
    super::{Exit, output::note, report::refuse},
    Form,
    metadata::{ContextAwareResource, Metadata},
    settings, write,
};

/// Kubewarden's own limits, of both time-outs, in seconds.
const TIMEOUTS: std::ops::RangeInclusive<u8> = 2..=30;
/// Seconds where neither the command nor the policy says any.
const TIMEOUT: u8 = 10;
/// Where a policy says for how long the host lets it run.
const EVIDENCE_TIMEOUT: &str = "/spec/evidence/timeout";
const HELP: &str = "\
Module and rules are those of the module's own metadata. What a host lets a policy call is not said here: a cluster-wide
policy may call everything, and one of a namespace what its PolicyServer says in `namespacedPoliciesCapabilities`.

Exit codes:
  0  written
  3  bad input: the policy, a name, a time-out shorter than the policy's own

Examples:
  countersign kubewarden manifest policy.yaml | kubectl apply -f -
  countersign kubewarden manifest --mode monitor --name images policy.yaml
  countersign kubewarden manifest --namespace shop --timeout 20 policy.yaml";

/// Print a ClusterAdmissionPolicy, or an AdmissionPolicy, with a policy as its settings
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Manifest {
    /// Its name, instead of the policy's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// An AdmissionPolicy of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The module, instead of the release of this command
    #[arg(long, value_name = "URL")]
    module: Option<String>,
    /// The PolicyServer that runs it
    #[arg(long, value_name = "NAME", default_value = "default")]
    policy_server: String,
    /// `monitor` lets everything pass, and records it
    #[arg(long, value_name = "MODE", value_parser = ["protect", "monitor"], default_value = "protect")]
    mode: String,
    /// Seconds that one decision may take, and the API server waits two more: without, the policy's
    /// `evidence.timeout`, or 10. A policy that names none gets this one
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u8>,
    /// Grant all resources of the cluster that the module can read, not only those that the policy needs
    #[arg(long)]
    allow_context_aware: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    output: Form,
    /// The policy, YAML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    file: String,
}

impl Manifest {
    pub(super) fn run(self) -> Exit {
        let (settings, policy) = match settings::policy(&self.file) {
            Ok(found) => found,
            Err(bad) => return bad.say(),
        };
        match self.manifest(settings, &policy) {
            Ok(manifest) => write(&manifest, self.output, &self.comments()),
            Err(words) => refuse(&words),
        }
    }

    fn manifest(&self, mut settings: Value, policy: &Policy) -> Result<Value, String> {
        let timeout = self.timeout(&settings, policy)?;
        tell(&mut settings, timeout);
        let own = Metadata::own()?;
        let name = self.name.as_deref().or(policy.name.as_deref());
        let name = name.unwrap_or("countersign");
        for name in [Some(name), self.namespace.as_deref()].into_iter().flatten() {
            check_name(name)?;
        }
        if !policy.kinds.resources.is_empty() {
            note("note: the policy knows kinds of its own: add `rules` for their resources");
        }
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        let mut annotations = serde_json::Map::new();
        for annotation in ["io.kubewarden.policy.severity", "io.kubewarden.policy.category"] {
            if let Some(value) = own.annotation(annotation) {
                annotations.insert(annotation.to_owned(), json!(value));
            }
        }
        metadata["annotations"] = json!(annotations);
        let module = match &self.module {
            Some(module) => module.clone(),
            None => released(&own)?,
        };
        let mut spec = json!({
            "module": module,
            "policyServer": self.policy_server,
            "mode": self.mode,
            // Without a pin nothing is changed.
            "mutating": own.mutating && policy.pin != Pin::None,
            "backgroundAudit": own.background_audit,
            "failurePolicy": "Fail",
            "rules": own.rules,
            "settings": settings,
            "timeoutEvalSeconds": timeout,
            "timeoutSeconds": timeout.saturating_add(2).min(*TIMEOUTS.end()),
        });
        let resources = self.context_aware(&own, policy);
        let kind = match self.namespace {
            None => {
                if !resources.is_empty() {
                    spec["contextAwareResources"] = json!(resources);
                }
                "ClusterAdmissionPolicy"
            }
            Some(_) => {
                if !resources.is_empty() {
                    note(
                        "note: only a ClusterAdmissionPolicy may read what this policy looks at in the cluster",
                    );
                }
                "AdmissionPolicy"
            }
        };
        Ok(json!({
            "apiVersion": "policies.kubewarden.io/v1",
            "kind": kind,
            "metadata": metadata,
            "spec": spec,
        }))
    }

    /// Seconds after which policy-server stops a decision: no fewer than the policy counts on.
    fn timeout(&self, settings: &Value, policy: &Policy) -> Result<u8, String> {
        let own = settings.pointer(EVIDENCE_TIMEOUT).map(|_| policy.evidence.timeout);
        let Some(timeout) = self.timeout else {
            return Ok(own.and_then(|own| u8::try_from(own).ok()).unwrap_or(TIMEOUT));
        };
        if !TIMEOUTS.contains(&timeout) {
            return Err(format!(
                "--timeout {timeout}: Kubewarden takes {} to {} seconds",
                TIMEOUTS.start(),
                TIMEOUTS.end()
            ));
        }
        match own {
            Some(own) if own > i64::from(timeout) => Err(format!(
                "--timeout {timeout}: the policy counts on {own} s (`spec.evidence.timeout`), and would be stopped \
                 after {timeout} s: give --timeout {own}, or `timeout: {timeout}s` in the policy"
            )),
            _ => Ok(timeout),
        }
    }

    /// Of what the module can read of the cluster, what the policy needs.
    fn context_aware(&self, own: &Metadata, policy: &Policy) -> Vec<ContextAwareResource> {
        let labels = policy.reads().contains(&RequestField::NamespaceLabels);
        let needed = |resource: &&ContextAwareResource| match resource.kind.as_str() {
            _ if self.allow_context_aware => true,
            "ConfigMap" => policy.evidence.config_maps.is_some(),
            "Namespace" => labels,
            _ => false,
        };
        own.context_aware_resources.iter().filter(needed).cloned().collect()
    }

    fn comments(&self) -> Vec<String> {
        let capabilities = Metadata::own().ok().and_then(|own| own.host_capabilities);
        let capabilities: Vec<_> = capabilities.into_iter().flatten().collect();
        let capabilities = capabilities.join(", ");
        vec![match self.namespace {
            None => format!("Calls {capabilities}: a cluster-wide policy may call everything."),
            Some(_) => format!(
                "Calls {capabilities}: the PolicyServer's `namespacedPoliciesCapabilities`, if it has any, must have these."
            ),
        }]
    }
}

/// Tells a policy that names no time-out for how long it may run: the module stops in time by that.
fn tell(settings: &mut Value, seconds: u8) {
    if settings.pointer(EVIDENCE_TIMEOUT).is_some() {
        return;
    }
    let Some(spec) = settings.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let evidence = spec.entry("evidence").or_insert_with(|| json!({}));
    if let Some(evidence) = evidence.as_object_mut() {
        evidence.insert("timeout".to_owned(), json!(format!("{seconds}s")));
    }
}

/// The released module of this version.
fn released(own: &Metadata) -> Result<String, String> {
    let url = own.need("io.kubewarden.policy.ociUrl")?;
    let version = own.need("io.kubewarden.policy.version")?;
    Ok(format!("registry://{url}:v{version}"))
}

/// [RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1), as Kubernetes has it.
fn check_name(name: &str) -> Result<(), String> {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    Err(format!(
        "`{name}` is no name for an object: lower-case letters, digits, `-` and `.`; --name gives another"
    ))
}
