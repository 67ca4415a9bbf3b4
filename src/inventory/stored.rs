//! The stored output of `ansible-inventory --list`: what stands in for inventories that a plugin or a program makes.
//!
//! It is read as Ansible reads what an inventory program prints (`plugins/inventory/script.py`): each group with
//! `hosts`, `children` and `vars`, and `_meta.hostvars` with the variables of the hosts.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::errors;
use super::model::{ALL, GroupId, Model};
use super::node::{Entry, Kind, Node, Scalar};
use super::source::Origin;
use crate::diag::Problems;
use crate::text::Span;

/// Whether a file is such a list: it has `_meta`, or it is JSON and a group is a list or holds its hosts in one.
pub(super) fn is_stored(groups: &IndexMap<String, Entry>, path: &str) -> bool {
    let in_list = |entry: &Entry| match &entry.value.kind {
        Kind::List(_) => true,
        Kind::Map(group) => ["hosts", "children"].iter().any(|section| is_list(group.get(*section))),
        Kind::Scalar(_) => false,
    };
    groups.contains_key("_meta") || path.ends_with(".json") && groups.values().any(in_list)
}

fn is_list(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| matches!(entry.value.kind, Kind::List(_)))
}

/// Reads the groups and hosts of a list into the model.
pub(super) fn read(groups: IndexMap<String, Entry>, origin: &Origin, model: &mut Model, problems: &mut Problems) {
    let mut reader = Reader { origin, model, problems, hosts: BTreeSet::new() };
    let mut hostvars = IndexMap::new();
    for (name, entry) in groups {
        match name.as_str() {
            "_meta" => hostvars = reader.hostvars(entry),
            _ => reader.group(&name, entry),
        }
    }
    for (host, entry) in hostvars {
        // Variables of a host that no group names have nobody to belong to.
        if reader.hosts.contains(&host) {
            reader.host(&host, entry);
        }
    }
}

struct Reader<'a> {
    origin: &'a Origin,
    model: &'a mut Model,
    problems: &'a mut Problems,
    /// Every host that the list names.
    hosts: BTreeSet<String>,
}

impl Reader<'_> {
    fn shape(&mut self, span: Span, place: &str, wanted: &str, what: &str) {
        self.problems.push(errors::stored_shape(span, place, wanted, what));
    }

    fn hostvars(&mut self, meta: Entry) -> IndexMap<String, Entry> {
        let Kind::Map(mut meta) = meta.value.kind else { return IndexMap::new() };
        match meta.shift_remove("hostvars").map(|entry| entry.value) {
            Some(Node { kind: Kind::Map(hosts), .. }) => hosts,
            Some(other) => {
                self.shape(other.span, "_meta.hostvars", "a mapping", other.what());
                IndexMap::new()
            }
            None => IndexMap::new(),
        }
    }

    fn group(&mut self, name: &str, entry: Entry) {
        let group = self.model.add_group(name, entry.key);
        let sections = match entry.value.kind {
            Kind::Map(sections) => sections,
            // The oldest form: a group is the list of its hosts.
            Kind::List(items) => return self.hosts(group, items),
            Kind::Scalar(_) => {
                let what = entry.value.what();
                self.shape(entry.value.span, name, "a mapping", what);
                return;
            }
        };
        for (section, entry) in sections {
            let (span, what) = (entry.value.span, entry.value.what());
            match (section.as_str(), entry.value.kind) {
                ("hosts", Kind::List(items)) => self.hosts(group, items),
                ("children", Kind::List(items)) => self.children(group, name, items),
                ("vars", Kind::Map(variables)) => {
                    for (name, entry) in variables {
                        let variable = self.origin.variable(entry.value, entry.key);
                        if let Err(bad) = self.model.set_group(group, name, variable) {
                            self.problems.push(errors::bad_priority(bad.span));
                        }
                    }
                }
                ("vars", _) => {
                    self.shape(span, &format!("{name}.vars"), "a mapping", what);
                }
                ("hosts" | "children", _) => {
                    let place = format!("{name}.{section}");
                    self.shape(span, &place, "a list", what);
                }
                _ => self.problems.push(errors::unexpected_key(entry.key, &section, name)),
            }
        }
    }

    fn names(&mut self, items: Vec<Node>) -> Vec<(String, Span)> {
        let mut names = Vec::new();
        for item in items {
            match item.kind {
                Kind::Scalar(Scalar { value: serde_json::Value::String(name), .. }) if !name.is_empty() => {
                    names.push((name, item.span));
                }
                _ => self.problems.push(errors::host_name_is_no_text(item.span, "…")),
            }
        }
        names
    }

    fn hosts(&mut self, group: GroupId, items: Vec<Node>) {
        for (name, span) in self.names(items) {
            self.origin.add_host(self.model, &name, group, span, None);
            self.hosts.insert(name);
        }
    }

    fn children(&mut self, group: GroupId, parent: &str, items: Vec<Node>) {
        for (name, span) in self.names(items) {
            let child = self.model.add_group(&name, span);
            if child == ALL || self.model.add_child_group(group, child).is_err() {
                self.problems.push(errors::group_loop(span, &name, parent));
            }
        }
    }

    fn host(&mut self, host: &str, entry: Entry) {
        let (span, what) = (entry.value.span, entry.value.what());
        let Kind::Map(variables) = entry.value.kind else {
            self.problems.push(errors::host_is_no_mapping(span, host, what));
            return;
        };
        for (name, entry) in variables {
            if let Err(bad) = self.model.set(host, name, self.origin.variable(entry.value, entry.key)) {
                self.problems.push(errors::bad_priority(bad.span));
            }
        }
    }
}
