//! JSON text to nodes. Ansible tries JSON before YAML on every file (`parsing/utils/yaml.py`).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::node::{Entry, Kind, Node, Scalar};
use super::place::Base;
use crate::text::{IndexMap, Span};

/// Reads a text; the error is JSON's own.
pub(super) fn read(text: &str, base: Base) -> Result<Node, serde_json::Error> {
    let raw: &RawValue = serde_json::from_str(text)?;
    node(raw, text, base)
}

/// Whether a text can be a JSON object at all.
pub(super) fn looks_like(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn node(raw: &RawValue, text: &str, base: Base) -> Result<Node, serde_json::Error> {
    let span = place(raw, text, base);
    let kind = match raw.get().as_bytes().first() {
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(raw.get())?;
            let mut entries = IndexMap::with_capacity_and_hasher(pairs.len(), Default::default());
            for (key, value) in pairs {
                let name: String = serde_json::from_str(key.get())?;
                let entry = Entry { key: place(key, text, base), key_is_text: true, value: node(value, text, base)? };
                entries.insert(name, entry);
            }
            Kind::Map(entries)
        }
        Some(b'[') => {
            let Items(items) = serde_json::from_str(raw.get())?;
            Kind::List(items.into_iter().map(|item| node(item, text, base)).collect::<Result<_, _>>()?)
        }
        _ => {
            let value: Value = serde_json::from_str(raw.get())?;
            let written = match &value {
                Value::String(text) => text.as_str(),
                _ => raw.get(),
            };
            let written = written.into();
            Kind::Scalar(Scalar { value, raw: written })
        }
    };
    Ok(Node { span, kind })
}

/// Where a part of the text stands in it. The reader hands out slices of the text itself.
fn place(raw: &RawValue, text: &str, base: Base) -> Span {
    let offset = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    base.span(offset, offset + raw.get().len())
}

/// The keys and values of an object, in order, unread.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

/// The items of a list, unread.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Collect).map(Pairs)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Collect).map(Items)
    }
}
