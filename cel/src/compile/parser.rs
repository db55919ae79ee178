//! The grammar.
//!
//! spec: langdef §Syntax

use super::{
    Result, fault,
    lexer::{Lexer, Number, Token},
    syntax::{Element, Entry, Kind, Literal, Node, Syntax},
};
use crate::error::CompileCause;

/// spec: langdef §Syntax `RESERVED`: "cannot be used as identifiers or function names"
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// The tree of a text.
pub(super) fn parse(text: &str, depth: u16) -> Result<Node<'_>> {
    let mut parser =
        Parser { lexer: Lexer::new(text), at: 0, token: Token::End, level: 0, limit: depth };
    parser.bump()?;
    let syntax = parser.expression()?;
    match parser.token {
        Token::End => Ok(syntax),
        _ => parser.unexpected("an operator or the end"),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is looked at, and where it is.
    token: Token<'t>,
    at: usize,
    /// Calls of `expression` that wait for an inner one.
    level: u16,
    limit: u16,
}

impl<'t> Parser<'t> {
    #[inline(never)]
    fn bump(&mut self) -> Result<()> {
        (self.at, self.token) = self.lexer.next()?;
        Ok(())
    }

    /// Passes a symbol, if it is there.
    fn eat(&mut self, symbol: &str) -> Result<bool> {
        let found = matches!(self.token, Token::Symbol(found) if found == symbol);
        if found {
            self.bump()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &'static str) -> Result<()> {
        if self.eat(symbol)? { Ok(()) } else { self.unexpected(symbol) }
    }

    #[inline(never)]
    fn unexpected<T>(&self, expected: &'static str) -> Result<T> {
        let found = match &self.token {
            Token::End => "the end".into(),
            Token::Ident(name) => format!("'{name}'"),
            Token::Literal(_) => "a literal".into(),
            Token::Number(Number::Double(digits) | Number::Int(digits) | Number::Uint(digits)) => {
                format!("'{digits}'")
            }
            Token::Quoted(name) => format!("'`{name}`'"),
            Token::Symbol(symbol) => format!("'{symbol}'"),
        };
        fault(self.at, CompileCause::Syntax { expected, found })
    }

    /// A node over others, unless that is too deep.
    #[inline(never)]
    fn node(&self, at: usize, below: u16, kind: Kind<'t>) -> Result<Node<'t>> {
        let depth = below.saturating_add(1);
        if depth > self.limit {
            return fault(at, CompileCause::TooDeep);
        }
        Ok(Box::new(Syntax { at, depth, kind }))
    }

    fn expression(&mut self) -> Result<Node<'t>> {
        if self.level >= self.limit {
            return fault(self.at, CompileCause::TooDeep);
        }
        self.level = self.level.saturating_add(1);
        let condition = self.or()?;
        let syntax = if matches!(self.token, Token::Symbol("?")) {
            let at = self.at;
            self.bump()?;
            let then = self.or()?;
            self.expect(":")?;
            let otherwise = self.expression()?;
            let parts = [condition, then, otherwise];
            let below = deepest(&parts);
            self.node(at, below, Kind::Conditional(parts))?
        } else {
            condition
        };
        self.level = self.level.saturating_sub(1);
        Ok(syntax)
    }

    fn or(&mut self) -> Result<Node<'t>> {
        self.row("||", Self::and, Kind::Or)
    }

    fn and(&mut self) -> Result<Node<'t>> {
        self.row("&&", |parser| parser.binary(0), Kind::And)
    }

    /// Terms with one operator between them, in one node.
    fn row(
        &mut self,
        symbol: &'static str,
        term: fn(&mut Self) -> Result<Node<'t>>,
        kind: fn(Vec<Node<'t>>) -> Kind<'t>,
    ) -> Result<Node<'t>> {
        let first = term(self)?;
        if !matches!(self.token, Token::Symbol(found) if found == symbol) {
            return Ok(first);
        }
        let at = self.at;
        let mut terms = vec![first];
        while self.eat(symbol)? {
            terms.push(term(self)?);
        }
        let below = deepest(&terms);
        self.node(at, below, kind(terms))
    }

    /// Relations, sums and products, from a precedence on.
    fn binary(&mut self, least: u8) -> Result<Node<'t>> {
        let mut left = self.unary()?;
        loop {
            let Token::Symbol(symbol) = self.token else { return Ok(left) };
            let precedence = match symbol {
                "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" => 0,
                "+" | "-" => 1,
                "*" | "/" | "%" => 2,
                _ => return Ok(left),
            };
            if precedence < least {
                return Ok(left);
            }
            let at = self.at;
            self.bump()?;
            let right = self.binary(precedence.saturating_add(1))?;
            let operands = vec![left, right];
            let below = deepest(&operands);
            left = self.node(at, below, Kind::Operator { symbol, operands })?;
        }
    }

    /// One sign before a number is part of it; a row of the same sign is one or none.
    fn unary(&mut self) -> Result<Node<'t>> {
        let at = self.at;
        let (symbol, sign) = match self.token {
            Token::Symbol("!") => ("!", "!"),
            Token::Symbol("-") => ("negate", "-"),
            _ => return self.member(None),
        };
        let mut odd = false;
        let mut count = 0_usize;
        while self.eat(sign)? {
            odd = !odd;
            count = count.saturating_add(1);
        }
        let signed = matches!(self.token, Token::Number(Number::Double(_) | Number::Int(_)));
        if sign == "-" && count == 1 && signed {
            return self.member(Some(at));
        }
        let operand = self.member(None)?;
        // An even row of signs still has no overload for what has no sign.
        let twice = if odd { 1 } else { 2 };
        (0..twice).try_fold(operand, |operand, _| {
            let below = operand.depth;
            self.node(at, below, Kind::Operator { symbol, operands: vec![operand] })
        })
    }

    /// A primary and what is selected, called or indexed of it.
    fn member(&mut self, sign: Option<usize>) -> Result<Node<'t>> {
        let mut operand = self.primary(sign)?;
        loop {
            let at = self.at;
            if self.eat(".")? {
                operand = self.selection(operand, at)?;
            } else if self.eat("[")? {
                let optional = self.eat("?")?;
                let index = self.expression()?;
                self.expect("]")?;
                let operands = [operand, index];
                let below = deepest(&operands);
                let kind = Kind::Index { operands, optional };
                operand = self.node(at, below, kind)?;
            } else {
                return Ok(operand);
            }
        }
    }

    /// What follows a dot.
    #[inline(never)]
    fn selection(&mut self, operand: Node<'t>, dot: usize) -> Result<Node<'t>> {
        let optional = self.eat("?")?;
        let at = if optional { dot } else { self.at };
        let (field, quoted) = match self.token {
            Token::Ident(name) => (name, false),
            Token::Quoted(name) => (name, true),
            _ => return self.unexpected("a field"),
        };
        self.bump()?;
        if !quoted && !optional && self.eat("(")? {
            let args = self.arguments(")")?;
            let below = deepest(&args).max(operand.depth);
            let kind = Kind::Call { receiver: Some(operand), name: field, args };
            return self.node(at, below, kind);
        }
        let below = operand.depth;
        let kind = Kind::Select { operand, field, optional };
        let syntax = self.node(at, below, kind)?;
        self.no_message(&syntax)?;
        Ok(syntax)
    }

    /// `Name{…}` makes a message of protocol buffers.
    fn no_message(&self, syntax: &Syntax<'t>) -> Result<()> {
        match self.token {
            Token::Symbol("{") => fault(syntax.at, CompileCause::Unsupported("message literals")),
            _ => Ok(()),
        }
    }

    /// Expressions between commas; the bracket that closes them is passed.
    #[inline(never)]
    fn arguments(&mut self, close: &'static str) -> Result<Vec<Node<'t>>> {
        let mut args = Vec::new();
        if self.eat(close)? {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if !self.eat(",")? {
                self.expect(close)?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self, sign: Option<usize>) -> Result<Node<'t>> {
        let at = sign.unwrap_or(self.at);
        match self.token.clone() {
            Token::Ident(_) => self.name(false),
            Token::Literal(literal) => {
                self.bump()?;
                self.node(at, 0, Kind::Literal(literal))
            }
            Token::Number(number) => {
                let literal = value_of(number, sign.is_some());
                let Some(literal) = literal else {
                    return fault(at, CompileCause::Literal("number out of range"));
                };
                self.bump()?;
                self.node(at, 0, Kind::Literal(literal))
            }
            Token::Symbol("(") => {
                self.bump()?;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => self.list(),
            Token::Symbol("{") => self.map(),
            Token::Symbol(".") => {
                self.bump()?;
                self.name(true)
            }
            _ => self.unexpected("an expression"),
        }
    }

    #[inline(never)]
    fn name(&mut self, absolute: bool) -> Result<Node<'t>> {
        let at = self.at;
        let Token::Ident(name) = self.token else { return self.unexpected("a name") };
        if RESERVED.contains(&name) {
            return self.unexpected("a name that is not reserved");
        }
        self.bump()?;
        if self.eat("(")? {
            let args = self.arguments(")")?;
            let below = deepest(&args);
            return self.node(at, below, Kind::Call { receiver: None, name, args });
        }
        let syntax = self.node(at, 0, Kind::Ident { name, absolute })?;
        self.no_message(&syntax)?;
        Ok(syntax)
    }

    #[inline(never)]
    fn list(&mut self) -> Result<Node<'t>> {
        let at = self.at;
        self.expect("[")?;
        let mut elements = Vec::new();
        while !self.eat("]")? {
            let optional = self.eat("?")?;
            elements.push(Element { optional, value: self.expression()? });
            if !self.eat(",")? {
                self.expect("]")?;
                break;
            }
        }
        let below = elements.iter().map(|element| element.value.depth).max().unwrap_or(0);
        self.node(at, below, Kind::List(elements))
    }

    #[inline(never)]
    fn map(&mut self) -> Result<Node<'t>> {
        let at = self.at;
        self.expect("{")?;
        let mut entries = Vec::new();
        while !self.eat("}")? {
            let optional = self.eat("?")?;
            let key = self.expression()?;
            self.expect(":")?;
            entries.push(Entry { optional, key, value: self.expression()? });
            if !self.eat(",")? {
                self.expect("}")?;
                break;
            }
        }
        let depths = entries.iter().map(|entry| entry.key.depth.max(entry.value.depth));
        let below = depths.max().unwrap_or(0);
        self.node(at, below, Kind::Map(entries))
    }
}

fn deepest(operands: &[Node<'_>]) -> u16 {
    operands.iter().map(|operand| operand.depth).max().unwrap_or(0)
}

/// A number, with its sign.
fn value_of(number: Number<'_>, negative: bool) -> Option<Literal> {
    let signed = |digits: &str| if negative { format!("-{digits}") } else { digits.into() };
    match number {
        Number::Double(digits) => signed(digits).parse().ok().map(Literal::Double),
        Number::Int(digits) => match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(&signed(hex), 16).ok(),
            None => signed(digits).parse().ok(),
        }
        .map(Literal::Int),
        Number::Uint(digits) => match digits.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        }
        .map(Literal::Uint),
    }
}
