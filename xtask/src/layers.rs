//! `cargo xtask test`: every test, in layers, with the time of each, and what they ran on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::repeat::{said, summary};
use crate::{cargo, root, run, testbed};

/// A layer of tests.
pub(crate) struct Layer {
    /// What `--layer` calls it.
    pub(crate) name: &'static str,
    /// What is said of it.
    title: &'static str,
    /// The module by which a test of it is known.
    module: Option<&'static str>,
}

/// All layers, each of parts more real than those of the one before.
pub(crate) const LAYERS: [Layer; 4] = [
    Layer { name: "pure", title: "pure and lab", module: None },
    Layer { name: "ssh", title: "ssh, kills, systemd", module: Some("mod support;") },
    Layer { name: "guests", title: "real guests", module: Some("mod real;") },
    Layer { name: "debian", title: "Debian guest", module: Some("mod debian;") },
];

/// The layer without namespaces.
pub(crate) const PURE: usize = 0;

/// The layer of real guests, the testbed's own tests among them: the one that is worth repeating.
pub(crate) const GUESTS: usize = 2;

/// Runs all layers, as far as none fails, and says how long each took.
///
/// # Errors
/// The layer that failed.
pub(crate) fn test() -> Result<(), String> {
    let mut took = Vec::new();
    let done = all(&mut took);
    println!();
    for (layer, time) in took {
        println!("{layer:<20} {}", said(time));
    }
    done?;
    ran_on()
}

/// Runs one layer so often, up to the first time that it fails, and says how long each time took.
///
/// # Errors
/// Which time failed. It is not tried again.
pub(crate) fn repeat(layer: usize, times: usize) -> Result<(), String> {
    let Layer { title, .. } = LAYERS[layer];
    println!("\n== build");
    test_with(&["--workspace", "--no-run"])?;
    let mut took = Vec::new();
    let mut done = Ok(());
    while took.len() < times && done.is_ok() {
        let time = took.len() + 1;
        println!("\n== {title}, {time} of {times}");
        let begun = Instant::now();
        done = one(layer).map_err(|why| format!("{title}, {time} of {times}: {why}"));
        let result = if done.is_ok() { "green" } else { "failed" };
        println!("\n{title}, {time} of {times}: {result} after {}", said(begun.elapsed()).trim());
        if done.is_ok() {
            took.push(begun.elapsed());
        }
    }
    println!("\n{title}: {} of {times} green", took.len());
    took.iter().for_each(|time| println!("  {}", said(*time)));
    if let Some(summary) = summary(&took) {
        println!("{summary}");
    }
    done?;
    ran_on()
}

fn ran_on() -> Result<(), String> {
    println!("\nssh and kills: OpenSSH of this machine, in namespaces of their own");
    println!("systemd: {}", systemd());
    println!("guests: {}", testbed::about()?);
    Ok(())
}

fn all(took: &mut Vec<(&'static str, Duration)>) -> Result<(), String> {
    let mut timed = |layer: &'static str, work: &mut dyn FnMut() -> Result<(), String>| {
        println!("\n== {layer}");
        let begun = Instant::now();
        let done = work();
        took.push((layer, begun.elapsed()));
        done.map_err(|why| format!("{layer}: {why}"))
    };
    timed("build", &mut || test_with(&["--workspace", "--no-run"]))?;
    for (layer, Layer { title, .. }) in LAYERS.iter().enumerate() {
        timed(title, &mut || one(layer))?;
    }
    Ok(())
}

/// Runs the tests of a layer.
fn one(layer: usize) -> Result<(), String> {
    let names: Vec<String> = tests()?.into_iter().filter(|(_, of)| *of == layer).map(|(name, _)| name).collect();
    // Always the whole workspace: with a part of it cargo would build shared packages anew.
    let mut words = vec!["--workspace"];
    words.extend(names.iter().flat_map(|name| ["--test", name]));
    if LAYERS[layer].module.is_none() {
        test_with(&["--workspace", "--doc"])?;
        words.extend(["--lib", "--bins"]);
    }
    test_with(&words)
}

/// The tests with the number of their layer: the last one whose module they have. Those of the testbed are of one.
fn tests() -> Result<Vec<(String, usize)>, String> {
    let mut tests = Vec::new();
    for (folder, all) in [("tests", None), ("testbed/tests", Some(GUESTS))] {
        let folder = root().join(folder);
        let error = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let Some(file) = source(&path) else { continue };
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let has = |module: &Option<&str>| module.is_none_or(|module| text.lines().any(|line| line == module));
            let layer = all.or_else(|| LAYERS.iter().rposition(|layer| has(&layer.module))).unwrap_or(PURE);
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if !tests.contains(&(name.clone(), layer)) {
                tests.push((name, layer));
            }
        }
    }
    tests.sort();
    Ok(tests)
}

/// The file with which cargo begins a test: `NAME.rs` or `NAME/main.rs`.
fn source(path: &Path) -> Option<PathBuf> {
    let file = if path.is_dir() { path.join("main.rs") } else { path.to_path_buf() };
    (file.is_file() && file.extension().is_some_and(|ending| ending == "rs")).then_some(file)
}

/// `cargo test`, as the tests want it.
pub(crate) fn test_with(arguments: &[&str]) -> Result<(), String> {
    let mut command = cargo();
    command.arg("test").args(arguments).current_dir(root());
    // A run can be repeated; `cargo test` alone has other cases each time.
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        command.env("PROPTEST_RNG_SEED", "2026");
    }
    // Many tests wait for hosts most of their time.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        command.env("RUST_TEST_THREADS", (2 * cores).to_string());
    }
    run(&mut command)
}

/// Whether a systemd can run in namespaces is seen where its tests begin; here, which one that is.
fn systemd() -> String {
    let said = std::process::Command::new("systemd-run").arg("--version").output();
    let text = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().map_or_else(|| "none".to_string(), |line| format!("{line}, as process 1 of namespaces"))
}
