//! Which definition of a variable a host sees.
//!
//! From the weakest: `all` in the inventory, the other groups in the inventory, `group_vars/all` beside the inventory,
//! `group_vars/all` beside the plans, the other groups' files beside the inventory, those beside the plans, the host
//! in the inventory, its file beside the inventory, its file beside the plans. Groups come by depth, then
//! `ansible_group_priority`, then name (`vars/manager.py` and `inventory/helpers.py` of Ansible;
//! <https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html#understanding-variable-precedence>).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{ALL, GroupId, HostId, Model, Vars};
use super::reading::Reading;
use super::vars_files::{VarsFile, VarsFiles, Whose};
use crate::text::Span;

/// The folders in which `group_vars` and `host_vars` are looked for, the strongest last.
pub(super) struct Bases {
    /// Those of the sources.
    pub(super) inventory: Vec<String>,
    /// Those of the plans.
    pub(super) plans: Vec<String>,
}

/// What a host has, before templates and vaults are opened.
pub(super) struct HostVars {
    pub(super) vars: Vars,
    /// Encrypted files that apply to it and stayed closed.
    pub(super) locked: Vec<Span>,
    /// The files of its own, the strongest last.
    pub(super) own_files: Vec<Arc<VarsFile>>,
}

/// Lays the definitions of all hosts over each other.
pub(super) struct Precedence<'a> {
    model: &'a Model,
    bases: &'a Bases,
    files: VarsFiles,
    depths: Vec<usize>,
    /// By the groups of a host: what they give together. Hosts of the same groups share it.
    shared: BTreeMap<Vec<GroupId>, Arc<Layer>>,
}

/// Definitions laid over each other.
#[derive(Clone, Default)]
struct Layer {
    vars: Vars,
    locked: Vec<Span>,
}

impl Layer {
    fn lay(&mut self, vars: &Vars) {
        for (name, variable) in vars {
            match self.vars.get_mut(name) {
                Some(before) => *before = variable.clone(),
                None => {
                    self.vars.insert(name.clone(), variable.clone());
                }
            }
        }
    }

    fn lay_files(&mut self, files: &[Arc<VarsFile>]) {
        for file in files {
            self.lay(&file.vars);
            if file.locked {
                self.locked.push(file.start);
            }
        }
    }
}

impl<'a> Precedence<'a> {
    pub(super) fn new(model: &'a Model, bases: &'a Bases) -> Self {
        let depths = model.depths();
        Precedence { model, bases, files: VarsFiles::default(), depths, shared: BTreeMap::new() }
    }

    /// For each host, in order, the groups that it is in, `all` left out, the strongest last.
    pub(super) fn groups_of_hosts(&self) -> Vec<Vec<GroupId>> {
        let lineages = self.model.lineages();
        let mut groups: Vec<Vec<GroupId>> = vec![Vec::new(); self.model.hosts.len()];
        for (id, group) in self.model.groups.values().enumerate() {
            for host in &group.hosts {
                groups[*host].extend(lineages[id].iter().filter(|id| **id != ALL));
            }
        }
        let rank = |id: &GroupId| {
            let group = self.model.groups.get_index(*id);
            (self.depths[*id], group.map_or(1, |(_, data)| data.priority), group.map_or("", |(name, _)| name))
        };
        for list in &mut groups {
            list.sort_unstable();
            list.dedup();
            list.sort_by_key(rank);
        }
        groups
    }

    /// What a host has that is in `groups`.
    pub(super) fn host(&mut self, host: HostId, groups: &[GroupId], reading: &mut Reading<'_>) -> HostVars {
        let shared = match self.shared.get(groups) {
            Some(shared) => shared.clone(),
            None => {
                let layer = Arc::new(self.layer(groups, reading));
                self.shared.insert(groups.to_vec(), layer.clone());
                layer
            }
        };
        let mut layer = Layer::clone(&shared);
        let mut own_files = Vec::new();
        if let Some((name, data)) = self.model.hosts.get_index(host) {
            layer.lay(&data.vars);
            for base in self.bases.inventory.iter().chain(&self.bases.plans) {
                own_files.extend(self.files.of(base, Whose::Host, name, reading));
            }
            layer.lay_files(&own_files);
        }
        HostVars { vars: layer.vars, locked: layer.locked, own_files }
    }

    fn layer(&mut self, groups: &[GroupId], reading: &mut Reading<'_>) -> Layer {
        let mut layer = Layer::default();
        let model = self.model;
        layer.lay(&model.groups[ALL].vars);
        for group in groups {
            layer.lay(&model.groups[*group].vars);
        }
        let bases = self.bases;
        for base in bases.inventory.iter().chain(&bases.plans) {
            layer.lay_files(&self.files.of(base, Whose::Group, "all", reading));
        }
        for base in bases.inventory.iter().chain(&bases.plans) {
            for group in groups {
                if let Some((name, _)) = model.groups.get_index(*group) {
                    layer.lay_files(&self.files.of(base, Whose::Group, name, reading));
                }
            }
        }
        layer
    }
}
