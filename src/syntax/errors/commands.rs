//! `on`, its options, and the words of commands.

use super::{SHELL_SYNTAX, TWICE, UNEXPECTED, is_place, is_word, list, short};
use crate::diag::{Diagnostic, nearest};
use crate::syntax::words;
use crate::text::Span;

pub(in crate::syntax) fn missing_place(span: Span, token: &str) -> Diagnostic {
    let message = if token.is_empty() {
        "`on` needs a place: who carries the command out?".to_string()
    } else {
        format!("`on` needs a place before `{token}`: who carries the command out?")
    };
    Diagnostic::error(UNEXPECTED, span, message).help("write `on hypervisor: …`, `on guest: …` or a host's name")
}

pub(in crate::syntax) fn place_is_value(span: Span, written: &str) -> Diagnostic {
    let written = &short(written);
    let bare = written.trim_matches(['"', '\'']);
    let help = match written.strip_prefix('$') {
        Some(name) if is_word(name) => format!("write `on {name}`: a host that has a name is written without `$`"),
        _ if written.starts_with(['"', '\'']) && is_place(bare) => format!("write `on {bare}`"),
        _ if written.starts_with(['"', '\'']) => format!("write `on host(\"{bare}\")`"),
        _ => "write the bare name of a host: `on hypervisor`, `on guest`, `on pve`".to_string(),
    };
    Diagnostic::error(UNEXPECTED, span, format!("`{written}` is a value, and a place is wanted here")).help(help)
}

pub(in crate::syntax) fn missing_colon(span: Span, place: &str, rest: &str) -> Diagnostic {
    let (place, rest) = (short(place), short(rest));
    let example = if rest.is_empty() { "qm status $vmid" } else { &rest };
    Diagnostic::error(UNEXPECTED, span, format!("a `:` is missing between the place `{place}` and the command"))
        .help(format!("write `on {place}: {example}`"))
}

pub(in crate::syntax) fn missing_command(colon: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, colon, "no command stands after this `:`")
        .help("write the command on the same line, or several of them in braces, without the `:`: `on guest { … }`")
}

pub(in crate::syntax) fn colon_before_block(colon: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, colon, "a `:` stands before a block of commands")
        .help("take it away: `on guest { … }`")
}

pub(in crate::syntax) fn unknown_option(span: Span, token: &str) -> Diagnostic {
    let near = nearest(token, words::ON_OPTIONS).filter(|_| token.starts_with(|c: char| c.is_ascii_alphabetic()));
    let help = match (near, token) {
        (_, "become" | "sudo" | "user") => "write `as root`".to_string(),
        (_, "timeout") => "write `within 10m`".to_string(),
        (Some(option), _) => format!("did you mean `{option}`?"),
        (None, _) => format!("the options are {}; the command stands after the `:`", list(&words::ON_OPTIONS)),
    };
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` is no option of `on`")).help(help)
}

/// How an option is written.
pub(in crate::syntax) fn option_example(word: &str) -> Option<String> {
    Some(match word {
        "as" => "write `as root`".to_string(),
        "within" => "write `within 15m`".to_string(),
        "accept" => "write `accept 0, 3` or `accept any`".to_string(),
        "retry" => "write `retry 3 every 10s`".to_string(),
        "env" => "write `env NAME=$value`".to_string(),
        "stdin" => "write `stdin $value`".to_string(),
        "when" => "write `when locked wait 30m`, `when locked skip` or `when locked fail`".to_string(),
        "unguarded" => "write `unguarded agent \"the reason\"`".to_string(),
        _ => return None,
    })
}

pub(in crate::syntax) fn option_twice(span: Span, word: &str, first: Span) -> Diagnostic {
    Diagnostic::error(TWICE, span, format!("`{word}` is said twice for one command"))
        .and(first, "here for the first time")
        .help("keep one of them")
}

/// What only a shell understands, in a command: two ways out. `script` is the command as a script, where it can be told.
pub(in crate::syntax) fn shell_syntax(span: Span, operator: &str, script: Option<&str>) -> Diagnostic {
    if let Some(inside) = operator.strip_prefix("{{") {
        let name = inside.trim_matches(['}', ' ']).trim();
        let shown = if is_word(name) { format!("`${name}`") } else { "`$name` or `${name.member}`".to_string() };
        return Diagnostic::error(SHELL_SYNTAX, span, format!("`{operator}` is a template, and there are none here"))
            .help(format!("write {shown}; or `'{operator}'` to pass the characters themselves"));
    }
    let what = match operator {
        "|" | "|&" => "a pipe",
        "<" | ">" | ">>" | "<<" | "<<<" | ">&" => "a redirection",
        "&" | "&&" | "||" => "a shell's operator",
        "*" | "?" => "a pattern of file names",
        "`" => "a shell's substitution",
        "~" => "a shell's home folder",
        _ => "a shell's bracket",
    };
    let quoted = match operator {
        "~" => "write the folder's full path".to_string(),
        "&&" => {
            "write two commands, one a line, in `on … { }`: the second runs only where the first did well".to_string()
        }
        _ => format!("write `'{operator}'` to pass it on as it is"),
    };
    let script = script.unwrap_or("sh '…' $value`, where the value is `\"$1\"");
    Diagnostic::error(SHELL_SYNTAX, span, format!("`{operator}` is {what}, and a command is words that no shell reads"))
        .help(format!("{quoted}; or run a script: `{script}`"))
}

pub(in crate::syntax) fn shell_keyword(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        SHELL_SYNTAX,
        span,
        format!("`{word}` is a word of the shell, and a command is words that no shell reads"),
    )
    .help("write the script in quotes, `sh '''…'''`; or quote the word if a program has that name")
}

pub(in crate::syntax) fn assignment_in_command(span: Span, name: &str, value: &str) -> Diagnostic {
    let shown = if value.starts_with('$') || value.starts_with(['"', '\'']) {
        value.to_string()
    } else {
        format!("\"{value}\"")
    };
    Diagnostic::error(SHELL_SYNTAX, span, format!("`{name}=` before a command is the shell's way to set a variable"))
        .help(format!("write it before the colon, `on guest env {name}={shown}: …`; or run a script: `sh '…'`"))
}

pub(in crate::syntax) fn statement_in_command_block(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{word}` begins a statement, and a block of `on` holds commands only"))
        .help("close the block before it, or write each command with its own `on …:`")
}

pub(in crate::syntax) fn option_behind_colon(span: Span, option: &str) -> Diagnostic {
    let example = option_example(option).unwrap_or_else(|| format!("write `{option}`"));
    Diagnostic::error(UNEXPECTED, span, format!("the option `{option}` stands behind the colon, where it is a command"))
        .help(format!("{example} before the colon: `on guest {option} …: COMMAND`"))
}

pub(in crate::syntax) fn blank_after_continuation(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "a blank stands after the `\\` that should continue this line")
        .help("take the blank away: the `\\` must be the last character of its line")
}
