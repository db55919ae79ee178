//! JSON as Go's `encoding/json` reads it into a structure, for those who must come to the verdict of a
//! verifier in Go: of several members with one name the last one counts, names have any case, and
//! `null` is no value. Everything else is read by [`crate::json`].

use std::fmt;

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// A member of a structure.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    /// What a structure inside has; empty where the value is kept as it is.
    pub(crate) inner: &'static [Self],
}

/// A member of any value.
pub(crate) const fn member(name: &'static str) -> Member {
    Member { name, inner: &[] }
}

/// Parses an object with these members, by these names, and with those that the structure does not
/// have. The bytes are part of an envelope, and so their number is bounded.
pub(crate) fn parse(bytes: &[u8], members: &[Member]) -> Result<Map<String, Value>, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let object = Structure(members).deserialize(&mut deserializer).map_err(|e| e.to_string())?;
    deserializer.end().map_err(|e| e.to_string())?;
    object.ok_or_else(|| "null is no object".to_owned())
}

/// An object, or `null`.
struct Structure<'m>(&'m [Member]);

impl<'de> DeserializeSeed<'de> for Structure<'_> {
    type Value = Option<Map<String, Value>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Structure<'_> {
    type Value = Option<Map<String, Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Some(member) = self.0.iter().find(|member| is_same_to_go(member.name, &key)) else {
                map.insert(key, access.next_value()?);
                continue;
            };
            let value = if member.inner.is_empty() {
                access.next_value::<Option<Value>>()?
            } else {
                access.next_value_seed(Structure(member.inner))?.map(Value::Object)
            };
            if let Some(value) = value {
                map.insert(member.name.to_owned(), value);
            }
        }
        Ok(Some(map))
    }
}

/// Unicode's simple folding, for names of ASCII letters: to Go, `K` is also the Kelvin sign, and `s`
/// the long one.
fn is_same_to_go(name: &str, key: &str) -> bool {
    let folded = key.chars().map(|c| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    });
    name.chars().map(|c| c.to_ascii_lowercase()).eq(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [Member; 2] =
        [member("size"), Member { name: "inside", inner: &[member("key")] }];

    fn read(text: &str) -> Result<String, String> {
        parse(text.as_bytes(), &MEMBERS).map(|map| Value::Object(map).to_string())
    }

    #[test]
    fn the_last_of_a_name_counts_in_any_case() {
        for (text, expected) in [
            (r#"{"a":1,"a":2,"A":3}"#, r#"{"A":3,"a":2}"#),
            (r#"{"size":1,"SIZE":2}"#, r#"{"size":2}"#),
            (r#"{"SIZE":1,"size":2}"#, r#"{"size":2}"#),
            (r#"{"\u017fize":1}"#, r#"{"size":1}"#),
            (r#"{"inside":{"\u212aey":1,"SIZE":2}}"#, r#"{"inside":{"SIZE":2,"key":1}}"#),
            (r#"{"size":1,"Size":null,"x":null}"#, r#"{"size":1,"x":null}"#),
            (r#"{"inside":{"key":1},"INSIDE":null}"#, r#"{"inside":{"key":1}}"#),
            (r#"{"x":{"SIZE":1,"SIZE":[{"KEY":2}]}}"#, r#"{"x":{"SIZE":[{"KEY":2}]}}"#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_such_structure_is_refused() {
        let deep = format!(r#"{{"x":{}}}"#, "[".repeat(1000));
        for text in [
            "",
            "null",
            "[]",
            "1",
            "{} x",
            r#"{"size":1"#,
            r#"{"inside":[]}"#,
            r#"{"x":"\ud800"}"#,
            &deep,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
