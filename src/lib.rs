//! hostler: a language for maintenance plans of virtual machines, and the program that checks, proves and runs them.
//!
//! `docs/architecture.md` says how the rooms of this library fit together.

pub mod check;
pub mod cli;
pub mod code;
pub mod diag;
pub mod hosts;
pub mod inventory;
pub mod lab;
pub mod machine;
pub mod report;
pub mod run;
pub mod stdlib;
pub mod syntax;
pub mod text;
