//! Operations whose carriers are killed: nothing is started twice, and what nobody can know is called unknown.
//!
//! At each point of the protocol that the courier's programs name, one who carries it is stopped there and killed, for
//! each who can be; then the same at random moments. How often is for `HOSTLER_KILLS` to say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler::hosts::{Endpoint, Hosts, Operation, Options, Request, Trouble};
use support::{Bed, Node, eventually, reading, sh};

/// Points of the courier's part, in their order, and whether the request, the gate and the result are there by then.
const COURIER: [(&str, [bool; 3]); 8] = [
    ("asked", [false, false, false]),
    ("made", [false, false, false]),
    ("accepted", [true, false, false]),
    ("handed", [true, false, false]),
    ("launched", [true, false, false]),
    ("waited", [true, true, true]),
    ("ended", [true, true, true]),
    ("reply", [true, true, true]),
];

/// Points of the runner.
const RUNNER: [(&str, [bool; 3]); 8] = [
    ("begun", [true, false, false]),
    ("entered", [true, false, false]),
    ("gate", [true, false, false]),
    ("started", [true, true, false]),
    ("durable", [true, true, false]),
    ("ran", [true, true, false]),
    ("coded", [true, true, true]),
    ("done", [true, true, true]),
];

/// Whoever is at this point while it is armed says who it is, and stays until it is killed or let go.
fn stop(name: &str) -> String {
    format!(
        "if mv /root/arm-{name} /root/armed 2>/dev/null; then read -r K9 K8 </proc/self/stat; \
         echo \"$K9 $$\" >/root/victim-; mv /root/victim- /root/victim; \
         while [ -e /root/hold ]; do sleep 0.02; done </dev/null >/dev/null 2>&1 9>&-; fi"
    )
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// The courier's child that carries the request.
    Job,
    Courier,
    Runner,
    /// sshd's process for the session.
    Session,
    /// The controller's ssh.
    Ssh,
    /// The controller; another one asks afterwards.
    Controller,
}

use Victim::{Controller, Courier, Job, Runner, Session, Ssh};

/// The bed's way to its machine, with every point.
fn hosts(bed: &Path, address: &str) -> Hosts {
    let mut points: Vec<(String, String)> = Vec::new();
    for (name, _) in COURIER.iter().chain(&RUNNER) {
        let stop = stop(name);
        points.push((
            name.to_string(),
            match *name {
                "asked" => format!("echo $$ >/root/courier; {stop}"),
                "waited" => format!("echo $? >>/root/waited; {stop}"),
                _ => stop,
            },
        ));
    }
    let options = Options {
        temp: Some(bed.to_path_buf()),
        user_config: bed.join("ssh_config").display().to_string(),
        system_config: bed.join("none").display().to_string(),
        points,
        ask_again: Duration::from_millis(500),
        ..Options::default()
    };
    let endpoint = Endpoint {
        name: "pve".into(),
        address: address.into(),
        port: Some(2222),
        user: Some("root".into()),
        ..Endpoint::default()
    };
    Hosts::new([endpoint], options).unwrap()
}

/// What each start of this says is its number.
fn request(number: u32) -> Request {
    let script = format!("echo {number} >>/root/starts; exit 7");
    let request = reading("pve", &["sh", "-c", &script]);
    let within = support::PATIENCE * 2;
    let operation = Operation::of_step("killed", &number.to_string(), "pve", "web");
    Request { within, operation: Some(Operation { not_after: within, ..operation }), ..request }
}

struct Lane {
    bed: Bed,
    hosts: Hosts,
    shell: &'static str,
    number: u32,
    /// Victim, point and what came of it.
    histogram: BTreeMap<(Victim, &'static str, &'static str), u32>,
    kills: u32,
    /// For times and victims.
    random: u64,
}

impl Lane {
    fn new(shell: &'static str) -> Lane {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let hosts = hosts(&bed.path, &bed.node("pve").address);
        Lane { bed, hosts, shell, number: 0, histogram: BTreeMap::new(), kills: 0, random: 0x9e37_79b9_7f4a_7c15 }
    }

    fn node(&self) -> &Node {
        self.bed.node("pve")
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn request(&mut self) -> Request {
        self.number += 1;
        request(self.number)
    }

    fn starts(&self) -> usize {
        let number = self.number.to_string();
        self.node().read("root/starts").lines().filter(|line| *line == number).count()
    }

    /// Whether request, gate and result of an operation are there.
    fn spool(&self, request: &Request) -> [bool; 3] {
        let ops = self.node().path.join("lib/hostler/ops").join(&request.operation.as_ref().unwrap().id);
        let has = |name: &str, end: &str| {
            fs::read_dir(&ops).into_iter().flatten().flatten().any(|entry| {
                entry.file_name().to_string_lossy().starts_with(name)
                    && fs::read_to_string(entry.path()).unwrap_or_default().trim_end().ends_with(end)
            })
        };
        [has("request", "end"), has("started", ""), has("rc.", "end")]
    }

    /// Kills, and sees that it is dead.
    async fn kill(&self, victim: Victim) -> bool {
        let node = self.node();
        let inside = |file: &str, field: usize| {
            let pids = node.read(file);
            pids.split_whitespace().nth(field).map(str::to_string).into_iter().collect::<Vec<_>>()
        };
        let (pids, is_inside) = match victim {
            Controller => unreachable!("it is killed by who has started it"),
            Job | Runner => (inside("root/victim", 0), true),
            Courier => (inside("root/courier", 0), true),
            Session => (sessions(&self.bed), false),
            Ssh => (clients(node), false),
        };
        if pids.is_empty() {
            return false;
        }
        // One of a connection's processes may end by itself just now; that is none that was killed.
        let line = format!("for p in {}; do kill -9 $p 2>/dev/null && echo $p; done; true", pids.join(" "));
        let killed = if is_inside { node.exec(&line) } else { sh(&line) };
        let dead = |pid: &String| {
            let line = format!("grep -s '^State' /proc/{pid}/status || true");
            let state = if is_inside { node.exec(&line) } else { sh(&line) };
            state.is_empty() || state.contains("Z (zombie)")
        };
        eventually("its death", || pids.iter().all(dead)).await;
        !killed.is_empty()
    }

    async fn at_point(&mut self, point: &'static str, expected: [bool; 3], victim: Victim) {
        let request = self.request();
        let node = self.node();
        // The runner of the one before may still be on its way through the points behind its own.
        eventually("the end of the runner before", || !node.exec("ps -e -o args").contains(".run")).await;
        for file in ["victim", "waited"] {
            let _ = fs::remove_file(node.path.join("root").join(file));
        }
        node.write("root/hold", "");
        node.write(&format!("root/arm-{point}"), "");
        let controller = (victim == Controller).then(|| self.controller());
        let kill = async {
            eventually(point, || node.path.join("root/victim").exists()).await;
            let found = self.spool(&request);
            // What is launched goes on beside us.
            if point != "launched" {
                assert_eq!(found, expected, "{point}");
            }
            let starts = self.starts();
            if let Some(mut controller) = controller {
                controller.kill().unwrap();
                assert_eq!(controller.wait().unwrap().signal(), Some(9));
            } else {
                assert!(self.kill(victim).await, "no {victim:?} at {point}");
            }
            fs::remove_file(node.path.join("root/hold")).unwrap();
            starts
        };
        let asked = async {
            if victim == Controller {
                eventually("its end", || !self.node().path.join("root/hold").exists()).await;
            }
            self.hosts.run(&request).await
        };
        let (result, starts) = tokio::join!(asked, kill);
        let is_runners = RUNNER.iter().any(|(name, _)| *name == point);
        if victim == Runner {
            eventually("its exit status", || !self.node().read("root/waited").is_empty()).await;
            assert!(self.node().read("root/waited").starts_with("137\n"));
        }
        let what = match result {
            Ok(reply) => {
                assert_eq!((reply.code, self.starts()), (7, 1), "{victim:?} at {point} in {}", self.shell);
                "done"
            }
            Err(Trouble::Unknown { why, .. }) => {
                assert!(why.contains("ended without a result"), "{victim:?} at {point}: {why}");
                assert_eq!(self.starts(), starts);
                if starts == 0 { "unknown, not started" } else { "unknown, started" }
            }
            other => panic!("{victim:?} at {point} in {}: {other:?}", self.shell),
        };
        let lost = victim == Runner && expected[1] && !expected[2];
        assert_eq!(what != "done", lost, "{victim:?} at {point}");
        assert!(is_runners || victim != Runner);
        self.again(&request, victim, point, what).await;
    }

    /// A controller of its own that asks for the operation.
    fn controller(&self) -> Child {
        let place = format!("{} {} {}", self.bed.path.display(), self.node().address, self.number);
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "controller_that_is_killed", "--nocapture"])
            .env("HOSTLER_TEST_CONTROLLER", place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Asked for again, it says the same, and is not started.
    async fn again(&mut self, request: &Request, victim: Victim, point: &'static str, what: &'static str) {
        let starts = self.starts();
        for _ in 0..2 {
            match self.hosts.run(request).await {
                Ok(reply) => assert_eq!((reply.code, what), (7, "done")),
                Err(Trouble::Unknown { .. }) => assert_ne!(what, "done"),
                other => panic!("{victim:?} at {point}: {other:?}"),
            }
            assert_eq!(self.starts(), starts);
        }
        assert!(starts <= 1);
        *self.histogram.entry((victim, point, what)).or_default() += 1;
        self.kills += 1;
    }

    async fn at_random(&mut self, victim: Victim) {
        let request = self.request();
        let delay = Duration::from_micros(self.random(60_000));
        let kill = async {
            tokio::time::sleep(delay).await;
            match victim {
                // Found by its words; its kill proves itself, or there was none.
                Runner => !self.node().exec("pkill -9 -f '^sh /dev/shm/.hostler' && echo killed || true").is_empty(),
                _ => self.kill(victim).await,
            }
        };
        let (result, killed) = tokio::join!(self.hosts.run(&request), kill);
        let what = match result {
            Ok(reply) => {
                assert_eq!((reply.code, self.starts()), (7, 1), "{victim:?} at random");
                "done"
            }
            Err(Trouble::Unknown { .. }) if victim == Runner && killed => match self.starts() {
                0 => "unknown, not started",
                1 => "unknown, started",
                more => panic!("{more} starts"),
            },
            other => panic!("{victim:?} at random in {}: {other:?}", self.shell),
        };
        self.again(&request, victim, if killed { "random" } else { "random, too late" }, what).await;
        if !killed {
            self.kills -= 1;
        }
    }
}

/// sshd's processes for sessions, as this machine numbers them.
fn sessions(bed: &Bed) -> Vec<String> {
    let children = |pid: &str| -> Vec<String> {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().map(str::to_string).collect()
    };
    let is_sshd = |pid: &&String| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim() == "sshd";
    let init = bed.node("pve").init().to_string();
    children(&init).iter().find(is_sshd).map(|listener| children(listener)).unwrap_or_default()
}

/// The ssh processes of this machine that lead to a node.
fn clients(node: &Node) -> Vec<String> {
    let to = format!("-- {} ", node.address);
    let processes = sh("ps -e -o pid=,args=");
    let lines = processes.lines().filter(|line| line.contains(&to) && line.contains("ssh"));
    lines.filter_map(|line| line.split_whitespace().next().map(str::to_string)).collect()
}

fn print(lanes: &[Lane]) {
    let mut all: BTreeMap<_, u32> = BTreeMap::new();
    for (key, count) in lanes.iter().flat_map(|lane| &lane.histogram) {
        *all.entry(*key).or_default() += count;
    }
    println!("{:10} {:18} {:22} times", "killed", "at", "what came of it");
    for ((victim, point, what), count) in &all {
        println!("{:10} {point:18} {what:22} {count}", format!("{victim:?}"));
    }
    let kills: u32 = lanes.iter().map(|lane| lane.kills).sum();
    println!("{kills} kills, 0 started twice");
}

/// Not a test of its own: the controller that the next test kills.
#[tokio::test]
async fn controller_that_is_killed() {
    let Ok(place) = std::env::var("HOSTLER_TEST_CONTROLLER") else { return };
    let [bed, address, number] = place.split(' ').collect::<Vec<_>>()[..] else { panic!("{place}") };
    let _ = hosts(Path::new(bed), address).run(&request(number.parse().unwrap())).await;
}

#[tokio::test]
async fn whoever_is_killed_nothing_is_started_twice() {
    let rounds: u32 = std::env::var("HOSTLER_KILLS").map_or(1, |text| text.parse().unwrap());
    // Four at once.
    let lanes = ["dash", "busybox", "bash", "dash"].map(|shell| async move {
        let mut lane = Lane::new(shell);
        for _ in 0..rounds {
            for (point, expected) in COURIER {
                for victim in [Job, Courier, Session, Ssh, Controller] {
                    lane.at_point(point, expected, victim).await;
                }
            }
            for (point, expected) in RUNNER {
                for victim in [Runner, Courier, Session, Ssh, Controller] {
                    lane.at_point(point, expected, victim).await;
                }
            }
            for _ in 0..4 {
                for victim in [Runner, Courier, Session, Ssh] {
                    lane.at_random(victim).await;
                }
            }
        }
        lane
    });
    let [one, two, three, four] = lanes;
    let (one, two, three, four) = tokio::join!(one, two, three, four);
    print(&[one, two, three, four]);
}
