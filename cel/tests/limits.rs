//! What an author or a document cannot do: spend without end, nest without end.

use std::time::{Duration, Instant};

use countersign_cel::{Cause, CompileCause, Cost, EvaluateError, Limits, Program, Scope, Value};
use serde_json::{Value as Json, json};

/// What a policy may spend on a condition, or thereabouts.
const UNITS: u64 = 1_000_000;

fn compile(text: &str) -> Result<Program, CompileCause> {
    Program::compile(text, &["x"], Limits::default()).map_err(|error| error.cause)
}

/// Evaluates, and fails if that takes longer than the cost allows by far.
fn evaluate(text: &str, x: &Json) -> Result<String, EvaluateError> {
    let program = compile(text).unwrap();
    let scope = Scope::new().with("x", x);
    let started = Instant::now();
    let shown = program.evaluate(&scope, &mut Cost::new(UNITS)).map(|value| match value {
        Value::String(text) => text.len().to_string(),
        other => other.to_string(),
    });
    let took = started.elapsed();
    println!("{took:?} {}", text.get(..60).unwrap_or(text));
    assert!(took < Duration::from_secs(3), "{took:?} for {text}");
    shown
}

/// Evaluates what has to run out.
fn exceeds(text: &str, x: &Json) {
    assert_eq!(evaluate(text, x).unwrap_err().cause, Cause::CostExceeded, "{text}");
}

fn numbers(count: usize) -> Json {
    (0..count).map(Json::from).collect::<Vec<_>>().into()
}

#[test]
fn nested_macros_run_out() {
    let x = numbers(200);
    exceeds("x.all(a, x.all(b, x.all(c, true)))", &x);
    exceeds("x.exists(a, x.exists(b, x.exists(c, false))) || true", &x);
    exceeds(
        "true || x.map(a, x.map(b, x.map(c, c))).size() > 0 ? x.map(a, x.map(b, x.map(c, c))) : []",
        &x,
    );
    exceeds(
        "!(false && true) && x.filter(a, x.exists_one(b, x.exists(c, c < 0))) == [] || true",
        &x,
    );
    exceeds("x.transformMap(i, v, x.transformList(j, w, x.sortBy(k, -k)))", &x);
    // The specification's own example of exponential time.
    let exponential = "[0,1].all(x,".repeat(40) + "1/0 > 0" + &")".repeat(40);
    exceeds(&exponential, &x);
}

#[test]
fn doubling_runs_out() {
    // Exponential in time and space, says the specification; in space only for who does not share.
    let lists = "['foo','bar']".to_owned() + &".map(x, [x+x,x+x])".repeat(60);
    assert!(evaluate(&lists, &json!(null)).unwrap().ends_with(']'));
    exceeds(&format!("{lists} == {lists}"), &json!(null));
    exceeds(&format!("'%s'.format([{lists}])"), &json!(null));
    let strings = (0..60).fold("'0123456789abcdef'".to_owned(), |inner, level| {
        format!("cel.bind(s{level}, {inner}, s{level} + s{level})")
    });
    exceeds(&strings, &json!(null));
    let bytes = (0..60).fold("b'0123456789abcdef'".to_owned(), |inner, level| {
        format!("cel.bind(s{level}, {inner}, s{level} + s{level})")
    });
    exceeds(&bytes, &json!(null));
    let sums = (0..60).fold("[1]".to_owned(), |inner, level| {
        format!("cel.bind(s{level}, {inner}, s{level} + s{level})")
    });
    exceeds(&sums, &json!(null));
}

#[test]
fn values_that_are_shared_are_paid_for_where_they_are_walked() {
    // Each level holds the one below twice: small in memory, and 2^50 leaves to compare or write.
    let shared = |end: &str| {
        let mut text = end.to_owned();
        for level in (0..50).rev() {
            let below = if level == 0 { "[1]".into() } else { format!("[s{0}, s{0}]", level - 1) };
            text = format!("cel.bind(s{level}, {below}, {text})");
        }
        text
    };
    exceeds(&shared("s49 == s49"), &json!(null));
    exceeds(&shared("'%s'.format([s49])"), &json!(null));
    exceeds(&shared("s49.flatten(60)"), &json!(null));
    exceeds(&shared("s49 in [s49]"), &json!(null));
    exceeds(&shared("[s49].distinct() + [s49, s49].distinct()"), &json!(null));
}

#[test]
fn quadratic_functions_run_out() {
    let x = numbers(5000);
    exceeds("x.map(a, a + 100000).all(a, !(a in x))", &x);
    exceeds("x.distinct()", &x);
    exceeds("sets.contains(x, x)", &x);
    exceeds("sets.equivalent(x, x.reverse())", &x);
    exceeds("x.map(a, x + x).size()", &x);
    exceeds("x.map(a, x.slice(0, 5000)).size()", &x);
    exceeds("x.map(a, x.sort()).size()", &x);
    exceeds("x.all(a, x == x)", &x);
    exceeds("lists.range(9223372036854775807)", &x);
    assert_eq!(evaluate("lists.range(-1).size()", &x).unwrap(), "0");
}

#[test]
fn long_strings_run_out() {
    let x = json!("ab".repeat(500_000));
    exceeds("x.replace('a', x)", &x);
    exceeds("x.replace('', x)", &x);
    exceeds("x.split('').size()", &x);
    exceeds("x.split('a').join(x)", &x);
    exceeds("lists.range(1000).all(i, x.contains(x + 'c') || true)", &x);
    exceeds("lists.range(1000).all(i, x.lowerAscii() == x)", &x);
    exceeds("lists.range(1000).all(i, x.size() > 0)", &x);
    exceeds("lists.range(1000).all(i, x.substring(999999) == 'b')", &x);
    exceeds("lists.range(1000).all(i, x.indexOf('c') < 0)", &x);
    exceeds("lists.range(1000).all(i, x == x)", &x);
    exceeds("lists.range(1000).all(i, x in {x: 1})", &x);
    exceeds("lists.range(1000).all(i, base64.encode(bytes(x)) != '')", &x);
    exceeds("lists.range(1000).map(i, '%x'.format([x]))", &x);
    exceeds("lists.range(1000).map(i, strings.quote(x))", &x);
    assert_eq!(evaluate("x.size()", &x).unwrap(), "1000000");
}

#[test]
fn regular_expressions_are_linear_and_paid_for() {
    let x = json!("a".repeat(30_000));
    exceeds("x.matches('^(a+)+$')", &json!("a".repeat(2_000_000)));
    exceeds("x.matches('^(a|a|a|a|a|a|a|a)*b$') || x.matches('(a?){30}(a{30}){20}b')", &x);
    exceeds("lists.range(100000).all(i, !'abc'.matches('a' + string(i)))", &x);
    exceeds("lists.range(100000).all(i, !'abc'.matches('(x{100}){5}'))", &x);
    exceeds("regex.extractAll(x, '.*[^a]|[a]').size()", &x);
    exceeds("regex.replace(x, 'a', x)", &x);
    assert_eq!(evaluate("x.matches('^a+$')", &x).unwrap(), "true");
    for pattern in ["(a{1000}){1000}", "((a{100}){100}){100}", &"(".repeat(3000), &"a".repeat(5000)]
    {
        let text = format!("'aaa'.matches('{pattern}')");
        assert!(matches!(compile(&text), Err(CompileCause::Regex(_))), "{text}");
        let dynamic = format!("'aaa'.matches('{pattern}' + '')");
        let error = evaluate(&dynamic, &x).unwrap_err();
        assert!(matches!(error.cause, Cause::Invalid(_)), "{error}");
    }
    let many = vec!["x.matches('(a{100}){9}')"; 1000].join(" || ");
    assert!(matches!(compile(&many), Err(CompileCause::Regex(_))));
}

#[test]
fn what_is_nested_too_deeply_is_no_program() {
    let deep = |open: &str, inner: &str, close: &str, count: usize| {
        compile(&format!("{}{inner}{}", open.repeat(count), close.repeat(count)))
    };
    for (open, inner, close, most) in [
        ("(", "1", ")", 95),
        ("[", "1", "]", 95),
        ("{1: ", "1", "}", 95),
        ("x[", "1", "]", 95),
        ("size(", "x", ")", 95),
        ("x.map(a, ", "1", ")", 95),
        ("true ? 1 : ", "1", "", 95),
        ("", "x", ".a", 95),
        ("", "x", "[0]", 95),
        ("1 + ", "1", "", 95),
        ("cel.bind(a, 1, ", "1", ")", 95),
        ("", "x", ".map(a, a)", 95),
    ] {
        let fits = deep(open, inner, close, most);
        assert!(fits.is_ok(), "{open}{inner}{close} {fits:?}");
        for count in [most + 1, 1000, 10_000] {
            let cause = deep(open, inner, close, count).err();
            let expected = [Some(CompileCause::TooDeep), Some(CompileCause::TooLong)];
            assert!(expected.contains(&cause), "{count} × {open}{inner}{close} {cause:?}");
        }
    }
    // A row of one operator is as deep as one.
    for (operator, term) in [(" && ", "true"), (" || ", "x"), (" || ", "true && x")] {
        let row = vec![term; 3000].join(operator);
        assert!(compile(&row).is_ok());
    }
    let minus = "-".repeat(30_000) + "1";
    assert!(compile(&minus).is_ok());
    assert_eq!(compile(&"-".repeat(70_000)).err(), Some(CompileCause::TooLong));
}

#[test]
fn values_are_not_nested_without_end() {
    let mut text = "a0".to_owned();
    for level in 0..90 {
        text = format!("cel.bind(a0, [[[a0]]], {text})");
        if level == 0 {
            text = text.replace("a0)", "a0 == a0)");
        }
    }
    let text = format!("cel.bind(a0, 1, {text})");
    assert_eq!(evaluate(&text, &json!(1)).unwrap_err().cause, Cause::DepthExceeded);
    assert_eq!(
        evaluate(&format!("true || {text}",), &json!(1)).unwrap(),
        "true",
        "what decides first is not evaluated"
    );
    assert_eq!(
        evaluate(&format!("{text} || true"), &json!(1)).unwrap_err().cause,
        Cause::DepthExceeded
    );
}

/// wasmtime gives a module half a megabyte of stack; the evaluator and the parser are content with
/// a good part of it.
#[test]
fn the_deepest_program_needs_little_stack() {
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let deepest = || {
        for (open, close) in [
            ("x.map(a, ", ")"),
            ("[", "]"),
            ("true ? (", ") : 1"),
            ("cel.bind(a, 1, ", ")"),
            ("optional.of(", ")"),
            ("false || (", ")"),
            ("{1: ", "}"),
        ] {
            let text = open.repeat(94) + "x" + &close.repeat(94);
            let program = compile(&text).unwrap();
            let x = json!([1]);
            let scope = Scope::new().with("x", &x);
            let _ = program.evaluate(&scope, &mut Cost::new(UNITS));
        }
    };
    thread.spawn(deepest).unwrap().join().unwrap();
}

#[test]
fn a_cost_is_shared_by_evaluations() {
    let program = compile("x.size() > 0").unwrap();
    let x = json!([1]);
    let scope = Scope::new().with("x", &x);
    let mut cost = Cost::new(9);
    assert!(program.evaluate(&scope, &mut cost).is_ok());
    let spent = cost.spent();
    assert!(program.evaluate(&scope, &mut cost).is_ok());
    assert_eq!(cost.spent(), 2 * spent);
    assert!(program.evaluate(&scope, &mut cost).unwrap_err().is_limit());
    assert!(program.evaluate(&scope, &mut cost).unwrap_err().is_limit());
}

/// Budgets are chosen by these figures: a change of them is a change of what policies may do.
#[test]
fn what_an_expression_costs_is_pinned() {
    let long = "k".repeat(1600);
    let x = json!({ "list": [1, 2, 3], "text": "a".repeat(160), "map": { &long: 1, "b": 2 } });
    for (text, units) in [
        ("true", 1),
        ("1 + 2", 3),
        ("x.list", 2),
        ("x['list'][0]", 5),
        ("true && false && true", 3),
        ("false ? 1 : 2", 3),
        ("x.list.all(a, true)", 2 + 1 + 3 * (1 + 1)),
        ("x.list.map(a, a + 1)", 2 + 1 + 3 * (1 + 3)),
        ("x.list.filter(a, false)", 2 + 1 + 3 * (1 + 1)),
        ("x.list == x.list", 2 + 2 + 1 + 1 + 3),
        ("4 in x.list", 1 + 2 + 1 + 3),
        ("x.list + x.list", 2 + 2 + 1 + 6),
        ("x.text == x.text", 2 + 2 + 1 + 1 + 10),
        ("x.text + x.text", 2 + 2 + 1 + 20),
        ("x.text.size()", 2 + 1 + 10),
        ("x.text.matches('a')", 2 + 1 + 1 + (160 + 8) * 2),
        ("x.text.matches('a' + '')", 2 + 3 + 1 + (8 + 64) + 2 * 64 + (160 + 8) * 2),
        ("x.list.sort()", 2 + 1 + 3 + 3 * 2),
        ("x.map.transformMap(k, v, v)", 2 + 1 + 2 * (1 + 1) + (1 + 101)),
    ] {
        let program = compile(text).unwrap();
        let mut cost = Cost::new(UNITS);
        program.evaluate(&Scope::new().with("x", &x), &mut cost).unwrap();
        assert_eq!(cost.spent(), units, "{text}");
    }
}
