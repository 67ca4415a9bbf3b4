//! `hostler test`: tests of plans, as a user writes and runs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

fn hostler(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_hostler")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Said { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// A site with the plans that the tests here are about, and one file of tests.
fn site(name: &str, tests: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plan_tests").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("inventory")).unwrap();
    let hosts = "all:\n  hosts:\n    pve:\n  children:\n    webs:\n      hosts:\n        web1: {vmid: 101, hypervisor: pve}\n        web2: {vmid: 102, hypervisor: pve}\n";
    fs::write(folder.join("inventory/hosts.yml"), hosts).unwrap();
    fs::write(folder.join("hostler.toml"), "edition = 2026\ntimezone = \"UTC\"\n").unwrap();
    let plans = "plan again for guest in webs {\n  restart(guest)\n}\n\nplan save for guest in webs {\n  on guest: backupctl run nightly\n}\n\nplan first for guest in webs\n  window \"Sat 22:00-06:00\"\n{\n  restart(guest)\n}\n";
    fs::write(folder.join("plans.plan"), plans).unwrap();
    let uses = "use ./plans.again\nuse ./plans.save\nuse ./plans.first\n\n";
    fs::write(folder.join("tests.plan"), format!("{uses}{tests}")).unwrap();
    folder
}

/// What one test that fails is told.
fn failure(name: &str, body: &str) -> String {
    let folder = site(name, &format!("test \"it\" {{\n{body}\n}}\n"));
    let said = hostler(&folder, &["test", "tests.plan"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("✗ it\n"), "{}", said.stdout);
    said.stdout
}

fn passes(name: &str, body: &str) {
    let folder = site(name, &format!("test \"it\" {{\n{body}\n}}\n"));
    let said = hostler(&folder, &["test", "tests.plan"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("✓ it\n1 test, it passed, in "), "{}", said.stdout);
}

#[test]
fn every_workflow_has_tests_and_they_pass_at_any_pace() {
    let workflows = Path::new(ROOT).join("workflows");
    let plans = |folder: &Path| {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut plans: Vec<String> = files.filter(|name| name.ends_with(".plan")).collect();
        plans.sort();
        plans
    };
    assert_eq!(plans(&workflows), plans(&workflows.join("tests")), "each workflow has a file of tests");
    for seed in ["0", "1", "2", "3"] {
        let said = hostler(&workflows, &["test", "--format", "json", "--seed", seed]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "seed {seed}: {}", said.stdout);
        let report: Value = serde_json::from_str(&said.stdout).unwrap();
        assert!(report["passed"].as_u64() > Some(35), "{}", report["passed"]);
        for file in plans(&workflows) {
            let of_file = |test: &&Value| test["file"] == format!("tests/{file}");
            let count = report["tests"].as_array().unwrap().iter().filter(of_file).count();
            assert!(count >= 2, "{file}: {count}");
        }
    }
}

#[test]
fn what_ran_is_shown_where_something_else_was_expected() {
    let said = failure(
        "ran",
        "  run again() for web1\n  expect never on pve: qm reboot\n  expect 2 times on pve: qm reboot 101\n  expect on pve: qm stop\n  expect on web2: apt-get",
    );
    let line = "          00:00  on pve: qm reboot 101 --timeout 120\n";
    let reboot = format!("expect never on pve: qm reboot\n        it ran once:\n{line}");
    assert!(said.contains(&reboot), "{said}");
    assert!(said.contains(&format!("expect 2 times on pve: qm reboot 101\n        it ran once:\n{line}")), "{said}");
    let stop = "tests.plan:9: expect on pve: qm stop\n        it did not run; `qm` ran otherwise:\n          00:00  on pve: qm guest cmd 101 ping\n";
    assert!(said.contains(stop), "{said}");
    assert!(said.contains("expect on web2: apt-get\n        it did not run, and nothing else ran there\n"), "{said}");
    assert!(said.contains("what happened:\n        00:00  web1  on pve: qm reboot 101"), "{said}");
}

#[test]
fn what_was_said_can_be_expected() {
    let late = "  given web1 { starts_again: false }\n  run again() for web1\n  expect web1 failed\n";
    passes("warned", &format!("{late}  expect web1 warned \"`pve` starts `web1`\"\n  expect warned \"starts\""));
    let said = failure("warned_otherwise", &format!("{late}  expect web1 warned \"late\"\n  expect notified \"done\""));
    assert!(said.contains("expect web1 warned \"late\"\n        `web1` warned: `pve` starts `web1`"), "{said}");
    assert!(said.contains("expect notified \"done\"\n        nothing was notified\n"), "{said}");
}

#[test]
fn an_order_is_shown_as_far_as_it_held() {
    let order = "  run again()\n  expect in order {\n    on pve: qm reboot 102\n    on pve: qm reboot 101\n  }";
    let said = failure("order", order);
    assert!(said.contains("✓   00:"), "{said}");
    assert!(said.contains("✗ on pve: qm reboot 101 did not run after that\n"), "{said}");
    assert!(said.contains("but before: 00:00  on pve: qm reboot 101 --timeout 120\n"), "{said}");
    passes(
        "order_holds",
        "  run again()\n  expect in order {\n    on pve: qm reboot 101\n    on pve: qm reboot 102\n  }",
    );
}

#[test]
fn a_condition_shows_its_two_sides() {
    let said = failure("sides", "  run again() for web1\n  expect power(web1) == \"stopped\"");
    assert!(
        said.contains("expect power(web1) == \"stopped\"\n        left: \"running\"\n        right: \"stopped\"\n"),
        "{said}"
    );
    let off = "  given web1 { power: \"off\" }\n  run again() for web1\n  expect web1 skipped\n  expect free_space(web1, \"/\") > 1GiB";
    let said = failure("no_answer", off);
    assert!(said.contains("no answer"), "{said}");
}

#[test]
fn an_ending_that_nobody_speaks_of_fails_the_test() {
    let body = "  given web1 { agent: \"dead\" }\n  run again() for web1\n  expect never on pve: qm reboot";
    let said = failure("unsaid", body);
    assert!(said.contains("tests.plan:7: run again() for web1\n        `web1` ended refused: agent:"), "{said}");
    assert!(said.contains("and no `expect` speaks of that"), "{said}");
    passes("said", &format!("{body}\n  expect web1 refused \"agent\""));
    // The one that was not begun because of it need not be spoken of.
    passes("not_begun", "  given web1 { agent: \"dead\" }\n  run again()\n  expect web1 refused");
    let said = failure("wrong_reason", &format!("{body}\n  expect web1 refused \"locked\""));
    assert!(said.contains("expect web1 refused \"locked\"\n        `web1` ended refused: agent:"), "{said}");
    let said = failure("no_target", "  run again() for web1\n  expect web2 done");
    assert!(said.contains("`web2` was no target of this run"), "{said}");
}

#[test]
fn every_setting_of_a_machine_is_known_to_the_lab() {
    let docs = fs::read_to_string(Path::new(ROOT).join("docs/testing.md")).unwrap();
    let listed = docs.lines().find(|line| line.starts_with("Its settings are those")).unwrap();
    let names: Vec<&str> = listed.split('`').skip(1).step_by(2).filter(|name| !matches!(*name, "_" | "-")).collect();
    assert!(names.len() > 28, "{names:?}");
    let value = |name: &str| match name {
        "agent" => "\"well\"",
        "power" => "\"on\"",
        "boot_takes" | "locked_for" | "packages_held_for" | "shutdown_takes" => "1s",
        "closed_ports" => "[8006]",
        "free" => "9GiB",
        "ha" | "lock" | "new_kernel" | "start_fails" => "\"\"",
        "name" => "\"web1\"",
        "release" => "8",
        "tasks" | "upgrades" => "0",
        "frozen" | "restart_wanted" | "template" => "false",
        name if name.ends_with("_services") => "[\"cron\"]",
        _ => "true",
    };
    let fields: String = names.iter().map(|name| format!("    {name}: {}\n", value(name))).collect();
    passes("settings", &format!("  given web1 {{\n{fields}  }}\n  run again() for web1\n  expect web1 done"));
    let folder = site("later", &format!("test \"it\" {{\n  given web1 after 1h {{\n{fields}  }}\n  run again()\n}}\n"));
    assert_eq!(hostler(&folder, &["test"]).code, 0);
    // What a setting takes is checked.
    let wrong = site("wrong", "test \"it\" {\n  given web1 { power: \"of\" }\n  run again()\n}\n");
    let said = hostler(&wrong, &["test"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("this is never `\"of\"`") && said.stderr.contains("did you mean `\"off\"`?"),
        "{}",
        said.stderr
    );
    let often = site("often", "test \"it\" {\n  run again()\n  expect 0 times on pve: qm stop\n}\n");
    let said = hostler(&often, &["test"]);
    assert!(said.code == 2 && said.stderr.contains("how often is a whole number from 1 on"), "{}", said.stderr);
    // What only the lab can know is said when the test comes to it.
    let said = failure("release", "  given pve { release: 7 }\n  run again() for web1");
    assert!(said.contains("the lab knows the releases 8 and 9 of Proxmox VE, and not 7"), "{said}");
}

#[test]
fn answers_teach_the_lab_in_their_order() {
    let said = failure("untaught", "  run save() for web1");
    assert!(said.contains("the lab does not know what this command does"), "{said}");
    passes(
        "taught",
        "  answer on webs: backupctl run\n  run save()\n  expect done\n  expect 2 times on webs: backupctl nightly",
    );
    let twice = "  answer on web1 code 3 stderr \"busy\" times 1: backupctl\n  answer on web1 takes 5m: backupctl\n  run save() for web1\n  expect web1 failed \"busy\"\n  run save() for web1\n  expect web1 done";
    passes("twice", twice);
}

#[test]
fn what_goes_wrong_goes_wrong_where_it_is_said() {
    let second =
        "  fault \"stays down\" at 2 on pve: qm reboot\n  run again()\n  expect web1 done\n  expect web2 failed";
    passes("second", second);
    passes(
        "connection",
        "  fault \"unreachable\" at ssh(web1)\n  run again() for web1\n  expect web1 done\n  expect once on pve: qm reboot 101",
    );
    // Every fault that there is can happen.
    for fault in [
        "fails",
        "lost before",
        "lost after",
        "hangs",
        "power lost",
        "freezes",
        "agent dies",
        "switched off",
        "killed",
        "killed for 2h",
        "paused for 2h",
    ] {
        let folder = site(
            &format!("fault_{}", fault.replace(' ', "_")),
            &format!(
                "test \"it\" {{\n  fault \"{fault}\" at on pve: qm reboot\n  run again() for web1\n  expect web1 done\n}}\n"
            ),
        );
        let said = hostler(&folder, &["test"]);
        assert!(
            said.code < 2 && !said.stdout.contains("nothing like it") && !said.stdout.contains("can not happen"),
            "{}{}",
            said.stdout,
            said.stderr
        );
    }
    let said = failure("unused", "  fault \"killed\" at on pve: qm stop\n  run again()");
    assert!(
        said.contains(
            "fault \"killed\" at on pve: qm stop\n        nothing like it was about to happen, so nothing went wrong"
        ),
        "{said}"
    );
}

#[test]
fn a_run_that_is_killed_is_gone_on_with_and_nothing_is_done_twice() {
    passes(
        "killed",
        "  fault \"killed\" at on pve: qm reboot\n  run again()\n  expect done\n  expect 2 times on pve: qm reboot",
    );
}

#[test]
fn the_clock_begins_where_the_test_says() {
    let closed = "test \"closed\" at \"2026-01-07 12:00\" {\n  run first()\n  expect not begun \"window\"\n}\n\ntest \"open\" {\n  run first()\n  expect done\n}\n";
    let said = hostler(&site("clock", closed), &["test"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let said = hostler(&site("no_time", "test \"it\" at \"noon\" {\n  run first()\n}\n"), &["test"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(
        said.stderr.contains("tests.plan:5: `noon` is no time: write it as \"2026-01-03 22:00\""),
        "{}",
        said.stderr
    );
}

#[test]
fn time_passes_while_a_test_waits() {
    let late = "  given web1 { shutdown_takes: 8m }\n  run again(  ) for web1\n  expect web1 failed \"timeout\"\n  await power(web1) == \"stopped\" within 10m\n  await power(web1) == \"running\" within 10m";
    passes("waits", late);
    let said = failure("waits_long", "  run again() for web1\n  await power(web1) == \"stopped\" within 10m");
    assert!(said.contains("`the test` ended failed: still not true after 10m"), "{said}");
}

#[test]
fn a_seed_changes_the_times_and_nothing_else_does() {
    let workflows = Path::new(ROOT).join("workflows");
    let ran = |seed: &str| {
        hostler(&workflows, &["run", "--lab", "--yes", "restart.plan", "--now", "2026-01-03 22:00", "--seed", seed])
            .stdout
    };
    assert_eq!(ran("7"), ran("7"));
    assert_ne!(ran("7"), ran("8"));
    assert_ne!(ran("0"), ran("7"));
    assert!(ran("7").contains(" pihole-backup  done"), "{}", ran("7"));
}

#[test]
fn build_servers_get_xml() {
    let tests = "test \"it <passes> & \\\"quotes\\\"\" {\n  run again() for web1\n  expect done\n}\n\ntest \"it fails\" {\n  run again() for web1\n  expect web1 failed \"a < b\"\n}\n";
    let folder = site("junit", tests);
    let said = hostler(&folder, &["test", "--junit", "report.xml"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let xml = fs::read_to_string(folder.join("report.xml")).unwrap();
    // A reader that did not write it.
    let read = "import sys, xml.etree.ElementTree as tree\nroot = tree.parse(sys.argv[1]).getroot()\nfor suite in root:\n  print(suite.get('name'), suite.get('tests'), suite.get('failures'))\n  for case in suite:\n    failure = case.find('failure')\n    print(case.get('name'), case.get('line'), '-' if failure is None else failure.get('message'))";
    let python = Command::new("python3").args(["-c", read, "report.xml"]).current_dir(&folder).output().unwrap();
    let expected =
        "tests.plan 2 1\nit <passes> & \"quotes\" 5 -\nit fails 10 expect web1 failed \"a < b\": `web1` ended done\n";
    assert_eq!(String::from_utf8_lossy(&python.stdout), expected, "{xml}{}", String::from_utf8_lossy(&python.stderr));
    let said = hostler(&folder, &["test", "--junit", "no/such/report.xml"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("`no/such/report.xml` can not be written"), "{}", said.stderr);
}

#[test]
fn files_with_mistakes_and_without_tests_are_told() {
    let folder = site("mistakes", "test \"it\" {\n  run agin()\n}\n");
    let said = hostler(&folder, &["test"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("did you mean `again`?"), "{}", said.stderr);
    let said = hostler(&folder, &["test", "plans.plan"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("there is no test; docs/testing.md"), "{}", said.stderr);
    let said = hostler(&folder, &["test", "nowhere.plan"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("there is no file `nowhere.plan`"), "{}", said.stderr);
    // A file of tests is nothing to run, and `check` knows its mistakes too.
    let good = site("only", "test \"it\" {\n  run again()\n}\n\ntest \"other\" {\n  run again() for web1\n}\n");
    let said = hostler(&good, &["run", "--lab", "tests.plan"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("`hostler test` runs its tests"), "{}", said.stderr);
    assert_eq!(hostler(&good, &["check", "tests.plan"]).code, 0);
    assert_eq!(hostler(&folder, &["check", "tests.plan"]).code, 2);
    let said = hostler(&good, &["test", "--only", "oth"]);
    assert!(said.stdout.contains("✓ other\n1 test, it passed"), "{}", said.stdout);
    let said = hostler(&good, &["test", "--only", "nothing"]);
    assert_eq!(said.code, 2);
}
