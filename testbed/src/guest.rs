//! A guest: a real QEMU on a node, and what is other than well with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::boot::MEMORY;
use crate::cpio::Archive;
use crate::debian;
use crate::namespaces::{banner, enter};
use crate::node::{Kind, Node};
use crate::programs::{PATIENCE, at, output, until, write};

/// What the hypervisor's configuration says of the guest agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Agent {
    /// `agent: 1`.
    On,
    /// `agent: 0`: there is no device through which it could be asked.
    Off,
    /// Nothing.
    Unset,
}

/// A guest as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuestPlan {
    pub(crate) name: String,
    pub(crate) node: Option<String>,
    pub(crate) vmid: Option<u32>,
    pub(crate) agent: Agent,
    pub(crate) memory: u32,
    pub(crate) system: bool,
    pub(crate) started: bool,
    pub(crate) container: bool,
    pub(crate) debian: bool,
    pub(crate) bare: bool,
    pub(crate) words: Vec<String>,
}

impl GuestPlan {
    /// A guest that is well: its agent answers, it obeys, and it is started with the site, on the first node.
    pub fn new(name: &str) -> GuestPlan {
        GuestPlan {
            name: name.to_string(),
            node: None,
            vmid: None,
            agent: Agent::On,
            memory: MEMORY,
            system: true,
            started: true,
            container: false,
            debian: false,
            bare: false,
            words: Vec::new(),
        }
    }

    /// On this node.
    #[must_use]
    pub fn on(mut self, node: &str) -> GuestPlan {
        self.node = Some(node.to_string());
        self
    }

    /// With this number, and not the next from 101 on.
    #[must_use]
    pub fn vmid(mut self, vmid: u32) -> GuestPlan {
        self.vmid = Some(vmid);
        self
    }

    /// What the hypervisor knows of its agent.
    #[must_use]
    pub fn agent(mut self, agent: Agent) -> GuestPlan {
        self.agent = agent;
        self
    }

    /// Its memory in MiB. With less than about 90 its system does not come up.
    #[must_use]
    pub fn memory(mut self, memory: u32) -> GuestPlan {
        self.memory = memory;
        self
    }

    /// Without a system: its firmware looks for one and ignores everything.
    #[must_use]
    pub fn empty(mut self) -> GuestPlan {
        self.system = false;
        self
    }

    /// A container of a Proxmox node: namespaces of its own on that node's kernel, and no agent. Of the words (`but`)
    /// it knows `noacpi` and `deaf` (it does not obey), `late`, `delay`, `nossh` and `stuck`.
    #[must_use]
    pub fn container(mut self) -> GuestPlan {
        self.container = true;
        self
    }

    /// A Debian with systemd, apt, OpenSSH and a disk of its own, which keeps what is written to it. It knows none of
    /// the words (`but`).
    #[must_use]
    pub fn debian(mut self) -> GuestPlan {
        self.debian = true;
        self.memory = debian::MEMORY;
        self
    }

    /// A machine of its own as far as the inventory knows: no hypervisor is named for it.
    #[must_use]
    pub fn bare(mut self) -> GuestPlan {
        self.bare = true;
        self
    }

    /// Off when the site is up.
    #[must_use]
    pub fn stopped(mut self) -> GuestPlan {
        self.started = false;
        self
    }

    /// What is other than well in it: `noagent` (its agent is not running), `slowagent=SECONDS`, `noacpi` (it ignores
    /// the power button), `deaf` (it says yes to a shutdown and goes on), `late=SECONDS` (it takes so long to go down),
    /// `delay=SECONDS` (to come up), `nossh`, `stuck` (it never comes up).
    #[must_use]
    pub fn but(mut self, word: &str) -> GuestPlan {
        self.words.push(word.to_string());
        self
    }
}

/// What a `qm` needs to know of a guest besides its configuration; `vms/VMID/card.json` of the site.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Card {
    /// What its system calls itself.
    pub name: String,
    /// Where its ssh server is reached.
    pub address: String,
    /// Whether there is one at all.
    pub system: bool,
    /// Whether that is a Debian, with a disk.
    pub debian: bool,
    /// What is other than well in it.
    pub words: Vec<String>,
    /// Whether the next start takes the saved state.
    pub restore: bool,
    /// What QEMU is told that it does not understand, so that it does not start.
    pub extra: Vec<String>,
}

impl Card {
    /// Reads it.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(folder: &Path) -> Result<Card> {
        let file = folder.join("card.json");
        let text = std::fs::read_to_string(&file).map_err(at(&file))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        write(&folder.join("card.json"), text)
    }
}

/// Writes the small disk that tells a guest who it is. The boot id counts where the guest is restored: those that are
/// restored from one state would all show the same.
///
/// # Errors
/// When a key is missing, or it is too large for the disk.
pub fn write_seed(folder: &Path, card: &Card) -> Result<()> {
    let mut archive = Archive::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let words = format!("name={}\ntime={now}\n{}\n", card.name, card.words.join("\n"));
    archive.file("words", 0o644, words.as_bytes());
    archive.copy("hostkey", &folder.join(if card.debian { "hostkey" } else { "hostkey.dropbear" }))?;
    archive.copy("authorized_keys", &folder.join("authorized_keys"))?;
    let uuid = Path::new("/proc/sys/kernel/random/uuid");
    archive.file("boot_id", 0o444, &std::fs::read(uuid).map_err(at(uuid))?);
    let mut bytes = archive.end();
    if bytes.len() > 65_536 {
        return Err("the seed is larger than its disk".to_string());
    }
    bytes.resize(65_536, 0);
    write(&folder.join("seed"), bytes)
}

/// Writes what a container reads of itself.
///
/// # Errors
/// When it can not be written.
pub fn write_words(folder: &Path, card: &Card) -> Result<()> {
    let words = format!("name={}\naddress={}\n{}\n", card.name, card.address, card.words.join("\n"));
    write(&folder.join("words"), words)
}

/// A guest of a site.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// What it is called: in the inventory, on its hypervisor and by itself.
    pub name: String,
    /// Its number.
    pub vmid: u32,
    /// Where its ssh server is reached, on port 22 of the site's network.
    pub address: String,
    /// The node that it was put on.
    pub node: Node,
    pub(crate) plan: GuestPlan,
}

impl Guest {
    /// Its files: card, seed, keys and console.
    pub fn folder(&self) -> PathBuf {
        self.node.site.join("vms").join(self.vmid.to_string())
    }

    /// The disk of a Debian guest.
    pub(crate) fn disk(&self) -> PathBuf {
        self.folder().join("disk")
    }

    /// Whether it is meant to answer by ssh.
    pub(crate) fn has_ssh(&self) -> bool {
        let is_without = |word: &String| word == "nossh" || word == "stuck";
        self.plan.started && self.plan.system && self.plan.memory >= 90 && !self.plan.words.iter().any(is_without)
    }

    /// What its console has shown, of all its boots.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder().join("console")).unwrap_or_default()).into_owned()
    }

    /// Waits until its ssh server introduces itself. An open port alone says nothing: QEMU opens it before the guest is up.
    ///
    /// # Errors
    /// When it does not, with the end of its console.
    pub fn answers(&self) -> Result<()> {
        let found = until(&format!("the ssh server of {}", self.name), self.patience(), || {
            banner(self.node.holder, &self.address).ok().map(drop)
        });
        found.map_err(|late| {
            let console = self.console();
            let end: Vec<&str> = console.lines().rev().take(5).collect();
            format!("{late}; its console: {}", end.into_iter().rev().collect::<Vec<_>>().join(" | "))
        })
    }

    /// Waits until its agent answers the hypervisor.
    ///
    /// # Errors
    /// When it does not.
    pub fn agent_answers(&self) -> Result<()> {
        let ask = match self.node.kind {
            Kind::Proxmox if self.plan.container => format!("lxc-attach -n {} -- true", self.vmid),
            Kind::Proxmox => format!("qm agent {} ping", self.vmid),
            Kind::Libvirt => format!("virsh -q -c qemu:///system domtime {}", self.name),
        };
        until(&format!("the agent of {}", self.name), self.patience(), || self.node.exec(&ask).ok().map(drop))
    }

    /// How long it is waited for.
    fn patience(&self) -> Duration {
        if self.plan.debian { debian::PATIENCE } else { PATIENCE }
    }

    /// The command of a Proxmox node that manages it.
    fn manager(&self) -> &str {
        if self.plan.container { "pct" } else { "qm" }
    }

    /// Has it started by its hypervisor for the first time.
    pub(crate) fn start(&self) -> Result<()> {
        let line = match self.node.kind {
            Kind::Proxmox => format!("{} start {}", self.manager(), self.vmid),
            Kind::Libvirt => {
                let (name, file) = (&self.name, self.folder().join("domain.xml"));
                let virsh = "virsh -q -c qemu:///system";
                format!("{virsh} define {} && {virsh} start {name} && {virsh} autostart {name}", file.display())
            }
        };
        self.node.exec(&line).map(drop)
    }

    /// Runs a line in the guest, over ssh, and gives what it prints.
    ///
    /// # Errors
    /// When it can not be reached, or the line fails.
    pub fn ssh(&self, line: &str) -> Result<String> {
        let mut ssh = enter(self.node.holder, "ssh");
        ssh.arg("-F").arg(self.node.site.join("ssh_config")).args([&self.name, line]);
        output(&mut ssh)
    }

    /// Which boot of its system this is, as it says itself over ssh.
    ///
    /// # Errors
    /// When it can not be reached.
    pub fn boot_id(&self) -> Result<String> {
        Ok(self.ssh("cat /proc/sys/kernel/random/boot_id")?.trim().to_string())
    }

    /// What its hypervisor says: `running`, `stopped`, `paused`.
    ///
    /// # Errors
    /// When the hypervisor is off.
    pub fn status(&self) -> Result<String> {
        let line = match self.node.kind {
            Kind::Proxmox => format!("{} status {}", self.manager(), self.vmid),
            Kind::Libvirt => format!("virsh -q -c qemu:///system domstate {}", self.name),
        };
        let said = self.node.exec(&line)?;
        let status = said.trim().trim_start_matches("status: ");
        Ok(if status == "shut off" { "stopped" } else { status }.to_string())
    }

    /// Waits for a status.
    ///
    /// # Errors
    /// When it does not come in time.
    pub fn becomes(&self, status: &str, patience: Duration) -> Result<()> {
        until(&format!("{} to be {status}", self.name), patience, || {
            self.status().is_ok_and(|now| now == status).then_some(())
        })
    }

    /// How often a QEMU, or the container that it is, was started, by whomever: counted where that is done.
    pub fn starts(&self) -> usize {
        self.start_log().len()
    }

    /// Each of these starts: when, on which node, as which process there, and how.
    pub fn start_log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.node.site.join("starts.log")).unwrap_or_default();
        let is_mine = |line: &&str| line.split(' ').nth(2) == Some(&self.vmid.to_string());
        text.lines().filter(is_mine).map(str::to_string).collect()
    }

    /// Changes what is other than well in it, from its next start on.
    ///
    /// # Errors
    /// When its card can not be written.
    pub fn next_start(&self, change: impl FnOnce(&mut Card)) -> Result<()> {
        let mut card = Card::read(&self.folder())?;
        change(&mut card);
        card.write(&self.folder())
    }
}
