//! `hostler preflight`.

use std::sync::Arc;

use jiff::Zoned;

use super::arguments::{Format, PreflightArguments};
use super::ready::{Ready, ready};
use super::scenes::Scenes;
use super::terminal::Terminal;
use super::{GOOD, NOT_READY, REFUSED, clock, driving, rehearsal, site};
use crate::code::{Code, Role};
use crate::machine::State;
use crate::preflight::{Answers, Preflight, Suggestions, Wants, lists, questions};
use crate::run::{World, drive};

/// A script for whoever names no plan: its check reads the site, and asks nothing of it.
const NOTHING: &str = "record nothing = \"asked\"";

pub(crate) fn preflight(arguments: &PreflightArguments, terminal: &mut Terminal) -> u8 {
    let mut one = arguments.one.clone();
    if arguments.file.is_none() && one.eval.is_none() {
        one.eval = Some(NOTHING.to_string());
        if one.plan.target.is_none() && one.plan.limit.is_none() {
            one.plan.target = Some("all".to_string());
        }
    }
    let ready = ready(arguments.file.as_deref(), &one, arguments.suggest, terminal);
    let Some(Ready { loaded, code, mut sources, .. }) = ready else { return REFUSED };
    let folder = site::folder(&arguments.one.site, arguments.file.as_deref());
    let scenes = match arguments.lab {
        true => Scenes::read(&folder, &arguments.scene, &loaded.inventory, &mut sources, terminal),
        false => Some(Scenes::default()),
    };
    let Some(scenes) = scenes else { return REFUSED };
    let outcome = if arguments.suggest {
        suggest(arguments, &code, (&loaded, &scenes), terminal)
    } else {
        ask(arguments, &code, (&loaded, &scenes), terminal)
    };
    match outcome {
        Ok(code) => code,
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            REFUSED
        }
    }
}

/// Whether the plan could start now.
fn ask(
    arguments: &PreflightArguments,
    code: &Code,
    (loaded, scenes): (&site::Loaded, &Scenes),
    terminal: &mut Terminal,
) -> Result<u8, String> {
    let wants = Wants::of(code);
    let (answers, state) = answers(arguments, Arc::new(questions(code, &wants)), loaded, scenes)?;
    let mut found = Preflight::of(code, &wants, &answers, &state);
    // In the lab secrets are made up, and no machine is the one that it runs on.
    if !arguments.lab && !arguments.rehearsal {
        found.is_hindered(driving::obstacles_here(code));
        found.is_hindered(rehearsal::obstacles(code, &found.messages()));
        let zone = clock::zone(loaded.site.timezone.as_deref())?;
        found.remarks.extend(clock::remarks(code, &Zoned::now().with_time_zone(zone)));
        if code.asks_a_person() {
            found
                .remarks
                .push("the plan asks a person (`confirm`): start it at a terminal, or with `--yes`".to_string());
        }
    }
    match arguments.format {
        Format::Text if !arguments.rehearsal => terminal.write(&found.text()),
        _ => terminal.json(&found.json()),
    }
    Ok(if found.is_ready() { GOOD } else { NOT_READY })
}

/// What the hypervisors' lists give for the inventory.
fn suggest(
    arguments: &PreflightArguments,
    code: &Code,
    (loaded, scenes): (&site::Loaded, &Scenes),
    terminal: &mut Terminal,
) -> Result<u8, String> {
    let is_guest = |name: &&String| {
        code.hosts.get(*name).is_some_and(|facts| matches!(facts.role, Role::Guest | Role::Undetermined))
    };
    let hosts: Vec<String> = Wants::of(code).targets.iter().filter(is_guest).cloned().collect();
    let (answers, _) = answers(arguments, Arc::new(lists(code, &hosts)), loaded, scenes)?;
    let suggestions = Suggestions::of(code, &hosts, &answers);
    match arguments.format {
        Format::Text => terminal.write(&suggestions.text()),
        Format::Json => terminal.json(&suggestions.json()),
    }
    Ok(if suggestions.is_clear() { GOOD } else { NOT_READY })
}

fn answers(
    arguments: &PreflightArguments,
    questions: Arc<Code>,
    loaded: &site::Loaded,
    scenes: &Scenes,
) -> Result<(Answers, State), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        Ok(if arguments.lab {
            driven(&questions, &mut scenes.lab(&questions, &loaded.inventory)).await
        } else {
            driven(&questions, &mut driving::world(loaded)?).await
        })
    })
}

async fn driven<W: World>(questions: &Arc<Code>, world: &mut W) -> (Answers, State) {
    let mut answers = Answers::default();
    let never = std::future::pending;
    let state = drive(questions.clone(), world, Vec::new(), never, |note| answers.take(note)).await;
    (answers, state)
}
