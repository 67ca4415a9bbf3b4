//! What the tests of the syntax share: a tree as a person reads it, and specs in Markdown.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on should stop")]

pub(crate) mod dump;
pub(crate) mod programs;
pub(crate) mod spec;

use std::path::{Path, PathBuf};

use hostler::diag::{Diagnostic, Problems};
use hostler::syntax;
use hostler::text::Sources;

/// The text parsed, and everything reported, in order.
pub(crate) fn parse(text: &str) -> (syntax::tree::File, Vec<Diagnostic>) {
    let mut problems = Problems::new();
    let file = syntax::parse(text, 0, &mut problems);
    (file, problems.sorted())
}

/// `code line:column message`, further labels, and the help, of each diagnostic.
pub(crate) fn shown(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut sources = Sources::new();
    sources.add("case.plan", text);
    let place = |span| {
        let (from, to) = (sources.place(span).unwrap(), sources.end_place(span).unwrap());
        if from.line == to.line {
            format!("{}:{}-{}", from.line, from.column, to.column)
        } else {
            format!("{}:{}-{}:{}", from.line, from.column, to.line, to.column)
        }
    };
    let mut lines = String::new();
    for diagnostic in diagnostics {
        let at = place(diagnostic.primary.as_ref().unwrap().span);
        lines.push_str(&format!("{} {at} {}\n", diagnostic.code, diagnostic.message));
        for label in &diagnostic.secondary {
            lines.push_str(&format!("  and {}: {}\n", place(label.span), label.text));
        }
        if let Some(help) = &diagnostic.help {
            lines.push_str(&format!("  help: {help}\n"));
        }
    }
    lines
}

/// Every plan file under a folder of `tests/`, sorted.
pub(crate) fn plans(folder: &str) -> Vec<PathBuf> {
    files(folder, "plan")
}

/// Every file with this ending under a folder of `tests/`, sorted.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} file under tests/{folder}");
    found
}
