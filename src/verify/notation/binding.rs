//! What a signature is about: the descriptor and the metadata that it has signed.

use super::{
    NotationAuthority,
    integrity::{Opened, hash_of},
    payload,
};
use crate::{
    verdict::Reason,
    verify::Target,
    wire::{Kind, Node},
};

const DESCRIPTOR: &str = "descriptor";
const USER_METADATA: &str = "user metadata";

/// What a signature is to be about.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    /// An artifact of a registry: its manifest.
    Artifact(&'a Target),
    /// A blob.
    Blob(&'a Target),
}

/// spec: TP §Steps 3 "Verify the signature envelope's `payload` matches the source `payload` that
/// is getting verified", and last "verify the user provided metadata/custom annotations match the
/// signed attributes". No level waives them.
pub(super) fn bound(
    opened: &Opened,
    about: About<'_>,
    authority: &NotationAuthority,
    checks: &mut Vec<Node>,
) -> Result<(), Reason> {
    let mut refuse = |check: &str, reason: &Reason| {
        checks.push(Node::refuse(Kind::Check, check, reason.clone()));
    };
    let artifact = payload::parse(&opened.envelope.payload, authority.profile.into())
        .inspect_err(|reason| refuse(DESCRIPTOR, reason))?;
    let mut unproven = None;
    let is_it = match about {
        About::Artifact(target) => artifact.is_target(target),
        About::Blob(blob) => artifact.is_blob(blob, hash_of(opened.envelope.algorithm)),
    };
    match is_it {
        Ok(()) => checks.push(Node::pass(Kind::Check, DESCRIPTOR).detail(artifact.digest.clone())),
        Err(reason) => {
            refuse(DESCRIPTOR, &reason);
            if !reason.code.is_undetermined() {
                return Err(reason);
            }
            unproven = Some(reason);
        }
    }
    if !authority.user_metadata.is_empty() {
        let metadata = artifact.has_metadata(&authority.user_metadata);
        checks.push(match &metadata {
            Ok(()) => Node::pass(Kind::Check, USER_METADATA),
            Err(reason) => Node::refuse(Kind::Check, USER_METADATA, reason.clone()),
        });
        metadata?;
    }
    // Reported last, so that what is certainly wrong is not hidden by what is not known.
    unproven.map_or(Ok(()), Err)
}
