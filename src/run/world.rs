use std::future::Future;

use crate::machine::{Answer, Effect, EffectId};

/// The one door to everything outside the machine: real hosts, or a simulated site.
pub trait World {
    /// Begins an effect. Its answer comes by [`World::next`], unless it is one that gives none.
    fn begin(&mut self, id: EffectId, effect: Effect);

    /// Begins an effect that may have been begun before, by a process that is gone. That a host can not be reached says
    /// nothing about it then.
    fn begin_again(&mut self, id: EffectId, effect: Effect);

    /// The next answer, with its time; `None` when nothing is under way.
    fn next(&mut self) -> impl Future<Output = Option<(u64, EffectId, Answer)>>;

    /// Another answer that is here already, where the world is one in which several can come at the same time.
    fn ready(&mut self) -> Option<(u64, EffectId, Answer)> {
        None
    }

    /// Every answer that was given is durable now.
    fn kept(&mut self) {}

    /// Milliseconds since the run began.
    fn now(&self) -> u64;
}
