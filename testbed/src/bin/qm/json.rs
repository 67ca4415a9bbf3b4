//! JSON as Proxmox's Perl prints it: sorted, three blanks an indent, blanks around the colon.

use std::fmt::Write as _;

use serde_json::Value;

pub(super) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    let indent = |depth: usize| "   ".repeat(depth);
    match value {
        Value::Array(items) if !items.is_empty() => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                let _ = write!(text, "{}\n{}", if n == 0 { "" } else { "," }, indent(depth + 1));
                write_value(text, item, depth + 1);
            }
            let _ = write!(text, "\n{}]", indent(depth));
        }
        Value::Object(fields) if !fields.is_empty() => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (n, (name, value)) in fields.into_iter().enumerate() {
                let comma = if n == 0 { "" } else { "," };
                let _ = write!(text, "{comma}\n{}{} : ", indent(depth + 1), Value::String(name.clone()));
                write_value(text, value, depth + 1);
            }
            let _ = write!(text, "\n{}}}", indent(depth));
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}
