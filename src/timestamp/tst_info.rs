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

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// TSTInfo with this policy, genTime and whatever comes after it.
    fn info(policy: &str, time: &[u8], rest: &[u8]) -> Result<TstInfo, TimestampError> {
        let oid = |text| tlv(6, ObjectIdentifier::new_unwrap(text).as_bytes());
        let hash = tlv(0x30, &oid("2.16.840.1.101.3.4.2.1"));
        let imprint = tlv(0x30, &[hash, tlv(4, &[7; 32])].concat());
        let time = tlv(0x18, time);
        let parts = [&[2, 1, 1], &*oid(policy), &imprint, &[2, 1, 9], &time, rest];
        TstInfo::parse(&tlv(0x30, &parts.concat()))
    }

    const POLICY: &str = "1.2.3";
    const NOON: &[u8] = b"20250601120000Z";
    const AT: i64 = 1_748_779_200;

    fn interval(policy: &str, time: &[u8], rest: &[u8]) -> Result<(i64, i64, i64), TimestampError> {
        info(policy, time, rest).map(|i| {
            assert_eq!((i.hash, i.imprint.as_slice()), (HashAlgorithm::Sha256, &[7; 32][..]));
            (i.earliest.unix() - AT, i.time.unix() - AT, i.latest.unix() - AT)
        })
    }

    #[test]
    fn fractions_of_the_time_are_read() {
        for (text, expected) in [
            (&b"20250601120000Z"[..], (0, 0, 0)),
            (b"20250601120000.5Z", (0, 0, 1)),
            (b"20250601120001.000000001Z", (1, 1, 2)),
            (b"20250601120059.999Z", (59, 59, 60)),
        ] {
            assert_eq!(interval(POLICY, text, &[]), Ok(expected));
        }
    }

    #[test]
    fn other_forms_of_the_time_are_refused() {
        for text in [
            &b""[..],
            b"Z",
            b"20250601120000",
            b"202506011200Z",
            b"20250601120000.Z",
            b"20250601120000.50Z",
            b"20250601120000.0Z",
            b"20250601120000.0000000001Z",
            b"20250601120000,5Z",
            b"20250601120000+0000",
            b"20250601120060Z",
            b"20250601240000Z",
            b"20250631120000Z",
            b"20251301120000Z",
            b"2025060112000-Z",
            b"20250601120000.-1Z",
            b"2025060112000\xc3\xa9Z",
            b"250601120000Z",
        ] {
            let text_of = String::from_utf8_lossy(text);
            let error = Err(TimestampError::Malformed("genTime"));
            assert_eq!(interval(POLICY, text, &[]), error, "{text_of}");
        }
    }

    #[test]
    fn accuracy_widens_the_time() {
        let malformed = Err(TimestampError::Malformed("accuracy"));
        for (accuracy, expected) in [
            (&[][..], Ok((0, 0, 0))),
            (&[2, 1, 3], Ok((-3, 0, 3))),
            (&[0x80, 1, 1], Ok((-1, 0, 1))),
            (&[0x81, 1, 1], Ok((-1, 0, 1))),
            (&[2, 1, 1, 0x80, 2, 1, 0xf4, 0x81, 1, 1], Ok((-2, 0, 2))),
            (&[2, 4, 0x7f, 0xff, 0xff, 0xff], Ok((-2_147_483_647, 0, 2_147_483_647))),
            (&[0x80, 2, 3, 0xe8], malformed.clone()),
            (&[0x81, 2, 3, 0xe8], malformed),
            (&[2, 1, 0xff], Err(TimestampError::Malformed("TSTInfo"))),
        ] {
            assert_eq!(interval(POLICY, NOON, &tlv(0x30, accuracy)), expected, "{accuracy:?}");
        }
    }

    #[test]
    fn the_best_practices_policy_promises_a_second() {
        let policy = "0.4.0.2023.1.1";
        assert_eq!(interval(policy, NOON, &[]), Ok((-1, 0, 1)));
        assert_eq!(interval(policy, NOON, &tlv(0x30, &[2, 1, 0])), Ok((-1, 0, 1)));
        assert_eq!(interval(policy, NOON, &tlv(0x30, &[2, 1, 5])), Ok((-5, 0, 5)));
    }

    #[test]
    fn what_is_not_used_is_read() {
        let name = tlv(0xa0, &tlv(0xa4, &tlv(0x30, &[])));
        let extension = |critical: &[u8]| {
            let parts = [&tlv(6, &[0x2a, 3]), critical, &tlv(4, &[])].concat();
            tlv(0xa1, &tlv(0x30, &parts))
        };
        let nonce = tlv(2, &[0x7f; 20]);
        let good = [&[1, 1, 0xff], &*nonce, &name, &extension(&[])].concat();
        assert_eq!(interval(POLICY, NOON, &good), Ok((0, 0, 0)));
        assert_eq!(
            interval(POLICY, NOON, &extension(&[1, 1, 0xff])),
            Err(TimestampError::Malformed("a critical extension of TSTInfo"))
        );
        let wrong_order = [&*nonce, &[1, 1, 0xff]].concat();
        let unknown = Err(TimestampError::Malformed("TSTInfo"));
        assert_eq!(interval(POLICY, NOON, &wrong_order), unknown);
        assert_eq!(interval(POLICY, NOON, &tlv(0xa2, &[])), unknown);
    }

    #[test]
    fn a_policy_may_have_arcs_of_any_size() {
        // 2.25 and a UUID.
        let policy = tlv(6, &[&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat());
        let imprint = "3031300d060960864801650304020105000420";
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
                .collect()
        };
        let parts =
            [&[2, 1, 1][..], &policy, &bytes(imprint), &[7; 32], &[2, 1, 9], &tlv(0x18, NOON)];
        assert!(TstInfo::parse(&tlv(0x30, &parts.concat())).is_ok());
    }
}
