//! Where a site is, what its `hostler.toml` says, and its inventory.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::arguments::SiteArguments;
use super::disk::Disk;
use super::programs::TrustedPrograms;
use crate::check::{Channel, Site};
use crate::diag::{Diagnostic, Problems};
use crate::inventory::{self, Inventory, VaultKeys};
use crate::text::{Files, IndexMap, Sources, Span};

/// A site that was read.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) site: Site,
    pub(crate) inventory: Inventory,
    /// The passwords of its vaults.
    pub(crate) vault: VaultKeys,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    edition: Option<toml::Spanned<i64>>,
    #[serde(default)]
    controller: Option<toml::Spanned<String>>,
    #[serde(default)]
    lock_host: Option<toml::Spanned<String>>,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    inventory: Option<OneOrMany>,
    #[serde(default)]
    hypervisor: Option<String>,
    #[serde(default)]
    vault_password_file: Option<String>,
    #[serde(default)]
    notify: IndexMap<String, Channel>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The folder of the site that a plan belongs to.
pub(crate) fn folder(arguments: &SiteArguments, plan: Option<&str>) -> String {
    if let Some(site) = &arguments.site {
        return site.trim_end_matches('/').to_string();
    }
    let start =
        plan.map_or(PathBuf::from("."), |plan| Path::new(plan).parent().map_or(PathBuf::from("."), Path::to_path_buf));
    let start = if start.as_os_str().is_empty() { PathBuf::from(".") } else { start };
    let found = std::fs::canonicalize(&start).ok().and_then(|whole| {
        let ups = whole.ancestors().position(|folder| folder.join("hostler.toml").is_file())?;
        // Written as a person would: relative to where the plan is.
        Some((0..ups).fold(start.clone(), |folder, _| folder.join("..")))
    });
    tidy(&found.unwrap_or(start))
}

fn tidy(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if parts.last().is_some_and(|last| last != ".." && last != "/") => {
                parts.pop();
            }
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    let text = parts.join("/").replacen("//", "/", 1);
    if text.is_empty() { ".".to_string() } else { text }
}

/// A path of the site, as a person would write it; `~/` is the user's own folder.
pub(super) fn join(folder: &str, path: &str) -> String {
    if let (Some(rest), Ok(home)) = (path.strip_prefix("~/"), std::env::var("HOME")) {
        return format!("{}/{rest}", home.trim_end_matches('/'));
    }
    let folder = folder.trim_end_matches('/');
    if folder == "." || path.starts_with('/') { path.to_string() } else { format!("{folder}/{path}") }
}

/// Reads the site: `hostler.toml`, where there is one, and the inventory.
pub(crate) fn load(
    arguments: &SiteArguments,
    plans: &[String],
    sources: &mut Sources,
    problems: &mut Problems,
) -> Loaded {
    let folder = folder(arguments, plans.first().map(String::as_str));
    let (file, base) = read_file(&join(&folder, "hostler.toml"), sources, problems);
    let mut paths = arguments.inventory.clone();
    if paths.is_empty() {
        paths = match file.inventory {
            Some(OneOrMany::One(path)) => vec![join(&folder, &path)],
            Some(OneOrMany::Many(paths)) => paths.iter().map(|path| join(&folder, path)).collect(),
            None => vec![join(&folder, "inventory")],
        };
    }
    let mut beside: Vec<String> = vec![folder.clone()];
    for plan in plans {
        let parent = Path::new(plan).parent().map_or(".".to_string(), tidy);
        if !beside.contains(&parent) {
            beside.push(parent);
        }
    }
    let programs = TrustedPrograms::default();
    let setting = file.vault_password_file.map(|path| join(&folder, &path));
    let vault = vault_keys(arguments, setting, &programs, problems);
    let request = inventory::Request { sources: &paths, beside: &beside, vault: &vault, programs: &programs };
    let inventory = inventory::load(&Disk, &request, sources, problems);
    let named = [
        (
            "lock_host",
            &file.lock_host,
            "name the host that keeps the locks of plans; a hypervisor that every controller reaches will do",
        ),
        (
            "controller",
            &file.controller,
            "name the host on which hostler runs as the inventory does, or add it there; a plan that restarts it is known by that name",
        ),
    ];
    for (setting, host, help) in named {
        let Some(host) = host.as_ref().filter(|host| !inventory.hosts.contains_key(host.as_ref().as_str())) else {
            continue;
        };
        let message = format!("`{setting}` names `{}`, which is no host of the inventory", host.as_ref());
        problems.push(Diagnostic::error("site/bad-setting", at(base, host.span()), message).help(help));
    }
    let site = Site {
        controller: file.controller.map(toml::Spanned::into_inner),
        lock_host: file.lock_host.map(toml::Spanned::into_inner),
        timezone: file.timezone,
        hypervisor: file.hypervisor,
        notify: file.notify,
    };
    Loaded { site, inventory, vault }
}

/// The passwords that are named.
fn vault_keys(
    arguments: &SiteArguments,
    setting: Option<String>,
    programs: &TrustedPrograms,
    problems: &mut Problems,
) -> VaultKeys {
    let mut keys = VaultKeys::new();
    let mut add = |label: Option<&str>, path: &str| {
        if let Err(problem) = keys.add_file(&Disk, programs, label, path) {
            problems.push(*problem);
        }
    };
    for id in &arguments.vault_id {
        match id.split_once('@') {
            Some((label, path)) => add(Some(label), path),
            None => add(None, id),
        }
    }
    for path in &arguments.vault_password_file {
        add(None, path);
    }
    if arguments.vault_id.is_empty() && arguments.vault_password_file.is_empty() {
        let named = std::env::var("ANSIBLE_VAULT_PASSWORD_FILE").ok().filter(|path| !path.is_empty());
        let named = named.map(|path| join(".", &path));
        if let Some(path) = setting.or(named) {
            add(None, &path);
        }
    }
    keys
}

fn at(base: u32, range: std::ops::Range<usize>) -> Span {
    Span::new(base + range.start as u32, base + range.end as u32)
}

/// The file, and where its text begins.
fn read_file(path: &str, sources: &mut Sources, problems: &mut Problems) -> (File, u32) {
    let bytes = match Disk.read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return (File::default(), 0),
        Err(error) => {
            problems.push(Diagnostic::nowhere("site/unreadable", error.to_string()));
            return (File::default(), 0);
        }
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let base = sources.add(path, &text).start;
    match toml::from_str::<File>(&text) {
        Ok(file) => {
            if let Some(edition) = &file.edition
                && *edition.get_ref() != 2026
            {
                let message = format!("this program does not know edition {}", edition.get_ref());
                problems.push(
                    Diagnostic::error("syntax/unknown-edition", at(base, edition.span()), message)
                        .help("write `edition = 2026`"),
                );
            }
            (file, base)
        }
        Err(error) => {
            let span = at(base, error.span().unwrap_or(0..0));
            let message = error.message().lines().next().unwrap_or("this can not be read").to_string();
            problems.push(Diagnostic::error("site/bad-setting", span, message).help(
                "the settings are `edition`, `controller`, `lock_host`, `timezone`, `inventory`, `hypervisor`, `vault_password_file` and `[notify.NAME]`",
            ));
            (File::default(), base)
        }
    }
}
