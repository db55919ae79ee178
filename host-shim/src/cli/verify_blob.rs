//! `countersign verify-blob`.

use clap::{ArgGroup, Args};
use countersign::wire::{BlobSignature, Bytes};

use super::{
    Exit,
    report::{Manner, Session, refuse},
    revocation::{RevocationOptions, say_notes},
    signed_by::{self, SignedBy},
    verify_bundle::{MOST_BUNDLE, open},
};
use crate::{
    blob::{self, Detached, from_cosign_bundle},
    policy::Document,
    runtime::Modules,
    source::{Nothing, Sources},
};

const EXAMPLES: &str = "\
Examples:
  countersign verify-blob --bundle app.sigstore.json --key cosign.pub app.tar.gz
  countersign verify-blob --signature app.sig --key cosign.pub --insecure-ignore-tlog app.tar.gz
  countersign verify-blob --bundle app.sigstore.json --certificate-identity release@acme.test \\
      --certificate-oidc-issuer https://accounts.google.com app.tar.gz
  countersign verify-blob --bundle app.sigstore.json --policy policy.yaml --name app app.tar.gz";

/// Bytes of a signature, a certificate chain or a timestamp.
const MOST_DETACHED: u64 = 1 << 20;

/// Verifies signatures and attestations of a file
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::EXIT_CODES))]
#[command(group = ArgGroup::new("signer").args(["certificate_identity",
    "certificate_identity_regexp", "key", "policy"]).required(true))]
#[command(group = ArgGroup::new("evidence").args(["bundle", "signature"]).required(true)
    .multiple(true))]
pub(super) struct VerifyBlob {
    /// A Sigstore bundle, or one of cosign's older format; several are tried each
    #[arg(long, value_name = "FILE")]
    bundle: Vec<String>,
    /// A signature in a file of its own: base64, or the bytes; with --policy also Notation's
    /// `….jws.sig` and `….cose.sig`
    #[arg(long, value_name = "FILE")]
    signature: Option<String>,
    /// The certificate of --signature, PEM, with its chain if there is one
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with = "key")]
    certificate: Option<String>,
    /// An RFC 3161 timestamp of --signature: DER, or the JSON that cosign writes
    #[arg(long, value_name = "FILE", requires = "signature")]
    rfc3161_timestamp: Option<String>,
    /// A policy document instead of the options below; its rules' `blobs` match --name
    #[arg(long, value_name = "FILE", conflicts_with = "SignedBy")]
    policy: Option<String>,
    /// The name that the policy's rules match, instead of the file's own
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    signed_by: SignedBy,
    #[command(flatten)]
    manner: Manner,
    /// The file, or its digest `sha256:…`; `-` for standard input
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: String,
    #[command(flatten)]
    revocation: RevocationOptions,
}

impl VerifyBlob {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.judge(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn judge(&self, modules: Modules) -> Result<Exit, String> {
        let Some(path) = &self.policy else {
            if self.name.is_some() {
                return Err("--name is for the rules of a --policy".to_owned());
            }
            let expected = self.signed_by.read()?;
            let bundles = self.candidates(expected.key.as_deref())?;
            let policy = expected.expectation.policy();
            return self.decide(modules, &policy, bundles, &|pointer| {
                self.signed_by.locate(&expected, pointer)
            });
        };
        let document = Document::load_policy(path).map_err(|e| e.to_string())?;
        let bundles = self.candidates(None)?;
        self.decide(modules, &document.value, bundles, &|pointer| document.locate(pointer))
    }

    fn candidates(&self, key: Option<&str>) -> Result<Vec<BlobSignature>, String> {
        let mut bundles = Vec::new();
        for path in &self.bundle {
            let bytes = signed_by::bytes(path, MOST_BUNDLE, "--bundle")?;
            bundles.push(blob::bundle(match from_cosign_bundle(&bytes) {
                Some(converted) => converted.map_err(|e| format!("--bundle {path}: {e}"))?,
                None => bytes,
            }));
        }
        let Some(path) = &self.signature else {
            return Ok(bundles);
        };
        let read = |path: &Option<String>, option: &str| {
            let path = path.as_deref();
            path.map(|path| signed_by::bytes(path, MOST_DETACHED, option)).transpose()
        };
        let signature = signed_by::bytes(path, MOST_DETACHED, "--signature")?;
        if let (Some(_), Some(media_type)) = (&self.policy, blob::notation_media_type(path)) {
            let content = Bytes(signature);
            bundles.push(BlobSignature { media_type: media_type.to_owned(), content });
            return Ok(bundles);
        }
        let certificate = match read(&self.certificate, "--certificate")? {
            Some(bytes) => {
                Some(String::from_utf8(bytes).map_err(|_| "--certificate: not PEM".to_owned())?)
            }
            None => None,
        };
        let timestamp = read(&self.rfc3161_timestamp, "--rfc3161-timestamp")?;
        let detached = Detached {
            signature: &signature,
            certificate: certificate.as_deref(),
            key,
            timestamp: timestamp.as_deref(),
        };
        let bundle = detached.to_bundle();
        let bundle = bundle.map_err(|e| format!("--signature {path}: no bundle of it: {e}"))?;
        bundles.push(blob::bundle(bundle));
        Ok(bundles)
    }

    fn decide(
        &self,
        modules: Modules,
        policy: &serde_json::Value,
        signatures: Vec<BlobSignature>,
        locate: &dyn Fn(&str) -> String,
    ) -> Result<Exit, String> {
        let mut artifact = open(&self.artifact)?;
        if let Some(name) = &self.name {
            artifact.name.clone_from(name);
        }
        let mut session = Session::start(&self.manner, modules)?;
        let revocation = self.revocation.source();
        let source = Sources { images: &Nothing, revocation: &revocation };
        let (evaluator, now) = (&session.evaluator, session.now());
        let judged = blob::decide(evaluator, &source, policy, artifact, signatures, now);
        say_notes(&revocation);
        session.add(&self.artifact, judged.map_err(|e| e.to_string()), locate);
        Ok(session.finish())
    }
}
