//! Requirements in words. The document has been read before: its shape is known to be right.

use serde_json::Value;

use super::{Said, authority::Authorities};

/// A requirement that stands at a place of the document.
pub(super) fn say(authorities: &Authorities<'_>, tree: &Value, at: &str) -> Said {
    let each = |list: &Value, at: &str| -> Vec<Said> {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let child = |(i, item)| say(authorities, item, &format!("{at}/{i}"));
        items.iter().enumerate().map(child).collect()
    };
    let said = match tree {
        Value::String(name) => return authorities.say(name),
        Value::Array(_) => return Said::new("all of:").with(each(tree, at)),
        _ if tree.get("all").is_some() => {
            Said::new("all of:").with(each(&tree["all"], &format!("{at}/all")))
        }
        _ if tree.get("any").is_some() => {
            Said::new("one of:").with(each(&tree["any"], &format!("{at}/any")))
        }
        _ if tree.get("atLeast").is_some() => {
            let text = format!("at least {} of, by different signers:", tree["atLeast"]);
            Said::new(text).with(each(&tree["of"], &format!("{at}/of")))
        }
        _ if tree.get("attestation").is_some() => {
            attestation(authorities, &tree["attestation"], &format!("{at}/attestation"))
        }
        // An authority in the place of its name.
        _ => return authorities.say(at),
    };
    match tree.get("subject") {
        Some(of) => subject(of).with(vec![said]),
        None => said,
    }
}

fn attestation(authorities: &Authorities<'_>, asked: &Value, at: &str) -> Said {
    let text = |name: &str| asked[name].as_str();
    let kind = match (text("type"), text("artifactType")) {
        (Some(kind), _) => format!("an attestation of type {kind}"),
        (_, artifact) => format!("a signed referrer of type {}", artifact.unwrap_or_default()),
    };
    let name = text("name").map(|name| format!(", here called {name}")).unwrap_or_default();
    let signed_by = say(authorities, &asked["signedBy"], &format!("{at}/signedBy"));
    let mut children = vec![Said::new("signed by:").with(vec![signed_by])];
    if let Some(age) = text("maxAge") {
        children.push(Said::new(format!("not older than {age}, by what its signer says")));
    }
    children.push(Said::new(match text("select") {
        Some("all") => "of several, each must hold",
        Some("latest") => "of several, the youngest must hold",
        Some(_) => "of several, one must hold",
        None if asked.get("vulnerabilities").is_some() || asked["sbom"].get("deny").is_some() => {
            "of several, the youngest must hold"
        }
        None => "of several, one must hold",
    }));
    for check in ["approvals", "provenance", "sbom", "vsa", "vulnerabilities"] {
        if let Some(fields) = asked.get(check) {
            children.push(Said::new(format!("what it says, by the check {check}:")).with(each(
                authorities,
                fields,
                &format!("{at}/{check}"),
            )));
        }
    }
    children.extend(conditions(&asked["conditions"]));
    children.extend(asked.get("subject").map(subject));
    Said::new(format!("{kind}{name}")).with(children)
}

/// The fields of a check, one a line.
fn each(authorities: &Authorities<'_>, fields: &Value, at: &str) -> Vec<Said> {
    let Some(members) = fields.as_object() else {
        return vec![Said::new(compact(fields))];
    };
    let one = |(name, value): (&String, &Value)| {
        if name == "vex" {
            let signed_by = say(authorities, &value["signedBy"], &format!("{at}/vex/signedBy"));
            let age = value["maxAge"].as_str().unwrap_or_default();
            let text = format!("VEX counts, not older than {age}, signed by:");
            return Said::new(text).with(vec![signed_by]);
        }
        Said::new(format!("{name}: {}", compact(value)))
    };
    members.iter().map(one).collect()
}

/// Expressions that must hold.
pub(super) fn conditions(list: &Value) -> Option<Said> {
    let list = list.as_array()?;
    let one = |condition: &Value| {
        let message = condition["message"].as_str().map(|m| format!("  ({m})"));
        let cel = condition["cel"].as_str().unwrap_or_default().trim();
        Said::new(format!("{cel}{}", message.unwrap_or_default()))
    };
    Some(Said::new("and these expressions hold:").with(list.iter().map(one).collect()))
}

/// What of an image must show it.
pub(super) fn subject(of: &Value) -> Said {
    Said::new(match of.as_str() {
        Some("platforms") => "of every platform that can run:".to_owned(),
        Some("both") => "of what the reference resolves to, and of every platform:".to_owned(),
        Some(_) => "of exactly what the reference resolves to:".to_owned(),
        None => format!("of the platforms {}:", compact(&of["platforms"])),
    })
}

/// A value in one line.
pub(super) fn compact(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
            items.iter().map(compact).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
