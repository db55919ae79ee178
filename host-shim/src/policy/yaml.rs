//! YAML 1.2 (core schema) to JSON: exactly one document, string keys, no duplicates, no tags, and
//! aliases only as far as they stay small.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::positions::{Position, Positions, escape};

/// Values of one document, aliases counted as often as they are used.
const MAX_VALUES: usize = 200_000;
const MAX_DEPTH: usize = 64;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct YamlError {
    pub(super) position: Position,
    pub(super) message: String,
}

/// Parses one document.
pub(super) fn parse(text: &str) -> Result<(Value, Positions), YamlError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        positions: Positions::default(),
        anchors: HashMap::new(),
        count: 0,
        last: Position { line: 1, column: 1 },
    };
    let value = reader.stream()?;
    Ok((value, reader.positions))
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    positions: Positions,
    /// Finished anchors: the value and how many values it holds.
    anchors: HashMap<usize, (Value, usize)>,
    count: usize,
    last: Position,
}

impl<'a> Reader<'a> {
    fn stream(&mut self) -> Result<Value, YamlError> {
        let mut found = None;
        loop {
            let (event, position) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) if found.is_some() => {
                    return error(position, "a second document: there must be exactly one");
                }
                Event::DocumentStart(_) => {
                    let (event, position) = self.next()?;
                    self.positions.insert(String::new(), position);
                    found = Some(self.value(event, position, "", 0)?);
                }
                Event::StreamEnd => {
                    return match found {
                        Some(value) => Ok(value),
                        None => error(position, "there is no document in it"),
                    };
                }
                _ => return error(position, "a value outside of a document"),
            }
        }
    }

    fn value(
        &mut self,
        event: Event<'a>,
        position: Position,
        pointer: &str,
        depth: usize,
    ) -> Result<Value, YamlError> {
        if depth > MAX_DEPTH {
            return error(position, &format!("nested deeper than {MAX_DEPTH}"));
        }
        let before = self.count;
        self.spend(1, position)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag.as_deref(), position)?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                no_tag(tag.as_ref(), position)?;
                (self.sequence(pointer, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                no_tag(tag.as_ref(), position)?;
                (self.mapping(pointer, depth)?, anchor)
            }
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor).cloned() else {
                    return error(position, "an alias of something that is not finished");
                };
                self.spend(size, position)?;
                return Ok(value);
            }
            _ => return error(position, "a value is missing"),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.count - before));
        }
        Ok(value)
    }

    fn sequence(&mut self, pointer: &str, depth: usize) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            let (event, position) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            let pointer = format!("{pointer}/{}", items.len());
            self.positions.insert(pointer.clone(), position);
            items.push(self.value(event, position, &pointer, depth + 1)?);
        }
    }

    fn mapping(&mut self, pointer: &str, depth: usize) -> Result<Value, YamlError> {
        let mut members = Map::new();
        loop {
            let (event, position) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(members)),
                Event::Scalar(text, style, 0, tag) => {
                    match scalar(&text, style, tag.as_deref(), position)? {
                        Value::String(key) => key,
                        other => {
                            let message = format!("the key `{other}` is not a string: quote it");
                            return error(position, &message);
                        }
                    }
                }
                _ => return error(position, "a key is not a plain string"),
            };
            if members.contains_key(&key) {
                return error(position, &format!("the key `{key}` is there twice"));
            }
            let pointer = format!("{pointer}/{}", escape(&key));
            self.positions.insert(pointer.clone(), position);
            let (event, position) = self.next()?;
            let value = self.value(event, position, &pointer, depth + 1)?;
            members.insert(key, value);
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Position), YamlError> {
        match self.parser.next_event() {
            Some(Ok((event, Span { start, .. }))) => {
                self.last = position(start);
                Ok((event, self.last))
            }
            Some(Err(e)) => error(position(*e.marker()), e.info()),
            None => error(self.last, "the text ends too early"),
        }
    }

    fn spend(&mut self, values: usize, position: Position) -> Result<(), YamlError> {
        self.count += values;
        if self.count > MAX_VALUES {
            return error(position, &format!("more than {MAX_VALUES} values"));
        }
        Ok(())
    }
}

fn no_tag(tag: Option<&Cow<'_, Tag>>, position: Position) -> Result<(), YamlError> {
    match tag {
        Some(tag) => error(position, &format!("the tag `{tag}` is not supported")),
        None => Ok(()),
    }
}

/// YAML 1.2.2 §10.3.2: plain scalars by pattern, quoted ones are strings.
fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    position: Position,
) -> Result<Value, YamlError> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => return Ok(text.into()),
        Some(tag) => return error(position, &format!("the tag `{tag}` is not supported")),
        None => {}
    }
    if style != ScalarStyle::Plain {
        return Ok(text.into());
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text) {
            Some(number) => Value::Number(number),
            None => text.into(),
        },
    })
}

fn number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().map(Number::from);
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = unsigned.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if !numeric || !unsigned.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(n) = text.parse::<u64>() {
        return Some(n.into());
    }
    if let Ok(n) = text.parse::<i64>() {
        return Some(n.into());
    }
    text.parse().ok().and_then(Number::from_f64)
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn error<T>(position: Position, message: &str) -> Result<T, YamlError> {
    Err(YamlError { position, message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        parse(text).unwrap().0
    }

    fn refusal(text: &str) -> String {
        let e = parse(text).unwrap_err();
        format!("{}: {}", e.position, e.message)
    }

    #[test]
    fn reads_the_core_schema_and_leaves_the_rest_as_text() {
        let text = "a: yes\nb: 2027-01-01\nc: 0x1F\nd: 1.5\ne: ~\nf: 'true'\ng: -3\nh: 1.2.3\ni: .inf\nj: 7d";
        let expected = json!({
            "a": "yes", "b": "2027-01-01", "c": 31, "d": 1.5, "e": null, "f": "true", "g": -3,
            "h": "1.2.3", "i": ".inf", "j": "7d",
        });
        assert_eq!(value(text), expected);
    }

    #[test]
    fn knows_where_members_and_items_stand() {
        let (_, positions) =
            parse("spec:\n  rules:\n    - images: [a, b]\n      x/y: 1\n").unwrap();
        let at = |pointer| positions.nearest(pointer).unwrap().to_string();
        assert_eq!(at("/spec/rules"), "2:3");
        assert_eq!(at("/spec/rules/0"), "3:7");
        assert_eq!(at("/spec/rules/0/images/1"), "3:19");
        assert_eq!(at("/spec/rules/0/x~1y"), "4:7");
        assert_eq!(at("/spec/rules/0/require"), "3:7");
        assert_eq!(at("/nothing"), "1:1");
    }

    #[test]
    fn refuses_what_two_readers_could_read_in_two_ways() {
        assert_eq!(refusal("a: 1\nb: 2\na: 3"), "3:1: the key `a` is there twice");
        assert_eq!(refusal("1: a"), "1:1: the key `1` is not a string: quote it");
        assert_eq!(refusal("true: a"), "1:1: the key `true` is not a string: quote it");
        assert_eq!(refusal("? [a]\n: b"), "1:3: a key is not a plain string");
        assert!(refusal("a: 1\n---\nb: 2").contains("exactly one"));
        assert!(refusal("a: !!binary aGk=").contains("not supported"));
        assert!(refusal("").contains("no document"));
        assert!(refusal("# only a comment\n").contains("no document"));
    }

    #[test]
    fn bounds_aliases_and_depth() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        assert!(refusal(&bomb).contains("more than"));
        assert!(refusal(&"[".repeat(100)).contains("nested deeper"));
        assert_eq!(value("a: &x {k: 1}\nb: *x"), json!({"a": {"k": 1}, "b": {"k": 1}}));
        assert!(parse("a: &x [*x]").is_err());
    }
}
