//! The lab under a seed: the same number gives the same run to the byte, another gives another.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that can not go on should stop")]

mod lab;

use std::collections::BTreeSet;
use std::sync::Arc;

use hostler::code::Code;
use hostler::lab::Lab;
use hostler::machine::Event;
use hostler::run::{InMemory, Replay, begin};

/// How many.
const SEEDS: u64 = 1_000;

/// The events of a run, as a journal keeps them, and whether all ended well.
fn journal(code: &Arc<Code>, seed: u64) -> (String, bool) {
    let mut lab = Lab::new(code);
    lab.vary(seed);
    let mut journal = InMemory::default();
    let mut replay = Replay::new(code.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let run = begin(&mut replay, &mut lab, &mut journal, Vec::new(), std::future::pending, |_| {});
    runtime.block_on(run).unwrap();
    let events: Vec<String> = journal.0.iter().map(|event: &Event| serde_json::to_string(event).unwrap()).collect();
    let good = replay.state().endings().all(|(_, ending)| ending.is_some_and(|ending| ending.is_good()));
    (events.join("\n"), good)
}

#[test]
fn a_seed_gives_the_same_journal_and_another_seed_another() {
    let plan = "plan test for guest in web, files, wiki\n  at most 2 at once\n{\n  restart(guest)\n}\n";
    let (said, code) = lab::check(plan);
    let code = code.unwrap_or_else(|| panic!("{said:#?}"));
    let mut different = BTreeSet::new();
    for seed in 1..=SEEDS {
        let (first, good) = journal(&code, seed);
        assert!(good, "seed {seed}:\n{first}");
        assert_eq!(first, journal(&code, seed).0, "seed {seed}");
        different.insert(first);
    }
    println!("{SEEDS} seeds give {} different journals", different.len());
    assert!(different.len() as u64 >= SEEDS * 9 / 10, "{}", different.len());
}
