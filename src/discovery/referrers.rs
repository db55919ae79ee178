//! Referrers: the API of [distribution-spec v1.1](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers),
//! and the referrers tag schema where a registry lacks it.

use std::collections::BTreeMap;

use super::{
    Artifact, Claim, Content, Discovered, Roads, content_reason,
    manifest::{self, Descriptor, Manifest, OCI_ARTIFACT, Shape},
    over_budget,
    tag_scheme::push,
};
use crate::{
    envelope::bundle,
    evidence::{Evidence, Found, Miss},
    reference::{Digest, Reference},
    verdict::{Code, Reason},
};

/// `artifactType` of a Notation signature.
const NOTATION: &str = "application/vnd.cncf.notary.signature";
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
            discovered.problem("referrers", &[Claim::Bundle, Claim::Notation], reason);
            return;
        }
        Err(Miss::Absent(_)) => match unsupported {
            // A registry with the API keeps no tag: this host cannot see what is there.
            Some(reason) => {
                discovered.problem("referrers", &[Claim::Bundle, Claim::Notation], reason);
                return;
            }
            None => return,
        },
        Err(Miss::Pending) => return,
    };
    let mut wanted: Vec<_> = descriptors
        .into_iter()
        .filter_map(|(digest, descriptor)| {
            let kind = classify(descriptor.artifact_type.as_deref().unwrap_or_default(), roads)?;
            Some((digest, kind))
        })
        .collect();
    // What says what it is comes before what has to be opened to tell.
    wanted.sort_by_key(|(_, kind)| *kind == Kind::Unclear);
    let most = usize::try_from(evidence.budget().candidates).unwrap_or(usize::MAX);
    if wanted.len() > most {
        wanted.truncate(most);
        discovered.problem("referrers", &[Claim::Bundle, Claim::Notation], over_budget(evidence));
    }
    for (referrer, kind) in wanted {
        open(evidence, repository, digest, &referrer, kind, roads, discovered);
    }
}

/// What a referrer claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bundle,
    Notation,
    Artifact(String),
    /// No type, or a generic one: opened to tell.
    Unclear,
}

fn classify(artifact_type: &str, roads: &Roads) -> Option<Kind> {
    if artifact_type.starts_with(bundle::MEDIA_TYPE_PREFIX) {
        return roads.bundles.then_some(Kind::Bundle);
    }
    if artifact_type == NOTATION {
        return roads.notation.then_some(Kind::Notation);
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

/// The descriptors of an index, by digest.
fn listed(found: Found<'_>, discovered: &mut Discovered) -> BTreeMap<Digest, Descriptor> {
    let mut by_digest = BTreeMap::new();
    match manifest::parse(found.bytes) {
        Ok((index, Shape::Index)) => {
            for descriptor in index.manifests.unwrap_or_default() {
                if let Some(digest) = Digest::parse(&descriptor.digest) {
                    by_digest.insert(digest, descriptor);
                }
            }
        }
        // cosign copy leaves the image manifest itself under this tag: no list is there.
        Ok(_) => {}
        Err(error) => {
            let reason = Reason::new(Code::EvidenceGarbled, format!("list of referrers: {error}"));
            discovered.problem("referrers", &[Claim::Bundle, Claim::Notation], reason);
        }
    }
    by_digest
}

fn open(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    subject: &Digest,
    referrer: &Digest,
    kind: Kind,
    roads: &Roads,
    discovered: &mut Discovered,
) {
    let claim = match kind {
        Kind::Notation => Claim::Notation,
        Kind::Bundle | Kind::Artifact(_) | Kind::Unclear => Claim::Bundle,
    };
    let name = format!("referrer {referrer}");
    let found = match evidence.manifest(&repository.repository(), referrer) {
        Ok(found) => found,
        Err(miss) => {
            if let Some(reason) = content_reason(miss) {
                match kind {
                    Kind::Bundle | Kind::Notation => {
                        push(discovered, name, claim, Err(Some(reason)))
                    }
                    Kind::Artifact(_) | Kind::Unclear => {
                        discovered.problem(&name, &[Claim::Bundle, Claim::Notation], reason);
                    }
                }
            }
            return;
        }
    };
    let parsed = match manifest::parse(found.bytes) {
        Ok((parsed, Shape::Image | Shape::Artifact)) => parsed,
        Ok((_, Shape::Index)) => return,
        Err(error) => {
            let reason = Reason::new(Code::ManifestMalformed, error);
            push(discovered, name, claim, Err(Some(reason)));
            return;
        }
    };
    let kind = match kind {
        Kind::Unclear => match classify(&own_type(&parsed), roads) {
            Some(Kind::Unclear) | None => return,
            Some(kind) => kind,
        },
        kind => kind,
    };
    match kind {
        Kind::Bundle => {
            let content = bundle_content(evidence, repository, &parsed);
            push(discovered, name, Claim::Bundle, content);
        }
        Kind::Notation => {
            let content = notation_content(evidence, repository, &parsed);
            push(discovered, name, Claim::Notation, content);
        }
        Kind::Artifact(artifact_type) => {
            artifact(subject, referrer, &artifact_type, &parsed, found, discovered);
        }
        Kind::Unclear => {}
    }
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

fn bundle_content(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    parsed: &Manifest,
) -> Result<Content, Option<Reason>> {
    let layers = parsed.layers.as_deref().unwrap_or_default();
    let mut bundles = layers.iter().filter(|l| l.media_type.starts_with(bundle::MEDIA_TYPE_PREFIX));
    let (Some(layer), None) = (bundles.next(), bundles.next()) else {
        return Err(Some(
            Reason::of(Code::LayerUnexpected)
                .expected("exactly one layer with a Sigstore bundle")
                .found(format!("{} layers", layers.len())),
        ));
    };
    let bytes = blob(evidence, repository, layer)?;
    bundle::parse(bytes)
        .map(|bundle| Content::Bundle(Box::new(bundle)))
        .map_err(|e| Some(Reason::new(Code::EnvelopeMalformed, e.to_string())))
}

/// Notation requirements 6, 7 and 9: one envelope, in an image manifest or the deprecated artifact
/// manifest.
fn notation_content(
    evidence: &mut Evidence<'_>,
    repository: &Reference,
    parsed: &Manifest,
) -> Result<Content, Option<Reason>> {
    let is_artifact = parsed.media_type.as_deref() == Some(OCI_ARTIFACT);
    let blobs = if is_artifact { &parsed.blobs } else { &parsed.layers };
    let [envelope] = blobs.as_deref().unwrap_or_default() else {
        return Err(Some(
            Reason::new(
                Code::LayerUnexpected,
                "a signature manifest has exactly one signature envelope",
            )
            .expected("1 blob")
            .found(format!("{} blobs", blobs.as_ref().map_or(0, Vec::len))),
        ));
    };
    let bytes = blob(evidence, repository, envelope)?;
    Ok(Content::Notation { envelope: bytes.to_vec(), media_type: envelope.media_type.clone() })
}

fn blob<'a>(
    evidence: &mut Evidence<'a>,
    repository: &Reference,
    descriptor: &Descriptor,
) -> Result<&'a [u8], Option<Reason>> {
    let digest = Digest::parse(&descriptor.digest).ok_or_else(|| {
        let message = format!("`{}` is not a digest", descriptor.digest);
        Some(Reason::new(Code::ManifestMalformed, message))
    })?;
    evidence.blob(&repository.repository(), &digest).map_err(content_reason)
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
        discovered.problem(&name, &[Claim::Bundle, Claim::Notation], reason);
        return;
    }
    discovered.artifacts.push(Artifact {
        artifact_type: artifact_type.to_owned(),
        digest: referrer.clone(),
        bytes: found.bytes.to_vec(),
    });
}
