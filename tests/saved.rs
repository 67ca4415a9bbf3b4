//! Plans that are saved, looked at, and run later: exactly those, or not at all.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod site;
}

use support::site::{Said, Site};

const VAULT: &str = include_str!("inventories/vault_file/group_vars/all.yml");
const PASSWORD: &str = include_str!("inventories/vault_file/vault-password.txt");

/// A site with a plan that is saved as `night.json`.
fn saved(name: &str) -> Site {
    let site = Site::new(&format!("saved-{name}"))
        .with(
            "inventory/hosts.yml",
            "all: {vars: {hypervisor: pve}, hosts: {pve: , pbs: {vmid: 101}, omv: {vmid: 102}}}\n",
        )
        .with("a.plan", "use ./lib\nplan a(word: Str = \"x\") for guest in pbs, omv { lib.say(guest, $word) }\n")
        .with("lib.plan", "task say(guest: Guest, word: Str) { on guest: echo $word }\n");
    let said = site.hostler("plan a.plan --set word=hello --target pbs --out night.json");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("→ on pbs: echo hello") && said.err.contains("hostler run night.json"), "{said:?}");
    site
}

fn refused(said: &Said, why: &str) {
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.sentences().contains(why), "{why}\n{}", said.err);
}

#[test]
fn exactly_what_was_saved_is_run() {
    let site = saved("same");
    let said = site.hostler("run night.json --lab");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("pbs  on pbs: echo hello") && !said.out.contains("omv"), "{}", said.out);
    assert!(site.read("night.json").contains("→ on pbs: echo hello"), "a person can read what will run");
    // What nobody asked for does not matter.
    site.write("other.plan", "on guest: true\n");
    assert_eq!(site.hostler("run night.json --lab").code, 0);
}

#[test]
fn what_has_changed_since_is_named() {
    let site = saved("changed");
    let lib = site.read("lib.plan");
    site.write("lib.plan", &lib.replace("echo", "printf"));
    refused(&site.hostler("run night.json --lab"), "`lib.plan` has changed");
    site.write("lib.plan", &lib);
    site.write("inventory/hosts.yml", &site.read("inventory/hosts.yml").replace("101", "103"));
    refused(&site.hostler("run night.json --lab"), "`inventory/hosts.yml` has changed");
    site.write("inventory/hosts.yml", &site.read("inventory/hosts.yml").replace("103", "101"));
    site.write("inventory/host_vars/pbs.yml", "note: new\n");
    refused(&site.hostler("run night.json --lab"), "`inventory/host_vars/pbs.yml` is new");
    std::fs::remove_file(site.path.join("inventory/host_vars/pbs.yml")).unwrap();
    assert_eq!(site.hostler("run night.json --lab").code, 0, "all is as it was");
}

#[test]
fn a_saved_plan_can_be_looked_at_and_asked_about() {
    let site = saved("asked");
    let said = site.hostler("plan night.json");
    assert!(said.code == 0 && said.out.contains("→ on pbs: echo hello"), "{said:?}");
    let said = site.hostler("preflight night.json --lab");
    assert!(said.code == 0 && said.out.contains("The plan could start now."), "{said:?}");
    site.write("lib.plan", &site.read("lib.plan").replace("echo", "printf"));
    for command in ["plan night.json", "preflight night.json --lab"] {
        refused(&site.hostler(command), "`lib.plan` has changed");
    }
}

#[test]
fn it_says_itself_for_whom_and_where() {
    let site = saved("whom");
    for words in ["--target omv", "--set word=bye", "-i inventory", "--site ."] {
        refused(&site.hostler(&format!("run night.json --lab {words}")), "a saved plan says itself for whom");
    }
    site.write("below/night.json", &site.read("night.json"));
    let below = Site { path: site.path.join("below") };
    refused(&below.hostler("run night.json --lab"), "run it there");
}

#[test]
fn another_file_is_no_saved_plan() {
    let site = saved("other");
    site.write("list.json", "{\"all\": {}}");
    refused(&site.hostler("run list.json --lab"), "`list.json` is no saved plan");
    site.write("broken.json", "{");
    refused(&site.hostler("run broken.json --lab"), "`broken.json` is no saved plan");
    site.write("newer.json", &site.read("night.json").replace("\"hostler_plan\": 1", "\"hostler_plan\": 2"));
    refused(&site.hostler("run newer.json --lab"), "was saved by another version");
    let edited = site.read("night.json").replace("word", "world");
    site.write("edited.json", &edited);
    assert_eq!(site.hostler("run edited.json --lab").code, 2);
}

#[test]
fn nothing_in_it_is_secret_and_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new("saved-secret")
        .with("inventory/hosts.yml", "all: {hosts: {pbs: {hypervisor: none}}}\n")
        .with("inventory/group_vars/all.yml", VAULT)
        .with("password.txt", PASSWORD)
        .with("a.plan", "plan a for host in pbs { on host stdin $vault_token: cat }\n");
    let said = site.hostler("plan a.plan --vault-password-file password.txt --out night.json");
    assert_eq!(said.code, 0, "{}", said.err);
    let said = site.hostler("run night.json --lab --vault-password-file password.txt");
    assert_eq!(said.code, 0, "{}", said.err);
    let text = site.read("night.json");
    let opened = site.hostler("inventory --list --vault-password-file password.txt");
    let token = opened.out.lines().find_map(|line| line.split("\"vault_token\": \"").nth(1)).unwrap();
    assert!(!text.contains(token.trim_end_matches([',', '"'])), "{text}");
    let mode = std::fs::metadata(site.path.join("night.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
