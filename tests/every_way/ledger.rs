//! What is known of one guest at a point of a run, told from what the world saw alone.

use super::guest::{Fate, Verb};
use super::seen::{Seen, Shown};

/// What must be shown of a guest after its power changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proofs {
    pub(crate) ssh: bool,
    pub(crate) agent: bool,
}

/// One guest's account. What was shown counts from the guest's last change on.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    proofs: Proofs,
    pub(crate) boot: u32,
    pub(crate) running: bool,
    /// A look showed the guest that is meant.
    pub(crate) right: bool,
    /// A look showed no lock, and nobody has waited since.
    pub(crate) unlocked: bool,
    /// Its agent answered.
    pub(crate) agent: bool,
    /// Its partner answered, and nobody has waited since.
    pub(crate) partner: bool,
    /// A power command was sent, and nothing has verified the guest since.
    pub(crate) disrupted: bool,
    /// Its power did change, at any time.
    pub(crate) power_changed: bool,
    /// The boot that a fresh connection reached last.
    reached: Option<u32>,
    /// The boot whose agent answered last.
    answered: Option<u32>,
    /// How many commands for it go on that nobody waits for.
    pub(crate) at_work: usize,
    /// The end of one of those will never be known.
    pub(crate) lost: bool,
    /// The connection of a power command was lost; whether the guest was looked at since, and was not as that command
    /// was to make it.
    pub(crate) unknown: Option<bool>,
    /// That command, and the boot before it.
    lost_verb: Option<(Verb, u32)>,
    /// Since it went off, the last that was tried to start it failed for the world's sake.
    pub(crate) start_failed: bool,
    /// A look has shown what forbids to touch it: another guest, or a lock.
    pub(crate) forbidden: bool,
    /// It was off before the run, and has not been on since.
    pub(crate) found_off: bool,
}

impl Ledger {
    pub(crate) fn new(proofs: Proofs, was_on: bool) -> Ledger {
        Ledger {
            proofs,
            boot: 1,
            running: was_on,
            right: false,
            unlocked: false,
            agent: false,
            partner: false,
            disrupted: false,
            power_changed: false,
            reached: None,
            answered: None,
            at_work: 0,
            lost: false,
            unknown: None,
            lost_verb: None,
            start_failed: false,
            forbidden: false,
            found_off: !was_on,
        }
    }

    /// Whether the system that runs now has shown all that it is to show.
    pub(crate) fn is_verified(&self) -> bool {
        self.running
            && (!self.proofs.ssh || self.reached == Some(self.boot))
            && (!self.proofs.agent || self.answered == Some(self.boot))
    }

    fn changed(&mut self) {
        self.right = false;
        self.unlocked = false;
        self.agent = false;
    }

    /// Takes what was seen of this guest, and what is about all.
    pub(crate) fn take(&mut self, seen: &Seen) {
        match seen {
            Seen::Look { shown: Some(Shown { right, locked }), .. } => {
                self.right = *right;
                self.unlocked = !locked;
                self.forbidden = !right || *locked;
                if self.unknown.is_some() {
                    self.unknown = (!self.shows_what_was_lost()).then_some(true);
                }
            }
            Seen::Ping { boot, answered, .. } => {
                self.agent = *answered;
                if *answered {
                    self.answered = Some(*boot);
                    self.settle();
                }
            }
            Seen::Reach { boot: Some(boot), .. } => {
                self.reached = Some(*boot);
                self.settle();
            }
            Seen::Change { .. } => self.changed(),
            Seen::Power { verb, fate, .. } => self.power(*verb, *fate),
            Seen::GoesOn { .. } => self.at_work += 1,
            Seen::EndedLate { lost, .. } => {
                self.lost |= lost;
                self.at_work = self.at_work.saturating_sub(1);
                self.changed();
            }
            Seen::Cluster { answered, .. } => self.start_failed = !answered,
            Seen::Off { .. } => {
                self.running = false;
                self.power_changed = true;
                self.start_failed = false;
            }
            Seen::On { boot, .. } => {
                self.running = true;
                self.boot = *boot;
                self.found_off = false;
            }
            Seen::Waited => {
                self.unlocked = false;
                self.partner = false;
            }
            Seen::Look { shown: None, .. } | Seen::Reach { boot: None, .. } => {}
        }
    }

    fn power(&mut self, verb: Verb, fate: Fate) {
        if fate.says_it_did_nothing() {
            // The world stood in the way, if it was to be started.
            self.start_failed |= verb == Verb::Start;
            return;
        }
        self.changed();
        self.disrupted = true;
        self.reached = None;
        self.answered = None;
        self.start_failed = verb == Verb::Start && fate != Fate::Works;
        if matches!(fate, Fate::LostIdle | Fate::LostDone) {
            self.unknown = Some(false);
            self.lost_verb = Some((verb, self.boot));
        }
    }

    /// Whether the guest is as the power command was to make it whose connection was lost.
    fn shows_what_was_lost(&self) -> bool {
        match self.lost_verb {
            Some((Verb::Start, _)) => self.running,
            Some((Verb::Stop | Verb::Shutdown, _)) => !self.running,
            Some((Verb::Reboot | Verb::Reset, before)) => self.running && self.boot != before,
            None => false,
        }
    }

    /// A new boot that has shown all that it is to show is no longer disrupted.
    fn settle(&mut self) {
        if self.power_changed && self.is_verified() {
            self.disrupted = false;
        }
    }
}
