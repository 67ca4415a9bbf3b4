//! What commands cost on their host: `cargo xtask bench operations`.
//!
//! CPU is that of the host's processes: of the courier, or of the session of ssh's server, and all that they started
//! and waited for. Logins are not in it, except where each command has one of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "not the product"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use hostler::hosts::{Hosts, Request};
use support::{Bed, Node, changing, reading, sh};

/// How often each is carried out in a round.
const TIMES: u32 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    // `cargo test --benches` runs it too, and has no use for it.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    let rounds = words.iter().position(|word| word == "--rounds").map_or(3, |at| words[at + 1].parse().unwrap());
    println!("| the host's shell | command | CPU of the host | wall | of ssh over a master |");
    println!("|---|---|---|---|---|");
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        // What answers is a child of the courier, and of the session's own shell behind a master.
        let courier = hosts.run(&reading("pve", &["sh", "-c", "ps -o ppid= -p $PPID"])).await.unwrap();
        let courier = String::from_utf8(courier.stdout).unwrap().trim().to_string();
        let ssh = format!("ssh -F {}/ssh_config -p {} root@{}", bed.path.display(), node.port, node.address);
        let master = format!("{ssh} -o ControlPath={}/master", bed.path.display());
        sh(&format!("{master} -o ControlMaster=yes -o ControlPersist=yes true"));
        let session = sh(&format!("{master} 'echo $PPID'")).trim().to_string();
        let mut rows: Vec<[(f64, f64); 4]> = Vec::new();
        for _ in 0..rounds {
            let read = measured(node, &courier, ours(&hosts, reading)).await;
            let change = measured(node, &courier, ours(&hosts, changing)).await;
            let over_master = measured(node, &session, theirs(&format!("{master} true"), TIMES)).await;
            let began = Instant::now();
            theirs(&format!("{ssh} true"), 10).await;
            let cold = (f64::NAN, began.elapsed().as_secs_f64() * 100.0);
            rows.push([over_master, read, change, cold]);
        }
        sh(&format!("{master} -O exit 2>/dev/null"));
        for (at, what) in ["ssh over a master", "reading", "changing", "ssh, a login each"].iter().enumerate() {
            let of = |pick: fn((f64, f64)) -> f64| median(rows.iter().map(|row| pick(row[at])).collect());
            let ratio = median(rows.iter().map(|row| row[at].1 / row[0].1).collect());
            let cpu = of(|cost| cost.0);
            let cpu = if cpu.is_nan() { String::new() } else { format!("{cpu:.1} ms") };
            println!("| {shell} | {what} | {cpu} | {:.1} ms | {ratio:.2} |", of(|cost| cost.1));
        }
    }
}

/// CPU of a process on the host and of all that it has waited for, and wall, in milliseconds a command.
async fn measured(node: &Node, process: &str, work: impl Future<Output = ()>) -> (f64, f64) {
    let spent = || {
        let stat = node.exec(&format!("cat /proc/{process}/stat"));
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // In hundredths of a second.
        fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap() * 10.0).sum::<f64>()
    };
    let (before, began) = (spent(), Instant::now());
    work.await;
    let wall = began.elapsed().as_secs_f64() * 1e3;
    ((spent() - before) / f64::from(TIMES), wall / f64::from(TIMES))
}

async fn ours(hosts: &Hosts, request: fn(&str, &[&str]) -> Request) {
    for _ in 0..TIMES {
        assert_eq!(hosts.run(&request("pve", &["true"])).await.unwrap().code, 0);
    }
}

async fn theirs(command: &str, times: u32) {
    sh(&format!("n=0; while [ $n -lt {times} ]; do {command} || exit 1; n=$((n + 1)); done"));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
