//! Driving a run over real hosts: its world, its journal, and whoever interrupts it.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::arguments::Format;
use super::desk::Controller;
use super::kept::{Kept, Owner};
use super::terminal::Terminal;
use super::{HANDED_OFF, UNKNOWN, endpoints, service, site};
use crate::code::Code;
use crate::hosts::{Endpoint, Hosts, HostsWorld, OfRun, Options};
use crate::journal::Journal;
use crate::machine::{Event, Note};
use crate::report::{Summary, clock, line};
use crate::run::{Replay, Stop, begin, resume};

/// How many changing commands run on one host at the same time.
const CHANGING_AT_ONCE: usize = 8;

/// What is shown of a run.
pub(super) struct Telling<'a> {
    pub(super) terminal: &'a mut Terminal,
    summary: Summary,
    width: usize,
    format: Format,
}

impl<'a> Telling<'a> {
    pub(super) fn new(code: &Code, format: Format, terminal: &'a mut Terminal) -> Telling<'a> {
        let targets = code.plans.iter().flat_map(|plan| &plan.targets);
        let width = targets.map(|name| name.chars().count()).max().unwrap_or(0);
        Telling { terminal, summary: Summary::new(&code.plan().name), width, format }
    }

    /// A line before those of the run.
    pub(super) fn say(&mut self, text: &str) {
        if self.format == Format::Text {
            self.terminal.say(text);
        }
    }

    pub(super) fn tell(&mut self, note: &Note) {
        self.summary.take(note);
        if let Some(line) = line(note, self.width) {
            self.say(&line);
        }
    }

    /// A line of what happens to the run itself.
    pub(super) fn at(&mut self, ms: u64, text: &str) {
        self.say(&format!("{:>7}  {text}", clock(ms)));
    }

    /// What was told before.
    pub(super) fn remember(&mut self, notes: &[Note]) {
        notes.iter().for_each(|note| self.summary.take(note));
    }

    /// The report, and the exit code.
    pub(super) fn report(self) -> u8 {
        match self.format {
            Format::Text => self.terminal.say(&format!("\n{}", self.summary.text().trim_end())),
            Format::Json => self.terminal.json(&self.summary.json()),
        }
        self.summary.exit_code()
    }
}

/// From where a run is driven.
pub(super) enum From {
    /// Its beginning, with the windows of its plans.
    Beginning(Vec<Vec<(i64, i64)>>),
    /// Where its events have led, with what a person says.
    Events(Vec<Event>),
}

/// Drives a run to its end. The report is shown; answers the exit code.
pub(super) fn drive_kept(
    kept: &Kept,
    replay: &mut Replay,
    journal: &mut Journal,
    from: From,
    loaded: &site::Loaded,
    mut telling: Telling<'_>,
) -> Result<u8, String> {
    let since = Duration::from_millis(kept.elapsed().max(replay.state().now()));
    let began = Instant::now().checked_sub(since).ok_or("the clock of this machine was set back")?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let driven: Result<(), String> = runtime.block_on(async {
        let desk = Controller {
            channels: kept.channels.clone(),
            inventory: loaded.inventory.clone(),
            vault: loaded.vault.clone(),
            yes: kept.yes,
        };
        let hosts = hosts(kept.endpoints.clone())?;
        let run = OfRun { id: kept.id.clone(), holder: Owner::this().text(), began };
        let mut world = HostsWorld::new(Arc::new(hosts), Arc::new(desk), kept.become_users.clone(), run);
        world.had_claimed(replay.state().claims());
        let interrupts = Interrupts::new().map_err(|error| error.to_string())?;
        let tell = |note: &Note| telling.tell(note);
        match from {
            From::Beginning(windows) => begin(replay, &mut world, journal, windows, || interrupts.next(), tell).await,
            From::Events(events) => resume(replay, &mut world, journal, events, || interrupts.next(), tell).await,
        }
    });
    if let Err(why) = driven {
        let id = &kept.id;
        telling.terminal.remark(&format!(
            "error: {why}\n  Nothing more was begun; what is at work on the hosts goes on.\n  help: see to it that the journal can be written, then write `hostler resume {id}`"
        ));
        telling.report();
        return Ok(UNKNOWN);
    }
    if !replay.state().is_over() && replay.is_handed_off() {
        telling.say("\nThe machine that drives this run goes down; the run goes on after its boot.");
        return Ok(HANDED_OFF);
    }
    Ok(telling.report())
}

/// The site's hosts over OpenSSH, for a run that is not kept.
pub(super) fn world(loaded: &site::Loaded) -> Result<HostsWorld, String> {
    let (endpoints, become_users) = endpoints::endpoints(&loaded.inventory, &loaded.vault);
    let desk = Controller {
        channels: loaded.site.notify.clone(),
        inventory: loaded.inventory.clone(),
        vault: loaded.vault.clone(),
        yes: false,
    };
    let run = OfRun { id: "preflight".to_string(), holder: Owner::this().text(), began: Instant::now() };
    Ok(HostsWorld::new(Arc::new(hosts(endpoints)?), Arc::new(desk), become_users, run))
}

pub(super) fn hosts(endpoints: Vec<Endpoint>) -> Result<Hosts, String> {
    // A hypervisor restarts several guests at the same time; one guest's steps follow each other anyway.
    let options = Options { changing_at_once: CHANGING_AT_ONCE, ..Options::default() };
    Hosts::new(endpoints, options).map_err(|error| error.to_string())
}

/// Ctrl-C, and the signal that a service manager sends. A signal between two waits is kept.
struct Interrupts(Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Stop>>>);

impl Interrupts {
    fn new() -> std::io::Result<Interrupts> {
        let (send, receive) = mpsc::unbounded_channel();
        for (kind, stop) in [(SignalKind::interrupt(), Stop::Person), (SignalKind::terminate(), Stop::Shutdown)] {
            let mut signals = signal(kind)?;
            let send = send.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    let _ = send.send(stop);
                }
            });
        }
        Ok(Interrupts(Arc::new(tokio::sync::Mutex::new(receive))))
    }

    fn next(&self) -> impl Future<Output = Stop> + use<> {
        let receive = self.0.clone();
        async move {
            match receive.lock().await.recv().await {
                Some(stop) => stop,
                None => std::future::pending().await,
            }
        }
    }
}

/// What would be found out in the middle of the night is found out now: questions that nobody could answer, and
/// secrets that are not there. `yes` answers every question.
pub(super) fn before_the_first_connection(code: &Code, yes: bool) -> Result<(), String> {
    if code.asks_a_person() && !yes && !std::io::stdin().is_terminal() {
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
    let secrets = code.secrets_of_the_environment();
    if let Some(host) = code.plans.iter().flat_map(|plan| &plan.hands_off).next() {
        if !service::is_installed() {
            obstacles.push(format!(
                "the plan takes down `{host}`, and with it the machine that it runs on; so that the run goes on after the \
                 boot, write `hostler service install` first, or start it on another machine (`controller` in \
                 hostler.toml says which machine this is)"
            ));
        }
        if let Some(name) = secrets.first() {
            obstacles.push(format!(
                "the plan takes down `{host}`, and with it the machine that it runs on; the environment variable `{name}`, \
                 from which it takes a secret, is gone after the boot: put the secret into a vault"
            ));
        }
    }
    for name in secrets {
        if std::env::var_os(&name).is_none() {
            obstacles.push(format!("the plan takes a secret from the environment variable `{name}`, which is not set"));
        }
    }
    obstacles
}
