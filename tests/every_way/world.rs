//! The branching world: it answers what the machine asks for, and where more than one thing can happen it takes what
//! comes next from a list of choices. It has its own virtual time, and knows nothing of how plans are checked.

use std::collections::BTreeMap;

use hostler::machine::{Answer, Claimed, Effect, EffectId, Event, Greeting, Purpose, Reply, Run, Trouble};

use super::choices::Choices;
use super::guest::{Find, Guest, Pulse, Rise};
use super::seen::{Seen, Shown};

/// How long anything takes that says nothing of its time, in milliseconds.
pub(crate) const MOMENT: u64 = 200;
/// How long a guest takes from its start to its ssh, in milliseconds.
const BOOT: u64 = 12_000;
/// How old a boot is that began before the run, in milliseconds.
const OLD: u64 = 86_400_000;
/// A short lock, and a long one, in milliseconds.
const LOCKS: (u64, u64) = (60_000, OLD);

/// The world of one run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) choices: Choices,
    pub(crate) guests: BTreeMap<String, Guest>,
    /// What happened, in order.
    pub(crate) seen: Vec<Seen>,
    /// Whether a person may stop the run while a command changes something.
    stoppable: bool,
    ports_asked: usize,
    order: u64,
    due: BTreeMap<(u64, u64), Due>,
}

/// What happens later.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    Answer(EffectId, Answer),
    Off(String),
    On(String, Rise, bool),
    /// What is up in the boot with this number.
    Up(String, u32, Rise),
    See(Seen),
    /// A person stops the run.
    Stop,
}

impl World {
    pub(crate) fn new(guests: &[(&str, &str)], stoppable: bool, choices: Choices) -> World {
        let guests = guests.iter().map(|(name, id)| ((*name).to_string(), Guest::new(name, id))).collect();
        World { now: 0, choices, guests, seen: Vec::new(), stoppable, ports_asked: 0, order: 0, due: BTreeMap::new() }
    }

    /// Begins an effect of the machine.
    pub(crate) fn begin(&mut self, id: EffectId, effect: Effect) {
        match effect {
            Effect::Run(run) => self.run(id, &run),
            Effect::Reach { host } => {
                let result = self.connect(&host);
                let boot = result.is_ok().then(|| self.guests.get(&host).map_or(1, |guest| guest.boot));
                self.seen.push(Seen::Reach { host, boot });
                self.later(MOMENT, Due::Answer(id, Answer::Reached(result)));
            }
            Effect::Port { host, .. } => {
                // It answers when it is asked again.
                self.ports_asked += 1;
                let answers = self.ports_asked.is_multiple_of(2) && self.connect(&host).is_ok();
                self.time_passes();
                self.later(MOMENT, Due::Answer(id, Answer::Truth(Ok(answers))));
            }
            Effect::Http { .. } => self.later(MOMENT, Due::Answer(id, Answer::Truth(Ok(true)))),
            Effect::Sleep { ms } => {
                self.seen.push(Seen::Waited);
                self.later(ms, Due::Answer(id, Answer::Slept));
            }
            Effect::Notify { .. } => self.later(MOMENT, Due::Answer(id, Answer::Notified(None))),
            Effect::Confirm { .. } => {
                // A person takes their time.
                self.seen.push(Seen::Waited);
                self.time_passes();
                let yes = self.choices.mishap(&[true, false]);
                self.later(60_000, Due::Answer(id, Answer::Confirmed(yes)));
            }
            Effect::Claim(_) => self.later(0, Due::Answer(id, Answer::Claimed(Ok(Claimed::Granted)))),
            Effect::Release(_) | Effect::Unwatch(_) => self.later(0, Due::Answer(id, Answer::Released)),
            Effect::Watch(_) | Effect::LeaveOff(_) => self.later(0, Due::Answer(id, Answer::Watched(Ok(())))),
            Effect::Forget { .. } => {}
        }
    }

    /// A backup may begin meanwhile. It may at any time; a person and a port are enough to see whether it matters.
    fn time_passes(&mut self) {
        self.guests.values_mut().for_each(|guest| guest.may_be_locked = true);
    }

    /// The next event; `None` when nothing is under way.
    pub(crate) fn next(&mut self) -> Option<Event> {
        while let Some(((at, _), due)) = self.due.pop_first() {
            self.now = at;
            match due {
                Due::Answer(id, answer) => return Some(Event::Result { id, at, answer }),
                Due::Stop => return Some(Event::Interrupt { at }),
                Due::See(seen) => {
                    if let Seen::EndedLate { guest, .. } = &seen
                        && let Some(guest) = self.guests.get_mut(guest)
                    {
                        guest.changed();
                    }
                    self.seen.push(seen);
                }
                other => self.become_so(other),
            }
        }
        None
    }

    pub(crate) fn later(&mut self, delay: u64, due: Due) {
        self.order += 1;
        self.due.insert((self.now + delay, self.order), due);
    }

    pub(crate) fn reply(&mut self, id: EffectId, delay: u64, code: i32, stdout: &str, stderr: &str) {
        let reply =
            Reply { code, stdout: stdout.to_string(), stderr: stderr.to_string(), took: delay, ..Reply::default() };
        self.later(delay, Due::Answer(id, Answer::Ran(Ok(reply))));
    }

    fn become_so(&mut self, due: Due) {
        match due {
            Due::Off(name) => {
                let Some(guest) = self.guests.get_mut(&name).filter(|guest| guest.running) else { return };
                guest.off();
                self.seen.push(Seen::Off { guest: name });
            }
            Due::On(name, rise, new_process) => {
                let now = self.now;
                let Some(guest) = self.guests.get_mut(&name).filter(|guest| !guest.running) else { return };
                if rise == Rise::NotAtAll {
                    return;
                }
                guest.on(now, rise, new_process);
                let boot = guest.boot;
                self.seen.push(Seen::On { guest: name.clone(), boot });
                self.later(BOOT, Due::Up(name, boot, rise));
            }
            Due::Up(name, boot, rise) => {
                let same = |guest: &&mut Guest| guest.running && guest.boot == boot;
                let Some(guest) = self.guests.get_mut(&name).filter(same) else { return };
                guest.ssh = rise != Rise::WithoutSsh;
                guest.agent = rise != Rise::WithoutAgent;
            }
            Due::Answer(..) | Due::See(_) | Due::Stop => {}
        }
    }

    /// A fresh connection. Hosts that are no guests always answer.
    pub(crate) fn connect(&mut self, host: &str) -> Result<Greeting, Trouble> {
        let now = self.now;
        let Some(guest) = self.guests.get_mut(host) else {
            return Ok(Greeting { boot_id: format!("{host}-1"), uptime: now + OLD });
        };
        guest.touched = true;
        if !guest.ssh {
            return Err(Trouble::Unreachable { host: host.to_string(), why: "no answer".to_string() });
        }
        let before = if guest.boot == 1 { OLD } else { 0 };
        Ok(Greeting { boot_id: format!("{:08}-{host}", guest.boot), uptime: now - guest.booted_at + before })
    }

    fn run(&mut self, id: EffectId, run: &Run) {
        if let Purpose::Look { identity, .. } = &run.purpose {
            self.look(id, &run.host, identity);
            return;
        }
        if let Err(trouble) = self.connect(&run.host) {
            self.later(MOMENT, Due::Answer(id, Answer::Ran(Err(trouble))));
            return;
        }
        if self.stoppable && run.operation.is_some() && self.choices.mishap(&[false, true]) {
            self.stoppable = false;
            self.later(MOMENT / 2, Due::Stop);
        }
        self.command(id, run);
    }

    /// The name of the guest with this id on its hypervisor.
    pub(crate) fn by_id(&self, id: &str) -> Option<String> {
        self.guests.values().find(|guest| guest.id == id).map(|guest| guest.name.clone())
    }

    fn look(&mut self, id: EffectId, hypervisor: &str, identity: &str) {
        let now = self.now;
        let Some(name) = self.by_id(identity) else { return self.reply(id, MOMENT, 0, "found=no\n", "") };
        let Some(guest) = self.guests.get_mut(&name) else { return };
        let finds: &[Find] = match (guest.find, guest.touched) {
            (None, false) => &Find::ALL,
            (None, true) => &Find::ALL[..Find::ALL.len() - 1],
            (Some(Find::Right), _) if guest.may_be_locked => &[Find::Right, Find::LockedShortly, Find::LockedLong],
            (Some(find), _) => &[find],
        };
        if finds.len() > 1 {
            let find = self.choices.mishap(finds);
            guest.find = Some(find);
            guest.may_be_locked = false;
            match find {
                Find::LockedShortly => guest.locked_until = now + LOCKS.0,
                Find::LockedLong => guest.locked_until = now + LOCKS.1,
                Find::Off => {
                    guest.off();
                    guest.was_on = false;
                    guest.find = Some(find);
                }
                Find::NoAnswer => {
                    let why = "no route to host".to_string();
                    let trouble = Trouble::Unreachable { host: hypervisor.to_string(), why };
                    guest.find = Some(Find::Right);
                    self.seen.push(Seen::Look { guest: name, shown: None });
                    self.later(MOMENT, Due::Answer(id, Answer::Ran(Err(trouble))));
                    return;
                }
                Find::Right | Find::OtherName | Find::Template | Find::Gone => {}
            }
        }
        guest.touched = true;
        let shown = Shown { right: guest.is_right(), locked: guest.locked_until > now };
        let text = guest.look(now);
        self.seen.push(Seen::Look { guest: name, shown: Some(shown) });
        self.reply(id, MOMENT, 0, &text, "");
    }

    /// Whether a guest's agent answers now.
    pub(crate) fn ping(&mut self, name: &str) -> bool {
        let Some(guest) = self.guests.get_mut(name) else { return false };
        guest.touched = true;
        if guest.running && guest.pulse.is_none() {
            guest.pulse = Some(self.choices.mishap(&[Pulse::Answers, Pulse::DeadUntilChange, Pulse::Dead]));
        }
        let answered = guest.agent && guest.pulse == Some(Pulse::Answers);
        let boot = guest.boot;
        self.seen.push(Seen::Ping { guest: name.to_string(), boot, answered });
        answered
    }
}
