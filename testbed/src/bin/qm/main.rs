//! The `qm` of the testbed's nodes: Proxmox's command in front of real QEMU guests.
//!
//! It is a program for each call, as the real one is. What it knows of a guest it reads: the configuration below
//! `/etc/pve`, the process and the sockets below `/run/qemu-server`, the lock file below `/var/lock/qemu-server`. It asks
//! QEMU over its monitor, and the guest over its agent. Texts, streams and exit codes are those of qemu-server 8.4 and 9.2,
//! held to recordings of these by `tests/parts/recordings.rs`. Snapshots, disks and migrations it has not.
//!
//! Called `pct`, `lxc-info` or `lxc-attach` it is that command, for containers.

mod acting;
mod agent;
mod containers;
mod eventd;
mod host;
mod json;
mod reading;
mod tasks;
mod usage;

use std::io::Write as _;
use std::process::ExitCode;

use host::Host;
use usage::Line;

/// What a call that does not wait prints, and its exit code.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

impl Said {
    pub(crate) fn out(stdout: String) -> Said {
        Said { stdout, ..Said::default() }
    }

    /// It ends with a line on standard error.
    pub(crate) fn wrong(code: u8, text: &str) -> Said {
        Said { stderr: format!("{text}\n"), code, ..Said::default() }
    }
}

/// Prints at once. Nobody reads what is said over a connection that has ended, and that ends nothing.
pub(crate) fn out(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

pub(crate) fn err(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn main() -> ExitCode {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    if !nix::unistd::geteuid().is_root() {
        (1..=3).for_each(|n| err(&format!("ipcc_send_rec[{n}] failed: Unknown error -1\n")));
        err("Unable to load access control list: Unknown error -1\n");
        return ExitCode::from(255);
    }
    let host = match Host::here() {
        Ok(host) => host,
        Err(why) => {
            err(&format!("this is no node of a testbed: {why}\n"));
            return ExitCode::from(255);
        }
    };
    if let [hidden, id] = words.as_slice()
        && hidden == "qmeventd"
    {
        return eventd::watch(&host, id);
    }
    if let "pct" | "lxc-info" | "lxc-attach" = program {
        host.called(program, &words);
        let said = containers::answer(&host, program, &words);
        out(&said.stdout);
        err(&said.stderr);
        return ExitCode::from(said.code);
    }
    host.called("qm", &words);
    std::thread::sleep(host.slow());
    let said = match usage::read(&words) {
        Err(said) => said,
        Ok(line) => answer(&host, &line),
    };
    out(&said.stdout);
    err(&said.stderr);
    ExitCode::from(said.code)
}

fn answer(host: &Host, line: &Line) -> Said {
    match line.command.as_str() {
        "list" => return reading::list(host, line.flag("full")),
        "help" => return Said::default(),
        _ => {}
    }
    let Some(vm) = host.vm(&line.id) else { return not_there(host, line) };
    match line.command.as_str() {
        "status" | "config" | "pending" | "showcmd" | "monitor" | "listsnapshot" => reading::read(host, &vm, line),
        "guest cmd" => agent::cmd(host, &vm, line),
        "guest exec" => agent::exec(host, &vm, line),
        "guest exec-status" => agent::exec_status(host, &vm, line),
        _ => acting::act(host, &vm, line),
    }
}

/// A guest that the node has not. Another node's, a container's and nobody's id are the same to `qm`.
fn not_there(host: &Host, line: &Line) -> Said {
    let (id, node) = (&line.id, &host.name);
    let no_file = format!("Configuration file 'nodes/{node}/qemu-server/{id}.conf' does not exist");
    let unable = format!("unable to find configuration file for VM {id} on node '{node}'");
    match line.command.as_str() {
        "start" => Said::wrong(255, &no_file),
        "shutdown" => Said::wrong(255, &format!("{unable}\n\n{unable}")),
        "reboot" => Said::wrong(2, &format!("{unable}\n\n{unable}")),
        "stop" => Said::wrong(255, &unable),
        "reset" | "suspend" | "resume" | "wait" => Said::wrong(2, &unable),
        _ => Said::wrong(2, &no_file),
    }
}
