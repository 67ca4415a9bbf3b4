//! The loop that drives a machine over a world.
//!
//! The machine asks, the world answers; everything that is shown is told by the machine's notes.

mod drive;
mod world;

pub use drive::drive;
pub use world::World;
