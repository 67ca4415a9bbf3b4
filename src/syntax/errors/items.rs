//! What stands at the top level: plans, tasks, probes, signatures, drivers.

use super::{MIXED_SCRIPT, TWICE, UNEXPECTED, UNKNOWN_EDITION, is_place, is_word, list, short};
use crate::diag::{Diagnostic, nearest};
use crate::syntax::tree::Name;
use crate::syntax::words;
use crate::text::Span;

pub(in crate::syntax) fn mixed_script(span: Span, plan: Span) -> Diagnostic {
    Diagnostic::error(MIXED_SCRIPT, span, "a statement stands beside a plan: a file is either a script or plans")
        .and(plan, "the plan")
        .help("move the statement into a plan, a task or a file of its own")
}

pub(in crate::syntax) fn unknown_edition(year: &Name, known: &[&str]) -> Diagnostic {
    Diagnostic::error(UNKNOWN_EDITION, year.span, format!("edition `{}` is not known to this program", year.text))
        .help(format!("write `edition {}`, or use a newer hostler", known.last().copied().unwrap_or("2026")))
}

pub(in crate::syntax) fn edition_twice(span: Span, first: Span) -> Diagnostic {
    Diagnostic::error(TWICE, span, "the edition is named twice")
        .and(first, "here for the first time")
        .help("keep one of them")
}

pub(in crate::syntax) fn edition_late(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "the edition stands behind other things")
        .help("make it the first line of the file")
}

pub(in crate::syntax) fn use_with_ending(span: Span, bare: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "a file is used without its ending").help(format!("write `use {bare}`"))
}

/// A parameter without a type; `behind` is what follows its name, `default` its value as written.
pub(in crate::syntax) fn missing_type(name: &Name, behind: &str, default: &str) -> Diagnostic {
    let shown = &name.text;
    if is_word(behind) && shown.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Diagnostic::error(UNEXPECTED, name.span, "a parameter's name stands before its type".to_string())
            .help(format!("write `{behind}: {shown}`"));
    }
    let digits = default.starts_with(|c: char| c.is_ascii_digit());
    let example = match shown.as_str() {
        _ if is_word(behind) && behind.starts_with(|c: char| c.is_ascii_uppercase()) => behind,
        "guest" => "Guest",
        "host" => "Host",
        _ if matches!(default, "true" | "false") => "Bool",
        _ if digits && default.ends_with("iB") => "Size",
        _ if digits && default.ends_with('%') => "Percent",
        _ if digits && default.ends_with(['s', 'm', 'h', 'd']) => "Duration",
        _ if digits => "Int",
        _ => "Str",
    };
    Diagnostic::error(UNEXPECTED, name.span.after(), format!("the parameter `{shown}` has no type"))
        .help(format!("write `{shown}: {example}`, with its type behind a colon"))
}

pub(in crate::syntax) fn clause_twice(span: Span, group: &str, first: Span) -> Diagnostic {
    let message = match group {
        "at once" => "a plan says once how many guests it takes at once".to_string(),
        _ => format!("a plan says `{group}` once"),
    };
    Diagnostic::error(TWICE, span, message).and(first, "said here already").help("keep one of them")
}

/// What somebody meant who chose hosts in the way of another tool.
pub(in crate::syntax) fn targets_hint(token: &str, rest: &str) -> Option<String> {
    Some(match token {
        ":" if rest.starts_with(":!") => "write `a except b`".to_string(),
        ":" if rest.starts_with(":&") => "write `a and b`".to_string(),
        ":" | "or" | "+" | ";" => "write `a, b` for all of both".to_string(),
        "*" | "~" | "?" => "there are no patterns: name the group, or the hosts".to_string(),
        "!" | "not" | "-" => "write `a except b`".to_string(),
        "&" => "write `a and b`".to_string(),
        "of" | "on" | "=" | ":=" => "write `for guest in pbs`".to_string(),
        "[" => "no brackets: `for guest in a, b`".to_string(),
        "{" => return None,
        _ if token.starts_with('$') => {
            "whom a plan is for is a bare name, so that it is known before anything runs: `for guest in pbs`"
                .to_string()
        }
        _ if token.starts_with(['"', '\'']) => {
            let name = token.trim_matches(['"', '\'']);
            if is_place(name) {
                format!("write `{name}`")
            } else {
                format!("write `host(\"{name}\")` or `group(\"{name}\")`")
            }
        }
        _ if is_word(token) => format!("names have a comma between them: `a, {token}`"),
        _ => return None,
    })
}

/// How a header clause is written.
pub(in crate::syntax) fn clause_example(word: &str) -> Option<&'static str> {
    Some(match word {
        "for" => "for guest in pbs",
        "needs" => "needs vmid: VmId, tier: \"dev\" | \"prod\" = \"dev\"",
        "one" => "one at a time",
        "at" => "at most 3 at once` or `at most 1 per hypervisor",
        "batches" => "batches 1, 5, 25%",
        "never" => "never together dns_pair",
        "stop" => "stop after 2 failures` or `stop after 20% failures",
        "window" => "window \"Sat,Sun 01:00-06:00\"",
        "lock" => "lock \"maintenance\"",
        "deadline" => "deadline 2h",
        _ => return None,
    })
}

pub(in crate::syntax) fn unknown_clause(span: Span, token: &str) -> Diagnostic {
    let help = match (nearest(token, words::CLAUSES), token) {
        (_, "on") => "a plan says for whom it runs: `for guest in pbs`".to_string(),
        (_, "serial" | "parallel") => "write `at most 3 at once`, `one at a time` or `batches 1, 5, 25%`".to_string(),
        (_, "timeout") => "write `deadline 2h`".to_string(),
        (Some(clause), _) => format!("did you mean `{}`?", clause_example(clause).unwrap_or(clause)),
        (None, _) => "before the `{` of a plan stand for, needs, one at a time, at most, batches, never together, stop after, window, lock and deadline".to_string(),
    };
    let message = if token.is_empty() {
        "a plan's head is incomplete here".to_string()
    } else {
        format!("`{token}` begins no clause of a plan")
    };
    Diagnostic::error(UNEXPECTED, span, message).help(help)
}

/// `lock when stderr has …`
pub(in crate::syntax) fn unknown_outcome(span: Span, token: &str) -> Diagnostic {
    let known = ["not started", "busy", "locked", "moved"];
    let help = match nearest(token, known) {
        Some(outcome) => format!("did you mean `{outcome}`?"),
        None => format!("the outcomes are {}", list(&known)),
    };
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` is no outcome of a command")).help(help)
}

/// A plan that says `on` where `for` belongs.
pub(in crate::syntax) fn plan_on(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "a plan says for whom it runs, not where")
        .help("write `plan name for guest in pbs { … }`; each statement then says `on` what it acts")
}

pub(in crate::syntax) fn missing_effect(span: Span, line: &str) -> Diagnostic {
    let shown = short(line);
    Diagnostic::error(UNEXPECTED, span, "this signature has no effect: `->` is missing").help(format!(
        "write `{shown} -> read`; the effects are read, change, power on, power off, power cycle and destroy"
    ))
}

pub(in crate::syntax) fn not_in_driver(span: Span, token: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` can not stand in a driver"))
        .help("a driver holds `identity`, `script`, `probe` and `task`")
}
