//! The tiny guest: a kernel and a first file system, put together of unpacked packages, and a saved state to restore
//! fleets from. Kept below `target/testbed/image-KEY`, where the key is that of the packages and of the scripts here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::boot::{Boot, Machine};
use crate::cpio::Archive;
use crate::packages::{Packages, hash};
use crate::programs::{at, folder, once, output, until, write};
use crate::qmp::Monitor;

const RC: &str = include_str!("guest/rc");
const SERVICE: &str = include_str!("guest/service");
const SHUTDOWN: &str = include_str!("guest/shutdown");
const INITTAB: &str = include_str!("guest/inittab");

/// What the guest's hardware needs, and what that depends on.
pub(crate) const MODULES: [&str; 7] =
    ["virtio_pci", "virtio_net", "virtio_console", "virtio_blk", "virtio-rng", "evdev", "button"];

/// Programs with the packages' own libraries.
const PROGRAMS: [&str; 2] = ["usr/sbin/qemu-ga", "usr/sbin/dropbear"];

/// A guest to boot.
#[derive(Clone, Debug)]
pub struct Image {
    /// Where its files are.
    pub folder: PathBuf,
    /// Linux.
    pub kernel: PathBuf,
    /// Everything else, as a compressed archive.
    pub initrd: PathBuf,
}

/// Builds the guest, where it is not built yet.
///
/// # Errors
/// When a file of the packages is not where it was expected.
pub fn image(packages: &Packages) -> Result<Image> {
    let key = hash(&[packages.key.as_str(), RC, SERVICE, SHUTDOWN, INITTAB].join("\n"));
    let folder = folder().join(format!("image-{key:016x}"));
    let image = Image { kernel: folder.join("vmlinuz"), initrd: folder.join("initrd.gz"), folder };
    once(&image.folder.join("done"), || build(packages, &image))?;
    Ok(image)
}

fn build(packages: &Packages, image: &Image) -> Result<()> {
    let root = &packages.root;
    let modules = the_only(&packages.path("lib/modules"))?;
    let version = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
    std::fs::copy(root.join(format!("boot/vmlinuz-{version}")), &image.kernel).map_err(at(&image.kernel))?;

    let mut archive = Archive::default();
    for folder in [
        "bin",
        "dev",
        "etc",
        "etc/acpi",
        "etc/acpi/PWRF",
        "lib",
        "lib/mod",
        "lib64",
        "proc",
        "root",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "usr/bin",
        "usr/lib",
        "usr/lib/x86_64-linux-gnu",
        "usr/sbin",
        "var",
        "var/lib",
        "var/log",
    ] {
        archive.folder(folder);
    }
    archive.link("init", "/sbin/init");
    archive.link("lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu");
    archive.link("var/run", "/run");
    archive.link("var/lock", "/run/lock");
    add_busybox(&mut archive, packages)?;
    archive.link("sbin/init", "/bin/busybox");
    for (name, text) in [("etc/rc", RC), ("etc/service", SERVICE), ("sbin/shutdown", SHUTDOWN)] {
        archive.file(name, 0o755, text.as_bytes());
    }
    archive.file("etc/acpi/PWRF/00000080", 0o755, b"#!/bin/sh\nexec /sbin/shutdown -P\n");
    for (name, text) in [
        ("etc/inittab", INITTAB),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\n"),
        ("etc/shells", "/bin/sh\n"),
        ("etc/os-release", "PRETTY_NAME=\"test guest\"\nNAME=\"testguest\"\nID=testguest\nVERSION_ID=\"12\"\n"),
    ] {
        archive.file(name, 0o644, text.as_bytes());
    }
    for program in PROGRAMS {
        archive.copy(program, &root.join(program))?;
    }
    for library in libraries(packages)? {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        archive.copy(&format!("usr/lib/x86_64-linux-gnu/{name}"), &library)?;
    }
    archive.copy("lib64/ld-linux-x86-64.so.2", &packages.path("lib64/ld-linux-x86-64.so.2"))?;
    let mut order = Vec::new();
    for module in MODULES {
        add_module(&mut archive, &modules, module, &mut order)?;
    }
    archive.file("lib/mod/order", 0o644, (order.join("\n") + "\n").as_bytes());

    compressed(archive, &image.initrd)
}

/// Writes an archive to a file whose name ends in `.gz`.
pub(crate) fn compressed(archive: Archive, file: &Path) -> Result<()> {
    let plain = file.with_extension("");
    write(&plain, archive.end())?;
    output(Command::new("gzip").args(["-6", "-n", "-f"]).arg(&plain)).map(drop)
}

/// Busybox, and its applets as links to it.
pub(crate) fn add_busybox(archive: &mut Archive, packages: &Packages) -> Result<()> {
    let busybox = packages.path("bin/busybox");
    archive.copy("bin/busybox", &busybox)?;
    for applet in output(Command::new(&busybox).arg("--list-full"))?.lines() {
        let name = applet.rsplit('/').next().unwrap_or(applet);
        if !["busybox", "dpkg", "dpkg-deb", "rpm", "shutdown"].contains(&name) {
            archive.link(&format!("bin/{name}"), "/bin/busybox");
        }
    }
    Ok(())
}

/// The libraries that the programs load, as the loader finds them among the packages.
fn libraries(packages: &Packages) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for program in PROGRAMS {
        let words = packages.run(program);
        let (loader, rest) = words.split_first().ok_or("no loader")?;
        let list = output(Command::new(loader).arg("--list").args(rest))?;
        let paths = list.lines().filter_map(|line| line.split_once("=> ")?.1.split(' ').next());
        for path in paths {
            if path == "not" {
                return Err(format!("a library of {program} is missing among the packages:\n{list}"));
            }
            found.insert(PathBuf::from(path));
        }
    }
    Ok(found)
}

/// A module behind those that it depends on, which its file names. One that has no file is part of the kernel.
pub(crate) fn add_module(archive: &mut Archive, modules: &Path, name: &str, order: &mut Vec<String>) -> Result<()> {
    if order.iter().any(|known| known == name) {
        return Ok(());
    }
    let is_it = |file: &Path| {
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = file.strip_prefix(name).unwrap_or_default();
        ending == ".ko" || ending == ".ko.xz"
    };
    let Some(file) = find(modules, &is_it) else { return Ok(()) };
    let content = match file.extension().is_some_and(|ending| ending == "xz") {
        true => Command::new("xz").arg("-dc").arg(&file).output().map_err(at(&file))?.stdout,
        false => std::fs::read(&file).map_err(at(&file))?,
    };
    let depends = content.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"depends="));
    let depends = String::from_utf8_lossy(depends.unwrap_or_default()).into_owned();
    for other in depends.split(',').filter(|other| !other.is_empty()) {
        add_module(archive, modules, other, order)?;
    }
    archive.file(&format!("lib/mod/{name}.ko"), 0o644, &content);
    order.push(name.to_string());
    Ok(())
}

fn find(folder: &Path, is_it: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries.iter().find(|path| path.is_file() && is_it(path)).cloned().or_else(|| {
        entries.iter().filter(|path| path.is_dir() && !path.is_symlink()).find_map(|path| find(path, is_it))
    })
}

pub(crate) fn the_only(folder: &Path) -> Result<PathBuf> {
    let mut entries = std::fs::read_dir(folder).map_err(at(folder))?.filter_map(|entry| Some(entry.ok()?.path()));
    entries.next().ok_or_else(|| format!("{} is empty", folder.display()))
}

/// Boots a guest once, up to where it waits for its seed, and saves it. A fleet starts from there.
///
/// # Errors
/// When it does not come that far in two minutes.
pub fn golden(image: &Image, boot: &Boot) -> Result<PathBuf> {
    let state = image.folder.join(format!("{}.golden", boot.accelerator.name()));
    once(&state.with_extension("saved"), || save(image, boot, &state))?;
    Ok(state)
}

fn save(image: &Image, boot: &Boot, state: &Path) -> Result<()> {
    let work = image.folder.join(format!("golden-{}", std::process::id()));
    let machine = Machine::golden(&work);
    write(&machine.seed, vec![0; 65_536])?;
    let boot = Boot { golden: None, ..boot.clone() };
    let mut command = boot.command(&machine, &work, false);
    let mut child = command.spawn().map_err(|error| format!("QEMU can not be started: {error}"))?;
    let saved = (|| {
        until("a guest that waits for its seed", Duration::from_secs(120), || {
            let console = std::fs::read_to_string(&machine.console).unwrap_or_default();
            console.contains("waiting for its seed").then_some(())
        })?;
        let mut monitor = Monitor::connect(&machine.monitor(&work), Duration::from_secs(10))?;
        monitor.ask("stop", serde_json::Value::Null)?;
        // What the pipe reads is written to another name first: a half of a state is none.
        let part = state.with_extension("part");
        let uri = format!("exec:cat >'{}'", part.display());
        monitor.ask("migrate-set-parameters", serde_json::json!({ "max-bandwidth": 10_000_000_000_u64 }))?;
        monitor.ask("migrate", serde_json::json!({ "uri": uri }))?;
        until("the saved state", Duration::from_secs(60), || {
            let said = monitor.ask("query-migrate", serde_json::Value::Null).ok()?;
            (said["status"] == "completed").then_some(())
        })?;
        monitor.ask("quit", serde_json::Value::Null).ok();
        std::fs::rename(&part, state).map_err(at(state))
    })();
    if saved.is_err() {
        let _ = child.kill();
    }
    let _ = child.wait();
    if saved.is_ok() {
        let _ = std::fs::remove_dir_all(&work);
    }
    saved
}
