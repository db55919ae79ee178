//! YAML, in block style and in the order in which people read Kubernetes' documents.

use serde_json::Value;

/// Members that come first, in this order; all others follow by name.
const FIRST: &[&str] = &[
    "apiVersion",
    "kind",
    "version",
    "metadata",
    "name",
    "displayName",
    "createdAt",
    "namespace",
    "module",
    "policyServer",
    "mode",
    "mutating",
    "image",
    "images",
    "trust",
    "authorities",
    "match",
    "require",
    "rules",
    "apiGroups",
    "apiVersions",
    "resources",
    "operations",
];

/// One document.
pub(super) fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => object(&mut out, value, 0, false),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0),
        scalar => {
            out.push_str(&text(scalar, 0));
            out.push('\n');
        }
    }
    out
}

/// Members of an object; the first stands where a list's dash has put it.
fn object(out: &mut String, value: &Value, depth: usize, in_line: bool) {
    let Value::Object(members) = value else { return };
    let mut members: Vec<_> = members.iter().collect();
    let rank = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    members.sort_by_key(|(name, _)| (rank(name), (*name).clone()));
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 || !in_line {
            indent(out, depth);
        }
        out.push_str(&scalar(name));
        out.push(':');
        member(out, value, depth);
    }
}

fn member(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            object(out, value, depth + 1, false);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            list(out, items, depth);
        }
        leaf => {
            out.push(' ');
            out.push_str(&text(leaf, depth + 1));
            out.push('\n');
        }
    }
}

/// Items stand as deep as the member that has them.
fn list(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        indent(out, depth);
        out.push_str("- ");
        match item {
            Value::Object(members) if !members.is_empty() => object(out, item, depth + 1, true),
            Value::Array(inner) if !inner.is_empty() => {
                out.pop();
                out.push('\n');
                list(out, inner, depth + 1);
            }
            leaf => {
                out.push_str(&text(leaf, depth + 1));
                out.push('\n');
            }
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// What has no members. `depth` is how deep a text of several lines stands.
fn text(value: &Value, depth: usize) -> String {
    match value {
        Value::String(text) if is_block(text) => block(text, depth),
        Value::String(text) => scalar(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Several lines that a literal block shows as they are.
fn is_block(text: &str) -> bool {
    let plain = |line: &str| !line.ends_with([' ', '\t']) && !line.chars().any(is_written_as_code);
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        // Not `lines`, which takes the return off a line that ends with both.
        && text.split('\n').all(plain)
}

/// What YAML takes for the end of a line ([1.1, §5.4](https://yaml.org/spec/1.1/#id871136)), or does not
/// take at all as it is: such text is quoted, with the numbers of these.
fn is_written_as_code(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn block(text: &str, depth: usize) -> String {
    let mut out = String::from(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.lines() {
        out.push('\n');
        if !line.is_empty() {
            indent(&mut out, depth);
            out.push_str(line);
        }
    }
    out
}

/// A text in one line, quoted where it would be read as something else: plain is only what starts as no
/// number, date, merge (`<<`) or default (`=`) of YAML 1.1 and 1.2 does, and none of their words.
fn scalar(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=<>()$^ ".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/_".contains(c))
        && text.chars().all(safe)
        && !text.contains(": ")
        && !text.contains(" -")
        && !text.ends_with([' ', ':'])
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    match text.contains(is_written_as_code) {
        true => coded(text),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// In double quotes. A text of JSON is one of YAML, but JSON leaves more characters as they are.
fn coded(text: &str) -> String {
    let mut out = String::new();
    for c in Value::from(text).to_string().chars() {
        match is_written_as_code(c) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

/// What YAML, one version or the other, does not read as text.
const WORDS: &[&str] =
    &["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "infinity"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::parse_yaml;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for value in [
            json!(null),
            json!("x"),
            json!([]),
            json!({}),
            json!({ "a": [], "b": {}, "c": null, "d": true, "e": -1, "f": 1.5 }),
            json!({ "a": ["", "x", "true", "No", "null", "1", "1e3", "0x1f", "-", "- a", "a: b", "a:", "#", "a #b", "~", "2026-12-31", "1.0", ".inf"] }),
            json!({ "a": ["'", "\"", "it's", "{x}", "[x]", "*", "&a", "!t", "|", ">", "%", "@x", "`x`", "a,b", " a", "a ", "ä", "\u{2028}", "\u{feff}x", "\u{7}", "\t"] }),
            json!({ "pem": "-----BEGIN X-----\nAA==\n-----END X-----\n", "b": "a\nb", "c": "a\n\nb\n", "d": "a\n\n", "e": "\na", "f": " a\nb", "g": "a \nb", "h": "a\r\nb" }),
            json!({ "lines": ["a\u{85}b\nc", "a\u{2028}b\nc\n", "a\u{2029}b\nc", "a\u{feff}b\nc", "a\u{7f}b\nc", "a\n\u{9f}", "\u{85}", "\u{ffff}"] }),
            json!([[1, [2, 3]], [{ "a": [{ "b": ["x\ny\n"] }] }], [[]]]),
            json!({ "*": 1, "a b": 2, "": 3, "x:y": 4, "yes": 5, "kind": 6, "apiVersion": 7 }),
            json!({ "signatures[0].pubKeys[1]": { "x": ["signatures[0]"] } }),
        ] {
            let text = yaml(&value);
            assert_eq!(parse_yaml(&text).as_ref(), Ok(&value), "{text}");
        }
    }

    #[test]
    fn what_is_read_as_no_text_is_quoted() {
        for text in [
            ".5",
            "5.",
            "-.5",
            "+.5",
            ".5e3",
            "1_000",
            "0o7",
            "017",
            "0x1f",
            "0b1",
            "1e3",
            "1.5E-3",
            "+1",
            "-1",
            "12:30:45",
            "190:20:30.15",
            "=",
            "<<",
            "~",
            "",
            "y",
            "Y",
            "n",
            "N",
            "yes",
            "No",
            "ON",
            "off",
            "True",
            "FALSE",
            "null",
            "Null",
            ".inf",
            "-.INF",
            "+.Inf",
            ".NaN",
            "nan",
            "Infinity",
            "2026-12-31",
            "2026-12-31T01:02:03Z",
            "2026-12-31 01:02:03",
            "...",
            "---",
            "-",
            "?",
            ":",
            "!x",
            "&x",
            "*x",
            "%x",
            "@x",
        ] {
            for written in
                [yaml(&json!({ "a": text })), yaml(&json!([text])), yaml(&json!({ text: 1 }))]
            {
                let quoted = ["'", "\""]
                    .iter()
                    .any(|quote| written.contains(&format!("{quote}{text}{quote}")));
                assert!(quoted, "{text}: {written}");
            }
        }
        for text in
            ["x", "ghcr.io/acme/*", "a.b", "/a", "_x", "e3", "x1", "none", "https://a.test:1/b"]
        {
            assert_eq!(yaml(&json!([text])).contains('\''), text.contains('*'), "{text}");
        }
    }

    /// go-yaml ends lines where we do not: what follows would be members of the document.
    #[test]
    fn no_character_ends_a_line_but_the_line_feed() {
        for c in ['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '\r'] {
            let text = format!("a\n# {c}mode: monitor\n");
            let written = yaml(&json!({ "pem": text, "mode": "protect" }));
            assert!(!written.contains(c), "{written:?}");
            assert_eq!(written.lines().count(), 2, "{written:?}");
        }
    }

    #[test]
    fn documents_read_from_the_top() {
        let value = json!({
            "spec": { "settings": { "b": 1 }, "module": "x", "rules": [{ "resources": ["pods"], "apiGroups": [""] }] },
            "kind": "K", "metadata": { "namespace": "shop", "name": "m" }, "apiVersion": "v1",
        });
        assert_eq!(
            yaml(&value),
            "apiVersion: v1\nkind: K\nmetadata:\n  name: m\n  namespace: shop\nspec:\n  module: x\n  rules:\n  - apiGroups:\n    - ''\n    resources:\n    - pods\n  settings:\n    b: 1\n"
        );
    }
}
