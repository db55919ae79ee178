//! What policy authors meet: errors with places, what is read, borrowed data.

use countersign_cel::{Cause, CompileError, Cost, Limits, Program, Scope, Timestamp, Value};
use serde_json::{Value as Json, json};

const VARIABLES: [&str; 4] = ["attestations", "image", "now", "request"];

fn compile(text: &str) -> Result<Program, CompileError> {
    Program::compile(text, &VARIABLES, Limits::default())
}

/// The value of an expression, as `%s` writes it, or its error.
fn shown(text: &str, request: &Json) -> String {
    let program = match compile(text) {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    let scope = Scope::new()
        .with("request", request)
        .with("now", Timestamp::parse("2026-11-21T12:00:00Z").unwrap());
    match program.evaluate(&scope, &mut Cost::new(100_000)) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn reads_json_without_conversion() {
    let request = json!({
        "object": { "spec": { "replicas": 3, "ratio": 0.5, "labels": { "app": "web" } } },
        "names": ["a", "b"],
        "big": 18_446_744_073_709_551_615_u64,
    });
    for (text, expected) in [
        ("request.object.spec.replicas * 2", "6"),
        ("request.object.spec.replicas - 5", "-2"),
        ("type(request.object.spec.replicas)", "int"),
        ("type(request.object.spec.ratio)", "double"),
        ("type(request.big)", "double"),
        ("request.names.exists(n, n == 'b')", "true"),
        ("request.object.spec.labels.map(k, k + '!')", "[app!]"),
        ("request.names[1] in {'b': 1}", "true"),
        ("request == request", "true"),
        ("now - duration('24h') < now", "true"),
        ("has(request.missing) || request.?missing.orValue(7) == 7", "true"),
    ] {
        assert_eq!(shown(text, &request), expected, "{text}");
    }
}

#[test]
fn names_the_place_and_the_cause() {
    let request = json!({ "n": 1, "names": [] });
    for (text, expected) in [
        ("1 +\n  request.missing", "2:11: no such key: \"missing\""),
        ("1 + 'a'", "1:3: no matching overload for '+(int, string)'"),
        ("request.n.x", "1:11: no such key: x: type 'int' has no fields"),
        ("request.names[2]", "1:14: index out of bounds: 2"),
        ("1 / 0", "1:3: division by zero"),
        ("image", "1:1: no value for variable 'image'"),
        ("imag", "1:1: undeclared reference to 'imag', did you mean 'image'?"),
        (
            "'a'.startWith('a')",
            "1:5: undeclared reference to 'startWith', did you mean 'startsWith'?",
        ),
        (
            "startsWith('a', 'a')",
            "1:1: undeclared reference to 'startsWith', did you mean '….startsWith(…)'?",
        ),
        ("math.absolute(1)", "1:1: undeclared reference to 'math.absolute'"),
        (
            "'a'.substring(1, 2, 3)",
            "1:5: wrong number of arguments to 'substring': expected 1 to 2, found 3",
        ),
        ("[1].map(1, 2)", "1:9: invalid argument to 'map': expected a simple name as the variable"),
        (
            "'a'.matches('(')",
            "1:13: invalid regular expression: found open group without closing ')'",
        ),
        ("1 +", "1:4: syntax error: expected an expression, found the end"),
        ("Foo{a: 1}", "1:1: message literals are not supported"),
        ("'\\q'", "1:2: invalid escape sequence"),
    ] {
        assert_eq!(shown(text, &request), expected, "{text}");
    }
}

#[test]
fn says_what_it_reads() {
    let text = "attestations.scan.exists(s, s.ok) && request['object'].kind == 'Pod' \
                && has(image.config) && now > timestamp(0) && image.?labels.hasValue()";
    let program = compile(text).unwrap();
    let reads: Vec<_> = program.reads().map(|read| (read.variable, read.field)).collect();
    assert_eq!(
        reads,
        [
            ("attestations", Some("scan")),
            ("image", Some("config")),
            ("image", Some("labels")),
            ("now", None),
            ("request", Some("object")),
        ]
    );
}

#[test]
fn a_value_is_made_by_the_caller() {
    let scans = json!([{ "ok": true }]);
    let attestations =
        Value::map([("scan", Value::from(&scans)), ("count", Value::Int(1))]).unwrap();
    let scope = Scope::new().with("attestations", attestations);
    let program = compile("attestations.scan[0].ok && attestations.count == 1").unwrap();
    let value = program.evaluate(&scope, &mut Cost::new(1000)).unwrap();
    assert_eq!(value.as_bool(), Some(true));
}

#[test]
fn a_spent_cost_is_not_absorbed() {
    let program = compile("request.exists(a, request.exists(b, false)) || true").unwrap();
    let request = Json::Array((0..1000).map(Json::from).collect());
    let scope = Scope::new().with("request", &request);
    let mut cost = Cost::new(10_000);
    let error = program.evaluate(&scope, &mut cost).unwrap_err();
    assert_eq!(error.cause, Cause::CostExceeded);
    assert!(error.is_limit());
    assert_eq!((cost.left(), cost.spent()), (0, 10_000));
}

#[test]
fn programs_and_values_cross_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
    shared::<Value<'static>>();
}
