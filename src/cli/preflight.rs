//! `hostler preflight`.

use std::sync::Arc;

use super::arguments::{Format, PreflightArguments};
use super::check::EVAL;
use super::terminal::Terminal;
use super::{GOOD, NOT_READY, REFUSED, check, run, site};
use crate::check::{Checked, Program};
use crate::code::{Code, Role, compile};
use crate::diag::Problems;
use crate::lab::Lab;
use crate::machine::State;
use crate::preflight::{Answers, Preflight, Suggestions, Wants, lists, questions};
use crate::run::{World, drive};
use crate::text::Sources;

/// A script for whoever names no plan: its check reads the site, and asks nothing of it.
const NOTHING: &str = "record nothing = \"asked\"";

pub(crate) fn preflight(arguments: &PreflightArguments, terminal: &mut Terminal) -> u8 {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let files: Vec<String> = arguments.file.iter().cloned().collect();
    let loaded = site::load(&arguments.site, &files, &mut sources, &mut problems);
    let mut plan = arguments.plan.clone();
    plan.without_identities = arguments.suggest;
    let (name, text) = match (&arguments.file, &arguments.eval) {
        (Some(file), _) => (file.as_str(), None),
        (None, Some(text)) => (EVAL, Some(text.clone())),
        (None, None) => {
            if plan.target.is_none() && plan.limit.is_none() {
                plan.target = Some("all".to_string());
            }
            (EVAL, Some(NOTHING.to_string()))
        }
    };
    let checked = check::check_one(name, text, &plan, true, &loaded, &mut sources, problems);
    terminal.problems(&sources, &checked.diagnostics);
    let Some(program) = checked_program(&checked) else { return REFUSED };
    let code = compile(program, &sources);
    let outcome = if arguments.suggest {
        suggest(arguments, &code, &loaded, terminal)
    } else {
        ask(arguments, &code, &loaded, terminal)
    };
    match outcome {
        Ok(code) => code,
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            REFUSED
        }
    }
}

fn checked_program(checked: &Checked) -> Option<&Program> {
    checked.programs.first().filter(|_| !checked.has_errors())
}

/// Whether the plan could start now.
fn ask(
    arguments: &PreflightArguments,
    code: &Code,
    loaded: &site::Loaded,
    terminal: &mut Terminal,
) -> Result<u8, String> {
    let wants = Wants::of(code);
    let (answers, state) = answers(arguments, Arc::new(questions(code, &wants)), loaded)?;
    let mut found = Preflight::of(code, &wants, &answers, &state);
    if !arguments.lab {
        // In the lab secrets are made up, and no machine is the one that it runs on.
        found.is_hindered(run::obstacles_here(code));
    }
    match arguments.format {
        Format::Text => terminal.write(&found.text()),
        Format::Json => terminal.say(&serde_json::to_string_pretty(&found.json()).unwrap_or_default()),
    }
    Ok(if found.is_ready() { GOOD } else { NOT_READY })
}

/// What the hypervisors' lists give for the inventory.
fn suggest(
    arguments: &PreflightArguments,
    code: &Code,
    loaded: &site::Loaded,
    terminal: &mut Terminal,
) -> Result<u8, String> {
    let is_guest = |name: &&String| {
        code.hosts.get(*name).is_some_and(|facts| matches!(facts.role, Role::Guest | Role::Undetermined))
    };
    let hosts: Vec<String> = Wants::of(code).targets.iter().filter(is_guest).cloned().collect();
    let (answers, _) = answers(arguments, Arc::new(lists(code, &hosts)), loaded)?;
    let suggestions = Suggestions::of(code, &hosts, &answers);
    match arguments.format {
        Format::Text => terminal.write(&suggestions.text()),
        Format::Json => terminal.say(&serde_json::to_string_pretty(&suggestions.json()).unwrap_or_default()),
    }
    Ok(if suggestions.is_clear() { GOOD } else { NOT_READY })
}

fn answers(
    arguments: &PreflightArguments,
    questions: Arc<Code>,
    loaded: &site::Loaded,
) -> Result<(Answers, State), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        Ok(if arguments.lab {
            driven(&questions, &mut Lab::new(&questions)).await
        } else {
            driven(&questions, &mut run::world(loaded, false)?).await
        })
    })
}

async fn driven<W: World>(questions: &Arc<Code>, world: &mut W) -> (Answers, State) {
    let mut answers = Answers::default();
    let never = std::future::pending;
    let state = drive(questions.clone(), world, Vec::new(), never, |note| answers.take(note)).await;
    (answers, state)
}
