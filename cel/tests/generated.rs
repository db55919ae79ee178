//! Expressions that nobody would write: none of them panics, and what they cost and answer does not
//! depend on anything but themselves.

use countersign_cel::{Cause, Cost, EvaluateError, Limits, Program, Scope, Timestamp};
use serde_json::{Value as Json, json};

const UNITS: u64 = 20_000;

/// A linear congruential generator, so that every run makes the same expressions.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }
}

const ATOMS: &[&str] = &[
    "x",
    "now",
    "x.list",
    "x.map",
    "x.text",
    "x.none",
    "x.?list",
    "true",
    "false",
    "null",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615u",
    "0u",
    "2.5",
    "-0.0",
    "1e308",
    "0.0/0.0",
    "''",
    "'a'",
    "'aé😀b'",
    "b'\\xff'",
    "b''",
    "[]",
    "{}",
    "[1, 2u, 'a', null]",
    "{'a': 1, 2: 3u}",
    "duration('2562047h')",
    "duration('-1ns')",
    "timestamp(0)",
    "timestamp('9999-12-31T23:59:59.999999999Z')",
    "timestamp('0001-01-01T00:00:00Z')",
    "int",
    "optional.none()",
    "optional.of(1)",
    "'%s %d %.3f %x %e %b %o'",
    "'(a|b)*c'",
    "'UTC'",
    "'-23:59'",
    "lists.range(5)",
];
const UNARY: &[&str] = &[
    "!",
    "-",
    "size",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "timestamp",
    "duration",
    "dyn",
    "type",
    "math.abs",
    "math.sign",
    "math.ceil",
    "math.round",
    "math.sqrt",
    "math.bitNot",
    "math.greatest",
    "math.least",
    "math.isNaN",
    "base64.encode",
    "base64.decode",
    "strings.quote",
    "optional.of",
    "optional.ofNonZeroValue",
    "optional.unwrap",
    "lists.range",
];
const BINARY: &[&str] =
    &["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"];
const METHODS: &[&str] = &[
    "size()",
    "reverse()",
    "sort()",
    "distinct()",
    "flatten()",
    "flatten($)",
    "first()",
    "last()",
    "slice($, $)",
    "charAt($)",
    "indexOf($)",
    "indexOf($, $)",
    "lastIndexOf($)",
    "lastIndexOf($, $)",
    "join()",
    "join($)",
    "lowerAscii()",
    "upperAscii()",
    "replace($, $)",
    "replace($, $, $)",
    "split($)",
    "split($, $)",
    "substring($)",
    "substring($, $)",
    "trim()",
    "contains($)",
    "startsWith($)",
    "endsWith($)",
    "matches($)",
    "format([$, $])",
    "format($)",
    "getFullYear()",
    "getMonth($)",
    "getDayOfYear()",
    "getDayOfWeek($)",
    "getHours()",
    "getMilliseconds()",
    "getSeconds($)",
    "hasValue()",
    "value()",
    "or($)",
    "orValue($)",
    "unwrapOpt()",
    "optMap(v, $)",
    "optFlatMap(v, $)",
    "all(v, $)",
    "exists(v, $)",
    "exists_one(v, $)",
    "map(v, $)",
    "map(v, $, $)",
    "filter(v, $)",
    "sortBy(v, $)",
    "all(k, v, $)",
    "exists(k, v, $)",
    "existsOne(k, v, $)",
    "transformList(k, v, $)",
    "transformMap(k, v, $)",
    "transformMap(k, v, $, $)",
    "transformMapEntry(k, v, {k: $})",
    "a",
    "?a",
    "list",
];

/// An expression of the grammar, most often without sense.
fn expression(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return random.pick(ATOMS).into();
    }
    let inner = |random: &mut Random| {
        let below = random.below(depth);
        expression(random, below)
    };
    match random.below(8) {
        0 => random.pick(ATOMS).into(),
        1 => format!("{}({})", random.pick(UNARY), inner(random)),
        2 | 3 => format!("({} {} {})", inner(random), random.pick(BINARY), inner(random)),
        4 => format!("({} ? {} : {})", inner(random), inner(random), inner(random)),
        5 => format!("({})[{}]", inner(random), inner(random)),
        _ => {
            let mut method = random.pick(METHODS).to_owned();
            while method.contains('$') {
                let arg = if random.below(4) == 0 { "v".into() } else { inner(random) };
                method = method.replacen('$', &arg, 1);
            }
            let target = inner(random);
            if method.contains("(v,") {
                format!("({target}).{method}")
            } else {
                format!("cel.bind(v, 1, ({target}).{method})")
            }
        }
    }
}

fn data() -> Json {
    json!({
        "list": [1, 2.5, "b", null, [1], { "a": true }, -9_223_372_036_854_775_808_i64, u64::MAX],
        "map": { "a": 1, "b": [], "é": "" },
        "text": "hello, wörld",
        "none": null,
    })
}

fn evaluate(program: &Program, data: &Json, units: u64) -> (Result<String, EvaluateError>, u64) {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let scope = Scope::new().with("x", data).with("now", now);
    let mut cost = Cost::new(units);
    let result = program.evaluate(&scope, &mut cost).map(|value| value.to_string());
    (result, cost.spent())
}

#[test]
fn any_expression_has_one_answer_and_one_cost() {
    let mut random = Random(20_261_121);
    let data = data();
    let (mut values, mut errors) = (0, 0);
    for _ in 0..60_000 {
        let text = expression(&mut random, 6);
        let Ok(program) = Program::compile(&text, &["x", "now"], Limits::default()) else {
            continue;
        };
        let (result, spent) = evaluate(&program, &data, UNITS);
        match &result {
            Ok(_) => values += 1,
            Err(_) => errors += 1,
        }
        assert_eq!(evaluate(&program, &data, UNITS), (result.clone(), spent), "{text}");
        let limited = result.as_ref().is_err_and(EvaluateError::is_limit);
        if !limited {
            assert_eq!(evaluate(&program, &data, spent).0, result, "{text}");
            let (less, _) = evaluate(&program, &data, spent - 1);
            assert_eq!(less.unwrap_err().cause, Cause::CostExceeded, "{text}");
        }
    }
    println!("{values} values, {errors} errors");
    assert!(values > 5_000 && errors > 5_000, "{values} values, {errors} errors");
}

#[test]
fn junctions_commute() {
    let mut random = Random(7);
    let data = data();
    for _ in 0..20_000 {
        let (a, b) = (expression(&mut random, 4), expression(&mut random, 4));
        let operator = random.pick(&["&&", "||"]);
        let answer = |text: &str| {
            let program = Program::compile(text, &["x", "now"], Limits::default()).ok()?;
            // Which error is reported depends on the order; that there is one does not.
            Some(evaluate(&program, &data, 1_000_000).0.map_err(|error| error.is_limit()))
        };
        let forth = answer(&format!("({a}) {operator} ({b})"));
        let back = answer(&format!("({b}) {operator} ({a})"));
        if forth != Some(Err(true)) && back != Some(Err(true)) {
            assert_eq!(forth, back, "({a}) {operator} ({b})");
        }
    }
}

#[test]
fn any_text_is_a_program_or_an_error_with_a_place() {
    const PIECES: &[&str] = &[
        "x", "now", "1", "1u", "0x", "1e", ".5", "'", "\"", "'''", "r'", "b\"", "\\", "\\u12",
        "\\777", "a", "in", "if", "has(", "x.map(", "(", ")", "[", "]", "{", "}", ".", "?", ":",
        ",", "+", "-", "!", "=", "==", "&&", "||", "//", "\n", " ", "é", "`", "`a`", "😀", "\0",
        "@", "..", "?.", ".?", "[?",
    ];
    let mut random = Random(3);
    for _ in 0..200_000 {
        let length = random.below(12);
        let text: String = (0..length).map(|_| random.pick(PIECES)).collect();
        if let Err(error) = Program::compile(&text, &["x", "now"], Limits::default()) {
            assert!(text.is_char_boundary(error.position.offset), "{text:?} {error:?}");
            assert!(error.position.line > 0 && error.position.column > 0);
        }
    }
}
