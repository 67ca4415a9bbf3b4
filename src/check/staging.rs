//! The statements of tests: how the lab is, what goes wrong there, and what is expected of a run.

use super::body::Body;
use super::program::{Expr, Op, Stage, StageKind, StepKind};
use super::{Type, Value, errors};
use crate::diag::nearest;
use crate::syntax::tree::{self, Expect, ExprKind, FaultAt, StmtKind, Times, WordPartKind};

/// The name of the machine that runs the plan.
const CONTROLLER: &str = "controller";

/// What `fault` knows.
pub(super) const FAULTS: [&str; 13] = [
    "fails",
    "unreachable",
    "lost before",
    "lost after",
    "hangs",
    "power lost",
    "freezes",
    "agent dies",
    "stays down",
    "switched off",
    "killed",
    "killed for 2h",
    "paused for 2h",
];

/// What `given` says of a machine; docs/lab.md has the same with `-` for `_`.
const SETTINGS: [(&str, Takes); 30] = [
    ("agent", Takes::Word(&["well", "dead", "stopped", "absent", "unconfigured", "refuses", "hangs"])),
    ("boot_takes", Takes::A(Type::Duration)),
    ("boots", Takes::A(Type::Bool)),
    ("closed_ports", Takes::Many(Type::Int)),
    ("disabled_services", Takes::Many(Type::Str)),
    ("failed_services", Takes::Many(Type::Str)),
    ("free", Takes::A(Type::Size)),
    ("frozen", Takes::A(Type::Bool)),
    ("ha", Takes::A(Type::Str)),
    ("lock", Takes::A(Type::Str)),
    ("locked_for", Takes::A(Type::Duration)),
    ("name", Takes::A(Type::Str)),
    ("new_kernel", Takes::A(Type::Str)),
    ("obeys", Takes::A(Type::Bool)),
    ("packages_held_for", Takes::A(Type::Duration)),
    ("pools_healthy", Takes::A(Type::Bool)),
    ("power", Takes::Word(&["on", "off", "paused"])),
    ("quorum", Takes::A(Type::Bool)),
    ("release", Takes::A(Type::Int)),
    ("restart_wanted", Takes::A(Type::Bool)),
    ("running_services", Takes::Many(Type::Str)),
    ("shutdown_takes", Takes::A(Type::Duration)),
    ("ssh", Takes::A(Type::Bool)),
    ("start_fails", Takes::A(Type::Str)),
    ("starts_again", Takes::A(Type::Bool)),
    ("starts_with_host", Takes::A(Type::Bool)),
    ("stopped_services", Takes::Many(Type::Str)),
    ("tasks", Takes::A(Type::Int)),
    ("template", Takes::A(Type::Bool)),
    ("upgrades", Takes::A(Type::Int)),
];

/// What a setting is.
enum Takes {
    A(Type),
    Many(Type),
    Word(&'static [&'static str]),
}

impl Takes {
    fn ty(&self) -> Type {
        match self {
            Takes::A(ty) => ty.clone(),
            Takes::Many(ty) => Type::List(Box::new(ty.clone())),
            Takes::Word(words) => Type::Literals(words.iter().map(ToString::to_string).collect()),
        }
    }
}

impl Body<'_, '_> {
    /// Reports what a test does not hold; whether it may stand there.
    pub(super) fn belongs_in_test(&mut self, statement: &tree::Stmt) -> bool {
        let what = match &statement.kind {
            StmtKind::On(_) | StmtKind::OnBlock(_) | StmtKind::Let(_, tree::LetValue::On(_)) => "a command",
            StmtKind::Require(_) => "`require`",
            StmtKind::Call(_) => "a task",
            StmtKind::Retry(..) => "`retry`",
            StmtKind::Try(_) => "`try`",
            StmtKind::Fail(_) => "`fail`",
            StmtKind::Skip(_) => "`skip`",
            StmtKind::Warn(_) => "`warn`",
            StmtKind::Record(..) => "`record`",
            StmtKind::Notify(_) => "`notify`",
            StmtKind::Confirm(_) => "`confirm`",
            StmtKind::Return(_) => "`return`",
            StmtKind::KeepOff => "`keep off`",
            _ => return true,
        };
        self.report(errors::test_statement(statement.span, what));
        false
    }

    pub(super) fn given(&mut self, given: &tree::Given) -> StepKind {
        let hosts = self.staged_targets(&given.targets);
        let mut values = Vec::new();
        if let Some(after) = &given.after {
            values.push(("after".to_string(), self.expr(after, &Type::Duration).0));
        }
        for (name, value) in &given.fields {
            let Some((_, takes)) = SETTINGS.iter().find(|(known, _)| *known == name.text) else {
                self.report(errors::unknown_setting(name, SETTINGS.iter().map(|(known, _)| *known)));
                continue;
            };
            values.push((name.text.clone(), self.expr(value, &takes.ty()).0));
        }
        stage(StageKind::Given, hosts, Vec::new(), values)
    }

    pub(super) fn answer(&mut self, answer: &tree::Answer) -> StepKind {
        let mut values: Vec<(String, Expr)> = Vec::new();
        for (name, value) in &answer.options {
            let ty = match name.text.as_str() {
                "stdout" | "stderr" => Type::Str,
                "takes" => Type::Duration,
                _ => Type::Int,
            };
            if values.iter().any(|(known, _)| *known == name.text) {
                self.report(errors::argument_twice(name.span, &name.text));
            }
            values.push((name.text.clone(), self.expr(value, &ty).0));
        }
        let command = self.ran(&answer.ran);
        stage(StageKind::Answer, Vec::new(), vec![command], values)
    }

    pub(super) fn fault(&mut self, fault: &tree::Fault) -> StepKind {
        if !FAULTS.contains(&fault.what.text.as_str()) {
            self.report(errors::unknown_fault(&fault.what, nearest(&fault.what.text, FAULTS), &FAULTS));
        }
        let nth = fault.nth.as_ref().map_or(Some(1), |nth| self.times(nth));
        let mut values = vec![("what".to_string(), Expr::Const(Value::Str(fault.what.text.clone())))];
        values.push(("nth".to_string(), Expr::Const(Value::Int(nth.unwrap_or(1) as i64))));
        let (hosts, commands) = match &fault.at {
            FaultAt::Command(ran) => (Vec::new(), vec![self.ran(ran)]),
            FaultAt::Connection(targets) => {
                if fault.what.text != "unreachable" {
                    self.report(errors::fault_of_connection(&fault.what));
                }
                (self.checker.targets(targets), Vec::new())
            }
        };
        stage(StageKind::Fault, hosts, commands, values)
    }

    pub(super) fn expect(&mut self, expect: &Expect) -> Option<StepKind> {
        let kind = match expect {
            Expect::Ended { targets, ending, reason } => {
                let hosts = targets.as_ref().map(|targets| self.checker.targets(targets)).unwrap_or_default();
                let reason = reason.as_ref().map(|reason| self.expr(reason, &Type::Str).0);
                let ending = ending.text.split_whitespace().collect::<Vec<_>>().join(" ");
                let values = reason.map(|reason| ("reason".to_string(), reason)).into_iter().collect();
                let kind = match ending.as_str() {
                    "warned" | "recorded" | "notified" => StageKind::Said(ending),
                    _ => StageKind::Ended(ending),
                };
                stage(kind, hosts, Vec::new(), values)
            }
            Expect::Ran(times, ran) => {
                let (least, most) = match times {
                    Times::Some => (1, None),
                    Times::Never => (0, Some(0)),
                    Times::Once => (1, Some(1)),
                    Times::Exactly(count) => {
                        let count = self.times(count)?;
                        (count, Some(count))
                    }
                };
                let command = self.ran(ran);
                stage(StageKind::Ran { least, most }, Vec::new(), vec![command], Vec::new())
            }
            Expect::Order(list, _) => {
                let commands = list.iter().map(|ran| self.ran(ran)).collect();
                stage(StageKind::Order, Vec::new(), commands, Vec::new())
            }
            Expect::Apart(targets) => {
                let hosts = self.checker.targets(targets);
                stage(StageKind::Apart, hosts, Vec::new(), Vec::new())
            }
            Expect::Holds(condition) => {
                let holds = self.condition(condition);
                let mut values = vec![("holds".to_string(), holds.clone())];
                if let Expr::Binary(op, left, right) = holds
                    && !matches!(op, Op::And | Op::Or)
                {
                    values.push(("left".to_string(), *left));
                    values.push(("right".to_string(), *right));
                }
                stage(StageKind::Holds, Vec::new(), Vec::new(), values)
            }
        };
        Some(kind)
    }

    /// A number that is written.
    fn times(&mut self, number: &tree::Expr) -> Option<u64> {
        match number.kind {
            ExprKind::Int(count) if count > 0 => Some(count as u64),
            ExprKind::Bad => None,
            _ => {
                self.report(errors::how_often(number.span));
                None
            }
        }
    }

    /// Hosts and groups; the machine that runs the plan may be named too.
    fn staged_targets(&mut self, targets: &tree::Targets) -> Vec<String> {
        match targets.any.as_slice() {
            [tree::TargetTerm::Name(name)]
                if name.text == CONTROLLER && !self.checker.inventory.hosts.contains_key(CONTROLLER) =>
            {
                vec![CONTROLLER.to_string()]
            }
            _ => self.checker.targets(targets),
        }
    }

    /// The hosts on one of which it runs, and the words.
    fn ran(&mut self, ran: &tree::Ran) -> (Vec<String>, Vec<Expr>) {
        let hosts = self.staged_targets(&ran.targets);
        let words = ran.command.words.iter().map(|word| self.pattern(word)).collect();
        (hosts, words)
    }

    fn pattern(&mut self, word: &tree::Word) -> Expr {
        let text = |text: &str| Expr::Const(Value::Str(text.to_string()));
        let parts = word.parts.iter().map(|part| match &part.kind {
            WordPartKind::Bare(part)
            | WordPartKind::Shell(part)
            | WordPartKind::Raw(part)
            | WordPartKind::Long(part) => text(part),
            WordPartKind::Quoted(pieces) => self.string(pieces, "a command that is expected").0,
            WordPartKind::Value(path) | WordPartKind::Spread(path) => {
                let (value, ty) = self.path(path);
                self.shown(path.span, &ty, "a command that is expected");
                value
            }
        });
        Expr::Text(parts.collect())
    }
}

fn stage(
    kind: StageKind,
    hosts: Vec<String>,
    commands: Vec<(Vec<String>, Vec<Expr>)>,
    values: Vec<(String, Expr)>,
) -> StepKind {
    StepKind::Stage(Box::new(Stage { kind, hosts, commands, values }))
}
