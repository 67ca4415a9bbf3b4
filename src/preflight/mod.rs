//! Whether a plan could start now: what it needs is read off its code, the hosts are asked for it with reading
//! commands, and the answers are weighed.
//!
//! The asking is code for the machine (`questions`), so that the lab and real hosts answer it as they answer a run.

mod found;
mod questions;
mod suggest;
mod table;
mod wants;

pub use found::{Answers, Preflight, Problem, Row};
pub use questions::{lists, questions};
pub use suggest::{Suggestion, Suggestions};
pub use wants::{Guest, Wants};

/// The machine that runs the plan, as code calls it.
const HERE: &str = "controller";
