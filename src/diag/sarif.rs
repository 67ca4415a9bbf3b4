//! Diagnostics for code hosts: `--format sarif`, as the OASIS standard SARIF 2.1.0 has it.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::pages::page;
use super::{Diagnostic, Label, Severity};
use crate::text::{Place, Sources};

/// A SARIF log with one run. Columns count characters, as in the other forms.
pub fn log(sources: &Sources, diagnostics: &[Diagnostic]) -> Value {
    let mut rules: IndexMap<&str, Value> = IndexMap::new();
    for diagnostic in diagnostics {
        rules.entry(diagnostic.code).or_insert_with(|| rule(diagnostic.code));
    }
    let index = |code: &str| rules.get_index_of(code);
    let results: Vec<Value> = diagnostics.iter().map(|one| result(sources, one, index(one.code))).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "hostler",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.values().collect::<Vec<_>>(),
                }
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }]
    })
}

/// A code, with its page.
fn rule(code: &str) -> Value {
    match page(code) {
        Some(page) => json!({
            "id": code,
            "shortDescription": { "text": page.title() },
            "help": { "text": page.text, "markdown": page.text },
        }),
        None => json!({ "id": code }),
    }
}

fn result(sources: &Sources, diagnostic: &Diagnostic, rule: Option<usize>) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let text = match &diagnostic.help {
        Some(help) => format!("{}\n\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let locations: Vec<Value> = diagnostic.primary.iter().filter_map(|label| location(sources, label)).collect();
    let related: Vec<Value> = diagnostic.secondary.iter().filter_map(|label| location(sources, label)).collect();
    json!({
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": level,
        "message": { "text": text },
        "locations": locations,
        "relatedLocations": related,
    })
}

fn location(sources: &Sources, label: &Label) -> Option<Value> {
    let start = sources.place(label.span)?;
    let end = sources.end_place(label.span)?;
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&start) },
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            }
        }
    });
    if !label.text.is_empty() {
        location["message"] = json!({ "text": label.text });
    }
    Some(location)
}

/// A path as a URI reference (RFC 3986): what has a meaning there is written with `%`.
fn uri(place: &Place) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let bytes = place.file.bytes();
    bytes.map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
