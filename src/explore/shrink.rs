//! A story with less in it: what did not have to go wrong is left out.

use super::{Fault, Origin, Story, rules};

/// Takes out of a story each thing without which the rule is broken too, and its uncommon times where the usual ones do.
pub(super) fn shrink(origin: &Origin<'_>, rule: &str, story: &mut Story) {
    let shorter = |story: &mut Story, wrong: Vec<(u64, Fault)>, varied: u64| {
        let found = broken_by(origin, rule, &wrong, varied);
        let is_found = found.is_some();
        if let Some(found) = found {
            *story = found;
        }
        is_found
    };
    if story.varied != 0 {
        shorter(story, story.wrong.clone(), 0);
    }
    let mut at = 0;
    while story.wrong.len() > 1 && at < story.wrong.len() {
        let mut without = story.wrong.clone();
        without.remove(at);
        // What comes after may have another place now: from the beginning again.
        at = if shorter(story, without, story.varied) { 0 } else { at + 1 };
    }
}

/// The story of the rule in the world in which these go wrong, where they can and where it is broken.
fn broken_by(origin: &Origin<'_>, rule: &str, wrong: &[(u64, Fault)], varied: u64) -> Option<Story> {
    let mut world = origin.world(0, varied);
    let mut fit = 0;
    world.run(|world, id, effect, who| {
        let planned = wrong.iter().find(|(number, _)| *number == world.asked).map(|(_, fault)| fault);
        match planned.filter(|fault| Fault::of(&effect, who, &world.lab).contains(fault)) {
            Some(fault) => {
                fit += 1;
                world.goes_wrong(fault, id, effect, who);
            }
            None => world.begin_effect(id, effect, who),
        }
    });
    if fit < wrong.len() {
        return None;
    }
    let (_, guest, why) = rules::broken(&mut world).into_iter().find(|(broken, ..)| *broken == rule)?;
    Some(Story::of(&world, &guest, why))
}
