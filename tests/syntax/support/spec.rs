//! Specs in Markdown: under each heading a block of input, and blocks of what it must give.
//!
//! ````text
//! ## A heading says what is so
//!
//! ```plan
//! on pve qm list
//! ```
//!
//! ```problems
//! syntax/unexpected 1:8-8 …
//! ```
//! ````
//!
//! In a block of the kind `escaped`, `\u{a0}` stands for that character.
//!
//! With `UPDATE_SPECS=1` the blocks are rewritten, to be read in the diff.

use std::path::Path;

/// Compares every block of `path` that `answer` knows with its answer: it gets the block's kind and the case's input
/// and answers `None` for kinds that are no output.
pub(crate) fn check(path: &Path, answer: &dyn Fn(&str, &str) -> Option<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut rewritten, mut input, mut heading, mut wrong) = (String::new(), String::new(), String::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        rewritten.push_str(line);
        rewritten.push('\n');
        if line.starts_with('#') {
            heading = line.trim_start_matches(['#', ' ']).to_string();
        }
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let mut block = String::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            block.push_str(line);
            block.push('\n');
        }
        match answer(kind, &input) {
            None => {
                rewritten.push_str(&block);
                input = if kind == "escaped" { unescaped(&block) } else { block };
            }
            Some(found) => {
                if found != block {
                    wrong.push(format!("## {heading}\n\n{input}\nexpected:\n{block}\nfound:\n{found}"));
                }
                rewritten.push_str(&found);
            }
        }
        rewritten.push_str("```\n");
    }
    if std::env::var_os("UPDATE_SPECS").is_some() {
        std::fs::write(path, rewritten).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n"));
}

/// `\u{a0}` in the text becomes that character.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split("\\u{");
    let mut result = pieces.next().unwrap_or("").to_string();
    for piece in pieces {
        let (code, rest) = piece.split_once('}').unwrap();
        result.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        result.push_str(rest);
    }
    result
}
