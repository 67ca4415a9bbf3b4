//! The project's own commands: `cargo xtask test`, `cargo xtask bench`, `cargo xtask fuzz`, `cargo xtask crash` and
//! `cargo xtask testbed`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is for the person at the terminal")]

mod bench;
mod fuzz;
mod layers;
mod packages;
mod python;
mod repeat;
mod testbed;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use repeat::Asked;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.first().map(String::as_str) {
        Some("testbed") => {
            return testbed::testbed(&words[1..]).unwrap_or_else(|why| {
                eprintln!("xtask: {why}");
                ExitCode::FAILURE
            });
        }
        Some("test") => match repeat::asked(&words[1..]) {
            Ok(asked) if asked.needs_root() && !packages::is_root() => return as_root("The tests make", &words),
            asked => asked.and_then(|asked| test(&asked)),
        },
        Some("bench") => bench::bench(&words[1..]),
        Some("fuzz") => fuzz::fuzz(&words[1..]),
        Some("crash") => crash(&words[1..]),
        _ => Err(
            "usage: cargo xtask test [--layer LAYER] [--repeat TIMES] [ARGUMENTS OF cargo test] | bench run|check|operations|lab|prove [OPTIONS] | fuzz [OPTIONS] | crash [--pairs] | testbed up|down|status|enter"
                .to_string(),
        ),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Says how to run these words as root; nothing was done.
fn as_root(who: &str, words: &[String]) -> ExitCode {
    eprintln!("{who} namespaces and mounts, and only root may. Run:\n");
    eprintln!("  sudo -E env \"PATH=$PATH\" cargo xtask {}\n", words.join(" "));
    ExitCode::from(2)
}

/// Installs what the tests need and runs all of them, or those that are asked for.
fn test(asked: &Asked) -> Result<(), String> {
    packages::install()?;
    python::environment(python::ANSIBLE)?;
    match asked {
        Asked::All => layers::test(),
        Asked::Layer(layer, times) => layers::repeat(*layer, *times),
        Asked::Cargo(words) => {
            let words: Vec<&str> = std::iter::once("--workspace").chain(words.iter().map(String::as_str)).collect();
            layers::test_with(&words)
        }
    }
}

/// Kills the controller at every point of the workflows and examples; with `--pairs`, of short plans, at every two.
fn crash(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo();
    command.args(["test", "--release", "--test", "crash", "--", "--nocapture"]).current_dir(root());
    match arguments {
        [] => {}
        [pairs] if pairs == "--pairs" => {
            command.env("CRASH_PAIRS", "1");
        }
        _ => return Err("usage: cargo xtask crash [--pairs]".to_string()),
    }
    run(&mut command)
}

fn cargo() -> Command {
    Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed ({status})")),
        Err(error) => Err(format!("{program} can not be started: {error}")),
    }
}
