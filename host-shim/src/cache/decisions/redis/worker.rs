//! Threads that speak to the server, so that nobody else waits for it.

use std::{
    io,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use redis::{Client, Connection, RedisResult, cmd};

use crate::cache::lock;

/// Connections at once.
const WORKERS: usize = 4;
/// Commands that wait for one of them.
const QUEUE: usize = 64;

/// What is asked of the server.
pub(super) enum Command {
    /// The first bytes of a value; none where it is not there.
    Get { name: String, most: usize },
    /// Keeps a value. The answer is empty.
    Put { name: String, value: Vec<u8>, lifetime: Duration },
}

struct Job {
    command: Command,
    /// Nobody waits any longer.
    until: Instant,
    answer: SyncSender<Vec<u8>>,
}

/// The threads. They end when this is dropped and what they wait for is over.
pub(super) struct Workers(SyncSender<Job>);

impl Workers {
    pub(super) fn start(client: Client, patience: Duration) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..WORKERS {
            let (client, receiver) = (client.clone(), receiver.clone());
            let thread = thread::Builder::new().name("decision cache".to_owned());
            thread.spawn(move || Worker { client, patience, connection: None }.work(&receiver))?;
        }
        Ok(Self(sender))
    }

    /// The answer, if it comes in time.
    pub(super) fn run(&self, command: Command, patience: Duration) -> Option<Vec<u8>> {
        let (answer, come) = sync_channel(1);
        self.0.try_send(Job { command, until: Instant::now() + patience, answer }).ok()?;
        come.recv_timeout(patience).ok()
    }
}

struct Worker {
    client: Client,
    patience: Duration,
    connection: Option<Connection>,
}

impl Worker {
    fn work(mut self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            // Bound to a name of its own, so that the lock is free while this one works.
            let job = lock(jobs).recv();
            let Ok(job) = job else { return };
            if Instant::now() >= job.until {
                continue;
            }
            // Whoever asked may have gone.
            if let Ok(answer) = self.run(&job.command) {
                drop(job.answer.send(answer));
            }
        }
    }

    /// A server closes connections that were idle for long, and when it starts anew. That says
    /// nothing of how it is now: where one was used before, it is tried again with another.
    fn run(&mut self, command: &Command) -> RedisResult<Vec<u8>> {
        let before = self.connection.is_some();
        match self.send(command) {
            Err(e) if before && e.is_connection_dropped() => self.send(command),
            sent => sent,
        }
    }

    fn send(&mut self, command: &Command) -> RedisResult<Vec<u8>> {
        // It is kept only after an answer: else nobody knows what it is at.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = speak(&mut connection, command)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.patience)?;
        connection.set_read_timeout(Some(self.patience))?;
        connection.set_write_timeout(Some(self.patience))?;
        Ok(connection)
    }
}

fn speak(connection: &mut Connection, command: &Command) -> RedisResult<Vec<u8>> {
    match command {
        Command::Get { name, most } => {
            cmd("GETRANGE").arg(name).arg(0).arg(most.saturating_sub(1)).query(connection)
        }
        Command::Put { name, value, lifetime } => {
            let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
            cmd("SET").arg(name).arg(value).arg("PX").arg(lifetime).exec(connection)?;
            Ok(Vec::new())
        }
    }
}
