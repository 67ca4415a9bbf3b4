//! The templates of Ansible: Jinja with native values, Python's way to write them, and the filters that inventories
//! use.
//!
//! What is not known here (lookups, most of Ansible's filters, facts) is an error of the template that uses it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value as Item};
use serde_json::{Map, Number, Value};

use super::python;

/// How many steps a template may take.
const FUEL: u64 = 100_000;
/// How many bytes a template may give.
const MAX_LENGTH: usize = 1 << 20;
/// How many words and signs may stand in one expression or statement: the engine's reader calls itself for many.
const MAX_TOKENS: usize = 300;
/// How deep a value may be nested.
const MAX_DEPTH: usize = 100;

/// What the expressions of one template gave, for a template that is nothing but one expression.
#[derive(Default)]
struct Printed {
    /// How many that are not nothing.
    count: usize,
    /// The last of them, and its text.
    last: Option<(Item, String)>,
}

/// An environment that knows what Ansible's templates may use here.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(print);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.remove_global("debug");
    for filter in ["safe", "escape", "e", "pprint", "lines", "chain", "format", "groupby", "batch", "slice"] {
        environment.remove_filter(filter);
    }
    environment.add_filter("int", to_int);
    environment.add_filter("float", to_float);
    environment.add_filter("bool", to_bool);
    environment.add_filter("string", |value: &Item| python::text(value));
    environment.add_filter("join", join);
    environment.add_filter("basename", |path: String| super::paths::name(&path).to_string());
    environment
        .add_filter("dirname", |path: String| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string());
    environment.add_filter("ternary", ternary);
    environment.add_filter("combine", combine);
    environment.add_filter("dict2items", dict2items);
    environment.add_filter("items2dict", items2dict);
    environment.add_filter("extract", extract);
    environment.add_filter("regex_replace", regex_replace);
    environment.add_filter("to_json", |value: &Item| from_item(value, 0).map(|value| python::json(&value)));
    environment.add_filter("from_json", from_json);
    environment.add_filter("mandatory", |value: &Item| value.clone());
    environment
}

/// Writes what an expression gave as Python writes it, and notes it.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, item: &Item) -> Result<(), Error> {
    if item.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    // Ansible leaves out expressions that give nothing.
    if item.is_none() {
        return Ok(());
    }
    let text = python::text(item)?;
    out.write_str(&text).map_err(|_| Error::from(ErrorKind::WriteFailure))?;
    let printed = state.get_or_insert_extension_with(Printed::default);
    printed.count += 1;
    printed.last = Some((item.clone(), text));
    Ok(())
}

/// What a template of the environment gives: the value of its expression where it is nothing but one, else text.
pub(super) fn render(environment: &Environment<'static>, name: &str, context: Item) -> Result<Value, Error> {
    let rendered = environment.get_template(name)?.render_captured(context)?;
    let text = rendered.output();
    if text.len() > MAX_LENGTH {
        return Err(Error::new(ErrorKind::InvalidOperation, "what it gives is too long"));
    }
    let printed = rendered.state().get_extension::<Printed>();
    match printed {
        Some(Printed { count: 1, last: Some((item, alone)) }) if alone == text => {
            return match from_item(item, 0)? {
                Value::String(text) => Ok(Value::String(with_newlines(name, text))),
                other => Ok(other),
            };
        }
        Some(_) => {}
        // Neither text nor an expression that gives anything.
        None if text.is_empty() => return Ok(Value::Null),
        None => {}
    }
    Ok(Value::String(with_newlines(name, text.to_string())))
}

/// Jinja drops a newline at the end of a template, and Ansible puts it back.
fn with_newlines(template: &str, mut text: String) -> String {
    let newlines = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let missing = newlines(template).saturating_sub(newlines(&text));
    text.extend(std::iter::repeat_n('\n', missing));
    text
}

/// Whether every expression and statement of a template is short enough to be read.
pub(super) fn is_short(template: &str) -> bool {
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let inner = &rest[start + 1..];
        let (len, end) = match inner.as_bytes().first() {
            Some(b'{') => (block_len(&inner[1..], "}}"), "}}"),
            Some(b'%') => (block_len(&inner[1..], "%}"), "%}"),
            Some(b'#') => {
                rest = inner.find("#}").map_or("", |end| &inner[end + 2..]);
                continue;
            }
            _ => {
                rest = inner;
                continue;
            }
        };
        let block = &inner[1..=len];
        if tokens(block) > MAX_TOKENS {
            return false;
        }
        rest = inner.get(1 + len + end.len()..).unwrap_or_default();
        if end == "%}" && block.trim_matches(['-', '+', ' ', '\t', '\n']) == "raw" {
            rest = rest.find("endraw").map_or("", |end| &rest[end..]);
        }
    }
    true
}

/// How much of a text comes before the end of its block; ends within quotes do not count.
fn block_len(text: &str, end: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(mark) if c == mark => quote = None,
            Some(_) => {}
            None if text[at..].starts_with(end) => return at,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None => {}
        }
    }
    text.len()
}

/// How many words and signs are in a block, roughly; what is in quotes is one.
fn tokens(block: &str) -> usize {
    let (mut count, mut quote, mut in_word, mut escaped) = (0, None, false, false);
    for c in block.chars() {
        let is_word = c.is_alphanumeric() || c == '_';
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(mark) if c == mark => quote = None,
            Some(_) => {}
            None => {
                count += usize::from(!(c.is_whitespace() || is_word && in_word));
                if matches!(c, '\'' | '"') {
                    quote = Some(c);
                }
            }
        }
        in_word = is_word;
    }
    count
}

/// A template's source as the engine needs it to mean what it means to Ansible, which keeps every `\` in the texts
/// of its expressions as it is.
pub(super) fn source(template: &str) -> String {
    if !template.contains('\\') {
        return template.to_string();
    }
    let mut source = String::new();
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        let (before, expression) = rest.split_at(start + 2);
        source.push_str(before);
        let mut quote = None;
        let mut chars = expression.char_indices();
        let mut end = expression.len();
        while let Some((at, c)) = chars.next() {
            match (quote, c) {
                (None, '}') if expression[at..].starts_with("}}") => {
                    end = at;
                    break;
                }
                (None, '\'' | '"') => quote = Some(c),
                (Some(mark), c) if c == mark => quote = None,
                (Some(mark), '\\') => {
                    source.push_str("\\\\");
                    match chars.next() {
                        // A quote that is escaped does not end the text, and its `\` stays too.
                        Some((_, next)) if next == mark => {
                            source.push('\\');
                            source.push(next);
                        }
                        Some((_, '\\')) => source.push_str("\\\\"),
                        Some((_, next)) => source.push(next),
                        None => {}
                    }
                    continue;
                }
                _ => {}
            }
            source.push(c);
        }
        rest = &expression[end..];
    }
    source.push_str(rest);
    source
}

/// A JSON value as the engine takes it.
pub(super) fn to_item(value: &Value) -> Item {
    match value {
        Value::Null => Item::from(()),
        Value::Bool(truth) => Item::from(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Item::from(number),
            (None, Some(number), _) => Item::from(number),
            (None, None, number) => Item::from(number.unwrap_or_default()),
        },
        Value::String(text) => Item::from(text.as_str()),
        Value::Array(items) => Item::from_iter(items.iter().map(to_item)),
        Value::Object(map) => Item::from_pairs(map.iter().map(|(key, value)| (key.as_str(), to_item(value)))),
    }
}

/// A value of the engine as JSON.
pub(super) fn from_item(item: &Item, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new(ErrorKind::InvalidOperation, "the value is nested too deep"));
    }
    match item.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(item.is_true())),
        ValueKind::Number => number(item),
        ValueKind::String => Ok(Value::String(item.as_str().unwrap_or_default().to_string())),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = item.try_iter()?.checked().map(|item| from_item(&item?, depth + 1));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for key in item.try_iter()?.checked() {
                let key = key?;
                let name = match from_item(&key, depth + 1)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                map.insert(name, from_item(&item.get_item(&key)?, depth + 1)?);
            }
            Ok(Value::Object(map))
        }
        ValueKind::Invalid => item.try_iter().map(|_| Value::Null),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "the value is none that a variable can have")),
    }
}

fn number(item: &Item) -> Result<Value, Error> {
    if item.is_integer() {
        if let Ok(number) = i64::try_from(item.clone()) {
            return Ok(Value::from(number));
        }
        if let Ok(number) = u64::try_from(item.clone()) {
            return Ok(Value::from(number));
        }
    }
    let number = f64::try_from(item.clone())?;
    Number::from_f64(number)
        .map(Value::Number)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the number has no end"))
}

/// An argument by its place or by its name, else a default.
fn argument<'a>(place: Option<&'a Item>, named: &'a Kwargs, name: &str, default: i64) -> Result<i64, Error> {
    match place {
        Some(item) => i64::try_from(item.clone()),
        None => Ok(named.get::<Option<i64>>(name)?.unwrap_or(default)),
    }
}

/// `int(default=0, base=10)`: what is no number is the default (Jinja's own filter).
fn to_int(item: &Item, place: Option<Item>, named: Kwargs) -> Result<Item, Error> {
    let default = argument(place.as_ref(), &named, "default", 0)?;
    let base = named.get::<Option<u32>>("base")?.unwrap_or(10);
    if !(2..=36).contains(&base) {
        return Err(Error::new(ErrorKind::InvalidOperation, "the base of a number is from 2 to 36"));
    }
    if let Some(text) = item.as_str() {
        let text = text.trim().replace('_', "");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        let digits = match base {
            16 => digits.trim_start_matches("0x").trim_start_matches("0X"),
            8 => digits.trim_start_matches("0o"),
            2 => digits.trim_start_matches("0b"),
            _ => digits,
        };
        if let Ok(number) = i64::from_str_radix(digits, base) {
            return Ok(Item::from(if negative { -number } else { number }));
        }
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        return Ok(Item::from(number.map_or(default, |number| number as i64)));
    }
    if item.kind() == ValueKind::Bool {
        return Ok(Item::from(i64::from(item.is_true())));
    }
    if item.is_integer() {
        return Ok(item.clone());
    }
    Ok(Item::from(f64::try_from(item.clone()).map_or(default, |number| number as i64)))
}

/// `float(default=0.0)`: what is no number is the default.
fn to_float(item: &Item, default: Option<f64>) -> f64 {
    let default = default.unwrap_or_default();
    match item.as_str() {
        Some(text) => text.trim().replace('_', "").parse().unwrap_or(default),
        None if item.kind() == ValueKind::Bool => f64::from(u8::from(item.is_true())),
        None => f64::try_from(item.clone()).unwrap_or(default),
    }
}

/// Ansible's `bool`: `yes`, `on`, `1`, `true` and their like are true (`plugins/filter/core.py`).
fn to_bool(item: &Item) -> Result<bool, Error> {
    if item.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(match item.as_str() {
        Some(text) => matches!(text.to_lowercase().as_str(), "yes" | "on" | "1" | "true"),
        None if item.kind() == ValueKind::Bool => item.is_true(),
        None => i64::try_from(item.clone()).is_ok_and(|number| number == 1),
    })
}

fn join(items: &Item, by: Option<String>) -> Result<String, Error> {
    let mut texts = Vec::new();
    for item in items.try_iter()?.checked() {
        texts.push(python::text(&item?)?);
    }
    Ok(texts.join(by.as_deref().unwrap_or_default()))
}

fn ternary(item: &Item, yes: Item, no: Item, nothing: Option<Item>) -> Item {
    match nothing {
        Some(nothing) if item.is_none() => nothing,
        _ if item.is_true() => yes,
        _ => no,
    }
}

fn object(item: &Item) -> Result<Map<String, Value>, Error> {
    match from_item(item, 0)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "a mapping is wanted here")),
    }
}

/// `combine(other, …, recursive=false)`: later mappings win.
fn combine(first: &Item, Rest(others): Rest<Item>, named: Kwargs) -> Result<Item, Error> {
    let recursive = named.get::<Option<bool>>("recursive")?.unwrap_or_default();
    named.assert_all_used()?;
    let mut all = object(first)?;
    for other in &others {
        merge(&mut all, object(other)?, recursive);
    }
    Ok(to_item(&Value::Object(all)))
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>, recursive: bool) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) if recursive => merge(into, from, recursive),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn dict2items(item: &Item) -> Result<Item, Error> {
    let pairs = object(item)?
        .into_iter()
        .map(|(key, value)| Item::from_pairs([("key", Item::from(key)), ("value", to_item(&value))]));
    Ok(Item::from_iter(pairs))
}

fn items2dict(items: &Item) -> Result<Item, Error> {
    let mut map = Map::new();
    for item in items.try_iter()?.checked() {
        let mut pair = object(&item?)?;
        let (Some(key), Some(value)) = (pair.shift_remove("key"), pair.shift_remove("value")) else {
            return Err(Error::new(ErrorKind::InvalidOperation, "each item has a `key` and a `value`"));
        };
        let key = key.as_str().map_or_else(|| key.to_string(), str::to_string);
        map.insert(key, value);
    }
    Ok(to_item(&Value::Object(map)))
}

/// `extract(container, more)`: the item of a container under this key, and what is under more keys in it.
fn extract(key: &Item, container: &Item, more: Option<Item>) -> Result<Item, Error> {
    let found = container.get_item(key)?;
    match more {
        None => Ok(found),
        Some(more) if more.kind() == ValueKind::Seq => {
            more.try_iter()?.checked().try_fold(found, |found, key| found.get_item(&key?))
        }
        Some(key) => found.get_item(&key),
    }
}

/// `regex_replace(pattern, replacement)`, for patterns without what only Python's expressions have.
fn regex_replace(text: String, pattern: String, by: Option<String>, named: Kwargs) -> Result<String, Error> {
    named.assert_all_used()?;
    let regex = regex::Regex::new(&pattern)
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "the pattern is none that is known here"))?;
    // `\1` is `${1}` here, and a `$` is a `$`.
    let mut replacement = String::new();
    let by = by.unwrap_or_default();
    let mut chars = by.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                replacement.push_str(&format!("${{{digit}}}"));
                chars.next();
            }
            ('\\', Some('\\')) => {
                replacement.push('\\');
                chars.next();
            }
            ('\\', _) => {
                return Err(Error::new(ErrorKind::InvalidOperation, "the replacement is none that is known here"));
            }
            ('$', _) => replacement.push_str("$$"),
            _ => replacement.push(c),
        }
    }
    Ok(regex.replace_all(&text, replacement.as_str()).into_owned())
}

fn from_json(text: String) -> Result<Item, Error> {
    let value: Value =
        serde_json::from_str(&text).map_err(|_| Error::new(ErrorKind::InvalidOperation, "the text is not JSON"))?;
    Ok(to_item(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_is_too_long_is_found_wherever_it_stands() {
        let long = "not ".repeat(5000);
        for before in [
            "",
            "{# {{ \" #}",
            "{% raw %}{{ \" {% endraw %}",
            "{{ \"}}\" }}",
            "{{ '\\'' }}",
            "{ {{ a }} {",
            "{%- raw -%} ' {%- endraw -%}",
        ] {
            assert!(!is_short(&format!("{before}{{{{ {long}a }}}}")), "{before}");
            assert!(is_short(&format!("{before}{{{{ a }}}} {long}")), "{before}");
        }
        assert!(!is_short(&format!("{{{{ {long}\"")));
        assert!(is_short(&format!("{{{{ '{long}' }}}}")));
    }

    #[test]
    fn a_backslash_in_an_expression_stays_one() {
        assert_eq!(source(r"{{ 'a\nb' }} \n"), r"{{ 'a\\nb' }} \n");
        assert_eq!(source(r"{{ 'it\'s' }}"), r"{{ 'it\\\'s' }}");
    }
}
