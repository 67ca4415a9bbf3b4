//! Every diagnostic of this room: its code, its wording and what to write instead, one function each.

mod commands;
mod items;
mod scan;
mod statements;
mod values;

pub(super) use commands::*;
pub(super) use items::*;
pub(super) use scan::*;
pub(super) use statements::*;
pub(super) use values::*;

use super::tree::Name;
use super::words;
use crate::diag::{Diagnostic, nearest};
use crate::text::Span;

pub(super) const TOO_DEEP: &str = "syntax/too-deep";
pub(super) const UNCLOSED_STRING: &str = "syntax/unclosed-string";
const BAD_DOLLAR: &str = "syntax/bad-dollar";
const BAD_ESCAPE: &str = "syntax/bad-escape";
const BAD_NUMBER: &str = "syntax/bad-number";
const MIXED_SCRIPT: &str = "syntax/mixed-script";
const ODD_CHARACTER: &str = "syntax/odd-character";
const RESERVED_NAME: &str = "syntax/reserved-name";
const SHELL_SYNTAX: &str = "command/shell-syntax";
const TOO_LARGE: &str = "syntax/too-large";
const TWICE: &str = "syntax/twice";
const UNCLOSED_BLOCK: &str = "syntax/unclosed-block";
const UNEXPECTED: &str = "syntax/unexpected";
const UNKNOWN_EDITION: &str = "syntax/unknown-edition";

/// How a line of a command declaration is written.
pub(super) const SIGNATURE_HELP: &str = "a line is words, slots and options, then an effect: \
     `reboot <vmid: VmId> [--timeout <Duration in s>] -> power cycle vmid`";

/// `token` can not stand here; `expected` could. The help is `hint`, or the expected word that was nearly written.
pub(super) fn unexpected(span: Span, token: &str, expected: &[String], hint: Option<String>) -> Diagnostic {
    let found =
        if token.is_empty() { "the line ends here".to_string() } else { format!("`{token}` can not stand here") };
    let message = match expected {
        [one] => format!("{found}; expected {one}"),
        [all @ .., last] if expected.len() <= 4 => format!("{found}; expected {} or {last}", all.join(", ")),
        _ if token.is_empty() => format!("{found}, in the middle of a statement"),
        _ => found,
    };
    let words = expected.iter().map(|word| word.trim_matches('`')).filter(|word| is_word(word));
    let near = nearest(token, words).filter(|word| *word != token && is_word(token) && token.len() > 2);
    let help = match (near, token) {
        (Some(word), _) => Some(format!("did you mean `{word}`?")),
        (None, "=") if expected.iter().any(|word| word == "`)`") => {
            Some("an argument is named with a colon: `name: value`".to_string())
        }
        (None, ",") if expected == ["`)`"] || expected == ["`]`"] => Some(match expected[0].as_str() {
            "`)`" => "a list stands in brackets, `[a, b]`; a `,` that continues a line stands at its end".to_string(),
            _ => "a `,` that continues a line stands at its end".to_string(),
        }),
        _ => hint.or_else(|| token_hint(token)),
    };
    let problem = Diagnostic::error(UNEXPECTED, span, message);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// What a token says about the mistake, wherever it stands.
fn token_hint(token: &str) -> Option<String> {
    Some(match token {
        "=" => "`==` compares; a name is given by `let name = …`".to_string(),
        "(" | "[" => format!("no blank may stand before a `{token}` that belongs to the name before it"),
        "{{" => "there are no templates: a value is written `$name`, or `${name.member}`".to_string(),
        "&&" => "write `and`".to_string(),
        "||" => "write `or`".to_string(),
        "!" => "write `not`".to_string(),
        "%" => "a percentage is written without a blank: `20%`".to_string(),
        "for" => "a time is written `within 5m`; a loop, `for x in xs { … }`, begins a statement".to_string(),
        _ if words::is_reserved(token) => format!("`{token}` is a word of the language and no name"),
        _ => return None,
    })
}

/// What somebody meant by an operator of another language.
pub(super) fn operator_hint(line: &str, token: &str) -> Option<String> {
    Some(match token {
        "=" => "two values are compared by `==`".to_string(),
        "&&" => "write `and`".to_string(),
        "||" => "write `or`".to_string(),
        "!" if line.starts_with("! ") || line.len() > 1 => "write `not`".to_string(),
        "++" | "+=" | "-=" => "values do not change: give the new one a name by `let`".to_string(),
        "is" => "write `==`".to_string(),
        "then" => "a block stands in braces: `if x { … }`".to_string(),
        "do" => "a block stands in braces: `for x in xs { … }`".to_string(),
        "elif" | "elsif" | "elseif" => "write `else if`".to_string(),
        "within" | "every" => format!("`{token}` belongs to `await`; `require` asks once and now"),
        "?" => "there is no `?:`; write `if x { … } else { … }`".to_string(),
        "**" => "there is no power operator".to_string(),
        _ => return None,
    })
}

/// A statement that stops before it is complete.
pub(super) fn incomplete(span: Span, token: &str, word: &str, what: &str, example: &str) -> Diagnostic {
    let message = if token.is_empty() {
        format!("`{word}` needs {what}")
    } else {
        format!("`{word}` needs {what}, and `{token}` is none")
    };
    let help = match token {
        ":" if word == "run" => "this looks like YAML; a plan is statements, one a line: `on guest: …`".to_string(),
        "!" => "write `not`".to_string(),
        "==" => "write one `=`".to_string(),
        "within" | "every" if word == "await" => format!("write the condition before it: `{example}`"),
        "{{" => token_hint(token).unwrap_or_default(),
        _ => format!("write `{example}`"),
    };
    Diagnostic::error(UNEXPECTED, span, message).help(help)
}

pub(super) fn after_complete(span: Span, token: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` stands after something that is complete"))
        .help("begin a new line before it")
}

pub(super) fn reserved_name(name: &Name, what: &str) -> Diagnostic {
    let text = &name.text;
    Diagnostic::error(
        RESERVED_NAME,
        name.span,
        format!("`{text}` is a word of the language and can not be the name of {what}"),
    )
    .help(format!("choose another name, for instance `{text}_` or `the_{text}`"))
}

pub(super) fn missing_block(span: Span, word: &str) -> Diagnostic {
    let example = match word {
        "if" | "else if" => "if reboot_required(guest) { … }",
        "else" => "else { … }",
        "for" => "for unit in [\"a\", \"b\"] { … }",
        "retry" => "retry 3 every 10s { … }",
        "try" => "try { … } recover err { … }",
        "recover" => "recover err { … }",
        "finally" => "finally { … }",
        "plan" => "plan patch for guest in pbs { … }",
        "task" => "task patch(guest: Guest) { … }",
        "probe" => "probe running(guest: Guest) -> Bool { … }",
        "command" => "command qm on hypervisor as root { … }",
        _ => "driver proxmox { … }",
    };
    Diagnostic::error(UNEXPECTED, span, format!("this `{word}` has no block: a `{{` is missing here"))
        .help(format!("write `{example}`"))
}

/// A text as it is shown in a message: its beginning, where it is long.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn list(words: &[&str]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => words.join(""),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_place(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && !words::is_reserved(text)
}
