//! Characters that mislead whoever reads the file.

/// Characters that look like nothing, like a blank or like a quote, and are not.
pub(super) fn is_odd(character: char) -> bool {
    match character {
        '\t' | '\n' | ' ' => false,
        '\u{2018}'..='\u{201f}' => true,
        '\u{ad}' | '\u{180e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => character.is_control() || character.is_whitespace() || is_invisible(character),
    }
}

/// What the grammar sees as a blank within a line.
pub(super) fn becomes_blank(character: char) -> bool {
    matches!(character, ' ' | '\t') || is_odd(character) && character != '\r'
}

/// Zero-width and bidirectional characters: what is read is not what is there.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

pub(super) fn odd_characters(text: &str) -> Vec<(usize, char)> {
    text.char_indices().filter(|(_, c)| is_odd(*c)).collect()
}

/// Prose may hold curly quotes and no-break blanks; it must not hold what reorders the line, nor NUL.
pub(super) fn odd_in_comment(text: &str) -> Vec<(usize, char)> {
    text.char_indices()
        .filter(|(_, c)| *c == '\0' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

/// `text` with blanks at these places, byte for byte as long.
pub(super) fn blanked(text: &str, mut places: Vec<(usize, usize)>) -> String {
    let mut result = String::with_capacity(text.len());
    places.sort_unstable();
    for (at, length) in places {
        // A character of a comment may be in the list beside its comment.
        let (from, to) = (result.len(), at + length);
        result.push_str(text.get(from..at).unwrap_or(""));
        result.extend(std::iter::repeat_n(' ', to.saturating_sub(result.len())));
    }
    result.push_str(text.get(result.len()..).unwrap_or(""));
    result
}
