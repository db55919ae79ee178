//! What of it is at the destination already, and what becomes of tags that are.

use std::collections::BTreeSet;

use super::{
    CopyError, Options,
    cosign::{self, Appended},
    fallback::{self, Fallback},
    graph::{Graph, Node},
    parallel,
    store::{Blob, Store, present},
};
use crate::registry::sha256_of;

/// Questions asked at once; [`crate::http`] has a limit for each host.
const AT_ONCE: usize = 8;

/// Blobs of one image with all that is attached.
const MAX_BLOBS: usize = 65_536;

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Digests of manifests that the destination has.
    pub(crate) there: BTreeSet<String>,
    /// Blobs that it lacks.
    pub(crate) blobs: Vec<Blob>,
    /// How many it has.
    pub(crate) blobs_there: u64,
    /// How many are nowhere, and need not be.
    pub(crate) blobs_left: u64,
    /// Tags of cosign's scheme.
    pub(crate) tags: Vec<Tag>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// A tag of cosign's scheme.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) tag: String,
    /// What it leads to at the source.
    pub(crate) digest: String,
    pub(crate) action: Action,
}

/// What becomes of a tag.
#[derive(Debug)]
pub(crate) enum Action {
    /// It is there, with the same or with more.
    Keep,
    /// What is there gets more layers.
    Merge(Appended),
    /// It leads to the source's.
    Put,
}

/// Looks at the destination. Nothing is written.
pub(crate) fn plan(
    source: &dyn Store,
    destination: &dyn Store,
    options: &Options,
    graph: &Graph,
) -> Result<Plan, CopyError> {
    let mut plan = Plan::default();
    let nodes: Vec<&Node> = graph.nodes.values().collect();
    let there = parallel::each(AT_ONCE, &nodes, |node| {
        let has = destination.has_manifest(&node.digest);
        has.map_err(|e| CopyError::destination(&node.digest, e))
    })?;
    let there = nodes.iter().zip(there).filter(|(_, there)| *there);
    plan.there = there.map(|(node, _)| node.digest.clone()).collect();
    plan.blobs(source, destination, &graph.blobs())?;
    let tags: Vec<(&String, &String)> = graph.tags.iter().collect();
    let planned =
        parallel::each(AT_ONCE, &tags, |(tag, digest)| action(destination, graph, tag, digest))?;
    for ((tag, digest), (action, note)) in tags.into_iter().zip(planned) {
        plan.tags.push(Tag { tag: tag.clone(), digest: digest.clone(), action });
        plan.notes.extend(note);
    }
    if !options.repair {
        refuse_poisoned(destination, graph)?;
    }
    Ok(plan)
}

impl Plan {
    fn blobs(
        &mut self,
        source: &dyn Store,
        destination: &dyn Store,
        blobs: &[(Blob, bool)],
    ) -> Result<(), CopyError> {
        if blobs.len() > MAX_BLOBS {
            return Err(CopyError::TooMuch(format!("more than {MAX_BLOBS} blobs")));
        }
        enum State {
            Left,
            There,
            Wanted,
        }
        let states = parallel::each(AT_ONCE, blobs, |(blob, foreign)| {
            let has = destination.has_blob(blob);
            if has.map_err(|e| CopyError::destination(&blob.digest, e))? {
                return Ok(State::There);
            }
            if *foreign {
                let has = source.has_blob(blob);
                if !has.map_err(|e| CopyError::source(&blob.digest, e))? {
                    return Ok(State::Left);
                }
            }
            Ok(State::Wanted)
        })?;
        for ((blob, _), state) in blobs.iter().zip(states) {
            match state {
                State::There => self.blobs_there += 1,
                State::Left => {
                    self.blobs_left += 1;
                    let words = "is not to be distributed, and is not at the source";
                    self.notes.push(format!("{} {words}", blob.digest));
                }
                State::Wanted => self.blobs.push(blob.clone()),
            }
        }
        Ok(())
    }
}

/// What becomes of a tag: signatures that the destination has are never dropped for those of the source.
fn action(
    destination: &dyn Store,
    graph: &Graph,
    tag: &str,
    digest: &str,
) -> Result<(Action, Option<String>), CopyError> {
    let there = present(destination.manifest(tag));
    let there = there.map_err(|e| CopyError::destination(tag, e))?.map(|manifest| manifest.bytes);
    let (Some(there), Some(node)) = (there, graph.nodes.get(digest)) else {
        return Ok((Action::Put, None));
    };
    if sha256_of(&there) == digest {
        return Ok((Action::Keep, None));
    }
    let is_list = tag.ends_with(".sig") || tag.ends_with(".att");
    let both = cosign::layers(&node.bytes).and_then(|ours| {
        let lacks = cosign::append(Some(&there), &ours)?;
        let all = cosign::append(Some(&node.bytes), &cosign::layers(&there)?)?;
        Ok((lacks, all))
    });
    Ok(match both {
        Ok((None, _)) if is_list => (Action::Keep, None),
        Ok((_, None)) if is_list => (Action::Put, None),
        Ok((Some(merged), _)) if is_list => (Action::Merge(merged), None),
        _ => {
            let words = format!("the tag `{tag}` led to {} before", sha256_of(&there));
            (Action::Put, Some(words))
        }
    })
}

/// Better now than when everything was transferred.
fn refuse_poisoned(destination: &dyn Store, graph: &Graph) -> Result<(), CopyError> {
    let lists: Vec<&String> =
        graph.lists.iter().filter(|(_, l)| !l.referrers.is_empty()).map(|(d, _)| d).collect();
    parallel::each(AT_ONCE, &lists, |subject| {
        let failed = |e| CopyError::destination(subject, e);
        if destination.may_list() && destination.referrers(subject).map_err(failed)?.api {
            return Ok(());
        }
        match fallback::read(destination, subject).map_err(failed)? {
            Fallback::Other(what) => {
                Err(CopyError::Poisoned { tag: fallback::tag_of(subject), what })
            }
            Fallback::Absent | Fallback::Index { .. } => Ok(()),
        }
    })?;
    Ok(())
}
