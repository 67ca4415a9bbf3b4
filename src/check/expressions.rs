//! Expressions: names to values and probes, and the type of each.

use super::body::Body;
use super::modules::Wanted;
use super::needs::ObligationKind;
use super::program::{Builtin, Callee, Expr, Op, ProcKind};
use super::{About, CallEdge, SecretSource, Type, Value, errors};
use crate::diag::nearest;
use crate::syntax::tree;
use crate::text::Span;

/// Members of what a command gave.
const OUTPUT: [&str; 17] = [
    "stdout", "stderr", "code", "took", "lines", "line", "last", "trim", "words", "int", "size", "duration", "json",
    "contains", "matches", "split", "length",
];
const TEXT: [&str; 13] =
    ["trim", "lines", "line", "last", "words", "int", "size", "duration", "json", "split", "lower", "upper", "length"];
const FAILURE: [&str; 5] = ["kind", "message", "step", "code", "host"];

/// What a bare name or an expression means where a place may stand.
pub(super) enum Place {
    /// A host.
    Host(Expr, About, String),
    /// A group with its members.
    Group(Vec<String>, String),
}

impl Body<'_, '_> {
    /// An expression that should be a `want`. The answer's type is what it is.
    pub(super) fn expr(&mut self, expr: &tree::Expr, want: &Type) -> (Expr, Type) {
        let (lowered, ty) = self.any(expr, want);
        if !ty.fits(want) {
            self.report(errors::mismatch(expr.span, &ty, want));
            return (lowered, Type::Unknown);
        }
        if let (Type::Literals(words), Some(Value::Str(text))) = (want, super::constants::constant(&lowered))
            && !words.contains(&text)
        {
            self.report(errors::not_one_of(expr.span, &text, words));
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

    /// A bare name where a value or a place may stand.
    fn bare(&mut self, name: &tree::Name, want: &Type) -> (Expr, Type) {
        let is_value = self.local(&name.text).is_some_and(|local| !matches!(local.ty, Type::Host | Type::Guest));
        if is_value {
            let ty = self.local(&name.text).map_or(Type::Unknown, |local| local.ty.clone());
            self.report(if matches!(want, Type::Host | Type::Guest) {
                errors::host_that_is_a_value(name.span, &name.text, &ty)
            } else {
                errors::value_as_place(name.span, &name.text)
            });
            return (Expr::Const(Value::None), Type::Unknown);
        }
        match self.place_named(&name.text) {
            Some(Place::Host(host, _, _)) => match want {
                Type::Host | Type::Guest | Type::Any => {
                    if name.text == "hypervisor" {
                        self.oblige(ObligationKind::HasHypervisor, About::Subject, name.span);
                    }
                    (host, Type::Host)
                }
                _ => {
                    self.report(errors::place_as_text(name.span, &name.text));
                    (Expr::Const(Value::None), Type::Unknown)
                }
            },
            Some(Place::Group(members, _)) => match want {
                Type::List(_) | Type::Any => {
                    let hosts = members.into_iter().map(Value::Host).collect();
                    (Expr::Const(Value::List(hosts)), Type::List(Box::new(Type::Host)))
                }
                _ => {
                    self.report(errors::group_as_value(name.span, &name.text));
                    (Expr::Const(Value::None), Type::Unknown)
                }
            },
            None if name.text == "hypervisor" => {
                self.report(errors::no_hypervisor_here(name.span));
                (Expr::Const(Value::None), Type::Unknown)
            }
            None => {
                if matches!(want, Type::Host | Type::Guest | Type::List(_)) {
                    self.unknown_host(name);
                } else if self.checker.is_variable(&name.text) {
                    self.report(errors::value_as_place(name.span, &name.text));
                } else {
                    self.unknown_host(name);
                }
                (Expr::Const(Value::None), Type::Unknown)
            }
        }
    }

    pub(super) fn unknown_host(&mut self, name: &tree::Name) {
        let mut known: Vec<String> = vec!["hypervisor".to_string(), "controller".to_string()];
        known.extend(self.local_names());
        known.extend(self.checker.inventory.hosts.keys().cloned());
        known.extend(self.checker.inventory.groups.keys().cloned());
        self.report(errors::unknown_host(name.span, &name.text, known.iter().map(String::as_str)));
    }

    /// A host or a group by its bare name. Local names win.
    pub(super) fn place_named(&mut self, name: &str) -> Option<Place> {
        if let Some(local) = self.local(name) {
            return matches!(local.ty, Type::Host | Type::Guest)
                .then(|| Place::Host(Expr::Slot(local.slot), local.about.clone(), name.to_string()));
        }
        match name {
            "hypervisor" => {
                let subject = self.subject()?;
                Some(Place::Host(Expr::Hypervisor(Box::new(subject)), About::Hypervisor, name.to_string()))
            }
            "controller" => Some(Place::Host(Expr::Controller, About::Unknown, name.to_string())),
            _ if self.checker.inventory.hosts.contains_key(name) => {
                let host = Value::Host(name.to_string());
                Some(Place::Host(Expr::Const(host), About::Hosts(vec![name.to_string()]), name.to_string()))
            }
            _ => {
                let group = self.checker.inventory.groups.get(name)?;
                Some(Place::Group(group.members.clone(), name.to_string()))
            }
        }
    }

    /// An expression where one host is wanted: who acts, or whom a probe is about.
    pub(super) fn host(&mut self, expr: &tree::Expr) -> Option<(Expr, About, String)> {
        match &expr.kind {
            tree::ExprKind::Place(name) => match self.place_named(&name.text) {
                Some(Place::Host(host, about, text)) => {
                    if name.text == "hypervisor" {
                        self.oblige(ObligationKind::HasHypervisor, About::Subject, name.span);
                    }
                    Some((host, about, text))
                }
                Some(Place::Group(_, text)) => {
                    self.report(errors::group_as_place(name.span, &text));
                    None
                }
                None if self.local(&name.text).is_some() => {
                    let ty = self.local(&name.text).map_or(Type::Unknown, |local| local.ty.clone());
                    self.report(errors::host_that_is_a_value(name.span, &name.text, &ty));
                    None
                }
                None if name.text == "hypervisor" => {
                    self.report(errors::no_hypervisor_here(name.span));
                    None
                }
                None => {
                    self.unknown_host(name);
                    None
                }
            },
            tree::ExprKind::Call(callee, args) => {
                let named = matches!(&callee.kind, tree::ExprKind::Place(name) if name.text == "host");
                let literal = match args.as_slice() {
                    [one] => super::constants::constant(&self.any(&one.value, &Type::Str).0),
                    _ => None,
                };
                match (named, literal) {
                    (true, Some(Value::Str(name))) => {
                        if self.checker.inventory.hosts.contains_key(&name) {
                            return Some((
                                Expr::Const(Value::Host(name.clone())),
                                About::Hosts(vec![name.clone()]),
                                name,
                            ));
                        }
                        self.unknown_host(&tree::Name { text: name, span: expr.span });
                        None
                    }
                    _ => {
                        self.report(errors::no_value(expr.span, "a place is a name, or `host(\"…\")`: this"));
                        None
                    }
                }
            }
            tree::ExprKind::Parens(inner) => self.host(inner),
            tree::ExprKind::Bad => None,
            _ => {
                let (_, ty) = self.any(expr, &Type::Host);
                if ty != Type::Unknown {
                    self.report(errors::mismatch(expr.span, &ty, &Type::Host));
                }
                None
            }
        }
    }

    fn member(
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

    fn regex(&mut self, pattern: &str, span: Span) {
        if let Err(why) = regex::Regex::new(pattern) {
            let why = why.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            self.report(errors::bad_regex(span, &why));
        }
    }

    fn member_of(&mut self, of: Expr, ty: Type, member: &tree::Name, args: Vec<Expr>) -> (Expr, Type) {
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

    fn index(&mut self, of: &tree::Expr, index: &tree::Expr, span: Span) -> (Expr, Type) {
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

    fn binary(&mut self, op: tree::BinaryOp, left: &tree::Expr, right: &tree::Expr, span: Span) -> (Expr, Type) {
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
                if let Some(Value::Str(pattern)) = super::constants::constant(&pattern) {
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
                        if let Some(Value::Str(text)) = super::constants::constant(&second)
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

    /// `f(…)`: a probe, or what the language itself gives.
    fn call(&mut self, callee: &tree::Expr, args: &[tree::Arg], span: Span, want: &Type) -> (Expr, Type) {
        let path: Vec<&tree::Name> = match &callee.kind {
            tree::ExprKind::Place(name) => vec![name],
            tree::ExprKind::Member(of, member) => match &of.kind {
                tree::ExprKind::Place(module) if self.place_named(&module.text).is_none() => vec![module, member],
                _ => return self.member(of, member, Some(args), span),
            },
            tree::ExprKind::Bad => return (Expr::Const(Value::None), Type::Unknown),
            _ => {
                self.report(errors::no_value(callee.span, "this is no probe, and"));
                return (Expr::Const(Value::None), Type::Unknown);
            }
        };
        if let [name] = path.as_slice() {
            match name.text.as_str() {
                "env" => return self.secret_env(args, span),
                "host" => {
                    let whole =
                        tree::Expr { kind: tree::ExprKind::Call(Box::new(callee.clone()), args.to_vec()), span };
                    return match self.host(&whole) {
                        Some((host, _, _)) => (host, Type::Host),
                        None => (Expr::Const(Value::None), Type::Unknown),
                    };
                }
                "group" => return self.group(args, span, want),
                _ => {}
            }
        }
        self.probe(&path, args, span)
    }

    fn group(&mut self, args: &[tree::Arg], span: Span, _want: &Type) -> (Expr, Type) {
        let name = match args {
            [one] => super::constants::constant(&self.any(&one.value, &Type::Str).0),
            _ => None,
        };
        match name {
            Some(Value::Str(name)) => match self.checker.inventory.groups.get(&name) {
                Some(group) => {
                    let hosts = group.members.iter().cloned().map(Value::Host).collect();
                    (Expr::Const(Value::List(hosts)), Type::List(Box::new(Type::Host)))
                }
                None => {
                    self.unknown_host(&tree::Name { text: name, span });
                    (Expr::Const(Value::None), Type::Unknown)
                }
            },
            _ => {
                self.report(errors::needs_constant(span, "the name of a group"));
                (Expr::Const(Value::None), Type::Unknown)
            }
        }
    }

    fn secret_env(&mut self, args: &[tree::Arg], span: Span) -> (Expr, Type) {
        let name = match args {
            [one] => super::constants::constant(&self.any(&one.value, &Type::Str).0),
            _ => None,
        };
        match name {
            Some(Value::Str(name)) => (Expr::Const(Value::Secret(SecretSource::Env(name))), Type::Secret),
            _ => {
                self.report(errors::needs_constant(span, "the name of an environment variable"));
                (Expr::Const(Value::None), Type::Unknown)
            }
        }
    }

    fn probe(&mut self, path: &[&tree::Name], args: &[tree::Arg], span: Span) -> (Expr, Type) {
        let words: Vec<&str> = path.iter().map(|name| name.text.as_str()).collect();
        let name_span =
            path.first().map_or(span, |first| first.span.to(path.last().map_or(first.span, |last| last.span)));
        let Some((callee, params, result)) = self.callable(&words, Wanted::Probe) else {
            if self.checker.is_missing(self.module, &words) {
                return (Expr::Const(Value::None), Type::Unknown);
            }
            let is_task = self.callable(&words, Wanted::Task).is_some();
            let known = self.checker.candidates(self.module, &words, Wanted::Probe);
            self.report(errors::unknown_probe(name_span, &words.join("."), known.iter().map(String::as_str), is_task));
            return (Expr::Const(Value::None), Type::Unknown);
        };
        let (args, about) = self.arguments(&words.join("."), &params, args, span);
        if let Callee::Builtin(Builtin::Power | Builtin::Identity | Builtin::Locked) | Callee::Driver(_) = callee {
            self.oblige(ObligationKind::Guest, about.clone(), span);
        }
        if callee == Callee::Builtin(Builtin::Ssh) {
            self.oblige(ObligationKind::Reached { user: None }, about.clone(), span);
        }
        self.calls(CallEdge { callee: callee.clone(), about, span });
        (Expr::Probe(callee, args), result)
    }

    /// A task or probe by name: what to call, its parameters and its answer.
    pub(super) fn callable(&mut self, path: &[&str], wanted: Wanted) -> Option<(Callee, Vec<tree::Param>, Type)> {
        if let Some(decl) = self.checker.find(self.module, path, wanted) {
            let tree = self.checker.modules.get(decl.module).tree.clone();
            return match decl.item_of(&tree)? {
                tree::Item::Task(task) => {
                    Some((Callee::Proc(self.checker.proc_of(decl)), task.params.clone(), Type::Unknown))
                }
                tree::Item::Probe(probe) => {
                    let result = self.ty(&probe.result);
                    let callee = match &probe.body {
                        Some(_) => Callee::Proc(self.checker.proc_of(decl)),
                        None => Callee::Builtin(builtin(&probe.name.text)?),
                    };
                    Some((callee, probe.params.clone(), result))
                }
                _ => None,
            };
        }
        let [name] = path else { return None };
        let id = self.checker.drivers.values().find_map(|driver| driver.procs.get(*name).copied())?;
        let decl = self.checker.decls[id.0];
        let tree = self.checker.modules.get(decl.module).tree.clone();
        match (decl.item_of(&tree)?, wanted) {
            (tree::Item::Task(task), Wanted::Task) => {
                Some((Callee::Driver(name.to_string()), task.params.clone(), Type::Unknown))
            }
            (tree::Item::Probe(probe), Wanted::Probe) => {
                let result = self.ty(&probe.result);
                Some((Callee::Driver(name.to_string()), probe.params.clone(), result))
            }
            _ => None,
        }
    }

    /// Arguments in the order of the parameters, and which hosts the first can be.
    pub(super) fn arguments(
        &mut self,
        name: &str,
        params: &[tree::Param],
        args: &[tree::Arg],
        span: Span,
    ) -> (Vec<Expr>, About) {
        let mut given: Vec<Option<Expr>> = vec![None; params.len()];
        let mut about = About::Unknown;
        let mut named = false;
        // What seems to be missing may be what could not be placed.
        let mut misplaced = false;
        for (i, arg) in args.iter().enumerate() {
            let at = match &arg.name {
                Some(written) => {
                    named = true;
                    match params.iter().position(|param| param.name.text == written.text) {
                        Some(at) => at,
                        None => {
                            let known = params.iter().map(|param| param.name.text.as_str());
                            self.report(errors::unknown_argument(written.span, &written.text, name, known));
                            misplaced = true;
                            continue;
                        }
                    }
                }
                None if named => {
                    self.report(errors::positional_after_named(arg.value.span));
                    misplaced = true;
                    continue;
                }
                None if i < params.len() => i,
                None => {
                    self.report(errors::too_many_arguments(arg.value.span, name, params.len()));
                    continue;
                }
            };
            if given[at].is_some() {
                self.report(errors::argument_twice(arg.value.span, &params[at].name.text));
                continue;
            }
            let ty = self.ty(&params[at].ty);
            given[at] = Some(if matches!(ty, Type::Host | Type::Guest) {
                match self.host(&arg.value) {
                    Some((host, of, _)) => {
                        if at == 0 {
                            about = of.clone();
                        }
                        if ty == Type::Guest {
                            self.oblige(ObligationKind::Guest, of, arg.value.span);
                        }
                        host
                    }
                    None => Expr::Const(Value::None),
                }
            } else {
                self.expr(&arg.value, &ty).0
            });
        }
        let mut lowered = Vec::new();
        for (param, value) in params.iter().zip(given) {
            lowered.push(match (value, &param.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let ty = self.ty(&param.ty);
                    self.expr(default, &ty).0
                }
                (None, None) => {
                    if !misplaced {
                        self.report(errors::missing_parameter(span, &param.name.text, name));
                    }
                    Expr::Const(Value::None)
                }
            });
        }
        (lowered, about)
    }

    pub(super) fn is_probe(&self) -> bool {
        self.kind == ProcKind::Probe
    }
}

/// `not ssh(guest)` is a question of its own: it is true as well once a new boot is proven.
fn negated(condition: Expr) -> Expr {
    match condition {
        Expr::Probe(Callee::Builtin(Builtin::Ssh), args) => Expr::Probe(Callee::Builtin(Builtin::NotSsh), args),
        other => Expr::Not(Box::new(other)),
    }
}

fn builtin(name: &str) -> Option<Builtin> {
    Some(match name {
        "ssh" => Builtin::Ssh,
        "port" => Builtin::Port,
        "http" => Builtin::Http,
        "power" => Builtin::Power,
        "identity" => Builtin::Identity,
        "locked" => Builtin::Locked,
        _ => return None,
    })
}
