//! What ssh told on its standard error while it connected.
//!
//! The lines are those of OpenSSH's `sshconnect.c`, `sshconnect2.c`, `clientloop.c` and `ssh.c`; they are not
//! translated (ssh sets no `LC_MESSAGES`), and have been the same since 7.x but where two forms are named.

/// How far a connection came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Nothing yet: the name is looked up, or the connection made.
    #[default]
    Started,
    /// The host's port is open.
    Connected,
    /// An SSH server introduced itself.
    Introduced,
    /// Keys are exchanged and the host's key is known; the login goes on.
    Trusted,
    /// The login is over; what comes now may come from the host.
    LoggedIn,
}

/// What ssh said, sorted.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How far it came.
    pub(super) step: Step,
    /// Its own words, and after the login the host's, without debugging messages and the last few only.
    pub(super) lines: Vec<String>,
    /// The keys that were offered, as ssh names them.
    pub(super) offered: Vec<String>,
    /// The user whose login was tried.
    pub(super) user: Option<String>,
    /// The last jump host on the way.
    pub(super) jump: Option<String>,
}

/// How many lines are kept; the cause is among the last ones.
const KEPT: usize = 40;

/// The longest part of a line that is kept, in characters.
const WIDTH: usize = 300;

impl Told {
    /// One more line, without its end.
    pub(super) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        match line.strip_prefix("debug1: ") {
            Some(note) if self.step < Step::LoggedIn => self.note(note),
            Some(_) => {}
            None if line.starts_with("Authenticated to ") && self.step < Step::LoggedIn => {}
            None if line.starts_with("Transferred: ") || line.starts_with("Bytes per second: ") => {}
            None if line.trim().is_empty() => {}
            None => {
                if self.lines.len() == KEPT {
                    self.lines.remove(0);
                }
                self.lines.push(harmless(line));
            }
        }
    }

    fn note(&mut self, note: &str) {
        if note.starts_with("Connection established") {
            self.step = self.step.max(Step::Connected);
        } else if note.starts_with("Remote protocol version ") {
            self.step = self.step.max(Step::Introduced);
        } else if note.starts_with("SSH2_MSG_NEWKEYS received") {
            self.step = self.step.max(Step::Trusted);
        } else if note.starts_with("Entering interactive session") {
            self.step = Step::LoggedIn;
        } else if let Some(key) = note.strip_prefix("Offering public key: ") {
            // `PATH-OR-COMMENT TYPE SHA256:… [explicit] [agent]`
            let name = key.find(" SHA256:").map_or(key, |end| &key[..end]);
            self.offered.push(name.to_string());
        } else if let Some(user) = note.strip_prefix("Authenticating to ").and_then(|rest| rest.split('\'').nth(1)) {
            self.user = Some(user.to_string());
        } else if let Some(command) = note.strip_prefix("Setting implicit ProxyCommand from ProxyJump: ") {
            self.jump = Some(jump_of(command));
        }
    }

    /// The first line that holds any of these.
    pub(super) fn find(&self, texts: &[&str]) -> Option<&str> {
        self.lines.iter().map(String::as_str).find(|line| texts.iter().any(|text| line.contains(text)))
    }

    /// The last thing that was said.
    pub(super) fn last(&self) -> Option<&str> {
        self.lines.last().map(String::as_str)
    }
}

/// `[user@]host[:port]` of `ssh [-l user] [-p port] … host`, the form in which ssh tells of its jump host.
fn jump_of(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let after = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1));
    let user = after("-l").map_or_else(String::new, |user| format!("{user}@"));
    let port = after("-p").map_or_else(String::new, |port| format!(":{port}"));
    format!("{user}{}{port}", words.last().unwrap_or(&""))
}

/// Text of a host for a message: control characters become escapes, so that none reaches a terminal as a command.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(WIDTH) {
        match c {
            '\'' | '"' | '\\' => out.push(c),
            other => out.extend(other.escape_debug()),
        }
    }
    out
}
