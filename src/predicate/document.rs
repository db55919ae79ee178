//! What all predicates have in common: when they say that they were made, and what is around them.

use serde_json::Value;

use crate::time::Time;

/// What a predicate says of when it was made: the field of its type that says so.
pub fn asserted_time(_predicate_type: &str, _predicate: &Value) -> Option<Time> {
    None
}

/// Takes cosign's `{Data, Timestamp}` of `custom` attestations off.
pub fn unwrapped<'a>(_predicate_type: &str, predicate: &'a Value) -> &'a Value {
    predicate
}
