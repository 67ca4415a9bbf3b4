//! The scripts of the standard library: each is known by the comment on its first line.

use super::{COMMAND, Lab, Said, err, not_known, out, say};
use crate::machine::{Reply, Run};

impl Lab {
    pub(super) fn script(&mut self, run: &Run) -> Said {
        let text = run.argv.get(2).map_or("", |script| script.trim_start());
        let name = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().trim();
        let argument = |n: usize| run.argv.get(3 + n).map(String::as_str).unwrap_or_default();
        let now = self.now;
        let download = self.download_size(&run.host);
        let by_id = self.by_identity(&run.host, argument(1)).and_then(|name| self.machines.get(&name)).cloned();
        if let Some(list) = self.guest_list(name, &run.host) {
            return say(COMMAND, Reply { stdout: list, ..Reply::default() });
        }
        if name == "tasks" {
            let began = argument(3).parse().unwrap_or_default();
            return say(COMMAND, out(&self.task_of(&run.host, argument(1), argument(2), began)));
        }
        if name == "dns_query" {
            let server = self.machines.values().find(|machine| machine.address.as_deref() == Some(argument(1)));
            return match server {
                Some(server) if server.ssh && !server.closed_ports.contains(&53) => say(COMMAND, out(&server.answers)),
                _ => say(5_000, err(9, ";; communications error: timed out\n;; no servers could be reached")),
            };
        }
        let Some(machine) = self.machines.get_mut(&run.host) else { return say(0, Reply::default()) };
        let reply = match name {
            "machine" => out(&format!("boot={}\nid={}\nuid=0\nfree={}", machine.boot_id(), machine.name, machine.free)),
            "quorum" | "quorum_ct" => out(if machine.quorum { "quorum=yes" } else { "quorum=no" }),
            "uptime" => out(&format!("{}s", (now.saturating_sub(machine.booted_at) + machine.uptime_before) / 1000)),
            "reboot_reason" => out(&machine.reboot_reason()),
            "apt_lock_holder" => match &machine.package_lock {
                Some((holder, until)) if *until > now => out(holder),
                _ => Reply::default(),
            },
            "apt_interrupted" if machine.dpkg_interrupted => out("dpkg was interrupted"),
            "apt_interrupted" => Reply::default(),
            "apt_upgradable" => return say(2_500, out(&machine.upgrades.to_string())),
            "apt_download_size" => return say(2_500, out(&download.to_string())),
            "apt_services_outdated" => return say(3_000, out(&machine.outdated_services.join("\n"))),
            "systemd_failed_units" => {
                let failed = machine.services.iter().filter(|(_, unit)| !unit.active && unit.enabled);
                out(&failed.map(|(name, _)| format!("{name}.service")).collect::<Vec<_>>().join("\n"))
            }
            "qemu_ga_state" => {
                let yes = |yes: bool| if yes { "yes" } else { "no" };
                let mut lines = vec![
                    format!("package={}", yes(machine.has_agent)),
                    "manager=apt".to_string(),
                    format!("socket={}", yes(machine.agent_device)),
                    format!("enabled={}", if machine.has_agent { machine.agent_enabled.as_str() } else { "" }),
                    format!("active={}", if machine.has_agent && machine.agent_runs { "active" } else { "inactive" }),
                ];
                lines.extend(machine.agent_poweroff.iter().map(|path| format!("poweroff={path}")));
                out(&lines.join("\n"))
            }
            "qemu_ga_keep_power" => out(&machine.agent_poweroff.take().unwrap_or_default()),
            "qemu_ga_allow_shutdown" => {
                machine.agent_refuses_shutdown = false;
                out("/etc/qemu/qemu-ga.conf")
            }
            "ha_state" => out(&by_id.and_then(|guest| guest.ha).unwrap_or("none".to_string())),
            "qm_settled" => {
                let held = by_id.is_some_and(|guest| guest.busy_until > now + 2_000 || guest.file.is_some());
                return say(2_060, if held { out("its lock is held") } else { Reply::default() });
            }
            "libvirt_agent_info" => match by_id {
                Some(guest) if guest.agent_is_heard() => out(&format!("{{\"return\":{}}}", guest.agent_info())),
                _ => err(1, "error: Guest agent is not responding: QEMU guest agent is not connected"),
            },
            _ => return not_known(run),
        };
        say(COMMAND, reply)
    }
}
