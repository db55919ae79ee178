//! The ten deviations of notation-go from the specification, D1 to D10, each with inputs that are judged
//! in both profiles: one table, so that nobody has to look for what `profile: compat` lets through.
//!
//! Rows that other tables have stand here too where they are what a deviation is about: `probe` has the
//! measured envelopes, `trust_policies` the documents, `tests/revocation/measured.rs` the responders.

use std::{collections::BTreeSet, fs, path::Path};

use countersign::{policy::Policy, verify::notation::Profile};
use serde_json::json;

use crate::{
    draft::{AUTHENTIC, Field, Format, MIN_VERSION, SCHEME, SIGNING_TIME, Value, field, text},
    host::{Host, draft, policy},
    made::{DAY, HOUR, NOW, World},
    pki::{Certificate, Form, Key},
    setup::{SIGNED_AT, Setup, parse},
    sigstore::{certificate::Certificate as Responder, der},
};

const ALLOW: &str = "allow";
const CRITICAL: &str = "notation.critical";
const ATTRIBUTE: &str = "notation.attribute";
const PROFILE: &str = "certificate.profile";

const ANY: &str = "2.5.29.37.0";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

/// What is judged.
enum Input {
    Jws(fn(&mut Setup)),
    Cose(fn(&mut Setup)),
    /// Members of a trust policy statement.
    Statement(fn() -> serde_json::Value),
    /// What the only responder answers.
    Ocsp(fn(&World) -> Vec<u8>),
}

use Input::{Cose, Jws, Ocsp, Statement};

/// The deviation, the input, what `spec` and `compat` say: `allow` or the code of the reason.
type Row = (u8, &'static str, Input, &'static str, &'static str);

fn unknown_critical(s: &mut Setup) {
    s.draft.set(field("x"), text("y"));
    s.draft.crit(&[SCHEME, "x"]);
}

fn version_alone(s: &mut Setup) {
    s.draft.set(field(MIN_VERSION), text("1.0.0"));
    s.draft.crit(&[SCHEME, MIN_VERSION]);
}

/// Under an own certificate, which is trusted.
fn self_signed(s: &mut Setup, der: Vec<u8>) {
    s.authority.ca = vec![parse(&der)];
    s.draft.chain(vec![der]);
}

fn rsa(s: &mut Setup) -> Certificate {
    let key = Key::rsa(2048);
    s.draft.key = key.clone();
    s.draft.set(Field::Alg, text("PS256"));
    Certificate::leaf("leaf", key)
}

fn over_sha1(s: &mut Setup) {
    let own = rsa(s);
    let der = own.issued_over_sha1_by(&own);
    self_signed(s, der);
}

fn leaf_over_sha1(s: &mut Setup) {
    let issuer = Certificate::authority("root", Key::rsa(2048));
    let der = s.leaf.issued_over_sha1_by(&issuer);
    let root = issuer.self_signed();
    s.authority.ca = vec![parse(&root)];
    s.draft.chain(vec![der, root]);
}

fn purposes(s: &mut Setup, purposes: &[&'static str]) {
    s.leaf.purposes = purposes.to_vec();
    s.issue();
}

fn not_critical(s: &mut Setup) {
    s.intermediate.basic_constraints = Some((false, true, None));
    s.issue();
}

fn another_time(s: &mut Setup) {
    s.draft.set(field(AUTHENTIC), Value::Time(SIGNED_AT));
    s.draft.crit(&[SCHEME, AUTHENTIC]);
}

fn both_times(s: &mut Setup) {
    s.by_signing_authority(SIGNED_AT);
    s.draft.set(field(SIGNING_TIME), Value::Time(SIGNED_AT));
}

fn protected_chain(s: &mut Setup) {
    let chain = s.certificates().to_vec();
    s.draft.unprotected.clear();
    s.draft.set(Field::Chain, Value::Chain(chain));
}

fn one_certificate(s: &mut Setup) {
    let own = s.leaf.self_signed();
    s.authority.ca = vec![parse(&own)];
    s.draft.set_open(Field::Chain, Value::Bytes(own));
}

fn salt(s: &mut Setup, length: usize) {
    s.leaf = rsa(s);
    s.issue();
    s.draft.form = Form::Salt(length);
}

fn by(world: &World, change: fn(Responder) -> Responder) -> Vec<u8> {
    world.response_by(&change(world.responder().with(NO_CHECK, false, der::null()))).make()
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    vec![
        (1, "an unknown critical attribute", Jws(unknown_critical), CRITICAL, ALLOW),
        (1, "the same", Cose(unknown_critical), CRITICAL, ALLOW),
        (1, "with a number for a name", Cose(|s| {
            s.draft.set(Field::Number(100), text("y"));
            s.draft.set(Field::Crit, Value::Fields(vec![field(SCHEME), Field::Number(100)]));
        }), CRITICAL, ALLOW),
        (2, "a plugin's version without a plugin", Jws(version_alone), CRITICAL, ALLOW),
        (2, "the same", Cose(version_alone), CRITICAL, ALLOW),
        (3, "SHA-1 of a certificate on itself", Jws(over_sha1), "certificate.weak", ALLOW),
        (3, "the same", Cose(over_sha1), "certificate.weak", ALLOW),
        (3, "SHA-1 of an authority", Jws(leaf_over_sha1), "certificate.weak", "certificate.weak"),
        (4, "a leaf for any purpose", Jws(|s| purposes(s, &[ANY])), PROFILE, ALLOW),
        (4, "beside code signing", Cose(|s| purposes(s, &[CODE_SIGNING, ANY])), PROFILE, ALLOW),
        (4, "for OCSP, which the text forgets", Jws(|s| purposes(s, &[OCSP_SIGNING])), PROFILE, PROFILE),
        (4, "for something unknown", Jws(|s| purposes(s, &["1.2.3.4"])), ALLOW, ALLOW),
        (5, "basicConstraints that is not critical", Jws(not_critical), PROFILE, ALLOW),
        (5, "the same", Cose(not_critical), PROFILE, ALLOW),
        (6, "level `skip` for every image", Statement(|| json!({
            "registryScopes": ["*"], "signatureVerification": { "level": "skip" },
        })), "policy.invalidValue", ALLOW),
        (6, "level `skip` for one repository", Statement(|| json!({
            "registryScopes": ["reg.test/app"], "signatureVerification": { "level": "skip" },
        })), ALLOW, ALLOW),
        (7, "a signing authority's time of nobody", Cose(another_time), ATTRIBUTE, ALLOW),
        (7, "the same", Jws(another_time), ATTRIBUTE, ATTRIBUTE),
        (7, "a signing authority with two times", Cose(both_times), ATTRIBUTE, ALLOW),
        (7, "the same", Jws(both_times), ATTRIBUTE, ATTRIBUTE),
        (8, "a chain that is protected", Cose(protected_chain), ALLOW, "certificate.absent"),
        (8, "a certificate without a list", Cose(one_certificate), "certificate.absent", "certificate.absent"),
        // Not followed: signers of the field write salts of other lengths, in both formats.
        (9, "no salt", Jws(|s| salt(s, 0)), ALLOW, ALLOW),
        (9, "a long salt", Jws(|s| salt(s, 190)), ALLOW, ALLOW),
        (9, "a salt as long as the hash", Cose(|s| salt(s, 32)), ALLOW, ALLOW),
        (9, "another", Cose(|s| salt(s, 20)), ALLOW, ALLOW),
        (10, "a good responder", Ocsp(|w| by(w, |r| r)), ALLOW, ALLOW),
        (10, "without the purpose", Ocsp(|w| by(w, |r| r.purposes(&[CODE_SIGNING]))), "revocation.unknown", ALLOW),
        (10, "that has expired", Ocsp(|w| by(w, |mut r| {
            (r.not_before, r.not_after) = (NOW - 2 * DAY, NOW - DAY);
            r
        })), "revocation.unknown", ALLOW),
        (10, "an answer of tomorrow", Ocsp(|w| w.response().saying(|mut a| {
            a.this_update = NOW + HOUR;
            a
        }).make()), "revocation.unknown", ALLOW),
        (10, "an answer about another issuer's", Ocsp(|w| w.response().saying(|mut a| {
            a.issuer_name = w.root.subject.clone();
            a
        }).make()), "revocation.unknown", ALLOW),
        (10, "that nobody vouches for", Ocsp(|w| w.response_by(&w.responder()).make()), "revocation.unknown", ALLOW),
    ]
}

fn judged(input: &Input, profile: Profile) -> String {
    let word = match profile {
        Profile::Spec => "spec",
        Profile::Compat => "compat",
    };
    let envelope = |format: Format, make: fn(&mut Setup)| {
        let mut setup = Setup::new(format);
        make(&mut setup);
        setup.authority.profile = profile;
        match setup.verify().0 {
            Ok(_) => ALLOW.to_owned(),
            Err(rejected) => rejected.reason.code.to_string(),
        }
    };
    match input {
        Jws(make) => envelope(Format::Jws, *make),
        Cose(make) => envelope(Format::Cose, *make),
        Statement(make) => {
            let mut statement = make();
            statement["name"] = json!("s");
            let policy = json!({
                "apiVersion": "countersign.dev/v1",
                "kind": "ImagePolicy",
                "spec": { "notationTrustPolicy": {
                    "document": { "version": "1.0", "trustPolicies": [statement] },
                    "profile": word,
                } },
            });
            match Policy::parse(&policy) {
                Ok(_) => Host::with(&[]).decide(&policy).verdict(),
                Err(errors) => errors[0].code.clone(),
            }
        }
        Ocsp(make) => {
            let world = World::new();
            let envelope = draft(&world, &world.leaf_with_ocsp()).build();
            let host = Host::with(&[envelope]).on("http://o/", make(&world));
            host.decide(&policy(&world, json!({ "profile": word }))).verdict()
        }
    }
}

#[test]
fn every_deviation_is_judged_in_both_profiles() {
    let rows = rows();
    let mut wrong = Vec::new();
    for (number, name, input, spec, compat) in &rows {
        for (profile, expected) in [(Profile::Spec, spec), (Profile::Compat, compat)] {
            let found = judged(input, profile);
            if found != *expected {
                wrong.push(format!("D{number} {name} in {profile:?}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All ten are here, and each makes a difference but the one that is not followed.
    let numbers: BTreeSet<u8> = rows.iter().map(|row| row.0).collect();
    assert_eq!(numbers, (1..=10).collect());
    let differ: BTreeSet<u8> = rows.iter().filter(|row| row.3 != row.4).map(|row| row.0).collect();
    assert_eq!(differ, numbers.into_iter().filter(|number| *number != 9).collect());
}

#[test]
fn the_page_of_specifications_has_every_deviation() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/specs.md"));
    let page = page.unwrap();
    for number in 1..=10 {
        let row = page.lines().find(|line| line.starts_with(&format!("| D{number} | ")));
        let row = row.unwrap_or_else(|| panic!("no row of D{number}"));
        let same = row.split(" | ").nth(2).is_some_and(|cell| cell.starts_with("the same"));
        assert_eq!(same, number == 9, "{row}");
        assert!(row.contains("profiles::every_deviation_is_judged_in_both_profiles"), "{row}");
    }
}
