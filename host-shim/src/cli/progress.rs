//! How far a transfer is, where somebody looks.

use std::{
    env,
    io::{self, IsTerminal, Write},
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::copy::{Meter, Reading};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Does the work, and shows on standard error how far it is, if that is a terminal.
pub(super) fn shown<R>(meter: &Meter, work: impl FnOnce() -> R) -> R {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    if is_dumb || !io::stderr().is_terminal() {
        return work();
    }
    let (is_done, changed) = (Mutex::new(false), Condvar::new());
    let watch = || {
        let mut shown = false;
        let mut done = is_done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done {
            let waited = changed.wait_timeout(done, PAUSE).unwrap_or_else(PoisonError::into_inner);
            done = waited.0;
            let reading = meter.read();
            if !*done && reading.blobs > 0 {
                shown = true;
                write(&format!("\r\x1b[K{}", line(reading)));
            }
        }
        if shown {
            write("\r\x1b[K");
        }
    };
    thread::scope(|scope| {
        // Without a thread it is only not shown.
        let watcher = thread::Builder::new().spawn_scoped(scope, watch).ok();
        let result = work();
        *is_done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        drop(watcher.map(thread::ScopedJoinHandle::join));
        result
    })
}

fn write(text: &str) {
    // Nobody is left to look when this fails.
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn line(reading: Reading) -> String {
    let Reading { blobs, done, bytes, moved } = reading;
    let percent = moved.saturating_mul(100).checked_div(bytes).unwrap_or(100).min(100);
    format!("{done} of {blobs} blobs, {} of {} ({percent} %)", amount(moved), amount(bytes))
}

/// Bytes for people.
pub(super) fn amount(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_it_is() {
        let reading = Reading { blobs: 3, done: 1, bytes: 2_000_000, moved: 1_250_000 };
        assert_eq!(line(reading), "1 of 3 blobs, 1.2 MB of 2.0 MB (62 %)");
        assert_eq!(
            line(Reading { bytes: 0, ..reading }),
            "1 of 3 blobs, 1.2 MB of 0 bytes (100 %)"
        );
    }
}
