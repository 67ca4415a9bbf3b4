//! The simulated hypervisor: what a driver sees of its guests, and the cluster that keeps some of them.

use super::machine::Machine;
use super::{Change, Lab, Said, err, say};
use crate::machine::{Reply, Run};

/// What a call of `qm` costs, in milliseconds.
const QM: u64 = 500;
/// How long a command waits for a guest's lock file, in milliseconds.
pub(super) const LOCK_FILE: u64 = 10_000;
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
        if self.machines.get(host).is_some_and(|host| !host.quorum) && driver != "libvirt" {
            text.push_str("quorum=no\n");
        }
        if let Some(ha) = &machine.ha {
            text.push_str(&format!("ha={}\n", if ha.is_empty() { "started" } else { ha }));
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
        let is_it = |machine: &&Machine| {
            machine.hypervisor.as_deref() == Some(host) && machine.identity.as_deref() == Some(identity)
        };
        // Where it was when the site was made is looked at first: a site may be large.
        let there = self.identities.get(identity).into_iter().flatten();
        let known = there.filter_map(|name| self.machines.get(name)).find(is_it);
        Some(known.or_else(|| self.machines.values().find(is_it))?.name.clone())
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
}

pub(super) fn seconds(words: &[&str], option: &str) -> Option<u64> {
    let at = words.iter().position(|word| *word == option)?;
    words.get(at + 1)?.parse::<u64>().ok().map(|seconds| seconds * 1000)
}
