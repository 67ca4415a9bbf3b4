//! Operations: what changes something is started at most once, and its result is kept, whatever becomes of connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hostler::hosts::{Endpoint, Hosts, Options, Request, Trouble};
use support::{Bed, Node, changing, eventually, operation, reading, refused, text};

/// A command that says each of its starts in a file.
const LOGGED: &str = "echo started >>/root/starts; echo out; echo err >&2; exit 7";

/// Holds whoever comes to a point until the file `hold` is gone.
const HOLD: &str = ": >/root/reached; while [ -e /root/hold ]; do sleep 0.02; done";

/// The spool's folder of an operation.
fn spool(node: &Node, request: &Request) -> PathBuf {
    node.path.join("lib/hostler/ops").join(&request.operation.as_ref().unwrap().id)
}

/// Code at points of the courier's programs.
fn at(bed: &Bed, points: &[(&str, &str)]) -> Options {
    let points = points.iter().map(|(name, code)| (name.to_string(), code.to_string())).collect();
    Options { points, changing_at_once: 8, ..bed.options() }
}

fn unknown(result: Result<hostler::hosts::Reply, Trouble>) -> String {
    match result {
        Err(Trouble::Unknown { why, .. }) => why,
        other => panic!("{other:?} is not Unknown"),
    }
}

async fn reached(node: &Node) {
    eventually("the point", || node.path.join("root/reached").exists()).await;
}

fn go_on(node: &Node) {
    std::fs::remove_file(node.path.join("root/hold")).unwrap();
}

#[tokio::test]
async fn an_operation_is_started_once_and_its_result_is_kept() {
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let request = operation("pve", &["sh", "-c", LOGGED], "1", "web");
        for _ in 0..3 {
            let reply = hosts.run(&request).await.unwrap();
            assert_eq!((reply.code, text(&reply).as_str(), reply.stderr.as_slice()), (7, "out\n", &b"err\n"[..]));
            hosts.forget("pve");
        }
        let other = operation("pve", &["sh", "-c", "echo other >>/root/starts"], "1", "web");
        let (_, why) = refused(hosts.run(&other).await);
        assert_eq!(why, "Another command stands under the same id there; this one was not started.");
        let with_env = Request { env: vec![("A".into(), "b".into())], ..request.clone() };
        refused(hosts.run(&with_env).await);
        assert_eq!(node.read("root/starts"), "started\n", "{shell}");
        assert_eq!(node.exec("stat -c %a /var/lib/hostler /var/lib/hostler/ops/*"), "700\n700\n");
        hosts.close().await;
        eventually("the courier's end", || !node.exec("ps -e -o args").contains("hostler")).await;
        assert_eq!(node.exec("ls -A /dev/shm"), "");
    }
}

#[tokio::test]
async fn of_eight_who_ask_for_the_same_one_starts_it() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let bed = Arc::new(bed);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let bed = bed.clone();
            tasks.spawn(async move {
                let hosts = Hosts::new(bed.endpoints(), at(&bed, &[])).unwrap();
                for step in 0..12 {
                    let step = step.to_string();
                    let script = format!("echo {step} >>/root/starts; sleep 0.1; echo {step}");
                    let request = operation("pve", &["sh", "-c", &script], &step, "web");
                    let reply = hosts.run(&request).await.unwrap();
                    assert_eq!((reply.code, text(&reply)), (0, format!("{step}\n")));
                }
                hosts.close().await;
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let steps: Vec<String> = (0..12).map(|step| step.to_string()).collect();
        let starts = bed.node("pve").read("root/starts");
        assert_eq!(starts.lines().collect::<Vec<_>>(), steps, "{shell}");
    }
}

#[tokio::test]
async fn the_gate_opens_once_whoever_comes_to_it() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell), ("root/hold", "")]);
        let node = bed.node("pve");
        let slow = Hosts::new(bed.endpoints(), at(&bed, &[("gate", HOLD)])).unwrap();
        let quick = Hosts::new(bed.endpoints(), at(&bed, &[])).unwrap();
        // One is about to go through when it is called off.
        let cancelled = operation("pve", &["sh", "-c", LOGGED], "cancelled", "web");
        let cancel = async {
            reached(node).await;
            assert_eq!(quick.cancel(&cancelled).await, Ok(true));
            go_on(node);
        };
        let (result, ()) = tokio::join!(slow.run(&cancelled), cancel);
        assert_eq!(refused(result).1, "It was called off before it was started.");
        assert_eq!(node.read("root/starts"), "", "{shell}");

        // One is about to go through when another does, which does not know of it.
        node.exec("rm /root/reached; : >/root/hold");
        let request = operation("pve", &["sh", "-c", LOGGED], "twice", "web");
        let other = async {
            reached(node).await;
            node.exec("rm -r /var/lib/hostler/guests");
            assert_eq!(quick.run(&request).await.unwrap().code, 7);
            go_on(node);
        };
        let (result, ()) = tokio::join!(slow.run(&request), other);
        assert_eq!(result.unwrap().code, 7);
        assert_eq!(node.read("root/starts"), "started\n", "{shell}");
    }
}

#[tokio::test]
async fn a_daemon_that_is_left_behind_is_no_command_that_runs() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    // It keeps every descriptor that it was given.
    let request = operation("pve", &["sh", "-c", "sleep 1000 & ls -l /proc/self/fd | grep -c hostler"], "1", "web");
    let reply = hosts.run(&request).await.unwrap();
    // Standard error, and nothing else of ours; standard output is the pipe.
    assert_eq!((reply.code, text(&reply).as_str()), (0, "1\n"));
    let node = bed.node("pve");
    assert!(node.exec("ps -e -o args").contains("sleep 1000"));
    assert_eq!(hosts.run(&operation("pve", &["true"], "2", "web")).await.unwrap().code, 0);
}

#[tokio::test]
async fn secrets_are_in_no_list_of_processes_and_on_no_disk() {
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell), ("root/hold", "")]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), at(&bed, &[("handed", HOLD)])).unwrap();
        let script = "cat >/dev/null; [ \"$TOKEN\" = canary-4711 ] && until [ -e /root/enough ]; do sleep 0.02; done";
        let request = Request {
            env: vec![("TOKEN".into(), "canary-4711".into())],
            stdin: b"canary-4712".to_vec(),
            ..operation("pve", &["sh", "-c", script, "name"], "1", "web")
        };
        let canaries = |places: &str| node.exec(&format!("grep -rlE 'canary-471[12]' {places} || true"));
        let look = async {
            reached(node).await;
            // On their way they are in memory, where nobody else may look.
            let files = canaries("/dev/shm");
            assert_eq!(files.lines().count(), 2, "{files}");
            assert_eq!(node.exec(&format!("stat -c %a $(dirname {})", files.lines().next().unwrap())), "700\n");
            for file in files.lines() {
                assert_eq!(node.exec(&format!("stat -c %a {file}")), "600\n");
            }
            go_on(node);
            eventually("the command", || node.exec("ps -e -o args").contains("TOKEN")).await;
            // Its words are a script that compares with the one.
            let processes =
                node.exec("ps -e -o args | grep -v TOKEN; cat /proc/*/cmdline | tr '\\0' '\\n' | grep 4712 || true");
            assert!(!processes.contains("canary"), "{processes}");
            assert_eq!(canaries("/dev/shm /run /tmp"), "");
            node.write("root/enough", "");
        };
        let (reply, ()) = tokio::join!(hosts.run(&request), look);
        assert_eq!(reply.unwrap().code, 0);
        let spooled = node.exec("cat /var/lib/hostler/ops/*/*");
        assert!(!spooled.contains("4712") && spooled.contains("env TOKEN\n"), "{spooled}");
        assert_eq!(spooled.matches("4711").count(), 1, "the script's own: {spooled}");
    }
}

#[tokio::test]
async fn a_runner_that_comes_too_late_starts_nothing() {
    for (shell, point) in [("dash", "gate"), ("busybox", "entered"), ("dash", "accepted"), ("busybox", "begun")] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell), ("root/hold", "")]);
        let node = bed.node("pve");
        // The last look at the clock comes after the point of the gate's name.
        let point = if point == "gate" { "entered" } else { point };
        let hosts = Hosts::new(bed.endpoints(), at(&bed, &[(point, HOLD)])).unwrap();
        let mut request = operation("pve", &["sh", "-c", LOGGED], "1", "web");
        request.operation.as_mut().unwrap().not_after = Duration::from_millis(300);
        let wait = async {
            reached(node).await;
            let uptime =
                || std::fs::read_to_string("/proc/uptime").unwrap().split('.').next().unwrap().parse::<u64>().unwrap();
            let now = uptime();
            eventually("the bound to pass", || uptime() > now + 1).await;
            go_on(node);
        };
        let (result, ()) = tokio::join!(hosts.run(&request), wait);
        let (_, why) = refused(result);
        assert_eq!(why, "It got to this too late, and the command was not started.");
        // It is not started later either: the gate is closed.
        request.operation.as_mut().unwrap().not_after = Duration::from_secs(60);
        let (_, why) = refused(hosts.run(&request).await);
        assert_eq!(why, "It was called off before it was started.");
        assert_eq!(node.read("root/starts"), "", "{shell} {point}");
    }
}

#[tokio::test]
async fn on_one_subject_one_operation_is_at_work() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell), ("root/hold", "")]);
        let node = bed.node("pve");
        let mine = Hosts::new(bed.endpoints(), at(&bed, &[])).unwrap();
        let theirs = Hosts::new(bed.endpoints(), at(&bed, &[])).unwrap();
        let long = operation("pve", &["sh", "-c", HOLD], "long", "web 1");
        let others = async {
            reached(node).await;
            let soon = Duration::from_secs(5);
            let busy = Request { within: soon, ..operation("pve", &["sh", "-c", LOGGED], "busy", "web 1") };
            let (_, why) = refused(theirs.run(&busy).await);
            let who = format!("run test {}, long", std::process::id());
            assert_eq!(why, format!("Something else is at work on `web 1` ({who}); this command was not started."));
            assert_eq!(theirs.cancel(&busy).await, Ok(true));
            assert_eq!(theirs.cancel(&long).await, Ok(false));
            // Another guest is another matter.
            assert_eq!(theirs.run(&operation("pve", &["true"], "other", "web 2")).await.unwrap().code, 0);
            // Whoever has time waits for the end.
            let patient = operation("pve", &["sh", "-c", LOGGED], "patient", "web 1");
            let end = async {
                eventually("the request", || spool(node, &patient).join("request").exists()).await;
                go_on(node);
            };
            let (reply, ()) = tokio::join!(theirs.run(&patient), end);
            assert_eq!(reply.unwrap().code, 7);
        };
        let (reply, ()) = tokio::join!(mine.run(&long), others);
        assert_eq!(reply.unwrap().code, 0);
        assert_eq!(node.read("root/starts"), "started\n");
    }
}

#[tokio::test]
async fn a_command_whose_runner_is_gone_is_still_at_work() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell), ("root/hold", "")]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let other = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let orphan = operation("pve", &["sh", "-c", HOLD], "1", "web");
        let kill = async {
            reached(node).await;
            node.exec("pkill -9 -f '^sh /dev/shm/.hostler'");
            let next = Request { within: Duration::from_secs(5), ..operation("pve", &["true"], "2", "web") };
            let (_, why) = refused(other.run(&next).await);
            assert!(why.starts_with("Something else is at work on `web`"), "{why}");
            go_on(node);
        };
        let (result, ()) = tokio::join!(hosts.run(&orphan), kill);
        assert!(unknown(result).contains("ended without a result"));
        assert_eq!(other.run(&operation("pve", &["true"], "3", "web")).await.unwrap().code, 0, "{shell}");
    }
}

#[tokio::test]
async fn a_host_that_went_down_in_between_has_lost_it() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let request = operation("pve", &["sh", "-c", "echo started >>/root/starts; exec sleep 1000"], "1", "web");
    let (result, bed) = tokio::join!(hosts.run(&request), async {
        eventually("its start", || !bed.node("pve").read("root/starts").is_empty()).await;
        bed.reboot("pve");
        bed
    });
    let why = unknown(result);
    assert!(why.starts_with("It had been started, and then the host"), "{why}");
    // It stays unknown, and is not started by being asked for.
    assert_eq!(unknown(hosts.run(&request).await), why);
    assert_eq!(bed.node("pve").read("root/starts"), "started\n");
    // The subject is free.
    assert_eq!(hosts.run(&operation("pve", &["true"], "2", "web")).await.unwrap().code, 0);
}

#[tokio::test]
async fn another_boot_id_is_another_boot() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let request = operation("pve", &["sh", "-c", LOGGED], "1", "web");
        assert_eq!(hosts.run(&request).await.unwrap().code, 7);
        // A result is a result after a boot too; without one, a process of the same number means nothing.
        node.write("boot_id", "00000000-0000-4000-8000-000000000000\n");
        hosts.forget("pve");
        assert_eq!(hosts.run(&request).await.unwrap().code, 7);
        node.exec("cd /var/lib/hostler/ops/*/ && for f in rc.*; do printf '%64s\\n' '' >$f; done");
        unknown(hosts.run(&request).await);
        assert_eq!(node.read("root/starts"), "started\n");
    }
}

#[tokio::test]
async fn what_takes_its_own_machine_down_is_settled_by_the_boot() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("nas", &[("sh", shell)]);
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let mut request = operation("nas", &["sh", "-c", "echo started >>/root/starts; exec sleep 1000"], "1", "nas");
        request.operation.as_mut().unwrap().own_power = true;
        let began = Instant::now();
        assert_eq!(hosts.run(&request).await.unwrap().code, 0);
        assert!(began.elapsed() < Duration::from_secs(20), "the command runs for longer");
        // The answer is there before the command is.
        eventually("its start", || !bed.node("nas").read("root/starts").is_empty()).await;
        assert_eq!(hosts.run(&request).await.unwrap().code, 0);
        bed.reboot("nas");
        assert_eq!(hosts.run(&request).await.unwrap().code, 0);
        assert_eq!(bed.node("nas").read("root/starts"), "started\n");

        // When the reply is lost with the machine, its boot tells.
        let mut second = operation("nas", &["sh", "-c", "echo second >>/root/starts; exec sleep 1000"], "2", "nas");
        second.operation.as_mut().unwrap().own_power = true;
        let hosts = Hosts::new(bed.endpoints(), at(&bed, &[("ended", HOLD)])).unwrap();
        bed.node("nas").write("root/hold", "");
        let (result, bed) = tokio::join!(hosts.run(&second), async {
            eventually("its start", || bed.node("nas").read("root/starts").contains("second")).await;
            bed.reboot("nas");
            bed
        });
        assert_eq!(result.unwrap().code, 0);
        assert_eq!(bed.node("nas").read("root/starts"), "started\nsecond\n");
    }
}

#[tokio::test]
async fn a_spool_that_takes_nothing_refuses_before_anything_is_started() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let mount = "mkdir -p /var/lib/hostler; mount -t tmpfs -o size=256k spool /var/lib/hostler";
        for (number, (spoil, mend, cause)) in [
            ("cat /dev/zero >/var/lib/hostler/fill; true", "rm /var/lib/hostler/fill", "No space left on device"),
            // Room for the request and not for what comes of it.
            ("head -c 220000 /dev/zero >/var/lib/hostler/fill", "rm /var/lib/hostler/fill", "No space left on device"),
            ("mount -o remount,ro /var/lib/hostler", "mount -o remount,rw /var/lib/hostler", "Read-only file system"),
        ]
        .into_iter()
        .enumerate()
        {
            node.exec(&format!("{mount}; {spoil}"));
            let request = operation("pve", &["sh", "-c", LOGGED], &number.to_string(), "web");
            let (_, why) = refused(hosts.run(&request).await);
            assert!(why.starts_with("Its spool can not be written") && why.contains(cause), "{why}");
            assert_eq!(node.read("root/starts"), "");
            // With room it is not too late for it.
            node.exec(mend);
            assert_eq!(hosts.run(&request).await.unwrap().code, 7, "{shell} {cause}");
            assert_eq!(node.read("root/starts"), "started\n");
            node.exec("umount /var/lib/hostler; rm /root/starts");
        }
    }
}

#[tokio::test]
async fn a_full_disk_in_the_middle_keeps_no_result_from_its_place() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let node = bed.node("pve");
    node.exec("mkdir -p /var/lib/hostler; mount -t tmpfs -o size=512k spool /var/lib/hostler");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let request =
        operation("pve", &["sh", "-c", "cat /dev/zero >/var/lib/hostler/fill 2>/dev/null; exit 7"], "1", "web");
    assert_eq!(hosts.run(&request).await.unwrap().code, 7);
    hosts.forget("pve");
    assert_eq!(hosts.run(&request).await.unwrap().code, 7);
}

#[tokio::test]
async fn a_hung_read_keeps_nobody_waiting() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), at(&bed, &[])).unwrap();
    let hung = Request { within: support::PATIENCE, ..reading("pve", &["sleep", "1000"]) };
    let works = async {
        eventually("the hung command", || bed.node("pve").exec("ps -e -o args").contains("sleep 1000")).await;
        for _ in 0..5 {
            assert_eq!(hosts.run(&changing("pve", &["true"])).await.unwrap().code, 0);
        }
    };
    tokio::select! {
        reply = hosts.run(&hung) => panic!("{reply:?}"),
        () = works => {}
    }
}

#[tokio::test]
async fn what_prints_without_end_fills_no_disk() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let node = bed.node("pve");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let script = "echo first; head -c 40000000 /dev/zero; until [ -e /root/enough ]; do echo more; sleep 0.1; done";
    let request = operation("pve", &["sh", "-c", script], "1", "web");
    let look = async {
        let size = || node.exec("du -sk /var/lib/hostler | cut -f1").trim().parse::<u32>().unwrap_or(0);
        eventually("the output", || size() > 30_000).await;
        eventually("the cut", || size() < 3_000).await;
        node.write("root/enough", "");
    };
    let (reply, ()) = tokio::join!(hosts.run(&request), look);
    let reply = reply.unwrap();
    assert_eq!((reply.code, reply.stdout.len(), reply.truncated), (0, 1 << 20, true));
    assert!(reply.stdout.starts_with(b"first\n"));
}

#[tokio::test]
async fn where_systemd_runs_it_starts_the_runner() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let node = bed.node("pve");
    // As systemd starts a service: with an environment of its own, and in another session.
    let stand_in = r#"#!/bin/sh
echo "$*" >>/root/units
[ ! -e /root/broken ] || exit 1
while [ "$1" != sh ]; do shift; done
exec setsid -w env -i INVOCATION_ID=1 LANG=de_DE.UTF-8 CANARY=1 PATH=/bin "$@"
"#;
    node.write("root/systemd-run", stand_in);
    node.exec("mkdir -p /run/systemd/system; install -m 755 /root/systemd-run /usr/bin/systemd-run");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let mut request = operation("pve", &["sh", "-c", "env | sort; pwd; umask; cat; exit 7"], "1", "web");
    request.stdin = b"input".to_vec();
    request.env = vec![("EXTRA".into(), "a b".into())];
    let reply = hosts.run(&request).await.unwrap();
    assert_eq!(
        (reply.code, text(&reply).as_str()),
        (
            7,
            "EXTRA=a b\nHOME=/root\nLC_ALL=C.UTF-8\nLOGNAME=root\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nUSER=root\n/\n0022\ninput"
        )
    );
    let id = &request.operation.as_ref().unwrap().id;
    let unit = format!("--unit=hostler-{id} --service-type=exec -p KillMode=process sh /dev/shm/");
    assert!(node.read("root/units").contains(&unit), "{}", node.read("root/units"));
    assert!(!node.read("root/units").contains("a b") && !node.read("root/units").contains("input"));
    // Without an answer of systemd it is started all the same, once.
    node.write("root/broken", "");
    assert_eq!(hosts.run(&operation("pve", &["sh", "-c", LOGGED], "2", "web")).await.unwrap().code, 7);
    assert_eq!(node.read("root/starts"), "started\n");
}

#[tokio::test]
async fn a_plain_user_has_a_spool_of_its_own() {
    let mut bed = Bed::new();
    bed.start("pve", &[("users", "deploy:1001:/bin/sh\n")]);
    let endpoint = Endpoint { user: Some("deploy".into()), ..bed.endpoint("pve") };
    let hosts = Hosts::new([endpoint], bed.options()).unwrap();
    let reply = hosts.run(&operation("pve", &["id", "-un"], "1", "web")).await.unwrap();
    assert_eq!(text(&reply), "deploy\n");
    let node = bed.node("pve");
    assert_eq!(node.exec("stat -c '%U %a' /home/deploy/.local/state/hostler/ops/*"), "deploy 700\n");
    assert_eq!(node.exec("ls /var/lib"), "");
}

#[tokio::test]
async fn results_that_are_known_go_after_a_day_and_others_stay() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let [old, young, kept, lost, last] =
            ["old", "young", "kept", "lost", "last"].map(|step| operation("pve", &["true"], step, "web"));
        for request in [&old, &young, &kept, &lost] {
            hosts.run(request).await.unwrap();
        }
        for request in [&old, &young, &lost] {
            hosts.acknowledge(request);
            eventually("the mark", || spool(node, request).join("fetched").metadata().is_ok_and(|meta| meta.len() > 0))
                .await;
        }
        let boot = node.read("boot_id").trim().to_string();
        for request in [&old, &lost] {
            std::fs::write(spool(node, request).join("fetched"), format!("{boot} -8640001\n")).unwrap();
        }
        node.exec(&format!(
            "cd {}; for f in rc.*; do printf '%64s\\n' '' >$f; done",
            "/var/lib/hostler/ops/".to_string() + &lost.operation.as_ref().unwrap().id
        ));
        // Looked at once a session, when a result is known.
        hosts.forget("pve");
        hosts.run(&last).await.unwrap();
        hosts.acknowledge(&last);
        eventually("the end of the old one", || !spool(node, &old).exists()).await;
        for request in [&young, &kept, &lost, &last] {
            assert!(spool(node, request).exists());
        }
        eventually("one name", || node.exec("ls /var/lib/hostler/guests/web").lines().count() == 1).await;
        assert_eq!(node.exec("ls /var/lib/hostler/guests/web"), "at.1000000005\n", "{shell}");
        assert_eq!(hosts.run(&operation("pve", &["true"], "next", "web")).await.unwrap().code, 0);
    }
}

#[tokio::test]
async fn what_a_command_printed_leaves_the_host_when_the_controller_keeps_it() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let request = Request {
            env: vec![("TOKEN".into(), "canary-4713".into())],
            ..operation("pve", &["sh", "-c", "echo $TOKEN; echo $TOKEN >&2"], "1", "web")
        };
        assert_eq!(text(&hosts.run(&request).await.unwrap()), "canary-4713\n");
        // Until then it may be asked for again.
        assert_eq!(text(&hosts.run(&request).await.unwrap()), "canary-4713\n");
        hosts.acknowledge(&request);
        let found = || node.exec("grep -r canary /var/lib/hostler /dev/shm /run /tmp || true");
        eventually("its end", || found().is_empty()).await;
        assert_eq!(hosts.run(&request).await.unwrap().code, 0, "{shell}: what became of it is still known");
    }
}
