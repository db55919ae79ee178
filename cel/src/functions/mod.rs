//! Functions: what they are called, how many arguments they take, and what they do.

mod convert;
mod encoders;
mod format;
mod lists;
mod math;
mod operators;
mod optional;
mod regex;
mod sets;
mod strings;
mod time;

use crate::{Value, cost::Cost, error::Cause};

pub(crate) use lists::sort_by_keys;
pub(crate) use operators::lookup;
pub(crate) use regex::{Pattern, search};

/// What a function answers; the caller puts names and types to `NoMatchingOverload`.
pub(crate) type Outcome<'a> = Result<Value<'a>, Cause>;

/// A function of values. It pays for more than constant work.
pub(crate) type Native = for<'a> fn(&[Value<'a>], &mut Cost) -> Outcome<'a>;

/// A function and its name.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Fewest arguments, a receiver included.
    pub(crate) least: usize,
    /// Most arguments.
    pub(crate) most: usize,
    pub(crate) call: Native,
}

const fn function(name: &'static str, least: usize, most: usize, call: Native) -> Function {
    Function { name, least, most, call }
}

/// No overload takes these arguments.
pub(crate) fn no_overload<'a>() -> Outcome<'a> {
    Err(Cause::NoMatchingOverload(String::new()))
}

/// A call with the types of its arguments, for people.
pub(crate) fn call_text(name: &str, args: &[Value<'_>]) -> String {
    let types: Vec<&str> = args.iter().map(|arg| arg.kind().name()).collect();
    format!("'{name}({})'", types.join(", "))
}

/// The function that an operator is.
pub(crate) fn operator(symbol: &str) -> Option<&'static Function> {
    OPERATORS.iter().find(|function| function.name == symbol)
}

/// The function of a name that is called without a receiver.
pub(crate) fn global(name: &str) -> Option<&'static Function> {
    GLOBAL.iter().find(|function| function.name == name)
}

/// The function of a name that is called with a receiver, its first argument.
pub(crate) fn receiver(name: &str) -> Option<&'static Function> {
    RECEIVER.iter().find(|function| function.name == name)
}

/// Names of all functions that are called in one way or the other.
pub(crate) fn names(with_receiver: bool) -> impl Iterator<Item = &'static str> {
    let table = if with_receiver { RECEIVER } else { GLOBAL };
    table.iter().map(|function| function.name)
}

/// The function that a regular expression is an argument of, and which argument that is.
pub(crate) fn pattern_argument(function: &Function) -> Option<usize> {
    match function.name {
        "matches" | "regex.extract" | "regex.extractAll" | "regex.replace" => Some(1),
        _ => None,
    }
}

static OPERATORS: &[Function] = &[
    function("!", 1, 1, operators::not),
    function("!=", 2, 2, operators::not_equal),
    function("%", 2, 2, operators::remainder),
    function("*", 2, 2, operators::multiply),
    function("+", 2, 2, operators::add),
    function("-", 2, 2, operators::subtract),
    function("/", 2, 2, operators::divide),
    function("<", 2, 2, operators::less),
    function("<=", 2, 2, operators::less_equal),
    function("==", 2, 2, operators::equals),
    function(">", 2, 2, operators::greater),
    function(">=", 2, 2, operators::greater_equal),
    function("in", 2, 2, operators::contained),
    function("negate", 1, 1, operators::negate),
];

static GLOBAL: &[Function] = &[
    function("base64.decode", 1, 1, encoders::base64_decode),
    function("base64.encode", 1, 1, encoders::base64_encode),
    function("bool", 1, 1, convert::bool),
    function("bytes", 1, 1, convert::bytes),
    function("double", 1, 1, convert::double),
    function("duration", 1, 1, convert::duration),
    function("dyn", 1, 1, convert::identity),
    function("int", 1, 1, convert::int),
    function("lists.range", 1, 1, lists::range),
    function("matches", 2, 2, regex::matches),
    function("math.abs", 1, 1, math::abs),
    function("math.bitAnd", 2, 2, math::bit_and),
    function("math.bitNot", 1, 1, math::bit_not),
    function("math.bitOr", 2, 2, math::bit_or),
    function("math.bitShiftLeft", 2, 2, math::shift_left),
    function("math.bitShiftRight", 2, 2, math::shift_right),
    function("math.bitXor", 2, 2, math::bit_xor),
    function("math.ceil", 1, 1, math::ceil),
    function("math.floor", 1, 1, math::floor),
    function("math.greatest", 1, usize::MAX, math::greatest),
    function("math.isFinite", 1, 1, math::is_finite),
    function("math.isInf", 1, 1, math::is_infinite),
    function("math.isNaN", 1, 1, math::is_nan),
    function("math.least", 1, usize::MAX, math::least),
    function("math.round", 1, 1, math::round),
    function("math.sign", 1, 1, math::sign),
    function("math.sqrt", 1, 1, math::sqrt),
    function("math.trunc", 1, 1, math::trunc),
    function("optional.none", 0, 0, optional::none),
    function("optional.of", 1, 1, optional::of),
    function("optional.ofNonZeroValue", 1, 1, optional::of_non_zero),
    function("optional.unwrap", 1, 1, optional::unwrap_list),
    function("regex.extract", 2, 2, regex::extract),
    function("regex.extractAll", 2, 2, regex::extract_all),
    function("regex.replace", 3, 4, regex::replace),
    function("sets.contains", 2, 2, sets::contains),
    function("sets.equivalent", 2, 2, sets::equivalent),
    function("sets.intersects", 2, 2, sets::intersects),
    function("size", 1, 1, operators::size),
    function("string", 1, 1, convert::string),
    function("strings.quote", 1, 1, strings::quote),
    function("timestamp", 1, 1, convert::timestamp),
    function("type", 1, 1, convert::type_of),
    function("uint", 1, 1, convert::uint),
];

static RECEIVER: &[Function] = &[
    function("charAt", 2, 2, strings::char_at),
    function("contains", 2, 2, strings::contains),
    function("distinct", 1, 1, lists::distinct),
    function("endsWith", 2, 2, strings::ends_with),
    function("first", 1, 1, lists::first),
    function("flatten", 1, 2, lists::flatten),
    function("format", 2, 2, format::format),
    function("getDate", 1, 2, time::date),
    function("getDayOfMonth", 1, 2, time::day_of_month),
    function("getDayOfWeek", 1, 2, time::day_of_week),
    function("getDayOfYear", 1, 2, time::day_of_year),
    function("getFullYear", 1, 2, time::full_year),
    function("getHours", 1, 2, time::hours),
    function("getMilliseconds", 1, 2, time::milliseconds),
    function("getMinutes", 1, 2, time::minutes),
    function("getMonth", 1, 2, time::month),
    function("getSeconds", 1, 2, time::seconds),
    function("hasValue", 1, 1, optional::has_value),
    function("indexOf", 2, 3, strings::index_of),
    function("join", 1, 2, strings::join),
    function("last", 1, 1, lists::last),
    function("lastIndexOf", 2, 3, strings::last_index_of),
    function("lowerAscii", 1, 1, strings::lower_ascii),
    function("matches", 2, 2, regex::matches),
    function("or", 2, 2, optional::or),
    function("orValue", 2, 2, optional::or_value),
    function("replace", 3, 4, strings::replace),
    function("reverse", 1, 1, lists::reverse),
    function("size", 1, 1, operators::size),
    function("slice", 3, 3, lists::slice),
    function("sort", 1, 1, lists::sort),
    function("split", 2, 3, strings::split),
    function("startsWith", 2, 2, strings::starts_with),
    function("substring", 2, 3, strings::substring),
    function("trim", 1, 1, strings::trim),
    function("unwrapOpt", 1, 1, optional::unwrap_list),
    function("upperAscii", 1, 1, strings::upper_ascii),
    function("value", 1, 1, optional::value),
];
