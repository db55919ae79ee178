//! Referrers: the API of [distribution-spec v1.1](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers),
//! and the referrers tag schema where a registry lacks it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Artifact, Claim, Content, Discovered, Roads, content_reason,
    manifest::{self, Descriptor, Manifest, OCI_ARTIFACT, Shape},
    over_budget,
    tag_scheme::{self, push},
};
use crate::{
    envelope::bundle,
    evidence::{Evidence, Found, Miss, Share},
    reference::{Digest, Reference},
    verdict::{Code, Reason},
};

/// What the `artifactType` starts with where cosign keeps layers of its tag scheme among the
/// referrers (`--registry-referrers-mode=oci-1-1`): `….sig.v1+json`, `….att.v1+json`.
const COSIGN: &str = "application/vnd.dev.cosign.artifact.";
/// `artifactType` of a Notation signature.
const NOTATION: &str = "application/vnd.cncf.notary.signature";
/// `artifactType` of a signature of the Notary v2 prototype (2021), in manifests of ORAS: claims with
/// numeric times and without a signing scheme. No tool of today verifies it.
const PROTOTYPE: &str = "application/vnd.cncf.notary.v2.signature";
/// `config.mediaType` of a manifest without a config.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

pub(super) fn discover(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    digest: &Digest,
    roads: &Roads,
    discovered: &mut Discovered,
) {
    let name = repository.repository();
    let mut unsupported = None;
    let mut found = evidence.referrers(&name, digest);
    // No API, or no road to it on this host: the tag schema says the same.
    if let Err(Miss::Problem(reason)) = &found
        && reason.code == Code::EvidenceUnsupported
    {
        unsupported = Some(reason.clone());
    }
    if unsupported.is_some() || matches!(found, Err(Miss::Absent(_))) {
        found = evidence.tag(&name, digest.tag());
    }
    let descriptors = match found {
        Ok(found) => listed(found, discovered),
        Err(Miss::Problem(reason)) => {
            discovered.problem("referrers", Claim::REFERRERS, reason);
            return;
        }
        Err(Miss::Absent(_)) => match unsupported {
            // A registry with the API keeps no tag: this host cannot see what is there.
            Some(reason) => {
                discovered.problem("referrers", Claim::REFERRERS, reason);
                return;
            }
            None => return,
        },
        Err(Miss::Pending) => return,
    };
    // One digest may be listed more than once: no entry hides what another says, and the largest
    // size counts.
    let mut sizes = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    for (referrer, descriptor) in descriptors {
        let claimed = descriptor.size().unwrap_or(u64::MAX);
        let size = sizes.entry(referrer.clone()).or_insert(claimed);
        *size = claimed.max(*size);
        if let Some(kind) = classify(descriptor.artifact_type.as_deref().unwrap_or_default(), roads)
        {
            wanted.insert((kind, referrer));
        }
    }
    // The small ones first: what is large hides nothing that is small.
    let mut wanted: Vec<_> = wanted.into_iter().collect();
    wanted.sort_by_key(|(kind, referrer)| (kind.clone(), sizes.get(referrer).copied()));
    // Each kind up to its limit, so that what floods one hides nothing of another.
    let mut opened: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut envelopes = Vec::new();
    for (kind, referrer) in wanted {
        let most = match kind {
            Kind::Artifact(_) => roads.most_artifacts(evidence),
            Kind::Bundle | Kind::Cosign | Kind::Notation | Kind::Prototype | Kind::Unclear => {
                roads.most(evidence)
            }
        };
        let count = opened.entry(kind.clone()).or_insert(0);
        *count += 1;
        if *count > most {
            if *count == most + 1 {
                discovered.problem("referrers", kind.hides(), over_budget(evidence));
            }
            continue;
        }
        let size = sizes.get(&referrer).copied();
        let listed = Listed { referrer, size, kind };
        envelopes.extend(open(evidence, repository, digest, &listed, roads, discovered));
    }
    envelopes.sort_by_cached_key(|e| (e.layer.size().unwrap_or(u64::MAX), e.name.clone()));
    for envelope in envelopes {
        let found = content(evidence, repository, &envelope);
        push(discovered, envelope.name, envelope.claim, found);
    }
}

/// One entry of the list.
struct Listed {
    referrer: Digest,
    size: Option<u64>,
    kind: Kind,
}

/// What a referrer claims to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Bundle,
    Cosign,
    Notation,
    Artifact(String),
    /// Known, and not verified.
    Prototype,
    /// No type, or a generic one: opened to tell.
    Unclear,
}

impl Kind {
    /// What is hidden where a referrer of this kind cannot be opened.
    fn hides(&self) -> &'static [Claim] {
        match self {
            Self::Bundle => &[Claim::Bundle],
            Self::Cosign => &[Claim::SimpleSigning, Claim::Attestation],
            Self::Notation => &[Claim::Notation],
            Self::Artifact(_) => &[Claim::Artifact],
            Self::Prototype => &[],
            Self::Unclear => Claim::REFERRERS,
        }
    }
}

fn classify(artifact_type: &str, roads: &Roads) -> Option<Kind> {
    if artifact_type.starts_with(bundle::MEDIA_TYPE_PREFIX) {
        return roads.bundles.then_some(Kind::Bundle);
    }
    let layer = matches!(artifact_type, tag_scheme::SIMPLE_SIGNING | tag_scheme::DSSE);
    if artifact_type.starts_with(COSIGN) || layer {
        return (roads.signature_tag || roads.attestation_tag).then_some(Kind::Cosign);
    }
    if artifact_type == NOTATION {
        return roads.notation.then_some(Kind::Notation);
    }
    if artifact_type == PROTOTYPE && roads.notation {
        return Some(Kind::Prototype);
    }
    if roads.artifact_types.contains(artifact_type) {
        return Some(Kind::Artifact(artifact_type.to_owned()));
    }
    let generic = artifact_type.is_empty()
        || artifact_type == EMPTY
        || artifact_type.starts_with("application/vnd.oci.image.")
        || artifact_type.starts_with("application/vnd.docker.");
    generic.then_some(Kind::Unclear)
}

/// The descriptors of an index.
fn listed(found: Found<'_>, discovered: &mut Discovered) -> Vec<(Digest, Descriptor)> {
    if let Some(partial) = found.partial {
        discovered.problem("referrers", Claim::REFERRERS, partial.reason());
    }
    match manifest::parse(found.bytes) {
        Ok((index, Shape::Index)) => index
            .manifests
            .unwrap_or_default()
            .into_iter()
            .filter_map(|descriptor| Some((Digest::parse(&descriptor.digest)?, descriptor)))
            .collect(),
        // cosign copy leaves the image manifest itself under this tag: no list is there.
        Ok(_) => Vec::new(),
        Err(error) => {
            let reason = Reason::new(Code::EvidenceGarbled, format!("list of referrers: {error}"));
            discovered.problem("referrers", Claim::REFERRERS, reason);
            Vec::new()
        }
    }
}

/// A signature's manifest was read: what is left is its envelope.
struct Envelope {
    name: String,
    claim: Claim,
    layer: Descriptor,
}

/// Opens a referrer's manifest; what carries an envelope is returned, the rest is settled here.
fn open(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    subject: &Digest,
    listed: &Listed,
    roads: &Roads,
    discovered: &mut Discovered,
) -> Option<Envelope> {
    let Listed { referrer, size, kind } = listed;
    let name = format!("referrer {referrer}");
    if *kind == Kind::Prototype {
        push(discovered, name, Claim::Notation, Err(Some(prototype())));
        return None;
    }
    let found = match evidence.manifest(&repository.repository(), referrer, *size) {
        Ok(found) => found,
        Err(miss) => {
            let reason = content_reason(miss)?;
            match kind {
                Kind::Bundle => push(discovered, name, Claim::Bundle, Err(Some(reason))),
                Kind::Notation => push(discovered, name, Claim::Notation, Err(Some(reason))),
                Kind::Artifact(_) | Kind::Cosign | Kind::Prototype | Kind::Unclear => {
                    discovered.problem(&name, kind.hides(), reason);
                }
            }
            return None;
        }
    };
    let parsed = match manifest::parse(found.bytes) {
        Ok((parsed, Shape::Image | Shape::Artifact)) => parsed,
        Ok((_, Shape::Index)) => return None,
        Err(error) => {
            let claim = if *kind == Kind::Notation { Claim::Notation } else { Claim::Bundle };
            let reason = Reason::new(Code::ManifestMalformed, error);
            push(discovered, name, claim, Err(Some(reason)));
            return None;
        }
    };
    let kind = match kind {
        Kind::Unclear => classify(&own_type(&parsed), roads)?,
        kind => kind.clone(),
    };
    let (claim, layer) = match kind {
        Kind::Bundle => (Claim::Bundle, bundle_layer(&parsed)),
        Kind::Notation => (Claim::Notation, notation_layer(&parsed)),
        Kind::Cosign => {
            let layers = tag_scheme::ordered(parsed.layers.unwrap_or_default());
            cosign(evidence, repository, subject, &name, layers, roads, discovered);
            return None;
        }
        Kind::Artifact(artifact_type) => {
            artifact(subject, referrer, &artifact_type, &parsed, found, discovered);
            return None;
        }
        Kind::Prototype => {
            push(discovered, name, Claim::Notation, Err(Some(prototype())));
            return None;
        }
        Kind::Unclear => return None,
    };
    match layer {
        Ok(layer) => Some(Envelope { name, claim, layer }),
        Err(reason) => {
            push(discovered, name, claim, Err(Some(reason)));
            None
        }
    }
}

/// Notation requirement 8.
fn prototype() -> Reason {
    Reason::new(
        Code::EnvelopeUnsupported,
        "signatures of the Notary v2 prototype are not supported",
    )
    .expected(NOTATION)
    .found(PROTOTYPE)
    .next("sign again with Notation 1.0 or later")
}

/// What a manifest says that it is: its artifact type, else its config's media type, else its
/// only layer's.
fn own_type(parsed: &Manifest) -> String {
    let config = parsed.config.as_ref().map(|c| c.media_type.as_str());
    let layer = match parsed.layers.as_deref() {
        Some([only]) => Some(only.media_type.as_str()),
        _ => None,
    };
    [parsed.artifact_type.as_deref(), config, layer]
        .into_iter()
        .flatten()
        .find(|t| !t.is_empty() && *t != EMPTY && !t.starts_with("application/vnd.oci.image."))
        .unwrap_or_default()
        .to_owned()
}

/// The layers of a referrer in cosign's OCI 1.1 mode, which are those of the tag scheme.
fn cosign(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    digest: &Digest,
    name: &str,
    layers: Vec<Descriptor>,
    roads: &Roads,
    discovered: &mut Discovered,
) {
    // All such referrers together may have as many as one tag.
    let left = roads.most(evidence).saturating_sub(discovered.referred_layers);
    if layers.len() > left {
        discovered.problem(name, Kind::Cosign.hides(), over_budget(evidence));
    }
    discovered.referred_layers += layers.len().min(left);
    for layer in layers.into_iter().take(left) {
        let name = format!("{name} layer {}", layer.digest);
        match layer.media_type.as_str() {
            tag_scheme::SIMPLE_SIGNING if roads.signature_tag => {
                let content = tag_scheme::signature(evidence, repository, digest, roads, &layer);
                push(discovered, name, Claim::SimpleSigning, content);
            }
            tag_scheme::DSSE if roads.attestation_tag => {
                let content = tag_scheme::attestation(evidence, repository, &layer);
                push(discovered, name, Claim::Attestation, content);
            }
            _ => {}
        }
    }
}

fn bundle_layer(parsed: &Manifest) -> Result<Descriptor, Reason> {
    let layers = parsed.layers.as_deref().unwrap_or_default();
    let mut bundles = layers.iter().filter(|l| l.media_type.starts_with(bundle::MEDIA_TYPE_PREFIX));
    match (bundles.next(), bundles.next()) {
        (Some(layer), None) => Ok(layer.clone()),
        _ => Err(Reason::of(Code::LayerUnexpected)
            .expected("exactly one layer with a Sigstore bundle")
            .found(format!("{} layers", layers.len()))),
    }
}

/// Notation requirements 6, 7 and 9: one envelope, in an image manifest or the deprecated artifact
/// manifest.
fn notation_layer(parsed: &Manifest) -> Result<Descriptor, Reason> {
    let is_artifact = parsed.media_type.as_deref() == Some(OCI_ARTIFACT);
    let blobs = if is_artifact { &parsed.blobs } else { &parsed.layers };
    match blobs.as_deref().unwrap_or_default() {
        [envelope] => Ok(envelope.clone()),
        blobs => Err(Reason::new(
            Code::LayerUnexpected,
            "a signature manifest has exactly one signature envelope",
        )
        .expected("1 blob")
        .found(format!("{} blobs", blobs.len()))),
    }
}

fn content(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    envelope: &Envelope,
) -> Result<Content, Option<Reason>> {
    let layer = &envelope.layer;
    let digest = Digest::parse(&layer.digest).ok_or_else(|| {
        let message = format!("`{}` is not a digest", layer.digest);
        Some(Reason::new(Code::ManifestMalformed, message))
    })?;
    let bytes = evidence
        .blob(&repository.repository(), &digest, layer.size(), Share::Referrers)
        .map_err(content_reason)?;
    if envelope.claim == Claim::Notation {
        let media_type = layer.media_type.clone();
        return Ok(Content::Notation { envelope: bytes.to_vec(), media_type });
    }
    bundle::parse(bytes)
        .map(|bundle| Content::Bundle(Box::new(bundle)))
        .map_err(|e| Some(Reason::new(Code::EnvelopeMalformed, e.to_string())))
}

/// A referrer that counts: its own bytes, hashed here, name our artifact as subject and have the
/// artifact type.
fn artifact(
    subject: &Digest,
    referrer: &Digest,
    artifact_type: &str,
    parsed: &Manifest,
    found: Found<'_>,
    discovered: &mut Discovered,
) {
    let is_ours = parsed.subject.as_ref().is_some_and(|s| s.digest == subject.as_str());
    let typed = own_type(parsed) == artifact_type;
    if !is_ours || !typed {
        return;
    }
    if !found.exact {
        let name = format!("referrer {referrer}");
        let reason = Reason::of(Code::EvidenceHostAsserted);
        discovered.problem(&name, &[Claim::Artifact], reason);
        return;
    }
    discovered.artifacts.push(Artifact {
        artifact_type: artifact_type.to_owned(),
        digest: referrer.clone(),
        bytes: found.bytes.to_vec(),
    });
}
