//! What a YAML or JSON file holds, with the place of every value.

use serde_json::Value;

use crate::text::{IndexMap, Span};

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// The kinds of value.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(IndexMap<String, Entry>),
}

/// A value without parts.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// As `ansible-inventory --list` shows it: `{"__ansible_vault": …}` for `!vault`, `{"__ansible_unsafe": …}` for
    /// text under `!unsafe`.
    pub(super) value: Value,
    /// Its text before it was given a type, without quotes.
    pub(super) raw: Box<str>,
}

/// What stands under a key. The key is the map's own, as JSON writes it: the number 1 is `1`, a truth is `true`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where the key is written.
    pub(super) key: Span,
    /// Whether the key is text in the file, and not a number, a truth or nothing.
    pub(super) key_is_text: bool,
    pub(super) value: Node,
}

impl Node {
    /// Whether it is `null`, written or left out.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(Scalar { value: Value::Null, .. }))
    }

    /// The kind in a word or two, for messages.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar(scalar) => match &scalar.value {
                Value::Null => "nothing",
                Value::Bool(_) => "a truth",
                Value::Number(_) => "a number",
                Value::Object(_) => "an encrypted or unsafe text",
                Value::String(_) | Value::Array(_) => "a text",
            },
        }
    }

    /// The value without its places.
    pub(super) fn into_value(self) -> Value {
        match self.kind {
            Kind::Scalar(scalar) => scalar.value,
            Kind::List(items) => Value::Array(items.into_iter().map(Node::into_value).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.into_iter().map(|(key, entry)| (key, entry.value.into_value())).collect())
            }
        }
    }
}
