//! Patches of real Debians: what is in the way of an upgrade, the month's order on a whole site, and a controller that
//! patches the machine that it runs on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod debian;
mod month;
mod own_machine;
#[path = "../real/mod.rs"]
mod real;
mod upgrades;
