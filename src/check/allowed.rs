//! Warnings that a comment allows: `# allow power/hard-stop: it ignores ACPI`, at the end of the line that is warned of
//! or on a line of its own above it.

use super::errors;
use super::modules::Modules;
use crate::diag::Diagnostic;
use crate::diag::pages::page;
use crate::text::{IndexMap, Sources, Span};

/// A comment that allows a warning.
struct Allow {
    code: String,
    span: Span,
    used: bool,
}

/// The warnings that no comment allows, and those about comments that allow nothing.
pub(super) fn held(warnings: Vec<Diagnostic>, modules: &Modules, sources: &Sources) -> Vec<Diagnostic> {
    let mut left = Vec::new();
    // By file and by the line that is meant.
    let mut allows: IndexMap<(String, u32), Vec<Allow>> = IndexMap::default();
    for module in modules.list.iter().filter(|module| !module.is_std) {
        for comment in &module.tree.comments {
            let Some(text) = comment.text.trim_start_matches('#').trim().strip_prefix("allow ") else { continue };
            let Some(place) = sources.place(comment.span) else { continue };
            let (code, reason) = text.split_once(':').unwrap_or((text, ""));
            let code = code.trim().to_string();
            // Prose that begins with this word is not meant.
            if !code.contains('/') || code.contains(char::is_whitespace) {
                continue;
            }
            if page(&code).is_none() {
                left.push(errors::bad_allow(comment.span, &format!("no warning has the code `{code}`")));
                continue;
            }
            if reason.trim().is_empty() {
                left.push(errors::bad_allow(comment.span, "a warning is allowed for a reason, and here is none"));
            }
            let line = place.line + u32::from(comment.own_line);
            let allow = Allow { code, span: comment.span, used: reason.trim().is_empty() };
            allows.entry((place.file.to_string(), line)).or_default().push(allow);
        }
    }
    for warning in warnings {
        let place = warning.primary.as_ref().and_then(|label| sources.place(label.span));
        let found = place.and_then(|place| {
            let here = allows.get_mut(&(place.file.to_string(), place.line))?;
            here.iter_mut().find(|allow| allow.code == warning.code)
        });
        match found {
            Some(allow) => allow.used = true,
            None => left.push(warning),
        }
    }
    let unused = allows.values().flatten().filter(|allow| !allow.used);
    left.extend(
        unused.map(|allow| errors::bad_allow(allow.span, &format!("nothing here is warned of as `{}`", allow.code))),
    );
    left
}
