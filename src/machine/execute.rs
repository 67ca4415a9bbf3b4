//! One instruction after the other, until the world is needed.

use super::Stepped;
use super::eval::{Scope, about};
use super::event::{Effect, Ending, NoteKind};
use super::state::{Awaiting, Frame, Handler, HandlerKind, Pending, State, Wait, Way, failed};
use crate::code::{Builtin, Callee, Code, Expr, Instruction as I, Lenient, Slot, TimeOut, Value};

/// How long the guests of a hypervisor may take to answer after its restart, in milliseconds.
const GUESTS_BACK: u64 = 900_000;
/// Pauses of a wait that says none: from here, in milliseconds,
const FIRST_PAUSE: u64 = 1_000;
/// to here.
const LAST_PAUSE: u64 = 15_000;

impl State {
    /// Runs a fiber until it needs the world, or is at its end.
    pub(super) fn advance(&mut self, i: usize, out: &mut Stepped) {
        let code = self.code.clone();
        while self.fibers[i].ended.is_none() && self.fibers[i].awaiting.is_none() {
            let Some(frame) = self.fibers[i].frames.last_mut() else { return };
            let (proc, pc) = (frame.proc, frame.pc);
            frame.pc += 1;
            let Some(instruction) = code.procs.get(proc).and_then(|proc| proc.instructions.get(pc)) else {
                self.unwind(i, Way::Return, out);
                continue;
            };
            if self.fibers[i].deadline.is_some_and(|deadline| self.now >= deadline) {
                // What follows, `finally` among it, has its own deadlines.
                self.fibers[i].deadline = None;
                let host = self.fibers[i].host.clone();
                let message = "the plan's deadline for one guest is over".to_string();
                self.fail_for_good(i, failed("timeout", message, &host), out);
                continue;
            }
            if let Err(message) = self.execute(i, &code, instruction, out) {
                let host = self.fibers[i].host.clone();
                self.fail(i, failed("failed", message, &host), out);
            }
        }
    }

    pub(super) fn set(&mut self, i: usize, slot: Slot, value: Value) {
        if let Some(place) = self.fibers[i].frames.last_mut().and_then(|frame| frame.slots.get_mut(slot.0)) {
            *place = value;
        }
    }

    fn get(&self, i: usize, slot: Slot) -> Value {
        let frame = self.fibers[i].frames.last();
        frame.and_then(|frame| frame.slots.get(slot.0)).cloned().unwrap_or(Value::None)
    }

    pub(super) fn jump(&mut self, i: usize, pc: usize) {
        if let Some(frame) = self.fibers[i].frames.last_mut() {
            frame.pc = pc;
        }
    }

    pub(super) fn eval(&self, i: usize, expr: &Expr) -> Result<Value, String> {
        let slots = self.fibers[i].frames.last().map_or(&[][..], |frame| &frame.slots);
        Scope { code: &self.code, slots }.eval(expr)
    }

    pub(super) fn host_of(&self, i: usize, expr: &Expr) -> Result<String, String> {
        match self.eval(i, expr)? {
            Value::Host(host) => Ok(host),
            other => Err(format!("{other} is no host")),
        }
    }

    pub(super) fn text_of(&self, i: usize, expr: &Expr) -> Result<String, String> {
        Ok(self.eval(i, expr)?.to_string())
    }

    fn is_true(&self, i: usize, expr: &Expr) -> Result<bool, String> {
        Ok(self.eval(i, expr)? == Value::Bool(true))
    }

    pub(super) fn push_handler(&mut self, i: usize, kind: HandlerKind) {
        let fiber = &mut self.fibers[i];
        let handler = Handler { frames: fiber.frames.len(), waits: fiber.waits.len(), kind };
        fiber.handlers.push(handler);
    }

    fn execute(&mut self, i: usize, code: &Code, instruction: &I, out: &mut Stepped) -> Result<(), String> {
        match instruction {
            I::Set(slot, expr) => {
                let value = self.eval(i, expr)?;
                self.set(i, *slot, value);
            }
            I::Run(command, slot) => self.run_command(i, command, *slot, out)?,
            I::Probe(builtin, args, slot, lenient) => self.probe(i, *builtin, args, *slot, *lenient, out)?,
            I::Call(callee, args, result, lenient) => self.call(i, code, callee, args, *result, *lenient)?,
            I::Evidence(slot, guest) => self.evidence(i, *slot, guest, out)?,
            I::Jump(to) => self.jump(i, *to),
            I::JumpUnless(condition, to) => {
                if !self.is_true(i, condition)? {
                    self.jump(i, *to);
                }
            }
            I::JumpIf(condition, to) => {
                if self.is_true(i, condition)? {
                    self.jump(i, *to);
                }
            }
            I::WaitBegin(within, every) => {
                let Value::Duration(within) = self.eval(i, within)? else {
                    return Err("how long to wait is no time span".to_string());
                };
                let every = every.as_ref().map(|every| self.eval(i, every)).transpose()?;
                let pause = match every {
                    Some(Value::Duration(ms)) => Some(ms.max(100)),
                    _ => None,
                };
                let text = self.mark_text(i);
                self.note(i, NoteKind::Waiting { text }, out);
                let now = self.now;
                self.fibers[i].last_said.clear();
                self.fibers[i].waits.push(Wait {
                    began: now,
                    until: now.saturating_add(within),
                    pause: pause.unwrap_or(FIRST_PAUSE),
                    fixed: pause.is_some(),
                });
            }
            I::WaitCheck(condition, back, time_out) => self.wait_check(i, condition, *back, time_out, out)?,
            I::Require(condition, otherwise) => match self.eval(i, condition)? {
                Value::Bool(true) => {
                    let text = self.mark_text(i);
                    self.note(i, NoteKind::Proven { text, evidence: "true now".to_string(), took: 0 }, out);
                }
                answer => {
                    let message = match otherwise {
                        Some(text) => self.text_of(i, text)?,
                        None => format!("not true: {}{}", self.mark_text(i), self.said(i, &answer)),
                    };
                    return Err(message);
                }
            },
            I::Next(list, index, item, end) => {
                let at = if let Value::Int(at) = self.get(i, *index) { at as usize } else { 0 };
                // One of it is taken, and the rest left where it is.
                let slots = self.fibers[i].frames.last().map_or(&[][..], |frame| frame.slots.as_slice());
                let next = match slots.get(list.0) {
                    Some(Value::List(items)) => items.get(at).cloned(),
                    Some(Value::Json(json)) if json.is_array() => {
                        json.get(at).map(|item| Value::Json(Box::new(item.clone())))
                    }
                    other => return Err(format!("{} is no list", other.unwrap_or(&Value::None))),
                };
                match next {
                    Some(value) => {
                        self.set(i, *item, value);
                        self.set(i, *index, Value::Int(at as i64 + 1));
                    }
                    None => self.jump(i, *end),
                }
            }
            I::Try(recover, finally) => {
                if let Some(pc) = finally {
                    self.push_handler(i, HandlerKind::Finally(*pc));
                } else if let Some((slot, pc)) = recover {
                    self.push_handler(i, HandlerKind::Recover(*slot, *pc));
                }
            }
            I::Keep(slot, pc) => self.push_handler(i, HandlerKind::Keep(*slot, *pc)),
            I::Ask(question, next) => self.push_handler(i, HandlerKind::Ask(question.clone(), *next)),
            I::EndTry => {
                let depth = self.fibers[i].frames.len();
                if let Some(Handler { kind: HandlerKind::Finally(_), .. }) = self.fibers[i].handlers.pop() {
                    let handlers = self.fibers[i].handlers.len();
                    self.fibers[i].pendings.push(Pending { way: None, frames: depth, handlers });
                }
            }
            I::EndFinally => {
                if let Some(Pending { way: Some(way), .. }) = self.fibers[i].pendings.pop() {
                    self.unwind(i, way, out);
                }
            }
            I::Retry(times, every) => {
                let left = if let Value::Int(times) = self.eval(i, times)? { times.max(1) as u64 } else { 1 };
                let every = match every.as_ref().map(|every| self.eval(i, every)).transpose()? {
                    Some(Value::Duration(ms)) => ms,
                    _ => 0,
                };
                let from = self.fibers[i].frames.last().map_or(0, |frame| frame.pc);
                self.push_handler(i, HandlerKind::Retry { left, every, from });
            }
            I::EndRetry => {
                self.fibers[i].handlers.pop();
            }
            I::Fail(text) => return Err(self.text_of(i, text)?),
            I::Skip(text) => {
                let text = self.text_of(i, text)?;
                self.unwind(i, Way::End(Ending::Skipped(text)), out);
            }
            I::Warn(text) => {
                let text = self.text_of(i, text)?;
                self.note(i, NoteKind::Warned(text), out);
            }
            I::Record(name, value) => {
                let value = self.text_of(i, value)?;
                self.note(i, NoteKind::Recorded(name.clone(), value), out);
            }
            I::Notify(channel, subject, fields) => {
                let subject = self.text_of(i, subject)?;
                let mut rows = Vec::new();
                for (name, value) in fields {
                    rows.push((name.clone(), self.text_of(i, value)?));
                }
                let kind =
                    NoteKind::Notified { channel: channel.clone(), subject: subject.clone(), fields: rows.clone() };
                self.note(i, kind, out);
                let effect = Effect::Notify { channel: channel.clone(), subject, fields: rows };
                self.ask(i, effect, Awaiting::Notified(channel.clone()), out);
            }
            I::Confirm(text) => {
                let question = self.text_of(i, text)?;
                self.ask(i, Effect::Confirm { question: question.clone() }, Awaiting::Confirmed(question), out);
            }
            I::Return(value) => {
                let value = value.as_ref().map(|value| self.eval(i, value)).transpose()?;
                if let (Some(frame), Some(value)) = (self.fibers[i].frames.last_mut(), value) {
                    frame.value = value;
                }
                self.unwind(i, Way::Return, out);
            }
            I::RunPlan(plan, args) => {
                let mut values = Vec::new();
                for arg in args {
                    values.push(self.eval(i, arg)?);
                }
                self.fibers[i].awaiting = Some(Awaiting::Plan);
                self.begin_plan(*plan, Some(i), values, out);
            }
            I::Claim(guest) => {
                let guest = guest.as_ref().map(|guest| self.host_of(i, guest)).transpose()?;
                self.claim_all(i, guest.as_deref(), out);
            }
            I::KeepOff(guest) => {
                let guest = self.host_of(i, guest)?;
                self.keep_off(i, &guest, out);
            }
            I::Guard(guard, guest) => {
                let guest = self.host_of(i, guest)?;
                self.guard(i, guard, &guest, out);
            }
            I::Settled(guest) => {
                let guest = self.host_of(i, guest)?;
                self.settled(i, &guest, out);
            }
            I::JumpIfDisrupted(guest, to) => {
                let guest = self.host_of(i, guest)?;
                if self.guest(i, &guest).disrupted {
                    self.jump(i, *to);
                }
            }
            I::JumpUnlessProves(guest, proof, to) => {
                let guest = self.host_of(i, guest)?;
                if !self.proves(i, &guest, *proof) {
                    self.jump(i, *to);
                }
            }
            I::Disrupted(slot) => {
                let guests = self.fibers[i].guests.iter();
                let disrupted = guests.filter(|(_, state)| state.disrupted && !state.keep_off);
                let disrupted = disrupted.map(|(name, _)| Value::Host(name.clone())).collect();
                self.set(i, *slot, Value::List(disrupted));
            }
            I::Recovered(slot) => {
                if let Value::Failure(failed) = self.get(i, *slot) {
                    self.note(i, NoteKind::Warned(format!("recovered from: {}", failed.message)), out);
                }
            }
            I::FailAs(slot) => {
                if let Value::Failure(failed) = self.get(i, *slot) {
                    let ending = match failed.kind.as_str() {
                        "refused" => Ending::Refused(*failed),
                        "unknown" => Ending::Unknown(*failed),
                        _ => Ending::Failed(*failed),
                    };
                    self.unwind(i, Way::End(ending), out);
                }
            }
            I::JumpIfFailing(to) => {
                let failing = self.fibers[i]
                    .pendings
                    .iter()
                    .any(|pending| matches!(&pending.way, Some(Way::End(ending)) if !ending.is_good()));
                if failing {
                    self.jump(i, *to);
                }
            }
            I::GuestsBack(_) => {
                let until = self.now.saturating_add(GUESTS_BACK);
                self.see_next_guest(i, until, out);
            }
            I::Verified(guest) => {
                let guest = self.host_of(i, guest)?;
                self.verified(i, &guest, out);
            }
            I::Stage(stage) => self.cue(i, stage, out)?,
        }
        Ok(())
    }

    /// The text of the step that a fiber is at.
    pub(super) fn mark_text(&self, i: usize) -> String {
        let Some(frame) = self.fibers[i].frames.last() else { return String::new() };
        let proc = &self.code.procs[frame.proc];
        proc.steps
            .get(frame.pc.saturating_sub(1))
            .and_then(|step| proc.marks.get(*step))
            .map_or(String::new(), |mark| mark.text.clone())
    }

    fn said(&self, i: usize, answer: &Value) -> String {
        match answer {
            Value::NoAnswer(why) => format!(" ({why})"),
            _ if self.fibers[i].last_said.is_empty() => String::new(),
            _ => format!(" (last answer: {})", self.fibers[i].last_said),
        }
    }

    pub(super) fn call(
        &mut self,
        i: usize,
        code: &Code,
        callee: &Callee,
        args: &[Expr],
        result: Option<Slot>,
        lenient: Lenient,
    ) -> Result<(), String> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(i, arg)?);
        }
        let id = match callee {
            Callee::Proc(id) => id.0,
            Callee::Driver(name) => {
                let Some(Value::Host(guest)) = values.first() else {
                    return Err(format!("`{name}` is about a guest"));
                };
                let driver = code.hosts.get(guest).and_then(|facts| code.drivers.get(&facts.driver));
                let found = driver.and_then(|driver| driver.procs.get(name)).copied();
                found.ok_or_else(|| format!("the driver of `{guest}` has no `{name}`"))?
            }
            Callee::Builtin(_) => return Err("a probe of the runtime is no procedure".to_string()),
        };
        let proc = &code.procs[id];
        values.truncate(proc.params);
        let mut slots = values;
        // Parameters that a driver has beyond what the caller knows take their defaults.
        for initial in proc.initial.iter().skip(slots.len()) {
            let value = initial.as_ref().and_then(|expr| Scope { code, slots: &[] }.eval(expr).ok());
            slots.push(value.unwrap_or(Value::None));
        }
        slots.resize(proc.slots, Value::None);
        let fiber = &mut self.fibers[i];
        let waits = fiber.waits.len();
        fiber.frames.push(Frame { proc: id, pc: 0, slots, result, lenient, waits, value: Value::None });
        Ok(())
    }

    fn wait_check(
        &mut self,
        i: usize,
        condition: &Expr,
        back: usize,
        time_out: &TimeOut,
        out: &mut Stepped,
    ) -> Result<(), String> {
        // A value that can not be had yet is no answer yet.
        let answer = self.eval(i, condition).unwrap_or_else(Value::NoAnswer);
        let now = self.now;
        let Some(wait) = self.fibers[i].waits.last_mut() else { return Ok(()) };
        if answer == Value::Bool(true) {
            let took = now - wait.began;
            self.fibers[i].waits.pop();
            let text = self.mark_text(i);
            let evidence = self.fibers[i].last_said.clone();
            self.note(i, NoteKind::Proven { text, evidence, took }, out);
            return Ok(());
        }
        if now >= wait.until {
            let waited = about(now - wait.began);
            self.fibers[i].waits.pop();
            return match time_out {
                TimeOut::Jump(to) => {
                    self.jump(i, *to);
                    Ok(())
                }
                TimeOut::Fail(otherwise) => {
                    let message = match otherwise {
                        Some(text) => self.text_of(i, text)?,
                        None => {
                            format!("still not true after {waited}: {}{}", self.mark_text(i), self.said(i, &answer))
                        }
                    };
                    let host = self.fibers[i].host.clone();
                    self.fail(i, failed("timeout", message, &host), out);
                    Ok(())
                }
            };
        }
        let pause = wait.pause.min(wait.until - now);
        if !wait.fixed {
            wait.pause = (wait.pause * 3 / 2).min(LAST_PAUSE);
        }
        self.jump(i, back);
        self.ask(i, Effect::Sleep { ms: pause }, Awaiting::Nothing, out);
        Ok(())
    }

    fn probe(
        &mut self,
        i: usize,
        builtin: Builtin,
        args: &[Expr],
        slot: Slot,
        lenient: Lenient,
        out: &mut Stepped,
    ) -> Result<(), String> {
        let first = args.first().ok_or("a probe asks about something")?;
        let unproven = match builtin {
            Builtin::Port => Some(self.host_of(i, first)?).filter(|host| self.guest(i, host).is_unproven()),
            // Whose address it is nobody knows: perhaps that of a guest that is on its way down.
            Builtin::Http => {
                self.fibers[i].guests.iter().find(|(_, state)| state.is_unproven()).map(|(host, _)| host.clone())
            }
            _ => None,
        };
        if let Some(host) = unproven {
            self.ask(i, Effect::Reach { host: host.clone() }, Awaiting::NewBoot { host, slot }, out);
            return Ok(());
        }
        match builtin {
            Builtin::Ssh | Builtin::NotSsh => {
                let host = self.host_of(i, first)?;
                let awaiting = Awaiting::Reached { host: host.clone(), slot, lenient, wanted: builtin == Builtin::Ssh };
                self.ask(i, Effect::Reach { host }, awaiting, out);
            }
            Builtin::Port => {
                let host = self.host_of(i, first)?;
                let port = match args.get(1).map(|port| self.eval(i, port)).transpose()? {
                    Some(Value::Int(port)) => u16::try_from(port).map_err(|_| format!("{port} is no port"))?,
                    _ => return Err("the port is no number".to_string()),
                };
                self.ask(i, Effect::Port { host, port }, Awaiting::Truth(slot, lenient), out);
            }
            Builtin::Http => {
                let url = self.text_of(i, first)?;
                self.ask(i, Effect::Http { url }, Awaiting::Truth(slot, lenient), out);
            }
            Builtin::Power | Builtin::Identity | Builtin::Locked => {
                let guest = self.host_of(i, first)?;
                self.look(i, &guest, Awaiting::PowerProbe(builtin, slot, lenient, guest.clone()), out)?;
            }
        }
        Ok(())
    }
}
