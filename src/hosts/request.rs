//! What is asked of a host over a connection, and what comes of it.

use std::fmt;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::courier::hex;

/// A command to be carried out on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The host, by its inventory name.
    pub host: String,
    /// The user to become there; `None` for the user who connects.
    pub user: Option<String>,
    /// The words, each passed on byte for byte.
    pub argv: Vec<String>,
    /// Environment variables besides the defined environment. Their values stand in no argument list.
    pub env: Vec<(String, String)>,
    /// What the command reads; empty by default.
    pub stdin: Vec<u8>,
    /// How long to wait for it. A reading command is ended then; another is left.
    pub within: Duration,
    /// What makes a changing command one that is started at most once. `None` where it only reads: it may then be
    /// ended at its time, and be asked again.
    pub operation: Option<Operation>,
}

/// A changing command as its host knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// 16 to 64 hexadecimal digits that whoever resumes the run finds again. A host starts what stands under an id at
    /// most once.
    pub id: String,
    /// What the digest of the request is keyed with; found again like the id, and told to nobody.
    pub key: String,
    /// The guest or host whose state it changes; on one of these one operation is at work at a time.
    pub subject: String,
    /// The run that it belongs to.
    pub run: String,
    /// The token of the run's claim on the subject; 0 where that is kept elsewhere, or none was made.
    pub token: u64,
    /// It must not be started later than this from now. The host counts it in its boot clock.
    pub not_after: Duration,
    /// Whether it takes down the machine that carries it out. It is answered as soon as it is started.
    pub own_power: bool,
    /// The watch over its subject without which it is not started; nor when the time of its command is out there.
    pub watch: Option<String>,
    /// Who asks for it, for messages to others.
    pub who: String,
    /// Whether it may have been sent before, by a process that is gone: that its host can not be reached says nothing
    /// about it then.
    pub again: bool,
}

impl Operation {
    /// The operation that a run's step is on a host, with an id that follows from these words alone.
    pub fn of_step(run: &str, step: &str, host: &str, subject: &str) -> Operation {
        let mut hash = Sha256::new();
        for part in [run, step, host, subject] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash = hash.finalize();
        Operation {
            id: hex(&hash[..16]),
            key: hex(&hash[16..]),
            subject: subject.to_string(),
            run: run.to_string(),
            who: format!("run {run}, {step}"),
            ..Operation::default()
        }
    }

    /// The watch over the subject of a run's step.
    pub fn watch_of(run: &str, step: &str, host: &str, subject: &str) -> String {
        Operation::of_step(run, &format!("watch {step}"), host, subject).id
    }
}

/// A claim on a guest or host: who may act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The host that keeps the claim: the guest's hypervisor, or the host itself.
    pub host: String,
    /// The user whose spool there is meant; the same as that of the operations.
    pub user: Option<String>,
    /// The guest or host.
    pub subject: String,
    /// The run's id. The same run may claim again.
    pub run: String,
    /// Who that is, for messages to others.
    pub holder: String,
    /// How long the claim holds when it is not renewed, in the host's boot clock.
    pub lease: Duration,
}

/// A guest that is about to be switched off, and that its hypervisor is to start when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The hypervisor.
    pub host: String,
    /// The user whose spool there is meant.
    pub user: Option<String>,
    /// The guest.
    pub subject: String,
    /// 16 to 64 hexadecimal digits that whoever resumes the run finds again.
    pub id: String,
    /// How long the command that switches it off may take.
    pub bound: Duration,
    /// Who asks for it, for messages to others.
    pub who: String,
    /// The guest's identity there.
    pub identity: String,
    /// A script that looks at it, with the identity as its argument: lines of `key=value`.
    pub look: String,
    /// A script that starts it, likewise.
    pub wake: String,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It holds, with this token. An operation that began before may still be at work; who asked for that one.
    Granted {
        /// Higher than every token before.
        token: u64,
        /// Who asked for what is still at work.
        at_work: Option<String>,
    },
    /// Somebody else's holds.
    Held(Holder),
}

/// Whose claim holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its token.
    pub token: u64,
    /// The run's id.
    pub run: String,
    /// Who that is.
    pub holder: String,
    /// How long ago it was made; `None` where that was before the host's boot.
    pub since: Option<Duration>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (run {}", self.holder, self.run)?;
        match self.since {
            Some(since) => write!(f, ", since {} s)", since.as_secs()),
            None => write!(f, ", since before the host's boot)"),
        }
    }
}

/// What became of the renewal of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It holds on.
    Kept,
    /// Somebody has claimed after it; what is asked under its token is refused.
    Lost(Holder),
}

/// What a command that ended gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its exit status, as carried in band.
    pub code: i32,
    /// Standard output, capped.
    pub stdout: Vec<u8>,
    /// Standard error, capped.
    pub stderr: Vec<u8>,
    /// Whether a stream was longer than the cap.
    pub truncated: bool,
    /// How long it took.
    pub took: Duration,
}

/// What a fresh connection to a host proves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Greeting {
    /// `/proc/sys/kernel/random/boot_id` of the host; empty where the host has none.
    pub boot_id: String,
    /// Seconds since that boot.
    pub uptime: f64,
    /// The user who is connected.
    pub user: String,
}

/// Why there is no reply. `why` is a whole sentence for a person, without the host's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection: the command was never sent.
    Unreachable {
        /// The host that is to blame.
        host: String,
        /// For a person.
        why: String,
    },
    /// The host answered, and would not do it (no sudo, a spool that is full); the command was not started.
    Refused {
        /// The host that is to blame.
        host: String,
        /// For a person.
        why: String,
    },
    /// The host does not watch over the guest any more that would be switched off; the command was not started.
    Unwatched {
        /// The host that is to blame.
        host: String,
    },
    /// It did not end in time. A reading command was ended on the host.
    Timeout {
        /// The host it ran on.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The command was sent and may have been started, and nobody knows what became of it: its host lost it (a boot,
    /// a runner that was killed), or could not be asked in time.
    Unknown {
        /// The host it was sent to.
        host: String,
        /// For a person.
        why: String,
        /// When it was started, in seconds of the host's clock, where the host knows that.
        began: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operations_id_follows_from_its_words_and_from_where_one_ends() {
        let words = [["r", "s", "h", "g"], ["rs", "", "h", "g"], ["r", "sh", "", "g"], ["r", "s", "hg", ""]];
        let of = |[run, step, host, subject]: [&str; 4]| Operation::of_step(run, step, host, subject);
        let mut ids: Vec<String> = words.into_iter().flat_map(|words| [of(words).id, of(words).key]).collect();
        assert!(ids.iter().all(|id| id.len() == 32));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 8);
        assert_eq!(of(words[0]), of(words[0]));
    }
}
