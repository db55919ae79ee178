//! The copy itself: blobs, manifests, lists, tags, and a look at whether all is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    thread,
};

use super::{
    CopyError, Options,
    cosign::Appended,
    graph::{Graph, List, Node},
    lists::{self, Own, Settled},
    parallel,
    plan::{Action, Plan, Tag},
    store::{Blob, Outgoing, Store, Under},
    summary::{Blobs, Copied, Summary, TagState, Tagged},
    transfer::{Moved, Transfer},
};
use crate::registry::sha256_of;

/// Manifests at once, and questions whether they are there.
const AT_ONCE: usize = 4;
/// How often it is asked whether something is there that was stored.
const LOOKS: u32 = 4;

/// One copy.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a dyn Store,
    pub(crate) destination: &'a dyn Store,
    pub(crate) options: &'a Options,
    pub(crate) graph: &'a Graph,
    pub(crate) root: &'a str,
}

impl Job<'_> {
    /// What would be done.
    pub(crate) fn preview(&self, plan: Plan) -> Summary {
        let bytes = plan.blobs.iter().map(|blob| blob.size).sum();
        let copied = plan.blobs.len() as u64;
        let mut summary = self.summary(&plan, Vec::new());
        summary.blobs.copied = copied;
        summary.bytes = bytes;
        summary
    }

    pub(crate) fn run(&self, plan: Plan) -> Result<Summary, CopyError> {
        let Self { source, destination, options, .. } = *self;
        let transfer =
            Transfer { source, destination, meter: &options.meter, backoff: options.backoff };
        let moved = transfer.all(&plan.blobs)?;
        let seen = self.manifests(&plan.there)?;
        let settled = self.lists(&seen)?;
        for tag in &plan.tags {
            self.tag(tag)?;
        }
        self.check(&plan, &settled)?;
        let root = self.graph.nodes.get(self.root).ok_or(CopyError::Interrupted)?;
        let name = source.image_name();
        let under = Under::Image { tag: options.tag.as_deref(), name: name.as_deref() };
        self.push(&root.outgoing(), under)?;
        self.look(options.tag.as_deref().unwrap_or(self.root), self.root)?;
        let failed = |e| CopyError::destination(&destination.name(), e);
        destination.finish().map_err(failed)?;
        let mut summary = self.summary(&plan, settled);
        for (blob, moved) in plan.blobs.iter().zip(moved) {
            match moved {
                Moved::Copied => {
                    summary.blobs.copied += 1;
                    summary.bytes += blob.size;
                }
                Moved::Mounted => summary.blobs.mounted += 1,
            }
        }
        Ok(summary)
    }

    /// Stores manifests, each after those that it names. The answer is whose subject the registry has
    /// seen.
    fn manifests(&self, there: &BTreeSet<String>) -> Result<BTreeSet<String>, CopyError> {
        let seen = Mutex::new(BTreeSet::new());
        for wave in self.graph.waves() {
            let new: Vec<&Node> =
                wave.into_iter().filter(|node| !there.contains(&node.digest)).collect();
            parallel::each(AT_ONCE, &new, |node| {
                if self.push(&node.outgoing(), Under::Digest)? {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.insert(node.digest.clone());
                }
                Ok(())
            })?;
        }
        Ok(seen.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, manifest: &Outgoing<'_>, under: Under<'_>) -> Result<bool, CopyError> {
        let pushed = self.destination.push_manifest(manifest, under);
        let pushed = pushed.map_err(|e| CopyError::destination(manifest.digest, e))?;
        Ok(pushed.lists_subject)
    }

    fn lists(&self, seen: &BTreeSet<String>) -> Result<Vec<Settled>, CopyError> {
        let none = List::default();
        let mut lists: BTreeMap<&String, &List> = self.graph.lists.iter().collect();
        if self.options.repair {
            for digest in self.graph.nodes.keys() {
                lists.entry(digest).or_insert(&none);
            }
        }
        let lists: Vec<_> = lists.into_iter().collect();
        parallel::each(AT_ONCE, &lists, |(subject, list)| {
            let nodes = list.referrers.iter().filter_map(|digest| self.graph.nodes.get(digest));
            let own: Vec<Own<'_>> = nodes
                .map(|node| Own {
                    manifest: node.outgoing(),
                    descriptor: node.descriptor(),
                    is_named: node.names(subject),
                    is_seen: seen.contains(&node.digest),
                })
                .collect();
            let known = list.fallback.as_deref();
            lists::settle(self.destination, subject, &own, known, self.options.repair)
        })
    }

    fn tag(&self, tag: &Tag) -> Result<(), CopyError> {
        match &tag.action {
            Action::Keep => {}
            Action::Put => {
                let node = self.graph.nodes.get(&tag.digest).ok_or(CopyError::Interrupted)?;
                self.push(&node.outgoing(), Under::Tag(&tag.tag))?;
            }
            Action::Merge(merged) => store_appended(self.destination, &tag.tag, merged)?,
        }
        Ok(())
    }

    /// Everything is there as it was at the source, before the image's tag says so.
    fn check(&self, plan: &Plan, settled: &[Settled]) -> Result<(), CopyError> {
        let nodes: Vec<&String> = self.graph.nodes.keys().collect();
        parallel::each(AT_ONCE, &nodes, |digest| {
            for look in 1.. {
                let has = self.destination.has_manifest(digest);
                if has.map_err(|e| CopyError::destination(digest, e))? {
                    break;
                }
                if look == LOOKS {
                    let found = "nothing".to_owned();
                    return Err(CopyError::NotThere { what: (*digest).clone(), found });
                }
                thread::sleep(self.options.backoff);
            }
            Ok(())
        })?;
        let tags = plan.tags.iter().map(|tag| (&tag.tag, tag.final_digest()));
        let lists = settled.iter().filter_map(|settled| settled.tag.as_ref());
        let lists = lists.map(|(tag, digest, _)| (tag, Some(digest.clone())));
        let tags: Vec<_> = tags.chain(lists).collect();
        parallel::each(AT_ONCE, &tags, |(tag, digest)| {
            digest.as_ref().map_or(Ok(()), |digest| self.look(tag, digest))
        })?;
        Ok(())
    }

    /// Whether a reference leads where it should; registries may take a moment.
    fn look(&self, reference: &str, digest: &str) -> Result<(), CopyError> {
        for _ in 1..LOOKS {
            if lists::has(self.destination, reference, digest).is_ok() {
                return Ok(());
            }
            thread::sleep(self.options.backoff);
        }
        lists::has(self.destination, reference, digest)
    }

    fn summary(&self, plan: &Plan, settled: Vec<Settled>) -> Summary {
        let mut summary = Summary {
            source: self.source.name(),
            destination: self.destination.name(),
            digest: self.root.to_owned(),
            tag: self.options.tag.clone(),
            dry_run: self.options.dry_run,
            blobs: Blobs { there: plan.blobs_there, left: plan.blobs_left, ..Blobs::default() },
            notes: self.graph.notes.iter().chain(&plan.notes).cloned().collect(),
            ..Summary::default()
        };
        let nodes = self.graph.nodes.values();
        summary.manifests =
            nodes.map(|node| Copied::of(node, plan.there.contains(&node.digest))).collect();
        summary.tags = plan.tags.iter().map(Tag::tagged).collect();
        for settled in settled {
            summary.notes.extend(settled.notes);
            summary.tags.extend(settled.tag.map(|(tag, digest, is_written)| {
                let state = if is_written { TagState::Written } else { TagState::There };
                Tagged { tag, digest, state }
            }));
        }
        summary
    }
}

impl Tag {
    /// What it leads to at the end; nothing, where what is there is kept and not known to be ours.
    fn final_digest(&self) -> Option<String> {
        match &self.action {
            Action::Keep => None,
            Action::Put => Some(self.digest.clone()),
            Action::Merge(merged) => Some(sha256_of(&merged.manifest)),
        }
    }

    fn tagged(&self) -> Tagged {
        Tagged {
            tag: self.tag.clone(),
            digest: self.final_digest().unwrap_or_else(|| self.digest.clone()),
            state: match self.action {
                Action::Keep => TagState::There,
                Action::Merge(_) => TagState::Merged,
                Action::Put => TagState::Written,
            },
        }
    }
}

/// Stores a manifest of the tag scheme whose layers are there.
pub(crate) fn store_appended(
    destination: &dyn Store,
    tag: &str,
    appended: &Appended,
) -> Result<(), CopyError> {
    let config = &appended.config;
    let blob = Blob { digest: sha256_of(config), size: config.len() as u64 };
    super::push_bytes(destination, &blob, config)?;
    let digest = sha256_of(&appended.manifest);
    let Appended { media_type, manifest, .. } = appended;
    let manifest = Outgoing { digest: &digest, media_type, bytes: manifest };
    let pushed = destination.push_manifest(&manifest, Under::Tag(tag));
    pushed.map(|_| ()).map_err(|e| CopyError::destination(tag, e))
}
