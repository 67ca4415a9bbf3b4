//! `pct`, `lxc-info` and `lxc-attach`: containers as process trees in namespaces of their own (`container.sh`), with the
//! texts of pve-container and LXC. It has what a power operation needs, and no snapshots, disks or migrations.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::guest::{Card, write_words};

use crate::acting::{ends, has_quorum};
use crate::host::{Host, ids, lives, save, settings, try_lock, wait_lock};
use crate::tasks::Task;
use crate::usage::wrong_id;
use crate::{Said, out};

/// How long a container has to shut down, where nobody says otherwise.
const OBEYS: Duration = Duration::from_secs(60);

/// From SIGKILL to where nobody waits any more.
const KILLED: Duration = Duration::from_secs(5);

struct Container {
    id: String,
    settings: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Container {
    fn find(host: &Host, id: &str) -> Option<Container> {
        let settings = settings(&conf(id))?;
        Some(Container { id: id.to_string(), settings, folder: host.site.join("vms").join(id) })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    fn pid_file(&self) -> PathBuf {
        Path::new("/run/lxc").join(format!("{}.pid", self.id))
    }

    /// Its process 1, where that lives.
    fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        lives(pid).then_some(pid)
    }

    fn state(&self) -> &str {
        if self.pid().is_some() { "running" } else { "stopped" }
    }
}

fn conf(id: &str) -> String {
    format!("/etc/pve/lxc/{id}.conf")
}

/// What a call that was cut into options and the rest is made of. Behind `--` there are no options.
fn split(words: &[String]) -> (Vec<&str>, BTreeMap<&str, String>) {
    let (mut rest, mut options) = (Vec::new(), BTreeMap::new());
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        match word.strip_prefix("--") {
            Some("") => {
                rest.extend(words);
                break;
            }
            Some(name) => {
                let (name, given) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
                let value = given.or_else(|| words.next_if(|next| !next.starts_with('-'))).unwrap_or("1");
                options.insert(name, value.to_string());
            }
            None => rest.push(word),
        }
    }
    (rest, options)
}

pub(crate) fn answer(host: &Host, program: &str, words: &[String]) -> Said {
    match program {
        "lxc-info" => info(host, words),
        "lxc-attach" => attach(host, words),
        _ => {
            std::thread::sleep(host.slow());
            pct(host, words)
        }
    }
}

/// `lxc-info -n ID -s -p`
fn info(host: &Host, words: &[String]) -> Said {
    let id = named(words);
    let Some(container) = Container::find(host, id) else { return Said::wrong(1, &format!("{id} doesn't exist")) };
    Said::out(match container.pid() {
        Some(pid) => format!("State:          RUNNING\nPID:            {pid}\n"),
        None => "State:          STOPPED\n".to_string(),
    })
}

/// `lxc-attach -n ID -- COMMAND`
fn attach(host: &Host, words: &[String]) -> Said {
    let id = named(words);
    let command: Vec<&String> = words.iter().skip_while(|word| *word != "--").skip(1).collect();
    match Container::find(host, id).and_then(|container| container.pid()) {
        Some(pid) => within(pid, &command),
        None => Said::wrong(
            1,
            &format!(
                "lxc-attach: {id}: ../src/lxc/attach.c: get_attach_context: 406 Connection refused - Failed to get init pid"
            ),
        ),
    }
}

fn named(words: &[String]) -> &str {
    words.iter().skip_while(|word| *word != "-n").nth(1).map_or("", String::as_str)
}

/// Becomes a command within the container.
fn within(pid: u32, command: &[&String]) -> Said {
    let mut nsenter = Command::new("nsenter");
    nsenter.args(["-t", &pid.to_string(), "-m", "-p", "-u", "-i", "-T", "--wd=/", "--"]).args(command);
    Said::wrong(255, &format!("nsenter: {}", nsenter.exec()))
}

fn pct(host: &Host, words: &[String]) -> Said {
    let Some((command, rest)) = words.split_first() else { return Said::wrong(255, "ERROR: no command specified") };
    if command == "list" {
        return list(host);
    }
    let known = ["status", "config", "exec", "start", "shutdown", "stop", "reboot", "unlock", "set"];
    if !known.contains(&command.as_str()) {
        return Said::wrong(255, &format!("ERROR: unknown command 'pct {command}'"));
    }
    let (rest, options) = split(rest);
    let Some(id) = rest.first() else {
        return Said::wrong(2, &format!("400 not enough arguments\npct {command} <vmid> [OPTIONS]"));
    };
    if let Some(why) = wrong_id(id) {
        let usage = format!("pct {command} <vmid> [OPTIONS]");
        return Said::wrong(2, &format!("400 Parameter verification failed.\nvmid: {why}\n{usage}"));
    }
    let Some(container) = Container::find(host, id) else {
        return Said::wrong(2, &format!("Configuration file 'nodes/{}/lxc/{id}.conf' does not exist", host.name));
    };
    match command.as_str() {
        "status" => Said::out(format!("status: {}\n", container.state())),
        "config" => Said::out(container.settings.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()),
        "exec" => match container.pid() {
            Some(pid) => within(pid, &words.iter().skip_while(|word| *word != "--").skip(1).collect::<Vec<_>>()),
            None => Said::wrong(255, &format!("container '{id}' not running!")),
        },
        verb => act(host, &container, verb, &options),
    }
}

fn list(host: &Host) -> Said {
    let containers: Vec<Container> = ids("/etc/pve/lxc").iter().filter_map(|id| Container::find(host, id)).collect();
    if containers.is_empty() {
        return Said::default();
    }
    let mut text = format!("{:<10} {:<10} {:<12} {:<20}\n", "VMID", "Status", "Lock", "Name");
    for container in containers {
        let (lock, name) = (container.get("lock").unwrap_or_default(), container.get("hostname").unwrap_or_default());
        text.push_str(&format!("{:<10} {:<10} {lock:<12} {name:<20}\n", container.id, container.state()));
    }
    Said::out(text)
}

fn act(host: &Host, container: &Container, verb: &str, options: &BTreeMap<&str, String>) -> Said {
    let id = &container.id;
    let running = container.pid().is_some();
    match verb {
        "start" if running => return Said::wrong(255, &format!("CT {id} already running")),
        "shutdown" | "stop" if !running => return Said::wrong(255, &format!("CT {id} not running")),
        "reboot" if !running => return Said::wrong(255, &format!("VM {id} not running")),
        _ => {}
    }
    let task = matches!(verb, "start" | "shutdown" | "stop" | "reboot");
    let task = task.then(|| Task::begin(host, &format!("vz{verb}"), id));
    let result = under_lock(host, container, verb, options);
    if let Some(task) = task {
        task.end(result.as_ref().err().map_or("OK", String::as_str));
    }
    match result {
        Ok(()) => Said::default(),
        Err(why) => Said::wrong(255, &why),
    }
}

fn under_lock(host: &Host, container: &Container, verb: &str, options: &BTreeMap<&str, String>) -> Result<(), String> {
    let id = &container.id;
    let file = format!("/run/lock/lxc/pve-config-{id}.lock");
    let held = match try_lock(&file) {
        Some(held) => held,
        None => {
            out("trying to acquire lock...\n");
            let held = wait_lock(&file).ok_or_else(|| format!("can't lock file '{file}' - got timeout"))?;
            out(" OK\n");
            held
        }
    };
    // What was waited for may have changed it.
    let mut container = Container::find(host, id).ok_or_else(|| format!("CT {id} is gone"))?;
    let is_set = |option: &str| options.get(option).is_some_and(|value| value != "0");
    let passes = is_set("skiplock") || verb == "unlock" || options.contains_key("lock");
    if let (false, Some(lock)) = (passes, container.get("lock")) {
        return Err(format!("CT is locked ({lock})"));
    }
    let patience = options.get("timeout").and_then(|seconds| seconds.parse().ok()).map_or(OBEYS, Duration::from_secs);
    let done = match (verb, container.pid()) {
        ("start", Some(_)) => Err(format!("CT {id} already running")),
        ("start", None) if container.get("template") == Some("1") => {
            Err("you can't start a CT if it's a template".to_string())
        }
        ("start", None) if !has_quorum() => Err("cluster not ready - no quorum?".to_string()),
        ("start", None) => start(host, &container),
        ("shutdown", Some(pid)) => shuts_down(pid, patience, is_set("forceStop")),
        ("stop", Some(pid)) => ended(pid),
        // Within one call, and by force where the container does not obey.
        ("reboot", Some(pid)) => shuts_down(pid, patience, true).and_then(|()| start(host, &container)),
        ("shutdown" | "stop" | "reboot", None) => Err(format!("CT {id} not running")),
        ("unlock", _) => {
            container.settings.remove("lock");
            save(&conf(id), &container.settings)
        }
        _ => {
            for (key, value) in options {
                match *key {
                    "delete" => container.settings.retain(|key, _| !value.split(',').any(|gone| gone == key)),
                    _ => drop(container.settings.insert((*key).to_string(), value.clone())),
                }
            }
            save(&conf(id), &container.settings)
        }
    };
    drop(held);
    done
}

/// Its process 1 is started by one that outlives this call and ends with it.
fn start(host: &Host, container: &Container) -> Result<(), String> {
    write_words(&container.folder, &Card::read(&container.folder)?)?;
    let console = container.folder.join("console");
    let console = fs::OpenOptions::new().create(true).append(true).open(&console).map_err(|error| error.to_string())?;
    let mut unshare = Command::new("setsid");
    unshare.args(["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]);
    unshare.args(["--time", "--boottime", &format!("-{}", whole_second()), "sh"]);
    unshare.arg(host.site.join("container.sh")).arg(&host.site).args([&host.name, &container.id]).current_dir("/");
    unshare.stdin(Stdio::null()).stdout(console.try_clone().map_err(|error| error.to_string())?).stderr(console);
    let failed = || format!("startup for container '{}' failed", container.id);
    let mut monitor = unshare.spawn().map_err(|_| failed())?;
    let children = format!("/proc/{0}/task/{0}/children", monitor.id());
    let deadline = Instant::now() + KILLED;
    loop {
        let found = fs::read_to_string(&children).unwrap_or_default().trim().parse::<u32>();
        if let Ok(pid) = found {
            fs::write(container.pid_file(), format!("{pid}\n")).map_err(|error| error.to_string())?;
            host.started(&container.id, pid, "container");
            return Ok(());
        }
        if Instant::now() > deadline || monitor.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(failed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until this machine has been up for a whole number of seconds, and gives it. So many are taken from the uptime
/// that a container sees, which is its own as with LXC; the kernel takes whole ones only.
fn whole_second() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let uptime = uptime.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    let uptime = Duration::try_from_secs_f64(uptime).unwrap_or_default();
    let second = uptime.as_secs() + 1;
    std::thread::sleep(Duration::from_secs(second).saturating_sub(uptime));
    second
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or_default())
}

/// Asks it to shut down, as LXC does, and waits. One that does not is ended where force is allowed.
fn shuts_down(pid: u32, patience: Duration, force: bool) -> Result<(), String> {
    let _ = kill(process(pid), Signal::SIGPWR);
    match ends(pid, patience) {
        true => Ok(()),
        false if force => ended(pid),
        false => Err("container did not stop".to_string()),
    }
}

/// With its process 1 all of its processes end.
fn ended(pid: u32) -> Result<(), String> {
    let _ = kill(process(pid), Signal::SIGKILL);
    if ends(pid, KILLED) { Ok(()) } else { Err("container did not stop".to_string()) }
}
