//! The signed attributes: what the signature is over
//! ([RFC 5652 §5.3](https://www.rfc-editor.org/rfc/rfc5652#section-5.3) and §11).

use der::{
    AnyRef, Decode, Encode, Sequence, Tag, TagNumber,
    asn1::{IntRef, ObjectIdentifier, OctetStringRef},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::name::Name;

use super::{TimestampError, algorithm, cms::TST_INFO, elements::Elements};
use crate::{crypto::HashAlgorithm, time::Time, x509::Certificate};

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// Signed attributes. Real tokens have three to six.
const MOST_ATTRIBUTES: usize = 32;

/// Identifiers of certificates in one attribute: a chain at most.
const MOST_IDENTIFIERS: usize = 16;

/// The attributes that are used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedAttributes {
    /// DER as it is signed.
    pub(super) der: Vec<u8>,
    pub(super) message_digest: Vec<u8>,
    /// RFC 3161 asks for none, most have one.
    pub(super) signing_time: Option<Time>,
    pub(super) certificate: CertificateId,
}

/// ESSCertIDv2 or ESSCertID: the certificate that the signer says is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateId {
    /// None in ESSCertID, where the hash is SHA-1, which is not computed here.
    hash: Option<(HashAlgorithm, Vec<u8>)>,
    /// Issuer as DER, and serial number.
    issuer_serial: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(Sequence)]
struct Attribute<'a> {
    oid: ObjectIdentifier,
    values: Elements<'a>,
}

/// [RFC 5035 §3](https://www.rfc-editor.org/rfc/rfc5035#section-3), and of version 1
/// [RFC 2634 §5.4](https://www.rfc-editor.org/rfc/rfc2634#section-5.4).
#[derive(Sequence)]
struct SigningCertificate<'a> {
    certificates: Vec<AnyRef<'a>>,
    policies: Option<Vec<AnyRef<'a>>>,
}

#[derive(Sequence)]
struct EssCertIdV2<'a> {
    algorithm: Option<AlgorithmIdentifierRef<'a>>,
    hash: &'a OctetStringRef,
    issuer_serial: Option<IssuerSerial<'a>>,
}

#[derive(Sequence)]
struct EssCertId<'a> {
    hash: &'a OctetStringRef,
    issuer_serial: Option<IssuerSerial<'a>>,
}

#[derive(Sequence)]
struct IssuerSerial<'a> {
    issuer: Vec<AnyRef<'a>>,
    serial: IntRef<'a>,
}

impl SignedAttributes {
    /// From the contents of `[0] IMPLICIT SET OF Attribute`.
    pub(super) fn parse(set: Elements<'_>) -> Result<Self, TimestampError> {
        const WHAT: &str = "the signed attributes";
        let malformed = |_| TimestampError::Malformed(WHAT);
        let elements = set.read(MOST_ATTRIBUTES, WHAT)?;
        let encoded: Vec<Vec<u8>> =
            elements.iter().map(Encode::to_der).collect::<Result<_, _>>().map_err(malformed)?;
        // RFC 5652 §5.3: "SignedAttributes MUST be DER encoded, even if the rest of the structure
        // is BER encoded"; X.690 §11.6: in ascending order.
        if !encoded.is_sorted_by(|a, b| a < b) {
            return Err(TimestampError::Malformed("the order of the signed attributes"));
        }
        let attributes: Vec<Attribute<'_>> = elements
            .into_iter()
            .map(|element| element.decode_as().map_err(malformed))
            .collect::<Result<_, _>>()?;

        let content_type = one(&attributes, CONTENT_TYPE)?
            .ok_or(TimestampError::Malformed("no content type among the signed attributes"))?;
        // RFC 5652 §11.1: it "MUST match the SignedData encapContentInfo eContentType value".
        if content_type.decode_as::<ObjectIdentifier>().map_err(malformed)? != TST_INFO {
            return Err(TimestampError::Malformed("the signed content type is not TSTInfo"));
        }
        let message_digest = one(&attributes, MESSAGE_DIGEST)?
            .ok_or(TimestampError::Malformed("no message digest among the signed attributes"))?
            .decode_as::<&OctetStringRef>()
            .map_err(malformed)?;
        Ok(Self {
            // §5.4: "a separate encoding of the signedAttrs field is performed … an EXPLICIT SET OF
            // tag is used".
            der: AnyRef::new(Tag::Set, set.bytes())
                .and_then(|set| set.to_der())
                .map_err(malformed)?,
            message_digest: message_digest.as_bytes().to_vec(),
            signing_time: signing_time(&attributes)?,
            certificate: CertificateId::parse(&attributes)?,
        })
    }
}

/// The only value of the only attribute of a type (RFC 5652 §11: a SignerInfo "MUST NOT include
/// multiple instances", and the attribute "MUST have a single attribute value").
fn one<'a>(
    attributes: &[Attribute<'a>],
    oid: ObjectIdentifier,
) -> Result<Option<AnyRef<'a>>, TimestampError> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    let Some(attribute) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(TimestampError::Malformed("a signed attribute is there twice"));
    }
    let values = attribute.values.read(1, "a signed attribute has many values")?;
    match values.as_slice() {
        [value] => Ok(Some(*value)),
        _ => Err(TimestampError::Malformed("a signed attribute has no value")),
    }
}

fn signing_time(attributes: &[Attribute<'_>]) -> Result<Option<Time>, TimestampError> {
    let Some(value) = one(attributes, SIGNING_TIME)? else {
        return Ok(None);
    };
    // RFC 5652 §11.3: UTCTime until 2049, GeneralizedTime without fractions after it.
    let time: x509_cert::time::Time =
        value.decode_as().map_err(|_| TimestampError::Malformed("signingTime"))?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Ok(Some(Time::from_unix(seconds)))
}

impl CertificateId {
    /// RFC 3161 §2.4.2: "The certificate identifier (ESSCertID) of the TSA certificate MUST be
    /// included as a signerInfo attribute inside a SigningCertificate attribute", or of version 2
    /// ([RFC 5816 §2.2.1](https://www.rfc-editor.org/rfc/rfc5816#section-2.2.1)), which is the one
    /// that counts where both are there.
    fn parse(attributes: &[Attribute<'_>]) -> Result<Self, TimestampError> {
        const WHAT: &str = "the identifier of the signing certificate";
        let malformed = |_| TimestampError::Malformed(WHAT);
        let one_v1 = one(attributes, SIGNING_CERTIFICATE)?;
        if let Some(value) = one(attributes, SIGNING_CERTIFICATE_V2)? {
            let id: EssCertIdV2<'_> = first(value, WHAT)?.decode_as().map_err(malformed)?;
            let algorithm =
                id.algorithm.as_ref().map_or(Ok(HashAlgorithm::Sha256), algorithm::hash)?;
            let issuer_serial = id.issuer_serial.map(IssuerSerial::read).transpose()?;
            let hash = Some((algorithm, id.hash.as_bytes().to_vec()));
            return Ok(Self { hash, issuer_serial });
        }
        let value =
            one_v1.ok_or(TimestampError::Malformed("no identifier of the signing certificate"))?;
        let id: EssCertId<'_> = first(value, WHAT)?.decode_as().map_err(malformed)?;
        let issuer_serial = id.issuer_serial.map(IssuerSerial::read).transpose()?;
        Ok(Self { hash: None, issuer_serial })
    }

    /// True where it names a certificate by a hash that is computed here.
    pub(super) fn has_hash(&self) -> bool {
        self.hash.is_some()
    }

    /// True for the certificate that it names.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        let by_hash = |(algorithm, hash): &(HashAlgorithm, Vec<u8>)| {
            algorithm.digest(certificate.der()) == *hash
        };
        let by_issuer = |(issuer, serial): &(Vec<u8>, Vec<u8>)| {
            issuer == certificate.issuer_der() && serial == certificate.serial()
        };
        self.hash.as_ref().is_none_or(by_hash) && self.issuer_serial.as_ref().is_none_or(by_issuer)
    }
}

/// RFC 5035 §3: "The first certificate identified in the sequence of certificate identifiers MUST be
/// the certificate used to verify the signature". The others only narrow the choice of a path.
fn first<'a>(value: AnyRef<'a>, what: &'static str) -> Result<AnyRef<'a>, TimestampError> {
    let read: SigningCertificate<'_> =
        value.decode_as().map_err(|_| TimestampError::Malformed(what))?;
    if read.certificates.len() > MOST_IDENTIFIERS {
        return Err(TimestampError::Malformed(what));
    }
    read.certificates.first().copied().ok_or(TimestampError::Malformed(what))
}

impl IssuerSerial<'_> {
    /// RFC 5035 §5: the issuer is the certificate's, in the directoryName choice (`[4]`), and no
    /// other name.
    fn read(self) -> Result<(Vec<u8>, Vec<u8>), TimestampError> {
        const WHAT: &str = "the issuer of the signing certificate";
        let malformed = |_| TimestampError::Malformed(WHAT);
        let [name] = self.issuer.as_slice() else {
            return Err(TimestampError::Malformed(WHAT));
        };
        let choice = Tag::ContextSpecific { constructed: true, number: TagNumber(4) };
        if der::Tagged::tag(name) != choice {
            return Err(TimestampError::Malformed(WHAT));
        }
        let name = Name::from_der(name.value()).map_err(malformed)?;
        Ok((name.to_der().map_err(malformed)?, self.serial.as_bytes().to_vec()))
    }
}
