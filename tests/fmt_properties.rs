//! What holds of the layout whatever is laid out.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

#[path = "syntax/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::LazyLock;

use hostler::fmt::format;
use hostler::syntax::tree::File;
use proptest::prelude::*;
use support::{dump, parse, plans, programs, shown};

/// Words of commands and strings, as they are written.
fn words(text: &str, file: &File) -> Vec<String> {
    let spans = dump::spans(file).into_iter().filter(|(what, _)| *what == "word");
    spans.map(|(_, span)| text[span.start as usize..span.end as usize].replace("\r\n", "\n")).collect()
}

fn comments(file: &File) -> Vec<&str> {
    file.comments.iter().map(|comment| comment.text.as_str()).collect()
}

/// The layout changes blanks only, and changes nothing the second time.
fn holds(text: &str) -> Result<(), TestCaseError> {
    let (before, problems) = parse(text);
    prop_assert!(problems.is_empty(), "{}\n{}", text, shown(text, &problems));
    let formatted = format(text).unwrap();
    let (after, problems) = parse(&formatted);
    prop_assert!(problems.is_empty(), "{}\n--- became\n{}\n{}", text, formatted, shown(&formatted, &problems));
    prop_assert!(dump::dump(&after) == dump::dump(&before), "another tree:\n{}\n--- became\n{}", text, formatted);
    prop_assert!(comments(&after) == comments(&before), "other comments:\n{}\n--- became\n{}", text, formatted);
    prop_assert_eq!(words(&formatted, &after), words(text, &before));
    let again = format(&formatted).unwrap();
    prop_assert!(again == formatted, "not stable:\n{}\n--- became\n{}\n--- became\n{}", text, formatted, again);
    Ok(())
}

/// Files that are right as they stand, and short enough to be read often.
static FILES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let library = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib")).unwrap();
    let library = library.map(|entry| entry.unwrap().path());
    let all = plans("examples/valid").into_iter().chain(library).map(|path| std::fs::read_to_string(path).unwrap());
    all.filter(|text| text.len() < 6000).collect()
});

/// A file with blanks, newlines and comments put in or taken out, wherever that is.
fn stirred() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[" ", "\n", "\n\n\n", "# c\n", " # c\n", ";", "\t", "", "", "{ }", "\n}\n"];
    let edit = (any::<prop::sample::Index>(), proptest::sample::select(PIECES), any::<bool>());
    (any::<prop::sample::Index>(), proptest::collection::vec(edit, 1..4)).prop_map(|(file, edits)| {
        let mut text = file.get(&FILES).clone();
        for (at, piece, after_blank) in edits {
            let mut at = at.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if after_blank {
                at = text[..at].rfind([' ', '\n']).map_or(at, |blank| blank + 1);
            }
            let blanks = text[at..].chars().take_while(|c| matches!(c, ' ' | '\n')).count();
            text.replace_range(at..at + if piece.is_empty() { blanks } else { 0 }, piece);
        }
        text
    })
}

proptest! {
    // `PROPTEST_CASES` asks for more.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_file_that_is_right_keeps_its_tree_and_its_comments(text in stirred()) {
        if parse(&text).1.is_empty() {
            holds(&text)?;
        }
    }

    #[test]
    fn any_program_keeps_its_tree_and_its_comments(text in programs::program()) {
        holds(&text)?;
    }
}
