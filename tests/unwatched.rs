//! A hypervisor that does not watch over a guest when its power command comes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use hostler::lab::Lab;
use hostler::machine::{Answer, Effect, EffectId, Ending, Event, Note};
use hostler::report::Summary;
use hostler::run::{Journal, Replay, World, begin};

/// The lab, whose hypervisors forget so many watches as soon as they were asked for.
struct Forgetful {
    lab: Lab,
    forgets: usize,
}

impl World for Forgetful {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        let Effect::Watch(watch) = &effect else { return self.lab.begin(id, effect) };
        let watch = watch.clone();
        self.lab.begin(id, effect);
        if self.forgets > 0 {
            self.forgets -= 1;
            self.lab.begin(id, Effect::Unwatch(watch));
        }
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        self.lab.begin_again(id, effect);
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        self.lab.next().await
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

/// How a restart ends, with its warnings and with how often it was started.
fn restart(forgets: usize) -> (Ending, Vec<String>, usize) {
    let (said, code) = lab::check("plan test for guest in web {\n  on hypervisor: qm reboot $vmid\n}\n");
    let code = code.unwrap_or_else(|| panic!("{said:#?}"));
    let mut world = Forgetful { lab: Lab::new(&code), forgets };
    let (mut replay, mut summary) = (Replay::new(code), Summary::new("test"));
    let tell = |note: &Note| summary.take(note);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let never = std::future::pending;
    runtime.block_on(begin(&mut replay, &mut world, &mut Nothing, Vec::new(), never, tell)).unwrap();
    assert!(replay.state().is_over());
    let web = &summary.plans["test"]["web"];
    let reboots = world.lab.runs().filter(|run| run.argv.join(" ").starts_with("qm reboot")).count();
    (web.ending.clone().unwrap(), web.warnings.clone(), reboots)
}

#[test]
fn a_watch_that_is_lost_is_asked_for_again() {
    let (ending, warnings, reboots) = restart(2);
    assert_eq!((ending, reboots), (Ending::Done, 1));
    let text = "`pve` had ceased to watch over `web` while it waited for `qm reboot $vmid`";
    assert_eq!(warnings, [text, text]);
}

#[test]
fn a_host_that_never_watches_is_not_asked_for_ever() {
    let (ending, warnings, reboots) = restart(usize::MAX);
    let Ending::Failed(failed) = ending else { panic!("{ending:?}") };
    assert_eq!(failed.message, "`pve`: its guest is not watched over any more");
    assert_eq!(failed.host, "pve");
    assert_eq!((warnings.len(), reboots), (3, 0));
}
