//! The project's own commands: `cargo xtask test`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is for the person at the terminal")]

mod packages;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The Ansible whose lists ours are compared with.
const ANSIBLE: &str = "ansible-core==2.19.14";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.first().map(String::as_str) {
        Some("test") => test(&words[1..]),
        _ => Err("usage: cargo xtask test [ARGUMENTS OF cargo test]".to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Installs what the tests need and runs all of them.
fn test(arguments: &[String]) -> Result<(), String> {
    packages::install()?;
    if !packages::is_root() {
        println!("the tests with real hosts make namespaces and will say that they need root");
    }
    ansible()?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    run(Command::new(cargo).args(["test", "--workspace"]).args(arguments).current_dir(root()))
}

/// Ansible in an environment of its own, `target/venv-ansible`, where it is not there yet.
fn ansible() -> Result<(), String> {
    let venv = root().join("target/venv-ansible");
    // Written last, so that one that was interrupted is made again.
    let done = venv.join(ANSIBLE);
    if done.exists() {
        return Ok(());
    }
    println!("installing {ANSIBLE} into {}", venv.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", ANSIBLE]))?;
    std::fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))
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
