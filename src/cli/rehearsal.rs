//! The rehearsal of a hand-off: the preflight of a plan that takes down its own machine is asked once more, by the
//! program and with the environment of the service that goes on with the run after the boot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{kept, service};
use crate::code::Code;

/// What systemd gives every service.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What keeps the service from going on with this plan, besides what is `known` already.
pub(super) fn obstacles(code: &Code, known: &[&str]) -> Vec<String> {
    if code.plans.iter().all(|plan| plan.hands_off.is_empty()) {
        return Vec::new();
    }
    // Where it is not installed, that is said elsewhere.
    let Some(unit) = service::installed() else { return Vec::new() };
    let found = rehearse(&unit).unwrap_or_else(|why| vec![why]);
    let new = found.into_iter().filter(|sentence| !known.iter().any(|known| sentence.contains(known)));
    new.map(|sentence| format!("after the boot, as `hostler-resume.service` goes on with the run: {sentence}"))
        .collect()
}

fn rehearse(unit: &str) -> Result<Vec<String>, String> {
    let Unit { program, environment } =
        Unit::read(unit).ok_or("its unit is not as `hostler service install` writes it")?;
    if !program.is_file() {
        return Err(format!(
            "it runs `{}`, which is not there; write `hostler service install` again",
            program.display()
        ));
    }
    let theirs = kept::runs_folder(|name| environment.get(name).map(Into::into));
    let ours = kept::runs_folder(|name| std::env::var_os(name));
    if theirs != ours {
        let place =
            |folder: Option<PathBuf>| folder.map_or("nowhere".to_string(), |folder| folder.display().to_string());
        return Err(format!(
            "it looks for runs in `{}`, and this one's journal would be in `{}`; write `hostler service install` as you run the plan",
            place(theirs),
            place(ours)
        ));
    }
    let words = std::env::args_os().skip(1).filter(|word| word != "--narrated");
    let output = Command::new(&program)
        .args(words)
        .args(["--narrated", "--rehearsal"])
        .env_clear()
        .env("PATH", PATH)
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("it runs `{}`, which can not be started: {error}", program.display()))?;
    match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(found) => Ok(sentences(&found)),
        Err(_) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("the plan would be refused: {}", errors(&said).join("; ")))
        }
    }
}

/// The sentences of the errors in what a narrated program says.
fn errors(said: &str) -> Vec<&str> {
    let severe = |line: &str| line.trim() == "Diagnostic severity: error";
    let follows = said.lines().zip(said.lines().skip(1)).filter(|(_, next)| severe(next)).map(|(line, _)| line);
    follows.chain(said.lines().filter_map(|line| line.strip_prefix("error: "))).collect()
}

/// What stands against the plan by a preflight's JSON.
fn sentences(found: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let texts = |value: &Value| list(value).iter().filter_map(Value::as_str).map(str::to_string).collect::<Vec<_>>();
    let mut sentences = texts(&found["problems"]);
    for row in list(&found["targets"]).iter().chain(&list(&found["hosts"])) {
        let name = row["name"].as_str().unwrap_or_default();
        sentences.extend(texts(&row["problems"]).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    sentences
}

/// What an installed unit says.
struct Unit {
    program: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Unit {
    fn read(text: &str) -> Option<Unit> {
        let mut program = None;
        let mut environment = BTreeMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("ExecStart=") {
                program = service::unquoted(rest).map(PathBuf::from);
            } else if let Some(rest) = line.strip_prefix("Environment=") {
                let word = service::unquoted(rest)?;
                let (name, value) = word.split_once('=')?;
                environment.insert(name.to_string(), value.to_string());
            }
        }
        let program = program.filter(|program| Path::is_absolute(program))?;
        Some(Unit { program, environment })
    }
}
