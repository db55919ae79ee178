//! What is written, before its names mean anything.

/// A node and where it starts; how deep it is bounds every recursion over it.
#[derive(Debug)]
pub(super) struct Syntax<'t> {
    pub(super) at: usize,
    pub(super) depth: u16,
    pub(super) kind: Kind<'t>,
}

/// Nodes are passed around in boxes: that keeps the frames of the parser small.
pub(super) type Node<'t> = Box<Syntax<'t>>;

#[derive(Debug)]
pub(super) enum Kind<'t> {
    /// Terms joined by `&&`, flat, so that a long row is not deep.
    And(Vec<Node<'t>>),
    /// A call, with its receiver if it has one.
    Call {
        receiver: Option<Node<'t>>,
        name: &'t str,
        args: Vec<Node<'t>>,
    },
    Conditional([Node<'t>; 3]),
    /// A name; a leading dot makes it absolute.
    Ident {
        name: &'t str,
        absolute: bool,
    },
    Index {
        operands: [Node<'t>; 2],
        optional: bool,
    },
    List(Vec<Element<'t>>),
    Literal(Literal),
    Map(Vec<Entry<'t>>),
    /// An operator of one or two operands.
    Operator {
        symbol: &'static str,
        operands: Vec<Node<'t>>,
    },
    /// Terms joined by `||`, flat.
    Or(Vec<Node<'t>>),
    Select {
        operand: Node<'t>,
        field: &'t str,
        optional: bool,
    },
}

/// An element of a list; an optional one is left out if it has no value.
#[derive(Debug)]
pub(super) struct Element<'t> {
    pub(super) optional: bool,
    pub(super) value: Node<'t>,
}

#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) optional: bool,
    pub(super) key: Node<'t>,
    pub(super) value: Node<'t>,
}

/// A literal, read.
#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Bool(bool),
    Bytes(Vec<u8>),
    Double(f64),
    Int(i64),
    Null,
    String(String),
    Uint(u64),
}
