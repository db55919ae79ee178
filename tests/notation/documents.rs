//! The cases of the corpora under a trust policy document: the same statements in the Notary Project's
//! own words come to the same verdict.

use countersign::wire::Outcome;
use serde_json::{Map, Value, json};

use crate::support::{self, Case};

/// The case with its only authority as a statement; `None` where a document cannot say it.
fn as_document(case: &Case, scope: &str) -> Option<Case> {
    let spec = &case.policy["spec"];
    let name = match spec["rules"].as_array()?.as_slice() {
        [rule] => match &rule["require"] {
            Value::String(name) => name.clone(),
            Value::Object(tree) => match tree.get("any")?.as_array()?.as_slice() {
                [Value::String(name)] => name.clone(),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let authority = spec["authorities"][&name]["notation"].as_object()?;
    if authority.contains_key("userMetadata") || authority.contains_key("profile") {
        return None;
    }
    let trust = &spec["trust"][authority["trust"].as_str()?]["notation"];
    let (mut stores, mut names) = (Map::new(), Vec::new());
    for (kind, certificates) in trust.as_object()? {
        names.push(format!("{kind}:here"));
        stores.insert(kind.clone(), json!({ "here": certificates }));
    }
    let mut verification = Map::new();
    for field in ["level", "override", "verifyTimestamp"] {
        if let Some(value) = authority.get(field) {
            verification.insert(field.into(), value.clone());
        }
    }
    let mut policy = json!({
        "document": {
            "version": "1.0",
            "trustPolicies": [{
                "name": "case",
                "registryScopes": [scope],
                "signatureVerification": verification,
                "trustStores": names,
                "trustedIdentities": authority["trustedIdentities"],
            }],
        },
        "stores": stores,
    });
    if let Some(value) = authority.get("tsaRevocation") {
        policy["tsaRevocation"] = value.clone();
    }
    let policy = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": { "notationTrustPolicy": policy },
    });
    Some(Case { policy, ..case.clone() })
}

#[test]
fn a_document_comes_to_the_verdict_of_its_native_words() {
    let mut count = 0;
    for case in support::cases().iter().filter(|case| case.id.starts_with("notation-")) {
        let Ok((native, _)) = support::decide_case(case) else {
            continue;
        };
        let layout = support::open(&case.reference);
        let repository = layout.reference().split(['@']).next().unwrap();
        let repository = match repository.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => path,
            _ => repository,
        };
        for scope in ["*", repository] {
            let Some(case) = as_document(case, scope) else {
                continue;
            };
            let (decision, _) = support::decide_case(&case)
                .unwrap_or_else(|codes| panic!("{} {scope}: {codes:?}", case.id));
            assert_eq!(decision.outcome, native.outcome, "{} {scope}", case.id);
            assert_eq!(decision.images[0].reason, native.images[0].reason, "{} {scope}", case.id);
            count += 1;
        }
        // Another repository's statement is not its own.
        if let Some(case) = as_document(case, "other.test/app") {
            let (decision, _) = support::decide_case(&case).unwrap();
            assert_eq!(decision.outcome, Outcome::Deny);
        }
    }
    println!("documents: {count} cases");
    assert!(count >= 80, "{count}");
}
