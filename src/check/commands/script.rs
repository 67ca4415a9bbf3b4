//! Scripts in commands: which word is one, and what it must not hide.

use std::ops::Range;

use super::words::{SHELLS, Seen};

/// Commands of a hypervisor that act on guests.
const HYPERVISOR: [&str; 5] = ["qm", "pct", "virsh", "pvesh", "ha-manager"];

/// Which words are a script, when the command runs one.
pub(super) fn script_word(command: &str, seen: &[Seen<'_>], start: usize) -> Option<Range<usize>> {
    let rest = start + 1;
    match command {
        "eval" => Some(rest..seen.len()),
        "ssh" => {
            let host = (rest..seen.len())
                .find(|at| !seen[*at].literal.as_deref().is_some_and(|text| text.starts_with('-')))?;
            (host + 1 < seen.len()).then_some(host + 1..seen.len())
        }
        "su" => after_c(seen, rest),
        _ if SHELLS.contains(&command) => after_c(seen, rest).or_else(|| {
            // `sh 'script'`: a quoted word right after `sh` is a script of ours, a bare one a file.
            (command == "sh" && seen.get(rest).is_some_and(|word| word.quoted)).then_some(rest..rest + 1)
        }),
        _ => None,
    }
}

fn after_c(seen: &[Seen<'_>], from: usize) -> Option<Range<usize>> {
    let at = (from..seen.len()).find(|at| {
        seen[*at].literal.as_deref().is_some_and(|text| {
            text == "--command" || (text.starts_with('-') && !text.starts_with("--") && text.ends_with('c'))
        })
    })?;
    (at + 1 < seen.len()).then_some(at + 1..at + 2)
}

/// The first command of a hypervisor that a script names as a word of its own.
pub(super) fn hypervisor_word(script: &str) -> Option<String> {
    let mut words = script.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')));
    words.find_map(|word| {
        let base = word.rsplit('/').next().unwrap_or(word);
        HYPERVISOR.contains(&base).then(|| base.to_string())
    })
}

/// A machine's own power command that a script seems to run. What a shell makes of a script nobody can be sure of
/// without being that shell, so this looks only at words where a command may stand.
pub(super) fn own_power_word(script: &str) -> Option<String> {
    let without_comments = script.lines().map(|line| line.split(" #").next().unwrap_or(line));
    without_comments
        .flat_map(|line| line.split([';', '&', '|', '(', ')', '{', '}', '`', '!']))
        .find_map(|command| own_power(&mut command.split_whitespace().peekable()))
}

/// Words that stand before a command and are none.
const BEFORE: [&str; 14] =
    ["if", "then", "else", "elif", "do", "while", "until", "exec", "command", "sudo", "nohup", "setsid", "env", "time"];

fn own_power<'w>(words: &mut std::iter::Peekable<impl Iterator<Item = &'w str>>) -> Option<String> {
    let is_before = |word: &&str| BEFORE.contains(word) || word.starts_with('-') || word.contains('=');
    while words.next_if(is_before).is_some() {}
    let command = words.next()?.trim_matches(['"', '\'']);
    let base = command.rsplit('/').next().unwrap_or(command);
    let mut then = |wanted: &[&str]| words.any(|word| wanted.contains(&word)).then(|| base.to_string());
    match base {
        "reboot" | "poweroff" | "halt" => Some(base.to_string()),
        // `shutdown -c` takes one back.
        "shutdown" => (!words.any(|word| word == "-c")).then(|| base.to_string()),
        "init" | "telinit" => then(&["0", "6"]),
        "systemctl" => then(&["reboot", "poweroff", "halt", "kexec", "reboot.target", "poweroff.target"]),
        "qemu-ga" => then(&["--shutdown"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_hides_no_command_of_a_hypervisor() {
        assert_eq!(hypervisor_word("set -e; /usr/sbin/qm stop 101").as_deref(), Some("qm"));
        assert_eq!(hypervisor_word("x=$(pvesh get /nodes)").as_deref(), Some("pvesh"));
        assert_eq!(hypervisor_word("echo qmail; ls /etc/pve/qemu-server"), None);
    }

    #[test]
    fn a_power_command_is_seen_where_a_command_may_stand() {
        for script in [
            "reboot",
            "apt-get update && /sbin/reboot",
            "if true; then sudo -n systemctl --no-block reboot; fi",
            "sleep 5; shutdown -r now",
            "(nohup poweroff &)",
            "FOO=1 init 6",
            "set -e\n  exec halt -p\n",
            "x=$(shutdown now)",
        ] {
            assert!(own_power_word(script).is_some(), "{script}");
        }
        for script in
            ["echo reboot", "test -e /run/reboot-required", "shutdown -c", "systemctl restart x", "# reboot", "init 3"]
        {
            assert_eq!(own_power_word(script), None, "{script}");
        }
    }
}
