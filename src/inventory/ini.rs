//! INI inventories, as Ansible's `plugins/inventory/ini.py` reads them.

use indexmap::IndexMap;

use super::address;
use super::errors;
use super::literal;
use super::model::{ALL, GroupId, Model, UNGROUPED};
use super::source::Origin;
use super::variable::variable;
use crate::diag::Problems;
use crate::text::Span;

/// What the lines of a section say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// Reads a text whose span is `at` into the model.
pub(super) fn read(text: &str, at: Span, origin: &Origin, model: &mut Model, problems: &mut Problems) {
    let mut reader = Reader { origin, model, problems, pending: IndexMap::new() };
    // The lines before the first section are hosts of no group.
    let (mut group, mut section) = (UNGROUPED, Section::Hosts);
    for (start, line) in lines(text) {
        let trimmed = line.trim_start();
        let start = at.start + (start + line.len() - trimmed.len()) as u32;
        let line = trimmed.trim_end();
        let span = Span::new(start, start + line.len() as u32);
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        match header(line) {
            Some((name, kind)) => {
                let name_span = Span::new(start + 1, start + 1 + name.len() as u32);
                section = match kind {
                    None | Some("hosts") => Section::Hosts,
                    Some("children") => Section::Children,
                    Some("vars") => Section::Vars,
                    Some(kind) => {
                        reader.problems.push(errors::ini_section_kind(span, name, kind));
                        Section::Hosts
                    }
                };
                group = reader.section(name, name_span, section);
            }
            None if line.starts_with('[') && line.ends_with(']') => {
                reader.problems.push(errors::ini_section(span, line));
            }
            None => match section {
                Section::Hosts => reader.hosts(line, start, group),
                Section::Children => reader.child(line, span, group),
                Section::Vars => reader.variable(line, span, group),
            },
        }
    }
    for (name, pending) in reader.pending {
        reader.problems.push(match pending.parents.first() {
            Some(parent) => errors::ini_undefined_child(pending.span, &name, parent.1.as_str()),
            None => errors::ini_vars_of_undefined(pending.span, &name),
        });
    }
}

/// A group that is spoken of and not declared yet.
struct Pending {
    span: Span,
    /// The groups that name it as their child; none where only `[name:vars]` stands.
    parents: Vec<(GroupId, String)>,
}

struct Reader<'a> {
    origin: &'a Origin,
    model: &'a mut Model,
    problems: &'a mut Problems,
    pending: IndexMap<String, Pending>,
}

impl Reader<'_> {
    fn section(&mut self, name: &str, span: Span, section: Section) -> GroupId {
        if !self.model.groups.contains_key(name) && section == Section::Vars && !self.pending.contains_key(name) {
            self.pending.insert(name.to_string(), Pending { span, parents: Vec::new() });
        }
        let group = self.model.add_group(name, span);
        if section != Section::Vars {
            self.declared(name, group);
        }
        group
    }

    /// A group that was waited for is declared: its parents get it, and theirs where they were waited for too.
    fn declared(&mut self, name: &str, group: GroupId) {
        let mut next = vec![(name.to_string(), group)];
        while let Some((name, group)) = next.pop() {
            let Some(pending) = self.pending.shift_remove(&name) else { continue };
            for (parent, parent_name) in pending.parents {
                self.put(parent, group, pending.span, &name);
                if self.pending.get(&parent_name).is_some_and(|pending| !pending.parents.is_empty()) {
                    next.push((parent_name, parent));
                }
            }
        }
    }

    fn put(&mut self, parent: GroupId, child: GroupId, span: Span, name: &str) {
        if child == ALL || self.model.add_child_group(parent, child).is_err() {
            let parent = self.model.groups.get_index(parent).map_or("", |(name, _)| name);
            self.problems.push(errors::group_loop(span, name, parent));
        }
    }

    fn child(&mut self, line: &str, span: Span, group: GroupId) {
        let Some(name) = group_name(line) else {
            self.problems.push(errors::ini_group_name(span, line));
            return;
        };
        let span = Span::new(span.start, span.start + name.len() as u32);
        if let Some(child) = self.model.groups.get_index_of(name) {
            self.put(group, child, span, name);
            return;
        }
        let parent = self.model.groups.get_index(group).map_or_else(String::new, |(name, _)| name.clone());
        let pending = Pending { span, parents: Vec::new() };
        self.pending.entry(name.to_string()).or_insert(pending).parents.push((group, parent));
    }

    fn variable(&mut self, line: &str, span: Span, group: GroupId) {
        let Some((name, value)) = line.split_once('=') else {
            self.problems.push(errors::ini_variable(span, line));
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        let place = Span::new(span.end - value.len() as u32, span.end);
        self.set_group(group, name, variable(literal::value(value), Some(value), place, span));
    }

    fn set_group(&mut self, group: GroupId, name: &str, variable: super::Variable) {
        if let Err(bad) = self.model.set_group(group, name.to_string(), variable) {
            self.problems.push(errors::bad_priority(bad.span));
        }
    }

    fn hosts(&mut self, line: &str, start: u32, group: GroupId) {
        let words = match words(line) {
            Ok(words) => words,
            Err(Unclosed { at }) => {
                let at = start + at as u32;
                self.problems.push(errors::ini_unclosed_quote(Span::new(at, at + 1)));
                return;
            }
        };
        let Some((pattern, variables)) = words.split_first() else { return };
        let place = |word: &Word| Span::new(start + word.start as u32, start + word.end as u32);
        let span = place(pattern);
        let (names, port) = match address::expand(&pattern.text) {
            Ok(expanded) => expanded,
            Err(why) => {
                self.problems.push(errors::bad_host(span, &pattern.text, &why));
                return;
            }
        };
        if pattern.text.trim().is_empty() {
            self.problems.push(errors::empty_host(span));
            return;
        }
        if port.is_none() && pattern.text.ends_with(':') {
            self.problems.push(errors::ini_looks_like_yaml(span, &pattern.text));
            return;
        }
        if pattern.text == "---" {
            self.problems.push(errors::ini_looks_like_yaml(span, "---"));
            return;
        }
        let mut pairs = IndexMap::new();
        for word in variables {
            let span = place(word);
            let Some((name, value)) = word.text.split_once('=') else {
                self.problems.push(errors::ini_host_variable(span, &word.text));
                continue;
            };
            let value_start = (span.start + name.len() as u32 + 1).min(span.end);
            let value_span = Span::new(value_start, span.end);
            pairs.insert(name.to_string(), variable(literal::value(value), Some(value), value_span, span));
        }
        for name in names {
            self.origin.add_host(self.model, &name, group, span, port);
            for (key, variable) in &pairs {
                if let Err(bad) = self.model.set(&name, key.clone(), variable.clone()) {
                    self.problems.push(errors::bad_priority(bad.span));
                }
            }
        }
    }
}

/// Lines with their offsets, ended as Python's `splitlines` ends them.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}' | '\u{1d}' | '\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    text.trim_start_matches('\u{feff}').split_inclusive(ends).map(move |line| {
        let here = start;
        start += line.len();
        let offset = if text.starts_with('\u{feff}') { 3 } else { 0 };
        (here + offset, line.trim_end_matches(ends))
    })
}

/// `[name]` or `[name:kind]`, with a comment after it or none.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let inner = line.strip_prefix('[')?;
    let end = inner.find(|c: char| c == ':' || c == ']' || c.is_whitespace())?;
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    let (kind, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
            let (kind, rest) = rest.split_at(end);
            if kind.is_empty() {
                return None;
            }
            (Some(kind), rest)
        }
        None => (None, rest),
    };
    let rest = rest.strip_prefix(']')?.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some((name, kind))
}

/// A group's name that stands alone on its line, with a comment or none.
fn group_name(line: &str) -> Option<&str> {
    let end = line.find(|c: char| c == ':' || c == ']' || c.is_whitespace()).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    (!name.is_empty() && (rest.is_empty() || rest.starts_with('#'))).then_some(name)
}

/// A word of a host's line, quotes taken away.
struct Word {
    text: String,
    start: usize,
    end: usize,
}

/// A quote that is not closed, or a `\` at the end of the line.
struct Unclosed {
    at: usize,
}

/// The words of a line as a shell splits them; `#` begins a comment, even within a word (Python's
/// `shlex.split(line, comments=True)`).
fn words(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if let Some((mark, _)) = quote {
            let current = word.get_or_insert_with(|| Word { text: String::new(), start: at, end: at });
            if c == mark {
                quote = None;
            } else if c == '\\' && mark == '"' {
                match chars.next() {
                    Some((_, next)) => {
                        if next != '\\' && next != '"' {
                            current.text.push('\\');
                        }
                        current.text.push(next);
                    }
                    None => return Err(Unclosed { at }),
                }
            } else {
                current.text.push(c);
            }
            current.end = line.len() - chars.as_str().len();
            continue;
        }
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '#' => break,
            '\'' | '"' | '\\' => {
                let current = word.get_or_insert_with(|| Word { text: String::new(), start: at, end: at });
                if c == '\\' {
                    match chars.next() {
                        Some((_, next)) => current.text.push(next),
                        None => return Err(Unclosed { at }),
                    }
                } else {
                    quote = Some((c, at));
                }
                current.end = line.len() - chars.as_str().len();
            }
            _ => {
                let current = word.get_or_insert_with(|| Word { text: String::new(), start: at, end: at });
                current.text.push(c);
                current.end = at + c.len_utf8();
            }
        }
    }
    if let Some((_, at)) = quote {
        return Err(Unclosed { at });
    }
    words.extend(word);
    Ok(words)
}
