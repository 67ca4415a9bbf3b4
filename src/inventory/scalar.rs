//! What a plain YAML scalar means.
//!
//! Ansible reads YAML with PyYAML, which resolves plain scalars by YAML 1.1: `yes` is a truth, `0101` is the number
//! 65, `12:30:00` is 45000 and `2024-05-01` is a date. The patterns are those of PyYAML's `resolver.py`, the values
//! those of its `constructor.py` (<https://yaml.org/type/>).

use serde_json::{Number, Value};

/// The value of a plain scalar. Dates become text in ISO form, which is what `ansible-inventory --list` shows.
///
/// An error says what is wrong with a scalar that looks like a date and is none.
pub(super) fn plain(text: &str) -> Result<Value, String> {
    let Some(first) = text.bytes().next() else { return Ok(Value::Null) };
    Ok(match first {
        b'~' if text == "~" => Value::Null,
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        b'0'..=b'9' | b'+' | b'-' | b'.' => match number(text) {
            Some(value) => value,
            None => match date(text)? {
                Some(date) => Value::String(date),
                None => Value::String(text.to_string()),
            },
        },
        _ => Value::String(text.to_string()),
    })
}

/// A truth or a null by its word, else text.
fn word(text: &str) -> Value {
    match truth(text) {
        Some(truth) => Value::Bool(truth),
        None if matches!(text, "null" | "Null" | "NULL") => Value::Null,
        None => Value::String(text.to_string()),
    }
}

/// `yes`, `no`, `on`, `off`, `true`, `false` in lower case, upper case or capitalised.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// A whole number or a float; `None` where the text is neither.
pub(super) fn number(text: &str) -> Option<Value> {
    int(text).or_else(|| float(text))
}

/// A whole number: decimal, `0b`, octal by a leading zero, `0x`, or base 60 (`1:30`), with `_` between digits.
pub(super) fn int(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    let digits_of = |digits: &str, radix: u32| -> Option<Value> {
        let all = !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || (byte as char).is_digit(radix));
        let clean: String = digits.chars().filter(|c| *c != '_').collect();
        if !all || clean.is_empty() {
            return None;
        }
        Some(whole(negative, &clean, radix))
    };
    if let Some(binary) = body.strip_prefix("0b") {
        return digits_of(binary, 2);
    }
    if let Some(hex) = body.strip_prefix("0x") {
        return digits_of(hex, 16);
    }
    if body == "0" {
        return Some(Value::from(0));
    }
    if body.starts_with('0') {
        return digits_of(body, 8);
    }
    if !body.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if body.contains(':') {
        return base_60(body).map(|value| Value::from(if negative { -value } else { value }));
    }
    digits_of(body, 10)
}

/// `H:M:S` as seconds; each part after the first below 60.
fn base_60(body: &str) -> Option<i64> {
    let mut parts = body.split(':');
    let head = parts.next()?;
    if !head.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit()) {
        return None;
    }
    let mut total: i64 = head.replace('_', "").parse().ok()?;
    for part in parts {
        if !is_sixty(part) {
            return None;
        }
        total = total.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    Some(total)
}

/// One or two digits, below 60.
fn is_sixty(part: &str) -> bool {
    let bytes = part.as_bytes();
    match bytes {
        [digit] => digit.is_ascii_digit(),
        [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
        _ => false,
    }
}

/// A float: `1.5`, `1.`, `.5`, `1.0e+3` (the exponent's sign is required), `1:30.5`, `.inf`, `.nan`.
pub(super) fn float(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    let signed = body.len() != text.len();
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return Some(float_value(if negative { f64::NEG_INFINITY } else { f64::INFINITY }, text));
    }
    if !signed && matches!(body, ".nan" | ".NaN" | ".NAN") {
        return Some(float_value(f64::NAN, text));
    }
    if body.contains(':') {
        return sixty_float(negative, body).map(|value| float_value(value, text));
    }
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (before, after) = mantissa.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    let starts = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    // `.5` takes no sign (the pattern of PyYAML has none there), and needs a digit after the point.
    let shape = if before.is_empty() { !signed && starts(after) } else { starts(before) };
    if !shape || !digits(before) || !digits(after) {
        return None;
    }
    if let Some(exponent) = exponent {
        let power = exponent.strip_prefix(['+', '-'])?;
        if power.is_empty() || !power.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    let clean: String = body.chars().filter(|c| *c != '_').collect();
    let value: f64 = clean.parse().ok()?;
    Some(float_value(if negative { -value } else { value }, text))
}

fn sixty_float(negative: bool, body: &str) -> Option<f64> {
    let (whole, fraction) = body.rsplit_once('.')?;
    if !fraction.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit()) {
        return None;
    }
    let mut parts: Vec<&str> = whole.split(':').collect();
    let last = parts.pop()?;
    let head = parts.first()?;
    let digits = |part: &str| part.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    if !head.starts_with(|c: char| c.is_ascii_digit()) || !digits(head) {
        return None;
    }
    if !is_sixty(last) || !parts.iter().skip(1).all(|part| is_sixty(part)) {
        return None;
    }
    let mut total = 0.0;
    for part in parts {
        total = total * 60.0 + part.replace('_', "").parse::<f64>().ok()?;
    }
    let seconds: f64 = format!("{last}.{}", fraction.replace('_', "")).parse().ok()?;
    total = total * 60.0 + seconds;
    Some(if negative { -total } else { total })
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// A whole number from clean digits. One beyond 64 bits becomes a float, as JSON readers take it.
pub(super) fn whole(negative: bool, digits: &str, radix: u32) -> Value {
    if let Ok(value) = u64::from_str_radix(digits, radix) {
        if !negative {
            return Value::from(value);
        }
        if let Some(value) = 0i64.checked_sub_unsigned(value) {
            return Value::from(value);
        }
    }
    let value = digits
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit));
    let text = format!("{}{digits}", if negative { "-" } else { "" });
    let value = match radix {
        10 => text.parse().unwrap_or(value),
        _ if negative => -value,
        _ => value,
    };
    float_value(value, &text)
}

/// JSON has no infinity and no "not a number": those stay text, as they are written.
pub(super) fn float_value(value: f64, text: &str) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => Value::String(text.to_string()),
    }
}

/// A date, or a date with a time, in ISO form (`2024-05-01`, `2024-05-01T10:00:00+00:00`); `Ok(None)` for other text.
fn date(text: &str) -> Result<Option<String>, String> {
    let Some(parts) = Stamp::read(text) else { return Ok(None) };
    parts.iso().map(Some).ok_or_else(|| format!("`{text}` looks like a date, and there is no such day or time"))
}

/// The digits of a timestamp.
struct Stamp<'a> {
    year: u32,
    month: u32,
    day: u32,
    time: Option<(u32, u32, u32)>,
    fraction: &'a str,
    /// Minutes east of UTC.
    zone: Option<i32>,
}

impl<'a> Stamp<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !text.is_ascii() || bytes.len() < 8 || bytes[4] != b'-' {
            return None;
        }
        let mut at = Cursor { text, at: 0 };
        let year_len = at.digits(4, 4)?;
        at.take("-")?;
        let month = at.digits(1, 2)?;
        at.take("-")?;
        let day = at.digits(1, 2)?;
        let mut stamp = Stamp {
            year: year_len.parse().ok()?,
            month: month.parse().ok()?,
            day: day.parse().ok()?,
            time: None,
            fraction: "",
            zone: None,
        };
        if at.is_done() {
            // A date alone needs two digits each.
            return (month.len() == 2 && day.len() == 2).then_some(stamp);
        }
        if at.take("T").or_else(|| at.take("t")).is_none() && at.blanks() == 0 {
            return None;
        }
        let hour = at.digits(1, 2)?;
        at.take(":")?;
        let minute = at.digits(2, 2)?;
        at.take(":")?;
        let second = at.digits(2, 2)?;
        stamp.time = Some((hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?));
        if at.take(".").is_some() {
            stamp.fraction = at.digits(0, usize::MAX)?;
        }
        at.blanks();
        if at.take("Z").is_some() {
            stamp.zone = Some(0);
        } else if let Some(sign) = at.take("+").or_else(|| at.take("-")) {
            let hours: i32 = at.digits(1, 2)?.parse().ok()?;
            let minutes: i32 = if at.take(":").is_some() { at.digits(2, 2)?.parse().ok()? } else { 0 };
            let east = hours * 60 + minutes;
            stamp.zone = Some(if sign == "-" { -east } else { east });
        }
        at.is_done().then_some(stamp)
    }

    fn iso(&self) -> Option<String> {
        let leap = self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if self.year == 0 || self.day == 0 || self.day > days {
            return None;
        }
        let mut text = format!("{:04}-{:02}-{:02}", self.year, self.month, self.day);
        let Some((hour, minute, second)) = self.time else { return Some(text) };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        text.push_str(&format!("T{hour:02}:{minute:02}:{second:02}"));
        let micros = format!("{:0<6}", &self.fraction[..self.fraction.len().min(6)]);
        if micros != "000000" {
            text.push_str(&format!(".{micros}"));
        }
        if let Some(zone) = self.zone {
            if zone.abs() >= 24 * 60 {
                return None;
            }
            let sign = if zone < 0 { '-' } else { '+' };
            text.push_str(&format!("{sign}{:02}:{:02}", zone.abs() / 60, zone.abs() % 60));
        }
        Some(text)
    }
}

/// A walk over ASCII text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    fn take(&mut self, what: &'static str) -> Option<&'static str> {
        self.rest().starts_with(what).then(|| {
            self.at += what.len();
            what
        })
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<&'a str> {
        let rest = self.rest();
        let len = rest.bytes().take_while(u8::is_ascii_digit).count().min(most);
        (len >= least).then(|| {
            self.at += len;
            &rest[..len]
        })
    }

    fn blanks(&mut self) -> usize {
        let len = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.at += len;
        len
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_mean_what_yaml_1_1_says() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("Null", json!(null)),
            ("nULL", json!("nULL")),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("0", json!(0)),
            ("101", json!(101)),
            ("0101", json!(65)),
            ("0108", json!("0108")),
            ("0o17", json!("0o17")),
            ("0x1f", json!(31)),
            ("0b101", json!(5)),
            ("-0b11", json!(-3)),
            ("1_000", json!(1000)),
            ("+12", json!(12)),
            ("-7", json!(-7)),
            ("12:30:00", json!(45000)),
            ("09:30", json!("09:30")),
            ("1:60", json!("1:60")),
            ("1:30.5", json!(90.5)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("-.5", json!("-.5")),
            ("1e3", json!("1e3")),
            ("1.0e3", json!("1.0e3")),
            ("1.0e+3", json!(1000.0)),
            ("1.2.3", json!("1.2.3")),
            ("192.0.2.1", json!("192.0.2.1")),
            ("2024-05-01", json!("2024-05-01")),
            ("2024-5-1", json!("2024-5-1")),
            ("2001-12-14t21:59:43.10-05:00", json!("2001-12-14T21:59:43.100000-05:00")),
            ("2001-12-14 1:59:43 Z", json!("2001-12-14T01:59:43+00:00")),
            ("15m", json!("15m")),
            (".inf", json!(".inf")),
            ("-", json!("-")),
            (".", json!(".")),
            ("_1", json!("_1")),
            ("18446744073709551615", json!(18446744073709551615u64)),
        ] {
            assert_eq!(plain(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn a_day_that_does_not_exist_is_an_error() {
        assert!(plain("2024-13-45").is_err());
        assert!(plain("2023-02-29").is_err());
        assert_eq!(plain("2024-02-29"), Ok(json!("2024-02-29")));
    }
}
