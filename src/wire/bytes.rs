//! Bytes that travel as standard base64 in JSON.

use std::fmt;
use std::{string::String, vec::Vec};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Raw bytes; base64 with padding (RFC 4648 §4) in JSON.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Bytes, E> {
                STANDARD.decode(v).map(Bytes).map_err(|_| E::custom("not standard base64"))
            }
            fn visit_string<E: de::Error>(self, v: String) -> Result<Bytes, E> {
                self.visit_str(&v)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
