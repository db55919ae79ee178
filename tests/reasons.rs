//! `docs/reasons.md` is written from the codes, and may not drift from them. After a change run
//! `UPDATE=1 cargo test --release -p countersign --test reasons`.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

use std::{fmt::Write, path::Path};

use countersign::verdict::{ALL_CODES, Family};

const HEAD: &str = "\
# Reason codes

Written by `tests/reasons.rs` from `src/verdict/code.rs`: do not edit.

Every verdict other than allow carries a reason: a stable code, one line of text, and where they
help `expected`, `found` and `next`. A code is never renamed and never reused; texts may change.
`deny` and `undetermined` say what an image comes to for which the code is the reason to read first.
Policy and request errors (in `errors`) always deny, and the command exits 3 for them. Of several
failed candidates the one that came furthest is reported first; the explanation has all of them.
";

/// Families in the order of a reader: what is there, what it is worth, what the policy wants.
const FAMILIES: [(Family, &str, &str); 10] = [
    (Family::Absent, "Absent", "Nothing of the kind is there."),
    (Family::Unavailable, "Unavailable", "It could not be had."),
    (Family::Malformed, "Malformed", "Bytes that are not what their format says."),
    (Family::Unsupported, "Unsupported", "Well formed, and not something that is verified here."),
    (Family::Mismatch, "Mismatch", "Integrity: two things that must be equal are not."),
    (Family::Untrusted, "Untrusted", "Authenticity: whom or what the policy does not trust."),
    (Family::Unmet, "Unmet", "The policy asks for more than was proven."),
    (Family::Exceeded, "Exceeded", "A limit of the decision was reached."),
    (Family::Misconfigured, "Misconfigured", "The policy document or the request."),
    (Family::Internal, "Internal", "An error of ours."),
];

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (family, name, sentence) in FAMILIES {
        let _ = write!(
            text,
            "\n## {name}\n\n{sentence}\n\n| code | outcome | summary | next step |\n|---|---|---|---|\n"
        );
        let mut codes: Vec<_> = ALL_CODES.iter().filter(|c| c.family() == family).collect();
        codes.sort_by_key(|code| code.as_str());
        for code in codes {
            let outcome = if code.is_undetermined() { "undetermined" } else { "deny" };
            let next = code.next_step().unwrap_or_default();
            let line = format!("| `{code}` | {outcome} | {} | {next} |", code.summary());
            let _ = writeln!(text, "{}", line.replace("  ", " "));
        }
    }
    text
}

#[test]
fn the_reasons_are_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    let text = document();
    for code in ALL_CODES {
        assert_eq!(text.matches(&format!("| `{code}` |")).count(), 1, "{code}");
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reasons.md is not what the codes say: run with UPDATE=1");
}
