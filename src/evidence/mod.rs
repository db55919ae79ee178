//! What the host delivered, checked on entry, and what is still needed.

mod budget;

use std::collections::{BTreeMap, BTreeSet};

pub use budget::Budget;

use crate::{
    reference::Digest,
    verdict::{Code, Reason},
    wire::{Answer, EvidenceItem, Fetch, UnavailableReason},
};

/// The answers so far.
pub struct Evidence<'a> {
    /// `None` where the host gives two answers that disagree.
    answers: BTreeMap<&'a Fetch, Option<&'a Answer>>,
    needs: BTreeSet<Fetch>,
    read: BTreeSet<Fetch>,
    bytes: u64,
    claimed: BTreeMap<(Share, Fetch), u64>,
    budget: Budget,
}

/// Whose share of the bytes a blob is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// Legacy attestations.
    Attestations,
    /// Simple-signing payloads.
    Payloads,
    /// Bundles, envelopes and their manifests.
    Referrers,
}

/// Bytes of one simple-signing payload; cosign writes some 250 and the annotations.
const PAYLOAD_BYTES: u64 = 64 << 10;

/// Bytes that were found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// False where the host wrote the document anew.
    pub exact: bool,
    /// Why this is only a part of what is there, where it is.
    pub partial: Option<Partial<'a>>,
}

/// Why a list is not whole.
#[derive(Clone, Copy, Debug)]
pub struct Partial<'a> {
    reason: UnavailableReason,
    message: &'a str,
}

impl Partial<'_> {
    /// For what may be hidden by it.
    pub fn reason(&self) -> Reason {
        Reason::of(code(self.reason)).found(self.message)
    }
}

/// Why there are no bytes.
#[derive(Clone, Debug)]
pub enum Miss {
    /// The registry says so.
    Absent(String),
    /// Not asked yet: it is among the needs now.
    Pending,
    /// It could not be had.
    Problem(Reason),
}

impl Miss {
    /// Why it is not there, `absent` where the registry says so; `None` while it is pending.
    pub fn reason(self, absent: Reason) -> Option<Reason> {
        match self {
            Self::Absent(message) if message.is_empty() => Some(absent),
            Self::Absent(message) => Some(absent.found(message)),
            Self::Pending => None,
            Self::Problem(reason) => Some(reason),
        }
    }
}

impl<'a> Evidence<'a> {
    /// The order of `items` does not matter; two answers to one fetch that disagree are none.
    pub fn new(items: &'a [EvidenceItem], budget: Budget) -> Self {
        let mut answers = BTreeMap::new();
        for item in items {
            answers
                .entry(&item.fetch)
                .and_modify(|known| {
                    if *known != Some(&item.answer) {
                        *known = None;
                    }
                })
                .or_insert(Some(&item.answer));
        }
        Self {
            answers,
            needs: BTreeSet::new(),
            read: BTreeSet::new(),
            bytes: 0,
            claimed: BTreeMap::new(),
            budget,
        }
    }

    /// The limits.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What is still to be fetched.
    pub fn take_needs(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.needs).into_iter().collect()
    }

    /// True where something is still to be fetched.
    pub fn is_pending(&self) -> bool {
        !self.needs.is_empty()
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What a tag names.
    pub fn resolve(&mut self, reference: String) -> Result<Digest, Miss> {
        let fetch = Fetch::Resolve { reference };
        match self.answers.get(&fetch).copied() {
            None => Err(self.need(fetch)),
            Some(None) => Err(disagreement(&fetch)),
            Some(Some(Answer::Resolved { digest })) => Digest::parse(digest)
                .ok_or_else(|| Miss::Problem(garbled(&fetch, "the host names no valid digest"))),
            Some(Some(answer)) => Err(miss(&fetch, answer)),
        }
    }

    /// A manifest by digest, hashed here where the host delivers raw bytes. `size` is what its
    /// descriptor claims.
    pub fn manifest(
        &mut self,
        repository: &str,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<Found<'a>, Miss> {
        let max_bytes = most(size, self.budget.manifest_bytes);
        let (repository, digest_text) = (repository.to_owned(), digest.to_string());
        let fetch = Fetch::Manifest { repository, digest: digest_text, max_bytes };
        // The image's own manifest, which claims nothing, is asked for in any case.
        if size.is_some() {
            self.claim(&fetch, max_bytes, Share::Referrers)?;
        }
        let found = self.get(fetch, self.budget.manifest_bytes)?;
        if found.exact {
            check_digest(digest, found.bytes)?;
        }
        Ok(found)
    }

    /// A manifest by tag: nothing says that these are the right bytes.
    pub fn tag(&mut self, repository: &str, tag: String) -> Result<Found<'a>, Miss> {
        let max_bytes = self.budget.manifest_bytes;
        self.get(Fetch::Tag { repository: repository.to_owned(), tag, max_bytes }, max_bytes)
    }

    /// The referrers of a digest, as the registry lists them.
    pub fn referrers(&mut self, repository: &str, digest: &Digest) -> Result<Found<'a>, Miss> {
        let max_bytes = self.budget.manifest_bytes;
        let (repository, digest) = (repository.to_owned(), digest.to_string());
        self.get(Fetch::Referrers { repository, digest, max_bytes }, max_bytes)
    }

    /// A blob, hashed here. `size` is what its descriptor claims.
    pub fn blob(
        &mut self,
        repository: &str,
        digest: &Digest,
        size: Option<u64>,
        share: Share,
    ) -> Result<&'a [u8], Miss> {
        let found = self.document(repository, digest, size, share)?;
        check_digest(digest, found.bytes)?;
        Ok(found.bytes)
    }

    /// A blob, hashed here, or what the host says of it where it wrote it anew.
    pub fn document(
        &mut self,
        repository: &str,
        digest: &Digest,
        size: Option<u64>,
        share: Share,
    ) -> Result<Found<'a>, Miss> {
        let limit = match share {
            Share::Payloads => PAYLOAD_BYTES,
            Share::Referrers | Share::Attestations => self.budget.blob_bytes,
        };
        let max_bytes = most(size, limit);
        let (repository, digest_text) = (repository.to_owned(), digest.to_string());
        let fetch = Fetch::Blob { repository, digest: digest_text, max_bytes };
        self.claim(&fetch, max_bytes, share)?;
        let found = self.get(fetch, limit)?;
        if found.exact {
            check_digest(digest, found.bytes)?;
        }
        Ok(found)
    }

    /// An answer to what a certificate asks for, without asking for it: `None` where it was not
    /// fetched yet. What is wanted of these is known only when a chain was judged.
    pub fn peek(&mut self, fetch: &Fetch) -> Option<Result<&'a [u8], Reason>> {
        let most = match fetch {
            Fetch::Ocsp { max_bytes, .. } | Fetch::Crl { max_bytes, .. } => *max_bytes,
            _ => return None,
        };
        match self.answer(fetch, most)? {
            Ok(found) => Some(Ok(found.bytes)),
            Err(Miss::Absent(message)) => {
                Some(Err(Reason::of(Code::EvidenceAbsent).expected(what(fetch)).found(message)))
            }
            Err(Miss::Problem(reason)) => Some(Err(reason)),
            Err(Miss::Pending) => None,
        }
    }

    /// Asks for something that nothing else claims bytes for.
    pub fn ask(&mut self, fetch: Fetch) {
        self.needs.insert(fetch);
    }

    /// How many OCSP responses and CRLs the host has delivered, and their bytes in all.
    pub fn answered_about_revocation(&self) -> (u64, u64) {
        let of_revocation = |fetch: &Fetch| matches!(fetch, Fetch::Ocsp { .. } | Fetch::Crl { .. });
        let length = |answer: &Option<&Answer>| match answer {
            Some(Answer::Found { bytes, .. }) => bytes.0.len() as u64,
            _ => 0,
        };
        let answers = self.answers.iter().filter(|(fetch, _)| of_revocation(fetch));
        answers.fold((0, 0), |(count, bytes), (_, answer)| {
            (u64::saturating_add(count, 1), u64::saturating_add(bytes, length(answer)))
        })
    }

    /// Sets bytes aside before they are asked for: what is asked for in all is never more than what
    /// may be read in all, whether or not it was answered yet. Each road has a share of its own, so
    /// that what one claims hides nothing of another.
    fn claim(&mut self, fetch: &Fetch, bytes: u64, share: Share) -> Result<(), Miss> {
        let key = (share, fetch.clone());
        if self.claimed.contains_key(&key) {
            return Ok(());
        }
        let of_share = self.claimed.iter().filter(|((of, _), _)| *of == share);
        let claimed = of_share.fold(bytes, |sum, (_, next)| sum.saturating_add(*next));
        if claimed > self.budget.evidence_bytes / 2 {
            return Err(Miss::Problem(too_much(&self.budget)));
        }
        self.claimed.insert(key, bytes);
        Ok(())
    }

    fn get(&mut self, fetch: Fetch, most: u64) -> Result<Found<'a>, Miss> {
        self.answer(&fetch, most).unwrap_or_else(|| Err(self.need(fetch)))
    }

    /// What the host has answered; `None` where it was not asked.
    fn answer(&mut self, fetch: &Fetch, most: u64) -> Option<Result<Found<'a>, Miss>> {
        let answer = self.answers.get(fetch).copied()?;
        Some(match answer {
            None => Err(disagreement(fetch)),
            Some(answer @ (Answer::Found { bytes, .. } | Answer::Partial { bytes, .. })) => {
                let length = bytes.0.len() as u64;
                // One answer is paid for once, however often it is looked at.
                if length <= most && self.read.insert(fetch.clone()) {
                    self.bytes = self.bytes.saturating_add(length);
                }
                if length > most {
                    Err(Miss::Problem(
                        Reason::of(Code::BudgetBytes)
                            .expected(format!("{} of at most {most} bytes", what(fetch)))
                            .found(format!("{length} bytes")),
                    ))
                } else if self.bytes > self.budget.evidence_bytes {
                    Err(Miss::Problem(too_much(&self.budget)))
                } else {
                    let exact = matches!(answer, Answer::Found { reserialised: false, .. });
                    let partial = match answer {
                        Answer::Partial { reason, message, .. } => {
                            Some(Partial { reason: *reason, message })
                        }
                        _ => None,
                    };
                    Ok(Found { bytes: &bytes.0, exact, partial })
                }
            }
            Some(answer) => Err(miss(fetch, answer)),
        })
    }

    fn need(&mut self, fetch: Fetch) -> Miss {
        self.needs.insert(fetch);
        Miss::Pending
    }
}

/// A descriptor's size is a limit: more bytes could not have its digest. One that claims nothing
/// may be as large as its kind.
fn most(size: Option<u64>, limit: u64) -> u64 {
    size.filter(|size| *size > 0).unwrap_or(limit).min(limit)
}

fn too_much(budget: &Budget) -> Reason {
    Reason::of(Code::BudgetBytes)
        .expected(format!("at most {} bytes of evidence", budget.evidence_bytes))
}

fn check_digest(digest: &Digest, bytes: &[u8]) -> Result<(), Miss> {
    if digest.matches(bytes) {
        return Ok(());
    }
    Err(Miss::Problem(
        Reason::of(Code::EvidenceDigestMismatch)
            .expected(digest.to_string())
            .found(Digest::sha256(bytes).to_string()),
    ))
}

fn miss(fetch: &Fetch, answer: &Answer) -> Miss {
    let reason = |code: Code, message: &str| {
        let reason = Reason::new(code, format!("{}: {}", what(fetch), code.summary()));
        Miss::Problem(if message.is_empty() { reason } else { reason.found(message) })
    };
    match answer {
        Answer::Absent { message } => Miss::Absent(message.clone()),
        Answer::Denied { message } => reason(Code::EvidenceDenied, message),
        Answer::Unavailable { reason: why, message } => reason(code(*why), message),
        Answer::Found { .. } | Answer::Partial { .. } | Answer::Resolved { .. } => {
            Miss::Problem(garbled(fetch, "the host answers another question"))
        }
    }
}

fn code(why: UnavailableReason) -> Code {
    match why {
        UnavailableReason::Deadline => Code::BudgetTime,
        UnavailableReason::Denied => Code::EvidenceDenied,
        UnavailableReason::Garbled => Code::EvidenceGarbled,
        UnavailableReason::NotPacked => Code::PackStale,
        UnavailableReason::TooLarge => Code::BudgetBytes,
        UnavailableReason::Transport => Code::EvidenceUnavailable,
        UnavailableReason::Unsupported => Code::EvidenceUnsupported,
    }
}

fn disagreement(fetch: &Fetch) -> Miss {
    Miss::Problem(garbled(fetch, "the host gives two answers that disagree"))
}

fn garbled(fetch: &Fetch, message: &'static str) -> Reason {
    Reason::new(Code::EvidenceGarbled, format!("{}: {message}", what(fetch)))
}

/// A fetch in words.
fn what(fetch: &Fetch) -> String {
    match fetch {
        Fetch::Resolve { reference } => format!("tag of `{reference}`"),
        Fetch::Manifest { digest, .. } => format!("manifest `{digest}`"),
        Fetch::Tag { tag, .. } => format!("tag `{tag}`"),
        Fetch::Referrers { digest, .. } => format!("referrers of `{digest}`"),
        Fetch::Blob { digest, .. } => format!("blob `{digest}`"),
        Fetch::Ocsp { url, .. } => format!("OCSP response of `{url}`"),
        Fetch::Crl { url, .. } => format!("CRL at `{url}`"),
    }
}
