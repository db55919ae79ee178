//! The configuration of an image, for conditions.

use serde_json::Value;

use super::image::Opened;
use crate::{
    discovery::manifest::{self, Shape},
    evidence::{Evidence, Share},
    json,
    policy::TrustHost,
    reference::{Digest, Reference},
    verdict::{Code, Reason},
};

/// A configuration.
pub(super) struct Config {
    pub(super) document: Result<Value, Reason>,
    /// True where it is the host's word for it.
    pub(super) asserted: bool,
}

impl From<Reason> for Config {
    fn from(reason: Reason) -> Self {
        Self { document: Err(reason), asserted: false }
    }
}

/// Hashed here, out of a manifest that was hashed here; or by the host's word, where that is enough.
/// `None` while it is still to be fetched.
pub(super) fn of(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    opened: &Opened,
    trust: TrustHost,
) -> Option<Config> {
    let asserted =
        |what: &'static str| Some(Config::from(Reason::new(Code::EvidenceHostAsserted, what)));
    let Some(bytes) = opened.manifest(trust.image_config) else {
        return asserted("the image's configuration needs the manifest's own bytes");
    };
    let (digest, size) = match descriptor(bytes) {
        Ok(found) => found,
        Err(reason) => return Some(reason.into()),
    };
    match evidence.document(&reference.repository(), &digest, size, Share::Referrers) {
        Ok(found) if !found.exact && !trust.image_config => {
            asserted("the host wrote the image's configuration anew")
        }
        Ok(found) => Some(Config {
            document: json::parse(found.bytes).map_err(|e| malformed(&e.to_string())),
            asserted: !found.exact || opened.target.bytes.is_none(),
        }),
        Err(miss) => {
            let absent = Reason::of(Code::EvidenceAbsent).expected(digest.to_string());
            miss.reason(absent).map(Config::from)
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
