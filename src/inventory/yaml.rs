//! YAML text to nodes, as PyYAML reads it for Ansible.
//!
//! The parser gives events with their places; what the scalars mean, how `<<` merges and which tags there are is
//! decided here, by YAML 1.1 and Ansible's own tags (`!vault`, `!unsafe`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Range, Tag};
use serde_json::{Value, json};

use super::errors;
use super::node::{Entry, Kind, Node, Scalar};
use super::place::Base;
use super::scalar;
use crate::diag::{Diagnostic, Problems};
use crate::text::{IndexMap, Span};

/// How deep lists and mappings may be nested.
const MAX_DEPTH: usize = 100;
/// How many values a file may hold, aliases written out.
const MAX_NODES: usize = 1_000_000;

/// Reads a text. `Ok(None)`: there is no value in it.
///
/// Keys that stand twice are reported into `problems`; the last one counts.
pub(super) fn read(text: &str, base: Base, problems: &mut Problems) -> Result<Option<Node>, Box<Diagnostic>> {
    let places = Places::new(text, base);
    let mut builder =
        Builder { places: &places, anchors: BTreeMap::new(), open: Vec::new(), root: None, nodes: 0, problems };
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, range) =
            event.map_err(|error| errors::yaml(text, base, places.byte(error.marker().index()), error.info()))?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(errors::second_document(places.span(range)));
                }
            }
            event => builder.take(event, range)?,
        }
    }
    Ok(builder.root)
}

/// From positions in characters, which the parser counts, to spans.
struct Places {
    base: Base,
    len: usize,
    /// The byte of each character; empty for ASCII, where they are the same.
    bytes: Vec<u32>,
}

impl Places {
    fn new(text: &str, base: Base) -> Self {
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(byte, _)| byte as u32).collect(),
        };
        Places { base, len: text.len(), bytes }
    }

    fn byte(&self, index: usize) -> usize {
        match self.bytes.is_empty() {
            true => index.min(self.len),
            false => self.bytes.get(index).map_or(self.len, |byte| *byte as usize),
        }
    }

    fn span(&self, range: Range) -> Span {
        self.base.span(self.byte(range.start.index()), self.byte(range.end.index()))
    }
}

/// A collection that is not closed yet.
struct Open {
    span: Span,
    anchor: usize,
    tag: Option<String>,
    /// Whether text in it is under `!unsafe`: never a template.
    is_unsafe: bool,
    /// How many values it holds, itself included.
    size: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: IndexMap<String, Entry>, merged: Vec<IndexMap<String, Entry>>, key: Option<PendingKey> },
}

/// A key whose value has not come yet.
struct PendingKey {
    text: String,
    is_text: bool,
    is_merge: bool,
    span: Span,
}

struct Builder<'a> {
    places: &'a Places,
    /// By anchor number, the value and its size; nothing while it is open.
    anchors: BTreeMap<usize, (Node, usize)>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    problems: &'a mut Problems,
}

type Step = Result<(), Box<Diagnostic>>;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, range: Range) -> Step {
        let span = self.places.span(range);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, span)?;
                let plain = style == ScalarStyle::Plain;
                let tag = tag_name(tag);
                let is_merge = plain && tag.is_none() && &*text == "<<";
                // PyYAML knows `=` and `<<` as something special, and makes no value of them.
                if plain && tag.is_none() && matches!(&*text, "=" | "<<") && !self.expects_key() {
                    return Err(errors::bad_scalar(span, &format!("`{text}` alone is no value")));
                }
                let is_unsafe = self.open.last().is_some_and(|open| open.is_unsafe);
                let value = scalar_value(&text, plain, tag.as_deref(), is_unsafe, span)?;
                let node = Node { span, kind: Kind::Scalar(Scalar { value, raw: text.into() }) };
                self.put(node, anchor, 1, is_merge)
            }
            Event::SequenceStart(anchor, tag) => self.begin(span, anchor, tag, OpenKind::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let kind = OpenKind::Map { entries: IndexMap::default(), merged: Vec::new(), key: None };
                self.begin(span, anchor, tag, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(errors::alias_in_itself(span));
                };
                self.count(size, span)?;
                self.put(node, 0, size, false)
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Map { key: None, .. }, .. }))
    }

    fn count(&mut self, more: usize, span: Span) -> Step {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err(errors::too_many_values(span, MAX_NODES));
        }
        Ok(())
    }

    fn begin(&mut self, span: Span, anchor: usize, tag: Option<Cow<'_, Tag>>, kind: OpenKind) -> Step {
        self.count(1, span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(errors::too_deep(span, MAX_DEPTH));
        }
        let tag = tag_name(tag);
        let is_unsafe = self.open.last().is_some_and(|open| open.is_unsafe) || tag.as_deref() == Some("!unsafe");
        self.open.push(Open { span, anchor, tag, is_unsafe, size: 1, kind });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Step {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // A block has no closing sign: its last value says where it ends, not the event, which is on a later line.
        let mut span = if end.start < end.end { open.span.to(end) } else { open.span };
        let kind = match open.kind {
            OpenKind::List(items) => {
                span = items.last().map_or(span, |last| span.to(last.span));
                Kind::List(items)
            }
            OpenKind::Map { entries, merged, .. } => {
                span = entries.last().map_or(span, |(_, last)| span.to(last.key).to(last.value.span));
                Kind::Map(merge(merged, entries))
            }
        };
        let node = tagged(Node { span, kind }, open.tag.as_deref())?;
        self.put(node, open.anchor, open.size, false)
    }

    fn put(&mut self, node: Node, anchor: usize, size: usize, is_merge: bool) -> Step {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size += size;
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, merged, key } => match key.take() {
                None => *key = Some(pending_key(node, is_merge)?),
                Some(key) if key.is_merge => merged.extend(to_merge(node)?),
                Some(key) => {
                    let span = key.span;
                    let before = entries.insert(key.text, Entry { key: span, key_is_text: key.is_text, value: node });
                    if let Some(before) = before {
                        self.problems.push(errors::duplicate_key(span, before.key));
                    }
                }
            },
        }
        Ok(())
    }
}

/// The key that a node is. JSON has only text for keys, and so has what `ansible-inventory` prints.
fn pending_key(node: Node, is_merge: bool) -> Result<PendingKey, Box<Diagnostic>> {
    let Kind::Scalar(scalar) = &node.kind else { return Err(errors::key_is_no_scalar(node.span, node.what())) };
    let (text, is_text) = match &scalar.value {
        Value::String(text) => (text.clone(), true),
        Value::Null | Value::Bool(_) | Value::Number(_) => (scalar.value.to_string(), false),
        Value::Object(_) | Value::Array(_) => (scalar.raw.to_string(), true),
    };
    Ok(PendingKey { text, is_text, is_merge, span: node.span })
}

/// The maps that `<<` names, in the order in which they are laid down: of a list, the first wins and so comes last.
fn to_merge(node: Node) -> Result<Vec<IndexMap<String, Entry>>, Box<Diagnostic>> {
    match node.kind {
        Kind::Map(entries) => Ok(vec![entries]),
        Kind::List(items) => {
            let maps = items.into_iter().rev().map(|item| match item.kind {
                Kind::Map(entries) => Ok(entries),
                Kind::Scalar(_) | Kind::List(_) => Err(errors::bad_merge(item.span, item.what())),
            });
            maps.collect()
        }
        Kind::Scalar(_) => Err(errors::bad_merge(node.span, node.what())),
    }
}

/// What is merged comes first, and what the map says itself wins.
fn merge(merged: Vec<IndexMap<String, Entry>>, own: IndexMap<String, Entry>) -> IndexMap<String, Entry> {
    let mut all = merged.into_iter();
    let Some(mut result) = all.next() else { return own };
    for entries in all {
        result.extend(entries);
    }
    result.extend(own);
    result
}

/// A tag as it is written, in its short form (`!vault`, `!!int`).
fn tag_name(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    let tag = tag?;
    match tag.is_yaml_core_schema() {
        true => Some(format!("!!{}", tag.suffix)),
        false => Some(format!("{}{}", tag.handle, tag.suffix)),
    }
}

fn scalar_value(
    text: &str,
    plain: bool,
    tag: Option<&str>,
    is_unsafe: bool,
    span: Span,
) -> Result<Value, Box<Diagnostic>> {
    let value = match tag {
        None if plain => scalar::plain(text).map_err(|why| errors::bad_scalar(span, &why))?,
        None | Some("!!str" | "!") => Value::String(text.to_string()),
        Some("!unsafe") => match scalar_value(text, plain, None, false, span)? {
            Value::String(text) => json!({ "__ansible_unsafe": text }),
            other => other,
        },
        Some("!vault" | "!vault-encrypted") => json!({ "__ansible_vault": text }),
        Some("!!int") => scalar::int(text).ok_or_else(|| errors::not_of_tag(span, "!!int"))?,
        Some("!!float") => {
            let value = scalar::float(text).or_else(|| scalar::int(text));
            let value = value.and_then(|value| value.as_f64()).ok_or_else(|| errors::not_of_tag(span, "!!float"))?;
            scalar::float_value(value, text)
        }
        Some("!!bool") => {
            let truth = scalar::truth(&text.to_lowercase()).ok_or_else(|| errors::not_of_tag(span, "!!bool"))?;
            Value::Bool(truth)
        }
        Some("!!null") => Value::Null,
        Some("!!timestamp") => scalar::plain(text).map_err(|why| errors::bad_scalar(span, &why))?,
        // Nothing written under a tag of a collection is an empty one.
        Some("!!map" | "!!set") if text.is_empty() => json!({}),
        Some(tag) => return Err(errors::unknown_tag(span, tag)),
    };
    match value {
        Value::String(text) if is_unsafe => Ok(json!({ "__ansible_unsafe": text })),
        value => Ok(value),
    }
}

/// A collection under its tag: a set is the list of its keys, an ordered map the list of its pairs.
fn tagged(node: Node, tag: Option<&str>) -> Result<Node, Box<Diagnostic>> {
    let span = node.span;
    match (tag, node.kind) {
        (None | Some("!" | "!unsafe" | "!!map" | "!!seq"), kind) => Ok(Node { span, kind }),
        (Some("!!set"), Kind::Map(entries)) => {
            let text = |key: String| Kind::Scalar(Scalar { value: Value::String(key.clone()), raw: key.into() });
            let items = entries.into_iter().map(|(key, entry)| Node { span: entry.key, kind: text(key) });
            Ok(Node { span, kind: Kind::List(items.collect()) })
        }
        (Some("!!omap" | "!!pairs"), Kind::List(items)) => {
            let mut pairs = Vec::new();
            for item in items {
                let Kind::Map(entries) = item.kind else { return Err(errors::not_of_tag(item.span, "!!pairs")) };
                for (key, entry) in entries {
                    let kind = Kind::Scalar(Scalar { value: Value::String(key.clone()), raw: key.into() });
                    let pair = vec![Node { span: entry.key, kind }, entry.value];
                    pairs.push(Node { span: item.span, kind: Kind::List(pair) });
                }
            }
            Ok(Node { span, kind: Kind::List(pairs) })
        }
        (Some(tag), _) => Err(errors::unknown_tag(span, tag)),
    }
}
