use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use super::{Journal, Replay, World};
use crate::code::Code;
use crate::machine::{Answer, EffectId, Event, Note, State, Stepped};

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A person wants it.
    Person,
    /// The service manager ends the process.
    Shutdown,
}

/// Most answers that are made durable together.
const AT_ONCE: usize = 256;

/// Runs code over a world until nothing more will happen, and keeps nothing. `windows` says for each plan when its
/// window is open, in milliseconds since the run begins. `interrupts` answers each time a person wants the run to
/// stop: after the first nothing new is begun.
pub async fn drive<W: World, I: Future<Output = Stop>>(
    code: Arc<Code>,
    world: &mut W,
    windows: Vec<Vec<(i64, i64)>>,
    interrupts: impl FnMut() -> I,
    tell: impl FnMut(&Note),
) -> State {
    let mut replay = Replay::new(code);
    // What keeps nothing does not fail.
    let _ = begin(&mut replay, world, &mut Unkept, windows, interrupts, tell).await;
    replay.state().clone()
}

/// The same with a journal. Its first event is durable before anything is begun.
///
/// # Errors
/// When the journal could not be written: nothing was begun after that.
pub async fn begin<W: World, J: Journal, I: Future<Output = Stop>>(
    replay: &mut Replay,
    world: &mut W,
    journal: &mut J,
    windows: Vec<Vec<(i64, i64)>>,
    interrupts: impl FnMut() -> I,
    tell: impl FnMut(&Note),
) -> Result<(), String> {
    let events = vec![Event::Begin { windows }];
    go_on(replay, world, journal, events, interrupts, tell).await
}

/// Goes on with a run whose events were read again; `events` have happened since.
///
/// # Errors
/// When the journal could not be written: nothing was begun after that.
pub async fn resume<W: World, J: Journal, I: Future<Output = Stop>>(
    replay: &mut Replay,
    world: &mut W,
    journal: &mut J,
    events: Vec<Event>,
    interrupts: impl FnMut() -> I,
    tell: impl FnMut(&Note),
) -> Result<(), String> {
    for (id, effect) in replay.open(world.now()) {
        world.begin_again(id, effect);
    }
    go_on(replay, world, journal, events, interrupts, tell).await
}

async fn go_on<W: World, J: Journal, I: Future<Output = Stop>>(
    replay: &mut Replay,
    world: &mut W,
    journal: &mut J,
    mut events: Vec<Event>,
    mut interrupts: impl FnMut() -> I,
    mut tell: impl FnMut(&Note),
) -> Result<(), String> {
    loop {
        // An event counts only when it can not be lost: what follows from it is begun after that.
        if !events.is_empty() {
            journal.write(&events)?;
            world.kept();
        }
        for event in events.drain(..) {
            let Stepped { effects, notes } = replay.step(event);
            notes.iter().for_each(&mut tell);
            for (id, effect) in effects {
                world.begin(id, effect);
            }
        }
        if replay.state().is_over() {
            return Ok(());
        }
        let stop = pin!(interrupts());
        tokio::select! {
            biased;
            answer = world.next() => match answer {
                Some(answer) => events.extend(result(replay, answer)),
                // A world that has nothing under way while the machine waits can never go on.
                None => return Ok(()),
            },
            // The machine goes down because the run wants it to. Whoever goes on after the boot was not interrupted.
            stop = stop => match stop {
                Stop::Shutdown if replay.is_handed_off() => return Ok(()),
                Stop::Person | Stop::Shutdown => events.push(Event::Interrupt { at: world.now() }),
            },
        }
        while events.len() < AT_ONCE
            && let Some(answer) = world.ready()
        {
            events.extend(result(replay, answer));
        }
    }
}

fn result(replay: &Replay, (at, id, answer): (u64, EffectId, Answer)) -> Option<Event> {
    Some(Event::Result { id, at, answer: replay.understood(id, answer)? })
}

/// For a run that ends with its process.
struct Unkept;

impl Journal for Unkept {
    fn write(&mut self, _: &[Event]) -> Result<(), String> {
        Ok(())
    }
}
