//! The words of a command, held against its signature.

use super::super::body::Body;
use super::super::constants::constant;
use super::super::expressions::Place;
use super::super::needs::ObligationKind;
use super::super::program::{Effect, Expr, Op, Part, Word};
use super::super::signatures::{Form, OptionForm, Signature, Takes};
use super::super::{About, Type, Value, duration, errors};
use super::script;
use crate::syntax::tree::{self, WordPartKind};
use crate::text::Span;

/// Programs that run the command that follows their own options, each with those of its options that take a word.
const WRAPPERS: [(&str, &[&str]); 10] = [
    ("busybox", &[]),
    ("doas", &["-u", "-C"]),
    ("env", &["-u", "--unset", "-C", "--chdir"]),
    ("ionice", &["-c", "--class", "-n", "--classdata"]),
    ("nice", &["-n", "--adjustment"]),
    ("nohup", &[]),
    ("setsid", &[]),
    ("sudo", &["-u", "--user", "-g", "--group", "-C", "-p", "--prompt", "-D", "-h", "-R", "-T", "-U"]),
    ("systemd-run", &["-p", "--property", "-u", "--unit", "-M", "--machine", "-E", "--setenv", "-H", "--host"]),
    ("timeout", &["-k", "--kill-after", "-s", "--signal"]),
];
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

/// What a power command needs beside twice its own time, in milliseconds.
const OUTER: u64 = 27_000;

/// `5m`, or a bare number of seconds.
fn seconds(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().map(|number| number.saturating_mul(1000)).or_else(|| duration(text))
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
                        for word in &seen[at.clone()] {
                            self.no_values_in(word.word);
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
                    } else if let Some(signature) = self.checker.signature(&base) {
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

    /// Reports values inside a script.
    fn no_values_in(&mut self, word: &tree::Word) {
        for part in &word.parts {
            let path = match &part.kind {
                WordPartKind::Value(path) | WordPartKind::Spread(path) => Some(path),
                WordPartKind::Quoted(pieces) => pieces.iter().find_map(|piece| match piece {
                    tree::StrPart::Value(path) => Some(path),
                    tree::StrPart::Text(..) => None,
                }),
                _ => None,
            };
            if let Some(path) = path {
                let text = self.checker.sources.slice(path.span).to_string();
                self.report(errors::script_interpolation(path.span, &text));
                return;
            }
        }
    }

    /// Holds the words against a signature.
    fn signed(
        &mut self,
        name: &str,
        signature: &Signature,
        seen: &[Seen<'_>],
        start: usize,
        slotted: &mut [Slotted],
        read: &mut Reading,
    ) -> Option<()> {
        read.signed = true;
        read.user = signature.user.clone();
        read.place = signature.place.clone();
        read.not_started = signature.not_started.clone();
        read.locked = signature.locked.clone();
        // Options may stand before the subcommand, so it is the first word that is none.
        let mut at = start + 1;
        let has_subcommands = signature.forms.iter().all(|form| !form.literals.is_empty());
        let mut matched: Vec<usize> = Vec::new();
        let mut forms: Vec<&Form> = signature.forms.iter().collect();
        let mut depth = 0;
        while at < seen.len() && forms.iter().any(|form| form.literals.len() > depth) {
            let word = &seen[at];
            // A subcommand may look like an option: `dpkg --configure`.
            let is_subcommand =
                |text: &str| forms.iter().any(|form| form.literals.get(depth).is_some_and(|l| l == text));
            if let Some(option) = word.option().filter(|option| !is_subcommand(option)) {
                at += 1 + usize::from(takes_a_word(&signature.options, option));
                continue;
            }
            let Some(text) = &word.literal else {
                if has_subcommands || depth > 0 {
                    self.report(errors::dynamic(word.word.span, "a subcommand"));
                    return None;
                }
                break;
            };
            let next: Vec<&Form> =
                forms.iter().copied().filter(|form| form.literals.get(depth) == Some(text)).collect();
            if next.is_empty() {
                if forms.iter().any(|form| form.literals.len() == depth) && depth > 0 || !has_subcommands && depth == 0
                {
                    break;
                }
                let known: Vec<&str> =
                    forms.iter().filter_map(|form| form.literals.get(depth).map(String::as_str)).collect();
                self.report(errors::unknown_subcommand(word.word.span, &read.name, text, known));
                return None;
            }
            forms = next;
            read.name = format!("{} {text}", read.name);
            matched.push(at);
            depth += 1;
            at += 1;
        }
        forms.retain(|form| form.literals.len() == depth);
        if forms.is_empty() {
            let known: Vec<&str> = signature
                .forms
                .iter()
                .filter(|form| form.literals.len() > depth)
                .filter_map(|form| form.literals.get(depth).map(String::as_str))
                .collect();
            self.report(errors::missing_subcommand(seen[start].word.span, name, known));
            return None;
        }
        // Forms of the same words differ in what their slots and options take: `guest cmd $vmid ping` reads,
        // `… fstrim` changes.
        let line = Line { signature, forms: &forms, seen, from: start + 1, matched: &matched };
        let form = match forms.iter().copied().find(|form| line.fits(form) == Fits::Yes) {
            Some(form) => form,
            None => match forms.iter().find_map(|form| line.fits(form).decided_by()) {
                Some(at) if forms.len() > 1 => {
                    self.report(errors::dynamic(seen[at].word.span, "the word that decides what a command does"));
                    return None;
                }
                _ => forms[0],
            },
        };
        read.effect = form.effect;
        read.left = form.left;
        read.unless_managed = form.unless_managed;
        read.by_force = form.by_force;
        read.within = form.within.map(|ms| Expr::Const(Value::Duration(ms)));
        self.fill(form, signature, seen, start + 1, &matched, slotted, read)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one match, used once")]
    fn fill(
        &mut self,
        form: &Form,
        signature: &Signature,
        seen: &[Seen<'_>],
        from: usize,
        matched: &[usize],
        slotted: &mut [Slotted],
        read: &mut Reading,
    ) -> Option<()> {
        let mut next_slot = 0;
        let mut dashes = false;
        let mut at = from;
        let mut guest_word: Option<usize> = None;
        let mut filled = 0;
        let end = seen.get(from.wrapping_sub(1)).map_or(Span::default(), |word| word.word.span);
        let mut last = end;
        while at < seen.len() {
            let word = &seen[at];
            last = word.word.span;
            if matched.contains(&at) {
                at += 1;
                continue;
            }
            if !dashes && word.literal.as_deref() == Some("--") {
                dashes = true;
                let has_dashes = form.slots.iter().any(|slot| slot.after_dashes);
                while has_dashes
                    && form
                        .slots
                        .get(next_slot)
                        .is_some_and(|slot| !slot.after_dashes && (slot.optional || slot.repeated))
                {
                    next_slot += 1;
                }
                at += 1;
                continue;
            }
            if let Some(option) = word.option().filter(|_| !dashes) {
                at = self.fill_option(option, form, signature, seen, at, matched, slotted, read);
                continue;
            }
            let Some(slot) = form.slots.get(next_slot) else {
                self.report(errors::unexpected_argument(word.word.span, &read.name));
                at += 1;
                continue;
            };
            if matches!(slot.takes, Takes::Command) {
                self.inner(seen, at, read);
                filled = form.slots.len();
                for word in slotted.iter_mut().skip(at) {
                    word.safe = true;
                }
                break;
            }
            if form.whom.as_deref() == Some(slot.name.as_str()) {
                guest_word = Some(at);
            }
            slotted[at].takes = Some(slot.takes.clone());
            if !slot.repeated {
                next_slot += 1;
            }
            filled = filled.max(next_slot + usize::from(slot.repeated));
            at += 1;
        }
        if let Some(slot) = form.slots.iter().skip(filled).find(|slot| !slot.optional) {
            let dashes = if slot.after_dashes { "-- " } else { "" };
            let shown = format!("{dashes}{}", slot.takes.shown(&slot.name));
            self.report(errors::missing_argument(last, &read.name, &shown));
            return None;
        }
        match (&form.whom, guest_word) {
            (Some(whom), _) if whom == "self" => read.acts_on_itself = true,
            (Some(_), Some(at)) => read.guest = Some(self.named(&seen[at])),
            // A guest that a reading or changing command names by a slot of this type, wherever it stands.
            _ => {
                let slot =
                    (from..seen.len()).find(|at| matches!(slotted[*at].takes, Some(Takes::Value(Type::VmId, _))));
                if let Some(at) = slot {
                    read.guest = Some(self.named(&seen[at]));
                }
            }
        }
        Some(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one match, used once")]
    fn fill_option(
        &mut self,
        option: &str,
        form: &Form,
        signature: &Signature,
        seen: &[Seen<'_>],
        at: usize,
        matched: &[usize],
        slotted: &mut [Slotted],
        read: &mut Reading,
    ) -> usize {
        let span = seen[at].word.span;
        let (name, inline) = match option.split_once('=') {
            Some((name, value)) if option.starts_with("--") => (name, Some(value)),
            _ => (option, None),
        };
        let known = || form.options.iter().chain(&signature.options);
        let any = || known().find(|known| known.is_any() && name.starts_with("--"));
        let Some(found) = known().find(|known| known.is(name)).or_else(any) else {
            let cluster = !option.starts_with("--")
                && option.chars().skip(1).all(|letter| {
                    known().any(|option| option.value.is_none() && option.names.contains(&format!("-{letter}")))
                });
            // `-oDir::Cache=x`: a short option with its value in one word.
            let attached = !option.starts_with("--")
                && option.len() > 2
                && option.is_char_boundary(2)
                && known().any(|known| known.value.is_some() && known.is(&option[..2]));
            if !cluster && !attached {
                let names: Vec<&str> = known().flat_map(|option| option.names.iter().map(String::as_str)).collect();
                self.report(errors::unknown_option(span, &read.name, name, names));
                // What follows is most likely its value.
                let has_value = inline.is_none() && seen.get(at + 1).is_some_and(|next| next.option().is_none());
                return at + 1 + usize::from(has_value && !matched.contains(&(at + 1)));
            }
            return at + 1;
        };
        let found: OptionForm = found.clone();
        let mut next = at + 1;
        let mut given: Option<String> = inline.map(str::to_string);
        if let Some(takes) = &found.value {
            if let Some(text) = inline {
                if form.effect.is_power() && found.slot_name == "timeout" {
                    read.within =
                        seconds(text).map(|ms| Expr::Const(Value::Duration(OUTER + 2 * ms))).or(read.within.take());
                }
                if let Some(converted) = self.literal_in_slot(text, takes, span) {
                    slotted[at].replaced = Some(format!("{name}={converted}"));
                }
            } else if found.takes_next(seen.get(next)) {
                given = seen[next].literal.clone();
                if form.effect.is_power() && found.slot_name == "timeout" {
                    read.within = self.outer_deadline(seen[next].word);
                }
                slotted[next] = Slotted { takes: Some(takes.clone()), replaced: None, safe: true };
                next += 1;
            } else if !found.value_optional {
                self.report(errors::missing_option_value(span, name, &takes.shown(&found.slot_name)));
            }
        }
        if found.slot_name == "destroys" && given.as_deref() != Some("0") {
            read.destroys = Some((span, format!("passes over what protects the guest: `{name}`")));
        }
        next
    }

    /// How long a power command with a time of its own can take: the lock, the agent's ping, the time itself for the
    /// agent and once more for ACPI, and the kill (qemu-server `QemuServer.pm`, `_do_vm_stop`).
    fn outer_deadline(&mut self, word: &tree::Word) -> Option<Expr> {
        let seen = Seen::new(word);
        let time = match (&seen.literal, word.parts.as_slice()) {
            (Some(text), _) => Expr::Const(Value::Duration(seconds(text)?)),
            (None, [part]) => match &part.kind {
                WordPartKind::Value(path) => match self.path(path) {
                    (value, Type::Duration) => value,
                    (value, _) => Expr::Convert(Box::new(value), Type::Duration),
                },
                _ => return None,
            },
            _ => return None,
        };
        let twice = Expr::Binary(Op::Times, Box::new(Expr::Const(Value::Int(2))), Box::new(time));
        Some(Expr::Binary(Op::Plus, Box::new(Expr::Const(Value::Duration(OUTER))), Box::new(twice)))
    }

    /// A command inside a command: `qm guest exec 101 -- reboot`.
    fn inner(&mut self, seen: &[Seen<'_>], at: usize, read: &mut Reading) {
        let rest = &seen[at..];
        let start = at + inner_command(rest);
        let Some(name) = seen.get(start).and_then(|word| word.literal.as_deref()) else {
            self.report(errors::dynamic(seen[at].word.span, "the command"));
            return;
        };
        let base = name.rsplit('/').next().unwrap_or(name).to_string();
        if let Some(at) = script::script_word(&base, seen, start) {
            let text: Vec<&str> = seen[at].iter().filter_map(|word| word.literal.as_deref()).collect();
            read.inside_guest_script = script::own_power_word(&text.join(" "));
        }
        if let Some(signature) = self.checker.signature(&base) {
            let mut inner = Reading { name: base.clone(), ..Reading::default() };
            let mut slotted = vec![Slotted::default(); seen.len()];
            self.signed(&base, &signature, seen, start, &mut slotted, &mut inner);
            if inner.acts_on_itself {
                read.inside_guest = Some(inner.name);
            }
        }
    }

    /// Whom a word names where a guest's number stands.
    fn named(&mut self, seen: &Seen<'_>) -> Named {
        if let Some(text) = &seen.literal {
            return Named::Other(format!("the guest {text}"));
        }
        let [part] = seen.word.parts.as_slice() else {
            return Named::Other("a guest whose number is put together".to_string());
        };
        let WordPartKind::Value(path) = &part.kind else {
            return Named::Other("a guest whose number is put together".to_string());
        };
        let identities = self.checker.identities();
        let is_identity = |name: &str| identities.values().any(|identity| identity == name);
        match path.names.as_slice() {
            // An unknown value is reported where it is read.
            [name] if self.local(&name.text).is_none() && !self.checker.is_variable(&name.text) => Named::Subject,
            [name] if is_identity(&name.text) && self.local(&name.text).is_none() => Named::Subject,
            [place, name] if is_identity(&name.text) => match self.place_named(&place.text) {
                Some(Place::Host(_, About::Subject, _)) => Named::Subject,
                Some(Place::Host(_, _, text)) => Named::Other(format!("`{text}`")),
                _ => Named::Other("another guest".to_string()),
            },
            _ => Named::Other("a guest whose number is not its own `$vmid`".to_string()),
        }
    }
}

impl OptionForm {
    /// Whether the next word is its value.
    fn takes_next(&self, next: Option<&Seen<'_>>) -> bool {
        let Some(word) = next.filter(|word| word.option().is_none() && word.literal.as_deref() != Some("--")) else {
            return false;
        };
        match &self.value {
            None => false,
            Some(Takes::Words(words)) if self.value_optional => {
                word.literal.as_ref().is_none_or(|text| words.contains(text))
            }
            Some(_) => true,
        }
    }
}

/// A command line, held against one form after the other.
struct Line<'a, 't> {
    signature: &'a Signature,
    /// The forms of the same subcommand.
    forms: &'a [&'a Form],
    seen: &'a [Seen<'t>],
    from: usize,
    matched: &'a [usize],
}

/// Whether a form is the one that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fits {
    Yes,
    No,
    /// A value stands at this word, where only certain words may: nobody knows before the run.
    Unknown(usize),
}

impl Fits {
    fn decided_by(self) -> Option<usize> {
        match self {
            Fits::Unknown(at) => Some(at),
            Fits::Yes | Fits::No => None,
        }
    }
}

impl Line<'_, '_> {
    fn fits(&self, form: &Form) -> Fits {
        let options = || form.options.iter().chain(&self.signature.options);
        let mut slots = form.slots.iter().peekable();
        let mut unknown = None;
        let mut dashes = false;
        let mut at = self.from;
        while let Some(word) = self.seen.get(at) {
            at += 1;
            if self.matched.contains(&(at - 1)) {
                continue;
            }
            if word.literal.as_deref() == Some("--") && !dashes {
                dashes = true;
                continue;
            }
            let takes = match word.option().filter(|_| !dashes) {
                Some(option) => {
                    let name = option.split_once('=').map_or(option, |(name, _)| name);
                    let Some(known) = options().find(|known| known.is(name)) else {
                        // An option that only another form knows tells them apart; one that none knows is reported.
                        let short = |name: &str| name.len() > 2 && !name.starts_with("--");
                        let of_another = |name: &str| {
                            !options().any(|known| known.is(name))
                                && self.forms.iter().any(|other| other.options.iter().any(|known| known.is(name)))
                        };
                        let cluster = name.chars().skip(1).map(|letter| format!("-{letter}"));
                        if of_another(name) || short(name) && cluster.into_iter().any(|name| of_another(&name)) {
                            return Fits::No;
                        }
                        continue;
                    };
                    if option.contains('=') || !known.takes_next(self.seen.get(at)) {
                        continue;
                    }
                    at += 1;
                    known.value.as_ref()
                }
                None => {
                    let slot = slots.peek().map(|slot| &slot.takes);
                    if !slots.peek().is_some_and(|slot| slot.repeated) {
                        slots.next();
                    }
                    slot
                }
            };
            let Some(given) = self.seen.get(at - 1) else { continue };
            match (takes, &given.literal) {
                (Some(Takes::Command), _) => break,
                (Some(Takes::Words(words)), Some(text)) if !words.contains(text) => return Fits::No,
                (Some(Takes::Words(_)), None) => unknown = unknown.or(Some(at - 1)),
                _ => {}
            }
        }
        unknown.map_or(Fits::Yes, Fits::Unknown)
    }
}

fn text_word(text: &str) -> Word {
    Word::One { parts: vec![Part::Text(text.to_string())], guarded: false }
}

fn takes_a_word(options: &[OptionForm], written: &str) -> bool {
    !written.contains('=')
        && options.iter().any(|option| option.value.is_some() && !option.value_optional && option.is(written))
}

/// Where the command stands behind `sudo`, `env`, `timeout` and their like.
fn inner_command(seen: &[Seen<'_>]) -> usize {
    let mut at = 0;
    while let Some(name) = seen.get(at).and_then(|word| word.literal.as_deref()) {
        let base = name.rsplit('/').next().unwrap_or(name);
        let Some((_, with_word)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == base) else { break };
        let mut next = at + 1;
        while let Some(text) = seen.get(next).and_then(|word| word.literal.as_deref()) {
            if text == "--" {
                next += 1;
                break;
            } else if text.starts_with('-') {
                next += 1 + usize::from(with_word.contains(&text));
            } else if base == "env" && text.contains('=') {
                next += 1;
            } else {
                break;
            }
        }
        // `timeout 30 qm …`: its own argument comes before the command.
        if base == "timeout" {
            next += 1;
        }
        if next >= seen.len() {
            break;
        }
        at = next;
    }
    at
}
