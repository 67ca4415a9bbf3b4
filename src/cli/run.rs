//! `hostler run`.

use std::io::IsTerminal;
use std::sync::Arc;

use jiff::Zoned;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{Format, RunArguments};
use super::desk::Controller;
use super::ready::{Ready, ready};
use super::terminal::Terminal;
use super::{REFUSED, clock, endpoints, lab, site};
use crate::code::{Code, Instruction};
use crate::hosts::{self, Hosts, HostsWorld, Options};
use crate::machine::Note;
use crate::report::{Summary, line};
use crate::run::drive;

/// How many changing commands run on one host at the same time.
const CHANGING_AT_ONCE: usize = 8;

pub(crate) fn run(arguments: &RunArguments, terminal: &mut Terminal) -> u8 {
    let Some(Ready { loaded, code, .. }) = ready(arguments.file.as_deref(), &arguments.one, false, terminal) else {
        return REFUSED;
    };
    let code = Arc::new(code);
    let mut summary = Summary::new(&code.plan().name);
    if let Err(why) = carry_out(arguments, &code, &loaded, &mut summary, terminal) {
        terminal.remark(&format!("error: {why}"));
        return REFUSED;
    }
    match arguments.format {
        Format::Text => terminal.say(&format!("\n{}", summary.text().trim_end())),
        Format::Json => terminal.json(&summary.json()),
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
    let zone = clock::zone(loaded.site.timezone.as_deref())?;
    let now = Zoned::now().with_time_zone(zone.clone());
    let targets = code.plans.iter().flat_map(|plan| &plan.targets);
    let width = targets.map(|name| name.chars().count()).max().unwrap_or(0);
    let shows_progress = arguments.format == Format::Text;
    let mut tell = |terminal: &mut Terminal, note: &Note| {
        summary.take(note);
        if shows_progress && let Some(line) = line(note, width) {
            terminal.say(&line);
        }
    };
    if arguments.lab {
        let begins = match &arguments.now {
            Some(text) => clock::time(text, &zone)?,
            None => clock::lab_start(code, &now),
        };
        if shows_progress {
            let begins = begins.strftime("%a %Y-%m-%d %H:%M %Z");
            terminal.say(&format!("In the lab: simulated machines, virtual time from {begins}\n"));
        }
        let windows = clock::windows(code, &begins);
        lab::run(code, windows, |note| tell(terminal, note)).map_err(|error| error.to_string())?;
        return Ok(());
    }
    if arguments.now.is_some() {
        return Err("`--now` sets the clock of the lab; it goes with `--lab`".to_string());
    }
    before_the_first_connection(arguments, code)?;
    let windows = clock::windows(code, &now);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut world = world(loaded, arguments.yes)?;
        let interrupts = Interrupts::new().map_err(|error| error.to_string())?;
        drive(code.clone(), &mut world, windows, || interrupts.next(), |note| tell(terminal, note)).await;
        Ok(())
    })
}

/// The site's hosts over OpenSSH. `yes` answers every question.
pub(super) fn world(loaded: &site::Loaded, yes: bool) -> Result<HostsWorld, String> {
    let (endpoints, become_users) = endpoints::endpoints(&loaded.inventory, &loaded.vault);
    // A hypervisor restarts several guests at the same time; one guest's steps follow each other anyway.
    let options = Options { changing_at_once: CHANGING_AT_ONCE, ..Options::default() };
    let reached = Hosts::new(endpoints, options).map_err(|error| error.to_string())?;
    let desk = Controller {
        channels: loaded.site.notify.clone(),
        inventory: loaded.inventory.clone(),
        vault: loaded.vault.clone(),
        yes,
    };
    let run = hosts::run_id().map_err(|error| error.to_string())?;
    Ok(HostsWorld::new(Arc::new(reached), Arc::new(desk), become_users, &run))
}

/// Ctrl-C, and the signal that a service manager sends. A signal between two waits is kept.
struct Interrupts(Arc<tokio::sync::Notify>);

impl Interrupts {
    fn new() -> std::io::Result<Interrupts> {
        let notify = Arc::new(tokio::sync::Notify::new());
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let mut signals = signal(kind)?;
            let notify = notify.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    notify.notify_one();
                }
            });
        }
        Ok(Interrupts(notify))
    }

    fn next(&self) -> impl Future<Output = ()> + use<> {
        let notify = self.0.clone();
        async move { notify.notified().await }
    }
}

/// What would be found out in the middle of the night is found out now: questions that nobody could answer, and
/// secrets that are not there.
fn before_the_first_connection(arguments: &RunArguments, code: &Code) -> Result<(), String> {
    let mut instructions = code.reached().into_iter().flat_map(|proc| &proc.instructions);
    let asks = instructions.any(|instruction| matches!(instruction, Instruction::Confirm(_)));
    if asks && !arguments.yes && !std::io::stdin().is_terminal() {
        return Err(
            "the plan asks a person (`confirm`), and there is no terminal to ask at; answer beforehand with `--yes`"
                .to_string(),
        );
    }
    obstacles_here(code).into_iter().next().map_or(Ok(()), Err)
}

/// Why the plan can not be run from this machine, as far as this machine can tell.
pub(super) fn obstacles_here(code: &Code) -> Vec<String> {
    let mut obstacles = Vec::new();
    if let Some(host) = code.plans.iter().flat_map(|plan| &plan.hands_off).next() {
        obstacles.push(format!(
            "the plan takes down `{host}`, and with it the machine that it runs on; a run can not go on after that yet, \
             so start it on another machine (`controller` in hostler.toml says which machine this is)"
        ));
    }
    for name in code.secrets_of_the_environment() {
        if std::env::var_os(&name).is_none() {
            obstacles.push(format!("the plan takes a secret from the environment variable `{name}`, which is not set"));
        }
    }
    obstacles
}
