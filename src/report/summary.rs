//! What became of each guest.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{clock, harmless};
use crate::code::Failed;
use crate::machine::{Ending, Note, NoteKind};

/// One guest's part in a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guest {
    /// When it began, in milliseconds of the run.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// How; `None` while it has not.
    pub ending: Option<Ending>,
    /// What proves that it is well after its power changed.
    pub proof: Option<String>,
    /// Rows of the report.
    pub records: IndexMap<String, String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The plan that was run.
    pub plan: String,
    /// Guests by plan, in the order of their beginning. A plan without `for` stands there as its own only guest.
    pub plans: IndexMap<String, IndexMap<String, Guest>>,
}

impl Summary {
    /// Nothing has happened yet.
    pub fn new(plan: &str) -> Summary {
        Summary { plan: plan.to_string(), plans: IndexMap::new() }
    }

    /// One more note.
    pub fn take(&mut self, note: &Note) {
        let plan = self.plans.entry(note.plan.clone()).or_default();
        if let NoteKind::PlanBegan(targets) = &note.kind {
            plan.extend(targets.iter().map(|target| (target.clone(), Guest::default())));
            return;
        }
        let guest = plan.entry(note.guest.clone()).or_default();
        match &note.kind {
            NoteKind::Began => guest.began = note.at,
            NoteKind::Verified(proof) => guest.proof = Some(proof.clone()),
            NoteKind::Recorded(name, value) => {
                guest.records.insert(name.clone(), value.clone());
            }
            NoteKind::Warned(text) => guest.warnings.push(text.clone()),
            NoteKind::Finished(ending) => {
                if matches!(ending, Ending::NotBegun(_)) {
                    guest.began = note.at;
                }
                guest.ended = note.at;
                guest.ending = Some(ending.clone());
            }
            NoteKind::PlanBegan(_)
            | NoteKind::Command { .. }
            | NoteKind::Ended { .. }
            | NoteKind::Guarded { .. }
            | NoteKind::Locked { .. }
            | NoteKind::Waiting { .. }
            | NoteKind::Proven { .. }
            | NoteKind::Notified { .. }
            | NoteKind::Objected { .. }
            | NoteKind::Cue(_)
            | NoteKind::Again(_) => {}
        }
    }

    fn guests(&self) -> impl Iterator<Item = (&String, &String, &Guest)> {
        self.plans.iter().flat_map(|(plan, guests)| guests.iter().map(move |(name, guest)| (plan, name, guest)))
    }

    /// 0 when all is well, 1 when a guest did not end well, 3 when nobody knows.
    pub fn exit_code(&self) -> u8 {
        let is =
            |wanted: fn(&Ending) -> bool| self.guests().any(|(_, _, guest)| guest.ending.as_ref().is_none_or(wanted));
        if is(|ending| matches!(ending, Ending::Unknown(_))) {
            3
        } else if is(|ending| !ending.is_good()) {
            1
        } else {
            0
        }
    }

    /// How many guests ended how; those that have not yet are `unfinished`.
    pub fn counts(&self) -> IndexMap<&'static str, usize> {
        let mut counts = IndexMap::new();
        for (_, _, guest) in self.guests().filter(|(plan, name, _)| plan != name) {
            *counts.entry(guest.ending.as_ref().map_or("unfinished", word)).or_default() += 1;
        }
        counts
    }

    /// The report as text: a table, then what each row would be too narrow for.
    pub fn text(&self) -> String {
        let several = self.plans.len() > 1;
        let shown =
            |plan: &str, name: &str| if several && plan != name { format!("{plan}/{name}") } else { name.to_string() };
        // A plan without `for` has a row only where it did not end well.
        let rows: Vec<(String, &Guest)> = self
            .guests()
            .filter(|(plan, name, guest)| plan != name || guest.ending.as_ref().is_none_or(|ending| !ending.is_good()))
            .map(|(plan, name, guest)| (shown(plan, name), guest))
            .collect();
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(5);
        let mut text = format!("{:width$}  {:11}  {:>7}  proof\n", "guest", "result", "took");
        for (name, guest) in &rows {
            let result = guest.ending.as_ref().map_or("unfinished", word);
            let took = clock(guest.ended.saturating_sub(guest.began));
            let proof = guest.proof.clone().unwrap_or_else(|| "-".to_string());
            text.push_str(&format!("{name:width$}  {result:11}  {took:>7}  {proof}\n"));
        }
        for (plan, name, guest) in self.guests() {
            let name = shown(plan, name);
            for (row, value) in &guest.records {
                text.push_str(&format!("{name}: {row} = {}\n", harmless(value)));
            }
            for warning in &guest.warnings {
                text.push_str(&format!("{name}: warning: {}\n", harmless(warning)));
            }
        }
        for (plan, name, guest) in self.guests() {
            text.push_str(&self.why(&shown(plan, name), name, guest));
        }
        text
    }

    fn why(&self, shown: &str, name: &str, guest: &Guest) -> String {
        match &guest.ending {
            Some(Ending::Failed(failed)) => because(shown, name, word(&Ending::Failed(failed.clone())), failed),
            Some(Ending::Refused(failed)) => because(shown, name, "refused", failed),
            Some(Ending::Unknown(failed)) => because(shown, name, "unknown", failed),
            Some(Ending::Interrupted(failed)) => because(shown, name, "interrupted", failed),
            Some(Ending::Skipped(why)) => format!("\n{shown} skipped: {}\n", harmless(why)),
            Some(Ending::NotBegun(why)) => format!("\n{shown} not begun: {}\n", harmless(why)),
            Some(Ending::Done) | None => String::new(),
        }
    }

    /// The report for programs: `{plan, guests: [{plan, name, result, began_ms, ended_ms, proof, records, warnings,
    /// failure}]}`.
    pub fn json(&self) -> Value {
        let guests: Vec<Value> = self
            .guests()
            .map(|(plan, name, guest)| {
                let failure = match &guest.ending {
                    Some(
                        Ending::Failed(failed)
                        | Ending::Refused(failed)
                        | Ending::Unknown(failed)
                        | Ending::Interrupted(failed),
                    ) => json!({
                        "message": failed.message, "step": failed.step, "code": failed.code, "host": failed.host,
                    }),
                    Some(Ending::Skipped(why) | Ending::NotBegun(why)) => json!({ "message": why }),
                    Some(Ending::Done) | None => Value::Null,
                };
                json!({
                    "plan": plan,
                    "name": name,
                    "result": guest.ending.as_ref().map_or("unfinished", word),
                    "began_ms": guest.began,
                    "ended_ms": guest.ended,
                    "proof": guest.proof,
                    "records": guest.records,
                    "warnings": guest.warnings,
                    "failure": failure,
                })
            })
            .collect();
        json!({ "plan": self.plan, "guests": guests })
    }
}

fn because(shown: &str, name: &str, result: &str, failed: &Failed) -> String {
    let mut text = format!("\n{shown} {result}: {}\n", harmless(&failed.message));
    if failed.host != name && !failed.host.is_empty() {
        text.push_str(&format!("  to blame: {}\n", failed.host));
    }
    if !failed.step.is_empty() {
        text.push_str(&format!("  at: {}\n", harmless(&failed.step)));
    }
    text
}

/// How a target's part ended, in a word.
pub fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Skipped(_) => "skipped",
        Ending::Failed(failed) if failed.kind == "unreachable" => "unreachable",
        Ending::Failed(_) => "failed",
        Ending::Refused(_) => "refused",
        Ending::Unknown(_) => "unknown",
        Ending::NotBegun(_) => "not begun",
        Ending::Interrupted(_) => "interrupted",
    }
}
