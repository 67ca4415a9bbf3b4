//! Pure expressions.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use regex::Regex;

use crate::code::{Code, Expr, Op, SecretSource, Type, Value, duration_text, from_json};

/// What an expression can see.
pub(super) struct Scope<'s> {
    pub(super) code: &'s Code,
    pub(super) slots: &'s [Value],
}

impl Scope<'_> {
    /// The value of an expression, or why it has none.
    pub(super) fn eval(&self, expr: &Expr) -> Result<Value, String> {
        match expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Slot(slot) => Ok(self.slots.get(slot.0).cloned().unwrap_or(Value::None)),
            Expr::Variable(of, name, ty) => {
                let host = self.host(of)?;
                if *ty == Type::Secret {
                    return Ok(Value::Secret(Box::new(SecretSource::Vault(host, name.clone()))));
                }
                let facts = self.code.hosts.get(&host).ok_or_else(|| format!("`{host}` is not in the inventory"))?;
                let json = facts.variables.get(name).ok_or_else(|| format!("`{host}` has no `{name}`"))?;
                from_json(json, ty).map_err(|why| format!("`{name}` of `{host}`: {why}"))
            }
            Expr::Hypervisor(of) => {
                let host = self.host(of)?;
                let hypervisor = self.code.hosts.get(&host).and_then(|facts| facts.hypervisor.clone());
                hypervisor.map(Value::Host).ok_or_else(|| format!("`{host}` has no hypervisor"))
            }
            Expr::Controller => Ok(Value::Host("controller".to_string())),
            Expr::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    text.push_str(&self.eval(part)?.to_string());
                }
                Ok(Value::Str(text))
            }
            Expr::List(items) => items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>().map(Value::List),
            Expr::Convert(inner, ty) => self.eval(inner)?.into_type(ty),
            Expr::Not(inner) => match self.eval(inner)? {
                Value::Bool(yes) => Ok(Value::Bool(!yes)),
                other => Ok(other),
            },
            Expr::Negate(inner) => match self.eval(inner)? {
                Value::Int(number) => Ok(Value::Int(-number)),
                other => Ok(other),
            },
            Expr::Binary(op, left, right) => self.binary(*op, left, right),
            Expr::Index(list, index) => index_of(&*self.view(list)?, &*self.view(index)?),
            Expr::Member(of, name, args) => {
                let args = args.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
                member(&*self.view(of)?, name, &args)
            }
            Expr::Probe(..) => Err("a probe was left in an expression".to_string()),
        }
    }

    /// The same, to look at: what stands in a slot stays there.
    fn view<'e>(&'e self, expr: &'e Expr) -> Result<Cow<'e, Value>, String> {
        match expr {
            Expr::Const(value) => Ok(Cow::Borrowed(value)),
            Expr::Slot(slot) => Ok(Cow::Borrowed(self.slots.get(slot.0).unwrap_or(&Value::None))),
            other => self.eval(other).map(Cow::Owned),
        }
    }

    /// The host that an expression names.
    pub(super) fn host(&self, expr: &Expr) -> Result<String, String> {
        match self.eval(expr)? {
            Value::Host(host) => Ok(host),
            other => Err(format!("{other} is no host")),
        }
    }

    fn binary(&self, op: Op, left: &Expr, right: &Expr) -> Result<Value, String> {
        let left = self.view(left)?;
        if let (Op::And, Value::Bool(false)) | (Op::Or, Value::Bool(true)) = (op, left.as_ref()) {
            return Ok(left.into_owned());
        }
        let right = self.view(right)?;
        if let Value::NoAnswer(_) = *left {
            return Ok(left.into_owned());
        }
        if let Value::NoAnswer(_) = *right {
            return Ok(right.into_owned());
        }
        let yes = |truth| Ok(Value::Bool(truth));
        match op {
            Op::And | Op::Or => Ok(right.into_owned()),
            Op::Equal => yes(same(&left, &right)),
            Op::NotEqual => yes(!same(&left, &right)),
            Op::Less => yes(order(&left, &right)? == Ordering::Less),
            Op::LessEqual => yes(order(&left, &right)? != Ordering::Greater),
            Op::Greater => yes(order(&left, &right)? == Ordering::Greater),
            Op::GreaterEqual => yes(order(&left, &right)? != Ordering::Less),
            Op::In => yes(holds(&right, &left)),
            Op::NotIn => yes(!holds(&right, &left)),
            Op::Contains => yes(holds(&left, &right)),
            Op::Matches => matches(&left, &right).map(Value::Bool),
            Op::Plus | Op::Minus | Op::Times | Op::Divided => arithmetic(op, left.into_owned(), right.into_owned()),
        }
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Json(_) | Value::Host(_), _) | (_, Value::Json(_) | Value::Host(_)) => left.text() == right.text(),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Result<Ordering, String> {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Duration(number) | Value::Size(number) | Value::Percent(number) => Some(i128::from(*number)),
        Value::Json(json) => json.as_i64().map(i128::from),
        _ => None,
    };
    match (number(left), number(right)) {
        (Some(left), Some(right)) => Ok(left.cmp(&right)),
        _ => Err(format!("{left} and {right} have no order")),
    }
}

fn holds(whole: &Value, part: &Value) -> bool {
    match whole {
        Value::List(items) => items.iter().any(|item| same(item, part)),
        Value::Json(json) if json.is_object() => part.text().is_some_and(|key| json.get(&key).is_some()),
        Value::Json(json) if json.is_array() => {
            let mut items = json.as_array().into_iter().flatten();
            items.any(|item| same(&Value::Json(Box::new(item.clone())), part))
        }
        whole => match (whole.text(), part.text()) {
            (Some(whole), Some(part)) => whole.contains(&part),
            _ => false,
        },
    }
}

/// To compile a pattern takes a thousand times as long as to use it, and a plan has few.
fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    const MOST: usize = 100;
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(regex) = known.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Regex::new(pattern)?;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(pattern.to_string(), regex.clone());
        Ok(regex)
    })
}

fn matches(text: &Value, pattern: &Value) -> Result<bool, String> {
    let pattern = pattern.text().unwrap_or_default();
    let regex = compiled(&pattern).map_err(|_| format!("`{pattern}` is no regular expression"))?;
    Ok(regex.is_match(&text.text().unwrap_or_default()))
}

fn arithmetic(op: Op, left: Value, right: Value) -> Result<Value, String> {
    let too_big = || "the result is too large".to_string();
    let signed = |a: i64, b: i64| match op {
        Op::Plus => a.checked_add(b).ok_or_else(too_big),
        Op::Minus => a.checked_sub(b).ok_or_else(too_big),
        Op::Times => a.checked_mul(b).ok_or_else(too_big),
        _ => a.checked_div(b).ok_or_else(|| "division by zero".to_string()),
    };
    let unsigned = |a: u64, b: u64| match op {
        Op::Plus => a.checked_add(b).ok_or_else(too_big),
        // A time span or size is never less than none.
        Op::Minus => Ok(a.saturating_sub(b)),
        Op::Times => a.checked_mul(b).ok_or_else(too_big),
        _ => a.checked_div(b).ok_or_else(|| "division by zero".to_string()),
    };
    let count = |number: i64| u64::try_from(number).map_err(|_| "a negative number can not stand here".to_string());
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => signed(a, b).map(Value::Int),
        (Value::Duration(a), Value::Duration(b)) => unsigned(a, b).map(Value::Duration),
        (Value::Size(a), Value::Size(b)) => unsigned(a, b).map(Value::Size),
        (Value::Percent(a), Value::Percent(b)) => unsigned(a, b).map(Value::Percent),
        (Value::Duration(a), Value::Int(b)) => unsigned(a, count(b)?).map(Value::Duration),
        (Value::Int(a), Value::Duration(b)) => unsigned(count(a)?, b).map(Value::Duration),
        (Value::Size(a), Value::Int(b)) => unsigned(a, count(b)?).map(Value::Size),
        (Value::Int(a), Value::Size(b)) => unsigned(count(a)?, b).map(Value::Size),
        (Value::Size(size), Value::Percent(share)) | (Value::Percent(share), Value::Size(size)) => {
            Ok(Value::Size((u128::from(size) * u128::from(share) / 100) as u64))
        }
        (left, right) if op == Op::Plus => match (left.text(), right.text()) {
            (Some(left), Some(right)) => Ok(Value::Str(left + &right)),
            _ => Err("these can not be added".to_string()),
        },
        (left, right) => Err(format!("{left} and {right} can not be calculated with")),
    }
}

fn index_of(list: &Value, index: &Value) -> Result<Value, String> {
    match (list, index) {
        (Value::List(items), Value::Int(at)) => {
            let length = items.len();
            usize::try_from(*at)
                .ok()
                .and_then(|at| items.get(at))
                .cloned()
                .ok_or_else(|| format!("the list has {length} items, and no [{at}]"))
        }
        (Value::Json(json), index) => {
            let found = match index {
                Value::Int(at) => usize::try_from(*at).ok().and_then(|at| json.get(at)),
                other => other.text().and_then(|key| json.get(key)),
            };
            found
                .cloned()
                .map(|item| Value::Json(Box::new(item)))
                .ok_or_else(|| format!("the JSON has no [{index}]: {}", short(&json.to_string())))
        }
        (value, _) => Err(format!("{value} is no list")),
    }
}

fn member(of: &Value, name: &str, args: &[Value]) -> Result<Value, String> {
    match of {
        Value::NoAnswer(_) => return Ok(of.clone()),
        Value::Failure(failed) => {
            return Ok(match name {
                "kind" => Value::Str(failed.kind.clone()),
                "message" => Value::Str(failed.message.clone()),
                "step" => Value::Str(failed.step.clone()),
                "host" => Value::Str(failed.host.clone()),
                _ => Value::Int(i64::from(failed.code)),
            });
        }
        Value::Output(output) => {
            return match name {
                "stdout" => Ok(Value::Str(output.stdout.clone())),
                "stderr" => Ok(Value::Str(output.stderr.clone())),
                "code" => Ok(Value::Int(i64::from(output.code))),
                "took" => Ok(Value::Duration(output.took)),
                _ => text_member(&output.stdout, name, args),
            };
        }
        Value::List(items) if name == "length" => return Ok(Value::Int(items.len() as i64)),
        Value::Json(json) => {
            if name == "length" {
                let length = match &**json {
                    serde_json::Value::Array(items) => items.len(),
                    serde_json::Value::Object(map) => map.len(),
                    serde_json::Value::String(text) => text.chars().count(),
                    _ => return Err(format!("{} has no length", short(&json.to_string()))),
                };
                return Ok(Value::Int(length as i64));
            }
            if let Some(found) = json.get(name) {
                return Ok(Value::Json(Box::new(found.clone())));
            }
            if let serde_json::Value::String(text) = &**json {
                return text_member(text, name, args);
            }
            return Err(format!("the JSON has no `{name}`: {}", short(&json.to_string())));
        }
        _ => {}
    }
    match of.text() {
        Some(text) => text_member(&text, name, args),
        None => Err(format!("there is no `.{name}`")),
    }
}

fn text_member(text: &str, name: &str, args: &[Value]) -> Result<Value, String> {
    let convert = |ty: &Type| {
        Value::Str(text.trim().to_string())
            .into_type(ty)
            .map_err(|_| format!("`.{name}` does not fit what there is: {}", short(text)))
    };
    let list = |items: Vec<&str>| Value::List(items.into_iter().map(|item| Value::Str(item.to_string())).collect());
    let argument = || args.first().and_then(Value::text).unwrap_or_default();
    Ok(match name {
        "trim" => Value::Str(text.trim().to_string()),
        "lines" => list(text.lines().collect()),
        "last" => Value::Str(text.trim_end().lines().last().unwrap_or_default().to_string()),
        "line" => {
            let at = match args.first() {
                Some(Value::Int(at)) => usize::try_from(*at).ok(),
                _ => None,
            };
            let line = at.and_then(|at| text.lines().nth(at));
            Value::Str(line.ok_or_else(|| format!("there is no line {}: {}", argument(), short(text)))?.to_string())
        }
        "words" => list(text.split_whitespace().collect()),
        "int" => convert(&Type::Int)?,
        "size" => convert(&Type::Size)?,
        "duration" => convert(&Type::Duration)?,
        "json" => {
            serde_json::from_str(text).map(Value::Json).map_err(|why| format!("no JSON ({why}): {}", short(text)))?
        }
        "contains" => Value::Bool(text.contains(&argument())),
        "matches" => Value::Bool(matches(&Value::Str(text.to_string()), &Value::Str(argument()))?),
        "split" => list(text.split(&argument()).collect()),
        "lower" => Value::Str(text.to_lowercase()),
        "upper" => Value::Str(text.to_uppercase()),
        "length" => Value::Int(text.chars().count() as i64),
        _ => return Err(format!("there is no `.{name}`")),
    })
}

/// The beginning of a text, for a message.
pub(super) fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() {
        return "(nothing)".to_string();
    }
    match line.char_indices().nth(120) {
        Some((at, _)) => format!("`{}…`", &line[..at]),
        None => format!("`{line}`"),
    }
}

/// A number of milliseconds, for a message, without more precision than helps.
pub(super) fn about(ms: u64) -> String {
    if ms < 10_000 { format!("{}.{}s", ms / 1000, ms % 1000 / 100) } else { duration_text(ms / 1000 * 1000) }
}
