//! Base64.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{Outcome, no_overload};
use crate::{Bytes, Value, cost::Cost, error::Cause};

/// Padding is written, and read where it is there.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn base64_encode<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Bytes(bytes)] => {
            cost.text(bytes.len().saturating_mul(2))?;
            Ok(Value::text(ENGINE.encode(&**bytes)))
        }
        _ => no_overload(),
    }
}

pub(super) fn base64_decode<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::String(text)] => {
            cost.text(text.len().saturating_mul(2))?;
            let bytes = ENGINE.decode(&**text);
            let bytes = bytes.map_err(|why| Cause::Invalid(format!("invalid base64: {why}")))?;
            Ok(Value::Bytes(Bytes::from(bytes)))
        }
        _ => no_overload(),
    }
}
