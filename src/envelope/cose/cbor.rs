//! The part of CBOR ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)) that COSE headers are made
//! of, read strictly: definite lengths, no duplicate keys, bounded depth and counts.

use ciborium_ll::{Decoder, Header};

use crate::envelope::notation::MOST_PARAMETERS;

/// Nesting of one item. A header with times and certificates has three levels; go-cose allows 32.
const MOST_DEPTH: usize = 8;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Integer(i128),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Tag(u64, Box<Self>),
    Simple(u8),
    /// Bits of the value as a double.
    Float(u64),
}

/// Why bytes are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CborError {
    Depth,
    Duplicate,
    Indefinite,
    Many,
    Syntax,
    Trailing,
}

/// Reads items one after the other.
pub(super) struct Reader<'a> {
    decoder: Decoder<Input<'a>>,
    length: usize,
}

struct Input<'a>(&'a [u8]);

struct EndOfInput;

impl ciborium_io::Read for Input<'_> {
    type Error = EndOfInput;

    fn read_exact(&mut self, data: &mut [u8]) -> Result<(), EndOfInput> {
        let (head, tail) = self.0.split_at_checked(data.len()).ok_or(EndOfInput)?;
        data.copy_from_slice(head);
        self.0 = tail;
        Ok(())
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { decoder: Decoder::from(Input(bytes)), length: bytes.len() }
    }

    /// The next item.
    pub(super) fn item(&mut self) -> Result<Item, CborError> {
        self.nested(0)
    }

    /// Nothing may follow.
    pub(super) fn finish(mut self) -> Result<(), CborError> {
        if self.left() == 0 { Ok(()) } else { Err(CborError::Trailing) }
    }

    fn left(&mut self) -> usize {
        self.length.saturating_sub(self.decoder.offset())
    }

    fn nested(&mut self, depth: usize) -> Result<Item, CborError> {
        if depth > MOST_DEPTH {
            return Err(CborError::Depth);
        }
        let inner = depth.saturating_add(1);
        Ok(match self.decoder.pull().map_err(|_| CborError::Syntax)? {
            Header::Positive(n) => Item::Integer(i128::from(n)),
            // CBOR's negative integers are -1 - n, which is the complement.
            Header::Negative(n) => Item::Integer(!i128::from(n)),
            Header::Float(value) => Item::Float(value.to_bits()),
            Header::Simple(value) => Item::Simple(value),
            Header::Tag(tag) => Item::Tag(tag, Box::new(self.nested(inner)?)),
            Header::Bytes(length) => Item::Bytes(self.string(length)?),
            Header::Text(length) => {
                Item::Text(String::from_utf8(self.string(length)?).map_err(|_| CborError::Syntax)?)
            }
            Header::Array(length) => {
                let count = counted(length)?;
                let mut items = Vec::with_capacity(count);
                for _ in 0..count {
                    items.push(self.nested(inner)?);
                }
                Item::Array(items)
            }
            Header::Map(length) => Item::Map(self.pairs(counted(length)?, inner)?),
            Header::Break => return Err(CborError::Syntax),
        })
    }

    /// spec: RFC 9052 §3 "Labels in each of the maps MUST be unique. When processing messages, if a
    /// label appears multiple times, the message MUST be rejected as malformed"
    fn pairs(&mut self, count: usize, depth: usize) -> Result<Vec<(Item, Item)>, CborError> {
        let mut pairs: Vec<(Item, Item)> = Vec::with_capacity(count);
        for _ in 0..count {
            let key = self.nested(depth)?;
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(CborError::Duplicate);
            }
            pairs.push((key, self.nested(depth)?));
        }
        Ok(pairs)
    }

    /// The length is held against what is left before anything is allocated for it.
    fn string(&mut self, length: Option<usize>) -> Result<Vec<u8>, CborError> {
        let length = length.ok_or(CborError::Indefinite)?;
        if length > self.left() {
            return Err(CborError::Syntax);
        }
        let mut bytes = vec![0; length];
        ciborium_io::Read::read_exact(&mut self.decoder, &mut bytes)
            .map_err(|_| CborError::Syntax)?;
        Ok(bytes)
    }
}

fn counted(length: Option<usize>) -> Result<usize, CborError> {
    match length.ok_or(CborError::Indefinite)? {
        count if count > MOST_PARAMETERS => Err(CborError::Many),
        count => Ok(count),
    }
}

/// Appends a byte string with the shortest form of its length (RFC 8949 §4.2.1).
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    const BYTES: u8 = 0x40;
    let length = bytes.len() as u64;
    let [.., c4, c5, c6, c7] = length.to_be_bytes();
    match length {
        0..24 => out.push(BYTES | c7),
        24..0x100 => out.extend([BYTES | 24, c7]),
        0x100..0x1_0000 => out.extend([BYTES | 25, c6, c7]),
        0x1_0000..0x1_0000_0000 => out.extend([BYTES | 26, c4, c5, c6, c7]),
        _ => {
            out.push(BYTES | 27);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Item, CborError> {
        let mut reader = Reader::new(bytes);
        let item = reader.item()?;
        reader.finish()?;
        Ok(item)
    }

    #[test]
    fn integers_have_one_value_however_they_are_written() {
        for bytes in [&b"\x01"[..], b"\x18\x01", b"\x19\x00\x01", b"\x1b\0\0\0\0\0\0\0\x01"] {
            assert_eq!(read(bytes), Ok(Item::Integer(1)));
        }
        assert_eq!(read(b"\x38\x24"), Ok(Item::Integer(-37)));
        assert_eq!(read(b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), Ok(Item::Integer(-(1 << 64))));
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        for (bytes, error) in [
            (&b""[..], CborError::Syntax),
            (b"\x42\x00", CborError::Syntax),
            (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", CborError::Syntax),
            (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", CborError::Many),
            (b"\x98\x41", CborError::Many),
            (b"\x5f\x41\x00\xff", CborError::Indefinite),
            (b"\x7f\x61a\xff", CborError::Indefinite),
            (b"\x9f\xff", CborError::Indefinite),
            (b"\xbf\xff", CborError::Indefinite),
            (b"\xff", CborError::Syntax),
            (b"\x61\xff", CborError::Syntax),
            (b"\x1c", CborError::Syntax),
            (b"\x00\x00", CborError::Trailing),
            (b"\xa2\x01\x00\x18\x01\x00", CborError::Duplicate),
            (b"\xa2\x61a\x00\x61a\x00", CborError::Duplicate),
            (b"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00", CborError::Depth),
            (b"\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\x00", CborError::Depth),
        ] {
            assert_eq!(read(bytes), Err(error), "{bytes:x?}");
        }
    }

    #[test]
    fn the_length_of_a_written_string_is_the_shortest() {
        for (length, prefix) in [
            (0, &b"\x40"[..]),
            (23, b"\x57"),
            (24, b"\x58\x18"),
            (255, b"\x58\xff"),
            (256, b"\x59\x01\x00"),
            (65_536, b"\x5a\x00\x01\x00\x00"),
        ] {
            let mut out = Vec::new();
            write_bytes(&mut out, &vec![7; length]);
            assert!(out.starts_with(prefix), "{length}");
            assert_eq!(read(&out), Ok(Item::Bytes(vec![7; length])));
        }
    }
}
