//! `cargo xtask testbed up|down|status|enter`: a site of real parts to try hostler on; see docs/testbed.md.

use std::process::ExitCode;

use crate::{as_root, cargo, packages, root, run};

/// Runs the program `testbed` with these words, and passes its exit code on.
///
/// # Errors
/// When something can not be installed or built.
pub(crate) fn testbed(words: &[String]) -> Result<ExitCode, String> {
    if !matches!(words.first().map(String::as_str), Some("up" | "down" | "status" | "enter")) {
        return Err("usage: cargo xtask testbed up | down | status | enter [COMMAND…]; see docs/testbed.md".to_string());
    }
    if !packages::is_root() {
        return Ok(as_root("The testbed makes", &[&["testbed".to_string()], words].concat()));
    }
    if words.first().is_some_and(|word| word == "up") {
        packages::install_for(&["ip", "ssh", "sshd"])?;
    }
    run(cargo().args(["build", "--quiet", "--package", "testbed"]).current_dir(root()))?;
    let program = program();
    let status = std::process::Command::new(&program).args(words).status();
    let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)))
}

/// What the guests run on.
///
/// # Errors
/// When the program is not built, or does not know.
pub(crate) fn about() -> Result<String, String> {
    let program = program();
    let output = std::process::Command::new(&program).arg("about").output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_string()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}

fn program() -> std::path::PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target));
    target.join("debug/testbed")
}
