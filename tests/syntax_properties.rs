//! What holds of the parser whatever it is given.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

#[path = "support/pieces.rs"]
mod pieces;
#[path = "syntax/support/mod.rs"]
mod support;

use std::sync::LazyLock;

use hostler::diag::Problems;
use hostler::syntax;
use hostler::text::Span;
use pieces::PIECES;
use proptest::prelude::*;
use support::{dump, plans};

/// Every example, valid and not.
static EXAMPLES: LazyLock<Vec<String>> =
    LazyLock::new(|| plans("examples").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect());

fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

/// An example with pieces cut out, doubled, moved or put in.
fn mutated() -> impl Strategy<Value = String> {
    let edit =
        (any::<u8>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), proptest::sample::select(PIECES));
    (any::<prop::sample::Index>(), proptest::collection::vec(edit, 1..6)).prop_map(|(example, edits)| {
        let mut text: Vec<char> = example.get(&EXAMPLES).chars().collect();
        for (kind, from, to, piece) in edits {
            if text.is_empty() {
                break;
            }
            let from = from.index(text.len());
            let to = (from + 1 + to.index(20)).min(text.len());
            match kind % 4 {
                0 => drop(text.drain(from..to)),
                1 => {
                    let piece: Vec<char> = text[from..to].to_vec();
                    text.splice(from..from, piece);
                }
                2 => text[from..to].reverse(),
                _ => drop(text.splice(from..from, piece.chars())),
            }
        }
        text.into_iter().collect()
    })
}

/// What holds of every text: it has a tree, whose spans lie in it, and whatever could not be read was reported.
fn holds(text: &str) -> Result<(), TestCaseError> {
    let base = 1000;
    let mut problems = Problems::new();
    let file = syntax::parse(text, base, &mut problems);
    let whole = Span::new(base, base + text.len() as u32);
    prop_assert_eq!(file.span, whole);
    let spans = dump::spans(&file).into_iter();
    let labels = problems.iter().flat_map(|problem| problem.primary.iter().chain(&problem.secondary));
    for (what, span) in spans.chain(labels.map(|label| ("label", label.span))) {
        prop_assert!(span.start <= span.end && whole.contains(span), "{} at {:?}", what, span);
        for end in [span.start, span.end] {
            prop_assert!(text.is_char_boundary((end - base) as usize), "{} at {:?} splits a character", what, span);
        }
    }
    let shown = dump::dump(&file);
    prop_assert!(!shown.contains("BAD") || problems.has_errors(), "{}", shown);
    for problem in problems.iter() {
        prop_assert!(!problem.message.contains("the rest of this file"), "scan and grammar disagree");
    }
    Ok(())
}

proptest! {
    // `PROPTEST_CASES` asks for more.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases * 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_has_a_tree(text in any::<String>()) {
        holds(&text)?;
    }

    #[test]
    fn any_soup_of_pieces_has_a_tree(text in soup()) {
        holds(&text)?;
    }

    #[test]
    fn any_mutilated_example_has_a_tree(text in mutated()) {
        holds(&text)?;
    }
}
