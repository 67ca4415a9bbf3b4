//! INI inventories, as Ansible's `plugins/inventory/ini.py` reads them.

use super::Variable;
use super::address;
use super::errors;
use super::literal;
use super::model::{ALL, GroupId, Model, UNGROUPED};
use super::place::Base;
use super::source::Origin;
use super::variable::variable;
use super::words::{Comments, Unclosed, Word, words};
use crate::diag::Problems;
use crate::text::{IndexMap, Span};

/// What the lines of a section say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// Reads a text into the model.
pub(super) fn read(text: &str, base: Base, origin: &Origin, model: &mut Model, problems: &mut Problems) {
    let mut reader = Reader { base, origin, model, problems, pending: IndexMap::default() };
    // The lines before the first section are hosts of no group.
    let (mut group, mut section) = (UNGROUPED, Section::Hosts);
    for (start, line) in lines(text) {
        let trimmed = line.trim_start();
        let start = start + line.len() - trimmed.len();
        let line = trimmed.trim_end();
        let span = base.span(start, start + line.len());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        match header(line) {
            Some((name, kind)) => {
                let name_span = base.span(start + 1, start + 1 + name.len());
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
                Section::Children => reader.child(line, start, group),
                Section::Vars => reader.variable(line, start, group),
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
    base: Base,
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

    fn child(&mut self, line: &str, start: usize, group: GroupId) {
        let Some(name) = group_name(line) else {
            self.problems.push(errors::ini_group_name(self.base.span(start, start + line.len()), line));
            return;
        };
        let span = self.base.span(start, start + name.len());
        if let Some(child) = self.model.groups.get_index_of(name) {
            self.put(group, child, span, name);
            return;
        }
        let parent = self.model.groups.get_index(group).map_or_else(String::new, |(name, _)| name.clone());
        let pending = Pending { span, parents: Vec::new() };
        self.pending.entry(name.to_string()).or_insert(pending).parents.push((group, parent));
    }

    fn variable(&mut self, line: &str, start: usize, group: GroupId) {
        let span = self.base.span(start, start + line.len());
        let Some((name, value)) = line.split_once('=') else {
            self.problems.push(errors::ini_variable(span, line));
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        let place = self.base.span(start + line.len() - value.len(), start + line.len());
        let variable = self.made(variable(literal::value(value), Some(value), place, span));
        self.set_group(group, name, variable);
    }

    fn set_group(&mut self, group: GroupId, name: &str, variable: Variable) {
        if let Err(bad) = self.model.set_group(group, name.to_string(), variable) {
            self.problems.push(errors::bad_priority(bad.span));
        }
    }

    /// What comes out of a vault is secret.
    fn made(&self, variable: Variable) -> Variable {
        Variable { secret: self.base.is_sealed(), ..variable }
    }

    fn hosts(&mut self, line: &str, start: usize, group: GroupId) {
        let words = match words(line, Comments::Hash) {
            Ok(words) => words,
            Err(Unclosed { at }) => {
                let at = self.base.span(start + at, start + at + 1);
                self.problems.push(errors::ini_unclosed_quote(at));
                return;
            }
        };
        let Some((pattern, variables)) = words.split_first() else { return };
        let base = self.base;
        let place = |word: &Word| base.span(start + word.start, start + word.end);
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
        let mut pairs = IndexMap::default();
        for word in variables {
            let span = place(word);
            let Some((name, value)) = word.text.split_once('=') else {
                self.problems.push(errors::ini_host_variable(span, &word.text));
                continue;
            };
            let value_span = base.span(start + word.value.unwrap_or(word.end), start + word.end);
            let variable = variable(literal::value(value), Some(value), value_span, span);
            pairs.insert(name.to_string(), self.made(variable));
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
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut start = text.len() - rest.len();
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}' | '\u{1d}' | '\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    rest.split_inclusive(ends).map(move |line| {
        let here = start;
        start += line.len();
        (here, line.trim_end_matches(ends))
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
