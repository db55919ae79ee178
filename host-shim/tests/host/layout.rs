use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use countersign_host::source::{Layout, LayoutError, Selector};
use serde_json::{Value, json};

use crate::scratch::{INDEX, MANIFEST, Scratch, image, tag};

const LIMIT: u64 = 4 << 20;

fn open(scratch: &Scratch) -> Layout {
    Layout::open(scratch.path(), Some(Selector::Tag("1".to_owned())), None).unwrap()
}

fn blob(digest: &str, max_bytes: u64) -> Fetch {
    Fetch::Blob { repository: "localhost/x".to_owned(), digest: digest.to_owned(), max_bytes }
}

fn manifest(digest: &str) -> Fetch {
    let repository = "localhost/x".to_owned();
    Fetch::Manifest { repository, digest: digest.to_owned(), max_bytes: LIMIT }
}

fn referrers(digest: &str, max_bytes: u64) -> Fetch {
    Fetch::Referrers { repository: "localhost/x".to_owned(), digest: digest.to_owned(), max_bytes }
}

fn reason(answer: &Answer) -> Option<UnavailableReason> {
    match answer {
        Answer::Unavailable { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn resolves_reads_and_says_what_is_not_there() {
    let scratch = Scratch::new();
    let one = scratch.manifest(&image("a"), tag("1"));
    scratch.index(std::slice::from_ref(&one));
    let layout = open(&scratch);
    let digest = one["digest"].as_str().unwrap();
    let resolve =
        |tag: &str| layout.answer(&Fetch::Resolve { reference: format!("localhost:5000/x:{tag}") });
    assert_eq!(resolve("1"), Answer::Resolved { digest: digest.to_owned() });
    assert!(matches!(resolve("2"), Answer::Absent { .. }));
    let Answer::Found { bytes: Bytes(bytes), media_type, .. } = layout.answer(&manifest(digest))
    else {
        panic!()
    };
    assert_eq!(bytes, image("a").to_string().into_bytes());
    assert_eq!(media_type.as_deref(), Some(MANIFEST));
    let nothing = format!("sha256:{}", "0".repeat(64));
    assert!(matches!(layout.answer(&blob(&nothing, LIMIT)), Answer::Absent { .. }));
    assert!(matches!(layout.answer(&referrers(digest, LIMIT)), Answer::Absent { .. }));
}

#[test]
fn a_digest_is_never_a_path() {
    let scratch = Scratch::new();
    scratch.write("blobs/secret", "secret");
    scratch.write("blobs/sha256/secret", "secret");
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let layout = open(&scratch);
    for digest in [
        "sha256:../secret",
        "../blobs:secret",
        "sha256:secret",
        "sha256:",
        "sha256",
        "",
        "/etc:passwd",
        &format!("sha256:{}", "A".repeat(64)),
        &format!("sha256:{}/", "a".repeat(63)),
        &format!("md5:{}", "a".repeat(32)),
    ] {
        let answer = layout.answer(&blob(digest, LIMIT));
        assert_eq!(reason(&answer), Some(UnavailableReason::Unsupported), "{digest}");
        let answer = Layout::open(scratch.path(), Some(Selector::Digest(digest.into())), None);
        assert!(matches!(answer, Err(LayoutError::BadSelector(_))), "{digest}");
    }
}

#[test]
fn stops_at_the_limit_and_at_what_is_no_file() {
    let scratch = Scratch::new();
    let large = scratch.blob(vec![7; 1000]);
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let layout = open(&scratch);
    assert!(matches!(layout.answer(&blob(&large, 1000)), Answer::Found { .. }));
    let answer = layout.answer(&blob(&large, 999));
    assert_eq!(reason(&answer), Some(UnavailableReason::TooLarge));
    let directory = "b".repeat(64);
    scratch.write(&format!("blobs/sha256/{directory}/x"), "");
    let answer = layout.answer(&blob(&format!("sha256:{directory}"), LIMIT));
    assert_eq!(reason(&answer), Some(UnavailableReason::Transport));
}

#[test]
fn finds_referrers_and_types_them_as_the_specification_says() {
    let scratch = Scratch::new();
    let subject = scratch.manifest(&image("a"), tag("1"));
    let digest = subject["digest"].as_str().unwrap().to_owned();
    let mut typed = image("t");
    typed["subject"] = subject.clone();
    typed["artifactType"] = "application/typed".into();
    typed["annotations"] = json!({ "k": "v" });
    let mut untyped = image("u");
    untyped["subject"] = subject.clone();
    let typed = scratch.manifest(&typed, json!({ "not": "this" }));
    let untyped = scratch.manifest(&untyped, json!({}));
    scratch.index(&[subject, typed.clone(), untyped, typed]);
    let layout = Layout::open(scratch.path(), None, None).unwrap();
    let Answer::Found { bytes, media_type, .. } = layout.answer(&referrers(&digest, LIMIT)) else {
        panic!()
    };
    assert_eq!(media_type.as_deref(), Some(INDEX));
    let index: Value = serde_json::from_slice(&bytes.0).unwrap();
    let listed = index["manifests"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["artifactType"], "application/typed");
    assert_eq!(listed[0]["annotations"], json!({ "k": "v" }));
    assert_eq!(listed[1]["artifactType"], "application/vnd.oci.image.config.v1+json");
    let answer = layout.answer(&referrers(&digest, 10));
    assert_eq!(reason(&answer), Some(UnavailableReason::TooLarge));
}

#[test]
fn takes_the_only_image_and_asks_where_there_are_several() {
    let scratch = Scratch::new();
    let one = scratch.manifest(&image("a"), tag("1"));
    let evidence = format!("sha256-{}", one["digest"].as_str().unwrap().split_at(7).1);
    let signature = scratch.manifest(&image("s"), tag(&format!("{evidence}.sig")));
    let fallback = scratch.manifest(&image("f"), tag(&evidence));
    scratch.index(&[one, signature, fallback]);
    let layout = Layout::open(scratch.path(), None, Some("ghcr.io/acme/app")).unwrap();
    assert_eq!(layout.reference(), "ghcr.io/acme/app:1");

    let other = scratch.manifest(&image("b"), tag("2"));
    scratch.index(&[scratch.manifest(&image("a"), tag("1")), other]);
    let error = Layout::open(scratch.path(), None, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the layout does not hold exactly one image: name a tag of `1`, `2`"
    );
}

#[test]
fn names_itself_by_option_then_by_annotation_then_by_directory() {
    let scratch = Scratch::new();
    let mut annotations = tag("1");
    annotations["io.containerd.image.name"] = "ghcr.io:443/acme/app:1.0".into();
    scratch.index(&[scratch.manifest(&image("a"), annotations)]);
    assert_eq!(open(&scratch).reference(), "ghcr.io:443/acme/app:1");
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let directory = scratch.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(open(&scratch).reference(), format!("localhost/{directory}:1"));
}

#[test]
fn two_images_of_one_tag_are_no_answer() {
    let scratch = Scratch::new();
    let entries =
        [scratch.manifest(&image("a"), tag("1")), scratch.manifest(&image("b"), tag("1"))];
    scratch.index(&entries);
    let layout = open(&scratch);
    let answer = layout.answer(&Fetch::Resolve { reference: "localhost/x:1".to_owned() });
    assert_eq!(reason(&answer), Some(UnavailableReason::Garbled));
}

#[test]
fn what_is_no_layout_says_so() {
    let scratch = Scratch::new();
    let open = || Layout::open(scratch.path(), None, None).unwrap_err();
    assert!(matches!(open(), LayoutError::Unreadable(_)));
    for text in ["", "[]", "{\"manifests\": 1}"] {
        scratch.write("index.json", text);
        assert!(matches!(open(), LayoutError::Malformed(_)), "{text}");
    }
    scratch.write("index.json", "{\"manifests\": [1, null, {\"digest\": 5}]}");
    assert!(matches!(open(), LayoutError::Ambiguous { .. }));
}
