//! How a failure, and every other end, finds its way out.

use super::event::{Ending, NoteKind};
use super::state::{Awaiting, HandlerKind, Pending, State, Way};
use super::{Effect, Stepped};
use crate::code::{Failed, Lenient, Value};

impl State {
    /// A step failed. The step's text is filled in where it is not.
    pub(super) fn fail(&mut self, i: usize, mut failed: Failed, out: &mut Stepped) {
        if failed.step.is_empty() {
            failed.step = self.step_text(i);
        }
        self.unwind(i, Way::End(Ending::Failed(failed)), out);
    }

    /// The guest's time is out: a failure that no `recover` sees.
    pub(super) fn fail_for_good(&mut self, i: usize, mut failed: Failed, out: &mut Stepped) {
        failed.step = self.step_text(i);
        self.fibers[i].handlers.retain(|handler| matches!(handler.kind, HandlerKind::Finally(_)));
        for frame in &mut self.fibers[i].frames {
            frame.lenient = Lenient::No;
        }
        self.unwind(i, Way::End(Ending::Failed(failed)), out);
    }

    /// A person stopped the run. A `finally` that is under way, and the verification at the end of a plan, are finished
    /// first: a guest may be off.
    pub(super) fn interrupt(&mut self, i: usize, out: &mut Stepped) {
        let step = self.step_text(i);
        let host = self.fibers[i].host.clone();
        let message = "the run was interrupted".to_string();
        let failed = Failed { kind: "interrupted".to_string(), message, step, code: -1, host };
        let way = Way::End(Ending::Interrupted(failed));
        match self.fibers[i].pendings.last_mut() {
            Some(Pending { way: Some(Way::End(ending)), .. }) if !ending.is_good() => {}
            Some(pending) => pending.way = Some(way),
            None => {
                self.await_nothing(i);
                self.unwind(i, way, out);
            }
        }
    }

    /// A guard refused.
    pub(super) fn refuse(&mut self, i: usize, message: String, host: &str, out: &mut Stepped) {
        let step = self.step_text(i);
        let refused = Failed { kind: "refused".to_string(), message, step, code: -1, host: host.to_string() };
        self.unwind(i, Way::End(Ending::Refused(refused)), out);
    }

    /// The step that the fiber is at, as the plan writes it.
    pub(super) fn step_text(&self, i: usize) -> String {
        // A step of the standard library is named by the plan's call.
        let fiber = &self.fibers[i];
        let frame = fiber.frames.iter().rev().find(|frame| !self.code.procs[frame.proc].name.contains('.'));
        let Some(frame) = frame.or(fiber.frames.first()) else { return String::new() };
        let proc = &self.code.procs[frame.proc];
        let mark = proc.steps.get(frame.pc.saturating_sub(1)).and_then(|step| proc.marks.get(*step));
        match mark {
            Some(mark) if mark.place.is_empty() => mark.text.clone(),
            Some(mark) => format!("{} ({})", mark.text, mark.place),
            None => String::new(),
        }
    }

    /// Leaves instructions and frames until something catches the way, or the body is at its end.
    pub(super) fn unwind(&mut self, i: usize, mut way: Way, out: &mut Stepped) {
        loop {
            let depth = self.fibers[i].frames.len();
            let top = self.fibers[i].handlers.len();
            let here = self.fibers[i].handlers.last().is_some_and(|handler| handler.frames == depth);
            // Leaving a `finally` that was run because of something: that something goes on.
            let handlers = if here { top - 1 } else { top };
            while let Some(pending) = self.fibers[i].pendings.last() {
                let left = pending.frames > depth
                    || (pending.frames == depth && pending.handlers > handlers)
                    || (!here && pending.frames == depth);
                if !left {
                    break;
                }
                if let Some(Pending { way: Some(before), .. }) = self.fibers[i].pendings.pop() {
                    way = self.merge(i, before, way, out);
                }
            }
            if here {
                let Some(handler) = self.fibers[i].handlers.pop() else { continue };
                self.fibers[i].waits.truncate(handler.waits);
                match (handler.kind, &way) {
                    (HandlerKind::Finally(pc), _) => {
                        let pending = Pending { way: Some(way), frames: depth, handlers: top - 1 };
                        self.fibers[i].pendings.push(pending);
                        self.jump(i, pc);
                        return;
                    }
                    (HandlerKind::Recover(slot, pc), Way::End(Ending::Failed(failed)))
                    | (
                        HandlerKind::Keep(slot, pc),
                        Way::End(Ending::Failed(failed) | Ending::Refused(failed) | Ending::Unknown(failed)),
                    ) => {
                        let failed = failed.clone();
                        self.set(i, slot, Value::Failure(Box::new(failed)));
                        self.jump(i, pc);
                        return;
                    }
                    (HandlerKind::Retry { left, every, from }, Way::End(Ending::Failed(failed)))
                        // What goes on may still succeed: it is not started again.
                        if left > 1 && !self.goes_on(i) =>
                    {
                        self.note(i, NoteKind::Again(failed.message.clone()), out);
                        let kind = HandlerKind::Retry { left: left - 1, every, from };
                        self.push_handler(i, kind);
                        self.jump(i, from);
                        self.ask(i, Effect::Sleep { ms: every }, Awaiting::Nothing, out);
                        return;
                    }
                    (
                        HandlerKind::Ask(question, next),
                        Way::End(Ending::Failed(failed) | Ending::Refused(failed) | Ending::Unknown(failed)),
                    ) => {
                        self.fibers[i].silent = None;
                        self.note(i, NoteKind::Objected { question, failed: failed.clone() }, out);
                        self.jump(i, next);
                        return;
                    }
                    _ => continue,
                }
            }
            let Some(frame) = self.fibers[i].frames.pop() else { return };
            self.fibers[i].waits.truncate(frame.waits);
            if self.fibers[i].frames.is_empty() {
                let ending = match way {
                    Way::Return => Ending::Done,
                    Way::End(ending) => ending,
                };
                self.finish(i, ending, out);
                return;
            }
            match (&way, frame.lenient) {
                (Way::Return, _) => {
                    if let Some(slot) = frame.result {
                        self.set(i, slot, frame.value);
                    }
                    return;
                }
                (Way::End(Ending::Failed(failed)), Lenient::Yes) => {
                    if let Some(slot) = frame.result {
                        self.set(i, slot, Value::NoAnswer(failed.message.clone()));
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// Two ends at once: the first is what people need to know; a refusal or an unknown is never covered.
    fn merge(&mut self, i: usize, before: Way, after: Way, out: &mut Stepped) -> Way {
        match (before, after) {
            (
                before @ Way::End(Ending::Failed(_) | Ending::Refused(_) | Ending::Unknown(_) | Ending::Interrupted(_)),
                Way::End(ending),
            ) => {
                if let Ending::Failed(failed) | Ending::Refused(failed) | Ending::Unknown(failed) = &ending {
                    self.note(i, NoteKind::Warned(format!("then, in finally: {}", failed.message)), out);
                }
                before
            }
            (before @ Way::End(_), Way::Return) => before,
            (_, after) => after,
        }
    }
}
