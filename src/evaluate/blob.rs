//! One blob: its digests, its candidates, its verdict.

use super::{
    requirement::{Purpose, Scope},
    rules::{self, Shared, Verdict},
};
use crate::{
    crypto::{HashAlgorithm, HexDigests},
    discovery::{Candidate, Claim, Content, Problem},
    envelope::{bundle, cose, jws},
    policy::{Action, Rule},
    reference::Digest,
    verdict::{Code, Reason},
    verify::Target,
    wire::{BlobDecision, BlobRequest, BlobSignature, Kind},
};

/// What is wrong with what is asked.
pub(super) fn check(asked: &BlobRequest) -> Result<(), String> {
    if asked.name.is_empty() {
        return Err("a blob needs a `name`".to_owned());
    }
    match (&asked.content, asked.digests.is_empty()) {
        (Some(_), true) => Ok(()),
        (None, false) => given(&asked.digests).map(drop),
        _ => Err("a blob has either `content` or `digests`".to_owned()),
    }
}

/// The digests that the host computed: SHA-256 among them, none twice.
fn given(texts: &[String]) -> Result<HexDigests, String> {
    let mut digests = HexDigests::default();
    for text in texts {
        let known = HashAlgorithm::ALL.into_iter().find_map(|algorithm| {
            let value = text.strip_prefix(algorithm.prefix())?;
            let fits = value.len() == algorithm.size().saturating_mul(2)
                && value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            fits.then_some((algorithm, value))
        });
        let Some((algorithm, value)) = known else {
            return Err(format!("`{text}` is not a digest"));
        };
        if !digests.give(algorithm, value) {
            return Err(format!("two digests of {algorithm}"));
        }
    }
    match digests.known(HashAlgorithm::Sha256) {
        Some(_) => Ok(digests),
        None => Err("`digests` lacks `sha256:…`".to_owned()),
    }
}

/// Judges a blob that was checked.
pub(super) fn judge(shared: &mut Shared<'_>, asked: &BlobRequest) -> (BlobDecision, Vec<String>) {
    let policy = shared.policy;
    let mut verdict = Verdict::new(Kind::Blob, &asked.name, policy.mode);
    // No object holds a blob: a rule with `match` is taken to be for it, unless it lets all pass.
    let unknown = |rule: &&Rule| rule.matching.is_some();
    let allows = |rule: &&Rule| matches!(rule.action, Action::StaticAllow);
    let of_name = policy.rules.iter().filter(|rule| rule.matches_blob(&asked.name));
    let mut rules: Vec<&Rule> = of_name.filter(|rule| !(unknown(rule) && allows(rule))).collect();
    rules.extend(policy.notation.for_blob(&asked.name).and_then(|i| policy.rules.get(i)));
    let target = target(asked);
    verdict.digest = Digest::parse(&target.digest);
    if rules.is_empty() {
        verdict.unmatched(policy);
    } else if rules::is_denied(policy, &rules) {
        verdict.denied_by(policy, rules.iter().copied());
    } else {
        let (candidates, problems) = candidates(shared, asked);
        let scope = Scope {
            target: &target,
            candidates: candidates.iter().collect(),
            problems: &problems,
            purpose: Purpose::Signature,
            image: None,
            reference: None,
            parent: None,
        };
        rules::judge(shared, &rules, Ok(&scope), Vec::new(), &mut verdict);
    }
    let decision = BlobDecision {
        name: asked.name.clone(),
        digest: verdict.digest.as_ref().map(ToString::to_string),
        outcome: verdict.outcome,
        raw: verdict.raw,
        effective: verdict.effective(),
        reason: verdict.reason,
        explanation: verdict.explanation,
    };
    (decision, verdict.warnings)
}

fn target(asked: &BlobRequest) -> Target {
    let (bytes, digests) = match &asked.content {
        Some(content) => (Some(content.0.clone()), HexDigests::default()),
        None => (None, given(&asked.digests).unwrap_or_default()),
    };
    let size = bytes.as_ref().map(|bytes: &Vec<u8>| bytes.len() as u64);
    let mut target = Target { digest: String::new(), media_type: None, size, bytes, digests };
    if let Some(sha256) = target.hash(HashAlgorithm::Sha256) {
        target.digest = format!("sha256:{sha256}");
    }
    target
}

fn candidates(shared: &Shared<'_>, asked: &BlobRequest) -> (Vec<Candidate>, Vec<Problem>) {
    let most = usize::try_from(shared.budget.candidates).unwrap_or(usize::MAX);
    let candidates =
        asked.signatures.iter().take(most).enumerate().map(|(i, s)| candidate(shared, i, s));
    let mut problems = Vec::new();
    if asked.signatures.len() > most {
        problems.push(Problem {
            name: format!("{} signatures", asked.signatures.len()),
            hides: vec![Claim::Bundle, Claim::Notation],
            reason: Reason::of(Code::BudgetCandidates).expected(format!("at most {most}")),
        });
    }
    (candidates.collect(), problems)
}

fn candidate(shared: &Shared<'_>, position: usize, signature: &BlobSignature) -> Candidate {
    let bytes = signature.content.0.as_slice();
    let name = format!("signature {}", position.saturating_add(1));
    // spec: Notation's signature specification §Differences between OCI and blob signatures: what a
    // manifest says of an envelope's type is "found in the signature file extension", and so the
    // host says it.
    let is_notation = [cose::MEDIA_TYPE, jws::MEDIA_TYPE].contains(&signature.media_type.as_str());
    let claim = if is_notation { Claim::Notation } else { Claim::Bundle };
    let content = if bytes.len() as u64 > shared.budget.blob_bytes {
        Err(Reason::of(Code::BudgetBytes).found(format!("{} bytes", bytes.len())))
    } else if signature.media_type.starts_with(bundle::MEDIA_TYPE_PREFIX) {
        bundle::parse(bytes)
            .map(|bundle| Content::Bundle(Box::new(bundle)))
            .map_err(|error| Reason::new(Code::EnvelopeMalformed, error.to_string()))
    } else if is_notation {
        let (envelope, media_type) = (bytes.to_vec(), signature.media_type.clone());
        Ok(Content::NotationOfBlob { envelope, media_type })
    } else {
        Err(Reason::of(Code::EnvelopeUnsupported)
            .expected(format!(
                "{}…, {} or {}",
                bundle::MEDIA_TYPE_PREFIX,
                jws::MEDIA_TYPE,
                cose::MEDIA_TYPE
            ))
            .found(signature.media_type.clone()))
    };
    Candidate { name, claim, content }
}
