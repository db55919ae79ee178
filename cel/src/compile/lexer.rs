//! Tokens.
//!
//! spec: langdef §Syntax

use super::{Result, fault, literal, syntax::Literal};
use crate::error::CompileCause;

/// A token.
#[derive(Clone, Debug)]
pub(super) enum Token<'t> {
    End,
    /// A name, a keyword or a reserved word.
    Ident(&'t str),
    /// `true`, `null`, a number, a string. A number is read with its sign by the parser.
    Literal(Literal),
    /// The digits of a number.
    Number(Number<'t>),
    /// A field in backquotes.
    Quoted(&'t str),
    Symbol(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Number<'t> {
    Double(&'t str),
    Int(&'t str),
    Uint(&'t str),
}

/// Longer ones before their beginnings.
const SYMBOLS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}", "=",
];

#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves on, and says what was passed.
    fn take(&mut self, length: usize) -> &'t str {
        let end = self.at.saturating_add(length);
        let taken = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        taken
    }

    /// The next token and where it starts.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'t>)> {
        self.skip();
        let (at, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else { return Ok((at, Token::End)) };
        let token = if let Some(prefix) = literal::string_prefix(rest) {
            self.string(prefix)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.word()
        } else if starts_number(rest) {
            Token::Number(self.number()?)
        } else if first == '`' {
            self.quoted()?
        } else {
            let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
            let Some(symbol) = symbol else {
                let found = format!("'{first}'");
                return fault(at, CompileCause::Syntax { expected: "an expression", found });
            };
            self.take(symbol.len());
            Token::Symbol(symbol)
        };
        Ok((at, token))
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.find(|c: char| !matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' '));
            self.take(blank.unwrap_or(rest.len()));
            if !self.rest().starts_with("//") {
                return;
            }
            let rest = self.rest();
            self.take(rest.find('\n').unwrap_or(rest.len()));
        }
    }

    fn word(&mut self) -> Token<'t> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        match self.take(end.unwrap_or(rest.len())) {
            "false" => Token::Literal(Literal::Bool(false)),
            "in" => Token::Symbol("in"),
            "null" => Token::Literal(Literal::Null),
            "true" => Token::Literal(Literal::Bool(true)),
            word => Token::Ident(word),
        }
    }

    /// What follows a number must not look like a part of it.
    fn number(&mut self) -> Result<Number<'t>> {
        let (at, rest) = (self.at, self.rest());
        let hex = rest
            .strip_prefix("0x")
            .map(|rest| rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len()));
        let (length, double) = match hex {
            Some(digits) if digits > 0 => (digits.saturating_add(2), false),
            _ => decimal_length(rest),
        };
        let digits = self.take(length);
        let number = match self.rest().chars().next() {
            Some('u' | 'U') if !double => {
                self.take(1);
                Number::Uint(digits)
            }
            _ if double => Number::Double(digits),
            _ => Number::Int(digits),
        };
        match self.rest().chars().next() {
            Some(next) if next.is_ascii_alphanumeric() || next == '_' => {
                fault(at, CompileCause::Literal("invalid number"))
            }
            _ => Ok(number),
        }
    }

    fn string(&mut self, prefix: literal::Prefix) -> Result<Token<'t>> {
        let at = self.at;
        self.take(prefix.length);
        let rest = self.rest();
        let Some(end) = literal::end(rest, prefix) else {
            return fault(at, CompileCause::Literal("unterminated string"));
        };
        let body = self.take(end);
        self.take(prefix.quote.len());
        let start = at.saturating_add(prefix.length);
        literal::read(body, prefix, start).map(Token::Literal)
    }

    fn quoted(&mut self) -> Result<Token<'t>> {
        let at = self.at;
        self.take(1);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_./- ".contains(c);
        let end = self.rest().find(|c: char| !allowed(c)).unwrap_or(0);
        let name = self.take(end);
        if name.is_empty() || self.take(1) != "`" {
            return fault(at, CompileCause::Literal("invalid field name in backquotes"));
        }
        Ok(Token::Quoted(name))
    }
}

fn starts_number(text: &str) -> bool {
    let digits = text.strip_prefix('.').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// How long a decimal number is, and whether it is a `double`.
fn decimal_length(text: &str) -> (usize, bool) {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from.saturating_add(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()))
    };
    let mut end = digits(0);
    let mut double = false;
    if text.get(end..).is_some_and(|rest| rest.starts_with('.') && starts_number(rest)) {
        end = digits(end.saturating_add(1));
        double = true;
    }
    if text.get(end..).is_some_and(|rest| rest.starts_with(['e', 'E'])) {
        let sign =
            text.get(end.saturating_add(1)..).is_some_and(|rest| rest.starts_with(['+', '-']));
        let start = end.saturating_add(1).saturating_add(usize::from(sign));
        if digits(start) > start {
            end = digits(start);
            double = true;
        }
    }
    (end, double)
}
