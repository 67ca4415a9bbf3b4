//! The tables: medians of the rounds, and ratios within a round.

use std::collections::BTreeMap;

use crate::contenders::Work;
use crate::meter::{Cost, median};

const OURS: &str = "hostler";

/// The costs of a table's runs.
#[derive(Default)]
pub struct Figures {
    /// By the numbers of hosts and commands and whether logins are cheap; then by program and round.
    costs: BTreeMap<(usize, usize, bool), Vec<Measured>>,
    memory: Vec<(Work, &'static str, Cost)>,
}

/// What a program cost in each round.
type Measured = (&'static str, BTreeMap<usize, Cost>);

/// A line's wall and CPU of each round, in seconds.
type Rounds = BTreeMap<usize, (f64, f64)>;

impl Figures {
    pub fn add(&mut self, name: &'static str, work: Work, round: usize, cost: Cost) {
        let of_work = self.costs.entry((work.hosts, work.commands, work.cheap_logins)).or_default();
        match of_work.iter_mut().find(|(other, _)| *other == name) {
            Some((_, rounds)) => {
                rounds.insert(round, cost);
            }
            None => of_work.push((name, BTreeMap::from([(round, cost)]))),
        }
    }

    pub fn add_memory(&mut self, name: &'static str, work: Work, cost: Cost) {
        self.memory.push((work, name, cost));
    }

    pub fn print(&self, title: &str) {
        println!("\n### {title}\n");
        println!("| hosts × commands | connections | program | wall | CPU | hostler's wall is | hostler's CPU is |");
        println!("|---|---|---|---|---|---|---|");
        let mut sizes: Vec<usize> = self.costs.keys().map(|(hosts, _, _)| *hosts).collect();
        sizes.dedup();
        for hosts in sizes {
            for (commands, connections, of, less) in
                [(1, "cold", 1, None), (10, "cold", 10, None), (1, "open", 2, Some(1)), (10, "open", 11, Some(1))]
            {
                let ours = self.rounds(OURS, hosts, of, less);
                for (name, _) in self.costs.get(&(hosts, 1, false)).into_iter().flatten() {
                    let rounds = self.rounds(name, hosts, of, less);
                    if rounds.is_empty() {
                        continue;
                    }
                    let ratio = |of: fn(&(f64, f64)) -> f64| {
                        let both = rounds.iter().filter_map(|(round, cost)| Some(of(ours.get(round)?) / of(cost)));
                        if *name == OURS { String::new() } else { format!("{:.2}", median(&both.collect::<Vec<_>>())) }
                    };
                    let middle = |of: fn(&(f64, f64)) -> f64| median(&rounds.values().map(of).collect::<Vec<_>>());
                    println!(
                        "| {hosts} × {commands} | {connections} | {name} | {:.3} s | {:.3} s | {} | {} |",
                        middle(|cost| cost.0),
                        middle(|cost| cost.1),
                        ratio(|cost| cost.0),
                        ratio(|cost| cost.1)
                    );
                }
            }
        }
        if !self.memory.is_empty() {
            println!("\n| hosts × commands | program | its largest process | all processes |");
            println!("|---|---|---|---|");
        }
        for (Work { hosts, commands, .. }, name, cost) in &self.memory {
            let (largest, together) = (cost.largest as f64 / 1024.0, cost.together as f64 / 1024.0);
            println!("| {hosts} × {commands} | {name} | {largest:.0} MB | {together:.0} MB |");
        }
    }

    /// What `of` commands cost in each round, less what `less` cost in the same.
    fn rounds(&self, name: &str, hosts: usize, of: usize, less: Option<usize>) -> Rounds {
        let costs = |commands: usize| {
            let of_work = self.costs.get(&(hosts, commands, less.is_some())).into_iter().flatten();
            of_work.into_iter().find(|(other, _)| *other == name).map(|(_, rounds)| rounds.clone()).unwrap_or_default()
        };
        let lesser = less.map(costs);
        let difference = |(round, cost): (usize, Cost)| match &lesser {
            None => Some((round, (cost.wall, cost.cpu))),
            Some(lesser) => lesser.get(&round).map(|less| (round, (cost.wall - less.wall, cost.cpu - less.cpu))),
        };
        costs(of).into_iter().filter_map(difference).collect()
    }
}
