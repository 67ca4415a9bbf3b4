//! What each host of the inventory is, and who has authority over its power (language, section 3).

use super::program::Role;
use super::site::Site;
use crate::inventory::{Host, Inventory};
use crate::text::{IndexMap, Span};

/// The driver of a host that names none.
pub const DEFAULT_DRIVER: &str = "proxmox";

/// What the inventory says about a host's place in the site.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Which kind.
    pub role: Role,
    /// The hypervisor's name, whether or not there is such a host.
    pub hypervisor: Option<String>,
    /// Where the hypervisor is named, when a variable does it.
    pub named_at: Option<Span>,
    /// Whether it says `hypervisor: none`.
    pub says_none: bool,
    /// Its driver's name.
    pub driver: String,
}

/// All hosts' standings.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    hosts: IndexMap<String, Standing>,
}

impl Roles {
    /// Reads them off the inventory. `identities` gives each driver's identity variable.
    pub fn new(inventory: &Inventory, site: &Site, identities: &IndexMap<String, String>) -> Roles {
        let mut hosts: IndexMap<String, Standing> =
            IndexMap::with_capacity_and_hasher(inventory.hosts.len(), Default::default());
        for (name, host) in &inventory.hosts {
            hosts.insert(name.clone(), standing(host, site));
        }
        let named: Vec<String> = hosts.values().filter_map(|standing| standing.hypervisor.clone()).collect();
        for name in named {
            if let Some(standing) = hosts.get_mut(&name) {
                standing.role = Role::Hypervisor;
            }
        }
        let mut roles = Roles { hosts };
        roles.settle(inventory, identities);
        roles
    }

    fn settle(&mut self, inventory: &Inventory, identities: &IndexMap<String, String>) {
        for (name, standing) in &mut self.hosts {
            if standing.role == Role::Hypervisor {
                continue;
            }
            let identity = identities.get(&standing.driver).map_or("vmid", String::as_str);
            let has_identity = inventory.hosts.get(name).is_some_and(|host| host.variables.contains_key(identity));
            standing.role = match (&standing.hypervisor, has_identity) {
                (None, _) => Role::BareMetal,
                (Some(_), true) => Role::Guest,
                (Some(_), false) => Role::Undetermined,
            };
        }
    }

    /// The one place on which the plan runs its power commands is the hypervisor of `targets` that name none.
    pub fn infer(
        &mut self,
        hypervisor: &str,
        targets: &[String],
        inventory: &Inventory,
        identities: &IndexMap<String, String>,
    ) {
        let mut found = false;
        for target in targets {
            let Some(standing) = self.hosts.get_mut(target) else { continue };
            if standing.hypervisor.is_none() && !standing.says_none && target != hypervisor {
                standing.hypervisor = Some(hypervisor.to_string());
                found = true;
            }
        }
        if found {
            if let Some(standing) = self.hosts.get_mut(hypervisor) {
                standing.role = Role::Hypervisor;
            }
            self.settle(inventory, identities);
        }
    }

    /// One host's standing; that of bare metal for a host nobody knows.
    pub fn of(&self, host: &str) -> &Standing {
        const NOBODY: &Standing = &Standing {
            role: Role::BareMetal,
            hypervisor: None,
            named_at: None,
            says_none: false,
            driver: String::new(),
        };
        self.hosts.get(host).unwrap_or(NOBODY)
    }

    /// What a host is.
    pub fn role(&self, host: &str) -> Role {
        self.hosts.get(host).map_or(Role::BareMetal, |standing| standing.role)
    }

    /// The hypervisor of a host.
    pub fn hypervisor(&self, host: &str) -> Option<&str> {
        self.hosts.get(host)?.hypervisor.as_deref()
    }

    /// Every host with its standing.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Standing)> {
        self.hosts.iter().map(|(name, standing)| (name.as_str(), standing))
    }
}

/// The driver of a host.
pub(super) fn driver_of(host: &Host) -> &str {
    host.variables.get("hostler_driver").and_then(|variable| variable.value.as_str()).unwrap_or(DEFAULT_DRIVER)
}

fn standing(host: &Host, site: &Site) -> Standing {
    let text = |name: &str| {
        let variable = host.variables.get(name)?;
        Some((variable.value.as_str()?.to_string(), variable.span))
    };
    let named = text("hypervisor").or_else(|| text("proxmox_host"));
    let says_none = named.as_ref().is_some_and(|(name, _)| name == "none");
    let driver = driver_of(host).to_string();
    let (hypervisor, named_at) = match named {
        Some(_) if says_none => (None, None),
        Some((name, span)) => (Some(name), Some(span)),
        None => (site.hypervisor.clone(), None),
    };
    Standing { role: Role::BareMetal, hypervisor, named_at, says_none, driver }
}
