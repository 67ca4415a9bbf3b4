//! Plans on a real libvirt: its daemon, its `virsh` over OpenSSH, and guests in QEMU.

use std::time::Duration;

use crate::real::Real;
use testbed::GuestPlan;
use testbed::programs::write;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_guest_of_libvirt_is_restarted_and_proven_or_left_alone() {
    let bed = Real::new(
        "on-libvirt",
        |plan| plan.libvirt("kvm1"),
        &[GuestPlan::new("web1"), GuestPlan::new("silent").but("noagent")],
    );
    let (web1, restart) = (bed.guest("web1"), bed.workflow("restart.plan"));
    web1.agent_answers().unwrap();

    // A cold start, proven by another boot.
    let first = web1.boot_id().unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "web1"]);
    said.code(0).has("on kvm1: virsh -q -c qemu:///system shutdown web1").has("agent answers");
    assert_ne!(web1.boot_id().unwrap(), first);
    bed.is("web1", "running", 2);

    // Without its agent nobody is touched.
    let why = "agent: the guest agent of `silent` does not answer: error: Guest agent is not responding";
    let one = "on hypervisor: virsh shutdown $libvirt_domain; keep off";
    bed.hostler(&["run", "-e", one, "--target", "silent"]).code(1).has(why);
    bed.is("silent", "running", 1);

    // The inventory gives the UUID of another domain.
    let uuid = bed.0.ssh("kvm1", "virsh -q domuuid silent").unwrap();
    let other = bed.0.folder.join("inventory/z.yml");
    write(&other, format!("all: {{hosts: {{web1: {{libvirt_domain: {}}}}}}}\n", uuid.trim())).unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "web1"]);
    said.code(1).has("on `kvm1` is called `silent`, not `web1`");
    std::fs::remove_file(other).unwrap();

    // Its QEMU hangs.
    web1.node.exec("kill -STOP $(cat /run/libvirt/qemu/web1.pid)").unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "web1"]);
    said.code(1).has("the guest agent of `web1` does not answer");
    web1.node.exec("kill -CONT $(cat /run/libvirt/qemu/web1.pid)").unwrap();
    bed.is("web1", "running", 2);
    bed.is("silent", "running", 1);
}

#[test]
fn a_guest_of_libvirt_that_does_not_obey_is_stopped_and_started() {
    let bed = Real::new("libvirt-rescue", |plan| plan.libvirt("kvm1"), &[GuestPlan::new("stubborn").but("deaf")]);
    let (stubborn, rescue) = (bed.guest("stubborn"), bed.workflow("rescue.plan"));
    stubborn.agent_answers().unwrap();
    let first = stubborn.boot_id().unwrap();
    let said = bed.hostler(&["run", &rescue, "--target", "stubborn", "--set", "grace=5s"]);
    said.code(0).has("stubborn did not shut down").has("virsh -q -c qemu:///system destroy stubborn");
    assert_ne!(stubborn.boot_id().unwrap(), first);
    bed.is("stubborn", "running", 2);

    // One that is off is started.
    bed.0.ssh("kvm1", "virsh -q destroy stubborn").unwrap();
    stubborn.becomes("stopped", SOON).unwrap();
    bed.hostler(&["run", "-e", "start(guest); await ssh(guest)", "--target", "stubborn"]).code(0);
    bed.is("stubborn", "running", 3);
}
