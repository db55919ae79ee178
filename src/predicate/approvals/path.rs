//! JSON pointers in which a step `*` is every member.

use std::fmt;

use serde_json::Value;

/// Steps of one path: documents that people write are a few levels deep.
const MOST_STEPS: usize = 16;

/// A [JSON pointer](https://www.rfc-editor.org/rfc/rfc6901) with stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    steps: Vec<String>,
}

impl Path {
    /// `/reviews/*/user`; the empty text is the whole.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { steps: Vec::new() });
        }
        let steps: Vec<_> = text.strip_prefix('/')?.split('/').map(unescaped).collect();
        (steps.len() <= MOST_STEPS).then_some(Self { steps })
    }

    pub(crate) fn of(steps: &[&str]) -> Self {
        Self { steps: steps.iter().map(|&step| step.to_owned()).collect() }
    }

    /// What stands there: nothing, one value, or many. No value is looked at twice.
    pub(super) fn values<'a>(&self, whole: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![whole];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                match (step.as_str(), value) {
                    ("*", Value::Array(items)) => next.extend(items),
                    ("*", Value::Object(map)) => next.extend(map.values()),
                    (name, Value::Object(map)) => next.extend(map.get(name)),
                    (index, Value::Array(items)) => {
                        next.extend(index.parse::<usize>().ok().and_then(|i| items.get(i)));
                    }
                    _ => {}
                }
            }
            found = next;
        }
        found
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("/");
        }
        self.steps
            .iter()
            .try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

/// [RFC 6901 §4](https://www.rfc-editor.org/rfc/rfc6901#section-4)
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_is_every_member() {
        let whole = json!({ "a": [{ "b": 1 }, { "b": 2 }, 3], "c/d": { "x": 4, "y": 5 }, "*": 6 });
        for (path, expected) in [
            ("", vec![whole.clone()]),
            ("/a/*/b", vec![json!(1), json!(2)]),
            ("/a/1/b", vec![json!(2)]),
            ("/a/9/b", vec![]),
            ("/c~1d/*", vec![json!(4), json!(5)]),
            ("/none/*", vec![]),
            ("/a/b", vec![]),
        ] {
            let found: Vec<_> =
                Path::parse(path).unwrap().values(&whole).into_iter().cloned().collect();
            assert_eq!(found, expected, "{path}");
        }
        assert_eq!(Path::parse("a"), None);
        assert_eq!(Path::parse(&"/a".repeat(17)), None);
        assert_eq!(Path::parse("/a~1b/*").unwrap().to_string(), "/a~1b/*");
    }
}
