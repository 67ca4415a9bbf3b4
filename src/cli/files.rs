//! Plan files: those that are named, and those of a folder.

use std::fs;
use std::path::{Path, PathBuf};

/// What stands for the standard input.
pub(super) const STDIN: &str = "-";
/// How plan files end.
pub(super) const ENDING: &str = "plan";

/// The files of some paths; of this folder where none is named.
pub(super) fn plan_files(paths: &[String]) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    if paths.is_empty() {
        add_files(".", &mut files)?;
    }
    for path in paths {
        add_files(path, &mut files)?;
    }
    files.dedup();
    Ok(files)
}

/// The file, or the plan files in a folder and below it, in the order of their names; hidden folders are left out.
pub(super) fn add_files(path: &str, files: &mut Vec<String>) -> Result<(), String> {
    if path == STDIN || !Path::new(path).is_dir() {
        files.push(path.to_string());
        return Ok(());
    }
    let unreadable = |error: std::io::Error| format!("`{path}` can not be read: {error}");
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let name = entry.strip_prefix(".").unwrap_or(&entry).to_string_lossy().into_owned();
        // A link to a folder may lead in a circle.
        if entry.is_dir() && !entry.is_symlink() && !hidden {
            add_files(&name, files)?;
        } else if entry.is_file() && entry.extension().is_some_and(|ending| ending == ENDING) {
            files.push(name);
        }
    }
    Ok(())
}
