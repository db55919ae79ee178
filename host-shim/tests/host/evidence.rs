//! Evidence packs: what is in them, and that a decision from a pack is the registry's.

mod command;
mod kept;
mod push;

use std::fs;

use countersign::wire::{
    Answer, Bytes, EvidenceItem, Fetch, ImageRequest, Node, Request, UnavailableReason,
};
use countersign_host::{
    driver::{Evaluator, Question, decide},
    pack::{Pack, PackError, PackSource},
    runtime::{Outcome, RuntimeError},
    source::{EvidenceSource, Layout, Selector},
    walk::{Limits, walk},
};
use serde_json::{Value, json};

use crate::corpora::corpora;

/// The core without the module around it: the same verdicts, and quick.
struct Core;

impl Evaluator for Core {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        Ok(Outcome::from(countersign::step_json(request)))
    }
}

/// A case of the corpora.
struct Case {
    id: String,
    policy: Value,
    now: String,
    layout: Layout,
}

fn cases() -> Vec<Case> {
    let Some(corpora) = corpora() else { return Vec::new() };
    let cases = fs::read(corpora.join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let open = |case: &Value| {
        let text = |member: &str| case[member].as_str().unwrap().to_owned();
        let place = text("reference").trim_start_matches("oci-layout:").to_owned();
        let (directory, tag) = place.rsplit_once(':').unwrap();
        let tag = Some(Selector::Tag(tag.to_owned()));
        let layout = Layout::open(&corpora.join(directory), tag, None).unwrap();
        Case { id: text("id"), policy: case["policy"].clone(), now: text("now"), layout }
    };
    cases.iter().map(open).collect()
}

impl Case {
    fn digest(&self) -> String {
        let reference = self.layout.reference().to_owned();
        match self.layout.answer(&Fetch::Resolve { reference }) {
            Answer::Resolved { digest } => digest,
            other => panic!("{}: {other:?}", self.id),
        }
    }

    fn repository(&self) -> String {
        self.layout.reference().rsplit_once(':').unwrap().0.to_owned()
    }

    fn pack(&self) -> Pack {
        let most = Limits::default().blob_bytes;
        let limits = Limits { document_bytes: most, unsigned_tags: false, ..Limits::default() };
        let walked = walk(&self.layout, &self.repository(), &self.digest(), &limits);
        assert_eq!((walked.gaps, walked.unread), (Vec::<String>::new(), Vec::new()), "{}", self.id);
        Pack::of(&self.digest(), &walked.evidence)
    }

    /// Outcome, reason and the marks of the explanation, but for the words.
    fn decide(&self, source: &dyn EvidenceSource) -> (String, Value) {
        let reference = format!("{}@{}", self.layout.reference(), self.digest());
        let image = ImageRequest { reference, path: None };
        let request = Request { images: vec![image], ..Request::default() };
        let question =
            Question { policy: &self.policy, request: &request, now: &self.now, budget: None };
        let decision = decide(&Core, source, &question).unwrap().decision;
        let image = &decision.images[0];
        let code = image.reason.as_ref().map(|reason| reason.code.to_string());
        let outcome = format!("{:?} {}", image.outcome, code.unwrap_or_default());
        (outcome, marks(&image.explanation))
    }
}

fn marks(node: &Node) -> Value {
    let code = node.reason.as_ref().map(|reason| reason.code.to_string());
    let children: Vec<_> = node.children.iter().map(marks).collect();
    json!([node.name, node.mark, code, children])
}

/// Has nothing to say.
struct Down;

impl EvidenceSource for Down {
    fn fetch(&self, _: &Fetch) -> Answer {
        let reason = UnavailableReason::Transport;
        Answer::Unavailable { reason, message: "down".to_owned() }
    }
}

/// Has nothing.
struct Bare;

impl EvidenceSource for Bare {
    fn fetch(&self, _: &Fetch) -> Answer {
        Answer::Absent { message: String::new() }
    }
}

#[test]
fn a_decision_from_the_pack_alone_is_that_from_the_registry() {
    let (mut count, mut allowed) = (0, 0);
    for case in cases() {
        let pack = Pack::parse(case.pack().to_json().as_bytes()).unwrap();
        let (outcome, live) = case.decide(&case.layout);
        let offline = case.decide(&PackSource::offline(&pack));
        assert_eq!(offline.0, outcome, "{}", case.id);
        assert_eq!(offline.1, live, "{}", case.id);
        let both = case.decide(&PackSource::before(&pack, &case.layout));
        assert_eq!(both, (outcome.clone(), live.clone()), "{}: with the registry", case.id);
        let tags = case.decide(&PackSource::with_tags(&pack, &case.layout));
        assert_eq!(tags, (outcome.clone(), live), "{}: with the registry's tags", case.id);
        count += 1;
        allowed += usize::from(outcome.starts_with("Allow"));
    }
    assert!(corpora().is_none() || (count > 100 && allowed > 50), "{count}, {allowed} allowed");
}

#[test]
fn a_pack_helps_where_the_registry_has_lost_it_or_is_down() {
    for case in cases() {
        let pack = case.pack();
        let (live, _) = case.decide(&case.layout);
        // That nobody knows more makes a refusal undetermined, and never an allow.
        for source in [&Bare as &dyn EvidenceSource, &Down] {
            let (outcome, _) = case.decide(&PackSource::before(&pack, source));
            assert_eq!(outcome.starts_with("Allow"), live.starts_with("Allow"), "{}", case.id);
        }
    }
}

/// May not be asked.
struct Closed;

impl EvidenceSource for Closed {
    fn fetch(&self, _: &Fetch) -> Answer {
        Answer::Denied { message: "no".to_owned() }
    }
}

#[test]
fn a_pack_proves_no_absence_while_the_registry_does_not_answer() {
    let Some(mut case) = cases().into_iter().find(|case| case.id == "attestation-b-sc-vuln") else {
        return;
    };
    // A younger scan, which is not in the pack, would count.
    case.policy["spec"]["rules"][0]["require"] = json!({
        "attestation": { "type": "vuln", "signedBy": "ci", "select": "latest", "maxAge": "500w" },
    });
    let pack = case.pack();
    let decide = |source: &dyn EvidenceSource| case.decide(&PackSource::before(&pack, source)).0;
    assert_eq!(decide(&case.layout), "Allow ");
    assert_eq!(decide(&Bare), "Allow ");
    assert_eq!(decide(&Down), "Undetermined evidence.unavailable");
    assert_eq!(decide(&Closed), "Undetermined evidence.denied");
}

#[test]
fn with_tags_behind_a_pack_only_who_has_seen_a_list_knows_that_nothing_else_is_there() {
    let listed = |pack: &Pack, tags: &dyn EvidenceSource| {
        PackSource::with_tags(pack, tags).fetch(&referrers())
    };
    let list = item(referrers(), br#"{"manifests":[{"digest":"packed"}]}"#);
    let tagged = item(tag(&subject().replace(':', "-")), br#"{"manifests":[{"digest":"tagged"}]}"#);
    let nothing = EvidenceItem { fetch: referrers(), answer: Bare.fetch(&referrers()) };
    let live = Given(vec![tagged.clone()]);
    let whole = Pack::of(&subject(), std::slice::from_ref(&list));
    assert!(text(&listed(&whole, &Bare)).contains("packed"));
    let both = text(&listed(&whole, &live));
    assert!(both.contains("packed") && both.contains("tagged"), "{both}");
    for closed in [&Down as &dyn EvidenceSource, &Closed] {
        assert!(matches!(listed(&whole, closed), Answer::Partial { .. }));
    }
    let empty = Pack::of(&subject(), &[]);
    assert!(matches!(listed(&empty, &Bare), Answer::Unavailable { .. }));
    assert!(matches!(listed(&empty, &live), Answer::Partial { .. }));
    assert!(matches!(listed(&Pack::of(&subject(), &[nothing]), &Bare), Answer::Absent { .. }));
    let unseen = Pack::of(&subject(), &[tagged]);
    assert!(matches!(listed(&unseen, &Bare), Answer::Partial { .. }));
}

#[test]
fn no_flipped_bit_in_a_pack_turns_a_refusal_into_an_allow_or_keeps_an_allow() {
    for case in cases() {
        let mut pack = case.pack();
        let (live, _) = case.decide(&case.layout);
        for manifest in &mut pack.manifests {
            flip(&mut manifest.content);
        }
        for blob in &mut pack.blobs {
            flip(&mut blob.content);
        }
        let (outcome, _) = case.decide(&PackSource::offline(&pack));
        assert!(!outcome.starts_with("Allow"), "{}: {live}, then {outcome}", case.id);
    }
}

fn flip(bytes: &mut Bytes) {
    let middle = bytes.0.len() / 2;
    if let Some(byte) = bytes.0.get_mut(middle) {
        *byte ^= 1;
    }
}

#[test]
fn the_same_evidence_in_any_order_gives_the_same_bytes() {
    let Some(case) = cases().into_iter().find(|case| case.id == "notation-nested-sbom") else {
        return;
    };
    let walked = walk(&case.layout, &case.repository(), &case.digest(), &Limits::default());
    let pack = Pack::of(&case.digest(), &walked.evidence).to_json();
    let mut twice: Vec<EvidenceItem> = walked.evidence.clone();
    twice.reverse();
    twice.extend(walked.evidence);
    assert_eq!(Pack::of(&case.digest(), &twice).to_json(), pack);
    assert!(!pack.contains("created\":\"20"), "no time of its own");
    assert!(!pack.contains("localhost"), "no name of a repository");
}

fn item(fetch: Fetch, bytes: &[u8]) -> EvidenceItem {
    let answer =
        Answer::Found { bytes: Bytes(bytes.to_vec()), media_type: None, reserialised: false };
    EvidenceItem { fetch, answer }
}

fn tag(name: &str) -> Fetch {
    Fetch::Tag { repository: "localhost/a".to_owned(), tag: name.to_owned(), max_bytes: 1 << 20 }
}

fn subject() -> String {
    format!("sha256:{}", "0".repeat(64))
}

fn referrers() -> Fetch {
    let (repository, digest) = ("localhost/a".to_owned(), subject());
    Fetch::Referrers { repository, digest, max_bytes: 1 << 20 }
}

fn text(answer: &Answer) -> String {
    match answer {
        Answer::Found { bytes, .. } => String::from_utf8(bytes.0.clone()).unwrap(),
        other => format!("{other:?}"),
    }
}

/// Answers what it was given.
struct Given(Vec<EvidenceItem>);

impl EvidenceSource for Given {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let found = self.0.iter().find(|item| item.fetch == *fetch);
        found.map_or_else(|| Bare.fetch(fetch), |item| item.answer.clone())
    }
}

#[test]
fn neither_pack_nor_registry_hides_what_the_other_lists() {
    let fallback = subject().replace(':', "-");
    let list = |name: &str| format!(r#"{{"manifests":[{{"digest":"{name}"}}]}}"#);
    let pack = Pack::of(
        &subject(),
        &[
            item(tag(&format!("{fallback}.sig")), br#"{"layers":["packed"]}"#),
            item(tag(&fallback), list("packed tag").as_bytes()),
            item(referrers(), list("packed API").as_bytes()),
        ],
    );
    let both = |live: Vec<EvidenceItem>, fetch: &Fetch| {
        let live = Given(live);
        text(&PackSource::before(&pack, &live).fetch(fetch))
    };
    let signatures = tag(&format!("{fallback}.sig"));
    let live = vec![item(signatures.clone(), br#"{"layers":["live"]}"#)];
    assert_eq!(both(live, &signatures), r#"{"layers":["live","packed"]}"#);
    // Whoever has the list of the API does not look at the tag.
    let live = vec![item(referrers(), list("live API").as_bytes())];
    let found = both(live, &referrers());
    for name in ["live API", "packed API", "packed tag"] {
        assert!(found.contains(name), "{found}");
    }
    // The registry has no API, and the pack's list stands for both.
    let live = vec![item(tag(&fallback), list("live tag").as_bytes())];
    let found = both(live, &referrers());
    for name in ["live tag", "packed API", "packed tag"] {
        assert!(found.contains(name), "{found}");
    }
    let only_tag = Pack::of(&subject(), &[item(tag(&fallback), list("packed tag").as_bytes())]);
    let none = PackSource::before(&only_tag, &Bare).fetch(&referrers());
    assert!(matches!(none, Answer::Absent { .. }), "the tag is still to be asked for: {none:?}");
}

#[test]
fn what_is_not_its_digest_hides_nothing_that_a_registry_has() {
    let digest = countersign_host::registry::sha256_of(b"right");
    let base64 = |bytes: &[u8]| json!(Bytes(bytes.to_vec()));
    for content in [&b"wrong"[..], &[b'x'; 200]] {
        let part = json!({ "digest": digest, "content": base64(content) });
        let text = json!({
            "apiVersion": "countersign.dev/pack/v1", "subject": subject(),
            "manifests": [part], "blobs": [part],
        });
        let pack = Pack::parse(text.to_string().as_bytes()).unwrap();
        let (repository, max_bytes) = ("localhost/a".to_owned(), 100);
        let (named, digest) = (repository.clone(), digest.clone());
        for fetch in [
            Fetch::Blob { repository, digest: digest.clone(), max_bytes },
            Fetch::Manifest { repository: named, digest, max_bytes },
        ] {
            let live = Given(vec![item(fetch.clone(), b"right")]);
            assert_eq!(text_of(&pack, &live, &fetch), "right");
        }
    }
}

fn text_of(pack: &Pack, live: &Given, fetch: &Fetch) -> String {
    text(&PackSource::before(pack, live).fetch(fetch))
}

#[test]
fn offline_nothing_is_taken_for_absent_that_nobody_has_looked_for() {
    let absent = Answer::Absent { message: "no such tag".to_owned() };
    let looked = EvidenceItem { fetch: tag("sha256-aa.att"), answer: absent };
    let pack = Pack::of(&subject(), &[looked]);
    let source = PackSource::offline(&pack);
    assert!(matches!(source.fetch(&tag("sha256-aa.att")), Answer::Absent { .. }));
    for fetch in [tag("sha256-aa.sig"), referrers(), Fetch::Resolve { reference: "a/b:1".into() }] {
        let answer = source.fetch(&fetch);
        let reason = UnavailableReason::Unsupported;
        assert!(
            matches!(&answer, Answer::Unavailable { reason: r, .. } if *r == reason),
            "{answer:?}"
        );
    }
    // With a registry to ask, what the maker of the pack has not found says nothing.
    let live = Given(vec![item(tag("sha256-aa.att"), b"{}")]);
    assert_eq!(text(&PackSource::before(&pack, &live).fetch(&tag("sha256-aa.att"))), "{}");
}

#[test]
fn what_could_not_be_had_and_what_is_not_its_digest_is_not_packed() {
    let down = Down.fetch(&referrers());
    let blob = Fetch::Blob {
        repository: "localhost/a".to_owned(),
        digest: countersign_host::registry::sha256_of(b"right"),
        max_bytes: 9,
    };
    let mut anew = item(tag("sha256-aa.sig"), b"{}");
    let Answer::Found { reserialised, .. } = &mut anew.answer else { unreachable!() };
    *reserialised = true;
    let pack = Pack::of(
        &subject(),
        &[EvidenceItem { fetch: referrers(), answer: down }, item(blob.clone(), b"wrong"), anew],
    );
    let empty = Pack::of(&subject(), &[]);
    assert_eq!(pack, empty);
    let pack = Pack::of(&subject(), &[item(blob.clone(), b"right")]);
    assert_eq!(text(&PackSource::offline(&pack).fetch(&blob)), "right");
    let Fetch::Blob { repository, digest, .. } = blob else { unreachable!() };
    let small = Fetch::Blob { repository, digest, max_bytes: 4 };
    let answer = PackSource::offline(&pack).fetch(&small);
    let too_large = UnavailableReason::TooLarge;
    assert!(matches!(answer, Answer::Unavailable { reason, .. } if reason == too_large));
}

#[test]
fn documents_that_are_no_packs_are_refused() {
    let pack = serde_json::to_value(Pack::of(&subject(), &[item(referrers(), b"{}")])).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut pack = pack.clone();
        change(&mut pack);
        match Pack::parse(pack.to_string().as_bytes()) {
            Err(PackError::Malformed(words)) => words,
            other => panic!("{other:?}"),
        }
    };
    for (change, words) in [
        (&(|p: &mut Value| p["apiVersion"] = "x/v1".into()) as &dyn Fn(&mut Value), "apiVersion"),
        (&|p| p["subject"] = "sha256:0".into(), "is no digest"),
        (&|p| p["other"] = 1.into(), "unknown field"),
        (&|p| p["referrers"][0]["content"] = "*".into(), "base64"),
        (&|p| p["referrers"] = json!([p["referrers"][0], p["referrers"][0]]), "twice"),
        (&|p| p["tags"] = json!([{ "name": "../x", "digest": subject() }]), "is no tag"),
        (&|p| p["notFound"] = json!({ "tags": ["a", "a"] }), "twice"),
        (&|p| p["notFound"] = json!({ "tags": vec!["a"; 5000] }), "at most 4096 entries"),
    ] {
        let found = refused(change);
        assert!(found.contains(words), "{found}");
    }
    assert!(matches!(Pack::parse(b"[]"), Err(PackError::Malformed(_))));
    let spaces = vec![b' '; (countersign_host::pack::MAX_BYTES + 1) as usize];
    assert!(matches!(Pack::parse(&spaces), Err(PackError::TooLarge(_))));
    let gone = countersign_host::pack::read(std::path::Path::new("/no/such/pack"));
    assert!(matches!(gone, Err(PackError::Unreadable(_))));
}

/// A pack with everything that a pack can have, to look at and for the schema's test.
const EXAMPLE: &str = "examples/evidence-pack.json";

#[test]
fn the_example_is_what_is_packed() {
    let Some(case) = cases().into_iter().find(|case| case.id == "notation-nested-sbom") else {
        return;
    };
    let pack = case.pack().to_json();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(EXAMPLE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &pack).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == pack, "`{EXAMPLE}` is not what is packed: UPDATE=1 writes it anew");
}

#[test]
fn revocation_is_packed_and_answered() {
    let (url, request) = ("http://ca.test".to_owned(), Bytes(vec![1]));
    let ocsp = Fetch::Ocsp { url: url.clone(), request, max_bytes: 9 };
    let crl = Fetch::Crl { url, max_bytes: 9 };
    let pack = Pack::of(&subject(), &[item(ocsp.clone(), b"o"), item(crl.clone(), b"c")]);
    let pack = Pack::parse(pack.to_json().as_bytes()).unwrap();
    let offline = PackSource::offline(&pack);
    assert_eq!((text(&offline.fetch(&ocsp)), text(&offline.fetch(&crl))), ("o".into(), "c".into()));
    // What is young counts before what was packed.
    let live = Given(vec![item(ocsp.clone(), b"young")]);
    assert_eq!(text(&PackSource::before(&pack, &live).fetch(&ocsp)), "young");
    assert_eq!(text(&PackSource::before(&pack, &Down).fetch(&ocsp)), "o");
}
