//! What reads texts: the parser, the layout, the checker with all behind it, and the readers of inventories.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hostler::check::{self, Request, Site};
use hostler::code::compile;
use hostler::diag::{Problems, json};
use hostler::inventory::{self, Inventory, VaultKeys};
use hostler::report::dry_run;
use hostler::text::{MemoryFiles, Sources};
use hostler::{fmt, syntax};

/// One reader, with good texts to begin from.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) texts: fn() -> Vec<String>,
    pub(crate) read: fn(&str),
}

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "syntax", texts: plans, read: read_syntax },
    Target { name: "fmt", texts: plans, read: read_layout },
    Target { name: "check", texts: plans, read: read_plan },
    Target { name: "yaml", texts: || inventories(&["yml", "yaml"]), read: |text| read_inventory("hosts.yml", text) },
    Target { name: "ini", texts: || inventories(&["ini", ""]), read: |text| read_inventory("hosts", text) },
    Target { name: "json", texts: || inventories(&["json"]), read: |text| read_inventory("hosts.json", text) },
    Target { name: "pattern", texts: patterns, read: read_pattern },
];

fn read_syntax(text: &str) {
    let mut problems = Problems::new();
    let mut sources = Sources::new();
    let base = sources.add("a.plan", text).start;
    syntax::parse(text, base, &mut problems);
    // Every place is one in the text.
    json::object(&sources, &problems.sorted());
}

fn read_layout(text: &str) {
    if let Ok(formatted) = fmt::format(text) {
        assert_eq!(fmt::format(&formatted).as_deref(), Ok(formatted.as_str()), "not stable");
    }
}

static HOSTS: &str = "all: {vars: {hypervisor: pve}, hosts: {pve: , pbs: {vmid: 101}, web: {vmid: 102}, nas: {hypervisor: none}}, children: {ubuntu_vms: {hosts: {pbs: , web: }}}}\n";

static SITE: LazyLock<(Sources, Inventory)> = LazyLock::new(|| {
    let files = MemoryFiles::new().with("inventory/hosts.yml", HOSTS);
    let (mut sources, mut problems) = (Sources::new(), Problems::new());
    let places = ["inventory".to_string()];
    let request = inventory::Request { sources: &places, ..inventory::Request::default() };
    let inventory = inventory::load(&files, &request, &mut sources, &mut problems);
    (sources, inventory)
});

fn read_plan(text: &str) {
    let (sources, inventory) = &*SITE;
    let mut sources = sources.clone();
    let request = Request {
        name: "a.plan".to_string(),
        text: text.to_string(),
        target: Some("pbs,web".to_string()),
        ..Request::default()
    };
    let files = MemoryFiles::new();
    let checked = check::check(&files, &mut sources, inventory, &Site::default(), &request, Problems::new());
    json::object(&sources, &checked.diagnostics);
    if !checked.has_errors() {
        for program in &checked.programs {
            dry_run(&compile(program, &sources));
        }
    }
}

fn read_inventory(name: &str, text: &str) {
    let files = MemoryFiles::new().with(name, text).with("host_vars/pbs.yml", text);
    let (mut sources, mut problems) = (Sources::new(), Problems::new());
    let mut keys = VaultKeys::new();
    keys.add(None, b"x");
    let places = [name.to_string()];
    let request = inventory::Request { sources: &places, vault: &keys, ..inventory::Request::default() };
    let inventory = inventory::load(&files, &request, &mut sources, &mut problems);
    let said: Vec<_> = problems.sorted().into_iter().take(100).collect();
    json::object(&sources, &said);
    inventory.list();
}

fn read_pattern(text: &str) {
    let _ = SITE.1.pattern(text);
}

/// Patterns as people write them with `--limit`.
fn patterns() -> Vec<String> {
    ["all", "pbs:web:&ubuntu_vms:!pve", "web[0:3]", "~(web|pbs).*", "ubuntu_vms,!pbs", "*", "w*:&all"]
        .map(str::to_string)
        .to_vec()
}

fn plans() -> Vec<String> {
    files(&["tests/examples", "workflows", "stdlib"], &["plan"])
}

fn inventories(endings: &[&str]) -> Vec<String> {
    files(&["tests/inventories", "workflows/inventory"], endings)
}

/// The texts of all files below the folders with one of these endings, in the order of their paths.
fn files(folders: &[&str], endings: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let ending = path.extension().map_or(String::new(), |ending| ending.to_string_lossy().into_owned());
            if path.is_dir() {
                open.push(path);
            } else if endings.contains(&ending.as_str()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}
