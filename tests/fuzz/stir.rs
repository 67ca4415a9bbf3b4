//! Good texts, cut, put together and sprinkled: the same for the same seed.

use crate::pieces::PIECES;

/// A stream of texts.
pub(crate) struct Stir<'t> {
    state: u64,
    texts: &'t [String],
}

impl<'t> Stir<'t> {
    pub(crate) fn new(seed: u64, texts: &'t [String]) -> Stir<'t> {
        Stir { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, texts }
    }

    /// The next text, at most so many bytes.
    pub(crate) fn next(&mut self, most: usize) -> String {
        let mut text = self.a_text();
        for _ in 0..1 + self.below(6) {
            text = self.stirred(text);
        }
        let mut end = text.len().min(most);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }

    fn stirred(&mut self, text: String) -> String {
        let (a, b) = (self.place(&text), self.place(&text));
        let (from, to) = (a.min(b), a.max(b));
        match self.below(7) {
            // Something is missing, there twice, or many times.
            0 => format!("{}{}", &text[..from], &text[to..]),
            1 => format!("{}{}", &text[..to], &text[from..]),
            2 => {
                let to = (from..=to.min(from + 40)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(from);
                let times = 1 + self.below(400);
                format!("{}{}{}", &text[..from], text[from..to].repeat(times), &text[to..])
            }
            // A part of another.
            3 => {
                let other = self.a_text();
                let (a, b) = (self.place(&other), self.place(&other));
                format!("{}{}{}", &text[..from], &other[a.min(b)..a.max(b)], &text[from..])
            }
            4 => {
                let piece = self.a_piece();
                let times = 1 + self.below(300);
                format!("{}{}{}", &text[..from], piece.repeat(times), &text[from..])
            }
            // Lines change their places.
            5 => {
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                if lines.len() > 1 {
                    let (a, b) = (self.below(lines.len()), self.below(lines.len()));
                    lines.swap(a, b);
                }
                lines.concat()
            }
            _ => format!("{}{}{}", &text[..from], self.a_piece(), &text[from..]),
        }
    }

    fn a_text(&mut self) -> String {
        let at = self.below(self.texts.len());
        self.texts[at].clone()
    }

    fn a_piece(&mut self) -> &'static str {
        PIECES[self.below(PIECES.len())]
    }

    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Xorshift: enough for this, and the same everywhere.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % end.max(1) as u64) as usize
    }
}
