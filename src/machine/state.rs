use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Claim, EffectId, Ending, Watch};
use crate::code::{Code, Failed, Lenient, Slot, Value};

/// A run: the code, and where each guest is in it.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) code: Arc<Code>,
    pub(super) now: u64,
    pub(super) next_effect: u64,
    pub(super) fibers: Vec<Fiber>,
    /// Which fiber waits for which effect.
    pub(super) waiting: BTreeMap<EffectId, usize>,
    pub(super) runs: Vec<PlanRun>,
    pub(super) windows: Vec<Vec<(i64, i64)>>,
    /// Changing commands that were at work when their time was out.
    pub(super) left: BTreeMap<EffectId, Left>,
    /// Something has begun or ended since it was last looked who can be begun.
    pub(super) places_changed: bool,
    /// What this run has claimed, and the fibers that act under it.
    pub(super) claims: BTreeMap<Claim, BTreeSet<usize>>,
    /// What is being given back.
    pub(super) releasing: BTreeSet<EffectId>,
    /// How often a person wanted the run to stop.
    pub(super) interrupts: u32,
}

/// A changing command that goes on although nobody waits for it.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// The guest that it was for.
    pub(super) guest: String,
    /// Where it runs.
    pub(super) host: String,
    /// As written.
    pub(super) text: String,
    /// Why nobody will know when it has ended.
    pub(super) lost: Option<String>,
}

/// A plan under way.
#[derive(Clone, Debug)]
pub(super) struct PlanRun {
    pub(super) plan: usize,
    /// As the report calls it: a plan that runs again is another row.
    pub(super) name: String,
    /// Its fibers: from here,
    pub(super) first: usize,
    /// to before here.
    pub(super) end: usize,
    /// The fiber of the plan that runs it.
    pub(super) parent: Option<usize>,
    /// Values of its parameters; the rest have their defaults.
    pub(super) args: Vec<Value>,
    /// Why no further guest is begun.
    pub(super) stopped: Option<String>,
    pub(super) over: bool,
    pub(super) tally: Tally,
}

/// How the fibers of a plan stand, kept as they begin and end: with thousands of targets they are not counted for each
/// answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Begun, and not ended.
    pub(super) under_way: usize,
    /// Ended, begun or not.
    pub(super) ended: usize,
    /// Begun, and not ended well.
    pub(super) bad: usize,
    /// Of those under way and those that did not end well, how many belong to each hypervisor.
    pub(super) places: BTreeMap<String, usize>,
    /// No fiber before this one waits to be begun.
    pub(super) waiting_from: usize,
}

/// One guest's way through the plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Fiber {
    /// Which plan's run it belongs to.
    pub(super) run: usize,
    pub(super) host: String,
    /// When its time is out, by the plan's `deadline`.
    pub(super) deadline: Option<u64>,
    /// A person stopped the run while a changing command of this guest was under way.
    pub(super) interrupted: bool,
    pub(super) begun: bool,
    /// Whether it has a place among those under way: one that is given up never has.
    pub(super) has_place: bool,
    /// How many changing commands it has begun.
    pub(super) changes: u64,
    pub(super) ended: Option<Ending>,
    pub(super) frames: Vec<Frame>,
    pub(super) handlers: Vec<Handler>,
    pub(super) waits: Vec<Wait>,
    pub(super) pendings: Vec<Pending>,
    pub(super) awaiting: Option<Awaiting>,
    /// The effect whose answer it waits for, or had last.
    pub(super) effect: Option<EffectId>,
    /// Few, and most of them one: boxed, because a map makes room for eleven at once.
    pub(super) guests: BTreeMap<String, Box<GuestState>>,
    /// Guests that ran on this hypervisor before it restarted, and have not been seen since.
    pub(super) guests_to_see: Vec<String>,
    /// Until when a lock on the guest is waited for.
    pub(super) lock_until: Option<u64>,
    /// What is said of an agent that does not answer, while the driver is asked whether its guest is paused.
    pub(super) silent: Option<String>,
    /// Where it was when nobody knew what had become of a command, or when a plan that it ran ended so: a person may say.
    pub(super) parked: Option<Box<Parked>>,
    /// What the last probe's command said, for the message when a wait runs out.
    pub(super) last_said: String,
}

/// Where a fiber was, so that it can go on there.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) frames: Vec<Frame>,
    pub(super) handlers: Vec<Handler>,
    pub(super) waits: Vec<Wait>,
    pub(super) pendings: Vec<Pending>,
    /// Where the output of the command was to go.
    pub(super) slot: Option<Slot>,
}

/// A procedure under way.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) proc: usize,
    pub(super) pc: usize,
    pub(super) slots: Vec<Value>,
    /// Where the caller wants the answer.
    pub(super) result: Option<Slot>,
    pub(super) lenient: Lenient,
    pub(super) waits: usize,
    pub(super) value: Value,
}

/// What catches a failure, or the end, of the instructions that it guards.
#[derive(Clone, Debug)]
pub(super) struct Handler {
    pub(super) frames: usize,
    pub(super) waits: usize,
    pub(super) kind: HandlerKind,
}

#[derive(Clone, Debug)]
pub(super) enum HandlerKind {
    Recover(Slot, usize),
    Keep(Slot, usize),
    Finally(usize),
    Retry { left: u64, every: u64, from: usize },
    Ask(String, usize),
}

/// What goes on when a `finally` is done.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) way: Option<Way>,
    pub(super) frames: usize,
    pub(super) handlers: usize,
}

/// A way out of the instructions.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// A procedure ends.
    Return,
    /// The guest's body ends.
    End(Ending),
}

/// A wait under way.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) began: u64,
    pub(super) until: u64,
    pub(super) pause: u64,
    pub(super) fixed: bool,
}

/// What a fiber does with the answer that it waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Awaiting {
    /// Goes on.
    Nothing,
    /// Whether nobody else acts on something; then the instruction that asked for it comes again.
    Claimed(Claim),
    /// Whether a guest is watched over; then the instruction that asked for it comes again.
    Watched(Box<Watch>),
    /// Whether a guest is left off.
    LeftOff(Box<Watch>),
    /// The output of a command.
    Output { host: String, slot: Option<Slot> },
    /// A look that may tell what became of a power command.
    Seen(Box<Unsettled>),
    /// A list of tasks that may tell what became of another command.
    Listed(Box<Unsettled>),
    /// A look for a probe.
    PowerProbe(crate::code::Builtin, Slot, Lenient, String),
    /// A look for a guard.
    Look(String),
    /// A look that tells whether the agent's answer is the new system's.
    Evidence(Slot, String),
    /// A connection for `ssh` or `not ssh`.
    Reached { host: String, slot: Slot, lenient: Lenient, wanted: bool },
    /// A connection that shows whether a new boot answers, before anything else of it counts; then the probe is asked.
    NewBoot { host: String, slot: Slot },
    /// A connection that shows the boot before the first power action.
    Baseline(String),
    /// A truth.
    Truth(Slot, Lenient),
    /// The answer of a person.
    Confirmed(String),
    /// Whether a notification went out.
    Notified(String),
    /// Whether a host answers that is never down together with this one; then the others.
    Partner { partner: String, others: Vec<String>, begun: bool },
    /// Whether a guest of a hypervisor that is about to restart runs; then the others.
    GuestSeen { guest: String, others: Vec<String> },
    /// Whether a guest of a hypervisor that restarted answers again, until then.
    GuestBack { guest: String, until: u64 },
    /// The pause before it is asked again.
    GuestPause { guest: String, until: u64 },
    /// The end of what was left at work for a guest.
    Settled(String),
    /// The end of a plan.
    Plan,
}

/// A command of which nobody knows what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unsettled {
    /// Where it was sent.
    pub(super) host: String,
    /// Where its output was to go.
    pub(super) slot: Option<Slot>,
    /// For a person.
    pub(super) message: String,
}

/// What this run knows of a guest's power.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuestState {
    /// The last look.
    pub facts: Option<Facts>,
    /// Before the first power action.
    pub baseline: Option<Baseline>,
    /// A power action was begun, and the guest not verified since.
    pub disrupted: bool,
    /// When the last power action was begun.
    pub disrupted_at: u64,
    /// Whether it was disrupted before the command that runs now.
    pub was_disrupted: bool,
    /// The boot that ssh proved since.
    pub new_boot: Option<String>,
    /// The process that the hypervisor showed since.
    pub new_process: Option<String>,
    /// Whether the agent of the new system answered.
    pub agent: bool,
    /// Whether the plan leaves its verification out, and only sees that it runs.
    pub unverified: bool,
    /// Whether the plan means to leave it off.
    pub keep_off: bool,
    /// What its hypervisor does when nobody else starts it, and until when at least, in milliseconds of the run.
    pub watch: Option<(Box<Watch>, u64)>,
    /// How often its hypervisor had ceased to watch over it when a command came, one time after another.
    pub unwatched: u32,
}

impl GuestState {
    /// Whether its power was changed, and no answer of it is known to be the new system's.
    pub(super) fn is_unproven(&self) -> bool {
        self.disrupted && self.new_boot.is_none() && self.new_process.is_none()
    }
}

/// What is so before the first power action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The power state by the hypervisor.
    pub power: String,
    /// The hypervisor's process and its start.
    pub process: String,
    /// The boot, where ssh answered.
    pub boot_id: Option<String>,
}

/// What a driver's `look` saw: lines of `key=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whether the hypervisor has this guest.
    pub found: bool,
    /// Another node of the cluster that has it.
    pub node: Option<String>,
    /// `vm` or `container`, where the look says it.
    pub kind: Option<String>,
    /// The guest's name there.
    pub name: String,
    /// Its UUID there.
    pub uuid: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// What holds it: `backup`, `migrate`, `snapshot`.
    pub lock: Option<String>,
    /// The state that its cluster keeps it in, where a cluster manages it.
    pub managed: Option<String>,
    /// Whether its cluster has no quorum, so that nothing can be started in it.
    #[serde(default)]
    pub no_quorum: bool,
    /// `running`, `stopped`, `paused`.
    pub power: String,
    /// The hypervisor's process for it and that process's start.
    pub process: String,
}

impl Facts {
    /// Reads the lines of a look. Unknown keys are left alone, so that a driver can say more than is used.
    pub fn read(text: &str) -> Facts {
        let mut facts = Facts { power: "stopped".to_string(), ..Facts::default() };
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim().to_string();
            let some = (!value.is_empty()).then(|| value.clone());
            match key.trim() {
                "found" => facts.found = value == "yes",
                "node" => facts.node = some,
                "kind" => facts.kind = some,
                "name" => facts.name = value,
                "uuid" => facts.uuid = some,
                "template" => facts.template = value == "yes",
                "lock" => facts.lock = some,
                "ha" => facts.managed = some.filter(|state| state != "ignored"),
                "quorum" => facts.no_quorum = value == "no",
                "power" => facts.power = value,
                "process" => facts.process = value,
                _ => {}
            }
        }
        facts
    }
}

impl State {
    /// A run that has not begun.
    pub fn new(code: Arc<Code>) -> State {
        State {
            code,
            now: 0,
            next_effect: 1,
            fibers: Vec::new(),
            waiting: BTreeMap::new(),
            runs: Vec::new(),
            windows: Vec::new(),
            left: BTreeMap::new(),
            places_changed: false,
            claims: BTreeMap::new(),
            releasing: BTreeSet::new(),
            interrupts: 0,
        }
    }

    /// How it ended for each target, in their order; `None` while it has not.
    pub fn endings(&self) -> impl Iterator<Item = (&str, Option<&Ending>)> {
        self.fibers.iter().map(|fiber| (fiber.host.as_str(), fiber.ended.as_ref()))
    }

    /// What runs.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Whether a power action on a host was begun, and the host not verified since.
    pub fn is_disrupted(&self, host: &str) -> bool {
        self.fibers.iter().any(|fiber| fiber.guests.get(host).is_some_and(|state| state.disrupted))
    }

    /// Whether the plan means to leave a host off.
    pub fn is_left_off(&self, host: &str) -> bool {
        self.fibers.iter().any(|fiber| fiber.guests.get(host).is_some_and(|state| state.keep_off))
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.runs.iter().all(|run| run.over) && self.releasing.is_empty()
    }

    /// The target for which an effect was asked, while its answer is waited for.
    pub fn who_waits(&self, id: EffectId) -> Option<&str> {
        self.waiting.get(&id).map(|fiber| self.fibers[*fiber].host.as_str())
    }

    /// Whether the answer of an effect is waited for.
    pub fn waits_for(&self, id: EffectId) -> bool {
        self.waiting.contains_key(&id) || self.releasing.contains(&id)
    }

    /// Milliseconds since the run began.
    pub fn now(&self) -> u64 {
        self.now
    }
}

/// A failure of a step.
pub(super) fn failed(kind: &str, message: String, host: &str) -> Failed {
    Failed { kind: kind.to_string(), message, step: String::new(), code: -1, host: host.to_string() }
}
