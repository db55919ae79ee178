//! TSTInfo: what the TSA signs
//! ([RFC 3161 §2.4.2](https://www.rfc-editor.org/rfc/rfc3161#section-2.4.2)).

use der::{
    AnyRef, Decode, DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Sequence, Tag,
    Writer,
    asn1::{IntRef, ObjectIdentifier, OctetStringRef},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::ext::Extensions;

use super::{TimestampError, algorithm};
use crate::{crypto::HashAlgorithm, time::Time};

/// The best practices policy of [ETSI EN 319 421 §5.2](https://www.etsi.org/deliver/etsi_en/319400_319499/319421/),
/// which promises an accuracy of one second.
const BEST_PRACTICES: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2023.1.1");

const NANOS: i128 = 1_000_000_000;

/// What of it is used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TstInfo {
    pub(super) hash: HashAlgorithm,
    pub(super) imprint: Vec<u8>,
    pub(super) time: Time,
    pub(super) earliest: Time,
    pub(super) latest: Time,
}

/// Of the fields that are not used, nonce is for whoever sent the request; `tsa` is a hint only
/// ("the actual identification of the entity that signed the response will always occur through the
/// use of the certificate identifier").
#[derive(Sequence)]
struct Fields<'a> {
    version: u8,
    policy: AnyOid<'a>,
    imprint: MessageImprint<'a>,
    serial: IntRef<'a>,
    time: GeneralizedTime<'a>,
    accuracy: Option<Accuracy>,
    ordering: Option<bool>,
    nonce: Option<IntRef<'a>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    tsa: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Sequence)]
struct MessageImprint<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    hashed: &'a OctetStringRef,
}

#[derive(Sequence)]
struct Accuracy {
    seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    micros: Option<u16>,
}

impl TstInfo {
    /// From DER, the whole input.
    pub(super) fn parse(der: &[u8]) -> Result<Self, TimestampError> {
        let fields = Fields::from_der(der).map_err(|_| TimestampError::Malformed("TSTInfo"))?;
        if fields.version != 1 {
            return Err(TimestampError::Malformed("the version of TSTInfo"));
        }
        // "if such an extension is marked as critical and is not recognised, reject": none is.
        let extensions = fields.extensions.iter().flatten();
        if extensions.into_iter().any(|extension| extension.critical) {
            return Err(TimestampError::Malformed("a critical extension of TSTInfo"));
        }
        let hash = algorithm::hash(&fields.imprint.algorithm)?;
        let time = generalized_time(fields.time.0).ok_or(TimestampError::Malformed("genTime"))?;
        let accuracy = match fields.accuracy.map_or(Some(0), |accuracy| accuracy.nanos()) {
            None => return Err(TimestampError::Malformed("accuracy")),
            Some(0) if fields.policy.0 == BEST_PRACTICES.as_bytes() => NANOS,
            Some(nanos) => nanos,
        };
        Ok(Self {
            hash,
            imprint: fields.imprint.hashed.as_bytes().to_vec(),
            time: seconds(time.div_euclid(NANOS)),
            earliest: seconds((time - accuracy).div_euclid(NANOS)),
            latest: seconds((time + accuracy + NANOS - 1).div_euclid(NANOS)),
        })
    }
}

impl Accuracy {
    /// In nanoseconds; nothing where a part is out of its range.
    fn nanos(&self) -> Option<i128> {
        let part = |value: Option<u16>| match value.unwrap_or(0) {
            value @ 0..=999 => Some(i128::from(value)),
            _ => None,
        };
        let seconds = i128::from(self.seconds.unwrap_or(0));
        Some(seconds * NANOS + part(self.millis)? * 1_000_000 + part(self.micros)? * 1_000)
    }
}

fn seconds(seconds: i128) -> Time {
    Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// `YYYYMMDDhhmmss[.s…]Z` as nanoseconds of Unix time. A fraction has no trailing zeros, and here at
/// most nine digits, as Go reads it too; der's own type reads no fractions.
fn generalized_time(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, "0"),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !matches!(fraction.len(), 1..=9) || !digits(fraction)
    {
        return None;
    }
    if text.contains('.') && fraction.ends_with('0') {
        return None;
    }
    let (date, clock) = whole.split_at_checked(8)?;
    let (year, date) = date.split_at_checked(4)?;
    let (month, day) = date.split_at_checked(2)?;
    let (hour, clock) = clock.split_at_checked(2)?;
    let (minute, second) = clock.split_at_checked(2)?;
    let time = Time::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))?;
    let nanos: i128 = format!("{fraction:0<9}").parse().ok()?;
    Some(i128::from(time.unix()) * NANOS + nanos)
}

/// An object identifier of any arcs; der's type has 32 bits for each.
struct AnyOid<'a>(&'a [u8]);

/// The text of a GeneralizedTime.
struct GeneralizedTime<'a>(&'a [u8]);

impl FixedTag for AnyOid<'_> {
    const TAG: Tag = Tag::ObjectIdentifier;
}

impl FixedTag for GeneralizedTime<'_> {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for AnyOid<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Ok(Self(reader.read_slice(header.length())?))
    }
}

impl<'a> DecodeValue<'a> for GeneralizedTime<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Ok(Self(reader.read_slice(header.length())?))
    }
}

impl EncodeValue for AnyOid<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

impl EncodeValue for GeneralizedTime<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}
