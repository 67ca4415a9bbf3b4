//! Plans on real nodes and real guests. Most of the time they wait, so they do it beside each other, in one program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod containers;
mod dns;
mod libvirt;
mod nodes;
mod proxmox;
#[path = "../real/mod.rs"]
mod real;
