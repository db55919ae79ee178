//! Digests: read, compared, computed while bytes go by.

use std::{
    io::{self, Read},
    mem,
};

use countersign::crypto::{HashAlgorithm, hex};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// `algorithm:hex` of an algorithm that is known, in lower case and of the right length.
pub(super) fn parse(digest: &str) -> Option<(HashAlgorithm, &str)> {
    let (name, value) = digest.split_once(':')?;
    let (algorithm, length) = match name {
        "sha256" => (HashAlgorithm::Sha256, 64),
        "sha384" => (HashAlgorithm::Sha384, 96),
        "sha512" => (HashAlgorithm::Sha512, 128),
        _ => return None,
    };
    let is_hex = value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (value.len() == length && is_hex).then_some((algorithm, value))
}

/// Whether it is `sha256:`, `sha384:` or `sha512:` and so many lower-case hexadecimal digits.
pub fn is_digest(digest: &str) -> bool {
    parse(digest).is_some()
}

/// Whether `bytes` are what the digest names.
pub fn matches(digest: &str, bytes: &[u8]) -> bool {
    parse(digest).is_some_and(|(algorithm, value)| hex(&algorithm.digest(bytes)) == value)
}

/// `sha256:…` of some bytes.
pub fn sha256_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&HashAlgorithm::Sha256.digest(bytes)))
}

enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// Reads something of a known digest and size, and ends in an error if it was something else.
pub struct Verified<R> {
    inner: R,
    hasher: Hasher,
    expected: String,
    left: u64,
    done: bool,
}

impl<R: Read> Verified<R> {
    /// Nothing, if the digest is none.
    pub fn new(inner: R, digest: &str, size: u64) -> Option<Self> {
        let (algorithm, value) = parse(digest)?;
        let hasher = match algorithm {
            HashAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            HashAlgorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            HashAlgorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        };
        Some(Self { inner, hasher, expected: value.to_owned(), left: size, done: false })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.done = true;
        let empty = Hasher::Sha256(Sha256::new());
        let found = match mem::replace(&mut self.hasher, empty) {
            Hasher::Sha256(h) => hex(&h.finalize()),
            Hasher::Sha384(h) => hex(&h.finalize()),
            Hasher::Sha512(h) => hex(&h.finalize()),
        };
        if self.left > 0 {
            return Err(io::Error::other(format!("{} bytes are missing", self.left)));
        }
        if found != self.expected {
            let words = format!("the content has the digest {found}, not {}", self.expected);
            return Err(io::Error::other(words));
        }
        Ok(())
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.done || buffer.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        if read == 0 {
            self.finish()?;
            return Ok(0);
        }
        let Some(left) = self.left.checked_sub(read as u64) else {
            self.done = true;
            return Err(io::Error::other("there are more bytes than its descriptor says"));
        };
        self.left = left;
        let bytes = &buffer[..read];
        match &mut self.hasher {
            Hasher::Sha256(h) => h.update(bytes),
            Hasher::Sha384(h) => h.update(bytes),
            Hasher::Sha512(h) => h.update(bytes),
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], digest: &str, size: u64) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let mut reader = Verified::new(bytes, digest, size).ok_or("no digest")?;
        reader.read_to_end(&mut out).map(|_| out).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_the_thing_itself_ends_in_an_error() {
        let digest = sha256_of(b"abc");
        assert_eq!(read(b"abc", &digest, 3).unwrap(), b"abc");
        assert!(read(b"abd", &digest, 3).unwrap_err().contains("not ba7816bf"));
        assert!(read(b"ab", &digest, 3).unwrap_err().contains("1 bytes are missing"));
        assert!(read(b"abcd", &digest, 3).unwrap_err().contains("more bytes"));
        assert!(read(b"", &sha256_of(b""), 0).unwrap().is_empty());
        assert_eq!(read(b"abc", "md5:00", 3).unwrap_err(), "no digest");
        let long = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
            2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(read(b"abc", &format!("sha512:{long}"), 3).unwrap(), b"abc");
    }
}
