//! Scenes: what is other than well in the lab, and what its machines answer to commands that it does not know. A scene is
//! a file of the user's, in TOML.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value as Json;
use toml::Spanned;

use super::machine::{Machine, Taught};
use super::pattern::Pattern;
use super::{Due, Lab};
use crate::code::{Type, Value, from_json};
use crate::machine::Reply;

/// The longest time in a scene, in milliseconds: a leap year.
const LONGEST: u64 = 366 * 86_400_000;

/// A scene that was read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// What becomes of a command that the lab does not know.
    #[serde(default)]
    unknown: Option<Unknown>,
    /// How machines are when the run begins, by host patterns.
    #[serde(default)]
    machines: BTreeMap<Spanned<String>, Setting>,
    /// What machines answer to commands.
    #[serde(default)]
    answers: Vec<Answer>,
    /// What happens to machines later.
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unknown {
    /// The plan stops there, and is told how to teach the lab.
    Refused,
    /// It succeeds, and prints nothing.
    Succeeds,
}

/// How a machine is. What is not said stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Setting {
    power: Option<Power>,
    boots: Option<bool>,
    boot_takes: Option<Time>,
    obeys: Option<bool>,
    shutdown_takes: Option<Time>,
    agent_takes: Option<Time>,
    starts_again: Option<bool>,
    starts_with_host: Option<bool>,
    start_fails: Option<String>,
    ssh: Option<bool>,
    closed_ports: Option<Vec<u16>>,
    agent: Option<Agent>,
    name: Option<String>,
    template: Option<bool>,
    lock: Option<String>,
    locked_for: Option<Time>,
    ha: Option<String>,
    frozen: Option<bool>,
    upgrades: Option<u32>,
    new_kernel: Option<String>,
    restart_wanted: Option<bool>,
    packages_held_for: Option<Time>,
    free: Option<Size>,
    services: Option<BTreeMap<String, Service>>,
    tasks: Option<u32>,
    quorum: Option<bool>,
    pools_healthy: Option<bool>,
    release: Option<Release>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Power {
    On,
    Off,
    Paused,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Agent {
    /// It answers.
    Well,
    /// Its service runs and does not answer, however often it is started.
    Dead,
    /// Its service does not run.
    Stopped,
    /// The package is not installed.
    Absent,
    /// The virtual machine has no device for it.
    Unconfigured,
    /// It refuses to shut the guest down.
    Refuses,
    /// It takes the question to shut down, and never answers.
    Hangs,
    /// It refuses to run commands.
    #[serde(rename = "no-exec")]
    NoExec,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Service {
    Running,
    Stopped,
    Disabled,
    /// It does not come up, however often it is started.
    Failed,
}

/// A duration as plans write it, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Time(u64);

/// A size as plans write it, in KiB.
#[derive(Clone, Copy, Debug)]
struct Size(u64);

/// A release of Proxmox VE.
#[derive(Clone, Copy, Debug)]
struct Release(u32);

/// What a machine answers to a command.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// A host pattern.
    on: Spanned<String>,
    /// The words with one blank between them; a `*` stands for one of them or a part of it, at the end for all that follow.
    command: Option<String>,
    /// The first line of a script.
    script: Option<String>,
    #[serde(default)]
    code: i32,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    #[serde(default)]
    takes: Time,
    /// How often it answers so; then the next answer that fits, or what the lab knows.
    times: Option<u32>,
}

/// What happens to machines at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    /// Since the run began.
    at: Time,
    /// A host pattern.
    on: Spanned<String>,
    set: Setting,
}

impl Scene {
    /// Reads a scene, or says where its text is wrong and why.
    ///
    /// # Errors
    /// When it is no TOML, or has what no scene has.
    pub fn read(text: &str) -> Result<Scene, (Range<usize>, String)> {
        let scene: Scene = toml::from_str(text).map_err(|error| {
            let why = error.message().lines().next().unwrap_or("this can not be read").to_string();
            (error.span().unwrap_or(0..0), why)
        })?;
        for answer in &scene.answers {
            if answer.command.is_some() == answer.script.is_some() {
                let why = "an answer needs `command` or `script`, and not both".to_string();
                return Err((answer.on.span(), why));
            }
        }
        Ok(scene)
    }

    /// The host patterns that it names, and where.
    pub fn patterns(&self) -> Vec<(&str, Range<usize>)> {
        let machines = self.machines.keys();
        let others = self.answers.iter().map(|answer| &answer.on).chain(self.events.iter().map(|event| &event.on));
        machines.chain(others).map(|pattern| (pattern.get_ref().as_str(), pattern.span())).collect()
    }
}

impl Lab {
    /// The site is as a scene says. `hosts` gives the hosts of a pattern.
    pub fn set(&mut self, scene: &Scene, hosts: impl Fn(&str) -> Vec<String>) {
        if let Some(unknown) = scene.unknown {
            self.knows_all = unknown == Unknown::Succeeds;
        }
        for (pattern, setting) in &scene.machines {
            for host in hosts(pattern.get_ref()) {
                self.set_machine(&host, setting);
            }
        }
        for answer in &scene.answers {
            for host in hosts(answer.on.get_ref()) {
                let Some(machine) = self.machines.get_mut(&host) else { continue };
                let (code, stdout, stderr) = (answer.code, answer.stdout.clone(), answer.stderr.clone());
                machine.taught.push(Taught {
                    to: match (&answer.command, &answer.script) {
                        (Some(words), _) => Pattern::Words(words.clone()),
                        (None, script) => Pattern::Script(script.clone().unwrap_or_default()),
                    },
                    times: answer.times,
                    takes: answer.takes.0,
                    reply: Reply { code, stdout, stderr, ..Reply::default() },
                });
            }
        }
        for event in &scene.events {
            for host in hosts(event.on.get_ref()) {
                self.at(event.at.0, Due::Set(host, Box::new(event.set.clone())));
            }
        }
    }

    /// Machines are so from some time on, in milliseconds from now: settings by their names in a test.
    ///
    /// # Errors
    /// Which setting is none, and why.
    pub fn given(&mut self, hosts: &[String], after: u64, settings: &[(String, Json)]) -> Result<(), String> {
        let mut map = serde_json::Map::new();
        let mut services = serde_json::Map::new();
        for (name, value) in settings {
            match (name.strip_suffix("_services"), value) {
                (Some(how), Json::Array(names)) => {
                    let names = names.iter().filter_map(Json::as_str);
                    services.extend(names.map(|name| (name.to_string(), how.into())));
                }
                _ => {
                    map.insert(name.replace('_', "-"), value.clone());
                }
            }
        }
        if !services.is_empty() {
            map.insert("services".to_string(), Json::Object(services));
        }
        let setting: Setting = serde_json::from_value(Json::Object(map)).map_err(|error| error.to_string())?;
        for host in hosts {
            match after {
                0 => self.set_machine(host, &setting),
                _ => self.at(after, Due::Set(host.clone(), Box::new(setting.clone()))),
            }
        }
        Ok(())
    }

    /// What machines answer to a command, before what scenes say and behind what was taught so before.
    pub fn teach(&mut self, hosts: &[String], taught: &Taught) {
        for host in hosts {
            let Some(machine) = self.machines.get_mut(host) else { continue };
            let own = machine.taught.iter().take_while(|known| matches!(known.to, Pattern::InOrder(_)));
            let at = own.count();
            machine.taught.insert(at, taught.clone());
        }
    }

    pub(super) fn set_machine(&mut self, host: &str, setting: &Setting) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(host) else { return };
        setting.apply(machine, now);
        let boot = machine.boot;
        // What is switched on or off in the course of a run is, as it is by hand.
        match setting.power {
            Some(Power::On) if !machine.running => self.changed(host, super::Change::On),
            Some(Power::Off) if machine.running => self.changed(host, super::Change::Off(boot)),
            Some(Power::Paused) if machine.running => self.changed(host, super::Change::Pause),
            _ => {}
        }
    }
}

impl Setting {
    fn apply(&self, machine: &mut Machine, now: u64) {
        fn set<T: Clone>(field: &mut T, wanted: &Option<T>) {
            if let Some(wanted) = wanted {
                field.clone_from(wanted);
            }
        }
        let some = |text: &Option<String>| text.clone().map(|text| Some(text).filter(|text| !text.is_empty()));
        set(&mut machine.boots, &self.boots);
        set(&mut machine.boot_takes, &self.boot_takes.map(|time| Some(time.0)));
        set(&mut machine.obeys, &self.obeys);
        set(&mut machine.shutdown_takes, &self.shutdown_takes.map(|time| time.0));
        set(&mut machine.agent_takes, &self.agent_takes.map(|time| time.0));
        set(&mut machine.starts_again, &self.starts_again);
        set(&mut machine.starts_with_host, &self.starts_with_host);
        set(&mut machine.ssh, &self.ssh);
        set(&mut machine.closed_ports, &self.closed_ports.clone().map(|ports| ports.into_iter().collect()));
        set(&mut machine.guest_name, &self.name);
        set(&mut machine.template, &self.template);
        set(&mut machine.lock, &some(&self.lock));
        set(&mut machine.busy_until, &self.locked_for.map(|time| now + time.0));
        set(&mut machine.ha, &some(&self.ha));
        set(&mut machine.frozen, &self.frozen);
        set(&mut machine.upgrades, &self.upgrades);
        set(&mut machine.new_kernel, &some(&self.new_kernel));
        set(&mut machine.reboot_required, &self.restart_wanted);
        set(&mut machine.free, &self.free.map(|size| size.0));
        set(&mut machine.tasks, &self.tasks);
        set(&mut machine.quorum, &self.quorum);
        set(&mut machine.pools_healthy, &self.pools_healthy);
        set(&mut machine.release, &self.release.map(|release| release.0));
        if let Some(why) = &self.start_fails {
            machine.start_fails = (!why.is_empty()).then(|| (String::new(), why.clone()));
        }
        if let Some(time) = self.packages_held_for {
            machine.package_lock = Some(("apt.systemd.daily".to_string(), now + time.0));
        }
        for (name, service) in self.services.iter().flatten() {
            let name = name.strip_suffix(".service").unwrap_or(name);
            let unit = machine.services.entry(name.to_string()).or_default();
            (unit.active, unit.enabled, unit.starts) = match service {
                Service::Running => (true, true, true),
                Service::Stopped => (false, true, true),
                Service::Disabled => (false, false, true),
                Service::Failed => (false, true, false),
            };
        }
        if let Some(agent) = self.agent {
            agent.apply(machine);
        }
    }
}

impl Agent {
    fn apply(self, machine: &mut Machine) {
        machine.has_agent = !matches!(self, Agent::Absent);
        machine.agent_broken = matches!(self, Agent::Dead);
        machine.agent_runs = !matches!(self, Agent::Absent | Agent::Stopped);
        machine.agent_set = !matches!(self, Agent::Unconfigured);
        machine.agent_device = machine.agent_set;
        machine.agent_refuses_shutdown = matches!(self, Agent::Refuses);
        machine.agent_refuses_exec = matches!(self, Agent::NoExec);
        machine.agent_shutdown_hangs = matches!(self, Agent::Hangs);
        machine.agent_answers = machine.agent_works();
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        match from_json(&text.as_str().into(), &Type::Duration) {
            Ok(Value::Duration(ms)) if ms <= LONGEST => Ok(Time(ms)),
            Ok(_) => Err(D::Error::custom(format!("`{text}` is longer than a year"))),
            Err(_) => Err(D::Error::custom(format!("`{text}` is no duration; write one as `90s`, `2m30s` or `1h`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Size, D::Error> {
        let text = String::deserialize(from)?;
        match from_json(&text.as_str().into(), &Type::Size) {
            Ok(Value::Size(bytes)) => Ok(Size(bytes / 1024)),
            _ => Err(D::Error::custom(format!("`{text}` is no size; write one as `512MiB` or `2GiB`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Release {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Release, D::Error> {
        match u32::deserialize(from)? {
            release @ (8 | 9) => Ok(Release(release)),
            other => {
                Err(D::Error::custom(format!("the lab knows the releases 8 and 9 of Proxmox VE, and not {other}")))
            }
        }
    }
}
