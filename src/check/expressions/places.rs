//! Places: bare names, and who is meant by an expression where one host is wanted.

use crate::check::body::Body;
use crate::check::constants::constant;
use crate::check::needs::ObligationKind;
use crate::check::program::Expr;
use crate::check::{About, Type, Value, errors};
use crate::syntax::tree;

/// What a bare name or an expression means where a place may stand.
pub(in crate::check) enum Place {
    /// A host.
    Host(Expr, About, String),
    /// A group with its members.
    Group(Vec<String>, String),
}

impl Body<'_, '_> {
    /// A bare name where a value or a place may stand.
    pub(super) fn bare(&mut self, name: &tree::Name, want: &Type) -> (Expr, Type) {
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
                Type::Host | Type::Guest | Type::Any | Type::Unknown => {
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

    pub(in crate::check) fn unknown_host(&mut self, name: &tree::Name) {
        let mut known: Vec<String> = vec!["hypervisor".to_string(), "controller".to_string()];
        known.extend(self.local_names());
        known.extend(self.checker.inventory.hosts.keys().cloned());
        known.extend(self.checker.inventory.groups.keys().cloned());
        self.report(errors::unknown_host(name.span, &name.text, known.iter().map(String::as_str)));
    }

    /// A host or a group by its bare name. Local names win.
    pub(in crate::check) fn place_named(&mut self, name: &str) -> Option<Place> {
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
    pub(in crate::check) fn host(&mut self, expr: &tree::Expr) -> Option<(Expr, About, String)> {
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
                    [one] => constant(&self.any(&one.value, &Type::Str).0),
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
}
