//! Transparency logs: from what a log is told to its entry with proof and promise.

use serde_json::{Value, json};

use super::{
    Tweak, base64, canonical,
    content::Told,
    instant::SIGNED,
    keys::{Key, sha256},
    merkle,
    note::{Checkpoint, NoteSigner, key_id},
    rekor_v1, rekor_v2,
};

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    HashedRekord1,
    Dsse1,
    Intoto1,
    Intoto2,
    HashedRekord2,
    Dsse2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    One,
    Two,
}

#[derive(Clone)]
pub(crate) struct Rekor {
    pub(crate) generation: Generation,
    pub(crate) base_url: String,
    /// First line of its checkpoints.
    pub(crate) origin: String,
    /// Name in their signature lines.
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
    /// Entries in earlier shards, which a v1 log's indexes count.
    pub(crate) before: i64,
}

/// How one entry is made. Everything can be changed at the moment when it is made, so that what
/// comes later is right about it.
#[derive(Clone)]
pub(crate) struct Logging {
    pub(crate) log: Rekor,
    pub(crate) kind: Kind,
    pub(crate) integrated_time: i64,
    /// Other leaves of the tree, before and after this one.
    pub(crate) others: (usize, usize),
    /// Signed entry timestamp.
    pub(crate) promise: bool,
    pub(crate) proof: bool,
    /// What the log is told.
    pub(crate) told: Tweak<Told>,
    /// The body, before it is hashed.
    pub(crate) body: Tweak<Value>,
    /// The body's bytes, before they are hashed.
    pub(crate) bytes: Tweak<Vec<u8>>,
    /// What the promise signs, before it is signed.
    pub(crate) promised: Tweak<Value>,
    /// The checkpoint, before it is signed.
    pub(crate) checkpoint: Tweak<Checkpoint>,
    /// The entry as the bundle has it.
    pub(crate) entry: Tweak<Entry>,
}

/// TransparencyLogEntry of protobuf-specs.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) log_index: i64,
    pub(crate) log_id: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) version: String,
    pub(crate) integrated_time: Option<i64>,
    pub(crate) promise: Option<Vec<u8>>,
    pub(crate) proof: Option<Proof>,
    pub(crate) body: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct Proof {
    pub(crate) log_index: i64,
    pub(crate) root: Vec<u8>,
    pub(crate) tree_size: i64,
    pub(crate) hashes: Vec<Vec<u8>>,
    pub(crate) checkpoint: Option<String>,
}

impl Rekor {
    pub(crate) fn v1(name: &str, key: Key) -> Self {
        let host = format!("rekor.{name}.test");
        Self {
            generation: Generation::One,
            base_url: format!("https://{host}"),
            origin: format!("{host} - 2605736670972794746"),
            name: host,
            id: sha256(&key.spki()),
            key,
            before: 4_000,
        }
    }

    pub(crate) fn v2(name: &str, key: Key) -> Self {
        let host = format!("log2025.rekor.{name}.test");
        let id = match &key {
            Key::Ed25519(_) => key_id(&host, 1, &key.raw()),
            _ => sha256(&key.spki()),
        };
        Self {
            generation: Generation::Two,
            base_url: format!("https://{host}"),
            origin: host.clone(),
            name: host,
            key,
            id,
            before: 0,
        }
    }

    /// The plan of an entry: v1 with promise and proof, v2 with proof.
    pub(crate) fn entry(&self, kind: Kind) -> Logging {
        Logging {
            log: self.clone(),
            kind,
            integrated_time: SIGNED + 5,
            others: (5, 3),
            promise: self.generation == Generation::One,
            proof: true,
            told: Tweak::default(),
            body: Tweak::default(),
            bytes: Tweak::default(),
            promised: Tweak::default(),
            checkpoint: Tweak::default(),
            entry: Tweak::default(),
        }
    }

    pub(crate) fn signer(&self) -> NoteSigner {
        NoteSigner::log(&self.name, &self.key)
    }
}

impl Kind {
    pub(crate) fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::HashedRekord1 => ("hashedrekord", "0.0.1"),
            Self::Dsse1 => ("dsse", "0.0.1"),
            Self::Intoto1 => ("intoto", "0.0.1"),
            Self::Intoto2 => ("intoto", "0.0.2"),
            Self::HashedRekord2 => ("hashedrekord", "0.0.2"),
            Self::Dsse2 => ("dsse", "0.0.2"),
        }
    }

    fn body(self, told: &Told) -> Value {
        match self {
            Self::HashedRekord1 => rekor_v1::hashedrekord(told),
            Self::Dsse1 => rekor_v1::dsse(told),
            Self::Intoto1 => rekor_v1::intoto_1(told),
            Self::Intoto2 => rekor_v1::intoto_2(told),
            Self::HashedRekord2 => rekor_v2::hashedrekord(told),
            Self::Dsse2 => rekor_v2::dsse(told),
        }
    }
}

impl Logging {
    /// The entry about `told`.
    pub(crate) fn make(&self, told: &Told) -> Entry {
        let mut told = told.clone();
        self.told.apply(&mut told);
        let mut body = self.kind.body(&told);
        self.body.apply(&mut body);
        let mut body = canonical(&body);
        self.bytes.apply(&mut body);

        let proof = self.prove(&body);
        let log_index = self.log.before + proof.log_index;
        let (kind, version) = self.kind.name();
        let first = self.log.generation == Generation::One;
        let mut entry = Entry {
            log_index,
            log_id: self.log.id.clone(),
            kind: kind.to_owned(),
            version: version.to_owned(),
            integrated_time: first.then_some(self.integrated_time),
            promise: self.promise.then(|| self.promise(&body, log_index)),
            proof: self.proof.then_some(proof),
            body,
        };
        self.entry.apply(&mut entry);
        entry
    }

    fn promise(&self, body: &[u8], log_index: i64) -> Vec<u8> {
        let mut promised = rekor_v1::promised(body, self.integrated_time, &self.log.id, log_index);
        self.promised.apply(&mut promised);
        self.log.key.sign(&canonical(&promised))
    }

    fn prove(&self, body: &[u8]) -> Proof {
        let (before, after) = self.others;
        let other = |n: usize| merkle::leaf(format!("{} entry {n}", self.log.name).as_bytes());
        let mut leaves: Vec<_> = (0..before).map(other).collect();
        leaves.push(merkle::leaf(body));
        leaves.extend((before + 1..=before + after).map(other));
        let mut checkpoint = Checkpoint {
            origin: self.log.origin.clone(),
            size: leaves.len().to_string(),
            root: merkle::root(&leaves),
            more: Vec::new(),
            signers: vec![self.log.signer()],
            text: Tweak::default(),
            note: Tweak::default(),
        };
        self.checkpoint.apply(&mut checkpoint);
        Proof {
            log_index: before as i64,
            root: merkle::root(&leaves),
            tree_size: leaves.len() as i64,
            hashes: merkle::audit_path(&leaves, before),
            checkpoint: Some(checkpoint.sign()),
        }
    }
}

impl Entry {
    /// As a bundle has it: numbers as strings.
    pub(crate) fn value(&self) -> Value {
        let mut value = json!({
            "logIndex": self.log_index.to_string(),
            "logId": {"keyId": base64(&self.log_id)},
            "kindVersion": {"kind": self.kind, "version": self.version},
            "canonicalizedBody": base64(&self.body),
        });
        if let Some(time) = self.integrated_time {
            value["integratedTime"] = json!(time.to_string());
        }
        if let Some(promise) = &self.promise {
            value["inclusionPromise"] = json!({"signedEntryTimestamp": base64(promise)});
        }
        if let Some(proof) = &self.proof {
            value["inclusionProof"] = proof.value();
        }
        value
    }

    /// Cosign's bundle annotation.
    pub(crate) fn legacy(&self) -> Value {
        let time = self.integrated_time.unwrap_or_default();
        json!({
            "SignedEntryTimestamp": base64(self.promise.as_deref().unwrap_or_default()),
            "Payload": rekor_v1::promised(&self.body, time, &self.log_id, self.log_index),
        })
    }
}

impl Proof {
    fn value(&self) -> Value {
        let hashes: Vec<_> = self.hashes.iter().map(|hash| base64(hash)).collect();
        let mut value = json!({
            "logIndex": self.log_index.to_string(),
            "rootHash": base64(&self.root),
            "treeSize": self.tree_size.to_string(),
            "hashes": hashes,
        });
        if let Some(checkpoint) = &self.checkpoint {
            value["checkpoint"] = json!({"envelope": checkpoint});
        }
        value
    }
}
