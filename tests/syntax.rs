//! The parser against the examples, and against the specs in `tests/syntax/`.

#![allow(unreachable_pub, reason = "support files are shared by several tests")]
#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

#[path = "syntax/support/mod.rs"]
mod support;

use support::{dump, files, parse, plans, shown, spec};

#[test]
fn every_valid_example_is_read_without_a_problem() {
    for folder in ["examples/valid", "examples/minimal", "examples/invalid_sites"] {
        for path in plans(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let (_, diagnostics) = parse(&text);
            assert_eq!(diagnostics, [], "{}", path.display());
        }
    }
}

#[test]
fn every_invalid_example_raises_exactly_its_syntax_errors() {
    for path in plans("examples/invalid") {
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, diagnostics) = parse(&text);
        let all = shown(&text, &diagnostics);
        let found: Vec<&str> = all.lines().filter(|line| !line.starts_with(' ')).map(up_to_line).collect();
        let expected: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# error: "))
            .filter(|error| error.starts_with("syntax/") || error.starts_with("command/shell-syntax"))
            .map(|error| error.replace(" line ", " "))
            .collect();
        assert_eq!(found, expected, "{}: {all}", path.display());
    }
}

/// `syntax/unexpected 4` of `syntax/unexpected 4:3-8 …`
fn up_to_line(diagnostic: &str) -> &str {
    diagnostic.split(':').next().unwrap()
}

#[test]
fn specs_hold() {
    for path in files("syntax", "md") {
        spec::check(&path, &|kind, input| match kind {
            "tree" => Some(dump::dump(&parse(input).0)),
            "problems" => Some(shown(input, &parse(input).1)),
            _ => None,
        });
    }
}
