//! The lab: a simulated site under virtual time. It is made from the code and its inventory, opens no connection and
//! starts no process, and takes as long as the events need to be computed.

mod commands;
mod hypervisor;
mod machine;

use std::collections::BTreeMap;

use crate::code::{Code, Role};
use crate::machine::{Answer, Effect, EffectId, Greeting, Purpose, Reply, Run, Trouble};
use crate::run::World;
use machine::Machine;

/// How long a new connection takes, in milliseconds.
const CONNECT: u64 = 150;
/// How long a connection is tried to a machine that is off, in milliseconds.
const NO_ANSWER: u64 = 10_000;
/// How long a small command takes on a machine, in milliseconds.
const COMMAND: u64 = 60;

/// A simulated site.
#[derive(Debug)]
pub struct Lab {
    now: u64,
    order: u64,
    due: BTreeMap<(u64, u64), Due>,
    machines: BTreeMap<String, Machine>,
    /// Every command that was started, for tests: time, host, words.
    log: Vec<(u64, String, Vec<String>)>,
}

/// What happens at a time.
#[derive(Debug)]
enum Due {
    Act(EffectId, Effect),
    Answer(EffectId, Answer),
    Change(String, Change),
}

/// What becomes of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Off,
    On,
    Ssh,
    Agent,
}

impl Lab {
    /// The site that the code's inventory describes: every guest is on and well.
    pub fn new(code: &Code) -> Lab {
        let mut machines = BTreeMap::new();
        for (name, facts) in &code.hosts {
            let mut machine = Machine::new(name);
            machine.is_hypervisor = facts.role == Role::Hypervisor;
            if facts.role == Role::Guest {
                machine.hypervisor = facts.hypervisor.clone();
                machine.identity = facts.identity.clone();
                machine.guest_name = facts.guest_name.clone();
                machine.uuid = facts.guest_uuid.clone();
            }
            machines.insert(name.clone(), machine);
        }
        machines.entry("controller".to_string()).or_insert_with(|| Machine::new("controller"));
        Lab { now: 0, order: 0, due: BTreeMap::new(), machines, log: Vec::new() }
    }

    /// A machine of the site, to make it other than well.
    pub fn machine(&mut self, name: &str) -> Option<&mut Machine> {
        self.machines.get_mut(name)
    }

    /// Every command that was started: milliseconds, host, words.
    pub fn log(&self) -> &[(u64, String, Vec<String>)] {
        &self.log
    }

    fn at(&mut self, delay: u64, due: Due) {
        self.order += 1;
        self.due.insert((self.now + delay, self.order), due);
    }

    fn change(&mut self, delay: u64, host: &str, change: Change) {
        self.at(delay, Due::Change(host.to_string(), change));
    }

    fn answer(&mut self, delay: u64, id: EffectId, answer: Answer) {
        self.at(delay, Due::Answer(id, answer));
    }

    fn act(&mut self, id: EffectId, effect: Effect) {
        match effect {
            Effect::Run(run) => self.act_run(id, *run),
            Effect::Reach { host } => {
                let (delay, result) = self.connect(&host);
                self.answer(delay, id, Answer::Reached(result));
            }
            Effect::Port { host, .. } => {
                let (delay, result) = self.connect(&host);
                self.answer(delay, id, Answer::Truth(Ok(result.is_ok())));
            }
            Effect::Http { .. } => self.answer(CONNECT, id, Answer::Truth(Ok(true))),
            Effect::Sleep { ms } => self.answer(ms, id, Answer::Slept),
            Effect::Notify { .. } => self.answer(0, id, Answer::Notified(None)),
            Effect::Confirm { .. } => self.answer(0, id, Answer::Confirmed(true)),
            Effect::Forget { .. } => {}
        }
    }

    fn connect(&self, host: &str) -> (u64, Result<Greeting, Trouble>) {
        let unreachable = |why: &str| Trouble::Unreachable { host: host.to_string(), why: why.to_string() };
        match self.machines.get(host) {
            None => (0, Err(unreachable("the lab has no such host"))),
            Some(machine) if !machine.running => (NO_ANSWER, Err(unreachable("no answer; it may be off"))),
            Some(machine) if !machine.ssh => (CONNECT, Err(unreachable("connection refused; it may be starting"))),
            Some(machine) => {
                let uptime = self.now.saturating_sub(machine.booted_at) + machine.uptime_before;
                (CONNECT, Ok(Greeting { boot_id: machine.boot_id(), uptime }))
            }
        }
    }

    fn act_run(&mut self, id: EffectId, run: Run) {
        if let (_, Err(trouble)) = self.connect(&run.host) {
            self.answer(CONNECT, id, Answer::Ran(Err(trouble)));
            return;
        }
        if let Purpose::Look { guest, identity, .. } = &run.purpose {
            let text = self.look(&run.host, guest, identity);
            let reply = Reply { code: 0, stdout: text, took: COMMAND, ..Reply::default() };
            self.answer(COMMAND, id, Answer::Ran(Ok(reply)));
            return;
        }
        self.log.push((self.now, run.host.clone(), run.argv.clone()));
        let (delay, mut reply) = match run.argv.first().map(String::as_str) {
            Some("qm" | "/usr/sbin/qm") => self.qm(&run),
            _ => self.command(&run),
        };
        reply.took = delay;
        if delay > run.within {
            let trouble = Trouble::Timeout { host: run.host, after: run.within };
            self.answer(run.within, id, Answer::Ran(Err(trouble)));
        } else {
            self.answer(delay, id, Answer::Ran(Ok(reply)));
        }
    }

    fn changed(&mut self, host: &str, change: Change) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(host) else { return };
        match change {
            Change::Off => machine.off(),
            Change::On if machine.running => {}
            Change::On => {
                machine.on(now);
                let boot = machine.boot_time();
                let boots = machine.boots;
                if boots {
                    // The agent is up a moment before sshd, as on a guest of Debian's packages.
                    self.change(boot.saturating_sub(500), host, Change::Agent);
                    self.change(boot, host, Change::Ssh);
                }
            }
            Change::Ssh => machine.ssh = machine.running,
            Change::Agent => machine.agent_answers = machine.running && machine.has_agent,
        }
    }
}

impl World for Lab {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        self.at(0, Due::Act(id, effect));
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        loop {
            let ((at, _), due) = self.due.pop_first()?;
            self.now = at;
            match due {
                Due::Act(id, effect) => self.act(id, effect),
                Due::Answer(id, answer) => return Some((at, id, answer)),
                Due::Change(host, change) => self.changed(&host, change),
            }
        }
    }

    fn now(&self) -> u64 {
        self.now
    }
}
