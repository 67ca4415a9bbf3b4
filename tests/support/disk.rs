//! Files on the disk, for tests.

use std::fs;
use std::path::Path;

use hostler::text::{Entry, FileError, Files};

/// The files of a folder on the disk.
pub(crate) struct Disk {
    root: String,
}

impl Disk {
    /// Paths are relative to `root`.
    pub(crate) fn at(root: impl AsRef<Path>) -> Self {
        Disk { root: root.as_ref().to_string_lossy().into_owned() }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        Path::new(&self.root).join(path)
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        match fs::read(self.path(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError { path: path.to_string(), why: error.to_string() }),
        }
    }

    fn list(&self, path: &str) -> Result<Option<Vec<Entry>>, FileError> {
        let Ok(entries) = fs::read_dir(self.path(path)) else { return Ok(None) };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            found.push(Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_folder: metadata.is_dir(),
                is_executable: metadata.is_file() && is_executable(&metadata),
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(found))
    }
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
