//! What may be an attestation, before anybody's signature on it was looked at.

use std::collections::BTreeMap;

use super::content::Content;
use crate::{
    attestation::statement::{self, COSIGN_SIGN},
    crypto::{hex, sha256},
    discovery::{Candidate, Claim, Content as Found},
    envelope::{bundle, dsse::Envelope},
    evaluate::{
        image::Bundle,
        platforms::Embedded,
        referrer::Referrer,
        requirement::{Purpose, Scope},
    },
    policy::{Attestation, AttestationKind, Select},
    reference::Digest,
    time::Time,
    verdict::{Code, Reason},
    verify::Target,
};

/// One attestation with all that signs it.
pub(in crate::evaluate) enum Source<'a> {
    /// A referrer that was hashed here and counts if its digest is signed.
    Referrer(&'a Referrer),
    /// A statement that the index of a platform carries: it is as good as the index.
    Embedded { digest: &'a Digest, predicate_type: String, payload: &'a [u8], index: &'a Bundle },
    /// A statement; signatures over the same bytes are judged together.
    Statement {
        digest: [u8; 32],
        predicate_type: &'a str,
        payload: &'a [u8],
        target: &'a Target,
        candidates: Vec<&'a Candidate>,
    },
}

type Refused = Vec<(String, Reason)>;

/// The statements of a type, and what is none.
pub(super) fn statements<'a>(scope: &Scope<'a>, wanted: &str) -> (Vec<Source<'a>>, Refused) {
    let mut statements: BTreeMap<[u8; 32], (&Envelope, Vec<&Candidate>)> = BTreeMap::new();
    let mut refused = Refused::new();
    for candidate in &scope.candidates {
        if !matches!(candidate.claim, Claim::Attestation | Claim::Bundle) {
            continue;
        }
        match claimed(candidate, wanted) {
            Ok(envelope) => {
                let digest = sha256(&envelope.payload);
                statements.entry(digest).or_insert((envelope, Vec::new())).1.push(candidate);
            }
            Err(reason) => refused.push((candidate.name.clone(), reason)),
        }
    }
    let mut sources: Vec<_> = statements
        .into_iter()
        .map(|(digest, (envelope, candidates))| Source::Statement {
            digest,
            // The statement was read to know its type.
            predicate_type: envelope.statement().map_or("", |s| s.predicate_type.as_str()),
            payload: &envelope.payload,
            target: scope.target,
            candidates,
        })
        .collect();
    // What carries much comes last: it must not use up what the others need.
    sources.sort_by_key(Source::weight);
    embedded(scope, wanted, &mut sources, &mut refused);
    (sources, refused)
}

/// What BuildKit has put into the index. What its statement says that it is about must be the
/// platform, as with any other.
fn embedded<'a>(
    scope: &Scope<'a>,
    wanted: &str,
    sources: &mut Vec<Source<'a>>,
    refused: &mut Refused,
) {
    let (Some(image), Some(index)) = (scope.image, scope.parent) else {
        return;
    };
    for Embedded { digest, payload } in &image.embedded {
        let read = || {
            let payload = payload.as_ref().map_err(Clone::clone)?;
            let statement = statement::parse(payload)
                .map_err(|e| Reason::new(Code::StatementMalformed, e.to_string()))?;
            if statement.predicate_type == COSIGN_SIGN
                || !statement::is_type(&statement.predicate_type, wanted)
            {
                return Err(Reason::of(Code::AttestationType)
                    .expected(wanted)
                    .found(statement.predicate_type));
            }
            let of = Digest::parse(&scope.target.digest);
            of.and_then(|of| statement.subject_of(&of, |a| scope.target.hash(a)).map(drop))
                .ok_or_else(|| {
                    Reason::of(Code::SubjectMismatch).expected(scope.target.digest.clone())
                })?;
            let predicate_type = statement.predicate_type;
            Ok(Source::Embedded { digest, predicate_type, payload, index })
        };
        match read() {
            Ok(source) => sources.push(source),
            Err(reason) => refused.push((format!("statement {digest} in the index"), reason)),
        }
    }
}

/// The referrers of a type.
pub(super) fn referrers<'a>(scope: &Scope<'a>, artifact_type: &str) -> Vec<Source<'a>> {
    let of_type = |r: &&Referrer| r.artifact.artifact_type == artifact_type;
    let all = scope.image.iter().flat_map(|image| &image.artifacts);
    all.filter(of_type).map(Source::Referrer).collect()
}

/// Whether what could not be opened may be such an attestation.
pub(super) fn may_be(wanted: &Attestation, claim: Claim) -> bool {
    match &wanted.kind {
        AttestationKind::Artifact(_) => claim == Claim::Artifact,
        AttestationKind::Predicate { .. } => matches!(claim, Claim::Attestation | Claim::Bundle),
    }
}

/// The envelope of a candidate that claims to be a statement of the wanted type. A cheap filter:
/// the verification looks at the same statement again.
fn claimed<'c>(candidate: &'c Candidate, wanted: &str) -> Result<&'c Envelope, Reason> {
    let envelope: &Envelope = match candidate.content.as_ref().map_err(Clone::clone)? {
        Found::Attestation { envelope, .. } => envelope,
        Found::Bundle(bundle) => match &bundle.content {
            bundle::Content::Dsse(envelope) => envelope,
            bundle::Content::Message { .. } => {
                return Err(Reason::of(Code::PayloadNotAttestation));
            }
        },
        Found::SimpleSigning { .. } | Found::Notation { .. } | Found::NotationOfBlob { .. } => {
            return Err(Reason::of(Code::CandidateOtherFamily));
        }
    };
    let statement =
        envelope.statement().map_err(|e| Reason::new(Code::StatementMalformed, e.to_string()))?;
    match statement.predicate_type.as_str() {
        found if statement::is_type(found, wanted) => Ok(envelope),
        COSIGN_SIGN => {
            Err(Reason::of(Code::PayloadNotAttestation).expected(wanted).found(COSIGN_SIGN))
        }
        other => Err(Reason::of(Code::AttestationType).expected(wanted).found(other)),
    }
}

impl<'a> Source<'a> {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Referrer(referrer) => format!("referrer {}", referrer.artifact.digest),
            Self::Embedded { digest, .. } => format!("statement {digest} in the index"),
            Self::Statement { digest, .. } => format!("statement sha256:{}", hex(digest)),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Embedded { .. } | Self::Referrer(_) => 0,
            Self::Statement { candidates, .. } => {
                candidates.iter().map(|c| c.weight()).min().unwrap_or_default()
            }
        }
    }

    /// Where its signatures are.
    pub(super) fn scope<'s>(&'s self, wanted: &'s Attestation, outer: &Scope<'s>) -> Scope<'s> {
        match self {
            Self::Referrer(referrer) => Scope {
                target: &referrer.target,
                candidates: referrer.discovered.candidates.iter().collect(),
                problems: &referrer.discovered.problems,
                purpose: Purpose::Signature,
                image: None,
                reference: outer.reference,
                parent: None,
            },
            Self::Embedded { index, .. } => Scope { image: None, ..Scope::image(index) },
            Self::Statement { target, candidates, .. } => {
                let predicate_type = match &wanted.kind {
                    AttestationKind::Predicate { predicate_type, .. } => predicate_type,
                    AttestationKind::Artifact(_) => "",
                };
                Scope {
                    target,
                    candidates: candidates.clone(),
                    problems: &[],
                    purpose: Purpose::Statement(predicate_type),
                    image: None,
                    reference: outer.reference,
                    parent: None,
                }
            }
        }
    }

    /// How long what it says is.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Referrer(referrer) => match &referrer.document {
                Some(Ok(bytes)) => bytes.len(),
                Some(Err(_)) | None => 0,
            },
            Self::Embedded { payload, .. } | Self::Statement { payload, .. } => payload.len(),
        }
    }

    /// What it says.
    pub(super) fn content(&self) -> Result<Content, Reason> {
        match self {
            Self::Referrer(referrer) => {
                let bytes = match &referrer.document {
                    Some(document) => document.as_ref().map_err(Clone::clone)?,
                    None => return Err(Reason::of(Code::Internal)),
                };
                Content::document(bytes, &referrer.artifact.artifact_type)
            }
            Self::Embedded { payload, predicate_type, .. } => {
                Content::statement(payload, predicate_type)
            }
            Self::Statement { payload, predicate_type, .. } => {
                Content::statement(payload, predicate_type)
            }
        }
    }

    /// When it says that it was made, where anybody asks.
    pub(super) fn made(&self, wanted: &Attestation) -> Result<Option<Time>, Reason> {
        if wanted.max_age.is_none() && wanted.select != Select::Latest && !wanted.has_content() {
            return Ok(None);
        }
        let said = self.content()?.asserted_time();
        Ok(match self {
            Self::Referrer(referrer) => said.or_else(|| referrer.created()),
            Self::Embedded { .. } | Self::Statement { .. } => said,
        })
    }
}
