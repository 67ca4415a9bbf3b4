//! Host names as they stand in inventories: with a port (`h:2222`, `[::1]:22`) and with ranges (`web[01:10:2]`).
//!
//! The shapes are those of Ansible's `parsing/utils/addresses.py` and `plugins/inventory/__init__.py`.

use std::sync::LazyLock;

use regex::Regex;

/// The most hosts that one pattern may stand for.
const MAX_HOSTS: usize = 100_000;
/// The most ranges in one pattern.
const MAX_RANGES: usize = 8;

/// The host names that a pattern stands for, and the port it gives.
pub(super) fn expand(pattern: &str) -> Result<(Vec<String>, Option<u32>), String> {
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if pattern.bytes().all(simple) {
        return Ok((vec![pattern.to_string()], None));
    }
    // What is no address stays as it is, a port's digits included.
    let (name, port) = split_port(pattern).unwrap_or((pattern, None));
    let mut hosts = Vec::new();
    if name.matches('[').count() > MAX_RANGES {
        return Err(format!("a name holds more than {MAX_RANGES} ranges"));
    }
    if name.contains('[') {
        expand_ranges(name, &mut hosts)?;
    } else {
        hosts.push(name.to_string());
    }
    Ok((hosts, port))
}

/// Whether a text is one address, ranges and a port allowed, and not several that `:` parts.
pub(super) fn is_address(text: &str) -> bool {
    split_port(text).is_some()
}

/// A host without its port, and the port; `None` when the text is neither a name nor an address.
fn split_port(text: &str) -> Option<(&str, Option<u32>)> {
    let (host, port) = match bracketed(text).or_else(|| after_colon(text)) {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let known = IPV4.is_match(host) || IPV6.is_match(host) || HOST_NAME.is_match(host);
    known.then_some((host, port))
}

/// `[host]:port`.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.strip_prefix('[')?.rsplit_once("]:")?;
    (!host.is_empty() && is_number(port)).then_some((host, port))
}

/// `host:port`, where no `:` stands in the host outside brackets.
fn after_colon(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let mut inside = false;
    for c in host.chars() {
        match (c, inside) {
            ('[', false) => inside = true,
            (']', true) => inside = false,
            (':' | ']', false) => return None,
            _ => {}
        }
    }
    (!inside && is_number(port)).then_some((host, port))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A pattern that is part of this program; one that does not compile would match nothing.
fn compiled(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// A pattern that is compiled when it is first needed.
struct Shape(LazyLock<Option<Regex>>);

impl Shape {
    fn is_match(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

const NUMBERS: &str = r"\[[0-9]+:[0-9]+(?::[0-9]+)?\]";

static IPV4: Shape = Shape(LazyLock::new(|| {
    let part = format!("(?:[01]?[0-9]{{1,2}}|2[0-4][0-9]|25[0-5]|{NUMBERS})");
    compiled(&format!(r"^(?:{part}\.){{3}}{part}$"))
}));

static IPV6: Shape = Shape(LazyLock::new(|| {
    let h = r"(?:[0-9a-f]{1,4}|\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\])";
    let shapes = [
        format!("(?:{h}:){{7}}{h}"),
        format!("(?:{h}:){{1,6}}:"),
        format!("(?:{h}:)(?::{h}){{1,6}}"),
        format!("(?:{h}:){{2}}(?::{h}){{1,5}}"),
        format!("(?:{h}:){{3}}(?::{h}){{1,4}}"),
        format!("(?:{h}:){{4}}(?::{h}){{1,3}}"),
        format!("(?:{h}:){{5}}(?::{h}){{1,2}}"),
        format!("(?:{h}:){{6}}(?::{h})"),
        format!(":(?::{h}){{1,6}}"),
        format!("{h}?::"),
        format!(r"(?:0:){{6}}(?:{h}\.){{3}}{h}"),
        format!(r"::(?:ffff:)?(?:{h}\.){{3}}{h}"),
        format!(r"(?:0:){{5}}ffff:(?:{h}\.){{3}}{h}"),
    ];
    compiled(&format!("^(?i:{})$", shapes.join("|")))
}));

static HOST_NAME: Shape = Shape(LazyLock::new(|| {
    let range = r"\[(?:[a-zA-Z]:[a-zA-Z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]";
    // A label ends in a letter, a digit or a range.
    let label = format!(r"(?:(?:\w|{range})(?:[\w-]|{range})*)?(?:[^\W_]|{range})");
    compiled(&format!(r"^{label}(?:\.{label})*$"))
}));

/// Adds every name that a pattern with ranges stands for, in order.
fn expand_ranges(pattern: &str, hosts: &mut Vec<String>) -> Result<(), String> {
    let Some((head, rest)) = pattern.split_once('[') else {
        hosts.push(pattern.to_string());
        return Ok(());
    };
    let (range, tail) = rest.split_once(']').ok_or_else(|| "a range begins with `[` and has no `]`".to_string())?;
    for item in range_items(range)? {
        expand_ranges(&format!("{head}{item}{tail}"), hosts)?;
        if hosts.len() > MAX_HOSTS {
            return Err(format!("a range stands for more than {MAX_HOSTS} hosts"));
        }
    }
    Ok(())
}

/// What `begin:end` or `begin:end:step` counts through, ends included.
fn range_items(range: &str) -> Result<Vec<String>, String> {
    let bounds: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match bounds[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err(format!("the range `[{range}]` is not `[begin:end]` or `[begin:end:step]`")),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err(format!("the range `[{range}]` has no end"));
    }
    let padded = begin.len() > 1 && begin.starts_with('0');
    if padded && begin.len() != end.len() {
        return Err(format!("the range `[{range}]` begins with a zero, and its ends are not of equal length"));
    }
    let step: usize = match step.parse() {
        Ok(0) | Err(_) => return Err(format!("the step of the range `[{range}]` is not a number from 1")),
        Ok(step) => step,
    };
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let letter = |text: &str| {
        let mut chars = text.chars();
        let first = chars.next()?;
        if chars.next().is_some() { None } else { letters.iter().position(|letter| *letter == first) }
    };
    if let (Some(from), Some(to)) = (letter(begin), letter(end)) {
        if from > to {
            return Err(format!("the range `[{range}]` ends before it begins"));
        }
        return Ok(letters[from..=to].iter().step_by(step).map(char::to_string).collect());
    }
    let number = |text: &str| -> Result<usize, String> {
        text.parse().map_err(|_| format!("the range `[{range}]` counts neither numbers nor single letters"))
    };
    let (from, to) = (number(begin)?, number(end)?);
    let width = if padded { begin.len() } else { 0 };
    if to.saturating_sub(from) / step > MAX_HOSTS {
        return Err(format!("a range stands for more than {MAX_HOSTS} hosts"));
    }
    Ok((from..=to).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(pattern: &str) -> (Vec<String>, Option<u32>) {
        expand(pattern).unwrap_or_else(|error| (vec![error], None))
    }

    fn names(pattern: &str) -> String {
        hosts(pattern).0.join(" ")
    }

    #[test]
    fn ports_are_split_from_names_and_addresses() {
        assert_eq!(hosts("h:2222"), (vec!["h".to_string()], Some(2222)));
        assert_eq!(hosts("192.0.2.1:22"), (vec!["192.0.2.1".to_string()], Some(22)));
        assert_eq!(hosts("[2001:db8::1]:2200"), (vec!["2001:db8::1".to_string()], Some(2200)));
        assert_eq!(hosts("2001:db8::1"), (vec!["2001:db8::1".to_string()], None));
        assert_eq!(hosts("::1"), (vec!["::1".to_string()], None));
        assert_eq!(hosts("h_"), (vec!["h_".to_string()], None));
        assert_eq!(hosts("/srv/chroot:22"), (vec!["/srv/chroot:22".to_string()], None));
        assert_eq!(hosts("web[1:2]:80"), (vec!["web1".to_string(), "web2".to_string()], Some(80)));
    }

    #[test]
    fn ranges_count_numbers_and_letters_with_steps() {
        assert_eq!(names("web[01:10:4].example.com"), "web01.example.com web05.example.com web09.example.com");
        assert_eq!(names("db[a:c]"), "dba dbb dbc");
        assert_eq!(names("x[a:b][1:2]"), "xa1 xa2 xb1 xb2");
        assert_eq!(names("h[:2]"), "h0 h1 h2");
        assert_eq!(names("h[9:11]"), "h9 h10 h11");
        assert!(names("h[08:111]").contains("equal length"));
        assert!(names("h[5:]").contains("no end"));
        assert!(names("h[c:a]").contains("before it begins"));
        assert!(names("h[1:99999999]").contains("more than"));
        assert!(names("h[1:2:0]").contains("step"));
        assert!(names("h[1").contains("no `]`"));
    }
}
