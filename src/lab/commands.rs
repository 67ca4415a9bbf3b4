//! Commands on the machines of the simulated site: what they print when all is well.

use super::{COMMAND, Lab, Said, err, out, say};
use crate::machine::{Datum, Reply, Run};

impl Lab {
    pub(super) fn command(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
        let Some(machine) = self.machines.get(&run.host) else { return say(0, err(127, "no such host")) };
        if let Some(taught) = machine.taught.get(&run.argv) {
            return say(taught.takes, taught.reply.clone());
        }
        let base = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
        let reply = match (base, words.get(1..).unwrap_or_default()) {
            ("sh", ["-c", ..]) => return self.script(run),
            ("ha-manager", _) => return self.ha_manager(run),
            ("pct", _) => return self.pct(run),
            ("virsh", _) => return self.virsh(run),
            ("lxc-attach", _) => return self.lxc_attach(run),
            ("apt-get" | "apt", _) => return self.apt_get(run),
            ("dpkg", _) => return self.dpkg(run),
            ("systemctl", _) => return self.systemctl(run),
            ("reboot", _) | ("shutdown", ["-r", ..]) => return self.restart_itself(run),
            ("uname", ["-r"]) => out(&machine.kernel),
            ("uname", _) => out("Linux"),
            ("hostname", _) => out(&run.host),
            ("date", _) => out("20260103T220000Z"),
            ("echo", rest) => out(&rest.join(" ")),
            ("true", _) => Reply::default(),
            ("false", _) => Reply { code: 1, ..Reply::default() },
            ("sleep", [time, ..]) => {
                let seconds = time.trim_end_matches('s').parse::<f64>().unwrap_or(0.0);
                return say((seconds * 1000.0) as u64, Reply::default());
            }
            ("cat", []) => match &run.stdin {
                Some(Datum::Text(text)) => Reply { stdout: text.clone(), ..Reply::default() },
                _ => Reply::default(),
            },
            ("cat", ["/proc/sys/kernel/random/boot_id"]) => out(&machine.boot_id()),
            ("cat", ["/etc/os-release"]) => match machine.hypervisor {
                Some(_) => out("PRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nNAME=\"Ubuntu\"\nID=ubuntu"),
                None => out("PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nID=debian"),
            },
            ("df", [.., path]) => out(&format!(
                "Filesystem     1024-blocks    Used Available Capacity Mounted on\n/dev/sda1         32000000 {}  {}      25% {path}",
                32_000_000_u64.saturating_sub(machine.free),
                machine.free
            )),
            ("zpool", ["status", ..]) => match machine.pools_healthy {
                true => out("all pools are healthy"),
                false => out(
                    "  pool: rpool\n state: DEGRADED\nstatus: One or more devices has been removed by the administrator.",
                ),
            },
            ("pveversion", _) => {
                let version = if machine.kernel.starts_with("6.17.2") {
                    "9.1.1/42db4a6cf33dac83"
                } else {
                    "9.1.4/5ac30304265fbd8e"
                };
                out(&format!("pve-manager/{version} (running kernel: {})", machine.kernel))
            }
            ("proxmox-backup-manager", ["task", "list", ..]) => {
                let tasks: Vec<String> = (0..machine.tasks)
                    .map(|n| {
                        format!(
                            "{{\"node\":\"localhost\",\"upid\":\"UPID:{}:{n}\",\"worker_type\":\"backup\"}}",
                            run.host
                        )
                    })
                    .collect();
                out(&format!("[{}]", tasks.join(",")))
            }
            ("proxmox-backup-manager", ["versions", ..]) => out("proxmox-backup-server 4.1.0-1 running version: 4.1.0"),
            _ => Reply::default(),
        };
        say(COMMAND, reply)
    }
}
