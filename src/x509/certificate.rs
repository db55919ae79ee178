//! One certificate, parsed ([RFC 5280 §4](https://www.rfc-editor.org/rfc/rfc5280#section-4)).

use std::{collections::BTreeSet, fmt};

use der::{
    AnyRef, Decode, Encode, Sequence,
    asn1::{BitStringRef, ObjectIdentifier, Utf8StringRef},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::ext::{
    Extension,
    pkix::{self, KeyUsages, name::GeneralName},
};

use crate::{
    crypto::{
        Exhausted, HashAlgorithm, KeyError, KeyKind, PublicKey, Scheme, SignatureError, Spend, hex,
        sha256,
    },
    pem,
    time::Time,
};

/// id-kp-codeSigning, [RFC 5280 §4.2.1.12](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12).
pub const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
/// id-kp-timeStamping, the same.
pub const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// Bytes of one certificate. Real ones have one to four thousand; Go's crypto/tls takes no
/// handshake message, chain and all, beyond 64 KiB.
const MOST_BYTES: usize = 64 << 10;

/// Extensions of one certificate.
const MOST_EXTENSIONS: usize = 100;

const FULCIO_USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

/// Signature algorithms over SHA-1, and whether they are RSA's:
/// [RFC 3279 §2.2](https://www.rfc-editor.org/rfc/rfc3279#section-2.2), and an older name of ISO's.
const SHA1: [(&str, bool); 3] =
    [("1.2.840.113549.1.1.5", true), ("1.3.14.3.2.29", true), ("1.2.840.10045.4.1", false)];

/// A certificate. What it says is not to be believed before its signature was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    signature_scheme: Result<Scheme, String>,
    signature: Vec<u8>,
    subject: x509_cert::name::Name,
    subject_der: Vec<u8>,
    issuer: x509_cert::name::Name,
    issuer_der: Vec<u8>,
    serial: Vec<u8>,
    not_before: Time,
    not_after: Time,
    spki_der: Vec<u8>,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
    extended_key_usage: Option<ExtendedKeyUsage>,
    subject_alt_names: Vec<SubjectAltName>,
    extensions: Vec<(ObjectIdentifier, Vec<u8>)>,
}

/// basicConstraints, §4.2.1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Marked critical.
    pub critical: bool,
    /// cA.
    pub ca: bool,
    /// pathLenConstraint.
    pub path_len: Option<u8>,
}

/// keyUsage, §4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    /// Marked critical.
    pub critical: bool,
    /// digitalSignature.
    pub digital_signature: bool,
    /// keyCertSign.
    pub key_cert_sign: bool,
    /// cRLSign.
    pub crl_sign: bool,
    /// Any of keyEncipherment, dataEncipherment, keyAgreement, encipherOnly, decipherOnly.
    pub encipherment: bool,
}

/// extKeyUsage, §4.2.1.12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// Marked critical.
    pub critical: bool,
    /// Purposes, in order.
    pub purposes: Vec<ObjectIdentifier>,
}

/// One name of subjectAltName, §4.2.1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectAltName {
    /// rfc822Name.
    Email(String),
    /// uniformResourceIdentifier.
    Uri(String),
    /// dNSName.
    Dns(String),
    /// otherName of Fulcio: a user name
    /// ([oid-info, 1.3.6.1.4.1.57264.1.7](https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md)).
    UserName(String),
    /// Any other form, which identities are not matched against.
    Other,
}

/// Why a certificate is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// Not DER of a certificate.
    Malformed,
    /// An extension that is read here is not valid, or is there twice.
    Extension(ObjectIdentifier),
    /// Larger than is looked at.
    TooLarge(usize),
    /// Not PEM with the label `CERTIFICATE`.
    Pem(pem::PemError),
}

#[derive(Sequence)]
struct Outer<'a> {
    tbs: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

impl SubjectAltName {
    /// The name, if it reads as what its form says: a DNS name that reads as a mail address is
    /// nobody's identity.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Email(name) if name.contains('@') && !name.contains("://") => Some(name),
            Self::Uri(name) if name.contains("://") => Some(name),
            Self::Dns(name) if !name.contains(['@', ':', '/']) => Some(name),
            Self::UserName(name) if !name.is_empty() && !name.contains(['@', '/']) => Some(name),
            Self::UserName(_) | Self::Email(_) | Self::Uri(_) | Self::Dns(_) | Self::Other => None,
        }
    }
}

impl Certificate {
    /// From DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MOST_BYTES {
            return Err(CertificateError::TooLarge(der.len()));
        }
        let malformed = |_| CertificateError::Malformed;
        let outer = Outer::from_der(der).map_err(malformed)?;
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let tbs = parsed.tbs_certificate();
        // RFC 5280 §4.1.1.2: the two algorithm fields must be equal.
        if tbs.signature() != parsed.signature_algorithm() {
            return Err(CertificateError::Malformed);
        }
        let mut certificate = Self {
            der: der.to_vec(),
            tbs: outer.tbs.to_der().map_err(malformed)?,
            signature_scheme: signature_scheme(&outer.algorithm),
            signature: outer.signature.as_bytes().ok_or(CertificateError::Malformed)?.to_vec(),
            subject: tbs.subject().clone(),
            subject_der: tbs.subject().to_der().map_err(malformed)?,
            issuer: tbs.issuer().clone(),
            issuer_der: tbs.issuer().to_der().map_err(malformed)?,
            serial: tbs.serial_number().as_bytes().to_vec(),
            not_before: time(tbs.validity().not_before),
            not_after: time(tbs.validity().not_after),
            spki_der: tbs.subject_public_key_info().to_der().map_err(malformed)?,
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            subject_alt_names: Vec::new(),
            extensions: Vec::new(),
        };
        let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
        let mut seen = BTreeSet::new();
        for extension in extensions {
            let id = extension.extn_id;
            // RFC 5280 §4.2: one instance of an extension. Fulcio's certificates have some 30.
            if !seen.insert(id) || seen.len() > MOST_EXTENSIONS {
                return Err(CertificateError::Extension(id));
            }
            certificate.read_extension(extension).map_err(|_| CertificateError::Extension(id))?;
            certificate.extensions.push((id, extension.extn_value.as_bytes().to_vec()));
        }
        Ok(certificate)
    }

    /// Every `CERTIFICATE` block of a PEM text, at most `most`.
    pub fn from_pem_chain(text: &str, most: usize) -> Result<Vec<Self>, CertificateError> {
        pem::blocks(text, "CERTIFICATE", most)
            .map_err(CertificateError::Pem)?
            .iter()
            .map(|der| Self::from_der(der))
            .collect()
    }

    fn read_extension(&mut self, extension: &Extension) -> der::Result<()> {
        let critical = extension.critical;
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BASIC_CONSTRAINTS => {
                let read = pkix::BasicConstraints::from_der(value)?;
                self.basic_constraints = Some(BasicConstraints {
                    critical,
                    ca: read.ca,
                    path_len: read.path_len_constraint,
                });
            }
            KEY_USAGE => {
                let flags = pkix::KeyUsage::from_der(value)?.0;
                self.key_usage = Some(KeyUsage {
                    critical,
                    digital_signature: flags.contains(KeyUsages::DigitalSignature),
                    key_cert_sign: flags.contains(KeyUsages::KeyCertSign),
                    crl_sign: flags.contains(KeyUsages::CRLSign),
                    encipherment: !flags.is_disjoint(
                        KeyUsages::KeyEncipherment
                            | KeyUsages::DataEncipherment
                            | KeyUsages::KeyAgreement
                            | KeyUsages::EncipherOnly
                            | KeyUsages::DecipherOnly,
                    ),
                });
            }
            EXTENDED_KEY_USAGE => {
                let purposes = pkix::ExtendedKeyUsage::from_der(value)?.0;
                self.extended_key_usage = Some(ExtendedKeyUsage { critical, purposes });
            }
            SUBJECT_ALT_NAME => {
                self.subject_alt_names = pkix::SubjectAltName::from_der(value)?
                    .0
                    .iter()
                    .map(|name| match name {
                        GeneralName::Rfc822Name(email) => SubjectAltName::Email(email.to_string()),
                        GeneralName::UniformResourceIdentifier(uri) => {
                            SubjectAltName::Uri(uri.to_string())
                        }
                        GeneralName::DnsName(name) => SubjectAltName::Dns(name.to_string()),
                        GeneralName::OtherName(name) => user_name(name),
                        _ => SubjectAltName::Other,
                    })
                    .collect();
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks this certificate's signature with the issuer's key; once in a decision.
    pub fn verify_signed_by(
        &self,
        issuer: &PublicKey,
        spend: &Spend,
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        match self.signature_scheme {
            Ok(scheme) => spend.verify_once(issuer, scheme, &self.tbs, &self.signature),
            Err(_) => Ok(Err(SignatureError::WrongKey)),
        }
    }

    /// True where it is signed over SHA-1, which is no scheme of [`Self::signature_scheme`].
    pub fn is_signed_over_sha1(&self) -> bool {
        self.signature_scheme().is_err_and(|oid| SHA1.iter().any(|(known, _)| *known == oid))
    }

    /// [`Self::verify_signed_by`] over SHA-1. It proves nothing: docs/adr/0013 names its one use.
    pub fn verify_signed_over_sha1(
        &self,
        issuer: &PublicKey,
        spend: &Spend,
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        let is_rsa = matches!(issuer.kind(), KeyKind::Rsa(_));
        let fits = |oid| SHA1.contains(&(oid, is_rsa)) && issuer.kind() != KeyKind::Ed25519;
        if !self.signature_scheme().is_err_and(fits) {
            return Ok(Err(SignatureError::WrongKey));
        }
        spend.verify_sha1_signature(issuer, &self.tbs, &self.signature)
    }

    /// The subject's public key, which may be of a type that is not accepted.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_spki_der(&self.spki_der)
    }

    /// The whole certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER, lower-case hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex(&sha256(&self.der))
    }

    /// The signature algorithm; the object identifier where it is weak or unknown.
    pub fn signature_scheme(&self) -> Result<Scheme, &str> {
        self.signature_scheme.as_ref().copied().map_err(String::as_str)
    }

    /// SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// Subject.
    pub fn subject(&self) -> &x509_cert::name::Name {
        &self.subject
    }

    /// Subject as DER.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// Issuer.
    pub fn issuer(&self) -> &x509_cert::name::Name {
        &self.issuer
    }

    /// Issuer as DER.
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer_der
    }

    /// Serial number, big endian.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// notBefore, inclusive.
    pub fn not_before(&self) -> Time {
        self.not_before
    }

    /// notAfter, inclusive.
    pub fn not_after(&self) -> Time {
        self.not_after
    }

    /// basicConstraints.
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.basic_constraints
    }

    /// keyUsage.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.key_usage
    }

    /// extKeyUsage.
    pub fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.extended_key_usage.as_ref()
    }

    /// subjectAltName, in order.
    pub fn subject_alt_names(&self) -> &[SubjectAltName] {
        &self.subject_alt_names
    }

    /// extnValue of an extension.
    pub fn extension(&self, id: &ObjectIdentifier) -> Option<&[u8]> {
        self.extensions.iter().find(|(own, _)| own == id).map(|(_, value)| value.as_slice())
    }

    /// True where basicConstraints says CA.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.is_some_and(|b| b.ca)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.fingerprint())
    }
}

impl fmt::Display for SubjectAltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email(name) | Self::Uri(name) | Self::Dns(name) | Self::UserName(name) => name,
            Self::Other => "(a name of another form)",
        })
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a valid X.509 certificate"),
            Self::Extension(oid) => {
                write!(f, "extension {oid} is not valid, there twice or one too many")
            }
            Self::TooLarge(bytes) => {
                write!(f, "a certificate of {bytes} bytes, more than {MOST_BYTES}")
            }
            Self::Pem(error) => write!(f, "{error}"),
        }
    }
}

fn user_name(name: &pkix::name::OtherName) -> SubjectAltName {
    let text =
        (name.type_id == FULCIO_USER_NAME).then(|| name.value.decode_as::<Utf8StringRef<'_>>());
    match text {
        Some(Ok(text)) => SubjectAltName::UserName(text.as_str().to_owned()),
        _ => SubjectAltName::Other,
    }
}

fn time(time: x509_cert::time::Time) -> Time {
    Time::from_unix(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

/// RSASSA-PSS-params, [RFC 4055 §3.1](https://www.rfc-editor.org/rfc/rfc4055#section-3.1): the hash,
/// where the mask generation uses the same one. The salt length is read from the signature.
fn pss_hash(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<HashAlgorithm> {
    let der = algorithm.parameters?.to_der().ok()?;
    let params = rsa::pkcs1::RsaPssParamsOwned::from_der(&der).ok()?;
    let hash = hash_of(&params.hash.oid)?;
    let same = hash_of(&params.mask_gen.parameters?.oid)? == hash;
    same.then_some(hash)
}

/// A hash function of SHA-2 by its object identifier.
pub fn hash_of(oid: &ObjectIdentifier) -> Option<HashAlgorithm> {
    match oid.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => Some(HashAlgorithm::Sha256),
        "2.16.840.1.101.3.4.2.2" => Some(HashAlgorithm::Sha384),
        "2.16.840.1.101.3.4.2.3" => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// The scheme, or the object identifier of one that is not accepted (SHA-1 and MD5 among them).
pub fn signature_scheme(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Scheme, String> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let oid = algorithm.oid.to_string();
    Ok(match oid.as_str() {
        // RFC 5758 §3.2
        "1.2.840.10045.4.3.2" => Scheme::EcdsaDer(Sha256),
        "1.2.840.10045.4.3.3" => Scheme::EcdsaDer(Sha384),
        "1.2.840.10045.4.3.4" => Scheme::EcdsaDer(Sha512),
        // RFC 4055 §5
        "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Sha256),
        "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Sha384),
        "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Sha512),
        "1.2.840.113549.1.1.10" => Scheme::RsaPss(pss_hash(algorithm).ok_or(oid)?),
        // RFC 8410 §3
        "1.3.101.112" => Scheme::Ed25519,
        _ => return Err(oid),
    })
}
