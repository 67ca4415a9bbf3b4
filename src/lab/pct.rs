//! Containers of Proxmox: `pct` and `lxc-attach`.

use super::hypervisor::seconds;
use super::{COMMAND, Change, Lab, Said, err, not_known, out, say};
use crate::machine::{Reply, Run};

/// What a call of `pct` costs, in milliseconds.
const PCT: u64 = 600;
/// How long a container takes to shut down, in milliseconds.
const CONTAINER: u64 = 2_000;

impl Lab {
    pub(super) fn pct(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().skip(1).map(String::as_str).collect();
        let (command, rest) = match words.as_slice() {
            [first, rest @ ..] => (*first, rest),
            [] => return say(PCT, err(255, "ERROR: no command specified")),
        };
        let Some(id) = rest.first().copied() else { return say(PCT, err(255, "400 not enough arguments")) };
        let found = self.by_identity(&run.host, id).filter(|name| self.machines[name].is_container());
        let Some(name) = found else {
            let text = format!("Configuration file 'nodes/{}/lxc/{id}.conf' does not exist", run.host);
            return say(PCT, err(2, &text));
        };
        let Some(machine) = self.machines.get(&name).cloned() else { return say(PCT, err(255, "")) };
        let acts = matches!(command, "start" | "stop" | "shutdown" | "reboot");
        let waited = match self.wait_for_file(&machine, &format!("/run/lock/lxc/pve-config-{id}.lock")) {
            Ok(waited) if acts => waited,
            Ok(_) => 0,
            Err(said) if acts => return said,
            Err(_) => 0,
        };
        if let (true, Some(lock)) = (acts, &machine.lock) {
            return say(waited + PCT, err(255, &format!("CT is locked ({lock})")));
        }
        let timeout = seconds(rest, "--timeout").unwrap_or(60_000);
        let said = match command {
            "status" => say(PCT, out(if machine.running { "status: running" } else { "status: stopped" })),
            "start" if machine.running => say(PCT, err(255, &format!("CT {id} already running"))),
            "start" => {
                self.change(waited + PCT, &name, Change::On);
                say(PCT * 2, Reply::default())
            }
            "stop" | "shutdown" if !machine.running => say(PCT, err(255, &format!("CT {id} not running"))),
            "reboot" if !machine.running => say(PCT, err(255, &format!("VM {id} not running"))),
            "stop" => {
                self.change(waited + PCT, &name, Change::Off(machine.boot));
                say(PCT * 2, Reply::default())
            }
            "shutdown" if !machine.obeys => say(PCT + timeout, err(255, "container did not stop")),
            "shutdown" => {
                self.change(waited + PCT + CONTAINER, &name, Change::Off(machine.boot));
                say(PCT + CONTAINER + 200, Reply::default())
            }
            "reboot" => {
                let off = if machine.obeys { CONTAINER } else { timeout };
                self.change(waited + PCT + off, &name, Change::Off(machine.boot));
                self.change(waited + PCT + off + 500, &name, Change::On);
                say(PCT + off + 1_000, Reply::default())
            }
            _ => not_known(run),
        };
        if acts && let Some(machine) = self.machines.get_mut(&name) {
            machine.busy_until = self.now + waited + said.takes;
        }
        Said { takes: waited + said.takes, ..said }
    }

    /// `lxc-attach -n ID -- COMMAND`
    pub(super) fn lxc_attach(&self, run: &Run) -> Said {
        let id = run.argv.iter().skip_while(|word| *word != "-n").nth(1).map(String::as_str).unwrap_or_default();
        let machine = self.by_identity(&run.host, id).and_then(|name| self.machines.get(&name));
        match machine {
            Some(machine) if machine.running && machine.is_container() => say(COMMAND, Reply::default()),
            _ => say(
                COMMAND,
                err(
                    1,
                    &format!(
                        "lxc-attach: {id}: ../src/lxc/attach.c: get_attach_context: 406 Connection refused - Failed to get init pid"
                    ),
                ),
            ),
        }
    }
}
