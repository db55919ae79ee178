//! One look at all that is known: what there is, and what is still to be asked for.

mod open;

use std::{collections::BTreeSet, rc::Rc};

use countersign::{
    discovery::manifest::{BUILDKIT_DIGEST, Descriptor, IN_TOTO, Manifest, Shape},
    reference::Digest,
    wire::{Answer, Bytes, Fetch, UnavailableReason},
};
use serde::Deserialize;

use super::{
    Artifact, Lack, Limits, Road, Signature,
    answers::Answers,
    document,
    list::{DSSE, Entries, Entry, Family, SIMPLE_SIGNING},
    signature, what,
};
use crate::registry::{MAX_MANIFEST, sha256_of};

/// Tags beside an image: what they end in, and whether signatures lie there.
const TAGS: [(&str, bool); 4] =
    [("sig", true), ("att", true), ("sbom", false), ("evidence", false)];
/// Statements that BuildKit has put into one index for one platform, as many as the module reads.
const MOST_EMBEDDED: usize = 16;

/// A look.
pub(super) struct Look<'a> {
    repository: &'a str,
    limits: &'a Limits,
    answers: &'a mut Answers,
    /// Whether envelopes are opened; else they are only asked for.
    reading: bool,
    manifests: usize,
    bytes: u64,
    /// Blobs whose bytes were counted.
    counted: BTreeSet<String>,
    /// Digests below which was looked.
    below: BTreeSet<String>,
    gaps: BTreeSet<String>,
    lack: Option<Lack>,
    unread: Vec<String>,
}

/// What a configuration says of an image.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    created: Option<String>,
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl<'a> Look<'a> {
    pub(super) fn new(repository: &'a str, limits: &'a Limits, answers: &'a mut Answers) -> Self {
        Self {
            repository,
            limits,
            answers,
            reading: false,
            manifests: 0,
            bytes: 0,
            counted: BTreeSet::new(),
            below: BTreeSet::new(),
            gaps: BTreeSet::new(),
            lack: None,
            unread: Vec::new(),
        }
    }

    /// Opens envelopes and documents too.
    pub(super) fn reading(mut self) -> Self {
        self.reading = true;
        self
    }

    /// What could not be had or was left out, the worst of it, and documents that were too large.
    pub(super) fn finish(self) -> (Vec<String>, Option<Lack>, Vec<String>) {
        (self.gaps.into_iter().collect(), self.lack, self.unread)
    }

    fn gap(&mut self, lack: Lack, words: String) {
        self.gaps.insert(words);
        self.lack = self.lack.max(Some(lack));
    }

    /// The image, or index, and all that is attached.
    pub(super) fn image(&mut self, digest: &str) -> Artifact {
        let (mut image, parsed) = self.open(digest, None);
        if parsed.is_none() && self.lack.is_some() {
            self.lack = Some(Lack::List);
        }
        match parsed {
            Some((index, Shape::Index)) => {
                self.platforms(&mut image, index.manifests.unwrap_or_default());
            }
            Some((manifest, _)) => self.configuration(&mut image, &manifest),
            None => {}
        }
        self.attach(&mut image, 1, true);
        image
    }

    fn platforms(&mut self, index: &mut Artifact, children: Vec<Descriptor>) {
        let (attestations, mut children): (Vec<_>, Vec<_>) =
            children.into_iter().partition(Descriptor::is_attestation);
        if children.len() > self.limits.platforms {
            self.left_out(&mut index.notes, children.len() - self.limits.platforms, "platforms");
            children.truncate(self.limits.platforms);
        }
        for child in children {
            let (mut platform, parsed) = self.open(&child.digest, child.size());
            platform.found = vec![Road::Index];
            if let Some((manifest, Shape::Image)) = &parsed {
                self.configuration(&mut platform, manifest);
            }
            // What the index says is what it is run as.
            let said = child.platform.and_then(|p| Config::deserialize(p).ok()?.platform());
            platform.platform = said.or(platform.platform);
            self.attach(&mut platform, 1, true);
            let about = |d: &&Descriptor| d.annotation(BUILDKIT_DIGEST) == Some(&*child.digest);
            for descriptor in attestations.iter().filter(about).take(MOST_EMBEDDED) {
                let statements = self.embedded(descriptor);
                platform.attached.push(statements);
            }
            index.platforms.push(platform);
        }
    }

    /// What BuildKit keeps in an index beside a platform.
    fn embedded(&mut self, descriptor: &Descriptor) -> Artifact {
        let (mut artifact, parsed) = self.open(&descriptor.digest, descriptor.size());
        artifact.found = vec![Road::Index];
        artifact.what = "BuildKit attestations".to_owned();
        let layers = parsed.and_then(|(manifest, _)| manifest.layers).unwrap_or_default();
        for layer in layers.iter().filter(|l| l.media_type == IN_TOTO).take(MOST_EMBEDDED) {
            let content = self.blob(layer, self.limits.blob_bytes);
            artifact.signatures.push(signature::embedded(layer, borrowed(&content)));
        }
        artifact
    }

    fn configuration(&mut self, image: &mut Artifact, manifest: &Manifest) {
        let Some(config) = &manifest.config else { return };
        let Some(Ok(bytes)) = self.blob(config, self.limits.blob_bytes) else { return };
        let mut config: Config = serde_json::from_slice(&bytes).unwrap_or_default();
        // Go writes its zero time where nobody has set one.
        let created = config.created.take().filter(|time| !time.starts_with("0001-01-01"));
        image.created = image.created.take().or(created);
        image.platform = config.platform();
    }

    /// All that is attached to an artifact. `fully` with every road, and not only with those that the
    /// module takes.
    fn attach(&mut self, artifact: &mut Artifact, depth: u32, fully: bool) {
        let Some(digest) = Digest::parse(&artifact.digest) else { return };
        if depth > self.limits.depth || !self.below.insert(artifact.digest.clone()) {
            return;
        }
        for (ending, signs) in TAGS {
            if signs || (fully && self.limits.unsigned_tags) {
                self.tagged(artifact, &format!("{}.{ending}", digest.tag()), ending);
            }
        }
        for entry in self.referrers(artifact, &digest, fully) {
            let referrer = self.referrer(&entry, &artifact.digest, depth);
            artifact.attached.push(referrer);
        }
    }

    /// What lies under a tag of cosign's scheme, or of ours.
    fn tagged(&mut self, artifact: &mut Artifact, tag: &str, ending: &str) {
        let Some(answer) = self.ask_tag(tag) else { return };
        self.asked(artifact, Road::Tag, Some(tag), &answer);
        let Answer::Found { bytes: Bytes(bytes), media_type, .. } = &*answer else { return };
        let digest = sha256_of(bytes);
        let (mut found, parsed) = self.parse(&digest, bytes, media_type.as_deref());
        found.found = vec![Road::Tag];
        found.tag = Some(tag.to_owned());
        found.what = match ending {
            "sig" => "Cosign signatures",
            "att" => "Cosign attestations",
            "sbom" => "Cosign SBOM, unsigned",
            _ => "evidence pack",
        }
        .to_owned();
        if let Some((manifest, _)) = parsed {
            let layers = self.ordered(&mut found.notes, manifest.layers.unwrap_or_default());
            found.signatures = match ending {
                "sig" | "att" => self.layers(&layers, tag),
                _ => Vec::new(),
            };
        }
        artifact.attached.push(found);
    }

    /// Layers of cosign's scheme.
    fn layers(&mut self, layers: &[Descriptor], place: &str) -> Vec<Signature> {
        let mut signatures = Vec::new();
        for layer in layers {
            let candidate = format!("{place} layer {}", layer.digest);
            let content = self.blob(layer, self.limits.blob_bytes);
            signatures.push(match layer.media_type.as_str() {
                SIMPLE_SIGNING => signature::simple_signing(layer, candidate),
                DSSE => signature::attestation(layer, candidate, borrowed(&content)),
                _ => Signature::of(layer, candidate),
            });
        }
        signatures
    }

    /// As the module orders and limits them.
    fn ordered(&mut self, notes: &mut Vec<String>, mut layers: Vec<Descriptor>) -> Vec<Descriptor> {
        layers.sort_by_cached_key(|layer| {
            let signature = layer.annotation("dev.cosignproject.cosign/signature");
            let size = layer.size().unwrap_or(u64::MAX);
            (size, layer.digest.clone(), signature.map(str::to_owned))
        });
        if layers.len() > self.limits.list {
            self.left_out(notes, layers.len() - self.limits.list, "layers");
            layers.truncate(self.limits.list);
        }
        layers
    }

    fn referrers(&mut self, artifact: &mut Artifact, digest: &Digest, fully: bool) -> Vec<Entry> {
        let mut entries = Entries::default();
        let api = self.answers.ask(Fetch::Referrers {
            repository: self.repository.to_owned(),
            digest: digest.to_string(),
            max_bytes: MAX_MANIFEST,
        });
        if let Some(answer) = &api {
            self.asked(artifact, Road::Referrers, None, answer);
            Self::listed(artifact, Road::Referrers, answer, &mut entries);
        }
        let none = api.as_deref().is_some_and(has_no_list);
        if fully || none {
            let tag = digest.tag();
            if let Some(answer) = self.ask_tag(&tag) {
                self.asked(artifact, Road::FallbackTag, Some(&tag), &answer);
                Self::listed(artifact, Road::FallbackTag, &answer, &mut entries);
            }
        }
        let only_tagged = entries.only_tagged();
        if only_tagged > 0 && api.is_some() && !none {
            artifact.notes.push(format!(
                "{only_tagged} listed by the fallback tag only: who asks the referrers API, as the \
                 specification says, does not find them"
            ));
        }
        let (entries, left_out) = entries.sorted(self.limits.list);
        if left_out > 0 {
            self.left_out(&mut artifact.notes, left_out, "referrers");
        }
        entries
    }

    fn listed(artifact: &mut Artifact, road: Road, answer: &Answer, entries: &mut Entries) {
        let Answer::Found { bytes, .. } = answer else { return };
        if let Err(problem) = entries.add(road, &bytes.0) {
            let place = match road {
                Road::FallbackTag => "the fallback tag",
                _ => "the referrers API",
            };
            artifact.notes.push(format!("{place}: {problem}"));
        }
    }

    fn referrer(&mut self, entry: &Entry, subject: &str, depth: u32) -> Artifact {
        let (mut referrer, parsed) = self.open(&entry.digest, entry.size);
        referrer.found = entry.roads.clone();
        let Some((manifest, shape)) = parsed else {
            if referrer.artifact_type.is_none() && !entry.artifact_type.is_empty() {
                referrer.what = what::kind(&entry.artifact_type);
                referrer.artifact_type = Some(entry.artifact_type.clone());
            }
            return referrer;
        };
        let about = manifest.subject.as_ref().map(|subject| subject.digest.as_str());
        if about != Some(subject) {
            let about = about.map_or_else(
                || "has no `subject`".to_owned(),
                |d| format!("has the `subject` {d}"),
            );
            referrer.notes.push(format!("it is listed here, and {about}"));
        }
        let candidate = format!("referrer {}", referrer.digest);
        let family = match Family::of(&entry.artifact_type) {
            Family::Unclear => Family::of(referrer.artifact_type.as_deref().unwrap_or_default()),
            listed => listed,
        };
        let layers = if shape == Shape::Artifact { manifest.blobs } else { manifest.layers };
        let mut layers = layers.unwrap_or_default();
        match family {
            Family::Bundle => {
                layers.retain(|layer| Family::of(&layer.media_type) == Family::Bundle);
                self.only(&mut referrer, &layers, candidate, signature::sigstore);
            }
            Family::Notation => {
                self.only(&mut referrer, &layers, candidate, signature::notation);
            }
            Family::Cosign => {
                let layers = self.ordered(&mut referrer.notes, layers);
                referrer.signatures = self.layers(&layers, &candidate);
            }
            Family::Unclear | Family::Document => {
                referrer.candidate = Some(candidate);
                if let [only] = layers.as_slice() {
                    self.document(&mut referrer, only);
                }
                self.attach(&mut referrer, depth + 1, false);
            }
        }
        referrer
    }

    /// The one layer of what is no signature.
    fn document(&mut self, referrer: &mut Artifact, layer: &Descriptor) {
        if layer.size().is_none_or(|size| size > self.limits.document_bytes) {
            self.unread.push(format!("document `{}` of {}", layer.digest, referrer.what));
            return;
        }
        let content = self.blob(layer, self.limits.document_bytes);
        if let Some(name) = content.and_then(Result::ok).and_then(|bytes| document::name(&bytes)) {
            referrer.what = name;
        }
    }

    /// The one envelope of a signature's manifest.
    fn only(
        &mut self,
        referrer: &mut Artifact,
        layers: &[Descriptor],
        candidate: String,
        read: fn(&Descriptor, String, signature::Content<'_>) -> Signature,
    ) {
        let [layer] = layers else {
            let count = layers.len();
            referrer.notes.push(format!("{count} envelopes, where a signature has one"));
            return;
        };
        let content = self.blob(layer, self.limits.blob_bytes);
        let signature = read(layer, candidate, borrowed(&content));
        referrer.what.clone_from(&signature.what);
        referrer.signatures.push(signature);
    }

    fn left_out(&mut self, notes: &mut Vec<String>, count: usize, what: &str) {
        let note = format!("left out: {count} {what}");
        self.gap(Lack::Content, note.clone());
        notes.push(note);
    }
}

impl Config {
    fn platform(self) -> Option<String> {
        let is_said = |text: &String| !text.is_empty();
        let (os, architecture) = (self.os.filter(is_said)?, self.architecture.filter(is_said)?);
        let mut platform = format!("{os}/{architecture}");
        if let Some(variant) = self.variant.filter(is_said) {
            platform = format!("{platform}/{variant}");
        }
        Some(platform)
    }
}

/// Whether the fallback tag stands in for an answer of the referrers API.
fn has_no_list(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Absent { .. } | Answer::Unavailable { reason: UnavailableReason::Unsupported, .. }
    )
}

fn borrowed(content: &Option<Result<Rc<[u8]>, String>>) -> signature::Content<'_> {
    content.as_ref().map(|found| found.as_deref().map_err(Clone::clone))
}
