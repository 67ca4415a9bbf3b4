//! Python literals: what Ansible makes of a value in an INI inventory.
//!
//! `port=22` is a number, `on=True` a truth, `list=[1, 'a']` a list, `dns=1,2` a list too, and everything that is not
//! a Python literal stays text (`ast.literal_eval` in Ansible's `plugins/inventory/ini.py`).

use serde_json::{Map, Value, json};

use super::scalar::{float_value, whole};
use super::variable::UNSAFE;

/// How deep brackets may be nested; deeper ones stay text.
const MAX_DEPTH: usize = 50;

/// The value that a text is as a Python literal; the text itself where it is none.
pub(super) fn value(text: &str) -> Value {
    let mut reader = Reader { text, at: 0, depth: 0 };
    match reader.whole_text() {
        Some(value) => value,
        None => Value::String(text.to_string()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn whole_text(&mut self) -> Option<Value> {
        // Python takes leading blanks away, and no other space, before it reads an expression.
        self.at = self.text.len() - self.text.trim_start_matches([' ', '\t']).len();
        let first = self.item()?;
        let value = match self.items_after_first(first)? {
            (mut items, false) => items.pop()?,
            (items, true) => Value::Array(items),
        };
        self.blanks();
        self.comment();
        (self.at == self.text.len()).then_some(value)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\u{c}']).len();
    }

    fn comment(&mut self) {
        if self.peek() == Some('#') && !self.rest().contains(['\n', '\r']) {
            self.at = self.text.len();
        }
    }

    /// The rest of `a, b, c` after its first; and whether there was a comma.
    fn items_after_first(&mut self, first: Value) -> Option<(Vec<Value>, bool)> {
        let mut items = vec![first];
        let mut tuple = false;
        loop {
            self.blanks();
            if !self.take(',') {
                return Some((items, tuple));
            }
            tuple = true;
            self.blanks();
            if matches!(self.peek(), None | Some(')' | '#')) {
                return Some((items, true));
            }
            items.push(self.item()?);
        }
    }

    fn item(&mut self) -> Option<Value> {
        self.blanks();
        match self.peek()? {
            '[' => self.nested(Self::list),
            '(' => self.nested(Self::parenthesis),
            '{' => self.nested(Self::braces),
            '+' | '-' => {
                let negative = self.next() == Some('-');
                self.blanks();
                self.number(negative)
            }
            '0'..='9' | '.' => match self.rest().starts_with("...") {
                true => {
                    self.at += 3;
                    Some(Value::String("...".to_string()))
                }
                false => self.number(false),
            },
            _ => self.text_or_name(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.next();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            self.blanks();
            if self.take(']') {
                return Some(Value::Array(items));
            }
            items.push(self.item()?);
            self.blanks();
            if !self.take(',') {
                return self.take(']').then_some(Value::Array(items));
            }
        }
    }

    /// A tuple, which becomes a list, or a value in parentheses.
    fn parenthesis(&mut self) -> Option<Value> {
        self.blanks();
        if self.take(')') {
            return Some(Value::Array(Vec::new()));
        }
        let first = self.item()?;
        let (mut items, tuple) = self.items_after_first(first)?;
        self.blanks();
        if !self.take(')') {
            return None;
        }
        if tuple { Some(Value::Array(items)) } else { items.pop() }
    }

    /// A dictionary, or a set, which becomes a list.
    fn braces(&mut self) -> Option<Value> {
        let mut map = Map::new();
        let mut set = Vec::new();
        loop {
            self.blanks();
            if self.take('}') {
                break;
            }
            let key = self.item()?;
            self.blanks();
            if self.take(':') {
                let value = self.item()?;
                let key = match key {
                    Value::String(key) => key,
                    // Lists and dictionaries can not be keys in Python.
                    Value::Array(_) | Value::Object(_) => return None,
                    other => other.to_string(),
                };
                map.insert(key, value);
            } else if !set.contains(&key) {
                set.push(key);
            }
            self.blanks();
            if !self.take(',') {
                if !self.take('}') {
                    return None;
                }
                break;
            }
        }
        match (map.is_empty(), set.is_empty()) {
            (_, true) => Some(Value::Object(map)),
            (true, false) => Some(Value::Array(set)),
            (false, false) => None,
        }
    }

    fn number(&mut self, negative: bool) -> Option<Value> {
        let rest = self.rest();
        let len = number_len(rest);
        let word = &rest[..len];
        // A name that begins here, as in `10m`, makes the whole no literal.
        if rest[len..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
            return None;
        }
        let value = unsigned(word, negative)?;
        self.at += len;
        Some(value)
    }

    fn text_or_name(&mut self) -> Option<Value> {
        let rest = self.rest();
        let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(len);
        if after.starts_with(['\'', '"']) && is_prefix(word) {
            return self.texts();
        }
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            "set" if after.starts_with("()") => {
                self.at += 2;
                Value::Array(Vec::new())
            }
            _ => return None,
        };
        self.at += len;
        Some(value)
    }

    /// One text, or several that stand side by side.
    fn texts(&mut self) -> Option<Value> {
        let mut all = String::new();
        let mut any_bytes = false;
        loop {
            let rest = self.rest();
            let len = rest.find(['\'', '"']).unwrap_or(0);
            let prefix = &rest[..len];
            if !is_prefix(prefix) || !rest[len..].starts_with(['\'', '"']) {
                return Some(texts(all, any_bytes));
            }
            let raw = prefix.contains(['r', 'R']);
            let bytes = prefix.contains(['b', 'B']);
            self.at += len;
            self.text(raw, bytes, &mut all)?;
            any_bytes |= bytes;
            let before = self.at;
            self.blanks();
            if !self.peek().is_some_and(|c| matches!(c, '\'' | '"') || c.is_ascii_alphabetic()) {
                self.at = before;
                return Some(texts(all, any_bytes));
            }
        }
    }

    fn text(&mut self, raw: bool, bytes: bool, into: &mut String) -> Option<()> {
        let quote = self.next()?;
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let long = self.rest().starts_with(&triple[1..]);
        if long {
            self.at += 2;
        }
        loop {
            if long && self.rest().starts_with(&triple) {
                self.at += 3;
                return Some(());
            }
            match self.next()? {
                c if c == quote && !long => return Some(()),
                '\n' | '\r' if !long => return None,
                '\\' if raw => {
                    into.push('\\');
                    into.push(self.next()?);
                }
                '\\' => self.escape(bytes, into)?,
                c if bytes && !c.is_ascii() => return None,
                c => into.push(c),
            }
        }
    }

    fn escape(&mut self, bytes: bool, into: &mut String) -> Option<()> {
        let c = self.next()?;
        let simple = match c {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => c,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0'..='7' => {
                let more = self.rest().bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = format!("{c}{}", &self.rest()[..more]);
                self.at += more;
                char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?
            }
            'x' => self.code_point(2)?,
            'u' if !bytes => self.code_point(4)?,
            'U' if !bytes => self.code_point(8)?,
            'N' if !bytes => return None,
            other => {
                into.push('\\');
                other
            }
        };
        into.push(simple);
        Some(())
    }

    fn code_point(&mut self, digits: usize) -> Option<char> {
        let hex = self.rest().get(..digits)?;
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += digits;
        char::from_u32(u32::from_str_radix(hex, 16).ok()?)
    }
}

/// Text as a value. Ansible trusts text as a template, and text that is written as bytes not.
fn texts(text: String, bytes: bool) -> Value {
    if bytes { json!({ UNSAFE: text }) } else { Value::String(text) }
}

/// Whether letters before a quote are a prefix of text: `r`, `u`, `b`, or `r` with `b`.
fn is_prefix(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "" | "r" | "u" | "b" | "br" | "rb")
}

/// How much of a text a number takes: digits, letters of a base, a point, an exponent with its sign.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let based = text.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X' | b'o' | b'O' | b'b' | b'B');
    let mut len = 0;
    while let Some(byte) = bytes.get(len) {
        let signed_exponent = !based && matches!(byte, b'+' | b'-') && len > 0 && matches!(bytes[len - 1], b'e' | b'E');
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || signed_exponent) {
            break;
        }
        len += 1;
    }
    len
}

/// A number without its sign; `None` where Python knows no such number (`010`, `1__0`, `10m`).
fn unsigned(word: &str, negative: bool) -> Option<Value> {
    let lower = word.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let digits = digits.strip_prefix('_').unwrap_or(digits);
            return grouped(digits, radix).map(|digits| whole(negative, &digits, radix));
        }
    }
    if lower.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit()) {
        let digits = grouped(&lower, 10)?;
        let zero = digits.bytes().all(|byte| byte == b'0');
        return (zero || !digits.starts_with('0')).then(|| whole(negative, &digits, 10));
    }
    let (mantissa, exponent) = match lower.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (lower.as_str(), None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let part = |part: &str| if part.is_empty() { Some(String::new()) } else { grouped(part, 10) };
    let mut clean = format!("{}.{}", part(before)?, part(after)?);
    if let Some(exponent) = exponent {
        let digits = exponent.trim_start_matches(['+', '-']);
        if exponent.len() - digits.len() > 1 {
            return None;
        }
        let sign = &exponent[..exponent.len() - digits.len()];
        clean.push_str(&format!("e{sign}{}", grouped(digits, 10)?));
    }
    let value: f64 = clean.parse().ok()?;
    Some(float_value(if negative { -value } else { value }, word))
}

/// Digits with single `_` between them.
fn grouped(digits: &str, radix: u32) -> Option<String> {
    let groups: Vec<&str> = digits.split('_').collect();
    let good = groups.iter().all(|group| !group.is_empty() && group.chars().all(|c| c.is_digit(radix)));
    good.then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ini_values_are_python_literals_or_text() {
        for (text, expected) in [
            ("22", json!(22)),
            ("-5", json!(-5)),
            ("- 5", json!(-5)),
            ("--5", json!("--5")),
            ("0101", json!("0101")),
            ("00", json!(0)),
            ("1_000", json!(1000)),
            ("1__0", json!("1__0")),
            ("0x1F", json!(31)),
            ("1e3", json!(1000.0)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("15m", json!("15m")),
            ("192.0.2.1", json!("192.0.2.1")),
            ("True", json!(true)),
            ("true", json!("true")),
            ("yes", json!("yes")),
            ("None", json!(null)),
            ("", json!("")),
            ("'a b'", json!("a b")),
            ("\"a\" 'b'", json!("ab")),
            ("r'\\n'", json!("\\n")),
            ("'\\x41\\n\\q'", json!("A\n\\q")),
            ("f'x'", json!("f'x'")),
            ("[1, 'a', [True]]", json!([1, "a", [true]])),
            ("[a]", json!("[a]")),
            ("1,2", json!([1, 2])),
            ("(1)", json!(1)),
            ("(1,)", json!([1])),
            ("()", json!([])),
            ("{'a': 1, 2: None}", json!({"a": 1, "2": null})),
            ("{1, 2}", json!([1, 2])),
            ("{}", json!({})),
            ("5 # five", json!(5)),
            ("five # 5", json!("five # 5")),
            ("{{ x }}", json!("{{ x }}")),
            ("...", json!("...")),
            ("1+2", json!("1+2")),
            ("a=b", json!("a=b")),
            ("'unclosed", json!("'unclosed")),
            ("[1, 2", json!("[1, 2")),
            ("\"\"\"a\"b\"\"\"", json!("a\"b")),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }
}
