//! `countersign verify-blob`.

use clap::{ArgGroup, Args, ValueEnum};
use countersign::wire::BlobSignature;

use super::{
    Exit,
    believed::Believed,
    report::{Manner, Session, refuse},
    revocation::{RevocationOptions, say_notes},
    signed_by::{self, SignedBy},
    verify::load,
    verify_bundle::{MOST_BUNDLE, open},
};
use crate::{
    blob::{self, Artifact, Detached, Format, from_cosign_bundle, place},
    policy::{Artifacts, Document},
    runtime::Modules,
    source::{Nothing, Sources},
    trust::Report,
};

const EXAMPLES: &str = "\
Examples:
  countersign verify-blob --bundle app.sigstore.json --key cosign.pub app.tar.gz
  countersign verify-blob --signature app.sig --key cosign.pub --insecure-ignore-tlog app.tar.gz
  countersign verify-blob --bundle app.sigstore.json --certificate-identity release@acme.test \\
      --certificate-oidc-issuer https://accounts.google.com app.tar.gz
  countersign verify-blob --bundle app.sigstore.json --policy policy.yaml --name app app.tar.gz
  countersign verify-blob --signature app.tar.gz.jws.sig --notation-config ~/.config/notation \\
      app.tar.gz";

/// Bytes of a signature, a certificate chain or a timestamp.
const MOST_DETACHED: u64 = 1 << 20;

/// Verifies signatures and attestations of a file
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::EXIT_CODES))]
#[command(group = ArgGroup::new("signer").args(["certificate_identity",
    "certificate_identity_regexp", "key", "notation_config", "policy"]).required(true))]
#[command(group = ArgGroup::new("evidence").args(["bundle", "signature"]).required(true)
    .multiple(true))]
pub(super) struct VerifyBlob {
    /// A Sigstore bundle, or one of cosign's older format; several are tried each
    #[arg(long, value_name = "FILE")]
    bundle: Vec<String>,
    /// A signature in a file of its own: base64, or the bytes; with a policy also Notation's, known
    /// by its name (`….jws.sig`, `….cose.sig`) or its contents
    #[arg(long, value_name = "FILE")]
    signature: Option<String>,
    /// What --signature of Notation is, whatever it looks like
    #[arg(long, value_name = "FORMAT", value_enum, requires = "signature")]
    signature_format: Option<Envelope>,
    /// The certificate of --signature, PEM, with its chain if there is one
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with = "key")]
    certificate: Option<String>,
    /// An RFC 3161 timestamp of --signature: DER, or the JSON that cosign writes
    #[arg(long, value_name = "FILE", requires = "signature")]
    rfc3161_timestamp: Option<String>,
    /// A policy document instead of the options below; its rules' `blobs` match --name
    #[arg(long, value_name = "FILE", conflicts_with = "SignedBy")]
    policy: Option<String>,
    /// Notation's configuration directory in place of a policy: its trustpolicy.blob.json and
    /// truststore. The statement is the global one, or that of --name
    #[arg(long, value_name = "DIR", conflicts_with = "SignedBy")]
    notation_config: Option<String>,
    /// The name that the policy's rules or statements match, instead of the file's own
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
    #[command(flatten)]
    believed: Believed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Envelope {
    Cose,
    Jws,
}

impl VerifyBlob {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.judge(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn judge(&self, modules: Modules) -> Result<Exit, String> {
        let mut artifact = open(&self.artifact)?;
        if self.policy.is_none() && self.notation_config.is_none() {
            if self.name.is_some() {
                return Err("--name is for the rules of a --policy".to_owned());
            }
            if self.signature_format.is_some() {
                let words = "--signature-format is for --policy and --notation-config";
                return Err(words.to_owned());
            }
            let expected = self.signed_by.read()?;
            let bundles = self.candidates(expected.key.as_deref())?;
            let mut policy = Document::made("the command line", expected.expectation.policy());
            let roots = self.renew(&mut policy)?;
            let from_disk = !roots.is_empty();
            return self.decide(modules, &policy.value, roots, artifact, bundles, &|pointer| {
                if from_disk && pointer.starts_with(place::ROOT) {
                    return policy.locate(pointer);
                }
                self.signed_by.locate(&expected, pointer)
            });
        }
        let mut document =
            load(&self.policy, &self.notation_config, Artifacts::Blobs, &self.believed)?;
        let roots = self.renew(&mut document)?;
        if let Some(directory) = &self.notation_config {
            self.check_name(directory, &document, &artifact)?;
        }
        if let Some(name) = &self.name {
            artifact.name.clone_from(name);
        }
        let candidates = self.candidates(None)?;
        self.decide(modules, &document.value, roots, artifact, candidates, &|pointer| {
            document.locate(pointer)
        })
    }

    fn renew(&self, document: &mut Document) -> Result<Vec<Report>, String> {
        self.believed.renew(document, None, self.manner.clock().now)
    }

    /// As Notation has it, only a name that the user says chooses a statement: whoever may name the
    /// file must not choose by whom it is to be signed.
    fn check_name(
        &self,
        directory: &str,
        document: &Document,
        artifact: &Artifact,
    ) -> Result<(), String> {
        let statements = "/spec/notationTrustPolicy/blobDocument/trustPolicies";
        let statements = document.value.pointer(statements).and_then(serde_json::Value::as_array);
        let is_there = |name: &str| {
            statements.into_iter().flatten().any(|statement| statement["name"] == name)
        };
        match &self.name {
            Some(name) if !is_there(name) => Err(format!(
                "--name {name}: the blob trust policy in {directory} has no such statement"
            )),
            None if is_there(&artifact.name) => Err(format!(
                "{name}: the file is called as a statement of the blob trust policy in {directory}: \
                 pass --name {name} if you mean that one, else call the file otherwise",
                name = artifact.name
            )),
            _ => Ok(()),
        }
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
        if let Some(format) = self.format(path, &signature)? {
            bundles.push(format.signature(signature));
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

    /// Notation's format, if it may be one of Notation's.
    fn format(&self, path: &str, signature: &[u8]) -> Result<Option<Format>, String> {
        if self.policy.is_none() && self.notation_config.is_none() {
            return Ok(None);
        }
        let format = match self.signature_format {
            Some(Envelope::Cose) => Some(Format::Cose),
            Some(Envelope::Jws) => Some(Format::Jws),
            None => Format::of(path, signature),
        };
        if format.is_none() && self.notation_config.is_some() {
            return Err(format!(
                "--signature {path}: neither JWS nor COSE by its name or its contents, so no \
                 signature of Notation"
            ));
        }
        let beside = [
            (&self.certificate, "--certificate"),
            (&self.rfc3161_timestamp, "--rfc3161-timestamp"),
        ];
        match beside.iter().find(|(value, _)| value.is_some()) {
            Some((_, option)) if format.is_some() => {
                Err(format!("{option}: a signature of Notation carries its own"))
            }
            _ => Ok(format),
        }
    }

    fn decide(
        &self,
        modules: Modules,
        policy: &serde_json::Value,
        roots: Vec<Report>,
        artifact: Artifact,
        signatures: Vec<BlobSignature>,
        locate: &dyn Fn(&str) -> String,
    ) -> Result<Exit, String> {
        let mut session = Session::start(&self.manner, modules)?;
        session.believes(roots);
        let revocation = self.revocation.source();
        let source = Sources { images: &Nothing, revocation: &revocation };
        let (evaluator, now) = (&session.evaluator, session.now());
        let judged = blob::decide(evaluator, &source, policy, artifact, signatures, now);
        say_notes(&revocation);
        session.add(&self.artifact, judged.map_err(|e| e.to_string()), locate);
        Ok(session.finish())
    }
}
