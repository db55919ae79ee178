//! What names mean: variables, fields, types, functions, macros.
//!
//! spec: langdef §Name Resolution

use super::{
    Result, fault,
    macros::MACROS,
    names::{Reads, nearest},
    syntax::{self, Kind as Written, Literal, Node, Syntax},
};
use crate::{
    Type,
    error::CompileCause,
    functions::{self, Function, Pattern, pattern_argument},
    program::{Element, Entry, Expr, Kind},
};

/// Most units for a byte of text that all patterns of a program cost together: four automata of
/// the largest size.
const MAX_PATTERNS: usize = 1024;

/// A tree with its names resolved, and what it reads.
pub(super) fn resolve(
    syntax: &Syntax<'_>,
    container: &str,
    variables: &[&str],
) -> Result<(Expr, Reads)> {
    let mut resolver =
        Resolver { container, variables, locals: Vec::new(), reads: Reads::default(), patterns: 0 };
    let expr = resolver.expr(syntax)?;
    Ok((expr, resolver.reads))
}

pub(super) struct Resolver<'t, 'e> {
    container: &'e str,
    variables: &'e [&'e str],
    /// Variables of the macros that are open, the innermost last.
    pub(super) locals: Vec<&'t str>,
    pub(super) reads: Reads,
    patterns: usize,
}

impl<'t> Resolver<'t, '_> {
    /// A node. A variable by itself is read as a whole.
    pub(super) fn expr(&mut self, syntax: &Syntax<'t>) -> Result<Expr> {
        let expr = self.operand(syntax)?;
        if let Kind::Variable(place) = expr.kind {
            self.reads.add(place, None);
        }
        Ok(expr)
    }

    #[inline(never)]
    pub(super) fn exprs(&mut self, syntaxes: &[Node<'t>]) -> Result<Vec<Expr>> {
        syntaxes.iter().map(|syntax| self.expr(syntax)).collect()
    }

    /// A node of which something is selected.
    pub(super) fn operand(&mut self, syntax: &Syntax<'t>) -> Result<Expr> {
        let kind = match &syntax.kind {
            Written::And(terms) => Kind::And(self.exprs(terms)?),
            Written::Call { receiver, name, args } => {
                self.call(syntax.at, receiver.as_deref(), name, args)?
            }
            Written::Conditional(parts) => self.conditional(parts)?,
            Written::Ident { name, absolute } => self.ident(syntax, name, *absolute)?,
            Written::Index { operands, optional } => self.index(operands, *optional)?,
            Written::List(elements) => self.list(elements)?,
            Written::Literal(literal) => Kind::Literal(literal.clone()),
            Written::Map(entries) => self.map(entries)?,
            Written::Operator { symbol, operands } => match functions::operator(symbol) {
                Some(function) => Kind::Call(function, self.exprs(operands)?),
                None => return self.undeclared(syntax.at, symbol, None),
            },
            Written::Or(terms) => Kind::Or(self.exprs(terms)?),
            Written::Select { operand, field, optional } => {
                self.select(syntax, operand, field, *optional)?
            }
        };
        Ok(Expr { at: syntax.at, kind })
    }

    #[inline(never)]
    fn conditional(&mut self, parts: &[Node<'t>; 3]) -> Result<Kind> {
        let [condition, then, otherwise] = parts;
        let parts = [self.expr(condition)?, self.expr(then)?, self.expr(otherwise)?];
        Ok(Kind::Conditional(Box::new(parts)))
    }

    #[inline(never)]
    fn list(&mut self, written: &[syntax::Element<'t>]) -> Result<Kind> {
        let mut elements = Vec::with_capacity(written.len());
        for syntax::Element { optional, value } in written {
            elements.push(Element { optional: *optional, value: self.expr(value)? });
        }
        Ok(Kind::List(elements))
    }

    #[inline(never)]
    fn map(&mut self, written: &[syntax::Entry<'t>]) -> Result<Kind> {
        let mut entries = Vec::with_capacity(written.len());
        for syntax::Entry { optional, key, value } in written {
            let (key, value) = (self.expr(key)?, self.expr(value)?);
            entries.push(Entry { optional: *optional, key, value });
        }
        Ok(Kind::Map(entries))
    }

    #[inline(never)]
    fn ident(&mut self, syntax: &Syntax<'t>, name: &'t str, absolute: bool) -> Result<Kind> {
        if let Some(kind) = self.named(syntax) {
            return Ok(kind);
        }
        if !absolute && let Some(place) = self.locals.iter().rposition(|local| *local == name) {
            return Ok(Kind::Local(place));
        }
        let known = self.variables.iter().chain(&self.locals).copied();
        let suggestion = nearest(name, known.chain(Type::ALL.iter().map(|kind| kind.name())));
        self.undeclared(syntax.at, name, suggestion)
    }

    /// The longest dotted name that is one of a variable wins over a field of a shorter one.
    #[inline(never)]
    fn select(
        &mut self,
        syntax: &Syntax<'t>,
        operand: &Syntax<'t>,
        field: &'t str,
        optional: bool,
    ) -> Result<Kind> {
        if let Some(kind) = self.named(syntax) {
            return Ok(kind);
        }
        let operand = Box::new(self.field_of(operand, field)?);
        Ok(Kind::Select { operand, field: field.into(), optional })
    }

    /// An operand of which only a field is read.
    #[inline(never)]
    pub(super) fn field_of(&mut self, operand: &Syntax<'t>, field: &str) -> Result<Expr> {
        let operand = self.operand(operand)?;
        if let Kind::Variable(place) = operand.kind {
            self.reads.add(place, Some(field));
        }
        Ok(operand)
    }

    #[inline(never)]
    fn index(&mut self, operands: &[Node<'t>; 2], optional: bool) -> Result<Kind> {
        let [operand, index] = operands;
        let operand = match &index.kind {
            Written::Literal(Literal::String(field)) => self.field_of(operand, field)?,
            _ => self.expr(operand)?,
        };
        let index = self.expr(index)?;
        Ok(Kind::Index { operands: Box::new([operand, index]), optional })
    }

    /// The variable or the type that has the dotted name that a node is.
    fn named(&mut self, syntax: &Syntax<'t>) -> Option<Kind> {
        let (path, absolute) = path(syntax)?;
        if !absolute && self.is_local(&path) {
            return None;
        }
        let name = path.join(".");
        let container = if absolute { "" } else { self.container };
        if let Some(variable) = self.candidate(container, &name) {
            return Some(Kind::Variable(self.reads.place(&variable)));
        }
        Type::ALL.into_iter().find(|kind| kind.name() == name).map(Kind::Type)
    }

    /// spec: langdef §Name Resolution "resolution is attempted, in order, as `A.B.a.b`, `A.a.b`,
    /// and finally `a.b`"
    fn candidate(&self, container: &str, name: &str) -> Option<String> {
        let mut scope = container;
        while !scope.is_empty() {
            let qualified = format!("{scope}.{name}");
            if self.variables.contains(&qualified.as_str()) {
                return Some(qualified);
            }
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        self.variables.contains(&name).then(|| name.into())
    }

    fn is_local(&self, path: &[&str]) -> bool {
        path.first().is_some_and(|root| self.locals.contains(root))
    }

    #[inline(never)]
    fn call(
        &mut self,
        at: usize,
        receiver: Option<&Syntax<'t>>,
        name: &'t str,
        args: &[Node<'t>],
    ) -> Result<Kind> {
        let Some(receiver) = receiver else {
            return match (name, functions::global(name)) {
                ("has", _) => self.has(at, args),
                (_, Some(function)) => self.function(at, function, None, args),
                (_, None) => self.undeclared_function(at, name, false),
            };
        };
        if let Some((path, absolute)) = path(receiver) {
            let qualified = format!("{}.{name}", path.join("."));
            if qualified == "cel.bind" {
                return self.bind(at, args);
            }
            if let Some(function) = functions::global(&qualified) {
                return self.function(at, function, None, args);
            }
            let known = absolute || self.is_local(&path) || self.is_rooted(receiver);
            if !known {
                return self.undeclared_function(receiver.at, &qualified, false);
            }
        }
        if let Some(expanded) = self.expand(at, receiver, name, args) {
            return expanded;
        }
        match functions::receiver(name) {
            Some(function) => self.function(at, function, Some(receiver), args),
            None => self.undeclared_function(at, name, true),
        }
    }

    /// Whether a dotted name begins with the name of a variable or a type.
    fn is_rooted(&mut self, syntax: &Syntax<'t>) -> bool {
        self.named(syntax).is_some()
            || matches!(&syntax.kind, Written::Select { operand, .. } if self.is_rooted(operand))
    }

    #[inline(never)]
    fn function(
        &mut self,
        at: usize,
        function: &'static Function,
        receiver: Option<&Syntax<'t>>,
        args: &[Node<'t>],
    ) -> Result<Kind> {
        let with_receiver = usize::from(receiver.is_some());
        let count = args.len().saturating_add(with_receiver);
        if !(function.least..=function.most).contains(&count) {
            let (least, most) = (function.least, function.most);
            return arity(at, function.name, least, most, count, with_receiver);
        }
        let mut resolved = Vec::with_capacity(count);
        for syntax in receiver.into_iter().chain(args.iter().map(|arg| &**arg)) {
            resolved.push(self.expr(syntax)?);
        }
        if let Some(pattern) = self.pattern(function, &resolved)? {
            return Ok(Kind::Search { function, pattern, args: resolved });
        }
        if !matches!(function.name, "or" | "orValue") {
            return Ok(Kind::Call(function, resolved));
        }
        Ok(match <[Expr; 2]>::try_from(resolved) {
            Ok(operands) => Kind::Fallback(function, Box::new(operands)),
            Err(resolved) => Kind::Call(function, resolved),
        })
    }

    /// A regular expression in quotes is compiled here, once.
    #[inline(never)]
    fn pattern(&mut self, function: &Function, args: &[Expr]) -> Result<Option<Pattern>> {
        let argument = pattern_argument(function).and_then(|place| args.get(place));
        let Some(Expr { at, kind: Kind::Literal(Literal::String(text)) }) = argument else {
            return Ok(None);
        };
        match Pattern::new(text) {
            Ok(pattern) => {
                self.patterns = self.patterns.saturating_add(pattern.factor());
                if self.patterns > MAX_PATTERNS {
                    let why = "the regular expressions are too large together";
                    return fault(*at, CompileCause::Regex(why.into()));
                }
                Ok(Some(pattern))
            }
            Err(why) => fault(*at, CompileCause::Regex(why)),
        }
    }

    #[inline(never)]
    fn undeclared<T>(&self, at: usize, name: &str, suggestion: Option<String>) -> Result<T> {
        fault(at, CompileCause::Undeclared { name: name.into(), suggestion })
    }

    /// A function of the same name that is called in the other way is what was meant.
    #[inline(never)]
    fn undeclared_function<T>(&self, at: usize, name: &str, with_receiver: bool) -> Result<T> {
        let elsewhere = if with_receiver {
            functions::global(name).map(|function| format!("{}(…)", function.name))
        } else {
            functions::receiver(name).map(|function| format!("….{}(…)", function.name))
        };
        let suggestion = elsewhere.or_else(|| {
            let macros = MACROS.iter().map(|known| known.name).filter(|_| with_receiver);
            let others = ["cel.bind", "has"].into_iter().filter(|_| !with_receiver);
            nearest(name, functions::names(with_receiver).chain(macros).chain(others))
        });
        self.undeclared(at, name, suggestion)
    }
}

/// The dotted name that a node is, and whether it begins with a dot.
fn path<'t>(syntax: &Syntax<'t>) -> Option<(Vec<&'t str>, bool)> {
    match &syntax.kind {
        Written::Ident { name, absolute } => Some((vec![name], *absolute)),
        Written::Select { operand, field, optional: false } => {
            let (mut path, absolute) = path(operand)?;
            path.push(field);
            Some((path, absolute))
        }
        _ => None,
    }
}

/// The wrong number of arguments, without the receiver.
pub(super) fn arity<T>(
    at: usize,
    name: &str,
    least: usize,
    most: usize,
    found: usize,
    receiver: usize,
) -> Result<T> {
    let (least, found) = (least.saturating_sub(receiver), found.saturating_sub(receiver));
    let expected = match most.saturating_sub(receiver) {
        most if most == least => least.to_string(),
        most if most > 64 => format!("at least {least}"),
        most => format!("{least} to {most}"),
    };
    fault(at, CompileCause::Arity { name: name.into(), expected, found })
}
