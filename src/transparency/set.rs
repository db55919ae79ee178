//! The SignedEntryTimestamp of Rekor v1: a log's promise to include an entry, and the time at which
//! it took it.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::crypto::{Exhausted, PublicKey, Scheme, SignatureError, Spend, hex};

/// What a SignedEntryTimestamp is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedEntry<'a> {
    /// The canonical body.
    pub body: &'a [u8],
    /// Unix seconds.
    pub integrated_time: i64,
    /// The log's id: the SHA-256 of its key.
    pub log_id: &'a [u8],
    /// Position in the whole log.
    pub log_index: u64,
}

impl SignedEntry<'_> {
    /// The bytes that are signed.
    ///
    /// spec: RFC 8785 §3.2.3: members in the order of their names. The strings are base64 and
    /// hexadecimal, so that nothing has to be escaped. Numbers above 2^53 are not what RFC 8785
    /// makes of them, and no log has them.
    pub fn signed_bytes(&self) -> String {
        format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(self.body),
            self.integrated_time,
            hex(self.log_id),
            self.log_index
        )
    }

    /// Checks a log's signature.
    pub fn verify(
        &self,
        key: &PublicKey,
        scheme: Scheme,
        signature: &[u8],
        spend: &Spend,
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        spend.verify_once(key, scheme, self.signed_bytes().as_bytes(), signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_in_canonical_order_and_encoding() {
        let entry = SignedEntry {
            body: b"{\"apiVersion\":\"0.0.1\"}",
            integrated_time: 1_689_177_396,
            log_id: &[0xc0, 0xd2, 0x3d],
            log_index: 27_246_492,
        };
        assert_eq!(
            entry.signed_bytes(),
            r#"{"body":"eyJhcGlWZXJzaW9uIjoiMC4wLjEifQ==","integratedTime":1689177396,"logID":"c0d23d","logIndex":27246492}"#
        );
    }
}
