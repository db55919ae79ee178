//! A stock Kubewarden host (kwctl and policy-server 1.36) over an OCI layout: manifests are
//! re-serialised, there are no blobs and no lists of referrers, errors are its texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use countersign::wire::{Answer, Fetch};
use countersign_host::{
    pack::Pack,
    registry::sha256_of,
    runtime::HostCallbacks,
    source::{Layout, Selector},
    walk::{Limits, walk},
};
use serde_json::{Map, Value, json};

use crate::corpora;

/// A layout behind the callbacks of a stock host.
pub(crate) struct Stock {
    pub(crate) layout: Layout,
    /// Configurations of artifacts that were pushed beside, by tag.
    pub(crate) configs: BTreeMap<String, Vec<u8>>,
    /// Objects of the cluster, by kind, namespace and name.
    pub(crate) objects: BTreeMap<(String, String, String), Value>,
    /// What the policy is not granted.
    pub(crate) refused: BTreeSet<&'static str>,
    /// Tags that are not there whatever the layout has.
    pub(crate) hidden: fn(&str) -> bool,
    /// Tags that the registry gives no answer for.
    pub(crate) down: fn(&str) -> bool,
    /// What one request of the host takes: it makes two for a digest or a manifest, and four for a
    /// configuration.
    pub(crate) each: Duration,
    pub(crate) spent: Mutex<Duration>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Stock {
    pub(crate) fn new(name: &str, repository: Option<&str>) -> Self {
        let directory = corpora().join("layouts").join(name);
        let tag = Selector::Tag("1".to_owned());
        Self {
            layout: Layout::open(&directory, Some(tag), repository).unwrap(),
            configs: BTreeMap::new(),
            objects: BTreeMap::new(),
            refused: BTreeSet::new(),
            hidden: |_| false,
            down: |_| false,
            each: Duration::ZERO,
            spent: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn open(name: &str, repository: &str) -> Arc<Self> {
        Arc::new(Self::new(name, Some(repository)))
    }

    /// The image of the layout, by tag.
    pub(crate) fn image(&self) -> String {
        self.layout.reference().to_owned()
    }

    pub(crate) fn digest(&self) -> String {
        match self.layout.answer(&Fetch::Resolve { reference: self.image() }) {
            Answer::Resolved { digest } => digest,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn evidence_tag(&self) -> String {
        format!("{}.evidence", self.digest().replace(':', "-"))
    }

    /// What `countersign evidence pack` makes of it.
    pub(crate) fn pack(&self) -> Pack {
        let most = Limits::default().blob_bytes;
        let limits = Limits { document_bytes: most, unsigned_tags: false, ..Limits::default() };
        let image = self.image();
        let repository = image.rsplit_once(':').unwrap().0;
        let walked = walk(&self.layout, repository, &self.digest(), &limits);
        Pack::of(&self.digest(), &walked.evidence)
    }

    /// Pushes a document as the configuration of the image's evidence tag.
    pub(crate) fn push(&mut self, config: impl Into<Vec<u8>>) {
        self.configs.insert(self.evidence_tag(), config.into());
    }

    /// With its pack pushed.
    pub(crate) fn packed(mut self) -> Self {
        let pack = self.pack().to_json();
        self.push(pack);
        self
    }

    pub(crate) fn put(&mut self, kind: &str, namespace: &str, name: &str, object: Value) {
        let text = str::to_owned;
        self.objects.insert((text(kind), text(namespace), text(name)), object);
    }

    /// What it was asked so far, such as `v1/oci_manifest r.io/a:1`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn oci(&self, operation: &str, image: &str) -> Result<Vec<u8>, String> {
        let (max_bytes, reference) = (4 << 20, image.to_owned());
        let tag = image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
        if (self.hidden)(tag) {
            return Err(unknown(image));
        }
        if (self.down)(tag) {
            return Err(format!(
                "Callback evaluation failure: Fail to interact with OCI registry: Server error: url {image}, code: 503, message: down"
            ));
        }
        let found = |fetch: &Fetch| match self.layout.answer(fetch) {
            Answer::Found { bytes, .. } => Ok(bytes.0),
            Answer::Absent { .. } => Err(unknown(image)),
            other => Err(format!("{other:?}")),
        };
        let manifest = || match (image.split_once('@'), image.rsplit_once(':')) {
            (Some((repository, digest)), _) => {
                let repository = repository.rsplit_once('/').map_or(repository, |(path, name)| {
                    let name = name.split(':').next().unwrap();
                    &repository[..path.len() + 1 + name.len()]
                });
                let (repository, digest) = (repository.to_owned(), digest.to_owned());
                found(&Fetch::Manifest { repository, digest, max_bytes })
            }
            (None, Some((repository, tag))) => {
                let (repository, tag) = (repository.to_owned(), tag.to_owned());
                found(&Fetch::Tag { repository, tag, max_bytes })
            }
            (None, None) => panic!("{image}"),
        };
        match operation {
            "v1/manifest_digest" => match self.layout.answer(&Fetch::Resolve { reference }) {
                Answer::Resolved { digest } => {
                    Ok(json!({ "digest": digest }).to_string().into_bytes())
                }
                _ => Err(unknown(image)),
            },
            "v1/oci_manifest" => Ok(reserialised(&manifest()?)),
            "v1/oci_manifest_config" => {
                let config = match self.configs.get(tag) {
                    Some(config) => config.clone(),
                    None => {
                        let manifest: Value = serde_json::from_slice(&manifest()?).unwrap();
                        let digest = manifest["config"]["digest"].as_str().unwrap().to_owned();
                        let repository = image.split(['@']).next().unwrap().to_owned();
                        found(&Fetch::Blob { repository, digest, max_bytes })?
                    }
                };
                configuration(&config)
            }
            _ => Err(format!("unknown operation: {operation}")),
        }
    }

    fn resource(&self, asked: &Value) -> Result<Vec<u8>, String> {
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let (kind, namespace, name) = (text("kind"), text("namespace"), text("name"));
        match self.objects.get(&(kind.clone(), namespace.clone(), name.clone())) {
            Some(object) => Ok(object.to_string().into_bytes()),
            None => Err(format!(
                "Callback evaluation failure: Cannot find v1/{kind} named '{name}' inside of namespace '{:?}'",
                (!namespace.is_empty()).then_some(namespace)
            )),
        }
    }
}

impl HostCallbacks for Stock {
    fn call(
        &self,
        binding: &str,
        namespace: &str,
        operation: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, String> {
        assert_eq!(binding, "kubewarden");
        let payload: Value = serde_json::from_slice(payload).unwrap();
        let what = match payload["name"].as_str() {
            Some(name) => format!("{}/{name}", payload["kind"].as_str().unwrap()),
            None => payload.as_str().unwrap().to_owned(),
        };
        self.asked.lock().unwrap().push(format!("{operation} {what}"));
        let capability = format!("{namespace}/{operation}");
        if self.refused.contains(capability.as_str()) {
            return Err(format!(
                "Policy has not been granted access to the '{capability}' host capability. The violation has been reported."
            ));
        }
        if let Some(kind) = payload["kind"].as_str()
            && self.refused.contains(kind)
        {
            return Err(format!(
                "Policy has not been granted access to Kubernetes v1/{kind} resources. The violation has been reported."
            ));
        }
        let answer = match namespace {
            "oci" => self.oci(operation, payload.as_str().unwrap()),
            "kubernetes" => self.resource(&payload),
            _ => Err(format!("unknown namespace: {namespace}")),
        };
        let requests = if operation == "v1/oci_manifest_config" && answer.is_ok() { 4 } else { 2 };
        *self.spent.lock().unwrap() += self.each * requests;
        answer
    }

    fn elapsed(&self) -> Duration {
        *self.spent.lock().unwrap()
    }
}

fn unknown(image: &str) -> String {
    let error = format!(
        "Registry error: url {image}, envelope: OCI API errors: [OCI API error: Unknown manifest]"
    );
    format!(
        "Callback evaluation failure: Fail to interact with OCI registry: {error}\n\nCaused by:\n    {error}"
    )
}

/// As the real host reads a configuration: any JSON, its members sorted, the last of two kept.
fn configuration(config: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: String| {
        format!("Callback evaluation failure: Fail to interact with OCI registry: {error}")
    };
    let text = std::str::from_utf8(config)
        .map_err(|_| failed("Cannot parse config as UTF-8 string".to_owned()))?;
    let value: Value = serde_json::from_str(text).map_err(|e| failed(e.to_string()))?;
    let descriptor = json!({ "mediaType": "application/vnd.countersign.pack.v1+json", "digest": sha256_of(config), "size": config.len() });
    let manifest = json!({ "schemaVersion": 2, "config": descriptor, "layers": [] });
    let digest = sha256_of(manifest.to_string().as_bytes());
    let reply = json!({ "manifest": manifest, "digest": digest, "config": value });
    Ok(reply.to_string().into_bytes())
}

/// As the real host writes manifests: known members only, in another order.
fn reserialised(bytes: &[u8]) -> Vec<u8> {
    const KNOWN: &[&str] = &[
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
        "manifests",
        "subject",
        "artifactType",
        "annotations",
        "digest",
        "size",
        "urls",
        "platform",
    ];
    fn keep(value: Value, top: bool) -> Value {
        match value {
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .filter(|(name, _)| !top || KNOWN.contains(&name.as_str()))
                    .filter(|(name, _)| name != "data")
                    .map(|(name, value)| (name, keep(value, false)))
                    .collect::<Map<_, _>>(),
            ),
            Value::Array(list) => list.into_iter().map(|v| keep(v, false)).collect(),
            other => other,
        }
    }
    keep(serde_json::from_slice(bytes).unwrap(), true).to_string().into_bytes()
}
