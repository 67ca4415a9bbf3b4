//! How fast an inventory loads: 10,000 hosts, each with a file of its own: `cargo bench --bench inventory`.
//!
//! Plain: hosts in an INI file, twenty variables of all, three of each host. Templates: as before, two of the
//! variables of all being templates that each host works out for itself.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "not the product")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use hostler::cli::Disk;
use hostler::diag::Problems;
use hostler::inventory::{Request, load};
use hostler::text::Sources;

const HOSTS: usize = 10_000;
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` runs it too, and has no use for it.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("hostler-inventory-{}", std::process::id()));
    let templates =
        "fqdn: \"{{ inventory_hostname }}.{{ domain }}\"\nurl: \"https://{{ ansible_host }}:{{ port1 }}/\"\n";
    for (name, more) in [("plain", ""), ("templates", templates)] {
        write(&folder, more);
        for _ in 0..ROUNDS {
            measure(name, &folder);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}

fn write(folder: &Path, more: &str) {
    for part in ["group_vars", "host_vars"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let mut hosts = String::new();
    for group in 0..100 {
        writeln!(hosts, "[group{group}]").unwrap();
        for host in 0..HOSTS / 100 {
            let number = group * HOSTS / 100 + host;
            writeln!(hosts, "host{number:05}.example.com ansible_host=10.0.{group}.{host}").unwrap();
            let text = format!("vmid: {}\ntier: service\nnotes:\n  - one\n  - two\n", 100 + number);
            fs::write(folder.join(format!("host_vars/host{number:05}.example.com.yml")), text).unwrap();
        }
    }
    fs::write(folder.join("hosts.ini"), hosts).unwrap();
    let mut all = format!("domain: example.org\n{more}");
    for port in 0..19 {
        writeln!(all, "port{port}: {}", 8000 + port).unwrap();
    }
    fs::write(folder.join("group_vars/all.yml"), all).unwrap();
}

fn measure(name: &str, folder: &Path) {
    let paths = [folder.to_string_lossy().into_owned()];
    let (mut sources, mut problems) = (Sources::new(), Problems::new());
    let start = Instant::now();
    let inventory = load(&Disk, &Request { sources: &paths, ..Request::default() }, &mut sources, &mut problems);
    let loaded = start.elapsed();
    let start = Instant::now();
    let list = inventory.list();
    let listed = start.elapsed();
    assert!(problems.is_empty() && inventory.hosts.len() == HOSTS && list.is_object());
    println!("{name}: {HOSTS} hosts with files of their own in {loaded:.0?}; their list in {listed:.0?}");
}
