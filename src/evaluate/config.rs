//! The configuration of an image, for conditions.

use serde_json::Value;

use crate::{
    discovery::manifest::{self, Shape},
    evidence::{Evidence, Share},
    json,
    reference::{Digest, Reference},
    verdict::{Code, Reason},
    verify::Target,
};

/// Hashed here, out of a manifest that was hashed here. `None` while it is still to be fetched.
pub(super) fn of(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    target: &Target,
) -> Option<Result<Value, Reason>> {
    let Some(bytes) = &target.bytes else {
        let what = "the image's configuration needs the manifest's own bytes";
        return Some(Err(Reason::new(Code::EvidenceHostAsserted, what)));
    };
    let (digest, size) = match descriptor(bytes) {
        Ok(found) => found,
        Err(reason) => return Some(Err(reason)),
    };
    match evidence.blob(&reference.repository(), &digest, size, Share::Referrers) {
        Ok(bytes) => Some(json::parse(bytes).map_err(|e| malformed(&e.to_string()))),
        Err(miss) => {
            let absent = Reason::of(Code::EvidenceAbsent).expected(digest.to_string());
            miss.reason(absent).map(Err)
        }
    }
}

fn descriptor(manifest: &[u8]) -> Result<(Digest, Option<u64>), Reason> {
    let (manifest, shape) = manifest::parse(manifest).map_err(|e| malformed(&e))?;
    if shape == Shape::Index {
        return Err(Reason::new(
            Code::ConditionError,
            "an index has no configuration: judge its platforms with `subject: platforms`",
        ));
    }
    let config = manifest.config.ok_or_else(|| malformed("no `config`"))?;
    let digest = Digest::parse(&config.digest).ok_or_else(|| malformed("no valid digest"))?;
    Ok((digest, config.size()))
}

fn malformed(what: &str) -> Reason {
    Reason::new(Code::ImageMalformed, format!("the image's configuration: {what}"))
}
