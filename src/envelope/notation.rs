//! What the two Notation envelopes, JWS and COSE, have in common
//! ([signature specification](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-specification.md)).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::time::Time;

/// Bytes of one envelope. notation-go reads 32 MiB; the largest public envelope that we know, with
/// an RFC 3161 token inside, has 10,331 bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// Certificates of one chain. Public code-signing chains have three or four.
pub const MOST_CERTIFICATES: usize = 10;

/// Parameters of one header. Notation defines twelve.
pub const MOST_PARAMETERS: usize = 64;

/// The only payload that is defined.
pub const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";

pub(super) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub(super) const PLUGIN_MIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
pub(super) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
pub(super) const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";

/// The attributes whose values are times.
pub(super) const TIMES: [&str; 3] = [AUTHENTIC_SIGNING_TIME, EXPIRY, SIGNING_TIME];

/// How strictly an envelope is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As the specification and the RFCs below it say.
    #[default]
    Strict,
    /// As notation-go reads it, where that is no more than leaving out a check.
    NotationGo,
}

/// One signature with all that it says. Nothing of it is to be believed before the signature and
/// the chain were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationEnvelope {
    /// The bytes that are signed: JWS Signing Input or Sig_structure.
    pub signing_input: Vec<u8>,
    /// The primitive signature.
    pub signature: Vec<u8>,
    /// What the header says that the signature is made with.
    pub algorithm: Algorithm,
    /// DER of the certificates, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The payload, not parsed.
    pub payload: Vec<u8>,
    /// The signed attributes.
    pub attributes: SignedAttributes,
    /// Who wrote the envelope. Unsigned.
    pub signing_agent: Option<String>,
    /// An RFC 3161 token over the signature. Unsigned, not parsed.
    pub timestamp: Option<Vec<u8>>,
}

/// Signature specification §Signed Attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAttributes {
    /// What the payload is.
    pub content_type: String,
    /// Who vouches for the time.
    pub scheme: SigningScheme,
    /// The signer's clock, for people; there under `notary.x509` only.
    pub signing_time: Option<Time>,
    /// The signing authority's clock; there under `notary.x509.signingAuthority` only.
    pub authentic_signing_time: Option<Time>,
    /// Best before.
    pub expiry: Option<Time>,
    /// Names marked critical.
    pub critical: BTreeSet<Label>,
    /// The plugin without which verification is not complete.
    pub plugin: Option<Plugin>,
    /// Every other attribute, with its value where it is text.
    pub extended: BTreeMap<Label, Option<String>>,
}

/// The plugin that an envelope asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// The oldest version that will do.
    pub min_version: Option<String>,
}

/// Name of a header parameter: COSE has numbers too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// An integer label.
    Number(i64),
    /// A text label.
    Name(String),
}

/// Signature specification §Signature Algorithm Requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

/// [Signing schemes](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signing-scheme.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningScheme {
    /// `notary.x509`.
    X509,
    /// `notary.x509.signingAuthority`.
    SigningAuthority,
}

/// Why bytes are not accepted as an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// An algorithm that Notation does not use.
    Algorithm(String),
    /// An attribute that the signing scheme excludes.
    AttributeForbidden(&'static str),
    /// An attribute with a value that it cannot have.
    AttributeInvalid(&'static str),
    /// An attribute that must be there.
    AttributeMissing(&'static str),
    /// An attribute that must be marked critical.
    AttributeNotCritical(&'static str),
    /// No certificate, or not as an ordered list.
    CertificatesMissing,
    /// `crit` names a parameter that is not there.
    CriticalAbsent(Label),
    /// `crit` is missing, empty, or not a list of names.
    CriticalMalformed,
    /// `crit` names a parameter twice, or one that is never critical.
    CriticalMisused(Label),
    /// Not the bytes of the format; the words say what.
    Malformed(&'static str),
    /// Not a document of the format; the parser's words.
    Syntax(String),
    /// No payload.
    PayloadMissing,
    /// A scheme that is not defined.
    Scheme(String),
    /// No signature.
    SignatureMissing,
    /// More than is looked at.
    TooMany(Limit),
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`MOST_BYTES`].
    Bytes,
    /// [`MOST_CERTIFICATES`].
    Certificates,
    /// Nesting of CBOR.
    Depth,
    /// [`MOST_PARAMETERS`].
    Parameters,
}

/// The value of an attribute, as far as it is looked at.
pub(super) enum Value {
    Text(String),
    Time(Time),
    Other,
}

/// A protected header, read by the rules of its format and not yet by those of Notation.
pub(super) struct Protected {
    pub(super) content_type: String,
    pub(super) critical: Vec<Label>,
    /// All parameters other than algorithm, content type and `crit`.
    pub(super) attributes: BTreeMap<Label, Value>,
}

impl Protected {
    /// The rules that do not depend on the format. `registered` are the parameters that the format
    /// itself defines, which are never listed as critical.
    pub(super) fn read(
        mut self,
        registered: fn(&Label) -> bool,
    ) -> Result<SignedAttributes, EnvelopeError> {
        let critical = self.critical(registered)?;
        let scheme = match self.attributes.remove(&Label::from(SIGNING_SCHEME)) {
            Some(Value::Text(text)) => {
                SigningScheme::parse(&text).ok_or(EnvelopeError::Scheme(text))?
            }
            Some(_) => return Err(EnvelopeError::AttributeInvalid(SIGNING_SCHEME)),
            None => return Err(EnvelopeError::AttributeMissing(SIGNING_SCHEME)),
        };
        let signing_time = self.time(SIGNING_TIME)?;
        let authentic_signing_time = self.time(AUTHENTIC_SIGNING_TIME)?;
        let expiry = self.time(EXPIRY)?;
        // spec: signature-specification §Standard attributes "This claim is REQUIRED and only valid
        // when signing scheme is `notary.x509`", "… `notary.x509.signingAuthority`"
        let (there, name, other, other_name) = match scheme {
            SigningScheme::X509 => {
                (signing_time, SIGNING_TIME, authentic_signing_time, AUTHENTIC_SIGNING_TIME)
            }
            SigningScheme::SigningAuthority => {
                (authentic_signing_time, AUTHENTIC_SIGNING_TIME, signing_time, SIGNING_TIME)
            }
        };
        if other.is_some() {
            return Err(EnvelopeError::AttributeForbidden(other_name));
        }
        let signed_at = there.ok_or(EnvelopeError::AttributeMissing(name))?;
        // An expiry that is over before it begins is a fault of the envelope, not of its age.
        if expiry.is_some_and(|expiry| expiry <= signed_at) {
            return Err(EnvelopeError::AttributeInvalid(EXPIRY));
        }
        let plugin = self.plugin()?;
        // spec: signature-specification §Signed Attributes "Claims that MUST be processed by a
        // verifier MUST be marked as critical"
        for (name, there) in [
            (SIGNING_SCHEME, true),
            (EXPIRY, expiry.is_some()),
            (AUTHENTIC_SIGNING_TIME, authentic_signing_time.is_some()),
            (PLUGIN, plugin.is_some()),
            (
                PLUGIN_MIN_VERSION,
                plugin.as_ref().is_some_and(|p| p.min_version.is_some())
                    || self.attributes.contains_key(&Label::from(PLUGIN_MIN_VERSION)),
            ),
        ] {
            if there && !critical.contains(&Label::from(name)) {
                return Err(EnvelopeError::AttributeNotCritical(name));
            }
        }
        Ok(SignedAttributes {
            content_type: self.content_type,
            scheme,
            signing_time,
            authentic_signing_time,
            expiry,
            critical,
            plugin,
            extended: self
                .attributes
                .into_iter()
                .map(|(label, value)| match value {
                    Value::Text(text) => (label, Some(text)),
                    Value::Time(_) | Value::Other => (label, None),
                })
                .collect(),
        })
    }

    /// spec: RFC 7515 §4.1.11 "Producers MUST NOT include Header Parameter names defined by this
    /// specification …, duplicate names, or names that do not occur as Header Parameter names
    /// within the JOSE Header in the "crit" list. Producers MUST NOT use the empty list"
    fn critical(
        &mut self,
        registered: fn(&Label) -> bool,
    ) -> Result<BTreeSet<Label>, EnvelopeError> {
        if self.critical.is_empty() {
            return Err(EnvelopeError::CriticalMalformed);
        }
        let mut names = BTreeSet::new();
        for label in self.critical.drain(..) {
            // spec: signature-specification §Signed Attributes "Claims which are informational and
            // do not influence signature verification MUST NOT be marked critical"
            if registered(&label) || label == Label::from(SIGNING_TIME) {
                return Err(EnvelopeError::CriticalMisused(label));
            }
            if !self.attributes.contains_key(&label) {
                return Err(EnvelopeError::CriticalAbsent(label));
            }
            if let Some(label) = names.replace(label) {
                return Err(EnvelopeError::CriticalMisused(label));
            }
        }
        Ok(names)
    }

    fn time(&mut self, name: &'static str) -> Result<Option<Time>, EnvelopeError> {
        match self.attributes.remove(&Label::from(name)) {
            None => Ok(None),
            Some(Value::Time(time)) => Ok(Some(time)),
            Some(Value::Text(_) | Value::Other) => Err(EnvelopeError::AttributeInvalid(name)),
        }
    }

    /// A minimum version without a plugin stays where it is: nobody processes it.
    fn plugin(&mut self) -> Result<Option<Plugin>, EnvelopeError> {
        let Some(name) = self.text(PLUGIN)? else {
            return Ok(None);
        };
        let min_version = self.text(PLUGIN_MIN_VERSION)?;
        Ok(Some(Plugin { name, min_version }))
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, EnvelopeError> {
        match self.attributes.remove(&Label::from(name)) {
            None => Ok(None),
            Some(Value::Text(text)) if !text.trim().is_empty() => Ok(Some(text)),
            Some(_) => Err(EnvelopeError::AttributeInvalid(name)),
        }
    }
}

impl SignedAttributes {
    /// The critical attributes that are not defined by Notation itself.
    pub fn unknown_critical(&self) -> impl Iterator<Item = &Label> {
        self.critical.iter().filter(|label| self.extended.contains_key(label))
    }
}

impl Algorithm {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Es256, Self::Es384, Self::Es512, Self::Ps256, Self::Ps384, Self::Ps512];

    /// [RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1).
    pub const fn jose_name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// [RFC 9053 §2.1](https://www.rfc-editor.org/rfc/rfc9053#section-2.1),
    /// [RFC 8230 §2](https://www.rfc-editor.org/rfc/rfc8230#section-2).
    pub const fn cose_number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Es512 => -36,
            Self::Ps256 => -37,
            Self::Ps384 => -38,
            Self::Ps512 => -39,
        }
    }
}

impl SigningScheme {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "notary.x509" => Some(Self::X509),
            "notary.x509.signingAuthority" => Some(Self::SigningAuthority),
            _ => None,
        }
    }
}

impl From<&str> for Label {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "label {number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.jose_name())
    }
}

impl fmt::Display for SigningScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X509 => "notary.x509",
            Self::SigningAuthority => "notary.x509.signingAuthority",
        })
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(name) => {
                write!(f, "signature algorithm `{name}` is not one of Notation's")
            }
            Self::AttributeForbidden(name) => {
                write!(f, "`{name}` is not valid under the signing scheme")
            }
            Self::AttributeInvalid(name) => write!(f, "`{name}` has no valid value"),
            Self::AttributeMissing(name) => write!(f, "`{name}` is missing"),
            Self::AttributeNotCritical(name) => write!(f, "`{name}` is not marked critical"),
            Self::CertificatesMissing => f.write_str("the certificate chain is missing"),
            Self::CriticalAbsent(label) => {
                write!(f, "`{label}` is marked critical and is not there")
            }
            Self::CriticalMalformed => {
                f.write_str("`crit` is missing, empty or not a list of names")
            }
            Self::CriticalMisused(label) => {
                write!(f, "`{label}` is listed in `crit` twice, or is never critical")
            }
            Self::Malformed(what) => f.write_str(what),
            Self::Syntax(error) => write!(f, "not valid: {error}"),
            Self::PayloadMissing => f.write_str("the payload is missing"),
            Self::Scheme(name) => write!(f, "signing scheme `{name}` is not supported"),
            Self::SignatureMissing => f.write_str("the signature is missing"),
            Self::TooMany(Limit::Bytes) => {
                write!(f, "the envelope has more than {MOST_BYTES} bytes")
            }
            Self::TooMany(Limit::Certificates) => {
                write!(f, "the chain has more than {MOST_CERTIFICATES} certificates")
            }
            Self::TooMany(Limit::Depth) => f.write_str("the envelope is nested too deeply"),
            Self::TooMany(Limit::Parameters) => {
                write!(f, "a header or a list has more than {MOST_PARAMETERS} entries")
            }
        }
    }
}

/// A chain has at least its leaf, and no more certificates than are looked at.
pub(super) fn check_chain_length(certificates: usize) -> Result<(), EnvelopeError> {
    match certificates {
        0 => Err(EnvelopeError::CertificatesMissing),
        1..=MOST_CERTIFICATES => Ok(()),
        _ => Err(EnvelopeError::TooMany(Limit::Certificates)),
    }
}
