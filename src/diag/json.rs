//! Diagnostics for programs: `--format json`.

use serde_json::{Value, json};

use super::{Diagnostic, Label};
use crate::text::Sources;

/// An object with `diagnostics`, a list of `{code, severity, message, help, spans}`; a span is
/// `{file, line, column, end_line, end_column, byte, end_byte, label, primary}`, lines and columns from 1 (columns in
/// characters), bytes from 0 in the file.
pub fn object(sources: &Sources, diagnostics: &[Diagnostic]) -> Value {
    json!({ "diagnostics": diagnostics.iter().map(|d| diagnostic(sources, d)).collect::<Vec<_>>() })
}

fn diagnostic(sources: &Sources, diagnostic: &Diagnostic) -> Value {
    let primary = diagnostic.primary.iter().filter_map(|label| span(sources, label, true));
    let secondary = diagnostic.secondary.iter().filter_map(|label| span(sources, label, false));
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "spans": primary.chain(secondary).collect::<Vec<_>>(),
    })
}

fn span(sources: &Sources, label: &Label, primary: bool) -> Option<Value> {
    let start = sources.place(label.span)?;
    let end = sources.end_place(label.span)?;
    Some(json!({
        "file": &*start.file,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "byte": start.byte,
        "end_byte": end.byte,
        "label": label.text,
        "primary": primary,
    }))
}
