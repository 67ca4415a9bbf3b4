//! A run leaves the systemd service that started it, for a scope of its own. A plan may stop that service, or restart
//! it by an upgrade, and must not end its own run by that.
//!
//! What a person started in a session is in a scope already, and stays there: it ends with the session.

use std::fs;
use std::os::unix::process::{ExitStatusExt as _, parent_id};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::signal::unix::{SignalKind, signal};

use super::service::to_the_users;
use super::terminal::Terminal;
use super::{REFUSED, UNKNOWN};

/// How often, and with which pause, it is looked whether systemd has moved a process: for 5 seconds.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Leaves the service. Where that can not be, it says so, and the run goes on where it is.
///
/// A service manager ends the process that it started together with its service, wherever that process is. So where this
/// is that process, another one does the work, and leaves; this one waits for it. Then the answer is its exit code, and
/// there is nothing more to do here.
pub(super) fn leave(terminal: &mut Terminal) -> Option<u8> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let cgroups = cgroups_of("self");
    let service = service(&cgroups)?;
    let outcome =
        if is_started_by_manager() { by_another_process().map(Some) } else { to_a_scope(&cgroups).map(|()| None) };
    outcome.unwrap_or_else(|why| {
        terminal
            .remark(&format!("warning: the run can not leave `{service}`, and is ended when that is stopped: {why}"));
        None
    })
}

/// Waits for processes that drive runs. Where this is the process of a service, those that leave it are not waited for:
/// the service would count as active meanwhile, and its timer would not start it for other runs. Answers how the rest
/// ended.
pub(super) fn wait_for(children: &mut [Child]) -> Vec<Option<ExitStatus>> {
    let is_service =
        Path::new("/run/systemd/system").is_dir() && service(&cgroups_of("self")).is_some() && is_started_by_manager();
    let mut rest: Vec<&mut Child> = children.iter_mut().collect();
    if is_service {
        rest.retain_mut(|child| !leaves(child));
    }
    rest.into_iter().map(|child| child.wait().ok()).collect()
}

/// Whether a process leaves the service; it does so before anything else.
fn leaves(child: &mut Child) -> bool {
    let process = child.id().to_string();
    for _ in 0..2 * TRIES {
        // What has ended has no cgroup any more, or that of its service.
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        if service(&cgroups_of(&process)).is_none() {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

/// Empty when the process is gone.
fn cgroups_of(process: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default()
}

/// The service of these cgroups (cgroups(7)), as far as no scope within it holds them. systemd keeps its units in the
/// unified hierarchy or, on older machines, in one of its own.
fn service(cgroups: &str) -> Option<&str> {
    let mut paths = cgroups.lines().filter_map(|line| match line.split_once(":name=systemd:") {
        Some((_, path)) => Some(path),
        None => line.strip_prefix("0::"),
    });
    let is_unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    let unit = paths.find_map(|path| path.rsplit('/').find(is_unit))?;
    unit.ends_with(".service").then_some(unit)
}

/// Whether this is the process that the manager of the system, or of the user, started for the service.
fn is_started_by_manager() -> bool {
    let parent = parent_id();
    parent == 1 || fs::read_to_string(format!("/proc/{parent}/comm")).is_ok_and(|name| name.trim_end() == "systemd")
}

/// The same command line once more; that process is not the manager's, and leaves by itself.
fn by_another_process() -> Result<u8, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program does not know its path: {error}"))?;
    // At a terminal Ctrl-C reaches both. The end of this one would take the terminal from the other.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let _interrupts = runtime.block_on(async { signal(SignalKind::interrupt()) }).map_err(|error| error.to_string())?;
    let mut child = Command::new(program).args(std::env::args_os().skip(1)).spawn().map_err(|e| e.to_string())?;
    Ok(child.wait().map_or(UNKNOWN, code))
}

/// As a shell says it: of a process that was killed, 128 and the signal.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(REFUSED)
}

/// Asks the manager for a scope with this process in it (org.freedesktop.systemd1(5), `StartTransientUnit`), and waits
/// until it is there.
fn to_a_scope(before: &str) -> Result<(), String> {
    let process = std::process::id().to_string();
    let mut busctl = Command::new("busctl");
    if !geteuid().is_root() {
        to_the_users(&mut busctl);
    }
    let manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
    busctl.args(["--timeout=10", "call"]).args(manager).args(["StartTransientUnit", "ssa(sv)a(sa(sv))"]);
    busctl.args([&format!("hostler-run-{process}.scope"), "fail", "3", "PIDs", "au", "1", &process]);
    busctl.args(["Description", "s", "A run of hostler", "CollectMode", "s", "inactive-or-failed", "0"]);
    let output = busctl.output().map_err(|error| format!("busctl can not be run: {error}"))?;
    for _ in 0..TRIES {
        // Whatever busctl says: it may be ended with the service as soon as this process has left.
        if cgroups_of("self") != before {
            return Ok(());
        }
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.trim().lines().last().unwrap_or("busctl failed").to_string());
        }
        std::thread::sleep(PAUSE);
    }
    Err("systemd did not do it in 5 s".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_a_service_and_in_no_scope_of_it_leaves() {
        for (cgroups, expected) in [
            ("0::/system.slice/nightly.service\n", Some("nightly.service")),
            ("0::/system.slice/ci.service/job/7\n", Some("ci.service")),
            ("0::/user.slice/user-7.slice/user@7.service/app.slice/nightly.service\n", Some("nightly.service")),
            ("2:cpu:/\n1:name=systemd:/system.slice/nightly.service\n0::/\n", Some("nightly.service")),
            ("0::/user.slice/user-0.slice/session-c2.scope\n", None),
            ("0::/user.slice/user-7.slice/user@7.service/app.slice/vte-spawn-1.scope\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(service(cgroups), expected, "{cgroups}");
        }
    }
}
