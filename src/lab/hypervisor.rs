//! The simulated hypervisor: Proxmox's `qm` and `ha-manager`, with the texts and exit codes of the real ones
//! (qemu-server 8.4 and 9.2).

use super::machine::Machine;
use super::{Change, Lab, Said, err, out, say};
use crate::machine::{Reply, Run};

/// What a call of `qm` costs, in milliseconds.
const QM: u64 = 500;
/// How long qmeventd takes to start a guest again after `qm reboot`, in milliseconds.
const AGAIN: u64 = 900;
/// How long a dead agent is waited for, in milliseconds.
const PING: u64 = 3_000;
/// How long a command waits for a guest's lock file, in milliseconds.
pub(super) const LOCK_FILE: u64 = 10_000;
/// When qmeventd cleans up after a guest that went off, in milliseconds.
const CLEANUP: u64 = 1_500;
/// How long that cleanup waits for a guest that runs again, in milliseconds (since 9.1.13).
const CLEANUP_HOLDS: u64 = 30_000;
/// How long the cluster takes to act on what was asked of it, in milliseconds.
const CLUSTER: u64 = 10_000;
/// How long after a hard stop QEMU is gone, in milliseconds.
const KILL: u64 = 500;

impl Lab {
    /// What a driver's look prints for a guest.
    pub(super) fn look(&self, host: &str, guest: &str, driver: &str, identity: &str) -> String {
        let found = self.by_identity(host, identity).and_then(|name| self.machines.get(&name));
        let Some(machine) = found else {
            let elsewhere = self.machines.get(guest).and_then(|machine| machine.hypervisor.as_ref());
            return match elsewhere {
                Some(node) if node != host => format!("found=no\nnode={node}\n"),
                _ => "found=no\n".to_string(),
            };
        };
        if machine.is_container() && driver != "proxmox_ct" {
            return "found=no\nkind=container\n".to_string();
        }
        if !machine.is_container() && driver == "proxmox_ct" {
            return "found=no\nkind=vm\n".to_string();
        }
        let kind = if machine.is_container() { "container" } else { "vm" };
        let mut text = format!("found=yes\nkind={kind}\nname={}\n", machine.guest_name);
        if let Some(uuid) = &machine.uuid {
            text.push_str(&format!("uuid={uuid}\n"));
        }
        if machine.template {
            text.push_str("template=yes\n");
        }
        if let Some(lock) = &machine.lock {
            text.push_str(&format!("lock={lock}\n"));
        }
        if let Some(ha) = &machine.ha {
            text.push_str(&format!("ha={ha}\n"));
        }
        // A halted QEMU is a process like any other, as far as the files of its hypervisor tell.
        match (machine.running, machine.paused, driver) {
            (false, _, _) => text.push_str("power=stopped\n"),
            (true, true, "libvirt" | "proxmox_ct") => {
                text.push_str(&format!("power=paused\nprocess={}\n", machine.process()));
            }
            (true, ..) => text.push_str(&format!("power=running\nprocess={}\n", machine.process())),
        }
        text
    }

    /// What a driver's list of guests prints on a hypervisor; nothing for another script.
    pub(super) fn guest_list(&self, script: &str, host: &str) -> Option<String> {
        let driver = match script {
            "guest_list" => "proxmox",
            "guest_list_ct" => "proxmox_ct",
            "guest_list_libvirt" => "libvirt",
            _ => return None,
        };
        let mut lines = String::new();
        for machine in self.machines.values().filter(|machine| machine.driver == driver && !machine.template) {
            let (Some(hypervisor), Some(id)) = (&machine.hypervisor, &machine.identity) else { continue };
            let is_here = hypervisor == host;
            if is_here || driver != "libvirt" {
                let node = if is_here { "-" } else { hypervisor };
                let name = if driver == "libvirt" { id } else { &machine.guest_name };
                lines.push_str(&format!("{id}\t{node}\t{name}\n"));
            }
        }
        Some(lines)
    }

    pub(super) fn by_identity(&self, host: &str, identity: &str) -> Option<String> {
        let machine = self.machines.values().find(|machine| {
            machine.hypervisor.as_deref() == Some(host) && machine.identity.as_deref() == Some(identity)
        })?;
        Some(machine.name.clone())
    }

    /// How long a command waits for the guest's lock file, or what it says when it gives up.
    pub(super) fn wait_for_file(&self, machine: &Machine, file: &str) -> Result<u64, Said> {
        let busy = machine.busy_until.saturating_sub(self.now);
        if busy <= LOCK_FILE {
            return Ok(busy);
        }
        let reply = Reply {
            code: 255,
            stdout: "trying to acquire lock...\n".to_string(),
            stderr: format!("can't lock file '{file}' - got timeout\n"),
            ..Reply::default()
        };
        Err(say(QM + LOCK_FILE, reply))
    }

    pub(super) fn qm(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().skip(1).map(String::as_str).collect();
        let (command, rest) = match words.as_slice() {
            ["guest", second, rest @ ..] => (format!("guest {second}"), rest),
            ["agent", rest @ ..] => ("guest cmd".to_string(), rest),
            [first, rest @ ..] => ((*first).to_string(), rest),
            [] => return say(QM, err(255, "ERROR: no command specified")),
        };
        if command == "list" {
            return say(QM, self.qm_list(&run.host));
        }
        let Some(id) = rest.first().copied() else { return say(QM, err(255, "400 not enough arguments")) };
        let found = self.by_identity(&run.host, id).filter(|name| !self.machines[name].is_container());
        let Some(name) = found else {
            let text = format!("Configuration file 'nodes/{}/qemu-server/{id}.conf' does not exist", run.host);
            return say(QM, err(2, &text));
        };
        let Some(machine) = self.machines.get(&name).cloned() else { return say(QM, err(255, "")) };
        match command.as_str() {
            "status" => {
                let state = match (machine.running, machine.paused) {
                    (false, _) => "stopped",
                    (true, true) => "paused",
                    (true, false) => "running",
                };
                say(QM, out(&format!("status: {state}")))
            }
            "config" => say(QM, out(&config(&machine, rest.contains(&"--current")))),
            "guest cmd" => say_agent(&machine, id, rest),
            "guest exec" => match agent_error(&machine, id) {
                Some(said) => said,
                None => say(QM, out("{\n   \"exitcode\" : 0,\n   \"exited\" : 1\n}")),
            },
            "start" | "stop" | "shutdown" | "reboot" | "reset" | "suspend" | "resume" | "set" => {
                self.qm_acts(&run.host, &name, &machine, &command, id, rest)
            }
            _ => say(QM, Reply::default()),
        }
    }

    /// The commands that take the guest's lock.
    fn qm_acts(&mut self, host: &str, name: &str, machine: &Machine, command: &str, id: &str, rest: &[&str]) -> Said {
        if let Some(state) = machine.ha.clone().filter(|_| matches!(command, "start" | "stop" | "shutdown")) {
            let wanted = if command == "start" { "started" } else { "stopped" };
            let timeout = if command == "stop" { 0 } else { seconds(rest, "--timeout").unwrap_or(60_000) };
            let verb = if command == "start" { "start" } else { "stop" };
            if state != wanted {
                self.cluster(name, wanted, timeout);
            }
            return say(QM * 2, out(&format!("Requesting HA {verb} for VM {id}")));
        }
        let waited = match self.wait_for_file(machine, &format!("/var/lock/qemu-server/lock-{id}.conf")) {
            Ok(waited) => waited,
            Err(said) => return said,
        };
        // A lock in the configuration stops what would change a running guest, and the start of one that is off.
        let is_held = machine.running != (command == "start") && !matches!(command, "suspend" | "resume");
        if let (true, Some(lock)) = (is_held, &machine.lock) {
            return say(waited + QM, err(255, &format!("VM is locked ({lock})")));
        }
        let boot = machine.boot;
        let ping = if machine.agent_answers || !machine.agent_set { 0 } else { PING };
        let (off, timeout) = (machine.shutdown_takes, seconds(rest, "--timeout").unwrap_or(60_000));
        let gone = |text: &str| Reply { stderr: format!("{text}\n\n"), ..Reply::default() };
        let said = match command {
            "start" if machine.template => say(QM, err(255, "you can't start a vm if it's a template")),
            "start" if machine.running => say(QM, err(255, &format!("VM {id} already running"))),
            "start" => {
                self.change(waited + QM, name, Change::On);
                let at_once = machine.off_at.is_some_and(|at| self.now + waited < at + CLEANUP);
                if at_once && self.machines.get(host).is_some_and(|host| host.cleanup_holds_lock) {
                    let until = self.now + waited + QM + CLEANUP_HOLDS;
                    if let Some(machine) = self.machines.get_mut(name) {
                        machine.busy_until = until;
                    }
                    return say(waited + QM * 2, Reply::default());
                }
                say(QM * 2, Reply::default())
            }
            "stop" if !machine.running => say(QM, Reply::default()),
            "stop" => {
                self.change(waited + KILL, name, Change::Off(boot));
                say(QM * 2, Reply::default())
            }
            "reboot" if !machine.running => say(QM, err(2, &format!("VM {id} not running"))),
            "shutdown" if !machine.running => say(QM, gone(&format!("VM {id} not running"))),
            "shutdown" | "reboot" if machine.paused => say(QM, err(29, "VM is paused - cannot shutdown")),
            "shutdown" | "reboot" => {
                let mut said = if machine.obeys && off <= timeout {
                    self.change(waited + QM + ping + off, name, Change::Off(boot));
                    if command == "reboot" && machine.starts_again {
                        self.change(waited + QM + ping + off + AGAIN, name, Change::On);
                    }
                    say(QM + ping + off + 100, Reply::default())
                } else if flag(rest, "--forceStop") {
                    self.change(waited + QM + ping + timeout + KILL, name, Change::Off(boot));
                    let text = "VM still running - terminating now with SIGTERM";
                    say(QM + ping + timeout + KILL + 100, out(text))
                } else {
                    if machine.obeys {
                        // What was asked stays asked: the guest goes off later, and nobody starts it.
                        self.change(waited + QM + ping + off, name, Change::Off(boot));
                    }
                    say(QM + ping + timeout, err(255, "VM quit/powerdown failed - got timeout"))
                };
                if ping > 0 {
                    let text = format!(
                        "QEMU Guest Agent is not running - VM {id} qga command 'guest-ping' failed - got timeout\n"
                    );
                    said.reply.stdout.insert_str(0, &text);
                }
                said
            }
            "reset" if !machine.running => say(QM, err(2, &format!("VM {id} not running"))),
            "reset" => {
                self.change(waited + QM, name, Change::Reset);
                say(QM * 2, Reply::default())
            }
            "suspend" => {
                self.change(waited + QM, name, Change::Pause);
                say(QM * 2, Reply::default())
            }
            "resume" => {
                self.change(waited + QM, name, Change::Resume);
                say(QM * 2, Reply::default())
            }
            _ => {
                let agent = rest.iter().position(|word| *word == "--agent").and_then(|at| rest.get(at + 1));
                if let (Some(value), Some(machine)) = (agent, self.machines.get_mut(name)) {
                    machine.agent_set = !value.starts_with('0');
                }
                let settings: Vec<String> = rest[1..].iter().map(|word| word.replacen("--", "-", 1)).collect();
                say(QM, out(&format!("update VM {id}: {}", settings.join(" "))))
            }
        };
        if let Some(machine) = self.machines.get_mut(name) {
            machine.busy_until = self.now + waited + said.takes;
        }
        Said { takes: waited + said.takes, ..said }
    }

    /// The cluster acts on a state that was asked for. It stops a guest that does not shut down in its time.
    pub(super) fn cluster(&mut self, name: &str, state: &str, timeout: u64) {
        let Some(machine) = self.machines.get_mut(name) else { return };
        machine.ha = Some(state.to_string());
        let (boot, running) = (machine.boot, machine.running);
        let off = if machine.obeys { machine.shutdown_takes.min(timeout) } else { timeout };
        match state {
            "started" if !running => self.change(CLUSTER, name, Change::On),
            "stopped" if running => self.change(CLUSTER + off + KILL, name, Change::Off(boot)),
            _ => {}
        }
    }

    pub(super) fn ha_manager(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().skip(1).map(String::as_str).collect();
        let (id, state, timeout) = match words.as_slice() {
            ["crm-command", "stop", id, timeout, ..] => {
                (*id, "stopped", timeout.parse::<u64>().map_or(60_000, |seconds| seconds * 1000))
            }
            ["set", id, "--state", state, ..] => (*id, *state, 60_000),
            _ => return say(QM, Reply::default()),
        };
        let Some(name) = self.by_identity(&run.host, id) else {
            return say(QM, err(255, &format!("no such resource 'vm:{id}'")));
        };
        self.cluster(&name, state, timeout);
        say(QM * 2, Reply::default())
    }

    fn qm_list(&self, host: &str) -> Reply {
        let mut rows: Vec<String> = Vec::new();
        let mine = |machine: &&Machine| machine.hypervisor.as_deref() == Some(host) && !machine.is_container();
        for machine in self.machines.values().filter(mine) {
            let state = if machine.running { "running" } else { "stopped" };
            let id = machine.identity.clone().unwrap_or_default();
            rows.push(format!("{id:>10} {:<20} {state:<10} 2048              32.00 0         ", machine.guest_name));
        }
        rows.sort();
        if rows.is_empty() {
            return Reply::default();
        }
        rows.insert(0, "      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID       ".to_string());
        out(&rows.join("\n"))
    }
}

fn config(machine: &Machine, current: bool) -> String {
    let agent = if current { machine.agent_device } else { machine.agent_set };
    let mut lines: Vec<String> = Vec::new();
    if agent {
        lines.push("agent: 1".to_string());
    }
    lines.extend(["boot:  ", "cores: 2", "memory: 2048"].map(str::to_string));
    lines.push(format!("name: {}", machine.guest_name));
    lines.push("ostype: l26".to_string());
    lines.join("\n")
}

/// Why the agent can not be asked.
fn agent_error(machine: &Machine, id: &str) -> Option<Said> {
    if !machine.agent_set {
        return Some(say(QM, err(255, "No QEMU guest agent configured")));
    }
    if !machine.running {
        return Some(say(QM, err(2, &format!("VM {id} is not running"))));
    }
    (!machine.agent_answers).then(|| say(QM + PING, err(255, "QEMU guest agent is not running")))
}

fn say_agent(machine: &Machine, id: &str, rest: &[&str]) -> Said {
    if let Some(said) = agent_error(machine, id) {
        return said;
    }
    match rest.get(1) {
        Some(&"info") => say(QM, out(&agent_info(machine))),
        Some(&"get-host-name") => say(QM, out(&format!("{{\n   \"host-name\" : \"{}\"\n}}", machine.name))),
        Some(&"fsfreeze-status") => say(QM, out("thawed")),
        _ => say(QM, Reply::default()),
    }
}

/// What the agent offers, as `qm guest cmd ID info` prints it.
pub(super) fn agent_info(machine: &Machine) -> String {
    let command = |name: &str, enabled: bool| {
        format!(
            "      {{\n         \"enabled\" : {enabled},\n         \"name\" : \"{name}\",\n         \"success-response\" : {}\n      }}",
            name != "guest-shutdown"
        )
    };
    let commands = [
        command("guest-exec", true),
        command("guest-ping", true),
        command("guest-shutdown", !machine.agent_refuses_shutdown),
    ];
    format!("{{\n   \"supported_commands\" : [\n{}\n   ],\n   \"version\" : \"8.2.2\"\n}}", commands.join(",\n"))
}

pub(super) fn seconds(words: &[&str], option: &str) -> Option<u64> {
    let at = words.iter().position(|word| *word == option)?;
    words.get(at + 1)?.parse::<u64>().ok().map(|seconds| seconds * 1000)
}

fn flag(words: &[&str], option: &str) -> bool {
    let at = words.iter().position(|word| *word == option);
    at.is_some_and(|at| words.get(at + 1) != Some(&"0"))
}
