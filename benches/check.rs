//! How long a check takes, from start to exit, beside Ansible's own: `cargo xtask bench check`.
//!
//! Ten thousand hosts with files of their own, beside `ansible-inventory --list`; and plans of twenty steps and of two
//! thousand lines, beside `ansible-playbook --syntax-check` of the same commands.
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
use std::path::{Path, PathBuf};
use std::process::Command;

use meter::{Cost, cost, median};

const HOSTS: usize = 10_000;
const STEPS: usize = 20;
/// A task and a probe each: 32 lines of the long plan.
const PARTS: usize = 62;

fn main() {
    // `cargo test --benches` runs it too, and has no use for it.
    let words: Vec<String> = std::env::args().collect();
    if meter::is_meter() || !words.iter().any(|word| word == "--bench") {
        return;
    }
    let value = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).cloned();
    let rounds: usize = value("--rounds").map_or(5, |rounds| rounds.parse().expect("--rounds N"));
    let ansible = value("--ansible").map(PathBuf::from);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{}", std::process::id()));
    write_fleet(&folder.join("plain"), "");
    write_fleet(
        &folder.join("templates"),
        "fqdn: \"{{ inventory_hostname }}.{{ domain }}\"\nurl: \"https://{{ ansible_host }}:{{ port1 }}/\"\n",
    );
    write_steps(&folder.join("steps"));
    for guests in [200, 1000] {
        write_parts(&folder.join(format!("parts-{guests}")), guests);
    }
    println!("| what | hostler | CPU | memory | Ansible | CPU | memory | hostler's wall is | hostler's CPU is |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let (inventory, playbook) = (["ansible-inventory", "--list"], ["ansible-playbook", "--syntax-check"]);
    for (what, at, peer, rounds) in [
        (format!("{HOSTS} hosts"), "plain", inventory, rounds),
        (format!("{HOSTS} hosts, two templates each"), "templates", inventory, rounds.min(2)),
        (format!("{STEPS} steps"), "steps", playbook, rounds * 4),
        ("2000 lines, 200 guests".to_string(), "parts-200", playbook, rounds * 4),
        ("2000 lines, 1000 guests".to_string(), "parts-1000", playbook, rounds * 4),
    ] {
        compare(&what, &folder.join(at), ansible.as_deref(), peer, rounds);
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// Prints one row.
fn compare(what: &str, folder: &Path, ansible: Option<&Path>, [program, option]: [&str; 2], rounds: usize) {
    let log = folder.join("log");
    let mut ours = Command::new(env!("CARGO_BIN_EXE_hostler"));
    ours.args(["check", "work.plan"]).current_dir(folder);
    let theirs = ansible.map(|bin| {
        let mut theirs = Command::new(bin.join(program));
        theirs.args(["-i", "inventory/hosts.ini", option]).current_dir(folder);
        if program == "ansible-playbook" {
            theirs.arg("work.yml");
        }
        for (name, value) in [("ANSIBLE_CONFIG", "ansible.cfg"), ("ANSIBLE_HOME", "ansible"), ("HOME", "ansible")] {
            theirs.env(name, folder.join(value));
        }
        theirs
    });
    let (mut our, mut their): (Vec<Cost>, Vec<Cost>) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our.push(cost(&ours, &log).unwrap());
        if let Some(theirs) = &theirs {
            their.push(cost(theirs, &log).unwrap());
        }
    }
    let middle = |costs: &[Cost], of: fn(&Cost) -> f64| median(&costs.iter().map(of).collect::<Vec<_>>());
    let shown = |costs: &[Cost]| match costs.first() {
        None => "not there | |".to_string(),
        Some(_) => {
            let memory = middle(costs, |cost| cost.largest as f64) / 1024.0;
            format!("{} | {} | {memory:.0} MB", time(middle(costs, |c| c.wall)), time(middle(costs, |c| c.cpu)))
        }
    };
    let ratio = |of: fn(&Cost) -> f64| {
        let ratios: Vec<f64> = our.iter().zip(&their).map(|(our, their)| of(our) / of(their)).collect();
        if ratios.is_empty() { String::new() } else { format!("{:.3}", median(&ratios)) }
    };
    println!(
        "| {what} | {} | {} | {} | {} |",
        shown(&our),
        shown(&their),
        ratio(|cost| cost.wall),
        ratio(|cost| cost.cpu)
    );
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// Hosts in an INI file, about twenty variables of all, and a file with three of each host; and a plan for all of them
/// that asks for one of these.
fn write_fleet(folder: &Path, more: &str) {
    let inventory = folder.join("inventory");
    for part in ["group_vars", "host_vars"] {
        fs::create_dir_all(inventory.join(part)).unwrap();
    }
    let mut hosts = String::new();
    for group in 0..100 {
        writeln!(hosts, "[group{group}]").unwrap();
        for host in 0..HOSTS / 100 {
            let number = group * HOSTS / 100 + host;
            writeln!(hosts, "host{number:05}.example.com ansible_host=10.0.{group}.{host}").unwrap();
            let text = format!("vmid: {}\ntier: service\nnotes:\n  - one\n  - two\n", 100 + number);
            fs::write(inventory.join(format!("host_vars/host{number:05}.example.com.yml")), text).unwrap();
        }
    }
    hosts.push_str("[hypervisors]\npve ansible_host=10.1.0.1\n");
    fs::write(inventory.join("hosts.ini"), hosts).unwrap();
    let mut all = format!("domain: example.org\n{more}");
    for port in 0..19 {
        writeln!(all, "port{port}: {}", 8000 + port).unwrap();
    }
    fs::write(inventory.join("group_vars/all.yml"), all).unwrap();
    let plan = "edition 2026\n\nplan patch for guest in all except hypervisors\n  at most 50 at once\n{\n  \
                require free_space(guest, \"/\") >= 1GiB\n  on guest as root within 30m: apt-get -y dist-upgrade\n  \
                if reboot_required(guest) {\n    on pve: qm reboot $vmid --timeout 5m\n    \
                await ssh(guest) within 10m\n  }\n  record tier = $tier\n}\n";
    fs::write(folder.join("work.plan"), plan).unwrap();
    fs::create_dir_all(folder.join("ansible")).unwrap();
    fs::write(folder.join("ansible.cfg"), "").unwrap();
}

/// The same twenty steps as a plan and as a playbook.
fn write_steps(folder: &Path) {
    fs::create_dir_all(folder.join("inventory/host_vars")).unwrap();
    fs::create_dir_all(folder.join("ansible")).unwrap();
    fs::write(folder.join("ansible.cfg"), "").unwrap();
    fs::write(folder.join("inventory/hosts.ini"), "web ansible_host=10.0.0.1\npve ansible_host=10.1.0.1\n").unwrap();
    fs::write(folder.join("inventory/host_vars/web.yml"), "vmid: 101\nproxmox_host: pve\n").unwrap();
    let commands = [
        "apt-get -y update",
        "apt-get -y dist-upgrade",
        "systemctl restart nginx",
        "systemctl is-active nginx",
        "cat /proc/uptime",
    ];
    let mut plan = "edition 2026\n\nplan work for guest in web {\n".to_string();
    let mut play = "- hosts: web\n  gather_facts: no\n  become: yes\n  tasks:\n".to_string();
    for step in 0..STEPS - 1 {
        let command = commands[step % commands.len()];
        writeln!(plan, "  on guest as root within 10m: {command}").unwrap();
        writeln!(play, "    - name: step {step}\n      ansible.builtin.command: {command}").unwrap();
    }
    plan.push_str("  on hypervisor: qm reboot $vmid --timeout 5m\n}\n");
    play.push_str("    - name: restart\n      ansible.builtin.command: qm reboot {{ vmid }} --timeout 300\n");
    play.push_str("      delegate_to: \"{{ proxmox_host }}\"\n");
    fs::write(folder.join("work.plan"), plan).unwrap();
    fs::write(folder.join("work.yml"), play).unwrap();
}

/// A plan of two thousand lines, tasks and probes and one plan that calls them all, for guests whose ids stand in the
/// inventory; and a playbook of the same commands.
fn write_parts(folder: &Path, guests: usize) {
    for part in ["inventory", "ansible"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::write(folder.join("ansible.cfg"), "").unwrap();
    let mut hosts = "[hypervisors]\npve ansible_host=10.1.0.1\n[guests]\n".to_string();
    for guest in 0..guests {
        let address = format!("10.0.{}.{}", guest / 250, guest % 250);
        writeln!(hosts, "guest{guest:04} ansible_host={address} vmid={}", 100 + guest).unwrap();
    }
    hosts.push_str("[guests:vars]\nproxmox_host=pve\n");
    fs::write(folder.join("inventory/hosts.ini"), hosts).unwrap();

    let mut plan = "edition 2026\n\n".to_string();
    let mut calls = String::new();
    let mut play = "- hosts: guests\n  gather_facts: no\n  become: yes\n  tasks:\n".to_string();
    for part in 0..PARTS {
        plan.push_str(&PART.replace("$N", &part.to_string()));
        writeln!(calls, "  part{part}(guest, grace: {}m)\n  await ready{part}(guest) within 5m", 1 + part % 9).unwrap();
        for line in PART.lines() {
            let Some((place, command)) = line
                .split_once(": ")
                .filter(|(place, _)| [" on guest", " on hypervisor"].iter().any(|on| place.contains(on)))
            else {
                continue;
            };
            let command =
                command.replace("$N", &part.to_string()).replace("$vmid", "{{ vmid }}").replace("$grace", "300");
            writeln!(play, "    - name: part {part}\n      ansible.builtin.command: {command}").unwrap();
            if place.contains("hypervisor") {
                play.push_str("      delegate_to: \"{{ proxmox_host }}\"\n");
            }
        }
    }
    writeln!(plan, "plan work for guest in all except hypervisors\n  at most 20 at once\n{{\n{calls}}}").unwrap();
    fs::write(folder.join("work.plan"), plan).unwrap();
    fs::write(folder.join("work.yml"), play).unwrap();
}

/// A part of the long plan; `$N` is its number.
const PART: &str = r#"## Part $N: its packages and its services, and a restart where one is due.
task part$N(guest: Guest, wanted: Size = 1GiB, grace: Duration = 5m) {
  let before = on guest reading: uname -r
  require free_space(guest, "/srv/part$N") >= $wanted else "$guest has too little room for part $N"
  on guest as root within 30m: apt-get -y install part$N
  on guest as root retry 3 every 10s: systemctl restart part$N
  if reboot_required(guest) {
    try {
      on hypervisor when locked wait 30m: qm reboot $vmid --timeout $grace
      await ssh(guest) within 10m else "$guest does not come back"
    } recover err {
      warn "part $N on $guest: ${err.message}"
      fail "part $N: ${err.message}"
    }
  }
  await service(guest, "part$N") within 2m else "part $N does not run on $guest"
  let after = on guest reading: uname -r
  if $after.trim != $before.trim {
    record kernel = $after.trim
  }
}

## Part $N does its work on a guest that has its packages.
probe ready$N(guest: Guest) -> Bool {
  let state = on guest accept any: systemctl is-active -- part$N
  let answer = on guest accept any reading: curl -sf http://localhost:8080/part$N
  let since = on guest reading: cat /proc/uptime
  return $state.code == 0 and $answer.code == 0 and $since.line != ""
}

"#;
