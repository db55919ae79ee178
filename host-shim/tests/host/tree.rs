//! What is attached to an image: every road, its bounds, and how it is shown.

pub(crate) mod shown;

use std::sync::Arc;

use countersign::wire::{Answer, Bytes, Fetch};
use countersign_host::{
    auth::Keychain,
    http::Timeouts,
    registry::{Options, Registry as Client, sha256_of},
    source::EvidenceSource,
    walk::{Artifact, Limits, Road, State, Walked, walk},
};
use loopback_registry::{Fault, INDEX, MANIFEST, Options as Kind, Registry, What};
use serde_json::{Value, json};

pub(crate) const NAME: &str = "acme/app";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const BROKEN_JWS: &[u8] = b"{\"payload\":1}";

/// A registry that is filled as a test wants it.
pub(crate) struct World {
    pub(crate) registry: Registry,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { registry: Registry::start(Kind { sparse: true, ..kind }) }
    }

    fn blob(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = self.registry.push_blob(NAME, bytes);
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Pushes a manifest; its descriptor.
    pub(crate) fn push(&self, tag: Option<&str>, manifest: &Value) -> Value {
        let media_type = manifest["mediaType"].as_str().unwrap();
        let bytes = manifest.to_string();
        let digest = self.registry.push_manifest(NAME, tag, media_type, bytes.as_bytes());
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// An image with a configuration.
    pub(crate) fn image(&self, tag: Option<&str>, mark: &str) -> Value {
        let config = json!({
            "created": "2026-11-20T10:00:00Z", "os": "linux", "architecture": "arm64",
            "variant": "v8", "config": { "Labels": { "mark": mark } },
        });
        let config = self.blob(config.to_string().as_bytes(), CONFIG);
        self.push(
            tag,
            &json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] }),
        )
    }

    /// What refers to something.
    pub(crate) fn attach(&self, subject: &Value, artifact_type: &str, content: &[u8]) -> Value {
        let media_type =
            if artifact_type == NOTATION { "application/jose+json" } else { artifact_type };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
            "config": self.blob(b"{}", EMPTY), "layers": [self.blob(content, media_type)],
            "subject": subject, "annotations": { "org.opencontainers.image.created": "2026-11-21T01:00:00Z" },
        });
        let mut descriptor = self.push(None, &manifest);
        descriptor["artifactType"] = artifact_type.into();
        descriptor
    }

    /// A list under the fallback tag of something.
    pub(crate) fn fallback(&self, subject: &Value, manifests: &[Value]) {
        let tag = subject["digest"].as_str().unwrap().replace(':', "-");
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        self.push(Some(&tag), &index);
    }

    fn walk(&self, image: &Value, limits: &Limits) -> Walked {
        let digest = image["digest"].as_str().unwrap();
        walk(&client(), &self.registry.repository(NAME), digest, limits)
    }
}

pub(crate) fn client() -> Client {
    let timeouts = Timeouts { backoff: std::time::Duration::from_millis(2), ..Timeouts::default() };
    let options = Options { plain_http: true, timeouts, ..Options::default() };
    Client::with_credentials(&options, Arc::new(Keychain::anonymous()))
}

fn digest(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap()
}

/// Digest, what it is, and the roads to it, of everything attached.
fn attached(artifact: &Artifact) -> Vec<(&str, &str, &[Road])> {
    artifact.attached.iter().map(|a| (&*a.digest, &*a.what, &*a.found)).collect()
}

#[test]
fn attachments_of_attachments_are_found_with_the_road_to_them() {
    for (api, road) in [(true, Road::Referrers), (false, Road::FallbackTag)] {
        let world = World::new(Kind { referrers: api, ..Kind::default() });
        let image = world.image(Some("1"), "a");
        let bom = br#"{"spdxVersion":"SPDX-2.3"}"#;
        let sbom = world.attach(&image, "application/spdx+json", bom);
        let signature = world.attach(&sbom, NOTATION, BROKEN_JWS);
        if !api {
            world.fallback(&image, std::slice::from_ref(&sbom));
            world.fallback(&sbom, std::slice::from_ref(&signature));
        }
        let Walked { image, gaps, unread, .. } = world.walk(&image, &Limits::default());
        assert_eq!((gaps, unread), (Vec::<String>::new(), Vec::new()));
        assert_eq!(image.platform.as_deref(), Some("linux/arm64/v8"));
        assert_eq!(image.created.as_deref(), Some("2026-11-20T10:00:00Z"));
        assert_eq!(attached(&image), [(digest(&sbom), "SBOM (SPDX 2.3)", &[road][..])]);
        let found = &image.attached[0];
        assert_eq!(found.candidate, Some(format!("referrer {}", digest(&sbom))));
        assert_eq!(found.created.as_deref(), Some("2026-11-21T01:00:00Z"));
        assert_eq!(
            attached(found),
            [(digest(&signature), "Notation signature (JWS)", &[road][..])]
        );
        let broken = &found.attached[0].signatures[0];
        assert!(broken.problem.is_some() && broken.said.is_none());
        let state = image.asked.iter().find(|asked| asked.road == Road::Referrers).unwrap().state;
        assert_eq!(state, if api { State::Found } else { State::Absent });
    }
}

#[test]
fn goes_no_deeper_than_it_is_told() {
    let world = World::new(Kind::default());
    let image = world.image(None, "a");
    let mut above = image.clone();
    for depth in 0..5 {
        above = world.attach(&above, "application/x", format!("{{\"n\":{depth}}}").as_bytes());
    }
    let depth_of = |mut artifact: &Artifact| {
        let mut depth = 0;
        while let Some(below) = artifact.attached.first() {
            (artifact, depth) = (below, depth + 1);
        }
        depth
    };
    for depth in [0, 1, 3, 9] {
        let walked = world.walk(&image, &Limits { depth, ..Limits::default() });
        assert_eq!(depth_of(&walked.image), depth.min(5));
    }
}

#[test]
fn what_only_the_fallback_tag_lists_is_shown_and_said() {
    let world = World::new(Kind::default());
    let image = world.image(None, "a");
    let known = world.attach(&image, NOTATION, BROKEN_JWS);
    let other = world.image(None, "b");
    let lost = world.attach(&other, NOTATION, b"{\"payload\":2}");
    world.fallback(&image, &[known.clone(), lost.clone()]);
    let Walked { image, .. } = world.walk(&image, &Limits::default());
    let mut found = attached(&image);
    found.sort_by_key(|(_, _, roads)| roads.len());
    assert_eq!(found[0].0, digest(&lost));
    assert_eq!(found[0].2, [Road::FallbackTag]);
    assert_eq!(
        (found[1].0, found[1].2),
        (digest(&known), &[Road::Referrers, Road::FallbackTag][..])
    );
    assert!(image.notes[0].starts_with("1 listed by the fallback tag only"), "{:?}", image.notes);
    let lost = image.attached.iter().find(|a| a.digest == digest(&lost)).unwrap();
    assert!(lost.notes[0].contains(digest(&other)), "{:?}", lost.notes);
}

#[test]
fn a_fallback_tag_with_the_image_itself_is_said_and_leads_nowhere() {
    let world = World::new(Kind { referrers: false, ..Kind::default() });
    let image = world.image(Some("1"), "a");
    world.registry.tag(NAME, &digest(&image).replace(':', "-"), digest(&image));
    let walked = world.walk(&image, &Limits::default());
    assert!(walked.image.attached.is_empty());
    assert!(walked.image.notes[0].contains("it is an image"), "{:?}", walked.image.notes);

    // A list that names its own subject.
    world.fallback(&image, std::slice::from_ref(&image));
    let walked = world.walk(&image, &Limits::default());
    let [own] = walked.image.attached.as_slice() else { panic!("{:?}", walked.image.attached) };
    assert_eq!((&*own.digest, own.attached.len()), (digest(&image), 0));
    assert!(own.notes[0].contains("no `subject`"), "{:?}", own.notes);
}

#[test]
fn what_floods_one_type_hides_no_signature() {
    let world = World::new(Kind::default());
    let image = world.image(None, "a");
    for n in 0..30 {
        world.attach(&image, "application/x", format!("{n}").as_bytes());
    }
    let signature = world.attach(&image, NOTATION, BROKEN_JWS);
    let walked = world.walk(&image, &Limits { list: 5, ..Limits::default() });
    assert_eq!(walked.image.attached.len(), 6);
    assert_eq!(walked.image.attached[0].digest, digest(&signature));
    assert_eq!(walked.gaps, ["left out: 25 referrers"]);

    let few = Limits { manifests: 4, ..Limits::default() };
    let walked = world.walk(&image, &few);
    assert!(walked.gaps.contains(&"left out: more than 4 manifests".to_owned()));
    let walked = world.walk(&image, &Limits { fetches: 8, ..Limits::default() });
    assert!(walked.gaps.iter().any(|gap| gap.contains("more than 8 things")), "{:?}", walked.gaps);
    let walked = world.walk(&image, &Limits { bytes: 10, ..Limits::default() });
    assert!(walked.gaps.iter().any(|gap| gap.contains("more than 10 bytes")), "{:?}", walked.gaps);
}

#[test]
fn absent_denied_and_unavailable_stay_apart() {
    let world = World::new(Kind::default());
    let image = world.image(None, "a");
    let tag = digest(&image).replace(':', "-");
    let path = |what: &str| format!("/v2/{NAME}/{what}");
    world.registry.fault(Fault::on("GET", &path("referrers/*"), What::status(403)));
    world.registry.fault(Fault::on(
        "GET",
        &path(&format!("manifests/{tag}.att")),
        What::status(500),
    ));
    let walked = world.walk(&image, &Limits::default());
    let states: Vec<_> = walked
        .image
        .asked
        .iter()
        .map(|asked| (asked.tag.as_deref().map(|t| t.replace(&tag, "")), asked.state))
        .collect();
    let tagged = |ending: &str| Some(ending.to_owned());
    assert_eq!(
        states,
        [
            (tagged(".sig"), State::Absent),
            (tagged(".att"), State::Unavailable),
            (tagged(".sbom"), State::Absent),
            (tagged(".evidence"), State::Absent),
            (None, State::Denied),
            (tagged(""), State::Absent),
        ]
    );
    assert_eq!(walked.gaps.len(), 2, "{:?}", walked.gaps);
}

/// Answers every manifest with the same bytes.
struct Liar;

impl EvidenceSource for Liar {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let bytes = match fetch {
            Fetch::Manifest { .. } => br#"{"config":{"digest":"x"},"layers":[]}"#.to_vec(),
            _ => return Answer::Absent { message: String::new() },
        };
        Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
    }
}

#[test]
fn bytes_of_another_digest_are_not_looked_at() {
    let walked = walk(&Liar, "localhost/a", &sha256_of(b"other"), &Limits::default());
    assert_eq!(walked.image.notes, ["the bytes are not those of the digest"]);
    assert_eq!(walked.image.size, None);
    assert_eq!(walked.gaps.len(), 1);
}

#[test]
fn platforms_and_what_buildkit_says_of_them() {
    let world = World::new(Kind::default());
    let mut arm = world.image(None, "arm");
    let mut amd = world.image(None, "amd");
    amd["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{ "name": "x", "digest": { "sha256": digest(&amd).replace("sha256:", "") } }],
        "predicate": {},
    });
    let layer = world.blob(statement.to_string().as_bytes(), "application/vnd.in-toto+json");
    let mut said = world.push(
        None,
        &json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": world.blob(b"{}", CONFIG),
            "layers": [layer],
        }),
    );
    said["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    said["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest(&amd),
    });
    arm["platform"] = json!({ "os": "linux", "architecture": "arm" });
    let signature = world.attach(&amd, NOTATION, BROKEN_JWS);
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [amd, arm, said] });
    let index = world.push(Some("1"), &index);

    let Walked { image, gaps, .. } = world.walk(&index, &Limits::default());
    assert_eq!(gaps, Vec::<String>::new());
    assert_eq!(image.what, "OCI image index");
    let platforms: Vec<_> =
        image.platforms.iter().map(|p| p.platform.as_deref().unwrap()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm"]);
    let [signed, stated] = image.platforms[0].attached.as_slice() else { panic!() };
    assert_eq!(signed.digest, digest(&signature));
    assert_eq!(stated.digest, digest(&said));
    let statement = &stated.signatures[0];
    assert_eq!(statement.what, "BuildKit statement: SLSA provenance v0.2");
    assert_eq!(statement.candidate, format!("statement {} in the index", digest(&layer)));
    assert!(image.platforms[1].attached.is_empty());

    let walked = world.walk(&index, &Limits { platforms: 1, ..Limits::default() });
    assert_eq!(walked.image.platforms.len(), 1);
    assert_eq!(walked.gaps, ["left out: 1 platforms"]);
}

#[test]
fn asks_for_each_thing_once_and_in_few_rounds() {
    let world = World::new(Kind::default());
    let image = world.image(None, "a");
    world.attach(&image, NOTATION, BROKEN_JWS);
    let _ = world.registry.take_log();
    world.walk(&image, &Limits::default());
    let mut paths: Vec<_> = world.registry.take_log().into_iter().map(|l| l.path).collect();
    // The image, its configuration, four tags, the API, the fallback tag; manifest and envelope.
    assert_eq!(paths.len(), 10, "{paths:#?}");
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 10);
}
