//! `cargo xtask testbed up|down|status|enter`: a site of real parts to try hostler on; see docs/testbed.md.

use std::process::ExitCode;

use crate::{cargo, packages, root, run};

/// Runs the program `testbed` with these words, and passes its exit code on.
///
/// # Errors
/// When something can not be installed or built.
pub(crate) fn testbed(words: &[String]) -> Result<ExitCode, String> {
    if !matches!(words.first().map(String::as_str), Some("up" | "down" | "status" | "enter")) {
        return Err("usage: cargo xtask testbed up | down | status | enter [COMMAND…]; see docs/testbed.md".to_string());
    }
    if !packages::is_root() {
        eprintln!("The testbed makes namespaces and mounts, and needs root. Run:\n");
        eprintln!("  sudo -E env \"PATH=$PATH\" cargo xtask testbed {}\n", words.join(" "));
        return Ok(ExitCode::from(2));
    }
    if words.first().is_some_and(|word| word == "up") {
        packages::install_for(&["ip", "ssh", "sshd"])?;
    }
    run(cargo().args(["build", "--quiet", "--package", "testbed"]).current_dir(root()))?;
    let program =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target));
    let program = program.join("debug/testbed");
    let status = std::process::Command::new(&program).args(words).status();
    let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)))
}
