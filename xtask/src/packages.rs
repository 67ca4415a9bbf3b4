//! The programs that the tests run besides the project's own, and the Debian packages that hold them.

use std::path::Path;
use std::process::Command;

/// A program that tests start, and the package that it is in.
const PROGRAMS: [(&str, &str); 15] = [
    ("bash", "bash"),
    ("busybox", "busybox"),
    ("dash", "dash"),
    ("dbus-daemon", "dbus"),
    ("faketime", "faketime"),
    ("flock", "util-linux"),
    ("ip", "iproute2"),
    ("mkfs.ext4", "e2fsprogs"),
    ("nft", "nftables"),
    ("ps", "procps"),
    ("python3", "python3"),
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("sudo", "sudo"),
    ("systemd-run", "systemd"),
];

/// Where programs are; `sbin` is missing in the paths of plain users.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Keeps sshd from being started on every address when its package is installed (`invoke-rc.d` asks this file).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the packages whose programs are missing, with `apt-get`; says so before. Does nothing when all is there.
/// As root it asks nothing; else it goes through sudo, which may ask for a password.
///
/// # Errors
/// A sentence that says what to install by hand.
pub(crate) fn install() -> Result<(), String> {
    install_all(&missing())
}

/// The same for these programs alone.
///
/// # Errors
/// A sentence that says what to install by hand.
pub(crate) fn install_for(programs: &[&str]) -> Result<(), String> {
    let missing = PROGRAMS.iter().filter(|(program, _)| programs.contains(program) && find(program).is_none());
    install_all(&missing.map(|(_, package)| *package).collect::<Vec<_>>())
}

fn install_all(missing: &[&str]) -> Result<(), String> {
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if find("apt-get").is_none() {
        return Err(format!(
            "there is no apt-get here; install what these Debian packages hold, and try again: {list}"
        ));
    }
    let policy = !Path::new(POLICY).exists();
    let mut script = "set -e; export DEBIAN_FRONTEND=noninteractive\n".to_string();
    if policy {
        script.push_str(&format!("trap 'rm -f {POLICY}' EXIT\nprintf '#!/bin/sh\\nexit 101\\n' >{POLICY}\n"));
        script.push_str(&format!("chmod 755 {POLICY}\n"));
    }
    script.push_str("apt-get update -qq\n");
    script.push_str(&format!("apt-get install -qq -y --no-install-recommends --no-remove {list}\n"));
    let root = is_root();
    println!("installing for the tests{}: {list}", if root { "" } else { ", as root by sudo" });
    let mut command = if root { Command::new("sh") } else { Command::new("sudo") };
    if !root {
        command.arg("sh");
    }
    match command.args(["-c", &script]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get failed ({status}); install these by hand: {list}")),
        Err(error) => Err(format!("can not install as root ({error}); install these by hand: {list}")),
    }
}

/// Whether this is root: the test bed makes namespaces and mounts.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

fn missing() -> Vec<&'static str> {
    let mut packages: Vec<_> =
        PROGRAMS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    let has_venv = Command::new("python3").args(["-c", "import ensurepip"]).output().is_ok_and(|o| o.status.success());
    if !has_venv {
        packages.push("python3-venv");
    }
    if !has_pam_systemd() {
        packages.push("libpam-systemd");
    }
    packages
}

/// Modules of PAM are in a folder that is named after the machine's architecture.
fn has_pam_systemd() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.map(|folder| folder.path().join("security/pam_systemd.so")).any(|file| file.exists())
}

fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.iter().map(std::path::PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
