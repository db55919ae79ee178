//! Strict JSON: what is signed is parsed here, and nowhere else.
//!
//! Duplicate object members are refused at every level (RFC 8259 §4 leaves them undefined, and two
//! readers that choose differently are how signatures get bypassed), as is anything after the
//! document and nesting deeper than serde_json's 128.

use std::{cell::Cell, collections::BTreeSet, fmt};

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Parses one document.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = deserialize(&mut deserializer).map_err(|e| JsonError(e.to_string()))?;
    deserializer.end().map_err(|e| JsonError(e.to_string()))?;
    Ok(value)
}

/// Parses the named members of one object. The others are read as strictly, and not kept: a
/// predicate of megabytes costs no memory before somebody asks for it.
pub fn members(bytes: &[u8], names: &[&str]) -> Result<Value, JsonError> {
    let left = Cell::new(MOST_MEMORY);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let members = Members { names, left: &left };
    let map = deserializer.deserialize_map(members).map_err(|e| JsonError(e.to_string()))?;
    deserializer.end().map_err(|e| JsonError(e.to_string()))?;
    Ok(Value::Object(map))
}

/// Parses one document into a type. Duplicate members are refused before the type sees them.
pub fn parse_as<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_value(parse(bytes)?).map_err(|e| JsonError(e.to_string()))
}

/// Reads one member of a larger document, as strictly: for `serde(deserialize_with)`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let left = Cell::new(MOST_MEMORY);
    Strict { left: &left }.deserialize(deserializer)
}

/// Why a document is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one document may take in memory, by a count that is the same everywhere: an attacker's
/// `[[],[],…]` takes tens of bytes for each of its three. The module has 256 MiB for everything; an
/// honest SBOM of the 12 MB that fit into an envelope, small objects all through as Syft writes
/// CycloneDX, takes some 115 of these (`cargo bench -p countersign-host --bench growth`).
const MOST_MEMORY: usize = 128 << 20;
/// One value in its list or map.
const VALUE: usize = 32;
/// The first node of an object's tree.
const NODE: usize = 640;

struct Strict<'m> {
    left: &'m Cell<usize>,
}

impl Strict<'_> {
    fn take<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("the document has more values than are read")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        self.take(v.len())?;
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E: de::Error>(self, v: String) -> Result<Value, E> {
        self.take(v.len())?;
        Ok(Value::String(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict { left: self.left })? {
            self.take(VALUE)?;
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            // A tree's nodes hold eleven members each.
            self.take(key.len() + VALUE + if map.is_empty() { NODE } else { VALUE })?;
            let value = access.next_value_seed(Strict { left: self.left })?;
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("duplicate member `{key}`")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// An object of which only some members are kept.
struct Members<'m> {
    names: &'m [&'m str],
    left: &'m Cell<usize>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut seen = Keys::new(self.left);
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            seen.add(&key)?;
            if self.names.contains(&key.as_str()) {
                map.insert(key, access.next_value_seed(Strict { left: self.left })?);
            } else {
                access.next_value_seed(Skipped { left: self.left })?;
            }
        }
        Ok(map)
    }
}

/// The keys of an object that is open.
struct Keys<'m> {
    keys: BTreeSet<String>,
    strict: Strict<'m>,
    taken: usize,
}

impl<'m> Keys<'m> {
    fn new(left: &'m Cell<usize>) -> Self {
        Self { keys: BTreeSet::new(), strict: Strict { left }, taken: 0 }
    }

    fn add<E: de::Error>(&mut self, key: &str) -> Result<(), E> {
        let bytes = key.len() + VALUE + if self.keys.is_empty() { NODE } else { VALUE };
        self.strict.take(bytes)?;
        self.taken += bytes;
        if !self.keys.insert(key.to_owned()) {
            return Err(E::custom(format!("duplicate member `{key}`")));
        }
        Ok(())
    }
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        let left = self.strict.left;
        left.set(left.get() + self.taken);
    }
}

/// A value that is read and not kept.
struct Skipped<'m> {
    left: &'m Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Skipped<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skipped<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<(), E> {
        if v.is_finite() { Ok(()) } else { Err(E::custom("not a finite number")) }
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Skipped { left: self.left })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut seen = Keys::new(self.left);
        while let Some(key) = access.next_key::<String>()? {
            seen.add(&key)?;
            access.next_value_seed(Skipped { left: self.left })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_kept_are_read_as_strictly() {
        let text = r#"{"a":[1,{"b":2}],"c":{"d":[{},"x",null,true,-1,2.5]}}"#;
        let kept = members(text.as_bytes(), &["a", "z"]).unwrap();
        assert_eq!(kept.to_string(), r#"{"a":[1,{"b":2}]}"#);
        let deep = format!(r#"{{"c":{}}}"#, "[".repeat(100_000));
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"c":1,"a":2,"c":3}"#,
            r#"{"c":[{"x":{"y":1,"y":2}}]}"#,
            r#"{"c":1} x"#,
            r#"{"c":[1,}"#,
            r#"{"c":1e999}"#,
            "[]",
            "1",
            &deep,
        ] {
            assert_eq!(
                members(text.as_bytes(), &["a"]).is_err(),
                parse(text.as_bytes()).is_err() || !text.starts_with('{'),
                "{text:.60}"
            );
            assert!(members(text.as_bytes(), &["a"]).is_err(), "{text:.60}");
        }
        let many = format!(r#"{{"c":[{}0]}}"#, "{\"k\":1},".repeat(400_000));
        assert!(parse(many.as_bytes()).is_err(), "too much to keep");
        assert!(members(many.as_bytes(), &["a"]).is_ok(), "and nothing to read");
    }

    #[test]
    fn duplicate_members_are_refused_at_every_level() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("duplicate member `a`"), "{text}: {error}");
        }
    }

    #[test]
    fn trailing_data_and_truncation_are_refused() {
        for text in ["{} x", "{}{}", "{\"a\":", "", "[1,"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).unwrap_err().to_string().contains("recursion limit"));
    }

    #[test]
    fn documents_that_would_take_too_much_memory_are_refused() {
        for (unit, count) in [("[],", 4 << 20), ("{\"a\":1},", 200_000), ("1,", 8 << 20)] {
            let text = format!("[{}0]", unit.repeat(count));
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("more values than are read"), "{unit}: {error}");
        }
        let sbom = r#"{"name":"libexample","version":"1.2.3","licenses":["Apache-2.0"],"purl":"pkg:deb/debian/libexample@1.2.3?arch=amd64&distro=debian-12"},"#;
        let text = format!("[{}0]", sbom.repeat((8 << 20) / sbom.len()));
        assert!(parse(text.as_bytes()).is_ok(), "an honest list of 8 MiB");
        let dense = format!(
            r#"{{"type":"library","name":"some-package","version":"1.2.3","bom-ref":"{0}","licenses":[{{"license":{{"id":"MIT"}}}}],"properties":[{{"name":"syft:package:foundBy","value":"javascript-package-cataloger"}}],"hashes":[{{"alg":"SHA-256","content":"{0}"}}],"purl":"pkg:npm/some-package@1.2.3"}},"#,
            "0".repeat(64),
        );
        let text = format!("[{}0]", dense.repeat(10_000_000 / dense.len()));
        assert!(parse(text.as_bytes()).is_ok(), "and one of 10 MB of small objects");
    }

    #[test]
    fn ordinary_documents_are_kept_whole() {
        let text = r#"{"a":[1,-2,3.5,null,true,"x"],"b":{"c":{}}}"#;
        assert_eq!(serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap(), text);
    }
}
