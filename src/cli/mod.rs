//! The command line: arguments, terminal, exit codes. It builds the world and hands it in.

mod ansible_cfg;
mod arguments;
mod check;
mod clock;
mod desk;
mod disk;
mod driving;
mod endpoints;
mod explain;
mod files;
mod fmt;
mod hold;
mod init;
mod inventory;
mod junit;
mod kept;
mod lab;
mod leaving;
mod notify;
mod plan;
mod preflight;
mod programs;
mod prove;
mod ready;
mod rehearsal;
mod resume;
mod run;
mod runs;
mod saved;
mod scenes;
mod service;
mod show_guards;
mod site;
mod terminal;
mod test;
mod trust;
mod trusted;

use std::process::ExitCode;

use clap::Parser;

pub use disk::Disk;

use arguments::{Arguments, Command};
use terminal::Terminal;

/// Everything went well.
pub(crate) const GOOD: u8 = 0;
/// `fmt --check` found a file that is laid out otherwise, or `journal verify` a record that is not as it was.
pub(crate) const DIFFERENT: u8 = 1;
/// `preflight` found that the plan could not start now, or is left with questions.
pub(crate) const NOT_READY: u8 = 1;
/// `prove` found a world in which a rule is broken.
pub(crate) const BROKEN: u8 = 1;
/// `test` found a test that fails.
pub(crate) const FAILED: u8 = 1;
/// Nothing was begun: the plan, the inventory or the command line is at fault.
pub(crate) const REFUSED: u8 = 2;
/// The machine that drives the run goes down, and the run goes on after its boot.
pub(crate) const HANDED_OFF: u8 = 75;
/// Nobody knows how it ended for a guest.
pub(crate) const UNKNOWN: u8 = 3;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut terminal = Terminal::new(arguments.color, arguments.narrated);
    let code = match &arguments.command {
        Command::Run(run) => run::run(run, &mut terminal),
        Command::Resume(resume) => resume::resume(resume, &mut terminal),
        Command::Resolve(resolve) => resume::resolve(resolve, &mut terminal),
        Command::Runs(arguments) => runs::list(arguments, &mut terminal),
        Command::Show(show) => runs::show(show, &mut terminal),
        Command::Logs(logs) => runs::logs(logs, &mut terminal),
        Command::Journal(journal) => runs::journal(journal, &mut terminal),
        Command::Service(arguments) => service::service(arguments, &mut terminal),
        Command::Check(check) => check::check(check, &mut terminal),
        Command::Plan(plan) => plan::plan(plan, &mut terminal),
        Command::Prove(arguments) => prove::prove(arguments, &mut terminal),
        Command::Test(arguments) => test::test(arguments, &mut terminal),
        Command::Preflight(preflight) => preflight::preflight(preflight, &mut terminal),
        Command::Fmt(fmt) => fmt::fmt(fmt, &mut terminal),
        Command::Explain(explain) => explain::explain(explain, &mut terminal),
        Command::Init(init) => init::init(init, &mut terminal),
        Command::Inventory(inventory) => inventory::inventory(inventory, &mut terminal),
        Command::Hold(arguments) => hold::hold(arguments, &mut terminal),
        Command::Host(arguments) => hold::host(arguments, &mut terminal),
        Command::Trust(trust) => trust::trust(trust, &mut terminal),
    };
    ExitCode::from(code)
}
