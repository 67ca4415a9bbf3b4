//! `hostler test`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::arguments::{Format, PlanArguments, TestArguments};
use super::check::{self, Asked};
use super::files::plan_files;
use super::scenes::Scenes;
use super::site;
use super::terminal::Terminal;
use super::{FAILED, GOOD, REFUSED, clock, junit};
use crate::code::{Code, compile};
use crate::diag::Problems;
use crate::lab::Lab;
use crate::report::harmless;
use crate::text::Sources;
use crate::trial::{Outcome, trial};

/// Where a test's clock begins that does not say it: at the first window from here on.
const BEGINS: &str = "2026-01-01 00:00";
/// Most lines of what happened in a test that failed.
const MOST: usize = 24;

/// A test that is ready to run.
struct Ready {
    file: String,
    name: String,
    place: String,
    code: Arc<Code>,
    lab: Lab,
    windows: Vec<Vec<(i64, i64)>>,
}

/// A test that was run.
pub(super) struct Tested {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) place: String,
    pub(super) outcome: Outcome,
    /// How long it took here.
    pub(super) time: Duration,
}

pub(crate) fn test(arguments: &TestArguments, terminal: &mut Terminal) -> u8 {
    let files = match plan_files(&arguments.paths) {
        Ok(files) => files,
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            return REFUSED;
        }
    };
    let began = Instant::now();
    let mut tests = Vec::new();
    let mut refused = false;
    for file in &files {
        // A folder holds plans without tests too; a file that is named is meant.
        let is_meant = arguments.paths.contains(file);
        match of_file(file, is_meant, arguments, terminal) {
            Some(found) => tests.extend(found),
            None => refused = true,
        }
    }
    if let Some(only) = &arguments.only {
        tests.retain(|test| test.name.contains(only.as_str()));
    }
    if tests.is_empty() && !refused {
        let which = arguments.only.as_ref().map_or(String::new(), |only| format!(" whose name has \"{only}\""));
        terminal.remark(&format!("error: there is no test{which}; docs/testing.md says how one is written"));
        return REFUSED;
    }
    if tests.is_empty() {
        return REFUSED;
    }
    let tested = run_all(tests);
    let failed = tested.iter().filter(|test| !test.outcome.unmet.is_empty()).count();
    match arguments.format {
        Format::Text => terminal.write(&text(&tested, began.elapsed(), arguments.seed)),
        Format::Json => terminal.json(&json(&tested, arguments.seed)),
    }
    if let Some(path) = &arguments.junit
        && let Err(error) = std::fs::write(path, junit::report(&tested))
    {
        terminal.remark(&format!("error: `{path}` can not be written: {error}"));
        refused = true;
    }
    match (refused, failed) {
        (true, _) => REFUSED,
        (false, 0) => GOOD,
        (false, _) => FAILED,
    }
}

/// The tests of a file; `None` where it can not be read or has mistakes, which were said.
fn of_file(file: &str, is_meant: bool, arguments: &TestArguments, terminal: &mut Terminal) -> Option<Vec<Ready>> {
    let text = match check::read(file) {
        Ok(text) => text,
        Err(diagnostic) => {
            terminal.problems(&Sources::new(), &[*diagnostic]);
            return None;
        }
    };
    if !is_meant && !text.contains("test ") {
        return Some(Vec::new());
    }
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let loaded = site::load(&arguments.site, &[file.to_string()], &mut sources, &mut problems);
    let plan = PlanArguments::default();
    let asked = Asked { plan: &plan, one_plan: false, tests: true, without_identities: false, without_programs: false };
    let checked = check::check_one(file, Some(text), &asked, &loaded, &mut sources, problems);
    if checked.has_errors() || !checked.programs.is_empty() {
        terminal.problems(&sources, &checked.diagnostics);
    }
    if checked.has_errors() {
        return None;
    }
    let folder = site::folder(&arguments.site, Some(file));
    let scenes = Scenes::read(&folder, &[], &loaded.inventory, &mut sources, terminal)?;
    let mut tests = Vec::new();
    for program in &checked.programs {
        let Some(head) = &program.test else { continue };
        let place = sources.place(head.span).map_or(String::new(), |place| format!("{}:{}", place.file, place.line));
        let zone = clock::zone(loaded.site.timezone.as_deref());
        let code = compile(program, &sources);
        let begins = zone.and_then(|zone| {
            let usual = clock::time(BEGINS, &zone)?;
            match &head.begins {
                Some(text) => clock::time(text, &zone)
                    .map_err(|_| format!("{place}: `{text}` is no time: write it as \"2026-01-03 22:00\"")),
                None => Ok(clock::lab_start(&code, &usual)),
            }
        });
        let begins = match begins {
            Ok(begins) => begins,
            Err(why) => {
                terminal.remark(&format!("error: {why}"));
                return None;
            }
        };
        let mut lab = scenes.lab(&code, &loaded.inventory);
        lab.vary(arguments.seed);
        let windows = clock::windows(&code, &begins);
        let name = code.plan().name.clone();
        tests.push(Ready { file: file.to_string(), name, place, code: Arc::new(code), lab, windows });
    }
    Some(tests)
}

/// Runs tests, as many at once as there are cores; what became of them, in their order.
fn run_all(tests: Vec<Ready>) -> Vec<Tested> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(tests.len());
    let waiting = Mutex::new(tests.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((number, test)) = locked(&waiting).next() {
                    let tested = run_one(test);
                    locked(&done).push((number, tested));
                }
            });
        }
    });
    let mut done = std::mem::take(&mut *locked(&done));
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, tested)| tested).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_one(test: Ready) -> Tested {
    let Ready { file, name, place, code, lab, windows } = test;
    let began = Instant::now();
    let outcome = trial(&code, lab, windows);
    Tested { file, name, place, outcome, time: began.elapsed() }
}

fn text(tested: &[Tested], took: Duration, seed: u64) -> String {
    let mut text = String::new();
    let mut file = "";
    for test in tested {
        if test.file != file {
            file = &test.file;
            text.push_str(&format!("{file}\n"));
        }
        let mark = if test.outcome.unmet.is_empty() { '✓' } else { '✗' };
        text.push_str(&format!("  {mark} {}\n", harmless(&test.name)));
        text.push_str(&failure(test, "      "));
    }
    let failed = tested.iter().filter(|test| !test.outcome.unmet.is_empty()).count();
    let many = if tested.len() == 1 { "1 test".to_string() } else { format!("{} tests", tested.len()) };
    let how = match failed {
        0 if tested.len() == 1 => "it passed".to_string(),
        0 => "all passed".to_string(),
        failed => format!("{failed} failed"),
    };
    let seed = if seed == 0 { String::new() } else { format!(" (seed {seed})") };
    let seconds = took.as_secs_f64();
    text.push_str(&format!("{many}, {how}{seed}, in {seconds:.2} s\n"));
    text
}

/// What was not as expected, and what happened.
pub(super) fn failure(test: &Tested, indent: &str) -> String {
    let mut text = String::new();
    for unmet in &test.outcome.unmet {
        let place = if unmet.place.is_empty() { String::new() } else { format!("{}: ", unmet.place) };
        text.push_str(&format!("{indent}{place}{}\n", unmet.text));
        for line in &unmet.seen {
            text.push_str(&format!("{indent}  {line}\n"));
        }
    }
    if !test.outcome.unmet.is_empty() && !test.outcome.story.is_empty() {
        text.push_str(&format!("{indent}what happened:\n"));
        let left_out = test.outcome.story.len().saturating_sub(MOST);
        if left_out > 0 {
            text.push_str(&format!("{indent}         … {left_out} lines before\n"));
        }
        for line in &test.outcome.story[left_out..] {
            text.push_str(&format!("{indent}{line}\n"));
        }
    }
    text
}

fn json(tested: &[Tested], seed: u64) -> serde_json::Value {
    let tests = tested.iter().map(|test| {
        let unmet = test.outcome.unmet.iter();
        let unmet =
            unmet.map(|unmet| serde_json::json!({"place": unmet.place, "text": unmet.text, "seen": unmet.seen}));
        serde_json::json!({
            "file": test.file,
            "name": test.name,
            "place": test.place,
            "passed": test.outcome.unmet.is_empty(),
            "ms": u64::try_from(test.time.as_millis()).unwrap_or(u64::MAX),
            "lab_ms": test.outcome.took,
            "unmet": unmet.collect::<Vec<_>>(),
            "story": if test.outcome.unmet.is_empty() { &[][..] } else { test.outcome.story.as_slice() },
        })
    });
    let failed = tested.iter().filter(|test| !test.outcome.unmet.is_empty()).count();
    serde_json::json!({
        "tests": tests.collect::<Vec<_>>(),
        "passed": tested.len() - failed,
        "failed": failed,
        "seed": seed,
    })
}
