//! Uploads from a reader: bounded by silence, like downloads, and not by their whole time.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use reqwest::blocking::{Body, RequestBuilder, Response};

use super::Failure;

/// Bytes a second below which an upload ends although it goes on: a megabit. What was given up for
/// its silence ends by that too, if nothing else ends it.
const SLOWEST: u64 = 128 << 10;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Why there is no answer.
pub(super) enum Lost {
    /// The transport says it.
    Http(reqwest::Error),
    /// Nobody took a byte, or answered, for so long.
    Silent,
    /// There is no thread for it.
    Thread(io::Error),
}

impl Lost {
    pub(super) fn failure(self, host: &str) -> Failure {
        match self {
            Self::Http(e) => Failure::of(&e, host),
            Self::Silent => Failure::Transport(format!("`{host}`: timed out")),
            Self::Thread(e) => Failure::Transport(format!("`{host}`: no upload can begin: {e}")),
        }
    }
}

/// Since when the other side has been waited for; nothing while our own reader is.
type Since = Arc<Mutex<Option<Instant>>>;

/// A reader that says when it is read.
struct Watched {
    inner: Box<dyn Read + Send>,
    since: Since,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        set(&self.since, None);
        let read = self.inner.read(buffer);
        set(&self.since, Some(Instant::now()));
        read
    }
}

fn set(since: &Since, to: Option<Instant>) {
    *since.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

/// Sends. The transport bounds the whole of a request with a body, so it is watched from here: a
/// thread that is given up ends by itself.
pub(super) fn send(
    request: RequestBuilder,
    inner: Box<dyn Read + Send>,
    length: u64,
    silence: Duration,
) -> Result<Response, Lost> {
    let since: Since = Arc::new(Mutex::new(Some(Instant::now())));
    let watched = Watched { inner, since: since.clone() };
    let whole = silence.saturating_add(Duration::from_secs(length / SLOWEST));
    let request = request.body(Body::sized(watched, length)).timeout(whole.max(silence * 2));
    let (sender, answer) = mpsc::sync_channel(1);
    let work = move || {
        // Nobody may be waiting any more.
        let _ = sender.send(request.send());
    };
    thread::Builder::new().name("upload".to_owned()).spawn(work).map_err(Lost::Thread)?;
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => return answer.map_err(Lost::Http),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Lost::Silent),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let since = *since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_some_and(|since| since.elapsed() >= silence) {
            return Err(Lost::Silent);
        }
    }
}
