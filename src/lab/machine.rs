//! A machine of the simulated site.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pattern::Pattern;
use crate::code::{HostFacts, Role};
use crate::machine::Reply;

/// How long an agent is waited for, in milliseconds (qemu-server's `guest-ping`).
pub(super) const AGENT_PATIENCE: u64 = 3_000;

/// How a machine is. Fields are public so that a test can make it other than well.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its inventory name.
    pub name: String,
    /// Its address, where the plan's code knows it.
    pub address: Option<String>,
    /// Whether it runs guests.
    pub is_hypervisor: bool,
    /// Its hypervisor, when it is a guest.
    pub hypervisor: Option<String>,
    /// The driver of its kind of guest.
    pub driver: String,
    /// Its id there.
    pub identity: Option<String>,
    /// Its name there.
    pub guest_name: String,
    /// Its UUID there.
    pub uuid: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// The lock that holds it.
    pub lock: Option<String>,
    /// Until when something else holds its lock file, in milliseconds of the run.
    pub busy_until: u64,
    /// The call of `qm` that holds its lock file.
    pub(super) file: Option<u64>,
    /// The state that its cluster was asked to keep, where one manages it: `started`, `stopped`; empty where it was added
    /// without one, which means `started`.
    pub ha: Option<String>,
    /// Whether the power is on.
    pub running: bool,
    /// Whether its processors are halted.
    pub paused: bool,
    /// Whether its memory was saved as it went off, and comes back with its next start (libvirt).
    pub saved: bool,
    /// Why it is in its power state, as libvirt says it.
    pub(super) state_reason: &'static str,
    /// Whether its QEMU takes no questions: it hangs, or was stopped by a signal.
    pub frozen: bool,
    /// How many connections to its agent it has let wait since.
    pub(super) unanswered: u32,
    /// Further settings of its configuration. Without any it has two cores.
    pub settings: BTreeMap<String, String>,
    /// Settings that `qm` does not understand, and what it says of them.
    pub odd_settings: Vec<(String, String)>,
    /// Its snapshots.
    pub snapshots: Vec<String>,
    /// The size of its first disk, in GiB.
    pub disk: u32,
    /// What QEMU prints, and `qm` then says, instead of starting.
    pub start_fails: Option<(String, String)>,
    /// Whether ssh answers.
    pub ssh: bool,
    /// Ports that nothing listens on, besides those that nobody asks about.
    pub closed_ports: BTreeSet<u16>,
    /// Whether its hypervisor starts it after its own boot.
    pub starts_with_host: bool,
    /// Whether it comes up when it is switched on.
    pub boots: bool,
    /// How long that takes, in milliseconds, where it is not as long as usual.
    pub boot_takes: Option<u64>,
    /// Whether it shuts down when it is asked to.
    pub obeys: bool,
    /// How long it takes to shut down, in milliseconds.
    pub shutdown_takes: u64,
    /// How long QEMU takes to quit, beyond the usual, in milliseconds.
    pub quit_takes: u64,
    /// It was asked to shut down, and does.
    pub(super) going_off: bool,
    /// Whether the hypervisor starts it after `qm reboot`.
    pub starts_again: bool,
    /// Whether `qm reboot` asked for that.
    pub(super) reboot_asked: bool,
    /// On a hypervisor: the release of Proxmox VE, 8 or 9.
    pub release: u32,
    /// On a hypervisor: whether tasks that end at the same moment wait for each other's line in the list of tasks.
    pub tasks_race: bool,
    /// On a hypervisor: whether its cluster file system takes nothing that is written.
    pub cluster_read_only: bool,
    /// On a hypervisor: whether the services of its cluster's high availability run, so that what they are asked is done.
    pub ha_runs: bool,
    /// On a hypervisor: whether `ha-manager` is not installed.
    pub ha_missing: bool,
    /// On a hypervisor: whether its cluster file system is down.
    pub cluster_down: bool,
    /// On a hypervisor: the cleanup of a guest that was started again at once holds its lock for 30 s, as since
    /// Proxmox VE 9.1.13.
    pub cleanup_holds_lock: bool,

    /// Whether the guest agent is installed.
    pub has_agent: bool,
    /// Whether its service runs.
    pub agent_runs: bool,
    /// What `systemctl is-enabled` says of it; Debian's unit is static.
    pub agent_enabled: String,
    /// Whether the guest agent answers.
    pub agent_answers: bool,
    /// It runs, and does not answer however often it is started.
    pub agent_broken: bool,
    /// Whether the virtual machine's configuration has the agent's device.
    pub agent_set: bool,
    /// Whether the running virtual machine has it: only a cold start brings it.
    pub agent_device: bool,
    /// Whether that configuration says `agent: 0`.
    pub agent_off: bool,
    /// What the agent answers to `qm guest cmd ID …`, where that is not the usual.
    pub agent_says: BTreeMap<String, Value>,
    /// Its version.
    pub agent_version: String,
    /// How long each of its answers takes, in milliseconds.
    pub agent_takes: u64,
    /// Whether the agent never answers to `guest-shutdown`.
    pub agent_shutdown_hangs: bool,
    /// How many commands it was given.
    pub(super) execs: u32,
    /// Programs that it has not.
    pub has_not: BTreeSet<String>,
    /// What it answers to commands: the first that fits.
    pub taught: Vec<Taught>,
    /// Whether the agent refuses `guest-shutdown`.
    pub agent_refuses_shutdown: bool,
    /// Whether the agent refuses `guest-exec`.
    pub agent_refuses_exec: bool,
    /// A drop-in that takes the power away when the agent's service stops.
    pub agent_poweroff: Option<String>,
    /// Whether systemd has read that drop-in.
    pub agent_poweroff_loaded: bool,

    /// The kernel that runs.
    pub kernel: String,
    /// The newest kernel that is installed.
    pub installed_kernel: String,
    /// How many packages an upgrade would replace.
    pub upgrades: u32,
    /// The kernel among them.
    pub new_kernel: Option<String>,
    /// Whether the guest agent is among them.
    pub upgrades_agent: bool,
    /// Whether the system marks that it wants a restart: Ubuntu does, Debian does not.
    pub marks_restart: bool,
    /// Whether that mark is there.
    pub reboot_required: bool,
    /// Who holds the package system's locks, and until when.
    pub package_lock: Option<(String, u64)>,
    /// Whether an earlier run of dpkg was interrupted.
    pub dpkg_interrupted: bool,
    /// How many times the package sources can not be read.
    pub sources_fail: u32,
    /// Services that run on an older library than is installed.
    pub outdated_services: Vec<String>,
    /// Free room in its file systems, in KiB.
    pub free: u64,
    /// How much of that is taken by packages that were downloaded, in KiB.
    pub cached: u64,
    /// Services that are not active, or not enabled. Those that are not named are both.
    pub services: BTreeMap<String, Unit>,
    /// On a backup server: how many tasks run.
    pub tasks: u32,
    /// On a hypervisor: whether its cluster has quorum.
    pub quorum: bool,
    /// On a hypervisor: whether ZFS is well.
    pub pools_healthy: bool,
    /// The address that it gives for a name, as a name server.
    pub answers: String,

    /// How often it has booted.
    pub boot: u32,
    /// When it last booted, in milliseconds of the run.
    pub booted_at: u64,
    /// Whether its kernel, and with it the boot id, is its host's: a container's is.
    pub shares_boot_id: bool,
    /// Until when it stands still, in milliseconds of the run.
    pub(super) still_until: u64,
    /// How often the hypervisor has started a process for it.
    pub starts: u32,
    /// When it last did, in milliseconds of the run.
    pub started_at: u64,
    /// When its power last went off, in milliseconds of the run.
    pub off_at: Option<u64>,
    /// How long it had been up when the run began, in milliseconds.
    pub uptime_before: u64,
}

/// What a machine answers to a command.
#[derive(Clone, Debug)]
pub struct Taught {
    /// To what.
    pub to: Pattern,
    /// How often it is still given; without it, always.
    pub times: Option<u32>,
    /// How long it takes, in milliseconds.
    pub takes: u64,
    /// The answer.
    pub reply: Reply,
}

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Whether it runs.
    pub active: bool,
    /// Whether it is started at boot.
    pub enabled: bool,
    /// Whether it comes up when it is started.
    pub starts: bool,
}

impl Default for Unit {
    fn default() -> Self {
        Unit { active: true, enabled: true, starts: true }
    }
}

impl Machine {
    pub(super) fn new(name: &str) -> Machine {
        Machine {
            name: name.to_string(),
            address: None,
            is_hypervisor: false,
            hypervisor: None,
            driver: String::new(),
            identity: None,
            guest_name: name.to_string(),
            uuid: None,
            template: false,
            lock: None,
            busy_until: 0,
            file: None,
            ha: None,
            running: true,
            paused: false,
            saved: false,
            state_reason: "booted",
            frozen: false,
            unanswered: 0,
            settings: BTreeMap::new(),
            odd_settings: Vec::new(),
            snapshots: Vec::new(),
            disk: 32,
            start_fails: None,
            ssh: true,
            closed_ports: BTreeSet::new(),
            starts_with_host: true,
            boots: true,
            boot_takes: None,
            obeys: true,
            shutdown_takes: 6_000,
            quit_takes: 0,
            going_off: false,
            starts_again: true,
            reboot_asked: false,
            release: 9,
            tasks_race: false,
            cluster_read_only: false,
            ha_runs: true,
            ha_missing: false,
            cluster_down: false,
            cleanup_holds_lock: false,
            has_agent: true,
            agent_runs: true,
            agent_enabled: "static".to_string(),
            agent_answers: true,
            agent_broken: false,
            agent_set: true,
            agent_device: true,
            agent_off: false,
            agent_says: BTreeMap::new(),
            agent_version: "8.2.2".to_string(),
            agent_takes: 0,
            agent_shutdown_hangs: false,
            execs: 0,
            has_not: BTreeSet::new(),
            taught: Vec::new(),
            agent_refuses_shutdown: false,
            agent_refuses_exec: false,
            agent_poweroff: None,
            agent_poweroff_loaded: false,
            kernel: "6.12.43+deb13-amd64".to_string(),
            installed_kernel: "6.12.43+deb13-amd64".to_string(),
            upgrades: 12,
            new_kernel: Some("6.12.48+deb13-amd64".to_string()),
            upgrades_agent: false,
            marks_restart: false,
            reboot_required: false,
            package_lock: None,
            dpkg_interrupted: false,
            sources_fail: 0,
            outdated_services: Vec::new(),
            free: 24_000_000,
            cached: 0,
            services: BTreeMap::new(),
            tasks: 0,
            quorum: true,
            pools_healthy: true,
            answers: "192.0.2.80".to_string(),
            boot: 1,
            booted_at: 0,
            shares_boot_id: false,
            still_until: 0,
            starts: 1,
            started_at: 0,
            off_at: None,
            uptime_before: 12 * 86_400_000,
        }
    }

    /// A machine as the inventory describes it: hypervisors run Proxmox's kernel, guests Ubuntu's, the rest Debian's.
    pub(super) fn of(name: &str, facts: &HostFacts) -> Machine {
        let mut machine = Machine::new(name);
        machine.driver = facts.driver.clone();
        machine.address = facts.variables.get("ansible_host").and_then(|value| value.as_str()).map(str::to_string);
        let kernels = match facts.role {
            Role::Hypervisor => {
                machine.is_hypervisor = true;
                Some(("6.17.2-1-pve", "6.17.4-1-pve"))
            }
            Role::Guest => {
                machine.hypervisor = facts.hypervisor.clone();
                machine.identity = facts.identity.clone();
                machine.guest_name = facts.guest_name.clone();
                machine.uuid = facts.guest_uuid.clone();
                machine.marks_restart = true;
                Some(("6.8.0-41-generic", "6.8.0-45-generic"))
            }
            Role::Undetermined => {
                // Its hypervisor knows the id that the inventory does not.
                machine.hypervisor = facts.hypervisor.clone();
                machine.guest_name = facts.guest_name.clone();
                machine.identity = Some(machine.made_up_identity());
                None
            }
            Role::BareMetal => None,
        };
        if let Some((old, new)) = kernels {
            machine.kernel = old.to_string();
            machine.installed_kernel = old.to_string();
            machine.new_kernel = Some(new.to_string());
        }
        if machine.is_container() {
            machine.new_kernel = None;
            machine.has_agent = false;
            machine.agent_answers = false;
            machine.shares_boot_id = true;
        }
        machine
    }

    pub(super) fn is_container(&self) -> bool {
        self.driver == "proxmox_ct"
    }

    pub(super) fn off(&mut self, now: u64) {
        self.running = false;
        self.paused = false;
        self.frozen = false;
        self.unanswered = 0;
        self.going_off = false;
        self.ssh = false;
        self.agent_answers = false;
        self.off_at = Some(now);
        // Whoever held the package system is gone with it.
        self.package_lock = None;
    }

    /// A cold start: the configuration applies.
    pub(super) fn on(&mut self, now: u64) {
        self.running = true;
        self.starts += 1;
        self.started_at = now;
        self.agent_device = self.agent_set && !self.agent_off;
        self.restarts(now);
    }

    /// A start that brings its memory back.
    pub(super) fn restored(&mut self, now: u64) {
        self.running = true;
        self.saved = false;
        self.starts += 1;
        self.started_at = now;
        self.ssh = true;
        self.agent_answers = self.agent_works();
    }

    /// Its system begins anew.
    pub(super) fn restarts(&mut self, now: u64) {
        self.ssh = false;
        self.agent_answers = false;
        self.going_off = false;
        self.package_lock = None;
        self.boot += 1;
        self.booted_at = now;
        self.uptime_before = 0;
        self.reboot_required = false;
        self.kernel = self.installed_kernel.clone();
        self.agent_runs = !matches!(self.agent_enabled.as_str(), "disabled" | "masked");
        self.outdated_services.clear();
        for unit in self.services.values_mut() {
            unit.active = unit.enabled && unit.starts;
        }
    }

    /// Whether the agent answers before nobody waits for it any more.
    pub(super) fn agent_is_heard(&self) -> bool {
        self.agent_answers && self.agent_takes < AGENT_PATIENCE
    }

    /// Whether the agent can answer once its service runs.
    pub(super) fn agent_works(&self) -> bool {
        self.running && !self.paused && self.has_agent && self.agent_runs && self.agent_device && !self.agent_broken
    }

    /// How long it takes to boot, in milliseconds: its own, and the same in every run.
    pub(super) fn boot_time(&self) -> u64 {
        let usual = if self.is_container() { 2_500 } else { 14_000 + u64::from(self.seed() % 9_000) };
        self.boot_takes.unwrap_or(usual)
    }

    /// The id of this boot.
    pub(super) fn boot_id(&self) -> String {
        let seed = self.seed();
        let boot = if self.shares_boot_id { 1 } else { self.boot };
        let mixed = seed.rotate_left(boot * 7).wrapping_mul(2_654_435_761).wrapping_add(boot);
        format!("{mixed:08x}-{boot:04x}-4000-8000-{seed:012x}")
    }

    /// The hypervisor's process for it and that process's start.
    pub(super) fn process(&self) -> String {
        format!("{}:{}", self.pid(), self.started_at / 10 + 4_711)
    }

    /// The hypervisor's process for it.
    pub(super) fn pid(&self) -> u32 {
        1000 + self.seed() % 60_000 + self.starts
    }

    /// Whether its system has booted.
    pub(super) fn is_up(&self, now: u64) -> bool {
        self.running && self.boots && now.saturating_sub(self.booted_at) + self.uptime_before >= self.boot_time()
    }

    /// Why it wants a restart, as the script of that name prints it.
    pub(super) fn reboot_reason(&self) -> String {
        if self.reboot_required {
            return format!("/run/reboot-required: linux-base linux-image-{}", self.installed_kernel);
        }
        if self.kernel != self.installed_kernel && !self.is_container() {
            return format!("kernel {} is installed, {} runs", self.installed_kernel, self.kernel);
        }
        String::new()
    }

    /// An id of the driver's kind.
    fn made_up_identity(&self) -> String {
        if self.driver == "libvirt" { self.name.clone() } else { (1_000 + self.seed() % 9_000).to_string() }
    }

    fn seed(&self) -> u32 {
        self.name.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
    }
}
