//! From the paths that were asked for to the inventory.

use super::errors;
use super::model::{HostData, Model, UNGROUPED};
use super::node::{Entry, Kind, Node};
use super::paths::{ending, folder, join, name};
use super::precedence::{Bases, HostVars, Precedence};
use super::reading::{Content, Found, Reading, Text, parse};
use super::source::Origin;
use super::vars_files::Whose;
use super::{Group, Host, Inventory, Request, address, hosts_file, ini, program, render, stored};
use crate::diag::Problems;
use crate::text::{Entry as Inside, Files, IndexMap, Sources, Span};

/// Names that are no source in a folder of sources.
const IGNORED_NAMES: [&str; 3] = ["host_vars", "group_vars", "vars_plugins"];
/// Endings that are no source in a folder of sources (`INVENTORY_IGNORE_EXTS` of Ansible).
const IGNORED_ENDINGS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

/// Reads an inventory. What is wrong goes into `problems`; what could be read is in the answer all the same.
pub fn load(files: &dyn Files, request: &Request<'_>, sources: &mut Sources, problems: &mut Problems) -> Inventory {
    let mut model = Model::new();
    let mut bases = Bases { inventory: Vec::new(), plans: Vec::new() };
    let mut reading = Reading { files, sources, problems, vault: request.vault, programs: request.programs };
    for (number, source) in request.sources.iter().enumerate() {
        if let Some(base) = read_source(source, number, &mut model, &mut reading) {
            bases.inventory.push(base);
        }
    }
    bases.plans.extend(request.beside.iter().cloned());
    model.reconcile();
    for (name, host) in &model.hosts {
        if let Some(group) = model.groups.get(name) {
            reading.problems.push(errors::host_and_group(host.span, name, group.span));
        }
    }
    let mut inventory = assemble(&model, &bases, request, &mut reading);
    render::resolve(&mut inventory, request.vault);
    inventory
}

/// Reads one source; the answer is the folder beside which its variable files are.
fn read_source(source: &str, number: usize, model: &mut Model, reading: &mut Reading<'_>) -> Option<String> {
    if let Some(entries) = reading.list(source) {
        read_folder(source, entries, number, model, reading);
        return Some(source.to_string());
    }
    // A list of hosts, `a,b,`, in place of a file.
    if source.contains(',') && !matches!(reading.files.read(source), Ok(Some(_))) {
        read_host_list(source, number, model, reading);
        return None;
    }
    let entry = reading.list(folder(source)).into_iter().flatten().find(|entry| entry.name == name(source));
    read_file(source, entry.is_some_and(|entry| entry.is_executable), number, model, reading);
    Some(folder(source).to_string())
}

fn read_folder(path: &str, mut entries: Vec<Inside>, number: usize, model: &mut Model, reading: &mut Reading<'_>) {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let name = &entry.name;
        let ignored = name.starts_with('.')
            || IGNORED_NAMES.contains(&name.as_str())
            || IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending));
        if ignored {
            continue;
        }
        let path = join(path, name);
        match reading.list(&path).filter(|_| entry.is_folder) {
            Some(entries) => read_folder(&path, entries, number, model, reading),
            None => read_file(&path, entry.is_executable, number, model, reading),
        }
    }
}

fn read_host_list(list: &str, number: usize, model: &mut Model, reading: &mut Reading<'_>) {
    let at = reading.sources.add("-i", list);
    let origin = Origin { path: "-i".into(), request: number, is_secret: false };
    let mut start = at.start;
    for word in list.split(',') {
        let name = word.trim();
        let begin = start + (word.len() - word.trim_start().len()) as u32;
        start += word.len() as u32 + 1;
        if name.is_empty() {
            continue;
        }
        let (host, port) = match address::expand(name) {
            Ok((names, port)) if names.len() == 1 && !name.contains("[") => (names.into_iter().next(), port),
            _ => (None, None),
        };
        let host = host.unwrap_or_else(|| name.to_string());
        let span = Span::new(begin, begin + name.len() as u32);
        if !model.hosts.contains_key(&host) {
            origin.add_host(model, &host, UNGROUPED, span, port);
        }
    }
}

/// Reads a file by its ending. What only a plugin or a program can read says so.
fn read_file(path: &str, is_executable: bool, number: usize, model: &mut Model, reading: &mut Reading<'_>) {
    let ending = ending(name(path));
    if is_executable && reading.is_program(path) {
        return program::read(path, number, model, reading);
    }
    let text = match reading.text(path) {
        Found::Text(text) => text,
        Found::Locked { problem, .. } => return reading.problems.push(*problem),
        Found::Bad => return,
    };
    let origin = Origin { path: text.path.clone(), request: number, is_secret: text.base.is_sealed() };
    match ending {
        ".yml" | ".yaml" | ".json" => match reading.structure(&text) {
            Content::Value(root) => read_structure(root, &origin, model, reading),
            Content::Nothing | Content::Bad => {}
        },
        ".toml" => reading.problems.push(errors::toml(text.start)),
        "" => read_unnamed(&text, &origin, model, reading),
        _ if text.text.starts_with("#!") => reading.problems.push(errors::not_executable(text.start, path)),
        _ => ini::read(&text.text, text.base, &origin, model, reading.problems),
    }
}

/// A file without an ending is YAML where it can be, else INI.
fn read_unnamed(text: &Text, origin: &Origin, model: &mut Model, reading: &mut Reading<'_>) {
    let mut quiet = Problems::new();
    match parse(text, &mut quiet) {
        Ok(Some(root)) if matches!(root.kind, Kind::Map(_)) => {
            reading.problems.extend(quiet);
            read_structure(root, origin, model, reading);
        }
        _ => ini::read(&text.text, text.base, origin, model, reading.problems),
    }
}

/// Groups in YAML or JSON, a stored list, or what a plugin is told.
fn read_structure(root: Node, origin: &Origin, model: &mut Model, reading: &mut Reading<'_>) {
    match root.kind {
        Kind::Map(groups) if stored::is_stored(&groups, &origin.path) => {
            stored::read(groups, origin, model, reading.problems)
        }
        Kind::Map(groups) => match plugin(&groups) {
            Some((name, span)) => reading.problems.push(errors::plugin(span, &name, &origin.path)),
            None => hosts_file::read(groups, origin, model, reading.problems),
        },
        Kind::Scalar(_) | Kind::List(_) => {
            reading.problems.push(errors::hosts_are_no_mapping(root.span, root.what()));
        }
    }
}

/// The plugin that a file is meant for, by its key `plugin`.
fn plugin(groups: &IndexMap<String, Entry>) -> Option<(String, Span)> {
    let node = &groups.get("plugin")?.value;
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.value.is_null() => Some((scalar.raw.to_string(), node.span)),
        Kind::Scalar(_) | Kind::List(_) | Kind::Map(_) => None,
    }
}

/// Hosts and groups as the rest of the program sees them.
fn assemble(model: &Model, bases: &Bases, request: &Request<'_>, reading: &mut Reading<'_>) -> Inventory {
    let mut inventory = Inventory::default();
    let mut precedence = Precedence::new(model, bases);
    let groups_of_hosts = precedence.groups_of_hosts();
    for (id, (name, data)) in model.hosts.iter().enumerate() {
        let found = precedence.host(id, &groups_of_hosts[id], reading);
        let host = host(name, data, found, bases, request);
        inventory.hosts.insert(name.clone(), host);
    }
    let host_name = |id: &usize| model.hosts.get_index(*id).map(|(name, _)| name.clone());
    for (id, (name, data)) in model.groups.iter().enumerate() {
        let group = Group {
            members: model.members(id).iter().filter_map(host_name).collect(),
            span: data.span,
            hosts: data.hosts.iter().filter_map(host_name).collect(),
            children: data
                .children
                .iter()
                .filter_map(|id| model.groups.get_index(*id).map(|(name, _)| name.clone()))
                .collect(),
        };
        inventory.groups.insert(name.clone(), group);
    }
    inventory
}

fn host(name: &str, data: &HostData, found: HostVars, bases: &Bases, request: &Request<'_>) -> Host {
    // The first file that is there is the most general of the host's own; a variable is not added to an encrypted one
    // where another can stand beside it.
    let is_alone = |path: &str| folder(path).ends_with(Whose::Host.folder());
    let own = found.own_files.iter().find(|file| !file.encrypted || is_alone(&file.path));
    let own_file = match (own, found.own_files.first()) {
        (Some(file), _) => file.path.clone(),
        (None, Some(encrypted)) => join(folder(&encrypted.path), "main.yml"),
        (None, None) => {
            let source = request.sources.get(data.request).map_or("", String::as_str);
            let base = if bases.inventory.iter().any(|base| base == source) { source } else { folder(source) };
            join(&join(base, Whose::Host.folder()), &format!("{name}.yml"))
        }
    };
    Host {
        variables: found.vars,
        span: data.span,
        file: data.file.clone(),
        own_file,
        own_file_span: own.map(|file| file.start),
        locked: found.locked,
    }
}
