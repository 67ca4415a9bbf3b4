//! Statements and blocks.

use super::{TWICE, UNEXPECTED, is_word};
use crate::diag::{Diagnostic, nearest};
use crate::syntax::words;
use crate::text::Span;

/// A statement that begins with nothing known.
pub(in crate::syntax) fn bad_statement(span: Span, token: &str, line: &str) -> Diagnostic {
    let rest = line.get(token.len()..).unwrap_or("").trim_start();
    let help = if line.starts_with('/')
        && let Some(command) = bare_command(line)
    {
        Some(command)
    } else if let Some(hint) = beginning_hint(token, rest) {
        Some(hint)
    } else if let Some(keyword) =
        nearest(token, words::BEGINNINGS).filter(|keyword| *keyword != token && is_word(token))
    {
        Some(format!("did you mean `{keyword}`?"))
    } else if is_word(token) && rest.starts_with('(') && !line.get(token.len()..).unwrap_or("").starts_with('(') {
        Some(format!("no blank may stand before the parenthesis: `{token}(…)`"))
    } else if let Some(command) = bare_command(line) {
        Some(command)
    } else if is_word(token) {
        Some("a statement begins with a word of the language (`on`, `let`, `await`, `require`, `if` …) or is a call: `restart(guest)`".to_string())
    } else {
        None
    };
    let message = if token.is_empty() {
        "a statement is missing here".to_string()
    } else {
        format!("`{token}` begins no statement")
    };
    let problem = Diagnostic::error(UNEXPECTED, span, message);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// What a statement of a test looks like.
pub(in crate::syntax) fn staged_example(word: &str) -> Option<&'static str> {
    Some(match word {
        "given" => "given web { obeys: false }",
        "answer" => "answer on web stdout \"ok\": backupctl status",
        "fault" => "fault \"killed\" at on pve: qm reboot 101",
        "expect" => "expect web done` or `expect once on pve: qm reboot 101",
        _ => return None,
    })
}

/// Programs of hypervisors; every other is more likely meant for the guest.
const OF_HYPERVISORS: [&str; 10] =
    ["qm", "pct", "pvesh", "pvesm", "pvecm", "ha-manager", "vzdump", "qmrestore", "virsh", "virt-install"];

/// A command without the host that carries it out.
fn bare_command(line: &str) -> Option<String> {
    let line = line.trim_end().trim_end_matches('}').trim_end();
    let (program, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    let is_program = program.starts_with(|c: char| c.is_ascii_lowercase() || c == '/')
        && program.ends_with(|c: char| c.is_ascii_alphanumeric())
        && program.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c));
    let is_word = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-$/'\"".contains(c));
    if !is_program || !is_word || line.chars().count() > 100 {
        return None;
    }
    if matches!(rest, "guest" | "host" | "hypervisor") {
        return Some(format!("a call has parentheses: `{program}({rest})`"));
    }
    let place = if OF_HYPERVISORS.contains(&program) { "hypervisor" } else { "guest" };
    Some(format!("a command stands behind the host that carries it out: `on {place}: {line}`"))
}

/// What somebody meant who begins a statement like this.
fn beginning_hint(token: &str, rest: &str) -> Option<String> {
    Some(match token {
        "while" | "until" | "loop" | "repeat" => {
            "there are no open loops: write `await … within 10m`, `retry 3 every 10s { … }` or `for x in xs { … }`"
                .to_string()
        }
        "elif" | "elsif" | "elseif" => "write `else if`, behind the `}` of its `if`".to_string(),
        "else" => "`else` stands behind the `}` of its `if`".to_string(),
        "recover" | "finally" => format!("`{token}` stands behind the `}}` of its `try`"),
        "catch" | "rescue" | "except" => "write `recover err { … }`, behind the `}` of its `try`".to_string(),
        "always" | "ensure" => "write `finally { … }`, behind the `}` of its `try`".to_string(),
        "fi" | "done" | "end" | "esac" | "endif" => "a block ends with `}`".to_string(),
        "then" | "do" => "a block stands in braces: `{ … }`".to_string(),
        "var" | "set" | "const" | "set_fact" => "write `let name = …`".to_string(),
        "import" | "include" | "from" => "write `use std.apt` or `use ./file`".to_string(),
        "def" | "fn" | "func" | "function" => {
            "write `task name(guest: Guest) { … }` or `probe name(guest: Guest) -> Bool { … }`".to_string()
        }
        "echo" | "print" | "log" => "write `warn \"…\"` or `record name = …`".to_string(),
        "throw" | "raise" | "abort" | "exit" | "die" => {
            "write `fail \"…\"`, or `skip \"…\"` where it is no failure".to_string()
        }
        "sleep" => "write `await … within …`: wait for what must become true, not for a time".to_string(),
        "wait" => "write `await … within 10m`".to_string(),
        "assert" | "check" | "ensure_that" => "write `require …`".to_string(),
        "{{" | "{%" => "there are no templates: a value is written `$name`".to_string(),
        "within" | "every" => {
            format!("`{token}` belongs to `await`, on its line or the next; `require` asks once and now")
        }
        "+" | "*" | "/" | "<" | ">" | "==" | "!=" | "<=" | ">=" | "and" | "or" | "in" | "contains" | "matches"
        | "," => {
            format!("a line that goes on ends with its `{token}`, or with `\\`")
        }
        "{" => "a block belongs to `if`, `for`, `retry`, `try` or `on`".to_string(),
        "-" => "this looks like YAML; a plan is statements, one a line: `on guest: …`".to_string(),
        _ if token.starts_with('$') => match rest.strip_prefix('=') {
            Some(value) if !value.starts_with('=') => {
                format!("values do not change; write `let {} ={value}`", token.trim_start_matches('$'))
            }
            _ => "a value does nothing by itself: use it in `require`, `record` or `let`".to_string(),
        },
        _ if is_word(token) && rest.is_empty() => format!("a call has parentheses: `{token}(guest)`"),
        _ if is_word(token) && rest.starts_with('=') && !rest.starts_with("==") => {
            format!("a name is given by `let {token} {rest}`")
        }
        _ if is_word(token) && rest.starts_with(':') => {
            "this looks like YAML; a command is written `on guest: …`, a name is given by `let name = …`".to_string()
        }
        _ => return None,
    })
}

pub(in crate::syntax) fn after_block(span: Span, token: &str) -> Diagnostic {
    let help = match token {
        "elif" | "elsif" | "elseif" => "write `else if`",
        "catch" | "rescue" | "except" => "write `recover err { … }`",
        "always" | "ensure" => "write `finally { … }`",
        _ => "begin a new line, or write `;`, before it",
    };
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` stands after a statement that is complete")).help(help)
}

pub(in crate::syntax) fn misplaced(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{word}` belongs to the top level of a file, outside every block"))
        .help(match word {
            "use" | "edition" => "write it at the top of the file".to_string(),
            _ => format!("move this {word} behind the block, and call it here"),
        })
}

pub(in crate::syntax) fn block_captured(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "`let` takes the output of one command, and this is a block of commands")
        .help("write `let name = on guest: COMMAND`")
}

pub(in crate::syntax) fn part_twice(span: Span, word: &str, first: Span) -> Diagnostic {
    Diagnostic::error(TWICE, span, format!("`{word}` is said twice"))
        .and(first, "here for the first time")
        .help("keep one of them")
}

pub(in crate::syntax) fn handler_twice(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(TWICE, span, format!("a `try` has one `{word}`, and this is another"))
        .help("put what both do into one block; `$err.kind` tells failures apart")
}

pub(in crate::syntax) fn recover_after_finally(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "`recover` stands behind `finally`, which runs last")
        .help("put `recover` before `finally`")
}

pub(in crate::syntax) fn try_alone(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "this `try` has neither `recover` nor `finally`, so that it does nothing")
        .help("write `try { … } recover err { … }`, or `try { … } finally { … }`")
}

pub(in crate::syntax) fn after_else(span: Span, with_if: bool) -> Diagnostic {
    let word = if with_if { "else if" } else { "else" };
    Diagnostic::error(UNEXPECTED, span, format!("this `{word}` stands behind the last `else`"))
        .help("put the last `else` at the end")
}

pub(in crate::syntax) fn else_with_condition(span: Span, token: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` stands between `else` and its block"))
        .help("write `else if … { … }` where there is a condition, else `else { … }`")
}

/// What stands between `for` and its block.
pub(in crate::syntax) fn for_hint(token: &str) -> String {
    match token {
        "of" => "write `for x in xs { … }`".to_string(),
        "," => "one name stands before `in`, one list after it: `for x in [\"a\", \"b\"] { … }`".to_string(),
        "(" => "no parentheses: `for x in xs { … }`".to_string(),
        _ => "write `for x in xs { … }`, over a list or a group".to_string(),
    }
}

/// How a word without a head is written.
pub(in crate::syntax) fn head_hint(word: &str) -> String {
    match word {
        "recover" => "write `recover err { … }`".to_string(),
        _ => format!("write `{word} {{ … }}`"),
    }
}
