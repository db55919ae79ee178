//! PEM (RFC 7468), tolerant of text before a block as OpenSSL writes it.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The DER of every block with `label`, in order. Text outside of blocks is ignored
/// ([RFC 7468 §2](https://www.rfc-editor.org/rfc/rfc7468#section-2)); blocks with another label, a
/// block that does not end, and more than `most` blocks are errors.
pub fn blocks(text: &str, label: &str, most: usize) -> Result<Vec<Vec<u8>>, PemError> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut found = Vec::new();
    let mut body: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_ascii();
        match &mut body {
            None if line == begin => {
                if found.len() == most {
                    return Err(PemError::TooMany);
                }
                body = Some(String::new());
            }
            None if line.starts_with("-----BEGIN ") => return Err(PemError::OtherLabel),
            None => {}
            Some(base64) if line == end => {
                found.push(STANDARD.decode(&*base64).map_err(|_| PemError::Base64)?);
                body = None;
            }
            Some(base64) => base64.push_str(line),
        }
    }
    if body.is_some() {
        return Err(PemError::Unterminated);
    }
    if found.is_empty() {
        return Err(PemError::Empty);
    }
    Ok(found)
}

/// Why a text is not accepted as PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PemError {
    /// The body of a block is not base64.
    Base64,
    /// No block at all.
    Empty,
    /// A block with another label.
    OtherLabel,
    /// More blocks than are looked at.
    TooMany,
    /// A block without an end.
    Unterminated,
}

impl std::fmt::Display for PemError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Base64 => "a PEM block is not base64",
            Self::Empty => "no PEM block",
            Self::OtherLabel => "a PEM block with another label",
            Self::TooMany => "too many PEM blocks",
            Self::Unterminated => "a PEM block without an end",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_before_a_block_is_ignored() {
        let text = "Certificate:\n    Data:\n-----BEGIN X-----\nAAEC\n-----END X-----\ntail\n";
        assert_eq!(blocks(text, "X", 4), Ok(vec![vec![0, 1, 2]]));
    }

    #[test]
    fn broken_texts_are_refused() {
        for (text, error) in [
            ("", PemError::Empty),
            ("AAEC", PemError::Empty),
            ("-----BEGIN X-----\nAAEC\n", PemError::Unterminated),
            ("-----BEGIN Y-----\nAAEC\n-----END Y-----\n", PemError::OtherLabel),
            ("-----BEGIN X-----\n*\n-----END X-----\n", PemError::Base64),
        ] {
            assert_eq!(blocks(text, "X", 4), Err(error), "{text}");
        }
        let many = "-----BEGIN X-----\nAAEC\n-----END X-----\n".repeat(3);
        assert_eq!(blocks(&many, "X", 2), Err(PemError::TooMany));
    }
}
