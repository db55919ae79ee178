//! Requirements 96, 99, 100, 109 and 110: revocation through the whole decision, as hosts see it.

use std::collections::BTreeSet;

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{BlobRequest, EvidenceItem, Fetch, ImageRequest, Outcome},
};
use serde_json::json;

use crate::{
    draft::{TIMESTAMP, Value as Field, field, text},
    host::{Host, IMAGE, digest, draft, found, image, pem, policy, policy_of},
    made::{DAY, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, HOUR, NOW, World, points, with_ocsp},
    sigstore::{
        certificate::Certificate,
        der,
        keys::Key as StampKey,
        tsa::{Embedded, Tsa},
    },
};

const RESPONDER: &str = "http://o/";
const LIST: &str = "http://c/1.crl";

fn with_both(world: &World) -> Certificate {
    with_ocsp(world.leaf_with_crls(&[LIST]), &[RESPONDER])
}

fn revoked(world: &World) -> Vec<u8> {
    world.response().saying(|answer| answer.revoked(NOW - HOUR, Some(1))).make()
}

fn unknown(world: &World) -> Vec<u8> {
    world.response().saying(|answer| answer.unknown()).make()
}

#[test]
fn what_a_status_comes_to_at_each_level() {
    let world = World::new();
    let envelope = draft(&world, &world.leaf_with_ocsp()).build();
    let bodies = [
        ("good", Some(world.response().make())),
        ("revoked", Some(revoked(&world))),
        ("unknown", Some(unknown(&world))),
        ("withheld", None),
    ];
    for profile in ["spec", "compat"] {
        for (level, by_default) in [("strict", "enforce"), ("permissive", "log"), ("audit", "log")]
        {
            for word in [None, Some("enforce"), Some("log"), Some("skip")] {
                for (name, body) in &bodies {
                    let mut fields = json!({ "level": level, "profile": profile });
                    if let Some(word) = word {
                        fields["override"] = json!({ "revocation": word });
                    }
                    let mut host = Host::with(std::slice::from_ref(&envelope));
                    if let Some(body) = body {
                        host = host.on(RESPONDER, body.clone());
                    }
                    let decided = host.decide(&policy(&world, fields));
                    let what = format!("{profile} {level} {word:?} {name}");
                    let code = match *name {
                        "good" => "allow",
                        "revoked" => "revocation.revoked",
                        _ => "revocation.unknown",
                    };
                    let action = word.unwrap_or(by_default);
                    let expected = if action == "enforce" { code } else { "allow" };
                    assert_eq!(decided.verdict(), expected, "{what}");
                    let asked: &[Vec<String>] = &[vec![RESPONDER.to_owned()]];
                    assert_eq!(decided.asked, if action == "skip" { &[] } else { asked }, "{what}");
                    let warned = action == "log" && code != "allow";
                    assert_eq!(decided.warns_of(code), warned, "{what}");
                    let skipped = decided.warns_of("does not check revocation");
                    assert_eq!(skipped, action == "skip", "{what}");
                }
            }
        }
    }
}

#[test]
fn lists_are_asked_for_where_responders_fail_and_deltas_after_them() {
    let world = World::new();
    let url = "http://c/delta.crl";
    let base = world.crl().with(FRESHEST_CRL, false, points(&[&[url]]));
    let delta = world.crl().with(DELTA_CRL_INDICATOR, true, der::number(5)).with(
        "2.5.29.20",
        false,
        der::number(6),
    );
    let envelope = draft(&world, &with_both(&world)).build();
    let rounds = |rounds: &[&[&str]]| -> Vec<Vec<String>> {
        rounds.iter().map(|round| round.iter().map(|url| (*url).to_owned()).collect()).collect()
    };
    let strict = policy(&world, json!({}));
    let host = |bodies: &[(&str, Vec<u8>)]| {
        bodies.iter().fold(Host::with(std::slice::from_ref(&envelope)), |host, (url, body)| {
            host.on(url, body.clone())
        })
    };
    for (bodies, verdict, asked) in [
        (vec![(RESPONDER, world.response().make())], "allow", rounds(&[&[RESPONDER]])),
        (vec![(LIST, world.crl().make())], "allow", rounds(&[&[RESPONDER], &[LIST]])),
        (
            vec![(RESPONDER, unknown(&world)), (LIST, base.make()), (url, delta.make())],
            "allow",
            rounds(&[&[RESPONDER], &[LIST], &[url]]),
        ),
        (
            vec![(LIST, base.make()), (url, delta.entry(Entry::new(1)).make())],
            "revocation.revoked",
            rounds(&[&[RESPONDER], &[LIST], &[url]]),
        ),
        (vec![(LIST, base.make())], "revocation.unknown", rounds(&[&[RESPONDER], &[LIST], &[url]])),
        (vec![], "revocation.unknown", rounds(&[&[RESPONDER], &[LIST]])),
    ] {
        let decided = host(&bodies).decide(&strict);
        assert_eq!((decided.verdict().as_str(), &decided.asked), (verdict, &asked));
        // The same evidence in any order gives the same decision.
        let policy = Policy::parse(&strict).unwrap();
        let mut evidence = decided.evidence;
        for _ in 0..evidence.len() {
            evidence.rotate_left(1);
            let step =
                evaluate(&policy, &image(), &evidence, Time::from_unix(NOW), Budget::default());
            assert_eq!(step, Step::Decision(Box::new(decided.decision.clone())));
        }
    }
}

#[test]
fn addresses_of_strangers_are_never_asked_for() {
    let world = World::new();
    let leaf = world.leaf_with_ocsp();
    let audit = json!({ "level": "audit", "override": { "revocation": "enforce" } });
    // A root that nobody trusts, under every word.
    let stranger = World {
        root: Certificate { key: StampKey::p256("stranger"), ..World::new().root },
        ..World::new()
    };
    for (fields, expected) in [
        (json!({}), "authenticity.untrusted"),
        (audit.clone(), "revocation.unknown"),
        (json!({ "level": "audit" }), "allow"),
    ] {
        let decided =
            Host::with(&[draft(&stranger, &leaf).build()]).decide(&policy(&world, fields));
        assert_eq!(decided.verdict(), expected);
        assert_eq!(decided.asked, Vec::<Vec<String>>::new());
    }
    // Who names nobody cannot be revoked, trusted or not.
    let plain = Host::with(&[draft(&stranger, &world.leaf()).build()]);
    assert_eq!(plain.decide(&policy(&world, audit)).verdict(), "allow");
    // Another image's signature, and one that does not verify.
    let mut other = draft(&world, &leaf);
    other.payload = br#"{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":1}}"#.to_vec();
    let mut broken = draft(&world, &leaf);
    broken.payload_after = Some(b"{}".to_vec());
    // Another identity than the trusted ones.
    let identity = json!({ "trustedIdentities": ["x509.subject: C=DE, ST=BE, O=acme"] });
    for (draft, fields, expected) in [
        (other, json!({}), "descriptor.mismatch"),
        (broken, json!({}), "signature.invalid"),
        (draft(&world, &leaf), identity, "identity.untrusted"),
    ] {
        let decided = Host::with(&[draft.build()]).decide(&policy(&world, fields));
        assert_eq!(decided.verdict(), expected);
        assert_eq!(decided.asked, Vec::<Vec<String>>::new());
    }
}

/// Chains are not signed: whoever can write to the registry can put another issuer of the same name
/// and key above a pinned certificate, with addresses of their own.
#[test]
fn what_stands_above_the_anchor_is_never_asked_for() {
    let world = World::new();
    let leaf = world.leaf_with_ocsp();
    let evil = World {
        root: Certificate { key: StampKey::p256("evil"), ..World::new().root },
        ..World::new()
    };
    // The true root's name and key, as the stranger's intermediate.
    let mut cross = with_ocsp(world.root.clone(), &["http://169.254.169.254/"]);
    cross.serial = vec![7];
    let mut evil_root = evil.root;
    evil_root.subject = crate::sigstore::certificate::name("evil");
    let issuer = evil_root.as_issuer();
    let pinned = world.inter.issued_by(&world.root.as_issuer());
    let chain = vec![
        world.issue(&leaf),
        pinned.clone(),
        cross.issued_by(&issuer),
        evil_root.issued_by(&issuer),
    ];
    let mut draft = draft(&world, &leaf);
    draft.chain(chain);
    for profile in ["spec", "compat"] {
        let policy = policy_of(json!({ "ca": [pem(&pinned)] }), json!({ "profile": profile }));
        let host = Host::with(&[draft.build()]).on(RESPONDER, world.response().make());
        let decided = host.decide(&policy);
        assert_eq!(decided.verdict(), "allow");
        assert_eq!(decided.asked, [[RESPONDER]]);
        let host = Host::with(&[draft.build()]).on(RESPONDER, revoked(&world));
        assert_eq!(host.decide(&policy).verdict(), "revocation.revoked");
    }
}

#[test]
fn nobody_is_asked_where_the_rule_holds_without() {
    let world = World::new();
    let asking = draft(&world, &world.leaf_with_ocsp()).build();
    let plain = draft(&world, &world.leaf()).build();
    for envelopes in [[asking.clone(), plain.clone()], [plain, asking.clone()]] {
        let decided = Host::with(&envelopes).decide(&policy(&world, json!({})));
        assert_eq!((decided.verdict().as_str(), decided.asked.len()), ("allow", 0));
    }
    // Another authority of `any` holds, whatever becomes of another image of the request.
    let mut either = policy(&world, json!({}));
    let lax = json!({ "notation": { "trust": "t", "trustedIdentities": ["*"], "override": { "revocation": "skip" } } });
    either["spec"]["authorities"]["b"] = lax;
    either["spec"]["rules"][0]["require"] = json!({ "any": ["a", "b"] });
    let mut request = image();
    request.images.push(ImageRequest { reference: "elsewhere.test/x:1".into(), path: None });
    request.blobs.push(BlobRequest {
        name: "x".into(),
        digests: vec![digest(b"x")],
        content: None,
        signatures: Vec::new(),
    });
    let decided = Host::with(&[asking]).decide_within(&either, &request, Budget::default());
    assert_eq!(decided.decision.images[0].outcome, Outcome::Allow);
    assert_eq!(decided.decision.outcome, Outcome::Deny);
    assert_eq!(decided.asked.len(), 0);
}

#[test]
fn more_evidence_takes_back_what_it_revokes_and_nothing_else() {
    let world = World::new();
    let host = Host::with(&[draft(&world, &with_both(&world)).build()]);
    let strict = policy(&world, json!({}));
    let good = host.on(RESPONDER, world.response().make());
    let decided = good.decide(&strict);
    assert_eq!(decided.verdict(), "allow");
    let policy = Policy::parse(&strict).unwrap();
    let list = |body: Vec<u8>| EvidenceItem {
        fetch: Fetch::Crl { url: LIST.into(), max_bytes: 8 << 20 },
        answer: found(body),
    };
    for body in [
        b"junk".to_vec(),
        world.crl().make(),
        // OCSP has spoken.
        world.crl_with(Entry::new(1)).make(),
    ] {
        let mut evidence = decided.evidence.clone();
        evidence.push(list(body));
        let Step::Decision(more) =
            evaluate(&policy, &image(), &evidence, Time::from_unix(NOW), Budget::default())
        else {
            panic!("a decision needs nothing more");
        };
        assert_eq!(more.outcome, Outcome::Allow);
    }
    // Two answers that disagree are none, and the list is asked for.
    let mut evidence = decided.evidence;
    let mut other =
        evidence.iter().find(|e| matches!(e.fetch, Fetch::Ocsp { .. })).unwrap().clone();
    other.answer = found(revoked(&world));
    evidence.push(other);
    let step = evaluate(&policy, &image(), &evidence, Time::from_unix(NOW), Budget::default());
    assert_eq!(step, Step::Need(vec![list(Vec::new()).fetch]));
}

#[test]
fn evidence_may_be_too_old_for_the_policy() {
    let world = World::new();
    let envelope = draft(&world, &world.leaf_with_crls(&[LIST])).build();
    let list = world.crl().from(NOW - 2 * DAY).make();
    let host = Host::with(&[envelope]).on(LIST, list);
    for (age, expected) in [("3d", "allow"), ("48h", "allow"), ("47h", "revocation.unknown")] {
        let decided = host.decide(&policy(&world, json!({ "maxEvidenceAge": age })));
        assert_eq!(decided.verdict(), expected, "{age}");
    }
    assert_eq!(host.decide(&policy(&world, json!({}))).verdict(), "allow");
}

#[test]
fn the_timestamp_authority_is_asked_about_too() {
    let world = World::new();
    let mut tsa = Tsa::new("stamps", StampKey::p256("TSA"));
    let responder = "http://tsa/";
    tsa.leaf = with_ocsp(tsa.leaf, &[responder]);
    let issuer = tsa.authorities[1].clone();
    let response = |is_good: bool| {
        // The same response, by the authority's intermediate about its leaf.
        let mut response = world.response();
        response.key = issuer.key.clone();
        response.responder = der::explicit(1, &issuer.subject);
        response = response.saying(|mut answer| {
            answer.issuer_name = issuer.subject.clone();
            answer.issuer_key = crate::made::key_bits(&issuer.key);
            answer.serial = tsa.leaf.serial.clone();
            answer
        });
        let revoke = |r: crate::made::Response| r.saying(|a| a.revoked(NOW - HOUR, Some(1)));
        if is_good { response.make() } else { revoke(response).make() }
    };
    let mut draft = draft(&world, &world.leaf_with_ocsp());
    let signature = countersign::envelope::jws::parse(&draft.build()).unwrap().signature;
    let mut stamp = tsa.stamp();
    (stamp.bare, stamp.embedded, stamp.time) = (true, Embedded::Chain, NOW - HOUR + 60);
    let root = stamp.tsa.chain().last().unwrap().clone();
    draft.set_open(field(TIMESTAMP), Field::Bytes(stamp.make(&signature)));
    let ca = pem(&world.root.issued_by(&world.root.as_issuer()));
    let stores = json!({ "ca": [ca], "tsa": [pem(&root)] });
    let host = |of_tsa: Option<Vec<u8>>, of_signer: Vec<u8>| {
        let host = Host::with(&[draft.build()]).on(RESPONDER, of_signer);
        of_tsa.into_iter().fold(host, |host, body| host.on(responder, body))
    };
    let good = || world.response().make();
    for (word, of_tsa, expected) in [
        (None, Some(response(true)), "allow"),
        (None, Some(response(false)), "revocation.revoked"),
        (None, None, "revocation.unknown"),
        (Some("enforce"), None, "revocation.unknown"),
        (Some("log"), Some(response(true)), "allow"),
        (Some("log"), Some(response(false)), "allow"),
        (Some("log"), None, "allow"),
        (Some("skip"), Some(response(false)), "allow"),
    ] {
        let mut fields = json!({ "verifyTimestamp": "always" });
        if let Some(word) = word {
            fields["tsaRevocation"] = json!(word);
        }
        let is_bad = of_tsa.as_ref().is_none_or(|body| *body == response(false));
        let decided = host(of_tsa, good()).decide(&policy_of(stores.clone(), fields.clone()));
        assert_eq!(decided.verdict(), expected, "{word:?}");
        // Both are asked at once.
        let asked: BTreeSet<_> = decided.asked.iter().flatten().map(String::as_str).collect();
        assert_eq!(decided.asked.len(), 1);
        assert_eq!(asked.contains(responder), word != Some("skip"));
        assert!(asked.contains(RESPONDER));
        assert_eq!(decided.warns_of("revocation."), word == Some("log") && is_bad, "{word:?}");
        // The signer's own is another question.
        let revoked = host(Some(response(true)), revoked(&world));
        let revoked = revoked.decide(&policy_of(stores.clone(), fields.clone()));
        assert_eq!(revoked.verdict(), "revocation.revoked");
        // "Inside the authentic timestamp": where that is only logged, so is this.
        fields["override"] = json!({ "authenticTimestamp": "log" });
        let decided =
            host(Some(response(false)), good()).decide(&policy_of(stores.clone(), fields));
        assert_eq!(decided.verdict(), "allow");
    }
    // Under `skip` of the signer's, the authority's is still enforced.
    let fields = json!({ "override": { "revocation": "skip" } });
    let decided = host(None, good()).decide(&policy_of(stores, fields));
    assert_eq!(
        (decided.verdict().as_str(), decided.asked),
        ("revocation.unknown", vec![vec![responder.to_owned()]])
    );
}

/// What many can write costs no more than a bound, and copies of one signature no more than the one.
#[test]
fn needs_are_bounded() {
    let world = World::new();
    let urls: Vec<String> = (0..8).map(|n| format!("http://c/{n}.crl")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    // One chain under a hundred envelopes.
    let mut host = Host::default();
    host.store(IMAGE);
    for n in 0..100 {
        let mut draft = draft(&world, &world.leaf_with_crls(&urls));
        draft.set_open(field("io.cncf.notary.signingAgent"), text(&format!("copy/{n}")));
        host.sign(&draft.build());
    }
    for url in &urls {
        host = host.on(url, world.crl_with(Entry::new(1)).make());
    }
    let decided = host.decide(&policy(&world, json!({})));
    assert_eq!(decided.verdict(), "revocation.revoked");
    assert!(decided.asked.iter().flatten().count() <= 8, "{:?}", decided.asked);
    let used = decided.decision.usage.signature_operations;
    assert!(used <= 300, "{used} operations");

    // A hundred chains, each with addresses of its own.
    let mut host = Host::default();
    host.store(IMAGE);
    for n in 0..100_u8 {
        let urls: Vec<String> = (0..8).map(|m| format!("http://c/{n}/{m}.crl")).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let mut leaf = with_ocsp(world.leaf_with_crls(&urls), &urls);
        leaf.serial = vec![1, n];
        host.sign(&draft(&world, &leaf).build());
    }
    let decided = host.decide(&policy(&world, json!({})));
    assert_eq!(decided.verdict(), "budget.bytes");
    let count = decided.asked.iter().flatten().count();
    println!("a hundred chains: {count} addresses in {} rounds", decided.asked.len());
    assert!(count <= 100, "{count}");
}

#[test]
fn a_budget_that_is_spent_says_so() {
    let world = World::new();
    let host =
        Host::with(&[draft(&world, &world.leaf_with_crls(&[LIST, "http://c/2.crl"])).build()])
            .on(LIST, world.crl().make())
            .on("http://c/2.crl", world.crl().make());
    let strict = policy(&world, json!({}));
    // Half of it is one list at a time; what was read leaves less.
    let budget = |bytes| Budget { evidence_bytes: bytes, ..Budget::default() };
    for (bytes, expected) in [(48 << 20, "allow"), (17 << 20, "allow"), (1 << 20, "budget.bytes")] {
        let decided = host.decide_within(&strict, &image(), budget(bytes));
        assert_eq!(decided.verdict(), expected, "{bytes}");
    }
    for word in ["log", "enforce"] {
        let fields = json!({ "override": { "revocation": word } });
        let decided = host.decide_within(&policy(&world, fields), &image(), budget(1 << 20));
        assert_eq!(decided.verdict(), "budget.bytes", "{word}");
    }
}
