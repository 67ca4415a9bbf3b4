//! The parser against the examples and the cases in `tests/syntax/`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

use std::path::{Path, PathBuf};

use hostler::diag::{Diagnostic, Problems};
use hostler::syntax;
use hostler::text::Sources;

/// The text parsed, and everything reported in order.
fn parse(text: &str) -> (syntax::tree::File, Vec<Diagnostic>) {
    let mut problems = Problems::new();
    let file = syntax::parse(text, 0, &mut problems);
    (file, problems.sorted())
}

/// `code line:column` of each diagnostic.
fn shown(text: &str, diagnostics: &[Diagnostic]) -> Vec<String> {
    let mut sources = Sources::new();
    sources.add("case.plan", text);
    diagnostics
        .iter()
        .map(|diagnostic| {
            let place = sources.place(diagnostic.primary.as_ref().unwrap().span).unwrap();
            format!("{} {}:{}", diagnostic.code, place.line, place.column)
        })
        .collect()
}

fn plans(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples").join(folder);
    let mut found: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "plan") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn every_valid_example_is_read_without_a_problem() {
    for folder in ["valid", "minimal", "invalid_sites"] {
        for path in plans(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let (_, diagnostics) = parse(&text);
            assert_eq!(diagnostics, [], "{}", path.display());
        }
    }
}

#[test]
fn every_invalid_example_raises_exactly_its_syntax_errors() {
    for path in plans("invalid") {
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, diagnostics) = parse(&text);
        let found: Vec<String> = shown(&text, &diagnostics);
        let found: Vec<&str> = found.iter().map(|found| found.split(':').next().unwrap()).collect();
        let expected: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# error: "))
            .filter(|error| error.starts_with("syntax/") || error.starts_with("command/shell-syntax"))
            .map(|error| error.replace(" line ", " "))
            .collect();
        assert_eq!(found, expected, "{}: {diagnostics:#?}", path.display());
    }
}
