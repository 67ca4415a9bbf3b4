//! The command line of `qm`: its commands, their arguments and options, and what is said of wrong ones.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Said;

/// Every command with its arguments, as `qm` prints them (qemu-server 8.4 and 9.2).
const USAGE: &str = include_str!("../../../../src/lab/qm/usage.txt");

/// What the agent can be asked by `qm guest cmd`.
const AGENT_COMMANDS: [&str; 20] = [
    "fsfreeze-freeze",
    "fsfreeze-status",
    "fsfreeze-thaw",
    "fstrim",
    "get-fsinfo",
    "get-host-name",
    "get-memory-block-info",
    "get-memory-blocks",
    "get-osinfo",
    "get-time",
    "get-timezone",
    "get-users",
    "get-vcpus",
    "info",
    "network-get-interfaces",
    "ping",
    "shutdown",
    "suspend-disk",
    "suspend-hybrid",
    "suspend-ram",
];

/// A command line that `qm` takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// `start`, `guest cmd`.
    pub(super) command: String,
    /// The guest's id, as written; empty for `list`.
    pub(super) id: String,
    /// Arguments behind the id.
    pub(super) rest: Vec<String>,
    /// Options by their names, without dashes.
    pub(super) options: BTreeMap<String, String>,
}

impl Line {
    pub(super) fn seconds(&self, option: &str) -> Option<Duration> {
        self.options.get(option)?.parse().ok().map(Duration::from_secs)
    }

    pub(super) fn flag(&self, option: &str) -> bool {
        self.options.get(option).is_some_and(|value| value != "0")
    }
}

/// The options of a command: those of yes and no, numbers with the smallest, and others. `None` where any is taken.
struct Options {
    flags: &'static [&'static str],
    numbers: &'static [(&'static str, i64)],
    others: &'static [&'static str],
}

fn options(command: &str) -> Option<Options> {
    let none = Options { flags: &[], numbers: &[], others: &[] };
    let found = match command {
        "start" => Options {
            flags: &["skiplock", "with-conntrack-state"],
            numbers: &[("timeout", 0)],
            others: &[
                "force-cpu",
                "machine",
                "migratedfrom",
                "migration_network",
                "migration_type",
                "nets-host-mtu",
                "stateuri",
                "targetstorage",
            ],
        },
        "shutdown" => Options { flags: &["forceStop", "keepActive", "skiplock"], numbers: &[("timeout", 0)], ..none },
        "stop" => Options {
            flags: &["keepActive", "overrule-shutdown", "skiplock"],
            numbers: &[("timeout", 0)],
            others: &["migratedfrom"],
        },
        "reboot" => Options { numbers: &[("timeout", 0)], ..none },
        "wait" => Options { numbers: &[("timeout", 1)], ..none },
        "reset" => Options { flags: &["skiplock"], ..none },
        "suspend" => Options { flags: &["skiplock", "todisk"], others: &["statestorage"], ..none },
        "resume" => Options { flags: &["nocheck", "skiplock"], ..none },
        "status" => Options { flags: &["verbose"], ..none },
        "list" => Options { flags: &["full"], ..none },
        "config" => Options { flags: &["current"], others: &["snapshot"], ..none },
        "showcmd" => Options { flags: &["pretty"], others: &["snapshot"], ..none },
        "guest exec" => Options { flags: &["pass-stdin", "synchronous"], numbers: &[("timeout", 0)], ..none },
        "destroy" => Options { flags: &["destroy-unreferenced-disks", "purge", "skiplock"], ..none },
        "template" => Options { others: &["disk"], ..none },
        "pending" | "unlock" | "guest cmd" | "guest exec-status" | "monitor" | "listsnapshot" => none,
        _ => return None,
    };
    Some(found)
}

/// Reads a command line, or answers what `qm` says of it.
pub(super) fn read(words: &[String]) -> Result<Line, Said> {
    let Some(first) = words.first() else { return Err(unknown("ERROR: no command specified")) };
    let groups = ["guest", "disk", "cloudinit"];
    let (command, rest) = match (first.as_str(), words.get(1)) {
        ("agent", _) => ("guest cmd".to_string(), &words[1..]),
        ("move-disk" | "move_disk", _) => ("disk move".to_string(), &words[1..]),
        ("resize", _) => ("disk resize".to_string(), &words[1..]),
        (group, None) if groups.contains(&group) => return Err(unknown("ERROR: no command specified")),
        (group, Some(second)) if groups.contains(&group) => (format!("{group} {second}"), &words[2..]),
        (other, _) => (other.to_string(), &words[1..]),
    };
    let Some(usage) = usage_of(&command) else {
        return Err(unknown(&format!("ERROR: unknown command 'qm {command}'")));
    };
    let wrong = |text: &str| Said::wrong(2, &format!("{text}\n{usage}"));
    let (positional, options) = split(&command, rest).map_err(|text| wrong(&text))?;
    let names: Vec<&str> = usage.split_whitespace().skip(1 + command.split(' ').count()).collect();
    let wanted = names.iter().filter(|name| name.starts_with('<')).count();
    if positional.len() < wanted {
        return Err(wrong("400 not enough arguments"));
    }
    let most = names.iter().filter(|name| **name != "[OPTIONS]").count();
    if positional.len() > most && command != "guest exec" && command != "help" {
        return Err(wrong("400 too many arguments"));
    }
    let mut problems: BTreeMap<String, String> = numbers(&command, &options);
    let has_id = names.first() == Some(&"<vmid>");
    if let (true, Some(id)) = (has_id, positional.first()) {
        problems.extend(wrong_id(id).map(|why| ("vmid".to_string(), why)));
    }
    if let ("guest cmd", Some(asked)) = (command.as_str(), positional.get(1))
        && !AGENT_COMMANDS.contains(&asked.as_str())
    {
        let known = AGENT_COMMANDS.join(", ");
        let why = format!("value '{asked}' does not have a value in the enumeration '{known}'");
        problems.insert("command".to_string(), why);
    }
    if !problems.is_empty() {
        let lines: String = problems.iter().map(|(name, why)| format!("{name}: {why}\n")).collect();
        let lines = lines.strip_suffix('\n').unwrap_or(&lines);
        return Err(wrong(&format!("400 Parameter verification failed.\n{lines}")));
    }
    let id = if has_id { positional.first().cloned().unwrap_or_default() } else { String::new() };
    let rest = positional.into_iter().skip(usize::from(has_id)).collect();
    Ok(Line { command, id, rest, options })
}

/// Everything that `qm` offers, behind what is wrong.
fn unknown(what: &str) -> Said {
    Said::wrong(255, &format!("{what}\n{}", USAGE.trim_end_matches('\n')))
}

/// `qm start <vmid> [OPTIONS]`
fn usage_of(command: &str) -> Option<&'static str> {
    let of = |line: &&str| {
        line.strip_prefix("qm ")
            .is_some_and(|line| line.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    };
    let mut lines = USAGE.lines().skip(1).map(|line| line.trim_start()).filter(of);
    lines.next()
}

type Split = (Vec<String>, BTreeMap<String, String>);

/// Arguments and options. Behind `--` there are none.
fn split(command: &str, words: &[String]) -> Result<Split, String> {
    let known = options(command);
    let (mut positional, mut options) = (Vec::new(), BTreeMap::new());
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            positional.extend(words.cloned());
            break;
        }
        let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|name| !name.is_empty())
        else {
            positional.push(word.clone());
            continue;
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (name, None),
        };
        let is_flag = known.as_ref().is_some_and(|known| known.flags.contains(&name));
        if let Some(known) = &known
            && !is_flag
            && !known.others.contains(&name)
            && !known.numbers.iter().any(|(number, _)| *number == name)
        {
            return Err(format!("Unknown option: {name}\n400 unable to parse option"));
        }
        let value = match (value, is_flag) {
            (Some(value), _) => value,
            (None, true) => words.next_if(|next| matches!(next.as_str(), "0" | "1")).cloned().unwrap_or("1".into()),
            (None, false) => words.next().cloned().unwrap_or_default(),
        };
        options.insert(name.to_string(), value);
    }
    Ok((positional, options))
}

/// Numbers that are none, or too small.
fn numbers(command: &str, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut problems = BTreeMap::new();
    for (name, least) in options(command).map_or(&[][..], |options| options.numbers) {
        let Some(value) = given.get(*name) else { continue };
        match value.parse::<i64>() {
            Err(_) => problems.insert((*name).to_string(), format!("type check ('integer') failed - got '{value}'")),
            Ok(number) if number < *least => {
                problems.insert((*name).to_string(), format!("value must have a minimum value of {least}"))
            }
            Ok(_) => None,
        };
    }
    problems
}

/// Why this is no id of a guest (pve-common, JSONSchema.pm).
pub(super) fn wrong_id(id: &str) -> Option<String> {
    let digits = id.strip_prefix(['-', '+']).unwrap_or(id);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("type check ('integer') failed - got '{id}'"));
    }
    if id.len() < 3 || id.len() > 9 || id.starts_with(['0', '-', '+']) {
        return Some("invalid format - value does not look like a valid VM ID\n".to_string());
    }
    None
}
