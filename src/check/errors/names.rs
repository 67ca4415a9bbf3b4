//! Names: of hosts, values, tasks, modules and plans.

use super::meant;
use crate::check::Type;
use crate::diag::{Diagnostic, nearest};
use crate::text::Span;

pub(in crate::check) fn unknown_host<'a>(
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-host", span, format!("no host or group is called `{name}`"))
        .label("not in the inventory");
    meant(diagnostic, name, known, "`hostler inventory --list` shows every host and group")
}

pub(in crate::check) fn host_that_is_a_value(span: Span, name: &str, ty: &Type) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is {ty}, and a place is wanted here"))
        .help("a place is a host of the inventory, `guest`, `hypervisor` or `controller`")
}

pub(in crate::check) fn group_as_place(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a group, and a command runs on one host"))
        .label("a group")
        .help(format!("write `for h in {name} {{ on h: … }}`"))
}

pub(in crate::check) fn group_as_value(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a group, and one host is wanted here"))
        .label("a group")
}

pub(in crate::check) fn no_hypervisor_here(span: Span) -> Diagnostic {
    Diagnostic::error("name/unknown-host", span, "`hypervisor` means nothing here: this code is about no host")
        .help("give the task or probe a first parameter of type `Guest`, or name the host")
}

pub(in crate::check) fn unknown_value<'a>(
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-value", span, format!("nothing is called `${name}`"))
        .label("no parameter, no `let`, and no variable of any host");
    match nearest(name, known) {
        Some(near) => diagnostic.help(format!("did you mean `${near}`?")),
        None => diagnostic.help(format!(
            "declare it: `let {name} = …`, a parameter, or `needs {name}: Str` for a variable of the inventory"
        )),
    }
}

pub(in crate::check) fn value_without_subject(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        "name/unknown-value",
        span,
        format!("`${name}` is a variable of the inventory, and this code is about no host"),
    )
    .help("give the task or probe a first parameter of type `Guest` or `Host`")
}

pub(in crate::check) fn value_as_place(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a value; write it with a dollar"))
        .help(format!("write `${name}`"))
}

pub(in crate::check) fn place_as_text(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a place, and a value is wanted here"))
        .help(format!("write `${name}` for its inventory name, or `\"{name}\"` for the text"))
}

pub(in crate::check) fn unknown_task<'a>(
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    is_probe: bool,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-task", span, format!("no task is called `{name}`"));
    if is_probe {
        return diagnostic.help(format!("`{name}` is a probe: write `require {name}(…)` or `await {name}(…)`"));
    }
    meant(diagnostic, name, known, "declare it in this file, or bring its module with `use`")
}

pub(in crate::check) fn unknown_probe<'a>(
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    is_task: bool,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-probe", span, format!("no probe is called `{name}`"));
    if is_task {
        return diagnostic
            .help(format!("`{name}` is a task: it answers nothing, so it stands as a statement of its own"));
    }
    meant(diagnostic, name, known, "declare it in this file, or bring its module with `use`")
}

pub(in crate::check) fn unknown_module(span: Span, path: &str, looked: &str) -> Diagnostic {
    Diagnostic::error("name/unknown-module", span, format!("there is no module `{path}`"))
        .label(looked.to_string())
        .help("`use std.apt` brings a module of the standard library, `use ./lib/dns` the file `lib/dns.plan` beside this one")
}

pub(in crate::check) fn unknown_in_module<'a>(
    span: Span,
    module: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-module", span, format!("the module `{module}` has no `{name}`"));
    meant(diagnostic, name, known, "")
}

pub(in crate::check) fn unknown_plan<'a>(
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-plan", span, format!("no plan is called `{name}`"));
    meant(diagnostic, name, known, "declare it in this file, or bring it with `use ./file.plan_name`")
}

pub(in crate::check) fn unknown_channel<'a>(
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-channel", span, format!("`hostler.toml` has no channel `{name}`"));
    meant(diagnostic, name, known, &format!("add it: `[notify.{name}]` with `kind = \"ntfy\"` and `url = \"…\"`"))
}

pub(in crate::check) fn shadows(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("name/shadows", span, format!("`{name}` is already the name of a value here"))
        .and(first, "declared here")
        .help("choose another name: a value never changes")
}

pub(in crate::check) fn declared_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("name/twice", span, format!("`{name}` is declared twice in this file"))
        .and(first, "first declared here")
}

pub(in crate::check) fn braces_needed(span: Span, written: &str, member: &str, what: &str) -> Diagnostic {
    Diagnostic::error(
        "name/braces-needed",
        span,
        format!("`${written}{member}` means the value `${written}` and the text `{member}`"),
    )
    .label(what.to_string())
    .help(format!("write `${{{written}{member}}}`; or `${{{written}}}{member}` if the text is meant"))
}
