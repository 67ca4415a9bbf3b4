//! What `qm` shows: states, lists and configurations.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use testbed::guest::Card;

use crate::Said;
use crate::host::{Host, RUN, Vm};
use crate::usage::Line;

pub(crate) fn list(host: &Host, full: bool) -> Said {
    let mut text = format!(
        "{:>10} {:<20} {:<10} {:<10} {:<12} {:<10}\n",
        "VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID"
    );
    let vms = host.vms();
    if vms.is_empty() {
        return Said::default();
    }
    for vm in vms {
        let state = match vm.pid() {
            None => "stopped".to_string(),
            Some(_) if full => vm.shown(),
            Some(_) => "running".to_string(),
        };
        let memory = vm.get("memory").unwrap_or("512");
        let pid = vm.pid().unwrap_or_default();
        text.push_str(&format!("{:>10} {:<20} {state:<10} {memory:<10} {:>12} {pid:<10}\n", vm.id, vm.name(), "0.00"));
    }
    Said::out(text)
}

/// A command that only reads.
pub(crate) fn read(host: &Host, vm: &Vm, line: &Line) -> Said {
    let lines = |before: &str| -> String {
        vm.settings.iter().map(|(key, value)| format!("{before}{key}: {value}\n")).collect()
    };
    match line.command.as_str() {
        "status" if line.flag("verbose") => Said::out(verbose(host, vm)),
        "status" => Said::out(format!("status: {}\n", vm.shown())),
        "config" => Said::out(lines("")),
        "pending" => Said::out(lines("cur ")),
        "listsnapshot" => Said::out(format!("`-> {:<30} You are here!\n", "current")),
        "monitor" => Said {
            stdout: format!("Entering QEMU Monitor for VM {} - type 'help' for help\n", vm.id),
            stderr: "qm> ".to_string(),
            code: 0,
        },
        _ => match host.boot().and_then(|boot| Ok((boot, Card::read(&vm.folder)?))) {
            Ok((boot, card)) => {
                let command = boot.command(&vm.machine(&card), RUN.as_ref(), false);
                let words = command.get_args().map(|word| format!(" '{}'", word.to_string_lossy()));
                Said::out(format!("{}{}\n", command.get_program().display(), words.collect::<String>()))
            }
            Err(why) => Said::wrong(255, &why),
        },
    }
}

fn verbose(host: &Host, vm: &Vm) -> String {
    let number = |key: &str, default: u64| vm.get(key).and_then(|value| value.parse().ok()).unwrap_or(default);
    let pid = vm.pid();
    let age = std::fs::metadata(vm.pid_file()).ok().and_then(|file| file.modified().ok());
    let age = age.and_then(|at| UNIX_EPOCH.elapsed().ok()?.checked_sub(at.duration_since(UNIX_EPOCH).ok()?));
    let uptime = if pid.is_some() { age.unwrap_or_default().as_secs() } else { 0 };
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    for key in ["disk", "maxdisk", "mem", "netin", "netout"] {
        lines.insert(key, "0".to_string());
    }
    lines.insert("cpus", number("cores", 1).to_string());
    lines.insert("maxmem", (number("memory", 512) << 20).to_string());
    lines.insert("qmpstatus", vm.shown());
    lines.insert("status", if pid.is_some() { "running" } else { "stopped" }.to_string());
    lines.insert("uptime", uptime.to_string());
    lines.insert("vmid", vm.id.clone());
    for key in ["name", "lock", "template", "tags"] {
        lines.extend(vm.get(key).map(|value| (key, value.to_string())));
    }
    if vm.get("serial0").is_some() {
        lines.insert("serial", "1".to_string());
    }
    lines.extend(pid.map(|pid| ("pid", pid.to_string())));
    if host.release >= 9 {
        lines.insert("memhost", "0".to_string());
    }
    lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}
