//! The lab: a simulated site under virtual time. It is made from the code and its inventory, opens no connection and
//! starts no process, and takes as long as the events need to be computed.

mod commands;
mod controller;
mod freezing;
mod hypervisor;
mod machine;
mod operations;
mod packages;
mod pattern;
mod pct;
mod qm;
mod scene;
mod scripts;
mod services;
mod tasks;
mod virsh;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::code::Code;
use crate::machine::{Answer, Claim, Claimed, Effect, EffectId, Greeting, Purpose, Reply, Run, Trouble};
use crate::run::World;
pub use machine::{Machine, Taught, Unit};
use operations::Operation;
pub use pattern::Pattern;
pub(crate) use pattern::is_like;
use qm::Call;
pub use scene::Scene;
use scene::Setting;
use tasks::Task;
use watches::Watching;

/// How long a new connection takes, in milliseconds.
const CONNECT: u64 = 150;
/// How long a connection is tried to a machine that is off, in milliseconds.
const NO_ANSWER: u64 = 10_000;
/// How long a small command takes on a machine, in milliseconds.
const COMMAND: u64 = 60;

/// A simulated site.
#[derive(Clone, Debug)]
pub struct Lab {
    now: u64,
    order: u64,
    due: BTreeMap<(u64, u64), Due>,
    machines: BTreeMap<String, Machine>,
    /// The machines that had an identity when the site was made.
    identities: Arc<BTreeMap<String, Vec<String>>>,
    /// Every command that was started, and when. A site is copied often, and these only grow.
    runs: Vec<(u64, Arc<Run>)>,
    /// Whether nobody will ask for them.
    forgets: bool,
    /// Changing commands, by where they stand in the run.
    operations: BTreeMap<String, Operation>,
    /// Calls of `qm` that are under way.
    calls: BTreeMap<u64, Call>,
    /// What the hosts' lists of tasks say.
    tasks: Vec<Task>,
    /// Whether a command that is not known succeeds.
    knows_all: bool,
    /// What makes times other than usual; 0 leaves them.
    seed: u64,
    /// The machine of the site that drives the run, and the boot in which it does.
    controller: Option<(String, u32)>,
    /// What the run has claimed.
    claims: BTreeSet<String>,
    /// What others have, and who they are.
    held: BTreeMap<String, String>,
    /// Guests that their hypervisors watch over.
    watches: BTreeMap<String, Watching>,
    /// Notifications that were sent: channel and subject.
    notices: Vec<(String, String)>,
}

/// What happens at a time.
#[derive(Clone, Debug)]
enum Due {
    Act(EffectId, Effect),
    /// A command is asked about that may have been sent before, until a time.
    Ask(EffectId, Box<Run>, u64),
    Answer(EffectId, Answer),
    /// A command on a machine ends, if the machine is still in the boot in which it began.
    Ran(EffectId, Ended),
    /// A changing command ends likewise, by where it stands in the run.
    Ended(String, Ended),
    /// A call of `qm` goes on, if this is the wake-up that it waits for.
    Call(u64, u64),
    /// Whoever asked for one waits no longer.
    GiveUp(u64),
    /// The lab does not know what a command does.
    NotKnown(Box<Caller>, String),
    /// A scene changes a machine.
    Set(String, Box<Setting>),
    /// A machine stands still from then on, so long.
    Freeze(String, u64),
    /// Somebody has waited long enough for one.
    TimeIsOut(EffectId, String, u64),
    Change(String, Change),
    /// A hypervisor looks at a guest that it watches over, by the step that asked for that.
    Look(String, String),
}

/// A command that is about to end.
#[derive(Clone, Debug)]
struct Ended {
    host: String,
    boot: u32,
    reply: Reply,
}

/// Who asked for a command, and where and when it was begun.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    id: EffectId,
    /// Where it stands in the run, if it changes something.
    step: Option<String>,
    within: u64,
    host: String,
    boot: u32,
    began: u64,
}

/// What a command says, and how long it takes, in milliseconds.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) takes: u64,
    pub(crate) reply: Reply,
    /// How to teach the lab the command, where it does not know it.
    pub(crate) not_known: Option<String>,
}

/// What becomes of a machine. What belongs to a boot, by its number, is nothing to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Off(u32),
    On,
    /// A start that brings back what was in its memory.
    Restore,
    /// A restart that keeps the hypervisor's process.
    Reset,
    Pause,
    Resume,
    Ssh(u32),
    Agent(u32),
}

impl Lab {
    /// The site that the code's inventory describes: every guest is on and well.
    pub fn new(code: &Code) -> Lab {
        let mut machines = BTreeMap::new();
        for (name, facts) in &code.hosts {
            machines.insert(name.clone(), Machine::of(name, facts));
        }
        let mut identities: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for machine in machines.values() {
            if let Some(identity) = machine.identity.clone() {
                identities.entry(identity).or_default().push(machine.name.clone());
            }
        }
        // The machine that runs the plan is the one of that name, where the site names one.
        let here = code.controller.as_deref().unwrap_or("controller");
        let controller = machines.get(here).map(|machine: &Machine| (here.to_string(), machine.boot));
        machines.entry("controller".to_string()).or_insert_with(|| Machine::new(here));
        Lab {
            now: 0,
            order: 0,
            due: BTreeMap::new(),
            identities: Arc::new(identities),
            machines,
            runs: Vec::new(),
            forgets: false,
            operations: BTreeMap::new(),
            calls: BTreeMap::new(),
            tasks: Vec::new(),
            knows_all: false,
            seed: 0,
            controller,
            claims: BTreeSet::new(),
            held: BTreeMap::new(),
            watches: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// Commands, connections, shutdowns and boots take from half as long as usual to twice as long, by a seed. The
    /// same seed gives the same times.
    pub fn vary(&mut self, seed: u64) {
        self.seed = seed;
        let names: Vec<String> = self.machines.keys().cloned().collect();
        for (n, name) in (0..).zip(names) {
            let Some(machine) = self.machines.get(&name) else { continue };
            let boots = varied(seed, 2 * n, machine.boot_time());
            let shuts_down = varied(seed, 2 * n + 1, machine.shutdown_takes);
            if let Some(machine) = self.machines.get_mut(&name) {
                (machine.boot_takes, machine.shutdown_takes) = (Some(boots), shuts_down);
            }
        }
    }

    /// How long something takes that usually takes so long.
    fn varied(&self, usual: u64) -> u64 {
        varied(self.seed, self.order ^ self.now << 20, usual)
    }

    /// A machine of the site, to make it other than well.
    pub fn machine(&mut self, name: &str) -> Option<&mut Machine> {
        self.machines.get_mut(name)
    }

    /// A machine of the site, to see what became of it.
    pub fn machine_named(&self, name: &str) -> Option<&Machine> {
        self.machines.get(name)
    }

    /// From here on nobody asks which commands were started.
    pub fn forget(&mut self) {
        self.forgets = true;
    }

    /// Every command that was started, and when, in milliseconds.
    pub fn log(&self) -> impl Iterator<Item = (u64, &Run)> {
        self.runs.iter().map(|(at, run)| (*at, run.as_ref()))
    }

    /// Every command that was started.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().map(|(_, run)| run.as_ref())
    }

    /// Every notification that was sent: channel and subject.
    pub fn notices(&self) -> &[(String, String)] {
        &self.notices
    }

    /// Every machine, to see what became of it.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    /// Another run holds a guest, or `lock/` and a name.
    pub fn holds(&mut self, subject: &str, by: &str) {
        self.held.insert(subject.to_string(), by.to_string());
    }

    /// Somebody else switches a machine on, so many milliseconds from now.
    pub fn somebody_starts(&mut self, name: &str, after: u64) {
        self.change(after, name, Change::On);
    }

    /// Somebody else takes a machine's power away.
    pub fn somebody_stops(&mut self, name: &str) {
        let boot = self.machines.get(name).map_or(0, |machine| machine.boot);
        self.change(0, name, Change::Off(boot));
    }

    /// A machine loses its power, and the guests that run on it with it; it has it again after so many milliseconds.
    pub fn power_is_lost(&mut self, name: &str, dark: u64) {
        let Some(machine) = self.machines.get(name) else { return };
        let (boot, back) = (machine.boot, dark + machine.boot_time());
        self.change(100, name, Change::Off(boot));
        self.change(dark, name, Change::On);
        self.guests_go_down(name, 100, back);
    }

    /// What the world says to an effect, whatever the site would.
    pub fn answers(&mut self, delay: u64, id: EffectId, answer: Answer) {
        self.answer(delay, id, answer);
    }

    /// Begins an effect whose answer reaches nobody.
    pub fn begin_unseen(&mut self, effect: Effect) {
        self.at(0, Due::Act(EffectId(0), effect));
    }

    /// A changing command is started, does nothing and never ends: who asks for it again hears that.
    pub fn begin_hanging(&mut self, effect: Effect) {
        let Effect::Run(run) = effect else { return };
        let Some(operation) = &run.operation else { return };
        self.operations.insert(operation.step.clone(), Operation::of(&run.host));
        self.runs.push((self.now, Arc::new(*run)));
    }

    /// The next answer, with its time; `None` when nothing is under way, or the machine that drives the run is down.
    pub fn next_answer(&mut self) -> Option<(u64, EffectId, Answer)> {
        while !self.due.is_empty() && !self.controller_is_down() {
            if let Some((id, answer)) = self.turn() {
                return Some((self.now, id, answer));
            }
        }
        None
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

    /// The next thing that is due happens; some give an answer.
    fn turn(&mut self) -> Option<(EffectId, Answer)> {
        let ((at, _), due) = self.due.pop_first()?;
        self.now = at;
        match due {
            Due::Act(id, effect) => self.act(id, effect),
            Due::Ask(id, run, until) => self.ask_again(id, run, until),
            Due::Answer(id, answer) => return Some((id, answer)),
            Due::Ran(id, ended) => return Some((id, Answer::Ran(self.ended(ended)))),
            Due::Ended(step, ended) => {
                let result = self.ended(ended);
                return self.operation_ended(&step, result);
            }
            Due::Call(n, wake) => self.call_wakes(n, wake),
            Due::GiveUp(n) => {
                let Caller { id, host, within, .. } = self.give_up(n)?;
                return Some((id, Answer::Ran(Err(Trouble::Timeout { host, after: within }))));
            }
            Due::NotKnown(caller, why) => {
                let result = Err(Trouble::Refused { host: caller.host, why });
                return match caller.step {
                    Some(step) => self.operation_ended(&step, result),
                    None => Some((caller.id, Answer::Ran(result))),
                };
            }
            Due::Set(host, setting) => self.set_machine(&host, &setting),
            Due::Freeze(host, long) => self.freeze(&host, long),
            Due::TimeIsOut(id, step, after) => return self.time_is_out(id, &step, after),
            Due::Change(host, change) => self.changed(&host, change),
            Due::Look(guest, step) => self.looks_after(&guest, &step),
        }
        None
    }

    fn act(&mut self, id: EffectId, effect: Effect) {
        match effect {
            Effect::Run(run) => self.act_run(id, *run),
            Effect::Reach { host } => {
                let (delay, result) = self.connect(&host);
                self.answer(delay, id, Answer::Reached(result));
            }
            Effect::Port { host, port } => {
                let (delay, result) = self.connect(&host);
                let closed = self.machines.get(&host).is_some_and(|machine| machine.closed_ports.contains(&port));
                self.answer(delay, id, Answer::Truth(Ok(result.is_ok() && !closed)));
            }
            Effect::Http { .. } => self.answer(CONNECT, id, Answer::Truth(Ok(true))),
            Effect::Sleep { ms } => self.answer(ms, id, Answer::Slept),
            Effect::Notify { channel, subject, .. } => {
                self.notices.push((channel, subject));
                self.answer(0, id, Answer::Notified(None));
            }
            Effect::Confirm { .. } => self.answer(0, id, Answer::Confirmed(true)),
            Effect::Claim(claim) => self.claim(id, &claim),
            Effect::Release(claim) => {
                self.claims.remove(&claim.subject);
                self.answer(0, id, Answer::Released);
            }
            Effect::Watch(watch) => self.watch(id, *watch),
            Effect::Unwatch(watch) => {
                self.unwatch(&watch);
                self.answer(0, id, Answer::Released);
            }
            Effect::LeaveOff(watch) => {
                self.unwatch(&watch);
                self.answer(0, id, Answer::Watched(Ok(())));
            }
            Effect::Forget { .. } => {}
        }
    }

    fn claim(&mut self, id: EffectId, claim: &Claim) {
        let answer = match self.held.get(&claim.subject).cloned() {
            Some(by) => Claimed::Held(by),
            None => {
                self.claims.insert(claim.subject.clone());
                Claimed::Granted
            }
        };
        self.answer(0, id, Answer::Claimed(Ok(answer)));
    }

    fn connect(&self, host: &str) -> (u64, Result<Greeting, Trouble>) {
        let unreachable = |why: &str| Trouble::Unreachable { host: host.to_string(), why: why.to_string() };
        match self.machines.get(host) {
            None => (0, Err(unreachable("the lab has no such host"))),
            Some(machine) if self.now < machine.still_until => {
                let (delay, trouble) = Lab::no_answer(host);
                (delay, Err(trouble))
            }
            Some(machine) if !machine.running => (NO_ANSWER, Err(unreachable("no answer; it may be off"))),
            Some(machine) if !machine.ssh => {
                (self.varied(CONNECT), Err(unreachable("connection refused; it may be starting")))
            }
            Some(machine) => {
                let uptime = self.now.saturating_sub(machine.booted_at) + machine.uptime_before;
                (self.varied(CONNECT), Ok(Greeting { boot_id: machine.boot_id(), uptime }))
            }
        }
    }

    fn act_run(&mut self, id: EffectId, run: Run) {
        if let (_, Err(trouble)) = self.connect(&run.host) {
            self.answer(CONNECT, id, Answer::Ran(Err(trouble)));
            return;
        }
        if let Purpose::Look { driver, guest, identity } = &run.purpose {
            let text = self.look(&run.host, guest, driver, identity);
            let reply = Reply { code: 0, stdout: text, took: COMMAND, ..Reply::default() };
            self.answer(COMMAND, id, Answer::Ran(Ok(reply)));
            return;
        }
        let step = run.operation.as_ref().map(|operation| operation.step.clone());
        let within = run.within;
        if step.as_ref().is_none_or(|step| !self.operations.contains_key(step)) {
            if run.operation.as_ref().is_some_and(|operation| operation.watched && !self.is_watched(operation)) {
                self.answer(COMMAND, id, Answer::Ran(Err(Trouble::Unwatched { host: run.host })));
                return;
            }
            self.start(id, run);
        }
        if let Some(step) = step {
            self.attach(id, step, within);
        }
    }

    /// Starts a command.
    fn start(&mut self, id: EffectId, run: Run) {
        let run = Arc::new(run);
        if !self.forgets {
            self.runs.push((self.now, run.clone()));
        }
        let boot = self.machines.get(&run.host).map_or(0, |machine| machine.boot);
        let step = run.operation.as_ref().map(|operation| operation.step.clone());
        if let Some(step) = &step {
            self.operations.insert(step.clone(), Operation::of(&run.host));
        }
        let caller = Caller { id, step, within: run.within, host: run.host.clone(), boot, began: self.now };
        match self.answered(&run) {
            Ok(said) => self.says(caller, said),
            Err(run) if run.argv.first().is_some_and(|word| word.rsplit('/').next() == Some("qm")) => {
                self.qm(&run, caller);
            }
            Err(run) => {
                let said = self.command(&run);
                self.says(caller, said);
            }
        }
    }

    fn says(&mut self, caller: Caller, said: Said) {
        if let Some(why) = said.not_known.filter(|_| !self.knows_all) {
            return self.at(0, Due::NotKnown(Box::new(caller), why));
        }
        let takes = self.varied(said.takes);
        self.replies(caller, takes, said.reply);
    }

    /// A command ends in so many milliseconds.
    fn replies(&mut self, caller: Caller, takes: u64, mut reply: Reply) {
        reply.took = self.now + takes - caller.began;
        let Caller { id, step, within, host, boot, began } = caller;
        let late = reply.took > within;
        let ended = Ended { host, boot, reply };
        match step {
            Some(step) => self.at(takes, Due::Ended(step, ended)),
            None if late => {
                let trouble = Trouble::Timeout { host: ended.host, after: within };
                let delay = (began + within).saturating_sub(self.now);
                self.answer(delay, id, Answer::Ran(Err(trouble)));
            }
            None => self.at(takes, Due::Ran(id, ended)),
        }
    }

    /// The reply, or the lost connection of a machine that went down meanwhile.
    fn ended(&self, ended: Ended) -> Result<Reply, Trouble> {
        match self.machines.get(&ended.host) {
            Some(machine) if machine.running && machine.boot == ended.boot => Ok(ended.reply),
            _ => {
                let why = "the connection was lost before the reply".to_string();
                Err(Trouble::Unknown { host: ended.host, why, began: None })
            }
        }
    }

    fn changed(&mut self, host: &str, change: Change) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(host) else { return };
        match change {
            Change::Off(boot) if machine.boot == boot && machine.running => {
                machine.off(now);
                let is_hypervisor = machine.is_hypervisor;
                self.guest_went_off(host);
                if is_hypervisor {
                    self.host_went_down(host);
                }
            }
            Change::On if !machine.running => {
                machine.on(now);
                self.boots(host);
            }
            Change::Restore if !machine.running => machine.restored(now),
            Change::Reset if machine.running => {
                machine.restarts(now);
                self.boots(host);
            }
            Change::Pause if machine.running => {
                machine.paused = true;
                machine.ssh = false;
                machine.agent_answers = false;
            }
            Change::Resume if machine.paused => {
                machine.paused = false;
                machine.ssh = true;
                machine.agent_answers = machine.agent_works();
            }
            Change::Ssh(boot) if machine.boot == boot => machine.ssh = machine.running,
            Change::Agent(boot) if machine.boot == boot => {
                machine.agent_answers = machine.agent_works();
                if machine.agent_answers {
                    self.agent_came_up(host);
                }
            }
            _ => {}
        }
    }

    fn boots(&mut self, host: &str) {
        let Some(machine) = self.machines.get(host) else { return };
        let (time, boot) = (machine.boot_time(), machine.boot);
        if machine.boots {
            // The agent is up a moment before sshd, as on a guest of Debian's packages.
            self.change(time.saturating_sub(500), host, Change::Agent(boot));
            self.change(time, host, Change::Ssh(boot));
        }
    }
}

/// What a command says after so many milliseconds.
pub(crate) fn say(takes: u64, reply: Reply) -> Said {
    Said { takes, reply, not_known: None }
}

/// A command that the lab does not know. It is not guessed what it would do.
pub(crate) fn not_known(run: &Run) -> Said {
    let is_script =
        run.argv.first().is_some_and(|word| word == "sh") && run.argv.get(1).is_some_and(|word| word == "-c");
    let (what, key, value) = match run.argv.get(2).filter(|_| is_script) {
        Some(script) => ("this script", "script", script.trim_start().lines().next().unwrap_or_default().to_string()),
        None => ("this command", "command", run.argv.join(" ")),
    };
    let value = toml::Value::String(value);
    let answer = format!("{{ on = \"{}\", {key} = {value}, stdout = \"\" }}", run.host);
    let why = format!(
        "the lab does not know what {what} does; say what it answers in `lab/site.toml`: `answers = [{answer}]`, or say there `unknown = \"succeeds\"`"
    );
    Said { takes: COMMAND, reply: Reply::default(), not_known: Some(why) }
}

/// Success with a line of output, or none.
pub(crate) fn out(text: &str) -> Reply {
    let stdout = if text.is_empty() { String::new() } else { format!("{text}\n") };
    Reply { stdout, ..Reply::default() }
}

/// Failure with a line of stderr.
pub(crate) fn err(code: i32, text: &str) -> Reply {
    Reply { code, stderr: format!("{text}\n"), ..Reply::default() }
}

impl World for Lab {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        self.at(0, Due::Act(id, effect));
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        match effect {
            Effect::Run(run) if run.operation.is_some() => {
                let until = self.now + run.within;
                self.at(0, Due::Ask(id, run, until));
            }
            effect => self.begin(id, effect),
        }
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        self.next_answer()
    }

    fn now(&self) -> u64 {
        self.now
    }
}

/// A time between half of the usual and twice that; the usual one without a seed.
fn varied(seed: u64, n: u64, usual: u64) -> u64 {
    if seed == 0 {
        return usual;
    }
    let chance = mixed(seed.wrapping_add(n.wrapping_mul(GOLDEN)));
    usual / 2 + (usual * 3 / 2) * (chance % 1024) / 1023
}

/// The step between the numbers that are mixed.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that looks like chance and is made of another (splitmix64).
pub(crate) fn mixed(number: u64) -> u64 {
    let mixed = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
