//! Members, methods and items of a value.

use super::Place;
use crate::check::body::Body;
use crate::check::program::Expr;
use crate::check::{Type, Value, errors};
use crate::syntax::tree;
use crate::text::Span;

/// Members of what a command gave.
pub(super) const OUTPUT: [&str; 17] = [
    "stdout", "stderr", "code", "took", "lines", "line", "last", "trim", "words", "int", "size", "duration", "json",
    "contains", "matches", "split", "length",
];
pub(super) const TEXT: [&str; 13] =
    ["trim", "lines", "line", "last", "words", "int", "size", "duration", "json", "split", "lower", "upper", "length"];
pub(super) const FAILURE: [&str; 5] = ["kind", "message", "step", "code", "host"];

impl Body<'_, '_> {
    pub(super) fn member(
        &mut self,
        of: &tree::Expr,
        member: &tree::Name,
        args: Option<&[tree::Arg]>,
        _span: Span,
    ) -> (Expr, Type) {
        let args = args.unwrap_or_default();
        let mut lowered = Vec::new();
        for arg in args {
            let want = match member.text.as_str() {
                "line" => Type::Int,
                _ => Type::Str,
            };
            lowered.push(self.expr(&arg.value, &want).0);
        }
        if let tree::ExprKind::Place(name) = &of.kind
            && let Some(Place::Host(host, about, _)) = self.place_named(&name.text)
        {
            return self.host_member(host, about, member);
        }
        let (expr, ty) = self.any(of, &Type::Any);
        if member.text == "matches"
            && let Some(Expr::Const(Value::Str(pattern))) = lowered.first()
        {
            self.regex(pattern, member.span);
        }
        self.member_of(expr, ty, member, lowered)
    }

    pub(super) fn member_of(&mut self, of: Expr, ty: Type, member: &tree::Name, args: Vec<Expr>) -> (Expr, Type) {
        let list_of_text = || Type::List(Box::new(Type::Str));
        let known: &[&str] = match &ty {
            Type::Output => &OUTPUT,
            Type::Str | Type::Literals(_) => &TEXT,
            Type::Failure => &FAILURE,
            Type::List(_) => &["length"],
            Type::Any | Type::Json => {
                let result = match member.text.as_str() {
                    "length" => Type::Int,
                    _ => Type::Json,
                };
                return (Expr::Member(Box::new(of), member.text.clone(), args), result);
            }
            Type::Unknown => return (of, Type::Unknown),
            _ => &[],
        };
        if !known.contains(&member.text.as_str())
            && !matches!(
                (&ty, member.text.as_str()),
                (Type::Str, "contains" | "matches") | (Type::Output, "lower" | "upper")
            )
        {
            self.report(errors::unknown_member(member.span, &member.text, &ty, known.iter().copied()));
            return (Expr::Const(Value::None), Type::Unknown);
        }
        let result = match (&ty, member.text.as_str()) {
            (Type::Failure, "code") => Type::Int,
            (Type::Failure, "kind") => {
                Type::Literals(["failed", "timeout", "unreachable"].map(str::to_string).to_vec())
            }
            (_, "code" | "int" | "length") => Type::Int,
            (_, "took" | "duration") => Type::Duration,
            (_, "size") => Type::Size,
            (_, "json") => Type::Json,
            (_, "lines" | "words" | "split") => list_of_text(),
            (_, "contains" | "matches") => Type::Bool,
            _ => Type::Str,
        };
        (Expr::Member(Box::new(of), member.text.clone(), args), result)
    }

    pub(super) fn index(&mut self, of: &tree::Expr, index: &tree::Expr, span: Span) -> (Expr, Type) {
        let (list, ty) = self.any(of, &Type::Any);
        let (item, index_type) = self.any(index, &Type::Any);
        let result = match &ty {
            Type::List(of) => {
                if !index_type.fits(&Type::Int) {
                    self.report(errors::mismatch(index.span, &index_type, &Type::Int));
                }
                (**of).clone()
            }
            Type::Json | Type::Any => Type::Json,
            Type::Unknown => Type::Unknown,
            other => {
                self.report(errors::no_operator(span, "[…]", other, &index_type));
                Type::Unknown
            }
        };
        (Expr::Index(Box::new(list), Box::new(item)), result)
    }

    pub(super) fn regex(&mut self, pattern: &str, span: Span) {
        // Those of the standard library are tested, and to compile one takes as much as to check a dozen lines, and more memory.
        let is_std = self.checker.modules.get(self.module).is_std;
        if !is_std && let Err(why) = regex::Regex::new(pattern) {
            let why = why.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            self.report(errors::bad_regex(span, &why));
        }
    }
}
