//! A host of libvirt in the testbed: the real daemon, the real `virsh`, real guests.

use std::time::Duration;

use testbed::{GuestPlan, Plan, Site};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn libvirt_runs_guests_that_go_down_and_come_up() {
    let plan = Plan::new("libvirt").libvirt("kvm1").guest(GuestPlan::new("web1"));
    let site = Site::up(&plan.guest(GuestPlan::new("silent").but("noagent").but("noacpi"))).unwrap();
    println!("libvirt, QEMU by {}", site.accelerator());
    let node = site.node("kvm1").unwrap();
    let (web1, silent) = (site.guest("web1").unwrap(), site.guest("silent").unwrap());
    println!("{}", site.ssh("kvm1", "virsh version").unwrap());
    web1.agent_answers().unwrap();
    assert_eq!(site.ssh("kvm1", "virsh -q list --all --name").unwrap(), "web1\nsilent\n");
    let error = site.ssh("kvm1", "virsh -q domtime silent").unwrap_err();
    assert!(error.contains("QEMU guest agent is not connected"), "{error}");

    let first = web1.boot_id().unwrap();
    site.ssh("kvm1", "virsh -q shutdown web1").unwrap();
    web1.becomes("stopped", SOON).unwrap();
    site.ssh("kvm1", "virsh -q start web1").unwrap();
    web1.answers().unwrap();
    assert_ne!(web1.boot_id().unwrap(), first);
    assert_eq!((web1.starts(), silent.starts()), (2, 1));

    // From inside: another boot of the same process.
    let second = web1.boot_id().unwrap();
    let process = node.exec("cat /run/libvirt/qemu/web1.pid").unwrap();
    web1.agent_answers().unwrap();
    site.ssh("kvm1", "virsh -q reboot web1").unwrap();
    testbed::programs::until("another boot", SOON, || web1.boot_id().ok().filter(|boot| *boot != second)).unwrap();
    assert_eq!(node.exec("cat /run/libvirt/qemu/web1.pid").unwrap(), process);
    assert_eq!(web1.starts(), 2);

    // Its power goes, and with it that of its guests; libvirt starts them again.
    node.kill().unwrap();
    assert!(silent.status().is_err());
    node.boot().unwrap();
    web1.becomes("running", SOON).unwrap();
    web1.answers().unwrap();
    assert_eq!((web1.starts(), silent.starts()), (3, 2));
}
