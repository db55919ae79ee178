//! Entries of transparency logs: of which log, about what, promised when, included where.

use std::collections::BTreeSet;

use super::{Evidence, Holder};
use crate::{
    crypto::{HashAlgorithm, Scheme, Spend, hex},
    envelope::{bundle::Version, log_entry::LogEntry},
    policy::Instance,
    time::{Now, Time},
    transparency::{
        Digests, EntryError, Kind, LoggedEntry,
        checkpoint::{Checkpoint, NoteVerifier},
        merkle,
        set::SignedEntry,
    },
    trust::sigstore::Log,
    verdict::{Code, Reason},
    wire::{Kind as NodeKind, Node},
};

/// An entry of a trusted log that is about the signature at hand.
#[derive(Debug)]
pub(super) struct Bound {
    entry: LogEntry,
    kind: Kind,
    /// The hash that the log has verified the signature with, where the entry says it.
    pub(super) hash: Option<HashAlgorithm>,
    /// How it has verified the signature, where the entry says all of it.
    pub(super) scheme: Option<Scheme>,
    /// The keys of that log: first all that have its id, then those that have signed the promise,
    /// then those that were in use. What is proven is proven by one of these.
    logs: Vec<Log>,
    must_promise: bool,
    must_prove: bool,
}

impl Bound {
    fn name(&self) -> String {
        let log = self.logs.first().map(|log| log.origin.as_str()).unwrap_or_default();
        format!("entry {} of {log}", self.entry.log_index)
    }
}

/// The entries of trusted logs, each about this artifact, this signature and this key or
/// certificate. Entries of other logs count for nothing, unless they are only looked at where they
/// are there; one of a trusted log that is about
/// something else, or cannot be read, is a reason to stop.
///
/// spec: client-spec §4.4
pub(super) fn bound(
    evidence: &Evidence<'_>,
    holder: &Holder<'_>,
    instance: &Instance,
) -> Result<Vec<Bound>, Reason> {
    if instance.logs == 0 && !instance.logs_if_present {
        return Ok(Vec::new());
    }
    let entries = evidence.entries.map_err(Clone::clone)?;
    let mut bound = Vec::new();
    let mut operators = BTreeSet::new();
    let mut digests = Digests::default();
    for entry in entries {
        let logs: Vec<Log> =
            instance.root.logs.iter().filter(|log| log.has_id(&entry.log_id)).cloned().collect();
        let Some(log) = logs.first() else {
            if instance.logs_if_present {
                return Err(Reason::new(
                    Code::LogEntryAbsent,
                    "the entry that is there is of no log that the policy trusts",
                )
                .expected(format!("no entry, or one of the logs of trust `{}`", instance.name))
                .found(format!("log {}", hex(&entry.log_id))));
            }
            continue;
        };
        operators.insert(log.operator.clone());
        let logged = about(entry, evidence, holder, &mut digests)?;
        let kind = logged.kind;
        let (must_promise, must_prove) = demands(evidence.version, kind, entry)?;
        let (hash, scheme) = (logged.signature_hash(), logged.signature_scheme());
        let entry = entry.clone();
        bound.push(Bound { entry, kind, hash, scheme, logs, must_promise, must_prove });
    }
    // spec: client-spec §4.6 "Verifiers MUST ensure that multiple entries in the same log do not
    // both count towards the threshold."
    if operators.len() < instance.logs {
        return Err(Reason::of(Code::LogEntryAbsent)
            .expected(format!("{} of the logs of trust `{}`", instance.logs, instance.name))
            .found(format!("{} entries, {} of such logs", entries.len(), operators.len())));
    }
    Ok(bound)
}

fn about(
    entry: &LogEntry,
    evidence: &Evidence<'_>,
    holder: &Holder<'_>,
    digests: &mut Digests,
) -> Result<LoggedEntry, Reason> {
    let claimed =
        entry.kind_version.as_ref().map(|(kind, version)| (kind.as_str(), version.as_str()));
    let logged = LoggedEntry::parse(&entry.body, claimed).map_err(|error| match error {
        EntryError::Unsupported(_) => Reason::new(Code::LogEntryUnsupported, error.to_string()),
        _ => Reason::new(Code::LogEntryMalformed, error.to_string()),
    })?;
    logged.binds(&evidence.material(holder), digests).map_err(|difference| {
        Reason::new(
            Code::LogEntryMismatch,
            format!("the entry of the transparency log has another {}", difference.field),
        )
        .expected(difference.expected)
        .found(difference.found)
    })?;
    Ok(logged)
}

/// What an entry must carry: `(promise, proof)`.
///
/// spec: sigstore_bundle.proto: "inclusion promise … Required for v0.1 bundles"; "v0.2 and later
/// bundles MUST contain an inclusion proof and checkpoint". Rekor v2 promises nothing.
fn demands(version: Option<Version>, kind: Kind, entry: &LogEntry) -> Result<(bool, bool), Reason> {
    let has_promise = entry.promise.is_some();
    let has_proof = entry.proof.as_ref().is_some_and(|proof| proof.checkpoint.is_some());
    let must_promise = match version {
        None | Some(Version::V01) => !kind.is_rekor_v2(),
        Some(Version::V02 | Version::V03) => false,
    };
    let must_prove = kind.is_rekor_v2() || version.is_some_and(|v| v >= Version::V02);
    if must_promise && !has_promise {
        return Err(Reason::of(Code::LogPromiseAbsent));
    }
    if must_prove && !has_proof {
        return Err(Reason::of(Code::LogProofAbsent));
    }
    // What is there is checked, whether it must be there or not.
    Ok((has_promise, entry.proof.is_some()))
}

/// The times that logs have signed.
///
/// spec: client-spec §4.2.2 "the Verifier MUST verify the signature on the Transparency Service
/// `LogEntry`"; sigstore_rekor.proto "The integration time MUST NOT be trusted if
/// inclusion_promise is omitted."
pub(super) fn promised(entries: &mut [Bound], spend: &Spend) -> Result<Vec<Time>, Reason> {
    let mut times = Vec::new();
    for bound in entries.iter_mut().filter(|bound| bound.must_promise) {
        let entry = &bound.entry;
        let invalid = || Reason::of(Code::LogPromiseInvalid).found(bound.name());
        let (Some(promise), Some(integrated_time)) = (&entry.promise, entry.integrated_time) else {
            return Err(invalid());
        };
        let signed = SignedEntry {
            body: &entry.body,
            integrated_time,
            log_id: &entry.log_id,
            log_index: entry.log_index,
        };
        let mut signers = Vec::new();
        for log in &bound.logs {
            if signed.verify(&log.key, log.scheme, promise, spend)?.is_ok() {
                signers.push(log.clone());
            }
        }
        if signers.is_empty() {
            return Err(invalid());
        }
        bound.logs = signers;
        times.push(Time::from_unix(integrated_time));
    }
    Ok(times)
}

/// Each log was in use when its entry was made: at the time that it has signed, else at every time
/// that is proven, else now.
pub(super) fn in_use(entries: &mut [Bound], times: &[Time], now: Now<'_>) -> Result<(), Reason> {
    let at_now = [now.time()];
    for bound in entries {
        let own = bound.entry.integrated_time.filter(|_| bound.must_promise).map(Time::from_unix);
        let times = match (&own, times) {
            (Some(own), _) => std::slice::from_ref(own),
            (None, []) => {
                for period in bound.logs.iter().map(|log| log.valid_for) {
                    now.watch(period.start);
                    period.end.inspect(|end| now.watch(end.plus(1)));
                }
                &at_now[..]
            }
            (None, times) => times,
        };
        let in_use = |log: &Log| times.iter().all(|time| log.valid_for.contains(*time));
        if !bound.logs.iter().any(in_use) {
            let periods: Vec<_> = bound.logs.iter().map(|log| log.valid_for.to_string()).collect();
            let times: Vec<_> = times.iter().map(ToString::to_string).collect();
            return Err(Reason::of(Code::LogNotInUse)
                .expected(periods.join(" or "))
                .found(times.join(", ")));
        }
        bound.logs.retain(in_use);
    }
    Ok(())
}

/// Checks every proof of inclusion that is there, and the checkpoint that it ends in.
pub(super) fn included(
    entries: &[Bound],
    spend: &Spend,
    checks: &mut Vec<Node>,
) -> Result<(), Reason> {
    for bound in entries {
        if bound.must_prove {
            proven(bound, spend)?;
        }
        checks.push(Node::pass(NodeKind::Check, "transparency log").detail(bound.name()));
    }
    Ok(())
}

fn proven(bound: &Bound, spend: &Spend) -> Result<(), Reason> {
    let proof = bound.entry.proof.as_ref().ok_or_else(|| Reason::of(Code::LogProofAbsent))?;
    let note = proof.checkpoint.as_ref().ok_or_else(|| Reason::of(Code::LogProofAbsent))?;
    let checkpoint = Checkpoint::parse(note)
        .map_err(|error| Reason::new(Code::CheckpointInvalid, error.to_string()))?;
    // The proof repeats what the checkpoint says; only the latter is signed.
    if proof.root_hash != checkpoint.root || proof.tree_size != checkpoint.size {
        return Err(Reason::of(Code::LogProofInvalid)
            .expected(format!("the checkpoint's tree of {} leaves", checkpoint.size))
            .found(format!("another root, or {} leaves", proof.tree_size)));
    }
    // spec: rekor-tiles, pkg/verify: the entry's own index is the one that is proven. Rekor v1
    // counts it over all of its trees.
    if bound.kind.is_rekor_v2() && bound.entry.log_index != proof.log_index {
        return Err(Reason::of(Code::LogProofInvalid)
            .expected(format!("the proof of entry {}", bound.entry.log_index))
            .found(format!("of entry {}", proof.log_index)));
    }
    let leaf = merkle::leaf_hash(&bound.entry.body);
    merkle::verify_inclusion(
        &leaf,
        proof.log_index,
        checkpoint.size,
        &proof.hashes,
        &checkpoint.root,
    )
    .map_err(|error| Reason::of(Code::LogProofInvalid).found(error.to_string()))?;
    let mut problem = None;
    for log in &bound.logs {
        // spec: rekor-v2-spec §6.1.4: the checkpoint's origin is the log's own name. Rekor v1 has
        // no such rule: its origin is a host name and the number of the tree.
        let name = bound.kind.is_rekor_v2().then_some(log.origin.as_str());
        if name == Some("") {
            problem = Some("the trust material has no `baseUrl` for the log".to_owned());
            continue;
        }
        let by = NoteVerifier { key: &log.key, scheme: log.scheme, key_ids: log.key_ids(), name };
        match checkpoint.verify(&by, spend)? {
            Ok(()) => return Ok(()),
            Err(error) => problem = Some(error.to_string()),
        }
    }
    Err(Reason::of(Code::CheckpointInvalid).found(problem.unwrap_or_default()))
}
