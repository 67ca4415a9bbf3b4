//! libvirt's `virsh` (9.0) with domains of QEMU: its texts, streams and exit codes. Held against a recording of the real
//! one by `tests/virsh.rs`.

use super::machine::Machine;
use super::{Change, Lab, Said, err, not_known, out, say};
use crate::machine::{Reply, Run};

/// What a call of `virsh` costs, in milliseconds.
const VIRSH: u64 = 80;
/// How long until QEMU runs, and until it is gone when it is killed, in milliseconds.
const START: u64 = 600;
const KILL: u64 = 500;
/// How long a guest is waited for whose agent said yes to a shutdown, in milliseconds.
const YES: u64 = 60_000;
/// How long an agent is waited for that is connected and does not answer, in milliseconds.
const AGENT: u64 = 5_000;

/// A call: what it does, and to which domain.
struct Call<'r> {
    quiet: bool,
    command: &'r str,
    options: Vec<&'r str>,
    words: Vec<&'r str>,
}

impl<'r> Call<'r> {
    fn of(run: &'r Run) -> Call<'r> {
        let mut words = run.argv.iter().skip(1).map(String::as_str).peekable();
        let mut quiet = false;
        // The options before the command: some have a value.
        while let Some(word) = words.next_if(|word| word.starts_with('-')) {
            quiet |= matches!(word, "-q" | "--quiet");
            if matches!(word, "-c" | "--connect" | "-d" | "--debug" | "-l" | "--log" | "-k" | "-K") {
                words.next();
            }
        }
        let command = words.next().unwrap_or_default();
        let (mut options, mut others) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word {
                "--mode" | "--timeout" => options.extend([word, words.next().unwrap_or_default()]),
                _ if word.starts_with("--") => options.push(word),
                _ => others.push(word),
            }
        }
        Call { quiet, command, options, words: others }
    }

    fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    /// What is said of something that was done: nothing where it is to be quiet.
    fn done(&self, text: &str) -> Reply {
        if self.quiet { Reply::default() } else { self.shown(text) }
    }

    /// What was asked for.
    fn shown(&self, text: &str) -> Reply {
        let mut reply = out(text);
        if !self.quiet {
            reply.stdout.push('\n');
        }
        reply
    }

    fn failed(&self, texts: &[&str]) -> Reply {
        let lines: Vec<String> = texts.iter().map(|text| format!("error: {text}")).collect();
        let stdout = if self.quiet { String::new() } else { "\n".to_string() };
        Reply { stdout, ..err(1, &lines.join("\n")) }
    }
}

impl Lab {
    pub(super) fn virsh(&mut self, run: &Run) -> Said {
        let call = Call::of(run);
        if call.command == "list" {
            return say(VIRSH, self.domains(&run.host, &call));
        }
        let Some(domain) = call.words.first() else {
            let text = format!("error: command '{}' requires <domain> option", call.command);
            return say(VIRSH, err(1, &text));
        };
        let Some(name) = self.by_identity(&run.host, domain) else {
            return say(VIRSH, call.failed(&[&format!("failed to get domain '{domain}'")]));
        };
        let Some(machine) = self.machines.get(&name) else { return not_known(run) };
        const ACTS: [&str; 8] = ["start", "shutdown", "destroy", "reboot", "reset", "suspend", "resume", "managedsave"];
        if ACTS.contains(&call.command) {
            return match refused(&call, machine) {
                Some((takes, reply)) => say(takes, reply),
                None => self.virsh_acts(&call, &name),
            };
        }
        let (running, paused) = (machine.running, machine.paused);
        let not_running = "Requested operation is not valid: domain is not running";
        match call.command {
            "domstate" => say(VIRSH, call.shown(&state(machine, call.has("--reason")))),
            "domid" => say(VIRSH, call.shown(&if running { machine.starts.to_string() } else { "-".to_string() })),
            "domname" => say(VIRSH, call.shown(&machine.guest_name)),
            "domuuid" => match &machine.uuid {
                Some(uuid) => say(VIRSH, call.shown(uuid)),
                None => not_known(run),
            },
            "domjobinfo" | "domcontrol" if !running => say(VIRSH, call.failed(&[not_running])),
            "domjobinfo" => say(VIRSH, call.shown("Job type:         None        ")),
            "domcontrol" => say(VIRSH, call.shown("ok")),
            "domtime" | "qemu-agent-command" if !running || paused => say(VIRSH, call.failed(&[not_running])),
            "domtime" | "qemu-agent-command" if !machine.agent_is_heard() => {
                let (takes, text) = no_agent(machine);
                say(takes, call.failed(&[text]))
            }
            // Without a newline, if it is to be quiet.
            "domtime" => {
                let end = if call.quiet { "" } else { "\n" };
                say(VIRSH, Reply { stdout: format!("Time: 1764000000{end}"), ..Reply::default() })
            }
            "qemu-agent-command" => match call.words.get(1).and_then(|text| asked(text)).as_deref() {
                Some("guest-ping") => say(VIRSH, out("{\"return\":{}}")),
                Some("guest-info") => say(VIRSH, out(&format!("{{\"return\":{}}}", machine.agent_info()))),
                Some("guest-nothing") => {
                    let what = "internal error: unable to execute QEMU agent command 'guest-nothing'";
                    let text = format!("{what}: The command guest-nothing has not been found");
                    say(VIRSH, call.failed(&[&text]))
                }
                _ => not_known(run),
            },
            "dumpxml" => say(VIRSH, out(&xml(machine))),
            _ => not_known(run),
        }
    }

    /// What a call does that nothing stands in the way of.
    fn virsh_acts(&mut self, call: &Call<'_>, name: &str) -> Said {
        let Some(machine) = self.machines.get_mut(name) else { return say(VIRSH, Reply::default()) };
        let (boot, shutdown, obeys) = (machine.boot, machine.shutdown_takes, machine.obeys);
        let domain = machine.guest_name.clone();
        match call.command {
            "start" => {
                machine.state_reason = if machine.saved { "restored" } else { "booted" };
                let change = if machine.saved { Change::Restore } else { Change::On };
                self.change(START, name, change);
                return say(START + VIRSH, call.done(&format!("Domain '{domain}' started")));
            }
            "destroy" => {
                machine.state_reason = "destroyed";
                self.change(KILL, name, Change::Off(boot));
                return say(KILL + VIRSH, call.done(&format!("Domain '{domain}' destroyed")));
            }
            "managedsave" => {
                (machine.saved, machine.state_reason) = (true, "saved");
                self.change(KILL, name, Change::Off(boot));
                let mut reply = call.done(&format!("Domain '{domain}' state saved by libvirt"));
                if !call.quiet {
                    reply.stdout.insert(0, '\n');
                }
                return say(KILL + VIRSH, reply);
            }
            _ => {}
        }
        let waits = call.command == "shutdown" && machine.agent_is_heard() && !obeys;
        let done = match call.command {
            "shutdown" => {
                if obeys {
                    machine.state_reason = "shutdown";
                    self.change(VIRSH + shutdown, name, Change::Off(boot));
                }
                "is being shutdown"
            }
            "reboot" => {
                if obeys {
                    self.change(VIRSH + shutdown, name, Change::Reset);
                }
                "is being rebooted"
            }
            "reset" => {
                self.change(VIRSH, name, Change::Reset);
                "was reset"
            }
            "suspend" => {
                self.changed(name, Change::Pause);
                "suspended"
            }
            _ => {
                machine.state_reason = "unpaused";
                self.changed(name, Change::Resume);
                "resumed"
            }
        };
        say(if waits { YES } else { VIRSH }, call.done(&format!("Domain '{domain}' {done}")))
    }

    /// The domains of a host: those that run as they were started, then the others by name.
    fn domains(&self, host: &str, call: &Call<'_>) -> Reply {
        let here = |machine: &&Machine| machine.hypervisor.as_deref() == Some(host) && machine.driver == "libvirt";
        let mut domains: Vec<&Machine> = self.machines.values().filter(here).collect();
        domains.retain(|machine| call.has("--all") || machine.running);
        domains.sort_by_key(|machine| (!machine.running, if machine.running { machine.started_at } else { 0 }));
        if call.has("--name") {
            let names: String = domains.iter().map(|machine| format!("{}\n", machine.guest_name)).collect();
            let end = if call.quiet { "" } else { "\n" };
            return Reply { stdout: names + end, ..Reply::default() };
        }
        let rows: Vec<[String; 3]> = domains
            .iter()
            .map(|machine| {
                let id = if machine.running { machine.starts.to_string() } else { "-".to_string() };
                [id, machine.guest_name.clone(), state(machine, false)]
            })
            .collect();
        table(&rows, call.quiet)
    }
}

/// What stands in the way of a call, and how long it takes to say so.
fn refused(call: &Call<'_>, machine: &Machine) -> Option<(u64, Reply)> {
    let invalid = |text: &str| format!("Requested operation is not valid: domain is {text}");
    let title = format!("Failed to {} domain '{}'", call.command, machine.guest_name);
    let title = if call.command == "managedsave" {
        format!("Failed to save domain '{}' state", machine.guest_name)
    } else {
        title
    };
    let why = match call.command {
        "start" if machine.running => return Some((VIRSH, call.failed(&["Domain is already active"]))),
        "start" => return None,
        _ if !machine.running => invalid("not running"),
        "resume" if !machine.paused => invalid("already running"),
        "shutdown" | "managedsave" if machine.paused => invalid("not running"),
        "shutdown" | "reboot" if call.has("agent") && !machine.agent_is_heard() => {
            let (takes, text) = no_agent(machine);
            return Some((takes, call.failed(&[&title, text])));
        }
        _ => return None,
    };
    Some((VIRSH, call.failed(&[&title, &why])))
}

/// What is said of an agent that does not answer, and after how long.
fn no_agent(machine: &Machine) -> (u64, &'static str) {
    match machine.frozen || machine.agent_broken && machine.agent_runs {
        true => (AGENT, "Guest agent is not responding: Guest agent not available for now"),
        false => (VIRSH, "Guest agent is not responding: QEMU guest agent is not connected"),
    }
}

/// The command in an agent's question.
fn asked(text: &str) -> Option<String> {
    let question: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(question.get("execute")?.as_str()?.to_string())
}

fn state(machine: &Machine, reason: bool) -> String {
    let (state, why) = match (machine.running, machine.paused, machine.state_reason) {
        (true, true, _) => ("paused", "user"),
        // It was asked to go off.
        (true, false, "shutdown") => ("running", "booted"),
        (true, false, why) => ("running", why),
        (false, _, why @ ("destroyed" | "saved")) => ("shut off", why),
        (false, ..) => ("shut off", "shutdown"),
    };
    if reason { format!("{state} ({why})") } else { state.to_string() }
}

/// Columns as wide as what is in them.
fn table(rows: &[[String; 3]], quiet: bool) -> Reply {
    let titles = ["Id", "Name", "State"].map(str::to_string);
    let wide = |column: usize| rows.iter().chain([&titles]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [wide(0), wide(1), wide(2)];
    let line = |row: &[String; 3]| {
        format!(" {:<id$}   {:<name$}   {}\n", row[0], row[1], row[2], id = widths[0], name = widths[1])
    };
    let mut stdout = String::new();
    if !quiet {
        stdout.push_str(&line(&titles));
        stdout.push_str(&format!("{}\n", "-".repeat(widths.iter().sum::<usize>() + 9)));
    }
    stdout.extend(rows.iter().map(line));
    if !quiet {
        stdout.push('\n');
    }
    Reply { stdout, ..Reply::default() }
}

fn xml(machine: &Machine) -> String {
    let channel = match machine.agent_device {
        true => {
            "\n    <channel type='unix'>\n      <target type='virtio' name='org.qemu.guest_agent.0'/>\n    </channel>"
        }
        false => "",
    };
    format!("<domain type='kvm'>\n  <name>{}</name>\n  <devices>{channel}\n  </devices>\n</domain>", machine.guest_name)
}
