//! What a registry, or somebody in its place, can do to the client: each with its outcome and the
//! requests that were sent.

mod credentials;
mod mirrors;
mod push;
mod tls;
mod transport;

use std::{sync::Arc, time::Duration};

use countersign::wire::{Answer, Fetch, UnavailableReason};
use countersign_host::{
    auth::{AuthError, Credential, CredentialSource, Secret},
    http::Timeouts,
    registry::{Options, Registry as Client, sha256_of},
    source::EvidenceSource,
};
use loopback_registry::{INDEX, MANIFEST, Options as Kind, Registry};
use serde_json::json;

/// Bytes of an answer that are asked for at the most.
const LIMIT: u64 = 1 << 16;
const NAME: &str = "acme/app";

/// A registry with an image, its one blob and one referrer.
struct World {
    registry: Registry,
    image: String,
    blob: String,
}

impl World {
    fn new(kind: Kind) -> Self {
        let registry = Registry::start(kind);
        let (image, blob) = fill(&registry);
        Self { registry, image, blob }
    }

    fn repository(&self) -> String {
        self.registry.repository(NAME)
    }

    fn fetch(&self, what: Ask) -> Fetch {
        let (repository, max_bytes) = (self.repository(), LIMIT);
        match what {
            Ask::Resolve => Fetch::Resolve { reference: format!("{repository}:1") },
            Ask::Tag => Fetch::Tag { repository, tag: "1".to_owned(), max_bytes },
            Ask::Manifest => Fetch::Manifest { repository, digest: self.image.clone(), max_bytes },
            Ask::Blob => Fetch::Blob { repository, digest: self.blob.clone(), max_bytes },
            Ask::Referrers => {
                Fetch::Referrers { repository, digest: self.image.clone(), max_bytes }
            }
        }
    }

    /// The requests so far, `{image}` and `{blob}` in place of digests, and whose they were.
    fn requests(&self) -> Vec<String> {
        let line = |logged: &loopback_registry::Logged| {
            let path = logged.path.replace(&self.image, "{image}").replace(&self.blob, "{blob}");
            let path = path.replace("/v2/acme/app/", "");
            let user = logged.user.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
            format!("{} {path} {}{user}", logged.method, logged.status)
        };
        self.registry.take_log().iter().map(line).collect()
    }
}

fn fill(registry: &Registry) -> (String, String) {
    let blob = registry.push_blob(NAME, b"a blob");
    let config = registry.push_blob(NAME, b"{}");
    let descriptor = |digest: &str, size: usize, kind: &str| json!({ "mediaType": kind, "digest": digest, "size": size });
    let layer = descriptor(&blob, 6, "application/octet-stream");
    let config = descriptor(&config, 2, "application/vnd.oci.empty.v1+json");
    let image = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
    });
    let image = image.to_string();
    let digest = registry.push_manifest(NAME, Some("1"), MANIFEST, image.as_bytes());
    let referrer = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
        "artifactType": "application/test",
        "subject": descriptor(&digest, image.len(), MANIFEST),
    });
    registry.push_manifest(NAME, None, MANIFEST, referrer.to_string().as_bytes());
    (digest, blob)
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Resolve,
    Tag,
    Manifest,
    Blob,
    Referrers,
}

/// One word for an answer.
fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Found { .. } | Answer::Resolved { .. } => "found",
        Answer::Partial { .. } => "partial",
        Answer::Absent { .. } => "absent",
        Answer::Denied { .. } => "denied",
        Answer::Unavailable { reason, .. } => match reason {
            UnavailableReason::Denied => "denied",
            UnavailableReason::Transport => "transport",
            UnavailableReason::Garbled => "garbled",
            UnavailableReason::TooLarge => "too large",
            UnavailableReason::Deadline => "deadline",
            UnavailableReason::NotPacked => "not packed",
            UnavailableReason::Unsupported => "unsupported",
        },
    }
}

fn options() -> Options {
    Options {
        plain_http: true,
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            request: Duration::from_millis(800),
            idle: Duration::from_millis(500),
            backoff: Duration::from_millis(2),
        },
        ..Options::default()
    }
}

/// Credentials by host.
#[derive(Clone, Debug, Default)]
struct Known(Vec<(String, Credential)>);

impl Known {
    fn basic(mut self, host: &str, username: &str, password: &str) -> Self {
        let (username, password) = (username.to_owned(), Secret::new(password));
        self.0.push((host.to_owned(), Credential::Basic { username, password }));
        self
    }

    fn and(mut self, host: &str, credential: Credential) -> Self {
        self.0.push((host.to_owned(), credential));
        self
    }

    fn client(self) -> Client {
        Client::with_credentials(&options(), Arc::new(self))
    }
}

impl CredentialSource for Known {
    fn find(&self, host: &str, _: &str) -> Result<Vec<Credential>, AuthError> {
        Ok(self.0.iter().filter(|(h, _)| h == host).map(|(_, c)| c.clone()).collect())
    }
}

fn anonymous() -> Client {
    Known::default().client()
}

fn ask(client: &Client, world: &World, what: Ask) -> Answer {
    client.fetch(&world.fetch(what))
}

#[test]
fn without_faults_everything_is_found_with_one_request_each() {
    let world = World::new(Kind::default());
    let client = anonymous();
    for (what, request) in [
        (Ask::Tag, "GET manifests/1 200"),
        (Ask::Manifest, "GET manifests/{image} 200"),
        (Ask::Blob, "GET blobs/{blob} 200"),
        (Ask::Referrers, "GET referrers/{image} 200"),
        (Ask::Resolve, "GET manifests/1 200"),
    ] {
        let answer = ask(&client, &world, what);
        assert_eq!(outcome(&answer), "found", "{what:?}: {answer:?}");
        assert_eq!(world.requests(), [request]);
    }
    assert_eq!(sha256_of(b"a blob"), world.blob);
    assert_eq!(INDEX, "application/vnd.oci.image.index.v1+json");
}
