use std::collections::BTreeMap;
use std::fmt;

/// How the pure rooms see a file system: they ask for texts by path and never touch the disk themselves.
///
/// Paths are as people write them, with `/`, relative to where the command runs or absolute.
pub trait Files {
    /// The bytes of a file; `Ok(None)` where there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError>;

    /// What a folder holds, sorted by name; `Ok(None)` where there is no such folder.
    fn list(&self, path: &str) -> Result<Option<Vec<Entry>>, FileError>;
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the folder.
    pub name: String,
    /// Whether it is a folder (links followed).
    pub is_folder: bool,
    /// Whether it is a file that may be executed.
    pub is_executable: bool,
}

/// Why a file that is there could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The path that was asked for.
    pub path: String,
    /// The reason, as the system gives it.
    pub why: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can not read `{}`: {}", self.path, self.why)
    }
}

/// Files that exist in memory only: for tests, and for editors whose texts are not saved yet.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFiles {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces it.
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_string(), text.as_bytes().to_vec());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        Ok(self.files.get(path.trim_start_matches("./")).cloned())
    }

    fn list(&self, path: &str) -> Result<Option<Vec<Entry>>, FileError> {
        let folder = path.trim_start_matches("./").trim_end_matches('/');
        let prefix = if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") };
        let mut entries: Vec<Entry> = Vec::new();
        for path in self.files.keys() {
            let Some(rest) = path.strip_prefix(&prefix) else { continue };
            let (name, is_folder) = match rest.split_once('/') {
                Some((name, _)) => (name, true),
                None => (rest, false),
            };
            if entries.last().is_none_or(|last| last.name != name) {
                entries.push(Entry { name: name.to_string(), is_folder, is_executable: false });
            }
        }
        Ok((!entries.is_empty()).then_some(entries))
    }
}
