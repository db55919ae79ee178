//! Macros: calls that name variables of their own.
//!
//! spec: langdef §Macros

use super::{
    Result, fault,
    resolve::{Resolver, arity},
    syntax::{Kind as Written, Node, Syntax},
};
use crate::{
    error::CompileCause,
    program::{Comprehension, Expr, Goal, Kind},
};

/// A macro with a receiver.
pub(super) struct Macro {
    pub(super) name: &'static str,
    /// Fewest and most arguments.
    least: usize,
    most: usize,
    form: Form,
}

/// What its arguments are.
#[derive(Clone, Copy)]
enum Form {
    /// One variable, or two with one argument more; then the body.
    Quantifier(Goal),
    /// One variable, perhaps a filter, the body.
    One(Goal),
    /// Two variables, perhaps a filter, the body.
    Two(Goal),
    Optional {
        flat: bool,
    },
}

pub(super) static MACROS: &[Macro] = &[
    Macro { name: "all", least: 2, most: 3, form: Form::Quantifier(Goal::All) },
    Macro { name: "exists", least: 2, most: 3, form: Form::Quantifier(Goal::Exists) },
    Macro { name: "existsOne", least: 2, most: 3, form: Form::Quantifier(Goal::ExistsOne) },
    Macro { name: "exists_one", least: 2, most: 3, form: Form::Quantifier(Goal::ExistsOne) },
    Macro { name: "filter", least: 2, most: 2, form: Form::One(Goal::Filter) },
    Macro { name: "map", least: 2, most: 3, form: Form::One(Goal::Map) },
    Macro { name: "optFlatMap", least: 2, most: 2, form: Form::Optional { flat: true } },
    Macro { name: "optMap", least: 2, most: 2, form: Form::Optional { flat: false } },
    Macro { name: "sortBy", least: 2, most: 2, form: Form::One(Goal::SortBy) },
    Macro { name: "transformList", least: 3, most: 4, form: Form::Two(Goal::Map) },
    Macro { name: "transformMap", least: 3, most: 4, form: Form::Two(Goal::TransformMap) },
    Macro {
        name: "transformMapEntry",
        least: 3,
        most: 4,
        form: Form::Two(Goal::TransformMapEntry),
    },
];

impl<'t> Resolver<'t, '_> {
    /// A macro's call, if the name is one.
    #[inline(never)]
    pub(super) fn expand(
        &mut self,
        at: usize,
        receiver: &Syntax<'t>,
        name: &str,
        args: &[Node<'t>],
    ) -> Option<Result<Kind>> {
        let known = MACROS.iter().find(|known| known.name == name)?;
        if !(known.least..=known.most).contains(&args.len()) {
            return Some(arity(at, name, known.least, known.most, args.len(), 0));
        }
        let variables = match known.form {
            Form::One(_) | Form::Optional { .. } => 1,
            Form::Quantifier(_) => args.len().saturating_sub(1),
            Form::Two(_) => 2,
        };
        Some(match known.form {
            Form::One(goal) | Form::Quantifier(goal) | Form::Two(goal) => {
                self.comprehension(at, receiver, known.name, goal, args.split_at_checked(variables))
            }
            Form::Optional { flat } => self.optional_map(receiver, known.name, flat, args),
        })
    }

    #[inline(never)]
    fn comprehension(
        &mut self,
        at: usize,
        receiver: &Syntax<'t>,
        name: &str,
        goal: Goal,
        args: Option<(&[Node<'t>], &[Node<'t>])>,
    ) -> Result<Kind> {
        let range = self.expr(receiver)?;
        let (variables, filter, body) = match args {
            Some((variables, [filter, body])) => (variables, Some(filter), body),
            Some((variables, [body])) => (variables, None, body),
            _ => return arity(at, name, 2, 4, 0, 0),
        };
        let (filter, body) = self.within(name, variables, |resolver| {
            let filter = filter.map(|filter| resolver.expr(filter)).transpose()?;
            Ok((filter, resolver.expr(body)?))
        })?;
        let pair = variables.len() == 2;
        Ok(Kind::Comprehension(Box::new(Comprehension { goal, range, pair, filter, body })))
    }

    /// Resolves with variables that are the innermost.
    fn within<T>(
        &mut self,
        name: &str,
        variables: &[Node<'t>],
        resolve: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outer = self.locals.len();
        for variable in variables {
            let Written::Ident { name: local, absolute: false } = variable.kind else {
                let expected = "a simple name as the variable";
                return fault(variable.at, CompileCause::Macro { name: name.into(), expected });
            };
            if self.locals.iter().skip(outer).any(|other| *other == local) {
                let expected = "two different names as the variables";
                return fault(variable.at, CompileCause::Macro { name: name.into(), expected });
            }
            self.locals.push(local);
        }
        let resolved = resolve(self);
        self.locals.truncate(outer);
        resolved
    }

    #[inline(never)]
    fn optional_map(
        &mut self,
        receiver: &Syntax<'t>,
        name: &str,
        flat: bool,
        args: &[Node<'t>],
    ) -> Result<Kind> {
        let operands = self.bound(name, receiver, args)?;
        Ok(Kind::OptionalMap { operands, flat })
    }

    /// `cel.bind(name, value, body)`
    #[inline(never)]
    pub(super) fn bind(&mut self, at: usize, args: &[Node<'t>]) -> Result<Kind> {
        let [variable, value, body] = args else {
            return arity(at, "cel.bind", 3, 3, args.len(), 0);
        };
        let value = self.expr(value)?;
        let variable = std::slice::from_ref(variable);
        let body = self.within("cel.bind", variable, |resolver| resolver.expr(body))?;
        Ok(Kind::Bind(Box::new([value, body])))
    }

    /// A value, and a body with a name for it.
    #[inline(never)]
    fn bound(
        &mut self,
        name: &str,
        value: &Syntax<'t>,
        args: &[Node<'t>],
    ) -> Result<Box<[Expr; 2]>> {
        let [variable, body] = args else { return arity(value.at, name, 2, 2, args.len(), 0) };
        let value = self.expr(value)?;
        let variable = std::slice::from_ref(variable);
        let body = self.within(name, variable, |resolver| resolver.expr(body))?;
        Ok(Box::new([value, body]))
    }

    /// `has(operand.field)`
    #[inline(never)]
    pub(super) fn has(&mut self, at: usize, args: &[Node<'t>]) -> Result<Kind> {
        let [arg] = args else { return arity(at, "has", 1, 1, args.len(), 0) };
        let Written::Select { operand, field, optional: false } = &arg.kind else {
            let expected = "a field, as in has(value.field)";
            return fault(arg.at, CompileCause::Macro { name: "has".into(), expected });
        };
        let operand = Box::new(self.field_of(operand, field)?);
        Ok(Kind::Has { operand, field: (*field).into() })
    }
}
