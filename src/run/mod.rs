//! The loop that drives a machine over a world.
mod world;

pub use world::{Greeting, Reply, Request, Trouble};
