//! The connection settings that an inventory carries.

use std::collections::BTreeMap;

use crate::hosts::Endpoint;
use crate::inventory::{Connection, Inventory, VaultKeys};

/// How each host is reached. `controller` is this machine.
pub(crate) fn endpoints(inventory: &Inventory) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = connections(inventory)
        .map(|(name, connection)| Endpoint {
            name: name.to_string(),
            address: connection.address,
            port: connection.port,
            user: connection.user,
            key_file: connection.private_key_file,
            ssh_args: connection.ssh_common_args.into_iter().chain(connection.ssh_extra_args).collect(),
            local: connection.local,
        })
        .collect();
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
    connections(inventory)
        .filter(|(_, connection)| connection.becomes)
        .map(|(name, connection)| (name.to_string(), connection.become_user.unwrap_or_else(|| "root".to_string())))
        .collect()
}

fn connections(inventory: &Inventory) -> impl Iterator<Item = (&str, Connection)> {
    let connection = |name| inventory.connection(name, &VaultKeys::new());
    inventory.hosts.keys().filter_map(move |name| Some((name.as_str(), connection(name)?)))
}
