//! Broken policies in the words of attestations, matching, block lists and exceptions: each refused
//! with a code, the place, the text and what was probably meant.

use countersign::policy::Policy;
use serde_json::{Value, json};

use crate::policies::{change, key};

const INVALID: &str = "policy.invalidValue";
const MISSING: &str = "policy.missingField";
const NAME: &str = "policy.unknownName";
const UNKNOWN: &str = "policy.unknownField";

/// Change, code, path, text, suggestion.
type Row = (String, Option<Value>, &'static str, String, String, Option<&'static str>);

fn good() -> Value {
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "authorities": {
                "ci": { "cosign": { "keys": [key("cosign-p256.pub")] } },
                "security": { "cosign": { "keys": [key("ecp384.pub")] } },
            },
            "rules": [
                {
                    "name": "scanned",
                    "images": ["ghcr.io/acme/**"],
                    "match": {
                        "kinds": ["Pod"],
                        "namespaces": ["prod"],
                        "labels": { "matchLabels": { "a": "b" } },
                        "namespaceLabels": { "matchExpressions": [{ "key": "a", "operator": "Exists" }] },
                        "cel": "image.registry == 'ghcr.io'",
                    },
                    "require": { "all": [
                        { "attestation": {
                            "name": "scan",
                            "type": "vuln",
                            "signedBy": "ci",
                            "maxAge": "7d",
                            "select": "latest",
                            "conditions": [{ "cel": "predicate.a == 1", "message": "a" }],
                            "vulnerabilities": {
                                "allowUpTo": "high",
                                "vex": { "signedBy": "security", "maxAge": "7d" },
                            },
                        } },
                        { "attestation": { "name": "build", "type": "slsaprovenance1", "signedBy": "ci" } },
                    ] },
                    "conditions": [{ "cel": "size(attestations.scan) > 0" }],
                    "mode": "warn",
                    "undetermined": "warn",
                },
                { "images": ["registry.k8s.io/**"], "static": "allow" },
            ],
            "block": { "digests": [], "keys": [], "certificates": [], "identities": [], "since": "2026-01-01" },
            "exceptions": [{
                "images": ["ghcr.io/acme/**"],
                "namespaces": ["a"],
                "rules": ["scanned"],
                "waive": ["scan"],
                "until": "2027-01-01",
                "owner": "a",
                "reason": "b",
            }],
            "ignoreKinds": ["Widget"],
            "resources": [{ "group": "acme.test", "kind": "App", "images": ["/spec/image"] }],
        },
    })
}

#[test]
fn the_good_policy_of_the_whole_language_is_good() {
    assert_eq!(Policy::parse(&good()).err(), None);
}

#[test]
fn broken_words_are_refused_where_they_are_broken_and_the_text_says_why() {
    let mut rows = Vec::new();
    rows.extend(matches());
    rows.extend(attestations());
    rows.extend(conditions());
    rows.extend(blocks());
    rows.extend(exceptions());
    rows.extend(kinds());
    assert!(rows.len() >= 60, "{}", rows.len());
    println!("bad input: {} broken policies of the whole language", rows.len());
    let mut wrong = Vec::new();
    for (pointer, value, code, path, text, suggestion) in rows {
        let mut document = good();
        let what = format!(
            "{pointer} = {:.60}",
            value.as_ref().map_or_else(|| "nothing".into(), Value::to_string)
        );
        change(&mut document, &pointer, value);
        let Err(errors) = Policy::parse(&document) else {
            wrong.push(format!("{what}: accepted"));
            continue;
        };
        let fits = errors.iter().any(|e| {
            e.code == code
                && e.path == path
                && e.message.contains(&text)
                && e.suggestion.as_deref() == suggestion
        });
        if !fits {
            let found: Vec<_> = errors
                .iter()
                .take(3)
                .map(|e| format!("{} {} {:?} {}", e.code, e.path, e.suggestion, e.message))
                .collect();
            wrong.push(format!(
                "{what}: expected {code} {path} {suggestion:?} {text}, found {}",
                found.join("; ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `field` below `base` is set, and the error is there.
fn at(base: &str, field: &str, value: Value, code: &'static str, text: &str) -> Row {
    let pointer = format!("{base}/{field}");
    (pointer.clone(), Some(value), code, pointer, text.to_owned(), None)
}

/// The error is elsewhere.
fn told(mut row: Row, path: &str) -> Row {
    row.3 = path.to_owned();
    row
}

fn meant(row: Row, suggestion: &'static str) -> Row {
    row.with(suggestion)
}

/// Without the field.
fn without(base: &str, field: &str, text: &str) -> Row {
    (format!("{base}/{field}"), None, MISSING, base.to_owned(), text.to_owned(), None)
}

fn matches() -> Vec<Row> {
    let rule = "/spec/rules/0";
    let base = "/spec/rules/0/match";
    let labels = "/spec/rules/0/match/labels";
    let terms = "/spec/rules/0/match/namespaceLabels/matchExpressions";
    vec![
        at(rule, "match", json!({}), INVALID, "`match` says nothing"),
        at(rule, "match", json!("Pod"), INVALID, "an object"),
        meant(at(base, "kind", json!(["Pod"]), UNKNOWN, "unknown field `kind`"), "kinds"),
        meant(
            at(base, "namespace", json!("a"), UNKNOWN, "unknown field `namespace`"),
            "namespaces",
        ),
        at(base, "kinds", json!([]), INVALID, "the list is empty"),
        told(
            at(
                base,
                "kinds",
                json!(["pod"]),
                INVALID,
                "`pod` is not a kind such as `Pod` or `apps/Deployment`",
            ),
            "/spec/rules/0/match/kinds/0",
        ),
        told(
            at(
                base,
                "kinds",
                json!(["Pod", "apps/v1/Deployment"]),
                INVALID,
                "`apps/v1/Deployment` is not a kind",
            ),
            "/spec/rules/0/match/kinds/1",
        ),
        at(
            base,
            "namespaces",
            json!(["!prod"]),
            INVALID,
            "only negative globs: add a positive one, such as `*`",
        ),
        told(
            at(base, "namespaces", json!(["a", "!"]), INVALID, "`!` is not a glob"),
            "/spec/rules/0/match/namespaces/1",
        ),
        at(base, "labels", json!({}), INVALID, "`matchLabels` or `matchExpressions` is needed"),
        at(
            base,
            "labels",
            json!({ "matchLabels": {} }),
            INVALID,
            "`matchLabels` or `matchExpressions` is needed",
        ),
        told(
            at(base, "labels", json!({ "matchLabels": { "a/b": 1 } }), INVALID, "a string"),
            "/spec/rules/0/match/labels/matchLabels/a~1b",
        ),
        meant(
            at(labels, "matchLabel", json!({}), UNKNOWN, "unknown field `matchLabel`"),
            "matchLabels",
        ),
        told(
            at(
                terms,
                "0",
                json!({ "key": "a", "operator": "in", "values": ["b"] }),
                INVALID,
                "`in`",
            ),
            "/spec/rules/0/match/namespaceLabels/matchExpressions/0/operator",
        )
        .with("In"),
        at(
            terms,
            "0",
            json!({ "key": "a", "operator": "In" }),
            MISSING,
            "`In` and `NotIn` need `values`",
        ),
        told(
            at(
                terms,
                "0",
                json!({ "key": "a", "operator": "Exists", "values": ["b"] }),
                INVALID,
                "`values` go with `In` and `NotIn`",
            ),
            "/spec/rules/0/match/namespaceLabels/matchExpressions/0/values",
        ),
        at(terms, "0", json!({ "operator": "Exists" }), MISSING, "`key` is missing"),
        at(terms, "0", json!({ "key": "a" }), MISSING, "`operator` is missing"),
        at(base, "cel", json!("image.registry =="), INVALID, "not an expression: "),
        at(base, "cel", json!("predicate.a == 1"), INVALID, "not an expression: "),
        at(
            base,
            "cel",
            json!("now > timestamp('2026-01-01T00:00:00Z')"),
            INVALID,
            "not an expression: ",
        ),
        meant(at(rule, "mode", json!("Audit"), INVALID, "`Audit`"), "audit"),
        at(rule, "mode", json!("monitor"), INVALID, "`monitor`"),
        at(rule, "undetermined", json!("allow"), INVALID, "`allow`"),
        meant(
            at(rule, "undetermned", json!("warn"), UNKNOWN, "unknown field `undetermned`"),
            "undetermined",
        ),
    ]
}

fn attestations() -> Vec<Row> {
    let scan = "/spec/rules/0/require/all/0/attestation";
    let build = "/spec/rules/0/require/all/1/attestation";
    let is_no_duration = |text: &str| {
        let message =
            format!("`{text}` is not a duration such as `90s`, `30m`, `12h`, `7d` or `2w`");
        at(scan, "maxAge", json!(text), INVALID, &message)
    };
    let why = "needs `maxAge`: what was withheld cannot be told from what never was";
    let vex = "/spec/rules/0/require/all/0/attestation/vulnerabilities/vex";
    let twice = |subject: Value| {
        let trees = json!([{ "subject": subject, "all": [{ "subject": "both", "all": ["ci"] }] }]);
        let row = at("/spec/rules/0/require", "all", trees, INVALID, "a `subject` in what has one");
        told(row, "/spec/rules/0/require/all/0")
    };
    vec![
        twice(json!("platforms")),
        twice(json!("resolved")),
        told(
            at(
                "/spec/rules",
                "0",
                json!({ "images": ["**"], "subject": "platforms", "require": { "subject": "both", "all": ["ci"] } }),
                INVALID,
                "a `subject` in a rule that has one already",
            ),
            "/spec/rules/0",
        ),
        is_no_duration("7"),
        is_no_duration("0d"),
        is_no_duration("-7d"),
        is_no_duration("1d12h"),
        is_no_duration("P7D"),
        is_no_duration("4000d"),
        at(scan, "maxAge", json!(7), INVALID, "a string"),
        meant(at(scan, "maxage", json!("7d"), UNKNOWN, "unknown field `maxage`"), "maxAge"),
        meant(at(scan, "condition", json!([]), UNKNOWN, "unknown field `condition`"), "conditions"),
        meant(at(scan, "select", json!("last"), INVALID, "`last`"), "latest"),
        meant(at(scan, "select", json!("lates"), INVALID, "`lates`"), "latest"),
        at(build, "select", json!("all"), MISSING, &format!("`select: all` {why}")),
        at(
            build,
            "select",
            json!("latest"),
            MISSING,
            &format!("`select: latest` (the default for `vulnerabilities` and `sbom.deny`) {why}"),
        ),
        told(
            at(
                build,
                "sbom",
                json!({ "deny": { "licenses": ["MIT"] } }),
                MISSING,
                "`select: latest` (the default for `vulnerabilities` and `sbom.deny`)",
            ),
            build,
        ),
        told(at(build, "vulnerabilities", json!({ "allowUpTo": "low" }), MISSING, why), build),
        at(build, "name", json!(""), INVALID, "the text is empty"),
        told(
            at(
                build,
                "name",
                json!("scan"),
                INVALID,
                "two attestations of this rule are named `scan`",
            ),
            "/spec/rules/0",
        ),
        without(vex, "maxAge", "`maxAge` is missing"),
        without(vex, "signedBy", "`signedBy` is missing"),
        told(
            at(vex, "signedBy", json!("securty"), NAME, "`spec.authorities` has no `securty`")
                .with("security"),
            "/spec/rules/0/require/all/0/attestation/vulnerabilities/vex/signedBy",
        ),
        told(
            at(
                vex,
                "signedBy",
                json!({ "attestation": { "type": "openvex", "signedBy": "ci" } }),
                INVALID,
                "`signedBy` cannot hold an attestation",
            ),
            "/spec/rules/0/require/all/0/attestation/vulnerabilities/vex/signedBy",
        ),
    ]
}

fn conditions() -> Vec<Row> {
    let rule = "/spec/rules/0";
    let list = "/spec/rules/0/conditions";
    let own = "/spec/rules/0/require/all/0/attestation/conditions";
    let cel = |text: &str, code, message: &str| {
        let row = at(list, "0", json!({ "cel": text }), code, message);
        told(row, "/spec/rules/0/conditions/0/cel")
    };
    let of_rule = |text: &str, code, message: &str| told(cel(text, code, message), rule);
    let many = vec![json!({ "cel": "true" }); 65];
    vec![
        at(rule, "conditions", json!([]), INVALID, "the list is empty"),
        at(rule, "conditions", json!(many), INVALID, "more than 64 conditions"),
        at(list, "0", json!("true"), INVALID, "an object"),
        at(list, "0", json!({ "message": "a" }), MISSING, "`cel` is missing"),
        told(
            at(list, "0", json!({ "rego": "package a" }), "policy.notImplemented", "`rego` is not implemented in this build"),
            "/spec/rules/0/conditions/0/rego",
        ),
        told(
            at(list, "0", json!({ "cel": "true", "message": "" }), INVALID, "the text is empty"),
            "/spec/rules/0/conditions/0/message",
        ),
        cel("", INVALID, "the text is empty"),
        cel("1 +", INVALID, "not an expression: "),
        cel("'a", INVALID, "not an expression: "),
        cel("predicate.a == 1", INVALID, "not an expression: "),
        cel("statement.a == 1", INVALID, "not an expression: "),
        cel("fetch('https://acme.test')", INVALID, "not an expression: "),
        cel("attestations == {}", INVALID, "`attestations` is read by name, as in `attestations.scan`"),
        cel("attestations[image.name] == []", INVALID, "`attestations` is read by name"),
        cel("attestations.all(a, true)", INVALID, "`attestations` is read by name"),
        of_rule(
            "attestations.scna == []",
            NAME,
            "a condition reads `attestations.scna`, and no attestation of this rule has that `name`",
        )
        .with("scan"),
        of_rule(
            "attestations.build == []",
            MISSING,
            "a condition reads `attestations.build`, which then needs `maxAge`: what was withheld cannot be told from what never was",
        ),
        told(
            at(own, "0", json!({ "cel": "attestations.build == []" }), MISSING, "a condition reads `attestations.build`, which then needs `maxAge`"),
            rule,
        ),
        told(at("/spec/rules/1", "conditions", json!([{ "cel": "true" }]), INVALID, "`conditions` go with `require`"), "/spec/rules/1/conditions"),
    ]
}

fn blocks() -> Vec<Row> {
    let base = "/spec/block";
    let item = |field: &str, value: Value, text: &str| {
        told(at(base, field, json!([value]), INVALID, text), &format!("{base}/{field}/0"))
    };
    let identity = |value: Value, code, text: &str| {
        told(at(base, "identities", json!([value]), code, text), "/spec/block/identities/0")
    };
    vec![
        meant(at(base, "digest", json!([]), UNKNOWN, "unknown field `digest`"), "digests"),
        item(
            "digests",
            json!("sha256:0"),
            "`sha256:0` is not a digest such as `sha256:<64 hex digits>`",
        ),
        item("digests", json!("ghcr.io/acme/app"), "`ghcr.io/acme/app` is not a digest"),
        item("digests", json!(""), "the text is empty"),
        item(
            "keys",
            json!("00"),
            "`00` is not the SHA-256 of the SPKI in DER: 64 lower-case hex digits",
        ),
        item("keys", json!("A".repeat(64)), "is not the SHA-256 of the SPKI in DER"),
        item(
            "certificates",
            json!("00"),
            "`00` is not the SHA-256 of the certificate in DER: 64 lower-case hex digits",
        ),
        told(
            at(base, "certificates", json!([{ "issuer": "CN=a" }]), MISSING, "`serial` is missing"),
            "/spec/block/certificates/0",
        ),
        told(
            at(base, "certificates", json!([{ "serial": "01" }]), MISSING, "`issuer` is missing"),
            "/spec/block/certificates/0",
        ),
        told(
            at(
                base,
                "certificates",
                json!([{ "issuer": "CN=a", "serial": "12G" }]),
                INVALID,
                "`12G` is not a serial number in hex",
            ),
            "/spec/block/certificates/0/serial",
        ),
        identity(json!({}), MISSING, "`issuer` or `subject` is needed"),
        identity(json!("a@acme.test"), INVALID, "an object"),
        told(
            identity(json!({ "subjectRegExp": "(" }), INVALID, "regular expression"),
            "/spec/block/identities/0/subjectRegExp",
        ),
        at(
            base,
            "since",
            json!("yesterday"),
            INVALID,
            "`yesterday` is not a date such as `2027-01-31`, or RFC 3339",
        ),
        at(base, "since", json!("2026-02-30"), INVALID, "`2026-02-30` is not a date"),
        at(base, "since", json!("2026-01-01 00:00:00Z"), INVALID, "is not a date"),
    ]
}

fn exceptions() -> Vec<Row> {
    let base = "/spec/exceptions/0";
    let item = |field: &str, value: Value, code, text: &str| {
        told(at(base, field, json!([value]), code, text), &format!("{base}/{field}/0"))
    };
    let never = |code: &str| {
        told(at(base, "waive", json!([code]), INVALID, &format!("`{code}` cannot be waived")), base)
    };
    let mut rows = vec![
        never("image.blocked"),
        never("image.staticDeny"),
        never("digest.unpinned"),
        never("signer.blocked"),
        meant(at(base, "image", json!(["**"]), UNKNOWN, "unknown field `image`"), "images"),
        item("images", json!("nginx"), INVALID, "`nginx` is not a glob"),
        item(
            "images",
            json!("ghcr.io/a@sha256:0"),
            INVALID,
            "`ghcr.io/a@sha256:0` is not an image by digest",
        ),
        told(
            at(
                base,
                "images",
                json!(["!ghcr.io/**"]),
                INVALID,
                "only negative globs: add a positive one",
            ),
            base,
        ),
        item("waive", json!("scna"), NAME, "`scna` is no requirement's name and no reason code")
            .with("scan"),
        item("waive", json!("signature.none"), NAME, "is no requirement's name and no reason code")
            .with("signatures.none"),
        item("rules", json!("scaned"), NAME, "`scaned` is no rule with a `name`").with("scanned"),
        at(base, "waive", json!([]), INVALID, "the list is empty"),
        at(
            base,
            "until",
            json!("2027"),
            INVALID,
            "`2027` is not a date such as `2027-01-31`, or RFC 3339",
        ),
        at(base, "until", json!("never"), INVALID, "`never` is not a date"),
        at(base, "owner", json!(""), INVALID, "the text is empty"),
    ];
    for field in ["images", "owner", "reason", "until", "waive"] {
        rows.push(without(base, field, &format!("`{field}` is missing")));
    }
    rows
}

fn kinds() -> Vec<Row> {
    let base = "/spec/resources/0";
    vec![
        told(
            at(
                "/spec",
                "ignoreKinds",
                json!(["widgets"]),
                INVALID,
                "`widgets` is not a kind such as `Pod`",
            ),
            "/spec/ignoreKinds/0",
        ),
        at("/spec", "ignoreKinds", json!("Widget"), INVALID, "a list"),
        meant(
            at("/spec", "ignoreKind", json!([]), UNKNOWN, "unknown field `ignoreKind`"),
            "ignoreKinds",
        ),
        at("/spec", "resources", json!([]), INVALID, "the list is empty"),
        without(base, "group", "`group` is missing"),
        without(base, "kind", "`kind` is missing"),
        without(base, "images", "`images` is missing"),
        told(
            at(
                base,
                "images",
                json!(["spec.image"]),
                INVALID,
                "`spec.image` is not a JSON pointer such as `/spec/steps/*/image`",
            ),
            "/spec/resources/0/images/0",
        ),
        at(base, "optional", json!("yes"), INVALID, "a boolean"),
        meant(at(base, "image", json!("/a"), UNKNOWN, "unknown field `image`"), "images"),
    ]
}

trait Meant {
    fn with(self, suggestion: &'static str) -> Self;
}

impl Meant for Row {
    fn with(mut self, suggestion: &'static str) -> Self {
        self.5 = Some(suggestion);
        self
    }
}
