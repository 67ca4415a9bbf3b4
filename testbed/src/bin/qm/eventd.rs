//! Who waits for a guest's QEMU: it starts QEMU, sees it end, and calls the cleanup, which starts the guest again where
//! `qm reboot` asked for that. The real one is a daemon, qmeventd, that QEMU tells of its end.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use serde_json::Value;
use testbed::Result;
use testbed::guest::{Card, write_seed};
use testbed::qmp::Monitor;

use crate::host::{Host, RUN, Vm};
use crate::out;

/// How long a QEMU may take until its monitor answers.
const START: Duration = Duration::from_secs(60);

/// From a guest's end to the cleanup.
const NOTICES: Duration = Duration::from_millis(600);

/// Starts a guest's QEMU. Prints `ok` when it runs, or what QEMU printed and `exited CODE`; and stays with it.
pub(crate) fn watch(host: &Host, id: &str) -> ExitCode {
    // Who called holds signals back for itself, and QEMU would inherit that.
    let _ = SigSet::all().thread_unblock();
    let Some(vm) = host.vm(id) else { return ExitCode::from(2) };
    let begun = start(host, &vm);
    let (mut child, how) = match begun {
        Ok(Started::Runs(child, how)) => (child, how),
        Ok(Started::Exited(code)) => {
            let said = fs::read_to_string(vm.folder.join("qemu.log")).unwrap_or_default();
            out(&format!("{said}exited {code}\n"));
            return ExitCode::from(1);
        }
        Err(why) => {
            out(&format!("{why}\nexited 1\n"));
            return ExitCode::from(1);
        }
    };
    let pid = child.id();
    let _ = fs::write(vm.pid_file(), format!("{pid}\n"));
    host.started(id, pid, how);
    out("ok\n");
    let _ = child.wait();
    std::thread::sleep(NOTICES);
    if fs::read_to_string(vm.pid_file()).is_ok_and(|known| known.trim() == pid.to_string()) {
        let _ = fs::remove_file(vm.pid_file());
    }
    let mut cleanup = Command::new("/usr/sbin/qm");
    let ended = cleanup.args(["cleanup", id, "1", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    if ended.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

enum Started {
    Runs(Child, &'static str),
    Exited(i32),
}

fn start(host: &Host, vm: &Vm) -> Result<Started> {
    let boot = host.boot()?;
    let mut card = Card::read(&vm.folder)?;
    let machine = vm.machine(&card);
    let restored = card.restore && boot.golden.is_some() && machine.can_be_restored();
    card.restore = false;
    card.write(&vm.folder)?;
    write_seed(&vm.folder, &card)?;
    let run = Path::new(RUN);
    fs::create_dir_all(run).map_err(|error| format!("{RUN}: {error}"))?;
    for socket in [machine.monitor(run), machine.agent(run)] {
        let _ = fs::remove_file(socket);
    }
    let log = vm.folder.join("qemu.log");
    let log = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = boot.command(&machine, run, restored);
    command.args(&card.extra).stderr(log);
    let mut child = command.spawn().map_err(|error| format!("kvm: {error}"))?;
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok(Started::Exited(status.code().unwrap_or(1)));
        }
        if machine.monitor(run).exists()
            && let Ok(mut monitor) = Monitor::connect(&machine.monitor(run), Duration::from_millis(500))
        {
            if restored {
                goes_on(&mut monitor, deadline)?;
            }
            return Ok(Started::Runs(child, if restored { "restored" } else { "cold" }));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    Err("kvm: its monitor does not answer".to_string())
}

/// A restored guest was saved while it was paused: it goes on once all of it has been read.
fn goes_on(monitor: &mut Monitor, deadline: Instant) -> Result<()> {
    while Instant::now() < deadline {
        let state = monitor.ask("query-status", Value::Null)?;
        match state["status"].as_str() {
            Some("inmigrate") => std::thread::sleep(Duration::from_millis(10)),
            Some("running") => return Ok(()),
            _ => return monitor.ask("cont", Value::Null).map(drop),
        }
    }
    Err("the saved state was not read in time".to_string())
}
