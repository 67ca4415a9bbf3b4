//! What was found: a fold over the notes of the questions.

use indexmap::{IndexMap, IndexSet};

use super::HERE;
use super::wants::{Guest, Wants};
use crate::code::{Code, Failed, size_text};
use crate::machine::{Facts, Note, NoteKind, State, short};

/// The answers, as they come.
#[derive(Debug, Default)]
pub struct Answers {
    hosts: IndexMap<String, OfHost>,
}

/// What was answered for one host.
#[derive(Debug, Default)]
struct OfHost {
    said: IndexMap<String, String>,
    objections: IndexMap<String, Failed>,
}

impl Answers {
    /// One more note.
    pub fn take(&mut self, note: &Note) {
        let host = self.hosts.entry(note.guest.clone()).or_default();
        match &note.kind {
            NoteKind::Recorded(name, value) => {
                host.said.insert(name.clone(), value.clone());
            }
            NoteKind::Objected { question, failed } => {
                host.objections.insert(question.clone(), failed.clone());
            }
            _ => {}
        }
    }

    pub(super) fn said(&self, host: &str, question: &str) -> Option<&str> {
        self.hosts.get(host)?.said.get(question).map(String::as_str)
    }

    pub(super) fn objection(&self, host: &str, question: &str) -> Option<&Failed> {
        self.hosts.get(host)?.objections.get(question)
    }

    /// A line `key=value` of what the machine said of itself.
    fn of_machine(&self, host: &str, key: &str) -> Option<&str> {
        let said = self.said(host, "machine")?;
        said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    /// What is one machine's alone. Containers share the boot of their host, copies of a machine its id.
    fn machine(&self, host: &str) -> Option<(&str, &str)> {
        Some((self.of_machine(host, "boot")?, self.of_machine(host, "id").unwrap_or_default()))
    }
}

/// Whether the plan could start now, for each target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preflight {
    /// The plan.
    pub plan: String,
    /// Its targets, and the guests that it looks after besides them.
    pub targets: Vec<Row>,
    /// The other hosts that it needs.
    pub hosts: Vec<Row>,
    /// What stands against the plan as a whole.
    pub problems: Vec<Problem>,
    /// What a person should know of it, and keeps nothing from starting.
    pub remarks: Vec<String>,
}

/// What was found of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its inventory name.
    pub name: String,
    /// What was found: a name and a word.
    pub facts: IndexMap<&'static str, String>,
    /// What keeps the plan from starting.
    pub problems: Vec<Problem>,
    /// Hosts that it needs and that are not ready.
    pub waits_for: Vec<String>,
    /// What a person should know, and keeps nothing from starting.
    pub remarks: Vec<String>,
}

/// Why the plan could not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In a word or two.
    pub word: &'static str,
    /// What was found, and what to do.
    pub message: String,
}

impl Row {
    /// Whether the plan could start with it now.
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty() && self.waits_for.is_empty()
    }

    fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.insert(name, value.into());
    }

    fn problem(&mut self, word: &'static str, message: impl Into<String>) {
        let message: String = message.into();
        // The host's name stands before it already.
        let rest = message.strip_prefix(&format!("`{}`: ", self.name)).map(str::to_string);
        self.problems.push(Problem { word, message: rest.unwrap_or(message) });
    }
}

impl Preflight {
    /// Weighs the answers against what the plan needs. `state` is the machine that asked, when it is over.
    pub fn of(code: &Code, wants: &Wants, answers: &Answers, state: &State) -> Preflight {
        let weighing = Weighing { code, wants, answers, state };
        let names: IndexSet<&String> = wants.targets.iter().chain(wants.guests.keys()).collect();
        let mut targets: Vec<Row> = names.iter().map(|name| weighing.row(name)).collect();
        let others = wants.hosts.keys().filter(|name| !names.contains(name));
        let hosts: Vec<Row> = others.map(|name| weighing.row(name)).collect();
        let problems = weighing.controller();
        let not_ready: Vec<String> =
            targets.iter().chain(&hosts).filter(|row| !row.is_ready()).map(|row| row.name.clone()).collect();
        for row in &mut targets {
            row.waits_for = weighing.relies_on(&row.name).into_iter().filter(|host| not_ready.contains(host)).collect();
        }
        Preflight { plan: code.plan().name.clone(), targets, hosts, problems, remarks: Vec::new() }
    }

    /// What keeps the plan from running from this machine, each as a sentence.
    pub fn is_hindered(&mut self, sentences: Vec<String>) {
        self.problems.extend(sentences.into_iter().map(|message| Problem { word: "this machine", message }));
    }

    /// All that stands against the plan, in the words that say it.
    pub fn messages(&self) -> Vec<&str> {
        let rows = self.targets.iter().chain(&self.hosts).flat_map(|row| &row.problems);
        rows.chain(&self.problems).map(|problem| problem.message.as_str()).collect()
    }

    /// Whether the plan could start now for every target.
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty() && self.targets.iter().chain(&self.hosts).all(Row::is_ready)
    }
}

struct Weighing<'a> {
    code: &'a Code,
    wants: &'a Wants,
    answers: &'a Answers,
    state: &'a State,
}

impl Weighing<'_> {
    /// The other hosts without which the plan can do nothing for this one.
    fn relies_on(&self, name: &str) -> Vec<String> {
        let mut hosts: IndexSet<String> = IndexSet::new();
        if self.wants.guests.contains_key(name) {
            hosts.extend(self.code.hosts.get(name).and_then(|facts| facts.hypervisor.clone()));
        }
        hosts.extend(self.wants.partners.get(name).into_iter().flatten().cloned());
        // A host that is nobody's hypervisor and no target serves every target.
        let is_hypervisor = |host: &str| self.code.hosts.values().any(|one| one.hypervisor.as_deref() == Some(host));
        let serves = self.wants.hosts.keys().filter(|host| !self.wants.targets.contains(host) && !is_hypervisor(host));
        hosts.extend(serves.filter(|host| !self.wants.guests.contains_key(*host)).cloned());
        hosts.shift_remove(name);
        hosts.into_iter().collect()
    }

    fn row(&self, name: &str) -> Row {
        let mut row = Row { name: name.to_string(), ..Row::default() };
        let guest = self.wants.guests.get(name);
        if let Some(users) = self.wants.hosts.get(name) {
            let is_down = guest.is_some()
                && (self.answers.said(name, "power").is_some_and(|power| power != "running") || self.is_paused(name));
            self.connection(&mut row, !users.is_empty(), is_down);
        }
        if let Some(guest) = guest {
            self.guest(&mut row, guest);
        }
        if let Some(quorum) = self.answers.said(name, "quorum") {
            row.fact("quorum", yes(quorum == "true"));
            if quorum != "true" {
                row.problem(
                    "no quorum",
                    format!("the cluster of `{name}` has no quorum: what is shut down there can not be started again; bring its other nodes back first"),
                );
            }
        } else if let Some(failed) = self.answers.objection(name, "quorum")
            && row.problems.is_empty()
        {
            row.problem("quorum", failed.message.clone());
        }
        if let Some(kib) = self.answers.of_machine(name, "free").and_then(|free| free.parse::<u64>().ok()) {
            row.fact("free", size_text(round(kib)));
        }
        row
    }

    fn is_paused(&self, name: &str) -> bool {
        self.answers.said(name, "paused") == Some("true")
    }

    /// ssh and sudo.
    fn connection(&self, row: &mut Row, needs_user: bool, is_down: bool) {
        let name = row.name.clone();
        match self.answers.objection(&name, "ssh") {
            // Why nobody answers there is said as what it is.
            Some(_) if is_down => row.fact("ssh", "no"),
            Some(failed) if failed.kind == "refused" => {
                row.fact("ssh", "refused");
                row.problem("refused", failed.message.clone());
            }
            Some(failed) => {
                row.fact("ssh", "no");
                row.problem("unreachable", failed.message.clone());
            }
            None if self.answers.said(&name, "machine").is_some() => row.fact("ssh", "yes"),
            None => {}
        }
        if let Some(failed) = self.answers.objection(&name, "sudo") {
            row.fact("sudo", "no");
            row.problem("no sudo", failed.message.clone());
        } else if self.answers.said(&name, "sudo").is_some() {
            row.fact("sudo", "yes");
        } else if needs_user && self.answers.of_machine(&name, "uid") == Some("0") {
            row.fact("sudo", "not needed");
        }
    }

    fn guest(&self, row: &mut Row, wanted: &Guest) {
        let name = row.name.clone();
        let facts = self.code.hosts.get(&name);
        let hypervisor = facts.and_then(|facts| facts.hypervisor.clone()).unwrap_or_default();
        row.fact("hypervisor", hypervisor.clone());
        if let Some(failed) = self.answers.objection(&name, "power") {
            // What is wrong with the hypervisor is said there.
            let said_there = ["ssh", "sudo"].iter().any(|asked| self.answers.objection(&hypervisor, asked).is_some());
            if failed.host != hypervisor || !said_there {
                row.problem("hypervisor", failed.message.clone());
            }
            return;
        }
        let seen = self.state.guest_state(&name).and_then(|state| state.facts.clone()).unwrap_or_default();
        if let Some(failed) = self.answers.objection(&name, "identity") {
            row.fact("identity", "no");
            row.problem(identity_word(&seen), without_guard(failed));
            return;
        }
        row.fact("identity", "yes");
        self.power(row, wanted, &seen, &hypervisor);
        row.fact("lock", seen.lock.clone().unwrap_or_else(|| "no".to_string()));
        if let Some(failed) = self.answers.objection(&name, "lock") {
            match &wanted.when_locked {
                _ if wanted.unlocked => row.problem("locked", without_guard(failed)),
                Some(what) => row.remarks.push(format!(
                    "`{name}` is locked ({}); {what}",
                    seen.lock.as_deref().unwrap_or("by another command")
                )),
                None => {}
            }
        }
        row.fact("managed", seen.managed.clone().unwrap_or_else(|| "no".to_string()));
        if let Some(failed) = self.answers.objection(&name, "managed").filter(|_| wanted.unmanaged) {
            row.problem("managed", without_guard(failed));
        }
        if wanted.agent {
            self.agent(row, wanted, &hypervisor);
        }
    }

    fn power(&self, row: &mut Row, wanted: &Guest, seen: &Facts, hypervisor: &str) {
        let name = row.name.clone();
        let power = if self.is_paused(&name) { "paused" } else { seen.power.as_str() };
        row.fact("power", power);
        match power {
            "stopped" if wanted.on => row.problem(
                "off",
                format!("`{name}` is off on `{hypervisor}`, and the plan would leave it so: start it, or leave it out with `--limit`"),
            ),
            "paused" | "suspended" if wanted.power => row.problem(
                "paused",
                format!("`{name}` is {power} on `{hypervisor}`, and hears nothing: resume it there first"),
            ),
            _ => {}
        }
    }

    fn agent(&self, row: &mut Row, wanted: &Guest, hypervisor: &str) {
        let name = row.name.clone();
        let problem = if let Some(failed) = self.answers.objection(&name, "agent") {
            row.fact("agent", "no");
            if row.facts.get("power").is_some_and(|power| power != "running") {
                // Nobody answers there, which is said already.
                return;
            }
            if let Some(advice) = self.answers.said(&name, "agent_advice") {
                row.problem("no agent device", advice);
                return;
            }
            without_guard(failed)
        } else if self.answers.said(&name, "agent").is_some() {
            row.fact("agent", "yes");
            if self.answers.said(&name, "shutdown") != Some("false") {
                return;
            }
            format!(
                "the guest agent of `{name}` answers `{hypervisor}`, and does not offer `guest-shutdown`: a shutdown would not be heard; allow it in the agent's configuration, as `qemu_ga_fix` of `std.agent` does"
            )
        } else {
            return;
        };
        if wanted.repaired {
            row.remarks.push(format!("{problem}; the plan sees to that"));
        } else {
            row.problem("agent", problem);
        }
    }

    /// Which machine runs the plan.
    fn controller(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |message: String| problems.push(Problem { word: "controller", message });
        let here = self.answers.machine(HERE);
        match &self.wants.controller {
            Some(name) if !self.code.hosts.contains_key(name) => {
                problem(format!("`controller = \"{name}\"` of `hostler.toml` is no host of the inventory"));
            }
            Some(name) => match (here, self.answers.machine(name)) {
                (Some(here), Some(there)) if here != there => problem(format!(
                    "`{name}` is to be the machine that runs the plan, and is another: its boot is {}, this machine's {}; run the plan there, or correct `controller` in `hostler.toml`",
                    short(there.0),
                    short(here.0)
                )),
                (_, None) => problem(format!(
                    "whether `{name}` is this machine, as `controller` in `hostler.toml` says, can not be told: {}",
                    self.answers
                        .objection(name, "ssh")
                        .map_or("it did not say which boot it is in", |failed| &failed.message)
                )),
                _ => {}
            },
            None => {
                let same = |name: &&String| here.is_some() && self.answers.machine(name) == here;
                if let Some(name) = self.wants.targets.iter().filter(|name| *name != HERE).find(same) {
                    problem(format!(
                        "the plan acts on `{name}`, which is this machine; write `controller = \"{name}\"` into `hostler.toml`"
                    ));
                }
            }
        }
        problems
    }
}

fn identity_word(seen: &Facts) -> &'static str {
    match (seen.found, &seen.node, seen.kind.as_deref()) {
        (true, ..) if seen.template => "template",
        (true, ..) => "other guest",
        (false, _, Some(_)) => "other kind",
        (false, Some(_), None) => "elsewhere",
        (false, None, None) => "no guest",
    }
}

/// A guard's message without the guard's name, which stands before it already.
fn without_guard(failed: &Failed) -> String {
    let guards = ["identity: ", "unlocked: ", "managed: ", "agent: "];
    let rest = guards.iter().find_map(|guard| failed.message.strip_prefix(guard));
    rest.unwrap_or(&failed.message).to_string()
}

fn yes(truth: bool) -> &'static str {
    if truth { "yes" } else { "no" }
}

/// A number of KiB in bytes, of the unit in which people think of room.
fn round(kib: u64) -> u64 {
    const MIB: u64 = 1024;
    const GIB: u64 = 1024 * MIB;
    let unit = if kib >= GIB {
        GIB
    } else if kib >= MIB {
        MIB
    } else {
        1
    };
    kib / unit * unit * 1024
}
