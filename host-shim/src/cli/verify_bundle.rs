//! `countersign verify-bundle`: the client protocol of
//! [sigstore-conformance](https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md).

use clap::{ArgGroup, Args};

use super::{
    Exit,
    report::{Manner, Session, refuse},
    signed_by::{self, SignedBy},
};
use crate::{
    blob::{self, Artifact},
    runtime::Modules,
    source::Nothing,
};

const EXAMPLES: &str = "\
Examples:
  countersign verify-bundle --bundle app.sigstore.json --key cosign.pub app.tar.gz
  countersign verify-bundle --bundle app.sigstore.json \\
      --certificate-identity release@acme.test \\
      --certificate-oidc-issuer https://accounts.google.com sha256:DIGEST";

/// Bytes of one bundle: what the module takes.
pub(super) const MOST_BUNDLE: u64 = 16 << 20;

/// Verifies a Sigstore bundle, as sigstore-conformance asks
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::EXIT_CODES))]
#[command(group = ArgGroup::new("signer").args(["certificate_identity",
    "certificate_identity_regexp", "key"]).required(true))]
pub(super) struct VerifyBundle {
    /// The bundle
    #[arg(long, value_name = "FILE")]
    bundle: String,
    #[command(flatten)]
    signed_by: SignedBy,
    #[command(flatten)]
    manner: Manner,
    /// The artifact, or its digest `sha256:…`; `-` for standard input
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: String,
}

impl VerifyBundle {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.judge(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn judge(&self, modules: Modules) -> Result<Exit, String> {
        let expected = self.signed_by.read()?;
        let bundle = signed_by::bytes(&self.bundle, MOST_BUNDLE, "--bundle")?;
        let artifact = open(&self.artifact)?;
        let mut session = Session::start(&self.manner, modules)?;
        let policy = expected.expectation.policy();
        let (evaluator, now) = (&session.evaluator, session.now());
        let judged =
            blob::decide(evaluator, &Nothing, &policy, artifact, vec![blob::bundle(bundle)], now);
        session.add(&self.artifact, judged.map_err(|e| e.to_string()), &|pointer| {
            self.signed_by.locate(&expected, pointer)
        });
        Ok(session.finish())
    }
}

/// Opens the artifact.
pub(super) fn open(argument: &str) -> Result<Artifact, String> {
    Artifact::open(argument).map_err(|e| format!("{argument}: cannot be read: {e}"))
}
