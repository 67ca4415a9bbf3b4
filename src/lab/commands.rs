//! Commands on the machines of the simulated site: what they print when all is well.

use super::hypervisor::{err, out};
use super::{COMMAND, Change, Lab};
use crate::machine::{Reply, Run};

/// How long packages take, in milliseconds.
const PACKAGES: u64 = 95_000;

impl Lab {
    pub(super) fn command(&mut self, run: &Run) -> (u64, Reply) {
        let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
        let Some(machine) = self.machines.get(&run.host).cloned() else { return (0, err(127, "no such host")) };
        let reply = match words.as_slice() {
            ["sh", "-c", script, ..] => self.script(&run.host, script),
            ["uname", "-r"] => out(&format!("6.8.0-{}-generic", 40 + machine.boot)),
            ["uname", ..] => out("Linux"),
            ["hostname", ..] => out(&run.host),
            ["date", ..] => out("20260103T220000Z"),
            ["echo", rest @ ..] => out(&rest.join(" ")),
            ["cat", "/proc/sys/kernel/random/boot_id"] => out(&machine.boot_id()),
            ["cat", "/etc/os-release"] => out("PRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nNAME=\"Ubuntu\"\nID=ubuntu"),
            ["getent", "hosts", .., name] => out(&format!("192.0.2.80      {name}")),
            ["df", .., path] => out(&format!(
                "Filesystem     1024-blocks    Used Available Capacity Mounted on\n/dev/sda1         32000000 8000000  24000000      25% {path}"
            )),
            ["systemctl", "is-active", ..] => out("active"),
            ["systemctl", "reboot" | "soft-reboot" | "kexec"] | ["reboot" | "shutdown", ..] => {
                self.change(3_000, &run.host, Change::Off);
                self.change(8_000, &run.host, Change::On);
                if machine.is_hypervisor {
                    self.guests_follow(&run.host);
                }
                Reply::default()
            }
            ["zpool", "status", ..] => out("all pools are healthy"),
            ["pveversion", ..] => out("pve-manager/9.1.1/42db4a6cf33dac83 (running kernel: 6.17.2-1-pve)"),
            ["proxmox-backup-manager", "task", "list", ..] => out("[]"),
            ["proxmox-backup-manager", "versions", ..] => out("proxmox-backup-server 4.1.0-1 running version: 4.1.0"),
            ["apt-get", rest @ ..] => {
                let upgrades = rest.iter().any(|word| matches!(*word, "upgrade" | "dist-upgrade" | "full-upgrade"));
                if !upgrades {
                    return (4_000, Reply::default());
                }
                if let Some(machine) = self.machines.get_mut(&run.host) {
                    machine.reboot_required = true;
                }
                return (PACKAGES, out("12 upgraded, 1 newly installed, 0 to remove and 0 not upgraded."));
            }
            _ => Reply::default(),
        };
        (COMMAND, reply)
    }

    /// A hypervisor's restart takes its guests with it.
    fn guests_follow(&mut self, hypervisor: &str) {
        let guests: Vec<String> = self
            .machines
            .values()
            .filter(|machine| machine.hypervisor.as_deref() == Some(hypervisor) && machine.running)
            .map(|machine| machine.name.clone())
            .collect();
        for guest in guests {
            self.change(2_000, &guest, Change::Off);
            self.change(40_000, &guest, Change::On);
        }
    }

    /// Scripts of the standard library bear their name in a comment on their first line.
    fn script(&self, host: &str, script: &str) -> Reply {
        let Some(machine) = self.machines.get(host) else { return Reply::default() };
        let name = script.trim_start().lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
        match name.trim() {
            "uptime" => {
                out(&format!("{}s", (self.now.saturating_sub(machine.booted_at) + machine.uptime_before) / 1000))
            }
            "ha_state" => out("none"),
            "reboot_required" if machine.reboot_required => out("/run/reboot-required"),
            "apt_upgradable" => out("12"),
            "apt_download_size" => out("98304"),
            "qemu_ga_state" => out("package=yes\nmanager=apt\nsocket=yes\nenabled=static\nactive=active"),
            _ => Reply::default(),
        }
    }
}
