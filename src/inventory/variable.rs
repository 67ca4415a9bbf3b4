//! Variables as files give them, before templates and vaults are opened.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Variable;
use super::node::{Kind, Node};
use crate::text::Span;

/// The key that marks an encrypted text in the shape of `ansible-inventory --list`.
pub(super) const VAULT: &str = "__ansible_vault";
/// The key that marks a text that is no template, whatever it holds.
pub(super) const UNSAFE: &str = "__ansible_unsafe";

/// A variable from a value that is written at `span`; `or` is where it stands when nothing is written there.
pub(super) fn variable(value: Value, raw: Option<&str>, span: Span, or: Span) -> Variable {
    let mut variable = Variable {
        raw: raw.map(str::to_string),
        span: if span.start == span.end { or } else { span },
        ..Variable::default()
    };
    if is_live(&value) {
        variable.secret = holds_vault(&value);
        variable.written = Some(Arc::new(value));
    } else {
        variable.value = value;
    }
    variable
}

/// A variable from what a file holds under a key.
pub(super) fn from_node(node: Node, key: Span) -> Variable {
    let raw = match &node.kind {
        Kind::Scalar(scalar) => Some(scalar.raw.clone()),
        Kind::List(_) | Kind::Map(_) => None,
    };
    let span = node.span;
    variable(node.into_value(), raw.as_deref(), span, key)
}

/// Whether a value has to be worked out: it holds a template, a vault or a text marked as no template.
pub(super) fn is_live(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(is_live),
        Value::Object(map) => vault_text(map).is_some() || unsafe_text(map).is_some() || map.values().any(is_live),
    }
}

/// Whether a value, or a part of it, is in a vault.
fn holds_vault(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.iter().any(holds_vault),
        Value::Object(map) => vault_text(map).is_some() || map.values().any(holds_vault),
    }
}

/// Whether a text holds the start of an expression, a statement or a comment of Jinja.
pub(super) fn is_template(text: &str) -> bool {
    text.match_indices('{').any(|(at, _)| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// The text of `{"__ansible_vault": …}`.
pub(super) fn vault_text(map: &Map<String, Value>) -> Option<&str> {
    marked(map, VAULT)
}

/// The text of `{"__ansible_unsafe": …}`.
pub(super) fn unsafe_text(map: &Map<String, Value>) -> Option<&str> {
    marked(map, UNSAFE)
}

fn marked<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    if map.len() != 1 { None } else { map.get(key)?.as_str() }
}
