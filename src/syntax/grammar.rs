//! The grammar's parser, which pest derives from `grammar/hostler.pest`.

// The derived `Rule` can carry no docs of its own.
#![allow(missing_docs, reason = "pest derives the variants of `Rule` from the grammar, which explains them")]

use pest::Parser;
use pest::iterators::Pairs;

/// See `grammar/hostler.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/hostler.pest"]
struct Hostler;

/// Where a text stopped making sense, in bytes of that text, and what could have stood there.
pub(super) struct Stopped {
    pub(super) at: usize,
    pub(super) expected: Vec<Rule>,
}

/// The pairs of `rule` over the whole of `text`.
pub(super) fn read(rule: Rule, text: &str) -> Result<Pairs<'_, Rule>, Stopped> {
    Hostler::parse(rule, text).map_err(|error| {
        let at = match error.location {
            pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
        };
        let expected = match error.variant {
            pest::error::ErrorVariant::ParsingError { positives, .. } => positives,
            pest::error::ErrorVariant::CustomError { .. } => Vec::new(),
        };
        Stopped { at, expected }
    })
}
