//! What an `ansible.cfg` says that a site needs too.

use std::collections::BTreeMap;

/// Settings of connections, and the variables of the inventory that say the same.
const CONNECTIONS: [(&str, &str, &str); 6] = [
    ("defaults", "remote_user", "ansible_user"),
    ("defaults", "remote_port", "ansible_port"),
    ("defaults", "private_key_file", "ansible_ssh_private_key_file"),
    ("ssh_connection", "ssh_common_args", "ansible_ssh_common_args"),
    ("privilege_escalation", "become", "ansible_become"),
    ("privilege_escalation", "become_user", "ansible_become_user"),
];

/// The settings of an `ansible.cfg`, by section and name.
#[derive(Debug, Default)]
pub(crate) struct AnsibleCfg {
    settings: BTreeMap<(String, String), String>,
}

impl AnsibleCfg {
    /// Reads a text as Python's `configparser` does for Ansible: names in small letters, `=` or `:` behind them, lines
    /// that begin with `#` or `;` and what stands behind ` ;` left out, indented lines as more of the value.
    pub(crate) fn read(text: &str) -> AnsibleCfg {
        let mut settings: BTreeMap<(String, String), String> = BTreeMap::new();
        let (mut section, mut last) = (String::new(), None);
        for line in text.lines() {
            let line = line.split(" ;").next().unwrap_or_default().trim_end();
            let content = line.trim_start();
            if content.is_empty() || content.starts_with(['#', ';']) {
                continue;
            }
            if content.len() < line.len()
                && let Some(value) = last.as_ref().and_then(|key| settings.get_mut(key))
            {
                value.push_str(content);
            } else if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                section = name.to_string();
                last = None;
            } else if let Some((name, value)) = content.split_once(['=', ':']) {
                let key = (section.clone(), name.trim().to_lowercase());
                settings.insert(key.clone(), value.trim().to_string());
                last = Some(key);
            }
        }
        AnsibleCfg { settings }
    }

    fn get(&self, section: &str, name: &str) -> Option<&str> {
        let value = self.settings.get(&(section.to_string(), name.to_string()))?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// The inventories, as paths from the folder of the file.
    pub(crate) fn inventories(&self) -> Vec<String> {
        let list = self.get("defaults", "inventory").unwrap_or_default().split(',').map(str::trim);
        list.filter(|path| !path.is_empty()).map(relative).collect()
    }

    pub(crate) fn vault_password_file(&self) -> Option<String> {
        self.get("defaults", "vault_password_file").map(relative)
    }

    /// Settings that hostler does not take from there, each as a sentence that says where it takes them from.
    pub(crate) fn elsewhere(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for (section, name, variable) in CONNECTIONS {
            if let Some(value) = self.get(section, name) {
                sentences.push(format!("`{name} = {value}`: write `{variable}: {value}` into group_vars/all.yml"));
            }
        }
        if let Some(value) = self.get("defaults", "vault_identity_list") {
            sentences.push(format!("`vault_identity_list = {value}`: give each with `--vault-id LABEL@FILE`"));
        }
        sentences
    }
}

fn relative(path: &str) -> String {
    let path = path.replace("{{CWD}}/", "");
    path.strip_prefix("./").unwrap_or(&path).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_ansible_reads_them() {
        let text = "[defaults]\n# inventory = no\nforks = 5\nInventory = ./inv/hosts.yml ; mine\nvault_password_file: ~/.pass\n\
                    remote_user=ops\n[inventory]\ninventory = no\n[privilege_escalation]\nbecome = True\n";
        let read = AnsibleCfg::read(text);
        assert_eq!(read.inventories(), ["inv/hosts.yml"]);
        assert_eq!(read.vault_password_file().as_deref(), Some("~/.pass"));
        assert_eq!(
            read.elsewhere(),
            [
                "`remote_user = ops`: write `ansible_user: ops` into group_vars/all.yml",
                "`become = True`: write `ansible_become: True` into group_vars/all.yml",
            ]
        );
        let several = AnsibleCfg::read("[defaults]\ninventory = a.yml,\n  b.ini , {{CWD}}/c\n");
        assert_eq!(several.inventories(), ["a.yml", "b.ini", "c"]);
        assert_eq!(AnsibleCfg::read("").inventories(), [""; 0]);
    }
}
