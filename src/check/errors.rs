//! What the checker says. One function for each diagnostic: its code, wording and help live here only.

mod commands;
mod flow;
mod inventory;
mod names;
mod plans;
mod power;
mod staging;
mod values;
mod warnings;

pub(super) use commands::*;
pub(super) use flow::*;
pub(super) use inventory::*;
pub(super) use names::*;
pub(super) use plans::*;
pub(super) use power::*;
pub(super) use staging::*;
pub(super) use values::*;
pub(super) use warnings::*;

use crate::text::IndexSet;

use crate::diag::{Diagnostic, nearest};

fn or_list(words: &[&str]) -> String {
    let words: Vec<&str> = words.iter().copied().collect::<IndexSet<_>>().into_iter().collect();
    let quoted = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match words.as_slice() {
        [] => String::new(),
        [one] => format!("`{one}`"),
        // Nobody reads eighty options; the nearest one is named where there is one.
        words if words.len() > 20 => format!("{} or one of {} more", quoted(&words[..12]), words.len() - 12),
        [rest @ .., last] => format!("{} or `{last}`", quoted(rest)),
    }
}

/// "pbs", "pbs and pve", "a, b, c and 4 more".
fn and_list(words: &[String]) -> String {
    match words {
        [] => "nothing".to_string(),
        [one] => format!("`{one}`"),
        [one, two] => format!("`{one}` and `{two}`"),
        _ if words.len() > 6 => {
            let first = words[..5].iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            format!("{first} and {} more", words.len() - 5)
        }
        [rest @ .., last] => {
            let rest = rest.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            format!("{rest} and `{last}`")
        }
    }
}

fn meant<'a>(
    diagnostic: Diagnostic,
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
    else_help: &str,
) -> Diagnostic {
    match nearest(written, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if else_help.is_empty() => diagnostic,
        None => diagnostic.help(else_help.to_string()),
    }
}
