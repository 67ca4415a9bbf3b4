//! Values: their types, operators, members and arguments.

use super::{meant, or_list};
use crate::check::Type;
use crate::diag::{Diagnostic, nearest};
use crate::text::Span;

pub(in crate::check) fn mismatch(span: Span, found: &Type, wanted: &Type) -> Diagnostic {
    let diagnostic = Diagnostic::error("type/mismatch", span, format!("{wanted} is wanted here, and this is {found}"))
        .label(found.to_string());
    match (found, wanted) {
        (Type::Int, Type::Duration) => diagnostic.help("a time span carries its unit: `90s`, `15m`, `2h`"),
        (Type::Int, Type::Size) => diagnostic.help("a size carries its unit: `512MiB`, `3GiB`"),
        (Type::Int, Type::Percent) => diagnostic.help("a share carries its sign: `20%`"),
        (Type::Str, Type::Duration) => diagnostic.help("a time span is written without quotes: `3m`"),
        (Type::Str, Type::Size) => diagnostic.help("a size is written without quotes: `3GiB`"),
        (Type::Output, Type::Str) => diagnostic.help("take a part of the output: `.trim`, `.stdout`, `.line(0)`"),
        (Type::Output, Type::Bool) => {
            diagnostic.help("say what is true of it: `$x.code == 0`, `$x.stdout contains \"…\"`")
        }
        (Type::Str, Type::Bool) => diagnostic.help("compare it: `$x == \"…\"`"),
        _ => diagnostic,
    }
}

pub(in crate::check) fn not_one_of(span: Span, found: &str, wanted: &[String]) -> Diagnostic {
    let words: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let diagnostic = Diagnostic::error("type/mismatch", span, format!("this is never `\"{found}\"`"))
        .label(format!("one of {}", or_list(&words)));
    match nearest(found, words.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `\"{near}\"`?")),
        None => diagnostic,
    }
}

pub(in crate::check) fn not_comparable(span: Span, left: &Type, right: &Type) -> Diagnostic {
    let diagnostic = Diagnostic::error("type/mismatch", span, format!("{left} can not be compared with {right}"));
    match (left, right) {
        (Type::Size, Type::Int) | (Type::Int, Type::Size) => diagnostic.help("a size carries its unit: `2GiB`"),
        (Type::Duration, Type::Int) | (Type::Int, Type::Duration) => {
            diagnostic.help("a time span carries its unit: `2m`")
        }
        (Type::Percent, Type::Int) | (Type::Int, Type::Percent) => diagnostic.help("a share carries its sign: `20%`"),
        (Type::Output, _) => diagnostic.help("take a part of the output: `.trim`, `.code`, `.size`, `.int`"),
        _ => diagnostic,
    }
}

pub(in crate::check) fn no_operator(span: Span, op: &str, left: &Type, right: &Type) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{op}` does not work on {left} and {right}"))
}

pub(in crate::check) fn unknown_type(span: Span, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("type/unknown-type", span, format!("there is no type `{name}`"));
    meant(diagnostic, name, Type::NAMES, &format!("the types are {}", Type::NAMES.join(", ")))
}

pub(in crate::check) fn unknown_member<'a>(
    span: Span,
    name: &str,
    of: &Type,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let all = known.clone().into_iter().map(|member| format!(".{member}")).collect::<Vec<_>>().join(" ");
    let diagnostic = Diagnostic::error("type/unknown-member", span, format!("{of} has no member `.{name}`"));
    let else_help = if all.is_empty() { String::new() } else { format!("it has {all}") };
    meant(diagnostic, name, known, &else_help)
}

pub(in crate::check) fn unknown_argument<'a>(
    span: Span,
    name: &str,
    of: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let diagnostic = Diagnostic::error("type/unknown-argument", span, format!("`{of}` has no parameter `{name}`"));
    let all =
        if known.is_empty() { "it takes no arguments".to_string() } else { format!("it takes {}", or_list(&known)) };
    meant(diagnostic, name, known, &all)
}

pub(in crate::check) fn missing_parameter(span: Span, name: &str, of: &str) -> Diagnostic {
    Diagnostic::error("type/missing-argument", span, format!("`{of}` needs a value for `{name}`"))
        .help(format!("write `{name}: …` between the parentheses"))
}

pub(in crate::check) fn too_many_arguments(span: Span, of: &str, takes: usize) -> Diagnostic {
    let plural = if takes == 1 { "" } else { "s" };
    Diagnostic::error("type/too-many-arguments", span, format!("`{of}` takes {takes} argument{plural}"))
}

pub(in crate::check) fn argument_twice(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/argument-twice", span, format!("`{name}` is given twice"))
}

pub(in crate::check) fn positional_after_named(span: Span) -> Diagnostic {
    Diagnostic::error("type/argument-order", span, "an argument without a name stands after one with a name")
        .help("write the positional arguments first, or name this one too")
}

pub(in crate::check) fn no_value(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("{what} has no text that could stand here"))
}

pub(in crate::check) fn bad_regex(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("type/bad-regex", span, format!("this regular expression can not be read: {why}"))
}

pub(in crate::check) fn needs_constant(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        "type/not-constant",
        span,
        format!("{what} is known before the run: write it as a literal, or a parameter's name"),
    )
}

pub(in crate::check) fn secret_exposed(span: Span, sink: &str) -> Diagnostic {
    Diagnostic::error("secret/exposed", span, format!("a secret would show in {sink}"))
        .help("a secret travels by `stdin $x` or `env NAME=$x`, written before the colon")
}
