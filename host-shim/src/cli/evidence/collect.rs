//! Collecting what a pack holds.

use countersign::wire::ImageDecision;

use crate::{
    cli::{
        Exit,
        against::{Against, Bench, Decided},
        explanation::clean,
        named::Named,
        output::note,
        report::word,
        tree::say_gaps,
    },
    pack::{
        Mended, Pack, PackSource, keep_named,
        stored::{self, FindError},
    },
    source::EvidenceSource,
    walk::{Known, Lack, Limits, Walked, walk},
};

/// Lines of what was kept.
const MOST_LINES: usize = 20;

/// A pack, and how it was come by.
pub(super) struct Collected {
    pub(super) pack: Pack,
    /// Digests of the platforms, of an index.
    pub(super) platforms: Vec<String>,
    /// What could not be had.
    gaps: Vec<String>,
    /// The worst of that.
    lack: Option<Lack>,
    /// What the older pack still had of it.
    kept: Vec<String>,
    /// What the policy says of what the registry has.
    live: Option<Decided>,
}

/// Where an older pack of the image may be.
pub(super) struct Older<'a> {
    pub(super) source: &'a dyn EvidenceSource,
    /// `host/name`.
    pub(super) repository: &'a str,
}

/// What was seen of an image.
struct Seen {
    walked: Walked,
    lack: Option<Lack>,
    /// The older pack, where it was needed.
    older: Option<Pack>,
    kept: Vec<String>,
}

/// Looks at everything that is attached to an image, and decides with a policy if there is one: what it
/// asks for about revocation is packed too. What is listed and cannot be had is taken from the older pack.
pub(super) fn collect(
    source: &dyn EvidenceSource,
    named: &Named,
    against: &Against,
    bench: Option<&Bench>,
    older: Option<&Older<'_>>,
) -> Result<Collected, String> {
    let Seen { walked, lack, older, mut kept } = see(source, named, older);
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
    let mut pack = Pack::of(&named.digest, &evidence);
    if let Some(older) = &older {
        let more = keep_named(&mut pack, older);
        if more > 0 {
            kept.push(format!("{more} manifests and blobs that were left out"));
        }
    }
    Ok(Collected {
        pack,
        platforms: walked.image.platforms.iter().map(|p| p.digest.clone()).collect(),
        gaps: walked.gaps.into_iter().chain(walked.unread).collect(),
        lack,
        kept,
        live,
    })
}

fn see(source: &dyn EvidenceSource, named: &Named, older: Option<&Older<'_>>) -> Seen {
    let most = Limits::default().blob_bytes;
    let limits = Limits { document_bytes: most, unsigned_tags: false, ..Limits::default() };
    let walk = |source: &dyn EvidenceSource| {
        let walked = walk(source, &named.repository, &named.digest, &limits);
        let lack = walked.lack.max((!walked.unread.is_empty()).then_some(Lack::Content));
        (walked, lack)
    };
    let (mut walked, mut lack) = walk(source);
    let found = older.filter(|_| lack.is_some()).map(|older| {
        stored::find(older.source, older.repository, &named.digest).map(|(_, pack)| pack)
    });
    let older = match found {
        Some(Ok(pack)) => pack,
        // It may have what could not be had.
        Some(Err(FindError::Unavailable(words))) => {
            walked.gaps.push(format!("the stored pack: {words}"));
            lack = Some(Lack::List);
            return Seen { walked, lack, older: None, kept: Vec::new() };
        }
        None | Some(Err(FindError::NotThere(_) | FindError::NoPack(_))) => {
            return Seen { walked, lack, older: None, kept: Vec::new() };
        }
    };
    let mended = Mended::new(&older, &walked.evidence, source);
    let (again, mut lack) = walk(&mended);
    let (kept, keeps_list) = mended.kept();
    if keeps_list {
        lack = lack.max(Some(Lack::Unavailable));
    }
    Seen { walked: again, lack, older: Some(older), kept }
}

impl Collected {
    /// Says what is missing, how the decision comes out, and whether it does so from the pack alone.
    pub(super) fn check(&self, bench: Option<&Bench>, named: &Named) -> Result<Exit, String> {
        say_gaps(&self.gaps);
        for kept in self.kept.iter().take(MOST_LINES) {
            note(&format!("note: kept from the stored pack: {}", clean(kept)));
        }
        if self.kept.len() > MOST_LINES {
            let more = self.kept.len() - MOST_LINES;
            note(&format!("note: kept from the stored pack: {more} things more"));
        }
        let exit = match self.lack {
            None | Some(Lack::Content) => Exit::Allow,
            Some(Lack::Unavailable | Lack::List) => Exit::Undetermined,
        };
        match (bench, &self.live) {
            (Some(bench), Some(live)) => Ok(exit.worst(compare(bench, live, &self.pack, named)?)),
            _ => Ok(exit),
        }
    }

    /// Whether anything is not in it.
    pub(super) fn has_gaps(&self) -> bool {
        self.lack.is_some()
    }

    /// Whether there may be more attached than is known.
    pub(super) fn lacks_list(&self) -> bool {
        self.lack == Some(Lack::List)
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
