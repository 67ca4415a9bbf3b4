//! Inventory programs, run as they are, for tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use hostler::text::{FileError, Programs, Purpose, Refusal};

/// The programs of a folder; they run in it.
pub(crate) struct AllPrograms {
    root: PathBuf,
}

impl AllPrograms {
    pub(crate) fn at(root: impl AsRef<Path>) -> Self {
        AllPrograms { root: root.as_ref().to_path_buf() }
    }
}

impl Programs for AllPrograms {
    fn run(&self, path: &str, arguments: &[&str], _: Purpose) -> Result<Vec<u8>, Refusal> {
        let output = Command::new(self.root.join(path)).args(arguments).current_dir(&self.root).output();
        let output = output
            .map_err(|error| Refusal::NotStarted(FileError { path: path.to_string(), why: error.to_string() }))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(Refusal::Failed(output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    }
}
