//! Changing commands as a host keeps them: each is known by where it stands in the run, is started once, and goes on
//! whoever asks about it.

use super::{Answer, Due, Effect, EffectId, Lab, Reply, Run, Trouble};

/// The pause before a host that could not be reached is asked again, in milliseconds.
const ASK_PAUSE: u64 = 1_000;

/// A changing command that was started.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    host: String,
    /// What it gave, when it has ended.
    ended: Option<Result<Reply, Trouble>>,
    /// Who waits for that.
    pub(super) wanted: Option<EffectId>,
    /// Whether the one who waits was told that its time is out.
    late: bool,
}

impl Operation {
    /// One that was just started on a host.
    pub(super) fn of(host: &str) -> Operation {
        Operation { host: host.to_string(), ended: None, wanted: None, late: false }
    }
}

impl Lab {
    /// Somebody waits for the end of an operation, so long.
    pub(super) fn attach(&mut self, id: EffectId, step: String, within: u64) {
        let Some(operation) = self.operations.get_mut(&step) else { return };
        match operation.ended.clone() {
            Some(result) => self.answer(super::COMMAND, id, Answer::Ran(result)),
            None => {
                operation.wanted = Some(id);
                operation.late = false;
                self.at(within, Due::TimeIsOut(id, step, within));
            }
        }
    }

    /// Asks about a command that may have been sent, until its host can be reached.
    pub(super) fn ask_again(&mut self, id: EffectId, run: Box<Run>, until: u64) {
        match self.connect(&run.host) {
            (_, Ok(_)) => self.act(id, Effect::Run(run)),
            (_, Err(trouble)) if self.now >= until => {
                let why = format!("it may have been sent, and its host can not be asked: {}", trouble.text());
                self.answer(0, id, Answer::Ran(Err(Trouble::Unknown { host: run.host, why, began: None })));
            }
            (takes, Err(_)) => self.at(takes.max(ASK_PAUSE).min(until - self.now), Due::Ask(id, run, until)),
        }
    }

    pub(super) fn time_is_out(&mut self, id: EffectId, step: &str, after: u64) -> Option<(EffectId, Answer)> {
        let operation = self.operations.get_mut(step).filter(|one| one.ended.is_none() && one.wanted == Some(id))?;
        operation.late = true;
        Some((id, Answer::Ran(Err(Trouble::Timeout { host: operation.host.clone(), after }))))
    }

    pub(super) fn operation_ended(&mut self, step: &str, result: Result<Reply, Trouble>) -> Option<(EffectId, Answer)> {
        let operation = self.operations.get_mut(step)?;
        operation.ended = Some(result.clone());
        let id = operation.wanted.take()?;
        Some((id, if operation.late { Answer::EndedLate(result) } else { Answer::Ran(result) }))
    }
}
