//! What the checker says. One function for each diagnostic: its code, wording and help live here only.

mod warnings;

use indexmap::IndexSet;

use super::{Type, duration_text};
use crate::diag::{Diagnostic, nearest};
use crate::inventory::Way;
use crate::text::Span;
pub(super) use warnings::{bad_allow, hard_stop, may_be_guest_initiated, old_system, sleep, unreachable, unused};

fn or_list(words: &[&str]) -> String {
    let words: Vec<&str> = words.iter().copied().collect::<IndexSet<_>>().into_iter().collect();
    let quoted = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match words.as_slice() {
        [] => String::new(),
        [one] => format!("`{one}`"),
        // Nobody reads eighty options; the nearest one is named where there is one.
        words if words.len() > 20 => format!("{} or one of {} more", quoted(&words[..12]), words.len() - 12),
        [rest @ .., last] => format!("{} or `{last}`", quoted(rest)),
    }
}

/// "pbs", "pbs and pve", "a, b, c and 4 more".
fn and_list(words: &[String]) -> String {
    match words {
        [] => "nothing".to_string(),
        [one] => format!("`{one}`"),
        [one, two] => format!("`{one}` and `{two}`"),
        _ if words.len() > 6 => {
            let first = words[..5].iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            format!("{first} and {} more", words.len() - 5)
        }
        [rest @ .., last] => {
            let rest = rest.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            format!("{rest} and `{last}`")
        }
    }
}

fn meant<'a>(
    diagnostic: Diagnostic,
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
    else_help: &str,
) -> Diagnostic {
    match nearest(written, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if else_help.is_empty() => diagnostic,
        None => diagnostic.help(else_help.to_string()),
    }
}

// Names

pub(super) fn unknown_host<'a>(span: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-host", span, format!("no host or group is called `{name}`"))
        .label("not in the inventory");
    meant(diagnostic, name, known, "`hostler inventory --list` shows every host and group")
}

pub(super) fn host_that_is_a_value(span: Span, name: &str, ty: &Type) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is {ty}, and a place is wanted here"))
        .help("a place is a host of the inventory, `guest`, `hypervisor` or `controller`")
}

pub(super) fn group_as_place(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a group, and a command runs on one host"))
        .label("a group")
        .help(format!("write `for h in {name} {{ on h: … }}`"))
}

pub(super) fn group_as_value(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a group, and one host is wanted here"))
        .label("a group")
}

pub(super) fn no_hypervisor_here(span: Span) -> Diagnostic {
    Diagnostic::error("name/unknown-host", span, "`hypervisor` means nothing here: this code is about no host")
        .help("give the task or probe a first parameter of type `Guest`, or name the host")
}

pub(super) fn unknown_value<'a>(span: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-value", span, format!("nothing is called `${name}`"))
        .label("no parameter, no `let`, and no variable of any host");
    match nearest(name, known) {
        Some(near) => diagnostic.help(format!("did you mean `${near}`?")),
        None => diagnostic.help(format!(
            "declare it: `let {name} = …`, a parameter, or `needs {name}: Str` for a variable of the inventory"
        )),
    }
}

pub(super) fn value_without_subject(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        "name/unknown-value",
        span,
        format!("`${name}` is a variable of the inventory, and this code is about no host"),
    )
    .help("give the task or probe a first parameter of type `Guest` or `Host`")
}

pub(super) fn value_as_place(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a value; write it with a dollar"))
        .help(format!("write `${name}`"))
}

pub(super) fn place_as_text(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{name}` is a place, and a value is wanted here"))
        .help(format!("write `${name}` for its inventory name, or `\"{name}\"` for the text"))
}

pub(super) fn unknown_task<'a>(
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

pub(super) fn unknown_probe<'a>(
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

pub(super) fn unknown_module(span: Span, path: &str, looked: &str) -> Diagnostic {
    Diagnostic::error("name/unknown-module", span, format!("there is no module `{path}`"))
        .label(looked.to_string())
        .help("`use std.apt` brings a module of the standard library, `use ./lib/dns` the file `lib/dns.plan` beside this one")
}

pub(super) fn unknown_in_module<'a>(
    span: Span,
    module: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-module", span, format!("the module `{module}` has no `{name}`"));
    meant(diagnostic, name, known, "")
}

pub(super) fn unknown_plan<'a>(span: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-plan", span, format!("no plan is called `{name}`"));
    meant(diagnostic, name, known, "declare it in this file, or bring it with `use ./file.plan_name`")
}

pub(super) fn unknown_channel<'a>(span: Span, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("name/unknown-channel", span, format!("`hostler.toml` has no channel `{name}`"));
    meant(diagnostic, name, known, &format!("add it: `[notify.{name}]` with `kind = \"ntfy\"` and `url = \"…\"`"))
}

pub(super) fn shadows(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("name/shadows", span, format!("`{name}` is already the name of a value here"))
        .and(first, "declared here")
        .help("choose another name: a value never changes")
}

pub(super) fn declared_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("name/twice", span, format!("`{name}` is declared twice in this file"))
        .and(first, "first declared here")
}

pub(super) fn braces_needed(span: Span, written: &str, member: &str, what: &str) -> Diagnostic {
    Diagnostic::error(
        "name/braces-needed",
        span,
        format!("`${written}{member}` means the value `${written}` and the text `{member}`"),
    )
    .label(what.to_string())
    .help(format!("write `${{{written}{member}}}`; or `${{{written}}}{member}` if the text is meant"))
}

// Types

pub(super) fn mismatch(span: Span, found: &Type, wanted: &Type) -> Diagnostic {
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

pub(super) fn not_one_of(span: Span, found: &str, wanted: &[String]) -> Diagnostic {
    let words: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let diagnostic = Diagnostic::error("type/mismatch", span, format!("this is never `\"{found}\"`"))
        .label(format!("one of {}", or_list(&words)));
    match nearest(found, words.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `\"{near}\"`?")),
        None => diagnostic,
    }
}

pub(super) fn not_comparable(span: Span, left: &Type, right: &Type) -> Diagnostic {
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

pub(super) fn no_operator(span: Span, op: &str, left: &Type, right: &Type) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`{op}` does not work on {left} and {right}"))
}

pub(super) fn unknown_type(span: Span, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("type/unknown-type", span, format!("there is no type `{name}`"));
    meant(diagnostic, name, Type::NAMES, &format!("the types are {}", Type::NAMES.join(", ")))
}

pub(super) fn unknown_member<'a>(
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

pub(super) fn unknown_argument<'a>(
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

pub(super) fn missing_parameter(span: Span, name: &str, of: &str) -> Diagnostic {
    Diagnostic::error("type/missing-argument", span, format!("`{of}` needs a value for `{name}`"))
        .help(format!("write `{name}: …` between the parentheses"))
}

pub(super) fn too_many_arguments(span: Span, of: &str, takes: usize) -> Diagnostic {
    let plural = if takes == 1 { "" } else { "s" };
    Diagnostic::error("type/too-many-arguments", span, format!("`{of}` takes {takes} argument{plural}"))
}

pub(super) fn argument_twice(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/argument-twice", span, format!("`{name}` is given twice"))
}

pub(super) fn positional_after_named(span: Span) -> Diagnostic {
    Diagnostic::error("type/argument-order", span, "an argument without a name stands after one with a name")
        .help("write the positional arguments first, or name this one too")
}

pub(super) fn no_value(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("{what} has no text that could stand here"))
}

pub(super) fn bad_regex(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("type/bad-regex", span, format!("this regular expression can not be read: {why}"))
}

pub(super) fn needs_constant(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        "type/not-constant",
        span,
        format!("{what} is known before the run: write it as a literal, or a parameter's name"),
    )
}

// Commands

pub(super) fn dynamic(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        "command/dynamic",
        span,
        format!("{what} is written out, not a value: what a plan does is known before it runs"),
    )
    .help("write one `if` branch for each command that is meant")
}

pub(super) fn unknown_subcommand<'a>(
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

pub(super) fn missing_subcommand<'a>(
    span: Span,
    command: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().take(12).collect();
    Diagnostic::error("command/missing-argument", span, format!("`{command}` needs a subcommand"))
        .help(format!("one of {}", or_list(&known)))
}

pub(super) fn unknown_option<'a>(
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

pub(super) fn missing_argument(span: Span, command: &str, slot: &str) -> Diagnostic {
    Diagnostic::error("command/missing-argument", span, format!("`{command}` needs {slot}"))
        .label("something is missing after this")
        .help(format!("write `{command} {slot}`"))
}

pub(super) fn missing_option_value(span: Span, option: &str, slot: &str) -> Diagnostic {
    Diagnostic::error("command/missing-argument", span, format!("`{option}` needs a value"))
        .help(format!("write `{option} {slot}`"))
}

pub(super) fn unexpected_argument(span: Span, command: &str) -> Diagnostic {
    Diagnostic::error("command/unexpected-argument", span, format!("`{command}` takes no further argument"))
}

pub(super) fn slot_words(span: Span, written: &str, words: &[String]) -> Diagnostic {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Diagnostic::error("type/mismatch", span, format!("`{written}` is not what stands here"))
        .label(format!("one of {}", or_list(&words)))
}

pub(super) fn slot_literal(span: Span, written: &str, wanted: &Type, unit: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("type/mismatch", span, format!("`{written}` is no {wanted}"));
    match (wanted, unit) {
        (Type::Duration, Some(unit)) => diagnostic.help(format!(
            "write a time span like `5m`, or a bare number, which is read in the command's unit ({unit})"
        )),
        (Type::VmId, _) => diagnostic.help("a VmId is a number from 100 to 999999999; `$vmid` is the guest's own"),
        _ => diagnostic,
    }
}

pub(super) fn option_like_value(span: Span, name: &str, value: &str) -> Diagnostic {
    Diagnostic::error(
        "command/option-like-value",
        span,
        format!("`{name}` is `{value}`, which the command would read as an option"),
    )
    .help(format!("write `--` before it, or `./{name}` for a file"))
}

pub(super) fn script_interpolation(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        "command/script-interpolation",
        span,
        format!("the value `{name}` would become a part of the script"),
    )
    .label("data is never code")
    .help(format!("write the script in single quotes and hand the value over: `sh '… \"$1\" …' {name}`"))
}

pub(super) fn spread_needs_list(span: Span, name: &str, found: &Type) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`${{{name}...}}` spreads a list, and `${name}` is {found}"))
}

pub(super) fn list_as_word(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, format!("`${name}` is a list, and this is one word"))
        .help(format!("write `${{{name}...}}`: each item becomes a word of its own"))
}

pub(super) fn wrong_place(span: Span, command: &str, wanted: &str, place: &str, help: &str) -> Diagnostic {
    Diagnostic::error("command/wrong-place", span, format!("`{command}` runs on a {wanted}, and `{place}` is none"))
        .help(help.to_string())
}

// Inventory

pub(super) fn missing_variable(span: Span, name: &str, hosts: &[String]) -> Diagnostic {
    Diagnostic::error(
        "inventory/missing-variable",
        span,
        format!("{} {} no `{name}`", and_list(hosts), if hosts.len() == 1 { "has" } else { "have" }),
    )
    .label(format!("`{name}` is needed here"))
}

const WINDOWS: &str = "a guest that runs Windows is restarted and watched from its hypervisor, with \
                       `hostler_proof: [power, agent]` among its variables; no command runs on it";

/// A variable of the inventory asks for a way to these hosts that there is not here.
pub(super) fn no_way(span: Span, name: &str, way: &Way, hosts: &[String]) -> Diagnostic {
    const CODE: &str = "inventory/connection";
    let hosts = and_list(hosts);
    match way {
        Way::Connection(kind) => {
            let message = format!("{hosts}: there is no connection `{kind}` here; hosts are reached by OpenSSH");
            let error = Diagnostic::error(CODE, span, message);
            match kind.rsplit('.').next().unwrap_or(kind) {
                "winrm" | "psrp" | "psexec" => error.help(WINDOWS),
                _ => error.help(
                    "a container is reached from the host that it runs on: `on HOST: docker exec …`; a host with an ssh \
                     server says `ansible_connection: ssh`",
                ),
            }
        }
        Way::Shell(kind) => {
            Diagnostic::error(CODE, span, format!("{hosts}: commands need a POSIX shell, and this says `{kind}`"))
                .help(WINDOWS)
        }
        Way::Password => {
            let message = format!("{hosts}: nobody logs in with a password here, and `{name}` is not used");
            Diagnostic::warning(CODE, span, message).help(
                "log in with a key, which `ssh-copy-id` installs; where it is named, nothing is said: \
                 `ansible_ssh_private_key_file: ~/.ssh/id_ed25519`",
            )
        }
        Way::BecomeMethod(method) => {
            let message = format!("{hosts}: commands become another user with `sudo` only, and this says `{method}`");
            Diagnostic::error(CODE, span, message).help(
                "install sudo there and write `ansible_become_method: sudo`, or log in as the user: `ansible_user: root`",
            )
        }
        Way::BecomePassword => {
            let message = format!("{hosts}: `sudo` is given no password here, and `{name}` is not used");
            Diagnostic::warning(CODE, span, message).help(
                "let the user become another without one (`NAME ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/hostler), or log in as \
                 the user: `ansible_user: root`",
            )
        }
    }
}

/// A variable that these hosts seem to lack may stand in an encrypted file: `files` has those, with their starts.
pub(super) fn maybe_locked(span: Span, name: &str, hosts: &[String], files: &[(String, Span)]) -> Diagnostic {
    let named: Vec<String> = files.iter().map(|(file, _)| file.clone()).collect();
    let message = format!(
        "`{name}` of {} may stand in {}, which {} encrypted, and no password was given",
        and_list(hosts),
        and_list(&named),
        if files.len() == 1 { "is" } else { "are" },
    );
    let mut error =
        Diagnostic::error("inventory/vault-locked", span, message).label(format!("`{name}` is needed here"));
    for (_, at) in files.iter().take(3) {
        error = error.and(*at, "this file is encrypted");
    }
    error.help(
        "give the file that holds the password: `--vault-password-file FILE`, or `vault_password_file = \"FILE\"` in \
         hostler.toml",
    )
}

pub(super) fn wrong_type(span: Span, name: &str, host: &str, why: &str) -> Diagnostic {
    Diagnostic::error("inventory/wrong-type", span, format!("`{name}` of `{host}`: {why}"))
}

pub(super) fn vmid_ambiguous(span: Span, raw: &str, value: &str) -> Diagnostic {
    Diagnostic::error(
        "inventory/vmid-ambiguous",
        span,
        format!(
            "`vmid: {raw}` can be read in two ways: YAML makes it {value}, a person reads {}",
            raw.trim_start_matches('0')
        ),
    )
    .help(format!("write it without the leading zero: `vmid: {}`", raw.trim_start_matches('0')))
}

pub(super) fn vmid_out_of_range(span: Span, raw: &str) -> Diagnostic {
    Diagnostic::error("inventory/vmid-out-of-range", span, format!("no guest has the id {raw}"))
        .label("from 100 to 999999999")
        .help("`qm list` on the hypervisor shows the ids")
}

pub(super) fn duplicate_vmid(
    span: Span,
    id: &str,
    host: &str,
    other: &str,
    hypervisor: &str,
    other_span: Span,
) -> Diagnostic {
    Diagnostic::error(
        "inventory/duplicate-vmid",
        span,
        format!("`{host}` and `{other}` both are guest {id} of `{hypervisor}`"),
    )
    .and(other_span, format!("`{other}`"))
    .help(format!("`qm list` on `{hypervisor}` shows which of them it is"))
}

pub(super) fn unknown_hypervisor<'a>(
    span: Span,
    name: &str,
    host: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "inventory/unknown-hypervisor",
        span,
        format!("`{name}`, the hypervisor of `{host}`, is no host of the inventory"),
    );
    meant(
        diagnostic,
        name,
        known,
        &format!("add `{name}` to the inventory, or write `hypervisor: none` for bare metal"),
    )
}

pub(super) fn unknown_driver<'a>(
    span: Span,
    name: &str,
    host: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "inventory/unknown-driver",
        span,
        format!("`{host}` names the driver `{name}`, and there is none"),
    );
    meant(diagnostic, name, known, "`hostler_driver` is `proxmox` where nothing is said")
}

pub(super) fn no_hypervisor(span: Span, hosts: &[String]) -> Diagnostic {
    Diagnostic::error("inventory/missing-variable", span, format!("{} {} no hypervisor", and_list(hosts), if hosts.len() == 1 { "has" } else { "have" }))
        .label("the hypervisor is needed here")
        .help("name it in the inventory: `hypervisor: pve` (for all: in `group_vars/all.yml`), or `hypervisor = \"pve\"` in `hostler.toml`")
}

// Power and flow

pub(super) fn wrong_hypervisor(span: Span, place: &str, guest: &str, hypervisor: &str) -> Diagnostic {
    Diagnostic::error(
        "power/wrong-hypervisor",
        span,
        format!("`{place}` is not the hypervisor of `{guest}`: that is `{hypervisor}`"),
    )
    .help("write `on hypervisor: …`, which is each guest's own")
}

pub(super) fn other_guest(span: Span, what: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "power/other-guest",
        span,
        format!("`{command}` acts on {what}, and this plan is not about that guest"),
    )
    .label("not the plan's own guest")
    .help("write `$vmid` for the guest of this plan; make the other guest a target of a plan of its own")
}

pub(super) fn subject_in_loop(span: Span, command: &str, each: &str) -> Diagnostic {
    let message = format!("each time round, `{command}` acts on the plan's own guest, and not on `{each}`");
    Diagnostic::error("power/other-guest", span, message)
        .label(format!("nothing here is about `{each}`"))
        .help(format!("write a driver's task, as `restart({each})`, or a task of your own with `{each}` as its guest"))
}

pub(super) fn other_machine(span: Span, place: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "power/other-guest",
        span,
        format!("`{command}` changes the power of `{place}`, and this plan is not about that machine"),
    )
    .help("write a plan of its own for it: `plan … for host in …`, with `on host as root: systemctl reboot`")
}

pub(super) fn guest_initiated(span: Span, host: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "power/guest-initiated",
        span,
        format!("`{command}` lets the guest `{host}` change its own power: the hypervisor is the authority on it"),
    )
    .help("write `restart(guest)`, or `on hypervisor: qm reboot $vmid`")
}

pub(super) fn destroys(span: Span, command: &str, why: &str) -> Diagnostic {
    Diagnostic::error("power/destroys", span, format!("`{command}` {why}"))
        .help("if that is meant, write `unguarded identity \"the reason\"` before the colon")
}

pub(super) fn left_off(span: Span) -> Diagnostic {
    Diagnostic::error("power/left-off", span, "the plan ends with the guest off")
        .label("off after this")
        .help("start it again: `on hypervisor: qm start $vmid`; or write `keep off` if that is meant")
}

pub(super) fn hidden_in_script(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        "power/hidden-in-script",
        span,
        format!("the script names `{word}`, and nobody can tell what it does to which guest"),
    )
    .help(format!("write `on hypervisor: {word} …` as a command of its own"))
}

pub(super) fn probe_changes(span: Span, command: &str) -> Diagnostic {
    Diagnostic::error("flow/probe-changes", span, format!("a probe only reads, and `{command}` may change something"))
        .help("make it a task; or, if the command changes nothing, say so: `on … reading: …`")
}

pub(super) fn not_reading(span: Span, command: &str) -> Diagnostic {
    Diagnostic::error("command/not-reading", span, format!("`{command}` is known to change something"))
        .label("`reading` says that it does not")
        .help("take `reading` away: it is for commands that hostler does not know")
}

pub(super) fn probe_acts(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("flow/probe-changes", span, format!("a probe only reads, and {what} does not stand in one"))
}

pub(super) fn recursion(span: Span, path: &str) -> Diagnostic {
    Diagnostic::error("flow/recursion", span, format!("this never ends: {path}"))
        .help("every plan ends, so nothing calls itself; use `for` or `retry`")
}

pub(super) fn site_plan_command(span: Span) -> Diagnostic {
    Diagnostic::error("flow/site-plan-command", span, "a plan without `for` is about no host and takes no commands")
        .help("write `plan … for guest in …`, and `run` that plan here")
}

pub(super) fn site_plan_statement(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("flow/site-plan-command", span, format!("{what} does not stand in a plan without `for`"))
        .help("a site plan may `run` plans, and use `let if for try notify confirm warn record fail`")
}

pub(super) fn run_outside(span: Span) -> Diagnostic {
    Diagnostic::error("flow/run-in-plan", span, "`run` stands in a plan without `for`")
        .help("a plan about hosts calls tasks; a site plan runs plans")
}

pub(super) fn return_outside(span: Span) -> Diagnostic {
    Diagnostic::error("flow/return-outside", span, "`return` stands in a task or a probe")
        .help("write `skip \"why\"` where a guest is done")
}

pub(super) fn probe_without_answer(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("flow/no-answer", span, format!("the probe `{name}` can end without an answer"))
        .help("end it with `return …`")
}

pub(super) fn secret_exposed(span: Span, sink: &str) -> Diagnostic {
    Diagnostic::error("secret/exposed", span, format!("a secret would show in {sink}"))
        .help("a secret travels by `stdin $x` or `env NAME=$x`, written before the colon")
}

// Time

pub(super) fn bad_window(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("time/bad-window", span, format!("this window can not be read: {why}"))
        .help("write days and times: `\"Sat,Sun 01:00-06:00\"`, or only times for every day")
}

pub(super) fn exceeds_window(span: Span, host: &str, longest: u64, open: u64, costliest: Option<Span>) -> Diagnostic {
    let (longest, open) = (duration_text(longest), duration_text(open));
    let error = Diagnostic::error(
        "time/exceeds-window",
        span,
        format!("`{host}` can take {longest}, and the window is open for {open}"),
    )
    .help("make the window longer, or the waits and deadlines of the plan shorter");
    match costliest {
        Some(statement) => error.and(statement, "this can take longest"),
        None => error,
    }
}

// What to run

pub(super) fn no_target(span: Span) -> Diagnostic {
    Diagnostic::error("run/no-target", span, "a script does not say for whom it runs")
        .help("name the guests: `--target pbs`")
}

pub(super) fn which_plan(span: Span, names: &[String]) -> Diagnostic {
    Diagnostic::error("run/which-plan", span, format!("this file has several plans: {}", and_list(names)))
        .help(format!("say which: `--plan {}`", names.first().map_or("NAME", String::as_str)))
}

pub(super) fn nothing_to_run(span: Span) -> Diagnostic {
    Diagnostic::error("run/nothing", span, "there is no plan and no statement in this file")
}

pub(super) fn bad_pattern(what: &str, why: &str) -> Diagnostic {
    Diagnostic::nowhere("inventory/bad-pattern", format!("{what}: {why}"))
}

pub(super) fn no_targets(span: Span, pattern: &str) -> Diagnostic {
    Diagnostic::error("run/no-target", span, format!("nothing is left of the plan's targets by {pattern}"))
        .help("`--target` and `--limit` only narrow what the plan's `for` names")
}

pub(super) fn unknown_parameter<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::nowhere("run/bad-argument", format!("the plan has no parameter `{name}`"));
    meant(diagnostic, name, known, "")
}

pub(super) fn bad_parameter(name: &str, why: &str) -> Diagnostic {
    Diagnostic::nowhere("run/bad-argument", format!("`--set {name}`: {why}"))
}
