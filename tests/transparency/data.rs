//! Bundles of real tools, taken apart, and the keys of their logs.

use std::{fs, path::Path};

pub(crate) use crate::shared::{not_run, vectors};
use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    crypto::{HashAlgorithm, Memo, PublicKey, Scheme, Spend},
    transparency::{
        Artifact, Digests, LoggedEntry, Material, Verifier,
        checkpoint::{Checkpoint, NoteVerifier},
        merkle::{leaf_hash, verify_inclusion},
        sct::{CtLog, Precertificate, parse_list},
        set::SignedEntry,
    },
    x509::Certificate,
};
use serde_json::Value;

/// A log's key.
pub(crate) struct Log {
    pub(crate) host: String,
    pub(crate) id: Vec<u8>,
    pub(crate) key: PublicKey,
    pub(crate) scheme: Scheme,
}

/// Logs and authorities of a trusted root.
pub(crate) struct Root {
    pub(crate) logs: Vec<Log>,
    pub(crate) ct_logs: Vec<Log>,
    pub(crate) authorities: Vec<Certificate>,
}

impl Root {
    pub(crate) fn read(path: &Path) -> Self {
        let root: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let certificates = list(&root, "/certificateAuthorities")
            .flat_map(|authority| list(authority, "/certChain/certificates"))
            .map(|c| Certificate::from_der(&bytes(c, "/rawBytes")).unwrap());
        Self {
            logs: list(&root, "/tlogs").filter_map(log).collect(),
            ct_logs: list(&root, "/ctlogs").filter_map(log).collect(),
            authorities: certificates.collect(),
        }
    }
}

fn log(value: &Value) -> Option<Log> {
    let key = PublicKey::from_spki_der(&bytes(value, "/publicKey/rawBytes")).ok()?;
    let scheme = match text(value, "/publicKey/keyDetails") {
        "PKIX_ECDSA_P256_SHA_256" => Scheme::EcdsaDer(HashAlgorithm::Sha256),
        "PKIX_ED25519" => Scheme::Ed25519,
        _ => return None,
    };
    let host = text(value, "/baseUrl").rsplit("//").next().unwrap();
    let host = host.split(':').next().unwrap().to_owned();
    Some(Log { host, id: bytes(value, "/logId/keyId"), key, scheme })
}

/// A bundle with the root that it is to be verified with.
pub(crate) struct Case {
    pub(crate) bundle: Value,
    pub(crate) root: Root,
    artifact: Vec<u8>,
    key: Option<PublicKey>,
}

/// Every case of the conformance suite whose bundle is JSON, by name.
pub(crate) fn conformance() -> Option<Vec<(String, Case)>> {
    let suite = vectors("sigstore-conformance")?;
    let mut directories: Vec<_> = fs::read_dir(&suite)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    let cases = directories.into_iter().filter_map(|directory| {
        let name = directory.file_name()?.to_str()?.to_owned();
        let bundle = fs::read(directory.join("bundle.sigstore.json")).ok()?;
        let root = Some(directory.join("trusted_root.json")).filter(|path| path.is_file());
        let root = root.unwrap_or_else(|| suite.join("../sigstore-public-good-trusted_root.json"));
        let artifact = fs::read(directory.join("artifact"));
        let key = fs::read_to_string(directory.join("key.pub"));
        let case = Case {
            bundle: serde_json::from_slice(&bundle).ok()?,
            root: Root::read(&root),
            artifact: artifact.unwrap_or_else(|_| fs::read(suite.join("a.txt")).unwrap()),
            key: key.ok().and_then(|pem| PublicKey::from_pem(&pem).ok()),
        };
        Some((name, case))
    });
    Some(cases.collect())
}

/// The bundles of one layout of the corpora, for the root of that name.
pub(crate) fn layout(name: &str, root: &str) -> Option<Vec<Case>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpora = [here.join("corpora"), here.join("../shared/corpora")];
    let corpora = corpora.into_iter().find(|path| path.join("layouts").is_dir())?;
    let blobs = fs::read_dir(corpora.join("layouts").join(name).join("blobs/sha256")).unwrap();
    let mut blobs: Vec<_> = blobs.map(|blob| blob.unwrap().path()).collect();
    blobs.sort();
    let cases = blobs.into_iter().filter_map(|blob| {
        let bundle: Value = serde_json::from_slice(&fs::read(blob).ok()?).ok()?;
        bundle.get("verificationMaterial")?;
        let root = Root::read(&corpora.join("trust").join(root));
        Some(Case { bundle, root, artifact: Vec::new(), key: None })
    });
    Some(cases.collect())
}

/// The case that nothing is wrong with.
pub(crate) fn case(name: &str) -> Option<Case> {
    conformance()?.into_iter().find(|(own, _)| own == name).map(|(_, case)| case)
}

impl Case {
    fn certificate(&self) -> Option<Certificate> {
        let material = "/verificationMaterial";
        let one = self.bundle.pointer(&format!("{material}/certificate"));
        let chain = format!("{material}/x509CertificateChain/certificates/0");
        let leaf = one.or_else(|| self.bundle.pointer(&chain))?;
        Certificate::from_der(&bytes(leaf, "/rawBytes")).ok()
    }

    /// What is wrong, each step by itself.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for entry in list(&self.bundle, "/verificationMaterial/tlogEntries") {
            let mut step = |name: &str, result: Result<(), String>| {
                if let Err(error) = result {
                    faults.push(format!("{name}: {error}"));
                }
            };
            step("entry", self.binds(entry));
            step("promise", self.promised(entry));
            step("inclusion", included(entry));
            step("checkpoint", self.checkpoint(entry));
        }
        if let Some(certificate) = self.certificate()
            && let Err(error) = self.timestamped(&certificate)
        {
            faults.push(format!("certificate: {error}"));
        }
        faults
    }

    fn log(&self, entry: &Value) -> Result<&Log, String> {
        let id = bytes(entry, "/logId/keyId");
        self.root.logs.iter().find(|log| log.id == id).ok_or_else(|| "unknown log".to_owned())
    }

    pub(crate) fn binds(&self, entry: &Value) -> Result<(), String> {
        let claimed = (text(entry, "/kindVersion/kind"), text(entry, "/kindVersion/version"));
        let body = bytes(entry, "/canonicalizedBody");
        let logged = LoggedEntry::parse(&body, Some(claimed)).map_err(|e| e.to_string())?;
        let certificate = self.certificate();
        let key =
            certificate.as_ref().map(|c| c.public_key().unwrap()).or_else(|| self.key.clone());
        let key = key.ok_or("no key")?;
        let verifier = match &certificate {
            Some(certificate) => Verifier::Certificate { der: certificate.der(), key: &key },
            None => Verifier::Key(&key),
        };
        let message = |algorithm: HashAlgorithm| Some(algorithm.digest(&self.artifact));
        let payload_type = text(&self.bundle, "/dsseEnvelope/payloadType");
        let payload = bytes(&self.bundle, "/dsseEnvelope/payload");
        let prefix = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
        let pae = [prefix.as_bytes(), &payload].concat();
        let (artifact, signature) = if self.bundle.get("dsseEnvelope").is_some() {
            let artifact =
                Artifact::Dsse { payload_type, payload: &payload, pae: &pae, json: None };
            (artifact, "/dsseEnvelope/signatures/0/sig")
        } else {
            (Artifact::Message(&message), "/messageSignature/signature")
        };
        let signature = bytes(&self.bundle, signature);
        let material = Material { artifact, signature: &signature, verifier };
        logged
            .binds(&material, &mut Digests::default())
            .map_err(|difference| difference.field.to_owned())
    }

    pub(crate) fn promised(&self, entry: &Value) -> Result<(), String> {
        if entry.pointer("/inclusionPromise").is_none() {
            return Ok(());
        }
        let log = self.log(entry)?;
        let signed = SignedEntry {
            body: &bytes(entry, "/canonicalizedBody"),
            integrated_time: number(entry, "/integratedTime") as i64,
            log_id: &bytes(entry, "/logId/keyId"),
            log_index: number(entry, "/logIndex"),
        };
        let signature = bytes(entry, "/inclusionPromise/signedEntryTimestamp");
        let result = signed.verify(&log.key, log.scheme, &signature, &spend()).unwrap();
        result.map_err(|error| format!("{error:?}"))
    }

    pub(crate) fn checkpoint(&self, entry: &Value) -> Result<(), String> {
        let note = text(entry, "/inclusionProof/checkpoint/envelope");
        if note.is_empty() {
            return Ok(());
        }
        let checkpoint = Checkpoint::parse(note).map_err(|e| e.to_string())?;
        if checkpoint.root[..] != bytes(entry, "/inclusionProof/rootHash")
            || checkpoint.size != number(entry, "/inclusionProof/treeSize")
        {
            return Err("another tree".to_owned());
        }
        let log = self.log(entry)?;
        let by = NoteVerifier {
            key: &log.key,
            scheme: log.scheme,
            key_ids: log.id.first_chunk().copied().into_iter().collect(),
            // Rekor v2.
            name: (text(entry, "/kindVersion/version") == "0.0.2"
                && text(entry, "/kindVersion/kind") == "hashedrekord")
                .then_some(&log.host),
        };
        checkpoint.verify(&by, &spend()).unwrap().map_err(|e| e.to_string())
    }

    pub(crate) fn timestamped(&self, leaf: &Certificate) -> Result<(), String> {
        let issuer = self.root.authorities.iter().find(|authority| {
            authority.subject_der() == leaf.issuer_der()
                && authority.public_key().is_ok_and(|key| {
                    leaf.verify_signed_by(&key, &spend()).is_ok_and(|result| result.is_ok())
                })
        });
        let issuer = issuer.ok_or("unknown issuer")?;
        let precertificate =
            Precertificate::of(leaf, issuer.spki_der()).map_err(|e| e.to_string())?;
        for sct in parse_list(leaf).map_err(|e| e.to_string())? {
            let log = self.root.ct_logs.iter().find(|log| log.id == sct.log_id);
            let log = log.ok_or("unknown certificate log")?;
            let by = CtLog { id: &log.id, key: &log.key };
            sct.verify(&precertificate, by, &spend()).unwrap().map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

pub(crate) fn included(entry: &Value) -> Result<(), String> {
    if entry.pointer("/inclusionProof").is_none() {
        return Ok(());
    }
    let hashes: Vec<_> =
        list(entry, "/inclusionProof/hashes").map(|hash| bytes(hash, "")).collect();
    verify_inclusion(
        &leaf_hash(&bytes(entry, "/canonicalizedBody")),
        number(entry, "/inclusionProof/logIndex"),
        number(entry, "/inclusionProof/treeSize"),
        &hashes,
        &bytes(entry, "/inclusionProof/rootHash").try_into().map_err(|_| "root")?,
    )
    .map_err(|error| error.to_string())
}

pub(crate) fn spend() -> Spend {
    Spend::new(100, Memo::default())
}

pub(crate) fn list<'v>(value: &'v Value, path: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

pub(crate) fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn bytes(value: &Value, path: &str) -> Vec<u8> {
    STANDARD.decode(text(value, path)).unwrap_or_default()
}

pub(crate) fn number(value: &Value, path: &str) -> u64 {
    text(value, path).parse().unwrap_or_default()
}
