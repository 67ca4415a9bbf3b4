//! Which of a command's forms is the one that is written.

use super::Seen;
use crate::check::signatures::{Form, Signature, Takes};

/// A command line, held against one form after the other.
pub(super) struct Line<'a, 't> {
    pub(super) signature: &'a Signature,
    /// The forms of the same subcommand.
    pub(super) forms: &'a [&'a Form],
    pub(super) seen: &'a [Seen<'t>],
    pub(super) from: usize,
    pub(super) matched: &'a [usize],
}

/// Whether a form is the one that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    No,
    /// A value stands at this word, where only certain words may: nobody knows before the run.
    Unknown(usize),
}

impl Fits {
    pub(super) fn decided_by(self) -> Option<usize> {
        match self {
            Fits::Unknown(at) => Some(at),
            Fits::Yes | Fits::No => None,
        }
    }
}

impl Line<'_, '_> {
    pub(super) fn fits(&self, form: &Form) -> Fits {
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
