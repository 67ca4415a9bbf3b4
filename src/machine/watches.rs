//! Watches: a guest that is switched off is started by its hypervisor itself when nobody else does.

use super::Stepped;
use super::eval::about;
use super::event::{Effect, Ending, NoteKind, Trouble, WATCH_LATE, Watch};
use super::state::{Awaiting, State};

impl State {
    /// Whether the guest is watched over while the next command takes its power away, or can not be; else that is asked
    /// for, and the instruction comes again.
    pub(super) fn watch(&mut self, i: usize, guest: &str, within: u64, out: &mut Stepped) -> bool {
        let Some(watch) = self.watch_of(i, guest, within) else { return true };
        let state = self.guest(i, guest);
        if state.keep_off || state.watch.as_ref().is_some_and(|(of, _)| of.step == watch.step) {
            return true;
        }
        let here = self.fibers[i].frames.last().map_or(0, |frame| frame.pc.saturating_sub(1));
        self.jump(i, here);
        let watch = Box::new(watch);
        self.ask(i, Effect::Watch(watch.clone()), Awaiting::Watched(watch), out);
        false
    }

    fn watch_of(&self, i: usize, guest: &str, within: u64) -> Option<Watch> {
        let facts = self.code.hosts.get(guest)?;
        let driver = self.code.drivers.get(&facts.driver)?;
        Some(Watch {
            host: facts.hypervisor.clone()?,
            subject: guest.to_string(),
            step: self.next_step(i),
            identity: facts.identity.clone()?,
            look: driver.look.clone(),
            wake: driver.wake.clone()?,
            within,
        })
    }

    pub(super) fn watched(&mut self, i: usize, watch: Box<Watch>, answer: Result<(), Trouble>, out: &mut Stepped) {
        let Err(trouble) = answer else {
            self.has_watch(i, watch);
            return;
        };
        // The command was not sent.
        let Watch { host, subject, .. } = watch.as_ref();
        let (host, subject) = (host.clone(), subject.clone());
        self.is_as_it_was(i, &subject);
        self.give_back(Effect::Unwatch(watch), out);
        match trouble {
            Trouble::Refused { why, .. } => {
                let why = format!("watch: `{subject}` can not be watched over on `{host}` while it is off: {why}");
                self.refuse(i, why, &host, out);
            }
            trouble => {
                let blamed = super::answers::blame(&trouble);
                self.fail(i, blamed, out);
            }
        }
    }

    fn has_watch(&mut self, i: usize, watch: Box<Watch>) {
        let until = self.now.saturating_add(watch.within).saturating_add(WATCH_LATE);
        let guest = watch.subject.clone();
        self.guest(i, &guest).watch = Some((watch, until));
    }

    /// Nobody waits any more for whether a guest is watched over: the command is not given.
    pub(super) fn perhaps_watched(&mut self, i: usize, watch: Box<Watch>) {
        let subject = watch.subject.clone();
        self.is_as_it_was(i, &subject);
        self.has_watch(i, watch);
    }

    /// The command for which a guest was to be watched over is not given: neither the guest nor, where that is its
    /// hypervisor, the fiber's own subject is disrupted by it.
    fn is_as_it_was(&mut self, i: usize, guest: &str) {
        for host in [guest.to_string(), self.subject(i)] {
            let state = self.guest(i, &host);
            state.disrupted = state.was_disrupted;
        }
    }

    pub(super) fn unwatch(&mut self, watch: Option<(Box<Watch>, u64)>, out: &mut Stepped) {
        if let Some((watch, _)) = watch {
            self.give_back(Effect::Unwatch(watch), out);
        }
    }

    /// The power command says that it did nothing, or was not started: the guest is as it was.
    pub(super) fn not_done(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        let state = self.guest(i, guest);
        state.disrupted = state.was_disrupted;
        if !state.disrupted {
            let watch = state.watch.take();
            self.unwatch(watch, out);
        }
    }

    /// The plan means to leave a guest off.
    pub(super) fn keep_off(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        let state = self.guest(i, guest);
        state.keep_off = true;
        if let Some((watch, _)) = state.watch.take() {
            self.ask(i, Effect::LeaveOff(watch.clone()), Awaiting::LeftOff(watch), out);
        }
    }

    pub(super) fn not_left_off(&mut self, i: usize, watch: &Watch, trouble: &Trouble, out: &mut Stepped) {
        let Watch { host, subject, .. } = watch;
        let text = format!("`{host}` starts `{subject}` again, which is to stay off: {}", trouble.text());
        self.note(i, NoteKind::Warned(text), out);
    }

    /// A fiber is at its end: what is still watched over is said.
    pub(super) fn say_watched(&mut self, i: usize, ending: &Ending, out: &mut Stepped) {
        let guests = self.fibers[i].guests.iter();
        let watched: Vec<String> =
            guests.filter(|(_, state)| state.watch.is_some()).map(|(guest, _)| guest.clone()).collect();
        for guest in watched {
            let now = self.now;
            let state = self.guest(i, &guest);
            if ending.is_good() && !state.disrupted {
                let watch = state.watch.take();
                self.unwatch(watch, out);
            } else if let Some((watch, until)) = &state.watch {
                let left = match until.saturating_sub(now) / 60_000 * 60_000 {
                    0 => String::new(),
                    left => format!(", for another {} at least", about(left)),
                };
                let text = format!("`{}` starts `{guest}` if it is off{left}", watch.host);
                self.note(i, NoteKind::Warned(text), out);
            }
        }
    }
}
