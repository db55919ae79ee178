//! SHA-2, and SHA-1 for names.

use std::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A hash function that signatures use (FIPS 180-4). SHA-1 and MD5 are not here on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// As OCI and in-toto write it, with the colon of a digest.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256:",
            Self::Sha384 => "sha384:",
            Self::Sha512 => "sha512:",
        }
    }

    /// Bytes of a digest.
    pub const fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `data`.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// The digests of one artifact's bytes in hexadecimal, each computed at most once: statements may
/// name many subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HexDigests {
    computed: [std::cell::OnceCell<String>; 3],
}

impl HexDigests {
    /// Takes over a digest that was computed elsewhere; false where there is one already.
    pub fn give(&mut self, algorithm: HashAlgorithm, hexadecimal: &str) -> bool {
        let cell = self.computed.get(algorithm as usize);
        cell.is_some_and(|cell| cell.set(hexadecimal.to_owned()).is_ok())
    }

    /// The digest, if it was computed or taken over.
    pub fn known(&self, algorithm: HashAlgorithm) -> Option<&str> {
        self.computed.get(algorithm as usize)?.get().map(String::as_str)
    }

    /// The digest of `data`, which is the same at every call.
    pub fn of(&self, algorithm: HashAlgorithm, data: &[u8]) -> String {
        match self.computed.get(algorithm as usize) {
            Some(cell) => cell.get_or_init(|| hex(&algorithm.digest(data))).clone(),
            None => hex(&algorithm.digest(data)),
        }
    }
}

/// SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// SHA-1 of `data`, as a name: RFC 5019 §2.1.1 has OCSP name issuers by it, and most public
/// responders know no other (docs/adr/0013). A signature, or a name that somebody could profit from
/// giving to two things, needs a [`HashAlgorithm`].
pub fn sha1_name(data: &[u8]) -> [u8; 20] {
    Sha1::digest(data).into()
}

/// Bytes from lower-case hexadecimal.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    Some(
        digits?
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, d| (byte << 4) | d))
            .collect(),
    )
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}
