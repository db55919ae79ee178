//! Manifests, blobs and tags, as far as they are there.

use std::rc::Rc;

use countersign::{
    discovery::manifest::{self, CREATED, Descriptor, Manifest, OCI_INDEX, OCI_MANIFEST, Shape},
    reference::Digest,
    wire::{Answer, Fetch, UnavailableReason},
};

use super::Look;
use crate::{
    registry::{MAX_MANIFEST, matches_digest},
    walk::{
        Artifact, Asked, Lack, Road,
        artifact::words,
        list::{Family, own_type},
        what,
    },
};

impl Look<'_> {
    /// A manifest by digest. What is not there yet is empty but for its digest.
    pub(super) fn open(
        &mut self,
        digest: &str,
        size: Option<u64>,
    ) -> (Artifact, Option<(Manifest, Shape)>) {
        let unread = |note: Option<String>| {
            let digest = digest.to_owned();
            let notes = note.into_iter().collect();
            (
                Artifact {
                    digest,
                    size,
                    what: "manifest".to_owned(),
                    notes,
                    ..Artifact::default()
                },
                None,
            )
        };
        if Digest::parse(digest).is_none() {
            return unread(Some("no valid digest".to_owned()));
        }
        self.manifests += 1;
        if self.manifests > self.limits.manifests {
            let note = format!("left out: more than {} manifests", self.limits.manifests);
            self.gap(Lack::Content, note.clone());
            return unread(Some(note));
        }
        let max_bytes = size.unwrap_or(MAX_MANIFEST).min(MAX_MANIFEST);
        let fetch = Fetch::Manifest {
            repository: self.repository.to_owned(),
            digest: digest.to_owned(),
            max_bytes,
        };
        match self.answers.ask(fetch).as_deref() {
            None => unread(None),
            Some(Answer::Found { bytes, media_type, .. }) if matches_digest(digest, &bytes.0) => {
                self.parse(digest, &bytes.0, media_type.as_deref())
            }
            Some(Answer::Found { .. }) => {
                let note = "the bytes are not those of the digest".to_owned();
                self.gap(Lack::Content, format!("manifest `{digest}`: {note}"));
                unread(Some(note))
            }
            Some(answer) => {
                let (lack, note) = (lack_of(answer), words(answer));
                self.gap(lack, format!("manifest `{digest}`: {note}"));
                unread(Some(note))
            }
        }
    }

    pub(super) fn parse(
        &self,
        digest: &str,
        bytes: &[u8],
        media_type: Option<&str>,
    ) -> (Artifact, Option<(Manifest, Shape)>) {
        let mut artifact = Artifact {
            digest: digest.to_owned(),
            what: "manifest".to_owned(),
            media_type: media_type.map(str::to_owned),
            size: Some(bytes.len() as u64),
            ..Artifact::default()
        };
        let (manifest, shape) = match manifest::parse(bytes) {
            Ok(parsed) => parsed,
            Err(e) => {
                artifact.notes.push(format!("no manifest that can be read: {e}"));
                return (artifact, None);
            }
        };
        let own = manifest.media_type.clone().filter(|m| !m.is_empty());
        artifact.media_type = artifact.media_type.or(own);
        let own = own_type(&manifest);
        artifact.artifact_type = Some(own.to_owned()).filter(|t| !t.is_empty());
        artifact.created = manifest.annotation(CREATED).map(str::to_owned);
        let is_image = shape == Shape::Index || Family::of(own) == Family::Unclear;
        artifact.what = match (&artifact.media_type, shape) {
            _ if !is_image => what::kind(own),
            (Some(media_type), _) => what::kind(media_type),
            (None, Shape::Index) => what::kind(OCI_INDEX),
            (None, _) => what::kind(OCI_MANIFEST),
        };
        (artifact, Some((manifest, shape)))
    }

    /// A blob's bytes, or why there are none; nothing where it is too early to look at them, or too
    /// large to be asked for at all.
    pub(super) fn blob(
        &mut self,
        layer: &Descriptor,
        most: u64,
    ) -> Option<Result<Rc<[u8]>, String>> {
        let digest = &layer.digest;
        Digest::parse(digest)?;
        let claimed = layer.size().unwrap_or(most);
        if claimed > most {
            let problem = format!("larger than {most} bytes");
            self.gap(Lack::Content, format!("blob `{digest}`: {problem}"));
            return Some(Err(problem));
        }
        if self.counted.insert(digest.clone()) {
            if self.bytes + claimed > self.limits.bytes {
                self.counted.remove(digest);
                let problem = format!("left out: more than {} bytes in all", self.limits.bytes);
                self.gap(Lack::Content, format!("blob `{digest}`: {problem}"));
                return Some(Err(problem));
            }
            self.bytes += claimed;
        }
        let fetch = Fetch::Blob {
            repository: self.repository.to_owned(),
            digest: digest.clone(),
            max_bytes: claimed,
        };
        let answer = self.answers.ask(fetch)?;
        if !self.reading {
            return None;
        }
        let (lack, problem) = match &*answer {
            Answer::Found { bytes, .. } if matches_digest(digest, &bytes.0) => {
                return Some(Ok(bytes.0.as_slice().into()));
            }
            Answer::Found { .. } => {
                (Lack::Content, "the bytes are not those of the digest".to_owned())
            }
            answer => (lack_of(answer), words(answer)),
        };
        self.gap(lack, format!("blob `{digest}`: {problem}"));
        Some(Err(problem))
    }

    pub(super) fn ask_tag(&mut self, tag: &str) -> Option<Rc<Answer>> {
        self.answers.ask(Fetch::Tag {
            repository: self.repository.to_owned(),
            tag: tag.to_owned(),
            max_bytes: MAX_MANIFEST,
        })
    }

    pub(super) fn asked(
        &mut self,
        artifact: &mut Artifact,
        road: Road,
        tag: Option<&str>,
        answer: &Answer,
    ) {
        let asked = Asked::new(road, tag, answer);
        if asked.is_gap() {
            let place = match tag {
                Some(tag) => format!("tag `{tag}`"),
                None => format!("referrers of `{}`", artifact.digest),
            };
            let lack = match is_too_large(answer) {
                true => Lack::Unavailable,
                false => Lack::List,
            };
            self.gap(lack, format!("{place}: {}", words(answer)));
        }
        artifact.asked.push(asked);
    }
}

fn is_too_large(answer: &Answer) -> bool {
    matches!(answer, Answer::Unavailable { reason: UnavailableReason::TooLarge, .. })
}

/// Of content. Bytes that are not those of the digest are garbled.
fn lack_of(answer: &Answer) -> Lack {
    match answer {
        Answer::Unavailable { reason: UnavailableReason::Garbled, .. } | Answer::Absent { .. } => {
            Lack::Content
        }
        answer if is_too_large(answer) => Lack::Content,
        _ => Lack::Unavailable,
    }
}
