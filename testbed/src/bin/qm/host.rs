//! The node that this runs on, and its guests as its files show them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::fcntl::{Flock, FlockArg};
use testbed::Result;
use testbed::boot::{Boot, Machine};
use testbed::guest::Card;
use testbed::qmp::{Monitor, Silence};

/// Where QEMU's process ids and sockets are.
pub(crate) const RUN: &str = "/run/qemu-server";

/// How long QEMU's monitor is waited for.
pub(crate) const MONITOR: Duration = Duration::from_secs(5);

/// How long a second command waits for a guest's lock file.
const LOCK: Duration = Duration::from_secs(10);

/// This node.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) site: PathBuf,
    /// Whose texts: those of qemu-server 8 or 9.
    pub(crate) release: u32,
}

/// A guest of it.
pub(crate) struct Vm {
    pub(crate) id: String,
    /// Its configuration, line for line.
    pub(crate) settings: BTreeMap<String, String>,
    /// The testbed's folder of it.
    pub(crate) folder: PathBuf,
}

impl Host {
    pub(crate) fn here() -> Result<Host> {
        let text = fs::read_to_string("/etc/testbed").map_err(|error| format!("/etc/testbed: {error}"))?;
        let mut lines = text.lines();
        let site = PathBuf::from(lines.next().unwrap_or_default());
        let name = lines.next().unwrap_or_default().to_string();
        let mut host = Host { name, site, release: 8 };
        host.release = host.knob("release").unwrap_or(8);
        Ok(host)
    }

    fn folder(&self) -> PathBuf {
        self.site.join("nodes").join(&self.name)
    }

    fn knob<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        fs::read_to_string(self.folder().join(name)).ok()?.trim().parse().ok()
    }

    /// What a call takes before it looks at anything: the real one starts Perl.
    pub(crate) fn slow(&self) -> Duration {
        Duration::from_millis(self.knob("slow").unwrap_or(400))
    }

    /// Writes down that it was called.
    pub(crate) fn called(&self, program: &str, words: &[String]) {
        append(&self.folder().join(format!("{program}.log")), &format!("{} {}\n", now(), words.join(" ")));
    }

    /// Writes down that a QEMU, or a container, was started.
    pub(crate) fn started(&self, id: &str, pid: u32, how: &str) {
        append(&self.site.join("starts.log"), &format!("{} {} {id} {pid} {how}\n", now(), self.name));
    }

    pub(crate) fn boot(&self) -> Result<Boot> {
        let file = self.site.join("boot.json");
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// A guest, where this node has it.
    pub(crate) fn vm(&self, id: &str) -> Option<Vm> {
        Some(Vm { id: id.to_string(), settings: settings(&conf(id))?, folder: self.site.join("vms").join(id) })
    }

    /// The guests of this node, by their numbers.
    pub(crate) fn vms(&self) -> Vec<Vm> {
        ids("/etc/pve/qemu-server").iter().filter_map(|id| self.vm(id)).collect()
    }
}

impl Vm {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    pub(crate) fn name(&self) -> String {
        self.get("name").map_or_else(|| format!("VM {}", self.id), str::to_string)
    }

    /// Whether the agent is asked before the power button is pressed.
    pub(crate) fn has_agent(&self) -> bool {
        let first = self.get("agent").and_then(|value| value.split(',').next()).unwrap_or_default();
        matches!(first.trim_start_matches("enabled="), "1" | "on" | "yes" | "true")
    }

    /// Writes its configuration.
    pub(crate) fn save(&self) -> Result<()> {
        save(&conf(&self.id), &self.settings)
    }

    fn run(&self, ending: &str) -> PathBuf {
        Path::new(RUN).join(format!("{}.{ending}", self.id))
    }

    pub(crate) fn pid_file(&self) -> PathBuf {
        self.run("pid")
    }

    /// There while `qm reboot` wants it started again.
    pub(crate) fn reboot_file(&self) -> PathBuf {
        self.run("reboot")
    }

    /// The process of its QEMU, where that lives.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        lives(pid).then_some(pid)
    }

    pub(crate) fn monitor(&self, patience: Duration) -> std::result::Result<Monitor, Silence> {
        Monitor::open(&self.run("qmp"), patience)
    }

    pub(crate) fn agent_socket(&self) -> PathBuf {
        self.run("qga")
    }

    /// The state that QEMU says it is in; nothing where it does not answer.
    pub(crate) fn state(&self) -> Option<String> {
        let mut monitor = self.monitor(MONITOR).ok()?;
        let said = monitor.ask("query-status", serde_json::Value::Null).ok()?;
        said["status"].as_str().map(str::to_string)
    }

    /// As it is shown: QEMU's own word, and `running` for one that does not answer.
    pub(crate) fn shown(&self) -> String {
        match self.pid() {
            None => "stopped".to_string(),
            Some(_) => self.state().unwrap_or_else(|| "running".to_string()),
        }
    }

    /// What QEMU is told of it, from its configuration and its card.
    pub(crate) fn machine(&self, card: &Card) -> Machine {
        Machine {
            vmid: self.id.parse().unwrap_or_default(),
            name: card.name.clone(),
            address: card.system.then(|| card.address.clone()),
            memory: self.get("memory").and_then(|value| value.parse().ok()).unwrap_or(512),
            agent_port: self.has_agent(),
            system: card.system,
            seed: self.folder.join("seed"),
            disk: card.debian.then(|| self.folder.join("disk")),
            console: self.folder.join("console"),
        }
    }

    /// Its lock file, tried at once. It goes back with what is returned.
    pub(crate) fn try_lock(&self) -> Option<Flock<fs::File>> {
        try_lock(&self.lock_file())
    }

    /// The same, waited for.
    pub(crate) fn wait_lock(&self) -> Option<Flock<fs::File>> {
        wait_lock(&self.lock_file())
    }

    pub(crate) fn lock_file(&self) -> String {
        format!("/var/lock/qemu-server/lock-{}.conf", self.id)
    }
}

fn conf(id: &str) -> String {
    format!("/etc/pve/qemu-server/{id}.conf")
}

/// The numbers of the configurations in a folder, the smallest first.
pub(crate) fn ids(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".conf").map(str::to_string));
    let mut ids: Vec<String> = names.collect();
    ids.sort_by_key(|id| id.parse::<u64>().unwrap_or_default());
    ids
}

/// What a configuration says, without its snapshots.
pub(crate) fn settings(file: &str) -> Option<BTreeMap<String, String>> {
    let text = fs::read_to_string(file).ok()?;
    let lines = text.lines().take_while(|line| !line.starts_with('['));
    Some(lines.filter_map(|line| line.split_once(": ")).map(|(key, value)| (key.into(), value.into())).collect())
}

/// Writes a configuration.
pub(crate) fn save(file: &str, settings: &BTreeMap<String, String>) -> Result<()> {
    let text: String = settings.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    // Renamed into its place, so that nobody reads a half of it.
    let part = format!("/etc/pve/nodes/.part.{}", std::process::id());
    fs::write(&part, text).and_then(|()| fs::rename(&part, file)).map_err(|error| format!("{file}: {error}"))
}

/// A lock file, tried at once.
pub(crate) fn try_lock(file: &str) -> Option<Flock<fs::File>> {
    let _ = Path::new(file).parent().map(fs::create_dir_all);
    let file = fs::OpenOptions::new().create(true).append(true).open(file).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

/// The same, waited for.
pub(crate) fn wait_lock(file: &str) -> Option<Flock<fs::File>> {
    let deadline = Instant::now() + LOCK;
    loop {
        if let Some(lock) = try_lock(file) {
            return Some(lock);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a process is there and not only remembered.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Seconds of the clock, with three digits behind the point.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", now.as_secs(), now.subsec_millis())
}

/// One write, so that lines of several processes do not mix.
fn append(file: &Path, line: &str) {
    if let Ok(mut file) = fs::OpenOptions::new().create(true).append(true).open(file) {
        let _ = file.write_all(line.as_bytes());
    }
}
