//! Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

use super::{
    Tweak, base64,
    keys::{Key, sha256},
};

/// Who signs a note.
#[derive(Clone)]
pub(crate) struct NoteSigner {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
    /// A witness cosigns at a time.
    pub(crate) cosigned_at: Option<u64>,
    /// The signature, once it is made, without key id.
    pub(crate) signature: Tweak<Vec<u8>>,
}

/// A checkpoint before it is signed.
#[derive(Clone)]
pub(crate) struct Checkpoint {
    pub(crate) origin: String,
    pub(crate) size: String,
    pub(crate) root: Vec<u8>,
    pub(crate) more: Vec<String>,
    pub(crate) signers: Vec<NoteSigner>,
    /// The text, before it is signed.
    pub(crate) text: Tweak<String>,
    /// The signed note.
    pub(crate) note: Tweak<String>,
}

/// The key id of signed-note: the hash of name, algorithm and key, of which a note has 4 bytes.
pub(crate) fn key_id(name: &str, algorithm: u8, key: &[u8]) -> Vec<u8> {
    sha256(&[name.as_bytes(), b"\n", &[algorithm], key].concat())
}

impl NoteSigner {
    /// A log: Ed25519 as signed-note says, others by the hash of their SubjectPublicKeyInfo.
    pub(crate) fn log(name: &str, key: &Key) -> Self {
        let id = match key {
            Key::Ed25519(_) => key_id(name, 1, &key.raw()),
            _ => sha256(&key.spki()),
        };
        Self::of(name, key, id, None)
    }

    /// A witness with an Ed25519 key.
    pub(crate) fn witness(name: &str, time: u64) -> Self {
        let key = Key::ed25519(name);
        let id = key_id(name, 4, &key.raw());
        Self::of(name, &key, id, Some(time))
    }

    fn of(name: &str, key: &Key, id: Vec<u8>, cosigned_at: Option<u64>) -> Self {
        let id = id[..4].to_vec();
        let (name, key) = (name.to_owned(), key.clone());
        Self { name, key, id, cosigned_at, signature: Tweak::default() }
    }

    fn line(&self, text: &str) -> String {
        let mut signature = match self.cosigned_at {
            None => self.key.sign(text.as_bytes()),
            Some(time) => {
                let message = format!("cosignature/v1\ntime {time}\n{text}");
                [time.to_be_bytes().to_vec(), self.key.sign(message.as_bytes())].concat()
            }
        };
        self.signature.apply(&mut signature);
        format!("— {} {}\n", self.name, base64(&[self.id.clone(), signature].concat()))
    }
}

impl Checkpoint {
    pub(crate) fn sign(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root));
        for line in &self.more {
            text += line;
            text.push('\n');
        }
        self.text.apply(&mut text);
        let lines: String = self.signers.iter().map(|signer| signer.line(&text)).collect();
        let mut note = format!("{text}\n{lines}");
        self.note.apply(&mut note);
        note
    }
}
