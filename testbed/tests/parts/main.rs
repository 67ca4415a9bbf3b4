//! What sites are made of. Most of the time these tests wait, so they do it beside each other, in one program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod containers;
mod debian;
mod libvirt;
mod life;
mod recordings;
