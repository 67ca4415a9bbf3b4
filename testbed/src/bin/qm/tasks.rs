//! The node's list of tasks: what was done to which guest, when, and how it ended. The lines are those of
//! `/var/log/pve/tasks` (PVE::INotify): `active` has what runs and what has just ended, `index` what has ended.

use std::fs;
use std::io::Write as _;
use std::time::UNIX_EPOCH;

use nix::fcntl::{Flock, FlockArg};

use crate::host::{Host, lives};

const FOLDER: &str = "/var/log/pve/tasks";

/// A task under way.
pub(crate) struct Task {
    upid: String,
}

impl Task {
    /// A task of that kind (`qmstart`) begins.
    pub(crate) fn begin(host: &Host, kind: &str, id: &str) -> Task {
        let pid = std::process::id();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ticks = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(19)?.parse().ok()).unwrap_or(0_u64);
        let upid = format!("UPID:{}:{pid:08X}:{ticks:08X}:{:08X}:{kind}:{id}:root@pam:", host.name, now());
        let line = format!("{upid} 0");
        change(|lines| lines.push(line));
        Task { upid }
    }

    /// It ends: `OK`, or with its last words.
    pub(crate) fn end(self, how: &str) {
        let ended = format!("{:08X} {}", now(), how.lines().last().unwrap_or_default());
        let (begun, line) = (format!("{} 0", self.upid), format!("{} 1 {ended}", self.upid));
        change(|lines| {
            lines.retain(|known| *known != begun);
            lines.push(line);
        });
        if let Ok(mut index) = fs::OpenOptions::new().create(true).append(true).open(format!("{FOLDER}/index")) {
            let _ = index.write_all(format!("{} {ended}\n", self.upid).as_bytes());
        }
    }
}

/// Changes the list of active tasks, under its lock. Those whose process is gone without a word are dropped, and of those
/// that have ended the newest stay.
fn change(how: impl FnOnce(&mut Vec<String>)) {
    let _ = fs::create_dir_all(FOLDER);
    let Ok(file) = fs::OpenOptions::new().create(true).append(true).open(format!("{FOLDER}/.active.lock")) else {
        return;
    };
    let Ok(held) = Flock::lock(file, FlockArg::LockExclusive) else { return };
    let active = format!("{FOLDER}/active");
    let text = fs::read_to_string(&active).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    how(&mut lines);
    let is_dead = |line: &str| {
        let pid = line.split(':').nth(2).and_then(|pid| u32::from_str_radix(pid, 16).ok());
        line.ends_with(": 0") && !pid.is_some_and(lives)
    };
    lines.retain(|line| !is_dead(line));
    let surplus = lines.len().saturating_sub(25);
    lines.drain(..surplus);
    let part = format!("{active}.{}", std::process::id());
    let _ = fs::write(&part, lines.join("\n") + "\n").and_then(|()| fs::rename(&part, &active));
    drop(held);
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
