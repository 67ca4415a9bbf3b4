use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use crate::text::{Entry, FileError, Files};

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(failed(path, &error)),
        }
    }

    fn list(&self, path: &str) -> Result<Option<Vec<Entry>>, FileError> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(failed(path, &error)),
        };
        let mut list = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(path, &error))?;
            // A link that leads nowhere is no file.
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            list.push(Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_folder: metadata.is_dir(),
                is_executable: metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
            });
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(list))
    }
}

fn failed(path: &str, error: &std::io::Error) -> FileError {
    FileError { path: path.to_string(), why: error.to_string() }
}
