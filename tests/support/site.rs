//! A site in a folder of its own, and hostler run in it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of files; paths are relative to it.
pub(crate) struct Site {
    pub(crate) path: PathBuf,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Site {
    /// An empty folder; what an earlier run of the test left is removed.
    pub(crate) fn new(name: &str) -> Site {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sites").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Site { path }
    }

    pub(crate) fn with(self, file: &str, text: &str) -> Site {
        self.write(file, text);
        self
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file that may be executed.
    pub(crate) fn program(self, file: &str, text: &str) -> Site {
        self.write(file, text);
        self.mode(file, 0o755);
        self
    }

    pub(crate) fn mode(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path.join(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap()
    }

    /// Runs hostler in the folder. Its configuration is in `.config` there, and nothing of whoever runs the test
    /// counts.
    pub(crate) fn hostler(&self, words: &str) -> Said {
        let words: Vec<&str> = words.split_whitespace().collect();
        let output = Command::new(env!("CARGO_BIN_EXE_hostler"))
            .args(words)
            .current_dir(&self.path)
            .env("HOME", &self.path)
            .env("XDG_CONFIG_HOME", self.path.join(".config"))
            .env_remove("XDG_STATE_HOME")
            .env("COLUMNS", "160")
            .env_remove("ANSIBLE_VAULT_PASSWORD_FILE")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    /// The codes of the diagnostics, in their order.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let is_code = |line: &&str| {
            line.split_once('/').is_some_and(|(phase, name)| {
                let letters = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                letters(phase) && letters(name)
            })
        };
        self.err.lines().filter(is_code).collect()
    }

    /// What was said about problems, its lines and frames put together, so that a sentence can be looked for.
    pub(crate) fn sentences(&self) -> String {
        let words = self.err.split(|c: char| c.is_whitespace() || "│×╰─├▶╭┬·".contains(c));
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}
