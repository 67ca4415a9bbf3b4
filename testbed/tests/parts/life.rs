//! The testbed itself, as who uses it sees it: sites come up and end, guests go down and come up, and what is meant to be
//! other than well is.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use testbed::programs::until;
use testbed::{Agent, Guest, GuestPlan, Node, Plan, Site};

fn plan(name: &str) -> Plan {
    Plan::new(&format!("{name}-{}", std::process::id())).slow(0)
}

/// A call of `qm`, to its end.
fn qm(node: &Node, words: &str) -> Output {
    node.command("qm").unwrap().args(words.split(' ')).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The process of a guest's QEMU, as its node numbers it.
fn process(guest: &Guest) -> String {
    guest.node.exec(&format!("cat /run/qemu-server/{}.pid", guest.vmid)).unwrap()
}

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_guest_goes_down_and_comes_up() {
    let plan =
        plan("life").node("pve1").node("pve2").guest(GuestPlan::new("web1")).guest(GuestPlan::new("web2").on("pve2"));
    let site = Site::up(&plan).unwrap();
    let (pve1, web1) = (site.node("pve1").unwrap(), site.guest("web1").unwrap());

    // Each is reached by its own name, and is who it says.
    for host in ["pve1", "pve2", "web1", "web2"] {
        assert_eq!(site.ssh(host, "hostname").unwrap().trim(), host);
    }
    let boots: BTreeSet<String> = ["pve1", "pve2", "web1", "web2"]
        .map(|host| site.ssh(host, "cat /proc/sys/kernel/random/boot_id").unwrap())
        .into();
    assert_eq!(boots.len(), 4, "{boots:?}");
    assert_eq!(site.ssh("pve1", "qm status 101").unwrap(), "status: running\n");
    let other = qm(pve1, "status 102");
    assert_eq!(other.status.code(), Some(2), "a node does not know the guest of another");
    web1.agent_answers().unwrap();

    // Off by its agent, on again: another system, another process.
    let (old, qemu) = (web1.boot_id().unwrap(), process(web1));
    assert_eq!(qm(pve1, "shutdown 101").status.code(), Some(0));
    assert_eq!(web1.status().unwrap(), "stopped");
    assert!(web1.ssh("true").is_err());
    assert_eq!(qm(pve1, "start 101").status.code(), Some(0));
    web1.answers().unwrap();
    let new = web1.boot_id().unwrap();
    assert_ne!(new, old);
    assert_ne!(process(web1), qemu);
    assert_eq!(web1.starts(), 2);

    // `qm reboot` returns when the guest is off; another process starts it later, once.
    web1.agent_answers().unwrap();
    assert_eq!(qm(pve1, "reboot 101 --timeout 30").status.code(), Some(0));
    assert_eq!(web1.status().unwrap(), "stopped");
    web1.becomes("running", SOON).unwrap();
    web1.answers().unwrap();
    assert_ne!(web1.boot_id().unwrap(), new);
    assert_eq!(web1.starts(), 3);
    let tasks =
        pve1.exec("sed 's/UPID:[^:]*:[^:]*:[^:]*:[^:]*://; s/ [0-9A-F]* / /' /var/log/pve/tasks/index").unwrap();
    let tasks: Vec<&str> = tasks.lines().collect();
    let expected =
        ["qmstart", "qmshutdown", "qmstart", "qmreboot", "qmstart"].map(|kind| format!("{kind}:101:root@pam: OK"));
    assert_eq!(tasks, expected);

    // A restart from inside, and the reset button: another system, the same process.
    for how in ["inside", "reset"] {
        let (old, qemu) = (web1.boot_id().unwrap(), process(web1));
        match how {
            "inside" => drop(web1.ssh("reboot").unwrap()),
            _ => assert_eq!(qm(pve1, "reset 101").status.code(), Some(0)),
        }
        until("another boot", SOON * 2, || web1.boot_id().ok().filter(|now| *now != old)).unwrap();
        assert_eq!((process(web1), web1.starts()), (qemu, 3), "{how}");
    }
    // Its neighbour has noticed nothing.
    assert_eq!(site.guest("web2").unwrap().starts(), 1);
}

#[test]
fn a_fleet_is_restored_from_one_saved_state() {
    let names: Vec<String> = (1..=8).map(|n| format!("web{n}")).collect();
    let plan = names.iter().fold(plan("fleet").node("pve1").node("pve2"), |plan, name| {
        plan.guest(GuestPlan::new(name).on(if name.ends_with(['1', '3', '5', '7']) { "pve1" } else { "pve2" }))
    });
    testbed::site::prepared().unwrap();
    let begun = Instant::now();
    let mut site = Site::up(&plan).unwrap();
    println!("{} guests after {:.1} s", names.len(), begun.elapsed().as_secs_f64());
    let mut boots = BTreeSet::new();
    for guest in site.guests() {
        // Over the known host key, each its own.
        assert_eq!(guest.ssh("hostname").unwrap().trim(), guest.name);
        boots.insert(guest.boot_id().unwrap());
        let log = guest.start_log();
        assert!(log.len() == 1 && log[0].ends_with(" restored"), "{log:?}");
        let theirs: i64 = guest.ssh("date +%s").unwrap().trim().parse().unwrap();
        let ours = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
        assert!((ours - theirs).abs() < 30, "its clock is off by {} s", ours - theirs);
    }
    assert_eq!(boots.len(), names.len());

    // The end of the site is the end of everything in it, and of its files.
    let folder = site.folder.display().to_string();
    let mine = || {
        let entries = std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path().join("cmdline")));
        let words = entries.filter_map(|file| std::fs::read(file).ok()).map(|words| text(&words));
        words.filter(|words| words.contains(&folder)).count()
    };
    assert!(mine() > 8);
    site.down().unwrap();
    until("the end of all processes", SOON, || (mine() == 0).then_some(())).unwrap();
    assert!(!site.folder.exists());
}

#[test]
fn what_is_meant_to_be_wrong_is() {
    let guest = |name: &str| GuestPlan::new(name);
    let plan = plan("faults")
        .node("pve1")
        .guest(guest("silent").but("noagent"))
        .guest(guest("deviceless").agent(Agent::Off))
        .guest(guest("unset").agent(Agent::Unset).but("noacpi"))
        .guest(guest("late").but("late=4"))
        .guest(guest("slow").but("slowagent=8"))
        .guest(guest("empty").agent(Agent::Off).empty())
        .guest(guest("small").memory(80).stopped())
        .guest(guest("stuck").but("stuck"));
    let site = Site::up(&plan).unwrap();
    let node = site.node("pve1").unwrap();
    let vm = |name: &str| site.guest(name).unwrap();
    let stderr = |words: &str| text(&qm(node, words).stderr);
    let id = |name: &str| vm(name).vmid;

    // An agent that comes later than ssh does.
    assert_eq!(stderr(&format!("agent {} ping", id("slow"))), "QEMU guest agent is not running\n");
    vm("slow").agent_answers().unwrap();

    // No agent: by the button instead.
    assert_eq!(stderr(&format!("agent {} ping", id("silent"))), "QEMU guest agent is not running\n");
    let down = qm(node, &format!("shutdown {} --timeout 30", id("silent")));
    let said = format!(
        "QEMU Guest Agent is not running - VM {} qmp command 'guest-ping' failed - got timeout\n",
        id("silent")
    );
    assert_eq!((down.status.code(), text(&down.stdout)), (Some(0), said));
    assert_eq!(stderr(&format!("agent {} ping", id("deviceless"))), "QEMU guest agent is not running\n");
    assert_eq!(qm(node, &format!("shutdown {}", id("deviceless"))).status.code(), Some(0));
    assert_eq!(stderr(&format!("agent {} ping", id("unset"))), "No QEMU guest agent configured\n");

    // It goes on, and is there.
    let ignored = "VM quit/powerdown failed - got timeout\n";
    assert_eq!(stderr(&format!("shutdown {} --timeout 2", id("unset"))), ignored);
    vm("unset").ssh("true").unwrap();
    assert_eq!(stderr(&format!("shutdown {} --timeout 2", id("empty"))), ignored);
    assert_eq!(qm(node, &format!("stop {}", id("empty"))).status.code(), Some(0));

    // Told in vain, and it goes down all the same, later.
    let late = vm("late");
    late.agent_answers().unwrap();
    assert_eq!(stderr(&format!("shutdown {} --timeout 1", late.vmid)), "VM quit/powerdown failed\n");
    assert_eq!(late.status().unwrap(), "running");
    late.becomes("stopped", SOON).unwrap();
    assert_eq!(late.starts(), 1, "nobody starts it");

    // Those that run and never answer.
    assert_eq!(qm(node, &format!("start {}", id("small"))).status.code(), Some(0));
    until("the end of its boot", SOON, || vm("stuck").console().contains("stuck").then_some(())).unwrap();
    for name in ["small", "stuck"] {
        assert_eq!(vm(name).status().unwrap(), "running");
        assert!(vm(name).ssh("true").is_err());
        assert!(!vm(name).console().contains("\nup"));
    }

    // What is wrong can change with the next start.
    let silent = vm("silent");
    silent.next_start(|card| card.words.clear()).unwrap();
    assert_eq!(qm(node, &format!("start {}", silent.vmid)).status.code(), Some(0));
    silent.agent_answers().unwrap();
}

#[test]
fn a_hypervisor_goes_down_with_its_guests() {
    let plan =
        plan("power").node("pve1").node("pve2").guest(GuestPlan::new("web1")).guest(GuestPlan::new("web2").on("pve2"));
    let site = Site::up(&plan).unwrap();
    let (pve1, web1, web2) = (site.node("pve1").unwrap(), site.guest("web1").unwrap(), site.guest("web2").unwrap());
    let boot = site.ssh("pve1", "echo kept >/var/lib/kept; cat /proc/sys/kernel/random/boot_id").unwrap();
    let guest = web1.boot_id().unwrap();

    pve1.kill().unwrap();
    assert!(site.ssh("pve1", "true").is_err() && web1.ssh("true").is_err());
    web2.ssh("true").unwrap();

    pve1.boot().unwrap();
    assert_ne!(site.ssh("pve1", "cat /proc/sys/kernel/random/boot_id").unwrap(), boot);
    assert_eq!(site.ssh("pve1", "cat /var/lib/kept").unwrap(), "kept\n");
    // It is to run when its hypervisor boots.
    web1.answers().unwrap();
    assert_ne!(web1.boot_id().unwrap(), guest);
    assert_eq!((web1.starts(), web2.starts()), (2, 1));
}

#[test]
fn a_site_ends_with_who_made_it() {
    // This test once more, as a process that is killed.
    if let Ok(name) = std::env::var("TESTBED_KILLED") {
        let plan = Plan::new(&name).node("pve1").guest(GuestPlan::new("web1"));
        let site = Site::up(&plan).unwrap();
        println!("holder {}", site.holder());
        std::thread::sleep(Duration::from_secs(600));
        return;
    }
    use std::io::{BufRead as _, BufReader};
    let name = format!("killed-{}", std::process::id());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["life::a_site_ends_with_who_made_it", "--exact", "--nocapture"])
        .env("TESTBED_KILLED", &name)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let holder =
        lines.map_while(|line| line.ok()).find_map(|line| Some(line.split_once("holder ")?.1.to_string())).unwrap();
    let lives = || std::fs::read_to_string(format!("/proc/{holder}/cmdline")).is_ok_and(|words| words.contains(&name));
    assert!(lives());
    child.kill().unwrap();
    child.wait().unwrap();
    until("the end of the site", SOON, || (!lives()).then_some(())).unwrap();
    let _ = std::fs::remove_dir_all(testbed::programs::folder().join("sites").join(&name));
}
