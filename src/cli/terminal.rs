//! The only place that prints.

use std::io::{IsTerminal, Write};

use super::arguments::Color;
use crate::diag::render::{self, Style};
use crate::diag::{Diagnostic, Severity};
use crate::text::Sources;

/// More than this many problems are counted, not shown.
const MOST: usize = 50;

pub(crate) struct Terminal {
    style: Style,
    width: usize,
}

impl Terminal {
    pub(crate) fn new(color: Color, narrated: bool) -> Terminal {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && allowed,
        };
        let style = match (narrated, colour) {
            (true, _) => Style::Narrated,
            (false, true) => Style::Colour,
            (false, false) => Style::Plain,
        };
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100);
        Terminal { style, width: usize::clamp(width, 40, 160) }
    }

    /// A line of what was asked for. A reader who has gone away is no reason to fail.
    pub(crate) fn say(&mut self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// A value for programs.
    pub(crate) fn json(&mut self, value: &serde_json::Value) {
        self.say(&format!("{value:#}"));
    }

    /// A text that has its own newlines.
    pub(crate) fn write(&mut self, text: &str) {
        let _ = write!(std::io::stdout().lock(), "{text}");
    }

    /// A line about the work itself.
    pub(crate) fn remark(&mut self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// All problems, and how many there are.
    pub(crate) fn problems(&mut self, sources: &Sources, diagnostics: &[Diagnostic]) {
        let mut text = String::new();
        for diagnostic in diagnostics.iter().take(MOST) {
            text.push_str(&render::text(sources, diagnostic, self.style, self.width));
            text.push('\n');
        }
        let count = |wanted| diagnostics.iter().filter(|diagnostic| diagnostic.severity == wanted).count();
        let counted = |number: usize, word: &str| match number {
            0 => None,
            1 => Some(format!("1 {word}")),
            number => Some(format!("{number} {word}s")),
        };
        let errors = counted(count(Severity::Error), "error");
        let warnings = counted(count(Severity::Warning), "warning");
        let both: Vec<String> = errors.into_iter().chain(warnings).collect();
        if diagnostics.len() > MOST {
            text.push_str(&format!("… and {} more\n", diagnostics.len() - MOST));
        }
        if !both.is_empty() {
            text.push_str(&both.join(", "));
            self.remark(&text);
        }
    }
}
