//! The explorer: a plan in the lab, once for each thing that can go wrong with each of its effects. The state of run and
//! lab is forked at the effect, so nothing is run twice from the beginning, and the same plan gives the same worlds.

mod fault;
mod keep;
mod rules;
mod shrink;
mod story;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::sync::Arc;

use crate::code::Code;
use crate::lab::{GOLDEN, Lab, mixed};
use crate::machine::{Effect, Ending, NoteKind};
use crate::report::{line, word};
pub use fault::Fault;
pub use story::Story;
pub(crate) use world::{Told, World, fault_line};

/// How many things go wrong in a world by chance: about so many, and at most.
const FAULTS_BY_CHANCE: u64 = 3;
const MOST_BY_CHANCE: u32 = 8;

/// Numbers that a seed gives.
struct Chance(u64);

impl Chance {
    fn of(seed: u64, number: u64) -> Chance {
        let mut chance = Chance(seed);
        Chance(chance.next().wrapping_add(number.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0)
    }

    /// A number below another; 0 where that is none.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// How far to explore.
#[derive(Clone, Debug)]
pub struct Bound {
    /// How a test runs the plan: `patch_pbs(min_free: 3GiB)`.
    pub run: String,
    /// How many things go wrong in one world at most.
    pub faults: u32,
    /// How many worlds are looked at at most.
    pub worlds: u64,
    /// How many worlds more in which several things go wrong by chance.
    pub random: u64,
    /// What the chance is made of: the same number gives the same worlds.
    pub seed: u64,
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

/// What every world begins from.
struct Origin<'a> {
    code: &'a Arc<Code>,
    lab: &'a Lab,
    windows: &'a [Vec<(i64, i64)>],
}

impl Origin<'_> {
    /// A world in which so many things may go wrong, with the times that `varied` makes; 0 is the usual ones.
    fn world(&self, faults: u32, varied: u64) -> World {
        let mut lab = self.lab.clone();
        if varied != 0 {
            lab.vary(varied);
        }
        World { varied, ..World::begin(self.code, lab, self.windows.to_vec(), faults) }
    }
}

/// Explores a plan in a site.
pub fn explore(code: &Arc<Code>, lab: &Lab, windows: &[Vec<(i64, i64)>], bound: &Bound) -> Explored {
    let mut found = Explored::default();
    let mut digests = BTreeSet::new();
    let origin = Origin { code, lab, windows };
    one_after_the_other(&origin, bound, (&mut found, &mut digests));
    for number in 0..bound.random {
        let mut chance = Chance::of(bound.seed, number);
        let mut world = origin.world(MOST_BY_CHANCE, chance.next() >> 32 | 1);
        world.run_by_chance(chance, found.effects);
        world.count((&mut found, &mut digests));
    }
    for (rule, story) in &mut found.stories {
        shrink::shrink(&origin, rule, story);
        story.test = keep::test(&origin, rule, story, &bound.run);
    }
    found
}

fn one_after_the_other(origin: &Origin<'_>, bound: &Bound, (found, digests): (&mut Explored, &mut BTreeSet<u64>)) {
    // One thing that goes wrong everywhere, before two go wrong anywhere.
    for faults in 0..=bound.faults {
        let mut open = vec![origin.world(faults, 0)];
        while let Some(mut world) = open.pop() {
            if found.worlds >= bound.worlds {
                found.bounded = true;
                return;
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
            world.count((found, digests));
        }
    }
}

impl World {
    /// Runs until nothing more happens. Gives the worlds in which something else happens to an effect on the way.
    fn run_out(&mut self) -> Vec<World> {
        let mut forks = Vec::new();
        self.run(|world, id, effect, who| {
            world.effects += u64::from(matches!(effect, Effect::Run(_) | Effect::Reach { .. }));
            if world.faults > 0 {
                for fault in Fault::of(&effect, who, &world.lab) {
                    let mut fork = world.clone();
                    fork.faults -= 1;
                    fork.goes_wrong(&fault, id, effect.clone(), who);
                    forks.push(fork);
                }
            }
            world.begin_effect(id, effect, who);
        });
        forks
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

    /// Runs to its end; things go wrong by chance, about three in all.
    fn run_by_chance(&mut self, mut chance: Chance, effects: u64) {
        self.run(|world, id, effect, who| {
            let faults = if world.faults > 0 { Fault::of(&effect, who, &world.lab) } else { Vec::new() };
            let goes_wrong = !faults.is_empty() && chance.below(effects.max(1)) < FAULTS_BY_CHANCE;
            match faults.get(usize::try_from(chance.below(faults.len() as u64)).unwrap_or(0)) {
                Some(fault) if goes_wrong => {
                    world.faults -= 1;
                    world.goes_wrong(fault, id, effect, who);
                }
                _ => world.begin_effect(id, effect, who),
            }
        });
    }

    /// It is at its end, and held against the rules.
    fn count(self, (found, digests): (&mut Explored, &mut BTreeSet<u64>)) {
        found.worlds += 1;
        if digests.insert(self.digest.finish()) {
            found.distinct += 1;
        }
        self.judge(found);
    }

    fn judge(mut self, found: &mut Explored) {
        for (_, ending) in self.endings() {
            *found.endings.entry(ending.as_ref().map_or("never", word)).or_default() += 1;
        }
        for (rule, guest, why) in rules::broken(&mut self) {
            *found.broken.entry(rule).or_default() += 1;
            let story = Story::of(&self, &guest, why);
            let shortest = found.stories.get(rule).is_none_or(|known| story.lines.len() < known.lines.len());
            if shortest {
                found.stories.insert(rule, story);
            }
        }
    }
}
