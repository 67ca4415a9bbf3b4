//! hostler: a language for maintenance plans of virtual machines, and the program that checks, proves and runs them.
//!
//! `docs/architecture.md` says how the rooms of this library fit together.

pub mod diag;
pub mod hosts;
pub mod inventory;
pub mod run;
pub mod syntax;
pub mod text;
