//! Revocation as a user has it: an image or a blob, the command with its module, and responders and
//! lists on servers of this process.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::crypto::{hex, sha256};
use serde_json::{Value, json};

use super::{Stage, Verdict, payload, pem, policy};
use crate::{
    draft::{Draft, Format},
    loopback::{Incoming, Loopback, Reply},
    made::{
        CRL_DISTRIBUTION_POINTS, Crl, DAY, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, HOUR, NOW,
        World, points, with_ocsp,
    },
    pki::Key,
    scratch::MANIFEST,
    sigstore::{certificate::Certificate, der},
};

/// Far enough for every clock that a cache goes by.
pub(super) const LATER: i64 = NOW + 7300 * DAY;

/// Responders and lists, by path.
pub(super) struct Web {
    server: Loopback,
    pages: Arc<Mutex<BTreeMap<String, Reply>>>,
}

impl Web {
    pub(super) fn new() -> Self {
        let pages: Arc<Mutex<BTreeMap<String, Reply>>> = Arc::default();
        let served = pages.clone();
        let server = Loopback::start(move |incoming: &Incoming| {
            let page = served.lock().unwrap().get(&incoming.path).cloned();
            page.unwrap_or_else(|| Reply::new(503, ""))
        });
        Self { server, pages }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.host)
    }

    pub(super) fn serve(&self, path: &str, body: Vec<u8>) -> &Self {
        self.reply(path, Reply::new(200, body))
    }

    pub(super) fn reply(&self, path: &str, reply: Reply) -> &Self {
        self.pages.lock().unwrap().insert(path.to_owned(), reply);
        self
    }

    /// The paths that were asked for since the last call.
    pub(super) fn asked(&self, before: &mut usize) -> Vec<String> {
        let log = self.server.log();
        let paths = log[*before..].iter().map(|incoming| incoming.path.clone()).collect();
        *before = log.len();
        paths
    }

    /// Options to ask here, and to keep what comes.
    pub(super) fn host(&self) -> String {
        format!("--revocation-host {}", self.server.host)
    }

    /// Options to ask here, with nothing kept from before.
    fn anew(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("{} --revocation-cache anew-{n}", self.host())
    }
}

/// The leaf with these addresses.
pub(super) fn leaf(world: &World, ocsp: &[String], crls: &[String]) -> Certificate {
    let texts = |urls: &[String]| -> Vec<String> { urls.to_vec() };
    let (ocsp, crls) = (texts(ocsp), texts(crls));
    let ocsp: Vec<&str> = ocsp.iter().map(String::as_str).collect();
    let crls: Vec<&str> = crls.iter().map(String::as_str).collect();
    let mut leaf = world.leaf();
    if !ocsp.is_empty() {
        leaf = with_ocsp(leaf, &ocsp);
    }
    if !crls.is_empty() {
        leaf = leaf.with(CRL_DISTRIBUTION_POINTS, false, points(&[&crls]));
    }
    leaf
}

fn envelope(world: &World, leaf: &Certificate, payload: &[u8]) -> Vec<u8> {
    let chain = world.chain(leaf).iter().map(|c| c.der().to_vec()).collect();
    Draft::new(Format::Jws, Key::p256("leaf"), chain, payload, NOW - HOUR).build()
}

/// An image signed with this leaf, and a policy of these fields.
pub(super) fn stage(world: &World, leaf: &Certificate, fields: Value) -> Option<Stage> {
    let stage = Stage::new()?;
    stage.image(|image| {
        let digest = countersign::reference::Digest::sha256(image).to_string();
        envelope(world, leaf, &payload(MANIFEST, &digest, image.len()))
    });
    write_policy(&stage, world, fields);
    Some(stage)
}

fn write_policy(stage: &Stage, world: &World, fields: Value) {
    let root = pem(&world.root.issued_by(&world.root.as_issuer()));
    stage.0.write("policy.json", policy(json!({ "ca": [root] }), fields));
}

pub(super) fn verify(stage: &Stage, more: &str) -> Verdict {
    stage.verdict(&format!("verify --policy policy.json {more} {}", stage.layout()))
}

fn good(world: &World) -> Vec<u8> {
    let response = world.response();
    response
        .saying(|mut answer| {
            answer.next_update = Some(LATER);
            answer
        })
        .make()
}

fn list(world: &World) -> Crl {
    world.crl().until(Some(LATER))
}

#[test]
fn a_responder_is_asked_and_its_answer_decides() {
    let world = World::new();
    let web = Web::new();
    let leaf = leaf(&world, &[web.url("/o")], &[]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let mut seen = 0;
    let revoked = world.response().saying(|answer| answer.revoked(NOW - HOUR, Some(1))).make();
    let unknown = world.response().saying(|answer| answer.unknown()).make();
    let stale = world.response().saying(|mut answer| {
        answer.next_update = Some(NOW - 1);
        answer
    });
    let mut forged = world.response();
    forged.key = world.other_key.clone();
    for (reply, exit, code) in [
        (Reply::new(200, good(&world)), 0, "allow"),
        (Reply::new(200, revoked), 1, "revocation.revoked"),
        (Reply::new(200, unknown), 2, "revocation.unknown"),
        (Reply::new(200, stale.make()), 2, "revocation.unknown"),
        (Reply::new(200, forged.make()), 2, "revocation.unknown"),
        // Withheld, in every way.
        (Reply::new(503, ""), 2, "revocation.unknown"),
        (Reply::new(404, ""), 2, "revocation.unknown"),
        (Reply::new(200, ""), 2, "revocation.unknown"),
        (Reply::new(200, "<html>log in</html>"), 2, "revocation.unknown"),
        (Reply::new(302, "").with("Location", web.url("/good")), 2, "revocation.unknown"),
    ] {
        web.reply("/o", reply.clone()).serve("/good", good(&world));
        let verdict = verify(&stage, &web.anew());
        assert_eq!((verdict.exit, verdict.code.as_str()), (exit, code), "{reply:?}");
        assert_eq!(web.asked(&mut seen), ["/o"], "{reply:?}");
        let portable = verify(&stage, &format!("--portable {}", web.anew()));
        assert_eq!(
            portable.report["results"][0]["decision"],
            verdict.report["results"][0]["decision"]
        );
        assert_eq!(web.asked(&mut seen), ["/o"]);
    }
    let posted = web.server.log().remove(0);
    assert_eq!(posted.method, "POST");
    let chain = world.chain(&leaf);
    let request = countersign::revocation::ocsp_request(&chain[0], &chain[1]).unwrap();
    assert_eq!(posted.body, request);
}

#[test]
fn a_list_is_asked_for_where_no_responder_can_tell_and_its_delta_after_it() {
    let world = World::new();
    let web = Web::new();
    let leaf = leaf(&world, &[web.url("/o")], &[web.url("/c")]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let based = |list: Crl| list.with(FRESHEST_CRL, false, points(&[&[&web.url("/d")]]));
    let delta = list(&world).with(DELTA_CRL_INDICATOR, true, der::number(5)).with(
        "2.5.29.20",
        false,
        der::number(6),
    );
    let mut seen = 0;
    let mut check = |code: &str, asked: &[&str]| {
        let verdict = verify(&stage, &web.anew());
        assert_eq!(verdict.code, code, "{}", verdict.text());
        assert_eq!(web.asked(&mut seen), asked);
    };
    check("revocation.unknown", &["/o", "/c"]);
    web.serve("/c", list(&world).make());
    check("allow", &["/o", "/c"]);
    web.serve("/c", world.crl_with(Entry::new(1)).make());
    check("revocation.revoked", &["/o", "/c"]);
    web.serve("/c", based(list(&world)).make());
    check("revocation.unknown", &["/o", "/c", "/d"]);
    web.serve("/d", delta.make());
    check("allow", &["/o", "/c", "/d"]);
    web.serve("/d", delta.entry(Entry::new(1)).make());
    check("revocation.revoked", &["/o", "/c", "/d"]);
    web.serve("/o", good(&world));
    check("allow", &["/o"]);
}

#[test]
fn a_policy_that_logs_asks_and_one_that_skips_does_not() {
    let world = World::new();
    let web = Web::new();
    let leaf = leaf(&world, &[web.url("/o")], &[]);
    let mut seen = 0;
    for (word, exit, warning, asked) in [
        ("enforce", 2, "", &["/o"][..]),
        ("log", 0, "revocation.unknown", &["/o"]),
        ("skip", 0, "does not check revocation", &[]),
    ] {
        let fields = json!({ "override": { "revocation": word } });
        let Some(stage) = stage(&world, &leaf, fields) else { return };
        let verdict = verify(&stage, &web.host());
        assert_eq!(verdict.exit, exit, "{word}");
        assert!(verdict.warns_of(warning) || warning.is_empty(), "{}", verdict.text());
        assert_eq!(web.asked(&mut seen), asked, "{word}");
    }
}

/// Addresses in certificates lead nowhere inside unless the user has listed the host.
#[test]
fn a_certificate_does_not_make_the_host_ask_inside() {
    let world = World::new();
    let web = Web::new();
    web.serve("/o", good(&world));
    let leaf = leaf(&world, &[web.url("/o")], &[]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let mut seen = 0;
    for more in ["", "--revocation-host 127.0.0.2", "--revocation listed --revocation-host a.test"]
    {
        let verdict = verify(&stage, more);
        assert_eq!(verdict.code, "revocation.unknown", "{more}");
        let words = if more.is_empty() || more.ends_with('2') { "port" } else { "not a listed" };
        assert!(verdict.text().contains(words), "{more}: {}", verdict.text());
    }
    assert_eq!(web.asked(&mut seen), Vec::<String>::new());
    let listed = format!("--revocation listed {}", web.host());
    assert_eq!(verify(&stage, &listed).code, "allow");
}

#[test]
fn offline_takes_what_was_kept_and_asks_nobody() {
    let world = World::new();
    let web = Web::new();
    web.serve("/o", good(&world)).serve("/c", list(&world).make());
    for leaf in [
        leaf(&world, &[web.url("/o")], &[]),
        leaf(&world, &[], &[web.url("/c")]),
        leaf(&world, &[web.url("/none")], &[web.url("/c")]),
    ] {
        let Some(stage) = stage(&world, &leaf, json!({})) else { return };
        let mut seen = web.server.log().len();
        let offline = "--revocation offline --revocation-cache kept";
        let empty = verify(&stage, offline);
        assert_eq!((empty.exit, empty.code.as_str()), (2, "revocation.unknown"));
        assert!(empty.text().contains("offline: `kept` holds no"), "{}", empty.text());
        assert_eq!(web.asked(&mut seen).len(), 0);
        let online = verify(&stage, &format!("--revocation-cache kept {}", web.host()));
        assert_eq!(online.code, "allow");
        assert!(!web.asked(&mut seen).is_empty());
        for _ in 0..2 {
            assert_eq!(verify(&stage, offline).code, "allow");
        }
        assert_eq!(web.asked(&mut seen).len(), 0);
        // What is old enough for the cache may be too old for the policy.
        write_policy(&stage, &world, json!({ "maxEvidenceAge": "30m" }));
        let replayed = verify(&stage, offline);
        assert_eq!(replayed.code, "revocation.unknown");
    }
}

/// Filled with a file each, as `curl` and `sha256sum` make them.
#[test]
fn a_cache_that_was_filled_beforehand_decides_offline() {
    let world = World::new();
    let (responder, url) = ("http://ocsp.test/", "http://crl.test/1.crl");
    let leaf = leaf(&world, &[responder.to_owned()], &[url.to_owned()]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let offline = "--revocation offline --revocation-cache kept";
    let code = || verify(&stage, offline).code;
    assert_eq!(code(), "revocation.unknown");
    let crl = format!("kept/{}.crl", hex(&sha256(url.as_bytes())));
    stage.0.write(&crl, list(&world).make());
    assert_eq!(code(), "allow");
    stage.0.write(&crl, world.crl_with(Entry::new(1)).make());
    assert_eq!(code(), "revocation.revoked");
    let chain = world.chain(&leaf);
    let request = countersign::revocation::ocsp_request(&chain[0], &chain[1]).unwrap();
    let key = [responder.as_bytes(), &[0], &request].concat();
    stage.0.write(&format!("kept/{}.ocsp", hex(&sha256(&key))), good(&world));
    assert_eq!(code(), "allow", "a responder that can tell comes first");
}

/// `crl/<sha256 of the address>` in Notation's cache directory.
#[test]
fn the_cache_of_notation_decides_offline() {
    let world = World::new();
    let (url, delta_url) = ("http://crl.test/1.crl", "http://crl.test/delta.crl");
    let leaf = leaf(&world, &[], &[url.to_owned()]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let base = list(&world).with(FRESHEST_CRL, false, points(&[&[delta_url]]));
    let delta = list(&world).with(DELTA_CRL_INDICATOR, true, der::number(5)).with(
        "2.5.29.20",
        false,
        der::number(6),
    );
    let keep = |base: &Crl, delta: Option<&Crl>| {
        let mut bundle = json!({ "baseCRL": STANDARD.encode(base.make()) });
        if let Some(delta) = delta {
            bundle["deltaCRL"] = json!(STANDARD.encode(delta.make()));
        }
        let name = hex(&sha256(url.as_bytes()));
        stage.0.write(&format!("notation/crl/{name}"), bundle.to_string());
    };
    let code = || verify(&stage, "--revocation offline --revocation-cache notation/crl").code;
    assert_eq!(code(), "revocation.unknown");
    keep(&list(&world), None);
    assert_eq!(code(), "allow");
    keep(&world.crl_with(Entry::new(1)), None);
    assert_eq!(code(), "revocation.revoked");
    keep(&base, None);
    assert_eq!(code(), "revocation.unknown", "the delta is missing");
    keep(&base, Some(&delta));
    assert_eq!(code(), "allow");
    keep(&base, Some(&delta.entry(Entry::new(1))));
    assert_eq!(code(), "revocation.revoked");
    let kept = fs::read_dir(stage.0.path().join("notation/crl")).unwrap().count();
    assert_eq!(kept, 1, "nothing of ours is written there");
}

/// Requirement 101: a delegate without nocheck is looked up in its CRL.
#[test]
fn a_delegates_own_list_is_asked_for() {
    let world = World::new();
    let web = Web::new();
    let own = points(&[&[&web.url("/delegate")]]);
    let responder = world.responder().with(CRL_DISTRIBUTION_POINTS, false, own);
    let leaf = leaf(&world, &[web.url("/o")], &[web.url("/c")]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    web.serve("/o", world.response_by(&responder).make()).serve("/c", list(&world).make());
    let mut seen = 0;
    for (body, asked) in [
        (list(&world), &["/o", "/delegate"][..]),
        // A delegate that was revoked says nothing, and the list does.
        (list(&world).entry(Entry::new(1).of(&[9])), &["/o", "/delegate", "/c"]),
    ] {
        web.serve("/delegate", body.make());
        let verdict = verify(&stage, &web.anew());
        assert_eq!(verdict.code, "allow", "{}", verdict.text());
        assert_eq!(web.asked(&mut seen), asked);
    }
}

#[test]
fn the_signer_of_a_blob_is_asked_about_too() {
    let world = World::new();
    let web = Web::new();
    let leaf = leaf(&world, &[web.url("/o")], &[]);
    let Some(stage) = Stage::new() else { return };
    let blob = b"the release\n";
    let digest = format!("sha256:{}", hex(&sha256(blob)));
    let signed = payload("application/octet-stream", &digest, blob.len());
    stage.0.write("app", blob);
    stage.0.write("other", "x");
    stage.0.write("app.jws.sig", envelope(&world, &leaf, &signed));
    write_policy(&stage, &world, json!({}));
    let mut seen = 0;
    let mut check = |artifact: &str, code: &str, asked: &[&str]| {
        let arguments = "verify-blob --policy policy.json --signature app.jws.sig";
        let verdict = stage.verdict(&format!("{arguments} {} {artifact}", web.anew()));
        assert_eq!(verdict.code, code, "{}", verdict.text());
        assert_eq!(web.asked(&mut seen), asked);
    };
    check("app", "revocation.unknown", &["/o"]);
    web.serve("/o", good(&world));
    check("app", "allow", &["/o"]);
    let revoked = world.response().saying(|answer| answer.revoked(NOW - HOUR, Some(1)));
    web.serve("/o", revoked.make());
    check("app", "revocation.revoked", &["/o"]);
    check("other", "descriptor.mismatch", &[]);
}

/// From a registry on the network to a responder on the network.
#[test]
fn an_image_of_a_registry_is_decided_with_its_revocation() {
    let world = World::new();
    let web = Web::new();
    web.serve("/o", good(&world));
    let leaf = leaf(&world, &[web.url("/o")], &[]);
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    for has_api in [true, false] {
        let registry = Loopback::layout(stage.0.path(), has_api);
        let repository = registry.repository();
        let verdict = stage.verdict(&format!(
            "verify --plain-http --policy policy.json --revocation-cache kept-{has_api} {} {repository}:1",
            web.host()
        ));
        // The layout has no fallback tag.
        assert_eq!(verdict.code, if has_api { "allow" } else { "signatures.none" });
        if has_api {
            let stats = &verdict.report["results"][0]["stats"];
            assert_eq!(stats["rounds"], 6, "{stats}");
            // Tag, referrers, the missing fallback tags, the signature, its envelope, OCSP.
            assert!(stats["requests"].as_u64().unwrap() >= 5, "{stats}");
        }
    }
}
