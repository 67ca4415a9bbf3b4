//! `hostler plan`: the dry run.

use super::arguments::DryArguments;
use super::ready::{Ready, ready};
use super::saved::Saved;
use super::terminal::Terminal;
use super::{GOOD, REFUSED};
use crate::report::dry_run;

pub(crate) fn plan(arguments: &DryArguments, terminal: &mut Terminal) -> u8 {
    let DryArguments { file, one, out } = arguments;
    let Some(Ready { sources, code, .. }) = ready(file.as_deref(), one, false, terminal) else { return REFUSED };
    terminal.say(dry_run(&code).trim_end());
    let Some(out) = out else { return GOOD };
    match Saved::new(file.as_ref(), one, &sources, &code).write(out) {
        Ok(()) => {
            terminal.remark(&format!("saved; `hostler run {out}` runs exactly this"));
            GOOD
        }
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            REFUSED
        }
    }
}
