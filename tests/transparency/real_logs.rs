//! What real logs made, in the conformance suite.

use std::collections::BTreeMap;

use crate::data::{conformance, layout, not_run};

/// What is wrong with a case in the eyes of this room. All else of the suite is wrong elsewhere, or
/// right.
const WRONG: &[(&str, &str)] = &[
    (
        "bundle-empty-certificate-chain_fail",
        "entry: the log entry is not what its kind says: missing field `spec`; promise: \
         Invalid; inclusion: the proof's length is not that of the leaf's place",
    ),
    (
        "bundle-from-wrong-instance_fail",
        "promise: unknown log; checkpoint: unknown log; certificate: unknown issuer",
    ),
    (
        "bundle-invalid-base64-signature_fail",
        "entry: the log entry's verifier is not valid; promise: Invalid; inclusion: the proof \
         leads to another root",
    ),
    (
        "bundle-negative-log-index_fail",
        "entry: the log entry is not what its kind says: missing field `kind`; promise: \
         Invalid",
    ),
    (
        "bundle-unknown-version_fail",
        "entry: the log entry is not what its kind says: missing field `kind`; promise: \
         Invalid",
    ),
    ("checkpoint-bad-keyhint_fail", "checkpoint: the checkpoint has no signature of the log"),
    ("checkpoint-wrong-roothash_fail", "checkpoint: another tree"),
    ("dsse-invalid-sig_fail", "entry: signature"),
    ("dsse-mismatch-envelope_fail", "entry: payload digest"),
    ("dsse-mismatch-sig_fail", "entry: signature"),
    ("inclusion-proof-corrupted-hash_fail", "inclusion: the proof leads to another root"),
    (
        "incorrect-public-key_fail",
        "entry: certificate; promise: Invalid; inclusion: the proof leads to another root",
    ),
    ("intoto-log-entry-mismatch_fail", "entry: the log entry's signature is not valid"),
    (
        "invalid-checkpoint-signature_fail",
        "checkpoint: the log's signature on the checkpoint is not valid",
    ),
    ("invalid-ct-key_fail", "certificate: unknown certificate log"),
    ("invalid-inclusion-proof_fail", "inclusion: the proof leads to another root"),
    ("managed-key-no-key_fail", "entry: no key"),
    ("managed-key-wrong-key_fail", "entry: no key"),
    (
        "rekor2-checkpoint-missing-log-signature_fail",
        "checkpoint: the checkpoint is not a signed note",
    ),
    (
        "rekor2-checkpoint-missing-origin_fail",
        "checkpoint: the checkpoint's size is not a decimal number",
    ),
    (
        "rekor2-checkpoint-missing-root-hash_fail",
        "checkpoint: the checkpoint's root is not the base64 of 32 bytes",
    ),
    (
        "rekor2-checkpoint-missing-size_fail",
        "checkpoint: the checkpoint's size is not a decimal number",
    ),
    (
        "rekor2-checkpoint-no-matching-signature_fail",
        "checkpoint: the checkpoint is of `log2025-alpha1.rekor.github.dev`, not of \
         `log2025-alpha1.rekor.sigstage.dev`",
    ),
    ("rekor2-dsse-invalid-sig_fail", "entry: signature"),
    ("rekor2-dsse-mismatch-envelope_fail", "entry: envelope digest"),
    ("rekor2-dsse-mismatch-sig_fail", "entry: signature"),
    ("set-invalid-signature_fail", "promise: Invalid"),
    ("signature-mismatch_fail", "entry: signature"),
    ("wrong-hashedrekord-artifact_fail", "entry: artifact digest"),
    ("wrong-hashedrekord-cert-and-sig_fail", "entry: signature"),
    ("wrong-hashedrekord-entry_fail", "entry: artifact digest"),
    ("wrong-material_fail", "entry: artifact digest"),
];

#[test]
fn only_what_is_wrong_with_a_log_is_found_wrong() {
    let Some(cases) = conformance() else {
        return not_run("the conformance suite is not there");
    };
    let found: BTreeMap<_, _> = cases
        .iter()
        .map(|(name, case)| (name.as_str(), case.faults().join("; ")))
        .filter(|(_, faults)| !faults.is_empty())
        .collect();
    assert_eq!(found, WRONG.iter().copied().map(|(n, w)| (n, w.to_owned())).collect());
    assert!(cases.len() > 60, "{} cases", cases.len());
}

/// Envelopes, logged by the hash of what is signed; a log of Rekor v2 with an ECDSA key.
#[test]
fn what_cosign_had_logged_is_right() {
    let Some(cases) = layout("c-mock-rekor2", "mock_trusted_root.json") else {
        return not_run("the corpora are not there");
    };
    assert_eq!(cases.len(), 2);
    for case in cases {
        assert_eq!(case.faults(), Vec::<String>::new());
    }
}
