//! `countersign attach`.

use std::{
    env, fs,
    io::{self, Read},
};

use clap::{Args, Subcommand};
use countersign::time::Time;
use serde::Serialize;

use super::{
    Exit,
    clock::Clock,
    copy::exit_of as exit_of_copy,
    credentials::CredentialOptions,
    explanation::clean,
    output::{note, print},
    report::{Format, refuse},
    target,
};
use crate::{
    attach::{self, AttachError, Attached, Image, Signature, notation},
    copy::{Place, Store},
    registry::Registry,
};

const API_VERSION: &str = "countersign.dev/attach/v1";
/// Bytes of one file. An envelope has at most 12 MB of payload.
const MOST_BYTES: u64 = 32 << 20;
const HELP: &str = "\
Nothing is signed and nothing verified: what was made elsewhere is stored where cosign, Notation and
countersign look for it. What is about another image is refused. What is there already is left alone.

References: HOST/REPO[:TAG][@DIGEST], oci-layout:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST].

Exit codes:
  0  it is attached
  1  the image is not there, or what was to be attached is about another
  2  the registry does not answer, does not let us, or does not take it
  3  bad input: usage, reference, a file that cannot be read

Examples:
  cosign generate ghcr.io/acme/app@sha256:… > payload.json
  openssl dgst -sha256 -sign key.pem -out payload.sig payload.json
  countersign attach cosign --payload payload.json --signature payload.sig \\
      --certificate leaf.pem --certificate-chain chain.pem ghcr.io/acme/app@sha256:…
  countersign attach attestation --dsse provenance.dsse.json ghcr.io/acme/app:1.0
  countersign attach bundle app.sigstore.json ghcr.io/acme/app:1.0
  countersign attach notation --envelope app.jws.sig ghcr.io/acme/app:1.0";

/// Stores signatures and attestations that were made elsewhere beside their image
#[derive(Debug, Args)]
#[command(after_help = HELP, disable_help_subcommand = true)]
pub(super) struct Attach {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An in-toto statement in a DSSE envelope, under cosign's tag `sha256-….att`
    Attestation {
        /// The envelope; `-` for standard input
        #[arg(long, value_name = "FILE")]
        dsse: String,
        #[command(flatten)]
        to: To,
    },
    /// A Sigstore bundle v0.3, as a referrer
    Bundle {
        /// The bundle; `-` for standard input
        #[arg(value_name = "FILE")]
        bundle: String,
        #[command(flatten)]
        to: To,
    },
    /// A signature over a simple-signing payload, under cosign's tag `sha256-….sig`
    Cosign {
        #[command(flatten)]
        files: Box<CosignFiles>,
        #[command(flatten)]
        to: To,
    },
    /// A Notation signature envelope, as a referrer
    Notation {
        /// The envelope; `-` for standard input
        #[arg(long, value_name = "FILE")]
        envelope: String,
        /// What it is, instead of what it looks like: application/jose+json or application/cose
        #[arg(long, value_name = "TYPE")]
        media_type: Option<String>,
        #[command(flatten)]
        to: To,
    },
}

#[derive(Debug, Args)]
struct CosignFiles {
    /// The payload that was signed
    #[arg(long, value_name = "FILE")]
    payload: String,
    /// The signature: base64, or the bytes
    #[arg(long, value_name = "FILE")]
    signature: String,
    /// The signer's certificate, PEM
    #[arg(long, value_name = "FILE")]
    certificate: Option<String>,
    /// The certificates above it, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_chain: Option<String>,
    /// What Rekor has promised, as cosign writes it
    #[arg(long, value_name = "FILE")]
    rekor_bundle: Option<String>,
    /// An RFC 3161 timestamp of the signature: DER, or the JSON that cosign writes
    #[arg(long, value_name = "FILE")]
    rfc3161_timestamp: Option<String>,
}

#[derive(Debug, Args)]
struct To {
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    #[serde(flatten)]
    attached: &'a Attached,
}

/// Why the command did not do it.
enum Failed {
    Attach(AttachError),
    Input(String),
}

impl From<AttachError> for Failed {
    fn from(error: AttachError) -> Self {
        Self::Attach(error)
    }
}

impl Attach {
    pub(super) fn run(self) -> Exit {
        let (What::Attestation { to, .. }
        | What::Bundle { to, .. }
        | What::Cosign { to, .. }
        | What::Notation { to, .. }) = &self.what;
        let registry = match target::registry(to.plain_http, &to.credentials) {
            Ok(registry) => registry,
            Err(words) => return refuse(&words),
        };
        let attached = self.what.attach(&registry, to);
        for remark in registry.notes() {
            note(&format!("note: {}", clean(&remark)));
        }
        match attached.map(|attached| say(&attached, to)) {
            Ok(Ok(())) => Exit::Allow,
            Ok(Err(words)) | Err(Failed::Input(words)) => refuse(&words),
            Err(Failed::Attach(e)) => {
                note(&format!("error: {}", clean(&e.to_string())));
                exit_of(&e)
            }
        }
    }
}

impl What {
    fn attach(&self, registry: &Registry, to: &To) -> Result<Attached, Failed> {
        // Files first: what cannot be read needs no registry.
        let files = self.files()?;
        let failed = |e| Failed::Attach(AttachError::Place(e));
        let place = Place::parse(&to.image).map_err(failed)?;
        let (_, reference) = place.open_source(registry).map_err(failed)?;
        let store = place.open_destination(registry).map_err(failed)?;
        let image = Image::resolve(&*store, &reference)?;
        let attached = self.send(&*store, &image, &files)?;
        if !attached.there {
            let finished = store.finish();
            let what = place.to_string();
            finished.map_err(|e| failed(crate::copy::CopyError::Destination { what, error: e }))?;
        }
        Ok(attached)
    }

    fn files(&self) -> Result<Files, Failed> {
        let mut files = Files::default();
        match self {
            Self::Attestation { dsse: file, .. }
            | Self::Bundle { bundle: file, .. }
            | Self::Notation { envelope: file, .. } => files.main = read(file)?,
            Self::Cosign { files: named, .. } => {
                let maybe = |file: &Option<String>| file.as_deref().map(read).transpose();
                files.main = read(&named.payload)?;
                files.signature = read(&named.signature)?;
                files.certificate = maybe(&named.certificate)?;
                files.chain = maybe(&named.certificate_chain)?;
                files.rekor_bundle = maybe(&named.rekor_bundle)?;
                files.timestamp = maybe(&named.rfc3161_timestamp)?;
            }
        }
        Ok(files)
    }

    fn send(&self, store: &dyn Store, image: &Image, files: &Files) -> Result<Attached, Failed> {
        Ok(match self {
            Self::Attestation { .. } => attach::attestation(store, image, &files.main)?,
            Self::Bundle { .. } => attach::bundle(store, image, &files.main, created()?)?,
            Self::Cosign { .. } => attach::signature(store, image, &files.signature())?,
            Self::Notation { media_type, .. } => {
                let like = || notation::media_type_of(&files.main).map(str::to_owned);
                let media_type = media_type.clone().or_else(like).ok_or_else(|| {
                    Failed::Input("the envelope is neither JWS nor COSE".to_owned())
                })?;
                notation::attach(store, image, &media_type, &files.main, created()?)?
            }
        })
    }
}

#[derive(Default)]
struct Files {
    main: Vec<u8>,
    signature: Vec<u8>,
    certificate: Option<Vec<u8>>,
    chain: Option<Vec<u8>>,
    rekor_bundle: Option<Vec<u8>>,
    timestamp: Option<Vec<u8>>,
}

impl Files {
    fn signature(&self) -> Signature<'_> {
        Signature {
            payload: &self.main,
            signature: &self.signature,
            certificate: self.certificate.as_deref(),
            chain: self.chain.as_deref(),
            rekor_bundle: self.rekor_bundle.as_deref(),
            timestamp: self.timestamp.as_deref(),
        }
    }
}

/// The time that is said to be that of the artifact: now, or what reproducible builds say instead
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
fn created() -> Result<Time, Failed> {
    let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") else { return Ok(Clock::new(None).now) };
    let seconds = epoch.parse().map_err(|_| {
        Failed::Input(format!("SOURCE_DATE_EPOCH is `{epoch}`, not seconds since 1970"))
    })?;
    Ok(Time::from_unix(seconds))
}

fn read(path: &str) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    let most = MOST_BYTES + 1;
    let result = match path {
        "-" => io::stdin().lock().take(most).read_to_end(&mut bytes),
        path => fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    result.map_err(|e| Failed::Input(format!("`{path}` cannot be read: {e}")))?;
    if bytes.len() as u64 == most {
        return Err(Failed::Input(format!("`{path}` is larger than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

fn exit_of(error: &AttachError) -> Exit {
    match error {
        AttachError::OtherImage { .. } => Exit::Deny,
        AttachError::Place(error) => exit_of_copy(error),
        AttachError::Unfit(_) | AttachError::Unreadable { .. } => Exit::BadInput,
    }
}

fn say(attached: &Attached, to: &To) -> Result<(), String> {
    let text = match to.output {
        Format::Json => {
            let report = Report { api_version: API_VERSION, attached };
            let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
            format!("{json}\n")
        }
        Format::Text => {
            let done = if attached.there { "is attached already" } else { "attached" };
            let tag = attached.tag.as_ref().map(|tag| format!(", by the tag {tag}"));
            format!(
                "{} {done} to {}{}\n",
                attached.manifest.digest,
                attached.image,
                tag.unwrap_or_default()
            )
        }
    };
    for words in &attached.notes {
        note(&format!("note: {}", clean(words)));
    }
    print(&text).map_err(|e| e.to_string())
}
