//! Which layers of tests a call of `cargo xtask test` asks for, how often, and what is said of repeated ones.

use std::time::Duration;

use crate::layers::{GUESTS, LAYERS, PURE};

/// What the words of `cargo xtask test` ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All layers, once.
    All,
    /// The layer of this number alone, so often.
    Layer(usize, usize),
    /// `cargo test` with these words.
    Cargo(Vec<String>),
}

impl Asked {
    /// Whether a test of it makes namespaces.
    pub(crate) fn needs_root(&self) -> bool {
        match self {
            Asked::All => true,
            Asked::Layer(layer, _) => *layer != PURE,
            Asked::Cargo(_) => false,
        }
    }
}

/// Reads the words. Where a repetition names no layer, it is the one of real guests: what can fail by chance does it
/// there.
///
/// # Errors
/// How it is called.
pub(crate) fn asked(words: &[String]) -> Result<Asked, String> {
    let (mut times, mut layer) = (None, None);
    let mut rest = words.iter().map(String::as_str).peekable();
    while let Some(word) = rest.next_if(|word| matches!(*word, "--repeat" | "--layer")) {
        let value = rest.next().ok_or_else(usage)?;
        if word == "--repeat" {
            times = Some(value.parse().ok().filter(|times| *times > 0).ok_or_else(usage)?);
        } else {
            layer = Some(find(value)?);
        }
    }
    if times.is_none() && layer.is_none() {
        return Ok(if words.is_empty() { Asked::All } else { Asked::Cargo(words.to_vec()) });
    }
    match (rest.next(), layer) {
        (None, layer) => Ok(Asked::Layer(layer.unwrap_or(GUESTS), times.unwrap_or(1))),
        (Some(_), _) => Err(usage()),
    }
}

fn find(name: &str) -> Result<usize, String> {
    LAYERS.iter().position(|layer| layer.name == name).ok_or_else(usage)
}

fn usage() -> String {
    let names: Vec<&str> = LAYERS.iter().map(|layer| layer.name).collect();
    format!(
        "usage: cargo xtask test [--layer {}] [--repeat TIMES] | [ARGUMENTS OF cargo test]; --repeat alone repeats {}",
        names.join("|"),
        LAYERS[GUESTS].name
    )
}

/// A time as people say it.
pub(crate) fn said(time: Duration) -> String {
    format!("{:>3} min {:>2} s", time.as_secs() / 60, time.as_secs() % 60)
}

/// Shortest, middle and longest of what the green runs took; of an even number the middle is between the two.
pub(crate) fn summary(times: &[Duration]) -> Option<String> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let (least, most) = (sorted.first()?, sorted.last()?);
    let middle = (*sorted.get((sorted.len() - 1) / 2)? + *sorted.get(sorted.len() / 2)?) / 2;
    Some(format!("minimum {}, median {}, maximum {}", said(*least).trim(), said(middle).trim(), said(*most).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Asked, String> {
        asked(&line.split_whitespace().map(str::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn words_ask_for_all_layers_for_one_or_for_cargo() {
        assert_eq!(of(""), Ok(Asked::All));
        assert_eq!(of("--repeat 5"), Ok(Asked::Layer(2, 5)));
        assert_eq!(of("--layer guests"), Ok(Asked::Layer(2, 1)));
        assert_eq!(of("--layer pure --repeat 3"), Ok(Asked::Layer(0, 3)));
        assert_eq!(of("--repeat 3 --layer ssh"), Ok(Asked::Layer(1, 3)));
        let words = ["--test", "examples", "--", "--repeat"].map(str::to_string).to_vec();
        assert_eq!(of("--test examples -- --repeat"), Ok(Asked::Cargo(words)));
        for line in ["--repeat", "--repeat 0", "--repeat five", "--layer", "--layer moon", "--repeat 2 --lib"] {
            let said = of(line).err().unwrap_or_default();
            assert!(said.starts_with("usage: cargo xtask test [--layer pure|ssh|guests|debian]"), "{line}: {said}");
        }
    }

    #[test]
    fn all_but_the_pure_layer_needs_root() {
        let needs = |line: &str| of(line).map(|asked| asked.needs_root());
        for line in ["", "--repeat 5", "--layer ssh", "--layer debian"] {
            assert_eq!(needs(line), Ok(true), "{line}");
        }
        for line in ["--layer pure", "--layer pure --repeat 2", "--lib"] {
            assert_eq!(needs(line), Ok(false), "{line}");
        }
    }

    #[test]
    fn a_summary_has_the_shortest_the_middle_and_the_longest() {
        let of = |times: &[u64]| summary(&times.iter().map(|time| Duration::from_secs(*time)).collect::<Vec<_>>());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[200, 61, 65]).as_deref(), Some("minimum 1 min  1 s, median 1 min  5 s, maximum 3 min 20 s"));
        assert_eq!(of(&[10, 20]).as_deref(), Some("minimum 0 min 10 s, median 0 min 15 s, maximum 0 min 20 s"));
    }
}
