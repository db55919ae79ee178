//! Notation through the command and the module that it carries: blobs, configuration directories,
//! forms of manifests, and revocation against servers of this process.

mod blobs;
mod config;
mod referrers;
mod revocation;
mod rounds;
mod time_limits;

use std::process::{Command, Output};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    draft::{Draft, Format},
    made::NOW,
    pki::{Certificate, Key},
    road::embeds_a_module,
    scratch::{MANIFEST, Scratch},
};

/// [`NOW`] as the command takes it.
const CLOCK: &str = "2026-11-21T03:00:00Z";
const KIND: &str = "application/vnd.cncf.notary.signature";

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// A policy for everything, with one authority of Notation.
fn policy(stores: Value, fields: Value) -> String {
    let mut authority = json!({ "trust": "t", "trustedIdentities": ["*"] });
    authority.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let policy = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "t": { "notation": stores } },
            "authorities": { "a": { "notation": authority } },
            "rules": [{ "images": ["**"], "blobs": ["**"], "require": "a" }],
        },
    });
    policy.to_string()
}

/// A directory, and the command run in it.
struct Stage(Scratch);

/// What came of one run.
#[derive(Debug)]
struct Verdict {
    exit: i32,
    /// `allow`, or the code of the reason; nothing where there was no decision.
    code: String,
    report: Value,
    said: String,
}

impl Stage {
    /// Nothing, and a word about it, where the build carries no module.
    fn new() -> Option<Self> {
        embeds_a_module().then(|| Self(Scratch::new()))
    }

    fn run(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env("XDG_CACHE_HOME", self.0.path().join("caches"))
            .output()
            .unwrap()
    }

    fn verdict(&self, arguments: &str) -> Verdict {
        let output = self.run(&format!("{arguments} --now {CLOCK} --output json --stats"));
        let said = String::from_utf8(output.stderr).unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let decision = &report["results"][0]["decision"];
        let one = [&decision["images"][0], &decision["blobs"][0]];
        let code = one.iter().find(|one| one.is_object()).map(|one| {
            let code = one["reason"]["code"].as_str().unwrap_or("allow");
            code.to_owned()
        });
        let exit = output.status.code().unwrap();
        Verdict { exit, code: code.unwrap_or_default(), report, said }
    }

    /// The words of a command that exits with 3 and decides nothing.
    fn refusal(&self, arguments: &str) -> String {
        let output = self.run(&format!("{arguments} --now {CLOCK}"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments}: {said}");
        assert!(output.stdout.is_empty(), "{arguments}");
        said
    }

    /// Stores an image of the tag `1` with this envelope among its referrers.
    fn image(&self, envelope: impl FnOnce(&[u8]) -> Vec<u8>) {
        let image = crate::scratch::image("a");
        let listed = self.0.manifest(&image, crate::scratch::tag("1"));
        let envelope = envelope(image.to_string().as_bytes());
        let signature = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": KIND,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": self.0.blob("{}"),
                "size": 2,
            },
            "layers": [{
                "mediaType": "application/jose+json",
                "digest": self.0.blob(&envelope),
                "size": envelope.len(),
            }],
            "subject": { "mediaType": MANIFEST, "digest": listed["digest"], "size": listed["size"] },
        });
        let signature = self.0.manifest(&signature, json!({}));
        self.0.index(&[listed, signature]);
    }

    /// The image in the directory, as the command takes it.
    fn layout(&self) -> String {
        format!("oci-layout:{}:1", self.0.path().display())
    }
}

impl Verdict {
    fn warns_of(&self, words: &str) -> bool {
        let warnings = self.report["results"][0]["decision"]["warnings"].as_array();
        warnings.into_iter().flatten().any(|warning| warning.as_str().unwrap().contains(words))
    }

    /// Everything that the decision says.
    fn text(&self) -> String {
        self.report["results"][0]["decision"].to_string()
    }
}

/// What Notation signs about an artifact.
fn payload(media_type: &str, digest: &str, size: usize) -> Vec<u8> {
    let target = json!({ "mediaType": media_type, "digest": digest, "size": size });
    json!({ "targetArtifact": target }).to_string().into_bytes()
}

/// Somebody with a chain of two.
struct Signer {
    root: Certificate,
    leaf: Certificate,
}

impl Signer {
    fn new(key: Key) -> Self {
        Self {
            root: Certificate::authority("root", Key::p256("root")),
            leaf: Certificate::leaf("leaf", key),
        }
    }

    /// PEM of the root.
    fn anchor(&self) -> String {
        pem(&self.root.self_signed())
    }

    fn envelope(&self, format: Format, payload: &[u8]) -> Vec<u8> {
        let chain = vec![self.leaf.issued_by(&self.root), self.root.self_signed()];
        Draft::new(format, self.leaf.key.clone(), chain, payload, NOW - 3600).build()
    }
}
