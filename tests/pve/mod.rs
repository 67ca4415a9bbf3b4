//! A hypervisor `pve` with one guest, over real OpenSSH servers, and the site that they are.

#![allow(dead_code, clippy::print_stdout, reason = "not every test asks everything")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::Bed;

pub(crate) const CARD: &str = "on pve: qm reboot $vmid; await ssh(guest); require agent(guest)";

/// A hypervisor `pve` with the guest `pbs` (101), and their site.
pub(crate) struct Site {
    pub(crate) bed: Bed,
    pub(crate) folder: PathBuf,
}

/// What a run said.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
}

impl Site {
    pub(crate) fn new() -> Site {
        Site::with(&[], "vmid: 101\n")
    }

    pub(crate) fn with(pve: &[(&str, &str)], host_vars: &str) -> Site {
        let mut bed = Bed::new();
        bed.add_guest("pve", 101, "pbs", &[]);
        let mut files = vec![("hypervisor", ""), ("autostart", "101")];
        files.extend_from_slice(pve);
        bed.start("pve", &files);
        bed.node("pbs").answers();
        let folder = bed.path.join("site");
        fs::create_dir_all(folder.join("inventory/host_vars")).unwrap();
        let site = Site { bed, folder };
        site.inventory("pve", "root");
        fs::write(site.folder.join("inventory/host_vars/pbs.yml"), host_vars).unwrap();
        site
    }

    /// The inventory, with the user of one host changed.
    pub(crate) fn inventory(&self, host: &str, user: &str) {
        let mut text = String::new();
        for name in ["pve", "pbs"] {
            let node = self.bed.node(name);
            let user = if name == host { user } else { "root" };
            text.push_str(&format!(
                "{name} ansible_host={} ansible_port={} ansible_user={user}\n",
                node.address, node.port
            ));
        }
        text.push_str(&format!(
            "[all:vars]\nansible_ssh_private_key_file={0}/id\nansible_ssh_common_args=-o UserKnownHostsFile={0}/known_hosts -o IdentitiesOnly=yes\n",
            self.bed.path.display()
        ));
        fs::write(self.folder.join("inventory/hosts.ini"), text).unwrap();
    }

    pub(crate) fn run(&self, statements: &str) -> Ran {
        self.hostler(&["run", "-e", statements, "--target", "pbs"])
    }

    pub(crate) fn preflight(&self) -> Ran {
        self.hostler(&["preflight", "-e", CARD, "--target", "pbs"])
    }

    pub(crate) fn hostler(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let out = format!("{}{}", text(&output.stdout), text(&output.stderr));
        println!("{out}");
        Ran { code: output.status.code().unwrap(), out }
    }

    /// The program, whose journals are this site's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut hostler = Command::new(env!("CARGO_BIN_EXE_hostler"));
        hostler.args(arguments).current_dir(&self.folder).env("XDG_STATE_HOME", self.folder.join("state"));
        hostler.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        hostler
    }

    /// The calls of `qm` that were made in the run, without their times.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = self.bed.node("pve").read("qm.log");
        let calls = log.lines().filter_map(|line| line.split_once(' ')).map(|(_, words)| words.trim().to_string());
        // The first starts the guest when the hypervisor boots.
        calls.skip(1).collect()
    }

    pub(crate) fn boot_id(&self) -> String {
        self.bed.node("pbs").read("boot_id")
    }

    /// Nobody has connected to any machine, as their servers would have logged it.
    pub(crate) fn nobody_connected(&self, host: &str) -> bool {
        !self.bed.node(host).read("sshd.log").contains("Accepted")
    }
}
