//! Inventories of many shapes, read by us and by the real Ansible.
//!
//! Every folder of `tests/inventories` is one, and so are two of the examples. Its sources are the lines of
//! `sources.txt`, else the folder `inventory`, else the file `hosts…`; a folder `playbooks` is the one that plans are
//! in, and `vault-password.txt` holds the password of its vaults.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod ansible;
    pub(crate) mod disk;
    pub(crate) mod programs;
}

use std::fs;
use std::path::{Path, PathBuf};

use hostler::diag::{Problems, place};
use hostler::inventory::{Inventory, Request, VaultKeys, load};
use hostler::text::{MemoryFiles, NoPrograms, Sources};
use serde_json::{Value, json};
use support::ansible;
use support::disk::Disk;
use support::programs::AllPrograms;

const PASSWORD: &str = "vault-password.txt";

/// An inventory to compare.
struct Case {
    name: String,
    folder: PathBuf,
    sources: Vec<String>,
    beside: Vec<String>,
    /// Its file `vault-password.txt`, where it has one.
    password: Option<&'static str>,
}

impl Case {
    fn all() -> Vec<Case> {
        let mut folders: Vec<PathBuf> = fs::read_dir(ansible::root().join("tests/inventories"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        folders.extend(["site", "minimal"].map(|name| ansible::root().join("tests/examples").join(name)));
        folders.into_iter().map(Case::new).collect()
    }

    fn new(folder: PathBuf) -> Case {
        let sources = match fs::read_to_string(folder.join("sources.txt")) {
            Ok(lines) => lines.lines().map(str::to_string).collect(),
            Err(_) if folder.join("inventory").is_dir() => vec!["inventory".to_string()],
            Err(_) => vec![hosts_file(&folder)],
        };
        // Without a folder of playbooks Ansible takes the folder in which it runs.
        let plans = if folder.join("playbooks").is_dir() { "playbooks" } else { "." };
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let password = folder.join(PASSWORD).exists().then_some(PASSWORD);
        Case { name, folder, sources, beside: vec![plans.to_string()], password }
    }

    fn load(&self) -> Inventory {
        let (mut sources, mut problems) = (Sources::new(), Problems::new());
        let keys = self.keys();
        let programs = AllPrograms::at(&self.folder);
        let request = Request { sources: &self.sources, beside: &self.beside, vault: &keys, programs: &programs };
        let inventory = load(&Disk::at(&self.folder), &request, &mut sources, &mut problems);
        let errors: Vec<String> = problems
            .iter()
            .filter(|problem| problem.is_error())
            .map(|problem| {
                let at = problem.primary.as_ref().map(|label| place(&sources, label.span)).unwrap_or_default();
                format!("{} {at}: {}", problem.code, problem.message)
            })
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", self.name);
        inventory
    }

    fn keys(&self) -> VaultKeys {
        let mut keys = VaultKeys::new();
        if let Some(password) = self.password {
            keys.add_file(&Disk::at(&self.folder), &NoPrograms, None, password).unwrap();
        }
        keys
    }

    /// The arguments that give the case to `ansible-inventory`.
    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = vec!["--list".to_string()];
        for source in &self.sources {
            arguments.extend(["-i".to_string(), source.clone()]);
        }
        if self.beside != ["."] {
            arguments.extend(["--playbook-dir".to_string(), self.beside[0].clone()]);
        }
        if let Some(password) = self.password {
            arguments.extend(["--vault-password-file".to_string(), password.to_string()]);
        }
        arguments
    }
}

/// What the real `ansible-inventory --list` says of each case.
fn listed_by_ansible(cases: &[Case]) -> Vec<Value> {
    let input: Vec<Value> = cases
        .iter()
        .map(|case| json!({ "name": case.name, "folder": case.folder, "arguments": case.arguments() }))
        .collect();
    let script = ansible::root().join("tests/support/list.py");
    let answers = ansible::run("python", ansible::root(), &[script], &Value::Array(input).to_string());
    let answers: Value = serde_json::from_str(&answers).unwrap();
    let answer = |case: &Case| {
        let answer = &answers[&case.name];
        let errors = answer["errors"].as_str().unwrap();
        assert_eq!(answer["code"], 0, "`ansible-inventory` failed for {}: {errors}", case.name);
        // Ansible goes on without a source that it can not read; a comparison with what is left proves nothing.
        assert!(!errors.contains("Unable to parse"), "`ansible-inventory` could not read {}: {errors}", case.name);
        serde_json::from_str(answer["output"].as_str().unwrap()).unwrap()
    };
    cases.iter().map(answer).collect()
}

fn hosts_file(folder: &Path) -> String {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.into_iter().find(|name| name.starts_with("hosts")).unwrap()
}

/// Where two values differ, as paths with both values.
fn differences(path: &str, ours: &Value, theirs: &Value, into: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, theirs) in theirs {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(ours) => differences(&path, ours, theirs, into),
                    None => into.push(format!("{path}: missing, Ansible has {theirs}")),
                }
            }
            for (key, ours) in ours {
                if !theirs.contains_key(key) {
                    into.push(format!("{path}.{key}: {ours}, Ansible has none"));
                }
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => into.push(format!("{path}: {ours}, Ansible has {theirs}")),
    }
}

#[test]
fn lists_are_those_of_ansible_inventory() {
    let cases = Case::all();
    assert!(cases.len() >= 30, "only {} inventories", cases.len());
    let mut found = Vec::new();
    for (case, theirs) in cases.iter().zip(listed_by_ansible(&cases)) {
        differences(&case.name, &case.load().list(), &theirs, &mut found);
    }
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_stored_list_gives_the_list_that_was_stored() {
    for case in Case::all() {
        let list = case.load().list();
        let files = MemoryFiles::new().with("stored.json", &list.to_string());
        let (mut sources, mut problems) = (Sources::new(), Problems::new());
        let request = Request { sources: &["stored.json".to_string()], ..Request::default() };
        let again = load(&files, &request, &mut sources, &mut problems);
        let mut found = Vec::new();
        differences(&case.name, &again.list(), &list, &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// Every variable of every host as Ansible's templating gives it: `{case: {host: {variable: {"value": …}}}}`, with
/// `{"error": …}` where it gives none. One process for all.
fn rendered_by_ansible(cases: &[Case]) -> Value {
    let cases: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({
                "name": case.name,
                "folder": case.folder,
                "sources": case.sources,
                "beside": case.beside[0],
                "password_file": case.password,
            })
        })
        .collect();
    let script = ansible::root().join("tests/support/render.py");
    let output = ansible::run("python", ansible::root(), &[script], &Value::Array(cases).to_string());
    serde_json::from_str(&output).unwrap()
}

/// What only playbooks know, and other differences that are meant: case, variable and why.
const NOT_RENDERED: [(&str, &str, &str); 0] = [];

#[test]
fn values_are_those_of_ansibles_templating() {
    let cases = Case::all();
    let rendered = rendered_by_ansible(&cases);
    let mut found = Vec::new();
    let mut compared = 0;
    for case in &cases {
        let (inventory, keys) = (case.load(), case.keys());
        let hosts = rendered[&case.name].as_object().unwrap();
        assert_eq!(hosts.len(), inventory.hosts.len(), "{}", case.name);
        for (host, variables) in hosts {
            for (name, theirs) in variables.as_object().unwrap() {
                let at = format!("{}.{host}.{name}", case.name);
                let known = NOT_RENDERED.iter().any(|(other, variable, _)| *other == case.name && variable == name);
                compared += 1;
                match (inventory.open(host, name, &keys), theirs.get("value")) {
                    (Ok(Some(ours)), Some(theirs)) => differences(&at, &ours, theirs, &mut found),
                    (Ok(None), Some(theirs)) => found.push(format!("{at}: missing, Ansible has {theirs}")),
                    (Ok(ours), None) => found.push(format!("{at}: {ours:?}, Ansible fails: {}", theirs["error"])),
                    (Err(_), Some(_)) if known => {}
                    (Err(ours), Some(theirs)) => found.push(format!("{at}: {}, Ansible has {theirs}", ours.message)),
                    (Err(_), None) => {}
                }
            }
        }
    }
    assert!(compared > 500, "only {compared} values");
    assert!(found.is_empty(), "{} differences in {compared} values\n{}", found.len(), found.join("\n"));
}
