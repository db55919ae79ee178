//! Regular expressions, by an engine whose time is the text times the pattern.

use std::fmt;

use regex_lite::{Captures, Regex, RegexBuilder};

use super::{Outcome, no_overload};
use crate::{Optional, Value, cost::Cost, error::Cause, value::List};

/// Longest pattern: what a person writes is shorter, and reading it is paid for by its length.
const MAX_PATTERN: usize = 4096;
/// Size of the smallest and of the largest automaton, in bytes; a state has about 32.
const SMALLEST: usize = 1 << 10;
const LARGEST: usize = 1 << 17;
/// Bytes of an automaton that cost one unit for every byte of text: about sixteen states.
const AUTOMATON_PER_UNIT: usize = 512;

/// A pattern that was compiled, and what it costs.
#[derive(Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Units for a byte of text.
    factor: usize,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.regex.as_str())
    }
}

impl Pattern {
    /// The smallest automaton that fits says what a search may cost.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_PATTERN {
            return Err("pattern is too long".into());
        }
        let mut limit = SMALLEST;
        loop {
            match RegexBuilder::new(pattern).size_limit(limit).nest_limit(64).build() {
                Ok(regex) => return Ok(Self { regex, factor: limit / AUTOMATON_PER_UNIT }),
                Err(why) if limit >= LARGEST => return Err(why.to_string()),
                Err(_) => limit = limit.saturating_mul(2),
            }
        }
    }

    /// Units for a byte of text.
    pub(crate) const fn factor(&self) -> usize {
        self.factor
    }

    /// Pays for one search.
    fn pay(&self, text: usize, cost: &mut Cost) -> Result<(), Cause> {
        cost.elements(text.saturating_add(8).saturating_mul(self.factor))
    }
}

/// A pattern that is known only now.
fn compiled(pattern: &str, cost: &mut Cost) -> Result<Pattern, Cause> {
    cost.elements(pattern.len().saturating_mul(8).saturating_add(64))?;
    let pattern = Pattern::new(pattern)
        .map_err(|why| Cause::Invalid(format!("invalid regular expression: {why}")))?;
    cost.elements(pattern.factor.saturating_mul(AUTOMATON_PER_UNIT / 8))?;
    Ok(pattern)
}

/// What a function of a pattern that was compiled before does.
pub(crate) fn search<'a>(
    name: &str,
    pattern: &Pattern,
    args: &[Value<'a>],
    cost: &mut Cost,
) -> Outcome<'a> {
    match name {
        "matches" => matches_with(pattern, args, cost),
        "regex.extract" => extract_with(pattern, args, cost),
        "regex.extractAll" => extract_all_with(pattern, args, cost),
        _ => replace_with(pattern, args, cost),
    }
}

/// A function with its pattern as the second argument.
fn dynamic<'a>(name: &str, args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(_), Value::String(pattern), ..] = args else { return no_overload() };
    let pattern = compiled(pattern, cost)?;
    search(name, &pattern, args, cost)
}

pub(super) fn matches<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    dynamic("matches", args, cost)
}

pub(super) fn extract<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    dynamic("regex.extract", args, cost)
}

pub(super) fn extract_all<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    dynamic("regex.extractAll", args, cost)
}

pub(super) fn replace<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    dynamic("regex.replace", args, cost)
}

fn matches_with<'a>(pattern: &Pattern, args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(text), Value::String(_)] = args else { return no_overload() };
    pattern.pay(text.len(), cost)?;
    Ok(Value::Bool(pattern.regex.is_match(text)))
}

/// The group of a match if the pattern has one, else all of it; nothing if that is empty.
fn group(captures: &Captures<'_>) -> Option<String> {
    let found = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
    found
        .map(|found| found.as_str().into())
        .filter(|text: &String| captures.len() == 1 || !text.is_empty())
}

fn one_group(pattern: &Pattern) -> Result<(), Cause> {
    if pattern.regex.captures_len() > 2 {
        let why = "regular expression has more than one capturing group";
        return Err(Cause::Invalid(why.into()));
    }
    Ok(())
}

fn extract_with<'a>(pattern: &Pattern, args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(text), Value::String(_)] = args else { return no_overload() };
    one_group(pattern)?;
    pattern.pay(text.len(), cost)?;
    match pattern.regex.captures(text).as_ref().and_then(group) {
        Some(found) => Optional::of(Value::text(found)).map(Value::Optional),
        None => Ok(Value::Optional(Optional::NONE)),
    }
}

/// Every match is a search of what is left, and paid for as one.
fn each<'t>(
    pattern: &Pattern,
    text: &'t str,
    most: usize,
    cost: &mut Cost,
    mut use_match: impl FnMut(&Captures<'t>, &mut Cost) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let mut found = pattern.regex.captures_iter(text);
    let mut left = text.len();
    for _ in 0..most {
        pattern.pay(left, cost)?;
        let Some(captures) = found.next() else { break };
        left = text.len().saturating_sub(captures.get(0).map_or(0, |all| all.end()));
        use_match(&captures, cost)?;
    }
    Ok(())
}

fn extract_all_with<'a>(pattern: &Pattern, args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(text), Value::String(_)] = args else { return no_overload() };
    one_group(pattern)?;
    let mut values = Vec::new();
    each(pattern, text, usize::MAX, cost, |captures, _| {
        values.extend(group(captures).map(Value::text));
        Ok(())
    })?;
    List::new(values).map(Value::List)
}

fn replace_with<'a>(pattern: &Pattern, args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (text, by, most) = match args {
        [Value::String(text), _, Value::String(by)] => (text, by, -1),
        [Value::String(text), _, Value::String(by), Value::Int(most)] => (text, by, *most),
        _ => return no_overload(),
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut replaced = String::new();
    let mut end = 0;
    each(pattern, text, most, cost, |captures, cost| {
        let Some(all) = captures.get(0) else { return Ok(()) };
        replaced.push_str(text.get(end..all.start()).unwrap_or_default());
        substitute(&mut replaced, captures, by, cost)?;
        end = all.end();
        Ok(())
    })?;
    cost.text(text.len())?;
    replaced.push_str(text.get(end..).unwrap_or_default());
    Ok(Value::text(replaced))
}

/// `\1` is a group, `\\` a backslash.
fn substitute(
    out: &mut String,
    captures: &Captures<'_>,
    by: &str,
    cost: &mut Cost,
) -> Result<(), Cause> {
    cost.text(by.len())?;
    let mut characters = by.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        let escaped = characters.next();
        if escaped == Some('\\') {
            out.push('\\');
            continue;
        }
        let group = escaped.and_then(|digit| digit.to_digit(10)).map(|group| group as usize);
        let Some(group) = group.filter(|group| *group < captures.len()) else {
            let why = "invalid replacement: \\ must be followed by the number of a group or by \\";
            return Err(Cause::Invalid(why.into()));
        };
        let found = captures.get(group).map_or("", |group| group.as_str());
        cost.text(found.len())?;
        out.push_str(found);
    }
    Ok(())
}
