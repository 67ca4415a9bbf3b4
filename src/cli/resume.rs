//! `hostler resume` goes on with a run whose process is gone, `hostler resolve` with what a person says of it.

use std::env::set_current_dir;
use std::process::Command;

use super::arguments::{Format, ResolveArguments, ResumeArguments};
use super::driving::{From, Telling, drive_kept};
use super::kept::{Kept, Owner, Past, runs};
use super::leaving::{leave, wait_for};
use super::terminal::Terminal;
use super::{GOOD, REFUSED, clock, site};
use crate::diag::Problems;
use crate::journal::Runs;
use crate::machine::Event;
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
    let codes = wait_for(&mut children).into_iter().map(|status| status.and_then(|status| status.code()));
    let worst = codes.map(|code| code.and_then(|code| u8::try_from(code).ok()).unwrap_or(REFUSED)).max();
    Ok(worst.unwrap_or(GOOD))
}

fn one(runs: &Runs, id: &str, arguments: &ResumeArguments, terminal: &mut Terminal) -> Result<u8, String> {
    go_on(runs, id, arguments.format, terminal, |past| {
        let windows = past.notes.is_empty().then(|| clock::windows(&past.kept.code, &past.kept.time(0)));
        Ok(windows.map_or(From::Events(Vec::new()), From::Beginning))
    })
}

/// Goes on with a run; `from` says where, once this process is the one that drives it.
fn go_on(
    runs: &Runs,
    id: &str,
    format: Format,
    terminal: &mut Terminal,
    from: impl FnOnce(&Past) -> Result<From, String>,
) -> Result<u8, String> {
    if let Some(code) = leave(terminal) {
        return Ok(code);
    }
    // The lock first: from here on nobody else writes to it.
    let mut journal = runs.open(id, &Owner::this())?;
    let mut past = Past::read(runs, id)?;
    let from = from(&past)?;
    let loaded = loaded(&past.kept, terminal);
    let mut telling = Telling::new(&past.kept.code, format, terminal);
    telling.remember(&past.notes);
    let is_asked = matches!(&from, From::Events(events) if !events.is_empty());
    if past.is_over() && !is_asked {
        telling.say(&format!("Run {id} is over\n"));
        return Ok(telling.report());
    }
    telling.say(&format!("Run {id}, resumed\n"));
    drive_kept(&past.kept, &mut past.replay, &mut journal, from, &loaded, telling)
}

/// `hostler resolve`: a person says what became of a command.
pub(crate) fn resolve(arguments: &ResolveArguments, terminal: &mut Terminal) -> u8 {
    let outcome = runs().and_then(|runs| {
        let id = runs.find(&arguments.run)?;
        go_on(&runs, &id, arguments.format, terminal, |past| {
            let open: Vec<(&str, &str)> = past.replay.state().to_be_resolved().collect();
            let Some((plan, guest)) = open.iter().find(|(_, guest)| *guest == arguments.guest) else {
                let names: Vec<String> = open.iter().map(|(_, guest)| format!("`{guest}`")).collect();
                return Err(match names.as_slice() {
                    [] => format!("in the run `{id}` nothing is unknown"),
                    names => format!("`{}` is not unknown in the run `{id}`; {} is", arguments.guest, names.join(", ")),
                });
            };
            let at = past.kept.elapsed().max(past.replay.state().now());
            let (plan, guest) = (plan.to_string(), guest.to_string());
            Ok(From::Events(vec![Event::Resolved { at, plan, guest, done: arguments.done }]))
        })
    });
    outcome.unwrap_or_else(|why| {
        terminal.remark(&format!("error: {why}"));
        REFUSED
    })
}

/// The site as it is now, for what is not kept: the secrets in its vaults. What is wrong with it is said when one of
/// them is needed.
fn loaded(kept: &Kept, terminal: &mut Terminal) -> site::Loaded {
    if let Err(error) = set_current_dir(&kept.folder) {
        terminal.remark(&format!(
            "warning: the run was started in `{}`, which can not be entered ({error}); secrets in its vaults are out of reach",
            kept.folder
        ));
        return site::Loaded::default();
    }
    for name in kept.changed_secrets() {
        terminal.remark(&format!(
            "warning: the secret in the environment variable `{name}` is not the one with which the run began"
        ));
    }
    let files: Vec<String> = kept.file.iter().cloned().collect();
    site::load(&kept.one.site, &files, &mut Sources::new(), &mut Problems::new())
}
