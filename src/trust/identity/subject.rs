//! Subjects of certificates, as text.

use der::{Encode, Tag, Tagged};
use x509_cert::{
    attr::AttributeValue,
    name::{Name, RelativeDistinguishedName},
};

use super::ATTRIBUTES;
use crate::crypto::hex;

/// The characters of a DirectoryString or IA5String.
pub(super) fn text_of(value: &AttributeValue) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        // Of TeletexString only what is ASCII has one meaning.
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::TeletexString => {
            bytes.is_ascii().then(|| bytes.iter().map(|b| char::from(*b)).collect())
        }
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
        }
        _ => None,
    }
}

/// A subject as one line in the manner of RFC 4514, the same for the same values: last RDN first,
/// types by the names above or as object identifiers, values escaped, or `#` and DER where they are
/// not text.
pub fn subject_line(subject: &Name) -> String {
    let rdns: Vec<&RelativeDistinguishedName> = subject.iter_rdn().collect();
    let mut line = String::new();
    for rdn in rdns.into_iter().rev() {
        if !line.is_empty() {
            line.push(',');
        }
        let parts: Vec<String> = rdn
            .iter()
            .map(|attribute| {
                let kind = ATTRIBUTES
                    .iter()
                    .find(|(_, oid)| *oid == attribute.oid)
                    .map_or_else(|| attribute.oid.to_string(), |(name, _)| (*name).to_owned());
                let value = match text_of(&attribute.value) {
                    Some(text) => escape(&text),
                    None => format!("#{}", hex(&attribute.value.to_der().unwrap_or_default())),
                };
                format!("{kind}={value}")
            })
            .collect();
        line.push_str(&parts.join("+"));
    }
    line
}

/// What is read again is the same: `#` is escaped after `=` too, as `=#` is nowhere allowed.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    let last = text.chars().count().saturating_sub(1);
    let mut before = '=';
    for (i, character) in text.chars().enumerate() {
        let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '=' | '>' | '\\')
            || (character == '#' && before == '=')
            || (character == ' ' && (i == 0 || i == last));
        before = character;
        if character.is_control() {
            let mut utf8 = [0; 4];
            for byte in character.encode_utf8(&mut utf8).bytes() {
                out.push_str(&format!("\\{byte:02x}"));
            }
            continue;
        }
        if special {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
