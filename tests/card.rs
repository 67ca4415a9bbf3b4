//! The card's line over real OpenSSH servers: it restarts the guest that is meant, and no other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not go on should stop"
)]

mod pve;
mod support;

use std::fs;
use std::path::PathBuf;

use pve::{CARD, Site};

#[test]
fn the_cards_line_restarts_the_guest() {
    let site = Site::new();
    let before = site.boot_id();
    let ran = site.run(CARD);
    assert_eq!(ran.code, 0);
    assert_ne!(site.boot_id(), before, "the guest has booted");
    let reboots = site.calls().iter().filter(|call| call.contains("reboot")).count();
    assert_eq!(reboots, 1, "{:?}", site.calls());
    assert!(site.calls().len() <= 8, "at most 8 calls of qm: {:?}", site.calls());
    assert!(ran.out.contains(&format!("new boot {}", &site.boot_id()[..8])), "the report names the proof");
}

#[test]
fn a_guest_without_vmid_opens_no_connection() {
    let site = Site::with(&[], "tier: service\n");
    let ran = site.run(CARD);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("inventory/missing-variable"));
    assert!(ran.out.contains("inventory/host_vars/pbs.yml"));
    assert!(site.nobody_connected("pve") && site.nobody_connected("pbs"));
}

/// A run that is refused, and leaves the guest as it was.
fn is_refused(site: &Site, why: &str) {
    let before = site.boot_id();
    let ran = site.run(CARD);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("REFUSED") && ran.out.contains(why), "it says `{why}`");
    assert_eq!(site.boot_id(), before);
    let power = ["reboot", "shutdown", "stop", "start", "reset"];
    let calls = site.calls();
    assert!(!calls.iter().any(|call| power.iter().any(|word| call.contains(word))), "{calls:?}");
}

#[test]
fn a_guest_of_another_name_is_not_restarted() {
    let site = Site::new();
    let conf = site.bed.node("pve").path.join("pve/nodes/pve/qemu-server/101.conf");
    fs::write(&conf, fs::read_to_string(&conf).unwrap().replace("name: pbs", "name: mailserver")).unwrap();
    is_refused(&site, "is called `mailserver`, not `pbs`");
}

#[test]
fn a_template_is_not_restarted() {
    let site = Site::new();
    let conf = site.bed.node("pve").path.join("pve/nodes/pve/qemu-server/101.conf");
    fs::write(&conf, fs::read_to_string(&conf).unwrap() + "template: 1\n").unwrap();
    is_refused(&site, "is a template");
}

#[test]
fn a_guest_under_backup_is_not_restarted() {
    let site = Site::new();
    let conf = site.bed.node("pve").path.join("pve/nodes/pve/qemu-server/101.conf");
    fs::write(&conf, fs::read_to_string(&conf).unwrap() + "lock: backup\n").unwrap();
    is_refused(&site, "is locked (backup)");
}

#[test]
fn a_guest_whose_agent_is_dead_is_not_restarted() {
    let site = Site::with(&[("vms/101/agent", "none"), ("ping_timeout", "1")], "vmid: 101\n");
    is_refused(&site, "QEMU guest agent is not running");
}

#[test]
fn a_guest_that_is_not_there_is_not_restarted() {
    let site = Site::with(&[], "vmid: 999\n");
    is_refused(&site, "`pve` has no guest 999");
}

#[test]
fn a_guest_that_does_not_come_back_is_a_failure() {
    let mut site = Site::new();
    site.bed.node("pve").write("vms/101/boot_delay", "600");
    let ran = site.run("on pve: qm reboot $vmid; await ssh(guest) within 8s every 1s");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("still not true after"), "it says what was waited for");
    assert!(ran.out.contains("connection") || ran.out.contains("answer"), "and what was seen last");
    site.bed.kill("pve");
}

#[test]
fn a_dead_hypervisor_is_blamed_and_not_the_guest() {
    let mut site = Site::new();
    site.bed.kill("pve");
    let ran = site.run(CARD);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("`pve` can not be reached"));
    assert!(ran.out.contains("to blame: pve"));
}

#[test]
fn a_wrong_user_on_the_hypervisor_is_named() {
    let site = Site::new();
    site.inventory("pve", "nobody-of-that-name");
    let ran = site.run(CARD);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("nobody-of-that-name"), "it says who was refused");
    assert!(ran.out.contains("to blame: pve"));
}

#[test]
fn without_sudo_nothing_is_begun() {
    let site = Site::with(&[("users", "ops:1500:/bin/sh"), ("nosudo", "")], "vmid: 101\n");
    site.inventory("pve", "ops");
    let ran = site.run(CARD);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("sudo"), "it says that sudo is missing");
    assert!(ran.out.contains("to blame: pve"));
    assert_eq!(site.calls(), Vec::<String>::new());
}

/// Whether nothing but questions was asked of the hypervisor.
fn only_asked(site: &Site) -> bool {
    let reading = ["guest cmd", "status", "config"];
    site.calls().iter().all(|call| reading.iter().any(|word| call.contains(word)))
}

#[test]
fn a_preflight_asks_and_changes_nothing() {
    let site = Site::new();
    let before = site.boot_id();
    let ran = site.preflight();
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("The plan could start now."));
    assert!(ran.out.contains("pve   yes  not needed  yes"), "quorum, and root without sudo");
    assert!(only_asked(&site) && site.calls().len() <= 3, "{:?}", site.calls());
    assert_eq!(site.boot_id(), before);

    // Everything that is wrong is said at once.
    let conf = site.bed.node("pve").path.join("pve/nodes/pve/qemu-server/101.conf");
    fs::write(&conf, fs::read_to_string(&conf).unwrap() + "lock: backup\n").unwrap();
    site.bed.node("pve").write("pve/.members", "{\"cluster\": { \"nodes\": 3, \"quorate\": 0 }}");
    site.inventory("pbs", "nobody-of-that-name");
    let ran = site.preflight();
    assert_eq!(ran.code, 1);
    for said in ["`pbs` is locked (backup)", "the cluster of `pve` has no quorum", "nobody-of-that-name"] {
        assert!(ran.out.contains(said), "it says {said}");
    }
    assert!(only_asked(&site));
}

#[test]
fn a_preflight_finds_that_sudo_is_missing() {
    let site = Site::with(&[("users", "ops:1500:/bin/sh"), ("nosudo", "")], "vmid: 101\n");
    site.inventory("pve", "ops");
    let ran = site.preflight();
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("NO: no sudo") && ran.out.contains("NO: pve"));
    assert_eq!(site.calls(), Vec::<String>::new());
}

#[test]
fn a_preflight_suggests_the_vmid_that_is_missing() {
    let mut site = Site::with(&[], "tier: service\nhypervisor: pve\n");
    let suggest = ["preflight", "--suggest"];
    let ran = site.hostler(&suggest);
    assert_eq!((ran.code, ran.out.as_str()), (0, "# inventory/host_vars/pbs.yml\nvmid: 101\n"));
    assert!(only_asked(&site));
    // The plan that is refused for what is missing says who is meant, and on which hypervisor.
    fs::write(site.folder.join("inventory/host_vars/pbs.yml"), "tier: service\n").unwrap();
    let ran = site.hostler(&["preflight", "-e", CARD, "--target", "pbs", "--suggest"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "# inventory/host_vars/pbs.yml\nvmid: 101\n"));
    site.bed.kill("pve");
    fs::write(site.folder.join("inventory/host_vars/pbs.yml"), "hypervisor: pve\n").unwrap();
    let ran = site.hostler(&suggest);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("# `pve` could not be asked"));
}

/// What the watch over the guest is on the hypervisor.
fn on(site: &Site) -> PathBuf {
    site.bed.node("pve").path.join("lib/hostler/guests/pbs/on")
}

/// The watcher of the guest looks at once and often, and every claim is over.
const LOOK_NOW: &str =
    "cd /var/lib/hostler && for f in guests/pbs/claim.*; do echo 'released 0 0' >guests/pbs/lease.${f##*.}; done
    sed -i 's/^grace=.*/grace=0 pause=0.2 late=100 longest=100000/' watch.sh && sh watch.sh \"$PWD\" sync pbs";

#[test]
fn a_controller_that_is_killed_leaves_its_guest_to_the_hypervisor() {
    let site = Site::new();
    let before = site.boot_id();
    let statements = "on pve within 8s: qm shutdown $vmid; await power(guest) == \"paused\" within 10m; start(guest)";
    let mut hostler = site.command(&["run", "-e", statements, "--target", "pbs"]);
    let mut hostler = hostler.stdout(std::process::Stdio::null()).spawn().unwrap();
    let pve = site.bed.node("pve");
    support::until("the guest's end", || {
        site.calls().iter().any(|call| call.contains("shutdown"))
            && pve.exec("test -e /run/qemu-server/101.pid || echo off") == "off\n"
    });
    hostler.kill().unwrap();
    assert_eq!(hostler.wait().unwrap().code(), None, "it was killed");
    assert!(on(&site).exists(), "the hypervisor knows that the guest is to run");
    pve.exec(LOOK_NOW);
    assert!(!on(&site).exists());
    site.bed.node("pbs").answers();
    assert_ne!(site.boot_id(), before, "the hypervisor has started the guest");
    assert_eq!(site.calls().iter().filter(|call| call.starts_with("start ")).count(), 1, "{:?}", site.calls());
}

#[test]
fn the_hypervisor_need_not_look_after_a_guest_that_runs_or_is_to_stay_off() {
    let site = Site::new();
    assert_eq!(site.run(CARD).code, 0);
    assert!(site.bed.node("pve").path.join("lib/hostler/guests/pbs/watcher").exists(), "it has been watched over");
    assert!(!on(&site).exists());
    let ran = site.run("on pve: qm shutdown $vmid; keep off");
    assert_eq!(ran.code, 0);
    assert!(!on(&site).exists());
    let watchers = || site.bed.node("pve").exec("ps -e -o args").contains("watch.sh");
    support::until("the end of the watchers", || !watchers());
}

#[test]
fn a_guest_that_can_not_be_watched_over_is_not_switched_off() {
    let site = Site::new();
    // No process can be made of this.
    fs::create_dir_all(site.bed.node("pve").path.join("lib/hostler/watch.sh")).unwrap();
    is_refused(&site, "`pbs` can not be watched over on `pve` while it is off");
}

#[test]
fn a_run_that_leaves_a_guest_off_says_who_starts_it() {
    let site = Site::new();
    site.bed.node("pve").write("vms/101/boot_delay", "600");
    let ran = site.run("on pve: qm reboot $vmid; await ssh(guest) within 3s every 1s");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("`pve` starts `pbs` if it is off, for another 1h20m"), "it says what becomes of it");
    assert!(on(&site).exists());
}

#[test]
fn a_person_keeps_runs_from_a_guest_and_takes_everything_off_its_hypervisor() {
    let site = Site::new();
    let before = site.boot_id();
    let said = site.hostler(&["hold", "pbs", "--for", "2h", "--on", "pve"]);
    assert_eq!(said.code, 0);
    assert!(said.out.starts_with("`pbs` is left alone on `pve` for 2h"), "{}", said.out);
    let ran = site.run(CARD);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("`pbs` is held by ") && ran.out.contains(" for another 120 min"));
    assert_eq!(site.boot_id(), before);
    assert_eq!(site.hostler(&["hold", "pbs", "--release", "--on", "pve"]).code, 0);
    assert_eq!(site.run(CARD).code, 0);
    let spool = site.bed.node("pve").path.join("lib/hostler");
    assert!(spool.exists());
    assert_eq!(site.hostler(&["host", "remove", "pve"]).code, 0);
    assert!(!spool.join("guests").exists() && !spool.join("ops").exists());
    let said = site.hostler(&["hold", "pbs", "--for", "2h"]);
    assert_eq!(said.code, 2);
    assert!(said.out.contains("the hypervisor is needed here"), "it is not named in this inventory: {}", said.out);
}
