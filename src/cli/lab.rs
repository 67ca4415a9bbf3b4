//! `hostler run --lab`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::driving::Telling;
use crate::code::Code;
use crate::lab::Lab;
use crate::machine::{Answer, Effect, EffectId, Event};
use crate::run::{InMemory, Journal, Replay, World, begin, resume};

/// The lab, at the speed at which a person wants to watch it.
pub(crate) struct Watched {
    lab: Lab,
    /// How many times as fast as ours its time passes; without it, as fast as can be.
    speed: Option<u32>,
    /// When its time began.
    began: Instant,
}

impl Watched {
    pub(crate) fn new(mut lab: Lab, speed: Option<u32>) -> Watched {
        lab.forget();
        Watched { lab, speed, began: Instant::now() }
    }
}

impl World for Watched {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        self.lab.begin(id, effect);
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        self.lab.begin_again(id, effect);
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        let next = self.lab.next().await;
        if let (Some((at, ..)), Some(speed)) = (&next, self.speed) {
            let due = self.began + Duration::from_millis(*at) / speed;
            tokio::time::sleep_until(due.into()).await;
        }
        next
    }

    fn now(&self) -> u64 {
        self.lab.now()
    }
}

/// What another process would need to go on with the run: nothing where the machine that drives it is none of the site.
struct Remembered {
    events: Option<InMemory>,
}

impl Journal for Remembered {
    fn write(&mut self, events: &[Event]) -> Result<(), String> {
        self.events.as_mut().map_or(Ok(()), |kept| kept.write(events))
    }
}

/// Runs code in the simulated site. Where the machine that drives the run is one of it and goes down, another process
/// goes on after its boot, with what the journal says.
pub(crate) fn run(
    code: &Arc<Code>,
    mut world: Watched,
    windows: Vec<Vec<(i64, i64)>>,
    telling: &mut Telling<'_>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mut journal = Remembered { events: code.controller.is_some().then(InMemory::default) };
    let mut replay = Replay::new(code.clone());
    let never = std::future::pending;
    runtime.block_on(begin(&mut replay, &mut world, &mut journal, windows, never, |note| telling.tell(note)))?;
    while !replay.state().is_over() && world.lab.controller_is_down() {
        let name = code.controller.as_deref().unwrap_or_default();
        telling.at(world.now(), &format!("`{name}`, which drives this run, is down; the run goes on after its boot"));
        if !world.lab.controller_boots() {
            break;
        }
        telling.at(world.now(), "resumed");
        replay = Replay::new(code.clone());
        for event in journal.events.iter().flat_map(|events| events.0.clone()) {
            replay.step(event);
        }
        let going_on = resume(&mut replay, &mut world, &mut journal, Vec::new(), never, |note| telling.tell(note));
        runtime.block_on(going_on)?;
    }
    Ok(())
}
