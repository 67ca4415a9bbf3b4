//! What a program costs, from its start until nothing of it is left.
//!
//! A program is measured beneath a process of its own, the meter: this program, started again. Whatever the program
//! leaves behind (`ssh` masters) becomes the meter's child, is ended and counted, so that CPU and memory are those of
//! all its processes.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// The first argument of a meter.
const METER: &str = "meter";

/// How often memory is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// What a program cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From start to exit, in seconds.
    pub wall: f64,
    /// User and system time of all its processes, in seconds.
    pub cpu: f64,
    /// The peak of its largest process, in KiB.
    pub largest: u64,
    /// The peak of all its processes together, in KiB, what they share counted once; only where it was asked for.
    pub together: u64,
}

/// Runs a command, which has to succeed.
///
/// # Errors
/// The end of what it printed, when it fails.
pub fn cost(command: &Command, log: &Path) -> Result<Cost, String> {
    start(command, log, false)
}

/// As [`cost`], with the memory of all processes. The looking costs time: what else it says is not for a table.
///
/// # Errors
/// As [`cost`].
pub fn memory(command: &Command, log: &Path) -> Result<Cost, String> {
    start(command, log, true)
}

fn start(command: &Command, log: &Path, with_memory: bool) -> Result<Cost, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut meter = Command::new(program);
    meter.arg(METER).arg(with_memory.to_string()).arg(log).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => meter.env(name, value),
            None => meter.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        meter.current_dir(folder);
    }
    let output = meter.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [wall, cpu, largest, together, code] = numbers.as_slice() else {
        return Err(format!("{}: {said}", command.get_program().display()));
    };
    if *code != 0.0 {
        let said = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let end = lines[lines.len().saturating_sub(15)..].join("\n");
        return Err(format!("{} ended with {code}:\n{end}", command.get_program().display()));
    }
    Ok(Cost { wall: *wall, cpu: *cpu, largest: *largest as u64, together: *together as u64 })
}

/// Whether this process is a meter; if so, it has measured and should end.
pub fn is_meter() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [first, with_memory, log, program, arguments @ ..] = words.as_slice() else { return false };
    if first != METER {
        return false;
    }
    prctl::set_child_subreaper(true).unwrap();
    let log = fs::File::create(log).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let ended = Arc::new(AtomicBool::new(false));
    let watch = (with_memory == "true").then(|| {
        let ended = ended.clone();
        std::thread::spawn(move || watch(&ended))
    });
    let began = Instant::now();
    let status = command.status().unwrap();
    let wall = began.elapsed().as_secs_f64();
    ended.store(true, Ordering::Relaxed);
    let together = watch.map_or(0, |watch| watch.join().unwrap());
    end_what_is_left();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let time = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = time(usage.user_time()) + time(usage.system_time());
    println!("{wall} {cpu} {} {together} {}", usage.max_rss(), status.code().unwrap_or(-1));
    true
}

/// Ends the processes that the program left, so that their time is counted.
fn end_what_is_left() {
    loop {
        for pid in children(std::process::id()) {
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGTERM);
        }
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(nix::sys::wait::WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(2)),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// The most that all processes beneath this one held together, in KiB.
fn watch(ended: &AtomicBool) -> u64 {
    let mut most = 0;
    while !ended.load(Ordering::Relaxed) {
        let mut open = children(std::process::id());
        let mut sum = 0;
        while let Some(pid) = open.pop() {
            sum += proportional(pid);
            open.extend(children(pid));
        }
        most = most.max(sum);
        std::thread::sleep(PAUSE);
    }
    most
}

/// What a process holds, with its share of what it shares (`Pss`, proc_pid_smaps_rollup(5)), in KiB.
fn proportional(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}
