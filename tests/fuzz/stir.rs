//! Good texts, cut, put together and sprinkled: the same for the same seed.

/// A stream of texts.
pub(crate) struct Stir<'t> {
    state: u64,
    texts: &'t [String],
}

/// What stands in plans and inventories and means something there.
const WORDS: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "'",
    "\"",
    "'''",
    "$",
    "${",
    "}",
    "#",
    "\\",
    "\n",
    "\r\n",
    "\t",
    ";",
    ":",
    ",",
    "..",
    "...",
    "-> ",
    "<",
    ">",
    "|",
    "&",
    "*",
    "!",
    "@",
    "~",
    "`",
    "on ",
    "on guest: ",
    "let x = ",
    "if ",
    "else ",
    "for x in ",
    "retry 3 ",
    "try { ",
    "} recover e { ",
    "} finally { ",
    "plan p for g in ",
    "task t(",
    "probe q() -> Bool ",
    "command c { ",
    "driver d { ",
    "await ",
    "require ",
    "not ",
    "and ",
    "or ",
    "in ",
    "within ",
    "every ",
    "5m",
    "3GiB",
    "20%",
    "010",
    "99999999999999999999",
    "-1",
    "0x1",
    "1e999",
    "all:\n  ",
    "hosts:\n    ",
    "vars: ",
    "children:\n",
    "- ",
    "? ",
    "&a ",
    "*a ",
    "<<: *a\n",
    "!vault |\n",
    "$ANSIBLE_VAULT;1.1;AES256\n",
    "[all:vars]\n",
    "[a:children]\n",
    "a[1:9]",
    "{{ x }}",
    "{% for %}",
    "{#",
    "~",
    "null",
    "yes",
    "\u{0}",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}",
    "ü",
    "🦀",
    "\u{10ffff}",
];

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
                let word = self.a_word();
                let times = 1 + self.below(300);
                format!("{}{}{}", &text[..from], word.repeat(times), &text[from..])
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
            _ => format!("{}{}{}", &text[..from], self.a_word(), &text[from..]),
        }
    }

    fn a_text(&mut self) -> String {
        let at = self.below(self.texts.len());
        self.texts[at].clone()
    }

    fn a_word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
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
