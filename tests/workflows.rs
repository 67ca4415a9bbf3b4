//! Every workflow of `workflows/`, run by the program in the lab as a user would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const WORKFLOWS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows");
/// The guests of the site's inventory, and their numbers on the hypervisor.
const GUESTS: [(&str, &str); 6] = [
    ("grafana", "103"),
    ("bookstack", "104"),
    ("ca", "105"),
    ("npm", "106"),
    ("pihole", "107"),
    ("pihole-backup", "108"),
];

struct Ran {
    code: i32,
    /// What the program shows, line by line.
    lines: Vec<String>,
}

fn hostler(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hostler")).args(arguments).current_dir(WORKFLOWS).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), text)
}

fn run(plan: &str, more: &[&str]) -> Ran {
    let file = format!("{plan}.plan");
    let (code, text) = hostler(&[&["run", "--lab", "--yes", &file], more].concat());
    Ran { code, lines: text.lines().map(str::to_string).collect() }
}

/// What the report says of each guest, in their order: plan, name, result.
fn report(plan: &str, more: &[&str]) -> Vec<(String, String, String)> {
    let file = format!("{plan}.plan");
    let (code, text) = hostler(&[&["run", "--lab", "--yes", "--format", "json", &file], more].concat());
    assert_eq!(code, 0, "{text}");
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let guests = json["guests"].as_array().unwrap();
    guests.iter().map(|guest| (text(&guest["plan"]), text(&guest["name"]), text(&guest["result"]))).collect()
}

impl Ran {
    fn all(&self) -> String {
        self.lines.join("\n")
    }

    /// How often a line contains all of these.
    fn count(&self, texts: &[&str]) -> usize {
        self.lines.iter().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// Where the first line stands that contains all of these.
    fn at(&self, texts: &[&str]) -> usize {
        let found = self.lines.iter().position(|line| texts.iter().all(|text| line.contains(text)));
        found.unwrap_or_else(|| panic!("no line with {texts:?} in\n{}", self.all()))
    }

    /// The command that restarted a guest stands once, after its guards and before its proof.
    fn restarted_once(&self, guest: &str, id: &str) {
        let restart = format!("on pve: qm reboot {id} ");
        assert_eq!(self.count(&[guest, &restart]), 1, "{guest}\n{}", self.all());
        let guards = ["✓ identity:", "✓ unlocked:", "✓ agent:", "✓ baseline:"];
        for guard in guards {
            assert!(self.at(&[&format!("{guest} "), guard]) < self.at(&[guest, &restart]), "{guest}: {guard}");
        }
        assert!(self.at(&[&format!("{guest} "), "✓ verified: new boot"]) > self.at(&[guest, &restart]), "{guest}");
        for never in ["qm stop", "qm reset", "qm shutdown", "qm start"] {
            assert_eq!(self.count(&[&format!("{never} {id}")]), 0, "{guest}: {never}");
        }
    }
}

#[test]
fn every_workflow_checks_clean() {
    let mut plans: Vec<PathBuf> = std::fs::read_dir(WORKFLOWS).unwrap().map(|entry| entry.unwrap().path()).collect();
    plans.retain(|path| path.extension().is_some_and(|ending| ending == "plan"));
    plans.sort();
    assert_eq!(plans.len(), 9, "a workflow without a test? {plans:?}");
    for plan in plans {
        let name = Path::new(&plan).file_name().unwrap().to_str().unwrap().to_string();
        let (code, said) = hostler(&["check", &name]);
        assert_eq!((code, said.as_str()), (0, ""), "{name}");
    }
}

#[test]
fn patch_all_upgrades_and_restarts_every_guest_once() {
    let ran = run("patch_all", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for (guest, id) in GUESTS {
        let name = format!("{guest} ");
        assert_eq!(ran.count(&[&name, "dist-upgrade", "apt-get -y"]), 1, "{guest}");
        ran.restarted_once(guest, id);
        assert!(ran.at(&[&name, "dist-upgrade", "apt-get -y"]) < ran.at(&[guest, &format!("qm reboot {id} ")]));
        assert_eq!(ran.count(&[&format!("{guest}: kernel_before = 6.8.0-41-generic")]), 1, "{guest}");
        assert_eq!(ran.count(&[&format!("{guest}: kernel_after = 6.8.0-45-generic")]), 1, "{guest}");
    }
    // The name servers are never down together, and each answers before the other begins.
    let (first, second) = ("pihole ", "pihole-backup ");
    assert!(ran.at(&[first, "✓ await dns.answers"]) < ran.at(&[second, "begins"]), "{}", ran.all());
    let results = report("patch_all", &[]);
    let names: Vec<&str> = results.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, GUESTS.map(|(name, _)| name));
    assert!(results.iter().all(|(_, _, result)| result == "done"), "{results:?}");
}

#[test]
fn patch_all_restarts_nobody_whose_packages_ask_for_none() {
    // A second time there is nothing to upgrade; `always_restart` says so all the same.
    let ran = run("patch_all", &["--target", "grafana"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.count(&["begins"]), 1, "only the one that is named\n{}", ran.all());
    ran.restarted_once("grafana", "103");
}

#[test]
fn patch_pbs_restarts_it_from_its_hypervisor_and_proves_its_services() {
    let ran = run("patch_pbs", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    ran.restarted_once("pbs", "101");
    let reboot = ran.at(&["qm reboot 101"]);
    assert!(ran.at(&["task list"]) < ran.at(&["apt-get -y", "dist-upgrade"]), "tasks are looked for first");
    for unit in ["proxmox-backup.service", "proxmox-backup-proxy.service"] {
        assert!(ran.at(&["systemctl is-active", unit]) > reboot, "{unit}");
    }
    assert_eq!(ran.count(&["pbs: versions = proxmox-backup-server"]), 1);
    assert_eq!(ran.count(&["notify ops: pbs is patched"]), 1);
    // More room than the lab's disk has.
    let ran = run("patch_pbs", &["--set", "min_free=1TiB"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.count(&["less than 1TiB is free on / of pbs"]).min(1), 1, "{}", ran.all());
    assert_eq!(ran.count(&["qm reboot"]), 0);
}

#[test]
fn patch_ansible_node_stops_and_starts_semaphore_around_the_restart() {
    let ran = run("patch_ansible_node", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    ran.restarted_once("ansible", "102");
    let order = [
        ran.at(&["tar -czf"]),
        ran.at(&["apt-get -y", "dist-upgrade"]),
        ran.at(&["systemctl stop", "semaphore"]),
        ran.at(&["qm reboot 102"]),
        ran.at(&["`ansible`, which drives this run, is down"]),
        ran.at(&["resumed"]),
        ran.at(&["✓ verified: new boot"]),
        ran.at(&["systemctl start semaphore"]),
        ran.at(&["notify ops"]),
    ];
    assert!(order.is_sorted(), "{order:?}\n{}", ran.all());
}

#[test]
fn patch_pve_restarts_the_hypervisor_and_its_guests_come_back() {
    let ran = run("patch_pve", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.count(&["on pve: systemctl reboot"]), 1);
    assert!(ran.at(&["zpool status"]) < ran.at(&["apt-get -y", "dist-upgrade"]));
    assert!(ran.at(&["apt-get -y", "dist-upgrade"]) < ran.at(&["on pve: systemctl reboot"]));
    for (guest, _) in GUESTS {
        assert_eq!(ran.count(&[&format!("`{guest}` answers again")]), 1, "{guest}");
    }
    assert_eq!(ran.count(&["pve: before =", "6.17.2-1-pve"]), 1);
    assert_eq!(ran.count(&["pve: after =", "6.17.4-1-pve"]), 1);
}

#[test]
fn patch_pve_asks_before_it_restarts_everything() {
    let (code, said) = hostler(&["plan", "patch_pve.plan"]);
    assert_eq!(code, 0, "{said}");
    let (asks, restarts) =
        (said.find("confirm \"restart $host and everything"), said.find("→ on pve as root: systemctl reboot"));
    assert!(asks.is_some() && asks < restarts, "{said}");
}

#[test]
fn patch_omv_restarts_bare_metal_by_itself() {
    let ran = run("patch_omv", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let order = [
        ran.at(&["apt-get -y", "dist-upgrade"]),
        ran.at(&["systemctl stop", "smbd"]),
        ran.at(&["on omv: systemctl reboot"]),
        ran.at(&["✓ verified: new boot"]),
        ran.at(&["systemctl is-active", "smbd"]),
    ];
    assert!(order[0] < order[1] && order[1] < order[2] && order[2] < order[3], "{order:?}\n{}", ran.all());
    assert_eq!(ran.count(&["on omv: systemctl reboot"]), 1);
    assert_eq!(ran.count(&[" qm "]), 0, "no hypervisor has a say");
}

#[test]
fn restart_restarts_one_guest_after_the_other() {
    let ran = run("restart", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let mut last = 0;
    for (guest, id) in GUESTS {
        ran.restarted_once(guest, id);
        let (begins, done) = (ran.at(&[&format!(" {guest} "), "begins"]), ran.at(&[&format!(" {guest} "), " done"]));
        assert!(begins > last && done > begins, "{guest}\n{}", ran.all());
        last = done;
    }
}

#[test]
fn rescue_shuts_down_and_starts_and_stops_nobody_who_obeys() {
    let ran = run("rescue", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for (guest, id) in GUESTS {
        assert_eq!(ran.count(&[&format!("on pve: qm shutdown {id} --timeout 120")]), 1, "{guest}");
        assert_eq!(ran.count(&[&format!("on pve: qm start {id}")]), 1, "{guest}");
        assert_eq!(ran.count(&[&format!("on pve: qm stop {id}")]), 0, "{guest}");
        assert_eq!(ran.count(&[&format!(" {guest} "), "✓ verified: new boot"]), 1, "{guest}");
    }
    // 1, then 2, then half of six: the batches follow each other.
    assert!(ran.at(&[" grafana ", " done"]) < ran.at(&[" bookstack ", "begins"]));
    assert!(ran.at(&[" ca ", "begins"]) < ran.at(&[" bookstack ", " done"]));
    assert!(ran.at(&[" bookstack ", " done"]) < ran.at(&[" npm ", "begins"]));
}

#[test]
fn dns_health_only_looks() {
    let ran = run("dns_health", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.count(&["address = 192.0.2.80"]).min(2), 2);
    for power in ["qm ", "systemctl stop", "systemctl restart", "apt-get"] {
        assert_eq!(ran.count(&[power]), 0, "{power}");
    }
}

#[test]
fn monthly_runs_the_plans_in_their_order() {
    let results = report("monthly", &[]);
    let mut plans: Vec<&str> = results.iter().map(|(plan, _, _)| plan.as_str()).collect();
    plans.dedup();
    plans.retain(|plan| *plan != "monthly");
    let order = ["patch_pve", "patch_pbs", "patch_omv", "patch_all", "dns_health", "patch_ansible_node"];
    assert_eq!(plans, order, "{results:?}");
    assert!(results.iter().all(|(_, _, result)| result == "done"), "{results:?}");

    let ran = run("monthly", &[]);
    assert_eq!(ran.code, 0);
    let begins: Vec<usize> = order.iter().map(|plan| ran.at(&[&format!("plan {plan}:")])).collect();
    assert!(begins.is_sorted(), "{begins:?}\n{}", ran.all());
    assert_eq!(ran.count(&["notify ops: the month is patched"]), 1);
    // Once with the hypervisor beneath it, once by itself.
    assert_eq!(ran.count(&["which drives this run, is down"]), 2);
}
