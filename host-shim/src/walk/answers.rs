//! What was asked so far, and what came back.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use countersign::wire::{Answer, EvidenceItem, Fetch, UnavailableReason};

/// Answers by question, and the questions that are still open.
#[derive(Default)]
pub(super) struct Answers {
    known: BTreeMap<Fetch, Rc<Answer>>,
    needs: BTreeSet<Fetch>,
}

impl Answers {
    /// The answer; nothing while it is still to be fetched.
    pub(super) fn ask(&mut self, fetch: Fetch) -> Option<Rc<Answer>> {
        match self.known.get(&fetch) {
            Some(answer) => Some(answer.clone()),
            None => {
                self.needs.insert(fetch);
                None
            }
        }
    }

    pub(super) fn take_needs(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.needs).into_iter().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn add(&mut self, items: Vec<EvidenceItem>) {
        self.known.extend(items.into_iter().map(|item| (item.fetch, Rc::new(item.answer))));
    }

    /// Answers what is not asked any more, as there was too much.
    pub(super) fn leave_out(&mut self, needs: Vec<Fetch>, most: usize) {
        let answer = Rc::new(Answer::Unavailable {
            reason: UnavailableReason::TooLarge,
            message: format!("left out: more than {most} things to ask for"),
        });
        self.known.extend(needs.into_iter().map(|fetch| (fetch, answer.clone())));
    }

    pub(super) fn into_items(self) -> Vec<EvidenceItem> {
        let item = |(fetch, answer): (Fetch, Rc<Answer>)| EvidenceItem {
            fetch,
            answer: Rc::unwrap_or_clone(answer),
        };
        self.known.into_iter().map(item).collect()
    }
}
