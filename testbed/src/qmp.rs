//! Talking to QEMU's monitor and to the agent in a guest: one JSON object a line, over a socket each.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};
use serde_json::{Value, json};

use crate::Result;

/// A connection on which lines are asked and answered.
#[derive(Debug)]
struct Lines {
    stream: UnixStream,
    held: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Silence {
    /// Not in time.
    Late,
    /// The other side has closed the connection, or there is none.
    Gone,
    /// It was answered that it can not be done, in these words.
    Refused(String),
}

/// Connects, or fails at once: a QEMU that stands still takes no connection, and one beyond those that may wait would
/// wait for ever.
fn stream(socket: &Path) -> nix::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let descriptor = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    nix::sys::socket::connect(descriptor.as_raw_fd(), &UnixAddr::new(socket)?)?;
    let stream = UnixStream::from(descriptor);
    stream.set_nonblocking(false).map_err(|_| Errno::EIO)?;
    Ok(stream)
}

impl Lines {
    fn connect(socket: &Path, deadline: Instant) -> std::result::Result<Lines, Silence> {
        loop {
            match stream(socket) {
                Ok(stream) => return Ok(Lines { stream, held: Vec::new() }),
                // Nobody listens yet, or too many wait already.
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                Err(Errno::EAGAIN) => return Err(Silence::Late),
                Err(_) => return Err(Silence::Gone),
            }
        }
    }

    fn send(&mut self, line: &Value, deadline: Instant) -> std::result::Result<(), Silence> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let _ = self.stream.set_write_timeout(Some(left));
        self.stream.write_all(format!("{line}\n").as_bytes()).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Silence::Late,
            _ => Silence::Gone,
        })
    }

    fn next(&mut self, deadline: Instant) -> std::result::Result<Value, Silence> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                // The agent's mark of a new beginning is a byte of its own.
                let begin = line.iter().rposition(|byte| *byte == 0xff).map_or(0, |at| at + 1);
                match serde_json::from_slice(&line[begin..]) {
                    Ok(value) => return Ok(value),
                    Err(_) => continue,
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Silence::Late);
            }
            let _ = self.stream.set_read_timeout(Some(left));
            let mut bytes = [0; 65_536];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(Silence::Gone),
                Ok(count) => self.held.extend_from_slice(&bytes[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Silence::Late);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Silence::Gone),
            }
        }
    }

    /// An answer; what QEMU tells unasked is passed over.
    fn answer(&mut self, deadline: Instant) -> std::result::Result<Value, Silence> {
        loop {
            let mut said = self.next(deadline)?;
            if let Some(error) = said.get("error") {
                return Err(Silence::Refused(error["desc"].as_str().unwrap_or_default().to_string()));
            }
            if let Some(value) = said.get_mut("return") {
                return Ok(value.take());
            }
        }
    }
}

/// QEMU's monitor (qemu-qmp-ref(7)).
#[derive(Debug)]
pub struct Monitor {
    lines: Lines,
    patience: Duration,
}

impl Monitor {
    /// Connects, and agrees on the protocol. Each answer is waited for as long.
    ///
    /// # Errors
    /// When QEMU does not answer in time.
    pub fn connect(socket: &Path, patience: Duration) -> Result<Monitor> {
        Monitor::open(socket, patience).map_err(|silence| format!("{}: {silence:?}", socket.display()))
    }

    /// The same, with the reason as it is.
    ///
    /// # Errors
    /// When QEMU does not answer in time.
    pub fn open(socket: &Path, patience: Duration) -> std::result::Result<Monitor, Silence> {
        let deadline = Instant::now() + patience;
        let mut lines = Lines::connect(socket, deadline)?;
        lines.next(deadline)?;
        lines.send(&json!({"execute": "qmp_capabilities"}), deadline)?;
        lines.answer(deadline)?;
        Ok(Monitor { lines, patience })
    }

    /// Asks for one thing.
    ///
    /// # Errors
    /// When it is refused, or QEMU does not answer.
    pub fn ask(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let mut line = json!({ "execute": command });
        if !arguments.is_null() {
            line["arguments"] = arguments;
        }
        let deadline = Instant::now() + self.patience;
        let asked = self.lines.send(&line, deadline).and_then(|()| self.lines.answer(deadline));
        asked.map_err(|silence| format!("{command}: {silence:?}"))
    }
}

/// The agent in a guest (qemu-ga-ref(7)).
#[derive(Debug)]
pub struct Agent {
    lines: Lines,
}

impl Agent {
    /// Connects, and makes sure that what is read from here on answers what is asked from here on.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub fn open(socket: &Path, patience: Duration) -> std::result::Result<Agent, Silence> {
        let deadline = Instant::now() + patience;
        let mut lines = Lines::connect(socket, deadline)?;
        let id = u64::from(std::process::id()) << 20 | u64::from(Instant::now().elapsed().subsec_nanos() & 0xfffff);
        // The agent throws away what it has of a line that somebody began before.
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let _ = lines.stream.set_write_timeout(Some(left));
        lines.stream.write_all(&[0xff]).map_err(|_| Silence::Gone)?;
        lines.send(&json!({"execute": "guest-sync-delimited", "arguments": {"id": id}}), deadline)?;
        loop {
            match lines.answer(deadline) {
                Ok(said) if said == json!(id) => return Ok(Agent { lines }),
                // An answer to somebody who left, or to the byte above.
                Ok(_) | Err(Silence::Refused(_)) => {}
                Err(silence) => return Err(silence),
            }
        }
    }

    /// Asks for one thing, and waits for the answer so long.
    ///
    /// # Errors
    /// When it is refused, the agent does not answer, or the guest is gone.
    pub fn ask(&mut self, command: &str, arguments: Value, patience: Duration) -> std::result::Result<Value, Silence> {
        let mut line = json!({ "execute": command });
        if !arguments.is_null() {
            line["arguments"] = arguments;
        }
        let deadline = Instant::now() + patience;
        self.lines.send(&line, deadline)?;
        self.lines.answer(deadline)
    }
}
