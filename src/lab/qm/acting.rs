//! What `qm` does: each call is a process that waits for the guest's lock file, asks the guest, waits for it, and says
//! how that ended. The guest, other calls and the host's own cleanup go on meanwhile.

use super::super::hypervisor::LOCK_FILE;
use super::super::machine::AGENT_PATIENCE;
use super::super::{Caller, Change, Due, Lab};
use super::reading::pid;
use super::usage::Line;
use super::{QM, agent_is_configured, lock_file};
use crate::machine::Reply;

/// How long until QEMU runs, and until it is gone when it is told to quit, in milliseconds.
const START: u64 = 200;
const QUIT: u64 = 300;
/// When qmeventd has seen that QEMU is gone, and calls its cleanup.
const CLEANUP: u64 = 700;
/// How long that cleanup waits for a guest that runs again (since 9.1.13).
const CLEANUP_HOLDS: u64 = 30_000;
/// How long a guest has to shut down, where nobody says otherwise.
const GRACE: u64 = 60_000;
/// How long a QEMU that does not answer is waited for: the answer, the end after SIGTERM, and after SIGKILL.
const NO_ANSWER: u64 = 5_000;
const TERMINATES: u64 = 10_000;
const KILLED: u64 = 1_000;

/// What takes long, as the list of tasks calls it, and how long it takes, in milliseconds.
pub(in crate::lab) fn long(verb: &str) -> (&'static str, u64) {
    match verb {
        "snapshot" => ("qmsnapshot", 3_000),
        "delsnapshot" => ("qmdelsnapshot", 4_000),
        "rollback" => ("qmrollback", 6_000),
        "clone" => ("qmclone", 90_000),
        "migrate" => ("qmigrate", 60_000),
        "disk move" => ("qmmove", 120_000),
        _ => ("resize", 1_500),
    }
}

/// A call of `qm` under way.
#[derive(Clone, Debug)]
pub(in crate::lab) struct Call {
    /// Who is told of its end; nobody of a cleanup.
    caller: Option<Caller>,
    pub(in crate::lab) host: String,
    /// The guest, as the inventory calls it.
    guest: String,
    line: Line,
    /// A shutdown that is a stop, because its guest is paused.
    stops: bool,
    stage: Stage,
    /// The number of the wake-up that counts.
    wake: u64,
    stdout: String,
    stderr: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Perl begins.
    Enters,
    /// QEMU is asked whether it is paused, and does not answer.
    Asks,
    /// Another process holds the lock file; until then it is waited for.
    WantsLock(u64),
    /// The agent is asked whether it answers.
    Pings,
    /// QEMU begins.
    Starts,
    /// The guest is to go off; what is said when it does not.
    Off(Silence),
    /// It was ended by a signal.
    Killed,
    /// It is at work on the guest's disks, and has that long to go.
    Works,
    /// A cleanup waits for the guest that runs again.
    Cleans,
}

/// How it was asked in vain.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Silence {
    /// It took the question, and goes on.
    Runs,
    /// The question itself had no answer.
    Deaf,
}

impl Lab {
    pub(super) fn qm_acts(&mut self, host: &str, guest: String, line: Line, caller: Caller) {
        let within = (caller.step.is_none()).then_some(caller.within);
        let n = self.new_call(host, guest, line, Some(caller), QM);
        if let Some(within) = within {
            self.at(within, Due::GiveUp(n));
        }
    }

    fn new_call(&mut self, host: &str, guest: String, line: Line, caller: Option<Caller>, after: u64) -> u64 {
        self.order += 1;
        let n = self.order;
        let (stdout, stderr) = (String::new(), String::new());
        let (host, stage) = (host.to_string(), Stage::Enters);
        let call = Call { caller, host, guest, line, stops: false, stage, wake: 0, stdout, stderr };
        self.calls.insert(n, call);
        self.sleeps(n, Stage::Enters, after);
        n
    }

    /// The call goes on in so many milliseconds, if nothing else wakes it before.
    fn sleeps(&mut self, n: u64, stage: Stage, ms: u64) {
        let Some(call) = self.calls.get_mut(&n) else { return };
        call.stage = stage;
        call.wake += 1;
        let wake = call.wake;
        self.at(ms, Due::Call(n, wake));
    }

    /// Its time has come.
    pub(in crate::lab) fn call_wakes(&mut self, n: u64, wake: u64) {
        let Some(call) = self.calls.get(&n).filter(|call| call.wake == wake) else { return };
        let (verb, guest) = (call.line.command.clone(), call.guest.clone());
        match call.stage {
            Stage::Enters => self.enters(n),
            Stage::Asks => {
                let id = call.line.id.clone();
                let why = format!("unable to connect to VM {id} qmp socket - timeout after 50 retries");
                self.warns(n, &format!("VM {id} qmp command 'query-status' failed - {why}\n\n"));
                self.wants_lock(n);
            }
            Stage::WantsLock(_) if self.file_is_free(&guest) => {
                self.prints(n, " OK\n");
                self.locked(n);
            }
            Stage::WantsLock(until) if self.now < until => {
                self.sleeps(n, Stage::WantsLock(until), until - self.now);
            }
            Stage::WantsLock(_) => {
                let text = format!("can't lock file '{}' - got timeout", lock_file(&call.line.id));
                self.ends(n, 255, &text);
            }
            Stage::Pings => {
                self.no_agent(n);
                self.asks_by_acpi(n);
            }
            Stage::Starts => {
                self.changed(&guest, Change::On);
                self.ends(n, 0, "");
            }
            Stage::Off(_) if verb == "wait" => self.ends(n, 25, "wait failed - got timeout"),
            Stage::Off(silence) => self.did_not_listen(n, silence),
            Stage::Killed => {
                let frozen = self.machines.get(&guest).is_some_and(|machine| machine.frozen);
                if frozen {
                    self.prints(n, "VM still running - terminating now with SIGKILL\n");
                    self.kills(n, KILLED);
                }
            }
            Stage::Works => self.has_worked(n),
            Stage::Cleans => self.ends(n, 0, ""),
        }
    }

    /// What a call prints while it is at work: a worker's warnings are on standard output.
    fn prints(&mut self, n: u64, text: &str) {
        let Some(call) = self.calls.get_mut(&n) else { return };
        let is_worker = !matches!(call.line.command.as_str(), "set" | "unlock" | "template");
        if is_worker { &mut call.stdout } else { &mut call.stderr }.push_str(text);
    }

    fn warns(&mut self, n: u64, text: &str) {
        if let Some(call) = self.calls.get_mut(&n) {
            call.stderr.push_str(text);
        }
    }

    /// The call ends, and says why if it went wrong.
    fn ends(&mut self, n: u64, code: i32, why: &str) {
        let Some(mut call) = self.calls.remove(&n) else { return };
        if !why.is_empty() {
            call.stderr.push_str(why);
            call.stderr.push('\n');
        }
        if self.task_ends(n, if code == 0 { "OK" } else { why })
            && self.machines.get(&call.host).is_some_and(|host| host.tasks_race)
        {
            call.stderr.push_str("trying to acquire lock...\n OK\n");
        }
        if code != 0
            && call.line.command == "reboot"
            && let Some(machine) = self.machines.get_mut(&call.guest)
        {
            machine.reboot_asked = false;
        }
        self.gives_back(n, &call.guest);
        if let Some(caller) = call.caller {
            let reply = Reply { code, stdout: call.stdout, stderr: call.stderr, ..Reply::default() };
            self.replies(caller, 0, reply);
        }
    }

    // ---- the lock file --------------------------------------------------------------------------------------------

    pub(in crate::lab) fn file_is_free(&self, guest: &str) -> bool {
        self.machines.get(guest).is_none_or(|machine| machine.file.is_none() && machine.busy_until <= self.now)
    }

    fn wants_lock(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let (guest, verb, id) = (call.guest.clone(), call.line.command.clone(), call.line.id.clone());
        let host = call.host.clone();
        self.task_begins(n, &host, &verb, &id);
        if self.file_is_free(&guest) {
            return self.locked(n);
        }
        self.prints(n, "trying to acquire lock...\n");
        let foreign = self.machines.get(&guest).map_or(0, |machine| machine.busy_until.saturating_sub(self.now));
        let pause = if foreign > 0 { foreign.min(LOCK_FILE) } else { LOCK_FILE };
        let until = self.now + LOCK_FILE;
        self.sleeps(n, Stage::WantsLock(until), pause);
    }

    /// Whoever has waited longest gets it.
    fn gives_back(&mut self, n: u64, guest: &str) {
        let Some(machine) = self.machines.get_mut(guest).filter(|machine| machine.file == Some(n)) else { return };
        machine.file = None;
        let waits = |call: &Call| call.guest == guest && matches!(call.stage, Stage::WantsLock(_));
        let next = self.calls.iter().find(|(_, call)| waits(call)).map(|(n, _)| *n);
        if let Some(next) = next {
            self.prints(next, " OK\n");
            self.locked(next);
        }
    }

    // ---- before and under the lock ----------------------------------------------------------------------------------

    fn enters(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let (line, guest) = (call.line.clone(), call.guest.clone());
        let Some(machine) = self.machines.get(&guest) else { return };
        let (running, paused, frozen) = (machine.running, machine.paused, machine.frozen);
        let (id, pid) = (line.id.as_str(), pid(machine));
        let not_running = format!("VM {id} not running");
        let is_powering = matches!(line.command.as_str(), "start" | "stop" | "shutdown");
        if is_powering && machine.ha.as_deref().is_some_and(|state| state != "ignored") {
            if !running && line.command == "shutdown" {
                self.warns(n, &format!("{not_running}\n\n"));
            }
            return self.asks_the_cluster(n, &guest, &line);
        }
        match line.command.as_str() {
            "shutdown" if !running => self.warns(n, &format!("{not_running}\n\n")),
            "shutdown" if paused && line.flag("forceStop") => {
                self.warns(n, "VM is paused - stop instead of shutdown\n");
                if let Some(call) = self.calls.get_mut(&n) {
                    call.stops = true;
                }
            }
            "shutdown" | "reboot" if paused => return self.ends(n, 29, "VM is paused - cannot shutdown"),
            "reboot" if !running => return self.ends(n, 2, &format!("{not_running}\n\n{not_running}")),
            "shutdown" | "reboot" if frozen => return self.sleeps(n, Stage::Asks, NO_ANSWER),
            "reset" | "suspend" | "resume" if !running => return self.ends(n, 2, &not_running),
            "destroy" if running => return self.ends(n, 25, &format!("VM {id} is running - destroy failed")),
            "wait" if !running => return self.ends(n, 0, ""),
            "wait" => {
                self.prints(n, &format!("waiting until VM {id} stops (PID {pid})\n"));
                let patience = line.seconds("timeout").map_or(u64::MAX / 4, |seconds| seconds * 1000);
                return self.sleeps(n, Stage::Off(Silence::Runs), patience);
            }
            _ => {}
        }
        self.wants_lock(n);
    }

    /// A guest that its cluster keeps: `qm` only hands the question on, and does not wait for what comes of it.
    fn asks_the_cluster(&mut self, n: u64, guest: &str, line: &Line) {
        let id = &line.id;
        let (verb, wanted) = if line.command == "start" { ("start", "started") } else { ("stop", "stopped") };
        let timeout = if line.command == "stop" { 0 } else { line.seconds("timeout").unwrap_or(60) };
        self.prints(n, &format!("Requesting HA {verb} for VM {id}\n"));
        let state = self.machines.get(guest).and_then(|machine| machine.ha.clone()).unwrap_or_default();
        let host = self.calls.get(&n).and_then(|call| self.machines.get(&call.host));
        let (runs, missing) = host.map_or((true, false), |host| (host.ha_runs, host.ha_missing));
        if missing {
            let command = match verb {
                "start" => format!("ha-manager set vm:{id} --state started"),
                _ => format!("ha-manager crm-command stop vm:{id} {timeout}"),
            };
            let why = format!("open3: exec of {command} failed: No such file or directory");
            let text = format!("command '{command}' failed: {why} at /usr/share/perl5/PVE/Cmd.pm line 174.");
            return self.ends(n, 255, &text);
        }
        if state.is_empty() && host.is_some_and(|host| host.release < 9) {
            let place = "/usr/share/perl5/PVE/API2/HA/Resources.pm line 40.";
            self.prints(n, &format!("Use of uninitialized value in string eq at {place}\n"));
        }
        let is_so = state == wanted || state.is_empty() && wanted == "started";
        if runs && !is_so {
            self.cluster(guest, wanted, timeout.saturating_mul(1000));
        }
        self.ends(n, 0, "");
    }

    fn locked(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let (line, guest, host, stops) = (call.line.clone(), call.guest.clone(), call.host.clone(), call.stops);
        let has_quorum = self.machines.get(&host).is_none_or(|host| host.quorum);
        let read_only = self.machines.get(&host).is_some_and(|host| host.cluster_read_only);
        let holds_lock = self.machines.get(&host).is_some_and(|host| host.cleanup_holds_lock);
        let Some(machine) = self.machines.get_mut(&guest) else { return };
        machine.file = Some(n);
        let (id, running) = (&line.id, machine.running);
        let verb = if stops { "stop" } else { line.command.as_str() };
        let held = machine.lock.clone().filter(|_| !line.flag("skiplock"));
        // What holds a guest does not matter to whom nothing is to be done: one that is off stays so.
        let matters = match verb {
            "start" => !(running && held.as_deref() == Some("backup")) && held.as_deref() != Some("suspended"),
            "stop" | "shutdown" => running,
            "suspend" | "resume" | "unlock" | "cleanup" => false,
            // A lock may be set where none is, and taken away.
            "set" => !line.options.contains_key("lock"),
            _ => true,
        };
        if verb == "start" && machine.template {
            return self.ends(n, 255, "you can't start a vm if it's a template");
        }
        if let Some(held) = held.as_ref().filter(|_| matters) {
            return self.ends(n, 255, &format!("VM is locked ({held})"));
        }
        match verb {
            "start" if running && held.is_some() => self.ends(n, 0, ""),
            "start" if running => self.ends(n, 255, &format!("VM {id} already running")),
            "start" if !has_quorum => self.ends(n, 255, "cluster not ready - no quorum?"),
            "start" => {
                if let Some((printed, why)) = machine.start_fails.clone() {
                    self.prints(n, &printed);
                    return self.ends(n, 255, &why);
                }
                if held.as_deref() == Some("suspended") {
                    machine.lock = None;
                    self.prints(n, "Resuming suspended VM\nResumed VM, removing state\n");
                }
                self.sleeps(n, Stage::Starts, START);
            }
            "stop" | "shutdown" if !running => self.ends(n, 0, ""),
            "reboot" if !running => self.ends(n, 255, &format!("VM {id} not running")),
            "stop" => self.quits(n),
            "shutdown" | "reboot" => {
                machine.reboot_asked |= verb == "reboot";
                match agent_is_configured(machine) {
                    true if machine.agent_is_heard() && !machine.frozen => self.asks_the_agent(n),
                    true => self.sleeps(n, Stage::Pings, AGENT_PATIENCE),
                    false => self.asks_by_acpi(n),
                }
            }
            "reset" => {
                self.changed(&guest, Change::Reset);
                self.ends(n, 0, "");
            }
            "suspend" | "resume" => {
                self.changed(&guest, if verb == "suspend" { Change::Pause } else { Change::Resume });
                self.ends(n, 0, "");
            }
            "set" => self.sets(n),
            "destroy" if read_only => {
                machine.lock = Some("destroyed".to_string());
                let why = "cfs-lock 'file-user_cfg' error: pve cluster filesystem not online.";
                self.ends(n, 255, &format!("access permissions cleanup for VM {id} failed: {why}"));
            }
            "unlock" | "destroy" | "template" => {
                match verb {
                    "unlock" => machine.lock = None,
                    "destroy" => machine.identity = None,
                    _ => machine.template = true,
                }
                self.ends(n, 0, "");
            }
            "snapshot" if machine.snapshots.contains(&line.rest[0]) => {
                self.ends(n, 255, &format!("snapshot name '{}' already used", line.rest[0]));
            }
            "delsnapshot" | "rollback" if !machine.snapshots.contains(&line.rest[0]) => {
                self.ends(n, 255, &format!("snapshot '{}' does not exist", line.rest[0]));
            }
            "snapshot" | "delsnapshot" | "rollback" | "clone" | "migrate" | "disk move" | "disk resize" => {
                machine.lock = Some(if verb.starts_with("disk") { "disk" } else { verb }.to_string());
                if verb == "delsnapshot" {
                    machine.lock = Some("snapshot-delete".to_string());
                }
                self.sleeps(n, Stage::Works, long(verb).1);
            }
            // What qmeventd runs when QEMU has gone.
            _ if running && holds_lock => self.sleeps(n, Stage::Cleans, CLEANUP_HOLDS),
            _ if !running && machine.reboot_asked && machine.starts_again => {
                machine.reboot_asked = false;
                let fails = machine.start_fails.as_ref().map(|(_, why)| why.clone());
                let fails = fails.or((!has_quorum).then(|| "cluster not ready - no quorum?".to_string()));
                self.task_begins(n, &host, "start", id);
                match fails {
                    // Nobody is told.
                    Some(why) => self.ends(n, 255, &why),
                    None => self.sleeps(n, Stage::Starts, START),
                }
            }
            _ => self.ends(n, 0, ""),
        }
    }

    /// Its work on the guest is done.
    fn has_worked(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let (line, guest) = (call.line.clone(), call.guest.clone());
        let target = line.rest.first().cloned().unwrap_or_default();
        let to = self.machines.get(&target).filter(|node| node.hypervisor.is_none()).map(|node| node.name.clone());
        let Some(machine) = self.machines.get_mut(&guest) else { return };
        machine.lock = None;
        let boot = machine.boot;
        match line.command.as_str() {
            "snapshot" => machine.snapshots.push(target),
            "delsnapshot" => machine.snapshots.retain(|name| *name != target),
            "rollback" => self.changed(&guest, Change::Off(boot)),
            "migrate" => match to {
                Some(node) => machine.hypervisor = Some(node),
                None => return self.ends(n, 255, &format!("no such cluster node '{target}'")),
            },
            _ => {}
        }
        self.ends(n, 0, "");
    }

    fn sets(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let (line, guest) = (call.line.clone(), call.guest.clone());
        let release = self.machines.get(&call.host).map_or(9, |host| host.release);
        let Some(machine) = self.machines.get_mut(&guest) else { return };
        let mut shown = String::new();
        for (key, value) in line.options.iter().filter(|(key, _)| *key != "skiplock") {
            shown.push_str(&format!(" -{key} {value}"));
            match key.as_str() {
                "agent" => {
                    machine.agent_set = true;
                    machine.agent_off = matches!(value.trim_start_matches("enabled="), "0")
                        || value.starts_with("0,")
                        || value.starts_with("enabled=0");
                }
                "name" => machine.guest_name = value.clone(),
                "lock" => machine.lock = Some(value.clone()),
                "delete" => {
                    for key in value.split(',') {
                        match key {
                            "agent" => (machine.agent_set, machine.agent_off) = (false, false),
                            "name" => machine.guest_name.clear(),
                            "lock" => machine.lock = None,
                            _ => {
                                machine.settings.remove(key);
                            }
                        }
                    }
                }
                _ => {
                    machine.settings.insert(key.clone(), value.clone());
                }
            }
        }
        if let Some(call) = self.calls.get_mut(&n) {
            call.stdout.push_str(&format!("update VM {}:{shown}\n", line.id));
            if shown.contains('\u{fffd}') {
                let place = if release >= 9 { 2259 } else { 2160 };
                call.stderr
                    .push_str(&format!("Wide character in print at /usr/share/perl5/PVE/API2/Qemu.pm line {place}.\n"));
            }
        }
        self.ends(n, 0, "");
    }

    // ---- the guest's way off ----------------------------------------------------------------------------------------

    fn patience(&self, n: u64) -> u64 {
        self.calls.get(&n).and_then(|call| call.line.seconds("timeout")).map_or(GRACE, |seconds| seconds * 1000)
    }

    fn no_agent(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let (id, guest) = (call.line.id.clone(), call.guest.clone());
        let release = self.machines.get(&call.host).map_or(9, |host| host.release);
        let asked = if release >= 9 { "qga" } else { "qmp" };
        let why = match self.machines.get_mut(&guest).filter(|machine| machine.frozen) {
            // Nobody takes its connections any more.
            Some(machine) if machine.unanswered >= 2 => {
                format!("unable to connect to VM {id} qga socket - timeout after 30 retries")
            }
            machine => {
                if let Some(machine) = machine {
                    machine.unanswered += 1;
                }
                "got timeout".to_string()
            }
        };
        self.prints(
            n,
            &format!("QEMU Guest Agent is not running - VM {id} {asked} command 'guest-ping' failed - {why}\n"),
        );
    }

    fn asks_the_agent(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let guest = call.guest.clone();
        let patience = self.patience(n);
        let Some(machine) = self.machines.get(&guest) else { return };
        let (refuses, hangs, obeys, boot) =
            (machine.agent_refuses_shutdown, machine.agent_shutdown_hangs, machine.obeys, machine.boot);
        if refuses {
            return self.did_not_listen(n, Silence::Deaf);
        }
        self.sleeps(n, Stage::Off(if hangs { Silence::Deaf } else { Silence::Runs }), patience);
        if obeys && !hangs {
            self.asked_to_shut_down(&guest, boot, 0);
        }
    }

    /// A guest whose system is not up yet loses the press of the button.
    fn asks_by_acpi(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let guest = call.guest.clone();
        let patience = self.patience(n);
        let Some(machine) = self.machines.get(&guest) else { return };
        if !machine.running {
            return self.ends(n, 0, "");
        }
        if machine.frozen {
            return self.sleeps(n, Stage::Off(Silence::Deaf), NO_ANSWER);
        }
        let hears = machine.obeys && machine.is_up(self.now);
        let boot = machine.boot;
        self.sleeps(n, Stage::Off(Silence::Runs), patience);
        if hears {
            self.asked_to_shut_down(&guest, boot, 0);
        }
    }

    /// Its system begins to shut down, unless it does already.
    pub(in crate::lab) fn asked_to_shut_down(&mut self, guest: &str, boot: u32, after: u64) {
        let Some(machine) = self.machines.get_mut(guest).filter(|machine| machine.boot == boot) else { return };
        if machine.running && !std::mem::replace(&mut machine.going_off, true) {
            let takes = after + machine.shutdown_takes;
            self.change(takes, guest, Change::Off(boot));
        }
    }

    fn quits(&mut self, n: u64) {
        let Some(call) = self.calls.get(&n) else { return };
        let guest = call.guest.clone();
        let patience = self.patience(n);
        let Some(machine) = self.machines.get(&guest) else { return };
        let (boot, takes) = (machine.boot, QUIT + machine.quit_takes);
        if machine.frozen {
            return self.sleeps(n, Stage::Off(Silence::Deaf), NO_ANSWER);
        }
        self.sleeps(n, Stage::Off(Silence::Runs), patience);
        self.change(takes, &guest, Change::Off(boot));
    }

    /// The guest runs on. Whoever may use force does.
    fn did_not_listen(&mut self, n: u64, silence: Silence) {
        let Some(call) = self.calls.get(&n) else { return };
        let by_force = call.line.command == "stop" || call.line.flag("forceStop");
        let guest = call.guest.clone();
        if !by_force {
            let why = match silence {
                Silence::Runs => "VM quit/powerdown failed - got timeout",
                Silence::Deaf => "VM quit/powerdown failed",
            };
            return self.ends(n, 255, why);
        }
        self.prints(
            n,
            match silence {
                Silence::Runs => "VM still running - terminating now with SIGTERM\n",
                Silence::Deaf => "VM quit/powerdown failed - terminating now with SIGTERM\n",
            },
        );
        match self.machines.get(&guest).is_some_and(|machine| machine.frozen) {
            true => self.sleeps(n, Stage::Killed, TERMINATES),
            false => self.kills(n, QUIT),
        }
    }

    fn kills(&mut self, n: u64, after: u64) {
        let Some(call) = self.calls.get_mut(&n) else { return };
        call.stage = Stage::Killed;
        call.wake += 1;
        let guest = call.guest.clone();
        let boot = self.machines.get(&guest).map_or(0, |machine| machine.boot);
        self.change(after, &guest, Change::Off(boot));
    }

    // ---- what becomes of guests and hosts ---------------------------------------------------------------------------

    /// A guest has gone off: whoever waited for that goes on, and its host cleans up.
    pub(in crate::lab) fn guest_went_off(&mut self, guest: &str) {
        let waits = |call: &Call| {
            call.guest == guest && matches!(call.stage, Stage::Off(_) | Stage::Killed | Stage::Pings | Stage::Cleans)
        };
        let waiting: Vec<u64> = self.calls.iter().filter(|(_, call)| waits(call)).map(|(n, _)| *n).collect();
        let Some(machine) = self.machines.get(guest).filter(|machine| machine.driver == "proxmox") else { return };
        if let Some((host, id)) = machine.hypervisor.clone().zip(machine.identity.clone())
            && self.machines.get(&host).is_some_and(|host| host.running)
        {
            let line = Line { command: "cleanup".to_string(), id, ..Line::default() };
            self.new_call(&host, guest.to_string(), line, None, CLEANUP);
        }
        for n in waiting {
            self.ends(n, 0, "");
        }
    }

    /// The agent of a guest has come up while it was asked.
    pub(in crate::lab) fn agent_came_up(&mut self, guest: &str) {
        let asks = |call: &Call| call.guest == guest && call.stage == Stage::Pings;
        let asking: Vec<u64> = self.calls.iter().filter(|(_, call)| asks(call)).map(|(n, _)| *n).collect();
        for n in asking {
            self.asks_the_agent(n);
        }
    }

    /// A host goes down, and its processes with it.
    pub(in crate::lab) fn host_went_down(&mut self, host: &str) {
        let gone: Vec<u64> = self.calls.iter().filter(|(_, call)| call.host == host).map(|(n, _)| *n).collect();
        for n in gone {
            let Some(call) = self.calls.remove(&n) else { continue };
            if let Some(machine) = self.machines.get_mut(&call.guest).filter(|machine| machine.file == Some(n)) {
                machine.file = None;
            }
            if let Some(caller) = call.caller {
                self.replies(caller, 0, Reply::default());
            }
        }
        let guests = self.machines.values_mut().filter(|machine| machine.hypervisor.as_deref() == Some(host));
        guests.for_each(|machine| machine.reboot_asked = false);
    }

    /// Whoever asked for it waits no longer; it goes on.
    pub(in crate::lab) fn give_up(&mut self, n: u64) -> Option<Caller> {
        self.calls.get_mut(&n)?.caller.take()
    }

    /// Nobody waits for the answers of those that are no operations any more.
    pub(in crate::lab) fn forget_callers(&mut self) {
        for call in self.calls.values_mut() {
            call.caller.take_if(|caller| caller.step.is_none());
        }
    }
}
