//! From places in a text that is read to places in the sources.

use crate::text::Span;

/// Where a text stands among the sources.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    /// The text is a source that begins there.
    At(u32),
    /// The text came out of an encrypted source: everything in it stands at this place.
    Sealed(Span),
    /// A program printed the text: everything in it stands at this place, which is the program's.
    Printed(Span),
}

impl Base {
    /// The span of a range of the text's bytes.
    pub(super) fn span(self, from: usize, to: usize) -> Span {
        match self {
            Base::At(start) => Span::new(start + from as u32, start + to.max(from) as u32),
            Base::Sealed(span) | Base::Printed(span) => span,
        }
    }

    /// Whether the text is secret.
    pub(super) fn is_sealed(self) -> bool {
        matches!(self, Base::Sealed(_))
    }
}
