//! What `ansible-inventory --list` prints.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Host, Inventory};

/// Variables that Ansible sets itself and leaves out of the list (`INTERNAL_STATIC_VARS` of its `constants.py`).
const INTERNAL: [&str; 33] = [
    "ansible_async_path",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
];

impl Inventory {
    /// The inventory in the shape and with the content of `ansible-inventory --list`: groups with their `hosts` and
    /// `children`, and all variables of each host under `_meta.hostvars`, templates and vaults as they are written.
    ///
    /// Names are sorted, as Ansible sorts them.
    pub fn list(&self) -> Value {
        let mut top = Map::new();
        let mut seen = BTreeSet::from(["all"]);
        let mut next = vec!["all"];
        while let Some(name) = next.pop() {
            let Some(group) = self.groups.get(name) else { continue };
            let mut entry = Map::new();
            if !group.children.is_empty() {
                entry.insert("children".to_string(), json!(group.children));
            }
            // `all` holds every host: Ansible does not list them again.
            if name != "all" && !group.hosts.is_empty() {
                entry.insert("hosts".to_string(), json!(group.hosts));
            }
            if !entry.is_empty() {
                top.insert(name.to_string(), Value::Object(entry));
            }
            next.extend(group.children.iter().map(String::as_str).filter(|child| seen.insert(child)));
        }
        let mut hostvars = Map::new();
        for (name, host) in &self.hosts {
            let variables = host_variables(host);
            if !variables.is_empty() {
                hostvars.insert(name.clone(), Value::Object(variables));
            }
        }
        let mut meta = Map::new();
        meta.insert("hostvars".to_string(), Value::Object(hostvars));
        meta.insert("profile".to_string(), Value::from("inventory_legacy"));
        top.insert("_meta".to_string(), Value::Object(meta));
        let mut list = Value::Object(top);
        list.sort_all_objects();
        list
    }
}

fn host_variables(host: &Host) -> Map<String, Value> {
    let shown = host.variables.iter().filter(|(name, _)| !INTERNAL.contains(&name.as_str()));
    shown
        .map(|(name, variable)| {
            let value = variable.written.as_deref().unwrap_or(&variable.value);
            (name.clone(), value.clone())
        })
        .collect()
}
