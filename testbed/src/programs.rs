//! Running other programs, waiting for what they do, and where the testbed keeps its files.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;

/// Long enough on a busy machine; waits end as soon as what they wait for is there.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Where everything of the testbed is: `target/testbed` of the project.
pub fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    target.map_or_else(|| project.join("target"), |target| project.join(target)).join("testbed")
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// When it can not be started or fails, with the end of what it said.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program} can not be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said: Vec<&str> = said.trim().lines().rev().take(5).collect();
    let said = said.into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(format!("`{program} {}` failed ({}): {said}", words.join(" "), output.status))
}

/// Polls until there is an answer.
///
/// # Errors
/// When there is none in time.
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(format!("waited {} s for {what}", patience.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An error of a file, with its name.
pub fn at(path: &Path) -> impl Fn(io::Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}

/// Writes a file and the folders above it.
///
/// # Errors
/// When it can not be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above).map_err(at(above))?;
    }
    std::fs::write(path, content).map_err(at(path))
}

/// Whether a program is in the usual folders.
pub fn find(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.iter().map(|folder| Path::new(folder).join(program)).find(|file| file.is_file())
}

/// Whether this process may make namespaces.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Does the work unless the mark is there already, and sets the mark. Only one process is at it at a time.
///
/// # Errors
/// As the work does, and when the lock can not be taken.
pub fn once(mark: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if mark.exists() {
        return Ok(());
    }
    let lock = mark.with_extension("lock");
    write(&lock, "")?;
    let file = std::fs::File::open(&lock).map_err(at(&lock))?;
    let held = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive)
        .map_err(|(_, error)| format!("{}: {error}", lock.display()))?;
    if !mark.exists() {
        work()?;
        write(mark, "")?;
    }
    drop(held);
    Ok(())
}
