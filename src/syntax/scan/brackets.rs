//! Which bracket closes which, and which one was forgotten.

/// What a bracket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `(…)`
    Paren,
    /// `[…]`
    Square,
    /// `{…}` of statements.
    Block,
    /// `{…}` of commands, one a line.
    Commands,
    /// `{…}` of `name: value` rows.
    Fields,
    /// `{…}` of signatures.
    Signatures,
}

impl Kind {
    fn closer(self) -> u8 {
        match self {
            Kind::Paren => b')',
            Kind::Square => b']',
            Kind::Block | Kind::Commands | Kind::Fields | Kind::Signatures => b'}',
        }
    }
}

/// A bracket that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    kind: Kind,
    /// Its byte.
    pub(super) at: usize,
    /// The first word of the statement that it stands in, where that decides something.
    first: &'static str,
}

/// The brackets of a text.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    stack: Vec<Open>,
    /// Openers that a closer further out passed over.
    passed_over: Vec<Open>,
    /// Closers that close nothing.
    stray: Vec<(usize, u8)>,
    /// Pairs of braces: opener and closer.
    pairs: Vec<(usize, usize)>,
}

impl Brackets {
    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    fn top(&self) -> Option<Kind> {
        self.stack.last().map(|open| open.kind)
    }

    /// Whether statements stand here (the top level among them).
    pub(super) fn in_statements(&self) -> bool {
        matches!(self.top(), None | Some(Kind::Block))
    }

    /// Whether commands stand here, one a line.
    pub(super) fn in_commands(&self) -> bool {
        self.top() == Some(Kind::Commands)
    }

    /// Whether the innermost bracket is none of an expression's.
    pub(super) fn in_braces(&self) -> bool {
        !matches!(self.top(), Some(Kind::Paren | Kind::Square))
    }

    pub(super) fn open(&mut self, kind: Kind, at: usize, first: &'static str) {
        self.stack.push(Open { kind, at, first });
    }

    /// Closes the bracket that `closer` belongs to and answers what it was. `)` and `]` reach out of no braces.
    pub(super) fn close(&mut self, closer: u8, at: usize) -> Option<(Kind, &'static str)> {
        let reach = match closer {
            b'}' => 0,
            _ => self.stack.iter().rposition(|open| open.kind.closer() == b'}').map_or(0, |brace| brace + 1),
        };
        let Some(found) = self.stack[reach..].iter().rposition(|open| open.kind.closer() == closer) else {
            self.stray.push((at, closer));
            return None;
        };
        self.passed_over.extend(self.stack.drain(reach + found + 1..));
        let open = self.stack.pop()?;
        if closer == b'}' {
            self.pairs.push((open.at, at));
        }
        Some((open.kind, open.first))
    }

    /// The outermost bracket that nothing closes.
    pub(super) fn outermost_open(&self) -> Option<Open> {
        self.passed_over.iter().chain(self.stack.first()).min_by_key(|open| open.at).copied()
    }

    /// Whether any brace or bracket is without its other half, strays inside one line aside.
    pub(super) fn unbalanced(&self) -> bool {
        self.outermost_open().is_some() || self.stray_brace().is_some()
    }

    /// The first `}` that closes nothing.
    pub(super) fn stray_brace(&self) -> Option<usize> {
        self.stray.iter().find(|(_, closer)| *closer == b'}').map(|(at, _)| *at)
    }

    /// Every `)` and `]` that closes nothing.
    pub(super) fn stray_in_lines(&self) -> Vec<usize> {
        self.stray.iter().filter(|(_, closer)| *closer != b'}').map(|(at, _)| *at).collect()
    }

    /// Among the pairs after `from`, the first whose closer stands alone on a line that is indented less than the
    /// opener's: most likely the closer was meant for a block further out.
    pub(super) fn suspect(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let after = self.pairs.iter().filter(|(opened, _)| *opened > from);
        after.copied().find(|(opened, closed)| {
            begins_line(text, *closed) && indentation(text, *closed) < indentation(text, *opened)
        })
    }

    /// The first pair whose closer stands alone on a line that is indented more than the opener's.
    pub(super) fn early_close(&self, text: &str) -> Option<(usize, usize)> {
        self.pairs.iter().copied().find(|(opened, closed)| {
            begins_line(text, *closed) && indentation(text, *closed) > indentation(text, *opened)
        })
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
}

fn indentation(text: &str, at: usize) -> usize {
    text.as_bytes()[line_start(text, at)..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn begins_line(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with('\n')
}
