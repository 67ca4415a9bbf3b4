//! `hostler run --lab`.

use std::sync::Arc;

use super::driving::Telling;
use crate::code::Code;
use crate::lab::Lab;
use crate::run::{InMemory, Replay, World as _, begin, resume};

/// Runs code in the simulated site. Where the machine that drives the run is one of it and goes down, another process
/// goes on after its boot, with what the journal says.
pub(crate) fn run(code: &Arc<Code>, windows: Vec<Vec<(i64, i64)>>, telling: &mut Telling<'_>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let mut lab = Lab::new(code);
    let mut journal = InMemory::default();
    let mut replay = Replay::new(code.clone());
    let never = std::future::pending;
    runtime.block_on(begin(&mut replay, &mut lab, &mut journal, windows, never, |note| telling.tell(note)))?;
    while !replay.state().is_over() && lab.controller_is_down() {
        let name = code.controller.as_deref().unwrap_or_default();
        telling.at(lab.now(), &format!("`{name}`, which drives this run, is down; the run goes on after its boot"));
        if !lab.controller_boots() {
            break;
        }
        telling.at(lab.now(), "resumed");
        replay = Replay::new(code.clone());
        for event in journal.0.clone() {
            replay.step(event);
        }
        let going_on = resume(&mut replay, &mut lab, &mut journal, Vec::new(), never, |note| telling.tell(note));
        runtime.block_on(going_on)?;
    }
    Ok(())
}
