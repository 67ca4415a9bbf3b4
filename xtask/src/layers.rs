//! `cargo xtask test`: every test, in layers, with the time of each, and what they ran on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{cargo, root, run, testbed};

/// A layer: what is said of it, and the module by which a test of it is known.
const LAYERS: [(&str, Option<&str>); 4] = [
    ("pure and lab", None),
    ("ssh, kills, systemd", Some("mod support;")),
    ("real guests", Some("mod real;")),
    ("Debian guest", Some("mod debian;")),
];

/// The layer of the testbed's own tests.
const TESTBED: usize = 2;

/// Runs all layers, as far as none fails, and says how long each took.
///
/// # Errors
/// The layer that failed.
pub(crate) fn test() -> Result<(), String> {
    let mut took = Vec::new();
    let done = all(&mut took);
    println!();
    for (layer, time) in took {
        println!("{layer:<20} {:>3} min {:>2} s", time.as_secs() / 60, time.as_secs() % 60);
    }
    done?;
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
    for (layer, (name, module)) in LAYERS.iter().enumerate() {
        let names: Vec<String> = tests()?.into_iter().filter(|(_, of)| *of == layer).map(|(name, _)| name).collect();
        timed(name, &mut || {
            // Always the whole workspace: with a part of it cargo would build shared packages anew.
            let mut words = vec!["--workspace"];
            words.extend(names.iter().flat_map(|name| ["--test", name]));
            if module.is_none() {
                test_with(&["--workspace", "--doc"])?;
                words.extend(["--lib", "--bins"]);
            }
            test_with(&words)
        })?;
    }
    Ok(())
}

/// The tests with the number of their layer: the last one whose module they have. Those of the testbed are of one.
fn tests() -> Result<Vec<(String, usize)>, String> {
    let mut tests = Vec::new();
    for (folder, least) in [("tests", 0), ("testbed/tests", TESTBED)] {
        let folder = root().join(folder);
        let error = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let Some(file) = source(&path) else { continue };
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let has = |module: &Option<&str>| module.is_none_or(|module| text.lines().any(|line| line == module));
            let layer = LAYERS.iter().rposition(|(_, module)| has(module)).unwrap_or(0).max(least);
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
