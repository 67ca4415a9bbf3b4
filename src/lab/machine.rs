//! A machine of the simulated site.

/// How a machine is. Fields are public so that a test can make it other than well.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its inventory name.
    pub name: String,
    /// Whether it runs guests.
    pub is_hypervisor: bool,
    /// Its hypervisor, when it is a guest.
    pub hypervisor: Option<String>,
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
    /// Whether the power is on.
    pub running: bool,
    /// Whether ssh answers.
    pub ssh: bool,
    /// Whether the guest agent is installed.
    pub has_agent: bool,
    /// Whether the guest agent answers.
    pub agent_answers: bool,
    /// Whether it comes up when it is switched on.
    pub boots: bool,
    /// Whether it shuts down when it is asked to.
    pub obeys: bool,
    /// Whether the hypervisor starts it after `qm reboot`.
    pub starts_again: bool,
    /// Whether it wants a restart.
    pub reboot_required: bool,
    /// How often it has booted.
    pub boot: u32,
    /// When it last booted, in milliseconds of the run.
    pub booted_at: u64,
    /// How long it had been up when the run began, in milliseconds.
    pub uptime_before: u64,
}

impl Machine {
    pub(super) fn new(name: &str) -> Machine {
        Machine {
            name: name.to_string(),
            is_hypervisor: false,
            hypervisor: None,
            identity: None,
            guest_name: name.to_string(),
            uuid: None,
            template: false,
            lock: None,
            running: true,
            ssh: true,
            has_agent: true,
            agent_answers: true,
            boots: true,
            obeys: true,
            starts_again: true,
            reboot_required: false,
            boot: 1,
            booted_at: 0,
            uptime_before: 12 * 86_400_000,
        }
    }

    pub(super) fn off(&mut self) {
        self.running = false;
        self.ssh = false;
        self.agent_answers = false;
    }

    pub(super) fn on(&mut self, now: u64) {
        self.running = true;
        self.boot += 1;
        self.booted_at = now;
        self.uptime_before = 0;
        self.reboot_required = false;
    }

    /// How long it takes to boot, in milliseconds: its own, and the same in every run.
    pub(super) fn boot_time(&self) -> u64 {
        14_000 + u64::from(self.seed() % 9_000)
    }

    /// The id of this boot.
    pub(super) fn boot_id(&self) -> String {
        let seed = self.seed();
        let mixed = seed.rotate_left(self.boot * 7).wrapping_mul(2_654_435_761).wrapping_add(self.boot);
        format!("{mixed:08x}-{:04x}-4000-8000-{:012x}", self.boot, seed)
    }

    /// The hypervisor's process for it and that process's start.
    pub(super) fn process(&self) -> String {
        format!("{}:{}", 1000 + self.seed() % 60_000 + self.boot, self.booted_at / 10 + 4_711)
    }

    fn seed(&self) -> u32 {
        self.name.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
    }
}
