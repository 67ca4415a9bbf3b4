//! The Debian guest: a disk with systemd, apt and OpenSSH, installed of packages by their own dpkg, and the archive from
//! which the kernel finds it. Kept below `target/testbed/debian-KEY`, where the key is that of the packages and of the
//! scripts here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::cpio::Archive;
use crate::image::{MODULES, add_busybox, add_module, compressed, the_only};
use crate::packages::{Packages, download_all, hash, with_dependencies};
use crate::programs::{at, find, folder, once, output, write};

const BUILD: &str = include_str!("debian/build.sh");
const INIT: &str = include_str!("debian/init");

/// Its memory, in MiB.
pub const MEMORY: u32 = 512;

/// How long it is waited for until it is up: QEMU's translator takes half a minute where nothing else runs.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// What it is made of; what that depends on comes along. The first lines are what every Debian has.
const WANTED: [&str; 38] = [
    "base-files",
    "base-passwd",
    "bash",
    "bsdutils",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "libc-bin",
    "login",
    "mawk",
    "mount",
    "ncurses-base",
    "ncurses-bin",
    "passwd",
    "perl-base",
    "sed",
    "sysvinit-utils",
    "tar",
    "util-linux",
    // Without a question whether `/lib` is a link.
    "usr-is-merged",
    "adduser",
    "apt",
    "dbus",
    "debian-archive-keyring",
    "libpam-systemd",
    "openssh-server",
    "procps",
    "qemu-guest-agent",
    "systemd",
    "systemd-sysv",
    "udev",
];

/// Beside what the tiny guest's hardware needs: its file system, which asks for its checksums by name.
const DISK: [&str; 2] = ["crc32c_generic", "ext4"];

/// A Debian to boot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Debian {
    /// The disk that guests get copies of.
    pub disk: PathBuf,
    /// What the kernel begins with.
    pub initrd: PathBuf,
}

impl Debian {
    /// A disk of a guest's own.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn copy(&self, to: &Path) -> Result<()> {
        output(Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(&self.disk).arg(to)).map(drop)
    }
}

/// Makes it, where it is not made yet.
///
/// # Errors
/// When packages can not be had or installed; with the end of what was said, and the file that has all of it.
pub fn debian(packages: &Packages) -> Result<Debian> {
    let key = hash(&[packages.key.as_str(), BUILD, INIT, &WANTED.join(" "), &DISK.join(" ")].join("\n"));
    let folder = folder().join(format!("debian-{key:016x}"));
    let debian = Debian { disk: folder.join("disk"), initrd: folder.join("initrd.gz") };
    once(&folder.join("done"), || build(packages, &folder, &debian))?;
    Ok(debian)
}

fn build(packages: &Packages, folder: &Path, debian: &Debian) -> Result<()> {
    if find("mkfs.ext4").is_none() {
        return Err("the Debian guest's disk is made by `mkfs.ext4`: install e2fsprogs".to_string());
    }
    let debs = folder.join("debs");
    std::fs::create_dir_all(&debs).map_err(at(&debs))?;
    download_all(&debs, &|| with_dependencies(&WANTED))?;
    let (script, log) = (folder.join("build.sh"), folder.join("build.log"));
    write(&script, BUILD)?;
    let file = std::fs::File::create(&log).map_err(at(&log))?;
    let mut install = Command::new("unshare");
    install.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"]).arg(&script);
    install.arg(&debs).arg(folder.join("root")).arg(&debian.disk).stdin(std::process::Stdio::null());
    install.stdout(file.try_clone().map_err(at(&log))?).stderr(file);
    let status = install.status().map_err(|error| format!("unshare can not be started: {error}"))?;
    if !status.success() {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let end: Vec<&str> = said.lines().rev().take(5).collect();
        let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(format!("the Debian guest can not be made; all of it is in {}:\n{end}", log.display()));
    }
    std::fs::remove_dir_all(&debs).map_err(at(&debs))?;
    initrd(packages, &debian.initrd)
}

fn initrd(packages: &Packages, file: &Path) -> Result<()> {
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "lib", "lib/mod", "proc", "sys"] {
        archive.folder(folder);
    }
    add_busybox(&mut archive, packages)?;
    archive.file("init", 0o755, INIT.as_bytes());
    let modules = the_only(&packages.path("lib/modules"))?;
    let mut order = Vec::new();
    for module in MODULES.iter().chain(&DISK) {
        add_module(&mut archive, &modules, module, &mut order)?;
    }
    archive.file("lib/mod/order", 0o644, (order.join("\n") + "\n").as_bytes());
    compressed(archive, file)
}
