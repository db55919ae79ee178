//! A decision written out: policy, request, time and every answer that it rests on, so that it can
//! be made again. A record is never live evidence.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::Path,
    sync::{Mutex, PoisonError},
};

use countersign::{
    crypto::{hex, sha256},
    evidence::Budget,
    wire::{Answer, EvidenceItem, Fetch, Request, UnavailableReason},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    driver::{DriverError, Evaluator, Judgement, Question, decide},
    policy::Document,
    source::EvidenceSource,
};

/// `apiVersion` of a [`Record`].
pub const RECORD_VERSION: &str = "countersign.dev/record/v1";
/// Bytes of one record: the module has 256 MiB for all that it is given.
const MAX_BYTES: u64 = 256 << 20;
/// Differences that are named.
const MOST_DIFFERENCES: usize = 10;

/// A decision, and everything that it depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub api_version: String,
    /// Which module decided.
    pub module: DecidedBy,
    /// The time of the decision.
    pub now: String,
    /// Limits, where they were lower than the module's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The policy as it was used, its files in place; or the path of one, from the record's own
    /// directory.
    #[serde(deserialize_with = "countersign::json::deserialize")]
    pub policy: Value,
    /// What was asked.
    pub request: Request,
    /// What the module was given, in the order in which it asked.
    pub evidence: Vec<EvidenceItem>,
    /// What it decided.
    pub decision: Value,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecidedBy {
    /// `sha256:…`.
    pub digest: String,
}

impl Record {
    /// Of a decision that was made just now.
    pub fn new(module: &str, question: &Question<'_>, judgement: &Judgement) -> Self {
        Self {
            api_version: RECORD_VERSION.to_owned(),
            module: DecidedBy { digest: module.to_owned() },
            now: question.now.to_owned(),
            budget: question.budget,
            policy: question.policy.clone(),
            request: question.request.clone(),
            evidence: judgement.evidence.clone(),
            // What was parsed from JSON can be written as JSON.
            decision: serde_json::to_value(&judgement.decision).unwrap_or_default(),
        }
    }

    /// Reads a file, and the policy that it names.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let bytes = bytes(path).map_err(|e| format!("{name}: {e}"))?;
        let json = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        let parsed = if json {
            serde_json::from_slice::<Self>(&bytes).map_err(|e| e.to_string())
        } else {
            let text = String::from_utf8(bytes).map_err(|_| format!("{name}: is not UTF-8"))?;
            let document = Document::parse(&name, &text).map_err(|e| e.to_string())?;
            serde_json::from_value(document.value).map_err(|e| e.to_string())
        };
        let mut record = parsed.map_err(|e| format!("{name}: not a record: {e}"))?;
        if record.api_version != RECORD_VERSION {
            let found = &record.api_version;
            return Err(format!(
                "{name}: not a record: `apiVersion` is `{found}`, not `{RECORD_VERSION}`"
            ));
        }
        if let Value::String(policy) = &record.policy {
            let beside = path.parent().unwrap_or_else(|| Path::new("")).join(policy);
            let policy = Document::load_policy(&beside.to_string_lossy());
            record.policy = policy.map_err(|e| e.to_string())?.value;
        }
        Ok(record)
    }

    /// As a file: the same record, the same bytes.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Makes the decision again, from what is recorded and nothing else.
    pub fn replay(&self, evaluator: &dyn Evaluator) -> Result<Replayed, DriverError> {
        let source = Recorded::new(self.evidence.iter().cloned());
        let question = Question {
            policy: &self.policy,
            request: &self.request,
            now: &self.now,
            budget: self.budget,
        };
        let judgement = decide(evaluator, &source, &question)?;
        Ok(Replayed { judgement, missing: source.missing() })
    }

    /// What of a decision is not as it is recorded.
    pub fn differences(&self, judgement: &Judgement) -> Differences {
        let found = serde_json::to_value(&judgement.decision).unwrap_or_default();
        let (mut verdict, mut words) = (Vec::new(), Vec::new());
        compare("", &essence(&self.decision), &essence(&found), &mut verdict);
        compare("", &self.decision, &found, &mut words);
        Differences { verdict, words }
    }
}

/// A decision that was made again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The decision.
    pub judgement: Judgement,
    /// What the module asked for and the record does not have.
    pub missing: Vec<Fetch>,
}

/// Where two decisions differ, each as `pointer: recorded, found`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// In what a front acts on: outcomes, digests, reason codes, patches.
    pub verdict: Vec<String>,
    /// Anywhere, explanations and figures included.
    pub words: Vec<String>,
}

/// What a front acts on.
fn essence(decision: &Value) -> Value {
    let of = |list: &Value| -> Vec<Value> {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let one = |item: &Value| {
            json!({
                "reference": item["reference"], "name": item["name"], "digest": item["digest"],
                "outcome": item["outcome"], "raw": item["raw"], "effective": item["effective"],
                "reason": item["reason"]["code"],
            })
        };
        items.iter().map(one).collect()
    };
    let errors = decision["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<_> = errors.iter().map(|e| json!([e["code"], e["path"]])).collect();
    json!({
        "outcome": decision["outcome"], "effective": decision["effective"],
        "mode": decision["mode"], "errors": errors, "patches": decision["patches"],
        "images": of(&decision["images"]), "blobs": of(&decision["blobs"]),
    })
}

fn compare(pointer: &str, recorded: &Value, found: &Value, differences: &mut Vec<String>) {
    if recorded == found || differences.len() >= MOST_DIFFERENCES {
        return;
    }
    match (recorded, found) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(name).cloned().unwrap_or_default()
                };
                compare(&format!("{pointer}/{name}"), &of(a), &of(b), differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{pointer}/{i}"), a, b, differences);
            }
        }
        _ => {
            let (recorded, found) = (short(recorded), short(found));
            differences.push(format!("{pointer}: recorded {recorded}, found {found}"));
        }
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => return "nothing".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(e) => Err(format!("cannot be read: {e}")),
        Ok(length) if length as u64 > MAX_BYTES => {
            Err(format!("is larger than {} MiB", MAX_BYTES >> 20))
        }
        Ok(_) => Ok(bytes),
    }
}

/// Answers of records. What none of them has is remembered, and never had.
#[derive(Debug, Default)]
pub struct Recorded {
    answers: BTreeMap<Fetch, Answer>,
    missing: Mutex<BTreeSet<Fetch>>,
}

impl Recorded {
    /// Of these items; of two about the same thing the first counts.
    pub fn new(items: impl IntoIterator<Item = EvidenceItem>) -> Self {
        let mut recorded = Self::default();
        recorded.add(items);
        recorded
    }

    /// More of them.
    pub fn add(&mut self, items: impl IntoIterator<Item = EvidenceItem>) {
        for EvidenceItem { fetch, answer } in items {
            self.answers.entry(without_limit(&fetch)).or_insert(answer);
        }
    }

    /// What is recorded, whatever the limit was.
    pub fn answer(&self, fetch: &Fetch) -> Option<Answer> {
        let answer = self.answers.get(&without_limit(fetch))?;
        match (answer, limit(fetch)) {
            (Answer::Found { bytes, .. }, Some(most)) if bytes.0.len() as u64 > most => {
                let message = format!("larger than {most} bytes");
                Some(Answer::Unavailable { reason: UnavailableReason::TooLarge, message })
            }
            _ => Some(answer.clone()),
        }
    }

    /// What was asked for and is not there.
    pub fn missing(&self) -> Vec<Fetch> {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.iter().cloned().collect()
    }

    /// Remembers that it is not there.
    pub fn lack(&self, fetch: &Fetch) -> Answer {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.insert(fetch.clone());
        Answer::Unavailable {
            reason: UnavailableReason::Unsupported,
            message: "it is not in the record".to_owned(),
        }
    }
}

impl EvidenceSource for Recorded {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        self.answer(fetch).unwrap_or_else(|| self.lack(fetch))
    }
}

fn without_limit(fetch: &Fetch) -> Fetch {
    let mut fetch = fetch.clone();
    match &mut fetch {
        Fetch::Resolve { .. } => {}
        Fetch::Blob { max_bytes, .. }
        | Fetch::Crl { max_bytes, .. }
        | Fetch::Manifest { max_bytes, .. }
        | Fetch::Ocsp { max_bytes, .. }
        | Fetch::Referrers { max_bytes, .. }
        | Fetch::Tag { max_bytes, .. } => *max_bytes = 0,
    }
    fetch
}

fn limit(fetch: &Fetch) -> Option<u64> {
    match fetch {
        Fetch::Resolve { .. } => None,
        Fetch::Blob { max_bytes, .. }
        | Fetch::Crl { max_bytes, .. }
        | Fetch::Manifest { max_bytes, .. }
        | Fetch::Ocsp { max_bytes, .. }
        | Fetch::Referrers { max_bytes, .. }
        | Fetch::Tag { max_bytes, .. } => Some(*max_bytes),
    }
}

/// A fetch for people.
pub fn describe(fetch: &Fetch) -> String {
    match fetch {
        Fetch::Resolve { reference } => format!("the digest of {reference}"),
        Fetch::Manifest { repository, digest, .. } => format!("the manifest {repository}@{digest}"),
        Fetch::Tag { repository, tag, .. } => format!("the manifest {repository}:{tag}"),
        Fetch::Referrers { repository, digest, .. } => {
            format!("the referrers of {repository}@{digest}")
        }
        Fetch::Blob { repository, digest, .. } => format!("the blob {repository}@{digest}"),
        Fetch::Ocsp { url, request, .. } => {
            format!("the OCSP response of {url} to sha256:{}", hex(&sha256(&request.0)))
        }
        Fetch::Crl { url, .. } => format!("the CRL {url}"),
    }
}

#[cfg(test)]
mod tests {
    use countersign::wire::Bytes;

    use super::*;

    fn blob(max_bytes: u64) -> Fetch {
        let digest = "sha256:00".to_owned();
        Fetch::Blob { repository: "localhost/a".to_owned(), digest, max_bytes }
    }

    #[test]
    fn answers_whatever_the_limit_was_and_keeps_the_one_of_today() {
        let bytes = Bytes(vec![1, 2, 3]);
        let answer = Answer::Found { bytes, media_type: None, reserialised: false };
        let item = EvidenceItem { fetch: blob(10), answer: answer.clone() };
        let recorded = Recorded::new([item]);
        assert_eq!(recorded.fetch(&blob(20)), answer);
        let short = recorded.fetch(&blob(2));
        assert!(
            matches!(short, Answer::Unavailable { reason: UnavailableReason::TooLarge, .. }),
            "{short:?}"
        );
        assert!(recorded.missing().is_empty());
    }

    #[test]
    fn remembers_what_it_lacks() {
        let recorded = Recorded::default();
        assert!(matches!(recorded.fetch(&blob(1)), Answer::Unavailable { .. }));
        assert_eq!(recorded.missing(), [blob(1)]);
        assert_eq!(describe(&blob(1)), "the blob localhost/a@sha256:00");
    }

    #[test]
    fn names_each_difference_by_its_place() {
        let mut found = Vec::new();
        let (a, b) = (json!({"a": [1, {"b": 2}], "c": 3}), json!({"a": [1, {"b": 4}]}));
        compare("", &a, &b, &mut found);
        assert_eq!(found, ["/a/1/b: recorded 2, found 4", "/c: recorded 3, found nothing"]);
    }
}
