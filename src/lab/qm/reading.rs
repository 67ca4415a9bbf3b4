//! What `qm` shows: states, lists and configurations.

use std::collections::BTreeMap;

use super::super::machine::Machine;
use super::super::{Lab, Said, not_known, out, say};
use super::QM;
use super::usage::Line;
use crate::machine::{Reply, Run};

/// How long `qm status` waits for a QEMU that does not answer, in milliseconds.
const FROZEN: u64 = 5_500;

impl Lab {
    pub(super) fn qm_list(&self, host: &str, full: bool) -> Reply {
        let mut rows: Vec<(u64, String)> = Vec::new();
        let mut stderr = String::new();
        let mine = |machine: &&Machine| machine.hypervisor.as_deref() == Some(host) && !machine.is_container();
        for machine in self.machines.values().filter(mine) {
            let Some(id) = machine.identity.as_deref() else { continue };
            let state = match (machine.running, machine.paused && full) {
                (false, _) => "stopped",
                (true, true) => "paused",
                (true, false) => "running",
            };
            let settings = settings(machine, false);
            let name = settings.get("name").cloned().unwrap_or_else(|| format!("VM {id}"));
            let memory = settings.get("memory").map_or("512", String::as_str);
            let disk = format!("{:.2}", f64::from(machine.disk));
            let row = format!("{id:>10} {name:<20} {state:<10} {memory:<10} {disk:>12} {:<10}\n", pid(machine));
            rows.push((id.parse().unwrap_or_default(), row));
            stderr.push_str(&odd(machine));
        }
        rows.sort();
        let head = format!(
            "{:>10} {:<20} {:<10} {:<10} {:<12} {:<10}\n",
            "VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID"
        );
        let rows: String = rows.into_iter().map(|(_, row)| row).collect();
        let stdout = if rows.is_empty() { String::new() } else { head + &rows };
        Reply { stdout, stderr, ..Reply::default() }
    }
}

/// A command that only reads, of a guest that is there.
pub(super) fn read(machine: &Machine, line: &Line, run: &Run, release: u32, now: u64) -> Said {
    let shown = |text: String| Reply { stdout: text, stderr: odd(machine), ..Reply::default() };
    match line.command.as_str() {
        "status" => {
            let text = match line.flag("verbose") {
                true => verbose(machine, release, now),
                false => format!("status: {}\n", state(machine)),
            };
            say(if machine.frozen { QM + FROZEN } else { QM }, shown(text))
        }
        "config" => {
            let lines = settings(machine, line.flag("current"));
            say(QM, shown(lines.iter().map(|(key, value)| format!("{key}: {}\n", encoded(key, value))).collect()))
        }
        "pending" => {
            let (now, then) = (settings(machine, true), settings(machine, false));
            let mut text = String::new();
            for key in now.keys().chain(then.keys().filter(|key| !now.contains_key(*key))) {
                match (now.get(key), then.get(key)) {
                    (Some(old), Some(new)) if old == new => text.push_str(&format!("cur {key}: {old}\n")),
                    (Some(old), Some(new)) => text.push_str(&format!("cur {key}: {old}\nnew {key}: {new}\n")),
                    (Some(old), None) => text.push_str(&format!("del {key}: {old}\n")),
                    (None, Some(new)) => text.push_str(&format!("new {key}: {new}\n")),
                    (None, None) => {}
                }
            }
            say(QM, shown(text))
        }
        "monitor" => {
            let stdout = format!("Entering QEMU Monitor for VM {} - type 'help' for help\n", line.id);
            say(QM, Reply { stdout, stderr: "qm> ".to_string(), ..Reply::default() })
        }
        "showcmd" => say(QM, out(&format!("/usr/bin/kvm -id {} -name '{}'", line.id, machine.guest_name))),
        "listsnapshot" => {
            let mut text: String =
                machine.snapshots.iter().map(|name| format!("`-> {name:<30} no-description\n")).collect();
            text.push_str(&format!("`-> {:<30} You are here!\n", "current"));
            say(QM, shown(text))
        }
        _ => not_known(run),
    }
}

/// QEMU's process, as it is shown.
pub(super) fn pid(machine: &Machine) -> u32 {
    if machine.running { machine.pid() } else { 0 }
}

pub(super) fn state(machine: &Machine) -> &'static str {
    match (machine.running, machine.paused && !machine.frozen) {
        (false, _) => "stopped",
        (true, true) => "paused",
        (true, false) => "running",
    }
}

/// The lines of its configuration. What was set and comes with the next start only is not `current`.
pub(super) fn settings(machine: &Machine, current: bool) -> BTreeMap<String, String> {
    let mut lines: BTreeMap<String, String> = machine.settings.clone();
    let mut default = |key: &str, value: &str| {
        lines.entry(key.to_string()).or_insert_with(|| value.to_string());
    };
    if machine.settings.is_empty() {
        for (key, value) in [("boot", " "), ("cores", "2"), ("memory", "2048"), ("ostype", "l26")] {
            default(key, value);
        }
    }
    let agent = match (current && machine.running, machine.agent_set, machine.agent_off) {
        (true, ..) if machine.agent_device => Some("1"),
        (true, true, _) if !machine.agent_off => None,
        (_, true, true) => Some("0"),
        (_, true, false) => Some("1"),
        (_, false, _) => None,
    };
    for (key, value) in [
        ("agent", agent.map(str::to_string)),
        ("name", (!machine.guest_name.is_empty()).then(|| machine.guest_name.clone())),
        ("lock", machine.lock.clone()),
        ("template", machine.template.then(|| "1".to_string())),
    ] {
        if let Some(value) = value {
            lines.insert(key.to_string(), value);
        }
    }
    lines
}

/// Of the settings only a description may have lines and other letters, and those are encoded.
fn encoded(key: &str, value: &str) -> String {
    if key != "description" {
        return value.to_string();
    }
    let plain = |c: char| c.is_ascii() && !c.is_ascii_control() && c != '%';
    let bytes = |c: char| c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    value.chars().map(|c| if plain(c) { c.to_string() } else { bytes(c) }).collect()
}

/// Warnings of a configuration that has lines which `qm` does not understand.
fn odd(machine: &Machine) -> String {
    let id = machine.identity.as_deref().unwrap_or_default();
    let lines =
        machine.odd_settings.iter().map(|(key, why)| format!("vm {id} - unable to parse value of '{key}' - {why}\n"));
    lines.collect()
}

fn verbose(machine: &Machine, release: u32, now: u64) -> String {
    let settings = settings(machine, false);
    let number = |key: &str, default: u64| settings.get(key).and_then(|value| value.parse().ok()).unwrap_or(default);
    let uptime = if machine.running { (now.saturating_sub(machine.started_at)) / 1000 } else { 0 };
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    lines.insert("cpus", number("cores", 1).to_string());
    lines.insert("disk", "0".to_string());
    lines.insert("maxdisk", (u64::from(machine.disk) << 30).to_string());
    lines.insert("maxmem", (number("memory", 512) << 20).to_string());
    lines.insert("mem", "0".to_string());
    lines.insert("netin", "0".to_string());
    lines.insert("netout", "0".to_string());
    lines.insert("qmpstatus", state(machine).to_string());
    lines.insert("status", if machine.running { "running" } else { "stopped" }.to_string());
    lines.insert("uptime", uptime.to_string());
    lines.insert("vmid", machine.identity.clone().unwrap_or_default());
    lines.extend(settings.get("name").map(|name| ("name", name.clone())));
    lines.extend(machine.lock.iter().map(|lock| ("lock", lock.clone())));
    if settings.contains_key("serial0") {
        lines.insert("serial", "1".to_string());
    }
    if machine.template {
        lines.insert("template", "1".to_string());
    }
    if release >= 9 {
        lines.insert("memhost", "0".to_string());
    }
    if machine.running {
        lines.insert("pid", pid(machine).to_string());
        if release >= 9 {
            lines.extend(PRESSURE.map(|key| (key, "0".to_string())));
        }
    }
    lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

const PRESSURE: [&str; 6] = [
    "pressurecpufull",
    "pressurecpusome",
    "pressureiofull",
    "pressureiosome",
    "pressurememoryfull",
    "pressurememorysome",
];
