//! The road to OCSP responses and CRLs: what the host has delivered, and what it is still to fetch.

use std::cell::RefCell;

use crate::{
    evidence::Evidence,
    revocation::{self, Answer, MOST_CRL_BYTES, MOST_OCSP_BYTES, Needed},
    wire::{Bytes, Fetch},
};

/// The evidence of a decision, as revocation looks it up.
pub(super) struct Fetched<'a> {
    evidence: RefCell<Evidence<'a>>,
    needed: RefCell<Vec<Needed>>,
}

impl<'a> Fetched<'a> {
    pub(super) fn new(evidence: Evidence<'a>) -> Self {
        Self { evidence: RefCell::new(evidence), needed: RefCell::default() }
    }

    /// Where what is needed is written down.
    pub(super) fn needed(&self) -> &RefCell<Vec<Needed>> {
        &self.needed
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.evidence.borrow().bytes()
    }

    /// What is to be fetched; nothing more where the budget for it is spent.
    pub(super) fn take_needs(&self) -> Vec<Fetch> {
        let mut evidence = self.evidence.borrow_mut();
        let mut needed = self.needed.take();
        needed.sort();
        needed.dedup();
        for need in needed {
            let fetch = match need {
                Needed::Crl { url } => crl(&url),
                Needed::Ocsp { url, request } => ocsp(&url, &request),
            };
            if evidence.ask(fetch).is_err() {
                break;
            }
        }
        evidence.take_needs()
    }

    fn find(&self, fetch: &Fetch) -> Answer<'_> {
        match self.evidence.borrow_mut().peek(fetch) {
            None => Answer::Missing,
            Some(Ok(bytes)) => Answer::Found(bytes),
            Some(Err(reason)) => Answer::Unavailable(match reason.found {
                Some(found) => format!("{}: {found}", reason.message),
                None => reason.message,
            }),
        }
    }
}

impl revocation::Evidence for Fetched<'_> {
    fn ocsp(&self, url: &str, request: &[u8]) -> Answer<'_> {
        self.find(&ocsp(url, request))
    }

    fn crl(&self, url: &str) -> Answer<'_> {
        self.find(&crl(url))
    }
}

fn ocsp(url: &str, request: &[u8]) -> Fetch {
    let (url, request) = (url.to_owned(), Bytes(request.to_vec()));
    Fetch::Ocsp { url, request, max_bytes: MOST_OCSP_BYTES as u64 }
}

fn crl(url: &str) -> Fetch {
    Fetch::Crl { url: url.to_owned(), max_bytes: MOST_CRL_BYTES as u64 }
}
