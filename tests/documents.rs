//! The plans in the documentation are checked, so that no page shows one that is refused.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Pages with plans.
const PAGES: [&str; 2] = ["README.md", "docs/language.md"];

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
            if !plan.lines().any(|line| line.starts_with("plan ")) {
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
