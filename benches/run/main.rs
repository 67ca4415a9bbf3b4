//! How fast a run is, beside other ways to carry the same commands out: `cargo xtask bench run`.
//!
//! Every figure is of whole processes, from start to exit, over real OpenSSH servers of the test bed. What commands
//! cost over open connections is a difference: a run of eleven commands less a run of one, the same for each program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "not the product"
)]

mod contenders;
#[path = "../shared/meter.rs"]
mod meter;
mod report;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use contenders::{Contender, Work};
use meter::{Cost, cost, memory};
use report::Figures;
use support::Bed;

/// The runs whose times, and whose differences, are the figures: how many commands, and whether their logins are cheap.
const RUNS: [(usize, bool); 5] = [(1, false), (10, false), (1, true), (2, true), (11, true)];

/// More hosts than this are measured in brief beside smaller numbers: one round of the first run, reading commands only.
/// All of it should end in a quarter of an hour.
const MOST_IN_FULL: usize = 50;

/// What is measured.
struct Options {
    hosts: Vec<usize>,
    rounds: usize,
    /// Reading commands, changing ones.
    tables: Vec<bool>,
    contenders: Vec<Contender>,
    /// Who is not measured, and why.
    missing: Vec<&'static str>,
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    // `cargo test --benches` runs it too, and has no use for it.
    if meter::is_meter() || !words.iter().any(|word| word == "--bench") {
        return;
    }
    let options = Options::read(&words);
    assert!(
        std::fs::read_to_string("/proc/net/dev").unwrap().lines().filter(|line| line.contains(':')).count() == 1,
        "it starts servers: run it by `cargo xtask bench run`, which gives it a network of its own"
    );
    let began = Instant::now();
    let mut bed = Bed::new();
    let most = options.hosts.iter().max().copied().unwrap_or(1);
    for number in 0..most {
        bed.start(&format!("h{number}"), &[]);
    }
    println!("{most} OpenSSH servers are up after {:.0?}", began.elapsed());
    for missing in &options.missing {
        println!("{missing} is not there, and not measured");
    }
    for changing in &options.tables {
        let mut figures = Figures::default();
        for hosts in &options.hosts {
            let in_brief = options.hosts.len() > 1 && *hosts > MOST_IN_FULL;
            if !(in_brief && *changing) {
                measure(&bed, &options, *hosts, *changing, in_brief, &mut figures);
            }
        }
        figures.print(if *changing { "Changing commands" } else { "Reading commands" });
    }
    println!("\nall of it took {:.0?}", began.elapsed());
}

/// The rounds for one number of hosts. The programs take turns, so that what else the machine does meets all of them.
fn measure(bed: &Bed, options: &Options, hosts: usize, changing: bool, in_brief: bool, figures: &mut Figures) {
    let log = bed.path.join("log");
    let (rounds, runs) = if in_brief { (1, &RUNS[..1]) } else { (options.rounds, &RUNS[..]) };
    for round in 0..rounds {
        for &(commands, cheap_logins) in runs {
            let work = Work { hosts, commands, changing, cheap_logins };
            for turn in 0..options.contenders.len() {
                let contender = &options.contenders[(turn + round) % options.contenders.len()];
                if !contender.has_time_for(work) || round > 0 && contender.once(work) {
                    continue;
                }
                let command = contender.command(bed, work);
                figures.add(contender.name(), work, round, done(contender, work, &log, cost(&command, &log)));
            }
        }
    }
    let commands = if in_brief { 1 } else { 10 };
    let work = Work { hosts, commands, changing, cheap_logins: false };
    for contender in &options.contenders {
        if !changing && contender.has_time_for(work) && !contender.once(work) {
            let command = contender.command(bed, work);
            figures.add_memory(contender.name(), work, done(contender, work, &log, memory(&command, &log)));
        }
    }
}

/// Ends the bench where the work was not done: that would be no figure.
fn done(contender: &Contender, work: Work, log: &Path, result: Result<Cost, String>) -> Cost {
    let cost = result.unwrap_or_else(|why| panic!("{why}"));
    let printed = std::fs::read_to_string(log).unwrap();
    assert!(contender.has_done(work, &printed), "{} has not done {work:?}:\n{printed}", contender.name());
    cost
}

impl Options {
    fn read(words: &[String]) -> Options {
        let value = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).cloned();
        let list = |name: &str| value(name).map(|text| text.split(',').map(str::to_string).collect::<Vec<_>>());
        let mut contenders = vec![Contender::Hostler, Contender::Ssh, Contender::SshOverMaster];
        let mut missing = Vec::new();
        let installed =
            |option: &str, program: &str| value(option).map(PathBuf::from).filter(|bin| bin.join(program).exists());
        match installed("--pyinfra", "pyinfra") {
            Some(bin) => contenders.push(Contender::Pyinfra(bin)),
            None => missing.push("pyinfra"),
        }
        match installed("--ansible", "ansible-playbook") {
            Some(bin) => contenders.push(Contender::Ansible(bin)),
            None => missing.push("ansible"),
        }
        if let Some(without) = list("--without") {
            contenders.retain(|contender| !without.iter().any(|name| name == contender.name()));
        }
        Options {
            hosts: list("--hosts")
                .unwrap_or_else(|| ["1", "50", "200"].map(str::to_string).to_vec())
                .iter()
                .map(|hosts| hosts.parse().expect("--hosts 1,50,200"))
                .collect(),
            rounds: value("--rounds").map_or(3, |rounds| rounds.parse().expect("--rounds N")),
            tables: match value("--commands").as_deref() {
                None => vec![false, true],
                Some("reading") => vec![false],
                Some("changing") => vec![true],
                Some(other) => panic!("--commands reading or --commands changing, not {other}"),
            },
            contenders,
            missing,
        }
    }
}
