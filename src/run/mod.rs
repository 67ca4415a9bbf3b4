//! The loop that drives a machine over a world.
//!
//! The machine asks, the world answers, the journal makes each answer durable before it counts; everything that is shown
//! is told by the machine's notes.

mod drive;
mod journal;
mod replay;
mod world;

pub use drive::{Stop, begin, drive, resume};
pub use journal::{InMemory, Journal};
pub use replay::Replay;
pub use world::World;
