//! Statements, one by one.

use super::body::Body;
use super::constants::constant;
use super::modules::Wanted;
use super::program::{Expr, ProcKind, Step, StepKind};
use super::{About, CallEdge, Type, Value, errors, flow};
use crate::syntax::tree::{self, StmtKind};

impl Body<'_, '_> {
    /// A block in a scope of its own.
    pub(super) fn block(&mut self, block: &tree::Block) -> Vec<Step> {
        self.enter();
        let steps = self.statements(block.statements.iter());
        self.leave();
        steps
    }

    pub(super) fn statements<'t>(&mut self, statements: impl Iterator<Item = &'t tree::Stmt>) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut left = None;
        for statement in statements {
            if let Some(span) = left.take() {
                self.warn(errors::unreachable(statement.span, span));
            }
            let before = steps.len();
            self.statement(statement, &mut steps);
            // Once is enough: what follows follows.
            if steps.len() > before && steps[..before].iter().all(|step| !flow::leaves(step)) {
                left = steps[before..].iter().find(|step| flow::leaves(step)).map(|step| step.span);
            }
        }
        steps
    }

    fn statement(&mut self, statement: &tree::Stmt, steps: &mut Vec<Step>) {
        let span = statement.span;
        if self.is_probe() {
            self.only_reads(statement);
        }
        let belongs = match (self.is_test, self.is_site) {
            (true, _) => self.belongs_in_test(statement),
            (false, true) => self.belongs_in_site_plan(statement),
            (false, false) => true,
        };
        if !belongs {
            return;
        }
        if !self.is_test
            && let Some(word) = match &statement.kind {
                StmtKind::Given(_) => Some("given"),
                StmtKind::Answer(_) => Some("answer"),
                StmtKind::Fault(_) => Some("fault"),
                StmtKind::Expect(_) => Some("expect"),
                _ => None,
            }
        {
            self.report(errors::outside_test(statement.span, word));
            return;
        }
        let kind = match &statement.kind {
            StmtKind::On(on) => match self.on(on) {
                Some(command) => StepKind::Run(Box::new(command), None),
                None => return,
            },
            StmtKind::OnBlock(block) => {
                for command in self.on_block(block) {
                    steps.push(Step { kind: StepKind::Run(Box::new(command.0), None), span: command.1 });
                }
                return;
            }
            StmtKind::Let(name, value) => match value {
                tree::LetValue::On(on) => {
                    let command = self.on(on);
                    let slot = self.declare(name, Type::Output, About::Unknown);
                    self.is_let(&name.text);
                    match command {
                        Some(command) => StepKind::Run(Box::new(command), Some(slot)),
                        None => return,
                    }
                }
                tree::LetValue::Expr(value) => {
                    let about = match &value.kind {
                        tree::ExprKind::Place(_) => self.host_quietly(value),
                        _ => About::Unknown,
                    };
                    let (value, ty) = self.expr(value, &Type::Any);
                    let fixed = constant(&value);
                    let slot = self.declare(name, ty, about);
                    self.is_let(&name.text);
                    if let Some(fixed) = fixed {
                        self.is_always(&name.text, fixed);
                    }
                    StepKind::Let(slot, value)
                }
            },
            StmtKind::Await(wait) => {
                let condition = self.condition(&wait.condition);
                let within = match &wait.within {
                    Some(within) => self.expr(within, &Type::Duration).0,
                    None => Expr::Const(Value::Duration(DEFAULT_WAIT)),
                };
                let every = wait.every.as_ref().map(|every| self.expr(every, &Type::Duration).0);
                let otherwise = wait.otherwise.as_ref().map(|text| self.message(text, "a message"));
                StepKind::Await { condition, within, every, otherwise }
            }
            StmtKind::Require(require) => {
                let condition = self.condition(&require.condition);
                let otherwise = require.otherwise.as_ref().map(|text| self.message(text, "a message"));
                StepKind::Require { condition, otherwise }
            }
            StmtKind::Call(call) => match self.call_task(call) {
                Some(kind) => kind,
                None => return,
            },
            StmtKind::If(branches) => {
                let mut lowered = Vec::new();
                for (condition, block) in &branches.branches {
                    let condition = self.condition(condition);
                    lowered.push((condition, self.block(block)));
                }
                let otherwise = branches.otherwise.as_ref().map(|block| self.block(block)).unwrap_or_default();
                StepKind::If(lowered, otherwise)
            }
            StmtKind::For(each) => self.for_each(each),
            StmtKind::Retry(retry, block) => {
                let (times, every) = self.retry(retry);
                StepKind::Retry(times, every, self.block(block))
            }
            StmtKind::Try(attempt) => {
                let body = self.block(&attempt.body);
                let recover = attempt.recover.as_ref().map(|(name, block)| {
                    self.enter();
                    let slot = self.declare(name, Type::Failure, About::Unknown);
                    let steps = self.statements(block.statements.iter());
                    self.leave();
                    (slot, steps)
                });
                let finally = attempt.finally.as_ref().map(|block| self.block(block));
                StepKind::Try(body, recover, finally)
            }
            StmtKind::Fail(text) => StepKind::Fail(self.message(text, "a message")),
            StmtKind::Skip(text) => StepKind::Skip(self.message(text, "a message")),
            StmtKind::Warn(text) => StepKind::Warn(self.message(text, "a message")),
            StmtKind::Record(name, value) => StepKind::Record(name.text.clone(), self.message(value, "the report")),
            StmtKind::Notify(notify) => {
                if !self.checker.site.notify.contains_key(&notify.channel.text) {
                    let known: Vec<String> = self.checker.site.notify.keys().cloned().collect();
                    let error = errors::unknown_channel(
                        notify.channel.span,
                        &notify.channel.text,
                        known.iter().map(String::as_str),
                    );
                    self.report(error);
                }
                let subject = self.message(&notify.subject, "a notification");
                let mut fields = Vec::new();
                for (name, value) in &notify.fields {
                    fields.push((name.text.clone(), self.message(value, "a notification")));
                }
                StepKind::Notify(notify.channel.text.clone(), subject, fields)
            }
            StmtKind::Confirm(text) => StepKind::Confirm(self.message(text, "a question")),
            StmtKind::Return(value) => match self.kind {
                ProcKind::Body => {
                    self.report(errors::return_outside(span));
                    return;
                }
                ProcKind::Task => StepKind::Return(None),
                ProcKind::Probe => {
                    let result = self.result.clone();
                    StepKind::Return(value.as_ref().map(|value| self.expr(value, &result).0))
                }
            },
            StmtKind::Run(call, whom) => {
                if !self.is_site {
                    self.report(errors::run_outside(span));
                    return;
                }
                match self.run_plan(call, whom.as_ref()) {
                    Some(kind) => kind,
                    None => return,
                }
            }
            StmtKind::KeepOff => StepKind::KeepOff,
            StmtKind::Given(given) => self.given(given),
            StmtKind::Answer(answer) => self.answer(answer),
            StmtKind::Fault(fault) => self.fault(fault),
            StmtKind::Expect(expect) => match self.expect(expect) {
                Some(kind) => kind,
                None => return,
            },
            StmtKind::Bad => return,
        };
        steps.push(Step { kind, span });
    }

    fn host_quietly(&mut self, expr: &tree::Expr) -> About {
        match &expr.kind {
            tree::ExprKind::Place(name) => match self.place_named(&name.text) {
                Some(super::expressions::Place::Host(_, about, _)) => about,
                _ => About::Unknown,
            },
            _ => About::Unknown,
        }
    }

    fn for_each(&mut self, each: &tree::For) -> StepKind {
        let (list, ty) = self.expr(&each.list, &Type::List(Box::new(Type::Any)));
        let item = match &ty {
            Type::List(of) => (**of).clone(),
            Type::Json => Type::Json,
            _ => Type::Any,
        };
        let about = match constant(&list) {
            Some(Value::List(items)) if matches!(item, Type::Host | Type::Guest) => About::Hosts(
                items
                    .iter()
                    .filter_map(|item| if let Value::Host(host) = item { Some(host.clone()) } else { None })
                    .collect(),
            ),
            _ => About::Unknown,
        };
        let of_hosts = matches!(item, Type::Host | Type::Guest);
        if of_hosts {
            self.enter_host_loop(&each.name.text);
        }
        self.enter();
        let slot = self.declare(&each.name, item, about);
        let steps = self.statements(each.body.statements.iter());
        self.leave();
        if of_hosts {
            self.leave_host_loop();
        }
        StepKind::For(slot, list, steps)
    }

    pub(super) fn retry(&mut self, retry: &tree::Retry) -> (Expr, Option<Expr>) {
        let times = self.expr(&retry.times, &Type::Int).0;
        let every = retry.every.as_ref().map(|every| self.expr(every, &Type::Duration).0);
        (times, every)
    }

    fn call_task(&mut self, call: &tree::Call) -> Option<StepKind> {
        let words: Vec<&str> = call.path.iter().map(|name| name.text.as_str()).collect();
        let first = call.path.first()?.span;
        let name_span = first.to(call.path.last()?.span);
        let Some((callee, params, _)) = self.callable(&words, Wanted::Task) else {
            if self.checker.is_missing(self.module, &words) {
                return None;
            }
            let is_probe = self.callable(&words, Wanted::Probe).is_some();
            let known = self.checker.candidates(self.module, &words, Wanted::Task);
            let error = errors::unknown_task(name_span, &words.join("."), known.iter().map(String::as_str), is_probe);
            self.report(error);
            return None;
        };
        let (args, about) = self.arguments(&words.join("."), &params, &call.args, call.span);
        self.calls(CallEdge { callee: callee.clone(), about, span: call.span });
        Some(StepKind::Call(callee, args))
    }

    fn run_plan(&mut self, call: &tree::Call, whom: Option<&tree::Targets>) -> Option<StepKind> {
        let words: Vec<&str> = call.path.iter().map(|name| name.text.as_str()).collect();
        let Some(decl) = self.checker.find(self.module, &words, Wanted::Plan) else {
            if self.checker.is_missing(self.module, &words) {
                return None;
            }
            let known = self.checker.candidates(self.module, &words, Wanted::Plan);
            self.report(errors::unknown_plan(call.span, &words.join("."), known.iter().map(String::as_str)));
            return None;
        };
        let tree = self.checker.modules.get(decl.module).tree.clone();
        let Some(tree::Item::Plan(plan)) = decl.item_of(&tree) else { return None };
        let (args, _) =
            self.arguments(&words.join("."), plan.params.as_deref().unwrap_or_default(), &call.args, call.span);
        let (id, body) = self.checker.plan_of(decl);
        self.calls(CallEdge { callee: super::program::Callee::Proc(body), about: About::Unknown, span: call.span });
        if !self.is_test {
            if let Some(whom) = whom {
                self.report(errors::narrowed_outside_test(whom.span));
            }
            return Some(StepKind::RunPlan(id, args));
        }
        let whom = whom.map(|whom| {
            let wanted = self.checker.targets(whom);
            let mut own = plan.subject.as_ref().map(|own| self.checker.targets(&own.targets)).unwrap_or_default();
            own.retain(|host| wanted.contains(host));
            if own.is_empty() && !wanted.is_empty() {
                self.report(errors::narrowed_to_nobody(whom.span, &plan.name.text));
            }
            own
        });
        Some(StepKind::Rehearse(id, args, whom))
    }

    /// A probe changes nothing, so most statements do not stand in one.
    fn only_reads(&mut self, statement: &tree::Stmt) {
        let what = match &statement.kind {
            StmtKind::Call(_) => "a task",
            StmtKind::Record(..) => "`record`",
            StmtKind::Notify(_) => "`notify`",
            StmtKind::Confirm(_) => "`confirm`",
            StmtKind::KeepOff => "`keep off`",
            StmtKind::Skip(_) => "`skip`",
            _ => return,
        };
        self.report(errors::probe_acts(statement.span, what));
    }

    fn belongs_in_site_plan(&mut self, statement: &tree::Stmt) -> bool {
        let what = match &statement.kind {
            StmtKind::On(_) | StmtKind::OnBlock(_) | StmtKind::Let(_, tree::LetValue::On(_)) => {
                self.report(errors::site_plan_command(statement.span));
                return false;
            }
            StmtKind::Await(_) => "`await`",
            StmtKind::Require(_) => "`require`",
            StmtKind::Call(_) => "a task",
            StmtKind::Retry(..) => "`retry`",
            StmtKind::Skip(_) => "`skip`",
            StmtKind::Return(_) => "`return`",
            StmtKind::KeepOff => "`keep off`",
            _ => return true,
        };
        self.report(errors::site_plan_statement(statement.span, what));
        false
    }
}

/// How long `await` waits where it does not say, in milliseconds (language, section 5).
const DEFAULT_WAIT: u64 = 300_000;
