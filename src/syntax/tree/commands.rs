//! `on`: places, options and the words of commands.

use super::{Expr, Name, Path, Retry, StrPart};
use crate::text::Span;

/// `on PLACE options: COMMAND`
#[derive(Clone, Debug, PartialEq)]
pub struct On {
    /// Who acts.
    pub place: Expr,
    /// In the order of writing.
    pub options: Vec<OnOption>,
    /// What.
    pub command: Command,
    /// From `on` to the end of the command.
    pub span: Span,
}

/// `on PLACE options { COMMANDS }`
#[derive(Clone, Debug, PartialEq)]
pub struct OnBlock {
    /// Who acts.
    pub place: Expr,
    /// In the order of writing.
    pub options: Vec<OnOption>,
    /// One a line.
    pub commands: Vec<Command>,
    /// From `{` to `}`.
    pub block: Span,
    /// From `on` to `}`.
    pub span: Span,
}

/// An option of `on`.
#[derive(Clone, Debug, PartialEq)]
pub struct OnOption {
    /// Which.
    pub kind: OnOptionKind,
    /// All of it.
    pub span: Span,
}

/// The options of `on`.
#[derive(Clone, Debug, PartialEq)]
pub enum OnOptionKind {
    /// `as root`
    As(Name),
    /// `within 15m`
    Within(Expr),
    /// `accept 0, 124`
    Accept(Vec<Expr>),
    /// `accept any`
    AcceptAny,
    /// `retry 3 every 10s`
    Retry(Retry),
    /// `env NAME=expr`
    Env(Name, Expr),
    /// `stdin expr`
    Stdin(Expr),
    /// `reading`
    Reading,
    /// `when locked wait 30m`
    WhenLocked(WhenLocked),
    /// `unguarded agent, unlocked "reason"`
    Unguarded(Vec<Name>, Expr),
    /// Could not be read; reported.
    Bad,
}

/// What a lock means.
#[derive(Clone, Debug, PartialEq)]
pub enum WhenLocked {
    /// `wait 30m`
    Wait(Expr),
    /// `skip`
    Skip,
    /// `fail`
    Fail,
}

/// A command: words, not a shell line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Command {
    /// The words; empty where none could be read (reported).
    pub words: Vec<Word>,
    /// All of it.
    pub span: Span,
}

/// One word of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// What it is made of.
    pub parts: Vec<WordPart>,
    /// Where.
    pub span: Span,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub struct WordPart {
    /// What it is.
    pub kind: WordPartKind,
    /// Where.
    pub span: Span,
}

/// What a word is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum WordPartKind {
    /// Unquoted text, escapes resolved (`esc\ aped`).
    Bare(String),
    /// `'…'`
    Raw(String),
    /// `'''…'''`: the first newline and the common indentation taken off.
    Long(String),
    /// `"…"`
    Quoted(Vec<StrPart>),
    /// `$name` or `${name.member}`
    Value(Path),
    /// `${names...}`: each item a word of its own.
    Spread(Path),
    /// A character that only a shell understands; reported.
    Shell(String),
}
