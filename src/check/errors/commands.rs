//! Commands and their signatures.

use super::{meant, or_list};
use crate::check::Type;
use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::check) fn dynamic(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        "command/dynamic",
        span,
        format!("{what} is written out, not a value: what a plan does is known before it runs"),
    )
    .help("write one `if` branch for each command that is meant")
}

pub(in crate::check) fn unknown_subcommand<'a>(
    span: Span,
    command: &str,
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("command/unknown-subcommand", span, format!("`{command}` has no subcommand `{written}`"));
    let known: Vec<&str> = known.into_iter().collect();
    if command == "qm" && written == "restart" {
        return diagnostic.help("write `qm reboot $vmid`, or `restart(guest)`, which waits until the guest is back");
    }
    meant(diagnostic, written, known, "")
}

pub(in crate::check) fn missing_subcommand<'a>(
    span: Span,
    command: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().take(12).collect();
    Diagnostic::error("command/missing-argument", span, format!("`{command}` needs a subcommand"))
        .help(format!("one of {}", or_list(&known)))
}

pub(in crate::check) fn unknown_option<'a>(
    span: Span,
    command: &str,
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let diagnostic =
        Diagnostic::error("command/unknown-option", span, format!("`{command}` has no option `{written}`"));
    // An option cut short (`--time` for `--timeout`) is as likely a slip as a wrong letter.
    if let Some(whole) = known.iter().find(|option| option.starts_with(written)) {
        return diagnostic.help(format!("did you mean `{whole}`?"));
    }
    let all = if known.is_empty() { "it has no options".to_string() } else { format!("it has {}", or_list(&known)) };
    meant(diagnostic, written, known, &all)
}

pub(in crate::check) fn missing_argument(span: Span, command: &str, slot: &str) -> Diagnostic {
    Diagnostic::error("command/missing-argument", span, format!("`{command}` needs {slot}"))
        .label("something is missing after this")
        .help(format!("write `{command} {slot}`"))
}

pub(in crate::check) fn missing_option_value(span: Span, option: &str, slot: &str) -> Diagnostic {
    Diagnostic::error("command/missing-argument", span, format!("`{option}` needs a value"))
        .help(format!("write `{option} {slot}`"))
}

pub(in crate::check) fn unexpected_argument(span: Span, command: &str) -> Diagnostic {
    Diagnostic::error("command/unexpected-argument", span, format!("`{command}` takes no further argument"))
}

pub(in crate::check) fn slot_words(span: Span, written: &str, words: &[String]) -> Diagnostic {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Diagnostic::error("type/mismatch", span, format!("`{written}` is not what stands here"))
        .label(format!("one of {}", or_list(&words)))
}

pub(in crate::check) fn slot_literal(span: Span, written: &str, wanted: &Type, unit: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("type/mismatch", span, format!("`{written}` is no {wanted}"));
    match (wanted, unit) {
        (Type::Duration, Some(unit)) => diagnostic.help(format!(
            "write a time span like `5m`, or a bare number, which is read in the command's unit ({unit})"
        )),
        (Type::VmId, _) => diagnostic.help("a VmId is a number from 100 to 999999999; `$vmid` is the guest's own"),
        _ => diagnostic,
    }
}

pub(in crate::check) fn option_like_value(span: Span, name: &str, value: &str) -> Diagnostic {
    Diagnostic::error(
        "command/option-like-value",
        span,
        format!("`{name}` is `{value}`, which the command would read as an option"),
    )
    .help(format!("write `--` before it, or `./{name}` for a file"))
}

pub(in crate::check) fn script_interpolation(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        "command/script-interpolation",
        span,
        format!("the value `{name}` would become a part of the script"),
    )
    .label("data is never code")
    .help(format!("write the script in single quotes and hand the value over: `sh '… \"$1\" …' {name}`"))
}

pub(in crate::check) fn spread_needs_list(span: Span, name: &str, found: &Type) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`${{{name}...}}` spreads a list, and `${name}` is {found}"))
}

pub(in crate::check) fn list_as_word(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`${name}` is a list, and this is one word"))
        .help(format!("write `${{{name}...}}`: each item becomes a word of its own"))
}

pub(in crate::check) fn wrong_place(span: Span, command: &str, wanted: &str, place: &str, help: &str) -> Diagnostic {
    Diagnostic::error("command/wrong-place", span, format!("`{command}` runs on a {wanted}, and `{place}` is none"))
        .help(help.to_string())
}

pub(in crate::check) fn not_reading(span: Span, command: &str) -> Diagnostic {
    Diagnostic::error("command/not-reading", span, format!("`{command}` is known to change something"))
        .label("`reading` says that it does not")
        .help("take `reading` away: it is for commands that hostler does not know")
}
