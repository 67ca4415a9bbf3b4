//! The testbed's `qm` against the recorded one: the recordings' calls, in their order, on real guests like those.
//!
//! What is left out: other networks and disks than the testbed has (C8, D14), high availability and odd configurations (F),
//! lost connections (E), and where two processes write at the same moment by chance (D2, G4).

#[path = "../../../tests/conformance/recording.rs"]
#[allow(dead_code, reason = "the lab's test asks more of it")]
mod recording;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use self::recording::Step;
use regex::Regex;
use testbed::programs::until;
use testbed::{Agent, Guest, GuestPlan, Node, Plan, Site};

/// The hypervisor of the recordings, whose guests are off.
fn hypervisor(name: &str, release: &str) -> Site {
    let plan = Plan::new(&format!("recordings-{name}-{}", std::process::id())).node(&format!("pve{release}")).slow(0);
    let guest = |name: &str, vmid| GuestPlan::new(name).vmid(vmid).memory(160).stopped();
    let plan = plan
        .guest(guest("web1", 100))
        .guest(guest("noagent", 101).but("noagent"))
        .guest(guest("noacpi", 102).agent(Agent::Off).but("noacpi"))
        .guest(guest("noagentcfg", 103).agent(Agent::Off))
        .guest(guest("locked", 104))
        .guest(guest("noos", 105).agent(Agent::Off).memory(64).empty());
    let site = Site::up(&plan).unwrap();
    let node = &site.nodes()[0];
    node.set("release", release).unwrap();
    node.exec("for f in /etc/pve/qemu-server/*.conf; do echo 'serial0: socket' >>$f; sed -i '/^onboot/d' $f; done")
        .unwrap();
    site
}

fn vm(site: &Site, vmid: u32) -> &Guest {
    site.guests().iter().find(|guest| guest.vmid == vmid).unwrap()
}

/// It runs and its system is up, its button and its agent too.
fn up(site: &Site, vmid: u32) {
    let guest = vm(site, vmid);
    if guest.status().unwrap() == "stopped" {
        guest.node.exec(&format!("qm start {vmid}")).unwrap();
    }
    if vmid == 105 {
        return;
    }
    guest.answers().unwrap();
    until("its services", Duration::from_secs(30), || guest.ssh("pidof acpid || grep noacpi /run/seed/words").ok())
        .unwrap();
    if vmid == 100 && !guest.ssh("cat /run/seed/words").unwrap().contains("noagent") {
        guest.agent_answers().unwrap();
    }
}

/// It is started anew, and this is other than well.
fn anew(site: &Site, vmid: u32, words: &[&str]) {
    let guest = vm(site, vmid);
    off(site, vmid);
    guest.next_start(|card| card.words = words.iter().map(ToString::to_string).collect()).unwrap();
}

fn off(site: &Site, vmid: u32) {
    vm(site, vmid).node.exec(&format!("qm unlock {vmid}; qm stop {vmid}")).unwrap();
}

/// What was done before a call of the recording.
fn before(site: &Site, step: &Step) {
    let node = &site.nodes()[0];
    let lock = |lock: &str| {
        let conf = "/etc/pve/qemu-server/100.conf";
        node.exec(&format!("sed -i '/^lock:/d' {conf}; echo 'lock: {lock}' >>{conf}")).unwrap();
    };
    match (step.section.as_str(), step.number) {
        // Its system is not up yet.
        ("A5", 2) => {
            anew(site, 100, &["delay=60"]);
            node.exec("qm start 100").unwrap();
        }
        ("A5", 3) => {
            anew(site, 100, &[]);
            up(site, 100);
        }
        ("B1", 4) | ("B4" | "B7" | "D8" | "D11", 0) => up(site, 100),
        ("B2", 1) => vm(site, 100).becomes("running", Duration::from_secs(20)).unwrap(),
        ("B3", 0) => up(site, 100),
        ("B7", 17) => {
            let change = |card: &mut testbed::guest::Card| card.words = vec!["delay=60".to_string()];
            vm(site, 100).next_start(change).unwrap();
        }
        ("C1", 4) => up(site, 101),
        ("C2", 3) => up(site, 103),
        ("C3", 1) => up(site, 102),
        ("C4", 0) => up(site, 105),
        ("C5", 0) => {
            anew(site, 100, &["noagent"]);
            up(site, 100);
        }
        ("C6", 0) => {
            anew(site, 100, &[]);
            up(site, 100);
            node.exec("kill -STOP $(cat /run/qemu-server/100.pid)").unwrap();
        }
        ("C7", 0) => {
            up(site, 100);
            node.exec("kill -KILL $(cat /run/qemu-server/100.pid)").unwrap();
            vm(site, 100).becomes("stopped", Duration::from_secs(10)).unwrap();
        }
        ("D3", _) => {
            off(site, 100);
            up(site, 102);
        }
        ("D9", 0) => {
            off(site, 100);
            node.exec("flock /var/lock/qemu-server/lock-100.conf sleep 30 >/dev/null 2>&1 &").unwrap();
        }
        ("D10", 0) => {
            up(site, 103);
            node.exec("qm set 103 --delete agent").unwrap();
        }
        ("D10", 4) => up(site, 103),
        ("D13", 0) => {
            off(site, 102);
            up(site, 100);
            node.exec("qm suspend 100").unwrap();
        }
        ("G2", 7) => lock("migrate"),
        ("G2", 9) => lock("snapshot"),
        ("G2", 11) => lock("suspended"),
        ("G2", 13) => lock("create"),
        ("G5", 0) => {
            node.exec("qm unlock 100").unwrap();
            up(site, 100);
            node.exec("qm shutdown 100").unwrap();
        }
        ("G9", 0) => {
            anew(site, 100, &["deaf"]);
            up(site, 100);
        }
        // The agent's own command fails, and the button does nothing either.
        ("G10", 0) => {
            anew(site, 100, &["noacpi"]);
            up(site, 100);
            vm(site, 100).ssh("printf '#!/bin/sh\\nexit 1\\n' >/sbin/shutdown").unwrap();
        }
        _ => {}
    }
}

/// What another machine has otherwise: process ids, ages, sizes, counters, its kernel.
fn masked(text: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r"(?m)^(.* (?:running|paused) +\d+ +[\d.]+) \d+ *$", "${1} PID"),
            (r"(?m)^(pid|uptime|mem|memhost): [\d.]+$", "${1}: N"),
            // The load of the recorded machine; this one counts none.
            (r"(?m)^pressure\w+: [\d.]+\n", ""),
            (r#""pid" : \d+"#, "\"pid\" : N"),
            (r"\(PID \d+\)", "(PID N)"),
            (r"after \d+ retries", "after N retries"),
            (r#"("kernel-\w+") : ".*""#, "${1} : K"),
            (r#"("[rt]x-\w+") : \d+"#, "${1} : N"),
            // Addresses that a guest gives itself a while after its start.
            (r#",\s+\{\s+"ip-address" : "fe[^}]*\}"#, ""),
        ];
        rules.into_iter().map(|(rule, by)| (Regex::new(rule).unwrap(), by)).collect()
    });
    let text = RULES.iter().fold(text.to_string(), |text, (rule, by)| rule.replace_all(&text, *by).to_string());
    // In vain a second time the socket itself is not reached; both are no answer.
    text.replace("unable to connect to VM 100 qga socket - timeout after N retries", "got timeout")
}

type Outcome = (i32, String, String);

fn call(node: &Node, step: &Step) -> Outcome {
    use std::io::Write as _;
    let mut command = node.command(&step.words[0]).unwrap();
    command.args(&step.words[1..]).env("LC_ALL", "C");
    let stdin = if step.stdin.is_some() { std::process::Stdio::piped() } else { std::process::Stdio::null() };
    command.stdin(stdin).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), &step.stdin) {
        pipe.write_all(text.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| masked(&String::from_utf8_lossy(bytes));
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Plays sections of a recording, and tells each call that differs.
fn play(site: &Site, file: &str, sections: &[&str], left_out: &[&str]) {
    let node = &site.nodes()[0];
    let steps = recording::read(file);
    let is_played = |step: &&Step| {
        sections.contains(&step.section.as_str()) && !left_out.iter().any(|words| step.words.join(" ").contains(words))
    };
    let steps: Vec<&Step> = steps.iter().filter(is_played).collect();
    let (mut played, mut differ) = (0, Vec::new());
    let mut at = 0;
    while at < steps.len() {
        let together = |step: &&&Step| step.beside.is_some() && step.section == steps[at].section;
        let count = steps[at..].iter().take_while(together).count().max(1);
        let beside = &steps[at..at + count];
        before(site, beside.iter().min_by_key(|step| step.number).unwrap());
        let begun = Instant::now();
        let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
            let run = |step: &Step| {
                std::thread::sleep(Duration::from_millis(step.beside.unwrap_or(0)).saturating_sub(begun.elapsed()));
                call(node, step)
            };
            let threads: Vec<_> = beside.iter().map(|step| scope.spawn(move || run(step))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let recorded = |step: &Step| (step.code, masked(&step.stdout), masked(&step.stderr));
        let mut wanted: Vec<Outcome> = beside.iter().map(|step| recorded(step)).collect();
        let mut got = outcomes.clone();
        if beside.iter().all(|step| step.beside == Some(0)) {
            // Who of those that began in one moment is first, is chance.
            wanted.sort();
            got.sort();
        }
        for ((wanted, got), step) in wanted.iter().zip(&got).zip(beside) {
            played += 1;
            if wanted != got {
                let shown = |outcome: &Outcome| format!("{}\n{}--\n{}", outcome.0, outcome.1, outcome.2);
                let (wanted, got) = (shown(wanted), shown(got));
                differ.push(format!(
                    "{file}:{} {} {}\n< {wanted}\n> {got}",
                    step.line,
                    step.section,
                    step.words.join(" ")
                ));
            }
        }
        at += count;
    }
    println!("{file} {sections:?}: {} of {played} calls agree", played - differ.len());
    assert!(played > 0);
    assert!(differ.is_empty(), "{} calls differ\n{}", differ.len(), differ.join("\n\n"));
}

#[test]
fn wrong_words_and_guests_that_are_off() {
    let site = hypervisor("a", "8");
    play(&site, "pve8-A", &["A2", "A3", "A4", "A5"], &[]);
}

#[test]
fn the_texts_of_the_next_release() {
    let site = hypervisor("a9", "9");
    play(&site, "pve9-A", &["A2", "A3"], &[]);
    play(&site, "pve9-C", &["C1"], &[]);
}

#[test]
fn a_guest_that_runs() {
    let site = hypervisor("b", "8");
    // The recorded machine's own hardware is in its configuration.
    play(&site, "pve8-B", &["B1", "B2", "B3", "B4", "B5", "B7"], &["qm config", "qm pending"]);
}

#[test]
fn guests_that_do_not_listen() {
    let site = hypervisor("c", "8");
    play(&site, "pve8-C", &["C1", "C2", "C3", "C4", "C5", "C6", "C7"], &[]);
    // QEMU does not start, as in C8.
    let guest = vm(&site, 104);
    guest.next_start(|card| card.extra = vec!["-bogus".to_string()]).unwrap();
    let output = guest.node.command("qm").unwrap().args(["start", "104"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "kvm: -bogus: invalid option\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "start failed: QEMU exited with code 1\n");
    assert_eq!((output.status.code(), guest.starts()), (Some(255), 0));
}

#[test]
fn two_commands_at_once() {
    let site = hypervisor("d", "8");
    play(&site, "pve8-D", &["D1", "D3", "D4", "D5", "D8", "D9", "D10", "D11", "D13"], &[]);
}

#[test]
fn locks_and_starts_that_follow_at_once() {
    let site = hypervisor("g", "8");
    play(&site, "pve8-G", &["G1", "G2", "G5", "G7", "G9", "G10", "G11"], &[]);
}
