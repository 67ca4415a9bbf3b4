//! A run as the fold of its events: where the machine stands, and what it has asked for and not been told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::code::Code;
use crate::machine::{Answer, Effect, EffectId, Event, State, Stepped, Trouble};

/// A run, live or read again from its journal. The same events give the same.
#[derive(Clone)]
pub struct Replay {
    state: State,
    /// Effects without an answer, and when they were begun.
    open: BTreeMap<EffectId, (u64, Effect)>,
    /// Those among them whose time is out, and which go on: what they give next is how they ended.
    left: BTreeSet<EffectId>,
}

impl Replay {
    /// A run that has not begun.
    pub fn new(code: Arc<Code>) -> Replay {
        Replay { state: State::new(code), open: BTreeMap::new(), left: BTreeSet::new() }
    }

    /// Takes the next event.
    pub fn step(&mut self, event: Event) -> Stepped {
        if let Event::Result { id, answer, .. } = &event {
            let goes_on = matches!(answer, Answer::Ran(Err(Trouble::Timeout { .. })))
                && matches!(self.open.get(id), Some((_, Effect::Run(run))) if run.operation.is_some());
            if goes_on {
                self.left.insert(*id);
            } else {
                self.open.remove(id);
                self.left.remove(id);
            }
        }
        let stepped = self.state.step(event);
        for (id, effect) in &stepped.effects {
            if !matches!(effect, Effect::Forget { .. }) {
                self.open.insert(*id, (self.state.now(), effect.clone()));
            }
        }
        stepped
    }

    /// Where the machine stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the machine that drives the run is about to go down by the run's own doing: it was begun, and the machine
    /// has not been seen since.
    pub fn is_handed_off(&self) -> bool {
        let plans = &self.state.code().plans;
        let mut own = plans.iter().flat_map(|plan| &plan.hands_off);
        own.any(|host| self.state.is_disrupted(host))
    }

    /// An effect that was asked for and is not answered.
    pub fn asked(&self, id: EffectId) -> Option<&Effect> {
        self.open.get(&id).map(|(_, effect)| effect)
    }

    /// What is to be asked again by whoever goes on with the run at a time: a changing command is known to its host by
    /// what it is, and not started again; of a pause the rest is left.
    pub fn open(&self, now: u64) -> Vec<(EffectId, Effect)> {
        let open = self.open.iter().filter(|(id, _)| self.left.contains(id) || self.state.waits_for(**id));
        open.map(|(id, (begun, effect))| {
            let effect = match effect {
                Effect::Sleep { ms } => Effect::Sleep { ms: ms.saturating_sub(now.saturating_sub(*begun)) },
                other => other.clone(),
            };
            (*id, effect)
        })
        .collect()
    }

    /// An answer as the machine understands it. Of a command whose time was out the machine has heard that, and waits for
    /// its end.
    pub fn understood(&self, id: EffectId, answer: Answer) -> Option<Answer> {
        match answer {
            Answer::Ran(Err(Trouble::Timeout { .. })) if self.left.contains(&id) => None,
            Answer::Ran(result) if self.left.contains(&id) => Some(Answer::EndedLate(result)),
            other => Some(other),
        }
    }
}
