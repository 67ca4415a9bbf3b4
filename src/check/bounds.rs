//! The longest time that a guest can take: every wait and command has a deadline, so the sum is known.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Checker;
use super::constants::constant;
use super::program::{Callee, Command, Effect, Expr, Op, Plan, Proc, ProcId, Schedule, Slot, Step, StepKind};
use super::{Type, Value, from_json};
use crate::text::{IndexMap, IndexSet, Span};

/// What a reading command may take where the plan does not say, in milliseconds (language, section 4).
const READING: u64 = 30_000;
/// What any other may.
const CHANGING: u64 = 600_000;
/// What the guards before a power action may take, in milliseconds: a look, the agent, a connection.
const GUARDS: u64 = 60_000;
/// What the verification at the end of a plan may take, in milliseconds: that the guest runs, ssh, the agent.
const VERIFY: u64 = 1_020_000;
/// A power operation that a deadline does not interrupt may take as long, in milliseconds (`qm reboot`).
const STEP: u64 = 1_260_000;
/// A loop over a list that is known only in the run is taken to have this many items.
const ITEMS: u64 = 4;

/// What is known of the values of a frame.
type Known = Vec<Option<Value>>;

impl Checker<'_> {
    /// The longest time of a plan's body for each host, in milliseconds. Hosts that are alike in all that it asks take
    /// as long as each other.
    pub(super) fn longest_of_each(&self, plan: &Plan) -> Vec<u64> {
        let Plan { body, verify, ref schedule, ref targets, .. } = *plan;
        let mut asked: IndexMap<&str, IndexSet<String>> = IndexMap::default();
        let mut known: IndexMap<(&str, Vec<Option<&serde_json::Value>>), u64> = IndexMap::default();
        let mut all = Vec::with_capacity(targets.len());
        for host in targets {
            let driver = self.roles.of(host).driver.as_str();
            let values = |names: &IndexSet<String>| -> Vec<Option<&serde_json::Value>> {
                let variables = self.inventory.hosts.get(host).map(|host| &host.variables);
                names.iter().map(|name| Some(&variables?.get(name)?.value)).collect()
            };
            let before = asked.get(driver).and_then(|names| known.get(&(driver, values(names))).copied());
            let longest = before.unwrap_or_else(|| {
                self.asked_variables.borrow_mut().clear();
                let longest = self.longest(body, host, verify, schedule.deadline);
                let names = self.asked_variables.borrow().clone();
                known.insert((driver, values(&names)), longest);
                asked.insert(driver, names);
                longest
            });
            all.push(longest);
        }
        all
    }

    /// The longest time of a plan's body for a host, in milliseconds; `verify` where a success leaves a guest to be
    /// verified.
    fn longest(&self, body: ProcId, host: &str, verify: bool, deadline: Option<u64>) -> u64 {
        let Some(proc) = &self.procs[body.0] else { return 0 };
        let mut known = self.entry(proc, host);
        let steps = self.steps(&proc.body, &mut known);
        let end = if verify { VERIFY } else { 0 };
        let body = steps.saturating_add(end);
        // A deadline ends the guest's steps, not a power operation that is under way, nor its verification.
        match deadline {
            Some(deadline) => body.min(deadline.saturating_add(STEP).saturating_add(end)),
            None => body,
        }
    }

    /// The statement of a plan's body that can take longest for a host, and how long, in milliseconds.
    pub(super) fn costliest(&self, body: ProcId, host: &str) -> Option<(Span, u64)> {
        let proc = self.procs[body.0].as_ref()?;
        let mut known: Known = self.entry(proc, host);
        let mut costs = Vec::new();
        self.costs(&proc.body, 1, &mut known, &mut costs);
        costs.into_iter().max_by_key(|(_, ms)| *ms)
    }

    fn entry(&self, proc: &Proc, host: &str) -> Known {
        let mut known: Known = vec![None; proc.slots];
        for (slot, param) in known.iter_mut().zip(&proc.params) {
            *slot = param.default.as_ref().and_then(constant);
        }
        if let Some(first) = known.first_mut()
            && proc.has_subject
        {
            *first = Some(Value::Host(host.to_string()));
        }
        known
    }

    /// What each statement takes, with all its repetitions.
    fn costs(&self, steps: &[Step], times: u64, known: &mut Known, costs: &mut Vec<(Span, u64)>) {
        for step in steps {
            match &step.kind {
                StepKind::If(branches, otherwise) => {
                    branches.iter().for_each(|(_, steps)| self.costs(steps, times, known, costs));
                    self.costs(otherwise, times, known, costs);
                }
                StepKind::For(_, list, inner) => {
                    let items = self.items(list, known);
                    self.costs(inner, times.saturating_mul(items), known, costs);
                }
                StepKind::Retry(attempts, _, inner) => {
                    let attempts = self.attempts(attempts, known);
                    self.costs(inner, times.saturating_mul(attempts), known, costs);
                }
                StepKind::Try(body, recover, finally) => {
                    self.costs(body, times, known, costs);
                    recover.iter().for_each(|(_, steps)| self.costs(steps, times, known, costs));
                    finally.iter().for_each(|steps| self.costs(steps, times, known, costs));
                }
                _ => costs.push((step.span, self.step_time(step, known).saturating_mul(times))),
            }
        }
    }

    fn items(&self, list: &Expr, known: &Known) -> u64 {
        match self.value(list, known) {
            Some(Value::List(items)) => items.len() as u64,
            _ => ITEMS,
        }
    }

    fn attempts(&self, times: &Expr, known: &Known) -> u64 {
        if let Some(Value::Int(times)) = self.value(times, known) { times.max(1) as u64 } else { 1 }
    }

    /// How long all targets of a plan take together where each takes its longest, in milliseconds: begun in order, as
    /// many at once as the schedule lets.
    pub(super) fn altogether(&self, schedule: &Schedule, targets: &[String], longest: &[u64]) -> u64 {
        let all = targets.len();
        let at_once =
            if schedule.whole_batches { all } else { schedule.batches.first().map_or(1, |share| share.of(all)) };
        let mut places = Places::new(at_once);
        let mut of_hypervisor: IndexMap<Option<&str>, Places> = IndexMap::default();
        // Each group, and when the last of it that was begun ends.
        let mut groups: Vec<(IndexSet<&str>, u64)> =
            schedule.never_together.iter().map(|group| (group.iter().map(String::as_str).collect(), 0)).collect();
        let mut last = 0;
        let mut batch_began = 0;
        let mut batch_left = 0;
        let mut sizes = schedule.batches.iter();
        let mut size = 1;
        for (target, longest) in targets.iter().zip(longest) {
            if schedule.whole_batches && batch_left == 0 {
                batch_began = last;
                size = sizes.next().map_or(size, |share| share.of(all));
                batch_left = size;
            }
            batch_left = batch_left.saturating_sub(1);
            let mut beside = schedule
                .per_hypervisor
                .map(|limit| of_hypervisor.entry(self.roles.hypervisor(target)).or_insert_with(|| Places::new(limit)));
            let apart = groups.iter().filter(|(group, _)| group.contains(target.as_str())).map(|(_, end)| *end);
            let began = places
                .free()
                .max(batch_began)
                .max(beside.as_ref().map_or(0, |places| places.free()))
                .max(apart.max().unwrap_or(0));
            let end = began.saturating_add(*longest);
            places.take(end);
            if let Some(places) = &mut beside {
                places.take(end);
            }
            for (_, until) in groups.iter_mut().filter(|(group, _)| group.contains(target.as_str())) {
                *until = end.max(*until);
            }
            last = end.max(last);
        }
        last
    }

    fn steps(&self, steps: &[Step], known: &mut Known) -> u64 {
        steps.iter().fold(0u64, |sum, step| sum.saturating_add(self.step_time(step, known)))
    }

    fn step_time(&self, step: &Step, known: &mut Known) -> u64 {
        match &step.kind {
            StepKind::Run(command, _) => self.command_time(command, known),
            StepKind::Let(Slot(slot), value) => {
                let time = self.probes(value, known);
                let value = self.value(value, known);
                if let Some(place) = known.get_mut(*slot) {
                    *place = value;
                }
                time
            }
            StepKind::Await { within, .. } => self.duration(within, known).unwrap_or(CHANGING),
            StepKind::Require { condition, .. } => self.probes(condition, known),
            StepKind::Call(callee, args) => self.call(callee, args, known),
            StepKind::If(branches, otherwise) => {
                let mut conditions = 0u64;
                let mut most = 0u64;
                for (condition, steps) in branches {
                    conditions = conditions.saturating_add(self.probes(condition, known));
                    most = most.max(self.steps(steps, known));
                }
                conditions.saturating_add(most.max(self.steps(otherwise, known)))
            }
            StepKind::For(_, list, steps) => {
                let items = self.items(list, known);
                self.steps(steps, known).saturating_mul(items)
            }
            StepKind::Retry(times, every, steps) => {
                let times = self.attempts(times, known);
                let pause = every.as_ref().and_then(|every| self.duration(every, known)).unwrap_or(0);
                let once = self.steps(steps, known);
                once.saturating_mul(times).saturating_add(pause.saturating_mul(times - 1))
            }
            StepKind::Try(body, recover, finally) => {
                let mut sum = self.steps(body, known);
                if let Some((_, steps)) = recover {
                    sum = sum.saturating_add(self.steps(steps, known));
                }
                sum.saturating_add(finally.as_ref().map_or(0, |steps| self.steps(steps, known)))
            }
            StepKind::Return(Some(value)) => self.probes(value, known),
            // A person's time is nobody's to bound; a plan that another runs has a bound of its own.
            StepKind::Confirm(_) | StepKind::RunPlan(..) | StepKind::Rehearse(..) | StepKind::Stage(_) => 0,
            StepKind::Fail(_)
            | StepKind::Skip(_)
            | StepKind::Warn(_)
            | StepKind::Record(..)
            | StepKind::Notify(..)
            | StepKind::Return(None)
            | StepKind::KeepOff => 0,
        }
    }

    fn command_time(&self, command: &Command, known: &Known) -> u64 {
        let within = command.within.as_ref().and_then(|within| self.duration(within, known));
        let once = within.unwrap_or(if command.effect == Effect::Read { READING } else { CHANGING });
        let guards = if command.effect.is_power() { GUARDS } else { 0 };
        let lock = if let super::program::WhenLocked::Wait(ms) = command.when_locked { ms } else { 0 };
        let (times, every) = command.retry.unwrap_or((1, 0));
        let all = once.saturating_mul(times).saturating_add(every.saturating_mul(times.saturating_sub(1)));
        all.saturating_add(guards).saturating_add(lock)
    }

    fn call(&self, callee: &Callee, args: &[Expr], known: &Known) -> u64 {
        let id = match callee {
            Callee::Proc(id) => *id,
            Callee::Driver(name) => {
                let host = args.first().and_then(|arg| self.value(arg, known)).and_then(|value| value.text());
                let driver = host.and_then(|host| self.drivers.get(&self.roles.of(&host).driver));
                match driver.or(self.drivers.values().next()).and_then(|driver| driver.procs.get(name)) {
                    Some(id) => *id,
                    None => return 0,
                }
            }
            Callee::Builtin(_) => return READING,
        };
        let Some(proc) = &self.procs[id.0] else { return 0 };
        let mut frame: Known = vec![None; proc.slots];
        for (i, slot) in frame.iter_mut().enumerate().take(proc.params.len()) {
            *slot = match args.get(i) {
                // What a text says takes no time.
                Some(_) if matches!(proc.params[i].ty, Type::Str | Type::VmId | Type::Size | Type::Secret) => None,
                Some(arg) => self.value(arg, known),
                None => proc.params[i].default.as_ref().and_then(constant),
            };
        }
        self.steps(&proc.body, &mut frame)
    }

    /// What the probes of an expression may take.
    fn probes(&self, expr: &Expr, known: &Known) -> u64 {
        match expr {
            Expr::Probe(callee, args) => self.call(callee, args, known),
            other => other.parts().into_iter().map(|part| self.probes(part, known)).sum(),
        }
    }

    fn duration(&self, expr: &Expr, known: &Known) -> Option<u64> {
        match self.value(expr, known)? {
            Value::Duration(ms) => Some(ms),
            _ => None,
        }
    }

    fn value(&self, expr: &Expr, known: &Known) -> Option<Value> {
        match expr {
            Expr::Slot(Slot(slot)) => known.get(*slot)?.clone(),
            Expr::Variable(of, name, ty) => {
                let host = self.value(of, known)?.text()?;
                self.asked_variables.borrow_mut().insert(name.clone());
                let variable = self.inventory.hosts.get(&host)?.variables.get(name)?;
                from_json(&variable.value, ty).ok()
            }
            Expr::Hypervisor(of) => {
                let host = self.value(of, known)?.text()?;
                self.roles.hypervisor(&host).map(|name| Value::Host(name.to_string()))
            }
            Expr::List(items) => {
                items.iter().map(|item| self.value(item, known)).collect::<Option<_>>().map(Value::List)
            }
            Expr::Convert(inner, ty) => self.value(inner, known)?.into_type(ty).ok(),
            Expr::Binary(op, left, right) => match (op, self.value(left, known)?, self.value(right, known)?) {
                (Op::Plus, Value::Duration(a), Value::Duration(b)) => Some(Value::Duration(a.saturating_add(b))),
                (Op::Times, Value::Int(a), Value::Duration(b)) | (Op::Times, Value::Duration(b), Value::Int(a)) => {
                    Some(Value::Duration(b.saturating_mul(a.max(0) as u64)))
                }
                _ => None,
            },
            other => constant(other),
        }
    }
}

/// Room for so many at once: when those end that hold it longest.
struct Places {
    at_once: usize,
    ends: BinaryHeap<Reverse<u64>>,
}

impl Places {
    fn new(at_once: usize) -> Places {
        Places { at_once: at_once.max(1), ends: BinaryHeap::new() }
    }

    /// When the next can begin.
    fn free(&self) -> u64 {
        match self.ends.peek() {
            Some(Reverse(first)) if self.ends.len() == self.at_once => *first,
            _ => 0,
        }
    }

    fn take(&mut self, end: u64) {
        self.ends.push(Reverse(end));
        if self.ends.len() > self.at_once {
            self.ends.pop();
        }
    }
}
