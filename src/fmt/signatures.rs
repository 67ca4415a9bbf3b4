//! Signatures of commands, and drivers.

use super::STEP;
use super::expressions::{expr, param, ty};
use super::items::item;
use super::statements::{Blocks, braced, laid_out, open};
use super::writer::{Sep, Writer};
use crate::syntax::tree::{
    CommandDecl, DriverDecl, Item, Name, Param, SigForm, SigItem, SigItemKind, SigLine, SigLineKind, Slot, SlotType,
};
use crate::text::Span;

/// `command … { … }`
pub(super) fn command_decl(writer: &mut Writer<'_>, sep: Sep, indent: usize, command: &CommandDecl) {
    let one_line = writer.on_one_line(command.span);
    laid_out(writer, sep, one_line, |writer, sep, blocks| {
        writer.word(sep, "command");
        for (number, name) in command.names.iter().enumerate() {
            if number > 0 {
                writer.word(Sep::Tight, ",");
            }
            writer.copy(if number == 0 { Sep::Space } else { Sep::Soft }, name.span);
        }
        if let Some(place) = &command.place {
            writer.word(Sep::Space, "on");
            writer.copy(Sep::Space, place.span);
        }
        if let Some(user) = &command.user {
            writer.word(Sep::Space, "as");
            writer.copy(Sep::Space, user.span);
        }
        open(writer, indent);
        // The grammar reads the whole block as one list, wherever it ends.
        let block = Span::new(command.lines.first().map_or(command.span.end, |line| line.span.start), command.span.end);
        let blocks = if blocks == Blocks::AsWritten { Blocks::Broken } else { blocks };
        braced(writer, indent, blocks, block, &command.lines, sig_line);
    });
}

fn sig_line(writer: &mut Writer<'_>, sep: Sep, indent: usize, line: &SigLine) {
    writer.hang = indent + STEP;
    match &line.kind {
        SigLineKind::Form(written) => form(writer, sep, written),
        SigLineKind::Options(items) => {
            writer.word(sep, "options");
            for item in items {
                sig_item(writer, Sep::Space, item);
            }
        }
        SigLineKind::Outcome { outcome, stream, texts } => {
            writer.words(sep, &outcome.text);
            writer.word(Sep::Space, "when");
            writer.copy(Sep::Space, stream.span);
            writer.word(Sep::Space, "has");
            for (number, text) in texts.iter().enumerate() {
                if number > 0 {
                    writer.word(Sep::Tight, ",");
                }
                writer.copy(if number == 0 { Sep::Space } else { Sep::Soft }, text.span);
            }
        }
        SigLineKind::Bad => writer.copy(sep, line.span),
    }
}

fn form(writer: &mut Writer<'_>, sep: Sep, form: &SigForm) {
    for (number, item) in form.items.iter().enumerate() {
        sig_item(writer, if number == 0 { sep } else { Sep::Space }, item);
    }
    // People align the arrows of a block.
    writer.word(if form.items.is_empty() { sep } else { Sep::Gap }, "->");
    writer.words(Sep::Space, &form.effect.text);
    if let Some(whom) = &form.whom {
        writer.copy(Sep::Space, whom.span);
    }
    // They may stand in any order.
    let words = form.at_deadline.iter().chain(&form.marks).map(|phrase| (phrase.span.start, phrase.text.clone()));
    let task = form.task.iter().map(|task| (task.span.start, format!("as task {}", task.text)));
    let mut phrases: Vec<(u32, String)> = words.chain(task).collect();
    phrases.sort_unstable();
    let mut phrases = phrases.into_iter().peekable();
    let mut within = form.within.as_ref();
    while phrases.peek().is_some() || within.is_some() {
        let phrase = phrases.next_if(|(start, _)| within.is_none_or(|within| *start < within.span.start));
        writer.word(Sep::Tight, ",");
        if let Some((_, phrase)) = phrase {
            writer.words(Sep::Soft, &phrase);
        } else if let Some(within) = within.take() {
            writer.word(Sep::Soft, "within");
            expr(writer, Sep::Space, within);
        }
    }
}

fn sig_item(writer: &mut Writer<'_>, sep: Sep, item: &SigItem) {
    match &item.kind {
        SigItemKind::Literal(_) => writer.copy(sep, item.span),
        SigItemKind::Slot { slot: written, repeated } => {
            slot(writer, sep, written);
            dots(writer, *repeated);
        }
        SigItemKind::Optional(inner) => {
            writer.word(sep, "[");
            // `[<a: B>...]` and `[<a: B>]...` are the same: the dots stay where they are.
            sig_item(writer, Sep::Tight, inner);
            writer.word(Sep::Tight, "]");
            dots(writer, repeats(inner));
        }
        SigItemKind::Option { names, value, value_optional, repeated } => {
            writer.word(sep, "[");
            for (number, name) in names.iter().enumerate() {
                if number > 0 {
                    writer.word(Sep::Tight, "|");
                }
                writer.word(Sep::Tight, name);
            }
            if let Some(value) = value {
                slot(writer, Sep::Space, value);
            }
            if *value_optional {
                writer.word(Sep::Tight, "?");
            }
            writer.word(Sep::Tight, "]");
            dots(writer, *repeated);
        }
    }
}

fn repeats(item: &SigItem) -> bool {
    matches!(&item.kind, SigItemKind::Slot { repeated: true, .. })
}

/// `...`, where it is written.
fn dots(writer: &mut Writer<'_>, repeated: bool) {
    if repeated && writer.next_is("...") {
        writer.word(Sep::Tight, "...");
    }
}

fn slot(writer: &mut Writer<'_>, sep: Sep, slot: &Slot) {
    writer.word(sep, "<");
    if let Some(name) = &slot.name {
        writer.copy(Sep::Tight, name.span);
        writer.word(Sep::Tight, ":");
    }
    let sep = if slot.name.is_some() { Sep::Space } else { Sep::Tight };
    match &slot.ty {
        SlotType::Typed(written, unit) => {
            ty(writer, sep, written);
            if let Some(unit) = unit {
                writer.word(Sep::Space, "in");
                writer.copy(Sep::Space, unit.span);
            }
        }
        SlotType::Words(words) => {
            for (number, word) in words.iter().enumerate() {
                if number > 0 {
                    writer.word(Sep::Tight, "|");
                }
                writer.word(if number == 0 { sep } else { Sep::Tight }, word);
            }
        }
    }
    writer.word(Sep::Tight, ">");
}

/// A line of a driver.
enum Part<'d> {
    Identity(&'d Param),
    Script(&'d Name, Span),
    Item(&'d Item),
}

impl Part<'_> {
    fn start(&self) -> u32 {
        match self {
            Part::Identity(param) => param.span.start,
            Part::Script(name, _) => name.span.start,
            Part::Item(Item::Probe(probe)) => probe.span.start,
            Part::Item(Item::Task(task)) => task.span.start,
            Part::Item(_) => 0,
        }
    }
}

/// `driver … { … }`
pub(super) fn driver(writer: &mut Writer<'_>, sep: Sep, indent: usize, driver: &DriverDecl) {
    let mut parts: Vec<Part<'_>> = driver.identity.iter().map(Part::Identity).collect();
    parts.extend(driver.scripts.iter().map(|(name, _, span)| Part::Script(name, *span)));
    parts.extend(driver.items.iter().map(Part::Item));
    parts.sort_by_key(Part::start);
    writer.word(sep, "driver");
    writer.copy(Sep::Space, driver.name.span);
    open(writer, indent);
    braced(writer, indent, Blocks::Broken, driver.span, &parts, |writer, sep, indent, part| {
        writer.hang = indent + STEP;
        match part {
            Part::Identity(written) => {
                writer.word(sep, "identity");
                param(writer, Sep::Space, written);
            }
            Part::Script(name, text) => {
                writer.word(sep, "script");
                writer.copy(Sep::Space, name.span);
                writer.copy(Sep::Space, *text);
            }
            Part::Item(written) => item(writer, sep, indent, written),
        }
    });
}
