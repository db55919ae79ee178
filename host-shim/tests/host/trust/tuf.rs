//! A TUF repository made of fixed keys, good or with a fault.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use countersign::time::Time;
use countersign_host::trust::{RepositoryFiles, TrustError};
use serde_json::{Map, Value, json};

use crate::{
    loopback::{Loopback, Reply},
    scratch::Scratch,
    sigstore::keys::{Key, hex, sha256},
};

/// The time of the tests.
pub(crate) const NOW: &str = "2026-11-21T03:00:00Z";
const DAY: i64 = 24 * 60 * 60;

pub(crate) fn now() -> Time {
    Time::parse(NOW).unwrap()
}

pub(crate) fn days(count: i64) -> Time {
    Time::from_unix(now().unix() + count * DAY)
}

/// The keys of one role.
#[derive(Clone)]
pub(crate) struct Signers {
    pub(crate) keys: Vec<(String, Key)>,
    pub(crate) threshold: usize,
}

impl Signers {
    /// Keys by name: the same name is the same key.
    pub(crate) fn new(names: &[&str], threshold: usize) -> Self {
        let key = |name: &&str| {
            // Public-good has both kinds.
            let key = if name.starts_with("ed") { Key::ed25519(name) } else { Key::p256(name) };
            (hex(&sha256(&key.spki())), key)
        };
        Self { keys: names.iter().map(key).collect(), threshold }
    }
}

/// A repository. Everything can be changed before it is published again.
#[derive(Clone)]
pub(crate) struct Tuf {
    pub(crate) roles: BTreeMap<&'static str, Signers>,
    pub(crate) versions: BTreeMap<&'static str, u64>,
    pub(crate) expires: BTreeMap<&'static str, Time>,
    pub(crate) consistent: bool,
    /// Length and hashes of metadata in the metadata above it. Sigstore's repositories have none.
    pub(crate) pins: bool,
    pub(crate) targets: BTreeMap<String, Vec<u8>>,
    pub(crate) files: Shelf,
}

pub(crate) type Shelf = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

impl Tuf {
    /// Version 1 of everything, with this trusted root.
    pub(crate) fn new(trusted_root: &[u8]) -> Self {
        let tuf = Self::unpublished(trusted_root);
        tuf.publish_root(None);
        tuf.publish();
        tuf
    }

    pub(crate) fn unpublished(trusted_root: &[u8]) -> Self {
        let role = |name, keys: &[&str], threshold| (name, Signers::new(keys, threshold));
        let every = |value| ["root", "timestamp", "snapshot", "targets"].map(|name| (name, value));
        Self {
            roles: BTreeMap::from([
                role("root", &["a", "b", "c"], 2),
                role("timestamp", &["online"], 1),
                role("snapshot", &["online"], 1),
                role("targets", &["a", "b", "ed-c"], 2),
            ]),
            versions: BTreeMap::from(every(1)),
            expires: BTreeMap::from([
                ("root", days(180)),
                ("timestamp", days(7)),
                ("snapshot", days(21)),
                ("targets", days(180)),
            ]),
            consistent: true,
            pins: false,
            targets: BTreeMap::from([("trusted_root.json".to_owned(), trusted_root.to_vec())]),
            files: Shelf::default(),
        }
    }

    /// A copy with files of its own.
    pub(crate) fn fork(&self) -> Self {
        let files = Arc::new(Mutex::new(self.files.lock().unwrap().clone()));
        Self { files, ..self.clone() }
    }

    /// Root metadata, signed by its own keys and by those of the root before it.
    pub(crate) fn publish_root(&self, before: Option<&Signers>) {
        let signers: Vec<_> = before.into_iter().chain([&self.roles["root"]]).collect();
        let version = self.versions["root"];
        let bytes = sign(&self.root(), &signers);
        self.put(&format!("{version}.root.json"), bytes.clone());
        self.put("root.json", bytes);
    }

    /// One version more, with other keys or the same.
    pub(crate) fn rotate(&mut self, role: &'static str, signers: Signers) {
        let before = self.roles["root"].clone();
        self.roles.insert(role, signers);
        *self.versions.get_mut("root").unwrap() += 1;
        self.publish_root(Some(&before));
    }

    /// Timestamp, snapshot, targets and the targets' files.
    pub(crate) fn publish(&self) {
        let targets = self.signed("targets", &self.targets_metadata());
        let snapshot = json!({ "meta": { "targets.json": self.meta("targets", &targets) } });
        let snapshot = self.signed("snapshot", &snapshot);
        let timestamp = json!({ "meta": { "snapshot.json": self.meta("snapshot", &snapshot) } });
        let timestamp = self.signed("timestamp", &timestamp);
        self.put(&self.named("targets"), targets);
        self.put(&self.named("snapshot"), snapshot);
        self.put("timestamp.json", timestamp);
        for (name, bytes) in &self.targets {
            let hash = hex(&sha256(bytes));
            let path = if self.consistent { format!("{hash}.{name}") } else { name.clone() };
            self.put(&format!("targets/{path}"), bytes.clone());
        }
    }

    /// Everything below the root, one version later.
    pub(crate) fn advance(&mut self, trusted_root: &[u8]) {
        for role in ["timestamp", "snapshot", "targets"] {
            *self.versions.get_mut(role).unwrap() += 1;
        }
        self.targets.insert("trusted_root.json".to_owned(), trusted_root.to_vec());
        self.publish();
    }

    pub(crate) fn named(&self, role: &str) -> String {
        if self.consistent {
            format!("{}.{role}.json", self.versions[role])
        } else {
            format!("{role}.json")
        }
    }

    /// The path of the trusted root.
    pub(crate) fn target(&self) -> String {
        format!("targets/{}.trusted_root.json", hex(&sha256(&self.targets["trusted_root.json"])))
    }

    fn meta(&self, role: &str, bytes: &[u8]) -> Value {
        let mut meta = json!({ "version": self.versions[role] });
        if self.pins {
            meta["length"] = json!(bytes.len());
            meta["hashes"] = json!({ "sha256": hex(&sha256(bytes)) });
        }
        meta
    }

    pub(crate) fn targets_metadata(&self) -> Value {
        let targets: Map<_, _> = self
            .targets
            .iter()
            .map(|(name, bytes)| {
                let hashes = json!({ "sha256": hex(&sha256(bytes)) });
                (name.clone(), json!({ "length": bytes.len(), "hashes": hashes }))
            })
            .collect();
        json!({ "targets": targets })
    }

    pub(crate) fn root(&self) -> Value {
        let (mut keys, mut roles) = (Map::new(), Map::new());
        for (name, signers) in &self.roles {
            let ids: Vec<_> = signers.keys.iter().map(|(id, _)| id).collect();
            roles.insert(
                (*name).to_owned(),
                json!({ "keyids": ids, "threshold": signers.threshold }),
            );
            for (id, key) in &signers.keys {
                keys.insert(id.clone(), key_value(key));
            }
        }
        let parts = json!({ "keys": keys, "roles": roles, "consistent_snapshot": self.consistent });
        self.head("root", &parts)
    }

    fn head(&self, role: &str, parts: &Value) -> Value {
        let mut signed = parts.clone();
        signed["_type"] = json!(role);
        signed["spec_version"] = json!("1.0.31");
        signed["version"] = json!(self.versions[role]);
        signed["expires"] = json!(self.expires[role].to_string());
        signed
    }

    pub(crate) fn signed(&self, role: &str, parts: &Value) -> Vec<u8> {
        sign(&self.head(role, parts), &[&self.roles[role]])
    }

    /// The root metadata of a version, as it would be given to a user.
    pub(crate) fn initial(&self, version: u64) -> String {
        String::from_utf8(self.file(&format!("{version}.root.json")).unwrap()).unwrap()
    }

    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.files.lock().unwrap().get(path).cloned()
    }

    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path);
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.lock().unwrap().keys().cloned().collect()
    }

    /// Changes a text in a file, and no signature.
    pub(crate) fn tamper(&self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.file(path).unwrap()).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        self.put(path, text.replacen(from, to, 1));
    }

    pub(crate) fn files(&self) -> Arc<dyn RepositoryFiles> {
        Arc::new(Memory { files: self.files.clone() })
    }

    /// As a directory.
    pub(crate) fn write(&self, directory: &Scratch, below: &str) {
        for (path, bytes) in self.files.lock().unwrap().iter() {
            directory.write(Path::new(below).join(path).to_str().unwrap(), bytes);
        }
    }

    /// Over HTTP.
    pub(crate) fn serve(&self) -> Loopback {
        let files = self.files.clone();
        Loopback::start(move |incoming| {
            match files.lock().unwrap().get(incoming.path.trim_start_matches('/')) {
                Some(bytes) => Reply::new(200, bytes.clone()),
                None => Reply::new(404, "Not Found"),
            }
        })
    }
}

struct Memory {
    files: Shelf,
}

impl RepositoryFiles for Memory {
    fn get(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let found = self.files.lock().unwrap().get(path).cloned();
        if found.as_ref().is_some_and(|bytes| bytes.len() as u64 > most) {
            return Err(TrustError::TooLarge { file: path.to_owned(), most });
        }
        Ok(found)
    }

    fn origin(&self) -> String {
        "memory".to_owned()
    }
}

pub(crate) fn key_value(key: &Key) -> Value {
    match key {
        Key::Ed25519(_) => json!({ "keytype": "ed25519", "scheme": "ed25519",
            "keyval": { "public": hex(&key.raw()) } }),
        _ => json!({ "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256",
            "keyval": { "public": key.public_pem() }, "x-tuf-on-ci-keyowner": "@somebody" }),
    }
}

/// Signs with as many keys of each role as its threshold asks for.
pub(crate) fn sign(signed: &Value, roles: &[&Signers]) -> Vec<u8> {
    let message = canonical(signed);
    let mut signatures = BTreeMap::new();
    for signers in roles {
        for (id, key) in signers.keys.iter().take(signers.threshold) {
            signatures.insert(id.clone(), hex(&key.sign(&message)));
        }
    }
    let signatures: Vec<_> =
        signatures.iter().map(|(id, sig)| json!({ "keyid": id, "sig": sig })).collect();
    serde_json::to_vec_pretty(&json!({ "signed": signed, "signatures": signatures })).unwrap()
}

/// OLPC's canonical JSON, as securesystemslib writes it.
fn canonical(value: &Value) -> Vec<u8> {
    fn text(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
    fn of(value: &Value) -> String {
        match value {
            Value::String(s) => text(s),
            Value::Array(items) => {
                format!("[{}]", items.iter().map(of).collect::<Vec<_>>().join(","))
            }
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().collect();
                let members = sorted.iter().map(|(k, v)| format!("{}:{}", text(k), of(v)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            other => other.to_string(),
        }
    }
    of(value).into_bytes()
}
