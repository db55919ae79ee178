//! notation-go's own test data, with what notation-go said to it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use countersign::{
    crypto::{HashAlgorithm, HexDigests, Memo, Spend, hex, sha256},
    envelope::{cose, jws, notation::Algorithm},
    time::{Now, Time},
    trust::TrustedIdentity,
    verdict::Code::{self, *},
    verify::{
        Accepted, Rejected, Target,
        notation::{self, Level, NotationAuthority, Profile, VerifyTimestamp},
    },
    wire::Mark,
    x509::Certificate,
};
use serde_json::Value;

use crate::layout::{not_run, vectors};

/// Anchors of the measured runs.
const ANCHORS: [&str; 5] = [
    "verifier/truststore/x509/ca/valid-trust-store/NotationTestRoot.pem",
    "verifier/truststore/x509/ca/valid-trust-store/wabbit-networks.io.crt",
    "verifier/truststore/x509/ca/valid-trust-store/TestTimestamp.crt",
    "crl/e2e.crt",
    "crl/expired_e2e.crt",
];

/// The day of the measured runs.
const NOW: &str = "2026-11-21T03:00:00Z";

/// What the measured runs had in their `tsa` store.
const TSA_ANCHOR: &str = "verifier/truststore/x509/tsa/test-timestamp/globalsignRoot.cer";

/// Rows of `gold.txt`.
const ROWS: usize = 198;

/// One row of `gold.txt`.
struct Row {
    /// The file's name, or its first twelve characters.
    file: String,
    level: Level,
    level_name: String,
    tsa: bool,
    pass: bool,
    /// The validations that failed, by name.
    failed: Vec<String>,
}

fn rows(vectors: &Path) -> Vec<Row> {
    let text = fs::read_to_string(vectors.join("verdicts/gold.txt")).unwrap();
    text.lines().filter(|line| line.contains("tsa=")).map(row).collect()
}

fn row(line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (_, rest) = line.split_once("failed:[").unwrap();
    let (failed, _) = rest.split_once(']').unwrap();
    Row {
        file: words[0].into(),
        level: match words[1] {
            "strict" => Level::Strict,
            "permissive" => Level::Permissive,
            "audit" => Level::Audit,
            other => panic!("{other}"),
        },
        level_name: words[1].into(),
        tsa: words[2] == "tsa=true",
        pass: words[3] == "PASS",
        failed: failed.split_whitespace().map(|f| f.split('=').next().unwrap().into()).collect(),
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn anchor(path: &Path) -> Vec<Certificate> {
    let bytes = fs::read(path).unwrap();
    match std::str::from_utf8(&bytes) {
        Ok(text) => Certificate::from_pem_chain(text, 16).unwrap(),
        Err(_) => vec![Certificate::from_der(&bytes).unwrap()],
    }
}

/// The envelope's own claim of its target, as the measured runs took it.
fn claimed_target(payload: &[u8]) -> Target {
    let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
    let artifact = &payload["targetArtifact"];
    Target {
        digest: artifact["digest"].as_str().unwrap_or_default().into(),
        media_type: Some(artifact["mediaType"].as_str().unwrap_or_default().into()),
        size: Some(artifact["size"].as_u64().unwrap_or_default()),
        bytes: None,
        digests: HexDigests::default(),
    }
}

fn check_name(check: &str) -> &str {
    match check {
        "authentic timestamp" => "authenticTimestamp",
        other => other,
    }
}

struct Vector {
    envelope: Vec<u8>,
    media_type: &'static str,
    /// Nothing where it is no envelope.
    algorithm: Option<Algorithm>,
    target: Target,
    authority: NotationAuthority,
}

fn vector(vectors: &Path, file: &Path) -> Vector {
    let envelope = fs::read(file).unwrap();
    let (media_type, parsed) = match envelope.first() {
        Some(0xd2) => ("application/cose", cose::parse(&envelope)),
        _ => ("application/jose+json", jws::parse(&envelope)),
    };
    let mut ca: Vec<Certificate> = ANCHORS.iter().flat_map(|a| anchor(&vectors.join(a))).collect();
    let mut payload = Vec::new();
    let algorithm = parsed.as_ref().map(|parsed| parsed.algorithm).ok();
    if let Ok(parsed) = parsed {
        ca.push(Certificate::from_der(parsed.chain.last().unwrap()).unwrap());
        payload = parsed.payload;
    }
    Vector {
        envelope,
        media_type,
        algorithm,
        target: claimed_target(&payload),
        authority: NotationAuthority {
            revocation: notation::Revocation::Skip,
            tsa_revocation: notation::Revocation::Skip,
            max_evidence_age: None,
            signing_authority: ca.clone(),
            ca,
            tsa: Vec::new(),
            verify_timestamp: VerifyTimestamp::Always,
            actions: Level::Strict.actions(),
            trusted_identities: vec![TrustedIdentity::Any],
            user_metadata: BTreeMap::new(),
            profile: Profile::Spec,
        },
    }
}

fn verify(vector: &Vector, now: &str) -> Result<Accepted, Box<Rejected>> {
    verify_with(vector, now, notation::verify)
}

type Verify = fn(
    &[u8],
    &str,
    &Target,
    &NotationAuthority,
    Now<'_>,
    &notation::RevocationRoad<'_>,
    &Spend,
) -> Result<Accepted, Rejected>;

fn verify_with(vector: &Vector, now: &str, verify: Verify) -> Result<Accepted, Box<Rejected>> {
    let needed = std::cell::RefCell::default();
    let known = notation::Known::default();
    let road = notation::RevocationRoad {
        evidence: &crate::setup::Nobody,
        needed: &needed,
        known: &known,
    };
    verify(
        &vector.envelope,
        vector.media_type,
        &vector.target,
        &vector.authority,
        Time::parse(now).unwrap().into(),
        &road,
        &Spend::new(20, Memo::default()),
    )
    .map_err(Box::new)
}

/// Whether it passes, and the validations that failed, as notation-go names them.
fn outcome(verified: Result<Accepted, Box<Rejected>>) -> (bool, Vec<String>) {
    let (pass, checks) = match verified {
        Ok(accepted) => (true, accepted.checks),
        Err(rejected) => (false, rejected.checks),
    };
    let failed = checks
        .iter()
        .filter(|n| matches!(n.mark, Mark::Fail | Mark::Logged) && n.name != "verification plugin");
    (pass, failed.map(|n| check_name(&n.name).to_owned()).collect())
}

/// Every row with its envelope, and the terms of the measured run.
fn measured(vectors: &Path) -> Vec<(Row, Vector)> {
    let mut all = Vec::new();
    for folder in ["mock", "internal", "verifier/timestamp/sigEnv", "e2e-layouts"] {
        files(&vectors.join(folder), &mut all);
    }
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let with_vector = |row: Row| {
        // Names of more than 48 characters are cut to twelve.
        let named = all.iter().filter(|f| name(f) == row.file);
        let cut = all.iter().filter(|f| name(f).len() > 48 && name(f).starts_with(&row.file));
        let file = named.chain(cut).next().unwrap_or_else(|| panic!("{} is not there", row.file));
        let mut vector = vector(vectors, file);
        vector.authority.actions = row.level.actions();
        if row.tsa {
            vector.authority.tsa = anchor(&vectors.join(TSA_ANCHOR));
        }
        (row, vector)
    };
    rows(vectors).into_iter().map(with_vector).collect()
}

#[test]
fn every_public_envelope_has_the_verdict_of_notation_go() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for (row, vector) in measured(&vectors) {
        count += 1;
        let (pass, failed) = outcome(verify(&vector, NOW));
        if (pass, &failed) != (row.pass, &row.failed) {
            wrong.push(format!(
                "{} {} tsa={}: {pass} {failed:?}, notation-go {} {:?}",
                row.file, row.level_name, row.tsa, row.pass, row.failed
            ));
        }
    }
    println!("public envelopes: {count} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, ROWS);
}

#[test]
fn public_envelopes_fail_for_the_right_reason() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    for (file, now, expected) in [
        ("mock/ca_valid_sig_env.json", NOW, Ok(())),
        ("mock/ca_expired_sig_env.json", NOW, Err(ExpiryExpired)),
        ("mock/ca_expired_sig_env.json", "2022-07-29T23:58:59Z", Ok(())),
        ("mock/ca_invalid_sig_env.json", NOW, Err(EnvelopeMalformed)),
        ("mock/sa_plugin_sig_env.json", NOW, Err(NotationPlugin)),
        ("mock/ca_incompatible_pluginver_sig_env_1.0.9.json", NOW, Err(NotationPlugin)),
        ("mock/sig_env_with_metadata.json", NOW, Err(AuthenticTimestampInvalid)),
        ("mock/sig_env_with_metadata.json", "2023-01-11T18:10:00Z", Ok(())),
        (
            "verifier/timestamp/sigEnv/jwsExpiredWithTimestamp.sig",
            NOW,
            Err(AuthenticTimestampInvalid),
        ),
        ("verifier/timestamp/sigEnv/coseExpiredWithTimestamp.sig", "2024-06-18T07:25:00Z", Ok(())),
    ] {
        let found = verify(&vector(&vectors, &vectors.join(file)), now);
        let found: Result<(), Code> = found.map(|_| ()).map_err(|r| r.reason.code);
        assert_eq!(found, expected, "{file} at {now}");
    }
}

/// A store of another type, or of another authority, is not looked at.
#[test]
fn public_envelopes_need_the_store_of_their_scheme() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    for (file, ca) in [("mock/ca_valid_sig_env.json", true), ("mock/sa_valid_sig_env.json", false)]
    {
        let mut vector = vector(&vectors, &vectors.join(file));
        let global_sign = anchor(
            &vectors.join("verifier/truststore/x509/ca/valid-trust-store/GlobalSignRootCA.crt"),
        );
        let store =
            if ca { &mut vector.authority.ca } else { &mut vector.authority.signing_authority };
        *store = global_sign;
        let rejected = verify(&vector, NOW).unwrap_err();
        assert_eq!(rejected.reason.code, AuthenticityUntrusted, "{file}");
    }
}

#[test]
fn public_metadata_is_matched_exactly() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    for (value, expected) in [("123", true), ("321", false)] {
        let mut vector = vector(&vectors, &vectors.join("mock/sig_env_with_metadata.json"));
        vector.authority.user_metadata.insert("io.wabbit-networks.buildId".into(), value.into());
        assert_eq!(verify(&vector, "2023-01-11T18:10:00Z").is_ok(), expected);
    }
}

/// Requirement 47. What was signed is a blob as well, given by its digest: the validations come out
/// the same, and only the digest is another question, as it is that of the key.
#[test]
fn every_public_envelope_has_the_same_verdict_as_a_blobs() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    let mut wrong = Vec::new();
    let mut count = BTreeMap::new();
    for (row, mut vector) in measured(&vectors) {
        let target = &mut vector.target;
        (target.media_type, target.size) = (None, None);
        let digest = target.digest.strip_prefix("sha256:").unwrap_or_default();
        target.digests = HexDigests::default();
        target.digests.give(HashAlgorithm::Sha256, digest);
        let is_known = matches!(vector.algorithm, None | Some(Algorithm::Es256 | Algorithm::Ps256));
        let found = verify_with(&vector, NOW, notation::verify_blob);
        let code = found.as_ref().err().map(|rejected| rejected.reason.code);
        let (pass, mut failed) = outcome(found);
        // Unknown where nothing else was wrong.
        let is_open = row.pass && !is_known;
        if is_open {
            failed.retain(|check| check != "descriptor");
        }
        *count.entry((is_known, row.pass)).or_insert(0) += 1;
        let expected = (row.pass && is_known, &row.failed, is_open);
        if (pass, &failed, code == Some(EvidenceHostAsserted)) != expected {
            wrong.push(format!(
                "{} {} tsa={}: {pass} {failed:?} {code:?}, not {expected:?}",
                row.file, row.level_name, row.tsa
            ));
        }
        // Of another blob no level knows anything.
        vector.target.digests = HexDigests::default();
        vector.target.digests.give(HashAlgorithm::Sha256, &hex(&sha256(row.file.as_bytes())));
        let other = verify_with(&vector, NOW, notation::verify_blob);
        if row.pass
            && is_known
            && other.map_err(|e| e.reason.code).err() != Some(DescriptorMismatch)
        {
            wrong.push(format!("{} {}: another blob", row.file, row.level_name));
        }
    }
    println!("public envelopes as blobs', by known digest and verdict: {count:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count.values().sum::<usize>(), ROWS);
    assert!(count[&(true, true)] > 30 && count[&(false, true)] > 5, "{count:?}");
}

/// The rows of `gold.txt` about blobs, at all three levels, and with a `tsa` store that the timestamps
/// are not of. The signatures are notation's (`test/e2e/testdata/signatures`), and what they sign is its
/// licence.
#[test]
fn rows_about_blobs_are_those_of_notation_go() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    let signatures = vectors.join("signatures");
    if !signatures.is_dir() {
        // `notation::blobs::levels_are_those_of_notation_go` of the host makes them anew.
        return println!("there are no signatures of blobs among the public vectors");
    }
    let text = fs::read_to_string(vectors.join("verdicts/gold.txt")).unwrap();
    let licence = fs::read(vectors.join("LICENSE")).unwrap();
    let mut measured = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("blob ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let is_right = words[3] == "blob=11357B";
        measured.insert((words[1], words[2], is_right), line.contains("err=<nil>"));
    }
    assert_eq!(measured.len(), 8);
    for name in ["blob.jws.sig", "blob.cose.sig"] {
        for (level, key) in [
            (Level::Strict, "level=strict"),
            (Level::Permissive, "level=permissive"),
            (Level::Audit, "level=audit"),
        ] {
            for (has_store, is_right) in
                [(false, true), (false, false), (true, true), (true, false)]
            {
                let mut vector = vector(&vectors, &signatures.join(name));
                vector.authority.actions = level.actions();
                if has_store {
                    vector.authority.tsa = anchor(&vectors.join(TSA_ANCHOR));
                }
                let bytes = if is_right { licence.clone() } else { b"x".to_vec() };
                vector.target = Target {
                    digest: String::new(),
                    media_type: None,
                    size: Some(bytes.len() as u64),
                    bytes: Some(bytes),
                    digests: HexDigests::default(),
                };
                let found = verify_with(&vector, NOW, notation::verify_blob);
                let code = found.err().map(|rejected| rejected.reason.code);
                let expected = match level {
                    // The certificates have expired, and the store does not know the authority.
                    Level::Strict if has_store => Some(TimestampUntrusted),
                    Level::Strict => Some(AuthenticTimestampInvalid),
                    _ if is_right => None,
                    _ => Some(DescriptorMismatch),
                };
                assert_eq!(code, expected, "{name} {key} {has_store} {is_right}");
                if let Some(passed) = measured.get(&(name, key, is_right)).filter(|_| !has_store) {
                    assert_eq!(code.is_none(), *passed, "{name} {key}");
                }
            }
        }
    }
}
