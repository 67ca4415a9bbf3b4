//! Changing commands that are still at work when their time is out: nothing else acts on their guest until they end.

use super::Stepped;
use super::eval::about;
use super::event::{Effect, EffectId, Ending, NoteKind, Reply, Trouble};
use super::state::{Awaiting, Left, State, Way, failed};

/// How long the end of such a command is waited for, in milliseconds.
const LONGEST: u64 = 3_600_000;

impl State {
    /// The command that fiber `i` waited for goes on.
    pub(super) fn leave(&mut self, i: usize, guest: &str, host: &str, text: &str) {
        if let Some(id) = self.fibers[i].effect {
            let left = Left { guest: guest.to_string(), host: host.to_string(), text: text.to_string(), lost: None };
            self.left.insert(id, left);
        }
    }

    /// Whether the command that fiber `i` asked for last goes on.
    pub(super) fn goes_on(&self, i: usize) -> bool {
        self.fibers[i].effect.is_some_and(|id| self.left.contains_key(&id))
    }

    /// Goes on when nothing is at work for the guest, and else waits for that.
    pub(super) fn settled(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        let Some(left) = self.left.values().find(|left| left.guest == guest).cloned() else { return };
        if let Some(why) = &left.lost {
            self.unsettled(i, &left, why, out);
            return;
        }
        let text = format!("waits until `{}`, which goes on on `{}`, has ended", left.text, left.host);
        self.note(i, NoteKind::Warned(text), out);
        self.ask(i, Effect::Sleep { ms: LONGEST }, Awaiting::Settled(guest.to_string()), out);
    }

    pub(super) fn never_settled(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        if let Some(left) = self.left.values().find(|left| left.guest == guest).cloned() {
            self.unsettled(i, &left, &format!("it has not ended after another {}", about(LONGEST)), out);
        }
    }

    fn unsettled(&mut self, i: usize, left: &Left, why: &str, out: &mut Stepped) {
        let Left { guest, host, text, .. } = left;
        let message = format!("`{text}` was left at work on `{host}`, and nothing else is done to `{guest}`: {why}");
        self.park(i, None);
        let mut unknown = failed("unknown", message, host);
        unknown.step = self.step_text(i);
        self.unwind(i, Way::End(Ending::Unknown(unknown)), out);
    }

    /// What was left has ended, or nobody will know when it does; whoever waited for that goes on.
    pub(super) fn ended_late(&mut self, id: EffectId, result: Result<Reply, Trouble>, out: &mut Stepped) {
        let Some(mut left) = self.left.remove(&id) else { return };
        let guest = left.guest.clone();
        let waits = |fiber: &super::state::Fiber| fiber.awaiting == Some(Awaiting::Settled(guest.clone()));
        let waiting: Vec<usize> = (0..self.fibers.len()).filter(|i| waits(&self.fibers[*i])).collect();
        match result {
            Ok(reply) => {
                for i in &waiting {
                    let text = format!("`{}` on {} has ended with {}", left.text, left.host, reply.code);
                    let took = reply.took;
                    self.note(*i, NoteKind::Proven { text, evidence: String::new(), took }, out);
                }
            }
            Err(_) => {
                left.lost = Some("the connection to it was lost".to_string());
                self.left.insert(id, left);
            }
        }
        for i in waiting {
            self.waiting.retain(|_, fiber| *fiber != i);
            self.fibers[i].awaiting = None;
            // Another may still be at work, or this one be lost.
            self.settled(i, &guest, out);
            self.advance(i, out);
        }
    }
}
