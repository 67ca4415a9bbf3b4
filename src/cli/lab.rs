//! `hostler run --lab`.

use std::sync::Arc;

use crate::code::Code;
use crate::lab::Lab;
use crate::machine::{Note, State};
use crate::run::drive;

/// Runs code in the simulated site.
pub(crate) fn run(code: &Arc<Code>, windows: Vec<Vec<(i64, i64)>>, tell: impl FnMut(&Note)) -> std::io::Result<State> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut lab = Lab::new(code);
    Ok(runtime.block_on(drive(code.clone(), &mut lab, windows, std::future::pending, tell)))
}
