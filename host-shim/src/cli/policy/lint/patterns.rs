//! Lints of regular expressions: they match the whole text, in linear time.

use serde_json::Value;

use super::finding::{Lints, objects};

pub(super) fn run(lints: &mut Lints, document: &Value) {
    objects(document, "", &mut |at, members| {
        for (name, value) in members {
            if let (true, Some(text)) = (name.ends_with("RegExp"), value.as_str()) {
                pattern(lints, &format!("{at}/{name}"), name, text);
            }
        }
    });
}

fn pattern(lints: &mut Lints, path: &str, name: &str, text: &str) {
    let inner = text.strip_prefix('^').unwrap_or(text);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    if matches!(inner, ".*" | ".+" | "(.*)" | "(.+)" | "[^@]*" | "[^@]+") {
        let message = format!("`{text}` is met by everybody");
        lints.warn("regexp.anybody", path, message, "name who is meant");
        return;
    }
    if let Some(at) = bare_dot(inner) {
        let around: String = inner.chars().skip(at.saturating_sub(8)).take(17).collect();
        let message = format!("the `.` of `{around}` stands for any character");
        lints.warn("regexp.dot", path, message, "write `\\.` or `[.]` for a dot");
    }
    let anchored = text.starts_with('^') && text.ends_with('$');
    let open = |end: bool| if end { inner.ends_with(".*") } else { inner.starts_with(".*") };
    let part = open(true) && open(false);
    if !anchored && !part {
        let field = name.trim_end_matches("RegExp");
        let message =
            format!("`{text}` is met by the whole {field}, as if it were `^(?:{inner})$`");
        lints.note("regexp.whole", path, message, "for a part of it write `.*` around it");
    }
}

/// Where a dot stands between letters or digits, without a backslash, brackets or a repetition.
fn bare_dot(pattern: &str) -> Option<usize> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut class = false;
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|b| chars.get(b)).copied();
        if before == Some('\\') {
            continue;
        }
        match c {
            '[' => class = true,
            ']' => class = false,
            '.' if !class => {
                let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
                if word(before) && word(chars.get(i + 1).copied()) {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use countersign::time::Time;

    use super::*;

    #[test]
    fn finds_what_a_pattern_does_not_say() {
        for (text, expected) in [
            ("^https://github\\.com/acme/.*$", &[][..]),
            ("https://github[.]com/acme/.*", &["lint.regexp.whole"]),
            (".*acme.*", &[]),
            ("^https://github.com/acme/app$", &["lint.regexp.dot"]),
            ("^.*$", &["lint.regexp.anybody"]),
            (".+", &["lint.regexp.anybody"]),
            ("acme.example", &["lint.regexp.dot", "lint.regexp.whole"]),
        ] {
            let mut lints = Lints::new(Time::from_unix(0));
            pattern(&mut lints, "/x", "subjectRegExp", text);
            let found: Vec<_> = lints.found.iter().map(|f| f.code.as_str()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
