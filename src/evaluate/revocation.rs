//! The road to OCSP responses and CRLs: what the host has delivered, and what it is still to fetch.

use std::cell::RefCell;

use crate::{
    evidence::Evidence,
    revocation::{self, Answer, MOST_CRL_BYTES, MOST_OCSP_BYTES, Needed},
    verify::notation::{Known, NO_ROOM, RevocationRoad},
    wire::{Bytes, Fetch},
};

/// OCSP responses and CRLs of one decision. A chain of four certificates with two responders and two
/// CRLs each needs sixteen; nobody needs a hundred.
const MOST_FETCHES: u64 = 100;

/// The evidence of a decision, as revocation looks it up.
pub(super) struct Fetched<'a> {
    evidence: RefCell<Evidence<'a>>,
    needed: RefCell<Vec<Needed>>,
    known: Known,
    /// What may still be asked for, given what was answered: bytes, and how many.
    room: (u64, u64),
    /// Half of the bytes of the decision, as every road has.
    share: u64,
}

impl<'a> Fetched<'a> {
    pub(super) fn new(evidence: Evidence<'a>) -> Self {
        let share = evidence.budget().evidence_bytes / 2;
        let (count, bytes) = evidence.answered_about_revocation();
        Self {
            evidence: RefCell::new(evidence),
            needed: RefCell::default(),
            known: Known::default(),
            room: (share.saturating_sub(bytes), MOST_FETCHES.saturating_sub(count)),
            share,
        }
    }

    pub(super) fn road(&self) -> RevocationRoad<'_> {
        RevocationRoad { evidence: self, needed: &self.needed, known: &self.known }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.evidence.borrow().bytes()
    }

    /// How much is needed so far, for [`Self::forget_since`].
    pub(super) fn mark(&self) -> usize {
        self.needed.borrow().len()
    }

    /// What was needed for a verdict that came out without it.
    pub(super) fn forget_since(&self, mark: usize) {
        self.needed.borrow_mut().truncate(mark);
    }

    /// What is to be fetched now: no more than there is room for, and at least one. The rest is for
    /// the next round, when it is known how long these are.
    pub(super) fn take_needs(&self) -> Vec<Fetch> {
        let mut needed = self.needed.take();
        needed.sort();
        needed.dedup();
        // Responders first: what they say spares CRLs, which are long.
        let (crls, responses): (Vec<_>, Vec<_>) =
            needed.into_iter().partition(|need| matches!(need, Needed::Crl { .. }));
        let (mut bytes, mut count) = self.room;
        let mut evidence = self.evidence.borrow_mut();
        for need in responses.into_iter().chain(crls) {
            let fetch = match need {
                Needed::Crl { url } => self.crl_at(&url),
                Needed::Ocsp { url, request } => self.ocsp_at(&url, &request),
            };
            let (Some(left), Some(fewer)) =
                (bytes.checked_sub(most_bytes(&fetch)), count.checked_sub(1))
            else {
                break;
            };
            (bytes, count) = (left, fewer);
            evidence.ask(fetch);
        }
        evidence.take_needs()
    }

    fn find(&self, fetch: &Fetch) -> Answer<'_> {
        match self.evidence.borrow_mut().peek(fetch) {
            // What could not be asked for is not pending for ever.
            None if self.room.1 == 0 || self.room.0 < most_bytes(fetch) => {
                Answer::Unavailable(NO_ROOM.to_owned())
            }
            None => Answer::Missing,
            Some(Ok(bytes)) => Answer::Found(bytes),
            Some(Err(reason)) => Answer::Unavailable(match reason.found {
                Some(found) => format!("{}: {found}", reason.message),
                None => reason.message,
            }),
        }
    }

    fn ocsp_at(&self, url: &str, request: &[u8]) -> Fetch {
        let (url, request) = (url.to_owned(), Bytes(request.to_vec()));
        Fetch::Ocsp { url, request, max_bytes: self.share.min(MOST_OCSP_BYTES as u64) }
    }

    fn crl_at(&self, url: &str) -> Fetch {
        Fetch::Crl { url: url.to_owned(), max_bytes: self.share.min(MOST_CRL_BYTES as u64) }
    }
}

impl revocation::Evidence for Fetched<'_> {
    fn ocsp(&self, url: &str, request: &[u8]) -> Answer<'_> {
        self.find(&self.ocsp_at(url, request))
    }

    fn crl(&self, url: &str) -> Answer<'_> {
        self.find(&self.crl_at(url))
    }
}

fn most_bytes(fetch: &Fetch) -> u64 {
    match fetch {
        Fetch::Ocsp { max_bytes, .. } | Fetch::Crl { max_bytes, .. } => *max_bytes,
        _ => u64::MAX,
    }
}
