//! `block`: what is refused, whatever else the policy says.

use std::collections::BTreeSet;

use super::{
    Pattern, cosign,
    reader::{Cursor, Reader},
};
use crate::{
    crypto::from_hex,
    reference::Digest,
    time::Time,
    trust::identity::subject_line,
    verdict::Code,
    verify::Signer,
    x509::{Certificate, SubjectAltName},
};

/// What is refused.
#[derive(Clone, Debug, Default)]
pub struct Block {
    digests: BTreeSet<Digest>,
    keys: BTreeSet<String>,
    certificates: BTreeSet<String>,
    serials: Vec<Serial>,
    identities: Vec<Blocked>,
    since: Option<Time>,
}

/// A certificate by the name of its issuer, as explanations write it, and its serial number.
#[derive(Clone, Debug)]
struct Serial {
    issuer: String,
    serial: Vec<u8>,
}

/// An identity: one of the two at least.
#[derive(Clone, Debug)]
struct Blocked {
    issuer: Option<Pattern>,
    subject: Option<Pattern>,
}

impl Block {
    /// True where nothing is refused.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
            && self.keys.is_empty()
            && self.certificates.is_empty()
            && self.serials.is_empty()
            && self.identities.is_empty()
    }

    /// True where an image can be refused for its digest alone.
    pub fn has_digests(&self) -> bool {
        !self.digests.is_empty()
    }

    /// True for a digest that is refused.
    pub fn has_digest(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }

    /// What of a signer is refused. `since` spares what is proven to have been signed before.
    pub fn blocks(&self, signer: &Signer) -> Option<String> {
        if let (Some(since), Some(proven)) = (self.since, signer.proven)
            && proven < since
        {
            return None;
        }
        let key = signer.key.as_ref().filter(|key| self.keys.contains(*key));
        if let Some(key) = key {
            return Some(format!("key sha256:{key}"));
        }
        let certificate = signer.chain.iter().find_map(|c| self.certificate(c));
        certificate.or_else(|| {
            let blocked = self.identities.iter().find(|blocked| blocked.is(signer))?;
            Some(format!("identity {}", blocked.describe()))
        })
    }

    fn certificate(&self, certificate: &Certificate) -> Option<String> {
        let fingerprint = certificate.fingerprint();
        if self.certificates.contains(&fingerprint) {
            return Some(format!("certificate sha256:{fingerprint}"));
        }
        let spki = crate::crypto::hex(&crate::crypto::sha256(certificate.spki_der()));
        if self.keys.contains(&spki) {
            return Some(format!("key sha256:{spki}"));
        }
        let issuer = subject_line(certificate.issuer());
        let of = |s: &&Serial| s.issuer == issuer && s.serial == trimmed(certificate.serial());
        let found = self.serials.iter().find(of)?;
        Some(format!("certificate {} of {}", crate::crypto::hex(&found.serial), found.issuer))
    }
}

impl Blocked {
    fn is(&self, signer: &Signer) -> bool {
        let issuer = |p: &Pattern| signer.issuer.as_ref().is_some_and(|i| p.matches(i));
        let subject = |p: &Pattern| {
            signer.chain.first().is_some_and(|leaf| {
                p.matches(&subject_line(leaf.subject()))
                    || leaf
                        .subject_alt_names()
                        .iter()
                        .filter_map(SubjectAltName::text)
                        .any(|name| p.matches(name))
            })
        };
        self.issuer.as_ref().is_none_or(issuer) && self.subject.as_ref().is_none_or(subject)
    }

    fn describe(&self) -> String {
        let texts = [&self.subject, &self.issuer].into_iter().flatten().map(Pattern::describe);
        texts.collect::<Vec<_>>().join(" of ")
    }
}

fn trimmed(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|b| **b == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Block> {
    let block = r.object(at, &["certificates", "digests", "identities", "keys", "since"], &[])?;
    let mut read = Block::default();
    if let Some(at) = block.get("digests") {
        for (text, item) in each_text(r, &at) {
            match Digest::parse(text) {
                Some(digest) => {
                    read.digests.insert(digest);
                }
                None => invalid(r, &item, text, "a digest such as `sha256:<64 hex digits>`"),
            }
        }
    }
    if let Some(at) = block.get("keys") {
        for (text, item) in each_text(r, &at) {
            read.keys.extend(fingerprint(r, &item, text, "the SPKI in DER"));
        }
    }
    if let Some(at) = block.get("certificates") {
        for item in each(r, &at) {
            match item.value.as_str() {
                Some(text) => {
                    read.certificates.extend(fingerprint(r, &item, text, "the certificate in DER"));
                }
                None => read.serials.extend(serial(r, &item)),
            }
        }
    }
    if let Some(at) = block.get("identities") {
        for item in each(r, &at) {
            read.identities.extend(identity(r, &item));
        }
    }
    if let Some(at) = block.get("since") {
        read.since = instant(r, &at);
    }
    Some(read)
}

/// A list that may be empty: an organisation keeps the field, and fills it on a bad day.
fn each<'a>(r: &mut Reader, at: &Cursor<'a>) -> Vec<Cursor<'a>> {
    match at.value.as_array() {
        Some(list) if list.is_empty() => Vec::new(),
        _ => r.list(at),
    }
}

fn each_text<'a>(r: &mut Reader, at: &Cursor<'a>) -> Vec<(&'a str, Cursor<'a>)> {
    let items = each(r, at);
    items.into_iter().filter_map(|item| r.text(&item).map(|text| (text, item))).collect()
}

fn invalid(r: &mut Reader, at: &Cursor<'_>, text: &str, expected: &str) {
    r.error(Code::PolicyInvalidValue, &at.path, format!("`{text}` is not {expected}"));
}

fn fingerprint(r: &mut Reader, at: &Cursor<'_>, text: &str, of: &str) -> Option<String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if hex.len() == 64 && hex.bytes().all(lower) {
        return Some(hex.to_owned());
    }
    let expected = format!("the SHA-256 of {of}: 64 lower-case hex digits");
    invalid(r, at, text, &expected);
    None
}

fn serial(r: &mut Reader, at: &Cursor<'_>) -> Option<Serial> {
    let object = r.object(at, &["issuer", "serial"], &[])?;
    let issuer = object.need(r, "issuer").and_then(|at| r.text(&at).map(str::to_owned));
    let serial = object.need(r, "serial")?;
    let text = r.text(&serial)?;
    let hex = text.replace(':', "").to_ascii_lowercase();
    let even = if hex.len() % 2 == 1 { format!("0{hex}") } else { hex };
    match from_hex(&even) {
        Some(bytes) if !bytes.is_empty() => {
            Some(Serial { issuer: issuer?, serial: trimmed(&bytes).to_vec() })
        }
        _ => {
            invalid(r, &serial, text, "a serial number in hex");
            None
        }
    }
}

fn identity(r: &mut Reader, at: &Cursor<'_>) -> Option<Blocked> {
    let object = r.object(at, &["issuer", "issuerRegExp", "subject", "subjectRegExp"], &[])?;
    let issuer = cosign::optional_pattern(r, &object, "issuer")?;
    let subject = cosign::optional_pattern(r, &object, "subject")?;
    if issuer.is_none() && subject.is_none() {
        r.error(Code::PolicyMissingField, &at.path, "`issuer` or `subject` is needed");
        return None;
    }
    Some(Blocked { issuer, subject })
}

/// An instant, or a date, which begins at 00:00Z.
pub(super) fn instant(r: &mut Reader, at: &Cursor<'_>) -> Option<Time> {
    let text = r.text(at)?;
    let time = Time::parse_or_date(text);
    if time.is_none() {
        invalid(r, at, text, "a date such as `2027-01-31`, or RFC 3339");
    }
    time
}
