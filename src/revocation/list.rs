//! A CRL, parsed ([RFC 5280 §5.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.1)). Its entries
//! stay where they are.

use der::{
    AnyRef, Decode, Encode, Reader, Sequence, SliceReader, Tag, Tagged,
    asn1::{BitStringRef, IntRef, ObjectIdentifier, UintRef},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::{
    ext::pkix::{IssuingDistributionPoint, name::DistributionPointName},
    name::Name,
};

use super::{
    MOST_CRL_BYTES, RevocationError, algorithm,
    elements::{Elements, Extension, extensions, time, value_of},
    request::{FRESHEST_CRL, Point},
};
use crate::{crypto::Scheme, time::Time, x509::Certificate};

const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const DELTA_CRL_INDICATOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");

#[derive(Sequence)]
struct TbsCertList<'a> {
    version: Option<u8>,
    signature: AlgorithmIdentifierRef<'a>,
    issuer: Name,
    this_update: x509_cert::time::Time,
    next_update: Option<x509_cert::time::Time>,
    entries: Option<Elements<'a>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Elements<'a>>,
}

/// One revoked certificate.
#[derive(Sequence)]
pub(super) struct Entry<'a> {
    pub(super) serial: IntRef<'a>,
    pub(super) at: x509_cert::time::Time,
    pub(super) extensions: Option<Elements<'a>>,
}

/// A CRL; nothing of it is believed.
pub(super) struct List<'a> {
    /// TBSCertList as it is signed.
    pub(super) signed: &'a [u8],
    pub(super) scheme: Scheme,
    pub(super) signature: &'a [u8],
    /// DER.
    pub(super) issuer: Vec<u8>,
    pub(super) this_update: Time,
    pub(super) next_update: Option<Time>,
    entries: Option<Elements<'a>>,
    extensions: Vec<Extension<'a>>,
}

impl<'a> List<'a> {
    /// The whole input. Entries are read when they are asked for.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, RevocationError> {
        if der.len() > MOST_CRL_BYTES {
            return Err(RevocationError::TooLarge(der.len()));
        }
        let malformed = |_| RevocationError::Malformed("CertificateList");
        let (signed, outer, signature) = parts(der).map_err(malformed)?;
        let tbs = TbsCertList::from_der(signed).map_err(malformed)?;
        // §5.1.1.2: both algorithm fields are the same. §5.1.2.1: version 2 has extensions, and
        // §5.2.3 demands one of them.
        if tbs.signature != outer || tbs.version != Some(1) {
            return Err(RevocationError::Malformed("CertificateList"));
        }
        let signature = signature.as_bytes();
        Ok(Self {
            signed,
            scheme: algorithm::scheme(&outer)?,
            signature: signature.ok_or(RevocationError::Malformed("CertificateList"))?,
            issuer: tbs.issuer.to_der().map_err(malformed)?,
            this_update: time(tbs.this_update),
            next_update: tbs.next_update.map(time),
            entries: tbs.entries,
            extensions: extensions(tbs.extensions)?,
        })
    }

    /// Each entry.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, RevocationError>> {
        let each = self.entries.into_iter().flat_map(Elements::each::<Entry<'a>>);
        each.map(|entry| entry.map_err(|_| RevocationError::Malformed("an entry of the CRL")))
    }

    /// §5.2: "If a CRL contains a critical extension that the application cannot process, then the
    /// application MUST NOT use that CRL".
    pub(super) fn no_unknown_critical(&self) -> Result<(), RevocationError> {
        let known = [DELTA_CRL_INDICATOR, ISSUING_DISTRIBUTION_POINT];
        let unknown = self
            .extensions
            .iter()
            .find(|extension| extension.critical && !known.contains(&extension.id));
        match unknown {
            Some(extension) => Err(RevocationError::CriticalExtension(extension.id.to_string())),
            None => Ok(()),
        }
    }

    /// cRLNumber, §5.2.3, big endian without leading zeros.
    pub(super) fn number(&self) -> Option<&'a [u8]> {
        integer(self.value(&CRL_NUMBER)?)
    }

    /// BaseCRLNumber, §5.2.4, the same.
    pub(super) fn base_number(&self) -> Option<&'a [u8]> {
        integer(self.value(&DELTA_CRL_INDICATOR)?)
    }

    /// True for what says to be a delta.
    pub(super) fn is_delta(&self) -> bool {
        self.value(&DELTA_CRL_INDICATOR).is_some()
    }

    /// freshestCRL, §5.2.6.
    pub(super) fn freshest(&self) -> Option<&'a [u8]> {
        self.value(&FRESHEST_CRL)
    }

    /// §5.2.4: a delta goes with a base of the same scope, by the same key.
    pub(super) fn has_scope_of(&self, other: &List<'_>) -> bool {
        [ISSUING_DISTRIBUTION_POINT, AUTHORITY_KEY_IDENTIFIER]
            .iter()
            .all(|id| self.value(id) == other.value(id))
    }

    /// §6.3.3 (b): whether the CRL is one of the distribution point that the certificate names, and
    /// covers its kind of certificate. True where it does so for some reasons of revocation only.
    pub(super) fn scope(
        &self,
        certificate: &Certificate,
        point: &Point,
    ) -> Result<bool, RevocationError> {
        if point.other_issuer {
            return Err(RevocationError::NotInScope("it is indirect"));
        }
        let Some(value) = self.value(&ISSUING_DISTRIBUTION_POINT) else {
            return Ok(point.some_reasons);
        };
        let scope = IssuingDistributionPoint::from_der(value)
            .map_err(|_| RevocationError::Malformed("issuingDistributionPoint"))?;
        if scope.indirect_crl {
            return Err(RevocationError::NotInScope("it is indirect"));
        }
        if scope.only_contains_attribute_certs {
            return Err(RevocationError::NotInScope("only attribute certificates"));
        }
        if scope.only_contains_ca_certs && !certificate.is_ca() {
            return Err(RevocationError::NotInScope("only CA certificates"));
        }
        if scope.only_contains_user_certs && certificate.is_ca() {
            return Err(RevocationError::NotInScope("only certificates that are no CA's"));
        }
        // Parts of one CA's list are signed with one key: only the name tells them apart.
        let same_point = match &scope.distribution_point {
            None => true,
            Some(DistributionPointName::FullName(names)) => {
                names.iter().any(|name| point.names.contains(name))
            }
            Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => false,
        };
        if !same_point {
            return Err(RevocationError::NotInScope("it is of another distribution point"));
        }
        Ok(point.some_reasons || scope.only_some_reasons.is_some())
    }

    fn value(&self, id: &ObjectIdentifier) -> Option<&'a [u8]> {
        value_of(&self.extensions, id)
    }
}

/// The three parts of CertificateList, the first as it is signed.
fn parts<'a>(
    der: &'a [u8],
) -> der::Result<(&'a [u8], AlgorithmIdentifierRef<'a>, BitStringRef<'a>)> {
    let outer = AnyRef::from_der(der)?;
    outer.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(outer.value())?;
    let signed = reader.tlv_bytes()?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut reader)?;
    let signature = BitStringRef::decode(&mut reader)?;
    reader.finish()?;
    Ok((signed, algorithm, signature))
}

fn integer(value: &[u8]) -> Option<&[u8]> {
    UintRef::from_der(value).ok().map(|number| number.as_bytes())
}
