//! `hostler resume`: goes on with a run whose process is gone.

use std::env::set_current_dir;
use std::process::Command;

use super::arguments::ResumeArguments;
use super::driving::{Telling, drive_kept};
use super::kept::{Kept, Owner, Past, runs};
use super::terminal::Terminal;
use super::{GOOD, REFUSED, site};
use crate::diag::Problems;
use crate::journal::Runs;
use crate::text::Sources;

pub(crate) fn resume(arguments: &ResumeArguments, terminal: &mut Terminal) -> u8 {
    let outcome = runs().and_then(|runs| match &arguments.run {
        Some(meant) => one(&runs, &runs.find(meant)?, arguments, terminal),
        None => {
            let waiting = waiting(&runs, terminal)?;
            match waiting.as_slice() {
                [] => {
                    if !arguments.all {
                        terminal.remark("no run waits to be resumed");
                    }
                    Ok(GOOD)
                }
                _ if arguments.all => all(&waiting),
                [id] => one(&runs, id, arguments, terminal),
                several => {
                    let names: Vec<String> = several.iter().map(|id| format!("\n  hostler resume {id}")).collect();
                    Err(format!("several runs wait; say which, or `--all`:{}", names.concat()))
                }
            }
        }
    });
    outcome.unwrap_or_else(|why| {
        terminal.remark(&format!("error: {why}"));
        REFUSED
    })
}

/// The runs that are not over and that nobody drives.
fn waiting(runs: &Runs, terminal: &mut Terminal) -> Result<Vec<String>, String> {
    let mut waiting = Vec::new();
    for id in runs.ids()? {
        if runs.is_driven(&id) {
            continue;
        }
        match Past::read(runs, &id) {
            Ok(past) if past.is_over() => {}
            Ok(_) => waiting.push(id),
            Err(why) => terminal.remark(&format!("warning: {id}: {why}")),
        }
    }
    Ok(waiting)
}

/// Each in a process of its own: none waits for another.
fn all(ids: &[String]) -> Result<u8, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut children = Vec::new();
    for id in ids {
        let child = Command::new(&program).args(["resume", id]).spawn();
        children.push(child.map_err(|error| format!("`hostler resume {id}` can not be started: {error}"))?);
    }
    let codes = children.iter_mut().map(|child| child.wait().ok().and_then(|status| status.code()));
    let worst = codes.map(|code| code.and_then(|code| u8::try_from(code).ok()).unwrap_or(REFUSED)).max();
    Ok(worst.unwrap_or(GOOD))
}

fn one(runs: &Runs, id: &str, arguments: &ResumeArguments, terminal: &mut Terminal) -> Result<u8, String> {
    // The lock first: from here on nobody else writes to it.
    let mut journal = runs.open(id, &Owner::this())?;
    let Past { kept, mut replay, notes, .. } = Past::read(runs, id)?;
    set_current_dir(&kept.folder)
        .map_err(|error| format!("the run was started in `{}`, which can not be entered: {error}", kept.folder))?;
    let loaded = loaded(&kept);
    let mut telling = Telling::new(&kept.code, arguments.format, terminal);
    telling.remember(&notes);
    if !notes.is_empty() && replay.state().is_over() {
        telling.say(&format!("Run {id} is over\n"));
        return Ok(telling.report());
    }
    telling.say(&format!("Run {id}, resumed\n"));
    let windows = notes.is_empty().then(|| super::clock::windows(&kept.code, &kept.time(0)));
    drive_kept(&kept, &mut replay, &mut journal, windows, &loaded, telling)
}

/// The site as it is now, for what is not kept: the secrets in its vaults. What is wrong with it is said when one of
/// them is needed.
fn loaded(kept: &Kept) -> site::Loaded {
    let files: Vec<String> = kept.file.iter().cloned().collect();
    site::load(&kept.one.site, &files, &mut Sources::new(), &mut Problems::new())
}
