//! A command that has a signature: its subcommand, what each word is, and what the command does to whom.

use super::forms::{Fits, Line};
use super::wrappers::inner_command;
use super::{Named, Reading, Seen, Slotted, next};
use crate::check::body::Body;
use crate::check::commands::script;
use crate::check::expressions::Place;
use crate::check::program::{Expr, Op};
use crate::check::signatures::{Form, OptionForm, Signature, Takes};
use crate::check::{About, Type, Value, duration, errors};
use crate::syntax::tree::{self, WordPartKind};
use crate::text::Span;

/// What a power command needs beside twice its own time, in milliseconds.
const OUTER: u64 = 27_000;

/// `5m`, or a bare number of seconds.
fn seconds(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().map(|number| number.saturating_mul(1000)).or_else(|| duration(text))
}

impl Body<'_, '_> {
    /// Holds the words against a signature.
    pub(super) fn signed(
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
        read.task = form.task.clone();
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
        if let Some(signature) = self.checker.signature(&base, next(seen, start)) {
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
    pub(super) fn takes_next(&self, next: Option<&Seen<'_>>) -> bool {
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

fn takes_a_word(options: &[OptionForm], written: &str) -> bool {
    !written.contains('=')
        && options.iter().any(|option| option.value.is_some() && !option.value_optional && option.is(written))
}
