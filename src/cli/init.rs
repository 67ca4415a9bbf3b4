//! `hostler init`: makes a site, from an `ansible.cfg` where there is one.

use std::fs;
use std::path::Path;

use super::arguments::InitArguments;
use super::terminal::Terminal;
use super::{GOOD, REFUSED};

/// A file that `init` writes: its name and its text.
type Made = (String, String);

pub(crate) fn init(arguments: &InitArguments, terminal: &mut Terminal) -> u8 {
    let folder = arguments.folder.as_deref().unwrap_or(".");
    if Path::new(folder).join("hostler.toml").exists() {
        terminal.remark(&format!("error: `{folder}` has a hostler.toml already: it is a site"));
        return REFUSED;
    }
    let inventory = existing_inventory(folder);
    for (file, text) in files(inventory.as_deref()) {
        let path = Path::new(folder).join(&file);
        if path.exists() {
            terminal.say(&format!("kept   {}", path.display()));
            continue;
        }
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        if let Err(error) = written {
            terminal.remark(&format!("error: can not write `{}`: {error}", path.display()));
            return REFUSED;
        }
        terminal.say(&format!("wrote  {}", path.display()));
    }
    if let Some(inventory) = inventory {
        terminal.say(&format!("\nThe inventory is `{inventory}`, as before."));
    }
    terminal.say(
        "\nNext: `hostler check restart.plan --target NAME`, then `hostler run restart.plan --target NAME --lab`.",
    );
    GOOD
}

/// The inventory that is there: what `ansible.cfg` names, else a file or folder of a usual name.
fn existing_inventory(folder: &str) -> Option<String> {
    let config = fs::read_to_string(Path::new(folder).join("ansible.cfg")).ok();
    let named = config.as_deref().and_then(inventory_of).filter(|path| Path::new(folder).join(path).exists());
    let usual = ["inventory", "inventory.yml", "inventory.ini", "hosts.yml", "hosts.ini", "hosts"];
    named.or_else(|| usual.iter().find(|path| Path::new(folder).join(path).exists()).map(|path| (*path).to_string()))
}

/// `inventory = …` of the section `[defaults]`.
fn inventory_of(config: &str) -> Option<String> {
    let mut in_defaults = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_defaults = line == "[defaults]";
        } else if let Some((name, value)) = line.split_once('=').filter(|_| in_defaults)
            && matches!(name.trim(), "inventory" | "hostfile")
        {
            // Several are separated by commas; a comment may follow.
            let first = value.split([',', ';', '#']).next().unwrap_or_default().trim();
            return (!first.is_empty()).then(|| first.to_string());
        }
    }
    None
}

fn files(inventory: Option<&str>) -> Vec<Made> {
    let made = |name: &str, text: &str| (name.to_string(), text.to_string());
    let mut files = vec![(
        "hostler.toml".to_string(),
        format!(
            "edition = 2026\ninventory = \"{}\"\n# timezone = \"Europe/Berlin\"      # for windows; the controller's own where nothing is said\n# controller = \"ansible\"           # the inventory's name of the machine that runs the plans\n\n# [notify.ops]\n# kind = \"ntfy\"                    # or \"webhook\" with a url, or \"mail\" with to = \"…\"\n# url = \"https://ntfy.example.com/ops\"\n",
            inventory.unwrap_or("inventory")
        ),
    )];
    if inventory.is_none() {
        files.push(made(
            "inventory/hosts.yml",
            "all:\n  vars:\n    hypervisor: pve\n  children:\n    hypervisors:\n      hosts:\n        pve:\n          ansible_host: 192.0.2.10\n          ansible_user: root\n    guests:\n      hosts:\n        web1:\n          ansible_host: 192.0.2.21\n          ansible_user: root\n",
        ));
        files.push(made("inventory/host_vars/web1.yml", "vmid: 101\n"));
    }
    files.push(made(
        "restart.plan",
        "# Restarts the guests that are named with --target, one at a time, from their hypervisor.\nrestart(guest)\n",
    ));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inventory_of_an_ansible_cfg_is_found() {
        assert_eq!(
            inventory_of("[defaults]\nforks = 5\ninventory = ./inv/hosts.yml ; mine\n"),
            Some("./inv/hosts.yml".to_string())
        );
        assert_eq!(inventory_of("[inventory]\ninventory = no\n"), None);
    }
}
