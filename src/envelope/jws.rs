//! The JWS envelope
//! ([specification](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-envelope-jws.md),
//! [RFC 7515 §7.2.2](https://www.rfc-editor.org/rfc/rfc7515#section-7.2.2)).

use std::collections::BTreeMap;

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{
        DecodePaddingMode,
        general_purpose::{self, GeneralPurpose, GeneralPurposeConfig},
    },
};
use serde_json::{Map, Value as Json};

use super::{
    go_json::{self, Member, member},
    notation::{
        AUTHENTIC_SIGNING_TIME, Algorithm, EXPIRY, EnvelopeError, Label, Limit, MOST_BYTES,
        MOST_PARAMETERS, NotationEnvelope, Protected, Reading, SIGNING_AGENT, SIGNING_SCHEME,
        SIGNING_TIME, TIMES, TIMESTAMP, Value, check_chain_length,
    },
};
use crate::{json, time::Time};

/// Media type of the layer.
pub const MEDIA_TYPE: &str = "application/jose+json";

/// [RFC 7515 §4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1).
const REGISTERED: [&str; 11] =
    ["alg", "crit", "cty", "jku", "jwk", "kid", "typ", "x5c", "x5t", "x5t#S256", "x5u"];

/// What notation-go's structures have. `alg` is not among them: it is read by its one name.
const ENVELOPE: [Member; 4] = [
    member("payload"),
    member("protected"),
    member("signature"),
    Member { name: "header", inner: &[member("x5c"), member(TIMESTAMP), member(SIGNING_AGENT)] },
];
const PROTECTED: [Member; 6] = [
    member("crit"),
    member("cty"),
    member(AUTHENTIC_SIGNING_TIME),
    member(EXPIRY),
    member(SIGNING_SCHEME),
    member(SIGNING_TIME),
];

/// Parses an envelope, strictly.
pub fn parse(bytes: &[u8]) -> Result<NotationEnvelope, EnvelopeError> {
    read(bytes, Reading::Strict)
}

/// Parses an envelope.
pub fn read(bytes: &[u8], reading: Reading) -> Result<NotationEnvelope, EnvelopeError> {
    if bytes.len() > MOST_BYTES {
        return Err(EnvelopeError::TooMany(Limit::Bytes));
    }
    let mut document = object(bytes, reading, &ENVELOPE, "not a JSON object")?;
    let protected =
        text(&mut document, "protected", EnvelopeError::Malformed("`protected` is missing"))?;
    let payload = text(&mut document, "payload", EnvelopeError::PayloadMissing)?;
    let signature = text(&mut document, "signature", EnvelopeError::SignatureMissing)?;
    let Some(Json::Object(mut unprotected)) = document.remove("header") else {
        return Err(EnvelopeError::CertificatesMissing);
    };
    // spec: signature-envelope-jws §Signature Envelope "no additional top level fields are
    // supported", "the compliant signature envelope MUST be in flattened JWS JSON format"
    if reading == Reading::Strict && !document.is_empty() {
        return Err(EnvelopeError::Malformed(
            "a member that the flattened serialization does not have",
        ));
    }
    let mut header = object(
        &url_safe(&protected, reading)?,
        reading,
        &PROTECTED,
        "the protected header is not a JSON object",
    )?;
    if header.len() > MOST_PARAMETERS || unprotected.len() > MOST_PARAMETERS {
        return Err(EnvelopeError::TooMany(Limit::Parameters));
    }
    // spec: RFC 7515 §7.2.1 "The Header Parameter names in the two locations MUST be disjoint"
    if reading == Reading::Strict && unprotected.keys().any(|name| header.contains_key(name)) {
        return Err(EnvelopeError::Malformed("a parameter is both protected and unprotected"));
    }
    let algorithm = algorithm(header.remove("alg"))?;
    let content_type = text(&mut header, "cty", EnvelopeError::AttributeMissing("cty"))?;
    let critical = critical(header.remove("crit"), reading)?;
    let registered = match reading {
        Reading::Strict => is_registered,
        Reading::NotationGo => |_: &Label| false,
    };
    let attributes = header.into_iter().map(attribute).collect::<BTreeMap<_, _>>();
    let attributes = Protected { content_type, critical, attributes }.read(registered)?;
    let primitive = url_safe(&signature, reading)?;
    if primitive.is_empty() {
        return Err(EnvelopeError::SignatureMissing);
    }
    Ok(NotationEnvelope {
        // spec: RFC 7515 §5.2 "computing a message … ASCII(BASE64URL(UTF8(JWS Protected Header)) ||
        // '.' || BASE64URL(JWS Payload))": as received, not encoded again.
        signing_input: [protected.as_bytes(), b".", payload.as_bytes()].concat(),
        signature: primitive,
        algorithm,
        chain: chain(unprotected.remove("x5c"), reading)?,
        payload: url_safe(&payload, reading)?,
        attributes,
        // spec: signature-specification §Unsigned Attributes "the verifier MUST NOT validate
        // formatting, or fail validation based on the content of this claim"
        signing_agent: match unprotected.remove(SIGNING_AGENT) {
            Some(Json::String(agent)) => Some(agent),
            _ => None,
        },
        timestamp: timestamp(unprotected.remove(TIMESTAMP), reading)?,
    })
}

fn object(
    bytes: &[u8],
    reading: Reading,
    members: &[Member],
    otherwise: &'static str,
) -> Result<Map<String, Json>, EnvelopeError> {
    match reading {
        Reading::Strict => match json::parse(bytes) {
            Ok(Json::Object(object)) => Ok(object),
            Ok(_) => Err(EnvelopeError::Malformed(otherwise)),
            Err(error) => Err(EnvelopeError::Syntax(error.to_string())),
        },
        Reading::NotationGo => go_json::parse(bytes, members).map_err(EnvelopeError::Syntax),
    }
}

fn text(
    object: &mut Map<String, Json>,
    name: &str,
    missing: EnvelopeError,
) -> Result<String, EnvelopeError> {
    match object.remove(name) {
        Some(Json::String(text)) => Ok(text),
        _ => Err(missing),
    }
}

fn algorithm(value: Option<Json>) -> Result<Algorithm, EnvelopeError> {
    match value {
        Some(Json::String(name)) => Algorithm::ALL
            .into_iter()
            .find(|a| a.jose_name() == name)
            .ok_or(EnvelopeError::Algorithm(name)),
        Some(_) => Err(EnvelopeError::AttributeInvalid("alg")),
        None => Err(EnvelopeError::AttributeMissing("alg")),
    }
}

fn critical(value: Option<Json>, reading: Reading) -> Result<Vec<Label>, EnvelopeError> {
    let Some(Json::Array(names)) = value else {
        return Err(EnvelopeError::CriticalMalformed);
    };
    let mut labels = Vec::new();
    for name in names {
        let Json::String(name) = name else {
            return Err(EnvelopeError::CriticalMalformed);
        };
        // To notation-go only a name of its own is there twice.
        let own = [AUTHENTIC_SIGNING_TIME, EXPIRY, SIGNING_SCHEME].contains(&name.as_str());
        let label = Label::Name(name);
        if reading == Reading::Strict || own || !labels.contains(&label) {
            labels.push(label);
        }
    }
    Ok(labels)
}

/// spec: signature-envelope-jws §Protected Headers "Its value is a [RFC 3339] formatted date time"
fn attribute((name, value): (String, Json)) -> (Label, Value) {
    let value = match value {
        Json::String(text) if TIMES.contains(&name.as_str()) => {
            Time::parse(&text).map_or(Value::Other, Value::Time)
        }
        Json::String(text) => Value::Text(text),
        _ => Value::Other,
    };
    (Label::Name(name), value)
}

fn is_registered(label: &Label) -> bool {
    matches!(label, Label::Name(name) if REGISTERED.contains(&name.as_str()))
}

/// spec: signature-envelope-jws §Unprotected Headers "`x5c` (array of strings): This REQUIRED header
/// contains the ordered list of X.509 certificate or certificate chain"
fn chain(value: Option<Json>, reading: Reading) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    let Some(Json::Array(certificates)) = value else {
        return Err(EnvelopeError::CertificatesMissing);
    };
    check_chain_length(certificates.len())?;
    certificates
        .iter()
        .map(|certificate| {
            certificate
                .as_str()
                .and_then(|text| standard(text, reading))
                .ok_or(EnvelopeError::Malformed("`x5c` is not a list of standard base64"))
        })
        .collect()
}

/// The token itself is looked at only where a timestamp is asked for.
fn timestamp(value: Option<Json>, reading: Reading) -> Result<Option<Vec<u8>>, EnvelopeError> {
    match value {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .and_then(|text| standard(text, reading))
            .map(Some)
            .ok_or(EnvelopeError::Malformed("the timestamp is not standard base64")),
    }
}

/// spec: RFC 7515 §2 "Base64 encoding using the URL- and filename-safe character set …, with all
/// trailing '=' characters omitted … and without the inclusion of any line breaks, whitespace, or
/// other additional characters"
fn url_safe(text: &str, reading: Reading) -> Result<Vec<u8>, EnvelopeError> {
    match reading {
        Reading::Strict => general_purpose::URL_SAFE_NO_PAD.decode(text).ok(),
        Reading::NotationGo => GO_URL_SAFE.decode(without_line_breaks(text)).ok(),
    }
    .ok_or(EnvelopeError::Malformed("not base64url without padding"))
}

fn standard(text: &str, reading: Reading) -> Option<Vec<u8>> {
    match reading {
        Reading::Strict => general_purpose::STANDARD.decode(text).ok(),
        Reading::NotationGo => GO_STANDARD.decode(without_line_breaks(text)).ok(),
    }
}

/// Go's `encoding/base64` drops line breaks, and takes any bits at the end that are not used.
const GO: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const GO_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, GO);
const GO_URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GO.with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

fn without_line_breaks(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const PROTECTED: &str = r#"{"alg":"ES256","cty":"application/vnd.cncf.notary.payload.v1+json","crit":["io.cncf.notary.signingScheme"],"io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-01-01T00:00:00Z"}"#;

    fn envelope(protected: &str, rest: &str) -> Result<NotationEnvelope, EnvelopeError> {
        let protected = URL_SAFE_NO_PAD.encode(protected);
        parse(format!(r#"{{"payload":"e30","protected":"{protected}",{rest}}}"#).as_bytes())
    }

    const REST: &str = r#""header":{"x5c":["AAEC"]},"signature":"AAEC""#;

    #[test]
    fn the_signing_input_is_what_was_received() {
        let read = envelope(PROTECTED, REST).unwrap();
        let encoded = URL_SAFE_NO_PAD.encode(PROTECTED);
        assert_eq!(read.signing_input, format!("{encoded}.e30").into_bytes());
        assert_eq!((read.payload, read.signature), (b"{}".to_vec(), vec![0, 1, 2]));
        assert_eq!(read.chain, [vec![0, 1, 2]]);
    }

    #[test]
    fn the_signing_agent_is_never_looked_at() {
        for agent in [r#""notation/1.0.0""#, r#""""#, "7", "null", "{}"] {
            let rest = format!(
                r#""header":{{"x5c":["AAEC"],"io.cncf.notary.signingAgent":{agent}}},"signature":"AAEC""#
            );
            assert!(envelope(PROTECTED, &rest).is_ok(), "{agent}");
        }
    }

    #[test]
    fn base64_has_one_form() {
        for signature in ["AAEC=", "AAE", "AAF", "AA EC", "AAEC\\n", "AA+C", "AA/C"] {
            let rest = format!(r#""header":{{"x5c":["AAEC"]}},"signature":"{signature}""#);
            let ok = envelope(PROTECTED, &rest).is_ok();
            assert_eq!(ok, signature == "AAE", "{signature}");
        }
    }

    #[test]
    fn notation_go_reads_more() {
        let plain = envelope(PROTECTED, REST).unwrap();
        for rest in [
            r#""header":{"x5c":["AAEC"]},"signature":"AA\nEC\r\n","more":1"#,
            r#""header":{"x5c":["AA\r\nEC"]},"signature":"AAEC""#,
            r#""header":null,"Header":{"X5C":["AAEC"],"alg":"none"},"Signature":"AAEC""#,
            r#""header":{"x5c":["AAEC"]},"signature":"AAAA","signature":"AAEC""#,
        ] {
            let protected = URL_SAFE_NO_PAD.encode(PROTECTED);
            let text = format!(r#"{{"payload":"e30","protected":"{protected}",{rest}}}"#);
            assert!(parse(text.as_bytes()).is_err(), "{rest}");
            assert_eq!(read(text.as_bytes(), Reading::NotationGo).as_ref(), Ok(&plain), "{rest}");
        }
        assert_eq!(url_safe("AAF", Reading::NotationGo), Ok(vec![0, 1]));
        for text in ["AAE=", "AA EC", "A", "AA+C"] {
            assert!(url_safe(text, Reading::NotationGo).is_err(), "{text}");
        }
        assert_eq!(standard("AAF=\n", Reading::NotationGo), Some(vec![0, 1]));
        assert_eq!(standard("AAE", Reading::NotationGo), None);
    }

    #[test]
    fn a_parameter_is_protected_or_not_but_never_both() {
        let rest = r#""header":{"x5c":["AAEC"],"alg":"PS256"},"signature":"AAEC""#;
        assert!(matches!(envelope(PROTECTED, rest), Err(EnvelopeError::Malformed(_))));
    }
}
