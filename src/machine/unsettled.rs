//! Commands of which nobody knows what became of them. Of a power command the guest tells; of another its hypervisor's
//! list of tasks may. What neither tells stays unknown: it is not guessed, and nothing is done twice.

use super::Stepped;
use super::answers::{last_line, shortened};
use super::event::{Ending, NoteKind, Purpose, Reply, Trouble};
use super::guards::reading_script;
use super::state::{Awaiting, Facts, State, Unsettled, Way, failed};
use crate::code::{Command, Effect as Kind, Failed, Value, Whom};

impl State {
    /// Looks for what became of a command, where that can be seen.
    pub(super) fn unknown(
        &mut self,
        i: usize,
        command: &Command,
        guest: &str,
        unsettled: Unsettled,
        began: Option<u64>,
        out: &mut Stepped,
    ) {
        let ending = Box::new(unsettled.clone());
        let asked = if command.effect.is_power() {
            self.look(i, guest, Awaiting::Seen(ending), out).is_ok()
        } else {
            let task = command.task.as_deref().filter(|_| command.whom == Whom::Subject).zip(began);
            task.is_some_and(|(task, began)| self.look_for_task(i, guest, task, began, ending, out))
        };
        if !asked {
            self.end_unknown(i, unsettled, out);
        }
    }

    /// Asks the list of tasks where the command ran, if the driver knows how.
    fn look_for_task(
        &mut self,
        i: usize,
        guest: &str,
        task: &str,
        began: u64,
        unsettled: Box<Unsettled>,
        out: &mut Stepped,
    ) -> bool {
        let Some(facts) = self.code.hosts.get(guest) else { return false };
        let script = self.code.drivers.get(&facts.driver).and_then(|driver| driver.tasks.clone());
        let Some((script, identity)) = script.zip(facts.identity.clone()) else { return false };
        let began = began.to_string();
        let argv = ["sh", "-c", &script, "tasks", &identity, task, &began];
        let run = reading_script(&unsettled.host, argv, Purpose::Plan);
        self.ask(i, run, Awaiting::Listed(unsettled), out);
        true
    }

    /// The list of tasks was looked at. A task that has ended says how.
    pub(super) fn tasks_looked_at(
        &mut self,
        i: usize,
        unsettled: Unsettled,
        result: Result<Reply, Trouble>,
        out: &mut Stepped,
    ) {
        let host = unsettled.host.clone();
        let found = match result {
            Ok(reply) if reply.code == 0 => reply.stdout.trim().to_string(),
            Ok(reply) => {
                return self.still_unknown(i, unsettled, "its tasks could not be read", &last_line(&reply), out);
            }
            Err(trouble) => {
                return self.still_unknown(i, unsettled, "its tasks could not be read", &trouble.text(), out);
            }
        };
        let (state, said) = found.split_once(' ').unwrap_or((&found, ""));
        match state {
            "ok" => self.carried_out(i, unsettled, &format!("`{host}` lists it as {said}"), out),
            "failed" => {
                let Some(command) = self.current_command(i) else { return };
                let said = shortened(said);
                let message = format!("`{}` on `{host}` failed, says the list of tasks there: {said}", command.text);
                self.fail(i, failed("failed", message, &host), out);
            }
            "running" => self.still_unknown(i, unsettled, "it is still at work there", said, out),
            "several" => self.still_unknown(i, unsettled, "more than one task there could be it", said, out),
            _ => self.still_unknown(i, unsettled, "no task there is known to be it", "", out),
        }
    }

    /// The guest was looked at because nobody knows what became of a power command. Where it is as the command was to
    /// make it, the command was carried out; else that stays unknown.
    pub(super) fn guest_looked_at(
        &mut self,
        i: usize,
        mut unsettled: Unsettled,
        result: Result<Reply, Trouble>,
        out: &mut Stepped,
    ) {
        let Some(command) = self.current_command(i) else { return };
        let guest = self.subject(i);
        let facts = match result {
            Ok(reply) if reply.code == 0 => Facts::read(&reply.stdout),
            Ok(reply) => return self.still_unknown(i, unsettled, "it could not be looked at", &last_line(&reply), out),
            Err(trouble) => return self.still_unknown(i, unsettled, "it could not be looked at", &trouble.text(), out),
        };
        let baseline = self.guest(i, &guest).baseline.clone();
        let is_new = baseline.is_some_and(|baseline| baseline.process != facts.process);
        let runs = facts.power == "running";
        let carried_out = match command.effect {
            Kind::PowerOn => runs,
            Kind::PowerOff => facts.power == "stopped",
            _ => runs && is_new,
        };
        let process = match (runs, is_new) {
            (true, true) => ", in a new process",
            (true, false) => ", in the process of before",
            (false, _) => "",
        };
        let seen = format!("`{guest}` is now {}{process}", facts.power);
        self.guest(i, &guest).facts = Some(facts);
        if carried_out {
            self.carried_out(i, unsettled, &seen, out);
        } else {
            unsettled.message = format!("{}; {seen}", unsettled.message);
            self.end_unknown(i, unsettled, out);
        }
    }

    /// Goes on behind the command. What it printed is lost.
    fn carried_out(&mut self, i: usize, unsettled: Unsettled, seen: &str, out: &mut Stepped) {
        let text = format!("{}; {seen}, so it was carried out", unsettled.message);
        self.note(i, NoteKind::Warned(text), out);
        if let Some(slot) = unsettled.slot {
            self.set(i, slot, Value::Output(Box::default()));
        }
    }

    fn still_unknown(&mut self, i: usize, mut unsettled: Unsettled, why: &str, said: &str, out: &mut Stepped) {
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        unsettled.message = format!("{}; {why}{said}", unsettled.message);
        self.end_unknown(i, unsettled, out);
    }

    fn end_unknown(&mut self, i: usize, unsettled: Unsettled, out: &mut Stepped) {
        let Unsettled { host, slot, message } = unsettled;
        self.park(i, slot);
        let step = self.step_text(i);
        let unknown = Failed { kind: "unknown".to_string(), message, step, code: -1, host };
        self.unwind(i, Way::End(Ending::Unknown(unknown)), out);
    }
}
