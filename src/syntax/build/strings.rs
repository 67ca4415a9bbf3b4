//! Strings and values: `"…"`, `'…'`, `'''…'''`, `$name`, `${a.b}`.

use super::{Builder, Pair, children, end, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{Name, Path, StrPart};

impl Builder<'_> {
    /// The parts of a `"…"` string: neighbouring text and escapes are one part.
    pub(super) fn quoted(&mut self, pair: Pair<'_>) -> Vec<StrPart> {
        let mut parts: Vec<StrPart> = Vec::new();
        for part in children(pair) {
            let span = self.span(&part);
            // Blanks at the end belong to the text.
            let span = self.at(start(&part), end(&part)).to(span);
            let text = match part.as_rule() {
                Rule::value | Rule::path => {
                    let path = self.path(part);
                    parts.push(StrPart::Value(path));
                    continue;
                }
                Rule::spread => {
                    self.report(errors::spread_in_string(span, part.as_str()));
                    continue;
                }
                Rule::bad_dollar => {
                    self.bad_dollar(&part);
                    part.as_str().to_string()
                }
                Rule::escape => match part.as_str() {
                    "\\\\" => "\\".to_string(),
                    "\\\"" => "\"".to_string(),
                    "\\$" => "$".to_string(),
                    "\\n" => "\n".to_string(),
                    "\\t" => "\t".to_string(),
                    other => {
                        if other.len() > 1 {
                            self.report(errors::bad_escape(span, other));
                        }
                        other.to_string()
                    }
                },
                _ => part.as_str().to_string(),
            };
            match parts.last_mut() {
                Some(StrPart::Text(before, whole)) => {
                    before.push_str(&text);
                    *whole = whole.to(span);
                }
                _ => parts.push(StrPart::Text(text, span)),
            }
        }
        parts
    }

    /// A string that stands where only fixed text may: its text, without values.
    pub(super) fn fixed_string(&mut self, pair: Pair<'_>, what: &str) -> Name {
        let span = self.span(&pair);
        let Some(inner) = children(pair).next() else { return Name { text: String::new(), span } };
        let text = match inner.as_rule() {
            Rule::quoted => {
                let mut text = String::new();
                for part in self.quoted(inner) {
                    match part {
                        StrPart::Text(part, _) => text.push_str(&part),
                        StrPart::Value(path) => self.report(errors::value_in_fixed_string(path.span, what)),
                    }
                }
                text
            }
            Rule::long => long_text(&inner),
            _ => raw_text(&inner),
        };
        Name { text, span }
    }

    /// `$name`, `${a.b}`, `${names...}`.
    pub(super) fn path(&mut self, pair: Pair<'_>) -> Path {
        let span = self.span(&pair);
        let braces = pair.as_rule() != Rule::value;
        let names = children(pair).map(|name| self.name(&name)).collect();
        Path { names, braces, span }
    }

    /// A `$` that begins no value.
    pub(super) fn bad_dollar(&mut self, pair: &Pair<'_>) {
        let after = self.after(end(pair)).chars().next();
        let span = self.at(start(pair), end(pair));
        self.report(errors::bad_dollar(span, pair.as_str(), after));
    }
}

/// The text of `'…'`.
pub(super) fn raw_text(pair: &Pair<'_>) -> String {
    children(pair.clone()).next().map_or_else(String::new, |text| text.as_str().to_string())
}

/// The text of `'''…'''`: without its first newline and the indentation that all its lines share; the blanks before the
/// closing quotes are no line.
pub(super) fn long_text(pair: &Pair<'_>) -> String {
    let written = raw_text(pair).replace("\r\n", "\n");
    let Some(body) = written.strip_prefix('\n') else { return written };
    let (lines, last) = body.rsplit_once('\n').map_or((None, body), |(lines, last)| (Some(lines), last));
    let last_counts = !last.trim_matches([' ', '\t']).is_empty();
    let all: Vec<&str> = lines.map(|lines| lines.split('\n').collect()).unwrap_or_default();
    let counted = all.iter().copied().chain(last_counts.then_some(last));
    let common = counted.filter(|line| !line.trim_matches([' ', '\t']).is_empty()).map(indentation).reduce(shared);
    let common = common.unwrap_or("").len();
    let cut = |line: &str| line[common.min(indentation(line).len())..].to_string();
    let mut text: String = all.iter().map(|line| cut(line) + "\n").collect();
    if last_counts {
        text.push_str(&cut(last));
    }
    text
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// What both begin with.
fn shared<'a>(a: &'a str, b: &'a str) -> &'a str {
    let length = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    &a[..length]
}
