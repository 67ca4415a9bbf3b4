//! Inventories of many shapes, read by us and by the real Ansible.
//!
//! Every folder of `tests/inventories` is one. Its sources are the lines of `sources.txt`, else the folder
//! `inventory`, else the file `hosts…`; a folder `playbooks` is the one that plans are in.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod ansible;
    pub(crate) mod disk;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hostler::diag::{Problems, place};
use hostler::inventory::{Inventory, Request, load};
use hostler::text::{MemoryFiles, Sources};
use serde_json::Value;
use support::ansible;
use support::disk::Disk;

/// An inventory to compare.
struct Case {
    name: String,
    folder: PathBuf,
    sources: Vec<String>,
    beside: Vec<String>,
}

impl Case {
    fn all() -> Vec<Case> {
        let mut folders: Vec<PathBuf> = fs::read_dir(ansible::root().join("tests/inventories"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
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
        Case { name, folder, sources, beside: vec![plans.to_string()] }
    }

    fn load(&self) -> Inventory {
        let (mut sources, mut problems) = (Sources::new(), Problems::new());
        let request = Request { sources: &self.sources, beside: &self.beside };
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

    /// What the real `ansible-inventory --list` says.
    fn listed_by_ansible(&self) -> Value {
        let mut arguments: Vec<String> = vec!["--list".to_string()];
        for source in &self.sources {
            arguments.extend(["-i".to_string(), source.clone()]);
        }
        if self.beside != ["."] {
            arguments.extend(["--playbook-dir".to_string(), self.beside[0].clone()]);
        }
        serde_json::from_str(&ansible::run("ansible-inventory", &self.folder, &arguments)).unwrap()
    }
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

/// Does something with every case, several at a time, and gathers what it says.
fn for_all(cases: Vec<Case>, work: impl Fn(&Case) -> Vec<String> + Sync) -> Vec<String> {
    let queue = Mutex::new(cases.into_iter());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(case) = { queue.lock().unwrap().next() } {
                    let said = work(&case);
                    found.lock().unwrap().extend(said);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found
}

#[test]
fn lists_are_those_of_ansible_inventory() {
    let cases = Case::all();
    assert!(cases.len() >= 30, "only {} inventories", cases.len());
    let found = for_all(cases, |case| {
        let mut found = Vec::new();
        differences(&case.name, &case.load().list(), &case.listed_by_ansible(), &mut found);
        found
    });
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
