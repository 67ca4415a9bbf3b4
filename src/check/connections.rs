//! Whether the hosts to which a plan opens connections can be reached, as far as the inventory says.

use super::{Checker, errors};
use crate::inventory::{Connection, Way};
use crate::text::{IndexMap, IndexSet, Span};

/// A host to which a connection is opened.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// Where the plan first needs it.
    span: Span,
    /// The users that commands there run as; nothing for whoever logs in.
    users: IndexSet<Option<String>>,
}

impl Reached {
    pub(super) fn at(span: Span) -> Reached {
        Reached { span, users: IndexSet::default() }
    }

    pub(super) fn also_as(&mut self, user: Option<&str>) {
        self.users.insert(user.map(str::to_string));
    }

    /// The users whom the plan or a driver names.
    pub(super) fn named_users(self) -> Vec<String> {
        self.users.into_iter().flatten().collect()
    }

    /// Whether somebody else than the one who logs in is needed there.
    fn becomes(&self, connection: &Connection) -> bool {
        let usual = connection.becomes.then(|| connection.become_user.clone().unwrap_or_else(|| "root".to_string()));
        self.users.iter().any(|user| {
            let user = user.as_ref().or(usual.as_ref());
            user.is_some() && user != connection.user.as_ref()
        })
    }
}

impl Checker<'_> {
    /// The targets and their hypervisors have settings that can be used, and whoever is reached has a way that there
    /// is here. What is said of several hosts by one line of the inventory is reported once.
    pub(super) fn hold_connections(&mut self, targets: &[String], reached: &IndexMap<String, Reached>) {
        let hypervisors = targets.iter().filter_map(|target| self.roles.hypervisor(target));
        let hosts: IndexSet<&str> =
            targets.iter().map(String::as_str).chain(hypervisors).chain(reached.keys().map(String::as_str)).collect();
        let mut found: IndexMap<(Span, Way), (&'static str, Span, Vec<String>)> = IndexMap::default();
        for host in hosts {
            let Some(connection) = self.inventory.connection(host, self.vault) else { continue };
            for problem in &connection.problems {
                self.problems.push(problem.clone());
            }
            let Some(needed) = reached.get(host) else { continue };
            for one in &connection.unsupported {
                let matters = match one.way {
                    Way::Connection(_) | Way::Shell(_) | Way::Password => true,
                    Way::BecomeMethod(_) | Way::BecomePassword => needed.becomes(&connection),
                };
                if matters {
                    let hosts = found.entry((one.span, one.way.clone())).or_insert((one.name, needed.span, Vec::new()));
                    hosts.2.push(host.to_string());
                }
            }
        }
        for ((span, way), (name, needed, hosts)) in found {
            self.problems.push(errors::no_way(span, name, &way, &hosts).and(needed, "needed here"));
        }
    }
}
