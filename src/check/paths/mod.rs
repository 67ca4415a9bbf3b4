//! Every way through a plan: what each has proven of the guests when a command changes their power, and how it leaves
//! them (language, section 9).
//!
//! The walk follows the steps of a body and of all that it calls, and knows at each the ways that lead there: success,
//! failure, `recover`, `finally`, and the end of a run that is stopped. What a way lacks before a command is the guards
//! that the command gets; what a success leaves off is an error.

mod conditions;
mod path;

use super::constants::constant;
use super::program::{Callee, Command, Effect, Expr, Guards, ProcId, Slot, Step, StepKind, Whom, each_command};
use super::{Checker, Value};
use crate::text::{IndexMap, IndexSet, Span};
use path::{Known, Paths, Who};

/// Loops are walked until nothing new is known; this is only a net.
const ROUNDS: usize = 8;

/// What the walk of a plan's body found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What each command lacks on some way that leads to it, by procedure and place.
    pub(super) guards: IndexMap<(ProcId, Span), Guards>,
    /// Commands after which a success leaves the guest off.
    pub(super) left_off: IndexSet<Span>,
    /// Commands that take the power away from a guest that was not asked to shut down before.
    pub(super) hard_stops: IndexMap<Span, String>,
    /// Steps that may still ask the old system, and the power action before them.
    pub(super) old_systems: IndexMap<Span, Span>,
    /// Hosts that are switched off, or off and on, by name; whether the plan's subject is.
    pub(super) taken_down: IndexSet<String>,
    pub(super) takes_subject_down: bool,
    /// Whether a success leaves a guest disrupted, so that it is to be verified.
    pub(super) verify: bool,
}

/// What kind of guest a plan is about, as far as that matters here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) driver: String,
    /// Whether it is to prove ssh and the agent after a power action.
    pub(super) ssh: bool,
    pub(super) agent: bool,
}

impl Checker<'_> {
    /// Walks a plan's body for one kind of subject.
    pub(super) fn walk(&self, body: ProcId, kind: &Kind, found: &mut Found) {
        let Some(proc) = &self.procs[body.0] else { return };
        let mut walk =
            Walk { checker: self, kind, found, frames: 0, at: Vec::new(), failing: false, items: IndexMap::default() };
        let mut slots = vec![None; proc.slots];
        if proc.has_subject
            && let Some(first) = slots.first_mut()
        {
            *first = Some(Who::Subject);
        }
        let mut frame = Frame { proc: body, slots, number: 0 };
        let flow = walk.steps(&proc.body, Paths::start(), &mut frame);
        walk.starts_after_the_end();
        let success = flow.next.and(&flow.returned).and(&flow.done);
        for known in success.iter().flat_map(|path| path.guests()).filter(|known| !known.keep_off) {
            walk.found.left_off.extend(known.off);
            walk.found.verify |= known.disrupted;
        }
    }
}

/// A procedure under way.
#[derive(Clone, Debug)]
struct Frame {
    proc: ProcId,
    /// Which host each slot holds, where it holds one.
    slots: Vec<Option<Who>>,
    /// Tells frames of one procedure apart.
    number: usize,
}

/// The ways out of some steps.
#[derive(Clone, Debug, Default)]
struct Flow {
    /// On to the next step.
    next: Paths,
    /// A failure that `recover` sees.
    failed: Paths,
    /// A refusal, an unknown, a deadline or a person: `finally` runs, nothing recovers.
    stopped: Paths,
    /// `return`
    returned: Paths,
    /// `skip`
    done: Paths,
}

impl Flow {
    /// The same ways on, and everything else as well.
    fn also(&mut self, other: &Flow) {
        self.failed.add(&other.failed);
        self.stopped.add(&other.stopped);
        self.returned.add(&other.returned);
        self.done.add(&other.done);
    }
}

struct Walk<'w> {
    checker: &'w Checker<'w>,
    kind: &'w Kind,
    found: &'w mut Found,
    frames: usize,
    /// The steps under way, the innermost last, without the library's.
    at: Vec<Span>,
    /// The hosts that a loop goes through, where they are known.
    items: IndexMap<Span, Vec<String>>,
    /// Whether the steps under way are there for what has gone wrong.
    failing: bool,
}

impl Walk<'_> {
    /// Whatever way a body ends, a guest that it has disrupted and that is off is started by its driver: then nothing
    /// that the body has proven counts.
    fn starts_after_the_end(&mut self) {
        let guest = Who::Subject;
        let disrupted = Paths::start().map(|path| path.change(&guest, |known| known.disrupted = true));
        let frame = Frame { proc: ProcId(0), slots: vec![Some(guest)], number: 0 };
        let drivers = self.checker.drivers.values();
        for start in drivers.filter_map(|driver| driver.procs.get("start")).copied().collect::<Vec<_>>() {
            self.call(&Callee::Proc(start), &[Expr::Slot(Slot(0))], disrupted.clone(), &frame);
        }
    }

    fn steps(&mut self, steps: &[Step], from: Paths, frame: &mut Frame) -> Flow {
        let mut flow = Flow { next: from, ..Flow::default() };
        for step in steps {
            if flow.next.is_empty() {
                break;
            }
            let is_std = self.checker.modules.get(self.checker.decls[frame.proc.0].module).is_std;
            if !is_std {
                self.at.push(step.span);
            }
            let from = std::mem::take(&mut flow.next);
            let mut after = self.step(step, from, frame);
            if !is_std {
                self.at.pop();
            }
            flow.also(&after);
            flow.next = std::mem::take(&mut after.next);
        }
        flow
    }

    fn step(&mut self, step: &Step, from: Paths, frame: &mut Frame) -> Flow {
        // Whatever is under way, the plan's deadline or a person may end it.
        let stopped = from.clone();
        let mut flow = match &step.kind {
            StepKind::Run(command, _) if command.retry.is_some() => {
                self.attempts(from, |this, entry| this.run(command, step.span, entry, frame))
            }
            StepKind::Run(command, _) => self.run(command, step.span, from, frame),
            StepKind::Let(Slot(slot), value) => {
                let who = self.who(Some(value), frame);
                if let Some(place) = frame.slots.get_mut(*slot) {
                    *place = who;
                }
                let failed = if value.asks() { from.clone() } else { Paths::default() };
                Flow { next: from, failed, ..Flow::default() }
            }
            StepKind::Await { condition, .. } => {
                let waited = from.map(path::Path::wait);
                Flow { next: self.hold(&waited, condition, true, frame), failed: waited, ..Flow::default() }
            }
            StepKind::Require { condition, .. } => {
                Flow { next: self.hold(&from, condition, true, frame), failed: from, ..Flow::default() }
            }
            StepKind::Call(callee, args) => self.call(callee, args, from, frame),
            StepKind::If(branches, otherwise) => self.branches(branches, otherwise, from, frame),
            StepKind::For(Slot(item), list, steps) => {
                if let Some(place) = frame.slots.get_mut(*item) {
                    *place = Some(Who::Each(step.span));
                }
                if let Some(Value::List(items)) = constant(list) {
                    let hosts = items.iter().filter_map(|item| match item {
                        Value::Host(host) => Some(host.clone()),
                        _ => None,
                    });
                    self.items.insert(step.span, hosts.collect());
                }
                let failed = if list.asks() { from.clone() } else { Paths::default() };
                let mut flow = self.rounds(steps, from, frame, Some(step.span));
                if let Some(items) = self.items.get(&step.span).filter(|items| !items.is_empty()) {
                    // It has gone through all of them: how it left them is known of its items.
                    let all =
                        |who: &Who| self.hosts_of(who).is_some_and(|hosts| hosts.iter().all(|h| items.contains(h)));
                    flow.next = flow.next.map(|path| path.hand_over(|who| *who != Who::Passed(step.span) && all(who)));
                }
                flow.failed.add(&failed);
                flow
            }
            StepKind::Retry(_, _, steps) => self.attempts(from, |this, entry| this.steps(steps, entry, frame)),
            StepKind::Try(body, recover, finally) => {
                self.attempt(body, recover.as_ref().map(|(_, steps)| steps), finally.as_ref(), from, frame)
            }
            StepKind::Fail(_) => Flow { failed: from, ..Flow::default() },
            StepKind::Skip(_) => Flow { done: from, ..Flow::default() },
            StepKind::Return(value) => {
                let failed = if value.as_ref().is_some_and(Expr::asks) { from.clone() } else { Paths::default() };
                Flow { returned: from, failed, ..Flow::default() }
            }
            StepKind::KeepOff => {
                let next = from.map(|path| path.change(&Who::Subject, |known| known.keep_off = true));
                Flow { next, ..Flow::default() }
            }
            StepKind::Warn(value) | StepKind::Record(_, value) => {
                let failed = if value.asks() { from.clone() } else { Paths::default() };
                Flow { next: from, failed, ..Flow::default() }
            }
            StepKind::Confirm(value) => {
                let failed = if value.asks() { from.clone() } else { Paths::default() };
                // A person may take an hour to answer.
                Flow { next: from.map(path::Path::wait), failed, ..Flow::default() }
            }
            StepKind::Notify(..) => Flow { next: from, ..Flow::default() },
            StepKind::RunPlan(..) | StepKind::Rehearse(..) | StepKind::Stage(_) => {
                let after = from.map(|path| path.disprove(None));
                Flow { next: after.clone(), failed: after, ..Flow::default() }
            }
        };
        flow.stopped.add(&stopped);
        flow
    }

    /// Attempts, until one adds nothing to what is known at its start: the next begins as the last one failed, a pause
    /// later.
    fn attempts(&mut self, from: Paths, mut once: impl FnMut(&mut Self, Paths) -> Flow) -> Flow {
        let mut entry = from;
        let mut flow = Flow::default();
        for _ in 0..ROUNDS {
            flow = once(self, entry.clone());
            let again = entry.clone().and(&flow.failed.map(path::Path::next_attempt));
            if again == entry {
                break;
            }
            entry = again;
        }
        flow
    }

    /// A loop, until a round adds nothing to what is known at its start.
    fn rounds(&mut self, steps: &[Step], from: Paths, frame: &mut Frame, each: Option<Span>) -> Flow {
        let mut entry = from;
        let mut flow = Flow::default();
        for _ in 0..ROUNDS {
            let entry_of_item = each.map_or_else(|| entry.clone(), |span| self.next_item(&entry, span));
            flow = self.steps(steps, entry_of_item, frame);
            if let Some(span) = each {
                flow.next = flow.next.map(|path| path.next_item(span));
            }
            let again = entry.clone().and(&flow.next);
            if again == entry {
                break;
            }
            entry = again;
        }
        flow.next = entry;
        flow
    }

    /// The ways into a round of a loop: its item may be one that was switched off before under another name.
    fn next_item(&self, entry: &Paths, span: Span) -> Paths {
        let Some(items) = self.items.get(&span) else { return entry.clone() };
        let mut ways = Paths::default();
        for path in entry.iter() {
            let mut is_new = true;
            for (who, known) in path.disrupted().filter(|(who, _)| **who != Who::Passed(span)) {
                let Some(hosts) = self.hosts_of(who) else { continue };
                if items.iter().any(|item| hosts.contains(item)) {
                    let mut way = path.clone();
                    way.set(&Who::Each(span), known.clone());
                    ways.push(way);
                    is_new &= !items.iter().all(|item| hosts.contains(item));
                }
            }
            if is_new {
                ways.push(path.clone());
            }
        }
        ways
    }

    /// The hosts that a name stands for, where they are known.
    fn hosts_of(&self, who: &Who) -> Option<Vec<String>> {
        match who {
            Who::Named(host) => Some(vec![host.clone()]),
            Who::Passed(span) => self.items.get(span).cloned(),
            Who::Subject | Who::Each(_) => None,
        }
    }

    fn branches(&mut self, branches: &[(Expr, Vec<Step>)], otherwise: &[Step], from: Paths, frame: &mut Frame) -> Flow {
        let mut flow = Flow::default();
        let mut open = from;
        for (condition, steps) in branches {
            if condition.asks() {
                flow.failed.add(&open);
            }
            let taken = self.hold(&open, condition, true, frame);
            open = self.hold(&open, condition, false, frame);
            let after = self.steps(steps, taken, frame);
            flow.also(&after);
            flow.next.add(&after.next);
        }
        let after = self.steps(otherwise, open, frame);
        flow.also(&after);
        flow.next.add(&after.next);
        flow
    }

    fn attempt(
        &mut self,
        body: &[Step],
        recover: Option<&Vec<Step>>,
        finally: Option<&Vec<Step>>,
        from: Paths,
        frame: &mut Frame,
    ) -> Flow {
        let mut flow = self.steps(body, from, frame);
        if let Some(steps) = recover {
            let failed = std::mem::take(&mut flow.failed);
            let after = self.for_failures(|this| this.steps(steps, failed, frame));
            flow.also(&after);
            flow.next.add(&after.next);
        }
        let Some(steps) = finally else { return flow };
        let mut last = Flow::default();
        let mut through = |this: &mut Self, ways: Paths| {
            let mut after = this.steps(steps, ways, frame);
            let next = std::mem::take(&mut after.next);
            last.also(&after);
            next
        };
        flow.next = through(self, flow.next);
        flow.returned = through(self, flow.returned);
        flow.done = through(self, flow.done);
        flow.failed = self.for_failures(|this| through(this, flow.failed));
        flow.stopped = self.for_failures(|this| through(this, flow.stopped));
        flow.also(&last);
        flow
    }

    fn for_failures<T>(&mut self, steps: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.failing, true);
        let result = steps(self);
        self.failing = before;
        result
    }

    fn call(&mut self, callee: &Callee, args: &[Expr], from: Paths, frame: &Frame) -> Flow {
        let id = match callee {
            Callee::Proc(id) => Some(*id),
            Callee::Driver(name) => {
                let driver = self.driver_of(args.first(), frame);
                driver.and_then(|driver| driver.procs.get(name)).copied()
            }
            Callee::Builtin(_) => None,
        };
        let Some((id, proc)) = id.and_then(|id| Some((id, self.checker.procs[id.0].as_ref()?))) else {
            return Flow { next: from.clone(), failed: from, ..Flow::default() };
        };
        let mut inner = self.frame(id, args, frame);
        self.frames += 1;
        inner.number = self.frames;
        let mut flow = self.steps(&proc.body, from, &mut inner);
        let returned = std::mem::take(&mut flow.returned);
        flow.next.add(&returned);
        let mut asks = false;
        each_command(&proc.body, &mut |_, command| asks |= command.effect.is_power() && !command.by_force);
        if asks && let Some(who) = self.who(args.first(), frame) {
            // A task that was to shut it down, and did not get that far, was the attempt.
            flow.failed = flow.failed.map(|path| path.change(&who, |known| known.asked = true));
        }
        flow
    }

    /// The frame of a call; its number is the caller's, until it is walked.
    fn frame(&self, id: ProcId, args: &[Expr], frame: &Frame) -> Frame {
        let count = self.checker.procs[id.0].as_ref().map_or(0, |proc| proc.slots);
        let mut slots: Vec<Option<Who>> = args.iter().map(|arg| self.who(Some(arg), frame)).collect();
        slots.resize(count.max(slots.len()), None);
        Frame { proc: id, slots, number: frame.number }
    }

    fn driver_of(&self, guest: Option<&Expr>, frame: &Frame) -> Option<&super::DriverInfo> {
        let name = match self.who(guest, frame) {
            Some(Who::Named(host)) => self.checker.roles.of(&host).driver.clone(),
            _ => self.kind.driver.clone(),
        };
        self.checker.drivers.get(&name)
    }

    /// Which host an expression is.
    fn who(&self, expr: Option<&Expr>, frame: &Frame) -> Option<Who> {
        match expr? {
            Expr::Slot(Slot(slot)) => frame.slots.get(*slot)?.clone(),
            Expr::Const(Value::Host(host)) => Some(Who::Named(host.clone())),
            _ => None,
        }
    }

    fn run(&mut self, command: &Command, span: Span, from: Paths, frame: &Frame) -> Flow {
        self.hold_new(&from, &command.place, frame);
        if command.effect == Effect::Read {
            return Flow { next: from.clone(), failed: from, ..Flow::default() };
        }
        let place = self.who(Some(&command.place), frame);
        let subject = frame.slots.first().cloned().flatten();
        let acted = match command.whom {
            Whom::Subject => subject.clone(),
            Whom::Itself => place.clone(),
            Whom::Nobody => None,
        };
        let (Some(who), true) = (&acted, command.effect.is_power()) else {
            // A change: what was proven of the guest, or of the host that it runs on, is to be proven again.
            let key = (frame.proc, span);
            if let (Some(who), Whom::Subject) = (&acted, command.whom) {
                let lacks = from.iter().any(|path| !path.settled(who).identity);
                self.found.guards.entry(key).or_default().identity |= lacks;
            }
            let is_elsewhere = matches!(command.place, Expr::Hypervisor(_) | Expr::Controller);
            let after = from.map(|path| {
                path.wait();
                acted.iter().chain(&place).for_each(|who| path.disprove(Some(who)));
                if place.is_none() && !is_elsewhere {
                    path.disprove(None);
                }
                subject.iter().for_each(|who| path.change(who, |known| known.at_work = false));
            });
            return Flow { failed: from.and(&at_work(&after, subject.as_ref())), next: after, ..Flow::default() };
        };
        let at = self.at.last().copied().unwrap_or(span);
        let guards = self.found.guards.entry((frame.proc, span)).or_default();
        for path in from.iter() {
            let known = path.settled(who);
            guards.identity |= !known.identity;
            guards.unlocked |= !known.unlocked;
            guards.agent |= !known.agent && !known.disrupted;
            guards.baseline |= !known.disrupted;
        }
        if command.by_force && from.iter().any(|path| !path.known(who).asked) {
            self.found.hard_stops.insert(at, command.text.clone());
        }
        if command.effect != Effect::PowerOn {
            match who {
                Who::Subject => self.found.takes_subject_down = true,
                Who::Named(host) => {
                    self.found.taken_down.insert(host.clone());
                }
                Who::Each(span) | Who::Passed(span) => {
                    self.found.taken_down.extend(self.items.get(span).into_iter().flatten().cloned());
                }
            }
        }
        let alone = command.whom == Whom::Itself;
        let after = from.map(|path| {
            path.wait();
            path.disprove(Some(who));
            path.change(who, |known| {
                // Nobody but its hypervisor could switch a guest on again; a machine that is nobody's guest is not left.
                let off = (command.effect == Effect::PowerOff && !alone).then_some(at);
                let asked = known.asked || !command.by_force;
                let keep_off = known.keep_off;
                *known = Known { disrupted: true, off, unproven: Some(at), asked, alone, keep_off, ..Known::default() };
            });
        });
        // It may fail before it did anything, or after; it was asked for all the same.
        let before = from.map(|path| path.change(who, |known| known.asked |= !command.by_force));
        Flow { failed: before.and(&at_work(&after, subject.as_ref())), next: after, ..Flow::default() }
    }

    /// What is asked of a host is asked of the system that a power action brought, not of the one that it ended.
    fn hold_new(&mut self, paths: &Paths, host: &Expr, frame: &Frame) {
        let (Some(who), Some(at)) = (self.who(Some(host), frame), self.at.last()) else { return };
        // A plan that cleans up after a failure takes the system that is there.
        if self.failing {
            return;
        }
        if let Some(power) = paths.iter().find_map(|path| path.known(&who).unproven) {
            self.found.old_systems.entry(*at).or_insert(power);
        }
    }

    /// Whether a procedure runs commands on the host in one of its slots.
    fn acts_on(&self, id: ProcId, slot: usize) -> bool {
        let Some(proc) = self.checker.procs[id.0].as_ref() else { return false };
        let mut acts = false;
        each_command(&proc.body, &mut |_, command| acts |= command.place == Expr::Slot(Slot(slot)));
        acts
    }

    /// A guest whose every proof is there is no longer disrupted.
    fn settle(&self, known: &mut Known) {
        let agent = known.agent || known.alone || !self.kind.agent;
        if known.disrupted && (known.boot || !self.kind.ssh) && agent {
            known.disrupted = false;
            known.boot = false;
        }
    }
}

/// The same ways, where the command that failed may be at work still: its time may have been out.
fn at_work(paths: &Paths, subject: Option<&Who>) -> Paths {
    paths.map(|path| subject.into_iter().for_each(|who| path.change(who, |known| known.at_work = true)))
}

/// Changes every command of some steps, each with the place of its step.
pub(super) fn annotate(steps: &mut [Step], change: &mut dyn FnMut(Span, &mut Command)) {
    for step in steps {
        let span = step.span;
        if let StepKind::Run(command, _) = &mut step.kind {
            change(span, command);
        }
        step.blocks_mut().into_iter().for_each(|steps| annotate(steps, change));
    }
}
