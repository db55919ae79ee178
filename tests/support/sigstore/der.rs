//! Just enough DER to write certificates, timestamps and their faults.

use super::instant;

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if length < 128 {
        out.push(length as u8);
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
        out.push(0x80 | bytes.len() as u8);
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}

pub(crate) fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// SET OF, its members sorted (X.690 §11.6).
pub(crate) fn set_of(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(0x31, &parts.concat())
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0][..], bytes].concat())
}

/// BIT STRING of named bits, the first at the left.
pub(crate) fn named_bits(value: u16) -> Vec<u8> {
    let [high, low] = value.to_be_bytes();
    let bytes = if low == 0 { vec![high] } else { vec![high, low] };
    let unused = bytes.last().unwrap().trailing_zeros().min(7) as u8;
    tlv(3, &[vec![unused], bytes].concat())
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    tlv(6, spki::ObjectIdentifier::new_unwrap(dotted).as_bytes())
}

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    tlv(1, &[if value { 0xff } else { 0 }])
}

pub(crate) fn null() -> Vec<u8> {
    tlv(5, &[])
}

/// INTEGER, not negative, of these big-endian bytes.
pub(crate) fn uint(bytes: &[u8]) -> Vec<u8> {
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
    let pad = significant.first().is_none_or(|first| *first >= 0x80);
    tlv(2, &[if pad { vec![0] } else { Vec::new() }, significant].concat())
}

pub(crate) fn number(value: u64) -> Vec<u8> {
    uint(&value.to_be_bytes())
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// `[n]` around a whole element.
pub(crate) fn explicit(n: u8, inner: &[u8]) -> Vec<u8> {
    tlv(0xa0 | n, inner)
}

/// `[n]` in place of a primitive element's own tag.
pub(crate) fn implicit(n: u8, content: &[u8]) -> Vec<u8> {
    tlv(0x80 | n, content)
}

/// UTCTime until 2049, then GeneralizedTime (RFC 5280 §4.1.2.5).
pub(crate) fn validity(seconds: i64) -> Vec<u8> {
    let text = instant::generalized(seconds);
    if text.as_str() < "20500101000000Z" {
        return tlv(0x17, &text.as_bytes()[2..]);
    }
    tlv(0x18, text.as_bytes())
}

pub(crate) fn algorithm(dotted: &str, parameters: &[Vec<u8>]) -> Vec<u8> {
    seq(&[oid(dotted), parameters.concat()])
}
