//! What became of each guest.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{clock, harmless};
use crate::machine::{Ending, Note, NoteKind};

/// One guest's part.
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
    /// The plan.
    pub plan: String,
    /// Guests in the order of their targets.
    pub guests: IndexMap<String, Guest>,
}

impl Summary {
    /// Nothing has happened yet.
    pub fn new(plan: &str, targets: &[String]) -> Summary {
        let guests = targets.iter().map(|target| (target.clone(), Guest::default())).collect();
        Summary { plan: plan.to_string(), guests }
    }

    /// One more note.
    pub fn take(&mut self, note: &Note) {
        let guest = self.guests.entry(note.guest.clone()).or_default();
        match &note.kind {
            NoteKind::Began => guest.began = note.at,
            NoteKind::Verified(proof) => guest.proof = Some(proof.clone()),
            NoteKind::Recorded(name, value) => {
                guest.records.insert(name.clone(), value.clone());
            }
            NoteKind::Warned(text) => guest.warnings.push(text.clone()),
            NoteKind::Finished(ending) => {
                guest.ended = note.at;
                guest.ending = Some(ending.clone());
            }
            NoteKind::Command { .. }
            | NoteKind::Ended { .. }
            | NoteKind::Guarded { .. }
            | NoteKind::Waiting { .. }
            | NoteKind::Proven { .. }
            | NoteKind::Notified { .. }
            | NoteKind::Again(_) => {}
        }
    }

    /// 0 when all is well, 1 when a guest did not end well, 3 when nobody knows.
    pub fn exit_code(&self) -> u8 {
        let is =
            |wanted: fn(&Ending) -> bool| self.guests.values().any(|guest| guest.ending.as_ref().is_none_or(wanted));
        if is(|ending| matches!(ending, Ending::Unknown(_))) {
            3
        } else if is(|ending| !ending.is_good()) {
            1
        } else {
            0
        }
    }

    /// The report as text: a table, then what each row would be too narrow for.
    pub fn text(&self) -> String {
        let name_width = self.guests.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
        let mut text = format!("{:name_width$}  {:9}  {:>7}  proof\n", "guest", "result", "took");
        for (name, guest) in &self.guests {
            let result = guest.ending.as_ref().map_or("unfinished", result_word);
            let took = clock(guest.ended.saturating_sub(guest.began));
            let proof = guest.proof.clone().unwrap_or_else(|| "-".to_string());
            text.push_str(format!("{name:name_width$}  {result:9}  {took:>7}  {proof}").trim_end());
            text.push('\n');
        }
        for (name, guest) in &self.guests {
            for (row, value) in &guest.records {
                text.push_str(&format!("{name}: {row} = {}\n", harmless(value)));
            }
            for warning in &guest.warnings {
                text.push_str(&format!("{name}: warning: {}\n", harmless(warning)));
            }
            if let Some(Ending::Failed(failed) | Ending::Refused(failed) | Ending::Unknown(failed)) = &guest.ending {
                text.push_str(&format!("\n{name} {}: {}\n", result_word_long(guest), harmless(&failed.message)));
                if failed.host != *name && !failed.host.is_empty() {
                    text.push_str(&format!("  to blame: {}\n", failed.host));
                }
                text.push_str(&format!("  at: {}\n", harmless(&failed.step)));
            }
            if let Some(Ending::Skipped(why) | Ending::NotBegun(why)) = &guest.ending {
                text.push_str(&format!("{name} {}: {}\n", result_word_long(guest), harmless(why)));
            }
        }
        text
    }

    /// The report for programs: `{plan, guests: [{name, result, began_ms, ended_ms, proof, records, warnings, failure}]}`.
    pub fn json(&self) -> Value {
        let guests: Vec<Value> = self
            .guests
            .iter()
            .map(|(name, guest)| {
                let failure = match &guest.ending {
                    Some(Ending::Failed(failed) | Ending::Refused(failed) | Ending::Unknown(failed)) => json!({
                        "message": failed.message, "step": failed.step, "code": failed.code, "host": failed.host,
                    }),
                    Some(Ending::Skipped(why) | Ending::NotBegun(why)) => json!({ "message": why }),
                    Some(Ending::Done) | None => Value::Null,
                };
                json!({
                    "name": name,
                    "result": guest.ending.as_ref().map_or("unfinished", result_word),
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

fn result_word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Skipped(_) => "skipped",
        Ending::Failed(failed) if failed.kind == "unreachable" => "unreachable",
        Ending::Failed(_) => "failed",
        Ending::Refused(_) => "refused",
        Ending::Unknown(_) => "unknown",
        Ending::NotBegun(_) => "not begun",
    }
}

fn result_word_long(guest: &Guest) -> &'static str {
    match &guest.ending {
        Some(Ending::Skipped(_)) => "was skipped",
        Some(Ending::NotBegun(_)) => "was not begun",
        Some(Ending::Refused(_)) => "was refused",
        Some(Ending::Unknown(_)) => "is unknown",
        Some(_) => "failed",
        None => "is unfinished",
    }
}
