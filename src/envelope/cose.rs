//! The COSE envelope
//! ([specification](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-envelope-cose.md),
//! [RFC 9052 §4.2](https://www.rfc-editor.org/rfc/rfc9052#section-4.2)).

mod cbor;

use std::collections::BTreeMap;

use cbor::{CborError, Item, Reader};

use super::notation::{
    AUTHENTIC_SIGNING_TIME, Algorithm, EnvelopeError, Label, Limit, MOST_BYTES, NotationEnvelope,
    Protected, Reading, SIGNING_AGENT, SIGNING_SCHEME, SIGNING_TIME, SigningScheme, TIMES,
    TIMESTAMP, Value, check_chain_length,
};
use crate::time::Time;

/// Media type of the layer.
pub const MEDIA_TYPE: &str = "application/cose";

/// Tag 18, COSE_Sign1, then an array of four: each in its only one-byte form.
const TAGGED_ARRAY: [u8; 2] = [0xd2, 0x84];

/// [RFC 9052 §3.1](https://www.rfc-editor.org/rfc/rfc9052#section-3.1).
const ALGORITHM: Label = Label::Number(1);
const CRITICAL: Label = Label::Number(2);
const CONTENT_TYPE: Label = Label::Number(3);
/// [RFC 9360 §2](https://www.rfc-editor.org/rfc/rfc9360#section-2).
const X5CHAIN: Label = Label::Number(33);

/// Initialisation vectors have no meaning in a signature, and countersignatures are unprotected
/// (RFC 9052 §3.1, RFC 9338 §2).
const NEVER_PROTECTED: [i64; 6] = [5, 6, 7, 9, 11, 12];

/// CBOR simple value null, a detached payload.
const NULL: u8 = 22;

/// CBOR tag of epoch-based times, [RFC 8949 §3.4.2](https://www.rfc-editor.org/rfc/rfc8949#section-3.4.2).
const EPOCH: u64 = 1;

type Header = BTreeMap<Label, Item>;

/// Parses an envelope, strictly.
pub fn parse(bytes: &[u8]) -> Result<NotationEnvelope, EnvelopeError> {
    read(bytes, Reading::Strict)
}

/// Parses an envelope.
pub fn read(bytes: &[u8], reading: Reading) -> Result<NotationEnvelope, EnvelopeError> {
    if bytes.len() > MOST_BYTES {
        return Err(EnvelopeError::TooMany(Limit::Bytes));
    }
    // spec: signature-envelope-cose "specifically supports COSE_Sign1_Tagged"
    let Some(members) = bytes.strip_prefix(&TAGGED_ARRAY) else {
        return Err(EnvelopeError::Malformed("not a tagged COSE_Sign1"));
    };
    let mut reader = Reader::new(members);
    let Item::Bytes(body_protected) = reader.item()? else {
        return Err(EnvelopeError::Malformed("the protected header is not a byte string"));
    };
    let mut unprotected = header(reader.item()?)?;
    let payload = match reader.item()? {
        Item::Bytes(payload) => payload,
        Item::Simple(NULL) => return Err(EnvelopeError::PayloadMissing),
        _ => return Err(EnvelopeError::Malformed("the payload is not a byte string")),
    };
    let signature = match reader.item()? {
        Item::Bytes(signature) if !signature.is_empty() => signature,
        _ => return Err(EnvelopeError::SignatureMissing),
    };
    reader.finish()?;
    let mut reader = Reader::new(&body_protected);
    let mut protected = header(reader.item()?)?;
    reader.finish()?;
    if protected.keys().any(|l| matches!(l, Label::Number(n) if NEVER_PROTECTED.contains(n))) {
        return Err(EnvelopeError::Malformed("a parameter that cannot be protected"));
    }
    // spec: RFC 9052 §3 "Applications SHOULD verify that the same label does not occur in both the
    // protected and unprotected header parameters". `crit` is required in the protected one, and so
    // it is never in the other.
    let is_twice = |label: &Label| reading == Reading::Strict || *label == CRITICAL;
    if unprotected.keys().any(|label| is_twice(label) && protected.contains_key(label)) {
        return Err(EnvelopeError::Malformed("a parameter is both protected and unprotected"));
    }
    let algorithm = algorithm(protected.remove(&ALGORITHM))?;
    let content_type = content_type(protected.remove(&CONTENT_TYPE))?;
    let critical = critical(protected.remove(&CRITICAL))?;
    // spec: signature-envelope-cose §Unprotected Headers "Optionally, this header can be
    // presented in the protected header", which notation-go does not look at.
    let protected_chain =
        if reading == Reading::Strict { protected.remove(&X5CHAIN) } else { None };
    let chain = chain(unprotected.remove(&X5CHAIN).or(protected_chain))?;
    let attributes = protected.into_iter().map(|item| attribute(item, reading)).collect();
    let protected = Protected { content_type, critical, attributes };
    let attributes = match reading {
        Reading::Strict => protected.read(is_registered)?,
        Reading::NotationGo => as_notation_go(protected).read(|_| false)?,
    };
    Ok(NotationEnvelope {
        signing_input: sig_structure(&body_protected, &payload),
        signature,
        algorithm,
        chain,
        payload,
        attributes,
        signing_agent: match unprotected.remove(&Label::from(SIGNING_AGENT)) {
            Some(Item::Text(agent)) => Some(agent),
            _ => None,
        },
        timestamp: match unprotected.remove(&Label::from(TIMESTAMP)) {
            Some(Item::Bytes(token)) => Some(token),
            _ => None,
        },
    })
}

/// spec: RFC 9052 §1.4 "label = int / tstr"
fn label(item: Item) -> Result<Label, EnvelopeError> {
    match item {
        Item::Integer(number) => i64::try_from(number)
            .map(Label::Number)
            .map_err(|_| EnvelopeError::Malformed("a label beyond 64 bits")),
        Item::Text(name) => Ok(Label::Name(name)),
        _ => Err(EnvelopeError::Malformed("a label that is neither integer nor text")),
    }
}

fn header(item: Item) -> Result<Header, EnvelopeError> {
    let Item::Map(pairs) = item else {
        return Err(EnvelopeError::Malformed("a header is not a map"));
    };
    pairs.into_iter().map(|(key, value)| Ok((label(key)?, value))).collect()
}

fn algorithm(item: Option<Item>) -> Result<Algorithm, EnvelopeError> {
    match item {
        Some(Item::Integer(number)) => Algorithm::ALL
            .into_iter()
            .find(|a| i128::from(a.cose_number()) == number)
            .ok_or_else(|| EnvelopeError::Algorithm(number.to_string())),
        Some(_) => Err(EnvelopeError::AttributeInvalid("alg")),
        None => Err(EnvelopeError::AttributeMissing("alg")),
    }
}

fn content_type(item: Option<Item>) -> Result<String, EnvelopeError> {
    match item {
        Some(Item::Text(text)) => Ok(text),
        Some(_) => Err(EnvelopeError::AttributeInvalid("content type")),
        None => Err(EnvelopeError::AttributeMissing("content type")),
    }
}

fn critical(item: Option<Item>) -> Result<Vec<Label>, EnvelopeError> {
    let Some(Item::Array(labels)) = item else {
        return Err(EnvelopeError::CriticalMalformed);
    };
    labels
        .into_iter()
        .map(|item| label(item).map_err(|_| EnvelopeError::CriticalMalformed))
        .collect()
}

/// spec: signature-envelope-cose §Protected Headers crit "MUST only contain parameters apart from
/// integer labels in the range of 0 to 8"
fn is_registered(label: &Label) -> bool {
    matches!(label, Label::Number(0..=8))
}

/// spec: signature-envelope-cose §Unprotected Headers "represented as an array of certificate, each
/// certificate in the array is DER encoded and then wrapped in a CBOR byte string"
fn chain(item: Option<Item>) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    let Some(Item::Array(certificates)) = item else {
        return Err(EnvelopeError::CertificatesMissing);
    };
    check_chain_length(certificates.len())?;
    certificates
        .into_iter()
        .map(|certificate| match certificate {
            Item::Bytes(der) => Ok(der),
            _ => Err(EnvelopeError::Malformed("`x5chain` is not a list of byte strings")),
        })
        .collect()
}

/// The time of the other scheme is not looked at, and `crit` may name anything that is there, also
/// twice. Algorithm, content type and `crit` itself are.
fn as_notation_go(mut protected: Protected) -> Protected {
    let scheme = match protected.attributes.get(&Label::from(SIGNING_SCHEME)) {
        Some(Value::Text(text)) => SigningScheme::parse(text),
        _ => None,
    };
    let mut without_meaning = vec![ALGORITHM, CRITICAL, CONTENT_TYPE];
    let other = Label::from(match scheme {
        Some(SigningScheme::SigningAuthority) => SIGNING_TIME,
        _ => AUTHENTIC_SIGNING_TIME,
    });
    if protected.attributes.remove(&other).is_some() {
        without_meaning.push(other);
    }
    let time = Label::from(SIGNING_TIME);
    if protected.attributes.contains_key(&time) {
        without_meaning.push(time);
    }
    let mut critical = Vec::new();
    for label in protected.critical {
        if !without_meaning.contains(&label) && !critical.contains(&label) {
            critical.push(label);
        }
    }
    Protected { critical, ..protected }
}

fn attribute((label, item): (Label, Item), reading: Reading) -> (Label, Value) {
    let is_time = matches!(&label, Label::Name(name) if TIMES.contains(&name.as_str()));
    let value = match item {
        Item::Tag(EPOCH, inner) if is_time => {
            epoch(&inner, reading).map_or(Value::Other, Value::Time)
        }
        Item::Text(text) => Value::Text(text),
        _ => Value::Other,
    };
    (label, value)
}

/// Seconds since the epoch; a fraction is cut off, as nothing here is finer than a second. To
/// notation-go there were times before it, back to the first year, whose beginning is Go's for none.
fn epoch(item: &Item, reading: Reading) -> Option<Time> {
    const FIRST_YEAR: i64 = -62_135_596_800;
    let seconds = match item {
        Item::Integer(seconds) => i64::try_from(*seconds).ok()?,
        Item::Float(bits) => {
            let seconds = f64::from_bits(*bits).trunc();
            // 2⁵³: beyond it a double does not hold whole seconds.
            (FIRST_YEAR as f64..=9_007_199_254_740_992.0)
                .contains(&seconds)
                .then_some(seconds as i64)?
        }
        _ => return None,
    };
    let earliest = match reading {
        Reading::Strict => 0,
        Reading::NotationGo => FIRST_YEAR.saturating_add(1),
    };
    (seconds >= earliest).then_some(Time::from_unix(seconds))
}

/// spec: RFC 9052 §4.4 "Sig_structure = [context: "Signature1", body_protected, external_aad,
/// payload]", with the protected header as it was received.
fn sig_structure(body_protected: &[u8], payload: &[u8]) -> Vec<u8> {
    const CONTEXT: &[u8] = b"\x84\x6aSignature1";
    const NO_EXTERNAL_AAD: u8 = 0x40;
    let mut out = CONTEXT.to_vec();
    cbor::write_bytes(&mut out, body_protected);
    out.push(NO_EXTERNAL_AAD);
    cbor::write_bytes(&mut out, payload);
    out
}

impl From<CborError> for EnvelopeError {
    fn from(error: CborError) -> Self {
        match error {
            CborError::Depth => Self::TooMany(Limit::Depth),
            CborError::Duplicate => Self::Malformed("CBOR with a duplicate key"),
            CborError::Indefinite => Self::Malformed("CBOR of indefinite length"),
            CborError::Many => Self::TooMany(Limit::Parameters),
            CborError::Syntax => Self::Malformed("not valid CBOR"),
            CborError::Trailing => Self::Malformed("data after the CBOR item"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sig_structure_is_that_of_rfc_9052() {
        assert_eq!(
            sig_structure(&[0xa1, 0x01, 0x26], b"This is the content."),
            b"\x84\x6aSignature1\x43\xa1\x01\x26\x40\x54This is the content."
        );
    }

    #[test]
    fn only_the_one_form_of_the_tag_is_read() {
        for bytes in
            [&b"\xd8\x12\x84"[..], b"\x84", b"\xd8\x62\x84", b"\xd2\x98\x04", b"\xd2\x9f", b""]
        {
            assert_eq!(
                parse(bytes),
                Err(EnvelopeError::Malformed("not a tagged COSE_Sign1")),
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn times_are_whole_seconds_from_the_epoch_on() {
        let float = |x: f64| Item::Float(x.to_bits());
        let strict = |item: &Item| epoch(item, Reading::Strict);
        assert_eq!(strict(&Item::Integer(7)), Some(Time::from_unix(7)));
        assert_eq!(strict(&float(7.9)), Some(Time::from_unix(7)));
        for item in [
            Item::Integer(-1),
            Item::Integer(i128::from(u64::MAX)),
            float(-1.0),
            float(f64::NAN),
            float(f64::INFINITY),
            float(1e300),
            Item::Text("2026-01-01T00:00:00Z".into()),
        ] {
            assert_eq!(strict(&item), None, "{item:?}");
        }
        for (item, expected) in [
            (Item::Integer(-5), Some(-5)),
            (float(-5.5), Some(-5)),
            (Item::Integer(-62_135_596_800), None),
            (float(-1e300), None),
            (float(f64::NAN), None),
        ] {
            let expected = expected.map(Time::from_unix);
            assert_eq!(epoch(&item, Reading::NotationGo), expected, "{item:?}");
        }
    }
}
