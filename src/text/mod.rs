//! Texts and places in them.
//!
//! All sources of one command share one byte space: a [`Span`] alone says which file it is in, so that
//! a diagnostic, a variable of the inventory and a statement of a plan can all point anywhere.

mod files;
mod maps;
mod programs;
mod sources;

pub use files::{Entry, FileError, Files, MemoryFiles};
pub use maps::{IndexMap, IndexSet};
pub use programs::{NoPrograms, Programs, Purpose, Refusal, is_program};
pub use sources::{Place, Source, Sources};

use serde::{Deserialize, Serialize};

/// A range of bytes in the space that all [`Sources`] share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to, and without, `end`.
    pub fn new(start: u32, end: u32) -> Self {
        Span { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Whether `inner` lies within this span.
    pub fn contains(self, inner: Span) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }

    /// The empty span where this one ends.
    pub fn after(self) -> Span {
        Span { start: self.end, end: self.end }
    }

    /// The empty span where this one starts.
    pub fn before(self) -> Span {
        Span { start: self.start, end: self.start }
    }
}
