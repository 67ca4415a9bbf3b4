use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use super::World;
use crate::code::Code;
use crate::machine::{Event, Note, State, Stepped};

/// Runs code over a world until nothing more will happen. `windows` says for each plan when its window is open, in
/// milliseconds since the run begins. `interrupts` answers each time a person wants the run to
/// stop: after the first nothing new is begun.
pub async fn drive<W: World, I: Future<Output = ()>>(
    code: Arc<Code>,
    world: &mut W,
    windows: Vec<Vec<(i64, i64)>>,
    mut interrupts: impl FnMut() -> I,
    mut tell: impl FnMut(&Note),
) -> State {
    let mut state = State::new(code);
    let mut next = state.step(Event::Begin { windows });
    loop {
        let Stepped { effects, notes } = next;
        notes.iter().for_each(&mut tell);
        for (id, effect) in effects {
            world.begin(id, effect);
        }
        if state.is_over() {
            return state;
        }
        let interrupt = pin!(interrupts());
        let event = tokio::select! {
            biased;
            answer = world.next() => match answer {
                Some((at, id, answer)) => Event::Result { id, at, answer },
                // A world that has nothing under way while the machine waits can never go on.
                None => return state,
            },
            () = interrupt => Event::Interrupt { at: world.now() },
        };
        next = state.step(event);
    }
}
