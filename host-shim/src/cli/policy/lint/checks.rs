//! Lints of rules, modes, exceptions and requirements.

use std::collections::BTreeSet;

use countersign::policy::{Glob, Policy};
use serde_json::Value;

use super::finding::{Lints, instant, objects, places, step};

/// Wildcards of a glob that are tried out.
const MOST_WILDCARDS: usize = 6;

pub(super) fn run(lints: &mut Lints, document: &Value, policy: Option<&Policy>) {
    modes(lints, document);
    rules(lints, document);
    exceptions(lints, document);
    attestations(lints, document);
    authorities(lints, document);
    if policy.is_some() {
        unused(lints, document);
    }
}

fn modes(lints: &mut Lints, document: &Value) {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    if let Some(unmatched @ ("allow" | "warn")) = text("/spec/unmatched") {
        let message = format!("`unmatched: {unmatched}`: what no rule names runs unverified");
        let advice = "leave it out and name what may run, with `static: allow`";
        lints.warn("unmatched", "/spec/unmatched", message, advice);
    }
    if text("/spec/digests/require") == Some("never") {
        let message =
            "`require: never`: a tag is verified, and may name another image when it runs";
        lints.warn("require.never", "/spec/digests/require", message, "pin tags instead");
    } else if text("/spec/digests/pin") == Some("none") {
        let message = "`pin: none`: a Pod that names a tag is refused, however well it is signed";
        lints.note("pin.none", "/spec/digests/pin", message, "");
    }
    objects(document, "", &mut |at, members| {
        let rule = at.starts_with("/spec/rules/") && at.matches('/').count() == 3;
        if at != "/spec" && !rule {
            return;
        }
        if let Some(mode @ ("audit" | "warn")) = members.get("mode").and_then(Value::as_str) {
            let message = format!("`mode: {mode}`: an admission front lets everything pass");
            lints.note("mode", &format!("{at}/mode"), message, "");
        }
        if members.get("undetermined").and_then(Value::as_str) == Some("warn") {
            let message =
                "`undetermined: warn`: who can cut the registry off gets unverified images in";
            lints.warn("undetermined.warn", &format!("{at}/undetermined"), message, "");
        }
    });
}

fn rules(lints: &mut Lints, document: &Value) {
    for (at, rule) in places(document, "/spec/rules/#") {
        if rule["static"] == "allow" {
            let message = "`static: allow`: these images need no evidence at all";
            lints.note("static.allow", &format!("{at}/static"), message, "");
        }
        for (field, parse) in
            [("images", Glob::parse as fn(&str) -> _), ("blobs", Glob::parse_name as fn(&str) -> _)]
        {
            globs(lints, &rule[field], &format!("{at}/{field}"), parse);
        }
        if rule["static"] == "allow" && everything(&rule["images"]) {
            let message = "every image is allowed without evidence";
            lints.warn("static.everything", &format!("{at}/images"), message, "");
        }
    }
}

fn texts(list: &Value) -> Vec<(usize, &str)> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().filter_map(|(i, item)| Some((i, item.as_str()?))).collect()
}

fn everything(images: &Value) -> bool {
    texts(images).iter().any(|(_, text)| text.bytes().all(|b| matches!(b, b'*' | b'/')))
        && !texts(images).iter().any(|(_, text)| text.starts_with('!'))
}

/// Positive globs that match nothing, or nothing that a `!` leaves over.
fn globs(
    lints: &mut Lints,
    list: &Value,
    at: &str,
    parse: fn(&str) -> Result<Glob, countersign::policy::GlobError>,
) {
    let globs: Vec<(usize, Glob)> =
        texts(list).into_iter().filter_map(|(i, text)| Some((i, parse(text).ok()?))).collect();
    for (i, glob) in globs.iter().filter(|(_, glob)| !glob.negated) {
        let path = format!("{at}/{i}");
        if at.ends_with("/images") && !glob.text.contains('/') && !glob.text.contains("**") {
            let message =
                format!("`{}` matches no image: every name has a registry and a path", glob.text);
            lints.warn("glob.never", &path, message, "`*` stops at `/`: write `**`");
            continue;
        }
        let samples = samples(&glob.text);
        let by = globs.iter().find(|(_, other)| {
            other.negated && !samples.is_empty() && samples.iter().all(|s| other.matches(s))
        });
        if let Some((_, by)) = by {
            let message =
                format!("`{}` never matches: `{}` excludes all of it", glob.text, by.text);
            lints.warn("glob.shadowed", &path, message, "");
        }
        if globs.iter().any(|(j, other)| j < i && !other.negated && other.text == glob.text) {
            lints.note("glob.twice", &path, format!("`{}` is there twice", glob.text), "");
        }
    }
}

/// Names that a glob matches, with a character in the place of its wildcards that only another
/// wildcard matches.
fn samples(glob: &str) -> Vec<String> {
    let mut samples = vec![String::new()];
    let mut rest = glob;
    let mut wildcards = 0;
    while let Some(star) = rest.find('*') {
        let (before, after) = rest.split_at(star);
        let stars = after.bytes().take_while(|b| *b == b'*').count();
        let fills: &[&str] = if stars > 1 { &["", "\u{1}", "\u{1}/\u{1}"] } else { &["", "\u{1}"] };
        wildcards += 1;
        if wildcards > MOST_WILDCARDS {
            return Vec::new();
        }
        samples = samples
            .iter()
            .flat_map(|sample| fills.iter().map(move |fill| format!("{sample}{before}{fill}")))
            .collect();
        rest = &after[stars..];
    }
    samples.into_iter().map(|sample| sample + rest).collect()
}

fn exceptions(lints: &mut Lints, document: &Value) {
    for (at, exception) in places(document, "/spec/exceptions/#") {
        let path = format!("{at}/until");
        if let Some(until) = exception["until"].as_str().and_then(instant) {
            lints.ends("exception", &path, "the exception", until, "renew it, or take it away");
        }
        let all = texts(&exception["waive"]).iter().any(|(_, waived)| *waived == "*");
        if all && everything(&exception["images"]) && exception.get("namespaces").is_none() {
            let message = "the exception waives everything, for every image";
            lints.warn("exception.everything", &at, message, "name images and requirements");
        }
    }
    objects(document, "", &mut |at, members| {
        if !at.ends_with("/vulnerabilities") {
            return;
        }
        for (i, ignored) in
            members.get("ignore").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let path = format!("{at}/ignore/{i}/until");
            if let Some(until) = ignored["until"].as_str().and_then(instant) {
                let id = ignored["id"].as_str().unwrap_or("the entry");
                let what = format!("`ignore` of {id}");
                lints.ends("ignore", &path, &what, until, "renew it, or take it away");
            }
        }
    });
}

fn attestations(lints: &mut Lints, document: &Value) {
    objects(document, "", &mut |at, members| {
        if !at.ends_with("/attestation") {
            return;
        }
        let denies = members.get("sbom").is_some_and(|s| s.get("deny").is_some());
        let looks = members.contains_key("vulnerabilities") || denies;
        if looks && members.get("select").and_then(Value::as_str) == Some("any") {
            let message = "`select: any`: an older attestation that finds nothing is enough";
            lints.warn(
                "select.any",
                &format!("{at}/select"),
                message,
                "`latest` is the default here",
            );
        }
    });
}

fn authorities(lints: &mut Lints, document: &Value) {
    objects(document, "", &mut |at, members| {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if at.ends_with("/cosign") && text("transparencyLog") == Some("ignore") {
            let message = "`transparencyLog: ignore`: a signature that nobody could see counts";
            lints.warn("log.ignored", &format!("{at}/transparencyLog"), message, "");
        }
        if !at.ends_with("/notation") {
            return;
        }
        let path = format!("{at}/level");
        match text("level") {
            Some("skip") => {
                lints.warn("level.skip", &path, "`level: skip`: nothing is verified", "");
            }
            Some("audit") => {
                let message = "`level: audit`: whoever has signed is only logged";
                lints.warn("level.audit", &path, message, "");
            }
            Some("permissive") => {
                let message =
                    "`level: permissive`: expiry, timestamps and revocation are only logged";
                lints.note("level.permissive", &path, message, "");
            }
            _ => {}
        }
        let identities = members.get("trustedIdentities").unwrap_or(&Value::Null);
        if texts(identities).iter().any(|(_, identity)| *identity == "*") {
            let message = "`*` trusts every certificate that the trust store's CAs issue";
            let advice = "name the signers, as in `x509.subject: C=…, ST=…, O=…`";
            lints.warn("identity.any", &format!("{at}/trustedIdentities"), message, advice);
        }
    });
    for (at, statement) in places(document, "/spec/notationTrustPolicy/*/trustPolicies/#") {
        let identities = &statement["trustedIdentities"];
        if texts(identities).iter().any(|(_, identity)| *identity == "*") {
            let message = "`*` trusts every certificate that the trust store's CAs issue";
            lints.warn("identity.any", &format!("{at}/trustedIdentities"), message, "");
        }
        if statement["signatureVerification"]["level"] == "skip" {
            let path = format!("{at}/signatureVerification/level");
            lints.warn("level.skip", &path, "level `skip`: nothing is verified", "");
        }
    }
}

/// What is declared, and no rule or authority names.
fn unused(lints: &mut Lints, document: &Value) {
    let (mut authorities, mut trust) = (BTreeSet::new(), BTreeSet::new());
    for (_, rule) in places(document, "/spec/rules/#") {
        strings(rule, &mut authorities);
    }
    objects(document, "", &mut |at, members| {
        if at.ends_with("/cosign") || at.ends_with("/notation") {
            strings(members.get("trust").unwrap_or(&Value::Null), &mut trust);
        }
    });
    for (section, used, by) in
        [("authorities", &authorities, "no rule"), ("trust", &trust, "no authority")]
    {
        for name in document["spec"][section].as_object().into_iter().flat_map(|m| m.keys()) {
            if !used.contains(name.as_str()) {
                let path = format!("/spec/{section}/{}", step(name));
                lints.warn("unused", &path, format!("{by} names `{name}`"), "");
            }
        }
    }
}

fn strings<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::String(text) => {
            found.insert(text);
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn samples_fill_each_wildcard_in_each_way() {
        assert_eq!(samples("a/*"), ["a/", "a/\u{1}"]);
        assert_eq!(samples("a/**b"), ["a/b", "a/\u{1}b", "a/\u{1}/\u{1}b"]);
        assert!(samples(&"*a".repeat(7)).is_empty());
    }

    #[test]
    fn a_glob_is_shadowed_only_by_one_that_covers_it() {
        let found = |list: Value| {
            let mut lints = Lints::new(countersign::time::Time::from_unix(0));
            globs(&mut lints, &list, "/images", Glob::parse);
            lints.found.into_iter().map(|f| (f.code, f.path)).collect::<Vec<_>>()
        };
        let shadowed = |path: &str| vec![("lint.glob.shadowed".to_owned(), path.to_owned())];
        assert_eq!(found(json!(["ghcr.io/a/**", "!ghcr.io/**"])), shadowed("/images/0"));
        assert_eq!(found(json!(["!**", "ghcr.io/a/b"])), shadowed("/images/1"));
        assert_eq!(found(json!(["ghcr.io/**", "!ghcr.io/a/**"])), []);
        assert_eq!(found(json!(["ghcr.io/a/**", "!ghcr.io/a/*"])), []);
        assert_eq!(found(json!(["*"]))[0].0, "lint.glob.never");
    }
}
