//! The folder of all runs of a user.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::statfs::{self, FsType};
use serde::Serialize;

use super::{Journal, OWNER, RUN, Reader, said};

/// File systems that other machines write to as well: their locks are not to be relied on.
/// The numbers are those of statfs(2).
const NETWORK: [(FsType, &str); 7] = [
    (FsType(0x6969), "NFS"),
    (FsType(0xff53_4d42), "CIFS"),
    (FsType(0xfe53_4d42), "SMB"),
    (FsType(0x517b), "SMB"),
    (FsType(0x00c3_6400), "Ceph"),
    (FsType(0x0102_1997), "9p"),
    (FsType(0x0bd0_0bd0), "Lustre"),
];

/// How long a lock is waited for whose owner is gone.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// What a journal's file name ends with.
const ENDING: &str = "journal";

/// The runs of a user, each a file.
pub struct Runs {
    folder: PathBuf,
}

impl Runs {
    /// Those that are kept in a folder. It is made for this user alone, where it is not there.
    ///
    /// # Errors
    /// A sentence: it can not be made, or is on a network file system.
    pub fn at(folder: &Path) -> Result<Runs, String> {
        let unusable = |why: String| format!("`{}` can not hold the journals of runs: {why}", folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unusable(error.to_string()))?;
        let kind = statfs::statfs(folder).map_err(|error| unusable(error.to_string()))?.filesystem_type();
        match NETWORK.iter().find(|(network, _)| network.0 == kind.0) {
            None => Ok(Runs { folder: folder.to_path_buf() }),
            Some((_, name)) => Err(unusable(format!(
                "it is on a network file system ({name}), where two machines could write to one journal; set XDG_STATE_HOME to a local folder"
            ))),
        }
    }

    /// A new run, with the record that says what it is and the one that says who drives it.
    ///
    /// # Errors
    /// A sentence.
    pub fn create(&self, id: &str, run: &impl Serialize, owner: &impl Serialize) -> Result<Journal, String> {
        let path = self.path(id);
        let failed = |why: String| format!("the journal `{}` can not be written: {why}", path.display());
        let lock = self.lock(id)?;
        let private = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        private.map_err(|error| failed(error.to_string()))?;
        let mut journal = Journal::create(&path, lock).map_err(|error| failed(said(&error)))?;
        journal.add(RUN, run)?;
        journal.add(OWNER, owner)?;
        // The file's name is to be durable too.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(error.to_string()))?;
        Ok(journal)
    }

    /// A run to go on with; `owner` says who does.
    ///
    /// # Errors
    /// A sentence: it is driven by another process, or can not be opened.
    pub fn open(&self, id: &str, owner: &impl Serialize) -> Result<Journal, String> {
        let lock = self.lock(id)?;
        let path = self.path(id);
        let journal = Journal::open(&path, lock);
        let mut journal =
            journal.map_err(|error| format!("the journal `{}` can not be opened: {}", path.display(), said(&error)))?;
        journal.add(OWNER, owner)?;
        Ok(journal)
    }

    /// A run to look at.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(&self, id: &str) -> Result<Reader, String> {
        let path = self.path(id);
        Reader::open(&path)
            .map_err(|error| format!("the journal `{}` can not be opened: {}", path.display(), said(&error)))
    }

    /// Whether a process drives this run now.
    pub fn is_driven(&self, id: &str) -> bool {
        let lock = OpenOptions::new().read(true).open(self.lock_path(id));
        lock.is_ok_and(|mut lock| take(&mut lock).is_err())
    }

    /// The ids of all runs, the oldest first.
    ///
    /// # Errors
    /// A sentence.
    pub fn ids(&self) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(&self.folder).map_err(|error| format!("`{}`: {error}", self.folder.display()))?;
        let mut ids: Vec<String> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_journal = path.extension().is_some_and(|ending| ending == ENDING);
                is_journal.then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?
            })
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// Those whose last record is so old.
    ///
    /// # Errors
    /// A sentence.
    pub fn untouched_for(&self, age: Duration) -> Result<Vec<String>, String> {
        let is_old = |id: &String| {
            let modified = fs::metadata(self.path(id)).and_then(|file| file.modified());
            modified.is_ok_and(|time| time.elapsed().is_ok_and(|passed| passed >= age))
        };
        Ok(self.ids()?.into_iter().filter(is_old).collect())
    }

    /// The run that a person means: its id, a part of it that no other has, or `last`.
    ///
    /// # Errors
    /// A sentence.
    pub fn find(&self, meant: &str) -> Result<String, String> {
        let ids = self.ids()?;
        if let Some(id) = ids.iter().find(|id| *id == meant) {
            return Ok(id.clone());
        }
        let found: Vec<&String> = match meant {
            "last" => ids.last().into_iter().collect(),
            _ => ids.iter().filter(|id| id.contains(meant)).collect(),
        };
        match found.as_slice() {
            [id] => Ok((*id).clone()),
            [] if meant == "last" => Err("there are no runs yet".to_string()),
            [] => Err(format!("there is no run `{meant}`; `hostler runs` lists them")),
            several => {
                let names: Vec<String> = several.iter().take(5).map(|id| format!("`{id}`")).collect();
                Err(format!("`{meant}` may be {}; write more of it", names.join(" or ")))
            }
        }
    }

    /// Removes a run.
    ///
    /// # Errors
    /// A sentence: a process drives it, or it can not be removed.
    pub fn remove(&self, id: &str) -> Result<(), String> {
        let _lock = self.lock(id)?;
        let path = self.path(id);
        for ending in ["-wal", "-shm"] {
            let mut beside = path.clone().into_os_string();
            beside.push(ending);
            let _ = fs::remove_file(beside);
        }
        let failed = |error: io::Error| format!("`{}` can not be removed: {error}", path.display());
        fs::remove_file(&path).map_err(failed)?;
        fs::remove_file(self.lock_path(id)).map_err(failed)
    }

    /// The lock of a run; it goes with the process that has it.
    fn lock(&self, id: &str) -> Result<File, String> {
        let path = self.lock_path(id);
        let failed = |error: io::Error| format!("`{}` can not be locked: {error}", path.display());
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut lock = lock.map_err(failed)?;
        match take(&mut lock) {
            Ok(()) => {
                // For people who look, and for `take`.
                let written = lock.set_len(0).and_then(|()| lock.rewind());
                let _ = written.and_then(|()| writeln!(lock, "{}", std::process::id()));
                Ok(lock)
            }
            Err(fs::TryLockError::WouldBlock) => {
                Err(format!("the run `{id}` is under way: process {} drives it", owner(&mut lock)))
            }
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{ENDING}"))
    }

    fn lock_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.lock"))
    }
}

/// Takes a lock. One whose owner is gone is free in a moment: a process that its owner was about to start, or somebody
/// who looks whether it is free, has it still.
fn take(lock: &mut File) -> Result<(), fs::TryLockError> {
    let deadline = Instant::now() + LAST_MOMENT;
    loop {
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) if !lives(&owner(lock)) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
}

/// Who wrote down to have a lock.
fn owner(lock: &mut File) -> String {
    let mut text = String::new();
    let _ = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
    text.trim().to_string()
}

/// Of a process that has ended nothing but its exit status is left.
fn lives(process: &str) -> bool {
    !process.is_empty() && fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|words| !words.is_empty())
}

/// A name for a run that no other has and that sorts by time: `20260103-220000-patch_all-3f9a1c`.
pub fn new_id(stamp: &str, plan: &str, random: &str) -> String {
    let plan: String = plan.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("{stamp}-{plan}-{random}")
}
