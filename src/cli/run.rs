//! `hostler run`.

use std::sync::Arc;

use super::arguments::{Format, RunArguments};
use super::desk::Controller;
use super::terminal::Terminal;
use super::{REFUSED, check, endpoints, lab, site};
use crate::code::{Code, compile};
use crate::diag::Problems;
use crate::hosts::{Hosts, HostsWorld, Options};
use crate::machine::Note;
use crate::report::{Summary, line};
use crate::run::drive;
use crate::text::Sources;

pub(crate) fn run(arguments: &RunArguments, terminal: &mut Terminal) -> u8 {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let files: Vec<String> = arguments.file.iter().cloned().collect();
    let loaded = site::load(&arguments.site, &files, &mut sources, &mut problems);
    let name = arguments.file.as_deref().unwrap_or("-e");
    let checked =
        check::check_one(name, arguments.eval.clone(), &arguments.plan, true, &loaded, &mut sources, problems);
    terminal.problems(&sources, &checked.diagnostics);
    if checked.has_errors() {
        return REFUSED;
    }
    let Some(program) = checked.programs.first() else { return REFUSED };
    let code = Arc::new(compile(program, &sources));
    let mut summary = Summary::new(&code.plan, &code.targets);
    let result = carry_out(arguments, &code, &loaded, &mut summary, terminal);
    if let Err(why) = result {
        terminal.remark(&format!("error: {why}"));
        return REFUSED;
    }
    match arguments.format {
        Format::Text => terminal.say(&format!("\n{}", summary.text())),
        Format::Json => terminal.say(&serde_json::to_string_pretty(&summary.json()).unwrap_or_default()),
    }
    summary.exit_code()
}

fn carry_out(
    arguments: &RunArguments,
    code: &Arc<Code>,
    loaded: &site::Loaded,
    summary: &mut Summary,
    terminal: &mut Terminal,
) -> Result<(), String> {
    let width = code.targets.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let shows_progress = arguments.format == Format::Text;
    if shows_progress {
        let guests =
            if code.targets.len() == 1 { "1 target".to_string() } else { format!("{} targets", code.targets.len()) };
        let place = if arguments.lab { ", in the lab: simulated machines, virtual time" } else { "" };
        terminal.say(&format!("{}: {guests}{place}\n", code.plan));
    }
    let tell = |note: &Note| {
        summary.take(note);
        if shows_progress && let Some(line) = line(note, width) {
            terminal.say(&line);
        }
    };
    if arguments.lab {
        lab::run(code, tell).map_err(|error| error.to_string())?;
        return Ok(());
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let endpoints = endpoints::endpoints(&loaded.inventory);
        let hosts = Hosts::new(endpoints, Options::default()).map_err(|error| error.to_string())?;
        let hosts = Arc::new(hosts);
        let desk = Controller { channels: loaded.site.notify.clone(), yes: arguments.yes };
        let users = endpoints::become_users(&loaded.inventory);
        let mut world = HostsWorld::new(hosts.clone(), Arc::new(desk), users);
        drive(code.clone(), &mut world, interrupted, tell).await;
        Ok(())
    })
}

/// Ends when a person presses Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
