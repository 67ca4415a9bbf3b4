//! Which guards a command gets: those that some way up to it has not proven, and no other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use hostler::code::{Guard, Instruction};

/// The guards of each command of a plan for `web` that changes its power, and whether a success leaves it to be
/// verified.
fn guards(statements: &str) -> (Vec<String>, bool) {
    let (said, code) = lab::check(&format!("use std.apt\nplan test for guest in web {{\n{statements}\n}}\n"));
    let code = code.unwrap_or_else(|| panic!("{said:#?}"));
    let body = &code.procs[code.plan().body];
    let mut commands = Vec::new();
    let mut before: Vec<&str> = Vec::new();
    for instruction in &body.instructions {
        match instruction {
            Instruction::Guard(Guard::Identity, _) => before.push("identity"),
            Instruction::Guard(Guard::Unlocked(..), _) => before.push("unlocked"),
            Instruction::Guard(Guard::Agent(_), _) => before.push("agent"),
            Instruction::Guard(Guard::Baseline, _) => before.push("baseline"),
            Instruction::Run(command, _) if command.effect != hostler::code::Effect::Read => {
                commands.push(std::mem::take(&mut before).join(" "));
            }
            _ => {}
        }
    }
    (commands, code.plan().verify)
}

fn are(statements: &str, commands: &[&str], verify: bool) {
    assert_eq!(guards(statements), (commands.iter().map(ToString::to_string).collect(), verify), "{statements}");
}

const ALL: &str = "identity unlocked agent baseline";
const REBOOT: &str = "on hypervisor: qm reboot $vmid\n";

/// What is wrong with a plan, as `line: code`.
fn said(statements: &str) -> Vec<String> {
    let (said, _) = lab::check(&format!("plan test for guest in web {{\n{statements}\n}}\n"));
    let short = |one: &String| {
        let mut parts = one.split(": ");
        format!("{} {}", parts.next().unwrap().rsplit(':').next().unwrap(), parts.next().unwrap())
    };
    said.iter().map(short).collect()
}

#[test]
fn a_plan_that_writes_none_gets_all() {
    are(REBOOT, &[ALL], true);
}

#[test]
fn what_the_plan_proves_itself_is_not_proven_again() {
    are(&format!("require identity(guest)\n{REBOOT}"), &["unlocked agent baseline"], true);
    are(&format!("require not locked(guest)\n{REBOOT}"), &["identity agent baseline"], true);
    are(&format!("require agent(guest)\n{REBOOT}"), &["identity unlocked baseline"], true);
    let all = "require identity(guest) and agent(guest) and not locked(guest)\n";
    are(&format!("{all}{REBOOT}await ssh(guest) and agent(guest)"), &["baseline"], false);
}

#[test]
fn a_probe_of_the_plans_own_proves_what_its_answer_says() {
    let plan = "plan test for guest in web { require well(guest)\non hypervisor: qm reboot $vmid }
probe well(machine: Guest) -> Bool { return agent(machine) and not locked(machine) }";
    let (_, code) = lab::check(plan);
    let code = code.unwrap();
    let guards = code.procs[code.plan().body].instructions.iter().filter_map(|instruction| match instruction {
        Instruction::Guard(guard, _) => Some(format!("{guard:?}")),
        _ => None,
    });
    let guards: Vec<String> = guards.collect();
    assert!(!guards.iter().any(|guard| guard.starts_with("Agent") || guard.starts_with("Unlocked")), "{guards:?}");
    assert!(guards.contains(&"Identity".to_string()), "{guards:?}");
}

#[test]
fn a_proof_on_one_way_only_is_none() {
    are(&format!("if $vmid > 100 {{ require agent(guest) }}\n{REBOOT}"), &[ALL], true);
    are(&format!("if agent(guest) {{ {REBOOT} }}"), &["identity unlocked baseline"], true);
    are(&format!("if not agent(guest) {{ warn \"dead\" }}\n{REBOOT}"), &[ALL], true);
    are(&format!("require agent(guest) or ssh(guest)\n{REBOOT}"), &[ALL], true);
    are(&format!("try {{ require agent(guest) }} recover err {{ warn \"dead\" }}\n{REBOOT}"), &[ALL], true);
    are(&format!("for n in [1, 2] {{ require agent(guest) }}\n{REBOOT}"), &[ALL], true);
}

#[test]
fn a_change_makes_what_was_proven_old() {
    let proven = "require identity(guest) and agent(guest)\n";
    for change in ["on guest as root: touch /x", "apt.dist_upgrade(guest)", "on hypervisor: qm set $vmid --agent 1"] {
        let plan = format!("{proven}{change}\n{REBOOT}");
        let (commands, _) = guards(&plan);
        assert_eq!(commands.last().unwrap(), ALL, "{change}");
    }
    // Reading is none; waiting lets another take the lock.
    are(&format!("{proven}require not locked(guest)\non guest reading: uname\n{REBOOT}"), &["baseline"], true);
    are(&format!("require not locked(guest)\nawait port(guest, 22)\n{REBOOT}"), &[ALL], true);
}

const PROVEN: &str = "require identity(guest) and agent(guest) and not locked(guest)\n";

#[test]
fn a_change_counts_by_whatever_name_the_guest_is_called() {
    are(&format!("{PROVEN}for each in guests {{ apt.update(each) }}\n{REBOOT}"), &[ALL], true);
    are(&format!("{PROVEN}apt.update(host(\"web\"))\n{REBOOT}"), &[ALL], true);
}

#[test]
fn what_was_proven_while_a_change_may_go_on_is_old() {
    let change = "try { on guest as root: touch /x } recover err { warn \"it may go on\" }\n";
    are(&format!("{change}{PROVEN}{REBOOT}"), &["", ALL], true);
}

#[test]
fn a_lock_may_be_taken_while_a_person_or_another_lock_is_waited_for() {
    are(&format!("{PROVEN}confirm \"now?\"\n{REBOOT}"), &["unlocked baseline"], true);
    are(&format!("{PROVEN}on hypervisor when locked wait 1m: qm reboot $vmid"), &["unlocked baseline"], true);
}

#[test]
fn a_command_that_is_repeated_proves_again() {
    are(&format!("{PROVEN}on hypervisor retry 2 every 5s: qm reboot $vmid"), &["identity unlocked baseline"], true);
}

#[test]
fn a_start_after_the_end_of_a_plan_takes_no_proof_of_the_plan() {
    let plan = format!("plan test for guest in web {{\nshutdown(guest)\n{PROVEN}start(guest)\n}}\n");
    let (_, code) = lab::check(&plan);
    let code = code.unwrap();
    let start = &code.procs[code.drivers["proxmox"].procs["start"]].instructions;
    assert!(start.iter().any(|one| matches!(one, Instruction::Guard(Guard::Identity, _))));
    assert!(start.iter().any(|one| matches!(one, Instruction::Guard(Guard::Unlocked(..), _))));
}

#[test]
fn a_change_that_names_the_guest_needs_its_identity() {
    are("on hypervisor: qm set $vmid --agent 1", &["identity"], false);
    are("require identity(guest)\non hypervisor: qm set $vmid --agent 1", &[""], false);
    are("on hypervisor: qm set $vmid --agent 1\non hypervisor: qm set $vmid --onboot 1", &["identity"; 2], false);
}

#[test]
fn a_guest_that_this_run_has_disrupted_is_not_asked_for_its_agent() {
    let plan = "on hypervisor: qm shutdown $vmid\non hypervisor: qm start $vmid";
    are(plan, &[ALL, "identity unlocked"], true);
    // Not by the first command, if that failed before it did anything.
    let plan = "try { on hypervisor: qm shutdown $vmid } recover err { on hypervisor: qm stop $vmid }
on hypervisor: qm start $vmid";
    are(plan, &[ALL, ALL, "identity unlocked"], true);
    // In the second round the guest is disrupted, and in the first it is not.
    are(&format!("for n in [1, 2] {{ {REBOOT} }}"), &[ALL], true);
}

#[test]
fn a_guest_is_verified_by_a_new_boot_and_its_agent() {
    are(&format!("{REBOOT}await ssh(guest)"), &[ALL], true);
    are(&format!("{REBOOT}await agent(guest)"), &[ALL], true);
    are(&format!("{REBOOT}await ssh(guest)\nrequire agent(guest)"), &[ALL], false);
    are(&format!("{REBOOT}await agent(guest)\nawait ssh(guest)"), &[ALL], false);
    are(&format!("{REBOOT}if $vmid > 100 {{ await ssh(guest) and agent(guest) }}"), &[ALL], true);
    are("restart(guest)", &[], false);
    are(&format!("await ssh(guest) and agent(guest)\n{REBOOT}"), &["identity unlocked baseline"], true);
}

#[test]
fn a_success_leaves_no_guest_off() {
    let off = "on hypervisor: qm shutdown $vmid\n";
    let on = "on hypervisor: qm start $vmid\n";
    assert_eq!(said(off), ["2 power/left-off"]);
    assert_eq!(said("shutdown(guest)"), ["2 power/left-off"]);
    assert_eq!(said(&format!("{off}{on}")), [""; 0]);
    assert_eq!(said(&format!("{off}start(guest)")), [""; 0]);
    assert_eq!(said(&format!("{off}keep off")), [""; 0]);
    assert_eq!(said(&format!("if $vmid > 100 {{ {off} }}")), ["2 power/left-off"]);
    assert_eq!(said(&format!("{off}if ssh(guest) {{ {on} }}")), ["2 power/left-off"]);
    assert_eq!(said(&format!("{off}if $vmid > 100 {{ skip \"no\" }}\n{on}")), ["2 power/left-off"]);
    assert_eq!(said(&format!("try {{ {off} }} recover err {{ warn \"no\" }}\n{on}")), [""; 0]);
    assert_eq!(said(&format!("try {{ {off}{on} }} recover err {{ warn \"it may be off\" }}")), ["2 power/left-off"]);
    assert_eq!(said(&format!("try {{ {off} }} finally {{ {on} }}")), [""; 0]);
    // A failure is not a success: then it is started again.
    assert_eq!(said(&format!("{off}fail \"no\"")), [""; 0]);
}

#[test]
fn a_condition_that_does_not_change_is_the_same_twice() {
    let off = "if $vmid > 100 { on hypervisor: qm shutdown $vmid }\n";
    assert_eq!(said(&format!("{off}if $vmid > 100 {{ on hypervisor: qm start $vmid }}")), [""; 0]);
    assert_eq!(said(&format!("{off}if $vmid > 200 {{ on hypervisor: qm start $vmid }}")), ["2 power/left-off"]);
}

#[test]
fn a_guest_that_was_seen_to_run_is_not_off() {
    let off = "on hypervisor: qm shutdown $vmid\n";
    let start = "on hypervisor: qm start $vmid";
    assert_eq!(said(&format!("{off}if power(guest) == \"stopped\" {{ {start} }}")), [""; 0]);
    assert_eq!(said(&format!("{off}if power(guest) != \"running\" {{ {start} }}")), [""; 0]);
    assert_eq!(said(&format!("{off}await power(guest) == \"running\"")), [""; 0]);
    assert_eq!(said(&format!("{off}await power(guest) == \"stopped\"")), ["2 power/left-off"]);
}

#[test]
fn every_guest_of_a_loop_is_followed() {
    assert_eq!(said("for each in guests { shutdown(each)\n start(each) }"), [""; 0]);
    assert_eq!(said("for each in guests { shutdown(each) }"), ["2 power/left-off"]);
    // All, and again all of them, in any order.
    let down = "for each in [web, bare] { shutdown(each) }\n";
    assert_eq!(said(&format!("{down}for each in [bare, web] {{ start(each) }}")), [""; 0]);
    assert_eq!(said(&format!("{down}for each in guests {{ start(each) }}")), [""; 0]);
    assert_eq!(said("shutdown(bare)\nfor each in guests { start(each) }"), [""; 0]);
    assert_eq!(said(&format!("{down}for each in [web] {{ start(each) }}")), ["2 power/left-off"]);
    assert_eq!(said(&format!("{down}for each in guests {{ if ssh(web) {{ start(each) }} }}")).len(), 1);
    assert_eq!(said(&format!("{down}for each in guests {{ start(each) }}\n{down}")).len(), 1);
}

#[test]
fn a_hard_stop_is_the_last_resort() {
    let start = "on hypervisor: qm start $vmid";
    assert_eq!(said(&format!("on hypervisor: qm stop $vmid\n{start}")), ["2 power/hard-stop"]);
    assert_eq!(said(&format!("stop(guest)\n{start}")), ["2 power/hard-stop"]);
    let ask = "on hypervisor: qm shutdown $vmid";
    assert_eq!(said(&format!("try {{ {ask} }} recover err {{ stop(guest) }}\n{start}")), [""; 0]);
    assert_eq!(said(&format!("try {{ shutdown(guest) }} recover err {{ stop(guest) }}\n{start}")), [""; 0]);
    assert_eq!(
        said(&format!("if agent(guest) {{ {ask} }}\non hypervisor: qm stop $vmid\n{start}")),
        ["3 power/hard-stop"]
    );
}

#[test]
fn what_is_asked_after_a_power_action_is_asked_of_the_new_system() {
    for ask in ["await service(guest, \"x\")", "on guest: uname", "require file(guest, \"/x\")"] {
        assert_eq!(said(&format!("{REBOOT}{ask}")), ["3 power/old-system"], "{ask}");
        assert_eq!(said(&format!("{REBOOT}await ssh(guest)\n{ask}")), [""; 0], "{ask}");
        assert_eq!(said(&format!("{REBOOT}await agent(guest)\n{ask}")), [""; 0], "{ask}");
        assert_eq!(said(&format!("restart(guest)\n{ask}")), [""; 0], "{ask}");
    }
    assert_eq!(said(&format!("{REBOOT}await ssh(guest) and service(guest, \"x\")")), [""; 0]);
    assert_eq!(said(&format!("{REBOOT}on hypervisor: qm status $vmid")), [""; 0]);
    // Where it failed, the plan takes what is there.
    assert_eq!(said(&format!("try {{ {REBOOT} await ssh(guest) }} finally {{ on guest: uname }}")), [""; 0]);
}

#[test]
fn a_comment_with_a_reason_allows_a_warning() {
    let stop =
        "on hypervisor: qm stop $vmid # allow power/hard-stop: it has nothing to lose\non hypervisor: qm start $vmid";
    assert_eq!(said(stop), [""; 0]);
    let above =
        "# allow power/hard-stop: it has nothing to lose\non hypervisor: qm stop $vmid\non hypervisor: qm start $vmid";
    assert_eq!(said(above), [""; 0]);
    assert_eq!(said(&stop.replace(": it has nothing to lose", "")), ["2 flow/bad-allow"]);
    assert_eq!(said(&stop.replace("hard-stop", "hard")), ["2 power/hard-stop", "2 flow/bad-allow"]);
    assert_eq!(said("on guest: uname # allow flow/sleep: no reason"), ["2 flow/bad-allow"]);
    assert_eq!(said("on guest: uname # allow me to say something"), [""; 0]);
}

#[test]
fn what_is_never_used_or_never_done_is_said() {
    assert_eq!(said("let x = 1"), ["2 name/unused"]);
    assert_eq!(said("let x = 1\nlet y = $x + 1\nrecord y = $y"), [""; 0]);
    assert_eq!(said("let x = on guest: uname\nif $vmid > 1 { record x = $x.trim }"), [""; 0]);
    assert_eq!(said("let other = host(\"nas\")\nawait ssh(other)"), [""; 0]);
    assert_eq!(said("fail \"no\"\nwarn \"never\"\nwarn \"this neither\""), ["3 flow/unreachable"]);
    assert_eq!(said("if $vmid > 1 { skip \"a\" } else { fail \"b\" }\nwarn \"never\""), ["3 flow/unreachable"]);
    assert_eq!(said("if $vmid > 1 { skip \"a\" }\nwarn \"it may be\""), [""; 0]);
    assert_eq!(said("on guest: sleep 5"), ["2 flow/sleep"]);
    assert_eq!(said("on guest: sudo sleep 5"), ["2 flow/sleep"]);
}
