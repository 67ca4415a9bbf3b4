//! Strings, values and numbers.

use super::{BAD_DOLLAR, BAD_ESCAPE, BAD_NUMBER, UNEXPECTED, is_word, short};
use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::syntax) fn bad_escape(span: Span, written: &str) -> Diagnostic {
    let character = &written[1..];
    let help = match character {
        "'" => "write `'` as it is".to_string(),
        _ => format!(
            "the escapes are `\\\\ \\\" \\$ \\n \\t`; write `\\\\{character}`, or put the text in `'…'`, where nothing is an escape"
        ),
    };
    Diagnostic::error(BAD_ESCAPE, span, format!("`{written}` is no escape of a string")).help(help)
}

pub(in crate::syntax) fn bad_dollar(span: Span, written: &str, after: Option<char>) -> Diagnostic {
    let written = &short(written);
    let inside = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let (message, help) = match (inside, after) {
        (Some(inside), _) => {
            let trimmed = inside.trim();
            let plain = !trimmed.is_empty()
                && trimmed.split('.').all(is_word)
                && trimmed.starts_with(|c: char| !c.is_ascii_digit());
            let help = if plain {
                format!("write `${{{trimmed}}}`")
            } else if inside.contains('(') {
                "no call may stand in `${…}`: name it first, by `let name = …`, and write `$name`".to_string()
            } else if inside.contains([':', '#', '%', '/', '!', '^', ',']) {
                "the shell's expansions work in a script only: `sh '…'`".to_string()
            } else {
                "in `${…}` stands a name with members: `${guest.vmid}`; for the text itself, write `\\${`".to_string()
            };
            (format!("`{written}` is no value"), help)
        }
        (None, _) if written == "${" => (
            "this `${` is not closed on its line".to_string(),
            "write `${name}` or `${name.member}`; for the text itself, write `\\${`".to_string(),
        ),
        (None, Some('(')) => (
            "`$(…)` is the shell's and works in a script only".to_string(),
            "take the output of a command by `let name = on guest: …` and write `$name`; or say `sh '…'`".to_string(),
        ),
        (None, Some(digit)) if digit.is_ascii_digit() => (
            format!("`${digit}` is no value: names begin with a letter"),
            format!(
                "in a script, `sh '… \"${digit}\" …' $value`, it is the script's argument; for the text itself, write `\\$`"
            ),
        ),
        _ => (
            "this `$` begins no value: neither a name nor `{` follows it".to_string(),
            "write `\\$` for the character itself".to_string(),
        ),
    };
    Diagnostic::error(BAD_DOLLAR, span, message).help(help)
}

pub(in crate::syntax) fn spread_in_string(span: Span, written: &str) -> Diagnostic {
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{written}` can not stand in a string: each item becomes a word of its own"),
    )
    .help(format!("write {written} without quotes, as a word of the command"))
}

pub(in crate::syntax) fn spread_in_word(span: Span, written: &str) -> Diagnostic {
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{written}` must be a whole word: each item becomes a word of its own"),
    )
    .help("put blanks around it")
}

pub(in crate::syntax) fn spread_outside_command(span: Span, written: &str) -> Diagnostic {
    let name = written.trim_start_matches("${").trim_end_matches("...}");
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{written}` stands outside a command, where there are no words to make"),
    )
    .help(format!("write `${name}` for the list itself"))
}

pub(in crate::syntax) fn value_in_fixed_string(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("a value can not stand here: {what} is fixed text"))
        .help("write the text itself; a `$` in it is written `\\$`")
}

pub(in crate::syntax) fn bad_number(span: Span, why: String, help: String) -> Diagnostic {
    Diagnostic::error(BAD_NUMBER, span, why).help(help)
}

pub(in crate::syntax) fn spaced_number(span: Span, written: &str, meant: &str) -> Diagnostic {
    Diagnostic::error(BAD_NUMBER, span, format!("`{written}`: a number and its unit are written as one"))
        .help(format!("write `{meant}`"))
}

pub(in crate::syntax) fn chained(span: Span, operator: &str, first: &str, middle: &str) -> Diagnostic {
    let (first, middle) = (short(first), short(middle));
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{operator}` can not follow another comparison: comparisons do not chain"),
    )
    .help(format!("write `{first} and {middle} {operator} …`, or put one comparison in parentheses"))
}
