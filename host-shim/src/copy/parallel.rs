//! The same work on many things, some at a time.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::CopyError;

/// Does the work on each, `most` at a time, until it is done or one fails. Answers are in the order of
/// the things.
pub(crate) fn each<T: Sync, R: Send>(
    most: usize,
    things: &[T],
    work: impl Fn(&T) -> Result<R, CopyError> + Sync,
) -> Result<Vec<R>, CopyError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let answers: Vec<Mutex<Option<Result<R, CopyError>>>> =
        things.iter().map(|_| Mutex::new(None)).collect();
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some((thing, answer)) = things.get(i).zip(answers.get(i)) else { break };
            let result = work(thing);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..things.len().min(most))
            // Without a thread the work is done here.
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, run).ok())
            .collect();
        run();
        for helper in helpers {
            // A panic leaves its answer empty, which is an error below.
            let _ = helper.join();
        }
    });
    let (mut all, mut empty) = (Vec::with_capacity(answers.len()), false);
    for answer in answers {
        match answer.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(result) => all.push(result?),
            None => empty = true,
        }
    }
    if empty { Err(CopyError::Interrupted) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_the_first_failure_ends_it() {
        let numbers: Vec<u32> = (0..100).collect();
        let doubled = each(4, &numbers, |n| Ok(n * 2)).unwrap();
        assert_eq!(doubled, (0..100).map(|n| n * 2).collect::<Vec<_>>());
        let done = AtomicUsize::new(0);
        let failing = each(1, &numbers, |n| {
            done.fetch_add(1, Ordering::Relaxed);
            if *n == 3 { Err(CopyError::Interrupted) } else { Ok(()) }
        });
        assert_eq!((failing, done.into_inner()), (Err(CopyError::Interrupted), 4));
    }
}
