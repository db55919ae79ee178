//! `evidence`: where hosts look that cannot fetch everything themselves, and for how long.

use super::{
    duration,
    reader::{Cursor, Reader},
};
use crate::{reference::Reference, verdict::Code};

/// `trustHost`: of what the host's word is enough, where it has no bytes that can be hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrustHost {
    /// The configuration of an image.
    pub image_config: bool,
    /// Which platforms an index has.
    pub index: bool,
}

pub(super) fn trust_host(r: &mut Reader, at: &Cursor<'_>) -> TrustHost {
    let mut trust = TrustHost::default();
    for item in r.list(at) {
        match r.word(&item, &[("imageConfig", true), ("index", false)]) {
            Some(true) => trust.image_config = true,
            Some(false) => trust.index = true,
            None => {}
        }
    }
    trust
}

/// What policy-server gives a policy by default, in seconds.
const TIMEOUT: i64 = 2;
/// What a policy's `timeoutEvalSeconds` may be.
const TIMEOUTS: std::ops::RangeInclusive<i64> = 2..=30;

/// Roads to evidence beside an image's own repository. What comes by them is a set of candidates like
/// any other; a host that fetches everything needs none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roads {
    /// The repository with the evidence packs; else the image's own.
    pub repository: Option<String>,
    /// The namespace with ConfigMaps of evidence.
    pub config_maps: Option<String>,
    /// After so many seconds the host stops a decision.
    pub timeout: i64,
}

impl Default for Roads {
    fn default() -> Self {
        Self { repository: None, config_maps: None, timeout: TIMEOUT }
    }
}

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Roads> {
    let object = r.object(at, &["configMaps", "repository", "timeout"], &[])?;
    let mut roads = Roads::default();
    if let Some(at) = object.get("repository")
        && let Some(text) = r.text(&at)
    {
        match Reference::parse(text).is_ok_and(|reference| reference.repository() == text) {
            true => roads.repository = Some(text.to_owned()),
            false => r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`{text}` is not a repository such as `ghcr.io/acme/evidence`"),
            ),
        }
    }
    if let Some(at) = object.get("configMaps") {
        let maps = r.object(&at, &["namespace"], &[])?;
        let at = maps.need(r, "namespace")?;
        let text = r.text(&at)?;
        match is_namespace(text) {
            true => roads.config_maps = Some(text.to_owned()),
            false => r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`{text}` is not the name of a namespace"),
            ),
        }
    }
    if let Some(at) = object.get("timeout")
        && let Some(seconds) = duration::read(r, &at)
    {
        roads.timeout = seconds;
        if !TIMEOUTS.contains(&seconds) {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("from {} to {} seconds", TIMEOUTS.start(), TIMEOUTS.end()),
            );
        }
    }
    Some(roads)
}

/// RFC 1123, a label.
fn is_namespace(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    text.len() <= 63
        && text.bytes().all(|b| word(b) || b == b'-')
        && ends.into_iter().all(|b| b.is_some_and(word))
}
