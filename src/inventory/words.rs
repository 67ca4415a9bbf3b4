//! Words as a shell splits them, which is how Ansible reads the line of a host and the arguments of ssh (Python's
//! `shlex.split`).

/// A word, quotes taken away.
#[derive(Default)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where what stands after the first `=` begins in the line.
    pub(super) value: Option<usize>,
}

impl Word {
    /// One more character, which ends at `end` in the line.
    fn push(&mut self, c: char, end: usize) {
        self.text.push(c);
        if c == '=' && self.value.is_none() {
            self.value = Some(end);
        }
    }
}

/// A quote that is not closed, or a `\` at the end of the line.
pub(super) struct Unclosed {
    pub(super) at: usize,
}

/// Whether `#` begins a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// It does, even within a word.
    Hash,
    /// It is a letter like others.
    None,
}

/// The words of a text as a shell splits them.
pub(super) fn words(line: &str, comments: Comments) -> Result<Vec<Word>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let is_space = matches!(c, ' ' | '\t' | '\r' | '\n');
        if quote.is_none() && is_space {
            words.extend(word.take());
            continue;
        }
        if quote.is_none() && c == '#' && comments == Comments::Hash {
            break;
        }
        let current = word.get_or_insert_with(|| Word { start: at, ..Word::default() });
        let mark = quote.map(|(mark, _)| mark);
        match (mark, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '\'' | '"') => quote = Some((c, at)),
            (None | Some('"'), '\\') => {
                let Some((next_at, next)) = chars.next() else { return Err(Unclosed { at }) };
                // In double quotes `\` only takes away the meaning of a quote and of itself.
                if mark.is_some() && next != '\\' && next != '"' {
                    current.push('\\', next_at);
                }
                current.push(next, next_at + next.len_utf8());
            }
            (_, c) => current.push(c, at + c.len_utf8()),
        }
        current.end = line.len() - chars.as_str().len();
    }
    if let Some((_, at)) = quote {
        return Err(Unclosed { at });
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, comments: Comments) -> Vec<String> {
        words(text, comments).unwrap_or_default().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_and_backslashes_are_those_of_a_shell() {
        let text = r#"a 'b c' "d \"e\" \n" f\ g ''"#;
        assert_eq!(split(text, Comments::None), ["a", "b c", r#"d "e" \n"#, "f g", ""]);
        assert_eq!(split("a b#c 'd#' # e", Comments::Hash), ["a", "b"]);
        assert_eq!(split("a b#c # e", Comments::None), ["a", "b#c", "#", "e"]);
        assert!(words("a 'b", Comments::None).is_err());
        assert!(words("a \\", Comments::None).is_err());
    }
}
