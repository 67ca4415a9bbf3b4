//! What a condition that is true, or false, says about guests.

use super::path::{Path, Paths, Who};
use super::{Frame, Walk};
use crate::check::Value;
use crate::check::constants::constant;
use crate::check::program::{Builtin, Callee, Expr, Op, StepKind};

impl Walk<'_> {
    /// The ways on which a condition has this truth, with what that proves.
    pub(super) fn hold(&mut self, paths: &Paths, condition: &Expr, truth: bool, frame: &Frame) -> Paths {
        match condition {
            Expr::Not(inner) => self.hold(paths, inner, !truth, frame),
            Expr::Binary(op @ (Op::And | Op::Or), left, right) => {
                if truth == (*op == Op::And) {
                    let first = self.hold(paths, left, truth, frame);
                    self.hold(&first, right, truth, frame)
                } else {
                    let first = self.hold(paths, left, truth, frame);
                    let open = self.hold(paths, left, !truth, frame);
                    first.and(&self.hold(&open, right, truth, frame))
                }
            }
            Expr::Binary(Op::NotEqual, left, right) => {
                let equal = Expr::Binary(Op::Equal, left.clone(), right.clone());
                self.hold(paths, &equal, !truth, frame)
            }
            Expr::Binary(Op::Equal, left, right) => match (&**left, &**right) {
                (Expr::Probe(Callee::Builtin(Builtin::Power), args), word)
                | (word, Expr::Probe(Callee::Builtin(Builtin::Power), args)) => {
                    let is_off = match constant(word) {
                        Some(Value::Str(word)) => word == "stopped",
                        _ => return paths.clone(),
                    };
                    // Seen in any other state, it is not off.
                    match self.who(args.first(), frame) {
                        Some(who) if is_off != truth => paths.map(|path| path.change(&who, |known| known.off = None)),
                        _ => paths.clone(),
                    }
                }
                _ => self.decided(paths, condition, truth, frame),
            },
            Expr::Probe(callee, args) => self.probe(paths, callee, args, truth, frame),
            _ => self.decided(paths, condition, truth, frame),
        }
    }

    fn probe(&mut self, paths: &Paths, callee: &Callee, args: &[Expr], truth: bool, frame: &Frame) -> Paths {
        if let Callee::Proc(id) = callee {
            for (slot, arg) in args.iter().enumerate() {
                if self.acts_on(*id, slot) {
                    self.hold_new(paths, arg, frame);
                }
            }
            // A probe of one expression says what that says.
            let Some(proc) = self.checker.procs.get(id.0).and_then(Option::as_ref) else { return paths.clone() };
            let [only] = proc.body.as_slice() else { return paths.clone() };
            let StepKind::Return(Some(answer)) = &only.kind else { return paths.clone() };
            let inner = self.frame(*id, args, frame);
            return self.hold(paths, answer, truth, &inner);
        }
        let Some(who) = self.who(args.first(), frame) else { return paths.clone() };
        let change: fn(&Walk<'_>, &mut Path, &Who) = match (callee, truth) {
            (Callee::Builtin(Builtin::Ssh), true) => |walk, path, who| {
                path.change(who, |known| {
                    known.off = None;
                    known.boot = known.disrupted;
                    known.unproven = None;
                    walk.settle(known);
                });
            },
            (Callee::Driver(name), true) if name == "agent" => |walk, path, who| {
                path.change(who, |known| {
                    known.off = None;
                    known.agent = true;
                    // Its answer counts for a new system only.
                    known.unproven = None;
                    walk.settle(known);
                });
            },
            (Callee::Builtin(Builtin::Identity), true) => {
                |_, path, who| path.change(who, |known| known.identity = true)
            }
            (Callee::Builtin(Builtin::Locked), false) => |_, path, who| path.change(who, |known| known.unlocked = true),
            _ => return paths.clone(),
        };
        let walk = &*self;
        paths.map(|path| change(walk, path, &who))
    }

    /// A condition over values only: it is the same whenever it is asked, for values do not change.
    fn decided(&self, paths: &Paths, condition: &Expr, truth: bool, frame: &Frame) -> Paths {
        if let Some(Value::Bool(found)) = constant(condition) {
            return if found == truth { paths.clone() } else { Paths::default() };
        }
        if condition.asks() {
            return paths.clone();
        }
        let name = format!("{}: {condition:?}", frame.number);
        let mut held = Paths::default();
        for path in paths.iter().filter(|path| path.assumption(&name).is_none_or(|found| found == truth)) {
            let mut path = path.clone();
            path.assume(name.clone(), truth);
            held.push(path);
        }
        held
    }
}
