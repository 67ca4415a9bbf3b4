//! Programs that make an inventory or print a password: which of them are run, and what is said of the others.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod site;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::site::{Said, Site};

const PROGRAM: &str = include_str!("inventories/program_meta/hosts.sh");
const CHECK: &str = "check a.plan --target web1 -i hosts.sh";

/// A site whose inventory is a program.
fn site(name: &str, program: &str) -> Site {
    Site::new(&format!("trust-{name}")).program("hosts.sh", program).with("a.plan", "on guest: echo $port\n")
}

/// Runs `hostler trust`; what it says.
fn trust(site: &Site, words: &str) -> String {
    let said = site.hostler(&format!("trust {words}"));
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{words}");
    said.out
}

fn nothing_is_trusted(site: &Site) {
    assert!(site.hostler("trust --list").out.contains("No program is trusted."));
}

fn refused(said: &Said, code: &str, words: &[&str]) {
    assert_eq!((said.code, said.codes()), (2, vec![code]), "{}", said.err);
    for words in words {
        assert!(said.sentences().contains(words), "{words}\n{}", said.err);
    }
}

#[test]
fn a_program_is_run_when_it_is_trusted_as_it_is() {
    let site = site("run", PROGRAM);
    let said = site.hostler(CHECK);
    let help = ["`hosts.sh` makes an inventory", "`hostler trust hosts.sh`", "-i hosts.sh --list > inventory.json`"];
    refused(&said, "inventory/executable", &help);

    let told = trust(&site, "hosts.sh");
    let whole = site.path.join("hosts.sh").display().to_string();
    for words in [&whole, "SHA-256", "with your rights", "until you trust it again", ".config/hostler/trusted.toml"] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    assert_eq!(site.hostler(CHECK).code, 0);

    // A file of the same content elsewhere is another program.
    site.write("copy/hosts.sh", PROGRAM);
    site.mode("copy/hosts.sh", 0o755);
    let said = site.hostler("check a.plan --target web1 -i copy/hosts.sh");
    refused(&said, "inventory/executable", &["`hostler trust copy/hosts.sh`"]);

    site.write("hosts.sh", &PROGRAM.replace("\"vmid\": 101", "\"vmid\": 201"));
    let said = site.hostler(CHECK);
    refused(&said, "inventory/executable", &["`hosts.sh` has changed since", "`hostler trust hosts.sh` again"]);
    trust(&site, "hosts.sh");
    assert_eq!(site.hostler(CHECK).code, 0);

    site.mode("hosts.sh", 0o757);
    refused(&site.hostler(CHECK), "inventory/executable", &["may be written by everybody", "`chmod o-w hosts.sh`"]);
}

#[test]
fn the_list_is_shown_and_shortened() {
    let site = site("list", PROGRAM).program("other.sh", PROGRAM);
    nothing_is_trusted(&site);
    trust(&site, "hosts.sh other.sh");
    let path = |file: &str| site.path.join(file).display().to_string();
    let listed = site.hostler("trust --list").out;
    assert_eq!(listed, format!("as it was  {}\nas it was  {}\n", path("hosts.sh"), path("other.sh")));
    site.write("hosts.sh", "#!/bin/sh\n");
    fs::remove_file(site.path.join("other.sh")).unwrap();
    let listed = site.hostler("trust --list").out;
    assert_eq!(listed, format!("changed    {}\ngone       {}\n", path("hosts.sh"), path("other.sh")));

    trust(&site, "--remove other.sh hosts.sh");
    nothing_is_trusted(&site);
    let said = site.hostler("trust --remove hosts.sh");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("is not trusted"), "{}", said.err);
    refused(&site.hostler(CHECK), "inventory/executable", &[]);
}

#[test]
fn the_list_is_the_users_alone() {
    let site = site("private", PROGRAM);
    trust(&site, "hosts.sh");
    let mode = |path: &str| fs::metadata(site.path.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".config/hostler/trusted.toml"), mode(".config/hostler")), (0o600, 0o700));
    let names = fs::read_dir(site.path.join(".config/hostler")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["trusted.toml"]);
    site.mode(".config/hostler/trusted.toml", 0o666);
    refused(&site.hostler(CHECK), "inventory/executable", &["may be written by others", "chmod 600"]);
    assert_eq!(site.hostler("trust hosts.sh").code, 2);
}

#[test]
fn what_is_no_program_is_not_trusted() {
    let site = site("others", PROGRAM).with("text.yml", "all:\n").with("plain.sh", PROGRAM).with("folder/x", "");
    site.write("open.sh", PROGRAM);
    site.mode("open.sh", 0o777);
    for (file, wanted) in [
        ("text.yml", "is a text without `#!`"),
        ("plain.sh", "chmod +x plain.sh"),
        ("open.sh", "chmod o-w open.sh"),
        ("folder", "is a folder"),
        ("missing", "can not be read"),
    ] {
        let said = site.hostler(&format!("trust hosts.sh {file}"));
        assert_eq!(said.code, 2, "{file}");
        assert!(said.err.contains(wanted), "{file}: {}", said.err);
    }
    // None of those commands trusted anything.
    nothing_is_trusted(&site);
}

#[test]
fn a_program_that_fails_says_how() {
    for (name, program, words) in [
        ("code", "#!/bin/sh\necho one >&2\necho two >&2\nexit 4\n", "`hosts.sh --list` ended with code 4 "),
        ("said", "#!/bin/sh\necho one >&2\necho two >&2\nexit 4\n", "it said: one two"),
        ("json", "#!/bin/sh\nprintf '{\"a\": {\\n  \"hosts\": [web1}\\n'\n", "expected value at line 2, column 13"),
        (
            "line",
            "#!/bin/sh\nprintf '{\"a\": {\\n  \"hosts\": [web1}\\n'\n",
            "line 2 of what it prints: \"hosts\": [web1}",
        ),
        ("empty", "#!/bin/sh\n", "what `hosts.sh --list` prints is no JSON"),
        ("kind", "#!/bin/sh\necho '[\"web1\"]'\n", "prints a JSON object, and this is a list"),
        ("text", "#!/bin/sh\nprintf '\\377'\n", "is no UTF-8 text: byte 0 is none"),
        ("start", "#!/no/such/interpreter\n", "`hosts.sh` can not be run: No such file"),
        (
            "host",
            "#!/bin/sh\n[ $1 = --list ] && echo '{\"a\": [\"web1\"]}'\n",
            "`hosts.sh --host web1` ended with code 1",
        ),
    ] {
        let site = site(&format!("fails-{name}"), program);
        trust(&site, "hosts.sh");
        refused(&site.hostler(CHECK), "inventory/program", &[words]);
    }
}

#[test]
fn a_variable_of_a_program_has_the_program_as_its_place() {
    let program =
        "#!/bin/sh\necho '{\"_meta\": {\"hostvars\": {\"web1\": {\"port\": [8080]}}}, \"web\": [\"web1\"]}'\n";
    let site = site("place", program);
    site.write("a.plan", "plan p for guest in web\n  needs port: Int\n{ record is = \"well\" }\n");
    trust(&site, "hosts.sh");
    let words = ["[hosts.sh:1:1]", "a program; what it prints is meant", "its value"];
    refused(&site.hostler("check a.plan -i hosts.sh"), "inventory/wrong-type", &words);
}

#[test]
fn a_program_in_a_folder_of_sources_is_one_of_them() {
    let files = [
        ("10-static.yml", include_str!("inventories/program_folder/inventory/10-static.yml")),
        ("20-program", include_str!("inventories/program_folder/inventory/20-program")),
    ];
    let site = Site::new("trust-folder").program("inventory/20-program", files[1].1);
    site.write("inventory/10-static.yml", files[0].1);
    refused(&site.hostler("inventory --list"), "inventory/executable", &["`hostler trust inventory/20-program`"]);
    trust(&site, "inventory/20-program");
    let said = site.hostler("inventory --list");
    assert_eq!(said.code, 0, "{}", said.err);
    let list: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(list["_meta"]["hostvars"]["web1"]["from"], "program");
    assert_eq!(list["_meta"]["hostvars"]["web3"]["vmid"], 103);
}

#[test]
fn a_password_may_come_from_a_program() {
    let script = "#!/bin/sh\necho \"file password\"\n";
    let client = "#!/bin/sh\n[ \"$*\" = \"--vault-id $LABEL\" ] && echo \"file password\"\n";
    let site = Site::new("trust-password")
        .program("password.sh", script)
        .program("keyring-client.py", &client.replace("$LABEL", "dev"))
        .program("other-client", &client.replace("$LABEL", "default"))
        .program("empty.sh", "#!/bin/sh\necho\n")
        .with("inventory/hosts.yml", "all: {hosts: {web1: }}\n")
        .with("inventory/group_vars/all.yml", include_str!("inventories/vault_file/group_vars/all.yml"))
        .with("a.plan", "on guest stdin $vault_token: login\n");
    let check = |option: &str| site.hostler(&format!("check a.plan --target web1 {option}"));
    let said = check("--vault-password-file password.sh");
    assert_eq!(said.code, 2);
    assert!(said.sentences().contains("`password.sh` prints a vault password: it is a program"), "{}", said.err);
    assert!(said.sentences().contains("`hostler trust password.sh`"), "{}", said.err);
    trust(&site, "password.sh keyring-client.py other-client empty.sh");
    for option in ["--vault-password-file password.sh", "--vault-id dev@keyring-client.py", "--vault-id other-client"] {
        let said = check(option);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{option}");
    }
    for (option, words) in [
        ("--vault-password-file empty.sh", "`empty.sh` prints no vault password"),
        ("--vault-id prod@keyring-client.py", "`keyring-client.py --vault-id prod` ended with code 1"),
    ] {
        let said = check(option);
        assert!(said.codes().contains(&"inventory/vault-password"), "{}", said.err);
        assert!(said.sentences().contains(words), "{}", said.err);
    }
    site.write("hostler.toml", "vault_password_file = \"password.sh\"\n");
    assert_eq!(check("").code, 0);
}
