//! The connection settings that an inventory carries.

use std::collections::BTreeMap;

use crate::hosts::Endpoint;
use crate::inventory::{Inventory, VaultKeys};

/// How each host is reached, and whom its commands become where the plan says nothing (`ansible_become`).
/// `controller` is this machine.
pub(crate) fn endpoints(inventory: &Inventory, vault: &VaultKeys) -> (Vec<Endpoint>, BTreeMap<String, String>) {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut become_users: BTreeMap<String, String> = BTreeMap::new();
    for name in inventory.hosts.keys() {
        let Some(connection) = inventory.connection(name, vault) else { continue };
        if connection.becomes {
            let user = connection.become_user.clone().unwrap_or_else(|| "root".to_string());
            become_users.insert(name.clone(), user);
        }
        endpoints.push(Endpoint {
            name: name.clone(),
            objection: connection.objection(),
            address: connection.address,
            port: connection.port,
            user: connection.user,
            key_file: connection.private_key_file,
            ssh_args: connection.ssh_common_args.into_iter().chain(connection.ssh_extra_args).collect(),
            local: connection.local,
        });
    }
    if !inventory.hosts.contains_key("controller") {
        endpoints.push(Endpoint {
            name: "controller".to_string(),
            address: "localhost".to_string(),
            local: true,
            ..Endpoint::default()
        });
    }
    (endpoints, become_users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Problems;
    use crate::inventory::{Request, load};
    use crate::text::{MemoryFiles, Sources};

    #[test]
    fn settings_in_vaults_are_opened_and_what_leads_nowhere_is_refused() {
        let vault = include_str!("../../tests/inventories/vault_labels/host_vars/a.yml");
        let hosts = "all:\n  hosts:\n    a: {ansible_become: true}\n    b: {ansible_connection: winrm}\n";
        let files = MemoryFiles::new()
            .with("hosts.yml", hosts)
            .with("host_vars/a.yml", &vault.replace("secret:", "ansible_user:"));
        let mut vault = VaultKeys::new();
        vault.add(None, b"label password");
        let request = Request { sources: &["hosts.yml".to_string()], vault: &vault, ..Request::default() };
        let inventory = load(&files, &request, &mut Sources::new(), &mut Problems::new());
        let (endpoints, become_users) = super::endpoints(&inventory, &vault);
        assert_eq!((endpoints[0].user.as_deref(), &endpoints[0].objection), (Some("of prod"), &None));
        assert_eq!(become_users, BTreeMap::from([("a".to_string(), "root".to_string())]));
        let objection = endpoints[1].objection.clone();
        assert_eq!(
            objection.as_deref(),
            Some("The inventory says `ansible_connection: winrm`, which is neither ssh nor local.")
        );
        assert_eq!(endpoints[2].name, "controller");

        // Without the password nobody guesses: not the user, and no other address.
        let none = VaultKeys::new();
        let request = Request { vault: &none, ..request };
        let inventory = load(&files, &request, &mut Sources::new(), &mut Problems::new());
        let objection = super::endpoints(&inventory, &none).0[0].objection.clone().unwrap();
        assert!(objection.contains("`ansible_user` of `a` is in a vault"), "{objection}");
    }
}
