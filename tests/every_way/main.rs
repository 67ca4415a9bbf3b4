//! Every way through many plans, in a world that branches, held against rules that share nothing with the checker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod choices;
mod commands;
mod corpus;
mod guest;
mod ledger;
mod mutations;
mod oracle;
mod parallel;
mod seen;
mod ways;
mod world;

use std::sync::{Arc, LazyLock};

use corpus::Told;
use hostler::code::Code;
use mutations::{Taken, each_without_one, without};
use oracle::{broken, story};
use parallel::each;
use ways::{MISHAPS, every_way};

/// Every plan of the corpus with its code.
static PLANS: LazyLock<Vec<(Told, Arc<Code>)>> =
    LazyLock::new(|| each(&corpus::corpus(), |told| (told.clone(), told.code())));

/// The first way that breaks a rule, told step by step, and how many ways were gone.
fn first_fault(told: &Told, code: &Arc<Code>, mishaps: usize) -> (Option<String>, usize) {
    let mut fault = None;
    let ways = every_way(code, told.stoppable, mishaps, |way| {
        let broken = broken(told, way);
        if !broken.is_empty() {
            fault = Some(format!("{}: {}\n{}", told.title, broken.join("\n"), story(way)));
        }
        fault.is_some()
    });
    (fault, ways)
}

#[test]
fn no_way_through_any_plan_breaks_a_rule() {
    let began = std::time::Instant::now();
    let found = each(&PLANS, |(told, code)| first_fault(told, code, MISHAPS));
    let all: usize = found.iter().map(|(_, ways)| ways).sum();
    println!("{} plans, {all} ways, {} s", PLANS.len(), began.elapsed().as_secs());
    let faults: Vec<String> = found.into_iter().filter_map(|(fault, _)| fault).collect();
    assert!(faults.is_empty(), "{} plans break rules:\n\n{}", faults.len(), faults.join("\n\n"));
    assert!(PLANS.len() >= 40, "only {} plans", PLANS.len());
}

#[test]
fn taking_out_any_guard_is_noticed() {
    let noticed = each(&Taken::ALL, |taken| {
        let fault = PLANS.iter().find_map(|(told, code)| {
            let (fault, _) = first_fault(told, &without(code, *taken)?, 1);
            fault
        });
        match fault {
            Some(fault) => println!("{taken:?} is missed: {}", fault.lines().next().unwrap_or_default()),
            None => return Some(format!("{taken:?}")),
        }
        None
    });
    let unnoticed: Vec<String> = noticed.into_iter().flatten().collect();
    assert_eq!(unnoticed, [""; 0], "nobody misses these");
}

#[test]
fn taking_out_one_guard_of_one_command_is_noticed() {
    let one_less = |(told, code): &(Told, Arc<Code>)| {
        each_without_one(code).into_iter().map(|(what, code)| (told.clone(), what, code)).collect::<Vec<_>>()
    };
    let less: Vec<_> = PLANS.iter().flat_map(one_less).collect();
    let found = each(&less, |(told, what, code)| {
        let missed = [1, MISHAPS].into_iter().any(|mishaps| first_fault(told, code, mishaps).0.is_some());
        let needless = told.needless.iter().any(|one| one == what);
        (missed == needless).then(|| format!("{}: {what}: missed: {missed}", told.title))
    });
    println!("{} guards, one at a time", less.len());
    let wrong: Vec<String> = found.into_iter().flatten().collect();
    assert_eq!(wrong, [""; 0], "a guard that nobody misses, or one that is said to be needless and is not");
}
