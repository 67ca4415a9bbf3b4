//! Expressions, types and parameters.

use super::STEP;
use super::writer::{Line, Sep, Writer};
use crate::syntax::tree::{Arg, BinaryOp, Expr, ExprKind, Param, Type, TypeKind};

/// An expression, `sep` before it.
pub(super) fn expr(writer: &mut Writer<'_>, sep: Sep, value: &Expr) {
    match &value.kind {
        ExprKind::Int(_)
        | ExprKind::Duration(_)
        | ExprKind::Size(_)
        | ExprKind::Percent(_)
        | ExprKind::Bool(_)
        | ExprKind::Str(_)
        | ExprKind::Raw { .. }
        | ExprKind::Value(_)
        | ExprKind::Path(_)
        | ExprKind::Place(_)
        | ExprKind::Bad => writer.copy(sep, value.span),
        ExprKind::List(items) => {
            writer.word(sep, "[");
            bracketed(writer, items, "]", expr);
        }
        ExprKind::Member(inner, name) => {
            expr(writer, sep, inner);
            writer.word(Sep::Tight, ".");
            writer.copy(Sep::Tight, name.span);
        }
        ExprKind::Call(callee, args) => {
            expr(writer, sep, callee);
            arguments(writer, args);
        }
        ExprKind::Index(inner, index) => {
            expr(writer, sep, inner);
            writer.word(Sep::Tight, "[");
            bracketed_one(writer, index, "]");
        }
        ExprKind::Negate(inner) => {
            writer.word(sep, "-");
            expr(writer, Sep::SoftTight, inner);
        }
        ExprKind::Not(inner) => {
            writer.word(sep, "not");
            expr(writer, Sep::Soft, inner);
        }
        ExprKind::Binary(op, left, right) => {
            expr(writer, sep, left);
            writer.words(Sep::Space, operator(*op));
            expr(writer, Sep::Soft, right);
        }
        ExprKind::Parens(inner) => {
            writer.word(sep, "(");
            bracketed_one(writer, inner, ")");
        }
    }
}

/// `(args)` behind a name.
pub(super) fn arguments(writer: &mut Writer<'_>, args: &[Arg]) {
    writer.word(Sep::Tight, "(");
    bracketed(writer, args, ")", |writer, sep, arg| match &arg.name {
        Some(name) => {
            writer.copy(sep, name.span);
            writer.word(Sep::Tight, ":");
            expr(writer, Sep::Soft, &arg.value);
        }
        None => expr(writer, sep, &arg.value),
    });
}

/// `(params)` of a head.
pub(super) fn params(writer: &mut Writer<'_>, params: &[Param]) {
    writer.word(Sep::Tight, "(");
    bracketed(writer, params, ")", param);
}

/// `name: Type = value`
pub(super) fn param(writer: &mut Writer<'_>, sep: Sep, param: &Param) {
    writer.copy(sep, param.name.span);
    writer.word(Sep::Tight, ":");
    ty(writer, Sep::Soft, &param.ty);
    if let Some(default) = &param.default {
        writer.word(Sep::Space, "=");
        expr(writer, Sep::Soft, default);
    }
}

/// A type.
pub(super) fn ty(writer: &mut Writer<'_>, sep: Sep, ty_: &Type) {
    match &ty_.kind {
        TypeKind::Named(_) => writer.copy(sep, ty_.span),
        TypeKind::List(item) => {
            writer.word(sep, "List");
            writer.word(Sep::Tight, "<");
            ty(writer, Sep::Tight, item);
            writer.word(Sep::Tight, ">");
        }
        TypeKind::Literals(texts) => {
            for (number, text) in texts.iter().enumerate() {
                if number == 0 {
                    writer.copy(sep, text.span);
                } else {
                    writer.word(Sep::Space, "|");
                    writer.copy(Sep::Soft, text.span);
                }
            }
        }
    }
}

/// Several things with commas between them, behind their opening bracket, up to the closing one.
///
/// Where a person broke the line, it stays broken, and a comma stands behind the last; nothing else breaks it.
fn bracketed<T>(writer: &mut Writer<'_>, items: &[T], close: &str, write: impl Fn(&mut Writer<'_>, Sep, &T)) {
    let (base, hang) = (writer.indent, writer.hang);
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            writer.word(Sep::Tight, ",");
        }
        writer.hang = base + STEP;
        writer.place(if number == 0 { Sep::SoftTight } else { Sep::Soft });
        writer.hang = writer.indent + STEP;
        write(writer, Sep::Tight, item);
    }
    let breaks = writer.breaks_before_next();
    writer.trailing_comma(breaks && !items.is_empty());
    writer.word(if breaks { Line::closing(base, false) } else { Sep::Tight }, close);
    writer.hang = hang;
}

/// One thing in brackets, behind the opening one.
fn bracketed_one(writer: &mut Writer<'_>, inner: &Expr, close: &str) {
    let (base, hang) = (writer.indent, writer.hang);
    writer.hang = base + STEP;
    writer.place(Sep::SoftTight);
    writer.hang = writer.indent + STEP;
    expr(writer, Sep::Tight, inner);
    writer.hang = base;
    writer.word(Sep::SoftTight, close);
    writer.hang = hang;
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Times => "*",
        BinaryOp::Divided => "/",
        BinaryOp::Plus => "+",
        BinaryOp::Minus => "-",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::In => "in",
        BinaryOp::NotIn => "not in",
        BinaryOp::Contains => "contains",
        BinaryOp::Matches => "matches",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}
