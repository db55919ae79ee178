//! Reached or not, TLS, HTTP, clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign::{time::Time, trust::identity::subject_line, x509::Certificate};

use super::{Exam, Grade, milliseconds};
use crate::{
    http::{Version, is_loopback},
    registry::{Probe, RegistryError},
};

/// A certificate that runs out sooner wants to be looked at.
const SOON: i64 = 14 * 24 * 3600;
/// Clocks that are further apart: token services and timestamps begin to refuse.
const MAX_SKEW: u64 = 60;
/// A registry that takes longer makes an admission webhook run out of time.
const SLOW: Duration = Duration::from_secs(1);

impl Exam<'_> {
    /// Whether anybody answers as a registry does.
    pub(super) fn connection(&mut self) -> bool {
        let host = self.patient.repository.host().to_owned();
        let hello = match self.registry.probe_host(&self.patient.repository) {
            Ok(hello) => hello,
            Err(e) => {
                self.unreachable(&host, &e);
                return false;
            }
        };
        self.took.push(hello.took);
        let found = format!("`{host}` answers {}", hello.message);
        let is_registry = matches!(hello.status, 200 | 401 | 403);
        match is_registry {
            true => self.note("reachable", Grade::Ok, found),
            false => self
                .note("reachable", Grade::Fail, found)
                .means("no registry answers under /v2/ there")
                .next("check host and port: `curl -i https://HOST/v2/`"),
        };
        if is_registry {
            self.tls(&host, &hello);
            self.version(&hello);
            self.clock(&hello);
        }
        is_registry
    }

    fn unreachable(&mut self, host: &str, error: &RegistryError) {
        let found = error.to_string();
        let is_certificate = found.contains("certificate");
        let next = if is_certificate {
            let bare = host.split('/').next().unwrap_or(host);
            format!(
                "put its authority into /etc/docker/certs.d/{bare}/ca.crt, or renew its certificate"
            )
        } else if is_loopback(host) {
            "if it speaks plain HTTP: `--plain-http`".to_owned()
        } else {
            format!("check name, network and proxy: `curl -i https://{host}/v2/`")
        };
        let check = self.note("reachable", Grade::Fail, found);
        check.means("without the registry every verdict is undetermined").next(next);
    }

    fn tls(&mut self, host: &str, hello: &Probe) {
        let Some(der) = &hello.certificate else {
            let check = self.note("tls", Grade::Warn, format!("plain HTTP with `{host}`"));
            check.means("whoever is on the way can read tokens, and withhold signatures");
            return;
        };
        let Ok(leaf) = Certificate::from_der(der) else {
            self.note("tls", Grade::Ok, "trusted; its certificate is in a form that is not shown");
            return;
        };
        let (issuer, until) = (subject_line(leaf.issuer()), leaf.not_after());
        let found = format!("trusted, of {issuer}, until {until}");
        if until.unix() - seconds(self.patient.now) < SOON {
            let check = self.note("tls", Grade::Warn, found);
            check.means("the certificate runs out within two weeks").next("renew it");
        } else {
            self.note("tls", Grade::Ok, found);
        }
    }

    fn version(&mut self, hello: &Probe) {
        let words = match hello.version {
            Version::HTTP_2 => "HTTP/2: one connection for all requests",
            Version::HTTP_11 => "HTTP/1.1: a connection for each request at once",
            _ => "an older HTTP than 1.1",
        };
        self.note("http", Grade::Ok, words);
    }

    fn clock(&mut self, hello: &Probe) {
        let date = hello.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
        let Some(date) = date else {
            self.note("clock", Grade::Skipped, "the registry does not say what time it is");
            return;
        };
        let now = self.patient.now;
        let apart = now.duration_since(date).or_else(|e| Ok::<_, ()>(e.duration()));
        let apart = apart.unwrap_or_default().as_secs();
        if apart <= MAX_SKEW {
            self.note("clock", Grade::Ok, format!("{apart} s apart from the registry's"));
            return;
        }
        let found = format!(
            "{apart} s apart: {} here, {} at the registry",
            Time::from_unix(seconds(now)),
            Time::from_unix(seconds(date))
        );
        self.note("clock", Grade::Warn, found)
            .means("tokens may be refused, and validity of certificates and timestamps misjudged")
            .next("synchronise this machine's clock: `timedatectl set-ntp true`");
    }

    /// How long it all took.
    pub(super) fn round_trips(&mut self) {
        let mut took = std::mem::take(&mut self.took);
        took.sort();
        let (Some(least), Some(most)) = (took.first(), took.last()) else { return };
        let median = took.get(took.len() / 2).unwrap_or(most);
        let found = format!(
            "{} requests, {} at least, {} in the middle, {} at most",
            took.len(),
            milliseconds(*least),
            milliseconds(*median),
            milliseconds(*most)
        );
        if *median > SLOW {
            self.note("roundTrips", Grade::Warn, found)
                .means("a decision takes four to seven rounds: admission may run out of time")
                .next("use a mirror nearby (registries.conf), or an evidence pack");
        } else {
            self.note("roundTrips", Grade::Ok, found);
        }
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
