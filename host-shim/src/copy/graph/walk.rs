//! Finding it, level by level, each level at once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Graph, List, Node, Role};
use crate::{
    copy::{
        CopyError,
        contents::{Contents, digest_of},
        fallback::{self, Fallback},
        parallel,
        store::{Store, present},
    },
    registry::{Manifest, RegistryError, is_tag, sha256_of},
};

/// Questions asked at once; [`crate::http`] has a limit for each host.
const AT_ONCE: usize = 8;
/// Manifests of one image with all that is attached.
const MAX_MANIFESTS: usize = 4096;
/// Bytes of them.
const MAX_BYTES: usize = 256 << 20;
/// From the image to the last of what is attached to what is attached. A platform's SBOM's signature
/// is the third.
const MAX_DEPTH: u32 = 8;
/// What cosign, and `countersign evidence push`, put beside an image: `sha256-<hex>` and one of these.
pub(crate) const SUFFIXES: [&str; 4] = [".sig", ".att", ".sbom", ".evidence"];

/// What is still to be looked at.
struct Want {
    digest: String,
    media_type: Option<String>,
    role: Role,
    /// What came with its tag.
    manifest: Option<Manifest>,
}

/// A question to the source, about one of those.
enum Ask {
    Manifest(usize),
    Tag(usize, &'static str),
    Referrers(usize),
    Fallback(usize),
}

enum Answer {
    Manifest(usize, Result<Manifest, String>),
    Tag(usize, String, Option<Manifest>),
    Referrers(usize, Vec<Value>),
    Fallback(usize, Fallback),
}

/// Everything that hangs on a manifest; without `attached`, only what it consists of.
pub(crate) fn walk(
    source: &dyn Store,
    digest: String,
    root: Manifest,
    attached: bool,
) -> Result<Graph, CopyError> {
    let media_type = root.media_type.clone();
    let root = Want { digest, media_type, role: Role::Image, manifest: Some(root) };
    let mut walk =
        Walk { source, attached, graph: Graph::default(), seen: BTreeSet::new(), bytes: 0 };
    walk.seen.insert(root.digest.clone());
    let mut level = vec![root];
    for _ in 0..=MAX_DEPTH {
        level = walk.level(level)?;
        if level.is_empty() {
            // What was left out leads nowhere.
            let Graph { nodes, tags, lists, .. } = &mut walk.graph;
            tags.retain(|_, digest| nodes.contains_key(digest));
            for list in lists.values_mut() {
                list.referrers.retain(|digest| nodes.contains_key(digest));
            }
            return Ok(walk.graph);
        }
    }
    Err(CopyError::TooMuch(format!("more than {MAX_DEPTH} levels of what is attached to it")))
}

struct Walk<'a> {
    source: &'a dyn Store,
    attached: bool,
    graph: Graph,
    seen: BTreeSet<String>,
    bytes: usize,
}

impl Walk<'_> {
    /// Takes one level in, and finds the next.
    fn level(&mut self, wants: Vec<Want>) -> Result<Vec<Want>, CopyError> {
        let mut next = Vec::new();
        for answer in self.ask(&wants)? {
            match answer {
                Answer::Manifest(i, answer) => {
                    let Some(want) = wants.get(i) else { continue };
                    self.add(want, answer, &mut next)?;
                }
                Answer::Tag(i, tag, Some(manifest)) => {
                    let digest = sha256_of(&manifest.bytes);
                    // A tag that leads back to what it is about says nothing.
                    if wants.get(i).is_some_and(|want| want.digest != digest) {
                        self.graph.tags.insert(tag.clone(), digest.clone());
                        let media_type = manifest.media_type.clone();
                        let (role, manifest) = (Role::Tagged(tag), Some(manifest));
                        self.want(Want { digest, media_type, role, manifest }, &mut next);
                    }
                }
                Answer::Tag(_, _, None) => {}
                Answer::Referrers(i, listed) => {
                    let Some(want) = wants.get(i) else { continue };
                    self.referrers(&want.digest, &listed, &mut next);
                }
                Answer::Fallback(i, found) => {
                    let Some(want) = wants.get(i) else { continue };
                    self.fallback(&want.digest, found, &mut next);
                }
            }
        }
        Ok(next)
    }

    fn ask(&self, wants: &[Want]) -> Result<Vec<Answer>, CopyError> {
        let mut asks = Vec::new();
        asks.extend((0..wants.len()).map(Ask::Manifest));
        for (i, want) in wants.iter().enumerate().filter(|_| self.attached) {
            let tags = SUFFIXES.iter().filter(|suffix| is_tag(&tag(&want.digest, suffix)));
            asks.extend(tags.map(|suffix| Ask::Tag(i, suffix)));
            asks.extend([Ask::Referrers(i), Ask::Fallback(i)]);
        }
        parallel::each(AT_ONCE, &asks, |ask| {
            let (Ask::Manifest(i) | Ask::Tag(i, _) | Ask::Referrers(i) | Ask::Fallback(i)) = *ask;
            let want = wants.get(i).ok_or(CopyError::Interrupted)?;
            self.answer(ask, want)
        })
    }

    fn answer(&self, ask: &Ask, want: &Want) -> Result<Answer, CopyError> {
        let digest = &want.digest;
        let of = |e| CopyError::source(digest, e);
        Ok(match ask {
            Ask::Manifest(i) => {
                let known = want.manifest.clone().map(Ok);
                match known.unwrap_or_else(|| self.source.manifest(digest)) {
                    Ok(manifest) => Answer::Manifest(*i, Ok(manifest)),
                    // What the image consists of must be there; what is attached may be gone.
                    Err(RegistryError::Absent(_)) if want.is_attached() => {
                        Answer::Manifest(*i, Err("the source does not have it".to_owned()))
                    }
                    Err(e) => return Err(of(e)),
                }
            }
            Ask::Tag(i, suffix) => {
                let tag = tag(digest, suffix);
                let found = present(self.source.manifest(&tag));
                let found = found.map_err(|e| CopyError::source(&tag, e))?;
                Answer::Tag(*i, tag, found)
            }
            Ask::Referrers(i) => {
                Answer::Referrers(*i, self.source.referrers(digest).map_err(of)?.listed)
            }
            Ask::Fallback(i) => {
                Answer::Fallback(*i, fallback::read(self.source, digest).map_err(of)?)
            }
        })
    }

    fn add(
        &mut self,
        want: &Want,
        answer: Result<Manifest, String>,
        next: &mut Vec<Want>,
    ) -> Result<(), CopyError> {
        let digest = want.digest.clone();
        let read = answer.and_then(|manifest| {
            let contents = Contents::read(&manifest.bytes)?;
            Ok((manifest, contents))
        });
        let (manifest, contents) = match read {
            Ok(read) => read,
            Err(why) if want.is_attached() => {
                self.graph.notes.push(format!("{digest} is listed and not copied: {why}"));
                return Ok(());
            }
            Err(why) => return Err(CopyError::Malformed { digest, why }),
        };
        self.bytes += manifest.bytes.len();
        if self.graph.nodes.len() == MAX_MANIFESTS || self.bytes > MAX_BYTES {
            let mib = MAX_BYTES >> 20;
            let words = format!("more than {MAX_MANIFESTS} manifests, or {mib} MiB of them");
            return Err(CopyError::TooMuch(words));
        }
        for child in &contents.children {
            let (digest, media_type) = (child.digest.clone(), child.media_type.clone());
            let role = if want.is_attached() { want.role.clone() } else { Role::Child };
            self.want(Want { digest, media_type, role, manifest: None }, next);
        }
        let listed = want.media_type.as_deref().or(manifest.media_type.as_deref());
        let media_type = contents.media_type(listed).to_owned();
        let (bytes, role) = (manifest.bytes, want.role.clone());
        let node = Node { digest: digest.clone(), media_type, bytes, contents, role };
        self.graph.nodes.insert(digest, node);
        Ok(())
    }

    fn referrers(&mut self, subject: &str, listed: &[Value], next: &mut Vec<Want>) {
        for descriptor in listed {
            let Some(digest) = digest_of(descriptor).filter(|digest| *digest != subject) else {
                continue;
            };
            let list = self.graph.lists.entry(subject.to_owned()).or_default();
            list.referrers.insert(digest.to_owned());
            let media_type = descriptor["mediaType"].as_str().map(str::to_owned);
            let role = Role::Referrer { of: subject.to_owned() };
            let digest = digest.to_owned();
            self.want(Want { digest, media_type, role, manifest: None }, next);
        }
    }

    fn fallback(&mut self, subject: &str, found: Fallback, next: &mut Vec<Want>) {
        match found {
            Fallback::Absent => {}
            Fallback::Index { bytes, entries } => {
                self.referrers(subject, &entries, next);
                let list: &mut List = self.graph.lists.entry(subject.to_owned()).or_default();
                list.fallback = Some(bytes);
            }
            Fallback::Other(what) => {
                let tag = fallback::tag_of(subject);
                self.graph.notes.push(format!("the source's tag `{tag}` is no list: it is {what}"));
            }
        }
    }

    fn want(&mut self, want: Want, next: &mut Vec<Want>) {
        if self.seen.insert(want.digest.clone()) {
            next.push(want);
        }
    }
}

impl Want {
    /// Not of the image itself.
    fn is_attached(&self) -> bool {
        matches!(self.role, Role::Tagged(_) | Role::Referrer { .. })
    }
}

/// A tag of cosign's scheme.
pub(crate) fn tag(digest: &str, suffix: &str) -> String {
    format!("{}{suffix}", digest.replace(':', "-"))
}
