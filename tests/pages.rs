//! The pages of `docs/errors/`: every code has one, and the examples of each are what they are said to be. The first
//! (`## Wrong`) raises that code and no other, the second (`## Right`) raises nothing.
//!
//! An example is the plan of its ```plan block, checked against `tests/examples/site`, a script with `--target pbs`.
//! A block with a path (```yaml inventory/hosts.yml) is a file of a site of its own. A ```console block is the command
//! to use instead, and those that go before it. What the second example does not show is as in the first.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use hostler::diag::pages::{PAGES, Page};
use regex::Regex;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Makes in a site what can not be written down.
type Make = fn(&Path);

/// Codes whose example can not be written down, and how each is raised.
const MADE: [(&str, Make); 4] = [
    ("inventory/not-text", |site| fs::write(site.join("inventory/host_vars/pbs.yml"), b"vmid: 101 # \xff\n").unwrap()),
    ("inventory/unreadable", |site| {
        fs::write(site.join("hostler.toml"), "inventory = \"circle\"\n").unwrap();
        symlink("circle", site.join("circle")).unwrap();
    }),
    ("site/unreadable", |site| fs::create_dir(site.join("hostler.toml")).unwrap()),
    ("syntax/too-large", |site| fs::write(site.join("example.plan"), "await ssh(guest)\n".repeat(70_000)).unwrap()),
];

/// What an example is made of.
#[derive(Clone, Debug, Default)]
struct Example {
    plan: Option<String>,
    files: BTreeMap<String, String>,
    command: Option<String>,
}

impl Example {
    /// Takes what a section of a page shows.
    fn read(&mut self, section: &str) {
        let mut lines = section.lines();
        while let Some(line) = lines.next() {
            let Some(info) = line.strip_prefix("```") else { continue };
            let body: String =
                lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            match info.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["plan"] => self.plan = Some(body),
                ["console"] => self.command = Some(body.trim().to_string()),
                [_, path] => {
                    self.files.insert(path.to_string(), body);
                }
                _ => panic!("a block is `plan`, `console`, or a language and a path: {line}"),
            }
        }
    }

    fn write(&self, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
        for (path, text) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if text.starts_with("#!") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        if let Some(plan) = &self.plan {
            fs::write(folder.join("example.plan"), plan).unwrap();
        }
    }

    fn run(&self, folder: &Path) -> Said {
        let is_script = self.plan.iter().flat_map(|plan| plan.lines()).all(|line| !line.starts_with("plan "));
        let command = match &self.command {
            Some(command) => command,
            None if is_script => "hostler check example.plan --target pbs",
            None => "hostler check example.plan",
        };
        let site = format!("{ROOT}/tests/examples/site");
        let run = |command: &str| {
            let mut words: Vec<&str> = command.split_whitespace().collect();
            assert_eq!(words.remove(0), "hostler");
            if self.files.is_empty() {
                words.extend(["--site", &site]);
            }
            let mut hostler = Command::new(env!("CARGO_BIN_EXE_hostler"));
            hostler.args(words).current_dir(folder).env("XDG_CONFIG_HOME", folder.join(".config")).output().unwrap()
        };
        let (before, last) = command.rsplit_once('\n').unwrap_or(("", command));
        for command in before.lines() {
            assert!(run(command).status.success(), "{command}");
        }
        let output = run(last);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = Regex::new("(?m)^[a-z]+/[a-z]+(-[a-z]+)*$").unwrap();
        let codes = code.find_iter(&text).map(|code| code.as_str().to_string()).collect();
        Said { good: output.status.success(), codes, text }
    }
}

/// What a command said.
struct Said {
    good: bool,
    codes: BTreeSet<String>,
    text: String,
}

/// The parts of a page: before the examples, the first, the second.
fn parts(page: &Page) -> Option<(&'static str, &'static str)> {
    let (_, examples) = page.text.split_once("\n## Wrong\n")?;
    examples.split_once("\n## Right\n")
}

fn folder(page: &Page, which: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages").join(page.code.replace('/', "-")).join(which)
}

/// What is wrong with a page; nothing where all is well.
fn problem(page: &Page) -> Option<String> {
    let only = BTreeSet::from([page.code.to_string()]);
    let made = MADE.iter().find(|(code, _)| *code == page.code);
    let (wrong, right) = match (parts(page), made) {
        (Some(parts), None) => parts,
        (None, Some((_, make))) => return made_problem(page, *make, &only),
        (Some(_), Some(_)) => return Some("it has examples, and is on the list of those that have none".to_string()),
        (None, None) => return Some("it has no sections `## Wrong` and `## Right`".to_string()),
    };
    let mut example = Example::default();
    example.read(wrong);
    example.write(&folder(page, "wrong"));
    let said = example.run(&folder(page, "wrong"));
    if said.codes != only {
        return Some(format!("its first example says {:?}\n{}", said.codes, said.text));
    }
    example.read(right);
    example.write(&folder(page, "right"));
    let said = example.run(&folder(page, "right"));
    (!said.good || !said.codes.is_empty()).then(|| format!("its second example says {:?}\n{}", said.codes, said.text))
}

/// A site that is well, until something is made in it.
fn made_problem(page: &Page, make: Make, only: &BTreeSet<String>) -> Option<String> {
    let files = [
        ("inventory/hosts.yml", "all:\n  hosts:\n    pve:\n    pbs: {vmid: 101}\n"),
        ("inventory/host_vars/pve.yml", "tier: service\n"),
    ];
    let example = Example {
        plan: Some("on pve: qm reboot $vmid\n".to_string()),
        files: files.map(|(path, text)| (path.to_string(), text.to_string())).into(),
        command: None,
    };
    let folder = folder(page, "made");
    example.write(&folder);
    let before = example.run(&folder);
    if !before.good || !before.codes.is_empty() {
        return Some(format!("before anything is made: {}", before.text));
    }
    make(&folder);
    let after = example.run(&folder);
    (after.codes != *only).then(|| format!("made, it says {:?}\n{}", after.codes, after.text))
}

#[test]
fn the_examples_are_what_they_are_said_to_be() {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut wrong = Vec::new();
            while let Some(page) = PAGES.get(next.fetch_add(1, Ordering::Relaxed)) {
                wrong.extend(problem(page).map(|problem| format!("{}: {problem}", page.code)));
            }
            wrong
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The codes that the source gives to diagnostics.
fn raised() -> BTreeSet<String> {
    let given = Regex::new(r#"Diagnostic::(?:error|warning|nowhere)\(\s*"([^"]+)""#).unwrap();
    let named = Regex::new(r#"const [A-Z_]+: &str =\s*"([a-z]+/[a-z]+(?:-[a-z]+)*)";"#).unwrap();
    let mut codes = BTreeSet::new();
    for file in files(&Path::new(ROOT).join("src"), "rs") {
        let text = fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for pattern in [&given, &named] {
            codes.extend(pattern.captures_iter(text).map(|found| found[1].to_string()));
        }
    }
    codes
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            all.push(path);
        }
    }
    all
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let listed: BTreeSet<String> = PAGES.iter().map(|page| page.code.to_string()).collect();
    let raised = raised();
    let without: Vec<_> = raised.difference(&listed).collect();
    assert!(without.is_empty(), "without a page (docs/errors/, src/diag/pages.rs): {without:?}");
    let stale: Vec<_> = listed.difference(&raised).collect();
    assert!(stale.is_empty(), "nothing raises these any more: {stale:?}");
    let errors = Path::new(ROOT).join("docs/errors");
    let written: BTreeSet<String> = files(&errors, "md")
        .iter()
        .map(|file| file.strip_prefix(&errors).unwrap().with_extension("").display().to_string())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(listed, written, "src/diag/pages.rs on the left, docs/errors/ on the right");
}
