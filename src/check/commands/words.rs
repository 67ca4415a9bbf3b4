//! The words of a command, held against its signature.

mod forms;
mod signed;
mod wrappers;

use super::super::body::Body;
use super::super::constants::constant;
use super::super::needs::ObligationKind;
use super::super::program::{Effect, Expr, Part, Word};
use super::super::signatures::Takes;
use super::super::{About, Type, Value, duration, errors};
use super::script;
use crate::syntax::tree::{self, WordPartKind};
use crate::text::Span;
use wrappers::inner_command;

/// Shells: what follows their `-c` is a script.
pub(super) const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// What the words turned out to be.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) words: Vec<Word>,
    /// The command and its subcommand, as people name it: `qm reboot`.
    pub(super) name: String,
    /// Whether there is a signature.
    pub(super) signed: bool,
    pub(super) effect: Effect_,
    pub(super) left: bool,
    pub(super) unless_managed: bool,
    pub(super) by_force: bool,
    pub(super) task: Option<String>,
    pub(super) within: Option<Expr>,
    pub(super) user: Option<String>,
    pub(super) place: Option<String>,
    pub(super) guest: Option<Named>,
    pub(super) acts_on_itself: bool,
    /// A power command that `qm guest exec` runs inside the guest.
    pub(super) inside_guest: Option<String>,
    /// One that a script there seems to run.
    pub(super) inside_guest_script: Option<String>,
    /// What makes the command one that destroys.
    pub(super) destroys: Option<(Span, String)>,
    /// A command of a hypervisor that a script names.
    pub(super) names_power: Option<String>,
    /// A machine's own power command that a script seems to run.
    pub(super) names_own_power: Option<String>,
    pub(super) not_started: Vec<String>,
    pub(super) locked: Vec<String>,
}

/// An effect with a default: what has no signature is a change.
pub(super) type Effect_ = Effect;

#[expect(clippy::derivable_impls, reason = "the default is a statement about commands, not about the enum's order")]
impl Default for Effect {
    fn default() -> Self {
        Effect::Change
    }
}

/// The guest that a command names.
pub(super) enum Named {
    /// The one that the code is about.
    Subject,
    /// Another; what it is, for the message.
    Other(String),
}

/// A word while it is matched.
pub(super) struct Seen<'t> {
    pub(super) word: &'t tree::Word,
    /// Its text, where no value is in it.
    pub(super) literal: Option<String>,
    /// Whether a part of it is quoted.
    pub(super) quoted: bool,
}

impl<'t> Seen<'t> {
    fn new(word: &'t tree::Word) -> Self {
        let mut literal = Some(String::new());
        let mut quoted = false;
        for part in &word.parts {
            let text = match &part.kind {
                WordPartKind::Bare(text) | WordPartKind::Shell(text) => Some(text.as_str()),
                WordPartKind::Raw(text) | WordPartKind::Long(text) => {
                    quoted = true;
                    Some(text.as_str())
                }
                WordPartKind::Quoted(parts) => {
                    quoted = true;
                    match parts.as_slice() {
                        [] => Some(""),
                        [tree::StrPart::Text(text, _)] => Some(text.as_str()),
                        _ => None,
                    }
                }
                WordPartKind::Value(_) | WordPartKind::Spread(_) => None,
            };
            literal = match (literal, text) {
                (Some(whole), Some(text)) => Some(whole + text),
                _ => None,
            };
        }
        Seen { word, literal, quoted }
    }

    /// Its text, when a command reads it as an option.
    fn option(&self) -> Option<&str> {
        self.literal.as_deref().filter(|text| text.starts_with('-') && text.len() > 1)
    }
}

/// How each word is to be read.
#[derive(Clone, Default)]
struct Slotted {
    takes: Option<Takes>,
    /// The word as the command wants it (`--timeout=5m` in seconds).
    replaced: Option<String>,
    /// A value here can not be taken for an option.
    safe: bool,
}

impl Body<'_, '_> {
    /// Reads the words of a command. `None` where they make none; that was reported.
    pub(super) fn words(&mut self, words: &[tree::Word], read: &mut Reading) -> Option<()> {
        let seen: Vec<Seen<'_>> = words.iter().map(Seen::new).collect();
        let first = seen.first()?;
        if first.literal.is_none() {
            self.report(errors::dynamic(first.word.span, "the command"));
            return None;
        }
        let start = inner_command(&seen);
        let mut slotted = vec![Slotted::default(); seen.len()];
        let mut insert: Option<usize> = None;
        match seen.get(start) {
            None => {}
            Some(head) => match &head.literal {
                None => {
                    self.report(errors::dynamic(head.word.span, "the command"));
                    return None;
                }
                Some(name) => {
                    let base = name.rsplit('/').next().unwrap_or(name).to_string();
                    read.name = base.clone();
                    if let Some(at) = script::script_word(&base, &seen, start) {
                        let mut refused = false;
                        for word in &seen[at.clone()] {
                            refused |= self.has_value(word.word);
                        }
                        if refused {
                            return None;
                        }
                        let text: String = seen[at.clone()]
                            .iter()
                            .filter_map(|word| word.literal.as_deref())
                            .collect::<Vec<_>>()
                            .join(" ");
                        read.names_power = script::hypervisor_word(&text);
                        read.names_own_power = script::own_power_word(&text);
                        for word in slotted.iter_mut().skip(at.start) {
                            word.safe = true;
                        }
                        if base == "sh" && at.start == start + 1 {
                            insert = Some(at.start);
                        }
                    } else if let Some(signature) = self.checker.signature(&base, next(&seen, start)) {
                        self.signed(&base, &signature, &seen, start, &mut slotted, read)?;
                    }
                }
            },
        }
        let mut dashes = false;
        for (i, word) in seen.iter().enumerate() {
            if insert == Some(i) {
                // `sh 'script' a b` is `sh -c 'script' sh a b`: the values are its "$1", "$2".
                read.words.push(text_word("-c"));
            }
            let lowered = self.word(word, &slotted[i], dashes, read);
            read.words.push(lowered);
            if insert == Some(i) {
                read.words.push(text_word("sh"));
            }
            dashes |= word.literal.as_deref() == Some("--") && !word.quoted;
        }
        Some(())
    }

    fn word(&mut self, seen: &Seen<'_>, slotted: &Slotted, dashes: bool, _read: &mut Reading) -> Word {
        let safe = slotted.safe || dashes;
        if let Some(text) = &slotted.replaced {
            return text_word(text);
        }
        if let [part] = seen.word.parts.as_slice()
            && let WordPartKind::Spread(path) = &part.kind
        {
            return self.spread(path, safe);
        }
        let mut parts = Vec::new();
        for (i, part) in seen.word.parts.iter().enumerate() {
            match &part.kind {
                WordPartKind::Bare(text) | WordPartKind::Shell(text) => parts.push(Part::Text(text.clone())),
                WordPartKind::Raw(text) | WordPartKind::Long(text) => parts.push(Part::Text(text.clone())),
                WordPartKind::Quoted(pieces) => {
                    let (text, _) = self.string(pieces, "an argument list, which others on the host can read");
                    match text {
                        Expr::Const(Value::Str(text)) => parts.push(Part::Text(text)),
                        other => parts.push(Part::Value(other)),
                    }
                }
                WordPartKind::Value(path) => {
                    let after = match seen.word.parts.get(i + 1).map(|part| (&part.kind, part.span)) {
                        Some((WordPartKind::Bare(text), span)) => Some((text.clone(), span)),
                        _ => None,
                    };
                    let whole = seen.word.parts.len() == 1;
                    parts.push(self.value_part(
                        path,
                        after,
                        if whole { slotted.takes.as_ref() } else { None },
                        i == 0 && !safe,
                    ));
                }
                WordPartKind::Spread(path) => {
                    let (value, _) = self.path(path);
                    parts.push(Part::Value(value));
                }
            }
        }
        if let ([Part::Text(text)], Some(takes)) = (parts.as_slice(), &slotted.takes)
            && let Some(converted) = self.literal_in_slot(text, takes, seen.word.span)
        {
            return Word::One { parts: vec![Part::Text(converted)], guarded: !safe };
        }
        Word::One { parts, guarded: !safe }
    }

    fn spread(&mut self, path: &tree::Path, safe: bool) -> Word {
        let (list, ty) = self.path(path);
        let name = path.names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
        let list = match &ty {
            Type::List(of) if **of == Type::Secret => {
                self.report(errors::secret_exposed(path.span, "an argument list, which others on the host can read"));
                list
            }
            Type::List(_) | Type::Unknown => list,
            Type::Any | Type::Json => Expr::Convert(Box::new(list), Type::List(Box::new(Type::Str))),
            other => {
                self.report(errors::spread_needs_list(path.span, &name, other));
                list
            }
        };
        if !safe
            && let Some(Value::List(items)) = self.known_value(path, &list)
            && let Some(text) = items.first().and_then(Value::text)
            && text.starts_with('-')
        {
            self.report(errors::option_like_value(path.span, &format!("${{{name}...}}"), &text));
        }
        Word::Spread { list, guarded: !safe }
    }

    fn value_part(
        &mut self,
        path: &tree::Path,
        after: Option<(String, Span)>,
        takes: Option<&Takes>,
        first: bool,
    ) -> Part {
        let wanted = match takes {
            Some(Takes::Value(ty, _)) => ty.clone(),
            _ => Type::Any,
        };
        let (value, ty) = self.path(path);
        if let Some((text, span)) = &after
            && self.braces(path, &ty, text, *span)
        {
            return Part::Value(value);
        }
        let name = path.names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
        match &ty {
            Type::Secret => {
                self.report(errors::secret_exposed(path.span, "an argument list, which others on the host can read"))
            }
            Type::List(_) => self.report(errors::list_as_word(path.span, &name)),
            Type::Output => self.report(errors::mismatch(path.span, &ty, &Type::Str)),
            _ => {}
        }
        if first
            && let Some(text) = self.known_value(path, &value).and_then(|value| value.text())
            && text.starts_with('-')
        {
            self.report(errors::option_like_value(path.span, &format!("${name}"), &text));
        }
        if first && let Expr::Variable(_, name, _) = &value {
            self.oblige(ObligationKind::NotOptionLike { name: name.clone() }, About::Subject, path.span);
        }
        if !ty.fits(&wanted) {
            self.report(errors::mismatch(path.span, &ty, &wanted));
            return Part::Value(value);
        }
        let value = match (value, &ty) {
            (Expr::Variable(of, name, Type::Any), Type::Any) if wanted != Type::Any => {
                let kind = ObligationKind::Variable {
                    name: name.clone(),
                    ty: wanted.clone(),
                    optional: self.defaults.contains_key(&name),
                };
                self.oblige(kind, About::Subject, path.span);
                Expr::Variable(of, name, wanted.clone())
            }
            (value, Type::Any | Type::Json) if wanted != Type::Any => Expr::Convert(Box::new(value), wanted.clone()),
            (value, _) => value,
        };
        match takes {
            Some(Takes::Value(Type::Duration, Some((unit, _)))) => Part::Units(value, *unit),
            _ => Part::Value(value),
        }
    }

    /// A value that is the same in every run: a parameter's, or a literal.
    fn known_value(&self, path: &tree::Path, value: &Expr) -> Option<Value> {
        if let [name] = path.names.as_slice()
            && let Some(local) = self.local(&name.text)
        {
            return local.constant.clone();
        }
        constant(value)
    }

    /// A literal word in a slot: checked, and written as the command wants it.
    fn literal_in_slot(&mut self, text: &str, takes: &Takes, span: Span) -> Option<String> {
        match takes {
            Takes::Words(words) => {
                if !words.iter().any(|word| word == text) {
                    self.report(errors::slot_words(span, text, words));
                }
                None
            }
            Takes::Value(Type::Duration, Some((unit, name))) => {
                if text.parse::<u64>().is_ok() {
                    return None;
                }
                match duration(text) {
                    Some(ms) => Some(ms.div_ceil(*unit).to_string()),
                    None => {
                        self.report(errors::slot_literal(span, text, &Type::Duration, Some(name)));
                        None
                    }
                }
            }
            Takes::Value(ty @ (Type::VmId | Type::Int | Type::Bool), _) => {
                if Value::Str(text.to_string()).into_type(ty).is_err() {
                    self.report(errors::slot_literal(span, text, ty, None));
                }
                None
            }
            _ => None,
        }
    }

    /// Reports a value inside a script; what it is does not matter any more.
    fn has_value(&mut self, word: &tree::Word) -> bool {
        let value = word.parts.iter().find_map(|part| match &part.kind {
            WordPartKind::Value(path) | WordPartKind::Spread(path) => Some(path),
            WordPartKind::Quoted(pieces) => pieces.iter().find_map(|piece| match piece {
                tree::StrPart::Value(path) => Some(path),
                tree::StrPart::Text(..) => None,
            }),
            _ => None,
        });
        let Some(path) = value else { return false };
        let text = self.checker.sources.slice(path.span).to_string();
        self.report(errors::script_interpolation(path.span, &text));
        true
    }
}

/// The word behind the command, where it is written out.
fn next<'t>(seen: &'t [Seen<'_>], start: usize) -> Option<&'t str> {
    seen.get(start + 1)?.literal.as_deref()
}

fn text_word(text: &str) -> Word {
    Word::One { parts: vec![Part::Text(text.to_string())], guarded: false }
}
