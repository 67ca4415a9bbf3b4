//! What the checker knows of commands: forms, options and effects, read from `command` declarations.

use std::rc::Rc;

use crate::text::IndexMap;

use super::program::Effect;
use super::{Type, duration, errors};
use crate::diag::{Diagnostic, Problems};
use crate::syntax::tree::{self, SigItemKind, SigLineKind};

/// The signatures that were read, by command name.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    commands: IndexMap<String, Rc<Signature>>,
    /// What was read of a command for one of its subcommands.
    parts: IndexMap<(String, String), Rc<Signature>>,
}

/// What is known of one command.
#[derive(Clone, Debug, Default)]
pub(super) struct Signature {
    /// On which kind of host it works: `hypervisor`, `guest` or `host`.
    pub(super) place: Option<String>,
    /// The user that it needs.
    pub(super) user: Option<String>,
    pub(super) forms: Vec<Form>,
    /// Options of every form, before or after the subcommand.
    pub(super) options: Vec<OptionForm>,
    pub(super) not_started: Vec<String>,
    pub(super) locked: Vec<String>,
}

/// One form of a command.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The subcommand's words.
    pub(super) literals: Vec<String>,
    pub(super) slots: Vec<SlotForm>,
    pub(super) options: Vec<OptionForm>,
    pub(super) effect: Effect,
    /// The slot that names the guest, or `self`.
    pub(super) whom: Option<String>,
    /// Whether it is left to finish when the plan stops waiting.
    pub(super) left: bool,
    /// Whether it is not for a guest that its cluster manages.
    pub(super) unless_managed: bool,
    /// Whether the guest is not asked.
    pub(super) by_force: bool,
    /// What its hypervisor calls it in its list of tasks.
    pub(super) task: Option<String>,
    /// How long the plan waits where it does not say, in milliseconds.
    pub(super) within: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct SlotForm {
    pub(super) name: String,
    pub(super) takes: Takes,
    pub(super) optional: bool,
    pub(super) repeated: bool,
    /// Stands after a bare `--`.
    pub(super) after_dashes: bool,
}

#[derive(Clone, Debug)]
pub(super) struct OptionForm {
    pub(super) names: Vec<String>,
    pub(super) value: Option<Takes>,
    pub(super) value_optional: bool,
    /// The option changes what the command does (`--skiplock`, `--forceStop`).
    pub(super) slot_name: String,
}

/// What a slot or an option takes.
#[derive(Clone, Debug)]
pub(super) enum Takes {
    /// A value of a type; a time span in a unit of this many milliseconds.
    Value(Type, Option<(u64, String)>),
    /// One of these words.
    Words(Vec<String>),
    /// A command of its own (`qm guest exec 101 -- reboot`).
    Command,
}

impl OptionForm {
    /// Whether it is written so. `--net[n]` stands for `--net` with any number.
    pub(super) fn is(&self, written: &str) -> bool {
        self.names.iter().any(|name| match name.strip_suffix("[n]") {
            Some(stem) => written
                .strip_prefix(stem)
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
            None => name == written,
        })
    }

    /// Whether it stands for every long option that the signature does not name: `[--* <value: Str>?]`.
    pub(super) fn is_any(&self) -> bool {
        self.names.iter().any(|name| name == "--*")
    }
}

impl Takes {
    /// As a signature writes it: `<Duration in s>`.
    pub(super) fn shown(&self, name: &str) -> String {
        match self {
            Takes::Words(words) => format!("<{}>", words.join("|")),
            Takes::Command => "COMMAND".to_string(),
            Takes::Value(Type::VmId, _) => "$vmid".to_string(),
            Takes::Value(ty, Some((_, unit))) => format!("<{ty} in {unit}>"),
            Takes::Value(ty, None) if name.is_empty() => format!("<{ty}>"),
            Takes::Value(_, None) => format!("<{name}>"),
        }
    }
}

impl Signatures {
    /// What is known of a command whose next word is `word`.
    pub(super) fn get(&self, command: &str, word: Option<&str>) -> Option<Rc<Signature>> {
        let part = || self.parts.get(&(command.to_string(), word?.to_string()));
        self.commands.get(command).or_else(part).cloned()
    }

    /// What was read of a command for one of its subcommands: enough wherever that word stands behind the command.
    pub(super) fn add_part(&mut self, command: &str, word: &str, signature: Rc<Signature>) {
        self.parts.insert((command.to_string(), word.to_string()), signature);
    }

    /// A later declaration of a command takes the place of an earlier one.
    pub(super) fn add(&mut self, command: &str, signature: Rc<Signature>) {
        self.commands.insert(command.to_string(), signature);
    }
}

impl Signature {
    pub(super) fn read(declaration: &tree::CommandDecl, problems: &mut Problems) -> Signature {
        let mut signature = Signature {
            place: declaration.place.as_ref().map(|name| name.text.clone()),
            user: declaration.user.as_ref().map(|name| name.text.clone()),
            ..Signature::default()
        };
        for line in &declaration.lines {
            match &line.kind {
                SigLineKind::Form(form) => match read_form(form, problems) {
                    Some(form) => signature.forms.push(form),
                    None => problems.push(Diagnostic::error(
                        "syntax/unexpected",
                        line.span,
                        "this signature can not be read",
                    )),
                },
                SigLineKind::Options(items) => {
                    signature.options.extend(items.iter().filter_map(|item| read_option(item, problems)));
                }
                SigLineKind::Outcome { outcome, texts, .. } => {
                    let texts = texts.iter().map(|text| text.text.clone());
                    match outcome.text.as_str() {
                        // Another operation holds the guest: the same as a lock, for a plan.
                        "locked" | "busy" => signature.locked.extend(texts),
                        _ => signature.not_started.extend(texts),
                    }
                }
                SigLineKind::Bad => {}
            }
        }
        signature
    }
}

fn read_form(form: &tree::SigForm, problems: &mut Problems) -> Option<Form> {
    let effect = match form.effect.text.as_str() {
        "read" => Effect::Read,
        "change" => Effect::Change,
        "power on" => Effect::PowerOn,
        "power off" => Effect::PowerOff,
        "power cycle" => Effect::PowerCycle,
        "destroy" => Effect::Destroy,
        _ => return None,
    };
    let left = match form.at_deadline.as_ref().map(|name| name.text.as_str()) {
        Some(text) => text.starts_with("left"),
        None => effect.is_power(),
    };
    let within = form.within.as_ref().and_then(|within| match &within.kind {
        tree::ExprKind::Duration(ms) => Some(*ms),
        _ => None,
    });
    let mut read = Form {
        literals: Vec::new(),
        slots: Vec::new(),
        options: Vec::new(),
        effect,
        whom: form.whom.as_ref().map(|name| name.text.clone()),
        left,
        unless_managed: form.marks.iter().any(|mark| mark.text == "unless managed"),
        by_force: form.marks.iter().any(|mark| mark.text == "by force"),
        task: form.task.as_ref().map(|task| task.text.clone()),
        within,
    };
    let mut after_dashes = false;
    for item in &form.items {
        match &item.kind {
            SigItemKind::Literal(word) if word == "--" => after_dashes = true,
            SigItemKind::Literal(word) if read.slots.is_empty() => read.literals.push(word.clone()),
            SigItemKind::Literal(_) => return None,
            SigItemKind::Slot { slot, repeated } => {
                read.slots.push(read_slot(slot, *repeated, false, after_dashes, problems));
            }
            SigItemKind::Optional(inner) => match &inner.kind {
                SigItemKind::Slot { slot, repeated } => {
                    read.slots.push(read_slot(slot, *repeated, true, after_dashes, problems));
                }
                _ => return None,
            },
            SigItemKind::Option { .. } => read.options.push(read_option(item, problems)?),
        }
    }
    Some(read)
}

fn read_slot(
    slot: &tree::Slot,
    repeated: bool,
    optional: bool,
    after_dashes: bool,
    problems: &mut Problems,
) -> SlotForm {
    let takes = read_takes(slot, problems);
    let name = slot.name.as_ref().map_or(String::new(), |name| name.text.clone());
    SlotForm { name, takes, optional, repeated, after_dashes }
}

fn read_option(item: &tree::SigItem, problems: &mut Problems) -> Option<OptionForm> {
    let SigItemKind::Option { names, value, value_optional, .. } = &item.kind else { return None };
    Some(OptionForm {
        names: names.clone(),
        value: value.as_ref().map(|slot| read_takes(slot, problems)),
        value_optional: *value_optional,
        slot_name: value.as_ref().and_then(|slot| slot.name.as_ref()).map_or(String::new(), |name| name.text.clone()),
    })
}

fn read_takes(slot: &tree::Slot, problems: &mut Problems) -> Takes {
    match &slot.ty {
        tree::SlotType::Words(words) => Takes::Words(words.clone()),
        tree::SlotType::Typed(ty, unit) => {
            let tree::TypeKind::Named(name) = &ty.kind else { return Takes::Value(Type::Str, None) };
            if name == "Command" {
                return Takes::Command;
            }
            // Types begin with a capital letter, so this is the one word that may stand here.
            if unit.is_none() && name.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Takes::Words(vec![name.clone()]);
            }
            let Some(ty) = Type::named(name) else {
                problems.push(errors::unknown_type(ty.span, name));
                return Takes::Value(Type::Str, None);
            };
            let unit = unit.as_ref().and_then(|unit| Some((duration(&format!("1{}", unit.text))?, unit.text.clone())));
            Takes::Value(ty, unit)
        }
    }
}
