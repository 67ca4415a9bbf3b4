//! Operators: what both sides must be, and what comes of them.

use crate::check::body::Body;
use crate::check::constants::constant;
use crate::check::program::{Builtin, Callee, Expr, Op};
use crate::check::{Type, Value, errors};
use crate::syntax::tree;
use crate::text::Span;

impl Body<'_, '_> {
    pub(super) fn binary(
        &mut self,
        op: tree::BinaryOp,
        left: &tree::Expr,
        right: &tree::Expr,
        span: Span,
    ) -> (Expr, Type) {
        use tree::BinaryOp as B;
        let (op, sign) = match op {
            B::And => return self.both(Op::And, left, right),
            B::Or => return self.both(Op::Or, left, right),
            B::Times => (Op::Times, "*"),
            B::Divided => (Op::Divided, "/"),
            B::Plus => (Op::Plus, "+"),
            B::Minus => (Op::Minus, "-"),
            B::Equal => (Op::Equal, "=="),
            B::NotEqual => (Op::NotEqual, "!="),
            B::Less => (Op::Less, "<"),
            B::LessEqual => (Op::LessEqual, "<="),
            B::Greater => (Op::Greater, ">"),
            B::GreaterEqual => (Op::GreaterEqual, ">="),
            B::In => (Op::In, "in"),
            B::NotIn => (Op::NotIn, "not in"),
            B::Contains => (Op::Contains, "contains"),
            B::Matches => (Op::Matches, "matches"),
        };
        let make = |left, right, ty| (Expr::Binary(op, Box::new(left), Box::new(right)), ty);
        match op {
            Op::In | Op::NotIn => {
                let (list, list_type) = self.any(right, &Type::List(Box::new(Type::Any)));
                let item = if let Type::List(of) = &list_type { (**of).clone() } else { Type::Any };
                if !matches!(list_type, Type::List(_) | Type::Json | Type::Any | Type::Unknown) {
                    self.report(errors::mismatch(right.span, &list_type, &Type::List(Box::new(Type::Any))));
                }
                let (value, _) = self.expr(left, &item);
                make(value, list, Type::Bool)
            }
            Op::Contains => {
                let (whole, ty) = self.any(left, &Type::Any);
                let item = match &ty {
                    Type::List(of) => (**of).clone(),
                    _ => Type::Str,
                };
                let whole = if ty == Type::Output {
                    Expr::Member(Box::new(whole), "stdout".to_string(), Vec::new())
                } else {
                    whole
                };
                if !matches!(
                    ty,
                    Type::Str
                        | Type::List(_)
                        | Type::Literals(_)
                        | Type::Any
                        | Type::Json
                        | Type::Output
                        | Type::Unknown
                ) {
                    self.report(errors::no_operator(span, sign, &ty, &item));
                }
                let (part, _) = self.expr(right, &item);
                make(whole, part, Type::Bool)
            }
            Op::Matches => {
                let (whole, ty) = self.any(left, &Type::Str);
                let whole = if ty == Type::Output {
                    Expr::Member(Box::new(whole), "stdout".to_string(), Vec::new())
                } else {
                    whole
                };
                if !matches!(ty, Type::Output) && !ty.fits(&Type::Str) {
                    self.report(errors::mismatch(left.span, &ty, &Type::Str));
                }
                let (pattern, _) = self.expr(right, &Type::Str);
                if let Some(Value::Str(pattern)) = constant(&pattern) {
                    self.regex(&pattern, right.span);
                }
                make(whole, pattern, Type::Bool)
            }
            Op::Equal | Op::NotEqual => {
                let (mut first, mut left_type) = self.any(left, &Type::Any);
                let (second, right_type) = match &left_type {
                    // A literal set says what the other side can be.
                    Type::Literals(words) => {
                        let (second, right_type) = self.any(right, &left_type);
                        if let Some(Value::Str(text)) = constant(&second)
                            && !words.contains(&text)
                        {
                            self.report(errors::not_one_of(right.span, &text, words));
                            return make(first, second, Type::Bool);
                        }
                        (second, right_type)
                    }
                    Type::Any => self.any(right, &Type::Any),
                    other => {
                        let (second, right_type) = self.any(right, other);
                        if right_type == Type::Any { self.expr(right, &other.clone()) } else { (second, right_type) }
                    }
                };
                if left_type == Type::Any && !matches!(right_type, Type::Any | Type::Unknown) {
                    (first, left_type) = self.expr(left, &right_type);
                }
                if matches!(left_type, Type::Output) || !left_type.comparable(&right_type) {
                    self.report(errors::not_comparable(span, &left_type, &right_type));
                }
                make(first, second, Type::Bool)
            }
            Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
                let (mut first, mut left_type) = self.any(left, &Type::Any);
                let (second, right_type) = self.any(right, &left_type);
                let second = if right_type == Type::Any && left_type != Type::Any {
                    self.expr(right, &left_type.clone()).0
                } else {
                    second
                };
                if left_type == Type::Any && right_type.ordered() {
                    (first, left_type) = self.expr(left, &right_type);
                }
                if !left_type.ordered() || !right_type.ordered() || !left_type.comparable(&right_type) {
                    self.report(errors::not_comparable(span, &left_type, &right_type));
                }
                make(first, second, Type::Bool)
            }
            _ => {
                let (first, left_type) = self.any(left, &Type::Any);
                let (second, right_type) = self.any(right, &Type::Any);
                let ty = match (op, &left_type, &right_type) {
                    (_, Type::Unknown, _) | (_, _, Type::Unknown) => Type::Unknown,
                    (Op::Plus | Op::Minus, a, b)
                        if a == b && matches!(a, Type::Int | Type::Duration | Type::Size | Type::Percent) =>
                    {
                        a.clone()
                    }
                    (Op::Plus, Type::Str, Type::Str) => Type::Str,
                    (Op::Times | Op::Divided, Type::Int, Type::Int) => Type::Int,
                    (Op::Times, Type::Int, Type::Duration | Type::Size) => right_type.clone(),
                    (Op::Times | Op::Divided, Type::Duration | Type::Size, Type::Int) => left_type.clone(),
                    (Op::Times, Type::Size, Type::Percent) => Type::Size,
                    (Op::Times, Type::Percent, Type::Size) => Type::Size,
                    _ => {
                        self.report(errors::no_operator(span, sign, &left_type, &right_type));
                        Type::Unknown
                    }
                };
                make(first, second, ty)
            }
        }
    }

    fn both(&mut self, op: Op, left: &tree::Expr, right: &tree::Expr) -> (Expr, Type) {
        let left = self.condition(left);
        let right = self.condition(right);
        (Expr::Binary(op, Box::new(left), Box::new(right)), Type::Bool)
    }
}

/// `not ssh(guest)` is a question of its own: it is true as well once a new boot is proven.
pub(super) fn negated(condition: Expr) -> Expr {
    match condition {
        Expr::Probe(Callee::Builtin(Builtin::Ssh), args) => Expr::Probe(Callee::Builtin(Builtin::NotSsh), args),
        other => Expr::Not(Box::new(other)),
    }
}
