//! Machines that stand still for a while, and a controller that does.

use super::{Answer, Due, Lab, NO_ANSWER, Trouble};

/// How long until a connection on which nothing comes is given up, in milliseconds.
const LOST: u64 = 30_000;

impl Lab {
    /// A machine stands still from so many milliseconds on, with the guests that run on it: nothing on it goes on, and
    /// nobody is answered. Then it goes on as if nothing had been.
    pub fn freezes(&mut self, name: &str, after: u64, long: u64) {
        self.at(after, Due::Freeze(name.to_string(), long));
    }

    pub(super) fn freeze(&mut self, name: &str, long: u64) {
        let until = self.now + long;
        let on_it = |machine: &&mut super::Machine| machine.name == name || machine.hypervisor.as_deref() == Some(name);
        for machine in self.machines.values_mut().filter(on_it) {
            machine.still_until = until;
        }
        for (key, due) in std::mem::take(&mut self.due) {
            let stands = self.place_of(&due).is_some_and(|host| self.stands_still(host));
            match due {
                Due::Ran(id, ended) if stands && long > LOST => {
                    let why = "the connection was lost before the reply".to_string();
                    let lost = Trouble::Unknown { host: ended.host, why, began: None };
                    self.answer(LOST, id, Answer::Ran(Err(lost)));
                }
                due if stands => {
                    self.due.insert((key.0 + long, key.1), due);
                }
                due => {
                    self.due.insert(key, due);
                }
            }
        }
    }

    pub(super) fn stands_still(&self, host: &str) -> bool {
        self.machines.get(host).is_some_and(|machine| self.now < machine.still_until)
    }

    /// Where something happens that is due, if not here.
    fn place_of<'d>(&'d self, due: &'d Due) -> Option<&'d str> {
        match due {
            Due::Ran(_, ended) | Due::Ended(_, ended) => Some(&ended.host),
            Due::Call(n, _) => self.calls.get(n).map(|call| call.host.as_str()),
            Due::Change(host, _) => Some(host),
            Due::Look(guest, _) => self.machines.get(guest)?.hypervisor.as_deref(),
            // A new connection is answered by what it is like then.
            Due::Act(..)
            | Due::Ask(..)
            | Due::Answer(..)
            | Due::GiveUp(_)
            | Due::NotKnown(..)
            | Due::Set(..)
            | Due::Freeze(..)
            | Due::TimeIsOut(..) => None,
        }
    }

    /// The process that drove a run has ended, and nobody renews what it has claimed.
    pub fn claims_end(&mut self) {
        self.claims.clear();
    }

    /// The process that drives the run stands still: its claims are soon over, and what it is told it hears after.
    pub fn controller_pauses(&mut self, long: u64) {
        let claims = std::mem::take(&mut self.claims);
        let until = self.now + long;
        let mut unheard = Vec::new();
        while self.due.first_key_value().is_some_and(|((at, _), _)| *at <= until) {
            unheard.extend(self.turn());
        }
        self.now = until;
        self.claims = claims;
        for (id, answer) in unheard {
            self.answer(0, id, answer);
        }
    }

    /// How long a machine that stands still is asked, and what is said then.
    pub(super) fn no_answer(host: &str) -> (u64, Trouble) {
        (NO_ANSWER, Trouble::Unreachable { host: host.to_string(), why: "no answer".to_string() })
    }
}
