//! Host patterns, as `--limit` takes them: `web*:!web3`, `a,b,&c`, `dns[0]`, `~web\d+` (Ansible's
//! `inventory/manager.py`; <https://docs.ansible.com/ansible/latest/inventory_guide/intro_patterns.html>).

use std::collections::BTreeSet;
use std::fmt;

use regex::Regex;

use super::{Inventory, address};
use crate::diag::nearest;

/// Why a pattern names no hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// A part of it matches neither a host nor a group.
    NoMatch {
        /// The part.
        part: String,
        /// The host or group that may have been meant.
        nearest: Option<String>,
    },
    /// The part after `~` is no regular expression that can be used here.
    Regex {
        /// The part.
        part: String,
        /// What is wrong with it.
        why: String,
    },
    /// A number in brackets is beyond the hosts of the part before it.
    OutOfRange {
        /// The part.
        part: String,
        /// How many hosts there are to choose from.
        hosts: usize,
    },
    /// `@file`: a file of hosts, which the command line reads.
    File {
        /// The part.
        part: String,
    },
    /// There is nothing in it.
    Empty,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::NoMatch { part, nearest: Some(near) } => {
                write!(f, "`{part}` is no host and no group; `{near}` is")
            }
            PatternError::NoMatch { part, nearest: None } => write!(f, "`{part}` matches no host and no group"),
            PatternError::Regex { part, why } => write!(f, "`{part}` is no regular expression: {why}"),
            PatternError::OutOfRange { part, hosts: 0 } => write!(f, "`{part}` chooses from no hosts"),
            PatternError::OutOfRange { part, hosts } => {
                write!(f, "`{part}` is beyond the last of {hosts} hosts, which is [{}]", hosts - 1)
            }
            PatternError::File { part } => write!(f, "`{part}` names a file of hosts; write the hosts"),
            PatternError::Empty => write!(f, "the pattern is empty"),
        }
    }
}

impl std::error::Error for PatternError {}

impl Inventory {
    /// The hosts that a pattern names, each once, in the pattern's order and in it by group.
    ///
    /// Parts stand side by side (`,` or `:`), `&` keeps what is also in a part, `!` takes a part away; what is kept
    /// and taken away comes after everything that is added, wherever it stands.
    ///
    /// # Errors
    /// Where Ansible warns and goes on, a part that matches nothing is an error here: `pbs:!pbx` must not run on `pbs`
    /// because of a slip.
    pub fn pattern(&self, text: &str) -> Result<Vec<String>, PatternError> {
        let parts = split(text);
        if parts.is_empty() {
            return Err(PatternError::Empty);
        }
        let (mut added, mut kept, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for part in &parts {
            match part.as_bytes().first() {
                Some(b'!') => removed.push(&part[1..]),
                Some(b'&') => kept.push(&part[1..]),
                _ => added.push(part.as_str()),
            }
        }
        if added.is_empty() {
            added.push("all");
        }
        let mut hosts: Vec<&str> = Vec::new();
        let mut seen = BTreeSet::new();
        for part in added {
            let these = match self.hosts.get_key_value(part) {
                Some((host, _)) => vec![host.as_str()],
                None => self.part(part)?,
            };
            hosts.extend(these.into_iter().filter(|host| seen.insert(*host)));
        }
        for part in kept {
            let these: BTreeSet<&str> = self.part(part)?.into_iter().collect();
            hosts.retain(|host| these.contains(host));
        }
        for part in removed {
            let these: BTreeSet<&str> = self.part(part)?.into_iter().collect();
            hosts.retain(|host| !these.contains(host));
        }
        Ok(hosts.into_iter().map(str::to_string).collect())
    }

    /// The hosts of one part, without its `&` or `!`.
    fn part(&self, part: &str) -> Result<Vec<&str>, PatternError> {
        if part.starts_with('@') {
            return Err(PatternError::File { part: part.to_string() });
        }
        let (name, choice) = choice(part);
        let hosts = self.matches(name)?;
        let Some(choice) = choice else { return Ok(hosts) };
        choice.of(&hosts).ok_or_else(|| PatternError::OutOfRange { part: part.to_string(), hosts: hosts.len() })
    }

    fn matches(&self, name: &str) -> Result<Vec<&str>, PatternError> {
        let matcher = Matcher::new(name)?;
        let mut seen = BTreeSet::new();
        let mut hosts: Vec<&str> = Vec::new();
        let mut any_group = false;
        for (group, data) in &self.groups {
            if matcher.is_match(group) {
                any_group = true;
                hosts.extend(data.members.iter().map(String::as_str).filter(|host| seen.insert(*host)));
            }
        }
        if !any_group || name.starts_with('~') || name.contains(['.', '?', '*', '[']) {
            let matching = self.hosts.keys().map(String::as_str).filter(|host| matcher.is_match(host));
            hosts.extend(matching.filter(|host| seen.insert(*host)));
        }
        if hosts.is_empty() && !any_group {
            let known = self.hosts.keys().chain(self.groups.keys()).map(String::as_str);
            let near = nearest(name, known).map(str::to_string);
            return Err(PatternError::NoMatch { part: name.to_string(), nearest: near });
        }
        Ok(hosts)
    }
}

/// A pattern's parts: at commas where there are any, else at colons that belong to no address and no range.
fn split(text: &str) -> Vec<String> {
    let parts: Vec<String> = if text.contains(',') {
        text.split(',').map(str::to_string).collect()
    } else if address::is_address(text) {
        vec![text.to_string()]
    } else {
        at_colons(text)
    };
    parts.iter().map(|part| part.trim().to_string()).filter(|part| !part.is_empty()).collect()
}

/// Runs of characters that are no space, no `:` and no bracket outside a whole `[…]`.
fn at_colons(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let bracketed = if c == '[' { rest.find(']').map(|end| end + 1) } else { None };
        match bracketed {
            Some(len) => {
                part.push_str(&rest[..len]);
                rest = &rest[len..];
            }
            None => {
                if c.is_whitespace() || matches!(c, ':' | '[' | ']') {
                    parts.push(std::mem::take(&mut part));
                } else {
                    part.push(c);
                }
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    parts.push(part);
    parts
}

/// Which of a group's hosts `[…]` after it chooses.
#[derive(Debug)]
enum Choice {
    /// `[n]`, from the end when below zero.
    One(i64),
    /// `[from:to]`, the last included.
    Range { from: usize, to: Option<usize> },
}

impl Choice {
    fn of<'a>(&self, hosts: &[&'a str]) -> Option<Vec<&'a str>> {
        match self {
            Choice::One(number) => {
                let index = match number.is_negative() {
                    true => hosts.len().checked_sub(usize::try_from(number.unsigned_abs()).ok()?)?,
                    false => usize::try_from(*number).ok()?,
                };
                hosts.get(index).map(|host| vec![*host])
            }
            Choice::Range { from, to } => {
                let end = to.map_or(hosts.len(), |to| to.saturating_add(1)).min(hosts.len());
                Some(hosts.get(*from..end).unwrap_or_default().to_vec())
            }
        }
    }
}

/// A part without the `[…]` that chooses from it.
fn choice(part: &str) -> (&str, Option<Choice>) {
    let whole = (part, None);
    if part.starts_with('~') {
        return whole;
    }
    let Some((name, inner)) = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else { return whole };
    if name.is_empty() {
        return whole;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(inner.strip_prefix('-').unwrap_or(inner)) {
        return inner.parse().map_or(whole, |number| (name, Some(Choice::One(number))));
    }
    let Some((from, to)) = inner.split_once([':', '-']) else { return whole };
    if !digits(from) || !(to.is_empty() || digits(to)) {
        return whole;
    }
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) => (name, Some(Choice::Range { from, to: Some(to) })),
        (Ok(from), Err(_)) if to.is_empty() => (name, Some(Choice::Range { from, to: None })),
        _ => whole,
    }
}

/// A name with `*`, `?` and `[…]`, or after `~` a regular expression.
enum Matcher {
    Glob(Vec<Piece>),
    Regex(Regex),
}

enum Piece {
    Char(char),
    Any,
    Many,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Matcher {
    fn new(name: &str) -> Result<Self, PatternError> {
        let Some(regex) = name.strip_prefix('~') else { return Ok(Matcher::Glob(pieces(name))) };
        // Python's `match` holds a pattern to the start and leaves the end open.
        match Regex::new(&format!("^(?:{regex})")) {
            Ok(regex) => Ok(Matcher::Regex(regex)),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                Err(PatternError::Regex { part: name.to_string(), why })
            }
        }
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Matcher::Regex(regex) => regex.is_match(text),
            Matcher::Glob(pieces) => glob(pieces, &text.chars().collect::<Vec<_>>()),
        }
    }
}

/// The pieces of a glob, as Python's `fnmatch` reads it.
fn pieces(glob: &str) -> Vec<Piece> {
    let chars: Vec<char> = glob.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        at += 1;
        match c {
            '*' => pieces.push(Piece::Many),
            '?' => pieces.push(Piece::Any),
            '[' => {
                let negated = chars.get(at) == Some(&'!');
                let start = at + usize::from(negated);
                // A `]` that comes first belongs to the class.
                let end = (start + 1..chars.len()).find(|end| chars[*end] == ']');
                match end {
                    Some(end) => {
                        pieces.push(Piece::Class { negated, ranges: class(&chars[start..end]) });
                        at = end + 1;
                    }
                    None => pieces.push(Piece::Char('[')),
                }
            }
            c => pieces.push(Piece::Char(*c)),
        }
    }
    pieces
}

fn class(chars: &[char]) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(from) = chars.get(at) {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(to)) => {
                ranges.push((*from, *to));
                at += 3;
            }
            _ => {
                ranges.push((*from, *from));
                at += 1;
            }
        }
    }
    ranges
}

/// Whether the pieces match the whole text. Only the last `*` is ever gone back to, so that the time stays in
/// proportion to the lengths multiplied.
fn glob(pieces: &[Piece], text: &[char]) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        let matched = match (pieces.get(piece), text.get(at)) {
            (None, None) => return true,
            (Some(Piece::Many), _) => {
                back = Some((piece, at));
                piece += 1;
                continue;
            }
            (Some(Piece::Any), Some(_)) => true,
            (Some(Piece::Char(wanted)), Some(c)) => wanted == c,
            (Some(Piece::Class { negated, ranges }), Some(c)) => {
                ranges.iter().any(|(from, to)| from <= c && c <= to) != *negated
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        if matched {
            piece += 1;
            at += 1;
            continue;
        }
        match back {
            Some((many, start)) if start < text.len() => {
                back = Some((many, start + 1));
                piece = many + 1;
                at = start + 1;
            }
            _ => return false,
        }
    }
}
