//! Commands of which nobody knows what became of them: they are settled by looking, or by a person.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hostler::code::Code;
use hostler::lab::Lab;
use hostler::machine::{Answer, Effect, EffectId, Ending, Event, Note, Reply, Trouble};
use hostler::report::Summary;
use hostler::run::{Journal, Replay, World, begin, resume};

/// The lab, with a connection that is lost before the reply of one command.
struct Losing {
    lab: Lab,
    command: &'static str,
    lost: BTreeSet<EffectId>,
    /// What the hypervisor's list of tasks says, and who asks it.
    task: &'static str,
    asked: BTreeMap<EffectId, Vec<String>>,
}

impl World for Losing {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        if let Effect::Run(run) = &effect
            && run.argv.join(" ").starts_with(self.command)
        {
            self.lost.insert(id);
        }
        if let Effect::Run(run) = &effect
            && run.argv.get(3).is_some_and(|name| name == "tasks")
        {
            self.asked.insert(id, run.argv[4..].to_vec());
        }
        self.lab.begin(id, effect);
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        self.lab.begin_again(id, effect);
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        let (at, id, answer) = self.lab.next().await?;
        let lost = || {
            let began = Some(1_795_000_000);
            Answer::Ran(Err(Trouble::Unknown { host: "pve".to_string(), why: "it was cut".to_string(), began }))
        };
        let said = Reply { stdout: self.task.to_string(), ..Reply::default() };
        let answer = match (self.lost.contains(&id), self.asked.contains_key(&id)) {
            (true, _) => lost(),
            (_, true) => Answer::Ran(Ok(said)),
            _ => answer,
        };
        Some((at, id, answer))
    }

    fn now(&self) -> u64 {
        self.lab.now()
    }
}

struct Nothing;

impl Journal for Nothing {
    fn write(&mut self, _: &[Event]) -> Result<(), String> {
        Ok(())
    }
}

struct Ran {
    world: Losing,
    replay: Replay,
    summary: Summary,
}

impl Ran {
    fn of(code: &Arc<Code>, command: &'static str, change: impl FnOnce(&mut Lab)) -> Ran {
        Ran::with(code, command, "", change)
    }

    fn with(code: &Arc<Code>, command: &'static str, task: &'static str, change: impl FnOnce(&mut Lab)) -> Ran {
        let mut lab = Lab::new(code);
        change(&mut lab);
        let world = Losing { lab, command, lost: BTreeSet::new(), task, asked: BTreeMap::new() };
        let mut ran = Ran { world, replay: Replay::new(code.clone()), summary: Summary::new("test") };
        ran.drive(None);
        ran
    }

    fn drive(&mut self, event: Option<Event>) {
        let Ran { world, replay, summary } = self;
        let tell = |note: &Note| summary.take(note);
        let never = std::future::pending;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let driven = runtime.block_on(async {
            match event {
                None => begin(replay, world, &mut Nothing, Vec::new(), never, tell).await,
                Some(event) => resume(replay, world, &mut Nothing, vec![event], never, tell).await,
            }
        });
        driven.unwrap();
        assert!(self.replay.state().is_over());
    }

    fn resolve(&mut self, guest: &str, done: bool) {
        assert!(self.replay.state().to_be_resolved().any(|(_, name)| name == guest));
        let at = self.world.now();
        self.drive(Some(Event::Resolved { at, plan: "test".to_string(), guest: guest.to_string(), done }));
    }

    fn ending(&self, guest: &str) -> &Ending {
        self.summary.plans["test"][guest].ending.as_ref().unwrap()
    }

    fn why(&self, guest: &str) -> &str {
        match self.ending(guest) {
            Ending::Unknown(failed) | Ending::Failed(failed) => &failed.message,
            other => panic!("{other:?}"),
        }
    }

    fn count(&self, command: &str) -> usize {
        self.world.lab.runs().filter(|run| run.argv.join(" ").starts_with(command)).count()
    }
}

fn code(statements: &str) -> Arc<Code> {
    plan(&format!("plan test for guest in web {{\n{statements}\n}}\n"))
}

fn plan(text: &str) -> Arc<Code> {
    let (said, code) = lab::check(text);
    code.unwrap_or_else(|| panic!("{said:#?}"))
}

#[test]
fn what_a_look_shows_was_carried_out() {
    let ran =
        Ran::of(&code("on hypervisor: qm start $vmid"), "qm start", |lab| lab.machine("web").unwrap().running = false);
    assert_eq!(*ran.ending("web"), Ending::Done);
    let warnings = &ran.summary.plans["test"]["web"].warnings;
    assert!(
        warnings.iter().any(|text| text.ends_with("`web` is now running, in a new process, so it was carried out")),
        "{warnings:?}"
    );
    assert_eq!(ran.count("qm start"), 1);
    assert_eq!(ran.summary.exit_code(), 0);

    let ran = Ran::of(&code("on hypervisor: qm shutdown $vmid\nkeep off"), "qm shutdown", |_| {});
    assert_eq!(*ran.ending("web"), Ending::Done);
}

#[test]
fn what_a_look_does_not_show_stays_unknown() {
    // The connection is lost as `qm reboot` ends: the guest is off, and who knows whether it is started.
    let ran = Ran::of(&code("on hypervisor: qm reboot $vmid"), "qm reboot", |_| {});
    assert!(ran.why("web").ends_with("it was cut; `web` is now stopped"), "{}", ran.why("web"));
    assert_eq!(ran.summary.exit_code(), 3);
    assert_eq!(ran.count("qm reboot"), 1);
    assert!(ran.world.lab.machines().find(|machine| machine.name == "web").unwrap().running);
    // What is no power command leaves nothing that could be seen.
    let ran = Ran::of(&code("on guest: apt-get update"), "apt-get", |_| {});
    assert!(ran.why("web").ends_with("nobody knows what became of it: it was cut"), "{}", ran.why("web"));
}

#[test]
fn a_list_of_tasks_tells_what_became_of_a_command() {
    let snapshot = code("let made = on hypervisor: qm snapshot $vmid before\nrecord after = \"reached\"");
    let with = |task| Ran::with(&snapshot, "qm snapshot", task, |_| {});
    let ran = with("ok UPID:pve:1:2:3:qmsnapshot:101:root@pam:\n");
    assert_eq!(*ran.ending("web"), Ending::Done);
    let asked: Vec<_> = ran.world.asked.values().collect();
    assert_eq!(asked, [&["101", "qmsnapshot", "1795000000"]]);
    assert_eq!(ran.count("qm snapshot"), 1);
    let ran = with("failed snapshot feature is not available\n");
    assert!(matches!(ran.ending("web"), Ending::Failed(_)));
    assert!(ran.why("web").ends_with("says the list of tasks there: snapshot feature is not available"));
    for (task, why) in [
        ("", "it was cut; no task there is known to be it"),
        ("running UPID:x\n", "it is still at work there: UPID:x"),
        ("several UPID:x UPID:y\n", "more than one task there could be it: UPID:x UPID:y"),
    ] {
        let ran = with(task);
        assert!(matches!(ran.ending("web"), Ending::Unknown(_)));
        assert!(ran.why("web").ends_with(why), "{}", ran.why("web"));
        assert_eq!(ran.count("qm snapshot"), 1);
    }
    // What has no task is not looked for.
    let ran = Ran::with(&code("on hypervisor: qm set $vmid --name web"), "qm set", "ok UPID:x\n", |_| {});
    assert!(matches!(ran.ending("web"), Ending::Unknown(_)) && ran.world.asked.is_empty());
}

#[test]
fn a_person_says_that_it_was_carried_out() {
    let mut ran = Ran::of(&code("on guest: apt-get update\nrecord after = \"reached\""), "apt-get", |_| {});
    assert_eq!(ran.summary.exit_code(), 3);
    ran.resolve("web", true);
    assert_eq!(*ran.ending("web"), Ending::Done);
    assert_eq!(ran.summary.plans["test"]["web"].records["after"], "reached");
    assert_eq!((ran.count("apt-get"), ran.summary.exit_code()), (1, 0));
    assert_eq!(ran.replay.state().to_be_resolved().count(), 0);
}

#[test]
fn a_person_says_that_it_failed() {
    let recovers = "try { on guest: apt-get update } recover e { record caught = \"${e.message}\" }";
    let mut ran = Ran::of(&code(recovers), "apt-get", |_| {});
    assert_eq!(ran.summary.exit_code(), 3);
    ran.resolve("web", false);
    assert_eq!(ran.summary.plans["test"]["web"].records["caught"], "a person says that it was not carried out");
    assert_eq!(*ran.ending("web"), Ending::Done);

    let mut ran = Ran::of(&code("on guest: apt-get update"), "apt-get", |_| {});
    ran.resolve("web", false);
    assert_eq!(ran.why("web"), "a person says that it was not carried out");
    assert_eq!(ran.summary.exit_code(), 1);
}

#[test]
fn those_who_were_not_begun_because_of_it_are_begun() {
    let two = plan("plan test for guest in web, wiki {\n  on guest: apt-get update\n}\n");
    let mut ran = Ran::of(&two, "apt-get", |_| {});
    assert!(matches!(ran.ending("wiki"), Ending::NotBegun(_)));
    ran.world.command = "nothing";
    ran.resolve("web", true);
    assert_eq!((ran.ending("web"), ran.ending("wiki")), (&Ending::Done, &Ending::Done));
}

#[test]
fn the_plan_that_runs_the_plan_goes_on_too() {
    let site = plan(
        "plan main {\n  run test()\n  record all = \"done\"\n}\n\nplan test for guest in web {\n  on guest: apt-get update\n}\n",
    );
    let mut ran = Ran::of(&site, "apt-get", |_| {});
    assert!(matches!(ran.summary.plans["main"]["main"].ending, Some(Ending::Failed(_))));
    ran.resolve("web", true);
    assert_eq!(ran.summary.plans["main"]["main"].ending, Some(Ending::Done));
    assert_eq!(ran.summary.plans["main"]["main"].records["all"], "done");
}
