//! The namespaces of a site: who holds them, and how others go there.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use crate::Result;
use crate::programs::{PATIENCE, at, until, write};

const HOLD: &str = include_str!("hold.sh");

/// Starts process 1 of a site, and gives the number that this machine has for it.
pub(crate) fn hold(site: &Path, stays: bool) -> Result<(Child, u32)> {
    write(&site.join("hold.sh"), HOLD)?;
    let mut command = Command::new("setsid");
    command.args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"]);
    command.arg(site.join("hold.sh")).arg(site).arg(if stays { "stays" } else { "follows" });
    command.stdin(if stays { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("setsid can not be started: {error}"))?;
    let found = until("the namespaces of the site", PATIENCE, || {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Some(None);
        }
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let init = std::fs::read_to_string(children).ok()?.trim().parse().ok()?;
        site.join("ready").exists().then_some(Some(init))
    })?;
    match found {
        Some(init) => Ok((child, init)),
        None => Err("namespaces can not be made here: `unshare --net --mount --pid` failed".to_string()),
    }
}

/// A program within namespaces, in the folder of this process.
pub(crate) fn enter(holder: u32, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["-t", &holder.to_string(), "-n", "-m", "-p"]);
    if let Ok(here) = std::env::current_dir() {
        command.arg(format!("--wd={}", here.display()));
    }
    command.args(["--", program]);
    command
}

/// The first line of an ssh server in a site's network. A thread of its own goes there and does not come back.
pub(crate) fn banner(holder: u32, address: &str) -> Result<String> {
    let address: SocketAddr = format!("{address}:22").parse().map_err(|error| format!("{address}: {error}"))?;
    let ask = move || -> Result<String> {
        let network = format!("/proc/{holder}/ns/net");
        let file = std::fs::File::open(&network).map_err(at(Path::new(&network)))?;
        setns(file, CloneFlags::CLONE_NEWNET).map_err(|error| format!("{network}: {error}"))?;
        let said = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).map_err(said)?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).map_err(said)?;
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes).map_err(said)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.starts_with("SSH-") { Ok(text) } else { Err(format!("{address} says {text}")) }
    };
    std::thread::spawn(ask).join().map_err(|_| "the thread broke off".to_string())?
}

/// When a process began, in ticks since the machine booted (proc(5)); nothing where there is none.
pub(crate) fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    (fields.first() != Some(&"Z")).then(|| fields.get(19).map(ToString::to_string))?
}
