//! What the world answered, and what that means for the fiber that asked.

use super::Stepped;
use super::eval::about;
use super::event::{Answer, Ending, Greeting, NoteKind, Reply, Trouble, short};
use super::state::{Awaiting, Baseline, Facts, State, Unsettled, failed};
use crate::code::{
    Builtin, Command, Effect as Kind, Failed, Guard, Instruction, Lenient, Output, ProcKind, Slot, Value,
};

/// The pause before a guest is asked again whether it is back, in milliseconds.
const GUEST_PAUSE: u64 = 5_000;
/// How often one after another a guest is watched over anew, whose hypervisor had ceased to when the command came.
const WATCHES_AGAIN: u32 = 3;

impl State {
    pub(super) fn answered(&mut self, i: usize, answer: Answer, out: &mut Stepped) {
        let Some(awaiting) = self.fibers[i].awaiting.take() else { return };
        match (awaiting, answer) {
            (Awaiting::Output { host, slot }, Answer::Ran(result)) => self.command_ended(i, &host, slot, result, out),
            (Awaiting::Claimed(claim), Answer::Claimed(answer)) => self.claimed(i, claim, answer, out),
            (Awaiting::Watched(watch), Answer::Watched(answer)) => self.watched(i, watch, answer, out),
            (Awaiting::LeftOff(watch), Answer::Watched(Err(trouble))) => self.not_left_off(i, &watch, &trouble, out),
            (Awaiting::LeftOff(_), Answer::Watched(Ok(()))) => {}
            (Awaiting::Seen(unsettled), Answer::Ran(result)) => self.guest_looked_at(i, *unsettled, result, out),
            (Awaiting::Listed(unsettled), Answer::Ran(result)) => self.tasks_looked_at(i, *unsettled, result, out),
            (Awaiting::Look(guest), Answer::Ran(result)) => {
                if let Some(facts) = self.read_look(i, &guest, result, Lenient::No, None, out) {
                    self.guest(i, &guest).facts = Some(facts);
                }
            }
            (Awaiting::PowerProbe(builtin, slot, lenient, guest), Answer::Ran(result)) => {
                if let Some(facts) = self.read_look(i, &guest, result, lenient, Some(slot), out) {
                    self.power_answer(i, builtin, slot, &guest, facts);
                }
            }
            (Awaiting::Evidence(slot, guest), Answer::Ran(result)) => {
                if let Some(facts) = self.read_look(i, &guest, result, Lenient::Yes, Some(slot), out) {
                    let old = self.guest(i, &guest).baseline.clone().map(|baseline| baseline.process);
                    if facts.power == "running" && old.is_some_and(|old| old != facts.process) {
                        self.guest(i, &guest).new_process = Some(facts.process);
                        self.agent_answered(i, &guest, out);
                    } else {
                        self.set(i, slot, Value::NoAnswer("the old system's agent still answers".to_string()));
                    }
                }
            }
            (Awaiting::Reached { host, slot, lenient, wanted }, Answer::Reached(result)) => {
                self.reached(i, &host, slot, lenient, wanted, result, out);
            }
            (Awaiting::NewBoot { host, slot }, Answer::Reached(result)) => {
                let is_new = match result {
                    Ok(greeting) => self.is_new_boot(i, &host, greeting, out),
                    Err(trouble) => {
                        self.fibers[i].last_said = trouble.text();
                        false
                    }
                };
                if is_new {
                    // Now the probe itself.
                    let pc = self.fibers[i].frames.last().map_or(0, |frame| frame.pc.saturating_sub(1));
                    self.jump(i, pc);
                } else {
                    self.set(i, slot, Value::Bool(false));
                }
            }
            (Awaiting::Baseline(guest), Answer::Reached(result)) => {
                let facts = self.guest(i, &guest).facts.clone().unwrap_or_default();
                let boot_id = result.ok().map(|greeting| greeting.boot_id);
                let seen = match &boot_id {
                    Some(id) => format!("boot {}", short(id)),
                    None => "no answer by ssh".to_string(),
                };
                self.guest(i, &guest).baseline = Some(Baseline { power: facts.power, process: facts.process, boot_id });
                self.note(i, NoteKind::Guarded { guard: "baseline".to_string(), seen }, out);
            }
            (Awaiting::Truth(slot, _), Answer::Truth(result)) => {
                let value = match result {
                    Ok(yes) => {
                        self.fibers[i].last_said = if yes { "it answers" } else { "nothing answers" }.to_string();
                        Value::Bool(yes)
                    }
                    // `port` and `http` are false when nothing answers.
                    Err(trouble) => {
                        self.fibers[i].last_said = trouble.text();
                        Value::Bool(false)
                    }
                };
                self.set(i, slot, value);
            }
            (Awaiting::Confirmed(question), Answer::Confirmed(false)) => {
                let host = self.fibers[i].host.clone();
                self.refuse(i, format!("not confirmed: {question}"), &host, out);
            }
            (Awaiting::Notified(channel), Answer::Notified(Some(why))) => {
                self.note(i, NoteKind::Warned(format!("the notification to `{channel}` was not sent: {why}")), out);
            }
            (Awaiting::Confirmed(_), Answer::Confirmed(true)) | (Awaiting::Notified(_), Answer::Notified(None)) => {}
            (Awaiting::Settled(guest), Answer::Slept) => self.never_settled(i, &guest, out),
            (Awaiting::GuestSeen { guest, others }, Answer::Ran(result)) => {
                self.guest_seen(i, guest, others, result, out);
            }
            (Awaiting::GuestBack { guest, until }, Answer::Reached(result)) => {
                self.guest_back(i, guest, until, result, out);
            }
            (Awaiting::GuestPause { guest, until }, Answer::Slept) => {
                let awaiting = Awaiting::GuestBack { guest: guest.clone(), until };
                self.ask(i, super::Effect::Reach { host: guest }, awaiting, out);
            }
            (Awaiting::Partner { partner, others, begun }, Answer::Reached(result)) => {
                self.partner_answered(i, &partner, others, begun, result, out);
            }
            // An answer of another kind than was asked for is a fault of the world; the fiber goes on without it.
            _ => {}
        }
    }

    /// A guest of a hypervisor that is about to restart: a lock stops that, and one that runs is to run again.
    fn guest_seen(
        &mut self,
        i: usize,
        guest: String,
        mut others: Vec<String>,
        result: Result<Reply, Trouble>,
        out: &mut Stepped,
    ) {
        let Some(facts) = self.read_look(i, &guest, result, Lenient::No, None, out) else { return };
        if let Some(lock) = &facts.lock {
            let message = format!("unlocked: `{guest}`, which would go down too, is locked ({lock})");
            self.refuse(i, message, &guest, out);
            return;
        }
        if facts.found && facts.power == "running" {
            self.guest(i, &guest).facts = Some(facts);
            self.fibers[i].guests_to_see.push(guest);
        }
        match others.pop() {
            Some(next) => self.see_guest(i, next, others, out),
            None => {
                let running = self.fibers[i].guests_to_see.join(", ");
                let seen =
                    if running.is_empty() { "none runs".to_string() } else { format!("{running} run, none is locked") };
                self.note(i, NoteKind::Guarded { guard: "guests".to_string(), seen }, out);
            }
        }
    }

    fn guest_back(
        &mut self,
        i: usize,
        guest: String,
        until: u64,
        result: Result<Greeting, Trouble>,
        out: &mut Stepped,
    ) {
        match result {
            Ok(_) => {
                self.fibers[i].guests_to_see.retain(|other| *other != guest);
                let seen = format!("`{guest}` answers again");
                self.note(i, NoteKind::Guarded { guard: "guests".to_string(), seen }, out);
                self.see_next_guest(i, until, out);
            }
            Err(trouble) if self.now >= until => {
                let message =
                    format!("the guest `{guest}` ran before the restart, and is not back: {}", trouble.text());
                self.fail(i, failed("timeout", message, &guest), out);
            }
            Err(_) => {
                self.ask(i, super::Effect::Sleep { ms: GUEST_PAUSE }, Awaiting::GuestPause { guest, until }, out);
            }
        }
    }

    fn partner_answered(
        &mut self,
        i: usize,
        partner: &str,
        mut others: Vec<String>,
        begun: bool,
        result: Result<Greeting, Trouble>,
        out: &mut Stepped,
    ) {
        if let Err(trouble) = result {
            let message = format!("partner not healthy: `{partner}`: {}", trouble.text());
            if begun {
                self.refuse(i, message, partner, out);
            } else {
                self.finish(i, Ending::NotBegun(message), out);
            }
            return;
        }
        match others.pop() {
            Some(next) => {
                let awaiting = Awaiting::Partner { partner: next.clone(), others, begun };
                self.ask(i, super::Effect::Reach { host: next }, awaiting, out);
            }
            None => {
                let seen = format!("`{partner}` and every other that is never down together with it answers");
                self.note(i, NoteKind::Guarded { guard: "partners".to_string(), seen }, out);
            }
        }
    }

    fn read_look(
        &mut self,
        i: usize,
        guest: &str,
        result: Result<Reply, Trouble>,
        lenient: Lenient,
        slot: Option<Slot>,
        out: &mut Stepped,
    ) -> Option<Facts> {
        let trouble = match result {
            Ok(reply) if reply.code == 0 => return Some(Facts::read(&reply.stdout)),
            Ok(reply) => {
                let said = last_line(&reply);
                let hypervisor =
                    self.code.hosts.get(guest).and_then(|facts| facts.hypervisor.clone()).unwrap_or_default();
                failed("failed", format!("`{hypervisor}` could not be asked about `{guest}`: {said}"), &hypervisor)
            }
            Err(trouble) => blame(&trouble),
        };
        match (lenient, slot) {
            (Lenient::Yes, Some(slot)) => self.set(i, slot, Value::NoAnswer(trouble.message)),
            _ => self.fail(i, trouble, out),
        }
        None
    }

    fn power_answer(&mut self, i: usize, builtin: Builtin, slot: Slot, guest: &str, facts: Facts) {
        let value = match builtin {
            Builtin::Power => Value::Str(facts.power.clone()),
            Builtin::Locked => Value::Bool(facts.lock.is_some()),
            _ => {
                let name = self.code.hosts.get(guest).map(|host| host.guest_name.clone()).unwrap_or_default();
                Value::Bool(facts.found && !facts.template && facts.name.eq_ignore_ascii_case(&name))
            }
        };
        self.fibers[i].last_said = match builtin {
            Builtin::Power => format!("`{}` by the hypervisor", facts.power),
            Builtin::Locked => facts.lock.as_ref().map_or("no lock".to_string(), |lock| format!("locked ({lock})")),
            _ => format!("called `{}`", facts.name),
        };
        let state = self.guest(i, guest);
        if state.disrupted
            && facts.power == "running"
            && state.baseline.as_ref().is_some_and(|baseline| baseline.process != facts.process)
        {
            state.new_process = Some(facts.process.clone());
        }
        state.facts = Some(facts);
        self.set(i, slot, value);
    }

    #[expect(clippy::too_many_arguments, reason = "what was asked, and the answer")]
    fn reached(
        &mut self,
        i: usize,
        host: &str,
        slot: Slot,
        lenient: Lenient,
        wanted: bool,
        result: Result<Greeting, Trouble>,
        out: &mut Stepped,
    ) {
        let disrupted = self.guest(i, host).disrupted;
        let truth = match result {
            Err(trouble) => {
                self.fibers[i].last_said = trouble.text();
                // `ssh` is false when nothing answers; a host that answers and refuses us has an error of its own.
                if matches!(trouble, Trouble::Refused { .. }) && lenient == Lenient::No {
                    self.fail(i, blame(&trouble), out);
                    return;
                }
                !wanted
            }
            Ok(greeting) if !disrupted => {
                self.fibers[i].last_said = format!("a fresh connection, boot {}", short(&greeting.boot_id));
                wanted
            }
            Ok(greeting) => self.is_new_boot(i, host, greeting, out),
        };
        self.set(i, slot, Value::Bool(truth));
    }

    /// Whether a connection is to another boot than the one before the power action.
    fn is_new_boot(&mut self, i: usize, host: &str, greeting: Greeting, out: &mut Stepped) -> bool {
        let now = self.now;
        let state = self.guest(i, host);
        let old = state.baseline.as_ref().and_then(|baseline| baseline.boot_id.clone());
        let is_new = match &old {
            // The kernel of a container is its host's, whose boot id stays: its process tells.
            Some(old) => *old != greeting.boot_id || state.new_process.is_some(),
            // Without the old boot's id its age tells: a boot after the power action is a new one.
            None => greeting.uptime < now.saturating_sub(state.disrupted_at),
        };
        if !is_new {
            self.fibers[i].last_said = "the old system still answers".to_string();
            return false;
        }
        self.fibers[i].last_said = match &old {
            Some(old) if *old == greeting.boot_id => "a fresh connection, a new process on the hypervisor".to_string(),
            _ => format!("a fresh connection, new boot {}", short(&greeting.boot_id)),
        };
        self.guest(i, host).new_boot = Some(greeting.boot_id);
        self.settle(i, host, out);
        true
    }

    fn command_ended(
        &mut self,
        i: usize,
        host: &str,
        slot: Option<Slot>,
        result: Result<Reply, Trouble>,
        out: &mut Stepped,
    ) {
        let Some(command) = self.current_command(i) else { return };
        let guest = self.subject(i);
        let reply = match result {
            Ok(reply) => reply,
            Err(trouble) => {
                self.command_troubled(i, &command, &guest, slot, trouble, out);
                return;
            }
        };
        let good = command.accept.as_ref().is_none_or(|codes| codes.contains(&i64::from(reply.code)));
        let said = last_line(&reply);
        // What a probe's command printed is the answer that a wait shows as its evidence, or as the last one.
        let silent = reply.stdout.trim().is_empty() && reply.stderr.trim().is_empty();
        let is_answer = reply.code != 0 || self.in_probe(i) && !silent;
        self.fibers[i].last_said = if is_answer { shortened(&said) } else { String::new() };
        let kind = NoteKind::Ended {
            code: reply.code,
            good,
            took: reply.took,
            said: if good { String::new() } else { said.clone() },
        };
        self.note(i, kind, out);
        if good {
            self.fibers[i].lock_until = None;
            if let Some(state) = self.fibers[i].guests.get_mut(&guest) {
                state.unwatched = 0;
            }
            if let Some(slot) = slot {
                let output = Output { stdout: reply.stdout, stderr: reply.stderr, code: reply.code, took: reply.took };
                self.set(i, slot, Value::Output(Box::new(output)));
            }
            return;
        }
        let says = |texts: &[String]| texts.iter().any(|text| reply.stderr.contains(text));
        let locked = says(&command.locked);
        if command.effect.is_power() && (locked || says(&command.not_started)) {
            // The command says that it did nothing, so the guest is as it was.
            self.not_done(i, &guest, out);
        }
        if locked && let Some(again) = self.look_before(i) {
            self.locked(i, &guest, &said, command.when_locked, again, out);
            return;
        }
        let message = format!("`{}` on `{host}` ended with {}: {said}", command.text, reply.code);
        let step = self.step_text(i);
        let failed = Failed { kind: "failed".to_string(), message, step, code: reply.code, host: host.to_string() };
        self.fail(i, failed, out);
    }

    fn command_troubled(
        &mut self,
        i: usize,
        command: &Command,
        guest: &str,
        slot: Option<Slot>,
        trouble: Trouble,
        out: &mut Stepped,
    ) {
        let reading = command.effect == Kind::Read;
        match &trouble {
            Trouble::Unreachable { .. } | Trouble::Refused { .. } => {
                // Nothing was started.
                if command.effect.is_power() {
                    self.not_done(i, guest, out);
                }
                if let Trouble::Refused { host, why } = &trouble {
                    self.refuse(i, format!("`{host}`: {why}"), host, out);
                    return;
                }
            }
            // This process stood still, or another went on with the run: the watch of then is over.
            Trouble::Unwatched { host } => {
                let state = self.guest(i, guest);
                state.watch = None;
                state.unwatched += 1;
                if state.unwatched <= WATCHES_AGAIN {
                    let text =
                        format!("`{host}` had ceased to watch over `{guest}` while it waited for `{}`", command.text);
                    self.note(i, NoteKind::Warned(text), out);
                    let here = self.fibers[i].frames.last().map_or(0, |frame| frame.pc.saturating_sub(1));
                    self.jump(i, here);
                    return;
                }
                self.not_done(i, guest, out);
            }
            // A machine that restarts itself takes the connection with it; its boot id tells what became of it.
            Trouble::Unknown { .. } if command.whom == crate::code::Whom::Itself => return,
            Trouble::Unknown { host, why, began } if !reading => {
                let why = why.trim_end_matches('.');
                let message =
                    format!("`{}` was sent to `{host}`, and nobody knows what became of it: {why}", command.text);
                let host = host.clone();
                self.unknown(i, command, guest, Unsettled { host, slot, message }, *began, out);
                return;
            }
            Trouble::Timeout { host, after } => {
                let what = if reading { "was ended" } else { "goes on there" };
                let message = format!("`{}` on `{host}` did not end within {} and {what}", command.text, about(*after));
                if !reading {
                    self.leave(i, guest, host, &command.text);
                }
                self.fail(i, failed("timeout", message, host), out);
                return;
            }
            Trouble::Unknown { .. } => {}
        }
        self.fail(i, blame(&trouble), out);
    }

    /// Whether a probe is under way.
    fn in_probe(&self, i: usize) -> bool {
        let frame = self.fibers[i].frames.last();
        frame.is_some_and(|frame| self.code.procs[frame.proc].kind == ProcKind::Probe)
    }

    /// The command whose answer a fiber waited for.
    pub(super) fn current_command(&self, i: usize) -> Option<Command> {
        let frame = self.fibers[i].frames.last()?;
        match self.code.procs[frame.proc].instructions.get(frame.pc.checked_sub(1)?)? {
            Instruction::Run(command, _) => Some((**command).clone()),
            _ => None,
        }
    }

    /// Where the guards of the current command begin.
    fn look_before(&self, i: usize) -> Option<usize> {
        let frame = self.fibers[i].frames.last()?;
        let instructions = &self.code.procs[frame.proc].instructions;
        let before = instructions.get(..frame.pc.checked_sub(1)?)?;
        before.iter().rposition(|instruction| matches!(instruction, Instruction::Guard(Guard::Look, _)))
    }

    /// The host that the current procedure is about.
    pub(super) fn subject(&self, i: usize) -> String {
        match self.fibers[i].frames.last().and_then(|frame| frame.slots.first()) {
            Some(Value::Host(host)) => host.clone(),
            _ => self.fibers[i].host.clone(),
        }
    }
}

/// A trouble as a failure: the host that failed is the one blamed.
pub(super) fn blame(trouble: &Trouble) -> Failed {
    match trouble {
        Trouble::Unreachable { host, why } => {
            failed("unreachable", format!("`{host}` can not be reached: {why}"), host)
        }
        Trouble::Refused { host, why } => failed("failed", format!("`{host}`: {why}"), host),
        Trouble::Unwatched { host } => failed("failed", format!("`{host}`: {}", trouble.text()), host),
        Trouble::Timeout { host, after } => {
            failed("timeout", format!("`{host}` did not answer within {}", about(*after)), host)
        }
        Trouble::Unknown { host, why, .. } => failed("unreachable", format!("`{host}` was lost: {why}"), host),
    }
}

/// What a command said last: of stderr, else of stdout.
pub(super) fn last_line(reply: &Reply) -> String {
    let last = |text: &str| {
        text.trim_end().lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_string())
    };
    last(&reply.stderr).or_else(|| last(&reply.stdout)).unwrap_or_else(|| "it said nothing".to_string())
}

/// At most a line of a message's length.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}
