//! What envelopes say that they are. Nothing of it is verified here.

use countersign::{
    attestation::statement::{self, COSIGN_SIGN},
    crypto::{hex, sha256},
    discovery::manifest::Descriptor,
    envelope::{bundle, cose, dsse, jws, layer::Annotations},
};

use super::{Said, Signature, what};

/// Bytes of a blob, or why there are none; nothing where they are not looked at (yet).
pub(super) type Content<'a> = Option<Result<&'a [u8], String>>;

impl Signature {
    /// Before its blob was read.
    pub(super) fn of(layer: &Descriptor, candidate: String) -> Self {
        Self {
            digest: layer.digest.clone(),
            what: what::kind(&layer.media_type),
            media_type: layer.media_type.clone(),
            size: layer.size(),
            candidate,
            ..Self::default()
        }
    }

    fn refused(mut self, problem: impl Into<String>) -> Self {
        self.problem = Some(problem.into());
        self
    }

    fn stated(&mut self, family: &str, payload: &[u8]) {
        self.statement = Some(format!("statement sha256:{}", hex(&sha256(payload))));
        match statement::parse(payload) {
            Ok(statement) => {
                let name = what::predicate(&statement.predicate_type);
                self.what = format!("{family}: {name}");
                if statement.predicate_type != COSIGN_SIGN {
                    self.predicate_type = Some(statement.predicate_type);
                }
            }
            Err(e) => self.problem = Some(e.to_string()),
        }
    }
}

/// A layer with simple signing: all but the payload stands in its annotations.
pub(super) fn simple_signing(layer: &Descriptor, candidate: String) -> Signature {
    let annotations = Annotations::read(|name| layer.annotation(name));
    Signature { said: Some(Said::in_annotations(&annotations)), ..Signature::of(layer, candidate) }
}

/// A layer with DSSE.
pub(super) fn attestation(
    layer: &Descriptor,
    candidate: String,
    content: Content<'_>,
) -> Signature {
    let annotations = Annotations::read(|name| layer.annotation(name));
    let said = Some(Said::in_annotations(&annotations));
    let mut signature = Signature { said, ..Signature::of(layer, candidate) };
    match content {
        None => signature,
        Some(Err(problem)) => signature.refused(problem),
        Some(Ok(bytes)) => match dsse::parse(bytes) {
            Err(e) => signature.refused(e.to_string()),
            Ok(envelope) => {
                signature.stated("Cosign attestation", &envelope.payload);
                signature
            }
        },
    }
}

/// A Sigstore bundle.
pub(super) fn sigstore(layer: &Descriptor, candidate: String, content: Content<'_>) -> Signature {
    const FAMILY: &str = "Sigstore bundle";
    let mut signature = Signature::of(layer, candidate);
    let bytes = match content {
        None => return signature,
        Some(Err(problem)) => return signature.refused(problem),
        Some(Ok(bytes)) => bytes,
    };
    let bundle = match bundle::parse(bytes) {
        Ok(bundle) => bundle,
        Err(e) => return signature.refused(e.to_string()),
    };
    signature.said = Some(Said::in_bundle(&bundle));
    match &bundle.content {
        bundle::Content::Message { .. } => signature.what = format!("{FAMILY}: image signature"),
        bundle::Content::Dsse(envelope) => signature.stated(FAMILY, &envelope.payload),
    }
    signature
}

/// An envelope of Notation.
pub(super) fn notation(layer: &Descriptor, candidate: String, content: Content<'_>) -> Signature {
    let mut signature = Signature::of(layer, candidate);
    let (format, parse): (_, fn(&[u8]) -> _) = match layer.media_type.as_str() {
        jws::MEDIA_TYPE => ("JWS", jws::parse),
        cose::MEDIA_TYPE => ("COSE", cose::parse),
        other => {
            let problem = format!("the envelope's media type is `{other}`");
            return signature.refused(problem);
        }
    };
    signature.what = format!("Notation signature ({format})");
    match content {
        None => signature,
        Some(Err(problem)) => signature.refused(problem),
        Some(Ok(bytes)) => match parse(bytes) {
            Ok(envelope) => {
                signature.said = Some(Said::in_notation(&envelope));
                signature
            }
            Err(e) => signature.refused(e.to_string()),
        },
    }
}

/// A statement that BuildKit has put into the index.
pub(super) fn embedded(layer: &Descriptor, content: Content<'_>) -> Signature {
    const FAMILY: &str = "BuildKit statement";
    let candidate = format!("statement {} in the index", layer.digest);
    let mut signature = Signature { what: FAMILY.to_owned(), ..Signature::of(layer, candidate) };
    match content {
        None => signature,
        Some(Err(problem)) => signature.refused(problem),
        Some(Ok(bytes)) => {
            signature.stated(FAMILY, bytes);
            signature.statement = None;
            signature
        }
    }
}
