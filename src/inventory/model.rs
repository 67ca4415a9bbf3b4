//! Hosts and groups while sources are read, by the rules of Ansible's `inventory/data.py` and `group.py`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Variable;
use crate::text::{IndexMap, Span};

/// Variables by name, the last definition of each.
pub(super) type Vars = IndexMap<String, Arc<Variable>>;

/// A group's number in the model.
pub(super) type GroupId = usize;
/// A host's number in the model.
pub(super) type HostId = usize;

/// The group that holds everything.
pub(super) const ALL: GroupId = 0;
/// The group of the hosts that are in no other.
pub(super) const UNGROUPED: GroupId = 1;

/// Every host and group that the sources named so far.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) groups: IndexMap<String, GroupData>,
    pub(super) hosts: IndexMap<String, HostData>,
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct GroupData {
    /// Hosts that are named in the group itself, in order.
    pub(super) hosts: Vec<HostId>,
    in_hosts: BTreeSet<HostId>,
    /// Groups below it, in order.
    pub(super) children: Vec<GroupId>,
    parents: Vec<GroupId>,
    pub(super) vars: Vars,
    /// `ansible_group_priority`: among groups of one depth the higher wins.
    pub(super) priority: i64,
    /// Where it is first named; empty at the start for `all` and `ungrouped` where nothing names them.
    pub(super) span: Span,
}

/// A host.
#[derive(Debug)]
pub(super) struct HostData {
    pub(super) vars: Vars,
    pub(super) span: Span,
    /// The file that named it first.
    pub(super) file: Arc<str>,
    /// The number of the source, as it was asked for, in which it was first named.
    pub(super) request: usize,
}

/// Why a group can not be put into another.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAdded {
    /// They are the same.
    Itself,
    /// The parent is below the child.
    Loop,
}

impl Model {
    pub(super) fn new() -> Self {
        let mut model = Model { groups: IndexMap::default(), hosts: IndexMap::default() };
        model.add_group("all", Span::default());
        model.add_group("ungrouped", Span::default());
        // Two fresh groups: there can be no loop.
        let _ = model.add_child_group(ALL, UNGROUPED);
        model
    }

    /// The group of that name, new when there was none.
    pub(super) fn add_group(&mut self, name: &str, span: Span) -> GroupId {
        if let Some(id) = self.groups.get_index_of(name) {
            if self.groups[id].span == Span::default() {
                self.groups[id].span = span;
            }
            return id;
        }
        let data = GroupData { priority: 1, span, ..GroupData::default() };
        self.groups.insert_full(name.to_string(), data).0
    }

    /// The host of that name, new when there was none.
    pub(super) fn add_host(&mut self, name: &str, span: Span, file: &Arc<str>, request: usize) -> HostId {
        if let Some(id) = self.hosts.get_index_of(name) {
            return id;
        }
        let data = HostData { vars: Vars::default(), span, file: file.clone(), request };
        self.hosts.insert_full(name.to_string(), data).0
    }

    /// Puts a host into a group.
    pub(super) fn join(&mut self, group: GroupId, host: HostId) {
        let data = &mut self.groups[group];
        if data.in_hosts.insert(host) {
            data.hosts.push(host);
        }
    }

    fn leave(&mut self, group: GroupId, hosts: &BTreeSet<HostId>) {
        let data = &mut self.groups[group];
        data.hosts.retain(|host| !hosts.contains(host));
        data.in_hosts.retain(|host| !hosts.contains(host));
    }

    /// Puts a group into a group.
    pub(super) fn add_child_group(&mut self, parent: GroupId, child: GroupId) -> Result<(), NotAdded> {
        if parent == child {
            return Err(NotAdded::Itself);
        }
        if self.groups[parent].children.contains(&child) {
            return Ok(());
        }
        if self.is_above(child, parent) {
            return Err(NotAdded::Loop);
        }
        self.groups[parent].children.push(child);
        self.groups[child].parents.push(parent);
        Ok(())
    }

    fn is_above(&self, group: GroupId, below: GroupId) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![below];
        while let Some(id) = next.pop() {
            if id == group {
                return true;
            }
            if seen.insert(id) {
                next.extend(&self.groups[id].parents);
            }
        }
        false
    }

    /// Sets a variable of a group or a host by its name. Where both have that name, the group gets it, as Ansible
    /// has it.
    pub(super) fn set(&mut self, entity: &str, name: String, variable: Variable) -> Result<(), BadPriority> {
        if let Some(id) = self.groups.get_index_of(entity) {
            return self.set_group(id, name, variable);
        }
        if let Some(host) = self.hosts.get_mut(entity) {
            host.vars.insert(name, Arc::new(variable));
        }
        Ok(())
    }

    /// Sets a variable of a group; `ansible_group_priority` is the group's priority and no variable.
    pub(super) fn set_group(&mut self, group: GroupId, name: String, variable: Variable) -> Result<(), BadPriority> {
        let data = &mut self.groups[group];
        if name == "ansible_group_priority" {
            data.priority = priority(&variable.value).ok_or(BadPriority { span: variable.span })?;
        } else {
            data.vars.insert(name, Arc::new(variable));
        }
        Ok(())
    }

    /// What Ansible does once all sources are read: groups without a parent go below `all`, hosts of no group into
    /// `ungrouped`, and hosts of another group out of it.
    pub(super) fn reconcile(&mut self) {
        for group in 0..self.groups.len() {
            if group != ALL && self.groups[group].parents.is_empty() {
                // Without a parent a group is not above `all` unless `all` is its child; then it stays as it is.
                let _ = self.add_child_group(ALL, group);
            }
        }
        let mut grouped = vec![false; self.hosts.len()];
        let mut ungrouped = vec![false; self.hosts.len()];
        for (id, group) in self.groups.values().enumerate() {
            for host in &group.hosts {
                match id {
                    ALL => {}
                    UNGROUPED => ungrouped[*host] = true,
                    _ => grouped[*host] = true,
                }
            }
        }
        let mut leaving = BTreeSet::new();
        for host in 0..self.hosts.len() {
            match (grouped[host], ungrouped[host]) {
                (true, true) => {
                    leaving.insert(host);
                }
                (false, false) => self.join(UNGROUPED, host),
                (true, false) | (false, true) => {}
            }
        }
        if !leaving.is_empty() {
            self.leave(UNGROUPED, &leaving);
        }
    }

    /// For each group the longest way down to it from the top.
    pub(super) fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; self.groups.len()];
        let mut waiting: Vec<usize> = self.groups.values().map(|group| group.parents.len()).collect();
        let mut ready: Vec<GroupId> = (0..waiting.len()).filter(|id| waiting[*id] == 0).collect();
        while let Some(id) = ready.pop() {
            for child in &self.groups[id].children {
                depths[*child] = depths[*child].max(depths[id] + 1);
                waiting[*child] -= 1;
                if waiting[*child] == 0 {
                    ready.push(*child);
                }
            }
        }
        depths
    }

    /// For each group itself and every group above it.
    pub(super) fn lineages(&self) -> Vec<BTreeSet<GroupId>> {
        let lineage = |group: GroupId| {
            let mut seen = BTreeSet::new();
            let mut next = vec![group];
            while let Some(id) = next.pop() {
                if seen.insert(id) {
                    next.extend(&self.groups[id].parents);
                }
            }
            seen
        };
        (0..self.groups.len()).map(lineage).collect()
    }

    /// Every host in a group or below it: its own first, then those of its children, level by level.
    pub(super) fn members(&self, group: GroupId) -> Vec<HostId> {
        let mut seen_groups = BTreeSet::from([group]);
        let mut seen_hosts = BTreeSet::new();
        let mut members = Vec::new();
        let mut level = vec![group];
        while !level.is_empty() {
            let mut below = Vec::new();
            for id in level {
                let data = &self.groups[id];
                members.extend(data.hosts.iter().filter(|host| seen_hosts.insert(**host)));
                below.extend(data.children.iter().filter(|child| seen_groups.insert(**child)));
            }
            level = below;
        }
        members
    }
}

/// A priority that is no number.
#[derive(Debug)]
pub(super) struct BadPriority {
    pub(super) span: Span,
}

/// What Python's `int()` makes of a value.
fn priority(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|value| value as i64)),
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(model: &mut Model, name: &str) -> GroupId {
        model.add_group(name, Span::new(1, 2))
    }

    #[test]
    fn groups_do_not_loop() {
        let mut model = Model::new();
        let (a, b, c) = (group(&mut model, "a"), group(&mut model, "b"), group(&mut model, "c"));
        assert_eq!(model.add_child_group(a, b), Ok(()));
        assert_eq!(model.add_child_group(b, c), Ok(()));
        assert_eq!(model.add_child_group(c, a), Err(NotAdded::Loop));
        assert_eq!(model.add_child_group(a, a), Err(NotAdded::Itself));
        model.reconcile();
        assert_eq!(model.depths(), [0, 1, 1, 2, 3]);
    }

    #[test]
    fn a_group_is_as_deep_as_its_longest_way() {
        let mut model = Model::new();
        let (a, b, c) = (group(&mut model, "a"), group(&mut model, "b"), group(&mut model, "c"));
        assert_eq!(model.add_child_group(a, c), Ok(()));
        assert_eq!(model.add_child_group(b, c), Ok(()));
        assert_eq!(model.add_child_group(a, b), Ok(()));
        model.reconcile();
        assert_eq!(model.depths()[c], 3);
    }
}
