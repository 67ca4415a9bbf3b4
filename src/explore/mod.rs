//! The explorer: a plan in the lab, once for each thing that can go wrong with each of its effects. The state of run and
//! lab is forked at the effect, so nothing is run twice from the beginning, and the same plan gives the same worlds.

mod fault;
mod rules;
mod story;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::code::Code;
use crate::lab::Lab;
use crate::machine::{Answer, Effect, EffectId, Ending, Event, Note, NoteKind};
use crate::report::{line, word};
use crate::run::{Replay, World as _};
pub use fault::Fault;
use rules::Watched;
pub use story::Story;

/// How far to explore.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// How many things go wrong in one world at most.
    pub faults: u32,
    /// How many worlds are looked at at most.
    pub worlds: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// How many worlds were run to their end.
    pub worlds: u64,
    /// How many of them differ in their events.
    pub distinct: u64,
    /// Effects at which something could go wrong, when all goes well.
    pub effects: u64,
    /// How those ended that do not end well even when nothing goes wrong, a line each.
    pub unwell: Vec<String>,
    /// Whether the bound ended it.
    pub bounded: bool,
    /// How often a target ended how.
    pub endings: BTreeMap<&'static str, u64>,
    /// How many worlds broke a rule, by the rule.
    pub broken: BTreeMap<&'static str, u64>,
    /// The shortest story of each broken rule.
    pub stories: BTreeMap<&'static str, Story>,
}

/// A run and its site at a moment.
#[derive(Clone)]
struct World {
    lab: Lab,
    replay: Replay,
    /// What was asked for and is not begun.
    queue: VecDeque<(EffectId, Effect)>,
    /// How many more things go wrong.
    faults: u32,
    /// How many effects were begun at which something could go wrong.
    effects: u64,
    watched: Watched,
    told: Vec<Told>,
    digest: DefaultHasher,
}

/// A line of a story.
#[derive(Clone, Debug)]
enum Told {
    Note(Note),
    Fault(u64, String),
}

/// Explores a plan in a site.
pub fn explore(code: &Arc<Code>, lab: &Lab, windows: &[Vec<(i64, i64)>], bound: Bound) -> Explored {
    let mut found = Explored::default();
    let mut digests = BTreeSet::new();
    // One thing that goes wrong everywhere, before two go wrong anywhere.
    for faults in 0..=bound.faults {
        let mut open = vec![World::begin(code, lab.clone(), windows.to_vec(), faults)];
        while let Some(mut world) = open.pop() {
            if found.worlds >= bound.worlds {
                found.bounded = true;
                return found;
            }
            open.extend(world.run_out());
            // Those in which less goes wrong were seen before.
            if world.faults > 0 {
                continue;
            }
            if faults == 0 {
                found.effects = world.effects;
                found.unwell = world.unwell();
            }
            found.worlds += 1;
            if digests.insert(world.digest.finish()) {
                found.distinct += 1;
            }
            world.judge(&mut found);
        }
    }
    found
}

impl World {
    fn begin(code: &Arc<Code>, lab: Lab, windows: Vec<Vec<(i64, i64)>>, faults: u32) -> World {
        let watched = Watched::of(&lab);
        let mut world = World {
            lab,
            replay: Replay::new(code.clone()),
            queue: VecDeque::new(),
            faults,
            effects: 0,
            watched,
            told: Vec::new(),
            digest: DefaultHasher::new(),
        };
        world.take(Event::Begin { windows });
        world
    }

    fn take(&mut self, event: Event) {
        format!("{event:?}").hash(&mut self.digest);
        let stepped = self.replay.step(event);
        for note in stepped.notes {
            self.watched.note(&note, &self.lab);
            self.told.push(Told::Note(note));
        }
        self.queue.extend(stepped.effects);
    }

    /// Runs until nothing more happens. Gives the worlds in which something else happens to an effect on the way.
    fn run_out(&mut self) -> Vec<World> {
        let mut forks = Vec::new();
        loop {
            while let Some((id, effect)) = self.queue.pop_front() {
                let who = self.replay.state().who_waits(id).map(str::to_string);
                self.effects += u64::from(matches!(effect, Effect::Run(_) | Effect::Reach { .. }));
                if self.faults > 0 {
                    for fault in Fault::of(&effect, who.as_deref(), &self.lab) {
                        let mut fork = self.clone();
                        fork.faults -= 1;
                        fork.goes_wrong(&fault, id, effect.clone(), who.as_deref());
                        forks.push(fork);
                    }
                }
                self.watched.begins(&effect, who.as_deref(), &self.lab, self.replay.state());
                self.lab.begin(id, effect);
            }
            if self.replay.state().is_over() {
                break;
            }
            match self.lab.next_answer() {
                Some(answer) => self.answered(answer),
                None if self.lab.controller_is_down() && self.lab.controller_boots() => self.resume(),
                None => break,
            }
        }
        forks
    }

    fn answered(&mut self, (at, id, answer): (u64, EffectId, Answer)) {
        if let Some(answer) = self.replay.understood(id, answer) {
            self.take(Event::Result { id, at, answer });
        }
    }

    /// Another process goes on with the run.
    fn resume(&mut self) {
        for (id, effect) in self.replay.open(self.lab.now()) {
            self.lab.begin_again(id, effect);
        }
    }

    fn endings(&self) -> Vec<(String, Option<Ending>)> {
        let state = self.replay.state();
        state.endings().map(|(host, ending)| (host.to_string(), ending.cloned())).collect()
    }

    fn unwell(&self) -> Vec<String> {
        let ends_badly = |told: &Told| match told {
            Told::Note(note) => match &note.kind {
                NoteKind::Finished(Ending::Done | Ending::Skipped(_)) => None,
                NoteKind::Finished(_) => line(note, 0),
                _ => None,
            },
            Told::Fault(..) => None,
        };
        self.told.iter().filter_map(ends_badly).collect()
    }

    fn judge(mut self, found: &mut Explored) {
        for (_, ending) in self.endings() {
            *found.endings.entry(ending.as_ref().map_or("never", word)).or_default() += 1;
        }
        for (rule, guest, why) in rules::broken(&mut self) {
            *found.broken.entry(rule).or_default() += 1;
            let story = Story::of(&self.told, &guest, why);
            let shortest = found.stories.get(rule).is_none_or(|known| story.lines.len() < known.lines.len());
            if shortest {
                found.stories.insert(rule, story);
            }
        }
    }
}
