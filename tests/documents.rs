//! The plans in the documentation are checked, so that no page shows one that is refused; and its links lead somewhere.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Pages with plans.
const PAGES: [&str; 5] = ["README.md", "docs/language.md", "docs/inventory.md", "docs/running.md", "docs/testing.md"];

/// The ```plan blocks of a page, each with its line.
fn plans(text: &str) -> Vec<(usize, String)> {
    let mut plans = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line == "```plan" {
            let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            plans.push((number + 1, body.fold(String::new(), |body, line| body + line + "\n")));
        }
    }
    plans
}

#[test]
fn the_plans_of_the_documentation_check_clean() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    // What they bring with `use ./…` is among the examples.
    for example in fs::read_dir(Path::new(ROOT).join("tests/examples/valid")).unwrap() {
        let example = example.unwrap();
        fs::copy(example.path(), folder.join(example.file_name())).unwrap();
    }
    let mut wrong = String::new();
    for page in PAGES {
        let plans = plans(&fs::read_to_string(Path::new(ROOT).join(page)).unwrap());
        assert!(!plans.is_empty(), "{page} shows no plan");
        for (line, plan) in plans {
            let file = folder.join("shown.plan");
            fs::write(&file, &plan).unwrap();
            let mut check = Command::new(env!("CARGO_BIN_EXE_hostler"));
            check.arg("check").arg(&file).args(["--site", &format!("{ROOT}/tests/examples/site")]);
            if !plan.lines().any(|line| line.starts_with("plan ") || line.starts_with("test ")) {
                check.args(["--target", "pbs"]);
            }
            let output = check.output().unwrap();
            if !output.status.success() || !output.stderr.is_empty() {
                wrong.push_str(&format!("{page}:{line}\n{}\n", String::from_utf8_lossy(&output.stderr)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What a link to a heading is called: small letters, blanks as `-`, and no other signs.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

/// The headings of a page, without what looks like one in a block.
fn headings(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block && line.starts_with('#') {
            found.push(anchor(line.trim_start_matches('#').trim()));
        }
    }
    found
}

#[test]
fn links_lead_somewhere() {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| Path::new(ROOT).join(name)).into();
    let mut folders = vec![Path::new(ROOT).join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    let mut wrong = String::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        if let Some(line) = text.lines().find(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")) {
            wrong.push_str(&format!("{}: a merge was not finished: {line}\n", page.display()));
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let is_there = target.exists()
                && (heading.is_empty()
                    || headings(&fs::read_to_string(&target).unwrap()).contains(&heading.to_string()));
            if !is_there {
                wrong.push_str(&format!("{}: {link}\n", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
