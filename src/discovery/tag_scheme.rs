//! Cosign's tag scheme: `sha256-<hex>.sig` and `sha256-<hex>.att`
//! ([SIGNATURE_SPEC §Storage](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#storage)).

use super::{
    Claim, Content, Discovered, Roads,
    candidate::Candidate,
    content_reason,
    manifest::{self, Descriptor},
    over_budget,
};
use crate::{
    envelope::{dsse, layer::Annotations, simple_signing},
    evidence::{Evidence, Miss, Share},
    reference::{Digest, Reference},
    verdict::{Code, Reason},
};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Media type of a layer with a simple-signing payload.
pub(super) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Media type of a layer with an attestation.
pub(super) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

pub(super) fn signatures(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    digest: &Digest,
    roads: &Roads,
    discovered: &mut Discovered,
) {
    let tag = format!("{}.sig", digest.tag());
    let claim = Claim::SimpleSigning;
    for (name, layer) in layers(evidence, repository, &tag, claim, roads, discovered) {
        let content = signature(evidence, repository, digest, roads, &layer);
        push(discovered, name, claim, content);
    }
}

/// A layer with a simple-signing payload.
pub(super) fn signature(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    digest: &Digest,
    roads: &Roads,
    layer: &Descriptor,
) -> Result<Content, Option<Reason>> {
    let layer_digest = expect(layer, SIMPLE_SIGNING).map_err(Some)?;
    let signature = layer
        .annotation(SIGNATURE)
        .filter(|s| !s.is_empty())
        .ok_or_else(|| Some(Reason::of(Code::SignatureMissing)))?;
    let annotations: Vec<_> = roads.annotations.iter().collect();
    let payload = simple_signing::rebuild(&layer_digest, digest, repository, &annotations);
    let payload = match payload {
        Some(payload) => payload,
        None => evidence
            .blob(&repository.repository(), &layer_digest, layer.size(), Share::Payloads)
            .map(<[u8]>::to_vec)
            .map_err(|miss| content_reason(miss).map(undeliverable))?,
    };
    Ok(Content::SimpleSigning {
        payload,
        signature: signature.to_owned(),
        annotations: Annotations::read(|name| layer.annotation(name)),
    })
}

pub(super) fn attestations(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    digest: &Digest,
    roads: &Roads,
    discovered: &mut Discovered,
) {
    let tag = format!("{}.att", digest.tag());
    let claim = Claim::Attestation;
    for (name, layer) in layers(evidence, repository, &tag, claim, roads, discovered) {
        let content = attestation(evidence, repository, &layer);
        push(discovered, name, claim, content);
    }
}

/// A layer with a DSSE envelope.
pub(super) fn attestation(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    layer: &Descriptor,
) -> Result<Content, Option<Reason>> {
    let layer_digest = expect(layer, DSSE).map_err(Some)?;
    let bytes = evidence
        .blob(&repository.repository(), &layer_digest, layer.size(), Share::Attestations)
        .map_err(content_reason)?;
    let envelope = dsse::parse(bytes)
        .map_err(|e| Some(Reason::new(Code::EnvelopeMalformed, e.to_string())))?;
    let annotations = Annotations::read(|name| layer.annotation(name));
    Ok(Content::Attestation { envelope, annotations })
}

/// The layers of a tag's manifest, in the order of their sizes, digests and signatures: what is
/// large hides nothing that is small.
fn layers(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    tag: &str,
    claim: Claim,
    roads: &Roads,
    discovered: &mut Discovered,
) -> Vec<(String, Descriptor)> {
    let found = match evidence.tag(&repository.repository(), tag.to_owned()) {
        Ok(found) => found,
        Err(Miss::Problem(reason)) => {
            discovered.problem(&format!("tag {tag}"), &[claim], reason);
            return Vec::new();
        }
        Err(Miss::Absent(_) | Miss::Pending) => return Vec::new(),
    };
    if let Some(partial) = found.partial {
        discovered.problem(&format!("tag {tag}"), &[claim], partial.reason());
    }
    let layers = match manifest::parse(found.bytes) {
        Ok((parsed, _)) => parsed.layers.unwrap_or_default(),
        // Whatever it named is not known now.
        Err(error) => {
            let reason = Reason::new(Code::EvidenceGarbled, format!("tag `{tag}`: {error}"));
            discovered.problem(&format!("tag {tag}"), &[claim], reason);
            return Vec::new();
        }
    };
    let layers = ordered(layers);
    let most = roads.most(evidence);
    if layers.len() > most {
        discovered.problem(&format!("tag {tag}"), &[claim], over_budget(evidence));
    }
    let name = |layer: Descriptor| (format!("{tag} layer {}", layer.digest), layer);
    layers.into_iter().take(most).map(name).collect()
}

/// Layers by size, digest and signature.
pub(super) fn ordered(mut layers: Vec<Descriptor>) -> Vec<Descriptor> {
    layers.sort_by_cached_key(|layer| {
        let signature = layer.annotation(SIGNATURE).map(str::to_owned);
        (layer.size().unwrap_or(u64::MAX), layer.digest.clone(), signature)
    });
    layers
}

fn expect(layer: &Descriptor, media_type: &str) -> Result<Digest, Reason> {
    if layer.media_type != media_type {
        return Err(Reason::of(Code::LayerUnexpected)
            .expected(media_type)
            .found(layer.media_type.clone()));
    }
    Digest::parse(&layer.digest).ok_or_else(|| {
        Reason::new(Code::ManifestMalformed, format!("`{}` is not a digest", layer.digest))
    })
}

/// A host without a road to blobs: the payload could not be rebuilt either.
fn undeliverable(reason: Reason) -> Reason {
    match reason.code {
        Code::EvidenceUnsupported => {
            Reason::of(Code::PayloadUndeliverable).found(reason.found.unwrap_or_default())
        }
        _ => reason,
    }
}

/// Keeps a candidate unless its content is pending.
pub(super) fn push(
    discovered: &mut Discovered,
    name: String,
    claim: Claim,
    content: Result<Content, Option<Reason>>,
) {
    match content {
        Ok(content) => discovered.candidates.push(Candidate { name, claim, content: Ok(content) }),
        Err(Some(reason)) => {
            discovered.candidates.push(Candidate { name, claim, content: Err(reason) });
        }
        Err(None) => {}
    }
}
