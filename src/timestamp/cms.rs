//! A token: CMS SignedData over TSTInfo
//! ([RFC 5652 §5](https://www.rfc-editor.org/rfc/rfc5652#section-5), RFC 3161 §2.4.2).

use der::{
    AnyRef, Choice, Decode, Encode, Sequence, SliceReader, Tag,
    asn1::{BitStringRef, IntRef, ObjectIdentifier, OctetStringRef, Utf8StringRef},
    oid::AssociatedOid,
};
use spki::AlgorithmIdentifierRef;
use x509_cert::{ext::pkix::SubjectKeyIdentifier, name::Name};

use super::{
    MOST_BYTES, TimestampError, algorithm, attributes::SignedAttributes, elements::Elements,
    tst_info::TstInfo,
};
use crate::{
    crypto::{HashAlgorithm, Scheme},
    time::Time,
    x509::Certificate,
};

/// id-signedData, RFC 5652 §5.1.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// id-ct-TSTInfo, RFC 3161 §2.4.2.
pub(super) const TST_INFO: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Certificates in a token. Real ones have none to four: a chain, and sometimes a cross certificate.
const MOST_CERTIFICATES: usize = 10;

/// Signers of a token, where several are taken; tspclient's own tests have two.
const MOST_SIGNERS: usize = 4;

/// Digest algorithms that a token lists; real ones list one.
const MOST_DIGESTS: usize = 8;

/// A parsed token; nothing of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub(super) info: TstInfo,
    /// TSTInfo as it is signed.
    pub(super) content: Vec<u8>,
    pub(super) attributes: SignedAttributes,
    pub(super) digest: HashAlgorithm,
    pub(super) signer: SignerId,
    pub(super) scheme: Scheme,
    pub(super) signature: Vec<u8>,
    pub(super) certificates: Vec<Certificate>,
}

/// SignerIdentifier, RFC 5652 §5.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignerId {
    /// Issuer as DER, and serial number.
    IssuerAndSerial(Vec<u8>, Vec<u8>),
    /// subjectKeyIdentifier.
    KeyIdentifier(Vec<u8>),
}

/// RFC 3161 §2.4.2.
#[derive(Sequence)]
struct TimeStampResp<'a> {
    status: PkiStatusInfo<'a>,
    token: Option<ContentInfo<'a>>,
}

#[derive(Sequence)]
struct PkiStatusInfo<'a> {
    status: u8,
    text: Option<Vec<Utf8StringRef<'a>>>,
    failure: Option<BitStringRef<'a>>,
}

#[derive(Sequence)]
struct ContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: AnyRef<'a>,
}

/// Revocation lists are not used here.
#[derive(Sequence)]
struct SignedData<'a> {
    version: u8,
    digests: Elements<'a>,
    content: EncapsulatedContentInfo<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    certificates: Option<Elements<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    revocation_lists: Option<Elements<'a>>,
    signers: Elements<'a>,
}

#[derive(Sequence)]
struct EncapsulatedContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    content: Option<&'a OctetStringRef>,
}

/// Attributes that are not signed are nobody's word, and not used.
#[derive(Sequence)]
struct SignerInfo<'a> {
    version: u8,
    signer: SignerIdentifier<'a>,
    digest: AlgorithmIdentifierRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    signed: Option<Elements<'a>>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: &'a OctetStringRef,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    unsigned: Option<Elements<'a>>,
}

#[derive(Choice)]
enum SignerIdentifier<'a> {
    IssuerAndSerial(IssuerAndSerialNumber<'a>),
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "false")]
    KeyIdentifier(&'a OctetStringRef),
}

#[derive(Sequence)]
struct IssuerAndSerialNumber<'a> {
    issuer: Name,
    serial: IntRef<'a>,
}

impl Token {
    /// A TimeStampResp that grants, or a bare TimeStampToken; the whole input.
    ///
    /// RFC 3161 §2.4.2: "The time-stamp token MUST NOT contain any signatures other than the
    /// signature of the TSA." So there is one signer.
    pub fn parse(der: &[u8]) -> Result<Self, TimestampError> {
        let info = content_info(der)?;
        let data = signed_data(&info)?;
        let signers = data.signers.read(1, "more than one signer")?;
        match signers.as_slice() {
            [signer] => Self::signed_by(&data, signer),
            _ => Err(TimestampError::Malformed("no signer")),
        }
    }

    /// As [`Token::parse`], once for each signer: Notation's tools take a token of several, of whom
    /// one that is good is enough.
    pub fn parse_each(der: &[u8]) -> Result<Vec<Result<Self, TimestampError>>, TimestampError> {
        let info = content_info(der)?;
        let data = signed_data(&info)?;
        let signers = data.signers.read(MOST_SIGNERS, "too many signers")?;
        if signers.is_empty() {
            return Err(TimestampError::Malformed("no signer"));
        }
        Ok(signers.iter().map(|signer| Self::signed_by(&data, signer)).collect())
    }

    fn signed_by(data: &SignedData<'_>, signer: &AnyRef<'_>) -> Result<Self, TimestampError> {
        let signer: SignerInfo<'_> =
            signer.decode_as().map_err(|_| TimestampError::Malformed("SignerInfo"))?;
        let content = data.content.content.ok_or(TimestampError::Malformed("no content"))?;
        let digest = algorithm::hash(&signer.digest)?;
        is_listed(data.digests, digest)?;
        let signed = signer.signed.ok_or(TimestampError::Malformed("no signed attributes"))?;
        Ok(Self {
            info: TstInfo::parse(content.as_bytes())?,
            content: content.as_bytes().to_vec(),
            attributes: SignedAttributes::parse(signed)?,
            digest,
            scheme: algorithm::scheme(&signer.algorithm, digest)?,
            signature: signer.signature.as_bytes().to_vec(),
            signer: SignerId::new(signer.version, signer.signer)?,
            certificates: certificates(data.certificates)?,
        })
    }

    /// Without some of the certificates that travel with it.
    #[must_use]
    pub fn without(mut self, unwanted: impl Fn(&Certificate) -> bool) -> Self {
        self.certificates.retain(|certificate| !unwanted(certificate));
        self
    }

    /// genTime as it claims it, without its fraction.
    pub fn claimed_time(&self) -> Time {
        self.info.time
    }

    /// The certificates that travel with it, which may be anybody's.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// Which of the two it is: a response starts with a sequence, a token with an object identifier.
fn content_info(der: &[u8]) -> Result<ContentInfo<'_>, TimestampError> {
    if der.len() > MOST_BYTES {
        return Err(TimestampError::TooLarge(der.len()));
    }
    let malformed = |_| TimestampError::Malformed("neither TimeStampResp nor ContentInfo");
    let outer = AnyRef::from_der(der).map_err(malformed)?;
    let reader = SliceReader::new(outer.value()).map_err(malformed)?;
    if Tag::peek(&reader).map_err(malformed)? == Tag::ObjectIdentifier {
        return outer.decode_as().map_err(malformed);
    }
    let response: TimeStampResp<'_> = outer.decode_as().map_err(malformed)?;
    // RFC 3161 §2.4.2: granted (0) and grantedWithMods (1) come with a token, others without.
    match (response.status.status, response.token) {
        (0 | 1, Some(token)) => Ok(token),
        (0 | 1, None) => Err(TimestampError::Malformed("a response without a token")),
        (status, _) => Err(TimestampError::NotGranted(status)),
    }
}

fn signed_data<'a>(info: &ContentInfo<'a>) -> Result<SignedData<'a>, TimestampError> {
    if info.content_type != SIGNED_DATA {
        return Err(TimestampError::Malformed("not CMS SignedData"));
    }
    let data: SignedData<'_> =
        info.content.decode_as().map_err(|_| TimestampError::Malformed("SignedData"))?;
    // RFC 5652 §5.1: 3, as the content is not id-data; 4 and 5 are for kinds of certificates
    // and revocation lists that no TSA has.
    if data.version != 3 {
        return Err(TimestampError::Malformed("the version of SignedData"));
    }
    if data.content.content_type != TST_INFO {
        return Err(TimestampError::Malformed("the content is not TSTInfo"));
    }
    Ok(data)
}

/// RFC 5652 §5.3: the signer's digest algorithm "SHOULD be among those listed in the digestAlgorithms
/// field", and one that is not may be refused.
fn is_listed(digests: Elements<'_>, digest: HashAlgorithm) -> Result<(), TimestampError> {
    const WHAT: &str = "the digest algorithms";
    for element in digests.read(MOST_DIGESTS, WHAT)? {
        let listed: AlgorithmIdentifierRef<'_> =
            element.decode_as().map_err(|_| TimestampError::Malformed(WHAT))?;
        if algorithm::hash(&listed) == Ok(digest) {
            return Ok(());
        }
    }
    Err(TimestampError::Malformed(WHAT))
}

/// RFC 5652 §10.2.2: of the kinds of certificates, only X.509 is there.
fn certificates(set: Option<Elements<'_>>) -> Result<Vec<Certificate>, TimestampError> {
    const WHAT: &str = "the certificates in the token";
    let Some(set) = set else {
        return Ok(Vec::new());
    };
    set.read(MOST_CERTIFICATES, WHAT)?
        .into_iter()
        .map(|element| {
            let der = element.to_der().map_err(|_| TimestampError::Malformed(WHAT))?;
            Certificate::from_der(&der).map_err(|_| TimestampError::Malformed(WHAT))
        })
        .collect()
}

impl SignerId {
    /// RFC 5652 §5.3: version 1 goes with issuerAndSerialNumber, 3 with subjectKeyIdentifier.
    fn new(version: u8, signer: SignerIdentifier<'_>) -> Result<Self, TimestampError> {
        match (version, signer) {
            (1, SignerIdentifier::IssuerAndSerial(id)) => {
                let issuer = id.issuer.to_der().map_err(|_| TimestampError::Malformed("sid"))?;
                Ok(Self::IssuerAndSerial(issuer, id.serial.as_bytes().to_vec()))
            }
            (3, SignerIdentifier::KeyIdentifier(id)) => {
                Ok(Self::KeyIdentifier(id.as_bytes().to_vec()))
            }
            _ => Err(TimestampError::Malformed("the version of SignerInfo")),
        }
    }

    /// True for the certificate that it names.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial(issuer, serial) => {
                issuer == certificate.issuer_der() && serial == certificate.serial()
            }
            Self::KeyIdentifier(id) => key_identifier(certificate).as_ref() == Some(id),
        }
    }
}

/// subjectKeyIdentifier, [RFC 5280 §4.2.1.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.2).
fn key_identifier(certificate: &Certificate) -> Option<Vec<u8>> {
    let parsed = x509_cert::Certificate::from_der(certificate.der()).ok()?;
    let extensions = parsed.tbs_certificate().extensions()?;
    let extension = extensions.iter().find(|e| e.extn_id == SubjectKeyIdentifier::OID)?;
    let id = SubjectKeyIdentifier::from_der(extension.extn_value.as_bytes()).ok()?;
    Some(id.0.as_bytes().to_vec())
}
