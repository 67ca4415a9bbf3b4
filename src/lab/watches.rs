//! Guests that their hypervisors watch over while they are switched off.

use super::{Answer, CONNECT, Change, Due, EffectId, Lab};
use crate::machine::{self, WATCH_GRACE, WATCH_LATE, WATCH_LONGEST, Watch};

/// The pause between two looks, in milliseconds.
const EVERY: u64 = 60_000;
/// How long a start takes, in milliseconds.
const START: u64 = 500;

/// A guest that is watched over.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    host: String,
    identity: String,
    /// Where its power command stands in the run.
    step: String,
    /// When that command's time is out.
    bound: u64,
}

impl Lab {
    pub(super) fn watch(&mut self, id: EffectId, watch: Watch) {
        if let (_, Err(trouble)) = self.connect(&watch.host) {
            self.answer(CONNECT, id, Answer::Watched(Err(trouble)));
            return;
        }
        let Watch { host, subject, step, identity, within, .. } = watch;
        self.at(within + WATCH_GRACE, Due::Look(subject.clone(), step.clone()));
        self.watches.insert(subject, Watching { host, identity, step, bound: self.now + within });
        self.answer(0, id, Answer::Watched(Ok(())));
    }

    pub(super) fn unwatch(&mut self, watch: &Watch) {
        if self.watches.get(&watch.subject).is_some_and(|watching| watching.step == watch.step) {
            self.watches.remove(&watch.subject);
        }
    }

    /// Whether a command still belongs to the watch that was asked for it.
    pub(super) fn is_watched(&self, operation: &machine::Operation) -> bool {
        let watching = self.watches.get(&operation.subject);
        watching.is_some_and(|one| one.step == operation.step && self.now <= one.bound + WATCH_GRACE)
    }

    /// One look at a guest. One that is off, and on which nobody acts, is started.
    pub(super) fn looks_after(&mut self, guest: &str, step: &str) {
        let Some(watching) = self.watches.get(guest).filter(|watching| watching.step == step).cloned() else { return };
        let Watching { host, identity, bound, .. } = watching;
        let now = self.now;
        let name = self.by_identity(&host, &identity);
        let off = name.filter(|name| !self.machines[name].running);
        let longest = if off.is_some() { WATCH_LONGEST } else { WATCH_LATE };
        if now >= bound + longest {
            self.watches.remove(guest);
            return;
        }
        let host_runs = self.machines.get(&host).is_some_and(|host| host.running);
        if let Some(name) = off.filter(|_| host_runs && !self.claims.contains(guest)) {
            let machine = &self.machines[&name];
            let free = machine.lock.is_none() && self.file_is_free(&name);
            match (&machine.ha, free) {
                (Some(_), _) => self.cluster(&name, "started", 0),
                (None, true) => self.change(START, &name, Change::On),
                (None, false) => {}
            }
        }
        self.at(EVERY, Due::Look(guest.to_string(), step.to_string()));
    }
}
