//! What commands do in the branching world.

use hostler::machine::{Answer, EffectId, Reply, Run, Trouble};

use super::guest::{Fate, Rise, Verb};
use super::seen::Seen;
use super::world::{Due, MOMENT, World};

/// How long a power command takes, in milliseconds.
const POWER: u64 = 4_000;
/// How long after `qm reboot` another process starts the guest again, in milliseconds.
const AGAIN: u64 = 1_000;
/// How long a command that nobody waits for any more goes on, in milliseconds.
const GOES_ON: u64 = 60_000;

/// What becomes of any other command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Fails,
    TimesOut,
}

impl World {
    pub(crate) fn command(&mut self, id: EffectId, run: &Run) {
        let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["qm", "guest", "cmd", vmid, "ping"] => {
                let answered = self.by_id(vmid).is_some_and(|name| self.ping(&name));
                let (code, said) = if answered { (0, "") } else { (255, "QEMU guest agent is not running") };
                self.reply(id, MOMENT, code, "", said);
            }
            ["qm", "status", vmid] => {
                let running = self.by_id(vmid).is_some_and(|name| self.guests[&name].running);
                self.reply(id, MOMENT, 0, if running { "status: running\n" } else { "status: stopped\n" }, "");
            }
            ["qm", verb, vmid, ..] if Verb::of(verb).is_some() => {
                if let (Some(verb), Some(name)) = (Verb::of(verb), self.by_id(vmid)) {
                    self.power(id, run, verb, &name);
                }
            }
            ["sh", "-c", script, _, vmid] if script.contains("# ha_state") => {
                let end = self.choices.mishap(&[End::Well, End::Fails]);
                let answered = end == End::Well;
                if let Some(guest) = self.by_id(vmid) {
                    self.seen.push(Seen::Cluster { guest, answered });
                }
                self.reply(id, MOMENT, if answered { 0 } else { 1 }, if answered { "none\n" } else { "" }, "");
            }
            ["sh", "-c", script, ..] if script.contains("# qm_settled") => self.reply(id, MOMENT, 0, "", ""),
            words => self.other(id, run, words),
        }
    }

    fn power(&mut self, id: EffectId, run: &Run, verb: Verb, name: &str) {
        let now = self.now;
        let Some(guest) = self.guests.get_mut(name) else { return };
        guest.touched = true;
        let (running, locked) = (guest.running, guest.locked_until > now);
        let fits = if verb == Verb::Start { !running } else { running };
        let fate = match (locked, fits, verb) {
            (true, ..) => Fate::Locked,
            (_, false, Verb::Stop) => Fate::Works,
            (_, false, _) => Fate::OutOfPlace,
            _ => self.choices.mishap(&Fate::ALL),
        };
        if fate == Fate::Locked && !locked {
            guest.locked_until = now + GOES_ON;
        }
        if !fate.says_it_did_nothing() {
            guest.changed();
        }
        self.seen.push(Seen::Power { guest: name.to_string(), verb, fate });
        let is_late = matches!(fate, Fate::Late | Fate::LateLost);
        let took = if is_late { run.within + GOES_ON } else { POWER };
        if fate.does_its_work() && fits {
            self.work(verb, name, took);
        }
        let host = run.host.clone();
        let why = "the connection was lost before the reply".to_string();
        match fate {
            Fate::Works => self.reply(id, took, 0, "", ""),
            Fate::FailsIdle | Fate::FailsDone => self.reply(id, took, 255, "", "it failed"),
            Fate::LostIdle | Fate::LostDone => {
                self.later(took, Due::Answer(id, Answer::Ran(Err(Trouble::Unknown { host, why, began: None }))));
            }
            Fate::Locked => self.reply(id, took, 255, "", "VM is locked (backup)"),
            Fate::OutOfPlace if verb == Verb::Start => self.reply(id, took, 255, "", "VM already running"),
            Fate::OutOfPlace => self.reply(id, took, 255, "", "VM not running"),
            Fate::Late => self.goes_on(id, run, Some(name), Ok(Reply { took, ..Reply::default() })),
            Fate::LateLost => self.goes_on(id, run, Some(name), Err(Trouble::Unknown { host, why, began: None })),
        }
    }

    /// What a power command does to a guest, and when.
    fn work(&mut self, verb: Verb, name: &str, took: u64) {
        let name = name.to_string();
        match verb {
            Verb::Start => {
                let rise = self.choices.mishap(&[Rise::Well, Rise::WithoutSsh, Rise::WithoutAgent]);
                self.later(took, Due::On(name, rise, true));
            }
            Verb::Stop | Verb::Shutdown => self.later(took, Due::Off(name)),
            Verb::Reboot => {
                let rises = [Rise::Well, Rise::WithoutSsh, Rise::WithoutAgent, Rise::NotAtAll];
                let rise = self.choices.mishap(&rises);
                self.later(took, Due::Off(name.clone()));
                self.later(took + AGAIN, Due::On(name, rise, true));
            }
            Verb::Reset => {
                let rise = self.choices.mishap(&[Rise::Well, Rise::WithoutSsh, Rise::WithoutAgent]);
                self.later(took, Due::Off(name.clone()));
                self.later(took, Due::On(name, rise, false));
            }
        }
    }

    /// Nobody waits for it any more, and it goes on.
    fn goes_on(&mut self, id: EffectId, run: &Run, guest: Option<&str>, result: Result<Reply, Trouble>) {
        let lost = result.is_err();
        let trouble = Trouble::Timeout { host: run.host.clone(), after: run.within };
        if let Some(guest) = guest.map(str::to_string) {
            self.later(run.within, Due::See(Seen::GoesOn { guest: guest.clone() }));
            self.later(run.within + GOES_ON, Due::See(Seen::EndedLate { guest, lost }));
        }
        self.later(run.within, Due::Answer(id, Answer::Ran(Err(trouble))));
        self.later(run.within + GOES_ON, Due::Answer(id, Answer::EndedLate(result)));
    }

    /// A command that the world knows nothing of. What `cat` prints is one of two words.
    fn other(&mut self, id: EffectId, run: &Run, words: &[&str]) {
        let named = match words {
            ["qm", ..] => words.iter().find_map(|word| self.by_id(word)),
            _ => None,
        };
        let names = named.is_some();
        let about = named.or_else(|| self.guests.contains_key(&run.host).then(|| run.host.clone()));
        let end = self.choices.mishap(&[End::Well, End::Fails, End::TimesOut]);
        if let (Some(name), false) = (&about, run.operation.is_none()) {
            self.seen.push(Seen::Change { guest: name.clone(), names });
            if let Some(guest) = self.guests.get_mut(name) {
                guest.changed();
            }
        }
        match end {
            End::Well if words.first() == Some(&"cat") => {
                let said = self.choices.either(&["one\n", "two\n"]);
                self.reply(id, MOMENT, 0, said, "");
            }
            End::Well => self.reply(id, MOMENT, 0, "", ""),
            End::Fails => self.reply(id, MOMENT, 1, "", "it failed"),
            End::TimesOut if run.operation.is_none() => {
                let trouble = Trouble::Timeout { host: run.host.clone(), after: run.within };
                self.later(run.within, Due::Answer(id, Answer::Ran(Err(trouble))));
            }
            End::TimesOut => {
                let took = run.within + GOES_ON;
                self.goes_on(id, run, about.as_deref(), Ok(Reply { took, ..Reply::default() }));
            }
        }
    }
}
