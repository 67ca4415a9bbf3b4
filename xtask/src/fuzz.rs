//! `cargo xtask fuzz`: texts that nobody meant, until the time is over.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{cargo, root, run};

/// Ten minutes, or what is asked for, from a seed that is printed.
///
/// # Errors
/// When a text breaks something; it is in `tests/fuzz/found/` then.
pub(crate) fn fuzz(words: &[String]) -> Result<(), String> {
    let usage = || "usage: cargo xtask fuzz [--minutes N] [--seed N]".to_string();
    let (mut minutes, mut seed) = (10, SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs()));
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let number = words.next().and_then(|number| number.parse::<u64>().ok()).ok_or_else(usage)?;
        match word.as_str() {
            "--minutes" => minutes = number,
            "--seed" => seed = number,
            _ => return Err(usage()),
        }
    }
    let mut command = cargo();
    command.args(["test", "--release", "--test", "fuzz", "on_and_on", "--", "--nocapture"]);
    command.env("HOSTLER_FUZZ_SECONDS", (minutes * 60).to_string()).env("HOSTLER_FUZZ_SEED", seed.to_string());
    run(command.current_dir(root()))
}
