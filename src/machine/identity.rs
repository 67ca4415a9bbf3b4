//! Whether the guest that a hypervisor shows under an id is the one that is meant, and what to do where it is not.

use super::state::Facts;
use crate::code::{Code, HostFacts};

/// Why it is not the one that is meant; nothing where it is.
pub(super) fn objection(code: &Code, guest: &str, host: &HostFacts, facts: &Facts) -> Option<String> {
    let hypervisor = host.hypervisor.as_deref().unwrap_or_default();
    let id = host.identity.as_deref().unwrap_or_default();
    let file = &host.own_file;
    if !facts.found {
        return Some(not_found(code, host, facts));
    }
    if facts.template {
        return Some(format!(
            "{id} on `{hypervisor}` is a template (`{}`), which is never started; look at `{}` in `{file}`",
            facts.name,
            variable(code, host)
        ));
    }
    if !facts.name.eq_ignore_ascii_case(&host.guest_name) {
        return Some(format!(
            "guest {id} on `{hypervisor}` is called `{}`, not `{}`; if that is right, write `vm_name: {}` into `{file}`",
            facts.name, host.guest_name, facts.name
        ));
    }
    match (&host.guest_uuid, &facts.uuid) {
        (Some(wanted), Some(found)) if !wanted.eq_ignore_ascii_case(found) => Some(format!(
            "guest {id} on `{hypervisor}` has the UUID {found}, not {wanted}; look at `vm_uuid` in `{file}`"
        )),
        (Some(wanted), None) => {
            Some(format!("guest {id} on `{hypervisor}` shows no UUID, and `{guest}` is to have {wanted}"))
        }
        _ => None,
    }
}

fn not_found(code: &Code, host: &HostFacts, facts: &Facts) -> String {
    let hypervisor = host.hypervisor.as_deref().unwrap_or_default();
    let id = host.identity.as_deref().unwrap_or_default();
    let file = &host.own_file;
    let at = facts.node.as_ref().map_or_else(|| format!("on `{hypervisor}`"), |node| format!("on the node `{node}`"));
    match (facts.kind.as_deref(), &facts.node) {
        (Some("container"), _) if host.driver != "proxmox_ct" => {
            format!("{id} {at} is a container, not a virtual machine; write `hostler_driver: proxmox_ct` into `{file}`")
        }
        (Some("vm"), _) if host.driver == "proxmox_ct" => {
            format!("{id} {at} is a virtual machine, not a container; write `hostler_driver: proxmox` into `{file}`")
        }
        (_, Some(node)) => {
            let same = |name: &&String| name.eq_ignore_ascii_case(node);
            let (name, which) = match code.hosts.keys().find(same) {
                Some(name) => (name.as_str(), ""),
                None => ("…", " with that node's name in the inventory"),
            };
            format!(
                "guest {id} is not on `{hypervisor}` but on the node `{node}`: it has been migrated; write `hypervisor: {name}`{which} into `{file}`"
            )
        }
        (_, None) => format!("`{hypervisor}` has no guest {id}; look at `{}` in `{file}`", variable(code, host)),
    }
}

/// The variable that identifies a guest of this kind.
fn variable<'c>(code: &'c Code, host: &HostFacts) -> &'c str {
    code.drivers.get(&host.driver).map_or("vmid", |driver| driver.identity.as_str())
}
