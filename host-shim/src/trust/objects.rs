//! Public keys in Kubernetes: of Secrets as cosign writes them, and of ConfigMaps.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::TrustError;
use crate::policy::Document;

/// The key of a Secret where cosign puts the public key (`cosign generate-key-pair k8s://…`).
const COSIGN: &str = "cosign.pub";
/// Files of one directory of objects.
const MOST_FILES: usize = 1_000;
/// Bytes of one value: etcd takes no larger object.
const MOST_BYTES: usize = 1 << 20;

/// Kinds of objects that hold keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// `v1/ConfigMap`.
    ConfigMap,
    /// `v1/Secret`.
    Secret,
}

impl ObjectKind {
    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// Why it is not known whether there is such an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectsError {
    /// The cluster says that we may not look.
    Denied(String),
    /// The cluster did not say anything.
    Unavailable(String),
}

impl fmt::Display for ObjectsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => {
                write!(f, "the cluster does not allow to read it ({why}): grant `get` on it")
            }
            Self::Unavailable(why) => write!(f, "the cluster did not answer: {why}"),
        }
    }
}

impl std::error::Error for ObjectsError {}

/// Where objects of a cluster are.
pub trait KubernetesObjects: Send + Sync {
    /// One object as the API has it; `None` where the cluster says that there is none.
    fn get(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ObjectsError>;
}

/// Objects in files, as `kubectl get -o yaml` and manifests have them.
pub struct ObjectFiles(BTreeMap<(ObjectKind, String, String), Value>);

impl fmt::Debug for ObjectFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are secrets, perhaps.
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl ObjectFiles {
    /// Reads every `.yaml`, `.yml` and `.json` of a directory. Each holds one object, or a `List`;
    /// objects of other kinds are passed over.
    pub fn open(directory: &Path) -> Result<Self, TrustError> {
        let disk =
            |path: &Path, why: String| TrustError::Disk { path: path.display().to_string(), why };
        let entries = fs::read_dir(directory).map_err(|e| disk(directory, e.to_string()))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| {
            path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
        });
        paths.sort();
        if paths.len() > MOST_FILES {
            return Err(TrustError::TooMany { what: "files", most: MOST_FILES as u64 });
        }
        let mut objects = Self(BTreeMap::new());
        for path in paths {
            let document = Document::load(&path.to_string_lossy());
            let document = document.map_err(|e| TrustError::Usage(e.to_string()))?.value;
            let items = match document.get("items").and_then(Value::as_array) {
                Some(items) => items.clone(),
                None => vec![document],
            };
            for item in items {
                objects.add(item).map_err(|why| disk(&path, why))?;
            }
        }
        Ok(objects)
    }

    fn add(&mut self, object: Value) -> Result<(), String> {
        let kind = match object["kind"].as_str() {
            Some("ConfigMap") => ObjectKind::ConfigMap,
            Some("Secret") => ObjectKind::Secret,
            _ => return Ok(()),
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
        match self.0.insert((kind, namespace.clone(), name.clone()), object) {
            None => Ok(()),
            Some(_) => Err(format!("{} {namespace}/{name} is there twice", kind.name())),
        }
    }
}

impl KubernetesObjects for ObjectFiles {
    fn get(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ObjectsError> {
        Ok(self.0.get(&(kind, namespace.to_owned(), name.to_owned())).cloned())
    }
}

/// A public key or certificate in an object, as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReference {
    /// What kind of object.
    pub kind: ObjectKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The key of its data.
    pub key: Option<String>,
}

impl fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

impl ObjectReference {
    /// `k8s://NAMESPACE/NAME[/KEY]`, `{ secret: NAMESPACE/NAME, key? }` or
    /// `{ configMap: NAMESPACE/NAME, key? }`; nothing where a value is none of them.
    pub fn read(value: &Value) -> Option<Result<Self, String>> {
        if let Some(text) = value.as_str() {
            let path = text.trim().strip_prefix("k8s://")?;
            return Some(Self::parse(ObjectKind::Secret, path, true));
        }
        let members = value.as_object()?;
        let of = |member: &str| members.get(member);
        let (kind, path) = match (of("secret"), of("configMap")) {
            (Some(path), None) => (ObjectKind::Secret, path),
            (None, Some(path)) => (ObjectKind::ConfigMap, path),
            (Some(_), Some(_)) => return Some(Err("either `secret` or `configMap`".to_owned())),
            (None, None) => return None,
        };
        if let Some(other) =
            members.keys().find(|m| !["secret", "configMap", "key"].contains(&m.as_str()))
        {
            return Some(Err(format!("`{other}` is no member of a reference to an object")));
        }
        let Some(path) = path.as_str() else {
            return Some(Err("an object is named as `NAMESPACE/NAME`".to_owned()));
        };
        let key = match of("key").map(|key| key.as_str().filter(|key| !key.is_empty())) {
            None => None,
            Some(Some(key)) => Some(key.to_owned()),
            Some(None) => return Some(Err("`key` is the name of a key of its data".to_owned())),
        };
        Some(Self::parse(kind, path, false).map(|reference| Self { key, ..reference }))
    }

    fn parse(kind: ObjectKind, path: &str, with_key: bool) -> Result<Self, String> {
        let parts: Vec<_> = path.split('/').collect();
        let (namespace, name, key) = match parts.as_slice() {
            [namespace, name] => (*namespace, *name, None),
            [namespace, name, key] if with_key && is_key(key) => {
                (*namespace, *name, Some((*key).to_owned()))
            }
            _ => return Err(format!("`{path}` is not `NAMESPACE/NAME`")),
        };
        if !is_name(namespace) || !is_name(name) {
            return Err(format!("`{path}` has no name of an object of Kubernetes"));
        }
        Ok(Self { kind, namespace: namespace.to_owned(), name: name.to_owned(), key })
    }

    /// The PEM in it. What it says is never part of a message.
    pub fn fetch(&self, objects: &dyn KubernetesObjects) -> Result<String, String> {
        let object = objects
            .get(self.kind, &self.namespace, &self.name)
            .map_err(|e| format!("{self}: {e}"))?
            .ok_or_else(|| format!("{self}: there is no such object"))?;
        let key = self.key(&object)?;
        let bytes = self.value(&object, key).ok_or_else(|| {
            format!(
                "{self}: it has no key `{key}`, or no value that can be read; {}",
                names(&object)
            )
        })?;
        if bytes.len() > MOST_BYTES {
            return Err(format!("{self}: `{key}` has more than {MOST_BYTES} bytes"));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{self}: `{key}` is not PEM"))?;
        if text.contains("PRIVATE KEY-----") {
            return Err(format!(
                "{self}: `{key}` is a private key: name the public one, and see that nobody reads \
                 this one but who signs"
            ));
        }
        if !text.contains("-----BEGIN ") {
            return Err(format!("{self}: `{key}` is not PEM"));
        }
        Ok(text)
    }

    /// The key that was named; else cosign's, else the only one of a ConfigMap.
    fn key<'k>(&'k self, object: &'k Value) -> Result<&'k str, String> {
        if let Some(key) = &self.key {
            return Ok(key);
        }
        if self.value(object, COSIGN).is_some() {
            return Ok(COSIGN);
        }
        let data = object["data"].as_object();
        let only = data.filter(|data| data.len() == 1 && self.kind == ObjectKind::ConfigMap);
        let only = only.and_then(|data| data.keys().next());
        only.map(String::as_str).ok_or_else(|| {
            format!("{self}: it has no key `{COSIGN}`: say which; {}", names(object))
        })
    }

    fn value(&self, object: &Value, key: &str) -> Option<Vec<u8>> {
        let text = |member: &str| object.get(member)?.get(key)?.as_str();
        let base64 = |text: &str| STANDARD.decode(text.trim()).ok();
        match self.kind {
            ObjectKind::ConfigMap => match text("data") {
                Some(plain) => Some(plain.as_bytes().to_vec()),
                None => base64(text("binaryData")?),
            },
            // In manifests that are not applied yet.
            ObjectKind::Secret => match text("stringData") {
                Some(plain) => Some(plain.as_bytes().to_vec()),
                None => base64(text("data")?),
            },
        }
    }
}

/// The keys of an object's data.
fn names(object: &Value) -> String {
    let members = ["data", "binaryData", "stringData"];
    let keys = members.iter().filter_map(|member| object[*member].as_object());
    let keys: Vec<_> = keys.flat_map(|data| data.keys().map(|key| format!("`{key}`"))).collect();
    if keys.is_empty() { "it has none".to_owned() } else { format!("it has {}", keys.join(", ")) }
}

/// RFC 1123, as Kubernetes names objects.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    (1..=253).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.', '-'])
}

/// A key of `data`.
fn is_key(key: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=253).contains(&key.len()) && key.bytes().all(allowed)
}
