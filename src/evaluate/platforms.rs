//! The platforms of an image, and what they must show.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Judgement,
    authority::judgement,
    config,
    image::{self, Bundle, Opened, Wanted},
    requirement::{Judge, Scope},
};
use crate::{
    discovery::manifest::{self, Descriptor, Shape},
    evidence::{Evidence, Share},
    policy::{Platform, Subjects},
    reference::{Digest, Reference},
    verdict::{Code, Reason},
    wire::{Kind, Node},
};

/// Platforms of one index. The official images of Docker have some fifteen.
const MOST_PLATFORMS: usize = 64;

/// Statements of one platform that an index carries itself. BuildKit writes provenance and an SBOM.
const MOST_EMBEDDED: usize = 16;

/// The platforms of an image.
pub(super) enum Platforms {
    /// Nobody asks.
    NotAsked,
    /// The image is for one platform; which one, where somebody asks.
    One {
        /// The platform.
        platform: Option<Result<Platform, Reason>>,
        /// True where it is the host's word for it.
        asserted: bool,
    },
    /// The image is an index.
    Index(Vec<Child>),
    /// They cannot be told.
    Unknown(Reason),
}

impl Platforms {
    /// For what of them the host's word was taken.
    pub(super) fn asserted(&self) -> BTreeSet<&'static str> {
        let bundles = |child: &Child| child.bundle.as_ref().ok().map(|b| b.asserted.clone());
        match self {
            Self::Index(children) => children.iter().filter_map(bundles).flatten().collect(),
            Self::One { asserted: true, .. } => BTreeSet::from(["imageConfig"]),
            Self::NotAsked | Self::One { .. } | Self::Unknown(_) => BTreeSet::new(),
        }
    }
}

/// One platform of an index.
pub(super) struct Child {
    platform: Option<Platform>,
    name: String,
    bundle: Result<Bundle, Reason>,
}

/// A statement that an index carries, as BuildKit writes them: it is as good as the signature of the
/// index.
pub(super) struct Embedded {
    /// Of the statement.
    pub(super) digest: Digest,
    /// The statement, hashed here.
    pub(super) payload: Result<Vec<u8>, Reason>,
}

/// What platforms an image has.
pub(super) fn of(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    opened: &Opened,
    wanted: &Wanted,
) -> Platforms {
    if !wanted.platforms {
        return Platforms::NotAsked;
    }
    let Some(bytes) = opened.manifest(wanted.trust.index) else {
        let what = "the platforms of the image need the manifest's own bytes";
        return Platforms::Unknown(Reason::new(Code::EvidenceHostAsserted, what));
    };
    let (parsed, shape) = match manifest::parse(bytes) {
        Ok(found) => found,
        Err(error) => return Platforms::Unknown(Reason::new(Code::ImageMalformed, error)),
    };
    if shape != Shape::Index {
        let asked =
            wanted.named_platforms.then(|| config::of(evidence, reference, opened, wanted.trust));
        let config = asked.flatten();
        let asserted = config.as_ref().is_some_and(|config| config.asserted);
        let platform = config.map(|config| platform_of(&config.document?));
        return Platforms::One { platform, asserted };
    }
    let descriptors = parsed.manifests.unwrap_or_default();
    let runnable: Vec<_> = descriptors.iter().filter(|d| !d.is_attestation()).collect();
    if runnable.len() > MOST_PLATFORMS {
        return Platforms::Unknown(
            Reason::of(Code::BudgetImages)
                .expected(format!("at most {MOST_PLATFORMS} platforms"))
                .found(runnable.len().to_string()),
        );
    }
    // What an index carries is as good as the index, if that was hashed.
    let carries = opened.target.bytes.is_some();
    let child = |descriptor: &&Descriptor| {
        let platform = descriptor.platform.as_ref().and_then(read);
        let name = match &platform {
            Some(platform) => format!("{platform} {}", descriptor.digest),
            None => descriptor.digest.clone(),
        };
        let carried = if carries { descriptors.as_slice() } else { &[] };
        let bundle = bundle(evidence, reference, descriptor, carried, wanted);
        Child { platform, name, bundle }
    };
    Platforms::Index(runnable.iter().map(child).collect())
}

fn bundle(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    descriptor: &Descriptor,
    all: &[Descriptor],
    wanted: &Wanted,
) -> Result<Bundle, Reason> {
    let digest = Digest::parse(&descriptor.digest)
        .ok_or_else(|| Reason::new(Code::ImageMalformed, "a platform has no valid digest"))?;
    let target = match image::target(evidence, reference, &digest) {
        Ok(Opened { children: Some(_), .. }) => {
            return Err(Reason::new(Code::ImageMalformed, "an index in an index"));
        }
        Ok(opened) => Some(opened),
        Err(miss) => {
            let absent = Reason::of(Code::EvidenceAbsent).expected(digest.to_string());
            match miss.reason(absent) {
                Some(reason) => return Err(reason),
                None => None,
            }
        }
    };
    let roads = &wanted.of_platforms;
    let found = image::bundle(evidence, reference, &digest, target, roads, wanted);
    let embedded = embedded(evidence, reference, &digest, all, wanted);
    // What is still pending is not judged.
    let mut bundle = found.ok_or_else(|| Reason::of(Code::Internal))?;
    bundle.embedded = embedded;
    bundle.platform = descriptor.platform.as_ref().and_then(read).map(|p| p.to_string());
    Ok(bundle)
}

/// The statements about a platform in the attestation manifests of its index
/// ([BuildKit](https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md)).
fn embedded(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    digest: &Digest,
    all: &[Descriptor],
    wanted: &Wanted,
) -> Vec<Embedded> {
    let about = |d: &&Descriptor| {
        d.is_attestation() && d.annotation(manifest::BUILDKIT_DIGEST) == Some(&digest.to_string())
    };
    let (mut found, mut left) = (Vec::new(), MOST_EMBEDDED);
    if !wanted.of_platforms.0.attestation_tag {
        return found;
    }
    for descriptor in all.iter().filter(about).take(MOST_EMBEDDED) {
        let Some(digest) = Digest::parse(&descriptor.digest) else {
            continue;
        };
        let repository = reference.repository();
        let layers = match evidence.manifest(&repository, &digest, descriptor.size()) {
            // Hashed here: else it is only the host who says what the index carries.
            Ok(manifest) if !manifest.exact => Err(Reason::of(Code::EvidenceHostAsserted)),
            Ok(manifest) => manifest::parse(manifest.bytes)
                .map_err(|e| Reason::new(Code::ManifestMalformed, e))
                .map(|(manifest, _)| manifest.layers.unwrap_or_default()),
            Err(miss) => match miss.reason(Reason::of(Code::LayerUnexpected)) {
                Some(reason) => Err(reason),
                None => continue,
            },
        };
        match layers {
            Err(reason) => found.push(Embedded { digest, payload: Err(reason) }),
            Ok(layers) => {
                let statements = layers.iter().filter(|l| l.media_type == manifest::IN_TOTO);
                for layer in statements.take(left) {
                    left = left.saturating_sub(1);
                    found.extend(statement(evidence, &repository, layer));
                }
            }
        }
    }
    found
}

fn statement(
    evidence: &mut Evidence<'_>,
    repository: &str,
    layer: &Descriptor,
) -> Option<Embedded> {
    let digest = Digest::parse(&layer.digest)?;
    let payload = match evidence.blob(repository, &digest, layer.size(), Share::Attestations) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(miss) => Err(miss.reason(Reason::of(Code::LayerUnexpected))?),
    };
    Some(Embedded { digest, payload })
}

/// `os`, `architecture` and `variant`, of a descriptor or a configuration.
fn read(value: &Value) -> Option<Platform> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned).filter(|t| !t.is_empty());
    let variant = text("variant");
    Some(Platform { os: text("os")?, architecture: text("architecture")?, variant })
}

fn platform_of(config: &Value) -> Result<Platform, Reason> {
    read(config).ok_or_else(|| {
        Reason::new(Code::ImageMalformed, "the image's configuration names no platform")
    })
}

impl Judge<'_> {
    /// What a requirement comes to on each of its subjects. All must hold.
    pub(super) fn on(
        &mut self,
        subjects: &Subjects,
        scope: &Scope<'_>,
        counted: bool,
        mut judge: impl FnMut(&mut Self, &Scope<'_>) -> Judgement,
    ) -> Judgement {
        let wanted = match subjects {
            Subjects::Resolved => return judge(self, scope),
            Subjects::Platforms(wanted) => wanted.as_slice(),
            Subjects::Both => &[],
        };
        let Some(image) = scope.image else {
            // A blob has no platforms.
            return judge(self, scope);
        };
        let mut judged = Vec::new();
        if *subjects == Subjects::Both {
            judged.push(named("resolved", judge(self, scope)));
        }
        match &image.platforms {
            Platforms::One { platform, .. } => {
                let refused = platform.as_ref().and_then(|found| refused(wanted, found.as_ref()));
                match refused {
                    Some(reason) => judged.push(failed("platform", reason)),
                    None if *subjects == Subjects::Both => {}
                    None => judged.push(judge(self, scope)),
                }
            }
            Platforms::Index(children) => {
                self.children_of(image, children, wanted, &mut judged, &mut judge);
            }
            Platforms::Unknown(reason) => judged.push(failed("platforms", reason.clone())),
            Platforms::NotAsked => judged.push(failed("platforms", Reason::of(Code::Internal))),
        }
        self.every("platforms", judged, counted)
    }

    fn children_of(
        &mut self,
        index: &Bundle,
        children: &[Child],
        wanted: &[Platform],
        judged: &mut Vec<Judgement>,
        judge: &mut impl FnMut(&mut Self, &Scope<'_>) -> Judgement,
    ) {
        // One that says of itself on what it runs nothing, or not all, is run on anything.
        let meant = |child: &&Child| {
            let is = |p: &Platform| child.platform.as_ref().is_none_or(|found| p.is(found));
            wanted.is_empty() || wanted.iter().any(is)
        };
        for child in children.iter().filter(meant) {
            judged.push(match &child.bundle {
                Ok(bundle) => {
                    let scope = Scope { parent: Some(index), ..Scope::image(bundle) };
                    named(&child.name, judge(self, &scope))
                }
                Err(reason) => failed(&child.name, reason.clone()),
            });
        }
        if !children.iter().any(|child| meant(&child)) && wanted.is_empty() {
            judged.push(failed("platforms", Reason::of(Code::PlatformAbsent)));
        }
        let is_there = |p: &&Platform| {
            !children.iter().any(|c| c.platform.as_ref().is_some_and(|found| p.is(found)))
        };
        for absent in wanted.iter().filter(is_there) {
            let reason = Reason::of(Code::PlatformAbsent).expected(absent.to_string());
            judged.push(failed(&absent.to_string(), reason));
        }
    }
}

fn refused(wanted: &[Platform], found: Result<&Platform, &Reason>) -> Option<Reason> {
    if wanted.is_empty() {
        return None;
    }
    let found = match found {
        Ok(found) => found,
        Err(reason) => return Some(reason.clone()),
    };
    if wanted.iter().all(|wanted| wanted.is(found)) {
        return None;
    }
    let names: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    Some(Reason::of(Code::PlatformAbsent).expected(names.join(", ")).found(found.to_string()))
}

fn failed(name: &str, reason: Reason) -> Judgement {
    judgement(Node::refuse(Kind::Image, name, reason.clone()), Some(reason))
}

/// Under the name of what it is about.
fn named(name: &str, judged: Judgement) -> Judgement {
    let node = Node { mark: judged.mark(), ..Node::pass(Kind::Image, name) };
    Judgement { node: node.children(vec![judged.node]), ..judged }
}
