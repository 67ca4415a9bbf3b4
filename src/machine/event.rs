//! What the machine asks of the world, what the world answers, and what there is to say about it.

use serde::{Deserialize, Serialize};

use super::eval::about;
use crate::code::{Effect as Kind, Failed, SecretSource, StageKind};

/// The number of an effect within a run, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId(pub u64);

/// What happens to a machine. Times are milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The run begins.
    Begin {
        /// For each plan of the code the times when its window is open, from and to in milliseconds since the run
        /// began (negative before). A plan without a window has none.
        windows: Vec<Vec<(i64, i64)>>,
    },
    /// An effect gave a result.
    Result {
        /// Which effect.
        id: EffectId,
        /// When.
        at: u64,
        /// What.
        answer: Answer,
    },
    /// A person says what became of a command of which nobody knew: its guest goes on from there.
    Resolved {
        /// When.
        at: u64,
        /// The plan, as the report calls it.
        plan: String,
        /// The target that ended as unknown.
        guest: String,
        /// Whether the command was carried out; else it failed.
        done: bool,
    },
    /// A person wants the run to stop: nothing new is begun.
    Interrupt {
        /// When.
        at: u64,
    },
}

/// What a machine asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// A command on a host.
    Run(Box<Run>),
    /// A fresh connection to a host.
    Reach {
        /// The host.
        host: String,
    },
    /// Whether a TCP port of a host answers.
    Port {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// Whether an address answers with success.
    Http {
        /// The address.
        url: String,
    },
    /// Some time passes.
    Sleep {
        /// Milliseconds.
        ms: u64,
    },
    /// A notification.
    Notify {
        /// A channel of `hostler.toml`.
        channel: String,
        /// The subject line.
        subject: String,
        /// Rows.
        fields: Vec<(String, String)>,
    },
    /// A question to a person.
    Confirm {
        /// The question.
        question: String,
    },
    /// No other run is to act on a guest, or to hold a named lock, until this one ends or is long silent.
    Claim(Claim),
    /// What was claimed is free again. The run is over when that is answered.
    Release(Claim),
    /// A guest is about to be switched off: from now on its hypervisor itself sees to it that it runs again.
    Watch(Box<Watch>),
    /// A guest runs again: its hypervisor need not look any more. The run is over when that is answered.
    Unwatch(Box<Watch>),
    /// A guest is to stay off: its hypervisor must not start it.
    LeaveOff(Box<Watch>),
    /// Connections to a host are dropped: its power is about to change. No answer is awaited.
    Forget {
        /// The host.
        host: String,
    },
}

impl Effect {
    /// Whether the world is another one after it.
    pub fn changes(&self) -> bool {
        match self {
            Effect::Run(run) => run.operation.is_some(),
            Effect::Notify { .. } | Effect::Watch(_) | Effect::LeaveOff(_) => true,
            Effect::Reach { .. }
            | Effect::Port { .. }
            | Effect::Http { .. }
            | Effect::Sleep { .. }
            | Effect::Confirm { .. }
            | Effect::Claim(_)
            | Effect::Release(_)
            | Effect::Unwatch(_)
            | Effect::Forget { .. } => false,
        }
    }
}

/// A command that is to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The host that carries it out, by inventory name; `controller` for this machine.
    pub host: String,
    /// The user to become.
    pub user: Option<String>,
    /// The words.
    pub argv: Vec<String>,
    /// Environment.
    pub env: Vec<(String, Datum)>,
    /// Standard input.
    pub stdin: Option<Datum>,
    /// How long to wait, in milliseconds.
    pub within: u64,
    /// What it changes; `None` where it only reads.
    pub operation: Option<Operation>,
    /// Why it is run.
    pub purpose: Purpose,
}

/// A claim, kept where it means something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// The host that keeps it: a guest's hypervisor where the plan acts there, else the host itself.
    pub host: String,
    /// The user as whom the plan acts there.
    pub user: Option<String>,
    /// The guest or host, or `lock/` and the name of a lock.
    pub subject: String,
}

/// What a hypervisor does for a guest that is switched off, whatever becomes of whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The hypervisor.
    pub host: String,
    /// The guest.
    pub subject: String,
    /// Where the power command stands in the run: one watch of a guest is told from another by it.
    pub step: String,
    /// The guest's identity there.
    pub identity: String,
    /// The driver's script that looks at it.
    pub look: String,
    /// The driver's script that starts it.
    pub wake: String,
    /// How long the power command may take, in milliseconds. The guest is let alone until then.
    pub within: u64,
}

/// The user as whom guests are looked at, watched and woken.
pub const WATCHER: &str = "root";
/// How long after the time of a power command its guest is looked at first, in milliseconds.
pub const WATCH_GRACE: u64 = 60_000;
/// How long after that time a guest that runs is still looked at: a shutdown may be obeyed late. In milliseconds.
pub const WATCH_LATE: u64 = 3_600_000;
/// How long after that time a guest is looked at that is off and can not be started, in milliseconds.
pub const WATCH_LONGEST: u64 = 86_400_000;

/// What makes a changing command one that is never started twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Where it stands in the run: plan, target, which of the target's changes it is, and the steps that lead to it.
    /// It follows from the events alone, so whoever replays them finds the same.
    pub step: String,
    /// The guest or host whose state it changes.
    pub subject: String,
    /// What it does to it.
    pub effect: Kind,
    /// Whether it is started only while its host watches over the subject.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
}

/// Text, or a secret by its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Datum {
    /// Text.
    Text(String),
    /// A secret, resolved where it is used and nowhere else.
    Secret(SecretSource),
}

/// Why a command is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The plan says so.
    Plan,
    /// A driver's script looks at a guest.
    Look {
        /// The driver.
        driver: String,
        /// The guest's inventory name.
        guest: String,
        /// Its identity on the hypervisor.
        identity: String,
    },
}

/// What the world answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// To `Run`.
    Ran(Result<Reply, Trouble>),
    /// To `Run`, after a timeout: the command that went on has ended, or the connection to it was lost.
    EndedLate(Result<Reply, Trouble>),
    /// To `Reach`.
    Reached(Result<Greeting, Trouble>),
    /// To `Port` and `Http`.
    Truth(Result<bool, Trouble>),
    /// To `Sleep`.
    Slept,
    /// To `Release`.
    Released,
    /// To `Notify`: why it could not be sent.
    Notified(Option<String>),
    /// To `Confirm`.
    Confirmed(bool),
    /// To `Claim`.
    Claimed(Result<Claimed, Trouble>),
    /// To `Watch` and `LeaveOff`.
    Watched(Result<(), Trouble>),
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claimed {
    /// It holds.
    Granted,
    /// Another run's holds: who that is, which run, since when.
    Held(String),
}

/// What a command that ended gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Whether a stream was longer than what is kept.
    pub truncated: bool,
    /// How long it took, in milliseconds.
    pub took: u64,
}

/// What a fresh connection proves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The id of the host's boot.
    pub boot_id: String,
    /// Milliseconds since that boot.
    pub uptime: u64,
}

/// The beginning of a boot id: enough to tell two apart.
pub fn short(boot_id: &str) -> &str {
    boot_id.get(..8).unwrap_or(boot_id)
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// No connection; nothing was sent.
    Unreachable {
        /// Who is to blame.
        host: String,
        /// For a person.
        why: String,
    },
    /// The host would not do it; nothing was started.
    Refused {
        /// Who is to blame.
        host: String,
        /// For a person.
        why: String,
    },
    /// The host does not watch over the guest any more that would be switched off; nothing was started.
    Unwatched {
        /// Which.
        host: String,
    },
    /// It did not end in time.
    Timeout {
        /// Where it ran.
        host: String,
        /// Milliseconds.
        after: u64,
    },
    /// It was sent, and nobody knows what became of it.
    Unknown {
        /// Where it was sent.
        host: String,
        /// For a person.
        why: String,
        /// When it was started, in seconds of the host's clock, where the host knows that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began: Option<u64>,
    },
}

impl Trouble {
    /// For a person, without the host's name.
    pub fn text(&self) -> String {
        match self {
            Trouble::Unreachable { why, .. } | Trouble::Refused { why, .. } | Trouble::Unknown { why, .. } => {
                why.clone()
            }
            Trouble::Unwatched { .. } => "its guest is not watched over any more".to_string(),
            Trouble::Timeout { after, .. } => format!("no answer within {}", about(*after)),
        }
    }
}

/// How it ended for a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Every step was done.
    Done,
    /// Left alone, and why.
    Skipped(String),
    /// A step failed.
    Failed(Failed),
    /// A guard refused.
    Refused(Failed),
    /// Nobody knows what became of a step.
    Unknown(Failed),
    /// It was never begun, and why.
    NotBegun(String),
    /// A person stopped the run.
    Interrupted(Failed),
}

impl Ending {
    /// Whether the guest is as the plan wants it.
    pub fn is_good(&self) -> bool {
        matches!(self, Ending::Done | Ending::Skipped(_))
    }

    /// Why it ended so; empty where all was done.
    pub fn why(&self) -> &str {
        match self {
            Ending::Done => "",
            Ending::Skipped(why) | Ending::NotBegun(why) => why,
            Ending::Failed(failed)
            | Ending::Refused(failed)
            | Ending::Unknown(failed)
            | Ending::Interrupted(failed) => &failed.message,
        }
    }
}

/// Something to say about a run. The report and the progress are folds over these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Milliseconds since the run began.
    pub at: u64,
    /// The plan.
    pub plan: String,
    /// The target that it is about; the plan itself for a plan without `for`.
    pub guest: String,
    /// What.
    pub kind: NoteKind,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoteKind {
    /// The plan begins with this target.
    Began,
    /// A plan begins, for so many targets.
    PlanBegan(Vec<String>),
    /// A command is given to a host.
    Command {
        /// The host.
        host: String,
        /// As the plan writes it.
        text: String,
        /// Whether it only reads.
        reading: bool,
    },
    /// A command ended.
    Ended {
        /// Exit status.
        code: i32,
        /// Whether that is success.
        good: bool,
        /// Milliseconds.
        took: u64,
        /// What it said last, where it is no success.
        said: String,
    },
    /// A guard held.
    Guarded {
        /// Its name.
        guard: String,
        /// What was seen.
        seen: String,
    },
    /// The end of a lock is waited for.
    Locked {
        /// Whose it is, and for how long at most.
        text: String,
    },
    /// A wait begins.
    Waiting {
        /// As the plan writes it.
        text: String,
    },
    /// A wait ended well, with what proved it.
    Proven {
        /// As the plan writes it.
        text: String,
        /// What was seen.
        evidence: String,
        /// Milliseconds waited.
        took: u64,
    },
    /// The plan, or the run, warns.
    Warned(String),
    /// A row of the report.
    Recorded(String, String),
    /// A notification was asked for.
    Notified {
        /// The channel.
        channel: String,
        /// The subject.
        subject: String,
        /// Rows.
        fields: Vec<(String, String)>,
    },
    /// The next attempt after a failure.
    Again(String),
    /// What proves that a guest is well after its power changed.
    Verified(String),
    /// What stands against the question that was asked.
    Objected {
        /// Which.
        question: String,
        /// What, and who is to blame.
        failed: Failed,
    },
    /// A test says something to the lab, or what it expects.
    Cue(Box<Cue>),
    /// The end for this target.
    Finished(Ending),
}

/// A statement of a test, with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// Which.
    pub kind: StageKind,
    /// As it is written, its first line.
    pub text: String,
    /// `file:line`.
    pub place: String,
    /// About whom.
    pub hosts: Vec<String>,
    /// Commands: each on one of some hosts, by words that it has in this order.
    pub commands: Vec<(Vec<String>, Vec<String>)>,
    /// Settings, options, and what is compared; durations as `90000ms`, sizes as `512KiB`.
    pub values: Vec<(String, serde_json::Value)>,
}
