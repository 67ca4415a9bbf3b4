//! The private folder of one run on this machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the folders of all runs are called, up to their random part.
const PREFIX: &str = "hostler-";

/// How old a folder without an owner must be before it counts as left behind: its run may be between two steps.
const SETTLED: Duration = Duration::from_secs(60);

/// A folder that only this user can read, removed when it is dropped. Its file `live` is locked as long as its run
/// lives, so that a later run can tell a dead one's and remove it.
pub(super) struct Folder {
    path: PathBuf,
    _live: File,
}

impl Folder {
    /// A new one in `parent`; those of dead runs beside it are removed.
    pub(super) fn new(parent: &Path) -> io::Result<Folder> {
        let path = parent.join(format!("{PREFIX}{}", &random_hex()?[..12]));
        DirBuilder::new().mode(0o700).create(&path)?;
        let live = new_file(&path.join("live"))?;
        live.lock()?;
        let folder = Folder { path, _live: live };
        folder.reap(parent);
        Ok(folder)
    }

    /// A new file of this folder, for this user alone.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        new_file(&path)?.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Removes what dead runs of this user left. What can not be removed stays: it harms nobody.
    fn reap(&self, parent: &Path) {
        let Ok(owner) = fs::metadata(&self.path).map(|meta| meta.uid()) else { return };
        let Ok(entries) = fs::read_dir(parent) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let ours = entry.file_name().to_string_lossy().starts_with(PREFIX) && path != self.path;
            let Ok(meta) = entry.metadata() else { continue };
            if ours && meta.is_dir() && meta.uid() == owner && is_dead(&path, &meta) {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn is_dead(path: &Path, meta: &fs::Metadata) -> bool {
    match OpenOptions::new().write(true).open(path.join("live")) {
        Ok(live) => live.try_lock().is_ok() && older_than_settled(meta),
        Err(_) => older_than_settled(meta),
    }
}

fn older_than_settled(meta: &fs::Metadata) -> bool {
    meta.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > SETTLED)
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// 128 random bits, in hexadecimal digits.
pub(crate) fn random_hex() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_run_and_a_dead_ones_is_reaped() {
        let parent = std::env::temp_dir().join(format!("folders-{}", random_hex().unwrap()));
        fs::create_dir(&parent).unwrap();
        let (dead, strange) = (parent.join("hostler-dead"), parent.join("other"));
        for path in [&dead, &strange] {
            fs::create_dir(path).unwrap();
            File::create(path.join("live")).unwrap();
        }
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        File::open(&dead).unwrap().set_modified(long_ago).unwrap();

        let alive = Folder::new(&parent).unwrap();
        File::open(&alive.path).unwrap().set_modified(long_ago).unwrap();
        let second = Folder::new(&parent).unwrap();
        assert!(alive.path.exists() && second.path.exists() && strange.exists());
        assert!(!dead.exists());
        let file = second.write("config", "x").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        drop((alive, second));
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
        fs::remove_dir_all(&parent).unwrap();
    }
}
