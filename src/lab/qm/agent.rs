//! What `qm` asks of the agent in a guest.

use serde_json::{Value, json};

use super::super::machine::{AGENT_PATIENCE, Machine};
use super::super::tasks::EPOCH;
use super::super::{Lab, Said, err, out, say};
use super::json::pretty;
use super::usage::Line;
use super::{QM, agent_is_configured};
use crate::machine::{Reply, Run};

/// How long until a QEMU that does not answer is given up, in milliseconds.
const FROZEN: u64 = 9_500;

/// What qemu-ga offers (7.2), and whether it answers when it was done.
const COMMANDS: [(&str, bool); 40] = [
    ("guest-get-cpustats", true),
    ("guest-get-diskstats", true),
    ("guest-ssh-remove-authorized-keys", true),
    ("guest-ssh-add-authorized-keys", true),
    ("guest-ssh-get-authorized-keys", true),
    ("guest-get-devices", true),
    ("guest-get-osinfo", true),
    ("guest-get-timezone", true),
    ("guest-get-users", true),
    ("guest-get-host-name", true),
    ("guest-exec", true),
    ("guest-exec-status", true),
    ("guest-get-memory-block-info", true),
    ("guest-set-memory-blocks", true),
    ("guest-get-memory-blocks", true),
    ("guest-set-user-password", true),
    ("guest-get-fsinfo", true),
    ("guest-get-disks", true),
    ("guest-set-vcpus", true),
    ("guest-get-vcpus", true),
    ("guest-network-get-interfaces", true),
    ("guest-suspend-hybrid", false),
    ("guest-suspend-ram", false),
    ("guest-suspend-disk", false),
    ("guest-fstrim", true),
    ("guest-fsfreeze-thaw", true),
    ("guest-fsfreeze-freeze-list", true),
    ("guest-fsfreeze-freeze", true),
    ("guest-fsfreeze-status", true),
    ("guest-file-flush", true),
    ("guest-file-seek", true),
    ("guest-file-write", true),
    ("guest-file-read", true),
    ("guest-file-close", true),
    ("guest-file-open", true),
    ("guest-shutdown", false),
    ("guest-info", true),
    ("guest-set-time", true),
    ("guest-get-time", true),
    ("guest-ping", true),
];
const SYNC: [&str; 2] = ["guest-sync", "guest-sync-delimited"];

impl Lab {
    pub(super) fn guest_cmd(&mut self, name: &str, line: &Line) -> Said {
        let asked = line.rest.first().map_or("", String::as_str);
        let Some(machine) = self.machines.get_mut(name) else { return say(QM, Reply::default()) };
        if let Some(said) = agent_error(machine, &line.id) {
            machine.unanswered += u32::from(machine.frozen);
            return said;
        }
        let slow = machine.agent_takes;
        let answer = match asked {
            "ping" => return say(QM + slow, Reply::default()),
            "shutdown" => {
                let boot = machine.boot;
                if machine.agent_refuses_shutdown {
                    let text = "{\n   \"error\" : {\n      \"class\" : \"CommandNotFound\",\n      \"desc\" : \"Command guest-shutdown has been disabled\"\n   }\n}";
                    return say(QM, out(text));
                }
                // The answer comes when there is nobody any more to give one.
                let takes = if machine.obeys { QM + machine.shutdown_takes } else { QM };
                if machine.obeys {
                    self.asked_to_shut_down(name, boot, 0);
                }
                return say(takes, out(&pretty(&json!({"result": null}))));
            }
            other => agent_says(machine, other, self.now),
        };
        match answer {
            Value::String(text) => say(QM + slow, out(&text)),
            Value::Number(number) => say(QM + slow, out(&number.to_string())),
            other => say(QM + slow, out(&pretty(&other))),
        }
    }

    pub(super) fn guest_exec(&mut self, run: &Run, name: &str, line: &Line, release: u32) -> Said {
        let Some(machine) = self.machines.get(name) else { return say(QM, Reply::default()) };
        let passes_stdin = line.flag("pass-stdin");
        if line.rest.is_empty() && !passes_stdin {
            // The code is errno's at that moment.
            let code = if release >= 9 { 255 } else { 2 };
            return say(QM, err(code, "command or input-data (or both) required"));
        }
        if let Some(said) = agent_error(machine, &line.id) {
            return said;
        }
        if machine.agent_refuses_exec {
            return say(QM, err(29, "Agent error: Command guest-exec has been disabled"));
        }
        let missing = line.rest.first().filter(|program| machine.has_not.contains(*program));
        if let Some(program) = missing {
            let place = if release >= 9 { 1131 } else { 1008 };
            let wide = format!("Wide character in die at /usr/share/perl5/PVE/RESTHandler.pm line {place}.");
            let why = format!("Failed to execute child process “{program}” (No such file or directory)");
            let text = format!("{wide}\nAgent error: Guest agent command failed, error was '{why}'");
            return say(QM, err(29, &text));
        }
        let (pid, slow) = (110 + machine.execs, machine.agent_takes);
        let inside = Run {
            host: name.to_string(),
            argv: line.rest.clone(),
            stdin: run.stdin.clone().filter(|_| passes_stdin),
            ..run.clone()
        };
        if let Some(machine) = self.machines.get_mut(name) {
            machine.execs += 1;
        }
        let Said { takes, reply, not_known } = self.answered(&inside).unwrap_or_else(|inner| self.command(&inner));
        if not_known.is_some() {
            return Said { takes, reply, not_known };
        }
        let patience = line.seconds("timeout").unwrap_or(30).saturating_mul(1000);
        if line.options.get("synchronous").is_some_and(|value| value == "0") {
            return say(QM, out(&pretty(&json!({ "pid": pid }))));
        }
        if takes > patience && patience > 0 {
            let stdout = pretty(&json!({ "pid": pid })) + "\n";
            let stderr = "timeout reached, returning pid\n".to_string();
            return say(QM + patience, Reply { stdout, stderr, ..Reply::default() });
        }
        let mut answer = json!({"exitcode": reply.code, "exited": 1});
        for (key, text) in [("out", &reply.stdout), ("err", &reply.stderr)] {
            if !text.is_empty() {
                answer[format!("{key}-data")] = json!(text);
                answer[format!("{key}-truncated")] = json!(0);
            }
        }
        say(QM + slow + takes, out(&pretty(&answer)))
    }

    pub(super) fn guest_exec_status(&self, name: &str, line: &Line) -> Said {
        let Some(machine) = self.machines.get(name) else { return say(QM, Reply::default()) };
        agent_error(machine, &line.id).unwrap_or_else(|| say(QM, err(29, "Agent error: Invalid parameter 'pid'")))
    }
}

/// Why the agent can not be asked.
fn agent_error(machine: &Machine, id: &str) -> Option<Said> {
    let not_running = |takes| say(takes, err(255, "QEMU guest agent is not running"));
    if !machine.agent_set {
        return Some(say(QM, err(255, "No QEMU guest agent configured")));
    }
    if !machine.running {
        return Some(say(QM, err(2, &format!("VM {id} is not running"))));
    }
    match (agent_is_configured(machine), machine.frozen, machine.agent_is_heard()) {
        (false, ..) => Some(not_running(QM)),
        (_, true, _) => Some(not_running(QM + FROZEN)),
        (_, _, false) => Some(not_running(QM + AGENT_PATIENCE)),
        (_, _, true) => None,
    }
}

/// What the agent answers to a question.
fn agent_says(machine: &Machine, asked: &str, now: u64) -> Value {
    if let Some(answer) = machine.agent_says.get(asked) {
        return answer.clone();
    }
    match asked {
        "info" => agent_info(machine),
        "get-host-name" => json!({"host-name": machine.name}),
        "get-osinfo" => json!({
            "id": "ubuntu",
            "kernel-release": machine.kernel,
            "machine": "x86_64",
            "name": "Ubuntu",
            "pretty-name": "Ubuntu 24.04.1 LTS",
            "version-id": "24.04",
        }),
        "get-time" => json!((EPOCH * 1000 + now) * 1_000_000),
        "get-timezone" => json!({"offset": 0, "zone": "UTC"}),
        "fsfreeze-status" => json!("thawed"),
        "fsfreeze-freeze" | "fsfreeze-thaw" => json!(1),
        "get-vcpus" => json!([{"can-offline": false, "logical-id": 0, "online": true}]),
        "network-get-interfaces" => json!([{
            "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [{"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8}],
            "name": "lo",
        }]),
        _ => json!([]),
    }
}

/// What the agent offers, as `qm guest cmd ID info` prints it.
fn agent_info(machine: &Machine) -> Value {
    let command = |name: &str, answers: bool| {
        let enabled = match name {
            "guest-shutdown" => !machine.agent_refuses_shutdown,
            "guest-exec" => !machine.agent_refuses_exec,
            // Windows has it.
            "guest-get-devices" => false,
            _ => true,
        };
        json!({"enabled": enabled, "name": name, "success-response": answers})
    };
    let mut commands: Vec<Value> = COMMANDS.iter().map(|(name, answers)| command(name, *answers)).collect();
    commands.extend(SYNC.iter().map(|name| command(name, true)));
    json!({"supported_commands": commands, "version": machine.agent_version})
}

impl Machine {
    /// What its agent offers, as JSON.
    pub(in crate::lab) fn agent_info(&self) -> String {
        pretty(&agent_info(self))
    }
}
