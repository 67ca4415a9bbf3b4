//! The layout of plan files, against the examples, the standard library, and the specs in `tests/fmt/`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

#[path = "syntax/support/mod.rs"]
mod support;

use std::path::Path;

use hostler::fmt::format;
use support::{dump, files, parse, plans, shown, spec};

#[test]
fn the_examples_are_laid_out_as_they_stand() {
    for folder in ["examples/valid", "examples/minimal", "examples/invalid_sites"] {
        for path in plans(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(format(&text).unwrap(), text, "{}", path.display());
        }
    }
}

#[test]
fn the_standard_library_and_the_workflows_are_laid_out_as_they_stand() {
    for folder in ["stdlib", "workflows", "workflows/lib"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "plan") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(format(&text).unwrap(), text, "{}", path.display());
            }
        }
    }
}

#[test]
fn specs_hold() {
    for path in files("fmt", "md") {
        spec::check(&path, &|kind, input| {
            (kind == "formatted").then(|| {
                let formatted = match format(input) {
                    Ok(formatted) => formatted,
                    Err(diagnostics) => return shown(input, &diagnostics),
                };
                assert_eq!(dump::dump(&parse(&formatted).0), dump::dump(&parse(input).0), "another tree:\n{formatted}");
                assert_eq!(format(&formatted).as_deref(), Ok(formatted.as_str()), "not stable");
                formatted
            })
        });
    }
}

#[test]
fn a_file_keeps_its_newlines() {
    let unix = "on g {\n  a\n}\n# c\nawait b(c)\n  within 3m\n";
    let windows = unix.replace('\n', "\r\n");
    assert_eq!(format(&windows).unwrap(), windows);
    assert_eq!(format("\u{feff}a(b)").unwrap(), "a(b)\n");
    assert_eq!(format("").unwrap(), "");
    assert_eq!(format("\n \n").unwrap(), "");
}
