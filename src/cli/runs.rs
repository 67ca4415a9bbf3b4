//! `hostler runs`, `hostler show`, `hostler logs` and `hostler journal`: what was run, by its journals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::arguments::{
    Format, JournalArguments, JournalCommand, LogsArguments, RunsArguments, RunsCommand, ShowArguments,
};
use super::kept::{Owner, Past, runs};
use super::terminal::Terminal;
use super::{DIFFERENT, GOOD, REFUSED};
use crate::journal::Runs;
use crate::machine::{Answer, Effect, Event, words_of};
use crate::report::{Summary, harmless, line};

/// How many days runs that are over are kept.
const DAYS: i64 = 90;

/// How a run stands.
#[derive(Clone, Copy)]
enum Standing {
    Over,
    /// Over, but for what a person has to say.
    Unresolved,
    Running,
    Waiting,
}

impl Standing {
    fn of(runs: &Runs, past: &Past) -> Standing {
        match past.is_over() {
            true if past.replay.state().to_be_resolved().next().is_some() => Standing::Unresolved,
            true => Standing::Over,
            false if runs.is_driven(&past.kept.id) => Standing::Running,
            false => Standing::Waiting,
        }
    }

    /// For a program.
    fn word(self) -> &'static str {
        match self {
            Standing::Over => "over",
            Standing::Unresolved => "unresolved",
            Standing::Running => "running",
            Standing::Waiting => "waiting",
        }
    }

    /// For a person.
    fn text(self) -> &'static str {
        match self {
            Standing::Over => "over",
            Standing::Unresolved => "waits for `hostler resolve`",
            Standing::Running => "under way",
            Standing::Waiting => "waits for `hostler resume`",
        }
    }
}

fn summary(past: &Past) -> Summary {
    let mut summary = Summary::new(&past.kept.code.plan().name);
    past.notes.iter().for_each(|note| summary.take(note));
    summary
}

pub(crate) fn list(arguments: &RunsArguments, terminal: &mut Terminal) -> u8 {
    let outcome = match &arguments.command {
        None => list_all(arguments.format, terminal),
        Some(RunsCommand::Prune { older_than }) => prune(*older_than, terminal),
    };
    said(outcome, terminal)
}

fn said(outcome: Result<u8, String>, terminal: &mut Terminal) -> u8 {
    outcome.unwrap_or_else(|why| {
        terminal.remark(&format!("error: {why}"));
        REFUSED
    })
}

/// A run as `hostler runs` lists it.
struct Row {
    began: String,
    /// For a program, and for a person.
    state: (&'static str, String),
    guests: IndexMap<&'static str, usize>,
}

impl Row {
    fn of(runs: &Runs, id: &str, began: impl Fn(&Past) -> String) -> Row {
        match Past::read(runs, id) {
            Ok(past) => {
                let standing = Standing::of(runs, &past);
                let state = (standing.word(), standing.text().to_string());
                Row { began: began(&past), state, guests: summary(&past).counts() }
            }
            // That of another version is listed too: it may wait for that version.
            Err(why) => Row { began: String::new(), state: ("unreadable", why), guests: IndexMap::default() },
        }
    }
}

fn list_all(format: Format, terminal: &mut Terminal) -> Result<u8, String> {
    let runs = runs()?;
    let ids = runs.ids()?;
    if format == Format::Json {
        let row = |id: &String| {
            let row = Row::of(&runs, id, |past| past.kept.time(0).timestamp().to_string());
            match row.state {
                ("unreadable", why) => json!({ "run": id, "state": "unreadable", "why": why }),
                (state, _) => json!({ "run": id, "began": row.began, "state": state, "guests": row.guests }),
            }
        };
        terminal.json(&Value::Array(ids.iter().map(row).collect()));
        return Ok(GOOD);
    }
    if ids.is_empty() {
        terminal.remark("there are no runs yet");
    }
    let width = ids.iter().map(String::len).max().unwrap_or(0);
    for id in ids {
        let row = Row::of(&runs, &id, |past| past.kept.time(0).strftime("%Y-%m-%d %H:%M").to_string());
        let counts: Vec<String> = row.guests.iter().map(|(word, number)| format!("{number} {word}")).collect();
        let line = format!("{id:width$}  {:16}  {}  {}", row.began, row.state.1, counts.join(", "));
        terminal.say(line.trim_end());
    }
    Ok(GOOD)
}

/// Removes the runs that are over, and have been for so many days.
fn prune(days: i64, terminal: &mut Terminal) -> Result<u8, String> {
    let runs = runs()?;
    let (removed, unread) = remove_older(&runs, days)?;
    terminal.say(&format!("removed {removed} {}", if removed == 1 { "run" } else { "runs" }));
    for (id, why) in unread {
        terminal.remark(&format!("kept {id}: {why}; nobody else knows whether it is over"));
    }
    Ok(GOOD)
}

/// The same by default, at the beginning of a run. What can not be removed stands in nobody's way.
pub(super) fn prune_old(runs: &Runs) {
    let _ = remove_older(runs, DAYS);
}

/// How many were removed, and which ones can not be read, each with the reason.
fn remove_older(runs: &Runs, days: i64) -> Result<(usize, Vec<(String, String)>), String> {
    let age = Duration::from_secs(u64::try_from(days).unwrap_or(0).saturating_mul(24 * 3600));
    let (mut removed, mut unread) = (0, Vec::new());
    for id in runs.untouched_for(age)? {
        match Past::read(runs, &id) {
            Ok(past) if past.is_over() && runs.remove(&id).is_ok() => removed += 1,
            Ok(_) => {}
            Err(why) => unread.push((id, why)),
        }
    }
    Ok((removed, unread))
}

pub(crate) fn show(arguments: &ShowArguments, terminal: &mut Terminal) -> u8 {
    let outcome = runs().and_then(|runs| show_one(&runs, arguments, terminal));
    said(outcome, terminal)
}

fn show_one(runs: &Runs, arguments: &ShowArguments, terminal: &mut Terminal) -> Result<u8, String> {
    let past = Past::read(runs, &runs.find(&arguments.run)?)?;
    let summary = summary(&past);
    if arguments.format == Format::Json {
        let mut value = summary.json();
        value["run"] = json!(past.kept.id);
        value["began"] = json!(past.kept.time(0).timestamp().to_string());
        value["state"] = json!(Standing::of(runs, &past).word());
        terminal.json(&value);
        return Ok(GOOD);
    }
    let began = past.kept.time(0).strftime("%a %Y-%m-%d %H:%M:%S %Z");
    terminal.say(&format!("run    {}\nbegan  {began}\nstate  {}", past.kept.id, Standing::of(runs, &past).text()));
    for owner in &past.owners {
        terminal.say(&format!("by     {}", Owner::text(owner)));
    }
    let mut guests: Vec<(&str, &str)> = Vec::new();
    for note in &past.notes {
        if !guests.contains(&(note.plan.as_str(), note.guest.as_str())) {
            guests.push((&note.plan, &note.guest));
        }
    }
    for (plan, guest) in guests {
        let notes = past.notes.iter().filter(|note| note.plan == plan && note.guest == guest);
        let lines: Vec<String> = notes.filter_map(|note| line(note, 0)).collect();
        if !lines.is_empty() {
            terminal.say(&format!("\n{}", lines.join("\n")));
        }
    }
    terminal.say(&format!("\n{}", summary.text().trim_end()));
    Ok(GOOD)
}

pub(crate) fn logs(arguments: &LogsArguments, terminal: &mut Terminal) -> u8 {
    let outcome = runs().and_then(|runs| {
        let id = runs.find(&arguments.run)?;
        let mut asked = BTreeMap::new();
        let mut entries = Vec::new();
        let past = Past::read_each(&runs, &id, |replay, event, effects| {
            if let Event::Result { id, at, answer: Answer::Ran(result) | Answer::EndedLate(result) } = event
                && let Some((guest, run)) = asked.get(id)
            {
                entries.push((*at, String::clone(guest), Box::clone(run), result.clone()));
            }
            for (id, effect) in effects {
                if let (Effect::Run(run), Some(guest)) = (effect, replay.state().who_waits(*id)) {
                    asked.insert(*id, (guest.to_string(), run.clone()));
                }
            }
        })?;
        if let Some(wanted) = &arguments.guest
            && !past.notes.iter().any(|note| note.guest == *wanted)
        {
            let guests = past.notes.iter().filter(|note| note.guest != note.plan).map(|note| note.guest.as_str());
            let guests: Vec<&str> = guests.collect::<BTreeSet<_>>().into_iter().collect();
            return Err(format!("the run {id} had nothing to do with `{wanted}`; it is about {}", guests.join(", ")));
        }
        let is_wanted = |guest: &str| arguments.guest.as_ref().is_none_or(|wanted| wanted == guest);
        for (at, guest, run, result) in entries {
            if !is_wanted(&guest) {
                continue;
            }
            let time = past.kept.time(at).strftime("%H:%M:%S").to_string();
            let ended = match &result {
                Ok(reply) => format!("ended with {}", reply.code),
                Err(trouble) => format!("no answer: {}", trouble.text()),
            };
            terminal.say(&format!("{time}  {guest}  on {}: {}  {ended}", run.host, harmless(&words_of(&run))));
            if let Ok(reply) = result {
                for (mark, text) in [(" ", &reply.stdout), ("!", &reply.stderr)] {
                    text.lines().for_each(|line| terminal.say(&format!("  {mark} {}", harmless(line))));
                }
                if reply.truncated {
                    terminal.say("    … it printed more than is kept");
                }
            }
        }
        for (id, (guest, run)) in &asked {
            if past.replay.state().waits_for(*id) && is_wanted(guest) {
                terminal.say(&format!(
                    "{:8}  {guest}  on {}: {}  not answered yet",
                    "",
                    run.host,
                    harmless(&words_of(run))
                ));
            }
        }
        Ok(GOOD)
    });
    said(outcome, terminal)
}

pub(crate) fn journal(arguments: &JournalArguments, terminal: &mut Terminal) -> u8 {
    let outcome = runs().and_then(|runs| match &arguments.command {
        JournalCommand::Verify { run } => verify(&runs, run.as_deref(), terminal),
        JournalCommand::Export { run } => export(&runs, run, terminal),
    });
    said(outcome, terminal)
}

fn verify(runs: &Runs, run: Option<&str>, terminal: &mut Terminal) -> Result<u8, String> {
    let ids = match run {
        Some(meant) => vec![runs.find(meant)?],
        None => runs.ids()?,
    };
    let mut code = GOOD;
    for id in ids {
        match runs.read(&id).and_then(|reader| reader.verify()) {
            Ok(records) => terminal.say(&format!("{id}: {records} records, each as it was written")),
            Err(why) => {
                terminal.say(&format!("{id}: {why}"));
                code = DIFFERENT;
            }
        }
    }
    Ok(code)
}

/// Every record on a line of its own, as JSON.
fn export(runs: &Runs, run: &str, terminal: &mut Terminal) -> Result<u8, String> {
    let id = runs.find(run)?;
    runs.read(&id)?.each(|record| {
        let body: Value = serde_json::from_str(&record.body).map_err(|error| error.to_string())?;
        let chain: String = record.chain.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = json!({ "number": record.number, "kind": record.kind, "body": body, "chain": chain });
        terminal.say(&line.to_string());
        Ok(())
    })?;
    Ok(GOOD)
}
