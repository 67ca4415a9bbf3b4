//! How long the lab takes for many guests, and how much memory: `cargo xtask bench lab`.
//!
//! A plan of five steps, a restart among them, for a thousand, ten thousand and a hundred thousand guests. The peer is
//! the smallest of these: twice the guests should cost twice as much.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "not the product"
)]

#[path = "shared/meter.rs"]
mod meter;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use meter::cost;

const PLAN: &str = "plan five for guest in vms
  at most 1000 at once
{
  let kernel = on guest reading: uname -r
  require free_space(guest, \"/\") >= 1GiB
  restart(guest)
  require service(guest, \"cron\")
  record kernel = $kernel.trim
}
";
const STEPS: usize = 5;
/// Of one hypervisor.
const GUESTS: usize = 1_000;

fn main() {
    // `cargo test --benches` runs it too, and has no use for it.
    let words: Vec<String> = std::env::args().collect();
    if meter::is_meter() || !words.iter().any(|word| word == "--bench") {
        return;
    }
    let most = words.iter().position(|word| word == "--guests").and_then(|at| words.get(at + 1));
    let most: usize = most.map_or(100_000, |most| most.parse().expect("--guests N"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lab-{}", std::process::id()));
    println!("| guests | wall | CPU | memory | a guest | a step | of the first, a guest: time | memory |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut first = None;
    for guests in [1_000, 10_000, 100_000].into_iter().filter(|guests| *guests <= most) {
        write_site(&folder, guests);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
        command.args(["run", "--lab", "--format", "json", "five.plan"]).current_dir(&folder);
        let cost = cost(&command, &folder.join("log")).unwrap();
        let log = fs::read_to_string(folder.join("log")).unwrap();
        assert_eq!(log.matches("\"result\": \"done\"").count(), guests, "every guest is done");
        let (time, memory) = (cost.cpu / guests as f64, cost.largest as f64 / guests as f64);
        let (time1, memory1) = *first.get_or_insert((time, memory));
        println!(
            "| {guests} | {:.1} s | {:.1} s | {:.0} MB | {memory:.1} KB, {:.2} ms | {:.3} ms | {:.2} | {:.2} |",
            cost.wall,
            cost.cpu,
            cost.largest as f64 / 1024.0,
            time * 1e3,
            time * 1e3 / STEPS as f64,
            time / time1,
            memory / memory1,
        );
    }
    fs::remove_dir_all(&folder).unwrap();
}

fn write_site(folder: &Path, guests: usize) {
    let hypervisors = guests.div_ceil(GUESTS);
    let mut hosts = "all:\n  children:\n    hypervisors:\n      hosts:\n".to_string();
    for n in 0..hypervisors {
        writeln!(hosts, "        pve{n}: {{}}").unwrap();
    }
    hosts.push_str("    vms:\n      hosts:\n");
    for n in 0..guests {
        writeln!(hosts, "        vm{n}: {{vmid: {}, hypervisor: pve{}}}", 100 + n, n % hypervisors).unwrap();
    }
    fs::create_dir_all(folder.join("inventory")).unwrap();
    fs::write(folder.join("inventory/hosts.yml"), hosts).unwrap();
    fs::write(folder.join("hostler.toml"), "edition = 2026\n").unwrap();
    fs::write(folder.join("five.plan"), PLAN).unwrap();
}
