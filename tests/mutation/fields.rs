//! Names for the bytes of certificates, of timestamps and of COSE envelopes.

use std::ops::Range;

/// The field of a certificate (RFC 5280 §4.1) that a byte belongs to.
pub(crate) fn certificate(der: &[u8], byte: usize) -> &'static str {
    let name = || {
        let (outer, _) = tlv(der, 0)?;
        if byte < outer.start {
            return Some("head");
        }
        let (tbs, tbs_end) = tlv(der, outer.start)?;
        if byte >= tbs_end {
            let (_, algorithm_end) = tlv(der, tbs_end)?;
            return Some(if byte < algorithm_end {
                "signatureAlgorithm"
            } else {
                "signatureValue"
            });
        }
        if byte < tbs.start {
            return Some("tbsCertificate head");
        }
        let mut names = [
            "version",
            "serialNumber",
            "signature",
            "issuer",
            "validity",
            "subject",
            "subjectPublicKeyInfo",
        ]
        .iter();
        if der.get(tbs.start) != Some(&0xa0) {
            names.next();
        }
        let mut at = tbs.start;
        for name in names {
            let (_, end) = tlv(der, at)?;
            if byte < end {
                return Some(name);
            }
            at = end;
        }
        Some("extensions")
    };
    name().unwrap_or("not DER")
}

/// What a byte of an RFC 3161 token belongs to: one of the certificates that travel with it, or the
/// rest.
pub(crate) fn token(der: &[u8], byte: usize) -> String {
    let certificate = || {
        let (info, _) = tlv(der, 0)?;
        let (_, type_end) = tlv(der, info.start)?;
        let (explicit, _) = tlv(der, type_end)?;
        let (data, _) = tlv(der, explicit.start)?;
        let mut at = data.start;
        // Version, digest algorithms, content; then `[0]`.
        for _ in 0..3 {
            at = tlv(der, at)?.1;
        }
        let (certificates, end) = tlv(der, at)?;
        if der.get(at) != Some(&0xa0) || !(certificates.start..end).contains(&byte) {
            return None;
        }
        let (mut at, mut index) = (certificates.start, 0);
        while at < end {
            at = tlv(der, at)?.1;
            if byte < at {
                return Some(format!("certificate[{index}]"));
            }
            index += 1;
        }
        None
    };
    certificate().unwrap_or_else(|| "token".to_owned())
}

/// Contents and end of the element at `at`.
fn tlv(der: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let first = usize::from(*der.get(at + 1)?);
    let (start, length) = if first < 0x80 {
        (at + 2, first)
    } else {
        let count = first & 0x7f;
        let length =
            der.get(at + 2..at + 2 + count)?.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
        (at + 2 + count, length)
    };
    Some((start..start + length, start + length))
}

/// The end of the name of what holds a timestamp.
pub(crate) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// A named piece of a COSE envelope, and the range of its certificates.
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    pub(crate) name: String,
    pub(crate) is_certificate: bool,
}

/// The pieces of a COSE_Sign1 as Notation writes it.
pub(crate) fn cose(bytes: &[u8]) -> Vec<Piece> {
    let mut reader = Cbor { bytes, at: 2 };
    let mut pieces = vec![piece(0..2, "head")];
    let start = reader.at;
    reader.item();
    pieces.push(piece(start..reader.at, "protected"));
    let start = reader.at;
    let count = reader.head().1;
    pieces.push(piece(start..reader.at, "unprotected head"));
    for _ in 0..count {
        let start = reader.at;
        let (major, value) = reader.head();
        let label = if major == 3 {
            reader.at += value;
            String::from_utf8(bytes[reader.at - value..reader.at].to_vec()).unwrap()
        } else if value == 33 {
            "x5chain".to_owned()
        } else {
            format!("label {value}")
        };
        pieces.push(piece(start..reader.at, &format!("unprotected {label} (name)")));
        let start = reader.at;
        if label == "x5chain" {
            let count = reader.head().1;
            pieces.push(piece(start..reader.at, "unprotected x5chain (head)"));
            for index in 0..count {
                let start = reader.at;
                let length = reader.head().1;
                pieces.push(piece(start..reader.at, "unprotected x5chain (head)"));
                pieces.push(Piece {
                    range: reader.at..reader.at + length,
                    name: format!("unprotected x5chain[{index}]"),
                    is_certificate: true,
                });
                reader.at += length;
            }
        } else if label == TIMESTAMP {
            let length = reader.head().1;
            pieces.push(piece(start..reader.at, "unprotected timestamp (head)"));
            reader.at += length;
            pieces.push(piece(reader.at - length..reader.at, &format!("unprotected {label}")));
        } else {
            reader.item();
            pieces.push(piece(start..reader.at, &format!("unprotected {label}")));
        }
    }
    for name in ["payload", "signature"] {
        let start = reader.at;
        reader.item();
        pieces.push(piece(start..reader.at, name));
    }
    assert_eq!(reader.at, bytes.len());
    pieces
}

fn piece(range: Range<usize>, name: &str) -> Piece {
    Piece { range, name: name.to_owned(), is_certificate: false }
}

struct Cbor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cbor<'_> {
    fn head(&mut self) -> (u8, usize) {
        let first = self.bytes[self.at];
        let count = match first & 0x1f {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => 0,
        };
        self.at += 1 + count;
        let value = match count {
            0 => usize::from(first & 0x1f),
            _ => self.bytes[self.at - count..self.at]
                .iter()
                .fold(0, |sum, b| sum << 8 | usize::from(*b)),
        };
        (first >> 5, value)
    }

    fn item(&mut self) {
        let (major, value) = self.head();
        match major {
            2 | 3 => self.at += value,
            4 => (0..value).for_each(|_| self.item()),
            5 => (0..2 * value).for_each(|_| self.item()),
            6 => self.item(),
            _ => {}
        }
    }
}
