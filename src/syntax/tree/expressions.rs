//! Expressions, strings and values.

use super::Name;
use crate::text::Span;

/// `$name`, `${a.b.c}`: a name and its members.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The names, first the value or place.
    pub names: Vec<Name>,
    /// Whether it stands in braces.
    pub braces: bool,
    /// With the `$`.
    pub span: Span,
}

/// A part of a `"…"` string.
#[derive(Clone, Debug, PartialEq)]
pub enum StrPart {
    /// Text, escapes resolved.
    Text(String, Span),
    /// `$name` or `${a.b}`
    Value(Path),
}

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `grace` in `grace: 3m`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// All of it.
    pub span: Span,
}

/// The expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `42`
    Int(i64),
    /// `2m30s`, in milliseconds.
    Duration(u64),
    /// `3GiB`, in bytes.
    Size(u64),
    /// `20%`
    Percent(u64),
    /// `true`
    Bool(bool),
    /// `"text $x"`
    Str(Vec<StrPart>),
    /// `'raw'` (and the long form `'''…'''`, told by `long`).
    Raw {
        /// The text.
        text: String,
        /// Written with `'''`.
        long: bool,
    },
    /// `[a, b]`
    List(Vec<Expr>),
    /// `$name`
    Value(Name),
    /// `${a.b}` outside strings.
    Path(Path),
    /// A bare name: a place, a group, or the start of `module.thing`.
    Place(Name),
    /// `x.member`
    Member(Box<Expr>, Name),
    /// `f(args)`, `apt.f(args)`, `$x.line(0)`: the callee is a place, or a member.
    Call(Box<Expr>, Vec<Arg>),
    /// `x[0]`
    Index(Box<Expr>, Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `( x )`: kept, so that formatting changes nothing.
    Parens(Box<Expr>),
    /// Could not be read; reported.
    Bad,
}

/// The binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `*`
    Times,
    /// `/`
    Divided,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `contains`
    Contains,
    /// `matches`
    Matches,
    /// `and`
    And,
    /// `or`
    Or,
}
