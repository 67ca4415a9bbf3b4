//! The controller is killed at every point of a run: before and after each write to the journal, and before and after
//! each thing that is asked of the world. Another goes on, at once or two hours later.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can not go on should stop"
)]

mod plans;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use hostler::code::Code;
use hostler::lab::{Lab, Scene};
use hostler::machine::{Answer, Effect, EffectId, Ending, Event, Note};
use hostler::report::Summary;
use hostler::run::{Journal, Replay, World, begin, resume};

const TWO_HOURS: u64 = 2 * 3_600_000;
/// Longer than a hypervisor looks after a guest that is off.
const A_DAY: u64 = 25 * 3_600_000;

/// What is left when the controller is killed at a point: the site, and how many events the journal has.
type Point = (Lab, usize);

/// A journal in memory.
struct Kept<'a> {
    events: &'a mut Vec<Event>,
    written: &'a Cell<usize>,
}

impl Journal for Kept<'_> {
    fn write(&mut self, events: &[Event]) -> Result<(), String> {
        self.events.extend_from_slice(events);
        self.written.set(self.events.len());
        Ok(())
    }
}

/// The lab, and every point at which a controller that drives it can be killed. Between two things that it does, a write
/// to the journal or something that is asked of the world, nothing happens; so *after* one is *before* the next.
struct Site<'a> {
    lab: Lab,
    written: &'a Cell<usize>,
    points: Option<Vec<Point>>,
}

impl Site<'_> {
    fn point(&mut self) {
        if let Some(points) = &mut self.points {
            points.push((self.lab.clone(), self.written.get()));
        }
    }

    fn ask(&mut self, ask: impl FnOnce(&mut Lab)) {
        // After the journal was written, before anything is asked; or between two things.
        self.point();
        ask(&mut self.lab);
    }
}

impl World for Site<'_> {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        self.ask(|lab| lab.begin(id, effect));
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        self.ask(|lab| lab.begin_again(id, effect));
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        // After the last thing was asked.
        self.point();
        let answer = self.lab.next().await;
        // An answer has come and is not in the journal.
        self.point();
        answer
    }

    fn now(&self) -> u64 {
        self.lab.now()
    }
}

/// A run that came to its end, by one controller or several.
struct Ran {
    lab: Lab,
    endings: BTreeMap<(String, String), Ending>,
    summary: Summary,
    events: Vec<Event>,
    /// Where its last controller could have been killed.
    points: Vec<Point>,
}

/// Goes on with a run, or begins it, and sees it to its end. Where the controller's own machine restarts, another goes on
/// after the boot.
/// The site of a plan. What the examples run beside the known commands succeeds.
fn lab(code: &Code) -> Lab {
    let mut lab = Lab::new(code);
    lab.set(&Scene::read("unknown = \"succeeds\"").unwrap(), |_| Vec::new());
    // A real agent offers forty commands. These are enough, and every cut keeps what was answered before it.
    let offered = ["guest-exec", "guest-ping", "guest-shutdown"];
    let offered = offered.map(|name| serde_json::json!({"enabled": true, "name": name, "success-response": true}));
    let info = serde_json::json!({"supported_commands": offered, "version": "8.2.2"});
    for guest in lab.machines().map(|machine| machine.name.clone()).collect::<Vec<_>>() {
        lab.machine(&guest).unwrap().agent_says.insert("info".to_string(), info.clone());
    }
    lab
}

fn go_on(code: &Arc<Code>, lab: Lab, mut events: Vec<Event>, with_points: bool) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let written = Cell::new(events.len());
    let mut site = Site { lab, written: &written, points: with_points.then(Vec::new) };
    loop {
        let mut replay = Replay::new(code.clone());
        let mut summary = Summary::new(&code.plan().name);
        for event in events.clone() {
            replay.step(event).notes.iter().for_each(|note| summary.take(note));
        }
        let began = !events.is_empty();
        site.point();
        let mut journal = Kept { events: &mut events, written: &written };
        let tell = |note: &Note| summary.take(note);
        let never = std::future::pending;
        let ended = runtime.block_on(async {
            if began {
                resume(&mut replay, &mut site, &mut journal, Vec::new(), never, tell).await
            } else {
                begin(&mut replay, &mut site, &mut journal, plans::windows(code), never, tell).await
            }
        });
        ended.unwrap();
        if !replay.state().is_over() {
            assert!(site.lab.controller_is_down(), "the run stands still");
            assert!(site.lab.controller_boots());
            continue;
        }
        let endings = summary.plans.iter().flat_map(|(plan, guests)| {
            guests.iter().map(|(name, guest)| ((plan.clone(), name.clone()), guest.ending.clone().unwrap()))
        });
        let endings = endings.collect();
        return Ran { endings, lab: site.lab, points: site.points.unwrap_or_default(), summary, events };
    }
}

/// The controller of a run was killed at a point, and after so long another goes on.
fn killed(code: &Arc<Code>, ran: &Ran, point: &Point, after: u64, with_points: bool) -> Ran {
    let (mut lab, written) = point.clone();
    lab.controller_dies();
    lab.pass(after);
    let cut = go_on(code, lab, ran.events[..written].to_vec(), with_points);
    // There was something left to do, unless the last that it said needs no answer; and the journal says the same of what
    // was done before.
    assert!(cut.events.len() > written || written == ran.events.len());
    assert!(cut.events[..written] == ran.events[..written]);
    cut
}

/// What was started that changes something, and how often.
fn started(lab: &Lab) -> BTreeMap<String, usize> {
    let mut started = BTreeMap::new();
    for run in lab.runs().filter(|run| run.operation.is_some()) {
        *started.entry(format!("{}: {:?}", run.host, run.argv)).or_default() += 1;
    }
    started
}

/// Whether each machine runs, and whether its agent answers.
fn states(lab: &Lab) -> BTreeMap<&str, (bool, bool)> {
    lab.machines().map(|machine| (machine.name.as_str(), (machine.running, machine.agent_answers))).collect()
}

fn is_known(ending: &Ending) -> bool {
    !matches!(ending, Ending::Unknown(_))
}

/// Resumed at once, the end is that of the run that was not cut. Resumed later, the guests are as they were, and where
/// the outcome is another, it says why.
fn compare(uncut: &Ran, cut: &Ran, at_once: bool, what: &str) {
    assert_eq!(states(&cut.lab), states(&uncut.lab), "{what}");
    let (before, now) = (started(&uncut.lab), started(&cut.lab));
    if at_once {
        assert_eq!(now, before, "{what}");
        assert_eq!(cut.endings, uncut.endings, "{what}");
        for (plan, guests) in &uncut.summary.plans {
            for (name, guest) in guests {
                assert_eq!(cut.summary.plans[plan][name].records, guest.records, "{what}: {plan}/{name}");
            }
        }
        return;
    }
    for (command, times) in &now {
        assert!(times <= before.get(command).unwrap_or(&1), "{what}: {command} was started {times} times");
    }
    for (guest, ending) in &cut.endings {
        let same = *ending == uncut.endings[guest];
        let says_why = match ending {
            Ending::Unknown(failed) | Ending::Failed(failed) | Ending::Refused(failed) => !failed.message.is_empty(),
            Ending::NotBegun(why) | Ending::Skipped(why) => !why.is_empty(),
            Ending::Done | Ending::Interrupted(_) => false,
        };
        assert!(same || says_why, "{what}: {guest:?} ended {ending:?}");
    }
}

/// All points of a plan. With `pairs` the controller that goes on is killed too, at each of its own points.
fn every_point(name: &str, code: &Arc<Code>, pairs: bool) {
    let uncut = go_on(code, lab(code), Vec::new(), true);
    assert!(uncut.points.len() > 4, "{name} does nothing");
    let (mut cuts, mut unknown) = (0, 0);
    let mut counts = |cut: &Ran| {
        cuts += 1;
        unknown += cut.endings.values().filter(|ending| !is_known(ending)).count();
    };
    for (number, point) in uncut.points.iter().enumerate() {
        for after in [0, TWO_HOURS] {
            let what = format!("{name}, killed at point {number}, resumed after {after} ms");
            let cut = killed(code, &uncut, point, after, pairs);
            compare(&uncut, &cut, after == 0, &what);
            counts(&cut);
            for (second, again) in cut.points.iter().enumerate() {
                let what = format!("{what}, killed again at {second}");
                let cut = killed(code, &cut, again, 0, false);
                compare(&uncut, &cut, after == 0, &what);
                counts(&cut);
            }
        }
    }
    let points = uncut.points.len();
    println!("{name}: killed at {points} points, {cuts} runs went on, at once and two hours later; {unknown} unknown");
}

/// The number of commands up to which `cargo xtask crash --pairs` tries all pairs of points.
const SHORT: usize = 40;

fn survive(plans: Vec<(String, Arc<Code>)>) {
    let pairs = std::env::var_os("CRASH_PAIRS").is_some();
    for (name, code) in plans {
        let commands = go_on(&code, lab(&code), Vec::new(), false).lab.runs().count();
        every_point(&name, &code, pairs && commands <= SHORT);
    }
}

#[test]
fn workflows_survive_every_cut() {
    survive(plans::workflows());
}

#[test]
fn examples_survive_every_cut() {
    survive(plans::examples());
}

/// The controller dies at each point, and nobody goes on: whoever ran before runs again, and the hypervisors have seen to
/// it. Who was left off on purpose is as the run that was not cut left it.
fn nobody_is_left_off(plans: Vec<(String, Arc<Code>)>) -> usize {
    let mut woken = 0;
    for (name, code) in plans {
        let mut lab = lab(&code);
        // No hypervisor starts anybody by its own settings.
        for guest in lab.machines().map(|machine| machine.name.clone()).collect::<Vec<_>>() {
            lab.machine(&guest).unwrap().starts_with_host = false;
        }
        let uncut = go_on(&code, lab, Vec::new(), true);
        let meant: Vec<&str> =
            uncut.lab.machines().filter(|machine| !machine.running).map(|machine| machine.name.as_str()).collect();
        for (number, (lab, _)) in uncut.points.iter().enumerate() {
            let mut lab = lab.clone();
            lab.controller_dies();
            // What was sent arrives.
            lab.pass(60_000);
            let off = lab.machines().filter(|machine| !machine.running).count();
            lab.pass(A_DAY);
            woken += usize::from(off > meant.len());
            for machine in lab.machines().filter(|machine| !meant.contains(&machine.name.as_str())) {
                assert!(machine.running, "{name}, killed at point {number}: `{}` is off", machine.name);
            }
        }
    }
    woken
}

#[test]
fn without_a_controller_nobody_is_left_off() {
    let woken = nobody_is_left_off(plans::workflows()) + nobody_is_left_off(plans::examples());
    assert!(woken > 100, "guests were off a minute after the controller died at {woken} points only");
}
