//! What is known of a command, as a `command` declares it.

use super::{Expr, Name, Type};
use crate::text::Span;

/// `command qm, qmrestore on hypervisor as root { … }`: the signatures of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandDecl {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// The command's names (aliases that behave the same).
    pub names: Vec<Name>,
    /// `on hypervisor`: on which kind of host it works (`hypervisor`, `guest`, `host`).
    pub place: Option<Name>,
    /// `as root`: the user that it needs.
    pub user: Option<Name>,
    /// One a line.
    pub lines: Vec<SigLine>,
    /// From `command` to `}`.
    pub span: Span,
}

/// A line of a command declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct SigLine {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// Which.
    pub kind: SigLineKind,
    /// All of it.
    pub span: Span,
}

/// The lines of a command declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum SigLineKind {
    /// `reboot <vmid: VmId> [--timeout <Duration in s>] -> power cycle vmid, left to finish, within 15m`
    Form(SigForm),
    /// `options [--now] [-q|--quiet]`: options of every form, before or after the subcommand.
    Options(Vec<SigItem>),
    /// `not started when stderr has "…", "…"`; `busy when …`, `locked when …`, `moved when …`.
    Outcome {
        /// `not started`, `busy`, `locked` or `moved`.
        outcome: Name,
        /// `stderr` or `stdout`.
        stream: Name,
        /// Any of these texts.
        texts: Vec<Name>,
    },
    /// Could not be read; reported.
    Bad,
}

/// One form of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct SigForm {
    /// Words and slots in order.
    pub items: Vec<SigItem>,
    /// `read`, `change`, `power on`, `power off`, `power cycle`, `destroy`.
    pub effect: Name,
    /// The slot that names the guest acted on (`vmid`); for a machine's own power commands `self`.
    pub whom: Option<Name>,
    /// `ended` or `left to finish`: what becomes of it when the plan stops waiting.
    pub at_deadline: Option<Name>,
    /// `unless managed`: not for a guest whose power its cluster keeps by itself; `by force`: the guest is not asked.
    pub marks: Vec<Name>,
    /// `as task qmclone`: what its hypervisor calls it in its list of tasks.
    pub task: Option<Name>,
    /// `within 15m`: how long the plan waits where it does not say.
    pub within: Option<Expr>,
}

/// A part of a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct SigItem {
    /// Which.
    pub kind: SigItemKind,
    /// Where.
    pub span: Span,
}

/// The parts of a signature.
#[derive(Clone, Debug, PartialEq)]
pub enum SigItemKind {
    /// A literal word: a subcommand, or `--`.
    Literal(String),
    /// `<vmid: VmId>`; `<files: Str>...` when `repeated`.
    Slot {
        /// The slot.
        slot: Slot,
        /// Any number, at least one.
        repeated: bool,
    },
    /// `[<file: Str>]`, `[<files: Str>...]`: may be left out.
    Optional(Box<SigItem>),
    /// `[-t|--timeout <Duration in s>]`, `[--force]`, `[--forceStop <0|1>?]`; `...` after it: may be repeated.
    Option {
        /// `-t`, `--timeout`.
        names: Vec<String>,
        /// What it takes.
        value: Option<Slot>,
        /// `?`: the value may be left out.
        value_optional: bool,
        /// May stand several times.
        repeated: bool,
    },
}

/// `<vmid: VmId>`, `<Duration in s>`, `<0|1>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// `vmid` in `<vmid: VmId>`.
    pub name: Option<Name>,
    /// What it takes.
    pub ty: SlotType,
    /// Where.
    pub span: Span,
}

/// What a slot takes.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotType {
    /// `VmId`, or `Duration in s` with its unit.
    Typed(Type, Option<Name>),
    /// `0|1`, `start|stop`: one of these words.
    Words(Vec<String>),
}
