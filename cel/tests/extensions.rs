//! What the specification's tests do not cover: extensions as cel-go documents them, and the
//! parts of sections whose tests need messages of protocol buffers.

use countersign_cel::{Cost, Limits, Program, Scope};
use serde_json::{Value as Json, json};

/// The value of an expression as text, or its error.
fn shown(text: &str) -> String {
    let x: Json = json!({
        "list": [3, 1, 2],
        "map": { "b": 2, "a": 1 },
        "players": [{ "name": "foo", "score": 0 }, { "name": "bar", "score": -10 }],
        "text": "hello",
    });
    let program = match Program::compile(text, &["x"], Limits::default()) {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    let scope = Scope::new().with("x", &x);
    match program.evaluate(&scope, &mut Cost::new(100_000)) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Every pair of an expression and its value, or its error.
fn all(table: &[(&str, &str)]) {
    let differences: Vec<_> = table
        .iter()
        .filter(|(text, expected)| shown(text) != *expected)
        .map(|(text, expected)| format!("{text}\n  is {}\n not {expected}", shown(text)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn lists() {
    all(&[
        ("[1, 2, 2, 3u, 3.0].distinct()", "[1, 2, 3]"),
        ("['b', 'b', 'c', 'a', 'c'].distinct()", "[b, c, a]"),
        ("[1, [2, 3], [4]].flatten()", "[1, 2, 3, 4]"),
        ("[1, [2, [3, [4]]]].flatten(2)", "[1, 2, 3, [4]]"),
        ("[1, [2, [3, [4]]]].flatten(0)", "[1, [2, [3, [4]]]]"),
        ("[1].flatten(-1)", "1:5: level must be non-negative: -1"),
        ("lists.range(3)", "[0, 1, 2]"),
        ("x.list.reverse()", "[2, 1, 3]"),
        ("[1, 2, 3, 4].slice(1, 3)", "[2, 3]"),
        ("x.list.slice(0, 0)", "[]"),
        ("[1].slice(0, 2)", "1:5: index out of range: 2"),
        ("[1].slice(-1, 1)", "1:5: index out of range: -1"),
        ("[1, 2].slice(2, 1)", "1:8: invalid slice range. start: 2, end: 1"),
        ("x.list.sort()", "[1, 2, 3]"),
        ("['b', 'c', 'a'].sort()", "[a, b, c]"),
        ("[1, 'b'].sort()", "1:10: list elements must have the same type to be sorted"),
        ("[[1]].sort()", "1:7: list elements must be comparable to be sorted"),
        ("[0.0/0.0, 2.0, 1.0].sort()", "[1, 2, NaN]"),
        ("x.players.sortBy(p, p.score).map(p, p.name)", "[bar, foo]"),
        ("[3, 1, 2].sortBy(n, -n)", "[3, 2, 1]"),
        ("{1: 2}.sortBy(n, n)", "1:8: no matching overload for 'sortBy(map)'"),
        ("x.list.first().value()", "3"),
        ("x.list.last().value()", "2"),
        ("[].first().hasValue() || [].last().hasValue()", "false"),
    ]);
}

#[test]
fn sets() {
    all(&[
        ("sets.contains([], [])", "true"),
        ("sets.contains([], [1])", "false"),
        ("sets.contains([1, 2, 3, 4], [2, 3])", "true"),
        ("sets.contains([1, 2.0, 3u], [1.0, 2u, 3])", "true"),
        ("sets.equivalent([1], [1, 1])", "true"),
        ("sets.equivalent([1], [1u, 1.0])", "true"),
        ("sets.equivalent([1, 2, 3], [3u, 2.0])", "false"),
        ("sets.intersects([1], [])", "false"),
        ("sets.intersects([1], [1, 2])", "true"),
        ("sets.intersects([[1], [2, 3]], [[1, 2], [2, 3.0]])", "true"),
        (
            "sets.contains('ab', 'a')",
            "1:6: no matching overload for 'sets.contains(string, string)'",
        ),
    ]);
}

#[test]
fn macros_of_two_variables() {
    all(&[
        ("x.map.all(k, v, k in ['a', 'b'] && v > 0)", "true"),
        ("x.map.exists(k, v, v == 2)", "true"),
        ("x.map.exists_one(k, v, v == 2)", "true"),
        ("x.map.transformList(k, v, k + string(v))", "[a1, b2]"),
        ("x.list.transformMap(i, v, v > 1, v * 10)", "{0: 30, 2: 20}"),
        ("x.map.transformMapEntry(k, v, {v: k})", "{1: a, 2: b}"),
        ("['a', 'a'].transformMapEntry(i, v, {v: i})", "1:12: repeated key: \"a\""),
        ("[1, 1u].transformMapEntry(i, v, {v: i})", "1:9: repeated key: 1u"),
        (
            "[1].transformMapEntry(i, v, v)",
            "1:29: no matching overload for 'transformMapEntry(int)'",
        ),
        (
            "[1].all(i, i, true)",
            "1:12: invalid argument to 'all': expected two different names as the variables",
        ),
        (
            "[1].all(i.j, true)",
            "1:11: invalid argument to 'all': expected a simple name as the variable",
        ),
        ("[1].all(i)", "1:5: wrong number of arguments to 'all': expected 2 to 3, found 1"),
        ("1.all(i, true)", "1:1: 'int' cannot be the range of a macro: expected list or map"),
        ("[1].filter(i, i)", "1:15: no matching overload for 'filter(int)'"),
        ("[1].map(i, 'a', i)", "1:5: no matching overload for '_?_:_(string)'"),
    ]);
}

#[test]
fn variables_of_macros_hide_others() {
    all(&[
        ("[1, 2].map(x, x + 1)", "[2, 3]"),
        ("[1].map(x, [2].map(x, x)[0] + x)", "[3]"),
        ("[1].map(a, [2].map(b, a + b))", "[[3]]"),
        ("[1].map(y, .x.text)", "[hello]"),
        ("[1].map(y, y)[0] + (y)", "1:21: undeclared reference to 'y'"),
        ("cel.bind(a, 1, a + 1) + cel.bind(a, 2, a)", "4"),
        ("[[1, 2], [3]].map(l, l.map(e, [l, e].size() + e))", "[[3, 4], [5]]"),
        ("[1, 2].exists(a, [3].all(b, cel.bind(c, a + b, c == 5)))", "true"),
    ]);
}

#[test]
fn regular_expressions() {
    all(&[
        ("regex.replace('hello world hello', 'hello', 'hi')", "hi world hi"),
        ("regex.replace('banana', 'a', 'x', 0)", "banana"),
        ("regex.replace('banana', 'a', 'x', 2)", "bxnxna"),
        ("regex.replace('banana', 'a', 'x', -12)", "bxnxnx"),
        ("regex.replace('foo bar', '(fo)o (ba)r', r'\\2 \\1')", "ba fo"),
        ("regex.replace('a', 'a', r'\\\\')", "\\"),
        ("regex.replace('ab', '', '-')", "-a-b-"),
        (
            "regex.replace('test', '(.)', r'\\2')",
            "1:7: invalid replacement: \\ must be followed by the number of a group or by \\",
        ),
        ("regex.extract('hello world', 'hello(.*)').value()", " world"),
        ("regex.extract('HELLO', 'hello').hasValue()", "false"),
        (
            "regex.extract('a@b', '(.*)@(.*)')",
            "1:7: regular expression has more than one capturing group",
        ),
        ("regex.extractAll('id:123, id:456', r'id:\\d+')", "[id:123, id:456]"),
        ("regex.extractAll('id:123, id:456', r'id:(\\d+)')", "[123, 456]"),
        ("regex.extractAll('id:123', 'none')", "[]"),
        ("'a-b'.matches('^[a-z]-' + 'b$')", "true"),
        ("matches('1.2.3', r'^\\d+([.]\\d+){2}$')", "true"),
        (
            "'a'.matches('(' + '')",
            "1:5: invalid regular expression: found open group without closing ')'",
        ),
        ("'a'.matches('(?=a)')", "1:13: invalid regular expression: look-around is not supported"),
        ("'A'.matches('(?i)a')", "true"),
        ("1.matches('a')", "1:3: no matching overload for 'matches(int, string)'"),
    ]);
}

#[test]
fn optional_values() {
    all(&[
        ("x.?text.orValue('none')", "hello"),
        ("x.?missing.?deeper.orValue('none')", "none"),
        ("x[?'map'].?a.optMap(a, a + 1).value()", "2"),
        ("x.list[?7].or(x.list[?0]).value()", "3"),
        ("x.?text.or(1 / 0).value()", "hello"),
        ("x.?text.orValue(1 / 0)", "hello"),
        ("x.?missing.orValue(1 / 0)", "1:22: division by zero"),
        ("x.?missing.value()", "1:12: optional.none() dereference"),
        ("[?x.?text, ?x.?missing]", "[hello]"),
        ("{?'a': x.?text, ?'b': x.?missing}", "{a: hello}"),
        ("[?1]", "1:1: no matching overload for '?(int)'"),
        ("optional.unwrap([x.?text, x.?missing])", "[hello]"),
        ("[optional.of(1), optional.none()].unwrapOpt()", "[1]"),
        (
            "optional.of(1).optFlatMap(a, a)",
            "1:16: no matching overload for 'optFlatMap(optional_type, int)'",
        ),
        ("optional.ofNonZeroValue(timestamp(0)).hasValue()", "false"),
        ("optional.of(x.?text)", "optional.of(optional.of(hello))"),
        ("x.?text.size()", "1:9: no matching overload for 'size(optional_type)'"),
    ]);
}

#[test]
fn numbers_and_times_as_text() {
    all(&[
        ("string(1000000.0) + ' ' + string(999999.5) + ' ' + string(1e-5)", "1e+06 999999.5 1e-05"),
        ("string(-1.5e300)", "-1.5e+300"),
        ("string(0.1 + 0.2)", "0.30000000000000004"),
        ("string(2.0)", "2"),
        ("string(-0.0)", "-0"),
        ("string(1.0 / 0.0) + string(0.0 / 0.0)", "+InfNaN"),
        ("string(duration('-1h30m0.5s'))", "-5400.5s"),
        ("string(duration('1ns'))", "0.000000001s"),
        ("duration('1.5h') == duration('90m') && duration('1us') == duration('1µs')", "true"),
        ("duration('1d')", "1:1: type conversion error from string to 'duration': '1d'"),
        ("duration('')", "1:1: type conversion error from string to 'duration': ''"),
        ("string(timestamp('2024-02-29T23:59:59.120+01:30'))", "2024-02-29T22:29:59.12Z"),
        (
            "timestamp('2023-02-29T00:00:00Z')",
            "1:1: type conversion error from string to 'timestamp': '2023-02-29T00:00:00Z'",
        ),
        (
            "timestamp('2016-12-31T23:59:60Z')",
            "1:1: type conversion error from string to 'timestamp': '2016-12-31T23:59:60Z'",
        ),
        (
            "timestamp('2024-01-01')",
            "1:1: type conversion error from string to 'timestamp': '2024-01-01'",
        ),
        ("timestamp('1969-12-31T23:59:59.9Z') < timestamp(0)", "true"),
        ("timestamp('1600-02-29T12:00:00Z').getDayOfWeek()", "2"),
        ("timestamp('0001-01-01T00:00:00Z').getDayOfYear('-01:00')", "365"),
        ("timestamp('2024-12-31T23:00:00Z').getDayOfYear()", "365"),
        (
            "timestamp(0).getHours('Europe/Berlin')",
            "1:14: unknown time zone 'Europe/Berlin': expected UTC or an offset",
        ),
        ("int('-9223372036854775808') == -9223372036854775808", "true"),
        ("int('1.5')", "1:1: type conversion error from string to 'int': '1.5'"),
        ("uint('-1')", "1:1: type conversion error from string to 'uint': '-1'"),
        ("uint(1.9e19)", "1:1: uint range error: value out of range"),
        ("-9223372036854775808 / -1", "1:22: int overflow"),
        ("0xFF + 0x1", "256"),
        ("-0x8000000000000000", "-9223372036854775808"),
        ("9223372036854775808", "1:1: number out of range"),
        ("1__2", "1:1: invalid number"),
        ("math.sqrt(81) == 9.0 && math.isNaN(math.sqrt(-1))", "true"),
        ("math.least([])", "1:6: list must not be empty"),
        ("math.greatest('a')", "1:6: no matching overload for 'math.greatest(string)'"),
        ("'%.3e|%.0f|%d|%x'.format([1234.5, 2.5, -7, -255])", "1.234e+03|2|-7|-ff"),
        ("'%.2000f'.format([1.0])", "1:11: could not parse formatting clause: precision \"2000\""),
        (
            "'%'.format([1])",
            "1:5: could not parse formatting clause: unexpected end of string after \"%\"",
        ),
    ]);
}

#[test]
fn white_space_comments_and_names() {
    all(&[
        ("\t 1\r\n+\x0c2 // three\n", "3"),
        ("1 // one", "1"),
        ("// nothing", "1:11: syntax error: expected an expression, found the end"),
        ("1 /* 2 */", "1:4: syntax error: expected an expression, found '*'"),
        ("{'if': 1, 'in-kind': 2}.if + {'in-kind': 2}.`in-kind`", "3"),
        ("if", "1:1: syntax error: expected a name that is not reserved, found 'if'"),
        ("x.in", "1:3: syntax error: expected a field, found 'in'"),
        ("{'a': 1,}['a'] + [2,][0]", "3"),
        ("a = 1", "1:3: syntax error: expected an operator or the end, found '='"),
        ("1 = 1", "1:3: syntax error: expected an operator or the end, found '='"),
        ("x.list[0", "1:9: syntax error: expected ']', found the end"),
        ("'abc", "1:1: unterminated string"),
        ("'a\nb'", "1:1: unterminated string"),
        ("'''a\nb'''.size()", "3"),
        ("b'\\u0041'", "1:3: invalid escape sequence"),
        ("'\\ud800'", "1:2: invalid escape sequence"),
        ("'\\U0001F431'.size() == 1 && b'\\xff' != b'\\377\\000'", "true"),
        ("é", "1:1: syntax error: expected an expression, found 'é'"),
        ("!!true && --1 == 1 && - 1 == -1", "true"),
        ("1 < 2 == true && 1 + 2 * 3 - 4 / 2 % 3 == 5", "true"),
        ("true ? false ? 1 : 2 : 3", "1:14: syntax error: expected ':', found '?'"),
        ("false || true && false || true", "true"),
    ]);
}

#[test]
fn errors_are_absorbed_by_what_decides_and_by_nothing_else() {
    all(&[
        ("1 / 0 == 1 || true", "true"),
        ("1 / 0 == 1 || false", "1:3: division by zero"),
        ("1 / 0 == 1 && false", "false"),
        ("1 / 0 == 1 && x.missing && true", "1:3: division by zero"),
        ("'a' || true", "true"),
        ("'a' || false", "1:5: no matching overload for '||(string)'"),
        ("[1, 0].exists(n, 1 / n == 1)", "true"),
        ("[0, 1].exists(n, 1 / n == 1)", "true"),
        ("[0, 2].exists(n, 1 / n == 1)", "1:20: division by zero"),
        ("[0, 2].all(n, 1 / n == 1)", "false"),
        ("[0, 1].exists_one(n, 1 / n == 1)", "1:24: division by zero"),
        ("[0, 1].filter(n, 1 / n == 1)", "1:20: division by zero"),
        ("true ? 1 : 1 / 0", "1"),
        ("1 / 0 == 1 ? true : true", "1:3: division by zero"),
        ("(true ? 1 / 0 : 2) == 2 || true", "true"),
        ("[1 / 0 == 1, true][1]", "1:4: division by zero"),
        ("!(1 / 0 == 1) || true", "true"),
    ]);
}
