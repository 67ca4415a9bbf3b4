//! How long a plan can take: each guest, all of them, and the statement that takes longest.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use std::sync::Arc;

use hostler::code::Code;

const MINUTE: u64 = 60_000;

fn plan(clauses: &str, statements: &str) -> Arc<Code> {
    let (said, code) = lab::check(&format!("plan test for guest in guests {clauses}\n{{\n{statements}\n}}\n"));
    code.unwrap_or_else(|| panic!("{said:#?}"))
}

/// Minutes of all four guests, each of which takes ten. Three are on one hypervisor.
fn altogether(clauses: &str) -> u64 {
    plan(clauses, "on guest within 10m: work").plan().altogether / MINUTE
}

#[test]
fn the_schedule_says_how_long_all_take_together() {
    assert_eq!(altogether(""), 40);
    assert_eq!(altogether("at most 2 at once"), 20);
    assert_eq!(altogether("at most 3 at once"), 20);
    assert_eq!(altogether("at most 4 at once"), 10);
    assert_eq!(altogether("at most 4 at once\n at most 1 per hypervisor"), 30);
    assert_eq!(altogether("at most 4 at once\n never together web, files"), 20);
    assert_eq!(altogether("batches 1, 2"), 30);
    assert_eq!(altogether("batches 1, 75%"), 20);
}

fn longest(statements: &str) -> u64 {
    plan("", statements).plan().longest[0] / MINUTE
}

#[test]
fn every_wait_and_every_attempt_counts() {
    assert_eq!(longest("on guest within 10m: work\nawait ssh(guest) within 3m"), 13);
    assert_eq!(longest("on guest within 10m retry 3 every 1m: work"), 32);
    assert_eq!(longest("retry 2 every 4m { on guest within 10m: work }"), 24);
    assert_eq!(longest("for n in [1, 2, 3] { on guest within 2m: work }"), 6);
    assert_eq!(longest("if ssh(guest) { on guest within 2m: work } else { on guest within 7m: work }"), 7);
    assert_eq!(longest("try { on guest within 2m: work } recover err { on guest within 3m: work }"), 5);
    assert_eq!(longest("on guest within 4m: touch /x\nawait ssh(guest) within 1m"), 5);
    assert_eq!(longest("await ssh(guest) within 3h"), 180);
    assert_eq!(plan("deadline 1h", "await ssh(guest) within 3h").plan().longest[0] / MINUTE, 81);
}

#[test]
fn a_guest_that_is_left_to_be_verified_takes_that_time_too() {
    let (_, code) = lab::check("plan test for guest in web { on hypervisor within 4m: qm reboot $vmid }");
    assert_eq!(code.unwrap().plan().longest[0] / MINUTE, 4 + 1 + 17);
    let verified = "await ssh(guest) within 5m\nawait agent(guest) within 1m";
    let plan = format!("plan test for guest in web {{ on hypervisor within 4m: qm reboot $vmid\n{verified} }}");
    assert_eq!(lab::check(&plan).1.unwrap().plan().longest[0] / MINUTE, 4 + 1 + 6);
}

#[test]
fn the_statement_that_can_take_longest_is_named() {
    let code = plan("", "await ssh(guest) within 20m\nfor n in [1, 2, 3] {\n  on guest within 9m: work\n}");
    let (mark, ms) = code.plan().costliest.clone().unwrap();
    assert_eq!((mark.text.as_str(), mark.place.as_str(), ms / MINUTE), ("on guest within 9m: work", "test.plan:5", 27));
}

#[test]
fn each_host_takes_as_long_as_its_own_values_say() {
    let plan = "plan test for guest in web, files, web
  needs patience: Duration
{
  await ssh(guest) within $patience
  work(guest, $patience)
}
task work(guest: Guest, most: Duration) { on guest within $most: work }
";
    let code = lab::check(plan).1.unwrap();
    assert_eq!((code.plan().longest.as_slice(), code.plan().altogether), (&[4 * MINUTE, 10 * MINUTE][..], 14 * MINUTE));
}
