//! From statements to instructions. Guards are added here.

use super::{Code, Driver, Guard, Instruction as I, Lenient, Mark, Plan, Proc, TimeOut};
use crate::check::Value;
use crate::check::program::{
    self, Builtin, Callee, Command, Effect, Expr, Op, ProcKind, Program, Proof, Slot, Stage, StageKind, Step, StepKind,
    WhenLocked, Whom,
};
use crate::text::{Sources, Span};

/// How long the last verification waits for a guest to be running, in milliseconds.
const VERIFY_POWER: u64 = 120_000;
/// For ssh, in milliseconds.
const VERIFY_SSH: u64 = 600_000;
/// For the agent, in milliseconds.
const VERIFY_AGENT: u64 = 300_000;

/// Compiles a program.
pub fn compile(program: &Program, sources: &Sources) -> Code {
    let procs = program.procs.iter().map(|proc| Compiler::new(sources, proc).proc(proc)).collect();
    let mut code = Code {
        entry: program.entry.0,
        plans: program
            .plans
            .iter()
            .map(|plan| Plan {
                name: plan.name.clone(),
                body: plan.body.0,
                targets: plan.targets.clone(),
                schedule: plan.schedule.clone(),
                is_site: plan.is_site,
                longest: plan.longest.clone(),
                altogether: plan.altogether,
                costliest: plan.costliest.map(|(span, ms)| (mark(sources, span), ms)),
                changes: false,
                verify: plan.verify,
                reaches: plan.reaches.clone(),
                hands_off: plan.hands_off.clone(),
            })
            .collect(),
        procs,
        hosts: program.hosts.clone(),
        drivers: program
            .drivers
            .iter()
            .map(|(name, driver)| {
                let procs = driver.procs.iter().map(|(name, id)| (name.clone(), id.0)).collect();
                let (identity, look) = (driver.identity.clone(), driver.look.clone());
                let (wake, tasks) = (driver.wake.clone(), driver.tasks.clone());
                (name.clone(), Driver { identity, look, wake, tasks, procs })
            })
            .collect(),
        controller: program.controller.clone(),
        lock_host: program.lock_host.clone(),
    };
    for plan in 0..code.plans.len() {
        code.plans[plan].changes = code.changes(code.plans[plan].body);
    }
    code
}

struct Compiler<'s> {
    sources: &'s Sources,
    instructions: Vec<I>,
    steps: Vec<usize>,
    marks: Vec<Mark>,
    slots: usize,
    has_subject: bool,
}

impl<'s> Compiler<'s> {
    fn new(sources: &'s Sources, proc: &program::Proc) -> Self {
        Compiler {
            sources,
            instructions: Vec::new(),
            steps: Vec::new(),
            marks: vec![Mark { text: proc.name.clone(), place: place(sources, proc.span) }],
            slots: proc.slots,
            has_subject: proc.has_subject,
        }
    }

    fn proc(mut self, proc: &program::Proc) -> Proc {
        match proc.kind {
            ProcKind::Body if proc.has_subject => self.body(&proc.body),
            ProcKind::Body => {
                self.emit(I::Claim(None));
                self.block(&proc.body);
            }
            _ => self.block(&proc.body),
        }
        self.emit(I::Return(None));
        Proc {
            name: proc.name.clone(),
            kind: proc.kind,
            params: proc.params.len(),
            initial: proc.params.iter().map(|param| param.default.clone()).collect(),
            slots: self.slots,
            instructions: self.instructions,
            steps: self.steps,
            marks: self.marks,
        }
    }

    /// The body of a plan: whatever way it ends, every guest whose power it changed is looked after.
    fn body(&mut self, steps: &[Step]) {
        self.emit(I::Claim(Some(Expr::Slot(Slot(0)))));
        let guarded = self.emit(I::Try(None, None));
        self.block(steps);
        self.emit(I::EndTry);
        let finally = self.here();
        self.patch(guarded, I::Try(None, Some(finally)));
        self.mark("verify (guard)", None);
        self.verify_each();
        let failing = self.emit(I::JumpIfFailing(0));
        self.emit(I::GuestsBack(Expr::Slot(Slot(0))));
        let end = self.here();
        self.patch(failing, I::JumpIfFailing(end));
        self.emit(I::EndFinally);
    }

    /// One that does not come back keeps no other from being looked after.
    fn verify_each(&mut self) {
        let (guests, index, guest) = (self.slot(), self.slot(), self.slot());
        let (failure, first) = (self.slot(), self.slot());
        self.emit(I::Disrupted(guests));
        self.emit(I::Set(index, Expr::Const(Value::Int(0))));
        self.emit(I::Set(first, Expr::Const(Value::None)));
        let next = self.emit(I::Next(guests, index, guest, 0));
        let guarded = self.emit(I::Keep(failure, 0));
        self.verify(Expr::Slot(guest));
        self.emit(I::EndTry);
        self.emit(I::Jump(next));
        let kept = self.here();
        self.patch(guarded, I::Keep(failure, kept));
        self.emit(I::Set(first, Expr::Slot(failure)));
        self.emit(I::Jump(next));
        let end = self.here();
        self.patch(next, I::Next(guests, index, guest, end));
        self.emit(I::FailAs(first));
    }

    /// Running again, a new boot, ssh, agent; started where it is off and should not be.
    fn verify(&mut self, guest: Expr) {
        self.emit(I::Settled(guest.clone()));
        let no_power = self.emit(I::JumpUnlessProves(guest.clone(), Proof::Power, 0));
        self.ensure_running(&guest);
        let here = self.here();
        self.patch(no_power, I::JumpUnlessProves(guest.clone(), Proof::Power, here));
        let failing = self.emit(I::JumpIfFailing(0));
        let answer = self.slot();
        let no_ssh = self.emit(I::JumpUnlessProves(guest.clone(), Proof::Ssh, 0));
        self.emit(I::WaitBegin(Expr::Const(Value::Duration(VERIFY_SSH)), None));
        let back = self.here();
        self.emit(I::Probe(Builtin::Ssh, vec![guest.clone()], answer, Lenient::Yes));
        self.emit(I::WaitCheck(Expr::Slot(answer), back, TimeOut::Fail(None)));
        let here = self.here();
        self.patch(no_ssh, I::JumpUnlessProves(guest.clone(), Proof::Ssh, here));
        let no_agent = self.emit(I::JumpUnlessProves(guest.clone(), Proof::Agent, 0));
        self.emit(I::WaitBegin(Expr::Const(Value::Duration(VERIFY_AGENT)), None));
        let back = self.here();
        self.agent(&guest, answer);
        self.emit(I::WaitCheck(Expr::Slot(answer), back, TimeOut::Fail(None)));
        let here = self.here();
        self.patch(no_agent, I::JumpUnlessProves(guest.clone(), Proof::Agent, here));
        self.emit(I::Verified(guest));
        let end = self.here();
        self.patch(failing, I::JumpIfFailing(end));
    }

    /// A reboot returns when the guest is off, and another process starts it: it is given time before we do.
    fn ensure_running(&mut self, guest: &Expr) {
        let power = self.slot();
        let word = Expr::Const(Value::Str("running".to_string()));
        let running = Expr::Binary(Op::Equal, Box::new(Expr::Slot(power)), Box::new(word));
        let ask = |this: &mut Self| {
            let within = Expr::Const(Value::Duration(VERIFY_POWER));
            this.emit(I::WaitBegin(within, None));
            let back = this.here();
            this.emit(I::Probe(Builtin::Power, vec![guest.clone()], power, Lenient::Yes));
            back
        };
        let back = ask(self);
        let check = self.emit(I::WaitCheck(running.clone(), back, TimeOut::Jump(0)));
        let up = self.emit(I::Jump(0));
        let off = self.here();
        self.patch(check, I::WaitCheck(running.clone(), back, TimeOut::Jump(off)));
        self.emit(I::Call(Callee::Driver("start".to_string()), vec![guest.clone()], None, Lenient::No));
        let back = ask(self);
        let text =
            Expr::Text(vec![guest.clone(), Expr::Const(Value::Str(" is off, and did not start again".to_string()))]);
        self.emit(I::WaitCheck(running, back, TimeOut::Fail(Some(text))));
        let after = self.here();
        self.patch(up, I::Jump(after));
    }

    fn agent(&mut self, guest: &Expr, answer: Slot) {
        self.emit(I::Call(
            Callee::Driver("agent".to_string()),
            vec![guest.clone(), Expr::Const(Value::Str("ping".to_string()))],
            Some(answer),
            Lenient::Yes,
        ));
        self.emit(I::Evidence(answer, guest.clone()));
    }

    fn here(&self) -> usize {
        self.instructions.len()
    }

    fn emit(&mut self, instruction: I) -> usize {
        self.instructions.push(instruction);
        self.steps.push(self.marks.len() - 1);
        self.instructions.len() - 1
    }

    fn patch(&mut self, at: usize, instruction: I) {
        self.instructions[at] = instruction;
    }

    fn slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }

    fn mark(&mut self, text: &str, span: Option<Span>) {
        let place = span.map_or(String::new(), |span| place(self.sources, span));
        self.marks.push(Mark { text: text.to_string(), place });
    }

    fn block(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        let mut text = first_line(self.sources, step.span);
        if let StepKind::Await { .. } | StepKind::Require { .. } = &step.kind {
            // What is said when it is not true is not what is waited for.
            text = text.split(" else ").next().unwrap_or(text);
        }
        self.mark(text, Some(step.span));
        match &step.kind {
            StepKind::Run(command, slot) => self.run(command, *slot),
            StepKind::Let(slot, value) => {
                let value = self.pure(value, Lenient::No);
                self.emit(I::Set(*slot, value));
            }
            StepKind::Await { condition, within, every, otherwise } => {
                let within = self.pure(within, Lenient::No);
                self.emit(I::WaitBegin(within, every.clone()));
                let back = self.here();
                let condition = self.pure(condition, Lenient::Yes);
                self.emit(I::WaitCheck(condition, back, TimeOut::Fail(otherwise.clone())));
            }
            StepKind::Require { condition, otherwise } => {
                let condition = self.pure(condition, Lenient::No);
                self.emit(I::Require(condition, otherwise.clone()));
            }
            StepKind::Call(callee, args) => {
                let args = args.iter().map(|arg| self.pure(arg, Lenient::No)).collect();
                self.emit(I::Call(callee.clone(), args, None, Lenient::No));
            }
            StepKind::If(branches, otherwise) => self.branches(branches, otherwise),
            StepKind::For(item, list, steps) => {
                let (items, index) = (self.slot(), self.slot());
                let list = self.pure(list, Lenient::No);
                self.emit(I::Set(items, list));
                self.emit(I::Set(index, Expr::Const(Value::Int(0))));
                let next = self.emit(I::Next(items, index, *item, 0));
                self.block(steps);
                self.emit(I::Jump(next));
                let end = self.here();
                self.patch(next, I::Next(items, index, *item, end));
            }
            StepKind::Retry(times, every, steps) => {
                let times = self.pure(times, Lenient::No);
                self.emit(I::Retry(times, every.clone()));
                self.block(steps);
                self.emit(I::EndRetry);
            }
            StepKind::Try(body, recover, finally) => self.attempt(body, recover.as_ref(), finally.as_deref()),
            StepKind::Fail(text) => {
                let text = self.pure(text, Lenient::No);
                self.emit(I::Fail(text));
            }
            StepKind::Skip(text) => {
                let text = self.pure(text, Lenient::No);
                self.emit(I::Skip(text));
            }
            StepKind::Warn(text) => {
                let text = self.pure(text, Lenient::No);
                self.emit(I::Warn(text));
            }
            StepKind::Record(name, value) => {
                let value = self.pure(value, Lenient::No);
                self.emit(I::Record(name.clone(), value));
            }
            StepKind::Notify(channel, subject, fields) => {
                let subject = self.pure(subject, Lenient::No);
                let fields = fields.iter().map(|(name, value)| (name.clone(), self.pure(value, Lenient::No))).collect();
                self.emit(I::Notify(channel.clone(), subject, fields));
            }
            StepKind::Confirm(text) => {
                let text = self.pure(text, Lenient::No);
                self.emit(I::Confirm(text));
            }
            StepKind::Return(value) => {
                let value = value.as_ref().map(|value| self.pure(value, Lenient::No));
                self.emit(I::Return(value));
            }
            StepKind::RunPlan(id, args) => {
                let args = args.iter().map(|arg| self.pure(arg, Lenient::No)).collect();
                self.emit(I::RunPlan(id.0, args));
            }
            StepKind::KeepOff => {
                self.emit(I::KeepOff(Expr::Slot(Slot(0))));
            }
            StepKind::Rehearse(id, args, _) => {
                let args = args.iter().map(|arg| self.pure(arg, Lenient::No)).collect();
                let failure = self.slot();
                let guarded = self.emit(I::Keep(failure, 0));
                self.emit(I::RunPlan(id.0, args));
                self.emit(I::EndTry);
                let over = self.here();
                // How the run ended is for the test to say.
                self.patch(guarded, I::Keep(failure, over));
                let over = Stage { kind: StageKind::Over, hosts: Vec::new(), commands: Vec::new(), values: Vec::new() };
                self.emit(I::Stage(Box::new(over)));
            }
            StepKind::Stage(stage) => self.stage(stage),
        }
    }

    /// A condition that can not be answered is told as one that does not hold, with the reason.
    fn stage(&mut self, stage: &Stage) {
        let failure = self.slot();
        let guarded = self.emit(I::Keep(failure, 0));
        let mut values: Vec<(String, Expr)> = Vec::new();
        if let [(_, Expr::Binary(op, ..)), (_, left), (_, right)] = stage.values.as_slice()
            && stage.kind == StageKind::Holds
        {
            let (left, right) = (self.pure(left, Lenient::Yes), self.pure(right, Lenient::Yes));
            let whole = Expr::Binary(*op, Box::new(left.clone()), Box::new(right.clone()));
            values =
                [("holds", whole), ("left", left), ("right", right)].map(|(name, value)| (name.into(), value)).into();
        } else {
            for (name, value) in &stage.values {
                values.push((name.clone(), self.pure(value, Lenient::Yes)));
            }
        }
        let said = |values| I::Stage(Box::new(Stage { values, ..stage.clone() }));
        self.emit(said(values));
        self.emit(I::EndTry);
        let over = self.emit(I::Jump(0));
        let kept = self.here();
        self.patch(guarded, I::Keep(failure, kept));
        self.emit(said(vec![("failed".to_string(), Expr::Slot(failure))]));
        let end = self.here();
        self.patch(over, I::Jump(end));
    }

    fn branches(&mut self, branches: &[(Expr, Vec<Step>)], otherwise: &[Step]) {
        let mut ends = Vec::new();
        for (condition, steps) in branches {
            let condition = self.pure(condition, Lenient::No);
            let jump = self.emit(I::JumpUnless(condition.clone(), 0));
            self.block(steps);
            ends.push(self.emit(I::Jump(0)));
            let next = self.here();
            self.patch(jump, I::JumpUnless(condition, next));
        }
        self.block(otherwise);
        let end = self.here();
        for at in ends {
            self.patch(at, I::Jump(end));
        }
    }

    fn attempt(&mut self, body: &[Step], recover: Option<&(Slot, Vec<Step>)>, finally: Option<&[Step]>) {
        let outer = finally.map(|_| self.emit(I::Try(None, None)));
        let inner = recover.map(|_| self.emit(I::Try(None, None)));
        self.block(body);
        if let (Some(inner), Some((slot, steps))) = (inner, recover) {
            self.emit(I::EndTry);
            let over = self.emit(I::Jump(0));
            let at = self.here();
            self.patch(inner, I::Try(Some((*slot, at)), None));
            self.emit(I::Recovered(*slot));
            self.block(steps);
            let end = self.here();
            self.patch(over, I::Jump(end));
        }
        if let (Some(outer), Some(steps)) = (outer, finally) {
            self.emit(I::EndTry);
            let at = self.here();
            self.patch(outer, I::Try(None, Some(at)));
            self.block(steps);
            self.emit(I::EndFinally);
        }
    }

    /// A command with the guards that it needs.
    fn run(&mut self, command: &Command, slot: Option<Slot>) {
        let retry = command.retry.filter(|(times, _)| *times > 1);
        if let Some((times, every)) = retry {
            self.emit(I::Retry(Expr::Const(Value::Int(times as i64)), Some(Expr::Const(Value::Duration(every)))));
        }
        self.guards(command);
        self.emit(I::Run(Box::new(command.clone()), slot));
        if retry.is_some() {
            self.emit(I::EndRetry);
        }
    }

    fn guards(&mut self, command: &Command) {
        if !self.has_subject || command.effect == Effect::Read {
            return;
        }
        let guest = Expr::Slot(Slot(0));
        self.emit(I::Settled(guest.clone()));
        let leaves_out = |name: &str| {
            command.unguarded.as_ref().is_some_and(|(names, _)| names.iter().any(|left_out| left_out == name))
        };
        match command.whom {
            Whom::Nobody => {}
            Whom::Subject => {
                let look = self.emit(I::Guard(Guard::Look, guest.clone()));
                if command.guards.identity {
                    self.emit(I::Guard(Guard::Identity, guest.clone()));
                }
                if !command.effect.is_power() {
                    return;
                }
                if command.unless_managed {
                    self.emit(I::Guard(Guard::Unmanaged, guest.clone()));
                }
                self.emit(I::Guard(Guard::Present(command.effect), guest.clone()));
                if command.effect != Effect::PowerOn && !leaves_out("quorum") {
                    self.emit(I::Guard(Guard::Quorum, guest.clone()));
                }
                // A wait for a lock ends at this guard, so that the command is not what finds out whether it is over.
                let waits = matches!(command.when_locked, WhenLocked::Wait(_));
                if (command.guards.unlocked || waits) && !leaves_out("unlocked") {
                    self.emit(I::Guard(Guard::Unlocked(command.when_locked, look), guest.clone()));
                }
                if command.guards.agent && command.effect != Effect::PowerOn && !leaves_out("agent") {
                    let skip = self.emit(I::JumpIfDisrupted(guest.clone(), 0));
                    let answer = self.slot();
                    let ping = Expr::Const(Value::Str("ping".to_string()));
                    let args = vec![guest.clone(), ping];
                    self.emit(I::Call(Callee::Driver("agent".to_string()), args, Some(answer), Lenient::Yes));
                    self.emit(I::Guard(Guard::Agent(answer), guest.clone()));
                    let end = self.here();
                    self.patch(skip, I::JumpIfDisrupted(guest.clone(), end));
                }
                if command.effect != Effect::PowerOn {
                    self.emit(I::Guard(Guard::Partners, guest.clone()));
                }
                if command.guards.baseline && !leaves_out("baseline") {
                    self.emit(I::Guard(Guard::Baseline, guest.clone()));
                }
                self.emit(I::Guard(Guard::Disrupt(command.effect, !leaves_out("verify")), guest));
            }
            Whom::Itself => {
                if command.place == guest {
                    self.emit(I::Guard(Guard::Guests, guest.clone()));
                    if !leaves_out("quorum") {
                        self.emit(I::Guard(Guard::Quorum, guest.clone()));
                    }
                    self.emit(I::Guard(Guard::Partners, guest.clone()));
                    self.emit(I::Guard(Guard::Baseline, guest.clone()));
                    self.emit(I::Guard(Guard::Disrupt(command.effect, !leaves_out("verify")), guest));
                }
            }
        }
    }

    /// An expression without probes: those come first, into slots.
    fn pure(&mut self, expr: &Expr, lenient: Lenient) -> Expr {
        if !expr.asks() {
            return expr.clone();
        }
        let boxed = |this: &mut Self, inner: &Expr| Box::new(this.pure(inner, lenient));
        match expr {
            Expr::Probe(callee, args) => {
                let args: Vec<Expr> = args.iter().map(|arg| self.pure(arg, lenient)).collect();
                let answer = self.slot();
                match callee {
                    Callee::Builtin(builtin) => {
                        self.emit(I::Probe(*builtin, args, answer, lenient));
                    }
                    Callee::Driver(name) if name == "agent" => {
                        let guest = args.first().cloned().unwrap_or(Expr::Const(Value::None));
                        self.emit(I::Call(callee.clone(), args, Some(answer), lenient));
                        self.emit(I::Evidence(answer, guest));
                    }
                    callee => {
                        self.emit(I::Call(callee.clone(), args, Some(answer), lenient));
                    }
                }
                Expr::Slot(answer)
            }
            // The right side is asked only where the left does not decide.
            Expr::Binary(op @ (Op::And | Op::Or), left, right) => {
                let answer = self.slot();
                let left = self.pure(left, lenient);
                self.emit(I::Set(answer, left));
                let jump = |to| match op {
                    Op::And => I::JumpUnless(Expr::Slot(answer), to),
                    _ => I::JumpIf(Expr::Slot(answer), to),
                };
                let at = self.emit(jump(0));
                let right = self.pure(right, lenient);
                self.emit(I::Set(answer, right));
                let end = self.here();
                self.patch(at, jump(end));
                Expr::Slot(answer)
            }
            Expr::Binary(op, left, right) => Expr::Binary(*op, boxed(self, left), boxed(self, right)),
            Expr::Not(inner) => Expr::Not(boxed(self, inner)),
            Expr::Negate(inner) => Expr::Negate(boxed(self, inner)),
            Expr::Convert(inner, ty) => Expr::Convert(boxed(self, inner), ty.clone()),
            Expr::Index(list, index) => Expr::Index(boxed(self, list), boxed(self, index)),
            Expr::Member(of, name, args) => {
                let of = boxed(self, of);
                Expr::Member(of, name.clone(), args.iter().map(|arg| self.pure(arg, lenient)).collect())
            }
            Expr::Text(parts) => Expr::Text(parts.iter().map(|part| self.pure(part, lenient)).collect()),
            Expr::List(items) => Expr::List(items.iter().map(|item| self.pure(item, lenient)).collect()),
            other => other.clone(),
        }
    }
}

fn first_line(sources: &Sources, span: Span) -> &str {
    sources.slice(span).lines().next().unwrap_or_default().trim()
}

fn mark(sources: &Sources, span: Span) -> Mark {
    Mark { text: first_line(sources, span).to_string(), place: place(sources, span) }
}

fn place(sources: &Sources, span: Span) -> String {
    sources.place(span).map_or(String::new(), |place| format!("{}:{}", place.file, place.line))
}
