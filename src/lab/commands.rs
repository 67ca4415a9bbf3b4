//! Commands on the machines of the simulated site: what they print when all is well.

use super::{COMMAND, Lab, Said, err, not_known, out, say};
use crate::machine::{Datum, Reply, Run};

impl Lab {
    /// What a scene answers to a command or to one that it wraps; else the innermost, which the lab is to know.
    pub(super) fn answered(&mut self, run: &Run) -> Result<Said, Box<Run>> {
        let mut run = run.clone();
        loop {
            if let Some(said) = self.taught(&run.host, &run.argv) {
                return Ok(said);
            }
            match unwrapped(&run.argv) {
                Some(inner) => run.argv = inner,
                None => return Err(Box::new(run)),
            }
        }
    }

    pub(super) fn command(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
        let Some(machine) = self.machines.get(&run.host) else { return say(0, err(127, "no such host")) };
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
            ("whoami", _) => out("root"),
            ("id", ["-u"]) => out("0"),
            ("uptime", _) => {
                let up = self.now.saturating_sub(machine.booted_at) + machine.uptime_before;
                let (days, hours, minutes) = (up / 86_400_000, up / 3_600_000 % 24, up / 60_000 % 60);
                let load = "load average: 0.00, 0.00, 0.00";
                out(&format!(" 22:00:00 up {days} days, {hours:>2}:{minutes:02},  0 users,  {load}"))
            }
            ("date", _) => out("20260103T220000Z"),
            ("echo", rest) => out(&rest.join(" ")),
            ("printf", [text, ..]) => Reply { stdout: text.replace("\\n", "\n"), ..Reply::default() },
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
            // They say nothing when all is well.
            (
                "touch" | "mkdir" | "rmdir" | "rm" | "mv" | "cp" | "ln" | "chmod" | "chown" | "install" | "sync"
                | "logger" | "truncate" | "tar" | "test" | "[" | ":" | "fstrim" | "update-grub" | "dnf" | "yum"
                | "zypper" | "pkill" | "kill",
                _,
            ) => Reply::default(),
            _ => return not_known(run),
        };
        say(COMMAND, reply)
    }

    /// What a scene says that a machine answers.
    fn taught(&mut self, host: &str, argv: &[String]) -> Option<Said> {
        let taught = self
            .machines
            .get_mut(host)?
            .taught
            .iter_mut()
            .find(|taught| taught.times != Some(0) && taught.to.fits(argv))?;
        taught.times = taught.times.map(|times| times - 1);
        Some(say(taught.takes.max(COMMAND), taught.reply.clone()))
    }
}

/// The command inside of `timeout 5m …`, `nice -n 10 …`, `env A=b …`.
pub(super) fn unwrapped(argv: &[String]) -> Option<Vec<String>> {
    let wrapper = argv.first()?.rsplit('/').next()?;
    let (with_value, arguments): (&[&str], usize) = match wrapper {
        "timeout" => (&["-k", "-s", "--kill-after", "--signal"], 1),
        "nice" => (&["-n"], 0),
        "ionice" => (&["-c", "-n"], 0),
        "sudo" => (&["-u", "-g"], 0),
        "env" | "nohup" | "setsid" => (&[], 0),
        _ => return None,
    };
    let mut words = argv[1..].iter().peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-') || (wrapper == "env" && word.contains('='))) {
        if with_value.contains(&word.as_str()) {
            words.next();
        }
    }
    let inner: Vec<String> = words.skip(arguments).cloned().collect();
    (!inner.is_empty()).then_some(inner)
}
