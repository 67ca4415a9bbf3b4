//! Variables that stand in vaults, as somebody meets them who checks a plan with and without the password.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod site;
}

use support::site::Site;

/// Encrypted as a whole; it holds `vault_token`, `vault_number` and `vault_list`.
const VAULT: &str = include_str!("inventories/vault_file/group_vars/all.yml");
const PASSWORD: &str = include_str!("inventories/vault_file/vault-password.txt");
const WITH_PASSWORD: &str = "check a.plan --target pbs,omv --vault-password-file password.txt";

fn site(name: &str, plan: &str) -> Site {
    let hosts = "all:\n  vars: {hypervisor: pve}\n  hosts:\n    pve:\n    pbs: {vmid: 101}\n    omv: {vmid: 102}\n";
    Site::new(&format!("vaults-{name}"))
        .with("inventory/hosts.yml", hosts)
        .with("inventory/group_vars/all/vault.yml", VAULT)
        .with("password.txt", PASSWORD)
        .with("a.plan", plan)
}

#[test]
fn a_variable_that_may_be_in_a_closed_file_names_the_file() {
    let site = site("closed", "on guest stdin $vault_token: login --password-stdin\n");
    let said = site.hostler("check a.plan --target pbs,omv");
    assert_eq!((said.code, said.codes()), (2, vec!["inventory/vault-locked"]), "{}", said.err);
    let text = said.sentences();
    for part in [
        "`vault_token` of `pbs` and `omv` may stand in `inventory/group_vars/all/vault.yml`, which is encrypted, and no \
         password was given",
        "`vault_token` is needed here",
        "this file is encrypted",
        "`--vault-password-file FILE`, or `vault_password_file = \"FILE\"` in hostler.toml",
    ] {
        assert!(text.contains(part), "{part}\n{}", said.err);
    }
    let said = site.hostler(WITH_PASSWORD);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn so_does_one_that_the_plan_declares_and_one_of_another_host() {
    let plan = "plan p for guest in pbs\n  needs vault_number: Int\n{ record n = \"$vault_number\" }\n";
    let declared = site("declared", plan);
    assert_eq!(declared.hostler("check a.plan").codes(), ["inventory/vault-locked"]);
    let other = site("other", "on guest stdin ${omv.vault_token}: login\n");
    let said = other.hostler("check a.plan --target pbs");
    assert_eq!(said.codes(), ["inventory/vault-locked"]);
    assert!(said.sentences().contains("`vault_token` of `omv` may stand in"), "{}", said.err);
    assert_eq!(other.hostler(WITH_PASSWORD).code, 0);
}

#[test]
fn only_hosts_that_the_file_is_about_may_have_it_there() {
    let site = site("own", "on guest: login $nothing\n");
    std::fs::remove_dir_all(site.path.join("inventory/group_vars")).unwrap();
    site.write("inventory/host_vars/omv/vault.yml", VAULT);
    let said = site.hostler("check a.plan --target pbs,omv");
    assert_eq!(said.codes(), ["inventory/missing-variable", "inventory/vault-locked"], "{}", said.err);
    assert!(said.sentences().contains("`pbs` has no `nothing`"), "{}", said.err);
    // With the password it turns out that nobody has it.
    assert_eq!(site.hostler(WITH_PASSWORD).codes(), ["name/unknown-value"]);
}

#[test]
fn what_is_missing_is_not_to_be_written_into_an_encrypted_file() {
    let site = site("beside", "on guest stdin $vault_token: wc -c\non pve: qm reboot $vmid\n")
        .with("inventory/hosts.yml", "all: {vars: {hypervisor: pve}, hosts: {pve: , pbs: }}\n")
        .with("inventory/host_vars/pbs/vault.yml", VAULT);
    let said = site.hostler("check a.plan --target pbs --vault-password-file password.txt");
    assert_eq!(said.codes(), ["inventory/missing-variable"], "{}", said.err);
    assert!(said.sentences().contains("write `vmid: 101` into `inventory/host_vars/pbs/main.yml`"), "{}", said.err);
}

#[test]
fn a_slip_is_a_slip_although_there_is_a_vault() {
    let site = site("slip", "on pve: qm reboot $vmidd\n");
    assert_eq!(site.hostler("check a.plan --target pbs").codes(), ["name/unknown-value"]);
}

#[test]
fn what_the_plan_does_not_use_may_stay_closed() {
    let site = site("unused", "on pve: qm reboot $vmid; await ssh(guest); require agent(guest)\n");
    let said = site.hostler("check a.plan --target pbs");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    // A default of the plan counts where nothing that can be read says otherwise.
    site.write("a.plan", "plan p for guest in pbs\n  needs tier: Str = \"service\"\n{ record tier = $tier }\n");
    let said = site.hostler("check a.plan");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}
