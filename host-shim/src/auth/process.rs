//! Programs that hand out credentials: run with a limit of time and of output.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

/// Bytes of what a program says for people that are kept.
const MAX_WORDS: usize = 4 << 10;
/// How long a program that has ended is listened to: what it started may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Tries to start a file that somebody is still writing.
const MAX_BUSY: u32 = 20;

/// A program to run.
pub(super) struct Program<'a> {
    pub(super) path: &'a Path,
    pub(super) arguments: &'a [String],
    /// Beside those of this process.
    pub(super) variables: &'a [(String, String)],
}

/// How much of a program is borne.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From its start to its end.
    pub(super) within: Duration,
    /// Bytes of its standard output.
    pub(super) max_output: u64,
}

/// A program that came to its end.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) output: Zeroizing<Vec<u8>>,
    /// The first of standard error.
    pub(super) words: Vec<u8>,
}

/// Runs a program; the message of an error says what became of it.
pub(super) fn run(program: &Program<'_>, input: &[u8], limits: Limits) -> Result<Ended, String> {
    let deadline = Instant::now() + limits.within;
    let mut running = Running(start(program)?);
    let child = &mut running.0;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let output = listen(stdout, limits.max_output.saturating_add(1));
    let words = drain(stderr);
    // A program may answer without having read what it is asked.
    let _ = stdin.map(|mut stdin: ChildStdin| stdin.write_all(input));

    let late = || format!("has not ended after {} s and was killed", limits.within.as_secs_f32());
    let left = deadline.saturating_duration_since(Instant::now());
    let output = output.recv_timeout(left).map_err(|_| late())?;
    if output.len() as u64 > limits.max_output {
        return Err(format!("wrote more than {} bytes and was killed", limits.max_output));
    }
    let status = wait(child, deadline).map_err(|e| e.to_string())?.ok_or_else(late)?;
    Ok(Ended { status, output, words: words.recv_timeout(LAST_WORDS).unwrap_or_default() })
}

fn start(program: &Program<'_>) -> Result<Child, String> {
    let mut command = Command::new(program.path);
    command
        .args(program.arguments)
        .envs(program.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy && tries < MAX_BUSY => {
                tries += 1;
                thread::sleep(Duration::from_millis(10));
            }
            result => return result.map_err(|e| format!("cannot be started: {e}")),
        }
    }
}

/// Reads so much of a stream in another thread, and then lets go of it.
fn listen(stream: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        // A stream that breaks is a stream that has ended.
        let _ = stream.map(|stream| stream.take(most).read_to_end(&mut bytes));
        let _ = sender.send(bytes);
    });
    receiver
}

/// Reads a stream to its end, so that its writer never stops, and keeps the beginning.
fn drain(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), [0; 1 << 10]);
        if let Some(mut stream) = stream {
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                let room = MAX_WORDS.saturating_sub(kept.len()).min(n);
                kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
            }
        }
        let _ = sender.send(kept);
    });
    receiver
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A child that is not left behind, nor what it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        #[cfg(unix)]
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::KILL,
        );
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
