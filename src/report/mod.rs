//! Everything that is shown of a run is a fold over its notes.

mod dry;
mod progress;
mod summary;

pub use dry::dry_run;
pub use progress::line;
pub use summary::{Guest, Summary, word};

/// Hours, minutes and seconds since the run began.
pub(crate) fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// A text from a host or a guest with its control characters made visible, on one line.
pub fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push(' '),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') =>
            {
                safe.extend(c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}
