//! Proxmox's `qm` (qemu-server 8.4 and 9.2): its texts, streams and exit codes, and what its commands do to a guest over
//! time. Held against recordings of the real one by `tests/conformance`.

mod acting;
mod agent;
mod json;
mod reading;
mod usage;

pub(super) use acting::{Call, long};
use usage::Line;

use super::machine::Machine;
use super::{Caller, Lab, Said, err, say};
use crate::machine::{Datum, Reply, Run};

/// What a call of `qm` costs, in milliseconds: Perl, before it looks at anything.
const QM: u64 = 500;

impl Lab {
    /// `qm`, as far as it can be answered at once; what waits for locks or guests is begun, and answers later.
    pub(super) fn qm(&mut self, run: &Run, caller: Caller) {
        let mut words = run.argv[1..].to_vec();
        let is_narrow = run.env.iter().any(|(name, value)| name == "LC_ALL" && *value == Datum::Text("C".to_string()));
        if is_narrow {
            words.iter_mut().for_each(|word| *word = narrow(word));
        }
        let said = match usage::read(&words) {
            _ if self.machines.get(&run.host).is_some_and(|host| host.cluster_down) => no_cluster_file_system(),
            Err(said) => said,
            Ok(line) => match self.qm_line(run, line, &caller) {
                Some(said) => said,
                None => return,
            },
        };
        self.says(caller, said);
    }

    fn qm_line(&mut self, run: &Run, line: Line, caller: &Caller) -> Option<Said> {
        match line.command.as_str() {
            "list" => return Some(say(QM, self.qm_list(&run.host, line.flag("full")))),
            "help" => return Some(say(QM, Reply::default())),
            _ => {}
        }
        let found = self.by_identity(&run.host, &line.id).filter(|name| !self.machines[name].is_container());
        let Some(name) = found else { return Some(not_there(&run.host, &line)) };
        let release = self.machines.get(&run.host).map_or(9, |host| host.release);
        match line.command.as_str() {
            "start" | "shutdown" | "stop" | "reboot" | "reset" | "suspend" | "resume" | "set" | "unlock"
            | "destroy" | "template" | "wait" | "snapshot" | "delsnapshot" | "rollback" | "clone" | "migrate"
            | "disk move" | "disk resize" => {
                self.qm_acts(&run.host, name, line, caller.clone());
                None
            }
            "guest cmd" => Some(self.guest_cmd(&name, &line)),
            "guest exec" => Some(self.guest_exec(run, &name, &line, release)),
            "guest exec-status" => Some(self.guest_exec_status(&name, &line)),
            _ => {
                let machine = self.machines.get(&name)?;
                Some(reading::read(machine, &line, run, release, self.now))
            }
        }
    }
}

/// A guest that the node has not. Another node's, a container's and nobody's id are the same to `qm`.
fn not_there(node: &str, line: &Line) -> Said {
    let id = &line.id;
    let no_file = format!("Configuration file 'nodes/{node}/qemu-server/{id}.conf' does not exist");
    let unable = format!("unable to find configuration file for VM {id} on node '{node}'");
    let (code, text) = match line.command.as_str() {
        "start" => (255, no_file),
        "shutdown" => (255, format!("{unable}\n\n{unable}")),
        "reboot" => (2, format!("{unable}\n\n{unable}")),
        "stop" => (255, unable),
        "reset" | "suspend" | "resume" | "wait" => (2, unable),
        _ => (2, no_file),
    };
    say(QM, err(code, &text))
}

/// The cluster file system is down: `qm` reads its rights from there.
fn no_cluster_file_system() -> Said {
    let lines: String = (1..=3).map(|n| format!("ipcc_send_rec[{n}] failed: Connection refused\n")).collect();
    say(QM, err(111, &format!("{lines}Unable to load access control list: Connection refused")))
}

/// What Perl makes of a word where the locale knows no other letters than ASCII's.
fn narrow(word: &str) -> String {
    word.chars().map(|c| if c.is_ascii() { c.to_string() } else { "\u{fffd}".repeat(c.len_utf8()) }).collect()
}

/// The lock file of a guest.
fn lock_file(id: &str) -> String {
    format!("/var/lock/qemu-server/lock-{id}.conf")
}

/// Whether the guest agent is asked before ACPI is.
fn agent_is_configured(machine: &Machine) -> bool {
    machine.agent_set && !machine.agent_off
}
