//! The simulated hypervisor: Proxmox's `qm`, with the texts and exit codes of the real one (qemu-server 8.4 and 9.2).

use super::{Change, Lab};
use crate::machine::{Reply, Run};

/// What a call of `qm` costs, in milliseconds.
const QM: u64 = 500;
/// How long a guest takes to shut down, in milliseconds.
const SHUTDOWN: u64 = 6_000;
/// How long qmeventd takes to start a guest again after `qm reboot`, in milliseconds.
const AGAIN: u64 = 900;
/// How long a dead agent is waited for, in milliseconds.
const PING: u64 = 3_000;

impl Lab {
    /// What a driver's look prints for a guest.
    pub(super) fn look(&self, host: &str, guest: &str, identity: &str) -> String {
        let found = self.by_identity(host, identity);
        let Some(machine) = found.and_then(|name| self.machines.get(&name)) else {
            let elsewhere = self.machines.get(guest).and_then(|machine| machine.hypervisor.as_ref());
            return match elsewhere {
                Some(node) if node != host => format!("found=no\nnode={node}\n"),
                _ => "found=no\n".to_string(),
            };
        };
        let mut text = format!("found=yes\nkind=vm\nname={}\n", machine.guest_name);
        if let Some(uuid) = &machine.uuid {
            text.push_str(&format!("uuid={uuid}\n"));
        }
        if machine.template {
            text.push_str("template=yes\n");
        }
        if let Some(lock) = &machine.lock {
            text.push_str(&format!("lock={lock}\n"));
        }
        match machine.running {
            true => text.push_str(&format!("power=running\nprocess={}\n", machine.process())),
            false => text.push_str("power=stopped\n"),
        }
        text
    }

    fn by_identity(&self, host: &str, identity: &str) -> Option<String> {
        let machine = self.machines.values().find(|machine| {
            machine.hypervisor.as_deref() == Some(host) && machine.identity.as_deref() == Some(identity)
        })?;
        Some(machine.name.clone())
    }

    pub(super) fn qm(&mut self, run: &Run) -> (u64, Reply) {
        let words: Vec<&str> = run.argv.iter().skip(1).map(String::as_str).collect();
        let (command, rest) = match words.as_slice() {
            ["guest", second, rest @ ..] => (format!("guest {second}"), rest),
            [first, rest @ ..] => ((*first).to_string(), rest),
            [] => return (QM, err(255, "ERROR: no command specified")),
        };
        if command == "list" {
            return (QM, self.qm_list(&run.host));
        }
        let Some(id) = rest.first().copied() else { return (QM, err(255, "400 not enough arguments")) };
        let Some(name) = self.by_identity(&run.host, id) else {
            let text = format!("Configuration file 'nodes/{}/qemu-server/{id}.conf' does not exist", run.host);
            return (QM, err(2, &text));
        };
        let Some(machine) = self.machines.get(&name).cloned() else { return (QM, err(255, "")) };
        let timeout = seconds(rest, "--timeout").unwrap_or(60_000);
        let changes =
            matches!(command.as_str(), "start" | "stop" | "shutdown" | "reboot" | "reset" | "set" | "suspend");
        if let (true, Some(lock)) = (changes && (machine.running || command == "start"), &machine.lock) {
            return (QM, err(255, &format!("VM is locked ({lock})")));
        }
        match command.as_str() {
            "status" => (QM, out(if machine.running { "status: running" } else { "status: stopped" })),
            "config" => (QM, out(&format!("agent: 1\ncores: 2\nmemory: 2048\nname: {}", machine.guest_name))),
            "agent" | "guest cmd" => {
                if !machine.running {
                    return (QM, err(2, &format!("VM {id} is not running")));
                }
                match machine.agent_answers {
                    true if rest.get(1) == Some(&"info") => (
                        QM,
                        out(
                            "{\n   \"supported_commands\" : [\n      {\n         \"enabled\" : true,\n         \"name\" : \"guest-shutdown\",\n         \"success-response\" : false\n      }\n   ],\n   \"version\" : \"8.2.2\"\n}",
                        ),
                    ),
                    true => (QM, Reply::default()),
                    false => (QM + PING, err(255, "QEMU guest agent is not running")),
                }
            }
            "guest exec" => match machine.agent_answers {
                true => (QM, out("{\n   \"exitcode\" : 0,\n   \"exited\" : 1\n}")),
                false => (QM + PING, err(255, "QEMU guest agent is not running")),
            },
            "start" => {
                if machine.running {
                    return (QM, err(255, &format!("VM {id} already running")));
                }
                self.change(QM, &name, Change::On);
                (QM * 2, Reply::default())
            }
            "stop" => {
                self.change(QM, &name, Change::Off);
                (QM * 2, Reply::default())
            }
            "shutdown" | "reboot" => {
                if !machine.running {
                    let text = format!("VM {id} not running");
                    return (
                        QM,
                        if command == "reboot" {
                            err(2, &text)
                        } else {
                            Reply { stderr: text + "\n", ..Reply::default() }
                        },
                    );
                }
                let ping = if machine.agent_answers { 0 } else { PING };
                if !machine.obeys || SHUTDOWN > timeout {
                    return (QM + ping + timeout, err(255, "VM quit/powerdown failed - got timeout"));
                }
                let off = QM + ping + SHUTDOWN;
                self.change(off, &name, Change::Off);
                if command == "reboot" && machine.starts_again {
                    self.change(off + AGAIN, &name, Change::On);
                }
                (off + 100, Reply::default())
            }
            "reset" => {
                if !machine.running {
                    return (QM, err(2, &format!("VM {id} not running")));
                }
                self.change(QM, &name, Change::Off);
                self.change(QM + 1, &name, Change::On);
                (QM * 2, Reply::default())
            }
            _ => (QM, Reply::default()),
        }
    }

    fn qm_list(&self, host: &str) -> Reply {
        let mut rows: Vec<String> = Vec::new();
        for machine in self.machines.values().filter(|machine| machine.hypervisor.as_deref() == Some(host)) {
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

fn seconds(words: &[&str], option: &str) -> Option<u64> {
    let at = words.iter().position(|word| *word == option)?;
    words.get(at + 1)?.parse::<u64>().ok().map(|seconds| seconds * 1000)
}

/// Success with a line of output.
pub(super) fn out(text: &str) -> Reply {
    Reply { stdout: format!("{text}\n"), ..Reply::default() }
}

/// Failure with a line of stderr.
pub(super) fn err(code: i32, text: &str) -> Reply {
    Reply { code, stderr: format!("{text}\n"), ..Reply::default() }
}
