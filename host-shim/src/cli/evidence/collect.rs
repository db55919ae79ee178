//! Collecting what a pack holds.

use countersign::wire::ImageDecision;

use crate::{
    cli::{
        Exit,
        against::{Against, Bench, Decided},
        named::Named,
        output::note,
        report::word,
        tree::say_gaps,
    },
    pack::{Pack, PackSource},
    source::EvidenceSource,
    walk::{Known, Limits, walk},
};

/// A pack, and how it was come by.
pub(super) struct Collected {
    pub(super) pack: Pack,
    /// Digests of the platforms, of an index.
    pub(super) platforms: Vec<String>,
    /// What could not be had.
    gaps: Vec<String>,
    unread: Vec<String>,
    /// What the policy says of what the registry has.
    live: Option<Decided>,
}

/// Looks at everything that is attached to an image, and decides with a policy if there is one: what it
/// asks for about revocation is packed too.
pub(super) fn collect(
    source: &dyn EvidenceSource,
    named: &Named,
    against: &Against,
    bench: Option<&Bench>,
) -> Result<Collected, String> {
    let most = Limits::default().blob_bytes;
    let limits = Limits { document_bytes: most, unsigned_tags: false, ..Limits::default() };
    let walked = walk(source, &named.repository, &named.digest, &limits);
    let mut evidence = walked.evidence;
    let mut live = None;
    if let Some(bench) = bench {
        let decided = {
            let known = Known::new(&evidence, source);
            against.decide(bench, &known, &named.reference)?
        };
        evidence.extend(decided.judgement.evidence.iter().cloned());
        live = Some(decided);
    }
    Ok(Collected {
        pack: Pack::of(&named.digest, &evidence),
        platforms: walked.image.platforms.iter().map(|p| p.digest.clone()).collect(),
        gaps: walked.gaps,
        unread: walked.unread,
        live,
    })
}

impl Collected {
    /// Says what is missing, how the decision comes out, and whether it does so from the pack alone.
    pub(super) fn check(&self, bench: Option<&Bench>, named: &Named) -> Result<Exit, String> {
        let exit = say_gaps(&self.gaps).worst(say_gaps(&self.unread));
        match (bench, &self.live) {
            (Some(bench), Some(live)) => Ok(exit.worst(compare(bench, live, &self.pack, named)?)),
            _ => Ok(exit),
        }
    }

    /// Whether anything could not be had.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty() || !self.unread.is_empty()
    }
}

fn compare(bench: &Bench, live: &Decided, pack: &Pack, named: &Named) -> Result<Exit, String> {
    let Some(image) = live.image() else { return Ok(live.exit()) };
    let again = bench.decide(&PackSource::offline(pack), &named.reference)?;
    let same = again.image().is_some_and(|other| verdict(other) == verdict(image));
    let outcome = word(image.outcome);
    if same {
        note(&format!("note: the policy says {outcome}, and so from the pack alone"));
        return Ok(Exit::Allow);
    }
    let other = again.image().map_or_else(|| "nothing".to_owned(), verdict);
    note(&format!("note: the policy says {}, and from the pack alone {other}", verdict(image)));
    Ok(Exit::Undetermined)
}

/// Outcome and reason.
pub(super) fn verdict(image: &ImageDecision) -> String {
    match &image.reason {
        Some(reason) => format!("{} ({})", word(image.outcome), reason.code),
        None => word(image.outcome).to_owned(),
    }
}

/// How much of what is in a pack.
pub(super) fn counts(pack: &Pack) -> String {
    format!(
        "{} manifests, {} tags, {} lists of referrers, {} blobs, {} OCSP responses, {} CRLs",
        pack.manifests.len(),
        pack.tags.len(),
        pack.referrers.len(),
        pack.blobs.len(),
        pack.ocsp.len(),
        pack.crls.len(),
    )
}
