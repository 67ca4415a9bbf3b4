//! The plans that are cut: the workflows with their own site, and the examples.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostler::check::{self, Channel, Request, Site};
use hostler::cli::Disk;
use hostler::code::{Code, compile};
use hostler::diag::Problems;
use hostler::inventory;
use hostler::text::Sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub(crate) fn workflows() -> Vec<(String, Arc<Code>)> {
    let folder = Path::new(ROOT).join("workflows");
    files(&folder).into_iter().map(|plan| code(&folder, "ansible", &plan)).collect()
}

pub(crate) fn examples() -> Vec<(String, Arc<Code>)> {
    let examples = Path::new(ROOT).join("tests/examples");
    files(&examples.join("valid")).into_iter().map(|plan| code(&examples.join("site"), "ansible", &plan)).collect()
}

/// When each plan's window is open: the run begins an hour before it closes in the seventh.
pub(crate) fn windows(code: &Code) -> Vec<Vec<(i64, i64)>> {
    let windows = code.plans.iter().map(|plan| plan.schedule.window.as_ref());
    windows.map(|window| window.map(|_| (-3_600_000, 7 * 3_600_000)).into_iter().collect()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "plan")).collect();
    files.sort();
    files
}

fn code(site: &Path, controller: &str, plan: &Path) -> (String, Arc<Code>) {
    let name = plan.strip_prefix(ROOT).unwrap().display().to_string();
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let places = [site.join("inventory/hosts.yml").display().to_string()];
    let beside = [site.display().to_string()];
    let request = inventory::Request { sources: &places, beside: &beside, ..inventory::Request::default() };
    let inventory = inventory::load(&Disk, &request, &mut sources, &mut problems);
    let channel = Channel { kind: "ntfy".to_string(), ..Channel::default() };
    let settings = Site {
        controller: Some(controller.to_string()),
        notify: [("ops".to_string(), channel)].into_iter().collect(),
        ..Site::default()
    };
    let text = std::fs::read_to_string(plan).unwrap();
    let is_script = !text.lines().any(|line| line.starts_with("plan "));
    let request = Request {
        name: plan.display().to_string(),
        text,
        target: is_script.then(|| "pbs".to_string()),
        one_plan: true,
        ..Request::default()
    };
    let checked = check::check(&Disk, &mut sources, &inventory, &settings, &request, problems);
    assert!(!checked.has_errors(), "{name}: {:#?}", checked.diagnostics);
    (name, Arc::new(compile(&checked.programs[0], &sources)))
}
