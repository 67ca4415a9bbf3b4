//! Guests that are healed, and hypervisors that go away: real nodes, real guests.

use std::time::Duration;

use crate::real::Real;
use testbed::programs::until;
use testbed::{Agent, GuestPlan};

const SOON: Duration = Duration::from_secs(60);

/// The tiny guest has no systemd. This is as much of `systemctl` as `qemu_ga_fix` asks for, in front of the real agent,
/// and the name that udev gives to the agent's device elsewhere.
const SYSTEMCTL: &str = r#"mkdir -p /dev/virtio-ports
ln -s /dev/qga /dev/virtio-ports/org.qemu.guest_agent.0
cat >/usr/sbin/systemctl <<'END'
#!/bin/sh
case $1 in
  is-active) if pidof qemu-ga >/dev/null; then echo active; else echo inactive; exit 3; fi ;;
  is-enabled) echo static ;;
  restart)
    sed -i /^noagent$/d /run/seed/words
    kill $(pidof qemu-ga sleep)
    ;;
esac
END
chmod 755 /usr/sbin/systemctl"#;

#[test]
fn an_agent_that_is_stopped_is_started_and_of_one_without_its_device_is_said_what_to_do() {
    let guests = [
        GuestPlan::new("web1").but("noagent"),
        GuestPlan::new("unset").agent(Agent::Unset),
        GuestPlan::new("without").agent(Agent::Off),
    ];
    let site = Real::new("fix", |plan| plan.node("pve1"), &guests);
    let web1 = site.guest("web1");
    web1.ssh(SYSTEMCTL).unwrap();
    let boot = web1.boot_id().unwrap();
    let ping = || web1.node.exec("qm agent 101 ping");
    assert!(ping().is_err());

    let fix = "use std.agent.qemu_ga_fix\nqemu_ga_fix(guest)";
    let said = site.hostler(&["run", "-e", fix, "--target", "web1"]);
    said.code(0).has("on web1: systemctl restart qemu-guest-agent.service");
    ping().unwrap();
    // A second time there is nothing to do. The guest has run all the while, and can be restarted now.
    let said = site.hostler(&["run", "-e", fix, "--target", "web1"]);
    assert!(!said.code(0).text.contains("systemctl restart"), "{}", said.text);
    assert_eq!(web1.boot_id().unwrap(), boot);
    site.is("web1", "running", 1);
    // Its disk would have kept what was done.
    web1.next_start(|card| card.words.clear()).unwrap();
    let restart = site.workflow("restart.plan");
    site.hostler(&["run", &restart, "--target", "web1"]).code(0).has("agent answers");
    site.is("web1", "running", 2);

    for (name, vmid) in [("unset", 102), ("without", 103)] {
        let advice = format!("run `qm set {vmid} --agent 1` on pve1, then shut {name} down and start it");
        site.hostler(&["run", "-e", fix, "--target", name]).code(1).has(&advice);
        site.is(name, "running", 1);
    }
}

#[test]
fn a_hypervisor_whose_host_key_changes_under_a_run_is_asked_no_more() {
    let site = Real::new("key", |plan| plan.node("pve1"), &[GuestPlan::new("web1").but("late=3")]);
    let web1 = site.guest("web1");
    web1.agent_answers().unwrap();
    let first = web1.boot_id().unwrap();
    let run = site.begins(&[
        "run",
        "-e",
        "on hypervisor within 10s: qm reboot $vmid; await ssh(guest); require agent(guest)",
        "--target",
        "web1",
    ]);
    let reboots = || web1.node.calls().iter().filter(|call| call.starts_with("reboot ")).count();
    until("the restart", SOON, || (reboots() == 1).then_some(())).unwrap();
    web1.node
        .exec(
            "cd /etc/ssh && rm testbed_hostkey && ssh-keygen -q -t ed25519 -N '' -f testbed_hostkey
            pkill -9 -x sshd; exec /usr/sbin/sshd -f /etc/ssh/sshd_config",
        )
        .unwrap();
    let said = run.ends();
    assert_ne!(said.code, Some(0), "{}", said.text);
    said.has("Its host key has changed").has("to blame: pve1");
    // What was begun ends by itself, once.
    web1.becomes("running", SOON).unwrap();
    web1.answers().unwrap();
    assert_ne!(web1.boot_id().unwrap(), first);
    assert_eq!(reboots(), 1);
    site.is("web1", "running", 2);
}

#[test]
fn a_hypervisor_restarts_itself_and_its_guests_are_back() {
    let guests = [GuestPlan::new("web1"), GuestPlan::new("web2"), GuestPlan::new("other").on("pve2")];
    let site = Real::new("node", |plan| plan.node("pve1").node("pve2"), &guests);
    let boots = || {
        ["web1", "web2", "other", "pve1"].map(|host| site.0.ssh(host, "cat /proc/sys/kernel/random/boot_id").unwrap())
    };
    for guest in site.0.guests() {
        guest.agent_answers().unwrap();
    }
    let first = boots();
    site.nothing_to_upgrade("pve1");
    site.0.node("pve1").unwrap().exec("touch /run/reboot-required").unwrap();
    let patch = site.workflow("patch_pve.plan");
    let said = site.hostler(&["run", &patch, "--target", "pve1", "--yes"]);
    said.code(0).has("on pve1: systemctl reboot").has("restarted_for = /run/reboot-required");
    let now = boots();
    let same: Vec<bool> = first.iter().zip(&now).map(|(old, new)| old == new).collect();
    assert_eq!(same, [false, false, true, false], "web1, web2, other, pve1");
    for (name, starts) in [("web1", 2), ("web2", 2), ("other", 1)] {
        site.is(name, "running", starts);
    }
}
