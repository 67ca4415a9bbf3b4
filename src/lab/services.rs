//! systemd on the machines of the simulated site.

use super::machine::{Machine, Unit};
use super::{COMMAND, Change, Lab, Said, err, out, say};
use crate::machine::{Reply, Run};

/// How long a service takes to start, in milliseconds.
const START: u64 = 900;
/// How long after its question a machine goes down, and comes back.
const DOWN: u64 = 3_000;
const BACK: u64 = 8_000;

impl Lab {
    pub(super) fn systemctl(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().skip(1).map(String::as_str).collect();
        let mut plain = words.iter().copied().filter(|word| !word.starts_with('-'));
        let verb = plain.next().unwrap_or_default();
        let units: Vec<&str> = plain.map(|unit| unit.strip_suffix(".service").unwrap_or(unit)).collect();
        let Some(machine) = self.machines.get_mut(&run.host) else { return say(0, err(127, "no such host")) };
        let boot = machine.boot;
        match verb {
            "reboot" | "soft-reboot" | "kexec" => return self.restart_itself(run),
            "poweroff" | "halt" => {
                self.change(DOWN, &run.host, Change::Off(boot));
                return say(COMMAND, Reply::default());
            }
            "is-system-running" => {
                let all_run = machine.services.values().all(|unit| unit.active || !unit.enabled);
                return match all_run {
                    true => say(COMMAND, out("running")),
                    false => say(COMMAND, Reply { code: 1, stdout: "degraded\n".to_string(), ..Reply::default() }),
                };
            }
            "daemon-reload" => {
                machine.agent_poweroff_loaded = machine.agent_poweroff.is_some();
                return say(400, Reply::default());
            }
            "show" if units.contains(&"qemu-guest-agent") => {
                let text = match machine.agent_poweroff_loaded {
                    true => {
                        "ExecStopPost={ path=/usr/sbin/qemu-ga ; argv[]=/usr/sbin/qemu-ga --shutdown ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
                    }
                    false => "",
                };
                return say(COMMAND, out(text));
            }
            _ => {}
        }
        let mut said = say(COMMAND, Reply::default());
        for unit in units {
            let one = match unit {
                "qemu-guest-agent" => agent_service(machine, verb),
                unit => service(machine, unit, verb),
            };
            said.takes = said.takes.max(one.takes);
            said.reply.stdout.push_str(&one.reply.stdout);
            said.reply.stderr.push_str(&one.reply.stderr);
            said.reply.code = said.reply.code.max(one.reply.code);
            if unit == "qemu-guest-agent" && machine.agent_poweroff_loaded && matches!(verb, "stop" | "restart") {
                // `ExecStopPost=… qemu-ga --shutdown`: the agent's end is the machine's.
                machine.agent_answers = false;
                self.change(2_000, &run.host, Change::Off(boot));
                break;
            }
        }
        said
    }

    /// A machine that restarts itself, on bare metal or as a hypervisor.
    pub(super) fn restart_itself(&mut self, run: &Run) -> Said {
        let Some(machine) = self.machines.get(&run.host) else { return say(0, err(127, "no such host")) };
        let (boot, is_hypervisor) = (machine.boot, machine.is_hypervisor);
        let back = BACK + machine.boot_time();
        self.change(DOWN, &run.host, Change::Off(boot));
        self.change(BACK, &run.host, Change::On);
        if is_hypervisor {
            self.guests_go_down(&run.host, DOWN - 1_000, back);
        }
        say(COMMAND, Reply::default())
    }

    /// A hypervisor's restart takes its guests with it; once it is up, it starts them one after the other.
    pub(super) fn guests_go_down(&mut self, hypervisor: &str, down: u64, back: u64) {
        let guests: Vec<(String, u32, bool)> = self
            .machines
            .values()
            .filter(|machine| machine.hypervisor.as_deref() == Some(hypervisor) && machine.running)
            .map(|machine| (machine.name.clone(), machine.boot, machine.starts_with_host))
            .collect();
        for (i, (guest, boot, starts)) in guests.into_iter().enumerate() {
            self.change(down, &guest, Change::Off(boot));
            if starts {
                self.change(back + 4_000 + 2_000 * i as u64, &guest, Change::On);
            }
        }
    }
}

fn service(machine: &mut Machine, name: &str, verb: &str) -> Said {
    let unit = machine.services.get(name).copied().unwrap_or_default();
    let failed = |starts: bool| match starts {
        true => Reply::default(),
        false => err(
            1,
            &format!(
                "Job for {name}.service failed because the control process exited with error code.\nSee \"systemctl status {name}.service\" and \"journalctl -xeu {name}.service\" for details."
            ),
        ),
    };
    let mut becomes = |unit: Unit| {
        machine.services.insert(name.to_string(), unit);
    };
    match verb {
        "is-active" => match unit.active {
            true => say(COMMAND, out("active")),
            false => say(COMMAND, Reply { code: 3, stdout: "inactive\n".to_string(), ..Reply::default() }),
        },
        "is-enabled" => match unit.enabled {
            true => say(COMMAND, out("enabled")),
            false => say(COMMAND, Reply { code: 1, stdout: "disabled\n".to_string(), ..Reply::default() }),
        },
        "start" | "restart" | "reload-or-restart" => {
            becomes(Unit { active: unit.starts, ..unit });
            say(START, failed(unit.starts))
        }
        "try-restart" => {
            machine.outdated_services.retain(|outdated| outdated.strip_suffix(".service") != Some(name));
            say(START, failed(unit.starts))
        }
        "stop" => {
            becomes(Unit { active: false, ..unit });
            say(START, Reply::default())
        }
        "enable" => {
            becomes(Unit { enabled: true, ..unit });
            say(300, Reply::default())
        }
        "disable" => {
            becomes(Unit { enabled: false, ..unit });
            say(300, Reply::default())
        }
        _ => say(COMMAND, Reply::default()),
    }
}

fn agent_service(machine: &mut Machine, verb: &str) -> Said {
    let installed = machine.has_agent;
    let inactive = || Reply { code: 3, stdout: "inactive\n".to_string(), ..Reply::default() };
    match verb {
        "is-active" if installed && machine.agent_runs => say(COMMAND, out("active")),
        "is-active" => say(COMMAND, inactive()),
        "is-enabled" if !installed => say(
            COMMAND,
            err(1, "Failed to get unit file state for qemu-guest-agent.service: No such file or directory"),
        ),
        "is-enabled" => {
            let code = i32::from(matches!(machine.agent_enabled.as_str(), "disabled" | "masked"));
            say(COMMAND, Reply { code, stdout: format!("{}\n", machine.agent_enabled), ..Reply::default() })
        }
        "enable" => {
            machine.agent_enabled = "enabled".to_string();
            say(300, Reply::default())
        }
        "unmask" => {
            machine.agent_enabled = "static".to_string();
            say(300, Reply::default())
        }
        "start" | "restart" if !installed => {
            say(COMMAND, err(5, "Failed to start qemu-guest-agent.service: Unit qemu-guest-agent.service not found."))
        }
        "start" | "restart" if machine.agent_enabled == "masked" => {
            say(COMMAND, err(1, "Failed to start qemu-guest-agent.service: Unit qemu-guest-agent.service is masked."))
        }
        "start" | "restart" if !machine.agent_device => {
            let text = "A dependency job for qemu-guest-agent.service failed. See 'journalctl -xe' for details.";
            say(90_000, err(1, text))
        }
        "start" | "restart" => {
            machine.agent_runs = true;
            machine.agent_answers = machine.agent_works();
            say(START, Reply::default())
        }
        "stop" => {
            machine.agent_runs = false;
            machine.agent_answers = false;
            say(START, Reply::default())
        }
        _ => say(COMMAND, Reply::default()),
    }
}
