//! What `qm` does: it waits for the guest's lock file, asks the guest or its QEMU, waits for what comes of it, and says how
//! that ended (PVE::QemuServer, `vm_start`, `vm_stop`, `vm_reboot` and their callers).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use testbed::qmp::Silence;

use crate::agent::ping;
use crate::host::{Host, MONITOR, Vm, lives};
use crate::tasks::Task;
use crate::usage::Line;
use crate::{Said, err, out};

/// How long a guest has to shut down, where nobody says otherwise: pressed by its button, or asked by its agent.
const BUTTON: Duration = Duration::from_secs(60);
const ASKED: Duration = Duration::from_secs(600);

/// From SIGTERM to SIGKILL, and from there to where nobody waits any more.
const TERMINATES: Duration = Duration::from_secs(10);
const KILLED: Duration = Duration::from_secs(5);

pub(crate) fn act(host: &Host, vm: &Vm, line: &Line) -> Said {
    let kind = match line.command.as_str() {
        "start" => Some("qmstart"),
        "stop" => Some("qmstop"),
        "shutdown" => Some("qmshutdown"),
        "reboot" => Some("qmreboot"),
        "reset" => Some("qmreset"),
        "suspend" => Some("qmpause"),
        "resume" => Some("qmresume"),
        "destroy" => Some("qmdestroy"),
        "template" => Some("qmtemplate"),
        "set" | "unlock" | "wait" | "cleanup" => None,
        other => return Said::wrong(255, &format!("the testbed's qm has no `{other}`")),
    };
    let id = &vm.id;
    let running = vm.pid();
    let not_running = format!("VM {id} not running");
    let mut verb = line.command.as_str();
    match verb {
        "shutdown" if running.is_none() => err(&format!("{not_running}\n\n")),
        "reboot" if running.is_none() => return Said::wrong(2, &format!("{not_running}\n\n{not_running}")),
        "reset" | "suspend" | "resume" if running.is_none() => return Said::wrong(2, &not_running),
        "destroy" if running.is_some() => return Said::wrong(25, &format!("VM {id} is running - destroy failed")),
        "wait" => return wait(vm, line, running),
        "shutdown" | "reboot" => match vm.state().as_deref() {
            Some("paused") if line.flag("forceStop") => {
                err("VM is paused - stop instead of shutdown\n");
                verb = "stop";
            }
            Some("paused") => return Said::wrong(29, "VM is paused - cannot shutdown"),
            None => {
                let why = format!("unable to connect to VM {id} qmp socket - timeout after 50 retries");
                err(&format!("VM {id} qmp command 'query-status' failed - {why}\n\n"));
            }
            Some(_) => {}
        },
        _ => {}
    }
    if kind.is_some() {
        ends_by_signal(vm);
    }
    let task = kind.map(|kind| Task::begin(host, kind, id));
    let result = under_lock(host, vm, line, verb);
    if let Some(task) = task {
        task.end(result.as_ref().err().map_or("OK", String::as_str));
    }
    match result {
        Ok(()) => Said::default(),
        Err(why) => Said::wrong(255, &why),
    }
}

/// A signal that asks it to end. One that was to start the guest again does not.
fn ends_by_signal(vm: &Vm) {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    let reboot = vm.reboot_file();
    if signals.thread_block().is_ok() {
        std::thread::spawn(move || {
            if signals.wait().is_ok() {
                let _ = fs::remove_file(reboot);
                err("received interrupt\n");
                std::process::exit(255);
            }
        });
    }
}

fn wait(vm: &Vm, line: &Line, running: Option<u32>) -> Said {
    let Some(pid) = running else { return Said::default() };
    out(&format!("waiting until VM {} stops (PID {pid})\n", vm.id));
    let patience = line.seconds("timeout").unwrap_or(Duration::from_secs(86_400));
    if ends(pid, patience) { Said::default() } else { Said::wrong(25, "wait failed - got timeout") }
}

/// Whether a process ends within that time.
pub(crate) fn ends(pid: u32, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while lives(pid) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

fn under_lock(host: &Host, vm: &Vm, line: &Line, verb: &str) -> Result<(), String> {
    // A worker's warnings are on standard output.
    let is_worker = !matches!(verb, "set" | "unlock");
    let print = |text: &str| if is_worker { out(text) } else { err(text) };
    let held = match vm.try_lock() {
        Some(held) => held,
        None => {
            print("trying to acquire lock...\n");
            let held = vm.wait_lock();
            let held = held.ok_or_else(|| format!("can't lock file '{}' - got timeout", vm.lock_file()))?;
            print(" OK\n");
            held
        }
    };
    // What was waited for may have changed it.
    let mut vm = host.vm(&vm.id).ok_or_else(|| format!("VM {} is gone", vm.id))?;
    let running = vm.pid();
    let lock = vm.get("lock").map(str::to_string).filter(|_| !line.flag("skiplock"));
    // What holds a guest does not matter to whom nothing is to be done: one that is off stays so.
    let matters = match verb {
        "start" => !(running.is_some() && lock.as_deref() == Some("backup")) && lock.as_deref() != Some("suspended"),
        "stop" | "shutdown" => running.is_some(),
        "suspend" | "resume" | "unlock" | "cleanup" => false,
        "set" => !line.options.contains_key("lock"),
        _ => true,
    };
    if verb == "start" && vm.get("template") == Some("1") {
        return Err("you can't start a vm if it's a template".to_string());
    }
    if let Some(lock) = lock.as_ref().filter(|_| matters) {
        return Err(format!("VM is locked ({lock})"));
    }
    let id = vm.id.clone();
    let done = match (verb, running) {
        ("start", Some(_)) if lock.is_some() => monitor(&vm, "cont"),
        ("start", Some(_)) => Err(format!("VM {id} already running")),
        ("start", None) => {
            if !has_quorum() {
                return Err("cluster not ready - no quorum?".to_string());
            }
            let resumes = lock.as_deref() == Some("suspended");
            if resumes {
                out("Resuming suspended VM\n");
                vm.settings.remove("lock");
                vm.save()?;
            }
            start(&id)?;
            if resumes {
                out("Resumed VM, removing state\n");
            }
            Ok(())
        }
        ("reboot", None) => Err(format!("VM {id} not running")),
        ("stop" | "shutdown", None) => Ok(()),
        ("stop", Some(pid)) => {
            let quits = vm.monitor(MONITOR).map_err(|_| ()).map(|mut monitor| {
                // The answer may be lost with QEMU.
                let _ = monitor.ask("quit", Value::Null);
            });
            down(&vm, pid, quits, line.seconds("timeout").unwrap_or(BUTTON), true)
        }
        ("shutdown", Some(pid)) => asks(host, &vm, line, pid),
        ("reboot", Some(pid)) => {
            let flag = vm.reboot_file();
            fs::write(&flag, "").map_err(|error| format!("{}: {error}", flag.display()))?;
            let done = asks(host, &vm, line, pid);
            if done.is_err() {
                let _ = fs::remove_file(flag);
            }
            done
        }
        ("reset", _) => monitor(&vm, "system_reset"),
        ("suspend", _) => monitor(&vm, "stop"),
        ("resume", _) => monitor(&vm, "cont"),
        ("set", _) => set(&mut vm, line),
        ("unlock", _) => {
            vm.settings.remove("lock");
            vm.save()
        }
        ("template", _) => {
            vm.settings.insert("template".to_string(), "1".to_string());
            vm.save()
        }
        ("destroy", _) => fs::remove_file(format!("/etc/pve/qemu-server/{id}.conf")).map_err(|error| error.to_string()),
        // What qmeventd calls when QEMU has gone.
        (_, None) if fs::remove_file(vm.reboot_file()).is_ok() => {
            let task = Task::begin(host, "qmstart", &id);
            let started = start(&id);
            task.end(started.as_ref().err().map_or("OK", String::as_str));
            started
        }
        _ => Ok(()),
    };
    drop(held);
    done
}

fn monitor(vm: &Vm, command: &str) -> Result<(), String> {
    let silent = |_| format!("VM {} qmp command '{command}' failed - got timeout", vm.id);
    vm.monitor(MONITOR).map_err(silent)?.ask(command, Value::Null).map(drop)
}

pub(crate) fn has_quorum() -> bool {
    let members = fs::read_to_string("/etc/pve/.members").unwrap_or_default();
    !members.contains("\"quorate\": 0")
}

/// QEMU is started by a process of its own, which stays with it and says first how that went.
fn start(id: &str) -> Result<(), String> {
    let mut eventd = Command::new("setsid");
    eventd.args(["/usr/sbin/qm", "qmeventd", id]);
    eventd.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = eventd.spawn().map_err(|error| format!("setsid: {error}"))?;
    for said in BufReader::new(child.stdout.take().ok_or("no pipe")?).lines() {
        let said = said.map_err(|error| error.to_string())?;
        match said.strip_prefix("exited ") {
            _ if said == "ok" => return Ok(()),
            Some(code) => return Err(format!("start failed: QEMU exited with code {code}")),
            None => out(&format!("{said}\n")),
        }
    }
    Err("start failed: QEMU exited with code 1".to_string())
}

/// Asks the guest to shut down: its agent, when that answers, else by its button.
fn asks(host: &Host, vm: &Vm, line: &Line, pid: u32) -> Result<(), String> {
    let downs = vm.get("startup").and_then(|value| value.split(',').find_map(|part| part.strip_prefix("down=")));
    let downs = downs.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let patience = line.seconds("timeout").or(downs);
    let agent = if vm.has_agent() { Some(ping(vm)) } else { None };
    let asked = match agent {
        Some(Ok(mut agent)) => match agent.ask("guest-shutdown", Value::Null, patience.unwrap_or(ASKED)) {
            // One that has shut down can not answer; one that answers has not, not yet.
            Ok(_) | Err(Silence::Refused(_)) => Ok(()),
            Err(Silence::Gone) if ends(pid, KILLED) => Ok(()),
            Err(_) => Err(()),
        },
        other => {
            if other.is_some() {
                let asked = if host.release >= 9 { "qga" } else { "qmp" };
                let why = format!("VM {} {asked} command 'guest-ping' failed - got timeout", vm.id);
                out(&format!("QEMU Guest Agent is not running - {why}\n"));
            }
            vm.monitor(MONITOR)
                .map_err(|_| ())
                .and_then(|mut monitor| monitor.ask("system_powerdown", Value::Null).map(drop).map_err(|_| ()))
        }
    };
    down(vm, pid, asked, patience.unwrap_or(BUTTON), line.flag("forceStop"))
}

/// Waits until QEMU has gone. One that was asked in vain is ended by signals, where force is allowed.
fn down(vm: &Vm, pid: u32, asked: Result<(), ()>, patience: Duration, force: bool) -> Result<(), String> {
    let why = match asked {
        // `--timeout 0` asks and fails at once.
        Ok(()) if !patience.is_zero() && ends(pid, patience) => return Ok(()),
        Ok(()) if force => "VM still running",
        Ok(()) => return Err("VM quit/powerdown failed - got timeout".to_string()),
        Err(()) if !lives(pid) => return Ok(()),
        Err(()) if force => "VM quit/powerdown failed",
        Err(()) => return Err("VM quit/powerdown failed".to_string()),
    };
    out(&format!("{why} - terminating now with SIGTERM\n"));
    let process = Pid::from_raw(i32::try_from(pid).unwrap_or_default());
    let _ = kill(process, Signal::SIGTERM);
    if ends(pid, TERMINATES) {
        return Ok(());
    }
    out("VM still running - terminating now with SIGKILL\n");
    let _ = kill(process, Signal::SIGKILL);
    if ends(pid, KILLED) { Ok(()) } else { Err(format!("VM {} does not end", vm.id)) }
}

fn set(vm: &mut Vm, line: &Line) -> Result<(), String> {
    let mut shown = String::new();
    for (key, value) in line.options.iter().filter(|(key, _)| *key != "skiplock") {
        shown.push_str(&format!(" -{key} {value}"));
        if key == "delete" {
            vm.settings.retain(|key, _| !value.split(',').any(|gone| gone == key));
        } else {
            vm.settings.insert(key.clone(), value.clone());
        }
    }
    out(&format!("update VM {}:{shown}\n", vm.id));
    vm.save()
}
