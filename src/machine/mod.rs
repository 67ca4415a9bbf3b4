//! The heart: a pure machine. `step(event)` answers the effects that the world is to carry out and what there is to
//! say; it knows no clock, no file and no connection, so the same events always give the same run.

mod answers;
mod claims;
mod commands;
mod cues;
mod eval;
mod event;
mod execute;
mod guards;
mod identity;
mod left;
mod resolved;
mod schedule;
mod state;
mod unsettled;
mod unwind;
mod watches;

use crate::code::{Code, Expr, Value};
pub use commands::{words, words_of};
pub use event::{
    Answer, Claim, Claimed, Cue, Datum, Effect, EffectId, Ending, Event, Greeting, Note, NoteKind, Operation, Purpose,
    Reply, Run, Trouble, WATCH_GRACE, WATCH_LATE, WATCH_LONGEST, WATCHER, Watch, short,
};
pub use state::{Facts, GuestState, State};

/// The value of an expression without probes, as a frame with these slots sees it; else why it has none.
pub fn evaluate(code: &Code, slots: &[Value], expr: &Expr) -> Result<Value, String> {
    eval::Scope { code, slots }.eval(expr)
}

/// What a step gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stepped {
    /// To be carried out.
    pub effects: Vec<(EffectId, Effect)>,
    /// To be said.
    pub notes: Vec<Note>,
}
