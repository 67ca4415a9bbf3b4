//! Who is begun, and when no further guest is.

use super::Stepped;
use super::event::{Effect, EffectId, Ending, Event, Note, NoteKind};
use super::state::{Fiber, Frame, State};
use crate::code::{Lenient, Value};

impl State {
    /// Takes an event and answers what is to be done and said.
    pub fn step(&mut self, event: Event) -> Stepped {
        let mut out = Stepped::default();
        match event {
            Event::Begin => {}
            Event::Result { id, at, answer } => {
                self.now = self.now.max(at);
                if let Some(fiber) = self.waiting.remove(&id) {
                    self.answered(fiber, answer, &mut out);
                    self.advance(fiber, &mut out);
                }
            }
            Event::Interrupt { at } => {
                self.now = self.now.max(at);
                self.stopped.get_or_insert_with(|| "the run was interrupted".to_string());
            }
        }
        self.begin_next(&mut out);
        out
    }

    fn begin_next(&mut self, out: &mut Stepped) {
        loop {
            let all = self.fibers.len();
            let bad = self.fibers.iter().filter(|fiber| fiber.ended.as_ref().is_some_and(|end| !end.is_good())).count();
            let limit = self.code.schedule.stop_after.of(all);
            if bad >= limit && self.stopped.is_none() {
                let plural = if bad == 1 { "guest" } else { "guests" };
                self.stopped = Some(format!("stopped after {bad} {plural} did not end well"));
            }
            if let Some(why) = self.stopped.clone() {
                for i in 0..all {
                    if !self.fibers[i].begun {
                        self.fibers[i].begun = true;
                        self.finish(i, Ending::NotBegun(why.clone()), out);
                    }
                }
                return;
            }
            let running = self.fibers.iter().filter(|fiber| fiber.begun && fiber.ended.is_none()).count();
            let Some(next) = self.fibers.iter().position(|fiber| !fiber.begun) else { return };
            let at_once = self.code.schedule.batches.first().map_or(1, |share| share.of(all));
            if running >= at_once {
                return;
            }
            self.begin(next, out);
            self.advance(next, out);
        }
    }

    fn begin(&mut self, i: usize, out: &mut Stepped) {
        let code = self.code.clone();
        let body = &code.procs[code.body];
        let mut slots = vec![Value::None; body.slots];
        for (slot, initial) in slots.iter_mut().zip(&body.initial) {
            let scope = super::eval::Scope { code: &code, slots: &[] };
            *slot = initial.as_ref().and_then(|expr| scope.eval(expr).ok()).unwrap_or(Value::None);
        }
        if let Some(first) = slots.first_mut() {
            *first = Value::Host(self.fibers[i].host.clone());
        }
        let fiber: &mut Fiber = &mut self.fibers[i];
        fiber.begun = true;
        fiber.frames = vec![Frame {
            proc: code.body,
            pc: 0,
            slots,
            result: None,
            lenient: Lenient::No,
            waits: 0,
            value: Value::None,
        }];
        self.note(i, NoteKind::Began, out);
    }

    /// The guest's way is at its end.
    pub(super) fn finish(&mut self, i: usize, ending: Ending, out: &mut Stepped) {
        let fiber = &mut self.fibers[i];
        fiber.frames.clear();
        fiber.handlers.clear();
        fiber.pendings.clear();
        fiber.waits.clear();
        fiber.ended = Some(ending.clone());
        self.note(i, NoteKind::Finished(ending), out);
    }

    /// Asks the world for something; the fiber waits for the answer.
    pub(super) fn ask(&mut self, i: usize, effect: Effect, awaiting: super::state::Awaiting, out: &mut Stepped) {
        let id = self.next_id();
        self.waiting.insert(id, i);
        self.fibers[i].awaiting = Some(awaiting);
        out.effects.push((id, effect));
    }

    /// Tells the world something that gives no answer.
    pub(super) fn tell(&mut self, effect: Effect, out: &mut Stepped) {
        let id = self.next_id();
        out.effects.push((id, effect));
    }

    fn next_id(&mut self) -> EffectId {
        let id = EffectId(self.next_effect);
        self.next_effect += 1;
        id
    }

    pub(super) fn note(&self, i: usize, kind: NoteKind, out: &mut Stepped) {
        out.notes.push(Note { at: self.now, guest: self.fibers[i].host.clone(), kind });
    }
}
