//! A checked program: names are ids, every expression has a type, every command an effect.

use serde::{Deserialize, Serialize};

pub use super::schedule::{Schedule, Share, Window};
pub use super::stage::{Stage, StageKind, Test};
use super::{Type, Value};
use crate::text::{IndexMap, Span};

/// A plan that can run, with all that it calls.
#[derive(Clone, Debug)]
pub struct Program {
    /// The plan that runs.
    pub entry: PlanId,
    /// Every plan that was read; the one that runs and those that it runs are among them.
    pub plans: Vec<Plan>,
    /// Tasks, probes and the plan's body.
    pub procs: Vec<Proc>,
    /// The drivers that the hosts of the run need.
    pub drivers: IndexMap<String, Driver>,
    /// Every host of the inventory.
    pub hosts: IndexMap<String, HostFacts>,
    /// The inventory's name of the machine that runs the plan, where it is known.
    pub controller: Option<String>,
    /// The host that keeps the locks of plans, where that is another.
    pub lock_host: Option<String>,
    /// Where the plan that runs is a test: what is written at its head.
    pub test: Option<Test>,
}

/// An index into [`Program::procs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcId(pub usize);

/// A local value's place in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub usize);

/// The plan's header.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name; `script` for a file of statements.
    pub name: String,
    /// Documentation.
    pub doc: Vec<String>,
    /// What runs for each target.
    pub body: ProcId,
    /// The hosts, in order.
    pub targets: Vec<String>,
    /// How many at once, and when to stop.
    pub schedule: Schedule,
    /// Whether it is a plan without `for`, which runs other plans.
    pub is_site: bool,
    /// The longest time for each target, in milliseconds.
    pub longest: Vec<u64>,
    /// The longest time of all targets together, in milliseconds.
    pub altogether: u64,
    /// The statement that can take longest, and how long, in milliseconds.
    pub costliest: Option<(Span, u64)>,
    /// Whether a success can leave a guest to be verified.
    pub verify: bool,
    /// The hosts to which it opens connections, each with the users that are needed there besides the one who logs in.
    pub reaches: IndexMap<String, Vec<String>>,
    /// Hosts with which the machine that runs the plan goes down: itself, or the hypervisor beneath it.
    pub hands_off: Vec<String>,
}

impl Plan {
    /// One of whom no target, clause or bound is known yet.
    pub(super) fn of(name: String, body: ProcId, is_site: bool) -> Self {
        Plan {
            name,
            doc: Vec::new(),
            body,
            targets: Vec::new(),
            schedule: Schedule::default(),
            is_site,
            longest: Vec::new(),
            altogether: 0,
            costliest: None,
            verify: false,
            reaches: IndexMap::default(),
            hands_off: Vec::new(),
        }
    }
}

/// An index into [`Program::plans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanId(pub usize);

/// What the program knows of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Who has authority over its power.
    pub hypervisor: Option<String>,
    /// What it is.
    pub role: Role,
    /// Its driver's name.
    pub driver: String,
    /// The name that its guest bears on the hypervisor (`vm_name`, else the inventory name).
    pub guest_name: String,
    /// The guest's UUID on the hypervisor, where the inventory says it.
    pub guest_uuid: Option<String>,
    /// Its identity on the hypervisor (`vmid`).
    pub identity: Option<String>,
    /// The file where its own variables belong.
    pub own_file: String,
    /// What a guest must prove after a power action (`hostler_proof`).
    pub proof: Vec<Proof>,
    /// The variables that the program uses.
    pub variables: IndexMap<String, serde_json::Value>,
}

impl HostFacts {
    /// Whether the host is to prove this after a power action. A machine that is nobody's guest answers for itself.
    pub fn proves(&self, proof: Proof) -> bool {
        match (self.role, proof) {
            // Nothing is left off.
            (Role::Guest, Proof::Power) => true,
            (Role::Guest, Proof::Ssh | Proof::Agent) => self.proof.contains(&proof),
            (Role::Hypervisor | Role::BareMetal | Role::Undetermined, _) => proof == Proof::Ssh,
        }
    }
}

/// What may prove that a host is well after its power changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// Its hypervisor says that it runs.
    Power,
    /// Its agent answers the hypervisor.
    Agent,
    /// A fresh connection to a new boot.
    Ssh,
}

impl Proof {
    /// All of them: what a guest proves that says nothing.
    pub const ALL: [Proof; 3] = [Proof::Power, Proof::Agent, Proof::Ssh];

    /// Reads `hostler_proof`: a list of words, or words in a text.
    ///
    /// # Errors
    /// Which word is none.
    pub fn list(value: &serde_json::Value) -> Result<Vec<Proof>, String> {
        let words: Vec<String> = match value {
            serde_json::Value::Array(items) => {
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_string)).collect()
            }
            serde_json::Value::String(text) => {
                text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_string).collect()
            }
            other => vec![other.to_string()],
        };
        let proof = |word: String| match word.as_str() {
            "power" => Ok(Proof::Power),
            "agent" => Ok(Proof::Agent),
            "ssh" => Ok(Proof::Ssh),
            _ => Err(format!("`{word}` proves nothing; write a list of `power`, `agent` and `ssh`")),
        };
        words.into_iter().map(proof).collect()
    }
}

/// What a host is (language, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Another host names it as its hypervisor, or it names itself.
    Hypervisor,
    /// It has a hypervisor and an identity.
    Guest,
    /// It has a hypervisor and no identity.
    Undetermined,
    /// It has no hypervisor.
    #[default]
    BareMetal,
}

/// What a driver gives.
#[derive(Clone, Debug)]
pub struct Driver {
    /// The variable that identifies a guest.
    pub identity: String,
    /// The script that looks at a guest from its hypervisor.
    pub look: String,
    /// The script that starts a guest there; without it nobody on the hypervisor looks after a guest that is off.
    pub wake: Option<String>,
    /// Finds a command in the hypervisor's list of tasks.
    pub tasks: Option<String>,
    /// Its probes and tasks.
    pub procs: IndexMap<String, ProcId>,
}

/// What a procedure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcKind {
    /// A plan's statements.
    Body,
    /// `task`
    Task,
    /// `probe`
    Probe,
}

/// A task, a probe, or the body of the plan.
#[derive(Clone, Debug)]
pub struct Proc {
    /// Its name with its module: `apt.dist_upgrade`.
    pub name: String,
    /// Which.
    pub kind: ProcKind,
    /// Parameters; they are the first slots.
    pub params: Vec<Param>,
    /// How many slots a frame needs.
    pub slots: usize,
    /// Whether the first parameter is what the code is about.
    pub has_subject: bool,
    /// What a probe answers.
    pub result: Type,
    /// The steps.
    pub body: Vec<Step>,
    /// Where it is declared.
    pub span: Span,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its default.
    pub default: Option<Expr>,
}

/// A statement with all that is known of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What to do.
    pub kind: StepKind,
    /// Where it is written.
    pub span: Span,
}

impl Step {
    /// The steps within it.
    pub fn blocks(&self) -> Vec<&[Step]> {
        match &self.kind {
            StepKind::If(branches, otherwise) => {
                branches.iter().map(|(_, steps)| steps.as_slice()).chain([otherwise.as_slice()]).collect()
            }
            StepKind::For(_, _, steps) | StepKind::Retry(_, _, steps) => vec![steps],
            StepKind::Try(body, recover, finally) => {
                let recover = recover.iter().map(|(_, steps)| steps.as_slice());
                [body.as_slice()].into_iter().chain(recover).chain(finally.iter().map(Vec::as_slice)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The same, to change them.
    pub(super) fn blocks_mut(&mut self) -> Vec<&mut Vec<Step>> {
        match &mut self.kind {
            StepKind::If(branches, otherwise) => {
                branches.iter_mut().map(|(_, steps)| steps).chain([otherwise]).collect()
            }
            StepKind::For(_, _, steps) | StepKind::Retry(_, _, steps) => vec![steps],
            StepKind::Try(body, recover, finally) => {
                [body].into_iter().chain(recover.iter_mut().map(|(_, steps)| steps)).chain(finally).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Visits every command of some steps, with the place of its step.
pub fn each_command(steps: &[Step], visit: &mut dyn FnMut(Span, &Command)) {
    for step in steps {
        if let StepKind::Run(command, _) = &step.kind {
            visit(step.span, command);
        }
        step.blocks().into_iter().for_each(|steps| each_command(steps, visit));
    }
}

/// The statements.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// A command, its output kept in a slot.
    Run(Box<Command>, Option<Slot>),
    /// A value kept in a slot.
    Let(Slot, Expr),
    /// Until it is true.
    Await {
        /// The condition.
        condition: Expr,
        /// At most this long.
        within: Expr,
        /// Asked this often; growing from 1s to 15s where it is not said.
        every: Option<Expr>,
        /// What is said when it does not come true.
        otherwise: Option<Expr>,
    },
    /// True now.
    Require {
        /// The condition.
        condition: Expr,
        /// What is said when it is not.
        otherwise: Option<Expr>,
    },
    /// A task.
    Call(Callee, Vec<Expr>),
    /// The first branch whose condition holds.
    If(Vec<(Expr, Vec<Step>)>, Vec<Step>),
    /// Once for each.
    For(Slot, Expr, Vec<Step>),
    /// At most so many attempts, with a pause between two.
    Retry(Expr, Option<Expr>, Vec<Step>),
    /// With what is done about a failure, and what is done in any case.
    Try(Vec<Step>, Option<(Slot, Vec<Step>)>, Option<Vec<Step>>),
    /// This guest has failed.
    Fail(Expr),
    /// This guest is done.
    Skip(Expr),
    /// Said in the report.
    Warn(Expr),
    /// A row of the report.
    Record(String, Expr),
    /// Sent to a channel.
    Notify(String, Expr, Vec<(String, Expr)>),
    /// Asked of a person.
    Confirm(Expr),
    /// The end of a task or probe.
    Return(Option<Expr>),
    /// Another plan, with the values of its parameters.
    RunPlan(PlanId, Vec<Expr>),
    /// The plan means to leave its subject off.
    KeepOff,
    /// A test runs a plan, for some of its targets or for all.
    Rehearse(PlanId, Vec<Expr>, Option<Vec<String>>),
    /// A test says something to the lab, or what it expects.
    Stage(Box<Stage>),
}

/// Whom a call means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Callee {
    /// A task or probe written in the language.
    Proc(ProcId),
    /// A probe or task of the first argument's driver.
    Driver(String),
    /// A probe that the runtime answers.
    Builtin(Builtin),
}

/// The probes that the runtime answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Builtin {
    /// A fresh connection answers; after a power action one to a new boot.
    Ssh,
    /// No connection is answered, or a new boot is proven.
    NotSsh,
    /// A TCP port answers.
    Port,
    /// An HTTP address answers with success.
    Http,
    /// The power state, by the hypervisor.
    Power,
    /// Whether the guest on the hypervisor is the one meant.
    Identity,
    /// Whether a lock holds the guest on the hypervisor.
    Locked,
}

/// An expression whose type has been checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// A constant.
    Const(Value),
    /// A local value.
    Slot(Slot),
    /// A variable of a host, as a value of a type.
    Variable(Box<Expr>, String, Type),
    /// The hypervisor of a host.
    Hypervisor(Box<Expr>),
    /// The machine that runs the plan.
    Controller,
    /// Texts, one after the other.
    Text(Vec<Expr>),
    /// A list.
    List(Vec<Expr>),
    /// A member or method of a value.
    Member(Box<Expr>, String, Vec<Expr>),
    /// An item.
    Index(Box<Expr>, Box<Expr>),
    /// A value as another type.
    Convert(Box<Expr>, Type),
    /// `-x`
    Negate(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `a + b`
    Binary(Op, Box<Expr>, Box<Expr>),
    /// A probe. Compiling takes these out of expressions.
    Probe(Callee, Vec<Expr>),
}

impl Expr {
    /// The expressions that it is made of.
    pub fn parts(&self) -> Vec<&Expr> {
        match self {
            Expr::Const(_) | Expr::Slot(_) | Expr::Controller => Vec::new(),
            Expr::Variable(inner, _, _)
            | Expr::Hypervisor(inner)
            | Expr::Convert(inner, _)
            | Expr::Negate(inner)
            | Expr::Not(inner) => vec![inner],
            Expr::Text(items) | Expr::List(items) | Expr::Probe(_, items) => items.iter().collect(),
            Expr::Member(of, _, args) => std::iter::once(&**of).chain(args).collect(),
            Expr::Index(left, right) | Expr::Binary(_, left, right) => vec![left, right],
        }
    }

    /// Whether it needs an answer of the world, which may not come.
    pub fn asks(&self) -> bool {
        matches!(self, Expr::Probe(..)) || self.parts().into_iter().any(Expr::asks)
    }
}

/// The operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the operators' own")]
pub enum Op {
    Times,
    Divided,
    Plus,
    Minus,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Contains,
    Matches,
    And,
    Or,
}

/// What a command does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Nothing.
    Read,
    /// Something.
    Change,
    /// A guest is on after it.
    PowerOn,
    /// A guest is off after it.
    PowerOff,
    /// A guest was off and is on after it.
    PowerCycle,
    /// Something is lost.
    Destroy,
}

impl Effect {
    /// Whether it changes the power state.
    pub fn is_power(self) -> bool {
        matches!(self, Effect::PowerOn | Effect::PowerOff | Effect::PowerCycle)
    }
}

/// Whose power a command changes, or whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whom {
    /// No guest.
    Nobody,
    /// The subject, from its hypervisor.
    Subject,
    /// The host that carries out the command.
    Itself,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The host that carries it out.
    pub place: Expr,
    /// The user to become.
    pub user: Option<String>,
    /// The words.
    pub words: Vec<Word>,
    /// How long the plan waits; `None` for the default of the effect.
    pub within: Option<Expr>,
    /// Exit codes that are success; `None` for any.
    pub accept: Option<Vec<i64>>,
    /// Attempts and pause.
    pub retry: Option<(u64, u64)>,
    /// Environment.
    pub env: Vec<(String, Expr)>,
    /// Standard input.
    pub stdin: Option<Expr>,
    /// What it does.
    pub effect: Effect,
    /// Whom it names.
    pub whom: Whom,
    /// Whether it is left to finish when the plan stops waiting.
    pub left: bool,
    /// Whether it is not for a guest whose power its cluster keeps by itself.
    pub unless_managed: bool,
    /// Whether the guest is not asked: the power is taken away.
    pub by_force: bool,
    /// What its hypervisor calls it in its list of tasks.
    pub task: Option<String>,
    /// What a lock means.
    pub when_locked: WhenLocked,
    /// What no way up to it has proven.
    pub guards: Guards,
    /// Guards left out, and why.
    pub unguarded: Option<(Vec<String>, String)>,
    /// Texts of stderr that mean that it was not started.
    pub not_started: Vec<String>,
    /// Texts of stderr that mean that a lock holds the guest.
    pub locked: Vec<String>,
    /// As written.
    pub text: String,
}

/// What has to be proven before a command, because some way that leads to it has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// It is the guest that is meant.
    pub identity: bool,
    /// Nothing holds it.
    pub unlocked: bool,
    /// Its agent answers.
    pub agent: bool,
    /// What is so before its power is changed.
    pub baseline: bool,
}

impl Guards {
    /// What a command needs of which nothing is known.
    pub const ALL: Guards = Guards { identity: true, unlocked: true, agent: true, baseline: true };
}

/// What a lock means for a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenLocked {
    /// The guest is refused.
    #[default]
    Fail,
    /// The guest is done.
    Skip,
    /// Wait for it, at most so many milliseconds.
    Wait(u64),
}

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Word {
    /// One word, made of parts.
    One {
        /// The parts.
        parts: Vec<Part>,
        /// Whether a leading `-` that comes from a value is refused.
        guarded: bool,
    },
    /// Each item of a list.
    Spread {
        /// The list.
        list: Expr,
        /// Whether a leading `-` that comes from a value is refused.
        guarded: bool,
    },
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Part {
    /// As written.
    Text(String),
    /// A value's text.
    Value(Expr),
    /// A time span as a number of this many milliseconds, rounded up (`--timeout` in seconds is 1000).
    Units(Expr, u64),
}
