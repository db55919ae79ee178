//! Writing the verdict to standard output.

use std::io::{self, ErrorKind, Write};

/// Writes; a reader that went away is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e),
        _ => Ok(()),
    }
}

/// Notes and errors.
pub(super) fn note(text: &str) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(io::stderr(), "{text}");
}
