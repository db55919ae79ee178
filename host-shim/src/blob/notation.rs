//! Notation's signatures of blobs: an envelope in a file of its own.

use countersign::wire::{BlobSignature, Bytes};

/// What an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// COSE_Sign1.
    Cose,
    /// JWS in JSON.
    Jws,
}

impl Format {
    /// By the file's name, as `notation blob sign` gives it (`app.jws.sig`, `app.cose.sig`), else by
    /// how the file begins. Signatures of other tools are in base64 or in DER.
    pub fn of(path: &str, bytes: &[u8]) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        match bytes.trim_ascii_start() {
            _ if path.ends_with(".jws.sig") => Some(Self::Jws),
            _ if path.ends_with(".cose.sig") => Some(Self::Cose),
            [b'{', ..] => Some(Self::Jws),
            // RFC 9052 §4.2: the tag of COSE_Sign1, four items, the protected header.
            [0xd2, 0x84, 0x40..=0x5b, ..] => Some(Self::Cose),
            _ => None,
        }
    }

    /// An envelope as a candidate.
    pub fn signature(self, envelope: Vec<u8>) -> BlobSignature {
        let media_type = match self {
            Self::Cose => "application/cose",
            Self::Jws => "application/jose+json",
        };
        BlobSignature { media_type: media_type.to_owned(), content: Bytes(envelope) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_known_by_its_files_name_or_its_beginning() {
        let (jws, cose) = (Some(Format::Jws), Some(Format::Cose));
        for (path, bytes, format) in [
            ("app.tar.gz.jws.sig", &b"x"[..], jws),
            ("dir.cose.sig/app.COSE.SIG", b"{", cose),
            ("app.jws.sig", b"\xd2\x84\x40", jws),
            ("app.sig", b"\n {\"payload\"", jws),
            ("app.sig", b"\xd2\x84\x58\x20", cose),
            ("app.sig", b"\xd2\x84\xa0", None),
            ("app.sig", b"\xd2", None),
            ("app.sig", b"MEUCIQ==", None),
            ("jws.sig.txt", b"\x30\x45", None),
            ("app.sig", b"", None),
        ] {
            assert_eq!(Format::of(path, bytes), format, "{path} {bytes:x?}");
        }
    }
}
