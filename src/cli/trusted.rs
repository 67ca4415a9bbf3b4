//! Which programs the user trusts: the list `trusted.toml` in the user's own configuration, never in a repository.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const HEAD: &str = "# Programs that hostler may run to read an inventory or a vault password, each with the SHA-256 of its \
                    content.\n# Written by `hostler trust`.\n\n";

/// The list, as it was read.
pub(crate) struct Trusted {
    /// Where it is.
    pub(crate) file: PathBuf,
    programs: BTreeMap<String, String>,
}

/// What the file holds.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// By absolute path, links followed: the SHA-256 of the content, in hexadecimal digits.
    #[serde(default)]
    programs: BTreeMap<String, String>,
}

/// What the list says of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Trusted,
    /// It is in the list with another content.
    Changed,
    Unknown,
}

impl Trusted {
    /// Reads the list; an empty one where there is none yet.
    ///
    /// # Errors
    /// Where there is no place for it, it can not be read, or others may write it; a part of a sentence.
    pub(crate) fn read() -> Result<Trusted, String> {
        let file = place()?;
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Trusted { file, programs: BTreeMap::new() });
            }
            Err(error) => return Err(format!("`{}` can not be read: {error}", file.display())),
        };
        let mode = fs::metadata(&file).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o022 != 0) {
            let file = file.display();
            return Err(format!("`{file}` may be written by others; look at it, and run `chmod 600 {file}`"));
        }
        let list: List = toml::from_str(&text)
            .map_err(|error| format!("`{}` can not be read: {}", file.display(), error.message()))?;
        Ok(Trusted { file, programs: list.programs })
    }

    /// Writes the list, in a folder and a file that are the user's alone. Whoever reads it meanwhile sees the old one.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn write(&self) -> Result<(), String> {
        let text = toml::to_string(&List { programs: self.programs.clone() }).map_err(|error| error.to_string())?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let new = folder.join(format!(".trusted.{}", std::process::id()));
        let written = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(HEAD.as_bytes())?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.file)
        });
        written.map_err(|error| format!("can not write `{}`: {error}", self.file.display()))
    }

    pub(crate) fn add(&mut self, path: &Path, content: &[u8]) {
        self.programs.insert(path.display().to_string(), digest(content));
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, path: &Path) -> bool {
        self.programs.remove(&path.display().to_string()).is_some()
    }

    pub(crate) fn standing(&self, path: &Path, content: &[u8]) -> Standing {
        match self.programs.get(&path.display().to_string()) {
            Some(known) if *known == digest(content) => Standing::Trusted,
            Some(_) => Standing::Changed,
            None => Standing::Unknown,
        }
    }

    /// The paths in the list, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.programs.keys().map(String::as_str)
    }
}

/// The SHA-256 of a content, in hexadecimal digits.
pub(crate) fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether everybody on this machine may write a file.
pub(crate) fn is_world_writable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
}

/// `$XDG_CONFIG_HOME`, which counts where it is absolute, else `~/.config`.
fn place() -> Result<PathBuf, String> {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = of("XDG_CONFIG_HOME").or_else(|| Some(of("HOME")?.join(".config")));
    let config = config.ok_or("neither $XDG_CONFIG_HOME nor $HOME names a folder")?;
    Ok(config.join("hostler/trusted.toml"))
}
