//! `hostler plan`: the dry run.

use super::arguments::DryArguments;
use super::saved::Saved;
use super::terminal::Terminal;
use super::{GOOD, REFUSED, check, site};
use crate::code::compile;
use crate::diag::Problems;
use crate::report::dry_run;
use crate::text::Sources;

pub(crate) fn plan(arguments: &DryArguments, terminal: &mut Terminal) -> u8 {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let files: Vec<String> = arguments.file.iter().cloned().collect();
    let loaded = site::load(&arguments.site, &files, &mut sources, &mut problems);
    let name = arguments.file.as_deref().unwrap_or("-e");
    let checked =
        check::check_one(name, arguments.eval.clone(), &arguments.plan, true, &loaded, &mut sources, problems);
    terminal.problems(&sources, &checked.diagnostics);
    match checked.programs.first() {
        Some(program) if !checked.has_errors() => {
            let code = compile(program, &sources);
            terminal.say(dry_run(&code).trim_end());
            let Some(out) = &arguments.out else { return GOOD };
            let DryArguments { file, eval, plan, site, .. } = arguments;
            match Saved::new(file.as_ref(), eval.as_ref(), plan, site, &sources, &code).write(out) {
                Ok(()) => {
                    terminal.remark(&format!("saved; `hostler run {out}` runs exactly this"));
                    GOOD
                }
                Err(why) => {
                    terminal.remark(&format!("error: {why}"));
                    REFUSED
                }
            }
        }
        _ => REFUSED,
    }
}
