//! Expressions: names to values and probes, and the type of each.

mod calls;
mod members;
mod operators;
mod places;

use super::body::Body;
use super::constants::constant;
use super::needs::ObligationKind;
use super::program::{Expr, ProcKind};
use super::{About, Type, Value, errors};
use crate::diag::nearest;
use crate::syntax::tree;
use crate::text::Span;
use members::{FAILURE, OUTPUT, TEXT};
use operators::negated;
pub(super) use places::Place;

impl Body<'_, '_> {
    /// An expression that should be a `want`. The answer's type is what it is.
    pub(super) fn expr(&mut self, expr: &tree::Expr, want: &Type) -> (Expr, Type) {
        let (lowered, ty) = self.any(expr, want);
        if let (Type::Literals(words), Some(Value::Str(text))) = (want, constant(&lowered)) {
            if words.contains(&text) {
                return (lowered, Type::Literals(vec![text]));
            }
            self.report(errors::not_one_of(expr.span, &text, words));
            return (lowered, Type::Unknown);
        }
        if !ty.fits(want) {
            self.report(errors::mismatch(expr.span, &ty, want));
            return (lowered, Type::Unknown);
        }
        match (&ty, want) {
            (_, Type::Any | Type::Unknown) | (Type::Unknown, _) => (lowered, ty),
            (Type::Any, want) => match lowered {
                Expr::Variable(of, name, _) => {
                    self.variable_is(&of, &name, want, expr.span);
                    (Expr::Variable(of, name, want.clone()), want.clone())
                }
                other => (Expr::Convert(Box::new(other), want.clone()), want.clone()),
            },
            (Type::Json, want) if *want != Type::Json => (Expr::Convert(Box::new(lowered), want.clone()), want.clone()),
            _ => (lowered, ty),
        }
    }

    /// A condition.
    pub(super) fn condition(&mut self, expr: &tree::Expr) -> Expr {
        self.expr(expr, &Type::Bool).0
    }

    /// A text for people: a message, a subject, a row.
    pub(super) fn message(&mut self, expr: &tree::Expr, sink: &str) -> Expr {
        let (lowered, ty) = self.any(expr, &Type::Str);
        self.shown(expr.span, &ty, sink);
        lowered
    }

    /// Reports a value that has no text, or must not be seen.
    pub(super) fn shown(&mut self, span: Span, ty: &Type, sink: &str) {
        if ty.holds_secret() {
            self.report(errors::secret_exposed(span, sink));
        } else if *ty == Type::Output {
            self.report(errors::mismatch(span, ty, &Type::Str));
        } else if !ty.has_text() && !matches!(ty, Type::List(_)) {
            self.report(errors::no_value(span, &ty.to_string()));
        }
    }

    fn any(&mut self, expr: &tree::Expr, want: &Type) -> (Expr, Type) {
        use tree::ExprKind as E;
        match &expr.kind {
            E::Int(number) => (Expr::Const(Value::Int(*number)), Type::Int),
            E::Duration(ms) => (Expr::Const(Value::Duration(*ms)), Type::Duration),
            E::Size(bytes) => (Expr::Const(Value::Size(*bytes)), Type::Size),
            E::Percent(share) => (Expr::Const(Value::Percent(*share)), Type::Percent),
            E::Bool(yes) => (Expr::Const(Value::Bool(*yes)), Type::Bool),
            E::Raw { text, .. } => (Expr::Const(Value::Str(text.clone())), Type::Str),
            E::Str(parts) => self.string(parts, "a message"),
            E::List(items) => self.list(items, want),
            E::Value(name) => self.value(&name.text, name.span),
            E::Path(path) => self.path(path),
            E::Place(name) => self.bare(name, want),
            E::Member(of, member) => self.member(of, member, None, expr.span),
            E::Call(callee, args) => self.call(callee, args, expr.span, want),
            E::Index(of, index) => self.index(of, index, expr.span),
            E::Negate(inner) => {
                let (lowered, ty) = self.expr(inner, &Type::Int);
                match lowered {
                    Expr::Const(Value::Int(number)) => (Expr::Const(Value::Int(-number)), Type::Int),
                    other => (Expr::Negate(Box::new(other)), ty),
                }
            }
            E::Not(inner) => (negated(self.condition(inner)), Type::Bool),
            E::Binary(op, left, right) => self.binary(*op, left, right, expr.span),
            E::Parens(inner) => self.any(inner, want),
            E::Bad => (Expr::Const(Value::None), Type::Unknown),
        }
    }

    /// A string with its values.
    pub(super) fn string(&mut self, parts: &[tree::StrPart], sink: &str) -> (Expr, Type) {
        let mut lowered = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            match part {
                tree::StrPart::Text(text, _) => lowered.push(Expr::Const(Value::Str(text.clone()))),
                tree::StrPart::Value(path) => {
                    let (value, ty) = self.path(path);
                    let said = match parts.get(i + 1) {
                        Some(tree::StrPart::Text(text, span)) => self.braces(path, &ty, text, *span),
                        _ => false,
                    };
                    if !said {
                        self.shown(path.span, &ty, sink);
                    }
                    lowered.push(value);
                }
            }
        }
        match lowered.as_slice() {
            [] => (Expr::Const(Value::Str(String::new())), Type::Str),
            [Expr::Const(Value::Str(text))] => (Expr::Const(Value::Str(text.clone())), Type::Str),
            _ => (Expr::Text(lowered), Type::Str),
        }
    }

    /// Reports `$x.trim` and `$a-b`, where `.trim` or `-b` would complete a member or a place.
    ///
    /// Answers whether it did: what the value is then is not said again.
    pub(super) fn braces(&mut self, path: &tree::Path, ty: &Type, after: &str, span: Span) -> bool {
        let Some(name) = path.names.first().filter(|_| !path.braces) else { return false };
        if let Some(rest) = after.strip_prefix('.') {
            let member: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let members: &[&str] = match ty {
                Type::Output => &OUTPUT,
                Type::Str | Type::Json => &TEXT,
                Type::Failure => &FAILURE,
                _ => &[],
            };
            let of_host = matches!(ty, Type::Host | Type::Guest) && self.checker.is_variable(&member);
            if members.contains(&member.as_str()) || of_host {
                let end = span.start + 1 + member.len() as u32;
                let whole = Span::new(path.span.start, end);
                self.report(errors::braces_needed(whole, &name.text, &format!(".{member}"), "a member of the value?"));
                return true;
            }
        } else if after.starts_with('-') {
            let rest: String =
                after.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
            let place = format!("{}{rest}", name.text);
            if rest.len() > 1 && self.checker.inventory.hosts.contains_key(&place) {
                let whole = Span::new(path.span.start, span.start + rest.len() as u32);
                self.report(errors::braces_needed(whole, &name.text, &rest, "there is a host of this name"));
                return true;
            }
        }
        false
    }

    fn list(&mut self, items: &[tree::Expr], want: &Type) -> (Expr, Type) {
        let wanted_item = if let Type::List(of) = want { (**of).clone() } else { Type::Any };
        let mut lowered = Vec::new();
        let mut item_type = Type::Any;
        for item in items {
            let (value, ty) = self.expr(item, if wanted_item == Type::Any { &item_type } else { &wanted_item });
            if item_type == Type::Any && ty != Type::Unknown {
                item_type = ty;
            }
            lowered.push(value);
        }
        if wanted_item != Type::Any && item_type == Type::Any {
            item_type = wanted_item;
        }
        (Expr::List(lowered), Type::List(Box::new(item_type)))
    }

    /// `$name`: a local, else a variable of the subject.
    pub(super) fn value(&mut self, name: &str, span: Span) -> (Expr, Type) {
        if let Some(local) = self.local(name) {
            return match (&local.ty, &local.constant) {
                (Type::Host | Type::Guest, _) => {
                    (Expr::Convert(Box::new(Expr::Slot(local.slot)), Type::Str), Type::Str)
                }
                (ty, _) => (Expr::Slot(local.slot), ty.clone()),
            };
        }
        if matches!(name, "guest" | "hypervisor" | "controller")
            && let Some(Place::Host(host, _, _)) = self.place_named(name)
        {
            if name == "hypervisor" {
                self.oblige(ObligationKind::HasHypervisor, About::Subject, span);
            }
            return (Expr::Convert(Box::new(host), Type::Str), Type::Str);
        }
        if !self.checker.is_variable(name) && !self.needs.contains_key(name) {
            let mut known = self.local_names();
            known.extend(self.checker.known_variables.iter().cloned());
            known.extend(self.checker.drivers.values().map(|driver| driver.identity.clone()));
            let subject = self.subject().map(|subject| (subject, About::Subject));
            return self.unknown_value(subject, name, span, &known);
        }
        let Some(subject) = self.subject() else {
            self.report(errors::value_without_subject(span, name));
            return (Expr::Const(Value::None), Type::Unknown);
        };
        self.variable(subject, About::Subject, name, span)
    }

    fn variable(&mut self, of: Expr, about: About, name: &str, span: Span) -> (Expr, Type) {
        let is_identity = self.checker.drivers.values().any(|driver| driver.identity == name);
        let declared = self.needs.get(name).cloned();
        let ty = match declared {
            Some(ty) => ty,
            None if self.checker.secret_variables.contains(name) => Type::Secret,
            None if is_identity && name == "vmid" => Type::VmId,
            None => Type::Any,
        };
        let optional = self.defaults.contains_key(name);
        let kind = ObligationKind::Variable { name: name.to_string(), ty: ty.clone(), optional };
        self.oblige(kind, about, span);
        (Expr::Variable(Box::new(of), name.to_string(), ty.clone()), ty)
    }

    /// A variable is used where a type is asked for.
    fn variable_is(&mut self, of: &Expr, name: &str, ty: &Type, span: Span) {
        let about = match of {
            Expr::Const(Value::Host(host)) => About::Hosts(vec![host.clone()]),
            Expr::Slot(_) if Some(of) == self.subject().as_ref() => About::Subject,
            Expr::Hypervisor(_) => About::Hypervisor,
            _ => About::Unknown,
        };
        let optional = self.defaults.contains_key(name);
        self.oblige(ObligationKind::Variable { name: name.to_string(), ty: ty.clone(), optional }, about, span);
    }

    /// `${a.b.c}` or `$a`.
    pub(super) fn path(&mut self, path: &tree::Path) -> (Expr, Type) {
        let Some((first, members)) = path.names.split_first() else {
            return (Expr::Const(Value::None), Type::Unknown);
        };
        if members.is_empty() {
            if path.braces
                && self.local(&first.text).is_none()
                && !self.checker.is_variable(&first.text)
                && let Some(Place::Host(host, _, _)) = self.place_named(&first.text)
            {
                return (Expr::Convert(Box::new(host), Type::Str), Type::Str);
            }
            return self.value(&first.text, first.span);
        }
        let is_host = self.local(&first.text).is_none_or(|local| matches!(local.ty, Type::Host | Type::Guest));
        let (mut expr, mut ty) = match self.place_named(&first.text) {
            Some(Place::Host(host, about, _)) if is_host => {
                let Some(member) = members.first() else { return (host, Type::Host) };
                let (expr, ty) = self.host_member(host, about, member);
                return self.members(expr, ty, &members[1..]);
            }
            _ => self.value(&first.text, first.span),
        };
        (expr, ty) = self.members(expr, ty, members);
        (expr, ty)
    }

    fn members(&mut self, mut expr: Expr, mut ty: Type, members: &[tree::Name]) -> (Expr, Type) {
        for member in members {
            (expr, ty) = self.member_of(expr, ty, member, Vec::new());
        }
        (expr, ty)
    }

    fn host_member(&mut self, host: Expr, about: About, member: &tree::Name) -> (Expr, Type) {
        if member.text == "name" && !self.checker.known_variables.contains("name") {
            return (Expr::Convert(Box::new(host), Type::Str), Type::Str);
        }
        if !self.checker.is_variable(&member.text) {
            let known: Vec<String> = self.checker.known_variables.iter().cloned().collect();
            return self.unknown_value(Some((host, about)), &member.text, member.span, &known);
        }
        self.variable(host, about, &member.text, member.span)
    }

    /// A name that nothing bears. It may be a variable that stands in an encrypted file; then it is for each host to
    /// say so, where the code is about a host at all. A name that is close to a known one is rather a slip.
    fn unknown_value(&mut self, of: Option<(Expr, About)>, name: &str, span: Span, known: &[String]) -> (Expr, Type) {
        let near = nearest(name, known.iter().map(String::as_str));
        if let (None, Some((host, about))) = (near, of)
            && about != About::Unknown
            && self.checker.inventory.hosts.values().any(|host| !host.locked.is_empty())
        {
            let kind = ObligationKind::Variable { name: name.to_string(), ty: Type::Unknown, optional: false };
            self.oblige(kind, about, span);
            return (Expr::Variable(Box::new(host), name.to_string(), Type::Unknown), Type::Unknown);
        }
        self.report(errors::unknown_value(span, name, known.iter().map(String::as_str)));
        (Expr::Const(Value::None), Type::Unknown)
    }

    pub(super) fn is_probe(&self) -> bool {
        self.kind == ProcKind::Probe
    }
}
