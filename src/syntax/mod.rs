//! From text to tree. Parsing never fails: it answers a tree and the problems found.
//!
//! Two passes. `scan` goes over the text once, character by character: it matches brackets, bounds nesting and size,
//! finds strings that are left open and characters that mislead, and collects the comments. Only a text that has
//! passed it reaches the grammar (`grammar/hostler.pest`), whose catch-all rules turn what can not be read into `Bad`
//! nodes, so that one slip hides nothing else. `build` makes the tree of it. pest's `Rule` stays in here.

mod build;
mod errors;
mod grammar;
mod numbers;
mod scan;
pub mod tree;
mod words;

use crate::diag::Problems;
use crate::text::Span;

/// Reads a plan file. `base` is the position of `text` in the byte space of [`crate::text::Sources`]; every span in the
/// tree and in the problems lies there.
///
/// A tree is answered whatever the text is. Where brackets do not match, nest too deep, or a string is open to the end
/// of the file, the tree holds the comments only, and nothing else is reported: all else would follow from that.
pub fn parse(text: &str, base: u32, problems: &mut Problems) -> tree::File {
    let span = Span::new(base, base.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX)));
    let scan = scan::scan(text, base);
    let stopped = scan.stopped;
    let comments = scan.comments.clone();
    let file = if stopped { tree::File::default() } else { build::file(text, base, &scan, problems) };
    for problem in scan.problems {
        problems.push(problem);
    }
    tree::File { comments, span, ..file }
}
