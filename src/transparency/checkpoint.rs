//! Checkpoints ([C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint)), which are signed notes
//! ([C2SP signed-note](https://c2sp.org/signed-note)).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::crypto::{Exhausted, PublicKey, Scheme, Spend};

/// Bytes of one note. The specification wants sixteen signatures of nearly 5 kB accepted.
const MOST_BYTES: usize = 128 << 10;

/// Signatures of one note: what golang.org/x/mod/sumdb/note, the first implementation, accepts.
const MOST_SIGNATURES: usize = 100;

/// Signatures of one key that are checked. A log makes one, a key in rotation of names two.
const MOST_OF_ONE_KEY: usize = 4;

/// A log's statement of its tree. What it says is not to be believed before its signature was
/// checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Leaves of the tree.
    pub size: u64,
    /// The tree's root.
    pub root: [u8; 32],
    /// Further lines, opaque.
    pub extensions: Vec<String>,
    /// The text that is signed.
    pub signed: String,
    /// The lines of signatures.
    pub signatures: Vec<NoteSignature>,
}

/// One line of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's number.
    pub key_id: [u8; 4],
    /// The signature.
    pub signature: Vec<u8>,
}

/// A log's key, by which a checkpoint must be signed.
#[derive(Clone, Debug)]
pub struct NoteVerifier<'a> {
    /// The key.
    pub key: &'a PublicKey,
    /// How it signs.
    pub scheme: Scheme,
    /// What its lines may be numbered: first bytes of the log's id.
    pub key_ids: Vec<[u8; 4]>,
    /// The log's name, which origin and line must have; Rekor v1 has no rule for it.
    pub name: Option<&'a str>,
}

/// Why a text is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// A control character.
    Control,
    /// An empty line in the text.
    EmptyLine,
    /// Not text, empty line, signatures.
    Form,
    /// No origin.
    Origin,
    /// The root is not the base64 of 32 bytes.
    Root,
    /// A line that is not one of a signature.
    Signature,
    /// The size is not a decimal number without leading zeros.
    Size,
    /// Larger than is looked at.
    TooLarge,
    /// More signatures than are looked at.
    TooManySignatures,
}

/// Why a checkpoint is not a log's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// A signature that names the log's key is not good.
    Invalid,
    /// The checkpoint is of another log.
    Origin {
        /// The log's name.
        expected: String,
        /// The checkpoint's origin.
        found: String,
    },
    /// More signatures name the log's key than are checked.
    TooMany,
    /// No signature names the log's key.
    Unsigned,
}

impl Checkpoint {
    /// Parses a signed note with a checkpoint as its text.
    pub fn parse(note: &str) -> Result<Self, CheckpointError> {
        if note.len() > MOST_BYTES {
            return Err(CheckpointError::TooLarge);
        }
        if note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(CheckpointError::Control);
        }
        // "the text is separated from the signatures by the last empty line in the note"
        let (text, lines) = note.rsplit_once("\n\n").ok_or(CheckpointError::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(CheckpointError::Form)?;
        if lines.split('\n').nth(MOST_SIGNATURES).is_some() {
            return Err(CheckpointError::TooManySignatures);
        }
        let signatures = lines.split('\n').map(signature).collect::<Option<_>>();
        let mut text_lines = text.split('\n');
        let mut line = || text_lines.next().filter(|line| !line.is_empty());
        let origin = line().ok_or(CheckpointError::Origin)?.to_owned();
        let size = line().and_then(decimal).ok_or(CheckpointError::Size)?;
        let root = line().and_then(hash).ok_or(CheckpointError::Root)?;
        let extensions: Vec<_> = text_lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::EmptyLine);
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
            signed: format!("{text}\n"),
            signatures: signatures.ok_or(CheckpointError::Signature)?,
        })
    }

    /// Checks the signature of a log. Lines of other keys, such as witnesses', are ignored.
    ///
    /// spec: signed-note §Signatures "If the key name and ID match a known key, verifiers MUST
    /// verify the signature. If a signature from a known key fails to verify, clients SHOULD reject
    /// the whole note."
    pub fn verify(
        &self,
        by: &NoteVerifier<'_>,
        spend: &Spend,
    ) -> Result<Result<(), NoteError>, Exhausted> {
        if let Some(expected) = by.name.filter(|name| *name != self.origin) {
            let (expected, found) = (expected.to_owned(), self.origin.clone());
            return Ok(Err(NoteError::Origin { expected, found }));
        }
        let own: Vec<_> = self.signatures.iter().filter(|line| by.made(line)).collect();
        if own.is_empty() {
            return Ok(Err(NoteError::Unsigned));
        }
        if own.len() > MOST_OF_ONE_KEY {
            return Ok(Err(NoteError::TooMany));
        }
        for line in own {
            let result =
                spend.verify_once(by.key, by.scheme, self.signed.as_bytes(), &line.signature)?;
            if result.is_err() {
                return Ok(Err(NoteError::Invalid));
            }
        }
        Ok(Ok(()))
    }
}

impl NoteVerifier<'_> {
    /// True for a line that says it is of this key.
    fn made(&self, line: &NoteSignature) -> bool {
        self.key_ids.contains(&line.key_id) && self.name.is_none_or(|name| name == line.name)
    }
}

/// spec: signed-note §Format "em dash (U+2014), space (U+0020), key name, space, base64-encoded
/// signature"; "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus"
fn signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
        return None;
    }
    let bytes = STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = bytes.split_first_chunk()?;
    if signature.is_empty() {
        return None;
    }
    Some(NoteSignature { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
}

/// spec: tlog-checkpoint §Note text "the ASCII decimal representation of the number of leaves in
/// the tree, with no leading zeroes (unless the tree is empty, in which case the tree size is `0`)"
fn decimal(line: &str) -> Option<u64> {
    if !line.bytes().all(|b| b.is_ascii_digit()) || (line.starts_with('0') && line != "0") {
        return None;
    }
    line.parse().ok()
}

fn hash(line: &str) -> Option<[u8; 32]> {
    STANDARD.decode(line).ok()?.try_into().ok()
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "the checkpoint has a control character",
            Self::EmptyLine => "the checkpoint's text has an empty line",
            Self::Form => "the checkpoint is not a signed note",
            Self::Origin => "the checkpoint has no origin",
            Self::Root => "the checkpoint's root is not the base64 of 32 bytes",
            Self::Signature => "a line of the checkpoint is not a signature",
            Self::Size => "the checkpoint's size is not a decimal number",
            Self::TooLarge => return write!(f, "the checkpoint has more than {MOST_BYTES} bytes"),
            Self::TooManySignatures => {
                return write!(f, "the checkpoint has more than {MOST_SIGNATURES} signatures");
            }
        })
    }
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the log's signature on the checkpoint is not valid"),
            Self::Origin { expected, found } => {
                write!(f, "the checkpoint is of `{found}`, not of `{expected}`")
            }
            Self::TooMany => {
                write!(f, "the checkpoint has more than {MOST_OF_ONE_KEY} signatures of one key")
            }
            Self::Unsigned => f.write_str("the checkpoint has no signature of the log"),
        }
    }
}

#[cfg(test)]
mod tests;
