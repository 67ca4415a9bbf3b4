//! Plans that run in the lab, with machines that are other than well.

#![allow(dead_code, reason = "not every test asks everything")]

use std::sync::Arc;

use hostler::check::{self, Request, Site};
use hostler::code::{Code, compile};
use hostler::diag::Problems;
use hostler::inventory;
use hostler::lab::{Lab, Machine};
use hostler::machine::{Datum, Ending, Note, Run};
use hostler::report::Summary;
use hostler::run::drive;
use hostler::text::{MemoryFiles, Sources};

/// A virtual machine of Proxmox, a container, a domain of libvirt, and a machine of its own.
pub(crate) const INVENTORY: &str = "
all:
  children:
    hosts:
      hosts: {pve: {ansible_host: 192.0.2.10}, kvm: {ansible_host: 192.0.2.20}}
    guests:
      hosts:
        web: {vmid: 101, hypervisor: pve, patience: 2m}
        files: {vmid: 120, hypervisor: pve, hostler_driver: proxmox_ct, patience: 5m}
        bare: {vmid: 130, hypervisor: pve, hostler_proof: [power, ssh]}
        wiki: {libvirt_domain: wiki, hypervisor: kvm, hostler_driver: libvirt}
    metal:
      hosts: {nas: {hypervisor: none}}
";

/// Checks a plan; what is said about it, and its code where it can run.
pub(crate) fn check(plan: &str) -> (Vec<String>, Option<Arc<Code>>) {
    let mut sources = Sources::new();
    let checked = checked(plan, &mut sources);
    let said = checked
        .diagnostics
        .iter()
        .map(|one| {
            let place = one.primary.as_ref().and_then(|label| sources.place(label.span));
            let place = place.map_or(String::new(), |place| format!("{}:{}: ", place.file, place.line));
            format!("{place}{}: {}", one.code, one.message)
        })
        .collect();
    let code = (!checked.has_errors()).then(|| Arc::new(compile(&checked.programs[0], &sources)));
    (said, code)
}

/// What the first problem of a plan advises.
pub(crate) fn help(plan: &str) -> String {
    let checked = checked(plan, &mut Sources::new());
    checked.diagnostics.first().and_then(|one| one.help.clone()).unwrap_or_default()
}

fn checked(plan: &str, sources: &mut Sources) -> check::Checked {
    let files = MemoryFiles::new().with("inventory/hosts.yml", INVENTORY);
    let mut problems = Problems::new();
    let places = ["inventory".to_string()];
    let request = inventory::Request { sources: &places, ..inventory::Request::default() };
    let inventory = inventory::load(&files, &request, sources, &mut problems);
    let request = Request {
        name: "test.plan".to_string(),
        text: plan.to_string(),
        plan: plan.contains("plan main ").then(|| "main".to_string()),
        one_plan: true,
        ..Request::default()
    };
    check::check(&files, sources, &inventory, &Site::default(), &request, problems)
}

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) lab: Lab,
    pub(crate) notes: Vec<Note>,
    pub(crate) summary: Summary,
}

/// Runs a plan for one host; `change` makes the lab's machines other than well.
pub(crate) fn run_for(host: &str, uses: &str, statements: &str, change: impl FnOnce(&mut Lab)) -> Ran {
    let plan = format!("{uses}\nplan test for guest in {host} {{\n{statements}\n}}\n");
    let (said, code) = check(&plan);
    let code = code.unwrap_or_else(|| panic!("{said:#?}"));
    let mut lab = Lab::new(&code);
    change(&mut lab);
    let mut summary = Summary::new("test");
    let mut notes = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(drive(code, &mut lab, Vec::new(), std::future::pending, |note| {
        summary.take(note);
        notes.push(note.clone());
    }));
    Ran { lab, notes, summary }
}

/// The same for the virtual machine `web`, whose fields are changed directly.
pub(crate) fn run(uses: &str, statements: &str, change: impl FnOnce(&mut Machine)) -> Ran {
    run_for("web", uses, statements, |lab| change(lab.machine("web").unwrap()))
}

impl Ran {
    fn ending(&self) -> &Ending {
        let guests = &self.summary.plans["test"];
        guests.values().next().unwrap().ending.as_ref().unwrap()
    }

    pub(crate) fn is_done(&self) -> bool {
        *self.ending() == Ending::Done
    }

    /// How it ended, and why.
    pub(crate) fn why(&self) -> String {
        match self.ending() {
            Ending::Done => "done".to_string(),
            Ending::Failed(failed) => format!("{}: {}", failed.kind, failed.message),
            Ending::Refused(failed) => format!("refused: {}", failed.message),
            Ending::Unknown(failed) => format!("unknown: {}", failed.message),
            Ending::Interrupted(failed) => format!("interrupted: {}", failed.message),
            Ending::Skipped(why) => format!("skipped: {why}"),
            Ending::NotBegun(why) => format!("not begun: {why}"),
        }
    }

    pub(crate) fn proof(&self) -> String {
        self.summary.plans["test"].values().next().unwrap().proof.clone().unwrap_or_default()
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.summary.plans["test"].values().next().unwrap().warnings
    }

    /// The commands that were started, each with its host; a script by its name.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.lab.runs().map(|run| format!("{}: {}", run.host, words(run))).collect()
    }

    /// Those that change the power of a guest or a machine.
    pub(crate) fn power(&self) -> Vec<String> {
        let power = |run: &&Run| {
            let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["qm" | "pct", verb, ..] => ["start", "stop", "shutdown", "reboot", "reset"].contains(verb),
                ["virsh", "-q", "-c", _, verb, ..] => ["start", "shutdown", "destroy", "reboot"].contains(verb),
                ["ha-manager", ..] => true,
                ["systemctl", verb, ..] => ["reboot", "poweroff"].contains(verb),
                _ => false,
            }
        };
        self.lab.runs().filter(power).map(words).collect()
    }

    /// Those that are more than a question.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.lab.runs().filter(|run| run.operation.is_some()).map(words).collect()
    }

    /// When the first command that contains a text was started, in milliseconds.
    pub(crate) fn when(&self, text: &str) -> u64 {
        let found = self.lab.log().find(|(_, run)| words(run).contains(text));
        found.unwrap_or_else(|| panic!("no `{text}` in {:#?}", self.commands())).0
    }

    /// The command that contains a text, with all that belongs to it.
    pub(crate) fn command(&self, text: &str) -> &Run {
        let found = self.lab.runs().find(|run| words(run).contains(text));
        found.unwrap_or_else(|| panic!("no `{text}` in {:#?}", self.commands()))
    }

    pub(crate) fn machine(&mut self, name: &str) -> &Machine {
        self.lab.machine(name).unwrap()
    }
}

/// What an environment variable of a command was.
pub(crate) fn env<'r>(run: &'r Run, name: &str) -> Option<&'r str> {
    run.env.iter().find_map(|(key, value)| match value {
        Datum::Text(text) if key == name => Some(text.as_str()),
        _ => None,
    })
}

fn words(run: &Run) -> String {
    match run.argv.as_slice() {
        [shell, option, script, ..] if shell == "sh" && option == "-c" => {
            script.trim_start().lines().next().unwrap_or_default().to_string()
        }
        words => words.join(" "),
    }
}
