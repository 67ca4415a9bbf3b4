//! Inventories as administrators have them: what the rest of the program sees of them.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod disk;
}

use hostler::diag::{Problems, place};
use hostler::inventory::{Connection, Inventory, PatternError, Request, VaultKeys, Way, load};
use hostler::text::{Entry, FileError, Files, MemoryFiles, NoPrograms, Sources};
use serde_json::{Value, json};
use support::disk::Disk;

struct Loaded {
    inventory: Inventory,
    sources: Sources,
    problems: Problems,
}

impl Loaded {
    fn value(&self, host: &str, name: &str) -> Value {
        self.inventory.hosts[host].variables.get(name).map_or(Value::Null, |variable| variable.value.clone())
    }

    /// Where a variable is written, and its text there.
    fn written(&self, host: &str, name: &str) -> (String, &str) {
        let variable = &self.inventory.hosts[host].variables[name];
        (place(&self.sources, variable.span), self.sources.slice(variable.span))
    }

    /// The error that is due where a variable is used.
    fn due(&self, host: &str, name: &str) -> String {
        match &self.inventory.hosts[host].variables[name].problem {
            Some(problem) => format!("{}: {}", problem.code, problem.message),
            None => String::new(),
        }
    }

    fn messages(&self) -> Vec<String> {
        self.problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect()
    }

    /// Code and place of the only problem.
    fn problem(&self) -> String {
        let problems: Vec<String> = self
            .problems
            .iter()
            .map(|problem| match &problem.primary {
                Some(label) => format!("{} {}", problem.code, place(&self.sources, label.span)),
                None => problem.code.to_string(),
            })
            .collect();
        problems.join("\n")
    }
}

fn example(name: &str, source: &str) -> Loaded {
    let root = format!("{}/tests/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    read(&Disk::at(root), &[source])
}

/// Files of which those in `bin/` may be executed.
struct Executables(MemoryFiles);

impl Files for Executables {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        self.0.read(path)
    }

    fn list(&self, path: &str) -> Result<Option<Vec<Entry>>, FileError> {
        let entries = self.0.list(path)?;
        Ok(entries.map(|all| all.into_iter().map(|entry| Entry { is_executable: path == "bin", ..entry }).collect()))
    }
}

fn read(files: &dyn Files, sources: &[&str]) -> Loaded {
    read_with(files, sources, &VaultKeys::new())
}

fn read_with(files: &dyn Files, sources: &[&str], vault: &VaultKeys) -> Loaded {
    let paths: Vec<String> = sources.iter().map(|source| source.to_string()).collect();
    let (mut sources, mut problems) = (Sources::new(), Problems::new());
    let request = Request { sources: &paths, vault, ..Request::default() };
    let inventory = load(files, &request, &mut sources, &mut problems);
    Loaded { inventory, sources, problems }
}

fn ini(text: &str) -> Loaded {
    read(&MemoryFiles::new().with("hosts.ini", text), &["hosts.ini"])
}

fn yaml(text: &str) -> Loaded {
    read(&MemoryFiles::new().with("hosts.yml", text), &["hosts.yml"])
}

#[test]
fn the_example_site_loads() {
    let site = example("site", "inventory/hosts.yml");
    assert_eq!(site.messages(), [""; 0]);
    assert_eq!(site.value("pbs", "vmid"), json!(101));
    assert_eq!(site.value("pbs", "proxmox_host"), json!("pve"));
    assert_eq!(site.value("pve", "ansible_user"), json!("root"));
    assert_eq!(site.value("pihole", "tier"), json!("service"));
    assert_eq!(site.value("omv", "hypervisor"), json!("none"));
    assert_eq!(site.inventory.groups["dns_pair"].members, ["pihole", "pihole-backup"]);
    assert_eq!(
        site.inventory.groups["all"].members,
        ["pve", "pbs", "ansible", "omv", "grafana", "bookstack", "ca", "npm", "pihole", "pihole-backup"]
    );
    assert_eq!(site.written("pbs", "vmid"), ("inventory/host_vars/pbs.yml:1:7".to_string(), "101"));
    assert_eq!(site.written("pbs", "proxmox_host"), ("inventory/group_vars/all.yml:2:15".to_string(), "pve"));
    assert_eq!(site.written("pbs", "ansible_host"), ("inventory/hosts.yml:12:25".to_string(), "192.0.2.11"));
    let pbs = &site.inventory.hosts["pbs"];
    assert_eq!(place(&site.sources, pbs.span), "inventory/hosts.yml:11:9");
    assert_eq!(pbs.own_file, "inventory/host_vars/pbs.yml");
    assert_eq!(place(&site.sources, pbs.own_file_span.unwrap()), "inventory/host_vars/pbs.yml:1:1");
    let pve = &site.inventory.hosts["pve"];
    assert_eq!((pve.own_file.as_str(), pve.own_file_span), ("inventory/host_vars/pve.yml", None));
}

#[test]
fn the_least_site_loads_from_its_folder() {
    let site = example("minimal", "inventory");
    assert_eq!(site.messages(), [""; 0]);
    assert_eq!(site.inventory.groups["ungrouped"].members, ["pve", "pbs"]);
    assert_eq!(site.value("pbs", "vmid"), json!(101));
    assert_eq!(site.written("pbs", "ansible_user"), ("inventory/hosts.ini:2:42".to_string(), "ops"));
    assert_eq!(site.inventory.hosts["pve"].own_file, "inventory/host_vars/pve.yml");
}

#[test]
fn a_number_with_a_leading_zero_keeps_its_text() {
    let site = example("invalid_sites/vmid_octal", "inventory/hosts.yml");
    let vmid = &site.inventory.hosts["pbs"].variables["vmid"];
    assert_eq!((&vmid.value, vmid.raw.as_deref()), (&json!(65), Some("0101")));
}

#[test]
fn sites_that_are_at_fault_still_load() {
    for name in ["hypervisor_unknown", "vmid_twice", "vmid_out_of_range", "vmid_missing"] {
        let site = example(&format!("invalid_sites/{name}"), "inventory/hosts.yml");
        assert_eq!(site.messages(), [""; 0], "{name}");
        assert!(site.inventory.hosts.contains_key("pbs"), "{name}");
    }
    assert_eq!(example("invalid_sites/vmid_missing", "inventory/hosts.yml").value("pbs", "vmid"), Value::Null);
}

#[test]
fn patterns_name_hosts() {
    let site = example("site", "inventory/hosts.yml");
    let hosts = |pattern: &str| site.inventory.pattern(pattern).map(|hosts| hosts.join(" "));
    for (pattern, expected) in [
        ("pbs", "pbs"),
        ("dns_pair", "pihole pihole-backup"),
        ("pbs,omv", "pbs omv"),
        ("pbs:omv", "pbs omv"),
        ("ubuntu_vms:!dns_pair", "grafana bookstack ca npm"),
        ("!infrastructure:!ubuntu_vms", ""),
        ("infrastructure:&hypervisors", "pve"),
        ("&hypervisors", "pve"),
        ("dns_pair[0]", "pihole"),
        ("dns_pair[-1]", "pihole-backup"),
        ("ubuntu_vms[1:2]", "bookstack ca"),
        ("ubuntu_vms[4:]", "pihole pihole-backup"),
        ("p*", "pve pbs pihole pihole-backup"),
        ("pihole*:!*-backup", "pihole"),
        ("[bc]a", "ca"),
        ("?a", "ca"),
        (r"~p(bs|ve)$", "pve pbs"),
        ("~p(bs|ve)", "pve pbs"),
        ("all", "pve pbs ansible omv grafana bookstack ca npm pihole pihole-backup"),
        ("*[0]", "pve"),
    ] {
        assert_eq!(hosts(pattern), Ok(expected.to_string()), "{pattern}");
    }
    let error = |pattern: &str| hosts(pattern).unwrap_err();
    assert_eq!(error("ubuntu_vms:!pbx").to_string(), "`pbx` is no host and no group; `pbs` is");
    assert_eq!(error("dns_pair[2]").to_string(), "`dns_pair[2]` is beyond the last of 2 hosts, which is [1]");
    assert!(matches!(error("~("), PatternError::Regex { .. }));
    assert_eq!(error(" , "), PatternError::Empty);
    assert_eq!(error("zzz*").to_string(), "`zzz*` matches no host and no group");
}

#[test]
fn ini_mistakes_are_shown_where_they_are() {
    for (text, expected) in [
        ("[web:child]\na\n", "inventory/ini hosts.ini:1:1"),
        ("[my web]\na\n", "inventory/ini hosts.ini:1:1"),
        ("a port\n", "inventory/ini hosts.ini:1:3"),
        ("a x='b\n", "inventory/ini hosts.ini:1:5"),
        ("[web:vars]\nx=1\n", "inventory/ini hosts.ini:1:2"),
        ("[a]\n[a:vars]\nx\n", "inventory/ini hosts.ini:3:1"),
        ("[a:children]\nb\n", "inventory/ini hosts.ini:2:1"),
        ("[a:children]\nb c\n[b]\n", "inventory/ini hosts.ini:2:1"),
        ("all:\n", "inventory/ini hosts.ini:1:1"),
        ("web[1:]\n", "inventory/bad-pattern hosts.ini:1:1"),
        ("[a:children]\nb\n[b:children]\na\n", "inventory/group-loop hosts.ini:4:1"),
        ("[a]\n[a:vars]\nansible_group_priority=x\n", "inventory/priority hosts.ini:3:24"),
    ] {
        assert_eq!(ini(text).problem(), expected, "{text}");
    }
}

#[test]
fn a_name_for_a_host_and_a_group_is_a_warning() {
    let loaded = ini("[web]\na\n[all]\nweb\n");
    assert_eq!(loaded.problem(), "inventory/host-and-group hosts.ini:4:1");
    assert!(!loaded.problems.has_errors());
}

#[test]
fn one_mistake_does_not_hide_the_other_hosts() {
    let loaded = ini("a x='\nb vmid=101\n");
    assert_eq!(loaded.value("b", "vmid"), json!(101));
}

#[test]
fn yaml_mistakes_are_shown_where_they_are() {
    for (text, expected) in [
        ("all:\n\thosts:\n", "inventory/yaml hosts.yml:2:1"),
        ("all:\n  hosts:\n    a:\n      x: {{ y }}\n", "inventory/yaml hosts.yml:4:11"),
        ("- a\n", "inventory/shape hosts.yml:1:1"),
        ("all:\n  hosts:\n  - a\n", "inventory/shape hosts.yml:3:5"),
        ("all:\n  host:\n    a:\n", "inventory/shape hosts.yml:2:3"),
        ("all:\n  hosts:\n    1:\n", "inventory/shape hosts.yml:3:5"),
        ("all:\n  hosts:\n    a:\n      x: 1\n      x: 2\n", "inventory/duplicate-key hosts.yml:5:7"),
        ("all:\n  hosts:\n    a:\n      x: !secret 1\n", "inventory/yaml hosts.yml:4:10"),
        ("all:\n  hosts:\n    a:\n---\nall:\n", "inventory/yaml hosts.yml:4:1"),
        ("a: {children: {b: {children: {a: }}}}\n", "inventory/group-loop hosts.yml:1:16"),
        ("all: {hosts: {a: {x: 2024-13-01}}}\n", "inventory/yaml hosts.yml:1:22"),
        ("all: {vars: {<<: 1}}\n", "inventory/yaml hosts.yml:1:18"),
        ("all: {vars: &a {x: *a}}\n", "inventory/yaml hosts.yml:1:20"),
    ] {
        assert_eq!(yaml(text).problem(), expected, "{text}");
    }
}

#[test]
fn a_json_file_with_a_mistake_says_where() {
    let files = MemoryFiles::new().with("hosts.json", "{\n  \"all\": {\"hosts\": {\"a\": {}}\n");
    assert_eq!(read(&files, &["hosts.json"]).problem(), "inventory/json hosts.json:3:1");
}

#[test]
fn a_missing_inventory_is_an_error() {
    let loaded = read(&MemoryFiles::new(), &["inventory/hosts.yml"]);
    assert_eq!(loaded.messages(), ["inventory/not-found: there is no inventory `inventory/hosts.yml`"]);
}

#[test]
fn what_only_ansible_can_read_is_answered_with_a_stored_list() {
    let plugin = "plugin: community.proxmox.proxmox\nurl: https://192.0.2.10:8006\n";
    let files = MemoryFiles::new().with("inventory/lab.proxmox.yml", plugin).with("inventory/hosts.ini", "pve\n");
    let loaded = read(&files, &["inventory"]);
    assert_eq!(loaded.problem(), "inventory/plugin inventory/lab.proxmox.yml:1:9");
    assert_eq!(
        loaded.problems.iter().next().unwrap().help.as_deref(),
        Some(
            "run `ansible-inventory -i inventory/lab.proxmox.yml --list > inventory.json` once, and name \
             `inventory.json` as the inventory"
        )
    );
    assert!(loaded.inventory.hosts.contains_key("pve"));

    let programs = Executables(
        MemoryFiles::new()
            .with("bin/list.py", "#!/usr/bin/python3\nprint('{}')\n")
            .with("bin/hosts.yml", "all: {hosts: {a: }}\n"),
    );
    let untrusted = read(&programs, &["bin/list.py"]);
    assert_eq!(
        untrusted.messages(),
        [
            "inventory/executable: `bin/list.py` makes an inventory: it is a program, and only programs that you trust are run"
        ]
    );
    let help = untrusted.problems.iter().next().unwrap().help.clone().unwrap();
    assert!(help.contains("`hostler trust bin/list.py`") && help.contains("--list > inventory.json"), "{help}");
    // A text keeps being one where its file may be executed, as on some shared drives.
    assert!(read(&programs, &["bin/hosts.yml"]).inventory.hosts.contains_key("a"));
    let toml = MemoryFiles::new().with("hosts.toml", "[all.hosts.a]\n");
    assert_eq!(read(&toml, &["hosts.toml"]).problem(), "inventory/toml hosts.toml:1:1");
}

#[test]
fn a_stored_list_is_an_inventory() {
    let list = r#"{
  "_meta": {"hostvars": {"pbs": {"vmid": 101, "note": "{{ x }}"}, "stranger": {"vmid": 1}}, "profile": "inventory_legacy"},
  "all": {"children": ["ungrouped", "guests"]},
  "guests": {"hosts": ["pbs", "grafana"], "vars": {"tier": "service"}},
  "old": ["omv"]
}"#;
    let files = MemoryFiles::new().with("inventory.json", list).with("host_vars/grafana.yml", "vmid: 103\n");
    let loaded = read(&files, &["inventory.json"]);
    assert_eq!(loaded.messages(), [""; 0]);
    assert_eq!(loaded.value("pbs", "vmid"), json!(101));
    assert_eq!(loaded.written("pbs", "vmid"), ("inventory.json:2:42".to_string(), "101"));
    assert_eq!(loaded.value("grafana", "vmid"), json!(103));
    assert_eq!(loaded.value("grafana", "tier"), json!("service"));
    assert_eq!(loaded.inventory.groups["old"].members, ["omv"]);
    assert!(!loaded.inventory.hosts.contains_key("stranger"));
}

#[test]
fn a_template_that_lacks_something_is_an_error_only_where_it_is_used() {
    let loaded = yaml(
        "all:\n  hosts:\n    pbs:\n      good: 1\n      bad: \"{{ nope }}\"\n      needs: \"{{ bad }}\"\n      fact: \"{{ \
         ansible_facts.x }}\"\n      look: \"{{ lookup('env', 'X') }}\"\n      a: \"{{ b }}\"\n      b: \"{{ a }}\"\n",
    );
    assert_eq!(loaded.messages(), [""; 0]);
    assert_eq!(loaded.due("pbs", "good"), "");
    let bad = "`bad` of `pbs` has no value: `nope` is no variable of the host";
    assert_eq!(loaded.due("pbs", "bad"), format!("inventory/template: {bad}"));
    assert_eq!(
        loaded.due("pbs", "needs"),
        format!("inventory/template: `needs` of `pbs` has no value, because `bad` has none: {bad}")
    );
    assert_eq!(
        loaded.due("pbs", "fact"),
        "inventory/template: `fact` of `pbs` has no value: `ansible_facts` is no variable of the host: facts and what a \
         playbook sets are not known here"
    );
    assert_eq!(
        loaded.due("pbs", "look"),
        "inventory/template: `look` of `pbs` has no value: a function is not known here: lookup is unknown"
    );
    assert!(loaded.due("pbs", "a").contains("refers to itself"));
    // The value before templates is kept beside.
    let needs = &loaded.inventory.hosts["pbs"].variables["needs"];
    assert_eq!((&needs.value, needs.written.as_deref()), (&Value::Null, Some(&json!("{{ bad }}"))));
}

#[test]
fn templates_that_grow_without_end_are_stopped() {
    let mut text = String::from("all:\n  hosts:\n    a:\n      v0: xxxxxxxxxx\n");
    for number in 1..200 {
        text.push_str(&format!("      v{number}: \"{{{{ v{} }}}}{{{{ v{} }}}}\"\n", number - 1, number - 1));
    }
    text.push_str("      loop: \"{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}\"\n");
    for number in (0..200).rev() {
        text.push_str(&format!("      w{number}: \"{{{{ w{} }}}}\"\n", number + 1));
    }
    text.push_str("      w200: end\n");
    let loaded = yaml(&text);
    assert_eq!(loaded.value("a", "w180"), json!("end"));
    assert_eq!(loaded.value("a", "v1"), json!("xxxxxxxxxxxxxxxxxxxx"));
    assert!(loaded.due("a", "v199").contains("too long"), "{}", loaded.due("a", "v199"));
    assert!(loaded.due("a", "loop").contains("does not come to an end"), "{}", loaded.due("a", "loop"));
}

fn vault_case(name: &str, password: Option<&str>) -> Loaded {
    let root = format!("{}/tests/inventories/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut keys = VaultKeys::new();
    if let Some(password) = password {
        keys.add(None, password.as_bytes());
    }
    read_with(&Disk::at(root), &["hosts.yml"], &keys)
}

#[test]
fn values_in_vaults_are_secret_and_opened_when_they_are_used() {
    let mut keys = VaultKeys::new();
    keys.add(Some("other"), b"wrong");
    keys.add(None, b"a password\n");
    let loaded = vault_case("vault_inline", Some("a password"));
    assert_eq!(loaded.messages(), [""; 0]);
    let inventory = &loaded.inventory;
    let token = &inventory.hosts["h"].variables["token"];
    assert!(token.secret && token.sealed && token.value.is_null() && token.problem.is_none());
    assert_eq!(inventory.open("h", "token", &keys), Ok(Some(json!("tök€n"))));
    let uses = &inventory.hosts["h"].variables["uses"];
    assert!(uses.secret && uses.sealed, "what is made of a secret is one");
    assert_eq!(inventory.open("h", "uses", &keys), Ok(Some(json!("token is tök€n"))));
    assert_eq!(inventory.open("h", "nothing", &keys), Ok(None));

    let mut wrong = VaultKeys::new();
    wrong.add(None, b"wrong");
    let error = inventory.open("h", "uses", &wrong).unwrap_err();
    assert_eq!(error.code, "inventory/vault-wrong-password");
    assert!(error.message.contains("because `token` has none"), "{}", error.message);
}

#[test]
fn without_a_password_vaults_stay_closed_until_they_are_used() {
    let loaded = vault_case("vault_inline", None);
    assert_eq!(loaded.messages(), [""; 0]);
    assert_eq!(
        loaded.due("h", "token"),
        "inventory/vault-locked: `token` of `h` is in a vault, and there is no password for it"
    );
    assert!(loaded.inventory.hosts["h"].variables["token"].secret);
    let mut keys = VaultKeys::new();
    keys.add(None, b"a password");
    assert_eq!(loaded.inventory.open("h", "uses", &keys), Ok(Some(json!("token is tök€n"))));

    let loaded = vault_case("vault_file", None);
    assert_eq!(loaded.messages(), [""; 0]);
    let host = &loaded.inventory.hosts["h"];
    assert_eq!(host.variables["own_plain"].value, json!(1));
    assert_eq!(host.own_file, "host_vars/h/main.yml");
    assert_eq!(
        loaded.due("h", "plain"),
        "inventory/vault-locked: `plain` of `h` has no value: `vault_token` is no variable of the host, or it is in a \
         vault for which there is no password"
    );
    let locked: Vec<String> = host.locked.iter().map(|span| place(&loaded.sources, *span)).collect();
    assert_eq!(locked, ["group_vars/all.yml:1:1", "host_vars/h/vault.yml:1:1"]);
}

#[test]
fn encrypted_files_are_opened_and_never_shown() {
    let loaded = vault_case("vault_file", Some("file password"));
    assert_eq!(loaded.messages(), [""; 0]);
    let own = &loaded.inventory.hosts["h"].variables["own"];
    assert!(own.secret && !own.sealed);
    assert_eq!(own.value, json!("from the vault"));
    assert_eq!(loaded.written("h", "own"), ("host_vars/h/vault.yml:1:1".to_string(), "$ANSIBLE_VAULT;1.1;AES256"));
    assert!(loaded.inventory.hosts["h"].variables["plain"].secret, "a template of a secret is secret");
    assert!(loaded.sources.iter().all(|source| !source.text.contains("from the vault")));

    let loaded = vault_case("vault_file", Some("wrong"));
    assert_eq!(
        loaded.messages(),
        [
            "inventory/vault-wrong-password: no password that was given opens the vault of `group_vars/all.yml`",
            "inventory/vault-wrong-password: no password that was given opens the vault of `host_vars/h/vault.yml`",
        ]
    );
}

#[test]
fn password_files_are_texts_or_programs_that_are_trusted() {
    let script = "#!/bin/sh\npass show vault\n";
    let files = MemoryFiles::new()
        .with("good", " secret \n")
        .with("empty", "\n")
        .with("script", script)
        .with("bin/script", script);
    let files = Executables(files);
    let mut keys = VaultKeys::new();
    assert_eq!(keys.add_file(&files, &NoPrograms, Some("dev"), "good"), Ok(()));
    assert_eq!(format!("{keys:?}"), "VaultKeys(1)");
    for (path, message) in [
        ("empty", "the vault password file `empty` is empty"),
        ("missing", "there is no vault password file `missing`"),
        ("script", "`script` begins like a program, and may not be executed"),
        (
            "bin/script",
            "`bin/script` prints a vault password: it is a program, and only programs that you trust are run",
        ),
    ] {
        let error = keys.add_file(&files, &NoPrograms, None, path).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), ("inventory/vault-password", message));
    }
}

#[test]
fn damaged_vaults_say_so() {
    for text in ["$ANSIBLE_VAULT;1.1;AES256\nzz\n", "$ANSIBLE_VAULT\n", "$ANSIBLE_VAULT;1.1;ROT13\n61\n", "x"] {
        let mut keys = VaultKeys::new();
        keys.add(None, b"x");
        let yaml: String = text.lines().map(|line| format!("        {line}\n")).collect();
        let files = MemoryFiles::new().with("hosts.yml", &format!("all:\n  hosts:\n    a:\n      v: !vault |\n{yaml}"));
        let loaded = read_with(&files, &["hosts.yml"], &keys);
        let error = loaded.inventory.open("a", "v", &keys).unwrap_err();
        assert_eq!(error.code, "inventory/vault-damaged", "{text}: {}", error.message);
    }
}

#[test]
fn connection_settings_are_plain_data() {
    let loaded = ini("web:2222 ansible_host=192.0.2.1 ansible_user=ops ansible_ssh_private_key_file=~/.ssh/id \
         ansible_ssh_common_args=\"-o ProxyJump='jump host'\" ansible_ssh_extra_args=-C\n\
         here ansible_connection=local ansible_become=yes ansible_become_user=root\n\
         old ansible_host=a ansible_ssh_host=b ansible_user=c ansible_ssh_user=d ansible_port=1 ansible_ssh_port=22\n\
         odd ansible_connection=community.docker.docker ansible_port=99999 ansible_become=perhaps \
         ansible_user=\"{{ nobody }}\" ansible_ssh_common_args=\"-o 'x\"\n\
         word ansible_password=x ansible_become_pass=x\n\
         key ansible_password=x ansible_ssh_private_key_file=~/.ssh/id ansible_become_method=su\n\
         bare\n");
    assert_eq!(loaded.messages(), [""; 0]);
    let connection = |host: &str| loaded.inventory.connection(host, &VaultKeys::new()).unwrap();
    assert_eq!(
        connection("web"),
        Connection {
            address: "192.0.2.1".to_string(),
            port: Some(2222),
            user: Some("ops".to_string()),
            private_key_file: Some("~/.ssh/id".to_string()),
            ssh_common_args: vec!["-o".to_string(), "ProxyJump=jump host".to_string()],
            ssh_extra_args: vec!["-C".to_string()],
            ..Connection::default()
        }
    );
    let here = connection("here");
    assert!(here.local && here.becomes);
    assert_eq!((here.address.as_str(), here.become_user.as_deref()), ("here", Some("root")));
    let old = connection("old");
    assert_eq!((old.address.as_str(), old.user.as_deref(), old.port), ("b", Some("d"), Some(22)));
    assert_eq!(connection("bare"), Connection { address: "bare".to_string(), ..Connection::default() });
    assert_eq!(loaded.inventory.connection("nobody", &VaultKeys::new()), None);
    let odd = connection("odd");
    let ways = |host: &str| connection(host).unsupported.into_iter().map(|one| (one.name, one.way)).collect::<Vec<_>>();
    assert_eq!(ways("odd"), [("ansible_connection", Way::Connection("community.docker.docker".to_string()))]);
    assert_eq!(ways("word"), [("ansible_become_pass", Way::BecomePassword), ("ansible_password", Way::Password)]);
    assert_eq!(ways("key"), [("ansible_become_method", Way::BecomeMethod("su".to_string()))]);
    assert_eq!(connection("bare").objection(), None);
    let objection = |host: &str| connection(host).objection().unwrap();
    assert_eq!(connection("word").objection(), None, "a key of the user's may open it all the same");
    assert_eq!(
        objection("odd"),
        "In the inventory: `ansible_port` of `odd` is a port from 1 to 65535, and this is not."
    );
    let problems: Vec<String> = odd.problems.iter().map(|p| format!("{}: {}", p.code, p.message)).collect();
    assert_eq!(
        problems,
        [
            "inventory/connection: `ansible_port` of `odd` is a port from 1 to 65535, and this is not",
            "inventory/template: `ansible_user` of `odd` has no value: `nobody` is no variable of the host",
            "inventory/connection: `ansible_ssh_common_args` of `odd` is words whose quotes are closed, and this is not",
            "inventory/connection: `ansible_become` of `odd` is `true` or `false`, and this is not",
        ]
    );
}
