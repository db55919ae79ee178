//! Requirements 112 to 116: verification plugins that are built in, of which AWS Signer is the one.
//!
//! The rules are those of its plugin's own tests (`internal/verifier/verifier_test.go`), and of
//! notation-go's `TestVerificationPluginInteractions`.

use countersign::{
    policy::Policy,
    trust::TrustedIdentity,
    verdict::Code::{self, *},
    verify::notation::{Level, Profile, Revocation},
    wire::{Mark, Node},
};
use serde_json::{Value as Json, json};

use crate::{
    draft::{AUTHENTIC, Draft, Format, MIN_VERSION, PLUGIN, SCHEME, Value, field, text},
    host::{Host, draft, pem},
    made::{NOW as THEN, World},
    pki::Key,
    setup::{BOTH, Case, JWS, SIGNED_AT, Setup, run},
};

const OK: Result<(), Code> = Ok(());

const NAME: &str = "com.amazonaws.signer.notation.plugin";
const VERSION_ATTRIBUTE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB_ATTRIBUTE: &str = "com.amazonaws.signer.signingJob";
const ALIAS_ATTRIBUTE: &str = "com.amazonaws.signer.signingProfileAlias";

const RELEASE: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release";
const VERSION: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/OF8IVUsPJq";
const NEWER: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/AAAAAAAAAA";
const OTHER: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/nightly";
const ALIASED: &str =
    "arn:aws:signer:us-west-2::/aliased-signing-profiles/db4a39f3-f858-4b92-8623-8b4c41649972";
const ALIAS: &str = "arn:aws:signer:::/aliases/com.acme.release";
const JOB: &str =
    "arn:aws:signer:us-west-2:111122223333:/signing-jobs/97af3947-e7b2-4533-8d9d-6741156f0b79";
const SUBJECT: &str = "x509.subject: C=US, ST=WA, O=Acme";

const CRITICAL: [&str; 5] = [SCHEME, AUTHENTIC, PLUGIN, VERSION_ATTRIBUTE, JOB_ATTRIBUTE];

/// What AWS Signer signs, as `notation inspect` shows it.
fn by_aws(draft: &mut Draft, time: i64) {
    draft.by_authority(time);
    draft.set(field(PLUGIN), text(NAME));
    draft.set(field(VERSION_ATTRIBUTE), text(VERSION));
    draft.set(field(JOB_ATTRIBUTE), text(JOB));
    draft.crit(&CRITICAL);
}

fn aws(s: &mut Setup, identities: &[&str]) {
    s.by_signing_authority(SIGNED_AT);
    by_aws(&mut s.draft, SIGNED_AT);
    s.identities(identities);
}

fn needs_version(s: &mut Setup, version: &str) {
    aws(s, &[RELEASE]);
    s.draft.set(field(MIN_VERSION), text(version));
    s.draft.crit(&[&CRITICAL[..], &[MIN_VERSION]].concat());
}

fn with_alias(s: &mut Setup, identities: &[&str]) {
    aws(s, identities);
    s.draft.set(field(ALIAS_ATTRIBUTE), text(ALIAS));
    s.draft.crit(&[&CRITICAL[..], &[ALIAS_ATTRIBUTE]].concat());
}

/// Under every level and in both profiles.
fn everywhere(cases: &[Case]) {
    for level in [Level::Strict, Level::Permissive, Level::Audit] {
        for profile in [Profile::Spec, Profile::Compat] {
            let mut wrong = Vec::new();
            for (requirement, name, formats, expected, make) in cases {
                for format in *formats {
                    let mut setup = Setup::new(*format);
                    make(&mut setup);
                    setup.level(level);
                    setup.authority.profile = profile;
                    let found = setup.verify().0.map(|_| ()).map_err(|r| r.reason.code);
                    if found != *expected {
                        wrong.push(format!("{requirement} {name} ({format:?}): {found:?}"));
                    }
                }
            }
            assert!(wrong.is_empty(), "{level:?} {profile:?}\n{}", wrong.join("\n"));
        }
    }
}

#[test]
fn who_has_signed_is_a_signing_profile() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("115", "the profile", BOTH, OK, |s| aws(s, &[RELEASE])),
        ("115", "the version", BOTH, OK, |s| aws(s, &[VERSION])),
        ("115", "another version", BOTH, Err(IdentityUntrusted), |s| aws(s, &[NEWER])),
        ("115", "another profile", BOTH, Err(IdentityUntrusted), |s| aws(s, &[OTHER])),
        ("115", "another account", JWS, Err(IdentityUntrusted), |s| aws(s, &[&RELEASE.replace("1111", "2222")])),
        ("115", "another region", JWS, Err(IdentityUntrusted), |s| aws(s, &[&RELEASE.replace("us-west-2", "us-west-1")])),
        ("115", "another partition", JWS, Err(IdentityUntrusted), |s| aws(s, &[&RELEASE.replace("arn:aws:", "arn:aws-cn:")])),
        ("115", "one of several", BOTH, OK, |s| aws(s, &[OTHER, SUBJECT, RELEASE])),
        ("115", "the profile in capitals", JWS, OK, |s| aws(s, &[&RELEASE.replace("release", "RELEASE")])),
        ("115", "a name that only begins alike", JWS, Err(IdentityUntrusted), |s| aws(s, &[&RELEASE[..RELEASE.len() - 1]])),
        // With the capability TRUSTED_IDENTITY the subject is not looked at.
        ("114", "the subject of the certificate, which is AWS's", BOTH, Err(IdentityUntrusted), |s| aws(s, &[SUBJECT])),
        ("115", "another profile at audit", BOTH, OK, |s| {
            aws(s, &[OTHER]);
            s.level(Level::Audit);
        }),
        ("115", "another profile, permissive", JWS, Err(IdentityUntrusted), |s| {
            aws(s, &[OTHER]);
            s.level(Level::Permissive);
        }),
        ("115", "a profile, where no plugin is named", BOTH, Err(IdentityUntrusted), |s| s.identities(&[RELEASE])),
        ("115", "a profile, where attributes are there and no plugin", BOTH, Err(NotationCritical), |s| {
            aws(s, &[RELEASE]);
            s.draft.remove(field(PLUGIN));
            s.draft.crit(&[SCHEME, AUTHENTIC, VERSION_ATTRIBUTE, JOB_ATTRIBUTE]);
        }),
        ("115", "the same, not critical", BOTH, Err(IdentityUntrusted), |s| {
            aws(s, &[RELEASE]);
            s.draft.remove(field(PLUGIN));
            s.draft.crit(&[SCHEME, AUTHENTIC]);
        }),
        ("115", "an alias", BOTH, OK, |s| with_alias(s, &[ALIAS])),
        ("115", "another alias", JWS, Err(IdentityUntrusted), |s| with_alias(s, &["arn:aws:signer:::/aliases/com.acme.other"])),
        ("115", "the profile of a signature with an alias", JWS, OK, |s| with_alias(s, &[RELEASE])),
        ("115", "an alias that is not critical", JWS, Err(IdentityUntrusted), |s| {
            with_alias(s, &[ALIAS]);
            s.draft.crit(&CRITICAL);
        }),
        ("115", "a profile behind an alias", JWS, OK, |s| {
            aws(s, &[ALIASED]);
            s.draft.set(field(VERSION_ATTRIBUTE), text(ALIASED));
        }),
        // The trust store remains ours.
        ("114", "a root that is not in the store", BOTH, Err(AuthenticityUntrusted), |s| {
            aws(s, &[RELEASE]);
            s.authority.signing_authority.clear();
        }),
        ("114", "attributes changed after signing", JWS, Err(SignatureInvalid), |s| {
            aws(s, &[RELEASE]);
            s.draft.payload_after = Some(b"{}".to_vec());
        }),
    ];
    run("AWS Signer, identities", cases);
}

/// What no level waives.
#[test]
fn what_the_plugin_asks_for_is_asked_at_every_level() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("115", "a good one", BOTH, OK, |s| aws(s, &[RELEASE])),
        ("112,114", "another plugin", BOTH, Err(NotationPlugin), |s| {
            aws(s, &[RELEASE]);
            s.draft.set(field(PLUGIN), text("com.example.plugin"));
        }),
        ("112,114", "its name in capitals", BOTH, Err(NotationPlugin), |s| {
            aws(s, &[RELEASE]);
            s.draft.set(field(PLUGIN), text(&NAME.to_uppercase()));
        }),
        ("113", "an older version will do", BOTH, OK, |s| needs_version(s, "1.0.290")),
        ("113", "this version will do", BOTH, OK, |s| needs_version(s, "1.0.350")),
        ("113", "before this version", JWS, OK, |s| needs_version(s, "1.0.350-rc.1")),
        ("113", "a newer patch", BOTH, Err(NotationPlugin), |s| needs_version(s, "1.0.351")),
        ("113", "a newer version", JWS, Err(NotationPlugin), |s| needs_version(s, "1.1.0-alpha")),
        ("113", "a major version", JWS, Err(NotationPlugin), |s| needs_version(s, "10.0.0")),
        ("113", "no version", BOTH, Err(NotationPlugin), |s| needs_version(s, "1.0")),
        ("113", "no version either", JWS, Err(NotationPlugin), |s| needs_version(s, "v1.0.0")),
        ("113", "a version that is not critical", BOTH, Err(NotationAttribute), |s| {
            needs_version(s, "1.0.0");
            s.draft.crit(&CRITICAL);
        }),
        ("116", "a critical attribute that is not the plugin's", BOTH, Err(NotationCritical), |s| {
            aws(s, &[RELEASE]);
            s.draft.set(field("com.amazonaws.signer.other"), text("x"));
            s.draft.crit(&[&CRITICAL[..], &["com.amazonaws.signer.other"]].concat());
        }),
        ("116", "an attribute that is not critical", BOTH, OK, |s| {
            aws(s, &[RELEASE]);
            s.draft.set(field("com.amazonaws.signer.other"), text("x"));
        }),
        ("115", "every identity", BOTH, Err(IdentityUntrusted), |s| aws(s, &["*"])),
        ("115", "under notary.x509", BOTH, Err(NotationScheme), |s| {
            s.draft.set(field(PLUGIN), text(NAME));
            s.draft.set(field(VERSION_ATTRIBUTE), text(VERSION));
            s.draft.set(field(JOB_ATTRIBUTE), text(JOB));
            s.draft.crit(&[SCHEME, PLUGIN, VERSION_ATTRIBUTE, JOB_ATTRIBUTE]);
            s.identities(&[RELEASE]);
        }),
        ("115", "without a profile", BOTH, Err(NotationAttribute), |s| {
            aws(s, &[RELEASE]);
            s.draft.remove(field(VERSION_ATTRIBUTE));
            s.draft.crit(&[SCHEME, AUTHENTIC, PLUGIN, JOB_ATTRIBUTE]);
        }),
        ("115", "a profile that is not critical", BOTH, Err(NotationAttribute), |s| {
            aws(s, &[RELEASE]);
            s.draft.crit(&[SCHEME, AUTHENTIC, PLUGIN, JOB_ATTRIBUTE]);
        }),
        ("115", "a profile that is not text", BOTH, Err(NotationAttribute), |s| {
            aws(s, &[RELEASE]);
            s.draft.set(field(VERSION_ATTRIBUTE), Value::Fields(vec![field(VERSION)]));
        }),
    ];
    everywhere(cases);
}

#[test]
fn a_job_is_needed_by_compat_only_to_ask_about_it() {
    let without_job = |profile: Profile, revocation: Revocation| {
        let mut setup = Setup::new(Format::Jws);
        aws(&mut setup, &[RELEASE]);
        setup.draft.remove(field(JOB_ATTRIBUTE));
        setup.draft.crit(&[SCHEME, AUTHENTIC, PLUGIN, VERSION_ATTRIBUTE]);
        setup.authority.profile = profile;
        setup.authority.revocation = revocation;
        setup.verify().0.map(|_| ()).map_err(|rejected| rejected.reason.code)
    };
    for revocation in [Revocation::Enforce, Revocation::Log, Revocation::Skip] {
        assert_eq!(without_job(Profile::Spec, revocation), Err(NotationAttribute));
    }
    assert_eq!(without_job(Profile::Compat, Revocation::Enforce), Err(NotationAttribute));
    assert_eq!(without_job(Profile::Compat, Revocation::Log), Err(NotationAttribute));
    assert_eq!(without_job(Profile::Compat, Revocation::Skip), OK);
}

fn detail<'n>(checks: &'n [Node], name: &str) -> (&'n str, Mark) {
    let node = checks.iter().find(|node| node.name == name).unwrap();
    (node.detail.as_deref().unwrap_or_default(), node.mark)
}

#[test]
fn the_explanation_names_plugin_profile_and_versions() {
    let mut setup = Setup::new(Format::Cose);
    aws(&mut setup, &[RELEASE]);
    setup.draft.set(field("x"), text("y"));
    let accepted = setup.verify().0.unwrap();
    let (plugin, mark) = detail(&accepted.checks, "verification plugin");
    assert_eq!((plugin, mark), (&*format!("{NAME} 1.0.350, built in"), Mark::Pass));
    assert_eq!(detail(&accepted.checks, "trusted identity").0, RELEASE);
    // What the plugin reads is not ignored.
    let (integrity, _) = detail(&accepted.checks, "integrity");
    assert!(integrity.ends_with(", ignored `x`"), "{integrity}");
    // The profile has signed: the key is AWS's, and versions of a profile are one signer.
    let signer = accepted.signer.unwrap();
    assert_eq!(signer.name, VERSION);
    let id = |arn: &str| format!("awsSigner:{}", arn.to_lowercase());
    assert_eq!(signer.ids.into_iter().collect::<Vec<_>>(), [id(RELEASE)]);
    let mut setup = Setup::new(Format::Jws);
    with_alias(&mut setup, &[ALIAS]);
    setup.draft.set(field(VERSION_ATTRIBUTE), text(ALIASED));
    let signer = setup.verify().0.unwrap().signer.unwrap();
    assert_eq!(signer.ids.into_iter().collect::<Vec<_>>(), [id(ALIAS), id(ALIASED)]);

    let mut setup = Setup::new(Format::Jws);
    needs_version(&mut setup, "2.0.0");
    let rejected = setup.verify().0.unwrap_err();
    assert_eq!(rejected.reason.found.as_deref(), Some(&*format!("{NAME} 2.0.0")));
    assert!(rejected.reason.expected.unwrap().ends_with(&format!("{NAME} 1.0.350")));
    assert!(rejected.reason.message.contains(NAME));
    let mut setup = Setup::new(Format::Jws);
    aws(&mut setup, &[OTHER]);
    let rejected = setup.verify().0.unwrap_err();
    assert_eq!(rejected.reason.found.as_deref(), Some(VERSION));
    assert_eq!(rejected.reason.expected.as_deref(), Some(OTHER));
}

fn spec(fields: &Json) -> Json {
    json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": fields })
}

fn native(root: &str, word: Option<&str>, profile: &str) -> Json {
    let mut authority =
        json!({ "trust": "aws", "trustedIdentities": [RELEASE], "profile": profile });
    if let Some(word) = word {
        authority["override"] = json!({ "revocation": word });
    }
    spec(&json!({
        "trust": { "aws": { "notation": { "signingAuthority": [root] } } },
        "authorities": { "release": { "notation": authority } },
        "rules": [{ "images": ["reg.test/**"], "require": "release" }],
    }))
}

/// The document of AWS's own pages, for `notation policy import`.
fn document(root: &str, word: Option<&str>, profile: &str) -> Json {
    let mut verification = json!({ "level": "strict" });
    if let Some(word) = word {
        verification["override"] = json!({ "revocation": word });
    }
    spec(&json!({
        "notationTrustPolicy": {
            "document": {
                "version": "1.0",
                "trustPolicies": [{
                    "name": "aws-signer-tp",
                    "registryScopes": ["*"],
                    "signatureVerification": verification,
                    "trustStores": ["signingAuthority:aws-signer-ts"],
                    "trustedIdentities": [RELEASE],
                }],
            },
            "stores": { "signingAuthority": { "aws-signer-ts": [root] } },
            "profile": profile,
        },
    }))
}

/// AWS alone can tell, and does not sign what it says.
#[test]
fn revocation_is_never_taken_for_granted() {
    let world = World::new();
    let mut draft = draft(&world, &world.leaf_with_ocsp());
    by_aws(&mut draft, THEN - 3600);
    let host = Host::with(&[draft.build()]);
    let root = pem(&world.root.issued_by(&world.root.as_issuer()));
    for profile in ["spec", "compat"] {
        for (word, expected) in [
            (None, "revocation.plugin"),
            (Some("enforce"), "revocation.plugin"),
            (Some("log"), "allow"),
            (Some("skip"), "allow"),
        ] {
            for policy in [native(&root, word, profile), document(&root, word, profile)] {
                let decided = host.decide(&policy);
                assert_eq!(decided.verdict(), expected, "{profile} {word:?}");
                // Its plugin does not ask OCSP responders, and neither does what stands in for it.
                assert_eq!(decided.asked, Vec::<Vec<String>>::new());
                let says = |text: &str| {
                    decided.decision.warnings.iter().any(|warning| warning.contains(text))
                };
                assert_eq!(says("AWS Signer alone can tell"), expected != "allow");
                assert_eq!(says("does not check revocation"), word == Some("skip"));
                assert_eq!(says("revocation.plugin"), word == Some("log"));
            }
        }
    }
    let decided = host.decide(&native(&root, None, "spec"));
    let reason = decided.decision.images[0].reason.as_ref().unwrap();
    assert_eq!(reason.found.as_deref(), Some(JOB));
    assert!(reason.code.is_undetermined());
}

/// Requirement 75, for what is not a distinguished name.
#[test]
fn identities_of_a_policy_are_profiles_and_do_not_overlap() {
    let world = World::new();
    let root = pem(&world.root.issued_by(&world.root.as_issuer()));
    let codes = |identities: &[&str], profile: &str, make: fn(&str, Option<&str>, &str) -> Json| {
        let mut policy = make(&root, Some("skip"), profile);
        for path in [
            "/spec/authorities/release/notation",
            "/spec/notationTrustPolicy/document/trustPolicies/0",
        ] {
            if let Some(place) = policy.pointer_mut(path) {
                place["trustedIdentities"] = json!(identities);
            }
        }
        let errors = Policy::parse(&policy).err().unwrap_or_default();
        errors.into_iter().map(|error| error.code).collect::<Vec<_>>()
    };
    let job = JOB;
    let singular = RELEASE.replace("signing-profiles", "signing-profile");
    for (identities, spec, compat) in [
        (&[RELEASE, OTHER, SUBJECT][..], true, true),
        (&[VERSION, NEWER, ALIASED, ALIAS], true, true),
        // AWS's plugin takes both of one profile, and what it cannot read.
        (&[RELEASE, VERSION], false, true),
        (&[RELEASE, RELEASE], false, true),
        (&[RELEASE, job], false, true),
        (&[RELEASE, singular.as_str()], false, true),
        (&[RELEASE, "*"], false, false),
        (&["*", RELEASE], false, false),
        (&[RELEASE, ""], false, false),
    ] {
        for make in [native, document] {
            let good = |is: bool| if is { vec![] } else { vec!["policy.invalidValue".to_owned()] };
            assert_eq!(codes(identities, "spec", make), good(spec), "{identities:?}");
            assert_eq!(codes(identities, "compat", make), good(compat), "{identities:?}");
        }
    }
    assert!(matches!(TrustedIdentity::parse(RELEASE).unwrap(), TrustedIdentity::SigningProfile(_)));
}

/// Two profiles are two signers, although AWS signs for both with one key.
#[test]
fn profiles_are_signers_and_keys_are_not() {
    let ids = |version: &str| {
        let mut setup = Setup::signed_by(Format::Jws, Key::p384("shared"));
        aws(&mut setup, &[RELEASE, OTHER]);
        setup.draft.set(field(VERSION_ATTRIBUTE), text(version));
        setup.verify().0.unwrap().signer.unwrap().ids
    };
    assert_eq!(ids(VERSION), ids(NEWER));
    assert!(ids(VERSION).is_disjoint(&ids(&format!("{OTHER}/AAAAAAAAAA"))));
}
