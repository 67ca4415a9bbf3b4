//! A site: nodes and guests in one private set of namespaces, and the inventory that describes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde::{Deserialize, Serialize};

use crate::accelerator::accelerator;
use crate::boot::Boot;
use crate::debian::debian;
use crate::guest::{Agent, Card, Guest, GuestPlan, write_seed};
use crate::image::{golden, image};
use crate::inventory::{describe, inventory};
use crate::namespaces::{began, enter, hold};
use crate::node::{Kind, Node, SCRIPTS, signal};
use crate::packages::packages;
use crate::programs::{PATIENCE, at, find, folder, is_root, output, until, write};
use crate::{Result, keys, libvirt};

/// How many guests come up at the same time: more only make each other slower.
const AT_ONCE: usize = 3;

/// A site as it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    name: String,
    nodes: Vec<(String, Kind)>,
    guests: Vec<GuestPlan>,
    slow: Option<u64>,
    stays: bool,
}

impl Plan {
    /// A site of that name, which is unique while it is up.
    pub fn new(name: &str) -> Plan {
        Plan { name: name.to_string(), ..Plan::default() }
    }

    /// With this Proxmox node. Several are one cluster.
    #[must_use]
    pub fn node(mut self, name: &str) -> Plan {
        self.nodes.push((name.to_string(), Kind::Proxmox));
        self
    }

    /// With this host of libvirt.
    #[must_use]
    pub fn libvirt(mut self, name: &str) -> Plan {
        self.nodes.push((name.to_string(), Kind::Libvirt));
        self
    }

    /// With this guest.
    #[must_use]
    pub fn guest(mut self, guest: GuestPlan) -> Plan {
        self.guests.push(guest);
        self
    }

    /// What each call of `qm` takes, in milliseconds; 400 where nothing is said, as the real one.
    #[must_use]
    pub fn slow(mut self, milliseconds: u64) -> Plan {
        self.slow = Some(milliseconds);
        self
    }

    /// It outlives this process, until it is taken down.
    #[must_use]
    pub fn stays(mut self) -> Plan {
        self.stays = true;
        self
    }
}

/// What is kept of a site, for other processes.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    holder: u32,
    /// When that process began, in ticks since the machine booted: a number may be used again.
    since: String,
    accelerator: String,
    nodes: Vec<Node>,
    guests: Vec<Guest>,
}

/// A site that is up. One that does not stay ends when this is dropped, or when the process ends.
#[derive(Debug)]
pub struct Site {
    /// Its files.
    pub folder: PathBuf,
    kept: Kept,
    child: Option<Child>,
}

impl Site {
    /// Makes everything that is not there yet, and brings the site up: nodes, then guests, until those that are meant to
    /// answer do.
    ///
    /// # Errors
    /// When this is not root, a program is missing, or something does not come up.
    pub fn up(plan: &Plan) -> Result<Site> {
        let mut boot = prepared()?;
        if plan.guests.iter().any(|guest| guest.debian) {
            boot.debian = Some(debian(&packages()?)?);
        }
        let qm = qm_program()?;
        reap();
        let folder = folder().join("sites").join(&plan.name);
        if let Ok(site) = Site::open(&plan.name) {
            return Err(format!("a site `{}` is up already (process {})", plan.name, site.kept.holder));
        }
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
        write(&folder.join("boot.json"), serde_json::to_string(&boot).map_err(|error| error.to_string())?)?;
        SCRIPTS.iter().try_for_each(|(name, text)| write(&folder.join(name), text))?;
        keys::make(&folder.join("id"), "testbed")?;

        let (child, holder) = hold(&folder, plan.stays)?;
        let since = began(holder).unwrap_or_default();
        let accelerator = boot.accelerator.name().to_string();
        let kept = Kept { holder, since, accelerator, nodes: Vec::new(), guests: Vec::new() };
        let mut site = Site { folder, kept, child: Some(child) };
        // From here on whoever breaks this off can take it down.
        site.keep()?;
        let raised = site.raise(plan, &qm);
        if raised.is_err() && plan.stays {
            site.down()?;
        }
        raised?;
        if plan.stays {
            // It is nobody's child from here on; whoever takes it down finds it by its number.
            site.child = None;
        }
        Ok(site)
    }

    /// A site that stays, by its name.
    ///
    /// # Errors
    /// When it is not up.
    pub fn open(name: &str) -> Result<Site> {
        let folder = folder().join("sites").join(name);
        let not_up = |_| format!("no site `{name}` is up");
        let text = std::fs::read_to_string(folder.join("site.json")).map_err(not_up)?;
        let kept: Kept = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", folder.display()))?;
        if began(kept.holder).as_ref() != Some(&kept.since) {
            return Err(format!("no site `{name}` is up"));
        }
        Ok(Site { folder, kept, child: None })
    }

    fn keep(&self) -> Result<()> {
        let text = serde_json::to_string(&self.kept).map_err(|error| error.to_string())?;
        write(&self.folder.join("site.json"), text)
    }

    fn raise(&mut self, plan: &Plan, qm: &Path) -> Result<()> {
        let site = &self.folder;
        let packages = packages()?.root;
        for (n, (name, kind)) in plan.nodes.iter().enumerate() {
            let node = Node {
                name: name.clone(),
                address: format!("10.77.0.{}", 11 + n),
                kind: *kind,
                site: site.clone(),
                holder: self.kept.holder,
                nodes: plan.nodes.iter().filter(|(_, kind)| *kind == Kind::Proxmox).count(),
                qm: qm.to_path_buf(),
                packages: packages.clone(),
            };
            std::fs::create_dir_all(node.folder()).map_err(at(site))?;
            node.set("slow", &plan.slow.unwrap_or(400).to_string())?;
            keys::make(&node.folder().join("hostkey"), name)?;
            self.kept.nodes.push(node);
        }
        let mut number = 100;
        for (n, guest) in plan.guests.iter().enumerate() {
            number += 1;
            let node = match &guest.node {
                Some(name) => self.node(name)?.clone(),
                None => self.kept.nodes.first().ok_or("a site needs a node")?.clone(),
            };
            let guest = Guest {
                name: guest.name.clone(),
                vmid: guest.vmid.unwrap_or(number),
                address: format!("10.77.{}.{}", 1 + n / 200, 1 + n % 200),
                node,
                plan: guest.clone(),
            };
            self.add(&guest)?;
            self.kept.guests.push(guest);
        }
        describe(&self.folder, &self.kept.nodes, &self.kept.guests)?;
        self.keep()?;
        for node in &self.kept.nodes {
            node.boot()?;
        }
        let mut coming: Vec<&Guest> = Vec::new();
        for guest in self.kept.guests.iter().filter(|guest| guest.plan.started) {
            if coming.len() >= AT_ONCE {
                coming.remove(0).answers()?;
            }
            guest.start()?;
            if guest.has_ssh() {
                coming.push(guest);
            }
        }
        coming.into_iter().try_for_each(Guest::answers)
    }

    /// Writes what a guest is: its keys, its card, and its configuration on the hypervisor.
    fn add(&self, guest: &Guest) -> Result<()> {
        let folder = guest.folder();
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
        keys::make(&folder.join("hostkey"), &guest.name)?;
        write(&folder.join("hostkey.dropbear"), keys::for_dropbear(&folder.join("hostkey"))?)?;
        let key = self.folder.join("id.pub");
        std::fs::copy(&key, folder.join("authorized_keys")).map_err(at(&key))?;
        let card = Card {
            name: guest.name.clone(),
            address: guest.address.clone(),
            system: guest.plan.system,
            debian: guest.plan.debian,
            words: guest.plan.words.clone(),
            restore: true,
            extra: Vec::new(),
        };
        card.write(&folder)?;
        if guest.plan.debian {
            let debian = boot(&self.folder)?.debian.ok_or("the Debian guest was not made")?;
            if guest.plan.container {
                return Err(format!("{}: a Debian guest is no container", guest.name));
            }
            debian.copy(&guest.disk())?;
        }
        if guest.node.kind == Kind::Libvirt {
            write_seed(&folder, &card)?;
            let boot = boot(&self.folder)?;
            return write(&folder.join("domain.xml"), libvirt::domain(guest, &boot, &uuid()?));
        }
        if guest.plan.container {
            let conf = format!(
                "arch: amd64\ncores: 1\nhostname: {}\nmemory: {}\nonboot: 1\nostype: debian\nunprivileged: 1\n",
                guest.name, guest.plan.memory
            );
            let file = format!("pve/nodes/{}/lxc/{}.conf", guest.node.name, guest.vmid);
            return write(&self.folder.join(file), conf);
        }
        let agent = match guest.plan.agent {
            Agent::On => "agent: 1\n",
            Agent::Off => "agent: 0\n",
            Agent::Unset => "",
        };
        let conf = format!(
            "{agent}balloon: 0\nboot:  \ncores: 1\nmemory: {}\nname: {}\nonboot: 1\nostype: l26\nsmbios1: uuid={}\n",
            guest.plan.memory,
            guest.name,
            uuid()?
        );
        let file = format!("pve/nodes/{}/qemu-server/{}.conf", guest.node.name, guest.vmid);
        write(&self.folder.join(file), conf)
    }

    /// The inventory, in the form of Ansible's; the folder above it is a site of hostler.
    pub fn inventory(&self) -> PathBuf {
        inventory(&self.folder)
    }

    /// Who carries out the guests' instructions: `kvm` or `tcg`.
    pub fn accelerator(&self) -> &str {
        &self.kept.accelerator
    }

    /// Process 1 of the site, as this machine numbers it.
    pub fn holder(&self) -> u32 {
        self.kept.holder
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.kept.nodes
    }

    /// All guests.
    pub fn guests(&self) -> &[Guest] {
        &self.kept.guests
    }

    /// A node by its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn node(&self, name: &str) -> Result<&Node> {
        self.kept.nodes.iter().find(|node| node.name == name).ok_or_else(|| format!("no node `{name}`"))
    }

    /// A guest by its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn guest(&self, name: &str) -> Result<&Guest> {
        self.kept.guests.iter().find(|guest| guest.name == name).ok_or_else(|| format!("no guest `{name}`"))
    }

    /// A program within the site's namespaces, which reaches nodes and guests; not started yet.
    pub fn enter(&self, program: &str) -> Command {
        enter(self.kept.holder, program)
    }

    /// Runs a line on a node or in a guest, over ssh, and gives what it prints.
    ///
    /// # Errors
    /// When it can not be reached, or the line fails.
    pub fn ssh(&self, host: &str, line: &str) -> Result<String> {
        output(self.enter("ssh").arg("-F").arg(self.folder.join("ssh_config")).args([host, line]))
    }

    /// Ends everything of the site and nothing else.
    ///
    /// # Errors
    /// When it does not end.
    pub fn down(&mut self) -> Result<()> {
        let holder = self.kept.holder;
        if began(holder).as_ref() == Some(&self.kept.since) {
            signal(holder, nix::sys::signal::Signal::SIGKILL)?;
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
        // The kernel ends whoever is in the namespace before its process 1 is gone.
        until("the end of the site", PATIENCE, || (began(holder).as_ref() != Some(&self.kept.since)).then_some(()))?;
        std::fs::remove_dir_all(&self.folder).map_err(at(&self.folder))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.child.is_some() {
            let _ = self.down();
        }
    }
}

/// The guest and how it is booted, made where they are not there yet.
///
/// # Errors
/// A sentence that says what is missing.
pub fn prepared() -> Result<Boot> {
    if !is_root() {
        return Err("the testbed makes namespaces and mounts, and needs root".to_string());
    }
    for (program, package) in [
        ("ip", "iproute2"),
        ("nsenter", "util-linux"),
        ("ssh", "openssh-client"),
        ("sshd", "openssh-server"),
        ("unshare", "util-linux"),
    ] {
        if find(program).is_none() {
            return Err(format!(
                "the testbed needs `{program}`, which does not run from an unpacked package: install {package}"
            ));
        }
    }
    let packages = packages()?;
    let image = image(&packages)?;
    let program = packages.run_as("kvm", "usr/bin/qemu-system-x86_64");
    let firmware: Vec<PathBuf> =
        ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"].map(|folder| packages.root.join(folder)).into();
    let mut boot = Boot {
        accelerator: accelerator(&program, &firmware, &image),
        modules: Some(packages.libraries().join("qemu")),
        kernel: image.kernel.clone(),
        initrd: image.initrd.clone(),
        golden: None,
        debian: None,
        program,
        firmware,
    };
    boot.golden = Some(golden(&image, &boot)?);
    Ok(boot)
}

/// How the guests of a site are booted.
fn boot(site: &Path) -> Result<Boot> {
    let file = site.join("boot.json");
    let text = std::fs::read_to_string(&file).map_err(at(&file))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The `qm` of this crate: beside the program that runs, or built now.
fn qm_program() -> Result<PathBuf> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = this.ancestors().skip(1).take(2).map(|folder| folder.join("qm")).find(|file| file.is_file());
    if let Some(file) = beside {
        return Ok(file);
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    output(
        Command::new(cargo)
            .args(["build", "--quiet", "-p", "testbed", "--bins"])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    )?;
    let file = folder().join("../debug/qm");
    file.canonicalize().map_err(at(&file))
}

/// The sites whose process is there no more; their files only.
fn reap() {
    let names: BTreeSet<String> = sites();
    for name in names.into_iter().filter(|name| Site::open(name).is_err()) {
        let folder = folder().join("sites").join(name);
        // One that is being made has no such file yet.
        if folder.join("site.json").exists() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The names of all sites that have files.
pub fn sites() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder().join("sites")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn uuid() -> Result<String> {
    let file = Path::new("/proc/sys/kernel/random/uuid");
    Ok(std::fs::read_to_string(file).map_err(at(file))?.trim().to_string())
}
