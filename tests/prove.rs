//! `hostler prove`: a plan with each thing that can go wrong at each of its commands.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that can not go on should stop")]

mod lab;
#[path = "every_way/mutations.rs"]
#[allow(dead_code, reason = "shared with another test")]
mod mutations;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use hostler::code::Code;
use hostler::explore::{Bound, Explored, explore};
use hostler::lab::Lab;
use mutations::{Taken, without};

fn hostler(arguments: &[&str]) -> (i32, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_hostler")).args(arguments).current_dir(root).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn no_single_fault_breaks_a_rule_in_the_workflows() {
    let workflows =
        ["dns_health", "patch_all", "patch_ansible_node", "patch_omv", "patch_pbs", "patch_pve", "rescue", "restart"];
    for name in workflows {
        let (code, said) = hostler(&["prove", &format!("workflows/{name}.plan"), "--now", "2026-01-03 22:30"]);
        println!("{said}");
        assert!(code == 0 && said.contains("no rule was broken"), "{said}");
    }
}

#[test]
fn what_the_lab_does_not_know_is_no_proof() {
    let (_, said) =
        hostler(&["prove", "-e", "on guest: backupctl run nightly", "--target", "pbs", "--site", "workflows"]);
    assert!(said.contains("even when nothing goes wrong:") && said.contains("the lab does not know"), "{said}");
}

#[test]
fn the_same_plan_gives_the_same_worlds() {
    let arguments = ["prove", "workflows/patch_pbs.plan", "--faults", "2", "--worlds", "1000", "--format", "json"];
    let arguments = [&arguments[..], &["--now", "2026-01-03 22:30"]].concat();
    let first = hostler(&arguments);
    assert_eq!(first, hostler(&arguments));
    let found: serde_json::Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!((&found["worlds"], &found["bounded"]), (&1000.into(), &true.into()));
    assert!(found["distinct"].as_u64().unwrap() > 700, "{found}");
}

fn code(plan: &str) -> Arc<Code> {
    let (said, code) = lab::check(plan);
    code.unwrap_or_else(|| panic!("{said:#?}"))
}

fn explored(code: &Arc<Code>) -> Explored {
    explore(code, &Lab::new(code), &[], Bound { faults: 1, worlds: 10_000 })
}

#[test]
fn a_plan_whose_guards_are_taken_out_breaks_a_rule() {
    let restart = code("plan test for guest in web {\n  on hypervisor: qm reboot $vmid\n}\n");
    let again = code(
        "plan test for guest in web {\n  on hypervisor: qm shutdown $vmid\n  on hypervisor: mkdir -p /srv/images\n  on hypervisor: qm start $vmid\n}\n",
    );
    for (code, taken, rule) in
        [(&restart, Taken::Verify, "not as it is said"), (&again, Taken::EnsureRunning, "left to its hypervisor")]
    {
        let whole = explored(code);
        assert!(whole.broken.is_empty(), "{whole:#?}");
        let found = explored(&without(code, taken).unwrap());
        let story = found.stories.get(rule).unwrap_or_else(|| panic!("{taken:?} is not missed: {found:#?}"));
        println!("{taken:?}: {rule}, in {} of {} worlds", found.broken[rule], found.worlds);
        story.lines.iter().for_each(|line| println!("  {line}"));
        println!("  → {}", story.why);
        assert!(story.lines.len() <= 12);
    }
}
