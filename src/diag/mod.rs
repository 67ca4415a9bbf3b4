//! Diagnostics: plain data, one shape for every phase.
//!
//! A phase says what is wrong by a function of its own `errors` file, which holds wording, help and code in one
//! place. Only [`render`] knows how diagnostics look on a terminal, and only [`json`] how they look to a program.

pub mod json;
pub mod pages;
pub mod render;
pub mod sarif;

use serde::{Deserialize, Serialize};

use crate::text::{Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The plan can not run.
    Error,
    /// The plan can run; somebody should look.
    Warning,
}

/// A place and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What stands under the place; may be empty.
    pub text: String,
}

/// One problem: a stable code, a message that stands alone, where it is, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `phase/name`; stable.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// One sentence that can be understood without the labels.
    pub message: String,
    /// The place that is at fault. `None` only where no text is (a file that can not be read).
    pub primary: Option<Label>,
    /// Where things that matter were declared; may be in other files.
    pub secondary: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::at(Severity::Error, code, span, message)
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::at(Severity::Warning, code, span, message)
    }

    /// An error that has no place in any text.
    pub fn nowhere(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: None,
        }
    }

    fn at(severity: Severity, code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            primary: Some(Label { span, text: String::new() }),
            secondary: Vec::new(),
            help: None,
        }
    }

    /// What stands under the primary place.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Another place that matters.
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// What to write instead.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Whether this stops a plan from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The sink that every phase reports into.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Diagnostic>,
}

impl Problems {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// All of another phase's.
    pub fn extend(&mut self, other: Problems) {
        self.list.extend(other.list);
    }

    /// Whether an error was reported (a warning is none).
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }

    /// Whether nothing at all was reported.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many were reported.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// As reported, in the order of reporting.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Sorted by file (in the order of reading) and place, each once.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|d| (d.primary.as_ref().map_or(0, |label| label.span.start), d.severity, d.code));
        self.list.dedup();
        self.list
    }
}

/// `file:line:column` of a span, for messages that stand outside a report.
pub fn place(sources: &Sources, span: Span) -> String {
    match sources.place(span) {
        Some(place) => format!("{}:{}:{}", place.file, place.line, place.column),
        None => "?".to_string(),
    }
}

/// The candidate nearest to what was written, when it is near enough to be what was meant.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_slip_and_not_a_stranger() {
        assert_eq!(nearest("awiat", ["await", "require"]), Some("await"));
        assert_eq!(nearest("agnet", ["agent", "await"]), Some("agent"));
        assert_eq!(nearest("pvee", ["pve", "pbs"]), Some("pve"));
        assert_eq!(nearest("banana", ["await", "require"]), None);
    }
}
