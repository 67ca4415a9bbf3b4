use std::sync::{Arc, OnceLock};

use super::Span;

/// One text with its name and its place in the shared byte space.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name that people see: a path as they would write it, or `-e` for the command line.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
    base: u32,
    /// Where each line starts; most texts are never asked.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    /// The span of the whole text.
    pub fn span(&self) -> Span {
        Span::new(self.base, self.base + self.text.len() as u32)
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let newlines = memchr::memchr_iter(b'\n', self.text.as_bytes());
            std::iter::once(0).chain(newlines.map(|newline| newline as u32 + 1)).collect()
        })
    }
}

/// A position that a person can look up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Column in UTF-16 code units, from 0 (what editors count in).
    pub utf16: u32,
    /// Byte offset in the file, from 0.
    pub byte: u32,
}

/// All texts of one command, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// No texts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a text and answers the span that it now has.
    pub fn add(&mut self, name: &str, text: &str) -> Span {
        // One byte between two texts, so that an empty span at the end of one is not the start of the next.
        let base = self.list.last().map_or(0, |last| last.span().end + 1);
        let source = Source { name: name.into(), text: text.into(), base, lines: OnceLock::new() };
        let span = source.span();
        self.list.push(source);
        span
    }

    /// Every text, in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }

    /// The text that holds the start of `span`.
    pub fn find(&self, span: Span) -> Option<&Source> {
        let after = self.list.partition_point(|source| source.base <= span.start);
        let source = self.list.get(after.checked_sub(1)?)?;
        (span.start <= source.span().end).then_some(source)
    }

    /// The text that has this name.
    pub fn named(&self, name: &str) -> Option<&Source> {
        self.list.iter().find(|source| &*source.name == name)
    }

    /// The bytes of `span`; empty when it is in no text.
    pub fn slice(&self, span: Span) -> &str {
        let Some(source) = self.find(span) else { return "" };
        let end = span.end.min(source.span().end);
        source.text.get((span.start - source.base) as usize..(end - source.base) as usize).unwrap_or("")
    }

    /// Where `span` starts.
    pub fn place(&self, span: Span) -> Option<Place> {
        self.place_at(self.find(span)?, span.start)
    }

    /// Where `span` ends.
    pub fn end_place(&self, span: Span) -> Option<Place> {
        let source = self.find(span)?;
        self.place_at(source, span.end.min(source.span().end))
    }

    fn place_at(&self, source: &Source, at: u32) -> Option<Place> {
        let byte = at - source.base;
        let line = source.lines().partition_point(|start| *start <= byte).checked_sub(1)?;
        let in_line = source.text.get(source.lines()[line] as usize..byte as usize)?;
        Some(Place {
            file: source.name.clone(),
            line: line as u32 + 1,
            column: in_line.chars().count() as u32 + 1,
            utf16: in_line.encode_utf16().count() as u32,
            byte,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_knows_its_file_line_and_column() {
        let mut sources = Sources::new();
        sources.add("a.plan", "");
        let second = sources.add("b.plan", "one\nzwei ö x\n");
        let x = Span::new(second.start + 12, second.start + 13);
        assert_eq!(sources.slice(x), "x");
        let place = sources.place(x).unwrap();
        assert_eq!((&*place.file, place.line, place.column, place.byte), ("b.plan", 2, 8, 12));
    }

    #[test]
    fn the_end_of_one_text_is_not_the_start_of_the_next() {
        let mut sources = Sources::new();
        let first = sources.add("a.plan", "abc");
        sources.add("b.plan", "def");
        assert_eq!(&*sources.place(first.after()).unwrap().file, "a.plan");
    }
}
