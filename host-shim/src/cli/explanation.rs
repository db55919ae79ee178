//! The explanation of a decision as a tree for people.

use std::fmt::Write;

use countersign::{
    verdict::Reason,
    wire::{BlobDecision, ImageDecision, Mark, Node, Outcome},
};

use super::{report::word, style::Style};

/// What was decided on one thing.
pub(super) struct Verdict<'a> {
    name: &'a str,
    digest: Option<&'a str>,
    outcome: Outcome,
    raw: Option<Outcome>,
    effective: Option<Outcome>,
    reason: Option<&'a Reason>,
    explanation: &'a Node,
}

impl<'a> From<&'a ImageDecision> for Verdict<'a> {
    fn from(image: &'a ImageDecision) -> Self {
        Self {
            name: &image.reference,
            digest: image.digest.as_deref(),
            outcome: image.outcome,
            raw: image.raw,
            effective: image.effective,
            reason: image.reason.as_ref(),
            explanation: &image.explanation,
        }
    }
}

impl<'a> From<&'a BlobDecision> for Verdict<'a> {
    fn from(blob: &'a BlobDecision) -> Self {
        Self {
            name: &blob.name,
            digest: blob.digest.as_deref(),
            outcome: blob.outcome,
            raw: blob.raw,
            effective: blob.effective,
            reason: blob.reason.as_ref(),
            explanation: &blob.explanation,
        }
    }
}

/// The verdict in the first line, the tree below it.
pub(super) fn render(verdict: &Verdict<'_>, style: Style) -> String {
    let (outcome, because) = (style.outcome(verdict.outcome), because(verdict));
    let mut out = format!("{outcome}{because} {}", clean(verdict.name));
    if let Some(digest) = verdict.digest.filter(|d| !verdict.name.contains(*d)) {
        out.push('@');
        out.push_str(&clean(digest));
    }
    if let Some(effective) = verdict.effective {
        let _ = write!(out, "  {}", style.faint(&format!("effective: {}", word(effective))));
    }
    out.push('\n');
    let root = verdict.explanation;
    if let Some(reason) = verdict.reason {
        let below = if root.children.is_empty() { "   " } else { "│  " };
        let _ = writeln!(out, "{}{}", style.faint(below), headline(reason));
        if !somewhere_below(root, reason) {
            details(&mut out, below, reason, style);
        }
    }
    children(&mut out, "", root, style);
    out
}

/// What made an outcome another than it was found to be.
fn because(verdict: &Verdict<'_>) -> &'static str {
    match verdict.raw {
        Some(Outcome::Deny) => "(exception)",
        Some(Outcome::Undetermined) => "(undetermined: warn)",
        Some(Outcome::Allow) | None => "",
    }
}

fn children(out: &mut String, prefix: &str, node: &Node, style: Style) {
    for (i, child) in node.children.iter().enumerate() {
        let last = i + 1 == node.children.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let _ = write!(
            out,
            "{}{} {}",
            style.faint(&format!("{prefix}{branch}")),
            style.mark(child.mark),
            clean(&child.name)
        );
        if let Some(detail) = &child.detail {
            let _ = write!(out, "  {}", style.faint(&clean(detail)));
        }
        let prefix = format!("{prefix}{below}");
        // What a child says in the same words is said there.
        let own = child.reason.as_ref().filter(|r| !somewhere_below(child, r));
        if let Some(reason) = own {
            let _ = write!(out, ": {}", headline(reason));
        }
        out.push('\n');
        if let Some(reason) = own.filter(|_| child.mark != Mark::Skipped) {
            let stem = if child.children.is_empty() { "     " } else { "│    " };
            details(out, &format!("{prefix}{stem}"), reason, style);
        }
        children(out, &prefix, child, style);
    }
}

fn headline(reason: &Reason) -> String {
    format!("{} ({})", clean(&reason.message), reason.code)
}

fn details(out: &mut String, prefix: &str, reason: &Reason, style: Style) {
    for (label, text) in
        [("expected", &reason.expected), ("found", &reason.found), ("next", &reason.next)]
    {
        if let Some(text) = text {
            let label = style.faint(&format!("{prefix}{label}: "));
            let _ = writeln!(out, "{label}{}", clean(text));
        }
    }
}

fn somewhere_below(node: &Node, reason: &Reason) -> bool {
    node.children.iter().any(|c| c.reason.as_ref() == Some(reason) || somewhere_below(c, reason))
}

/// Names and messages hold what strangers wrote: nothing in them may steer a terminal.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use countersign::{verdict::Code, wire::Kind};

    use super::{super::style::When, *};

    #[test]
    fn draws_the_tree_and_says_each_reason_once() {
        let reason = Reason::of(Code::SignatureInvalid).expected("key a").found("key b");
        let candidate = Node::refuse(Kind::Candidate, "sha256:1", reason.clone());
        let signer = Node::refuse(Kind::Authority, "signer", reason.clone())
            .children(vec![candidate, Node::pass(Kind::Check, "digest").detail("equal")]);
        let image = ImageDecision {
            reference: "ghcr.io/a/b:1".to_owned(),
            path: None,
            digest: Some("sha256:00".to_owned()),
            outcome: Outcome::Deny,
            raw: None,
            effective: None,
            reason: Some(reason),
            explanation: Node::pass(Kind::Image, "x").children(vec![signer]),
        };
        let expected = "\
DENY ghcr.io/a/b:1@sha256:00
│  no matching signatures: the signature does not verify (signature.invalid)
└─ ✗ signer
   ├─ ✗ sha256:1: no matching signatures: the signature does not verify (signature.invalid)
   │       expected: key a
   │       found: key b
   │       next: check which key signed the image
   └─ ✓ digest  equal
";
        assert_eq!(render(&Verdict::from(&image), Style::new(When::Never)), expected);
    }

    #[test]
    fn says_what_an_exception_and_a_mode_have_changed() {
        let mut image = ImageDecision {
            reference: "a/b:1".to_owned(),
            path: None,
            digest: None,
            outcome: Outcome::Allow,
            raw: Some(Outcome::Deny),
            effective: None,
            reason: None,
            explanation: Node::pass(Kind::Image, "x"),
        };
        let first = |image: &ImageDecision| {
            let text = render(&Verdict::from(image), Style::new(When::Never));
            text.lines().next().unwrap().to_owned()
        };
        assert_eq!(first(&image), "ALLOW(exception) a/b:1");
        image.raw = Some(Outcome::Undetermined);
        assert_eq!(first(&image), "ALLOW(undetermined: warn) a/b:1");
        (image.outcome, image.raw) = (Outcome::Deny, None);
        image.effective = Some(Outcome::Allow);
        assert_eq!(first(&image), "DENY a/b:1  effective: allow");
    }

    #[test]
    fn nothing_in_a_name_steers_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\u{202e}\n"), "a\\u{1b}[2Jb\\u{202e}\\u{a}");
    }
}
