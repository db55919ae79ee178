//! `approvals`: who has approved, wherever a document says it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::held::{MISSING, UNKNOWN, VALUE, are_accepted, are_refused, held, parse, with};

const TYPE: &str = "https://acme.test/review/v1";

fn reviews() -> Value {
    json!({
        "pull": { "author": { "login": "ann" } },
        "reviews": [
            { "user": { "login": "bob" }, "state": "APPROVED" },
            { "user": { "login": "cat" }, "state": "CHANGES_REQUESTED" },
            { "user": { "login": "Bob " }, "state": "APPROVED" },
            { "user": { "login": "ann" }, "state": "APPROVED" },
            { "user": { "login": "dan" }, "state": "approved" },
        ],
    })
}

fn mapped(at_least: u32) -> Value {
    json!({
        "atLeast": at_least,
        "at": "/reviews/*",
        "approver": "/user/login",
        "when": { "/state": ["APPROVED", "approved"] },
        "notAuthor": true,
        "author": "/pull/author/login",
    })
}

#[test]
fn distinct_approvers_count_and_the_author_does_not() {
    for (fields, holds) in [
        (mapped(1), true),
        (mapped(2), true),
        (mapped(3), false),
        (with(&mapped(3), "/notAuthor", json!(false)), true),
        (with(&mapped(4), "/notAuthor", json!(false)), false),
        (with(&mapped(1), "/when", json!({ "/state": "CHANGES_REQUESTED" })), true),
        (with(&mapped(1), "/when", json!({ "/state": "DISMISSED" })), false),
        (with(&mapped(1), "/when", json!({ "/none": "APPROVED" })), false),
        (with(&mapped(1), "/from", json!(["bob", "eve"])), true),
        (with(&mapped(1), "/from", json!("BOB*")), true),
        (with(&mapped(2), "/from", json!(["bob*", "cat"])), false),
        (with(&mapped(2), "/from", json!(["b*", "d*"])), true),
        (with(&mapped(1), "/from", json!("ann")), false),
    ] {
        let mut fields = fields;
        if fields["notAuthor"] == json!(false) {
            fields.as_object_mut().unwrap().remove("author");
        }
        let codes = held("approvals", fields.clone()).codes(TYPE, &reviews());
        let expected: &[&str] = if holds { &[] } else { &["approvals.tooFew"] };
        assert_eq!(codes, expected, "{fields}");
    }
    let (expected, found) = held("approvals", mapped(3)).reason(TYPE, &reviews());
    assert_eq!(expected, "3 approvers, the author aside");
    assert_eq!(found, "2 approved: bob, dan");
    let (expected, found) =
        held("approvals", with(&mapped(2), "/from", json!("bob*"))).reason(TYPE, &reviews());
    assert_eq!(expected, "2 approvers of `bob*`, the author aside");
    assert_eq!(found, "1 approved: bob; not counted: dan");
}

#[test]
fn a_plain_document_lists_its_approvers() {
    let plain = json!({ "author": "ann", "approvers": ["ann", "bob", "cat", "BOB"], "dismissedApprovers": ["cat"] });
    for (fields, document, codes) in [
        (json!({ "atLeast": 2 }), plain.clone(), vec![]),
        (json!({ "atLeast": 3 }), plain.clone(), vec!["approvals.tooFew"]),
        (json!({ "atLeast": 1, "notAuthor": true }), plain.clone(), vec![]),
        (json!({ "atLeast": 2, "notAuthor": true }), plain.clone(), vec!["approvals.tooFew"]),
        (json!({ "atLeast": 3 }), with(&plain, "/dismissedApprovers", Value::Null), vec![]),
        (
            json!({ "atLeast": 1, "notAuthor": true }),
            with(&plain, "/author", Value::Null),
            vec!["predicate.malformed"],
        ),
        (
            json!({ "atLeast": 1, "notAuthor": true }),
            with(&plain, "/author", json!({ "login": "ann" })),
            vec!["predicate.malformed"],
        ),
        (
            json!({ "atLeast": 1, "notAuthor": true, "author": "/by" }),
            with(&plain, "/by", json!("bob")),
            vec![],
        ),
        (json!({ "atLeast": 1 }), with(&plain, "/approvers", json!([])), vec!["approvals.tooFew"]),
        (
            json!({ "atLeast": 1 }),
            with(&plain, "/approvers", json!("bob")),
            vec!["approvals.tooFew"],
        ),
        (
            json!({ "atLeast": 1 }),
            with(&plain, "/approvers", json!(["bob", 7])),
            vec!["predicate.malformed"],
        ),
        (
            json!({ "atLeast": 1 }),
            with(&plain, "/approvers", json!(["bob", " "])),
            vec!["predicate.malformed"],
        ),
        (
            json!({ "atLeast": 1 }),
            with(&plain, "/approvers", json!([{ "login": "bob" }])),
            vec!["predicate.malformed"],
        ),
        (
            json!({ "atLeast": 1 }),
            with(&plain, "/dismissedApprovers", json!([7])),
            vec!["predicate.malformed"],
        ),
        (json!({ "atLeast": 1 }), json!({ "reviewers": ["bob"] }), vec!["approvals.tooFew"]),
        (json!({ "atLeast": 1 }), Value::Null, vec!["approvals.tooFew"]),
        (json!({ "atLeast": 1 }), json!(["bob"]), vec!["approvals.tooFew"]),
        (json!({ "atLeast": 1, "at": "/*" }), json!(["bob"]), vec![]),
        (json!({ "atLeast": 1, "at": "/reviewers/*" }), json!({ "reviewers": ["bob"] }), vec![]),
    ] {
        assert_eq!(
            held("approvals", fields.clone()).codes(TYPE, &document),
            codes,
            "{fields} {document}"
        );
    }
}

#[test]
fn a_document_may_be_one_approval() {
    let gate = json!({ "approved": true, "by": "qa@acme.test", "level": 3 });
    for (fields, codes) in [
        (json!({ "atLeast": 1, "approver": "/by", "when": { "/approved": true } }), vec![]),
        (
            json!({ "atLeast": 1, "approver": "/by", "when": { "/approved": true, "/level": [2, 3] } }),
            vec![],
        ),
        (
            json!({ "atLeast": 1, "approver": "/by", "when": { "/approved": "true" } }),
            vec!["approvals.tooFew"],
        ),
        (
            json!({ "atLeast": 1, "approver": "/by", "when": { "/approved": true, "/level": 2 } }),
            vec!["approvals.tooFew"],
        ),
        (json!({ "atLeast": 1, "approver": "/by", "from": "*@acme.test" }), vec![]),
        (
            json!({ "atLeast": 1, "approver": "/by", "from": "*@evil.test" }),
            vec!["approvals.tooFew"],
        ),
        (json!({ "atLeast": 2, "approver": "/by" }), vec!["approvals.tooFew"]),
        (json!({ "atLeast": 1, "approver": "/who" }), vec!["predicate.malformed"]),
        (json!({ "atLeast": 1, "approver": "/*" }), vec!["predicate.malformed"]),
        (json!({ "atLeast": 1, "when": { "/approved": true } }), vec!["predicate.malformed"]),
    ] {
        assert_eq!(held("approvals", fields.clone()).codes(TYPE, &gate), codes, "{fields}");
    }
}

#[test]
fn policies_are_read_by_parser_and_schema_alike() {
    are_accepted(
        "approvals",
        &[
            with(&mapped(1000), "/from", json!(["a", "b"])),
            json!({ "atLeast": 1 }),
            json!({ "atLeast": 1, "notAuthor": false }),
            json!({ "atLeast": 1, "at": "/approvers/*", "when": { "": ["a", "b"] } }),
        ],
    );
    let other = |pointer: &str, value: Value| with(&mapped(1), pointer, value);
    are_refused(
        "approvals",
        &[
            (json!({}), MISSING, ""),
            (json!(2), VALUE, ""),
            (other("/atLeast", Value::Null), MISSING, ""),
            (other("/atLeast", json!(0)), VALUE, "/atLeast"),
            (other("/atLeast", json!(1001)), VALUE, "/atLeast"),
            (other("/atLeast", json!("1")), VALUE, "/atLeast"),
            (other("/atMost", json!(1)), UNKNOWN, "/atMost"),
            (other("/from", json!([])), VALUE, "/from"),
            (other("/from", json!([7])), VALUE, "/from/0"),
            (other("/notAuthor", json!("yes")), VALUE, "/notAuthor"),
            (other("/notAuthor", json!(false)), VALUE, "/author"),
            (other("/notAuthor", Value::Null), VALUE, "/author"),
            (other("/author", json!("pull")), VALUE, "/author"),
            (other("/at", json!("reviews/*")), VALUE, "/at"),
            (other("/at", json!("")), VALUE, "/at"),
            (other("/approver", json!(["/user"])), VALUE, "/approver"),
            (other("/when", json!({})), VALUE, "/when"),
            (other("/when", json!("APPROVED")), VALUE, "/when"),
            (other("/when", json!({ "state": "APPROVED" })), VALUE, "/when/state"),
            (other("/when", json!({ "/state": { "a": 1 } })), VALUE, "/when/~1state"),
            (other("/when", json!({ "/state": [] })), VALUE, "/when/~1state"),
        ],
    );
    let faults = parse("approvals", &other("/at", json!("reviews/*"))).unwrap_err();
    assert_eq!(faults[0].2.as_deref(), Some("/reviews/*"));
}

#[test]
fn ten_megabytes_of_reviews_cost_what_they_weigh() {
    let review = |n: usize| json!({ "user": { "login": format!("user{n}") }, "state": if n.is_multiple_of(2) { "APPROVED" } else { "no" } });
    let many: Vec<_> = (0..250_000).map(review).collect();
    let document = with(&reviews(), "/reviews", json!(many));
    let bytes = document.to_string().len();
    let before = Instant::now();
    let fields = with(&mapped(1000), "/from", json!(["*1*2*3*4*5", "nobody"]));
    assert_eq!(held("approvals", fields).codes(TYPE, &document), ["approvals.tooFew"]);
    println!("{bytes} bytes in {:?}", before.elapsed());
    assert!(bytes > 10_000_000 && before.elapsed() < Duration::from_secs(6));
}
