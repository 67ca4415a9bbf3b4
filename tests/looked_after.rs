//! What is done about a guest whose power a plan has changed: whatever way the plan ends, in the lab.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use hostler::lab::Machine;
use lab::{Ran, run, run_for};

const APT: &str = "use std.apt";

#[test]
fn a_machine_that_restarts_itself_proves_its_new_boot() {
    for host in ["nas", "pve"] {
        let ran = run_for(host, "", "on guest: systemctl reboot", |_| {});
        assert_eq!(ran.why(), "done", "{host}");
        assert!(ran.proof().starts_with("new boot"), "{host}: {}", ran.proof());
    }
}

#[test]
fn a_machine_that_restarts_itself_and_does_not_come_back_has_failed() {
    let ran = run_for("nas", "", "on guest: systemctl reboot", |lab| lab.machine("nas").unwrap().boots = false);
    assert!(ran.why().starts_with("timeout: still not true after 10m"), "{}", ran.why());
}

#[test]
fn a_guest_proves_what_its_inventory_asks_for() {
    let reboot = "on hypervisor unguarded agent \"it has none\": qm reboot $vmid --timeout 60";
    let agentless = |machine: &mut Machine| {
        machine.has_agent = false;
        machine.agent_answers = false;
    };
    let ran = run_for("bare", "", reboot, |lab| agentless(lab.machine("bare").unwrap()));
    assert_eq!(ran.why(), "done");
    assert!(ran.proof().starts_with("new boot") && !ran.proof().contains("agent"), "{}", ran.proof());
    let ran = run("", reboot, agentless);
    assert!(ran.why().starts_with("timeout: "), "{}", ran.why());
}

#[test]
fn every_guest_that_a_plan_has_disrupted_is_looked_after() {
    // `web` stays off after its restart, and the plan, which is about another machine, fails then.
    let ran = run_for("nas", "", "for each in guests { if $each == \"web\" { restart(each) } }", |lab| {
        lab.machine("web").unwrap().starts_again = false;
    });
    assert!(ran.why().starts_with("timeout: "), "{}", ran.why());
    assert_eq!(ran.power(), ["qm reboot 101 --timeout 120", "qm start 101"]);
}

#[test]
fn a_verification_that_is_left_out_still_sees_that_the_guest_runs() {
    let reboot = "on hypervisor unguarded verify \"its agent is slow\": qm reboot $vmid";
    let ran = run("", reboot, |web| web.starts_again = false);
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.power(), ["qm reboot 101", "qm start 101"]);
    let asked = ran.commands().iter().filter(|command| command.contains("guest cmd")).count();
    assert_eq!(asked, 1, "only before the restart is the agent asked: {:#?}", ran.commands());
}

#[test]
fn without_a_baseline_nobody_connects_to_the_guest_before() {
    let guards = |ran: &Ran| -> Vec<String> {
        let guard = |note: &hostler::machine::Note| match &note.kind {
            hostler::machine::NoteKind::Guarded { guard, .. } => Some(guard.clone()),
            _ => None,
        };
        ran.notes.iter().filter_map(guard).collect()
    };
    let ran = run("", "on hypervisor unguarded baseline \"ssh is broken\": qm reboot $vmid", |_| {});
    assert_eq!(ran.why(), "done");
    assert_eq!(guards(&ran), ["identity", "unlocked", "agent"]);
    let ran = run("", "on hypervisor: qm reboot $vmid", |_| {});
    assert_eq!(guards(&ran), ["identity", "unlocked", "agent", "baseline"]);
}

#[test]
fn a_guest_that_its_cluster_keeps_is_given_no_raw_command() {
    for command in ["qm stop $vmid", "qm shutdown $vmid", "qm start $vmid"] {
        let ran = run("", &format!("on hypervisor: {command}\nkeep off"), |web| web.ha = Some("started".to_string()));
        assert!(ran.why().contains("managed: the cluster keeps `web` started"), "{command}: {}", ran.why());
        assert_eq!(ran.power(), [""; 0], "{command}");
    }
    let ran = run("", "restart(guest)", |web| web.ha = Some("started".to_string()));
    assert_eq!(ran.why(), "done");
}

#[test]
fn nothing_acts_on_a_guest_while_a_command_that_was_left_is_at_work_for_it() {
    let plan = "try { apt.dist_upgrade(guest, deadline: 1m) } recover err { warn \"${err.kind}\" }
        on hypervisor: qm reboot $vmid";
    let ran = run(APT, plan, |_| {});
    assert_eq!(ran.why(), "done");
    let goes_on = "waits until `apt-get";
    assert!(ran.warnings().iter().any(|warning| warning.starts_with(goes_on)), "{:#?}", ran.warnings());
    let began = ran.when("dist-upgrade");
    let waited = ran.when("qm reboot") - began;
    assert!(waited > 61_000, "the restart began {waited} ms after the upgrade, which takes longer than a minute");
}

#[test]
fn a_command_that_was_left_is_not_started_again() {
    let ran = run(APT, "retry 3 every 5s { on guest within 10s: apt-get -y dist-upgrade }", |_| {});
    assert!(ran.why().contains("did not end within 10s and goes on there"), "{}", ran.why());
    assert_eq!(ran.commands().iter().filter(|command| command.contains("dist-upgrade")).count(), 1);
}

#[test]
fn a_port_or_an_address_of_the_old_system_is_no_answer() {
    // It does not obey, and so answers all the time; without a first reboot that counts at once.
    for probe in ["port(guest, 22)", "http(\"http://web/\")"] {
        let ran = run(
            "",
            &format!("on hypervisor accept any: qm reboot $vmid --timeout 5\nawait {probe} within 1m"),
            |web| {
                web.obeys = false;
            },
        );
        assert!(ran.why().contains("last answer: the old system still answers"), "{probe}: {}", ran.why());
        let ran = run("", &format!("require {probe}\non hypervisor: qm reboot $vmid\nawait {probe} within 1m"), |_| {});
        assert_eq!(ran.why(), "done", "{probe}");
    }
}
