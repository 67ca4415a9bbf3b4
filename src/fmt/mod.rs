//! How plan files are laid out.
//!
//! `format` walks the tree and writes every token of the text again, in its order, with the blanks and newlines that
//! belong between two of them (`writer`). It changes blanks only: words, quotes and numbers stay as they were
//! written, and every comment keeps its place between the tokens around it.
//!
//! What a person decides, the layout keeps: whether a short block stands on one line, where a long command, list or
//! condition continues on the next, an empty line between two statements, the distance of a comment behind a line.
//! What nobody should have to decide, it settles: indentation, one statement a line, one clause a line, one blank
//! between two words.

mod expressions;
mod items;
mod signatures;
mod statements;
mod writer;

use crate::diag::{Diagnostic, Problems};
use crate::syntax;
use writer::Writer;

/// How wide a block, or a script, may be that stays on one line.
const WIDTH: usize = 120;
/// Blanks for one level.
const STEP: usize = 2;

/// The text in its canonical layout; formatting that again changes nothing.
///
/// A text with syntax errors is not touched: they are the answer then, with spans in the text (which starts at 0).
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut problems = Problems::new();
    let file = syntax::parse(text, 0, &mut problems);
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    let text = text.strip_prefix('\u{feff}').map_or_else(|| text.to_string(), |rest| format!("   {rest}"));
    let mut writer = Writer::new(&text, &file.comments);
    items::file(&mut writer, &file);
    Ok(writer.finish())
}
