//! What can happen to an effect.

use super::{Told, World};
use crate::code::Effect as Kind;
use crate::lab::Lab;
use crate::machine::{Answer, Effect, EffectId, Reply, Trouble, words_of};
use crate::run::World as _;

/// How long until a lost connection is given up, in milliseconds.
const LOST: u64 = 30_000;
/// How long a machine that has lost its power is without.
const DARK: u64 = 180_000;
/// How long a machine that freezes stands still.
const FROZEN: u64 = 600_000;
/// How long after a command was begun, so that it is under way.
const SOON: u64 = 200;
/// How long a run whose process was killed waits for somebody who goes on with it.
const LATER: u64 = 7_200_000;

/// A thing that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The command ends with 1 and has done nothing.
    Fails,
    /// Its host can not be reached, and nothing is started.
    Unreachable,
    /// The connection is lost for good before it is started.
    LostBefore,
    /// It is carried out, and the connection is lost for good before its reply.
    LostAfter,
    /// It is started, does nothing and does not end.
    Hangs,
    /// The machine on which it runs loses its power, and has it again after a while.
    PowerLost(String),
    /// The machine on which it runs stands still for a while, its guests with it, and goes on.
    Freezes(String),
    /// The guest agent dies.
    AgentDies(String),
    /// The guest does not come up any more once it is started.
    StaysDown(String),
    /// Somebody takes the guest's power away.
    SwitchedOff(String),
    /// The process that drives the run is killed; another goes on at once, or two hours later.
    Killed {
        /// Whether that is two hours later.
        later: bool,
    },
    /// That process stands still for two hours, and goes on as if nothing had been.
    Paused,
}

impl Fault {
    /// What can happen to an effect of a target.
    pub(super) fn of(effect: &Effect, who: Option<&str>, lab: &Lab) -> Vec<Fault> {
        match effect {
            Effect::Run(run) => {
                let changes = run.operation.is_some();
                let mut faults = vec![Fault::Fails, Fault::Unreachable];
                if changes {
                    faults.extend([Fault::LostBefore, Fault::LostAfter, Fault::Hangs]);
                    faults.extend([Fault::PowerLost(run.host.clone()), Fault::Freezes(run.host.clone())]);
                    faults.extend([Fault::Killed { later: false }, Fault::Killed { later: true }, Fault::Paused]);
                }
                let guest = who.filter(|who| lab.machines().any(|one| one.name == *who && one.hypervisor.is_some()));
                let starts = run
                    .operation
                    .as_ref()
                    .is_some_and(|operation| matches!(operation.effect, Kind::PowerOn | Kind::PowerCycle));
                faults.extend(guest.filter(|_| starts).map(|guest| Fault::StaysDown(guest.to_string())));
                if let (true, Some(guest)) = (changes, guest) {
                    faults.extend([Fault::AgentDies(guest.to_string()), Fault::SwitchedOff(guest.to_string())]);
                }
                faults
            }
            Effect::Reach { .. } => vec![Fault::Unreachable],
            _ => Vec::new(),
        }
    }

    /// What a test calls so, at an effect of a target; nothing where it can not happen there.
    pub(crate) fn named(name: &str, effect: &Effect, who: Option<&str>) -> Option<Fault> {
        let who = || who.map(str::to_string);
        let fault = match (name, effect) {
            ("unreachable", _) => Fault::Unreachable,
            (_, Effect::Reach { .. }) => return None,
            ("fails", _) => Fault::Fails,
            ("lost before", _) => Fault::LostBefore,
            ("lost after", _) => Fault::LostAfter,
            ("hangs", _) => Fault::Hangs,
            ("power lost", Effect::Run(run)) => Fault::PowerLost(run.host.clone()),
            ("freezes", Effect::Run(run)) => Fault::Freezes(run.host.clone()),
            ("agent dies", _) => Fault::AgentDies(who()?),
            ("stays down", _) => Fault::StaysDown(who()?),
            ("switched off", _) => Fault::SwitchedOff(who()?),
            ("killed", _) => Fault::Killed { later: false },
            ("killed for 2h", _) => Fault::Killed { later: true },
            ("paused for 2h", _) => Fault::Paused,
            _ => return None,
        };
        Some(fault)
    }

    /// What a test calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Fault::Fails => "fails",
            Fault::Unreachable => "unreachable",
            Fault::LostBefore => "lost before",
            Fault::LostAfter => "lost after",
            Fault::Hangs => "hangs",
            Fault::PowerLost(_) => "power lost",
            Fault::Freezes(_) => "freezes",
            Fault::AgentDies(_) => "agent dies",
            Fault::StaysDown(_) => "stays down",
            Fault::SwitchedOff(_) => "switched off",
            Fault::Killed { later: false } => "killed",
            Fault::Killed { later: true } => "killed for 2h",
            Fault::Paused => "paused for 2h",
        }
    }

    /// For a person.
    fn text(&self, what: &str) -> String {
        match self {
            Fault::Fails => format!("{what} fails, and has done nothing"),
            Fault::Unreachable => format!("{what}: its host can not be reached"),
            Fault::LostBefore => format!("{what}: the connection is lost before it is started"),
            Fault::LostAfter => format!("{what}: the connection is lost before its reply"),
            Fault::Hangs => format!("{what} hangs"),
            Fault::PowerLost(host) => format!("{what}: `{host}` loses its power, for 3 m"),
            Fault::Freezes(host) => format!("{what}: `{host}` stands still, for 10 m"),
            Fault::AgentDies(guest) => format!("{what}: the agent of `{guest}` dies"),
            Fault::StaysDown(guest) => format!("{what}: `{guest}` does not come up after it"),
            Fault::SwitchedOff(guest) => format!("{what}: somebody switches `{guest}` off"),
            Fault::Killed { later: false } => format!("{what}: this process is killed, and another goes on"),
            Fault::Killed { later: true } => format!("{what}: this process is killed, and another goes on 2 h later"),
            Fault::Paused => format!("{what}: this process stands still, for 2 h"),
        }
    }
}

impl World {
    /// Something goes wrong with an effect that is about to begin.
    pub(crate) fn goes_wrong(&mut self, fault: &Fault, id: EffectId, effect: Effect, who: Option<&str>) {
        let (what, host, within) = match &effect {
            Effect::Run(run) => (format!("`{}` on `{}`", words_of(run), run.host), run.host.clone(), run.within),
            Effect::Reach { host } => (format!("a connection to `{host}`"), host.clone(), 0),
            _ => return,
        };
        self.wrong.push((self.asked, fault.clone()));
        self.told.push(Told::Fault(self.lab.now(), fault.text(&what)));
        self.watched.goes_wrong(fault, who, &effect, &self.lab);
        let why = "the connection was lost".to_string();
        let lost = Trouble::Unknown { host: host.clone(), why, began: None };
        let no_answer = Trouble::Unreachable { host: host.clone(), why: "no answer".to_string() };
        match fault {
            Fault::Fails => {
                let reply = Reply { code: 1, stderr: "it failed\n".to_string(), took: 500, ..Reply::default() };
                self.lab.answers(500, id, Answer::Ran(Ok(reply)));
            }
            Fault::Unreachable if matches!(effect, Effect::Reach { .. }) => {
                self.lab.answers(10_000, id, Answer::Reached(Err(no_answer)));
            }
            Fault::Unreachable => self.lab.answers(10_000, id, Answer::Ran(Err(no_answer))),
            Fault::LostBefore => self.lab.answers(LOST, id, Answer::Ran(Err(lost))),
            Fault::LostAfter => {
                self.lab.begin_unseen(effect);
                self.lab.answers(LOST, id, Answer::Ran(Err(lost)));
            }
            Fault::Hangs => {
                self.lab.begin_hanging(effect);
                let trouble = Trouble::Timeout { host: host.clone(), after: within };
                self.lab.answers(within, id, Answer::Ran(Err(trouble)));
            }
            Fault::PowerLost(_)
            | Fault::Freezes(_)
            | Fault::AgentDies(_)
            | Fault::StaysDown(_)
            | Fault::SwitchedOff(_)
            | Fault::Killed { .. }
            | Fault::Paused => {
                self.watched.begins(&effect, who, &self.lab);
                self.lab.begin(id, effect);
                match fault {
                    Fault::PowerLost(host) => self.lab.power_is_lost(host, DARK),
                    Fault::Freezes(host) => self.lab.freezes(host, SOON, FROZEN),
                    Fault::AgentDies(guest) => {
                        if let Some(machine) = self.lab.machine(guest) {
                            (machine.agent_broken, machine.agent_answers) = (true, false);
                        }
                    }
                    Fault::StaysDown(guest) => {
                        if let Some(machine) = self.lab.machine(guest) {
                            machine.boots = false;
                        }
                    }
                    Fault::SwitchedOff(guest) => self.lab.somebody_stops(guest),
                    _ => {
                        // What was asked for is sent before the process is killed.
                        while let Some((id, effect)) = self.queue.pop_front() {
                            self.lab.begin(id, effect);
                        }
                        if *fault == Fault::Paused {
                            return self.lab.controller_pauses(LATER);
                        }
                        self.lab.pass(0);
                        self.lab.controller_dies();
                        if *fault == (Fault::Killed { later: true }) {
                            self.lab.pass(LATER);
                        }
                        self.resume();
                    }
                }
            }
        }
    }
}
