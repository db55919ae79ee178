//! One of `signatures`: images, and who all must have signed them.

use serde_json::{Map, Value, json};

use super::{Made, boolean, url};
use crate::{
    policy::{
        authority::text_map,
        cosign::GITHUB_ACTIONS,
        reader::{Cursor, Object, Reader},
    },
    verdict::Code,
};

/// The kinds of entries.
const KINDS: [&str; 5] = ["pubKeys", "keyless", "githubActions", "keylessPrefix", "certificates"];
/// The name of Sigstore's public-good instance, with whose keys the host verifies everything.
const TRUST: &str = "public-good";

/// Who must have signed: the member of a `cosign` authority, and where it stands in the settings.
struct Signer {
    member: &'static str,
    value: Value,
    at: String,
}

/// Reads one entry into a rule and its authorities, all of which it requires.
pub(super) fn read(r: &mut Reader, i: usize, at: &Cursor<'_>, made: &mut Made) -> Option<()> {
    let others = ["annotations", "certificateChain", "image", "requireRekorBundle"];
    let object = r.object(at, &[&KINDS[..], &others[..]].concat(), &[])?.without_nulls();
    let image = object.need(r, "image").and_then(|at| r.text(&at));
    let annotations = object.get("annotations").map(|at| (text_map(r, &at), at.path));
    let (kind, at) = r.one_of(&object, &KINDS)?;
    let log = if kind == "certificates" {
        match object.need(r, "requireRekorBundle").and_then(|at| boolean(r, &at))? {
            true => "required",
            false => "ifPresent",
        }
    } else {
        only_for_certificates(r, &object);
        if matches!(kind, "pubKeys") { "ifPresent" } else { "required" }
    };
    let signers = match kind {
        "pubKeys" => keys(r, &at),
        "keyless" => r.list(&at).iter().filter_map(|at| identity(r, at)).collect(),
        "keylessPrefix" => r.list(&at).iter().filter_map(|at| prefix(r, at)).collect(),
        "githubActions" => github(r, &at).into_iter().collect(),
        _ => certificates(r, &at),
    };
    let own_trust = format!("signatures[{i}].certificateChain");
    let chain = object.get("certificateChain");
    let has_chain = chain.is_some_and(|at| chain_of(r, &at, &own_trust, made).is_some());
    let trust = if has_chain { json!([TRUST, own_trust]) } else { json!(TRUST) };
    made.trust.insert(TRUST.to_owned(), json!({ "sigstore": { "trustedRoot": "embedded" } }));

    let mut names = Vec::new();
    for (j, signer) in signers.into_iter().enumerate() {
        let name = match kind {
            "githubActions" => format!("signatures[{i}].{kind}"),
            _ => format!("signatures[{i}].{kind}[{j}]"),
        };
        let place = format!("/spec/authorities/{name}");
        let mut cosign = Map::new();
        cosign.insert("trust".to_owned(), trust.clone());
        cosign.insert("transparencyLog".to_owned(), json!(log));
        made.stands(format!("{place}/cosign/{}", signer.member), signer.at.clone());
        made.stands(place.clone(), signer.at);
        cosign.insert(signer.member.to_owned(), signer.value);
        if let Some((annotations, at)) = annotations.as_ref().filter(|(map, _)| !map.is_empty()) {
            cosign.insert("annotations".to_owned(), json!(annotations));
            made.stands(format!("{place}/cosign/annotations"), at.clone());
        }
        made.authorities.insert(name.clone(), json!({ "cosign": cosign }));
        names.push(name);
    }
    let image = image?;
    let rule = format!("/spec/rules/{}", made.rules.len());
    made.stands(format!("{rule}/match/references"), format!("{}/image", object.path));
    made.stands(rule, object.path);
    made.rules.push(json!({
        "name": format!("signatures[{i}]"),
        "images": ["**"],
        "match": { "references": [image] },
        "require": { "all": names },
    }));
    Some(())
}

/// The old policy overlooks them beside other kinds, where somebody may rely on them.
fn only_for_certificates(r: &mut Reader, object: &Object<'_>) {
    for field in ["certificateChain", "requireRekorBundle"] {
        if let Some(at) = object.get(field) {
            let message = format!("`{field}` goes with `certificates`");
            r.error(Code::PolicyInvalidValue, &at.path, message);
        }
    }
}

fn keys(r: &mut Reader, at: &Cursor<'_>) -> Vec<Signer> {
    let texts = r.texts(at).into_iter();
    texts.map(|(pem, at)| Signer { member: "keys", value: json!([pem]), at: at.path }).collect()
}

fn certificates(r: &mut Reader, at: &Cursor<'_>) -> Vec<Signer> {
    let signer = |(pem, at): (&str, Cursor<'_>)| Signer {
        member: "certificate",
        value: json!({ "pem": pem }),
        at: at.path,
    };
    r.texts(at).into_iter().map(signer).collect()
}

/// The issuer's certificates in order, the root last.
fn chain_of(r: &mut Reader, at: &Cursor<'_>, name: &str, made: &mut Made) -> Option<()> {
    let texts = r.texts(at);
    for (text, item) in &texts {
        // More than one would be read as the root, too.
        if text.matches("-----BEGIN ").count() > 1 {
            let message = "more than one certificate: each is an item of its own, the root last";
            r.error(Code::PolicyInvalidValue, &item.path, message);
        }
    }
    let ((root, root_at), between) = texts.split_last()?;
    let mut x509 = Map::from_iter([("roots".to_owned(), json!([root]))]);
    made.stands(format!("/spec/trust/{name}"), at.path.clone());
    made.stands(format!("/spec/trust/{name}/x509/roots/0"), root_at.path.clone());
    if !between.is_empty() {
        let texts = between.iter().map(|(text, _)| *text).collect();
        x509.insert("intermediates".to_owned(), texts);
        for (k, (_, at)) in between.iter().enumerate() {
            made.stands(format!("/spec/trust/{name}/x509/intermediates/{k}"), at.path.clone());
        }
    }
    made.trust.insert(name.to_owned(), json!({ "x509": x509 }));
    Some(())
}

fn keyless(identity: Value, at: &Cursor<'_>) -> Signer {
    Signer { member: "keyless", value: json!([identity]), at: at.path.clone() }
}

fn identity(r: &mut Reader, at: &Cursor<'_>) -> Option<Signer> {
    let object = r.object(at, &["issuer", "subject"], &[])?;
    let mut text = |name| object.need(r, name).and_then(|at| r.text(&at));
    let (issuer, subject) = (text("issuer"), text("subject"));
    Some(keyless(json!({ "issuer": issuer?, "subject": subject? }), at))
}

fn prefix(r: &mut Reader, at: &Cursor<'_>) -> Option<Signer> {
    let object = r.object(at, &["issuer", "urlPrefix"], &[])?;
    let issuer = object.need(r, "issuer").and_then(|at| r.text(&at));
    let prefix = object.need(r, "urlPrefix").and_then(|at| {
        let text = r.text(&at)?;
        match url::prefix(text) {
            Ok(prefix) => Some(prefix),
            Err(what) => {
                let message = format!("`{text}` is not the beginning of a URL: {what}");
                r.error(Code::PolicyInvalidValue, &at.path, message);
                None
            }
        }
    });
    let subject = format!("{}.*", regex_lite::escape(&prefix?));
    Some(keyless(json!({ "issuer": issuer?, "subjectRegExp": subject }), at))
}

fn github(r: &mut Reader, at: &Cursor<'_>) -> Option<Signer> {
    let object = r.object(at, &["owner", "repo"], &[])?.without_nulls();
    let owner = object.need(r, "owner").and_then(|at| part(r, &at));
    let repository = match object.get("repo") {
        Some(at) => Some(part(r, &at)?),
        None => None,
    };
    let owner = owner?;
    let workflow = match repository {
        Some(name) => json!({ "repository": format!("{owner}/{name}") }),
        None => json!({ "repositoryRegExp": format!("{}/[^/]+", regex_lite::escape(owner)) }),
    };
    let identity = json!({
        "issuer": GITHUB_ACTIONS,
        "subjectRegExp": "https://github\\.com/[^/]+/.+",
        "githubWorkflow": workflow,
    });
    Some(keyless(identity, at))
}

/// The name of an owner or of a repository, never both.
fn part<'a>(r: &mut Reader, at: &Cursor<'a>) -> Option<&'a str> {
    let text = r.text(at)?;
    if text.contains('/') {
        let message = format!("`{text}` is more than one name");
        r.error(Code::PolicyInvalidValue, &at.path, message);
        return None;
    }
    Some(text)
}
