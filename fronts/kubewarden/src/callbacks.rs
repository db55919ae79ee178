//! Answers of a stock Kubewarden host as answers of the contract.
//!
//! The host re-serialises manifests, has no road to blobs and referrers, and reports errors as
//! text: a list of known "not found" texts is absent, "Not authorized" is denied, and everything
//! else is unavailable.

use std::{collections::BTreeMap, time::Duration};

use countersign::wire::{Answer, Bytes, UnavailableReason};
use serde::Deserialize;
use serde_json::Value;

use crate::host::{Host, Question};

/// Asks the host, each question once, while there is time and as often as is allowed.
pub(crate) struct Callbacks<'h, H> {
    host: &'h H,
    /// When no callback is begun any more.
    until: Duration,
    /// The longest that one has taken, for each of its parts.
    longest: Duration,
    left: usize,
    known: BTreeMap<Question, Reply>,
}

/// What the host says, or why it was not asked.
pub(crate) type Reply = Result<Vec<u8>, Failure>;

/// No answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// What is asked for is not there.
    Absent(String),
    /// The registry refuses.
    Denied(String),
    /// The policy is not granted what it asks with: the capability, or the kind of object.
    NotGranted(String),
    /// Anything else.
    Unavailable(UnavailableReason, String),
}

impl<'h, H: Host> Callbacks<'h, H> {
    /// With so much time, from the request on, and so many callbacks.
    pub(crate) fn new(host: &'h H, until: Duration, most: usize) -> Self {
        let (longest, known) = (Duration::ZERO, BTreeMap::new());
        Self { host, until, longest, left: most, known }
    }

    /// More callbacks.
    pub(crate) fn allow(&mut self, more: usize) {
        self.left = self.left.saturating_add(more);
    }

    /// The answer to a question.
    pub(crate) fn ask(&mut self, question: Question) -> Reply {
        if let Some(known) = self.known.get(&question) {
            return known.clone();
        }
        let before = self.host.elapsed();
        // One that takes as long as the longest so far must come back in time.
        let parts = question.parts();
        if before.saturating_add(self.longest.saturating_mul(parts)) >= self.until {
            let words = format!("after {} ms of {}", before.as_millis(), self.until.as_millis());
            return Err(Failure::Unavailable(UnavailableReason::Deadline, words));
        }
        let Some(left) = self.left.checked_sub(1) else {
            let words = "more callbacks than one decision makes".to_owned();
            return Err(Failure::Unavailable(UnavailableReason::Deadline, words));
        };
        self.left = left;
        let reply = question.ask(self.host).map_err(|error| failure(&error, &question));
        let took = self.host.elapsed().saturating_sub(before);
        self.longest = self.longest.max(took / parts.max(1));
        // A pack may be large, and is asked for once.
        if !matches!(question, Question::Config(_)) {
            self.known.insert(question, reply.clone());
        }
        reply
    }

    /// What a tag names.
    pub(crate) fn digest(&mut self, reference: &str) -> Answer {
        #[derive(Deserialize)]
        struct ManifestDigest {
            digest: String,
        }
        match self.ask(Question::Digest(reference.to_owned())) {
            Ok(bytes) => match serde_json::from_slice::<ManifestDigest>(&bytes) {
                Ok(found) => Answer::Resolved { digest: found.digest },
                Err(error) => {
                    let (reason, message) = (UnavailableReason::Garbled, error.to_string());
                    Answer::Unavailable { reason, message }
                }
            },
            Err(failure) => failure.into_answer(),
        }
    }

    /// The configuration of an image, as the host writes it.
    pub(crate) fn configuration(&mut self, image: String) -> Answer {
        #[derive(Deserialize)]
        struct Reply {
            config: Value,
        }
        match self.ask(Question::Config(image)) {
            Ok(bytes) => match serde_json::from_slice::<Reply>(&bytes) {
                Ok(Reply { config }) => {
                    let bytes = Bytes(config.to_string().into_bytes());
                    Answer::Found { bytes, media_type: None, reserialised: true }
                }
                Err(error) => {
                    let (reason, message) = (UnavailableReason::Garbled, error.to_string());
                    Answer::Unavailable { reason, message }
                }
            },
            Err(failure) => failure.into_answer(),
        }
    }

    /// A manifest or index, as the host writes it.
    pub(crate) fn manifest(&mut self, image: String) -> Answer {
        match self.ask(Question::Manifest(image)) {
            Ok(bytes) => {
                Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: true }
            }
            Err(failure) => failure.into_answer(),
        }
    }
}

impl Failure {
    pub(crate) fn words(self) -> String {
        match self {
            Self::Absent(words)
            | Self::Denied(words)
            | Self::NotGranted(words)
            | Self::Unavailable(_, words) => words,
        }
    }

    pub(crate) fn into_answer(self) -> Answer {
        match self {
            Self::Absent(message) => Answer::Absent { message },
            Self::Denied(message) => Answer::Denied { message },
            Self::NotGranted(message) => {
                Answer::Unavailable { reason: UnavailableReason::Unsupported, message }
            }
            Self::Unavailable(reason, message) => Answer::Unavailable { reason, message },
        }
    }
}

/// Texts of registries that answer 404, as the host passes them on. The status code itself is only
/// there where the body was not OCI's JSON.
const NOT_FOUND: &[&str] = &[
    "manifest unknown",
    "unknown manifest",
    "unknown name",
    "name unknown",
    "repository name not known to registry",
    "code: 404",
];

/// What the host says of content that is not what it should be.
const GARBLED: &[&str] = &[
    "Digest error",
    "Failed to parse manifest",
    "Unsupported media type",
    "Cannot parse config",
    "expected value at line",
    "trailing characters at line",
    "EOF while parsing",
    "recursion limit exceeded",
];

fn failure(error: &str, question: &Question) -> Failure {
    let text = error.split("\n\nCaused by:").next().unwrap_or(error);
    let text = text.trim_start_matches("Host error: ");
    // The host itself, before anybody else is asked.
    if text.starts_with("Policy has not been granted access to") {
        let what = match question {
            Question::Resource { kind, .. } => format!("contextAwareResources: v1 {kind}"),
            other => format!("hostCapabilities: {}", other.capability()),
        };
        return Failure::NotGranted(format!("the policy is not granted `{what}`"));
    }
    let text = text
        .trim_start_matches("Callback evaluation failure: ")
        .trim_start_matches("Fail to interact with OCI registry: ");
    let message = text.to_owned();
    if let Question::Resource { .. } = question {
        return match text.starts_with("Cannot find") {
            true => Failure::Absent(message),
            false => Failure::Unavailable(UnavailableReason::Transport, message),
        };
    }
    // Only what the registry itself said counts as its word, never what is in the URL.
    let words = match text.rsplit_once("OCI API errors: ") {
        Some((_, words)) => words.to_lowercase(),
        None => match text.strip_prefix("Server error: url ").and_then(|t| t.split_once(", ")) {
            Some((_, words)) => words.to_lowercase(),
            None => String::new(),
        },
    };
    if NOT_FOUND.iter().any(|known| words.contains(known)) {
        Failure::Absent(message)
    } else if text.starts_with("Not authorized") {
        Failure::Denied(message)
    } else if GARBLED.iter().any(|known| text.starts_with(known)) {
        Failure::Unavailable(UnavailableReason::Garbled, message)
    } else if text.starts_with("unknown operation") {
        Failure::Unavailable(UnavailableReason::Unsupported, message)
    } else {
        Failure::Unavailable(UnavailableReason::Transport, message)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    struct Failing(&'static str);

    impl Host for Failing {
        fn call(&self, _: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
            Err(format!(
                "Host error: Callback evaluation failure: Fail to interact with OCI registry: {}\n\nCaused by:\n    {}",
                self.0, self.0
            ))
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_hosts_errors_are_told_apart() {
        let kind = |text| match Callbacks::new(&Failing(text), SECOND, 1).digest("r.io/a:1") {
            Answer::Absent { .. } => "absent",
            Answer::Denied { .. } => "denied",
            Answer::Unavailable { reason: UnavailableReason::Garbled, .. } => "garbled",
            Answer::Unavailable { reason: UnavailableReason::Transport, .. } => "transport",
            other => panic!("{other:?}"),
        };
        for (text, expected) in [
            (
                "Registry error: url U, envelope: OCI API errors: [OCI API error: manifest unknown]",
                "absent",
            ),
            (
                "Registry error: url U, envelope: OCI API errors: [OCI API error: Unknown name]",
                "absent",
            ),
            ("Server error: url U, code: 404, message: nope", "absent"),
            (
                "Registry error: url U, envelope: OCI API errors: [OCI API error: slow down]",
                "transport",
            ),
            (
                "Registry error: url http://evil/code: 404/manifest unknown, envelope: OCI API errors: [OCI API error: slow down]",
                "transport",
            ),
            ("Server error: url U, code: 503, message: busy", "transport"),
            (
                "error sending request for url (http://r/v2/manifest unknown) Connection refused (os error 111)",
                "transport",
            ),
            ("Not authorized: url U", "denied"),
            ("Digest error: Invalid digest. Expected A, got B", "garbled"),
            ("Failed to parse manifest: expected value", "garbled"),
            ("Unsupported media type: X", "garbled"),
            ("Cannot parse config as UTF-8 string", "garbled"),
            ("expected value at line 1 column 1", "garbled"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn what_the_policy_is_not_granted_is_named() {
        let denied = "Host error: Policy has not been granted access to the \
                      'oci/v1/oci_manifest_config' host capability. The violation has been reported.";
        match failure(denied, &Question::Config("r.io/a:1".into())) {
            Failure::NotGranted(words) => {
                assert!(
                    words.contains("`hostCapabilities: oci/v1/oci_manifest_config`"),
                    "{words}"
                );
            }
            other => panic!("{other:?}"),
        }
        let denied = "Host error: Policy has not been granted access to Kubernetes v1/ConfigMap \
                      resources. The violation has been reported.";
        let object = Question::Resource { kind: "ConfigMap", namespace: None, name: String::new() };
        match failure(denied, &object) {
            Failure::NotGranted(words) => {
                assert!(words.contains("`contextAwareResources: v1 ConfigMap`"), "{words}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Takes so many milliseconds a callback.
    struct Slow {
        each: u64,
        clock: Cell<u64>,
        asked: RefCell<Vec<String>>,
    }

    impl Host for Slow {
        fn call(&self, _: &str, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
            self.clock.set(self.clock.get() + self.each);
            let question = format!("{operation} {}", String::from_utf8_lossy(payload));
            self.asked.borrow_mut().push(question);
            Ok(b"{}".to_vec())
        }

        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.clock.get())
        }
    }

    #[test]
    fn a_configuration_takes_the_host_as_long_as_two_manifests() {
        for (each, is_asked) in [(300, true), (340, false)] {
            let host = Slow { each, clock: Cell::new(0), asked: RefCell::default() };
            let mut callbacks = Callbacks::new(&host, SECOND, 100);
            callbacks.digest("r.io/a:1");
            callbacks.configuration("r.io/a:1".into());
            assert_eq!(host.asked.borrow().len() == 2, is_asked, "{each}");
        }
    }

    #[test]
    fn no_callback_is_begun_that_may_come_back_too_late() {
        let host = Slow { each: 300, clock: Cell::new(0), asked: RefCell::default() };
        let mut callbacks = Callbacks::new(&host, SECOND, 100);
        let reasons: Vec<_> = (0..5)
            .map(|i| match callbacks.manifest(format!("r.io/a:{i}")) {
                Answer::Found { .. } => None,
                Answer::Unavailable { reason, .. } => Some(reason),
                other => panic!("{other:?}"),
            })
            .collect();
        let late = Some(UnavailableReason::Deadline);
        assert_eq!(reasons, [None, None, None, late, late]);
        assert_eq!(host.clock.get(), 900);
    }

    #[test]
    fn the_same_is_asked_once_and_no_more_than_is_allowed() {
        let host = Slow { each: 0, clock: Cell::new(0), asked: RefCell::default() };
        let mut callbacks = Callbacks::new(&host, SECOND, 2);
        for _ in 0..3 {
            callbacks.manifest("r.io/a:1".into());
            callbacks.digest("r.io/a:1");
        }
        assert_eq!(host.asked.borrow().len(), 2);
        let refused = callbacks.manifest("r.io/a:2".into());
        let exceeded = UnavailableReason::Deadline;
        assert!(matches!(refused, Answer::Unavailable { reason, .. } if reason == exceeded));
        callbacks.allow(1);
        assert!(matches!(callbacks.manifest("r.io/a:2".into()), Answer::Found { .. }));
    }
}
