//! What a host must know of a document in order to keep it: that it is whole, and until when it
//! is of use. The module judges it; nothing here is believed by anybody.

use std::time::{Duration, SystemTime};

use countersign::time::Time;

use crate::der::{SEQUENCE, element};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;
const CONTEXT_2: u8 = 0xa2;
/// A URI in a GeneralName.
const URI: u8 = 0x86;
/// id-ce-freshestCRL (RFC 5280 §5.2.6), with tag and length.
const FRESHEST_CRL: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x2e];

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Crl,
    Ocsp,
}

impl Document {
    /// Whether the bytes are one DER sequence from end to end, and not a page of words.
    pub(super) fn is_whole(self, bytes: &[u8]) -> bool {
        let first = match self {
            Self::Crl => SEQUENCE,
            Self::Ocsp => ENUMERATED,
        };
        whole(bytes).and_then(|content| take(content, first)).is_some()
    }

    /// Whether it is worth keeping. What does not say until when it is good, or is good no more, is
    /// of no use to the module (RFC 5280 §5.1.2.5); and a responder that says "try later" is to be
    /// asked later.
    pub(super) fn is_worth_keeping(self, bytes: &[u8], now: SystemTime) -> bool {
        let is_good = match self {
            Self::Crl => true,
            Self::Ocsp => whole(bytes)
                .and_then(|content| take(content, ENUMERATED))
                .is_some_and(|(status, _)| status == [0]),
        };
        is_good && self.next_update(bytes).is_some_and(|end| now <= end)
    }

    /// `nextUpdate`, where it can be made out.
    pub(super) fn next_update(self, bytes: &[u8]) -> Option<SystemTime> {
        let seconds = match self {
            Self::Crl => crl_next_update(bytes),
            Self::Ocsp => ocsp_next_update(bytes),
        }?;
        let seconds = u64::try_from(seconds.unix()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

/// Whether a CRL says that its delta is to be had at `url`.
pub(super) fn names_delta(crl: &[u8], url: &str) -> bool {
    let Ok(length) = u8::try_from(url.len()) else {
        return false;
    };
    // Long form from 128 on.
    let header: &[u8] = if length < 0x80 { &[URI, length] } else { &[URI, 0x81, length] };
    let name = [header, url.as_bytes()].concat();
    let extension = crl.windows(FRESHEST_CRL.len()).rposition(|window| window == FRESHEST_CRL);
    let after = extension.and_then(|at| crl.get(at..)).unwrap_or_default();
    after.windows(name.len()).any(|window| window == name)
}

/// RFC 5280 §5.1.
fn crl_next_update(bytes: &[u8]) -> Option<Time> {
    let (list, _) = take(whole(bytes)?, SEQUENCE)?;
    let list = skip(list, &[INTEGER]);
    let (_, list) = take(list, SEQUENCE)?;
    let (_, list) = take(list, SEQUENCE)?;
    let (_, _, list) = element(list)?;
    time(list)
}

/// RFC 6960 §4.2.1, of the first certificate that it is about.
fn ocsp_next_update(bytes: &[u8]) -> Option<Time> {
    let (_, rest) = take(whole(bytes)?, ENUMERATED)?;
    let (explicit, _) = take(rest, CONTEXT_0)?;
    let (typed, _) = take(explicit, SEQUENCE)?;
    let (_, _, typed) = element(typed)?;
    let (basic, _) = take(typed, OCTET_STRING)?;
    let (data, _) = take(whole(basic)?, SEQUENCE)?;
    let data = skip(skip(data, &[CONTEXT_0]), &[CONTEXT_1, CONTEXT_2]);
    let (_, data) = take(data, GENERALIZED_TIME)?;
    let (responses, _) = take(data, SEQUENCE)?;
    let (single, _) = take(responses, SEQUENCE)?;
    let (_, single) = take(single, SEQUENCE)?;
    let (_, _, single) = element(single)?;
    let (_, single) = take(single, GENERALIZED_TIME)?;
    time(take(single, CONTEXT_0)?.0)
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280 §4.1.2.5).
fn time(bytes: &[u8]) -> Option<Time> {
    let (tag, content, _) = element(bytes)?;
    let text = std::str::from_utf8(content).ok()?;
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (date, clock) = (part(0, 8)?, part(8, 14)?);
    let date = format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let clock = format!("{}:{}:{}", clock.get(..2)?, clock.get(2..4)?, clock.get(4..)?);
    Time::parse(&format!("{date}T{clock}Z"))
}

fn whole(bytes: &[u8]) -> Option<&[u8]> {
    take(bytes, SEQUENCE).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// What follows an element that may not be there.
fn skip<'a>(bytes: &'a [u8], tags: &[u8]) -> &'a [u8] {
    element(bytes).filter(|(tag, ..)| tags.contains(tag)).map_or(bytes, |(.., rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_and_nothing_else() {
        let at = |bytes: &[u8]| time(bytes).map(|t| t.to_string());
        assert_eq!(at(b"\x17\x0d261121030000Z").as_deref(), Some("2026-11-21T03:00:00Z"));
        assert_eq!(at(b"\x17\x0d991121030000Z").as_deref(), Some("1999-11-21T03:00:00Z"));
        assert_eq!(at(b"\x18\x0f20991121030000Z").as_deref(), Some("2099-11-21T03:00:00Z"));
        for bad in [&b"\x17\x0d26112103000"[..], b"\x18\x03abc", b"\x04\x0d261121030000Z", b""] {
            assert_eq!(at(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let crl = b"\x30\x09\x30\x07\x02\x01\x01\x30\x00\x30\x00";
        for end in 0..crl.len() {
            assert!(!Document::Crl.is_whole(&crl[..end]));
            assert_eq!(Document::Crl.next_update(&crl[..end]), None);
            assert_eq!(Document::Ocsp.next_update(&crl[..end]), None);
        }
        assert!(Document::Crl.is_whole(crl) && !Document::Ocsp.is_whole(crl));
        assert!(!Document::Crl.is_whole(b"\x30\x84\xff\xff\xff\xff") && !names_delta(b"", ""));
    }
}
