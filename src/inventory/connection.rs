//! How an inventory says that a host is reached.
//!
//! The variables are those of Ansible's connection plugin `ssh`, of which the ones with `ssh` in their names win
//! (<https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ssh_connection.html>).

use serde_json::Value;

use super::words::{Comments, words};
use super::{Inventory, VaultKeys, errors};
use crate::diag::Diagnostic;

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
    /// `ansible_connection`, where it is neither ssh nor local.
    pub other: Option<String>,
    /// `ansible_become`: whether commands run as another user than the one that logs in.
    pub becomes: bool,
    /// `ansible_become_user`.
    pub become_user: Option<String>,
    /// Settings that can not be used, as errors; they are left out above.
    pub problems: Vec<Diagnostic>,
}

impl Inventory {
    /// How a host is reached; `None` where there is no such host.
    pub fn connection(&self, host: &str, keys: &VaultKeys) -> Option<Connection> {
        self.hosts.get(host)?;
        let mut settings = Settings { inventory: self, host, keys, problems: Vec::new() };
        let kind = settings.text(&["ansible_connection"]);
        let known = |kind: &str| matches!(kind, "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "local");
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
            other: kind.filter(|kind| !known(kind)),
            becomes: settings.truth("ansible_become"),
            become_user: settings.text(&["ansible_become_user"]),
            problems: Vec::new(),
        };
        connection.problems = settings.problems;
        Some(connection)
    }
}

/// The variables of a host, read as settings.
struct Settings<'a> {
    inventory: &'a Inventory,
    host: &'a str,
    keys: &'a VaultKeys,
    problems: Vec<Diagnostic>,
}

impl Settings<'_> {
    /// The first of these variables that has a value, and its name.
    fn value<'n>(&mut self, names: &[&'n str]) -> Option<(&'n str, Value)> {
        for name in names {
            match self.inventory.open(self.host, name, self.keys) {
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

    fn unusable(&mut self, name: &str, wanted: &str) {
        let variable = self.inventory.hosts.get(self.host).and_then(|host| host.variables.get(name));
        if let Some(variable) = variable {
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
