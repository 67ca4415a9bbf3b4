//! Machines of the test bed whose process 1 is systemd: each has a cgroup of its own below that of the test.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{Bed, Node, PATIENCE, banner, until};

/// What is in a machine's folder says that it has systemd.
pub const SYSTEMD: (&str, &str) = ("systemd", "");

/// Whether a machine with systemd can be run here. Where it can not, it says so, on the real standard output.
///
/// # Panics
/// When what it takes is not installed.
pub fn systemd_runs() -> bool {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    let tried = TRIED.get_or_init(try_it);
    if let Err(why) = tried {
        // libtest swallows what `println!` writes.
        let test = std::thread::current().name().unwrap_or("a test").to_string();
        let said = format!(
            "{test}: systemd can not be process 1 of a namespace here ({why}); only what is true without it is tested\n"
        );
        std::io::stdout().write_all(said.as_bytes()).unwrap();
    }
    tried.is_ok()
}

fn try_it() -> Result<(), String> {
    for (file, package) in [("/lib/systemd/systemd-logind", "systemd"), ("/usr/bin/dbus-daemon", "dbus")] {
        assert!(Path::new(file).exists(), "{file} (package {package}) is not here; `cargo xtask test` installs it");
    }
    home()?;
    let mut bed = Bed::new();
    let node = bed.add("trial", &[SYSTEMD]);
    let (address, port) = (node.address.clone(), node.port);
    bed.switch_on("trial");
    let deadline = Instant::now() + Duration::from_secs(20);
    while banner(&address, port).is_err() {
        if Instant::now() > deadline {
            let said = bed.node("trial").read("boot.log");
            return Err(said.trim().lines().last().unwrap_or("it does not come up").to_string());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The folder of this process's own cgroup, where others can be made below it.
fn home() -> Result<PathBuf, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let home = mount.zip(own).map(|(mount, own)| Path::new(mount).join(own));
    home.ok_or_else(|| "no cgroup2 is mounted".to_string())
}

/// A cgroup for a machine; `reap` finds by its name whose it was.
pub(super) fn make(bed: &Path, name: &str) -> PathBuf {
    let bed = bed.file_name().unwrap().to_str().unwrap();
    let cgroup = home().unwrap().join(format!("hostler-{bed}-{name}"));
    fs::create_dir_all(&cgroup).unwrap_or_else(|error| panic!("{}: {error}", cgroup.display()));
    cgroup
}

/// Takes a machine's cgroup away; its processes have been ended.
pub(super) fn remove(cgroup: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while cgroup.exists() && Instant::now() < deadline {
        take_down(cgroup);
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn take_down(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            take_down(&entry.path());
        }
    }
    // One that a process is in stays.
    let _ = fs::remove_dir(cgroup);
}

/// Removes the cgroups of tests that were killed; their machines ended with them.
pub(super) fn reap() {
    let Ok(home) = home() else { return };
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("hostler-bed-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            take_down(&entry.path());
        }
    }
}

/// The machine's process 1, as this machine numbers it, by the cgroup that systemd makes for itself.
pub(super) fn init(cgroup: &Path) -> Option<u32> {
    let line = format!("/{}/init.scope", cgroup.file_name()?.to_str()?);
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let read = |pid: &u32, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    pids.into_iter().find(|pid: &u32| {
        read(pid, "cgroup").lines().any(|cgroup| cgroup.starts_with("0::") && cgroup.ends_with(&line))
            && read(pid, "status").lines().any(|ids| ids.starts_with("NSpid:") && ids.ends_with("\t1"))
    })
}

impl Node {
    /// Runs a shell line on the machine until it succeeds.
    pub fn until(&self, line: &str) {
        until(&format!("`{line}` on {}", self.name), || self.output(&["sh", "-c", line]).status.success());
    }
}
