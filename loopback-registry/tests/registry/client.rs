//! HTTP/1.1 by hand: nothing is followed, repeated or checked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use loopback_registry::Registry;
use serde_json::Value;

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

/// What came back; status 0 is a connection that ended without an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection ended before the body did.
    pub(crate) cut: bool,
    /// The connection ended by a reset.
    pub(crate) reset: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of the first error.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(crate) fn new(registry: &Registry) -> Self {
        let stream = TcpStream::connect(&registry.host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(stream))
    }

    /// Method and path are one text, as in `GET /v2/`.
    pub(crate) fn send(&mut self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{request} HTTP/1.1\r\nHost: registry\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !headers.iter().any(|(name, _)| *name == "Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let stream = self.0.get_mut();
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        sent.unwrap();
        self.read(request.starts_with("HEAD "))
    }

    fn read(&mut self, head: bool) -> Answer {
        let mut answer = Answer::default();
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Err(e) => {
                answer.reset = e.kind() == std::io::ErrorKind::ConnectionReset;
                return answer;
            }
            Ok(0) => return answer,
            Ok(_) => {}
        }
        answer.status = line.split(' ').nth(1).unwrap().parse().unwrap();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            answer.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = answer.header("content-length").map(|length| length.parse::<u64>().unwrap());
        if head || answer.status == 204 {
        } else if answer.header("transfer-encoding") == Some("chunked") {
            answer.cut = !self.chunks(&mut answer.body);
        } else {
            let length = length.unwrap_or(0);
            let read = self.0.by_ref().take(length).read_to_end(&mut answer.body);
            answer.cut = read.is_err() || answer.body.len() as u64 != length;
        }
        answer
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line);
            let Ok(length) = u64::from_str_radix(line.trim_end(), 16) else { return false };
            let mut chunk = Vec::new();
            let all = self.0.by_ref().take(length + 2).read_to_end(&mut chunk);
            if read.is_err() || all.is_err() || chunk.len() as u64 != length + 2 {
                return false;
            }
            body.extend_from_slice(&chunk[..chunk.len() - 2]);
            if length == 0 {
                return true;
            }
        }
    }
}

/// On a connection of its own.
pub(crate) fn send(
    registry: &Registry,
    request: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    Client::new(registry).send(request, headers, body)
}

pub(crate) fn get(registry: &Registry, path: &str) -> Answer {
    send(registry, &format!("GET {path}"), &[], b"")
}
