//! What can be wrong with an inventory: the words, the help and the code of each problem.

use super::place::Base;
use super::vault::Closed;
use crate::diag::{Diagnostic, nearest};
use crate::text::{FileError, Refusal, Span};

pub(super) fn not_found(path: &str) -> Diagnostic {
    Diagnostic::nowhere("inventory/not-found", format!("there is no inventory `{path}`"))
        .help("name the file or the folder with `-i PATH`, or with `inventory = \"PATH\"` in hostler.toml")
}

pub(super) fn unreadable(error: &FileError) -> Diagnostic {
    Diagnostic::nowhere("inventory/unreadable", error.to_string())
}

pub(super) fn not_text(path: &str) -> Diagnostic {
    Diagnostic::nowhere("inventory/not-text", format!("`{path}` is not UTF-8 text"))
        .help("save the file as UTF-8; a program that prints an inventory may be executed (`chmod +x`)")
}

/// How a list is made that can stand in for what can not be read here.
fn store(path: &str) -> String {
    format!(
        "run `ansible-inventory -i {path} --list > inventory.json` once, and name `inventory.json` as the inventory"
    )
}

/// A program of the user's that gave no answer; `command` is how it was called.
pub(super) fn inventory_program(span: Span, path: &str, command: &str, refusal: &Refusal) -> Diagnostic {
    let (is_trust, message, help) = no_answer(path, command, refusal);
    let message =
        if *refusal == Refusal::NotTrusted { format!("`{path}` makes an inventory: {message}") } else { message };
    let error = match is_trust {
        true => Diagnostic::error("inventory/executable", span, message),
        false => Diagnostic::error("inventory/program", span, message),
    };
    match refusal {
        Refusal::NotTrusted => error.help(format!("{help}; or store its list: {}", store(path))),
        _ => error.help(help),
    }
}

/// Why a program gave no answer: whether that is for the user to allow, the message, and the help.
fn no_answer(path: &str, command: &str, refusal: &Refusal) -> (bool, String, String) {
    let trust = format!("look at it, and run `hostler trust {path}`");
    match refusal {
        Refusal::NotTrusted => (true, "it is a program, and only programs that you trust are run".to_string(), trust),
        Refusal::Changed => {
            (true, format!("`{path}` has changed since you said that it may be run"), format!("{trust} again"))
        }
        Refusal::WorldWritable => {
            let message = format!("`{path}` may be written by everybody on this machine, so it is not run");
            (true, message, format!("`chmod o-w {path}`, then {trust}"))
        }
        Refusal::NoList(why) => (true, format!("whether `{path}` is trusted can not be found out: {why}"), trust),
        Refusal::NotStarted(error) => (
            false,
            format!("`{path}` can not be run: {}", error.why),
            "the first line of a script names its interpreter: `#!/usr/bin/env python3`".to_string(),
        ),
        Refusal::TooSlow(seconds) => (
            false,
            format!("`{command}` had not answered after {seconds} s, and was ended"),
            "run it by hand; where it is slow by nature, store what it prints in a file".to_string(),
        ),
        Refusal::TooMuch(bytes) => (
            false,
            format!("`{command}` prints more than {} MiB", bytes / 1024 / 1024),
            "run it by hand, and look at what it prints".to_string(),
        ),
        Refusal::Failed(code, said) => {
            let ended = match code {
                Some(code) => format!("with code {code}"),
                None => "by a signal".to_string(),
            };
            let help = match said.is_empty() {
                true => "it said nothing; run it by hand".to_string(),
                false => format!("it said:\n{said}"),
            };
            (false, format!("`{command}` ended {ended}"), help)
        }
    }
}

/// A line of what a program prints, short enough to be shown.
fn shown(text: &str, line: usize) -> String {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    let short: String = line.chars().filter(|c| !c.is_control()).take(100).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

pub(super) fn printed_no_text(span: Span, command: &str, byte: usize) -> Diagnostic {
    let message = format!("what `{command}` prints is no UTF-8 text: byte {byte} is none");
    Diagnostic::error("inventory/program", span, message)
}

pub(super) fn printed_no_json(span: Span, command: &str, text: &str, error: &serde_json::Error) -> Diagnostic {
    let (line, why) = (error.line(), error.to_string());
    let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
    let place = format!("line {line}, column {}", error.column());
    let message = format!("what `{command}` prints is no JSON: {why} at {place}");
    let error = Diagnostic::error("inventory/program", span, message);
    match shown(text, line) {
        line_text if line_text.is_empty() => error.help("it prints nothing there; an inventory without hosts is `{}`"),
        line_text => error.help(format!("line {line} of what it prints: {line_text}")),
    }
}

pub(super) fn printed_no_mapping(span: Span, command: &str, what: &str) -> Diagnostic {
    Diagnostic::error("inventory/program", span, format!("`{command}` prints a JSON object, and this is {what}"))
}

pub(super) fn not_executable(span: Span, path: &str) -> Diagnostic {
    let message = format!("`{path}` begins like a program, and may not be executed");
    Diagnostic::error("inventory/executable", span, message).help(format!(
        "if it makes an inventory: `chmod +x {path}`, look at it, and run `hostler trust {path}`; or store its list: {}",
        store(path)
    ))
}

pub(super) fn plugin(span: Span, plugin: &str, path: &str) -> Diagnostic {
    let message = format!("this inventory is made by Ansible's plugin `{plugin}`, and plugins are not run here");
    Diagnostic::error("inventory/plugin", span, message).help(store(path))
}

pub(super) fn toml(span: Span) -> Diagnostic {
    Diagnostic::error("inventory/toml", span, "inventories in TOML are not read here").help(store("PATH"))
}

pub(super) fn stored_shape(span: Span, place: &str, wanted: &str, what: &str) -> Diagnostic {
    let message = format!("`{place}` of a stored list is {wanted}, and this is {what}");
    Diagnostic::error("inventory/stored", span, message).help(store("PATH"))
}

pub(super) fn yaml(text: &str, base: Base, byte: usize, why: &str) -> Box<Diagnostic> {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let rest = text.get(line_start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if let Some(tab) = indent.find('\t') {
        let span = base.span(line_start + tab, line_start + tab + 1);
        let error = Diagnostic::error("inventory/yaml", span, "YAML is not indented with tabs");
        return Box::new(error.label("a tab").help("indent with spaces"));
    }
    let error = Diagnostic::error("inventory/yaml", base.span(byte, byte), format!("this is not YAML: {why}"));
    Box::new(if line.contains("{{") && !line.contains("\"{{") && !line.contains("'{{") {
        error.help(
            "put the value in quotes: a value that begins with `{{` is a mapping to YAML (`name: \"{{ other }}\"`)",
        )
    } else if why.contains("mapping values are not allowed") {
        error.help("put a value that holds `: ` in quotes, and give every name of one mapping the same indentation")
    } else {
        error.help("the place is where reading stopped; what is wrong may stand a line above")
    })
}

pub(super) fn second_document(span: Span) -> Box<Diagnostic> {
    let error = Diagnostic::error("inventory/yaml", span, "a file holds one YAML document, and a second begins here");
    Box::new(error.help("take the `---` away, or put what follows into a file of its own"))
}

pub(super) fn alias_in_itself(span: Span) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("inventory/yaml", span, "an alias names the value that it stands in"))
}

pub(super) fn too_deep(span: Span, limit: usize) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("inventory/yaml", span, format!("values are nested more than {limit} deep")))
}

pub(super) fn too_many_values(span: Span, limit: usize) -> Box<Diagnostic> {
    let message = format!("the file holds more than {limit} values, its aliases written out");
    Box::new(Diagnostic::error("inventory/yaml", span, message))
}

pub(super) fn key_is_no_scalar(span: Span, what: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error("inventory/yaml", span, format!("{what} can not be a name"));
    Box::new(error.help(
        "a value that begins with `{{` is put in quotes: `name: \"{{ other }}\"`; a name that begins with `[` or `{` too",
    ))
}

pub(super) fn bad_merge(span: Span, what: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error("inventory/yaml", span, format!("`<<` merges mappings, and this is {what}"));
    Box::new(error.help("write `<<: *name`, where `&name` stands before a mapping"))
}

pub(super) fn bad_scalar(span: Span, why: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error("inventory/yaml", span, why.to_string());
    Box::new(error.help("put it in quotes if it is text"))
}

pub(super) fn not_of_tag(span: Span, tag: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("inventory/yaml", span, format!("this is not what the tag `{tag}` says")))
}

pub(super) fn unknown_tag(span: Span, tag: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error("inventory/yaml", span, format!("the tag `{tag}` is not known here"));
    Box::new(error.help("Ansible's tags are `!vault` and `!unsafe`; text that begins with `!` is put in quotes"))
}

pub(super) fn duplicate_key(span: Span, before: Span) -> Diagnostic {
    Diagnostic::warning("inventory/duplicate-key", span, "this name stands twice in one mapping; the last one counts")
        .and(before, "here it stands first")
        .help("take one of the two away")
}

pub(super) fn json(text: &str, base: Base, error: &serde_json::Error) -> Diagnostic {
    let line_start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let byte = (line_start + error.column().saturating_sub(1)).min(text.len());
    let why = error.to_string();
    let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
    Diagnostic::error("inventory/json", base.span(byte, byte), format!("this is not JSON: {why}"))
}

pub(super) fn ini_section_kind(span: Span, name: &str, kind: &str) -> Diagnostic {
    let error = Diagnostic::error("inventory/ini", span, format!("`[{name}:{kind}]` is no kind of section"));
    let near = nearest(kind, ["hosts", "children", "vars"]);
    match near {
        Some(near) => error.help(format!("write `[{name}:{near}]`")),
        None => error.help(format!("write `[{name}]` for hosts, `[{name}:children]` for groups, `[{name}:vars]`")),
    }
}

pub(super) fn ini_section(span: Span, line: &str) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, format!("`{line}` is no section"))
        .help("a group's name holds no spaces and no `:`; write `[name]`, `[name:children]` or `[name:vars]`")
}

pub(super) fn ini_group_name(span: Span, line: &str) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, format!("`{line}` is no group's name"))
        .help("a section `[…:children]` holds one group's name a line; hosts belong into a section `[name]`")
}

pub(super) fn ini_variable(span: Span, line: &str) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, format!("`{line}` is no variable"))
        .help("a section `[…:vars]` holds `name=value`, one a line")
}

pub(super) fn ini_host_variable(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, format!("`{word}` is no variable of a host"))
        .help("after a host stands `name=value`; a value with spaces is put in quotes, and a host is alone on its line")
}

pub(super) fn ini_unclosed_quote(span: Span) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, "a quote is not closed in its line").help("close it, or write `\\'`")
}

pub(super) fn ini_looks_like_yaml(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, format!("`{word}` is no host"))
        .help("a file of YAML has the ending `.yml`; a port is written `host:22`")
}

pub(super) fn ini_undefined_child(span: Span, name: &str, parent: &str) -> Diagnostic {
    Diagnostic::error(
        "inventory/ini",
        span,
        format!("`[{parent}:children]` names the group `{name}`, and there is none"),
    )
    .help(format!("declare it with a section `[{name}]`"))
}

pub(super) fn ini_vars_of_undefined(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("inventory/ini", span, format!("`[{name}:vars]` gives variables to a group that there is not"))
        .help(format!("declare the group with a section `[{name}]`"))
}

pub(super) fn group_loop(span: Span, child: &str, parent: &str) -> Diagnostic {
    let message = format!("the group `{child}` can not be in `{parent}`: `{parent}` is in it, or is the same");
    Diagnostic::error("inventory/group-loop", span, message)
        .help("groups form no circle; take one of the memberships away")
}

pub(super) fn bad_priority(span: Span) -> Diagnostic {
    Diagnostic::error("inventory/priority", span, "`ansible_group_priority` is a whole number")
}

pub(super) fn bad_host(span: Span, pattern: &str, why: &str) -> Diagnostic {
    Diagnostic::error("inventory/bad-pattern", span, format!("`{pattern}` names no hosts: {why}"))
        .help("a range is written `web[01:10]`, `web[01:10:2]` or `db[a:c]`")
}

pub(super) fn host_and_group(host: Span, name: &str, group: Span) -> Diagnostic {
    let warning = Diagnostic::warning("inventory/host-and-group", host, format!("`{name}` is a host and a group"));
    let warning = warning
        .label("the host")
        .help("give one of them another name: Ansible gives the host's variables to the group");
    if group == Span::default() { warning } else { warning.and(group, "the group") }
}

pub(super) fn empty_host(span: Span) -> Diagnostic {
    Diagnostic::error("inventory/empty-name", span, "a host has a name")
}

pub(super) fn hosts_are_no_mapping(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("inventory/shape", span, format!("an inventory is a mapping of groups, and this is {what}"))
        .help("write `all:`, below it `hosts:`, and below that a name with `:` for each host")
}

pub(super) fn group_name_is_no_text(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("inventory/shape", span, format!("`{name}` is no name of a group: a name is text"))
        .help(format!("write `\"{name}\"`"))
}

pub(super) fn host_name_is_no_text(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("inventory/shape", span, format!("`{name}` is no name of a host: a name is text"))
        .help(format!("write `\"{name}\":`"))
}

pub(super) fn not_a_group(span: Span, name: &str, what: &str) -> Diagnostic {
    Diagnostic::warning(
        "inventory/shape",
        span,
        format!("`{name}` is skipped: a group is a mapping, and this is {what}"),
    )
    .help(format!("write `{name}:` with `hosts:`, `children:` or `vars:` below it"))
}

pub(super) fn unexpected_key(span: Span, key: &str, group: &str) -> Diagnostic {
    let warning = Diagnostic::warning("inventory/shape", span, format!("`{key}` in the group `{group}` is skipped"));
    match nearest(key, ["hosts", "children", "vars"]) {
        Some(near) => warning.help(format!("`{near}` may be meant")),
        None => warning.help("a group holds `hosts`, `children` and `vars`; a group in it stands below `children:`"),
    }
}

pub(super) fn section_is_no_mapping(span: Span, section: &str, group: &str, what: &str) -> Diagnostic {
    let message = format!("`{section}` of the group `{group}` is a mapping, and this is {what}");
    let error = Diagnostic::error("inventory/shape", span, message);
    match section {
        "vars" => error.help("write `name: value`, one a line"),
        _ => error.help("write a name with `:` after it, one a line and without `-`"),
    }
}

pub(super) fn host_is_no_mapping(span: Span, host: &str, what: &str) -> Diagnostic {
    let message = format!("below the host `{host}` stand its variables, and this is {what}");
    Diagnostic::error("inventory/shape", span, message).help("write `name: value`, one a line")
}

pub(super) fn vars_are_no_mapping(span: Span, path: &str, what: &str) -> Diagnostic {
    Diagnostic::error("inventory/shape", span, format!("`{path}` holds variables, and this is {what}"))
        .help("write `name: value`, one a line")
}

/// A program that was to print a vault password.
pub(super) fn vault_program(path: &str, command: &str, refusal: &Refusal) -> Box<Diagnostic> {
    let (_, message, help) = no_answer(path, command, refusal);
    let (message, help) = match refusal {
        Refusal::NotTrusted => (
            format!("`{path}` prints a vault password: {message}"),
            format!("{help}; or put the password into a file that only you can read, and name that"),
        ),
        _ => (message, help),
    };
    Box::new(Diagnostic::nowhere("inventory/vault-password", message).help(help))
}

pub(super) fn vault_program_not_executable(path: &str) -> Box<Diagnostic> {
    let message = format!("`{path}` begins like a program, and may not be executed");
    let error = Diagnostic::nowhere("inventory/vault-password", message);
    Box::new(error.help(format!(
        "if it prints the password: `chmod +x {path}`, look at it, and run `hostler trust {path}`; or put the password \
         into a file that only you can read, and name that"
    )))
}

pub(super) fn vault_password_missing(path: &str) -> Box<Diagnostic> {
    let message = format!("there is no vault password file `{path}`");
    Box::new(Diagnostic::nowhere("inventory/vault-password", message))
}

pub(super) fn vault_password_empty(path: &str, is_program: bool) -> Box<Diagnostic> {
    let message = match is_program {
        true => format!("`{path}` prints no vault password"),
        false => format!("the vault password file `{path}` is empty"),
    };
    Box::new(Diagnostic::nowhere("inventory/vault-password", message))
}

const GIVE_THE_PASSWORD: &str = "give the file that holds the password: `--vault-password-file FILE`, or \
                                 `vault_password_file = \"FILE\"` in hostler.toml";

/// A vault that stays closed: a variable or a whole file (`what`).
pub(super) fn vault(span: Span, what: &str, closed: &Closed) -> Diagnostic {
    let of = |label: &Option<String>| match label {
        Some(label) => format!(" with the label `{label}`"),
        None => String::new(),
    };
    match closed {
        Closed::NoPassword { label } => {
            let message = format!("{what} is in a vault{}, and there is no password for it", of(label));
            Diagnostic::error("inventory/vault-locked", span, message).help(GIVE_THE_PASSWORD)
        }
        Closed::WrongPassword { label } => {
            let message = format!("no password that was given opens the vault{} of {what}", of(label));
            Diagnostic::error("inventory/vault-wrong-password", span, message)
                .help("try it with `ansible-vault view FILE --vault-password-file FILE`")
        }
        Closed::Damaged(why) => {
            Diagnostic::error("inventory/vault-damaged", span, format!("the vault of {what} is damaged: {why}"))
                .help("encrypt it again with `ansible-vault`")
        }
        Closed::Cipher(name) => {
            let message = format!("the vault of {what} is encrypted with `{name}`, which is not known here");
            Diagnostic::error("inventory/vault-damaged", span, message).help("encrypt it again with `ansible-vault`")
        }
    }
}

/// The text in a vault can not be read; what it says stays unsaid.
pub(super) fn vault_content(span: Span, path: &str) -> Diagnostic {
    Diagnostic::error("inventory/yaml", span, format!("what the vault `{path}` holds can not be read as YAML"))
        .help(format!("see it with `ansible-vault view {path}`"))
}

pub(super) fn template(span: Span, name: &str, host: &str, why: &str) -> Diagnostic {
    Diagnostic::error("inventory/template", span, format!("`{name}` of `{host}` has no value: {why}"))
        .label("this template")
        .help("define what is missing, or write the value itself")
}

/// What a template lacks may be in an encrypted file that applies to the host and stayed closed.
pub(super) fn may_be_locked(problem: Diagnostic, file: Span) -> Diagnostic {
    let message = format!("{}, or it is in a vault for which there is no password", problem.message);
    Diagnostic { code: "inventory/vault-locked", message, ..problem }
        .and(file, "this file is encrypted")
        .help(GIVE_THE_PASSWORD)
}

pub(super) fn template_needs(span: Span, name: &str, host: &str, other: &str, cause: &Diagnostic) -> Diagnostic {
    let message = format!("`{name}` of `{host}` has no value, because `{other}` has none: {}", cause.message);
    let mut error = Diagnostic::error(cause.code, span, message).label(format!("this template uses `{other}`"));
    if let Some(primary) = &cause.primary {
        error = error.and(primary.span, format!("`{other}`"));
    }
    match &cause.help {
        Some(help) => error.help(help.clone()),
        None => error,
    }
}

pub(super) fn template_loop(span: Span, name: &str, host: &str) -> Diagnostic {
    Diagnostic::error("inventory/template", span, format!("`{name}` of `{host}` refers to itself"))
        .help("give one of the variables in the circle a value of its own")
}

pub(super) fn template_chain(span: Span, name: &str, host: &str, limit: usize) -> Diagnostic {
    let message = format!("`{name}` of `{host}` is the last of more than {limit} variables that refer to each other");
    Diagnostic::error("inventory/template", span, message)
}

pub(super) fn connection(span: Span, name: &str, host: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error("inventory/connection", span, format!("`{name}` of `{host}` is {wanted}, and this is not"))
}
