//! Every way through a plan: run after run, each with the next choices, until there are none.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use hostler::code::Code;
use hostler::machine::{Ending, Event, State};

use super::choices::Choices;
use super::guest::Guest;
use super::seen::Seen;
use super::world::World;

/// How many things may go other than well on one way.
pub(crate) const MISHAPS: usize = 2;
/// More ways than these are too many for one plan.
pub(crate) const MOST_WAYS: usize = 20_000;
/// More answers than these are taken for a run that never ends.
const MOST_ANSWERS: usize = 5_000;

/// The guests of the tests' inventory, with their ids.
pub(crate) const GUESTS: [(&str, &str); 3] = [("web", "101"), ("db", "102"), ("bare", "103")];

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) seen: Vec<Seen>,
    pub(crate) guests: BTreeMap<String, Guest>,
    pub(crate) endings: Vec<(String, Ending)>,
    pub(crate) mishaps: usize,
}

impl Way {
    /// How it ended for a guest: its own part, or the whole where it is no target.
    pub(crate) fn ended_well(&self, guest: &str) -> bool {
        let own = self.endings.iter().find(|(host, _)| host == guest);
        own.map_or_else(|| self.endings.iter().all(|(_, ending)| ending.is_good()), |(_, ending)| ending.is_good())
    }
}

/// Goes every way with at most so many mishaps, a person who stops the run among them where it is `stoppable`, until `look` has seen enough; how many ways there were.
pub(crate) fn every_way(
    code: &Arc<Code>,
    stoppable: bool,
    mishaps: usize,
    mut look: impl FnMut(&Way) -> bool,
) -> usize {
    let mut choices = Some(Choices::well(mishaps));
    let mut ways = 0;
    while let Some(these) = choices {
        ways += 1;
        assert!(ways <= MOST_WAYS, "there are more than {MOST_WAYS} ways");
        let (way, made) = one_way(code, stoppable, these);
        if look(&way) {
            break;
        }
        choices = made.next(mishaps);
    }
    ways
}

fn one_way(code: &Arc<Code>, stoppable: bool, choices: Choices) -> (Way, Choices) {
    let mut world = World::new(&GUESTS, stoppable, choices);
    let mut state = State::new(code.clone());
    let mut events = VecDeque::from([Event::Begin { windows: Vec::new() }]);
    let mut answers = 0;
    while let Some(event) = events.pop_front() {
        let stepped = state.step(event);
        for (id, effect) in stepped.effects {
            world.begin(id, effect);
        }
        if state.is_over() {
            break;
        }
        answers += 1;
        assert!(answers < MOST_ANSWERS, "the run does not end: {:#?}", world.seen);
        events.extend(world.next());
    }
    let endings = state.endings().map(|(host, ending)| {
        let ending = ending.unwrap_or_else(|| panic!("`{host}` waits for nothing: {:#?}", world.seen));
        (host.to_string(), ending.clone())
    });
    let endings = endings.collect();
    // What is under way goes on when the run is over.
    while world.next().is_some() {}
    let World { choices, guests, seen, .. } = world;
    (Way { seen, guests, endings, mishaps: choices.mishaps }, choices)
}
