//! Tests of plans, and the statements that stand in nothing else.

use super::{Block, Command, Expr, Name, Targets};
use crate::text::Span;

/// `test "a guest that is deaf comes back" at "2026-01-03 22:00" { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// What it shows.
    pub name: Name,
    /// When its clock begins.
    pub at: Option<Expr>,
    /// The body.
    pub body: Block,
    /// From `test` to `}`.
    pub span: Span,
}

/// `given web after 5m { obeys: false }`: how machines of the lab are.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Which.
    pub targets: Targets,
    /// How long after this statement.
    pub after: Option<Expr>,
    /// What is other than usual.
    pub fields: Vec<(Name, Expr)>,
}

/// `answer on pbs code 3 takes 20m: backupctl run nightly`: what machines of the lab answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The command and where it runs.
    pub ran: Ran,
    /// `code`, `stdout`, `stderr`, `takes`, `times`.
    pub options: Vec<(Name, Expr)>,
}

/// `on pve: qm reboot 101`: a command that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// On one of these.
    pub targets: Targets,
    /// These words, in this order.
    pub command: Command,
    /// All of it.
    pub span: Span,
}

/// `fault "killed" at 2 on pve: qm reboot 101`: something goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub what: Name,
    /// The first time, or which.
    pub nth: Option<Expr>,
    /// With what.
    pub at: FaultAt,
}

/// With what something goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultAt {
    /// A command.
    Command(Ran),
    /// `ssh(web)`: a new connection.
    Connection(Targets),
}

/// `expect …`
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// `web refused "is locked"`
    Ended {
        /// Who; `None` for all.
        targets: Option<Targets>,
        /// `done`, `not begun` …; or `warned`, `recorded`, `notified`.
        ending: Name,
        /// What its reason has, or what was said.
        reason: Option<Expr>,
    },
    /// `once on pve: qm reboot 101`
    Ran(Times, Ran),
    /// `in order { … }`, with its braces.
    Order(Vec<Ran>, Span),
    /// `never together dns_pair`
    Apart(Targets),
    /// A condition.
    Holds(Expr),
}

/// How often.
#[derive(Clone, Debug, PartialEq)]
pub enum Times {
    /// At least once.
    Some,
    /// `never`
    Never,
    /// `once`
    Once,
    /// `3 times`
    Exactly(Expr),
}
