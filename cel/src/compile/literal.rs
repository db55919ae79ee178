//! String and bytes literals.
//!
//! spec: langdef §String and Bytes Values

use super::{Result, fault, syntax::Literal};
use crate::error::CompileCause;

/// How a literal begins: what is before its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    pub(super) bytes: bool,
    pub(super) length: usize,
    pub(super) quote: &'static str,
    pub(super) raw: bool,
}

/// `b`, `r` and quotes.
pub(super) fn string_prefix(text: &str) -> Option<Prefix> {
    let (bytes, rest) = match text.strip_prefix(['b', 'B']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (raw, rest) = match rest.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote))?;
    let length = usize::from(bytes).saturating_add(usize::from(raw)).saturating_add(quote.len());
    Some(Prefix { bytes, length, quote, raw })
}

/// Where the body ends: an escaped quote ends none, and a line ends a short string.
pub(super) fn end(text: &str, prefix: Prefix) -> Option<usize> {
    let long = prefix.quote.len() == 3;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if text.get(at..).is_some_and(|rest| rest.starts_with(prefix.quote)) {
            return Some(at);
        }
        match character {
            '\\' if !prefix.raw => {
                characters.next();
            }
            '\n' | '\r' if !long => return None,
            _ => (),
        }
    }
    None
}

/// The value of a body that starts at a place in the text.
pub(super) fn read(body: &str, prefix: Prefix, start: usize) -> Result<Literal> {
    if prefix.raw {
        return Ok(literal(body.as_bytes().to_vec(), prefix));
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, escaped)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let Some(after) = unescape(escaped, prefix.bytes, &mut out) else {
            let at =
                start.saturating_add(body.len()).saturating_sub(escaped.len()).saturating_sub(1);
            return fault(at, CompileCause::Literal("invalid escape sequence"));
        };
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(literal(out, prefix))
}

fn literal(bytes: Vec<u8>, prefix: Prefix) -> Literal {
    if prefix.bytes {
        return Literal::Bytes(bytes);
    }
    // Every escape in a string wrote a whole character.
    Literal::String(String::from_utf8_lossy(&bytes).into_owned())
}

/// What an escape stands for; the rest of the text after it.
fn unescape<'t>(text: &'t str, bytes: bool, out: &mut Vec<u8>) -> Option<&'t str> {
    let first = text.chars().next()?;
    let plain = match first {
        'a' => b'\x07',
        'b' => b'\x08',
        'f' => b'\x0c',
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => b'\x0b',
        '\\' | '?' | '"' | '\'' | '`' => u8::try_from(first).ok()?,
        'x' | 'X' => return code(text.get(1..)?, 2, 16, bytes, out),
        'u' if !bytes => return code(text.get(1..)?, 4, 16, bytes, out),
        'U' if !bytes => return code(text.get(1..)?, 8, 16, bytes, out),
        '0'..='3' => return code(text, 3, 8, bytes, out),
        _ => return None,
    };
    out.push(plain);
    text.get(1..)
}

/// So many digits: a code point of a string, or a byte of bytes.
fn code<'t>(
    text: &'t str,
    digits: usize,
    radix: u32,
    bytes: bool,
    out: &mut Vec<u8>,
) -> Option<&'t str> {
    let (number, rest) = text.split_at_checked(digits)?;
    if !number.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(number, radix).ok()?;
    if bytes {
        out.push(u8::try_from(code).ok()?);
    } else {
        let character = char::from_u32(code)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(rest)
}
