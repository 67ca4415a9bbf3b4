//! The real Ansible, to compare with.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of Ansible's virtual environment (`ansible-inventory`, `python`).
///
/// # Panics
/// Where there is none: a comparison that does not take place must not look like one that holds.
pub(crate) fn program(name: &str) -> PathBuf {
    let inventory = match std::env::var_os("HOSTLER_ANSIBLE") {
        Some(path) => PathBuf::from(path),
        None => root().join("target/venv-ansible/bin/ansible-inventory"),
    };
    let program = inventory.with_file_name(name);
    assert!(
        program.exists(),
        "there is no `{}`: `cargo xtask test` makes the virtual environment with Ansible, and HOSTLER_ANSIBLE names \
         another `ansible-inventory`",
        program.display()
    );
    program
}

/// The answer of a program of Ansible's to what it reads from its standard input, run in `folder` without the
/// configuration of whoever runs the test.
///
/// # Panics
/// When it fails.
pub(crate) fn run(name: &str, folder: &Path, arguments: &[impl AsRef<OsStr>], input: &str) -> String {
    let home = root().join("target/ansible-home");
    fs::create_dir_all(&home).unwrap();
    let config = home.join("ansible.cfg");
    if !config.exists() {
        fs::write(&config, "").unwrap();
    }
    let mut child = Command::new(program(name))
        .args(arguments)
        .current_dir(folder)
        .env("ANSIBLE_CONFIG", &config)
        .env("ANSIBLE_HOME", &home)
        .env("ANSIBLE_NOCOLOR", "1")
        .env("HOME", &home)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{name}` failed in {}: {errors}", folder.display());
    String::from_utf8(output.stdout).unwrap()
}
