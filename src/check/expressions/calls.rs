//! Calls: probes and tasks by name, with their arguments.

use crate::check::body::Body;
use crate::check::constants::constant;
use crate::check::modules::Wanted;
use crate::check::needs::ObligationKind;
use crate::check::program::{Builtin, Callee, Expr};
use crate::check::{About, CallEdge, SecretSource, Type, Value, errors};
use crate::syntax::tree;
use crate::text::Span;

impl Body<'_, '_> {
    /// `f(…)`: a probe, or what the language itself gives.
    pub(super) fn call(&mut self, callee: &tree::Expr, args: &[tree::Arg], span: Span, want: &Type) -> (Expr, Type) {
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
            [one] => constant(&self.any(&one.value, &Type::Str).0),
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
            [one] => constant(&self.any(&one.value, &Type::Str).0),
            _ => None,
        };
        match name {
            Some(Value::Str(name)) => (Expr::Const(Value::Secret(Box::new(SecretSource::Env(name)))), Type::Secret),
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
    pub(in crate::check) fn callable(
        &mut self,
        path: &[&str],
        wanted: Wanted,
    ) -> Option<(Callee, Vec<tree::Param>, Type)> {
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
    pub(in crate::check) fn arguments(
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
