//! Identities that a policy trusts
//! ([trust policy §Trusted Identities Constraints](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/trust-store-trust-policy.md#trusted-identities-constraints)).

mod signing_profile;
mod subject;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use der::asn1::ObjectIdentifier;
use x509_cert::name::Name;

use crate::x509::{Certificate, notation_profile::Profile};

pub use signing_profile::{SigningProfile, profile_of};
pub use subject::subject_line;

use subject::{escape, text_of};

/// Attribute types by the names that policies use: those that notation-go knows, then three that
/// certificates of the field carry and that can be named here.
const ATTRIBUTES: [(&str, ObjectIdentifier); 12] = [
    ("C", ObjectIdentifier::new_unwrap("2.5.4.6")),
    ("CN", ObjectIdentifier::new_unwrap("2.5.4.3")),
    ("L", ObjectIdentifier::new_unwrap("2.5.4.7")),
    ("O", ObjectIdentifier::new_unwrap("2.5.4.10")),
    ("OU", ObjectIdentifier::new_unwrap("2.5.4.11")),
    ("POSTALCODE", ObjectIdentifier::new_unwrap("2.5.4.17")),
    ("SERIALNUMBER", ObjectIdentifier::new_unwrap("2.5.4.5")),
    ("ST", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("STREET", ObjectIdentifier::new_unwrap("2.5.4.9")),
    ("DC", ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25")),
    ("UID", ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1")),
    ("emailAddress", ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1")),
];

/// How many of [`ATTRIBUTES`] notation-go reads out of a certificate.
const KNOWN_TO_NOTATION_GO: usize = 9;

/// What every name must have.
const MANDATORY: [&str; 3] = ["C", "ST", "O"];

/// One entry of `trustedIdentities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedIdentity {
    /// `*`: every signer of the trust store.
    Any,
    /// `x509.subject: C=…, ST=…, O=…`: signers whose subject has these attributes.
    Subject(DistinguishedName),
    /// `arn:aws:signer:…`: a signing profile of AWS Signer.
    SigningProfile(SigningProfile),
}

/// Attributes that a subject must have, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(BTreeMap<Cow<'static, str>, String>);

/// Why an identity, or a list of them, is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// `*` beside other identities.
    AnyAmongOthers,
    /// An attribute that is there twice.
    Duplicate(&'static str),
    /// No text.
    Empty,
    /// An attribute without a value.
    EmptyValue(&'static str),
    /// A backslash before something that is not escaped.
    Escape,
    /// `=#`, a value in hexadecimal.
    Hexadecimal,
    /// No attribute of this type, which every name must have.
    Missing(&'static str),
    /// `+`, several values in one place.
    MultiValued,
    /// A part that is not `type=value`.
    NoEquals,
    /// No `prefix:`.
    NoPrefix,
    /// Two identities of which one includes the other.
    Overlap(String, String),
    /// An ARN that is no signing profile's.
    SigningProfile(String),
    /// An attribute type that is not known.
    UnknownAttribute(String),
    /// A prefix that is not known.
    UnknownPrefix(String),
}

impl TrustedIdentity {
    /// Reads one entry, strictly.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        Self::parse_as(text, Profile::Spec)
    }

    /// Reads one entry.
    pub fn parse_as(text: &str, profile: Profile) -> Result<Self, IdentityError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.is_empty() {
            return Err(IdentityError::Empty);
        }
        // spec: "if it begins with `x509.subject:`, MUST be followed by comma-separated one or more
        // RDNs. Other types of trusted identities may be supported, by using an alternate prefix":
        // of plugins that are built in. An entry that nothing reads is an error.
        match text.split_once(':') {
            Some(("x509.subject", name)) => {
                DistinguishedName::parse(name, profile).map(Self::Subject)
            }
            Some(("arn", _)) => SigningProfile::parse(text).map(Self::SigningProfile),
            Some((prefix, _)) => Err(IdentityError::UnknownPrefix(prefix.to_owned())),
            None => Err(IdentityError::NoPrefix),
        }
    }

    /// True where the certificate's subject is this identity. Signing profiles are in no certificate.
    pub fn matches(&self, certificate: &Certificate, profile: Profile) -> bool {
        match self {
            Self::Any => true,
            Self::SigningProfile(_) => false,
            Self::Subject(name) => {
                (profile == Profile::Spec || is_readable_by_notation_go(certificate.subject()))
                    && name.0.iter().all(|(attribute, value)| {
                        let found = only_value(certificate.subject(), attribute, profile);
                        // A value is empty in `compat` only, and is there that of none.
                        found.as_deref().unwrap_or_default() == value
                    })
            }
        }
    }
}

/// spec: "`trustedIdentities` list items MUST NOT have overlapping values", and "a single item with
/// value `*`". Of signing profiles notation-go does not look for it.
pub fn check_overlap(
    identities: &[TrustedIdentity],
    profile: Profile,
) -> Result<(), IdentityError> {
    for (i, one) in identities.iter().enumerate() {
        for other in identities.iter().skip(i.saturating_add(1)) {
            match (one, other) {
                (TrustedIdentity::Any, _) | (_, TrustedIdentity::Any) => {
                    return Err(IdentityError::AnyAmongOthers);
                }
                (TrustedIdentity::Subject(a), TrustedIdentity::Subject(b)) => {
                    if a.includes(b) || b.includes(a) {
                        return Err(IdentityError::Overlap(a.to_string(), b.to_string()));
                    }
                }
                (TrustedIdentity::SigningProfile(a), TrustedIdentity::SigningProfile(b)) => {
                    if profile == Profile::Spec && (a.includes(b) || b.includes(a)) {
                        return Err(IdentityError::Overlap(a.to_string(), b.to_string()));
                    }
                }
                (TrustedIdentity::Subject(_), TrustedIdentity::SigningProfile(_))
                | (TrustedIdentity::SigningProfile(_), TrustedIdentity::Subject(_)) => {}
            }
        }
    }
    Ok(())
}

impl DistinguishedName {
    /// Reads `type=value` parts separated by commas or semicolons, as RFC 4514 and notation-go do:
    /// quotes have no meaning, type names are case-sensitive, spaces around a part are dropped.
    ///
    /// In `compat` a value may be empty: it is that of a subject without the attribute; and a type may be
    /// one that no subject is read for.
    fn parse(text: &str, profile: Profile) -> Result<Self, IdentityError> {
        if text.contains("=#") {
            return Err(IdentityError::Hexadecimal);
        }
        let mut attributes = BTreeMap::new();
        for part in parts(text)? {
            let (kind, value) = part.split_once('=').ok_or(IdentityError::NoEquals)?;
            let kind = match kind.trim_matches(' ') {
                "S" => "ST",
                other => other,
            };
            let Some((name, _)) = ATTRIBUTES.iter().find(|(name, _)| *name == kind) else {
                let other = Cow::Owned(kind.to_owned());
                if profile == Profile::Spec || kind.is_empty() || attributes.contains_key(&other) {
                    return Err(IdentityError::UnknownAttribute(kind.to_owned()));
                }
                attributes.insert(other, unescape(value)?);
                continue;
            };
            let value = unescape(value)?;
            if value.is_empty() && (profile == Profile::Spec || MANDATORY.contains(name)) {
                return Err(IdentityError::EmptyValue(name));
            }
            if attributes.insert(Cow::Borrowed(*name), value).is_some() {
                return Err(IdentityError::Duplicate(name));
            }
        }
        // spec: "Each identity in `identities` list MUST contain country (C), state or province (ST
        // or S), and organization (O) RDNs."
        match MANDATORY.iter().find(|name| !attributes.contains_key(**name)) {
            Some(name) => Err(IdentityError::Missing(name)),
            None => Ok(Self(attributes)),
        }
    }

    /// True where every subject of `other` is one of this name.
    fn includes(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, value)| other.0.get(name).map_or("", String::as_str) == value)
    }
}

/// Splits at separators that are not escaped.
fn parts(text: &str) -> Result<Vec<String>, IdentityError> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                part.push('\\');
                part.push(characters.next().ok_or(IdentityError::Escape)?);
            }
            ',' | ';' => parts.push(std::mem::take(&mut part)),
            '+' => return Err(IdentityError::MultiValued),
            other => part.push(other),
        }
    }
    parts.push(part);
    Ok(parts)
}

/// [RFC 4514 §3](https://www.rfc-editor.org/rfc/rfc4514#section-3): `\` and a special character, or
/// `\` and two hexadecimal digits of a byte; spaces at either end count only where they are escaped.
fn unescape(text: &str) -> Result<String, IdentityError> {
    let mut bytes = Vec::new();
    // Length up to and including the last byte that is not an unescaped space.
    let mut kept = 0;
    let mut rest = text.trim_start_matches(' ').bytes();
    while let Some(byte) = rest.next() {
        if byte == b'\\' {
            let next = rest.next().ok_or(IdentityError::Escape)?;
            if b" \"#+,;<=>\\".contains(&next) {
                bytes.push(next);
            } else {
                let digits = [next, rest.next().ok_or(IdentityError::Escape)?];
                bytes.push(byte_of(digits).ok_or(IdentityError::Escape)?);
            }
            kept = bytes.len();
        } else {
            bytes.push(byte);
            if byte != b' ' {
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).map_err(|_| IdentityError::Escape)
}

fn byte_of(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

/// The value of an attribute that a subject has exactly once.
///
/// notation-go would refuse a certificate for anything else that is unusual in its subject; here
/// only what the identity names has to be beyond doubt.
fn only_value(subject: &Name, attribute: &str, profile: Profile) -> Option<String> {
    let (_, oid) = ATTRIBUTES.iter().find(|(name, _)| *name == attribute)?;
    let mut found = subject
        .iter_rdn()
        .flat_map(|rdn| rdn.iter().map(move |value| (rdn, value)))
        .filter(|(_, value)| value.oid == *oid);
    let (rdn, value) = found.next()?;
    if found.next().is_some() || (profile == Profile::Spec && rdn.len() != 1) {
        return None;
    }
    text_of(&value.value)
}

/// notation-go reads the subject that Go prints by the rules of the policy.
fn is_readable_by_notation_go(subject: &Name) -> bool {
    let known = ATTRIBUTES.iter().take(KNOWN_TO_NOTATION_GO);
    let counted =
        known.map(|(name, oid)| (*name, subject.iter().filter(|a| a.oid == *oid).count()));
    let counts: BTreeMap<&str, usize> = counted.collect();
    counts.values().all(|count| *count <= 1)
        && counts.values().sum::<usize>() == subject.iter().count()
        && MANDATORY.iter().all(|name| counts.get(name) == Some(&1))
        && subject.iter().all(|a| text_of(&a.value).is_some_and(|text| !text.contains("=#")))
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for TrustedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Subject(name) => write!(f, "x509.subject: {name}"),
            Self::SigningProfile(profile) => profile.fmt(f),
        }
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyAmongOthers => f.write_str("`*` is trusted alone or not at all"),
            Self::Duplicate(name) => write!(f, "attribute `{name}` is there twice"),
            Self::Empty => f.write_str("the identity is empty"),
            Self::EmptyValue(name) => write!(f, "attribute `{name}` has no value"),
            Self::Escape => f.write_str("a backslash does not begin an escape"),
            Self::Hexadecimal => f.write_str("values in hexadecimal, `=#`, are not supported"),
            Self::Missing(name) => {
                write!(f, "attribute `{name}` is missing: C, ST and O are mandatory")
            }
            Self::MultiValued => f.write_str("multi-valued parts, `+`, are not supported"),
            Self::NoEquals => f.write_str("a part is not `type=value`"),
            Self::NoPrefix => {
                f.write_str("the identity begins neither with `x509.subject:` nor with `arn:`")
            }
            Self::Overlap(a, b) => write!(f, "`{a}` and `{b}` overlap"),
            Self::SigningProfile(text) => write!(
                f,
                "`{text}` is not the ARN of a signing profile, such as \
                 `arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME`"
            ),
            Self::UnknownAttribute(name) => write!(f, "attribute type `{name}` is not known"),
            Self::UnknownPrefix(name) => write!(f, "identities of the kind `{name}` are not known"),
        }
    }
}

#[cfg(test)]
mod tests;
