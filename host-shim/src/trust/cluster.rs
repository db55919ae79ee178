//! Objects of the cluster that this process runs in.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::{KubernetesObjects, ObjectKind, ObjectsError};
use crate::{
    auth::{AuthError, Environment, kubernetes::Cluster},
    http::Options,
};

/// The cluster of this process, looked for when the first object is asked for.
pub struct InCluster {
    environment: Environment,
    cluster: OnceLock<Result<Cluster, AuthError>>,
}

impl InCluster {
    /// Nothing where this process does not run in a Pod.
    pub fn of(environment: &Environment) -> Option<Arc<dyn KubernetesObjects>> {
        environment.text("KUBERNETES_SERVICE_HOST")?;
        let environment = environment.clone();
        Some(Arc::new(Self { environment, cluster: OnceLock::new() }))
    }
}

impl KubernetesObjects for InCluster {
    fn get(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ObjectsError> {
        let here = || Cluster::here(&Options::default(), &self.environment);
        match self.cluster.get_or_init(here) {
            Ok(cluster) => KubernetesObjects::get(cluster, kind, namespace, name),
            Err(e) => Err(because(e.clone())),
        }
    }
}

impl KubernetesObjects for Cluster {
    fn get(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ObjectsError> {
        let resource = match kind {
            ObjectKind::ConfigMap => "configmaps",
            ObjectKind::Secret => "secrets",
        };
        self.object(namespace, resource, name).map_err(because)
    }
}

fn because(error: AuthError) -> ObjectsError {
    match error {
        AuthError::Denied { message, .. } => ObjectsError::Denied(message),
        AuthError::Misconfigured { place, message } | AuthError::Unavailable { place, message } => {
            ObjectsError::Unavailable(format!("{place}: {message}"))
        }
    }
}
