//! Tests of plans. A test is itself a plan that runs others in the lab: the machine tells when it comes to one of its
//! statements, and what it says is done to the lab or held against what the last run has told and the site has done.

mod expect;

use std::sync::Arc;

use crate::code::{Code, StageKind};
use crate::explore::{Fault, Told, World, fault_line};
use crate::lab::{Lab, Pattern, Taught, is_like};
use crate::machine::{Cue, Effect, Ending, Note, NoteKind, Reply};
use crate::report::line;

/// What became of a test.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was not as expected, in its order.
    pub unmet: Vec<Unmet>,
    /// What happened in the last run, for a person.
    pub story: Vec<String>,
    /// How much time passed in the lab, in milliseconds.
    pub took: u64,
}

/// Something that was not as expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmet {
    /// `file:line`.
    pub place: String,
    /// The statement as it is written.
    pub text: String,
    /// What was seen instead.
    pub seen: Vec<String>,
}

/// A fault that a test has planned.
struct Planned {
    cue: Cue,
    what: String,
    /// How often such a command is still begun before it goes wrong.
    left: u64,
}

/// A run of a plan within a test.
#[derive(Default)]
struct Run {
    /// Where the lab's list of commands stood when it began.
    from: usize,
    /// Where it stood when it was over.
    to: Option<usize>,
    endings: Vec<Ended>,
    said: Vec<Said>,
    /// Who was down at some time, when that changed.
    down: Vec<(u64, Vec<String>)>,
    /// Targets of whose ending something was expected.
    spoken_of: Vec<String>,
    /// The statement that runs it.
    statement: (String, String),
}

/// How a target ended, and the plan that says so.
struct Ended {
    host: String,
    plan: String,
    ending: Ending,
}

/// What a run said of a target.
struct Said {
    /// `warned`, `recorded` or `notified`.
    how: &'static str,
    host: String,
    text: String,
}

struct Trial {
    world: World,
    /// The plan that is the test.
    name: String,
    /// How many of the told lines were heard.
    heard: usize,
    planned: Vec<Planned>,
    run: Run,
    /// Where the last run's lines begin.
    story_from: usize,
    unmet: Vec<Unmet>,
}

/// Runs a test in a site.
pub fn trial(code: &Arc<Code>, lab: Lab, windows: Vec<Vec<(i64, i64)>>) -> Outcome {
    let world = World::begin(code, lab, windows, 0);
    let name = code.plan().name.clone();
    let run = Run { to: Some(0), ..Run::default() };
    let mut trial = Trial { world, name, heard: 0, planned: Vec::new(), run, story_from: 0, unmet: Vec::new() };
    trial.goes_on();
    trial.ends();
    let took = trial.world.lab_now();
    Outcome { story: trial.story(), unmet: trial.unmet, took }
}

impl Trial {
    fn goes_on(&mut self) {
        loop {
            self.hear();
            while let Some((id, effect)) = self.world.asked() {
                let who = self.world.who_waits(id);
                match self.fault_at(&effect, who.as_deref()) {
                    Some(fault) => self.world.goes_wrong(&fault, id, effect, who.as_deref()),
                    None => self.world.begin_effect(id, effect, who.as_deref()),
                }
                self.hear();
            }
            if self.world.is_over() || !self.world.turns() {
                self.hear();
                return;
            }
            self.look_who_is_down();
        }
    }

    fn look_who_is_down(&mut self) {
        if self.run.to.is_some() {
            return;
        }
        let machines = self.world.lab().machines().filter(|machine| !(machine.running && machine.ssh));
        let down: Vec<String> = machines.map(|machine| machine.name.clone()).collect();
        if self.run.down.last().is_none_or(|(_, last)| *last != down) {
            self.run.down.push((self.world.lab_now(), down));
        }
    }

    /// What was told since is taken in.
    fn hear(&mut self) {
        while let Some(told) = self.world.told().get(self.heard).cloned() {
            self.heard += 1;
            let Told::Note(note) = told else { continue };
            match note.kind {
                NoteKind::Cue(cue) => self.cue(*cue),
                NoteKind::PlanBegan(_) if note.plan != self.name && self.run.to.is_some() => {
                    self.close_run();
                    self.story_from = self.heard - 1;
                    self.run = Run { from: self.world.lab().log().count(), ..Run::default() };
                }
                NoteKind::Warned(text) => self.run.said.push(Said { how: "warned", host: note.guest, text }),
                NoteKind::Recorded(name, value) => {
                    let text = format!("{name} = {value}");
                    self.run.said.push(Said { how: "recorded", host: note.guest, text });
                }
                NoteKind::Notified { channel, subject, .. } => {
                    let text = format!("{channel}: {subject}");
                    self.run.said.push(Said { how: "notified", host: note.guest, text });
                }
                NoteKind::Finished(ending) if note.plan != self.name => {
                    self.run.endings.push(Ended { host: note.guest, plan: note.plan, ending });
                }
                _ => {}
            }
        }
    }

    fn cue(&mut self, cue: Cue) {
        if let [(name, why)] = cue.values.as_slice()
            && name == "failed"
        {
            let why = why.as_str().unwrap_or_default().to_string();
            return self.is_unmet(&cue, vec![why]);
        }
        match cue.kind {
            StageKind::Given => self.given(&cue),
            StageKind::Answer => self.answer(&cue),
            StageKind::Fault => {
                let text = |name| value(&cue, name).and_then(|value| value.as_str()).unwrap_or_default().to_string();
                let nth = value(&cue, "nth").and_then(serde_json::Value::as_u64).unwrap_or(1);
                self.planned.push(Planned { what: text("what"), left: nth.saturating_sub(1), cue });
            }
            StageKind::Over => {
                self.world.lab_mut().claims_end();
                self.run.to = Some(self.world.lab().log().count());
                self.run.statement = (cue.place, cue.text);
            }
            StageKind::Ended(_)
            | StageKind::Said(_)
            | StageKind::Ran { .. }
            | StageKind::Order
            | StageKind::Apart
            | StageKind::Holds => self.expected(&cue),
        }
    }

    fn given(&mut self, cue: &Cue) {
        let after = value(cue, "after").and_then(|after| after.as_str()).and_then(|after| after.strip_suffix("ms"));
        let after = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        let settings: Vec<_> = cue.values.iter().filter(|(name, _)| name != "after").cloned().collect();
        if let Err(why) = self.world.lab_mut().given(&cue.hosts, after, &settings) {
            self.is_unmet(cue, vec![why]);
        }
    }

    fn answer(&mut self, cue: &Cue) {
        let number = |name| value(cue, name).and_then(serde_json::Value::as_i64);
        let text = |name| value(cue, name).and_then(|value| value.as_str()).unwrap_or_default().to_string();
        let takes = text("takes").strip_suffix("ms").and_then(|ms| ms.parse().ok()).unwrap_or(0);
        let code = number("code").and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
        for (hosts, words) in &cue.commands {
            let taught = Taught {
                to: Pattern::InOrder(words.clone()),
                times: number("times").and_then(|times| u32::try_from(times).ok()),
                takes,
                reply: Reply { code, stdout: text("stdout"), stderr: text("stderr"), ..Reply::default() },
            };
            self.world.lab_mut().teach(hosts, &taught);
        }
    }

    /// What goes wrong with an effect, as the test has planned it.
    fn fault_at(&mut self, effect: &Effect, who: Option<&str>) -> Option<Fault> {
        let mut due = None;
        for (i, Planned { cue, left, .. }) in self.planned.iter_mut().enumerate() {
            let fits = match (effect, cue.commands.first()) {
                (Effect::Run(run), Some((hosts, words))) => hosts.contains(&run.host) && is_like(words, &run.argv),
                (Effect::Reach { host }, None) => cue.hosts.contains(host),
                _ => false,
            };
            match (fits, *left, due) {
                (false, ..) | (true, 0, Some(_)) => {}
                (true, 0, None) => due = Some(i),
                (true, ..) => *left -= 1,
            }
        }
        let planned = self.planned.remove(due?);
        let fault = Fault::named(&planned.what, effect, who);
        if fault.is_none() {
            let why = format!("\"{}\" can not happen there", planned.what);
            self.is_unmet(&planned.cue, vec![why]);
        }
        fault
    }

    fn is_unmet(&mut self, cue: &Cue, seen: Vec<String>) {
        self.unmet.push(Unmet { place: cue.place.clone(), text: cue.text.clone(), seen });
    }

    /// The run before is not spoken of any more: what went wrong in it and was not expected is said.
    fn close_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        let is_bad = |ending: &Ending| !ending.is_good() && !matches!(ending, Ending::NotBegun(_));
        let bad = run.endings.iter().filter(|ended| is_bad(&ended.ending));
        // That a plan of plans did not end well follows from its targets.
        let of_targets = bad.clone().any(|ended| ended.host != ended.plan);
        let bad = bad.filter(|ended| !of_targets || ended.host != ended.plan);
        let unsaid = bad.filter(|ended| !run.spoken_of.contains(&ended.host));
        let mut seen: Vec<String> = unsaid.map(|ended| expect::ending_text(&ended.host, &ended.ending)).collect();
        if !seen.is_empty() {
            let (place, text) = run.statement;
            seen.push("and no `expect` speaks of that".to_string());
            self.unmet.push(Unmet { place, text, seen });
        }
    }

    fn ends(&mut self) {
        self.close_run();
        for Planned { cue, .. } in std::mem::take(&mut self.planned) {
            self.is_unmet(&cue, vec!["nothing like it was about to happen, so nothing went wrong".to_string()]);
        }
        let own = self.world.endings();
        for (_, ending) in own.iter().filter(|(name, _)| *name == self.name) {
            let why = match ending {
                Some(Ending::Done) => continue,
                Some(ending) => expect::ending_text("the test", ending),
                None => "the test does not end: nothing more happens in the lab".to_string(),
            };
            self.unmet.push(Unmet { place: String::new(), text: self.name.clone(), seen: vec![why] });
        }
    }

    /// What changed something, went wrong or ended in the last run.
    fn story(&self) -> Vec<String> {
        let told = &self.world.told()[self.story_from..];
        let notes = told.iter().filter_map(|told| if let Told::Note(note) = told { Some(note) } else { None });
        let counts = |note: &Note| match &note.kind {
            NoteKind::Command { reading, .. } => !reading,
            NoteKind::Ended { good, .. } => !good,
            NoteKind::Warned(_) | NoteKind::Again(_) => true,
            NoteKind::Finished(_) => note.plan != self.name,
            _ => false,
        };
        let width = notes.filter(|note| counts(note)).map(|note| note.guest.chars().count()).max().unwrap_or(0);
        told.iter()
            .filter_map(|told| match told {
                Told::Fault(at, what) => Some(fault_line(*at, what)),
                Told::Note(note) => counts(note).then(|| line(note, width)).flatten(),
            })
            .collect()
    }
}

fn value<'c>(cue: &'c Cue, name: &str) -> Option<&'c serde_json::Value> {
    cue.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}
