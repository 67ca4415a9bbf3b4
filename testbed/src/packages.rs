//! Debian packages, fetched with `apt-get download` and unpacked into a folder. Nothing is installed.
//!
//! The set is worked out as for a machine that has nothing, so it holds its own C library and loader, and neither what is
//! installed here nor what is not can disagree with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::programs::{at, folder, once, output};

/// What the testbed is made of.
const WANTED: [&str; 7] = [
    "qemu-system-x86",
    "qemu-guest-agent",
    "dropbear-bin",
    "busybox-static",
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "libvirt-clients",
];

/// The package that names the kernel of the day.
const KERNEL: &str = "linux-image-cloud-amd64";

/// What dependencies bring along and nothing here runs or loads.
const LEFT_OUT: [&str; 16] = [
    "adduser",
    "coreutils",
    "debconf",
    "dpkg",
    "gcc-12-base",
    "gcc-14-base",
    "init-system-helpers",
    "iso-codes",
    "openssl",
    "passwd",
    "perl",
    "perl-base",
    "runit-helper",
    "tar",
    "ucf",
    "xkb-data",
];

/// Links to folders stay what they are.
const UNPACK: &str = r#"dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2""#;

/// Unpacked packages.
#[derive(Clone, Debug)]
pub struct Packages {
    /// The folder that they were unpacked into, as it were `/`.
    pub root: PathBuf,
    /// Changes when any version does.
    pub key: String,
}

/// Fetches and unpacks what is not there yet. Versions that were fetched are kept: newer ones come with
/// `rm -r target/testbed/packages`.
///
/// # Errors
/// When there is no apt, no network and nothing fetched before, or no room.
pub fn packages() -> Result<Packages> {
    let base = folder().join("packages");
    // Another set, or another way to unpack it, is another mark.
    let set = [WANTED.join(" "), LEFT_OUT.join(" "), UNPACK.to_string()].join("\n");
    let done = base.join(format!("done-{:016x}", hash(&set)));
    once(&done, || fetch(&base))?;
    let key = std::fs::read_to_string(base.join("key")).map_err(at(&base))?;
    Ok(Packages { root: base.join("root"), key: key.trim().to_string() })
}

impl Packages {
    /// A file or folder of the packages.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The loader of the unpacked C library.
    fn loader(&self) -> PathBuf {
        self.path("lib64/ld-linux-x86-64.so.2")
    }

    /// Where the unpacked libraries are.
    pub fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib/x86_64-linux-gnu")
    }

    /// The words that run an unpacked program with its own libraries, and what it calls itself; its arguments follow.
    pub fn run_as(&self, name: &str, program: &str) -> Vec<String> {
        let mut words = self.run(program);
        words.splice(1..1, ["--argv0".to_string(), name.to_string()]);
        words
    }

    /// The words that run an unpacked program with its own libraries; its arguments follow.
    pub fn run(&self, program: &str) -> Vec<String> {
        let libraries = self.libraries().display().to_string();
        vec![
            self.loader().display().to_string(),
            "--library-path".to_string(),
            libraries,
            self.root.join(program).display().to_string(),
        ]
    }
}

fn fetch(base: &Path) -> Result<()> {
    if crate::programs::find("apt-get").is_none() {
        return Err("the testbed is made of Debian packages, and there is no apt-get here".to_string());
    }
    let (debs, root) = (base.join("debs"), base.join("root"));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&debs).map_err(at(&debs))?;
    // As on an installed machine: what older packages put into `/lib` lies in `/usr/lib`.
    for name in ["bin", "lib", "lib64", "sbin"] {
        let below = Path::new("usr").join(name);
        std::fs::create_dir_all(root.join(&below)).map_err(at(&root))?;
        std::os::unix::fs::symlink(&below, root.join(name)).map_err(at(&root))?;
    }
    download_all(&debs, &resolve)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(&debs)
        .map_err(at(&debs))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.extension().is_some_and(|ending| ending == "deb"))
        .collect();
    files.sort();
    unpack(&files, &root)?;
    let key: Vec<_> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    crate::programs::write(&base.join("key"), format!("{:016x}\n", hash(&key.join("\n"))))?;
    for file in files {
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

/// Fetches what is named, and reads the lists of packages anew where they are of no use.
pub(crate) fn download_all(debs: &Path, resolve: &dyn Fn() -> Result<Vec<String>>) -> Result<()> {
    let names = match resolve() {
        Ok(names) => names,
        // No lists, or old ones.
        Err(_) => {
            update()?;
            resolve()?
        }
    };
    if download(debs, &names).is_err() {
        // Versions that the lists name may have left the archive.
        update()?;
        download(debs, &resolve()?)?;
    }
    Ok(())
}

fn update() -> Result<()> {
    if !crate::programs::is_root() {
        return Err("the lists of packages are empty or old: run `apt-get update` as root".to_string());
    }
    output(Command::new("apt-get").args(["update", "-qq"])).map(drop)
}

/// The packages and all that they depend on, as for a machine without any.
pub(crate) fn with_dependencies(wanted: &[&str]) -> Result<Vec<String>> {
    let mut simulate = Command::new("apt-get");
    simulate.args(["-s", "-o", "Dir::State::status=/dev/null", "install", "--no-install-recommends"]).args(wanted);
    let planned = output(simulate.env("LC_ALL", "C"))?;
    let lines = planned.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    Ok(lines.map(str::to_string).collect())
}

/// What the testbed is made of, and a kernel.
fn resolve() -> Result<Vec<String>> {
    let mut names = with_dependencies(&WANTED)?;
    names.retain(|name| !LEFT_OUT.contains(&name.as_str()) && !name.starts_with("perl-modules"));
    let kernel = output(Command::new("apt-cache").args(["depends", "--important", KERNEL]).env("LC_ALL", "C"))?;
    let kernel = kernel.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    names.push(kernel.ok_or_else(|| format!("{KERNEL} names no kernel"))?.to_string());
    Ok(names)
}

fn download(debs: &Path, names: &[String]) -> Result<()> {
    // Into a folder that only root can write apt warns that it does not use its own user, and goes on.
    output(Command::new("apt-get").args(["-q", "download"]).args(names).current_dir(debs)).map(drop)
}

/// Two at a time: unpacking is bound by the processor.
fn unpack(files: &[PathBuf], root: &Path) -> Result<()> {
    let halves = files.chunks(files.len().div_ceil(2).max(1));
    let extract = |half: &[PathBuf]| -> Result<()> {
        half.iter()
            .try_for_each(|deb| output(Command::new("sh").args(["-c", UNPACK, "unpack"]).arg(deb).arg(root)).map(drop))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = halves.map(|half| scope.spawn(move || extract(half))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "unpacking broke off".to_string())?)
    })
}

/// A name for a text (FNV-1a).
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
