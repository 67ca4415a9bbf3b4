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
    let bound = Bound { run: "test()".to_string(), faults: 1, worlds: 10_000, random: 0, seed: 0 };
    explore(code, &Lab::new(code), &[], &bound)
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

/// A plan with a mistake in it, and what is found.
struct Planted {
    what: &'static str,
    plan: &'static str,
    /// What keeps the mistake from doing harm, where the language or a driver does: taken out.
    without: fn(&mut Code),
    rule: &'static str,
    /// What the story shows.
    shows: &'static str,
}

fn nothing(_: &mut Code) {}

fn no_verification(code: &mut Code) {
    *code = (*without(code, Taken::EnsureRunning).unwrap()).clone();
}

const PLANTED: [Planted; 6] = [
    Planted {
        what: "a stop without a start in one recover path",
        plan: "plan p for guest in web {
  try {
    shutdown(guest)
    on hypervisor: mkdir -p /srv/images
    start(guest)
  } recover err {
    if $err.kind == \"failed\" { start(guest) }
    fail \"it did not go well: ${err.message}\"
  }
}
",
        without: no_verification,
        rule: "left to its hypervisor",
        shows: "`mkdir -p /srv/images` on `pve`: its host can not be reached",
    },
    Planted {
        what: "a wait that the old system satisfies",
        plan: "plan p for host in nas {
  on host as root: systemctl reboot
  await ssh(host)
}
",
        without: |code| *code = (*without(&without(code, Taken::Disrupt).unwrap(), Taken::Verify).unwrap()).clone(),
        rule: "not as it is said",
        shows: "is called done, and restarts only after that",
    },
    Planted {
        what: "a command of which nobody knows is begun again",
        plan: "plan p for guest in web {
  try {
    on guest: mkdir /srv/images
  } finally {
    on guest: mkdir /srv/images
  }
}
",
        without: nothing,
        rule: "done twice",
        shows: "is begun again, and nobody knows what became of it before",
    },
    Planted {
        what: "two name servers down at once",
        plan: "plan first for guest in web, bare
  never together web, bare
{
  require ssh(guest)
}

plan second for guest in web, bare
  at most 2 at once
{
  restart(guest)
}

plan main {
  run first()
  run second()
}
",
        without: nothing,
        rule: "both down",
        shows: "`web` and `bare`, its partner, are down at once",
    },
    Planted {
        what: "a pair of which one ended broken while the other is begun",
        plan: "plan first for guest in web
  never together web, bare
{
  restart(guest)
}

plan second for guest in bare {
  restart(guest)
}

plan main {
  try {
    run first()
  } recover err {
    warn \"the first: ${err.message}\"
  }
  run second()
}
",
        without: nothing,
        rule: "both down",
        shows: "`web` does not come up after it",
    },
    Planted {
        what: "a finally that needs the dead hypervisor",
        plan: "plan p for guest in web {
  shutdown(guest)
  try {
    on hypervisor: mkdir -p /srv/images
  } finally {
    start(guest)
  }
}
",
        // The driver does not say how its hypervisor starts a guest by itself, so nobody watches over it.
        without: |code| code.drivers.get_mut("proxmox").unwrap().wake = None,
        rule: "left off",
        shows: "`pve` stands still",
    },
];

#[test]
fn planted_mistakes_are_found_with_a_short_story() {
    for Planted { what, plan, without, rule, shows } in PLANTED {
        let mut mistaken = (*code(plan)).clone();
        without(&mut mistaken);
        let found = explored(&Arc::new(mistaken));
        let story = found.stories.get(rule).unwrap_or_else(|| panic!("{what} is not found: {found:#?}"));
        println!("{what}: {rule}, in {} of {} worlds", found.broken[rule], found.worlds);
        story.lines.iter().for_each(|line| println!("  {line}"));
        println!("  → {}\n{}", story.why, story.test);
        assert!(story.lines.len() <= 12, "{what}: {} lines", story.lines.len());
        let whole = format!("{}\n{}", story.lines.join("\n"), story.why);
        assert!(whole.contains(shows), "{what}:\n{whole}");
    }
}

#[test]
fn a_story_is_a_test_that_fails_until_the_plan_is_mended() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prove");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("inventory")).unwrap();
    std::fs::write(folder.join("inventory/hosts.yml"), lab::INVENTORY).unwrap();
    std::fs::write(folder.join("hostler.toml"), "edition = 2026\n").unwrap();
    let file = folder.join("p.plan");
    let path = file.to_str().unwrap();
    let mut tried = 0;
    for Planted { what, plan, without, rule, .. } in PLANTED {
        // What the language itself prevents has no test.
        if !std::ptr::fn_addr_eq(without, nothing as fn(&mut Code)) {
            continue;
        }
        std::fs::write(&file, plan).unwrap();
        let name: &[&str] = if plan.contains("plan main ") { &["--plan", "main"] } else { &[] };
        let (status, said) = hostler(&[&["prove", path, "--format", "json"], name].concat());
        assert_eq!(status, 1, "{what}: {said}");
        let found: serde_json::Value = serde_json::from_str(&said).unwrap();
        let broken = found["broken"].as_array().unwrap().iter().find(|one| one["rule"] == rule).unwrap();
        let test = broken["test"].as_str().unwrap();
        std::fs::write(&file, format!("{plan}\n{test}")).unwrap();
        let (status, said) = hostler(&["test", path]);
        assert!(status == 1 && !said.contains("nothing like it was about"), "{what}:\n{test}\n{said}");
        let (status, said) = hostler(&["fmt", "--check", path]);
        assert_eq!(status, 0, "{said}");
        // Mended, it is as the rule wants it.
        let mended = match rule {
            "done twice" => plan.replace("finally {\n    on guest: mkdir", "finally {\n    on guest reading: stat"),
            _ => plan
                .replace(
                    "plan second for guest in web, bare\n  at",
                    "plan second for guest in web, bare\n  never together web, bare\n  at",
                )
                .replace(
                    "plan second for guest in bare {",
                    "plan second for guest in bare\n  never together web, bare\n{",
                ),
        };
        assert_ne!(mended, plan);
        std::fs::write(&file, format!("{mended}\n{test}")).unwrap();
        let (_, said) = hostler(&["test", path]);
        let last = test.lines().rev().nth(1).unwrap().trim();
        assert!(!said.contains(last), "{what}:\n{test}\n{said}");
        tried += 1;
    }
    assert_eq!(tried, 3);
}

#[test]
fn a_story_of_chance_keeps_only_what_had_to_go_wrong() {
    let mut by_chance = 0;
    for Planted { what, plan, without, rule, .. } in PLANTED {
        let mut mistaken = (*code(plan)).clone();
        without(&mut mistaken);
        let code = Arc::new(mistaken);
        let bound = Bound { run: "p()".to_string(), faults: 0, worlds: 1, random: 400, seed: 7 };
        let found = explore(&code, &Lab::new(&code), &[], &bound);
        let Some(story) = found.stories.get(rule) else { continue };
        by_chance += 1;
        let faults = |test: &str| test.matches("fault \"").count();
        assert!(faults(&story.test) <= 2, "{what}:\n{}", story.test);
        assert!(!story.test.contains("--seed"), "{what} does not need uncommon times:\n{}", story.test);
    }
    assert!(by_chance >= 4, "{by_chance} of {} are found by chance", PLANTED.len());
}

#[test]
fn chance_is_made_of_a_seed() {
    let arguments = |seed: &'static str| {
        [
            "prove",
            "workflows/rescue.plan",
            "--random",
            "40",
            "--seed",
            seed,
            "--format",
            "json",
            "--now",
            "2026-01-03 22:30",
        ]
    };
    let first = hostler(&arguments("1"));
    assert_eq!(first, hostler(&arguments("1")));
    let (_, other) = hostler(&arguments("2"));
    assert_ne!(first.1, other);
    let found: serde_json::Value = serde_json::from_str(&other).unwrap();
    assert_eq!(found["broken"], serde_json::json!([]));
}
