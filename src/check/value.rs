use std::fmt;

use serde::{Deserialize, Serialize};

use super::Type;

/// A value at run time, and a constant of a program. What is large and rare is boxed: a fiber of a run holds many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    Str(String),
    /// A whole number, a `VmId` among them.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// A time span in milliseconds.
    Duration(u64),
    /// A number of bytes.
    Size(u64),
    /// A share in percent.
    Percent(u64),
    /// A host by its inventory name.
    Host(String),
    /// A list.
    List(Vec<Value>),
    /// Any JSON.
    Json(Box<serde_json::Value>),
    /// What a command gave.
    Output(Box<Output>),
    /// What `recover` binds.
    Failure(Box<Failed>),
    /// A secret: where it comes from, never what it is.
    Secret(Box<SecretSource>),
    /// A probe that got no answer, and why: neither true nor false.
    NoAnswer(String),
    /// Nothing yet.
    None,
}

/// What a command gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status.
    pub code: i32,
    /// How long it took, in milliseconds.
    pub took: u64,
}

/// A failure as `recover` sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// `failed`, `timeout` or `unreachable`.
    pub kind: String,
    /// For a person.
    pub message: String,
    /// The step, as the plan writes it.
    pub step: String,
    /// Exit status where a command ended, else -1.
    pub code: i32,
    /// The host that failed.
    pub host: String,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretSource {
    /// An environment variable of the controller.
    Env(String),
    /// A variable of the inventory that stands in a vault: host and name.
    Vault(String, String),
}

impl Value {
    /// The text of a value in a command, a message or a row of the report; `None` where it has none.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Value::Str(text) | Value::Host(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Duration(ms) => duration_text(*ms),
            Value::Size(bytes) => size_text(*bytes),
            Value::Percent(share) => format!("{share}%"),
            Value::Json(json) => json.as_str().map_or_else(|| json.to_string(), str::to_string),
            Value::Secret(_) => "•••".to_string(),
            Value::NoAnswer(why) => format!("no answer ({why})"),
            Value::List(_) | Value::Output(_) | Value::Failure(_) | Value::None => return None,
        })
    }

    /// What kind of value it is.
    pub fn ty(&self) -> Type {
        match self {
            Value::Str(_) => Type::Str,
            Value::Int(_) => Type::Int,
            Value::Bool(_) => Type::Bool,
            Value::Duration(_) => Type::Duration,
            Value::Size(_) => Type::Size,
            Value::Percent(_) => Type::Percent,
            Value::Host(_) => Type::Host,
            Value::List(items) => Type::List(Box::new(items.first().map_or(Type::Any, Value::ty))),
            Value::Json(_) => Type::Json,
            Value::Output(_) => Type::Output,
            Value::Failure(_) => Type::Failure,
            Value::Secret(_) => Type::Secret,
            Value::NoAnswer(_) | Value::None => Type::Unknown,
        }
    }

    /// Whether it is a value of `wanted`, made one where that is no guess; else why it is none.
    pub fn into_type(self, wanted: &Type) -> Result<Value, String> {
        let text = match (&self, wanted) {
            (_, Type::Any | Type::Unknown) => return Ok(self),
            (Value::Json(json), _) => return from_json(json, wanted),
            (Value::Secret(_), Type::Secret) | (Value::NoAnswer(_), _) => return Ok(self),
            (Value::Host(_), Type::Str) => return Ok(Value::Str(self.text().unwrap_or_default())),
            (Value::Str(text), Type::Host | Type::Guest) => return Ok(Value::Host(text.clone())),
            (Value::Str(text), _) => text.clone(),
            (Value::Int(number), Type::VmId) => return vmid(*number).map(Value::Int),
            (Value::List(items), Type::List(of)) => {
                let items = items.iter().map(|item| item.clone().into_type(of)).collect::<Result<_, _>>();
                return items.map(Value::List);
            }
            (value, wanted) if value.ty().fits(wanted) => return Ok(self),
            (value, wanted) => {
                return Err(format!("{} is no {wanted}", value.text().unwrap_or_else(|| value.ty().to_string())));
            }
        };
        let trimmed = text.trim();
        let no = || format!("`{trimmed}` is no {wanted}");
        match wanted {
            Type::Str => Ok(Value::Str(text.clone())),
            Type::Int => trimmed.parse().map(Value::Int).map_err(|_| no()),
            Type::VmId => trimmed.parse().map_err(|_| no()).and_then(vmid).map(Value::Int),
            Type::Bool => match trimmed {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(no()),
            },
            Type::Duration => duration(trimmed).map(Value::Duration).ok_or_else(no),
            Type::Size => size(trimmed).map(Value::Size).ok_or_else(no),
            Type::Percent => trimmed.strip_suffix('%').and_then(|n| n.parse().ok()).map(Value::Percent).ok_or_else(no),
            Type::Literals(words) if words.iter().any(|word| word == trimmed) => Ok(Value::Str(trimmed.to_string())),
            Type::Literals(_) => Err(format!("`{trimmed}` is none of {wanted}")),
            Type::Json => serde_json::from_str(&text).map(Value::Json).map_err(|why| format!("no JSON: {why}")),
            _ => Err(no()),
        }
    }
}

fn vmid(number: i64) -> Result<i64, String> {
    if VMID.contains(&number) { Ok(number) } else { Err(format!("{number} is no VmId: one is from 100 to 999999999")) }
}

/// The numbers that a guest can have (Proxmox VE: pve-common `JSONSchema.pm`, `pve-vmid`).
pub const VMID: std::ops::RangeInclusive<i64> = 100..=999_999_999;

/// A value of the inventory as a value of the language.
pub fn from_json(json: &serde_json::Value, wanted: &Type) -> Result<Value, String> {
    use serde_json::Value as Json;
    match (json, wanted) {
        (_, Type::Json) => Ok(Value::Json(Box::new(json.clone()))),
        (Json::String(text), _) => Value::Str(text.clone()).into_type(wanted),
        (Json::Bool(yes), Type::Bool | Type::Any | Type::Unknown) => Ok(Value::Bool(*yes)),
        (Json::Number(number), Type::Int | Type::Any | Type::Unknown) if number.is_i64() => {
            Ok(Value::Int(number.as_i64().unwrap_or_default()))
        }
        (Json::Number(number), Type::VmId) if number.is_i64() => {
            vmid(number.as_i64().unwrap_or_default()).map(Value::Int)
        }
        (Json::Number(_), Type::Duration) => Err(format!("{json} has no unit: write `{json}s` or `{json}m`")),
        (Json::Number(_), Type::Size) => Err(format!("{json} has no unit: write `{json}GiB` or `{json}MiB`")),
        (Json::Number(_) | Json::Bool(_), Type::Str) => Ok(Value::Str(json.to_string())),
        (Json::Array(items), Type::List(of)) => {
            items.iter().map(|item| from_json(item, of)).collect::<Result<_, _>>().map(Value::List)
        }
        (Json::Array(items), Type::Any | Type::Unknown) => {
            items.iter().map(|item| from_json(item, &Type::Any)).collect::<Result<_, _>>().map(Value::List)
        }
        (Json::Object(_) | Json::Null | Json::Number(_), Type::Any | Type::Unknown) => {
            Ok(Value::Json(Box::new(json.clone())))
        }
        (Json::Array(_), wanted) => Err(format!("a list is no {wanted}")),
        (Json::Object(_), wanted) => Err(format!("a mapping is no {wanted}")),
        (json, wanted) => Err(format!("{json} is no {wanted}")),
    }
}

/// Milliseconds of `2m30s`, `500ms`, `1h`, `30d`.
pub fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[letters..];
    }
    Some(total)
}

/// `2m30s`: as a person would write it.
pub fn duration_text(ms: u64) -> String {
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut rest = ms;
    let mut text = String::new();
    for (unit, size) in units {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

/// Bytes of `3GiB`, `1.5GiB`, `512MiB`.
pub fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..digits].parse().ok()?;
    let unit: u64 = match &text[digits..] {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    Some((number * unit as f64) as u64)
}

/// `3GiB`, `1.5GiB`: as a person would write it, at most one decimal.
pub fn size_text(bytes: u64) -> String {
    let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in units {
        if bytes >= size {
            let tenths = (bytes as f64 / size as f64 * 10.0).round() as u64;
            return match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                tenth => format!("{}.{tenth}{unit}", tenths / 10),
            };
        }
    }
    format!("{bytes}B")
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(&text),
            None => match self {
                Value::List(items) => {
                    f.write_str("[")?;
                    for (i, item) in items.iter().enumerate() {
                        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                    }
                    f.write_str("]")
                }
                Value::Output(output) => f.write_str(output.stdout.trim_end()),
                Value::Failure(failed) => f.write_str(&failed.message),
                _ => f.write_str("nothing"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_as_people_do() {
        for (text, ms) in [("2m30s", 150_000), ("500ms", 500), ("30d", 2_592_000_000), ("15m", 900_000)] {
            assert_eq!(duration(text), Some(ms), "{text}");
            assert_eq!(duration_text(ms), text);
        }
        for text in ["", "5", "m", "5 m", "5min", "-5s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_without_its_unit_is_no_duration() {
        let why = from_json(&serde_json::json!(15), &Type::Duration).unwrap_err();
        assert_eq!(why, "15 has no unit: write `15s` or `15m`");
    }
}
