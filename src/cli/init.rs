//! `hostler init`: makes a site, from an `ansible.cfg` where there is one. What is there already stays as it is.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::ansible_cfg::AnsibleCfg;
use super::arguments::{InitArguments, SiteArguments};
use super::site::{self, Loaded};
use super::terminal::Terminal;
use super::{GOOD, REFUSED};
use crate::diag::Problems;
use crate::inventory::Host;
use crate::text::Sources;

/// Names under which people keep their inventory.
const USUAL: [&str; 6] = ["inventory", "inventory.yml", "inventory.ini", "hosts.yml", "hosts.ini", "hosts"];
const PLAN: &str = "restart.plan";

pub(crate) fn init(arguments: &InitArguments, terminal: &mut Terminal) -> u8 {
    let folder = arguments.folder.as_deref().unwrap_or(".");
    let settings = site::join(folder, "hostler.toml");
    if Path::new(&settings).exists() {
        terminal
            .remark(&format!("error: `{settings}` is there: the folder is a site already, and nothing was changed"));
        return REFUSED;
    }
    let config = fs::read_to_string(Path::new(folder).join("ansible.cfg")).ok();
    let config = config.as_deref().map(AnsibleCfg::read).unwrap_or_default();
    let (named, missing): (Vec<String>, Vec<String>) =
        config.inventories().into_iter().partition(|path| Path::new(&site::join(folder, path)).exists());
    let usual = || USUAL.iter().find(|path| Path::new(folder).join(path).exists()).map(|path| path.to_string());
    let inventories = if named.is_empty() { usual().into_iter().collect() } else { named };
    for (file, text) in files(&inventories, config.vault_password_file()) {
        let path = site::join(folder, file);
        match write_new(Path::new(&path), &text) {
            Ok(true) => terminal.say(&format!("wrote  {path}")),
            Ok(false) => terminal.say(&format!("kept   {path}")),
            Err(error) => {
                terminal.remark(&format!("error: can not write `{path}`: {error}"));
                return REFUSED;
            }
        }
    }
    for path in missing {
        terminal.remark(&format!("warning: ansible.cfg names the inventory `{path}`, which is not there"));
    }
    let elsewhere = config.elsewhere();
    if !elsewhere.is_empty() {
        terminal
            .say("\nHow hosts are reached is for the inventory and ~/.ssh/config to say. Of ansible.cfg is not read:");
        for sentence in elsewhere {
            terminal.say(&format!("  {sentence}"));
        }
    }
    next_steps(folder, inventories.is_empty(), terminal);
    GOOD
}

/// What the site holds now, and what to do with it.
fn next_steps(folder: &str, is_example: bool, terminal: &mut Terminal) {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let arguments = SiteArguments { site: Some(folder.to_string()), ..SiteArguments::default() };
    let loaded = site::load(&arguments, &[], &mut sources, &mut problems);
    let failed = problems.has_errors();
    terminal.problems(&sources, &problems.sorted());
    let plan = site::join(folder, PLAN);
    if failed {
        terminal.say(&format!(
            "\nThe site is made, and its inventory can not be read yet. When it can: `hostler check {plan} --target NAME`."
        ));
        return;
    }
    let hosts = loaded.inventory.hosts.len();
    let what = if is_example { "an example" } else { "as before" };
    terminal.say(&format!("\nThe inventory ({what}) has {hosts} host{}.", if hosts == 1 { "" } else { "s" }));
    let has = |host: &Host, names: &[&str]| names.iter().any(|name| host.variables.contains_key(*name));
    if !loaded.inventory.hosts.values().any(|host| has(host, &["hypervisor", "proxmox_host"])) {
        terminal.say(
            "No host says which hypervisor it runs on. For all of them: `hypervisor = \"NAME\"` in hostler.toml; for one: \
             `hypervisor: NAME` among its variables.",
        );
    }
    let target = example_target(&loaded);
    if !loaded.inventory.hosts.values().any(|host| has(host, &["vmid", "libvirt_domain"])) {
        terminal.say(&format!(
            "No host has an id on its hypervisor: `vmid: 101` among its variables. \
             `hostler preflight {plan} --target {target} --suggest` asks the hypervisors for them."
        ));
    }
    terminal.say(&format!(
        "\nNext: `hostler check {plan} --target {target}`, then `hostler run {plan} --target {target} --lab`, which only plays it."
    ));
}

/// A host that a first plan may be tried with: a guest.
fn example_target(loaded: &Loaded) -> &str {
    let guest = loaded.inventory.hosts.iter().find(|(_, host)| host.variables.contains_key("vmid"));
    guest.map_or("NAME", |(name, _)| name)
}

/// Writes a file that is not there; whether it was written.
fn write_new(path: &Path, text: &str) -> std::io::Result<bool> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The files of a new site, with their texts.
fn files(inventories: &[String], vault_password_file: Option<String>) -> Vec<(&'static str, String)> {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let inventory = match inventories {
        [] => quoted("inventory"),
        [one] => quoted(one),
        several => toml::Value::from(several.to_vec()).to_string(),
    };
    let vault = match vault_password_file {
        Some(path) => format!("vault_password_file = {}", quoted(&path)),
        None => "# vault_password_file = \".vault-password\"".to_string(),
    };
    let settings = SETTINGS.replace("INVENTORY", &inventory).replace("VAULT", &vault);
    let mut files = vec![("hostler.toml", settings)];
    if inventories.is_empty() {
        files.push(("inventory/hosts.yml", HOSTS.to_string()));
        files.push(("inventory/host_vars/web1.yml", "vmid: 101\n".to_string()));
    }
    files.push((PLAN, RESTART.to_string()));
    files
}

const SETTINGS: &str = "\
edition = 2026
inventory = INVENTORY
VAULT
# hypervisor = \"pve\"              # of every host that names none
# controller = \"ansible\"          # the inventory's name of the machine that runs the plans
# timezone = \"Europe/Berlin\"      # for windows; else this machine's

# [notify.ops]
# kind = \"ntfy\"                   # or \"webhook\" with a url, or \"mail\" with to = \"…\"
# url = \"https://ntfy.example.com/ops\"
";

const HOSTS: &str = "\
all:
  vars:
    hypervisor: pve
  children:
    hypervisors:
      hosts:
        pve:
          ansible_host: 192.0.2.10
          ansible_user: root
    guests:
      hosts:
        web1:
          ansible_host: 192.0.2.21
          ansible_user: root
";

const RESTART: &str = "\
# Restarts the guests that are named with --target, one at a time, from their hypervisor.
restart(guest)
";
