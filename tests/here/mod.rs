//! A site whose only host is this machine.

#![allow(dead_code, reason = "not every test asks everything")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A site of one host, which is this machine.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
}

impl Site {
    /// `name` is one that no other test has.
    pub(crate) fn new(name: &str, settings: &str) -> Site {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("here-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("inventory")).unwrap();
        fs::write(folder.join("inventory/hosts.ini"), "me ansible_connection=local\n").unwrap();
        fs::write(folder.join("hostler.toml"), settings).unwrap();
        Site { folder }
    }

    /// The program, whose journals are this site's.
    pub(crate) fn hostler(&self, arguments: &[&str]) -> Command {
        let mut command = self.program();
        command.args(arguments).current_dir(&self.folder).env("XDG_STATE_HOME", self.folder.join("state"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// With a spool for what it changes on this machine that is the site's.
    fn program(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_hostler");
        let is_root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
        if !is_root {
            return Command::new(program);
        }
        let spool = self.folder.join("spool");
        fs::create_dir_all(&spool).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /var/lib && exec \"$@\""]).arg(spool).arg(program);
        command
    }

    pub(crate) fn command(&self, statements: &str) -> Command {
        self.hostler(&["run", "--target", "me", "-e", statements])
    }

    pub(crate) fn run(&self, statements: &str) -> (i32, String) {
        ended(self.command(statements).output().unwrap())
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> (i32, String) {
        ended(self.hostler(arguments).output().unwrap())
    }
}

/// The exit code, and what was printed.
pub(crate) fn ended(output: Output) -> (i32, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}
