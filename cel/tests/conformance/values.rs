//! Values of the tests, and whether a result is one.

use countersign_cel::{Bytes, Duration, Key, Text, Timestamp, Type, Value};

use crate::textproto::{Field, Message};

/// Said of a binding or an expectation that cannot be made.
pub(crate) const NO_MESSAGE: &str = "the test has a message";

/// `cel.expr.Value`
pub(crate) fn read(value: &Message) -> Result<Value<'static>, String> {
    let Some((kind, field)) = value.0.first() else { return Ok(Value::Null) };
    let text = || value.text(kind).unwrap();
    Ok(match kind.as_str() {
        "bool_value" => Value::Bool(text() == "true"),
        "bytes_value" => match field {
            Field::Quoted(bytes) => Value::Bytes(Bytes::from(bytes.clone())),
            _ => panic!("bytes"),
        },
        "double_value" => Value::Double(match text().as_str() {
            "infinity" | "inf" => f64::INFINITY,
            "-infinity" | "-inf" => f64::NEG_INFINITY,
            "nan" => f64::NAN,
            number => number.parse().unwrap(),
        }),
        "int64_value" => Value::Int(text().parse().unwrap()),
        "list_value" => {
            let values = value.message(kind).unwrap().messages("values").map(read);
            Value::list(values.collect::<Result<_, _>>()?).unwrap()
        }
        "map_value" => map(value.message(kind).unwrap())?,
        "null_value" => Value::Null,
        "object_value" => return object(value.message(kind).unwrap()),
        "string_value" => Value::String(Text::from(text())),
        "type_value" => return kind_of(&text()),
        "uint64_value" => Value::Uint(text().parse().unwrap()),
        _ => return Err(NO_MESSAGE.into()),
    })
}

fn map(message: &Message) -> Result<Value<'static>, String> {
    let mut entries = Vec::new();
    for entry in message.messages("entries") {
        let key = match read(entry.message("key").unwrap())? {
            Value::Bool(truth) => Key::Bool(truth),
            Value::Int(int) => Key::Int(int),
            Value::String(text) => Key::String(text),
            Value::Uint(uint) => Key::Uint(uint),
            other => panic!("{other:?} as a key"),
        };
        entries.push((key, read(entry.message("value").unwrap())?));
    }
    Ok(Value::Map(countersign_cel::Map::new(entries).unwrap()))
}

fn object(message: &Message) -> Result<Value<'static>, String> {
    let (name, field) = &message.0[0];
    let Field::Message(field) = field else { return Err(NO_MESSAGE.into()) };
    let number = |name| field.text(name).map_or(0_i64, |text| text.parse().unwrap());
    let (seconds, nanos) = (number("seconds"), number("nanos"));
    match name.as_str() {
        "type.googleapis.com/google.protobuf.Duration" => {
            Ok(Value::Duration(Duration::from_nanos(seconds * 1_000_000_000 + nanos)))
        }
        "type.googleapis.com/google.protobuf.Timestamp" => {
            Ok(Value::Timestamp(Timestamp::new(seconds, u32::try_from(nanos).unwrap()).unwrap()))
        }
        _ => Err(NO_MESSAGE.into()),
    }
}

fn kind_of(name: &str) -> Result<Value<'static>, String> {
    let kind = Type::ALL.into_iter().find(|kind| kind.name() == name);
    kind.map(Value::Type).ok_or_else(|| NO_MESSAGE.into())
}

/// Equal, and of the same types.
pub(crate) fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => **a == **b,
        (Value::Double(a), Value::Double(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(&a, &b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(&key).is_some_and(|b| same(&a, &b)))
        }
        (Value::Null, Value::Null) => true,
        (Value::Optional(a), Value::Optional(b)) => match (a.get(), b.get()) {
            (Some(a), Some(b)) => same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        },
        (Value::String(a), Value::String(b)) => **a == **b,
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Uint(a), Value::Uint(b)) => a == b,
        _ => false,
    }
}
