//! Who must have signed, on a command line.

use std::{fs, io::Read, path::Path};

use clap::{ArgGroup, Args};

use crate::{
    blob::{Expectation, Identity, Root, Signer, place},
    policy::Document,
};

/// Bytes of a key file.
const MOST_KEY: u64 = 1 << 20;

/// Who must have signed, and whom to believe it
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("identity").requires("issuer").conflicts_with("key"))]
#[command(group = ArgGroup::new("issuer").requires("identity").conflicts_with("key"))]
pub(super) struct SignedBy {
    /// The certificate's subject alternative name: an e-mail address or a URI
    #[arg(long, value_name = "NAME", group = "identity")]
    certificate_identity: Option<String>,
    /// The same as a regular expression, anchored at both ends
    #[arg(long, value_name = "REGEXP", group = "identity")]
    certificate_identity_regexp: Option<String>,
    /// The OIDC issuer in the certificate
    #[arg(long, value_name = "URL", group = "issuer")]
    certificate_oidc_issuer: Option<String>,
    /// The same as a regular expression, anchored at both ends
    #[arg(long, value_name = "REGEXP", group = "issuer")]
    certificate_oidc_issuer_regexp: Option<String>,
    /// The signer's public key, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<String>,
    /// Believe this trusted_root.json instead of Sigstore's public-good instance
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<String>,
    /// Believe Sigstore's staging instance, where there is no --trusted-root
    #[arg(long)]
    staging: bool,
    /// Ask for an in-toto attestation with this predicate type
    #[arg(long, value_name = "URI")]
    predicate_type: Option<String>,
    /// Do not ask for an entry in the transparency log
    #[arg(long)]
    insecure_ignore_tlog: bool,
    /// Ask for an RFC 3161 timestamp
    #[arg(long)]
    use_tsa: bool,
}

/// The expectation, and what is needed to say what is wrong with it.
pub(super) struct Expected {
    pub(super) expectation: Expectation,
    /// The PEM of `--key`.
    pub(super) key: Option<String>,
    root: Option<Document>,
}

impl SignedBy {
    /// Reads the files that the options name.
    pub(super) fn read(&self) -> Result<Expected, String> {
        let identity = one(&self.certificate_identity, &self.certificate_identity_regexp);
        let issuer = one(&self.certificate_oidc_issuer, &self.certificate_oidc_issuer_regexp);
        let key = self.key.as_deref().map(|path| text(path, "--key")).transpose()?;
        let signer = match (identity, issuer, &key) {
            (Some(subject), Some(issuer), None) => Signer::Keyless { issuer, subject },
            (None, None, Some(pem)) => Signer::Key(pem.clone()),
            _ => {
                return Err("who must have signed is missing: pass --certificate-identity and \
                            --certificate-oidc-issuer, or --key"
                    .to_owned());
            }
        };
        if key.is_none() && self.insecure_ignore_tlog && !self.use_tsa {
            return Err(
                "--insecure-ignore-tlog needs --use-tsa or --key: without the log, only a \
                        timestamp says that a short-lived certificate was valid"
                    .to_owned(),
            );
        }
        let root = self.trusted_root.as_deref().map(Document::load).transpose();
        let mut root = root.map_err(|e| e.to_string())?;
        let expectation = Expectation {
            signer,
            root: match &mut root {
                Some(document) => Root::Document(document.value.take()),
                None if self.staging => Root::Staging,
                None => Root::PublicGood,
            },
            predicate_type: self.predicate_type.clone(),
            ignore_log: self.insecure_ignore_tlog,
            need_timestamp: self.use_tsa,
        };
        Ok(Expected { expectation, key, root })
    }

    /// The option, or the place in its file, that a JSON pointer of the policy is about.
    pub(super) fn locate(&self, expected: &Expected, pointer: &str) -> String {
        if let Some(rest) = pointer.strip_prefix(place::ROOT)
            && let Some(root) = &expected.root
        {
            return root.locate(rest);
        }
        let named = |option: &str, value: &Option<String>| {
            let value = value.as_deref().map(|value| format!("{option} {value}"));
            value.unwrap_or_else(|| "the command line".to_owned())
        };
        match pointer {
            place::PREDICATE_TYPE => named("--predicate-type", &self.predicate_type),
            _ if pointer.starts_with(place::KEY) => named("--key", &self.key),
            _ if pointer.starts_with(place::IDENTITY) => {
                named("--certificate-identity-regexp", &self.certificate_identity_regexp)
            }
            _ if pointer.starts_with(place::ISSUER) => {
                named("--certificate-oidc-issuer-regexp", &self.certificate_oidc_issuer_regexp)
            }
            _ => "the command line".to_owned(),
        }
    }
}

fn one(exact: &Option<String>, pattern: &Option<String>) -> Option<Identity> {
    let pattern = || pattern.clone().map(Identity::RegExp);
    exact.clone().map(Identity::Exact).or_else(pattern)
}

fn text(path: &str, option: &str) -> Result<String, String> {
    let bytes = bytes(path, MOST_KEY, option)?;
    String::from_utf8(bytes).map_err(|_| format!("{option} {path}: not PEM"))
}

/// A file of limited size.
pub(super) fn bytes(path: &str, most: u64, option: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    fs::File::open(Path::new(path))
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|e| format!("{option} {path}: cannot be read: {e}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("{option} {path}: larger than {} MiB", most >> 20));
    }
    Ok(bytes)
}
