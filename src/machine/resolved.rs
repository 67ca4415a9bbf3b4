//! A person says what became of a command of which nobody knew, and the run goes on from there.

use super::Stepped;
use super::event::{Ending, NoteKind};
use super::state::{Awaiting, Parked, State, failed};
use crate::code::{Slot, Value};

impl State {
    /// Remembers where a fiber is, before it goes to its end.
    pub(super) fn park(&mut self, i: usize, slot: Option<Slot>) {
        let fiber = &mut self.fibers[i];
        let (frames, handlers) = (fiber.frames.clone(), fiber.handlers.clone());
        let (waits, pendings) = (fiber.waits.clone(), fiber.pendings.clone());
        fiber.parked = Some(Box::new(Parked { frames, handlers, waits, pendings, slot }));
    }

    /// The targets that ended so that a person has to say what became of a command: plan and guest.
    pub fn to_be_resolved(&self) -> impl Iterator<Item = (&str, &str)> {
        let unknown = self
            .fibers
            .iter()
            .filter(|fiber| fiber.parked.is_some() && matches!(fiber.ended, Some(Ending::Unknown(_))));
        unknown.map(|fiber| (self.runs[fiber.run].name.as_str(), fiber.host.as_str()))
    }

    pub(super) fn resolved(&mut self, plan: &str, guest: &str, done: bool, out: &mut Stepped) {
        let is_it = |i: &usize| {
            let fiber = &self.fibers[*i];
            fiber.host == guest && self.runs[fiber.run].name == plan && matches!(fiber.ended, Some(Ending::Unknown(_)))
        };
        let Some(i) = (0..self.fibers.len()).find(is_it) else { return };
        let Some(slot) = self.unpark(i) else { return };
        self.left.retain(|_, left| left.guest != guest);
        self.reopen(self.fibers[i].run);
        if done {
            self.note(i, NoteKind::Warned("a person says that it was carried out".to_string()), out);
            if let Some(slot) = slot {
                self.set(i, slot, Value::Output(Box::default()));
            }
        } else {
            self.fail(i, failed("failed", "a person says that it was not carried out".to_string(), guest), out);
        }
        self.advance(i, out);
    }

    /// A fiber that has ended is where it was again; answers where the output of its command goes.
    fn unpark(&mut self, i: usize) -> Option<Option<Slot>> {
        let fiber = &mut self.fibers[i];
        let Parked { frames, handlers, waits, pendings, slot } = *fiber.parked.take()?;
        fiber.frames = frames;
        fiber.handlers = handlers;
        fiber.waits = waits;
        fiber.pendings = pendings;
        fiber.ended = None;
        fiber.awaiting = None;
        Some(slot)
    }

    /// A plan goes on, and so does the plan that runs it. Those that were not begun because of the failure can be.
    fn reopen(&mut self, run: usize) {
        self.runs[run].over = false;
        self.places_changed = true;
        if self.interrupts == 0 && self.runs[run].stopped.take().is_some() {
            for i in self.runs[run].first..self.runs[run].end {
                if matches!(self.fibers[i].ended, Some(Ending::NotBegun(_))) {
                    self.fibers[i].begun = false;
                    self.fibers[i].ended = None;
                }
            }
        }
        for i in self.runs[run].first..self.runs[run].end {
            self.fibers[i].has_place = self.fibers[i].begun && self.fibers[i].ended.is_none();
        }
        self.runs[run].tally = self.counted(run);
        if let Some(parent) = self.runs[run].parent
            && self.fibers[parent].ended.is_some()
            && self.unpark(parent).is_some()
        {
            self.fibers[parent].awaiting = Some(Awaiting::Plan);
            self.reopen(self.fibers[parent].run);
        }
    }
}
