//! Commands as scenes and tests name them.

use super::commands::unwrapped;

/// What names a command.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Its words with one blank between them; a `*` stands for one of them or a part of it, at the end for all that
    /// follow.
    Words(String),
    /// The first line of a script.
    Script(String),
    /// Words that it has, in this order.
    InOrder(Vec<String>),
}

impl Pattern {
    /// Whether this command is meant.
    pub fn fits(&self, argv: &[String]) -> bool {
        match self {
            Pattern::Words(words) => has_words(words, argv),
            Pattern::Script(line) => {
                let is_shell =
                    argv.first().is_some_and(|first| first == "sh") && argv.get(1).is_some_and(|word| word == "-c");
                let first = argv.get(2).and_then(|script| script.trim_start().lines().next());
                is_shell && first.is_some_and(|first| first.trim() == line.trim())
            }
            Pattern::InOrder(words) => is_like(words, argv),
        }
    }
}

fn has_words(words: &str, argv: &[String]) -> bool {
    let mut wanted = words.split(' ').peekable();
    for word in argv {
        match wanted.next() {
            Some("*") if wanted.peek().is_none() => return true,
            Some(pattern) if like(pattern, word) => {}
            _ => return false,
        }
    }
    wanted.next().is_none_or(|rest| rest == "*" && wanted.peek().is_none())
}

/// Whether a word is like a pattern, in which `*` stands for anything.
fn like(pattern: &str, word: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| word.strip_prefix(first)) else { return false };
    let mut last = None;
    for piece in pieces {
        last = Some(piece);
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    // Behind the last `*` stands how the word ends.
    last.map_or(rest.is_empty(), |last| word.ends_with(last))
}

/// Whether a command is meant: its program is the first word, and the others follow, with any between them. A script
/// is meant by its first line. What `sudo`, `timeout` and their like wrap is looked at too.
pub(crate) fn is_like(words: &[String], argv: &[String]) -> bool {
    let mut argv = argv.to_vec();
    loop {
        if is_itself(words, &argv) {
            return true;
        }
        match unwrapped(&argv) {
            Some(inner) => argv = inner,
            None => return false,
        }
    }
}

fn is_itself(words: &[String], argv: &[String]) -> bool {
    let (Some((wanted, rest)), Some((program, arguments))) = (words.split_first(), argv.split_first()) else {
        return false;
    };
    if wanted != program && Some(wanted.as_str()) != program.rsplit('/').next() {
        return false;
    }
    if let ([script], ["-c", text, ..]) = (rest, arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice())
        && wanted == "sh"
    {
        let first = |text: &str| text.trim_start().lines().next().unwrap_or_default().trim().to_string();
        return first(script) == first(text);
    }
    let mut arguments = arguments.iter();
    rest.iter().all(|word| arguments.any(|argument| argument == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(words: &str, argv: &str) -> bool {
        let list = |text: &str| text.split(' ').map(str::to_string).collect::<Vec<_>>();
        is_like(&list(words), &list(argv))
    }

    #[test]
    fn words_are_found_in_their_order() {
        assert!(meant("qm reboot 101", "qm reboot 101 --timeout 120"));
        assert!(meant("qm stop", "/usr/sbin/qm stop 101"));
        assert!(meant("apt-get dist-upgrade", "apt-get -y -o Dpkg::Use-Pty=0 dist-upgrade"));
        assert!(meant("qm reboot", "timeout 20m qm reboot 101"));
        assert!(!meant("qm reboot 102", "qm reboot 101 --timeout 120"));
        assert!(!meant("qm 101 reboot", "qm reboot 101"));
        assert!(!meant("reboot", "qm reboot 101"));
    }

    #[test]
    fn a_script_is_meant_by_its_first_line() {
        let argv = ["sh", "-c", "\n# my_check\nexit 0", "sh"].map(str::to_string);
        assert!(is_like(&["sh".to_string(), "# my_check".to_string()], &argv));
        assert!(!is_like(&["sh".to_string(), "# another".to_string()], &argv));
    }
}
