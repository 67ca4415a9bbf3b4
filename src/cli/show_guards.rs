//! `hostler fmt --show-guards`: a plan file with the guards written out, as comments.

use super::arguments::{FmtArguments, PlanArguments};
use super::check::{Asked, check_one};
use super::terminal::Terminal;
use super::{GOOD, REFUSED, site};
use crate::check::program::{Command, Effect, ProcKind, Program, Whom, each_command};
use crate::diag::Problems;
use crate::fmt;
use crate::text::{Source, Sources, Span};

pub(crate) fn show_guards(arguments: &FmtArguments, terminal: &mut Terminal) -> u8 {
    let mut code = GOOD;
    for file in &arguments.paths {
        let mut sources = Sources::new();
        let mut problems = Problems::new();
        let loaded = site::load(&arguments.site, std::slice::from_ref(file), &mut sources, &mut problems);
        let plan = PlanArguments { target: arguments.target.clone(), ..PlanArguments::default() };
        let asked =
            Asked { plan: &plan, one_plan: false, tests: false, without_identities: false, without_programs: false };
        let checked = check_one(file, None, &asked, &loaded, &mut sources, problems);
        terminal.problems(&sources, &checked.diagnostics);
        let Some(source) = sources.named(file).filter(|_| !checked.has_errors()) else {
            code = REFUSED;
            continue;
        };
        let written = written_out(source, &checked.programs);
        // What is put in is comments on lines of their own, so it can be read like the file itself.
        terminal.write(&fmt::format(&written).unwrap_or(written));
    }
    code
}

/// The text of a file, with a comment before each command that gets guards, and after each plan that gets one.
fn written_out(source: &Source, programs: &[Program]) -> String {
    let whole = source.span();
    let mut notes: Vec<(usize, String)> = Vec::new();
    let is_here = |span: Span| span.start >= whole.start && span.end <= whole.end;
    for program in programs {
        for proc in program.procs.iter().filter(|proc| is_here(proc.span)) {
            let subject = proc.params.first().map_or("guest", |param| param.name.as_str());
            each_command(&proc.body, &mut |span, command| {
                let guards = guards_of(command, subject);
                if !guards.is_empty() && is_here(span) {
                    let text = format!("# + guard: {}", guards.join(", "));
                    notes.push(((span.start - whole.start) as usize, text));
                }
            });
            let plan = program.plans.iter().find(|plan| plan.verify && program.procs[plan.body.0].span == proc.span);
            if plan.is_some()
                && proc.kind == ProcKind::Body
                && let Some(last) = proc.body.last()
            {
                let text = format!("# + guard: verify: {subject} runs, in a new boot, and ssh and the agent answer");
                notes.push(((last.span.end - whole.start) as usize, text));
            }
        }
    }
    // A procedure that two plans call is in both programs.
    notes.sort();
    notes.dedup();
    let mut text = source.text.to_string();
    for (at, note) in notes.into_iter().rev() {
        // At the end of a statement a comment of its line may follow; that stays where it is.
        let at = if note.contains("verify:") { text[at..].find('\n').map_or(text.len(), |line| at + line) } else { at };
        let begins_line = text[..at].rfind('\n').map_or(&text[..at], |line| &text[line..at]).trim().is_empty();
        text.insert_str(at, &if begins_line { format!("{note}\n") } else { format!("\n{note}\n") });
    }
    text
}

/// What is proven before a command, as a plan would write it.
fn guards_of(command: &Command, subject: &str) -> Vec<String> {
    let left_out =
        |name: &str| command.unguarded.as_ref().is_some_and(|(names, _)| names.iter().any(|one| one == name));
    let mut guards = Vec::new();
    if command.whom != Whom::Subject || command.effect == Effect::Read {
        return guards;
    }
    let is_power = command.effect.is_power();
    let goes_off = is_power && command.effect != Effect::PowerOn;
    let mut add = |needed: bool, name: &str, text: String| {
        if needed && !left_out(name) {
            guards.push(text);
        }
    };
    add(command.guards.identity, "identity", format!("require identity({subject})"));
    add(is_power && command.guards.unlocked, "unlocked", format!("require not locked({subject})"));
    add(goes_off && command.guards.agent, "agent", format!("require agent({subject})"));
    add(is_power && command.guards.baseline, "baseline", "note the boot that runs".to_string());
    guards
}
