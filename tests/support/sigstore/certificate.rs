//! X.509 certificates in which every field can be wrong.

use super::{
    der,
    instant::{HOUR, SIGNED, YEAR},
    keys::{Hash, Key, sha256},
};

/// Bits of keyUsage, from the left (RFC 5280 §4.2.1.3).
pub(crate) const DIGITAL_SIGNATURE: u16 = 0x8000;
pub(crate) const KEY_CERT_SIGN: u16 = 0x0400;
pub(crate) const CRL_SIGN: u16 = 0x0200;

pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub(crate) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

pub(crate) const SUBJECT_KEY_ID: &str = "2.5.29.14";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const SUBJECT_ALT_NAME: &str = "2.5.29.17";
pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const NAME_CONSTRAINTS: &str = "2.5.29.30";
pub(crate) const AUTHORITY_KEY_ID: &str = "2.5.29.35";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// The OtherName of Fulcio's username identities.
pub(crate) const FULCIO_OTHER_NAME: &str = "1.3.6.1.4.1.57264.1.7";

/// What Fulcio says about a workflow, by the last number of the extension.
pub(crate) const GITHUB: &[(u8, &str)] = &[
    (2, "push"),
    (3, "c0ffee0000000000000000000000000000000001"),
    (4, "release"),
    (5, "acme/app"),
    (6, "refs/heads/main"),
    (9, "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"),
    (10, "c0ffee0000000000000000000000000000000001"),
    (11, "github-hosted"),
    (12, "https://github.com/acme/app"),
    (13, "c0ffee0000000000000000000000000000000001"),
    (14, "refs/heads/main"),
    (15, "1001"),
    (16, "https://github.com/acme"),
    (17, "2002"),
    (18, "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"),
    (19, "c0ffee0000000000000000000000000000000001"),
    (20, "push"),
    (21, "https://github.com/acme/app/actions/runs/3003/attempts/1"),
    (22, "public"),
];

#[derive(Clone, Debug)]
pub(crate) struct Extension {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    pub(crate) value: Vec<u8>,
}

/// A subject alternative name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum San<'a> {
    Email(&'a str),
    Dns(&'a str),
    Uri(&'a str),
    /// Its type and UTF8String.
    Other(&'a str, &'a str),
}

/// What a certificate says, and the key that it is about.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// 2 is X.509 v3.
    pub(crate) version: u8,
    pub(crate) serial: Vec<u8>,
    /// Name, encoded.
    pub(crate) subject: Vec<u8>,
    /// In place of the issuer's own name.
    pub(crate) claimed_issuer: Option<Vec<u8>>,
    pub(crate) key: Key,
    /// In place of the key's own SubjectPublicKeyInfo.
    pub(crate) claimed_spki: Option<Vec<u8>>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// In this order.
    pub(crate) extensions: Vec<Extension>,
    /// What it is signed with, in place of what goes with the issuer's key.
    pub(crate) hash: Option<Hash>,
    /// In place of the true AlgorithmIdentifier, outside of what is signed.
    pub(crate) outer_algorithm: Option<Vec<u8>>,
}

/// Who issues: name and key.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) name: Vec<u8>,
    pub(crate) key: Key,
}

/// `O=sigstore.test, CN=…`
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let attribute =
        |kind: &str, value: &str| der::set_of(vec![der::seq(&[der::oid(kind), der::utf8(value)])]);
    der::seq(&[attribute("2.5.4.10", "sigstore.test"), attribute("2.5.4.3", common_name)])
}

impl Certificate {
    fn plain(common_name: &str, key: Key) -> Self {
        Self {
            version: 2,
            serial: sha256(common_name.as_bytes())[..16].to_vec(),
            subject: name(common_name),
            claimed_issuer: None,
            key,
            claimed_spki: None,
            not_before: SIGNED - 5 * YEAR,
            not_after: SIGNED + 15 * YEAR,
            extensions: Vec::new(),
            hash: None,
            outer_algorithm: None,
        }
    }

    pub(crate) fn authority(common_name: &str, key: Key) -> Self {
        Self::plain(common_name, key).usage(KEY_CERT_SIGN | CRL_SIGN).basic(true, None)
    }

    /// A signer's: ten minutes, no subject.
    pub(crate) fn signer(key: Key) -> Self {
        Self {
            subject: der::seq(&[]),
            not_before: SIGNED,
            not_after: SIGNED + HOUR / 6,
            ..Self::plain("signer", key)
        }
        .usage(DIGITAL_SIGNATURE)
        .purposes(&[CODE_SIGNING])
    }

    /// A timestamp authority's.
    pub(crate) fn stamper(common_name: &str, key: Key) -> Self {
        let purpose = der::seq(&[der::oid(TIME_STAMPING)]);
        Self::plain(common_name, key).usage(DIGITAL_SIGNATURE).with(
            EXTENDED_KEY_USAGE,
            true,
            purpose,
        )
    }

    /// Sets an extension: where it was, or at the end.
    pub(crate) fn set(&mut self, oid: &str, critical: bool, value: Vec<u8>) {
        let new = Extension { oid: oid.to_owned(), critical, value };
        match self.extensions.iter_mut().find(|e| e.oid == oid) {
            Some(old) => *old = new,
            None => self.extensions.push(new),
        }
    }

    pub(crate) fn with(mut self, oid: &str, critical: bool, value: Vec<u8>) -> Self {
        self.set(oid, critical, value);
        self
    }

    pub(crate) fn remove(&mut self, oid: &str) {
        self.extensions.retain(|e| e.oid != oid);
    }

    pub(crate) fn without(mut self, oid: &str) -> Self {
        self.remove(oid);
        self
    }

    pub(crate) fn usage(self, bits: u16) -> Self {
        self.with(KEY_USAGE, true, der::named_bits(bits))
    }

    pub(crate) fn purposes(self, oids: &[&str]) -> Self {
        let purposes: Vec<_> = oids.iter().map(|oid| der::oid(oid)).collect();
        self.with(EXTENDED_KEY_USAGE, false, der::seq(&purposes))
    }

    pub(crate) fn basic(self, ca: bool, path_length: Option<u8>) -> Self {
        let mut parts = Vec::new();
        if ca {
            parts.push(der::boolean(true));
        }
        parts.extend(path_length.map(|n| der::number(n.into())));
        self.with(BASIC_CONSTRAINTS, true, der::seq(&parts))
    }

    pub(crate) fn sans(self, names: &[San<'_>]) -> Self {
        let names: Vec<_> = names.iter().map(general_name).collect();
        self.with(SUBJECT_ALT_NAME, true, der::seq(&names))
    }

    /// Permitted and excluded subtrees of DNS names, e-mail addresses or URIs.
    pub(crate) fn constrained(self, permitted: &[San<'_>], excluded: &[San<'_>]) -> Self {
        let trees = |n: u8, names: &[San<'_>]| {
            let trees: Vec<_> = names.iter().map(|s| der::seq(&[general_name(s)])).collect();
            if trees.is_empty() { Vec::new() } else { der::tlv(0xa0 | n, &trees.concat()) }
        };
        self.with(NAME_CONSTRAINTS, true, der::seq(&[trees(0, permitted), trees(1, excluded)]))
    }

    /// 1.3.6.1.4.1.57264.1.`n`: the bare string up to 6, a UTF8String from 8 on.
    pub(crate) fn fulcio(self, n: u8, value: &str) -> Self {
        let bytes = if n < 8 { value.as_bytes().to_vec() } else { der::utf8(value) };
        self.with(&fulcio_oid(n), false, bytes)
    }

    /// Every extension of a GitHub workflow's certificate (Fulcio, docs/oid-info.md).
    pub(crate) fn github(self) -> Self {
        GITHUB.iter().fold(self, |made, (n, value)| made.fulcio(*n, value))
    }

    /// A critical extension that nobody knows.
    pub(crate) fn unknown_critical(self) -> Self {
        self.with("1.3.6.1.4.1.55555.1", true, der::null())
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        self.claimed_spki.clone().unwrap_or_else(|| self.key.spki())
    }

    /// TBSCertificate as `issuer` signs it.
    pub(crate) fn tbs(&self, issuer: &Issuer) -> Vec<u8> {
        let hash = self.hash.unwrap_or_else(|| issuer.key.usual_hash());
        let extensions: Vec<_> = self.extensions.iter().map(encode_extension).collect();
        let mut parts = Vec::new();
        if self.version > 0 {
            parts.push(der::explicit(0, &der::number(self.version.into())));
        }
        parts.extend([
            der::uint(&self.serial),
            issuer.key.algorithm(hash),
            self.claimed_issuer.clone().unwrap_or_else(|| issuer.name.clone()),
            der::seq(&[der::validity(self.not_before), der::validity(self.not_after)]),
            self.subject.clone(),
            self.spki(),
        ]);
        if !extensions.is_empty() {
            parts.push(der::explicit(3, &der::seq(&extensions)));
        }
        der::seq(&parts)
    }

    /// DER, signed by `issuer`.
    pub(crate) fn issued_by(&self, issuer: &Issuer) -> Vec<u8> {
        let hash = self.hash.unwrap_or_else(|| issuer.key.usual_hash());
        let tbs = self.tbs(issuer);
        let signature = issuer.key.sign_as(hash, super::keys::Form::Usual, &tbs);
        let outer = self.outer_algorithm.clone();
        let algorithm = outer.unwrap_or_else(|| issuer.key.algorithm(hash));
        der::seq(&[tbs, algorithm, der::bits(&signature)])
    }

    pub(crate) fn as_issuer(&self) -> Issuer {
        Issuer { name: self.subject.clone(), key: self.key.clone() }
    }

    /// Adds subject and authority key identifiers.
    pub(crate) fn identified_by(self, issuer: &Issuer) -> Self {
        let own = der::octets(&key_id(&self.spki()));
        let theirs = der::seq(&[der::implicit(0, &key_id(&issuer.key.spki()))]);
        self.with(SUBJECT_KEY_ID, false, own).with(AUTHORITY_KEY_ID, false, theirs)
    }
}

pub(crate) fn fulcio_oid(n: u8) -> String {
    format!("1.3.6.1.4.1.57264.1.{n}")
}

/// RFC 7093 §2, method 1.
fn key_id(spki: &[u8]) -> Vec<u8> {
    sha256(spki)[..20].to_vec()
}

fn general_name(san: &San<'_>) -> Vec<u8> {
    match san {
        San::Email(text) => der::implicit(1, text.as_bytes()),
        San::Dns(text) => der::implicit(2, text.as_bytes()),
        San::Uri(text) => der::implicit(6, text.as_bytes()),
        San::Other(kind, text) => {
            let value = der::explicit(0, &der::utf8(text));
            der::tlv(0xa0, &[der::oid(kind), value].concat())
        }
    }
}

fn encode_extension(extension: &Extension) -> Vec<u8> {
    let mut parts = vec![der::oid(&extension.oid)];
    if extension.critical {
        parts.push(der::boolean(true));
    }
    parts.push(der::octets(&extension.value));
    der::seq(&parts)
}
