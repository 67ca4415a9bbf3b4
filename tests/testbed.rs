//! The test bed itself: its `qm` behaves as the recorded one, and its guests go down and come up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::fs;

use hostler::hosts::Hosts;
use support::{Bed, Node, changing, eventually, reading, text, until};

/// A recorded call and what it gave.
struct Call {
    line: String,
    out: String,
    err: String,
    code: i32,
}

/// The calls of one section of a recording, by the first word of its heading.
fn section(file: &str, name: &str) -> Vec<Call> {
    let path = format!("{}/tests/transcripts/pve8-{file}.txt", env!("CARGO_MANIFEST_DIR"));
    let recording = fs::read_to_string(path).unwrap();
    let start = recording.find(&format!("### {name} ")).unwrap_or_else(|| panic!("no section {name}"));
    let end = recording[start + 1..].find("### ").map_or(recording.len(), |at| start + 1 + at);
    let mut calls = Vec::new();
    let mut call: Option<Call> = None;
    for line in recording[start..end].lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            call = Some(Call { line: command.trim().into(), out: String::new(), err: String::new(), code: 0 });
        } else if let Some(this) = &mut call {
            let (out, err) = (line.strip_prefix("  out| "), line.strip_prefix("  err| "));
            match (out, err, line.strip_prefix("  rc=")) {
                (Some(text), ..) => this.out.push_str(&format!("{text}\n")),
                (_, Some(text), _) => this.err.push_str(&format!("{text}\n")),
                (.., Some(rest)) => {
                    this.code = rest.split(' ').next().unwrap().parse().unwrap();
                    calls.extend(call.take());
                }
                _ => {}
            }
        }
    }
    assert!(!calls.is_empty(), "{name}");
    calls
}

/// The words of a recorded line; it was printed without its quotes.
fn words(line: &str) -> Vec<&str> {
    match line.split_once(" sh -c ") {
        Some((before, script)) => before.split(' ').chain(["sh", "-c", script.trim_matches('\'')]).collect(),
        None => line.split(' ').collect(),
    }
}

/// What differs from run to run: process ids, times and sizes.
fn timeless(text: &str) -> String {
    let pid = regex::Regex::new(r#"(PID |"pid" : |pid: |mem: |uptime: )\d+|(0\.00 )\d+ +"#).unwrap();
    // The recorded guest's shell was busybox's, which counts no lines.
    pid.replace_all(text, "${1}${2}N").replace("\"sh: 1: ", "\"sh: ")
}

/// Calls the stand-in as each recorded call does, and compares. What the bed can not have is left out by its words.
fn play(node: &Node, calls: &[Call], left_out: &[&str]) {
    let mut played = 0;
    for call in calls.iter().filter(|call| !left_out.iter().any(|words| call.line.contains(words))) {
        let output = node.output(&words(&call.line));
        let got = (
            timeless(&String::from_utf8_lossy(&output.stdout)),
            timeless(&String::from_utf8_lossy(&output.stderr)),
            output.status.code(),
        );
        let recorded = (timeless(&call.out), timeless(&call.err), Some(call.code));
        assert_eq!(got, recorded, "$ {}", call.line);
        played += 1;
    }
    assert!(played > 0);
}

/// The hypervisor of the recordings, with short waits.
fn pve8(bed: &mut Bed) -> &Node {
    let mut files: Vec<(String, String)> = vec![
        ("hypervisor".into(), String::new()),
        ("lock_timeout".into(), "0.5".into()),
        ("ping_timeout".into(), "0.1".into()),
    ];
    for (id, name, agent, memory) in [
        (100, "web1", 1, 160),
        (101, "noagent", 1, 160),
        (102, "noacpi", 0, 160),
        (103, "noagentcfg", 0, 160),
        (104, "locked", 1, 160),
        (105, "noos", 0, 64),
    ] {
        let conf = format!("agent: {agent}\ncores: 1\nmemory: {memory}\nname: {name}\n");
        files.push((format!("pve/nodes/pve8/qemu-server/{id}.conf"), conf));
    }
    for (id, file, value) in [(101, "agent", "none"), (102, "acpi", "ignored"), (105, "acpi", "ignored")] {
        files.push((format!("vms/{id}/{file}"), value.into()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    bed.start("pve8", &files)
}

/// A guest that runs and whose system is up.
fn started(node: &Node, id: u32) {
    node.exec(&format!("qm start {id}"));
    is_up(node, id);
}

fn is_up(node: &Node, id: u32) {
    until("the guest's system", || node.path.join(format!("run/qemu-server/{id}.up")).exists());
}

#[test]
fn qm_without_a_guest_and_with_wrong_words() {
    let mut bed = Bed::new();
    let node = pve8(&mut bed);
    for name in ["A2", "A3"] {
        play(node, &section("A", name), &[]);
    }
    play(node, &section("A", "A4"), &["qm start 100 --timeout 0"]);
    // Started with the shortest time, as at the end of A4: its system is not up yet when the shutdown comes.
    node.write("vms/100/boot_delay", "30");
    node.exec("qm start 100 --timeout 0");
    play(node, &section("A", "A5"), &["qm monitor"]);
}

#[test]
fn qm_with_a_running_guest() {
    let mut bed = Bed::new();
    let node = pve8(&mut bed);
    let b1 = section("B", "B1");
    play(node, &b1[..1], &[]);
    is_up(node, 100);
    // Machine and network of the recorded guest, and a pipe into qm.
    let left_out = ["network-get-interfaces", "qm config", "qm pending", "pass-stdin", "echo hello |"];
    play(node, &b1[1..], &left_out);
    play(node, &section("B", "B2"), &["qm status"]);
    // The start comes after the return: seen as stopped first, then as running.
    assert_eq!(node.exec("qm status 100"), "status: stopped\n");
    until("qmeventd's start", || node.exec("qm status 100") == "status: running\n");
    is_up(node, 100);
    for name in ["B3", "B4", "B5"] {
        play(node, &section("B", name), &[]);
    }
    started(node, 100);
    let b7 = section("B", "B7");
    // Between these two the guest had no time to come up.
    let (calls, rest) = b7.split_at(b7.iter().position(|call| call.line == "qm start 100 --skiplock 1").unwrap());
    play(node, calls, &["qm destroy"]);
    for (file, value) in [("boot_delay", "30"), ("acpi", "ignored")] {
        node.write(&format!("vms/100/{file}"), value);
    }
    play(node, rest, &[]);
}

#[test]
fn qm_with_guests_that_do_not_listen() {
    let mut bed = Bed::new();
    let node = pve8(&mut bed);
    for (name, id) in [("C1", 101), ("C2", 103), ("C3", 102)] {
        let calls = section("C", name);
        play(node, &calls[..1], &[]);
        is_up(node, id);
        play(node, &calls[1..], &[]);
    }
    started(node, 105);
    play(node, &section("C", "C4"), &[]);
    node.write("vms/100/agent", "none");
    started(node, 100);
    play(node, &section("C", "C5"), &[]);
    started(node, 100);
    node.exec("kill -9 $(cat /run/qemu-server/100.pid)");
    until("the end of QEMU", || node.exec("qm status 100") == "status: stopped\n");
    let c7 = section("C", "C7");
    play(node, &c7[..2], &[]);
    play(node, &c7[2..], &[]);
}

#[test]
fn qm_with_stopped_locked_and_deaf_guests() {
    let mut bed = Bed::new();
    let node = pve8(&mut bed);
    play(node, &section("G", "G1"), &[]);
    // The recording sets each lock between the calls.
    for call in section("G", "G2") {
        if let Some(lock) = call.err.strip_prefix("VM is locked (").and_then(|rest| rest.strip_suffix(")\n")) {
            node.exec(&format!("qm set 100 --lock {lock}"));
        } else if call.out.starts_with("Resuming suspended VM") {
            node.exec("qm set 100 --lock suspended");
        }
        play(node, &[call], &[]);
    }
    node.exec("qm unlock 100");
    node.write("vms/100/agent", "deaf");
    started(node, 100);
    play(node, &section("G", "G9"), &[]);
    node.write("vms/100/start_fails", "kvm: -bogus: invalid option");
    let call = Call {
        line: "qm start 100".into(),
        out: "kvm: -bogus: invalid option\n".into(),
        err: "start failed: QEMU exited with code 1\n".into(),
        code: 255,
    };
    play(node, &[call], &[]);
}

#[test]
fn a_second_command_waits_for_the_guests_lock() {
    let mut bed = Bed::new();
    let node = pve8(&mut bed);
    started(node, 102);
    // As in the recording D3: the guest ignores the button, and its lock is held for the whole wait.
    node.exec("qm shutdown 102 --timeout 3 >/dev/null 2>&1 & echo");
    until("the first one's lock", || {
        node.calls().iter().any(|call| call == "shutdown 102 --timeout 3")
            && !node.output(&["flock", "-n", "/var/lock/qemu-server/lock-102.conf", "true"]).status.success()
    });
    let call = Call {
        line: "qm shutdown 102 --timeout 15".into(),
        out: "trying to acquire lock...\n".into(),
        err: "can't lock file '/var/lock/qemu-server/lock-102.conf' - got timeout\n".into(),
        code: 255,
    };
    play(node, &[call], &[]);
}

/// The line that the project began with, by hand: reboot the guest from its hypervisor, see the new boot over ssh.
#[tokio::test]
async fn a_guest_is_rebooted_from_its_hypervisor() {
    let mut bed = Bed::new();
    bed.add_guest("pve", 101, "pbs", &[]);
    bed.start("pve", &[("hypervisor", ""), ("autostart", "101"), ("vms/101/start_delay", "0.7")]);
    bed.node("pbs").answers();
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let old = hosts.greet_fresh("pbs").await.unwrap();
    let look = "cat /etc/pve/qemu-server/$1.conf; p=$(cat /run/qemu-server/$1.pid) && cat /proc/$p/stat";
    let look = reading("pve", &["sh", "-c", look, "look", "101"]);
    let seen = text(&hosts.run(&look).await.unwrap());
    assert!(seen.contains("name: pbs\n") && seen.contains(" (kvm) "), "{seen}");

    hosts.forget("pbs");
    let reply = hosts.run(&changing("pve", &["qm", "reboot", "101", "--timeout", "20"])).await.unwrap();
    assert_eq!(reply.code, 0, "{}", String::from_utf8_lossy(&reply.stderr));
    // `qm` returned when the guest was off: nobody answers, until the start comes later.
    assert!(hosts.greet_fresh("pbs").await.is_err());
    let mut new = None;
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while new.is_none() && std::time::Instant::now() < deadline {
        new = hosts.greet_fresh("pbs").await.ok();
    }
    assert_ne!(new.unwrap().boot_id, old.boot_id);
    let ping = hosts.run(&reading("pve", &["qm", "agent", "101", "ping"])).await.unwrap();
    assert_eq!(ping.code, 0, "{}", String::from_utf8_lossy(&ping.stderr));
    assert_ne!(text(&hosts.run(&look).await.unwrap()), seen, "QEMU is another process");
    let calls = bed.node("pve").calls();
    assert_eq!(calls, ["start 101", "reboot 101 --timeout 20", "start 101", "agent 101 ping"]);

    // Its hypervisor's end is its end.
    bed.kill("pve");
    eventually("the guest's end", || std::net::TcpStream::connect((bed.node("pbs").address.as_str(), 2222)).is_err())
        .await;
}
