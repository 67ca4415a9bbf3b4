//! The first pass: one linear walk over the text, before the grammar sees it.
//!
//! It knows just enough of the language to tell a bracket from a character of a string, a comment or a command's word,
//! and it agrees on that with `grammar/hostler.pest`. It is why the grammar may rely on matching brackets and bounded
//! nesting (pest recurses), and why an unclosed block costs one problem and not hundreds.

mod brackets;
mod characters;
mod lexemes;

use std::borrow::Cow;
use std::ops::Range;

use super::tree::Comment;
use super::{errors, words};
use crate::diag::Diagnostic;
use crate::text::Span;
use brackets::{Brackets, Kind};
use characters::{becomes_blank, blanked, is_odd, odd_characters, odd_in_comment};
use lexemes::{braces, continuation, is_word, is_word_char, newline, one_line_string, value};

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// How deep brackets may nest.
pub(super) const MAX_DEPTH: usize = 64;

/// What the first pass found.
pub(super) struct Scan<'t> {
    /// The text for the grammar, as long as the original: comments, continued lines, tabs, carriage returns and
    /// misleading characters are blanks, so that there is one kind of blank and one kind of newline.
    pub(super) text: Cow<'t, str>,
    /// Every comment, with spans in the shared byte space.
    pub(super) comments: Vec<Comment>,
    /// What was found wrong.
    pub(super) problems: Vec<Diagnostic>,
    /// Whether the grammar should not be asked: nothing that it says would help.
    pub(super) stopped: bool,
    /// Where that is, in order.
    pub(super) found: Vec<u32>,
    /// Where the first words of plans, tasks, probes, commands and drivers stand.
    items: Vec<usize>,
}

impl Scan<'_> {
    /// The text cut before each plan, task, probe, command and driver, with the comments above it: nothing that the
    /// grammar reads reaches over such a place, and what it keeps of one piece does not have to be kept with all others.
    pub(super) fn pieces(&self) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for item in &self.items {
            let before = self.text[from..*item].trim_end_matches([' ', '\n', ';']).len() + from;
            let cut = self.text[before..*item].find('\n').map_or(*item, |newline| before + newline + 1);
            pieces.push(from..cut);
            from = cut;
        }
        pieces.push(from..self.text.len());
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// Goes over `text` once.
pub(super) fn scan(text: &str, base: u32) -> Scan<'_> {
    let mut scanner = Scanner::new(text, base);
    if text.len() > MAX_BYTES {
        return Scan {
            text: Cow::Borrowed(""),
            comments: Vec::new(),
            problems: vec![errors::too_large(scanner.span(0, 0), text.len(), MAX_BYTES)],
            stopped: true,
            found: Vec::new(),
            items: Vec::new(),
        };
    }
    scanner.run();
    scanner.finish()
}

/// What the walk is in the middle of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Statements, expressions, heads.
    Language,
    /// The words of a command; whether the next character begins a word.
    Command { fresh: bool },
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    base: u32,
    at: usize,
    mode: Mode,
    brackets: Brackets,
    /// The first word of the statement that is being read, and where it stands.
    first: Option<&'t str>,
    /// A plan, task, probe … of the top level whose `{` has not come yet.
    headless: Option<(usize, usize)>,
    /// Whether what comes are the clauses of a plan, in which an `on` begins no command.
    in_clauses: bool,
    /// Where items of the top level begin.
    items: Vec<usize>,
    /// Between an `on` and its `:` or `{`: how many brackets were open at the `on`.
    header: Option<usize>,
    /// Up to here the head of an `on` is known to go on: its `{` stands on a later line.
    head_until: usize,
    /// Whether what was read last asks for more, so that a newline is only a space.
    continues: bool,
    /// `<` less `>` in this line: types nest by them.
    angles: usize,
    comments: Vec<Comment>,
    problems: Vec<Diagnostic>,
    /// What the grammar sees as blanks: where, and how many bytes.
    blanks: Vec<(usize, usize)>,
    open_string: bool,
    too_deep: bool,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str, base: u32) -> Self {
        Scanner {
            text,
            bytes: text.as_bytes(),
            base,
            at: 0,
            mode: Mode::Language,
            brackets: Brackets::default(),
            first: None,
            headless: None,
            in_clauses: false,
            items: Vec::new(),
            header: None,
            head_until: 0,
            continues: false,
            angles: 0,
            comments: Vec::new(),
            problems: Vec::new(),
            blanks: Vec::new(),
            open_string: false,
            too_deep: false,
        }
    }

    fn run(&mut self) {
        if self.text.starts_with('\u{feff}') {
            // Editors of Windows begin a file with it; it says nothing.
            self.blanks.push((0, 3));
            self.at = 3;
        }
        while self.at < self.bytes.len() && !self.too_deep {
            match self.mode {
                Mode::Language => self.language(),
                Mode::Command { fresh } => self.command(fresh),
            }
        }
    }

    /// One step in statements and expressions.
    fn language(&mut self) {
        let start = self.at;
        let byte = self.bytes[start];
        match byte {
            b' ' => self.at += 1,
            b'\t' => self.blank(1),
            b'\\' => match self.goes_on(start) {
                Some(length) => self.blank(length),
                None => self.at += 1,
            },
            b'#' => self.comment(),
            b'"' | b'\'' => {
                self.string();
                self.significant();
            }
            b'$' => {
                self.pass(start + value(self.bytes, start));
                self.significant();
            }
            b'(' | b'[' => {
                let kind = if byte == b'(' { Kind::Paren } else { Kind::Square };
                self.significant();
                self.open(kind);
                self.at += 1;
                self.continues = true;
            }
            b')' | b']' => {
                self.significant();
                self.brackets.close(byte, start);
                self.at += 1;
                self.continues = false;
            }
            b'{' => self.open_brace(),
            b'}' => self.close_brace(),
            b';' => {
                if self.brackets.in_braces() {
                    self.end_statement();
                }
                self.at += 1;
            }
            b':' if self.header == Some(self.brackets.depth()) => {
                self.header = None;
                self.mode = Mode::Command { fresh: true };
                self.at += 1;
            }
            _ if self.newline(start).is_some() => self.language_newline(),
            _ if is_word(byte) => self.word(),
            b'<' => {
                self.angles += 1;
                self.too_deep_at(start, self.angles > MAX_DEPTH);
                self.operator();
            }
            b'>' => {
                self.angles = self.angles.saturating_sub(1);
                self.operator();
            }
            b',' | b'+' | b'-' | b'*' | b'/' | b'=' | b'|' => self.operator(),
            _ => {
                if !self.text[start..].starts_with(is_odd) {
                    self.significant();
                }
                self.character();
            }
        }
    }

    /// Something of a statement that is no word: the statement has begun, without a first word that matters.
    fn significant(&mut self) {
        if self.first.is_none() && self.brackets.in_statements() {
            self.first = Some("");
        }
        self.continues = false;
    }

    fn operator(&mut self) {
        self.significant();
        self.at += 1;
        self.continues = true;
    }

    fn language_newline(&mut self) {
        let length = self.newline(self.at).unwrap_or(1);
        self.angles = 0;
        if self.brackets.in_braces() {
            // An operator, a comma or a `{` to come makes the newline a space; only for a head that is not closed does
            // it matter which.
            let goes_on = self.header.is_some()
                && (self.continues || self.at < self.head_until || self.next_is_brace(self.at + length));
            let (header, continues) = (self.header.filter(|_| goes_on), self.continues && goes_on);
            self.end_statement();
            (self.header, self.continues) = (header, continues);
        }
        self.pass_newline(length);
    }

    /// Passes something over that is one thing, though its line may go on in the middle of it.
    fn pass(&mut self, end: usize) {
        for at in self.at..end {
            if let Some(length) = continuation(self.bytes, at) {
                self.blanks.push((at, length));
            }
        }
        self.at = end;
    }

    fn pass_newline(&mut self, length: usize) {
        self.blank(length - 1);
        self.at += 1;
    }

    /// Passes something over that the grammar sees as blanks.
    fn blank(&mut self, length: usize) {
        if length > 0 {
            self.blanks.push((self.at, length));
            self.at += length;
        }
    }

    /// How long the `\` here is with the newline behind it, if the line goes on.
    fn goes_on(&self, start: usize) -> Option<usize> {
        if start + 1 == self.bytes.len() { Some(1) } else { continuation(self.bytes, start) }
    }

    /// Whether nothing but blanks, newlines and comments stands between here and a `{`; it is looked for once a head.
    fn next_is_brace(&mut self, from: usize) -> bool {
        let mut at = from;
        for line in self.text[from..].split_inclusive('\n') {
            let text = line.trim_start_matches(becomes_blank);
            if text.starts_with('{') {
                self.head_until = at;
                return true;
            }
            if !matches!(text.trim_end_matches(['\n', '\r']), "" | "\\") && !text.starts_with('#') {
                return false;
            }
            at += line.len();
        }
        false
    }

    fn end_statement(&mut self) {
        self.first = None;
        self.header = None;
        self.continues = false;
        self.angles = 0;
        if self.brackets.in_commands() {
            self.mode = Mode::Command { fresh: true };
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let mut end = start;
        while end < self.bytes.len() {
            let dashes = self.bytes[end..].iter().take_while(|byte| **byte == b'-').count();
            match self.bytes.get(end + dashes) {
                Some(byte) if is_word(*byte) => end += dashes + 1,
                _ => break,
            }
        }
        let word = &self.text[start..end];
        let member = start > 0 && self.bytes[start - 1] == b'.';
        let begins = self.first.is_none() && self.brackets.in_statements();
        if begins {
            self.first = Some(if member { "" } else { word });
            if words::is_reserved(word) && !matches!(word, "not" | "true" | "false") {
                // No value begins like this: the head before it was never closed.
                self.header = None;
                self.in_clauses &= word == "for";
            }
            if self.brackets.depth() == 0 && matches!(word, "plan" | "task" | "probe" | "command" | "driver") {
                self.headless = Some((start, end));
                self.in_clauses = word == "plan";
                if !member {
                    self.items.push(start);
                }
            }
        }
        if word == "on" && !member && self.header.is_none() && (begins || self.on_may_follow(end)) {
            self.header = Some(self.brackets.depth());
        }
        self.continues = matches!(word, "and" | "or" | "not" | "in" | "contains" | "matches");
        self.at = end;
    }

    /// Whether an `on` inside a statement begins a command: `let x = on …`, and the same where it is a mistake.
    fn on_may_follow(&self, end: usize) -> bool {
        let never = ["plan", "task", "probe", "command", "driver", "use", "edition", "notify"];
        let clauses = ["needs", "one", "at", "batches", "never", "stop", "window", "lock", "deadline"];
        if !self.brackets.in_statements()
            || self.in_clauses
            || self.first.is_some_and(|w| never.contains(&w) || clauses.contains(&w))
        {
            return false;
        }
        let rest = skip_blanks(&self.text[end..]);
        let next: &str = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().unwrap_or("");
        !matches!(next, "in" | "for") && rest.starts_with(|c: char| is_word_char(c) || matches!(c, '$' | '"' | '\''))
    }

    fn open_brace(&mut self) {
        let kind = if !self.brackets.in_braces() {
            Kind::Fields
        } else if self.header == Some(self.brackets.depth()) {
            Kind::Commands
        } else {
            match self.first {
                Some("notify") => Kind::Fields,
                Some("command") => Kind::Signatures,
                _ => Kind::Block,
            }
        };
        if self.brackets.depth() == 0 {
            self.headless = None;
            self.in_clauses = false;
        }
        self.open(kind);
        self.at += 1;
        self.first = None;
        self.header = None;
        self.continues = false;
        if kind == Kind::Commands {
            self.mode = Mode::Command { fresh: true };
        }
    }

    fn close_brace(&mut self) {
        let opened = self.brackets.close(b'}', self.at);
        self.at += 1;
        self.header = None;
        self.continues = false;
        // What follows the brace on this line still belongs to the statement that opened it.
        self.first = opened.map(|(_, first)| first);
        self.mode = if self.brackets.in_commands() { Mode::Command { fresh: false } } else { Mode::Language };
    }

    fn open(&mut self, kind: Kind) {
        let first = static_word(self.first.unwrap_or(""));
        self.brackets.open(kind, self.at, first);
        self.too_deep_at(self.at, self.brackets.depth() > MAX_DEPTH);
    }

    fn too_deep_at(&mut self, at: usize, too_deep: bool) {
        if too_deep && !self.too_deep {
            self.too_deep = true;
            self.problems.push(errors::too_deep(self.span(at, at + 1), MAX_DEPTH));
        }
    }

    /// One step in the words of a command.
    fn command(&mut self, fresh: bool) {
        let start = self.at;
        self.mode = Mode::Command { fresh: false };
        match self.bytes[start] {
            byte @ (b' ' | b'\t') => {
                if byte == b' ' {
                    self.at += 1
                } else {
                    self.blank(1)
                }
                self.mode = Mode::Command { fresh: true };
            }
            b'\\' => match (self.goes_on(start), self.text.get(start + 1..).and_then(|rest| rest.chars().next())) {
                (Some(length), _) => {
                    self.blank(length);
                    self.mode = Mode::Command { fresh: true };
                }
                (None, Some(escaped)) => {
                    self.at += 1 + escaped.len_utf8();
                    if is_odd(escaped) {
                        // Both become blanks: half of the character must not be escaped.
                        self.blanks.push((start, 1));
                        self.odd_at(start + 1, escaped);
                        self.mode = Mode::Command { fresh: true };
                    }
                }
                (None, None) => self.at += 1,
            },
            b'#' if fresh => {
                self.comment();
                self.mode = Mode::Command { fresh: true };
            }
            b'"' | b'\'' => self.string(),
            b'$' => self.pass(start + value(self.bytes, start)),
            b';' => {
                self.at += 1;
                self.end_command();
            }
            b'}' => self.close_brace(),
            b'{' => match braces(self.bytes, start, 2) {
                Some(end) => {
                    for (offset, character) in odd_characters(&self.text[start..end]) {
                        self.odd_at(start + offset, character);
                    }
                    self.pass(end);
                }
                None if self.line_is_over(start + 1) => {
                    self.open(Kind::Commands);
                    self.at += 1;
                    self.mode = Mode::Command { fresh: true };
                }
                None => self.at += 1,
            },
            _ => match self.newline(start) {
                Some(length) => {
                    self.pass_newline(length);
                    self.end_command();
                }
                None => self.character(),
            },
        }
    }

    fn end_command(&mut self) {
        self.first = None;
        self.header = None;
        self.continues = false;
        self.mode = if self.brackets.in_commands() { Mode::Command { fresh: true } } else { Mode::Language };
    }

    /// Whether only blanks and a comment stand before the end of this line.
    fn line_is_over(&self, from: usize) -> bool {
        let rest = self.text[from..].trim_start_matches(becomes_blank);
        rest.is_empty() || rest.starts_with(['\n', '#']) || rest.starts_with("\r\n")
    }

    fn comment(&mut self) {
        let start = self.at;
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |length| start + length);
        let end = if self.text[..line_end].ends_with('\r') { line_end - 1 } else { line_end };
        for (offset, character) in odd_in_comment(&self.text[start..end]) {
            self.odd_at(start + offset, character);
        }
        self.blanks.push((start, end - start));
        let text = self.text[start..end].trim_end_matches([' ', '\t']);
        let line = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = self.text[line..start].trim_start_matches('\u{feff}');
        self.comments.push(Comment {
            text: text.to_string(),
            span: self.span(start, start + text.len()),
            own_line: before.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b';')),
        });
        self.at = end;
    }

    /// A string, from its opening quote; the same for the language and for words.
    fn string(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let (end, closed) = if let Some(inside) = rest.strip_prefix("'''") {
            match inside.find("'''") {
                Some(length) => (start + 3 + length + 3, true),
                None => (self.text.len(), false),
            }
        } else {
            one_line_string(self.bytes, start)
        };
        if !closed {
            self.open_string = true;
            let long = rest.starts_with("'''");
            let shown = if long { start + 3 } else { start + 1 };
            self.problems.push(errors::unclosed_string(self.span(start, shown), &rest[..shown - start]));
        }
        for (offset, character) in self.text[start..end].char_indices().filter(|(_, c)| *c == '\0') {
            self.odd_at(start + offset, character);
        }
        self.at = end;
    }

    /// A character that is none of the above, outside quotes.
    fn character(&mut self) {
        let rest = &self.text[self.at..];
        let Some(character) = rest.chars().next() else {
            self.at += 1;
            return;
        };
        if is_odd(character) {
            self.odd_at(self.at, character);
            if self.mode != Mode::Language {
                // It becomes a blank.
                self.mode = Mode::Command { fresh: true };
            }
        }
        self.at += character.len_utf8();
    }

    fn odd_at(&mut self, at: usize, character: char) {
        self.blanks.push((at, character.len_utf8()));
        self.problems.push(errors::odd_character(self.span(at, at + character.len_utf8()), character));
    }

    /// How long the newline here is.
    fn newline(&self, at: usize) -> Option<usize> {
        newline(self.bytes, at)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let place = |at: usize| self.base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        Span::new(place(start), place(end))
    }

    fn finish(mut self) -> Scan<'t> {
        let mut stopped = self.too_deep;
        if self.too_deep {
            self.problems.retain(|problem| problem.code == errors::TOO_DEEP);
        } else if self.open_string {
            // A bracket that seems to be open may well stand in the string's missing end.
            stopped = self.brackets.unbalanced();
            for at in self.brackets.stray_in_lines() {
                let span = self.span(at, at + 1);
                self.problems.push(errors::stray_closer(span, self.bytes[at] as char, None));
            }
            if stopped {
                self.problems.retain(|problem| problem.code == errors::UNCLOSED_STRING);
            }
        } else if let Some(open) = self.brackets.outermost_open() {
            let suspect = self.brackets.suspect(self.text, open.at);
            let label = suspect.map(|(opened, closed)| (self.span(opened, opened + 1), line_of(self.text, closed)));
            let character = self.bytes[open.at] as char;
            self.problems = vec![errors::unclosed(self.span(open.at, open.at + 1), character, label)];
            stopped = true;
        } else if let Some(at) = self.brackets.stray_brace() {
            let suspect = self.brackets.early_close(self.text);
            let label = suspect.map(|(opened, closed)| (self.span(closed, closed + 1), line_of(self.text, opened)));
            let headless = self
                .headless
                .map(|(start, end)| self.span(start, end))
                .filter(|head| head.start < self.span(at, at).start);
            self.problems = vec![errors::stray_brace(self.span(at, at + 1), label, headless)];
            stopped = true;
        } else {
            for at in self.brackets.stray_in_lines() {
                let span = self.span(at, at + 1);
                self.problems.push(errors::stray_closer(span, self.bytes[at] as char, None));
            }
        }
        let text =
            if self.blanks.is_empty() { Cow::Borrowed(self.text) } else { Cow::Owned(blanked(self.text, self.blanks)) };
        let places = self.problems.iter().filter_map(|problem| Some(problem.primary.as_ref()?.span.start));
        let mut found: Vec<u32> = places.collect();
        found.sort_unstable();
        Scan { text, comments: self.comments, problems: self.problems, stopped, found, items: self.items }
    }
}

/// What stands behind blanks and continued lines.
fn skip_blanks(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(becomes_blank);
        match rest.strip_prefix("\\\n").or_else(|| rest.strip_prefix("\\\r\n")) {
            Some(next) => rest = next,
            None => return rest,
        }
    }
}

/// The line, from 1, in which a byte stands.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The first words that decide what a `{` holds.
fn static_word(word: &str) -> &'static str {
    const WORDS: [&str; 8] = ["plan", "task", "probe", "command", "driver", "use", "edition", "notify"];
    WORDS.into_iter().find(|known| *known == word).unwrap_or("")
}
