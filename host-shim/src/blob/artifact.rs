//! What is decided on: a file's bytes, or its digests where it is large or not here.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use countersign::crypto::hex;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Files up to this size go into the module whole, which then hashes them itself. Of larger ones it
/// gets the digests; only an Ed25519 signature over the file itself cannot be checked by them.
const MOST_CONTENT: u64 = 16 << 20;
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// An artifact: its name, and either its bytes or its digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What the policy's `blobs` globs match.
    pub name: String,
    pub(super) digests: Vec<String>,
    pub(super) content: Option<Vec<u8>>,
}

impl Artifact {
    /// `sha256:<hex>` where no file is called so, else a file; `-` is standard input.
    pub fn open(argument: &str) -> io::Result<Self> {
        if argument == "-" {
            return Self::read("stdin", &mut io::stdin().lock());
        }
        let path = Path::new(argument);
        if let Some(digest) = digest(argument).filter(|_| !path.exists()) {
            return Ok(Self { name: digest.clone(), digests: vec![digest], content: None });
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let mut file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        Self::read(&name, &mut file)
    }

    /// Everything that a reader has.
    pub fn read(name: &str, from: &mut dyn Read) -> io::Result<Self> {
        let mut head = Vec::new();
        from.take(MOST_CONTENT + 1).read_to_end(&mut head)?;
        let (digests, content) = if head.len() as u64 > MOST_CONTENT {
            (digests(&head, from)?, None)
        } else {
            (Vec::new(), Some(head))
        };
        Ok(Self { name: name.to_owned(), digests, content })
    }
}

fn digest(argument: &str) -> Option<String> {
    let hex = argument.strip_prefix("sha256:")?;
    let fits = hex.len() == DIGITS && hex.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| format!("sha256:{}", hex.to_ascii_lowercase()))
}

/// The three digests that signatures and statements are made over.
fn digests(head: &[u8], rest: &mut dyn Read) -> io::Result<Vec<String>> {
    let mut sha256 = Sha256::new_with_prefix(head);
    let mut sha384 = Sha384::new_with_prefix(head);
    let mut sha512 = Sha512::new_with_prefix(head);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match rest.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        sha256.update(bytes);
        sha384.update(bytes);
        sha512.update(bytes);
    }
    Ok(vec![
        format!("sha256:{}", hex(&sha256.finalize())),
        format!("sha384:{}", hex(&sha384.finalize())),
        format!("sha512:{}", hex(&sha512.finalize())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_one_only_in_full_and_without_such_a_file() {
        let hex = "0f".repeat(32);
        let upper = format!("sha256:{}", hex.to_uppercase());
        let artifact = Artifact::open(&upper).unwrap();
        assert_eq!(artifact.name, format!("sha256:{hex}"));
        assert_eq!(artifact.digests, [format!("sha256:{hex}")]);
        assert_eq!(artifact.content, None);
        for path in [format!("sha256:{}", &hex[1..]), format!("sha512:{hex}"), hex] {
            assert_eq!(
                Artifact::open(&path).unwrap_err().kind(),
                io::ErrorKind::NotFound,
                "{path}"
            );
        }
        assert_eq!(Artifact::open(".").unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_small_file_goes_whole_and_a_large_one_as_its_digests() {
        let most = usize::try_from(MOST_CONTENT).unwrap();
        let small = Artifact::read("a", &mut io::repeat(7).take(MOST_CONTENT)).unwrap();
        assert_eq!((small.digests.len(), small.content.map(|c| c.len())), (0, Some(most)));
        let large = Artifact::read("a", &mut io::repeat(7).take(MOST_CONTENT + 70_000)).unwrap();
        assert_eq!(large.content, None);
        let bytes = vec![7; most + 70_000];
        let expected: Vec<String> = countersign::crypto::HashAlgorithm::ALL
            .iter()
            .map(|hash| format!("{}{}", hash.prefix(), hex(&hash.digest(&bytes))))
            .collect();
        assert_eq!(large.digests, expected);
    }
}
