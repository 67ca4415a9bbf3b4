//! Texts that nobody meant: whatever is read, something sensible is said about it, soon, and nothing breaks.
//!
//! `cargo test --test fuzz` reads what once broke something (`tests/fuzz/found/`), and a few hundred texts that come of
//! stirring good ones, always the same. `cargo xtask fuzz --minutes 10` goes on with others until the time is over, in a
//! release build, and holds them to a second each and the whole to 200 MiB.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that can not go on should stop")]

#[path = "../support/pieces.rs"]
mod pieces;
mod stir;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stir::Stir;
use targets::{TARGETS, Target};

/// The largest text, in bytes.
const LARGEST: usize = 64 * 1024;
/// How long one text may take in a release build.
const LONGEST: Duration = Duration::from_secs(1);
/// How many texts a target reads in a test.
const FEW: u64 = 50;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found")
}

/// What once broke something, by the target that it broke: `TARGET-….txt`.
#[test]
fn what_was_found_stays_mended() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        let target = TARGETS.iter().find(|target| name.split('-').next() == Some(target.name));
        let target = target.unwrap_or_else(|| panic!("{name}: nothing reads it; call it TARGET-….txt"));
        (target.read)(&std::fs::read_to_string(&path).unwrap());
    }
}

#[test]
fn texts_that_nobody_meant_break_nothing() {
    for target in TARGETS {
        let texts = (target.texts)();
        let mut stir = Stir::new(1, &texts);
        for _ in 0..FEW {
            tried(target, &stir.next(LARGEST));
        }
    }
}

/// The command's part: until the time is over, which the environment gives in seconds, from a seed that it gives.
#[test]
fn on_and_on() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let Some(seconds) = number("HOSTLER_FUZZ_SECONDS") else { return };
    let seed = number("HOSTLER_FUZZ_SEED").unwrap_or(1);
    println!("seed {seed}");
    let end = Instant::now() + Duration::from_secs(seconds);
    let corpora: Vec<Vec<String>> = TARGETS.iter().map(|target| (target.texts)()).collect();
    let mut stirs: Vec<Stir<'_>> = corpora.iter().map(|texts| Stir::new(seed, texts)).collect();
    let mut tries = 0u64;
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        for (target, stir) in TARGETS.iter().zip(&mut stirs) {
            let text = stir.next(LARGEST);
            let took = tried(target, &text);
            slowest = slowest.max(took);
            tries += 1;
            if took > LONGEST {
                let path = keep(target, &text);
                panic!("{} took {took:?}: {}", target.name, path.display());
            }
        }
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_string();
    println!("{tries} texts, the slowest {slowest:?}, memory {peak} at most");
    let kilobytes: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 200 * 1024, "memory: {peak}");
}

/// Reads a text, keeps one that breaks something, and answers the processor's time that it took.
fn tried(target: &Target, text: &str) -> Duration {
    let began = processor_time();
    if catch_unwind(AssertUnwindSafe(|| (target.read)(text))).is_err() {
        let path = keep(target, text);
        panic!("{} breaks on {}", target.name, path.display());
    }
    processor_time() - began
}

/// Of this thread: what else the machine does is not the text's fault.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0))
}

/// In `found/`, for the tests, until it is mended and after.
fn keep(target: &Target, text: &str) -> PathBuf {
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let path = folder().join(format!("{}-{sum:016x}.txt", target.name));
    std::fs::write(&path, text).unwrap();
    path
}
