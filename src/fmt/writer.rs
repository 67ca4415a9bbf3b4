//! Writes the tokens of a text again, in order, with other blanks between them.
//!
//! The writer stands at a place of the text. Asked for the next token, it first passes over what lies between: blanks,
//! newlines, separators and comments. Comments are written where they stood, whatever the caller wants between the
//! two tokens; so none can be lost, and a newline only ever comes where the text had one or where it says nothing.

use super::STEP;
use crate::syntax::tree::Comment;
use crate::text::Span;

/// What belongs between a token and the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sep {
    /// Nothing.
    Tight,
    /// One blank.
    Space,
    /// As many blanks as were written, at least one.
    Gap,
    /// Nothing, or a newline where one was written.
    SoftTight,
    /// One blank, or a newline where one was written.
    Soft,
    /// One blank; a `;` that was written there is not.
    Inside,
    /// `; `
    Then,
    /// A newline.
    Line(Line),
}

/// A newline and what may stand around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Blanks before the token.
    pub(super) indent: usize,
    /// Blanks before comments on lines of their own above it.
    pub(super) comments: usize,
    /// Whether an empty line may stay above the first of what follows.
    pub(super) empty_above: bool,
    /// Whether an empty line may stay directly above the token.
    pub(super) empty_below: bool,
}

impl Line {
    /// A statement or a line of a block that is not its first.
    pub(super) fn next(indent: usize) -> Sep {
        Sep::Line(Line { indent, comments: indent, empty_above: true, empty_below: true })
    }

    /// The first line of a block.
    pub(super) fn first(indent: usize) -> Sep {
        Sep::Line(Line { indent, comments: indent, empty_above: false, empty_below: true })
    }

    /// The closing bracket of a block whose lines are indented further, and which has some or none.
    pub(super) fn closing(indent: usize, has_lines: bool) -> Sep {
        Sep::Line(Line { indent, comments: indent + STEP, empty_above: has_lines, empty_below: false })
    }
}

/// What lies between two tokens.
struct Between<'t> {
    comments: Vec<Lying<'t>>,
    /// Whether the text had a newline there, one of a comment aside.
    newline: bool,
    /// Whether the line was continued with `\`.
    continued: bool,
    /// Whether an empty line stands above what follows.
    empty: bool,
    /// Blanks at the end, on the line of what follows.
    blanks: usize,
}

/// A comment between two tokens.
struct Lying<'t> {
    comment: &'t Comment,
    /// Blanks before it.
    blanks: usize,
    /// Whether an empty line stands above it.
    empty: bool,
}

/// See above.
pub(super) struct Writer<'t> {
    text: &'t str,
    comments: &'t [Comment],
    /// How many comments are written.
    written: usize,
    /// The end of the last token that was written.
    at: usize,
    out: String,
    /// Where the last line of `out` begins.
    line_start: usize,
    /// How far that line is indented.
    pub(super) indent: usize,
    /// How far a line is indented that continues what is being written.
    pub(super) hang: usize,
    newline: &'static str,
    /// While something is tried on one line: the most characters that it may have.
    limit: Option<usize>,
    /// Whether it has more, or needs a newline.
    pub(super) too_wide: bool,
}

impl<'t> Writer<'t> {
    pub(super) fn new(text: &'t str, comments: &'t [Comment]) -> Self {
        let crlf = text.find('\n').is_some_and(|newline| text[..newline].ends_with('\r'));
        Writer {
            text,
            comments,
            written: 0,
            at: 0,
            out: String::with_capacity(text.len() + text.len() / 8),
            line_start: 0,
            indent: 0,
            hang: STEP,
            newline: if crlf { "\r\n" } else { "\n" },
            limit: None,
            too_wide: false,
        }
    }

    /// The whole text, with the comments that stand behind the last token.
    pub(super) fn finish(mut self) -> String {
        let between = self.between(true);
        self.write_comments(&between, 0, true);
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push_str(self.newline);
        }
        self.out
    }

    /// Writes what belongs before the next token; nothing is left to write there then.
    pub(super) fn place(&mut self, sep: Sep) {
        self.separate(sep);
    }

    /// Whether something is being tried on one line.
    pub(super) fn is_trying(&self) -> bool {
        self.limit.is_some()
    }

    /// Writes a word or a sign of the language.
    pub(super) fn word(&mut self, sep: Sep, word: &str) {
        self.separate(sep);
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
        }
        self.push(word);
    }

    /// Writes several words.
    pub(super) fn words(&mut self, sep: Sep, words: &str) {
        for (number, word) in words.split(' ').enumerate() {
            self.word(if number == 0 { sep } else { Sep::Space }, word);
        }
    }

    /// Writes what stands in `span`, as it is.
    pub(super) fn copy(&mut self, sep: Sep, span: Span) {
        self.separate(sep);
        let (start, end) = (span.start as usize, span.end as usize);
        let piece = self.text.get(start..end).unwrap_or("");
        self.push(piece);
        self.at = end;
    }

    /// Whether the next token is this word or sign.
    pub(super) fn next_is(&self, word: &str) -> bool {
        let mut ahead = self.ahead();
        ahead.between(false);
        let rest = &self.text[ahead.at..];
        let edge = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        rest.strip_prefix(word).is_some_and(|rest| !word.ends_with(|c: char| c.is_alphanumeric()) || edge(rest))
    }

    /// Whether a newline or a comment stands before the next token, separators and one comma passed over.
    pub(super) fn breaks_before_next(&self) -> bool {
        let mut ahead = self.ahead();
        let mut between = ahead.between(false);
        if self.text[ahead.at..].starts_with(',') {
            ahead.at += 1;
            let more = ahead.between(false);
            between.newline |= more.newline;
            between.comments.extend(more.comments);
        }
        between.newline || !between.comments.is_empty()
    }

    /// A comma that may stand before a closing bracket, and that the layout writes or not.
    pub(super) fn trailing_comma(&mut self, wanted: bool) {
        let mut ahead = self.ahead();
        ahead.between(false);
        let written = self.text[ahead.at..].starts_with(',');
        match (wanted, written) {
            (true, true) => self.word(Sep::Tight, ","),
            (true, false) => self.push(","),
            // No comment can stand before it: a comment ends its line, and a comma begins none.
            (false, true) => self.at = ahead.at + 1,
            (false, false) => {}
        }
    }

    /// Whether a comment stands before the next token.
    pub(super) fn comment_before_next(&self) -> bool {
        !self.ahead().between(true).comments.is_empty()
    }

    /// Whether this part of the text stands on one line and holds no comment.
    pub(super) fn on_one_line(&self, span: Span) -> bool {
        let first = self.comments.partition_point(|comment| comment.span.start < span.start);
        let no_comment = self.comments.get(first).is_none_or(|comment| comment.span.start >= span.end);
        no_comment && !self.text.get(span.start as usize..span.end as usize).unwrap_or("").contains('\n')
    }

    /// Whether two neighbours stand on one line, with no comment between.
    pub(super) fn same_line(&self, before: Span, after: Span) -> bool {
        self.on_one_line(Span::new(before.end, after.start))
    }

    /// Writes with `write` on one line, if that is wide enough; if not, everything is as before and the answer is no.
    pub(super) fn fits(&mut self, width: usize, write: impl FnOnce(&mut Self)) -> bool {
        let saved = (self.written, self.at, self.out.len(), self.line_start, self.indent, self.hang);
        self.limit = Some(width);
        write(self);
        let fits = !self.too_wide;
        (self.limit, self.too_wide) = (None, false);
        if !fits {
            let length;
            (self.written, self.at, length, self.line_start, self.indent, self.hang) = saved;
            self.out.truncate(length);
        }
        fits
    }

    /// A writer at the same place of the text, for looking ahead.
    fn ahead(&self) -> Writer<'t> {
        Writer {
            text: self.text,
            comments: self.comments,
            written: self.written,
            at: self.at,
            out: String::new(),
            line_start: 0,
            indent: 0,
            hang: 0,
            newline: self.newline,
            limit: None,
            too_wide: false,
        }
    }

    /// Passes over what lies before the next token.
    fn between(&mut self, separators: bool) -> Between<'t> {
        let mut found = Between { comments: Vec::new(), newline: false, continued: false, empty: false, blanks: 0 };
        let mut newlines = 0;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' => {
                    found.blanks += 1;
                    self.at += 1;
                }
                b'\r' | b'\n' => {
                    newlines += usize::from(*byte == b'\n');
                    found.newline |= *byte == b'\n';
                    found.blanks = 0;
                    self.at += 1;
                }
                b'\\' if matches!(bytes.get(self.at + 1), None | Some(b'\n' | b'\r')) => {
                    found.continued = true;
                    found.blanks = 0;
                    let rest = &bytes[self.at + 1..];
                    self.at += 1 + if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
                }
                b';' if separators => {
                    found.blanks = 0;
                    self.at += 1;
                }
                b'#' => {
                    let Some(comment) = self.comments.get(self.written) else { break };
                    if comment.span.start as usize != self.at {
                        break;
                    }
                    let empty = newlines > 1;
                    found.comments.push(Lying { comment, blanks: found.blanks, empty });
                    (found.blanks, newlines) = (0, 0);
                    self.written += 1;
                    self.at = comment.span.end as usize;
                }
                _ => break,
            }
        }
        found.empty = newlines > 1;
        found
    }

    /// Writes what belongs before the next token.
    fn separate(&mut self, sep: Sep) {
        let between = self.between(matches!(sep, Sep::Inside | Sep::Then | Sep::Line(_)));
        if !between.comments.is_empty() {
            let line = match sep {
                Sep::Line(line) => line,
                _ => Line { indent: self.hang, comments: self.hang, empty_above: false, empty_below: false },
            };
            self.write_comments(&between, line.comments, line.empty_above);
            self.new_line(line.indent, between.empty && line.empty_below);
            return;
        }
        match sep {
            Sep::Line(line) => {
                self.new_line(line.indent, between.empty && line.empty_above && line.empty_below);
            }
            Sep::Soft | Sep::SoftTight if between.newline => self.new_line(self.hang, false),
            _ if between.continued => {
                self.push(" \\");
                self.new_line(self.hang, false);
            }
            Sep::Tight | Sep::SoftTight => {}
            Sep::Space | Sep::Soft | Sep::Inside => self.push(" "),
            Sep::Gap => self.push(&" ".repeat(between.blanks.max(1))),
            Sep::Then => self.push("; "),
        }
    }

    fn write_comments(&mut self, between: &Between<'_>, indent: usize, empty_above: bool) {
        for (number, lying) in between.comments.iter().enumerate() {
            // One behind a lone `;` has its line to itself, as soon as the `;` is gone.
            if lying.comment.own_line || number > 0 || self.out.is_empty() {
                self.new_line(indent, lying.empty && (number > 0 || empty_above));
            } else {
                self.push(&" ".repeat(lying.blanks.max(1)));
            }
            self.push(&lying.comment.text);
        }
    }

    fn new_line(&mut self, indent: usize, empty: bool) {
        self.too_wide |= self.limit.is_some();
        if self.out.is_empty() {
            return;
        }
        self.out.push_str(self.newline);
        if empty {
            self.out.push_str(self.newline);
        }
        self.line_start = self.out.len();
        self.out.push_str(&" ".repeat(indent));
        self.indent = indent;
    }

    fn push(&mut self, piece: &str) {
        self.out.push_str(piece);
        if let Some(newline) = piece.rfind('\n') {
            self.line_start = self.out.len() - (piece.len() - newline - 1);
            self.too_wide |= self.limit.is_some();
        }
        if let Some(limit) = self.limit
            && !self.too_wide
        {
            self.too_wide = self.out[self.line_start..].chars().count() > limit;
        }
    }
}
