//! The statements of tests, checked: what they say to the lab, and what they expect of a run.

use serde::{Deserialize, Serialize};

use super::program::Expr;
use crate::text::Span;

/// The head of a test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Where its name stands.
    pub span: Span,
    /// When its clock begins, as it is written.
    pub begins: Option<String>,
}

/// What a test says to the lab, or expects of the run before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Which.
    pub kind: StageKind,
    /// About whom.
    pub hosts: Vec<String>,
    /// Commands: each on one of some hosts, by words that it has in this order.
    pub commands: Vec<(Vec<String>, Vec<Expr>)>,
    /// Settings, options, and what is compared.
    pub values: Vec<(String, Expr)>,
}

/// The statements of tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageKind {
    /// Machines are so.
    Given,
    /// Machines answer so to a command.
    Answer,
    /// Something goes wrong with a command or a connection.
    Fault,
    /// The run is over.
    Over,
    /// Targets ended so.
    Ended(String),
    /// Targets `warned`, `recorded` or `notified`.
    Said(String),
    /// A command was run so often.
    Ran {
        /// At least.
        least: u64,
        /// At most.
        most: Option<u64>,
    },
    /// Commands were run in this order.
    Order,
    /// No two of some hosts were down at once.
    Apart,
    /// A condition holds.
    Holds,
}
