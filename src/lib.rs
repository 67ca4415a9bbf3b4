//! hostler: a language for maintenance plans of virtual machines, and the program that checks, proves and runs them.
//!
//! `docs/architecture.md` says how the rooms of this library fit together. The pure ones, which turn on
//! `disallowed_methods` here, do without files, environment, clock, processes and threads: what they need comes as
//! data, so that the same input always gives the same answer.

#[warn(clippy::disallowed_methods)]
pub mod check;
pub mod cli;
#[warn(clippy::disallowed_methods)]
pub mod code;
#[warn(clippy::disallowed_methods)]
pub mod diag;
#[warn(clippy::disallowed_methods)]
pub mod explore;
#[warn(clippy::disallowed_methods)]
pub mod fmt;
pub mod hosts;
#[warn(clippy::disallowed_methods)]
pub mod inventory;
pub mod journal;
#[warn(clippy::disallowed_methods)]
pub mod lab;
#[warn(clippy::disallowed_methods)]
pub mod machine;
#[warn(clippy::disallowed_methods)]
pub mod preflight;
#[warn(clippy::disallowed_methods)]
pub mod report;
#[warn(clippy::disallowed_methods)]
pub mod run;
#[warn(clippy::disallowed_methods)]
pub mod stdlib;
#[warn(clippy::disallowed_methods)]
pub mod syntax;
#[warn(clippy::disallowed_methods)]
pub mod text;
#[warn(clippy::disallowed_methods)]
pub mod trial;
