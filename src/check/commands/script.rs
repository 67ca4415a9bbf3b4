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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_hides_no_command_of_a_hypervisor() {
        assert_eq!(hypervisor_word("set -e; /usr/sbin/qm stop 101").as_deref(), Some("qm"));
        assert_eq!(hypervisor_word("x=$(pvesh get /nodes)").as_deref(), Some("pvesh"));
        assert_eq!(hypervisor_word("echo qmail; ls /etc/pve/qemu-server"), None);
    }
}
