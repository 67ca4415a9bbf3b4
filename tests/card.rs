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
