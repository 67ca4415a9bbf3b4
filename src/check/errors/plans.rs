//! Plans: their windows, targets and parameters.

use super::{and_list, meant};
use crate::check::duration_text;
use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::check) fn bad_window(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("time/bad-window", span, format!("this window can not be read: {why}"))
        .help("write days and times: `\"Sat,Sun 01:00-06:00\"`, or only times for every day")
}

pub(in crate::check) fn exceeds_window(
    span: Span,
    host: &str,
    longest: u64,
    open: u64,
    costliest: Option<Span>,
) -> Diagnostic {
    let (longest, open) = (duration_text(longest), duration_text(open));
    let error = Diagnostic::error(
        "time/exceeds-window",
        span,
        format!("`{host}` can take {longest}, and the window is open for {open}"),
    )
    .help("make the window longer, or the waits and deadlines of the plan shorter");
    match costliest {
        Some(statement) => error.and(statement, "this can take longest"),
        None => error,
    }
}

pub(in crate::check) fn no_target(span: Span) -> Diagnostic {
    Diagnostic::error("run/no-target", span, "a script does not say for whom it runs")
        .help("name the guests: `--target pbs`")
}

pub(in crate::check) fn which_plan(span: Span, names: &[String]) -> Diagnostic {
    Diagnostic::error("run/which-plan", span, format!("this file has several plans: {}", and_list(names)))
        .help(format!("say which: `--plan {}`", names.first().map_or("NAME", String::as_str)))
}

pub(in crate::check) fn nothing_to_run(span: Span, has_tests: bool) -> Diagnostic {
    let nothing = Diagnostic::error("run/nothing", span, "there is no plan and no statement in this file");
    if has_tests { nothing.help("`hostler test` runs its tests") } else { nothing }
}

pub(in crate::check) fn bad_pattern(what: &str, why: &str) -> Diagnostic {
    Diagnostic::nowhere("inventory/bad-pattern", format!("{what}: {why}"))
}

pub(in crate::check) fn no_targets(span: Span, pattern: &str) -> Diagnostic {
    Diagnostic::error("run/no-target", span, format!("nothing is left of the plan's targets by {pattern}"))
        .help("`--target` and `--limit` only narrow what the plan's `for` names")
}

pub(in crate::check) fn unknown_parameter<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::nowhere("run/bad-argument", format!("the plan has no parameter `{name}`"));
    meant(diagnostic, name, known, "")
}

pub(in crate::check) fn bad_parameter(name: &str, why: &str) -> Diagnostic {
    Diagnostic::nowhere("run/bad-argument", format!("`--set {name}`: {why}"))
}
