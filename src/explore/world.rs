//! A run and its site at a moment.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash};
use std::sync::Arc;

use super::Fault;
use super::rules::Watched;
use crate::code::Code;
use crate::lab::Lab;
use crate::machine::{Answer, Effect, EffectId, Ending, Event, Note, Trouble};
use crate::report::clock;
use crate::run::{Replay, World as _};

/// A run and its site at a moment.
#[derive(Clone)]
pub(crate) struct World {
    pub(super) lab: Lab,
    pub(super) replay: Replay,
    /// What was asked for and is not begun.
    pub(super) queue: VecDeque<(EffectId, Effect)>,
    /// How many more things go wrong.
    pub(super) faults: u32,
    /// How many effects were begun at which something could go wrong.
    pub(super) effects: u64,
    pub(super) watched: Watched,
    /// What its times are made of; 0 where they are the usual ones.
    pub(super) varied: u64,
    /// How many effects were asked for.
    pub(super) asked: u64,
    /// What went wrong, at which of them.
    pub(super) wrong: Vec<(u64, Fault)>,
    pub(super) told: Vec<Told>,
    pub(super) digest: DefaultHasher,
}

/// A line of what happened.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// What the run tells.
    Note(Note),
    /// What goes wrong, and when.
    Fault(u64, String),
}

/// The line of something that goes wrong.
pub(crate) fn fault_line(at: u64, what: &str) -> String {
    format!("{:>7}  ⚡ {what}", clock(at))
}

impl World {
    pub(crate) fn begin(code: &Arc<Code>, lab: Lab, windows: Vec<Vec<(i64, i64)>>, faults: u32) -> World {
        let watched = Watched::of(code, &lab);
        let mut world = World {
            lab,
            replay: Replay::new(code.clone()),
            queue: VecDeque::new(),
            faults,
            effects: 0,
            watched,
            varied: 0,
            asked: 0,
            wrong: Vec::new(),
            told: Vec::new(),
            digest: DefaultHasher::new(),
        };
        world.take(Event::Begin { windows });
        world
    }

    fn take(&mut self, event: Event) {
        format!("{event:?}").hash(&mut self.digest);
        self.watched.looks(&self.lab);
        let stepped = self.replay.step(event);
        for note in stepped.notes {
            self.watched.note(&note, &self.lab);
            self.told.push(Told::Note(note));
        }
        self.queue.extend(stepped.effects);
    }

    /// All that was asked for begins, each as `begin` has it, and then the next thing happens, to the end.
    pub(super) fn run(&mut self, mut begin: impl FnMut(&mut World, EffectId, Effect, Option<&str>)) {
        loop {
            while let Some((id, effect)) = self.asked() {
                let who = self.who_waits(id);
                begin(self, id, effect, who.as_deref());
            }
            if self.is_over() || !self.turns() {
                return;
            }
        }
    }

    /// What was asked for and is to begin next.
    pub(crate) fn asked(&mut self) -> Option<(EffectId, Effect)> {
        let next = self.queue.pop_front();
        self.asked += u64::from(next.is_some());
        next
    }

    /// Whose effect that is.
    pub(crate) fn who_waits(&self, id: EffectId) -> Option<String> {
        self.replay.state().who_waits(id).map(str::to_string)
    }

    /// An effect begins, and nothing goes wrong with it.
    pub(crate) fn begin_effect(&mut self, id: EffectId, effect: Effect, who: Option<&str>) {
        self.watched.begins(&effect, who, &self.lab);
        self.lab.begin(id, effect);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.replay.state().is_over()
    }

    /// The next thing happens; whether there is one. Where the machine that drives the run went down, another process
    /// goes on after its boot.
    pub(crate) fn turns(&mut self) -> bool {
        match self.lab.next_answer() {
            Some(answer) => self.answered(answer),
            None if self.lab.controller_is_down() && self.lab.controller_boots() => self.resume(),
            None => return false,
        }
        true
    }

    pub(crate) fn told(&self) -> &[Told] {
        &self.told
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    pub(crate) fn lab_mut(&mut self) -> &mut Lab {
        &mut self.lab
    }

    pub(crate) fn lab_now(&self) -> u64 {
        self.lab.now()
    }

    fn answered(&mut self, (at, id, answer): (u64, EffectId, Answer)) {
        if let Answer::Ran(Err(Trouble::Unwatched { .. })) = &answer
            && let (Some(effect), Some(who)) = (self.replay.asked(id), self.who_waits(id))
        {
            self.watched.not_started(effect, &who);
        }
        if let Some(answer) = self.replay.understood(id, answer) {
            self.take(Event::Result { id, at, answer });
        }
    }

    /// Another process goes on with the run.
    pub(super) fn resume(&mut self) {
        for (id, effect) in self.replay.open(self.lab.now()) {
            self.lab.begin_again(id, effect);
        }
    }

    pub(crate) fn endings(&self) -> Vec<(String, Option<Ending>)> {
        let state = self.replay.state();
        state.endings().map(|(host, ending)| (host.to_string(), ending.cloned())).collect()
    }
}
