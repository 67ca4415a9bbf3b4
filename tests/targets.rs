//! Which hosts a check is about: what was not asked for is not said.
#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

#[path = "support/site.rs"]
mod site;

use site::Site;

/// Two guests; `web` lacks its id.
fn two(name: &str) -> Site {
    Site::new(name)
        .with("inventory/hosts", "[all]\nweb proxmox_host=pve\ndb proxmox_host=pve vmid=102\npve\n")
        .with("restart.plan", "plan restart for guest in web, db {\n  on hypervisor: qm reboot $vmid\n}\n")
        .with("statements.plan", "on hypervisor: qm reboot $vmid\n")
}

#[test]
fn only_the_hosts_that_are_asked_for_are_held_against_the_inventory() {
    let site = two("targets");
    assert_eq!(site.hostler("check restart.plan").codes(), ["inventory/missing-variable"]);
    for plan in ["restart.plan", "statements.plan"] {
        let said = site.hostler(&format!("check {plan} --target db"));
        assert_eq!((said.code, said.codes()), (0, vec![]), "{said:?}");
    }
}

#[test]
fn a_target_that_nobody_knows_is_all_that_is_said() {
    let site = two("no targets");
    for plan in ["restart.plan", "statements.plan"] {
        for option in ["--target", "--limit"] {
            let said = site.hostler(&format!("check {plan} {option} nobody"));
            assert_eq!((said.code, said.codes()), (2, vec!["inventory/bad-pattern"]), "{said:?}");
        }
    }
}

#[test]
fn what_a_host_lacks_is_said_once_where_it_is_needed_first() {
    let site = two("lacks").with("inventory/hosts", "[all]\nweb proxmox_host=pve\ndb\npve\n").with(
        "two.plan",
        "plan two for guest in web, db {\n  on hypervisor: qm status $vmid\n  on hypervisor: qm config $vmid\n  restart(guest)\n}\n",
    );
    let said = site.hostler("check two.plan");
    assert_eq!(said.codes(), ["inventory/missing-variable", "inventory/missing-variable"], "{said:?}");
    for part in ["`web` and `db` have no `vmid`", "`db` has no hypervisor", "two.plan:2:"] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
}
