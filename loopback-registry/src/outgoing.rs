//! The body of an answer on its way out: paced, cut off or without an end.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Sleep, sleep};

/// Long enough for what was sent to leave before the connection ends.
const BEFORE_CUT: Duration = Duration::from_millis(20);
static SPACES: [u8; 64 << 10] = [b' '; 64 << 10];

/// So many bytes, and then a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) bytes: usize,
    pub(crate) pause: Duration,
}

/// What comes after the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection breaks.
    Cut,
    /// So many spaces.
    Flood(u64),
    #[default]
    Whole,
}

pub(crate) struct Outgoing {
    rest: Bytes,
    pace: Option<Pace>,
    end: End,
    pause: Option<Pin<Box<Sleep>>>,
    breaks: bool,
    nothing: bool,
}

impl Outgoing {
    pub(crate) fn new(bytes: Bytes, pace: Option<Pace>, end: End) -> Self {
        Self { rest: bytes, pace, end, pause: None, breaks: false, nothing: false }
    }

    /// The body of an answer that has none, whatever its length says.
    pub(crate) fn nothing() -> Self {
        Self { nothing: true, ..Self::new(Bytes::new(), None, End::Whole) }
    }

    /// The next bytes, and nothing where there are no more.
    fn next(&mut self) -> Option<io::Result<Bytes>> {
        if !self.rest.is_empty() {
            let length = self.pace.map_or(usize::MAX, |pace| pace.bytes).min(self.rest.len());
            self.pause = self.pace.map(|pace| Box::pin(sleep(pace.pause)));
            return Some(Ok(self.rest.split_to(length)));
        }
        match &mut self.end {
            End::Whole | End::Flood(0) => None,
            End::Flood(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(SPACES.len());
                *left -= length as u64;
                Some(Ok(Bytes::from_static(&SPACES).slice(..length)))
            }
            End::Cut => Some(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            if self.rest.is_empty() && self.end == End::Cut && !self.breaks {
                self.breaks = true;
                self.pause = Some(Box::pin(sleep(BEFORE_CUT)));
                continue;
            }
            return Poll::Ready(self.next().map(|bytes| bytes.map(Frame::data)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.nothing
    }
}
