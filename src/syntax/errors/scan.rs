//! What the first pass finds: brackets, strings, characters.

use super::{ODD_CHARACTER, TOO_DEEP, TOO_LARGE, UNCLOSED_BLOCK, UNCLOSED_STRING, UNEXPECTED};
use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::syntax) fn too_large(span: Span, bytes: usize, limit: usize) -> Diagnostic {
    Diagnostic::error(TOO_LARGE, span, format!("this file has {bytes} bytes; a plan may have {limit}"))
        .help("split it: `use ./other` brings what another file holds")
}

pub(in crate::syntax) fn too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error(TOO_DEEP, span, format!("brackets nest more than {limit} deep here"))
        .label("one too many")
        .help("move the inner part into a task or a probe and call it")
}

pub(in crate::syntax) fn too_many_operators(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error(TOO_DEEP, span, format!("this expression holds more than {limit} operators, members and calls"))
        .help("give parts of it a name: `let part = …`")
}

pub(in crate::syntax) fn unclosed_string(span: Span, quote: &str) -> Diagnostic {
    let problem =
        Diagnostic::error(UNCLOSED_STRING, span, format!("this string is not closed: its {quote} has no partner"));
    match quote {
        "'''" => problem.help("close it with `'''`"),
        "'" => problem.help("close it on the same line with `'`; an apostrophe in a command is written `\\'`, and a text of several lines stands in `'''…'''`"),
        _ => problem.help("close it on the same line with `\"`; a quote in it is written `\\\"`, and a text of several lines stands in `'''…'''`"),
    }
}

pub(in crate::syntax) fn unclosed(span: Span, bracket: char, suspect: Option<(Span, usize)>) -> Diagnostic {
    let (message, help) = match bracket {
        '{' => ("this block is never closed: its `{` has no `}`".to_string(), "add the missing `}`".to_string()),
        '[' => ("this `[` is never closed".to_string(), "add the missing `]`".to_string()),
        _ => ("this `(` is never closed".to_string(), "add the missing `)`".to_string()),
    };
    let problem = Diagnostic::error(UNCLOSED_BLOCK, span, message).label("opened here").help(help);
    match suspect {
        Some((opened, line)) => problem.and(
            opened,
            format!("the `}}` in line {line} closes this one, though it is indented for a block further out"),
        ),
        None => problem,
    }
}

/// A closer too many; `headless` is a plan, task or probe before it that never got its `{`.
pub(in crate::syntax) fn stray_brace(span: Span, suspect: Option<(Span, usize)>, headless: Option<Span>) -> Diagnostic {
    let problem = stray_closer(span, '}', suspect);
    match headless {
        Some(head) => problem.and(head, "the `{` behind this head is missing").help("add the `{` behind the head"),
        None => problem,
    }
}

pub(in crate::syntax) fn stray_closer(span: Span, bracket: char, suspect: Option<(Span, usize)>) -> Diagnostic {
    let opener = match bracket {
        '}' => '{',
        ']' => '[',
        _ => '(',
    };
    let problem =
        Diagnostic::error(UNEXPECTED, span, format!("this `{bracket}` closes nothing: no `{opener}` is open here"))
            .help(format!("take it away, or add the `{opener}` that is missing before it"));
    match suspect {
        Some((closed, line)) => {
            problem.and(closed, format!("this one closes the block of line {line}, though it is indented further"))
        }
        None => problem,
    }
}

pub(in crate::syntax) fn odd_character(span: Span, character: char) -> Diagnostic {
    let (what, help) = match character {
        '\0' => ("a NUL byte".to_string(), "take it away; the file may have been saved in another encoding than UTF-8"),
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => {
            (format!("a curly quote (`{character}`)"), "write a straight `'`")
        }
        '\u{201c}'..='\u{201f}' => (format!("a curly quote (`{character}`)"), "write a straight `\"`"),
        '\u{a0}' | '\u{202f}' | '\u{2007}' => ("a no-break blank".to_string(), "write an ordinary blank"),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => (
            format!("a character that changes the direction of writing (U+{:04X})", character as u32),
            "take it away: it makes the line read differently from what it does",
        ),
        '\r' => ("a carriage return without a newline".to_string(), "end lines with a newline"),
        c if c.is_whitespace() => (format!("a blank of another kind (U+{:04X})", c as u32), "write an ordinary blank"),
        c => (
            format!("a character that can not be seen (U+{:04X})", c as u32),
            "take it away; it belongs in quotes if it is meant",
        ),
    };
    Diagnostic::error(ODD_CHARACTER, span, format!("{what} stands here")).help(help)
}

/// The scan and the grammar disagree about the brackets: better one vague problem than none.
pub(in crate::syntax) fn unreadable_rest(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "the rest of this file can not be read from here on")
        .help("look for a quote or a bracket that is open before this place")
}
