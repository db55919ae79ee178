//! `keyless`, `keylessPrefix` and `githubActions`.

use serde_json::{Value, json};

use crate::{
    sigstore::{IDENTITY, ISSUER, Signing, Sigstore, Who, certificate::San, keys::Key},
    world::{World, one, signing},
};

/// A keyless signature by somebody else, of the same issuer.
fn by(identity: &str) -> Signing {
    let mut plan = workflow();
    plan.certificate = plan.certificate.sans(&[San::Uri(identity)]);
    plan
}

/// With all that Fulcio says of a workflow.
fn workflow() -> Signing {
    let mut plan = signing();
    plan.certificate = plan.certificate.github();
    plan
}

fn keyless(identities: &[(&str, &str)]) -> Value {
    let each = |(issuer, subject): &(&str, &str)| json!({ "issuer": issuer, "subject": subject });
    one(json!({ "keyless": identities.iter().map(each).collect::<Vec<_>>() }))
}

fn prefix(issuer: &str, url: &str) -> Value {
    one(json!({ "keylessPrefix": [{ "issuer": issuer, "urlPrefix": url }] }))
}

const OTHER: &str = "https://github.com/acme/other/.github/workflows/ci.yml@refs/tags/v1";

#[test]
fn identities_match_exactly_and_each_must_have_signed() {
    let world = World::signed(signing());
    for (issuer, subject, expected) in [
        (ISSUER, IDENTITY, "allow"),
        (ISSUER, "https://github.com/acme/app", "identity.mismatch"),
        (ISSUER, "kubewarden", "identity.mismatch"),
        ("https://github.com/login/oauth", IDENTITY, "issuer.mismatch"),
    ] {
        assert_eq!(world.verdict(&keyless(&[(issuer, subject)])), expected, "{issuer} {subject}");
    }
    let both = [(ISSUER, IDENTITY), (ISSUER, OTHER)];
    assert_eq!(world.verdict(&keyless(&both)), "identity.mismatch");
    let signed_by_both = World::signed(signing()).and(by(OTHER), &json!(null), |_| {});
    assert_eq!(signed_by_both.verdict(&keyless(&both)), "allow");
}

#[test]
fn a_prefix_ends_at_a_segment() {
    let world = World::signed(signing());
    for (issuer, url, expected) in [
        (ISSUER, "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/", "allow"),
        (ISSUER, "https://github.com/acme/app/", "allow"),
        (ISSUER, "https://github.com/acme/app", "allow"),
        (ISSUER, "https://GitHub.com/acme", "allow"),
        (ISSUER, "https://github.com/acm", "identity.mismatch"),
        (
            ISSUER,
            "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/",
            "identity.mismatch",
        ),
        // A prefix is no pattern.
        (ISSUER, "https://github.com/a.me/app/", "identity.mismatch"),
        ("https://issuer.test", "https://github.com/acme/app/", "issuer.mismatch"),
    ] {
        assert_eq!(world.verdict(&prefix(issuer, url)), expected, "{issuer} {url}");
    }
}

#[test]
fn github_actions_are_known_by_owner_and_repository() {
    let world = World::signed(workflow());
    for (actions, expected) in [
        (json!({ "owner": "acme" }), "allow"),
        (json!({ "owner": "acme", "repo": "app" }), "allow"),
        (json!({ "owner": "acme", "repo": null }), "allow"),
        (json!({ "owner": "acme", "repo": "other" }), "extension.mismatch"),
        (json!({ "owner": "acm" }), "extension.mismatch"),
        (json!({ "owner": "ac.e" }), "extension.mismatch"),
        (json!({ "owner": "Acme" }), "extension.mismatch"),
    ] {
        let settings = one(json!({ "githubActions": actions }));
        assert_eq!(world.verdict(&settings), expected, "{actions}");
    }
    // Elsewhere, or of no workflow.
    for identity in
        ["https://gitlab.com/acme/app/ci.yml@refs/heads/main", "https://github.com/acme"]
    {
        let world = World::signed(by(identity));
        let settings = one(json!({ "githubActions": { "owner": "acme" } }));
        assert_eq!(world.verdict(&settings), "identity.mismatch", "{identity}");
    }
}

#[test]
fn the_workflows_repository_counts_not_that_of_its_file() {
    let mut plan =
        by("https://github.com/shared/workflows/.github/workflows/sign.yml@refs/heads/main");
    plan.certificate = plan.certificate.fulcio(5, "acme/app");
    let world = World::signed(plan);
    let of = |owner: &str| world.verdict(&one(json!({ "githubActions": { "owner": owner } })));
    assert_eq!(of("acme"), "allow");
    assert_eq!(of("shared"), "extension.mismatch");
}

/// A difference: the old host looks at no certificate-transparency log.
#[test]
fn a_certificate_that_no_transparency_log_has_seen_is_refused() {
    let mut plan = signing();
    plan.scts.clear();
    let verdict = World::signed(plan).verdict(&keyless(&[(ISSUER, IDENTITY)]));
    assert_eq!(verdict, "sct.absent");
}

#[test]
fn a_log_entry_is_needed_and_a_key_is_no_identity() {
    let unlogged = World::signed(signing().unlogged());
    assert_eq!(unlogged.verdict(&keyless(&[(ISSUER, IDENTITY)])), "logEntry.absent");
    let by_key = World::signed(signing().key(Key::p256("a")).who(Who::Key));
    assert_eq!(by_key.verdict(&keyless(&[(ISSUER, IDENTITY)])), "certificate.absent");
    let elsewhere = Sigstore::named("two").signing(b"");
    let other = World::signed(elsewhere);
    assert_ne!(other.verdict(&keyless(&[(ISSUER, IDENTITY)])), "allow");
}
