//! From the grammar's pairs to the tree.
//!
//! The grammar reads everything that the first pass lets through; a part that is missing or that it could only skip is
//! reported here, by the functions of `errors`.

mod commands;
mod compound;
mod expressions;
mod items;
mod signatures;
mod statements;
mod strings;
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;

use super::grammar::{self, Rule};
use super::scan::Scan;
use super::tree::{Comment, File, Name};
use super::{errors, words};
use crate::diag::{Diagnostic, Problems};
use crate::text::Span;

/// Who has that many problems in one file reads the first ones.
const MAX_PROBLEMS: usize = 1000;

pub(super) type Pair<'t> = pest::iterators::Pair<'t, Rule>;

/// The tree of a text that has passed the scan; without its comments.
pub(super) fn file(text: &str, base: u32, scan: &Scan<'_>, problems: &mut Problems) -> File {
    let mut file = File::default();
    let known = problems.len();
    for piece in scan.pieces() {
        let mut builder = Builder::new(text, base, piece.clone(), scan, problems, known);
        match grammar::read(Rule::file, &scan.text[piece]) {
            Ok(pairs) => builder.items(pairs, &mut file),
            Err(stopped) => {
                let span = builder.token(stopped.at.min(builder.text.len())).0;
                builder.problems.push(errors::unreadable_rest(span));
            }
        }
    }
    Builder::new(text, base, 0..text.len(), scan, problems, known).mixed_script(&file);
    file
}

/// What building needs to know everywhere.
pub(super) struct Builder<'t> {
    /// What the grammar has read: a piece of the file.
    text: &'t str,
    /// What is written there.
    written: &'t str,
    /// Where the piece begins in the byte space of all texts.
    base: u32,
    comments: &'t [Comment],
    /// Where each line begins.
    lines: Vec<usize>,
    /// Lines on which the scan has found something: what else they hold may only follow from it.
    quiet: BTreeSet<usize>,
    problems: &'t mut Problems,
    /// How many problems there were before this file's.
    known: usize,
    /// How many operators stand around the expression that is being built.
    depth: usize,
}

impl<'t> Builder<'t> {
    fn new(
        file: &'t str,
        base: u32,
        piece: Range<usize>,
        scan: &'t Scan<'_>,
        problems: &'t mut Problems,
        known: usize,
    ) -> Self {
        let (text, written) = (&scan.text[piece.clone()], &file[piece.clone()]);
        let place = |at: usize| base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let here = place(piece.start)..place(piece.end);
        let newlines = memchr::memchr_iter(b'\n', written.as_bytes()).map(|at| at + 1);
        let lines: Vec<usize> = std::iter::once(0).chain(newlines).collect();
        let first = scan.comments.partition_point(|comment| comment.span.start < here.start);
        let after = scan.comments.partition_point(|comment| comment.span.start < here.end);
        let comments = &scan.comments[first..after];
        let (base, quiet) = (here.start, BTreeSet::new());
        let mut builder = Builder { text, written, base, comments, lines, quiet, problems, known, depth: 0 };
        let found = scan.found.partition_point(|at| *at < here.start)..scan.found.partition_point(|at| *at <= here.end);
        builder.quiet = scan.found[found].iter().map(|at| builder.line((at - base) as usize)).collect();
        builder
    }

    /// Reports, unless the scan has already found fault with that line.
    fn report(&mut self, problem: Diagnostic) {
        let line = problem.primary.as_ref().map(|label| self.line((label.span.start - self.base) as usize));
        if self.problems.len() - self.known < MAX_PROBLEMS && line.is_none_or(|line| !self.quiet.contains(&line)) {
            self.problems.push(problem);
        }
    }

    /// The line, from 0, in which a byte stands.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// A span of the shared byte space.
    fn at(&self, start: usize, end: usize) -> Span {
        let place = |at: usize| self.base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        Span::new(place(start), place(end))
    }

    /// Where a pair stands, without the blanks and comments that pest read while it looked for more.
    fn span(&self, pair: &Pair<'_>) -> Span {
        let span = pair.as_span();
        self.at(span.start(), self.trimmed(span.start(), span.end()))
    }

    /// The end of what stands between `start` and `end`, without trailing blanks, comments among them.
    fn trimmed(&self, start: usize, end: usize) -> usize {
        start + self.between(start, end).trim_end_matches([' ', '\n']).len()
    }

    /// What stands between two places; nothing where the second lies before the first.
    fn between(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }

    /// What stands behind a place.
    fn after(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or("")
    }

    /// The same, as it is written.
    fn written_after(&self, at: usize) -> &'t str {
        self.written.get(at..).unwrap_or("")
    }

    fn name(&self, pair: &Pair<'_>) -> Name {
        Name { text: pair.as_str().to_string(), span: self.span(pair) }
    }

    /// A name that is being given: it must not be a reserved word.
    fn bound(&mut self, pair: &Pair<'_>, what: &str) -> Name {
        let name = self.name(pair);
        if words::is_reserved(&name.text) {
            self.report(errors::reserved_name(&name, what));
        }
        name
    }

    /// The name that should have stood at `at`; its absence was reported.
    fn no_name(&self, at: usize) -> Name {
        Name { text: String::new(), span: self.at(at, at) }
    }

    /// The word, string or character at a byte, for showing it.
    fn token(&self, at: usize) -> (Span, String) {
        let skipped = self.skip_blanks(at);
        let rest = self.written_after(skipped);
        let length = words::token_length(rest);
        (self.at(skipped, skipped + length), errors::short(&rest[..length]))
    }

    fn skip_blanks(&self, at: usize) -> usize {
        let rest = self.written_after(at);
        at + (rest.len() - rest.trim_start_matches([' ', '\t']).len())
    }

    /// Where `text[start..end]` stops making sense as `rule`, and what could have stood there; its end where it does
    /// make sense.
    fn stops(&self, rule: Rule, start: usize, end: usize) -> (usize, Vec<String>) {
        match grammar::read(rule, self.between(start, end)) {
            Ok(_) => (end, Vec::new()),
            Err(stopped) => ((start + stopped.at).min(end.max(start)), words::expected(&stopped.expected)),
        }
    }

    /// Reports the place where `text[start..end]` stops making sense as `rule`.
    fn puzzled(&mut self, rule: Rule, start: usize, end: usize, hint: Option<String>) {
        let (at, expected) = self.stops(rule, start, end);
        let (span, token) = self.token(at);
        self.report(errors::unexpected(span, &token, &expected, hint));
    }

    /// Reports a value that is missing, or that stops making sense at some place: `rest` is what stands there.
    fn missing_value(&mut self, at: usize, rest: Option<(usize, usize)>, word: &str, what: &str, example: &str) {
        if let Some((start, end)) = rest {
            let (stop, expected) = self.stops(Rule::lone_expr, start, end);
            let (span, token) = self.token(stop);
            let hint = errors::operator_hint(self.between(stop, end), &token);
            if stop > start {
                self.report(errors::unexpected(span, &token, &expected, hint));
                return;
            }
        }
        let (span, token) = self.token(at);
        self.report(errors::incomplete(span, &token, word, what, example));
    }

    /// How many problems there are, to tell whether a part has reported something.
    fn reported(&self) -> usize {
        self.problems.len()
    }
}

/// What a pair holds, without punctuation.
fn children(pair: Pair<'_>) -> impl DoubleEndedIterator<Item = Pair<'_>> {
    pair.into_inner().filter(|part| !is_punctuation(part.as_rule()))
}

/// Whether a pair holds this directly.
fn has(pair: &Pair<'_>, rule: Rule) -> bool {
    pair.clone().into_inner().any(|part| part.as_rule() == rule)
}

fn is_punctuation(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::arrow
            | Rule::close_angle
            | Rule::close_paren
            | Rule::close_square
            | Rule::colon
            | Rule::comma
            | Rule::equals
    )
}

/// The start of a pair, in bytes of the text.
fn start(pair: &Pair<'_>) -> usize {
    pair.as_span().start()
}

/// The end of a pair, in bytes of the text.
fn end(pair: &Pair<'_>) -> usize {
    pair.as_span().end()
}
