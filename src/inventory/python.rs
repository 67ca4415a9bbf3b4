//! How Python writes values: what a template makes of them in the middle of a text.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value as Item};
use serde_json::Value;

use super::jinja::from_item;

/// A value as `str()` writes it.
pub(super) fn text(item: &Item) -> Result<String, Error> {
    if let Some(text) = item.as_str() {
        return Ok(text.to_string());
    }
    if item.kind() == ValueKind::Undefined {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let mut written = String::new();
    repr(&from_item(item, 0)?, &mut written);
    Ok(written)
}

/// A value as `repr()` writes it.
fn repr(value: &Value, into: &mut String) {
    write(value, ["None", "True", "False"], quoted, into);
}

/// A value with the words for null, true and false, and texts as `quoted` writes them: a space after each comma and
/// colon.
fn write(value: &Value, words: [&str; 3], quoted: fn(&str, &mut String), into: &mut String) {
    match value {
        Value::Null => into.push_str(words[0]),
        Value::Bool(true) => into.push_str(words[1]),
        Value::Bool(false) => into.push_str(words[2]),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => into.push_str(&float_repr(float)),
            _ => into.push_str(&number.to_string()),
        },
        Value::String(text) => quoted(text, into),
        Value::Array(items) => {
            into.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    into.push_str(", ");
                }
                write(item, words, quoted, into);
            }
            into.push(']');
        }
        Value::Object(map) => {
            into.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    into.push_str(", ");
                }
                quoted(key, into);
                into.push_str(": ");
                write(value, words, quoted, into);
            }
            into.push('}');
        }
    }
}

fn quoted(text: &str, into: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    into.push(quote);
    for c in text.chars() {
        match c {
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            c if c == quote => {
                into.push('\\');
                into.push(c);
            }
            c if c.is_control() && (c as u32) < 0x100 => into.push_str(&format!("\\x{:02x}", c as u32)),
            c => into.push(c),
        }
    }
    into.push(quote);
}

/// A float: with a point or an exponent, the exponent with its sign and two digits at least.
fn float_repr(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = format!("{float}");
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// A value as `json.dumps` writes it: a space after each comma and colon, and nothing but ASCII.
pub(super) fn json(value: &Value) -> String {
    let mut text = String::new();
    write(value, ["null", "true", "false"], json_text, &mut text);
    text
}

fn json_text(text: &str, into: &mut String) {
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() {
            into.push(c);
        } else {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                into.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        let written = |value: Value| {
            let mut text = String::new();
            repr(&value, &mut text);
            text
        };
        assert_eq!(written(json!([1, "a", true, null, 1.0])), "[1, 'a', True, None, 1.0]");
        assert_eq!(written(json!({"a": {"b": ["it's"]}})), "{'a': {'b': [\"it's\"]}}");
        assert_eq!(written(json!([1e16, 1e-5, 0.0001, 123456.5, 1e22])), "[1e+16, 1e-05, 0.0001, 123456.5, 1e+22]");
        assert_eq!(json(&json!({"a": [1, "ü"]})), "{\"a\": [1, \"\\u00fc\"]}");
    }
}
