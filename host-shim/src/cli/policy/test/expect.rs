//! What a case expects, held against a decision.

use countersign::{
    verdict::{ALL_CODES, Reason},
    wire::{Decision, Outcome},
};
use serde::{Deserialize, Serialize};

use super::super::super::report::word;

/// What is said must be so; what is not said may be anything.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) effective: Option<Outcome>,
    /// The reason code of a worst image or blob, or of what is wrong with policy or request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// A part of that reason's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// Parts of warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    /// Images, or blobs by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<ExpectImage>,
}

/// Of one image.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExpectImage {
    pub(super) reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) raw: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) effective: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// One image or blob of a decision.
struct Verdict<'a> {
    name: &'a str,
    digest: Option<&'a str>,
    outcome: Outcome,
    raw: Option<Outcome>,
    effective: Option<Outcome>,
    reason: Option<&'a Reason>,
}

fn verdicts(decision: &Decision) -> Vec<Verdict<'_>> {
    let images = decision.images.iter().map(|image| Verdict {
        name: &image.reference,
        digest: image.digest.as_deref(),
        outcome: image.outcome,
        raw: image.raw,
        effective: image.effective,
        reason: image.reason.as_ref(),
    });
    let blobs = decision.blobs.iter().map(|blob| Verdict {
        name: &blob.name,
        digest: blob.digest.as_deref(),
        outcome: blob.outcome,
        raw: blob.raw,
        effective: blob.effective,
        reason: blob.reason.as_ref(),
    });
    images.chain(blobs).collect()
}

impl Expect {
    /// What a decision has come to.
    pub(super) fn of(decision: &Decision) -> Self {
        let all = verdicts(decision);
        let code = |verdict: &Verdict<'_>| verdict.reason.map(|r| r.code.as_str().to_owned());
        let worst = all.iter().find(|verdict| verdict.outcome == decision.outcome);
        let error = decision.errors.first().map(|error| error.code.clone());
        let images = all.iter().map(|verdict| ExpectImage {
            reference: verdict.name.to_owned(),
            digest: verdict.digest.map(str::to_owned),
            outcome: Some(verdict.outcome),
            raw: verdict.raw,
            effective: verdict.effective,
            reason: code(verdict),
        });
        Self {
            outcome: decision.outcome,
            effective: decision.effective,
            reason: error.or_else(|| worst.and_then(code)),
            message: None,
            // Their words are no part of the interface.
            warnings: Vec::new(),
            images: images.collect(),
        }
    }

    /// A reason code that does not exist: no decision could ever have it.
    pub(super) fn unknown_code(&self) -> Option<&str> {
        let codes = self.images.iter().filter_map(|image| image.reason.as_deref());
        let known = |code: &str| ALL_CODES.iter().any(|known| known.as_str() == code);
        self.reason.as_deref().into_iter().chain(codes).find(|code| !known(code))
    }

    /// What is not as expected.
    pub(super) fn check(&self, decision: &Decision) -> Vec<String> {
        let mut failures = Vec::new();
        outcome(&mut failures, "outcome", self.outcome, decision.outcome);
        if let Some(expected) = self.effective {
            outcome(&mut failures, "effective", expected, decision.enforced());
        }
        self.reasons(decision, &mut failures);
        for warning in &self.warnings {
            if !decision.warnings.iter().any(|found| found.contains(warning)) {
                let found = listed(decision.warnings.iter().map(String::as_str));
                failures.push(format!("warnings: expected one with `{warning}`, found {found}"));
            }
        }
        let all = verdicts(decision);
        for image in &self.images {
            match all.iter().find(|verdict| verdict.name == image.reference) {
                Some(verdict) => image.check(verdict, &mut failures),
                None => {
                    let found = listed(all.iter().map(|verdict| verdict.name));
                    let name = &image.reference;
                    failures.push(format!("images: expected `{name}`, found {found}"));
                }
            }
        }
        failures
    }

    fn reasons(&self, decision: &Decision, failures: &mut Vec<String>) {
        let all = verdicts(decision);
        let worst = all.iter().filter(|verdict| verdict.outcome == decision.outcome);
        let reasons = worst.filter_map(|verdict| verdict.reason);
        let errors = decision.errors.iter().map(|e| (e.code.as_str(), e.message.as_str()));
        let found: Vec<_> =
            errors.chain(reasons.map(|r| (r.code.as_str(), r.message.as_str()))).collect();
        if let Some(code) = &self.reason
            && !found.iter().any(|(found, _)| found == code)
        {
            let found = listed(found.iter().map(|(code, _)| *code));
            failures.push(format!("reason: expected `{code}`, found {found}"));
        }
        if let Some(message) = &self.message
            && !found.iter().any(|(_, found)| found.contains(message))
        {
            let found = listed(found.iter().map(|(_, message)| *message));
            failures.push(format!("message: expected one with `{message}`, found {found}"));
        }
    }
}

impl ExpectImage {
    fn check(&self, verdict: &Verdict<'_>, failures: &mut Vec<String>) {
        let at = |what: &str| format!("{}: {what}", self.reference);
        if let Some(expected) = self.outcome {
            outcome(failures, &at("outcome"), expected, verdict.outcome);
        }
        if let Some(expected) = self.raw {
            outcome(failures, &at("raw"), expected, verdict.raw.unwrap_or(verdict.outcome));
        }
        if let Some(expected) = self.effective {
            let found = verdict.effective.unwrap_or(verdict.outcome);
            outcome(failures, &at("effective"), expected, found);
        }
        let code = verdict.reason.map(|reason| reason.code.as_str());
        for (what, expected, found) in
            [("digest", &self.digest, verdict.digest), ("reason", &self.reason, code)]
        {
            if let Some(expected) = expected
                && Some(expected.as_str()) != found
            {
                let found = listed(found);
                failures.push(format!("{}: expected `{expected}`, found {found}", at(what)));
            }
        }
    }
}

fn outcome(failures: &mut Vec<String>, what: &str, expected: Outcome, found: Outcome) {
    if expected != found {
        failures.push(format!("{what}: expected {}, found {}", word(expected), word(found)));
    }
}

fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.into_iter().map(|text| format!("`{text}`")).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}
