//! The examples that decide: valid plans check clean, invalid ones are refused with exactly the errors that their
//! first lines name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples");

fn plans(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(EXAMPLES).join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "plan"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// What a check says: code, severity, and for each place whether it is the primary one, its file and its line.
struct Said {
    code: String,
    is_error: bool,
    places: Vec<(bool, String, u64)>,
}

fn check(plan: &Path, site: &Path, more: &[&str]) -> Vec<Said> {
    let output = Command::new(env!("CARGO_BIN_EXE_hostler"))
        .args(["check", "--format", "json", "--site"])
        .arg(site)
        .arg(plan)
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    let list = json["diagnostics"].as_array().unwrap();
    list.iter()
        .map(|one| Said {
            code: one["code"].as_str().unwrap().to_string(),
            is_error: one["severity"] == "error",
            places: one["spans"]
                .as_array()
                .unwrap()
                .iter()
                .map(|span| {
                    let file = span["file"].as_str().unwrap().to_string();
                    (span["primary"] == true, file, span["line"].as_u64().unwrap())
                })
                .collect(),
        })
        .collect()
}

/// `# error: CODE line N` of a plan's first lines.
fn expected(plan: &Path) -> Vec<(String, Option<u64>)> {
    let text = fs::read_to_string(plan).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("# error: "))
        .map(|rest| match rest.split_once(" line ") {
            Some((code, line)) => (code.trim().to_string(), Some(line.trim().parse().unwrap())),
            None => (rest.trim().to_string(), None),
        })
        .collect()
}

/// Scripts need to be told for whom they run.
fn target(plan: &Path) -> &'static [&'static str] {
    let text = fs::read_to_string(plan).unwrap();
    let has_plan = text.lines().any(|line| line.starts_with("plan "));
    if has_plan { &[] } else { &["--target", "pbs"] }
}

#[test]
fn valid_plans_check_clean() {
    let site = Path::new(EXAMPLES).join("site");
    let mut wrong = String::new();
    for plan in plans("valid") {
        for said in check(&plan, &site, target(&plan)) {
            wrong.push_str(&format!("{}: {} {:?}\n", plan.display(), said.code, said.places));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn invalid_plans_are_refused_with_exactly_their_errors() {
    let site = Path::new(EXAMPLES).join("site");
    let mut wrong = String::new();
    for plan in plans("invalid") {
        let mut wanted = expected(&plan);
        let mut found: Vec<(String, Option<u64>)> = check(&plan, &site, target(&plan))
            .into_iter()
            .filter(|said| said.is_error)
            .map(|said| {
                let line = said.places.iter().find(|(primary, file, _)| *primary && file.ends_with(".plan"));
                (said.code, line.map(|(_, _, line)| *line))
            })
            .collect();
        wanted.sort();
        found.sort();
        if wanted != found {
            wrong.push_str(&format!("{}\n  wanted {wanted:?}\n  found  {found:?}\n", plan.display()));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn faults_of_an_inventory_are_shown_in_the_inventory() {
    let folder = Path::new(EXAMPLES).join("invalid_sites");
    let mut sites: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sites.sort();
    assert!(!sites.is_empty());
    for site in sites {
        let plan = site.join("card.plan");
        let wanted: Vec<String> = expected(&plan).into_iter().map(|(code, _)| code).collect();
        let found = check(&plan, &site, &["--target", "pbs"]);
        let codes: Vec<String> = found.iter().filter(|said| said.is_error).map(|said| said.code.clone()).collect();
        assert_eq!(codes, wanted, "{}", site.display());
        for said in &found {
            let missing = said.code == "inventory/missing-variable";
            let points =
                said.places.iter().any(|(primary, file, _)| *primary != missing && file.contains("/inventory/"));
            assert!(points, "{}: {:?}", said.code, said.places);
        }
    }
}
