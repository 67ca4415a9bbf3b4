//! How QEMU is started for a guest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::accelerator::Accelerator;
use crate::debian::Debian;

/// The memory of a guest that is restored from the saved state, in MiB.
pub const MEMORY: u32 = 96;

/// The name of the port that the agent listens at.
const AGENT_PORT: &str = "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0";

/// What all guests of this machine have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Boot {
    /// The words that run QEMU; what is said of the guest follows.
    pub program: Vec<String>,
    /// QEMU's own files: firmware, and code that it loads.
    pub firmware: Vec<PathBuf>,
    /// Where the code is that QEMU loads by itself.
    pub modules: Option<PathBuf>,
    /// Who carries out a guest's instructions.
    pub accelerator: Accelerator,
    /// Linux.
    pub kernel: PathBuf,
    /// The guest's first file system, which is its only one.
    pub initrd: PathBuf,
    /// The saved state, where there is one.
    pub golden: Option<PathBuf>,
    /// The Debian guest, where a guest of the site is one.
    pub debian: Option<Debian>,
}

/// A guest, as QEMU sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its number on the hypervisor.
    pub vmid: u32,
    /// What its system calls itself.
    pub name: String,
    /// Where its ssh server is reached, on port 22; none for a guest without a network.
    pub address: Option<String>,
    /// In MiB.
    pub memory: u32,
    /// Whether the agent can be asked: its port is there.
    pub agent_port: bool,
    /// Whether there is a system at all; without, only the firmware runs.
    pub system: bool,
    /// The small disk that says who it is.
    pub seed: PathBuf,
    /// The disk of a Debian guest.
    pub disk: Option<PathBuf>,
    /// Where its console is written.
    pub console: PathBuf,
}

impl Machine {
    /// The one that is saved for fleets.
    pub(crate) fn golden(work: &Path) -> Machine {
        Machine {
            vmid: 0,
            name: "golden".to_string(),
            address: None,
            memory: MEMORY,
            agent_port: true,
            system: true,
            seed: work.join("seed"),
            disk: None,
            console: work.join("console"),
        }
    }

    /// Where QEMU listens for its monitor, in that folder.
    pub fn monitor(&self, run: &Path) -> PathBuf {
        run.join(format!("{}.qmp", self.vmid))
    }

    /// Where the guest's agent is reached, in that folder.
    pub fn agent(&self, run: &Path) -> PathBuf {
        run.join(format!("{}.qga", self.vmid))
    }

    /// Whether it can begin as the saved one, which has the same hardware.
    pub fn can_be_restored(&self) -> bool {
        self.memory == MEMORY && self.agent_port && self.system && self.disk.is_none()
    }
}

impl Boot {
    /// What the kernel of a guest with or without a disk begins with, and its words.
    pub(crate) fn system(&self, has_disk: bool) -> (&Path, String) {
        let words = "console=ttyS0 quiet panic=-1 reboot=t random.trust_cpu=on";
        match self.debian.as_ref().filter(|_| has_disk) {
            Some(debian) => (&debian.initrd, format!("{words} net.ifnames=0")),
            None => (&self.initrd, words.to_string()),
        }
    }

    /// QEMU for a guest, with its sockets in the folder `run`; not started yet, and with no stream of ours.
    pub fn command(&self, machine: &Machine, run: &Path, restored: bool) -> Command {
        let mut words = self.program.clone();
        let mut add = |list: &[&str]| words.extend(list.iter().map(ToString::to_string));
        add(&["-name", &machine.name, "-nodefaults", "-no-user-config", "-machine", "q35", "-display", "none"]);
        add(&["-m", &machine.memory.to_string(), "-smp", "1"]);
        add(self.accelerator.words(machine.disk.is_some()));
        for folder in &self.firmware {
            add(&["-L", &folder.display().to_string()]);
        }
        if machine.system {
            let (initrd, words) = self.system(machine.disk.is_some());
            add(&["-kernel", &self.kernel.display().to_string(), "-initrd", &initrd.display().to_string()]);
            add(&["-append", &words]);
        }
        // Commas in a value are doubled (qemu(1)).
        let path = |path: PathBuf| path.display().to_string().replace(',', ",,");
        add(&["-chardev", &format!("file,id=console,append=on,path={}", path(machine.console.clone()))]);
        add(&["-serial", "chardev:console"]);
        add(&["-qmp", &format!("unix:{},server=on,wait=off", path(machine.monitor(run)))]);
        add(&["-device", "virtio-serial-pci"]);
        if machine.agent_port {
            add(&["-chardev", &format!("socket,id=qga0,path={},server=on,wait=off", path(machine.agent(run)))]);
            add(&["-device", AGENT_PORT]);
        }
        let forward = machine.address.as_ref().map(|address| format!(",hostfwd=tcp:{address}:22-:22"));
        add(&["-netdev", &format!("user,id=n0{}", forward.unwrap_or_default())]);
        add(&["-device", "virtio-net-pci,netdev=n0,romfile=", "-device", "virtio-rng-pci"]);
        let seed = format!("file={},format=raw,if=none,id=seed,readonly=on", path(machine.seed.clone()));
        add(&["-drive", &seed, "-device", "virtio-blk-pci,drive=seed"]);
        if let Some(disk) = &machine.disk {
            // What a test's guest has written need not outlive this machine.
            let disk = format!("file={},format=raw,if=none,id=disk,cache=unsafe", path(disk.clone()));
            add(&["-drive", &disk, "-device", "virtio-blk-pci,drive=disk"]);
        }
        if let Some(golden) = self.golden.as_ref().filter(|_| restored) {
            add(&["-incoming", &format!("exec:cat '{}'", golden.display())]);
        }
        let mut command = Command::new(words.first().map_or("qemu-system-x86_64", String::as_str));
        command.args(words.iter().skip(1)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(modules) = &self.modules {
            command.env("QEMU_MODULE_DIR", modules);
        }
        command
    }
}
