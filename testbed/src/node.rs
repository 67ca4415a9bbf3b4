//! A hypervisor node: a machine of its own as far as a program on it can tell, with a real OpenSSH server and a `qm`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::namespaces::{banner, enter};
use crate::programs::{PATIENCE, at, output, until, write};

/// The programs that set a node up.
pub(crate) const SCRIPTS: [(&str, &str); 4] = [
    ("node.sh", include_str!("node.sh")),
    ("proxmox.sh", include_str!("proxmox.sh")),
    ("libvirt.sh", include_str!("libvirt.sh")),
    ("container.sh", include_str!("container.sh")),
];

/// What manages the guests of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `qm`, this crate's.
    Proxmox,
    /// libvirt itself, and its `virsh`.
    Libvirt,
}

/// A node that ends with this code restarts itself.
const AGAIN: &str = "while :; do \"$@\"; [ $? -eq 42 ] || break; done";

/// A node of a site.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// What it is called, in the inventory too.
    pub name: String,
    /// Where its sshd listens, on port 22 of the site's network.
    pub address: String,
    /// What manages its guests.
    pub kind: Kind,
    /// The folder of the site.
    pub(crate) site: PathBuf,
    /// Process 1 of the site, as this machine numbers it.
    pub(crate) holder: u32,
    /// How many nodes the cluster has.
    pub(crate) nodes: usize,
    /// The `qm` of this crate.
    pub(crate) qm: PathBuf,
    /// The unpacked packages.
    pub(crate) packages: PathBuf,
}

impl Node {
    /// What outlives a restart of the node.
    pub fn folder(&self) -> PathBuf {
        self.site.join("nodes").join(&self.name)
    }

    /// Power on: boots it, and waits until its sshd introduces itself. Guests with `onboot: 1` start, from the second
    /// boot on.
    ///
    /// # Errors
    /// When its sshd does not answer; with the end of what it printed.
    pub fn boot(&self) -> Result<()> {
        let log = self.folder().join("boot.log");
        let file = std::fs::File::create(&log).map_err(at(&log))?;
        let mut command = enter(self.holder, "sh");
        command.args(["-c", AGAIN, "sh", "unshare"]);
        command.args(["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc", "sh"]);
        command.arg(self.site.join("node.sh")).arg(&self.site).args([&self.name, &self.address]);
        command.arg(if self.kind == Kind::Libvirt { "libvirt" } else { "proxmox" }).arg(&self.qm);
        command.arg(self.nodes.to_string()).arg(&self.packages).stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(at(&log))?).stderr(file);
        let mut child = command.spawn().map_err(|error| format!("nsenter can not be started: {error}"))?;
        let ready = until(&format!("the sshd of {}", self.name), PATIENCE, || match child.try_wait() {
            Ok(Some(_)) => Some(false),
            _ => banner(self.holder, &self.address).ok().map(|_| true),
        });
        // It is waited for elsewhere, when the node goes down.
        std::thread::spawn(move || child.wait());
        match ready {
            Ok(true) => Ok(()),
            other => {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let said =
                    format!("{said}{}", std::fs::read_to_string(self.folder().join("sshd.log")).unwrap_or_default());
                Err(format!("{} did not boot: {}\n{said}", self.name, other.err().unwrap_or_default()))
            }
        }
    }

    /// Power off, without a word: everything on it ends at once, its guests too.
    ///
    /// # Errors
    /// When it is off already, or does not end.
    pub fn kill(&self) -> Result<()> {
        let init = self.init()?;
        signal(init, nix::sys::signal::Signal::SIGKILL)?;
        until(&format!("the end of {}", self.name), PATIENCE, || self.find_init().is_none().then_some(()))?;
        until(&format!("the end of the sshd of {}", self.name), PATIENCE, || {
            banner(self.holder, &self.address).is_err().then_some(())
        })
    }

    /// Its process 1, as this machine numbers it.
    ///
    /// # Errors
    /// When it is off.
    pub fn init(&self) -> Result<u32> {
        self.find_init().ok_or_else(|| format!("{} is off", self.name))
    }

    fn find_init(&self) -> Option<u32> {
        let site = self.site.display().to_string();
        let begin = format!("sh\0{site}/node.sh\0{site}\0{}\0", self.name);
        let pids = std::fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.into_iter().find(|pid: &u32| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.starts_with(begin.as_bytes()))
                && std::fs::read_to_string(format!("/proc/{pid}/status"))
                    .is_ok_and(|text| text.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1")))
        })
    }

    /// A program on the node, beside its sshd; not started yet.
    ///
    /// # Errors
    /// When the node is off.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init()?.to_string(), "-m", "-p", "-u", "-i", "-n", "--", program]);
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a shell line on the node and gives what it prints.
    ///
    /// # Errors
    /// When the line fails, with what it said.
    pub fn exec(&self, line: &str) -> Result<String> {
        output(self.command("sh")?.args(["-c", line]))
    }

    /// The calls of its `qm` so far, each its words with a blank between; those of the site's own making too.
    pub fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder().join("qm.log")).unwrap_or_default();
        text.lines().filter_map(|line| Some(line.split_once(' ')?.1.to_string())).collect()
    }

    /// Sets what its `qm` reads: `slow` (milliseconds that each call takes), `release` (8 or 9).
    ///
    /// # Errors
    /// When it can not be written.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        write(&self.folder().join(name), value)
    }
}

/// Sends a signal to a process of this machine.
pub(crate) fn signal(pid: u32, signal: nix::sys::signal::Signal) -> Result<()> {
    let number = i32::try_from(pid).map_err(|error| error.to_string())?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(number), signal)
        .map_err(|error| format!("process {pid}: {error}"))
}
