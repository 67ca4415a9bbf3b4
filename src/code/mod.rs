//! What runs: flat instructions for each procedure, as plain data.

mod compile;
mod secrets;

use crate::text::IndexMap;
use serde::{Deserialize, Serialize};

pub use crate::check::program::{
    Builtin, Callee, Command, Effect, Expr, Guards, HostFacts, Op, Part, ProcId, ProcKind, Proof, Role, Schedule,
    Share, Slot, Stage, StageKind, WhenLocked, Whom, Window, Word,
};
pub use crate::check::{Failed, Output, SecretSource, Type, Value, duration_text, from_json, size_text};
pub use compile::compile;

/// A plan ready to run, with all that it needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// Which plan runs.
    pub entry: usize,
    /// Every plan: the one that runs, and those that it runs.
    pub plans: Vec<Plan>,
    /// The procedures.
    pub procs: Vec<Proc>,
    /// Every host of the inventory.
    pub hosts: IndexMap<String, HostFacts>,
    /// The drivers.
    pub drivers: IndexMap<String, Driver>,
    /// The inventory's name of the machine that runs the plan.
    pub controller: Option<String>,
    /// The host that keeps the locks of plans, where that is another.
    pub lock_host: Option<String>,
}

impl Code {
    /// The plan that runs.
    pub fn plan(&self) -> &Plan {
        &self.plans[self.entry]
    }
}

/// A plan's header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Which procedure runs for each target; the one that runs, for a plan without `for`.
    pub body: usize,
    /// The hosts that the plan is for, in order.
    pub targets: Vec<String>,
    /// How the guests follow each other.
    pub schedule: Schedule,
    /// Whether it is a plan without `for`.
    pub is_site: bool,
    /// The longest time for each target, in milliseconds.
    pub longest: Vec<u64>,
    /// The longest time of all targets together, in milliseconds.
    pub altogether: u64,
    /// The statement that can take longest, and how long, in milliseconds.
    pub costliest: Option<(Mark, u64)>,
    /// Whether it changes anything.
    pub changes: bool,
    /// Whether a success can leave a guest to be verified.
    pub verify: bool,
    /// The hosts to which it opens connections, each with the users that are needed there besides the one who logs in.
    pub reaches: IndexMap<String, Vec<String>>,
    /// Hosts with which the machine that runs the plan goes down: itself, or the hypervisor beneath it.
    pub hands_off: Vec<String>,
}

/// What a driver gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    /// The variable that identifies a guest.
    pub identity: String,
    /// The script that looks at a guest from its hypervisor.
    pub look: String,
    /// The script that starts a guest there; without it nobody on the hypervisor looks after a guest that is off.
    pub wake: Option<String>,
    /// The script that finds a command in the hypervisor's list of tasks.
    pub tasks: Option<String>,
    /// Its probes and tasks.
    pub procs: IndexMap<String, usize>,
}

/// A procedure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proc {
    /// Its name with its module.
    pub name: String,
    /// What it is.
    pub kind: ProcKind,
    /// How many of the slots are parameters.
    pub params: usize,
    /// Values of the plan's parameters, for the body.
    pub initial: Vec<Option<Expr>>,
    /// How many slots a frame has.
    pub slots: usize,
    /// What it does.
    pub instructions: Vec<Instruction>,
    /// For each instruction the step that it belongs to.
    pub steps: Vec<usize>,
    /// The steps as they are written.
    pub marks: Vec<Mark>,
}

/// A step as the plan writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The statement's first line.
    pub text: String,
    /// `file:line`.
    pub place: String,
}

/// One instruction. Numbers that are no slots are indices of instructions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Instruction {
    /// A value into a slot.
    Set(Slot, Expr),
    /// A command, with its output into a slot.
    Run(Box<Command>, Option<Slot>),
    /// A probe of the runtime, with its answer into a slot. A lenient one that errs has no answer.
    Probe(Builtin, Vec<Expr>, Slot, Lenient),
    /// A task or probe, with its answer into a slot.
    Call(Callee, Vec<Expr>, Option<Slot>, Lenient),
    /// The agent said yes: after a power action it must be the new system's.
    Evidence(Slot, Expr),
    /// On to another instruction.
    Jump(usize),
    /// On, unless the value is true.
    JumpUnless(Expr, usize),
    /// On, if the value is true.
    JumpIf(Expr, usize),
    /// A wait begins: at most so long, asked so often.
    WaitBegin(Expr, Option<Expr>),
    /// The end of a wait's question: on where it is true, back where it is not, and what follows when time is out.
    WaitCheck(Expr, usize, TimeOut),
    /// True, or the guest fails.
    Require(Expr, Option<Expr>),
    /// The next item of a list (first slot) by its index (second) into a third, or on to the end.
    Next(Slot, Slot, Slot, usize),
    /// From here a failure goes to `recover`, and every end to `finally`.
    Try(Option<(Slot, usize)>, Option<usize>),
    /// From here a failure, a refusal and an unknown are kept in the slot, and it goes on at the instruction.
    Keep(Slot, usize),
    /// From here a failure or a refusal is noted as the answer to a question, and goes on at an instruction. It ends
    /// with `EndTry`.
    Ask(String, usize),
    /// The end of what `Try`, `Keep` or `Ask` guards.
    EndTry,
    /// The end of `finally`: on, or on with what was under way.
    EndFinally,
    /// From here a failure starts again, at most so many times, after a pause.
    Retry(Expr, Option<Expr>),
    /// The end of what `Retry` repeats.
    EndRetry,
    /// The guest fails.
    Fail(Expr),
    /// The guest is done.
    Skip(Expr),
    /// Said in the report.
    Warn(Expr),
    /// A row of the report.
    Record(String, Expr),
    /// Sent to a channel.
    Notify(String, Expr, Vec<(String, Expr)>),
    /// Asked of a person.
    Confirm(Expr),
    /// The end of a procedure.
    Return(Option<Expr>),
    /// Another plan, with the values of its parameters.
    RunPlan(usize, Vec<Expr>),
    /// From here on no other run holds a lock of the plan, nor acts on the subject, where the plan changes any.
    Claim(Option<Expr>),
    /// The subject is meant to be off.
    KeepOff(Expr),
    /// A guard.
    Guard(Guard, Expr),
    /// No command that was left when its time was out is still at work for the guest.
    Settled(Expr),
    /// On, if this run has disrupted the guest and not verified it since.
    JumpIfDisrupted(Expr, usize),
    /// On, if the host need not prove this after a power action.
    JumpUnlessProves(Expr, Proof, usize),
    /// The hosts that this fiber has disrupted and not verified since, into a slot; not those that are meant to be off.
    Disrupted(Slot),
    /// A failure was caught; it is in the slot.
    Recovered(Slot),
    /// The guest ends as what was kept in the slot says, where there is something.
    FailAs(Slot),
    /// On, if the end that is under way is a failure.
    JumpIfFailing(usize),
    /// Every guest that ran on this hypervisor before it restarted answers again.
    GuestsBack(Expr),
    /// The guest is verified: running, a new boot, all that its `hostler_proof` asks.
    Verified(Expr),
    /// A test says something.
    Stage(Box<Stage>),
}

/// Whether an error of a probe is an answer that has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lenient {
    /// It is an error.
    No,
    /// It is no answer yet.
    Yes,
}

/// What follows when a wait's time is out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TimeOut {
    /// The guest fails, with this message.
    Fail(Option<Expr>),
    /// On to another instruction.
    Jump(usize),
}

/// The guards (language, section 9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Guard {
    /// Looks at the guest from its hypervisor, in one request.
    Look,
    /// It is the guest that is meant.
    Identity,
    /// No cluster manages it, for a command that is not for such a guest.
    Unmanaged,
    /// It is on, or the plan is about to start it.
    Present(Effect),
    /// Nothing holds it; the number is where to look again.
    Unlocked(WhenLocked, usize),
    /// The answer of the agent, which must be true.
    Agent(Slot),
    /// The guests of a hypervisor that is about to restart: none is locked, and which run is noted.
    Guests,
    /// The cluster of the hypervisor can start again what is switched off there.
    Quorum,
    /// Each host that is never down together with this one is up.
    Partners,
    /// What is so before the first power action: process and boot.
    Baseline,
    /// From here on the guest may be anything until it is verified; or, without verification, is seen to run.
    Disrupt(Effect, bool),
}
