//! Runs the programs of an inventory that the user trusts. Nothing else starts a process while a plan is checked.

use std::cell::OnceCell;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::trusted::{Standing, Trusted, is_world_writable};
use crate::text::{FileError, Programs, Purpose, Refusal};

/// How long an inventory may take.
const INVENTORY: Duration = Duration::from_secs(30);
/// How long a password may take: a person may be asked for another one first.
const PASSWORD: Duration = Duration::from_secs(120);
/// How much a program may print.
const MOST: u64 = 64 * 1024 * 1024;
/// How many lines of what it says last are kept, and how much of each.
const LAST_LINES: usize = 5;
const LINE: usize = 200;

/// The programs of the list of the user who runs hostler.
#[derive(Default)]
pub(crate) struct TrustedPrograms {
    /// Read when a program is met: most inventories have none.
    list: OnceCell<Result<Trusted, String>>,
}

impl Programs for TrustedPrograms {
    fn run(&self, path: &str, arguments: &[&str], purpose: Purpose) -> Result<Vec<u8>, Refusal> {
        let failed =
            |error: std::io::Error| Refusal::NotStarted(FileError { path: path.to_string(), why: error.to_string() });
        let list = self.list.get_or_init(Trusted::read).as_ref().map_err(|why| Refusal::NoList(why.clone()))?;
        let whole = std::fs::canonicalize(path).map_err(failed)?;
        let content = std::fs::read(&whole).map_err(failed)?;
        match list.standing(&whole, &content) {
            Standing::Unknown => return Err(Refusal::NotTrusted),
            Standing::Changed => return Err(Refusal::Changed),
            Standing::Trusted => {}
        }
        if is_world_writable(&whole) {
            return Err(Refusal::WorldWritable);
        }
        // Started under its own name, which some programs look at; a name without a folder is not looked for in $PATH.
        let program = std::path::absolute(path).map_err(failed)?;
        let within = match purpose {
            Purpose::Inventory => INVENTORY,
            Purpose::Password => PASSWORD,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime.block_on(printed(&program, arguments, purpose, within)).map_err(|stop| match stop {
            Stop::Io(error) => failed(error),
            Stop::Refusal(refusal) => refusal,
        })
    }
}

enum Stop {
    Io(std::io::Error),
    Refusal(Refusal),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::Io(error)
    }
}

async fn printed(program: &Path, arguments: &[&str], purpose: Purpose, within: Duration) -> Result<Vec<u8>, Stop> {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true);
    match purpose {
        Purpose::Inventory => command.stdin(Stdio::null()).stderr(Stdio::piped()),
        // It may ask the person at the terminal.
        Purpose::Password => command.stdin(Stdio::inherit()).stderr(Stdio::inherit()),
    };
    let mut child = command.spawn()?;
    match tokio::time::timeout(within, answer(&mut child)).await {
        Ok(answer) => answer,
        Err(_) => Err(Stop::Refusal(Refusal::TooSlow(within.as_secs()))),
    }
}

async fn answer(child: &mut Child) -> Result<Vec<u8>, Stop> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(all(stdout), all(stderr))?;
    if stdout.len() as u64 > MOST {
        return Err(Stop::Refusal(Refusal::TooMuch(MOST)));
    }
    let status = child.wait().await?;
    match status.success() {
        true => Ok(stdout),
        false => Err(Stop::Refusal(Refusal::Failed(status.code(), last_lines(&stderr)))),
    }
}

/// What a pipe gives, and one byte more than the most.
async fn all(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MOST + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let short = |line: &&str| line.chars().filter(|c| !c.is_control()).take(LINE).collect::<String>();
    lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(short).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str], within: Duration) -> Result<Vec<u8>, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let printed = printed(Path::new(words[0]), &words[1..], Purpose::Inventory, within);
        runtime.block_on(printed).map_err(|stop| match stop {
            Stop::Io(error) => panic!("{error}"),
            Stop::Refusal(refusal) => refusal,
        })
    }

    #[test]
    fn a_program_is_ended_when_its_time_is_out_or_it_prints_without_end() {
        let slow = run(&["/bin/sh", "-c", "exec sleep 600"], Duration::from_millis(50));
        assert_eq!(slow, Err(Refusal::TooSlow(0)));
        let endless = run(&["/bin/sh", "-c", "exec cat /dev/zero"], PASSWORD);
        assert_eq!(endless, Err(Refusal::TooMuch(MOST)));
    }

    #[test]
    fn the_last_that_a_failed_program_said_is_kept() {
        let said = run(&["/bin/sh", "-c", "printf '1\\n2\\n3\\n4\\n5\\n\\n\\033[31m6\\n' >&2; exit 3"], PASSWORD);
        assert_eq!(said, Err(Refusal::Failed(Some(3), "2\n3\n4\n5\n[31m6".to_string())));
    }
}
