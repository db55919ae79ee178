//! Sequences and extensions as they were written: nothing is copied, as a CRL may have 100,000
//! entries.

use der::{
    Decode, DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Sequence, SliceReader, Tag,
    Writer,
    asn1::{GeneralizedTime, ObjectIdentifier, OctetStringRef},
};

use super::RevocationError;
use crate::time::Time;

/// invalidityDate, RFC 5280 §5.3.2.
pub(super) const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");

/// Extensions of one thing. Real CRLs have two to five, their entries and OCSP none to three.
const MOST_EXTENSIONS: usize = 32;

/// The contents of a SEQUENCE OF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elements<'a>(&'a [u8]);

/// RFC 5280 §4.1.
#[derive(Clone, Copy, Debug, Sequence)]
pub(super) struct Extension<'a> {
    pub(super) id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    pub(super) critical: bool,
    value: &'a OctetStringRef,
}

impl<'a> Elements<'a> {
    /// Each element. After one that is not well-formed there is no other.
    pub(super) fn each<T: Decode<'a, Error = der::Error>>(
        self,
    ) -> impl Iterator<Item = der::Result<T>> {
        let mut reader = SliceReader::new(self.0).ok();
        std::iter::from_fn(move || {
            let open = reader.as_mut().filter(|reader| !reader.is_finished())?;
            let element = T::decode(open);
            if element.is_err() {
                reader = None;
            }
            Some(element)
        })
    }
}

/// Every extension. RFC 5280 §4.2 and §5.2: one instance of each.
pub(super) fn extensions<'a>(
    elements: Option<Elements<'a>>,
) -> Result<Vec<Extension<'a>>, RevocationError> {
    const MALFORMED: RevocationError = RevocationError::Malformed("extensions");
    let mut found: Vec<Extension<'a>> = Vec::new();
    let each = elements.into_iter().flat_map(Elements::each::<Extension<'a>>);
    for extension in each {
        let extension = extension.map_err(|_| MALFORMED)?;
        if found.len() == MOST_EXTENSIONS || found.iter().any(|known| known.id == extension.id) {
            return Err(MALFORMED);
        }
        found.push(extension);
    }
    Ok(found)
}

/// extnValue of the extension with `id`.
pub(super) fn value_of<'a>(
    extensions: &[Extension<'a>],
    id: &ObjectIdentifier,
) -> Option<&'a [u8]> {
    extensions.iter().find(|extension| extension.id == *id).map(|extension| extension.bytes())
}

impl<'a> Extension<'a> {
    /// extnValue.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.value.as_bytes()
    }
}

/// A GeneralizedTime without fractions, in UTC (RFC 5280 §4.1.2.5.2).
pub(super) fn generalized(time: &GeneralizedTime) -> Time {
    Time::from_unix(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

/// UTCTime or GeneralizedTime (RFC 5280 §5.1.2.4).
pub(super) fn time(time: x509_cert::time::Time) -> Time {
    Time::from_unix(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

impl FixedTag for Elements<'_> {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for Elements<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Ok(Self(reader.read_slice(header.length())?))
    }
}

impl EncodeValue for Elements<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}
