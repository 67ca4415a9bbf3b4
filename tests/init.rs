//! `hostler init`, as somebody meets it who has nothing yet, and somebody who has Ansible.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod site;
}

use support::site::Site;

const HOSTS: &str = "all:\n  vars: {hypervisor: pve}\n  hosts:\n    pve:\n    pbs: {vmid: 101}\n";

/// Runs the commands that `init` says come next, each to a good end.
fn go_on(site: &Site, said: &str) {
    let (_, next) = said.split_once("Next: ").unwrap();
    let commands: Vec<&str> = next.split('`').filter_map(|part| part.strip_prefix("hostler ")).collect();
    assert_eq!(commands.len(), 2, "{said}");
    for command in commands {
        let said = site.hostler(command);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command}\n{}", said.out);
    }
}

#[test]
fn an_empty_folder_becomes_a_site_that_works() {
    let site = Site::new("init-empty");
    let said = site.hostler("init");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let made = ["hostler.toml", "inventory/hosts.yml", "inventory/host_vars/web1.yml", "restart.plan"];
    for file in made {
        assert!(said.out.contains(&format!("wrote  {file}\n")), "{file}\n{}", said.out);
        assert!(site.path.join(file).exists(), "{file}");
    }
    assert!(said.out.contains("(an example) has 2 hosts"), "{}", said.out);
    go_on(&site, &said.out);
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let site = Site::new("init-folder");
    let said = site.hostler("init new/site");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("wrote  new/site/hostler.toml\n"), "{}", said.out);
    go_on(&site, &said.out);
}

#[test]
fn a_site_stays_as_it_is() {
    let site = Site::new("init-site").with("hostler.toml", "edition = 2026\n");
    let said = site.hostler("init");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("`hostler.toml` is there") && said.err.contains("nothing was changed"), "{}", said.err);
    assert_eq!(site.read("hostler.toml"), "edition = 2026\n");
    assert_eq!(std::fs::read_dir(&site.path).unwrap().count(), 1);
}

#[test]
fn files_that_are_there_are_kept() {
    let plan = "plan p for guest in pbs { restart(guest) }\n";
    let site = Site::new("init-kept").with("restart.plan", plan).with("inventory/hosts.yml", HOSTS);
    let said = site.hostler("init");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("kept   restart.plan\n") && said.out.contains("(as before) has 2 hosts"), "{}", said.out);
    assert_eq!((site.read("restart.plan").as_str(), site.read("inventory/hosts.yml").as_str()), (plan, HOSTS));
    go_on(&site, &said.out);
}

#[test]
fn an_inventory_of_a_usual_name_is_found() {
    for name in ["inventory.yml", "hosts.yml", "inventory/main.yml"] {
        let site = Site::new("init-usual").with(name, HOSTS);
        let said = site.hostler("init");
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}");
        go_on(&site, &said.out);
    }
}

#[test]
fn what_an_ansible_cfg_says_is_taken_over_or_named() {
    let config =
        "[defaults]\ninventory = ./prod/hosts.yml, more.ini ; both\nvault_password_file = ~/.pass\nremote_user = ops\n";
    let site = Site::new("init-ansible")
        .with("ansible.cfg", config)
        .with("prod/hosts.yml", HOSTS)
        .with("prod/group_vars/all.yml", include_str!("inventories/vault_file/group_vars/all.yml"))
        .with("more.ini", "omv vmid=102\n")
        .with(".pass", include_str!("inventories/vault_file/vault-password.txt"));
    let said = site.hostler("init");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let settings = site.read("hostler.toml");
    assert!(settings.contains("inventory = [\"prod/hosts.yml\", \"more.ini\"]\n"), "{settings}");
    assert!(settings.contains("\nvault_password_file = \"~/.pass\"\n"), "{settings}");
    assert!(said.out.contains("`remote_user = ops`: write `ansible_user: ops`"), "{}", said.out);
    assert!(said.out.contains("has 3 hosts"), "{}", said.out);
    go_on(&site, &said.out);
    site.write("secret.plan", "on guest stdin $vault_token: login\n");
    let said = site.hostler("check secret.plan --target pbs");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn an_inventory_that_an_ansible_cfg_names_in_vain_is_not_taken_over() {
    let site = Site::new("init-vain").with("ansible.cfg", "[defaults]\ninventory = gone.yml\n");
    let said = site.hostler("init");
    assert_eq!(said.code, 0);
    assert!(said.err.contains("names the inventory `gone.yml`, which is not there"), "{}", said.err);
    go_on(&site, &said.out);
}

#[test]
fn what_an_inventory_lacks_is_said() {
    let site = Site::new("init-lacks").with("hosts.ini", "web1 ansible_host=192.0.2.21\n");
    let said = site.hostler("init");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("has 1 host.\n"), "{}", said.out);
    for part in [
        "No host says which hypervisor",
        "No host has an id",
        "preflight restart.plan --target NAME --suggest",
        "--target NAME",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
}

#[test]
fn an_inventory_that_can_not_be_read_is_no_reason_to_make_no_site() {
    let program = "#!/bin/sh\necho '{\"all\": {\"hosts\": [\"web1\"]}}'\n";
    let site = Site::new("init-program").program("inventory/hosts.sh", program);
    let said = site.hostler("init");
    assert_eq!((said.code, said.codes()), (0, vec!["inventory/executable"]));
    assert!(said.sentences().contains("hostler trust inventory/hosts.sh"), "{}", said.err);
    assert!(said.out.contains("its inventory can not be read yet"), "{}", said.out);
    assert!(site.path.join("restart.plan").exists());
}

#[test]
fn a_path_with_odd_characters_is_written_so_that_it_is_read() {
    let site = Site::new("init-odd").with("ansible.cfg", "[defaults]\ninventory = a\"b\\c/hosts.yml\n");
    site.write("a\"b\\c/hosts.yml", HOSTS);
    let said = site.hostler("init");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    go_on(&site, &said.out);
}
