//! Settings of connections that are in vaults, and those that ask for a way that there is not here.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod site;
}

use support::site::{Said, Site};

const RESTART: &str = "on pve: qm reboot $vmid; await ssh(guest); require agent(guest)\n";

/// Checks a plan for `pbs`, whose variables and those of its hypervisor are these.
fn check(name: &str, pbs: &str, pve: &str, plan: &str) -> Said {
    let hosts = format!("all:\n  hosts:\n    pve: {{{pve}}}\n    pbs: {{vmid: 101, hypervisor: pve, {pbs}}}\n");
    let site = Site::new(&format!("connections-{name}")).with("inventory/hosts.yml", &hosts).with("a.plan", plan);
    site.hostler("check a.plan --target pbs")
}

#[test]
fn ways_that_there_are_not_here_are_errors_where_they_are_written() {
    let root = "ansible_user: root";
    for (number, (pbs, pve, wanted)) in [
        ("ansible_connection: winrm", root, "`pbs`: there is no connection `winrm` here; hosts are reached by OpenSSH"),
        (
            root,
            "ansible_connection: community.docker.docker",
            "`pve`: there is no connection `community.docker.docker`",
        ),
        ("ansible_shell_type: powershell", root, "`pbs`: commands need a POSIX shell, and this says `powershell`"),
        (root, "ansible_user: ops, ansible_become_method: su", "`pve`: commands become another user with `sudo` only"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = check(&format!("way-{number}"), pbs, pve, RESTART);
        assert_eq!((said.code, said.codes()), (2, vec!["inventory/connection"]), "{}", said.err);
        let text = said.sentences();
        assert!(text.contains(wanted) && text.contains("needed here"), "{wanted}\n{}", said.err);
        assert!(text.contains(&format!("[inventory/hosts.yml:{}", if pbs == root { 3 } else { 4 })), "{}", said.err);
    }
}

#[test]
fn they_do_not_matter_for_a_host_that_is_not_connected_to() {
    let look = "plan p for guest in pbs { record power = power(guest); require port(guest, 3389) }\n";
    let site = |name: &str, plan: &str| check(name, "ansible_connection: winrm", "ansible_user: root", plan);
    let said = site("watched", look);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(site("restarted", RESTART.split(';').next().unwrap()).codes(), ["inventory/connection"]);
    let silent = "ansible_connection: winrm, hostler_proof: [power, agent]";
    let said = check("proof", silent, "ansible_user: root", "on pve: qm reboot $vmid; require agent(guest)\n");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(site("command", "on guest: uptime\n").codes(), ["inventory/connection"]);
    assert_eq!(site("asked", "await ssh(guest)\n").codes(), ["inventory/connection"]);
    assert_eq!(site("called", "await uptime(guest) > 1m\n").codes(), ["inventory/connection"]);
}

#[test]
fn what_may_work_is_a_warning_or_nothing() {
    let become_password = "ansible_user: ops, ansible_become_password: x";
    let said = check("sudo", become_password, "ansible_user: root", "on guest as root: systemctl restart nginx\n");
    assert_eq!((said.code, said.codes()), (0, vec!["inventory/connection"]), "{}", said.err);
    assert!(said.sentences().contains("`ansible_become_password` is not used"), "{}", said.err);
    // Nobody becomes anybody.
    let said = check("plain", become_password, "ansible_user: root", "on guest: uptime\n");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let said = check("password", "ansible_password: x", "ansible_user: root", "on guest: uptime\n");
    assert_eq!((said.code, said.codes()), (0, vec!["inventory/connection"]), "{}", said.err);
    assert!(said.sentences().contains("`ansible_password` is not used"), "{}", said.err);
    // A key beside the password.
    let key = "ansible_password: x, ansible_ssh_private_key_file: ~/.ssh/id";
    let said = check("key", key, "ansible_user: root", "on guest: uptime\n");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn one_line_of_the_inventory_is_reported_once_for_all_its_hosts() {
    let hosts = "all:\n  vars: {ansible_connection: winrm}\n  hosts: {a: {hypervisor: none}, b: {hypervisor: none}}\n";
    let site = Site::new("connections-once").with("inventory/hosts.yml", hosts).with("a.plan", "on guest: uptime\n");
    let said = site.hostler("check a.plan --target all");
    assert_eq!(said.codes(), ["inventory/connection"]);
    assert!(said.sentences().contains("`a` and `b`: there is no connection `winrm`"), "{}", said.err);
}

#[test]
fn settings_in_vaults_need_the_password_and_then_count() {
    let vault = include_str!("inventories/vault_labels/host_vars/a.yml").replace("secret:", "ansible_user:");
    let site = Site::new("connections-vault")
        .with("inventory/hosts.yml", "all:\n  hosts: {pbs: {hypervisor: none}}\n")
        .with("inventory/host_vars/pbs.yml", &vault)
        .with("password.txt", include_str!("inventories/vault_labels/vault-password.txt"))
        .with("a.plan", "on guest: uptime\n");
    assert_eq!(site.hostler("check a.plan --target pbs").codes(), ["inventory/vault-locked"]);
    let said = site.hostler("check a.plan --target pbs --vault-password-file password.txt");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}
