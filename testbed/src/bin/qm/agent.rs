//! What `qm` asks of the agent in a guest.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::keys::{decode, encode};
use testbed::qmp::{Agent, Silence};

use crate::Said;
use crate::host::{Host, Vm};
use crate::json::pretty;
use crate::usage::Line;

/// How long the agent is waited for before anything is asked of it.
pub(crate) const PING: Duration = Duration::from_secs(3);

/// How long for an answer, where the question itself takes no time.
const ANSWER: Duration = Duration::from_secs(5);

/// The agent, when it answers.
pub(crate) fn ping(vm: &Vm) -> Result<Agent, Silence> {
    if !vm.agent_socket().exists() {
        // Configured since the start of its QEMU: the device is not there yet.
        return Err(Silence::Gone);
    }
    let mut agent = Agent::open(&vm.agent_socket(), PING)?;
    agent.ask("guest-ping", Value::Null, PING)?;
    Ok(agent)
}

/// The agent, or what is said where it can not be asked.
fn asked(vm: &Vm) -> Result<Agent, Said> {
    if vm.get("agent").is_none() {
        return Err(Said::wrong(255, "No QEMU guest agent configured"));
    }
    if vm.pid().is_none() {
        return Err(Said::wrong(2, &format!("VM {} is not running", vm.id)));
    }
    let silent = || Said::wrong(255, "QEMU guest agent is not running");
    if !vm.has_agent() {
        return Err(silent());
    }
    ping(vm).map_err(|_| silent())
}

pub(crate) fn cmd(_: &Host, vm: &Vm, line: &Line) -> Said {
    let command = line.rest.first().map_or("", String::as_str);
    let mut agent = match asked(vm) {
        Ok(agent) => agent,
        Err(said) => return said,
    };
    let shown = |value: &Value| match value {
        Value::String(text) => Said::out(format!("{text}\n")),
        Value::Number(number) => Said::out(format!("{number}\n")),
        other => Said::out(format!("{}\n", pretty(other))),
    };
    let patience = match command {
        "ping" => return Said::default(),
        "fsfreeze-freeze" | "fsfreeze-thaw" | "fstrim" => 10 * ANSWER,
        _ => ANSWER,
    };
    match agent.ask(&format!("guest-{command}"), Value::Null, patience) {
        Ok(value) => shown(&value),
        // The agent's own error is printed, and is none of this command's.
        Err(Silence::Refused(why)) => shown(&json!({"error": {"class": "GenericError", "desc": why}})),
        Err(_) if matches!(command, "shutdown" | "suspend-disk" | "suspend-ram" | "suspend-hybrid") => {
            shown(&json!({ "result": null }))
        }
        Err(_) => Said::wrong(255, &format!("VM {} qmp command 'guest-{command}' failed - got timeout", vm.id)),
    }
}

pub(crate) fn exec(host: &Host, vm: &Vm, line: &Line) -> Said {
    let passes_stdin = line.flag("pass-stdin");
    if line.rest.is_empty() && !passes_stdin {
        // The code is errno's at that moment.
        return Said::wrong(if host.release >= 9 { 255 } else { 2 }, "command or input-data (or both) required");
    }
    let mut agent = match asked(vm) {
        Ok(agent) => agent,
        Err(said) => return said,
    };
    let mut arguments = json!({"path": line.rest.first(), "arg": line.rest.get(1..), "capture-output": true});
    if passes_stdin {
        let mut input = Vec::new();
        let _ = std::io::stdin().take(1 << 20).read_to_end(&mut input);
        arguments["input-data"] = json!(encode(&input));
    }
    let pid = match agent.ask("guest-exec", arguments, ANSWER) {
        Ok(said) => said["pid"].clone(),
        Err(silence) => return refused(host, &silence),
    };
    let pid_alone = format!("{}\n", pretty(&json!({ "pid": pid })));
    if line.options.get("synchronous").is_some_and(|value| value == "0") {
        return Said::out(pid_alone);
    }
    // Whoever waits lets others ask meanwhile.
    drop(agent);
    let patience = line.seconds("timeout").unwrap_or(Duration::from_secs(30));
    let begun = Instant::now();
    loop {
        match status(host, vm, &pid) {
            Err(said) => return said,
            Ok(status) if status["exited"] == json!(1) => return Said::out(format!("{}\n", pretty(&status))),
            Ok(_) if begun.elapsed() >= patience && !patience.is_zero() => {
                return Said { stdout: pid_alone, stderr: "timeout reached, returning pid\n".to_string(), code: 0 };
            }
            Ok(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

pub(crate) fn exec_status(host: &Host, vm: &Vm, line: &Line) -> Said {
    let pid = line.rest.first().and_then(|pid| pid.parse::<i64>().ok());
    match asked(vm).map(drop).and_then(|()| status(host, vm, &json!(pid))) {
        Ok(status) => Said::out(format!("{}\n", pretty(&status))),
        Err(said) => said,
    }
}

/// What became of a command in the guest, with its output as text and yes and no as 1 and 0.
fn status(host: &Host, vm: &Vm, pid: &Value) -> Result<Value, Said> {
    let ask = || {
        let mut agent = Agent::open(&vm.agent_socket(), ANSWER)?;
        agent.ask("guest-exec-status", json!({ "pid": pid }), ANSWER)
    };
    let said = ask().map_err(|silence| refused(host, &silence))?;
    let mut shown = json!({});
    for (key, value) in said.as_object().into_iter().flatten() {
        shown[key] = match value {
            Value::Bool(yes) => json!(u8::from(*yes)),
            Value::String(text) => json!(String::from_utf8_lossy(&decode(text))),
            other => other.clone(),
        };
    }
    for key in ["out", "err"] {
        if shown.get(format!("{key}-data")).is_some() && shown.get(format!("{key}-truncated")).is_none() {
            shown[format!("{key}-truncated")] = json!(0);
        }
    }
    Ok(shown)
}

fn refused(host: &Host, silence: &Silence) -> Said {
    let Silence::Refused(why) = silence else { return Said::wrong(255, "QEMU guest agent is not running") };
    let place = if host.release >= 9 { 1131 } else { 1008 };
    let wide = match why.is_ascii() {
        true => String::new(),
        false => format!("Wide character in die at /usr/share/perl5/PVE/RESTHandler.pm line {place}.\n"),
    };
    Said::wrong(29, &format!("{wide}Agent error: {why}"))
}
