//! Programs that run another command: `sudo`, `env`, `timeout` and their like.

use super::Seen;

/// Programs that run the command that follows their own options, each with those of its options that take a word.
const WRAPPERS: [(&str, &[&str]); 10] = [
    ("busybox", &[]),
    ("doas", &["-u", "-C"]),
    ("env", &["-u", "--unset", "-C", "--chdir"]),
    ("ionice", &["-c", "--class", "-n", "--classdata"]),
    ("nice", &["-n", "--adjustment"]),
    ("nohup", &[]),
    ("setsid", &[]),
    ("sudo", &["-u", "--user", "-g", "--group", "-C", "-p", "--prompt", "-D", "-h", "-R", "-T", "-U"]),
    ("systemd-run", &["-p", "--property", "-u", "--unit", "-M", "--machine", "-E", "--setenv", "-H", "--host"]),
    ("timeout", &["-k", "--kill-after", "-s", "--signal"]),
];

/// Where the command stands behind `sudo`, `env`, `timeout` and their like.
pub(super) fn inner_command(seen: &[Seen<'_>]) -> usize {
    let mut at = 0;
    while let Some(name) = seen.get(at).and_then(|word| word.literal.as_deref()) {
        let base = name.rsplit('/').next().unwrap_or(name);
        let Some((_, with_word)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == base) else { break };
        let mut next = at + 1;
        while let Some(text) = seen.get(next).and_then(|word| word.literal.as_deref()) {
            if text == "--" {
                next += 1;
                break;
            } else if text.starts_with('-') {
                next += 1 + usize::from(with_word.contains(&text));
            } else if base == "env" && text.contains('=') {
                next += 1;
            } else {
                break;
            }
        }
        // `timeout 30 qm …`: its own argument comes before the command.
        if base == "timeout" {
            next += 1;
        }
        if next >= seen.len() {
            break;
        }
        at = next;
    }
    at
}
