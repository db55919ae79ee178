//! What is attached to an image, as a tree for people.

use countersign::wire::Mark;

use super::{explanation::clean, style::Style};
use crate::walk::{Artifact, Road, Signature, State, judge::Verdict};

/// Where the things are that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Layout,
    Pack,
    Registry,
}

impl Place {
    /// What lists referrers there.
    fn list(self) -> &'static str {
        match self {
            Self::Layout => "subject",
            Self::Pack => "list in the pack",
            Self::Registry => "referrers API",
        }
    }
}

/// One thing: its line, what belongs to it, and what is below.
struct Branch {
    line: String,
    details: Vec<String>,
    below: Vec<Self>,
}

/// The image in the first line, the tree below it.
pub(super) fn render(title: &str, image: &Artifact, place: Place, style: Style) -> String {
    let mut root = branch(image, place, style);
    root.line = clean(title);
    root.details.insert(0, facts(image, place, true));
    if let Some(road) = road(image, place) {
        root.details.insert(1, road);
    }
    let mut out = format!("{}\n", root.line);
    lines(&mut out, "", &root, style);
    if root.below.is_empty() {
        out.push_str("   nothing is attached\n");
    }
    out
}

fn lines(out: &mut String, prefix: &str, branch: &Branch, style: Style) {
    let stem = if branch.below.is_empty() { "   " } else { "│  " };
    for detail in &branch.details {
        out.push_str(&format!("{}{detail}\n", style.faint(&format!("{prefix}{stem}"))));
    }
    for (i, below) in branch.below.iter().enumerate() {
        let last = i + 1 == branch.below.len();
        let (fork, next) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        out.push_str(&format!("{}{}\n", style.faint(&format!("{prefix}{fork}")), below.line));
        lines(out, &format!("{prefix}{next}"), below, style);
    }
}

fn branch(artifact: &Artifact, place: Place, style: Style) -> Branch {
    let mut line = match &artifact.platform {
        Some(platform) if artifact.found == [Road::Index] => clean(platform),
        _ => clean(&artifact.what),
    };
    let mut details: Vec<String> =
        artifact.notes.iter().map(|n| format!("! {}", clean(n))).collect();
    let mut below = Vec::new();
    if let [only] = artifact.signatures.as_slice() {
        line = clean(&only.what);
        details.extend(signed(only, style));
    } else {
        below.extend(artifact.signatures.iter().map(|signature| Branch {
            line: format!("{}  {}", clean(&signature.what), clean(&signature.digest)),
            details: signed(signature, style),
            below: Vec::new(),
        }));
    }
    details.extend(verdicts(artifact.verdicts.as_deref(), style));
    line = format!("{line}  {}", clean(&artifact.digest));
    let facts = facts(artifact, place, false);
    if !facts.is_empty() {
        line = format!("{line}  {}", style.faint(&facts));
    }
    below.extend(
        artifact.attached.iter().chain(&artifact.platforms).map(|a| branch(a, place, style)),
    );
    Branch { line, details, below }
}

/// Size, age and place.
fn facts(artifact: &Artifact, place: Place, whole: bool) -> String {
    let mut facts = Vec::new();
    if whole {
        facts.push(clean(&artifact.what));
        facts.extend(artifact.platform.as_deref().map(clean));
        let platforms = artifact.platforms.len();
        if platforms > 0 {
            facts.push(format!("{platforms} platforms"));
        }
    }
    facts.extend(artifact.size.map(size));
    facts.extend(artifact.created.as_deref().map(|created| format!("created {}", clean(created))));
    let roads = artifact.found.iter().filter_map(|road| match road {
        Road::Referrers => Some(place.list().to_owned()),
        Road::FallbackTag => Some("fallback tag".to_owned()),
        Road::Tag => {
            let ending = artifact.tag.as_deref()?.rsplit('.').next()?;
            Some(format!("tag .{}", clean(ending)))
        }
        Road::Index => None,
    });
    facts.extend(roads);
    facts.join(", ")
}

/// Which road of the two to its referrers there is.
fn road(image: &Artifact, place: Place) -> Option<String> {
    let state = |road| image.asked.iter().find(|asked| asked.road == road).map(|a| a.state);
    let list = place.list();
    Some(match (state(Road::Referrers)?, state(Road::FallbackTag)) {
        (State::Found, _) => format!("referrers: by {list}"),
        (State::Denied | State::Unavailable, _) => format!("referrers: not known, {list} fails"),
        (_, Some(State::Found)) => format!("referrers: by the fallback tag, there is no {list}"),
        (_, Some(State::Denied | State::Unavailable)) => {
            "referrers: not known, the fallback tag cannot be read".to_owned()
        }
        _ => format!("referrers: none, neither by {list} nor by the fallback tag"),
    })
}

fn signed(signature: &Signature, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(problem) = &signature.problem {
        lines.push(format!("! cannot be read: {}", clean(problem)));
    }
    let unverified = if signature.verdicts.is_none() { ", unverified" } else { "" };
    match &signature.said {
        Some(said) => lines.push(format!("signed by {}{unverified}", clean(&said.to_string()))),
        None if signature.problem.is_some() => {}
        None => lines.push("not signed itself: as good as the signature of the index".to_owned()),
    }
    lines.extend(verdicts(signature.verdicts.as_deref(), style));
    lines
}

fn verdicts(verdicts: Option<&[Verdict]>, style: Style) -> Vec<String> {
    match verdicts {
        None => Vec::new(),
        Some([]) => vec![format!("{} not asked for", style.faint("−"))],
        Some(some) => some.iter().map(|verdict| say(verdict, style)).collect(),
    }
}

fn say(verdict: &Verdict, style: Style) -> String {
    let mark = style.mark(verdict.mark);
    let requirement = verdict.requirement.as_deref().map(clean);
    let reason = verdict.reason.as_ref();
    let reason = reason.map(|reason| format!("{} ({})", clean(&reason.message), reason.code));
    match (&verdict.authority, verdict.mark, reason) {
        (Some(authority), Mark::Pass, _) => format!("{mark} verified by {}", clean(authority)),
        (Some(authority), _, reason) => {
            format!("{mark} {}: {}", clean(authority), reason.unwrap_or_default())
        }
        (None, Mark::Pass, _) => format!("{mark} meets {}", requirement.unwrap_or_default()),
        (None, _, reason) => {
            let requirement = requirement.unwrap_or_default();
            format!("{mark} {requirement}: {}", reason.unwrap_or_default())
        }
    }
}

/// Bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            let tenths = bytes / (unit / 10).max(1);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_down() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(3 << 20), "3.0 MiB");
    }
}
