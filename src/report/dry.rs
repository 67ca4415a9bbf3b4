//! The dry run: what a plan would do, host by host and guard by guard, without any connection.

use std::fmt::Write;

use super::harmless;
use crate::code::{
    Builtin, Callee, Code, Effect, Expr, Guard, Instruction as I, Plan, Proof, Slot, Value, duration_text,
};
use crate::machine::{evaluate, words};

/// Calls within calls are followed this deep; the checker refuses recursion, so this is only a net.
const DEEP: usize = 12;

/// The whole dry run as text.
pub fn dry_run(code: &Code) -> String {
    let mut text = String::new();
    let first = code.entry;
    let others = (0..code.plans.len()).filter(|plan| *plan != first);
    for plan in std::iter::once(first).chain(others) {
        View { code, text: &mut text, last: String::new(), disrupted: Vec::new(), verify: false }
            .plan(&code.plans[plan]);
    }
    text
}

struct View<'v> {
    code: &'v Code,
    text: &'v mut String,
    /// The last line, so that what repeats for a loop is not said twice.
    last: String,
    /// The hosts whose power was changed up to here.
    disrupted: Vec<String>,
    /// Whether a success can leave one of them to be verified.
    verify: bool,
}

impl View<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        // What the run will find out stands in marks of its own, wherever it was put into a text.
        let line = harmless(line).replace("no answer (‹", "‹").replace("›)", "›");
        let line = format!("{:depth$}{line}", "", depth = 2 + depth * 2);
        if line != self.last {
            self.text.push_str(&line);
            self.text.push('\n');
            self.last = line;
        }
    }

    fn plan(&mut self, plan: &Plan) {
        let _ = writeln!(self.text, "plan {}", plan.name);
        for clause in clauses(plan) {
            self.line(0, &clause);
        }
        if plan.is_site {
            let slots = vec![Value::None; self.code.procs[plan.body].slots];
            self.walk(plan.body, slots, 0);
        }
        if !plan.is_site {
            let altogether = duration_text(plan.altogether / 1000 * 1000);
            self.line(0, &format!("altogether at most {altogether}{}", beside_the_window(plan)));
        }
        if let Some((mark, ms)) = &plan.costliest {
            let ms = duration_text(*ms / 1000 * 1000);
            self.line(0, &format!("longest: {} ({ms})   [{}]", mark.text, mark.place));
        }
        for host in &plan.hands_off {
            self.line(0, &format!("hand-off: the machine that runs this plan goes down with {host}"));
        }
        for (target, longest) in plan.targets.iter().zip(&plan.longest) {
            let _ = writeln!(self.text, "\n{target}: at most {}", duration_text(*longest / 1000 * 1000));
            self.last.clear();
            self.disrupted.clear();
            self.verify = plan.verify;
            let proc = &self.code.procs[plan.body];
            let mut slots = vec![Value::None; proc.slots];
            for (slot, initial) in slots.iter_mut().zip(&proc.initial) {
                *slot = initial.as_ref().and_then(|value| evaluate(self.code, &[], value).ok()).unwrap_or(Value::None);
            }
            if let Some(first) = slots.first_mut() {
                *first = Value::Host(target.clone());
            }
            self.walk(plan.body, slots, 0);
            let is_guest = |host: &&String| self.code.hosts.get(*host).is_some_and(|facts| facts.proves(Proof::Power));
            let guests: Vec<&str> = self.disrupted.iter().filter(is_guest).map(String::as_str).collect();
            if !guests.is_empty() {
                let hosts = guests.join(", ");
                self.line(0, "where it fails, or is stopped");
                self.line(1, &format!("+ guard ensure running: {hosts}, if disrupted and off, is started again"));
            }
        }
        self.text.push('\n');
    }

    fn value(&self, slots: &[Value], expr: &Expr) -> Value {
        evaluate(self.code, slots, expr).unwrap_or_else(|_| unknown("known in the run"))
    }

    fn walk(&mut self, proc: usize, mut slots: Vec<Value>, depth: usize) {
        if depth > DEEP {
            return;
        }
        let code = self.code;
        let body = &code.procs[proc];
        // The library's own statements are no news to a reader; what they do is.
        let is_own = !body.marks.first().is_some_and(|mark| mark.place.starts_with("std/"));
        let inner = if is_own { depth + 1 } else { depth };
        let mut step = usize::MAX;
        // Up to here it is open which way the run takes.
        let mut open = 0;
        let mut pc = 0;
        while let (Some(instruction), Some(mark)) = (body.instructions.get(pc), body.steps.get(pc)) {
            pc += 1;
            match instruction {
                I::JumpUnless(condition, to) | I::JumpIf(condition, to) => {
                    let wanted = matches!(instruction, I::JumpIf(..));
                    match evaluate(code, &slots, condition) {
                        Ok(Value::Bool(found)) if found == wanted => pc = (*to).max(pc),
                        Ok(Value::Bool(_)) => {}
                        _ => open = open.max(*to),
                    }
                    continue;
                }
                I::Jump(to) if pc > open && *to >= pc => {
                    pc = *to;
                    continue;
                }
                I::JumpUnlessProves(host, proof, to) => {
                    let host = self.value(&slots, host).to_string();
                    if self.code.hosts.get(&host).is_some_and(|facts| !facts.proves(*proof)) {
                        pc = *to;
                    }
                    continue;
                }
                I::Next(list, _, _, end) if slots.get(list.0) == Some(&Value::List(Vec::new())) => {
                    pc = *end;
                    continue;
                }
                // What is done about a failure is open too; the way around it is the jump before it.
                I::Try(Some((_, at)), _) | I::Keep(_, at) => {
                    if let Some(I::Jump(to)) = at.checked_sub(1).and_then(|before| body.instructions.get(before)) {
                        open = open.max(*to);
                    }
                }
                I::Return(_) if pc > open => return,
                _ => {}
            }
            // Guards at the end of a plan have no place in it.
            let is_guard = body.marks.get(*mark).is_some_and(|mark| *mark.place == *"" && is_own && step > 0);
            if is_guard && !self.verify || matches!(instruction, I::Recovered(_)) && !is_own {
                continue;
            }
            if *mark != step {
                step = *mark;
                if let Some(mark) = body.marks.get(step).filter(|_| step > 0 && is_own) {
                    let place = if mark.place.is_empty() { String::new() } else { format!("   [{}]", mark.place) };
                    self.line(depth, &format!("{}{place}", mark.text));
                }
            }
            let name = body.marks.get(step).map_or("", |mark| mark.text.as_str());
            self.instruction(instruction, &mut slots, inner, name);
        }
    }

    fn instruction(&mut self, instruction: &I, slots: &mut [Value], depth: usize, step: &str) {
        let set = |slots: &mut [Value], slot: Slot, value: Value| {
            if let Some(place) = slots.get_mut(slot.0) {
                *place = value;
            }
        };
        match instruction {
            I::Set(slot, expr) => {
                let value = self.value(slots, expr);
                set(slots, *slot, value);
            }
            I::Run(command, slot) => {
                let host = self.value(slots, &command.place).to_string();
                let user = command.user.as_ref().map_or(String::new(), |user| format!(" as {user}"));
                let effect = match command.effect {
                    Effect::Read => "reads",
                    Effect::Change => "changes",
                    Effect::PowerOn => "power on",
                    Effect::PowerOff => "power off",
                    Effect::PowerCycle => "power cycle",
                    Effect::Destroy => "destroys",
                };
                let shown = words(self.code, slots, command);
                self.line(depth, &format!("→ on {host}{user}: {shown}   ({effect})"));
                if let Some(slot) = slot {
                    let name =
                        step.strip_prefix("let ").and_then(|rest| rest.split([' ', '=']).next()).unwrap_or("output");
                    set(slots, *slot, unknown(name));
                }
            }
            I::Probe(builtin, args, slot, _) => {
                let args: Vec<String> = args.iter().map(|arg| self.value(slots, arg).to_string()).collect();
                self.line(depth, &format!("→ {}", probe(*builtin, &args)));
                set(slots, *slot, unknown("answer"));
            }
            I::Call(callee, args, result, _) => {
                let args: Vec<Value> = args.iter().map(|arg| self.value(slots, arg)).collect();
                self.call(callee, args, depth);
                if let Some(slot) = result {
                    set(slots, *slot, unknown("answer"));
                }
            }
            I::Next(list, _, item, _) => {
                let first = match slots.get(list.0) {
                    Some(Value::List(items)) if items.len() == 1 => items[0].clone(),
                    Some(Value::List(items)) => {
                        let each: Vec<String> = items.iter().map(ToString::to_string).collect();
                        self.line(depth, &format!("for each of: {}", each.join(", ")));
                        unknown("each")
                    }
                    _ => unknown("each"),
                };
                set(slots, *item, first);
            }
            I::Try(Some((slot, _)), _) | I::Keep(slot, _) => set(slots, *slot, unknown("failure")),
            I::WaitBegin(within, _) => {
                let within = self.value(slots, within).to_string();
                self.line(depth, &format!("waits at most {within}"));
            }
            I::Guard(Guard::Partners, guest) => {
                let guest = self.value(slots, guest).to_string();
                let has_partners = self
                    .code
                    .plans
                    .iter()
                    .flat_map(|plan| &plan.schedule.never_together)
                    .any(|hosts| hosts.contains(&guest));
                if has_partners {
                    self.line(depth, "+ guard partners: what is never down together with it is up");
                }
            }
            I::Guard(guard, guest) => {
                if let Guard::Disrupt(..) = guard {
                    let guest = self.value(slots, guest).to_string();
                    if !self.disrupted.contains(&guest) {
                        self.disrupted.push(guest);
                    }
                }
                if let Some(text) = guard_text(guard) {
                    self.line(depth, &format!("+ guard {text}"));
                }
            }
            I::RunPlan(plan, _) => {
                let name = self.code.plans[*plan].name.clone();
                self.line(depth, &format!("→ plan {name}, below"));
            }
            I::Disrupted(slot) => {
                // What the plan itself has verified on every way is not verified again.
                let hosts = if self.verify { self.disrupted.as_slice() } else { &[] };
                let hosts = hosts.iter().map(|host| Value::Host(host.clone())).collect();
                set(slots, *slot, Value::List(hosts));
            }
            I::Recovered(_) => self.line(depth.saturating_sub(1), "where that fails:"),
            I::GuestsBack(_)
            | I::Evidence(..)
            | I::Jump(_)
            | I::JumpUnless(..)
            | I::JumpIf(..)
            | I::WaitCheck(..)
            | I::Require(..)
            | I::Try(None, _)
            | I::Ask(..)
            | I::EndTry
            | I::EndFinally
            | I::Retry(..)
            | I::EndRetry
            | I::Fail(_)
            | I::Skip(_)
            | I::Warn(_)
            | I::Record(..)
            | I::Notify(..)
            | I::Confirm(_)
            | I::Return(_)
            | I::Claim(_)
            | I::KeepOff(_)
            | I::JumpIfDisrupted(..)
            | I::JumpUnlessProves(..)
            | I::FailAs(_)
            | I::JumpIfFailing(_)
            | I::Settled(_)
            | I::Verified(_)
            | I::Stage(_) => {}
        }
    }

    fn call(&mut self, callee: &Callee, args: Vec<Value>, depth: usize) {
        let id = match callee {
            Callee::Proc(id) => Some(id.0),
            Callee::Driver(name) => {
                let host = args.first().and_then(Value::text).unwrap_or_default();
                let driver = self.code.hosts.get(&host).and_then(|facts| self.code.drivers.get(&facts.driver));
                driver.and_then(|driver| driver.procs.get(name)).copied()
            }
            Callee::Builtin(_) => None,
        };
        let Some(id) = id else { return };
        let proc = &self.code.procs[id];
        let mut slots = args;
        slots.truncate(proc.params);
        for initial in proc.initial.iter().skip(slots.len()) {
            slots.push(initial.as_ref().and_then(|value| evaluate(self.code, &[], value).ok()).unwrap_or(Value::None));
        }
        slots.resize(proc.slots, Value::None);
        self.walk(id, slots, depth);
    }
}

/// What only the run will find out.
fn unknown(name: &str) -> Value {
    Value::NoAnswer(format!("‹{name}›"))
}

fn clauses(plan: &Plan) -> Vec<String> {
    let schedule = &plan.schedule;
    let mut lines = Vec::new();
    if !plan.is_site {
        lines.push(format!("for {}", plan.targets.join(", ")));
        let sizes: Vec<String> = schedule
            .batches
            .iter()
            .map(|share| match share {
                crate::code::Share::Count(count) => count.to_string(),
                crate::code::Share::Percent(share) => format!("{share}%"),
            })
            .collect();
        lines.push(match (schedule.whole_batches, sizes.as_slice()) {
            (true, sizes) => format!("batches {}", sizes.join(", ")),
            (false, [one]) if one == "1" => "one at a time".to_string(),
            (false, sizes) => format!("at most {} at once", sizes.join(", ")),
        });
    }
    lines.extend(schedule.per_hypervisor.map(|count| format!("at most {count} per hypervisor")));
    lines.extend(schedule.never_together.iter().map(|hosts| format!("never together {}", hosts.join(", "))));
    lines.extend(schedule.window.as_ref().map(|window| format!("window \"{}\"", window.text)));
    lines.extend(schedule.deadline.map(|ms| format!("deadline {}", duration_text(ms))));
    lines.extend(schedule.locks.iter().map(|lock| format!("lock \"{lock}\"")));
    lines
}

/// What a run that may be longer than its window means.
fn beside_the_window(plan: &Plan) -> String {
    match &plan.schedule.window {
        Some(window) if plan.altogether > u64::from(window.length()) * 60_000 => {
            let open = duration_text(u64::from(window.length()) * 60_000);
            format!(", and the window is open for {open}: a guest that would not be done in time is not begun")
        }
        _ => String::new(),
    }
}

fn guard_text(guard: &Guard) -> Option<&'static str> {
    Some(match guard {
        Guard::Identity => "identity: the hypervisor's guest of this id is the one that is meant, and no template",
        Guard::Quorum => "quorum: its hypervisor's cluster can start it again",
        Guard::Unlocked(..) => "unlocked: no backup, migration or snapshot holds it",
        Guard::Agent(_) => "agent: the guest agent answers the hypervisor",
        Guard::Guests => {
            "guests: none of the hypervisor's guests is locked; which run is noted, and they are waited for after"
        }
        Guard::Baseline => "baseline: its process and boot before",
        Guard::Unmanaged => "unmanaged: no cluster keeps its power by itself",
        Guard::Look | Guard::Present(_) | Guard::Partners | Guard::Disrupt(..) => return None,
    })
}

fn probe(builtin: Builtin, args: &[String]) -> String {
    let args = args.join(", ");
    match builtin {
        Builtin::Ssh => format!("ssh({args}): a fresh connection; after a power action to a new boot"),
        Builtin::NotSsh => format!("not ssh({args})"),
        Builtin::Port => format!("port({args})"),
        Builtin::Http => format!("http({args})"),
        Builtin::Power => format!("power({args}), by the hypervisor's files and processes"),
        Builtin::Identity => format!("identity({args})"),
        Builtin::Locked => format!("locked({args})"),
    }
}
