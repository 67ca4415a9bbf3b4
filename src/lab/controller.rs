//! The machine that drives the run, where it is one of the site's: its process can be gone, and it can go down itself.

use super::{Due, EffectId, Lab};

/// How long after a boot the service that goes on with runs begins, in milliseconds.
const AFTER_BOOT: u64 = 30_000;
/// How long a machine that is down is waited for, in milliseconds.
const LONGEST: u64 = 24 * 3_600_000;

impl Lab {
    /// Whether the machine that drives the run is down, or was since.
    pub fn controller_is_down(&self) -> bool {
        let Some((name, boot)) = &self.controller else { return false };
        self.machines.get(name).is_some_and(|machine| !machine.running || machine.boot != *boot)
    }

    /// Time passes until the machine that drives the run is up again and its service begins; whether it ever is.
    pub fn controller_boots(&mut self) -> bool {
        self.controller_dies();
        let until = self.now + LONGEST;
        let Some((name, _)) = self.controller.clone() else { return false };
        loop {
            match self.machines.get(&name) {
                Some(machine) if machine.running && machine.ssh => {
                    self.controller = Some((name, machine.boot));
                    self.pass(AFTER_BOOT);
                    return true;
                }
                _ => {}
            }
            if self.due.first_key_value().is_none_or(|((at, _), _)| *at > until) {
                return false;
            }
            // Answers are for nobody.
            let _ = self.turn();
        }
    }

    /// The process that drives the run is gone: what it was told is lost, what it has sent goes on, and its claims are
    /// soon over.
    pub fn controller_dies(&mut self) {
        self.claims.clear();
        self.forget_callers();
        for operation in self.operations.values_mut() {
            operation.wanted = None;
        }
        for (key, due) in std::mem::take(&mut self.due) {
            let stays = match due {
                // Nobody waits for the answer of what was sent.
                Due::Act(_, effect) if effect.changes() => Due::Act(EffectId(0), effect),
                Due::Act(..)
                | Due::Ask(..)
                | Due::Answer(..)
                | Due::Ran(..)
                | Due::TimeIsOut(..)
                | Due::GiveUp(..)
                | Due::NotKnown(..) => {
                    continue;
                }
                due @ (Due::Ended(..)
                | Due::Change(..)
                | Due::Look(..)
                | Due::Call(..)
                | Due::Set(..)
                | Due::Freeze(..)) => due,
            };
            self.due.insert(key, stays);
        }
    }

    /// Time passes, and nobody asks for anything.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.due.first_key_value().is_some_and(|((at, _), _)| *at <= until) {
            // Answers are for nobody.
            let _ = self.turn();
        }
        self.now = until;
    }
}
