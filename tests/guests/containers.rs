//! Plans on containers of a Proxmox node: namespaces with an init and an ssh server of their own, behind a `pct`.

use std::time::Duration;

use crate::real::Real;
use testbed::GuestPlan;
use testbed::programs::write;

const SOON: Duration = Duration::from_secs(30);

/// The process and the start of a container's init, as its node shows them.
fn init_of(bed: &Real, name: &str) -> String {
    let guest = bed.guest(name);
    let line = format!(
        "pid=$(lxc-info -n {} -s -p | sed -n 's/^PID: *//p'); cut -d' ' -f1,22 \"/proc/$pid/stat\"",
        guest.vmid
    );
    guest.node.exec(&line).unwrap()
}

/// The calls of a program on the node.
fn calls(bed: &Real, program: &str) -> String {
    std::fs::read_to_string(bed.0.nodes()[0].folder().join(format!("{program}.log"))).unwrap_or_default()
}

#[test]
fn a_container_is_restarted_and_proven_by_its_new_process_or_left_alone() {
    let bed = Real::new("containers", |plan| plan.node("pve1"), &[GuestPlan::new("box").container()]);
    let (guest, restart) = (bed.guest("box"), bed.workflow("restart.plan"));
    let (boot, first) = (guest.boot_id().unwrap(), init_of(&bed, "box"));
    assert_eq!(guest.ssh("hostname; cat /proc/1/comm").unwrap(), "box\nsh\n");
    assert_eq!(bed.0.ssh("pve1", "cat /proc/sys/kernel/random/boot_id").unwrap().trim(), boot);

    let site = bed.0.folder.display().to_string();
    bed.hostler(&["preflight", &restart, "--target", "box", "--site", &site]).code(0);
    bed.is("box", "running", 1);
    assert!(guest.ssh("cut -d. -f1 /proc/uptime").unwrap().trim().parse::<u64>().unwrap() < 20);

    // The kernel's boot is the same, and the process is another. What answers for it is its own system: it has no agent.
    let said = bed.hostler(&["run", &restart, "--target", "box"]);
    said.code(0).has("on pve1: pct shutdown 101 --timeout 180").has("on pve1: pct start 101");
    said.has("await ssh(guest) within 10m: a fresh connection, a new process on the hypervisor").has("box    done");
    assert_eq!(guest.boot_id().unwrap(), boot);
    assert_ne!(init_of(&bed, "box"), first);
    bed.is("box", "running", 2);
    assert!(calls(&bed, "lxc-attach").contains("-n 101 -- /bin/true"));
    assert_eq!(calls(&bed, "qm"), "");

    // A backup holds it: nothing is done, or as the driver has it, its end is waited for.
    let second = init_of(&bed, "box");
    guest.node.exec("pct set 101 --lock backup").unwrap();
    let one = "on hypervisor: pct shutdown $vmid --timeout 20s; keep off";
    bed.hostler(&["run", "-e", one, "--target", "box"]).code(1).has("(backup)");
    assert_eq!(init_of(&bed, "box"), second);
    bed.is("box", "running", 2);
    guest.node.exec("(sleep 3; pct unlock 101) >/dev/null 2>&1 &").unwrap();
    bed.hostler(&["run", &restart, "--target", "box"]).code(0).has("its end is waited for");
    assert_ne!(init_of(&bed, "box"), second);
    bed.is("box", "running", 3);

    // Its configuration's lock file is held for a while: `pct` waits.
    guest.node.exec("setsid flock /run/lock/lxc/pve-config-101.lock sleep 4 >/dev/null 2>&1 &").unwrap();
    bed.hostler(&["run", &restart, "--target", "box"]).code(0);
    bed.is("box", "running", 4);

    // One that runs stays as it is; one that is off is started.
    bed.hostler(&["run", "-e", "start(guest); await ssh(guest)", "--target", "box"]).code(0);
    bed.is("box", "running", 4);
    guest.node.exec("pct stop 101").unwrap();
    guest.becomes("stopped", SOON).unwrap();
    bed.hostler(&["run", "-e", "start(guest); await ssh(guest)", "--target", "box"]).code(0);
    bed.is("box", "running", 5);

    // The inventory calls it something else, or takes it for a virtual machine.
    let other = bed.0.folder.join("inventory/z.yml");
    write(&other, "all: {hosts: {box: {vm_name: other}}}\n").unwrap();
    bed.hostler(&["run", &restart, "--target", "box"]).code(1).has("is called `box`, not `other`");
    std::fs::remove_file(other).unwrap();
    let hosts = std::fs::read_to_string(bed.0.inventory()).unwrap();
    write(&bed.0.inventory(), hosts.replace("          hostler_driver: proxmox_ct\n", "")).unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "box"]);
    said.code(1).has("101 on `pve1` is a container, not a virtual machine; write `hostler_driver: proxmox_ct` into");
    bed.is("box", "running", 5);
}

#[test]
fn a_container_that_does_not_obey_is_left_running_or_rescued() {
    let bed = Real::new("deaf-container", |plan| plan.node("pve1"), &[GuestPlan::new("deaf").container().but("deaf")]);
    let first = init_of(&bed, "deaf");
    let restart = bed.workflow("restart.plan");
    let said = bed.hostler(&["run", &restart, "--target", "deaf", "--set", "grace=3s"]);
    said.code(1).has("container did not stop");
    assert_eq!(init_of(&bed, "deaf"), first);
    bed.is("deaf", "running", 1);

    // That its own system answers is asked before, as the plan wants it.
    let rescue = bed.workflow("rescue.plan");
    let said = bed.hostler(&["run", &rescue, "--target", "deaf", "--set", "grace=3s"]);
    said.code(0).has("deaf did not shut down").has("on pve1: pct stop 101").has("on pve1: pct start 101");
    assert!(calls(&bed, "lxc-attach").contains("-n 101 -- /bin/true"));
    assert_ne!(init_of(&bed, "deaf"), first);
    bed.is("deaf", "running", 2);

    // With its node it goes, and comes back with it.
    let (node, guest) = (&bed.0.nodes()[0], bed.guest("deaf"));
    node.kill().unwrap();
    assert!(guest.boot_id().is_err());
    node.boot().unwrap();
    guest.answers().unwrap();
    bed.is("deaf", "running", 3);
}
