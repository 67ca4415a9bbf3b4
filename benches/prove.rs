//! How many ways each workflow is tried, and how long that takes: `cargo xtask bench prove`.
//!
//! All single things that go wrong, pairs of them up to a bound, and worlds by chance. It fails where a rule is broken,
//! or where fewer than ten thousand worlds differ.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "not the product"
)]

#[path = "shared/meter.rs"]
mod meter;

use std::fs;
use std::path::Path;
use std::process::Command;

use meter::cost;

const FEWEST: u64 = 10_000;

fn main() {
    // `cargo test --benches` runs it too, and has no use for it.
    let words: Vec<String> = std::env::args().collect();
    if meter::is_meter() || !words.iter().any(|word| word == "--bench") {
        return;
    }
    let option = |name: &str, usual: &'static str| {
        let given = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
        given.map_or(usual, |given| given.as_str())
    };
    let (worlds, random, seed) = (option("--worlds", "30000"), option("--random", "13000"), option("--seed", "0"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prove-{}", std::process::id()));
    let mut workflows: Vec<String> = fs::read_dir(root.join("workflows"))
        .expect("the workflows are there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".plan"))
        .collect();
    workflows.sort();
    println!("| workflow | worlds | distinct | effects | wall | CPU | worlds a second of CPU | memory |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    for name in &workflows {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
        command.arg("prove").arg(format!("workflows/{name}")).args(["--now", "2026-01-03 22:30", "--faults", "2"]);
        command.args(["--worlds", worlds, "--random", random, "--seed", seed, "--format", "json"]).current_dir(root);
        let cost = match cost(&command, &log) {
            Ok(cost) => cost,
            Err(why) => {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
        };
        let found: serde_json::Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
        let count = |name: &str| found[name].as_u64().unwrap();
        println!(
            "| {name} | {} | {} | {} | {:.1} s | {:.1} s | {:.0} | {:.0} MB |",
            count("worlds"),
            count("distinct"),
            count("effects"),
            cost.wall,
            cost.cpu,
            count("worlds") as f64 / cost.cpu,
            cost.largest as f64 / 1000.0
        );
        if count("distinct") < FEWEST {
            wrong.push(format!("{name}: fewer than {FEWEST} worlds differ"));
        }
    }
    let _ = fs::remove_file(&log);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
