//! Flow: what stands where, and where steps lead.

use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::check) fn probe_changes(span: Span, command: &str) -> Diagnostic {
    Diagnostic::error("flow/probe-changes", span, format!("a probe only reads, and `{command}` may change something"))
        .help("make it a task; or, if the command changes nothing, say so: `on … reading: …`")
}

pub(in crate::check) fn probe_acts(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("flow/probe-changes", span, format!("a probe only reads, and {what} does not stand in one"))
}

pub(in crate::check) fn recursion(span: Span, path: &str) -> Diagnostic {
    Diagnostic::error("flow/recursion", span, format!("this never ends: {path}"))
        .help("every plan ends, so nothing calls itself; use `for` or `retry`")
}

pub(in crate::check) fn site_plan_command(span: Span) -> Diagnostic {
    Diagnostic::error("flow/site-plan-command", span, "a plan without `for` is about no host and takes no commands")
        .help("write `plan … for guest in …`, and `run` that plan here")
}

pub(in crate::check) fn site_plan_statement(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("flow/site-plan-command", span, format!("{what} does not stand in a plan without `for`"))
        .help("a site plan may `run` plans, and use `let if for try notify confirm warn record fail`")
}

pub(in crate::check) fn run_outside(span: Span) -> Diagnostic {
    Diagnostic::error("flow/run-in-plan", span, "`run` stands in a plan without `for`")
        .help("a plan about hosts calls tasks; a site plan runs plans")
}

pub(in crate::check) fn return_outside(span: Span) -> Diagnostic {
    Diagnostic::error("flow/return-outside", span, "`return` stands in a task or a probe")
        .help("write `skip \"why\"` where a guest is done")
}

pub(in crate::check) fn probe_without_answer(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("flow/no-answer", span, format!("the probe `{name}` can end without an answer"))
        .help("end it with `return …`")
}
