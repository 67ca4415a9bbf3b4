//! How an inventory says that a host is reached.
//!
//! The variables are those of Ansible's connection plugin `ssh`, of which the ones with `ssh` in their names win
//! (<https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ssh_connection.html>).

use serde_json::Value;

use super::words::{Comments, words};
use super::{Host, Inventory, VaultKeys, errors};
use crate::diag::Diagnostic;
use crate::text::Span;

/// The connection settings of a host. What the inventory leaves open is left to ssh's own configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `ansible_host`, else the host's name.
    pub address: String,
    /// `ansible_port`.
    pub port: Option<u16>,
    /// `ansible_user`.
    pub user: Option<String>,
    /// `ansible_ssh_private_key_file`.
    pub private_key_file: Option<String>,
    /// `ansible_ssh_common_args`, in words.
    pub ssh_common_args: Vec<String>,
    /// `ansible_ssh_extra_args`, in words.
    pub ssh_extra_args: Vec<String>,
    /// `ansible_connection: local`: the host is this machine.
    pub local: bool,
    /// `ansible_become`: whether commands run as another user than the one that logs in.
    pub becomes: bool,
    /// `ansible_become_user`.
    pub become_user: Option<String>,
    /// Settings that ask for a way that there is not here.
    pub unsupported: Vec<Unsupported>,
    /// Settings that can not be used, as errors; they are left out above.
    pub problems: Vec<Diagnostic>,
}

/// A setting that asks for a way that there is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Which way.
    pub way: Way,
    /// The variable.
    pub name: &'static str,
    /// Where its value is written.
    pub span: Span,
}

/// Ways to reach a host, or to become somebody there, that Ansible has and this program has not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// `ansible_connection` is neither ssh nor local.
    Connection(String),
    /// `ansible_shell_type` is no POSIX shell.
    Shell(String),
    /// A password to log in with, and no key beside it.
    Password,
    /// `ansible_become_method` is not `sudo`.
    BecomeMethod(String),
    /// A password for `sudo`.
    BecomePassword,
}

impl Connection {
    /// Why there is no way to the host at all, as a sentence; nothing where there may be one.
    pub fn objection(&self) -> Option<String> {
        let of_way = |one: &Unsupported| match &one.way {
            Way::Connection(kind) => {
                Some(format!("The inventory says `{}: {kind}`, which is neither ssh nor local.", one.name))
            }
            Way::Shell(kind) => Some(format!("The inventory says `{}: {kind}`, which is no POSIX shell.", one.name)),
            // A key of the user's own may open it all the same.
            Way::Password | Way::BecomeMethod(_) | Way::BecomePassword => None,
        };
        let problem = self.problems.first().map(|problem| format!("In the inventory: {}.", problem.message));
        problem.or_else(|| self.unsupported.iter().find_map(of_way))
    }
}

impl Inventory {
    /// How a host is reached; `None` where there is no such host.
    pub fn connection(&self, host: &str, keys: &VaultKeys) -> Option<Connection> {
        let known = self.hosts.get(host)?;
        let mut settings = Settings { inventory: self, host, known, keys, problems: Vec::new() };
        let kind = settings.text(&["ansible_connection"]);
        let short = |kind: &str| kind.strip_prefix("ansible.builtin.").unwrap_or(kind).to_string();
        let kind = kind.as_deref().map(short);
        let mut connection = Connection {
            address: settings.text(&["ansible_ssh_host", "ansible_host"]).unwrap_or_else(|| host.to_string()),
            port: settings.port(),
            user: settings.text(&["ansible_ssh_user", "ansible_user"]),
            private_key_file: settings.text(&["ansible_ssh_private_key_file", "ansible_private_key_file"]),
            ssh_common_args: settings.words("ansible_ssh_common_args"),
            ssh_extra_args: settings.words("ansible_ssh_extra_args"),
            local: kind.as_deref() == Some("local"),
            becomes: settings.truth("ansible_become"),
            become_user: settings.text(&["ansible_become_user"]),
            unsupported: Vec::new(),
            problems: Vec::new(),
        };
        connection.unsupported = settings.unsupported(kind, &connection);
        connection.problems = settings.problems;
        Some(connection)
    }
}

/// The variables of a host, read as settings.
struct Settings<'a> {
    inventory: &'a Inventory,
    host: &'a str,
    known: &'a Host,
    keys: &'a VaultKeys,
    problems: Vec<Diagnostic>,
}

impl Settings<'_> {
    /// The first of these variables that has a value, and its name.
    fn value<'n>(&mut self, names: &[&'n str]) -> Option<(&'n str, Value)> {
        for name in names {
            match self.inventory.open_of(self.host, self.known, name, self.keys) {
                Ok(None | Some(Value::Null)) => {}
                Ok(Some(value)) => return Some((name, value)),
                Err(problem) => {
                    self.problems.push(*problem);
                    return None;
                }
            }
        }
        None
    }

    /// What asks for a way that there is not here. Whether that matters is for those who use the way.
    fn unsupported(&mut self, kind: Option<String>, connection: &Connection) -> Vec<Unsupported> {
        let mut ways = Vec::new();
        if let Some(kind) =
            kind.filter(|kind| !matches!(kind.as_str(), "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "local"))
        {
            // The rest is about ssh.
            return self.asks("ansible_connection", Way::Connection(kind)).into_iter().collect();
        }
        if let Some(method) = self
            .text(&["ansible_become_method"])
            .filter(|method| method.trim_start_matches("ansible.builtin.") != "sudo")
        {
            ways.extend(self.asks("ansible_become_method", Way::BecomeMethod(method)));
        }
        // Passwords stay closed: that there is one is enough.
        let passwords = ["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"];
        ways.extend(passwords.into_iter().find_map(|name| self.asks(name, Way::BecomePassword)));
        if connection.local {
            return ways;
        }
        if let Some(shell) =
            self.text(&["ansible_shell_type"]).filter(|shell| matches!(shell.as_str(), "powershell" | "cmd"))
        {
            ways.extend(self.asks("ansible_shell_type", Way::Shell(shell)));
        }
        if connection.private_key_file.is_none() {
            let passwords = ["ansible_ssh_password", "ansible_ssh_pass", "ansible_password"];
            ways.extend(passwords.into_iter().find_map(|name| self.asks(name, Way::Password)));
        }
        ways
    }

    /// A variable that asks for a way, where the host has it.
    fn asks(&self, name: &'static str, way: Way) -> Option<Unsupported> {
        let variable = self.known.variables.get(name)?;
        let is_empty = variable.written.is_none() && matches!(&variable.value, Value::Null) || variable.value == "";
        (!is_empty).then(|| Unsupported { way, name, span: variable.span })
    }

    fn unusable(&mut self, name: &str, wanted: &str) {
        if let Some(variable) = self.known.variables.get(name) {
            self.problems.push(errors::connection(variable.span, name, self.host, wanted));
        }
    }

    fn text(&mut self, names: &[&str]) -> Option<String> {
        match self.value(names)? {
            (_, Value::String(text)) if text.is_empty() => None,
            (_, Value::String(text)) => Some(text),
            (_, Value::Number(number)) => Some(number.to_string()),
            (name, Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                self.unusable(name, "a text");
                None
            }
        }
    }

    fn port(&mut self) -> Option<u16> {
        let (name, value) = self.value(&["ansible_ssh_port", "ansible_port"])?;
        let port = match &value {
            Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let port = port.filter(|port| *port > 0);
        if port.is_none() {
            self.unusable(name, "a port from 1 to 65535");
        }
        port
    }

    fn words(&mut self, name: &str) -> Vec<String> {
        let Some(text) = self.text(&[name]) else { return Vec::new() };
        match words(&text, Comments::None) {
            Ok(words) => words.into_iter().map(|word| word.text).collect(),
            Err(_) => {
                self.unusable(name, "words whose quotes are closed");
                Vec::new()
            }
        }
    }

    /// A truth as Ansible takes it for a setting: `yes`, `on`, `1`, `true` and their like.
    fn truth(&mut self, name: &str) -> bool {
        let Some((name, value)) = self.value(&[name]) else { return false };
        let text = match &value {
            Value::Bool(truth) => return *truth,
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_lowercase(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        };
        match text.as_str() {
            "y" | "yes" | "on" | "1" | "1.0" | "true" | "t" => true,
            "n" | "no" | "off" | "0" | "0.0" | "false" | "f" => false,
            _ => {
                self.unusable(name, "`true` or `false`");
                false
            }
        }
    }
}
