//! Hosts over OpenSSH: one shell a user and host, fed with framed requests.
//!
//! The host's side is one POSIX shell program of ours, the *courier* (`courier.sh`), sent over one `ssh` child that
//! stays open and that dies with us. No value is ever parsed by a shell; exit codes travel in band, so that ssh's own
//! 255 is never taken for a command's; a reply counts only whole and with its request's id. What changes something does
//! not die with us: it is an *operation*, which its host starts at most once and keeps the result of.

mod blame;
mod claims;
mod config;
mod courier;
mod endpoint;
mod folder;
mod frames;
mod holding;
mod operation;
mod request;
mod session;
mod told;
mod watches;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::Semaphore;

pub use config::Options;
pub(crate) use courier::{hex, keyed};
pub use endpoint::Endpoint;
pub(crate) use folder::random_hex;
pub use operation::GoesOn;
pub use request::{Claim, Claimed, Greeting, Holder, Operation, Renewed, Reply, Request, Trouble, Watch};
pub use world::{Desk, HostsWorld, OfRun};

use blame::End;
use folder::Folder;
use frames::Ended;
use session::{Lost, Plan, Said, Session, Turn};

/// What a login may take besides connecting: each of its steps is bounded by ssh, this bounds their sum.
const LOGIN: Duration = Duration::from_secs(20);

/// All hosts of a run and the connections to them.
///
/// Connections are opened by the first request and kept until [`Hosts::forget`], [`Hosts::close`] or the drop.
/// Everything runs on the tokio runtime of the caller.
pub struct Hosts {
    endpoints: BTreeMap<String, Endpoint>,
    options: Options,
    config: PathBuf,
    folder: Folder,
    opening: Arc<Semaphore>,
    state: Mutex<State>,
}

/// A session is for a host and, where it is raised by sudo, the user that it was raised to.
type Key = (String, Option<String>);

#[derive(Default)]
struct State {
    sessions: BTreeMap<Key, Arc<Session>>,
    /// Of a host, and of a subject on it.
    turns: BTreeMap<(String, Option<String>), Arc<Semaphore>>,
    addresses: BTreeMap<String, String>,
}

impl Hosts {
    /// For these hosts, the names each once. Connects to none.
    ///
    /// # Errors
    /// When this machine has no place for a private folder.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>, options: Options) -> io::Result<Hosts> {
        let parent = match (&options.temp, std::env::var_os("XDG_RUNTIME_DIR")) {
            (Some(path), _) => path.clone(),
            (None, Some(path)) if PathBuf::from(&path).is_dir() => path.into(),
            (None, _) => std::env::temp_dir(),
        };
        let folder = Folder::new(&parent)?;
        let config = folder.write("ssh_config", &options.file())?;
        Ok(Hosts {
            endpoints: endpoints.into_iter().map(|endpoint| (endpoint.name.clone(), endpoint)).collect(),
            opening: Arc::new(Semaphore::new(options.opening_at_once.max(1))),
            options,
            config,
            folder,
            state: Mutex::default(),
        })
    }

    /// Carries a request out, over the host's connection or a new one.
    ///
    /// The time of the request counts from when its connection is open. A changing command waits for its turn on
    /// its host first; one that does not get it in its time is refused, and was not started. When the connection ends
    /// under one that was sent, its host is asked over another.
    ///
    /// # Errors
    /// Every [`Trouble`]; each says whether the command may have been carried out.
    pub async fn run(&self, request: &Request) -> Result<Reply, Trouble> {
        self.run_or_leave(request).await.0
    }

    /// The same; with a changing command that goes on when its time is out comes what waits for its end.
    pub async fn run_or_leave(&self, request: &Request) -> (Result<Reply, Trouble>, Option<GoesOn>) {
        match &request.operation {
            Some(operation) => self.operate(request, operation).await,
            None => (self.read(request).await, None),
        }
    }

    async fn read(&self, request: &Request) -> Result<Reply, Trouble> {
        let host = &request.host;
        let endpoint = self.sendable(request)?;
        let session = self.session_as(endpoint, request.user.as_deref()).await?;
        // Reading commands travel behind the program.
        let mut asked = session.ask(request);
        // Its time begins when the connection is open. A connection that is over already, greeted or not, has answered
        // the request too, and that answer knows whether it was sent.
        let _ = session.greeted().await;
        let started = Instant::now();
        let Ok(answer) = tokio::time::timeout(request.within, asked.answer()).await else {
            return Err(Trouble::Timeout { host: host.clone(), after: request.within });
        };
        match answer {
            Ok(Said::Ended(ended)) => Ok(reply(ended, started)),
            Ok(Said::Words(_)) => {
                Err(Trouble::Unknown { host: host.clone(), why: "It broke the protocol.".to_string(), began: None })
            }
            Err(Lost { end, sent }) if sent && end.greeted => {
                Err(Trouble::Unknown { host: host.clone(), why: end.why, began: None })
            }
            Err(Lost { end, .. }) => Err(self.not_connected(host, end)),
        }
    }

    /// The endpoint that a request is sent to.
    fn sendable(&self, request: &Request) -> Result<&Endpoint, Trouble> {
        let endpoint = self.endpoint(&request.host)?;
        match courier::objection(request) {
            Some(why) => Err(Trouble::Refused { host: request.host.clone(), why }),
            None => Ok(endpoint),
        }
    }

    /// Greets a host over a new connection, which is the host's connection from then on.
    ///
    /// # Errors
    /// [`Trouble::Unreachable`] when there is no way to a working shell on it.
    pub async fn greet_fresh(&self, host: &str) -> Result<Greeting, Trouble> {
        let endpoint = self.endpoint(host)?;
        self.forget(host);
        let session = self.open(endpoint, None);
        let greeted = session.greeted().await.map_err(|end| self.not_connected(host, end))?;
        let mut state = self.state();
        state.sessions.insert((host.to_string(), None), session);
        Ok(greeted.greeting)
    }

    /// Drops the connections to a host. What is under way on them ends as it ends; new requests open new ones.
    pub fn forget(&self, host: &str) {
        self.state().sessions.retain(|(name, _), _| name != host);
    }

    /// Whether a TCP port of the host's address accepts a connection from this machine.
    ///
    /// # Errors
    /// When the host has no address that this machine can look up.
    pub async fn port(&self, host: &str, port: u16) -> Result<bool, Trouble> {
        let endpoint = self.endpoint(host)?;
        let address = self.address(endpoint).await;
        let addresses = match tokio::net::lookup_host((address.as_str(), port)).await {
            Ok(addresses) => addresses.collect::<Vec<_>>(),
            Err(error) => {
                let why = format!("The name `{address}` has no address ({error}).");
                return Err(Trouble::Unreachable { host: host.to_string(), why });
            }
        };
        let connect = tokio::net::TcpStream::connect(addresses.as_slice());
        Ok(matches!(tokio::time::timeout(self.options.connect_timeout, connect).await, Ok(Ok(_))))
    }

    /// Closes every connection and waits, a few seconds at most, until their processes have ended.
    pub async fn close(self) {
        let sessions = std::mem::take(&mut self.state().sessions);
        let tasks: Vec<_> = sessions.values().filter_map(|session| session.task()).collect();
        drop(sessions);
        for task in tasks {
            let _ = tokio::time::timeout(LOGIN, task).await;
        }
        drop(self.folder);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self, host: &str) -> Result<&Endpoint, Trouble> {
        let refused = |why: String| Trouble::Refused { host: host.to_string(), why };
        let endpoint = self.endpoints.get(host).ok_or_else(|| refused("It is not in the inventory.".into()))?;
        match endpoint.objection() {
            Some(why) => Err(refused(why)),
            None => Ok(endpoint),
        }
    }

    /// The session that runs commands of a user on a host.
    async fn session_as(&self, endpoint: &Endpoint, user: Option<&str>) -> Result<Arc<Session>, Trouble> {
        let raised = self.raised(endpoint, user).await?;
        Ok(self.session(endpoint, raised))
    }

    /// The user that commands of a user become on a host; `None` where that is the one who logs in.
    ///
    /// # Errors
    /// When nobody has that name, or the host has to be asked and does not answer.
    async fn acts_as<'u>(&self, host: &str, user: Option<&'u str>) -> Result<Option<&'u str>, Trouble> {
        self.raised(self.endpoint(host)?, user).await
    }

    async fn raised<'u>(&self, endpoint: &Endpoint, user: Option<&'u str>) -> Result<Option<&'u str>, Trouble> {
        let Some(user) = user else { return Ok(None) };
        if !endpoint::is_user(user) {
            let why = format!("`{}` is no name for a user to become.", user.escape_debug());
            return Err(Trouble::Refused { host: endpoint.name.clone(), why });
        }
        if endpoint.user.as_deref() == Some(user) {
            return Ok(None);
        }
        if endpoint.user.is_none() {
            // Only the host knows who logs in.
            let plain = self.session(endpoint, None);
            let greeted = plain.greeted().await.map_err(|end| self.not_connected(&endpoint.name, end))?;
            if greeted.greeting.user == user || (user == "root" && greeted.uid == "0") {
                return Ok(None);
            }
        }
        Ok(Some(user))
    }

    fn session(&self, endpoint: &Endpoint, raised: Option<&str>) -> Arc<Session> {
        let key = (endpoint.name.clone(), raised.map(str::to_string));
        let mut state = self.state();
        match state.sessions.get(&key) {
            Some(session) if !session.is_over() => session.clone(),
            _ => {
                let session = self.open(endpoint, raised);
                state.sessions.insert(key, session.clone());
                session
            }
        }
    }

    fn open(&self, endpoint: &Endpoint, raised: Option<&str>) -> Arc<Session> {
        let (program, arguments) = self.command(endpoint, raised);
        Session::open(Plan {
            program,
            arguments,
            endpoint: endpoint.clone(),
            raised: raised.map(str::to_string),
            patience: self.options.connect_timeout + LOGIN,
            opening: self.opening.clone(),
            points: self.options.points.clone().into(),
        })
    }

    /// What is started for a connection.
    fn command(&self, endpoint: &Endpoint, raised: Option<&str>) -> (PathBuf, Vec<String>) {
        if endpoint.local {
            let mut words: Vec<String> = ["sh", "-c", courier::BOOT].map(String::from).to_vec();
            if let Some(user) = raised {
                words.splice(0..0, ["sudo", "-n", "-H", "-u", user, "--"].map(String::from));
            }
            let program = words.remove(0);
            return (program.into(), words);
        }
        let sudo = raised.map_or_else(String::new, |user| format!("sudo -n -H -u {user} -- "));
        let remote = format!("exec {sudo}sh -c '{}'", courier::BOOT);
        (self.options.ssh.clone(), self.options.arguments(&self.config, endpoint, &remote))
    }

    /// A changing command's turn: on its host, and on its subject there.
    async fn turn(&self, request: &Request, subject: &str) -> Result<Turn, Trouble> {
        let turns = |subject: Option<&str>, at_once: usize| {
            let key = (request.host.clone(), subject.map(str::to_string));
            self.state().turns.entry(key).or_insert_with(|| Arc::new(Semaphore::new(at_once))).clone()
        };
        let (of_subject, of_host) = (turns(Some(subject), 1), turns(None, self.options.changing_at_once.max(1)));
        let both = async { [of_subject.acquire_owned().await, of_host.acquire_owned().await] };
        match tokio::time::timeout(request.within, both).await {
            Ok([Ok(subject), Ok(host)]) => Ok(Arc::new(vec![subject, host])),
            _ => {
                let why = format!(
                    "Another command that changes something was still running on it after {} s; this one was not started.",
                    request.within.as_secs()
                );
                Err(Trouble::Refused { host: request.host.clone(), why })
            }
        }
    }

    /// What a host's address is to ssh: an alias of its configuration stands for another name.
    async fn address(&self, endpoint: &Endpoint) -> String {
        if endpoint.local {
            return "127.0.0.1".to_string();
        }
        if let Some(known) = self.state().addresses.get(&endpoint.name) {
            return known.clone();
        }
        let mut question = Command::new(&self.options.ssh);
        question.args(self.options.question(&self.config, endpoint)).stdin(Stdio::null()).stderr(Stdio::null());
        let answer = question.kill_on_drop(true).output().await.map(|output| output.stdout).unwrap_or_default();
        let answer = String::from_utf8_lossy(&answer);
        let name = answer.lines().find_map(|line| line.strip_prefix("hostname ")).unwrap_or(&endpoint.address);
        self.state().addresses.insert(endpoint.name.clone(), name.to_string());
        name.to_string()
    }

    /// The trouble of a command that was not sent. A jump host that is in the inventory too is blamed by its name.
    fn not_connected(&self, host: &str, end: End) -> Trouble {
        let End { refused, jump, why, .. } = end;
        if refused {
            return Trouble::Refused { host: host.to_string(), why };
        }
        let blamed = jump.and_then(|jump| {
            let name = jump.rsplit('@').next().unwrap_or(&jump);
            let (name, port) = name.rsplit_once(':').map_or((name, None), |(name, port)| (name, port.parse().ok()));
            let mut endpoints = self.endpoints.values();
            let is_it = |e: &&Endpoint| (e.name == name || e.address == name) && (port.is_none() || e.port == port);
            endpoints.find(is_it).map(|endpoint| endpoint.name.clone())
        });
        Trouble::Unreachable { host: blamed.unwrap_or_else(|| host.to_string()), why }
    }
}

/// An id for a new run: 16 random hexadecimal digits.
///
/// # Errors
/// When this machine has no random numbers.
pub fn run_id() -> io::Result<String> {
    Ok(folder::random_hex()?[..16].to_string())
}

fn reply(ended: Ended, started: Instant) -> Reply {
    Reply {
        code: ended.code,
        stdout: ended.stdout,
        stderr: ended.stderr,
        truncated: ended.truncated,
        took: started.elapsed(),
    }
}
