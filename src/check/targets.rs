//! `for guest in a, b and c except d`: from names to hosts.

use crate::text::IndexSet;

use super::Checker;
use super::errors;
use crate::syntax::tree::{TargetTerm, Targets};

impl Checker<'_> {
    /// The hosts of a target expression, in the order of writing, then of the inventory. Unknown names are reported.
    pub(super) fn targets(&mut self, targets: &Targets) -> Vec<String> {
        self.target_set(targets).into_iter().collect()
    }

    fn target_set(&mut self, targets: &Targets) -> IndexSet<String> {
        let mut hosts = self.union(&targets.any);
        for list in &targets.and {
            let wanted = self.union(list);
            hosts.retain(|host| wanted.contains(host));
        }
        for list in &targets.except {
            let unwanted = self.union(list);
            hosts.retain(|host| !unwanted.contains(host));
        }
        hosts
    }

    fn union(&mut self, terms: &[TargetTerm]) -> IndexSet<String> {
        let mut hosts = IndexSet::default();
        for term in terms {
            match term {
                TargetTerm::Parens(inner) => hosts.extend(self.target_set(inner)),
                TargetTerm::Host(name) if self.inventory.hosts.contains_key(&name.text) => {
                    hosts.insert(name.text.clone());
                }
                TargetTerm::Group(name) if self.inventory.groups.contains_key(&name.text) => {
                    hosts.extend(self.inventory.groups[&name.text].members.iter().cloned());
                }
                // A group wins over a host of the same name, as in Ansible's patterns.
                TargetTerm::Name(name) if self.inventory.groups.contains_key(&name.text) => {
                    hosts.extend(self.inventory.groups[&name.text].members.iter().cloned());
                }
                TargetTerm::Name(name) if self.inventory.hosts.contains_key(&name.text) => {
                    hosts.insert(name.text.clone());
                }
                TargetTerm::Name(name) | TargetTerm::Host(name) | TargetTerm::Group(name) => {
                    let known: Vec<String> =
                        self.inventory.hosts.keys().chain(self.inventory.groups.keys()).cloned().collect();
                    self.problems.push(errors::unknown_host(name.span, &name.text, known.iter().map(String::as_str)));
                }
            }
        }
        hosts
    }
}
