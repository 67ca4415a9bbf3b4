//! The library's tasks about agents, packages and services, with things wrong in the lab.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use hostler::lab::Unit;
use lab::{Ran, env, run, run_for};

const AGENT: &str = "use std.agent.qemu_ga_fix";
const APT: &str = "use std.apt";
const SYSTEMD: &str = "use std.systemd";
/// What the drop-in is that turns upgrades of the agent into power-offs.
const DROP_IN: &str = "/etc/systemd/system/qemu-guest-agent.service.d/override.conf";

fn fix(change: impl FnOnce(&mut hostler::lab::Machine)) -> Ran {
    run(AGENT, "qemu_ga_fix(guest)", change)
}

fn upgrade(change: impl FnOnce(&mut hostler::lab::Machine)) -> Ran {
    run(APT, "apt.dist_upgrade(guest, deadline: 15m)", change)
}

fn drop_in(web: &mut hostler::lab::Machine) {
    web.agent_poweroff = Some(DROP_IN.to_string());
    web.agent_poweroff_loaded = true;
}

#[test]
fn an_agent_that_works_is_left_alone() {
    let ran = fix(|_| {});
    assert_eq!(ran.why(), "done");
    assert!(ran.changes().is_empty(), "{:?}", ran.changes());
    assert!(ran.warnings().is_empty());
}

#[test]
fn an_agent_that_is_not_configured_names_the_setting_and_the_cold_start() {
    let ran = fix(|web| {
        web.agent_set = false;
        web.agent_device = false;
        web.agent_answers = false;
    });
    let why = ran.why();
    assert!(why.contains("run `qm set 101 --agent 1` on pve"), "{why}");
    assert!(why.contains("cold start") && why.contains("a restart from inside is not enough"), "{why}");
    assert!(ran.changes().is_empty(), "{:?}", ran.changes());
}

#[test]
fn an_agent_that_was_configured_while_the_guest_ran_needs_a_cold_start() {
    let ran = fix(|web| {
        web.agent_device = false;
        web.agent_answers = false;
    });
    assert!(ran.why().contains("its device comes only with a cold start"), "{}", ran.why());
    assert!(!ran.why().contains("qm set"), "{}", ran.why());
    assert!(ran.changes().is_empty());
}

#[test]
fn a_dead_agent_is_restarted() {
    let mut ran = fix(|web| web.agent_answers = false);
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.changes(), ["systemctl restart qemu-guest-agent.service"]);
    assert!(ran.machine("web").agent_answers);
}

#[test]
fn a_stopped_or_masked_service_is_enabled_and_started() {
    let stopped = |enabled: &str| {
        let enabled = enabled.to_string();
        fix(move |web| {
            web.agent_enabled = enabled;
            web.agent_runs = false;
            web.agent_answers = false;
        })
    };
    let unit = "qemu-guest-agent.service";
    let ran = stopped("static");
    assert_eq!(ran.changes(), [format!("systemctl restart {unit}")]);
    let ran = stopped("disabled");
    assert_eq!(ran.changes(), [format!("systemctl enable {unit}"), format!("systemctl restart {unit}")]);
    let ran = stopped("masked");
    let wanted = ["unmask", "enable", "restart"].map(|verb| format!("systemctl {verb} {unit}"));
    assert_eq!(ran.changes(), wanted);
    assert_eq!(ran.why(), "done");
}

#[test]
fn a_missing_agent_is_installed_without_questions() {
    let mut ran = fix(|web| {
        web.has_agent = false;
        web.agent_runs = false;
        web.agent_answers = false;
    });
    assert_eq!(ran.why(), "done");
    let install = ran.command("install qemu-guest-agent");
    assert_eq!(env(install, "DEBIAN_FRONTEND"), Some("noninteractive"));
    assert!(install.argv.contains(&"--no-remove".to_string()), "{:?}", install.argv);
    assert!(ran.machine("web").agent_answers);
}

#[test]
fn the_drop_in_that_takes_the_power_goes_before_anything_else() {
    let mut ran = fix(|web| {
        drop_in(web);
        // A restart of the service is needed as well, and would have been the end.
        web.agent_answers = false;
    });
    assert_eq!(ran.why(), "done");
    assert_eq!(
        ran.changes(),
        ["# qemu_ga_keep_power", "systemctl daemon-reload", "systemctl restart qemu-guest-agent.service"]
    );
    assert!(ran.warnings().iter().any(|warning| warning.contains("lost its power")), "{:?}", ran.warnings());
    assert_eq!(ran.machine("web").boot, 1, "it has not been off");
}

#[test]
fn with_the_drop_in_an_upgrade_of_the_agent_is_a_power_off() {
    let upgrade = "apt.dist_upgrade(guest)\nawait ssh(guest) within 5m";
    let change = |web: &mut hostler::lab::Machine| {
        drop_in(web);
        web.upgrades_agent = true;
    };
    let mut without = run(APT, upgrade, change);
    assert!(without.why().starts_with("unknown: "), "{}", without.why());
    assert!(!without.machine("web").running);

    let mut with = run(&format!("{AGENT}\n{APT}"), &format!("qemu_ga_fix(guest)\n{upgrade}"), change);
    assert_eq!(with.why(), "done");
    assert_eq!(with.machine("web").boot, 1, "it has not been off");
}

#[test]
fn an_agent_that_refuses_the_shutdown_is_made_to_obey() {
    let mut ran = fix(|web| web.agent_refuses_shutdown = true);
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.changes(), ["# qemu_ga_allow_shutdown", "systemctl restart qemu-guest-agent.service"]);
    assert!(!ran.machine("web").agent_refuses_shutdown);
}

#[test]
fn an_agent_that_can_not_be_made_to_answer_is_a_failure_that_says_where_to_look() {
    let ran = fix(|web| {
        web.agent_broken = true;
        web.agent_answers = false;
    });
    assert!(ran.why().starts_with("timeout: the guest agent of web runs and does not answer"), "{}", ran.why());
    assert!(ran.why().contains("journalctl -u qemu-guest-agent"), "{}", ran.why());
}

#[test]
fn a_container_has_no_agent_to_fix() {
    let ran = run_for("files", AGENT, "qemu_ga_fix(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert!(ran.commands().is_empty(), "{:?}", ran.commands());
}

#[test]
fn a_domain_of_libvirt_is_asked_through_virsh() {
    let ran = run_for("wiki", AGENT, "qemu_ga_fix(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert!(ran.commands().iter().all(|words| !words.contains("qm ")), "{:?}", ran.commands());

    let ran = run_for("wiki", AGENT, "qemu_ga_fix(guest)", |lab| lab.machine("wiki").unwrap().agent_device = false);
    assert!(ran.why().contains("`virsh edit wiki` on kvm"), "{}", ran.why());
}

#[test]
fn an_upgrade_asks_nothing() {
    let mut ran = upgrade(|_| {});
    assert_eq!(ran.why(), "done");
    let command = ran.command("dist-upgrade");
    assert_eq!(command.user.as_deref(), Some("root"));
    assert_eq!(command.within, 900_000);
    assert_eq!(env(command, "DEBIAN_FRONTEND"), Some("noninteractive"));
    assert_eq!(env(command, "NEEDRESTART_MODE"), Some("l"));
    assert_eq!(env(command, "UCF_FORCE_CONFFOLD"), Some("1"));
    for option in [
        "-y",
        "Dpkg::Options::=--force-confdef",
        "Dpkg::Options::=--force-confold",
        "Dpkg::Use-Pty=0",
        "DPkg::Lock::Timeout=300",
    ] {
        assert!(command.argv.iter().any(|word| word == option), "{option}: {:?}", command.argv);
    }
    assert!(ran.when("-q -o APT::Update::Error-Mode=any") < ran.when("dist-upgrade"), "the lists come first");
    assert_eq!(ran.machine("web").upgrades, 0);
    assert_eq!(ran.machine("web").kernel, "6.8.0-41-generic");
    assert_eq!(ran.machine("web").installed_kernel, "6.8.0-45-generic");
}

#[test]
fn a_restart_is_wanted_after_a_kernel_and_cured_by_one() {
    let plan = "
require not reboot_required(guest)
apt.dist_upgrade(guest)
record reason = reboot_reason(guest)
require reboot_required(guest)
restart(guest)
require not reboot_required(guest)
let kernel = on guest reading: uname -r
record kernel = $kernel.trim";
    let ran = run(APT, plan, |_| {});
    assert_eq!(ran.why(), "done");
    let records = &ran.summary.plans["test"]["web"].records;
    assert_eq!(records["reason"], "/run/reboot-required: linux-base linux-image-6.8.0-45-generic");
    assert_eq!(records["kernel"], "6.8.0-45-generic");
}

#[test]
fn a_wanted_restart_names_its_reason_where_it_is_asked_for() {
    let ran = run("", "require not reboot_required(guest)", |web| {
        web.installed_kernel = "6.8.0-45-generic".to_string();
    });
    let wanted = "(last answer: kernel 6.8.0-45-generic is installed, 6.8.0-41-generic runs)";
    assert!(ran.why().ends_with(wanted), "{}", ran.why());
}

#[test]
fn an_interrupted_dpkg_is_finished_first() {
    let ran = upgrade(|web| web.dpkg_interrupted = true);
    assert_eq!(ran.why(), "done");
    let configure = ran.command("--configure -a");
    assert_eq!(env(configure, "DEBIAN_FRONTEND"), Some("noninteractive"));
    assert!(configure.argv.contains(&"--force-confold".to_string()));
    assert!(ran.when("--configure -a") < ran.when("dist-upgrade"));
    assert!(ran.warnings().iter().any(|warning| warning.contains("interrupted")), "{:?}", ran.warnings());
}

#[test]
fn whoever_holds_the_package_system_is_waited_for() {
    let held = |ms| {
        move |web: &mut hostler::lab::Machine| {
            web.package_lock = Some(("unattended-upgr (process 812)".to_string(), ms))
        }
    };
    let ran = upgrade(held(90_000));
    assert_eq!(ran.why(), "done");
    assert!(ran.when("Error-Mode=any") >= 90_000);

    let ran = run(APT, "apt.wait_unlocked(guest, deadline: 5m)", held(3_600_000));
    assert_eq!(
        ran.why(),
        "failed: the package system of web is still in use after 5m, by unattended-upgr (process 812)"
    );
    assert!(ran.changes().is_empty());
}

#[test]
fn an_upgrade_that_does_not_fit_is_not_begun() {
    // What was downloaded before is in the way: it goes.
    let ran = upgrade(|web| {
        web.free = 400_000;
        web.cached = 2_000_000;
    });
    assert_eq!(ran.why(), "done");
    assert!(ran.when("apt-get clean") < ran.when("dist-upgrade"));

    let mut ran = upgrade(|web| web.free = 400_000);
    assert!(ran.why().contains("has no room for that and 512MiB more"), "{}", ran.why());
    assert!(!ran.commands().iter().any(|words| words.contains("force-confold dist-upgrade")), "{:?}", ran.commands());
    assert_eq!(ran.machine("web").upgrades, 12);
}

#[test]
fn sources_that_can_not_be_read_are_tried_again_and_then_a_failure() {
    let ran = upgrade(|web| web.sources_fail = 2);
    assert_eq!(ran.why(), "done");
    let ran = upgrade(|web| web.sources_fail = 3);
    assert!(ran.why().contains("Some index files failed to download"), "{}", ran.why());
    assert!(!ran.commands().iter().any(|words| words.contains("dist-upgrade")), "{:?}", ran.commands());
}

#[test]
fn an_upgrade_that_takes_too_long_is_left_to_finish() {
    let mut ran = run(APT, "apt.dist_upgrade(guest, deadline: 1m)", |_| {});
    assert!(ran.why().starts_with("timeout: ") && ran.why().contains("goes on there"), "{}", ran.why());
    assert!(ran.machine("web").running);
}

#[test]
fn services_on_old_libraries_are_restarted_where_the_machine_is_not() {
    let ran = run(APT, "apt.dist_upgrade(guest)\napt.restart_services(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    let restarts: Vec<String> = ran.changes().into_iter().filter(|words| words.contains("try-restart")).collect();
    assert_eq!(restarts, ["systemctl try-restart -- cron.service", "systemctl try-restart -- ssh.service"]);
}

#[test]
fn packages_are_the_same_on_bare_metal() {
    let mut ran = run_for("nas", APT, "apt.dist_upgrade(guest)\nrequire reboot_required(guest)", |_| {});
    assert_eq!(ran.why(), "done");
    assert!(!ran.machine("nas").reboot_required, "Debian marks nothing: its kernels tell");
}

#[test]
fn services_are_made_to_run_and_only_where_they_do_not() {
    let ran = run(SYSTEMD, "systemd.ensure(guest, \"nginx\")", |_| {});
    assert_eq!((ran.why().as_str(), ran.changes().len()), ("done", 0));

    let off = Unit { active: false, enabled: false, starts: true };
    let ran = run(SYSTEMD, "systemd.ensure(guest, \"nginx\")", |web| {
        web.services.insert("nginx".to_string(), off);
    });
    assert_eq!(ran.why(), "done");
    assert_eq!(ran.changes(), ["systemctl enable -- nginx", "systemctl start -- nginx"]);

    let broken = Unit { active: true, enabled: true, starts: false };
    let ran = run(SYSTEMD, "systemd.restart(guest, \"nginx\")", |web| {
        web.services.insert("nginx".to_string(), broken);
    });
    assert!(ran.why().contains("journalctl -xeu nginx.service"), "{}", ran.why());

    let ran = run(SYSTEMD, "require systemd.failed_units(guest) == [] else \"some failed\"", |_| {});
    assert_eq!(ran.why(), "done");
}
