//! What happened in a world, as lines that a person can follow.

use super::{Fault, Told, World, fault_line};
use crate::machine::NoteKind;
use crate::report::line;

/// Most lines of a story.
const MOST: usize = 12;

/// How a rule was broken.
#[derive(Clone, Debug)]
pub struct Story {
    /// What happened, in its order.
    pub lines: Vec<String>,
    /// Which rule that breaks, in words.
    pub why: String,
    /// A test of the plan in which the same goes wrong.
    pub test: String,
    /// The guest that it is about.
    pub(super) guest: String,
    /// What the times of its world are made of.
    pub(super) varied: u64,
    /// What goes wrong, at which of the effects that are asked for.
    pub(super) wrong: Vec<(u64, Fault)>,
}

impl Story {
    /// The lines that belong to a guest, as few as tell it.
    pub(super) fn of(world: &World, guest: &str, why: String) -> Story {
        let told = &world.told;
        let of_guest = |told: &&Told| match told {
            Told::Fault(..) => true,
            Told::Note(note) => {
                note.guest == guest
                    && matches!(
                        note.kind,
                        NoteKind::Command { reading: false, .. }
                            | NoteKind::Ended { good: false, .. }
                            | NoteKind::Warned(_)
                            | NoteKind::Finished(_)
                            | NoteKind::Again(_)
                    )
            }
        };
        let shown = |told: &Told| match told {
            Told::Fault(at, what) => Some(fault_line(*at, what)),
            Told::Note(note) => line(note, guest.chars().count()),
        };
        let kept: Vec<&Told> = told.iter().filter(of_guest).collect();
        let fault = kept.iter().position(|told| matches!(told, Told::Fault(..))).unwrap_or(0);
        // Of what was before it, the last lines tell enough.
        let from = kept.len().saturating_sub(MOST - 1).min(fault.saturating_sub(2));
        let mut lines: Vec<String> = kept[from..].iter().filter_map(|told| shown(told)).collect();
        if lines.len() > MOST - 1 {
            let rest = lines.split_off(MOST / 2);
            let last = rest.len().saturating_sub(MOST / 2 - 2);
            lines.push("         …".to_string());
            lines.extend(rest.into_iter().skip(last));
        }
        Story {
            lines,
            why,
            test: String::new(),
            guest: guest.to_string(),
            varied: world.varied,
            wrong: world.wrong.clone(),
        }
    }
}
