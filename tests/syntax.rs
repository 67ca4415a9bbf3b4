//! The parser against the examples, and against the specs in `tests/syntax/`.

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

/// `inner` in `depth` pairs of brackets.
fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn brackets_nest_64_deep_and_no_deeper() {
    let shapes: [fn(usize) -> String; 4] = [
        |depth| nested("if $x { ", "keep off", " }", depth),
        |depth| format!("require {}", nested("(", "$x", ")", depth)),
        |depth| nested("if f(x: [$y[0]]) { ", "keep off", " }", depth - 2),
        |depth| format!("task t(x: {}) {{ a(x) }}", nested("List<", "Str", ">", depth)),
    ];
    for shape in shapes {
        for depth in [4, 63, 64] {
            let (_, diagnostics) = parse(&shape(depth));
            assert_eq!(diagnostics, [], "{}", shape(depth));
        }
        for depth in [65, 66, 1000, 10_000] {
            let (file, diagnostics) = parse(&shape(depth));
            let codes: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(codes, ["syntax/too-deep"], "{depth}");
            assert!(file.items.is_empty());
        }
    }
}

#[test]
fn an_expression_holds_so_many_operators_that_later_phases_may_recurse() {
    let shapes: [fn(usize) -> String; 5] = [
        |count| format!("require $a{}", " + $a".repeat(count)),
        |count| format!("require {}$a", "not ".repeat(count)),
        |count| format!("require {}$a", "- ".repeat(count)),
        |count| format!("require $a{}", ".b".repeat(count)),
        |count| format!("require $a{}", "[0]".repeat(count)),
    ];
    for shape in shapes {
        assert_eq!(parse(&shape(256)).1, []);
        for count in [257, 10_000] {
            let codes: Vec<&str> = parse(&shape(count)).1.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(codes, ["syntax/too-deep"]);
        }
    }
}

#[test]
fn a_file_may_have_a_mebibyte() {
    let codes = |text: String| -> Vec<&str> { parse(&text).1.iter().map(|diagnostic| diagnostic.code).collect() };
    let open = |length: usize| format!("({}", " ".repeat(length - 1));
    assert_eq!(codes(open(1024 * 1024)), ["syntax/unclosed-block"]);
    assert_eq!(codes(open(1024 * 1024 + 1)), ["syntax/too-large"]);
}

#[test]
fn a_file_of_nothing_but_mistakes_is_answered() {
    let pieces = [
        "a;",
        "x y\n",
        "if a;",
        "$;",
        "on g q;",
        "{}",
        "{{}",
        "}\n",
        "(\n",
        "'\n",
        "\u{a0}",
        "on g {\n",
        "if x { a(b)\n",
    ];
    for piece in pieces {
        let (_, diagnostics) = parse(&piece.repeat(1000));
        assert!((1..=2000).contains(&diagnostics.len()), "{piece:?}: {} problems", diagnostics.len());
    }
}
