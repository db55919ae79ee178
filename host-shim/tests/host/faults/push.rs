//! Uploads, good and bad.

use std::{
    io::{Cursor, Read},
    time::{Duration, Instant},
};

use countersign_host::{
    http::Timeouts,
    registry::{Options, Registry as Client, RegistryError, Repository, sha256_of},
};
use loopback_registry::{Auth, Fault, MANIFEST, Options as Kind, TokenService, User, What};
use serde_json::json;

use super::{Known, NAME, World, anonymous, options};

fn place(world: &World, name: &str) -> Repository {
    Repository::parse(&world.registry.repository(name)).unwrap()
}

fn push(client: &Client, to: &Repository, bytes: &'static [u8]) -> Result<(), RegistryError> {
    client.push_blob(to, &sha256_of(bytes), bytes.len() as u64, Cursor::new(bytes))
}

fn manifest_with(blob: &str) -> String {
    let part = json!({ "mediaType": "application/octet-stream", "digest": blob, "size": 6 });
    json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": part, "layers": [part] })
        .to_string()
}

#[test]
fn what_is_pushed_is_there() {
    let world = World::new(Kind::default());
    let (client, to) = (anonymous(), place(&world, "new/app"));
    push(&client, &to, b"pushed").unwrap();
    let digest = sha256_of(b"pushed");
    assert_eq!(client.blob(&to, &digest, 100).unwrap(), b"pushed");
    assert!(client.has_blob(&to, &digest).unwrap());
    assert!(!client.has_blob(&to, &sha256_of(b"x")).unwrap());
    let manifest = manifest_with(&digest);
    let pushed = client.push_manifest(&to, "1", MANIFEST, manifest.as_bytes()).unwrap();
    assert!(!pushed.lists_subject);
    assert_eq!(client.manifest(&to, "1", 1000).unwrap().bytes, manifest.as_bytes());
    assert!(client.has_manifest(&to, &sha256_of(manifest.as_bytes())).unwrap());
    assert_eq!(client.tags(&to).unwrap(), ["1"]);
}

#[test]
fn tags_come_page_by_page_and_end() {
    let world = World::new(Kind { page_size: Some(2), ..Kind::default() });
    for tag in ["2", "3", "4", "5"] {
        world.registry.tag(NAME, tag, &world.image);
    }
    let to = place(&world, NAME);
    assert_eq!(anonymous().tags(&to).unwrap(), ["1", "2", "3", "4", "5"]);
    world.registry.fault(Fault::new(What::EndlessPages));
    assert!(matches!(anonymous().tags(&to), Err(RegistryError::Garbled(_))));
}

#[test]
fn a_registry_with_the_referrers_api_says_that_it_lists_a_subject() {
    for referrers in [true, false] {
        let world = World::new(Kind { referrers, ..Kind::default() });
        let to = place(&world, NAME);
        let part =
            json!({ "mediaType": "application/octet-stream", "digest": world.blob, "size": 6 });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": part, "layers": [part],
            "subject": { "mediaType": MANIFEST, "digest": world.image, "size": 1 },
        });
        let bytes = manifest.to_string();
        let digest = sha256_of(bytes.as_bytes());
        let pushed = anonymous().push_manifest(&to, &digest, MANIFEST, bytes.as_bytes()).unwrap();
        assert_eq!(pushed.lists_subject, referrers);
    }
}

#[test]
fn what_a_registry_refuses_is_said_in_its_words() {
    let world = World::new(Kind { immutable_tags: true, ..Kind::default() });
    let (client, to) = (anonymous(), place(&world, NAME));
    let missing = manifest_with(&sha256_of(b"nowhere"));
    let error = client.push_manifest(&to, "2", MANIFEST, missing.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("MANIFEST_BLOB_UNKNOWN"), "{error}");
    let other = manifest_with(&world.blob);
    let error = client.push_manifest(&to, "1", MANIFEST, other.as_bytes()).unwrap_err();
    assert!(!matches!(error, RegistryError::Transport(_) | RegistryError::Garbled(_)), "{error:?}");
    let digest = sha256_of(b"something else");
    let error = client.push_manifest(&to, &digest, MANIFEST, other.as_bytes()).unwrap_err();
    assert!(matches!(error, RegistryError::Unsupported(_)), "{error:?}");
    let large = vec![b' '; (4 << 20) + 1];
    let error = client.push_manifest(&to, "3", MANIFEST, &large).unwrap_err();
    assert_eq!(error, RegistryError::TooLarge(4 << 20));
}

#[test]
fn what_is_not_of_its_digest_is_not_taken() {
    let world = World::new(Kind::default());
    let (client, to) = (anonymous(), place(&world, NAME));
    let error = client.push_blob(&to, &sha256_of(b"right"), 5, Cursor::new(b"wrong")).unwrap_err();
    assert!(matches!(error, RegistryError::Refused(_)), "{error:?}");
    assert!(!client.has_blob(&to, &sha256_of(b"wrong")).unwrap());
}

#[test]
fn what_can_be_sent_again_is_and_a_stream_is_not() {
    let world = World::new(Kind::default());
    let (client, to) = (anonymous(), place(&world, NAME));
    world.registry.fault(Fault::on("POST", "*", What::status(503)).times(1));
    push(&client, &to, b"after a pause").unwrap();
    world.registry.fault(Fault::on("PUT", "*/manifests/*", What::LoseReply).times(1));
    let manifest = manifest_with(&world.blob);
    client.push_manifest(&to, "2", MANIFEST, manifest.as_bytes()).unwrap();
    world.registry.fault(Fault::on("PUT", "*/uploads/*", What::status(500)));
    let _ = world.registry.take_log();
    let error = push(&client, &to, b"another").unwrap_err();
    assert!(matches!(error, RegistryError::Transport(_)), "{error:?}");
    assert_eq!(world.registry.log().len(), 2);
}

#[test]
fn an_upload_elsewhere_carries_no_credentials() {
    let storage = World::new(Kind::default());
    let users = vec![User::new("ann", "secret")];
    let world = World::new(Kind { auth: Auth::Basic(users), ..Kind::default() });
    let there = format!("{}/v2/{NAME}/blobs/uploads/1", storage.registry.url());
    world.registry.fault(Fault::on("POST", "*", What::Header("Location".into(), Some(there))));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    let _ = push(&client, &place(&world, NAME), b"pushed");
    let log = storage.registry.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].header("authorization"), None);
}

#[test]
fn a_token_for_pushing_is_another_than_one_for_pulling() {
    let world = World::new(Kind {
        auth: Auth::Bearer(TokenService::new(vec![User::new("ann", "secret")])),
        ..Kind::default()
    });
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    let to = place(&world, NAME);
    assert!(client.has_blob(&to, &world.blob).unwrap());
    push(&client, &to, b"pushed").unwrap();
    let scopes: Vec<String> = world
        .registry
        .log()
        .iter()
        .filter_map(|logged| Some(logged.path.split_once("scope=")?.1.to_owned()))
        .collect();
    assert_eq!(scopes, ["repository%3Aacme%2Fapp%3Apull", "repository%3Aacme%2Fapp%3Apull%2Cpush"]);
}

#[test]
fn a_blob_larger_than_an_answer_may_be_is_seen_to_be_there() {
    let world = World::new(Kind::default());
    let large = world.registry.push_blob(NAME, &vec![7; 5 << 20]);
    let (client, to) = (anonymous(), place(&world, NAME));
    assert_eq!(client.has_blob(&to, &large), Ok(true));
}

/// Some bytes, and a pause before each.
struct Dripping(usize);

impl Read for Dripping {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let some = buffer.len().min(1).min(self.0);
        std::thread::sleep(Duration::from_millis(if some > 0 { 40 } else { 0 }));
        buffer[..some].fill(b'd');
        self.0 -= some;
        Ok(some)
    }
}

#[test]
fn an_upload_may_take_long_and_not_be_silent_long() {
    let idle = Duration::from_secs(2);
    let request = Duration::from_secs(30);
    let timeouts = Timeouts { idle, request, ..options().timeouts };
    let client = Client::with_credentials(
        &Options { timeouts, ..options() },
        std::sync::Arc::new(Known::default()),
    );
    let world = World::new(Kind::default());
    let to = place(&world, NAME);
    let (digest, since) = (sha256_of(&[b'd'; 60]), Instant::now());
    client.push_blob(&to, &digest, 60, Dripping(60)).unwrap();
    assert!(since.elapsed() > idle, "it was meant to take longer than {idle:?}");
    assert_eq!(client.blob(&to, &digest, 100).unwrap(), [b'd'; 60]);

    world.registry.fault(Fault::on("PUT", "*", What::Delay(Duration::from_secs(60))));
    let since = Instant::now();
    let error = push(&client, &to, b"never answered").unwrap_err();
    assert!(error.to_string().contains("timed out"), "{error}");
    assert!(since.elapsed() < 10 * idle, "{:?}", since.elapsed());
}

#[test]
fn a_challenge_from_where_an_upload_went_is_not_the_registrys() {
    let storage =
        World::new(Kind { auth: Auth::Basic(vec![User::new("ann", "secret")]), ..Kind::default() });
    let world = World::new(Kind::default());
    let there = format!("{}/v2/{NAME}/blobs/uploads/1", storage.registry.url());
    world.registry.fault(Fault::on("POST", "*", What::Header("Location".into(), Some(there))));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    let error = push(&client, &place(&world, NAME), b"pushed").unwrap_err();
    assert!(matches!(error, RegistryError::Denied(_)), "{error:?}");
    assert_eq!(storage.registry.log().len(), 1);
    let _ = client.has_blob(&place(&world, NAME), &world.blob);
    assert!(world.registry.log().iter().all(|logged| logged.header("authorization").is_none()));
}

#[test]
fn blobs_are_taken_over_within_one_registry_only() {
    let world = World::new(Kind::default());
    let other = World::new(Kind::default());
    let client = anonymous();
    let (from, to) = (place(&world, NAME), place(&world, "new/app"));
    assert!(client.mount_blob(&to, &world.blob, &from).unwrap());
    assert!(client.has_blob(&to, &world.blob).unwrap());
    assert!(!client.mount_blob(&to, &sha256_of(b"nowhere"), &from).unwrap());
    let _ = other.registry.take_log();
    assert!(!client.mount_blob(&place(&other, NAME), &world.blob, &from).unwrap());
    assert!(other.registry.log().is_empty());
}

#[test]
fn a_blob_of_any_size_is_read_as_it_comes_and_checked_at_its_end() {
    use std::io::Read;
    let world = World::new(Kind::default());
    let (client, to) = (anonymous(), place(&world, NAME));
    let read = |size: u64| {
        let mut bytes = Vec::new();
        let mut reader = client.open_blob(&to, &world.blob, size).map_err(|e| e.to_string())?;
        reader.read_to_end(&mut bytes).map(|_| bytes).map_err(|e| e.to_string())
    };
    assert_eq!(read(6).unwrap(), b"a blob");
    assert!(read(7).unwrap_err().contains("size of its descriptor"));
    world.registry.fault(Fault::new(What::WrongBytes));
    assert!(read(6).unwrap_err().contains("has the digest"));
    world.registry.clear_faults();
    world.registry.fault(Fault::new(What::CutBody(3)));
    assert!(read(6).is_err());
    world.registry.clear_faults();
    world.registry.fault(Fault::new(What::NoLength));
    world.registry.fault(Fault::new(What::Flood(1 << 20)));
    assert!(read(6).unwrap_err().contains("more bytes"));
}
