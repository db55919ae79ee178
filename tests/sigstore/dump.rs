//! Cases for other verifiers: a bundle, a trusted root, an artifact and a signer, as files.
//!
//! A case is a directory with `bundle.json`, `trusted_root.json`, `artifact`, either `identity` and
//! `issuer` or `key.pub`, `ask` with what is asked for in lines (`no-tlog`, `no-sct`, `timestamp`),
//! `ours` with our verdict, and of a fault `twin`: which case is the same without it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{BlobRequest, BlobSignature, Bytes, Request},
};
use serde_json::{Value, json};

use crate::{
    ROOMS,
    generator::{happy_paths, not_run, vectors},
    happy,
    sigstore::instant::{SIGNED, YEAR},
    world::{BUNDLE, Fault, Verdict, World, policy},
};

/// Where the conformance suite's README says that they are not in files.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const PUBLIC_GOOD: &str = include_str!("../../src/trust/roots/public-good.json");

/// What another verifier can be asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    bundle: Vec<u8>,
    root: Vec<u8>,
    artifact: Vec<u8>,
    signer: Signer,
    ask: Vec<&'static str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Signer {
    Key(String),
    Keyless { issuer: String, subject: String },
}

impl Question {
    /// Or why it cannot be put.
    fn of(world: &World) -> Result<Self, &'static str> {
        if !world.more.is_empty() {
            return Err("several bundles");
        }
        if world.by_digest {
            return Err("a digest without the artifact");
        }
        if world.now != SIGNED + YEAR {
            return Err("another time of decision");
        }
        if world.media_type != BUNDLE {
            return Err("the media type of what carries the bundle");
        }
        let document = world.document();
        let spec = &document["spec"];
        let (trust, cosign) = (&spec["trust"], &spec["authorities"]["signer"]["cosign"]);
        if names(trust) != ["test"] || names(&trust["test"]["sigstore"]) != ["trustedRoot"] {
            return Err("other trust than one trusted root");
        }
        let of_any_type = json!({"attestation": {"type": "*", "signedBy": "signer"}});
        let require = &spec["rules"][0]["require"];
        if names(&spec["authorities"]) != ["signer"]
            || (*require != json!("signer") && *require != of_any_type)
        {
            return Err("a requirement on the statement, or of several authorities");
        }
        let root = &trust["test"]["sigstore"]["trustedRoot"];
        let (signer, mut ask) = (signer(cosign)?, asked(cosign)?);
        if root["ctlogs"].as_array().is_none_or(Vec::is_empty) {
            ask.push("no-sct");
        }
        Ok(Self {
            bundle: world.bundle(),
            root: serde_json::to_vec(root).unwrap(),
            artifact: world.blob.clone(),
            signer,
            ask,
        })
    }

    fn write(&self, directory: &Path, ours: &str) {
        fs::create_dir_all(directory).unwrap();
        let write = |file: &str, bytes: &[u8]| fs::write(directory.join(file), bytes).unwrap();
        write("bundle.json", &self.bundle);
        write("trusted_root.json", &self.root);
        write("artifact", &self.artifact);
        match &self.signer {
            Signer::Key(pem) => write("key.pub", pem.as_bytes()),
            Signer::Keyless { issuer, subject } => {
                write("issuer", issuer.as_bytes());
                write("identity", subject.as_bytes());
            }
        }
        write("ask", self.ask.join("\n").as_bytes());
        write("ours", ours.as_bytes());
    }
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn signer(cosign: &Value) -> Result<Signer, &'static str> {
    let only =
        |list: &Value| list.as_array().filter(|all| all.len() == 1).map(|all| all[0].clone());
    if let Some(Value::String(pem)) = only(&cosign["keys"]) {
        return Ok(Signer::Key(pem));
    }
    let identity = only(&cosign["keyless"]).ok_or("several signers")?;
    match (names(&identity).as_slice(), &identity["issuer"], &identity["subject"]) {
        (["issuer", "subject"], Value::String(issuer), Value::String(subject)) => {
            Ok(Signer::Keyless { issuer: issuer.clone(), subject: subject.clone() })
        }
        _ => Err("an identity of more than issuer and subject, or by patterns"),
    }
}

fn asked(cosign: &Value) -> Result<Vec<&'static str>, &'static str> {
    let mut all = Vec::new();
    for (name, value) in cosign.as_object().unwrap() {
        match (name.as_str(), value.as_str()) {
            ("keys" | "keyless", _) | ("trust", Some("test")) => {}
            ("transparencyLog", Some("ignore")) => all.push("no-tlog"),
            ("timestamp", Some("required")) => all.push("timestamp"),
            _ => return Err("thresholds, and other words of a policy"),
        }
    }
    Ok(all)
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow => "accept".to_owned(),
        Verdict::Refuse { code, .. } => code.to_string(),
        Verdict::BadPolicy(_) => "badInput".to_owned(),
        Verdict::Odd(what) => panic!("{what}"),
    }
}

/// `Checkpoint of another log` is `checkpoint-of-another-log`.
fn slug(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    name.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase()
}

/// With `SIGSTORE_DUMP=DIR`, writes `DIR/happy`, `DIR/twin`, `DIR/fault` and `DIR/conformance`.
#[test]
fn cases_can_be_dumped() {
    let Ok(directory) = std::env::var("SIGSTORE_DUMP") else {
        return;
    };
    let directory = Path::new(&directory);
    let mut right = BTreeMap::new();
    for case in happy_paths() {
        let world = happy::world(&case);
        let question = Question::of(&world).unwrap();
        question.write(&directory.join("happy").join(&case.name), &said(&world.decide()));
        right.insert(question, format!("happy/{}", case.name));
    }
    faults(directory, right);
    conformance(&directory.join("conformance"));
}

fn faults(directory: &Path, mut right: BTreeMap<Question, String>) {
    let (mut written, mut left_out) = (BTreeSet::new(), BTreeMap::<_, usize>::new());
    for (room, faults) in ROOMS {
        for fault in faults() {
            let (unspoilt, spoilt) = match questions(&fault) {
                Ok(questions) => questions,
                Err(why) => {
                    *left_out.entry(why).or_default() += 1;
                    continue;
                }
            };
            let mut name = format!("{}.{}", slug(room), slug(&fault.name));
            while !written.insert(name.clone()) {
                name.push('\'');
            }
            let twin = right.entry(unspoilt).or_insert_with_key(|unspoilt| {
                unspoilt.write(&directory.join("twin").join(&name), "accept");
                format!("twin/{name}")
            });
            let directory = directory.join("fault").join(&name);
            spoilt.write(&directory, &fault.code.to_string());
            fs::write(directory.join("twin"), twin).unwrap();
        }
    }
    println!("faults: {} written", written.len());
    for (why, count) in left_out {
        println!("faults: {count} left out: {why}");
    }
}

/// What is right, and the same with its fault.
fn questions(fault: &Fault) -> Result<(Question, Question), &'static str> {
    let twins = fault.worlds().ok_or("an image with annotations")?;
    let questions = (Question::of(&twins.right)?, Question::of(&twins.spoilt)?);
    // Other verifiers read a clock.
    let later = World { now: SIGNED + 100 * YEAR, ..twins.spoilt };
    if later.decide().is_allowed() { Err("another time of decision") } else { Ok(questions) }
}

/// The conformance suite, which stays where it is.
fn conformance(directory: &Path) {
    let Some(vectors) = vectors() else {
        return not_run("the conformance vectors are not there");
    };
    for entry in fs::read_dir(&vectors).unwrap() {
        let case = entry.unwrap().path();
        if !case.join("bundle.sigstore.json").is_file() {
            continue;
        }
        let text = |file: &str| fs::read_to_string(case.join(file)).ok();
        let word = |file: &str, otherwise: &str| {
            text(file).map_or_else(|| otherwise.to_owned(), |text| text.trim().to_owned())
        };
        let artifact = fs::read(case.join("artifact"));
        let signer = text("key.pub").map_or_else(
            || Signer::Keyless {
                issuer: word("issuer", ISSUER),
                subject: word("identity", IDENTITY),
            },
            Signer::Key,
        );
        let question = Question {
            bundle: fs::read(case.join("bundle.sigstore.json")).unwrap(),
            root: word("trusted_root.json", PUBLIC_GOOD).into_bytes(),
            artifact: artifact.unwrap_or_else(|_| fs::read(vectors.join("a.txt")).unwrap()),
            signer,
            ask: Vec::new(),
        };
        let name = case.file_name().unwrap();
        question.write(&directory.join(name), &said(&decided(&question)));
    }
}

/// As `verify-bundle` asks.
fn decided(question: &Question) -> Verdict {
    let root: Value = serde_json::from_slice(&question.root).unwrap();
    let cosign = match &question.signer {
        Signer::Key(pem) => json!({"keys": [pem], "trust": "it"}),
        Signer::Keyless { issuer, subject } => {
            json!({"keyless": [{"issuer": issuer, "subject": subject}], "trust": "it"})
        }
    };
    let attested = json!({"attestation": {"type": "*", "signedBy": "signer"}});
    let document = policy(json!({
        "trust": {"it": {"sigstore": {"trustedRoot": root}}},
        "authorities": {"signer": {"cosign": cosign}},
        "rules": [{"blobs": ["**"], "require": {"any": ["signer", attested]}}],
    }));
    let policy = match Policy::parse(&document) {
        Ok(policy) => policy,
        Err(errors) => return Verdict::BadPolicy(errors),
    };
    let content = Bytes(question.bundle.clone());
    let blob = BlobRequest {
        name: "artifact".to_owned(),
        digests: Vec::new(),
        content: Some(Bytes(question.artifact.clone())),
        signatures: vec![BlobSignature { media_type: BUNDLE.to_owned(), content }],
    };
    let request = Request { blobs: vec![blob], ..Request::default() };
    let now = Time::parse("2026-11-21T03:00:00Z").unwrap();
    match evaluate(&policy, &request, &[], now, Budget::default()) {
        Step::Decision(decision) => Verdict::of(&decision),
        Step::Need(needs) => Verdict::Odd(format!("{needs:?}")),
    }
}
