//! The tree of a plan file: what was written, with the span of every part.
//!
//! It holds what a person wrote and no meaning: names are words, a unit is the literal's own. Every phase after it
//! makes types of its own. Parsing never fails, so a tree may hold [`StmtKind::Bad`] where a statement could not be
//! read; the problem was reported then, and no phase reports it again.

mod commands;
mod expressions;
mod items;
mod signatures;
mod statements;
mod tests;

pub use commands::*;
pub use expressions::*;
pub use items::*;
pub use signatures::*;
pub use statements::*;
pub use tests::*;

use crate::text::Span;

/// A word with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// `edition 2026`, where it is written.
    pub edition: Option<Edition>,
    /// Everything else, in the order of writing.
    pub items: Vec<Item>,
    /// Every comment, in the order of writing. Documentation (`##`) is among them.
    pub comments: Vec<Comment>,
    /// The whole text.
    pub span: Span,
}

/// `edition 2026`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The year as written.
    pub year: String,
    /// The whole line.
    pub span: Span,
}

/// A comment, from its `#` to the end of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text with its `#`, without the newline and trailing blanks.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
}
