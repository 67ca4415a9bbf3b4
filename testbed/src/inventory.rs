//! How everybody of a site is reached: for ssh, and as an inventory with the file that makes a site of its folder.

use std::path::{Path, PathBuf};

use crate::guest::Guest;
use crate::node::{Kind, Node};
use crate::programs::write;
use crate::{Result, keys};

/// The inventory of a site, in the form of Ansible's.
pub(crate) fn inventory(site: &Path) -> PathBuf {
    site.join("inventory/hosts.yml")
}

/// Writes `known_hosts`, `ssh_config`, the inventory and `hostler.toml`.
///
/// # Errors
/// When one can not be written, or a key is not there.
pub(crate) fn describe(site: &Path, nodes: &[Node], guests: &[Guest]) -> Result<()> {
    let folder = site.display();
    let mut known = String::new();
    let mut config = format!(
        "Host *\n  User root\n  IdentityFile {folder}/id\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {folder}/known_hosts\n  \
         GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n  ConnectTimeout 20\n  KexAlgorithms curve25519-sha256\n"
    );
    let mut add = |name: &str, address: &str, folder: PathBuf| -> Result<()> {
        known.push_str(&format!("{address} {}\n", keys::public(&folder.join("hostkey"))?));
        config.push_str(&format!("Host {name}\n  HostName {address}\n"));
        Ok(())
    };
    let mut hosts = "all:\n  vars:\n    ansible_user: root\n".to_string();
    hosts.push_str(&format!("    ansible_ssh_private_key_file: {folder}/id\n"));
    hosts.push_str(&format!(
        "    ansible_ssh_common_args: -o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes\n  children:\n"
    ));
    hosts.push_str("    hypervisors:\n      hosts:\n");
    for node in nodes {
        add(&node.name, &node.address, node.folder())?;
        hosts.push_str(&format!("        {}:\n          ansible_host: {}\n", node.name, node.address));
    }
    if !guests.is_empty() {
        hosts.push_str("    guests:\n      hosts:\n");
    }
    for guest in guests {
        add(&guest.name, &guest.address, guest.folder())?;
        hosts.push_str(&format!("        {}:\n          ansible_host: {}\n", guest.name, guest.address));
        if guest.plan.bare {
            continue;
        }
        let identity = match guest.node.kind {
            Kind::Proxmox if guest.plan.container => {
                format!("vmid: {}\n          hostler_driver: proxmox_ct", guest.vmid)
            }
            Kind::Proxmox => format!("vmid: {}", guest.vmid),
            Kind::Libvirt => format!("libvirt_domain: {}\n          hostler_driver: libvirt", guest.name),
        };
        hosts.push_str(&format!("          {identity}\n          hypervisor: {}\n", guest.node.name));
    }
    write(&site.join("known_hosts"), known)?;
    write(&site.join("ssh_config"), config)?;
    write(&site.join("hostler.toml"), "edition = 2026\ninventory = \"inventory/hosts.yml\"\n")?;
    write(&inventory(site), hosts)
}
