//! The stored output of `ansible-inventory --list`: what stands in for inventories that a plugin or a program makes.
//!
//! It is read as Ansible reads what an inventory program prints (`plugins/inventory/script.py`): each group with
//! `hosts`, `children` and `vars`, and `_meta.hostvars` with the variables of the hosts.

use serde_json::{Value, json};

use super::errors;
use super::model::{ALL, GroupId, Model};
use super::node::{Entry, Kind, Node, Scalar};
use super::source::Origin;
use super::variable::UNSAFE;
use crate::diag::Problems;
use crate::text::{IndexMap, IndexSet, Span};

/// What a group has.
const SECTIONS: [&str; 3] = ["hosts", "children", "vars"];

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

/// What the groups of a list lead to.
pub(super) struct Listed {
    /// Every host that the list names, in order.
    pub(super) hosts: IndexSet<String>,
    /// `_meta.hostvars`, where the list has it.
    pub(super) hostvars: Option<IndexMap<String, Entry>>,
}

/// Reads the groups and hosts of a list into the model.
pub(super) fn read(groups: IndexMap<String, Entry>, origin: &Origin, model: &mut Model, problems: &mut Problems) {
    let listed = read_groups(groups, origin, model, problems);
    read_hosts(&listed.hosts, listed.hostvars.unwrap_or_default(), origin, model, problems);
}

/// Reads the groups of a list into the model, with the hosts that they name.
pub(super) fn read_groups(
    groups: IndexMap<String, Entry>,
    origin: &Origin,
    model: &mut Model,
    problems: &mut Problems,
) -> Listed {
    let mut reader = Reader { origin, model, problems, hosts: IndexSet::default() };
    let mut hostvars = None;
    for (name, entry) in groups {
        match name.as_str() {
            "_meta" => hostvars = reader.hostvars(entry),
            _ => reader.group(&name, entry),
        }
    }
    Listed { hosts: reader.hosts, hostvars }
}

/// Gives the hosts of a list their variables. Those of a host that no group names have nobody to belong to.
pub(super) fn read_hosts(
    hosts: &IndexSet<String>,
    hostvars: IndexMap<String, Entry>,
    origin: &Origin,
    model: &mut Model,
    problems: &mut Problems,
) {
    for (host, entry) in hostvars {
        if !hosts.contains(&host) {
            continue;
        }
        let (span, what) = (entry.value.span, entry.value.what());
        match entry.value.kind {
            Kind::Map(variables) => read_host(&host, variables, origin, model, problems),
            Kind::Scalar(_) | Kind::List(_) => problems.push(errors::host_is_no_mapping(span, &host, what)),
        }
    }
}

/// Gives a host its variables.
pub(super) fn read_host(
    host: &str,
    variables: IndexMap<String, Entry>,
    origin: &Origin,
    model: &mut Model,
    problems: &mut Problems,
) {
    for (name, entry) in variables {
        if let Err(bad) = model.set(host, name, origin.variable(entry.value, entry.key)) {
            problems.push(errors::bad_priority(bad.span));
        }
    }
}

struct Reader<'a> {
    origin: &'a Origin,
    model: &'a mut Model,
    problems: &'a mut Problems,
    hosts: IndexSet<String>,
}

impl Reader<'_> {
    fn shape(&mut self, span: Span, place: &str, wanted: &str, what: &str) {
        self.problems.push(errors::stored_shape(span, place, wanted, what));
    }

    fn hostvars(&mut self, meta: Entry) -> Option<IndexMap<String, Entry>> {
        let Kind::Map(mut meta) = meta.value.kind else { return None };
        match meta.shift_remove("hostvars")?.value {
            Node { kind: Kind::Map(hosts), .. } => Some(hosts),
            other => {
                self.shape(other.span, "_meta.hostvars", "a mapping", other.what());
                Some(IndexMap::default())
            }
        }
    }

    fn group(&mut self, name: &str, entry: Entry) {
        let group = self.model.add_group(name, entry.key);
        let sections = match entry.value.kind {
            // A mapping of no section is the variables of a host that is called like the group. Ansible takes none of
            // them for a template.
            Kind::Map(variables) if !SECTIONS.iter().any(|section| variables.contains_key(*section)) => {
                self.hosts.insert(name.to_string());
                self.origin.add_host(self.model, name, group, entry.key, None);
                let plain = |(name, entry): (String, Entry)| (name, Entry { value: plain(entry.value), ..entry });
                return self.variables(group, variables.into_iter().map(plain).collect());
            }
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
                ("vars", Kind::Map(variables)) => self.variables(group, variables),
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

    fn variables(&mut self, group: GroupId, variables: IndexMap<String, Entry>) {
        for (name, entry) in variables {
            let variable = self.origin.variable(entry.value, entry.key);
            if let Err(bad) = self.model.set_group(group, name, variable) {
                self.problems.push(errors::bad_priority(bad.span));
            }
        }
    }

    fn names(&mut self, items: Vec<Node>) -> Vec<(String, Span)> {
        let mut names = Vec::new();
        for item in items {
            match item.kind {
                Kind::Scalar(Scalar { value: Value::String(name), .. }) if !name.is_empty() => {
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
}

/// A value of which no text is a template.
fn plain(node: Node) -> Node {
    let kind = match node.kind {
        Kind::Scalar(Scalar { value: Value::String(text), raw }) => {
            Kind::Scalar(Scalar { value: json!({ UNSAFE: text }), raw })
        }
        Kind::Scalar(scalar) => Kind::Scalar(scalar),
        Kind::List(items) => Kind::List(items.into_iter().map(plain).collect()),
        Kind::Map(entries) => Kind::Map(
            entries.into_iter().map(|(key, entry)| (key, Entry { value: plain(entry.value), ..entry })).collect(),
        ),
    };
    Node { kind, ..node }
}
