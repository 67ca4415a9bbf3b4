//! The restarts of the standard library and the rescue, each with one statement taken away, moved behind the next, or
//! its condition turned round, by this program: the checker, the tests of plans or the explorer notice. Those that
//! nobody notices do the same as before, and stand here with the reason.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not go on should stop"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hostler::diag::Problems;
use hostler::syntax::parse;
use hostler::syntax::tree::{Block, Expr, File, Item, Stmt, StmtKind};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Mutants that nobody notices, and why nobody has to.
const SAME: [(&str, &str); 8] = [
    (
        "full: `warn \"$guest did not shut down (${failure.message}): it is stopped by force\"` behind `on hypervisor when locked wait 2m unguarded agent \"stopped by force\": qm stop $vmid`",
        "it is said in any case",
    ),
    (
        "full: without `await power(guest) == \"stopped\" within 2m else \"$guest is not off\"`",
        "a shutdown and a stop that end well end when it is off, and the ways on from one that does not have waited",
    ),
    (
        "full: `await power(guest) == \"stopped\" within 2m else \"$guest is not off\"` behind `await settled(guest) within 1m every 2s else \"the shutdown of $guest is not cleaned up on $hypervisor\"`",
        "both hold before the start",
    ),
    (
        "full: without `await power(guest) == \"running\" within 2m else \"$guest did not start\"`",
        "an answer of the new system by ssh says that it runs",
    ),
    (
        "full: `await power(guest) == \"running\" within 2m else \"$guest did not start\"` behind `await ssh(guest) within 10m else \"$guest is on, and does not answer by ssh\"`",
        "an answer of the new system by ssh says that it runs",
    ),
    (
        "by_driver: without `await power(guest) == \"running\" within 5m else \"the cluster did not start $guest\"`",
        "an answer of the new system by ssh says that it runs",
    ),
    (
        "by_driver: not `power(guest) == \"running\"`",
        "the cluster starts it a moment later, so this holds at once, and ssh is waited for",
    ),
    (
        "rescue: `warn \"$guest did not shut down (${err.kind}): it is stopped\"` behind `stop(guest)`",
        "it is said in any case",
    ),
];

/// Where a mutant differs, and its text.
struct Mutant {
    what: String,
    text: String,
}

fn mutants(text: &str, of: &str) -> Vec<Mutant> {
    let mut problems = Problems::new();
    let file: File = parse(text, 0, &mut problems);
    assert!(problems.is_empty());
    let body = file.items.iter().find_map(|item| match item {
        Item::Task(task) if task.name.text == of => Some(&task.body),
        Item::Plan(plan) if plan.name.text == of => Some(&plan.body),
        _ => None,
    });
    let mut found = Vec::new();
    block(text, body.expect(of), &mut found);
    found
}

fn block(text: &str, of: &Block, found: &mut Vec<Mutant>) {
    let slice = |statement: &Stmt| &text[statement.span.start as usize..statement.span.end as usize];
    let named = |statement: &Stmt| slice(statement).lines().next().unwrap_or_default().to_string();
    for (number, statement) in of.statements.iter().enumerate() {
        let (start, end) = (statement.span.start as usize, statement.span.end as usize);
        found.push(Mutant {
            what: format!("without `{}`", named(statement)),
            text: format!("{}{}", &text[..start], &text[end..]),
        });
        if let Some(next) = of.statements.get(number + 1) {
            let (from, to) = (next.span.start as usize, next.span.end as usize);
            found.push(Mutant {
                what: format!("`{}` behind `{}`", named(statement), named(next)),
                text: format!(
                    "{}{}{}{}{}",
                    &text[..start],
                    slice(next),
                    &text[end..from],
                    slice(statement),
                    &text[to..]
                ),
            });
        }
        for condition in conditions(statement) {
            let (from, to) = (condition.span.start as usize, condition.span.end as usize);
            found.push(Mutant {
                what: format!("not `{}`", &text[from..to]),
                text: format!("{}not ({}){}", &text[..from], &text[from..to], &text[to..]),
            });
        }
        for inner in blocks(statement) {
            block(text, inner, found);
        }
    }
}

fn conditions(statement: &Stmt) -> Vec<&Expr> {
    match &statement.kind {
        StmtKind::If(choice) => choice.branches.iter().map(|(condition, _)| condition).collect(),
        StmtKind::Await(wait) => vec![&wait.condition],
        StmtKind::Require(require) => vec![&require.condition],
        _ => Vec::new(),
    }
}

fn blocks(statement: &Stmt) -> Vec<&Block> {
    match &statement.kind {
        StmtKind::If(choice) => choice.branches.iter().map(|(_, block)| block).chain(&choice.otherwise).collect(),
        StmtKind::For(each) => vec![&each.body],
        StmtKind::Retry(_, block) => vec![block],
        StmtKind::Try(tried) => {
            let recover = tried.recover.iter().map(|(_, block)| block);
            [&tried.body].into_iter().chain(recover).chain(&tried.finally).collect()
        }
        _ => Vec::new(),
    }
}

/// The text of a declaration of the standard library.
fn declared(module: &str, begins: &str) -> String {
    let text = fs::read_to_string(Path::new(ROOT).join("stdlib").join(module)).unwrap();
    let at = text.find(begins).expect(begins);
    let indent = text[..at].rsplit('\n').next().unwrap().to_string();
    let end = text[at..].find(&format!("\n{indent}}}\n")).unwrap();
    let whole = &text[at..at + end + 2 + indent.len()];
    whole.lines().map(|line| format!("{}\n", line.strip_prefix(indent.as_str()).unwrap_or(line))).collect()
}

fn hostler(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hostler")).args(arguments).current_dir(folder).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

/// A site with the three plans.
fn site() -> (PathBuf, BTreeMap<&'static str, String>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("inventory")).unwrap();
    let hosts = "all:\n  hosts:\n    pve:\n  children:\n    ubuntu_vms:\n      hosts:\n        grafana: {vmid: 103, hypervisor: pve}\n      children:\n        dns_pair:\n          hosts:\n            pihole: {vmid: 107, hypervisor: pve}\n            pihole-backup: {vmid: 108, hypervisor: pve}\n";
    fs::write(folder.join("inventory/hosts.yml"), hosts).unwrap();
    fs::write(folder.join("hostler.toml"), "edition = 2026\ntimezone = \"UTC\"\n").unwrap();
    fs::copy(Path::new(ROOT).join("tests/mutants/tests.plan"), folder.join("tests.plan")).unwrap();
    let full = declared("proxmox.plan", "task proxmox_vm_restart(").replace("proxmox_vm_restart", "full_restart");
    // Outside of the library a script that names `qm` says why it may.
    let looks = "reading unguarded unlocked \"it only looks\": sh";
    let settled = declared("proxmox.plan", "probe settled(").replace("reading: sh", looks);
    let driver = declared("proxmox.plan", "task restart(").replace("task restart", "task driver_restart");
    let head = "edition 2026\n\nplan";
    let plans = BTreeMap::from([
        (
            "full",
            format!(
                "{head} full(grace: Duration = 2m, force: Bool = false) for guest in grafana {{\n  full_restart(guest, grace: $grace, force: $force)\n}}\n\n{full}\n{settled}"
            ),
        ),
        (
            "by_driver",
            format!(
                "{head} by_driver(grace: Duration = 2m) for guest in grafana {{\n  driver_restart(guest, grace: $grace)\n}}\n\n{driver}"
            ),
        ),
        ("rescue", fs::read_to_string(Path::new(ROOT).join("workflows/rescue.plan")).unwrap()),
    ]);
    for (name, text) in &plans {
        fs::write(folder.join(format!("{name}.plan")), text).unwrap();
    }
    (folder, plans)
}

/// Who notices.
fn noticed(folder: &Path, name: &str) -> Option<String> {
    let file = format!("{name}.plan");
    let first = |said: &str| said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_string();
    let (_, said) = hostler(folder, &["check", &file]);
    if !said.is_empty() {
        return Some(format!("check: {}", first(&said)));
    }
    let which = if name == "by_driver" { "driver:" } else { name };
    let (code, said) = hostler(folder, &["test", "tests.plan", "--only", which]);
    if code != 0 {
        let failed = said.lines().find(|line| line.contains('✗')).map(str::to_string);
        return Some(format!("test: {}", failed.unwrap_or_else(|| first(&said)).trim()));
    }
    let (code, said) = hostler(folder, &["prove", &file, "--target", "grafana", "--now", "2026-01-03 22:30"]);
    let rule = || said.lines().find(|line| line.contains("the shortest story")).unwrap_or_default().to_string();
    (code != 0).then(|| format!("prove: {}", rule()))
}

#[test]
fn every_mutant_of_the_restarts_is_noticed_or_the_same() {
    let (folder, plans) = site();
    let (code, said) = hostler(&folder, &["test", "tests.plan"]);
    assert_eq!(code, 0, "{said}");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut unnoticed = Vec::new();
    let mut all = 0;
    for (name, of) in [("full", "full_restart"), ("by_driver", "driver_restart"), ("rescue", "rescue")] {
        let path = folder.join(format!("{name}.plan"));
        for Mutant { what, text } in mutants(&plans[name], of) {
            all += 1;
            fs::write(&path, text).unwrap();
            let by = noticed(&folder, name);
            println!("{name}: {what}\n    {}", by.as_deref().unwrap_or("NOBODY"));
            match by {
                Some(by) => *counts.entry(by.split(':').next().unwrap().to_string()).or_default() += 1,
                None => unnoticed.push(format!("{name}: {what}")),
            }
        }
        fs::write(&path, &plans[name]).unwrap();
    }
    println!("{all} mutants: {counts:?}, {} are noticed by nobody", unnoticed.len());
    assert!(all >= 30, "{all}");
    let argued: Vec<&str> = SAME.iter().map(|(what, _)| *what).collect();
    assert_eq!(unnoticed, argued, "each with a reason why it is the same");
}
