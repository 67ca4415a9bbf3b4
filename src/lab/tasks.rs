//! The list of tasks that a Proxmox host keeps of what its commands did to guests.

use super::Lab;

/// A task of a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub(super) host: String,
    /// The number of the call that it belongs to.
    call: u64,
    /// `qmstart`.
    kind: &'static str,
    id: String,
    began: u64,
    /// When it ended and how: `OK`, or its last words.
    ended: Option<(u64, String)>,
}

impl Task {
    fn ends_at(&self) -> Option<u64> {
        self.ended.as_ref().map(|(at, _)| *at)
    }
}

/// When the clock of the lab begins: 2026-01-03, 22:00 UTC.
pub(super) const EPOCH: u64 = 1_767_477_600;

impl Lab {
    pub(super) fn task_begins(&mut self, call: u64, host: &str, verb: &str, id: &str) {
        let kind = match verb {
            "start" => "qmstart",
            "stop" => "qmstop",
            "shutdown" => "qmshutdown",
            "reboot" => "qmreboot",
            "reset" => "qmreset",
            "suspend" => "qmpause",
            "resume" => "qmresume",
            "destroy" => "qmdestroy",
            "template" => "qmtemplate",
            "cleanup" | "set" | "unlock" | "wait" => return,
            long => super::qm::long(long).0,
        };
        let task = Task { host: host.to_string(), call, kind, id: id.to_string(), began: self.now, ended: None };
        self.tasks.push(task);
    }

    /// The task of a call ends, if it has one. Whether another of its host ends at the same moment.
    pub(super) fn task_ends(&mut self, call: u64, how: &str) -> bool {
        let now = self.now;
        let Some(at) = self.tasks.iter().rposition(|task| task.call == call) else { return false };
        self.tasks[at].ended = Some((now, how.lines().last().unwrap_or_default().to_string()));
        let host = &self.tasks[at].host;
        let ends_too = |task: &Task| task.call != call && task.host == *host && task.ends_at() == Some(now);
        self.tasks.iter().rev().take(8).any(ends_too)
    }

    /// What the list of tasks says of one by its kind, its guest and when it began, in seconds of the clock.
    pub(super) fn task_of(&self, host: &str, id: &str, kind: &str, began: u64) -> String {
        let is_it = |task: &&Task| {
            let start = EPOCH + task.began / 1000;
            task.host == host && task.kind == kind && task.id == id && (began..began + 120).contains(&(start + 1))
        };
        let found: Vec<&Task> = self.tasks.iter().filter(is_it).collect();
        match found.as_slice() {
            [] => String::new(),
            [Task { ended: None, .. }] => format!("running {kind}:{id}"),
            [Task { ended: Some((_, how)), .. }] if how == "OK" => format!("ok {kind}:{id}"),
            [Task { ended: Some((_, how)), .. }] => format!("failed {how}"),
            _ => format!("several {kind}:{id}"),
        }
    }

    /// The tasks of a host, as `/var/log/pve/tasks/index` has them; those under way without an end.
    pub fn tasks(&self, host: &str) -> Vec<String> {
        let lines = self.tasks.iter().filter(|task| task.host == host).map(|task| {
            let (pid, ticks) = (1_000 + task.call, task.began / 10);
            let seconds = |at: u64| EPOCH + at / 1000;
            let upid = format!(
                "UPID:{host}:{pid:08X}:{ticks:08X}:{:08X}:{}:{}:root@pam:",
                seconds(task.began),
                task.kind,
                task.id
            );
            match &task.ended {
                Some((at, how)) => format!("{upid} {:08X} {how}", seconds(*at)),
                None => upid,
            }
        });
        lines.collect()
    }
}
