//! Where strings, values and braces in words end: what the scan and the grammar must agree on.

/// The end of the string that opens at `start`, and whether it is closed before its line ends.
pub(super) fn one_line_string(bytes: &[u8], start: usize) -> (usize, bool) {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        if newline(bytes, at).is_some() {
            return (at, false);
        }
        match bytes[at] {
            byte if byte == quote => return (at + 1, true),
            b'\\' if quote == b'"' && newline(bytes, at + 1).is_none() => at += 2,
            _ => at += 1,
        }
    }
    (bytes.len(), false)
}

pub(super) fn newline(bytes: &[u8], at: usize) -> Option<usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\n'), _) => Some(1),
        (Some(b'\r'), Some(b'\n')) => Some(2),
        _ => None,
    }
}

/// How long the `\` here is with the newline behind it: the line goes on.
pub(super) fn continuation(bytes: &[u8], at: usize) -> Option<usize> {
    newline(bytes, at + 1).filter(|_| bytes.get(at) == Some(&b'\\')).map(|length| 1 + length)
}

/// How many bytes the `$` here takes with it: a name, or `${…}` on one line, whatever it holds. A `${` that is left open
/// opens no block.
pub(super) fn value(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) != Some(&b'{') {
        return 1 + bytes[at + 1..].iter().take_while(|byte| is_word(**byte)).count();
    }
    let mut end = at + 2;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'}' => return end + 1 - at,
            b'"' | b'\'' | b'\n' => break,
            _ => end += continuation(bytes, end).unwrap_or(1),
        }
    }
    2
}

/// Where the pair of braces that opens here ends, when it does so on this line; `levels` may nest in it.
pub(super) fn braces(bytes: &[u8], start: usize, levels: usize) -> Option<usize> {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'}' => return Some(at + 1),
            b'\n' => return None,
            b'{' => at = braces(bytes, at, levels.checked_sub(1)?)?,
            _ => at += continuation(bytes, at).unwrap_or(1),
        }
    }
    None
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_word_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
