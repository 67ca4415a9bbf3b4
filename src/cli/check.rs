//! `hostler check`, and what `run` shares with it.

use super::arguments::{CheckArguments, PlanArguments, ProblemFormat};
use super::disk::Disk;
use super::site::{self, Loaded};
use super::terminal::Terminal;
use super::{GOOD, REFUSED};
use crate::check::{self, Checked, Request};
use crate::diag::{Diagnostic, Problems, json, sarif};
use crate::text::{Files, Sources};

/// The name of statements from the command line.
pub(super) const EVAL: &str = "-e";

pub(crate) fn check(arguments: &CheckArguments, terminal: &mut Terminal) -> u8 {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let loaded = site::load(&arguments.site, &arguments.files, &mut sources, &mut problems);
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let texts: Vec<(String, Option<String>)> = match &arguments.eval {
        Some(text) => vec![(EVAL.to_string(), Some(text.clone()))],
        None => arguments.files.iter().map(|file| (file.clone(), None)).collect(),
    };
    for (name, text) in texts {
        let asked = Asked {
            plan: &arguments.plan,
            one_plan: false,
            tests: false,
            without_identities: false,
            without_programs: true,
        };
        let checked = check_one(&name, text, &asked, &loaded, &mut sources, std::mem::take(&mut problems));
        for diagnostic in checked.leave() {
            if !diagnostics.contains(&diagnostic) {
                diagnostics.push(diagnostic);
            }
        }
    }
    match arguments.format {
        ProblemFormat::Json => terminal.json(&json::object(&sources, &diagnostics)),
        ProblemFormat::Sarif => terminal.json(&sarif::log(&sources, &diagnostics)),
        ProblemFormat::Text => terminal.problems(&sources, &diagnostics),
    }
    // The process ends here. To take a large inventory apart first would cost a tenth of the time.
    std::mem::forget(loaded);
    if diagnostics.iter().any(Diagnostic::is_error) { REFUSED } else { GOOD }
}

/// What is asked of a check.
pub(crate) struct Asked<'a> {
    pub(crate) plan: &'a PlanArguments,
    /// One plan is to run, so a file of several has to be told which.
    pub(crate) one_plan: bool,
    /// Its tests are to run.
    pub(crate) tests: bool,
    /// What identifies a guest may be missing.
    pub(crate) without_identities: bool,
    /// What is to be said is enough.
    pub(crate) without_programs: bool,
}

/// Checks one file, or statements from the command line.
pub(crate) fn check_one(
    name: &str,
    text: Option<String>,
    asked: &Asked<'_>,
    loaded: &Loaded,
    sources: &mut Sources,
    mut problems: Problems,
) -> Checked {
    let text = match text.map(Ok).unwrap_or_else(|| read(name)) {
        Ok(text) => text,
        Err(diagnostic) => {
            problems.push(*diagnostic);
            return Checked::refused(problems.sorted());
        }
    };
    let request = Request {
        name: name.to_string(),
        text,
        plan: asked.plan.plan.clone(),
        target: asked.plan.target.clone(),
        limit: asked.plan.limit.clone(),
        arguments: asked.plan.set.clone(),
        one_plan: asked.one_plan,
        tests: asked.tests,
        vault: loaded.vault.clone(),
        without_identities: asked.without_identities,
        without_programs: asked.without_programs,
    };
    check::check(&Disk, sources, &loaded.inventory, &loaded.site, &request, problems)
}

/// The text of a plan file.
pub(crate) fn read(file: &str) -> Result<String, Box<Diagnostic>> {
    let unreadable = |message: String| Box::new(Diagnostic::nowhere("run/unreadable", message));
    let bytes = match Disk.read(file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(unreadable(format!("there is no file `{file}`"))),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        unreadable(format!("`{file}` is no UTF-8 text: byte {at} is none"))
    })
}
