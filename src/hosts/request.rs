//! What is asked of a host over a connection, and what comes of it.

use std::time::Duration;

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
    /// Whether it only reads: it may then run beside others and be ended at its time.
    pub reading: bool,
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
    /// It did not end in time. A reading command was ended on the host.
    Timeout {
        /// The host it ran on.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The command was sent, and the connection died before the reply: nobody knows.
    Unknown {
        /// The host it was sent to.
        host: String,
        /// For a person.
        why: String,
    },
}
