//! How fast the courier is beside OpenSSH's own ways, on the same machines of the test bed: `cargo bench --bench hosts`.
//!
//! Warm: fifty hosts, ten reading commands on each, one after the other; beside one `ssh` a command over a live
//! master a host (`ControlMaster`). Cold: one command on each of two hundred hosts without connections; beside as
//! many `ssh` at once as we open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "not the product")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hostler::hosts::Hosts;
use support::{Bed, reading, sh};

const WARM_HOSTS: usize = 50;
const COMMANDS: usize = 10;
const COLD_HOSTS: usize = 200;
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --benches` runs it too, and has no use for it.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let mut bed = Bed::new();
    for number in 0..COLD_HOSTS {
        bed.start(&format!("h{number}"), &[]);
    }
    println!("{COLD_HOSTS} hosts are up");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..ROUNDS {
        let (cold_ours, warm_ours, memory) = runtime.block_on(ours(&bed));
        let (cold_theirs, warm_theirs) = theirs(&bed);
        println!("cold {COLD_HOSTS}x1: {cold_ours:.2?}, ssh {cold_theirs:.2?}: {:.2}", ratio(cold_ours, cold_theirs));
        println!(
            "warm {WARM_HOSTS}x{COMMANDS}: {warm_ours:.2?}, ssh over masters {warm_theirs:.2?}: {:.2}",
            ratio(warm_ours, warm_theirs)
        );
        println!("the controller's memory with {COLD_HOSTS} hosts: {} MB at most", memory / 1024);
    }
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}

async fn ours(bed: &Bed) -> (Duration, Duration, u64) {
    let hosts = Arc::new(Hosts::new(bed.endpoints(), bed.options()).unwrap());
    let cold = each(COLD_HOSTS, 1, &hosts).await;
    let warm = each(WARM_HOSTS, COMMANDS, &hosts).await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    Arc::into_inner(hosts).unwrap().close().await;
    (cold, warm, peak)
}

async fn each(count: usize, commands: usize, hosts: &Arc<Hosts>) -> Duration {
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let hosts = hosts.clone();
        tasks.spawn(async move {
            for _ in 0..commands {
                let reply = hosts.run(&reading(&format!("h{number}"), &["cat", "/proc/uptime"])).await.unwrap();
                assert!(reply.code == 0 && !reply.stdout.is_empty());
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    began.elapsed()
}

fn theirs(bed: &Bed) -> (Duration, Duration) {
    let folder = bed.path.join("m");
    std::fs::create_dir_all(&folder).unwrap();
    let mut list = String::new();
    for number in 0..COLD_HOSTS {
        let node = bed.node(&format!("h{number}"));
        writeln!(list, "{}", node.address).unwrap();
    }
    std::fs::write(folder.join("cold"), &list).unwrap();
    let warm: Vec<&str> = list.lines().take(WARM_HOSTS).collect();
    std::fs::write(folder.join("warm"), warm.join("\n") + "\n").unwrap();
    let ssh = format!("ssh -F {}/ssh_config -p 2222 -l root -o BatchMode=yes", bed.path.display());
    let time = |line: &str| {
        let began = Instant::now();
        sh(&format!("cd {} && {line}", folder.display()));
        began.elapsed()
    };
    let cold =
        time(&format!("<cold xargs -P 32 -I H {ssh} H cat /proc/uptime >out && [ $(wc -l <out) = {COLD_HOSTS} ]"));
    sh(&format!("cd {} && <warm xargs -P 8 -I H {ssh} -M -S H -o ControlPersist=60 -fN H", folder.display()));
    let loops = format!("i=0; while [ $i -lt {COMMANDS} ]; do {ssh} -S H H cat /proc/uptime; i=$((i+1)); done");
    let warm = time(&format!(
        "<warm xargs -P {WARM_HOSTS} -I H sh -c '{loops}' >out && [ $(wc -l <out) = {} ]",
        WARM_HOSTS * COMMANDS
    ));
    sh(&format!("cd {} && <warm xargs -I H {ssh} -S H -O exit H 2>/dev/null", folder.display()));
    (cold, warm)
}
