//! The connection settings that an inventory carries.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::hosts::Endpoint;
use crate::inventory::{Host, Inventory};

/// How each host is reached. `controller` is this machine.
pub(crate) fn endpoints(inventory: &Inventory) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = inventory.hosts.iter().map(|(name, host)| endpoint(name, host)).collect();
    if !inventory.hosts.contains_key("controller") {
        endpoints.push(Endpoint {
            name: "controller".to_string(),
            address: "localhost".to_string(),
            local: true,
            ..Endpoint::default()
        });
    }
    endpoints
}

/// Whom the commands of a host become where the plan says nothing (`ansible_become`).
pub(crate) fn become_users(inventory: &Inventory) -> BTreeMap<String, String> {
    let mut users = BTreeMap::new();
    for (name, host) in &inventory.hosts {
        let becomes = match host.variables.get("ansible_become").map(|variable| &variable.value) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "1" | "on"),
            _ => false,
        };
        if becomes {
            users.insert(name.clone(), text(host, &["ansible_become_user"]).unwrap_or_else(|| "root".to_string()));
        }
    }
    users
}

fn endpoint(name: &str, host: &Host) -> Endpoint {
    let mut ssh_args = Vec::new();
    for variable in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
        ssh_args.extend(text(host, &[variable]).iter().flat_map(|text| words(text)));
    }
    Endpoint {
        name: name.to_string(),
        address: text(host, &["ansible_host", "ansible_ssh_host"]).unwrap_or_else(|| name.to_string()),
        port: text(host, &["ansible_port", "ansible_ssh_port"]).and_then(|port| port.parse().ok()),
        user: text(host, &["ansible_user", "ansible_ssh_user"]),
        key_file: text(host, &["ansible_ssh_private_key_file", "ansible_private_key_file"]),
        ssh_args,
        local: text(host, &["ansible_connection"]).as_deref() == Some("local"),
    }
}

fn text(host: &Host, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match &host.variables.get(*name)?.value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Words as Python's `shlex.split` makes them: Ansible reads these settings so.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_arguments_are_split_as_a_shell_does() {
        assert_eq!(
            words("-o ProxyJump=bastion  -o 'UserKnownHostsFile=/a b'"),
            ["-o", "ProxyJump=bastion", "-o", "UserKnownHostsFile=/a b"]
        );
    }
}
