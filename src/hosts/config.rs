//! How ssh is called: one configuration file a run, and the arguments of each connection.
//!
//! ssh is called with the address that a person wrote, so that what their `~/.ssh/config` says about that address
//! applies (jump hosts, keys, certificates, known hosts). What must hold whatever anybody says stands first, since
//! ssh takes the first value it obtains for each option (`ssh_config(5)`): on the command line for the destination,
//! and once more in the file for jump hosts, to whom `-F` is handed on and `-o` is not (`ssh(1)`, `-J`).

use std::path::Path;
use std::time::Duration;

use super::endpoint::Endpoint;

/// How the room is set up; the defaults are what a person wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the private folder of the run is made; `None` is `XDG_RUNTIME_DIR`, else the system's folder for
    /// temporary files.
    pub temp: Option<std::path::PathBuf>,
    /// The ssh client.
    pub ssh: std::path::PathBuf,
    /// The user's ssh configuration, included after ours.
    pub user_config: String,
    /// The system's ssh configuration, included last.
    pub system_config: String,
    /// How long a host may take to accept a connection and to introduce itself.
    pub connect_timeout: Duration,
    /// After how long a silence of a connected host it is asked for a sign of life; after three of these it is dead.
    pub alive_interval: Duration,
    /// How many connections are opened at the same time.
    pub opening_at_once: usize,
    /// How many changing commands run on one host at the same time.
    pub changing_at_once: usize,
    /// After how long without a word about a changing command its host is asked about it, over the same connection.
    pub ask_again: Duration,
    /// Code for the points that the courier's programs name, by the name of the point. Only tests have a use for it.
    #[doc(hidden)]
    pub points: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            temp: None,
            ssh: "ssh".into(),
            user_config: "~/.ssh/config".into(),
            system_config: "/etc/ssh/ssh_config".into(),
            connect_timeout: Duration::from_secs(10),
            alive_interval: Duration::from_secs(10),
            opening_at_once: 32,
            changing_at_once: 1,
            ask_again: Duration::from_secs(30),
            points: Vec::new(),
        }
    }
}

impl Options {
    /// What stands first everywhere. Sources: `ssh_config(5)` for each.
    fn firm(&self) -> Vec<String> {
        let seconds = |time: Duration| time.as_secs().max(1);
        vec![
            "BatchMode=yes".into(),
            "StrictHostKeyChecking=yes".into(),
            "UpdateHostKeys=no".into(),
            "PermitLocalCommand=no".into(),
            "ForwardAgent=no".into(),
            "ForwardX11=no".into(),
            "Tunnel=no".into(),
            "ControlMaster=no".into(),
            "ControlPath=none".into(),
            "ControlPersist=no".into(),
            "ConnectionAttempts=1".into(),
            format!("ConnectTimeout={}", seconds(self.connect_timeout)),
            // These also bound each step of the login, where a host that hangs would be waited for without end.
            format!("ServerAliveInterval={}", seconds(self.alive_interval)),
            "ServerAliveCountMax=3".into(),
            "TCPKeepAlive=yes".into(),
        ]
    }

    /// The text of the file that `-F` names.
    pub(super) fn file(&self) -> String {
        let mut text = "# Written by hostler for one run; removed at its end.\nHost *\n".to_string();
        for option in self.firm() {
            text.push_str("  ");
            text.push_str(&option.replacen('=', " ", 1));
            text.push('\n');
        }
        // A jump host's ssh tells at this level why the second leg failed.
        text.push_str("  LogLevel INFO\n");
        for path in [&self.user_config, &self.system_config] {
            // A `Host` block ends where the next begins; `Match all` ends ours, so that these are included for all.
            text.push_str(&format!("Match all\nInclude \"{path}\"\n"));
        }
        text
    }

    /// The arguments of ssh for one connection that runs `command`.
    pub(super) fn arguments(&self, file: &Path, endpoint: &Endpoint, command: &str) -> Vec<String> {
        let mut words = vec!["-F".to_string(), file.display().to_string(), "-T".to_string()];
        // Debugging messages tell how far a connection came, and which keys were offered.
        let mut options = self.firm();
        options.extend(["LogLevel=DEBUG1".into(), "ClearAllForwardings=yes".into(), "RequestTTY=no".into()]);
        options.push("RemoteCommand=none".into());
        for option in options {
            words.extend(["-o".to_string(), option]);
        }
        words.extend(destination(endpoint));
        words.extend(["--".to_string(), endpoint.address.clone(), command.to_string()]);
        words
    }

    /// The arguments with which ssh prints what it would do for this endpoint, without a connection.
    pub(super) fn question(&self, file: &Path, endpoint: &Endpoint) -> Vec<String> {
        let mut words = vec!["-G".to_string(), "-F".to_string(), file.display().to_string()];
        words.extend(destination(endpoint));
        words.extend(["--".to_string(), endpoint.address.clone()]);
        words
    }
}

/// What the inventory says, before what the user's configuration says.
fn destination(endpoint: &Endpoint) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(port) = endpoint.port {
        words.extend(["-p".to_string(), port.to_string()]);
    }
    if let Some(user) = &endpoint.user {
        words.extend(["-l".to_string(), user.clone()]);
    }
    if let Some(path) = &endpoint.key_file {
        words.extend(["-i".to_string(), path.clone()]);
    }
    words.extend(endpoint.ssh_args.iter().cloned());
    words
}
