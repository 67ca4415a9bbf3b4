//! Every diagnostic of this room: its code, its wording and what to write instead, one function each.

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

// ---- the scan -----------------------------------------------------------------------------------------------------

pub(super) fn too_large(span: Span, bytes: usize, limit: usize) -> Diagnostic {
    Diagnostic::error(TOO_LARGE, span, format!("this file has {bytes} bytes; a plan may have {limit}"))
        .help("split it: `use ./other` brings what another file holds")
}

pub(super) fn too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error(TOO_DEEP, span, format!("brackets nest more than {limit} deep here"))
        .label("one too many")
        .help("move the inner part into a task or a probe and call it")
}

pub(super) fn too_many_operators(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error(TOO_DEEP, span, format!("this expression holds more than {limit} operators, members and calls"))
        .help("give parts of it a name: `let part = …`")
}

pub(super) fn unclosed_string(span: Span, quote: &str, _whole: Span) -> Diagnostic {
    let problem =
        Diagnostic::error(UNCLOSED_STRING, span, format!("this string is not closed: its {quote} has no partner"));
    match quote {
        "'''" => problem.help("close it with `'''`"),
        "'" => problem.help("close it on the same line with `'`; an apostrophe in a command is written `\\'`, and a text of several lines stands in `'''…'''`"),
        _ => problem.help("close it on the same line with `\"`; a quote in it is written `\\\"`, and a text of several lines stands in `'''…'''`"),
    }
}

pub(super) fn unclosed(span: Span, bracket: char, suspect: Option<(Span, usize)>) -> Diagnostic {
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
pub(super) fn stray_brace(span: Span, suspect: Option<(Span, usize)>, headless: Option<Span>) -> Diagnostic {
    let problem = stray_closer(span, '}', suspect);
    match headless {
        Some(head) => problem.and(head, "the `{` behind this head is missing").help("add the `{` behind the head"),
        None => problem,
    }
}

pub(super) fn stray_closer(span: Span, bracket: char, suspect: Option<(Span, usize)>) -> Diagnostic {
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

pub(super) fn odd_character(span: Span, character: char) -> Diagnostic {
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
pub(super) fn unreadable_rest(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "the rest of this file can not be read from here on")
        .help("look for a quote or a bracket that is open before this place")
}

// ---- anywhere -----------------------------------------------------------------------------------------------------

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

// ---- strings, values, numbers ---------------------------------------------------------------------------------------

pub(super) fn bad_escape(span: Span, written: &str) -> Diagnostic {
    let character = &written[1..];
    let help = match character {
        "'" => "write `'` as it is".to_string(),
        _ => format!(
            "the escapes are `\\\\ \\\" \\$ \\n \\t`; write `\\\\{character}`, or put the text in `'…'`, where nothing is an escape"
        ),
    };
    Diagnostic::error(BAD_ESCAPE, span, format!("`{written}` is no escape of a string")).help(help)
}

pub(super) fn bad_dollar(span: Span, written: &str, after: Option<char>) -> Diagnostic {
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

pub(super) fn spread_in_string(span: Span, written: &str) -> Diagnostic {
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{written}` can not stand in a string: each item becomes a word of its own"),
    )
    .help(format!("write {written} without quotes, as a word of the command"))
}

pub(super) fn spread_in_word(span: Span, written: &str) -> Diagnostic {
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{written}` must be a whole word: each item becomes a word of its own"),
    )
    .help("put blanks around it")
}

pub(super) fn spread_outside_command(span: Span, written: &str) -> Diagnostic {
    let name = written.trim_start_matches("${").trim_end_matches("...}");
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{written}` stands outside a command, where there are no words to make"),
    )
    .help(format!("write `${name}` for the list itself"))
}

pub(super) fn value_in_fixed_string(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("a value can not stand here: {what} is fixed text"))
        .help("write the text itself; a `$` in it is written `\\$`")
}

pub(super) fn bad_number(span: Span, why: String, help: String) -> Diagnostic {
    Diagnostic::error(BAD_NUMBER, span, why).help(help)
}

pub(super) fn spaced_number(span: Span, written: &str, meant: &str) -> Diagnostic {
    Diagnostic::error(BAD_NUMBER, span, format!("`{written}`: a number and its unit are written as one"))
        .help(format!("write `{meant}`"))
}

pub(super) fn chained(span: Span, operator: &str, first: &str, middle: &str) -> Diagnostic {
    let (first, middle) = (short(first), short(middle));
    Diagnostic::error(
        UNEXPECTED,
        span,
        format!("`{operator}` can not follow another comparison: comparisons do not chain"),
    )
    .help(format!("write `{first} and {middle} {operator} …`, or put one comparison in parentheses"))
}

// ---- commands -------------------------------------------------------------------------------------------------------

pub(super) fn missing_place(span: Span, token: &str) -> Diagnostic {
    let message = if token.is_empty() {
        "`on` needs a place: who carries the command out?".to_string()
    } else {
        format!("`on` needs a place before `{token}`: who carries the command out?")
    };
    Diagnostic::error(UNEXPECTED, span, message).help("write `on hypervisor: …`, `on guest: …` or a host's name")
}

pub(super) fn place_is_value(span: Span, written: &str) -> Diagnostic {
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

pub(super) fn missing_colon(span: Span, place: &str, rest: &str) -> Diagnostic {
    let (place, rest) = (short(place), short(rest));
    let example = if rest.is_empty() { "qm status $vmid" } else { &rest };
    Diagnostic::error(UNEXPECTED, span, format!("a `:` is missing between the place `{place}` and the command"))
        .help(format!("write `on {place}: {example}`"))
}

pub(super) fn missing_command(colon: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, colon, "no command stands after this `:`")
        .help("write the command on the same line, or several of them in braces, without the `:`: `on guest { … }`")
}

pub(super) fn colon_before_block(colon: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, colon, "a `:` stands before a block of commands")
        .help("take it away: `on guest { … }`")
}

pub(super) fn unknown_option(span: Span, token: &str) -> Diagnostic {
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
pub(super) fn option_example(word: &str) -> Option<String> {
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

pub(super) fn option_twice(span: Span, word: &str, first: Span) -> Diagnostic {
    Diagnostic::error(TWICE, span, format!("`{word}` is said twice for one command"))
        .and(first, "here for the first time")
        .help("keep one of them")
}

/// What only a shell understands, in a command: two ways out. `script` is the command as a script, where it can be told.
pub(super) fn shell_syntax(span: Span, operator: &str, script: Option<&str>) -> Diagnostic {
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

pub(super) fn shell_keyword(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        SHELL_SYNTAX,
        span,
        format!("`{word}` is a word of the shell, and a command is words that no shell reads"),
    )
    .help("write the script in quotes, `sh '''…'''`; or quote the word if a program has that name")
}

pub(super) fn assignment_in_command(span: Span, name: &str, value: &str) -> Diagnostic {
    let shown = if value.starts_with('$') || value.starts_with(['"', '\'']) {
        value.to_string()
    } else {
        format!("\"{value}\"")
    };
    Diagnostic::error(SHELL_SYNTAX, span, format!("`{name}=` before a command is the shell's way to set a variable"))
        .help(format!("write it before the colon, `on guest env {name}={shown}: …`; or run a script: `sh '…'`"))
}

pub(super) fn statement_in_command_block(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{word}` begins a statement, and a block of `on` holds commands only"))
        .help("close the block before it, or write each command with its own `on …:`")
}

pub(super) fn option_behind_colon(span: Span, option: &str) -> Diagnostic {
    let example = option_example(option).unwrap_or_else(|| format!("write `{option}`"));
    Diagnostic::error(UNEXPECTED, span, format!("the option `{option}` stands behind the colon, where it is a command"))
        .help(format!("{example} before the colon: `on guest {option} …: COMMAND`"))
}

pub(super) fn blank_after_continuation(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "a blank stands after the `\\` that should continue this line")
        .help("take the blank away: the `\\` must be the last character of its line")
}

// ---- statements -----------------------------------------------------------------------------------------------------

/// A statement that begins with nothing known.
pub(super) fn bad_statement(span: Span, token: &str, line: &str) -> Diagnostic {
    let rest = line.get(token.len()..).unwrap_or("").trim_start();
    let help = if let Some(hint) = beginning_hint(token, rest) {
        Some(hint)
    } else if let Some(keyword) =
        nearest(token, words::BEGINNINGS).filter(|keyword| *keyword != token && is_word(token))
    {
        Some(format!("did you mean `{keyword}`?"))
    } else if is_word(token) && rest.starts_with('(') && !line.get(token.len()..).unwrap_or("").starts_with('(') {
        Some(format!("no blank may stand before the parenthesis: `{token}(…)`"))
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

pub(super) fn after_block(span: Span, token: &str) -> Diagnostic {
    let help = match token {
        "elif" | "elsif" | "elseif" => "write `else if`",
        "catch" | "rescue" | "except" => "write `recover err { … }`",
        "always" | "ensure" => "write `finally { … }`",
        _ => "begin a new line, or write `;`, before it",
    };
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` stands after a statement that is complete")).help(help)
}

pub(super) fn misplaced(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{word}` belongs to the top level of a file, outside every block"))
        .help(match word {
            "use" | "edition" => "write it at the top of the file".to_string(),
            _ => format!("move this {word} behind the block, and call it here"),
        })
}

pub(super) fn block_captured(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "`let` takes the output of one command, and this is a block of commands")
        .help("write `let name = on guest: COMMAND`")
}

pub(super) fn part_twice(span: Span, word: &str, first: Span) -> Diagnostic {
    Diagnostic::error(TWICE, span, format!("`{word}` is said twice"))
        .and(first, "here for the first time")
        .help("keep one of them")
}

pub(super) fn handler_twice(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(TWICE, span, format!("a `try` has one `{word}`, and this is another"))
        .help("put what both do into one block; `$err.kind` tells failures apart")
}

pub(super) fn recover_after_finally(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "`recover` stands behind `finally`, which runs last")
        .help("put `recover` before `finally`")
}

pub(super) fn try_alone(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "this `try` has neither `recover` nor `finally`, so that it does nothing")
        .help("write `try { … } recover err { … }`, or `try { … } finally { … }`")
}

pub(super) fn after_else(span: Span, with_if: bool) -> Diagnostic {
    let word = if with_if { "else if" } else { "else" };
    Diagnostic::error(UNEXPECTED, span, format!("this `{word}` stands behind the last `else`"))
        .help("put the last `else` at the end")
}

pub(super) fn else_with_condition(span: Span, token: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` stands between `else` and its block"))
        .help("write `else if … { … }` where there is a condition, else `else { … }`")
}

/// What stands between `for` and its block.
pub(super) fn for_hint(token: &str) -> String {
    match token {
        "of" => "write `for x in xs { … }`".to_string(),
        "," => "one name stands before `in`, one list after it: `for x in [\"a\", \"b\"] { … }`".to_string(),
        "(" => "no parentheses: `for x in xs { … }`".to_string(),
        _ => "write `for x in xs { … }`, over a list or a group".to_string(),
    }
}

/// How a word without a head is written.
pub(super) fn head_hint(word: &str) -> String {
    match word {
        "recover" => "write `recover err { … }`".to_string(),
        _ => format!("write `{word} {{ … }}`"),
    }
}

// ---- files, plans, signatures, drivers --------------------------------------------------------------------------------

pub(super) fn mixed_script(span: Span, plan: Span) -> Diagnostic {
    Diagnostic::error(MIXED_SCRIPT, span, "a statement stands beside a plan: a file is either a script or plans")
        .and(plan, "the plan")
        .help("move the statement into a plan, a task or a file of its own")
}

pub(super) fn unknown_edition(year: &Name, known: &[&str]) -> Diagnostic {
    Diagnostic::error(UNKNOWN_EDITION, year.span, format!("edition `{}` is not known to this program", year.text))
        .help(format!("write `edition {}`, or use a newer hostler", known.last().copied().unwrap_or("2026")))
}

pub(super) fn edition_twice(span: Span, first: Span) -> Diagnostic {
    Diagnostic::error(TWICE, span, "the edition is named twice")
        .and(first, "here for the first time")
        .help("keep one of them")
}

pub(super) fn edition_late(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "the edition stands behind other things")
        .help("make it the first line of the file")
}

pub(super) fn use_with_ending(span: Span, bare: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "a file is used without its ending").help(format!("write `use {bare}`"))
}

/// A parameter without a type; `behind` is what follows its name, `default` its value as written.
pub(super) fn missing_type(name: &Name, behind: &str, default: &str) -> Diagnostic {
    let shown = &name.text;
    if is_word(behind) && shown.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Diagnostic::error(UNEXPECTED, name.span, "a parameter's name stands before its type".to_string())
            .help(format!("write `{behind}: {shown}`"));
    }
    let digits = default.starts_with(|c: char| c.is_ascii_digit());
    let example = match shown.as_str() {
        _ if is_word(behind) && behind.starts_with(|c: char| c.is_ascii_uppercase()) => behind,
        "guest" => "Guest",
        "host" => "Host",
        _ if matches!(default, "true" | "false") => "Bool",
        _ if digits && default.ends_with("iB") => "Size",
        _ if digits && default.ends_with('%') => "Percent",
        _ if digits && default.ends_with(['s', 'm', 'h', 'd']) => "Duration",
        _ if digits => "Int",
        _ => "Str",
    };
    Diagnostic::error(UNEXPECTED, name.span.after(), format!("the parameter `{shown}` has no type"))
        .help(format!("write `{shown}: {example}`, with its type behind a colon"))
}

pub(super) fn clause_twice(span: Span, group: &str, first: Span) -> Diagnostic {
    let message = match group {
        "at once" => "a plan says once how many guests it takes at once".to_string(),
        _ => format!("a plan says `{group}` once"),
    };
    Diagnostic::error(TWICE, span, message).and(first, "said here already").help("keep one of them")
}

/// What somebody meant who chose hosts in the way of another tool.
pub(super) fn targets_hint(token: &str, rest: &str) -> Option<String> {
    Some(match token {
        ":" if rest.starts_with(":!") => "write `a except b`".to_string(),
        ":" if rest.starts_with(":&") => "write `a and b`".to_string(),
        ":" | "or" | "+" | ";" => "write `a, b` for all of both".to_string(),
        "*" | "~" | "?" => "there are no patterns: name the group, or the hosts".to_string(),
        "!" | "not" | "-" => "write `a except b`".to_string(),
        "&" => "write `a and b`".to_string(),
        "of" | "on" | "=" | ":=" => "write `for guest in pbs`".to_string(),
        "[" => "no brackets: `for guest in a, b`".to_string(),
        "{" => return None,
        _ if token.starts_with('$') => {
            "whom a plan is for is a bare name, so that it is known before anything runs: `for guest in pbs`"
                .to_string()
        }
        _ if token.starts_with(['"', '\'']) => {
            let name = token.trim_matches(['"', '\'']);
            if is_place(name) {
                format!("write `{name}`")
            } else {
                format!("write `host(\"{name}\")` or `group(\"{name}\")`")
            }
        }
        _ if is_word(token) => format!("names have a comma between them: `a, {token}`"),
        _ => return None,
    })
}

/// How a header clause is written.
pub(super) fn clause_example(word: &str) -> Option<&'static str> {
    Some(match word {
        "for" => "for guest in pbs",
        "needs" => "needs vmid: VmId, tier: \"dev\" | \"prod\" = \"dev\"",
        "one" => "one at a time",
        "at" => "at most 3 at once` or `at most 1 per hypervisor",
        "batches" => "batches 1, 5, 25%",
        "never" => "never together dns_pair",
        "stop" => "stop after 2 failures` or `stop after 20% failures",
        "window" => "window \"Sat,Sun 01:00-06:00\"",
        "lock" => "lock \"maintenance\"",
        "deadline" => "deadline 2h",
        _ => return None,
    })
}

pub(super) fn unknown_clause(span: Span, token: &str, _line: &str) -> Diagnostic {
    let help = match (nearest(token, words::CLAUSES), token) {
        (_, "on") => "a plan says for whom it runs: `for guest in pbs`".to_string(),
        (_, "serial" | "parallel") => "write `at most 3 at once`, `one at a time` or `batches 1, 5, 25%`".to_string(),
        (_, "timeout") => "write `deadline 2h`".to_string(),
        (Some(clause), _) => format!("did you mean `{}`?", clause_example(clause).unwrap_or(clause)),
        (None, _) => "before the `{` of a plan stand for, needs, one at a time, at most, batches, never together, stop after, window, lock and deadline".to_string(),
    };
    let message = if token.is_empty() {
        "a plan's head is incomplete here".to_string()
    } else {
        format!("`{token}` begins no clause of a plan")
    };
    Diagnostic::error(UNEXPECTED, span, message).help(help)
}

/// `lock when stderr has …`
pub(super) fn unknown_outcome(span: Span, token: &str) -> Diagnostic {
    let known = ["not started", "busy", "locked", "moved"];
    let help = match nearest(token, known) {
        Some(outcome) => format!("did you mean `{outcome}`?"),
        None => format!("the outcomes are {}", list(&known)),
    };
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` is no outcome of a command")).help(help)
}

/// A plan that says `on` where `for` belongs.
pub(super) fn plan_on(span: Span) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, "a plan says for whom it runs, not where")
        .help("write `plan name for guest in pbs { … }`; each statement then says `on` what it acts")
}

pub(super) fn missing_effect(span: Span, line: &str) -> Diagnostic {
    let shown = short(line);
    Diagnostic::error(UNEXPECTED, span, "this signature has no effect: `->` is missing").help(format!(
        "write `{shown} -> read`; the effects are read, change, power on, power off, power cycle and destroy"
    ))
}

pub(super) fn not_in_driver(span: Span, token: &str) -> Diagnostic {
    Diagnostic::error(UNEXPECTED, span, format!("`{token}` can not stand in a driver"))
        .help("a driver holds `identity`, `script`, `probe` and `task`")
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
