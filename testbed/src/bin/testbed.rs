//! `testbed up|down|status|enter`: a site of real parts to try hostler on. Called by `cargo xtask testbed`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is for the person at the terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use testbed::{Agent, GuestPlan, Plan, Result, Site};

const USAGE: &str = "usage: testbed up | down | status | enter [COMMAND…]";

/// The name of the site that a person plays with.
const NAME: &str = "play";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if !testbed::programs::is_root() {
        eprintln!(
            "testbed: it makes namespaces and mounts, and needs root. Run:\n\n  sudo -E env \"PATH=$PATH\" cargo xtask testbed {}\n",
            words.join(" ")
        );
        return ExitCode::from(2);
    }
    let done = match words.as_slice() {
        ["up"] => up(),
        ["down"] => down(),
        ["status"] => status(),
        ["enter", command @ ..] => enter(command),
        ["about"] => about(),
        _ => Err(USAGE.to_string()),
    };
    done.unwrap_or_else(|why| {
        eprintln!("testbed: {why}");
        ExitCode::FAILURE
    })
}

/// Two nodes and four guests; of these one has its agent stopped and one ignores its power button.
fn plan() -> Plan {
    let plan = Plan::new(NAME).stays().node("pve1").node("pve2");
    plan.guest(GuestPlan::new("web1").on("pve1"))
        .guest(GuestPlan::new("web2").on("pve2"))
        .guest(GuestPlan::new("silent").on("pve1").but("noagent"))
        .guest(GuestPlan::new("stubborn").on("pve2").agent(Agent::Off).but("noacpi"))
}

fn up() -> Result<ExitCode> {
    let begun = Instant::now();
    if !testbed::programs::folder().join("packages/key").exists() {
        println!("fetching Debian packages into {} (about 80 MB, once)", here(&testbed::programs::folder()).display());
    }
    let site = Site::up(&plan())?;
    println!("up after {:.0} s, with QEMU by {}\n", begun.elapsed().as_secs_f64(), site.accelerator());
    show(&site)?;
    let folder = here(&site.folder);
    println!("\nThe inventory is {}", here(&site.inventory()).display());
    println!("\nTry it:\n");
    for line in [
        format!(
            "hostler preflight -e 'on hypervisor: qm reboot $vmid; await ssh(guest)' --target web1 --site {}",
            folder.display()
        ),
        format!(
            "hostler run -e 'on hypervisor: qm reboot $vmid; await ssh(guest); require agent(guest)' --target web1 --site {}",
            folder.display()
        ),
        format!("ssh -F {}/ssh_config pve1 qm list", folder.display()),
    ] {
        println!("  cargo xtask testbed enter {line}");
    }
    println!("\nand at the end: cargo xtask testbed down");
    Ok(ExitCode::SUCCESS)
}

/// What the guests run on, in a line.
fn about() -> Result<ExitCode> {
    let boot = testbed::site::prepared()?;
    let packages = testbed::packages::packages()?;
    let first = |program: &str| -> Result<String> {
        let words = packages.run(program);
        let (loader, rest) = words.split_first().ok_or("no loader")?;
        let text = testbed::programs::output(std::process::Command::new(loader).args(rest).arg("--version"))?;
        Ok(text.lines().next().unwrap_or_default().to_string())
    };
    let (qemu, virsh) = (first("usr/bin/qemu-system-x86_64")?, first("usr/bin/virsh")?);
    println!("{qemu}, by {}; libvirt {virsh}", boot.accelerator.name());
    Ok(ExitCode::SUCCESS)
}

fn down() -> Result<ExitCode> {
    let mut site = Site::open(NAME)?;
    site.down()?;
    println!("down: everything of the site has ended");
    Ok(ExitCode::SUCCESS)
}

fn status() -> Result<ExitCode> {
    let Ok(site) = Site::open(NAME) else {
        println!("not up");
        return Ok(ExitCode::FAILURE);
    };
    show(&site)?;
    Ok(ExitCode::SUCCESS)
}

fn show(site: &Site) -> Result<()> {
    println!("{:<10} {:<12} {:<8} {:<6} {:<9} QEMU started", "name", "address", "on", "vmid", "power");
    for node in site.nodes() {
        let power = if node.init().is_ok() { "on" } else { "off" };
        println!("{:<10} {:<12} {:<8} {:<6} {power:<9}", node.name, node.address, "-", "-");
    }
    for guest in site.guests() {
        let power = guest.status().unwrap_or_else(|_| "off".to_string());
        let (name, address, node, vmid) = (&guest.name, &guest.address, &guest.node.name, guest.vmid);
        let starts = guest.starts();
        println!("{name:<10} {address:<12} {node:<8} {vmid:<6} {power:<9} {starts}×");
    }
    Ok(())
}

/// Runs a command within the site; a shell where none is named. `hostler` is the project's own, where it is built.
fn enter(command: &[&str]) -> Result<ExitCode> {
    let site = Site::open(NAME)?;
    let (program, arguments) = command.split_first().unwrap_or((&"sh", &[]));
    let program = match *program {
        "hostler" => hostler().ok_or("hostler is not built: `cargo build --release`")?.display().to_string(),
        other => other.to_string(),
    };
    let status = site.enter(&program).args(arguments).status().map_err(|error| format!("nsenter: {error}"))?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(255)).unwrap_or(255)))
}

/// The newest that is built.
fn hostler() -> Option<PathBuf> {
    let target = testbed::programs::folder().parent()?.to_path_buf();
    let built = ["release", "debug"].map(|profile| target.join(profile).join("hostler"));
    let age = |file: &PathBuf| file.metadata().and_then(|file| file.modified()).ok();
    built.into_iter().filter(|file| file.exists()).max_by_key(age)
}

/// A path as it is written from the folder of this process.
fn here(path: &Path) -> PathBuf {
    let this = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(this).unwrap_or(path).to_path_buf()
}
