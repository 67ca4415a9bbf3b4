//! Packages on the machines of the simulated site: apt and dpkg, with the texts of the real ones.

use super::{Change, Lab, Said, err, out, say};
use crate::machine::{Reply, Run};

/// How long the package lists take, in milliseconds.
const LISTS: u64 = 4_000;
/// How long apt takes to find out what to do.
const PLAN: u64 = 2_500;
/// How long one package takes, from the mirror to its last trigger.
const PACKAGE: u64 = 7_500;
/// How large one package is, in bytes.
const SIZE: u64 = 6_500_000;
/// What an upgrade takes of a disk for each package, in KiB.
const INSTALLED: u64 = 900;

/// How long the packages of one upgrade take, in milliseconds.
fn upgrade_time(packages: u32) -> u64 {
    PLAN + u64::from(packages) * PACKAGE
}

impl Lab {
    pub(super) fn apt_get(&mut self, run: &Run) -> Said {
        let words: Vec<&str> = run.argv.iter().skip(1).map(String::as_str).collect();
        let now = self.now;
        let Some(machine) = self.machines.get_mut(&run.host) else { return say(0, err(127, "no such host")) };
        let verb = words.iter().copied().find(|word| VERBS.contains(word)).unwrap_or_default();
        let simulates = words.iter().any(|word| matches!(*word, "-s" | "--simulate" | "--dry-run" | "--print-uris"));
        // Whoever holds the locks is waited for as long as `DPkg::Lock::Timeout` says.
        let mut waited = 0;
        if let Some((holder, until)) = machine.package_lock.clone().filter(|(_, until)| *until > now)
            && !simulates
            && !matches!(verb, "check" | "")
        {
            let patience = words
                .iter()
                .find_map(|word| word.strip_prefix("DPkg::Lock::Timeout="))
                .and_then(|seconds| seconds.parse::<u64>().ok())
                .map_or(0, |seconds| seconds * 1000);
            waited = until - now;
            if waited > patience {
                let text = format!(
                    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by {holder}\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?"
                );
                return say(patience + 300, err(100, &text));
            }
        }
        if machine.dpkg_interrupted && !simulates && CHANGING.contains(&verb) && !words.contains(&"--fix-broken") {
            let text = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ";
            return say(waited + 900, err(100, text));
        }
        let lists = "Reading package lists...\nBuilding dependency tree...\nReading state information...";
        let upgrades = machine.upgrades;
        match verb {
            "update" if machine.sources_fail > 0 => {
                machine.sources_fail -= 1;
                let text = "E: Failed to fetch http://archive.ubuntu.com/ubuntu/dists/noble/InRelease  Could not connect to archive.ubuntu.com:80 (192.0.2.90), connection timed out\nE: Some index files failed to download. They have been ignored, or old ones used instead.";
                say(waited + LISTS + 30_000, err(100, text))
            }
            "update" => say(waited + LISTS, out("Reading package lists...")),
            "upgrade" | "dist-upgrade" | "full-upgrade" if simulates => {
                let rows: Vec<String> = (0..upgrades).map(|n| format!("Inst package{n} [1.0] (1.1)")).collect();
                say(PLAN, out(&rows.join("\n")))
            }
            "upgrade" | "dist-upgrade" | "full-upgrade" => {
                // It is one of those that an upgrade replaces.
                let kernel = machine.new_kernel.take().filter(|_| upgrades > 0);
                let added = u32::from(kernel.is_some());
                machine.upgrades = 0;
                machine.free = machine.free.saturating_sub(u64::from(upgrades) * INSTALLED);
                machine.cached += u64::from(upgrades) * SIZE / 1024;
                machine.free = machine.free.saturating_sub(u64::from(upgrades) * SIZE / 1024);
                if let Some(kernel) = kernel {
                    machine.installed_kernel = kernel;
                    machine.reboot_required = machine.marks_restart;
                }
                if upgrades > 0 {
                    machine.outdated_services = vec!["cron.service".to_string(), "ssh.service".to_string()];
                }
                let takes = waited + upgrade_time(upgrades);
                if machine.upgrades_agent && machine.agent_poweroff_loaded && upgrades > 0 {
                    // The agent's new package restarts its service, and the drop-in takes the power.
                    let boot = machine.boot;
                    self.change(takes / 2, &run.host, Change::Off(boot));
                }
                let text = format!(
                    "{lists}\nCalculating upgrade...\n{upgrades} upgraded, {added} newly installed, 0 to remove and 0 not upgraded."
                );
                say(takes, out(&text))
            }
            "install" => {
                let wanted = words.iter().skip_while(|word| **word != "install").skip(1).find(|w| !w.starts_with('-'));
                match wanted {
                    Some(&"qemu-guest-agent") if !machine.has_agent => {
                        machine.has_agent = true;
                        machine.agent_runs = machine.agent_device;
                        machine.agent_answers = machine.agent_works();
                        let text = format!(
                            "{lists}\nThe following NEW packages will be installed:\n  qemu-guest-agent\n0 upgraded, 1 newly installed, 0 to remove and {upgrades} not upgraded."
                        );
                        say(waited + PLAN + PACKAGE, out(&text))
                    }
                    Some(package) => {
                        let text = format!(
                            "{lists}\n{package} is already the newest version.\n0 upgraded, 0 newly installed, 0 to remove and {upgrades} not upgraded."
                        );
                        say(waited + PLAN, out(&text))
                    }
                    None => say(waited + PLAN, out(lists)),
                }
            }
            "clean" => {
                machine.free += machine.cached;
                machine.cached = 0;
                say(waited + 400, Reply::default())
            }
            "autoremove" => say(
                waited + PLAN,
                out(&format!("{lists}\n0 upgraded, 0 newly installed, 0 to remove and {upgrades} not upgraded.")),
            ),
            _ => say(waited + PLAN, out(lists)),
        }
    }

    pub(super) fn dpkg(&mut self, run: &Run) -> Said {
        let Some(machine) = self.machines.get_mut(&run.host) else { return say(0, err(127, "no such host")) };
        let has = |word: &str| run.argv.iter().any(|given| given == word);
        if has("--configure") && machine.dpkg_interrupted {
            machine.dpkg_interrupted = false;
            return say(18_000, out("Setting up linux-base (4.10.1ubuntu1) ..."));
        }
        match has("--print-architecture") {
            true => say(50, out("amd64")),
            false => say(300, Reply::default()),
        }
    }

    /// What an upgrade would download, in KiB, as the script of the library prints it.
    pub(super) fn download_size(&self, host: &str) -> u64 {
        self.machines.get(host).map_or(0, |machine| u64::from(machine.upgrades) * SIZE / 1024 + 1)
    }
}

const VERBS: [&str; 11] = [
    "update",
    "upgrade",
    "dist-upgrade",
    "full-upgrade",
    "install",
    "remove",
    "purge",
    "clean",
    "autoclean",
    "autoremove",
    "check",
];
const CHANGING: [&str; 7] = ["upgrade", "dist-upgrade", "full-upgrade", "install", "remove", "purge", "autoremove"];
