//! The referrers API (distribution-spec v1.1, "Listing Referrers"), all pages merged.

use serde_json::{Value, json};

use crate::http::{Reply, header};

/// What the API answers with; anything else is not that API.
pub(super) const MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Pages of one list.
pub(super) const MAX_PAGES: usize = 32;

/// Pages gathered so far.
#[derive(Default)]
pub(super) struct Pages {
    manifests: Vec<Value>,
    first: Option<Vec<u8>>,
    pub(super) count: usize,
    pub(super) bytes: u64,
}

impl Pages {
    /// Takes one page; says what is wrong with it.
    pub(super) fn add(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let page: Value =
            serde_json::from_slice(&bytes).map_err(|_| "the list is not JSON".to_owned())?;
        let Some(manifests) = page.get("manifests").and_then(Value::as_array) else {
            return Err("the list is not an image index".to_owned());
        };
        self.manifests.extend(manifests.iter().cloned());
        self.bytes += bytes.len() as u64;
        self.count += 1;
        self.first.get_or_insert(bytes);
        Ok(())
    }

    /// The list: as it came where it came in one piece.
    pub(super) fn merge(self) -> Vec<u8> {
        match self.first {
            Some(bytes) if self.count == 1 => bytes,
            _ => json!({
                "schemaVersion": 2,
                "mediaType": MEDIA_TYPE,
                "manifests": self.manifests,
            })
            .to_string()
            .into_bytes(),
        }
    }
}

/// The target of `Link: <…>; rel="next"` (RFC 8288).
pub(super) fn next_link(reply: &Reply) -> Option<String> {
    reply.headers.get_all(header::LINK).iter().filter_map(|v| v.to_str().ok()).find_map(next)
}

fn next(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (parameters, _) = after.split_once('<').unwrap_or((after, ""));
        let is_next = parameters.split([';', ',']).any(|p| {
            let p = p.trim().to_ascii_lowercase();
            p.strip_prefix("rel=").is_some_and(|rel| rel.trim_matches('"') == "next")
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_next_page_among_other_links() {
        let header = r#"</a>; rel="prev", </b?n=1,2>; rel="next""#;
        assert_eq!(next(header).as_deref(), Some("/b?n=1,2"));
        assert_eq!(next(r#"</a>; rel=next"#).as_deref(), Some("/a"));
        assert_eq!(next(r#"</a>; rel="last""#), None);
        assert_eq!(next("<unclosed"), None);
    }
}
