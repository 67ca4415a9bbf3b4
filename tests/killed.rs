//! The controller is killed in the middle of a run over real OpenSSH servers, and another goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not go on should stop"
)]

mod pve;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use pve::{CARD, Site};
use support::until;

/// The lines of a run at which its controller is killed: as soon as one has been printed. What follows is under way.
const MOMENTS: [&str; 8] = [
    "Run ",
    "begins",
    "✓ identity",
    "qm guest cmd 101 ping",
    "✓ baseline",
    "on pve: qm reboot 101",
    "✓ await ssh(guest)",
    "✓ verified",
];

/// How often `qm reboot` was started.
fn reboots(site: &Site) -> usize {
    site.calls().iter().filter(|call| call.contains("reboot")).count()
}

#[test]
fn whenever_the_controller_is_killed_another_goes_on() {
    let site = Site::new();
    let mut histogram = BTreeMap::new();
    let rounds = std::env::var("HOSTLER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(2);
    for round in 0..rounds {
        for moment in MOMENTS {
            let before = (reboots(&site), site.boot_id());
            let mut child = site.command(&["run", "-e", CARD, "--target", "pbs"]).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            let mut said = Vec::new();
            let is_it = |line: String| {
                said.push(line);
                said.last().is_some_and(|line| line.contains(moment))
            };
            assert!(lines.any(is_it), "{moment} is not said:\n{}", said.join("\n"));
            child.kill().unwrap();
            // It was killed, and had not ended before.
            assert_eq!(child.wait().unwrap().signal(), Some(9), "{moment}");
            *histogram.entry(moment).or_insert(0) += 1;

            let resumed = site.hostler(&["resume", "last"]);
            assert_eq!(resumed.code, 0, "round {round}, killed at {moment}:\n{}", resumed.out);
            assert_eq!(reboots(&site), before.0 + 1, "round {round}, killed at {moment}");
            assert_ne!(site.boot_id(), before.1, "the guest has booted");
            assert!(resumed.out.contains(&format!("new boot {}", &site.boot_id()[..8])), "{}", resumed.out);
        }
    }
    println!("killed, by the line that was said last: {histogram:#?}");
    assert_eq!(site.hostler(&["resume"]).out, "no run waits to be resumed\n");
    let verified = site.hostler(&["journal", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.out);
}

#[test]
fn of_two_controllers_one_runs_and_one_is_told_who_holds_the_guest() {
    let site = Site::new();
    let mut first = site.command(&["run", "-e", CARD, "--target", "pbs"]).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    let id = lines.next().unwrap().strip_prefix("Run ").unwrap().to_string();
    assert!(lines.any(|line| line.contains("✓ identity")));
    let second = site.hostler(&["run", "-e", CARD, "--target", "pbs"]);
    assert_eq!(second.code, 1, "{}", second.out);
    assert!(second.out.contains("claim: `pbs` is held by") && second.out.contains(&id), "{}", second.out);
    assert!(second.out.contains(&format!("process {}", first.id())), "{}", second.out);
    assert!(lines.any(|line| line.contains("✓ verified")));
    lines.for_each(drop);
    assert!(first.wait().unwrap().success());
    assert_eq!(reboots(&site), 1);
    // When it is over, the guest is free.
    assert_eq!(site.hostler(&["run", "-e", CARD, "--target", "pbs"]).code, 0);
}

#[test]
fn what_a_dead_controller_held_is_free_for_its_own_run_at_once() {
    let site = Site::new();
    let mut child = site.command(&["run", "-e", CARD, "--target", "pbs"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("on pve: qm reboot 101")));
    child.kill().unwrap();
    child.wait().unwrap();
    let other = site.hostler(&["run", "-e", CARD, "--target", "pbs"]);
    assert_eq!(other.code, 1, "{}", other.out);
    assert!(other.out.contains("is held by"), "{}", other.out);
    let resumed = site.hostler(&["resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.out);
    assert_eq!(reboots(&site), 1);
}

/// The program on a machine with the service that goes on with runs.
fn with_service(site: &Site, arguments: &[&str]) -> Command {
    let folder = site.folder.join("systemd/system");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("hostler-resume.timer"), "").unwrap();
    if !folder.join("hostler-resume.service").exists() {
        let shown = site.command(&["service", "show"]).output().unwrap().stdout;
        let shown = String::from_utf8(shown).unwrap();
        fs::write(folder.join("hostler-resume.service"), shown.split("# hostler-resume.timer").next().unwrap())
            .unwrap();
    }
    let plain = site.command(arguments);
    let mut command = Command::new("unshare");
    let line = "mkdir -p /etc/systemd && mount --bind \"$0\" /etc/systemd && exec \"$@\"";
    command.args(["--mount", "sh", "-c", line]).arg(folder.parent().unwrap()).arg(plain.get_program());
    command.args(plain.get_args()).current_dir(&site.folder).env("XDG_STATE_HOME", site.folder.join("state"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_run_that_takes_down_its_own_machine_is_handed_off_and_goes_on_after_the_boot() {
    let site = Site::new();
    fs::write(site.folder.join("hostler.toml"), "controller = \"pbs\"\n").unwrap();
    let run = ["run", "-e", CARD, "--target", "pbs"];
    let refused = site.hostler(&run);
    assert_eq!(refused.code, 2);
    assert!(refused.out.contains("`hostler service install`"), "{}", refused.out);

    let mut child = with_service(&site, &run).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("on pve: qm reboot 101")));
    // The machine goes down, and its service manager ends everything.
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert!(lines.any(|line| line.contains("the run goes on after its boot")));
    assert_eq!(child.wait().unwrap().code(), Some(75));

    let resumed = site.hostler(&["resume", "--all"]);
    assert_eq!(resumed.code, 0, "{}", resumed.out);
    assert!(resumed.out.contains("✓ verified: new boot"), "{}", resumed.out);
    assert_eq!(reboots(&site), 1);
}

#[test]
fn before_its_machine_goes_down_a_run_is_stopped_like_any_other() {
    let site = Site::new();
    fs::write(site.folder.join("hostler.toml"), "controller = \"pbs\"\n").unwrap();
    let plan = format!("on guest reading within 5m: sleep 300; {CARD}");
    let mut child = with_service(&site, &["run", "-e", &plan, "--target", "pbs"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("sleep 300")));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert!(lines.any(|line| line.contains("INTERRUPTED")));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(reboots(&site), 0);
}

#[test]
fn a_secret_that_a_boot_would_lose_is_an_error_beforehand() {
    let site = Site::new();
    fs::write(site.folder.join("hostler.toml"), "controller = \"pbs\"\n").unwrap();
    let plan = "plan p(token: Secret = env(\"TOKEN\")) for guest in pbs {\n  on guest env T=$token: true\n  on pve: qm reboot $vmid\n}\n";
    fs::write(site.folder.join("p.plan"), plan).unwrap();
    let output = with_service(&site, &["run", "p.plan"]).env("TOKEN", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`TOKEN`") && said.contains("is gone after the boot"), "{said}");
}

#[test]
fn what_was_claimed_on_the_guest_before_does_not_matter_to_a_plan_that_claims_it_on_the_hypervisor() {
    let site = Site::new();
    for _ in 0..3 {
        let ran = site.run("on guest: true");
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
    let ran = site.run(&format!("{CARD}; on guest: true"));
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn a_preflight_rehearses_what_the_service_does_after_the_boot() {
    let site = Site::new();
    fs::write(site.folder.join("hostler.toml"), "controller = \"pbs\"\n").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories/vault_file");
    fs::create_dir(site.folder.join("inventory/host_vars/pbs")).unwrap();
    fs::copy(fixture.join("host_vars/h/vault.yml"), site.folder.join("inventory/host_vars/pbs/vault.yml")).unwrap();
    fs::rename(site.folder.join("inventory/host_vars/pbs.yml"), site.folder.join("inventory/host_vars/pbs/main.yml"))
        .unwrap();
    let password = fixture.join("vault-password.txt");
    let plan = format!("on guest reading stdin $own: wc -c; {CARD}");
    let preflight = |arguments: &[&str]| {
        let mut words = vec!["preflight", "-e", &plan, "--target", "pbs"];
        words.extend(arguments);
        let output = with_service(&site, &words).env("ANSIBLE_VAULT_PASSWORD_FILE", &password).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(out.contains("pve"), "{out}{}", String::from_utf8_lossy(&output.stderr));
        out
    };
    // The password is named in this environment only.
    let out = preflight(&[]);
    assert!(
        out.contains(
            "after the boot, as `hostler-resume.service` goes on with the run: the plan would be refused: `own`"
        ),
        "{out}"
    );
    assert!(out.contains("own"), "{out}");
    let named = password.to_string_lossy();
    let out = preflight(&["--vault-password-file", &named]);
    assert!(!out.contains("after the boot"), "{out}");

    let unit = site.folder.join("systemd/system/hostler-resume.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text.replace("/state", "/elsewhere")).unwrap();
    let out = preflight(&["--vault-password-file", &named]);
    assert!(out.contains("/elsewhere/hostler/runs`, and this one's journal would be in"), "{out}");
    fs::write(&unit, text.replace("hostler\" resume", "gone\" resume")).unwrap();
    let out = preflight(&["--vault-password-file", &named]);
    assert!(out.contains("which is not there"), "{out}");
}

#[test]
fn a_controller_that_was_stopped_past_its_lease_is_refused_by_the_host() {
    let site = Site::new();
    let mut child = site.command(&["run", "-e", CARD, "--target", "pbs"]).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("✓ identity")));
    kill(pid, Signal::SIGSTOP).unwrap();
    assert_eq!(reboots(&site), 0, "it was stopped too late");

    let other = site.hostler(&["run", "-e", CARD, "--target", "pbs"]);
    assert_eq!(other.code, 1, "{}", other.out);
    assert!(other.out.contains("is held by"), "{}", other.out);

    two_minutes_later(&site);
    let other = site.hostler(&["run", "-e", CARD, "--target", "pbs"]);
    assert_eq!(other.code, 0, "{}", other.out);
    assert_eq!(reboots(&site), 1);

    kill(pid, Signal::SIGCONT).unwrap();
    let said: Vec<String> = lines.collect();
    let said = said.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("REFUSED") && said.contains("this command was not started"), "{said}");
    assert_eq!(reboots(&site), 1, "{said}");
    let node = site.bed.node("pve");
    assert_eq!(node.exec("ls /var/lib/hostler/guests/pbs | grep -x on || true"), "", "nothing watches over it");
}

/// By the hypervisor's clock: what was claimed there, and renewed, was so that much earlier.
fn two_minutes_later(site: &Site) {
    site.bed.node("pve").exec(
        "cd /var/lib/hostler/guests/pbs; for f in claim.* lease.*; do [ ! -e $f ] || { read -r b t rest <$f; echo \"$b $((t - 12100)) $rest\" >$f.new; mv $f.new $f; }; done",
    );
}

#[test]
fn nor_does_it_change_anything_in_the_guest() {
    let site = Site::new();
    let plan = format!(
        "on guest: touch /root/one; await file(guest, \"/root/go\") within 10m every 1s; on guest: touch /root/two; {CARD}"
    );
    let mut child = site.command(&["run", "-e", &plan, "--target", "pbs"]).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let guest = site.bed.node("pbs");
    until("the first command", || guest.path.join("root/one").exists());
    kill(pid, Signal::SIGSTOP).unwrap();
    two_minutes_later(&site);
    let other = site.hostler(&["run", "-e", CARD, "--target", "pbs"]);
    assert_eq!(other.code, 0, "{}", other.out);
    guest.write("root/go", "");
    kill(pid, Signal::SIGCONT).unwrap();
    let said: Vec<String> = lines.by_ref().collect();
    let said = said.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("is held by") && said.contains("this command was not started"), "{said}");
    assert!(!guest.path.join("root/two").exists(), "{said}");
    assert_eq!(reboots(&site), 1, "{said}");
}

#[test]
fn a_lock_is_kept_where_the_site_says_for_every_machine_that_runs_plans() {
    let site = Site::new();
    let plan =
        "plan p for guest in pbs\n  lock \"night\"\n{\n  await file(guest, \"/root/go\") within 10m every 1s\n}\n";
    fs::write(site.folder.join("p.plan"), plan).unwrap();
    for setting in ["lock_host", "controller"] {
        fs::write(site.folder.join("hostler.toml"), format!("{setting} = \"pve2\"\n")).unwrap();
        let refused = site.hostler(&["run", "p.plan"]);
        assert_eq!(refused.code, 2, "{}", refused.out);
        let why = format!("`{setting}` names `pve2`, which is no host of the inventory");
        assert!(refused.out.contains(&why), "{}", refused.out);
    }

    fs::write(site.folder.join("hostler.toml"), "lock_host = \"pve\"\n").unwrap();
    let mut first = site.command(&["run", "p.plan"]).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    let id = lines.next().unwrap().strip_prefix("Run ").unwrap().to_string();
    let kept = site.bed.node("pve").path.join("lib/hostler/guests/lock=2fnight/claim.1000000001");
    until("the lock", || kept.exists());
    let second = site.hostler(&["run", "p.plan"]);
    assert_eq!(second.code, 1, "{}", second.out);
    assert!(second.out.contains("the lock \"night\" is held by") && second.out.contains(&id), "{}", second.out);
    site.bed.node("pbs").write("root/go", "");
    lines.for_each(drop);
    assert!(first.wait().unwrap().success());
    assert_eq!(site.hostler(&["run", "p.plan"]).code, 0);
}

/// A `qm` whose snapshots leave a task as Proxmox's do, and whose runner is gone before it has ended.
const SNAPSHOT: &str = r#"#!/bin/sh
[ "$1" = snapshot ] || exec /usr/sbin/qm.bed "$@"
read -r stat </proc/self/stat
set -- ${stat##*) }
if [ -s /root/task ]; then
  read -r task <"/root/task"
  printf 'UPID:pve:%08X:%08X:%08X:qmsnapshot:101:root@pam: %s\n' $$ "${20}" "$(date +%s)" "$task" >>/var/log/pve/tasks/index
fi
kill -9 $PPID
"#;

#[test]
fn what_became_of_a_snapshot_is_found_in_the_hypervisors_list_of_tasks() {
    let site = Site::new();
    let node = site.bed.node("pve");
    node.write("root/qm", SNAPSHOT);
    node.exec("mv /usr/sbin/qm /usr/sbin/qm.bed; install -m 755 /root/qm /usr/sbin/qm");
    // A task of before is not this one's.
    let an_hour_ago = "$(date -d '1 hour ago' +%s)";
    let before = format!("printf 'UPID:pve:1:1:%08X:qmsnapshot:101:root@pam: 1 OK\n' {an_hour_ago}");
    for (task, code, said) in [
        ("6B037442 OK", 0, "`pve` lists it as UPID:pve:"),
        ("6B037442 snapshot feature is not available", 1, "failed, says the list of tasks there: snapshot feature is"),
        ("6B037442 unexpected status", 3, "no task there is known to be it"),
        ("", 3, "no task there is known to be it"),
    ] {
        node.exec(&format!("{before} >/var/log/pve/tasks/index"));
        let line = if task.is_empty() { String::new() } else { format!("{task}\n") };
        node.write("root/task", &line);
        let ran = site.run("on pve: qm snapshot $vmid before");
        assert_eq!(ran.code, code, "{task}: {}", ran.out);
        // A guest of which nobody knows stays claimed for a while.
        node.exec("rm -r /var/lib/hostler/guests");
        let said_it = ran.out.split_whitespace().collect::<Vec<_>>().join(" ").contains(said);
        assert!(said_it, "{task}: {}", ran.out);
    }
}
