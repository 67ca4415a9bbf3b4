//! Inventories in YAML and JSON: groups with `hosts`, `children` and `vars` (Ansible's `plugins/inventory/yaml.py`).

use crate::text::IndexMap;

use super::address;
use super::errors;
use super::model::{ALL, GroupId, Model};
use super::node::{Entry, Kind, Node};
use super::source::Origin;
use crate::diag::Problems;

/// Reads the groups of a file into the model.
pub(super) fn read(groups: IndexMap<String, Entry>, origin: &Origin, model: &mut Model, problems: &mut Problems) {
    let mut reader = Reader { origin, model, problems };
    for (name, entry) in groups {
        reader.group(&name, entry);
    }
}

struct Reader<'a> {
    origin: &'a Origin,
    model: &'a mut Model,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// A group with what stands below it; `None` where it is no group.
    fn group(&mut self, name: &str, entry: Entry) -> Option<GroupId> {
        if !entry.key_is_text || name.is_empty() {
            self.problems.push(errors::group_name_is_no_text(entry.key, name));
            return None;
        }
        let sections = match entry.value.kind {
            Kind::Map(sections) => sections,
            Kind::Scalar(_) if entry.value.is_null() => IndexMap::default(),
            Kind::Scalar(_) | Kind::List(_) => {
                self.problems.push(errors::not_a_group(entry.key, name, entry.value.what()));
                return None;
            }
        };
        let group = self.model.add_group(name, entry.key);
        for (section, entry) in sections {
            match section.as_str() {
                "vars" | "children" | "hosts" => {
                    if let Some(items) = self.items(name, &section, entry) {
                        self.section(group, name, &section, items);
                    }
                }
                _ if entry.value.is_null() => {}
                _ => self.problems.push(errors::unexpected_key(entry.key, &section, name)),
            }
        }
        Some(group)
    }

    /// What stands in a section: a mapping; a lone text counts as its only key.
    fn items(&mut self, group: &str, section: &str, entry: Entry) -> Option<IndexMap<String, Entry>> {
        let span = entry.value.span;
        match entry.value.kind {
            Kind::Map(items) => Some(items),
            Kind::Scalar(_) if entry.value.is_null() => None,
            Kind::Scalar(scalar) if scalar.value.is_string() => {
                let nothing = Node { span: span.after(), kind: null() };
                let entry = Entry { key: span, key_is_text: true, value: nothing };
                Some(IndexMap::from_iter([(scalar.raw.into_string(), entry)]))
            }
            Kind::Scalar(_) | Kind::List(_) => {
                self.problems.push(errors::section_is_no_mapping(span, section, group, entry.value.what()));
                None
            }
        }
    }

    fn section(&mut self, group: GroupId, group_name: &str, section: &str, items: IndexMap<String, Entry>) {
        for (name, entry) in items {
            let key = entry.key;
            match section {
                "vars" => {
                    if let Err(bad) = self.model.set_group(group, name, self.origin.variable(entry.value, key)) {
                        self.problems.push(errors::bad_priority(bad.span));
                    }
                }
                "children" => {
                    let Some(child) = self.group(&name, entry) else { continue };
                    if child == ALL || self.model.add_child_group(group, child).is_err() {
                        self.problems.push(errors::group_loop(key, &name, group_name));
                    }
                }
                _ => self.hosts(group, &name, entry),
            }
        }
    }

    fn hosts(&mut self, group: GroupId, pattern: &str, entry: Entry) {
        if !entry.key_is_text {
            self.problems.push(errors::host_name_is_no_text(entry.key, pattern));
            return;
        }
        if pattern.trim().is_empty() {
            self.problems.push(errors::empty_host(entry.key));
            return;
        }
        let (names, port) = match address::expand(pattern) {
            Ok(expanded) => expanded,
            Err(why) => {
                self.problems.push(errors::bad_host(entry.key, pattern, &why));
                return;
            }
        };
        let variables = match entry.value.kind {
            Kind::Map(variables) => variables,
            Kind::Scalar(_) if entry.value.is_null() => IndexMap::default(),
            Kind::Scalar(_) | Kind::List(_) => {
                self.problems.push(errors::host_is_no_mapping(entry.value.span, pattern, entry.value.what()));
                IndexMap::default()
            }
        };
        for name in &names {
            self.origin.add_host(self.model, name, group, entry.key, port);
        }
        for (key, variable) in variables {
            let variable = self.origin.variable(variable.value, variable.key);
            for name in &names {
                if let Err(bad) = self.model.set(name, key.clone(), variable.clone()) {
                    self.problems.push(errors::bad_priority(bad.span));
                }
            }
        }
    }
}

fn null() -> Kind {
    Kind::Scalar(super::node::Scalar { value: serde_json::Value::Null, raw: "".into() })
}
