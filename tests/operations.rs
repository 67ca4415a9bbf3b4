//! Operations: what changes something is started at most once, whatever becomes of connections, and its result is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use hostler::hosts::{Hosts, Operation, Options, Request, Trouble};
use support::{Bed, Node, changing, eventually, operation, reading, refused, text};

/// A command that says each of its starts in a file.
const LOGGED: &str = "echo started >>/root/starts; echo out; echo err >&2; exit 7";

fn starts(node: &Node) -> usize {
    node.read("root/starts").lines().count()
}

/// The spool's folder of an operation.
fn spool(node: &Node, request: &Request) -> std::path::PathBuf {
    node.path.join("lib/hostler/ops").join(&request.operation.as_ref().unwrap().id)
}

/// Code at a point of the courier's programs.
fn at(bed: &Bed, points: &[(&str, &str)]) -> Options {
    let points = points.iter().map(|(name, code)| (name.to_string(), code.to_string())).collect();
    Options { points, ..bed.options() }
}

#[tokio::test]
async fn an_operation_is_started_once_and_its_result_is_kept() {
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let request = operation("pve", &["sh", "-c", LOGGED], "1", "web");
        for round in 0..3 {
            let reply = hosts.run(&request).await.unwrap();
            assert_eq!((reply.code, text(&reply).as_str(), reply.stderr.as_slice()), (7, "out\n", &b"err\n"[..]));
            if round == 1 {
                hosts.forget("pve");
            }
        }
        let other = operation("pve", &["sh", "-c", "echo other >>/root/starts"], "1", "web");
        let (_, why) = refused(hosts.run(&other).await);
        assert!(why.contains("Another command stands under the same id"), "{why}");
        assert_eq!(node.read("root/starts"), "started\n", "{shell}");
        println!("{}", node.exec("cd /var/lib/hostler; find . -type f | while read f; do echo \"$f: $(head -c 300 $f | head -3)\"; done"));
        hosts.close().await;
        eventually("the courier's end", || !node.exec("ps -e -o args").contains("hostler")).await;
        assert_eq!(node.exec("ls -A /dev/shm"), "");
    }
}

/// What an operation costs on its host: `cargo test --release --test operations figures -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "figures, not a test"]
async fn figures() {
    const TIMES: u32 = 200;
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let courier = text(&hosts.run(&reading("pve", &["sh", "-c", "echo $PPID; ps -o ppid= -p $PPID"])).await.unwrap());
        let courier: Vec<&str> = courier.split_whitespace().collect();
        // Of the courier and everything that it, and whoever works for it, has waited for.
        let spent = || {
            let stat = node.exec(&format!("cat /proc/{}/stat", courier[1]));
            let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
            fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap() * 10.0).sum::<f64>()
        };
        hosts.run(&changing("pve", &["true"])).await.unwrap();
        for kind in ["reading", "changing"] {
            let (before, began) = (spent(), std::time::Instant::now());
            for _ in 0..TIMES {
                let request = if kind == "reading" { reading("pve", &["true"]) } else { changing("pve", &["true"]) };
                assert_eq!(hosts.run(&request).await.unwrap().code, 0);
            }
            let wall = began.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES);
            println!("{shell} {kind}: {:.1} ms of CPU, {wall:.1} ms", (spent() - before) / f64::from(TIMES));
        }
        if shell == "dash" {
            let line = format!(
                "for n in 1 2 3 4 5 6 7 8 9 10; do ssh -F {}/ssh_config -p 2222 root@{} true; done",
                bed.path.display(),
                node.address
            );
            let began = std::time::Instant::now();
            support::sh(&line);
            println!("ssh: {:.1} ms", began.elapsed().as_secs_f64() * 100.0);
        }
    }
}
