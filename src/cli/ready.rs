//! One plan of the command line, read, checked and compiled: what `run`, `plan` and `preflight` begin with.

use super::arguments::{OneArguments, PlanArguments, SiteArguments};
use super::check::{self, EVAL};
use super::saved::Saved;
use super::site::{self, Loaded};
use super::terminal::Terminal;
use crate::code::{Code, compile};
use crate::diag::Problems;
use crate::text::Sources;

/// A plan that can run.
pub(crate) struct Ready {
    /// The plan's file, and with what it was read: of a saved plan, what was saved.
    pub(crate) file: Option<String>,
    pub(crate) one: OneArguments,
    pub(crate) sources: Sources,
    pub(crate) loaded: Loaded,
    pub(crate) code: Code,
}

/// Reads and checks the plan of a file, a saved plan, or statements. What is wrong with it is said; `None` then.
pub(crate) fn ready(
    file: Option<&str>,
    one: &OneArguments,
    without_identities: bool,
    terminal: &mut Terminal,
) -> Option<Ready> {
    let saved = match file.map(|file| saved_plan(file, one)).transpose() {
        Ok(saved) => saved.flatten(),
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            return None;
        }
    };
    match saved {
        Some((saved, one)) => {
            let ready = read(saved.file.as_deref(), &one, without_identities, terminal)?;
            let changes = saved.changes(&ready.sources, &ready.code);
            if changes.is_empty() {
                return Some(ready);
            }
            terminal.remark(&format!(
                "error: this is not what was saved:\n  {}\n  help: look at it and save it again, with `hostler plan … --out FILE`",
                changes.join("\n  ")
            ));
            None
        }
        None => read(file, one, without_identities, terminal),
    }
}

/// Where the file is a saved plan: that, and the arguments with which it was saved.
fn saved_plan(file: &str, one: &OneArguments) -> Result<Option<(Saved, OneArguments)>, String> {
    let Some(saved) = Saved::read(file)? else { return Ok(None) };
    saved.is_at_home()?;
    // Passwords of vaults may be named anew: they say nothing about what runs.
    let SiteArguments { site, inventory, .. } = &one.site;
    if one.plan != PlanArguments::default() || site.is_some() || !inventory.is_empty() {
        return Err("a saved plan says itself for whom, where and with which values it runs; give it alone".to_string());
    }
    let SiteArguments { site, inventory, .. } = saved.site.clone();
    let site = SiteArguments { site, inventory, ..one.site.clone() };
    let with = OneArguments { eval: saved.eval.clone(), plan: saved.plan.clone(), site };
    Ok(Some((saved, with)))
}

fn read(file: Option<&str>, one: &OneArguments, without_identities: bool, terminal: &mut Terminal) -> Option<Ready> {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let files: Vec<String> = file.iter().map(ToString::to_string).collect();
    let loaded = site::load(&one.site, &files, &mut sources, &mut problems);
    let request =
        check::Asked { plan: &one.plan, one_plan: true, tests: false, without_identities, without_programs: false };
    let checked = check::check_one(file.unwrap_or(EVAL), one.eval.clone(), &request, &loaded, &mut sources, problems);
    terminal.problems(&sources, &checked.diagnostics);
    let program = checked.programs.first().filter(|_| !checked.has_errors())?;
    let code = compile(program, &sources);
    Some(Ready { file: file.map(str::to_string), one: one.clone(), sources, loaded, code })
}
