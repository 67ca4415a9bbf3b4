//! Restarts by the library: `proxmox_vm_restart` and the drivers' own, with things wrong in the lab.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use lab::{Ran, run, run_for};

const USE: &str = "use std.proxmox.proxmox_vm_restart";

fn restart(change: impl FnOnce(&mut hostler::lab::Machine)) -> Ran {
    run(USE, "proxmox_vm_restart(guest)", change)
}

fn forced(change: impl FnOnce(&mut hostler::lab::Machine)) -> Ran {
    run(USE, "proxmox_vm_restart(guest, grace: 1m, force: true)", change)
}

#[test]
fn a_restart_is_a_shutdown_a_start_and_a_proof() {
    let ran = restart(|_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 120", "qm start 101"]);
    assert!(ran.proof().contains("new boot") && ran.proof().contains("agent answers"), "{}", ran.proof());
    assert!(ran.warnings().is_empty());
}

#[test]
fn a_guest_that_ignores_its_shutdown_is_not_stopped() {
    let mut ran = restart(|web| web.obeys = false);
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 120"]);
    assert!(ran.why().starts_with("failed: web did not shut down within 2m"), "{}", ran.why());
    assert!(ran.why().contains("`force: true`") && ran.why().contains("VM quit/powerdown failed"), "{}", ran.why());
    assert!(ran.machine("web").running);
    assert_eq!(ran.machine("web").boot, 1);
}

#[test]
fn with_force_it_is_stopped_and_that_is_said() {
    let mut ran = forced(|web| web.obeys = false);
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 60", "qm stop 101", "qm start 101"]);
    assert!(ran.warnings().iter().any(|warning| warning.contains("stopped by force")), "{:?}", ran.warnings());
    assert_eq!(ran.machine("web").boot, 2);
}

#[test]
fn force_stops_nobody_who_obeys() {
    let ran = forced(|_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 60", "qm start 101"]);
}

#[test]
fn a_guest_whose_agent_is_dead_is_left_alone_without_force() {
    let mut ran = restart(|web| web.agent_answers = false);
    assert!(ran.why().starts_with("refused: agent: the guest agent of `web` does not answer"), "{}", ran.why());
    assert!(ran.power().is_empty(), "{:?}", ran.power());
    assert_eq!(ran.machine("web").boot, 1);
}

#[test]
fn with_force_a_dead_agent_does_not_stand_in_the_way() {
    let ran = forced(|web| web.agent_answers = false);
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 60", "qm start 101"]);
}

#[test]
fn a_slow_guest_is_waited_for_and_started() {
    // qm gives up after 120 s, and the guest goes off 30 s later: without anybody who watches, it would stay off.
    let mut ran = restart(|web| web.shutdown_takes = 150_000);
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 120", "qm start 101"]);
    assert!(ran.machine("web").running);
}

#[test]
fn a_lock_file_that_is_held_for_half_a_minute_is_waited_for() {
    let ran = restart(|web| web.busy_until = 30_000);
    assert_eq!(ran.why(), "done");
    let shutdowns = ran.power().iter().filter(|words| words.starts_with("qm shutdown")).count();
    assert!(shutdowns > 1, "the first finds the lock held: {:?}", ran.power());
    assert_eq!(ran.power().last().unwrap(), "qm start 101");
    assert!(ran.when("qm start") > 30_000);
}

#[test]
fn a_start_waits_for_the_cleanup_so_that_the_next_shutdown_finds_no_lock() {
    // Since 9.1.13 a cleanup that meets the machine running again holds its lock for 30 s.
    let twice = "proxmox_vm_restart(guest)\nproxmox_vm_restart(guest)";
    let ran = run_for("web", USE, twice, |lab| lab.machine("pve").unwrap().cleanup_holds_lock = true);
    assert_eq!(ran.why(), "done");
    let once = ["qm shutdown 101 --timeout 120", "qm start 101"];
    assert_eq!(ran.power(), [once, once].concat(), "no command was refused by a lock");

    // Off and on in one breath shows that the lab is such a host.
    let raw = "on hypervisor: qm stop $vmid\non hypervisor: qm start $vmid\non hypervisor when locked wait 1m: qm reboot $vmid";
    let ran = run_for("web", "", raw, |lab| lab.machine("pve").unwrap().cleanup_holds_lock = true);
    assert_eq!(ran.why(), "done");
    assert!(ran.power().iter().filter(|words| words.contains("reboot")).count() > 1, "{:?}", ran.power());
}

#[test]
fn a_backup_is_waited_for_and_never_broken() {
    let mut ran = restart(|web| web.lock = Some("backup".to_string()));
    assert!(ran.why().starts_with("refused: unlocked: `web` is still locked (backup) after 2m"), "{}", ran.why());
    assert!(ran.power().is_empty(), "{:?}", ran.power());
    assert!(ran.machine("web").running);
}

#[test]
fn without_quorum_nobody_is_switched_off() {
    for statements in ["restart(guest)", "on hypervisor: qm reboot $vmid", "on hypervisor: qm stop $vmid\nkeep off"] {
        for host in ["web", "files"] {
            let statements = if host == "files" { statements.replace("qm", "pct") } else { statements.to_string() };
            let ran = run_for(host, "", &statements, |lab| lab.machine("pve").unwrap().quorum = false);
            assert!(ran.why().starts_with("refused: quorum: the cluster of `pve` has no quorum"), "{}", ran.why());
            assert!(ran.power().is_empty(), "{:?}", ran.power());
        }
    }
    // Who is shut down because the power fails need not be started again.
    let off = "on hypervisor unguarded quorum \"the power fails\": qm shutdown $vmid\nkeep off";
    let ran = run_for("web", "", off, |lab| lab.machine("pve").unwrap().quorum = false);
    assert_eq!(ran.why(), "done");
    let ran =
        run_for("pve", "", "on guest as root: systemctl reboot", |lab| lab.machine("pve").unwrap().quorum = false);
    assert!(ran.why().starts_with("refused: quorum: the cluster of `pve` has no quorum"), "{}", ran.why());
    // What is lost while the guest goes off: it stays off, and that is said.
    let ran = run_for("web", "", "on hypervisor: qm reboot $vmid", |lab| {
        lab.machine("web").unwrap().start_fails = Some((String::new(), "cluster not ready - no quorum?".to_string()));
    });
    assert!(!ran.is_done() && ran.why().contains("web was not started"), "{}", ran.why());
}

#[test]
fn a_guest_that_is_found_off_stays_off() {
    let mut ran = restart(|web| {
        web.running = false;
        web.ssh = false;
        web.agent_answers = false;
    });
    assert_eq!(ran.why(), "skipped: found off");
    assert!(ran.power().is_empty(), "{:?}", ran.power());
    assert!(!ran.machine("web").running);
    assert!(ran.warnings().iter().any(|warning| warning.contains("found off")), "{:?}", ran.warnings());
}

#[test]
fn a_guest_that_somebody_else_started_meanwhile_is_as_it_should_be() {
    // Off after 6.5 s; the other's start comes while ours is on its way.
    let ran = run_for("web", USE, "proxmox_vm_restart(guest)", |lab| lab.somebody_starts("web", 9_500));
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 120", "qm start 101"]);
    assert!(ran.warnings().iter().any(|warning| warning.contains("already running")), "{:?}", ran.warnings());
}

#[test]
fn a_guest_of_another_name_is_never_touched() {
    let ran = restart(|web| web.guest_name = "mail".to_string());
    assert!(ran.why().contains("is called `mail`, not `web`"), "{}", ran.why());
    assert!(ran.power().is_empty());
}

#[test]
fn the_drivers_restart_is_one_command_and_a_proof() {
    let ran = run("", "restart(guest, grace: 3m)", |_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm reboot 101 --timeout 180"]);
    assert!(ran.proof().contains("new boot"));
}

#[test]
fn a_managed_guest_is_restarted_by_its_cluster_and_stays_managed() {
    for task in ["restart(guest)", "proxmox_vm_restart(guest)"] {
        let mut ran = run(USE, task, |web| web.ha = Some("started".to_string()));
        assert_eq!(ran.why(), "done", "{task}");
        assert_eq!(
            ran.power(),
            ["ha-manager crm-command stop 101 120", "ha-manager set 101 --state started"],
            "{task}"
        );
        assert_eq!(ran.machine("web").ha.as_deref(), Some("started"));
        assert_eq!(ran.machine("web").boot, 2);
    }
}

#[test]
fn starting_what_runs_and_what_was_off() {
    let ran = run("", "start(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert!(ran.power().is_empty(), "{:?}", ran.power());

    let mut ran = run("", "shutdown(guest)\nstart(guest)\nawait ssh(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm shutdown 101 --timeout 120", "qm start 101"]);
    assert!(ran.machine("web").running);
}

#[test]
fn a_container_is_shut_down_and_started_and_its_process_proves_it() {
    let mut ran = run_for("files", "", "restart(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["pct shutdown 120 --timeout 120", "pct start 120"]);
    // Its kernel is its host's, and so is the boot id.
    assert!(ran.proof().starts_with("a new process on the hypervisor"), "{}", ran.proof());
    assert_eq!(ran.machine("files").boot, 2);

    let mut ran = run_for("files", "", "restart(guest)", |lab| lab.machine("files").unwrap().obeys = false);
    assert!(ran.why().contains("container did not stop"), "{}", ran.why());
    assert_eq!(ran.power(), ["pct shutdown 120 --timeout 120"], "`pct reboot` would have killed it");
    assert!(ran.machine("files").running);
}

#[test]
fn a_domain_of_libvirt_is_shut_down_and_started() {
    let mut ran = run_for("wiki", "", "restart(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["virsh -q -c qemu:///system shutdown wiki", "virsh -q -c qemu:///system start wiki"]);
    assert!(ran.proof().contains("new boot") && ran.proof().contains("agent answers"), "{}", ran.proof());
    assert_eq!(ran.machine("wiki").starts, 2, "a cold start");

    let mut ran = run_for("wiki", "", "restart(guest)", |lab| lab.machine("wiki").unwrap().obeys = false);
    assert!(ran.why().contains("wiki did not shut down within 2m"), "{}", ran.why());
    assert!(ran.machine("wiki").running);
}
