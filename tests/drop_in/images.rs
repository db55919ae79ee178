//! `image`: which images an entry is for.

use serde_json::{Value, json};

use crate::{
    sigstore::keys::Key,
    world::{World, digest, image, verdict},
};

/// Somebody who has signed nothing: what an entry is for is refused, all else is allowed.
fn nobody(image: &str) -> Value {
    json!({ "signatures": [{ "image": image, "pubKeys": [Key::p256("nobody").public_pem()] }] })
}

#[test]
fn images_are_matched_by_wildcards_over_the_whole_reference() {
    let at = format!("@{}", digest(&image()));
    let world = World::new();
    for (pattern, asked, is_for) in [
        ("*", "nginx", true),
        ("ghcr.io/kubewarden/*", "ghcr.io/kubewarden/a/b:1", true),
        ("ghcr.io/kubewarden/*", "ghcr.io/kubewardenevil/a:1", false),
        ("ghcr.io/kubewarden/*", "ghcr.io/other/a:1", false),
        ("*:v?", "ghcr.io/a/b:v1", true),
        ("*:v?", "ghcr.io/a/b:v10", false),
        ("ghcr.io/a/b:signed", "ghcr.io/a/b:signed", true),
        ("ghcr.io/a/b:signed", "ghcr.io/a/b:unsigned", false),
        ("ghcr.io/a/b:*", &format!("ghcr.io/a/b:1{at}"), true),
        ("nginx", "nginx", true),
        ("nginx:1", "nginx:2", false),
        // Differences: these spellings go past the old policy.
        ("ghcr.io/kubewarden/*", "GHCR.io/kubewarden/a:1", true),
        ("ghcr.io/kubewarden/*", "ghcr.io:443/kubewarden/a:1", true),
        ("ghcr.io/a/b:signed", &format!("ghcr.io/a/b:signed{at}"), true),
        ("nginx:*", "docker.io/library/nginx:1", true),
        ("docker.io/library/*", "nginx:1", true),
        ("ghcr.io/a/b:latest", "ghcr.io/a/b", true),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest", true),
        ("ghcr.io/a/b", "ghcr.io/a/b:1", false),
    ] {
        let expected = if is_for { "signatures.none" } else { "allow" };
        let decision = world.decide_on(&nobody(pattern), asked);
        assert_eq!(verdict(&decision), expected, "{pattern} {asked}");
    }
}

#[test]
fn every_entry_that_is_for_an_image_must_hold() {
    use crate::{sigstore::Who, world::signing};
    let plan = signing().key(Key::p256("a")).who(Who::Key).unlogged();
    let world = World::signed(plan);
    let entry = |image: &str, key: &str| json!({ "image": image, "pubKeys": [Key::p256(key).public_pem()] });
    for (entries, expected) in [
        (json!([entry("*", "a")]), "allow"),
        (json!([entry("*", "a"), entry("other.test/*", "b")]), "allow"),
        (json!([entry("*", "a"), entry("registry.test/*", "b")]), "signature.invalid"),
        (json!([entry("*", "b"), entry("registry.test/*", "a")]), "signature.invalid"),
        (json!([entry("other.test/*", "b")]), "allow"),
    ] {
        let settings = json!({ "signatures": entries });
        assert_eq!(world.verdict(&settings), expected, "{entries}");
    }
}

#[test]
fn an_image_that_is_verified_is_pinned_unless_the_settings_say_otherwise() {
    use crate::{sigstore::Who, world::signing};
    let world = World::signed(signing().key(Key::p256("a")).who(Who::Key).unlogged());
    let mut settings = crate::world::one(json!({ "pubKeys": [Key::p256("a").public_pem()] }));
    let pinned = format!("registry.test/acme/app:1@{}", digest(&image()));
    for (modify, expected) in
        [(None, Some(&pinned)), (Some(true), Some(&pinned)), (Some(false), None)]
    {
        if let Some(modify) = modify {
            settings["modifyImagesWithDigest"] = json!(modify);
        }
        let decision = world.decide_on(&settings, crate::world::IMAGE);
        assert_eq!(verdict(&decision), "allow");
        assert_eq!(decision.patches.first().map(|p| &p.new), expected, "{modify:?}");
        // What no longer is what it says: a tag may move before it runs.
        assert_eq!(
            decision.warnings.len(),
            usize::from(expected.is_none()),
            "{:?}",
            decision.warnings
        );
    }
    // What no entry is for stays as it is.
    let decision = world.decide_on(&nobody("other.test/*"), crate::world::IMAGE);
    assert_eq!((verdict(&decision).as_str(), decision.patches.len()), ("allow", 0));
}
